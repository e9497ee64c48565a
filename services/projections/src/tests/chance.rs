//! What happens by chance: commands with subjects and quantities that numbers choose.

use chrono::NaiveDate;
use keruen_domain::{
    Boundary, Code, Entry, Label,
    asset::{ChangeAsset, Step},
    correction::{CorrectBatchData, CorrectReceipt, Fact, Remedy, VoidMovement, context, remedy},
    donation::{Import, PledgeDonation, PledgedGoods, ReceiptLine, ReceiveDonation},
    keeper::AppointKeeper,
    kit::{AssembleKits, BreakKits},
    quality::{Grounds, HoldBatch, LiftRecall, RecallLot, ReleaseBatch, ShortenExpiry},
    request::{ApproveRequest, FileRequest, NeededGoods, RejectRequest},
    shipment::{
        AcceptLossAct, AllocateShipment, CancelShipment, DispatchShipment, DivertShipment,
        Elsewhere, FoundGoods, GoodsToSend, HandOverShipment, Pick, ReceiveShipment, ReportLoss,
        RequestShipment, SplitShipment, TransferShipmentTitle,
    },
    stock::{
        AdjustStock, Change, ConsumeStock, CountStock, CountedUnits, DisposeStock, HoldStock,
        NewStock, OpenStock, RecordExcursion, ReleaseStock, ReturnStock, TransferTitle,
    },
};
use keruen_proto::{
    Event,
    inventory::v1::{
        AdjustmentReason, AssetFault, ConsumptionPurpose, CountKind, DisposalReason, HoldReason,
        OverrideReason, RecallReason, ReceiptOutcome, RepairOutcome, ReturnReason,
    },
    registry::v1::{DocumentKind, DocumentRef, Money, UnitValue, ValueBasis},
    requests::v1::{RejectionReason, RequestPriority},
    shipments::v1::{
        AgreementOverride, AgreementOverrideReason, CancellationReason, CustodyBasis,
        DiversionReason, LossCause, LossVerdict, Shipment, SplitReason,
    },
};

use super::history::{FACILITIES, History, ITEMS, ORGANISATIONS, code, is_asset, quantity};

const LOTS: [&str; 3] = ["L 1", "L 2", "№ 3"];
const HOLD_REASONS: [HoldReason; 3] = [
    HoldReason::Quarantine,
    HoldReason::QualityDoubt,
    HoldReason::AuthorityOrder,
];
const PRIORITIES: [RequestPriority; 4] = [
    RequestPriority::Routine,
    RequestPriority::Urgent,
    RequestPriority::Asap,
    RequestPriority::Stat,
];

/// What happens next: which kind of command, and three numbers that choose its subject and quantities.
pub type Choice = (u8, u16, u16, u16);

fn pick<T>(values: &[T], choice: u16) -> Option<&T> {
    values.get(usize::from(choice) % values.len().max(1))
}

fn document(kind: DocumentKind) -> DocumentRef {
    DocumentRef {
        kind: kind.into(),
        number: "7".to_owned(),
        ..DocumentRef::default()
    }
}

/// A declared value in one of two currencies, or none.
fn unit_value(choice: u16) -> Option<UnitValue> {
    let currency_code = *pick(&["", "KZT", "USD"], choice)?;
    (!currency_code.is_empty()).then(|| UnitValue {
        amount: Some(Money {
            currency_code: currency_code.to_owned(),
            minor_units: i64::from(choice % 900) + 1,
        }),
        basis: ValueBasis::DonorDeclared.into(),
    })
}

impl History {
    /// One thing; what the domain refuses does not happen.
    pub fn happen(&mut self, (kind, a, b, c): Choice) {
        if kind >= 216 {
            return self.nest(a, b, c);
        }
        match kind % 26 {
            0 | 1 => self.donate(a, b, c),
            2 => self.ask(a, b, c),
            3 | 4 => self.ship(a, b, c),
            5 | 6 => self.with_shipment(a, |history, shipment_id| {
                history.run(&AllocateShipment {
                    shipment_id,
                    allow_partial: b.is_multiple_of(2),
                    fit_override: None,
                    reserve_override: None,
                    reserve_item_ids: Vec::new(),
                    arrives_on: None,
                });
            }),
            7 | 17 => self.with_shipment(a, Self::dispatch),
            8 | 9 | 18 => self.with_shipment(a, |history, shipment_id| {
                history.receive(&shipment_id, b, c);
            }),
            19 if b.is_multiple_of(2) => self.go_on(a, b, c),
            10 | 19 => self.settle(),
            11 if b % 4 == 3 => self.take_over(a, c),
            11 if b % 4 != 0 => self.with_shipment(b, |history, shipment_id| {
                history.hand_over(shipment_id, a, c);
            }),
            11 => self.with_shipment(a, |history, shipment_id| {
                if b.is_multiple_of(4) {
                    history.run(&CancelShipment {
                        shipment_id,
                        reason: CancellationReason::NotNeeded,
                    });
                }
            }),
            12 => self.consume(a, b, c),
            13 => self.hold(a, b, c),
            14 => self.release(a, b),
            15 => self.recall(a, b, c),
            20 if a.is_multiple_of(2) => {
                self.transfer(a, b, c);
                self.pass(a, b, c);
            }
            20 => self.set_apart(a, b, c),
            21 => self.count(a, b, c),
            22 => self.give_back(a, b, c),
            23 => self.spoil(a, b, c),
            24 => self.assemble(a, b, c),
            25 => self.take_apart(a, b, c),
            _ => self.correct(a, b, c),
        }
    }

