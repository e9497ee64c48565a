//! Assets inside assets: what is inside another one is where that one is, whatever becomes of it.

use keruen_domain::{
    Boundary, Command, Entry,
    asset::{ChangeAsset, Step},
    check::Ledger,
    correction::{CorrectReceipt, Remedy, VoidMovement, remedy},
    donation::{PledgeDonation, ReceiptLine},
    shipment::{DispatchShipment, FoundGoods, ReceiveShipment, RequestShipment},
    stock::{AdjustStock, DisposeStock, ReleaseStock},
};
use keruen_proto::{
    Event,
    inventory::v1::{
        Asset, AssetCondition, AssetFault, AssetPlace, AssetRef, AssetRetirementReason, Earmark,
        FitOverride, FitOverrideReason, ReceiptOutcome, StockLevel,
    },
    registry::v1::{
        Facility, FacilityKind, FacilityRegistered, Item, ItemRegistered, SiteData, SiteNeeds,
        Tracking,
    },
    shipments::v1::Shipment,
};
use proptest::prelude::*;

use crate::{story::Story, world::*};

/// Laboratories LAB-1 and LAB-2; analysers AN-1 to AN-3; pumps P-1 to P-4; all at WH, each item a batch of its own.
const UNITS: [(&str, &str, &[&str]); 3] = [
    ("LAB", "BL", &["LAB-1", "LAB-2"]),
    ("ANALYSER", "BA", &["AN-1", "AN-2", "AN-3"]),
    ("PUMP", "BP", &["P-1", "P-2", "P-3", "P-4"]),
];

pub fn stocked() -> Story {
    let registered = UNITS.map(|(id, _, _)| {
        let item = Some(item(id, "OXYGEN", Tracking::Serial, false));
        ItemRegistered { item }.into()
    });
    let lines = UNITS.map(|(id, batch, numbers)| ReceiptLine {
        item_id: code(id),
        ..assets(batch, numbers)
    });
    Story::new()
        .given(registered)
        .after(pledge("D1", &[("OXYGEN", 30)]))
        .after(receive("D1", lines.to_vec()))
}

fn item_of(number: &str) -> &'static str {
    match number.as_bytes() {
        [b'L', ..] => "LAB",
        [b'A', ..] => "ANALYSER",
        _ => "PUMP",
    }
}

fn batch_of(number: &str) -> &'static str {
    match number.as_bytes() {
        [b'L', ..] => "BL",
        [b'A', ..] => "BA",
        _ => "BP",
    }
}

fn step(number: &str, step: Step) -> ChangeAsset {
    ChangeAsset {
        item_id: code(item_of(number)),
        ..crate::asset::step(number, step)
    }
}

pub fn put(number: &str, inside: &str) -> ChangeAsset {
    let inside = Step::PutInside {
        item_id: code(item_of(inside)),
        serial_number: label(inside),
    };
    step(number, inside)
}

pub fn take_out(number: &str) -> ChangeAsset {
    step(number, Step::TakeOut)
}

fn named(number: &str) -> AssetRef {
    AssetRef {
        item_id: item_of(number).to_owned(),
        serial_number: number.to_owned(),
    }
}

fn asset(story: &Story, number: &str) -> Asset {
    match story.read(&Boundary::Asset(code(item_of(number)), label(number))) {
        Entry::Asset(asset) => asset,
        other => panic!("{other:?}"),
    }
}

