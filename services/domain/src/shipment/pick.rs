//! Parts of a shipment that a command names: of a line, and where that is not clear, of a batch and owner.

use std::collections::BTreeSet;

use keruen_proto::{
    inventory::v1::StockUnits,
    shipments::v1::{Shipment, ShipmentLot, ShipmentUnits},
};

use super::{receipt::units_of, state::is_same};
use crate::{
    asset::{self, contents::goes_along},
    code::{Code, Label, Quantity},
    limits,
    rejection::Rejection,
};

/// Units of a line of a shipment.
#[derive(Clone, Debug)]
pub struct Pick {
    /// Number of the line.
    pub line: i32,
    /// The batch; `None` means the only one of this line.
    pub batch_id: Option<Code>,
    /// Its owner; `None` means the only one.
    pub owner_id: Option<Code>,
    /// How many; `None` means all that there are, or as many as serial numbers are named.
    pub quantity: Option<Quantity>,
    /// Serial numbers of assets.
    pub serial_numbers: Vec<Label>,
}

impl Pick {
    /// How many units it takes of those that are left: at least one, and no more than there are.
    pub(super) fn quantity(
        &self,
        path: &str,
        shipment_id: &str,
        batch_id: &str,
        left: i64,
    ) -> Result<i64, Rejection> {
        let named = i64::try_from(self.serial_numbers.len()).unwrap_or(i64::MAX);
        let quantity = match (&self.quantity, named) {
            (Some(quantity), _) => quantity.get(),
            (None, 0) => left,
            (None, named) => named,
        };
        if (1..=left).contains(&quantity) {
            return Ok(quantity);
        }
        Err(Rejection::ExceedsShipment {
            field: format!("{path}.quantity"),
            shipment_id: shipment_id.to_owned(),
            line: self.line,
            batch_id: batch_id.to_owned(),
            requested: quantity,
            there: left,
        })
    }
}

/// What of a lot may be named.
#[derive(Clone, Debug, Default)]
pub(super) struct Free {
    /// Base units.
    pub quantity: i64,
    /// Which, of an asset.
    pub serial_numbers: Vec<String>,
}

/// What of a lot is on its way.
pub(super) fn on_the_way(lot: &ShipmentLot) -> Free {
    let mut serial_numbers = lot.serial_numbers_in_transit.clone();
    serial_numbers.retain(|number| !lot.missing_serial_numbers.contains(number));
    Free {
        quantity: lot.in_transit,
        serial_numbers,
    }
}

/// Everything that may be named; what is inside something else goes along with that.
pub(super) fn everything(
    shipment: &Shipment,
    free: impl Fn(&ShipmentLot) -> Free,
) -> Vec<ShipmentUnits> {
    let lots = shipment.lots.iter().filter(|lot| !goes_along(lot));
    lots.filter_map(|lot| {
        let free = free(lot);
        (free.quantity > 0).then(|| part(lot, free.quantity, free.serial_numbers))?
    })
    .collect()
}

/// Units of a lot, as a part of the shipment.
pub(super) fn part(
    lot: &ShipmentLot,
    quantity: i64,
    serial_numbers: Vec<String>,
) -> Option<ShipmentUnits> {
    let of_line = lot.shipment_units.as_ref()?;
    let units = StockUnits {
        quantity,
        serial_numbers,
        ..of_line.units.clone()?
    };
    Some(ShipmentUnits {
        units: Some(units),
        ..of_line.clone()
    })
}

/// The line, batch and owner of units, and none of them.
pub(super) fn nothing_of(units: &ShipmentUnits) -> Option<ShipmentUnits> {
    let nothing = StockUnits {
        quantity: 0,
        serial_numbers: Vec::new(),
        ..units.units.clone()?
    };
    Some(ShipmentUnits {
        units: Some(nothing),
        ..units.clone()
    })
}

