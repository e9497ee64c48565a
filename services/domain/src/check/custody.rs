//! Who is liable for what is under way, on which agreement, and who keeps what is at rest.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::{
    Event,
    inventory::v1::ReceiptOutcome,
    shipments::v1::{CustodyHandedOver, CustodyLeg, KeeperAppointed, ShipmentUnits},
};

use super::Findings;
use crate::batch::is_new;

/// What is under way in a shipment, and who answers for it.
#[derive(Debug, Default)]
struct Custody {
    /// Base units under way, missing ones included.
    units: i64,
    custodian_id: String,
    /// Who else answers for some of what is missing, such as whoever sealed it.
    others: BTreeSet<String>,
}

/// Every shipment that ever left, and who may be a custodian.
#[derive(Debug, Default)]
pub(super) struct Custodians {
    shipments: BTreeMap<String, Custody>,
    organisations: BTreeSet<String>,
    /// Liability agreements: organisation and number.
    agreements: BTreeSet<(String, String)>,
    /// Who keeps the stock of a facility: organisation and person.
    keepers: BTreeMap<String, (String, String)>,
    /// The counts by which keepers took over.
    counts: BTreeSet<String>,
    touched: BTreeSet<String>,
    faults: BTreeSet<String>,
}

impl Custodians {
    pub fn take_in(&mut self, event: &Event) {
        match event {
            Event::OrganisationRegistered(event) => {
                let organisation = event.organisation.as_ref();
                let id = organisation.map(|it| it.organisation_id.clone());
                self.organisations.extend(id);
            }
            Event::ShipmentDispatched(event) => {
                self.sign(&event.shipment_id, &event.custodian_id);
                self.load(&event.shipment_id, &event.units, 1);
                if !event.agreement_id.is_empty() {
                    self.rest_on(&event.shipment_id, &event.custodian_id, &event.agreement_id);
                }
            }
            Event::CustodyHandedOver(event) => self.hand_over(event),
            Event::LiabilityAgreementSigned(event) => {
                let agreement = event.agreement.iter();
                self.agreements.extend(
                    agreement.map(|it| (it.organisation_id.clone(), it.agreement_id.clone())),
                );
            }
            Event::KeeperAppointed(event) => self.keep(event),
            Event::ShipmentDispatchVoided(event) => {
                self.load(&event.shipment_id, &event.units, -1);
                let custody = self.custody(&event.shipment_id);
                custody.custodian_id.clear();
            }
            Event::ShipmentSplit(event) => {
                let others = self.custody(&event.shipment_id).others.clone();
                self.load(&event.shipment_id, &event.units, -1);
                let leg = event.leg.as_ref();
                let custodian_id = leg.map_or("", |leg| leg.custodian_id.as_str());
                self.sign(&event.new_shipment_id, custodian_id);
                self.load(&event.new_shipment_id, &event.units, 1);
                self.custody(&event.new_shipment_id).others = others;
            }
            Event::ShipmentLossReported(event) => {
                self.name(&event.shipment_id, &event.liable_id);
            }
            Event::ShipmentReceived(event) => {
                for found in &event.units {
                    self.name(&event.shipment_id, &found.liable_id);
                }
                let came = event.units.iter().filter(|it| was_under_way(it.outcome()));
                let units = came.filter_map(|it| it.shipment_units.as_ref());
                self.load(&event.shipment_id, units, -1);
            }
            Event::ShipmentReceiptVoided(event) => {
                let came = event.units.iter().filter(|it| was_under_way(it.outcome()));
                let units = came.filter_map(|it| it.shipment_units.as_ref());
                self.load(&event.shipment_id, units, 1);
            }
            Event::LossActAccepted(event) => {
                self.settle(&event.shipment_id, &event.custodian_id);
                self.load(&event.shipment_id, &event.units, -1);
            }
            Event::LossActVoided(event) => {
                self.settle(&event.shipment_id, &event.custodian_id);
                self.load(&event.shipment_id, &event.units, 1);
            }
            _ => {}
        }
    }

    fn custody(&mut self, shipment_id: &str) -> &mut Custody {
        self.touched.insert(shipment_id.to_owned());
        self.shipments.entry(shipment_id.to_owned()).or_default()
    }

    /// Somebody signs for all that leaves; whoever had signed before must have nothing of it any more.
    fn sign(&mut self, shipment_id: &str, custodian_id: &str) {
        let custody = self.custody(shipment_id);
        let before = std::mem::replace(&mut custody.custodian_id, custodian_id.to_owned());
        if custody.units > 0 {
            let units = custody.units;
            self.faults.insert(format!(
                "shipment {shipment_id} left with custodian {custodian_id}, but {units} units of it are under way with \
                 {before}"
            ));
        }
    }

