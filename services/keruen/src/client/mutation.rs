//! The options that all verbs share which change something.

use std::path::PathBuf;

use clap::Args;
use keruen_proto::{log::v1::TimePrecision, registry::v1::DocumentRef};
use pbjson_types::Timestamp;
use uuid::Uuid;

use crate::{
    client::{line, value},
    render::word,
};

/// The options that all verbs share which change something.
#[derive(Args, Debug)]
#[command(next_help_heading = "Command")]
pub struct MutationArgs {
    /// Id of the command, a UUID; repeated with the same content it has no second effect. Default: a new one, printed
    #[arg(long, value_name = "UUID", value_parser = value::command_id)]
    pub command_id: Option<Uuid>,
    /// When it happened, RFC 3339, for example 2020-07-14T09:30:00+06:00; never in the future. Default: now
    #[arg(long, value_name = "TIME", value_parser = value::timestamp)]
    pub occurred_at: Option<Timestamp>,
    /// How exactly that time is known. Default: to the second
    #[arg(long, value_name = "PRECISION", requires = "occurred_at", value_parser = word::parser::<TimePrecision>())]
    pub occurred_at_precision: Option<TimePrecision>,
    /// Decide and answer, but record nothing
    #[arg(long)]
    pub validate_only: bool,
    /// Send this whole request, as protobuf JSON; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// The papers of a change, and what all changes have.
#[derive(Args, Debug)]
pub struct Papers {
    /// kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    pub documents: Vec<DocumentRef>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

/// The options that all lists share.
#[derive(Args, Debug)]
#[command(next_help_heading = "List")]
pub struct ListArgs {
    /// How many rows at most
    #[arg(long, value_name = "ROWS", default_value_t = 10_000, value_parser = value::limit)]
    pub limit: usize,
    /// Wait until everything up to this position of the log is known
    #[arg(
        long,
        value_name = "POSITION",
        default_value_t = 0,
        hide_default_value = true,
        value_parser = value::position
    )]
    pub min_position: u64,
}

/// Which rows of a list, and in what order.
#[derive(Args, Debug)]
#[command(next_help_heading = "List")]
pub struct TermsArgs {
    /// Only rows that this says, for example 'region = KZ-39 AND priority >= URGENT'; see `keruen help request list`
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "",
        hide_default_value = true
    )]
    pub filter: String,
    /// In this order: fields, each with asc or desc, for example 'state desc, facility'
    #[arg(
        long,
        value_name = "FIELDS",
        default_value = "",
        hide_default_value = true
    )]
    pub order_by: String,
}
