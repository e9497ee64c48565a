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
    shipment::{DelayShipment, FoundGoods, PackParcel, Pick, RequestShipment, UnpackParcel},
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

mod sharing;
mod trips;

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

    /// Somebody takes over the store, by a count or without.
    fn take_over(&mut self, step: &Step) {
        let person = format!("person:{}", step.other % 3);
        let count = pick(&self.counts, step.which).cloned();
        if !self.carry_out(&custody::appoint(&person, &[]))
            && let Some(count) = count
        {
            self.carry_out(&custody::appoint(&person, &[&count]));
        }
    }

    /// Some of what a shipment has claimed is packed, or a parcel taken apart.
    fn pack(&mut self, step: &Step) {
        let is_claimed =
            |shipment: &Shipment| !shipment.lots.is_empty() && shipment.custodian_id.is_empty();
        let Some(id) = self.some_shipment(step, is_claimed) else {
            return;
        };
        let shipment = self.shipment(&id);
        if step.hours % 9 == 0
            && let Some(parcel) = pick(&shipment.parcels, step.other)
        {
            self.carry_out(&UnpackParcel {
                shipment_id: code(&id),
                sscc: code(&parcel.parcel.as_ref().expect("a parcel").sscc),
            });
            return;
        }
        let sscc = self.name("P");
        let contents = pick(&shipment.lots, step.which).map(|lot| vec![part_of(lot, step)]);
        let command = PackParcel {
            contents: contents.filter(|_| step.flag),
            weight_g: i64::from(step.flag) * step.quantity * 3_000,
            ..journey::pack(&id, &sscc, "SEAL")
        };
        if self.carry_out(&command) {
            self.parcels.push(sscc);
        }
    }

    /// A shipment on its way is late, not taken, sent elsewhere, split, arrives, loses something, or is answered for.
    fn go_on(&mut self, step: &Step) {
        let is_on_the_way =
            |shipment: &Shipment| shipment.lots.iter().any(|lot| lot.in_transit > 0);
        if step.kind == 66 && step.flag {
            let is_open = |shipment: &Shipment| !shipment.discrepancies.is_empty();
            if let Some(id) = self.some_shipment(step, is_open) {
                let answered = self.carry_out(&journey::dispute(&id));
                assert!(answered || !self.carry_out(&journey::accept(&id)) || step.hours > 0);
            }
            return;
        }
        let Some(id) = self.some_shipment(step, is_on_the_way) else {
            return;
        };
        let shipment = self.shipment(&id);
        let Some(lot) = pick(&shipment.lots, step.other) else {
            return;
        };
        let states = [
            SealState::Intact,
            SealState::Broken,
            SealState::ParcelMissing,
        ];
        match (step.kind, step.which % 3) {
            (62, 0) => {
                self.carry_out(&DelayShipment {
                    expected_on: None,
                    ..journey::delay(&id)
                });
            }
            (62, 1) if step.flag => {
                let given = self.carry_out(&custody::hand_over(&id, RECIPIENTS[step.other % 2]));
                if !given {
                    let agreement = self.name("LA");
                    self.carry_out(&SignLiabilityAgreement {
                        valid_until: None,
                        ..custody::sign("HELP", &agreement)
                    });
                    self.carry_out(&custody::hand_over(&id, "HELP"));
                }
            }
            (62, 1) => {
                self.carry_out(&journey::attempt(&id));
            }
            (62, _) => {
                let ssccs = shipment.parcels.iter().filter_map(|it| it.parcel.as_ref());
                let seals = ssccs.zip(step.other..).map(|(parcel, number)| {
                    journey::seal(&parcel.sscc, states[number % states.len()])
                });
                self.carry_out(&journey::stands_there(&id, seals.collect()));
            }
            (63, 0) => {
                self.carry_out(&journey::turn_back(&id));
            }
            (63, _) => {
                self.carry_out(&journey::divert(&id, FACILITIES[step.other % 3]));
            }
            (64 | 65, _) => {
                let new_id = self.name("S");
                let mut command = journey::split(&id, &new_id, vec![part_of(lot, step)]);
                if step.flag
                    && let Some(parcel) = pick(&shipment.parcels, step.other)
                {
                    let sscc = &parcel.parcel.as_ref().expect("a parcel").sscc;
                    command.ssccs = vec![code(sscc)];
                    command.units = Vec::new();
                }
                if self.carry_out(&command) {
                    self.shipments.push(new_id);
                }
            }
            _ => {
                let units = (!step.which.is_multiple_of(3)).then(|| vec![part_of(lot, step)]);
                self.carry_out(&journey::report_loss(&id, units));
            }
        }
    }

    /// Some of a lot passes to another owner.
    fn transfer(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let owners = ["MOH", "HELP", "CREW"];
        let numbers: Vec<_> = lot
            .serial_numbers
            .iter()
            .take(2)
            .map(|it| label(it))
            .collect();
        let amount = i64::try_from(numbers.len()).expect("few");
        let counted = if numbers.is_empty() {
            step.quantity
        } else {
            amount
        };
        self.carry_out(&TransferTitle {
            facility_id: code(facility),
            owner_id: step.flag.then(|| code(&lot.owner_id)),
            new_owner_id: code(owners[step.which % 3]),
            quantity: (step.hours % 5 != 0).then(|| quantity(counted)),
            serial_numbers: if step.hours % 5 == 0 {
                Vec::new()
            } else {
                numbers
            },
            ..transfer(&lot.batch_id, 1)
        });
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

    /// Counts an item, as of now or of some time ago; mostly something is missing, now and then more is there.
    fn count(&mut self, step: &Step) {
        let facility = FACILITIES[step.which % 3];
        let item_id = ITEMS[step.other % 4];
        let level = self.level(facility, item_id);
        let ago = u64::try_from(step.hours % 12).expect("small");
        let count_id = self.name("C");
        let mut lines = Vec::new();
        for (index, lot) in level.lots.iter().enumerate() {
            let is_right = !(index + step.which).is_multiple_of(3);
            let difference = if is_right { 0 } else { 3 - step.quantity % 9 };
            let mut serial_numbers: Vec<_> =
                lot.serial_numbers.iter().map(|it| label(it)).collect();
            if !is_right {
                serial_numbers.pop();
            }
            lines.push(CountedUnits {
                batch_id: code(&lot.batch_id),
                owner_id: Some(code(&lot.owner_id)),
                quantity: if lot.serial_numbers.is_empty() {
                    (lot.on_hand + difference).max(0)
                } else {
                    i64::try_from(serial_numbers.len()).expect("few")
                },
                serial_numbers,
            });
        }
        if step.flag {
            lines.truncate(2);
        }
        let mut found = Vec::new();
        if step.hours % 4 == 0 && item_id != "CONC" {
            let batch_id = self.name("B");
            found.push(new_stock(item_id, step.quantity, &batch_id));
            self.batches.push(batch_id);
        }
        let command = CountStock {
            facility_id: code(facility),
            kind: if step.flag {
                CountKind::Cycle
            } else {
                CountKind::Full
            },
            counted_position: Some(self.position.saturating_sub(ago)),
            lines,
            found,
            ..count(&count_id, item_id, &[])
        };
        self.carry_out(&command);
        self.counts.push(count_id);
    }

    /// Some asset takes some step, if it may.
    fn live(&mut self, step: &Step) {
        let Some(number) = pick(&self.serial_numbers, step.which).cloned() else {
            return;
        };
        let Entry::Asset(it) = self
            .story
            .read(&Boundary::Asset(code("CONC"), label(&number)))
        else {
            return;
        };
        // Mostly what can follow; now and then anything.
        let next = match (it.place(), it.condition()) {
            _ if step.hours % 3 == 0 => step.other % 10,
            (AssetPlace::Lent, _) => 8,
            (_, AssetCondition::UnderRepair) => 6,
            (_, AssetCondition::OutOfOrder) => 5,
            _ => step.other % 10,
        };
        let command = match next {
            0 | 1 => asset::install(&number),
            2 => asset::put_into_service(&number),
            3 | 4 => asset::break_down(&number),
            5 => asset::send_for_repair(&number, step.flag),
            6 => asset::end_repair(
                &number,
                if step.flag {
                    RepairOutcome::Repaired
                } else {
                    RepairOutcome::NotRepairable
                },
            ),
            7 => asset::lend(&number),
            8 if it.place() == AssetPlace::Lent => asset::end_loan(&number),
            8 => asset::retire(&number),
            _ => asset::step(&number, asset::Step::Remove),
        };
        self.carry_out(&command);
    }

    /// Kits are put together, now and then of one owner's only.
    fn assemble(&mut self, step: &Step) {
        let ids: Vec<String> = (0..4).map(|_| self.name("B")).collect();
        // Mostly where and of whom there may be enough.
        let lots = FACILITIES.into_iter().flat_map(|facility| {
            let lots = self.level(facility, "RAPID").lots.into_iter();
            let usable = lots.filter(|lot| lot.available > 1);
            usable.map(move |lot| (facility, lot.owner_id))
        });
        let lots: Vec<_> = lots.collect();
        let Some((facility, owner_id)) = pick(&lots, step.which).cloned() else {
            return;
        };
        let command = AssembleKits {
            facility_id: code(facility),
            owner_id: Some(code(&owner_id)).filter(|_| step.hours % 4 > 0),
            kit_batch_ids: ids.iter().map(|id| code(id)).collect(),
            ..assemble(step.quantity % 3 + 1, &[])
        };
        if self.carry_out(&command) {
            self.batches.extend(ids);
        }
    }

    /// Some kits are taken apart.
    fn take_apart(&mut self, step: &Step) {
        let lots = FACILITIES.into_iter().flat_map(|facility| {
            let lots = self.level(facility, "KIT").lots.into_iter();
            lots.map(move |lot| (facility, lot))
        });
        let lots: Vec<_> = lots.collect();
        let Some((facility, lot)) = pick(&lots, step.which).cloned() else {
            return;
        };
        self.carry_out(&BreakKits {
            facility_id: code(facility),
            owner_id: step.flag.then(|| code(&lot.owner_id)),
            ..take_apart(&lot.batch_id, step.quantity % 3 + 1)
        });
    }

    /// Opens the books of an item, where nothing is there.
    fn open(&mut self, step: &Step) {
        let batch_id = self.name("B");
        let item_id = ITEMS[step.other % 4];
        let mut line = NewStock {
            held: step.flag,
            ..new_stock(item_id, step.quantity, &batch_id)
        };
        if item_id == "CONC" {
            let number = self.name("N");
            line.quantity = quantity(1);
            line.serial_numbers = labels(&[&number]);
            self.serial_numbers.push(number);
        }
        let command = OpenStock {
            facility_id: code(FACILITIES[step.which % 3]),
            ..open_books(vec![line])
        };
        self.carry_out(&command);
        self.batches.push(batch_id);
    }

    /// Something was kept too warm, or may be used for less long.
    fn spoil(&mut self, step: &Step) {
        let Some((facility, item_id, lot)) = self.lot(step) else {
            return;
        };
        if step.flag {
            let command = RecordExcursion {
                facility_id: code(facility),
                batch_ids: vec![code(&lot.batch_id)],
                ..excursion(item_id)
            };
            assert!(self.carry_out(&command));
        } else {
            let day = date("2020-04-20") + Days::new(u64::try_from(step.which).expect("small"));
            self.carry_out(&shorten(&lot.batch_id, &day.to_string()));
        }
    }

    fn give_back(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let serial_numbers: Vec<_> = lot
            .serial_numbers
            .iter()
            .take(1)
            .map(|number| label(number))
            .collect();
        let command = ReturnStock {
            facility_id: code(facility),
            owner_id: Some(code(&lot.owner_id)),
            quantity: quantity(if serial_numbers.is_empty() {
                step.quantity
            } else {
                1
            }),
            serial_numbers,
            recipient_id: step.flag.then(|| code("HELP")),
            already_returned: step.hours % 2 == 0,
            ..give_back(&lot.batch_id, 1)
        };
        self.carry_out(&command);
    }

    /// Holds a batch, mostly one of which something is there.
    fn hold(&mut self, step: &Step) {
        let there = self.lot(step).map(|(_, _, lot)| lot.batch_id);
        let any = pick(&self.batches, step.which).cloned();
        let Some(batch_id) = there.filter(|_| step.hours % 7 != 0).or(any) else {
            return;
        };
        let reason = HOLD_REASONS[step.which % 3];
        self.carry_out(&HoldBatch {
            reason,
            ..hold(&batch_id)
        });
    }

    /// Releases a batch that is held, for a reason or for the only one.
    fn release(&mut self, step: &Step) {
        let held: Vec<String> = ITEMS
            .into_iter()
            .filter_map(
                |item| match self.story.read(&Boundary::Quality(code(item))) {
                    Entry::Quality(quality) => Some(quality.holds),
                    _ => None,
                },
            )
            .flatten()
            .map(|hold| hold.batch_id)
            .collect();
        let Some(batch_id) = pick(&held, step.other) else {
            return;
        };
        let reason = step.flag.then(|| HOLD_REASONS[step.which % 3]);
        self.carry_out(&ReleaseBatch {
            reason,
            ..release(batch_id)
        });
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

    /// Holds some units by themselves, or releases them.
    fn set_apart(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let known = if step.flag {
            &lot.serial_numbers
        } else {
            &lot.serial_numbers_held_here
        };
        let serial_numbers: Vec<_> = known.iter().take(1).map(|it| label(it)).collect();
        let amount = if lot.serial_numbers.is_empty() {
            quantity(step.quantity)
        } else {
            quantity(1)
        };
        let (facility_id, owner_id) = (code(facility), Some(code(&lot.owner_id)));
        if step.flag {
            self.carry_out(&HoldStock {
                facility_id,
                owner_id,
                quantity: amount,
                serial_numbers,
                ..hold_here(&lot.batch_id, 1)
            });
        } else {
            self.carry_out(&ReleaseStock {
                facility_id,
                owner_id,
                quantity: amount,
                serial_numbers,
                ..release_here(&lot.batch_id, 1)
            });
        }
    }

    /// A shipment for which a command makes sense; now and then any.
    fn some_shipment(&self, step: &Step, makes_sense: fn(&Shipment) -> bool) -> Option<String> {
        let fitting: Vec<&String> = self
            .shipments
            .iter()
            .filter(|id| step.hours % 7 == 0 || makes_sense(&self.shipment(id)))
            .collect();
        pick(&fitting, step.which).map(ToString::to_string)
    }

    fn allocate(&mut self, step: &Step) {
        let is_open = |shipment: &Shipment| shipment.state() == ShipmentState::Requested;
        let Some(id) = self.some_shipment(step, is_open) else {
            return;
        };
        self.carry_out(&if step.flag {
            allocate(&id)
        } else {
            allocate_partly(&id)
        });
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

    fn adjust(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let serial_numbers = lot.serial_numbers.iter().take(1 + step.which % 2);
        let amount = if lot.serial_numbers.is_empty() {
            step.quantity
        } else {
            i64::try_from(serial_numbers.len()).expect("few")
        };
        let (change, reason) = if step.flag || !lot.serial_numbers.is_empty() {
            (Change::Decrease(quantity(amount)), AdjustmentReason::Lost)
        } else {
            (Change::Increase(quantity(amount)), AdjustmentReason::Found)
        };
        let command = AdjustStock {
            facility_id: code(facility),
            owner_id: Some(code(&lot.owner_id)),
            serial_numbers: serial_numbers.map(|number| label(number)).collect(),
            ..adjust(&lot.batch_id, change, reason)
        };
        let is_loss = matches!(command.change, Change::Decrease(_));
        let is_accepted = self.carry_out(&command);
        // Half of what was lost is found again, sometimes elsewhere.
        if is_accepted && is_loss && step.which.is_multiple_of(2) {
            let found = AdjustStock {
                facility_id: code(FACILITIES[step.which % 3]),
                change: Change::Increase(quantity(amount)),
                reason: AdjustmentReason::Found,
                ..command
            };
            assert!(self.carry_out(&found));
        }
    }

    fn consume(&mut self, step: &Step) {
        let Some((facility, item_id, lot)) = self.lot(step) else {
            return;
        };
        let already_used = step.hours % 3 == 0;
        let new_batch_id = self.name("B");
        let command = ConsumeStock {
            facility_id: code(facility),
            batch_id: step.flag.then(|| code(&lot.batch_id)),
            owner_id: (step.which.is_multiple_of(2)).then(|| code(&lot.owner_id)),
            already_used,
            new_batch_id: code(&new_batch_id),
            ..consume(item_id, step.quantity)
        };
        // What has happened is never refused, but where it concerns too much at once, and of assets.
        match self.story.decide(&command) {
            Err(rejection) if already_used && item_id != "CONC" => {
                assert_eq!(rejection.reason(), "TOO_MANY_TAGS");
            }
            _ => {}
        }
        if self.carry_out(&command) {
            self.batches.push(new_batch_id);
        }
    }

    fn dispose(&mut self, step: &Step) {
        let Some((facility, _, lot)) = self.lot(step) else {
            return;
        };
        let serial_numbers: Vec<_> = lot
            .serial_numbers
            .iter()
            .take(1)
            .map(|number| label(number))
            .collect();
        let command = DisposeStock {
            facility_id: code(facility),
            owner_id: Some(code(&lot.owner_id)),
            quantity: quantity(if serial_numbers.is_empty() {
                step.quantity
            } else {
                1
            }),
            serial_numbers,
            already_disposed: step.flag,
            ..dispose(&lot.batch_id, 1)
        };
        self.carry_out(&command);
    }

    fn request(&mut self, step: &Step) {
        let id = self.name("R");
        let commodity_id = ["TEST", "GLOVES", "OXYGEN"][step.which % 3];
        let command = FileRequest {
            facility_id: code(FACILITIES[1 + step.other % 2]),
            ..ask(&id, &[(commodity_id, step.quantity)])
        };
        if !self.carry_out(&command) {
            assert!(matches!(
                self.story.decide(&command),
                Err(Rejection::FacilityClosed { .. })
            ));
            return;
        }
        if step.hours % 7 > 0 {
            self.carry_out(&approve(&id, &[(1, step.quantity - i64::from(step.flag))]));
        }
        self.requests.push(id);
    }

    /// Whatever may happen to some request; most of it is refused in most states.
    fn change_request(&mut self, step: &Step) {
        let Some(id) = pick(&self.requests, step.other).cloned() else {
            return;
        };
        for command in request_life::anything(&id, step.which, step.quantity) {
            self.carry_out(command.as_ref());
        }
    }

    fn ship(&mut self, step: &Step) {
        let id = self.name("S");
        let item_id = ITEMS[step.which % 4];
        let mut goods = vec![(item_id, step.quantity % 8 + 1)];
        if step.hours % 2 == 0 {
            goods.push((ITEMS[step.other % 4], step.quantity % 5 + 1));
        }
        if step.hours % 3 == 0 {
            goods.push((item_id, 2));
        }
        let mut command = RequestShipment {
            destination_id: code(FACILITIES[1 + step.other % 2]),
            ..ship(&id, &goods)
        };
        if step.hours % 5 == 0 {
            command.origin_id = code(FACILITIES[step.which % 3]);
        }
        if let Some((request_id, facility_id)) = self.need(step, item_id).filter(|_| step.flag) {
            command.lines[0].request = Some((code(&request_id), 1));
            command.destination_id = code(&facility_id);
        }
        if step.hours % 4 == 0
            && let Some(line) = command.lines.last_mut()
        {
            line.owner_id = Some(code(RECIPIENTS[usize::from(step.hours % 2 == 0)]));
        }
        if self.carry_out(&command) {
            if step.hours % 3 != 1 {
                self.carry_out(&allocate_partly(&id));
            }
            self.shipments.push(id);
        }
    }

    /// A request that the item may serve, and who needs it.
    fn need(&self, step: &Step, item_id: &str) -> Option<(String, String)> {
        let commodity_id = match item_id {
            "GLOVE" => "GLOVES",
            "CONC" => "OXYGEN",
            _ => "TEST",
        };
        let needs: Vec<_> = self
            .requests
            .iter()
            .filter_map(|id| match self.story.read(&Boundary::Request(code(id))) {
                Entry::Request(request)
                    if request.lines[0].commodity_id == commodity_id
                        && request.lines[0].approved > 0 =>
                {
                    Some((request.request_id, request.facility_id))
                }
                _ => None,
            })
            .collect();
        pick(&needs, step.other).cloned()
    }

    fn receive_shipment(&mut self, step: &Step) {
        let is_under_way = |shipment: &Shipment| {
            is_missing(shipment) || shipment.lots.iter().any(|lot| lot.in_transit > 0)
        };
        let Some(id) = self.some_shipment(step, is_under_way) else {
            return;
        };
        if step.flag && step.other.is_multiple_of(2) {
            self.carry_out(&arrive(&id));
            return;
        }
        let shipment = self.shipment(&id);
        let mut lines: Vec<FoundGoods> = Vec::new();
        for (index, lot) in shipment.lots.iter().enumerate() {
            lines.extend(findings(lot, step, index));
        }
        let batch_id = self.name("B");
        if step.other.is_multiple_of(3) {
            lines.push(unannounced("GLOVE", step.quantity, &batch_id));
        }
        if self.carry_out(&arrive_with(&id, lines)) {
            self.batches.push(batch_id);
            if step.hours % 4 == 0 {
                self.carry_out(&journey::dispute(&id));
            }
        }
    }

    /// Every boundary that anything so far may be about.
    fn boundaries(&self) -> Vec<Boundary> {
        let mut all = Vec::new();
        for facility in FACILITIES {
            all.push(Boundary::Facility(code(facility)));
            all.extend(ALL_ITEMS.map(|item| Boundary::Stock(code(facility), code(item))));
        }
        for item in ALL_ITEMS {
            all.push(Boundary::Item(code(item)));
            all.push(Boundary::Quality(code(item)));
            all.push(Boundary::Model(label("Maker"), label(&format!("{item}/1"))));
        }
        all.extend(["TEST", "GLOVES", "OXYGEN"].map(|id| Boundary::Commodity(code(id))));
        all.extend(["KASPI", "MOH", "HELP", "CREW"].map(|id| Boundary::Organisation(code(id))));
        all.extend(
            self.organisations
                .iter()
                .map(|id| Boundary::Organisation(code(id))),
        );
        let keys = ["0", "1", "2"]
            .map(|value| Boundary::Key(RegistryKind::Item, code("KEY"), label(value)));
        all.extend(keys);
        all.extend(self.donations.iter().map(|id| Boundary::Donation(code(id))));
        all.push(Boundary::Donation(code("DABROAD")));
        all.extend(self.goods.iter().map(|id| Boundary::Goods(code(id))));
        all.extend(self.counts.iter().map(|id| Boundary::Count(code(id))));
        all.extend([0, 40].map(|after| Boundary::Since(code("WH"), code("GLOVE"), after)));
        all.extend(self.batches.iter().map(|id| Boundary::Batch(code(id))));
        all.extend(
            self.batches
                .iter()
                .map(|id| Boundary::KitsOfBatch(code(id))),
        );
        all.push(Boundary::EarmarkChanges);
        let lots = ["L1", "L2", "L3"].map(|lot| Boundary::LotInKits(code("RAPID"), label(lot)));
        all.extend(lots);
        all.extend(
            self.serial_numbers
                .iter()
                .map(|number| Boundary::Asset(code("CONC"), label(number))),
        );
        all.extend(self.requests.iter().map(|id| Boundary::Request(code(id))));
        all.extend(self.shipments.iter().map(|id| Boundary::Shipment(code(id))));
        all.extend(self.boundaries_of_sharing());
        all.extend(self.boundaries_of_trips());
        all.push(Boundary::Keeper(code("WH")));
        all.extend(self.parcels.iter().map(|sscc| Boundary::Parcel(code(sscc))));
        all
    }

    /// The folds say what the other books say.
    fn compare(&self) {
        for (facility, item) in FACILITIES
            .into_iter()
            .flat_map(|facility| ALL_ITEMS.map(|item| (facility, item)))
        {
            for lot in self.level(facility, item).lots {
                let books = self.ledger.on_hand(facility, &lot.batch_id, &lot.owner_id);
                assert_eq!(
                    (lot.on_hand, lot.reserved, lot.held),
                    books,
                    "{facility} {lot:?}"
                );
                let claimed: i64 = lot.reservations.iter().map(|claim| claim.quantity).sum();
                assert_eq!(lot.reserved, claimed);
                assert!(
                    lot.reserved >= 0 && lot.held >= 0 && lot.available >= 0,
                    "{lot:?}"
                );
                if item == "CONC" {
                    assert_eq!(i64::try_from(lot.serial_numbers.len()), Ok(lot.on_hand));
                    assert_eq!(i64::try_from(lot.held_serial_numbers.len()), Ok(lot.held));
                }
            }
        }
        for id in &self.shipments {
            self.compare_shipment(&self.shipment(id));
        }
        self.compare_money();
        self.compare_plans();
    }

    /// What is said of money adds up to what was promised, and is what its events add up to.
    fn compare_money(&self) {
        let Entry::Donation(donation) = self.story.read(&Boundary::Donation(code("DM"))) else {
            panic!("no donation");
        };
        let of = |money: Option<&Money>| money.map_or(0, |money| money.minor_units);
        let spent: i64 = self
            .story
            .events
            .iter()
            .map(|event| match event {
                Event::DonatedMoneySpent(it) => of(it.amount.as_ref()),
                Event::DonatedMoneySpendingVoided(it) => -of(it.amount.as_ref()),
                _ => 0,
            })
            .sum();
        assert_eq!(of(donation.money_spent.as_ref()), spent);
        let parts = [
            &donation.money_spent,
            &donation.money_committed,
            &donation.money_available,
        ];
        let parts = parts.map(|part| of(part.as_ref()));
        assert!(parts.iter().all(|part| *part >= 0), "{donation:?}");
        assert_eq!(parts.iter().sum::<i64>(), of(donation.money.as_ref()));
    }

    fn compare_shipment(&self, shipment: &Shipment) {
        use std::collections::BTreeMap;
        let mut under_way: BTreeMap<(String, String), i64> = BTreeMap::new();
        for lot in &shipment.lots {
            let units = lot
                .shipment_units
                .as_ref()
                .and_then(|units| units.units.clone())
                .expect("units");
            assert!(lot.in_transit >= 0 && lot.missing >= 0, "{lot:?}");
            if !shipment.custodian_id.is_empty() {
                let parts = [
                    lot.in_transit,
                    lot.missing,
                    lot.received_good,
                    lot.received_unusable,
                    lot.lost,
                ];
                assert_eq!(parts.iter().sum::<i64>(), units.quantity, "{lot:?}");
                let answered_for: i64 = lot.missing_by_liable.iter().map(|it| it.quantity).sum();
                assert_eq!(answered_for, lot.missing, "{lot:?}");
            }
            if !units.serial_numbers.is_empty() {
                assert_eq!(
                    i64::try_from(lot.serial_numbers_in_transit.len()),
                    Ok(lot.in_transit + lot.missing)
                );
                assert_eq!(
                    i64::try_from(lot.missing_serial_numbers.len()),
                    Ok(lot.missing)
                );
            }
            *under_way
                .entry((units.batch_id, units.owner_id))
                .or_default() += lot.in_transit + lot.missing;
        }
        for ((batch_id, owner_id), quantity) in under_way {
            assert_eq!(
                quantity,
                self.ledger
                    .in_transit(&shipment.shipment_id, &batch_id, &owner_id)
            );
        }
    }
}

/// Some units of a lot.
fn part_of(lot: &ShipmentLot, step: &Step) -> Pick {
    let of_line = lot.shipment_units.as_ref().expect("units");
    let units = of_line.units.as_ref().expect("units");
    let on_the_way = lot.serial_numbers_in_transit.iter();
    let numbers = on_the_way.chain(&units.serial_numbers).take(1);
    let serial_numbers: Vec<_> = numbers.map(|it| label(it)).collect();
    let amount = quantity(step.quantity % 4 + 1);
    Pick {
        line: of_line.line,
        batch_id: Some(code(&units.batch_id)),
        owner_id: Some(code(&units.owner_id)),
        quantity: (serial_numbers.is_empty() && step.hours % 2 == 0).then_some(amount),
        serial_numbers,
    }
}

fn is_missing(shipment: &Shipment) -> bool {
    shipment.lots.iter().any(|lot| lot.missing > 0)
}

/// Good, damaged and missing units of a lot.
fn findings(lot: &ShipmentLot, step: &Step, index: usize) -> Vec<FoundGoods> {
    let of_line = lot.shipment_units.as_ref().expect("units");
    let units = of_line.units.as_ref().expect("units");
    let find = |amount: i64, outcome, serial_numbers: &[String]| FoundGoods {
        batch_id: Some(code(&units.batch_id)),
        owner_id: Some(code(&units.owner_id)),
        serial_numbers: serial_numbers.iter().map(|number| label(number)).collect(),
        ..found(of_line.line, amount, outcome)
    };
    if !units.serial_numbers.is_empty() {
        let outcome = OUTCOMES[2 + (step.other + index) % 4];
        return lot
            .serial_numbers_in_transit
            .iter()
            .take(1)
            .map(|it| find(1, outcome, std::slice::from_ref(it)))
            .collect();
    }
    let missing = lot
        .in_transit
        .min(i64::try_from(step.other % 4).expect("small"));
    let turned_up = if step.flag { lot.missing.min(2) } else { 0 };
    // Now and then more is reported than can be there.
    let excess = i64::from(step.hours % 11 == 0);
    let there = (lot.in_transit - missing).min(step.quantity * 2) + turned_up + excess;
    [
        (there - there / 4, ReceiptOutcome::Good),
        (there / 4, ReceiptOutcome::Damaged),
        (missing, ReceiptOutcome::Missing),
    ]
    .into_iter()
    .filter(|(amount, _)| *amount > 0)
    .map(|(amount, outcome)| find(amount, outcome, &[]))
    .collect()
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

/// Whether something is sure to be there: the registry, donations, requests and shipments that were accepted.
fn is_sure(boundary: &Boundary) -> bool {
    !matches!(
        boundary,
        Boundary::Stock(..)
            | Boundary::Since(..)
            | Boundary::Count(_)
            | Boundary::Quality(_)
            | Boundary::Batch(_)
            | Boundary::EarmarkChanges
            | Boundary::Emergencies
            | Boundary::KitsOfBatch(_)
            | Boundary::LotInKits(..)
            | Boundary::Asset(..)
            | Boundary::Key(..)
            | Boundary::Vehicle(_)
            | Boundary::Crew(_)
            | Boundary::VehicleTrips(_)
            | Boundary::CrewTrips(_)
            | Boundary::Keeper(_)
    )
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
