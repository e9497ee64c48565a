//! Commands that have no answer yet: what waits, and sending it again.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    cells,
    client::{failure::Failure, rpc, session::Session, value},
    outbox::{Kept, OutboxError, Waiting},
    render::record::{Cell, Record},
};

/// Pauses between two tries where the line stays away.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// List the commands that wait, in the order in which they were given
    #[command(after_help = "\
Examples:
  keruen outbox list
  keruen outbox list --format json

Every command is written into the outbox before it is sent, and leaves it with its \
answer. So what waits was given while the line was away, or its answer was lost; JSON \
shows the whole requests.")]
    List,
    /// Send the commands that wait, in order
    #[command(after_help = "\
Examples:
  keruen outbox send
  keruen outbox send --keep-trying 30m
  keruen outbox send 0190a7b2-0000-7000-8000-000000000001
  keruen outbox send --redirect --server http://10.0.0.5:7460

Sending is safe as often as you like: what was recorded already has no second effect \
and is answered as it was then. Where a command is refused, nothing was recorded of it; \
it stays with the reason and is not sent again by itself: send it by its id, or drop \
it, and give another one. Where the line is away, the rest stays in its order (exit \
status 75). What a command tells happened when the command was given (kept_at), unless it says \
otherwise with --occurred-at; only what is allocated counts from when it is recorded.")]
    Send(Send),
    /// Drop commands that shall not be sent any more
    #[command(after_help = "\
Examples:
  keruen outbox drop 0190a7b2-0000-7000-8000-000000000001
  keruen outbox drop --refused
  keruen outbox drop --all

A command whose answer was lost may have been recorded all the same; `keruen command \
get` tells.")]
    Drop(Drop),
}

/// What is sent.
#[derive(Args, Debug)]
pub struct Send {
    /// Only these, also if they were refused. Default: all that were not
    #[arg(value_name = "UUID", value_parser = value::command_id)]
    command_ids: Vec<Uuid>,
    /// Go on for so long where the line is away, for example 30m
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    keep_trying: Option<Duration>,
    /// Also send to --server what was meant for other addresses
    #[arg(long)]
    redirect: bool,
}

/// What is dropped.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Drop {
    /// These
    #[arg(value_name = "UUID", value_parser = value::command_id)]
    command_ids: Vec<Uuid>,
    /// Those that were refused
    #[arg(long)]
    refused: bool,
    /// All of them
    #[arg(long)]
    all: bool,
}

/// A command that waits, as it is listed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(flatten)]
    waiting: Waiting,
    verb: &'static str,
}

impl Record for Row {
    const COLUMNS: &'static [&'static str] = &[
        "command_id",
        "kept_at",
        "verb",
        "actor",
        "server",
        "refused_because",
    ];

    fn cells(&self) -> Vec<Cell> {
        let it = &self.waiting;
        cells![
            it.command_id.to_string(),
            &it.kept_at,
            self.verb,
            &it.actor,
            &it.server,
            it.refusal.as_deref().map_or_else(String::new, in_one_line)
        ]
    }
}

/// A refusal as a cell has it: it may have been told in several lines.
fn in_one_line(refusal: &str) -> String {
    let lines = refusal.lines().map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

/// The verb that gives such a command.
fn verb(kept: &Kept) -> &'static str {
    rpc::repeatable(&kept.waiting.request_type).map_or("", |it| it.verb)
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::List => list(session),
            Self::Send(args) => args.run(session).await,
            Self::Drop(args) => args.run(session),
        }
    }
}

fn list(session: &Session) -> Result<(), Failure> {
    let (kept, damaged) = read(session)?;
    let rows: Vec<Row> = kept
        .into_iter()
        .map(|kept| Row {
            verb: verb(&kept),
            waiting: kept.waiting,
        })
        .collect();
    session.output().listed(&rows)?;
    damaged_are_told(&damaged)
}

/// The commands that wait, and what is no command.
fn read(session: &Session) -> Result<(Vec<Kept>, Vec<OutboxError>), Failure> {
    let mut kept = Vec::new();
    let mut damaged = Vec::new();
    for waiting in session.outbox()?.waiting().map_err(failed)? {
        match waiting {
            Ok(waiting) => kept.push(waiting),
            Err(error) => damaged.push(error),
        }
    }
    Ok((kept, damaged))
}

fn failed(error: OutboxError) -> Failure {
    Failure::Other(error.into())
}

fn damaged_are_told(damaged: &[OutboxError]) -> Result<(), Failure> {
    if damaged.is_empty() {
        return Ok(());
    }
    Err(Failure::File {
        errors: damaged.iter().map(ToString::to_string).collect(),
        summary: "everything else in the outbox was looked at".to_owned(),
    })
}

