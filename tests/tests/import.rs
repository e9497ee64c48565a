//! `keruen import`: files as office programs write them, and files with mistakes.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use keruen_proto::registry::v1::{GetFacilityRequest, ListFacilitiesRequest};
use keruen_tests::{
    history,
    node::Node,
    process::Process,
    program::{self, Outcome},
    scene::{CARRIER, Clients, DONOR, HOSPITAL, MASK_A, NORTH, PUMP_A, SOUTH},
};
use tempfile::TempDir;

const HEADER: &str =
    "facility_id,kind,name_en,name_ru,region_id,time_zone,operator_id,latitude,longitude";

struct Desk {
    node: Node,
    folder: TempDir,
}

impl Desk {
    async fn open() -> Self {
        let node = Node::new().await;
        Clients::on(&node.channel()).set_scene().await;
        Self {
            node,
            folder: TempDir::new().unwrap(),
        }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn import(&self, kind: &str, file: &Path, options: &[&str]) -> Outcome {
        let mut arguments = vec!["import", kind, file.to_str().unwrap()];
        arguments.extend(options);
        self.node.cli(arguments)
    }

    /// Imports a file that must be refused, and must change nothing.
    async fn refused(&self, kind: &str, file: &Path) -> String {
        let before = history::head(&self.node.channel()).await;
        let told = self.import(kind, file, &[]).refused(1);
        assert_eq!(history::head(&self.node.channel()).await, before, "{told}");
        assert!(told.contains("nothing was entered"), "{told}");
        told
    }
}

fn row(number: usize) -> String {
    format!("F-{number},warehouse,Store {number},,KZ-71,Asia/Almaty,{DONOR},51.1,71.4")
}

fn rows(numbers: impl IntoIterator<Item = usize>) -> String {
    let mut text = format!("{HEADER}\n");
    for number in numbers {
        writeln!(text, "{}", row(number)).unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_office_programs_are_read() {
    let desk = Desk::open().await;
    let text = format!(
        "\u{feff}{HEADER}\r\nF-1,hospital,\"Hospital, \"\"Zhanatas\"\"\",\"Больница, Жанатас\",KZ-35;KZ-62@2022-06-08,\
         Asia/Almaty,{DONOR},47.7833,-67.5\r\n\r\nF-2,warehouse,Store,,KZ-71,Asia/Almaty,{DONOR},,\r\n"
    );
    let file = desk.file("office.csv", text);
    let before = history::head(&desk.node.channel()).await;
    let tried = desk.import("facilities", &file, &["--dry-run"]).success();
    assert!(
        tried.contains("2 new") && tried.contains("dry run"),
        "{tried}"
    );
    assert_eq!(
        history::head(&desk.node.channel()).await,
        before,
        "a dry run recorded something"
    );

    desk.import("facilities", &file, &[]).success();
    let question = GetFacilityRequest {
        facility_id: "F-1".to_owned(),
    };
    let mut clients = Clients::on(&desk.node.channel());
    let facility = clients
        .registry
        .get_facility(question)
        .await
        .unwrap()
        .into_inner()
        .facility
        .unwrap();
    let name = facility.name.unwrap();
    assert_eq!(
        (name.en.as_str(), name.ru.as_str()),
        ("Hospital, \"Zhanatas\"", "Больница, Жанатас")
    );
    let location = facility.location.unwrap();
    assert_eq!(
        (location.latitude_e7, location.longitude_e7),
        (477_833_000, -675_000_000)
    );
    let regions: Vec<_> = facility
        .regions
        .iter()
        .map(|region| region.region_id.as_str())
        .collect();
    assert_eq!(regions, ["KZ-35", "KZ-62"]);

    // Semicolons are what the same programs write where the comma is the decimal sign.
    let text = rows([3]).replace(',', ";");
    desk.import("facilities", &desk.file("semicolons.csv", text), &[])
        .success();

    let head = history::head(&desk.node.channel()).await;
    let again = desk.import("facilities", &file, &[]).success();
    assert!(again.contains("0 new, 2 already there"), "{again}");
    assert_eq!(
        history::head(&desk.node.channel()).await,
        head,
        "an import that was repeated recorded something"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_by_line_and_column_before_anything_is_entered() {
    let desk = Desk::open().await;
    let missing = rows(1..=3)
        .replace(",latitude", "")
        .replace(",time_zone", "");
    let told = desk
        .refused("facilities", &desk.file("missing.csv", missing))
        .await;
    assert!(
        told.contains("missing.csv:1: header: column time_zone is missing"),
        "{told}"
    );

    let bad = rows(1..=9).replace(&row(7), &row(7).replace("51.1", "fifty"));
    let told = desk.refused("facilities", &desk.file("bad.csv", bad)).await;
    assert!(told.contains("bad.csv:8: row 7, column latitude"), "{told}");
    assert!(told.contains("fifty"), "{told}");

    let text = "donation_id,donor_id,commodity_id,quantity\n".to_owned()
        + &(1..=9)
            .map(|number| format!("D-{number},{DONOR},MASK,{}\n", 10 * number))
            .collect::<Vec<_>>()
            .concat();
    for (wrong, says) in [
        ("seven", "seven"),
        ("-70", "-70"),
        ("0", "0"),
        ("9007199254740992", "9007199254740992"),
        ("7.5", "7.5"),
    ] {
        let text = text.replace(",70\n", &format!(",{wrong}\n"));
        let told = desk
            .refused("donations", &desk.file("wrong.csv", text))
            .await;
        assert!(
            told.contains("wrong.csv:8: row 7") && told.contains("quantity") && told.contains(says),
            "{told}"
        );
    }

    let twice = rows([1, 2, 3, 2]);
    let told = desk
        .refused("facilities", &desk.file("twice.csv", twice))
        .await;
    assert!(
        told.contains("twice.csv:5: row 4") && told.contains("F-2"),
        "{told}"
    );

    // What only the server knows is told in the same way, and all of it.
    let unknown = rows(1..=4)
        .replace(&row(2), &row(2).replace("KZ-71", "KZ-98"))
        .replace(&row(4), &row(4).replace(DONOR, "NOBODY"));
    let told = desk
        .refused("facilities", &desk.file("unknown.csv", unknown))
        .await;
    assert!(
        told.contains("unknown.csv:3: row 2") && told.contains("KZ-98"),
        "{told}"
    );
    assert!(
        told.contains("unknown.csv:5: row 4") && told.contains("NOBODY"),
        "{told}"
    );

    let cut = rows(1..=2).replace(&row(2), "F-2,warehouse,\"Store");
    desk.refused("facilities", &desk.file("cut.csv", cut)).await;
    desk.refused("facilities", &desk.file("empty.csv", ""))
        .await;
    let latin = [
        HEADER.as_bytes(),
        b"\nF-1,warehouse,\xcd\xe0\xe7\xe2\xe0\xed\xe8\xe5,,KZ-71,Asia/Almaty,DONOR,,\n",
    ]
    .concat();
    let told = desk
        .refused("facilities", &desk.file("latin.csv", latin))
        .await;
    assert!(
        told.contains("latin.csv:2") && told.contains("UTF-8"),
        "{told}"
    );
    desk.refused("facilities", &desk.folder.path().join("none.csv"))
        .await;
}

const MANY: usize = 1_500;

async fn facilities(node: &Node) -> usize {
    let mut clients = Clients::on(&node.channel());
    let mut count = 0;
    let mut page_token = String::new();
    loop {
        let question = ListFacilitiesRequest {
            page_size: 1_000,
            page_token,
            ..ListFacilitiesRequest::default()
        };
        let page = clients
            .registry
            .list_facilities(question)
            .await
            .unwrap()
            .into_inner();
        count += page
            .facilities
            .iter()
            .filter(|facility| facility.facility_id.starts_with("F-"))
            .count();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return count;
        }
    }
}

/// A store of 120 lots, counted on paper: more than one event takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_many_lots_is_counted_from_a_file() {
    let desk = Desk::open().await;
    for from in (0..120).step_by(20) {
        let opened = if from == 0 { "open" } else { "count" };
        let option = if from == 0 { "--line" } else { "--found" };
        let mut arguments: Vec<String> = ["stock", opened, "--facility", NORTH]
            .map(str::to_owned)
            .to_vec();
        if from > 0 {
            let of_item = ["--item", MASK_A, "--kind", "cycle"];
            arguments.extend(of_item.map(str::to_owned));
        }
        for number in from..from + 20 {
            let line = format!("item={MASK_A},quantity=10,lot=L{number},batch=B{number}");
            arguments.extend([option.to_owned(), line]);
        }
        desk.node.cli(&arguments).success();
    }
    let header = "count_id,facility_id,item_id,kind,batch_id,quantity";
    let sheet = |first: &str| {
        let mut text = format!("{header}\nC-1,{NORTH},{MASK_A},full,B0,{first}\n");
        for number in 1..119 {
            writeln!(text, "C-1,,,,B{number},10").unwrap();
        }
        text
    };
    let wrong = desk.file("wrong.csv", sheet("-1"));
    let told = desk.refused("counts", &wrong).await;
    assert!(told.contains("row 1, column quantity"), "{told}");
    let wrong = format!("{}C-1,,,,B999,1\n", sheet("8"));
    let told = desk
        .refused("counts", &desk.file("unknown.csv", wrong))
        .await;
    assert!(told.contains("B999"), "{told}");

    let file = desk.file("counts.csv", sheet("8"));
    let before = history::head(&desk.node.channel()).await;
    desk.import("counts", &file, &[]).success();
    // Two parts, two that are missing of one lot, and one lot that nobody found.
    assert_eq!(history::head(&desk.node.channel()).await, before + 4);
    let again = desk.import("counts", &file, &[]).success();
    assert!(again.contains("0 new, 1 already there"), "{again}");
    let other = desk.file("other.csv", sheet("9"));
    let told = desk.refused("counts", &other).await;
    assert!(told.contains("lots[0].counted"), "{told}");
    let none = sheet("8").replace(",B7,10", ",B7,0");
    let told = desk.refused("counts", &desk.file("none.csv", none)).await;
    assert!(told.contains("lots[7].counted"), "{told}");
    let fewer = sheet("8").replace("C-1,,,,B118,10\n", "");
    let told = desk.refused("counts", &desk.file("fewer.csv", fewer)).await;
    assert!(told.contains("119 there, 118 in the file"), "{told}");
    let shown = desk
        .node
        .cli(["stock", "get-count", "C-1", "--format", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.success()).unwrap();
    let lots = shown["stockCount"]["lots"].as_array().unwrap();
    assert_eq!(lots.len(), 120);
    assert_eq!(lots[119]["batchId"], "B119");
    assert_eq!(lots[119]["counted"], "0");
    assert!(desk.node.cli(["check"]).success().contains("keep"));
}

/// Starts an import and waits until it has entered so much.
async fn import_until(node: &Node, kind: &str, file: &Path, head: u64) -> Process {
    let mut command = program::command([
        "import",
        kind,
        file.to_str().unwrap(),
        "--server",
        node.grpc_url(),
    ]);
    let process = Process::spawn(command.stdout(Stdio::null()).stderr(Stdio::null())).unwrap();
    while history::head(&node.channel()).await < head {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_broken_off_goes_on() {
    let mut desk = Desk::open().await;
    let file = desk.file("many.csv", rows(1..=MANY));
    let before = history::head(&desk.node.channel()).await;

    import_until(&desk.node, "facilities", &file, before + 20)
        .await
        .kill();
    let entered = history::head(&desk.node.channel()).await - before;
    assert!(
        entered < MANY as u64,
        "the import was over before it was broken off"
    );

    // Now it is the node that goes.
    let mut importing = import_until(&desk.node, "facilities", &file, before + entered + 20).await;
    desk.node.kill();
    let status = importing
        .wait(Duration::from_mins(2))
        .expect("an import without a node ends");
    assert!(matches!(status.code(), Some(69 | 75)), "{status}");
    desk.node.restart().await;

    desk.import("facilities", &file, &[]).success();
    assert_eq!(facilities(&desk.node).await, MANY);
    assert_eq!(
        history::head(&desk.node.channel()).await,
        before + MANY as u64,
        "a row was entered twice"
    );
    history::read(&desk.node.channel()).await;
}

const MOVEMENTS: &str =
    "kind,occurred_at,facility_id,item_id,quantity,batch_id,donation_id,purpose,reason";
const MANY_MOVEMENTS: usize = 1_200;

/// What was there, and used one by one in another year; now and then something was thrown away.
fn movements(number: usize) -> String {
    let mut text = format!("{MOVEMENTS}\nopen,2020-12-31,{SOUTH},{MASK_A},100000,B-OPEN,,,\n");
    for index in 0..number {
        let day = 1 + index % 28;
        if index % 10 == 3 {
            writeln!(
                text,
                "dispose,2021-02-{day:02},{SOUTH},{MASK_A},2,B-OPEN,,,damaged"
            )
            .unwrap();
        } else {
            writeln!(text, "use,2021-02-{day:02},{SOUTH},{MASK_A},1,,,patient,").unwrap();
        }
    }
    text
}

impl Desk {
    /// Used and disposed of by the end of a day.
    async fn gone_by(&self, day: &str) -> (i64, i64) {
        let head = history::head(&self.node.channel()).await.to_string();
        let asked = [
            "stock",
            "--by",
            "item",
            "--item",
            MASK_A,
            "--as-of",
            day,
            "--min-position",
            &head,
            "--format",
            "json",
        ];
        let text = self.node.cli(asked).success();
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        let sum = |column: &str| {
            let rows = rows.as_array().unwrap().iter();
            rows.map(|row| row[column].as_i64().unwrap()).sum()
        };
        (sum("consumed"), sum("disposed"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn movements_of_the_past_are_entered_once_and_count_when_they_happened() {
    let mut desk = Desk::open().await;
    let file = desk.file("movements.csv", movements(MANY_MOVEMENTS));
    let before = history::head(&desk.node.channel()).await;
    let tried = desk.import("movements", &file, &["--dry-run"]).success();
    assert!(tried.contains("1201 are right"), "{tried}");
    assert_eq!(history::head(&desk.node.channel()).await, before);

    import_until(&desk.node, "movements", &file, before + 20)
        .await
        .kill();
    let entered = history::head(&desk.node.channel()).await - before;
    assert!(
        entered < MANY_MOVEMENTS as u64,
        "it was over before it was broken off"
    );
    // Now it is the node that goes.
    let mut importing = import_until(&desk.node, "movements", &file, before + entered + 20).await;
    desk.node.kill();
    let status = importing
        .wait(Duration::from_mins(2))
        .expect("an import without a node ends");
    assert!(matches!(status.code(), Some(69 | 75)), "{status}");
    desk.node.restart().await;

    let there = history::head(&desk.node.channel()).await - before;
    let told = desk.import("movements", &file, &[]).success();
    let new = MANY_MOVEMENTS as u64 + 1 - there;
    assert!(
        told.contains(&format!("{new} new, {there} already there")),
        "{told}"
    );
    let head = history::head(&desk.node.channel()).await;
    assert_eq!(
        head,
        before + 1 + MANY_MOVEMENTS as u64,
        "a row was entered twice, or not at all"
    );
    // With a row more, only that one is entered.
    let more = format!(
        "{}use,2021-03-01,{SOUTH},{MASK_A},7,,,training,\n",
        movements(MANY_MOVEMENTS)
    );
    let more = desk.file("more.csv", more);
    let told = desk.import("movements", &more, &[]).success();
    assert!(told.contains("1 new, 1201 already there"), "{told}");
    assert_eq!(history::head(&desk.node.channel()).await, head + 1);

    let disposals = i64::try_from(MANY_MOVEMENTS / 10).unwrap();
    let uses = i64::try_from(MANY_MOVEMENTS).unwrap() - disposals;
    assert_eq!(desk.gone_by("2021-01-31").await, (0, 0));
    assert_eq!(desk.gone_by("2021-02-28").await, (uses, 2 * disposals));
    assert_eq!(desk.gone_by("2021-03-01").await, (uses + 7, 2 * disposals));
    let by_the_15th = (0..MANY_MOVEMENTS).filter(|index| index % 28 < 15);
    let (thrown_away, consumed): (Vec<usize>, Vec<usize>) =
        by_the_15th.partition(|index| index % 10 == 3);
    let count = |all: Vec<usize>| i64::try_from(all.len()).unwrap();
    let wanted = (count(consumed), 2 * count(thrown_away));
    assert_eq!(desk.gone_by("2021-02-15").await, wanted);
    desk.node.cli(["check"]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn movements_that_the_server_would_refuse_are_told_before_anything_is_entered() {
    let desk = Desk::open().await;
    let there = format!("{MOVEMENTS}\nopen,2021-01-01,{HOSPITAL},{MASK_A},5,B-0,,,\n");
    desk.import("movements", &desk.file("there.csv", there), &[])
        .success();
    let text = format!(
        "{MOVEMENTS}\nuse,2021-02-01,{SOUTH},{MASK_A},1,,,patient,\nuse,2021-02-01,NOWHERE,{MASK_A},1,,,patient,\n\
         dispose,2021-02-01,{SOUTH},{MASK_A},1,B-NONE,,,damaged\nreceive,2021-02-01,{SOUTH},{MASK_A},1,B-NEW,D-NONE,,\n\
         open,2021-02-01,{NORTH},{MASK_A},5,B-1,,,\ndispose,2021-02-01,FAR,{MASK_A},1,B-1,,,damaged\n\
         dispose,2021-02-01,{HOSPITAL},{MASK_A},1,B-0,,,damaged\ndispose,2021-02-01,{HOSPITAL},{PUMP_A},1,B-0,,,damaged\n\
         return,2021-02-01,{HOSPITAL},{PUMP_A},1,B-0,,,agreed\n"
    );
    let told = desk
        .refused("movements", &desk.file("wrong.csv", text))
        .await;
    for (place, says) in [
        (":3: row 2:", "NOWHERE"),
        (":4: row 3:", "B-NONE"),
        (":5: row 4:", "D-NONE"),
        (":7: row 6:", "FAR"),
        (":9: row 8:", "batch B-0 is of item MASK-A, not of PUMP-A"),
        (":10: row 9:", "batch B-0 is of item MASK-A, not of PUMP-A"),
    ] {
        let line = told.lines().find(|line| line.contains(place));
        assert!(
            line.is_some_and(|line| line.contains(says)),
            "{place} {says}: {told}"
        );
    }
    assert!(
        [":2: row 1", ":6: row 5", ":8: row 7"]
            .iter()
            .all(|place| !told.contains(place)),
        "{told}"
    );
}

const TRANSFERS: &str = "kind,occurred_at,facility_id,item_id,quantity,batch_id,donation_id,purpose,shipment_id,\
     destination_id,custodian_id,received_at";
const MANY_SHIPMENTS: i64 = 280;

/// A gift that left for the hospital shipment by shipment: ten a day, each there on the day after the next, but for every
/// twentieth, of which nobody heard again. What the hospital had it used, one mask after each shipment.
fn sent_on() -> String {
    let mut text = format!(
        "{TRANSFERS}\nopen,2020-12-31,{HOSPITAL},{MASK_A},500,B-OWN,,,,,,\n\
         receive,2021-01-31,{NORTH},{MASK_A},2000,B-GIFT,GIFT,,,,,\n"
    );
    for index in 0..MANY_SHIPMENTS {
        let day = index / 10 + 1;
        let received = match (index % 20, day + 2) {
            (19, _) => String::new(),
            (_, day @ ..=28) => format!("2021-02-{day:02}"),
            (_, day) => format!("2021-03-{:02}", day - 28),
        };
        let way = format!("S-{index},{HOSPITAL},{CARRIER},{received}");
        for quantity in [2, 3] {
            writeln!(
                text,
                "transfer,2021-02-{day:02},{NORTH},{MASK_A},{quantity},B-GIFT,,,{way}"
            )
            .unwrap();
        }
        writeln!(
            text,
            "use,2021-02-{day:02},{HOSPITAL},{MASK_A},1,B-OWN,,patient,,,,"
        )
        .unwrap();
    }
    text
}

/// On hand at the store and at the hospital, on the way to it, and used there, by the end of a day of February.
fn stands(day: i64) -> [i64; 4] {
    let shipments = (0..MANY_SHIPMENTS).filter(|index| index / 10 < day);
    let [mut sent, mut came, mut used] = [0; 3];
    for index in shipments {
        sent += 5;
        used += 1;
        if index % 20 != 19 && index / 10 + 3 <= day {
            came += 5;
        }
    }
    [2_000 - sent, 500 + came - used, sent - came, used]
}

impl Desk {
    /// The same as the stock view tells it.
    fn stood(&self, options: &[&str]) -> [i64; 4] {
        let mut asked = vec!["stock", "--by", "facility", "--item", MASK_A];
        asked.extend(["--format", "json"]);
        asked.extend(options);
        let text = self.node.cli(asked).success();
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rows = rows.as_array().unwrap();
        let at = |facility: &str, column: &str| {
            let row = rows.iter().find(|row| row["facility"] == facility);
            row.map_or(0, |row| row[column].as_i64().unwrap())
        };
        [
            at(NORTH, "on_hand"),
            at(HOSPITAL, "on_hand"),
            at(HOSPITAL, "in_transit"),
            at(HOSPITAL, "consumed"),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_of_the_past_are_entered_once_and_told_as_they_were() {
    let mut desk = Desk::open().await;
    let line = "commodity=MASK,quantity=2000";
    let pledge = ["donation", "pledge", "--id", "GIFT", "--donor", DONOR];
    desk.node
        .cli([&pledge[..], &["--line", line]].concat())
        .success();
    let rows = 2 + 3 * MANY_SHIPMENTS;
    let file = desk.file("transfers.csv", sent_on());
    let before = history::head(&desk.node.channel()).await;
    let tried = desk.import("movements", &file, &["--dry-run"]).success();
    assert!(tried.contains(&format!("{rows} are right")), "{tried}");
    assert_eq!(history::head(&desk.node.channel()).await, before);

    // It is broken off among shipments that are half told, first the import, then the node.
    import_until(&desk.node, "movements", &file, before + 60)
        .await
        .kill();
    let entered = history::head(&desk.node.channel()).await - before;
    let all = u64::try_from(2 + 5 * MANY_SHIPMENTS - MANY_SHIPMENTS / 20).unwrap();
    assert!(entered < all, "it was over before it was broken off");
    let mut importing = import_until(&desk.node, "movements", &file, before + entered + 60).await;
    desk.node.kill();
    let status = importing
        .wait(Duration::from_mins(2))
        .expect("an import without a node ends");
    assert!(matches!(status.code(), Some(69 | 75)), "{status}");
    desk.node.restart().await;

    let told = desk.import("movements", &file, &[]).success();
    assert!(told.contains(" already there"), "{told}");
    let head = history::head(&desk.node.channel()).await;
    assert_eq!(
        head,
        before + all,
        "something was entered twice, or not at all"
    );
    // Also where a colleague goes on with it.
    for actor in [&[][..], &["--actor", "cli:colleague"]] {
        let told = desk.import("movements", &file, actor).success();
        assert!(
            told.contains(&format!("0 new, {rows} already there")),
            "{told}"
        );
    }
    assert_eq!(history::head(&desk.node.channel()).await, head);
    desk.node.cli(["check"]).success();

    let head_text = head.to_string();
    let seen = ["--min-position", head_text.as_str()];
    for day in [1, 2, 3, 11, 20, 28] {
        let as_of = format!("2021-02-{day:02}");
        let stood = desk.stood(&[&seen[..], &["--as-of", &as_of]].concat());
        assert_eq!(stood, stands(day), "{as_of}");
        let known = ["--as-of", &as_of, "--known-at", &head_text];
        assert_eq!(desk.stood(&known), stands(day), "{as_of}, known by then");
    }
    assert_eq!(desk.stood(&seen), stands(100));
    assert_eq!(desk.stood(&["--known-at", &before.to_string()]), [0; 4]);

    // The way of the gift, and what its donor is told of it.
    let trace = [
        "trace", "batch", "B-GIFT", "--format", "json", "--steps", "2000",
    ];
    let trace: serde_json::Value = serde_json::from_str(&desk.node.cli(trace).success()).unwrap();
    let places = trace["batches"][0]["places"].as_array().unwrap();
    let sum = |status: &str, facility: &str| {
        let there = places
            .iter()
            .filter(|it| it["status"] == status && it["facilityId"] == facility);
        let quantity = |it: &serde_json::Value| it["quantity"].as_str().unwrap().parse::<i64>();
        there.map(|it| quantity(it).unwrap()).sum::<i64>()
    };
    let [store, hospital, on_the_way, used] = stands(100);
    assert_eq!(sum("TRACE_STATUS_ON_HAND", NORTH), store);
    assert_eq!(sum("TRACE_STATUS_ON_HAND", HOSPITAL), hospital + used - 500);
    assert_eq!(sum("TRACE_STATUS_IN_TRANSIT", HOSPITAL), on_the_way);
    let statement = ["report", "statement", "--donor", DONOR, "--from"];
    let asked = ["2021-01-01", "--at", &head_text, "--format", "csv"];
    let text = desk.node.cli([&statement[..], &asked].concat()).success();
    let came = 2_000 - store - on_the_way;
    for (figure, quantity) in [
        ("at-warehouse", store),
        ("in-transit", on_the_way),
        ("delivered", came),
    ] {
        let line = format!("GIFT,{MASK_A},{figure},,{quantity},");
        assert!(text.contains(&line), "{line} {text}");
    }
    history::read(&desk.node.channel()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_those_of_the_place_and_of_old_imports_are_recognised() {
    let desk = Desk::open().await;
    let west = format!("{HEADER}\nORAL,hospital,Oral,,KZ-27,Asia/Oral,{DONOR},51.2,51.4\n");
    desk.import("facilities", &desk.file("west.csv", west), &[])
        .success();
    // As it was imported when all days were those of Almaty, under the id that it still has.
    let line = format!("item={MASK_A},quantity=100,batch=IMP-1");
    let opened = ["stock", "open", "--facility", "ORAL", "--line", &line];
    let at = ["--occurred-at", "2021-01-01T00:00:00+06:00"];
    let told = ["--occurred-at-precision", "day", "--command-id"];
    let id = ["5755ada4-3401-53fe-9ac6-300cacc01b75"];
    desk.node
        .cli([&opened[..], &at, &told, &id].concat())
        .success();
    let file = desk.file(
        "west-movements.csv",
        format!(
            "{TRANSFERS}\nopen,2021-01-01,ORAL,{MASK_A},100,IMP-1,,,,,,\n\
             use,2021-01-01,ORAL,{MASK_A},1,,,patient,,,,\n\
             transfer,2021-01-02,ORAL,{MASK_A},5,IMP-1,,,S-1,{HOSPITAL},{CARRIER},2021-01-02\n\
             transfer,2021-01-03,{HOSPITAL},{MASK_A},1,IMP-1,,,S-2,ORAL,{CARRIER},2021-01-04\n\
             use,2021-01-05T00:30:00+06:00,ORAL,{MASK_A},2,,,patient,,,,\n"
        ),
    );
    let before = history::head(&desk.node.channel()).await;
    for wanted in ["4 new, 1 already there", "0 new, 5 already there"] {
        let told = desk.import("movements", &file, &[]).success();
        assert!(told.contains(wanted), "{told}");
    }
    let events = desk.node.cli(["events", "--format", "json"]).success();
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let entered = events.skip(usize::try_from(before).unwrap());
    let mut times: Vec<String> = entered
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            let kind = text("type");
            format!("{} {}", kind.rsplit('.').next().unwrap(), text("time"))
        })
        .collect();
    // Others may have been entered in between.
    times.sort_by_key(|it| it.split_once(' ').unwrap().1.to_owned());
    let wanted = [
        "StockConsumed 2021-01-01T00:00:00+05:00",
        "ShipmentRequested 2021-01-02T00:00:00+05:00",
        "ShipmentAllocated 2021-01-02T00:00:00+05:00",
        "ShipmentDispatched 2021-01-02T00:00:00+05:00",
        // Not before it was sent.
        "ShipmentReceived 2021-01-02T01:00:00+06:00",
        "ShipmentRequested 2021-01-03T00:00:00+06:00",
        "ShipmentAllocated 2021-01-03T00:00:00+06:00",
        "ShipmentDispatched 2021-01-03T00:00:00+06:00",
        "ShipmentReceived 2021-01-04T00:00:00+05:00",
        "StockConsumed 2021-01-04T23:30:00+05:00",
    ];
    assert_eq!(times, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_that_the_server_would_refuse_are_told_before_anything_is_entered() {
    let desk = Desk::open().await;
    let way = format!("{HOSPITAL},{CARRIER},");
    let there = format!(
        "{TRANSFERS}\nopen,2021-01-01,{NORTH},{MASK_A},5,B-0,,,,,,\n\
         transfer,2021-01-02,{NORTH},{MASK_A},7,,,,S-0,{way}2021-01-03\n"
    );
    let unknown = there.replace("2021-01-03", "");
    desk.import("movements", &desk.file("unknown.csv", unknown), &[])
        .success();
    assert_eq!(desk.stood(&[]), [0, 0, 7, 0]);
    // When it came can be told later. More had left than the books knew of, and that came with the rest.
    let told = desk.import("movements", &desk.file("there.csv", there), &[]);
    let told = told.success();
    assert!(told.contains("1 new, 1 already there"), "{told}");
    assert_eq!(desk.stood(&[]), [0, 7, 0, 0]);
    let row = |what: &str, way: &str| format!("transfer,2021-02-01,{what},,,{way}\n");
    let masks = format!("{NORTH},{MASK_A},1,B-0");
    let text = [
        format!("{TRANSFERS}\n"),
        row(&masks, &format!("S-1,{way}")),
        row(&masks, &format!("S-2,NOWHERE,{CARRIER},")),
        row(&format!("NOWHERE,{MASK_A},1,"), &format!("S-3,{way}")),
        row(&format!("{NORTH},NOTHING,1,"), &format!("S-4,{way}")),
        row(&format!("{NORTH},{MASK_A},1,B-NONE"), &format!("S-5,{way}")),
        row(&masks, &format!("S-6,{HOSPITAL},NOBODY,")),
        row(&format!("{NORTH},{PUMP_A},1,"), &format!("S-7,{way}")),
        row(&format!("{NORTH},{PUMP_A},1,B-0"), &format!("S-8,{way}")),
        row(&masks, &format!("S-0,{way}")),
        row(&masks, &format!("s-9,{way}")),
    ]
    .concat();
    let told = desk
        .refused("movements", &desk.file("wrong.csv", text))
        .await;
    for (place, says) in [
        (":3: row 2:", "NOWHERE"),
        (":4: row 3:", "NOWHERE"),
        (":5: row 4:", "NOTHING"),
        (":6: row 5:", "B-NONE"),
        (":7: row 6:", "NOBODY"),
        (":8: row 7:", "has serial numbers"),
        (":9: row 8:", "batch B-0 is of item MASK-A, not of PUMP-A"),
        (":10: row 9:", "S-0"),
        (":11: row 10:", "capital letters"),
    ] {
        let line = told
            .lines()
            .find(|line| line.contains(place) && line.contains(says));
        assert!(line.is_some(), "{place} {says}: {told}");
    }
    assert!(!told.contains(":2: row 1"), "{told}");
}
