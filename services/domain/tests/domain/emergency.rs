//! Emergencies: declared for regions and days, ended; and what they release.

use keruen_domain::{
    Boundary, Code, Entry,
    emergency::{DeclareEmergency, EndEmergency, emergency_at, lasts},
    registry::SetMinimumReserve,
    shipment::AllocateShipment,
};
use keruen_proto::{
    Event,
    requests::v1::{Emergencies, Emergency, EmergencyKind},
    shipments::v1::{ReserveOverride, ReserveOverrideReason},
};

use crate::{amendment::move_to, story::Story, world::*};

pub fn declare(id: &str, regions: &[&str]) -> DeclareEmergency {
    DeclareEmergency(Emergency {
        emergency_id: id.to_owned(),
        name: Some(name(id)),
        kind: EmergencyKind::Epidemic.into(),
        region_ids: regions.iter().map(|id| (*id).to_owned()).collect(),
        declared_by_id: "MOH".to_owned(),
        ..Emergency::default()
    })
}

fn end(id: &str, last_day: Option<&str>) -> EndEmergency {
    EndEmergency {
        emergency_id: code(id),
        last_day: last_day.map(date),
        documents: Vec::new(),
    }
}

fn read(story: &Story) -> Emergency {
    match story.read(&Boundary::Emergency(code("E1"))) {
        Entry::Emergency(emergency) => emergency,
        other => panic!("{other:?}"),
    }
}

fn all(story: &Story) -> Emergencies {
    match story.read(&Boundary::Emergencies) {
        Entry::Emergencies(known) => known,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_emergency_lasts_from_day_to_day() {
    let story = Story::new().after(declare("E1", &["KZ-35"]));
    let emergency = read(&story);
    assert_eq!(emergency.first_day, "2020-04-10");
    assert!(!lasts(&emergency, date("2020-04-09")));
    assert!(lasts(&emergency, date("2020-04-10")) && lasts(&emergency, date("2025-01-01")));
    let story = story.on("2020-05-11").after(end("E1", None));
    let emergency = read(&story);
    assert!(lasts(&emergency, date("2020-05-11")) && !lasts(&emergency, date("2020-05-12")));
    assert_eq!(all(&story).emergencies, [emergency]);
    // It may be found to have ended earlier, not later.
    story.clone().after(end("E1", Some("2020-05-01")));
    story
        .when(end("E1", Some("2020-06-01")))
        .refused("EMERGENCY_OVER")
        .saying(&["2020-05-11"]);
}

#[test]
fn a_facility_is_in_the_emergency_of_its_region_on_that_day() {
    // FAR was in East Kazakhstan Region, and moves.
    let story = Story::new().after(move_to("FAR", "KZ-71", "2020-04-15"));
    let Entry::Facility(far) = story.read(&Boundary::Facility(code("FAR"))) else {
        panic!("a facility");
    };
    let in_emergency = |region_id: &str, day: &str| {
        let known = all(&story.clone().after(declare("E1", &[region_id])));
        emergency_at(&known, &far, date(day)).is_some()
    };
    assert!(in_emergency("KZ-63", "2020-04-14") && !in_emergency("KZ-63", "2020-04-15"));
    assert!(!in_emergency("KZ-71", "2020-04-14") && in_emergency("KZ-71", "2020-04-15"));
}

#[test]
fn emergencies_are_declared_once_for_regions_that_exist() {
    let story = Story::new().after(declare("E1", &["KZ-35"]));
    story
        .clone()
        .when(declare("E1", &["KZ-35"]))
        .refused("EMERGENCY_EXISTS");
    let with = |change: fn(&mut Emergency)| {
        let mut command = declare("E2", &["KZ-35"]);
        change(&mut command.0);
        command
    };
    story
        .clone()
        .when(with(|it| it.declared_by_id = "NOBODY".to_owned()))
        .refused("UNKNOWN_ORGANISATION");
    story
        .clone()
        .when(with(|it| it.region_ids = vec!["KZ-99".to_owned()]))
        .refused("UNKNOWN_REGION");
    story
        .clone()
        .when(with(|it| it.region_ids = vec!["KZ-62".to_owned()]))
        .refused("REGION_NOT_VALID")
        .saying(&["2020-04-10", "region_ids[0]"]);
    story
        .clone()
        .when(with(|it| it.last_day = "2020-04-09".to_owned()))
        .refused("DAYS_OUT_OF_ORDER");
    story
        .clone()
        .when(end("E1", Some("2020-04-09")))
        .refused("DAYS_OUT_OF_ORDER");
    story.when(end("E9", None)).refused("UNKNOWN_EMERGENCY");
}

#[test]
fn emergencies_are_bounded() {
    let mut story = Story::new();
    for number in 0..500 {
        let declared = declare(&format!("E{number}"), &["KZ-35"]).0;
        story = story.given([Event::from(keruen_proto::requests::v1::EmergencyDeclared {
            emergency: Some(declared),
        })]);
    }
    story
        .when(declare("ONE-MORE", &["KZ-35"]))
        .refused("TOO_MANY_RECORDS");
}

fn reserve(quantity_kept: i64) -> SetMinimumReserve {
    SetMinimumReserve {
        facility_id: code("WH"),
        commodity_id: code("TEST"),
        quantity: Some(quantity(quantity_kept)),
    }
}

/// 100 rapid tests and 50 others at WH, which wants to keep 80 tests; 60 rapid ones are asked for.
fn reserved() -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 1_000)]))
        .after(receive(
            "D1",
            vec![line("RAPID", 100, "B1"), line("PCR", 50, "B2")],
        ))
        .after(reserve(80))
        .after(ship("S1", &[("RAPID", 60)]))
}

