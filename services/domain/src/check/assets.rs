//! Where every asset is.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::{
    Event,
    inventory::v1::{ReceiptOutcome, StockUnits, VoidedMovement},
};

use super::Findings;

type Key = (String, String);

/// The places of every asset, one where all is well; none where it left the system.
#[derive(Debug, Default)]
pub(super) struct Assets {
    places: BTreeMap<Key, Vec<String>>,
    /// Units that are to be somewhere, and those that are not.
    touched: BTreeMap<Key, bool>,
    miscounted: BTreeSet<String>,
}

impl Assets {
    pub fn take_in(&mut self, event: &Event) {
        match event {
            Event::DonationReceived(event) => {
                for line in event
                    .lines
                    .iter()
                    .filter(|line| line.outcome() != ReceiptOutcome::Missing)
                {
                    self.come(line.units.as_ref(), &facility(&event.facility_id));
                }
            }
            Event::StockAdjusted(event) if event.decrease => {
                self.go(event.units.as_ref(), &facility(&event.facility_id));
            }
            Event::StockAdjusted(event) => {
                self.come(event.units.as_ref(), &facility(&event.facility_id));
            }
            Event::StockDisposed(event) => {
                self.go(event.units.as_ref(), &facility(&event.facility_id));
            }
            Event::StockReturned(event) => {
                self.go(event.units.as_ref(), &facility(&event.facility_id));
            }
            Event::StockEntered(event) => {
                for line in &event.lines {
                    self.come(line.units.as_ref(), &facility(&event.facility_id));
                }
            }
            Event::ReceiptCorrected(event) if event.decrease => {
                self.go(event.units.as_ref(), &facility(&event.facility_id));
            }
            Event::ReceiptCorrected(event) => {
                self.come(event.units.as_ref(), &facility(&event.facility_id));
            }
            Event::MovementVoided(event) => {
                for units in &event.units {
                    match event.movement() {
                        VoidedMovement::Increase | VoidedMovement::Discrepancy => {
                            self.go(Some(units), &facility(&event.facility_id));
                        }
                        VoidedMovement::TitleTransfer => {}
                        _ => self.come(Some(units), &facility(&event.facility_id)),
                    }
                }
            }
            Event::ShipmentDispatched(event) => {
                for units in event.units.iter().map(|units| units.units.as_ref()) {
                    self.go(units, &facility(&event.origin_id));
                    self.come(units, &shipment(&event.shipment_id));
                }
            }
            Event::ShipmentReceived(event) => {
                for found in event
                    .units
                    .iter()
                    .filter(|found| found.outcome() != ReceiptOutcome::Missing)
                {
                    let units = found
                        .shipment_units
                        .as_ref()
                        .and_then(|units| units.units.as_ref());
                    if !crate::batch::is_new(found.outcome()) {
                        self.go(units, &shipment(&event.shipment_id));
                    }
                    self.come(units, &facility(&event.destination_id));
                }
            }
            Event::LossActAccepted(event) => {
                for units in &event.units {
                    self.go(units.units.as_ref(), &shipment(&event.shipment_id));
                }
            }
            _ => {}
        }
    }

    fn come(&mut self, units: Option<&StockUnits>, place: &str) {
        for key in self.keys(units) {
            self.places
                .entry(key.clone())
                .or_default()
                .push(place.to_owned());
            self.touched.insert(key, true);
        }
    }

    fn go(&mut self, units: Option<&StockUnits>, place: &str) {
        for key in self.keys(units) {
            let places = self.places.entry(key.clone()).or_default();
            match places.iter().position(|known| known == place) {
                Some(index) => {
                    places.remove(index);
                }
                None => places.push(format!("gone from {place} without having been there")),
            }
            self.touched.insert(key, false);
        }
    }

    fn keys(&mut self, units: Option<&StockUnits>) -> Vec<Key> {
        let Some(units) = units.filter(|units| !units.serial_numbers.is_empty()) else {
            return Vec::new();
        };
        if i64::try_from(units.serial_numbers.len()) != Ok(units.quantity) {
            self.miscounted.insert(format!(
                "{} units of item {} with {} serial numbers",
                units.quantity,
                units.item_id,
                units.serial_numbers.len()
            ));
        }
        units
            .serial_numbers
            .iter()
            .map(|number| (units.item_id.clone(), number.clone()))
            .collect()
    }

    pub fn check(&mut self, findings: &mut Findings<'_>) {
        for what in std::mem::take(&mut self.miscounted) {
            findings.add(3, what);
        }
        for (key, is_somewhere) in std::mem::take(&mut self.touched) {
            let places = self.places.get(&key).map(Vec::as_slice).unwrap_or_default();
            if places.len() != usize::from(is_somewhere) {
                let (item_id, serial_number) = &key;
                let found = if places.is_empty() {
                    "nowhere".to_owned()
                } else {
                    places.join(", ")
                };
                findings.add(
                    3,
                    format!("asset {serial_number:?} of item {item_id} is {found}"),
                );
            }
        }
    }
}

fn facility(id: &str) -> String {
    format!("at facility {id}")
}

fn shipment(id: &str) -> String {
    format!("in shipment {id}")
}
