//! Kits are put together: of each component those that expire first, of one owner. Whatever is held, recalled, expired,
//! claimed or meant for somebody does not go into kits, unless it did some time ago.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{Batch, KitsAssembled, StockLevel, StockLot, StockUnits},
    registry::v1::{Item, KitComponent, Tracking},
};

use super::{AssembleKits, follow, is_kit, late::held_for_components};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::{facility_day, is_expired},
    code::{Code, Label, MAX_QUANTITY, UNATTRIBUTED},
    command::{Command, Moment},
    donation::earmark::{self, Use},
    limits,
    quality::state::{check, quarantine},
    registry::{existing_facility, existing_item},
    rejection::Rejection,
    stock::{
        lot::{existing_batch, existing_owner, owner_read},
        pick::{Choice, insufficient, take},
    },
};

/// Kits that hold the same, batch by batch.
struct Run {
    kits: i64,
    /// What each of them holds.
    components: Vec<StockUnits>,
}

impl Command for AssembleKits {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Facility(self.facility_id.clone()),
            Boundary::Item(self.item_id.clone()),
            Boundary::Stock(self.facility_id.clone(), self.item_id.clone()),
        ];
        boundaries.extend(owner_read(self.owner_id.as_ref()));
        boundaries.extend(self.kit_batch_ids.iter().cloned().map(Boundary::Batch));
        for id in &self.batch_ids {
            boundaries.push(Boundary::Batch(id.clone()));
        }
        let kit = books.item(&self.item_id);
        for component in kit.into_iter().flat_map(|kit| &kit.components) {
            boundaries.extend(Boundary::item(&component.item_id));
            boundaries.extend(Boundary::quality(&component.item_id));
            boundaries.extend(Boundary::stock(&self.facility_id, &component.item_id));
            let level = books.stock(&self.facility_id, &component.item_id);
            boundaries.extend(earmark::pledges(level));
        }
        let in_kits = kit.map(|kit| self.in_kits_reads(books, kit));
        boundaries.extend(in_kits.filter(is_within).into_iter().flatten());
        boundaries.extend(kit.into_iter().flat_map(|kit| self.late_reads(books, kit)));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let facility = existing_facility(books, &self.facility_id)?;
        let kit = existing_item(books, &self.item_id)?;
        let named = self.existence(books, kit)?;
        self.check_kit(books, kit)?;
        let is_past = moment.is_past();
        if !is_past {
            self.check_choice(books, kit)?;
        }
        let today = facility_day(facility, moment.occurred_at_us);
        self.check_components(kit, &named)?;
        if is_past {
            let owner_id = self.late_owner(&self.all_levels(books, kit))?;
            let late = self.late(books, kit, owner_id.as_deref())?;
            // What was expired was expired; that nobody can refuse.
            let mut events = late.before;
            events.extend(self.kits(
                books,
                kit,
                late.levels,
                owner_id.as_deref(),
                NaiveDate::MIN,
            )?);
            return limits::keep(events);
        }
        check_named(books, &named, today)?;
        let levels: Vec<StockLevel> = kit
            .components
            .iter()
            .map(|component| self.level(books, component, &named))
            .collect();
        let owner_id = self.owner(&levels, today)?;
        limits::keep(self.kits(books, kit, levels, owner_id.as_deref(), today)?)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Stock(
            self.facility_id.clone(),
            self.item_id.clone(),
        ))
    }
}