    /// Kits are put together of the tests that are there.
    fn assemble(&mut self, a: u16, b: u16, c: u16) {
        let kit_batch_id = self.new_id("K");
        self.run(&AssembleKits {
            facility_id: code(pick(&FACILITIES, a % 6).unwrap().0),
            item_id: code("KIT-A"),
            quantity: quantity(i64::from(c % 4) + 1),
            owner_id: Some(code(pick(&ORGANISATIONS[..2], b).unwrap())),
            batch_ids: Vec::new(),
            kit_batch_ids: vec![
                kit_batch_id.clone(),
                code(&format!("{kit_batch_id}-2")),
                code(&format!("{kit_batch_id}-3")),
            ],
            documents: Vec::new(),
        });
    }

    /// Some of the kits somewhere are taken apart.
    fn take_apart(&mut self, a: u16, b: u16, c: u16) {
        for (facility_id, _) in FACILITIES {
            let boundary = Boundary::Stock(code(facility_id), code("KIT-A"));
            let Entry::Stock(level, _) = self.fold(&boundary) else {
                return;
            };
            if let Some(lot) = pick(&level.lots, a).filter(|_| !b.is_multiple_of(3)) {
                self.run(&BreakKits {
                    facility_id: code(facility_id),
                    batch_id: code(&lot.batch_id),
                    owner_id: Some(code(&lot.owner_id)),
                    quantity: quantity(i64::from(c % 2) + 1),
                    documents: Vec::new(),
                });
            }
        }
    }

    /// Settles what is missing of the first shipment of which anything is.
    fn settle(&mut self) {
        let missing = self.shipments.iter().map(|id| code(id)).find(|id| {
            let Entry::Shipment(shipment) = self.fold(&Boundary::Shipment(id.clone())) else {
                return false;
            };
            shipment.lots.iter().any(|lot| lot.missing > 0)
        });
        if let Some(shipment_id) = missing {
            self.run(&AcceptLossAct {
                shipment_id,
                act: document(DocumentKind::LossAct),
                verdict: LossVerdict::Shared,
                lines: None,
                liable_id: None,
            });
        }
    }

    /// A shipment on its way goes elsewhere, loses something, or lets a part go on by itself.
    fn go_on(&mut self, a: u16, b: u16, c: u16) {
        let on_the_way = |id: &&String| {
            let Entry::Shipment(shipment) = self.fold(&Boundary::Shipment(code(id))) else {
                return false;
            };
            shipment.lots.iter().any(|lot| lot.in_transit > 0)
        };
        let ids: Vec<_> = self.shipments.iter().filter(on_the_way).collect();
        let Some(shipment_id) = pick(&ids, a).map(|id| code(id)) else {
            return;
        };
        let part = Pick {
            line: 1,
            batch_id: None,
            owner_id: None,
            quantity: None,
            serial_numbers: Vec::new(),
        };
        match c % 3 {
            0 => {
                self.run(&DivertShipment {
                    shipment_id,
                    elsewhere: Elsewhere::Facility(
                        code(FACILITIES[usize::from(b / 2) % FACILITIES.len()].0),
                        None,
                    ),
                    reason: DiversionReason::GreaterNeed,
                    expected_on: None,
                    documents: Vec::new(),
                });
            }
            1 => {
                self.run(&ReportLoss {
                    shipment_id,
                    units: Some(vec![part]),
                    cause: *pick(&[LossCause::Theft, LossCause::Fire], b).unwrap(),
                    documents: Vec::new(),
                });
            }
            _ => {
                let new_shipment_id = self.new_id("T");
                let command = SplitShipment {
                    shipment_id,
                    new_shipment_id: new_shipment_id.clone(),
                    ssccs: Vec::new(),
                    units: vec![part],
                    expected_on: None,
                    reason: SplitReason::Breakdown,
                    documents: Vec::new(),
                };
                if self.run(&command) {
                    self.shipments.push(new_shipment_id.to_string());
                }
            }
        }
    }

