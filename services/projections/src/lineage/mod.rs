//! How units came from their donors to where they are: a trace as a graph in which quantities add up, and as a tree in
//! which every part of the graph stands once.
//!
//! It reads an answer and asks nobody anything.

pub(crate) mod flow;
mod graph;
mod tree;
mod weaver;

pub use graph::{Cause, Edge, Graph, Node, Thing};
pub use tree::{Bounds, Entry, Tree, What};
