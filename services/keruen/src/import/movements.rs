//! Movements from a CSV file: what was there, came, was used, disposed of and given back, also long ago.
//!
//! The file is read three times, row by row: for its form, for what only the server knows, and to enter it. What is kept of
//! it in memory are short hashes, never rows.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use futures::{StreamExt as _, future::join_all, stream};
use keruen_proto::{
    events::v1::GetCommandRequest,
    inventory::v1::{
        ConsumeStockRequest, ConsumptionPurpose, DisposalReason, DisposeStockRequest,
        GetBatchRequest, NewStockLine, OpenStockRequest, ReceiptLine, ReceiptOutcome,
        ReceiveDonationRequest, ReturnReason, ReturnStockRequest,
    },
    log::v1::TimePrecision,
    registry::v1::{GetFacilityRequest, GetOrganisationRequest, UnitValue, ValueBasis},
};
use pbjson_types::Timestamp;
use prost::Message as _;
use tokio::sync::mpsc;
use tonic::Status;
use uuid::Uuid;

use super::{
    errors::Errors,
    plan::{NAMESPACE, Stop, broken_off, is_about_the_row, patiently, progress},
    sheet::{self, Column, Row},
    stream::{MAX_ROWS, Rows, Source},
};
use crate::{
    client::{
        failure::{Failure, explain},
        rpc::{Change as _, Stamp},
        session::Session,
        value,
    },
    render::word,
};

/// Rows of one item follow each other; so many items go on at once.
const LANES: usize = 16;
/// Rows that wait for their turn, of each lane.
const WAITING: usize = 32;
/// Rows that are checked at once.
const CHECKED: usize = 256;
const CONCURRENCY: usize = 8;
/// What the books of an item can be opened with at once.
const MAX_LINES: usize = 20;

const COLUMNS: &[Column] = &[
    Column {
        name: "kind",
        required: true,
        about: "open, receive, use, dispose or return",
    },
    Column {
        name: "occurred_at",
        required: true,
        about: "When: a day, or a time in RFC 3339",
    },
    Column {
        name: "facility_id",
        required: true,
        about: "Where",
    },
    Column {
        name: "item_id",
        required: true,
        about: "Of what",
    },
    Column {
        name: "quantity",
        required: true,
        about: "Base units",
    },
    Column {
        name: "batch_id",
        required: false,
        about: "The batch; an id of your choice where it is opened or received",
    },
    Column {
        name: "owner_id",
        required: false,
        about: "Whose, where that is to be said",
    },
    Column {
        name: "donation_id",
        required: false,
        about: "With which donation it was received",
    },
    Column {
        name: "lot",
        required: false,
        about: "Lot number as printed, where it is opened or received",
    },
    Column {
        name: "expires_on",
        required: false,
        about: "Last day of use, where it is opened or received",
    },
    Column {
        name: "serial_numbers",
        required: false,
        about: "Of equipment, separated by semicolons; not where it is used",
    },
    Column {
        name: "unit_value",
        required: false,
        about: "Declared value of one unit, for example 2.50USD",
    },
    Column {
        name: "purpose",
        required: false,
        about: "For what it was used: patient, control, training, wasted",
    },
    Column {
        name: "reason",
        required: false,
        about: "Why it was disposed of or given back",
    },
];

/// The columns that say something of each kind, beside those that are always there; the first of them must.
const KINDS: [(&str, usize, &[&str]); 5] = [
    (
        "open",
        0,
        &[
            "batch_id",
            "owner_id",
            "lot",
            "expires_on",
            "serial_numbers",
            "unit_value",
        ],
    ),
    (
        "receive",
        1,
        &[
            "donation_id",
            "batch_id",
            "lot",
            "expires_on",
            "serial_numbers",
            "unit_value",
        ],
    ),
    ("use", 1, &["purpose", "batch_id", "owner_id"]),
    (
        "dispose",
        2,
        &["batch_id", "reason", "owner_id", "serial_numbers"],
    ),
    (
        "return",
        2,
        &["batch_id", "reason", "owner_id", "serial_numbers"],
    ),
];

const EXAMPLE: &str = include_str!("../../examples/movements.csv");

