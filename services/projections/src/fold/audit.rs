//! What an auditor should look at, with its value.

use std::collections::BTreeMap;

use keruen_domain::{Boundary, Entry};
use keruen_proto::{
    Event,
    inventory::v1::StockUnits,
    log::v1::RecordedEvent,
    registry::v1::Money,
    reports::v1::{AuditException, AuditExceptionKind},
};

use super::Fold;
use crate::{
    exceptional, failure::StoreError, movement::Movement, report::worth, resource::Folded,
};

/// A shipment that was split off another one, which was split off another one, is looked at so far up.
const MAX_SPLITS: usize = 100;

/// What an exception is about: units whose declared values can be added up.
#[derive(Default)]
struct Part<'e> {
    units: Vec<&'e StockUnits>,
    value: Option<Money>,
}

impl Fold {
    /// Notes what an auditor should look at.
    pub(super) fn look_at(
        &mut self,
        recorded: &RecordedEvent,
        event: &Event,
        movements: &[Movement<'_>],
    ) -> Result<(), StoreError> {
        if let Some((approved, persons)) = exceptional::approval(recorded, event) {
            for subject in approved {
                for person_ref in &persons {
                    self.rows.add_approval(&subject, person_ref);
                }
            }
        }
        let mut found = exceptional::exceptions(recorded, event, movements);
        for (subject, person_ref) in self.own_approvals(recorded, event)? {
            let kind = AuditExceptionKind::SamePerson;
            found.push(AuditException {
                subject,
                person_ref,
                ..exceptional::at(recorded, event, movements, kind)
            });
        }
        if found.is_empty() {
            return Ok(());
        }
        let sign = if exceptional::is_fewer(event) { -1 } else { 1 };
        let mut parts = self.parts(exceptional::units(event, movements), sign)?;
        if let ([part], Some(money)) = (&mut parts[..], exceptional::money(event))
            && part.units.is_empty()
        {
            part.value = Some(money.clone());
        }
        for exception in &found {
            for part in &parts {
                self.rows.add_exception(part.told(exception, sign));
            }
        }
        Ok(())
    }

    /// What an event receives that somebody with a hand in that had approved, and who: requests, and the shipment where it
    /// was a part of a plan.
    fn own_approvals(
        &mut self,
        recorded: &RecordedEvent,
        event: &Event,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let Some((shipment_id, requests, persons)) = exceptional::receipt(recorded, event) else {
            return Ok(Vec::new());
        };
        let whole = self.whole(shipment_id)?;
        let mut own = Vec::new();
        for person_ref in persons {
            for subject in &requests {
                if self.rows.has_approved(subject, person_ref)? {
                    own.push((subject.clone(), person_ref.to_owned()));
                }
            }
            for subject in &whole {
                if self.rows.has_approved(subject, person_ref)? {
                    own.push((exceptional::shipment(shipment_id), person_ref.to_owned()));
                    break;
                }
            }
        }
        Ok(own)
    }

    /// The tags of a shipment and of those of which it was a part, one of another: what was approved as a whole is approved.
    fn whole(&mut self, shipment_id: &str) -> Result<Vec<String>, StoreError> {
        let mut tags = Vec::new();
        let mut next = shipment_id.to_owned();
        while !next.is_empty() && tags.len() < MAX_SPLITS {
            let Some(boundary) = Boundary::shipment(&next) else {
                break;
            };
            self.load(&boundary)?;
            tags.push(exceptional::shipment(&next));
            next = match self.known(&boundary) {
                Some(Folded {
                    entry: Entry::Shipment(shipment),
                    ..
                }) => shipment.split_from_id.clone(),
                _ => String::new(),
            };
        }
        Ok(tags)
    }

    /// Units as a whole, or currency by currency where their values are declared in several.
    fn parts<'e>(
        &mut self,
        units: Vec<&'e StockUnits>,
        sign: i64,
    ) -> Result<Vec<Part<'e>>, StoreError> {
        let mut parts: BTreeMap<String, Part<'e>> = BTreeMap::new();
        for units in units {
            let value = self.value_of(units, sign)?;
            let currency = value.as_ref().map(|it| it.currency_code.clone());
            let part = parts.entry(currency.unwrap_or_default()).or_default();
            part.add(vec![units], value);
        }
        let worthless = parts.remove("").unwrap_or_default();
        let mut parts: Vec<Part<'e>> = parts.into_values().collect();
        match parts.as_mut_slice() {
            // What has no value declared counts along.
            [one] => one.add(worthless.units, None),
            [] => parts.push(worthless),
            _ if worthless.units.is_empty() => {}
            _ => parts.push(worthless),
        }
        Ok(parts)
    }

    /// Declared value of units.
    fn value_of(&mut self, units: &StockUnits, sign: i64) -> Result<Option<Money>, StoreError> {
        let Some(boundary) = Boundary::batch(&units.batch_id) else {
            return Ok(None);
        };
        self.load(&boundary)?;
        Ok(match self.known(&boundary) {
            Some(Folded {
                entry: Entry::Batch(batch),
                ..
            }) => worth(sign * units.quantity, batch.unit_value.as_ref()),
            _ => None,
        })
    }
}

impl<'e> Part<'e> {
    fn add(&mut self, units: Vec<&'e StockUnits>, value: Option<Money>) {
        self.units.extend(units);
        match (&mut self.value, value) {
            (Some(sum), Some(more)) => {
                sum.minor_units = sum.minor_units.saturating_add(more.minor_units);
            }
            (sum @ None, value) => *sum = value,
            (Some(_), None) => {}
        }
    }

    /// An exception about these units. Of several items there is no number of units.
    fn told(&self, exception: &AuditException, sign: i64) -> AuditException {
        let item_id = one_of(self.units.iter().map(|units| &units.item_id));
        let batch_id = one_of(self.units.iter().map(|units| &units.batch_id));
        let quantity = self.units.iter().map(|units| units.quantity);
        let quantity = quantity.fold(0_i64, i64::saturating_add);
        AuditException {
            quantity: item_id.map_or(0, |_| sign * quantity),
            item_id: item_id.cloned().unwrap_or_default(),
            batch_id: batch_id.cloned().unwrap_or_default(),
            value: self.value.clone(),
            ..exception.clone()
        }
    }
}

/// The one that all of them are.
fn one_of<'a>(mut all: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let first = all.next()?;
    all.all(|it| it == first).then_some(first)
}
