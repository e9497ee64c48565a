//! The plug is pulled in the middle of everything, several times: what was acknowledged is there, once.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use keruen_proto::log::v1::RecordedEvent;
use keruen_tests::{
    history,
    node::Node,
    refusal::Refusal,
    scene::{self, Clients, MASK_A, NORTH, SOUTH},
    traffic::{Step, Trip},
};
use tokio::task::JoinHandle;

const CLIENTS: usize = 16;
const CYCLES: usize = 4;
/// Acknowledgements between one pull of the plug and the next.
const ACKNOWLEDGED: usize = 300;
/// So much stock that no command is ever refused.
const UNITS: i64 = 1_000_000;

/// Command id and position of every command that was acknowledged.
type Acknowledged = Arc<Mutex<BTreeMap<String, u64>>>;

/// Where a client stands: the trip under way, and how many of its steps were acknowledged.
#[derive(Clone, Debug)]
struct Client {
    trip: Trip,
    steps: usize,
}

/// Works until the node no longer answers, and comes back with where it stands.
fn work(
    mut client: Client,
    mut clients: Clients,
    next: Arc<AtomicUsize>,
    book: Acknowledged,
) -> JoinHandle<Client> {
    tokio::spawn(async move {
        loop {
            let Some(step) = Step::WAY.get(client.steps).copied() else {
                client = Client {
                    trip: Trip::numbered(next.fetch_add(1, Ordering::Relaxed)),
                    steps: 0,
                };
                continue;
            };
            match client.trip.take(step, &mut clients).await {
                Ok(position) => {
                    book.lock()
                        .unwrap()
                        .insert(client.trip.command_id(step), position);
                    client.steps += 1;
                }
                Err(status) => {
                    let refusal = Refusal::of(&status);
                    assert!(
                        !refusal.is_business(),
                        "{step:?} of {:?}: {refusal:?}",
                        client.trip
                    );
                    return client;
                }
            }
        }
    })
}

async fn until_acknowledged(book: &Acknowledged, count: usize) {
    while book.lock().unwrap().len() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn by_command(events: &[RecordedEvent]) -> BTreeMap<String, Vec<u64>> {
    let mut commands: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for event in events {
        commands
            .entry(event.command_id.clone())
            .or_default()
            .push(event.position);
    }
    commands
}

fn assert_recorded_once(events: &[RecordedEvent], book: &Acknowledged) {
    let commands = by_command(events);
    for (command_id, position) in book.lock().unwrap().iter() {
        let recorded = commands
            .get(command_id)
            .unwrap_or_else(|| panic!("{command_id} was acknowledged, and is gone"));
        assert_eq!(
            recorded.last(),
            Some(position),
            "{command_id} stands elsewhere than it was said"
        );
        let expected: Vec<u64> = (recorded[0]..).take(recorded.len()).collect();
        assert_eq!(
            recorded, &expected,
            "{command_id} was recorded twice, or torn apart"
        );
    }
}

async fn set_scene(node: &Node) {
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    for (facility_id, donation_id) in [(NORTH, "N"), (SOUTH, "S")] {
        clients
            .donate(donation_id, MASK_A, UNITS, facility_id)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_sigkill_and_stands_there_once() {
    let mut node = Node::new().await;
    set_scene(&node).await;
    let before = history::head(&node.channel()).await;
    let next = Arc::new(AtomicUsize::new(0));
    let book = Acknowledged::default();
    let mut crowd: Vec<Client> = (0..CLIENTS)
        .map(|_| Client {
            trip: Trip::numbered(next.fetch_add(1, Ordering::Relaxed)),
            steps: 0,
        })
        .collect();
    for _ in 0..CYCLES {
        let so_far = book.lock().unwrap().len();
        let working: Vec<_> = crowd
            .drain(..)
            .map(|client| {
                work(
                    client,
                    Clients::on(&node.channel()),
                    Arc::clone(&next),
                    Arc::clone(&book),
                )
            })
            .collect();
        until_acknowledged(&book, so_far + ACKNOWLEDGED).await;
        node.kill();
        for client in working {
            crowd.push(client.await.unwrap());
        }
        node.restart().await;
        assert_recorded_once(&history::read(&node.channel()).await, &book);
    }

    // What was not acknowledged is repeated under the same id: it has one effect, recorded before or now.
    let mut clients = Clients::on(&node.channel());
    for client in &mut crowd {
        for step in &Step::WAY[client.steps..] {
            let position = client.trip.take(*step, &mut clients).await.unwrap();
            book.lock()
                .unwrap()
                .insert(client.trip.command_id(*step), position);
        }
    }
    let events = history::read(&node.channel()).await;
    assert_recorded_once(&events, &book);
    let commands = by_command(&events[usize::try_from(before).unwrap()..]);
    assert_eq!(
        commands.len(),
        book.lock().unwrap().len(),
        "the log holds a command that nobody repeated"
    );
    history::check(&events);
    let rows = scene::stock(&mut clients, events.len() as u64).await;
    let total: i64 = rows.iter().map(|row| row.on_hand + row.in_transit).sum();
    assert_eq!(total, 2 * UNITS);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_under_load_loses_nothing_that_was_acknowledged() {
    let mut node = Node::new().await;
    set_scene(&node).await;
    let next = Arc::new(AtomicUsize::new(0));
    let book = Acknowledged::default();
    let working: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let client = Client {
                trip: Trip::numbered(next.fetch_add(1, Ordering::Relaxed)),
                steps: 0,
            };
            work(
                client,
                Clients::on(&node.channel()),
                Arc::clone(&next),
                Arc::clone(&book),
            )
        })
        .collect();
    until_acknowledged(&book, ACKNOWLEDGED).await;
    let status = node.interrupt();
    assert!(status.success(), "{status}");
    for client in working {
        client.await.unwrap();
    }
    node.restart().await;
    assert_recorded_once(&history::read(&node.channel()).await, &book);
}
