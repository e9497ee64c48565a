//! Custody: who hands goods to whom, on what agreement, and who keeps what rests.

use keruen_domain::{
    Boundary, Entry,
    agreement::{EndLiabilityAgreement, SignLiabilityAgreement},
    keeper::AppointKeeper,
    limits,
    registry::RegisterVolunteer,
    shipment::{DispatchShipment, HandOverShipment, Pick, RefuseHandOver},
    stock::CountStock,
};
use keruen_proto::{
    inventory::v1::{CountKind, ReceiptOutcome},
    registry::v1::{DocumentKind, DocumentRef},
    shipments::v1::{
        AgreementEndReason, AgreementOverride, AgreementOverrideReason, CustodyBasis, Keeper,
        LiabilityBasis, Remark, RemarkKind, SealState, ShipmentState,
    },
};

use crate::{
    fleet::volunteer,
    journey::{BOX_1, BOX_2, picked, seal, shipment, stands_there},
    story::Story,
    world::*,
};

fn paper() -> Vec<DocumentRef> {
    vec![DocumentRef {
        kind: DocumentKind::Contract.into(),
        number: "LA-1".to_owned(),
        ..DocumentRef::default()
    }]
}

pub fn sign(organisation_id: &str, agreement_id: &str) -> SignLiabilityAgreement {
    SignLiabilityAgreement {
        organisation_id: code(organisation_id),
        agreement_id: code(agreement_id),
        volunteer_id: None,
        basis: LiabilityBasis::Full,
        limit: None,
        valid_from: date("2020-04-01"),
        valid_until: Some(date("2020-04-30")),
        documents: paper(),
    }
}

fn end(organisation_id: &str, agreement_id: &str) -> EndLiabilityAgreement {
    EndLiabilityAgreement {
        organisation_id: code(organisation_id),
        agreement_id: code(agreement_id),
        ended_on: None,
        reason: AgreementEndReason::Breach,
        documents: Vec::new(),
    }
}

pub fn hand_over(shipment_id: &str, to: &str) -> HandOverShipment {
    HandOverShipment {
        shipment_id: code(shipment_id),
        custodian_id: code(to),
        signed_by_ref: label("person:7"),
        handed_over_by_ref: None,
        basis: CustodyBasis::Sealed,
        seals: Vec::new(),
        missing: Vec::new(),
        remarks: Vec::new(),
        agreement_override: None,
        facility_id: None,
        documents: Vec::new(),
    }
}

fn overridden(shipment_id: &str, to: &str) -> HandOverShipment {
    HandOverShipment {
        agreement_override: Some(AgreementOverride {
            authorised_by_ref: "person:1".to_owned(),
            reason: AgreementOverrideReason::Emergency.into(),
        }),
        ..hand_over(shipment_id, to)
    }
}

fn refuse(shipment_id: &str) -> RefuseHandOver {
    RefuseHandOver {
        shipment_id: code(shipment_id),
        custodian_id: code("HELP"),
        signed_by_ref: label("person:8"),
        remarks: vec![Remark {
            kind: RemarkKind::Wet.into(),
            sscc: String::new(),
            reference: "photo:118".to_owned(),
        }],
        documents: Vec::new(),
    }
}

pub fn appoint(person: &str, counts: &[&str]) -> AppointKeeper {
    AppointKeeper {
        facility_id: code("WH"),
        organisation_id: code("HELP"),
        person_ref: label(person),
        count_ids: counts.iter().map(|id| code(id)).collect(),
        documents: Vec::new(),
    }
}

fn keeper(story: &Story) -> Keeper {
    match story.read(&Boundary::Keeper(code("WH"))) {
        Entry::Keeper(keeper) => keeper,
        other => panic!("{other:?}"),
    }
}

/// 100 gloves of MOH at WH.
fn stocked() -> Story {
    Story::new()
        .after(pledge("D1", &[("GLOVES", 1_000)]))
        .after(receive("D1", vec![line("GLOVE", 100, "G1")]))
}

