//! The index of a log on a server, made anew from its events.

use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;

use super::{
    PostgresLog,
    index::Rows,
    keeper::Keeper,
    lease::Lease,
    opening::{self, PostgresOpenError, PostgresRefusal},
    rows::stored,
    session::Fault,
    verify::beside_progress,
    writer::Writer,
};
use crate::{
    index::{
        cache::FilterCache,
        rebuild::{self, Rebuild, ReindexOptions, Reindexed},
        run::{Changes, MAX_RUN_ID},
        storage::Damage,
        term::TermHasher,
    },
    store::{Group, Tip},
    verify::Progress,
};

/// Name by which others know who holds the lease meanwhile.
const NODE: &str = "keruen log reindex";

impl PostgresLog {
    /// Makes the index of the log at `url` anew where it does not agree with the events, also where the log can't be
    /// opened because of it. Fails where a node writes the log; readers are not disturbed. It can be killed at any time
    /// and goes on from there when it is called again. To be called on a tokio runtime.
    pub async fn reindex(
        url: &str,
        options: ReindexOptions,
        progress: Progress<'_>,
    ) -> Result<Reindexed, PostgresOpenError> {
        let address = opening::address(url)?;
        let reindexed = async {
            // It must not make a log where there is none.
            opening::check_for_reading(&address).await?;
            let mut lease = Lease::connect(&address, NODE).await?;
            if !lease.try_take(NODE).await? {
                let holder = lease.holder().await?;
                let node = holder.map_or_else(|| "another node".to_owned(), |holder| holder.node);
                return Err(PostgresRefusal::InUse { node });
            }
            let keeper = Keeper::start(lease, address.clone(), NODE.to_owned());
            let (address, out_of_touch) = (address.clone(), keeper.out_of_touch());
            // The writer has a runtime of its own, which must not be used on a task.
            let working = beside_progress(progress, move |progress| {
                rebuild(&address, out_of_touch, options, progress)
            });
            let result = working.await;
            keeper.release().await;
            result.unwrap_or_else(|error| Err(PostgresRefusal::Thread(error.into())))
        };
        reindexed.await.map_err(|reason| PostgresOpenError {
            at: opening::shown(&address),
            reason,
        })
    }
}

fn rebuild(
    address: &PgConnectOptions,
    out_of_touch: watch::Receiver<u64>,
    options: ReindexOptions,
    progress: Progress<'_>,
) -> Result<Reindexed, PostgresRefusal> {
    let filters = FilterCache::new(options.index.filter_cache_bytes);
    let (writer, tip) = Writer::take(address, out_of_touch, (options.index, filters))?;
    let hasher = TermHasher::new(writer.log_id());
    let head = tip.position();
    let mut storage = Alone { writer, tip };
    Ok(rebuild::rebuild(
        &mut storage,
        &hasher,
        head,
        options,
        progress,
    )?)
}

/// The only writer, of a log whose head does not move.
struct Alone {
    writer: Writer,
    tip: Tip,
}

/// Only while the head is this writer's.
const REMOVE_MALFORMED: &str = "\
    WITH own AS ( \
        SELECT FROM keruen_log.log_head WHERE writer_id = $1 AND epoch = $2 FOR UPDATE \
    ), of_runs AS ( \
        DELETE FROM keruen_log.runs WHERE EXISTS (SELECT FROM own) AND id = ANY($3) \
    ), of_pages AS ( \
        DELETE FROM keruen_log.run_pages WHERE EXISTS (SELECT FROM own) AND (run < 1 OR run > $4) \
    ), of_filters AS ( \
        DELETE FROM keruen_log.run_filters WHERE EXISTS (SELECT FROM own) AND (run < 1 OR run > $4) \
    ) \
    SELECT FROM own";

impl Rebuild for Alone {
    type Error = Fault;
    type Rows<'r> = Rows<'r>;

    fn damage(error: &Fault) -> Option<&Damage> {
        match error {
            Fault::Damaged(damage) => Some(damage),
            _ => None,
        }
    }

    fn with_rows<T>(
        &mut self,
        look: impl FnOnce(&mut Rows<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.writer.with_rows(look)
    }

    fn remove_malformed(&mut self) -> Result<(), Fault> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method alone is not general enough over the rows' lifetimes"
        )]
        let malformed = self.writer.with_rows(|rows| rows.malformed_runs())?;
        let (writer_id, epoch) = self.writer.claim();
        let own = self.writer.run(async |connection| {
            let removing = sqlx::query(REMOVE_MALFORMED)
                .bind(writer_id)
                .bind(epoch)
                .bind(malformed)
                .bind(stored(MAX_RUN_ID));
            Ok(removing.fetch_optional(connection).await?)
        })?;
        own.map(|_| ()).ok_or(Fault::Fenced)
    }

    fn write(&mut self, changes: &Changes) -> Result<(), Fault> {
        let Self { writer, tip } = self;
        writer.write((&Group::default(), changes), tip, tip)
    }
}
