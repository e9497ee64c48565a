//! The world of the tests: a small registry, and short ways to write commands.

use chrono::NaiveDate;
use keruen_domain::{
    Code, Label, Quantity,
    correction::{Fact, context},
    donation::{
        AnnounceConsignment, CloseDonation, CommitDonatedMoney, Expense, Import, MoveConsignment,
        Passage, PledgeDonation, PledgedGoods, ReceiptLine, ReceiveDonation, ReleaseDonatedMoney,
        SpendDonatedMoney,
    },
    kit::{AssembleKits, BreakKits},
    quality::{Grounds, HoldBatch, LiftRecall, RecallLot, ReleaseBatch, ShortenExpiry},
    request::{ApproveRequest, ApprovedQuantity, FileRequest, NeededGoods, RejectRequest},
    shipment::{
        AcceptLossAct, AllocateShipment, CancelShipment, DispatchShipment, DispatchUnclaimed,
        FoundGoods, GoodsToSend, ReceiveShipment, RequestShipment, TransferShipmentTitle,
    },
    stock::{
        AdjustStock, Change, ConsumeStock, CountStock, CountedUnits, DisposeStock, HoldStock,
        NewStock, OpenStock, RecordExcursion, ReleaseStock, ReturnStock, TransferTitle,
    },
};
use keruen_proto::{
    Event,
    inventory::v1::{
        AdjustmentReason, CommitmentReleaseReason, ConsumptionPurpose, CountKind, DisposalReason,
        HoldReason, MoneyPurpose, OverrideReason, RecallReason, ReceiptOutcome, ReturnReason,
        ShortfallReason,
    },
    registry::v1::{
        Commodity, CommodityRegistered, DocumentKind, DocumentRef, Facility, FacilityKind,
        FacilityRegistered, Item, ItemRegistered, KitComponent, LocalizedText, Money, Organisation,
        OrganisationKind, OrganisationRegistered, RegionAssignment, Tracking,
    },
    requests::v1::{RejectionReason, RequestPriority},
    shipments::v1::{CancellationReason, LossVerdict},
};

use crate::story::Story;

/// 2020-04-10, noon in Almaty (UTC+6 then).
pub const NOON_US: i64 = 1_586_498_400_000_000;

pub fn noon_us(day: &str) -> i64 {
    (date(day) - date("2020-04-10")).num_days() * 86_400_000_000 + NOON_US
}

pub fn date(day: &str) -> NaiveDate {
    day.parse().expect("a date")
}

pub fn code(text: &str) -> Code {
    Code::parse(text).expect("a code")
}

pub fn label(text: &str) -> Label {
    Label::parse(text).expect("a label")
}

pub fn labels(texts: &[&str]) -> Vec<Label> {
    texts.iter().map(|text| label(text)).collect()
}

pub fn quantity(value: i64) -> Quantity {
    Quantity::parse(value).expect("a quantity")
}

pub fn name(text: &str) -> LocalizedText {
    LocalizedText {
        en: text.to_owned(),
        ..LocalizedText::default()
    }
}

pub fn organisation(id: &str, kind: OrganisationKind) -> Organisation {
    Organisation {
        organisation_id: id.to_owned(),
        name: Some(name(id)),
        kinds: vec![kind.into()],
        ..Organisation::default()
    }
}

pub fn facility(id: &str, region_id: &str) -> Facility {
    Facility {
        facility_id: id.to_owned(),
        name: Some(name(id)),
        kind: FacilityKind::Warehouse.into(),
        regions: vec![RegionAssignment {
            region_id: region_id.to_owned(),
            valid_from: String::new(),
        }],
        time_zone: "Asia/Almaty".to_owned(),
        operator_id: "MOH".to_owned(),
        ..Facility::default()
    }
}

pub fn commodity(id: &str) -> Commodity {
    Commodity {
        commodity_id: id.to_owned(),
        name: Some(name(id)),
        base_unit: "EA".to_owned(),
        ..Commodity::default()
    }
}

pub fn item(id: &str, commodity_id: &str, tracking: Tracking, expires: bool) -> Item {
    Item {
        item_id: id.to_owned(),
        commodity_id: commodity_id.to_owned(),
        name: Some(name(id)),
        tracking: tracking.into(),
        manufacturer: "Maker".to_owned(),
        model: format!("{id}/1"),
        expires,
        ..Item::default()
    }
}

