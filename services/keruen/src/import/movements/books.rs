//! What the books say of something that is there already, beside what its rows say.

use std::collections::HashSet;

use keruen_domain::calendar;
use keruen_proto::{
    Event,
    cloudevent::local_time,
    event::EventType,
    events::v1::ListEventsRequest,
    inventory::v1::{
        ConsumptionPurpose, DisposalReason, DonationReceived, ReceiptLine, ReceiptOutcome,
        ReceivedLine, ReturnReason, StockUnits,
    },
    log::v1::{OccurredAt, Query, QueryItem, RecordedEvent, TimePrecision},
    shipments::v1::{
        ReceivedUnits, ShipmentDispatchVoided, ShipmentDispatched, ShipmentReceiptVoided,
        ShipmentReceived, ShipmentRequested, ShipmentUnits,
    },
};
use pbjson_types::Timestamp;

use super::{
    check::{Wrong, told},
    command::{Command, Movement},
    transfer::Transfer,
};
use crate::{
    client::{failure::Failure, session::Session},
    import::difference,
    render::{record::unit_value, word},
};

/// How many events of one batch or shipment are looked at.
const MAX_FACTS: i32 = 1_000;

/// An event that is in the books.
pub(super) struct Fact {
    pub(super) event_id: String,
    occurred_at: OccurredAt,
    event: Event,
}

/// When something happened by its row, and by what an import said when all days were those of Almaty.
pub(super) type Times = (Option<Timestamp>, Option<Timestamp>);

/// Those events that this version knows.
pub(super) fn facts(events: &[RecordedEvent]) -> Vec<Fact> {
    let known = events.iter().filter_map(|recorded| {
        Some(Fact {
            event_id: recorded.event_id.clone(),
            occurred_at: recorded.occurred_at?,
            event: Event::decode(&recorded.r#type, &recorded.data).ok()?,
        })
    });
    known.collect()
}

/// The events of some types that carry a tag. None where the server refuses to tell them.
async fn tagged(session: &Session, tag: String, types: &[&str]) -> Result<Vec<Fact>, Failure> {
    let item = QueryItem {
        types: types.iter().map(|it| (*it).to_owned()).collect(),
        tags: vec![tag],
    };
    let question = ListEventsRequest {
        query: Some(Query { items: vec![item] }),
        page_size: MAX_FACTS,
        ..Default::default()
    };
    let answer = told(session, question).await?;
    Ok(answer.map_or_else(|_| Vec::new(), |page| facts(&page.events)))
}

/// The receipt that brought a batch.
pub(super) async fn receipt_of(session: &Session, batch_id: &str) -> Result<Option<Fact>, Failure> {
    let tag = format!("batch:{batch_id}");
    let found = tagged(session, tag, &[DonationReceived::TYPE]).await?;
    Ok(found.into_iter().next())
}

/// What was recorded of a shipment, and not taken back: how it was requested, left and was received.
pub(super) async fn of_shipment(
    session: &Session,
    shipment_id: &str,
) -> Result<Vec<Fact>, Failure> {
    let types = [
        ShipmentRequested::TYPE,
        ShipmentDispatched::TYPE,
        ShipmentReceived::TYPE,
        ShipmentDispatchVoided::TYPE,
        ShipmentReceiptVoided::TYPE,
    ];
    let mut facts = tagged(session, format!("shipment:{shipment_id}"), &types).await?;
    let taken_back: HashSet<String> = facts.iter().filter_map(taken_back).collect();
    facts.retain(|fact| !taken_back.contains(&fact.event_id));
    Ok(facts)
}

/// The event that another one takes back.
fn taken_back(fact: &Fact) -> Option<String> {
    match &fact.event {
        Event::ShipmentDispatchVoided(event) => Some(event.corrects_event_id.clone()),
        Event::ShipmentReceiptVoided(event) => Some(event.corrects_event_id.clone()),
        _ => None,
    }
}

/// Where books and rows differ, column by column.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    /// What the books know exactly, also where a row says nothing.
    fn exact(&mut self, column: &str, there: &str, here: &str) {
        self.0.extend(difference::of_text(column, there, here));
    }

    /// What the books fill in where a row says nothing.
    fn stated(&mut self, column: &str, there: &str, here: &str) {
        if !here.is_empty() {
            self.exact(column, there, here);
        }
    }

    /// When it happened. An old import is not another one.
    fn time(
        &mut self,
        column: &str,
        there: &OccurredAt,
        (times, precision): (Times, TimePrecision),
    ) {
        let known = [times.0, times.1].map(|it| it.map(|it| calendar::micros(&it)));
        let stated = known.into_iter().flatten();
        let mut stated = stated.map(|time_us| OccurredAt {
            time_us,
            precision: precision.into(),
            ..*there
        });
        let Some(first) = stated.next() else { return };
        let text = time_text(there);
        if stated.all(|it| time_text(&it) != text) {
            self.exact(column, &text, &time_text(&first));
        }
    }

    fn units(&mut self, there: &[&StockUnits], (quantity, serials): (i64, &[String])) {
        let sum: i64 = there.iter().map(|it| it.quantity).sum();
        self.exact("quantity", &sum.to_string(), &quantity.to_string());
        let numbers = there.iter().flat_map(|it| it.serial_numbers.iter());
        self.exact("serial_numbers", &distinct(numbers), &distinct(serials));
    }
}

