//! Picking units off a stock level: first expired first out, never what is held, claimed or expired.

use chrono::NaiveDate;
use keruen_proto::inventory::v1::{StockLevel, StockLot, StockUnits};

use super::level;
use crate::{calendar::is_expired, rejection::Rejection};

/// Which lots may be picked from.
#[derive(Clone, Copy, Default)]
pub(crate) struct Choice<'a> {
    /// Only of this batch.
    pub batch_id: Option<&'a str>,
    /// Only of this owner.
    pub owner_id: Option<&'a str>,
}

impl Choice<'_> {
    fn takes(&self, lot: &StockLot) -> bool {
        self.batch_id.is_none_or(|id| id == lot.batch_id)
            && self.owner_id.is_none_or(|id| id == lot.owner_id)
    }
}

/// Takes up to `wanted` available units that are usable today off a level, which then counts them as claimed. What
/// expires first goes first, what never expires last; among equals, what came first.
pub(crate) fn take(
    level: &mut StockLevel,
    wanted: i64,
    today: NaiveDate,
    choice: Choice<'_>,
) -> Vec<StockUnits> {
    let order: Vec<usize> = by_expiry(level, choice)
        .filter(|index| usable(&level.lots[*index], today) > 0)
        .collect();
    let mut open = wanted;
    let mut taken = Vec::new();
    for index in order {
        if open == 0 {
            break;
        }
        let item_id = level.item_id.clone();
        let lot = &mut level.lots[index];
        let quantity = open.min(lot.available);
        let units = units_of(&item_id, lot, quantity, free_serial_numbers(lot, quantity));
        level::reserve(lot, "", &units);
        lot.available -= quantity;
        open -= quantity;
        taken.push(units);
    }
    taken
}

/// The lots that may be taken from: what expires first goes first, what never expires last; among equals, what came first.
pub(crate) fn by_expiry(level: &StockLevel, choice: Choice<'_>) -> impl Iterator<Item = usize> {
    let mut order: Vec<usize> = (0..level.lots.len())
        .filter(|index| choice.takes(&level.lots[*index]))
        .collect();
    order.sort_by_key(|index| {
        let expires_on = &level.lots[*index].expires_on;
        (expires_on.is_empty(), expires_on.clone())
    });
    order.into_iter()
}

/// Available units of a lot that are usable today.
fn usable(lot: &StockLot, today: NaiveDate) -> i64 {
    if is_expired(&lot.expires_on, today) {
        0
    } else {
        lot.available
    }
}

/// The first serial numbers of a lot that are neither held nor claimed.
fn free_serial_numbers(lot: &StockLot, quantity: i64) -> Vec<String> {
    let is_claimed = |serial_number: &String| {
        lot.reservations
            .iter()
            .any(|claim| claim.serial_numbers.contains(serial_number))
    };
    lot.serial_numbers
        .iter()
        .filter(|serial_number| {
            !lot.held_serial_numbers.contains(serial_number) && !is_claimed(serial_number)
        })
        .take(usize::try_from(quantity).unwrap_or(usize::MAX))
        .cloned()
        .collect()
}

/// Units of a lot.
pub(crate) fn units_of(
    item_id: &str,
    lot: &StockLot,
    quantity: i64,
    serial_numbers: Vec<String>,
) -> StockUnits {
    StockUnits {
        batch_id: lot.batch_id.clone(),
        donation_id: lot.donation_id.clone(),
        item_id: item_id.to_owned(),
        owner_id: lot.owner_id.clone(),
        lot: lot.lot.clone(),
        expires_on: lot.expires_on.clone(),
        quantity,
        serial_numbers,
    }
}

/// Available units that are still usable on a day.
pub(crate) fn available(level: &StockLevel, day: NaiveDate, choice: Choice<'_>) -> i64 {
    let lots = level.lots.iter().filter(|lot| choice.takes(lot));
    lots.map(|lot| usable(lot, day))
        .fold(0, i64::saturating_add)
}

/// That there is too little to pick from. What is expired counts as not available.
pub(crate) fn insufficient(
    level: &StockLevel,
    requested: i64,
    today: Option<NaiveDate>,
    choice: Choice<'_>,
) -> Rejection {
    let sum = |count: &dyn Fn(&StockLot) -> i64| {
        level
            .lots
            .iter()
            .filter(|lot| choice.takes(lot))
            .map(count)
            .fold(0, i64::saturating_add)
    };
    let available = sum(&|lot| today.map_or(lot.available, |today| usable(lot, today)));
    // What is left over of a lot, if it is not available, is meant for others.
    let apart = sum(&|lot| lot.on_hand - lot.reserved - lot.held - lot.available);
    if apart > 0 {
        return Rejection::StockEarmarked {
            facility_id: level.facility_id.clone(),
            item_id: level.item_id.clone(),
            requested,
            available,
            earmarked: apart,
        };
    }
    Rejection::InsufficientStock {
        facility_id: level.facility_id.as_str().into(),
        item_id: level.item_id.as_str().into(),
        batch_id: choice.batch_id.unwrap_or_default().into(),
        owner_id: choice.owner_id.unwrap_or_default().into(),
        requested,
        available,
        on_hand: sum(&|lot| lot.on_hand),
        reserved: sum(&|lot| lot.reserved),
        held: sum(&|lot| lot.held),
        expired: sum(&|lot| lot.available) - available,
    }
}
