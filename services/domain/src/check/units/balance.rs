//! Accounts must balance, and hold nothing less than nothing.

use super::super::Findings;
use super::Account;

pub(super) fn conserved(name: &str, account: &Account, findings: &mut Findings<'_>) {
    let on_hand: i64 = account.facilities.values().map(|pile| pile.on_hand).sum();
    let in_transit: i64 = account.shipments.values().sum();
    let Account {
        received,
        consumed,
        disposed,
        lost,
        returned,
        converted,
        title_in,
        title_out,
        ..
    } = account;
    let gone = consumed + disposed + lost + returned + converted + title_out;
    if received + title_in != on_hand + in_transit + gone {
        findings.add(
            1,
            format!(
                "{name}: {received} received, {title_in} passed to it, but {on_hand} on hand, {in_transit} in transit, {consumed} consumed, \
                 {disposed} disposed, {lost} lost, {returned} given back, {converted} converted, {title_out} passed on"
            ),
        );
    }
}

pub(super) fn never_negative(name: &str, account: &Account, findings: &mut Findings<'_>) {
    for (facility_id, pile) in &account.facilities {
        let (on_hand, held, reserved, available) =
            (pile.on_hand, pile.held, pile.reserved(), pile.available());
        let lowest_claim = pile.reserved.values().min().copied().unwrap_or_default();
        if [on_hand, held, reserved, available, lowest_claim]
            .iter()
            .any(|quantity| *quantity < 0)
        {
            findings.add(
                2,
                format!(
                    "{name} at facility {facility_id}: {on_hand} on hand, {reserved} reserved, {held} held, \
                     {available} available"
                ),
            );
        }
    }
    for (shipment_id, in_transit) in account
        .shipments
        .iter()
        .filter(|(_, in_transit)| **in_transit < 0)
    {
        findings.add(
            2,
            format!("{name} in shipment {shipment_id}: {in_transit} in transit"),
        );
    }
}
