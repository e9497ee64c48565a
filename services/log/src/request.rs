//! Append requests and queries, checked against every bound before they reach the sequencer.

use std::fmt;

use keruen_proto::log::v1::{
    AppendCondition, AppendRequest, Correction, CorrectionReason, OccurredAt, ProposedEvent, Query,
    TimePrecision,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    append::Violation,
    bounds::{
        Bounds, MAX_EVENT_TAGS, MAX_ITEM_TERMS, MAX_QUERY_ITEMS, MAX_QUERY_TERMS,
        MAX_UTC_OFFSET_MINUTES, TIME_RANGE_US,
    },
    syntax,
    tree::Hash,
};

/// Size in bytes of an event's JSON, from its type and data; an error refuses the append.
pub type Transcoder = std::sync::Arc<dyn Fn(&str, &[u8]) -> Result<usize, String> + Send + Sync>;

/// An append request that keeps every rule that can be checked without the log.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub command_id: Uuid,
    pub command_hash: [u8; 32],
    pub actor: String,
    pub origin: String,
    /// At least one; with tags sorted and without duplicates, a time that occurred, and SHA-256 of its data: what each
    /// caller can do by himself, the one writer need not.
    pub events: Vec<(ProposedEvent, OccurredAt, Hash)>,
    pub condition: Option<Condition>,
    /// Microseconds since 1970-01-01T00:00:00Z; 0 means never.
    pub deadline_us: i64,
    /// Size of the request on the wire.
    pub bytes: usize,
}

/// Which events must not stand above which position.
#[derive(Debug)]
pub(crate) struct Condition {
    pub query: Query,
    pub after_position: u64,
}

impl Candidate {
    /// Checks everything that needs no look at the log. The error names the first field that breaks a rule.
    pub fn parse(
        request: AppendRequest,
        bounds: &Bounds,
        transcoder: Option<&Transcoder>,
    ) -> Result<Self, Violation> {
        let bytes = request.encoded_len();
        within("request", "bytes", bytes, bounds.append_bytes)?;
        let command_id = at("command_id", syntax::uuid(&request.command_id))?;
        let command_hash = <[u8; 32]>::try_from(request.command_hash.as_slice()).map_err(|_| {
            let found = request.command_hash.len();
            Violation::new("command_hash", format!("must have 32 bytes, found {found}"))
        })?;
        at("actor", syntax::reference(&request.actor))?;
        at("origin", syntax::reference(&request.origin))?;
        if request.deadline_us < 0 {
            return Err(Violation::new(
                "deadline_us",
                format!("must not be negative, found {}", request.deadline_us),
            ));
        }
        if request.events.is_empty() {
            return Err(Violation::new("events", "must hold at least one event"));
        }
        within(
            "events",
            "events",
            request.events.len(),
            bounds.append_events,
        )?;
        let condition = request.condition.map(parse_condition).transpose()?;
        let mut events = Vec::with_capacity(request.events.len());
        for (index, event) in request.events.into_iter().enumerate() {
            let path = format_args!("events[{index}]");
            events.push(parse_event(path, event, bounds, transcoder)?);
        }
        Ok(Self {
            command_id,
            command_hash,
            actor: request.actor,
            origin: request.origin,
            events,
            condition,
            deadline_us: request.deadline_us,
            bytes,
        })
    }
}

fn parse_condition(condition: AppendCondition) -> Result<Condition, Violation> {
    // An absent query would read as "no event at all"; nobody means that by leaving a field out.
    let query = condition.query.ok_or_else(|| {
        Violation::new(
            "condition.query",
            "is missing; leave out the condition, or state a query",
        )
    })?;
    check_query("condition.query", &query)?;
    Ok(Condition {
        query,
        after_position: condition.after_position,
    })
}

