//! Trips: what goes by which vehicle and crew, where they stop, and what becomes of it when they can't go on.

use keruen_domain::{
    Boundary, Entry,
    asset::{ChangeAsset, Step},
    limits,
    registry::{RegisterCrew, RegisterFacility, RegisterItem, RegisterVehicle},
    shipment::PackParcel,
    trip::{
        CancelTrip, CompleteTrip, DepartTrip, LoadShipment, PlanTrip, ReachStop, ReportBreakdown,
        ResumeTrip, Stop, UnloadShipment,
    },
};
use keruen_proto::{
    inventory::v1::AssetFault,
    registry::v1::{AssetLink, FacilityKind, Item, StorageRange, Tracking, Vehicle},
    shipments::v1::{
        BreakdownReason, ColdChainOverride, ColdChainOverrideReason, Trip, TripCancellationReason,
        TripState,
    },
};

use crate::{
    amendment::amend,
    fleet::{crew, vehicle},
    journey::{BOX_1, BOX_2, divert, pack, shipment, stands_there},
    story::Story,
    world::{cancel as cancel_shipment, *},
};

pub fn plan(trip_id: &str, vehicle_id: &str, crew_id: &str, days: (&str, &str)) -> PlanTrip {
    PlanTrip {
        trip_id: code(trip_id),
        vehicle_id: code(vehicle_id),
        crew_id: code(crew_id),
        departs_on: date(days.0),
        returns_on: date(days.1),
        stops: ["WH", "FAR", "HOSP"].map(stop).to_vec(),
        documents: Vec::new(),
    }
}

pub fn stop(facility_id: &str) -> Stop {
    Stop {
        facility_id: code(facility_id),
        expected_on: None,
    }
}

/// From the 10th to the 12th of April.
fn planned(trip_id: &str) -> PlanTrip {
    plan(trip_id, "VAN", "C1", ("2020-04-10", "2020-04-12"))
}

/// Two weeks after that, with others.
fn planned_later(trip_id: &str) -> PlanTrip {
    plan(trip_id, "VAN-2", "C2", ("2020-04-24", "2020-04-26"))
}

pub fn load(trip_id: &str, shipment_id: &str) -> LoadShipment {
    LoadShipment {
        trip_id: code(trip_id),
        shipment_id: code(shipment_id),
        cold_chain_override: None,
    }
}

pub fn unload(trip_id: &str, shipment_id: &str) -> UnloadShipment {
    UnloadShipment {
        trip_id: code(trip_id),
        shipment_id: code(shipment_id),
    }
}

pub fn depart(trip_id: &str) -> DepartTrip {
    DepartTrip {
        trip_id: code(trip_id),
        documents: Vec::new(),
    }
}

pub fn reach(trip_id: &str) -> ReachStop {
    ReachStop {
        trip_id: code(trip_id),
        stop: None,
    }
}

pub fn break_down(trip_id: &str) -> ReportBreakdown {
    ReportBreakdown {
        trip_id: code(trip_id),
        reason: BreakdownReason::Vehicle,
        documents: Vec::new(),
    }
}

pub fn resume(trip_id: &str) -> ResumeTrip {
    ResumeTrip {
        trip_id: code(trip_id),
        vehicle_id: None,
        crew_id: None,
        returns_on: None,
        documents: Vec::new(),
    }
}

pub fn complete(trip_id: &str) -> CompleteTrip {
    CompleteTrip {
        trip_id: code(trip_id),
        documents: Vec::new(),
    }
}

pub fn cancel(trip_id: &str) -> CancelTrip {
    CancelTrip {
        trip_id: code(trip_id),
        reason: TripCancellationReason::Weather,
    }
}

fn trip(story: &Story, id: &str) -> Trip {
    match story.read(&Boundary::Trip(code(id))) {
        Entry::Trip(trip) => trip,
        other => panic!("{other:?}"),
    }
}