/// The help below the options.
pub fn help() -> String {
    sheet::help(
        "movements",
        COLUMNS,
        EXAMPLE,
        "Facilities, items, owners and donations must be registered. Rows stand in the order in which things happened; \
         those that open the books of an item at a facility come first, stand together, and are 20 at most. What was used, \
         disposed of and given back is recorded as it happened: where the books know of too little, the rest is booked as \
         found. Rows can be added to a file that was imported before, except of kind open, which are entered together: what \
         is in the books already is recognised by what it says.",
    )
}

/// Something that is to be recorded.
#[derive(Clone, Debug)]
struct Movement {
    line: u64,
    number: usize,
    facility_id: String,
    item_id: String,
    command: Command,
}

#[derive(Clone, Debug, PartialEq)]
enum Command {
    Open(OpenStockRequest),
    Receive(ReceiveDonationRequest),
    Use(ConsumeStockRequest),
    Dispose(DisposeStockRequest),
    Return(ReturnStockRequest),
}

macro_rules! each {
    ($command:expr, $request:ident => $done:expr) => {
        match $command {
            Command::Open($request) => $done,
            Command::Receive($request) => $done,
            Command::Use($request) => $done,
            Command::Dispose($request) => $done,
            Command::Return($request) => $done,
        }
    };
}

impl Movement {
    /// What tells it from others that the server would refuse for other reasons: when and how much is none of those.
    fn shape(&self) -> u64 {
        let mut bare = self.command.clone();
        each!(&mut bare, request => request.occurred_at = None);
        match &mut bare {
            Command::Open(request) => request.lines.iter_mut().for_each(|line| line.quantity = 1),
            Command::Receive(request) => {
                request.lines.iter_mut().for_each(|line| line.quantity = 1);
            }
            Command::Use(request) => request.quantity = 1,
            Command::Dispose(request) => request.quantity = 1,
            Command::Return(request) => request.quantity = 1,
        }
        let mut hasher = DefaultHasher::new();
        bare.content().hash(&mut hasher);
        // Not every command says it itself.
        self.item_id.hash(&mut hasher);
        hasher.finish()
    }
}

impl Command {
    /// What it says, without its command id.
    fn content(&self) -> Uuid {
        let kind = match self {
            Self::Open(_) => "open",
            Self::Receive(_) => "receive",
            Self::Use(_) => "use",
            Self::Dispose(_) => "dispose",
            Self::Return(_) => "return",
        };
        let bytes = each!(self, request => request.encode_to_vec());
        let content = [b"movements\0", kind.as_bytes(), b"\0", &bytes].concat();
        Uuid::new_v5(&NAMESPACE, &content)
    }

    /// The batches that it brings about.
    fn new_batches(&self) -> Vec<&str> {
        let ids: Vec<&str> = match self {
            Self::Open(request) => request.lines.iter().map(|it| &*it.batch_id).collect(),
            Self::Receive(request) => request.lines.iter().map(|it| &*it.batch_id).collect(),
            _ => Vec::new(),
        };
        ids.into_iter().filter(|id| !id.is_empty()).collect()
    }

    /// The batch that it takes from, and the owner, where they are named.
    fn taken_from(&self) -> (&str, &str) {
        match self {
            Self::Use(request) => (&request.batch_id, &request.owner_id),
            Self::Dispose(request) => (&request.batch_id, &request.owner_id),
            Self::Return(request) => (&request.batch_id, &request.owner_id),
            Self::Open(_) | Self::Receive(_) => ("", ""),
        }
    }

    /// Sends it, or asks whether it would be refused.
    async fn send(
        &self,
        session: &Session,
        command_id: Uuid,
        validate_only: bool,
    ) -> Result<Result<(), Status>, Failure> {
        each!(self, request => {
            let mut request = request.clone();
            request.stamp(Stamp {
                command_id: command_id.to_string(),
                validate_only,
                ..Stamp::default()
            });
            let answer = patiently(|| session.call(request.clone())).await?;
            Ok(answer.map(|_| ()))
        })
    }
}

/// Tells command ids: they follow from what rows say, and from how many before them say the same.
#[derive(Default)]
struct Ids(HashMap<Uuid, u32>);

impl Ids {
    fn next(&mut self, command: &Command) -> Uuid {
        let content = command.content();
        let same = self.0.entry(content).or_default();
        *same += 1;
        Uuid::new_v5(&content, &same.to_be_bytes())
    }
}

