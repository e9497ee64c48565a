//! What is on its way, told where it goes and where it comes from.

use std::collections::BTreeMap;

use keruen_domain::{
    Boundary, Label,
    correction::{Fact, VoidMovement, context},
    shipment::{
        AcceptLossAct, AllocateShipment, DispatchShipment, DivertShipment, Elsewhere, FoundGoods,
        GoodsToSend, HandOverShipment, Pick, ReceiveShipment, RequestShipment, SplitShipment,
        TransferShipmentTitle,
    },
    stock::{NewStock, OpenStock},
};
use keruen_proto::{
    inventory::v1::ReceiptOutcome,
    registry::v1::{DocumentKind, DocumentRef},
    shipments::v1::{
        AgreementOverride, AgreementOverrideReason, CustodyBasis, DiversionReason, LossVerdict,
        SplitReason,
    },
    stock::v1::{ListStockRequest, StockGroup, StockRow},
};

use super::{
    answers::TODAY,
    history::{History, code, quantity},
    past::chronicle,
    stores::writer_in,
};
use crate::{past::Past, stock::StockQuery, store::Place};

/// Ten tests at a warehouse, which a shipment takes to a hospital.
struct Trip {
    history: History,
    /// After how many events who had what on the way, told in words.
    told: Vec<(u64, String)>,
}

fn document(kind: DocumentKind) -> DocumentRef {
    DocumentRef {
        kind: kind.into(),
        number: "7".to_owned(),
        ..DocumentRef::default()
    }
}

impl Trip {
    fn new() -> Self {
        let mut history = History::new(&[]);
        history.expect(&OpenStock {
            facility_id: code("WH-ALA"),
            lines: vec![NewStock {
                item_id: code("TEST-A"),
                quantity: quantity(10),
                lot: None,
                expires_on: None,
                owner_id: Some(code("MOH")),
                serial_numbers: Vec::new(),
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
                item_id: code("TEST-A"),
                quantity: quantity(10),
                request: None,
                owner_id: None,
                min_life_days: 0,
            }],
        });
        history.expect(&AllocateShipment {
            shipment_id: code("S"),
            allow_partial: false,
            fit_override: None,
            reserve_override: None,
            reserve_item_ids: Vec::new(),
            arrives_on: None,
        });
        Self {
            history,
            told: Vec::new(),
        }
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
        let lines = found.iter().map(|(units, outcome)| FoundGoods {
            line: Some(1),
            batch_id: None,
            owner_id: None,
            quantity: quantity(*units),
            outcome: *outcome,
            serial_numbers: Vec::new(),
            item_id: None,
            lot: None,
            expires_on: None,
            new_batch_id: code("UNUSED"),
            sscc: None,
        });
        let lines = lines.collect();
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
                event,
                before,
            },
            documents: vec![document(DocumentKind::AcceptanceAct)],
        });
    }

    /// From here on so much is on its way: `ORIGIN>n OWNER CUSTODIAN` and `DESTINATION<n …`.
    fn tells(&mut self, told: &str) {
        let position = self.history.events.len() as u64;
        self.told.push((position, told.to_owned()));
    }

    /// Compares the present after each step, and the past after all of them.
    fn check(&self) {
        let dir = tempfile::tempdir().unwrap();
        let mut present = writer_in(dir.path());
        let folder = Place::Folder(dir.path().to_owned());
        let mut past = chronicle(&folder, &self.history.events, 5);
        let mut position = 0;
        for (until, told) in &self.told {
            let until = usize::try_from(*until).unwrap();
            present
                .apply(&self.history.events[position..until])
                .unwrap();
            position = until;
            let now = query().answer(present.connection(), TODAY).unwrap();
            assert_eq!(on_the_way(&now.rows), *told, "after {until} events");
            let at = self.history.events[until - 1].recorded_at_us;
            let known_at = Some(until as u64);
            let asked = [
                (known_at, None),
                (None, Some(at)),
                (known_at, Some(at)),
                (Some(u64::MAX), Some(at)),
            ];
            for (known_at, as_of_us) in asked {
                let asked = Past {
                    known_at,
                    as_of_us,
                    recorded_by: Some(until as u64),
                };
                let then = query().answer_past(past.connection(), &asked, TODAY);
                assert_eq!(on_the_way(&then.unwrap().rows), *told, "{asked:?}");
            }
        }
    }
}

fn query() -> StockQuery {
    let groups = [
        StockGroup::Facility,
        StockGroup::Owner,
        StockGroup::Custodian,
    ];
    let request = ListStockRequest {
        group_by: groups.map(Into::into).to_vec(),
        ..ListStockRequest::default()
    };
    StockQuery::parse(&request).unwrap()
}

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
    trip.check();
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
    trip.check();
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
    trip.check();
}

#[test]
fn what_never_left_is_not_on_its_way() {
    let mut trip = Trip::new();
    trip.dispatch();
    trip.tells("H-JEZ<10 MOH CARRIER, WH-ALA>10 MOH CARRIER");
    trip.void("ShipmentDispatched");
    trip.tells("");
    trip.check();
}
