//! Donations: pledged by a donor, received as batches, paid out of donated money, closed in full or short.

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::{
        ClearanceOverride, CommitmentReleaseReason, Donation, DonationCondition, Earmark,
        MoneyPurpose, ReceiptOutcome, ShortfallReason,
    },
    registry::v1::{DocumentRef, Money, UnitValue},
};

use crate::{
    books::Books,
    code::{Code, Label, Quantity},
    rejection::Rejection,
};

pub(crate) mod close;
pub(crate) mod consignment;
pub(crate) mod earmark;
mod money;
mod pledge;
pub(crate) mod receipt;
mod spend;
pub(crate) mod state;

pub use consignment::Passage;

/// Goods that a donor promises: of a commodity, or of an exact item.
#[derive(Clone, Debug)]
pub struct PledgedGoods {
    /// Number of the line, unique in the pledge, from 1.
    pub line: i32,
    /// What it is about; `None` where the item says so.
    pub commodity_id: Option<Code>,
    /// The exact item, where it is known already.
    pub item_id: Option<Code>,
    /// How many.
    pub quantity: Quantity,
}

/// Records that a donor promises goods or money.
#[derive(Clone, Debug)]
pub struct PledgeDonation {
    /// Id of the new donation.
    pub donation_id: Code,
    /// Organisation that gives.
    pub donor_id: Code,
    /// Organisation to which the goods will belong.
    pub recipient_id: Code,
    /// Goods promised.
    pub lines: Vec<PledgedGoods>,
    /// Money promised: a positive amount.
    pub money: Option<Money>,
    /// Day on which it is expected.
    pub expected_on: Option<NaiveDate>,
    /// Agreements and so on.
    pub documents: Vec<DocumentRef>,
    /// Whether the donor is not to be named in public.
    pub anonymous: bool,
    /// What the donor attaches to it, each once.
    pub conditions: Vec<DonationCondition>,
    /// For whom or what it is meant; each states something.
    pub earmarks: Vec<Earmark>,
}

/// One line of goods that arrived.
#[derive(Clone, Debug)]
pub struct ReceiptLine {
    /// The item that is there, or is missing.
    pub item_id: Code,
    /// How many.
    pub quantity: Quantity,
    /// What was found.
    pub outcome: ReceiptOutcome,
    /// Lot number.
    pub lot: Option<Label>,
    /// Last day of use.
    pub expires_on: Option<NaiveDate>,
    /// Serial numbers of assets, without repetition within the receipt.
    pub serial_numbers: Vec<Label>,
    /// Line of the pledge; `None` means the only one that fits.
    pub pledge_line: Option<i32>,
    /// Declared value of one unit.
    pub unit_value: Option<UnitValue>,
    /// Id of the new batch.
    pub batch_id: Code,
}

/// Records that donated goods arrived at a facility.
#[derive(Clone, Debug)]
pub struct ReceiveDonation {
    /// The donation.
    pub donation_id: Code,
    /// Where they arrived.
    pub facility_id: Code,
    /// What was found; at least one line.
    pub lines: Vec<ReceiptLine>,
    /// Acceptance act and so on.
    pub documents: Vec<DocumentRef>,
    /// How they came into the country.
    pub import: Import,
}

/// How goods came into the country.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// The consignment of the donation that they came with; `None` where they came with none.
    pub consignment_id: Option<Code>,
    /// Who receives them although customs have not cleared them, and why.
    pub clearance_override: Option<ClearanceOverride>,
}

/// What donated money was spent on.
#[derive(Clone, Debug)]
pub enum Expense {
    /// Goods that have arrived.
    Goods {
        /// Where they arrived.
        facility_id: Code,
        /// What was bought; at least one line.
        lines: Vec<ReceiptLine>,
    },
    /// Something that enters no books.
    Service {
        /// What it is; not goods.
        purpose: MoneyPurpose,
        /// The shipment whose carriage it paid for; only with freight.
        shipment_id: Option<Code>,
    },
}

/// Spends donated money, and records that goods that it bought arrived at a facility.
#[derive(Clone, Debug)]
pub struct SpendDonatedMoney {
    /// The donation.
    pub donation_id: Code,
    /// How much: a positive amount.
    pub amount: Money,
    /// Organisation that was paid.
    pub supplier_id: Code,
    /// What for.
    pub expense: Expense,
    /// Number of the commitment that it is taken from; `None` takes money that is not set aside.
    pub commitment: Option<i32>,
    /// Invoice, payment and so on.
    pub documents: Vec<DocumentRef>,
}

/// Sets donated money aside for a supplier.
#[derive(Clone, Debug)]
pub struct CommitDonatedMoney {
    /// The donation.
    pub donation_id: Code,
    /// How much: a positive amount.
    pub amount: Money,
    /// What for.
    pub purpose: MoneyPurpose,
    /// For whom.
    pub supplier_id: Code,
    /// Contract and so on.
    pub documents: Vec<DocumentRef>,
}

/// Gives up what is left of a commitment.
#[derive(Clone, Debug)]
pub struct ReleaseDonatedMoney {
    /// The donation.
    pub donation_id: Code,
    /// Number of the commitment.
    pub commitment: i32,
    /// Why.
    pub reason: CommitmentReleaseReason,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

/// Records that nothing more is expected of a donation.
#[derive(Clone, Debug)]
pub struct CloseDonation {
    /// The donation.
    pub donation_id: Code,
    /// Why less came than was promised; `None` where all of the goods came.
    pub shortfall_reason: Option<ShortfallReason>,
    /// Closing letter and so on.
    pub documents: Vec<DocumentRef>,
}

/// Changes for whom or what a donation is meant, as its donor says.
#[derive(Clone, Debug)]
pub struct ChangeEarmarks {
    /// The donation.
    pub donation_id: Code,
    /// From now on; none lifts what was said before.
    pub earmarks: Vec<Earmark>,
    /// Who says so for the donor: a reference.
    pub authorised_by_ref: Label,
    /// The donor's letter and so on; at least one.
    pub documents: Vec<DocumentRef>,
}

/// Announces that a part of a donation comes from abroad.
#[derive(Clone, Debug)]
pub struct AnnounceConsignment {
    /// The donation.
    pub donation_id: Code,
    /// Id of the consignment; `None` means the next of C-1, C-2, C-3 …
    pub consignment_id: Option<Code>,
    /// Day on which it is expected.
    pub expected_on: Option<NaiveDate>,
    /// Waybill, packing list and so on.
    pub documents: Vec<DocumentRef>,
}

/// Records how far a consignment has come.
#[derive(Clone, Debug)]
pub struct MoveConsignment {
    /// The donation.
    pub donation_id: Code,
    /// The consignment.
    pub consignment_id: Code,
    /// What happened to it.
    pub passage: Passage,
    /// Declaration and so on.
    pub documents: Vec<DocumentRef>,
}

/// The donation, or that it is unknown.
pub(crate) fn existing<'a>(
    books: &'a Books,
    donation_id: &Code,
) -> Result<&'a Donation, Rejection> {
    books
        .donation(donation_id)
        .ok_or_else(|| Rejection::UnknownDonation {
            donation_id: donation_id.to_string(),
        })
}
