//! The figures of a statement, added up change by change: what is kept grows with batches and places, and not with how
//! often something happened to them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::NaiveDate;
use keruen_domain::calendar::is_expired;
use keruen_log::Log;
use keruen_proto::{
    inventory::v1::{AssetCondition, Batch},
    reports::v1::StatementFigure as Figure,
};

use super::changes::Change;
use crate::{
    assets::GONE,
    refusal::Refusal,
    report::{
        recorded::{Amendments, AssetThen, assets_at, batches_at, warehouses_at},
        worth,
    },
};

/// Donation, item, figure, cause and currency.
pub type Key = (String, String, i32, String, String);
/// Units and minor units, and what those are in all where a value was declared.
pub type Sums = BTreeMap<Key, (i64, i64)>;

/// As of when figures are told.
#[derive(Clone, Copy, Debug)]
pub struct AsOf {
    /// What was known at this position.
    pub position: u64,
    /// The last day of the period.
    pub last_day: NaiveDate,
    /// When that ends, in microseconds.
    pub end_us: i64,
    /// Of what there is, what was last told of before this time is unreported.
    pub told_from_us: i64,
}

/// Figures of a statement as of a position and a day.
pub struct Figures<'q> {
    as_of: AsOf,
    begin_us: i64,
    owner_id: Option<&'q str>,
    sums: Sums,
    /// Batches that were something else then.
    amendments: Amendments<'q>,
    /// The batches that are being added up, as they were then.
    batches: BTreeMap<String, Batch>,
    places: BTreeMap<PlaceKey, Place>,
    /// Of facilities, whether they kept stock for others.
    warehouses: HashMap<Arc<str>, bool>,
}

/// A batch, a facility and the unit of an asset.
type PlaceKey = (Arc<str>, Arc<str>, Arc<str>);

impl<'q> Figures<'q> {
    /// Nothing yet, of a period that begins at a time, of what anybody or an owner had of these batches, in order.
    pub fn new(
        as_of: AsOf,
        begin_us: i64,
        owner_id: Option<&'q str>,
        batch_ids: &'q [String],
    ) -> Self {
        Self {
            as_of,
            begin_us,
            owner_id,
            sums: Sums::new(),
            amendments: Amendments::since(as_of.position, batch_ids),
            batches: BTreeMap::new(),
            places: BTreeMap::new(),
            warehouses: HashMap::new(),
        }
    }

    /// Goes on to some batches, told as they are now.
    pub async fn begin(
        &mut self,
        log: &Arc<dyn Log>,
        batches: &BTreeMap<String, Batch>,
    ) -> Result<(), Refusal> {
        self.batches.clone_from(batches);
        let amended = self.amendments.among(log, batches).await?;
        self.batches
            .extend(batches_at(log, &amended, self.as_of.position).await?);
        Ok(())
    }

    /// Adds what an event changed of them; of what entered the books, was lost or disposed of, how much of it for which
    /// cause.
    pub fn take(&mut self, change: &Change, shares: &[(String, i64)]) {
        let is_known = change.position <= self.as_of.position;
        if !is_known || change.occurred_at_us >= self.as_of.end_us {
            return;
        }
        let Some(batch) = self.batches.get(&*change.batch_id) else {
            return;
        };
        let key = (
            Arc::clone(&change.batch_id),
            Arc::clone(&change.facility_id),
            Arc::clone(&change.serial_number),
        );
        let place = self.places.entry(key).or_default();
        place.take(change, self.owner_id.is_some(), self.as_of);
        let counts = change.counts;
        let sums = &mut self.sums;
        if change.occurred_at_us < self.begin_us {
            let there = counts.on_hand + counts.in_transit;
            add(sums, batch, Figure::Opening, "", there);
            return;
        }
        for (figure, quantity) in [
            (Figure::Used, counts.consumed),
            (Figure::Returned, counts.returned),
            (Figure::Converted, counts.converted),
        ] {
            add(sums, batch, figure, "", quantity);
        }
        let split = if counts.received != 0 {
            Figure::Received
        } else if counts.lost != 0 {
            Figure::Lost
        } else {
            Figure::Disposed
        };
        for (cause, quantity) in shares {
            add(sums, batch, split, cause, *quantity);
        }
        if self.owner_id.is_some() {
            add(sums, batch, Figure::TitleIn, "", counts.title_in);
            add(sums, batch, Figure::TitleOut, "", counts.title_out);
        }
    }

