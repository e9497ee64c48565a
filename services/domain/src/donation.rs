//! Donations: pledged by a donor, received as batches, paid out of donated money.

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::ReceiptOutcome,
    registry::v1::{DocumentRef, Money, UnitValue},
};

use crate::code::{Code, Label, Quantity};

mod pledge;
pub(crate) mod receipt;
pub(crate) mod state;

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
}

/// Spends donated money and records that what it bought arrived at a facility.
#[derive(Clone, Debug)]
pub struct SpendDonatedMoney {
    /// The donation.
    pub donation_id: Code,
    /// How much: a positive amount.
    pub amount: Money,
    /// Organisation that was paid.
    pub supplier_id: Code,
    /// Where the goods arrived.
    pub facility_id: Code,
    /// What was bought; at least one line.
    pub lines: Vec<ReceiptLine>,
    /// Invoice, payment and so on.
    pub documents: Vec<DocumentRef>,
}
