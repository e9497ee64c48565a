//! Corrections: nothing recorded is changed; a new fact names the wrong one. Where goods have gone on since, what the
//! books can then no longer explain is booked as found, until a count settles where it came from.

use chrono::NaiveDate;
use keruen_proto::{
    Event, Timestamp,
    inventory::v1::VoidedMovement,
    log::v1::{Correction, CorrectionReason},
    registry::v1::{DocumentRef, UnitValue},
};

use crate::{
    asset,
    books::Entry,
    boundary::Boundary,
    calendar,
    code::{Code, Label},
    command::Moment,
    rejection::Rejection,
};

mod batch;
mod receipt;
mod removal;
mod state;
mod void;

/// A recorded event that a command names. It never changes, so nothing must be read again before the append.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Its id.
    pub event_id: String,
    /// What it says.
    pub event: Event,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z.
    pub occurred_at_us: i64,
    /// What its [`context`] was right before it; `None` where it has none.
    pub before: Option<Box<Entry>>,
}

/// Corrects how many units of a batch a receipt brought.
#[derive(Clone, Debug)]
pub struct CorrectReceipt {
    /// The receipt.
    pub fact: Fact,
    /// The batch that it brought.
    pub batch_id: Code,
    /// How many came, in truth; 0 where none did.
    pub quantity: i64,
    /// Those that did not come, or that came besides, of an asset.
    pub serial_numbers: Vec<Label>,
    /// Corrected act and so on.
    pub documents: Vec<DocumentRef>,
}

/// Corrects what a receipt said of a batch. What is `None` stays as it is.
#[derive(Clone, Debug)]
pub struct CorrectBatchData {
    /// The receipt.
    pub fact: Fact,
    /// The batch that it brought.
    pub batch_id: Code,
    /// Lot number; `None` within where there is none.
    pub lot: Option<Option<Label>>,
    /// Last day of use; `None` within where it doesn't expire.
    pub expires_on: Option<Option<NaiveDate>>,
    /// Declared value of one unit.
    pub unit_value: Option<UnitValue>,
    /// Photograph of the label and so on.
    pub documents: Vec<DocumentRef>,
}

/// Records that something said of stock did not happen.
#[derive(Clone, Debug)]
pub struct VoidMovement {
    /// What did not happen.
    pub fact: Fact,
    /// Protocol and so on.
    pub documents: Vec<DocumentRef>,
}

/// What [`VoidMovement`] can take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// Something that happened to stock at a facility. What was gone is there again at any time; of an increase, what has
    /// gone on since is booked as found; title goes back only while the units are where they passed, and no shipment
    /// claims them.
    Stock(VoidedMovement),
    /// A dispatch, as long as nothing else was told of the shipment.
    Dispatch,
    /// A receipt of a shipment, as long as what it had found missing is still outstanding; what came and has gone on since
    /// is booked as found.
    ShipmentReceipt,
    /// A loss act, as long as the units are lost, and nothing was allocated in their place.
    LossAct,
    /// A payment of donated money, at any time.
    Payment,
    /// A step of a consignment, as long as it was the last one, and no goods came with it.
    ConsignmentStep,
    /// A step in the life of an asset, as long as it was the last one.
    AssetStep,
}

/// How a wrong event is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// [`CorrectReceipt`] and [`CorrectBatchData`], at any time. What has gone on since is booked as found; units with a
    /// serial number are corrected only where they came and still are.
    CorrectReceipt,
    /// [`VoidMovement`], once. What a receipt of a shipment said of new batches is corrected by [`CorrectBatchData`].
    Void(Void),
    /// [`CorrectBatchData`], at any time. How many there are is for a count to say.
    CorrectBatch,
    /// What is done instead.
    Instead(&'static str),
}

