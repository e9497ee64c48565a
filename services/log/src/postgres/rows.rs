//! Events as rows.

use keruen_proto::log::v1::{Correction, OccurredAt, RecordedEvent};
use sqlx::{
    PgConnection, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{
    index::{self, index_changes},
    session::Fault,
};
use crate::{
    entry,
    index::{run::Changes, storage::Damage},
    store::{Group, Tip},
};

/// A position as PostgreSQL holds it.
pub(super) fn stored(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// A position that PostgreSQL held; a check there keeps it positive.
pub(super) fn from_stored(position: i64) -> u64 {
    u64::try_from(position).unwrap_or(0)
}

/// A SELECT of whole events; the order of the columns is that of [`event_of`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT position, command_id, event_index, type, tags, region, other_region, data, occurred_at_us, \
             occurred_offset_minutes, occurred_precision, occurred_clamped, recorded_at_us, command_hash, actor, \
             origin, correlation_id, causation_id, corrects_event_id, correction_reason, leaf_hash \
             FROM keruen_log.events ",
            $rest
        )
    };
}

/// The first events of `first..=last`, at most `limit`.
pub(super) async fn scan(
    connection: &mut PgConnection,
    first: u64,
    last: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Fault> {
    let rows = sqlx::query(select!(
        "WHERE position BETWEEN $1 AND $2 ORDER BY position LIMIT $3"
    ))
    .bind(stored(first))
    .bind(stored(last))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().map(event_of).collect::<sqlx::Result<_>>()?)
}

/// The events at positions that the index names, which ascend.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    positions: &[u64],
) -> Result<Vec<RecordedEvent>, Fault> {
    let wanted: Vec<i64> = positions.iter().copied().map(stored).collect();
    let rows = sqlx::query(select!("WHERE position = ANY($1) ORDER BY position"))
        .bind(wanted)
        .fetch_all(connection)
        .await?;
    let events: Vec<_> = rows.iter().map(event_of).collect::<sqlx::Result<_>>()?;
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

fn event_of(row: &PgRow) -> sqlx::Result<RecordedEvent> {
    let command_id: Uuid = row.try_get(1)?;
    let event_index: i32 = row.try_get(2)?;
    let tags: &str = row.try_get(4)?;
    let correction = match row.try_get(18)? {
        None => None,
        Some(corrects_event_id) => Some(Correction {
            corrects_event_id,
            reason: row.try_get(19)?,
        }),
    };
    Ok(RecordedEvent {
        position: from_stored(row.try_get(0)?),
        // A check of the table keeps it positive.
        event_id: entry::event_id(command_id, u32::try_from(event_index).unwrap_or(0)),
        r#type: row.try_get(3)?,
        tags: tags.split_ascii_whitespace().map(str::to_owned).collect(),
        region: row.try_get(5)?,
        other_region: row.try_get(6)?,
        data: row.try_get(7)?,
        occurred_at: Some(OccurredAt {
            time_us: row.try_get(8)?,
            utc_offset_minutes: row.try_get(9)?,
            precision: row.try_get(10)?,
            clamped: row.try_get(11)?,
        }),
        recorded_at_us: row.try_get(12)?,
        command_id: command_id.to_string(),
        command_hash: row.try_get(13)?,
        actor: row.try_get(14)?,
        origin: row.try_get(15)?,
        correlation_id: row.try_get(16)?,
        causation_id: row.try_get(17)?,
        correction,
        leaf_hash: row.try_get(20)?,
    })
}

/// A group as one statement: the head moves if it is where this writer left it, and only then the rest is stored. It
/// answers with one row if it did. The second form also changes the index.
const WRITE: [&str; 2] = {
    macro_rules! write {
        ($index:expr) => {
            concat!(
                "WITH moved AS ( \
                    UPDATE keruen_log.log_head SET position = $1, recorded_at_us = $2, frontier = $3 \
                    WHERE writer_id = $4 AND epoch = $5 AND position = $6 RETURNING position \
                ), new_events AS ( \
                    INSERT INTO keruen_log.events (position, command_id, command_hash, event_index, append_events, \
                        type, tags, region, other_region, data, occurred_at_us, occurred_offset_minutes, \
                        occurred_precision, occurred_clamped, recorded_at_us, actor, origin, correlation_id, \
                        causation_id, corrects_event_id, correction_reason, leaf_hash) \
                    SELECT new.* FROM moved, unnest($7::bigint[], $8::uuid[], $9::bytea[], $10::integer[], \
                        $11::integer[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], \
                        $17::bigint[], $18::integer[], $19::integer[], $20::boolean[], $21::bigint[], $22::text[], \
                        $23::text[], $24::text[], $25::text[], $26::text[], $27::integer[], $28::bytea[]) AS new \
                ), new_tiles AS ( \
                    INSERT INTO keruen_log.tiles (level, number, hashes) \
                    SELECT new.* FROM moved, unnest($29::integer[], $30::bigint[], $31::bytea[]) AS new \
                )",
                $index,
                " SELECT pg_notify('keruen_log', moved.position::text) FROM moved"
            )
        };
    }
    [write!(""), write!(index_changes!())]
};

/// Writes a group. False if the head was not where this writer left it; nothing is written then.
pub(super) async fn write(
    connection: &mut PgConnection,
    (writer_id, epoch): (Uuid, i64),
    (group, changes): (&Group, &Changes),
    (from, to): (&Tip, &Tip),
) -> Result<bool, Fault> {
    let [alone, with_index] = WRITE;
    let text = if changes.is_empty() {
        alone
    } else {
        with_index
    };
    let statement = sqlx::query(text)
        .bind(stored(to.position()))
        .bind(to.recorded_at_us)
        .bind(to.tree.frontier())
        .bind(writer_id)
        .bind(epoch)
        .bind(stored(from.position()));
    let mut statement = bind_tiles(bind_events(statement, group), group);
    if !changes.is_empty() {
        statement = index::bind_changes(statement, changes);
    }
    Ok(statement.fetch_optional(connection).await?.is_some())
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// In the order of the columns in [`WRITE`].
fn bind_events<'q>(statement: Statement<'q>, group: &'q Group) -> Statement<'q> {
    macro_rules! column {
        ($of:expr) => {
            group.events.iter().map($of).collect::<Vec<_>>()
        };
    }
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    statement
        .bind(column!(|new| stored(new.event.position)))
        .bind(column!(|new| new.command_id))
        .bind(column!(|new| new.event.command_hash.as_slice()))
        .bind(column!(|new| number(new.index)))
        .bind(column!(|new| number(new.append_events)))
        .bind(column!(|new| new.event.r#type.as_str()))
        .bind(column!(|new| new.event.tags.join(" ")))
        .bind(column!(|new| new.event.region.as_str()))
        .bind(column!(|new| new.event.other_region.as_str()))
        .bind(column!(|new| new.event.data.as_slice()))
        .bind(column!(|new| occurred_at(&new.event).time_us))
        .bind(column!(|new| occurred_at(&new.event).utc_offset_minutes))
        .bind(column!(|new| occurred_at(&new.event).precision))
        .bind(column!(|new| occurred_at(&new.event).clamped))
        .bind(column!(|new| new.event.recorded_at_us))
        .bind(column!(|new| new.event.actor.as_str()))
        .bind(column!(|new| new.event.origin.as_str()))
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
        .bind(column!(|new| new.event.leaf_hash.as_slice()))
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
