//! The key by which checkpoints are verified.

use std::{fs, path::Path};

use clap::Args as ClapArgs;
use keruen_log::checkpoint::{Checkpoint, VerifierKey};
use keruen_proto::events::v1::{GetCheckpointRequest, GetCheckpointResponse};
use serde_json::json;

use crate::{
    cells,
    cli::Format,
    client::{failure::Failure, session::Session},
};

/// Largest checkpoint or proof that is read, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// No options of its own.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen log key
  keruen log key --format json

Auditors get this key once, by a way that does not lead through the node, and then verify every checkpoint with it \
(--key). It is a verifier key as in C2SP signed notes: it verifies and can't sign.")]
pub struct Args {}

impl Args {
    /// Prints the key.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let Self {} = self;
        let answer = session.ask(GetCheckpointRequest::default()).await?;
        let key = answer.verifier_key;
        let mut output = session.output();
        match output.format() {
            Format::Json => output.json(&json!({ "verifier_key": key }))?,
            Format::Csv => output.csv(&["verifier_key"], [cells![key]])?,
            Format::Table => {
                output.line(&crate::client::failure::one_line(&key))?;
                output.flush()?;
            }
        }
        Ok(())
    }
}

/// A verifier key as it is given on the command line: the key itself, or a file that holds it.
pub fn verifier_key(text: &str) -> Result<VerifierKey, Failure> {
    parse(text).map_err(|error| Failure::Usage(format!("--key: {error}")))
}

/// The same where none need be given.
pub fn stated(text: Option<&str>) -> Result<Option<VerifierKey>, Failure> {
    text.map(verifier_key).transpose()
}

fn parse(text: &str) -> Result<VerifierKey, String> {
    let from_file = Path::new(text)
        .is_file()
        .then(|| fs::read_to_string(text).map_err(|error| format!("{text}: {error}")))
        .transpose()?;
    from_file
        .as_deref()
        .unwrap_or(text)
        .trim()
        .parse()
        .map_err(|error| format!("{error}; `keruen log key` prints one"))
}

/// The checkpoint that a node has signed, and the key that it was verified with: the one that was given, or the node's own.
pub fn opened(
    answer: &GetCheckpointResponse,
    key: Option<&VerifierKey>,
) -> Result<(Checkpoint, VerifierKey), Failure> {
    let key = if let Some(key) = key {
        key.clone()
    } else {
        let key = answer
            .verifier_key
            .parse()
            .map_err(|error| anyhow::anyhow!("the node's verifier key is malformed: {error}"))?;
        anstream::eprintln!(
            "no --key was given, so the node's own word is taken for it:\n  {key}\n\
             compare it with the one that you got elsewhere, and pass it with --key next time"
        );
        key
    };
    let checkpoint = Checkpoint::open(&answer.checkpoint, &key)
        .map_err(|error| anyhow::anyhow!("the node's checkpoint: {error}"))?;
    Ok((checkpoint, key))
}

/// A checkpoint that was saved earlier.
pub fn saved(path: &Path, key: Option<&VerifierKey>) -> Result<Checkpoint, Failure> {
    let text = text_of(path)?;
    let place = path.display();
    let unverified = Checkpoint::read_unverified(&text)
        .map_err(|error| Failure::Usage(format!("{place}: {error}")))?;
    match key {
        None => Ok(unverified),
        Some(key) => {
            Checkpoint::open(&text, key).map_err(|error| anyhow::anyhow!("{place}: {error}").into())
        }
    }
}

/// A checkpoint or a proof.
pub fn text_of(path: &Path) -> Result<String, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", path.display()));
    let is_stdin = path.as_os_str() == "-";
    if !is_stdin {
        let bytes = fs::metadata(path).map_err(|error| wrong(&error))?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(wrong(&format!(
                "it has {bytes} bytes, which no checkpoint or proof has"
            )));
        }
    }
    let text = if is_stdin {
        std::io::read_to_string(std::io::stdin())
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|error| wrong(&error))
}
