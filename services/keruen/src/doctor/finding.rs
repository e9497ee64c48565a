//! What was found out about one side of a node.

use serde::Serialize;

use crate::{cells, render::record::Cell};

/// Names of the columns.
pub const COLUMNS: &[&str] = &["check", "state", "found", "what_to_do"];

/// What to do where this user may not look.
pub const AS_THE_NODE: &str = "run this as the user of the node";

/// Whether somebody must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All is well.
    Ok,
    /// Somebody should do what the finding says.
    Attention,
}

/// What was found out about one side of a node.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Which side.
    pub check: &'static str,
    /// Whether somebody must act.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do; empty where nothing is to be done.
    pub what_to_do: String,
    /// The same as numbers, for programs.
    #[serde(flatten)]
    pub figures: serde_json::Map<String, serde_json::Value>,
}

impl Finding {
    /// Nothing to be done.
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            state: State::Ok,
            found: found.into(),
            what_to_do: String::new(),
            figures: serde_json::Map::new(),
        }
    }

    /// Something to be done.
    pub fn attention(
        check: &'static str,
        found: impl Into<String>,
        what_to_do: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Attention,
            what_to_do: what_to_do.into(),
            ..Self::ok(check, found)
        }
    }

    /// With a number, or whatever else a program wants to know.
    #[must_use]
    pub fn figure(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.figures.insert(name.to_owned(), value.into());
        self
    }

    /// As a row.
    pub fn cells(&self) -> Vec<Cell> {
        let state = match self.state {
            State::Ok => "ok",
            State::Attention => "attention",
        };
        cells![
            self.check,
            state,
            self.found.clone(),
            self.what_to_do.clone()
        ]
    }
}