/// 40 gloves in two sealed boxes, in the hands of CREW.
fn under_way() -> Story {
    let some = |sscc, amount| keruen_domain::shipment::PackParcel {
        contents: Some(vec![picked(1, amount)]),
        ..crate::journey::pack("S1", sscc, "SEAL")
    };
    stocked()
        .after(ship("S1", &[("GLOVE", 40)]))
        .after(allocate("S1"))
        .after(some(BOX_1, 25))
        .after(some(BOX_2, 15))
        .after(dispatch("S1"))
}

#[test]
fn goods_go_only_to_who_has_an_agreement_or_on_somebodys_word() {
    let story = under_way();
    let refused =
        |command: HandOverShipment, reason: &str| story.clone().when(command).refused(reason);
    refused(hand_over("S1", "HELP"), "NO_AGREEMENT").saying(&["HELP", "2020-04-10"]);
    refused(hand_over("S1", "NOBODY"), "UNKNOWN_ORGANISATION");
    refused(hand_over("S9", "HELP"), "UNKNOWN_SHIPMENT");
    let on_word = story.clone().after(overridden("S1", "HELP"));
    let leg = shipment(&on_word, "S1").legs[1].clone();
    assert!(leg.agreement_override.is_some() && leg.agreement_id.is_empty());
    let story = story.after(sign("HELP", "LA-1"));
    let taken = story.clone().after(overridden("S1", "HELP"));
    let leg = shipment(&taken, "S1").legs[1].clone();
    // Where there is an agreement, nobody has to answer for it.
    assert!(leg.agreement_override.is_none() && leg.agreement_id == "LA-1");
    assert_eq!(shipment(&taken, "S1").state(), ShipmentState::HandedOver);
    assert_eq!(shipment(&taken, "S1").custodian_id, "HELP");
    taken
        .clone()
        .when(hand_over("S1", "HELP"))
        .refused("SAME_CUSTODIAN")
        .saying(&["HELP", "person:7"]);
    // Another driver of the same organisation.
    taken.after(HandOverShipment {
        signed_by_ref: label("person:9"),
        ..hand_over("S1", "HELP")
    });
    story
        .clone()
        .on("2020-05-01")
        .when(hand_over("S1", "HELP"))
        .refused("NO_AGREEMENT");
    story
        .after(end("HELP", "LA-1"))
        .when(hand_over("S1", "HELP"))
        .refused("NO_AGREEMENT");
}

#[test]
fn agreements_are_signed_once_and_end_once() {
    let story = Story::new().after(sign("HELP", "LA-1"));
    let refused =
        |command: SignLiabilityAgreement, reason: &str| story.clone().when(command).refused(reason);
    refused(sign("HELP", "LA-1"), "AGREEMENT_EXISTS");
    refused(sign("NOBODY", "LA-1"), "UNKNOWN_ORGANISATION");
    refused(
        SignLiabilityAgreement {
            documents: Vec::new(),
            ..sign("HELP", "LA-2")
        },
        "DECISION_REQUIRED",
    );
    refused(
        SignLiabilityAgreement {
            valid_until: Some(date("2020-03-31")),
            ..sign("HELP", "LA-2")
        },
        "DAYS_OUT_OF_ORDER",
    );
    let of_volunteer = |id: &str| SignLiabilityAgreement {
        volunteer_id: Some(code(id)),
        ..sign("HELP", "LA-2")
    };
    refused(of_volunteer("V9"), "UNKNOWN_VOLUNTEER");
    story
        .clone()
        .when(end("HELP", "LA-9"))
        .refused("UNKNOWN_AGREEMENT");
    let ended = story.clone().after(end("HELP", "LA-1"));
    ended
        .clone()
        .when(end("HELP", "LA-1"))
        .refused("AGREEMENT_ENDED")
        .saying(&["2020-04-10"]);
    story
        .clone()
        .when(EndLiabilityAgreement {
            ended_on: Some(date("2020-03-01")),
            ..end("HELP", "LA-1")
        })
        .refused("DAYS_OUT_OF_ORDER");
    let mut many = story;
    for number in 1..limits::AGREEMENTS {
        many = many.after(sign("HELP", &format!("N{number}")));
    }
    many.when(sign("HELP", "ONE-MORE"))
        .refused("TOO_MANY_RECORDS");
}

