//! Why units were received and lost, as statements tell it.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::{
    Boundary, Code, Entry,
    shipment::{AcceptLossAct, AllocateShipment, GoodsToSend, Pick, ReportLoss, RequestShipment},
};
use keruen_proto::{
    Event,
    registry::v1::{DocumentKind, DocumentRef},
    reports::v1::{GetStatementRequest, StatementFigure as Figure, StatementRow},
    shipments::v1::{LossCause, LossVerdict},
};

use super::{
    following::append,
    history::{FACILITIES, History, ORGANISATIONS, choices_from, code, quantity},
    statement::{Node, of_donor, of_owner},
};
use crate::engine::Running;

/// A node that has told all of a history.
async fn node_with(history: &History) -> (Node, Running, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let (node, running) = Node::new(dir.path());
    append(&*node.log, &history.events).await;
    (node, running, dir)
}

/// Units lost, by cause.
fn lost(rows: &[StatementRow]) -> BTreeMap<String, i64> {
    let mut lost = BTreeMap::new();
    for row in rows.iter().filter(|row| row.figure() == Figure::Lost) {
        *lost.entry(row.cause.clone()).or_default() += row.quantity;
    }
    lost
}

/// A donation of which 30 units have left in a shipment.
fn sent() -> (History, Code) {
    let mut history = History::new(&[]);
    history.happen((0, 0, 1, 39));
    let shipment_id = code("SENT");
    history.expect(&RequestShipment {
        shipment_id: shipment_id.clone(),
        origin_id: code(FACILITIES[0].0),
        destination_id: code(FACILITIES[1].0),
        lines: vec![GoodsToSend {
            line: 1,
            item_id: code("TEST-A"),
            quantity: quantity(30),
            request: None,
            owner_id: None,
            min_life_days: 0,
        }],
    });
    history.expect(&AllocateShipment {
        shipment_id: shipment_id.clone(),
        allow_partial: false,
        fit_override: None,
        reserve_override: None,
        reserve_item_ids: Vec::new(),
        arrives_on: None,
    });
    history.dispatch(shipment_id.clone());
    (history, shipment_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_act_settles_is_lost_for_the_cause_that_was_reported_before() {
    let (mut history, shipment_id) = sent();
    let report = |units: i64, cause| ReportLoss {
        shipment_id: shipment_id.clone(),
        units: Some(vec![Pick {
            line: 1,
            batch_id: None,
            owner_id: None,
            quantity: Some(quantity(units)),
            serial_numbers: Vec::new(),
        }]),
        cause,
        documents: Vec::new(),
    };
    let act = AcceptLossAct {
        shipment_id: shipment_id.clone(),
        act: DocumentRef {
            kind: DocumentKind::LossAct.into(),
            ..DocumentRef::default()
        },
        verdict: LossVerdict::Liable,
        lines: None,
        liable_id: None,
    };
    let mut expected = Vec::new();
    let mut then = |history: &History, causes: &[(&str, i64)]| {
        let causes = causes
            .iter()
            .map(|(cause, units)| ((*cause).to_owned(), *units));
        expected.push((history.events.len() as u64, causes.collect()));
    };
    let (theft, fire) = (("LOSS_CAUSE_THEFT", 4), ("LOSS_CAUSE_FIRE", 6));
    history.expect(&report(4, LossCause::Theft));
    history.expect(&act);
    then(&history, &[theft]);
    let voided = history.events.len() - 1;
    history.expect(&report(6, LossCause::Fire));
    history.expect(&history.void_of(voided));
    then(&history, &[]);
    history.expect(&act);
    then(&history, &[theft, fire]);
    // The rest is not there, and nobody knows why.
    history.receive(&shipment_id, 1, 1);
    history.expect(&act);
    then(&history, &[theft, fire, ("RECEIPT_OUTCOME_MISSING", 2)]);

    let (node, running, _dir) = node_with(&history).await;
    for (at_position, causes) in expected {
        let request = GetStatementRequest {
            at_position,
            ..of_donor()
        };
        assert_eq!(lost(&node.ask(&request).await.rows), causes);
        let theirs = GetStatementRequest {
            at_position,
            ..of_owner(ORGANISATIONS[1])
        };
        assert_eq!(lost(&node.ask(&theirs).await.rows), causes);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cause_has_brought_or_taken_less_than_nothing() {
    let (mut brought, mut lost) = (BTreeSet::new(), BTreeSet::new());
    for seed in [19, 23, 29] {
        let history = History::with_changing_registry(&choices_from(seed, 900));
        lost.extend(causes_of(&history, &mut brought).await);
    }
    assert!(lost.len() > 1, "{lost:?}");
    for cause in [
        "ADJUSTMENT_REASON_FOUND",
        "ENTRY_BASIS_COUNT",
        "ENTRY_CAUSE_ASSEMBLY",
        "ENTRY_CAUSE_DISCREPANCY",
        "ENTRY_CAUSE_DONATION",
        "RECEIPT_OUTCOME_SURPLUS",
    ] {
        assert!(brought.contains(cause), "{cause}: {brought:?}");
    }
}

/// The causes for which shipments lost anything; adds those for which anything entered the books.
async fn causes_of(history: &History, brought: &mut BTreeSet<String>) -> Vec<String> {
    let (node, running, _dir) = node_with(history).await;
    let rows = node.ask(&of_donor()).await.rows;
    let mut told = rows.clone();
    for owner_id in ORGANISATIONS.into_iter().chain(["UNATTRIBUTED"]) {
        told.extend(node.ask(&of_owner(owner_id)).await.rows);
    }
    running.stop().await;
    let split = [Figure::Received, Figure::Lost, Figure::Disposed];
    for row in told.iter().filter(|row| split.contains(&row.figure())) {
        assert!(row.quantity > 0 && !row.cause.is_empty(), "{row:?}");
    }
    let entered = told.iter().filter(|row| row.figure() == Figure::Received);
    brought.extend(entered.map(|row| row.cause.clone()));
    check_gifts(history, &rows);
    let of_donation: BTreeSet<&str> = history
        .decoded()
        .iter()
        .filter_map(|event| match event {
            Event::DonationReceived(it) => Some(&it.lines),
            _ => None,
        })
        .flatten()
        .filter_map(|line| Some(line.units.as_ref()?.batch_id.as_str()))
        .collect();
    // Of the acts that stand.
    let mut acts = 0;
    for event in history.decoded() {
        let (units, sign) = match event {
            Event::LossActAccepted(it) => (&it.units, 1),
            Event::LossActVoided(it) => (&it.units, -1),
            _ => continue,
        };
        let units = units.iter().filter_map(|it| it.units.as_ref());
        let units = units.filter(|it| of_donation.contains(it.batch_id.as_str()));
        acts += sign * units.map(|it| it.quantity).sum::<i64>();
    }
    let told = lost(&rows);
    let of_shipments = told.iter().filter(|(cause, _)| {
        cause.starts_with("LOSS_CAUSE_") || cause.starts_with("RECEIPT_OUTCOME_")
    });
    assert_eq!(
        of_shipments.clone().map(|(_, units)| units).sum::<i64>(),
        acts
    );
    of_shipments.map(|(cause, _)| cause.clone()).collect()
}

/// What a donor gave as promised is what its donations know to have come, and what the books found is none of it.
fn check_gifts(history: &History, rows: &[StatementRow]) {
    let mut given: BTreeMap<&str, i64> = BTreeMap::new();
    let gifts = rows
        .iter()
        .filter(|row| row.cause == "ENTRY_CAUSE_DONATION");
    for row in gifts {
        *given.entry(&row.donation_id).or_default() += row.quantity;
    }
    assert!(!given.is_empty());
    for donation_id in &history.donations {
        let boundary = Boundary::donation(donation_id).unwrap();
        let Entry::Donation(donation) = history.fold(&boundary) else {
            panic!("{donation_id}");
        };
        let received: i64 = donation.lines.iter().map(|line| line.received).sum();
        let given = given.get(donation_id.as_str()).copied();
        assert_eq!(given.unwrap_or_default(), received, "{donation_id}");
    }
}
