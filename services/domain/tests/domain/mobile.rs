//! Mobile units: where each one stands, where it is to go, and what it has done.

use keruen_domain::{
    Boundary, Command, Entry, region,
    registry::{DepartMobileUnit, DeployMobileUnit, ReportThroughput, Retire, ScheduleMobileUnit},
};
use keruen_proto::{
    Event,
    registry::v1::{
        Facility, FacilityKind, FacilityRegistered, MobileUnit, PlannedStop, Stop, Throughput,
    },
};
use proptest::prelude::*;

use crate::{amendment::retire, story::Story, world::*};

const HOME: &str = "KZ-75";

/// LAB is a mobile unit whose home is in KZ-75.
pub fn story() -> Story {
    let unit = Facility {
        kind: FacilityKind::MobileUnit.into(),
        ..facility("LAB", HOME)
    };
    Story::new()
        .given([FacilityRegistered {
            facility: Some(unit),
        }
        .into()])
        .on("2021-06-30")
}

fn stop(region_id: &str, place: &str) -> Stop {
    Stop {
        region_id: region_id.to_owned(),
        place: Some(name(place)),
        location: None,
    }
}

fn deploy(region_id: &str, place: &str) -> DeployMobileUnit {
    DeployMobileUnit {
        facility_id: code("LAB"),
        stop: stop(region_id, place),
    }
}

fn depart() -> DepartMobileUnit {
    DepartMobileUnit {
        facility_id: code("LAB"),
    }
}

fn planned(region_id: &str, place: &str, first_day: &str, last_day: &str) -> PlannedStop {
    PlannedStop {
        stop: Some(stop(region_id, place)),
        first_day: first_day.to_owned(),
        last_day: last_day.to_owned(),
    }
}

fn schedule(stops: &[PlannedStop]) -> ScheduleMobileUnit {
    ScheduleMobileUnit {
        facility_id: code("LAB"),
        stops: stops.to_vec(),
    }
}

pub fn report(first_day: &str, last_day: &str, amount: i64) -> ReportThroughput {
    ReportThroughput {
        facility_id: code("LAB"),
        commodity_id: code("TEST"),
        first_day: date(first_day),
        last_day: date(last_day),
        quantity: amount,
        corrected: false,
    }
}

fn corrected(command: ReportThroughput) -> ReportThroughput {
    ReportThroughput {
        corrected: true,
        ..command
    }
}

fn unit(story: &Story) -> MobileUnit {
    match story.read(&Boundary::MobileUnit(code("LAB"))) {
        Entry::MobileUnit(unit) => unit,
        other => panic!("{other:?}"),
    }
}

fn region_on(story: &Story, day: &str) -> String {
    let Entry::Facility(facility) = story.read(&Boundary::Facility(code("LAB"))) else {
        panic!("no facility");
    };
    region::facility_region(&facility, date(day))
        .expect("a region")
        .to_owned()
}

/// First and last day, region and place of each stay.
fn stays(story: &Story) -> Vec<(String, String, String)> {
    let told = |it: keruen_proto::registry::v1::Stay| {
        let place = it.stop.and_then(|stop| stop.place).expect("a place");
        (it.deployed_on, it.departed_on, place.en)
    };
    unit(story).stays.into_iter().map(told).collect()
}

fn stay(from: &str, until: &str, place: &str) -> (String, String, String) {
    (from.to_owned(), until.to_owned(), place.to_owned())
}

#[test]
fn its_region_follows_it() {
    let story = story()
        .on("2021-03-01")
        .after(deploy("KZ-31", "Zhanatas"))
        .on("2021-03-06")
        .after(depart())
        .on("2021-03-08")
        .after(deploy("KZ-31", "Karatau"))
        .on("2021-03-20")
        .after(deploy("KZ-43", "Kyzylorda"));
    assert_eq!(
        stays(&story),
        [
            stay("2021-03-01", "2021-03-06", "Zhanatas"),
            stay("2021-03-08", "2021-03-20", "Karatau"),
            stay("2021-03-20", "", "Kyzylorda"),
        ]
    );
    for (day, expected) in [
        ("2021-02-28", HOME),
        ("2021-03-01", "KZ-31"),
        ("2021-03-07", "KZ-31"),
        ("2021-03-19", "KZ-31"),
        ("2021-03-20", "KZ-43"),
    ] {
        assert_eq!(region_on(&story, day), expected, "{day}");
    }
    let assigned = story
        .events
        .iter()
        .filter(|event| matches!(event, Event::FacilityRegionAssigned(_)));
    assert_eq!(assigned.count(), 2, "only where the region changes");
    story
        .clone()
        .when(deploy("KZ-43", "Kyzylorda"))
        .refused("NOTHING_CHANGES");
    let away = story.on("2021-03-25").after(depart());
    away.on("2021-03-26").when(depart()).refused("NOT_DEPLOYED");
}

