//! Opening balances, counts, and goods given back.

use keruen_domain::{
    Boundary, Entry,
    stock::{CountStock, CountedUnits, NewStock, OpenStock, ReturnStock},
};
use keruen_proto::{
    Event,
    inventory::v1::{AssetPlace, CountKind, StockCount, StockLevel},
    registry::v1::{DocumentKind, DocumentRef},
};

use crate::{story::Story, world::*};

fn stock(story: &Story, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code("WH"), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

/// What is on hand at WH, batch by batch.
fn on_hand(story: &Story, item_id: &str) -> Vec<(String, i64)> {
    let lots = stock(story, item_id).lots.into_iter();
    lots.map(|lot| (lot.batch_id, lot.on_hand)).collect()
}

fn counted(story: &Story, count_id: &str) -> StockCount {
    match story.read(&Boundary::Count(code(count_id))) {
        Entry::Count(count) => count,
        other => panic!("{other:?}"),
    }
}

fn at(position: u64, count: CountStock) -> CountStock {
    CountStock {
        counted_position: Some(position),
        ..count
    }
}

/// 100 gloves in G1 and 50 in G2.
fn stocked() -> Story {
    Story::new()
        .after(pledge("D1", &[("GLOVES", 500), ("OXYGEN", 9)]))
        .after(receive(
            "D1",
            vec![line("GLOVE", 100, "G1"), line("GLOVE", 50, "G2")],
        ))
}

fn with_assets() -> Story {
    stocked().after(receive("D1", vec![assets("B1", &["S1", "S2", "S3"])]))
}

#[test]
fn books_are_opened_with_what_is_there() {
    let damaged = NewStock {
        held: true,
        owner_id: Some(code("HELP")),
        ..new_stock("GLOVE", 5, "N2")
    };
    let expired = NewStock {
        expires_on: Some(date("2020-04-09")),
        ..new_stock("RAPID", 7, "N3")
    };
    let opened = open_books(vec![new_stock("GLOVE", 40, "N1"), damaged, expired]);
    let story = Story::new().after(opened);
    let gloves = stock(&story, "GLOVE").lots;
    let told = |index: usize| {
        let lot = &gloves[index];
        (&*lot.owner_id, lot.on_hand, lot.held, lot.available)
    };
    assert_eq!(told(0), ("MOH", 40, 0, 40));
    assert_eq!(told(1), ("HELP", 5, 5, 0));
    assert_eq!(stock(&story, "RAPID").lots[0].held, 7);
    let Entry::Batch(batch) = story.read(&Boundary::Batch(code("N1"))) else {
        panic!("a batch")
    };
    assert_eq!(
        (&*batch.donation_id, batch.quantity, &*batch.owner_id),
        ("UNATTRIBUTED", 40, "MOH")
    );
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn books_are_opened_once_and_with_what_can_be() {
    let refused = |command: OpenStock, reason: &str| stocked().when(command).refused(reason);
    refused(
        open_books(vec![new_stock("GLOVE", 1, "N1")]),
        "BOOKS_OPEN_ALREADY",
    )
    .saying(&["150 on hand", "count"]);
    refused(
        open_books(vec![new_stock("RAPID", 1, "G1")]),
        "BATCH_EXISTS",
    );
    refused(
        open_books(vec![
            new_stock("PCR", 1, "N1"),
            NewStock {
                expires_on: None,
                ..new_stock("RAPID", 1, "N2")
            },
        ]),
        "EXPIRY_REQUIRED",
    )
    .saying(&["lines[1].expires_on"]);
    refused(
        open_books(vec![new_stock("PCR", 1, "N1"), new_stock("PCR", 1, "N1")]),
        "DUPLICATE_BATCH_ID",
    );
    refused(
        open_books(vec![new_stock("CONC", 1, "N1")]),
        "SERIAL_NUMBER_COUNT",
    );
    let twenty_one = (0..21).map(|number| new_stock("PCR", 1, &format!("N{number}")));
    refused(open_books(twenty_one.collect()), "TOO_MANY_LINES");
    let of_nobody = NewStock {
        owner_id: Some(code("NOBODY")),
        ..new_stock("PCR", 1, "N1")
    };
    refused(open_books(vec![of_nobody]), "UNKNOWN_ORGANISATION");
    refused(
        OpenStock {
            facility_id: code("NOWHERE"),
            ..open_books(vec![new_stock("PCR", 1, "N1")])
        },
        "UNKNOWN_FACILITY",
    );
    let again = NewStock {
        serial_numbers: labels(&["S2"]),
        ..new_stock("CONC", 1, "N1")
    };
    with_assets()
        .when(open_books(vec![again]))
        .refused("SERIAL_NUMBER_EXISTS");
}

#[test]
fn a_count_posts_the_differences() {
    let story = stocked().after(count("C1", "GLOVE", &[("G1", 90), ("G2", 53)]));
    assert_eq!(
        on_hand(&story, "GLOVE"),
        [("G1".to_owned(), 90), ("G2".to_owned(), 53)]
    );
    let lots = counted(&story, "C1").lots;
    let told: Vec<_> = lots.iter().map(|lot| (lot.expected, lot.counted)).collect();
    assert_eq!(told, [(100, 90), (50, 53)]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_count_without_differences_changes_nothing_but_is_known() {
    let before = stocked();
    let after = before
        .clone()
        .after(count("C1", "GLOVE", &[("G1", 100), ("G2", 50)]));
    assert_eq!(after.events.len(), before.events.len() + 1);
    assert_eq!(stock(&after, "GLOVE"), stock(&before, "GLOVE"));
    after
        .when(count("C1", "GLOVE", &[]))
        .refused("COUNT_EXISTS");
}

#[test]
fn what_a_full_count_does_not_name_is_not_there() {
    let story = stocked().after(count("C1", "GLOVE", &[("G1", 100)]));
    assert_eq!(on_hand(&story, "GLOVE"), [("G1".to_owned(), 100)]);
    let cycle = CountStock {
        kind: CountKind::Cycle,
        ..count("C1", "GLOVE", &[("G1", 99)])
    };
    let story = stocked().after(cycle);
    assert_eq!(
        on_hand(&story, "GLOVE"),
        [("G1".to_owned(), 99), ("G2".to_owned(), 50)]
    );
    let nothing = CountStock {
        kind: CountKind::Cycle,
        ..count("C2", "GLOVE", &[])
    };
    story.clone().when(nothing).refused("NO_LINES");
    let story = story.after(count("C2", "GLOVE", &[]));
    assert_eq!(on_hand(&story, "GLOVE"), []);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_moves_while_people_count_is_not_missing() {
    let counting = stocked();
    let position = counting.position();
    // Meanwhile, 30 of G1 are sent, 10 used, 5 found, and G3 arrives.
    let story = counting
        .after(ship("S1", &[("GLOVE", 30)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(consume("GLOVE", 10))
        .after(find("G1", 5))
        .after(receive("D1", vec![line("GLOVE", 7, "G3")]));
    assert_eq!(on_hand(&story, "GLOVE")[0], ("G1".to_owned(), 65));
    // 98 of 100 were on the shelf, and all of G2.
    let count = count("C1", "GLOVE", &[("G1", 98), ("G2", 50)]);
    let story = story.after(at(position, count));
    assert_eq!(
        on_hand(&story, "GLOVE"),
        [
            ("G1".to_owned(), 63),
            ("G2".to_owned(), 50),
            ("G3".to_owned(), 7)
        ]
    );
    let lots = counted(&story, "C1").lots;
    let told: Vec<_> = lots
        .iter()
        .map(|lot| (&*lot.batch_id, lot.expected, lot.counted))
        .collect();
    assert_eq!(told, [("G1", 100, 98), ("G2", 50, 50), ("G3", 0, 0)]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_has_left_since_can_not_be_missing() {
    let counting = stocked();
    let position = counting.position();
    let story = counting.after(consume("GLOVE", 140));
    // G1 is used up, and 40 of G2 are; 100 and 50 were on the shelf.
    let right = count("C1", "GLOVE", &[("G1", 100), ("G2", 50)]);
    story.clone().when(at(position, right)).accepted();
    let wrong = count("C1", "GLOVE", &[("G1", 99), ("G2", 50)]);
    story
        .clone()
        .when(at(position, wrong))
        .refused("COUNT_CONTRADICTED")
        .saying(&["99 were counted", "100 expected", "100 have left"]);
    // The same for what the sheet leaves out.
    let short = count("C1", "GLOVE", &[("G2", 50)]);
    story
        .when(at(position, short))
        .refused("COUNT_CONTRADICTED");
}

#[test]
fn a_count_breaks_claims_to_what_is_not_there() {
    let story = stocked()
        .after(ship("S1", &[("GLOVE", 120)]))
        .after(allocate("S1"))
        .after(count("C1", "GLOVE", &[("G1", 90), ("G2", 20)]));
    let lots = stock(&story, "GLOVE").lots;
    let told: Vec<_> = lots.iter().map(|lot| (lot.on_hand, lot.reserved)).collect();
    assert_eq!(told, [(90, 90), (20, 20)]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_the_books_do_not_know_is_entered_and_held() {
    let found = CountStock {
        found: vec![new_stock("GLOVE", 8, "N1")],
        ..count("C1", "GLOVE", &[("G1", 100), ("G2", 50)])
    };
    let story = stocked().after(found.clone());
    let lot = &stock(&story, "GLOVE").lots[2];
    assert_eq!(
        (&*lot.owner_id, lot.on_hand, lot.held),
        ("UNATTRIBUTED", 8, 8)
    );
    let other = CountStock {
        found: vec![new_stock("PCR", 8, "N1")],
        ..found
    };
    stocked()
        .when(other)
        .refused("BATCH_OF_OTHER_ITEM")
        .saying(&["found[0].item_id"]);
}

#[test]
fn counts_name_what_exists() {
    let refused = |command: CountStock, reason: &str| with_assets().when(command).refused(reason);
    refused(count("C1", "NOTHING", &[]), "UNKNOWN_ITEM");
    refused(count("C1", "GLOVE", &[("G9", 1)]), "UNKNOWN_BATCH");
    refused(count("C1", "GLOVE", &[("B1", 1)]), "BATCH_OF_OTHER_ITEM")
        .saying(&["item CONC", "not of GLOVE"]);
    refused(
        count("C1", "GLOVE", &[("G1", 1), ("G1", 2)]),
        "DUPLICATE_LOT",
    )
    .saying(&["lines[1].batch_id"]);
    refused(count("C1", "CONC", &[("B1", 3)]), "SERIAL_NUMBER_COUNT");
    let of_nobody = CountStock {
        lines: vec![CountedUnits {
            owner_id: Some(code("NOBODY")),
            ..count("C1", "GLOVE", &[("G1", 1)]).lines.remove(0)
        }],
        ..count("C1", "GLOVE", &[])
    };
    refused(of_nobody, "UNKNOWN_ORGANISATION");
}

fn count_assets(count_id: &str, serial_numbers: &[&str]) -> CountStock {
    let amount = i64::try_from(serial_numbers.len()).expect("few");
    let mut count = count(count_id, "CONC", &[("B1", amount)]);
    count.lines[0].serial_numbers = labels(serial_numbers);
    count
}

#[test]
fn assets_are_counted_by_name() {
    let story = with_assets().after(count_assets("C1", &["S1", "S3"]));
    let place = |story: &Story, serial_number: &str| match story
        .read(&Boundary::Asset(code("CONC"), label(serial_number)))
    {
        Entry::Asset(asset) => asset.place(),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(&story, "S2"), AssetPlace::Lost);
    assert_eq!(counted(&story, "C1").lots[0].missing_serial_numbers, ["S2"]);
    // S2 turns up, and S1 can't be found.
    let story = story.after(count_assets("C2", &["S2", "S3"]));
    assert_eq!(place(&story, "S1"), AssetPlace::Lost);
    assert_eq!(place(&story, "S2"), AssetPlace::Facility);
    assert_eq!(counted(&story, "C2").lots[0].found_serial_numbers, ["S2"]);
    assert_eq!(story.violations(), Vec::<String>::new());
    // What the books know to be elsewhere is not here.
    let story = story
        .after(ship("S1", &[("CONC", 1)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    story
        .when(count_assets("C3", &["S2", "S3"]))
        .refused("SERIAL_NUMBER_EXISTS")
        .saying(&["in shipment S1"]);
}

#[test]
fn assets_that_leave_or_come_while_people_count_are_not_missing() {
    let counting = with_assets();
    let position = counting.position();
    let story = counting
        .after(ship("S1", &[("CONC", 1)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(receive("D1", vec![assets("B2", &["S4"])]));
    // S1 was there when it was counted, and S4 was not.
    let story = story.after(at(position, count_assets("C1", &["S1", "S2"])));
    let left: Vec<String> = stock(&story, "CONC")
        .lots
        .into_iter()
        .flat_map(|lot| lot.serial_numbers)
        .collect();
    assert_eq!(left, ["S2", "S4"]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

/// So many batches of gloves, five in each: B0, B1, B2 …
fn with_lots(number: usize) -> Story {
    let ids: Vec<String> = (0..number).map(|it| format!("B{it}")).collect();
    let pledged = i64::try_from(number).expect("few") * 5;
    ids.chunks(20).fold(
        Story::new().after(pledge("D1", &[("GLOVES", pledged)])),
        |story, ids| {
            let lines = ids.iter().map(|id| line("GLOVE", 5, id));
            story.after(receive("D1", lines.collect()))
        },
    )
}

/// A full count of the first so many of them, of which the last so many have one less.
fn count_lots(count_id: &str, number: usize, short: usize) -> CountStock {
    let lines = (0..number).map(|it| CountedUnits {
        batch_id: code(&format!("B{it}")),
        owner_id: None,
        quantity: if it + short < number { 5 } else { 4 },
        serial_numbers: Vec::new(),
    });
    CountStock {
        lines: lines.collect(),
        ..count(count_id, "GLOVE", &[])
    }
}

#[test]
fn a_store_of_a_thousand_lots_is_counted_in_full() {
    let story = with_lots(1_000);
    let before = story.events.len();
    let story = story.after(CountStock {
        documents: vec![DocumentRef {
            kind: DocumentKind::CountSheet.into(),
            number: "7".to_owned(),
            ..DocumentRef::default()
        }],
        ..count_lots("C1", 1_000, 3)
    });
    let new = &story.events[before..];
    let parts = new.iter().filter_map(|event| match event {
        Event::StockCounted(it) => Some((it.part, it.documents.len())),
        _ => None,
    });
    let parts: Vec<_> = parts.collect();
    assert_eq!(parts[..2], [(1, 1), (2, 0)]);
    assert_eq!(parts.len(), 10);
    assert_eq!(new.len(), 13);
    let lots = counted(&story, "C1").lots;
    assert_eq!(lots.len(), 1_000);
    let short = lots.iter().filter(|lot| lot.counted == 4);
    assert_eq!(short.count(), 3);
    let on_hand: i64 = on_hand(&story, "GLOVE").iter().map(|(_, it)| it).sum();
    assert_eq!(on_hand, 4_997);
    assert_eq!(story.violations(), Vec::<String>::new());
    // What the sheet leaves out is not there, whichever part it would be in.
    let story = story.after(count_lots("C2", 999, 3));
    assert_eq!(counted(&story, "C2").lots.len(), 1_000);
    let gone = stock(&story, "GLOVE").lots;
    assert!(gone.iter().all(|lot| lot.batch_id != "B999"));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_count_corrects_only_so_much_at_once() {
    let story = with_lots(220);
    story
        .clone()
        .when(count_lots("C1", 220, 101))
        .refused("TOO_MANY_DIFFERENCES")
        .saying(&["101 lots", "100"]);
    let short = count_lots("C1", 220, 101).lines.split_off(120);
    let story = story.after(CountStock {
        kind: CountKind::Cycle,
        lines: short,
        ..count("C1", "GLOVE", &[])
    });
    let before = story.events.len();
    let story = story.after(count_lots("C2", 220, 101));
    // Three parts, and the one lot that was not corrected before.
    assert_eq!(story.events.len(), before + 4);
    let on_hand: i64 = on_hand(&story, "GLOVE").iter().map(|(_, it)| it).sum();
    assert_eq!(on_hand, 220 * 5 - 101);
    assert_eq!(story.violations(), Vec::<String>::new());
    // Nor are so many found of which the books know nothing.
    let elsewhere = CountStock {
        facility_id: code("HOSP"),
        ..count_lots("C3", 101, 0)
    };
    story
        .clone()
        .when(elsewhere)
        .refused("TOO_MANY_DIFFERENCES");
    story.when(count_lots("C3", 220, 101)).accepted();
}

#[test]
fn a_count_names_only_so_many_lots() {
    let story = with_lots(1_000)
        .after(pledge("D2", &[("GLOVES", 1)]))
        .after(receive("D2", vec![line("GLOVE", 1, "N1")]));
    story
        .when(count_lots("C1", 1_000, 0))
        .refused("TOO_MANY_LINES")
        .saying(&["1001"]);
}

#[test]
fn a_count_knows_nothing_of_what_was_counted_later() {
    let counting = stocked();
    let position = counting.position();
    let story = counting.after(count("C1", "GLOVE", &[("G1", 97), ("G2", 50)]));
    // Another sheet of the same hour says the same, and must not take three off again.
    let again = count("C2", "GLOVE", &[("G1", 97), ("G2", 50)]);
    story
        .clone()
        .when(at(position, again.clone()))
        .refused("COUNTED_SINCE")
        .saying(&["batch G1", &position.to_string()]);
    // Of what nobody corrected since it says what it found; what it found as the books were then is no news.
    let story = story.after(at(
        position,
        count("C3", "GLOVE", &[("G1", 100), ("G2", 48)]),
    ));
    assert_eq!(
        on_hand(&story, "GLOVE"),
        [("G1".to_owned(), 97), ("G2".to_owned(), 48)]
    );
    let now = story.position();
    let story = story.after(at(
        now,
        CountStock {
            count_id: code("C4"),
            ..again
        },
    ));
    assert_eq!(on_hand(&story, "GLOVE")[1], ("G2".to_owned(), 50));
}

#[test]
fn a_count_of_many_assets_corrects_some_at_a_time() {
    let numbers: Vec<String> = (0..130).map(|it| format!("N{it}")).collect();
    let story = numbers.chunks(55).zip(1..).fold(
        Story::new().after(pledge("D1", &[("OXYGEN", 130)])),
        |story, (numbers, batch)| {
            let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
            story.after(receive("D1", vec![assets(&format!("B{batch}"), &numbers)]))
        },
    );
    let sheet = |count_id, first: usize| CountStock {
        lines: numbers[first..]
            .chunk_by(|one, other| batch_of(one) == batch_of(other))
            .map(|numbers| CountedUnits {
                batch_id: code(&batch_of(&numbers[0])),
                owner_id: None,
                quantity: i64::try_from(numbers.len()).expect("few"),
                serial_numbers: numbers.iter().map(|it| label(it)).collect(),
            })
            .collect(),
        ..count(count_id, "CONC", &[])
    };
    story
        .clone()
        .when(sheet("C1", 61))
        .refused("TOO_MANY_DIFFERENCES")
        .saying(&["61 serial numbers", "60"]);
    let story = story.after(sheet("C1", 52));
    let taken_off = story.events.iter().filter_map(|event| match event {
        Event::StockAdjusted(it) => it.units.as_ref().map(|it| it.serial_numbers.len()),
        _ => None,
    });
    assert_eq!(taken_off.collect::<Vec<_>>(), [40, 12]);
    let there = stock(&story, "CONC").lots.into_iter();
    let there: usize = there.map(|lot| lot.serial_numbers.len()).sum();
    assert_eq!(there, 78);
    assert_eq!(story.violations(), Vec::<String>::new());
}

/// The batch with which an asset of that test came.
fn batch_of(serial_number: &str) -> String {
    let number: usize = serial_number[1..].parse().expect("a number");
    format!("B{}", number / 55 + 1)
}

#[test]
fn goods_are_given_back_to_whoever_gave_them() {
    let story = stocked().after(give_back("G1", 30));
    let Some(Event::StockReturned(event)) = story.events.last() else {
        panic!("{:?}", story.events.last())
    };
    assert_eq!(event.recipient_id, "KASPI");
    assert_eq!(on_hand(&story, "GLOVE")[0], ("G1".to_owned(), 70));
    assert_eq!(story.violations(), Vec::<String>::new());
    let opened = Story::new().after(open_books(vec![new_stock("GLOVE", 5, "N1")]));
    opened
        .clone()
        .when(give_back("N1", 1))
        .refused("NO_DONOR")
        .saying(&["recipient_id", "N1"]);
    let to = |recipient: &str| ReturnStock {
        recipient_id: Some(code(recipient)),
        ..give_back("N1", 1)
    };
    opened.clone().when(to("HELP")).accepted();
    opened.when(to("NOBODY")).refused("UNKNOWN_ORGANISATION");
}

#[test]
fn held_goods_are_given_back_first_and_claimed_ones_never() {
    let story = stocked()
        .after(hold_here("G1", 20))
        .after(ship("S1", &[("GLOVE", 60)]))
        .after(allocate("S1"));
    story
        .clone()
        .when(give_back("G1", 41))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["60 reserved"]);
    let story = story.after(give_back("G1", 30));
    let lot = &stock(&story, "GLOVE").lots[0];
    assert_eq!((lot.on_hand, lot.held, lot.available), (70, 0, 10));
    let with_assets = with_assets();
    let named = |number: &str| ReturnStock {
        serial_numbers: labels(&[number]),
        ..give_back("B1", 1)
    };
    with_assets
        .clone()
        .when(named("S9"))
        .refused("SERIAL_NUMBER_NOT_THERE");
    let story = with_assets.after(named("S2"));
    story
        .when(receive("D1", vec![assets("B7", &["S2"])]))
        .refused("SERIAL_NUMBER_EXISTS")
        .saying(&["given back from facility WH"]);
}

#[test]
fn a_position_is_a_boundary_of_its_own() {
    let since = |position| Boundary::Since(code("WH"), code("GLOVE"), position);
    assert_ne!(since(3).name(), since(4).name());
    assert_eq!(since(3).tag(), "stock:WH/GLOVE");
    assert_eq!(since(3).after_position(), 3);
    assert_eq!(since(3).code(), None);
}