    /// A shipment passes to somebody else; sometimes nothing of a line is there.
    pub fn hand_over(&mut self, shipment_id: Code, a: u16, c: u16) {
        let missing = Pick {
            line: i32::from(c % 2) + 1,
            batch_id: None,
            owner_id: None,
            quantity: (!a.is_multiple_of(3)).then(|| quantity(1)),
            serial_numbers: Vec::new(),
        };
        self.run(&HandOverShipment {
            shipment_id,
            custodian_id: code(pick(&ORGANISATIONS, a).unwrap()),
            signed_by_ref: Label::parse(&format!("person:{}", c % 3)).unwrap(),
            handed_over_by_ref: None,
            basis: CustodyBasis::Counted,
            seals: Vec::new(),
            missing: if c.is_multiple_of(3) {
                vec![missing]
            } else {
                Vec::new()
            },
            remarks: Vec::new(),
            agreement_override: Some(AgreementOverride {
                authorised_by_ref: "person:7".to_owned(),
                reason: AgreementOverrideReason::Emergency.into(),
            }),
            facility_id: None,
            documents: Vec::new(),
        });
    }

    /// Somebody takes over the stock of a facility, by the last full count there is of it.
    fn take_over(&mut self, a: u16, c: u16) {
        let facility_id = code(FACILITIES[usize::from(a) % 2].0);
        let counts = self.decoded().iter().rev().filter_map(|event| match event {
            Event::StockCounted(it) => it.stock_count.clone(),
            _ => None,
        });
        let last = counts.into_iter().find(|count| {
            count.facility_id == facility_id.as_str() && count.kind() == CountKind::Full
        });
        self.run(&AppointKeeper {
            facility_id,
            organisation_id: code(pick(&ORGANISATIONS, c).unwrap()),
            person_ref: Label::parse(&format!("person:{}", a % 7)).unwrap(),
            count_ids: last.iter().map(|count| code(&count.count_id)).collect(),
            documents: Vec::new(),
        });
    }

    fn with_shipment(&mut self, choice: u16, act: impl FnOnce(&mut Self, Code)) {
        if let Some(id) = pick(&self.shipments, choice).map(|id| code(id)) {
            act(self, id);
        }
    }

    fn new_id(&self, prefix: &str) -> Code {
        code(&format!("{prefix}-{}", self.events.len()))
    }

    /// Units that nobody announced came with a donation.
    pub fn surplus(&mut self, batch_id: &str, units: i64) {
        if self
            .events
            .iter()
            .all(|event| !event.tags.iter().any(|tag| tag == "donation:M"))
        {
            self.expect(&PledgeDonation {
                donation_id: code("M"),
                donor_id: code("KASPI"),
                recipient_id: code(ORGANISATIONS[0]),
                lines: vec![PledgedGoods {
                    line: 1,
                    commodity_id: None,
                    item_id: Some(code("TEST-A")),
                    quantity: quantity(1),
                }],
                money: None,
                expected_on: None,
                documents: Vec::new(),
                anonymous: false,
                conditions: Vec::new(),
                earmarks: Vec::new(),
            });
        }
        self.expect(&ReceiveDonation {
            donation_id: code("M"),
            facility_id: code(FACILITIES[0].0),
            lines: vec![ReceiptLine {
                item_id: code("TEST-A"),
                quantity: quantity(units),
                outcome: ReceiptOutcome::Surplus,
                lot: None,
                expires_on: None,
                serial_numbers: Vec::new(),
                unit_value: None,
                pledge_line: None,
                batch_id: code(batch_id),
            }],
            documents: Vec::new(),
            import: Import::default(),
        });
    }

    fn donate(&mut self, a: u16, b: u16, c: u16) {
        let donation_id = self.new_id("D");
        let (item_id, _) = *pick(&ITEMS, a).unwrap();
        let owner = *pick(&ORGANISATIONS[..2], b).unwrap();
        let is_asset = is_asset(item_id);
        let total = i64::from(c % 40) + 4;
        self.expect(&PledgeDonation {
            donation_id: donation_id.clone(),
            donor_id: code("KASPI"),
            recipient_id: code(owner),
            lines: vec![PledgedGoods {
                line: 1,
                commodity_id: None,
                item_id: Some(code(item_id)),
                quantity: quantity(1000),
            }],
            money: None,
            expected_on: None,
            documents: Vec::new(),
            anonymous: false,
            conditions: Vec::new(),
            earmarks: Vec::new(),
        });
        let outcomes = [
            (ReceiptOutcome::Good, total),
            (ReceiptOutcome::Damaged, total / 4),
            (ReceiptOutcome::Missing, i64::from(b % 3)),
            (ReceiptOutcome::Good, total / 2),
        ];
        let mut serial = 0;
        let lines = outcomes
            .iter()
            .enumerate()
            .filter(|(_, (_, quantity))| *quantity > 0);
        let lines = lines
            .map(|(index, (outcome, units))| {
                let has_serials = is_asset && *outcome != ReceiptOutcome::Missing;
                let serials = if has_serials { *units } else { 0 };
                let serial_numbers = (0..serials)
                    .map(|_| {
                        serial += 1;
                        Label::parse(&format!("№ {}/{serial}", self.events.len())).unwrap()
                    })
                    .collect();
                ReceiptLine {
                    item_id: code(item_id),
                    quantity: quantity(*units),
                    outcome: *outcome,
                    lot: pick(&LOTS, a / 3)
                        .filter(|_| !b.is_multiple_of(4))
                        .map(|lot| Label::parse(lot).unwrap()),
                    expires_on: None,
                    serial_numbers,
                    pledge_line: None,
                    unit_value: unit_value((a ^ c).wrapping_add(u16::try_from(index).unwrap())),
                    batch_id: code(&format!("B-{}-{index}", self.events.len())),
                }
            })
            .collect();
        let (facility_id, _) = *pick(&FACILITIES, b / 3).unwrap();
        self.donations.push(donation_id.to_string());
        self.run(&ReceiveDonation {
            donation_id,
            facility_id: code(facility_id),
            lines,
            documents: Vec::new(),
            import: Import::default(),
        });
    }

