//! Plays command lines, as their users would type them, through gRPC.

use std::{
    collections::{BTreeSet, HashMap},
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail};
use chrono::{DateTime, NaiveDate, Utc};
use clap::FromArgMatches as _;
use serde_json::Value;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::{Report, coverage};
use crate::{
    cli::Cli,
    client::{failure::Failure, session::Session},
};

/// Namespace of the command ids: the same seed always gives the same ones.
const COMMANDS: Uuid = Uuid::from_u128(0x6b65_7275_656e_4a86_b1c5_6765_6e65_7261);
/// How often a command is given where the node is busy.
const MAX_ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(200);

/// What came of a command.
#[derive(Debug)]
pub enum Outcome {
    /// It was recorded, or answered; with its answer, as `--format json` prints it.
    Done(Value),
    /// It was refused.
    Refused {
        /// The stable reason.
        reason: String,
        /// What its user is told.
        message: String,
    },
}

impl Outcome {
    /// Whether it was not refused.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// What a verb takes.
#[derive(Clone, Copy, Debug)]
struct Taken {
    /// The options that all commands share.
    is_mutation: bool,
    /// From which position on its answer is to be.
    min_position: bool,
}

/// Gives commands, and remembers what came of them.
pub struct Player {
    definition: clap::Command,
    /// Which options a verb takes, by its words.
    verbs: HashMap<String, Taken>,
    session: Session,
    printed: Arc<Mutex<Vec<u8>>>,
    namespace: Uuid,
    seed: u64,
    today: NaiveDate,
    states: BTreeSet<String>,
    report: Report,
}

impl Player {
    /// A player of a seed on a node. Nothing is asked yet.
    pub fn new(server: &str, seed: u64, today: NaiveDate) -> Self {
        let printed = Arc::default();
        // Without its calendar day, a run of tomorrow would give other commands under the same ids.
        let name = format!("{seed} {today}");
        Self {
            definition: Cli::definition(),
            verbs: HashMap::new(),
            session: Session::printing_to(server, Arc::clone(&printed)),
            printed,
            namespace: Uuid::new_v5(&COMMANDS, name.as_bytes()),
            seed,
            today,
            states: coverage::states(),
            report: Report::default(),
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The day it is.
    pub fn today(&self) -> NaiveDate {
        self.today
    }

    /// What came of everything so far.
    pub fn into_report(self) -> Report {
        self.report
    }

    /// Notes that something came out otherwise than it should.
    pub fn surprise(&mut self, told: String) {
        self.report.surprises.push(told);
    }

    /// How many commands were given so far.
    pub fn commands(&self) -> u64 {
        self.report.commands
    }

    /// Gives a command for an actor. `at` is when it happened; now, where it is `None`.
    pub async fn tell(
        &mut self,
        actor: &str,
        at: Option<DateTime<Utc>>,
        line: &str,
    ) -> anyhow::Result<Outcome> {
        let (line, content) = match line.split_once(" --json ") {
            Some((line, content)) => (line, Some(file_of(content)?)),
            None => (line, None),
        };
        let mut words = shlex::split(line).with_context(|| format!("unbalanced quotes: {line}"))?;
        if let Some(file) = &content {
            words.extend(["--json".to_owned(), file.path().display().to_string()]);
        }
        words.insert(0, "keruen".to_owned());
        let taken = self.taken(&words);
        if taken.min_position && self.report.position > 0 && !line.contains("--min-position") {
            // Views may lag behind what was recorded a moment ago.
            let position = self.report.position.to_string();
            words.extend(["--min-position".to_owned(), position]);
        }
        if taken.is_mutation {
            self.report.commands += 1;
            let name = self.report.commands.to_string();
            let command_id = Uuid::new_v5(&self.namespace, name.as_bytes());
            words.extend(["--command-id".to_owned(), command_id.to_string()]);
            if let Some(at) = at.filter(|_| !line.contains("--occurred-at")) {
                words.extend(["--occurred-at".to_owned(), at.to_rfc3339()]);
            }
        }
        let matches = self
            .definition
            .try_get_matches_from_mut(words)
            .with_context(|| format!("no command line: {line}"))?;
        let session = self.session.on_behalf_of(actor);
        for _ in 0..MAX_ATTEMPTS {
            let cli = Cli::from_arg_matches(&matches)?;
            self.printed().clear();
            match crate::act(cli.command, &session).await {
                Ok(()) => return self.done(line),
                Err(Failure::Refused(status)) => {
                    let details = status.get_error_details();
                    let reason = details.error_info().map(|info| info.reason.clone());
                    let reason = reason.unwrap_or_else(|| format!("{:?}", status.code()));
                    self.report.refused += 1;
                    *self.report.reasons.entry(reason.clone()).or_default() += 1;
                    return Ok(Outcome::Refused {
                        reason,
                        message: status.message().to_owned(),
                    });
                }
                Err(Failure::Busy(_) | Failure::NotNow(_)) => tokio::time::sleep(PAUSE).await,
                Err(failure) => bail!("{line}: {failure}"),
            }
        }
        bail!("{line}: the node is busy for too long")
    }

    fn done(&mut self, line: &str) -> anyhow::Result<Outcome> {
        let printed = std::mem::take(&mut *self.printed());
        let answer: Value = serde_json::from_slice(&printed)
            .with_context(|| format!("{line}: the answer is no JSON"))?;
        if answer.get("commandId").is_some() {
            self.report.recorded += 1;
            let position = answer.get("position").and_then(Value::as_str);
            let position = position.and_then(|it| it.parse().ok()).unwrap_or(0);
            self.report.position = self.report.position.max(position);
        }
        self.note_states(&answer);
        Ok(Outcome::Done(answer))
    }

    /// Counts each state that an answer names.
    fn note_states(&mut self, answer: &Value) {
        match answer {
            Value::String(text) if self.states.contains(text) => {
                *self.report.states.entry(text.clone()).or_default() += 1;
            }
            Value::Array(entries) => entries.iter().for_each(|it| self.note_states(it)),
            Value::Object(fields) => fields.values().for_each(|it| self.note_states(it)),
            _ => {}
        }
    }

    fn printed(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the verb of a command line takes.
    fn taken(&mut self, words: &[String]) -> Taken {
        let mut verb = &self.definition;
        let mut name = String::new();
        for word in &words[1..] {
            let Some(found) = verb.find_subcommand(word) else {
                break;
            };
            verb = found;
            name.push_str(word);
            name.push(' ');
        }
        *self.verbs.entry(name).or_insert_with(|| {
            let has = |id: &str| verb.get_arguments().any(|argument| argument.get_id() == id);
            Taken {
                is_mutation: has("command_id"),
                min_position: has("min_position"),
            }
        })
    }
}

/// A whole request in a file.
fn file_of(content: &str) -> anyhow::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(content.as_bytes())?;
    Ok(file)
}
