//! Goes through a log's events as somebody who knows only the rules, and computes leaves and tree anew.

use std::collections::BTreeMap;

use keruen_proto::log::v1::{CorrectionReason, OccurredAt, RecordedEvent, TimePrecision};
use prost::bytes::Bytes;

use super::finding::Finding;
use crate::{
    append::Violation,
    bounds::{MAX_APPEND_EVENTS, MAX_UTC_OFFSET_MINUTES, TIME_RANGE_US},
    entry, syntax,
    tree::{Hash, Tile, Tree},
};

/// How many types are counted by name; a broken log can hold as many as events.
const COUNTED_TYPES: usize = 10_000;

/// The events of a log, taken in from the first on.
#[derive(Debug)]
pub struct Replay {
    log_id: [u8; 16],
    tree: Tree,
    recorded_at_us: Option<(i64, i64)>,
    append: Option<OpenAppend>,
    appends: u64,
    types: BTreeMap<String, u64>,
}

/// The append that the newest event belongs to.
#[derive(Debug)]
struct OpenAppend {
    first: RecordedEvent,
    /// What each event says of how many events the append has, where that is known.
    stated_events: Vec<Option<u32>>,
}

/// What an event has led to.
#[derive(Debug, Default)]
pub struct Step {
    /// Tiles that it completed.
    pub completed: Vec<Tile>,
}

impl Replay {
    /// Before the first event of the log with this id.
    pub fn new(log_id: [u8; 16]) -> Self {
        Self {
            log_id,
            tree: Tree::default(),
            recorded_at_us: None,
            append: None,
            appends: 0,
            types: BTreeMap::new(),
        }
    }

    /// Position of the newest event.
    pub fn position(&self) -> u64 {
        self.tree.size()
    }

    /// The root over all leaves so far.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How many appends have ended.
    pub fn appends(&self) -> u64 {
        self.appends
    }

    /// Times at which the first and the newest event were recorded, in microseconds.
    pub fn recorded_at_us(&self) -> Option<(i64, i64)> {
        self.recorded_at_us
    }

    /// How many events there are of each type.
    pub fn types(&self) -> &BTreeMap<String, u64> {
        &self.types
    }

    /// Takes in the next event. `append_events` is what the store says of how many events its append has.
    pub fn take_in(
        &mut self,
        event: &RecordedEvent,
        append_events: Option<u32>,
    ) -> Result<Step, Finding> {
        let position = self.position() + 1;
        if event.position != position {
            let found = format!(
                "the event is missing; the next one there is has position {}",
                event.position
            );
            return Err(Finding::event(position, found));
        }
        let at = |found: String| Finding::event(position, found);
        check_fields(event).map_err(|violation| at(violation.to_string()))?;
        let leaf = self.check_leaf(event).map_err(at)?;
        self.check_time(event).map_err(at)?;
        self.check_append(event, append_events)?;
        let mut step = Step::default();
        self.tree.push(leaf, &mut step.completed);
        if self.types.len() < COUNTED_TYPES || self.types.contains_key(&event.r#type) {
            *self.types.entry(event.r#type.clone()).or_default() += 1;
        }
        Ok(step)
    }

    /// Ends the append at hand: at the end of the log.
    pub fn finish(&mut self) -> Result<(), Finding> {
        match self.append.take() {
            Some(append) => {
                self.appends += 1;
                append.check_events()
            }
            None => Ok(()),
        }
    }

    fn check_leaf(&self, event: &RecordedEvent) -> Result<Hash, String> {
        let leaf =
            entry::leaf_hash(&self.log_id, event).map_err(|violation| violation.to_string())?;
        if event.leaf_hash[..] == leaf {
            return Ok(leaf);
        }
        Err(format!(
            "its content gives the leaf hash {}, and {} is stored: the row was changed after it was recorded",
            hex(&leaf),
            hex(&event.leaf_hash)
        ))
    }

    fn check_time(&mut self, event: &RecordedEvent) -> Result<(), String> {
        let (first, before) = self
            .recorded_at_us
            .unwrap_or((event.recorded_at_us, event.recorded_at_us));
        if event.recorded_at_us < before {
            return Err(format!(
                "recorded_at_us: {} is before {before}, when the event before it was recorded",
                event.recorded_at_us
            ));
        }
        self.recorded_at_us = Some((first, event.recorded_at_us));
        Ok(())
    }

    fn check_append(
        &mut self,
        event: &RecordedEvent,
        append_events: Option<u32>,
    ) -> Result<(), Finding> {
        let belongs = self
            .append
            .as_ref()
            .is_some_and(|append| append.first.command_id == event.command_id);
        if !belongs {
            self.finish()?;
            self.append = Some(OpenAppend {
                // Without what can be large and is not compared.
                first: RecordedEvent {
                    data: Bytes::new(),
                    tags: Vec::new(),
                    ..event.clone()
                },
                stated_events: Vec::new(),
            });
        }
        let Some(append) = &mut self.append else {
            return Ok(());
        };
        append
            .check(event)
            .map_err(|found| Finding::event(event.position, found))?;
        append.stated_events.push(append_events);
        Ok(())
    }
}

impl OpenAppend {
    /// Whether an event can be the next one.
    fn check(&self, event: &RecordedEvent) -> Result<(), String> {
        let index = self.stated_events.len();
        if index >= MAX_APPEND_EVENTS {
            return Err(format!(
                "its append has more than {MAX_APPEND_EVENTS} events"
            ));
        }
        if event.event_id != format!("{}/{index}", event.command_id) {
            return Err(format!(
                "event_id: it is event {index} of its append in the log, found {}",
                event.event_id
            ));
        }
        for (field, own, first) in [
            ("actor", &event.actor, &self.first.actor),
            ("origin", &event.origin, &self.first.origin),
        ] {
            if own != first {
                return Err(format!(
                    "{field}: {own:?} differs from {first:?} of the first event of its append"
                ));
            }
        }
        if event.command_hash != self.first.command_hash {
            return Err(
                "command_hash: it differs from that of the first event of its append".to_owned(),
            );
        }
        if event.recorded_at_us != self.first.recorded_at_us {
            return Err(format!(
                "recorded_at_us: {} differs from {} of the first event of its append",
                event.recorded_at_us, self.first.recorded_at_us
            ));
        }
        Ok(())
    }