/// Donor KASPI; MOH and HELP own goods; CREW carries them. A warehouse WH, hospitals HOSP and FAR. RAPID and PCR are
/// tests that expire, GLOVE doesn't, CONC is an asset.
pub fn registry() -> Vec<Event> {
    use OrganisationKind::{Charity, Donor, Ministry, VolunteerGroup};
    let mut events = Vec::new();
    for (id, kind) in [
        ("KASPI", Donor),
        ("MOH", Ministry),
        ("HELP", Charity),
        ("CREW", VolunteerGroup),
    ] {
        events.push(
            OrganisationRegistered {
                organisation: Some(organisation(id, kind)),
            }
            .into(),
        );
    }
    for (id, region) in [("WH", "KZ-75"), ("HOSP", "KZ-62"), ("FAR", "KZ-10")] {
        events.push(
            FacilityRegistered {
                facility: Some(facility(id, region)),
            }
            .into(),
        );
    }
    for id in ["TEST", "GLOVES", "OXYGEN"] {
        events.push(
            CommodityRegistered {
                commodity: Some(commodity(id)),
            }
            .into(),
        );
    }
    for (id, commodity_id, tracking, expires) in [
        ("RAPID", "TEST", Tracking::Batch, true),
        ("PCR", "TEST", Tracking::Batch, true),
        ("GLOVE", "GLOVES", Tracking::Batch, false),
        ("CONC", "OXYGEN", Tracking::Serial, false),
    ] {
        events.push(
            ItemRegistered {
                item: Some(item(id, commodity_id, tracking, expires)),
            }
            .into(),
        );
    }
    events
}

/// Whether an event stands in a region.
pub fn stands_somewhere(event: &Event) -> bool {
    !matches!(
        event,
        Event::OrganisationRegistered(_)
            | Event::OrganisationAmended(_)
            | Event::OrganisationRetired(_)
            | Event::OrganisationVerified(_)
            | Event::VerificationRevoked(_)
            | Event::VehicleRegistered(_)
            | Event::VehicleAmended(_)
            | Event::VehicleRetired(_)
            | Event::VolunteerRegistered(_)
            | Event::LiabilityAgreementSigned(_)
            | Event::LiabilityAgreementEnded(_)
            | Event::TripPlanned(_)
            | Event::TripDeparted(_)
            | Event::TripBrokeDown(_)
            | Event::TripResumed(_)
            | Event::TripCompleted(_)
            | Event::TripCancelled(_)
            | Event::VolunteerAmended(_)
            | Event::VolunteerRetired(_)
            | Event::CrewRegistered(_)
            | Event::CrewAmended(_)
            | Event::CrewRetired(_)
            | Event::VolunteerAssigned(_)
            | Event::AssignmentEnded(_)
            | Event::DutyRosterSet(_)
            | Event::EmergencyDeclared(_)
            | Event::EmergencyEnded(_)
            | Event::CommodityRegistered(_)
            | Event::CommodityAmended(_)
            | Event::CommodityRetired(_)
            | Event::ItemRegistered(_)
            | Event::ItemAmended(_)
            | Event::ItemRetired(_)
            | Event::DonationPledged(_)
            | Event::DonatedMoneySpent(_)
            | Event::DonatedMoneyCommitted(_)
            | Event::DonatedMoneySpendingVoided(_)
            | Event::ConsignmentStepVoided(_)
            | Event::DonatedMoneyReleased(_)
            | Event::DonationClosed(_)
            | Event::DonationReopened(_)
            | Event::EarmarksChanged(_)
            | Event::ConsignmentAnnounced(_)
            | Event::ConsignmentReachedBorder(_)
            | Event::ConsignmentEnteredCustoms(_)
            | Event::ConsignmentCleared(_)
            | Event::ConsignmentRefused(_)
            | Event::BatchDataCorrected(_)
            | Event::BatchHeld(_)
            | Event::BatchReleased(_)
            | Event::BatchExpiryShortened(_)
            | Event::LotRecalled(_)
            | Event::LotRecallLifted(_)
    )
}

