//! Shipments: requested, allocated first expired first out, dispatched, received, settled or cancelled.

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::{FitOverride, ReceiptOutcome},
    registry::v1::DocumentRef,
    shipments::v1::{
        AgreementOverride, CancellationReason, CustodyBasis, LossVerdict, ReserveOverride,
        SealCheck, Shipment,
    },
};

use crate::{
    books::Books,
    boundary::Boundary,
    code::{Code, Label, Quantity},
    quality,
    rejection::Rejection,
};

mod allocate;
mod answer;
mod custody;
mod dispatch;
mod journey;
mod loss;
mod parcel;
mod pick;
pub(crate) mod plan;
mod receipt;
mod receive;
mod reserve;
mod split;
pub(crate) mod state;
mod title;
mod unclaimed;
mod way;

pub(crate) use allocate::needed_until;
pub use answer::AnswerDiscrepancy;
pub use custody::{HandOverShipment, RefuseHandOver};
pub(crate) use journey::travels;
pub use journey::{DelayShipment, DivertShipment, Elsewhere, RecordArrival, RecordDeliveryAttempt};
pub use loss::ReportLoss;
pub use parcel::{PackParcel, UnpackParcel};
pub use pick::Pick;
pub use split::SplitShipment;
pub use title::TransferShipmentTitle;
pub use unclaimed::DispatchUnclaimed;

/// One line of goods to be sent.
#[derive(Clone, Debug)]
pub struct GoodsToSend {
    /// Number of the line, unique in the shipment, from 1.
    pub line: i32,
    /// The item.
    pub item_id: Code,
    /// How many.
    pub quantity: Quantity,
    /// Request and its line that this fulfils; `None` where goods are pushed by plan.
    pub request: Option<(Code, i32)>,
    /// Only stock of this owner; `None` means of any.
    pub owner_id: Option<Code>,
    /// For how many days its units must still be usable on the day of arrival; 0 where any will do.
    pub min_life_days: i32,
}

/// Asks for goods to be moved, for a request or by plan.
#[derive(Clone, Debug)]
pub struct RequestShipment {
    /// Id of the new shipment.
    pub shipment_id: Code,
    /// Facility from which it goes.
    pub origin_id: Code,
    /// Facility to which it goes.
    pub destination_id: Code,
    /// What is to be sent; at least one line.
    pub lines: Vec<GoodsToSend>,
}

/// Claims stock at the origin for a shipment.
#[derive(Clone, Debug)]
pub struct AllocateShipment {
    /// The shipment.
    pub shipment_id: Code,
    /// Whether to claim what there is where there is less than asked for.
    pub allow_partial: bool,
    /// Who sends items to where they do not fit, and why.
    pub fit_override: Option<FitOverride>,
    /// Who lets the origin keep less than its minimum reserve, and why.
    pub reserve_override: Option<ReserveOverride>,
    /// Other items of the origin that count as what remains of a reserve.
    pub reserve_item_ids: Vec<Code>,
    /// Day of arrival for which remaining life is reckoned; `None` means the day of the claim.
    pub arrives_on: Option<NaiveDate>,
}

/// Records that a shipment left its origin.
#[derive(Clone, Debug)]
pub struct DispatchShipment {
    /// The shipment.
    pub shipment_id: Code,
    /// Organisation that is liable for it on its way.
    pub custodian_id: Code,
    /// Reference to the person who signed for it.
    pub signed_by_ref: Option<Label>,
    /// Day on which it is expected.
    pub expected_on: Option<NaiveDate>,
    /// Waybill and so on.
    pub documents: Vec<DocumentRef>,
    /// What the custodian signed for, if that is said.
    pub basis: Option<CustodyBasis>,
    /// Who sends what is inside its assets to where that does not fit, and why.
    pub fit_override: Option<FitOverride>,
    /// Who answers for it that the custodian, who ever had agreements, has no valid one.
    pub agreement_override: Option<AgreementOverride>,
}

