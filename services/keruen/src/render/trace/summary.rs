//! What a trace says of the donation, request or asset as a whole, and whether all units are accounted for.

use std::collections::BTreeMap;

use keruen_proto::{
    inventory::v1::{Asset, AssetCondition, AssetPlace, Donation, DonationState},
    requests::v1::{Request, RequestState},
    stock::v1::TraceBatch,
};

use super::{text::BOLD, words};
use crate::{
    client::failure::one_line,
    render::{
        donation::goods,
        inventory::unit,
        record::{grouped, money_grouped},
        requests, word,
    },
};

/// A donation behind its head: to whom, and how it stands.
pub(super) fn donation(head: &str, donation: &Donation) -> Vec<String> {
    let recipient_id = &donation.recipient_id;
    let recipient = if recipient_id.is_empty() || *recipient_id == donation.donor_id {
        String::new()
    } else {
        format!(" to {recipient_id}")
    };
    let state = word::field::<DonationState>(donation.state);
    vec![format!("{head}{recipient}"), state]
}

/// What was promised and what came of it.
pub(super) fn pledge(donation: &Donation) -> Vec<String> {
    let goods = donation.lines.iter().map(|line| {
        format!(
            "pledged {} {}, received {}",
            grouped(line.quantity),
            goods(line),
            grouped(line.received)
        )
    });
    let money = donation.money.iter().map(|money| {
        let spent = donation
            .money_spent
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), money_grouped);
        format!("pledged {}, spent {spent}", money_grouped(money))
    });
    goods.chain(money).collect()
}

/// What was asked for, and what came of it.
pub(super) fn request(request: &Request) -> Vec<String> {
    let state = word::field::<RequestState>(request.state);
    let mut lines = vec![format!(
        "{BOLD}request {}{BOLD:#} of {} · {state}",
        request.request_id, request.facility_id
    )];
    for line in &request.lines {
        lines.push(format!(
            "   {}: {} requested, {} approved, {} allocated, {} received",
            requests::goods(line),
            grouped(line.requested),
            grouped(line.approved),
            grouped(line.allocated),
            grouped(line.received)
        ));
    }
    lines
}

/// Where an asset is and whether it works, and what is around it and inside it.
pub(super) fn asset(asset: &Asset) -> Vec<String> {
    let place = word::field::<AssetPlace>(asset.place).replace('-', " ");
    let condition = word::field::<AssetCondition>(asset.condition).replace('-', " ");
    let inside = asset.inside.as_ref().map(unit).unwrap_or_default();
    let mut lines = vec![one_line(&format!(
        "asset {} {} · {} · {condition}",
        asset.item_id,
        asset.serial_number,
        format!("{place} {inside}").trim_end()
    ))];
    for inner in &asset.contents {
        lines.push(one_line(&format!("   inside it: {}", unit(inner))));
    }
    lines
}

/// What became of all units, by status: adds up to what entered the books. Kits with some of them have a line of their
/// own, as the units in them are told already.
pub(super) fn sums(batches: &[TraceBatch]) -> Vec<String> {
    let (kits, traced): (Vec<_>, Vec<_>) = batches.iter().partition(|batch| batch.of_kits);
    let mut lines = vec![format!("{BOLD}sum{BOLD:#}  {}", sum(&traced))];
    if !kits.is_empty() {
        lines.push(format!(
            "{BOLD}kits{BOLD:#}  {}, with some of it",
            sum(&kits)
        ));
    }
    lines
}

fn sum(batches: &[&TraceBatch]) -> String {
    let mut by_status: BTreeMap<i32, i64> = BTreeMap::new();
    for place in batches.iter().flat_map(|batch| &batch.places) {
        let sum = by_status.entry(place.status).or_default();
        *sum = sum.saturating_add(place.quantity);
    }
    let total: i64 = by_status
        .values()
        .fold(0, |sum, quantity| sum.saturating_add(*quantity));
    let parts: Vec<String> = by_status
        .iter()
        .map(|(status, sum)| {
            let status = (*status).try_into().unwrap_or_default();
            format!("{} {}", grouped(*sum), words::status(status))
        })
        .collect();
    if parts.is_empty() {
        return "0".to_owned();
    }
    format!("{} = {}", parts.join(" + "), grouped(total))
}

#[cfg(test)]
mod tests {
    use keruen_proto::requests::v1::{Need, NeedKind, RequestLine};

    use super::*;

    #[test]
    fn a_need_without_goods_is_named() {
        let need = Need {
            kind: NeedKind::OxygenTherapy.into(),
            patients: 12,
            ..Need::default()
        };
        let asked = Request {
            lines: vec![RequestLine {
                need: Some(need),
                ..RequestLine::default()
            }],
            ..Request::default()
        };
        let lines = request(&asked);
        assert!(
            lines[1].contains("oxygen-therapy for 12 patients: 0 requested"),
            "{lines:?}"
        );
    }
}
