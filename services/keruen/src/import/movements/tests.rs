//! The form of files, and what follows from it.

use std::io::Write as _;

use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    COLUMNS, EXAMPLE, KINDS,
    check::{answered, look_through},
    command::{Command, Ids, Movement},
    row::Movements,
};
use crate::{
    client::{failure::Failure, session::Session},
    import::{errors::Errors, stream::Source},
};

fn source(text: &str) -> (tempfile::NamedTempFile, Source) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let source = Source::at(file.path()).unwrap();
    (file, source)
}

fn movements(text: &str) -> Vec<Movement> {
    let (_file, source) = source(text);
    let mut errors = Errors::new("f.csv");
    let mut movements = Movements::of(&source).unwrap();
    let mut all = Vec::new();
    while let Some(movement) = movements.next(&mut errors).unwrap() {
        all.push(movement);
    }
    errors.check().unwrap();
    all
}

fn told(text: &str) -> Vec<String> {
    let (_file, source) = source(text);
    match look_through(&source) {
        Err(Failure::File { errors, .. }) => errors,
        other => panic!("{:?}", other.map(|contents| contents.rows)),
    }
}

#[test]
fn the_example_is_right() {
    let (_file, source) = source(EXAMPLE);
    assert_eq!(look_through(&source).unwrap().rows, 7);
    let kinds = KINDS.map(|(kind, ..)| kind);
    assert!(
        kinds
            .iter()
            .filter(|kind| EXAMPLE.contains(&format!("\n{kind},")))
            .count()
            >= 4
    );
}

