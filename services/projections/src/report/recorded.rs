//! What the log tells of the past beyond what views keep of it: how things stood at a position, and why units were lost.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map},
    sync::Arc,
};

use keruen_domain::{Boundary, Entry};
use keruen_log::{Log, Range};
use keruen_proto::{
    Event,
    inventory::v1::{Asset, Batch},
    log::v1::{Query, QueryItem, RecordedEvent},
    registry::v1::{FacilityKind, LocalizedText},
};

use super::statement::Change;
use crate::{refusal::Refusal, subject};

const PAGE_EVENTS: usize = 1_000;
/// Histories that are read at once: the log takes a query of so many terms.
const MAX_FOLDS: usize = 128;
const MAX_TERMS: usize = 4_096;
/// Units with serial numbers that are looked at one by one.
const MAX_ASSETS: usize = 50_000;

/// All events of a query, page by page.
async fn events(
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

/// The folds of boundaries as they stood at a position. Each is folded from the events that carry its own tag.
async fn folds_at(
    log: &Arc<dyn Log>,
    boundaries: &[Boundary],
    at: u64,
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

/// Units with serial numbers that have been of these batches by a position, as they stood then.
pub async fn assets_at(
    log: &Arc<dyn Log>,
    batch_ids: &[&str],
    at: u64,
) -> Result<Vec<Asset>, Refusal> {
    let mut assets: BTreeSet<Boundary> = BTreeSet::new();
    for chunk in batch_ids.chunks(MAX_FOLDS) {
        let of_batch = |id: &&str| QueryItem {
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
    let assets: Vec<Boundary> = assets.into_iter().collect();
    let folds = folds_at(log, &assets, at).await?;
    let folds = folds.into_values().filter_map(|entry| match entry {
        Entry::Asset(asset) => Some(asset),
        _ => None,
    });
    Ok(folds.collect())
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

/// Batches whose value or last day of use has been told anew since a position, as they were then.
pub async fn batches_at(
    log: &Arc<dyn Log>,
    batches: &BTreeMap<String, Batch>,
    at: u64,
) -> Result<BTreeMap<String, Batch>, Refusal> {
    let item = QueryItem {
        types: ["BatchDataCorrected", "BatchExpiryShortened"]
            .map(|name| format!("keruen.inventory.v1.{name}"))
            .to_vec(),
        tags: Vec::new(),
    };
    let mut changed: BTreeSet<String> = BTreeSet::new();
    events(log, vec![item], Range::after(at), |recorded| {
        let tags = recorded.tags.iter();
        let named = tags.filter_map(|tag| tag.strip_prefix("batch:"));
        changed.extend(
            named
                .filter(|id| batches.contains_key(*id))
                .map(str::to_owned),
        );
    })
    .await?;
    let changed: Vec<Boundary> = changed
        .iter()
        .filter_map(|id| Boundary::batch(id))
        .collect();
    let folds = folds_at(log, &changed, at).await?;
    let then = folds.into_values().filter_map(|entry| match entry {
        Entry::Batch(batch) => Some((batch.batch_id.clone(), batch)),
        _ => None,
    });
    Ok(then.collect())
}

/// Why units were lost or disposed of, by position and batch.
pub async fn causes(
    log: &Arc<dyn Log>,
    changes: &[Change],
) -> Result<HashMap<(u64, Arc<str>), String>, Refusal> {
    let mut causes = HashMap::new();
    let mut known: HashMap<u64, Option<Event>> = HashMap::new();
    for change in changes {
        if change.counts.disposed == 0 && change.counts.lost == 0 {
            continue;
        }
        let event = match known.entry(change.position) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(entry) => entry.insert(event_at(log, change.position).await?),
        };
        let Some(event) = event else {
            continue;
        };
        let cause = match event {
            Event::LossActAccepted(it) => {
                loss_cause(log, &it.shipment_id, &change.batch_id, change.position).await?
            }
            Event::LossActVoided(it) => {
                loss_cause(log, &it.shipment_id, &change.batch_id, change.position).await?
            }
            Event::MovementVoided(it) => {
                let voided = event_of(log, &it.corrects_event_id).await?;
                voided.as_ref().map_or("", reason).to_owned()
            }
            event => reason(event).to_owned(),
        };
        causes.insert((change.position, Arc::clone(&change.batch_id)), cause);
    }
    Ok(causes)
}

fn reason(event: &Event) -> &'static str {
    match event {
        Event::StockDisposed(it) => it.reason().as_str_name(),
        Event::StockAdjusted(it) => it.reason().as_str_name(),
        _ => "",
    }
}

async fn event_at(log: &Arc<dyn Log>, position: u64) -> Result<Option<Event>, Refusal> {
    let range = Range::after(position.saturating_sub(1)).up_to(position);
    let page = log.read(&Query::default(), range, 1).await?;
    let found = page.events.first();
    Ok(found.and_then(|recorded| Event::decode(&recorded.r#type, &recorded.data).ok()))
}

/// The event of an id, `<command>/<index>`.
async fn event_of(log: &Arc<dyn Log>, event_id: &str) -> Result<Option<Event>, Refusal> {
    let Some((command_id, index)) = event_id.split_once('/') else {
        return Ok(None);
    };
    let Some(command) = log.find_command(command_id).await? else {
        return Ok(None);
    };
    let Ok(index) = index.parse::<u64>() else {
        return Ok(None);
    };
    event_at(log, command.appended.first_position + index).await
}

/// How units of a batch were reported lost on their way, before a loss act settled that.
async fn loss_cause(
    log: &Arc<dyn Log>,
    shipment_id: &str,
    batch_id: &str,
    before: u64,
) -> Result<String, Refusal> {
    let item = QueryItem {
        types: vec!["keruen.shipments.v1.ShipmentLossReported".to_owned()],
        tags: vec![
            format!("shipment:{shipment_id}"),
            format!("batch:{batch_id}"),
        ],
    };
    let mut cause = String::new();
    events(log, vec![item], Range::after(0).up_to(before), |recorded| {
        if let Ok(Event::ShipmentLossReported(it)) = Event::decode(&recorded.r#type, &recorded.data)
        {
            it.cause().as_str_name().clone_into(&mut cause);
        }
    })
    .await?;
    Ok(cause)
}
