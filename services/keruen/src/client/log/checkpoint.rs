//! Signed checkpoints.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args as ClapArgs;
use keruen_log::tree::{Hash, proof::check_consistency};
use keruen_proto::events::v1::GetCheckpointRequest;
use serde_json::json;

use super::{hex, key};
use crate::{
    cells,
    cli::Format,
    client::{failure::Failure, session::Session},
};

/// What to compare it with, and where to put it.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen log checkpoint
  keruen log checkpoint --key keruen.vkey --out monday.checkpoint
  keruen log checkpoint --key keruen.vkey --since monday.checkpoint \\
      --out tuesday.checkpoint

A checkpoint is the node's signature under the size of the log and the root over all events. Keep them: with --since the \
node must prove that the older one is the beginning of the new one (RFC 6962), which it can't if an event between was \
changed, removed or put in. Exit status 1 if it fails; then nothing is written.")]
pub struct Args {
    /// A checkpoint that was saved earlier
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// The verifier key, or the file that holds it. Default: the node's own word
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Write the checkpoint to this file instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    /// Fetches, checks, and prints or writes.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let stated = key::stated(self.key.as_deref())?;
        // Read before the node is asked, so that a wrong file is told at once.
        let unverified = self
            .since
            .as_deref()
            .map(|path| key::saved(path, stated.as_ref()))
            .transpose()?;
        let since_size = unverified.map_or(0, |older| older.size);
        let answer = session.ask(GetCheckpointRequest { since_size }).await?;
        let (checkpoint, key) = key::opened(&answer, stated.as_ref())?;
        if let Some(path) = &self.since {
            let older = key::saved(path, Some(&key))?;
            let hashes = hashes(&answer.consistency_hashes)?;
            check_consistency(
                (older.size, &older.root_hash),
                (checkpoint.size, &checkpoint.root_hash),
                &hashes,
            )
            .map_err(|error| {
                anyhow!(
                    "history was rewritten: the log of {} events does not begin with the {} events of {}: {error}",
                    checkpoint.size,
                    older.size,
                    path.display()
                )
            })?;
            anstream::eprintln!(
                "the log of {} events begins with the {} events of {}",
                checkpoint.size,
                older.size,
                path.display()
            );
        }
        if let Some(path) = &self.out {
            fs::write(path, &answer.checkpoint)
                .with_context(|| format!("{} can't be written", path.display()))?;
        }
        let mut output = session.output();
        let root_hash = hex(&checkpoint.root_hash);
        match output.format() {
            Format::Json => output.json(&json!({
                "origin": checkpoint.origin,
                "size": checkpoint.size,
                "root_hash": root_hash,
                "checkpoint": answer.checkpoint,
                "verifier_key": key.to_string(),
            }))?,
            Format::Csv => output.csv(
                &["origin", "size", "root_hash"],
                [cells![
                    checkpoint.origin,
                    checkpoint.size.to_string(),
                    root_hash
                ]],
            )?,
            Format::Table if self.out.is_none() => {
                output.line(answer.checkpoint.trim_end_matches('\n'))?;
                output.flush()?;
            }
            Format::Table => {}
        }
        Ok(())
    }
}

/// Hashes as they come over the wire.
pub fn hashes(wire: &[Vec<u8>]) -> Result<Vec<Hash>, Failure> {
    wire.iter()
        .map(|hash| {
            <Hash>::try_from(hash.as_slice()).map_err(|_| {
                anyhow!("the node's proof holds a hash of {} bytes", hash.len()).into()
            })
        })
        .collect()
}
