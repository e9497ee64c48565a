//! Where every asset is, and what it is inside.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::{
    Event,
    inventory::v1::{
        AssetPlace, AssetRef, AssetStatus, ReceiptOutcome, StockUnits, VoidedMovement,
    },
    registry::v1::AssetLink,
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
    /// The one that an asset is inside.
    inside: BTreeMap<Key, Key>,
    /// What is inside an asset.
    contents: BTreeMap<Key, BTreeSet<Key>>,
    /// What was put into something while it was inside something, or taken out of what it was not inside.
    misplaced: BTreeSet<String>,
    /// What is in the books of its facility, but put to use there, or with somebody else.
    put_to_use: BTreeMap<Key, &'static str>,
    /// The trips on which assets are as vehicles.
    trips: BTreeMap<String, Key>,
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
                    self.check_in_store(units, &event.shipment_id);
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
            Event::AssetPutInside(event) => {
                self.put(event.units.as_ref(), event.inside.as_ref(), true);
            }
            Event::AssetTakenOut(event) => {
                self.put(event.units.as_ref(), event.inside.as_ref(), false);
            }
            Event::ShipmentSplit(event) => {
                for units in event.units.iter().map(|units| units.units.as_ref()) {
                    self.go(units, &shipment(&event.shipment_id));
                    self.come(units, &shipment(&event.new_shipment_id));
                }
            }
            Event::LossActAccepted(event) => {
                for units in &event.units {
                    self.go(units.units.as_ref(), &shipment(&event.shipment_id));
                }
            }
            _ => {
                self.take_step(event);
                self.take_in_voided(event);
            }
        }
    }

    /// It is put to use, or somebody has it, or no longer.
    fn take_step(&mut self, event: &Event) {
        let (units, use_of_it) = match event {
            Event::AssetInstalled(event) => (&event.units, Some("installed")),
            Event::AssetLent(event) => (&event.units, Some("lent")),
            Event::AssetSentForRepair(event) => {
                let is_away = event.repair.as_ref().is_some_and(|it| !it.on_site);
                if !is_away {
                    return;
                }
                (&event.units, Some("with its repairer"))
            }
            Event::TripDeparted(event) => {
                return self.travel(&event.trip_id, event.asset.as_ref());
            }
            Event::TripResumed(event) => return self.travel(&event.trip_id, event.asset.as_ref()),
            Event::TripCompleted(event) => return self.travel(&event.trip_id, None),
            Event::AssetRemoved(event) => (&event.units, None),
            Event::AssetLoanEnded(event) => (&event.units, None),
            Event::AssetRepairEnded(event) => {
                let keys = self.keys(event.units.as_ref());
                let repaired = Some(&"with its repairer");
                let mut keys = keys.into_iter();
                if !keys.any(|key| self.put_to_use.get(&key) == repaired) {
                    return;
                }
                (&event.units, None)
            }
            Event::AssetStepVoided(event) => {
                let place = event.status.as_ref().map(AssetStatus::place);
                let was = match place {
                    Some(AssetPlace::Installed) => Some("installed"),
                    Some(AssetPlace::Lent) => Some("lent"),
                    Some(AssetPlace::Repairer) => Some("with its repairer"),
                    _ => None,
                };
                (&event.units, was)
            }
            _ => return,
        };
        for key in self.keys(units.as_ref()) {
            match use_of_it {
                Some(use_of_it) => self.put_to_use.insert(key, use_of_it),
                None => self.put_to_use.remove(&key),
            };
        }
    }

    /// A trip goes on with an asset as its vehicle, or with none.
    fn travel(&mut self, trip_id: &str, link: Option<&AssetLink>) {
        self.trips.remove(trip_id);
        if let Some(link) = link {
            let key = (link.item_id.clone(), link.serial_number.clone());
            self.trips.insert(trip_id.to_owned(), key);
        }
    }

    /// What leaves in a shipment must be in the store.
    fn check_in_store(&mut self, units: Option<&StockUnits>, shipment_id: &str) {
        for key in self.keys(units) {
            let is_travelling = self.trips.values().any(|travelling| *travelling == key);
            let use_of_it = self.put_to_use.get(&key).copied();
            if let Some(use_of_it) = use_of_it.or(is_travelling.then_some("on a trip")) {
                self.misplaced.insert(format!(
                    "asset {:?} of item {} left in shipment {shipment_id}, but is {use_of_it}",
                    key.1, key.0
                ));
            }
        }
    }

    /// What was said of a shipment did not happen.
    fn take_in_voided(&mut self, event: &Event) {
        match event {
            Event::ShipmentDispatchVoided(event) => {
                for units in event.units.iter().map(|units| units.units.as_ref()) {
                    self.go(units, &shipment(&event.shipment_id));
                    self.come(units, &facility(&event.origin_id));
                }
            }
            Event::ShipmentReceiptVoided(event) => {
                for found in event
                    .units
                    .iter()
                    .filter(|found| found.outcome() != ReceiptOutcome::Missing)
                {
                    let units = found.shipment_units.as_ref();
                    let units = units.and_then(|units| units.units.as_ref());
                    self.go(units, &facility(&event.destination_id));
                    if !crate::batch::is_new(found.outcome()) {
                        self.come(units, &shipment(&event.shipment_id));
                    }
                }
            }
            Event::LossActVoided(event) => {
                for units in &event.units {
                    self.come(units.units.as_ref(), &shipment(&event.shipment_id));
                }
            }
            _ => {}
        }
    }

    fn put(&mut self, units: Option<&StockUnits>, outer: Option<&AssetRef>, is_in: bool) {
        let Some(outer) = outer else { return };
        let outer = (outer.item_id.clone(), outer.serial_number.clone());
        for key in self.keys(units) {
            let was_inside = self.inside.remove(&key);
            if let Some(known) = &was_inside {
                self.contents.entry(known.clone()).or_default().remove(&key);
            }
            let expected = (!is_in).then_some(&outer);
            if was_inside.as_ref() != expected {
                self.misplaced.insert(format!(
                    "asset {:?} of item {} was put into or taken out of {:?} of item {}, but was inside {was_inside:?}",
                    key.1, key.0, outer.1, outer.0
                ));
            }
            if is_in {
                self.contents
                    .entry(outer.clone())
                    .or_default()
                    .insert(key.clone());
                self.inside.insert(key.clone(), outer.clone());
            }
            self.touched.insert(key, true);
        }
    }

    /// Whatever is inside an asset is where that one is, and nothing is inside itself.
    fn check_inside(&mut self, key: &Key, findings: &mut Findings<'_>) {
        let is_gone = |places: &BTreeMap<Key, Vec<String>>, key: &Key| {
            places.get(key).is_none_or(Vec::is_empty)
        };
        if is_gone(&self.places, key) {
            // What is lost together is no longer one inside the other.
            let inner = self.contents.remove(key).unwrap_or_default();
            for key in &inner {
                self.inside.remove(key);
                if !is_gone(&self.places, key) {
                    findings.add(3, format!("asset {key:?} is inside one that is nowhere"));
                }
            }
            if let Some(outer) = self.inside.remove(key) {
                self.contents.entry(outer.clone()).or_default().remove(key);
                if !is_gone(&self.places, &outer) {
                    findings.add(3, format!("asset {key:?} is nowhere, but inside {outer:?}"));
                }
            }
            return;
        }
        let inner = self.contents.get(key).into_iter().flatten();
        let together = inner.map(|inner| (inner, key));
        let outer = self.inside.get(key).map(|outer| (key, outer));
        for (inner, outer) in together.chain(outer) {
            if self.places.get(inner) != self.places.get(outer) {
                findings.add(
                    3,
                    format!("asset {inner:?} is inside {outer:?}, but elsewhere"),
                );
            }
        }
        let mut around = self.inside.get(key);
        let mut seen = BTreeSet::from([key]);
        while let Some(outer) = around {
            if !seen.insert(outer) {
                findings.add(3, format!("asset {key:?} is inside itself"));
                break;
            }
            around = self.inside.get(outer);
        }
    }

    fn come(&mut self, units: Option<&StockUnits>, place: &str) {
        for key in self.keys(units) {
            self.places
                .entry(key.clone())
                .or_default()
                .push(place.to_owned());
            self.put_to_use.remove(&key);
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
        for what in std::mem::take(&mut self.misplaced) {
            findings.add(3, what);
        }
        let touched = std::mem::take(&mut self.touched);
        for key in touched.keys() {
            self.check_inside(key, findings);
        }
        for (key, is_somewhere) in touched {
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