/// What becomes known late takes its place between what was known.
#[test]
fn a_late_stay_takes_its_place() {
    let story = story()
        .on("2021-03-01")
        .after(deploy("KZ-31", "Zhanatas"))
        .on("2021-03-20")
        .after(deploy("KZ-31", "Karatau"));
    let late = story
        .late(10 * 86_400)
        .after(deploy("KZ-43", "Kyzylorda"))
        .late(0);
    assert_eq!(
        stays(&late),
        [
            stay("2021-03-01", "2021-03-10", "Zhanatas"),
            stay("2021-03-10", "2021-03-20", "Kyzylorda"),
            stay("2021-03-20", "", "Karatau"),
        ]
    );
    for (day, expected) in [
        ("2021-03-09", "KZ-31"),
        ("2021-03-10", "KZ-43"),
        ("2021-03-20", "KZ-31"),
    ] {
        assert_eq!(region_on(&late, day), expected, "{day}");
    }
}

#[test]
fn only_mobile_units_go_to_regions_that_exist() {
    let of = |id: &str| DeployMobileUnit {
        facility_id: code(id),
        ..deploy("KZ-31", "Zhanatas")
    };
    story().when(of("NOWHERE")).refused("UNKNOWN_FACILITY");
    story()
        .when(of("WH"))
        .refused("NOT_A_MOBILE_UNIT")
        .saying(&["WH", "WAREHOUSE"]);
    story().when(deploy("KZ-99", "X")).refused("UNKNOWN_REGION");
    story()
        .when(deploy("KZ-62", "Jezqazghan"))
        .refused("REGION_NOT_VALID")
        .saying(&["stop.region_id", "2022-06-08"]);
    story().when(depart()).refused("NOT_DEPLOYED");
    let retired: Retire = retire(Boundary::Facility(code("LAB")));
    story()
        .after(retired)
        .when(deploy("KZ-31", "Zhanatas"))
        .refused("RETIRED");
}

#[test]
fn what_it_did_before_it_was_retired_may_become_known_later() {
    let retired = story()
        .on("2021-03-01")
        .after(retire(Boundary::Facility(code("LAB"))))
        .on("2021-03-05");
    let then = retired.clone().late(5 * 86_400);
    let did = || report("2021-02-20", "2021-02-28", 1_240);
    then.clone()
        .after(did())
        .after(deploy("KZ-31", "Zhanatas"))
        .when(depart())
        .accepted();
    retired.clone().when(did()).refused("RETIRED");
    retired.when(deploy("KZ-31", "Zhanatas")).refused("RETIRED");
    // Nobody plans for it any more.
    let planned = planned("KZ-31", "Zhanatas", "2021-07-01", "2021-07-05");
    then.when(schedule(&[planned])).refused("RETIRED");
}

#[test]
fn a_schedule_is_in_order_and_is_used_up() {
    let zhanatas = planned("KZ-31", "Zhanatas", "2021-07-01", "2021-07-05");
    let karatau = planned("KZ-31", "Karatau", "2021-07-06", "2021-07-12");
    let later = planned("KZ-43", "Kyzylorda", "2021-07-13", "2021-07-13");
    let overlapping = planned("KZ-31", "Karatau", "2021-07-05", "2021-07-12");
    let backwards = planned("KZ-31", "Karatau", "2021-07-06", "2021-07-05");
    let past = planned("KZ-31", "Karatau", "2021-06-20", "2021-06-29");
    let begun = planned("KZ-31", "Karatau", "2021-06-20", "2021-06-30");
    let refused = |stops: &[PlannedStop], parts: &[&str]| {
        story()
            .when(schedule(stops))
            .refused("DAYS_OUT_OF_ORDER")
            .saying(parts);
    };
    refused(
        &[zhanatas.clone(), overlapping],
        &["stops[1].first_day", "2021-07-06"],
    );
    refused(&[backwards], &["stops[0].last_day", "2021-07-06"]);
    refused(&[past], &["stops[0].last_day", "2021-06-30"]);
    story().when(schedule(&[begun])).accepted();
    story().when(schedule(&[])).refused("NOTHING_CHANGES");
    let all = [zhanatas, karatau.clone(), later.clone()];
    let story = story().after(schedule(&all));
    story
        .clone()
        .when(schedule(&all))
        .refused("NOTHING_CHANGES");
    // It went to the second one at once: the first one is no longer next.
    let story = story.on("2021-07-04").after(deploy("KZ-31", "Karatau"));
    assert_eq!(unit(&story).schedule, [later]);
    // Somewhere that was not planned: what is past is off.
    let story = story
        .after(schedule(std::slice::from_ref(&karatau)))
        .on("2021-07-08")
        .after(deploy("KZ-75", "Almaty"));
    assert_eq!(unit(&story).schedule, [karatau]);
    let story = story.on("2021-07-14").after(deploy("KZ-43", "Aral"));
    assert_eq!(unit(&story).schedule, []);
}

