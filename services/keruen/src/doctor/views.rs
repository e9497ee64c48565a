//! The views of an embedded node: whether they follow the log, as far as their files and the log tell.

use std::{
    thread,
    time::{Duration, Instant},
};

use keruen_projections::StoreError;
use keruen_proto::Event;
use serde_json::json;

use super::{Visit, finding::Finding, store::Examined};
use crate::render::record::grouped;

/// Views of a running node that are further behind than this do not follow.
const MAX_LAG_EVENTS: u64 = 10_000;
/// For how long a view of a running node is looked at that is behind, and how often.
const LOOK_FOR: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// A view, and what its files tell of it.
struct Stored {
    name: &'static str,
    position: u64,
    events_behind: u64,
    standing: Standing,
}

/// How it is.
enum Standing {
    /// It follows, or will when the node starts.
    Following,
    /// There are no rows of this version.
    Missing,
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
pub fn examine(visit: &Visit, examined: &Examined) -> Finding {
    let views = match look(visit, examined) {
        Ok(views) => views,
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
fn look(visit: &Visit, examined: &Examined) -> Result<Vec<Stored>, StoreError> {
    let first = look_once(visit, examined)?;
    let begun = Instant::now();
    loop {
        let mut views = look_once(visit, examined)?;
        let mut is_certain = true;
        for (view, before) in views.iter_mut().zip(&first) {
            let is_behind = examined.is_running && view.events_behind > 0;
            if !is_behind || !matches!(view.standing, Standing::Following) {
                continue;
            }
            if view.position > before.position {
                if view.events_behind > MAX_LAG_EVENTS {
                    view.standing = Standing::FarBehind;
                }
            } else {
                is_certain = false;
                view.standing = Standing::Still(next_event(examined, view.position).0);
            }
        }
        if is_certain || begun.elapsed() >= LOOK_FOR {
            return Ok(views);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

fn look_once(visit: &Visit, examined: &Examined) -> Result<Vec<Stored>, StoreError> {
    let stored = keruen_projections::stored_checkpoints(&visit.store.folder)?;
    let views = stored.into_iter().map(|(view, checkpoint)| {
        let position = checkpoint.as_ref().map_or(0, |it| it.position);
        let events_behind = examined.head.position.saturating_sub(position);
        let standing = match checkpoint {
            None => Standing::Missing,
            Some(it) if it.position > 0 && it.log_id != examined.head.log_id => {
                Standing::OfAnotherLog
            }
            Some(_) if events_behind == 0 => Standing::Following,
            Some(_) => match next_event(examined, position) {
                (r#type, Some(defect)) => Standing::Parked(r#type, defect),
                _ => Standing::Following,
            },
        };
        Stored {
            name: view.name,
            position,
            events_behind,
            standing,
        }
    });
    Ok(views.collect())
}

/// Type of the event after a position, and why it can't be decoded, if that is so: no view passes such an event.
fn next_event(examined: &Examined, position: u64) -> (String, Option<String>) {
    match examined.reader.event(position + 1) {
        Ok(Some((r#type, data))) => {
            let defect = Event::decode(&r#type, &data).err();
            (r#type, defect.map(|error| error.to_string()))
        }
        // What can't be read is told by the row on the store.
        Ok(None) | Err(_) => ("of an unknown type".to_owned(), None),
    }
}

fn tell(view: &Stored) -> String {
    let Stored {
        name,
        position,
        events_behind,
        ..
    } = view;
    let behind = grouped(i64::try_from(*events_behind).unwrap_or(i64::MAX));
    let next = position + 1;
    match &view.standing {
        Standing::Missing => format!("{name}: none; the next start of the node makes it"),
        Standing::OfAnotherLog => {
            format!("{name}: of another log; the next start of the node makes it anew")
        }
        Standing::Following | Standing::FarBehind => format!("{name}: {behind} events behind"),
        Standing::Parked(r#type, defect) => format!(
            "{name}: parked before the event at position {next} ({type}), {behind} events behind: {defect}"
        ),
        Standing::Still(r#type) => format!(
            "{name}: does not move, before the event at position {next} ({type}), {behind} events behind"
        ),
    }
}

/// `None` where nothing is to be done.
fn what_to_do(standing: &Standing) -> Option<&'static str> {
    match standing {
        Standing::Missing | Standing::OfAnotherLog | Standing::Following => None,
        Standing::Parked(..) => Some(
            "run a version of the program that knows this event; until then questions are answered as of the event before",
        ),
        Standing::Still(_) => Some("`keruen projections` asks the node why"),
        Standing::FarBehind => Some(
            "run this again in a minute; if they do not come closer, `keruen projections` asks the node why",
        ),
    }
}
