//! Kits that were put together some time ago: nobody can refuse them any more. Their components are taken from what there
//! is, also from what is expired, blocked or claimed; claims to it are given up, and what the books do not know of is found
//! as a discrepancy in the same append. Units that are held by themselves stand apart, and stay so.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{Batch, BatchHeld, HoldReason, KitsAssembled, StockLevel, StockLot},
    registry::v1::{Item, KitComponent},
    shipments::v1::ReleaseReason,
};

use super::{
    AssembleKits,
    assemble::{in_kits_reads, owner_required},
};
use crate::{
    books::Books,
    boundary::Boundary,
    code::Code,
    quality,
    rejection::Rejection,
    stock::{
        gone::{Gone, SET_APART, Unknown},
        lot::existing_batch,
        pick::Choice,
    },
};

/// What there was, and what follows before the kits are booked.
pub(super) struct Late {
    /// What was taken, as what is available.
    pub levels: Vec<StockLevel>,
    /// Claims that are given up, and what is found.
    pub before: Vec<Event>,
}

impl AssembleKits {
    /// What must be read besides to decide on kits that were put together some time ago.
    pub(super) fn late_reads(&self, books: &Books, kit: &Item) -> Vec<Boundary> {
        let mut boundaries = Vec::new();
        let levels = self.all_levels(books, kit);
        let Ok(owner_id) = self.late_owner(&levels) else {
            return boundaries;
        };
        for (component, level) in kit.components.iter().zip(&levels) {
            let taken = self.gone(component, level, owner_id.as_deref()).taken();
            boundaries.extend(taken.reads(books));
            if taken.beyond > 0 {
                let batch_id = last_batch(level, owner_id.as_deref());
                boundaries.extend(batch_id.and_then(|id| Boundary::batch(&id)));
            }
            for lot in taken.lots().filter(|lot| lot.available == 0) {
                boundaries.extend(in_kits_reads(books, &component.item_id, lot));
            }
        }
        boundaries
    }

    /// What was taken, component by component. Where the books know too little of one, a batch of it must be named or be
    /// there.
    pub(super) fn late(
        &self,
        books: &Books,
        kit: &Item,
        owner_id: Option<&str>,
    ) -> Result<Late, Rejection> {
        let mut late = Late {
            levels: Vec::new(),
            before: Vec::new(),
        };
        for (component, mut level) in kit.components.iter().zip(self.all_levels(books, kit)) {
            let taken = self.gone(component, &level, owner_id).taken();
            let batch = if taken.beyond > 0 {
                self.unknown_batch(books, component, &level, owner_id)?
            } else {
                None
            };
            if let (1.., None) = (taken.beyond, batch) {
                // That there is too little is told as it is of any other kits.
                late.levels.push(level);
                continue;
            }
            let nothing = Batch::default();
            let unknown = Unknown::Batch(batch.unwrap_or(&nothing));
            let reason = ReleaseReason::StockGone;
            let taken = taken.consequences(books, &level, &unknown, owner_id, reason)?;
            late.before.extend(taken.before);
            for lot in &mut level.lots {
                lot.available = 0;
            }
            for units in taken.units {
                let of_it = |lot: &&mut StockLot| {
                    lot.batch_id == units.batch_id && lot.owner_id == units.owner_id
                };
                if let Some(lot) = level.lots.iter_mut().find(of_it) {
                    lot.available = units.quantity;
                } else {
                    level.lots.push(StockLot {
                        batch_id: units.batch_id,
                        donation_id: units.donation_id,
                        owner_id: units.owner_id,
                        lot: units.lot,
                        expires_on: units.expires_on,
                        available: units.quantity,
                        ..StockLot::default()
                    });
                }
            }
            late.levels.push(level);
        }
        Ok(late)
    }

    /// Whose components were taken: kits belong to one owner.
    pub(super) fn late_owner(&self, levels: &[StockLevel]) -> Result<Option<String>, Rejection> {
        if let Some(owner_id) = &self.owner_id {
            return Ok(Some(owner_id.to_string()));
        }
        let there = levels.iter().flat_map(|level| &level.lots);
        let owners: BTreeSet<&str> = there.map(|lot| &*lot.owner_id).collect();
        owner_required(self, owners)
    }

    /// Everything that there is of the components, of the batches that are named.
    pub(super) fn all_levels(&self, books: &Books, kit: &Item) -> Vec<StockLevel> {
        let of_it = |component: &KitComponent| {
            let named: Vec<&str> = self
                .batch_ids
                .iter()
                .filter(|id| {
                    books
                        .batch(id)
                        .is_some_and(|it| it.item_id == component.item_id)
                })
                .map(Code::as_str)
                .collect();
            let mut level = books
                .stock(&self.facility_id, &component.item_id)
                .cloned()
                .unwrap_or_default();
            level.facility_id = self.facility_id.to_string();
            level.item_id.clone_from(&component.item_id);
            if !named.is_empty() {
                level.lots.retain(|lot| named.contains(&&*lot.batch_id));
            }
            level
        };
        kit.components.iter().map(of_it).collect()
    }

    fn gone<'a>(
        &self,
        component: &KitComponent,
        level: &'a StockLevel,
        owner_id: Option<&'a str>,
    ) -> Gone<'a> {
        Gone {
            level,
            issuable: level,
            today: NaiveDate::MIN,
            choice: Choice {
                batch_id: None,
                owner_id,
            },
            quantity: component.quantity.saturating_mul(self.quantity.get()),
            tiers: SET_APART,
        }
    }

    /// Of which batch units are that the books do not know of: one that is named, else the last one that is there.
    fn unknown_batch<'a>(
        &self,
        books: &'a Books,
        component: &KitComponent,
        level: &StockLevel,
        owner_id: Option<&str>,
    ) -> Result<Option<&'a Batch>, Rejection> {
        let mut named = self.batch_ids.iter().filter_map(|id| books.batch(id));
        let named = named.rfind(|batch| batch.item_id == component.item_id);
        if named.is_some() {
            return Ok(named);
        }
        let last = last_batch(level, owner_id).and_then(|id| Code::parse(&id).ok());
        last.map(|id| existing_batch(books, &id)).transpose()
    }
}

/// The batch of an owner that goes last.
fn last_batch(level: &StockLevel, owner_id: Option<&str>) -> Option<String> {
    let theirs = |lot: &&StockLot| owner_id.is_none_or(|id| id == lot.owner_id);
    let order = |lot: &&StockLot| (lot.expires_on.is_empty(), lot.expires_on.clone());
    let lots = level.lots.iter().filter(theirs);
    lots.max_by_key(order).map(|lot| lot.batch_id.clone())
}

/// That kits are held since something in them is held or recalled.
pub(super) fn held_for_components(books: &Books, assembled: &KitsAssembled) -> Option<Event> {
    let kits = assembled.kits.as_ref()?;
    let is_blocked = assembled.components.iter().any(|units| {
        let quality = books.quality(&units.item_id);
        quality.is_some_and(|it| quality::is_blocked(it, &units.batch_id, &units.lot))
    });
    is_blocked.then(|| {
        BatchHeld {
            batch_id: kits.batch_id.clone(),
            item_id: kits.item_id.clone(),
            lot: String::new(),
            reason: HoldReason::Component.into(),
            documents: Vec::new(),
        }
        .into()
    })
}