    fn ask(&mut self, a: u16, b: u16, c: u16) {
        let request_id = self.new_id("R");
        let (facility_id, _) = *pick(&FACILITIES[1..], a).unwrap();
        let (item_id, commodity_id) = *pick(&ITEMS, b).unwrap();
        self.expect(&FileRequest {
            request_id: request_id.clone(),
            facility_id: code(facility_id),
            lines: vec![NeededGoods {
                line: 1,
                commodity_id: Some(code(commodity_id)),
                item_id: (b.is_multiple_of(2)).then(|| code(item_id)),
                quantity: Some(quantity(i64::from(c % 30) + 1)),
                need: None,
            }],
            priority: *pick(&PRIORITIES, c).unwrap(),
            needed_by: None,
            clinical_reason_code: String::new(),
            filing: None,
        });
        self.requests.push(request_id.to_string());
        if c.is_multiple_of(7) {
            self.expect(&RejectRequest {
                request_id,
                reason: RejectionReason::Duplicate,
            });
        } else if !c.is_multiple_of(5) {
            self.expect(&ApproveRequest {
                request_id,
                lines: None,
                spoken: None,
            });
        }
    }

    fn ship(&mut self, a: u16, b: u16, c: u16) {
        let shipment_id = self.new_id("S");
        let (item_id, _) = *pick(&ITEMS, b).unwrap();
        let request = pick(&self.requests, a)
            .filter(|_| !a.is_multiple_of(3))
            .cloned();
        let asking = request.as_ref().and_then(|id| {
            let Entry::Request(request) = self.fold(&Boundary::request(id)?) else {
                return None;
            };
            let commodity_id = request.lines.first()?.commodity_id.clone();
            Some((request.facility_id, commodity_id))
        });
        // What is asked for is sent, mostly.
        let fits = |(_, commodity_id): &&(&str, &str)| {
            asking
                .as_ref()
                .is_none_or(|(_, asked)| asked == commodity_id)
        };
        let fitting: Vec<_> = ITEMS.iter().filter(fits).collect();
        let item_id = pick(&fitting, b).map_or(item_id, |(item_id, _)| item_id);
        let asking = asking.map(|(facility_id, _)| facility_id);
        let origin_id = FACILITIES[usize::from(b) % 2].0;
        let destination_id =
            asking.unwrap_or_else(|| FACILITIES[usize::from(c) % FACILITIES.len()].0.to_owned());
        let request = request.map(|id| (code(&id), 1));
        let goods = |line, units| GoodsToSend {
            line,
            item_id: code(item_id),
            quantity: quantity(units),
            request: request.clone(),
            owner_id: None,
            min_life_days: 0,
        };
        let mut lines = vec![goods(1, i64::from(c % 12) + 1)];
        if c.is_multiple_of(3) {
            lines.push(goods(2, i64::from(c % 5) + 1));
        }
        let command = RequestShipment {
            shipment_id: shipment_id.clone(),
            origin_id: code(origin_id),
            destination_id: code(&destination_id),
            lines,
        };
        if self.run(&command) {
            self.shipments.push(shipment_id.to_string());
        }
    }

    pub fn dispatch(&mut self, shipment_id: Code) {
        // Some are late by the day on which questions are asked, some not, and of some nobody said.
        let expected_on = match self.shipments.len() % 3 {
            0 => NaiveDate::from_ymd_opt(2026, 5, 20),
            1 => NaiveDate::from_ymd_opt(2026, 6, 20),
            _ => None,
        };
        self.run(&DispatchShipment {
            shipment_id,
            custodian_id: code("CARRIER"),
            signed_by_ref: None,
            expected_on,
            documents: Vec::new(),
            basis: None,
            fit_override: None,
            agreement_override: None,
        });
    }

    /// Everything, or some of a lot with a discrepancy.
    pub fn receive(&mut self, shipment_id: &Code, b: u16, c: u16) {
        let Entry::Shipment(shipment) = self.fold(&Boundary::Shipment(shipment_id.clone())) else {
            return;
        };
        let lines = (!b.is_multiple_of(3)).then(|| self.found(&shipment, b, c));
        self.run(&ReceiveShipment {
            shipment_id: shipment_id.clone(),
            lines: lines.filter(|lines| !lines.is_empty()),
            signed_by_ref: None,
            documents: Vec::new(),
            seals: Vec::new(),
            answer_within_days: 7,
        });
    }

