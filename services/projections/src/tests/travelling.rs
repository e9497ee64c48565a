//! What is on its way, told where it goes and where it comes from; and units of assets, told one by one.

use std::collections::BTreeMap;

use keruen_domain::{
    Boundary, Label,
    correction::{Fact, VoidMovement, context},
    quality::{Grounds, HoldBatch, ReleaseBatch},
    shipment::{
        AcceptLossAct, AllocateShipment, DispatchShipment, DivertShipment, Elsewhere, FoundGoods,
        GoodsToSend, HandOverShipment, Pick, ReceiveShipment, RequestShipment, SplitShipment,
        TransferShipmentTitle,
    },
    stock::{HoldStock, NewStock, OpenStock, ReleaseStock, TransferTitle},
};
use keruen_proto::{
    inventory::v1::{HoldReason, OverrideReason, ReceiptOutcome},
    registry::v1::{DocumentKind, DocumentRef},
    shipments::v1::{
        AgreementOverride, AgreementOverrideReason, CustodyBasis, DiversionReason, LossVerdict,
        SplitReason,
    },
    stock::v1::{ListStockRequest, StockGroup, StockRow},
};

use super::{
    answers::TODAY,
    history::{History, code, counted_from_us, quantity},
    past::chronicle,
    stores::writer_in,
};
use crate::{copies::Place, past::Past, stock::StockQuery};

/// Goods at a warehouse, some of which a shipment takes to a hospital.
struct Trip {
    history: History,
    /// After how many events who had what, told in words.
    told: Vec<(u64, String)>,
}

/// A question, and its answer in words.
struct Words {
    groups: &'static [StockGroup],
    of: fn(&[StockRow]) -> String,
}

const ON_THE_WAY: Words = Words {
    groups: &[
        StockGroup::Facility,
        StockGroup::Owner,
        StockGroup::Custodian,
    ],
    of: on_the_way,
};
const UNITS: Words = Words {
    groups: &[
        StockGroup::Facility,
        StockGroup::Owner,
        StockGroup::Custodian,
        StockGroup::Asset,
    ],
    of: units,
};

fn document(kind: DocumentKind) -> DocumentRef {
    DocumentRef {
        kind: kind.into(),
        number: "7".to_owned(),
        ..DocumentRef::default()
    }
}

impl Trip {
    /// Ten tests, all of which go.
    fn new() -> Self {
        Self::with("TEST-A", &[], 10, 10)
    }

    fn with(item_id: &str, serial_numbers: &[&str], there: i64, sent: i64) -> Self {
        let mut history = History::new(&[]);
        history.expect(&OpenStock {
            facility_id: code("WH-ALA"),
            lines: vec![NewStock {
                item_id: code(item_id),
                quantity: quantity(there),
                lot: None,
                expires_on: None,
                owner_id: Some(code("MOH")),
                serial_numbers: labels(serial_numbers),
                unit_value: None,
                held: false,
                batch_id: code("B"),
            }],
            documents: Vec::new(),
        });
        history.expect(&RequestShipment {
            shipment_id: code("S"),
            origin_id: code("WH-ALA"),
            destination_id: code("H-JEZ"),
            lines: vec![GoodsToSend {
                line: 1,
                item_id: code(item_id),
                quantity: quantity(sent),
                request: None,
                owner_id: None,
                min_life_days: 0,
            }],
        });
        let mut trip = Self {
            history,
            told: Vec::new(),
        };
        trip.allocate();
        trip
    }

    fn allocate(&mut self) {
        self.history.expect(&AllocateShipment {
            shipment_id: code("S"),
            allow_partial: false,
            fit_override: None,
            reserve_override: None,
            reserve_item_ids: Vec::new(),
            arrives_on: None,
        });
    }

    fn dispatch(&mut self) {
        self.history.expect(&DispatchShipment {
            shipment_id: code("S"),
            custodian_id: code("CARRIER"),
            signed_by_ref: None,
            expected_on: None,
            documents: Vec::new(),
            basis: None,
            fit_override: None,
            agreement_override: None,
        });
    }