/// The one table of what puts which event right.
pub fn remedy(event: &Event) -> Remedy {
    use Remedy::Instead;
    if let Some(void) = void_of(event) {
        return Remedy::Void(void);
    }
    match event {
        Event::DonationReceived(_) => Remedy::CorrectReceipt,
        Event::StockEntered(_) => Remedy::CorrectBatch,
        Event::StockHeld(_) | Event::BatchHeld(_) => {
            Instead("release it, with the reason HELD_BY_MISTAKE")
        }
        Event::StockReleased(_) | Event::BatchReleased(_) => Instead("hold it again"),
        Event::LotRecalled(_) => Instead("lift the recall"),
        Event::LotRecallLifted(_) => Instead("recall the lot again"),
        Event::ShipmentRequested(_) | Event::ShipmentAllocated(_) => Instead("cancel the shipment"),
        Event::AllocationReleased(_) => Instead("allocate the shipment again"),
        Event::ShipmentCancelled(_) => Instead("request the shipment anew"),
        Event::ReceiptCorrected(_) | Event::BatchDataCorrected(_) => {
            Instead("correct the receipt once more")
        }
        Event::KitsAssembled(_) => Instead("take the kits apart"),
        Event::KitsBroken(_) => Instead("put the kits together again"),
        Event::AssetPutInside(_) => Instead("take it out again"),
        Event::AssetTakenOut(_) => Instead("put it in again"),
        Event::AssetLossAccepted(_) => {
            Instead("void the decrease of stock that took it off the books: it is there again")
        }
        Event::EarmarksChanged(_) => Instead("change the earmarks once more"),
        Event::DonatedMoneyCommitted(_) => Instead("release the commitment"),
        Event::DonatedMoneyReleased(_) => Instead("commit the money anew"),
        Event::MovementVoided(_)
        | Event::ShipmentDispatchVoided(_)
        | Event::ShipmentReceiptVoided(_)
        | Event::LossActVoided(_)
        | Event::DonatedMoneySpendingVoided(_)
        | Event::ConsignmentStepVoided(_)
        | Event::AssetStepVoided(_) => Instead("record anew what did happen"),
        Event::ShipmentTitleTransferred(_) => Instead("transfer the title back"),
        Event::StockDiscrepancyFound(_) => Instead("count the stock, or void what showed it"),
        Event::StockCounted(_) => Instead("count the stock once more"),
        Event::DonationClosed(_) => Instead("receive what comes: that opens it again"),
        _ => Instead("record what is true by a fact of its own, or count the stock"),
    }
}

/// What [`VoidMovement`] takes back where it takes an event back.
fn void_of(event: &Event) -> Option<Void> {
    use Void::Stock;
    Some(match event {
        Event::StockConsumed(_) => Stock(VoidedMovement::Consumption),
        Event::StockDisposed(_) => Stock(VoidedMovement::Disposal),
        Event::StockReturned(_) => Stock(VoidedMovement::Return),
        Event::StockAdjusted(event) if event.decrease => Stock(VoidedMovement::Decrease),
        Event::StockAdjusted(_) => Stock(VoidedMovement::Increase),
        Event::TitleTransferred(_) => Stock(VoidedMovement::TitleTransfer),
        Event::ShipmentDispatched(_) => Void::Dispatch,
        Event::ShipmentReceived(_) => Void::ShipmentReceipt,
        Event::LossActAccepted(_) => Void::LossAct,
        Event::DonatedMoneySpent(_) => Void::Payment,
        Event::ConsignmentAnnounced(_)
        | Event::ConsignmentReachedBorder(_)
        | Event::ConsignmentEnteredCustoms(_)
        | Event::ConsignmentCleared(_)
        | Event::ConsignmentRefused(_) => Void::ConsignmentStep,
        Event::AssetPutInside(_)
        | Event::AssetTakenOut(_)
        | Event::AssetStepVoided(_)
        | Event::AssetLossAccepted(_) => {
            return None;
        }
        _ => {
            asset::life_units(event)?;
            Void::AssetStep
        }
    })
}

/// What must be known as it was right before an event to take that event back: the asset of a step in its life, the
/// donation of a step of a consignment.
pub fn context(event: &Event) -> Option<Boundary> {
    match void_of(event)? {
        Void::AssetStep => {
            let (_, units) = asset::life_units(event)?;
            Boundary::asset(&units.item_id, units.serial_numbers.first()?)
        }
        Void::ConsignmentStep => Boundary::donation(consignment_of(event)?.0),
        _ => None,
    }
}

