//! Donations are closed, in full or short, and what comes all the same opens them again.

use keruen_domain::{
    Boundary, Entry,
    donation::{Passage, PledgeDonation},
};
use keruen_proto::{
    Event,
    inventory::v1::{
        Donation, DonationClosed, DonationCondition, DonationReopened, DonationState,
        ReceiptOutcome, RefusalReason, ShortfallReason,
    },
    registry::v1::{DocumentKind, DocumentRef},
};

use crate::{story::Story, world::*};

fn donation(story: &Story, id: &str) -> Donation {
    match story.read(&Boundary::Donation(code(id))) {
        Entry::Donation(donation) => donation,
        other => panic!("{other:?}"),
    }
}

fn outstanding(story: &Story) -> Vec<i64> {
    let donation = donation(story, "D1");
    donation.lines.iter().map(|line| line.outstanding).collect()
}

fn pledged() -> Story {
    Story::new().after(pledge("D1", &[("TEST", 100), ("GLOVES", 10)]))
}

#[test]
fn a_pledge_is_received_in_parts_and_each_line_says_what_is_still_expected() {
    let story = pledged();
    assert_eq!(outstanding(&story), [100, 10]);
    let story = story.after(receive("D1", vec![line("RAPID", 30, "B1")]));
    assert_eq!(outstanding(&story), [70, 10]);
    assert_eq!(
        donation(&story, "D1").state(),
        DonationState::PartlyReceived
    );
    // Damaged units have come, missing ones have not.
    let mut damaged = line("RAPID", 20, "B2");
    damaged.outcome = ReceiptOutcome::Damaged;
    let mut missing = line("RAPID", 50, "B3");
    missing.outcome = ReceiptOutcome::Missing;
    let story = story.after(receive("D1", vec![damaged, missing]));
    assert_eq!(outstanding(&story), [50, 10]);
    let rest = vec![line("RAPID", 50, "B4"), line("GLOVE", 10, "B5")];
    let story = story.after(receive("D1", rest));
    assert_eq!(outstanding(&story), [0, 0]);
    assert_eq!(donation(&story, "D1").state(), DonationState::Received);
}

#[test]
fn what_is_complete_is_closed_without_a_reason() {
    let complete = pledged().after(receive(
        "D1",
        vec![line("RAPID", 100, "B1"), line("GLOVE", 10, "B2")],
    ));
    complete
        .clone()
        .when(close_short("D1"))
        .refused("NOTHING_SHORT");
    let story = complete.when(close_donation("D1")).then([DonationClosed {
        donation_id: "D1".to_owned(),
        ..DonationClosed::default()
    }
    .into()]);
    let donation = donation(&story, "D1");
    assert_eq!(donation.state(), DonationState::Closed);
    assert_eq!(donation.shortfall_reason, None);
}

#[test]
fn what_is_short_is_closed_with_a_named_reason() {
    let story = pledged().after(receive("D1", vec![line("RAPID", 100, "B1")]));
    story
        .clone()
        .when(close_donation("D9"))
        .refused("UNKNOWN_DONATION");
    story
        .clone()
        .when(close_donation("D1"))
        .refused("SHORTFALL_REASON_REQUIRED")
        .saying(&["D1", "10"]);
    let story = story.after(close_short("D1"));
    let closed = donation(&story, "D1");
    assert_eq!(closed.shortfall_reason(), ShortfallReason::DonorWithdrew);
    // The promise stands as it was made, but nothing is expected any more.
    assert_eq!(outstanding(&story), [0, 0]);
    assert_eq!(closed.lines[1].quantity, 10);
    assert_eq!(closed.lines[1].received, 0);
    for command in [close_short("D1"), close_donation("D1")] {
        story
            .clone()
            .when(command)
            .refused("DONATION_STATE")
            .saying(&["CLOSED"]);
    }
}

