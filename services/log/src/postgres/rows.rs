//! Events as rows.

use futures::TryStreamExt as _;
use keruen_proto::log::v1::{OccurredAt, RecordedEvent};
use prost::bytes::Bytes;
use sqlx::{
    PgConnection, Postgres, Row as _, ValueRef as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{
    fields::{self, COLUMNS, Copied, Malformed, columns},
    index,
    session::Fault,
};
use crate::{
    index::{run::Changes, storage::Damage},
    page::PageInProgress,
    store::{Group, NewEvent, Tip},
};

/// A position as PostgreSQL holds it.
pub(super) fn stored(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// A position that PostgreSQL held; a check there keeps it positive.
pub(super) fn from_stored(position: i64) -> u64 {
    u64::try_from(position).unwrap_or(0)
}

/// Adds the first events of `first..=last` to a page, at most `limit`, as far as they have room. By COPY, since many
/// rows cost the server and this side less so.
pub(super) async fn scan(
    connection: &mut PgConnection,
    (first, last): (u64, u64),
    limit: usize,
    page: &mut PageInProgress,
) -> Result<(), Fault> {
    // COPY takes no parameters, and these are numbers.
    let statement = format!(
        concat!(
            "COPY (SELECT ",
            columns!(),
            " FROM keruen_log.events WHERE position BETWEEN {} AND {} ORDER BY position LIMIT {}) \
             TO STDOUT (FORMAT binary)"
        ),
        stored(first),
        stored(last),
        limit
    );
    let mut copying = connection.copy_out_raw(&statement).await?;
    let mut copied = Copied::default();
    let mut has_room = true;
    while let Some(piece) = copying.try_next().await? {
        // The rest has to be taken from the connection all the same.
        if has_room {
            let take = |event| has_room = has_room && page.add(event);
            copied.read(&piece, take).map_err(malformed)?;
        }
    }
    Ok(())
}

/// The events at positions that the index names, which ascend.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    positions: &[u64],
) -> Result<Vec<RecordedEvent>, Fault> {
    let wanted: Vec<i64> = positions.iter().copied().map(stored).collect();
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM keruen_log.events WHERE position = ANY($1) ORDER BY position"
    ))
    .bind(wanted)
    .fetch_all(connection)
    .await?;
    let events: Vec<_> = rows.iter().map(event_of).collect::<Result<_, Fault>>()?;
    let mut found = events.iter().map(|event| event.position);
    match positions
        .iter()
        .find(|&&wanted| found.next() != Some(wanted))
    {
        None => Ok(events),
        Some(&position) => {
            Err(Damage::new(position, "the index names an event that is not there").into())
        }
    }
}

fn event_of(row: &PgRow) -> Result<RecordedEvent, Fault> {
    let mut columns = [None; COLUMNS];
    for (index, column) in columns.iter_mut().enumerate() {
        // Answers to prepared statements come in binary form.
        let value = row.try_get_raw(index)?;
        if !value.is_null() {
            *column = Some(value.as_bytes().map_err(sqlx::Error::Decode)?);
        }
    }
    fields::event_of(columns.into_iter(), Bytes::copy_from_slice).map_err(malformed)
}

fn malformed(malformed: Malformed) -> Fault {
    Fault::Sql(sqlx::Error::Decode(malformed.into()))
}

/// A group as one statement: the head moves if it is where this writer left it, and only then the rest is stored. Each
/// form says in its own way whether it did.
mod statement {
    use super::index::index_changes;

    macro_rules! moved {
        ($rest:expr) => {
            concat!(
                "WITH moved AS ( \
                    UPDATE keruen_log.log_head SET position = $1, recorded_at_us = $2, frontier = $3, \
                        previous_position = $6 \
                    WHERE writer_id = $4 AND epoch = $5 AND position = $6 RETURNING position \
                )",
                $rest
            )
        };
    }

    macro_rules! insert_events {
        ($values:literal) => {
            concat!(
                " INSERT INTO keruen_log.events (position, command_id, command_hash, event_index, append_events, type, \
                    tags, region, other_region, data, occurred_at_us, occurred_offset_minutes, occurred_precision, \
                    occurred_clamped, recorded_at_us, actor, origin, correlation_id, causation_id, corrects_event_id, \
                    correction_reason, leaf_hash) SELECT ",
                $values
            )
        };
    }

