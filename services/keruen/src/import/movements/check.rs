//! Checks of a whole file: of its form, and of what only the server knows.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::{StreamExt as _, stream};
use keruen_proto::{
    events::v1::GetCommandRequest,
    inventory::v1::GetBatchRequest,
    registry::v1::{GetFacilityRequest, GetOrganisationRequest},
};
use tonic::Status;
use uuid::Uuid;

use super::{
    command::{Command, Ids, Movement},
    row::{MAX_LINES, Movements},
};
use crate::{
    client::{
        failure::{Failure, explain},
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

const CONCURRENCY: usize = 8;

/// What a file brings about.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) rows: usize,
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
pub(super) fn look_through(source: &Source) -> Result<Contents, Failure> {
    let mut errors = Errors::new(&source.place);
    let mut movements = Movements::of(source)?;
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

/// Asks the server about each row that says something new. Fails with everything that it would refuse.
pub(super) async fn check_all(
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
            bar.inc(movement.rows as u64);
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
        Ok(_) => Ok(None),
        Err(status) if is_about_the_row(&status) => {
            // What was entered before may not be possible twice.
            let command_id = command_id.to_string();
            let there = patiently(|| {
                session.call(GetCommandRequest {
                    command_id: command_id.clone(),
                })
            });
            unless_there(session, there.await?, &status)
        }
        Err(status) => Err(session.unanswered(status)),
    }
}

/// What is wrong with a movement that was refused: nothing where its command is there already. Fails where the server can't
/// tell whether it is.
pub(super) fn unless_there<T>(
    session: &Session,
    there: Result<T, Status>,
    refusal: &Status,
) -> Result<Option<String>, Failure> {
    match there {
        Ok(_) => Ok(None),
        Err(status) if is_about_the_row(&status) => Ok(Some(explain(refusal))),
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
