//! The line drops: whatever happens to it, to the command line or to the node, a command has one effect or none, and
//! nobody has to remember what was sent.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use chrono::{DateTime, TimeDelta, Utc};
use keruen_tests::{
    history,
    line::{Line, State},
    message::command_id,
    process::Process,
    program::{self, Outcome},
    scene::{self, MASK_A, NORTH},
    stage::Stage,
};
use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes this long.
const PATIENCE: Duration = Duration::from_mins(2);

/// Somebody far away: a node, the line to it, and an outbox on this side of the line.
struct Outpost {
    stage: Stage,
    line: Line,
    outbox: TempDir,
}

impl Outpost {
    async fn open() -> Self {
        let stage = Stage::set().await;
        Self {
            line: Line::to(stage.node.grpc_url()),
            stage,
            outbox: TempDir::with_prefix("keruen-outbox-").unwrap(),
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = program::command(line.split(' '));
        command
            .env("KERUEN_SERVER", self.line.url())
            .env("KERUEN_OUTBOX", self.outbox.path().join("outbox"));
        command
    }

    fn run(&self, line: &str) -> Outcome {
        program::output(&mut self.command(line))
    }

    /// What waits in the outbox.
    fn waiting(&self) -> Vec<Value> {
        let listed = self.run("outbox list --format json").success();
        serde_json::from_str(&listed).unwrap()
    }

    /// Whether the log knows a command, asked past the line.
    fn is_recorded(&self, id: &str) -> bool {
        let told = self.stage.node.cli(["command", "get", id]);
        match told.code {
            Some(0) => true,
            Some(1) => {
                assert!(told.stderr.contains("UNKNOWN_COMMAND"), "{told:?}");
                false
            }
            _ => panic!("{told:?}"),
        }
    }

    /// How many masks were used, as the views have it once they know everything.
    async fn consumed(&mut self) -> i64 {
        let head = self.stage.head().await;
        let rows = scene::stock(&mut self.stage.clients, head).await;
        rows.iter().map(|row| row.consumed).sum()
    }

    /// Waits until the log has grown past a position.
    async fn until_above(&self, position: u64) {
        let began = Instant::now();
        while self.stage.head().await <= position {
            assert!(began.elapsed() < PATIENCE, "nothing is recorded");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// One mask is used.
fn consume(id: &str) -> String {
    format!(
        "stock consume --facility {NORTH} --item {MASK_A} --quantity 1 --purpose patient --command-id {id} --timeout 20s"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_line_is_cut_a_command_has_one_effect() {
    let mut outpost = Outpost::open().await;
    let mut used = 0;
    // What became of the commands that had no answer.
    let (mut recorded, mut unrecorded) = (0, 0);
    let towards = (0..900).step_by(60).map(State::CutTowardsNode);
    let back = (0..400).step_by(25).map(State::CutFromNode);
    for cut in towards.chain(back) {
        let id = command_id();
        outpost.line.set(cut);
        let told = outpost.run(&consume(&id));
        match told.code {
            Some(0) => assert!(outpost.waiting().is_empty(), "{cut:?}: it is answered"),
            Some(75) => {
                assert!(
                    told.stderr.contains("keruen outbox send"),
                    "{cut:?}: {told:?}"
                );
                let waiting = outpost.waiting();
                assert_eq!(waiting.len(), 1, "{cut:?}");
                assert_eq!(waiting[0]["commandId"], id);
                assert_eq!(waiting[0]["verb"], "stock consume");
                // The node may still be busy with it; sent again it is as if it had come once.
                if outpost.is_recorded(&id) {
                    recorded += 1;
                } else {
                    unrecorded += 1;
                }
                outpost.line.set(State::Open);
                outpost.run("outbox send").success();
                assert!(outpost.waiting().is_empty(), "{cut:?}: it is answered");
            }
            _ => panic!("{cut:?}: {told:?}"),
        }
        assert!(outpost.is_recorded(&id), "{cut:?}");
        used += 1;
        assert_eq!(outpost.consumed().await, used, "{cut:?}");
    }
    eprintln!("without an answer: {recorded} recorded, {unrecorded} not");
    assert!(unrecorded > 0, "no cut came before the append");
    assert!(recorded > 0, "no cut came after the append");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_line_that_is_killed_forgets_nothing_that_it_sent() {
    let mut outpost = Outpost::open().await;
    // After the append: the node has recorded it, and the answer never comes.
    let id = command_id();
    let head = outpost.stage.head().await;
    outpost.line.set(State::Deaf);
    let mut asking = Process::spawn(outpost.command(&consume(&id)).stderr(Stdio::null())).unwrap();
    outpost.until_above(head).await;
    asking.kill();
    outpost.line.set(State::Open);
    assert_eq!(outpost.waiting()[0]["commandId"], id);
    let told = outpost.run("outbox send").success();
    assert!(
        told.contains(&format!(
            "{id}  stock consume: recorded at position {}",
            head + 1
        )),
        "{told}"
    );
    assert_eq!(outpost.consumed().await, 1);
    assert_eq!(outpost.stage.head().await, head + 1);

    // At any moment of its life.
    let mut used = 1;
    for delay_ms in (0..200).step_by(10) {
        let id = command_id();
        let mut asking = outpost.command(&consume(&id));
        let mut asking =
            Process::spawn(asking.stderr(Stdio::null()).stdout(Stdio::null())).unwrap();
        thread::sleep(Duration::from_millis(delay_ms));
        asking.kill();
        let waits = !outpost.waiting().is_empty();
        // What was recorded and is not answered waits: else it was over, or had not begun.
        outpost.run("outbox send").success();
        assert!(outpost.waiting().is_empty());
        let is_recorded = outpost.is_recorded(&id);
        assert!(
            is_recorded || !waits,
            "{delay_ms} ms: it waited and was lost"
        );
        used += i64::from(is_recorded);
        assert_eq!(outpost.consumed().await, used, "{delay_ms} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_records_what_waits_when_it_is_back() {
    let mut outpost = Outpost::open().await;
    let mut ids = Vec::new();
    for round in 0..4 {
        let id = command_id();
        let head = outpost.stage.head().await;
        // Deaf, so that the command line waits for its answer whenever the node goes.
        outpost.line.set(State::Deaf);
        let mut asking = outpost.command(&consume(&id));
        let mut asking =
            Process::spawn(asking.stdout(Stdio::null()).stderr(Stdio::null())).unwrap();
        if round % 2 == 0 {
            outpost.until_above(head).await;
        }
        outpost.stage.node.kill();
        outpost.line.set(State::Away);
        let status = asking.wait(PATIENCE).expect("it does not wait for ever");
        assert_eq!(status.code(), Some(75));
        // One more, that nobody hears.
        let unheard = command_id();
        let told = outpost.run(&consume(&unheard)).refused(75);
        assert!(told.contains("with the 1 before it"), "{told}");
        ids.extend([id, unheard]);

        outpost.stage.node.restart().await;
        outpost.stage.clients = scene::Clients::on(&outpost.stage.node.channel());
        outpost.line.lead_to(outpost.stage.node.grpc_url());
        outpost.line.set(State::Open);
        outpost.run("outbox send").success();
        assert!(outpost.waiting().is_empty());
        assert_eq!(outpost.consumed().await, i64::try_from(ids.len()).unwrap());
    }
    for id in ids {
        assert!(outpost.is_recorded(&id), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_while_the_line_was_away_is_sent_in_its_order() {
    let outpost = Outpost::open().await;
    outpost.line.set(State::Away);
    // Each needs the one before it.
    let day = [
        "commodity register O2 --name-en Oxygen --base-unit EA".to_owned(),
        "item register O2-10L --commodity O2 --name-en Cylinder --tracking batch".to_owned(),
        "stock open --facility SOUTH --line item=O2-10L,quantity=4".to_owned(),
        "stock consume --facility SOUTH --item O2-10L --quantity 9 --purpose patient".to_owned(),
        "stock consume --facility SOUTH --item O2-10L --quantity 3 --purpose patient".to_owned(),
    ];
    for line in &day {
        outpost.run(line).refused(75);
    }
    // A question is no command.
    outpost.run("stock").refused(69);
    // What would only be tried is not kept.
    outpost
        .run(&format!("{} --validate-only", day[4]))
        .refused(75);
    assert_eq!(outpost.waiting().len(), day.len());

    let told = outpost.run("outbox send").refused(75);
    assert!(told.contains("with the 4 before it"), "{told}");
    assert_eq!(
        outpost.waiting().len(),
        day.len(),
        "nothing is lost by trying"
    );

    outpost.line.set(State::Open);
    let sent = outpost.run("outbox send");
    assert_eq!(sent.code, Some(1), "{sent:?}");
    assert_eq!(sent.stdout.lines().count(), 4, "{sent:?}");
    assert!(sent.stderr.contains("INSUFFICIENT_STOCK"), "{sent:?}");
    // The one that was refused stays, and is not sent again by itself.
    let waiting = outpost.waiting();
    assert_eq!(waiting.len(), 1);
    assert!(
        waiting[0]["refusal"]
            .as_str()
            .unwrap()
            .contains("INSUFFICIENT_STOCK")
    );
    let id = waiting[0]["commandId"].as_str().unwrap().to_owned();
    let again = outpost.run("outbox send").success();
    assert_eq!(again, "");
    // By its id it is, and by now it would be possible.
    outpost
        .run("stock open --facility SOUTH --line item=O2-10L,quantity=4")
        .refused(1);
    assert_eq!(
        outpost.waiting().len(),
        1,
        "a refusal is an answer: nothing of it waits"
    );
    outpost.run(&format!("outbox send {id}")).refused(1);
    outpost.run("outbox drop").refused(2);
    outpost.run(&format!("outbox drop {id}")).success();
    assert!(outpost.waiting().is_empty());
    let told = outpost.run(&format!("outbox drop {id}")).refused(2);
    assert!(told.contains("keruen command get"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_happened_when_it_was_given() {
    let outpost = Outpost::open().await;
    outpost.line.set(State::Away);
    let ids = [(); 3].map(|()| command_id());
    for id in &ids {
        outpost.run(&consume(id)).refused(75);
    }
    // They were given two hours ago; the last one says itself when it was.
    let given = DateTime::<Utc>::from(SystemTime::now()) - TimeDelta::hours(2);
    let stated = "2021-03-04T05:06:07Z";
    for file in fs::read_dir(outpost.outbox.path().join("outbox")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|it| it != "json") {
            continue;
        }
        let mut waiting: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        waiting["keptAt"] = given.to_rfc3339().into();
        if waiting["commandId"] == ids[2] {
            waiting["request"]["occurredAt"] = stated.into();
        }
        fs::write(&path, waiting.to_string()).unwrap();
    }
    outpost.line.set(State::Open);
    // The same command given once more, and by the outbox.
    outpost.run(&consume(&ids[0])).success();
    outpost.run("outbox send").success();
    let events = history::read(&outpost.stage.node.channel()).await;
    let occurred: Vec<_> = ids
        .iter()
        .map(|id| {
            let mut of_it = events.iter().filter(|event| event.command_id == *id);
            let event = of_it.next().expect("it is recorded");
            let occurred_us = event.occurred_at.unwrap().time_us;
            let age = TimeDelta::microseconds(event.recorded_at_us - occurred_us);
            (occurred_us, age)
        })
        .collect();
    for (occurred_us, age) in &occurred[..2] {
        assert!(*age >= TimeDelta::hours(1), "{age}");
        assert!(*occurred_us >= given.timestamp_micros(), "{age}");
    }
    let stated: DateTime<Utc> = stated.parse().unwrap();
    assert_eq!(occurred[2].0, stated.timestamp_micros());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_sent_as_soon_as_the_line_is_back() {
    let mut outpost = Outpost::open().await;
    outpost.line.set(State::Away);
    outpost.run(&consume(&command_id())).refused(75);
    let send = || {
        let mut sending = outpost.command("outbox send --keep-trying 2m");
        Process::spawn(sending.stdout(Stdio::null()).stderr(Stdio::null())).unwrap()
    };
    let mut sending = send();
    let began = Instant::now();
    // Two at once would mix up the order, so either may find the other sending.
    while outpost.run("outbox send").code == Some(75) {
        assert!(began.elapsed() < PATIENCE);
        if sending.child().try_wait().unwrap().is_some() {
            sending = send();
        }
    }
    let told = outpost.run("outbox send").refused(1);
    assert!(told.contains("another process sends"), "{told}");
    outpost.line.set(State::Open);
    let status = sending
        .wait(PATIENCE)
        .expect("it goes on once the line is back");
    assert_eq!(status.code(), Some(0));
    assert!(outpost.waiting().is_empty());
    assert_eq!(outpost.consumed().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_another_node_is_left_alone() {
    let outpost = Outpost::open().await;
    outpost.line.set(State::Away);
    outpost.run(&consume(&command_id())).refused(75);
    let elsewhere = |line: &str| {
        let mut command = outpost.command(line);
        program::output(command.env("KERUEN_SERVER", outpost.stage.node.grpc_url()))
    };
    let told = elsewhere("outbox send");
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stderr.contains(outpost.line.url()), "{told:?}");
    assert_eq!(outpost.waiting().len(), 1);
    elsewhere("outbox send --redirect").success();
    assert!(outpost.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_takes_no_outbox_is_named() {
    let outpost = Outpost::open().await;
    let file = outpost.outbox.path().join("file");
    fs::write(&file, "").unwrap();
    let head = outpost.stage.head().await;
    let mut command = outpost.command(&consume(&command_id()));
    let told = program::output(command.env("KERUEN_OUTBOX", file.join("outbox"))).refused(1);
    assert!(told.contains("file") && told.contains("--outbox"), "{told}");
    assert_eq!(
        outpost.stage.head().await,
        head,
        "nothing is sent that can't be kept"
    );
    // Where nobody asked for it, sending is worth more than keeping.
    let mut command = outpost.command(&consume(&command_id()));
    command
        .env_remove("KERUEN_OUTBOX")
        .env("XDG_STATE_HOME", &file);
    let told = program::output(&mut command);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stderr.contains("without a copy"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_command_is_told() {
    let outpost = Outpost::open().await;
    let id = command_id();
    let told = outpost.run(&format!("command get {id}")).refused(1);
    assert!(
        told.contains("UNKNOWN_COMMAND") && told.contains(&id),
        "{told}"
    );
    outpost.run(&consume(&id)).success();
    let told = outpost
        .run(&format!("command get {id} --format json"))
        .success();
    let told: Value = serde_json::from_str(&told).unwrap();
    let head = outpost.stage.head().await.to_string();
    assert_eq!(told["commandId"], id);
    assert_eq!(told["firstPosition"], head);
    assert_eq!(told["lastPosition"], head);
    let events = told["events"].as_array().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["id"], format!("{id}/0"));
    let table = outpost
        .run(&format!("command get {}", id.to_uppercase()))
        .success();
    assert!(
        table.contains("StockConsumed") && table.contains("cli:"),
        "{table}"
    );
    outpost.run("command get 7").refused(2);
}
