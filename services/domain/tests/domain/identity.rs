//! Codes, labels, quantities and ids.

use keruen_domain::{
    Boundary, Code, Label, Quantity,
    code::MAX_QUANTITY,
    id::{IdKind, generate, is_mistyped},
};
use proptest::prelude::*;

use crate::world::{code, label};

const KINDS: [IdKind; 4] = [
    IdKind::Donation,
    IdKind::Batch,
    IdKind::Request,
    IdKind::Shipment,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_wrong_letter_or_two_that_changed_places_are_found(
        command_id in "[0-9a-f]{8}", index in 0..100_usize, kind in 0..4_usize, place in 2..13_usize,
        letter in prop::sample::select(b"ABCDEFGHJKMNPQRSTUVWXYZ".to_vec()),
    ) {
        let id = generate(KINDS[kind], &command_id, index);
        prop_assert_eq!(&id, &generate(KINDS[kind], &command_id, index));
        prop_assert_ne!(&id, &generate(KINDS[kind], &command_id, index + 1));
        prop_assert!(!is_mistyped(&id));
        let bytes = id.as_bytes();
        let mut wrong = bytes.to_vec();
        if bytes[place] != b'-' && bytes[place] != letter {
            wrong[place] = letter;
            prop_assert!(is_mistyped(std::str::from_utf8(&wrong).expect("letters")));
        }
        let mut swapped = bytes.to_vec();
        swapped.swap(place, place + 1);
        if bytes[place] != b'-' && bytes[place + 1] != b'-' && bytes[place] != bytes[place + 1] {
            prop_assert!(is_mistyped(std::str::from_utf8(&swapped).expect("letters")));
        }
    }
}

#[test]
fn codes_of_clients_are_never_mistyped() {
    for text in ["D-1", "S-2020-17", "KASPI-TESTS", "D-ABCDE-ABCDEI"] {
        assert!(!is_mistyped(text), "{text}");
    }
}

#[test]
fn codes_are_upper_case_and_short() {
    let long = "A".repeat(65);
    for bad in ["", "a", "-A", "A B", "A/B", "Ә", &long] {
        assert!(Code::parse(bad).is_err(), "{bad:?}");
    }
    for good in ["A", "0", "O2-CONCENTRATOR", "A.B_C-D", &long[..64]] {
        assert_eq!(Code::parse(good).as_deref(), Ok(good));
    }
}

#[test]
fn labels_are_what_is_printed() {
    let long = "Ә".repeat(33);
    for bad in ["", " A", "A ", "A\nB", &long] {
        assert!(Label::parse(bad).is_err(), "{bad:?}");
    }
    for good in ["№ 17/а", "S/N 1", &long[..64]] {
        assert_eq!(Label::parse(good).as_deref(), Ok(good));
    }
}

#[test]
fn quantities_are_positive_and_exact() {
    assert_eq!(Quantity::parse(0), Err("must not be 0"));
    assert_eq!(Quantity::parse(-1), Err("must not be negative"));
    assert!(Quantity::parse(MAX_QUANTITY).is_ok());
    assert!(Quantity::parse(MAX_QUANTITY + 1).is_err());
    // Whoever sums them up in 64 bits needs a history of millions of the largest ones to run over.
    const { assert!(i64::MAX / MAX_QUANTITY > 9_000_000) };
}

#[test]
fn tags_keep_apart_what_is_apart() {
    let model =
        |manufacturer: &str, model: &str| Boundary::Model(label(manufacturer), label(model)).tag();
    assert_ne!(model("A", "B/C"), model("A/B", "C"));
    assert_ne!(model("A", "B"), model("AB", "C"));
    let asset = |serial_number: &str| Boundary::Asset(code("CONC"), label(serial_number)).tag();
    assert_eq!(asset("S/1 %"), "asset:CONC/S%2F1%20%25");
    assert_ne!(asset("S/1"), asset("S%2F1"));
}
