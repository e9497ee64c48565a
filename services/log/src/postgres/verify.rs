//! The tables as they are, for verifying. Texts are read as bytes: a page that was changed below the database can hold
//! anything.

use async_trait::async_trait;
use keruen_proto::log::v1::{Correction, OccurredAt, RecordedEvent};
use prost::bytes::Bytes;
use sqlx::{Connection as _, PgConnection, Row as _, ValueRef as _, postgres::PgRow};
use tokio::{runtime::Handle, sync::watch, task::JoinError};
use uuid::Uuid;

use super::{
    PostgresLog,
    index::Waiting,
    opening, readers,
    rows::{from_stored, stored},
    schema,
    session::{self, Fault},
};
use crate::{
    checkpoint::Checkpoint,
    entry,
    verify::{
        self, Finding, Progress, Source, SourceError, StoredEvent, StoredHead, StoredTiles,
        Verified, VerifyError,
    },
};

/// Class of SQLSTATE codes for damage that the server finds in its own files, and the code of a text that is not UTF-8.
const DAMAGE_CLASS: &str = "XX";
const NOT_IN_ENCODING: &str = "22021";

impl PostgresLog {
    /// Verifies the log at `url` as it stands now, also against checkpoints that were signed earlier. It only reads, also
    /// while a writer has the log.
    pub async fn verify(
        url: &str,
        checkpoints: &[Checkpoint],
        progress: Progress<'_>,
    ) -> Result<Verified, VerifyError> {
        let connection = open(url).await.map_err(VerifyError::Unreadable)?;
        let mut source = StoredTables {
            connection,
            url: url.to_owned(),
        };
        verify::verify(&mut source, checkpoints, progress).await
    }
}

/// Connects for reading only.
pub(super) async fn open(url: &str) -> Result<PgConnection, String> {
    let address = opening::address(url).map_err(|error| error.to_string())?;
    let at = opening::shown(&address);
    let refused = |reason: opening::PostgresRefusal| format!("can't open the log {at}: {reason}");
    let address = session::named(&address, "keruen log verify");
    let mut connection = opening::connect(&address)
        .await
        .map_err(|fault| refused(opening::PostgresRefusal::Unreachable(fault.to_string())))?;
    schema::check(&mut connection).await.map_err(refused)?;
    session::become_reader(&mut connection)
        .await
        .map_err(|error| refused(opening::PostgresRefusal::of_role(error)))?;
    Ok(connection)
}

/// Does work that blocks on a thread of its own, and hands on what it tells of its progress.
pub(super) async fn beside_progress<T: Send + 'static>(
    progress: Progress<'_>,
    work: impl FnOnce(Progress<'_>) -> T + Send + 'static,
) -> Result<T, JoinError> {
    let (tell, mut told) = watch::channel(None);
    let mut task = tokio::task::spawn_blocking(move || {
        work(&mut |reached| {
            tell.send_replace(Some(reached));
        })
    });
    loop {
        let done = tokio::select! {
            done = &mut task => Some(done),
            Ok(()) = told.changed() => None,
        };
        let reached = *told.borrow_and_update();
        reached.into_iter().for_each(&mut *progress);
        if let Some(done) = done {
            return done;
        }
    }
}

struct StoredTables {
    connection: PgConnection,
    url: String,
}

#[async_trait]
impl Source for StoredTables {
    async fn head(&mut self) -> Result<StoredHead, SourceError> {
        Ok(head(&mut self.connection).await?)
    }

    async fn events(
        &mut self,
        after: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<Vec<Result<StoredEvent, Finding>>, SourceError> {
        let rows = sqlx::query(
            "SELECT position, command_id, event_index, type, tags, region, other_region, data, occurred_at_us, \
             occurred_offset_minutes, occurred_precision, occurred_clamped, recorded_at_us, command_hash, actor, origin, \
             correlation_id, causation_id, corrects_event_id, correction_reason, leaf_hash, append_events \
             FROM keruen_log.events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3",
        )
        .bind(stored(after))
        .bind(stored(up_to))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut self.connection)
        .await?;
        Ok((after + 1..)
            .zip(&rows)
            .map(|(position, row)| {
                event_of(&Columns(row)).map_err(|found| Finding::event(position, found))
            })
            .collect())
    }

    async fn tile(&mut self, level: u32, number: u64) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(sqlx::query_scalar(
            "SELECT hashes FROM keruen_log.tiles WHERE level = $1 AND number = $2",
        )
        .bind(i32::try_from(level).unwrap_or(i32::MAX))
        .bind(stored(number))
        .fetch_optional(&mut self.connection)
        .await?)
    }

    async fn index(
        &mut self,
        _log_id: [u8; 16],
        progress: Progress<'_>,
    ) -> Result<Result<u64, Finding>, SourceError> {
        let runtime = Handle::current();
        let url = self.url.clone();
        // Walks through the index block.
        let checked = beside_progress(progress, move |tell| index(&url, &runtime, tell));
        match checked.await {
            Ok(Ok(entries)) => Ok(Ok(entries)),
            Ok(Err(Fault::Damaged(damage))) => Ok(Err(damage.finding())),
            Ok(Err(Fault::Sql(error))) => Err(error.into()),
            Ok(Err(fault)) => Err(SourceError::Unavailable(fault.to_string())),
            Err(error) => Err(SourceError::Unavailable(error.to_string())),
        }
    }
}

