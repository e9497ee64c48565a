//! Rows of what is in the books already: whether they still say the same, and else what differs and what to do.

use std::sync::Arc;

use keruen_proto::events::v1::GetCommandRequest;
use tonic::Status;
use uuid::Uuid;

use super::{
    books::{self, Fact, Times},
    check::{Wrong, told},
    clocks::Clocks,
    command::{Command, Movement, nth},
    transfer::Transfer,
};
use crate::{
    client::{
        failure::{Failure, explain},
        session::{Session, reason},
    },
    import::plan::is_about_the_row,
};

/// Why goods are not received whose batch is there.
const BATCH_EXISTS: &str = "BATCH_EXISTS";

/// What a command led to; `None` where nothing is recorded of it.
async fn recorded(session: &Session, command_id: Uuid) -> Result<Option<Vec<Fact>>, Failure> {
    let question = GetCommandRequest {
        command_id: command_id.to_string(),
    };
    let answer = told(session, question).await?.ok();
    Ok(answer.map(|it| books::facts(&it.events)))
}

/// Whether something is recorded of a command.
pub(super) async fn is_recorded(session: &Session, command_id: Uuid) -> Result<bool, Failure> {
    Ok(recorded(session, command_id).await?.is_some())
}

/// What is wrong with a row that has an id of its own; `None` where nothing is recorded under that.
pub(super) async fn of_named(
    session: &Session,
    movement: &Movement,
    (command_id, unnamed): (Uuid, Option<Uuid>),
    times: Times,
) -> Result<Option<Vec<Wrong>>, Failure> {
    let row_id = &movement.row_id;
    if row_id.is_empty() {
        return Ok(None);
    }
    let place = (movement.line, movement.number);
    if let Some(facts) = recorded(session, command_id).await? {
        let there = format!("row_id {row_id} is in the books already");
        let changed = changed(movement, &facts, times);
        let rule =
            changed.map(|(differs, advice)| format!("{there}, but differs: {differs}; {advice}"));
        return Ok(Some(rule.map(|it| (place, it)).into_iter().collect()));
    }
    let Some(unnamed) = unnamed else {
        return Ok(None);
    };
    let rule = "says what was imported before without a row_id; leave its row_id out, so that it is not entered twice; or \
                give it a time, where it is another one of that day";
    let there = recorded(session, unnamed).await?;
    Ok(there.map(|_| vec![(place, rule.to_owned())]))
}

/// Where a row was changed since it was imported, and what to do.
fn changed(movement: &Movement, facts: &[Fact], times: Times) -> Option<(String, String)> {
    let (fact, differences) = books::differences(movement, facts, times)?;
    let event_id = &fact.event_id;
    let advice = if matches!(movement.command, Command::Receive(_)) {
        mended(event_id)
    } else {
        format!(
            "put the row back as it was, or take back what is there with keruen correct void {event_id}, and give the row \
             another row_id"
        )
    };
    (!differences.is_empty()).then(|| (differences.join("; "), advice))
}

/// What to do about a receipt.
fn mended(event_id: &str) -> String {
    format!(
        "put the row back as it was; keruen correct receipt {event_id} and keruen correct batch {event_id} mend the books"
    )
}

/// What is wrong with a movement that the server refused, in words for who has its row.
pub(super) async fn of_refused(
    session: &Session,
    movement: &Movement,
    refusal: &Status,
    times: Times,
) -> Result<String, Failure> {
    let is_there = reason(refusal).is_some_and(|it| it.reason == BATCH_EXISTS);
    let Command::Receive(request) = &movement.command else {
        return Ok(explain(refusal));
    };
    let batch_id = request.lines.first().map_or("", |line| &line.batch_id);
    if !is_there || batch_id.is_empty() {
        return Ok(explain(refusal));
    }
    let Some(fact) = books::receipt_of(session, batch_id).await? else {
        return Ok(format!(
            "batch {batch_id} is in the books already, but not from a receipt; choose another batch_id"
        ));
    };
    let facts = [fact];
    let rule = match changed(movement, &facts, times) {
        Some((differs, advice)) => {
            format!("batch {batch_id} is in the books already, but differs: {differs}; {advice}")
        }
        None => format!(
            "batch {batch_id} is in the books already as the row says it, but was not entered by it; leave the row out, or put \
             back its row_id"
        ),
    };
    Ok(rule)
}