#[test]
fn what_comes_after_closing_is_received_and_opens_the_donation_again() {
    let story = pledged()
        .after(receive("D1", vec![line("RAPID", 100, "B1")]))
        .after(close_short("D1"));
    let outcome = story.when(receive("D1", vec![line("GLOVE", 4, "B2")]));
    let story = outcome.accepted();
    let last: Vec<&str> = story
        .events
        .iter()
        .rev()
        .take(2)
        .map(Event::short_name)
        .collect();
    assert_eq!(last, ["DonationReceived", "DonationReopened"]);
    let open = donation(&story, "D1");
    assert_eq!(open.state(), DonationState::PartlyReceived);
    assert_eq!(open.shortfall_reason, None);
    assert_eq!(outstanding(&story), [0, 6]);
    // Closed again, it opens again.
    let story = story
        .after(close_short("D1"))
        .after(receive("D1", vec![line("GLOVE", 6, "B3")]));
    let reopened = story
        .events
        .iter()
        .filter(|event| matches!(event, Event::DonationReopened(DonationReopened { .. })));
    assert_eq!(reopened.count(), 2);
    assert_eq!(donation(&story, "D1").state(), DonationState::Received);
}

#[test]
fn nothing_is_closed_while_customs_or_a_supplier_have_something_of_it() {
    let story = Story::new()
        .after(PledgeDonation {
            money: Some(usd(100)),
            ..pledge("D1", &[("TEST", 100)])
        })
        .after(announce("D1", "C-1"))
        .after(commit("D1", 40));
    let at_border = story.clone().after(pass("D1", "C-1", Passage::Border));
    at_border
        .clone()
        .when(close_short("D1"))
        .refused("CONSIGNMENT_UNDER_WAY")
        .saying(&["C-1", "AT_BORDER"]);
    let refused = Passage::Refused(RefusalReason::ShortExpiry);
    let refused = at_border.after(pass("D1", "C-1", refused));
    refused
        .clone()
        .when(close_short("D1"))
        .refused("MONEY_COMMITTED")
        .saying(&["1", "40"]);
    let story = refused.after(give_up("D1", 1)).after(close_short("D1"));
    // The money that nobody spent is kept.
    assert_eq!(donation(&story, "D1").money_available, Some(usd(100)));
}

#[test]
fn money_of_which_nothing_was_spent_is_closed_with_a_reason() {
    let story = Story::new().after(pledge_money("D1", 100));
    story
        .clone()
        .when(close_donation("D1"))
        .refused("SHORTFALL_REASON_REQUIRED");
    story.clone().after(close_short("D1"));
    let spent = story.after(pay_freight("D1", 30, None));
    spent
        .clone()
        .when(close_short("D1"))
        .refused("NOTHING_SHORT");
    let closed = spent.after(close_donation("D1"));
    assert_eq!(donation(&closed, "D1").money_available, Some(usd(70)));
    closed
        .clone()
        .when(commit("D1", 1))
        .refused("DONATION_STATE");
    closed
        .clone()
        .when(announce("D1", "C-1"))
        .refused("DONATION_STATE");
    // What has been paid has been paid.
    let story = closed.after(pay_freight("D1", 70, None));
    assert_eq!(donation(&story, "D1").state(), DonationState::Received);
}

#[test]
fn conditions_stand_with_the_pledge_and_those_of_an_agreement_need_it() {
    let conditional = |documents: Vec<DocumentRef>| PledgeDonation {
        conditions: vec![DonationCondition::AsAgreed, DonationCondition::ReportUse],
        documents,
        ..pledge("D1", &[("TEST", 1)])
    };
    let invoice = DocumentRef {
        kind: DocumentKind::Invoice.into(),
        number: "1".to_owned(),
        ..DocumentRef::default()
    };
    Story::new()
        .when(conditional(vec![invoice.clone()]))
        .refused("AGREEMENT_REQUIRED");
    let agreement = DocumentRef {
        kind: DocumentKind::DonationAgreement.into(),
        ..invoice
    };
    let story = Story::new().after(conditional(vec![agreement]));
    let conditions: Vec<_> = donation(&story, "D1").conditions().collect();
    assert_eq!(
        conditions,
        [DonationCondition::AsAgreed, DonationCondition::ReportUse]
    );
}