/// As a row tells it: a day, or a time.
fn time_text(occurred_at: &OccurredAt) -> String {
    let text = local_time(occurred_at);
    match (occurred_at.precision(), text.split_once('T')) {
        (TimePrecision::Day, Some((day, _))) => day.to_owned(),
        _ => text,
    }
}

fn distinct<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let mut texts: Vec<&str> = texts.into_iter().map(String::as_str).collect();
    texts.sort_unstable();
    texts.dedup();
    texts.join(";")
}

/// Where what is in the books differs from what a row of goods that came or are gone says, and the event that says so there.
pub(super) fn differences<'a>(
    movement: &Movement,
    there: &'a [Fact],
    times: Times,
) -> Option<(&'a Fact, Vec<String>)> {
    let is_same = |fact: &&Fact| says_the_same_kind(&movement.command, &fact.event);
    let same: Vec<&Fact> = there.iter().filter(is_same).collect();
    let first = *same.first()?;
    let mut found = Differences::default();
    if let Some((_, precision)) = movement.when() {
        found.time("occurred_at", &first.occurred_at, (times, precision));
    }
    if let (Command::Receive(request), Event::DonationReceived(event)) =
        (&movement.command, &first.event)
    {
        found.exact("facility_id", &event.facility_id, &request.facility_id);
        found.exact("donation_id", &event.donation_id, &request.donation_id);
        if let Some(line) = request.lines.first() {
            found.receipt(event, line);
        }
        return Some((first, found.0));
    }
    let units: Vec<&StockUnits> = same.iter().flat_map(|fact| gone(&fact.event)).collect();
    let batch_ids = distinct(units.iter().map(|it| &it.batch_id));
    let owner_ids = distinct(units.iter().map(|it| &it.owner_id));
    let item_ids = distinct(units.iter().map(|it| &it.item_id));
    found.exact("item_id", &item_ids, movement.item_id());
    match (&movement.command, &first.event) {
        (Command::Use(request), Event::StockConsumed(event)) => {
            found.units(&units, (request.quantity, &[]));
            // Which batches were taken is only known if somebody told.
            let batch_ids = if event.batches_assumed {
                ""
            } else {
                &batch_ids
            };
            found.exact("batch_id", batch_ids, &request.batch_id);
            found.stated("owner_id", &owner_ids, &request.owner_id);
            let [there, here] =
                [event.purpose, request.purpose].map(word::field::<ConsumptionPurpose>);
            found.exact("purpose", &there, &here);
        }
        (Command::Dispose(request), Event::StockDisposed(event)) => {
            found.units(&units, (request.quantity, &request.serial_numbers));
            found.exact("batch_id", &batch_ids, &request.batch_id);
            found.stated("owner_id", &owner_ids, &request.owner_id);
            let [there, here] = [event.reason, request.reason].map(word::field::<DisposalReason>);
            found.exact("reason", &there, &here);
        }
        (Command::Return(request), Event::StockReturned(event)) => {
            found.units(&units, (request.quantity, &request.serial_numbers));
            found.exact("batch_id", &batch_ids, &request.batch_id);
            found.stated("owner_id", &owner_ids, &request.owner_id);
            let [there, here] = [event.reason, request.reason].map(word::field::<ReturnReason>);
            found.exact("reason", &there, &here);
        }
        _ => {}
    }
    Some((first, found.0))
}

