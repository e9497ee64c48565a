//! What happens to a request after it was filed.

use clap::Args;
use keruen_proto::{
    Timestamp,
    registry::v1::DocumentRef,
    requests::v1::{
        AcknowledgeRequestRequest, AmendRequestRequest, AnswerSubstituteRequest,
        CancelRequestRequest, CloseRequestShortRequest, ConfirmApprovalRequest,
        EscalateRequestRequest, EscalationReason, MarkDuplicateRequest, OfferSubstituteRequest,
        ReconfirmNeedRequest, RequestCancellationReason, RequestLine, RequestPriority,
        ShortClosingReason, SubstituteDeclineReason, TriageRequestRequest,
    },
};

use crate::{
    client::{line, mutation::MutationArgs, value},
    render::word,
};

/// That it was seen.
#[derive(Args, Debug)]
pub struct Acknowledge {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// When an answer or the goods are to be expected
    #[arg(long, value_name = "TIME", value_parser = value::timestamp)]
    expected_at: Option<Timestamp>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl Acknowledge {
    /// The request that says so.
    pub fn request(&self) -> AcknowledgeRequestRequest {
        AcknowledgeRequestRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            expected_at: self.expected_at,
            ..Default::default()
        }
    }
}

/// What changes.
#[derive(Args, Debug)]
pub struct Amend {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// A line, as of `request file`; repeatable. They take the place of all lines before
    #[arg(long = "line", value_name = "LINE", value_parser = line::request)]
    lines: Vec<RequestLine>,
    /// How urgent it is
    #[arg(long, value_parser = word::parser::<RequestPriority>())]
    priority: Option<RequestPriority>,
    /// Day by which it is needed
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    needed_by: Option<String>,
    /// Why it is needed: an ICD-10 code
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl Amend {
    /// The request that says so.
    pub fn request(&self) -> AmendRequestRequest {
        AmendRequestRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            lines: self.lines.clone(),
            priority: self.priority.map_or(0, Into::into),
            needed_by: self.needed_by.clone().unwrap_or_default(),
            clinical_reason_code: self.reason.clone().unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// What the front office says.
#[derive(Args, Debug)]
pub struct Triage {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// The front office, of the region of whoever asked
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    office: Option<String>,
    /// How urgent it finds it. Default: as filed
    #[arg(long, value_parser = word::parser::<RequestPriority>())]
    priority: Option<RequestPriority>,
    /// Organisation that is to decide. Default: the office
    #[arg(long, value_name = "CODE")]
    forward_to: Option<String>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl Triage {
    /// The request that says so.
    pub fn request(&self) -> TriageRequestRequest {
        TriageRequestRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            office_id: self.office.clone().unwrap_or_default(),
            priority: self.priority.map_or(0, Into::into),
            forwarded_to_id: self.forward_to.clone().unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// A duplicate.
#[derive(Args, Debug)]
pub struct MarkDuplicate {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// The request that stands
    #[arg(long, value_name = "ID", required_unless_present = "json")]
    of: Option<String>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl MarkDuplicate {
    /// The request that says so.
    pub fn request(&self) -> MarkDuplicateRequest {
        MarkDuplicateRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            duplicate_of_id: self.of.clone().unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// That the need is still there.
#[derive(Args, Debug)]
pub struct Reconfirm {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// Day by which it is needed now
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    needed_by: Option<String>,
    /// Who said so: a reference, person:ID; never a name
    #[arg(long, value_name = "REF")]
    by: Option<String>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl Reconfirm {
    /// The request that says so.
    pub fn request(&self) -> ReconfirmNeedRequest {
        ReconfirmNeedRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            needed_by: self.needed_by.clone().unwrap_or_default(),
            confirmed_by_ref: self.by.clone().unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// A confirmation in writing.
#[derive(Args, Debug)]
pub struct Confirm {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// Who confirms it: a reference, person:ID; never a name
    #[arg(long, value_name = "REF", required_unless_present = "json")]
    by: Option<String>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl Confirm {
    /// The request that says so.
    pub fn request(&self) -> ConfirmApprovalRequest {
        ConfirmApprovalRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            confirmed_by_ref: self.by.clone().unwrap_or_default(),
            documents: self.documents.clone(),
            ..Default::default()
        }
    }
}

/// A call to those on duty.
#[derive(Args, Debug)]
pub struct Escalate {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<EscalationReason>())]
    reason: Option<EscalationReason>,
    /// How often for this reason, this time included. Default: once more
    #[arg(long, value_name = "N")]
    level: Option<i32>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl Escalate {
    /// The request that says so.
    pub fn request(&self) -> EscalateRequestRequest {
        EscalateRequestRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            reason: self.reason.map_or(0, Into::into),
            level: self.level.unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// An offer.
#[derive(Args, Debug)]
pub struct OfferSubstitute {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// Number of the line
    #[arg(long, value_name = "N", required_unless_present = "json")]
    line: Option<i32>,
    /// The item that is offered
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    item: Option<String>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl OfferSubstitute {
    /// The request that says so.
    pub fn request(&self) -> OfferSubstituteRequest {
        OfferSubstituteRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            line: self.line.unwrap_or_default(),
            item_id: self.item.clone().unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// An answer to an offer.
#[derive(Args, Debug)]
pub struct AnswerSubstitute {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// Number of the offer
    #[arg(long, value_name = "N", required_unless_present = "json")]
    offer: Option<i32>,
    /// It may be sent instead
    #[arg(long, required_unless_present_any = ["decline", "json"], conflicts_with = "decline")]
    accept: bool,
    /// It may not; why
    #[arg(long, value_name = "REASON", value_parser = word::parser::<SubstituteDeclineReason>())]
    decline: Option<SubstituteDeclineReason>,
    /// Who said so: a reference, person:ID; never a name
    #[arg(long, value_name = "REF")]
    by: Option<String>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl AnswerSubstitute {
    /// The request that says so.
    pub fn request(&self) -> AnswerSubstituteRequest {
        AnswerSubstituteRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            offer: self.offer.unwrap_or_default(),
            decline_reason: self.decline.map_or(0, Into::into),
            answered_by_ref: self.by.clone().unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// An end before all has come.
#[derive(Args, Debug)]
pub struct CloseShort {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<ShortClosingReason>())]
    reason: Option<ShortClosingReason>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl CloseShort {
    /// The request that says so.
    pub fn request(&self) -> CloseRequestShortRequest {
        CloseRequestShortRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            reason: self.reason.map_or(0, Into::into),
            ..Default::default()
        }
    }
}

/// A request that is taken back.
#[derive(Args, Debug)]
pub struct Cancel {
    /// The request
    #[arg(required_unless_present = "json")]
    request_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<RequestCancellationReason>())]
    reason: Option<RequestCancellationReason>,
    #[command(flatten)]
    pub mutation: MutationArgs,
}

impl Cancel {
    /// The request that says so.
    pub fn request(&self) -> CancelRequestRequest {
        CancelRequestRequest {
            request_id: self.request_id.clone().unwrap_or_default(),
            reason: self.reason.map_or(0, Into::into),
            ..Default::default()
        }
    }
}
