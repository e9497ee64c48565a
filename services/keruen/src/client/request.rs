//! Requests.

use clap::{Args, Subcommand};
use keruen_proto::{
    requests::v1::{
        ApproveRequestRequest, ApprovedLine, FileRequestRequest, GetRequestRequest,
        RejectRequestRequest, RejectionReason, RequestLine, RequestPriority, RequestState,
    },
    stock::v1::ListRequestsRequest,
};

use crate::{
    client::{
        failure::Failure,
        line,
        mutation::{ListArgs, MutationArgs},
        session::Session,
        value,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Ask for something
    #[command(after_help = "\
Examples:
  keruen request file --facility HOSP-JEZ \\
      --line commodity=O2-CONCENTRATOR,quantity=4 --priority urgent
  keruen request file --facility HOSP-JEZ --id R-JEZ-1 \\
      --line commodity=TEST-SARS2,quantity=500 --line item=VENT-A,quantity=1 \\
      --needed-by 2030-01-31

A line is commodity=CODE, or item=CODE where nothing else will do, and quantity=N in base units,\nor, with pack=CODE, in packs of the item.")]
    File(FileRequest),
    /// Approve a request, in full or less
    #[command(after_help = "\
Examples:
  keruen request approve R-JEZ-1
  keruen request approve R-JEZ-1 --line line=1,quantity=300 \\
      --line line=2,quantity=0

Without --line all lines are approved in full; with it, lines that are not named are approved with 0.")]
    Approve(Approve),
    /// Reject a request
    #[command(after_help = "\
Examples:
  keruen request reject R-JEZ-1 --reason sufficient-stock")]
    Reject(Reject),
    /// Show a request, with what has been allocated and received
    #[command(after_help = "\
Examples:
  keruen request get R-JEZ-1")]
    Get {
        /// Its id
        request_id: String,
    },
    /// List requests, the most urgent and then the oldest first
    #[command(after_help = "\
Examples:
  keruen request list --open
  keruen request list --region KZ-62 --state filed --state approved \\
      --format json")]
    List {
        /// Only those that are neither fulfilled nor rejected
        #[arg(long)]
        open: bool,
        /// Only of this region
        #[arg(long, value_name = "CODE")]
        region: Option<String>,
        /// Only of this facility
        #[arg(long, value_name = "CODE")]
        facility: Option<String>,
        /// Only in this state; repeatable
        #[arg(long = "state", value_name = "STATE", value_parser = word::parser::<RequestState>())]
        states: Vec<RequestState>,
        #[command(flatten)]
        list: ListArgs,
    },
}

/// A need.
#[derive(Args, Debug)]
pub struct FileRequest {
    /// Id of your choice. Default: the server makes one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Who needs it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// What is needed: commodity=CODE,quantity=N or item=CODE,quantity=N[,pack=CODE]; repeatable
    #[arg(long = "line", value_name = "LINE", required_unless_present = "json", value_parser = line::request)]
    lines: Vec<RequestLine>,
    /// How urgent it is. Default: routine
    #[arg(long, value_parser = word::parser::<RequestPriority>())]
    priority: Option<RequestPriority>,
    /// Day by which it is needed
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    needed_by: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An approval.
#[derive(Args, Debug)]
pub struct Approve {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// What is approved of a line: line=N,quantity=N; repeatable
    #[arg(long = "line", value_name = "LINE", value_parser = line::approval)]
    lines: Vec<ApprovedLine>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A rejection.
#[derive(Args, Debug)]
pub struct Reject {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<RejectionReason>())]
    reason: Option<RejectionReason>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::File(args) => {
                let request = FileRequestRequest {
                    request_id: args.id.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    lines: args.lines,
                    priority: args.priority.map_or(0, Into::into),
                    needed_by: args.needed_by.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Approve(args) => {
                let request = ApproveRequestRequest {
                    request_id: args.request_id.unwrap_or_default(),
                    lines: args.lines,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Reject(args) => {
                let request = RejectRequestRequest {
                    request_id: args.request_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { request_id } => session.show(GetRequestRequest { request_id }).await,
            Self::List {
                open,
                region,
                facility,
                states,
                list,
            } => {
                let request = ListRequestsRequest {
                    region_id: region.unwrap_or_default(),
                    facility_id: facility.unwrap_or_default(),
                    states: states.into_iter().map(Into::into).collect(),
                    open_only: open,
                    min_position: list.min_position,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