/// Whether an event names a region at the other end of a movement.
pub fn goes_somewhere(event: &Event) -> bool {
    matches!(
        event,
        Event::ShipmentRequested(_)
            | Event::ShipmentAllocated(_)
            | Event::AllocationReleased(_)
            | Event::ShipmentCancelled(_)
            | Event::ShipmentDispatched(_)
            | Event::ParcelPacked(_)
            | Event::ParcelUnpacked(_)
            | Event::ShipmentDelayed(_)
            | Event::DeliveryAttempted(_)
            | Event::ShipmentDiverted(_)
            | Event::ShipmentSplit(_)
            | Event::ShipmentTitleTransferred(_)
            | Event::ShipmentArrived(_)
            | Event::ShipmentLossReported(_)
            | Event::DiscrepancyAnswered(_)
            | Event::CustodyHandedOver(_)
            | Event::CustodyRefused(_)
            | Event::ShipmentLoaded(_)
            | Event::ShipmentUnloaded(_)
            | Event::ShipmentDispatchVoided(_)
    )
}

/// A pledge of commodities by KASPI to MOH, its lines numbered from 1.
pub fn pledge(donation_id: &str, commodities: &[(&str, i64)]) -> PledgeDonation {
    PledgeDonation {
        donation_id: code(donation_id),
        donor_id: code("KASPI"),
        recipient_id: code("MOH"),
        lines: (1..)
            .zip(commodities)
            .map(|(line, (commodity_id, amount))| PledgedGoods {
                line,
                commodity_id: Some(code(commodity_id)),
                item_id: None,
                quantity: quantity(*amount),
            })
            .collect(),
        money: None,
        expected_on: None,
        documents: Vec::new(),
        anonymous: false,
        conditions: Vec::new(),
        earmarks: Vec::new(),
    }
}

/// A pledge of dollars by KASPI to MOH.
pub fn pledge_money(donation_id: &str, minor_units: i64) -> PledgeDonation {
    PledgeDonation {
        money: Some(usd(minor_units)),
        ..pledge(donation_id, &[])
    }
}

pub fn usd(minor_units: i64) -> Money {
    Money {
        currency_code: "USD".to_owned(),
        minor_units,
    }
}

/// Units of RAPID and the like expire at the end of 2020.
pub fn line(item_id: &str, amount: i64, batch_id: &str) -> ReceiptLine {
    ReceiptLine {
        item_id: code(item_id),
        quantity: quantity(amount),
        outcome: ReceiptOutcome::Good,
        lot: None,
        expires_on: matches!(item_id, "RAPID" | "PCR").then(|| date("2020-12-31")),
        serial_numbers: Vec::new(),
        pledge_line: None,
        unit_value: None,
        batch_id: code(batch_id),
    }
}

/// Units of CONC.
pub fn assets(batch_id: &str, serial_numbers: &[&str]) -> ReceiptLine {
    let amount = i64::try_from(serial_numbers.len()).expect("few");
    ReceiptLine {
        serial_numbers: labels(serial_numbers),
        ..line("CONC", amount, batch_id)
    }
}

/// A receipt at WH.
pub fn receive(donation_id: &str, lines: Vec<ReceiptLine>) -> ReceiveDonation {
    ReceiveDonation {
        donation_id: code(donation_id),
        facility_id: code("WH"),
        lines,
        documents: Vec::new(),
        import: Import::default(),
    }
}

/// The same, off a consignment.
pub fn receive_from(
    consignment_id: &str,
    donation_id: &str,
    lines: Vec<ReceiptLine>,
) -> ReceiveDonation {
    ReceiveDonation {
        import: Import {
            consignment_id: Some(code(consignment_id)),
            clearance_override: None,
        },
        ..receive(donation_id, lines)
    }
}

/// Dollars paid to HELP for what came to WH.
pub fn spend(donation_id: &str, minor_units: i64, lines: Vec<ReceiptLine>) -> SpendDonatedMoney {
    SpendDonatedMoney {
        donation_id: code(donation_id),
        amount: usd(minor_units),
        supplier_id: code("HELP"),
        expense: Expense::Goods {
            facility_id: code("WH"),
            lines,
        },
        commitment: None,
        documents: Vec::new(),
    }
}

