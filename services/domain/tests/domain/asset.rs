//! The life of assets: where each one is, whether it works, and which step may follow which.

use keruen_domain::{
    Boundary, Entry, Label,
    asset::{AcceptAssetLoss, ChangeAsset},
    donation::ReceiptLine,
    shipment::AllocateShipment,
    stock::{AdjustStock, DisposeStock, ReleaseStock, ReturnStock},
};
use keruen_proto::{
    Event,
    inventory::v1::{
        Asset, AssetCondition, AssetFault, AssetLossVerdict, AssetPlace, AssetRetirementReason,
        ContainerFill, FitOverride, FitOverrideReason, FitProblem, HoldReason, MeasuredOutput,
        ReceiptOutcome, RepairOutcome, StockLot,
    },
    registry::v1::{
        DocumentKind, DocumentRef, Facility, FacilityKind, FacilityRegistered, Item,
        ItemRegistered, PlugType, SiteData, SiteNeeds, Tracking,
    },
};

use crate::{custody::appoint, story::Story, world::*};

pub use keruen_domain::asset::Step;

/// S1 to S3 in B1 at WH.
pub fn stocked() -> Story {
    Story::new()
        .after(pledge("D1", &[("OXYGEN", 9), ("TEST", 9)]))
        .after(receive("D1", vec![assets("B1", &["S1", "S2", "S3"])]))
}

pub fn step(serial_number: &str, step: Step) -> ChangeAsset {
    ChangeAsset {
        item_id: code("CONC"),
        serial_number: label(serial_number),
        step,
        documents: Vec::new(),
    }
}

pub fn install(serial_number: &str) -> ChangeAsset {
    step(serial_number, Step::Install { fit_override: None })
}

pub fn put_into_service(serial_number: &str) -> ChangeAsset {
    let commissioned = Step::PutIntoService {
        output: Some(litres(9_800)),
        trained_user_refs: labels(&["person:7"]),
        service_due_on: Some(date("2021-01-15")),
    };
    ChangeAsset {
        documents: vec![DocumentRef {
            kind: DocumentKind::AcceptanceAct.into(),
            number: "A-1".to_owned(),
            ..DocumentRef::default()
        }],
        ..step(serial_number, commissioned)
    }
}

fn litres(value_milli: i64) -> MeasuredOutput {
    MeasuredOutput {
        value_milli,
        unit_code: "L2".to_owned(),
    }
}

pub fn break_down(serial_number: &str) -> ChangeAsset {
    let fault = AssetFault::Output;
    step(serial_number, Step::BreakDown { fault })
}

pub fn send_for_repair(serial_number: &str, on_site: bool) -> ChangeAsset {
    let sent = Step::SendForRepair {
        repairer_id: code("HELP"),
        on_site,
        expected_on: Some(date("2020-08-01")),
    };
    step(serial_number, sent)
}

pub fn end_repair(serial_number: &str, outcome: RepairOutcome) -> ChangeAsset {
    let ended = Step::EndRepair {
        outcome,
        output: None,
        service_due_on: None,
    };
    step(serial_number, ended)
}

pub fn lend(serial_number: &str) -> ChangeAsset {
    let lent = Step::Lend {
        borrower_id: code("HELP"),
        due_on: date("2020-09-01"),
    };
    step(serial_number, lent)
}

pub fn end_loan(serial_number: &str) -> ChangeAsset {
    step(serial_number, Step::EndLoan { fault: None })
}

pub fn retire(serial_number: &str) -> ChangeAsset {
    let reason = AssetRetirementReason::WornOut;
    step(serial_number, Step::Retire { reason })
}

pub fn asset(story: &Story, serial_number: &str) -> Asset {
    match story.read(&Boundary::Asset(code("CONC"), label(serial_number))) {
        Entry::Asset(asset) => asset,
        other => panic!("{other:?}"),
    }
}

fn state(story: &Story, serial_number: &str) -> (AssetPlace, AssetCondition) {
    let asset = asset(story, serial_number);
    (asset.place(), asset.condition())
}

/// The first lot of assets at WH.
fn lot(story: &Story) -> StockLot {
    match story.read(&Boundary::Stock(code("WH"), code("CONC"))) {
        Entry::Stock(level, _) => level.lots[0].clone(),
        other => panic!("{other:?}"),
    }
}

