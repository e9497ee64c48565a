//! Proofs of single events, which need no node to be checked.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args as ClapArgs;
use keruen_log::{
    checkpoint::{Checkpoint, ProofBundle, VerifierKey},
    entry,
};
use keruen_proto::{
    cloudevent,
    events::v1::{
        GetCheckpointRequest, GetInclusionProofRequest, GetLogHeadRequest, ListEventsRequest,
        get_inclusion_proof_request::Event as Asked,
    },
    log::v1::RecordedEvent,
};
use serde_json::{Value, json};

use super::{checkpoint::hashes, hex, key};
use crate::{
    cli::Format,
    client::{
        failure::{Failure, one_line},
        session::Session,
    },
    render::record::time,
};

/// Which event.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen log prove 42
  keruen log prove 42 --key keruen.vkey --out 42.tlog-proof
  keruen log prove 018f3c2e-7b1a-7c3d-9e4f-5a6b7c8d9e0f/0 --format json

Writes one text: the event's entry (services/log/ENTRY.md says what it holds), its index, the inclusion proof (RFC 6962) and \
a signed checkpoint, as a C2SP tlog-proof with the entry as extra data. `keruen log verify-proof` checks it, and so does any \
other implementation. With --format json the event stands in it in full.")]
pub struct Args {
    /// Position of the event, or its event id
    #[arg(value_name = "POSITION|EVENT_ID", value_parser = asked)]
    event: Asked,
    /// The verifier key, or the file that holds it. Default: the node's own word
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Write the proof to this file instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn asked(text: &str) -> Result<Asked, String> {
    match (text.parse(), text.contains('/')) {
        (Ok(0), _) => Err("the first event has position 1".to_owned()),
        (Ok(position), _) => Ok(Asked::Position(position)),
        (Err(_), true) => Ok(Asked::EventId(text.to_owned())),
        (Err(_), false) => {
            Err("must be a position such as 42, or an event id COMMAND_ID/INDEX".to_owned())
        }
    }
}

impl Args {
    /// Fetches the proof, checks it, and prints or writes it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let stated = key::stated(self.key.as_deref())?;
        let answer = session.ask(GetCheckpointRequest::default()).await?;
        let (checkpoint, key) = key::opened(&answer, stated.as_ref())?;
        let proof = session
            .ask(GetInclusionProofRequest {
                event: Some(self.event),
                tree_size: checkpoint.size,
            })
            .await?;
        let (log_id, event) = fetch(session, proof.position).await?;
        let bundle = ProofBundle {
            entry: entry::entry(&log_id, &event)
                .map_err(|violation| anyhow!("the event is malformed: {violation}"))?,
            index: event.position.saturating_sub(1),
            hashes: hashes(&proof.hashes)?,
            checkpoint: answer.checkpoint,
        };
        bundle.check(&key).map_err(|error| {
            anyhow!(
                "the node can't prove the event at position {}: {error}",
                proof.position
            )
        })?;
        let text = if session.format() == Format::Json {
            format!("{:#}\n", json_of(&bundle, &event, &key))
        } else {
            bundle.to_string()
        };
        if let Some(path) = &self.out {
            fs::write(path, text)
                .with_context(|| format!("{} can't be written", path.display()))?;
        } else {
            let mut output = session.output();
            output.line(text.trim_end_matches('\n'))?;
            output.flush()?;
        }
        Ok(())
    }
}

/// The event at a position, and the id of its log.
async fn fetch(session: &Session, position: u64) -> Result<([u8; 16], RecordedEvent), Failure> {
    let head = session.ask(GetLogHeadRequest {}).await?;
    let log_id = head
        .log_id
        .try_into()
        .map_err(|_| anyhow!("the node's log id has not 16 bytes"))?;
    let page = session
        .ask(ListEventsRequest {
            query: None,
            after_position: position.saturating_sub(1),
            page_size: 1,
        })
        .await?;
    let event = page.events.into_iter().next();
    let event = event.filter(|event| event.position == position);
    Ok((
        log_id,
        event.ok_or_else(|| anyhow!("the node does not show the event at position {position}"))?,
    ))
}

fn json_of(bundle: &ProofBundle, event: &RecordedEvent, key: &VerifierKey) -> Value {
    let proof: Vec<_> = bundle
        .hashes
        .iter()
        .map(|hash| STANDARD.encode(hash))
        .collect();
    json!({
        "format": "keruen.log.proof.v1",
        "event": event,
        "entry": STANDARD.encode(&bundle.entry),
        "index": bundle.index,
        "hashes": proof,
        "checkpoint": bundle.checkpoint,
        "verifier_key": key.to_string(),
    })
}