/// Movements of a file, one after the other. Rows that open the books of an item together are one.
struct Movements {
    rows: Rows,
    now: Timestamp,
    ahead: Option<Movement>,
}

impl Movements {
    fn of(source: &Source) -> Result<Self, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.map_or(0, |now| now.as_secs());
        Ok(Self {
            rows: source.rows(COLUMNS)?,
            now: Timestamp {
                seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
                nanos: 0,
            },
            ahead: None,
        })
    }

    /// The next one that is right in itself; what is wrong with others is noted.
    fn next(&mut self, errors: &mut Errors) -> Result<Option<Movement>, Failure> {
        let mut whole = self.ahead.take();
        while let Some(row) = self.rows.next(errors)? {
            let Some(movement) = movement(&row, self.now, errors) else {
                continue;
            };
            let Some(before) = &mut whole else {
                whole = Some(movement);
                continue;
            };
            if !joins(before, &movement) {
                self.ahead = Some(movement);
                break;
            }
        }
        Ok(whole)
    }
}

/// Takes the lines of a movement up into the one before, where both open the same books.
fn joins(whole: &mut Movement, next: &Movement) -> bool {
    let is_same = (&whole.facility_id, &whole.item_id) == (&next.facility_id, &next.item_id);
    match (&mut whole.command, &next.command) {
        (Command::Open(whole), Command::Open(next))
            if is_same
                && whole.occurred_at == next.occurred_at
                && whole.lines.len() < MAX_LINES =>
        {
            whole.lines.extend(next.lines.iter().cloned());
            true
        }
        _ => false,
    }
}

/// When something happened, and how exactly that is known.
fn when(text: &str, now: Timestamp) -> Result<(Timestamp, TimePrecision), String> {
    let (time, precision) = match value::date(text) {
        Ok(day) => (
            value::timestamp(&format!("{day}T00:00:00+05:00"))?,
            TimePrecision::Day,
        ),
        Err(_) => (
            value::timestamp(text).map_err(|_| {
                let example = "2020-07-21 or 2020-07-21T16:30:00+06:00";
                format!("must be a day or a time, such as {example}; found {text:?}")
            })?,
            TimePrecision::Unspecified,
        ),
    };
    if time.seconds > now.seconds {
        return Err(format!("must not lie ahead; found {text:?}"));
    }
    Ok((time, precision))
}

fn movement(row: &Row, now: Timestamp, errors: &mut Errors) -> Option<Movement> {
    let kind = row.text("kind");
    let Some((_, required, known)) = KINDS.iter().find(|(name, ..)| *name == kind) else {
        if !kind.is_empty() {
            let rule = format!("must be open, receive, use, dispose or return; found {kind:?}");
            errors.field(row, "kind", &rule);
        }
        return None;
    };
    for column in COLUMNS.iter().filter(|column| !column.required) {
        let said = !row.text(column.name).is_empty();
        let place = known.iter().position(|name| *name == column.name);
        match place {
            None if said => {
                let rule = format!("must be empty: it says nothing of what is \"{kind}\"");
                errors.field(row, column.name, &rule);
            }
            Some(place) if place < *required && !said => {
                errors.field(row, column.name, &format!("is empty; \"{kind}\" needs it"));
            }
            _ => {}
        }
    }
    let time = row.parse("occurred_at", errors, |text| when(text, now));
    let quantity = row.parse("quantity", errors, |text| match value::whole(text)? {
        number @ 1.. => Ok(number),
        number => Err(format!("must be more than 0; found {number}")),
    });
    let command = match kind {
        "open" => open(row, quantity, errors),
        "receive" => receive(row, quantity, errors),
        "use" => Command::Use(ConsumeStockRequest {
            facility_id: row.string("facility_id"),
            item_id: row.string("item_id"),
            quantity: quantity?,
            batch_id: row.string("batch_id"),
            owner_id: row.string("owner_id"),
            purpose: row.parse("purpose", errors, word::number::<ConsumptionPurpose>)?,
            already_used: true,
            ..Default::default()
        }),
        "dispose" => Command::Dispose(DisposeStockRequest {
            facility_id: row.string("facility_id"),
            batch_id: row.string("batch_id"),
            owner_id: row.string("owner_id"),
            quantity: quantity?,
            serial_numbers: serial_numbers(row, errors),
            reason: row.parse("reason", errors, word::number::<DisposalReason>)?,
            already_disposed: true,
            ..Default::default()
        }),
        _ => Command::Return(ReturnStockRequest {
            facility_id: row.string("facility_id"),
            batch_id: row.string("batch_id"),
            owner_id: row.string("owner_id"),
            quantity: quantity?,
            serial_numbers: serial_numbers(row, errors),
            reason: row.parse("reason", errors, word::number::<ReturnReason>)?,
            already_returned: true,
            ..Default::default()
        }),
    };
    let (time, precision) = time?;
    let mut movement = Movement {
        line: row.line,
        number: row.number,
        facility_id: row.string("facility_id"),
        item_id: row.string("item_id"),
        command,
    };
    each!(&mut movement.command, request => {
        request.occurred_at = Some(time);
        request.occurred_at_precision = precision.into();
    });
    Some(movement)
}

