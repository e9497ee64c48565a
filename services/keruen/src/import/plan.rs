//! What a file asks for, checked against the server and then carried out.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use tonic::{Code, Status};
use uuid::Uuid;

use super::{difference::difference, errors::Errors};
use crate::client::{
    failure::{Failure, explain},
    rpc::{Call, Change, Shows, Stamp},
    session::Session,
};

/// Commands under way at once.
const CONCURRENCY: usize = 8;
/// How often a busy server is asked again.
const MAX_ATTEMPTS: u32 = 6;
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Namespace of the command ids of imported rows; fixed for ever, so that a repeated import is recognised.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x0f3a_92c4_5d1e_4b7a_9c60_7e21_d8b4_a35f);

/// One thing to be entered.
#[derive(Clone, Debug)]
pub struct Entry<R> {
    /// Its code or id.
    pub key: String,
    /// Line of the file where it begins.
    pub line: u64,
    /// Number of its first row.
    pub number: usize,
    /// The command, without a command id.
    pub request: R,
    /// Other entries of the file that must be there before it.
    pub needs: BTreeSet<String>,
}

/// What a file asks for.
#[derive(Debug)]
pub struct Plan<R> {
    /// The file, for messages.
    pub place: String,
    /// What is entered: `facilities`.
    pub kind: &'static str,
    /// In order of the file.
    pub entries: Vec<Entry<R>>,
}

/// A command of an import.
pub trait Imported: Change<Answer: Shows + Send> + Serialize + Send + Sync {
    /// The question whether it is there already.
    type Question: Call<Answer: Shows + Serialize + Send> + Send;

    /// The question whether `key` is there already.
    fn question(key: &str) -> Self::Question;

    /// The thing as the command states it, as protobuf JSON.
    fn stated(&self) -> Result<Value, serde_json::Error>;

    /// What is there of the thing, as far as the command can state it.
    fn shown(&self, there: Value) -> Value {
        there
    }

    /// Leaves out what refers to other entries of the file, so that the rest can be checked before they are there.
    fn leave_out(&mut self, _others: &BTreeSet<String>) {}

    /// The member of an answer that shows the thing.
    const MEMBER: &'static str;
}

/// Command id of an entry: follows from its kind and content.
fn command_id<R: Imported>(kind: &str, request: &R) -> String {
    let mut content = kind.as_bytes().to_vec();
    content.push(0);
    content.extend(request.encode_to_vec());
    Uuid::new_v5(&NAMESPACE, &content).to_string()
}

/// What the server says of an entry.
enum Check {
    New,
    AlreadyThere,
    Wrong(String),
}

/// Set by Ctrl-C: nothing new is begun.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Lets nothing new begin.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Does the work; Ctrl-C lets it finish what it has begun.
    pub async fn watch<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return done,
            _ = tokio::signal::ctrl_c() => self.0.store(true, Ordering::Relaxed),
        }
        work.await
    }
}

/// Checks all entries against the server, then enters those that are new.
pub async fn carry_out<R: Imported>(
    session: &Session,
    plan: &Plan<R>,
    dry_run: bool,
) -> Result<(), Failure> {
    let waves = waves(plan)?;
    session.channel().await?;
    let stop = Stop::default();
    let new = stop.watch(check_all(session, plan, &stop)).await?;
    let there = plan.entries.len() - new.len();
    if dry_run {
        let (new, kind) = (new.len(), plan.kind);
        anstream::println!(
            "{kind}: {new} new, {there} already there; nothing was entered (dry run)"
        );
        return Ok(());
    }
    let waves: Vec<Vec<&Entry<R>>> = waves
        .into_iter()
        .map(|wave| {
            wave.into_iter()
                .filter(|entry| new.contains(&entry.key))
                .collect()
        })
        .collect();
    let entered = stop
        .watch(enter_all(session, plan, &waves, new.len(), &stop))
        .await?;
    anstream::println!("{}: {entered} new, {there} already there", plan.kind);
    session.tell_head().await
}

/// A bar of what is done, on a terminal.
pub fn progress(action: &'static str, total: usize) -> ProgressBar {
    // Draws on standard error, and only on a terminal.
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{msg:>10} {bar:40} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar.set_message(action);
    bar
}