/// Dollars paid to HELP for carriage.
pub fn pay_freight(
    donation_id: &str,
    minor_units: i64,
    commitment: Option<i32>,
) -> SpendDonatedMoney {
    SpendDonatedMoney {
        expense: Expense::Service {
            purpose: MoneyPurpose::Freight,
            shipment_id: None,
        },
        commitment,
        ..spend(donation_id, minor_units, Vec::new())
    }
}

/// Dollars set aside for carriage by HELP.
pub fn commit(donation_id: &str, minor_units: i64) -> CommitDonatedMoney {
    CommitDonatedMoney {
        donation_id: code(donation_id),
        amount: usd(minor_units),
        purpose: MoneyPurpose::Freight,
        supplier_id: code("HELP"),
        documents: Vec::new(),
    }
}

/// What is left of a commitment is given up.
pub fn give_up(donation_id: &str, commitment: i32) -> ReleaseDonatedMoney {
    ReleaseDonatedMoney {
        donation_id: code(donation_id),
        commitment,
        reason: CommitmentReleaseReason::CostLess,
        documents: Vec::new(),
    }
}

/// Nothing more is expected, since all has come.
pub fn close_donation(donation_id: &str) -> CloseDonation {
    CloseDonation {
        donation_id: code(donation_id),
        shortfall_reason: None,
        documents: Vec::new(),
    }
}

/// Nothing more is expected, since the donor gives no more.
pub fn close_short(donation_id: &str) -> CloseDonation {
    CloseDonation {
        shortfall_reason: Some(ShortfallReason::DonorWithdrew),
        ..close_donation(donation_id)
    }
}

/// A consignment is coming.
pub fn announce(donation_id: &str, consignment_id: &str) -> AnnounceConsignment {
    AnnounceConsignment {
        donation_id: code(donation_id),
        consignment_id: Some(code(consignment_id)),
        expected_on: None,
        documents: Vec::new(),
    }
}

/// A consignment gets further, or not.
pub fn pass(donation_id: &str, consignment_id: &str, passage: Passage) -> MoveConsignment {
    MoveConsignment {
        donation_id: code(donation_id),
        consignment_id: code(consignment_id),
        passage,
        documents: Vec::new(),
    }
}

/// A correction of a batch at WH.
pub fn adjust(batch_id: &str, change: Change, reason: AdjustmentReason) -> AdjustStock {
    AdjustStock {
        facility_id: code("WH"),
        batch_id: code(batch_id),
        owner_id: None,
        change,
        serial_numbers: Vec::new(),
        reason,
        documents: Vec::new(),
    }
}

/// Fewer of a batch at WH, lost.
pub fn lose(batch_id: &str, amount: i64) -> AdjustStock {
    adjust(
        batch_id,
        Change::Decrease(quantity(amount)),
        AdjustmentReason::Lost,
    )
}

/// More of a batch at WH, found.
pub fn find(batch_id: &str, amount: i64) -> AdjustStock {
    adjust(
        batch_id,
        Change::Increase(quantity(amount)),
        AdjustmentReason::Found,
    )
}

/// Use at WH, of what expires first.
pub fn consume(item_id: &str, amount: i64) -> ConsumeStock {
    ConsumeStock {
        facility_id: code("WH"),
        item_id: code(item_id),
        quantity: quantity(amount),
        batch_id: None,
        owner_id: None,
        purpose: ConsumptionPurpose::Patient,
        already_used: false,
        new_batch_id: code("NEW"),
    }
}

/// Disposal at WH.
pub fn dispose(batch_id: &str, amount: i64) -> DisposeStock {
    DisposeStock {
        facility_id: code("WH"),
        batch_id: code(batch_id),
        owner_id: None,
        quantity: quantity(amount),
        serial_numbers: Vec::new(),
        already_disposed: false,
        reason: DisposalReason::Damaged,
        documents: Vec::new(),
    }
}