/// Whether an event is what a command leads to, and not what it brought with it.
fn says_the_same_kind(command: &Command, event: &Event) -> bool {
    matches!(
        (command, event),
        (Command::Receive(_), Event::DonationReceived(_))
            | (Command::Use(_), Event::StockConsumed(_))
            | (Command::Dispose(_), Event::StockDisposed(_))
            | (Command::Return(_), Event::StockReturned(_))
    )
}

fn gone(event: &Event) -> Vec<&StockUnits> {
    match event {
        Event::StockConsumed(event) => event.units.iter().collect(),
        Event::StockDisposed(event) => event.units.iter().collect(),
        Event::StockReturned(event) => event.units.iter().collect(),
        _ => Vec::new(),
    }
}

impl Differences {
    /// Of a receipt: of the line that brought the batch, where the row names it.
    fn receipt(&mut self, event: &DonationReceived, here: &ReceiptLine) {
        let of_batch = |line: &&ReceivedLine| {
            let units = line.units.as_ref();
            !here.batch_id.is_empty() && units.is_some_and(|it| it.batch_id == here.batch_id)
        };
        let line = event.lines.iter().find(of_batch);
        let Some(line) = line.or(event.lines.first()) else {
            return;
        };
        let units = line.units.clone().unwrap_or_default();
        self.exact("item_id", &units.item_id, &here.item_id);
        self.units(&[&units], (here.quantity, &here.serial_numbers));
        self.stated("batch_id", &units.batch_id, &here.batch_id);
        self.exact("lot", &units.lot, &here.lot);
        self.exact("expires_on", &units.expires_on, &here.expires_on);
        let [there, worth] = [&line.unit_value, &here.unit_value].map(|it| unit_value(it.as_ref()));
        self.exact("unit_value", &there, &worth);
        let [there, outcome] = [line.outcome, here.outcome].map(word::field::<ReceiptOutcome>);
        self.exact("outcome", &there, &outcome);
    }
}

/// Where what is in the books of a shipment differs from what its rows say: line and number of the row, and how. When it
/// left and was received is told as it is by its rows.
pub(super) fn differences_of_transfer(
    transfer: &Transfer,
    there: &[Fact],
    (left, came): (Times, Times),
) -> Vec<Wrong> {
    let mut heads = Differences::default();
    let mut wrong = Vec::new();
    let mut received = Vec::new();
    for fact in there {
        match &fact.event {
            Event::ShipmentRequested(event) => {
                let at = (left, transfer.sent.1);
                heads.time("occurred_at", &fact.occurred_at, at);
                heads.exact("facility_id", &event.origin_id, &transfer.origin_id);
                heads.exact(
                    "destination_id",
                    &event.destination_id,
                    &transfer.destination_id,
                );
                wrong.extend(of_lines(transfer, event));
            }
            Event::ShipmentDispatched(event) => {
                heads.exact("custodian_id", &event.custodian_id, &transfer.custodian_id);
                wrong.extend(of_units(transfer, event));
            }
            Event::ShipmentReceived(event) => received.push((fact, event)),
            _ => {}
        }
    }
    if let (Some((fact, _)), Some((_, precision))) = (received.first(), transfer.received) {
        heads.time("received_at", &fact.occurred_at, (came, precision));
        let units = received.iter().flat_map(|(_, event)| &event.units);
        let differs = |there: &[String], here: &str| there.iter().any(|it| it != here);
        wrong.extend(of_outcomes(transfer, &units.collect::<Vec<_>>(), differs));
    }
    let heads = (transfer.place(), heads.0.join("; "));
    let mut all = vec![heads];
    all.extend(wrong);
    all.retain(|(_, rule)| !rule.is_empty());
    all
}

/// Whether it is in the books that any of a shipment was received.
pub(super) fn is_received(there: &[Fact]) -> bool {
    let mut events = there.iter().map(|fact| &fact.event);
    events.any(|event| matches!(event, Event::ShipmentReceived(_)))
}