/// The keys that are new. Fails with everything that the server would refuse.
async fn check_all<R: Imported>(
    session: &Session,
    plan: &Plan<R>,
    stop: &Stop,
) -> Result<BTreeSet<String>, Failure> {
    let keys: BTreeSet<String> = plan.entries.iter().map(|entry| entry.key.clone()).collect();
    let bar = progress("checking", plan.entries.len());
    let mut errors = Errors::new(&plan.place);
    let mut new = BTreeSet::new();
    let mut checks = stream::iter(plan.entries.iter().take_while(|_| !stop.is_set()))
        .map(|entry| {
            let keys = &keys;
            async move { (entry, check(session, entry, keys).await) }
        })
        .buffered(CONCURRENCY);
    while let Some((entry, check)) = checks.next().await {
        bar.inc(1);
        match check? {
            Check::New => {
                new.insert(entry.key.clone());
            }
            Check::AlreadyThere => {}
            Check::Wrong(rule) => {
                errors.note(
                    entry.line,
                    entry.number,
                    None,
                    &format!("{}: {rule}", entry.key),
                );
            }
        }
    }
    bar.finish_and_clear();
    if stop.is_set() {
        return Err(Failure::Interrupted(
            "interrupted; nothing was entered".to_owned(),
        ));
    }
    errors.check()?;
    Ok(new)
}

async fn check<R: Imported>(
    session: &Session,
    entry: &Entry<R>,
    others: &BTreeSet<String>,
) -> Result<Check, Failure> {
    let answer = patiently(|| session.call(R::question(&entry.key))).await?;
    match answer {
        Ok(answer) => {
            let mut there =
                serde_json::to_value(&answer).map_err(|error| Failure::Other(error.into()))?;
            let there = entry.request.shown(there[R::MEMBER].take());
            let stated = entry
                .request
                .stated()
                .map_err(|error| Failure::Other(error.into()))?;
            return Ok(match difference(stated, &there) {
                None => Check::AlreadyThere,
                Some(difference) => {
                    Check::Wrong(format!("is there already, but differs: {difference}"))
                }
            });
        }
        Err(status) if status.code() == Code::NotFound => {}
        // An id that breaks a rule is told with all other rules below.
        Err(status) if status.code() == Code::InvalidArgument => {}
        Err(status) => return Err(session.unanswered(status)),
    }
    let mut request = entry.request.clone();
    request.leave_out(others);
    // An id of its own: this is another command than the one that enters it.
    let stamp = Stamp {
        command_id: Uuid::now_v7().to_string(),
        validate_only: true,
        ..Stamp::default()
    };
    request.stamp(stamp);
    match patiently(|| session.call(request.clone())).await? {
        Ok(_) => Ok(Check::New),
        Err(status) if is_about_the_row(&status) => Ok(Check::Wrong(explain(&status))),
        Err(status) => Err(session.unanswered(status)),
    }
}

/// Whether a refusal is about what a row says, and not about the server.
pub fn is_about_the_row(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::AlreadyExists
            | Code::OutOfRange
    )
}

/// Asks again, a few times, while the server is too busy to begin.
pub async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<Result<T, Status>, Failure>
where
    F: Future<Output = Result<Result<T, Status>, Failure>>,
{
    let mut attempt = 1;
    loop {
        let answer = ask().await?;
        let busy = matches!(&answer, Err(status) if matches!(status.code(), Code::ResourceExhausted | Code::Aborted));
        if !busy || attempt == MAX_ATTEMPTS {
            return Ok(answer);
        }
        tokio::time::sleep(RETRY_DELAY * 2_u32.pow(attempt)).await;
        attempt += 1;
    }
}

/// Enters everything, in order of the waves. Answers with how many were entered.
async fn enter_all<R: Imported>(
    session: &Session,
    plan: &Plan<R>,
    waves: &[Vec<&Entry<R>>],
    total: usize,
    stop: &Stop,
) -> Result<usize, Failure> {
    let bar = progress("entering", total);
    let mut entered = 0;
    for wave in waves {
        let mut commands = stream::iter(wave.iter().take_while(|_| !stop.is_set()))
            .map(|entry| async move {
                let mut request = entry.request.clone();
                let command_id = command_id(plan.kind, &request);
                request.stamp(Stamp {
                    command_id,
                    ..Stamp::default()
                });
                (entry, patiently(|| session.call(request.clone())).await)
            })
            .buffer_unordered(CONCURRENCY);
        let mut failure = None;
        // What has been sent is waited for, so that the count is right.
        while let Some((entry, answer)) = commands.next().await {
            match answer {
                Ok(Ok(_)) => {
                    entered += 1;
                    bar.inc(1);
                }
                Ok(Err(status)) => {
                    stop.0.store(true, Ordering::Relaxed);
                    failure.get_or_insert_with(|| refused(session, plan, entry, status));
                }
                Err(error) => {
                    stop.0.store(true, Ordering::Relaxed);
                    failure.get_or_insert(error);
                }
            }
        }
        let left = total - entered;
        if failure.is_some() || (stop.is_set() && left > 0) {
            bar.abandon();
            let done = format!("{}: {entered} new", plan.kind);
            return Err(broken_off(failure, &done, left));
        }
    }
    bar.finish_and_clear();
    Ok(entered)
}