/// A kit of two rapid tests and three gloves.
pub fn kit_item() -> Event {
    let component = |item_id: &str, amount| KitComponent {
        item_id: item_id.to_owned(),
        quantity: amount,
    };
    ItemRegistered {
        item: Some(Item {
            components: vec![component("RAPID", 2), component("GLOVE", 3)],
            ..item("KIT", "TEST", Tracking::Batch, false)
        }),
    }
    .into()
}

/// Kits put together at WH, their batches with these ids.
pub fn assemble(amount: i64, batch_ids: &[&str]) -> AssembleKits {
    AssembleKits {
        facility_id: code("WH"),
        item_id: code("KIT"),
        quantity: quantity(amount),
        owner_id: None,
        batch_ids: Vec::new(),
        kit_batch_ids: batch_ids.iter().map(|id| code(id)).collect(),
        documents: Vec::new(),
    }
}

/// Kits taken apart at WH.
pub fn take_apart(batch_id: &str, amount: i64) -> BreakKits {
    BreakKits {
        facility_id: code("WH"),
        batch_id: code(batch_id),
        owner_id: None,
        quantity: quantity(amount),
        documents: Vec::new(),
    }
}

/// The event at a place of a story, as whoever corrects it names it.
pub fn fact_of(story: &Story, index: usize) -> Fact {
    let event = story.events[index].clone();
    Fact {
        event_id: format!("00000000-0000-4000-8000-{index:012x}/0"),
        occurred_at_us: 0,
        before: context(&event).map(|boundary| Box::new(story.read_before(&boundary, index))),
        event,
    }
}

/// Units of a batch at WH pass to HELP.
pub fn transfer(batch_id: &str, amount: i64) -> TransferTitle {
    TransferTitle {
        facility_id: code("WH"),
        batch_id: code(batch_id),
        owner_id: None,
        new_owner_id: code("HELP"),
        quantity: Some(quantity(amount)),
        serial_numbers: Vec::new(),
        documents: Vec::new(),
    }
}

/// All that a shipment has claimed or carries passes to HELP.
pub fn transfer_in(shipment_id: &str) -> TransferShipmentTitle {
    TransferShipmentTitle {
        shipment_id: code(shipment_id),
        new_owner_id: code("HELP"),
        owner_id: None,
        ssccs: Vec::new(),
        units: Vec::new(),
        documents: Vec::new(),
    }
}

/// Units that are there; RAPID and the like expire at the end of 2020.
pub fn new_stock(item_id: &str, amount: i64, batch_id: &str) -> NewStock {
    NewStock {
        item_id: code(item_id),
        quantity: quantity(amount),
        owner_id: None,
        lot: None,
        expires_on: matches!(item_id, "RAPID" | "PCR").then(|| date("2020-12-31")),
        serial_numbers: Vec::new(),
        unit_value: None,
        held: false,
        batch_id: code(batch_id),
    }
}

/// The books of WH are opened.
pub fn open_books(lines: Vec<NewStock>) -> OpenStock {
    OpenStock {
        facility_id: code("WH"),
        lines,
        documents: Vec::new(),
    }
}

/// Everything of an item at WH is counted, batch by batch.
pub fn count(count_id: &str, item_id: &str, lots: &[(&str, i64)]) -> CountStock {
    let lines = lots.iter().map(|(batch_id, quantity)| CountedUnits {
        batch_id: code(batch_id),
        owner_id: None,
        quantity: *quantity,
        serial_numbers: Vec::new(),
    });
    CountStock {
        count_id: code(count_id),
        facility_id: code("WH"),
        item_id: code(item_id),
        kind: CountKind::Full,
        counted_position: None,
        lines: lines.collect(),
        found: Vec::new(),
        documents: Vec::new(),
    }
}

/// Units of a batch at WH are given back to the donor.
pub fn give_back(batch_id: &str, amount: i64) -> ReturnStock {
    ReturnStock {
        facility_id: code("WH"),
        batch_id: code(batch_id),
        owner_id: None,
        quantity: quantity(amount),
        serial_numbers: Vec::new(),
        recipient_id: None,
        already_returned: false,
        reason: ReturnReason::Unsuitable,
        documents: Vec::new(),
    }
}

