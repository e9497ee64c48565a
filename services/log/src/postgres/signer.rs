//! By which key the checkpoints of a log on a server are signed. Every node that may write it has a key file of its own, and
//! they must hold the same key: else auditors no longer know the log after another node took it over.

use sqlx::Connection as _;

use super::{
    PostgresLog, opening,
    session::{self, Fault},
};
use crate::log::ReadError;

impl PostgresLog {
    /// The verifier key of the node that writes the log, or wrote it last; `None` where none has said so.
    pub async fn verifier_key(&self) -> Result<Option<String>, ReadError> {
        let key: String = sqlx::query_scalar("SELECT verifier_key FROM keruen_log.log_head")
            .fetch_one(self.readers.pool())
            .await
            .map_err(Fault::from)?;
        Ok(Some(key).filter(|key| !key.is_empty()))
    }

    /// Tells the other nodes by which key this one signs. To be called by the node that writes the log.
    pub async fn tell_verifier_key(&self, key: &str) -> Result<(), ReadError> {
        let telling = session::in_time(async {
            let address = session::named(&self.address, "keruen signer");
            let mut connection = opening::connect(&address).await?;
            session::become_writer(&mut connection).await?;
            sqlx::query(
                "UPDATE keruen_log.log_head SET verifier_key = $1 WHERE verifier_key <> $1",
            )
            .bind(key)
            .execute(&mut connection)
            .await?;
            Ok(connection.close().await?)
        });
        Ok(telling.await?)
    }
}
