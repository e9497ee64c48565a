//! What follows the log: its backups, and its views.

use std::{fs::File, io, path::Path};

use super::{
    Head, Visit, disk, duration_text,
    finding::{AS_THE_NODE, Finding},
    store::Examined,
    views::{self, Place},
};
use crate::{
    embedded::{LastBackup, hex},
    render::record::grouped,
};

const DAY_US: i64 = 86_400_000_000;

pub fn examine(visit: &Visit, examined: Option<&Examined>) -> Vec<Finding> {
    let mut findings = vec![disk::clock(visit, examined), backup(visit, examined)];
    if let Some(examined) = examined {
        findings.push(views(visit, examined));
    }
    findings
}

fn views(visit: &Visit, examined: &Examined) -> Finding {
    let folder = &visit.store.folder;
    views::examine(&Place {
        stored: &|| keruen_projections::stored_checkpoints(folder),
        event: &|position| examined.reader.event(position).ok().flatten(),
        head: &Head::of(examined),
        is_running: examined.is_running,
        remedy: format!(
            "stop the node, remove {}/views-*.db and start it: they are made anew",
            folder.display()
        ),
    })
}

fn may_not_read(path: &Path) -> bool {
    let opened = File::open(path);
    opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

fn backup(visit: &Visit, examined: Option<&Examined>) -> Finding {
    let make = format!(
        "`keruen backup FILE --data {}`, to another disk",
        visit.store.folder.display()
    );
    let position = examined.map_or(0, |examined| examined.head.position);
    if may_not_read(&LastBackup::path(&visit.store)) {
        let found = "this user may not read when the last one was made";
        return Finding::attention("backup", found, AS_THE_NODE);
    }
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
