//! Checks of a whole file: of its form, and of what only the server knows.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::{StreamExt as _, stream};
use keruen_proto::{
    inventory::v1::GetBatchRequest,
    registry::v1::{GetFacilityRequest, GetItemRequest, GetOrganisationRequest, Tracking},
    shipments::v1::DispatchShipmentRequest,
};
use tonic::Status;
use uuid::Uuid;

use super::{
    books::Times,
    clocks::Clocks,
    command::{Command, Goods, Ids, Movement},
    repetition,
    row::{MAX_LINES, Movements},
};
use crate::{
    client::{
        failure::{Failure, explain},
        rpc::Call,
        session::Session,
    },
    import::{
        errors::Errors,
        plan::{Stop, is_about_the_row, patiently, progress},
        stream::{MAX_ROWS, Source},
    },
};

/// Rows that are checked at once.
const CHECKED: usize = 256;

/// Questions under way at once.
const CONCURRENCY: usize = 32;

/// What a file brings about.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) rows: usize,
    /// Batches, and their items.
    batches: HashMap<String, String>,
    /// Batches that no row above brings about, and the line that first takes from them.
    taken: HashMap<String, u64>,
    /// Shipments, and the line where each stands.
    shipments: HashMap<String, u64>,
    /// Ids of rows that have some of their own, and the line where each stands.
    row_ids: HashMap<Uuid, u64>,
}

/// What is wrong with a row, and its line and number.
pub(super) type Wrong = ((u64, usize), String);

impl Contents {
    /// Takes up the batches and the shipment of a movement. Answers with what is wrong about them, after those above it.
    fn take_up(&mut self, movement: &Movement) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let place = (movement.line, movement.number);
        let own_id = movement.own_id();
        if let Some(line) = own_id.and_then(|it| self.row_ids.insert(it, movement.line)) {
            let row_id = &movement.row_id;
            let rule = format!(
                "row_id {row_id} stands in line {line} already, for the same kind and facility"
            );
            wrong.push((place, rule));
        }
        for batch_id in movement.command.new_batches() {
            let item_id = movement.item_id().to_owned();
            if self.batches.insert(batch_id.to_owned(), item_id).is_some() {
                wrong.push((place, format!("batch {batch_id} stands in the file twice")));
            }
            if let Some(line) = self.taken.get(batch_id) {
                let rule =
                    format!("batch {batch_id} is taken from in line {line}, before it is there");
                wrong.push((place, rule));
            }
        }
        for goods in movement.taken() {
            let batch_id = &goods.batch_id;
            match self.batches.get(batch_id) {
                Some(item_id) => wrong.extend(of_other(item_id, goods)),
                None if batch_id.is_empty() => {}
                None => {
                    self.taken.entry(batch_id.clone()).or_insert(goods.line);
                }
            }
        }
        if let Command::Request(request) = &movement.command {
            let shipment_id = request.shipment_id.clone();
            if let Some(line) = self.shipments.insert(shipment_id, movement.line) {
                let rule = format!(
                    "shipment {} stands in line {line} already; its rows stand together",
                    request.shipment_id
                );
                wrong.push((place, rule));
            }
        }
        wrong
    }
}

/// What is wrong where a batch is not of the item that a row names.
fn of_other(item_id: &str, goods: &Goods) -> Option<Wrong> {
    let (batch_id, named) = (&goods.batch_id, &goods.item_id);
    let rule = || format!("batch {batch_id} is of item {item_id}, not of {named}");
    (item_id != named).then(|| (goods.place(), rule()))
}

/// Looks at the form of a whole file.
pub(super) fn look_through(source: &Source) -> Result<Contents, Failure> {
    let mut errors = Errors::new(&source.place);
    let mut movements = Movements::of(source)?;
    errors.header_stands_at(movements.header_line());
    let mut contents = Contents::default();
    // Where each pair of facility and item first stands.
    let mut pairs: HashMap<(String, String), u64> = HashMap::new();
    while let Some(movement) = movements.next(&mut errors)? {
        contents.rows += movement.rows;
        if contents.rows > MAX_ROWS {
            errors.header(&format!(
                "there are more than {MAX_ROWS} rows; split the file"
            ));
            break;
        }
        if errors.is_full() {
            break;
        }
        for (place, rule) in contents.take_up(&movement) {
            errors.note(place.0, place.1, None, &rule);
        }
        if matches!(movement.command, Command::Request(_)) {
            continue;
        }
        for goods in &movement.goods {
            let pair = (movement.facility_id.clone(), goods.item_id.clone());
            if let Some(line) = pairs.get(&pair)
                && matches!(movement.command, Command::Open(_))
            {
                let rule = format!(
                    "the books of {} at {} are there since line {line}; rows that open them come first, stand together with \
                     one occurred_at, and are {MAX_LINES} at most",
                    pair.1, pair.0
                );
                errors.note(movement.line, movement.number, None, &rule);
            }
            pairs.entry(pair).or_insert(movement.line);
        }
    }
    if contents.rows == 0 && errors.is_empty() {
        errors.header("there are no rows below it");
    }
    errors.check()?;
    Ok(contents)
}

