//! Assets.

use clap::Subcommand;
use keruen_proto::inventory::v1::GetAssetRequest;

use crate::client::{failure::Failure, session::Session};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show a unit with a serial number, and where it is
    #[command(after_help = "\
Examples:
  keruen asset get VENT-A SN-1")]
    Get {
        /// The item
        item_id: String,
        /// Serial number as printed
        serial_number: String,
    },
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let Self::Get {
            item_id,
            serial_number,
        } = self;
        session
            .show(GetAssetRequest {
                item_id,
                serial_number,
            })
            .await
    }
}
