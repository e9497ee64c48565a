//! How a log on a server stands: where it is, who writes it, and whether the server is fit to hold it.

use sqlx::Connection as _;

use super::{
    PostgresLog, lease,
    opening::{self, PostgresOpenError, PostgresRefusal},
    rows::from_stored,
    schema, session,
};
use crate::tree;

/// How a log on a server stands.
#[derive(Debug)]
pub struct PostgresStanding {
    /// Address of the database, without a password.
    pub at: String,
    /// Version of the server.
    pub server_version: String,
    /// Number of the last migration that was applied.
    pub store_version: usize,
    /// Identity of the log, 16 bytes.
    pub log_id: Vec<u8>,
    /// Position of the newest event; 0 where there is none.
    pub position: u64,
    /// RFC 6962 root over the leaves of all events, 32 bytes.
    pub root_hash: Vec<u8>,
    /// When the newest event was recorded, in microseconds since 1970-01-01T00:00:00Z; 0 where there is none.
    pub recorded_at_us: i64,
    /// How many writers took the log over so far, each its own connection made again included.
    pub epoch: u64,
    /// The verifier key of the node that writes the log, or wrote it last; empty where none has said so.
    pub verifier_key: String,
    /// The node that holds the lease, and with it writes the log.
    pub writer: Option<String>,
    /// The nodes that stand by.
    pub standbys: Vec<String>,
    /// Why nobody may write to the server as it is set up now.
    pub unfit: Option<PostgresRefusal>,
}

impl PostgresLog {
    /// Type and data of the event at a position of the log at `url`; `None` where there is none. Changes nothing, like
    /// [`PostgresLog::standing`].
    pub async fn stored_event(
        url: &str,
        position: u64,
    ) -> Result<Option<(String, Vec<u8>)>, PostgresOpenError> {
        let address = opening::address(url)?;
        let at = opening::shown(&address);
        let looking = async {
            let address = session::named(&address, "keruen doctor");
            let mut connection = opening::connect(&address)
                .await
                .map_err(|fault| PostgresRefusal::Unreachable(fault.to_string()))?;
            session::become_reader(&mut connection)
                .await
                .map_err(PostgresRefusal::of_role)?;
            let sql = "SELECT type, data FROM keruen_log.events WHERE position = $1";
            let found = sqlx::query_as(sql).bind(i64::try_from(position).unwrap_or(i64::MAX));
            let found = found.fetch_optional(&mut connection).await?;
            connection.close().await?;
            Ok(found)
        };
        looking
            .await
            .map_err(|reason| PostgresOpenError { at, reason })
    }

    /// Looks at the log at `url` and changes nothing, also while a node writes it.
    pub async fn standing(url: &str) -> Result<PostgresStanding, PostgresOpenError> {
        let address = opening::address(url)?;
        let at = opening::shown(&address);
        let looking = async {
            let address = session::named(&address, "keruen doctor");
            let mut connection = opening::connect(&address)
                .await
                .map_err(|fault| PostgresRefusal::Unreachable(fault.to_string()))?;
            schema::check(&mut connection).await?;
            // As the user itself, to whom the server shows more sessions than to a reader of the log.
            let writer = lease::writer(&mut connection).await?;
            let standbys = lease::standbys(&mut connection).await?;
            let unfit = match opening::check_server(&mut connection).await {
                Ok(()) => opening::check_settings(&mut connection).await.err(),
                Err(refusal) => Some(refusal),
            };
            session::become_reader(&mut connection)
                .await
                .map_err(PostgresRefusal::of_role)?;
            let (log_id, position, frontier, recorded_at_us, epoch, verifier_key, server_version): (
                Vec<u8>,
                i64,
                Vec<u8>,
                i64,
                i64,
                String,
                String,
            ) = sqlx::query_as(
                "SELECT log_id, position, frontier, recorded_at_us, epoch, verifier_key, current_setting('server_version') \
                 FROM keruen_log.log_head",
            )
            .fetch_one(&mut connection)
            .await?;
            connection.close().await?;
            Ok(PostgresStanding {
                at: at.clone(),
                server_version,
                store_version: schema::known_version(),
                log_id,
                position: from_stored(position),
                root_hash: tree::frontier_root(&frontier).to_vec(),
                recorded_at_us,
                epoch: from_stored(epoch),
                verifier_key,
                writer: writer.map(|holder| holder.node),
                standbys,
                unfit,
            })
        };
        looking.await.map_err(|reason| PostgresOpenError {
            at: at.clone(),
            reason,
        })
    }
}
