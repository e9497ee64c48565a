//! Whatever is commanded, in whatever order: the books keep their rules, and every fold finds all of its events.

use std::collections::BTreeMap;

use chrono::Days;
use keruen_domain::{
    Boundary, Command, Entry, Label, Rejection,
    agreement::SignLiabilityAgreement,
    calendar::facility_day,
    check::Ledger,
    correction::{CorrectBatchData, CorrectReceipt, Remedy, VoidMovement, remedy},
    donation::{ChangeEarmarks, Passage, PledgeDonation, ReceiptLine, ReceiveDonation},
    kit::{AssembleKits, BreakKits},
    quality::{HoldBatch, ReleaseBatch},
    registry::{RegisterCrew, RegisterOrganisation, RegisterVehicle, RegisterVolunteer},
    request::FileRequest,
    shipment::{
        DelayShipment, FoundGoods, PackParcel, Pick, RequestShipment, TransferShipmentTitle,
        UnpackParcel,
    },
    stock::{
        AdjustStock, Change, ConsumeStock, CountStock, CountedUnits, DisposeStock, HoldStock,
        NewStock, OpenStock, RecordExcursion, ReleaseStock, ReturnStock, TransferTitle,
    },
    unidentified::{IdentifyGoods, ReceiveUnidentifiedGoods},
};
use keruen_proto::{
    Event,
    inventory::v1::{
        AdjustmentReason, AssetCondition, AssetPlace, CountKind, Earmark, HoldReason,
        ReceiptOutcome, RefusalReason, RepairOutcome, StockLevel, StockLot,
    },
    registry::v1::{ExternalId, Facility, Item, Money, OrganisationKind, RegistryKind, Tracking},
    shipments::v1::{SealState, Shipment, ShipmentLot, ShipmentState},
};
use proptest::prelude::*;

use crate::{
    amendment::{amend, close, move_to, reopen, retire},
    asset, custody,
    fleet::{assign, crew, end, vehicle, volunteer},
    journey,
    packs::pack,
    request_life,
    story::Story,
    unidentified,
    verification::{revoke, verify},
    world::*,
};

mod comparing;
mod sharing;
mod shipping;
mod stock;
mod trips;

use comparing::is_sure;
use shipping::is_missing;
use trips::{COLD, COLD_ITEM, Road};

const FACILITIES: [&str; 3] = ["WH", "HOSP", "FAR"];
const LOTS: [&str; 4] = ["L1", "L2", "L3", ""];
const HOLD_REASONS: [HoldReason; 3] = [
    HoldReason::Quarantine,
    HoldReason::QualityDoubt,
    HoldReason::TemperatureExcursion,
];
const ITEMS: [&str; 4] = ["RAPID", "PCR", "GLOVE", "CONC"];
/// With the kit that is made of some of them.
const ALL_ITEMS: [&str; 5] = ["RAPID", "PCR", "GLOVE", "CONC", "KIT"];
const RECIPIENTS: [&str; 2] = ["MOH", "HELP"];
const OUTCOMES: [ReceiptOutcome; 8] = [
    ReceiptOutcome::Good,
    ReceiptOutcome::Good,
    ReceiptOutcome::Good,
    ReceiptOutcome::Good,
    ReceiptOutcome::Damaged,
    ReceiptOutcome::Missing,
    ReceiptOutcome::Surplus,
    ReceiptOutcome::Wrong,
];

/// Raw numbers; what they mean depends on what is there.
#[derive(Clone, Debug)]
struct Step {
    kind: u8,
    which: usize,
    other: usize,
    quantity: i64,
    flag: bool,
    hours: i64,
}

fn step() -> impl Strategy<Value = Step> {
    (
        0..77_u8,
        0..64_usize,
        0..64_usize,
        1..30_i64,
        any::<bool>(),
        0..60_i64,
    )
        .prop_map(|(kind, which, other, quantity, flag, hours)| Step {
            kind,
            which,
            other,
            quantity,
            flag,
            hours,
        })
}

