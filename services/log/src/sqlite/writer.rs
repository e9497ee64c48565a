//! The write connection.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keruen_proto::log::v1::Query;
use rusqlite::{Connection, TransactionBehavior, config::DbConfig};
use uuid::Uuid;

use super::{
    checkpointer::Checkpointer,
    file::{self, Fault},
    index::{self, Rows},
    rows::{self, RowError, from_stored, stored},
    space::Reserve,
};
use crate::{
    index::{
        Compaction, IndexOptions,
        cache::FilterCache,
        lookup::Lookup,
        run::Changes,
        storage::{IndexedEvent, Storage as _},
        tail::Tail,
        term::TermHasher,
    },
    log::{Range, RecordedCommand},
    store::{Group, History, NewEvent, Store, StoreError, Tip},
    tree::{self, Tree},
};

/// Events that are indexed between two words about it.
const PROGRESS_EVENTS: u64 = 100_000;

/// The one connection that writes.
#[derive(Debug)]
pub(super) struct Writer {
    // Dropped before the connection, whose end copies the rest and removes the write-ahead log.
    checkpointer: Checkpointer,
    connection: Connection,
    log_id: [u8; 16],
    epoch: i64,
    reserve: Reserve,
    options: IndexOptions,
    hasher: TermHasher,
    filters: FilterCache,
    /// `None` where it may differ from what is stored, after a failure; it is read again.
    compaction: Option<Compaction>,
}

impl Writer {
    /// Takes over the log with a new epoch, reads where it stands, and indexes what is not.
    pub fn start(
        mut connection: Connection,
        path: &Path,
        reserve: Reserve,
        options: IndexOptions,
        filters: FilterCache,
    ) -> Result<(Self, Tip), Fault> {
        // In a transaction of its own, since a commit that happens as a statement ends can fail unseen.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (log_id, epoch) = transaction.query_row(
            "UPDATE log_head SET epoch = epoch + 1 RETURNING log_id, epoch",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        transaction.commit()?;
        // The triggers stop everybody else from changing or leaving out an event. This connection only ever inserts
        // behind the head that it moves in the same transaction, and the trigger of a row takes as long as a quarter of
        // its insert.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let (tip, _) = load(&connection)?;
        let mut writer = Self {
            checkpointer: Checkpointer::start(path, &connection)?,
            connection,
            log_id,
            epoch,
            reserve,
            options,
            hasher: TermHasher::new(log_id),
            filters,
            compaction: None,
        };
        writer.compaction = Some(writer.read_runs(tip.position())?);
        Ok((writer, tip))
    }

    /// Reads the runs and what stands behind them, and makes the runs that are missing.
    fn read_runs(&mut self, head: u64) -> Result<Compaction, RowError> {
        let mut compaction = Compaction::load(
            self.options,
            self.filters.clone(),
            &mut Rows(&self.connection),
        )?;
        let mut told = compaction.head();
        while compaction.head() < head {
            let changes = compaction.read_on(head, &self.hasher, &mut Rows(&self.connection))?;
            if !changes.is_empty() {
                let transaction = self
                    .connection
                    .transaction_with_behavior(TransactionBehavior::Immediate)?;
                index::write(&transaction, &changes)?;
                transaction.commit()?;
                compaction.committed(&changes);
                self.checkpointer
                    .committed(&self.connection, &Group::default(), &changes);
            }
            if compaction.head() - told >= PROGRESS_EVENTS {
                told = compaction.head();
                tracing::info!(position = told, head, "indexing the events");
            }
        }
        Ok(compaction)
    }

    fn compaction(&mut self, head: u64) -> Result<Compaction, RowError> {
        match self.compaction.take() {
            Some(compaction) => Ok(compaction),
            None => self.read_runs(head),
        }
    }

