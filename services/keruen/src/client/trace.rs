//! From donor to bedside.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::AssetRef,
    stock::v1::{GetTraceRequest, get_trace_request},
};

use crate::{
    client::{failure::Failure, session::Session, value},
    render::trace,
};

/// What to follow.
#[derive(Subcommand, Debug)]
pub enum Subject {
    /// Follow a donation: its batches, where each unit is and how it came there
    #[command(after_help = "\
Examples:
  keruen trace donation KASPI-TESTS
  keruen trace donation KASPI-TESTS --steps 0
  keruen trace donation KASPI-TESTS --format csv")]
    Donation {
        /// Its id
        donation_id: String,
        #[command(flatten)]
        options: Options,
    },
    /// Follow a batch
    #[command(after_help = "\
Examples:
  keruen trace batch B-HJKMN-PQRSTU --format json")]
    Batch {
        /// Its id
        batch_id: String,
        #[command(flatten)]
        options: Options,
    },
    /// Follow a unit with a serial number
    #[command(after_help = "\
Examples:
  keruen trace asset VENT-A SN-1")]
    Asset {
        /// The item
        item_id: String,
        /// Serial number as printed
        serial_number: String,
        #[command(flatten)]
        options: Options,
    },
    /// Follow what was sent for a request
    #[command(after_help = "\
Examples:
  keruen trace request R-JEZ-1")]
    Request {
        /// Its id
        request_id: String,
        #[command(flatten)]
        options: Options,
    },
}

/// How to show it.
#[derive(Args, Debug)]
pub struct Options {
    /// How many steps of each batch to show, the newest; 0 for none
    #[arg(long, value_name = "STEPS", default_value_t = 20, value_parser = value::count)]
    steps: usize,
    /// Wait until everything up to this position of the log is known
    #[arg(
        long,
        value_name = "POSITION",
        default_value_t = 0,
        hide_default_value = true,
        value_parser = value::position
    )]
    min_position: u64,
}

impl Subject {
    /// Shows the trace.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        use get_trace_request::Subject as Asked;
        let (subject, options) = match self {
            Self::Donation {
                donation_id,
                options,
            } => (Asked::DonationId(donation_id), options),
            Self::Batch { batch_id, options } => (Asked::BatchId(batch_id), options),
            Self::Asset {
                item_id,
                serial_number,
                options,
            } => (
                Asked::Asset(AssetRef {
                    item_id,
                    serial_number,
                }),
                options,
            ),
            Self::Request {
                request_id,
                options,
            } => (Asked::RequestId(request_id), options),
        };
        let question = GetTraceRequest {
            subject: Some(subject),
            min_position: options.min_position,
        };
        let answer = session.ask(question).await?;
        Ok(trace::print(&mut session.output(), &answer, options.steps)?)
    }
}