/// Asks the server about each row that says something new. Fails with everything that it would refuse.
pub(super) async fn check_all(
    session: &Session,
    source: &Source,
    contents: &Contents,
    clocks: &Clocks,
    stop: &Stop,
) -> Result<(), Failure> {
    let bar = progress("checking", contents.rows);
    let mut errors = Errors::new(&source.place);
    let mut movements = Movements::of(source)?;
    let mut ids = Ids::default();
    let known = Known::default();
    loop {
        let mut new = Vec::with_capacity(CHECKED);
        let mut at_end = false;
        while new.len() < CHECKED {
            let Some(movement) = movements.next(&mut errors)? else {
                at_end = true;
                break;
            };
            bar.inc(movement.rows as u64);
            let ids = (ids.next(&movement), ids.unnamed(&movement));
            // What has an id of its own is there or not, whatever others like it are.
            if !movement.row_id.is_empty() || known.is_new(movement.shape()) {
                new.push((movement, ids));
            }
        }
        let known = &known;
        let mut checks = stream::iter(new.into_iter().take_while(|_| !stop.is_set()))
            .map(|(movement, ids)| async move {
                let times = (
                    clocks.time(session, &movement).await?,
                    movement.occurred_at(),
                );
                let there = repetition::of_named(session, &movement, ids, times).await?;
                match there {
                    Some(wrong) => Ok(wrong),
                    None if !movement.row_id.is_empty() && !known.is_new(movement.shape()) => {
                        Ok(Vec::new())
                    }
                    None => {
                        let command = (ids.0, times);
                        check(session, &movement, command, contents, (known, clocks)).await
                    }
                }
            })
            .buffered(CONCURRENCY);
        while let Some(checked) = checks.next().await {
            for (place, rule) in checked? {
                errors.note(place.0, place.1, None, &rule);
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

/// What the server answered, so that it is asked once about each thing.
#[derive(Default)]
struct Known {
    /// Shapes of movements that it was asked about.
    shapes: Mutex<HashSet<u64>>,
    /// Items of batches, or why there are none.
    batches: Mutex<HashMap<String, Result<String, String>>>,
    /// Whether units of an item have serial numbers, or why that is not known.
    items: Mutex<HashMap<String, Result<bool, String>>>,
    /// Why organisations are not there; `None` of those that are.
    organisations: Mutex<HashMap<String, Option<String>>>,
}

impl Known {
    /// Whether nothing of this shape was asked about; now it is.
    fn is_new(&self, shape: u64) -> bool {
        locked(&self.shapes).insert(shape)
    }

    /// What is disposed of or given back is sent without its item, so that the server can't refuse a wrong one.
    async fn wrong_batch(
        &self,
        session: &Session,
        movement: &Movement,
    ) -> Result<Vec<Wrong>, Failure> {
        let goods = match movement.command {
            Command::Dispose(_) | Command::Return(_) => movement.goods.first(),
            _ => None,
        };
        let Some(goods) = goods else {
            return Ok(Vec::new());
        };
        // Where the server refuses to tell the item, it then refuses the movement.
        let item_id = self.item_of(session, &goods.batch_id).await?.ok();
        Ok(item_id
            .and_then(|it| of_other(&it, goods))
            .into_iter()
            .collect())
    }

    /// What is wrong with what a shipment takes along: the server can only tell once it is there.
    async fn wrong_goods(
        &self,
        session: &Session,
        request: &DispatchShipmentRequest,
        goods: &[Goods],
        contents: &Contents,
    ) -> Result<Vec<Wrong>, Failure> {
        let mut wrong = Vec::new();
        let Some(first) = goods.first() else {
            return Ok(wrong);
        };
        let custodian = self.organisation(session, &request.custodian_id).await?;
        wrong.extend(custodian.map(|rule| (first.place(), rule)));
        for (goods, units) in goods.iter().zip(&request.units) {
            let mut note = |rule: String| wrong.push((goods.place(), rule));
            if !goods.owner_id.is_empty() {
                let owner = self.organisation(session, &goods.owner_id).await?;
                owner.into_iter().for_each(&mut note);
            }
            if let Ok(true) = self.has_numbers(session, &goods.item_id).await?
                && units.serial_numbers.is_empty()
            {
                let item_id = &goods.item_id;
                note(format!("item {item_id} has serial numbers: name them"));
            }
            if goods.batch_id.is_empty() || contents.batches.contains_key(&goods.batch_id) {
                continue;
            }
            match self.item_of(session, &goods.batch_id).await? {
                Ok(item_id) => wrong.extend(of_other(&item_id, goods)),
                Err(rule) => note(rule),
            }
        }
        Ok(wrong)
    }

    /// The item of a batch, or why the server refuses to tell it.
    async fn item_of(
        &self,
        session: &Session,
        batch_id: &str,
    ) -> Result<Result<String, String>, Failure> {
        if let Some(known) = locked(&self.batches).get(batch_id) {
            return Ok(known.clone());
        }
        let question = GetBatchRequest {
            batch_id: batch_id.to_owned(),
        };
        let answer = told(session, question).await?;
        let item_id = answer.map(|it| it.batch.unwrap_or_default().item_id);
        locked(&self.batches).insert(batch_id.to_owned(), item_id.clone());
        Ok(item_id)
    }

    /// Whether each unit of an item has a serial number.
    async fn has_numbers(
        &self,
        session: &Session,
        item_id: &str,
    ) -> Result<Result<bool, String>, Failure> {
        if let Some(known) = locked(&self.items).get(item_id) {
            return Ok(known.clone());
        }
        let question = GetItemRequest {
            item_id: item_id.to_owned(),
        };
        let answer = told(session, question).await?;
        let has_numbers = answer.map(|it| {
            let item = it.item.unwrap_or_default();
            item.tracking() == Tracking::Serial
        });
        locked(&self.items).insert(item_id.to_owned(), has_numbers.clone());
        Ok(has_numbers)
    }

    /// Why an organisation is not there.
    async fn organisation(
        &self,
        session: &Session,
        organisation_id: &str,
    ) -> Result<Option<String>, Failure> {
        if let Some(known) = locked(&self.organisations).get(organisation_id) {
            return Ok(known.clone());
        }
        let question = GetOrganisationRequest {
            organisation_id: organisation_id.to_owned(),
        };
        let wrong = told(session, question).await?.err();
        locked(&self.organisations).insert(organisation_id.to_owned(), wrong.clone());
        Ok(wrong)
    }
}

fn locked<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the server answers, or why it refuses to.
pub(super) async fn told<R: Call>(
    session: &Session,
    question: R,
) -> Result<Result<R::Answer, String>, Failure> {
    answered(session, patiently(|| session.call(question.clone())).await?)
}

/// An answer, or why there is none. Fails where the server can't tell.
pub(super) fn answered<T>(
    session: &Session,
    answer: Result<T, Status>,
) -> Result<Result<T, String>, Failure> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(status) if is_about_the_row(&status) => Ok(Err(explain(&status))),
        Err(status) => Err(session.unanswered(status)),
    }
}

/// Why the server would refuse a movement; nothing where it would not.
async fn check(
    session: &Session,
    movement: &Movement,
    (command_id, times): (Uuid, Times),
    contents: &Contents,
    (known, clocks): (&Known, &Clocks),
) -> Result<Vec<Wrong>, Failure> {
    let place = (movement.line, movement.number);
    let here = |rule: Option<String>| rule.into_iter().map(|rule| (place, rule)).collect();
    match &movement.command {
        Command::Send(request) => {
            let goods = &movement.goods;
            return known.wrong_goods(session, request, goods, contents).await;
        }
        // What leaves can be received; what has left already is asked about as it is requested.
        Command::Arrive(_) => return Ok(Vec::new()),
        _ => {}
    }
    if let [goods] = movement.taken()
        && contents.batches.contains_key(&goods.batch_id)
    {
        let (facility_id, owner_id) = (&movement.facility_id, &goods.owner_id);
        return Ok(here(
            check_places(session, facility_id, owner_id, known).await?,
        ));
    }
    let wrong = known.wrong_batch(session, movement).await?;
    if !wrong.is_empty() {
        return Ok(wrong);
    }
    let refusal = match movement.validate(session, times.0).await? {
        Ok(_) => return Ok(Vec::new()),
        Err(status) if is_about_the_row(&status) => status,
        Err(status) => return Err(session.unanswered(status)),
    };
    if let Some(transfer) = &movement.transfer {
        return repetition::of_transfer(session, transfer, clocks, refusal).await;
    }
    // What was entered before may not be possible twice.
    if repetition::is_recorded(session, command_id).await? {
        return Ok(Vec::new());
    }
    let rule = repetition::of_refused(session, movement, &refusal, times).await?;
    Ok(here(Some(rule)))
}

/// Of a batch that the file itself brings about, the server can only tell the rest.
async fn check_places(
    session: &Session,
    facility_id: &str,
    owner_id: &str,
    known: &Known,
) -> Result<Option<String>, Failure> {
    let facility = GetFacilityRequest {
        facility_id: facility_id.to_owned(),
    };
    match told(session, facility).await? {
        Err(rule) => Ok(Some(rule)),
        Ok(_) if owner_id.is_empty() => Ok(None),
        Ok(_) => known.organisation(session, owner_id).await,
    }
}
