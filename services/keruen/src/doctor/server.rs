//! A log on a PostgreSQL server: whether it is fit to hold it, and who writes it.

use std::{fs, io, path::Path};

use keruen_log::{PostgresLog, PostgresRefusal, PostgresStanding, checkpoint::CheckpointKey};

use tokio::runtime::Handle;

use super::{
    Head,
    finding::{AS_THE_NODE, Finding},
    views::{self, Place},
};
use crate::{embedded::hex, render::record::grouped, serve::KEY_FILE_NAME};

/// The server's address, where the log stands, and what was found out.
///
/// `folder` is where the node of this machine keeps its key.
pub async fn examine(
    url: &str,
    folder: &Path,
) -> anyhow::Result<(String, Option<Head>, Vec<Finding>)> {
    let standing = match PostgresLog::standing(url).await {
        Ok(standing) => standing,
        Err(error) => {
            return Ok((error.at, None, vec![unreadable(&error.reason)]));
        }
    };
    let mut findings = vec![
        store(&standing),
        versions(&standing),
        safety(standing.unfit.as_ref()),
        writer(&standing),
        signer(&standing, &folder.join(KEY_FILE_NAME)),
    ];
    let is_running = standing.writer.is_some();
    let head = Head {
        log_id: standing.log_id,
        position: standing.position,
    };
    let (url, folder) = (url.to_owned(), folder.to_owned());
    // Both the views and the log are asked for by threads that may wait.
    let looking = tokio::task::spawn_blocking(move || {
        let finding = views(&url, &folder, &head, is_running);
        (finding, head)
    });
    let (of_views, head) = looking.await?;
    findings.push(of_views);
    Ok((standing.at, Some(head), findings))
}

/// The views on the server; where it has none, those in the folder of the node of this machine: its user may not make schemas.
fn views(url: &str, folder: &Path, head: &Head, is_running: bool) -> Finding {
    let stored = || {
        let served = keruen_projections::served_checkpoints(url)?;
        if served.iter().any(|(_, rows)| rows.is_some()) {
            return Ok(served);
        }
        keruen_projections::stored_checkpoints(folder)
    };
    let runtime = Handle::current();
    let event = |position| {
        let event = runtime.block_on(PostgresLog::stored_event(url, position));
        event.ok().flatten()
    };
    views::examine(&Place {
        stored: &stored,
        event: &event,
        head,
        is_running,
        remedy:
            "`keruen projections` asks a node, and `keruen projections rebuild` makes them anew"
                .to_owned(),
    })
}

fn unreadable(refusal: &PostgresRefusal) -> Finding {
    match refusal {
        PostgresRefusal::OlderVersion { found: 0, .. } => Finding::attention(
            "store",
            refusal.to_string(),
            "name the database with --database-url; `keruen serve` makes a log in an empty one",
        ),
        PostgresRefusal::NoPrivilege { found, .. } => Finding::attention(
            "store",
            format!("the user may not read the log ({found})"),
            "let an administrator GRANT keruen_reader to the user, or name the user of the node in --database-url",
        ),
        _ => Finding::attention(
            "store",
            refusal.to_string(),
            "mend that, then run this once more",
        ),
    }
}

fn store(standing: &PostgresStanding) -> Finding {
    let position = i64::try_from(standing.position).unwrap_or(i64::MAX);
    Finding::ok("store", format!("{} events", grouped(position)))
        .figure("log_id", hex(&standing.log_id))
        .figure("position", standing.position)
        .figure("root_hash", hex(&standing.root_hash))
        .figure("recorded_at_us", standing.recorded_at_us)
}

fn versions(standing: &PostgresStanding) -> Finding {
    let program = env!("CARGO_PKG_VERSION");
    let PostgresStanding {
        store_version,
        server_version,
        ..
    } = standing;
    Finding::ok(
        "versions",
        format!("program {program}; store version {store_version}; PostgreSQL {server_version}"),
    )
    .figure("program", program)
    .figure("store_version", *store_version)
    .figure("server", server_version.as_str())
}

fn safety(unfit: Option<&PostgresRefusal>) -> Finding {
    match unfit {
        None => Finding::ok(
            "safety",
            "fsync, full_page_writes and synchronous_commit are on",
        ),
        Some(refusal) => Finding::attention(
            "safety",
            refusal.to_string(),
            "no node writes to it until then",
        ),
    }
}

fn writer(standing: &PostgresStanding) -> Finding {
    let PostgresStanding {
        epoch, standbys, ..
    } = standing;
    let behind_it = match standbys.as_slice() {
        [] => "none stands by".to_owned(),
        nodes => format!("standing by: {}", nodes.join(", ")),
    };
    let finding = match &standing.writer {
        Some(node) => Finding::ok("writer", format!("{node}, in epoch {epoch}; {behind_it}")),
        None => Finding::attention(
            "writer",
            format!("no node writes the log, which stands in epoch {epoch}; {behind_it}"),
            "start one: `keruen serve --database-url …`; if one runs, its own log says why it does not write",
        ),
    };
    finding
        .figure("writer", standing.writer.clone())
        .figure("epoch", *epoch)
        .figure("standbys", standbys.clone())
}

/// Whether the key of the node of this machine is that by which checkpoints are signed.
fn signer(standing: &PostgresStanding, path: &Path) -> Finding {
    let known = &standing.verifier_key;
    let shown = path.display();
    let own: io::Result<Result<CheckpointKey, _>> =
        fs::read_to_string(path).map(|text| text.trim_end_matches('\n').parse());
    let finding = match own {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Finding::attention(
            "signer",
            format!("this user may not read the key {shown}"),
            AS_THE_NODE,
        ),
        Err(_) => Finding::ok("signer", format!("no key here, {shown}")),
        Ok(Err(error)) => Finding::attention(
            "signer",
            format!("the key {shown} is malformed: {error}"),
            "restore it from its copy",
        ),
        Ok(Ok(_)) if known.is_empty() => {
            Finding::ok("signer", "no node has said by which key it signs")
        }
        Ok(Ok(key)) if key.verifier_key().to_string() == *known => Finding::ok(
            "signer",
            format!("the key {shown} is that of the node that writes the log"),
        ),
        Ok(Ok(key)) => Finding::attention(
            "signer",
            format!(
                "the key {shown} has the verifier key {}, and checkpoints of the log are signed by that of {known}",
                key.verifier_key()
            ),
            "copy checkpoint.key here from the node that writes the log, and start the node here again",
        ),
    };
    finding.figure("verifier_key", known.as_str())
}