/// The donation and the consignment of a step of one.
fn consignment_of(event: &Event) -> Option<(&str, &str)> {
    let (donation_id, consignment_id) = match event {
        Event::ConsignmentAnnounced(it) => (&it.donation_id, &it.consignment_id),
        Event::ConsignmentReachedBorder(it) => (&it.donation_id, &it.consignment_id),
        Event::ConsignmentEnteredCustoms(it) => (&it.donation_id, &it.consignment_id),
        Event::ConsignmentCleared(it) => (&it.donation_id, &it.consignment_id),
        Event::ConsignmentRefused(it) => (&it.donation_id, &it.consignment_id),
        _ => return None,
    };
    Some((donation_id, consignment_id))
}

/// What of an earlier event an event corrects; `None` where it corrects none.
pub fn correction(event: &Event) -> Option<Correction> {
    let (corrects_event_id, reason) = match event {
        Event::ReceiptCorrected(event) => (&event.corrects_event_id, event.reason()),
        Event::BatchDataCorrected(event) => {
            (&event.corrects_event_id, CorrectionReason::IncorrectData)
        }
        _ => (voided_event_id(event)?, CorrectionReason::DidNotOccur),
    };
    Some(Correction {
        corrects_event_id: corrects_event_id.clone(),
        reason: reason.into(),
    })
}

/// The event that an event says did not happen; `None` where it says so of none.
fn voided_event_id(event: &Event) -> Option<&String> {
    Some(match event {
        Event::MovementVoided(event) => &event.corrects_event_id,
        Event::ShipmentDispatchVoided(event) => &event.corrects_event_id,
        Event::ShipmentReceiptVoided(event) => &event.corrects_event_id,
        Event::LossActVoided(event) => &event.corrects_event_id,
        Event::DonatedMoneySpendingVoided(event) => &event.corrects_event_id,
        Event::ConsignmentStepVoided(event) => &event.corrects_event_id,
        Event::AssetStepVoided(event) => &event.corrects_event_id,
        _ => return None,
    })
}

/// When something that a correction changes had been said to happen, where the event says so: from then on the correction
/// counts where the past is told.
pub fn effective_at_us(event: &Event) -> Option<i64> {
    let effective_at = match event {
        Event::ReceiptCorrected(event) => event.effective_at,
        Event::MovementVoided(event) => event.effective_at,
        Event::StockDiscrepancyFound(event) => event.effective_at,
        Event::ShipmentDispatchVoided(event) => event.effective_at,
        Event::ShipmentReceiptVoided(event) => event.effective_at,
        Event::LossActVoided(event) => event.effective_at,
        _ => None,
    };
    effective_at.as_ref().map(calendar::micros)
}

impl Fact {
    /// Refuses to say that it was wrong before it happened.
    fn check_before(&self, moment: Moment) -> Result<(), Rejection> {
        if moment.occurred_at_us >= self.occurred_at_us {
            return Ok(());
        }
        Err(Rejection::CorrectedTooEarly {
            event_id: self.event_id.clone(),
            happened_at: calendar::time(self.occurred_at_us),
            found: calendar::time(moment.occurred_at_us),
        })
    }

    /// From when on what corrects it counts: as long as it did itself.
    fn effective_at(&self) -> Timestamp {
        let effective_at_us = effective_at_us(&self.event).unwrap_or(self.occurred_at_us);
        calendar::timestamp(effective_at_us)
    }

    /// That what it says can't be taken back any more, for what has happened since, and what to do.
    fn moved_on(&self, what: impl Into<String>, advice: &'static str) -> Rejection {
        Rejection::MovedOn {
            event_id: self.event_id.clone(),
            event: self.event.short_name(),
            what: what.into(),
            advice,
        }
    }

    /// That this can't put the event right, and what does.
    fn not_so(&self) -> Rejection {
        let instead = match remedy(&self.event) {
            Remedy::CorrectReceipt => "correct the receipt",
            Remedy::CorrectBatch => "correct what it says of a new batch, or count the stock",
            Remedy::Void(_) => "void it",
            Remedy::Instead(instead) => instead,
        };
        Rejection::NotCorrectable {
            event_id: self.event_id.clone(),
            event: self.event.short_name(),
            instead,
        }
    }
}
