//! From donor to bedside.

use clap::{Args, Subcommand};
use keruen_projections::lineage::Bounds;
use keruen_proto::{
    inventory::v1::AssetRef,
    stock::v1::{GetTraceRequest, get_trace_request},
};

use crate::{
    client::{failure::Failure, session::Session, value},
    render::trace::{self, Language},
};

/// What to follow.
#[derive(Subcommand, Debug)]
pub enum Subject {
    /// Follow a donation: its batches, how each unit went and where it is
    #[command(after_help = "\
Examples:
  keruen trace donation KASPI-TESTS
  keruen trace donation KASPI-TESTS --steps 0 --depth 6
  keruen trace donation KASPI-TESTS --format csv
  keruen trace donation KASPI-TESTS --graph dot        for `dot -Tsvg`
  keruen trace donation KASPI-TESTS --graph mermaid

#50 is position 50 of the log, and its day. What happened is told where it
happened; where units came to a place twice, the place is told once, and the
second line says where. Where units are now stands last, with `since`. A graph
has no steps that moved nothing, and never names an anonymous donor.")]
    Donation {
        /// Its id
        donation_id: String,
        #[command(flatten)]
        options: Options,
    },
    /// Follow a batch
    #[command(after_help = "\
Examples:
  keruen trace batch B-HJKMN-PQRSTU
  keruen trace batch B-HJKMN-PQRSTU --entries 40 --depth 5
  keruen trace batch B-HJKMN-PQRSTU --graph dot
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
  keruen trace asset VENT-A SN-1
  keruen trace asset VENT-A SN-1 --graph mermaid")]
    Asset {
        /// The item
        item_id: String,
        /// Serial number as printed
        serial_number: String,
        #[command(flatten)]
        options: Options,
    },
    /// Follow what was sent for a request, from its donors
    #[command(after_help = "\
Examples:
  keruen trace request R-JEZ-1
  keruen trace request R-JEZ-1 --graph mermaid

It begins with the donations and donors of what came, and goes on from where
that was sent from.")]
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
    /// How many uses, losses and the like, and steps that moved nothing, to tell one by one of each batch, the newest;
    /// the rest in sum
    #[arg(long, value_name = "STEPS", default_value_t = 20, value_parser = value::count)]
    steps: usize,
    /// How many levels below the donor to show
    #[arg(long, value_name = "LEVELS", default_value_t = 30, value_parser = value::count)]
    depth: usize,
    /// How many entries to show, those nearest to the donor
    #[arg(long, value_name = "ENTRIES", default_value_t = 400, value_parser = value::count)]
    entries: usize,
    /// Draw it as a graph in the language of Graphviz or Mermaid
    #[arg(long, value_name = "LANGUAGE", conflicts_with = "format")]
    graph: Option<Language>,
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
        let bounds = Bounds {
            steps: options.steps,
            depth: options.depth,
            entries: options.entries,
        };
        let output = &mut session.output();
        Ok(trace::print(output, &answer, bounds, options.graph)?)
    }
}