    fn found(&self, shipment: &Shipment, b: u16, c: u16) -> Vec<FoundGoods> {
        let outcomes = [
            ReceiptOutcome::Good,
            ReceiptOutcome::Missing,
            ReceiptOutcome::Damaged,
        ];
        let outcome = *pick(&outcomes, c).unwrap();
        let mut lines = Vec::new();
        if let Some(lot) = pick(&shipment.lots, b) {
            let shipped = lot.shipment_units.as_ref().unwrap();
            let units = shipped.units.as_ref().unwrap();
            let mut serials = lot.serial_numbers_in_transit.clone();
            let open = if outcome == ReceiptOutcome::Missing {
                lot.in_transit
            } else {
                lot.in_transit + lot.missing
            };
            let count = open.min(i64::from(c % 6) + 1);
            serials.truncate(usize::try_from(count).unwrap_or(0));
            if count > 0 {
                lines.push(FoundGoods {
                    line: Some(shipped.line),
                    batch_id: Some(code(&units.batch_id)),
                    owner_id: Some(code(&units.owner_id)),
                    quantity: quantity(count),
                    outcome,
                    serial_numbers: serials.iter().map(|it| Label::parse(it).unwrap()).collect(),
                    item_id: None,
                    lot: None,
                    expires_on: None,
                    new_batch_id: self.new_id("UNUSED"),
                    sscc: None,
                });
            }
        }
        if c.is_multiple_of(4) {
            lines.push(FoundGoods {
                line: None,
                batch_id: None,
                owner_id: None,
                quantity: quantity(i64::from(b % 4) + 1),
                outcome: if b.is_multiple_of(2) {
                    ReceiptOutcome::Surplus
                } else {
                    ReceiptOutcome::Wrong
                },
                serial_numbers: Vec::new(),
                item_id: Some(code("TEST-A")),
                lot: Some(Label::parse("L 1").unwrap()),
                expires_on: None,
                new_batch_id: self.new_id("N"),
                sscc: None,
            });
        }
        lines
    }

    /// Holds a batch that has been tagged.
    fn hold(&mut self, a: u16, b: u16, c: u16) {
        let mut batches: Vec<&str> = self
            .events
            .iter()
            .flat_map(|event| &event.tags)
            .filter_map(|tag| tag.strip_prefix("batch:"))
            .collect();
        batches.dedup();
        let recent = batches.len().saturating_sub(usize::from(b % 9));
        let Some(batch_id) = pick(&batches[..recent], a).map(|id| code(id)) else {
            return;
        };
        let reason = *pick(&HOLD_REASONS, c).unwrap();
        self.run(&HoldBatch {
            batch_id,
            reason,
            documents: Vec::new(),
        });
    }

    /// Releases a batch that is held, mostly of the item that must be released before use.
    fn release(&mut self, a: u16, b: u16) {
        let (item_id, _) = ITEMS[usize::from(!a.is_multiple_of(3))];
        let Entry::Quality(quality) = self.fold(&Boundary::quality(item_id).unwrap()) else {
            return;
        };
        let Some(hold) = pick(&quality.holds, b) else {
            return;
        };
        self.run(&ReleaseBatch {
            batch_id: code(&hold.batch_id),
            reason: Some(hold.reason()),
            grounds: Grounds::Override {
                authorised_by_ref: Label::parse("person:7").unwrap(),
                reason: OverrideReason::UrgentNeed,
            },
            documents: Vec::new(),
        });
    }

    /// Holds some units by themselves, or releases them.
    /// Something that was recorded is put right.
    pub fn put_right(&mut self, a: u16, b: u16, c: u16) {
        let correctable: Vec<usize> = (0..self.events.len())
            .filter(|index| !matches!(remedy(&self.decoded()[*index]), Remedy::Instead(_)))
            .collect();
        let Some(index) = pick(&correctable, b) else {
            return;
        };
        let event = self.decoded()[*index].clone();
        let fact = Fact {
            event_id: self.events[*index].event_id.clone(),
            occurred_at_us: self.happened_us(*index),
            before: context(&event).map(|boundary| Box::new(self.fold_before(&boundary, *index))),
            event,
        };
        let documents = vec![document(DocumentKind::AcceptanceAct)];
        let Event::DonationReceived(receipt) = &fact.event else {
            self.run(&VoidMovement { fact, documents });
            return;
        };
        let units = receipt.lines.iter().filter_map(|line| line.units.as_ref());
        let brought: Vec<_> = units
            .filter(|it| !it.batch_id.is_empty())
            .cloned()
            .collect();
        let Some(units) = pick(&brought, c) else {
            return;
        };
        let batch_id = code(&units.batch_id);
        let Entry::Batch(batch) = self.fold(&Boundary::Batch(batch_id.clone())) else {
            return;
        };
        if a.is_multiple_of(2) {
            let lot = Label::parse(pick(&LOTS, c).unwrap()).unwrap();
            self.run(&CorrectBatchData {
                fact,
                batch_id,
                lot: Some(Some(lot)),
                expires_on: None,
                unit_value: None,
                documents,
            });
            return;
        }
        let numbers = units.serial_numbers.iter().take(1);
        let serial_numbers: Vec<Label> = numbers.map(|it| Label::parse(it).unwrap()).collect();
        let change = if serial_numbers.is_empty() {
            i64::from(c % 9) - 6
        } else {
            -1
        };
        self.run(&CorrectReceipt {
            fact,
            batch_id,
            quantity: (batch.quantity + change).max(0),
            serial_numbers,
            documents,
        });
    }

