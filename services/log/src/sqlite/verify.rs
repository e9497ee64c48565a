//! The file as it is, for verifying. Columns are read as what they hold, whatever the schema says.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use async_trait::async_trait;
use futures::executor::block_on;
use keruen_proto::log::v1::{Correction, OccurredAt, RecordedEvent};
use prost::bytes::Bytes;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, types::ValueRef};
use uuid::Uuid;

use super::{
    SqliteLog, StoreReader,
    file::{Fault, OpenError},
    index::Rows,
    rows::{self, RowError, stored},
    stored::{CheckError, Observer, Stage, tell},
};
use crate::{
    checkpoint::Checkpoint,
    entry,
    index::{self, term::TermHasher},
    verify::{
        self, Finding, Part, Progress, Reached, Source, SourceError, StoredEvent, StoredHead,
        StoredTiles, Verified, VerifyError,
    },
};

/// So many steps of a statement are taken between two looks whether it is to stop.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;

impl SqliteLog {
    /// Verifies the log at `path` as it stands now, also against checkpoints that were signed earlier. It only reads, also
    /// while another process writes. It blocks its thread for a page of events at a time.
    pub async fn verify(
        path: &Path,
        checkpoints: &[Checkpoint],
        progress: Progress<'_>,
    ) -> Result<Verified, VerifyError> {
        let connection = open(path).map_err(|error| VerifyError::Unreadable(error.to_string()))?;
        verify::verify(&mut StoredFile(connection), checkpoints, progress).await
    }
}

/// Opens the file for reading only, if it is of the version of this program.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    let reader = StoreReader::open(path)?;
    let (found, known) = (reader.version(), StoreReader::known_version());
    if found != known {
        let found = format!(
            "it is of store version {found}, and this program reads {known}; start the node on it once"
        );
        return Err(Fault::NotALog(found).at(path));
    }
    Ok(reader.connection)
}