/// How rows say that they came, where no receipt ever said so. What was missing may have turned up since.
pub(super) fn outcomes_never_told(transfer: &Transfer, there: &[Fact]) -> Vec<Wrong> {
    let received = there.iter().filter_map(|fact| match &fact.event {
        Event::ShipmentReceived(event) => Some(&event.units),
        _ => None,
    });
    let units: Vec<&ReceivedUnits> = received.flatten().collect();
    let mut wrong = of_outcomes(transfer, &units, |there, here| {
        !there.iter().any(|it| it == here)
    });
    wrong.retain(|(_, rule)| !rule.is_empty());
    wrong
}

/// What was to be sent, row by row.
fn of_lines(transfer: &Transfer, event: &ShipmentRequested) -> Vec<Wrong> {
    let (there, here) = (event.lines.len(), transfer.lines.len());
    if there != here {
        return vec![(
            transfer.place(),
            format!("rows: {there} there, {here} in the file"),
        )];
    }
    let rows = transfer.goods.iter().zip(&transfer.lines).zip(&event.lines);
    let rows = rows.map(|((goods, here), there)| {
        let mut found = Differences::default();
        found.exact("item_id", &there.item_id, &here.item_id);
        found.exact(
            "quantity",
            &there.quantity.to_string(),
            &here.quantity.to_string(),
        );
        found.exact("owner_id", &there.owner_id, &here.owner_id);
        (goods.place(), found.0.join("; "))
    });
    rows.collect()
}

/// What left, row by row.
fn of_units(transfer: &Transfer, event: &ShipmentDispatched) -> Vec<Wrong> {
    let rows = transfer.goods.iter().zip(&transfer.units);
    let rows = rows.map(|(goods, here)| {
        let of_line = |it: &&ShipmentUnits| it.line == here.line;
        let there = event.units.iter().filter(of_line);
        let there: Vec<&StockUnits> = there.filter_map(|it| it.units.as_ref()).collect();
        let mut found = Differences::default();
        let batch_ids = distinct(there.iter().map(|it| &it.batch_id));
        found.stated("batch_id", &batch_ids, &here.batch_id);
        let numbers = distinct(there.iter().flat_map(|it| it.serial_numbers.iter()));
        found.exact("serial_numbers", &numbers, &distinct(&here.serial_numbers));
        (goods.place(), found.0.join("; "))
    });
    rows.collect()
}

/// How what left came, row by row. What expired is not told by a row.
fn of_outcomes(
    transfer: &Transfer,
    there: &[&ReceivedUnits],
    differs: impl Fn(&[String], &str) -> bool,
) -> Vec<Wrong> {
    let good = ReceiptOutcome::Good.into();
    let rows = transfer.goods.iter().zip(&transfer.lines);
    let rows = rows.map(|(goods, row)| {
        let of_line = |it: &&&ReceivedUnits| {
            let units = it.shipment_units.as_ref();
            units.is_some_and(|units| units.line == row.line)
        };
        let outcomes = there.iter().filter(of_line).map(|it| match it.outcome() {
            ReceiptOutcome::Expired => good,
            _ => it.outcome,
        });
        let outcomes: Vec<String> = outcomes.map(word::field::<ReceiptOutcome>).collect();
        let found = transfer.found.iter().find(|it| it.line == row.line);
        let here = found.map_or(good, |it| it.outcome);
        let here = word::field::<ReceiptOutcome>(here);
        let mut differences = Differences::default();
        // What is not there yet is still to come.
        if !outcomes.is_empty() && differs(&outcomes, &here) {
            differences.exact("outcome", &distinct(&outcomes), &here);
        }
        (goods.place(), differences.0.join("; "))
    });
    rows.collect()
}

/// The events to take back so that a shipment is under way again, or, where it is not about its receipts alone, in the store:
/// the last one first.
pub(super) fn steps_to_take_back(
    there: &[Fact],
    is_about_receipts: bool,
) -> impl Iterator<Item = &str> {
    let steps = there.iter().rev().filter(move |fact| match fact.event {
        Event::ShipmentReceived(_) => true,
        Event::ShipmentDispatched(_) => !is_about_receipts,
        _ => false,
    });
    steps.map(|fact| &*fact.event_id)
}
