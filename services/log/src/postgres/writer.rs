//! The write connection: fenced by the epoch in the head of the log, and made again when it is lost.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgConnectOptions};
use tokio::{
    runtime::{self, Runtime},
    sync::watch,
};
use uuid::Uuid;

use super::{
    index::{Rows, Waiting},
    lookups::{self, Lookups},
    opening::{self, PostgresRefusal},
    readers,
    rows::{self, from_stored},
    session::{self, Fault},
    tip,
};
use crate::{
    index::{
        Compaction, IndexOptions,
        cache::FilterCache,
        run::{Changes, Run},
        storage::{IndexedEvent, Storage as _},
        term::TermHasher,
    },
    log::RecordedCommand,
    store::{Group, NewEvent, Store, StoreError, Tip},
};

/// How long a lost connection is tried again before its callers are told.
const RESUME_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Events that are indexed between two words about it.
const PROGRESS_EVENTS: u64 = 100_000;
/// How long another backend may keep the head from a writer that takes the log over.
const PATIENCE: Duration = Duration::from_secs(1);

/// The one connection that writes.
pub(super) struct Writer {
    // Dropped before the runtime that it lives on.
    connection: Option<PgConnection>,
    /// A runtime of its own on the sequencer's thread: the connection makes progress whatever the callers' one does.
    runtime: Runtime,
    address: PgConnectOptions,
    log_id: [u8; 16],
    id: Uuid,
    epoch: i64,
    /// Another writer was seen; never to be tried again.
    fenced: bool,
    /// Changes when this process lost touch with the server: what was connected before may never answer.
    out_of_touch: watch::Receiver<u64>,
    options: IndexOptions,
    hasher: TermHasher,
    filters: FilterCache,
    /// `None` where it may differ from what is stored, after a failure; it is read again.
    compaction: Option<Compaction>,
}

impl Writer {
    /// Takes over the log with a new epoch, reads where it stands, and indexes what is not. Blocks.
    pub fn open(
        address: &PgConnectOptions,
        out_of_touch: watch::Receiver<u64>,
        index: (IndexOptions, FilterCache),
    ) -> Result<(Self, Tip), PostgresRefusal> {
        let (mut writer, tip) = Self::take(address, out_of_touch, index)?;
        writer.compaction = Some(writer.read_runs(&tip)?);
        Ok((writer, tip))
    }