/// On hand, held and available.
fn counts(story: &Story) -> (i64, i64, i64) {
    let lot = lot(story);
    (lot.on_hand, lot.held, lot.available)
}

#[track_caller]
fn refused(story: &Story, command: ChangeAsset, parts: &[&str]) {
    story
        .clone()
        .when(command)
        .refused("ASSET_STATE")
        .saying(parts);
}

/// From identification through installation, breakdown, repair elsewhere, loan and retirement: at each station, what
/// can't follow is refused and says why.
#[test]
fn a_concentrator_lives_through_everything() {
    use AssetCondition::{Identified, InService, OutOfOrder, Retired, UnderRepair};
    use AssetPlace::{Disposed, Facility, Installed, Lent, Repairer};

    // It arrives, told apart by its serial number.
    let story = stocked();
    assert_eq!(state(&story, "S1"), (Facility, Identified));
    refused(&story, step("S1", Step::Remove), &["INSTALLED", "FACILITY"]);
    refused(&story, send_for_repair("S1", false), &["OUT_OF_ORDER"]);
    refused(
        &story,
        end_repair("S1", RepairOutcome::Repaired),
        &["UNDER_REPAIR"],
    );
    refused(&story, end_loan("S1"), &["needs LENT"]);

    // It is installed, and put into service by an act, with somebody who can run it.
    let story = story.after(install("S1"));
    assert_eq!(state(&story, "S1"), (Installed, Identified));
    assert_eq!(counts(&story), (3, 1, 2));
    refused(&story, install("S1"), &["INSTALLED", "take it down first"]);
    refused(&story, lend("S1"), &["take it down first"]);
    refused(&story, retire("S1"), &["take it down first"]);
    let without_act = ChangeAsset {
        documents: Vec::new(),
        ..put_into_service("S1")
    };
    story
        .clone()
        .when(without_act)
        .refused("DECISION_REQUIRED")
        .saying(&["ACCEPTANCE_ACT"]);
    let story = story.after(put_into_service("S1"));
    assert_eq!(state(&story, "S1"), (Installed, InService));
    let told = asset(&story, "S1");
    assert_eq!(told.output.map(|it| it.value_milli), Some(9_800));
    assert_eq!(told.trained_user_refs, ["person:7"]);
    assert_eq!(told.service_due_on, "2021-01-15");
    refused(
        &story,
        put_into_service("S1"),
        &[
            "IN_SERVICE",
            "needs FACILITY or INSTALLED or INSIDE, and IDENTIFIED",
        ],
    );

    // It breaks down, is taken down and sent for repair elsewhere.
    let story = story.after(break_down("S1"));
    assert_eq!(state(&story, "S1"), (Installed, OutOfOrder));
    refused(&story, break_down("S1"), &["OUT_OF_ORDER"]);
    refused(
        &story,
        send_for_repair("S1", false),
        &["take it down first"],
    );
    let story = story
        .after(step("S1", Step::Remove))
        .after(send_for_repair("S1", false));
    assert_eq!(state(&story, "S1"), (Repairer, UnderRepair));
    for impossible in [install("S1"), lend("S1"), retire("S1")] {
        refused(&story, impossible, &["end its repair first"]);
    }
    assert_eq!(counts(&story), (3, 1, 2), "it stays in the books");

    // It comes back and works.
    let story = story.after(end_repair("S1", RepairOutcome::Repaired));
    assert_eq!(state(&story, "S1"), (Facility, InService));
    assert_eq!(counts(&story), (3, 0, 3), "and can go where it is needed");

    // It is lent, and comes back broken for good.
    let story = story.after(lend("S1"));
    assert_eq!(state(&story, "S1"), (Lent, InService));
    assert_eq!(
        asset(&story, "S1").loan.expect("a loan").due_on,
        "2020-09-01"
    );
    for impossible in [install("S1"), lend("S1"), retire("S1")] {
        refused(&story, impossible, &["came back from the loan"]);
    }
    let fault = Some(AssetFault::Damaged);
    let story = story.after(step("S1", Step::EndLoan { fault }));
    assert_eq!(state(&story, "S1"), (Facility, OutOfOrder));
    assert_eq!(counts(&story), (3, 1, 2));
    let story = story
        .after(send_for_repair("S1", true))
        .after(end_repair("S1", RepairOutcome::NotRepairable));
    assert_eq!(state(&story, "S1"), (Facility, OutOfOrder));

    // It is retired, and goes.
    let story = story.after(retire("S1"));
    assert_eq!(state(&story, "S1"), (Facility, Retired));
    for impossible in [
        install("S1"),
        put_into_service("S1"),
        break_down("S1"),
        send_for_repair("S1", false),
        lend("S1"),
        retire("S1"),
    ] {
        refused(&story, impossible, &["never to be used again"]);
    }
    let story = story.after(DisposeStock {
        serial_numbers: labels(&["S1"]),
        ..dispose("B1", 1)
    });
    assert_eq!(asset(&story, "S1").place(), Disposed);
    refused(&story, install("S1"), &["has left the books"]);
    assert_eq!(counts(&story), (2, 0, 2));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn only_known_assets_live() {
    stocked()
        .when(install("S9"))
        .refused("UNKNOWN_ASSET")
        .saying(&["CONC", "S9"]);
    let of_nothing = ChangeAsset {
        item_id: code("NOTHING"),
        ..install("S1")
    };
    stocked().when(of_nothing).refused("UNKNOWN_ITEM");
    let nobody = Step::Lend {
        borrower_id: code("NOBODY"),
        due_on: date("2020-09-01"),
    };
    stocked()
        .when(step("S1", nobody))
        .refused("UNKNOWN_ORGANISATION");
}

#[test]
fn days_to_come_have_not_passed() {
    let lent = |day: &str| Step::Lend {
        borrower_id: code("HELP"),
        due_on: date(day),
    };
    stocked()
        .when(step("S1", lent("2020-04-09")))
        .refused("DUE_DAY_PASSED")
        .saying(&["due_on", "2020-04-10"]);
    stocked().when(step("S1", lent("2020-04-10"))).accepted();
    let service = |day: &str| Step::Service {
        output: None,
        service_due_on: Some(date(day)),
    };
    stocked()
        .when(step("S1", service("2020-01-01")))
        .refused("DUE_DAY_PASSED")
        .saying(&["service_due_on"]);
    let story = stocked().after(step("S1", service("2020-10-01")));
    assert_eq!(asset(&story, "S1").service_due_on, "2020-10-01");
}

#[test]
fn what_breaks_down_does_not_go() {
    let story = stocked()
        .after(ship("S1", &[("CONC", 2)]))
        .after(allocate("S1"))
        .after(break_down("S1"));
    let lot = lot(&story);
    assert_eq!((lot.reserved, lot.held), (1, 1));
    assert_eq!(lot.reservations[0].serial_numbers, ["S2"]);
    assert_eq!(story.violations(), Vec::<String>::new());
    // What a shipment claims is not installed, lent or retired behind its back.
    for command in [install("S2"), lend("S2"), retire("S2")] {
        story
            .clone()
            .when(command)
            .refused("SERIAL_NUMBER_RESERVED")
            .saying(&["shipment S1"]);
    }
    let story = story.after(dispatch("S1"));
    refused(&story, break_down("S2"), &["receive the shipment first"]);
    // What it went through goes along with it.
    let story = stocked()
        .after(put_into_service("S1"))
        .after(ship("S1", &[("CONC", 3)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive("S1"));
    assert_eq!(
        state(&story, "S1"),
        (AssetPlace::Facility, AssetCondition::InService)
    );
    assert_eq!(asset(&story, "S1").facility_id, "HOSP");
}

#[test]
fn a_hold_by_hand_outlives_a_repair() {
    let held = |number: &str| keruen_domain::stock::HoldStock {
        serial_numbers: labels(&[number]),
        ..hold_here("B1", 1)
    };
    let story = stocked().after(held("S1"));
    story
        .clone()
        .when(install("S1"))
        .refused("ASSET_HELD")
        .saying(&["S1", "release"]);
    let story = story
        .after(break_down("S1"))
        .after(send_for_repair("S1", true))
        .after(end_repair("S1", RepairOutcome::Repaired));
    assert_eq!(counts(&story), (3, 1, 2));
    // What is held because of its state is not released by hand.
    let broken = stocked().after(break_down("S2"));
    let release = ReleaseStock {
        serial_numbers: labels(&["S2"]),
        ..release_here("B1", 1)
    };
    broken
        .clone()
        .when(release)
        .refused("ASSET_STATE")
        .saying(&["OUT_OF_ORDER", "repaired"]);
    let Some(Event::StockHeld(held)) = broken.events.last() else {
        panic!("{:?}", broken.events.last())
    };
    assert_eq!(held.reason(), HoldReason::AssetState);
    let story = broken.after(step("S2", Step::Recover));
    assert_eq!(counts(&story), (3, 0, 3));
    // A recalled batch is not put to use.
    let lotted = ReceiptLine {
        lot: Some(label("L1")),
        ..assets("B2", &["S4"])
    };
    let recalled = stocked()
        .after(receive("D1", vec![lotted]))
        .after(recall("CONC", "L1"));
    recalled.when(install("S4")).refused("ASSET_HELD");
}

#[test]
fn what_is_not_in_the_store_does_not_leave_the_books() {
    let named = |command: DisposeStock| DisposeStock {
        serial_numbers: labels(&["S1"]),
        ..command
    };
    let give = ReturnStock {
        serial_numbers: labels(&["S1"]),
        ..give_back("B1", 1)
    };
    for (away, part) in [
        (install("S1"), "take it down first"),
        (lend("S1"), "came back from the loan"),
    ] {
        let story = stocked().after(away);
        story
            .clone()
            .when(named(dispose("B1", 1)))
            .refused("ASSET_STATE")
            .saying(&[part]);
        story.when(give.clone()).refused("ASSET_STATE");
    }
}

#[test]
fn what_was_lost_out_of_order_is_held_when_it_turns_up() {
    let named = |command: AdjustStock, numbers: &[&str]| AdjustStock {
        serial_numbers: labels(numbers),
        ..command
    };
    let story = stocked()
        .after(break_down("S1"))
        .after(named(lose("B1", 2), &["S1", "S2"]));
    assert_eq!(asset(&story, "S1").place(), AssetPlace::Lost);
    let story = story.after(named(find("B1", 2), &["S1", "S2"]));
    assert_eq!(lot(&story).held_serial_numbers, ["S1"]);
    assert!(asset(&story, "S1").set_apart);
    assert_eq!(story.violations(), Vec::<String>::new());
    let story = story.after(step("S1", Step::Recover));
    assert_eq!(counts(&story), (3, 0, 3));
}

#[test]
fn what_is_lent_is_not_missing_from_the_shelf() {
    let counted = |numbers: &[&str]| {
        let amount = i64::try_from(numbers.len()).expect("few");
        let mut count = count("C1", "CONC", &[("B1", amount)]);
        count.lines[0].serial_numbers = labels(numbers);
        count
    };
    let story = stocked().after(lend("S1")).after(counted(&["S2"]));
    assert_eq!(asset(&story, "S1").place(), AssetPlace::Lent);
    assert_eq!(asset(&story, "S3").place(), AssetPlace::Lost);
    assert_eq!(story.violations(), Vec::<String>::new());
}

/// WET is a hospital that lies high, with 110 V and sockets of type A; CONC5 needs 230 V, plug F, and a low place.
fn unfit() -> Story {
    let site = SiteData {
        mains_voltage_v: 110,
        mains_frequency_hz: 60,
        plug_types: vec![PlugType::A.into()],
        backup_power_hours: Some(0),
        oxygen_supply: Some(false),
        altitude_m: Some(2_900),
        cold_storage: None,
        freezer: Some(false),
    };
    let of_kind = |id: &str, kind: FacilityKind| Facility {
        kind: kind.into(),
        site: Some(site.clone()),
        ..facility(id, "KZ-75")
    };
    let needs = SiteNeeds {
        mains_voltage_v: 230,
        mains_frequency_hz: 50,
        oxygen_supply: true,
        maximum_altitude_m: 2_400,
        cold_storage: true,
        plug_type: Some(PlugType::F.into()),
        backup_power_hours: 4,
    };
    let conc5 = Item {
        site_needs: Some(needs),
        ..item("CONC5", "OXYGEN", Tracking::Serial, false)
    };
    let line = ReceiptLine {
        item_id: code("CONC5"),
        ..assets("B5", &["X1", "X2"])
    };
    let hospital = of_kind("WET", FacilityKind::Hospital);
    let store = of_kind("STORE", FacilityKind::Warehouse);
    Story::new()
        .given([
            FacilityRegistered {
                facility: Some(hospital),
            }
            .into(),
            FacilityRegistered {
                facility: Some(store),
            }
            .into(),
            ItemRegistered { item: Some(conc5) }.into(),
        ])
        .after(pledge("D1", &[("OXYGEN", 9)]))
        .after(receive("D1", vec![line]))
}

fn by_somebody() -> FitOverride {
    FitOverride {
        authorised_by_ref: "person:7".to_owned(),
        reason: FitOverrideReason::Adapter.into(),
    }
}

#[test]
fn equipment_goes_only_where_it_fits() {
    let to = |shipment_id: &str, destination: &str| {
        let mut command = ship(shipment_id, &[("CONC5", 1)]);
        command.destination_id = code(destination);
        command
    };
    let story = unfit().after(to("S1", "WET")).after(to("S2", "STORE"));
    story
        .clone()
        .when(allocate("S1"))
        .refused("SITE_UNFIT")
        .saying(&[
            "needs 230 V, and there are 110 V",
            "needs 50 Hz",
            "plug of type F, and sockets are of type A",
            "needs backup power for 4 h",
            "oxygen supply",
            "2400 m, and the site lies at 2900 m",
        ]);
    // In a store it is only kept.
    story.clone().when(allocate("S2")).accepted();
    // Of HOSP nothing is known.
    let unknown = story.clone().after(to("S3", "HOSP"));
    unknown.when(allocate("S3")).accepted();
    let all_the_same = AllocateShipment {
        fit_override: Some(by_somebody()),
        ..allocate("S1")
    };
    let story = story.after(all_the_same);
    let Some(Event::ShipmentAllocated(event)) = story.events.last() else {
        panic!("{:?}", story.events.last())
    };
    assert_eq!(event.fit_override, Some(by_somebody()));

    // The same when it is installed.
    let at_wet = story.after(dispatch("S1")).after(arrive("S1"));
    let number = |text: &str| -> Label { label(text) };
    let installed = |fit_override| ChangeAsset {
        item_id: code("CONC5"),
        serial_number: number("X1"),
        ..step("X1", Step::Install { fit_override })
    };
    at_wet
        .clone()
        .when(installed(None))
        .refused("SITE_UNFIT")
        .saying(&["WET", "VOLTAGE"]);
    let story = at_wet.after(installed(Some(by_somebody())));
    let Some(Event::AssetInstalled(event)) = story.events.iter().rev().nth(1) else {
        panic!("{:?}", story.events.last())
    };
    assert_eq!(event.fit_problems().count(), 6);
    assert!(event.fit_problems().any(|it| it == FitProblem::Plug));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn who_answers_for_nothing_is_not_recorded() {
    let command = ChangeAsset {
        ..step(
            "S1",
            Step::Install {
                fit_override: Some(by_somebody()),
            },
        )
    };
    let story = stocked().after(command);
    let Some(Event::AssetInstalled(event)) = story.events.iter().rev().nth(1) else {
        panic!("{:?}", story.events.last())
    };
    assert_eq!(
        (event.fit_override.clone(), event.fit_problems.len()),
        (None, 0)
    );
}

#[test]
fn containers_are_filled_and_emptied() {
    let cylinder = Item {
        refillable: Some(true),
        ..item("CYL", "OXYGEN", Tracking::Serial, false)
    };
    let line = ReceiptLine {
        item_id: code("CYL"),
        ..assets("B6", &["C1", "C2"])
    };
    let story = Story::new()
        .given([ItemRegistered {
            item: Some(cylinder),
        }
        .into()])
        .after(pledge("D1", &[("OXYGEN", 9)]))
        .after(receive("D1", vec![line]));
    let of = |number: &str, taken: Step| ChangeAsset {
        item_id: code("CYL"),
        ..step(number, taken)
    };
    let fill = || Step::Fill {
        filler_id: Some(code("HELP")),
    };
    // One that a shipment claims is found to be empty: it does not go.
    let story = story
        .after(of("C1", fill()))
        .after(ship("S1", &[("CYL", 2)]))
        .after(allocate("S1"))
        .after(of("C1", Step::Empty));
    let read = |story: &Story| match story.read(&Boundary::Asset(code("CYL"), label("C1"))) {
        Entry::Asset(asset) => asset,
        other => panic!("{other:?}"),
    };
    assert_eq!(read(&story).fill(), ContainerFill::Empty);
    assert!(read(&story).set_apart);
    let story = story.after(of("C1", fill()));
    assert_eq!(read(&story).fill(), ContainerFill::Full);
    assert!(!read(&story).set_apart);
    // Empty ones go back to whoever fills them.
    let story = story.after(of("C1", Step::Empty)).after(ReturnStock {
        serial_numbers: labels(&["C1"]),
        recipient_id: Some(code("HELP")),
        ..give_back("B6", 1)
    });
    assert_eq!(read(&story).place(), AssetPlace::Returned);
    assert_eq!(story.violations(), Vec::<String>::new());
    stocked()
        .when(step("S1", fill()))
        .refused("NOT_REFILLABLE")
        .saying(&["CONC"]);
}

#[test]
fn what_came_damaged_may_be_repaired() {
    let damaged = ReceiptLine {
        outcome: ReceiptOutcome::Damaged,
        ..assets("B2", &["S4"])
    };
    let story = stocked()
        .after(receive("D1", vec![damaged]))
        .after(break_down("S4"))
        .after(send_for_repair("S4", false))
        .after(end_repair("S4", RepairOutcome::NoFaultFound));
    assert_eq!(
        state(&story, "S4"),
        (AssetPlace::Facility, AssetCondition::InService)
    );
    let release = ReleaseStock {
        serial_numbers: labels(&["S4"]),
        ..release_here("B2", 1)
    };
    story.when(release).accepted();
}

/// Whether CONC5, which needs something, may go to a hospital with such a site; if not, why.
fn fit(kind: FacilityKind, needs: SiteNeeds, site: SiteData) -> Option<String> {
    let there = Facility {
        kind: kind.into(),
        site: Some(site),
        ..facility("THERE", "KZ-75")
    };
    let conc5 = Item {
        site_needs: Some(needs),
        ..item("CONC5", "OXYGEN", Tracking::Serial, false)
    };
    let line = ReceiptLine {
        item_id: code("CONC5"),
        ..assets("B5", &["X1"])
    };
    let mut sent = ship("S1", &[("CONC5", 1)]);
    sent.destination_id = code("THERE");
    let story = Story::new()
        .given([
            FacilityRegistered {
                facility: Some(there),
            }
            .into(),
            ItemRegistered { item: Some(conc5) }.into(),
        ])
        .after(pledge("D1", &[("OXYGEN", 9)]))
        .after(receive("D1", vec![line]))
        .after(sent);
    let install = |story: &Story| {
        let command = ChangeAsset {
            item_id: code("CONC5"),
            ..install("X1")
        };
        story.decide(&command)
    };
    let allocated = story.decide(&allocate("S1"));
    // Whatever may be sent may be installed, and the other way round.
    let override_all = AllocateShipment {
        fit_override: Some(by_somebody()),
        ..allocate("S1")
    };
    let at_site = story
        .after(override_all)
        .after(dispatch("S1"))
        .after(arrive("S1"));
    assert_eq!(allocated.is_ok(), install(&at_site).is_ok());
    allocated.err().map(|refusal| {
        assert_eq!(refusal.reason(), "SITE_UNFIT");
        refusal.to_string()
    })
}

/// What a need and a site come to: the first of two that differ least fits, the other one does not, and what is not known
/// is not held against the site.
#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_need_has_its_boundary() {
    use FacilityKind::{Hospital, Laboratory, MobileUnit, Warehouse};
    use PlugType::{C, E, F, G};
    let needs = SiteNeeds::default;
    let site = SiteData::default;
    let volts = |it: i32| SiteData {
        mains_voltage_v: it,
        ..site()
    };
    let hertz = |it: i32| SiteData {
        mains_frequency_hz: it,
        ..site()
    };
    let hours = |it: Option<i32>| SiteData {
        backup_power_hours: it,
        ..site()
    };
    let oxygen = |it: Option<bool>| SiteData {
        oxygen_supply: it,
        ..site()
    };
    let high = |it: Option<i32>| SiteData {
        altitude_m: it,
        ..site()
    };
    let cold = |it: Option<bool>| SiteData {
        cold_storage: it,
        ..site()
    };
    let plugs = |it: &[PlugType]| SiteData {
        plug_types: it.iter().map(|it| (*it).into()).collect(),
        ..site()
    };
    let need_plug = |it: PlugType| SiteNeeds {
        plug_type: Some(it.into()),
        ..needs()
    };
    let need_volts = SiteNeeds {
        mains_voltage_v: 230,
        ..needs()
    };
    let need_hertz = SiteNeeds {
        mains_frequency_hz: 50,
        ..needs()
    };
    let need_hours = SiteNeeds {
        backup_power_hours: 4,
        ..needs()
    };
    let need_oxygen = SiteNeeds {
        oxygen_supply: true,
        ..needs()
    };
    let need_low = SiteNeeds {
        maximum_altitude_m: 2_400,
        ..needs()
    };
    let need_cold = SiteNeeds {
        cold_storage: true,
        ..needs()
    };
    for (needs, fits, fails, why) in [
        (
            need_volts,
            vec![volts(230), volts(0)],
            volts(229),
            "VOLTAGE",
        ),
        (
            need_hertz,
            vec![hertz(50), hertz(0)],
            hertz(60),
            "FREQUENCY",
        ),
        (
            need_hours,
            vec![hours(Some(4)), hours(None)],
            hours(Some(3)),
            "BACKUP_POWER",
        ),
        (
            need_oxygen,
            vec![oxygen(Some(true)), oxygen(None)],
            oxygen(Some(false)),
            "OXYGEN",
        ),
        (
            need_low,
            vec![high(Some(2_400)), high(None), high(Some(-28))],
            high(Some(2_401)),
            "ALTITUDE",
        ),
        (
            need_cold,
            vec![cold(Some(true)), cold(None)],
            cold(Some(false)),
            "COLD_STORAGE",
        ),
        (
            need_plug(F),
            vec![plugs(&[F]), plugs(&[]), plugs(&[G, E])],
            plugs(&[G, C]),
            "PLUG",
        ),
        (need_plug(C), vec![plugs(&[F])], plugs(&[G]), "PLUG"),
    ] {
        for kind in [Hospital, Laboratory, MobileUnit] {
            for site in &fits {
                assert_eq!(fit(kind, needs, site.clone()), None, "{why}");
            }
            let refusal = fit(kind, needs, fails.clone()).expect("refused");
            assert!(refusal.contains(why), "{why} in {refusal}");
        }
        let stored = fit(Warehouse, needs, fails);
        assert_eq!(stored.is_some(), why == "COLD_STORAGE", "{why} in a store");
    }
}

/// CONC6 is of no use without a cannula and two filters.
#[test]
fn what_is_put_to_use_has_its_accessories() {
    let accessory = |item_id: &str, amount: i64| keruen_proto::registry::v1::Accessory {
        item_id: item_id.to_owned(),
        quantity: amount,
    };
    let conc6 = Item {
        accessories: vec![accessory("GLOVE", 1), accessory("PCR", 2)],
        ..item("CONC6", "OXYGEN", Tracking::Serial, false)
    };
    let line = ReceiptLine {
        item_id: code("CONC6"),
        ..assets("B6", &["X1"])
    };
    let story = Story::new()
        .given([ItemRegistered { item: Some(conc6) }.into()])
        .after(pledge("D1", &[("OXYGEN", 9)]))
        .after(receive("D1", vec![line]));
    let installed = |fit_override| ChangeAsset {
        item_id: code("CONC6"),
        ..step("X1", Step::Install { fit_override })
    };
    story
        .clone()
        .when(installed(None))
        .refused("SITE_UNFIT")
        .saying(&[
            "ACCESSORY",
            "needs 1 of item GLOVE to be of use, and 0 are available",
            "needs 2 of item PCR",
        ]);
    let opened = |amount: i64| {
        open_books(vec![
            new_stock("GLOVE", 1, "BG"),
            new_stock("PCR", amount, "BP"),
        ])
    };
    story
        .clone()
        .after(opened(1))
        .when(installed(None))
        .refused("SITE_UNFIT")
        .saying(&["needs 2 of item PCR to be of use, and 1 are available"]);
    story
        .clone()
        .after(opened(2))
        .when(installed(None))
        .accepted();
    // What has expired does not count.
    story
        .clone()
        .after(opened(2))
        .on("2020-12-31")
        .when(installed(None))
        .accepted();
    story
        .clone()
        .after(opened(2))
        .on("2021-01-01")
        .when(installed(None))
        .refused("SITE_UNFIT")
        .saying(&["needs 2 of item PCR to be of use, and 0 are available"]);
    // What is held does not count.
    story
        .clone()
        .after(opened(2))
        .after(hold_here("BP", 1))
        .when(installed(None))
        .refused("SITE_UNFIT");
    let elsewhere = FitOverride {
        reason: FitOverrideReason::AccessoriesElsewhere.into(),
        ..by_somebody()
    };
    let story = story.after(installed(Some(elsewhere.clone())));
    let Some(Event::AssetInstalled(event)) = story.events.iter().rev().nth(1) else {
        panic!("{:?}", story.events.last())
    };
    assert_eq!(event.fit_override, Some(elsewhere));
    assert!(event.fit_problems().all(|it| it == FitProblem::Accessory));
}

pub fn loss_act(serial_number: &str) -> AcceptAssetLoss {
    AcceptAssetLoss {
        item_id: code("CONC"),
        serial_number: label(serial_number),
        act: DocumentRef {
            kind: DocumentKind::LossAct.into(),
            number: "LA-1".to_owned(),
            ..DocumentRef::default()
        },
        verdict: AssetLossVerdict::Liable,
        stolen: false,
    }
}

fn holder(story: &Story, serial_number: &str) -> String {
    let loss = asset(story, serial_number).loss;
    loss.expect("a settled loss").holder_id
}

#[test]
fn the_loss_of_an_asset_is_settled_by_an_act() {
    let lost = stocked().after(loss_act("S1"));
    let names: Vec<_> = lost.events[lost.events.len() - 2..]
        .iter()
        .map(Event::short_name)
        .collect();
    assert_eq!(names, ["AssetLossAccepted", "StockAdjusted"]);
    assert_eq!(asset(&lost, "S1").place(), AssetPlace::Lost);
    assert_eq!(holder(&lost, "S1"), "MOH");
    assert_eq!(lost.violations(), Vec::<String>::new());
    lost.clone().when(loss_act("S1")).refused("ASSET_STATE");
    // Found again, it is no longer a loss; and neither is one that never happened.
    let adjusted = lost.events.len() - 1;
    let void = keruen_domain::correction::VoidMovement {
        fact: fact_of(&lost, adjusted),
        documents: Vec::new(),
    };
    let back = lost.after(void);
    assert_eq!(asset(&back, "S1").loss, None);
    assert_eq!(asset(&back, "S1").place(), AssetPlace::Facility);
}

#[test]
fn whoever_has_an_asset_is_named_when_it_is_lost() {
    let lent = stocked().after(put_into_service("S1")).after(lend("S1"));
    assert_eq!(holder(&lent.after(loss_act("S1")), "S1"), "HELP");
    let away = stocked()
        .after(put_into_service("S1"))
        .after(break_down("S1"))
        .after(send_for_repair("S1", false));
    let lost = away.after(loss_act("S1"));
    assert_eq!(holder(&lost, "S1"), "HELP");
    assert_eq!(lost.violations(), Vec::<String>::new());
    // What a shipment claims is given up, as with any decrease.
    let claimed = stocked()
        .after(ship("SH", &[("CONC", 3)]))
        .after(allocate("SH"));
    let lost = claimed.after(loss_act("S2"));
    assert_eq!(lost.violations(), Vec::<String>::new());
    assert_eq!(asset(&lost, "S2").place(), AssetPlace::Lost);
}

#[test]
fn a_keeper_had_what_is_lost_from_the_store_it_keeps() {
    let kept = stocked().after(appoint("person:3", &[]));
    assert_eq!(holder(&kept.after(loss_act("S1")), "S1"), "HELP");
}

#[test]
fn an_act_may_follow_what_was_not_found() {
    let missed = stocked().after(AdjustStock {
        serial_numbers: labels(&["S3"]),
        ..lose("B1", 1)
    });
    let settled = missed.after(loss_act("S3"));
    assert_eq!(holder(&settled, "S3"), "MOH");
    settled.when(loss_act("S3")).refused("ASSET_STATE");
}

#[test]
fn a_loss_is_settled_by_nothing_but_a_loss_act() {
    let story = stocked();
    story.clone().when(loss_act("S9")).refused("UNKNOWN_ASSET");
    let other = AcceptAssetLoss {
        act: DocumentRef {
            kind: DocumentKind::Waybill.into(),
            ..loss_act("S1").act
        },
        ..loss_act("S1")
    };
    story.when(other).refused("NOT_A_LOSS_ACT");
    // What is under way is settled by the act of its shipment.
    let sent = stocked()
        .after(ship("SH", &[("CONC", 3)]))
        .after(allocate("SH"))
        .after(dispatch("SH"));
    sent.when(loss_act("S1"))
        .refused("ASSET_STATE")
        .saying(&["receive the shipment first"]);
}
