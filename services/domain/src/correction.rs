//! Corrections: nothing recorded is changed; a new fact names the wrong one. Where goods have gone on since, what the
//! books can then no longer explain is booked as found, until a count settles where it came from.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::VoidedMovement,
    log::v1::{Correction, CorrectionReason},
    registry::v1::{DocumentRef, UnitValue},
};

use crate::{
    code::{Code, Label},
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

/// How a wrong event is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// [`CorrectReceipt`] and [`CorrectBatchData`], at any time. What has gone on since is booked as found; units with a
    /// serial number are corrected only where they came and still are.
    CorrectReceipt,
    /// [`VoidMovement`], once. What was gone is there again at any time; of an increase, what has gone on since is booked
    /// as found; title goes back only while the units are where they passed, and no shipment claims them.
    Void(VoidedMovement),
    /// [`CorrectBatchData`], at any time. How many there are is for a count to say.
    CorrectBatch,
    /// What is done instead.
    Instead(&'static str),
}

/// The one table of what puts which event right.
pub fn remedy(event: &Event) -> Remedy {
    use Remedy::{Instead, Void};
    match event {
        Event::DonationReceived(_) => Remedy::CorrectReceipt,
        Event::StockEntered(_) | Event::ShipmentReceived(_) => Remedy::CorrectBatch,
        Event::StockConsumed(_) => Void(VoidedMovement::Consumption),
        Event::StockDisposed(_) => Void(VoidedMovement::Disposal),
        Event::StockReturned(_) => Void(VoidedMovement::Return),
        Event::StockAdjusted(event) if event.decrease => Void(VoidedMovement::Decrease),
        Event::StockAdjusted(_) => Void(VoidedMovement::Increase),
        Event::TitleTransferred(_) => Void(VoidedMovement::TitleTransfer),
        Event::StockHeld(_) | Event::BatchHeld(_) => {
            Instead("release it, with the reason HELD_BY_MISTAKE")
        }
        Event::StockReleased(_) | Event::BatchReleased(_) => Instead("hold it again"),
        Event::LotRecalled(_) => Instead("lift the recall"),
        Event::LotRecallLifted(_) => Instead("recall the lot again"),
        Event::ShipmentAllocated(_) => Instead("cancel the shipment"),
        Event::ShipmentDispatched(_) | Event::LossActAccepted(_) => {
            Instead("record what is there, by a receipt of the shipment or a count")
        }
        Event::ReceiptCorrected(_) | Event::BatchDataCorrected(_) => {
            Instead("correct the receipt once more")
        }
        Event::KitsAssembled(_) => Instead("take the kits apart"),
        Event::KitsBroken(_) => Instead("put the kits together again"),
        Event::EarmarksChanged(_) => Instead("change the earmarks once more"),
        Event::MovementVoided(_) => Instead("record anew what did happen"),
        Event::StockDiscrepancyFound(_) => Instead("count the stock, or void what showed it"),
        Event::DonationClosed(_) => Instead("receive what comes: that opens it again"),
        _ => Instead("record what is true by a fact of its own, or count the stock"),
    }
}

/// What of an earlier event an event corrects; `None` where it corrects none.
pub fn correction(event: &Event) -> Option<Correction> {
    let (corrects_event_id, reason) = match event {
        Event::ReceiptCorrected(event) => (&event.corrects_event_id, event.reason()),
        Event::BatchDataCorrected(event) => {
            (&event.corrects_event_id, CorrectionReason::IncorrectData)
        }
        Event::MovementVoided(event) => (&event.corrects_event_id, CorrectionReason::DidNotOccur),
        _ => return None,
    };
    Some(Correction {
        corrects_event_id: corrects_event_id.clone(),
        reason: reason.into(),
    })
}

impl Fact {
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