    /// The same without a look at the index.
    pub fn take(
        address: &PgConnectOptions,
        out_of_touch: watch::Receiver<u64>,
        (options, filters): (IndexOptions, FilterCache),
    ) -> Result<(Self, Tip), PostgresRefusal> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(PostgresRefusal::Thread)?;
        let address = session::named(address, "keruen log writer");
        let writer_id = Uuid::new_v4();
        let (connection, log_id, epoch, tip) = runtime.block_on(async {
            let mut connection = opening::connect_to_write(&address).await?;
            let (log_id, epoch) =
                take_over(&mut connection, &address, writer_id, Claim::Anybody).await?;
            let (tip, _) = tip::load(&mut connection).await?;
            Ok::<_, PostgresRefusal>((connection, log_id, epoch, tip))
        })?;
        tracing::info!(epoch, position = tip.position(), "log taken over");
        let writer = Self {
            connection: Some(connection),
            runtime,
            address,
            log_id,
            id: writer_id,
            epoch,
            fenced: false,
            out_of_touch,
            options,
            hasher: TermHasher::new(log_id),
            filters,
            compaction: None,
        };
        Ok((writer, tip))
    }

    /// By which the head of the log says that it is this writer's.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Id and epoch, which the head of the log has while it is this writer's.
    pub fn claim(&self) -> (Uuid, i64) {
        (self.id, self.epoch)
    }

    pub fn log_id(&self) -> [u8; 16] {
        self.log_id
    }

    /// Runs statements on the connection, which is made again where there is none. One that fails in a way that leaves
    /// its state open is given up.
    pub(super) fn run<T>(
        &mut self,
        statements: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.resume()?,
        };
        let out_of_touch = &mut self.out_of_touch;
        let result = self.runtime.block_on(async {
            tokio::select! {
                biased;
                result = session::in_time(statements(&mut connection)) => result,
                Ok(()) = out_of_touch.changed() => Err(Fault::OutOfTouch),
            }
        });
        match &result {
            Err(fault) if fault.leaves_open() => {
                tracing::warn!(error = %fault, "the log's write connection was lost");
            }
            _ => self.connection = Some(connection),
        }
        result
    }

    /// The same for statements that change nothing: a connection that was lost is made again once.
    fn look<T>(
        &mut self,
        statements: &impl AsyncFn(&mut PgConnection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match self.run(statements) {
            Err(fault) if fault.leaves_open() => self.run(statements),
            result => result,
        }
    }

    /// Connects again and raises the epoch, if this is still the writer. Once it has, what an older connection was
    /// asked to write is written already or never will be.
    fn resume(&mut self) -> Result<PgConnection, Fault> {
        if self.fenced {
            return Err(Fault::Fenced);
        }
        let deadline = Instant::now() + RESUME_TIMEOUT;
        loop {
            self.out_of_touch.mark_unchanged();
            match self.runtime.block_on(resume(&self.address, self.id)) {
                Ok((connection, epoch)) => {
                    tracing::info!(epoch, "the log's write connection was made again");
                    self.epoch = epoch;
                    return Ok(connection);
                }
                Err(Fault::Fenced) => {
                    self.fenced = true;
                    return Err(Fault::Fenced);
                }
                Err(Fault::Sql(_) | Fault::Timeout(_)) if Instant::now() < deadline => {
                    std::thread::sleep(RETRY_DELAY);
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Runs a look at the index, which blocks.
    pub(super) fn with_rows<T>(
        &mut self,
        look: impl FnOnce(&mut Rows<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.resume()?,
        };
        let result = look(&mut Rows {
            connection: &mut connection,
            waiting: Waiting::Own(&self.runtime, &self.out_of_touch),
        });
        match &result {
            Err(fault) if fault.leaves_open() => {
                tracing::warn!(error = %fault, "the log's write connection was lost");
            }
            _ => self.connection = Some(connection),
        }
        result
    }

    /// Reads the runs and what stands behind them, and makes the runs that are missing.
    fn read_runs(&mut self, tip: &Tip) -> Result<Compaction, Fault> {
        let (options, hasher, filters) = (self.options, self.hasher, self.filters.clone());
        let mut compaction = self.with_rows(|rows| Compaction::load(options, filters, rows))?;
        let head = tip.position();
        let mut told = compaction.head();
        while compaction.head() < head {
            let changes = self.with_rows(|rows| compaction.read_on(head, &hasher, rows))?;
            if !changes.is_empty() {
                self.write((&Group::default(), &changes), tip, tip)?;
                compaction.committed(&changes);
            }
            if compaction.head() - told >= PROGRESS_EVENTS {
                told = compaction.head();
                tracing::info!(position = told, head, "indexing the events");
            }
        }
        Ok(compaction)
    }

    /// The runs, read again if need be.
    fn known_runs(&mut self) -> Result<Vec<Run>, Fault> {
        if self.compaction.is_none() {
            let (tip, _) = self.look(&async |connection| tip::load(connection).await)?;
            self.compaction = Some(self.read_runs(&tip)?);
        }
        let runs = self.compaction.as_ref().map(Compaction::runs);
        Ok(runs.unwrap_or_default().to_vec())
    }

    pub(super) fn write(
        &mut self,
        changed: (&Group, &Changes),
        from: &Tip,
        to: &Tip,
    ) -> Result<(), Fault> {
        if self.connection.is_none() {
            self.connection = Some(self.resume()?);
        }
        let writer = (self.id, self.epoch);
        let moved = self
            .run(async |connection| rows::write(connection, writer, changed, (from, to)).await)?;
        if moved {
            return Ok(());
        }
        self.fenced = true;
        Err(Fault::Fenced)
    }

    /// What the group changes about the index.
    fn changes(
        &mut self,
        group: &Group,
        (from, to): (&Tip, &Tip),
    ) -> Result<(Compaction, Changes), Fault> {
        let mut compaction = match self.compaction.take() {
            Some(compaction) => compaction,
            None => self.read_runs(from)?,
        };
        let postings = group.events.iter().flat_map(NewEvent::postings);
        let changes = self.with_rows(|rows| compaction.add(to.position(), postings, rows))?;
        Ok((compaction, changes))
    }

    /// What commands were used for, looked up as a reader does, whoever writes the log.
    fn look_up_recorded(
        &self,
        command_ids: &[Uuid],
    ) -> Result<HashMap<Uuid, RecordedCommand>, Fault> {
        let connecting = session::in_time(snapshot(&self.address));
        let mut connection = self.runtime.block_on(connecting)?;
        let waiting = Waiting::Own(&self.runtime, &self.out_of_touch);
        let filters = self.filters.clone();
        let found = readers::find_commands(&mut connection, waiting, filters, command_ids)?;
        self.runtime.block_on(connection.close())?;
        Ok(found)
    }

    /// Where the head is; fails if it is not this writer's any more.
    fn position(&mut self) -> Result<u64, Fault> {
        let writer_id = self.id;
        let own = self.look(&async |connection| {
            Ok(
                sqlx::query("SELECT position FROM keruen_log.log_head WHERE writer_id = $1")
                    .bind(writer_id)
                    .fetch_optional(connection)
                    .await?
                    .map(|row| row.try_get(0))
                    .transpose()?,
            )
        })?;
        if let Some(position) = own {
            return Ok(from_stored(position));
        }
        self.fenced = true;
        Err(Fault::Fenced)
    }
}

impl Store for Writer {
    type History = Lookups;

    const EVENTS_BESIDE: usize = 8;
    const ALONE_AT_ONCE: bool = true;

    fn history(&mut self) -> std::io::Result<Lookups> {
        let index = (self.hasher, self.filters.clone());
        Lookups::new(&self.address, self.id, self.out_of_touch.clone(), index)
    }

    fn runs(&mut self) -> Result<Vec<Run>, StoreError> {
        Ok(self.known_runs()?)
    }

    fn load(&mut self) -> Result<Tip, StoreError> {
        if self.fenced {
            return Err(StoreError::Fenced);
        }
        let (tip, writer_id) = self.look(&async |connection| tip::load(connection).await)?;
        if writer_id != Some(self.id) {
            self.fenced = true;
            return Err(StoreError::Fenced);
        }
        Ok(tip)
    }

    fn indexed(&self) -> u64 {
        self.compaction.as_ref().map_or(0, Compaction::indexed)
    }

    fn newest(&mut self) -> Result<Vec<IndexedEvent>, StoreError> {
        let indexed = self.known_runs()?.last().map_or(0, |run| run.last);
        Ok(self.with_rows(|rows| rows.events(indexed + 1, u64::MAX))?)
    }

    fn recorded(
        &mut self,
        command_ids: &[Uuid],
    ) -> Result<HashMap<Uuid, RecordedCommand>, StoreError> {
        let deadline = Instant::now() + RESUME_TIMEOUT;
        loop {
            // Each try has a connection of its own; what was lost before is none of its business.
            self.out_of_touch.mark_unchanged();
            match self.look_up_recorded(command_ids) {
                Err(fault) if fault.leaves_open() && Instant::now() < deadline => {
                    std::thread::sleep(RETRY_DELAY);
                }
                result => return Ok(result?),
            }
        }
    }

    fn is_fenced(&self) -> bool {
        self.fenced
    }

    fn commit(&mut self, group: &Group, from: &Tip, to: &Tip) -> Result<(), StoreError> {
        // Nothing is written yet, so that a connection that was lost may be made again.
        let (mut compaction, changes) = match self.changes(group, (from, to)) {
            Err(fault) if fault.leaves_open() => self.changes(group, (from, to))?,
            result => result?,
        };
        let written = (group, &changes);
        if let Err(fault) = self.write(written, from, to) {
            if !fault.leaves_open() {
                return Err(fault.into());
            }
            // The new connection has raised the epoch, so that the head stands where it will stay.
            let position = self.position()?;
            if position != from.position() && position != to.position() {
                self.fenced = true;
                return Err(StoreError::Fenced);
            }
            if position == from.position() {
                self.write(written, from, to)?;
            }
        }
        compaction.committed(&changes);
        self.compaction = Some(compaction);
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let closing = async { tokio::time::timeout(PATIENCE, connection.close()).await };
            // The server notices by itself where this fails.
            drop(self.runtime.block_on(closing));
        }
    }
}

/// A connection in a snapshot, as a reader has it.
async fn snapshot(address: &PgConnectOptions) -> Result<PgConnection, Fault> {
    let mut connection = opening::connect(address).await?;
    session::become_reader(&mut connection).await?;
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

async fn resume(address: &PgConnectOptions, writer_id: Uuid) -> Result<(PgConnection, i64), Fault> {
    let mut connection = opening::connect(address).await?;
    // The server may have come back with other settings.
    opening::check_settings(&mut connection)
        .await
        .map_err(|refusal| match refusal {
            PostgresRefusal::Database(error) => Fault::Sql(error),
            other => Fault::Unsafe(other.to_string()),
        })?;
    session::become_writer(&mut connection).await?;
    let claim = Claim::Own;
    let (_, epoch) = take_over(&mut connection, address, writer_id, claim).await?;
    Ok((connection, epoch))
}

/// Whether the head of the log still says that this writer has it.
pub(super) async fn is_current(address: &PgConnectOptions, writer_id: Uuid) -> Result<bool, Fault> {
    let mut connection = opening::connect(address).await?;
    session::become_reader(&mut connection).await?;
    let current = lookups::is_current(&mut connection, writer_id).await?;
    connection.close().await?;
    Ok(current)
}

/// Whose log it may be before it is taken over.
#[derive(Clone, Copy, Debug)]
enum Claim {
    Anybody,
    /// Only this writer's own.
    Own,
}

/// Raises the epoch. Whoever keeps the head locked for too long is terminated: a writer that was stopped in the middle
/// of a statement would keep it for ever.
async fn take_over(
    connection: &mut PgConnection,
    address: &PgConnectOptions,
    writer_id: Uuid,
    claim: Claim,
) -> Result<([u8; 16], i64), Fault> {
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut *connection)
        .await?;
    let raising = sqlx::query(
        "UPDATE keruen_log.log_head SET epoch = epoch + 1, writer_id = $1, writer_pid = pg_backend_pid() \
         WHERE $2 OR writer_id = $1 RETURNING log_id, epoch",
    )
    .bind(writer_id)
    .bind(matches!(claim, Claim::Anybody))
    .fetch_optional(connection);
    let raised = tokio::select! {
        raised = session::in_time(async { Ok(raising.await?) }) => raised?,
        () = clear_the_way(address, pid) => return Err(Fault::Fenced),
    };
    let row = raised.ok_or(Fault::Fenced)?;
    // The migrations store 16 bytes, and nobody can change them.
    let log_id = row.try_get::<&[u8], _>(0)?.try_into().unwrap_or_default();
    Ok((log_id, row.try_get(1)?))
}

/// Terminates, again and again, whoever blocks the backend `pid` for longer than a moment. Never ends.
async fn clear_the_way(address: &PgConnectOptions, pid: i32) {
    loop {
        tokio::time::sleep(PATIENCE).await;
        match session::terminate_blockers(address, pid).await {
            Ok(0) => {}
            Ok(blockers) => tracing::warn!(
                blockers,
                "ended backends that kept the head of the log locked"
            ),
            Err(error) => {
                tracing::warn!(%error, "can't end the backend that keeps the head of the log locked");
            }
        }
    }
}