/// Everything of an item at WH was at 31.5 °C for an hour and a half.
pub fn excursion(item_id: &str) -> RecordExcursion {
    RecordExcursion {
        facility_id: code("WH"),
        item_id: code(item_id),
        batch_ids: Vec::new(),
        lowest_millicelsius: 4_000,
        highest_millicelsius: 31_500,
        duration_minutes: 90,
        documents: Vec::new(),
    }
}

/// A batch may be used until that day only.
pub fn shorten(batch_id: &str, day: &str) -> ShortenExpiry {
    ShortenExpiry {
        batch_id: code(batch_id),
        expires_on: date(day),
        documents: vec![DocumentRef {
            kind: DocumentKind::QualityDecision.into(),
            number: "QD-1".to_owned(),
            ..DocumentRef::default()
        }],
    }
}

/// A batch is held, because there is doubt about its quality.
pub fn hold(batch_id: &str) -> HoldBatch {
    HoldBatch {
        batch_id: code(batch_id),
        reason: HoldReason::QualityDoubt,
        documents: Vec::new(),
    }
}

/// Units of a batch at WH are held by themselves, because they are damaged.
pub fn hold_here(batch_id: &str, amount: i64) -> HoldStock {
    HoldStock {
        facility_id: code("WH"),
        batch_id: code(batch_id),
        owner_id: None,
        quantity: quantity(amount),
        serial_numbers: Vec::new(),
        reason: HoldReason::Damaged,
        documents: Vec::new(),
    }
}

/// Somebody answers for it that units of a batch at WH are no longer held by themselves.
pub fn release_here(batch_id: &str, amount: i64) -> ReleaseStock {
    ReleaseStock {
        facility_id: code("WH"),
        batch_id: code(batch_id),
        owner_id: None,
        quantity: quantity(amount),
        serial_numbers: Vec::new(),
        grounds: release(batch_id).grounds,
        documents: Vec::new(),
    }
}

/// Somebody answers for it that a batch is released.
pub fn release(batch_id: &str) -> ReleaseBatch {
    ReleaseBatch {
        batch_id: code(batch_id),
        reason: None,
        grounds: Grounds::Override {
            authorised_by_ref: label("person:7"),
            reason: OverrideReason::UrgentNeed,
        },
        documents: Vec::new(),
    }
}

/// MOH recalls a lot.
pub fn recall(item_id: &str, lot: &str) -> RecallLot {
    RecallLot {
        item_id: code(item_id),
        lot: label(lot),
        reason: RecallReason::Defect,
        authority_id: code("MOH"),
        documents: Vec::new(),
    }
}

/// MOH lifts the recall of a lot.
pub fn lift(item_id: &str, lot: &str) -> LiftRecall {
    LiftRecall {
        item_id: code(item_id),
        lot: label(lot),
        authority_id: code("MOH"),
        documents: Vec::new(),
    }
}

/// A request of HOSP for commodities, its lines numbered from 1.
pub fn ask(request_id: &str, commodities: &[(&str, i64)]) -> FileRequest {
    FileRequest {
        request_id: code(request_id),
        facility_id: code("HOSP"),
        lines: (1..)
            .zip(commodities)
            .map(|(line, (commodity_id, amount))| NeededGoods {
                line,
                commodity_id: Some(code(commodity_id)),
                item_id: None,
                quantity: Some(quantity(*amount)),
                need: None,
            })
            .collect(),
        priority: RequestPriority::Urgent,
        needed_by: None,
        clinical_reason_code: String::new(),
        filing: None,
    }
}

pub fn approve(request_id: &str, lines: &[(i32, i64)]) -> ApproveRequest {
    let lines = lines.iter().map(|(line, quantity)| ApprovedQuantity {
        line: *line,
        quantity: *quantity,
        commodity_id: None,
        item_id: None,
    });
    ApproveRequest {
        request_id: code(request_id),
        lines: Some(lines.collect()),
        spoken: None,
    }
}

pub fn approve_all(request_id: &str) -> ApproveRequest {
    ApproveRequest {
        request_id: code(request_id),
        lines: None,
        spoken: None,
    }
}

pub fn reject(request_id: &str) -> RejectRequest {
    RejectRequest {
        request_id: code(request_id),
        reason: RejectionReason::Duplicate,
    }
}