impl AssembleKits {
    /// The batches that are named. Refuses what is missing in the books, or there although it must not be.
    fn existence<'a>(&self, books: &'a Books, kit: &Item) -> Result<Vec<&'a Batch>, Rejection> {
        for component in &kit.components {
            existing_item(books, &component.item_id)?;
        }
        existing_owner(books, self.owner_id.as_ref())?;
        let named = self.batch_ids.iter().map(|id| existing_batch(books, id));
        let named = named.collect::<Result<_, _>>()?;
        let taken = self.kit_batch_ids.iter();
        match taken.map(Code::as_str).find(|id| books.batch(id).is_some()) {
            Some(batch_id) => Err(Rejection::BatchExists {
                batch_id: batch_id.to_owned(),
            }),
            None => Ok(named),
        }
    }

    /// Refuses what is no kit, kits of kits or of units with serial numbers, and kits with serial numbers.
    fn check_kit(&self, books: &Books, kit: &Item) -> Result<(), Rejection> {
        if !is_kit(kit) {
            return Err(Rejection::NotAKit {
                item_id: self.item_id.to_string(),
            });
        }
        let is_unfit = |it: &&KitComponent| {
            let item = books.item(&it.item_id);
            item.is_some_and(|item| is_kit(item) || item.tracking() == Tracking::Serial)
        };
        let unfit = if kit.tracking() == Tracking::Serial {
            Some(&kit.item_id)
        } else {
            let component = kit.components.iter().find(is_unfit);
            component.map(|component| &component.item_id)
        };
        match unfit {
            Some(unfit_id) => Err(Rejection::KitUnfit {
                item_id: self.item_id.to_string(),
                component_id: unfit_id.clone(),
            }),
            None => Ok(()),
        }
    }

    /// What must be read to know how many kits contain units of the batches that may be taken, and of their lots.
    fn in_kits_reads(&self, books: &Books, kit: &Item) -> BTreeSet<Boundary> {
        let mut boundaries = BTreeSet::new();
        for component in &kit.components {
            let item_id = &component.item_id;
            let is_of_it = |id: &&str| books.batch(id).is_some_and(|it| it.item_id == *item_id);
            let named = self.batch_ids.iter().map(Code::as_str);
            let named: Vec<&str> = named.filter(is_of_it).collect();
            let may_be_taken = |lot: &&StockLot| {
                lot.available > 0 && (named.is_empty() || named.contains(&&*lot.batch_id))
            };
            let level = books.stock(&self.facility_id, item_id);
            let lots = level.into_iter().flat_map(|level| &level.lots);
            for lot in lots.filter(may_be_taken) {
                boundaries.extend(in_kits_reads(books, item_id, lot));
            }
        }
        boundaries
    }

    /// Refuses to choose among more batches than one decision can read about.
    fn check_choice(&self, books: &Books, kit: &Item) -> Result<(), Rejection> {
        if is_within(&self.in_kits_reads(books, kit)) {
            return Ok(());
        }
        Err(Rejection::ComponentBatchesRequired {
            item_id: self.item_id.to_string(),
            facility_id: self.facility_id.to_string(),
        })
    }

    /// The kits of what there is, and what holds them.
    fn kits(
        &self,
        books: &Books,
        kit: &Item,
        mut levels: Vec<StockLevel>,
        owner_id: Option<&str>,
        today: NaiveDate,
    ) -> Result<Vec<Event>, Rejection> {
        let choice = Choice {
            batch_id: None,
            owner_id,
        };
        self.check_enough(kit, &levels, choice, today)?;
        let runs = self.runs(kit, &mut levels, choice, today)?;
        let mut events = Vec::new();
        for (run, batch_id) in runs.iter().zip(&self.kit_batch_ids) {
            check_in_kits(books, run)?;
            let assembled = self.assembled(run, batch_id);
            let held = quarantine(books, assembled.kits.iter());
            let blocked = held_for_components(books, &assembled);
            events.push(assembled.into());
            events.extend(held);
            events.extend(blocked);
        }
        Ok(events)
    }

    /// Refuses batches that are named and are of no component.
    fn check_components(&self, kit: &Item, named: &[&Batch]) -> Result<(), Rejection> {
        for (index, batch) in named.iter().enumerate() {
            let mut components = kit.components.iter();
            if !components.any(|it| it.item_id == batch.item_id) {
                return Err(Rejection::NotAComponent {
                    field: format!("batch_ids[{index}]"),
                    batch_id: batch.batch_id.clone(),
                    batch_item_id: batch.item_id.clone(),
                    item_id: self.item_id.to_string(),
                });
            }
        }
        Ok(())
    }

    /// What there is of a component that may be taken.
    fn level(&self, books: &Books, component: &KitComponent, named: &[&Batch]) -> StockLevel {
        let nothing = || StockLevel {
            facility_id: self.facility_id.to_string(),
            item_id: component.item_id.clone(),
            lots: Vec::new(),
        };
        let known = books.stock(&self.facility_id, &component.item_id).cloned();
        let mut level = known.unwrap_or_else(nothing);
        let of_it: Vec<&str> = named
            .iter()
            .filter(|batch| batch.item_id == component.item_id)
            .map(|batch| &*batch.batch_id)
            .collect();
        if !of_it.is_empty() {
            level.lots.retain(|lot| of_it.contains(&&*lot.batch_id));
        }
        earmark::set_apart(books, &mut level, Use::Kit);
        level
    }

    /// Whose components are taken: kits belong to one owner.
    fn owner(&self, levels: &[StockLevel], today: NaiveDate) -> Result<Option<String>, Rejection> {
        if let Some(owner_id) = &self.owner_id {
            return Ok(Some(owner_id.to_string()));
        }
        let usable = |lot: &&StockLot| lot.available > 0 && !is_expired(&lot.expires_on, today);
        let owners: BTreeSet<&str> = levels
            .iter()
            .flat_map(|level| level.lots.iter().filter(usable))
            .map(|lot| &*lot.owner_id)
            .collect();
        owner_required(self, owners)
    }

    /// Refuses more kits than there are components for.
    fn check_enough(
        &self,
        kit: &Item,
        levels: &[StockLevel],
        choice: Choice<'_>,
        today: NaiveDate,
    ) -> Result<(), Rejection> {
        for (component, level) in kit.components.iter().zip(levels) {
            let wanted = component.quantity.saturating_mul(self.quantity.get());
            if wanted > MAX_QUANTITY {
                return Err(Rejection::QuantityOverflow {
                    field: "quantity".to_owned(),
                    sum: wanted,
                });
            }
            let taken = take(&mut level.clone(), wanted, today, choice);
            if taken.iter().map(|units| units.quantity).sum::<i64>() < wanted {
                return Err(insufficient(level, wanted, Some(today), choice));
            }
        }
        Ok(())
    }

    /// The kits, in groups that hold the same, batch by batch.
    fn runs(
        &self,
        kit: &Item,
        levels: &mut [StockLevel],
        choice: Choice<'_>,
        today: NaiveDate,
    ) -> Result<Vec<Run>, Rejection> {
        let mut runs = Vec::new();
        let mut open = self.quantity.get();
        while open > 0 {
            if runs.len() == self.kit_batch_ids.len() {
                return Err(Rejection::TooManyKitBatches {
                    item_id: self.item_id.to_string(),
                    assembled: self.quantity.get() - open,
                    limit: runs.len(),
                });
            }
            let mut kits = open;
            let mut components: Vec<StockUnits> = Vec::new();
            for (component, level) in kit.components.iter().zip(&*levels) {
                for units in take(&mut level.clone(), component.quantity, today, choice) {
                    let there = lot_of(level, &units).map_or(0, |lot| lot.available);
                    kits = kits.min(there / units.quantity);
                    components.push(units);
                }
            }
            for units in &components {
                let mut levels = levels.iter_mut();
                let level = levels.find(|level| level.item_id == units.item_id);
                let lots = level.into_iter().flat_map(|level| &mut level.lots);
                for lot in lots.filter(|lot| is_of(lot, units)) {
                    lot.available -= units.quantity * kits;
                }
            }
            // What was found to be enough is enough; should it not be, nothing may go on for ever.
            kits = kits.max(1);
            open -= kits;
            runs.push(Run { kits, components });
        }
        Ok(runs)
    }

    fn assembled(&self, run: &Run, batch_id: &Code) -> KitsAssembled {
        let all = |units: &StockUnits| StockUnits {
            quantity: units.quantity * run.kits,
            ..units.clone()
        };
        let days = run.components.iter().map(|units| &units.expires_on);
        let first = days.filter(|day| !day.is_empty()).min();
        let owner = run.components.first().map(|units| units.owner_id.clone());
        KitsAssembled {
            facility_id: self.facility_id.to_string(),
            kits: Some(StockUnits {
                batch_id: batch_id.to_string(),
                donation_id: UNATTRIBUTED.to_owned(),
                item_id: self.item_id.to_string(),
                owner_id: owner.unwrap_or_default(),
                expires_on: first.cloned().unwrap_or_default(),
                quantity: run.kits,
                ..StockUnits::default()
            }),
            components: run.components.iter().map(all).collect(),
            documents: self.documents.clone(),
        }
    }
}

