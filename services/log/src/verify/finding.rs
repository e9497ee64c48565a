//! What can be wrong with a log.

use std::fmt;

/// Which part of the store is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The event at the position.
    Event,
    /// The tree that is stored beside the events.
    Tree,
    /// The row that says where the log stands.
    Head,
    /// What is found by tag, type or command id.
    Index,
    /// The log against a checkpoint that was signed.
    Checkpoint,
}

impl Part {
    /// Its name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Tree => "tree",
            Self::Head => "head",
            Self::Index => "index",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// The first thing that is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which part.
    pub part: Part,
    /// The first position that is concerned.
    pub position: u64,
    /// What is wrong there.
    pub found: String,
}

impl Finding {
    pub(crate) fn new(part: Part, position: u64, found: impl Into<String>) -> Self {
        Self {
            part,
            position,
            found: found.into(),
        }
    }

    pub(crate) fn event(position: u64, found: impl Into<String>) -> Self {
        Self::new(Part::Event, position, found)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "position {}, {}: {}",
            self.position,
            self.part.name(),
            self.found
        )
    }
}

impl std::error::Error for Finding {}