/// A shipment from WH to HOSP by plan, its lines numbered from 1.
pub fn ship(shipment_id: &str, goods: &[(&str, i64)]) -> RequestShipment {
    RequestShipment {
        shipment_id: code(shipment_id),
        origin_id: code("WH"),
        destination_id: code("HOSP"),
        lines: (1..)
            .zip(goods)
            .map(|(line, (item_id, amount))| GoodsToSend {
                line,
                item_id: code(item_id),
                quantity: quantity(*amount),
                request: None,
                owner_id: None,
                min_life_days: 0,
            })
            .collect(),
    }
}

/// A shipment from WH to HOSP, each of its lines for line 1 of a request.
pub fn ship_for(shipment_id: &str, request_id: &str, goods: &[(&str, i64)]) -> RequestShipment {
    let mut shipment = ship(shipment_id, goods);
    for line in &mut shipment.lines {
        line.request = Some((code(request_id), 1));
    }
    shipment
}

pub fn allocate(shipment_id: &str) -> AllocateShipment {
    AllocateShipment {
        shipment_id: code(shipment_id),
        allow_partial: false,
        fit_override: None,
        reserve_override: None,
        reserve_item_ids: Vec::new(),
        arrives_on: None,
    }
}

pub fn allocate_partly(shipment_id: &str) -> AllocateShipment {
    AllocateShipment {
        shipment_id: code(shipment_id),
        allow_partial: true,
        fit_override: None,
        reserve_override: None,
        reserve_item_ids: Vec::new(),
        arrives_on: None,
    }
}

/// In the hands of CREW.
pub fn dispatch(shipment_id: &str) -> DispatchShipment {
    DispatchShipment {
        shipment_id: code(shipment_id),
        custodian_id: code("CREW"),
        signed_by_ref: None,
        expected_on: None,
        documents: Vec::new(),
        basis: None,
        fit_override: None,
        agreement_override: None,
    }
}

/// It has left with CREW, and nobody had claimed anything for it.
pub fn dispatch_unclaimed(shipment_id: &str) -> DispatchUnclaimed {
    DispatchUnclaimed {
        dispatch: dispatch(shipment_id),
        units: None,
        new_batch_ids: (1..=60)
            .map(|it| code(&format!("NEW-{shipment_id}-{it}")))
            .collect(),
    }
}

/// Everything that is on its way is there.
pub fn arrive(shipment_id: &str) -> ReceiveShipment {
    ReceiveShipment {
        shipment_id: code(shipment_id),
        lines: None,
        signed_by_ref: None,
        documents: Vec::new(),
        seals: Vec::new(),
        answer_within_days: 7,
    }
}

/// Just this is there, or not.
pub fn arrive_with(shipment_id: &str, lines: Vec<FoundGoods>) -> ReceiveShipment {
    ReceiveShipment {
        lines: Some(lines),
        ..arrive(shipment_id)
    }
}

pub fn found(line: i32, amount: i64, outcome: ReceiptOutcome) -> FoundGoods {
    FoundGoods {
        line: Some(line),
        batch_id: None,
        owner_id: None,
        quantity: quantity(amount),
        outcome,
        serial_numbers: Vec::new(),
        item_id: None,
        lot: None,
        expires_on: None,
        new_batch_id: code("UNUSED"),
        sscc: None,
    }
}

/// Goods that nobody announced.
pub fn unannounced(item_id: &str, amount: i64, batch_id: &str) -> FoundGoods {
    FoundGoods {
        line: None,
        item_id: Some(code(item_id)),
        new_batch_id: code(batch_id),
        ..found(1, amount, ReceiptOutcome::Surplus)
    }
}

pub fn settle(shipment_id: &str) -> AcceptLossAct {
    AcceptLossAct {
        shipment_id: code(shipment_id),
        act: DocumentRef {
            kind: DocumentKind::LossAct.into(),
            number: "17".to_owned(),
            ..DocumentRef::default()
        },
        verdict: LossVerdict::Liable,
        lines: None,
        liable_id: None,
    }
}

pub fn cancel(shipment_id: &str) -> CancelShipment {
    CancelShipment {
        shipment_id: code(shipment_id),
        reason: CancellationReason::NotNeeded,
    }
}
