//! Verifying a whole log.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use keruen_log::{
    PostgresLog, SqliteLog,
    checkpoint::{Checkpoint, VerifierKey},
    tree::proof::check_consistency,
    verify::{Finding, Part, Replay, Verified, VerifyError},
};
use keruen_proto::{
    cloudevent,
    events::v1::{
        GetCheckpointRequest, GetConsistencyProofRequest, GetLogHeadRequest, ListEventsRequest,
    },
};
use serde_json::{Value, json};

use super::{checkpoint::hashes, hex, key, reading};
use crate::{
    cells,
    cli::Format,
    client::{failure::Failure, session::Session},
    render::record::grouped,
    serve::Store,
};

const PAGE_EVENTS: i32 = 1_000;

/// Which log, and what it must agree with.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen log verify --key keruen.vkey
  keruen log verify --key keruen.vkey --since monday.checkpoint
  keruen log verify --data keruen-data
  keruen log verify --database-url postgres://auditor@db/keruen

Asked of a node, it reads every event, computes leaves and root anew and compares them with the signed checkpoint. With --data \
or --database-url it reads the store itself, also beside a running node, and without changing anything: every column of every \
event, times, appends, the stored tree, the head, and what finds events by tag, type and command id. It tells the first \
position where something is wrong: of events and tree, of the head, of the index, and against checkpoints. Memory stays the same \
however large the log is.

Exit status:
  0   the log is as it was recorded
  1   something is wrong, and where
  2   the command line, a key or a checkpoint file is wrong
  69  no node answers
  74  the store can't be read to its end: nothing is said about it
  75  the node answers too slowly; try again
A damaged index is mended by `keruen log reindex`; damaged events by a backup.

With --since it also checks that history up to that checkpoint is what it was when it was signed. Whoever can write to the store \
can write a whole new history; only a checkpoint kept elsewhere shows that.")]
pub struct Args {
    /// A checkpoint that was saved earlier; repeatable
    #[arg(long, value_name = "FILE")]
    since: Vec<PathBuf>,
    /// The verifier key, or the file that holds it. Default: the node's own word
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    store: reading::StoreArgs,
}

/// What was verified, where, and against what.
struct Outcome {
    verified: Verified,
    /// What was compared beside the events.
    compared: Vec<(&'static str, String)>,
}

impl Args {
    /// Verifies, and prints what was verified or what is wrong.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let stated = key::stated(self.key.as_deref())?;
        let progress = reading::progress();
        let result = match self.store.store()? {
            Some(store) => self.store_itself(&store, stated.as_ref(), &progress).await,
            None => {
                self.over_the_node(session, stated.as_ref(), &progress)
                    .await
            }
        };
        progress.finish_and_clear();
        match result {
            Ok(outcome) => print(session, &outcome),
            Err(Stop::Wrong(findings)) => {
                if session.format() == Format::Json {
                    session.output().json(&wrong(&findings))?;
                }
                let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
                Err(anyhow!("the log is wrong at {}", texts.join("\nand at ")).into())
            }
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }

    async fn store_itself(
        &self,
        store: &Store,
        stated: Option<&VerifierKey>,
        bar: &ProgressBar,
    ) -> Result<Outcome, Stop> {
        let mut checkpoints = Vec::new();
        for path in &self.since {
            checkpoints.push(key::saved(path, stated)?);
        }
        if stated.is_none() && !self.since.is_empty() {
            anstream::eprintln!(
                "no --key was given: the signatures of the checkpoints were not checked"
            );
        }
        let mut stage = None;
        let mut progress = |reached| reading::show(bar, &mut stage, reached);
        let verified = match store {
            Store::Sqlite(path) => SqliteLog::verify(path, &checkpoints, &mut progress).await,
            Store::Postgres { url, .. } => {
                PostgresLog::verify(url, &checkpoints, &mut progress).await
            }
        };
        let verified = verified.map_err(|error| match error {
            VerifyError::Wrong(findings) => Stop::Wrong(findings),
            unreadable @ VerifyError::Unreadable(_) => {
                Stop::Failed(Failure::Unreadable(unreadable.to_string()))
            }
        })?;
        let compared = vec![
            ("tiles", grouped_u64(verified.tiles)),
            (
                "index",
                format!("{} entries", grouped_u64(verified.index_entries)),
            ),
        ];
        Ok(Outcome { verified, compared })
    }

    async fn over_the_node(
        &self,
        session: &Session,
        stated: Option<&VerifierKey>,
        bar: &ProgressBar,
    ) -> Result<Outcome, Stop> {
        // Before anything is asked, so that a wrong file is told at once.
        for path in &self.since {
            key::saved(path, stated)?;
        }
        let answer = session.ask(GetCheckpointRequest::default()).await?;
        let (signed, key) = key::opened(&answer, stated)?;
        let mut checkpoints = Vec::new();
        for path in &self.since {
            let older = key::saved(path, Some(&key))?;
            goes_on_from(session, &older, &signed).await?;
            checkpoints.push(older);
        }
        checkpoints.push(signed.clone());
        let verified = replay(session, &checkpoints, bar).await?;
        let compared = vec![("checkpoint", format!("signed by {}", signed.origin))];
        Ok(Outcome { verified, compared })
    }
}

/// What is wrong, for programs: the first finding by itself, and all of them.
fn wrong(findings: &[Finding]) -> Value {
    let one = |finding: &Finding| {
        json!({
            "position": finding.position,
            "part": finding.part.name(),
            "found": finding.found,
        })
    };
    let mut document = findings.first().map_or_else(|| json!({}), one);
    document["valid"] = json!(false);
    document["findings"] = findings.iter().map(one).collect();
    document
}

/// Why it ends early.
enum Stop {
    /// The first finding of each part.
    Wrong(Vec<Finding>),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Self::Wrong(vec![finding])
    }
}

