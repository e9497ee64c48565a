//! Events as rows.

use keruen_proto::log::v1::{Correction, OccurredAt, RecordedEvent};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::{
    entry,
    index::storage::Damage,
    log::ReadError,
    store::{NewEvent, StoreError},
};

/// Why a row can't be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The index and the events contradict each other.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

impl From<RowError> for ReadError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Sqlite(error) => Self::Unavailable(error.to_string()),
            RowError::Damaged(damage) => damage.refused(),
        }
    }
}

impl From<RowError> for StoreError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Sqlite(error) => Self::Failed(error.to_string()),
            RowError::Damaged(damage) => Self::Damaged(damage.to_string()),
        }
    }
}

/// A position as SQLite holds it.
pub(super) fn stored(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// A position that SQLite held; a check there keeps it positive.
pub(super) fn from_stored(position: i64) -> u64 {
    u64::try_from(position).unwrap_or(0)
}

/// What every SELECT of whole events begins with; the order is that of [`event_of`].
const SELECT: &str = "SELECT position, command_id, event_index, type, tags, region, other_region, data, \
    occurred_at_us, occurred_offset_minutes, occurred_precision, occurred_clamped, recorded_at_us, command_hash, \
    actor, origin, correlation_id, causation_id, corrects_event_id, correction_reason, leaf_hash FROM events";

fn event_of(row: &Row<'_>) -> rusqlite::Result<RecordedEvent> {
    let command_id = Uuid::from_bytes(row.get(1)?);
    let text = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str()?.to_owned());
    let bytes = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_blob()?.to_owned());
    let correction = match row.get::<_, Option<String>>(18)? {
        None => None,
        Some(corrects_event_id) => Some(Correction {
            corrects_event_id,
            reason: row.get(19)?,
        }),
    };
    let event_id = entry::event_id(command_id, row.get(2)?);
    Ok(RecordedEvent {
        position: from_stored(row.get(0)?),
        command_id: entry::command_id_in(&event_id).to_owned(),
        event_id,
        r#type: text(3)?,
        tags: entry::tags_in(row.get_ref(4)?.as_str()?),
        region: text(5)?,
        other_region: text(6)?,
        data: bytes(7)?,
        occurred_at: Some(OccurredAt {
            time_us: row.get(8)?,
            utc_offset_minutes: row.get(9)?,
            precision: row.get(10)?,
            clamped: row.get(11)?,
        }),
        recorded_at_us: row.get(12)?,
        command_hash: bytes(13)?,
        actor: text(14)?,
        origin: text(15)?,
        correlation_id: text(16)?,
        causation_id: text(17)?,
        correction,
        leaf_hash: bytes(20)?,
    })
}

/// Stores events.
pub(super) fn insert(connection: &Connection, events: &[NewEvent]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO events (position, command_id, command_hash, event_index, append_events, type, tags, \
         region, other_region, data, occurred_at_us, occurred_offset_minutes, occurred_precision, \
         occurred_clamped, recorded_at_us, actor, origin, correlation_id, causation_id, corrects_event_id, \
         correction_reason, leaf_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
         ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
    )?;
    for new in events {
        let event = &new.event;
        let occurred_at = event.occurred_at.unwrap_or_default();
        let correction = event.correction.as_ref();
        statement.execute(params![
            stored(event.position),
            new.command_id.as_bytes(),
            event.command_hash,
            new.index,
            new.append_events,
            event.r#type,
            event.tags.join(" "),
            event.region,
            event.other_region,
            event.data,
            occurred_at.time_us,
            occurred_at.utc_offset_minutes,
            occurred_at.precision,
            occurred_at.clamped,
            event.recorded_at_us,
            event.actor,
            event.origin,
            event.correlation_id,
            event.causation_id,
            correction.map(|correction| &correction.corrects_event_id),
            correction.map(|correction| correction.reason),
            event.leaf_hash,
        ])?;
    }
    Ok(())
}

/// The event at a position that the index names.
pub(super) fn fetch(connection: &Connection, position: u64) -> Result<RecordedEvent, RowError> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE position = ?1"))?
        .query_row([stored(position)], event_of)
        .optional()?
        .ok_or_else(|| Damage::new(position, "the index names an event that is not there").into())
}

/// Hands the events of `first..=last` to `take`, in order, until it answers false.
pub(super) fn scan(
    connection: &Connection,
    first: u64,
    last: u64,
    mut take: impl FnMut(RecordedEvent) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "{SELECT} WHERE position BETWEEN ?1 AND ?2 ORDER BY position"
    ))?;
    let mut rows = statement.query((stored(first), stored(last)))?;
    while let Some(row) = rows.next()? {
        if !take(event_of(row)?) {
            break;
        }
    }
    Ok(())
}