/// A history that grows, with what has been named in it.
struct World {
    story: Story,
    ledger: Ledger,
    position: u64,
    named: usize,
    donations: Vec<String>,
    batches: Vec<String>,
    serial_numbers: Vec<String>,
    requests: Vec<String>,
    shipments: Vec<String>,
    parcels: Vec<String>,
    organisations: Vec<String>,
    counts: Vec<String>,
    goods: Vec<String>,
    plans: Vec<String>,
    emergencies: Vec<String>,
    trips: Vec<String>,
    road: Road,
    accepted: usize,
}

fn pick<T>(list: &[T], index: usize) -> Option<&T> {
    list.get(index.checked_rem(list.len())?)
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            story: Story::empty(),
            ledger: Ledger::default(),
            position: 0,
            named: 0,
            donations: Vec::new(),
            batches: Vec::new(),
            serial_numbers: Vec::new(),
            requests: Vec::new(),
            shipments: Vec::new(),
            parcels: Vec::new(),
            organisations: Vec::new(),
            counts: Vec::new(),
            goods: Vec::new(),
            plans: Vec::new(),
            emergencies: Vec::new(),
            trips: Vec::new(),
            road: Road::default(),
            accepted: 0,
        };
        let mut registry = registry();
        for event in &mut registry {
            // PCR tests must be released before use.
            if let Event::ItemRegistered(event) = event
                && let Some(item) = event.item.as_mut().filter(|item| item.item_id == "PCR")
            {
                item.release_required = Some(true);
            }
            if let Event::ItemRegistered(event) = event
                && let Some(item) = event.item.as_mut().filter(|item| item.item_id == COLD_ITEM)
            {
                item.storage = Some(COLD);
            }
        }
        registry.push(kit_item());
        world.append(registry);
        for (id, recipient) in ["DM", "DH"].into_iter().zip(RECIPIENTS) {
            let pledge = PledgeDonation {
                recipient_id: code(recipient),
                money: Some(usd(2_000)),
                ..pledge(id, &[("TEST", 9_000), ("GLOVES", 9_000), ("OXYGEN", 900)])
            };
            world.carry_out(&pledge);
            world.donations.push(id.to_owned());
        }
        assert!(world.carry_out(&pledge("DABROAD", &[("TEST", 90)])));
        world
    }

    fn name(&mut self, prefix: &str) -> String {
        self.named += 1;
        format!("{prefix}{}", self.named)
    }

    fn append(&mut self, events: Vec<Event>) {
        for event in &events {
            self.position += 1;
            self.ledger.take_in(self.position, event, self.story.now_us);
            self.road.take_in(event);
        }
        assert_eq!(self.ledger.end_append(), []);
        self.story.append(events);
    }

    fn carry_out(&mut self, command: &dyn Command) -> bool {
        let Ok(events) = self.story.decide(command) else {
            return false;
        };
        self.append(events.clone());
        self.check_reserve(&events);
        self.accepted += 1;
        true
    }

    fn level(&self, facility_id: &str, item_id: &str) -> StockLevel {
        match self
            .story
            .read(&Boundary::Stock(code(facility_id), code(item_id)))
        {
            Entry::Stock(level, _) => level,
            other => panic!("{other:?}"),
        }
    }

    fn shipment(&self, id: &str) -> Shipment {
        match self.story.read(&Boundary::Shipment(code(id))) {
            Entry::Shipment(shipment) => shipment,
            other => panic!("{other:?}"),
        }
    }

    /// Some lot somewhere.
    fn lot(&self, step: &Step) -> Option<(&'static str, &'static str, StockLot)> {
        let lots: Vec<_> = FACILITIES
            .into_iter()
            .flat_map(|facility| ALL_ITEMS.map(|item| (facility, item)))
            .flat_map(|(facility, item)| {
                self.level(facility, item)
                    .lots
                    .into_iter()
                    .map(move |lot| (facility, item, lot))
            })
            .collect();
        pick(&lots, step.other).cloned()
    }

    fn take(&mut self, step: &Step) {
        self.story.now_us += step.hours * 3_600_000_000;
        match step.kind {
            0..=3 => self.receive_donation(step),
            4 => self.adjust(step),
            5 => self.consume(step),
            6 => self.dispose(step),
            7 => self.request(step),
            8..=9 => self.ship(step),
            10..=11 => self.allocate(step),
            12..=13 => {
                if let Some(id) = self.some_shipment(step, |shipment| {
                    !shipment.lots.is_empty() && shipment.custodian_id.is_empty()
                }) {
                    self.carry_out(&dispatch(&id));
                }
                if step.flag {
                    self.leave_unclaimed(step);
                }
            }
            14..=15 => {
                self.receive_shipment(step);
                if let Some(id) = self
                    .some_shipment(step, is_missing)
                    .filter(|_| step.hours % 3 > 0)
                {
                    self.carry_out(&settle(&id));
                }
            }
            57 | 58 => self.change_request(step),
            16 => {
                if let Some(id) = self.some_shipment(step, is_missing) {
                    self.carry_out(&settle(&id));
                }
            }
            23..=24 => self.master_data(step),
            17 => {
                if let Some(id) = self.some_shipment(step, |_| true).filter(|_| step.flag) {
                    self.carry_out(&cancel(&id));
                }
            }
            25 | 26 => self.count(step),
            27 => self.open(step),
            37..=39 | 43 | 44 => self.live(step),
            40..=41 => self.assemble(step),
            42 | 45 => self.take_apart(step),
            59..=61 => self.pack(step),
            62..=66 => self.go_on(step),
            67 | 68 => self.share(step),
            69 => self.alarm(step),
            70..=75 => self.travel(step),
            76 => self.take_over(step),
            28 => self.spoil(step),
            29 => self.give_back(step),
            18 => self.hold(step),
            19 => self.release(step),
            20 => self.set_apart(step),
            30 if step.flag => self.transfer_in_shipment(step),
            30 | 31 => self.transfer(step),
            32 => self.end_donation(step),
            33..=36 => self.correct(step),
            46 | 47 => self.take_back(step),
            48 | 49 => self.money(step),
            50 | 56 => self.import(step),
            51 => self.unnamed(step),
            52 => self.lose_with_act(step),
            53..=55 => self.late(step),
            21 => {
                let (item_id, lot) = (ITEMS[step.which % 4], LOTS[step.other % 3]);
                self.carry_out(&recall(item_id, lot));
            }
            _ => {
                let (item_id, lot) = (ITEMS[step.which % 4], LOTS[step.other % 3]);
                self.carry_out(&lift(item_id, lot));
            }
        }
    }

    /// Something that was recorded is put right.
    fn correct(&mut self, step: &Step) {
        let events = &self.story.events;
        let mut correctable: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, event) in events.iter().enumerate().rev() {
            if !matches!(remedy(event), Remedy::Instead(_)) {
                correctable
                    .entry(event.short_name())
                    .or_default()
                    .push(index);
            }
        }
        // Each type is as likely as any other; often the newest of it.
        let of_types: Vec<Vec<usize>> = correctable.into_values().collect();
        let Some(of_type) = pick(&of_types, step.which) else {
            return;
        };
        let Some(index) = pick(of_type, step.other / 8) else {
            return;
        };
        let fact = fact_of(&self.story, *index);
        let documents = Vec::new();
        let Event::DonationReceived(receipt) = &fact.event else {
            self.carry_out(&VoidMovement { fact, documents });
            return;
        };
        let units = receipt.lines.iter().filter_map(|line| line.units.as_ref());
        let brought: Vec<_> = units
            .filter(|it| !it.batch_id.is_empty())
            .cloned()
            .collect();
        let Some(units) = pick(&brought, step.other) else {
            return;
        };
        let batch_id = code(&units.batch_id);
        if step.hours % 4 == 0 {
            self.carry_out(&CorrectBatchData {
                fact,
                batch_id,
                lot: Some(Some(label(LOTS[step.which % 3]))),
                expires_on: None,
                unit_value: None,
                documents,
            });
            return;
        }
        let Entry::Batch(batch) = self.story.read(&Boundary::Batch(batch_id.clone())) else {
            return;
        };
        let numbers = units.serial_numbers.iter().take(1);
        let serial_numbers: Vec<_> = numbers.map(|it| label(it)).collect();
        let change = if serial_numbers.is_empty() {
            step.quantity
        } else {
            1
        };
        let signed = if step.flag { change } else { -change };
        self.carry_out(&CorrectReceipt {
            fact,
            batch_id,
            quantity: (batch.quantity + signed).max(0),
            serial_numbers,
            documents,
        });
    }

    /// Money is set aside, spent, given up.
    fn money(&mut self, step: &Step) {
        let amount = step.quantity * 10;
        let number = i32::try_from(step.other % 5).expect("small");
        match step.which % 4 {
            0 => self.carry_out(&commit("DM", amount)),
            1 => self.carry_out(&pay_freight("DM", amount, Some(number + 1))),
            2 => self.carry_out(&pay_freight("DM", amount, None)),
            _ => self.carry_out(&give_up("DM", number + 1)),
        };
    }

    /// A part of a donation comes from abroad.
    fn import(&mut self, step: &Step) {
        let id = ["C-1", "C-2"][step.other % 2];
        let passage = match step.which % 4 {
            0 => {
                self.carry_out(&announce("DABROAD", id));
                return;
            }
            1 => Passage::Border,
            2 => Passage::Customs,
            _ if step.flag => Passage::Cleared,
            _ => Passage::Refused(RefusalReason::NotPermitted),
        };
        self.carry_out(&pass("DABROAD", id, passage));
    }

    /// Packages come that nobody can name, or somebody finds out what they are.
    fn unnamed(&mut self, step: &Step) {
        if step.flag || self.goods.is_empty() {
            let id = self.name("G");
            let came = ReceiveUnidentifiedGoods {
                goods_id: code(&id),
                ..unidentified::arrived(step.quantity)
            };
            assert!(self.carry_out(&came));
            self.goods.push(id);
            return;
        }
        let Some(id) = pick(&self.goods, step.which).cloned() else {
            return;
        };
        let batch_id = self.name("B");
        let lines = vec![new_stock("GLOVE", step.quantity, &batch_id)];
        let named = IdentifyGoods {
            goods_id: code(&id),
            ..unidentified::identify(step.quantity % 4 + 1, lines)
        };
        if self.carry_out(&named) {
            self.batches.push(batch_id);
        }
    }

    /// A unit is lost, and an act settles it.
    fn lose_with_act(&mut self, step: &Step) {
        if let Some(number) = pick(&self.serial_numbers, step.which).cloned() {
            self.carry_out(&asset::loss_act(&number));
        }
    }

    /// Something that happened some hours ago, whatever has been told since.
    fn late(&mut self, step: &Step) {
        let kinds = [5, 6, 20, 29, 30, 37, 40, 42];
        let late = Step {
            kind: kinds[step.other % kinds.len()],
            other: step.other / kinds.len() * 7 + step.which,
            hours: 0,
            ..step.clone()
        };
        self.story.age_us = 7_200_000_000;
        self.take(&late);
        self.story.age_us = 0;
    }

    /// The newest of something that was told of shipments did not happen.
    fn take_back(&mut self, step: &Step) {
        let name = ["ShipmentDispatched", "ShipmentReceived", "LossActAccepted"][step.which % 3];
        let events = &self.story.events;
        let told = events.iter().rposition(|event| event.short_name() == name);
        if let Some(index) = told {
            self.carry_out(&VoidMovement {
                fact: fact_of(&self.story, index),
                documents: Vec::new(),
            });
        }
    }

    /// A donor says anew for whom it gave.
    fn mean(&mut self, step: &Step) {
        let Some(id) = pick(&self.donations, step.which).cloned() else {
            return;
        };
        let only = |facility: &str| Earmark {
            facility_id: facility.to_owned(),
            ..Earmark::default()
        };
        let earmarks = if step.flag {
            Vec::new()
        } else {
            vec![only(FACILITIES[1 + step.other % 2])]
        };
        self.carry_out(&ChangeEarmarks {
            donation_id: code(&id),
            earmarks,
            authorised_by_ref: label("person:7"),
            documents: Vec::new(),
        });
    }

    /// A donation is closed; what comes later opens it again.
    fn end_donation(&mut self, step: &Step) {
        if step.hours % 4 == 0 {
            self.mean(step);
            return;
        }
        if let Some(id) = pick(&self.donations, step.which).cloned() {
            let is_short = self.carry_out(&close_short(&id));
            assert!(is_short || !self.carry_out(&close_donation(&id)));
        }
    }

    /// Something changes in the registry; facilities are closed for a short time.
    fn master_data(&mut self, step: &Step) {
        let facility_id = FACILITIES[step.other % 3];
        let item_id = ITEMS[step.other % 4];
        let day = date("2020-04-01") + Days::new(u64::try_from(step.which).expect("small") * 30);
        match step.which % 9 {
            0 => {
                self.carry_out(&close(facility_id));
            }
            1..=3 => {
                for id in FACILITIES {
                    self.carry_out(&reopen(id));
                }
            }
            4 => {
                let region = ["KZ-75", "KZ-62", "KZ-71"][step.other % 3];
                self.carry_out(&move_to(facility_id, region, &day.to_string()));
            }
            5 => {
                let amended = Facility {
                    time_zone: ["Asia/Almaty", "Asia/Aqtau"][step.other % 2].to_owned(),
                    ..facility(facility_id, "KZ-75")
                };
                self.carry_out(&amend(amended, &["time_zone"]));
            }
            6 => {
                let key = ExternalId {
                    scheme: "KEY".to_owned(),
                    value: format!("{}", step.quantity % 3),
                };
                let amended = Item {
                    external_ids: if step.flag { vec![key] } else { Vec::new() },
                    packs: vec![pack("BOX", step.quantity + 1, "")],
                    ..item(item_id, "TEST", Tracking::Batch, false)
                };
                let fields = ["external_ids", "packs"];
                self.carry_out(&amend(
                    amended,
                    &fields[..=usize::from(step.hours % 2 == 0)],
                ));
            }
            7 => {
                let id = self.name("V");
                assert!(self.carry_out(&RegisterVolunteer(volunteer(&id))));
                let crew_id = ["C1", "C2"][step.other % 2];
                self.carry_out(&RegisterCrew(crew(crew_id)));
                self.carry_out(&assign(&id, crew_id));
                if step.flag {
                    self.carry_out(&end(&id));
                    assert!(self.carry_out(&retire(Boundary::Volunteer(code(&id)))));
                }
                self.carry_out(&retire(Boundary::Crew(code(crew_id))));
                let id = self.name("T");
                assert!(self.carry_out(&RegisterVehicle(vehicle(&id))));
            }
            _ => {
                let id = self.name("X");
                let new = organisation(&id, OrganisationKind::Charity);
                assert!(self.carry_out(&RegisterOrganisation(new)));
                assert!(self.carry_out(&verify(&id)));
                if step.flag {
                    assert!(self.carry_out(&revoke(&id)));
                }
                assert!(self.carry_out(&retire(Boundary::Organisation(code(&id)))));
                self.organisations.push(id);
            }
        }
    }

    fn receive_donation(&mut self, step: &Step) {
        let facility = FACILITIES[if step.flag { 0 } else { step.other % 3 }];
        let item_id = ITEMS[step.which % 4];
        let Some(donation_id) = pick(&self.donations, step.other).cloned() else {
            return;
        };
        let batch_id = self.name("B");
        let mut arrived = line(item_id, step.quantity * 4, &batch_id);
        arrived.outcome = OUTCOMES[step.other % 8];
        arrived.lot = pick(&LOTS, step.which / 4).and_then(|lot| Label::parse(lot).ok());
        if arrived.expires_on.is_some() {
            let today = facility_day(
                &crate::world::facility(facility, "KZ-75"),
                self.story.now_us,
            );
            let ahead = Days::new(u64::try_from(step.quantity * 7 % 200).expect("positive"));
            arrived.expires_on = today.checked_add_days(ahead);
        }
        if item_id == "CONC" {
            arrived = ReceiptLine {
                quantity: quantity(step.quantity % 4 + 1),
                ..arrived
            };
            arrived.serial_numbers = (0..arrived.quantity.get())
                .map(|_| label(&self.name("N")))
                .collect();
        }
        let numbers: Vec<String> = arrived
            .serial_numbers
            .iter()
            .map(ToString::to_string)
            .collect();
        let receipt = ReceiveDonation {
            facility_id: code(facility),
            ..receive(&donation_id, vec![arrived])
        };
        if self.carry_out(&receipt) {
            self.batches.push(batch_id);
            self.serial_numbers.extend(numbers);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_keeps_its_books(steps in prop::collection::vec(step(), 1..90)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.compare();
        }
        for boundary in world.boundaries() {
            let by_tag = world.story.read(&boundary);
            prop_assert_eq!(&by_tag, &world.story.read_everything(&boundary), "{:?}", boundary);
            prop_assert!(by_tag != Entry::empty(&boundary) || !is_sure(&boundary), "{:?}", boundary);
        }
    }
}