fn counting(items: &[&str]) -> AllocateShipment {
    AllocateShipment {
        reserve_item_ids: items.iter().map(|id| code(id)).collect::<Vec<Code>>(),
        ..allocate("S1")
    }
}

#[test]
fn a_reserve_is_kept_unless_somebody_answers_for_it() {
    reserved()
        .when(allocate("S1"))
        .refused("BELOW_RESERVE")
        .saying(&["80", "40", "TEST"]);
    // What else of the commodity remains counts where it is named.
    reserved().after(counting(&["PCR"]));
    reserved()
        .when(counting(&["GLOVE"]))
        .refused("BELOW_RESERVE");
    reserved()
        .when(counting(&["NOTHING"]))
        .refused("UNKNOWN_ITEM");
    let overridden = AllocateShipment {
        reserve_override: Some(ReserveOverride {
            authorised_by_ref: "person:7".to_owned(),
            reason: ReserveOverrideReason::LifeAtRisk.into(),
        }),
        ..allocate("S1")
    };
    let story = reserved().after(overridden.clone());
    let told = |story: &Story| {
        story.events.iter().find_map(|event| match event {
            Event::ShipmentAllocated(event) => Some(event.reserve_override.clone()),
            _ => None,
        })
    };
    assert!(told(&story).flatten().is_some());
    // Where none is needed, none is recorded.
    let story = reserved().after(reserve(10)).after(overridden);
    assert_eq!(told(&story), Some(None));
}

#[test]
fn what_goes_to_an_emergency_may_use_the_reserve() {
    // HOSP was in Karaganda Region then.
    reserved()
        .after(declare("E1", &["KZ-35"]))
        .after(allocate("S1"));
    reserved()
        .after(declare("E1", &["KZ-75"]))
        .when(allocate("S1"))
        .refused("BELOW_RESERVE");
    reserved()
        .after(declare("E1", &["KZ-35"]))
        .on("2020-04-12")
        .after(end("E1", Some("2020-04-11")))
        .when(allocate("S1"))
        .refused("BELOW_RESERVE");
}
