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
};

use super::statement::Change;
use crate::refusal::Refusal;

const PAGE_EVENTS: usize = 1_000;

/// All events of a query, page by page.
async fn events(
    log: &Arc<dyn Log>,
    item: QueryItem,
    mut range: Range,
    mut take: impl FnMut(&RecordedEvent),
) -> Result<(), Refusal> {
    let query = Query { items: vec![item] };
    loop {
        let page = log.read(&query, range, PAGE_EVENTS).await?;
        page.events.iter().for_each(&mut take);
        match page.events.last() {
            Some(last) if !page.complete => range.after_position = last.position,
            _ => return Ok(()),
        }
    }
}

/// The fold of a boundary as it stood at a position.
async fn folded_at(log: &Arc<dyn Log>, boundary: &Boundary, at: u64) -> Result<Entry, Refusal> {
    let mut entry = Entry::empty(boundary);
    let types = entry.event_types().iter().map(|name| (*name).to_owned());
    let item = QueryItem {
        types: types.collect(),
        tags: vec![boundary.tag()],
    };
    events(log, item, Range::after(0).up_to(at), |recorded| {
        // What can't be decoded parks the views, long before anybody is answered.
        if let Ok(event) = Event::decode(&recorded.r#type, &recorded.data) {
            entry.evolve(boundary, &event);
        }
    })
    .await?;
    Ok(entry)
}

/// A unit with a serial number as it stood at a position.
pub async fn asset_at(
    log: &Arc<dyn Log>,
    item_id: &str,
    serial_number: &str,
    at: u64,
) -> Result<Asset, Refusal> {
    let Some(boundary) = Boundary::asset(item_id, serial_number) else {
        return Ok(Asset::default());
    };
    Ok(match folded_at(log, &boundary, at).await? {
        Entry::Asset(asset) => asset,
        _ => Asset::default(),
    })
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
    events(log, item, Range::after(at), |recorded| {
        let tags = recorded.tags.iter();
        let named = tags.filter_map(|tag| tag.strip_prefix("batch:"));
        changed.extend(
            named
                .filter(|id| batches.contains_key(*id))
                .map(str::to_owned),
        );
    })
    .await?;
    let mut then = BTreeMap::new();
    for batch_id in changed {
        if let Some(boundary) = Boundary::batch(&batch_id)
            && let Entry::Batch(batch) = folded_at(log, &boundary, at).await?
        {
            then.insert(batch_id, batch);
        }
    }
    Ok(then)
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
    events(log, item, Range::after(0).up_to(before), |recorded| {
        if let Ok(Event::ShipmentLossReported(it)) = Event::decode(&recorded.r#type, &recorded.data)
        {
            it.cause().as_str_name().clone_into(&mut cause);
        }
    })
    .await?;
    Ok(cause)
}
