//! The views: whether they follow the log, as far as what is stored of them and the log tell.

use std::{
    thread,
    time::{Duration, Instant},
};

use keruen_projections::{StoreError, StoredView};
use keruen_proto::Event;
use serde_json::json;

use super::{Head, finding::Finding};
use crate::render::record::grouped;

/// Views of a running node that are further behind than this do not follow.
const MAX_LAG_EVENTS: u64 = 10_000;
/// For how long a view of a running node is looked at that is behind, and how often.
const LOOK_FOR: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Where views are stored, and the log that they follow.
pub struct Place<'p> {
    /// Where each of them stands.
    pub stored: &'p dyn Fn() -> Result<Vec<StoredView>, StoreError>,
    /// Type and data of the event at a position of the log.
    pub event: &'p dyn Fn(u64) -> Option<(String, Vec<u8>)>,
    /// Where the log stands.
    pub head: &'p Head,
    /// Whether a node runs that moves them.
    pub is_running: bool,
    /// What to do where they can't be read.
    pub remedy: String,
}

/// A view, and what is stored of it.
struct Stored {
    name: &'static str,
    /// Of the rows that answer; 0 where there are none.
    version: u32,
    position: u64,
    events_behind: u64,
    standing: Standing,
}

/// How it is.
enum Standing {
    /// It follows, or will when the node starts.
    Following,
    /// There are no rows.
    Missing,
    /// The rows are of another version than this program's, which is this one.
    OfOtherVersion(u32),
    /// Its rows are of another log.
    OfAnotherLog,
    /// The next event can't be decoded: its type, and why.
    Parked(String, String),
    /// The node runs, and it does not move; the type of the next event.
    Still(String),
    /// The node runs, and it moves, far behind.
    FarBehind,
}

/// What there is to say of them.
pub fn examine(place: &Place<'_>) -> Finding {
    let views = match look(place) {
        Ok(views) => views,
        Err(error) if error.is_forbidden() => {
            let told = "this user may not read them; `keruen projections` asks a node";
            return Finding::ok("views", told);
        }
        Err(error) => {
            return Finding::attention("views", error.to_string(), place.remedy.as_str());
        }
    };
    let is_missing = |view: &Stored| matches!(view.standing, Standing::Missing);
    if views.iter().all(is_missing) {
        return Finding::ok("views", "none; the next start of the node makes them");
    }
    let told: Vec<String> = views.iter().map(tell).collect();
    let found = told.join("; ");
    let finding = match views.iter().find_map(|view| what_to_do(&view.standing)) {
        Some(what_to_do) => Finding::attention("views", found, what_to_do),
        None => Finding::ok("views", found),
    };
    let kept = || views.iter().filter(|view| !is_missing(view));
    let figures = kept().map(|view| {
        json!({
            "name": view.name,
            "version": view.version,
            "position": view.position,
            "events_behind": view.events_behind,
            "is_parked": matches!(view.standing, Standing::Parked(..)),
        })
    });
    finding
        .figure("view_position", kept().map(|view| view.position).min())
        .figure("events_behind", kept().map(|view| view.events_behind).max())
        .figure("views", figures.collect::<Vec<_>>())
}

/// Looks at them; of a running node until none stands still any more that is behind, or that is certain.
fn look(place: &Place<'_>) -> Result<Vec<Stored>, StoreError> {
    let first = look_once(place)?;
    let begun = Instant::now();
    loop {
        let mut views = look_once(place)?;
        let mut is_certain = true;
        for (view, before) in views.iter_mut().zip(&first) {
            let is_behind = place.is_running && view.events_behind > 0;
            if !is_behind || !matches!(view.standing, Standing::Following) {
                continue;
            }
            if view.position > before.position {
                if view.events_behind > MAX_LAG_EVENTS {
                    view.standing = Standing::FarBehind;
                }
            } else {
                is_certain = false;
                view.standing = Standing::Still(next_event(place, view.position).0);
            }
        }
        if is_certain || begun.elapsed() >= LOOK_FOR {
            return Ok(views);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

fn look_once(place: &Place<'_>) -> Result<Vec<Stored>, StoreError> {
    let stored = (place.stored)()?.into_iter();
    let views = stored.map(|(view, rows)| {
        let position = rows.as_ref().map_or(0, |(_, it)| it.position);
        let events_behind = place.head.position.saturating_sub(position);
        let standing = match &rows {
            None => Standing::Missing,
            Some((_, it)) if it.position > 0 && it.log_id[..] != place.head.log_id[..] => {
                Standing::OfAnotherLog
            }
            Some((version, _)) if *version != view.version => {
                Standing::OfOtherVersion(view.version)
            }
            Some(_) if events_behind == 0 => Standing::Following,
            Some(_) => match next_event(place, position) {
                (r#type, Some(defect)) => Standing::Parked(r#type, defect),
                _ => Standing::Following,
            },
        };
        Stored {
            name: view.name,
            version: rows.map_or(0, |(version, _)| version),
            position,
            events_behind,
            standing,
        }
    });
    Ok(views.collect())
}

/// Type of the event after a position, and why it can't be decoded, if that is so: no view passes such an event.
fn next_event(place: &Place<'_>, position: u64) -> (String, Option<String>) {
    match (place.event)(position + 1) {
        Some((r#type, data)) => {
            let defect = Event::decode(&r#type, &data).err();
            (r#type, defect.map(|error| error.to_string()))
        }
        // What can't be read is told by the row on the store.
        None => ("of an unknown type".to_owned(), None),
    }
}

fn tell(view: &Stored) -> String {
    let Stored { name, version, .. } = view;
    let number = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
    let behind = format!("{} events behind", number(view.events_behind));
    let next = view.position + 1;
    let stands = format!(
        "{name}: version {version}, at position {}",
        number(view.position)
    );
    match &view.standing {
        Standing::Missing => format!("{name}: none; the next start of the node makes it"),
        Standing::OfAnotherLog => {
            format!("{name}: of another log; the next start of the node makes it anew")
        }
        Standing::OfOtherVersion(own) => format!(
            "{stands}, {behind}; a node of this program makes version {own} of it when it starts"
        ),
        Standing::Following | Standing::FarBehind => format!("{stands}, {behind}"),
        Standing::Parked(r#type, defect) => format!(
            "{stands}, parked before the event at position {next} ({type}), {behind}: {defect}"
        ),
        Standing::Still(r#type) => format!(
            "{stands}, does not move, before the event at position {next} ({type}), {behind}"
        ),
    }
}

/// `None` where nothing is to be done.
fn what_to_do(standing: &Standing) -> Option<&'static str> {
    match standing {
        Standing::Missing
        | Standing::OfAnotherLog
        | Standing::OfOtherVersion(_)
        | Standing::Following => None,
        Standing::Parked(..) => Some(
            "run a version of the program that knows this event; until then questions are answered as of the event before",
        ),
        Standing::Still(_) => Some("`keruen projections` asks the node why"),
        Standing::FarBehind => Some(
            "run this again in a minute; if they do not come closer, `keruen projections` asks the node why",
        ),
    }
}