/// What is wrong with a transfer whose shipment can't be requested: nothing where all of it that is there is as its rows say,
/// and the rest can be entered. Of what is not there yet, the server is asked as far as it can tell.
pub(super) async fn of_transfer(
    session: &Session,
    transfer: &Arc<Transfer>,
    clocks: &Clocks,
    refusal: Status,
) -> Result<Vec<Wrong>, Failure> {
    let [asked, sent] = transfer.departure();
    let receipts: Vec<Movement> = transfer.receipts().into_iter().map(|it| it.1).collect();
    let left = (clocks.time(session, &sent).await?, sent.occurred_at());
    let came = match receipts.first() {
        Some(receipt) => (clocks.time(session, receipt).await?, receipt.occurred_at()),
        None => (None, None),
    };
    let steps = receipts.iter().map(|receipt| (receipt, came));
    let steps = [(&sent, left)].into_iter().chain(steps);
    let missing = if is_entered(session, &asked).await? {
        first_missing(session, steps).await?
    } else {
        Some((&asked, Some(refusal)))
    };
    let times = (left, came);
    let Some((step, refusal)) = missing else {
        let facts = books::of_shipment(session, &transfer.shipment_id).await?;
        return Ok(otherwise_received(transfer, &facts));
    };
    if let Some(status) = refusal.as_ref().filter(|it| !is_about_the_row(it)) {
        return Err(session.unanswered(status.clone()));
    }
    if refusal.is_none() && !matches!(step.command, Command::Arrive(_)) {
        return Ok(Vec::new());
    }
    let facts = books::of_shipment(session, &transfer.shipment_id).await?;
    Ok(transfer_changed(transfer, &facts, times, (step, refusal)))
}

/// What is wrong with a transfer all of whose steps were entered once: that they were taken back since, or that its rows said
/// more of how it came.
fn otherwise_received(transfer: &Transfer, facts: &[Fact]) -> Vec<Wrong> {
    if transfer.received.is_none() {
        return Vec::new();
    }
    let there = format!("shipment {} is in the books already", transfer.shipment_id);
    if !books::is_received(facts) {
        let rule = format!(
            "{there}, and that it was received was taken back; leave received_at empty, and record how it came with keruen \
             shipment receive"
        );
        return vec![(transfer.place(), rule)];
    }
    let differences = books::outcomes_never_told(transfer, facts);
    differing(transfer, facts, differences)
}

/// The first step that is not there, and why it can't be entered, if it can't. What comes after it can't be asked before that is
/// there.
async fn first_missing<'a>(
    session: &Session,
    steps: impl Iterator<Item = (&'a Movement, Times)>,
) -> Result<Option<(&'a Movement, Option<Status>)>, Failure> {
    for (step, times) in steps {
        if !is_entered(session, step).await? {
            let answer = step.validate(session, times.0).await?;
            return Ok(Some((step, answer.err())));
        }
    }
    Ok(None)
}

/// Whether a movement of a shipment was entered by the same rows. Its rows stand once in a file.
async fn is_entered(session: &Session, movement: &Movement) -> Result<bool, Failure> {
    let command_id = nth(movement.content(), 1);
    is_recorded(session, command_id).await
}

/// Where a shipment that is there is not as its rows say, and what to do. What is missing of it may turn up, and so the server
/// would not always refuse to receive it once more.
fn transfer_changed(
    transfer: &Transfer,
    facts: &[Fact],
    times: (Times, Times),
    (step, refusal): (&Movement, Option<Status>),
) -> Vec<Wrong> {
    let refusal = refusal.as_ref().map(explain);
    if facts.is_empty() {
        let wrong = refusal.map(|rule| (transfer.place(), rule));
        return wrong.into_iter().collect();
    }
    let there = format!("shipment {} is in the books already", transfer.shipment_id);
    let differences = books::differences_of_transfer(transfer, facts, times);
    if differences.is_empty() {
        let rest = match step.command {
            Command::Arrive(_) => "leave received_at empty: its receipt was entered otherwise",
            _ => "leave its rows out: it was entered otherwise",
        };
        let rule = refusal.map(|it| format!("{there}, and the server says: {it}; {rest}"));
        let wrong = rule.map(|rule| (transfer.place(), rule));
        return wrong.into_iter().collect();
    }
    differing(transfer, facts, differences)
}

/// That a shipment which is there is not as its rows say, and what to do.
fn differing(transfer: &Transfer, facts: &[Fact], differences: Vec<Wrong>) -> Vec<Wrong> {
    let there = format!("shipment {} is in the books already", transfer.shipment_id);
    let is_about_the_receipt = differences
        .iter()
        .all(|(_, it)| it.starts_with("received_at ") || it.starts_with("outcome "));
    let mut back: Vec<String> = books::steps_to_take_back(facts, is_about_the_receipt)
        .map(|event_id| format!("keruen correct void {event_id}"))
        .collect();
    let then = if is_about_the_receipt {
        "import the file again"
    } else {
        back.push(format!("keruen shipment cancel {}", transfer.shipment_id));
        "give its rows another shipment_id"
    };
    let advice = format!(
        "or take back what is there ({}) and {then}",
        back.join(", ")
    );
    let told = differences.into_iter().map(|(place, differs)| {
        let rule =
            format!("{there}, but differs: {differs}; put its rows back as they were, {advice}");
        (place, rule)
    });
    told.collect()
}