#[test]
fn rows_that_open_the_same_books_are_one_command() {
    let text = "kind,occurred_at,facility_id,item_id,quantity,lot\n\
                open,2020-01-01,F,I,5,A\nopen,2020-01-01,F,I,6,B\nopen,2020-01-01,F,J,7,C\n";
    let all = movements(text);
    let lines: Vec<(u64, usize)> = all
        .iter()
        .map(|it| match &it.command {
            Command::Open(request) => (it.line, request.lines.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lines, [(2, 2), (4, 1)]);
    let again = format!("{text}open,2020-01-01,F,I,1,D\n");
    let found = told(&again);
    assert!(
        found[0].contains(":5: row 4") && found[0].contains("since line 2"),
        "{found:?}"
    );
}

#[test]
fn ids_follow_from_what_rows_say_and_from_how_often() {
    let header = "kind,occurred_at,facility_id,item_id,quantity,purpose\n";
    let row = "use,2020-01-01,F,I,5,patient\n";
    let ids = |text: &str| -> Vec<Uuid> {
        let mut ids = Ids::default();
        movements(text).iter().map(|it| ids.next(it)).collect()
    };
    let two = ids(&format!("{header}{row}{row}"));
    assert_ne!(two[0], two[1]);
    // More rows change nothing of those before, and line ends and blanks nothing at all.
    let more =
        ids(&format!("{header}{row}{row}{}", row.replace(",5,", ",6,")).replace('\n', " \r\n"));
    assert_eq!(more[..2], two);
    assert!(!two.contains(&more[2]));
}

#[test]
fn rows_with_ids_of_their_own_leave_the_others_theirs() {
    let header = "kind,occurred_at,facility_id,item_id,quantity,purpose,row_id\n";
    let row = |row_id: &str| format!("use,2020-01-01,F,I,5,patient,{row_id}\n");
    let ids = |rows: &[&str]| -> Vec<(Uuid, Option<Uuid>)> {
        let mut ids = Ids::default();
        let text: String = rows.iter().map(|it| row(it)).collect();
        let movements = movements(&format!("{header}{text}"));
        let both = movements.iter().map(|it| (ids.next(it), ids.unnamed(it)));
        both.collect()
    };
    let before = ids(&["", ""]);
    let mixed = ids(&["7", "", "8", ""]);
    assert_eq!([mixed[1], mixed[3]], before[..]);
    // What was imported without, and then was given an id, is found by what it would be without.
    assert_eq!(mixed[0].1, Some(before[0].0));
    assert_eq!(ids(&["", "8"])[1].1, Some(before[1].0));
    let changed = movements(&format!("{header}{}", row("7").replace(",5,", ",6,")));
    assert_eq!(changed[0].own_id(), Some(mixed[0].0));
}

#[test]
fn what_is_wrong_is_told_by_line_and_column() {
    let text = "kind,occurred_at,facility_id,item_id,quantity,batch_id,donation_id,purpose,reason\n\
                take,2020-01-01,F,I,5,,,,\n\
                use,2020-02-30,F,I,5,,,patient,\n\
                use,2999-01-01,F,I,5,,,patient,\n\
                use,2020-01-01,F,I,0,,,patient,\n\
                use,2020-01-01,F,I,5,,,,\n\
                use,2020-01-01,F,I,5,,D,patient,\n\
                dispose,2020-01-01,F,I,5,B,,,because\n\
                receive,2020-01-01,F,I,5,B,D,,\n\
                receive,2020-01-01,F,I,5,B,D,,\n\
                return,2020-01-01,F,J,5,B,,,agreed\n\
                ,2020-01-01,F,I,5,,,,\n\
                use,1969-12-31,F,I,5,,,patient,\n\
                dispose,2020-01-01,F,I,1000000000001,B,,,expired\n";
    let found = told(text);
    let wanted = [
        (":2: row 1, column kind:", "found \"take\""),
        (":3: row 2, column occurred_at:", "2020-02-30"),
        (":4: row 3, column occurred_at:", "must not lie ahead"),
        (
            ":5: row 4, column quantity:",
            "must be 1 to 1000000000000; found 0",
        ),
        (":6: row 5, column purpose:", "needs it"),
        (":7: row 6, column donation_id:", "must be empty"),
        (":8: row 7, column reason:", "\"because\" is not one of"),
        (":10: row 9:", "batch B stands in the file twice"),
        (":11: row 10:", "is of item I, not of J"),
        (":12: row 11, column kind:", "is empty"),
        (":13: row 12, column occurred_at:", "before 1970"),
        (":14: row 13, column quantity:", "found 1000000000001"),
    ];
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (error, (place, rule)) in found.iter().zip(wanted) {
        assert!(error.contains(place) && error.contains(rule), "{error}");
    }
}

#[test]
fn a_batch_is_there_before_it_is_taken_from() {
    let header =
        "kind,occurred_at,facility_id,item_id,quantity,batch_id,donation_id,purpose,reason\n";
    let came = "receive,2020-01-01,F,I,5,B1,D,,\n";
    let gone = "dispose,2020-01-02,F,I,1,B1,,,expired\nuse,2020-01-02,F,I,1,B1,,patient,\n";
    let found = told(&format!("{header}{gone}{came}"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains(":4: row 3: batch B1 is taken from in line 2, before it is there"),
        "{found:?}"
    );
    let (_file, source) = source(&format!("{header}{came}{gone}"));
    assert_eq!(look_through(&source).unwrap().rows, 3);
}

#[test]
fn rows_that_differ_in_their_item_are_checked_each() {
    let header = "kind,occurred_at,facility_id,item_id,quantity,batch_id,reason\n";
    let row = "dispose,2020-01-01,F,I,5,B,expired\n";
    let text = [
        header,
        row,
        &row.replace(",5,", ",6,"),
        &row.replace(",I,", ",J,"),
    ]
    .concat();
    let shapes: Vec<u64> = movements(&text).iter().map(Movement::shape).collect();
    assert_eq!(shapes[0], shapes[1]);
    assert_ne!(shapes[0], shapes[2]);
}

const TRANSFERS: &str = "kind,occurred_at,facility_id,item_id,quantity,batch_id,purpose,shipment_id,\
     destination_id,custodian_id,received_at\n";

#[test]
fn rows_of_a_shipment_are_one_and_it_is_received_when_others_are_as_late() {
    let text = format!(
        "{TRANSFERS}transfer,2020-01-02,F,I,5,,,S-1,G,C,2020-01-05\n\
         transfer,2020-01-02,F,J,6,B,,S-1,G,C,2020-01-05\n\
         transfer,2020-01-03,F,I,7,,,S-2,G,C,\n\
         use,2020-01-04,G,I,1,,patient,,,,\n\
         use,2020-01-05T00:00:00+05:00,G,I,2,,patient,,,,\n\
         transfer,2020-01-06,G,I,1,,,S-3,F,C,2020-01-06\n"
    );
    let all = movements(&text);
    let told: Vec<(&str, usize, usize)> = all
        .iter()
        .map(|it| match &it.command {
            Command::Request(request) => ("request", it.rows, request.lines.len()),
            Command::Send(request) => ("send", it.rows, request.units.len()),
            Command::Arrive(request) => ("arrive", it.rows, request.lines.len()),
            Command::Use(request) => ("use", it.rows, request.quantity.try_into().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    let wanted = [
        ("request", 0, 2),
        ("send", 0, 2),
        ("request", 0, 1),
        ("send", 1, 1),
        ("use", 1, 1),
        ("arrive", 2, 0),
        ("use", 1, 2),
        ("request", 0, 1),
        ("send", 0, 1),
        ("arrive", 1, 0),
    ];
    assert_eq!(told, wanted);
    // What follows from each other shares something; what does not, goes on beside it.
    let shares = |one: usize, other: usize| {
        let others = all[other].subjects();
        all[one].subjects().iter().any(|it| others.contains(it))
    };
    assert!(shares(0, 1) && shares(1, 5) && shares(5, 6) && shares(1, 3) && shares(6, 8));
    assert!(!shares(0, 2) && !shares(1, 4) && !shares(0, 6));
}

#[test]
fn what_is_wrong_with_transfers_is_told_by_line_and_column() {
    let text = format!(
        "{TRANSFERS}transfer,2020-01-02,F,I,5,,,S-1,F,C,\n\
         transfer,2020-01-02,F,I,5,,,S-2,G,C,2020-01-01\n\
         transfer,2020-01-02,F,I,5,,,S-3,G,C,2999-01-01\n\
         transfer,2020-01-02,F,I,5,,,S-4,G,,\n\
         transfer,2020-01-02,F,I,0,,,S-5,G,C,\n\
         transfer,2020-01-02,F,I,5,,patient,S-6,G,C,\n\
         use,2020-01-02,F,I,5,,patient,S-7,,,\n\
         transfer,2020-01-02,F,I,5,,,S-8,G,C,2020-01-03\n\
         transfer,2020-01-02,F,I,5,,,S-8,H,C,2020-01-04\n\
         transfer,2020-01-02,F,I,5,,,S-9,G,C,\n\
         transfer,2020-01-02,F,I,5,,,S-8,G,C,2020-01-03\n\
         open,2020-01-05,G,I,5,,,,,,\n"
    );
    let found = told(&text);
    let wanted = [
        (":2: row 1, column destination_id:", "another facility"),
        (":3: row 2, column received_at:", "before occurred_at"),
        (":4: row 3, column received_at:", "must not lie ahead"),
        (":5: row 4, column custodian_id:", "needs it"),
        (":6: row 5, column quantity:", "found 0"),
        (":7: row 6, column purpose:", "must be empty"),
        (":8: row 7, column shipment_id:", "must be empty"),
        (
            ":10: row 9, column destination_id:",
            "\"H\" differs from \"G\" in line 9",
        ),
        (":10: row 9, column received_at:", "a shipment of its own"),
        (":12: row 11:", "shipment S-8 stands in line 9 already"),
        (":13: row 12:", "are there since line 9"),
    ];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (error, (place, rule)) in found.iter().zip(wanted) {
        assert!(error.contains(place) && error.contains(rule), "{error}");
    }
    let many = "transfer,2020-01-02,F,I,5,,,S-1,G,C,\n".repeat(21);
    let found = told(&format!("{TRANSFERS}{many}"));
    assert!(
        found[0].contains(":22: row 21, column shipment_id: a shipment has 20"),
        "{found:?}"
    );
}

#[test]
fn a_hundred_thousand_rows_are_looked_through_to_the_last() {
    use std::fmt::Write as _;
    let mut text = "kind,occurred_at,facility_id,item_id,quantity,purpose\n".to_owned();
    for number in 0..100_000 {
        let (facility, item) = (number % 60, number % 37);
        writeln!(
            text,
            "use,2020-01-01,F-{facility},I-{item},{},patient",
            number % 9 + 1
        )
        .unwrap();
    }
    let (_file, right) = source(&text);
    assert_eq!(look_through(&right).unwrap().rows, 100_000);
    text.push_str("use,2020-01-01,F,I,1,joy\n");
    let found = told(&text);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains(":100002: row 100001, column purpose"),
        "{found:?}"
    );
}

#[test]
fn files_of_other_programs_are_read_alike_or_told_apart() {
    let read = |text: &str| -> Vec<(u64, Command)> {
        let all = movements(text).into_iter();
        all.map(|it| (it.line, it.command)).collect()
    };
    let text = EXAMPLE.replacen('\n', "\n\n,,,\n", 1);
    let text = format!("\u{feff}\n  \n,,,\n{text}");
    let wanted = read(&text);
    assert_eq!(
        (wanted.first().map(|it| it.0), wanted.len() >= 7),
        (Some(7), true)
    );
    for separator in [",", ";", "\t"] {
        for end in ["\n", "\r\n", "\r"] {
            let other = text.replace(',', separator).replace('\n', end);
            assert_eq!(read(&other), wanted, "{separator:?} {end:?}");
        }
    }
    let wrong = told(&text.replace("lot,", "lots,").replace('\n', "\r"));
    assert!(wrong[0].contains(":4: header: unknown column"), "{wrong:?}");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    // With and without a byte order mark.
    for (bytes, says) in [
        (&little[..], "UTF-16"),
        (&little[2..], "UTF-16"),
        (&big, "UTF-16"),
        (&big[2..], "UTF-16"),
        (b"PK\x03\x04 and so on", "workbook"),
        (b"kind,\xcf\n", "0xCF is not UTF-8"),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let found = look_through(&Source::at(file.path()).unwrap());
        let told = format!("{:?}", found.err());
        assert!(told.contains(says) && told.contains("CSV UTF-8"), "{told}");
    }
    let long = format!("{EXAMPLE}{}\n", "x".repeat(70_000));
    assert!(told(&long)[0].contains(":9: is longer than"));
}

#[test]
fn a_file_that_changes_meanwhile_is_not_read_on() {
    let (mut file, source) = source(EXAMPLE);
    file.write_all(b"use,2020-07-21,WH-ALA,TEST-RAPID,1,,,,,patient,\n")
        .unwrap();
    let refused = source.rows(COLUMNS).err().map(|error| format!("{error:?}"));
    assert!(refused.unwrap().contains("has changed meanwhile"));
}

#[test]
fn a_row_is_blamed_only_where_the_server_knows_that_it_was_not_entered() {
    let session = Session::printing_to("127.0.0.1:1", std::sync::Arc::default());
    let found = |there| answered(&session, there);
    assert!(matches!(found(Ok(())), Ok(Ok(()))));
    let missing = found(Err(Status::not_found("no such command")));
    assert!(matches!(missing, Ok(Err(_))));
    for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Internal] {
        let unknown = found(Err(Status::new(code, "the node stops")));
        assert!(unknown.is_err(), "{code}: {unknown:?}");
    }
}