/// The only owner, if there is any.
pub(super) fn owner_required(
    command: &AssembleKits,
    owners: BTreeSet<&str>,
) -> Result<Option<String>, Rejection> {
    if owners.len() > 1 {
        return Err(Rejection::KitOwnerRequired {
            item_id: command.item_id.to_string(),
            facility_id: command.facility_id.to_string(),
            owners: owners.into_iter().collect::<Vec<_>>().join(", "),
        });
    }
    Ok(owners.into_iter().next().map(str::to_owned))
}

/// Refuses batches that are named and may not go into kits.
fn check_named(books: &Books, named: &[&Batch], today: NaiveDate) -> Result<(), Rejection> {
    for batch in named {
        if is_expired(&batch.expires_on, today) {
            return Err(Rejection::BatchExpired {
                batch_id: batch.batch_id.clone(),
                expires_on: batch.expires_on.clone(),
                today: today.to_string(),
            });
        }
        if let Some(quality) = books.quality(&batch.item_id) {
            check(quality, &batch.item_id, &batch.batch_id, &batch.lot)?;
        }
    }
    Ok(())
}

fn is_of(lot: &StockLot, units: &StockUnits) -> bool {
    lot.batch_id == units.batch_id && lot.owner_id == units.owner_id
}

fn lot_of<'a>(level: &'a StockLevel, units: &StockUnits) -> Option<&'a StockLot> {
    level.lots.iter().find(|lot| is_of(lot, units))
}

