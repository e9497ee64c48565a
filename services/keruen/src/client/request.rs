//! Requests.

use clap::{Args, Subcommand};
use keruen_proto::{
    Timestamp,
    requests::v1::{
        ApproveRequestRequest, ApprovedLine, FileRequestRequest, Filing, GetRequestRequest,
        RejectRequestRequest, RejectionReason, RequestChannel, RequestLine, RequestPriority,
        RequestState, WordOfMouth,
    },
    stock::v1::ListRequestsRequest,
};

use crate::{
    client::{
        failure::Failure,
        line,
        mutation::{ListArgs, MutationArgs, TermsArgs},
        request_step,
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
  keruen request file --facility HOSP-JEZ --priority stat --reason J96.0 \\
      --line need=oxygen-therapy,patients=12,per-patient=10,unit=L2,days=5 \\
      --channel phone --filed-by OFFICE-ULY --asked-by person:7

A line is commodity=CODE, or item=CODE where nothing else will do, and quantity=N in base units,\nor, with pack=CODE, in packs of the item. Where nobody knows what meets it, a line is\nneed=KIND,patients=N and, where known, per-patient=NUMBER,unit=CODE and days=N; units are of\nUN/ECE Recommendation 20, L2 is litres a minute.")]
    File(FileRequest),
    /// Approve a request, in full or less
    #[command(after_help = "\
Examples:
  keruen request approve R-JEZ-1
  keruen request approve R-JEZ-1 --line line=1,quantity=300 \\
      --line line=2,quantity=0
  keruen request approve R-JEZ-1 --line line=1,quantity=12,item=O2-CONC-5L
  keruen request approve R-JEZ-1 --by-word-of person:7 \\
      --confirm-by 2030-01-31T18:00:00+06:00

Where a line tells a need, the approval says by what and how many it is met. Only a STAT request\nis approved by word of mouth; it is to be confirmed within a week at most.

Without --line all lines are approved in full; with it, lines that are not named are approved with 0.")]
    Approve(Approve),
    /// Reject a request
    #[command(after_help = "\
Examples:
  keruen request reject R-JEZ-1 --reason sufficient-stock")]
    Reject(Reject),
    /// Tell whoever asked that a request was seen, and when to expect more
    #[command(after_help = "\
Examples:
  keruen request acknowledge R-JEZ-1
  keruen request acknowledge R-JEZ-1 --expected-at 2030-01-31T18:00:00+06:00")]
    Acknowledge(request_step::Acknowledge),
    /// Change what was asked for
    #[command(after_help = "\
Examples:
  keruen request amend R-JEZ-1 --priority stat --needed-by 2030-01-30
  keruen request amend R-JEZ-1 --line commodity=O2-CONCENTRATOR,quantity=6

Lines take the place of all lines before, and change only before the request is answered.")]
    Amend(request_step::Amend),
    /// Say for the regional front office how urgent a request is, and who decides
    #[command(after_help = "\
Examples:
  keruen request triage R-JEZ-1 --office OFFICE-ULY --priority asap
  keruen request triage R-JEZ-1 --office OFFICE-ULY --forward-to MOH")]
    Triage(request_step::Triage),
    /// End a request that asks for what another one asks for
    #[command(after_help = "\
Examples:
  keruen request mark-duplicate R-JEZ-2 --of R-JEZ-1

Also of a request that has ended and left a need unmet, since nobody had it, could bring it or \
approved all of it: where another one of the facility asks for the same, `keruen report unmet` \
counts that need once. Its state stays.")]
    MarkDuplicate(request_step::MarkDuplicate),
    /// Say that a need is still there
    #[command(after_help = "\
Examples:
  keruen request reconfirm R-JEZ-1 --by person:7
  keruen request reconfirm R-JEZ-1 --needed-by 2030-02-15")]
    Reconfirm(request_step::Reconfirm),
    /// Confirm in writing what was approved by word of mouth
    #[command(after_help = "\
Examples:
  keruen request confirm R-JEZ-1 --by person:7 \\
      --document kind=order,number=17")]
    Confirm(request_step::Confirm),
    /// Call those on duty for the region of whoever asked
    #[command(after_help = "\
Examples:
  keruen request escalate R-JEZ-1 --reason overdue
  keruen request escalate R-JEZ-1 --reason stuck --level 2")]
    Escalate(request_step::Escalate),
    /// Offer another item than the one asked for
    #[command(after_help = "\
Examples:
  keruen request offer-substitute R-JEZ-1 --line 1 --item O2-CONC-5L")]
    OfferSubstitute(request_step::OfferSubstitute),
    /// Accept or decline a substitute
    #[command(after_help = "\
Examples:
  keruen request answer-substitute R-JEZ-1 --offer 1 --accept
  keruen request answer-substitute R-JEZ-1 --offer 1 \\
      --decline site-not-suitable --by person:7")]
    AnswerSubstitute(request_step::AnswerSubstitute),
    /// End an approved request though not all of it was allocated
    #[command(after_help = "\
Examples:
  keruen request close-short R-JEZ-1 --reason not-available

What is on its way still arrives and counts.")]
    CloseShort(request_step::CloseShort),
    /// Take a request back before anything is allocated for it, or what it left unmet
    #[command(after_help = "\
Examples:
  keruen request cancel R-JEZ-1 --reason no-longer-needed

Where a request has ended and left a need unmet, since nobody had it, could bring it or approved all \
of it, this says that the rest is needed no longer, or came from elsewhere: `keruen report unmet` \
leaves it out. Its state stays.")]
    Cancel(request_step::Cancel),
    /// Show a request, with what has been allocated and received
    #[command(after_help = "\
Examples:
  keruen request get R-JEZ-1")]
    Get {
        /// Its id
        request_id: String,
    },
    /// List requests, the most urgent and then the oldest first, or as asked for
    #[command(after_help = "\
Examples:
  keruen request list --open
  keruen request list --region KZ-62 --state filed --state approved \\
      --format json
  keruen request list --order-by needed_by --filter \\
      'region = KZ-62 AND priority >= URGENT AND needed_by < 2026-12-01'
  keruen request list --filter 'open = true AND commodity:VENTILATOR'

Fields of --filter: request, facility, region, state, open, priority, needed_by, filed_at, \
commodity and item (with :), position; see `keruen help filter`. --order-by takes all but commodity and item.")]
    List {
        /// Only those of which something may still come
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
        terms: TermsArgs,
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
    /// What is needed: commodity=CODE,quantity=N or item=CODE,quantity=N[,pack=CODE], or a need; repeatable
    #[arg(long = "line", value_name = "LINE", required_unless_present = "json", value_parser = line::request)]
    lines: Vec<RequestLine>,
    /// How urgent it is. Default: routine
    #[arg(long, value_parser = word::parser::<RequestPriority>())]
    priority: Option<RequestPriority>,
    /// Day by which it is needed
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    needed_by: Option<String>,
    /// Why it is needed: an ICD-10 code such as J96.0
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// By what it came in, where not from the facility itself
    #[arg(long, value_parser = word::parser::<RequestChannel>())]
    channel: Option<RequestChannel>,
    /// Organisation that files it on behalf of the facility
    #[arg(long, value_name = "CODE", requires = "channel")]
    filed_by: Option<String>,
    /// Who asked: a reference, person:ID; never a name
    #[arg(long, value_name = "REF", requires = "channel")]
    asked_by: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An approval.
#[derive(Args, Debug)]
pub struct Approve {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// What is approved of a line: line=N,quantity=N, of a need also commodity=CODE or item=CODE; repeatable
    #[arg(long = "line", value_name = "LINE", value_parser = line::approval)]
    lines: Vec<ApprovedLine>,
    /// Who approved it by word of mouth: a reference, person:ID; never a name
    #[arg(long, value_name = "REF", requires = "confirm_by")]
    by_word_of: Option<String>,
    /// Until when that is to be confirmed in writing
    #[arg(long, value_name = "TIME", requires = "by_word_of", value_parser = value::timestamp)]
    confirm_by: Option<Timestamp>,
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
                    clinical_reason_code: args.reason.unwrap_or_default(),
                    filing: args.channel.map(|channel| Filing {
                        channel: channel.into(),
                        filed_by_id: args.filed_by.unwrap_or_default(),
                        asked_by_ref: args.asked_by.unwrap_or_default(),
                    }),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Approve(args) => {
                let request = ApproveRequestRequest {
                    request_id: args.request_id.unwrap_or_default(),
                    lines: args.lines,
                    word_of_mouth: args.by_word_of.map(|approved_by_ref| WordOfMouth {
                        approved_by_ref,
                        confirm_by: args.confirm_by,
                    }),
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
            Self::Acknowledge(args) => session.change(&args.mutation, args.request()).await,
            Self::Amend(args) => session.change(&args.mutation, args.request()).await,
            Self::Triage(args) => session.change(&args.mutation, args.request()).await,
            Self::MarkDuplicate(args) => session.change(&args.mutation, args.request()).await,
            Self::Reconfirm(args) => session.change(&args.mutation, args.request()).await,
            Self::Confirm(args) => session.change(&args.mutation, args.request()).await,
            Self::Escalate(args) => session.change(&args.mutation, args.request()).await,
            Self::OfferSubstitute(args) => session.change(&args.mutation, args.request()).await,
            Self::AnswerSubstitute(args) => session.change(&args.mutation, args.request()).await,
            Self::CloseShort(args) => session.change(&args.mutation, args.request()).await,
            Self::Cancel(args) => session.change(&args.mutation, args.request()).await,
            Self::Get { request_id } => session.show(GetRequestRequest { request_id }).await,
            Self::List {
                open,
                region,
                facility,
                states,
                terms,
                list,
            } => {
                let request = ListRequestsRequest {
                    filter: terms.filter,
                    order_by: terms.order_by,
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
