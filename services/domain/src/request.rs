//! Requests: what a facility asks for, what is approved, and what came of it.

use chrono::NaiveDate;
use keruen_proto::requests::v1::{RejectionReason, RequestPriority};

use crate::code::{Code, Quantity};

pub(crate) mod decide;
pub(crate) mod state;

/// One line of a request to be filed.
#[derive(Clone, Debug)]
pub struct NeededGoods {
    /// Number of the line, unique in the request, from 1.
    pub line: i32,
    /// What is needed; `None` where the item says so.
    pub commodity_id: Option<Code>,
    /// The exact item, where nothing else will do.
    pub item_id: Option<Code>,
    /// How many.
    pub quantity: Quantity,
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
}

/// What is approved of one line: 0 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovedQuantity {
    /// Number of the line.
    pub line: i32,
    /// How many, 0 or more.
    pub quantity: i64,
}

/// Approves a request.
#[derive(Clone, Debug)]
pub struct ApproveRequest {
    /// The request.
    pub request_id: Code,
    /// What is approved; lines that are not here are approved with 0, `None` approves all in full.
    pub lines: Option<Vec<ApprovedQuantity>>,
}

/// Rejects a request.
#[derive(Clone, Debug)]
pub struct RejectRequest {
    /// The request.
    pub request_id: Code,
    /// Why.
    pub reason: RejectionReason,
}
