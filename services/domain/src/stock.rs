//! Stock of an item at a facility, by batch and owner: opened, counted, adjusted, consumed, disposed of, given back, passed to another
//! owner.

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::{
        AdjustmentReason, ConsumptionPurpose, CountKind, DisposalReason, HoldReason, ReturnReason,
    },
    registry::v1::{DocumentRef, UnitValue},
};

use crate::{
    code::{Code, Label, Quantity},
    quality::Grounds,
};

mod adjust;
pub(crate) mod claims;
mod consume;
mod count;
mod dispose;
pub(crate) mod entry;
mod excursion;
mod give_back;
pub(crate) mod gone;
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
    /// Whether it has happened already: then it is recorded whatever the books say.
    pub already_used: bool,
    /// Id for a new batch; used only for what has been used and no batch is known of.
    pub new_batch_id: Code,
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
    /// Whether it has happened already: then it is recorded whatever the books say.
    pub already_disposed: bool,
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

/// Units that are there and enter the books as a batch of their own.
#[derive(Clone, Debug)]
pub struct NewStock {
    /// The item.
    pub item_id: Code,
    /// How many.
    pub quantity: Quantity,
    /// The owner; `None` means the organisation that runs the facility or, of what a count found, that nobody knows.
    pub owner_id: Option<Code>,
    /// Lot number as printed.
    pub lot: Option<Label>,
    /// Last day of use.
    pub expires_on: Option<NaiveDate>,
    /// Which ones, of an asset.
    pub serial_numbers: Vec<Label>,
    /// Declared value of one unit.
    pub unit_value: Option<UnitValue>,
    /// Whether they are damaged or in doubt.
    pub held: bool,
    /// Id for the batch.
    pub batch_id: Code,
}

/// Opens the books of a facility for some items with what is there.
#[derive(Clone, Debug)]
pub struct OpenStock {
    /// Where.
    pub facility_id: Code,
    /// What is there.
    pub lines: Vec<NewStock>,
    /// Inventory of the store and so on.
    pub documents: Vec<DocumentRef>,
}

/// What was counted of a batch that the books know.
#[derive(Clone, Debug)]
pub struct CountedUnits {
    /// The batch.
    pub batch_id: Code,
    /// The owner; `None` means the only one that has stock of this batch there.
    pub owner_id: Option<Code>,
    /// Base units, 0 or more.
    pub quantity: i64,
    /// Which ones, of an asset.
    pub serial_numbers: Vec<Label>,
}

/// Records a count of an item at a facility, and corrects the books by what it found.
#[derive(Clone, Debug)]
pub struct CountStock {
    /// Id for the count.
    pub count_id: Code,
    /// Where.
    pub facility_id: Code,
    /// The item.
    pub item_id: Code,
    /// How much was counted.
    pub kind: CountKind,
    /// Position as of which the books are compared; `None` means as they stand.
    pub counted_position: Option<u64>,
    /// What is there of batches that the books know.
    pub lines: Vec<CountedUnits>,
    /// What is there of which they know no batch.
    pub found: Vec<NewStock>,
    /// Count sheet and so on.
    pub documents: Vec<DocumentRef>,
}

/// Gives stock back: it leaves the system.
#[derive(Clone, Debug)]
pub struct ReturnStock {
    /// Where it leaves.
    pub facility_id: Code,
    /// The batch.
    pub batch_id: Code,
    /// The owner; `None` means the only one that has stock of this batch there.
    pub owner_id: Option<Code>,
    /// How many; held ones go first.
    pub quantity: Quantity,
    /// Which ones, of an asset.
    pub serial_numbers: Vec<Label>,
    /// Who takes it back; `None` means the donor.
    pub recipient_id: Option<Code>,
    /// Whether it has happened already: then it is recorded whatever the books say.
    pub already_returned: bool,
    /// Why.
    pub reason: ReturnReason,
    /// Act of return and so on.
    pub documents: Vec<DocumentRef>,
}

/// Records that stock at a facility was kept too warm or too cold, and holds what was there.
#[derive(Clone, Debug)]
pub struct RecordExcursion {
    /// Where.
    pub facility_id: Code,
    /// The item.
    pub item_id: Code,
    /// Only these batches; none means all that are there.
    pub batch_ids: Vec<Code>,
    /// Lowest temperature in thousandths of a degree Celsius.
    pub lowest_millicelsius: i32,
    /// Highest temperature in thousandths of a degree Celsius.
    pub highest_millicelsius: i32,
    /// How long it lasted in minutes; 0 where unknown.
    pub duration_minutes: i32,
    /// Print-out of the logger and so on.
    pub documents: Vec<DocumentRef>,
}
