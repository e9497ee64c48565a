//! Servers and programs that tests need: found on the machine or installed into the target folder, started with
//! throw-away data, and never left behind.
//!
//! Everything here fails by panicking, with a message that says what to do: it runs in tests only.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a harness that can't go on fails its test"
)]

pub mod nats;
pub mod postgres;
pub mod process;
pub mod wheel;
