//! Entering a file that was found right.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use keruen_proto::events::v1::GetLogHeadRequest;
use tokio::sync::Semaphore;
use tonic::Status;
use uuid::Uuid;

use super::{
    clocks::Clocks,
    command::{Ids, Movement},
    repetition,
    row::Movements,
    turns::{Turn, Turns},
};
use crate::{
    client::{
        failure::{Failure, explain},
        session::{Session, reason},
    },
    import::{
        errors::Errors,
        plan::{Stop, broken_off, is_about_the_row, patiently, progress},
        stream::Source,
    },
};

/// Commands that are under way at once. The log writes with one sync what comes meanwhile.
const UNDER_WAY: usize = 64;

/// Movements that are looked ahead at, so that those which wait for others hold up nobody else.
const AHEAD: usize = 512;

/// Why a command is refused whose id was used with something else.
const ID_REUSED: &str = "COMMAND_ID_REUSED";

/// How many rows were entered.
#[derive(Default)]
pub(super) struct Entered {
    new: AtomicUsize,
    known: AtomicUsize,
    /// Whether the last one was there already, so that the next one may be as well.
    is_repeated: AtomicBool,
}

impl Entered {
    /// Counts a movement that was recorded at a position, where the log went up to another one before.
    fn count(&self, movement: &Movement, position: u64, before: u64) {
        if position <= before {
            return self.count_known(movement);
        }
        self.new.fetch_add(movement.rows, Ordering::Relaxed);
        self.is_repeated.store(false, Ordering::Relaxed);
    }

    /// Counts a movement that was there, whoever has entered it.
    fn count_known(&self, movement: &Movement) {
        self.known.fetch_add(movement.rows, Ordering::Relaxed);
        self.is_repeated.store(true, Ordering::Relaxed);
    }

    fn rows(&self) -> usize {
        self.new.load(Ordering::Relaxed) + self.known.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (new, known) = (
            self.new.load(Ordering::Relaxed),
            self.known.load(Ordering::Relaxed),
        );
        write!(f, "movements: {new} new, {known} already there")
    }
}

/// Where the log ends: what is recorded before that was there already.
async fn head(session: &Session) -> Result<u64, Failure> {
    match patiently(|| session.call(GetLogHeadRequest::default())).await? {
        Ok(answer) => Ok(answer.position),
        Err(status) => Err(session.unanswered(status)),
    }
}

/// Enters everything, what has to do with the same stock, batch or shipment one after the other.
pub(super) async fn enter_all(
    session: &Session,
    source: &Source,
    total: usize,
    clocks: &Clocks,
    stop: &Stop,
) -> Result<Entered, Failure> {
    let before = head(session).await?;
    let bar = progress("entering", total);
    let entered = Entered::default();
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let fail = |error: Failure| {
        stop.set();
        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
    };
    let line = Semaphore::new(UNDER_WAY);
    let enter = |movement: Movement, command_id: Uuid, mut turn: Turn| {
        let (bar, entered, fail, line) = (&bar, &entered, &fail, &line);
        async move {
            turn.wait().await;
            // The semaphore is never closed.
            let _place = line.acquire().await;
            // What waits is taken, so that nobody waits for it, and left out.
            if stop.is_set() {
                return;
            }
            // To ask costs the server far less than to answer a command once more as it did at first.
            if entered.is_repeated.load(Ordering::Relaxed) {
                match is_there(session, source, (&movement, command_id), clocks).await {
                    Ok(true) => {
                        entered.count_known(&movement);
                        return bar.inc(movement.rows as u64);
                    }
                    Ok(false) => {}
                    Err(error) => return fail(error),
                }
            }
            let entering = async {
                let time = clocks.time(session, &movement).await?;
                movement.enter(session, command_id, time).await
            };
            match entering.await {
                Ok(Ok(position)) => {
                    entered.count(&movement, position, before);
                    bar.inc(movement.rows as u64);
                }
                Ok(Err(status)) if reason(&status).is_some_and(|it| it.reason == ID_REUSED) => {
                    match is_there(session, source, (&movement, command_id), clocks).await {
                        Ok(_) => {
                            entered.count_known(&movement);
                            bar.inc(movement.rows as u64);
                        }
                        Err(error) => fail(error),
                    }
                }
                Ok(Err(status)) => fail(refused(session, source, &movement, status)),
                Err(error) => fail(error),
            }
        }
    };
    let mut under_way = FuturesUnordered::new();
    let mut errors = Errors::new(&source.place);
    let (mut ids, mut turns) = (Ids::default(), Turns::new());
    let mut movements = Movements::of(source)?;
    while !stop.is_set() {
        let movement = match movements.next(&mut errors) {
            Ok(Some(movement)) => movement,
            Ok(None) => break,
            Err(error) => {
                fail(error);
                break;
            }
        };
        let command_id = ids.next(&movement);
        let turn = turns.next(&movement.subjects());
        under_way.push(enter(movement, command_id, turn));
        if under_way.len() >= AHEAD {
            under_way.next().await;
        }
    }
    while under_way.next().await.is_some() {}
    drop(under_way);
    if let Err(error) = errors.check() {
        fail(error);
    }
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failure.is_some() || entered.rows() < total {
        bar.abandon();
        let left = total.saturating_sub(entered.rows());
        return Err(broken_off(failure, &entered.to_string(), left));
    }
    bar.finish_and_clear();
    Ok(entered)
}

/// Whether a movement was entered before. Fails where that was meanwhile, and its row says something else under the same id.
/// Without an id of its own it can't: that is made of all that it says, and only who says so may be another one.
async fn is_there(
    session: &Session,
    source: &Source,
    (movement, command_id): (&Movement, Uuid),
    clocks: &Clocks,
) -> Result<bool, Failure> {
    if movement.row_id.is_empty() {
        return repetition::is_recorded(session, command_id).await;
    }
    let times = (
        clocks.time(session, movement).await?,
        movement.occurred_at(),
    );
    let there = repetition::of_named(session, movement, (command_id, None), times).await?;
    let mut errors = Errors::new(&source.place);
    for ((line, number), rule) in there.iter().flatten() {
        errors.note(*line, *number, None, rule);
    }
    errors.check()?;
    Ok(there.is_some())
}

/// What became of a movement that had been found right.
fn refused(session: &Session, source: &Source, movement: &Movement, status: Status) -> Failure {
    if is_about_the_row(&status) {
        let (place, line) = (&source.place, movement.line);
        return Failure::File {
            errors: vec![format!(
                "{place}:{line}: {}; mend this row first",
                explain(&status)
            )],
            summary: String::new(),
        };
    }
    session.unanswered(status)
}
