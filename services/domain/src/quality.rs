//! Quality of stock: batches held and released, lots recalled.
//!
//! A hold is a fact about a batch, a recall one about an item and a lot. Both bind wherever the units are, also on their
//! way, and whatever comes later: decisions about stock fold them together with the stock that they read.

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::{HoldReason, OverrideReason, RecallReason, ReleaseVerdict},
    registry::v1::DocumentRef,
};

use crate::code::{Code, Label};

mod expiry;
pub(crate) mod hold;
mod recall;
pub(crate) mod state;

pub use state::{is_blocked, known_lot, recall_of};

/// Holds a batch, wherever its units are.
#[derive(Clone, Debug)]
pub struct HoldBatch {
    /// The batch.
    pub batch_id: Code,
    /// Why.
    pub reason: HoldReason,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

/// What a release rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// An examination found it fit for use.
    Verdict(ReleaseVerdict),
    /// Somebody takes it upon themselves.
    Override {
        /// Who: a reference, never a name.
        authorised_by_ref: Label,
        /// Why.
        reason: OverrideReason,
    },
}

/// Releases a held batch.
#[derive(Clone, Debug)]
pub struct ReleaseBatch {
    /// The batch.
    pub batch_id: Code,
    /// Which hold ends; `None` means the only one.
    pub reason: Option<HoldReason>,
    /// Why it may be released.
    pub grounds: Grounds,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

/// Lets a batch be used for less long.
#[derive(Clone, Debug)]
pub struct ShortenExpiry {
    /// The batch.
    pub batch_id: Code,
    /// Last day of use from now on.
    pub expires_on: NaiveDate,
    /// The decision, and what else it rests on.
    pub documents: Vec<DocumentRef>,
}

/// Recalls a lot of an item: every batch of it, of every donation, also those that are yet to come.
#[derive(Clone, Debug)]
pub struct RecallLot {
    /// The item.
    pub item_id: Code,
    /// The lot, known or not.
    pub lot: Label,
    /// Why.
    pub reason: RecallReason,
    /// Organisation that recalls it.
    pub authority_id: Code,
    /// The order and so on.
    pub documents: Vec<DocumentRef>,
}

/// Lifts the recall of a lot.
#[derive(Clone, Debug)]
pub struct LiftRecall {
    /// The item.
    pub item_id: Code,
    /// The lot.
    pub lot: Label,
    /// Organisation that lifts it.
    pub authority_id: Code,
    /// The order and so on.
    pub documents: Vec<DocumentRef>,
}