    fn receive(&mut self, shipment_id: &str, found: &[(i64, ReceiptOutcome)]) {
        self.receive_units(shipment_id, found, &[]);
    }

    fn receive_units(
        &mut self,
        shipment_id: &str,
        found: &[(i64, ReceiptOutcome)],
        serial_numbers: &[&str],
    ) {
        let lines = found
            .iter()
            .map(|(units, outcome)| found_goods(*units, *outcome, serial_numbers));
        self.receive_lines(shipment_id, lines.collect());
    }

    fn receive_lines(&mut self, shipment_id: &str, lines: Vec<FoundGoods>) {
        self.history.expect(&ReceiveShipment {
            shipment_id: code(shipment_id),
            lines: Some(lines),
            signed_by_ref: None,
            documents: Vec::new(),
            seals: Vec::new(),
            answer_within_days: 7,
        });
    }

    fn lose(&mut self) {
        self.history.expect(&AcceptLossAct {
            shipment_id: code("S"),
            act: document(DocumentKind::LossAct),
            verdict: LossVerdict::Liable,
            lines: None,
            liable_id: None,
        });
    }

    /// The last event of a type never happened.
    fn void(&mut self, name: &str) {
        let mut events = self.history.decoded().iter();
        let index = events
            .rposition(|event| event.short_name() == name)
            .unwrap();
        let event = self.history.decoded()[index].clone();
        let before = context(&event);
        let before = before.map(|it: Boundary| Box::new(self.history.fold_before(&it, index)));
        let event_id = self.history.events[index].event_id.clone();
        self.history.expect(&VoidMovement {
            fact: Fact {
                event_id,
                occurred_at_us: self.history.happened_us(index),
                event,
                before,
            },
            documents: vec![document(DocumentKind::AcceptanceAct)],
        });
    }

    /// From here on it is so.
    fn tells(&mut self, told: &str) {
        let position = self.history.events.len() as u64;
        self.told.push((position, told.to_owned()));
    }

    /// Compares the present after each step, and the past after all of them. What was found out later to have been wrong
    /// then is not told of that time any more, unless what was known is asked for.
    fn check(&self, words: &Words) {
        let dir = tempfile::tempdir().unwrap();
        let mut present = writer_in(dir.path());
        let folder = Place::Folder(dir.path().to_owned());
        let mut past = chronicle(&folder, &self.history.events, 5);
        let counted_us = counted_from_us(&self.history.events);
        let (mut position, mut corrected) = (0, 0);
        for (until, told) in &self.told {
            let until = usize::try_from(*until).unwrap();
            present
                .apply(&self.history.events[position..until])
                .unwrap();
            position = until;
            let now = query(words).answer(present.connection(), TODAY).unwrap();
            assert_eq!((words.of)(&now.rows), *told, "after {until} events");
            let at = self.history.events[until - 1].recorded_at_us;
            let known_at = Some(until as u64);
            let mut asked = vec![(known_at, None), (known_at, Some(at))];
            if counted_us[until..].iter().all(|from_us| *from_us > at) {
                asked.extend([(None, Some(at)), (Some(u64::MAX), Some(at))]);
            } else {
                corrected += 1;
            }
            for (known_at, as_of_us) in asked {
                let asked = Past {
                    known_at,
                    as_of_us,
                    recorded_by: Some(until as u64),
                };
                let then = query(words).answer_past(past.connection(), &asked, TODAY);
                assert_eq!((words.of)(&then.unwrap().rows), *told, "{asked:?}");
            }
        }
        assert!(corrected < self.told.len());
    }
}

fn found_goods(units: i64, outcome: ReceiptOutcome, serial_numbers: &[&str]) -> FoundGoods {
    FoundGoods {
        line: Some(1),
        batch_id: None,
        owner_id: None,
        quantity: quantity(units),
        outcome,
        serial_numbers: labels(serial_numbers),
        item_id: None,
        lot: None,
        expires_on: None,
        new_batch_id: code("UNUSED"),
        sscc: None,
    }
}

fn labels(texts: &[&str]) -> Vec<Label> {
    let labels = texts.iter().map(|text| Label::parse(text).unwrap());
    labels.collect()
}

