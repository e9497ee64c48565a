//! The ministry keeps books of its own: its software reads the stream, in its own language and with nothing of Keruen's in
//! it. It breaks down, goes on where it was, begins again from nothing, and always has what Keruen has.

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull},
};
use futures::StreamExt as _;
use keruen_test_servers::nats::Server;
use keruen_tests::{
    node::Node,
    program,
    scene::{CARRIER, HOSPITAL, MASK_A, NORTH, SOUTH},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Town, number};

const POLL: Duration = Duration::from_millis(50);

/// What the ministry knows: how much is on hand at each facility, from messages alone.
#[derive(Default, Debug, PartialEq, Eq)]
struct Books {
    on_hand: BTreeMap<String, i64>,
    /// The last message that was entered.
    last: u64,
}

impl Books {
    /// Enters a message, once: what comes again changes nothing.
    fn enter(&mut self, sequence: u64, message: &[u8]) {
        if sequence <= self.last {
            return;
        }
        // No message may be missing.
        assert_eq!(sequence, self.last + 1);
        self.last = sequence;
        let event: Value = serde_json::from_slice(message).unwrap();
        let (name, data) = (event["type"].as_str().unwrap(), &event["data"]);
        let place = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
        let each = |key: &str| data[key].as_array().cloned().unwrap_or_default();
        let mut add = |facility_id: String, quantity: i64| {
            *self.on_hand.entry(facility_id).or_default() += quantity;
        };
        match name.rsplit('.').next().unwrap() {
            "DonationReceived" => {
                for line in each("lines") {
                    add(place("facilityId"), number(&line["units"]["quantity"]));
                }
            }
            "ShipmentDispatched" => {
                for part in each("units") {
                    add(place("originId"), -number(&part["units"]["quantity"]));
                }
            }
            "ShipmentReceived" => {
                let found = each("units");
                let there = found
                    .iter()
                    .filter(|it| it["outcome"] != "RECEIPT_OUTCOME_MISSING");
                for part in there {
                    let units = &part["shipmentUnits"]["units"];
                    add(place("destinationId"), number(&units["quantity"]));
                }
            }
            "StockConsumed" => {
                for units in each("units") {
                    add(place("facilityId"), -number(&units["quantity"]));
                }
            }
            _ => {}
        }
    }
}

/// Its software runs until it has entered so many messages in all. Where it stands it keeps itself, with its books.
async fn runs_until(nats: &str, books: &mut Books, position: u64) {
    let jetstream = jetstream::new(async_nats::connect(nats).await.unwrap());
    let stream = jetstream.get_stream("KERUEN_EVENTS").await.unwrap();
    let rest = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: books.last + 1,
        },
        ..pull::OrderedConfig::default()
    };
    let consumer = stream.create_consumer(rest).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    while books.last < position {
        let message = messages.next().await.unwrap().unwrap();
        books.enter(message.info().unwrap().stream_sequence, &message.payload);
    }
}

/// What Keruen says is on hand.
fn as_keruen_says(town: &Town) -> BTreeMap<String, i64> {
    let rows = town.lists("stock --by facility");
    let rows = rows.iter().map(|row| {
        let facility_id = row["facility"].as_str().unwrap().to_owned();
        (facility_id, number(&row["on_hand"]))
    });
    rows.filter(|(_, quantity)| *quantity != 0).collect()
}

fn head(town: &Town) -> u64 {
    u64::try_from(number(&town.answers("log stats")["position"])).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ministry_has_books_of_its_own_and_they_are_the_same() {
    let folder = TempDir::new().unwrap();
    let mut server = tokio::task::block_in_place(Server::start);
    let nats = server.url();
    let mut command = program::command([
        "serve",
        "--grpc-addr",
        "127.0.0.1:0",
        "--http-addr",
        "127.0.0.1:0",
        "--nats-url",
        &nats,
    ]);
    command.arg("--data").arg(folder.path().join("data"));
    let town = Town::on(Node::start(&mut command, folder.path()).await).await;

    // In the morning gifts come to two cities, and a part goes on to a hospital.
    for (gift, place, quantity) in [("A", NORTH, 900), ("B", SOUTH, 300)] {
        for line in [
            format!(
                "donation pledge --id {gift} --donor DONOR --line item={MASK_A},quantity={quantity}"
            ),
            format!(
                "donation receive {gift} --facility {place} --line item={MASK_A},quantity={quantity}"
            ),
        ] {
            town.types(&line).success();
        }
    }
    for line in [
        format!(
            "shipment request --from {NORTH} --to {HOSPITAL} --id CAR --line item={MASK_A},quantity=200"
        ),
        "shipment allocate CAR".to_owned(),
        format!("shipment dispatch CAR --custodian {CARRIER}"),
    ] {
        town.types(&line).success();
    }
    while !town.node.is_healthy("keruen.log.relay").await {
        tokio::time::sleep(POLL).await;
    }

    // The ministry's software starts, and breaks down in the middle.
    let mut books = Books::default();
    let all = head(&town);
    runs_until(&nats, &mut books, all / 2).await;
    // Meanwhile things go on.
    town.types(
        "shipment receive CAR --line line=1,quantity=195 --line line=1,quantity=5,outcome=missing",
    )
    .success();
    town.types(&format!(
        "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 45 --purpose patient"
    ))
    .success();
    // It goes on where it was, and has what Keruen has: nothing twice, nothing left out.
    let all = head(&town);
    runs_until(&nats, &mut books, all).await;
    assert_eq!(books.on_hand, as_keruen_says(&town));
    assert_eq!(books.on_hand[HOSPITAL], 150);

    // At night the stream's server falls over; Keruen goes on without it, and the rest comes when it is back.
    tokio::task::block_in_place(|| server.kill());
    town.types(&format!(
        "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 50 --purpose patient"
    ))
    .success();
    tokio::task::block_in_place(|| server.launch());
    runs_until(&nats, &mut books, head(&town)).await;
    assert_eq!(books.on_hand[HOSPITAL], 100);

    // Nobody believes the books before they were made anew from the first message on, by another way: the same messages
    // come over the command line.
    let mut anew = Books::default();
    let replayed = town.types("events").success();
    for (sequence, message) in (1..).zip(replayed.lines()) {
        anew.enter(sequence, message.as_bytes());
    }
    assert_eq!(anew, books);
    // And the history that they were made of is the one that was signed.
    let key = town.types("log key").success().trim().to_owned();
    let told = town.types(&format!("log verify --key {key}")).success();
    assert!(told.contains("as it was recorded"), "{told}");
    town.evening().await;
}