/// All commands of these ids, or which of them is not there.
fn named(kept: Vec<Kept>, command_ids: &[Uuid]) -> Result<Vec<Kept>, Failure> {
    for id in command_ids {
        if !kept.iter().any(|kept| kept.waiting.command_id == *id) {
            return Err(Failure::Usage(format!(
                "command {id} does not wait in the outbox; `keruen outbox list` lists what does, and `keruen command get` \
                 tells what became of it"
            )));
        }
    }
    let is_named = |kept: &Kept| command_ids.contains(&kept.waiting.command_id);
    Ok(kept.into_iter().filter(is_named).collect())
}

impl Send {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let _lock = session.outbox()?.lock().map_err(failed)?;
        let (kept, damaged) = read(session)?;
        let chosen = if self.command_ids.is_empty() {
            let is_due = |kept: &Kept| kept.waiting.refusal.is_none();
            kept.into_iter().filter(is_due).collect()
        } else {
            named(kept, &self.command_ids)?
        };
        let is_here = |kept: &Kept| self.redirect || kept.waiting.server == session.server();
        let (here, elsewhere): (Vec<Kept>, Vec<Kept>) = chosen.into_iter().partition(is_here);
        for kept in &elsewhere {
            anstream::eprintln!(
                "command {} is for {}; send it with --server, or here with --redirect",
                kept.waiting.command_id,
                kept.waiting.server
            );
        }
        if here.is_empty() {
            anstream::eprintln!("nothing waits for {}", session.server());
        }
        let refused = self.send_all(session, here).await?;
        damaged_are_told(&damaged)?;
        match refused {
            0 => Ok(()),
            count => Err(Failure::File {
                errors: Vec::new(),
                summary: format!(
                    "{count} refused; they stay in the outbox until they are sent by their id or dropped"
                ),
            }),
        }
    }

    /// Sends the commands in their order, and answers how many of them were refused.
    async fn send_all(&self, session: &Session, here: Vec<Kept>) -> Result<usize, Failure> {
        let until = Instant::now() + self.keep_trying.unwrap_or_default();
        let mut refused = 0;
        let all = here.len();
        for (done, mut kept) in here.into_iter().enumerate() {
            let command_id = kept.waiting.command_id;
            match patiently(session, &kept, until).await {
                Ok(position) => {
                    kept.remove().map_err(failed)?;
                    let verb = verb(&kept);
                    session.output().line(&format!(
                        "{command_id}  {verb}: recorded at position {position}"
                    ))?;
                }
                Err(failure) if failure.is_answer() => {
                    anstream::eprintln!("{command_id}  {}: {failure}", verb(&kept));
                    kept.refuse(failure.to_string()).map_err(failed)?;
                    refused += 1;
                }
                Err(failure) => {
                    let waiting = all - done;
                    return Err(Failure::Kept {
                        failure: Box::new(failure),
                        command_id: command_id.to_string(),
                        waiting,
                    });
                }
            }
        }
        Ok(refused)
    }
}

/// Sends one command, again and again until `until` where there is no answer.
async fn patiently(session: &Session, kept: &Kept, until: Instant) -> Result<u64, Failure> {
    let waiting = &kept.waiting;
    let Some(kind) = rpc::repeatable(&waiting.request_type) else {
        return Err(Failure::Usage(format!(
            "this version knows no {}; send it with the version that kept it",
            waiting.request_type
        )));
    };
    let session = session.on_behalf_of(&waiting.actor);
    let mut pause = FIRST_PAUSE;
    loop {
        let session = session.after_waiting(waiting.waited());
        match (kind.send)(&session, waiting.request.clone()).await {
            Err(failure) if !failure.is_answer() && Instant::now() + pause < until => {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            answer => return answer,
        }
    }
}

impl Drop {
    fn run(self, session: &Session) -> Result<(), Failure> {
        let _lock = session.outbox()?.lock().map_err(failed)?;
        let (kept, damaged) = read(session)?;
        let chosen = if self.command_ids.is_empty() {
            let is_meant = |kept: &Kept| self.all || kept.waiting.refusal.is_some();
            kept.into_iter().filter(is_meant).collect()
        } else {
            named(kept, &self.command_ids)?
        };
        for kept in &chosen {
            kept.remove().map_err(failed)?;
        }
        anstream::eprintln!("{} dropped", chosen.len());
        damaged_are_told(&damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_several_lines_is_listed_in_one() {
        let told =
            in_one_line("no batch B-1; check it\n  reason UNKNOWN_BATCH\r\n\nbatch_id B-1\n");
        assert_eq!(
            told,
            "no batch B-1; check it; reason UNKNOWN_BATCH; batch_id B-1"
        );
    }
}