fn serial_numbers(row: &Row, errors: &mut Errors) -> Vec<String> {
    row.many("serial_numbers", errors, |text| Ok(text.to_owned()))
}

fn unit_value(row: &Row, errors: &mut Errors) -> Option<UnitValue> {
    let amount = row.parse("unit_value", errors, value::money)?;
    Some(UnitValue {
        amount: Some(amount),
        basis: ValueBasis::DonorDeclared.into(),
    })
}

fn last_day(row: &Row, errors: &mut Errors) -> String {
    let day = row.parse("expires_on", errors, value::date);
    day.unwrap_or_default()
}

fn open(row: &Row, quantity: Option<i64>, errors: &mut Errors) -> Command {
    Command::Open(OpenStockRequest {
        facility_id: row.string("facility_id"),
        lines: vec![NewStockLine {
            item_id: row.string("item_id"),
            quantity: quantity.unwrap_or_default(),
            owner_id: row.string("owner_id"),
            lot: row.string("lot"),
            expires_on: last_day(row, errors),
            serial_numbers: serial_numbers(row, errors),
            unit_value: unit_value(row, errors),
            batch_id: row.string("batch_id"),
            ..Default::default()
        }],
        ..Default::default()
    })
}

fn receive(row: &Row, quantity: Option<i64>, errors: &mut Errors) -> Command {
    Command::Receive(ReceiveDonationRequest {
        donation_id: row.string("donation_id"),
        facility_id: row.string("facility_id"),
        lines: vec![ReceiptLine {
            item_id: row.string("item_id"),
            quantity: quantity.unwrap_or_default(),
            outcome: ReceiptOutcome::Good.into(),
            lot: row.string("lot"),
            expires_on: last_day(row, errors),
            serial_numbers: serial_numbers(row, errors),
            unit_value: unit_value(row, errors),
            batch_id: row.string("batch_id"),
            ..Default::default()
        }],
        ..Default::default()
    })
}

/// What a file brings about, by short hashes.
#[derive(Default)]
struct Contents {
    rows: usize,
    /// Batches, and their items.
    batches: HashMap<String, String>,
    /// Batches that no row above brings about, and the line that first takes from them.
    taken: HashMap<String, u64>,
}

impl Contents {
    /// Takes up the batches of a movement. Answers with what is wrong about them, after those above it.
    fn wrong_batches(&mut self, movement: &Movement) -> Vec<String> {
        let mut wrong = Vec::new();
        for batch_id in movement.command.new_batches() {
            let item_id = movement.item_id.clone();
            if self.batches.insert(batch_id.to_owned(), item_id).is_some() {
                wrong.push(format!("batch {batch_id} stands in the file twice"));
            }
            if let Some(line) = self.taken.get(batch_id) {
                wrong.push(format!(
                    "batch {batch_id} is taken from in line {line}, before it is there"
                ));
            }
        }
        let (batch_id, _) = movement.command.taken_from();
        match self.batches.get(batch_id) {
            Some(item_id) => wrong.extend(of_other(batch_id, item_id, movement)),
            None if batch_id.is_empty() => {}
            None => {
                let batch_id = batch_id.to_owned();
                self.taken.entry(batch_id).or_insert(movement.line);
            }
        }
        wrong
    }
}