/// Whether so much may be read to know how many kits contain units of what may be taken.
fn is_within(in_kits: &BTreeSet<Boundary>) -> bool {
    in_kits.len() <= limits::IN_KITS_READS
}

/// What must be read to know how many kits contain units of a batch, and of its lot.
pub(super) fn in_kits_reads(books: &Books, item_id: &str, lot: &StockLot) -> Vec<Boundary> {
    let mut boundaries: Vec<Boundary> =
        Boundary::kits_of_batch(&lot.batch_id).into_iter().collect();
    if let (Ok(item_id), Ok(label)) = (Code::parse(item_id), Label::parse(&lot.lot)) {
        boundaries.extend(follow::lot_reads(books, &item_id, &label));
    }
    boundaries
}

/// Refuses to let a lot go into more batches of kits than one recall can hold.
fn check_in_kits(books: &Books, run: &Run) -> Result<(), Rejection> {
    for units in &run.components {
        let mut kits = follow::of_batch(books, &units.batch_id);
        if let (Ok(item_id), Ok(lot)) = (Code::parse(&units.item_id), Label::parse(&units.lot)) {
            kits.extend(follow::of_lot(books, &item_id, &lot));
        }
        if kits.len() >= limits::KITS_OF_LOT {
            return Err(Rejection::InTooManyKits {
                batch_id: units.batch_id.clone(),
                limit: limits::KITS_OF_LOT,
            });
        }
    }
    Ok(())
}
