//! Keeps the announced head up to date with what any process appends.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::{sync::watch, task::JoinHandle};

use super::{readers::Readers, session};

/// How long it takes at most to notice an event whose notification was lost. Notifications are dropped whenever the
/// connection is.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A task that looks where the log stands.
pub(super) struct Follower(JoinHandle<()>);

impl Follower {
    /// While this process `leads` it announces what it appends by itself, and needs no notifications.
    pub fn start(
        readers: Readers,
        announce: watch::Sender<u64>,
        mut leads: watch::Receiver<bool>,
    ) -> Self {
        Self(tokio::spawn(async move {
            let mut listener = None;
            loop {
                look(&readers, &announce).await;
                if *leads.borrow_and_update() {
                    listener = None;
                } else if listener.is_none() {
                    listener = listen(&readers).await;
                    // What was appended before it listened.
                    look(&readers, &announce).await;
                }
                tokio::select! {
                    () = wait(&mut listener) => {}
                    Ok(()) = leads.changed() => {}
                }
            }
        }))
    }

    /// Ends it; the announced head closes with it.
    pub fn stop(&self) {
        self.0.abort();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn look(readers: &Readers, announce: &watch::Sender<u64>) {
    match readers.position().await {
        Ok(position) => {
            announce.send_if_modified(|known| {
                let moved = position > *known;
                *known = position.max(*known);
                moved
            });
        }
        // Reads tell their callers; here it only delays.
        Err(error) => tracing::debug!(%error, "head of the log not readable"),
    }
}

async fn listen(readers: &Readers) -> Option<PgListener> {
    let listening = async {
        let mut listener = PgListener::connect_with(readers.pool()).await?;
        listener.listen(session::CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    listening
        .await
        .inspect_err(|error| tracing::debug!(%error, "no notifications of the log"))
        .ok()
}

/// Until something may have changed.
async fn wait(listener: &mut Option<PgListener>) {
    let Some(listening) = listener else {
        return tokio::time::sleep(POLL_INTERVAL).await;
    };
    match tokio::time::timeout(POLL_INTERVAL, listening.try_recv()).await {
        // One look answers all that wait.
        Ok(Ok(Some(_))) => while listening.next_buffered().is_some() {},
        // Timed out, or the connection was lost and is made again by the next call.
        Err(_) => {}
        Ok(Ok(None) | Err(_)) => {
            *listener = None;
            tokio::time::sleep(POLL_INTERVAL / 10).await;
        }
    }
}
