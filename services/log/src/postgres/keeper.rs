//! Keeps the lease: speaks to the server all the time, and says how it stands.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::{sync::watch, task::JoinHandle};

use super::{
    lease::{BEAT_INTERVAL, Lease},
    opening::PostgresRefusal,
};

/// How long to wait before the next try to reach the server.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// How the lease stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// The server confirmed it a moment ago.
    Held,
    /// The server doesn't answer; the lease may be gone.
    OutOfTouch,
    /// Somebody else has it.
    Taken {
        /// The node that has it.
        by: String,
    },
    /// The server is not safe to write to any more, so it was given up.
    Unfit(String),
}

/// A task that keeps the lease until it is told to release it or has lost it.
pub(super) struct Keeper {
    hold: watch::Receiver<Hold>,
    out_of_touch: watch::Receiver<u64>,
    release: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Keeper {
    pub fn start(lease: Lease, address: PgConnectOptions, node: String) -> Self {
        let (tell, hold) = watch::channel(Hold::Held);
        let (tell_out_of_touch, out_of_touch) = watch::channel(0);
        let (release, released) = watch::channel(false);
        let keeping = Keeping {
            address,
            node,
            tell,
            out_of_touch: tell_out_of_touch,
            released,
        };
        Self {
            hold,
            out_of_touch,
            release,
            task: tokio::spawn(keeping.run(lease)),
        }
    }

    /// How the lease stands. It is the last word when it closes.
    pub fn hold(&self) -> watch::Receiver<Hold> {
        self.hold.clone()
    }

    /// Changes when the server is reached again after it was not.
    pub fn out_of_touch(&self) -> watch::Receiver<u64> {
        self.out_of_touch.clone()
    }

    /// Gives the lease back.
    pub async fn release(self) {
        self.release.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the task that keeps the lease broke down");
        }
    }
}

struct Keeping {
    address: PgConnectOptions,
    node: String,
    tell: watch::Sender<Hold>,
    out_of_touch: watch::Sender<u64>,
    released: watch::Receiver<bool>,
}

impl Keeping {
    async fn run(mut self, mut lease: Lease) {
        loop {
            match self.keep(&mut lease).await {
                None => return lease.release().await,
                Some(refusal) if refusal.is_about_safety() => {
                    return self.give_up(lease, refusal).await;
                }
                Some(refusal) => {
                    tracing::warn!(reason = %refusal, "the lease on the log may be lost");
                }
            }
            self.tell.send_replace(Hold::OutOfTouch);
            let lost_pid = lease.pid();
            drop(lease);
            match self.take_again(lost_pid).await {
                Some(again) => lease = again,
                None => return,
            }
            self.out_of_touch.send_modify(|count| *count += 1);
            self.tell.send_replace(Hold::Held);
        }
    }

    /// Speaks until the lease is to be released, or something is wrong.
    async fn keep(&mut self, lease: &mut Lease) -> Option<PostgresRefusal> {
        loop {
            tokio::select! {
                _ = self.released.wait_for(|released| *released) => return None,
                () = tokio::time::sleep(BEAT_INTERVAL) => {}
            }
            if let Err(refusal) = lease.beat().await {
                return Some(refusal);
            }
        }
    }

    async fn give_up(self, lease: Lease, refusal: PostgresRefusal) {
        lease.release().await;
        self.tell.send_replace(Hold::Unfit(refusal.to_string()));
    }

    /// Connects again and takes the lease, unless somebody else has it by now.
    async fn take_again(&mut self, lost_pid: i32) -> Option<Lease> {
        loop {
            let mut released = self.released.clone();
            tokio::select! {
                _ = released.wait_for(|released| *released) => return None,
                tried = self.try_again(lost_pid) => match tried {
                    Ok(Some(lease)) => return Some(lease),
                    Ok(None) => {}
                    Err(lost) => {
                        // Whoever waits for the old connections need wait no longer.
                        self.out_of_touch.send_modify(|count| *count += 1);
                        self.tell.send_replace(lost);
                        return None;
                    }
                }
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    async fn try_again(&self, lost_pid: i32) -> Result<Option<Lease>, Hold> {
        let mut lease = match Lease::connect(&self.address, &self.node).await {
            Ok(lease) => lease,
            Err(refusal) if refusal.is_about_safety() => {
                return Err(Hold::Unfit(refusal.to_string()));
            }
            // It is not reached yet.
            Err(_) => return Ok(None),
        };
        match lease.try_take(&self.node).await {
            Ok(true) => return Ok(Some(lease)),
            Ok(false) => {}
            Err(_) => return Ok(None),
        }
        match lease.holder().await {
            // The server has not noticed yet that the old session is gone.
            Ok(Some(holder)) if holder.pid != lost_pid => Err(Hold::Taken { by: holder.node }),
            _ => Ok(None),
        }
    }
}
