//! Balances and certificates, against the history itself.

use std::collections::BTreeMap;

use keruen_domain::donation::{CloseDonation, PledgeDonation};
use keruen_proto::{
    Event,
    inventory::v1::{ReceiptOutcome, ReceivedLine, ShortfallReason},
    registry::v1::Money,
    stock::v1::{GetDonationCertificateRequest, GetDonorBalanceRequest},
};

use super::stores::writer_in;
use super::{
    answers::TODAY,
    history::{History, code, eventful},
};
use crate::{
    donor::{BalanceQuery, CertificateQuery},
    refusal::Refusal,
    writer::Writer,
};

fn rows(history: &History) -> (Writer, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer_in(dir.path());
    writer.apply(&history.events).unwrap();
    (writer, dir)
}

/// The history, then money, then every third donation is closed short.
fn closed() -> History {
    let mut history = eventful();
    history.run(&PledgeDonation {
        donation_id: code("MONEY"),
        donor_id: code("KASPI"),
        recipient_id: code("KASPI"),
        lines: Vec::new(),
        money: Some(Money {
            currency_code: "USD".to_owned(),
            minor_units: 500,
        }),
        expected_on: None,
        documents: Vec::new(),
        anonymous: false,
        conditions: Vec::new(),
        earmarks: Vec::new(),
    });
    for id in history.donations.clone().iter().step_by(3) {
        history.run(&CloseDonation {
            donation_id: code(id),
            shortfall_reason: Some(ShortfallReason::DonorWithdrew),
            documents: Vec::new(),
        });
    }
    history
}

fn lines_of(event: &Event) -> &[ReceivedLine] {
    match event {
        Event::DonationReceived(event) => &event.lines,
        _ => &[],
    }
}

#[test]
fn a_balance_adds_up_all_donations_of_a_donor() {
    let history = closed();
    let (mut writer, _dir) = rows(&history);
    let request = GetDonorBalanceRequest {
        donor_id: "KASPI".to_owned(),
        min_position: 0,
    };
    let query = BalanceQuery::parse(&request).unwrap();
    let balance = query.answer(writer.connection(), TODAY).unwrap();

    // Promised per item, and received of it, by the events alone.
    let mut expected: BTreeMap<&str, [i64; 2]> = BTreeMap::new();
    let mut closed = 0;
    for event in history.decoded() {
        if let Event::DonationPledged(event) = event {
            for line in &event.lines {
                expected.entry(&line.item_id).or_default()[0] += line.quantity;
            }
        }
        closed += i64::from(matches!(event, Event::DonationClosed(_)));
        let counted = lines_of(event).iter().filter(|line| {
            let has_come = matches!(
                line.outcome(),
                ReceiptOutcome::Good | ReceiptOutcome::Damaged | ReceiptOutcome::Expired
            );
            has_come && line.pledge_line > 0
        });
        for units in counted.filter_map(|line| line.units.as_ref()) {
            expected.entry(&units.item_id).or_default()[1] += units.quantity;
        }
    }
    assert!(closed > 1);
    let found: BTreeMap<&str, [i64; 2]> = balance
        .goods
        .iter()
        .map(|goods| (goods.item_id.as_str(), [goods.pledged, goods.received]))
        .collect();
    assert_eq!(found, expected);
    for goods in &balance.goods {
        let rest = goods.outstanding + goods.short;
        assert_eq!(goods.pledged, goods.received + rest, "{goods:?}");
    }
    assert!(balance.goods.iter().any(|goods| goods.short > 0));
    assert!(balance.goods.iter().any(|goods| goods.outstanding > 0));
    let donations = i64::try_from(history.donations.len()).unwrap() + 1;
    assert_eq!(balance.donations, donations);
    assert_eq!(balance.open_donations, donations - closed);
    let money: Vec<i64> = balance
        .money
        .iter()
        .flat_map(|it| [&it.pledged, &it.spent, &it.committed, &it.available])
        .map(|money| money.as_ref().unwrap().minor_units)
        .collect();
    assert_eq!(money, [500, 0, 0, 500]);
    let unknown = GetDonorBalanceRequest {
        donor_id: "NOBODY".to_owned(),
        min_position: 0,
    };
    let query = BalanceQuery::parse(&unknown).unwrap();
    assert!(query.answer(writer.connection(), TODAY).is_err());
}

#[test]
fn a_certificate_names_every_batch_and_the_event_that_proves_it() {
    let history = eventful();
    let (mut writer, _dir) = rows(&history);
    let mut certified = 0;
    for id in &history.donations {
        let request = GetDonationCertificateRequest {
            donation_id: id.clone(),
            min_position: 0,
        };
        let query = CertificateQuery::parse(&request).unwrap();
        let certificate = query.answer(writer.connection(), TODAY).unwrap();
        assert_eq!(certificate.donation.unwrap().donation_id, *id);
        assert!(certificate.donor_name.is_some() && certificate.recipient_name.is_some());
        for goods in certificate.goods {
            let batch = goods.batch.unwrap();
            let index = usize::try_from(goods.receipt_position).unwrap() - 1;
            let recorded = &history.events[index];
            assert_eq!(recorded.event_id, goods.receipt_event_id);
            assert_eq!(recorded.occurred_at, goods.received_at);
            let line = lines_of(&history.decoded()[index])
                .iter()
                .find(|line| line.units.as_ref().unwrap().batch_id == batch.batch_id)
                .unwrap();
            assert_eq!(line.outcome, goods.outcome);
            assert_eq!(line.units.as_ref().unwrap().quantity, batch.quantity);
            certified += 1;
        }
    }
    let arrived = history
        .decoded()
        .iter()
        .flat_map(lines_of)
        .filter(|line| line.outcome() != ReceiptOutcome::Missing)
        .count();
    assert_eq!(certified, arrived);
}

#[test]
fn nobody_gets_a_certificate_of_what_was_never_given() {
    let history = eventful();
    let (mut writer, _dir) = rows(&history);
    let request = GetDonationCertificateRequest {
        donation_id: "D-NONE".to_owned(),
        min_position: 0,
    };
    let query = CertificateQuery::parse(&request).unwrap();
    let refused = query.answer(writer.connection(), TODAY);
    assert!(matches!(refused, Err(Refusal::Unknown(_))));
}