    /// Whether what its events say of their number is true.
    fn check_events(&self) -> Result<(), Finding> {
        let events = self.stated_events.len();
        for (position, stated) in (self.first.position..).zip(&self.stated_events) {
            if let Some(stated) = stated
                && usize::try_from(*stated) != Ok(events)
            {
                let found = format!(
                    "append_events: its append has {events} events in the log, found {stated}"
                );
                return Err(Finding::event(position, found));
            }
        }
        Ok(())
    }
}

/// What can be said of an event by itself.
fn check_fields(event: &RecordedEvent) -> Result<(), Violation> {
    let at = |field: &str, checked: Result<(), String>| {
        checked.map_err(|rule| Violation::new(field, rule))
    };
    let optional = |field: &str, text: &str, check: fn(&str) -> Result<(), String>| {
        at(field, if text.is_empty() { Ok(()) } else { check(text) })
    };
    at("type", syntax::event_type(&event.r#type))?;
    for (index, tag) in event.tags.iter().enumerate() {
        at(&format!("tags[{index}]"), syntax::tag(tag))?;
    }
    optional("region", &event.region, syntax::region)?;
    optional("other_region", &event.other_region, syntax::region)?;
    at("actor", syntax::reference(&event.actor))?;
    at("origin", syntax::reference(&event.origin))?;
    optional("correlation_id", &event.correlation_id, syntax::event_id)?;
    optional("causation_id", &event.causation_id, syntax::event_id)?;
    if let Some(correction) = &event.correction {
        at(
            "corrects_event_id",
            syntax::event_id(&correction.corrects_event_id),
        )?;
        let is_known = matches!(
            CorrectionReason::try_from(correction.reason),
            Ok(CorrectionReason::IncorrectData | CorrectionReason::DidNotOccur)
        );
        stated("correction_reason", is_known, correction.reason)?;
    }
    check_occurred_at(event)
}

fn check_occurred_at(event: &RecordedEvent) -> Result<(), Violation> {
    let occurred_at: OccurredAt = event
        .occurred_at
        .ok_or_else(|| Violation::new("occurred_at", "is missing"))?;
    let time_us = occurred_at.time_us;
    if !TIME_RANGE_US.contains(&time_us) || time_us > event.recorded_at_us {
        return Err(Violation::new(
            "occurred_at_us",
            format!(
                "must lie in the years 1 to 9999 and not after the event was recorded, at {}, found {time_us}",
                event.recorded_at_us
            ),
        ));
    }
    let offset = occurred_at.utc_offset_minutes;
    if offset.unsigned_abs() > MAX_UTC_OFFSET_MINUTES.unsigned_abs() {
        return Err(Violation::new(
            "occurred_offset_minutes",
            format!("must lie within ±{MAX_UTC_OFFSET_MINUTES}, found {offset}"),
        ));
    }
    let is_known = matches!(
        TimePrecision::try_from(occurred_at.precision),
        Ok(TimePrecision::Second | TimePrecision::Minute | TimePrecision::Day)
    );
    stated("occurred_precision", is_known, occurred_at.precision)
}

fn stated(field: &str, is_known: bool, found: i32) -> Result<(), Violation> {
    if is_known {
        return Ok(());
    }
    Err(Violation::new(
        field,
        format!("must be stated and known, found {found}"),
    ))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