/// Verifies a file that nobody writes.
pub(super) fn check(
    path: &Path,
    checkpoints: &[Checkpoint],
    observer: Observer<'_>,
) -> Result<(), CheckError> {
    let connection = open(path).map_err(|error| CheckError::Damaged(error.to_string()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    connection.progress_handler(
        STEPS_BETWEEN_LOOKS,
        Some(move || stopping.load(Ordering::Relaxed)),
    )?;
    let mut progress = |reached: Reached| {
        let stage = match reached.stage {
            verify::Stage::Events => Stage::CheckingEvents,
            _ => Stage::CheckingIndex,
        };
        if tell(observer, stage, reached.done, reached.total).is_err() {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let mut file = StoredFile(connection);
    // It never waits for anything but the file. On a thread of its own: one that belongs to a runtime would wait for that
    // runtime wherever the work yields to it.
    let verified = thread::scope(|scope| {
        let working =
            scope.spawn(|| block_on(verify::verify(&mut file, checkpoints, &mut progress)));
        working
            .join()
            .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
    });
    if stop.load(Ordering::Relaxed) {
        return Err(CheckError::Interrupted);
    }
    match verified {
        Ok(_) => Ok(()),
        Err(error @ VerifyError::Unreadable(_)) => Err(CheckError::Damaged(error.to_string())),
        Err(VerifyError::Wrong(findings)) => {
            let parts: Vec<_> = findings.iter().map(|finding| finding.part).collect();
            let found = VerifyError::Wrong(findings).to_string();
            Err(match parts.as_slice() {
                [Part::Index] => CheckError::DamagedIndex(found),
                [Part::Checkpoint, ..] => CheckError::Disagrees(found),
                _ => CheckError::Damaged(found),
            })
        }
    }
}

struct StoredFile(Connection);

#[async_trait]
impl Source for StoredFile {
    async fn head(&mut self) -> Result<StoredHead, SourceError> {
        Ok(head(&mut self.0)?)
    }

    async fn events(
        &mut self,
        after: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<Vec<Result<StoredEvent, Finding>>, SourceError> {
        Ok(events(&self.0, after, up_to, limit)?)
    }

    async fn tile(&mut self, level: u32, number: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT hashes FROM tiles WHERE level = ?1 AND number = ?2")?;
        let tile = statement.query_row((level, stored(number)), |row| {
            Ok(bytes(row.get_ref(0)?).to_vec())
        });
        Ok(tile.optional()?)
    }

    async fn index(
        &mut self,
        log_id: [u8; 16],
        progress: Progress<'_>,
    ) -> Result<Result<u64, Finding>, SourceError> {
        match index(&mut self.0, log_id, progress) {
            Ok(entries) => Ok(Ok(entries)),
            Err(RowError::Damaged(damage)) => Ok(Err(damage.finding())),
            Err(RowError::Sqlite(error)) => Err(error.into()),
        }
    }
}

fn index(
    connection: &mut Connection,
    log_id: [u8; 16],
    progress: Progress<'_>,
) -> Result<u64, RowError> {
    let snapshot = connection.transaction()?;
    let head = rows::head(&snapshot)?;
    let hasher = TermHasher::new(log_id);
    index::verify::verify(&mut Rows(&snapshot), &hasher, head, progress)
}

fn head(connection: &mut Connection) -> rusqlite::Result<StoredHead> {
    let snapshot = connection.transaction()?;
    let mut tiles = Vec::new();
    {
        let mut statement = snapshot.prepare(
            "SELECT level, count(*), max(number) FROM tiles GROUP BY level ORDER BY level",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            tiles.push(StoredTiles {
                level: row.get(0)?,
                count: row.get::<_, i64>(1)?.unsigned_abs(),
                last: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(u64::MAX),
            });
        }
    }
    snapshot.query_row(
        "SELECT log_id, position, recorded_at_us, frontier, (SELECT coalesce(min(position), 0) FROM events), \
         (SELECT coalesce(max(position), 0) FROM events) FROM log_head",
        [],
        |row| {
            let position = |at| Ok::<_, rusqlite::Error>(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(u64::MAX));
            Ok(StoredHead {
                log_id: row.get(0)?,
                position: position(1)?,
                recorded_at_us: row.get(2)?,
                frontier: bytes(row.get_ref(3)?).to_vec(),
                oldest: position(4)?,
                newest: position(5)?,
                tiles,
            })
        },
    )
}

fn events(
    connection: &Connection,
    after: u64,
    up_to: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Result<StoredEvent, Finding>>> {
    let mut statement = connection.prepare_cached(
        "SELECT position, command_id, event_index, type, tags, region, other_region, data, occurred_at_us, \
         occurred_offset_minutes, occurred_precision, occurred_clamped, recorded_at_us, command_hash, actor, origin, \
         correlation_id, causation_id, corrects_event_id, correction_reason, leaf_hash, append_events \
         FROM events WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((stored(after), stored(up_to), limit))?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let event = event_of(&Columns(row));
        let is_good = event.is_ok();
        events.push(event.map_err(|found| {
            // What can't be read as a position stands where the next one should.
            let position = after + events.len() as u64 + 1;
            Finding::event(position, found)
        }));
        if !is_good {
            break;
        }
    }
    Ok(events)
}

/// A row whose columns may hold anything.
struct Columns<'r>(&'r Row<'r>);

impl Columns<'_> {
    fn value(&self, at: usize) -> Result<ValueRef<'_>, String> {
        self.0.get_ref(at).map_err(|error| error.to_string())
    }

    fn wrong(&self, at: usize, expected: &str) -> String {
        let name = self.0.as_ref().column_name(at).unwrap_or("a column");
        format!("{name}: it is not {expected}")
    }

    fn integer<T: TryFrom<i64>>(&self, at: usize) -> Result<T, String> {
        match self.value(at)? {
            ValueRef::Integer(integer) => T::try_from(integer)
                .map_err(|_| format!("{}, found {integer}", self.wrong(at, "within its range"))),
            _ => Err(self.wrong(at, "an integer")),
        }
    }

    fn text(&self, at: usize) -> Result<String, String> {
        match self.value(at)? {
            ValueRef::Text(text) => std::str::from_utf8(text)
                .map(str::to_owned)
                .map_err(|_| self.wrong(at, "UTF-8")),
            _ => Err(self.wrong(at, "a text")),
        }
    }

    fn blob(&self, at: usize) -> Result<Vec<u8>, String> {
        match self.value(at)? {
            ValueRef::Blob(blob) => Ok(blob.to_vec()),
            _ => Err(self.wrong(at, "a blob")),
        }
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], String> {
        self.blob(at)?
            .try_into()
            .map_err(|_| self.wrong(at, &format!("{N} bytes long")))
    }

    fn is_null(&self, at: usize) -> Result<bool, String> {
        Ok(self.value(at)? == ValueRef::Null)
    }
}

fn event_of(row: &Columns<'_>) -> Result<StoredEvent, String> {
    let command_id = Uuid::from_bytes(row.array(1)?);
    let clamped: i64 = row.integer(11)?;
    if !matches!(clamped, 0 | 1) {
        return Err(format!(
            "occurred_clamped: it is not 0 or 1, found {clamped}"
        ));
    }
    let correction = match (row.is_null(18)?, row.is_null(19)?) {
        (true, true) => None,
        (false, false) => Some(Correction {
            corrects_event_id: row.text(18)?,
            reason: row.integer(19)?,
        }),
        _ => {
            return Err(
                "corrects_event_id and correction_reason: one is there without the other"
                    .to_owned(),
            );
        }
    };
    let event = RecordedEvent {
        position: row.integer(0)?,
        event_id: entry::event_id(command_id, row.integer(2)?),
        r#type: row.text(3)?,
        tags: verify::split_tags(&row.text(4)?),
        region: row.text(5)?,
        other_region: row.text(6)?,
        data: row.blob(7)?.into(),
        occurred_at: Some(OccurredAt {
            time_us: row.integer(8)?,
            utc_offset_minutes: row.integer(9)?,
            precision: row.integer(10)?,
            clamped: clamped == 1,
        }),
        recorded_at_us: row.integer(12)?,
        command_id: command_id.to_string(),
        command_hash: Bytes::copy_from_slice(&row.array::<32>(13)?),
        actor: row.text(14)?,
        origin: row.text(15)?,
        correlation_id: row.text(16)?,
        causation_id: row.text(17)?,
        correction,
        leaf_hash: Bytes::copy_from_slice(&row.array::<32>(20)?),
    };
    Ok(StoredEvent {
        event,
        append_events: row.integer(21)?,
    })
}

/// What a value has of bytes; of numbers and nothing, none.
fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
        _ => &[],
    }
}

impl From<rusqlite::Error> for SourceError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch,
            ) => Self::Damaged(format!("SQLite can't read it: {error}")),
            None => Self::Damaged(format!("it can't be read as what it should be: {error}")),
            Some(_) => Self::Unavailable(error.to_string()),
        }
    }
}
