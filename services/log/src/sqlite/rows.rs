//! Events as rows.

use keruen_proto::log::v1::{Correction, OccurredAt, RecordedEvent};
use prost::bytes::{Bytes, BytesMut};
use rusqlite::{
    Connection, OptionalExtension as _, Row,
    types::{FromSql, FromSqlResult, ValueRef},
};
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

/// The columns of a whole event, in the order of [`event_of`].
macro_rules! columns {
    () => {
        "position, command_id, event_index, type, tags, region, other_region, data, occurred_at_us, \
         occurred_offset_minutes, occurred_precision, occurred_clamped, recorded_at_us, command_hash, actor, origin, \
         correlation_id, causation_id, corrects_event_id, correction_reason, leaf_hash"
    };
}
pub(super) use columns;

/// How many they are.
pub(super) const COLUMNS: i32 = 21;

/// Bytes of the blobs of several events share this many, so that few pieces of memory are asked for. One event that is
/// kept keeps no more than that.
const SHARED_BYTES: usize = 16 * 1024;

/// The blobs of the events that are read one after the other.
#[derive(Debug, Default)]
pub(super) struct Blobs(BytesMut);

impl Blobs {
    fn copy(&mut self, blob: &[u8]) -> Bytes {
        if self.0.capacity() < blob.len() {
            self.0 = BytesMut::with_capacity(blob.len().max(SHARED_BYTES));
        }
        self.0.extend_from_slice(blob);
        self.0.split().freeze()
    }
}

/// The event with these columns.
pub(super) fn event_of<'r>(
    column: impl Fn(usize) -> rusqlite::Result<ValueRef<'r>>,
    blobs: &mut Blobs,
) -> rusqlite::Result<RecordedEvent> {
    let columns = Columns(column);
    let correction = match columns.get::<Option<String>>(18)? {
        None => None,
        Some(corrects_event_id) => Some(Correction {
            corrects_event_id,
            reason: columns.get(19)?,
        }),
    };
    let event_id = entry::event_id(Uuid::from_bytes(columns.get(1)?), columns.get(2)?);
    Ok(RecordedEvent {
        position: from_stored(columns.get(0)?),
        command_id: entry::command_id_in(&event_id).to_owned(),
        event_id,
        r#type: columns.get(3)?,
        tags: columns.read(4, |value| Ok(entry::tags_in(value.as_str()?)))?,
        region: columns.get(5)?,
        other_region: columns.get(6)?,
        data: columns.read(7, |value| Ok(blobs.copy(value.as_blob()?)))?,
        occurred_at: Some(OccurredAt {
            time_us: columns.get(8)?,
            utc_offset_minutes: columns.get(9)?,
            precision: columns.get(10)?,
            clamped: columns.get(11)?,
        }),
        recorded_at_us: columns.get(12)?,
        command_hash: columns.read(13, |value| Ok(blobs.copy(value.as_blob()?)))?,
        actor: columns.get(14)?,
        origin: columns.get(15)?,
        correlation_id: columns.get(16)?,
        causation_id: columns.get(17)?,
        correction,
        leaf_hash: columns.read(20, |value| Ok(blobs.copy(value.as_blob()?)))?,
    })
}

struct Columns<F>(F);

impl<'r, F: Fn(usize) -> rusqlite::Result<ValueRef<'r>>> Columns<F> {
    fn get<T: FromSql>(&self, index: usize) -> rusqlite::Result<T> {
        self.read(index, T::column_result)
    }

    fn read<T>(
        &self,
        index: usize,
        read: impl FnOnce(ValueRef<'r>) -> FromSqlResult<T>,
    ) -> rusqlite::Result<T> {
        let value = (self.0)(index)?;
        read(value).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(index, value.data_type(), Box::new(error))
        })
    }
}

fn event_of_row(row: &Row<'_>, blobs: &mut Blobs) -> rusqlite::Result<RecordedEvent> {
    event_of(|column| row.get_ref(column), blobs)
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
    let mut tags = String::new();
    let mut before: Option<&NewEvent> = None;
    for new in events {
        let event = &new.event;
        // What the events of an append share stays bound.
        if before.is_none_or(|before| before.command_id != new.command_id) {
            statement.raw_bind_parameter(2, new.command_id.as_bytes())?;
            statement.raw_bind_parameter(3, &event.command_hash[..])?;
            statement.raw_bind_parameter(5, new.append_events)?;
            statement.raw_bind_parameter(15, event.recorded_at_us)?;
            statement.raw_bind_parameter(16, &event.actor)?;
            statement.raw_bind_parameter(17, &event.origin)?;
        }
        let changed = |text: Text| before.is_none_or(|before| text(&before.event) != text(event));
        for (number, text) in SELDOM_CHANGED {
            if changed(text) {
                statement.raw_bind_parameter(number, text(event))?;
            }
        }
        tags.clear();
        for tag in &event.tags {
            if !tags.is_empty() {
                tags.push(' ');
            }
            tags.push_str(tag);
        }
        let occurred_at = event.occurred_at.unwrap_or_default();
        let correction = event.correction.as_ref();
        statement.raw_bind_parameter(1, stored(event.position))?;
        statement.raw_bind_parameter(4, new.index)?;
        statement.raw_bind_parameter(7, &tags)?;
        statement.raw_bind_parameter(10, &event.data[..])?;
        statement.raw_bind_parameter(11, occurred_at.time_us)?;
        statement.raw_bind_parameter(12, occurred_at.utc_offset_minutes)?;
        statement.raw_bind_parameter(13, occurred_at.precision)?;
        statement.raw_bind_parameter(14, occurred_at.clamped)?;
        statement.raw_bind_parameter(20, correction.map(|it| &it.corrects_event_id))?;
        statement.raw_bind_parameter(21, correction.map(|it| it.reason))?;
        statement.raw_bind_parameter(22, &event.leaf_hash[..])?;
        statement.raw_execute()?;
        before = Some(new);
    }
    Ok(())
}

/// A text of an event.
type Text = for<'e> fn(&'e RecordedEvent) -> &'e String;

/// Parameters of the insert that are often the same from one event to the next.
const SELDOM_CHANGED: [(usize, Text); 5] = [
    (6, |event| &event.r#type),
    (8, |event| &event.region),
    (9, |event| &event.other_region),
    (18, |event| &event.correlation_id),
    (19, |event| &event.causation_id),
];

/// Position of the newest event in a snapshot.
pub(super) fn head(snapshot: &Connection) -> rusqlite::Result<u64> {
    snapshot
        .prepare_cached("SELECT position FROM log_head")?
        .query_row([], |row| row.get(0).map(from_stored))
}

/// The event at a position that the index names.
pub(super) fn fetch(connection: &Connection, position: u64) -> Result<RecordedEvent, RowError> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM events WHERE position = ?1"
        ))?
        .query_row([stored(position)], |row| {
            event_of_row(row, &mut Blobs::default())
        })
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
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        " FROM events WHERE position BETWEEN ?1 AND ?2 ORDER BY position"
    ))?;
    let mut rows = statement.query((stored(first), stored(last)))?;
    let mut blobs = Blobs::default();
    while let Some(row) = rows.next()? {
        if !take(event_of_row(row, &mut blobs)?) {
            break;
        }
    }
    Ok(())
}
