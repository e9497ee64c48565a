//! A step in the life of an asset did not happen: it is as it was before. Where it stands in the books does not change by
//! such a step, but whether it is held because of its state may.

use keruen_proto::{
    Event,
    inventory::v1::{Asset, AssetStatus, AssetStepVoided, StockUnits},
};

use super::super::{VoidMovement, context};
use crate::{
    asset::{contents, fold::status, is_free, life::set_apart_or_not, life_units, told_state},
    books::{Books, Entry, Fold as _},
    boundary::Boundary,
    code::Label,
    registry::existing_facility,
    rejection::Rejection,
    stock::{lot::check_unclaimed, pick::units_of},
};

impl VoidMovement {
    pub(super) fn asset_boundary(&self) -> Option<Boundary> {
        context(&self.fact.event)
    }

    fn asset<'a>(&self, books: &'a Books) -> Option<&'a Asset> {
        match self.asset_boundary()? {
            Boundary::Asset(item_id, serial_number) => books.asset(&item_id, &serial_number),
            _ => None,
        }
    }

    pub(super) fn reads_of_asset(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries: Vec<Boundary> = self.asset_boundary().into_iter().collect();
        if let Some(asset) = self.asset(books) {
            boundaries.extend(Boundary::facility(&asset.facility_id));
            boundaries.extend(Boundary::stock(&asset.facility_id, &asset.item_id));
        }
        boundaries
    }

    pub(super) fn check_asset(&self, books: &Books) -> Result<(), Rejection> {
        let asset = self.asset(books).ok_or_else(|| self.fact.not_so())?;
        existing_facility(books, &asset.facility_id).map(|_| ())
    }

    pub(super) fn decide_on_asset(&self, books: &Books) -> Result<Vec<Event>, Rejection> {
        let now = self.asset(books).ok_or_else(|| self.fact.not_so())?;
        let before = self.status_before(now)?;
        let lot = contents::lot_of(books, now).ok_or_else(|| self.told_since(now))?;
        let level = books.stock(&now.facility_id, &now.item_id);
        let number = vec![now.serial_number.clone()];
        let units = units_of(&now.item_id, lot, 1, number);
        let event = self.voided(now, units.clone(), before);
        let mut after = now.clone();
        if let Some(boundary) = self.asset_boundary() {
            after.evolve(&boundary, &event);
        }
        // What a shipment has claimed since must stay fit to go.
        if let Some(level) = level.filter(|_| !is_free(&after)) {
            let number = Label::parse(&now.serial_number);
            check_unclaimed(
                level,
                lot,
                number.as_ref().map_or(&[], std::slice::from_ref),
            )?;
        }
        let mut events = vec![event];
        events.extend(set_apart_or_not(now, &after, lot, units));
        Ok(events)
    }

    /// What the asset was before the step, if nothing has changed it since.
    fn status_before(&self, now: &Asset) -> Result<AssetStatus, Rejection> {
        let (Some(Entry::Asset(before)), Some(boundary)) =
            (self.fact.before.as_deref(), self.asset_boundary())
        else {
            return Err(self.fact.not_so());
        };
        let mut after = before.clone();
        after.evolve(&boundary, &self.fact.event);
        let is_at_same_point = |one: &Asset, other: &Asset| {
            one.facility_id == other.facility_id
                && one.shipment_id == other.shipment_id
                && one.inside == other.inside
                && one.steps == other.steps
        };
        if status(&after) != status(now) || !is_at_same_point(&after, now) {
            return Err(self.told_since(now));
        }
        Ok(status(before))
    }

    fn told_since(&self, now: &Asset) -> Rejection {
        self.fact.moved_on(
            format!(
                "more was told of the asset since, which is {}",
                told_state(now)
            ),
            "void that first, or report what the asset is",
        )
    }

    fn voided(&self, asset: &Asset, units: StockUnits, status: AssetStatus) -> Event {
        let facility_id = life_units(&self.fact.event).map(|(facility_id, _)| facility_id);
        AssetStepVoided {
            corrects_event_id: self.fact.event_id.clone(),
            facility_id: facility_id.unwrap_or(&asset.facility_id).to_owned(),
            units: Some(units),
            status: Some(status),
            documents: self.documents.clone(),
        }
        .into()
    }
}
