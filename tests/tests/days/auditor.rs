//! An auditor comes on Monday and again on Friday. What was rewritten in between, she finds; what she took along on Monday
//! proves what had been recorded.

use std::fs;

use keruen_tests::{
    node::Node,
    program,
    scene::{MASK_A, NORTH},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Town, number};

#[tokio::test(flavor = "multi_thread")]
async fn the_auditor_finds_what_was_rewritten_and_proves_what_was_there() {
    let (store, bag) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let in_bag = |name: &str| bag.path().join(name).to_str().unwrap().to_owned();
    let mut town = Town::on(Node::on(store.path()).await).await;
    for line in [
        format!("donation pledge --id GIFT --donor DONOR --line item={MASK_A},quantity=400"),
        format!(
            "donation receive GIFT --facility {NORTH} --line item={MASK_A},quantity=400,batch=GIFT-1"
        ),
    ] {
        town.types(&line).success();
    }

    // On Monday she verifies the history, and takes along the key, a signed checkpoint of a few lines, and a proof of the
    // receipt that she is asked about most.
    let key = town.types("log key").success().trim().to_owned();
    let monday = in_bag("monday");
    let told = town.types(&format!("log verify --key {key}")).success();
    assert!(told.contains("as it was recorded"), "{told}");
    town.types(&format!("log checkpoint --key {key} --out {monday}"))
        .success();
    let receipt = town
        .types("events --type DonationReceived --tag donation:GIFT")
        .success();
    let receipt: Value = serde_json::from_str(receipt.trim()).unwrap();
    let position = number(&receipt["position"]);
    let event_id = receipt["id"].as_str().unwrap();
    let proof = in_bag("receipt.json");
    town.types(&format!(
        "log prove {event_id} --key {key} --format json --out {proof}"
    ))
    .success();

    // On Wednesday goods move on, as they do; and somebody with the password of the machine
    // writes by hand that another one had signed for the gift.
    town.types(&format!(
        "stock consume --facility {NORTH} --item {MASK_A} --quantity 30 --purpose patient"
    ))
    .success();
    assert!(town.node.interrupt().success());
    let raw = rusqlite::Connection::open(store.path().join("keruen.db")).unwrap();
    // The database itself refuses; he has to take its guards away first.
    let told = raw
        .execute("UPDATE events SET actor = 'cli:nobody'", [])
        .unwrap_err();
    assert!(told.to_string().contains("never"), "{told}");
    raw.execute_batch("DROP TRIGGER events_are_never_updated")
        .unwrap();
    let changed = raw
        .execute(
            "UPDATE events SET actor = 'cli:nobody' WHERE position = ?1",
            [position],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(raw);
    town.node = Node::on(store.path()).await;

    // On Friday one command finds it, and where: over the wire as well as in the file itself.
    let friday = format!("log verify --key {key} --since {monday}");
    let told = town.types(&friday).refused(1);
    assert!(
        told.contains(&format!("position {position}, event")),
        "{told}"
    );
    let data = store.path().to_str().unwrap();
    program::run([
        "log", "verify", "--data", data, "--key", &key, "--since", &monday,
    ])
    .refused(1);

    // What stood there on Monday she proves without asking the node: on her own machine, with what is in her bag.
    drop(town);
    let told = program::run(["log", "verify-proof", &proof, "--key", &key]).success();
    assert!(told.contains("The event is in the signed log."), "{told}");
    let held = fs::read_to_string(&proof).unwrap();
    assert!(held.contains(event_id), "{held}");
}