    macro_rules! insert_many {
        () => {
            insert_events!(
                "new.* FROM moved, unnest($7::bigint[], $8::uuid[], $9::bytea[], $10::integer[], $11::integer[], \
                $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::bigint[], $18::integer[], \
                $19::integer[], $20::boolean[], $21::bigint[], $22::text[], $23::text[], $24::text[], $25::text[], \
                $26::text[], $27::integer[], $28::bytea[]) AS new"
            )
        };
    }

    /// The events of one append: what they share is sent once, and what follows from their order not at all. Whatever
    /// comes as an array is put together row by row, which is most of what an insert costs.
    macro_rules! insert_append {
        () => {
            insert_events!(
                "$7::bigint + new.number - 1, $8::uuid, $9::bytea, ($10::integer + new.number - 1)::integer, $11::integer, \
                new.type, new.tags, new.region, new.other_region, new.data, new.occurred_at_us, new.offset_minutes, \
                new.precision, new.clamped, $21::bigint, $22::text, $23::text, new.correlation_id, new.causation_id, \
                new.corrects_event_id, new.correction_reason, new.leaf_hash \
                FROM moved, unnest($12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::bigint[], \
                $18::integer[], $19::integer[], $20::boolean[], $24::text[], $25::text[], $26::text[], $27::integer[], \
                $28::bytea[]) WITH ORDINALITY AS new (type, tags, region, other_region, data, occurred_at_us, \
                offset_minutes, precision, clamped, correlation_id, causation_id, corrects_event_id, correction_reason, \
                leaf_hash, number)"
            )
        };
    }

    /// One event and nothing else: as many rows as events are inserted if the head moved.
    pub const ONE_EVENT: &str = moved!(insert_events!(
        "$7::bigint, $8::uuid, $9::bytea, $10::integer, $11::integer, $12::text, $13::text, $14::text, $15::text, \
        $16::bytea, $17::bigint, $18::integer, $19::integer, $20::boolean, $21::bigint, $22::text, $23::text, \
        $24::text, $25::text, $26::text, $27::integer, $28::bytea FROM moved"
    ));

    /// Events and nothing else, likewise.
    pub const EVENTS: &str = moved!(insert_many!());
    /// The same, of one append.
    pub const APPEND: &str = moved!(insert_append!());

    macro_rules! everything {
        ($events:expr) => {
            moved!(concat!(
                ", new_events AS (",
                $events,
                "), new_tiles AS ( \
                    INSERT INTO keruen_log.tiles (level, number, hashes) \
                    SELECT new.* FROM moved, unnest($29::integer[], $30::bigint[], $31::bytea[]) AS new \
                )",
                index_changes!(),
                " SELECT FROM moved"
            ))
        };
    }

    /// Everything that a group may change; one row comes back if the head moved.
    pub const ALL: &str = everything!(insert_many!());
    /// The same, of one append.
    pub const ALL_OF_APPEND: &str = everything!(insert_append!());
}