    /// All that is left of a shipment passes from one hand to another.
    fn hand_over(&mut self, event: &CustodyHandedOver) {
        let shipment_id = &event.shipment_id;
        for missing in &event.missing {
            self.name(shipment_id, &missing.liable_id);
        }
        let no_leg = CustodyLeg::default();
        let leg = event.leg.as_ref().unwrap_or(&no_leg);
        if leg.agreement_override.is_none() {
            self.rest_on(shipment_id, &leg.custodian_id, &leg.agreement_id);
        }
        let custody = self.custody(shipment_id);
        let before = std::mem::replace(&mut custody.custodian_id, leg.custodian_id.clone());
        let units = custody.units;
        // Whoever had it may still answer for what is missing.
        custody.others.insert(before.clone());
        if before != event.from_custodian_id || units <= 0 {
            self.faults.insert(format!(
                "shipment {shipment_id} was handed over by {:?}, but {units} units of it are under way with {before:?}",
                event.from_custodian_id
            ));
        }
    }

    /// Whoever takes goods does so on an agreement.
    fn rest_on(&mut self, shipment_id: &str, custodian_id: &str, agreement_id: &str) {
        let key = (custodian_id.to_owned(), agreement_id.to_owned());
        if !self.agreements.contains(&key) {
            self.faults.insert(format!(
                "{custodian_id:?} took shipment {shipment_id} on an agreement {agreement_id:?} that nobody signed"
            ));
        }
    }

    /// Somebody takes over what is at rest, from whoever had it, by a count.
    fn keep(&mut self, event: &KeeperAppointed) {
        let Some(keeper) = &event.keeper else {
            return;
        };
        let now = (keeper.organisation_id.clone(), keeper.person_ref.clone());
        let from = (&event.from_organisation_id, &event.from_person_ref);
        let facility_id = &keeper.facility_id;
        let before = self.keepers.insert(facility_id.clone(), now);
        let is_counted = before.is_none() || !keeper.count_ids.is_empty();
        let (organisation_id, person_ref) = before.unwrap_or_default();
        if (&organisation_id, &person_ref) != from {
            self.faults.insert(format!(
                "the stock of {facility_id} was taken over from {from:?}, but {organisation_id:?} kept it, for whom \
                 {person_ref:?} had signed"
            ));
        } else if !is_counted {
            self.faults.insert(format!(
                "the stock of {facility_id} was taken over from {organisation_id} without a count"
            ));
        }
        for count_id in &keeper.count_ids {
            // Before take-overs told their time, a count could serve again after somebody else had taken over.
            if !self.counts.insert(count_id.clone()) && keeper.since.is_some() {
                self.faults.insert(format!(
                    "the stock of {facility_id} was taken over by count {count_id}, which was used before"
                ));
            }
        }
    }

    /// Somebody answers for what is missing.
    fn name(&mut self, shipment_id: &str, liable_id: &str) {
        if !liable_id.is_empty() {
            let custody = self.custody(shipment_id);
            custody.others.insert(liable_id.to_owned());
        }
    }

    /// A loss is settled with whoever is liable.
    fn settle(&mut self, shipment_id: &str, custodian_id: &str) {
        let custody = self.custody(shipment_id);
        let liable_id = custody.custodian_id.clone();
        if liable_id != custodian_id && !custody.others.contains(custodian_id) {
            self.faults.insert(format!(
                "a loss of shipment {shipment_id} was settled with {custodian_id:?}, but {liable_id:?} is liable"
            ));
        }
    }

    fn load<'a>(
        &mut self,
        shipment_id: &str,
        units: impl IntoIterator<Item = &'a ShipmentUnits>,
        sign: i64,
    ) {
        let units = units.into_iter().filter_map(|it| it.units.as_ref());
        let quantity: i64 = units.map(|units| units.quantity).sum();
        self.custody(shipment_id).units += sign * quantity;
    }

    pub fn check(&mut self, findings: &mut Findings<'_>) {
        for fault in std::mem::take(&mut self.faults) {
            findings.add(5, fault);
        }
        for shipment_id in std::mem::take(&mut self.touched) {
            let Some(custody) = self.shipments.get(&shipment_id) else {
                continue;
            };
            let Custody {
                units,
                custodian_id,
                ..
            } = custody;
            if *units > 0 && !self.organisations.contains(custodian_id) {
                findings.add(
                    5,
                    format!(
                        "{units} units of shipment {shipment_id} are under way, and nobody known is liable for them, \
                         but {custodian_id:?}"
                    ),
                );
            }
        }
    }
}

/// Whether units with this outcome were under way until they were received.
fn was_under_way(outcome: ReceiptOutcome) -> bool {
    outcome != ReceiptOutcome::Missing && !is_new(outcome)
}