#[test]
fn an_agreement_of_a_volunteer_stands_for_their_signature_alone() {
    let story = under_way().after(RegisterVolunteer(volunteer("7")));
    let theirs = |organisation: &str| SignLiabilityAgreement {
        volunteer_id: Some(code("7")),
        ..sign(organisation, "LA-7")
    };
    story
        .clone()
        .when(theirs("HELP"))
        .refused("VOLUNTEER_OF_ANOTHER")
        .saying(&["7", "CREW"]);
    let story = story.after(theirs("CREW"));
    let by = |person: &str| HandOverShipment {
        signed_by_ref: label(person),
        ..hand_over("S1", "CREW")
    };
    story.clone().when(by("person:8")).refused("NO_AGREEMENT");
    story.after(by("person:7"));
}

#[test]
fn what_a_hand_over_finds_counts_against_who_had_it() {
    let story = under_way().after(sign("HELP", "LA-1"));
    let story = story.after(HandOverShipment {
        seals: vec![
            seal(BOX_1, SealState::Intact),
            seal(BOX_2, SealState::Broken),
        ],
        ..hand_over("S1", "HELP")
    });
    let at_hospital = vec![
        seal(BOX_1, SealState::Intact),
        seal(BOX_2, SealState::Broken),
    ];
    let missing = |amount, sscc| keruen_domain::shipment::FoundGoods {
        sscc: Some(code(sscc)),
        ..found(1, amount, ReceiptOutcome::Missing)
    };
    let story = story
        .after(stands_there("S1", at_hospital))
        .after(arrive_with(
            "S1",
            vec![missing(2, BOX_1), missing(3, BOX_2)],
        ));
    let shares: Vec<_> = shipment(&story, "S1").lots[0]
        .missing_by_liable
        .iter()
        .map(|it| (it.liable_id.clone(), it.quantity))
        .collect();
    // The first box was sealed all the way, so MOH answers; the second came to HELP open, so CREW does.
    assert_eq!(shares, [("MOH".to_owned(), 2), ("CREW".to_owned(), 3)]);
}