fn query(words: &Words) -> StockQuery {
    let groups = words.groups.iter().map(|group| (*group).into());
    let request = ListStockRequest {
        group_by: groups.collect(),
        ..ListStockRequest::default()
    };
    StockQuery::parse(&request).unwrap()
}

/// Each unit of an asset that is somewhere: `SERIAL FACILITY OWNER CUSTODIAN` and what it is there.
fn units(rows: &[StockRow]) -> String {
    let mut told = Vec::new();
    for row in rows {
        let mut text = format!(
            "{} {} {} {}",
            row.serial_number, row.facility_id, row.owner_id, row.custodian_id
        );
        let quantities = [
            ("there", row.on_hand),
            ("claimed", row.reserved),
            ("held", row.held),
            ("coming", row.in_transit),
            ("sent", row.in_transit_out),
        ];
        for (word, quantity) in quantities.into_iter().filter(|(_, it)| *it != 0) {
            assert_eq!(quantity, 1, "{row:?}");
            text = format!("{text} {word}");
        }
        if quantities.iter().any(|(_, quantity)| *quantity != 0) {
            assert_eq!(row.item_id, "VENT-X");
            told.push(text);
        }
    }
    told.sort();
    told.join(", ")
}

/// So much is on its way: `DESTINATION<n OWNER CUSTODIAN`, and `ORIGIN>n OWNER CUSTODIAN`.
fn on_the_way(rows: &[StockRow]) -> String {
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for row in rows {
        let who = format!("{} {}", row.owner_id, row.custodian_id);
        for (sign, quantity) in [('>', row.in_transit_out), ('<', row.in_transit)] {
            if quantity != 0 {
                let text = format!("{}{sign}{quantity} {who}", row.facility_id);
                told.insert(format!("{sign}{text}"), text);
            }
        }
    }
    // What goes in comes before what goes out.
    told.into_values().collect::<Vec<_>>().join(", ")
}

#[test]
fn what_left_is_told_where_it_left_until_it_arrives_or_its_loss_is_settled() {
    let mut trip = Trip::new();
    trip.tells("");
    trip.dispatch();
    trip.tells("H-JEZ<10 MOH CARRIER, WH-ALA>10 MOH CARRIER");
    trip.receive(
        "S",
        &[(6, ReceiptOutcome::Good), (4, ReceiptOutcome::Missing)],
    );
    trip.tells("H-JEZ<4 MOH CARRIER, WH-ALA>4 MOH CARRIER");
    trip.receive("S", &[(1, ReceiptOutcome::Damaged)]);
    trip.tells("H-JEZ<3 MOH CARRIER, WH-ALA>3 MOH CARRIER");
    trip.lose();
    trip.tells("");
    trip.void("LossActAccepted");
    trip.tells("H-JEZ<3 MOH CARRIER, WH-ALA>3 MOH CARRIER");
    trip.receive("S", &[(3, ReceiptOutcome::Good)]);
    trip.tells("");
    trip.check(&ON_THE_WAY);
}