    /// Adds what there is of them, with the batches of assets among them.
    pub async fn finish(
        &mut self,
        log: &Arc<dyn Log>,
        of_assets: &BTreeSet<String>,
    ) -> Result<(), Refusal> {
        let AsOf {
            position, end_us, ..
        } = self.as_of;
        let assets = assets_at(log, of_assets, position, end_us).await?;
        let mut told_us = HashMap::new();
        for AssetThen { asset, reported_us } in &assets {
            told_us.insert((&*asset.batch_id, &*asset.serial_number), *reported_us);
            let is_its_own = self.owner_id.is_none_or(|owner| owner == asset.owner_id);
            if asset.condition() == AssetCondition::InService
                && !GONE.contains(&asset.place())
                && is_its_own
                && let Some(batch) = self.batches.get(&asset.batch_id)
            {
                add(&mut self.sums, batch, Figure::InService, "", 1);
            }
        }
        self.look_up_warehouses(log).await?;
        for ((batch_id, facility_id, serial_number), mut place) in std::mem::take(&mut self.places)
        {
            if let Some(reported_us) = told_us.get(&(&*batch_id, &*serial_number)) {
                place.is_reported = *reported_us >= self.as_of.told_from_us;
            }
            if let Some(batch) = self.batches.get(&*batch_id) {
                let is_warehouse = self.warehouses.get(&facility_id).copied();
                let is_warehouse = is_warehouse.unwrap_or_default();
                add_place(&mut self.sums, batch, is_warehouse, place, self.as_of);
            }
        }
        Ok(())
    }

    async fn look_up_warehouses(&mut self, log: &Arc<dyn Log>) -> Result<(), Refusal> {
        let named = self.places.keys().map(|(_, facility_id, _)| facility_id);
        let unknown = named.filter(|id| !self.warehouses.contains_key(*id));
        let unknown: BTreeSet<Arc<str>> = unknown.cloned().collect();
        let found = warehouses_at(log, &unknown, self.as_of.position).await?;
        let known = unknown.into_iter().map(|id| {
            let is_warehouse = found.contains(&*id);
            (id, is_warehouse)
        });
        self.warehouses.extend(known);
        Ok(())
    }

    /// How many sums there are.
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// All that is not 0.
    pub fn into_sums(mut self) -> Sums {
        self.sums
            .retain(|_, (quantity, value)| *quantity != 0 || *value != 0);
        self.sums
    }
}

fn add_place(sums: &mut Sums, batch: &Batch, is_warehouse: bool, place: Place, as_of: AsOf) {
    add(sums, batch, Figure::InTransit, "", place.in_transit);
    if is_warehouse {
        add(sums, batch, Figure::AtWarehouse, "", place.on_hand);
    } else {
        add(sums, batch, Figure::Delivered, "", place.on_hand);
        if !place.is_told() {
            add(sums, batch, Figure::Unreported, "", place.on_hand);
        }
    }
    if is_expired(&batch.expires_on, as_of.last_day) {
        add(sums, batch, Figure::Expired, "", place.on_hand);
    }
}

/// What there is of a batch at a facility, or on its way to it.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    on_hand: i64,
    in_transit: i64,
    /// How many came, and how many were used, since what is told of counts. What did not happen counts from the same time on
    /// as what it undoes, so that both together are nothing.
    came: i64,
    used: i64,
    /// Whether something else was said of the unit since then.
    is_reported: bool,
}

impl Place {
    /// To an owner, what passes to it comes then; to all others it stays where it is.
    fn take(&mut self, change: &Change, is_of_owner: bool, as_of: AsOf) {
        let counts = change.counts;
        self.on_hand += counts.on_hand;
        self.in_transit += counts.in_transit;
        if change.occurred_at_us < as_of.told_from_us {
            return;
        }
        // What is back because it never went, or never passed to somebody else, has told nothing.
        let gone = [
            counts.consumed,
            counts.disposed,
            counts.lost,
            counts.returned,
            counts.title_out,
        ];
        let is_back = gone.iter().any(|sum| *sum < 0);
        let came = counts.on_hand > 0 && (is_of_owner || counts.title_in == 0) && !is_back;
        let never_passed = is_of_owner && counts.title_in < 0;
        let never_came = counts.in_transit > 0 || counts.received < 0 || never_passed;
        if came || counts.on_hand < 0 && never_came {
            self.came += counts.on_hand;
        }
        self.used += counts.consumed;
    }

    /// Whether anything was told of it since the time from which that counts.
    fn is_told(&self) -> bool {
        self.came > 0 || self.used > 0 || self.is_reported
    }
}

fn add(sums: &mut Sums, batch: &Batch, figure: Figure, cause: &str, quantity: i64) {
    if quantity == 0 {
        return;
    }
    let value = worth(quantity, batch.unit_value.as_ref());
    let (currency, minor_units) = value.map_or((String::new(), 0), |value| {
        (value.currency_code, value.minor_units)
    });
    let key = (
        batch.donation_id.clone(),
        batch.item_id.clone(),
        figure.into(),
        cause.to_owned(),
        currency,
    );
    let sum = sums.entry(key).or_default();
    sum.0 = sum.0.saturating_add(quantity);
    sum.1 = sum.1.saturating_add(minor_units);
}
