//! Donations from abroad: announced, at the border, with customs, cleared or refused.

use keruen_domain::{
    Boundary, Entry,
    donation::{AnnounceConsignment, Import, Passage, ReceiveDonation},
    limits,
};
use keruen_proto::inventory::v1::{
    ClearanceOverride, ClearanceOverrideReason, Consignment, ConsignmentState, RefusalReason,
};

use crate::{story::Story, world::*};

const REFUSED: Passage = Passage::Refused(RefusalReason::Documents);
const PASSAGES: [Passage; 4] = [Passage::Border, Passage::Customs, Passage::Cleared, REFUSED];

fn consignments(story: &Story) -> Vec<Consignment> {
    match story.read(&Boundary::Donation(code("D1"))) {
        Entry::Donation(donation) => donation.consignments,
        other => panic!("{other:?}"),
    }
}

fn state(story: &Story) -> ConsignmentState {
    consignments(story)[0].state()
}

fn announced() -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 100)]))
        .after(announce("D1", "C-1"))
}

fn passed(passages: &[Passage]) -> Story {
    passages.iter().fold(announced(), |story, passage| {
        story.after(pass("D1", "C-1", *passage))
    })
}

fn tests(amount: i64, batch_id: &str) -> Vec<keruen_domain::donation::ReceiptLine> {
    vec![line("RAPID", amount, batch_id)]
}

fn overridden(consignment_id: Option<&str>) -> ReceiveDonation {
    ReceiveDonation {
        import: Import {
            consignment_id: consignment_id.map(code),
            clearance_override: Some(ClearanceOverride {
                authorised_by_ref: "person:7".to_owned(),
                reason: ClearanceOverrideReason::UrgentNeed.into(),
            }),
        },
        ..receive("D1", tests(10, "B1"))
    }
}

/// Every state against everything that can happen, each allowed or refused with its reason.
#[test]
fn what_can_happen_to_a_consignment_depends_on_where_it_stands() {
    use Passage::{Border, Cleared, Customs};
    let table: [(&[Passage], &str, [bool; 4]); 6] = [
        (&[], "ANNOUNCED", [true, true, false, false]),
        (&[Border], "AT_BORDER", [false, true, true, true]),
        (&[Customs], "IN_CUSTOMS", [false, false, true, true]),
        (&[Border, Customs], "IN_CUSTOMS", [false, false, true, true]),
        (&[Border, Cleared], "CLEARED", [false; 4]),
        (&[Customs, REFUSED], "REFUSED", [false; 4]),
    ];
    for (passages, name, allowed) in table {
        let story = passed(passages);
        for (passage, is_allowed) in PASSAGES.into_iter().zip(allowed) {
            let outcome = story.clone().when(pass("D1", "C-1", passage));
            if is_allowed {
                outcome.accepted();
            } else {
                outcome.refused("CONSIGNMENT_STATE").saying(&["C-1", name]);
            }
        }
    }
}

#[test]
fn goods_are_received_once_their_consignment_is_cleared() {
    for passages in [
        &[][..],
        &[Passage::Border],
        &[Passage::Customs],
        &[Passage::Customs, REFUSED],
    ] {
        passed(passages)
            .when(receive_from("C-1", "D1", tests(10, "B1")))
            .refused("CONSIGNMENT_NOT_CLEARED");
    }
    let cleared = passed(&[Passage::Customs, Passage::Cleared]);
    let story = cleared
        .after(receive_from("C-1", "D1", tests(10, "B1")))
        .after(receive_from("C-1", "D1", tests(20, "B2")));
    assert_eq!(consignments(&story)[0].batch_ids, ["B1", "B2"]);
    assert_eq!(state(&story), ConsignmentState::Cleared);
}

#[test]
fn a_donation_from_abroad_says_which_consignment_brought_the_goods() {
    let story = announced();
    story
        .clone()
        .when(receive("D1", tests(10, "B1")))
        .refused("CONSIGNMENT_REQUIRED")
        .saying(&["C-1"]);
    story
        .when(receive_from("C-9", "D1", tests(10, "B1")))
        .refused("UNKNOWN_CONSIGNMENT");
    Story::new()
        .after(pledge("D1", &[("TEST", 100)]))
        .when(receive_from("C-1", "D1", tests(10, "B1")))
        .refused("UNKNOWN_CONSIGNMENT");
}

#[test]
fn somebody_may_answer_for_goods_that_are_not_cleared() {
    let story = passed(&[Passage::Customs]);
    story.clone().after(overridden(Some("C-1")));
    story.after(overridden(None));
    for needless in [
        passed(&[Passage::Customs, Passage::Cleared]).when(overridden(Some("C-1"))),
        Story::new()
            .after(pledge("D1", &[("TEST", 100)]))
            .when(overridden(None)),
    ] {
        needless.refused("CLEARANCE_NOT_NEEDED");
    }
}

#[test]
fn what_is_bought_with_donated_money_may_have_been_bought_here() {
    Story::new()
        .after(pledge_money("D1", 10))
        .after(announce("D1", "C-1"))
        .after(spend("D1", 10, tests(10, "B1")));
}

#[test]
fn consignments_have_ids_of_their_own_and_are_bounded() {
    let mut story = announced();
    story
        .clone()
        .when(announce("D1", "C-1"))
        .refused("CONSIGNMENT_EXISTS");
    story
        .clone()
        .when(announce("D9", "C-1"))
        .refused("UNKNOWN_DONATION");
    story
        .clone()
        .when(pass("D1", "C-9", Passage::Border))
        .refused("UNKNOWN_CONSIGNMENT");
    let next = || AnnounceConsignment {
        consignment_id: None,
        ..announce("D1", "C-1")
    };
    for _ in 1..limits::CONSIGNMENTS {
        story = story.after(next());
    }
    let ids: std::collections::BTreeSet<String> = consignments(&story)
        .into_iter()
        .map(|consignment| consignment.consignment_id)
        .collect();
    assert_eq!(ids.len(), limits::CONSIGNMENTS);
    assert!(ids.contains("C-2"));
    story.when(next()).refused("TOO_MANY_PARTS");
}

#[test]
fn documents_stand_with_the_consignment_and_a_refusal_with_its_reason() {
    let story = passed(&[Passage::Border, REFUSED]);
    assert_eq!(
        consignments(&story)[0].refusal_reason(),
        RefusalReason::Documents
    );
    assert_eq!(state(&story), ConsignmentState::Refused);
}