/// The quick check before everything is read: the node proves that an older checkpoint is the beginning of the newest.
async fn goes_on_from(
    session: &Session,
    older: &Checkpoint,
    newest: &Checkpoint,
) -> Result<(), Stop> {
    if older.size > newest.size {
        return Err(wrong_checkpoint(
            newest.size + 1,
            format!(
                "a checkpoint of {} events was signed, and the log has {}: it was cut short, or put back from an older copy",
                older.size, newest.size
            ),
        ));
    }
    let proof = if older.size == 0 {
        Vec::new()
    } else {
        let question = GetConsistencyProofRequest {
            first_size: older.size,
            second_size: newest.size,
        };
        hashes(&session.ask(question).await?.hashes)?
    };
    check_consistency(
        (older.size, &older.root_hash),
        (newest.size, &newest.root_hash),
        &proof,
    )
    .map_err(|error| {
        wrong_checkpoint(
            older.size,
            format!(
                "history up to here was rewritten after it was signed: the node can't prove that the checkpoint of {} events \
                 is the beginning of the one of {} ({error})",
                older.size, newest.size
            ),
        )
    })
}

fn wrong_checkpoint(position: u64, found: String) -> Stop {
    Stop::from(Finding {
        part: Part::Checkpoint,
        position,
        found,
    })
}

/// Reads all events up to the newest of the checkpoints, and computes their roots.
async fn replay(
    session: &Session,
    checkpoints: &[Checkpoint],
    bar: &ProgressBar,
) -> Result<Verified, Stop> {
    let head = session.ask(GetLogHeadRequest {}).await?;
    let log_id = head
        .log_id
        .try_into()
        .map_err(|_| Failure::from(anyhow!("the node's log id has not 16 bytes")))?;
    let size = checkpoints
        .iter()
        .map(|known| known.size)
        .max()
        .unwrap_or(0);
    bar.set_length(size);
    let mut replay = Replay::new(log_id);
    agree(&replay, checkpoints)?;
    while replay.position() < size {
        let after_position = replay.position();
        let page = session
            .ask(ListEventsRequest {
                query: None,
                after_position,
                page_size: PAGE_EVENTS,
            })
            .await?;
        for event in page
            .events
            .iter()
            .take_while(|event| event.position <= size)
        {
            replay.take_in(event, None)?;
            agree(&replay, checkpoints)?;
        }
        if replay.position() == after_position {
            return Err(Stop::from(Finding {
                part: Part::Event,
                position: after_position + 1,
                found: format!("the node does not show the event, and its checkpoint is of {size}"),
            }));
        }
        bar.set_position(replay.position());
    }
    replay.finish()?;
    Ok(Verified {
        log_id,
        events: replay.position(),
        appends: replay.appends(),
        root_hash: replay.root(),
        tiles: 0,
        index_entries: 0,
        checkpoints: checkpoints.len(),
        recorded_at_us: replay.recorded_at_us(),
        types: replay.types().clone(),
    })
}

fn agree(replay: &Replay, checkpoints: &[Checkpoint]) -> Result<(), Stop> {
    let size = replay.position();
    for checkpoint in checkpoints.iter().filter(|known| known.size == size) {
        let root = replay.root();
        if checkpoint.root_hash != root {
            return Err(wrong_checkpoint(
                size,
                format!(
                    "the checkpoint of {size} events has the root {}, and the events give {}: an event up to here was changed \
                     together with its leaf hash; `keruen log verify` on the store itself finds which",
                    hex(&checkpoint.root_hash),
                    hex(&root)
                ),
            ));
        }
    }
    Ok(())
}

fn print(session: &Session, outcome: &Outcome) -> Result<(), Failure> {
    let Outcome { verified, compared } = outcome;
    let (log_id, root_hash) = (hex(&verified.log_id), hex(&verified.root_hash));
    let times = verified
        .recorded_at_us
        .map(|(first, newest)| (cloudevent::utc_time(first), cloudevent::utc_time(newest)));
    let mut output = session.output();
    match output.format() {
        Format::Json => output.json(&json!({
            "valid": true,
            "log_id": log_id,
            "events": verified.events,
            "appends": verified.appends,
            "root_hash": root_hash,
            "tiles": verified.tiles,
            "index_entries": verified.index_entries,
            "checkpoints": verified.checkpoints,
            "first_recorded_at": times.as_ref().map(|times| &times.0),
            "last_recorded_at": times.as_ref().map(|times| &times.1),
        }))?,
        Format::Csv => output.csv(
            &["log_id", "events", "appends", "root_hash", "checkpoints"],
            [cells![
                log_id,
                verified.events.to_string(),
                verified.appends.to_string(),
                root_hash,
                verified.checkpoints.to_string()
            ]],
        )?,
        Format::Table => {
            output.line("The log is as it was recorded.")?;
            let mut lines = vec![
                ("log id", log_id),
                ("events", grouped_u64(verified.events)),
                (
                    "command ids",
                    format!("{}, each used once", grouped_u64(verified.appends)),
                ),
                ("root hash", root_hash),
            ];
            if let Some((first, newest)) = times {
                lines.push(("recorded", format!("{first} to {newest}")));
            }
            lines.extend(compared.iter().cloned());
            if verified.checkpoints > 0 {
                lines.push((
                    "agrees with",
                    format!("{} checkpoints", verified.checkpoints),
                ));
            }
            for (name, value) in lines {
                output.line(&format!("{name:<12} {value}"))?;
            }
            output.flush()?;
        }
    }
    Ok(())
}

fn grouped_u64(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}