    fn lookup<T>(
        &mut self,
        look: impl FnOnce(&mut Lookup<'_, Rows<'_>>) -> Result<T, RowError>,
    ) -> Result<T, StoreError> {
        if self.compaction.is_none() {
            let (tip, _) =
                load(&self.connection).map_err(|fault| of_fault(&fault, &self.reserve))?;
            self.compaction = Some(self.read_runs(tip.position())?);
        }
        let mut lookup = Lookup {
            storage: &mut Rows(&self.connection),
            hasher: &self.hasher,
            filters: &self.filters,
            runs: self.compaction.as_ref().map_or(&[], Compaction::runs),
            tail: Tail::default(),
            at_once: false,
        };
        Ok(look(&mut lookup)?)
    }

    pub fn log_id(&self) -> [u8; 16] {
        self.log_id
    }
}

/// The writer as those share it who write and who ask; they take turns.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Writer>>);

impl Shared {
    pub fn new(writer: Writer) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History for Shared {
    fn find_command(&mut self, command_id: Uuid) -> Result<Option<RecordedCommand>, StoreError> {
        self.writer()
            .lookup(|lookup| lookup.find_command(command_id))
    }

    fn find_match(&mut self, query: &Query, range: Range) -> Result<Option<u64>, StoreError> {
        self.writer()
            .lookup(|lookup| lookup.find_match(query, range))
    }
}

impl Store for Shared {
    type History = Self;

    fn history(&mut self) -> std::io::Result<Self> {
        Ok(self.clone())
    }

    fn load(&mut self) -> Result<Tip, StoreError> {
        let writer = self.writer();
        match load(&writer.connection) {
            Ok((tip, epoch)) if epoch == writer.epoch => Ok(tip),
            Ok(_) => Err(StoreError::Fenced),
            Err(fault) => Err(of_fault(&fault, &writer.reserve)),
        }
    }

    fn indexed(&self) -> u64 {
        let writer = self.writer();
        writer.compaction.as_ref().map_or(0, Compaction::indexed)
    }

    fn newest(&mut self) -> Result<Vec<IndexedEvent>, StoreError> {
        let mut writer = self.writer();
        let (first, head) = writer.lookup(|lookup| {
            let indexed = lookup.runs.last().map_or(0, |run| run.last);
            Ok((indexed + 1, u64::MAX))
        })?;
        Ok(Rows(&writer.connection).events(first, head)?)
    }

    fn recorded(
        &mut self,
        command_ids: &[Uuid],
    ) -> Result<HashMap<Uuid, RecordedCommand>, StoreError> {
        let mut recorded = HashMap::new();
        for &command_id in command_ids {
            if let Some(command) = self.find_command(command_id)? {
                recorded.insert(command_id, command);
            }
        }
        Ok(recorded)
    }

    fn commit(&mut self, group: &Group, from: &Tip, to: &Tip) -> Result<(), StoreError> {
        self.writer().commit(group, from, to)
    }
}

impl Writer {
    fn commit(&mut self, group: &Group, from: &Tip, to: &Tip) -> Result<(), StoreError> {
        self.reserve.check()?;
        let mut compaction = self.compaction(from.position())?;
        let postings = group.events.iter().flat_map(NewEvent::postings);
        let changes = compaction.add(to.position(), postings, &mut Rows(&self.connection))?;
        let moved = write(
            &mut self.connection,
            self.epoch,
            (group, &changes),
            (from, to),
        )
        .map_err(|error| refused(&error, &self.reserve))?;
        if !moved {
            return Err(StoreError::Fenced);
        }
        compaction.committed(&changes);
        self.checkpointer
            .committed(&self.connection, group, &changes);
        self.compaction = Some(compaction);
        Ok(())
    }
}

/// False if the head was not where this writer left it; nothing is written then.
fn write(
    connection: &mut Connection,
    epoch: i64,
    (group, changes): (&Group, &Changes),
    (from, to): (&Tip, &Tip),
) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let moved = transaction
        .prepare_cached(
            "UPDATE log_head SET position = ?1, recorded_at_us = ?2, frontier = ?3 \
             WHERE epoch = ?4 AND position = ?5",
        )?
        .execute((
            stored(to.position()),
            to.recorded_at_us,
            to.tree.frontier(),
            epoch,
            stored(from.position()),
        ))?;
    if moved == 0 {
        return Ok(false);
    }
    rows::insert(&transaction, &group.events)?;
    for tile in &group.tiles {
        transaction
            .prepare_cached("INSERT INTO tiles (level, number, hashes) VALUES (?1, ?2, ?3)")?
            .execute((tile.level, stored(tile.number), &tile.hashes))?;
    }
    index::write(&transaction, changes)?;
    transaction.commit()?;
    Ok(true)
}

