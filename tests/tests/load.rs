//! Thousands of shipments by many clients at once over the same two warehouses: nothing goes below zero, nothing is
//! lost, and no client hears of anything but success or business.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use keruen_proto::{inventory::v1::GetStockLevelRequest, stock::v1::StockRow};
use keruen_tests::{
    history,
    node::Node,
    refusal::Refusal,
    scene::{self, Clients, MASK_A, NORTH, SOUTH},
    traffic::{Step, Trip},
};

const CLIENTS: usize = 32;
/// How many shipments are sent where `KERUEN_TEST_SHIPMENTS` says nothing. Takes a minute or two without optimisation.
const SHIPMENTS: usize = 10_000;
/// Little enough that shipments of up to 40 units often find too little.
const UNITS: i64 = 200;

/// Answers by what they were: `OK`, or the reason of a refusal.
type Answers = BTreeMap<String, usize>;

fn shipments() -> usize {
    env::var("KERUEN_TEST_SHIPMENTS").map_or(SHIPMENTS, |number| {
        number.parse().expect("a number of shipments")
    })
}

/// Sends one shipment on its way; one that finds too little stock is cancelled.
async fn send(trip: &Trip, clients: &mut Clients, answers: &mut Answers) {
    for step in Step::WAY {
        if let Err(refusal) = take(trip, step, clients, answers).await {
            assert_eq!(
                (step, refusal.reason.as_str()),
                (Step::Allocate, "INSUFFICIENT_STOCK"),
                "{refusal:?}"
            );
            take(trip, Step::Cancel, clients, answers)
                .await
                .expect("nothing has been sent yet");
            return;
        }
    }
}

fn total(rows: &[StockRow]) -> i64 {
    rows.iter().map(|row| row.on_hand + row.in_transit).sum()
}

async fn take(
    trip: &Trip,
    step: Step,
    clients: &mut Clients,
    answers: &mut Answers,
) -> Result<u64, Refusal> {
    let answer = trip
        .take(step, clients)
        .await
        .map_err(|status| Refusal::of(&status));
    let name = match &answer {
        Ok(_) => "OK",
        Err(refusal) => {
            assert!(refusal.is_business(), "{step:?} of {trip:?}: {refusal:?}");
            &refusal.reason
        }
    };
    *answers.entry(name.to_owned()).or_default() += 1;
    answer
}

/// Looks at the stock for as long as the load runs. Every answer must add up by itself.
async fn watch(mut clients: Clients, over: Arc<AtomicBool>) -> usize {
    let mut looks = 0;
    while !over.load(Ordering::Relaxed) {
        let rows = scene::stock(&mut clients, 0).await;
        for row in &rows {
            let smallest = [
                row.on_hand,
                row.reserved,
                row.held,
                row.available,
                row.in_transit,
            ]
            .into_iter()
            .min();
            assert!(smallest >= Some(0), "a quantity is negative: {row:?}");
        }
        assert_eq!(
            total(&rows),
            2 * UNITS,
            "units came from nowhere or vanished: {rows:?}"
        );
        for facility_id in [NORTH, SOUTH] {
            let question = GetStockLevelRequest {
                facility_id: facility_id.to_owned(),
                item_id: MASK_A.to_owned(),
            };
            let level = clients
                .inventory
                .get_stock_level(question)
                .await
                .expect("the inventory answers");
            for lot in level
                .into_inner()
                .stock_level
                .expect("an answer has a level")
                .lots
            {
                let smallest = [lot.on_hand, lot.reserved, lot.held, lot.available]
                    .into_iter()
                    .min();
                assert!(smallest >= Some(0), "a quantity is negative: {lot:?}");
            }
        }
        looks += 1;
    }
    looks
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_stands_a_crowd() {
    let node = Node::new().await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    let mut settled = 0;
    for (facility_id, donation_id) in [(NORTH, "N1"), (NORTH, "N2"), (SOUTH, "S1"), (SOUTH, "S2")] {
        settled = clients
            .donate(donation_id, MASK_A, UNITS / 2, facility_id)
            .await;
    }
    assert_eq!(total(&scene::stock(&mut clients, settled).await), 2 * UNITS);

    let shipments = shipments();
    let next = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch(Clients::on(&node.channel()), Arc::clone(&over)));
    let began = Instant::now();
    let crowd = (0..CLIENTS).map(|_| {
        let mut clients = Clients::on(&node.channel());
        let next = Arc::clone(&next);
        tokio::spawn(async move {
            let mut answers = Answers::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= shipments {
                    return answers;
                }
                send(&Trip::numbered(number), &mut clients, &mut answers).await;
            }
        })
    });
    let mut answers = Answers::new();
    for client in futures::future::join_all(crowd).await {
        for (name, count) in client.expect("every client comes to its end") {
            *answers.entry(name).or_default() += count;
        }
    }
    println!(
        "{shipments} shipments by {CLIENTS} clients in {:?}: {answers:?}",
        began.elapsed()
    );
    over.store(true, Ordering::Relaxed);
    let looks = watcher.await.expect("the stock is right at any time");
    assert!(looks > 0);

    let refused = answers.get("INSUFFICIENT_STOCK").copied().unwrap_or(0);
    assert_eq!(
        answers["OK"],
        4 * (shipments - refused) + 2 * refused,
        "every shipment arrived or was cancelled"
    );
    let events = history::read(&node.channel()).await;
    history::check(&events);
    let rows = scene::stock(&mut clients, events.len() as u64).await;
    assert_eq!(total(&rows), 2 * UNITS);
    assert!(
        rows.iter()
            .all(|row| row.in_transit == 0 && row.reserved == 0),
        "{rows:?}"
    );
}