    /// Some of a lot passes to another owner.
    fn transfer(&mut self, a: u16, b: u16, c: u16) {
        let (facility_id, item_id) = (
            code(pick(&FACILITIES, a).unwrap().0),
            code(pick(&ITEMS, b).unwrap().0),
        );
        let Entry::Stock(level, _) = self.fold(&Boundary::Stock(facility_id.clone(), item_id))
        else {
            return;
        };
        let Some(lot) = pick(&level.lots, b / 3) else {
            return;
        };
        let numbers = lot.serial_numbers.iter().take(2);
        let serial_numbers: Vec<Label> = numbers.map(|it| Label::parse(it).unwrap()).collect();
        let amount = if serial_numbers.is_empty() {
            i64::from(c % 9) + 1
        } else {
            i64::try_from(serial_numbers.len()).unwrap()
        };
        self.run(&TransferTitle {
            facility_id,
            batch_id: code(&lot.batch_id),
            owner_id: Some(code(&lot.owner_id)),
            new_owner_id: code(pick(&ORGANISATIONS[..2], c / 9).unwrap()),
            quantity: Some(quantity(amount)),
            serial_numbers,
            documents: vec![document(DocumentKind::TransferAct)],
        });
    }

    /// Some of what a shipment has claimed or carries passes to another owner.
    fn pass(&mut self, a: u16, b: u16, c: u16) {
        let mut there = Vec::new();
        for id in &self.shipments {
            let Entry::Shipment(shipment) = self.fold(&Boundary::Shipment(code(id))) else {
                continue;
            };
            let is_claimed = shipment.custodian_id.is_empty();
            let lots = shipment.lots.iter();
            for lot in lots.filter(|lot| is_claimed || lot.in_transit > 0) {
                let of_line = lot.shipment_units.clone().unwrap();
                there.push((code(id), of_line.line, of_line.units.unwrap()));
            }
        }
        let Some((shipment_id, line, units)) = pick(&there, b).cloned() else {
            return;
        };
        let part = Pick {
            line,
            batch_id: Some(code(&units.batch_id)),
            owner_id: Some(code(&units.owner_id)),
            quantity: (!c.is_multiple_of(5)).then(|| quantity(i64::from(c % 3) + 1)),
            serial_numbers: Vec::new(),
        };
        self.run(&TransferShipmentTitle {
            shipment_id,
            new_owner_id: code(pick(&ORGANISATIONS[..2], a / 2).unwrap()),
            owner_id: None,
            ssccs: Vec::new(),
            units: if c.is_multiple_of(4) {
                Vec::new()
            } else {
                vec![part]
            },
            documents: vec![document(DocumentKind::TransferAct)],
        });
    }

    fn set_apart(&mut self, a: u16, b: u16, c: u16) {
        let (facility_id, item_id) = (
            code(pick(&FACILITIES, a).unwrap().0),
            code(pick(&ITEMS, b).unwrap().0),
        );
        let Entry::Stock(level, _) = self.fold(&Boundary::Stock(facility_id.clone(), item_id))
        else {
            return;
        };
        let held = level.lots.iter().find(|lot| lot.held_here > 0);
        let chosen = if c.is_multiple_of(2) {
            pick(&level.lots, b / 3)
        } else {
            held
        };
        let Some(lot) = chosen else { return };
        let (batch_id, owner_id) = (code(&lot.batch_id), Some(code(&lot.owner_id)));
        let numbers = if c.is_multiple_of(2) {
            &lot.serial_numbers
        } else {
            &lot.serial_numbers_held_here
        };
        let serial_numbers = numbers.iter().take(1);
        let serial_numbers = serial_numbers.map(|it| Label::parse(it).unwrap()).collect();
        let quantity = quantity(if lot.serial_numbers.is_empty() {
            i64::from(c % 3) + 1
        } else {
            1
        });
        let documents = Vec::new();
        if c.is_multiple_of(2) {
            self.run(&HoldStock {
                facility_id,
                batch_id,
                owner_id,
                quantity,
                serial_numbers,
                reason: HoldReason::Damaged,
                documents,
            });
        } else {
            let grounds = Grounds::Override {
                authorised_by_ref: Label::parse("person:7").unwrap(),
                reason: OverrideReason::HeldByMistake,
            };
            self.run(&ReleaseStock {
                facility_id,
                batch_id,
                owner_id,
                quantity,
                serial_numbers,
                grounds,
                documents,
            });
        }
    }

