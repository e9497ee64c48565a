//! Vehicles, volunteers, and the crews in which they go out together.

use keruen_domain::{
    Boundary, Entry, limits,
    registry::{
        AssignVolunteer, EndAssignment, RegisterCrew, RegisterVehicle, RegisterVolunteer,
        VerifyOrganisation,
    },
};
use keruen_proto::registry::v1::{
    AssetLink, Assignment, AssignmentEndReason, AssignmentEnded, Crew, CrewRole, ExternalId,
    RegistryKind, Skill, Vehicle, VehicleKind, VehicleRegistered, Volunteer, VolunteerAssigned,
};

use crate::{
    amendment::{amend, retire},
    story::Story,
    verification::verify,
    world::*,
};

pub fn vehicle(id: &str) -> Vehicle {
    Vehicle {
        vehicle_id: id.to_owned(),
        kind: VehicleKind::Van.into(),
        owner_id: "HELP".to_owned(),
        capacity_kg: 900,
        ..Vehicle::default()
    }
}

pub fn volunteer(id: &str) -> Volunteer {
    Volunteer {
        volunteer_id: id.to_owned(),
        person_ref: format!("person:{id}"),
        organisation_id: "CREW".to_owned(),
        skills: vec![Skill::DrivesCars.into()],
        ..Volunteer::default()
    }
}

pub fn crew(id: &str) -> Crew {
    Crew {
        crew_id: id.to_owned(),
        name: Some(name(id)),
        organisation_id: "CREW".to_owned(),
        ..Crew::default()
    }
}

pub fn assign(volunteer_id: &str, crew_id: &str) -> AssignVolunteer {
    AssignVolunteer {
        volunteer_id: code(volunteer_id),
        crew_id: code(crew_id),
        role: CrewRole::Driver,
        assigned_on: None,
    }
}

pub fn end(volunteer_id: &str) -> EndAssignment {
    EndAssignment {
        volunteer_id: code(volunteer_id),
        ended_on: None,
        reason: AssignmentEndReason::Done,
    }
}

/// A van VAN, volunteers V1 and V2, crews C1 and C2.
fn fleet() -> Story {
    let story = Story::new().after(RegisterVehicle(vehicle("VAN")));
    let story = ["V1", "V2"].into_iter().fold(story, |story, id| {
        story.after(RegisterVolunteer(volunteer(id)))
    });
    ["C1", "C2"]
        .into_iter()
        .fold(story, |story, id| story.after(RegisterCrew(crew(id))))
}

fn boundary(kind: RegistryKind, id: &str) -> Boundary {
    Boundary::thing(kind, id).expect("a code")
}

fn read_volunteer(story: &Story, id: &str) -> Volunteer {
    match story.read(&boundary(RegistryKind::Volunteer, id)) {
        Entry::Volunteer(volunteer) => volunteer,
        other => panic!("{other:?}"),
    }
}