/// On a connection of its own, in one snapshot.
fn index(url: &str, runtime: &Handle, progress: Progress<'_>) -> Result<u64, Fault> {
    let mut connection = runtime.block_on(async {
        let mut connection = open(url).await.map_err(Fault::Unsafe)?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .execute(&mut connection)
            .await?;
        Ok::<_, Fault>(connection)
    })?;
    let entries = readers::verify_index(&mut connection, Waiting::Callers(runtime), progress)?;
    runtime.block_on(connection.close())?;
    Ok(entries)
}

async fn head(connection: &mut PgConnection) -> sqlx::Result<StoredHead> {
    let mut snapshot = connection
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let levels: Vec<(i32, i64, i64)> = sqlx::query_as(
        "SELECT level, count(*), max(number) FROM keruen_log.tiles GROUP BY level ORDER BY level",
    )
    .fetch_all(&mut *snapshot)
    .await?;
    let tiles = levels
        .into_iter()
        .map(|(level, count, last)| StoredTiles {
            level: level.into(),
            count: from_stored(count),
            last: u64::try_from(last).unwrap_or(u64::MAX),
        })
        .collect();
    let (log_id, position, recorded_at_us, frontier, oldest, newest): (
        Vec<u8>,
        i64,
        i64,
        Vec<u8>,
        i64,
        i64,
    ) = sqlx::query_as(
        "SELECT log_id, position, recorded_at_us, frontier, \
         (SELECT coalesce(min(position), 0) FROM keruen_log.events), \
         (SELECT coalesce(max(position), 0) FROM keruen_log.events) FROM keruen_log.log_head",
    )
    .fetch_one(&mut *snapshot)
    .await?;
    snapshot.commit().await?;
    let number = |stored| u64::try_from(stored).unwrap_or(u64::MAX);
    Ok(StoredHead {
        // One of another length leaves every leaf wrong.
        log_id: log_id.try_into().unwrap_or_default(),
        position: number(position),
        recorded_at_us,
        frontier,
        oldest: number(oldest),
        newest: number(newest),
        tiles,
    })
}

/// A row whose texts may hold anything.
struct Columns<'r>(&'r PgRow);

impl Columns<'_> {
    fn get<'r, T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>>(
        &'r self,
        name: &str,
    ) -> Result<T, String> {
        self.0
            .try_get(name)
            .map_err(|error| format!("{name}: {error}"))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        self.optional_text(name)?
            .ok_or_else(|| format!("{name}: it is not a text"))
    }

    fn optional_text(&self, name: &str) -> Result<Option<String>, String> {
        let value = self
            .0
            .try_get_raw(name)
            .map_err(|error| format!("{name}: {error}"))?;
        if value.is_null() {
            return Ok(None);
        }
        let bytes = value
            .as_bytes()
            .map_err(|error| format!("{name}: {error}"))?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(format!("{name}: it is not UTF-8")),
        }
    }

    fn hash(&self, name: &str) -> Result<Bytes, String> {
        let hash: Vec<u8> = self.get(name)?;
        if hash.len() == 32 {
            return Ok(hash.into());
        }
        Err(format!("{name}: it is not 32 bytes long"))
    }

    fn number<T: TryFrom<i32>>(&self, name: &str) -> Result<T, String> {
        let number: i32 = self.get(name)?;
        T::try_from(number)
            .map_err(|_| format!("{name}: it is not within its range, found {number}"))
    }
}

fn event_of(row: &Columns<'_>) -> Result<StoredEvent, String> {
    let command_id: Uuid = row.get("command_id")?;
    let position: i64 = row.get("position")?;
    let reason: Option<i32> = row.get("correction_reason")?;
    let correction = match (row.optional_text("corrects_event_id")?, reason) {
        (None, None) => None,
        (Some(corrects_event_id), Some(reason)) => Some(Correction {
            corrects_event_id,
            reason,
        }),
        _ => {
            return Err(
                "corrects_event_id and correction_reason: one is there without the other"
                    .to_owned(),
            );
        }
    };
    let event = RecordedEvent {
        position: from_stored(position),
        event_id: entry::event_id(command_id, row.number("event_index")?),
        r#type: row.text("type")?,
        tags: verify::split_tags(&row.text("tags")?),
        region: row.text("region")?,
        other_region: row.text("other_region")?,
        data: row.get::<Vec<u8>>("data")?.into(),
        occurred_at: Some(OccurredAt {
            time_us: row.get("occurred_at_us")?,
            utc_offset_minutes: row.get("occurred_offset_minutes")?,
            precision: row.get("occurred_precision")?,
            clamped: row.get("occurred_clamped")?,
        }),
        recorded_at_us: row.get("recorded_at_us")?,
        command_id: command_id.to_string(),
        command_hash: row.hash("command_hash")?,
        actor: row.text("actor")?,
        origin: row.text("origin")?,
        correlation_id: row.text("correlation_id")?,
        causation_id: row.text("causation_id")?,
        correction,
        leaf_hash: row.hash("leaf_hash")?,
    };
    Ok(StoredEvent {
        event,
        append_events: row.number("append_events")?,
    })
}

impl From<sqlx::Error> for SourceError {
    fn from(error: sqlx::Error) -> Self {
        let code = session::code(&error).unwrap_or_default();
        match &error {
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::RowNotFound => {
                Self::Damaged(format!("it can't be read as what it should be: {error}"))
            }
            _ if code.starts_with(DAMAGE_CLASS) || code == NOT_IN_ENCODING => {
                Self::Damaged(format!("PostgreSQL can't read it: {error}"))
            }
            _ => Self::Unavailable(Fault::from(error).to_string()),
        }
    }
}