#[test]
fn what_it_did_is_reported_once() {
    let story = story().after(report("2021-06-01", "2021-06-05", 1_240));
    for (first, last) in [
        ("2021-06-01", "2021-06-05"),
        ("2021-06-05", "2021-06-08"),
        ("2021-05-20", "2021-06-01"),
        ("2021-05-20", "2021-06-20"),
        ("2021-06-03", "2021-06-03"),
    ] {
        story
            .clone()
            .when(report(first, last, 7))
            .refused("PERIOD_OVERLAPS")
            .saying(&["2021-06-01", "2021-06-05", "TEST"]);
    }
    let of_others = ReportThroughput {
        commodity_id: code("GLOVES"),
        ..report("2021-06-01", "2021-06-05", 7)
    };
    let story = story
        .after(of_others)
        .after(report("2021-06-06", "2021-06-06", 0))
        .after(report("2021-05-30", "2021-05-31", 9));
    story
        .clone()
        .when(corrected(report("2021-06-01", "2021-06-04", 7)))
        .refused("PERIOD_NOT_REPORTED")
        .saying(&["2021-06-04"]);
    story
        .clone()
        .when(corrected(report("2021-06-01", "2021-06-05", 1_240)))
        .refused("NOTHING_CHANGES");
    let story = story.after(corrected(report("2021-06-01", "2021-06-05", 1_260)));
    let did: Vec<(String, i64)> = unit(&story)
        .throughput
        .into_iter()
        .filter(|it| it.commodity_id == "TEST")
        .map(|it| (it.first_day, it.quantity))
        .collect();
    assert_eq!(
        did,
        [
            ("2021-05-30".to_owned(), 9),
            ("2021-06-01".to_owned(), 1_260),
            ("2021-06-06".to_owned(), 0),
        ]
    );
    story
        .clone()
        .when(report("2021-06-29", "2021-07-01", 7))
        .refused("PERIOD_NOT_OVER")
        .saying(&["2021-07-01", "2021-06-30"]);
    story
        .clone()
        .when(report("2021-06-29", "2021-06-28", 7))
        .refused("DAYS_OUT_OF_ORDER");
    let of_nothing = ReportThroughput {
        commodity_id: code("NOTHING"),
        ..report("2021-06-20", "2021-06-21", 7)
    };
    story.when(of_nothing).refused("UNKNOWN_COMMODITY");
}

/// Old periods are added up, and stay closed.
#[test]
fn old_periods_are_added_up() {
    let mut story = story();
    let first = date("2020-01-01");
    for day in first.iter_days().take(410) {
        let day = day.to_string();
        story = story.after(report(&day, &day, 10));
    }
    let known = unit(&story);
    assert_eq!(known.throughput.len(), 400);
    assert_eq!(
        known.earlier,
        [Throughput {
            commodity_id: "TEST".to_owned(),
            first_day: "2020-01-01".to_owned(),
            last_day: "2020-01-10".to_owned(),
            quantity: 100,
        }]
    );
    story
        .when(report("2020-01-03", "2020-01-03", 1))
        .refused("PERIOD_OVERLAPS");
}

const REGIONS: [&str; 3] = ["KZ-31", "KZ-43", HOME];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// In whatever order stays become known: on each day its region is that of the last place where it was deployed.
    #[test]
    fn its_region_is_where_it_was_deployed_last(
        moves in prop::collection::vec((0_i64..25, 0_usize..4, 0_usize..2), 1..24)
    ) {
        let mut story = story();
        let mut known: Vec<(i64, usize)> = Vec::new();
        for (days_ago, which, place) in moves {
            story = story.late(days_ago * 86_400);
            let command: Box<dyn Command> = match REGIONS.get(which) {
                Some(region_id) => Box::new(deploy(region_id, ["A", "B"][place])),
                None => Box::new(depart()),
            };
            let Ok(events) = story.decide(command.as_ref()) else { continue };
            story.append(events);
            if which < REGIONS.len() {
                let at = known.partition_point(|(day, _)| *day <= -days_ago);
                known.insert(at, (-days_ago, which));
            }
        }
        let today = date("2021-06-30");
        for days_ago in 0..30_u64 {
            let day = (today - chrono::Days::new(days_ago)).to_string();
            let last = known.iter().rfind(|(at, _)| *at <= -i64::try_from(days_ago).expect("few"));
            let expected = last.map_or(HOME, |(_, which)| REGIONS[*which]);
            prop_assert_eq!(region_on(&story, &day), expected, "{} {:?}", day, known);
        }
        let unit = unit(&story);
        prop_assert!(unit.stays.is_sorted_by_key(|stay| stay.deployed_on.clone()));
        for pair in unit.stays.windows(2) {
            let (left, came) = (&pair[0].departed_on, &pair[1].deployed_on);
            prop_assert!(!left.is_empty() && left <= came, "{:?}", unit.stays);
        }
        let boundary = Boundary::MobileUnit(code("LAB"));
        prop_assert_eq!(story.read(&boundary), story.read_everything(&boundary));
    }
}
