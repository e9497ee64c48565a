//! What the end-to-end tests share: they start the real program, talk to it as its users do, and look at what it says.
//!
//! Everything here fails by panicking, with a message that says what to do: it runs in tests only.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a harness that can't go on fails its test"
)]

pub mod browser;
pub mod crash;
pub mod desk;
pub mod history;
pub mod line;
pub mod message;
pub mod node;
pub mod program;
pub mod refusal;
pub mod scene;
pub mod stage;
pub mod traffic;
pub mod wire;

pub use keruen_test_servers::{process, wheel};
