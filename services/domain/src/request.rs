//! Requests: what a facility asks for, what is approved, and what came of it.

use chrono::NaiveDate;
use keruen_proto::{
    registry::v1::DocumentRef,
    requests::v1::{
        EscalationReason, Filing, Need, RejectionReason, RequestCancellationReason,
        RequestPriority, ShortClosingReason, SubstituteDeclineReason,
    },
};

use crate::code::{Code, Label, Quantity};

mod amend;
mod answer;
pub(crate) mod decide;
mod end;
mod escalate;
pub(crate) mod state;
mod substitute;

pub use decide::approvable;
pub use state::{is_decided, is_need, is_open, not_approved};
pub(crate) use substitute::is_accepted;

/// One line of a request to be filed.
#[derive(Clone, Debug)]
pub struct NeededGoods {
    /// Number of the line, unique in the request, from 1.
    pub line: i32,
    /// What is needed; `None` where the item says so, or the need.
    pub commodity_id: Option<Code>,
    /// The exact item, where nothing else will do.
    pub item_id: Option<Code>,
    /// How many; `None` where the need says so.
    pub quantity: Option<Quantity>,
    /// What the need is, in numbers.
    pub need: Option<Need>,
}

/// Asks for something.
#[derive(Clone, Debug)]
pub struct FileRequest {
    /// Id of the new request.
    pub request_id: Code,
    /// Who needs it.
    pub facility_id: Code,
    /// What is needed; at least one line.
    pub lines: Vec<NeededGoods>,
    /// How urgent it is.
    pub priority: RequestPriority,
    /// Day by which it is needed.
    pub needed_by: Option<NaiveDate>,
    /// ICD-10 code of the reason; empty where not stated.
    pub clinical_reason_code: String,
    /// How it came in; `None` where from the facility itself.
    pub filing: Option<Filing>,
}

/// What is approved of one line: 0 or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovedQuantity {
    /// Number of the line.
    pub line: i32,
    /// How many, 0 or more.
    pub quantity: i64,
    /// By what a need is met.
    pub commodity_id: Option<Code>,
    /// By what exact item a need is met.
    pub item_id: Option<Code>,
}

/// An approval by word of mouth.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// Reference to the person who approved it.
    pub approved_by_ref: Label,
    /// Until when it is to be confirmed, in microseconds since 1970-01-01T00:00:00Z.
    pub confirm_by_us: i64,
}

/// Approves a request.
#[derive(Clone, Debug)]
pub struct ApproveRequest {
    /// The request.
    pub request_id: Code,
    /// What is approved; lines that are not here are approved with 0, `None` approves all in full.
    pub lines: Option<Vec<ApprovedQuantity>>,
    /// Who approved it by word of mouth; `None` where it is approved in writing.
    pub spoken: Option<Spoken>,
}

/// Rejects a request.
#[derive(Clone, Debug)]
pub struct RejectRequest {
    /// The request.
    pub request_id: Code,
    /// Why.
    pub reason: RejectionReason,
}

/// Tells whoever asked that the request was seen.
#[derive(Clone, Debug)]
pub struct AcknowledgeRequest {
    /// The request.
    pub request_id: Code,
    /// When to expect an answer or the goods, in microseconds since 1970-01-01T00:00:00Z.
    pub expected_at_us: Option<i64>,
}

/// Changes what was asked for; what is `None` stays.
#[derive(Clone, Debug)]
pub struct AmendRequest {
    /// The request.
    pub request_id: Code,
    /// All lines from then on.
    pub lines: Option<Vec<NeededGoods>>,
    /// How urgent it is.
    pub priority: Option<RequestPriority>,
    /// Day by which it is needed.
    pub needed_by: Option<NaiveDate>,
    /// ICD-10 code of the reason.
    pub clinical_reason_code: Option<String>,
}

/// Says for the regional front office how urgent a request is.
#[derive(Clone, Debug)]
pub struct TriageRequest {
    /// The request.
    pub request_id: Code,
    /// The front office.
    pub office_id: Code,
    /// How urgent it finds it; `None` leaves it.
    pub priority: Option<RequestPriority>,
    /// Organisation that is to decide; `None` where the office does.
    pub forwarded_to_id: Option<Code>,
}

/// Ends a request that asks for what another one asks for.
#[derive(Clone, Debug)]
pub struct MarkDuplicate {
    /// The request.
    pub request_id: Code,
    /// The one that stands.
    pub duplicate_of_id: Code,
}

/// Says that the need is still there.
#[derive(Clone, Debug)]
pub struct ReconfirmNeed {
    /// The request.
    pub request_id: Code,
    /// Day by which it is needed now; `None` leaves it.
    pub needed_by: Option<NaiveDate>,
    /// Reference to the person who said so.
    pub confirmed_by_ref: Option<Label>,
}

/// Confirms in writing what was approved by word of mouth.
#[derive(Clone, Debug)]
pub struct ConfirmApproval {
    /// The request.
    pub request_id: Code,
    /// Reference to the person who confirms it.
    pub confirmed_by_ref: Label,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

/// Calls those on duty.
#[derive(Clone, Debug)]
pub struct EscalateRequest {
    /// The request.
    pub request_id: Code,
    /// Why.
    pub reason: EscalationReason,
    /// How often for this reason, this time included; `None` means once more.
    pub level: Option<i32>,
}

/// Offers another item.
#[derive(Clone, Debug)]
pub struct OfferSubstitute {
    /// The request.
    pub request_id: Code,
    /// Number of the line.
    pub line: i32,
    /// The item.
    pub item_id: Code,
}

/// Accepts or declines a substitute.
#[derive(Clone, Debug)]
pub struct AnswerSubstitute {
    /// The request.
    pub request_id: Code,
    /// Number of the offer.
    pub offer: i32,
    /// Why it is declined; `None` accepts it.
    pub decline_reason: Option<SubstituteDeclineReason>,
    /// Reference to the person who said so.
    pub answered_by_ref: Option<Label>,
}

/// Ends an approved request of which not everything was allocated.
#[derive(Clone, Debug)]
pub struct CloseRequestShort {
    /// The request.
    pub request_id: Code,
    /// Why.
    pub reason: ShortClosingReason,
}

/// Takes a request back.
#[derive(Clone, Debug)]
pub struct CancelRequest {
    /// The request.
    pub request_id: Code,
    /// Why.
    pub reason: RequestCancellationReason,
}