/// Which proof.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen log verify-proof 42.tlog-proof --key keruen.vkey
  keruen log verify-proof proof.json --key keruen.vkey --format json

Needs no node: it checks that the checkpoint in the file is signed by the key, that the event is in the signed tree, and shows \
what the proof says of the event. Exit status 1 if anything in it is not as it was recorded.")]
pub struct CheckArgs {
    /// The proof, as `keruen log prove` wrote it; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The verifier key, or the file that holds it, from a source that you trust
    #[arg(long, value_name = "KEY")]
    key: String,
}

impl CheckArgs {
    /// Checks, and prints what is proven.
    pub fn run(self, session: &Session) -> Result<(), Failure> {
        let key = key::verifier_key(&self.key)?;
        let place = self.file.display();
        let text = key::text_of(&self.file)?;
        let (bundle, event) = if text.trim_start().starts_with('{') {
            read_json(&text).map_err(|found| Failure::Usage(format!("{place}: {found}")))?
        } else {
            let bundle = text
                .parse::<ProofBundle>()
                .map_err(|error| Failure::Usage(format!("{place}: {error}")))?;
            (bundle, None)
        };
        let checkpoint = bundle
            .check(&key)
            .map_err(|error| anyhow!("{place}: {error}"))?;
        let (log_id, proven, data_hash) = entry::read(&bundle.entry).ok_or_else(|| {
            anyhow!("{place}: the proof holds, but its entry is not that of an event")
        })?;
        if proven.position != bundle.index + 1 {
            return Err(
                anyhow!("{place}: its entry is that of position {}", proven.position).into(),
            );
        }
        if let Some(event) = &event
            && entry::entry(&log_id, event).ok().as_ref() != Some(&bundle.entry)
        {
            return Err(anyhow!("{place}: the event in it is not the one that is proven").into());
        }
        print(session, &checkpoint, &proven, &data_hash)
    }
}

fn print(
    session: &Session,
    checkpoint: &Checkpoint,
    proven: &RecordedEvent,
    data_hash: &[u8],
) -> Result<(), Failure> {
    let recorded_at = cloudevent::utc_time(proven.recorded_at_us);
    let mut output = session.output();
    if output.format() == Format::Json {
        output.json(&json!({
            "proven": true,
            "position": proven.position,
            "event_id": proven.event_id,
            "type": proven.r#type,
            "tags": proven.tags,
            "recorded_at": recorded_at,
            "actor": proven.actor,
            "data_sha256": hex(data_hash),
            "origin": checkpoint.origin,
            "tree_size": checkpoint.size,
            "root_hash": hex(&checkpoint.root_hash),
        }))?;
        return Ok(());
    }
    output.line("The event is in the signed log.")?;
    for (name, value) in [
        ("log", checkpoint.origin.clone()),
        ("tree size", checkpoint.size.to_string()),
        ("position", proven.position.to_string()),
        ("event id", proven.event_id.clone()),
        ("type", proven.r#type.clone()),
        ("tags", proven.tags.join(" ")),
        ("occurred", time(proven.occurred_at.as_ref())),
        ("recorded", recorded_at),
        ("actor", proven.actor.clone()),
        ("data SHA-256", hex(data_hash)),
    ] {
        output.line(&format!("{name:<13} {}", one_line(&value)))?;
    }
    output.flush()?;
    Ok(())
}

/// A proof in JSON, with the event that it is about.
fn read_json(text: &str) -> Result<(ProofBundle, Option<RecordedEvent>), String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let text_at = |field: &str| {
        json[field]
            .as_str()
            .ok_or_else(|| format!("{field}: it must be a text"))
    };
    let bytes = |field: &str, text: &str| {
        STANDARD
            .decode(text)
            .map_err(|_| format!("{field}: it must be base64"))
    };
    let hashes = json["hashes"]
        .as_array()
        .ok_or("hashes: it must be a list")?;
    let hashes = hashes.iter().map(|hash| {
        let hash = bytes("hashes", hash.as_str().unwrap_or_default())?;
        hash.try_into()
            .map_err(|_| "hashes: each has 32 bytes".to_owned())
    });
    let bundle = ProofBundle {
        entry: bytes("entry", text_at("entry")?)?,
        index: json["index"].as_u64().ok_or("index: it must be a number")?,
        hashes: hashes.collect::<Result<_, String>>()?,
        checkpoint: text_at("checkpoint")?.to_owned(),
    };
    let event =
        serde_json::from_value(json["event"].clone()).map_err(|error| format!("event: {error}"))?;
    Ok((bundle, Some(event)))
}
