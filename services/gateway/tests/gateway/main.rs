//! Tests of the page over a small node with sample data.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panics"
)]

mod live;
mod node;
mod page;
mod papers;
mod problems;
mod reader;