#[test]
fn whoever_counts_takes_over_what_was_counted() {
    let story = under_way().after(sign("HELP", "LA-1"));
    let short = Pick {
        batch_id: None,
        ..picked(1, 4)
    };
    let story = story.after(HandOverShipment {
        basis: CustodyBasis::Counted,
        missing: vec![short],
        ..hand_over("S1", "HELP")
    });
    let lot = shipment(&story, "S1").lots[0].clone();
    assert_eq!((lot.in_transit, lot.missing), (36, 4));
    assert_eq!(lot.missing_by_liable[0].liable_id, "CREW");
    let story = story
        .after(stands_there("S1", vec![seal(BOX_1, SealState::Intact)]))
        .after(arrive_with(
            "S1",
            vec![keruen_domain::shipment::FoundGoods {
                sscc: Some(code(BOX_1)),
                ..found(1, 1, ReceiptOutcome::Missing)
            }],
        ));
    let shares = &shipment(&story, "S1").lots[0].missing_by_liable;
    // HELP had counted what was in the box.
    assert_eq!(shares[1].liable_id, "HELP");
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_refusal_changes_no_hands() {
    let story = under_way().after(refuse("S1"));
    let after = shipment(&story, "S1");
    assert_eq!((after.custodian_id.as_str(), after.refusals), ("CREW", 1));
    story
        .clone()
        .when(RefuseHandOver {
            remarks: Vec::new(),
            ..refuse("S1")
        })
        .refused("NO_LINES");
    story
        .after(arrive("S1"))
        .when(refuse("S1"))
        .refused("SHIPMENT_STATE");
}

#[test]
fn a_shipment_passes_through_so_many_hands() {
    let mut story = under_way().after(sign("HELP", "LA-1"));
    for number in 1..limits::LEGS {
        story = story.after(HandOverShipment {
            signed_by_ref: label(&format!("person:{number}")),
            ..hand_over("S1", "HELP")
        });
    }
    story
        .when(hand_over("S1", "HELP"))
        .refused("TOO_MANY_RECORDS");
}

#[test]
fn a_dispatch_rests_on_the_agreement_and_the_keeper_of_the_day() {
    let story = stocked()
        .after(sign("CREW", "LA-1"))
        .after(appoint("person:3", &[]))
        .after(ship("S1", &[("GLOVE", 40)]))
        .after(allocate("S1"))
        .after(DispatchShipment {
            signed_by_ref: Some(label("person:7")),
            ..dispatch("S1")
        });
    let sent = shipment(&story, "S1");
    assert_eq!(sent.sender_id, "HELP");
    assert_eq!(sent.legs[0].agreement_id, "LA-1");
}

#[test]
fn whoever_had_an_agreement_carries_nothing_without_one() {
    let story = stocked()
        .after(ship("S1", &[("GLOVE", 40)]))
        .after(allocate("S1"));
    // CREW never had one, and is not asked for it.
    story.clone().after(dispatch("S1"));
    let story = story.after(sign("CREW", "LA-1")).after(end("CREW", "LA-1"));
    story
        .clone()
        .when(dispatch("S1"))
        .refused("NO_AGREEMENT")
        .saying(&["CREW", "2020-04-10"]);
    let answered = AgreementOverride {
        authorised_by_ref: "person:1".to_owned(),
        reason: AgreementOverrideReason::UrgentNeed.into(),
    };
    let story = story.after(DispatchShipment {
        agreement_override: Some(answered.clone()),
        ..dispatch("S1")
    });
    let leg = shipment(&story, "S1").legs[0].clone();
    assert_eq!(leg.agreement_override, Some(answered));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_keeper_takes_over_by_full_counts() {
    let full = |id: &str| count(id, "GLOVE", &[("G1", 100)]);
    let story = stocked()
        .after(full("C1"))
        .after(CountStock {
            kind: CountKind::Cycle,
            ..full("C2")
        })
        .after(appoint("person:3", &[]));
    assert_eq!(keeper(&story).person_ref, "person:3");
    let refused =
        |command: AppointKeeper, reason: &str| story.clone().when(command).refused(reason);
    refused(appoint("person:3", &["C1"]), "SAME_KEEPER");
    refused(appoint("person:4", &[]), "COUNT_REQUIRED").saying(&["WH"]);
    refused(appoint("person:4", &["C9"]), "COUNT_UNFIT").saying(&["no such count"]);
    refused(appoint("person:4", &["C2"]), "COUNT_UNFIT").saying(&["FULL"]);
    refused(appoint("person:4", &["C1", "C1"]), "COUNT_UNFIT").saying(&["twice"]);
    refused(
        AppointKeeper {
            facility_id: code("HOSP"),
            ..appoint("person:4", &["C1"])
        },
        "COUNT_UNFIT",
    )
    .saying(&["another facility"]);
    let story = story.after(appoint("person:4", &["C1"]));
    assert_eq!(keeper(&story).person_ref, "person:4");
    story
        .when(appoint("person:5", &["C1"]))
        .refused("COUNT_UNFIT")
        .saying(&["count anew"]);
}

#[test]
fn a_keeper_answers_for_what_was_there_when_they_came() {
    let full = |id: &str| count(id, "GLOVE", &[("G1", 100)]);
    let later = |mut story: Story| {
        story.now_us += 3_600_000_000;
        story
    };
    let story = stocked()
        .after(full("C1"))
        .after(full("OLD"))
        .after(appoint("person:3", &[]));
    let story = later(story).after(appoint("person:4", &["C1"]));
    // By the one before the last, and by one that nobody has used yet.
    let story = later(story).after(full("C2"));
    let story = story.after(appoint("person:5", &["C2"]));
    for used in ["C1", "C2"] {
        let refused = story.clone().when(appoint("person:6", &[used]));
        refused.refused("COUNT_UNFIT").saying(&["already"]);
    }
    let refused = story.clone().when(appoint("person:6", &["OLD"]));
    refused.refused("COUNT_UNFIT").saying(&["taken before"]);
    // What was counted on the same day, and after the last change, will do.
    let story = later(story).after(full("C3"));
    let story = story.after(appoint("person:6", &["C3"]));
    assert_eq!(keeper(&story).used_count_ids, ["C1", "C2", "C3"]);
    assert_eq!(story.violations(), Vec::<String>::new());
}