fn level(story: &Story, facility_id: &str, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code(facility_id), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

/// On hand, reserved, held and available of an item at a facility.
fn counts(story: &Story, facility_id: &str, item_id: &str) -> (i64, i64, i64, i64) {
    let lots = level(story, facility_id, item_id).lots;
    lots.iter().fold((0, 0, 0, 0), |sum, lot| {
        (
            sum.0 + lot.on_hand,
            sum.1 + lot.reserved,
            sum.2 + lot.held,
            sum.3 + lot.available,
        )
    })
}

/// LAB-1 with AN-1 inside, in which is P-1, and P-2 beside that.
fn equipped() -> Story {
    stocked()
        .after(put("P-1", "AN-1"))
        .after(put("AN-1", "LAB-1"))
        .after(put("P-2", "LAB-1"))
}

/// LAB-1 with P-1 inside, which runs on 110 V and was given for a region; CLINIC is a hospital in KZ-11 with 230 V.
pub fn equipped_for(region_id: &str) -> Story {
    let pump = Item {
        site_needs: Some(SiteNeeds {
            mains_voltage_v: 110,
            ..SiteNeeds::default()
        }),
        ..item("PUMP", "OXYGEN", Tracking::Serial, false)
    };
    let clinic = Facility {
        kind: FacilityKind::Hospital.into(),
        site: Some(SiteData {
            mains_voltage_v: 230,
            ..SiteData::default()
        }),
        ..facility("CLINIC", "KZ-11")
    };
    let only = Earmark {
        region_id: region_id.to_owned(),
        ..Earmark::default()
    };
    let meant = PledgeDonation {
        earmarks: vec![only],
        ..pledge("D2", &[("OXYGEN", 1)])
    };
    let of = |item_id: &str, batch_id: &str, number: &str| ReceiptLine {
        item_id: code(item_id),
        ..assets(batch_id, &[number])
    };
    let laboratory = Some(item("LAB", "OXYGEN", Tracking::Serial, false));
    Story::new()
        .given([
            ItemRegistered { item: laboratory }.into(),
            ItemRegistered { item: Some(pump) }.into(),
            FacilityRegistered {
                facility: Some(clinic),
            }
            .into(),
        ])
        .after(pledge("D1", &[("OXYGEN", 1)]))
        .after(receive("D1", vec![of("LAB", "BL", "LAB-1")]))
        .after(meant)
        .after(receive("D2", vec![of("PUMP", "BP", "P-1")]))
        .after(put("P-1", "LAB-1"))
}

/// LAB-1 is claimed for a facility.
pub fn bound_for(story: Story, destination_id: &str) -> Story {
    let bound = RequestShipment {
        destination_id: code(destination_id),
        ..ship("S1", &[("LAB", 1)])
    };
    story.after(bound).after(allocate("S1"))
}

#[test]
fn what_rides_inside_must_fit_where_it_goes_and_be_meant_for_there() {
    let claimed = bound_for(equipped_for("KZ-11"), "CLINIC");
    claimed
        .clone()
        .when(dispatch("S1"))
        .refused("SITE_UNFIT")
        .saying(&["item PUMP", "needs 110 V, and there are 230 V"]);
    let answered = FitOverride {
        authorised_by_ref: "person:7".to_owned(),
        reason: FitOverrideReason::Adapter.into(),
    };
    let overridden = || DispatchShipment {
        fit_override: Some(answered.clone()),
        ..dispatch("S1")
    };
    let sent = claimed.after(overridden());
    let recorded = sent.events.iter().find_map(|event| match event {
        Event::ShipmentAllocated(event) => event.fit_override.clone(),
        _ => None,
    });
    assert_eq!(recorded, Some(answered.clone()));
    assert_eq!(sent.violations(), Vec::<String>::new());
    // Whoever gave it says for where; until it is taken out, the laboratory stays.
    let barred = bound_for(equipped_for("KZ-75"), "CLINIC");
    barred
        .clone()
        .when(overridden())
        .refused("BATCH_EARMARKED")
        .saying(&["BP", "D2"]);
    barred.after(take_out("P-1")).after(dispatch("S1"));
    // Through a store it may pass, and there only storage matters: nothing is overridden.
    let stored = bound_for(equipped_for("KZ-75"), "FAR").after(overridden());
    assert!(stored.events.iter().all(|event| match event {
        Event::ShipmentAllocated(event) => event.fit_override.is_none(),
        _ => true,
    }));
}

/// The first laboratory that is free goes from WH to HOSP: LAB-1.
fn sent() -> Story {
    equipped()
        .after(ship("S1", &[("LAB", 1)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
}

#[test]
fn what_is_put_inside_is_counted_once_and_claimed_by_nobody() {
    let story = equipped();
    let laboratory = asset(&story, "LAB-1");
    assert_eq!(laboratory.place(), AssetPlace::Facility);
    assert_eq!(laboratory.contents, [named("AN-1"), named("P-2")]);
    let analyser = asset(&story, "AN-1");
    assert_eq!(analyser.place(), AssetPlace::Inside);
    assert_eq!(analyser.inside, Some(named("LAB-1")));
    assert_eq!(analyser.contents, [named("P-1")]);
    assert_eq!(counts(&story, "WH", "LAB"), (2, 0, 0, 2));
    assert_eq!(counts(&story, "WH", "PUMP"), (4, 0, 2, 2));
    story
        .clone()
        .after(ship("S2", &[("PUMP", 3)]))
        .when(allocate("S2"))
        .refused("INSUFFICIENT_STOCK");
    // What is inside lives on, and is not released, disposed of or installed apart.
    for lived in [
        step(
            "P-1",
            Step::BreakDown {
                fault: AssetFault::Leak,
            },
        ),
        crate::asset::put_into_service("P-1").of("PUMP"),
    ] {
        story.clone().when(lived).accepted();
    }
    let released = ReleaseStock {
        serial_numbers: labels(&["P-1"]),
        ..release_here("BP", 1)
    };
    story
        .clone()
        .when(released)
        .refused("ASSET_STATE")
        .saying(&["INSIDE", "take it out first"]);
    let disposed = DisposeStock {
        serial_numbers: labels(&["P-1"]),
        ..dispose("BP", 1)
    };
    story.clone().when(disposed).refused("ASSET_STATE");
    story
        .clone()
        .when(step("P-1", Step::Install { fit_override: None }))
        .refused("ASSET_STATE")
        .saying(&["take it out first"]);
    // Out again, it is free.
    let story = story.after(take_out("P-2"));
    assert_eq!(asset(&story, "P-2").place(), AssetPlace::Facility);
    assert_eq!(asset(&story, "LAB-1").contents, [named("AN-1")]);
    assert_eq!(counts(&story, "WH", "PUMP"), (4, 0, 1, 3));
    story
        .clone()
        .when(take_out("P-2"))
        .refused("ASSET_STATE")
        .saying(&["INSIDE"]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

trait Of {
    fn of(self, item_id: &str) -> Self;
}

impl Of for ChangeAsset {
    fn of(self, item_id: &str) -> Self {
        Self {
            item_id: code(item_id),
            ..self
        }
    }
}

#[test]
fn nothing_is_inside_itself_or_too_deep() {
    let story = equipped();
    let refused = |inner: &str, outer: &str, why: &str| {
        story
            .clone()
            .when(put(inner, outer))
            .refused("ASSET_NESTING")
            .saying(&[inner, outer, why]);
    };
    refused("LAB-1", "P-1", "inside itself");
    refused("LAB-2", "LAB-2", "inside itself");
    refused("LAB-2", "LAB-1", "same item");
    refused("P-3", "P-1", "same item");
    // AN-1 holds a pump, so that it goes into no pump, and into nothing that is in one.
    let in_pump = stocked()
        .after(put("P-1", "AN-1"))
        .after(put("LAB-1", "P-2"));
    in_pump
        .when(put("AN-1", "LAB-1"))
        .refused("ASSET_NESTING")
        .saying(&["same item", "PUMP"]);
    story
        .clone()
        .when(put("P-9", "LAB-1"))
        .refused("UNKNOWN_ASSET")
        .saying(&["P-9"]);
    story
        .clone()
        .when(step(
            "P-3",
            Step::PutInside {
                item_id: code("LAB"),
                serial_number: label("LAB-9"),
            },
        ))
        .refused("UNKNOWN_ASSET")
        .saying(&["LAB-9"]);
    story
        .clone()
        .when(put("P-1", "LAB-2"))
        .refused("ASSET_STATE")
        .saying(&["take it out first"]);
}

#[test]
fn depth_and_number_have_bounds() {
    let more = ["BOX", "CASE", "RACK"];
    let registered = more.map(|id| {
        let item = Some(item(id, "OXYGEN", Tracking::Serial, false));
        ItemRegistered { item }.into()
    });
    let line = |id: &str, batch: &str, numbers: &[String]| ReceiptLine {
        item_id: code(id),
        quantity: quantity(i64::try_from(numbers.len()).expect("few")),
        serial_numbers: numbers.iter().map(|it| label(it)).collect(),
        ..assets(batch, &["X"])
    };
    let numbers: Vec<String> = (1..=40).map(|it| format!("R{it}")).collect();
    let one = |number: &str| vec![number.to_owned()];
    let inside = |item_id: &str, number: &str, outer_item: &str, outer: &str| ChangeAsset {
        item_id: code(item_id),
        ..crate::asset::step(
            number,
            Step::PutInside {
                item_id: code(outer_item),
                serial_number: label(outer),
            },
        )
    };
    let story = stocked()
        .given(registered)
        .after(pledge("D2", &[("OXYGEN", 99)]))
        .after(receive(
            "D2",
            vec![
                line("BOX", "B-BOX", &one("X1")),
                line("CASE", "B-CASE", &one("C1")),
            ],
        ))
        .after(receive("D2", vec![line("RACK", "B-RACK", &numbers)]))
        .after(put("AN-1", "LAB-1"))
        .after(put("P-1", "AN-1"));
    story
        .clone()
        .when(inside("BOX", "X1", "PUMP", "P-1"))
        .refused("ASSET_NESTING")
        .saying(&["4 would lie one inside the other, and 3 may"]);
    story
        .clone()
        .after(inside("BOX", "X1", "CASE", "C1"))
        .when(inside("CASE", "C1", "ANALYSER", "AN-1"))
        .refused("ASSET_NESTING")
        .saying(&["4 would lie"]);
    let full = numbers.iter().take(28).fold(story, |story, number| {
        story.after(inside("RACK", number, "LAB", "LAB-1"))
    });
    full.clone()
        .when(inside("RACK", "R29", "LAB", "LAB-1"))
        .refused("ASSET_NESTING")
        .saying(&["31 in all, and 30 may"]);
    // All of it goes in one shipment.
    let story = full
        .after(ship("S1", &[("LAB", 1)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive("S1"));
    assert_eq!(counts(&story, "HOSP", "RACK"), (28, 0, 28, 0));
    assert_eq!(story.violations(), Vec::<String>::new());
}

/// Each of its own batch, donation, lot and item: what could not be sent in one event is refused as it is put in.
#[test]
fn what_could_not_be_sent_together_is_not_put_together() {
    let mut story = stocked();
    let mut refused = None;
    for number in 1..20 {
        let item_id = format!("TOOL{number}");
        let registered = ItemRegistered {
            item: Some(item(&item_id, "OXYGEN", Tracking::Serial, false)),
        };
        let donation = format!("DT{number}");
        let line = ReceiptLine {
            item_id: code(&item_id),
            lot: Some(label(&format!("LOT{number}"))),
            ..assets(&format!("BT{number}"), &["T1"])
        };
        story = story
            .given([registered.into()])
            .after(pledge(&donation, &[("OXYGEN", 1)]))
            .after(receive(&donation, vec![line]));
        let into = put("T1", "LAB-1").of(&item_id);
        if story.decide(&into).is_err() {
            refused = Some((number, into));
            break;
        }
        story = story.after(into);
    }
    let (number, into) = refused.expect("too much in the end");
    assert_eq!(number, 12, "five tags each");
    story
        .clone()
        .when(into)
        .refused("ASSET_NESTING")
        .saying(&["could not be sent in one shipment", "64"]);
    story
        .after(ship("S1", &[("LAB", 1)]))
        .after(allocate("S1"))
        .when(dispatch("S1"))
        .accepted();
}

#[test]
fn contents_go_with_what_they_are_in() {
    let story = sent();
    let Entry::Shipment(shipment) = story.read(&Boundary::Shipment(code("S1"))) else {
        panic!("no shipment");
    };
    assert_eq!(shipment.custodian_id, "CREW");
    let sent: i64 = shipment.lots.iter().map(|lot| lot.in_transit).sum();
    assert_eq!(sent, 4, "with the laboratory three more");
    for number in ["AN-1", "P-1", "P-2"] {
        let it = asset(&story, number);
        assert_eq!(it.place(), AssetPlace::Inside);
        assert_eq!(it.shipment_id, "S1");
    }
    assert_eq!(counts(&story, "WH", "PUMP"), (2, 0, 0, 2));
    assert_eq!(counts(&story, "WH", "ANALYSER"), (2, 0, 0, 2));
    // On its way nobody opens it.
    for command in [take_out("P-2"), put("P-3", "LAB-1")] {
        story.clone().when(command).refused("ASSET_STATE");
    }
    story
        .clone()
        .when(step(
            "P-1",
            Step::BreakDown {
                fault: AssetFault::Leak,
            },
        ))
        .refused("ASSET_STATE")
        .saying(&["receive the shipment first"]);
    let story = story.after(arrive("S1"));
    for number in ["AN-1", "P-1", "P-2"] {
        let it = asset(&story, number);
        assert_eq!((it.place(), &*it.facility_id), (AssetPlace::Inside, "HOSP"));
        assert!(it.set_apart, "{number} is free");
    }
    assert_eq!(counts(&story, "HOSP", "PUMP"), (2, 0, 2, 0));
    assert_eq!(counts(&story, "HOSP", "LAB"), (1, 0, 0, 1));
    let story = story.after(take_out("P-1"));
    assert_eq!(counts(&story, "HOSP", "PUMP"), (2, 0, 1, 1));
    assert_eq!(asset(&story, "AN-1").contents, []);
    assert_eq!(story.violations(), Vec::<String>::new());
}

/// Receives LAB-1 in a condition.
pub fn arrive_as(outcome: ReceiptOutcome) -> ReceiveShipment {
    let line = FoundGoods {
        serial_numbers: labels(&["LAB-1"]),
        ..found(1, 1, outcome)
    };
    arrive_with("S1", vec![line])
}

#[test]
fn contents_are_missing_and_lost_and_found_with_what_they_are_in() {
    let story = sent().after(arrive_as(ReceiptOutcome::Missing));
    let Entry::Shipment(shipment) = story.read(&Boundary::Shipment(code("S1"))) else {
        panic!("no shipment");
    };
    assert_eq!(shipment.lots.iter().map(|lot| lot.missing).sum::<i64>(), 4);
    let turned_up = story.clone().after(arrive_as(ReceiptOutcome::Good));
    assert_eq!(counts(&turned_up, "HOSP", "PUMP"), (2, 0, 2, 0));
    assert_eq!(asset(&turned_up, "P-1").inside, Some(named("AN-1")));
    assert_eq!(turned_up.violations(), Vec::<String>::new());
    let story = story.after(settle("S1"));
    for number in ["LAB-1", "AN-1", "P-1", "P-2"] {
        let it = asset(&story, number);
        assert_eq!((it.place(), it.inside), (AssetPlace::Lost, None));
        assert_eq!(it.contents, []);
    }
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn contents_of_something_damaged_are_looked_at_one_by_one() {
    let story = sent().after(arrive_as(ReceiptOutcome::Damaged));
    let release = |batch: &str, number: &str| ReleaseStock {
        facility_id: code("HOSP"),
        serial_numbers: labels(&[number]),
        ..release_here(batch, 1)
    };
    assert_eq!(counts(&story, "HOSP", "PUMP"), (2, 0, 2, 0));
    // What was looked at is held only because it is inside.
    let looked_at = story.clone().after(release("BP", "P-2"));
    assert_eq!(counts(&looked_at, "HOSP", "PUMP"), (2, 0, 2, 0));
    looked_at
        .clone()
        .when(release("BP", "P-2"))
        .refused("ASSET_STATE")
        .saying(&["take it out first"]);
    let looked_at = looked_at.after(take_out("P-2"));
    assert_eq!(counts(&looked_at, "HOSP", "PUMP"), (2, 0, 1, 1));
    assert_eq!(looked_at.violations(), Vec::<String>::new());
    // It can't be sent on before.
    let mut on = ship("S2", &[("LAB", 1)]);
    (on.origin_id, on.destination_id) = (code("HOSP"), code("FAR"));
    let story = story
        .after(release("BL", "LAB-1"))
        .after(on)
        .after(allocate("S2"));
    story
        .clone()
        .when(dispatch("S2"))
        .refused("ASSET_HELD")
        .saying(&["AN-1"]);
    let story = story.after(take_out("P-2"));
    assert_eq!(counts(&story, "HOSP", "PUMP"), (2, 0, 2, 0), "still held");
    let story = story.after(release("BP", "P-2"));
    assert_eq!(counts(&story, "HOSP", "PUMP"), (2, 0, 1, 1));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_is_recalled_does_not_go_inside_something_else() {
    let line = ReceiptLine {
        item_id: code("PUMP"),
        lot: Some(label("L1")),
        ..assets("BQ", &["P-8"])
    };
    let story = stocked()
        .after(receive("D1", vec![line]))
        .after(put("P-8", "LAB-1"))
        .after(ship("S1", &[("LAB", 1)]))
        .after(allocate("S1"))
        .after(recall("PUMP", "L1"));
    story
        .clone()
        .when(dispatch("S1"))
        .refused("ASSET_HELD")
        .saying(&["P-8", "BQ"]);
    let lent = Step::Lend {
        borrower_id: code("HELP"),
        due_on: date("2020-09-01"),
    };
    story
        .clone()
        .after(cancel("S1"))
        .when(step("LAB-1", lent))
        .refused("ASSET_HELD");
    let story = story.after(take_out("P-8")).after(dispatch("S1"));
    assert_eq!(counts(&story, "WH", "PUMP"), (5, 0, 1, 4));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_is_not_empty_is_not_retired_or_disposed_of() {
    let retired = |number: &str| {
        let reason = AssetRetirementReason::WornOut;
        step(number, Step::Retire { reason })
    };
    let story = equipped();
    story
        .clone()
        .when(retired("LAB-1"))
        .refused("ASSET_NOT_EMPTY")
        .saying(&["LAB-1", "AN-1", "P-2", "take that out first"]);
    let disposed = DisposeStock {
        serial_numbers: labels(&["LAB-1"]),
        ..dispose("BL", 1)
    };
    story
        .clone()
        .when(disposed.clone())
        .refused("ASSET_NOT_EMPTY");
    let emptied = story.after(take_out("AN-1")).after(take_out("P-2"));
    emptied.clone().when(disposed).accepted();
    let story = emptied.after(retired("LAB-1"));
    story
        .when(put("P-2", "LAB-1"))
        .refused("ASSET_STATE")
        .saying(&["LAB-1", "RETIRED"]);
}

#[test]
fn what_is_lost_is_lost_with_what_is_in_it() {
    let lost = |batch: &str, number: &str| AdjustStock {
        serial_numbers: labels(&[number]),
        ..lose(batch, 1)
    };
    let story = equipped().after(lost("BL", "LAB-1"));
    for number in ["LAB-1", "AN-1", "P-1", "P-2"] {
        let it = asset(&story, number);
        assert_eq!((it.place(), it.inside), (AssetPlace::Lost, None));
    }
    assert_eq!(counts(&story, "WH", "PUMP"), (2, 0, 0, 2));
    assert_eq!(story.violations(), Vec::<String>::new());
    // A pump that was lost out of it is no longer in it.
    let story = equipped().after(lost("BP", "P-2"));
    assert_eq!(asset(&story, "LAB-1").contents, [named("AN-1")]);
    assert_eq!(asset(&story, "P-2").place(), AssetPlace::Lost);
    assert_eq!(story.violations(), Vec::<String>::new());
    // What was said to be lost and was not is in the store again, to be looked at.
    let index = story.events.len() - 1;
    let voided = VoidMovement {
        fact: fact_of(&story, index),
        documents: Vec::new(),
    };
    let story = story.after(voided);
    assert_eq!(asset(&story, "P-2").place(), AssetPlace::Facility);
    let release = ReleaseStock {
        serial_numbers: labels(&["P-2"]),
        ..release_here("BP", 1)
    };
    let story = story.after(release);
    assert_eq!(counts(&story, "WH", "PUMP"), (4, 0, 1, 3));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_never_came_is_inside_nothing() {
    let story = equipped();
    let receipt = story
        .events
        .iter()
        .position(|event| matches!(event, Event::DonationReceived(_)))
        .expect("a receipt");
    let corrected = |number: &str, left: i64| CorrectReceipt {
        fact: fact_of(&story, receipt),
        batch_id: code(batch_of(number)),
        quantity: left,
        serial_numbers: labels(&[number]),
        documents: Vec::new(),
    };
    story
        .clone()
        .when(corrected("LAB-1", 1))
        .refused("ASSET_NOT_EMPTY");
    let story = story.clone().after(corrected("P-2", 3));
    assert_eq!(asset(&story, "LAB-1").contents, [named("AN-1")]);
    assert_eq!(asset(&story, "P-2").place(), AssetPlace::NotReceived);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_is_inside_something_that_is_lent_is_not_missing_from_the_shelf() {
    let lent = Step::Lend {
        borrower_id: code("HELP"),
        due_on: date("2020-09-01"),
    };
    let mut counted = count("C1", "PUMP", &[("BP", 1)]);
    counted.lines[0].serial_numbers = labels(&["P-3"]);
    let story = equipped().after(step("LAB-1", lent));
    story
        .clone()
        .when(take_out("P-2"))
        .refused("ASSET_STATE")
        .saying(&["LENT"]);
    let story = story.after(counted);
    assert_eq!(asset(&story, "P-1").place(), AssetPlace::Inside);
    assert_eq!(asset(&story, "P-2").place(), AssetPlace::Inside);
    assert_eq!(asset(&story, "P-4").place(), AssetPlace::Lost);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_stands_elsewhere_is_not_put_in() {
    let story = stocked()
        .after(ship("S1", &[("LAB", 1)]))
        .after(allocate("S1"));
    // It is claimed, but still there.
    let story = story
        .after(put("P-1", "LAB-1"))
        .after(dispatch("S1"))
        .after(arrive("S1"));
    assert_eq!(asset(&story, "P-1").facility_id, "HOSP");
    story
        .clone()
        .when(put("P-2", "LAB-1"))
        .refused("ASSET_NESTING")
        .saying(&["WH", "HOSP", "bring them together first"]);
    let claimed = story
        .after(ship("S2", &[("PUMP", 1)]))
        .after(allocate("S2"));
    claimed
        .when(put("P-2", "LAB-2"))
        .refused("SERIAL_NUMBER_RESERVED");
}

/// Raw numbers; what they mean depends on what is there.
#[derive(Clone, Copy, Debug)]
struct Chance {
    kind: u8,
    which: usize,
    other: usize,
    flag: bool,
}

fn chance() -> impl Strategy<Value = Chance> {
    (0..34_u8, 0..64_usize, 0..64_usize, any::<bool>()).prop_map(|(kind, which, other, flag)| {
        Chance {
            kind,
            which,
            other,
            flag,
        }
    })
}

struct Life {
    story: Story,
    ledger: Ledger,
    shipments: Vec<String>,
    seen: Vec<&'static str>,
}

const PLACES: [&str; 3] = ["WH", "HOSP", "FAR"];

fn all_numbers() -> Vec<&'static str> {
    let numbers = UNITS.iter().flat_map(|(_, _, numbers)| *numbers);
    numbers.copied().collect()
}

impl Life {
    fn new() -> Self {
        let mut life = Self {
            story: Story::empty(),
            ledger: Ledger::default(),
            shipments: Vec::new(),
            seen: Vec::new(),
        };
        life.append(&stocked().events);
        life
    }

    fn append(&mut self, events: &[Event]) {
        for event in events {
            let position = self.story.position() + 1;
            self.ledger.take_in(position, event, self.story.now_us);
            self.seen.push(event.short_name());
            self.story.append([event.clone()]);
        }
        assert_eq!(self.ledger.end_append(), [], "{events:#?}");
    }

    fn carry_out(&mut self, command: &dyn Command) -> bool {
        let Ok(events) = self.story.decide(command) else {
            return false;
        };
        self.append(&events);
        true
    }

    fn shipment(&self, at: usize) -> Option<Shipment> {
        let id = self.shipments.get(at.checked_rem(self.shipments.len())?)?;
        match self.story.read(&Boundary::Shipment(code(id))) {
            Entry::Shipment(shipment) => Some(shipment),
            other => panic!("{other:?}"),
        }
    }

    fn take(&mut self, chance: Chance) {
        let Chance {
            kind,
            which,
            other,
            flag,
        } = chance;
        let numbers = all_numbers();
        let number = numbers[which % numbers.len()];
        let outer = numbers[other % if flag { 2 } else { 5 }];
        let facility = PLACES[other % 3];
        match kind {
            0..=6 => {
                self.carry_out(&put(number, outer));
            }
            7 => {
                self.carry_out(&take_out(number));
            }
            8 | 9 | 24..=26 => {
                let id = format!("S{}", self.shipments.len() + 1);
                let mut command = ship(&id, &[(UNITS[which % 2].0, 1)]);
                command.origin_id = code(PLACES[other % 3]);
                command.destination_id = code(PLACES[(other + 1) % 3]);
                if self.carry_out(&command) {
                    self.carry_out(&allocate(&id));
                    self.shipments.push(id);
                }
            }
            10 | 11 | 27 | 28 => {
                if let Some(shipment) = self.shipment(other) {
                    self.carry_out(&dispatch(&shipment.shipment_id));
                }
            }
            12..=14 | 29 | 30 => self.receive(other, flag, which),
            15 | 31..=33 => {
                let all: Vec<_> = (0..self.shipments.len())
                    .filter_map(|at| self.shipment(at))
                    .collect();
                let is_missing = |it: &&Shipment| it.lots.iter().any(|lot| lot.missing > 0);
                if let Some(shipment) = all.iter().find(is_missing) {
                    self.carry_out(&settle(&shipment.shipment_id));
                }
            }
            16 | 17 => {
                let lost = lose(batch_of(number), 1);
                let found = find(batch_of(number), 1);
                self.carry_out(&AdjustStock {
                    facility_id: code(facility),
                    serial_numbers: labels(&[number]),
                    ..if flag { lost } else { found }
                });
            }
            18 => {
                self.carry_out(&DisposeStock {
                    facility_id: code(facility),
                    serial_numbers: labels(&[number]),
                    ..dispose(batch_of(number), 1)
                });
            }
            19 => self.correct(which, other),
            20 => {
                let mut command = count(
                    &format!("C{}", self.story.position()),
                    item_of(number),
                    &[(batch_of(number), 0)],
                );
                command.facility_id = code(facility);
                self.carry_out(&command);
            }
            _ => self.live(number, other, flag),
        }
    }

    fn receive(&mut self, at: usize, flag: bool, which: usize) {
        let under_way: Vec<_> = (0..self.shipments.len())
            .filter_map(|at| self.shipment(at))
            .filter(|it| it.lots.iter().any(|lot| lot.in_transit > 0))
            .collect();
        let Some(shipment) = under_way.get(at % under_way.len().max(1)) else {
            return;
        };
        if flag {
            self.carry_out(&arrive(&shipment.shipment_id));
            return;
        }
        let outcomes = [
            ReceiptOutcome::Good,
            ReceiptOutcome::Missing,
            ReceiptOutcome::Damaged,
        ];
        let asked_for = shipment.lots.iter().find(|lot| {
            let units = lot.shipment_units.as_ref();
            units.is_some_and(|units| units.line == 1)
        });
        if let Some(lot) = asked_for {
            let line = FoundGoods {
                serial_numbers: lot
                    .serial_numbers_in_transit
                    .iter()
                    .map(|it| label(it))
                    .collect(),
                ..found(1, 1, outcomes[which % 3])
            };
            self.carry_out(&arrive_with(&shipment.shipment_id, vec![line]));
        }
    }

    fn correct(&mut self, which: usize, other: usize) {
        let voidable = |event: &Event| matches!(remedy(event), Remedy::Void(_));
        let voidable: Vec<usize> = (0..self.story.events.len())
            .filter(|index| voidable(&self.story.events[*index]))
            .collect();
        if let Some(index) = voidable.get(which % voidable.len().max(1)) {
            let fact = fact_of(&self.story, *index);
            self.carry_out(&VoidMovement {
                fact,
                documents: Vec::new(),
            });
            return;
        }
        let receipt = self
            .story
            .events
            .iter()
            .position(|event| matches!(event, Event::DonationReceived(_)))
            .expect("a receipt");
        let number = all_numbers()[other % 9];
        let Entry::Batch(batch) = self.story.read(&Boundary::Batch(code(batch_of(number)))) else {
            panic!("no batch");
        };
        self.carry_out(&CorrectReceipt {
            fact: fact_of(&self.story, receipt),
            batch_id: code(batch_of(number)),
            quantity: batch.quantity - 1,
            serial_numbers: labels(&[number]),
            documents: Vec::new(),
        });
    }

    fn live(&mut self, number: &str, other: usize, flag: bool) {
        let it = asset(&self.story, number);
        let next = match (it.place(), it.condition()) {
            (AssetPlace::Lent, _) => Step::EndLoan { fault: None },
            (AssetPlace::Installed, _) if flag => Step::Remove,
            (_, AssetCondition::OutOfOrder) => Step::Recover,
            _ if other.is_multiple_of(3) => Step::Lend {
                borrower_id: code("HELP"),
                due_on: date("2020-09-01"),
            },
            _ if other % 3 == 1 => Step::Install { fit_override: None },
            _ => Step::BreakDown {
                fault: AssetFault::Power,
            },
        };
        self.carry_out(&step(number, next));
    }

    /// Every asset says of itself what those around it say of it.
    fn check(&self) {
        for number in all_numbers() {
            let it = asset(&self.story, number);
            assert_eq!(
                it.place() == AssetPlace::Inside,
                it.inside.is_some(),
                "{it:?}"
            );
            if let Some(outer) = &it.inside {
                let outer = asset(&self.story, &outer.serial_number);
                assert!(outer.contents.contains(&named(number)), "{outer:?} {it:?}");
                assert_eq!(it.facility_id, outer.facility_id);
                assert_eq!(it.shipment_id, outer.shipment_id);
            }
            for inner in &it.contents {
                let inner = asset(&self.story, &inner.serial_number);
                assert_eq!(inner.inside, Some(named(number)));
            }
            let boundary = Boundary::Asset(code(item_of(number)), label(number));
            let tagged = self.story.read(&boundary);
            assert_eq!(tagged, self.story.read_everything(&boundary));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_packed_sent_lost_and_corrected_the_books_keep_their_rules(
        chances in prop::collection::vec(chance(), 1..90)
    ) {
        let mut life = Life::new();
        for chance in chances {
            life.take(chance);
        }
        life.check();
    }
}

#[test]
fn random_lives_reach_what_matters() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for _ in 0..100 {
        let chances = prop::collection::vec(chance(), 60..90);
        let mut life = Life::new();
        for chance in chances.new_tree(&mut runner).expect("a life").current() {
            life.take(chance);
        }
        for (index, event) in life.story.events.iter().enumerate() {
            let along = match event {
                Event::ShipmentDispatched(it) => it.units.iter().any(|units| units.line == 0),
                Event::LossActAccepted(it) => it.units.iter().any(|units| units.line == 0),
                Event::ShipmentReceived(it) => it.units.iter().any(|found| {
                    found.outcome() == ReceiptOutcome::Missing
                        && found.shipment_units.as_ref().is_some_and(|it| it.line == 0)
                }),
                Event::StockAdjusted(_) | Event::ReceiptCorrected(_) => {
                    matches!(life.story.events[index - 1], Event::AssetTakenOut(_))
                }
                Event::AssetPutInside(_) | Event::AssetTakenOut(_) => true,
                _ => false,
            };
            *seen.entry(event.short_name()).or_default() += usize::from(along);
        }
    }
    for expected in [
        "AssetPutInside",
        "AssetTakenOut",
        "ShipmentDispatched",
        "ShipmentReceived",
        "LossActAccepted",
        "StockAdjusted",
    ] {
        assert!(seen[expected] > 3, "{expected}: {seen:?}");
    }
}