/// Vans VAN and VAN-2, crews C1 and C2, and 100 gloves, of which S1 has claimed 40 for the hospital.
fn garage() -> Story {
    Story::new()
        .after(RegisterVehicle(vehicle("VAN")))
        .after(RegisterVehicle(vehicle("VAN-2")))
        .after(RegisterCrew(crew("C1")))
        .after(RegisterCrew(crew("C2")))
        .after(pledge("D1", &[("GLOVES", 1_000), ("OXYGEN", 5)]))
        .after(receive("D1", vec![line("GLOVE", 100, "G1")]))
        .after(ship("S1", &[("GLOVE", 40)]))
        .after(allocate("S1"))
}

fn weighing(shipment_id: &str, sscc: &str, weight_g: i64) -> PackParcel {
    PackParcel {
        weight_g,
        ..pack(shipment_id, sscc, "SEAL")
    }
}

#[test]
fn a_trip_carries_a_shipment_from_stop_to_stop() {
    let story = garage().after(planned("T1")).after(load("T1", "S1"));
    assert_eq!(shipment(&story, "S1").trip_id, "T1");
    let carried = trip(&story, "T1").loads[0].clone();
    assert_eq!((carried.from_stop, carried.to_stop), (1, 3));
    story
        .clone()
        .when(depart("T1"))
        .refused("LOAD_STATE")
        .saying(&["S1", "ALLOCATED"]);
    let story = story.after(dispatch("S1")).after(depart("T1"));
    assert_eq!(trip(&story, "T1").state(), TripState::UnderWay);
    story.clone().when(depart("T1")).refused("TRIP_STATE");
    story
        .clone()
        .when(complete("T1"))
        .refused("LOAD_STATE")
        .saying(&["S1", "DISPATCHED"]);
    let story = story.after(reach("T1")).after(reach("T1"));
    let at = |stop| ReachStop {
        stop: Some(stop),
        ..reach("T1")
    };
    story
        .clone()
        .when(at(2))
        .refused("STOP_REACHED")
        .saying(&["FAR"]);
    story
        .clone()
        .when(at(4))
        .refused("UNKNOWN_STOP")
        .saying(&["3 stops"]);
    let story = story
        .after(reach("T1"))
        .after(arrive("S1"))
        .after(complete("T1"));
    story.clone().when(reach("T1")).refused("UNKNOWN_STOP");
    assert!(trip(&story, "T1").stops.iter().all(|stop| stop.reached));
    assert_eq!(trip(&story, "T1").state(), TripState::Completed);
    assert_eq!(shipment(&story, "S1").trip_id, "T1");
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn vehicles_and_crews_are_on_one_trip_at_a_time() {
    let story = garage().after(planned("T1"));
    let refused = |command: PlanTrip, reason: &str| story.clone().when(command).refused(reason);
    refused(planned("T1"), "TRIP_EXISTS");
    let days = ("2020-04-12", "2020-04-14");
    refused(plan("T2", "VAN", "C2", days), "ON_ANOTHER_TRIP").saying(&["vehicle VAN", "T1"]);
    refused(plan("T2", "VAN-2", "C1", days), "ON_ANOTHER_TRIP").saying(&["crew C1", "T1"]);
    refused(plan("T2", "NONE", "C2", days), "UNKNOWN_VEHICLE");
    refused(plan("T2", "VAN-2", "NONE", days), "UNKNOWN_CREW");
    let later = plan("T2", "VAN", "C1", ("2020-04-13", "2020-04-14"));
    // What has left is not back before it is over, whatever was planned.
    let left = story.clone().after(later.clone()).after(depart("T1"));
    left.clone()
        .on("2020-04-13")
        .when(depart("T2"))
        .refused("ON_ANOTHER_TRIP");
    left.after(complete("T1"))
        .on("2020-04-13")
        .after(depart("T2"));
    // What is cancelled takes nobody.
    let cancelled = story.clone().after(cancel("T1"));
    cancelled.clone().after(planned("T2"));
    cancelled.when(cancel("T1")).refused("TRIP_STATE");
    let backwards = plan("T2", "VAN-2", "C2", ("2020-04-13", "2020-04-12"));
    refused(backwards, "DAYS_OUT_OF_ORDER");
    let nowhere = PlanTrip {
        stops: vec![stop("WH")],
        ..plan("T2", "VAN-2", "C2", days)
    };
    refused(nowhere, "TRIP_GOES_NOWHERE");
    let twice = PlanTrip {
        stops: vec![stop("WH"), stop("WH")],
        ..plan("T2", "VAN-2", "C2", days)
    };
    refused(twice, "STOP_TWICE");
}

#[test]
fn what_leaves_early_takes_its_vehicle_and_crew_at_once() {
    let story = garage()
        .after(plan("T1", "VAN", "C1", ("2099-06-10", "2099-06-12")))
        .after(depart("T1"));
    let sooner = ("2099-06-01", "2099-06-02");
    story
        .clone()
        .when(plan("T2", "VAN", "C2", sooner))
        .refused("ON_ANOTHER_TRIP");
    story
        .when(plan("T2", "VAN-2", "C1", sooner))
        .refused("ON_ANOTHER_TRIP");
}

#[test]
fn what_a_completed_trip_brought_may_go_on_with_another_one() {
    let story = garage()
        .after(planned("T1"))
        .after(load("T1", "S1"))
        .after(dispatch("S1"))
        .after(depart("T1"))
        .after(planned_later("T2"));
    story
        .clone()
        .when(load("T2", "S1"))
        .refused("SHIPMENT_ON_TRIP");
    let story = story
        .after(reach("T1"))
        .after(reach("T1"))
        .after(stands_there("S1", Vec::new()))
        .after(complete("T1"))
        .after(divert("S1", "FAR"))
        .after(load("T2", "S1"));
    assert_eq!(shipment(&story, "S1").trip_id, "T2");
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_vehicle_that_does_not_run_goes_on_no_trip() {
    let van = Vehicle {
        asset: Some(AssetLink {
            item_id: "CONC".to_owned(),
            serial_number: "N1".to_owned(),
        }),
        ..vehicle("LAB")
    };
    let story = garage()
        .after(receive("D1", vec![assets("C1", &["N1"])]))
        .after(RegisterVehicle(van));
    let days = ("2020-04-10", "2020-04-12");
    story.clone().after(plan("T1", "LAB", "C1", days));
    let step = |step: Step| ChangeAsset {
        item_id: code("CONC"),
        serial_number: label("N1"),
        step,
        documents: Vec::new(),
    };
    story
        .after(step(Step::BreakDown {
            fault: AssetFault::Mechanical,
        }))
        .when(plan("T1", "LAB", "C1", days))
        .refused("VEHICLE_UNFIT")
        .saying(&["LAB", "OUT_OF_ORDER"]);
}

/// A garage with two vehicles that are units in the books of WH, and the trip T1 of the first one.
fn with_units() -> Story {
    let unit = |vehicle_id: &str, number: &str| Vehicle {
        asset: Some(AssetLink {
            item_id: "CONC".to_owned(),
            serial_number: number.to_owned(),
        }),
        ..vehicle(vehicle_id)
    };
    garage()
        .after(receive("D1", vec![assets("C1", &["N1", "N2"])]))
        .after(RegisterVehicle(unit("CAR-1", "N1")))
        .after(RegisterVehicle(unit("CAR-2", "N2")))
        .after(plan("T1", "CAR-1", "C1", ("2020-04-10", "2020-04-12")))
}

/// Whether a unit may be claimed by a shipment.
fn is_available(story: &Story, number: &str) -> bool {
    let Entry::Stock(level, _) = story.read(&Boundary::Stock(code("WH"), code("CONC"))) else {
        panic!("no stock");
    };
    let lot = &level.lots[0];
    let held = lot.held_serial_numbers.iter().any(|held| held == number);
    assert_eq!(lot.on_hand, 2);
    assert!(lot.serial_numbers.iter().any(|there| there == number));
    !held
}

#[test]
fn a_unit_that_is_a_vehicle_on_a_trip_is_sent_nowhere() {
    let story = with_units();
    assert!(is_available(&story, "N1"));
    let story = story.after(depart("T1"));
    assert!(!is_available(&story, "N1"));
    assert!(is_available(&story, "N2"));
    // One of the two can go, and not by another way either.
    story
        .clone()
        .after(ship("S9", &[("CONC", 2)]))
        .when(allocate("S9"))
        .refused("INSUFFICIENT_STOCK");
    let step = |step: Step| ChangeAsset {
        item_id: code("CONC"),
        serial_number: label("N1"),
        step,
        documents: Vec::new(),
    };
    story
        .clone()
        .when(step(Step::Lend {
            borrower_id: code("HELP"),
            due_on: date("2020-05-01"),
        }))
        .refused("ASSET_STATE")
        .saying(&["on a trip"]);
    let story = story.after(complete("T1"));
    assert!(is_available(&story, "N1"));
    let story = story
        .after(ship("S9", &[("CONC", 2)]))
        .after(allocate("S9"));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_vehicle_on_a_trip_is_not_missing_where_it_is_counted() {
    let mut sheet = count("K1", "CONC", &[("C1", 1)]);
    sheet.lines[0].serial_numbers = labels(&["N2"]);
    let at_home = with_units().after(sheet.clone());
    let Entry::Stock(level, _) = at_home.read(&Boundary::Stock(code("WH"), code("CONC"))) else {
        panic!("no stock");
    };
    assert_eq!(level.lots[0].serial_numbers, ["N2"]);
    let story = with_units().after(depart("T1")).after(sheet);
    assert!(!is_available(&story, "N1"));
    let story = story.after(complete("T1"));
    assert!(is_available(&story, "N1"));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_unit_is_on_one_trip_whatever_vehicle_it_is_called() {
    let days = ("2020-04-10", "2020-04-12");
    let other = Vehicle {
        asset: Some(AssetLink {
            item_id: "CONC".to_owned(),
            serial_number: "N1".to_owned(),
        }),
        ..vehicle("CAR-2")
    };
    let story = with_units()
        .after(depart("T1"))
        .after(plan("T2", "CAR-2", "C2", days))
        .after(amend(vehicle("CAR-1"), &["asset"]))
        .after(amend(other, &["asset"]));
    story
        .clone()
        .when(depart("T2"))
        .refused("VEHICLE_UNFIT")
        .saying(&["CAR-2", "ON_A_TRIP"]);
    let story = story.after(complete("T1"));
    assert!(is_available(&story, "N1"));
    let story = story.after(depart("T2"));
    assert!(!is_available(&story, "N1"));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_is_claimed_leaves_as_goods_or_as_a_vehicle() {
    let claimed = with_units()
        .after(ship("S9", &[("CONC", 2)]))
        .after(allocate("S9"));
    claimed
        .clone()
        .when(depart("T1"))
        .refused("SERIAL_NUMBER_RESERVED")
        .saying(&["N1", "S9"]);
    // Once it has left as goods, it is no vehicle to go with.
    claimed
        .after(dispatch("S9"))
        .when(depart("T1"))
        .refused("VEHICLE_UNFIT")
        .saying(&["CAR-1", "SHIPMENT"]);
}

#[test]
fn a_trip_lets_go_of_the_unit_with_which_it_broke_down() {
    let story = with_units()
        .after(depart("T1"))
        .after(break_down("T1"))
        .after(ResumeTrip {
            vehicle_id: Some(code("CAR-2")),
            ..resume("T1")
        });
    assert!(is_available(&story, "N1"));
    assert!(!is_available(&story, "N2"));
    let story = story.after(break_down("T1")).after(resume("T1"));
    assert!(!is_available(&story, "N2"));
    let story = story.after(complete("T1"));
    assert!(is_available(&story, "N1") && is_available(&story, "N2"));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_trip_takes_only_what_goes_its_way() {
    let story = garage().after(planned("T1"));
    let refused = |story: &Story, command: LoadShipment, reason: &str| {
        story.clone().when(command).refused(reason)
    };
    refused(&story, load("T9", "S1"), "UNKNOWN_TRIP");
    refused(&story, load("T1", "S9"), "UNKNOWN_SHIPMENT");
    refused(
        &story.clone().after(ship("S2", &[("GLOVE", 1)])),
        load("T1", "S2"),
        "SHIPMENT_STATE",
    );
    let back = PlanTrip {
        stops: ["HOSP", "FAR", "WH"].map(stop).to_vec(),
        ..plan("T2", "VAN-2", "C2", ("2020-04-10", "2020-04-12"))
    };
    let story = story.after(back);
    refused(&story, load("T2", "S1"), "TRIP_GOES_ELSEWHERE").saying(&["WH", "HOSP"]);
    let story = story.after(load("T1", "S1"));
    refused(&story, load("T2", "S1"), "SHIPMENT_ON_TRIP").saying(&["T1"]);
    story
        .clone()
        .when(unload("T2", "S1"))
        .refused("NOT_ON_TRIP");
    let off = story.clone().after(unload("T1", "S1"));
    assert_eq!(shipment(&off, "S1").trip_id, "");
    // What a trip that is cancelled would have carried can go with another one.
    let cancelled = story.after(cancel("T1"));
    assert_eq!(shipment(&cancelled, "S1").trip_id, "");
    cancelled
        .after(plan("T3", "VAN", "C1", ("2020-04-10", "2020-04-12")))
        .after(load("T3", "S1"));
}

#[test]
fn a_vehicle_carries_what_its_record_says() {
    let story = garage()
        .after(weighing("S1", BOX_1, 600_000))
        .after(ship("S2", &[("GLOVE", 10)]))
        .after(allocate("S2"))
        .after(weighing("S2", BOX_2, 300_001))
        .after(planned("T1"))
        .after(load("T1", "S1"));
    story
        .clone()
        .when(load("T1", "S2"))
        .refused("OVERLOADED")
        .saying(&["900001 weight_g", "900000"]);
    let mut many = garage().after(planned("T1"));
    for number in 0..limits::TRIP_LOADS {
        let id = format!("N{number}");
        many = many
            .after(ship(&id, &[("GLOVE", 1)]))
            .after(allocate(&id))
            .after(load("T1", &id));
    }
    many.clone()
        .when(load("T1", "S1"))
        .refused("TOO_MANY_RECORDS");
    many.after(cancel("T1"));
}

#[test]
fn what_is_cancelled_takes_no_room_on_a_trip() {
    let full = vehicle("VAN").capacity_kg;
    let story = garage()
        .after(weighing("S1", BOX_1, i64::from(full) * 1_000))
        .after(ship("S2", &[("GLOVE", 40)]))
        .after(allocate("S2"))
        .after(weighing("S2", BOX_2, 1_000))
        .after(planned("T1"))
        .after(load("T1", "S1"));
    story
        .clone()
        .when(load("T1", "S2"))
        .refused("OVERLOADED")
        .saying(&["VAN"]);
    let story = story.after(cancel_shipment("S1"));
    assert_eq!(trip(&story, "T1").loads, []);
    assert_eq!(shipment(&story, "S1").trip_id, "");
    let story = story.after(load("T1", "S2"));
    assert_eq!(story.violations(), Vec::<String>::new());
}

fn degrees(from: i32, to: i32) -> StorageRange {
    StorageRange {
        minimum_millicelsius: from * 1_000,
        maximum_millicelsius: to * 1_000,
    }
}

#[test]
fn what_must_stay_cold_goes_in_a_cold_box_or_on_somebodys_word() {
    let story = garage()
        .after(RegisterItem(Item {
            storage: Some(degrees(2, 8)),
            ..item("VACC", "GLOVES", Tracking::Batch, false)
        }))
        .after(RegisterVehicle(Vehicle {
            cold_box: Some(degrees(3, 7)),
            ..vehicle("COLD")
        }))
        .after(receive("D1", vec![line("VACC", 50, "V1")]))
        .after(ship("S2", &[("VACC", 10)]))
        .after(allocate("S2"))
        .after(planned("T1"));
    story
        .clone()
        .when(load("T1", "S2"))
        .refused("NO_COLD_BOX")
        .saying(&["2..8", "none"]);
    let cold = plan("T2", "COLD", "C2", ("2020-04-10", "2020-04-12"));
    let kept = story.clone().after(cold.clone()).after(load("T2", "S2"));
    assert!(trip(&kept, "T2").loads[0].cold_chain.is_some());
    // It can't go on with a vehicle that has none.
    let stuck = kept
        .after(dispatch("S2"))
        .after(depart("T2"))
        .after(break_down("T2"));
    let other = ResumeTrip {
        vehicle_id: Some(code("VAN-2")),
        ..resume("T2")
    };
    stuck.clone().when(other.clone()).refused("NO_COLD_BOX");
    stuck.after(resume("T2"));
    let answered = LoadShipment {
        cold_chain_override: Some(ColdChainOverride {
            authorised_by_ref: "person:1".to_owned(),
            reason: ColdChainOverrideReason::PackedCold.into(),
        }),
        ..load("T1", "S2")
    };
    let story = story.after(answered);
    assert!(trip(&story, "T1").loads[0].cold_chain_override.is_some());
}

#[test]
fn what_breaks_down_goes_on_with_another_vehicle_or_lets_go() {
    let story = garage()
        .after(planned("T1"))
        .after(load("T1", "S1"))
        .after(dispatch("S1"));
    story.clone().when(break_down("T1")).refused("TRIP_STATE");
    let story = story.after(depart("T1")).after(break_down("T1"));
    let broken = trip(&story, "T1");
    assert_eq!(
        (broken.state(), broken.breakdowns),
        (TripState::BrokenDown, 1)
    );
    story.clone().when(reach("T1")).refused("TRIP_STATE");
    let other = ResumeTrip {
        vehicle_id: Some(code("VAN-2")),
        crew_id: Some(code("C2")),
        ..resume("T1")
    };
    let past = ResumeTrip {
        returns_on: Some(date("2020-04-01")),
        ..other.clone()
    };
    story.clone().when(past).refused("DAYS_OUT_OF_ORDER");
    let resumed = story.clone().after(other);
    // The first van is free again, and the second one is not.
    let again = |vehicle, crew| plan("T2", vehicle, crew, ("2020-04-11", "2020-04-11"));
    resumed.clone().after(again("VAN", "C1"));
    resumed
        .clone()
        .when(again("VAN-2", "C1"))
        .refused("ON_ANOTHER_TRIP");
    assert_eq!(resumed.violations(), Vec::<String>::new());
    // Or what it carried goes with another trip, that comes by.
    let story = story.after(unload("T1", "S1")).after(complete("T1"));
    let relief = PlanTrip {
        stops: ["FAR", "HOSP"].map(stop).to_vec(),
        ..plan("T2", "VAN-2", "C2", ("2020-04-10", "2020-04-11"))
    };
    let story = story.after(relief).after(load("T2", "S1"));
    assert_eq!(trip(&story, "T2").loads[0].from_stop, 0);
    // It is sent elsewhere meanwhile, so it has to get off.
    let story = story.after(divert("S1", "FAR")).after(unload("T2", "S1"));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn stops_are_open_facilities() {
    let story = garage();
    let mut mobile = facility("UNIT", "KZ-75");
    mobile.kind = FacilityKind::Laboratory.into();
    let story = story.after(RegisterFacility(mobile));
    let through = |id: &str| PlanTrip {
        stops: vec![stop("WH"), stop(id), stop("HOSP")],
        ..planned("T1")
    };
    story.clone().after(through("UNIT"));
    story
        .clone()
        .when(through("NONE"))
        .refused("UNKNOWN_FACILITY");
    story
        .after(crate::amendment::close("UNIT"))
        .when(through("UNIT"))
        .refused("FACILITY_CLOSED");
}