/// The units that picks name, each of them within what is free.
pub(super) fn taken(
    field: &str,
    shipment: &Shipment,
    picks: &[Pick],
    free: impl Fn(&ShipmentLot) -> Free,
) -> Result<Vec<ShipmentUnits>, Rejection> {
    limits::lines(field, picks.len(), limits::PICKS)?;
    let mut seen = BTreeSet::new();
    let mut all: Vec<ShipmentUnits> = Vec::new();
    for (index, pick) in picks.iter().enumerate() {
        let path = format!("{field}[{index}]");
        let (lot, units) = named(&path, shipment, pick, &free)?;
        let free = free(lot);
        let taken = all.iter().filter(|it| {
            let of_line = lot.shipment_units.as_ref();
            of_line.is_some_and(|of_line| is_same(of_line, it))
        });
        let taken: i64 = taken
            .filter_map(|it| it.units.as_ref())
            .map(|it| it.quantity)
            .sum();
        let serial_numbers = numbers(&path, pick, units, &free, &mut seen)?;
        let left = free.quantity - taken;
        let quantity = pick.quantity(&path, &shipment.shipment_id, &units.batch_id, left)?;
        let serial_numbers = match (serial_numbers.is_empty(), free.serial_numbers.is_empty()) {
            // All of them: those that no other pick has named.
            (true, false) => {
                let key = |number: &String| (units.item_id.clone(), number.clone());
                let rest: Vec<String> = free
                    .serial_numbers
                    .iter()
                    .filter(|number| !seen.contains(&key(number)))
                    .take(usize::try_from(quantity).unwrap_or(usize::MAX))
                    .cloned()
                    .collect();
                seen.extend(rest.iter().map(key));
                rest
            }
            _ => serial_numbers,
        };
        all.extend(part(lot, quantity, serial_numbers));
    }
    Ok(all)
}

/// The lot that a pick names, of which something is free.
fn named<'a>(
    path: &str,
    shipment: &'a Shipment,
    pick: &Pick,
    free: impl Fn(&ShipmentLot) -> Free,
) -> Result<(&'a ShipmentLot, &'a StockUnits), Rejection> {
    let shipment_id = shipment.shipment_id.clone();
    if !shipment.lines.iter().any(|line| line.line == pick.line) {
        return Err(Rejection::UnknownShipmentLine {
            field: format!("{path}.line"),
            shipment_id,
            line: pick.line,
        });
    }
    let is_meant = |id: &Option<Code>, found: &str| id.as_ref().is_none_or(|id| **id == *found);
    let candidates: Vec<_> = shipment
        .lots
        .iter()
        .filter(|lot| {
            let of_line = lot.shipment_units.as_ref();
            of_line.is_some_and(|of_line| of_line.line == pick.line) && free(lot).quantity > 0
        })
        .filter_map(|lot| Some((lot, units_of(lot)?)))
        .filter(|(_, units)| {
            is_meant(&pick.batch_id, &units.batch_id) && is_meant(&pick.owner_id, &units.owner_id)
        })
        .collect();
    match candidates[..] {
        [] => Err(Rejection::NothingToTake {
            field: format!("{path}.batch_id"),
            shipment_id,
            line: pick.line,
        }),
        [only] => Ok(only),
        // Serial numbers say which lot is meant.
        _ => candidates
            .iter()
            .find(|(lot, _)| {
                let free = free(lot).serial_numbers;
                let mut numbers = pick.serial_numbers.iter();
                numbers.any(|number| free.iter().any(|it| it == number.as_str()))
            })
            .copied()
            .ok_or_else(|| Rejection::AmbiguousBatch {
                field: format!("{path}.batch_id"),
                shipment_id,
                line: pick.line,
                batches: candidates
                    .iter()
                    .map(|(_, units)| format!("{} of {}", units.batch_id, units.owner_id))
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
    }
}

/// The serial numbers that a pick names, each of them free and named once.
fn numbers(
    path: &str,
    pick: &Pick,
    units: &StockUnits,
    free: &Free,
    seen: &mut BTreeSet<(String, String)>,
) -> Result<Vec<String>, Rejection> {
    let field = format!("{path}.serial_numbers");
    let item_id = units.item_id.clone();
    if pick.serial_numbers.is_empty() {
        return Ok(Vec::new());
    }
    if units.serial_numbers.is_empty() {
        return Err(Rejection::SerialNumbersNotExpected { field, item_id });
    }
    if let Some(quantity) = pick.quantity {
        asset::count_serial_numbers(&field, &item_id, quantity.get(), pick.serial_numbers.len())?;
    }
    for number in &pick.serial_numbers {
        let serial_number = number.to_string();
        if !free.serial_numbers.contains(&serial_number) {
            return Err(Rejection::SerialNumberNotThere {
                field,
                item_id,
                serial_number,
                place: format!("there to take of line {}", pick.line),
            });
        }
        if !seen.insert((item_id.clone(), serial_number.clone())) {
            return Err(Rejection::DuplicateSerialNumber {
                field,
                item_id,
                serial_number,
            });
        }
    }
    Ok(asset::stored(&pick.serial_numbers))
}
