//! What the log tells of the past beyond what views keep of it: how things stood at a position.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use chrono::NaiveDate;
use keruen_domain::{Boundary, Entry, asset::life_units, calendar::kazakhstan_day};
use keruen_log::{Log, Range};
use keruen_proto::{
    Event,
    inventory::v1::{Asset, Batch},
    log::v1::{Query, QueryItem, RecordedEvent},
    registry::v1::{FacilityKind, LocalizedText},
};

use crate::{chronicle::counted_from_us, refusal::Refusal, subject};

const PAGE_EVENTS: usize = 1_000;
/// Histories that are read at once: the log takes a query of so many terms.
const MAX_FOLDS: usize = 128;
const MAX_TERMS: usize = 4_096;
/// Units with serial numbers that are looked at one by one.
const MAX_ASSETS: usize = 50_000;

/// All events of a query, page by page.
pub async fn events(
    log: &Arc<dyn Log>,
    items: Vec<QueryItem>,
    mut range: Range,
    mut take: impl FnMut(&RecordedEvent),
) -> Result<(), Refusal> {
    let query = Query { items };
    loop {
        let page = log.read(&query, range, PAGE_EVENTS).await?;
        page.events.iter().for_each(&mut take);
        match page.events.last() {
            Some(last) if !page.complete => range.after_position = last.position,
            _ => return Ok(()),
        }
    }
}

/// The folds of boundaries as they stood at a position.
async fn folds_at(
    log: &Arc<dyn Log>,
    boundaries: &[Boundary],
    at: u64,
) -> Result<HashMap<Boundary, Entry>, Refusal> {
    folds_of(log, boundaries, at, |_, _, _| true).await
}

/// The same, of those events that count. Each is folded from the events that carry its own tag.
async fn folds_of(
    log: &Arc<dyn Log>,
    boundaries: &[Boundary],
    at: u64,
    mut counts: impl FnMut(&Boundary, &RecordedEvent, &Event) -> bool,
) -> Result<HashMap<Boundary, Entry>, Refusal> {
    let mut folds = HashMap::new();
    let types = |boundary| Entry::empty(boundary).event_types();
    let terms = boundaries.iter().map(|it| types(it).len() + 1).max();
    let size = MAX_FOLDS.min(MAX_TERMS / terms.unwrap_or(1)).max(1);
    for chunk in boundaries.chunks(size) {
        let mut by_tag: HashMap<String, (&Boundary, Entry)> = HashMap::new();
        let mut items = Vec::with_capacity(chunk.len());
        for boundary in chunk {
            by_tag.insert(boundary.tag(), (boundary, Entry::empty(boundary)));
            items.push(QueryItem {
                types: types(boundary).iter().copied().map(str::to_owned).collect(),
                tags: vec![boundary.tag()],
            });
        }
        events(log, items, Range::after(0).up_to(at), |recorded| {
            // What can't be decoded parks the views, long before anybody is answered.
            let Ok(event) = Event::decode(&recorded.r#type, &recorded.data) else {
                return;
            };
            for tag in &recorded.tags {
                if let Some((boundary, entry)) = by_tag.get_mut(tag)
                    && entry.event_types().contains(&event.type_name())
                    && counts(boundary, recorded, &event)
                {
                    entry.evolve(boundary, &event);
                }
            }
        })
        .await?;
        let found = by_tag.into_values();
        folds.extend(found.map(|(boundary, entry)| (boundary.clone(), entry)));
    }
    Ok(folds)
}

/// A unit with a serial number as it stood at a position.
pub struct AssetThen {
    /// The unit.
    pub asset: Asset,
    /// When anything was last reported of it but where it is, in microseconds: before all times where nothing was.
    pub reported_us: i64,
}

/// Units with serial numbers that have been of these batches by a position, as they stood before a time in microseconds by
/// what was known then, with what was reported of them.
pub async fn assets_at(
    log: &Arc<dyn Log>,
    batch_ids: &BTreeSet<String>,
    at: u64,
    end_us: i64,
) -> Result<Vec<AssetThen>, Refusal> {
    let assets = assets_of(log, batch_ids, at).await?;
    // The steps of each that had happened by then, and when each of those that are reports did.
    let mut steps: HashMap<Boundary, BTreeMap<String, Option<i64>>> = HashMap::new();
    let folds = folds_of(log, &assets, at, |boundary, recorded, event| {
        let of_asset = steps.entry(boundary.clone()).or_default();
        if let Event::AssetStepVoided(it) = event {
            // Whenever that became known, the step never was.
            return of_asset.remove(&it.corrects_event_id).is_some();
        }
        let happened_us = counted_from_us(recorded, event);
        if happened_us >= end_us {
            return false;
        }
        let reported_us = is_report(event).then_some(happened_us);
        of_asset.insert(recorded.event_id.clone(), reported_us);
        true
    })
    .await?;
    let last_report = |boundary: &Boundary| {
        let steps = steps.get(boundary).into_iter().flat_map(BTreeMap::values);
        steps.flatten().max().copied()
    };
    let folds = folds.into_iter();
    let assets = folds.filter_map(|(boundary, entry)| match entry {
        Entry::Asset(asset) => Some(AssetThen {
            reported_us: last_report(&boundary).unwrap_or(i64::MIN),
            asset,
        }),
        _ => None,
    });
    Ok(assets.collect())
}

/// Whether an event of an asset tells of it otherwise than by moving it: a step in its life, or a trip that it makes.
fn is_report(event: &Event) -> bool {
    let is_trip = matches!(
        event,
        Event::TripDeparted(_) | Event::TripResumed(_) | Event::TripCompleted(_)
    );
    is_trip || life_units(event).is_some()
}