fn of_fault(fault: &Fault, reserve: &Reserve) -> StoreError {
    match fault {
        Fault::Sqlite(error) => refused(error, reserve),
        Fault::Damaged(_) | Fault::DamagedIndex(_) => StoreError::Damaged(fault.to_string()),
        other => StoreError::Failed(other.to_string()),
    }
}

fn refused(error: &rusqlite::Error, reserve: &Reserve) -> StoreError {
    if file::is_full(error) {
        reserve.used_up()
    } else {
        StoreError::Failed(error.to_string())
    }
}

/// Reads where the log stands, and in which epoch; checks that head, events and tiles agree.
pub(super) fn load(connection: &Connection) -> Result<(Tip, i64), Fault> {
    let (position, recorded_at_us, frontier, epoch) = connection.query_row(
        "SELECT position, recorded_at_us, frontier, epoch FROM log_head",
        [],
        |row| {
            Ok((
                from_stored(row.get(0)?),
                row.get(1)?,
                row.get::<_, Vec<u8>>(2)?,
                row.get(3)?,
            ))
        },
    )?;
    let newest: i64 =
        connection.query_row("SELECT coalesce(max(position), 0) FROM events", [], |row| {
            row.get(0)
        })?;
    if from_stored(newest) != position {
        return Err(Fault::Damaged(format!(
            "the head is {position} and the newest event {newest}"
        )));
    }
    let tree = load_tree(connection, position)?
        .filter(|tree| tree.frontier() == frontier)
        .ok_or_else(|| {
            Fault::Damaged(format!(
                "the tree at position {position} does not agree with its leaves and tiles"
            ))
        })?;
    let tip = Tip {
        recorded_at_us,
        tree,
    };
    Ok((tip, epoch))
}

/// Builds the tree of `size` leaves from the newest leaves and tiles: at most 255 of each level.
fn load_tree(connection: &Connection, size: u64) -> Result<Option<Tree>, Fault> {
    let mut open_tiles = Vec::new();
    for level in 0..tree::open_tile_levels(size) {
        let level = u32::try_from(level).unwrap_or(u32::MAX);
        let hashes = tree::open_tile_hashes(size, level) as u64;
        open_tiles.push(match level.checked_sub(1) {
            None => leaves(connection, size - hashes)?,
            Some(below) => tile_roots(connection, below, (size >> (8 * level)) - hashes)?,
        });
    }
    Ok(Tree::restore(size, open_tiles))
}

fn leaves(connection: &Connection, after_position: u64) -> rusqlite::Result<Vec<u8>> {
    let mut statement =
        connection.prepare("SELECT leaf_hash FROM events WHERE position > ?1 ORDER BY position")?;
    let hashes = statement
        .query_map([stored(after_position)], |row| row.get::<_, [u8; 32]>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(hashes.concat())
}

fn tile_roots(connection: &Connection, level: u32, from: u64) -> Result<Vec<u8>, Fault> {
    let mut statement = connection
        .prepare("SELECT hashes FROM tiles WHERE level = ?1 AND number >= ?2 ORDER BY number")?;
    let mut rows = statement.query((level, stored(from)))?;
    let mut roots = Vec::new();
    while let Some(row) = rows.next()? {
        let hashes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        let root = tree::tile_root(hashes)
            .ok_or_else(|| Fault::Damaged(format!("a tile of level {level} is not complete")))?;
        roots.extend_from_slice(&root);
    }
    Ok(roots)
}
