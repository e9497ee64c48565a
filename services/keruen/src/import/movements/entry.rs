//! Entering a file that was found right.

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::join_all;
use keruen_proto::events::v1::GetLogHeadRequest;
use tokio::sync::mpsc;
use tonic::Status;

use super::{
    command::{Ids, Movement},
    row::Movements,
};
use crate::{
    client::{
        failure::{Failure, explain},
        session::Session,
    },
    import::{
        errors::Errors,
        plan::{Stop, broken_off, is_about_the_row, patiently, progress},
        stream::Source,
    },
};

/// Rows of one item follow each other; so many items go on at once.
const LANES: usize = 16;

/// Rows that wait for their turn, of each lane.
const WAITING: usize = 32;

/// How many rows were entered.
#[derive(Default)]
pub(super) struct Entered {
    new: AtomicUsize,
    known: AtomicUsize,
}

impl Entered {
    /// Counts a movement that was recorded at a position, where the log went up to another one before.
    fn count(&self, movement: &Movement, position: u64, before: u64) {
        let rows = if position > before {
            &self.new
        } else {
            &self.known
        };
        rows.fetch_add(movement.rows, Ordering::Relaxed);
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

/// Enters everything, the rows of each item one after the other.
pub(super) async fn enter_all(
    session: &Session,
    source: &Source,
    total: usize,
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
                    Ok(Ok(position)) => {
                        entered.count(&movement, position, before);
                        bar.inc(movement.rows as u64);
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
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failure.is_some() || entered.rows() < total {
        bar.abandon();
        let left = total.saturating_sub(entered.rows());
        return Err(broken_off(failure, &entered.to_string(), left));
    }
    bar.finish_and_clear();
    Ok(entered)
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
