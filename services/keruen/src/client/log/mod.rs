//! The log as such: where it stands, and the proof that nobody rewrote it.

mod checkpoint;
pub mod key;
mod prove;
mod reading;
mod reindex;
mod stats;
mod verify;

use clap::Subcommand;

use crate::client::{failure::Failure, session::Session};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show where the log stands, what is in it, and how much room it takes
    Stats(stats::Args),
    /// Compute everything anew from the events and find the first position where something is wrong
    Verify(verify::Args),
    /// Make the index of tags and command ids anew from the events, where it is damaged
    Reindex(reindex::Args),
    /// Fetch a signed checkpoint, and check that it goes on from an older one
    Checkpoint(checkpoint::Args),
    /// Write a proof that an event is in the log, which anybody can check without a node
    Prove(prove::Args),
    /// Check such a proof, offline
    VerifyProof(prove::CheckArgs),
    /// Show the key by which checkpoints are verified
    Key(key::Args),
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Stats(args) => args.run(session).await,
            Self::Verify(args) => args.run(session).await,
            Self::Reindex(args) => args.run(session).await,
            Self::Checkpoint(args) => args.run(session).await,
            Self::Prove(args) => args.run(session).await,
            Self::VerifyProof(args) => args.run(session),
            Self::Key(args) => args.run(session).await,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
