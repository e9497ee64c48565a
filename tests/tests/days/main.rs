//! A day of each of those who use it, told from their side: every line is what they type, open or get.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

mod auditor;
mod donor;
mod ministry;
mod office;

use keruen_tests::{history, node::Node, program::Outcome, scene::Clients};
use serde_json::Value;

/// A node with the scene of the tests on it, and everybody who has a command line.
struct Town {
    node: Node,
}

impl Town {
    async fn awakes() -> Self {
        Self::on(Node::new().await).await
    }

    async fn on(node: Node) -> Self {
        Clients::on(&node.channel()).set_scene().await;
        Self { node }
    }

    /// Somebody types a line.
    fn types(&self, line: &str) -> Outcome {
        self.node
            .cli(line.split(' ').filter(|word| !word.is_empty()))
    }

    /// What it answers.
    fn answers(&self, line: &str) -> Value {
        let told = self.types(&format!("{line} --format json")).success();
        serde_json::from_str(&told).unwrap()
    }

    /// The rows of a list, with everything in them that was recorded before.
    fn lists(&self, line: &str) -> Vec<Value> {
        let head = self.answers("log stats")["position"].clone();
        let line = format!("{line} --min-position {head}");
        match self.answers(&line) {
            Value::Array(rows) => rows,
            other => panic!("{line}: {other}"),
        }
    }

    /// In the evening the books agree.
    async fn evening(&self) {
        let events = history::read(&self.node.channel()).await;
        history::check(&events);
        assert!(self.types("check").success().contains("keep"));
    }
}

/// A number in an answer, as JSON has it.
fn number(value: &Value) -> i64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        other => other.as_i64().unwrap_or(0),
    }
}

/// Those of rows whose column is this, and what stands in another one.
fn of<'a>(rows: &'a [Value], column: &str, is: &str, wanted: &str) -> Vec<&'a str> {
    let rows = rows.iter().filter(|row| row[column] == is);
    rows.filter_map(|row| row[wanted].as_str()).collect()
}