/// One history of thousands of steps keeps its books as well.
#[test]
fn a_long_history_keeps_its_books() {
    use proptest::{
        strategy::{Strategy, ValueTree},
        test_runner::TestRunner,
    };
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 2_500);
    let steps = steps.new_tree(&mut runner).expect("a history").current();
    let mut world = World::new();
    for (index, step) in steps.iter().enumerate() {
        world.take(step);
        if index % 100 == 0 {
            world.compare();
        }
    }
    world.compare();
    assert!(world.accepted > 500, "{} accepted", world.accepted);
}

/// Facts that random histories must reach.
const REACHED: &[&str] = &[
    "AllocationReleased",
    "BatchHeld",
    "BatchReleased",
    "RequestAcknowledged",
    "RequestAmended",
    "RequestCancelled",
    "RequestClosedShort",
    "SubstituteAccepted",
    "DonationReceived",
    "FacilityAmended",
    "FacilityClosed",
    "FacilityRegionAssigned",
    "FacilityReopened",
    "ItemAmended",
    "LotRecalled",
    "LotRecallLifted",
    "LossActAccepted",
    "OrganisationRetired",
    "RequestApproved",
    "ShipmentAllocated",
    "ShipmentCancelled",
    "ShipmentDispatched",
    "ShipmentReceived",
    "AssetConditionReported",
    "AssetInstalled",
    "AssetLent",
    "AssetLoanEnded",
    "AssetPutIntoService",
    "AssetRemoved",
    "AssetRepairEnded",
    "AssetRetired",
    "AssetSentForRepair",
    "BatchExpiryShortened",
    "StockAdjusted",
    "StockConsumed",
    "StockCounted",
    "StockEntered",
    "StockReturned",
    "TemperatureExcursionFound",
    "StockDisposed",
    "StockHeld",
    "StockReleased",
    "DonationClosed",
    "DonationReopened",
    "TitleTransferred",
    "ReceiptCorrected",
    "BatchDataCorrected",
    "MovementVoided",
    "StockDiscrepancyFound",
    "KitsAssembled",
    "KitsBroken",
    "EarmarksChanged",
    "ParcelPacked",
    "ParcelUnpacked",
    "ShipmentDelayed",
    "DeliveryAttempted",
    "ShipmentDiverted",
    "ShipmentSplit",
    "ShipmentTitleTransferred",
    "ShipmentArrived",
    "ShipmentLossReported",
    "DiscrepancyAnswered",
    "ShipmentDispatchVoided",
    "ShipmentReceiptVoided",
    "LossActVoided",
    "AssetStepVoided",
    "AssetLossAccepted",
    "DonatedMoneyCommitted",
    "DonatedMoneyReleased",
    "DonatedMoneySpent",
    "DonatedMoneySpendingVoided",
    "ConsignmentAnnounced",
    "ConsignmentCleared",
    "ConsignmentRefused",
    "ConsignmentStepVoided",
    "UnidentifiedGoodsReceived",
    "GoodsIdentified",
    "PlanDrafted",
    "PlanApproved",
    "PlanCancelled",
    "EmergencyDeclared",
    "EmergencyEnded",
    "MinimumReserveSet",
    "CustodyHandedOver",
    "LiabilityAgreementSigned",
    "KeeperAppointed",
    "TripPlanned",
    "ShipmentLoaded",
    "ShipmentUnloaded",
    "TripDeparted",
    "TripStopReached",
    "TripBrokeDown",
    "TripResumed",
    "TripCompleted",
    "TripCancelled",
];

/// The random histories reach every kind of fact; else the property says little.
#[test]
fn random_histories_reach_every_kind_of_fact() {
    use proptest::{
        strategy::{Strategy, ValueTree},
        test_runner::TestRunner,
    };
    let mut runner = TestRunner::deterministic();
    let histories = prop::collection::vec(step(), 120..180);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..300 {
        let steps = histories
            .new_tree(&mut runner)
            .expect("a history")
            .current();
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        seen.extend(world.story.events.iter().map(Event::short_name));
    }
    for expected in REACHED {
        assert!(seen.contains(expected), "{expected} not in {seen:?}");
    }
}
