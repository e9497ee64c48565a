//! Donated money: set aside, spent on goods or services, given up; the rest is kept and never goes below zero.

use keruen_domain::{
    Boundary, Entry, Rejection,
    donation::{CommitDonatedMoney, Expense, SpendDonatedMoney},
    limits,
};
use keruen_proto::{
    Event,
    inventory::v1::{DonatedMoneySpent, Donation, DonationState, MoneyPurpose},
    registry::v1::Money,
};
use proptest::prelude::*;

use crate::{story::Story, world::*};

fn donation(story: &Story) -> Donation {
    match story.read(&Boundary::Donation(code("D1"))) {
        Entry::Donation(donation) => donation,
        other => panic!("{other:?}"),
    }
}

/// Spent, set aside, left.
fn balance(story: &Story) -> [i64; 3] {
    let donation = donation(story);
    [
        donation.money_spent,
        donation.money_committed,
        donation.money_available,
    ]
    .map(|money| money.expect("money").minor_units)
}

fn promised() -> Story {
    Story::new().after(pledge_money("D1", 1_000))
}

#[test]
fn money_is_set_aside_spent_and_given_up() {
    let story = promised().after(commit("D1", 400));
    assert_eq!(balance(&story), [0, 400, 600]);
    let story = story.after(pay_freight("D1", 150, Some(1)));
    assert_eq!(balance(&story), [150, 250, 600]);
    // What is not set aside is spent beside it.
    let story = story.after(spend("D1", 500, vec![assets("B1", &["S1"])]));
    assert_eq!(balance(&story), [650, 250, 100]);
    let story = story.after(give_up("D1", 1));
    assert_eq!(balance(&story), [650, 0, 350]);
    assert_eq!(donation(&story).state(), DonationState::PartlyReceived);
    let story = story.after(pay_freight("D1", 350, None));
    assert_eq!(balance(&story), [1_000, 0, 0]);
    assert_eq!(donation(&story).state(), DonationState::Received);
}

#[test]
fn services_enter_no_books() {
    let story = promised().after(ship("S1", &[("RAPID", 1)]));
    let carried = SpendDonatedMoney {
        expense: Expense::Service {
            purpose: MoneyPurpose::Freight,
            shipment_id: Some(code("S1")),
        },
        ..pay_freight("D1", 70, None)
    };
    let story = story.when(carried.clone()).then([DonatedMoneySpent {
        donation_id: "D1".to_owned(),
        amount: Some(usd(70)),
        supplier_id: "HELP".to_owned(),
        purpose: Some(MoneyPurpose::Freight.into()),
        shipment_id: "S1".to_owned(),
        ..DonatedMoneySpent::default()
    }
    .into()]);
    let nowhere = SpendDonatedMoney {
        expense: Expense::Service {
            purpose: MoneyPurpose::Freight,
            shipment_id: Some(code("S9")),
        },
        ..carried
    };
    story.when(nowhere).refused("UNKNOWN_SHIPMENT");
}

#[test]
fn no_more_is_set_aside_or_spent_than_there_is() {
    let story = promised().after(commit("D1", 400));
    story
        .clone()
        .when(commit("D1", 601))
        .refused("INSUFFICIENT_FUNDS")
        .saying(&["600", "601"]);
    story
        .clone()
        .when(pay_freight("D1", 601, None))
        .refused("INSUFFICIENT_FUNDS");
    story
        .clone()
        .when(pay_freight("D1", 401, Some(1)))
        .refused("COMMITMENT_EXCEEDED")
        .saying(&["400", "401"]);
    story
        .clone()
        .after(pay_freight("D1", 400, Some(1)))
        .when(give_up("D1", 1))
        .refused("COMMITMENT_USED_UP");
    let tenge = CommitDonatedMoney {
        amount: Money {
            currency_code: "KZT".to_owned(),
            minor_units: 1,
        },
        ..commit("D1", 1)
    };
    story.clone().when(tenge).refused("CURRENCY_DIFFERS");
    story
        .after(pledge("D2", &[("TEST", 1)]))
        .when(commit("D2", 1))
        .refused("NO_MONEY_PLEDGED");
}

#[test]
fn a_commitment_is_for_one_supplier_and_one_purpose() {
    let story = promised().after(commit("D1", 400));
    story
        .clone()
        .when(pay_freight("D1", 1, Some(2)))
        .refused("UNKNOWN_COMMITMENT");
    story
        .clone()
        .when(give_up("D1", 2))
        .refused("UNKNOWN_COMMITMENT");
    let other = SpendDonatedMoney {
        supplier_id: code("MOH"),
        ..pay_freight("D1", 1, Some(1))
    };
    story
        .clone()
        .when(other)
        .refused("SUPPLIER_DIFFERS")
        .saying(&["HELP", "MOH"]);
    let goods = SpendDonatedMoney {
        commitment: Some(1),
        ..spend("D1", 1, vec![assets("B1", &["S1"])])
    };
    story
        .when(goods)
        .refused("PURPOSE_DIFFERS")
        .saying(&["FREIGHT", "GOODS"]);
}

#[test]
fn commitments_are_bounded() {
    let mut story = promised();
    for _ in 0..limits::COMMITMENTS {
        story = story.after(commit("D1", 1));
    }
    story.when(commit("D1", 1)).refused("TOO_MANY_PARTS");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is commanded: spent, set aside and left add up to what was promised, and none is below zero.
    #[test]
    fn money_adds_up(steps in proptest::collection::vec((0..4_u8, 1..600_i64, 0..4_i32), 1..40)) {
        let mut story = promised();
        for (kind, amount, number) in steps {
            let number = Some(number).filter(|number| *number > 0);
            let decided: Result<Vec<Event>, Rejection> = match kind {
                0 => story.decide(&commit("D1", amount)),
                1 => story.decide(&give_up("D1", number.unwrap_or(1))),
                2 => story.decide(&pay_freight("D1", amount, number)),
                _ => story.decide(&pay_freight("D1", amount, None)),
            };
            if let Ok(events) = decided {
                story.append(events);
            }
            let [spent, committed, left] = balance(&story);
            prop_assert_eq!(spent + committed + left, 1_000);
            prop_assert!(spent >= 0 && committed >= 0 && left >= 0, "{spent} {committed} {left}");
        }
    }
}
