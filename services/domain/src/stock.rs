//! Stock of an item at a facility, by batch and owner: adjusted, consumed, disposed of, passed to another owner.

use keruen_proto::{
    inventory::v1::{AdjustmentReason, ConsumptionPurpose, DisposalReason, HoldReason},
    registry::v1::DocumentRef,
};

use crate::{
    code::{Code, Label, Quantity},
    quality::Grounds,
};

mod adjust;
mod consume;
mod dispose;
mod hold;
pub(crate) mod level;
pub(crate) mod lot;
pub(crate) mod pick;
mod title;

/// Which way the books are corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There are more than the books say.
    Increase(Quantity),
    /// There are fewer than the books say.
    Decrease(Quantity),
}

/// Corrects the books of one batch to what is there.
#[derive(Clone, Debug)]
pub struct AdjustStock {
    /// Where.
    pub facility_id: Code,
    /// The batch.
    pub batch_id: Code,
    /// The owner; `None` means the only one that has stock of this batch there.
    pub owner_id: Option<Code>,
    /// How many more or fewer.
    pub change: Change,
    /// Which ones, of an asset.
    pub serial_numbers: Vec<Label>,
    /// Why.
    pub reason: AdjustmentReason,
    /// Count sheet and so on.
    pub documents: Vec<DocumentRef>,
}

/// Records that stock was used up.
#[derive(Clone, Debug)]
pub struct ConsumeStock {
    /// Where.
    pub facility_id: Code,
    /// The item.
    pub item_id: Code,
    /// How many.
    pub quantity: Quantity,
    /// The batch; `None` means those that expire first, which the books then mark as assumed.
    pub batch_id: Option<Code>,
    /// The owner; `None` means any.
    pub owner_id: Option<Code>,
    /// What for.
    pub purpose: ConsumptionPurpose,
    /// Whether it has happened already: then it is recorded although the batch is held or its lot recalled.
    pub already_used: bool,
}

/// Records that stock was disposed of.
#[derive(Clone, Debug)]
pub struct DisposeStock {
    /// Where.
    pub facility_id: Code,
    /// The batch.
    pub batch_id: Code,
    /// The owner; `None` means the only one that has stock of this batch there.
    pub owner_id: Option<Code>,
    /// How many; held ones go first.
    pub quantity: Quantity,
    /// Which ones, of an asset.
    pub serial_numbers: Vec<Label>,
    /// Why.
    pub reason: DisposalReason,
    /// Act of disposal.
    pub documents: Vec<DocumentRef>,
}

/// Holds some units at a facility by themselves.
#[derive(Clone, Debug)]
pub struct HoldStock {
    /// Where.
    pub facility_id: Code,
    /// The batch.
    pub batch_id: Code,
    /// The owner; `None` means the only one that has stock of this batch there.
    pub owner_id: Option<Code>,
    /// How many, of those that no shipment claims.
    pub quantity: Quantity,
    /// Which ones, of an asset.
    pub serial_numbers: Vec<Label>,
    /// Why.
    pub reason: HoldReason,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

/// Releases units at a facility that are held by themselves.
#[derive(Clone, Debug)]
pub struct ReleaseStock {
    /// Where.
    pub facility_id: Code,
    /// The batch.
    pub batch_id: Code,
    /// The owner; `None` means the only one that has stock of this batch there.
    pub owner_id: Option<Code>,
    /// How many.
    pub quantity: Quantity,
    /// Which ones, of an asset.
    pub serial_numbers: Vec<Label>,
    /// Why they may be released.
    pub grounds: Grounds,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

/// Records that units at a facility passed to another owner.
#[derive(Clone, Debug)]
pub struct TransferTitle {
    /// Where they are.
    pub facility_id: Code,
    /// The batch.
    pub batch_id: Code,
    /// Whose they are; `None` means the only one that has stock of this batch there.
    pub owner_id: Option<Code>,
    /// Organisation to which they belong from now on.
    pub new_owner_id: Code,
    /// How many; `None` means all that are there.
    pub quantity: Option<Quantity>,
    /// Which ones, of an asset; where all pass, none need be named.
    pub serial_numbers: Vec<Label>,
    /// Deed of transfer and so on; at least one.
    pub documents: Vec<DocumentRef>,
}
