//! A thread that commits a group while the next one is decided.

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use tokio::sync::mpsc as tokio_mpsc;

use crate::store::{Group, Store, StoreError, Tip};

/// A group on its way, with the store that it goes to and the tips before and after it.
struct Work<S> {
    store: S,
    group: Arc<Group>,
    from: Tip,
    to: Tip,
}

/// The store comes back with what became of the group.
pub(super) type Done<S> = (S, Result<(), StoreError>);

/// The thread; it ends when this is dropped.
pub(super) struct Committer<S> {
    work: Option<mpsc::SyncSender<Work<S>>>,
    done: tokio_mpsc::Receiver<Done<S>>,
    thread: Option<JoinHandle<()>>,
}

impl<S: Store> Committer<S> {
    pub fn start() -> std::io::Result<Self> {
        // One group at a time.
        let (work, groups) = mpsc::sync_channel::<Work<S>>(1);
        let (tell, done) = tokio_mpsc::channel(1);
        let thread = thread::Builder::new()
            .name("log-committer".to_owned())
            .spawn(move || {
                while let Ok(Work {
                    mut store,
                    group,
                    from,
                    to,
                }) = groups.recv()
                {
                    let result = store.commit(&group, &from, &to);
                    // Its other owner wants it for himself.
                    drop(group);
                    if tell.blocking_send((store, result)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            work: Some(work),
            done,
            thread: Some(thread),
        })
    }

    /// Begins a commit.
    pub fn begin(&mut self, store: S, (group, from, to): (Arc<Group>, Tip, Tip)) {
        let work = Work {
            store,
            group,
            from,
            to,
        };
        let has_begun = match &self.work {
            Some(thread) => thread.send(work).is_ok(),
            None => false,
        };
        if !has_begun {
            self.broke_down();
        }
    }

    /// What became of the group, when it has; `None` only if the thread broke down.
    pub async fn done(&mut self) -> Option<Done<S>> {
        self.done.recv().await
    }

    /// Whoever waits for a thread that panicked panics as well, as if he had done its work himself.
    pub fn broke_down(&mut self) {
        self.work.take();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

impl<S> Drop for Committer<S> {
    fn drop(&mut self) {
        self.work.take();
        self.done.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that commits panicked");
        }
    }
}