/// What was found of one line of a shipment.
#[derive(Clone, Debug)]
pub struct FoundGoods {
    /// Number of the shipment's line; `None` for goods that belong to no line.
    pub line: Option<i32>,
    /// The batch; `None` means the only one of this line that is on its way.
    pub batch_id: Option<Code>,
    /// Its owner; `None` means the only one.
    pub owner_id: Option<Code>,
    /// How many.
    pub quantity: Quantity,
    /// What was found.
    pub outcome: ReceiptOutcome,
    /// Serial numbers of assets.
    pub serial_numbers: Vec<Label>,
    /// The item that is there; only for surplus and wrong.
    pub item_id: Option<Code>,
    /// Lot number; only for surplus and wrong.
    pub lot: Option<Label>,
    /// Last day of use; only for surplus and wrong.
    pub expires_on: Option<NaiveDate>,
    /// Id for the new, unattributed batch; used only for surplus and wrong.
    pub new_batch_id: Code,
    /// Parcel in which that was found.
    pub sscc: Option<Code>,
}

/// Records what was found when a shipment, or a part of it, was received.
#[derive(Clone, Debug)]
pub struct ReceiveShipment {
    /// The shipment.
    pub shipment_id: Code,
    /// What was found; `None` means everything that is on its way, in good condition.
    pub lines: Option<Vec<FoundGoods>>,
    /// Reference to the person who signed for it.
    pub signed_by_ref: Option<Label>,
    /// Acceptance act and so on.
    pub documents: Vec<DocumentRef>,
    /// What was found of the seals of its parcels.
    pub seals: Vec<SealCheck>,
    /// Within how many days the sender can dispute what is not as announced.
    pub answer_within_days: u32,
}

/// Settles units reported missing: they are lost, and liability for them ends.
#[derive(Clone, Debug)]
pub struct AcceptLossAct {
    /// The shipment.
    pub shipment_id: Code,
    /// The act.
    pub act: DocumentRef,
    /// Who answers for it.
    pub verdict: LossVerdict,
    /// Only of these lines; `None` means of all.
    pub lines: Option<Vec<i32>>,
    /// Only units of which this organisation answers; `None` means of whichever.
    pub liable_id: Option<Code>,
}

/// Cancels a shipment before dispatch and gives up its claims.
#[derive(Clone, Debug)]
pub struct CancelShipment {
    /// The shipment.
    pub shipment_id: Code,
    /// Why.
    pub reason: CancellationReason,
}

/// The shipment and both of its facilities.
fn reads(books: &Books, shipment_id: &Code) -> Vec<Boundary> {
    let mut boundaries = vec![Boundary::Shipment(shipment_id.clone())];
    if let Some(shipment) = books.shipment(shipment_id) {
        boundaries.extend(Boundary::facility(&shipment.origin_id));
        boundaries.extend(Boundary::facility(&shipment.destination_id));
    }
    boundaries
}

/// The shipment with the last days of use that are known by now.
fn as_known(books: &Books, shipment: &Shipment) -> Shipment {
    let mut shipment = shipment.clone();
    for lot in &mut shipment.lots {
        if let Some(units) = lot.shipment_units.as_mut().and_then(|it| it.units.as_mut()) {
            *units = quality::state::as_known(books, units);
        }
    }
    shipment
}

/// The shipment, or that it is unknown.
pub(crate) fn existing<'a>(
    books: &'a Books,
    shipment_id: &Code,
) -> Result<&'a Shipment, Rejection> {
    books
        .shipment(shipment_id)
        .ok_or_else(|| Rejection::UnknownShipment {
            shipment_id: shipment_id.to_string(),
        })
}

/// The state of a shipment, for people.
pub(crate) fn state_name(shipment: &Shipment) -> String {
    let name = shipment.state().as_str_name();
    name.trim_start_matches("SHIPMENT_STATE_").to_owned()
}

/// That the shipment is in a state in which this can't be done.
pub(crate) fn wrong_state(shipment: &Shipment, allowed: &str) -> Rejection {
    Rejection::ShipmentState {
        shipment_id: shipment.shipment_id.clone(),
        state: state_name(shipment),
        allowed: allowed.to_owned(),
    }
}