/// Writes a group. False if the head was not where this writer left it; nothing is written then.
pub(super) async fn write(
    connection: &mut PgConnection,
    (writer_id, epoch): (Uuid, i64),
    (group, changes): (&Group, &Changes),
    (from, to): (&Tip, &Tip),
) -> Result<bool, Fault> {
    let moving = |text| {
        sqlx::query(text)
            .bind(stored(to.position()))
            .bind(to.recorded_at_us)
            .bind(to.tree.frontier())
            .bind(writer_id)
            .bind(epoch)
            .bind(stored(from.position()))
    };
    let inserted = match group.events.as_slice() {
        [only] if group.tiles.is_empty() && changes.is_empty() => {
            bind_event(moving(statement::ONE_EVENT), only)
        }
        events if group.tiles.is_empty() && changes.is_empty() && !events.is_empty() => {
            match of_one_append(events) {
                Some(first) => bind_events(moving(statement::APPEND), group, Some(first)),
                None => bind_events(moving(statement::EVENTS), group, None),
            }
        }
        events => {
            let statement = match of_one_append(events) {
                Some(first) => bind_events(moving(statement::ALL_OF_APPEND), group, Some(first)),
                None => bind_events(moving(statement::ALL), group, None),
            };
            let statement = bind_tiles(statement, group);
            let statement = index::bind_changes(statement, changes);
            return Ok(statement.fetch_optional(connection).await?.is_some());
        }
    };
    Ok(inserted.execute(connection).await?.rows_affected() > 0)
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// In the order of the columns in [`statement`].
fn bind_event<'q>(statement: Statement<'q>, new: &'q NewEvent) -> Statement<'q> {
    let event = &new.event;
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let occurred_at = occurred_at(event);
    let correction = event.correction.as_ref();
    statement
        .bind(stored(event.position))
        .bind(new.command_id)
        .bind(&event.command_hash[..])
        .bind(number(new.index))
        .bind(number(new.append_events))
        .bind(event.r#type.as_str())
        .bind(event.tags.join(" "))
        .bind(event.region.as_str())
        .bind(event.other_region.as_str())
        .bind(&event.data[..])
        .bind(occurred_at.time_us)
        .bind(occurred_at.utc_offset_minutes)
        .bind(occurred_at.precision)
        .bind(occurred_at.clamped)
        .bind(event.recorded_at_us)
        .bind(event.actor.as_str())
        .bind(event.origin.as_str())
        .bind(event.correlation_id.as_str())
        .bind(event.causation_id.as_str())
        .bind(correction.map(|correction| correction.corrects_event_id.as_str()))
        .bind(correction.map(|correction| correction.reason))
        .bind(&event.leaf_hash[..])
}

/// The first of these events, if they are those of one append.
fn of_one_append(events: &[NewEvent]) -> Option<&NewEvent> {
    let first = events.first()?;
    let is_alone = events.iter().all(|new| new.command_id == first.command_id);
    is_alone.then_some(first)
}

/// In the order of the columns in [`statement`]. Of the events of one append, what they share is that of the `first`.
fn bind_events<'q>(
    statement: Statement<'q>,
    group: &'q Group,
    first: Option<&'q NewEvent>,
) -> Statement<'q> {
    macro_rules! column {
        ($of:expr) => {
            group.events.iter().map($of).collect::<Vec<_>>()
        };
    }
    // Sent once where there is a first one.
    macro_rules! shared {
        ($statement:expr, $of:expr) => {
            match first {
                Some(first) => $statement.bind(of(first, $of)),
                None => $statement.bind(column!($of)),
            }
        };
    }
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let statement = shared!(statement, |new| stored(new.event.position));
    let statement = shared!(statement, |new| new.command_id);
    let statement = shared!(statement, |new| &new.event.command_hash[..]);
    let statement = shared!(statement, |new| number(new.index));
    let statement = shared!(statement, |new| number(new.append_events));
    let statement = statement
        .bind(column!(|new| new.event.r#type.as_str()))
        .bind(column!(|new| new.event.tags.join(" ")))
        .bind(column!(|new| new.event.region.as_str()))
        .bind(column!(|new| new.event.other_region.as_str()))
        .bind(column!(|new| &new.event.data[..]))
        .bind(column!(|new| occurred_at(&new.event).time_us))
        .bind(column!(|new| occurred_at(&new.event).utc_offset_minutes))
        .bind(column!(|new| occurred_at(&new.event).precision))
        .bind(column!(|new| occurred_at(&new.event).clamped));
    let statement = shared!(statement, |new| new.event.recorded_at_us);
    let statement = shared!(statement, |new| new.event.actor.as_str());
    let statement = shared!(statement, |new| new.event.origin.as_str());
    statement
        .bind(column!(|new| new.event.correlation_id.as_str()))
        .bind(column!(|new| new.event.causation_id.as_str()))
        .bind(column!(|new| {
            let correction = new.event.correction.as_ref();
            correction.map(|correction| correction.corrects_event_id.as_str())
        }))
        .bind(column!(|new| {
            let correction = new.event.correction.as_ref();
            correction.map(|correction| correction.reason)
        }))
        .bind(column!(|new| &new.event.leaf_hash[..]))
}

/// What a column has of an event.
fn of<'q, T>(new: &'q NewEvent, column: impl FnOnce(&'q NewEvent) -> T) -> T {
    column(new)
}

fn occurred_at(event: &RecordedEvent) -> OccurredAt {
    event.occurred_at.unwrap_or_default()
}

fn bind_tiles<'q>(statement: Statement<'q>, group: &'q Group) -> Statement<'q> {
    let tiles = &group.tiles;
    let levels: Vec<_> = tiles
        .iter()
        .map(|tile| i32::try_from(tile.level).unwrap_or(i32::MAX))
        .collect();
    let numbers: Vec<_> = tiles.iter().map(|tile| stored(tile.number)).collect();
    let hashes: Vec<_> = tiles.iter().map(|tile| tile.hashes.as_slice()).collect();
    statement.bind(levels).bind(numbers).bind(hashes)
}