fn parse_event(
    path: fmt::Arguments<'_>,
    mut event: ProposedEvent,
    bounds: &Bounds,
    transcoder: Option<&Transcoder>,
) -> Result<(ProposedEvent, OccurredAt, Hash), Violation> {
    at(
        format_args!("{path}.type"),
        syntax::event_type(&event.r#type),
    )?;
    for (index, tag) in event.tags.iter().enumerate() {
        at(format_args!("{path}.tags[{index}]"), syntax::tag(tag))?;
    }
    event.tags.sort_unstable();
    event.tags.dedup();
    within(
        format_args!("{path}.tags"),
        "tags",
        event.tags.len(),
        MAX_EVENT_TAGS,
    )?;
    optional(path, "region", &event.region, syntax::region)?;
    optional(path, "other_region", &event.other_region, syntax::region)?;
    optional(
        path,
        "correlation_id",
        &event.correlation_id,
        syntax::event_id,
    )?;
    optional(path, "causation_id", &event.causation_id, syntax::event_id)?;
    if let Some(correction) = &event.correction {
        check_correction(path, correction)?;
    }
    let occurred_at = check_occurred_at(path, event.occurred_at)?;
    check_data(path, &event, bounds, transcoder)?;
    let data_hash = Sha256::digest(&event.data).into();
    Ok((event, occurred_at, data_hash))
}

fn check_data(
    path: fmt::Arguments<'_>,
    event: &ProposedEvent,
    bounds: &Bounds,
    transcoder: Option<&Transcoder>,
) -> Result<(), Violation> {
    within(
        format_args!("{path}.data"),
        "bytes",
        event.data.len(),
        bounds.data_bytes,
    )?;
    let Some(transcoder) = transcoder else {
        return Ok(());
    };
    let json_bytes = at(
        format_args!("{path}.data"),
        transcoder(&event.r#type, &event.data),
    )?;
    within(
        format_args!("{path}.data"),
        "bytes as JSON",
        json_bytes,
        bounds.json_bytes,
    )
}

fn check_correction(path: fmt::Arguments<'_>, correction: &Correction) -> Result<(), Violation> {
    at(
        format!("{path}.correction.corrects_event_id"),
        syntax::event_id(&correction.corrects_event_id),
    )?;
    match CorrectionReason::try_from(correction.reason) {
        Ok(CorrectionReason::IncorrectData | CorrectionReason::DidNotOccur) => Ok(()),
        _ => Err(Violation::new(
            format!("{path}.correction.reason"),
            format!("must be stated and known, found {}", correction.reason),
        )),
    }
}

fn check_occurred_at(
    path: fmt::Arguments<'_>,
    occurred_at: Option<OccurredAt>,
) -> Result<OccurredAt, Violation> {
    let path = format_args!("{path}.occurred_at");
    let Some(occurred_at) = occurred_at else {
        return Err(Violation::new(path.to_string(), "is missing"));
    };
    let OccurredAt {
        time_us,
        utc_offset_minutes,
        precision,
        ..
    } = occurred_at;
    if !TIME_RANGE_US.contains(&time_us) {
        return Err(Violation::new(
            format!("{path}.time_us"),
            format!("must lie in the years 1 to 9999, found {time_us}"),
        ));
    }
    // `unsigned_abs` has no overflow at i32::MIN.
    if utc_offset_minutes.unsigned_abs() > MAX_UTC_OFFSET_MINUTES.unsigned_abs() {
        return Err(Violation::new(
            format!("{path}.utc_offset_minutes"),
            format!("must lie within ±{MAX_UTC_OFFSET_MINUTES}, found {utc_offset_minutes}"),
        ));
    }
    match TimePrecision::try_from(precision) {
        Ok(TimePrecision::Second | TimePrecision::Minute | TimePrecision::Day) => Ok(occurred_at),
        _ => Err(Violation::new(
            format!("{path}.precision"),
            format!("must be stated and known, found {precision}"),
        )),
    }
}

/// Checks a query; `path` is the field that holds it.
pub(crate) fn check_query(path: impl fmt::Display, query: &Query) -> Result<(), Violation> {
    within(
        format_args!("{path}.items"),
        "items",
        query.items.len(),
        MAX_QUERY_ITEMS,
    )?;
    let mut terms = 0;
    for (index, item) in query.items.iter().enumerate() {
        let path = format_args!("{path}.items[{index}]");
        within(
            format_args!("{path}.types"),
            "types",
            item.types.len(),
            MAX_ITEM_TERMS,
        )?;
        within(
            format_args!("{path}.tags"),
            "tags",
            item.tags.len(),
            MAX_ITEM_TERMS,
        )?;
        terms += item.types.len() + item.tags.len();
        for (index, name) in item.types.iter().enumerate() {
            at(
                format_args!("{path}.types[{index}]"),
                syntax::event_type(name),
            )?;
        }
        for (index, tag) in item.tags.iter().enumerate() {
            at(format_args!("{path}.tags[{index}]"), syntax::tag(tag))?;
        }
    }
    within(path, "types and tags", terms, MAX_QUERY_TERMS)
}

/// The path is written out only where the rule is broken.
fn at<T>(path: impl fmt::Display, result: Result<T, String>) -> Result<T, Violation> {
    result.map_err(|rule| Violation::new(path.to_string(), rule))
}

fn optional(
    path: fmt::Arguments<'_>,
    field: &str,
    text: &str,
    check: fn(&str) -> Result<(), String>,
) -> Result<(), Violation> {
    if text.is_empty() {
        return Ok(());
    }
    at(format_args!("{path}.{field}"), check(text))
}

fn within(
    path: impl fmt::Display,
    unit: &str,
    found: usize,
    at_most: usize,
) -> Result<(), Violation> {
    if found <= at_most {
        return Ok(());
    }
    Err(Violation::new(
        path.to_string(),
        format!("must have at most {at_most} {unit}, found {found}"),
    ))
}
