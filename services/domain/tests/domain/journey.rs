//! What happens to shipments on their way: parcels and seals, delay, diversion, split, arrival, loss, and the sender's
//! answer.

use keruen_domain::{
    Boundary, Entry, limits,
    shipment::{
        AcceptLossAct, AllocateShipment, AnswerDiscrepancy, DelayShipment, DispatchShipment,
        DivertShipment, Elsewhere, FoundGoods, GoodsToSend, PackParcel, Pick, ReceiveShipment,
        RecordArrival, RecordDeliveryAttempt, ReportLoss, RequestShipment, SplitShipment,
        UnpackParcel,
    },
};
use keruen_proto::{
    Event,
    inventory::v1::{Asset, ReceiptOutcome, StockLevel},
    requests::v1::{Request, RequestState},
    shipments::v1::{
        CustodyBasis, DelayReason, DeliveryFailure, Discrepancy, DiscrepancyState, DisputeReason,
        DiversionReason, LossCause, SealCheck, SealState, Shipment, ShipmentState, SplitReason,
    },
};

use crate::{story::Story, world::*};

/// Numbers of parcels, with check digits that fit.
pub const BOX_1: &str = "340123450000000000";
pub const BOX_2: &str = "340123450000000017";
pub const BOX_3: &str = "340123450000000024";

pub fn shipment(story: &Story, id: &str) -> Shipment {
    match story.read(&Boundary::Shipment(code(id))) {
        Entry::Shipment(shipment) => shipment,
        other => panic!("{other:?}"),
    }
}

