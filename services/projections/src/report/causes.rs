//! Why units were lost or disposed of, as the log tells.
//!
//! What a shipment lost on its way was reported, or found missing, long before a loss act settles it. An act may settle
//! what went for several causes, so each of them gets its share.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque, hash_map},
    sync::Arc,
};

use keruen_domain::{Boundary, Entry, correction::correction};
use keruen_log::{Log, Range};
use keruen_proto::{
    Event,
    inventory::v1::ReceiptOutcome,
    log::v1::{QueryItem, RecordedEvent},
    shipments::v1::Shipment,
};

use super::{
    recorded::{events, recorded_at},
    statement::changes::Change,
};
use crate::refusal::Refusal;

/// Events that are remembered, since one may have changed several batches.
const REMEMBERED: usize = 1_000;

/// Why units were lost or disposed of. Changes of one batch are all asked about by the same.
pub struct Causes<'q> {
    owner_id: Option<&'q str>,
    known: HashMap<u64, Option<Event>>,
    acts: Acts,
}

impl<'q> Causes<'q> {
    /// Of what belongs to `owner_id`, or to anybody.
    pub fn new(owner_id: Option<&'q str>) -> Self {
        Self {
            owner_id,
            known: HashMap::new(),
            acts: Acts::default(),
        }
    }

    /// What was lost or disposed of by a change, by cause.
    pub async fn split(
        &mut self,
        log: &Arc<dyn Log>,
        change: &Change,
    ) -> Result<Vec<(String, i64)>, Refusal> {
        // No event does both.
        let quantity = change.counts.disposed + change.counts.lost;
        if quantity == 0 {
            return Ok(Vec::new());
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let event = match self.known.entry(change.position) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(entry) => entry.insert(event_at(log, change.position).await?),
        };
        let shipment_id = match event {
            Some(Event::LossActAccepted(it)) => &it.shipment_id,
            Some(Event::LossActVoided(it)) => &it.shipment_id,
            Some(Event::MovementVoided(it)) => {
                let voided = event_of(log, &it.corrects_event_id).await?;
                return Ok(vec![(
                    voided.as_ref().map_or("", reason).to_owned(),
                    quantity,
                )]);
            }
            event => {
                return Ok(vec![(
                    event.as_ref().map_or("", reason).to_owned(),
                    quantity,
                )]);
            }
        };
        self.acts.read(log, shipment_id, self.owner_id).await?;
        Ok(self.acts.split(change, quantity))
    }
}

fn reason(event: &Event) -> &'static str {
    match event {
        Event::StockDisposed(it) => it.reason().as_str_name(),
        Event::StockAdjusted(it) => it.reason().as_str_name(),
        _ => "",
    }
}