/// Units with serial numbers that have been of these batches by a position.
async fn assets_of(
    log: &Arc<dyn Log>,
    batch_ids: &BTreeSet<String>,
    at: u64,
) -> Result<Vec<Boundary>, Refusal> {
    let mut assets: BTreeSet<Boundary> = BTreeSet::new();
    let batch_ids: Vec<&String> = batch_ids.iter().collect();
    for chunk in batch_ids.chunks(MAX_FOLDS) {
        let of_batch = |id: &&String| QueryItem {
            types: Vec::new(),
            tags: vec![format!("batch:{id}")],
        };
        let items = chunk.iter().map(of_batch).collect();
        events(log, items, Range::after(0).up_to(at), |recorded| {
            let tags = recorded.tags.iter().filter(|tag| tag.starts_with("asset:"));
            if assets.len() <= MAX_ASSETS {
                assets.extend(tags.filter_map(|tag| subject::boundary(tag)));
            }
        })
        .await?;
        if assets.len() > MAX_ASSETS {
            return Err(Refusal::StatementTooLarge);
        }
    }
    Ok(assets.into_iter().collect())
}

/// Those of these facilities that keep stock for others, as the registry said at a position.
pub async fn warehouses_at(
    log: &Arc<dyn Log>,
    facility_ids: &BTreeSet<Arc<str>>,
    at: u64,
) -> Result<BTreeSet<String>, Refusal> {
    let facilities: Vec<Boundary> = facility_ids
        .iter()
        .filter_map(|id| Boundary::facility(id))
        .collect();
    let folds = folds_at(log, &facilities, at).await?;
    let warehouses = folds.into_values().filter_map(|entry| match entry {
        Entry::Facility(it) => matches!(
            it.kind(),
            FacilityKind::Warehouse | FacilityKind::FrontOffice
        )
        .then_some(it.facility_id),
        _ => None,
    });
    Ok(warehouses.collect())
}

/// The name of an organisation, as the registry said at a position.
pub async fn organisation_name_at(
    log: &Arc<dyn Log>,
    organisation_id: &str,
    at: u64,
) -> Result<Option<LocalizedText>, Refusal> {
    let boundary = Boundary::organisation(organisation_id);
    let folds = folds_at(log, boundary.as_slice(), at).await?;
    Ok(folds.into_values().find_map(|entry| match entry {
        Entry::Organisation(it) => it.name,
        _ => None,
    }))
}

/// Of some batches, those whose value or last day of use has been told anew since a position.
pub struct Amendments<'b> {
    /// In order.
    batch_ids: &'b [String],
    /// Up to where the log has been looked through.
    seen_position: u64,
    amended: HashSet<String>,
}

impl<'b> Amendments<'b> {
    /// None known yet.
    pub fn since(position: u64, batch_ids: &'b [String]) -> Self {
        Self {
            batch_ids,
            seen_position: position,
            amended: HashSet::new(),
        }
    }

    /// Those among these, which have just been read: what is told anew later is not in what was read.
    pub async fn among(
        &mut self,
        log: &Arc<dyn Log>,
        batches: &BTreeMap<String, Batch>,
    ) -> Result<Vec<Boundary>, Refusal> {
        let item = QueryItem {
            types: ["BatchDataCorrected", "BatchExpiryShortened"]
                .map(|name| format!("keruen.inventory.v1.{name}"))
                .to_vec(),
            tags: Vec::new(),
        };
        let range = Range::after(self.seen_position);
        events(log, vec![item], range, |recorded| {
            let tags = recorded.tags.iter();
            let named = tags.filter_map(|tag| tag.strip_prefix("batch:"));
            let asked =
                named.filter_map(|id| self.batch_ids.binary_search_by(|it| (**it).cmp(id)).ok());
            self.amended
                .extend(asked.filter_map(|index| self.batch_ids.get(index).cloned()));
            self.seen_position = recorded.position;
        })
        .await?;
        let amended = batches.keys().filter(|id| self.amended.contains(*id));
        Ok(amended.filter_map(|id| Boundary::batch(id)).collect())
    }
}

/// Batches as they were at a position.
pub async fn batches_at(
    log: &Arc<dyn Log>,
    batches: &[Boundary],
    at: u64,
) -> Result<BTreeMap<String, Batch>, Refusal> {
    let folds = folds_at(log, batches, at).await?;
    let then = folds.into_values().filter_map(|entry| match entry {
        Entry::Batch(batch) => Some((batch.batch_id.clone(), batch)),
        _ => None,
    });
    Ok(then.collect())
}

/// The day in Kazakhstan on which a position was recorded; `None` where nothing was.
pub async fn day_at(log: &Arc<dyn Log>, position: u64) -> Result<Option<NaiveDate>, Refusal> {
    let recorded = recorded_at(log, position).await?;
    Ok(recorded.map(|recorded| kazakhstan_day(recorded.recorded_at_us)))
}

/// Position of the last event of the append in which a position stands: nobody ever knew one event of it without the others.
/// The position itself, where nothing is recorded.
pub async fn append_end(log: &Arc<dyn Log>, position: u64) -> Result<u64, Refusal> {
    let Some(recorded) = recorded_at(log, position).await? else {
        return Ok(position);
    };
    let command = log.find_command(&recorded.command_id).await?;
    Ok(command.map_or(position, |it| it.appended.last_position))
}

/// The event at a position.
pub async fn recorded_at(
    log: &Arc<dyn Log>,
    position: u64,
) -> Result<Option<RecordedEvent>, Refusal> {
    let Some(before) = position.checked_sub(1) else {
        return Ok(None);
    };
    let range = Range::after(before).up_to(position);
    let page = log.read(&Query::default(), range, 1).await?;
    Ok(page.events.into_iter().next())
}