/// What became of an entry that had been found right.
fn refused<R>(session: &Session, plan: &Plan<R>, entry: &Entry<R>, status: Status) -> Failure {
    if is_about_the_row(&status) {
        let error = format!(
            "{}:{}: {}: {}",
            plan.place,
            entry.line,
            entry.key,
            explain(&status)
        );
        return Failure::File {
            errors: vec![error],
            summary: String::new(),
        };
    }
    session.unanswered(status)
}

/// How an import that didn't get through is told; repeating it goes on.
pub fn broken_off(failure: Option<Failure>, done: &str, left: usize) -> Failure {
    let advice = format!(
        "{done}, {left} not confirmed; run the same command again to go on, nothing is entered twice"
    );
    match failure {
        None => Failure::Interrupted(format!("interrupted; {advice}")),
        Some(Failure::File { errors, .. }) => Failure::File {
            errors,
            summary: advice,
        },
        Some(other) => {
            anstream::eprintln!("{advice}");
            other
        }
    }
}

/// The entries in waves: each needs only those of waves before it.
fn waves<R>(plan: &Plan<R>) -> Result<Vec<Vec<&Entry<R>>>, Failure> {
    let mut waiting: Vec<&Entry<R>> = plan.entries.iter().collect();
    let mut missing: BTreeSet<&str> = plan
        .entries
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    let mut waves = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |entry: &&Entry<R>| {
            entry
                .needs
                .iter()
                .all(|key| !missing.contains(key.as_str()))
        };
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_ready);
        if ready.is_empty() {
            let mut errors = Errors::new(&plan.place);
            for entry in rest {
                let needs: Vec<&str> = entry.needs.iter().map(String::as_str).collect();
                let rule = format!(
                    "{} needs {}, which in the end need it",
                    entry.key,
                    needs.join(", ")
                );
                errors.note(entry.line, entry.number, None, &rule);
            }
            errors.check()?;
            return Ok(waves);
        }
        for entry in &ready {
            missing.remove(entry.key.as_str());
        }
        waves.push(ready);
        waiting = rest;
    }
    Ok(waves)
}

/// Notes keys that stand in the file twice; `what` names the key.
pub fn note_duplicates<'a>(
    errors: &mut Errors,
    what: &str,
    keys: impl IntoIterator<Item = (String, &'a super::sheet::Row)>,
) {
    let mut first: BTreeMap<String, u64> = BTreeMap::new();
    for (key, row) in keys.into_iter().filter(|(key, _)| !key.is_empty()) {
        match first.get(&key) {
            Some(line) => errors.row(row, &format!("{what} {key} stands in line {line} already")),
            None => {
                first.insert(key, row.line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(entries: &[(&str, &[&str])]) -> Plan<()> {
        let entry = |(key, needs): &(&str, &[&str])| Entry {
            key: (*key).to_owned(),
            line: 2,
            number: 1,
            request: (),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        };
        Plan {
            place: "f.csv".to_owned(),
            kind: "items",
            entries: entries.iter().map(entry).collect(),
        }
    }

    #[test]
    fn what_is_needed_comes_first() {
        let plan = plan(&[
            ("A", &["B", "C"]),
            ("B", &["C"]),
            ("C", &["ELSEWHERE"]),
            ("D", &[]),
        ]);
        let waves = waves(&plan).unwrap();
        let keys: Vec<Vec<&str>> = waves
            .iter()
            .map(|wave| wave.iter().map(|entry| entry.key.as_str()).collect())
            .collect();
        assert_eq!(keys, [vec!["C", "D"], vec!["B"], vec!["A"]]);
    }

    #[test]
    fn a_ring_is_told() {
        let plan = plan(&[("A", &["B"]), ("B", &["A"]), ("C", &[])]);
        let Err(Failure::File { errors, .. }) = waves(&plan) else {
            panic!("a ring has no order")
        };
        assert_eq!(errors.len(), 2);
    }
}