#[test]
fn where_it_left_stays_the_same_wherever_it_goes_whose_it_is_and_in_whose_hands() {
    let mut trip = Trip::new();
    trip.dispatch();
    trip.history.expect(&DivertShipment {
        shipment_id: code("S"),
        elsewhere: Elsewhere::Facility(code("H-AST"), None),
        reason: DiversionReason::GreaterNeed,
        expected_on: None,
        documents: Vec::new(),
    });
    trip.tells("H-AST<10 MOH CARRIER, WH-ALA>10 MOH CARRIER");
    trip.history.expect(&SplitShipment {
        shipment_id: code("S"),
        new_shipment_id: code("T"),
        ssccs: Vec::new(),
        units: vec![Pick {
            line: 1,
            batch_id: None,
            owner_id: None,
            quantity: Some(quantity(4)),
            serial_numbers: Vec::new(),
        }],
        expected_on: None,
        reason: SplitReason::Breakdown,
        documents: Vec::new(),
    });
    trip.tells("H-AST<10 MOH CARRIER, WH-ALA>10 MOH CARRIER");
    trip.history.expect(&HandOverShipment {
        shipment_id: code("T"),
        custodian_id: code("KASPI"),
        signed_by_ref: Label::parse("person:1").unwrap(),
        handed_over_by_ref: None,
        basis: CustodyBasis::Counted,
        seals: Vec::new(),
        missing: Vec::new(),
        remarks: Vec::new(),
        agreement_override: Some(AgreementOverride {
            authorised_by_ref: "person:7".to_owned(),
            reason: AgreementOverrideReason::Emergency.into(),
        }),
        facility_id: None,
        documents: Vec::new(),
    });
    trip.tells("H-AST<4 MOH KASPI, H-AST<6 MOH CARRIER, WH-ALA>4 MOH KASPI, WH-ALA>6 MOH CARRIER");
    trip.history.expect(&TransferShipmentTitle {
        shipment_id: code("T"),
        new_owner_id: code("KASPI"),
        owner_id: None,
        ssccs: Vec::new(),
        units: Vec::new(),
        documents: vec![document(DocumentKind::TransferAct)],
    });
    trip.tells(
        "H-AST<4 KASPI KASPI, H-AST<6 MOH CARRIER, WH-ALA>4 KASPI KASPI, WH-ALA>6 MOH CARRIER",
    );
    trip.receive("T", &[(4, ReceiptOutcome::Good)]);
    trip.tells("H-AST<6 MOH CARRIER, WH-ALA>6 MOH CARRIER");
    trip.void("ShipmentReceived");
    trip.tells(
        "H-AST<4 KASPI KASPI, H-AST<6 MOH CARRIER, WH-ALA>4 KASPI KASPI, WH-ALA>6 MOH CARRIER",
    );
    trip.check(&ON_THE_WAY);
}

#[test]
fn what_comes_back_is_on_its_way_from_and_to_one_place() {
    let mut trip = Trip::new();
    trip.dispatch();
    trip.history.expect(&DivertShipment {
        shipment_id: code("S"),
        elsewhere: Elsewhere::Facility(code("WH-ALA"), None),
        reason: DiversionReason::GreaterNeed,
        expected_on: None,
        documents: Vec::new(),
    });
    trip.tells("WH-ALA<10 MOH CARRIER, WH-ALA>10 MOH CARRIER");
    trip.receive("S", &[(10, ReceiptOutcome::Good)]);
    trip.tells("");
    trip.check(&ON_THE_WAY);
}

#[test]
fn what_never_left_is_not_on_its_way() {
    let mut trip = Trip::new();
    trip.dispatch();
    trip.tells("H-JEZ<10 MOH CARRIER, WH-ALA>10 MOH CARRIER");
    trip.void("ShipmentDispatched");
    trip.tells("");
    trip.check(&ON_THE_WAY);
}

/// Three ventilators, one of which is held by itself and one of which is sent.
fn ventilators() -> Trip {
    let mut trip = Trip::with("VENT-X", &["SN-1", "SN-2", "SN-3"], 3, 1);
    trip.tells(
        "SN-1 WH-ALA MOH MOH there claimed, SN-2 WH-ALA MOH MOH there, SN-3 WH-ALA MOH MOH there",
    );
    trip.history.expect(&HoldStock {
        facility_id: code("WH-ALA"),
        batch_id: code("B"),
        owner_id: None,
        quantity: quantity(1),
        serial_numbers: labels(&["SN-2"]),
        reason: HoldReason::Damaged,
        documents: Vec::new(),
    });
    trip.tells(
        "SN-1 WH-ALA MOH MOH there claimed, SN-2 WH-ALA MOH MOH there held, SN-3 WH-ALA MOH MOH there",
    );
    trip
}

#[test]
fn a_unit_is_told_where_it_is_whose_it_is_and_in_whose_hands() {
    let mut trip = ventilators();
    trip.dispatch();
    let others = "SN-2 WH-ALA MOH MOH there held, SN-3 WH-ALA MOH MOH there";
    trip.tells(&format!(
        "SN-1 H-JEZ MOH CARRIER coming, SN-1 WH-ALA MOH CARRIER sent, {others}"
    ));
    trip.receive_units("S", &[(1, ReceiptOutcome::Missing)], &["SN-1"]);
    trip.tells(&format!(
        "SN-1 H-JEZ MOH CARRIER coming, SN-1 WH-ALA MOH CARRIER sent, {others}"
    ));
    trip.lose();
    trip.tells(others);
    trip.void("LossActAccepted");
    trip.receive_units("S", &[(1, ReceiptOutcome::Damaged)], &["SN-1"]);
    trip.tells(&format!("SN-1 H-JEZ MOH MOH there held, {others}"));
    trip.check(&UNITS);
}