    /// Counts an item, or opens its books where nothing is there.
    fn count(&mut self, a: u16, b: u16, c: u16) {
        let (facility_id, item_id) = (
            code(pick(&FACILITIES, a).unwrap().0),
            code(pick(&ITEMS, b).unwrap().0),
        );
        let Entry::Stock(level, _) =
            self.fold(&Boundary::Stock(facility_id.clone(), item_id.clone()))
        else {
            return;
        };
        let is_asset = is_asset(&item_id);
        let new = NewStock {
            item_id: item_id.clone(),
            quantity: quantity(i64::from(c % 9) + 1),
            owner_id: None,
            lot: pick(&LOTS, b / 3).map(|lot| Label::parse(lot).unwrap()),
            expires_on: None,
            serial_numbers: Vec::new(),
            unit_value: None,
            held: c.is_multiple_of(2),
            batch_id: self.new_id("O"),
        };
        let new = if is_asset { Vec::new() } else { vec![new] };
        if level.lots.is_empty() && !is_asset {
            self.run(&OpenStock {
                facility_id,
                lines: new,
                documents: Vec::new(),
            });
            return;
        }
        let mut serial_numbers = level.lots.iter().map(|lot| lot.serial_numbers.clone());
        let lines = level.lots.iter().map(|lot| {
            let mut numbers = serial_numbers.next().unwrap_or_default();
            numbers.truncate(numbers.len().saturating_sub(usize::from(c % 2)));
            CountedUnits {
                batch_id: code(&lot.batch_id),
                owner_id: Some(code(&lot.owner_id)),
                quantity: if is_asset {
                    i64::try_from(numbers.len()).unwrap()
                } else {
                    (lot.on_hand + i64::from(c % 4) - 2).max(0)
                },
                serial_numbers: numbers.iter().map(|it| Label::parse(it).unwrap()).collect(),
            }
        });
        let lines = lines.collect();
        self.run(&CountStock {
            count_id: self.new_id("C"),
            facility_id,
            item_id,
            kind: CountKind::Cycle,
            counted_position: None,
            lines,
            found: if c.is_multiple_of(3) { new } else { Vec::new() },
            documents: Vec::new(),
        });
    }

    fn give_back(&mut self, a: u16, b: u16, c: u16) {
        let (facility_id, item_id) = (
            code(pick(&FACILITIES, a).unwrap().0),
            code(pick(&ITEMS, b).unwrap().0),
        );
        let Entry::Stock(level, _) = self.fold(&Boundary::Stock(facility_id.clone(), item_id))
        else {
            return;
        };
        let Some(lot) = pick(&level.lots, b / 3) else {
            return;
        };
        let serials = lot.serial_numbers.iter().take(1);
        let serial_numbers: Vec<_> = serials.map(|it| Label::parse(it).unwrap()).collect();
        self.run(&ReturnStock {
            facility_id,
            batch_id: code(&lot.batch_id),
            owner_id: Some(code(&lot.owner_id)),
            quantity: quantity(if serial_numbers.is_empty() {
                i64::from(c % 5) + 1
            } else {
                1
            }),
            serial_numbers,
            recipient_id: Some(code("KASPI")),
            already_returned: c % 5 == 4,
            reason: ReturnReason::NotNeeded,
            documents: Vec::new(),
        });
    }

    /// Something was kept too warm, or may be used for less long.
    fn spoil(&mut self, a: u16, b: u16, c: u16) {
        let (facility_id, item_id) = (
            code(pick(&FACILITIES, a).unwrap().0),
            code(pick(&ITEMS, b).unwrap().0),
        );
        let boundary = Boundary::Stock(facility_id.clone(), item_id.clone());
        let Entry::Stock(level, _) = self.fold(&boundary) else {
            return;
        };
        let Some(lot) = pick(&level.lots, b / 3) else {
            return;
        };
        let batch_id = code(&lot.batch_id);
        if c.is_multiple_of(3) {
            self.run(&RecordExcursion {
                facility_id,
                item_id,
                batch_ids: vec![batch_id],
                lowest_millicelsius: -3_000,
                highest_millicelsius: 40_000,
                duration_minutes: 0,
                documents: Vec::new(),
            });
        } else {
            self.run(&ShortenExpiry {
                batch_id,
                expires_on: "2030-01-01".parse().unwrap(),
                documents: vec![document(DocumentKind::QualityDecision)],
            });
        }
    }

