//! The program, as its users run it against a node.

use serde_json::Value;

use crate::{
    node::Node,
    program::{self, Outcome},
    scene::Clients,
};

/// A node, and the program run against it.
pub struct Desk {
    /// The node.
    pub node: Node,
}

impl Desk {
    /// A new node with the scene on it.
    pub async fn new() -> Self {
        let node = Node::new().await;
        Clients::on(&node.channel()).set_scene().await;
        Self { node }
    }

    /// Runs a verb with its options, given as words with spaces between them.
    pub fn run(&self, words: &str) -> Outcome {
        let mut arguments: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        arguments.extend(["--server".to_owned(), self.node.grpc_url().to_owned()]);
        program::run(arguments)
    }

    /// What a verb that must succeed answers.
    #[track_caller]
    pub fn json(&self, words: &str) -> Value {
        let text = self.run(&format!("{words} --format json")).success();
        serde_json::from_str(&text).expect("it is JSON")
    }

    /// A verb that must be refused, and say why.
    #[track_caller]
    pub fn refused(&self, words: &str, why: &str) {
        let told = self.run(words).refused(1);
        assert!(told.contains(why), "{why} in {told}");
    }

    /// Position of the newest event.
    pub fn head(&self) -> u64 {
        self.json("log stats")["position"]
            .as_u64()
            .expect("it is a number")
    }

    /// What the views answer once they know everything.
    #[track_caller]
    pub fn view(&self, words: &str) -> Value {
        self.json(&format!("{words} --min-position {}", self.head()))
    }

    /// The same, where that is a list.
    #[track_caller]
    pub fn rows(&self, words: &str) -> Vec<Value> {
        match self.view(words) {
            Value::Array(rows) => rows,
            other => panic!("{words}: no list: {other}"),
        }
    }
}
