//! Batches.

use clap::Subcommand;
use keruen_proto::inventory::v1::GetBatchRequest;

use crate::client::{failure::Failure, session::Session};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show a batch: item, lot, expiry, donation, declared value
    #[command(after_help = "\
Examples:
  keruen batch get B-HJKMN-PQRSTU")]
    Get {
        /// Its id
        batch_id: String,
    },
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let Self::Get { batch_id } = self;
        session.show(GetBatchRequest { batch_id }).await
    }
}