/// What is wrong where a batch is not of the item that a movement names.
fn of_other(batch_id: &str, item_id: &str, movement: &Movement) -> Option<String> {
    let named = &movement.item_id;
    (item_id != named).then(|| format!("batch {batch_id} is of item {item_id}, not of {named}"))
}

/// Looks at the form of a whole file.
fn look_through(source: &Source) -> Result<Contents, Failure> {
    let mut errors = Errors::new(&source.place);
    let mut movements = Movements::of(source)?;
    let mut contents = Contents::default();
    // Where each pair of facility and item first stands.
    let mut pairs: HashMap<(String, String), u64> = HashMap::new();
    while let Some(movement) = movements.next(&mut errors)? {
        contents.rows += 1;
        if contents.rows > MAX_ROWS {
            errors.header(&format!(
                "there are more than {MAX_ROWS} rows; split the file"
            ));
            break;
        }
        if errors.is_full() {
            break;
        }
        let mut wrong = |rule: &str| errors.note(movement.line, movement.number, None, rule);
        for rule in contents.wrong_batches(&movement) {
            wrong(&rule);
        }
        let pair = (movement.facility_id.clone(), movement.item_id.clone());
        if let Some(line) = pairs.get(&pair)
            && matches!(movement.command, Command::Open(_))
        {
            wrong(&format!(
                "the books of {} at {} are there since line {line}; rows that open them come first, stand together with one \
                 occurred_at, and are {MAX_LINES} at most",
                pair.1, pair.0
            ));
        }
        pairs.entry(pair).or_insert(movement.line);
    }
    if contents.rows == 0 && errors.is_empty() {
        errors.header("there are no rows below it");
    }
    errors.check()?;
    Ok(contents)
}

/// Checks a file, and enters it.
pub async fn run(session: &Session, file: &Path, dry_run: bool) -> Result<(), Failure> {
    let source = Source::at(file)?;
    let contents = look_through(&source)?;
    session.channel().await?;
    let stop = Stop::default();
    stop.watch(check_all(session, &source, &contents, &stop))
        .await?;
    if dry_run {
        anstream::println!(
            "movements: {} are right; nothing was entered (dry run)",
            contents.rows
        );
        return Ok(());
    }
    let entered = stop
        .watch(enter_all(session, &source, contents.rows, &stop))
        .await?;
    anstream::println!("movements: {entered} entered, or there already");
    Ok(())
}

/// Asks the server about each row that says something new. Fails with everything that it would refuse.
async fn check_all(
    session: &Session,
    source: &Source,
    contents: &Contents,
    stop: &Stop,
) -> Result<(), Failure> {
    let bar = progress("checking", contents.rows);
    let mut errors = Errors::new(&source.place);
    let mut movements = Movements::of(source)?;
    let (mut ids, mut shapes) = (Ids::default(), HashSet::new());
    let items = Items::default();
    loop {
        let mut new = Vec::with_capacity(CHECKED);
        let mut at_end = false;
        while new.len() < CHECKED {
            let Some(movement) = movements.next(&mut errors)? else {
                at_end = true;
                break;
            };
            bar.inc(1);
            let command_id = ids.next(&movement.command);
            if shapes.insert(movement.shape()) {
                new.push((movement, command_id));
            }
        }
        let items = &items;
        let mut checks = stream::iter(new.into_iter().take_while(|_| !stop.is_set()))
            .map(|(movement, command_id)| async move {
                let checked = check(session, &movement, command_id, contents, items).await;
                (movement, checked)
            })
            .buffered(CONCURRENCY);
        while let Some((movement, checked)) = checks.next().await {
            if let Some(rule) = checked? {
                errors.note(movement.line, movement.number, None, &rule);
            }
        }
        if stop.is_set() {
            return Err(Failure::Interrupted(
                "interrupted; nothing was entered".to_owned(),
            ));
        }
        if at_end || errors.is_full() {
            break;
        }
    }
    bar.finish_and_clear();
    errors.check()
}

/// Items of batches that the server knows, so that it is asked once about each.
#[derive(Default)]
struct Items(Mutex<HashMap<String, String>>);