fn read_crew(story: &Story, id: &str) -> Crew {
    match story.read(&boundary(RegistryKind::Crew, id)) {
        Entry::Crew(crew) => crew,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_vehicle_is_entered_once_and_owned_by_somebody() {
    let story = Story::new()
        .when(RegisterVehicle(vehicle("VAN")))
        .then([VehicleRegistered {
            vehicle: Some(vehicle("VAN")),
        }
        .into()]);
    story
        .when(RegisterVehicle(vehicle("VAN")))
        .refused("VEHICLE_EXISTS");
    let of_nobody = Vehicle {
        owner_id: "NOBODY".to_owned(),
        ..vehicle("VAN")
    };
    Story::new()
        .when(RegisterVehicle(of_nobody.clone()))
        .refused("UNKNOWN_ORGANISATION");
    fleet()
        .when(amend(of_nobody, &["owner_id"]))
        .refused("UNKNOWN_ORGANISATION");
    fleet()
        .when(amend(vehicle("LORRY"), &["capacity_kg"]))
        .refused("UNKNOWN_VEHICLE");
    let owner = retire(Boundary::Organisation(code("HELP")));
    Story::new()
        .after(owner)
        .when(RegisterVehicle(vehicle("VAN")))
        .refused("RETIRED")
        .saying(&["organisation HELP"]);
    let van = boundary(RegistryKind::Vehicle, "VAN");
    let heavier = Vehicle {
        capacity_kg: 1_200,
        ..vehicle("VAN")
    };
    let story = fleet()
        .after(amend(heavier, &["capacity_kg"]))
        .after(retire(van.clone()));
    match story.read(&van) {
        Entry::Vehicle(found) => {
            assert_eq!(found.capacity_kg, 1_200);
            assert!(found.retired.is_some());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plate_and_an_asset_belong_to_one_vehicle() {
    let with_plate = |id: &str| Vehicle {
        external_ids: vec![ExternalId {
            scheme: "PLATE".to_owned(),
            value: "123ABC02".to_owned(),
        }],
        ..vehicle(id)
    };
    let is_asset = |id: &str, serial_number: &str| Vehicle {
        asset: Some(AssetLink {
            item_id: "CONC".to_owned(),
            serial_number: serial_number.to_owned(),
        }),
        ..vehicle(id)
    };
    Story::new()
        .after(RegisterVehicle(with_plate("A")))
        .when(RegisterVehicle(with_plate("B")))
        .refused("EXTERNAL_ID_TAKEN")
        .saying(&["PLATE", "vehicle A"]);
    Story::new()
        .when(RegisterVehicle(is_asset("A", "S1")))
        .refused("UNKNOWN_ASSET");
    let story = Story::new()
        .after(pledge("D1", &[("OXYGEN", 2)]))
        .after(receive("D1", vec![assets("B1", &["S1", "S2"])]))
        .after(RegisterVehicle(is_asset("A", "S1")));
    story
        .clone()
        .when(RegisterVehicle(is_asset("B", "S1")))
        .refused("EXTERNAL_ID_TAKEN")
        .saying(&["S1", "vehicle A"]);
    story
        .after(amend(is_asset("A", "S2"), &["asset"]))
        .after(RegisterVehicle(is_asset("B", "S1")));
}

#[test]
fn a_person_is_one_volunteer() {
    let again = Volunteer {
        person_ref: "person:V1".to_owned(),
        ..volunteer("V9")
    };
    fleet()
        .when(RegisterVolunteer(again.clone()))
        .refused("EXTERNAL_ID_TAKEN")
        .saying(&["person:V1", "volunteer V1"]);
    fleet()
        .when(RegisterVolunteer(volunteer("V1")))
        .refused("VOLUNTEER_EXISTS");
    fleet()
        .when(amend(volunteer("V1"), &["person_ref"]))
        .refused("FIELD_FIXED");
    fleet()
        .when(amend(volunteer("V9"), &["skills"]))
        .refused("UNKNOWN_VOLUNTEER");
    // Who left and comes again is entered anew.
    fleet()
        .after(retire(boundary(RegistryKind::Volunteer, "V1")))
        .after(RegisterVolunteer(again));
}

#[test]
fn a_crew_has_a_vehicle_that_is_in_use() {
    let with = |vehicle_id: &str| Crew {
        vehicle_id: vehicle_id.to_owned(),
        ..crew("C1")
    };
    fleet()
        .when(RegisterCrew(crew("C1")))
        .refused("CREW_EXISTS");
    fleet()
        .when(amend(with("LORRY"), &["vehicle_id"]))
        .refused("UNKNOWN_VEHICLE");
    fleet()
        .after(retire(boundary(RegistryKind::Vehicle, "VAN")))
        .when(amend(with("VAN"), &["vehicle_id"]))
        .refused("RETIRED")
        .saying(&["vehicle VAN"]);
    let story = fleet().after(amend(with("VAN"), &["vehicle_id"]));
    assert_eq!(read_crew(&story, "C1").vehicle_id, "VAN");
}

#[test]
fn a_volunteer_is_in_one_crew_at_a_time_and_both_keep_the_history() {
    let story = fleet().when(assign("V1", "C1")).then([VolunteerAssigned {
        assignment: Some(Assignment {
            volunteer_id: "V1".to_owned(),
            crew_id: "C1".to_owned(),
            role: CrewRole::Driver.into(),
            assigned_on: "2020-04-10".to_owned(),
            ..Assignment::default()
        }),
    }
    .into()]);
    story
        .clone()
        .when(assign("V1", "C2"))
        .refused("ALREADY_ASSIGNED")
        .saying(&["crew C1", "2020-04-10"]);
    let story = story
        .after(assign("V2", "C1"))
        .on("2020-05-01")
        .when(end("V1"))
        .then([AssignmentEnded {
            volunteer_id: "V1".to_owned(),
            crew_id: "C1".to_owned(),
            ended_on: "2020-05-01".to_owned(),
            reason: AssignmentEndReason::Done.into(),
        }
        .into()]);
    story.clone().when(end("V1")).refused("NOT_ASSIGNED");
    let early = AssignVolunteer {
        assigned_on: Some(date("2020-04-30")),
        ..assign("V1", "C2")
    };
    story
        .clone()
        .when(early)
        .refused("ASSIGNMENT_OUT_OF_ORDER")
        .saying(&["assigned_on", "2020-05-01"]);
    let story = story.after(assign("V1", "C2"));
    let early = EndAssignment {
        ended_on: Some(date("2020-04-30")),
        ..end("V1")
    };
    story
        .clone()
        .when(early)
        .refused("ASSIGNMENT_OUT_OF_ORDER")
        .saying(&["ended_on"]);
    let days = |assignments: &[Assignment]| -> Vec<(String, String, String)> {
        let day = |it: &Assignment| {
            let who = format!("{} in {}", it.volunteer_id, it.crew_id);
            (who, it.assigned_on.clone(), it.ended_on.clone())
        };
        assignments.iter().map(day).collect()
    };
    let row = |who: &str, from: &str, to: &str| (who.to_owned(), from.to_owned(), to.to_owned());
    assert_eq!(
        days(&read_volunteer(&story, "V1").assignments),
        [
            row("V1 in C1", "2020-04-10", "2020-05-01"),
            row("V1 in C2", "2020-05-01", "")
        ]
    );
    assert_eq!(
        days(&read_crew(&story, "C1").assignments),
        [
            row("V1 in C1", "2020-04-10", "2020-05-01"),
            row("V2 in C1", "2020-04-10", "")
        ]
    );
}

/// A day that is mistyped could not be ended before it comes.
#[test]
fn nobody_joins_or_leaves_a_crew_on_a_day_that_has_not_come() {
    let from = |day: &str| AssignVolunteer {
        assigned_on: Some(date(day)),
        ..assign("V1", "C1")
    };
    let until = |day: &str| EndAssignment {
        ended_on: Some(date(day)),
        ..end("V1")
    };
    fleet()
        .when(from("2102-04-10"))
        .refused("DAY_AHEAD")
        .saying(&["assigned_on", "2102-04-10", "2020-04-10"]);
    let story = fleet().after(from("2020-04-10"));
    story
        .clone()
        .when(until("2020-04-11"))
        .refused("DAY_AHEAD")
        .saying(&["ended_on", "2020-04-11", "2020-04-10"]);
    story.when(until("2020-04-10")).accepted();
}

#[test]
fn nobody_leaves_while_in_a_crew() {
    let story = fleet().after(assign("V1", "C1"));
    let volunteer = boundary(RegistryKind::Volunteer, "V1");
    let crew = boundary(RegistryKind::Crew, "C1");
    for thing in [&volunteer, &crew] {
        story
            .clone()
            .when(retire(thing.clone()))
            .refused("STILL_ASSIGNED")
            .saying(&["V1", "C1"]);
    }
    let story = story
        .after(end("V1"))
        .after(retire(volunteer))
        .after(retire(crew));
    story
        .clone()
        .when(assign("V1", "C2"))
        .refused("RETIRED")
        .saying(&["volunteer V1"]);
    story
        .when(assign("V2", "C1"))
        .refused("RETIRED")
        .saying(&["crew C1"]);
    fleet()
        .when(assign("V9", "C1"))
        .refused("UNKNOWN_VOLUNTEER");
    fleet().when(assign("V1", "C9")).refused("UNKNOWN_CREW");
    fleet().when(end("V9")).refused("UNKNOWN_VOLUNTEER");
}

/// First what is missing, then the state, then how many there are.
#[test]
fn of_assignments() {
    let mut story = fleet();
    for _ in 0..limits::ASSIGNMENTS {
        story = story.after(assign("V1", "C1")).after(end("V1"));
    }
    let early = AssignVolunteer {
        assigned_on: Some(date("2020-04-09")),
        ..assign("V1", "C1")
    };
    let nowhere = AssignVolunteer {
        crew_id: code("C9"),
        ..early.clone()
    };
    let commands = [
        (nowhere, "UNKNOWN_CREW"),
        (early, "ASSIGNMENT_OUT_OF_ORDER"),
        (assign("V1", "C1"), "TOO_MANY_RECORDS"),
    ];
    let stages =
        commands.map(|(command, reason)| story.clone().when(command).refused(reason).0.stage());
    assert!(stages.is_sorted(), "{stages:?}");
}

/// What is done with crews does not touch what is known of their organisation.
#[test]
fn an_organisation_with_a_crew_is_verified() {
    let by_help = VerifyOrganisation {
        verified_by_id: code("HELP"),
        ..verify("CREW")
    };
    fleet().when(by_help).accepted();
}
