//! Keeps the announced head up to date with what any process appends, and tells the others what this one does.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::{sync::watch, task::JoinHandle};

use super::{readers::Readers, session};

/// How long it takes at most to notice an event whose notification was lost. Notifications are dropped whenever the
/// connection is.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long it takes at least from one notification to the next: each wakes every process that listens.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(5);

/// A task that looks where the log stands.
pub(super) struct Follower(JoinHandle<()>);

impl Follower {
    /// While this process `leads` it announces what it appends by itself, and notifies the others: not as part of an
    /// append, which would wait for it.
    pub fn start(
        readers: Readers,
        announce: watch::Sender<u64>,
        mut leads: watch::Receiver<bool>,
    ) -> Self {
        Self(tokio::spawn(async move {
            let mut listener = None;
            let mut appended = announce.subscribe();
            loop {
                look(&readers, &announce).await;
                if *leads.borrow_and_update() {
                    listener = None;
                    tokio::select! {
                        () = tokio::time::sleep(POLL_INTERVAL) => {}
                        () = notify(&readers, &mut appended) => {}
                        Ok(()) = leads.changed() => {}
                    }
                    continue;
                }
                if listener.is_none() {
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

/// Tells the others each time that the position has moved; ends when that fails.
async fn notify(readers: &Readers, appended: &mut watch::Receiver<u64>) {
    while appended.changed().await.is_ok() {
        let position = *appended.borrow_and_update();
        let told = sqlx::query("SELECT pg_notify($1, $2)")
            .bind(session::CHANNEL)
            .bind(position.to_string())
            .execute(readers.pool())
            .await;
        if let Err(error) = told {
            tracing::debug!(%error, "others were not notified of the head of the log");
            return tokio::time::sleep(POLL_INTERVAL / 10).await;
        }
        tokio::time::sleep(NOTIFY_INTERVAL).await;
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
