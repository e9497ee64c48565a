//! Room: how much there is, and how long it lasts.

use std::{fs, path::Path};

use keruen_log::{OpenError, bytes_text, free_bytes};

use super::{Visit, duration_text, finding::Finding, store::Examined};
use crate::embedded::beside;

const DAY_US: i64 = 86_400_000_000;
/// What was recorded in this time says how fast the store grows.
const RECENT_US: i64 = 7 * DAY_US;
/// Fewer events say nothing about tomorrow.
const MIN_RECENT_EVENTS: u64 = 100;
/// Room for less than this needs attention.
const MIN_DAYS: u64 = 30;
/// A write-ahead log as long as this is read from by somebody who never ends.
const MAX_WAL_BYTES: u64 = 256 << 20;

pub fn examine(visit: &Visit, examined: Option<&Examined>) -> Vec<Finding> {
    let mut findings = vec![space(visit, examined)];
    if examined.is_some() {
        findings.push(write_ahead_log(visit));
    }
    findings
}

fn space(visit: &Visit, examined: Option<&Examined>) -> Finding {
    let folder = &visit.store.folder;
    let existing = folder.ancestors().find(|folder| folder.exists());
    let free = match free_bytes(existing.unwrap_or(Path::new("."))) {
        Ok(free) => free,
        Err(error) => {
            return Finding::attention(
                "disk",
                format!("nobody can tell how much is free: {error}"),
                "look at it with df",
            );
        }
    };
    let used = folder_bytes(folder);
    let may_look = fs::read_dir(folder).is_ok() || !folder.exists();
    let room = free.saturating_sub(visit.min_free_bytes);
    let growth = examined.and_then(|examined| match bytes_per_day(visit, examined, used) {
        Ok(growth) => growth,
        Err(error) => {
            tracing::debug!(%error, "growth unknown");
            None
        }
    });
    let days = growth.map(|growth| room / growth.max(1));
    let lasts = match (growth, days) {
        (Some(growth), Some(days)) if days < 3_650 => {
            format!("; at {} a day it lasts {days} days", bytes_text(growth))
        }
        (Some(growth), _) => format!("; at {} a day it lasts for years", bytes_text(growth)),
        _ => String::new(),
    };
    let found = if may_look {
        format!(
            "{} free, {} used{lasts}",
            bytes_text(free),
            bytes_text(used)
        )
    } else {
        format!("{} free", bytes_text(free))
    };
    let reserve = bytes_text(visit.min_free_bytes);
    let finding = if free < visit.min_free_bytes {
        Finding::attention(
            "disk",
            found,
            format!(
                "nothing is recorded while less than {reserve} are free: free space, or move the store to a larger disk"
            ),
        )
    } else if days.is_some_and(|days| days < MIN_DAYS) {
        Finding::attention(
            "disk",
            found,
            format!("free space, or move the store to a larger disk, before {reserve} are left"),
        )
    } else {
        Finding::ok("disk", found)
    };
    finding
        .figure("free_bytes", free)
        .figure("used_bytes", may_look.then_some(used))
        .figure("reserve_bytes", visit.min_free_bytes)
        .figure("bytes_per_day", growth)
        .figure("days_left", days)
}

/// By how much log and views have grown in a day of late; `None` where too little was recorded to say.
fn bytes_per_day(visit: &Visit, examined: &Examined, used: u64) -> Result<Option<u64>, OpenError> {
    let head = &examined.head;
    let Some(since_us) = visit.now_us.checked_sub(RECENT_US) else {
        return Ok(None);
    };
    let before = examined.reader.count_before(since_us)?;
    let recent = head.position.saturating_sub(before);
    if recent < MIN_RECENT_EVENTS {
        return Ok(None);
    }
    let since_us = if before == 0 {
        examined.reader.recorded_at_us(1)?.unwrap_or(since_us)
    } else {
        since_us
    };
    // A day at least: what was imported in an hour is not recorded every hour.
    let span_us = u128::from((visit.now_us - since_us).max(DAY_US).unsigned_abs());
    let grown = u128::from(used) * u128::from(recent) / u128::from(head.position);
    let per_day = grown * u128::from(DAY_US.unsigned_abs()) / span_us;
    Ok(Some(u64::try_from(per_day).unwrap_or(u64::MAX)))
}

fn write_ahead_log(visit: &Visit) -> Finding {
    let bytes = fs::metadata(beside(&visit.store.path, "-wal")).map_or(0, |file| file.len());
    let found = bytes_text(bytes);
    let finding = if bytes > MAX_WAL_BYTES {
        Finding::attention(
            "write-ahead log",
            found,
            "somebody reads the store without end, so it can't be shortened: wait for a backup that is under way, or \
             restart the node",
        )
    } else {
        Finding::ok("write-ahead log", found)
    };
    finding.figure("wal_bytes", bytes)
}

/// Sizes of the files in a folder and of those one level below.
fn folder_bytes(folder: &Path) -> u64 {
    let bytes_in = |folder: &Path| -> (u64, Vec<std::path::PathBuf>) {
        let mut bytes = 0;
        let mut folders = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => bytes += metadata.len(),
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                _ => {}
            }
        }
        (bytes, folders)
    };
    let (bytes, folders) = bytes_in(folder);
    folders
        .iter()
        .fold(bytes, |bytes, folder| bytes + bytes_in(folder).0)
}

/// The clock, against the newest event.
pub fn clock(visit: &Visit, examined: Option<&Examined>) -> Finding {
    /// 2025-01-01: no machine that runs this can be at an earlier time.
    const EARLIEST_US: i64 = 1_735_689_600_000_000;
    /// Clocks of machines that were restarted differ by less.
    const TOLERATED_US: i64 = 2_000_000;
    /// Nobody keeps a node that records nothing for so long.
    const SILENT_US: i64 = 366 * DAY_US;
    const SET_IT: &str =
        "set the clock (timedatectl set-ntp true), and see that the battery of the clock is good";

    let now = keruen_proto::cloudevent::utc_time(visit.now_us - visit.now_us.rem_euclid(1_000_000));
    let newest_us = examined
        .filter(|examined| examined.head.position > 0)
        .map(|examined| examined.head.recorded_at_us);
    let finding = match newest_us {
        _ if visit.now_us < EARLIEST_US => {
            Finding::attention("clock", format!("{now}: that can't be"), SET_IT)
        }
        Some(newest_us) if newest_us - visit.now_us > TOLERATED_US => Finding::attention(
            "clock",
            format!(
                "{now}, which is {} before the newest event: it is behind now, or was ahead then",
                duration_text(newest_us - visit.now_us)
            ),
            format!(
                "{SET_IT}; until it has caught up, events are recorded under the time of the newest one"
            ),
        ),
        Some(newest_us) if visit.now_us - newest_us > SILENT_US => Finding::attention(
            "clock",
            format!(
                "{now}, which is {} after the newest event: it is ahead, or nothing was recorded",
                duration_text(visit.now_us - newest_us)
            ),
            SET_IT,
        ),
        Some(newest_us) => Finding::ok(
            "clock",
            format!(
                "{now}; the newest event is {} old",
                duration_text((visit.now_us - newest_us).max(0))
            ),
        ),
        None => Finding::ok("clock", now),
    };
    finding
        .figure("now_us", visit.now_us)
        .figure("newest_recorded_at_us", newest_us)
}
