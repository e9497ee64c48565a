//! The books of random histories beside those of their ledger, and folds beside all of their events.

use super::*;

impl World {
    /// Every boundary that anything so far may be about.
    pub(super) fn boundaries(&self) -> Vec<Boundary> {
        let mut all = Vec::new();
        for facility in FACILITIES {
            all.push(Boundary::Facility(code(facility)));
            all.extend(ALL_ITEMS.map(|item| Boundary::Stock(code(facility), code(item))));
        }
        for item in ALL_ITEMS {
            all.push(Boundary::Item(code(item)));
            all.push(Boundary::Quality(code(item)));
            all.push(Boundary::Model(label("Maker"), label(&format!("{item}/1"))));
        }
        all.extend(["TEST", "GLOVES", "OXYGEN"].map(|id| Boundary::Commodity(code(id))));
        all.extend(["KASPI", "MOH", "HELP", "CREW"].map(|id| Boundary::Organisation(code(id))));
        all.extend(
            self.organisations
                .iter()
                .map(|id| Boundary::Organisation(code(id))),
        );
        let keys = ["0", "1", "2"]
            .map(|value| Boundary::Key(RegistryKind::Item, code("KEY"), label(value)));
        all.extend(keys);
        all.extend(self.donations.iter().map(|id| Boundary::Donation(code(id))));
        all.push(Boundary::Donation(code("DABROAD")));
        all.extend(self.goods.iter().map(|id| Boundary::Goods(code(id))));
        all.extend(self.counts.iter().map(|id| Boundary::Count(code(id))));
        all.extend([0, 40].map(|after| Boundary::Since(code("WH"), code("GLOVE"), after)));
        all.extend(self.batches.iter().map(|id| Boundary::Batch(code(id))));
        all.extend(
            self.batches
                .iter()
                .map(|id| Boundary::KitsOfBatch(code(id))),
        );
        all.push(Boundary::EarmarkChanges);
        let lots = ["L1", "L2", "L3"].map(|lot| Boundary::LotInKits(code("RAPID"), label(lot)));
        all.extend(lots);
        all.extend(
            self.serial_numbers
                .iter()
                .map(|number| Boundary::Asset(code("CONC"), label(number))),
        );
        all.extend(self.requests.iter().map(|id| Boundary::Request(code(id))));
        all.extend(self.shipments.iter().map(|id| Boundary::Shipment(code(id))));
        all.extend(self.boundaries_of_sharing());
        all.extend(self.boundaries_of_trips());
        all.push(Boundary::Keeper(code("WH")));
        all.extend(self.parcels.iter().map(|sscc| Boundary::Parcel(code(sscc))));
        all
    }

    /// The folds say what the other books say.
    pub(super) fn compare(&self) {
        for (facility, item) in FACILITIES
            .into_iter()
            .flat_map(|facility| ALL_ITEMS.map(|item| (facility, item)))
        {
            for lot in self.level(facility, item).lots {
                let books = self.ledger.on_hand(facility, &lot.batch_id, &lot.owner_id);
                assert_eq!(
                    (lot.on_hand, lot.reserved, lot.held),
                    books,
                    "{facility} {lot:?}"
                );
                let claimed: i64 = lot.reservations.iter().map(|claim| claim.quantity).sum();
                assert_eq!(lot.reserved, claimed);
                assert!(
                    lot.reserved >= 0 && lot.held >= 0 && lot.available >= 0,
                    "{lot:?}"
                );
                if item == "CONC" {
                    assert_eq!(i64::try_from(lot.serial_numbers.len()), Ok(lot.on_hand));
                    assert_eq!(i64::try_from(lot.held_serial_numbers.len()), Ok(lot.held));
                }
            }
        }
        for id in &self.shipments {
            self.compare_shipment(&self.shipment(id));
        }
        self.compare_money();
        self.compare_plans();
    }

    /// What is said of money adds up to what was promised, and is what its events add up to.
    pub(super) fn compare_money(&self) {
        let Entry::Donation(donation) = self.story.read(&Boundary::Donation(code("DM"))) else {
            panic!("no donation");
        };
        let of = |money: Option<&Money>| money.map_or(0, |money| money.minor_units);
        let spent: i64 = self
            .story
            .events
            .iter()
            .map(|event| match event {
                Event::DonatedMoneySpent(it) => of(it.amount.as_ref()),
                Event::DonatedMoneySpendingVoided(it) => -of(it.amount.as_ref()),
                _ => 0,
            })
            .sum();
        assert_eq!(of(donation.money_spent.as_ref()), spent);
        let parts = [
            &donation.money_spent,
            &donation.money_committed,
            &donation.money_available,
        ];
        let parts = parts.map(|part| of(part.as_ref()));
        assert!(parts.iter().all(|part| *part >= 0), "{donation:?}");
        assert_eq!(parts.iter().sum::<i64>(), of(donation.money.as_ref()));
    }

    pub(super) fn compare_shipment(&self, shipment: &Shipment) {
        use std::collections::BTreeMap;
        let mut under_way: BTreeMap<(String, String), i64> = BTreeMap::new();
        for lot in &shipment.lots {
            let units = lot
                .shipment_units
                .as_ref()
                .and_then(|units| units.units.clone())
                .expect("units");
            assert!(lot.in_transit >= 0 && lot.missing >= 0, "{lot:?}");
            if !shipment.custodian_id.is_empty() {
                let parts = [
                    lot.in_transit,
                    lot.missing,
                    lot.received_good,
                    lot.received_unusable,
                    lot.lost,
                ];
                assert_eq!(parts.iter().sum::<i64>(), units.quantity, "{lot:?}");
                let answered_for: i64 = lot.missing_by_liable.iter().map(|it| it.quantity).sum();
                assert_eq!(answered_for, lot.missing, "{lot:?}");
            }
            if !units.serial_numbers.is_empty() {
                assert_eq!(
                    i64::try_from(lot.serial_numbers_in_transit.len()),
                    Ok(lot.in_transit + lot.missing)
                );
                assert_eq!(
                    i64::try_from(lot.missing_serial_numbers.len()),
                    Ok(lot.missing)
                );
            }
            *under_way
                .entry((units.batch_id, units.owner_id))
                .or_default() += lot.in_transit + lot.missing;
        }
        for ((batch_id, owner_id), quantity) in under_way {
            assert_eq!(
                quantity,
                self.ledger
                    .in_transit(&shipment.shipment_id, &batch_id, &owner_id)
            );
        }
    }
}

/// Whether something is sure to be there: the registry, donations, requests and shipments that were accepted.
pub(super) fn is_sure(boundary: &Boundary) -> bool {
    !matches!(
        boundary,
        Boundary::Stock(..)
            | Boundary::Since(..)
            | Boundary::Count(_)
            | Boundary::Quality(_)
            | Boundary::Batch(_)
            | Boundary::EarmarkChanges
            | Boundary::Emergencies
            | Boundary::KitsOfBatch(_)
            | Boundary::LotInKits(..)
            | Boundary::Asset(..)
            | Boundary::Key(..)
            | Boundary::Vehicle(_)
            | Boundary::Crew(_)
            | Boundary::VehicleTrips(_)
            | Boundary::CrewTrips(_)
            | Boundary::Keeper(_)
    )
}