    /// A ventilator is put into a laboratory at the same facility, or taken out.
    fn nest(&mut self, a: u16, b: u16, c: u16) {
        let facility_id = code(pick(&FACILITIES, a).unwrap().0);
        let mut numbers = ["VENT-X", "LAB-X"].map(|item_id| {
            let boundary = Boundary::Stock(facility_id.clone(), code(item_id));
            let Entry::Stock(level, _) = self.fold(&boundary) else {
                return Vec::new();
            };
            let lots = level.lots.into_iter();
            lots.flat_map(|lot| lot.serial_numbers).collect()
        });
        let laboratories = std::mem::take(&mut numbers[1]);
        let (Some(inner), Some(outer)) = (pick(&numbers[0], b), pick(&laboratories, c / 5)) else {
            return;
        };
        let step = if c.is_multiple_of(5) {
            Step::TakeOut
        } else {
            Step::PutInside {
                item_id: code("LAB-X"),
                serial_number: Label::parse(outer).unwrap(),
            }
        };
        self.run(&ChangeAsset {
            item_id: code("VENT-X"),
            serial_number: Label::parse(inner).unwrap(),
            step,
            documents: Vec::new(),
        });
    }

    /// Assets that may be are installed, break down, and are repaired where they stand.
    pub fn live(&mut self) {
        let numbers: Vec<String> = self
            .decoded()
            .iter()
            .filter_map(|event| match event {
                Event::DonationReceived(event) => Some(&event.lines),
                _ => None,
            })
            .flatten()
            .filter_map(|line| line.units.as_ref())
            .flat_map(|units| units.serial_numbers.clone())
            .take(200)
            .collect();
        for number in numbers {
            let steps = [
                Step::Install { fit_override: None },
                Step::BreakDown {
                    fault: AssetFault::Power,
                },
                Step::SendForRepair {
                    repairer_id: code("CARRIER"),
                    on_site: true,
                    expected_on: None,
                },
                Step::EndRepair {
                    outcome: RepairOutcome::Repaired,
                    output: None,
                    service_due_on: None,
                },
            ];
            for step in steps {
                self.run(&ChangeAsset {
                    item_id: code("VENT-X"),
                    serial_number: Label::parse(&number).unwrap(),
                    step,
                    documents: Vec::new(),
                });
            }
        }
    }

    /// Recalls a lot, or lifts the recall.
    fn recall(&mut self, a: u16, b: u16, c: u16) {
        let item_id = code(pick(&ITEMS, a).unwrap().0);
        let lot = Label::parse(pick(&LOTS, b).unwrap()).unwrap();
        let authority_id = code("MOH");
        let documents = Vec::new();
        if c.is_multiple_of(3) {
            let reason = RecallReason::Harm;
            self.run(&RecallLot {
                item_id,
                lot,
                reason,
                authority_id,
                documents,
            });
        } else {
            self.run(&LiftRecall {
                item_id,
                lot,
                authority_id,
                documents,
            });
        }
    }

    fn consume(&mut self, a: u16, b: u16, c: u16) {
        let (facility_id, _) = *pick(&FACILITIES, a).unwrap();
        let (item_id, _) = *pick(&ITEMS, b).unwrap();
        self.run(&ConsumeStock {
            facility_id: code(facility_id),
            item_id: code(item_id),
            quantity: quantity(i64::from(c % 9) + 1),
            batch_id: None,
            owner_id: None,
            purpose: ConsumptionPurpose::Patient,
            already_used: c.is_multiple_of(7),
            new_batch_id: self.new_id("U"),
        });
    }

    /// Disposes of some stock, or adjusts it.
    fn correct(&mut self, a: u16, b: u16, c: u16) {
        let (facility_id, item_id) = (
            code(pick(&FACILITIES, a).unwrap().0),
            code(pick(&ITEMS, b).unwrap().0),
        );
        let Entry::Stock(level, _) = self.fold(&Boundary::Stock(facility_id.clone(), item_id))
        else {
            return;
        };
        let claimed = level.lots.iter().find(|lot| c % 3 == 1 && lot.reserved > 0);
        let Some(lot) = claimed.or_else(|| pick(&level.lots, b / 3)) else {
            return;
        };
        let (batch_id, owner_id) = (code(&lot.batch_id), Some(code(&lot.owner_id)));
        // Now and then nothing is left, so that claims break.
        let units = if c % 3 == 1 && lot.reserved > 0 {
            lot.on_hand
        } else {
            i64::from(c % 5) + 1
        };
        let quantity = quantity(units);
        let serials = lot
            .serial_numbers
            .iter()
            .take(usize::try_from(units).unwrap());
        let serial_numbers = serials.map(|it| Label::parse(it).unwrap()).collect();
        let documents = Vec::new();
        if c.is_multiple_of(3) {
            let reason = DisposalReason::Damaged;
            self.run(&DisposeStock {
                facility_id,
                batch_id,
                owner_id,
                quantity,
                serial_numbers,
                already_disposed: b % 6 == 5,
                reason,
                documents,
            });
            return;
        }
        let change = if c % 3 == 1 {
            Change::Decrease(quantity)
        } else {
            Change::Increase(quantity)
        };
        let reason = AdjustmentReason::CountDifference;
        self.run(&AdjustStock {
            facility_id,
            batch_id,
            owner_id,
            change,
            serial_numbers,
            reason,
            documents,
        });
    }
}