async fn event_at(log: &Arc<dyn Log>, position: u64) -> Result<Option<Event>, Refusal> {
    let found = recorded_at(log, position).await?;
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

/// Causes, and how many units went for each.
type Shares = VecDeque<(&'static str, i64)>;

/// What loss acts settled, and what was taken back of it.
#[derive(Default)]
struct Acts {
    /// Shipments whose history was read.
    shipments: BTreeSet<String>,
    /// By position of the event and batch, what no change has been told of yet.
    open: HashMap<(u64, Arc<str>), Shares>,
}

impl Acts {
    /// Follows a shipment, unless it was followed already.
    async fn read(
        &mut self,
        log: &Arc<dyn Log>,
        shipment_id: &str,
        owner_id: Option<&str>,
    ) -> Result<(), Refusal> {
        let Some(boundary) = Boundary::shipment(shipment_id) else {
            return Ok(());
        };
        if !self.shipments.insert(shipment_id.to_owned()) {
            return Ok(());
        }
        let mut ledger = Ledger::new(boundary);
        let types = ledger.shipment.event_types().iter();
        let item = QueryItem {
            types: types.copied().map(str::to_owned).collect(),
            tags: vec![ledger.boundary.tag()],
        };
        events(log, vec![item], Range::after(0), |recorded| {
            if let Ok(event) = Event::decode(&recorded.r#type, &recorded.data) {
                ledger.take_in(recorded, &event);
            }
        })
        .await?;
        for (position, shares) in ledger.settled.into_values() {
            for (key, went) in shares {
                if owner_id.is_none_or(|owner_id| owner_id == key.owner_id) {
                    let open = self.open.entry((position, Arc::from(key.batch_id)));
                    open.or_default().push_back((went.cause, went.quantity));
                }
            }
        }
        Ok(())
    }

    /// The next shares of the event of a change. Which of its changes gets which is all the same: they are of one batch, and
    /// so of one donation, item and value.
    fn split(&mut self, change: &Change, quantity: i64) -> Vec<(String, i64)> {
        let mut open = self
            .open
            .get_mut(&(change.position, Arc::clone(&change.batch_id)));
        let (mut rest, sign) = (quantity.saturating_abs(), quantity.signum());
        let mut shares = Vec::new();
        while rest > 0 {
            let Some(next) = open.as_mut().and_then(|open| open.front_mut()) else {
                shares.push((String::new(), sign * rest));
                break;
            };
            let part = next.1.min(rest);
            shares.push((next.0.to_owned(), sign * part));
            rest -= part;
            next.1 -= part;
            if next.1 == 0
                && let Some(open) = &mut open
            {
                open.pop_front();
            }
        }
        shares
    }
}

/// Units of a shipment that are missing together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    line: i32,
    batch_id: String,
    owner_id: String,
    liable_id: String,
    /// Of an asset; empty where units are not told apart.
    serial_number: String,
}

/// Units that went at once.
#[derive(Clone, Debug)]
struct Went {
    event_id: String,
    cause: &'static str,
    quantity: i64,
}

/// What is missing of a shipment and how it went, in the order in which that was told.
struct Ledger {
    boundary: Boundary,
    shipment: Entry,
    missing: BTreeMap<Key, Vec<Went>>,
    /// By id of the loss act, or of what took one back: its position, and what it settled.
    settled: BTreeMap<String, (u64, Vec<(Key, Went)>)>,
}

impl Ledger {
    fn new(boundary: Boundary) -> Self {
        Self {
            shipment: Entry::empty(&boundary),
            boundary,
            missing: BTreeMap::new(),
            settled: BTreeMap::new(),
        }
    }

    fn take_in(&mut self, recorded: &RecordedEvent, event: &Event) {
        let before = missing(&self.shipment);
        self.shipment.evolve(&self.boundary, event);
        let after = missing(&self.shipment);
        let corrected = correction(event).map(|it| it.corrects_event_id);
        let corrected = corrected.unwrap_or_default();
        let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
        let mut settled = Vec::new();
        for key in keys {
            let of = |sums: &BTreeMap<Key, i64>| sums.get(key).copied().unwrap_or_default();
            let more = of(&after) - of(&before);
            if matches!(event, Event::LossActVoided(_)) {
                settled.extend(self.is_back(key, &corrected));
            } else if more > 0 {
                self.missing.entry(key.clone()).or_default().push(Went {
                    event_id: recorded.event_id.clone(),
                    cause: cause(event),
                    quantity: more,
                });
            } else if more < 0 {
                let found = self.found(key, -more, &corrected);
                settled.extend(found.into_iter().map(|went| (key.clone(), went)));
            }
        }
        if matches!(event, Event::LossActAccepted(_) | Event::LossActVoided(_)) {
            let told = (recorded.position, settled);
            self.settled.insert(recorded.event_id.clone(), told);
        }
    }

    /// Takes units off those that are missing: those of which an event is taken back, then those that went last. Which of
    /// several units turned up nobody says.
    fn found(&mut self, key: &Key, quantity: i64, event_id: &str) -> Vec<Went> {
        let Some(missing) = self.missing.get_mut(key) else {
            return Vec::new();
        };
        missing.sort_by_key(|went| went.event_id == event_id);
        let (mut rest, mut found) = (quantity, Vec::new());
        while let Some(last) = missing.last_mut().filter(|_| rest > 0) {
            let part = last.quantity.min(rest);
            found.push(Went {
                quantity: part,
                ..last.clone()
            });
            rest -= part;
            last.quantity -= part;
            if last.quantity == 0 {
                missing.pop();
            }
        }
        found
    }

    /// What an act settled is missing again, as it was.
    fn is_back(&mut self, key: &Key, event_id: &str) -> Vec<(Key, Went)> {
        let act = self.settled.get(event_id).map(|(_, shares)| shares);
        let shares = act.into_iter().flatten().filter(|(of, _)| of == key);
        let shares: Vec<_> = shares.cloned().collect();
        let back = shares.iter().rev().map(|(_, went)| went.clone());
        self.missing.entry(key.clone()).or_default().extend(back);
        shares
    }
}

/// What is missing of a shipment.
fn missing(shipment: &Entry) -> BTreeMap<Key, i64> {
    let Entry::Shipment(Shipment { lots, .. }) = shipment else {
        return BTreeMap::new();
    };
    let mut sums = BTreeMap::new();
    for lot in lots {
        let Some(shipped) = &lot.shipment_units else {
            continue;
        };
        let Some(units) = &shipped.units else {
            continue;
        };
        for share in &lot.missing_by_liable {
            let key = |serial_number: &str| Key {
                line: shipped.line,
                batch_id: units.batch_id.clone(),
                owner_id: units.owner_id.clone(),
                liable_id: share.liable_id.clone(),
                serial_number: serial_number.to_owned(),
            };
            if share.serial_numbers.is_empty() {
                sums.insert(key(""), share.quantity);
            }
            let numbers = share.serial_numbers.iter();
            sums.extend(numbers.map(|number| (key(number), 1)));
        }
    }
    sums
}

/// Why units are missing since an event.
fn cause(event: &Event) -> &'static str {
    match event {
        Event::ShipmentLossReported(it) => it.cause().as_str_name(),
        // Nobody said how they went: they were not there.
        Event::ShipmentReceived(_) | Event::CustodyHandedOver(_) => {
            ReceiptOutcome::Missing.as_str_name()
        }
        _ => "",
    }
}