#[test]
fn a_unit_that_is_held_by_itself_stays_so_with_another_owner() {
    let mut trip = ventilators();
    trip.history.expect(&TransferTitle {
        facility_id: code("WH-ALA"),
        batch_id: code("B"),
        owner_id: None,
        new_owner_id: code("KASPI"),
        quantity: Some(quantity(2)),
        serial_numbers: labels(&["SN-3", "SN-2"]),
        documents: vec![document(DocumentKind::TransferAct)],
    });
    trip.tells(
        "SN-1 WH-ALA MOH MOH there claimed, SN-2 WH-ALA KASPI MOH there held, SN-3 WH-ALA KASPI MOH there",
    );
    trip.void("TitleTransferred");
    trip.tells(
        "SN-1 WH-ALA MOH MOH there claimed, SN-2 WH-ALA MOH MOH there held, SN-3 WH-ALA MOH MOH there",
    );
    trip.check(&UNITS);
}

#[test]
fn units_of_a_receipt_that_never_happened_are_held_no_longer() {
    let mut trip = Trip::with("VENT-X", &["SN-1", "SN-2"], 2, 2);
    trip.dispatch();
    let coming = "SN-1 H-JEZ MOH CARRIER coming, SN-1 WH-ALA MOH CARRIER sent, \
                  SN-2 H-JEZ MOH CARRIER coming, SN-2 WH-ALA MOH CARRIER sent";
    trip.tells(coming);
    let found = vec![
        found_goods(1, ReceiptOutcome::Damaged, &["SN-1"]),
        found_goods(1, ReceiptOutcome::Good, &["SN-2"]),
    ];
    trip.receive_lines("S", found);
    trip.history.expect(&ReleaseStock {
        facility_id: code("H-JEZ"),
        batch_id: code("B"),
        owner_id: None,
        quantity: quantity(1),
        serial_numbers: labels(&["SN-1"]),
        grounds: Grounds::Override {
            authorised_by_ref: Label::parse("person:7").unwrap(),
            reason: OverrideReason::HeldByMistake,
        },
        documents: Vec::new(),
    });
    trip.history.expect(&HoldStock {
        facility_id: code("H-JEZ"),
        batch_id: code("B"),
        owner_id: None,
        quantity: quantity(1),
        serial_numbers: labels(&["SN-2"]),
        reason: HoldReason::Damaged,
        documents: Vec::new(),
    });
    trip.tells("SN-1 H-JEZ MOH MOH there, SN-2 H-JEZ MOH MOH there held");
    // One of them was held, and not the one that had come damaged.
    trip.void("ShipmentReceived");
    trip.tells(coming);
    trip.check(&UNITS);
}

#[test]
fn every_unit_of_a_held_batch_is_held_but_those_that_are_claimed() {
    let mut trip = ventilators();
    trip.history.expect(&HoldBatch {
        batch_id: code("B"),
        reason: HoldReason::QualityDoubt,
        documents: Vec::new(),
    });
    trip.tells(
        "SN-1 WH-ALA MOH MOH there claimed, SN-2 WH-ALA MOH MOH there held, SN-3 WH-ALA MOH MOH there held",
    );
    trip.history.expect(&ReleaseBatch {
        batch_id: code("B"),
        reason: None,
        grounds: Grounds::Override {
            authorised_by_ref: Label::parse("person:7").unwrap(),
            reason: OverrideReason::HeldByMistake,
        },
        documents: Vec::new(),
    });
    trip.tells(
        "SN-1 WH-ALA MOH MOH there claimed, SN-2 WH-ALA MOH MOH there held, SN-3 WH-ALA MOH MOH there",
    );
    trip.check(&UNITS);
}