impl Items {
    /// What is disposed of or given back is sent without its item, so that the server can't refuse a wrong one.
    async fn check(
        &self,
        session: &Session,
        movement: &Movement,
    ) -> Result<Option<String>, Failure> {
        if !matches!(movement.command, Command::Dispose(_) | Command::Return(_)) {
            return Ok(None);
        }
        let (batch_id, _) = movement.command.taken_from();
        let item_id = self.of(session, batch_id).await?;
        Ok(item_id.and_then(|item_id| of_other(batch_id, &item_id, movement)))
    }

    /// The item of a batch; `None` where the server refuses to tell it, as it then refuses the movement.
    async fn of(&self, session: &Session, batch_id: &str) -> Result<Option<String>, Failure> {
        if let Some(item_id) = self.known().get(batch_id) {
            return Ok(Some(item_id.clone()));
        }
        let question = GetBatchRequest {
            batch_id: batch_id.to_owned(),
        };
        match patiently(|| session.call(question.clone())).await? {
            Ok(answer) => {
                let item_id = answer.batch.unwrap_or_default().item_id;
                self.known().insert(batch_id.to_owned(), item_id.clone());
                Ok(Some(item_id))
            }
            Err(status) if is_about_the_row(&status) => Ok(None),
            Err(status) => Err(session.unanswered(status)),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the server would refuse a movement; `None` where it would not.
async fn check(
    session: &Session,
    movement: &Movement,
    command_id: Uuid,
    contents: &Contents,
    items: &Items,
) -> Result<Option<String>, Failure> {
    let (batch_id, owner_id) = movement.command.taken_from();
    if contents.batches.contains_key(batch_id) {
        return check_places(session, &movement.facility_id, owner_id).await;
    }
    if let Some(rule) = items.check(session, movement).await? {
        return Ok(Some(rule));
    }
    // An id of its own: this is another command than the one that enters it.
    let asked = movement.command.send(session, Uuid::now_v7(), true).await?;
    match asked {
        Ok(()) => Ok(None),
        Err(status) if is_about_the_row(&status) => {
            // What was entered before may not be possible twice.
            let command_id = command_id.to_string();
            let there = patiently(|| {
                session.call(GetCommandRequest {
                    command_id: command_id.clone(),
                })
            });
            Ok(match there.await? {
                Ok(_) => None,
                Err(_) => Some(explain(&status)),
            })
        }
        Err(status) => Err(session.unanswered(status)),
    }
}

/// Of a batch that the file itself brings about, the server can only tell the rest.
async fn check_places(
    session: &Session,
    facility_id: &str,
    owner_id: &str,
) -> Result<Option<String>, Failure> {
    let refused = |status: Status| {
        if is_about_the_row(&status) {
            Ok(Some(explain(&status)))
        } else {
            Err(session.unanswered(status))
        }
    };
    let facility = GetFacilityRequest {
        facility_id: facility_id.to_owned(),
    };
    if let Err(status) = patiently(|| session.call(facility.clone())).await? {
        return refused(status);
    }
    if owner_id.is_empty() {
        return Ok(None);
    }
    let owner = GetOrganisationRequest {
        organisation_id: owner_id.to_owned(),
    };
    match patiently(|| session.call(owner.clone())).await? {
        Ok(_) => Ok(None),
        Err(status) => refused(status),
    }
}

/// Enters everything, the rows of each item one after the other. Answers with how many there are.
async fn enter_all(
    session: &Session,
    source: &Source,
    total: usize,
    stop: &Stop,
) -> Result<usize, Failure> {
    let bar = progress("entering", total);
    let entered = AtomicUsize::new(0);
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let fail = |error: Failure| {
        stop.set();
        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
    };
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..LANES).map(|_| mpsc::channel(WAITING)).unzip();
    let lanes = receivers.into_iter().map(|mut lane| {
        let (bar, entered, fail) = (&bar, &entered, &fail);
        async move {
            while let Some((movement, command_id)) = lane.recv().await {
                let movement: Movement = movement;
                // What waits is taken, so that nobody waits for it, and left out.
                if stop.is_set() {
                    continue;
                }
                match movement.command.send(session, command_id, false).await {
                    Ok(Ok(())) => {
                        entered.fetch_add(1, Ordering::Relaxed);
                        bar.inc(1);
                    }
                    Ok(Err(status)) => fail(refused(session, source, &movement, status)),
                    Err(error) => fail(error),
                }
            }
        }
    });
    let hand_out = async {
        let mut errors = Errors::new(&source.place);
        let mut ids = Ids::default();
        let mut movements = Movements::of(source)?;
        while let Some(movement) = movements.next(&mut errors)? {
            if stop.is_set() {
                break;
            }
            let command_id = ids.next(&movement.command);
            let mut hasher = DefaultHasher::new();
            movement.item_id.hash(&mut hasher);
            let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default();
            // A lane ends only after all is handed out.
            let _ = senders[lane].send((movement, command_id)).await;
        }
        drop(senders);
        errors.check()
    };
    let (handed_out, _) = futures::join!(hand_out, join_all(lanes));
    if let Err(error) = handed_out {
        fail(error);
    }
    let entered = entered.into_inner();
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failure.is_some() || entered < total {
        bar.abandon();
        let left = total.saturating_sub(entered);
        let done = format!("movements: {entered} entered, or there already");
        return Err(broken_off(failure, &done, left));
    }
    bar.finish_and_clear();
    Ok(entered)
}

/// What became of a movement that had been found right.
fn refused(session: &Session, source: &Source, movement: &Movement, status: Status) -> Failure {
    if is_about_the_row(&status) {
        let (place, line) = (&source.place, movement.line);
        return Failure::File {
            errors: vec![format!("{place}:{line}: {}", explain(&status))],
            summary: String::new(),
        };
    }
    session.unanswered(status)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn source(text: &str) -> (tempfile::NamedTempFile, Source) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let source = Source::at(file.path()).unwrap();
        (file, source)
    }

    fn movements(text: &str) -> Vec<Movement> {
        let (_file, source) = source(text);
        let mut errors = Errors::new("f.csv");
        let mut movements = Movements::of(&source).unwrap();
        let mut all = Vec::new();
        while let Some(movement) = movements.next(&mut errors).unwrap() {
            all.push(movement);
        }
        errors.check().unwrap();
        all
    }

    fn told(text: &str) -> Vec<String> {
        let (_file, source) = source(text);
        match look_through(&source) {
            Err(Failure::File { errors, .. }) => errors,
            other => panic!("{:?}", other.map(|contents| contents.rows)),
        }
    }

    #[test]
    fn the_example_is_right() {
        let (_file, source) = source(EXAMPLE);
        assert_eq!(look_through(&source).unwrap().rows, 5);
        let kinds = KINDS.map(|(kind, ..)| kind);
        assert!(
            kinds
                .iter()
                .filter(|kind| EXAMPLE.contains(&format!("\n{kind},")))
                .count()
                >= 4
        );
    }

    #[test]
    fn rows_that_open_the_same_books_are_one_command() {
        let text = "kind,occurred_at,facility_id,item_id,quantity,lot\n\
                    open,2020-01-01,F,I,5,A\nopen,2020-01-01,F,I,6,B\nopen,2020-01-01,F,J,7,C\n";
        let all = movements(text);
        let lines: Vec<(u64, usize)> = all
            .iter()
            .map(|it| match &it.command {
                Command::Open(request) => (it.line, request.lines.len()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lines, [(2, 2), (4, 1)]);
        let again = format!("{text}open,2020-01-01,F,I,1,D\n");
        let found = told(&again);
        assert!(
            found[0].contains(":5: row 4") && found[0].contains("since line 2"),
            "{found:?}"
        );
    }

    #[test]
    fn ids_follow_from_what_rows_say_and_from_how_often() {
        let header = "kind,occurred_at,facility_id,item_id,quantity,purpose\n";
        let row = "use,2020-01-01,F,I,5,patient\n";
        let ids = |text: &str| -> Vec<Uuid> {
            let mut ids = Ids::default();
            movements(text)
                .iter()
                .map(|it| ids.next(&it.command))
                .collect()
        };
        let two = ids(&format!("{header}{row}{row}"));
        assert_ne!(two[0], two[1]);
        // More rows change nothing of those before, and line ends and blanks nothing at all.
        let more =
            ids(&format!("{header}{row}{row}{}", row.replace(",5,", ",6,")).replace('\n', " \r\n"));
        assert_eq!(more[..2], two);
        assert!(!two.contains(&more[2]));
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_column() {
        let text = "kind,occurred_at,facility_id,item_id,quantity,batch_id,donation_id,purpose,reason\n\
                    take,2020-01-01,F,I,5,,,,\n\
                    use,2020-02-30,F,I,5,,,patient,\n\
                    use,2999-01-01,F,I,5,,,patient,\n\
                    use,2020-01-01,F,I,0,,,patient,\n\
                    use,2020-01-01,F,I,5,,,,\n\
                    use,2020-01-01,F,I,5,,D,patient,\n\
                    dispose,2020-01-01,F,I,5,B,,,because\n\
                    receive,2020-01-01,F,I,5,B,D,,\n\
                    receive,2020-01-01,F,I,5,B,D,,\n\
                    return,2020-01-01,F,J,5,B,,,agreed\n\
                    ,2020-01-01,F,I,5,,,,\n";
        let found = told(text);
        let wanted = [
            (":2: row 1, column kind:", "found \"take\""),
            (":3: row 2, column occurred_at:", "2020-02-30"),
            (":4: row 3, column occurred_at:", "must not lie ahead"),
            (":5: row 4, column quantity:", "more than 0"),
            (":6: row 5, column purpose:", "needs it"),
            (":7: row 6, column donation_id:", "must be empty"),
            (":8: row 7, column reason:", "\"because\" is not one of"),
            (":10: row 9:", "batch B stands in the file twice"),
            (":11: row 10:", "is of item I, not of J"),
            (":12: row 11, column kind:", "is empty"),
        ];
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for (error, (place, rule)) in found.iter().zip(wanted) {
            assert!(error.contains(place) && error.contains(rule), "{error}");
        }
    }

    #[test]
    fn a_batch_is_there_before_it_is_taken_from() {
        let header =
            "kind,occurred_at,facility_id,item_id,quantity,batch_id,donation_id,purpose,reason\n";
        let came = "receive,2020-01-01,F,I,5,B1,D,,\n";
        let gone = "dispose,2020-01-02,F,I,1,B1,,,expired\nuse,2020-01-02,F,I,1,B1,,patient,\n";
        let found = told(&format!("{header}{gone}{came}"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(":4: row 3: batch B1 is taken from in line 2, before it is there"),
            "{found:?}"
        );
        let (_file, source) = source(&format!("{header}{came}{gone}"));
        assert_eq!(look_through(&source).unwrap().rows, 3);
    }

    #[test]
    fn rows_that_differ_in_their_item_are_checked_each() {
        let header = "kind,occurred_at,facility_id,item_id,quantity,batch_id,reason\n";
        let row = "dispose,2020-01-01,F,I,5,B,expired\n";
        let text = [
            header,
            row,
            &row.replace(",5,", ",6,"),
            &row.replace(",I,", ",J,"),
        ]
        .concat();
        let shapes: Vec<u64> = movements(&text).iter().map(Movement::shape).collect();
        assert_eq!(shapes[0], shapes[1]);
        assert_ne!(shapes[0], shapes[2]);
    }

    #[test]
    fn a_hundred_thousand_rows_are_looked_through_to_the_last() {
        use std::fmt::Write as _;
        let mut text = "kind,occurred_at,facility_id,item_id,quantity,purpose\n".to_owned();
        for number in 0..100_000 {
            let (facility, item) = (number % 60, number % 37);
            writeln!(
                text,
                "use,2020-01-01,F-{facility},I-{item},{},patient",
                number % 9 + 1
            )
            .unwrap();
        }
        let (_file, right) = source(&text);
        assert_eq!(look_through(&right).unwrap().rows, 100_000);
        text.push_str("use,2020-01-01,F,I,1,joy\n");
        let found = told(&text);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains(":100002: row 100001, column purpose"),
            "{found:?}"
        );
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_not_read_on() {
        let (mut file, source) = source(EXAMPLE);
        file.write_all(b"use,2020-07-21,WH-ALA,TEST-RAPID,1,,,,,patient,\n")
            .unwrap();
        let refused = source.rows(COLUMNS).err().map(|error| format!("{error:?}"));
        assert!(refused.unwrap().contains("has changed meanwhile"));
    }
}
