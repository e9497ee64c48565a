//! What deciding asks, on a connection of its own: it is answered while the write connection commits.

use std::time::{Duration, Instant};

use keruen_proto::log::v1::Query;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    runtime::{self, Runtime},
    sync::watch,
};
use uuid::Uuid;

use super::{
    index::{Rows, Waiting},
    opening,
    session::{self, Fault},
};
use crate::{
    index::{
        cache::FilterCache,
        lookup::Lookup,
        questions::{self, Answers, Question},
        run::Run,
        tail::Tail,
        term::TermHasher,
    },
    log::{Range, RecordedCommand},
    store::{History, StoreError},
};

/// How long a lost connection is tried again before its callers are told.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// The index as the writer left it at its last commit. What a commit under way removes was not part of it any more.
pub(super) struct Lookups {
    // Dropped before the runtime that it lives on.
    connection: Option<PgConnection>,
    runtime: Runtime,
    address: PgConnectOptions,
    writer_id: Uuid,
    /// Changes when this process lost touch with the server: what was connected before may never answer.
    out_of_touch: watch::Receiver<u64>,
    hasher: TermHasher,
    filters: FilterCache,
    runs: Vec<Run>,
}

impl Lookups {
    pub fn new(
        address: &PgConnectOptions,
        writer_id: Uuid,
        out_of_touch: watch::Receiver<u64>,
        (hasher, filters): (TermHasher, FilterCache),
    ) -> std::io::Result<Self> {
        Ok(Self {
            connection: None,
            runtime: runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            address: session::named(address, "keruen log writer's questions"),
            writer_id,
            out_of_touch,
            hasher,
            filters,
            runs: Vec::new(),
        })
    }

    fn connect(&mut self) -> Result<PgConnection, Fault> {
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        loop {
            self.out_of_touch.mark_unchanged();
            let connecting = session::in_time(connect(&self.address));
            match self.runtime.block_on(connecting) {
                Err(Fault::Sql(_) | Fault::Timeout(_)) if Instant::now() < deadline => {
                    std::thread::sleep(RETRY_DELAY);
                }
                result => return result,
            }
        }
    }

    /// Asks; a connection that was lost is made again once.
    fn ask<T>(
        &mut self,
        question: impl Fn(&mut Rows<'_>, &Self) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let is_new = self.connection.is_none();
        match self.ask_once(&question) {
            Err(fault) if fault.leaves_open() && !is_new => Ok(self.ask_once(&question)?),
            result => Ok(result?),
        }
    }

    fn ask_once<T>(
        &mut self,
        question: impl Fn(&mut Rows<'_>, &Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let mut rows = Rows {
            connection: &mut connection,
            waiting: Waiting::Own(&self.runtime, &self.out_of_touch),
        };
        let result = question(&mut rows, self);
        match &result {
            Err(fault) if fault.leaves_open() => {
                tracing::warn!(error = %fault, "the connection for the writer's questions was lost");
            }
            _ => self.connection = Some(connection),
        }
        result
    }

    fn look_up<T>(
        &mut self,
        look: impl Fn(&mut Lookup<'_, Rows<'_>>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.ask(|storage, lookups| {
            look(&mut Lookup {
                storage,
                hasher: &lookups.hasher,
                filters: &lookups.filters,
                runs: &lookups.runs,
                tail: Tail::default(),
                at_once: false,
            })
        })
    }
}

impl History for Lookups {
    const LOOKS_AHEAD: bool = true;

    fn follow(&mut self, runs: Vec<Run>) {
        self.runs = runs;
    }

    fn look_ahead(
        &mut self,
        command_ids: &[Uuid],
        questions: &[Question<'_>],
    ) -> Result<Answers, StoreError> {
        if self.runs.is_empty() {
            return Ok(Answers::default());
        }
        let answers = self.ask(|rows, lookups| {
            let (hasher, filters) = (&lookups.hasher, &lookups.filters);
            questions::answer(
                rows,
                hasher,
                filters,
                &lookups.runs,
                (command_ids, questions),
            )
        });
        match answers {
            // What is damaged fails the questions that meet it, one by one, and can be told to their callers.
            Err(StoreError::Damaged(_)) => Ok(Answers::default()),
            answers => answers,
        }
    }

    fn find_command(&mut self, command_id: Uuid) -> Result<Option<RecordedCommand>, StoreError> {
        self.look_up(|lookup| lookup.find_command(command_id))
    }

    fn find_match(&mut self, query: &Query, range: Range) -> Result<Option<u64>, StoreError> {
        self.look_up(|lookup| lookup.find_match(query, range))
    }

    fn confirm(&mut self) -> Result<(), StoreError> {
        let writer_id = self.writer_id;
        self.ask(|rows, _| {
            let asked = is_current(rows.connection, writer_id);
            let is_own = rows.waiting.in_time(asked)?;
            is_own.then_some(()).ok_or(Fault::Fenced)
        })
    }
}

impl Drop for Lookups {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The server notices by itself where this fails.
            drop(
                self.runtime
                    .block_on(session::in_time(async { Ok(connection.close().await?) })),
            );
        }
    }
}

async fn connect(address: &PgConnectOptions) -> Result<PgConnection, Fault> {
    let mut connection = opening::connect(address).await?;
    session::become_reader(&mut connection).await?;
    Ok(connection)
}

/// Whether the head of the log says that this writer has it.
pub(super) async fn is_current(
    connection: &mut PgConnection,
    writer_id: Uuid,
) -> Result<bool, Fault> {
    Ok(
        sqlx::query_scalar("SELECT writer_id IS NOT DISTINCT FROM $1 FROM keruen_log.log_head")
            .bind(writer_id)
            .fetch_one(connection)
            .await?,
    )
}
