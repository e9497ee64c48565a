//! Why units entered the books, were lost or disposed of, as the log tells.
//!
//! What a shipment lost on its way was reported, or found missing, long before a loss act settles it. An act may settle
//! what went for several causes, so each of them gets its share.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque, hash_map},
    sync::Arc,
};

use keruen_domain::{Boundary, Entry, correction::correction};
use keruen_log::{Log, Range};
use keruen_proto::{
    Event, EventType as _,
    inventory::v1::{
        DonationReceived, KitsAssembled, ReceiptOutcome, ReceivedLine, StockEntered, VoidedMovement,
    },
    log::v1::{QueryItem, RecordedEvent},
    reports::v1::EntryCause,
    shipments::v1::{ReceivedUnits, Shipment},
};

use super::{
    recorded::{events, recorded_at},
    statement::changes::Change,
};
use crate::refusal::Refusal;

/// Events that are remembered, since one may have changed several batches.
const REMEMBERED: usize = 1_000;
/// Batches that are looked for in one query.
const MAX_TAGS: usize = 128;

/// Why units entered the books, were lost or disposed of. Changes of one batch are all asked about by the same.
pub struct Causes<'q> {
    owner_id: Option<&'q str>,
    /// Position at which batches entered the books, and why.
    entered: HashMap<String, (u64, &'static str)>,
    known: HashMap<u64, Option<Event>>,
    acts: Acts,
}

impl<'q> Causes<'q> {
    /// Of what belongs to `owner_id`, or to anybody, of some batches.
    pub async fn of(
        log: &Arc<dyn Log>,
        batch_ids: &[String],
        owner_id: Option<&'q str>,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            owner_id,
            entered: entered(log, batch_ids).await?,
            known: HashMap::new(),
            acts: Acts::default(),
        })
    }

    /// What entered the books, was lost or disposed of by a change, by cause.
    pub async fn split(
        &mut self,
        log: &Arc<dyn Log>,
        change: &Change,
    ) -> Result<Vec<(String, i64)>, Refusal> {
        // No event does more than one of these.
        let quantity = change.counts.received + change.counts.disposed + change.counts.lost;
        if quantity == 0 {
            return Ok(Vec::new());
        }
        let batch_id = &*change.batch_id;
        if let Some((position, cause)) = self.entered.get(batch_id)
            && *position == change.position
        {
            return Ok(vec![((*cause).to_owned(), quantity)]);
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let event = match self.known.entry(change.position) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(entry) => entry.insert(event_at(log, change.position).await?),
        };
        let cause = match event {
            Some(Event::LossActAccepted(it)) => Err(&it.shipment_id),
            Some(Event::LossActVoided(it)) => Err(&it.shipment_id),
            Some(Event::MovementVoided(it)) if it.movement() == VoidedMovement::Discrepancy => {
                Ok(EntryCause::Discrepancy.as_str_name())
            }
            Some(Event::MovementVoided(it)) => {
                let voided = event_of(log, &it.corrects_event_id).await?;
                Ok(voided.as_ref().map_or("", |it| reason(it, batch_id)))
            }
            event => Ok(event.as_ref().map_or("", |it| reason(it, batch_id))),
        };
        let shipment_id = match cause {
            Ok(cause) => return Ok(vec![(cause.to_owned(), quantity)]),
            Err(shipment_id) => shipment_id,
        };
        self.acts.read(log, shipment_id, self.owner_id).await?;
        Ok(self.acts.split(change, quantity))
    }
}

/// Where and why batches entered the books, as far as what they came with says.
async fn entered(
    log: &Arc<dyn Log>,
    batch_ids: &[String],
) -> Result<HashMap<String, (u64, &'static str)>, Refusal> {
    let asked: HashSet<&str> = batch_ids.iter().map(String::as_str).collect();
    let types = [
        DonationReceived::TYPE,
        StockEntered::TYPE,
        KitsAssembled::TYPE,
    ];
    let mut entered = HashMap::new();
    for chunk in batch_ids.chunks(MAX_TAGS) {
        let of_batch = |id: &String| QueryItem {
            types: types.map(str::to_owned).to_vec(),
            tags: vec![format!("batch:{id}")],
        };
        let items = chunk.iter().map(of_batch).collect();
        events(log, items, Range::after(0), |recorded| {
            let Ok(event) = Event::decode(&recorded.r#type, &recorded.data) else {
                return;
            };
            let named = recorded
                .tags
                .iter()
                .filter_map(|tag| tag.strip_prefix("batch:"));
            for batch_id in named.filter(|id| asked.contains(id)) {
                let cause = reason(&event, batch_id);
                // What becomes a part of kits has entered the books before.
                if !cause.is_empty() {
                    entered.insert(batch_id.to_owned(), (recorded.position, cause));
                }
            }
        })
        .await?;
    }
    Ok(entered)
}

/// Why an event brings units of a batch into the books, or takes them out.
fn reason(event: &Event, batch_id: &str) -> &'static str {
    match event {
        Event::StockDisposed(it) => it.reason().as_str_name(),
        Event::StockAdjusted(it) => it.reason().as_str_name(),
        Event::DonationReceived(it) => {
            let is_it = |line: &&ReceivedLine| {
                line.units
                    .as_ref()
                    .is_some_and(|it| it.batch_id == batch_id)
            };
            let line = it.lines.iter().find(is_it);
            line.map_or("", |line| given(line.outcome(), line.pledge_line))
        }
        Event::ReceiptCorrected(it) => given(it.outcome(), it.pledge_line),
        Event::StockEntered(it) => it.basis().as_str_name(),
        Event::StockDiscrepancyFound(_) => EntryCause::Discrepancy.as_str_name(),
        Event::KitsAssembled(it) if it.kits.as_ref().is_some_and(|it| it.batch_id == batch_id) => {
            EntryCause::Assembly.as_str_name()
        }
        Event::ShipmentReceived(it) => outcome(&it.units, batch_id),
        Event::ShipmentReceiptVoided(it) => outcome(&it.units, batch_id),
        _ => "",
    }
}

/// Why units came that a donation brought: as it was promised, for its money, or otherwise than announced.
fn given(outcome: ReceiptOutcome, pledge_line: i32) -> &'static str {
    match outcome {
        ReceiptOutcome::Surplus | ReceiptOutcome::Wrong => outcome.as_str_name(),
        _ if pledge_line == 0 => EntryCause::Purchase.as_str_name(),
        _ => EntryCause::Donation.as_str_name(),
    }
}

/// What was found of a batch that nobody had sent.
fn outcome(units: &[ReceivedUnits], batch_id: &str) -> &'static str {
    let of_batch = |found: &&ReceivedUnits| {
        let shipped = found.shipment_units.as_ref();
        shipped
            .and_then(|it| it.units.as_ref())
            .is_some_and(|it| it.batch_id == batch_id)
    };
    let found = units.iter().find(of_batch);
    found.map_or("", |found| found.outcome().as_str_name())
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