fn request(story: &Story, id: &str) -> Request {
    match story.read(&Boundary::Request(code(id))) {
        Entry::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

fn stock(story: &Story, facility_id: &str, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code(facility_id), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

fn asset(story: &Story, serial_number: &str) -> Asset {
    match story.read(&Boundary::Asset(code("CONC"), label(serial_number))) {
        Entry::Asset(asset) => asset,
        other => panic!("{other:?}"),
    }
}

fn on_hand(story: &Story, facility_id: &str, item_id: &str) -> i64 {
    let lots = stock(story, facility_id, item_id).lots;
    lots.iter().map(|lot| lot.on_hand).sum()
}

pub fn pack(shipment_id: &str, sscc: &str, seal: &str) -> PackParcel {
    PackParcel {
        shipment_id: code(shipment_id),
        sscc: code(sscc),
        seal_number: Some(label(seal)),
        contents: None,
        weight_g: 12_400,
        volume_ml: 60_000,
    }
}

pub fn picked(line: i32, amount: i64) -> Pick {
    Pick {
        line,
        batch_id: None,
        owner_id: None,
        quantity: Some(quantity(amount)),
        serial_numbers: Vec::new(),
    }
}

fn numbered(line: i32, serial_numbers: &[&str]) -> Pick {
    Pick {
        quantity: None,
        serial_numbers: labels(serial_numbers),
        ..picked(line, 1)
    }
}

fn pack_some(shipment_id: &str, sscc: &str, contents: Vec<Pick>) -> PackParcel {
    PackParcel {
        contents: Some(contents),
        ..pack(shipment_id, sscc, "SEAL")
    }
}

pub fn seal(sscc: &str, state: SealState) -> SealCheck {
    SealCheck {
        sscc: sscc.to_owned(),
        state: state.into(),
    }
}

pub fn stands_there(shipment_id: &str, seals: Vec<SealCheck>) -> RecordArrival {
    RecordArrival {
        shipment_id: code(shipment_id),
        seals,
        signed_by_ref: Some(label("person:7")),
        documents: Vec::new(),
    }
}

pub fn delay(shipment_id: &str) -> DelayShipment {
    DelayShipment {
        shipment_id: code(shipment_id),
        expected_on: Some(date("2020-04-20")),
        reason: DelayReason::Weather,
        documents: Vec::new(),
    }
}

pub fn attempt(shipment_id: &str) -> RecordDeliveryAttempt {
    RecordDeliveryAttempt {
        shipment_id: code(shipment_id),
        reason: DeliveryFailure::NobodyThere,
        expected_on: None,
        documents: Vec::new(),
    }
}

pub fn divert(shipment_id: &str, facility_id: &str) -> DivertShipment {
    DivertShipment {
        shipment_id: code(shipment_id),
        elsewhere: Elsewhere::Facility(code(facility_id), None),
        reason: DiversionReason::GreaterNeed,
        expected_on: None,
        documents: Vec::new(),
    }
}

pub fn turn_back(shipment_id: &str) -> DivertShipment {
    DivertShipment {
        elsewhere: Elsewhere::Back,
        reason: DiversionReason::NotAccepted,
        ..divert(shipment_id, "WH")
    }
}

pub fn split(shipment_id: &str, new_shipment_id: &str, units: Vec<Pick>) -> SplitShipment {
    SplitShipment {
        shipment_id: code(shipment_id),
        new_shipment_id: code(new_shipment_id),
        ssccs: Vec::new(),
        units,
        expected_on: None,
        reason: SplitReason::Breakdown,
        documents: Vec::new(),
    }
}

fn split_parcels(shipment_id: &str, new_shipment_id: &str, ssccs: &[&str]) -> SplitShipment {
    SplitShipment {
        ssccs: ssccs.iter().map(|sscc| code(sscc)).collect(),
        ..split(shipment_id, new_shipment_id, Vec::new())
    }
}

pub fn report_loss(shipment_id: &str, units: Option<Vec<Pick>>) -> ReportLoss {
    ReportLoss {
        shipment_id: code(shipment_id),
        units,
        cause: LossCause::Accident,
        documents: Vec::new(),
    }
}

pub fn accept(shipment_id: &str) -> AnswerDiscrepancy {
    AnswerDiscrepancy {
        shipment_id: code(shipment_id),
        numbers: None,
        dispute_reason: None,
        answered_by_ref: Some(label("person:12")),
        documents: Vec::new(),
    }
}

pub fn dispute(shipment_id: &str) -> AnswerDiscrepancy {
    AnswerDiscrepancy {
        dispute_reason: Some(DisputeReason::LeftIntact),
        ..accept(shipment_id)
    }
}

/// 60 RAPID in one batch, 100 gloves and three concentrators at WH.
fn stocked() -> Story {
    Story::new()
        .after(pledge(
            "D1",
            &[("TEST", 1_000), ("GLOVES", 1_000), ("OXYGEN", 9)],
        ))
        .after(receive(
            "D1",
            vec![
                line("RAPID", 60, "B1"),
                line("GLOVE", 100, "G1"),
                assets("C1", &["S1", "S2", "S3"]),
            ],
        ))
}

/// S1 has claimed 40 RAPID in line 1 and two concentrators in line 2.
fn claimed() -> Story {
    stocked()
        .after(ship("S1", &[("RAPID", 40), ("CONC", 2)]))
        .after(allocate("S1"))
}

/// The RAPID of S1 are in two sealed boxes, its concentrators in none; CREW has it all.
fn sealed() -> Story {
    claimed()
        .after(pack_some("S1", BOX_1, vec![picked(1, 25)]))
        .after(pack_some("S1", BOX_2, vec![picked(1, 15)]))
        .after(dispatch("S1"))
}

fn state(story: &Story, id: &str) -> ShipmentState {
    shipment(story, id).state()
}

#[test]
fn what_is_claimed_is_packed_once() {
    let story = claimed();
    story
        .clone()
        .when(PackParcel {
            shipment_id: code("NONE"),
            ..pack("S1", BOX_1, "A")
        })
        .refused("UNKNOWN_SHIPMENT");
    let story = story.after(pack_some(
        "S1",
        BOX_1,
        vec![picked(1, 25), numbered(2, &["S2"])],
    ));
    let packed = &shipment(&story, "S1").parcels[0];
    assert_eq!(packed.seal_state(), SealState::Sealed);
    assert_eq!(packed.parcel.as_ref().unwrap().contents.len(), 2);
    let refused = |command: PackParcel, reason: &str| story.clone().when(command).refused(reason);
    refused(pack("S1", BOX_1, "B"), "PARCEL_EXISTS").saying(&[BOX_1]);
    refused(
        pack_some("S1", BOX_2, vec![picked(1, 16)]),
        "EXCEEDS_SHIPMENT",
    )
    .saying(&["16", "15 are there"]);
    refused(
        pack_some("S1", BOX_2, vec![picked(1, 10), picked(1, 6)]),
        "EXCEEDS_SHIPMENT",
    );
    refused(
        pack_some("S1", BOX_2, vec![picked(3, 1)]),
        "UNKNOWN_SHIPMENT_LINE",
    );
    refused(
        pack_some("S1", BOX_2, vec![numbered(2, &["S2"])]),
        "SERIAL_NUMBER_NOT_THERE",
    );
    refused(
        pack_some("S1", BOX_2, vec![numbered(1, &["S2"])]),
        "SERIAL_NUMBERS_NOT_EXPECTED",
    );
    let other = Pick {
        batch_id: Some(code("G1")),
        ..picked(1, 1)
    };
    refused(pack_some("S1", BOX_2, vec![other]), "NOTHING_TO_TAKE").saying(&["line 1"]);
    // All the rest.
    let story = story.after(pack("S1", BOX_2, "B"));
    let rest = shipment(&story, "S1").parcels[1].parcel.clone().unwrap();
    let rest: Vec<_> = rest
        .contents
        .into_iter()
        .filter_map(|it| it.units)
        .collect();
    assert_eq!(rest[0].quantity, 15);
    assert_eq!(rest[1].serial_numbers, ["S1"]);
    story
        .clone()
        .when(pack("S1", BOX_3, "C"))
        .refused("NOTHING_TO_PACK");
    // Taken apart, it can be packed again, under another number.
    let unpack = UnpackParcel {
        shipment_id: code("S1"),
        sscc: code(BOX_2),
    };
    let story = story.after(unpack.clone());
    assert_eq!(shipment(&story, "S1").parcels.len(), 1);
    story
        .clone()
        .when(unpack)
        .refused("UNKNOWN_PARCEL")
        .saying(&["S1", BOX_2]);
    story
        .clone()
        .when(pack("S1", BOX_2, "B"))
        .refused("PARCEL_EXISTS");
    let story = story.after(pack("S1", BOX_3, "C")).after(dispatch("S1"));
    story
        .clone()
        .when(UnpackParcel {
            shipment_id: code("S1"),
            sscc: code(BOX_3),
        })
        .refused("SHIPMENT_STATE");
    story
        .when(pack("S1", "340123450000000031", "D"))
        .refused("SHIPMENT_STATE");
}

#[test]
fn a_shipment_has_so_many_parcels() {
    let mut story = stocked()
        .after(ship("S1", &[("RAPID", 60), ("GLOVE", 100)]))
        .after(allocate("S1"));
    for number in 0..limits::PARCELS {
        let line = if number < 50 { 1 } else { 2 };
        story = story.after(pack_some(
            "S1",
            &format!("P{number}"),
            vec![picked(line, 1)],
        ));
    }
    story
        .when(pack_some("S1", "ONE-MORE", vec![picked(2, 1)]))
        .refused("TOO_MANY_RECORDS")
        .saying(&["100 parcels"]);
}

#[test]
fn a_parcel_of_which_units_may_not_go_has_to_be_packed_anew() {
    let story = claimed()
        .after(pack_some("S1", BOX_1, vec![picked(1, 25)]))
        .after(pack_some("S1", BOX_2, vec![numbered(2, &["S1"])]));
    let story = story.after(lose("B1", 50));
    let after = shipment(&story, "S1");
    assert_eq!(after.parcels.len(), 1, "{after:?}");
    assert_eq!(after.parcels[0].parcel.as_ref().unwrap().sscc, BOX_2);
    let story = story.after(cancel("S1"));
    assert_eq!(shipment(&story, "S1").parcels, []);
}

#[test]
fn lines_may_ask_for_life_that_remains_on_arrival() {
    let lasting = |amount: i64, days: i32| RequestShipment {
        lines: vec![GoodsToSend {
            min_life_days: days,
            ..ship("S1", &[("RAPID", amount)]).lines.remove(0)
        }],
        ..ship("S1", &[])
    };
    let story = Story::new()
        .after(pledge("D1", &[("TEST", 1_000)]))
        .after(receive(
            "D1",
            vec![
                keruen_domain::donation::ReceiptLine {
                    expires_on: Some(date("2020-05-10")),
                    ..line("RAPID", 30, "SOON")
                },
                line("RAPID", 20, "LATER"),
            ],
        ));
    // On 2020-04-10, thirty days are left until 2020-05-10.
    let on_time = story.clone().after(lasting(10, 30)).after(allocate("S1"));
    assert_eq!(stock(&on_time, "WH", "RAPID").lots[0].reserved, 10);
    let slow = AllocateShipment {
        arrives_on: Some(date("2020-04-11")),
        ..allocate("S1")
    };
    let late = story.clone().after(lasting(10, 30)).after(slow.clone());
    let lots = stock(&late, "WH", "RAPID").lots;
    assert_eq!((lots[0].reserved, lots[1].reserved), (0, 10), "{lots:?}");
    assert_eq!(late.violations(), Vec::<String>::new());
    story
        .clone()
        .after(lasting(21, 30))
        .when(slow.clone())
        .refused("REMAINING_LIFE_TOO_SHORT")
        .saying(&["2020-05-11", "21 requested", "20 available", "30 expire"]);
    story
        .clone()
        .after(lasting(51, 30))
        .when(slow.clone())
        .refused("INSUFFICIENT_STOCK");
    story
        .after(lasting(10, 30))
        .when(AllocateShipment {
            arrives_on: Some(date("2020-04-09")),
            ..slow
        })
        .refused("DUE_DAY_PASSED");
}

#[test]
fn a_shipment_on_its_way_is_late_and_nobody_takes_it() {
    let story = claimed();
    story.clone().when(delay("S1")).refused("SHIPMENT_STATE");
    story.clone().when(attempt("S1")).refused("SHIPMENT_STATE");
    let story = story.after(dispatch("S1")).after(delay("S1"));
    let late = shipment(&story, "S1");
    assert_eq!(late.expected_on, "2020-04-20");
    assert_eq!(late.delay_reason(), DelayReason::Weather);
    assert_eq!(late.state(), ShipmentState::Dispatched);
    story
        .clone()
        .when(DelayShipment {
            expected_on: Some(date("2020-04-09")),
            ..delay("S1")
        })
        .refused("DUE_DAY_PASSED");
    let story = story.after(attempt("S1")).after(attempt("S1"));
    let tried = shipment(&story, "S1");
    assert_eq!(tried.delivery_attempts, 2);
    assert_eq!(tried.state(), ShipmentState::DeliveryAttempted);
    let story = story.after(arrive("S1"));
    assert_eq!(state(&story, "S1"), ShipmentState::Received);
    story.when(attempt("S1")).refused("SHIPMENT_STATE");
}

#[test]
fn what_is_diverted_no_longer_fulfils_what_it_was_for() {
    let story = stocked()
        .after(ask("R1", &[("TEST", 40)]))
        .after(approve("R1", &[(1, 40)]))
        .after(ship_for("S1", "R1", &[("RAPID", 40)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    assert_eq!(request(&story, "R1").state(), RequestState::Allocated);
    let refused =
        |command: DivertShipment, reason: &str| story.clone().when(command).refused(reason);
    refused(divert("S1", "HOSP"), "ALREADY_GOING_THERE").saying(&["HOSP"]);
    refused(divert("S1", "NOWHERE"), "UNKNOWN_FACILITY");
    let story = story.after(divert("S1", "FAR"));
    let diverted = shipment(&story, "S1");
    assert_eq!(diverted.destination_id, "FAR");
    assert_eq!(diverted.diverted_from_ids, ["HOSP"]);
    assert_eq!(diverted.state(), ShipmentState::Diverted);
    let open = request(&story, "R1");
    assert_eq!(
        (open.lines[0].allocated, open.state()),
        (0, RequestState::Approved)
    );
    let story = story.after(arrive("S1"));
    assert_eq!(on_hand(&story, "FAR", "RAPID"), 40);
    assert_eq!(request(&story, "R1").lines[0].received, 0);
    assert_eq!(state(&story, "S1"), ShipmentState::Received);
    assert_eq!(story.violations(), Vec::<String>::new());
    // The rest of the stock can serve the request now.
    story
        .after(ship_for("S2", "R1", &[("RAPID", 20)]))
        .after(allocate("S2"));
}

#[test]
fn goods_go_back_where_they_came_from() {
    let story = sealed().after(attempt("S1")).after(turn_back("S1"));
    assert_eq!(shipment(&story, "S1").destination_id, "WH");
    let story = story.after(arrive("S1"));
    assert_eq!(state(&story, "S1"), ShipmentState::Returned);
    assert_eq!(on_hand(&story, "WH", "RAPID"), 60);
    assert_eq!(asset(&story, "S1").facility_id, "WH");
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_donors_meant_for_a_place_is_diverted_nowhere_else() {
    let meant = keruen_domain::donation::PledgeDonation {
        earmarks: vec![keruen_proto::inventory::v1::Earmark {
            facility_id: "HOSP".to_owned(),
            ..Default::default()
        }],
        ..pledge("D1", &[("GLOVES", 10)])
    };
    let hospital = |mut event: Event| {
        if let Event::FacilityRegistered(it) = &mut event
            && let Some(facility) = it.facility.as_mut().filter(|it| it.facility_id == "FAR")
        {
            facility.kind = keruen_proto::registry::v1::FacilityKind::Hospital.into();
        }
        event
    };
    let story = Story::empty()
        .given(registry().into_iter().map(hospital))
        .after(meant)
        .after(receive("D1", vec![line("GLOVE", 10, "G1")]))
        .after(ship("S1", &[("GLOVE", 10)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    story
        .clone()
        .when(divert("S1", "FAR"))
        .refused("BATCH_EARMARKED")
        .saying(&["G1", "D1"]);
    story.after(turn_back("S1"));
}

#[test]
fn a_part_goes_on_by_itself_after_a_breakdown() {
    let story = sealed();
    let refused =
        |command: SplitShipment, reason: &str| story.clone().when(command).refused(reason);
    refused(split_parcels("S1", "S1", &[BOX_1]), "SHIPMENT_EXISTS");
    refused(split_parcels("S1", "S2", &[BOX_3]), "UNKNOWN_PARCEL");
    refused(
        split_parcels("S1", "S2", &[BOX_1, BOX_1]),
        "DUPLICATE_PARCEL",
    );
    // All RAPID are in boxes.
    refused(split("S1", "S2", vec![picked(1, 1)]), "NOTHING_TO_TAKE");
    let all = SplitShipment {
        units: vec![numbered(2, &["S1", "S2"])],
        ..split_parcels("S1", "S2", &[BOX_1, BOX_2])
    };
    refused(all, "SPLIT_TAKES_ALL");
    let story = story.after(SplitShipment {
        units: vec![numbered(2, &["S2"])],
        ..split_parcels("S1", "S2", &[BOX_1])
    });
    let (old, new) = (shipment(&story, "S1"), shipment(&story, "S2"));
    assert_eq!((old.lots[0].in_transit, new.lots[0].in_transit), (15, 25));
    assert_eq!(old.lots[1].serial_numbers_in_transit, ["S1"]);
    assert_eq!(new.lots[1].serial_numbers_in_transit, ["S2"]);
    assert_eq!((old.parcels.len(), new.parcels.len()), (1, 1));
    assert_eq!(new.custodian_id, "CREW");
    assert_eq!(new.split_from_id, "S1");
    assert_eq!(old.split_into_ids, ["S2"]);
    assert_eq!(asset(&story, "S2").shipment_id, "S2");
    let lines: Vec<_> = new.lines.iter().map(|it| (it.line, it.quantity)).collect();
    assert_eq!(lines, [(1, 25), (2, 1)]);
    let story = story.after(divert("S2", "FAR")).after(arrive("S2"));
    let story = story.after(arrive("S1"));
    assert_eq!(on_hand(&story, "FAR", "RAPID"), 25);
    assert_eq!(on_hand(&story, "HOSP", "RAPID"), 15);
    assert_eq!(story.violations(), Vec::<String>::new());
    story
        .when(split("S1", "S3", vec![picked(1, 1)]))
        .refused("SHIPMENT_STATE");
}

#[test]
fn a_parcel_goes_on_only_as_it_was_packed() {
    let story = sealed().after(report_loss("S1", Some(vec![picked(1, 20)])));
    story
        .clone()
        .when(split_parcels("S1", "S2", &[BOX_1]))
        .refused("PARCEL_INCOMPLETE")
        .saying(&[BOX_1]);
    story
        .clone()
        .when(divert("S1", "FAR"))
        .refused("UNITS_MISSING")
        .saying(&["20 units"]);
    // What is left goes elsewhere by itself.
    story
        .after(split_parcels("S1", "S2", &[BOX_2]))
        .after(divert("S2", "FAR"));
}

#[test]
fn splits_and_diversions_end_somewhere() {
    let mut story = stocked()
        .after(ship("S1", &[("GLOVE", 100)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    for number in 0..limits::SPLITS {
        story = story.after(split("S1", &format!("T{number}"), vec![picked(1, 1)]));
    }
    story
        .clone()
        .when(split("S1", "T", vec![picked(1, 1)]))
        .refused("TOO_MANY_RECORDS");
    for number in 0..limits::DIVERSIONS {
        let place = if number % 2 == 0 { "FAR" } else { "HOSP" };
        story = story.after(divert("S1", place));
    }
    story.when(divert("S1", "FAR")).refused("TOO_MANY_RECORDS");
}

#[test]
fn a_driver_who_signed_for_sealed_boxes_is_cleared() {
    let story = sealed().after(stands_there(
        "S1",
        vec![
            seal(BOX_1, SealState::Intact),
            seal(BOX_2, SealState::Broken),
        ],
    ));
    assert_eq!(state(&story, "S1"), ShipmentState::Arrived);
    let missing = |amount, sscc| FoundGoods {
        sscc: Some(code(sscc)),
        ..found(1, amount, ReceiptOutcome::Missing)
    };
    let story = story.after(arrive_with(
        "S1",
        vec![
            missing(3, BOX_1),
            missing(2, BOX_2),
            found(1, 35, ReceiptOutcome::Good),
            FoundGoods {
                serial_numbers: labels(&["S1"]),
                ..found(2, 1, ReceiptOutcome::Missing)
            },
            FoundGoods {
                serial_numbers: labels(&["S2"]),
                ..found(2, 1, ReceiptOutcome::Good)
            },
        ],
    ));
    let after = shipment(&story, "S1");
    let shares: Vec<_> = after.lots[0]
        .missing_by_liable
        .iter()
        .map(|it| (it.liable_id.as_str(), it.quantity))
        .collect();
    // MOH runs the warehouse that packed and sealed; the broken seal and what is in no box are the driver's.
    assert_eq!(shares, [("MOH", 3), ("CREW", 2)]);
    assert_eq!(after.lots[1].missing_by_liable[0].liable_id, "CREW");
    let answers: Vec<_> = after
        .discrepancies
        .iter()
        .map(|it| (it.number, it.found.as_ref().unwrap().liable_id.as_str()))
        .collect();
    assert_eq!(answers, [(1, "MOH"), (2, "CREW"), (3, "CREW")]);
    // One act for each who answers; the lines of the other stay open.
    let of_moh = AcceptLossAct {
        liable_id: Some(code("MOH")),
        ..settle("S1")
    };
    let story = story.after(of_moh.clone());
    let left = &shipment(&story, "S1").lots[0];
    assert_eq!((left.missing, left.lost), (2, 3));
    story.clone().when(of_moh).refused("NOTHING_MISSING");
    let by_line = AcceptLossAct {
        lines: Some(vec![2]),
        ..settle("S1")
    };
    let story = story.after(by_line);
    assert_eq!(shipment(&story, "S1").lots[0].missing, 2);
    let story = story.after(settle("S1"));
    // Who answered is known after that.
    let settled = shipment(&story, "S1");
    let shares: Vec<_> = settled.lots[0]
        .lost_by_liable
        .iter()
        .map(|it| (it.liable_id.as_str(), it.quantity))
        .collect();
    assert_eq!(shares, [("MOH", 3), ("CREW", 2)]);
    let numbers = &settled.lots[1].lost_by_liable[0].serial_numbers;
    assert_eq!(numbers[..], ["S1"]);
    let states: Vec<_> = shipment(&story, "S1")
        .discrepancies
        .iter()
        .map(Discrepancy::state)
        .collect();
    assert_eq!(states, [DiscrepancyState::Settled; 3]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn whoever_counted_the_contents_answers_for_them() {
    let story = claimed()
        .after(pack_some("S1", BOX_1, vec![picked(1, 40)]))
        .after(DispatchShipment {
            basis: Some(CustodyBasis::Counted),
            ..dispatch("S1")
        })
        .after(stands_there("S1", vec![seal(BOX_1, SealState::Intact)]))
        .after(arrive_with(
            "S1",
            vec![found(1, 4, ReceiptOutcome::Missing)],
        ));
    let share = &shipment(&story, "S1").lots[0].missing_by_liable[0];
    assert_eq!(share.liable_id, "CREW");
}

#[test]
fn without_a_parcel_named_only_what_was_all_sealed_clears() {
    let intact = || {
        vec![
            seal(BOX_1, SealState::Intact),
            seal(BOX_2, SealState::Intact),
        ]
    };
    let liable = |story: Story| {
        let story = story.after(arrive_with(
            "S1",
            vec![found(1, 4, ReceiptOutcome::Missing)],
        ));
        shipment(&story, "S1").lots[0].missing_by_liable[0]
            .liable_id
            .clone()
    };
    assert_eq!(liable(sealed().after(stands_there("S1", intact()))), "MOH");
    // One seal was not looked at.
    let one = vec![seal(BOX_1, SealState::Intact)];
    assert_eq!(liable(sealed().after(stands_there("S1", one))), "CREW");
    // Some units were in no box.
    let loose = claimed()
        .after(pack_some("S1", BOX_1, vec![picked(1, 25)]))
        .after(pack_some("S1", BOX_2, vec![picked(1, 10)]))
        .after(dispatch("S1"));
    assert_eq!(liable(loose.after(stands_there("S1", intact()))), "CREW");
}

#[test]
fn a_parcel_that_is_not_there_is_missing_with_all_that_was_in_it() {
    let story = sealed();
    let receive = |seals| ReceiveShipment {
        seals,
        ..arrive("S1")
    };
    story
        .clone()
        .when(receive(vec![seal(BOX_3, SealState::Intact)]))
        .refused("UNKNOWN_PARCEL");
    story
        .clone()
        .when(receive(vec![
            seal(BOX_1, SealState::Intact),
            seal(BOX_1, SealState::Broken),
        ]))
        .refused("DUPLICATE_PARCEL");
    let story = story.after(receive(vec![
        seal(BOX_1, SealState::ParcelMissing),
        seal(BOX_2, SealState::Intact),
    ]));
    let lot = &shipment(&story, "S1").lots[0];
    assert_eq!((lot.received_good, lot.missing), (15, 25));
    assert_eq!(lot.missing_by_liable[0].liable_id, "CREW");
    assert_eq!(
        shipment(&story, "S1").discrepancies[0].answer_due_on,
        "2020-04-17"
    );
    // It turns up.
    let story = story.after(arrive_with("S1", vec![found(1, 25, ReceiptOutcome::Good)]));
    let after = shipment(&story, "S1");
    assert_eq!(after.lots[0].missing_by_liable, []);
    assert_eq!(after.discrepancies[0].state(), DiscrepancyState::Settled);
}

#[test]
fn a_line_of_a_receipt_names_a_parcel_that_held_so_many() {
    let story = sealed();
    let missing = |amount, sscc| {
        arrive_with(
            "S1",
            vec![FoundGoods {
                sscc: Some(code(sscc)),
                ..found(1, amount, ReceiptOutcome::Missing)
            }],
        )
    };
    story
        .clone()
        .when(missing(1, BOX_3))
        .refused("UNKNOWN_PARCEL");
    story
        .when(missing(16, BOX_2))
        .refused("NOT_IN_PARCEL")
        .saying(&[BOX_2, "15 units"]);
}

#[test]
fn senders_answer_in_time() {
    let story = sealed().after(ReceiveShipment {
        answer_within_days: 3,
        ..arrive_with(
            "S1",
            vec![
                found(1, 2, ReceiptOutcome::Missing),
                found(1, 1, ReceiptOutcome::Damaged),
                unannounced("GLOVE", 4, "N1"),
            ],
        )
    });
    let open = shipment(&story, "S1").discrepancies;
    assert_eq!(open.len(), 3);
    assert_eq!(open[0].answer_due_on, "2020-04-13");
    story
        .clone()
        .when(AnswerDiscrepancy {
            numbers: Some(vec![4]),
            ..accept("S1")
        })
        .refused("UNKNOWN_DISCREPANCY")
        .saying(&["4"]);
    let story = story.after(AnswerDiscrepancy {
        numbers: Some(vec![2]),
        ..dispute("S1")
    });
    story
        .clone()
        .when(AnswerDiscrepancy {
            numbers: Some(vec![2]),
            ..accept("S1")
        })
        .refused("DISCREPANCY_STATE")
        .saying(&["DISPUTED"]);
    story
        .clone()
        .on("2020-04-14")
        .when(dispute("S1"))
        .refused("ANSWER_OVERDUE")
        .saying(&["2020-04-13", "2020-04-14"]);
    story.clone().on("2020-04-13").after(dispute("S1"));
    let story = story.on("2020-04-14").after(accept("S1"));
    let states: Vec<_> = shipment(&story, "S1")
        .discrepancies
        .iter()
        .map(Discrepancy::state)
        .collect();
    assert_eq!(
        states,
        [
            DiscrepancyState::Accepted,
            DiscrepancyState::Disputed,
            DiscrepancyState::Accepted
        ]
    );
    story.when(accept("S1")).refused("NOTHING_OPEN");
}

#[test]
fn what_is_lost_on_the_way_is_its_custodians_until_a_loss_act_settles_it() {
    let story = claimed();
    story
        .clone()
        .when(report_loss("S1", None))
        .refused("SHIPMENT_STATE");
    let story = story.after(dispatch("S1"));
    let part = story
        .clone()
        .after(report_loss("S1", Some(vec![picked(1, 10)])));
    let lot = &shipment(&part, "S1").lots[0];
    assert_eq!((lot.in_transit, lot.missing), (30, 10));
    assert_eq!(lot.missing_by_liable[0].liable_id, "CREW");
    let part = part.after(arrive("S1"));
    assert_eq!(state(&part, "S1"), ShipmentState::ReceivedWithDiscrepancy);
    let some = |amount| report_loss("S1", Some(vec![picked(1, amount)]));
    let twice = story.clone().after(some(10)).after(some(5));
    let after = shipment(&twice, "S1");
    let [loss] = &after.reported_losses[..] else {
        panic!("{after:?}");
    };
    assert_eq!(
        (loss.cause(), &*loss.liable_id),
        (LossCause::Accident, "CREW")
    );
    let units = loss.units.as_ref().unwrap().units.as_ref().unwrap();
    assert_eq!(units.quantity, 15);
    let story = story.after(report_loss("S1", None));
    assert_eq!(state(&story, "S1"), ShipmentState::Dispatched);
    story
        .clone()
        .when(report_loss("S1", None))
        .refused("NOTHING_IN_TRANSIT");
    let story = story.after(settle("S1"));
    assert_eq!(state(&story, "S1"), ShipmentState::Lost);
    assert_eq!(story.violations(), Vec::<String>::new());
}
