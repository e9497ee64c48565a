//! What follows the log: its backups and its views.

use super::{Visit, disk, duration_text, finding::Finding, store::Examined};
use crate::{
    embedded::{LastBackup, hex},
    render::record::grouped,
};

const DAY_US: i64 = 86_400_000_000;
/// Views of a running node that are further behind than this do not follow.
const MAX_LAG_EVENTS: u64 = 10_000;

pub fn examine(visit: &Visit, examined: Option<&Examined>) -> Vec<Finding> {
    let mut findings = vec![disk::clock(visit, examined), backup(visit, examined)];
    if let Some(examined) = examined {
        findings.push(views(visit, examined));
    }
    findings
}

fn backup(visit: &Visit, examined: Option<&Examined>) -> Finding {
    let make = format!(
        "`keruen backup FILE --data {}`, to another disk",
        visit.store.folder.display()
    );
    let position = examined.map_or(0, |examined| examined.head.position);
    let Some(last) = LastBackup::read(&visit.store) else {
        return if position == 0 {
            Finding::ok("backup", "none, and nothing was recorded yet")
        } else {
            Finding::attention("backup", "none is known", make)
        };
    };
    let is_other = examined.is_some_and(|examined| {
        last.log_id != hex(&examined.head.log_id) || last.position > position
    });
    if is_other {
        return Finding::attention(
            "backup",
            format!(
                "the last one, {}, is of another history",
                last.file.display()
            ),
            make,
        );
    }
    let age_us = (visit.now_us - last.made_at_us).max(0);
    let behind = position.saturating_sub(last.position);
    let gone = if last.file.exists() {
        ""
    } else {
        " (not there now)"
    };
    let found = format!(
        "{} old, {} events behind, at {}{gone}",
        duration_text(age_us),
        grouped(i64::try_from(behind).unwrap_or(i64::MAX)),
        last.file.display()
    );
    let is_old = age_us > i64::from(visit.max_backup_age_days) * DAY_US;
    let finding = if is_old && behind > 0 {
        Finding::attention("backup", found, make)
    } else {
        Finding::ok("backup", found)
    };
    finding
        .figure("file", last.file.display().to_string())
        .figure("backup_position", last.position)
        .figure("events_behind", behind)
        .figure("age_us", age_us)
}

fn views(visit: &Visit, examined: &Examined) -> Finding {
    let checkpoint = match keruen_projections::stored_checkpoint(&visit.store.folder) {
        Ok(Some(checkpoint)) => checkpoint,
        Ok(None) => return Finding::ok("views", "none; the next start of the node makes them"),
        Err(error) => {
            return Finding::attention(
                "views",
                error.to_string(),
                format!(
                    "stop the node, remove {}/views-*.db and start it: they are made anew",
                    visit.store.folder.display()
                ),
            );
        }
    };
    let head = examined.head.position;
    let is_ours = checkpoint.position == 0 || checkpoint.log_id == examined.head.log_id;
    let behind = head.saturating_sub(checkpoint.position);
    let found = if is_ours {
        format!(
            "{} events behind",
            grouped(i64::try_from(behind).unwrap_or(i64::MAX))
        )
    } else {
        "of another log; the next start of the node makes them anew".to_owned()
    };
    let finding = if is_ours && examined.is_running && behind > MAX_LAG_EVENTS {
        Finding::attention(
            "views",
            found,
            "run this again in a minute; if they do not come closer, the node's log says why",
        )
    } else {
        Finding::ok("views", found)
    };
    finding
        .figure("view_position", checkpoint.position)
        .figure("events_behind", behind)
}
