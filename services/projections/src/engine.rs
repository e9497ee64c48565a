//! Following the log: one thread writes, one task reads ahead of it.

use std::{pin::pin, sync::Arc, thread, time::Duration};

use futures::StreamExt;
use keruen_log::{FollowOptions, Log, Query, Range, ReadError, RecordedEvent, follow};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::{
    failure::StoreError,
    store::{Applied, Checkpoint, Writer},
    views::{Parked, Views},
};

/// How long to wait after a failure, doubled each time up to the last value.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Views that follow a log. Dropping it stops them too, a little later.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Stops after the batch that is being written.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "views stopped unexpectedly");
        }
    }
}

impl Views {
    /// Follows a log until stopped. If somebody else follows one already, this waits until they stopped.
    pub fn run(self: &Arc<Self>, log: Arc<dyn Log>) -> Running {
        let (stop, mut stopped) = watch::channel(false);
        let views = self.clone();
        let task = tokio::spawn(async move {
            let _turn = views.writer.lock().await;
            let (jobs, queue) = mpsc::channel(1);
            let dir = views.dir().to_owned();
            // A thread of its own, so that a long rebuild takes none of those that answer queries.
            let thread = match thread::Builder::new()
                .name("views".to_owned())
                .spawn(move || write(&dir, queue))
            {
                Ok(thread) => thread,
                Err(error) => return fail(&views, &format!("no thread for the views: {error}")),
            };
            tokio::select! {
                () = keep_following(&views, &log, &jobs) => {}
                // An error means that the handle was dropped.
                _ = stopped.wait_for(|stop| *stop) => {}
            }
            drop(jobs);
            let ended = tokio::task::spawn_blocking(move || thread.join());
            if !matches!(ended.await, Ok(Ok(()))) {
                fail(&views, "the thread of the views panicked");
            }
        });
        Running { stop, task }
    }
}

/// Notes a failure; logged once, however often it repeats itself.
fn fail(views: &Views, message: &str) {
    views.update(|status| {
        let is_new = status.failure.as_deref() != Some(message);
        if is_new {
            tracing::error!(
                position = status.position,
                error = message,
                "views don't move"
            );
            status.failure = Some(message.to_owned());
        }
        is_new
    });
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the thread of the views ended")]
    ThreadEnded,
}

async fn keep_following(views: &Views, log: &Arc<dyn Log>, jobs: &mpsc::Sender<Job>) {
    let mut delay = FIRST_RETRY;
    loop {
        let before = views.status().position;
        match follow_once(views, log, jobs).await {
            // Nothing to do but to stay readable.
            Ok(()) => std::future::pending::<()>().await,
            Err(error) => fail(views, &error.to_string()),
        }
        let moved = views.status().position != before;
        delay = if moved {
            FIRST_RETRY
        } else {
            (delay * 2).min(LAST_RETRY)
        };
        tokio::time::sleep(delay).await;
    }
}

/// Follows the log until the views park.
async fn follow_once(
    views: &Views,
    log: &Arc<dyn Log>,
    jobs: &mpsc::Sender<Job>,
) -> Result<(), FollowError> {
    let position = attach(views, log, jobs).await?;
    let options = FollowOptions {
        batch_events: views.options.batch_events,
        poll_interval: views.options.poll_interval,
    };
    let mut batches = pin!(follow(log.clone(), Query::default(), position, options));
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let (reply, answer) = oneshot::channel();
        let positions: Vec<(u64, String)> = batch
            .events
            .iter()
            .map(|event| (event.position, event.r#type.clone()))
            .collect();
        jobs.send(Job::Apply {
            events: batch.events,
            reply,
        })
        .await
        .map_err(|_| FollowError::ThreadEnded)?;
        let applied = answer.await.map_err(|_| FollowError::ThreadEnded)??;
        let parked = applied.defect.map(|(index, defect)| {
            let (position, r#type) = positions.get(index).cloned().unwrap_or_default();
            Parked {
                position,
                r#type,
                defect,
            }
        });
        if let Some(parked) = &parked {
            tracing::error!(position = parked.position, r#type = parked.r#type, defect = %parked.defect, "views are parked");
        }
        let is_parked = parked.is_some();
        views.update(|status| {
            status.position = applied.position;
            status.head_position = batch.head_position.max(applied.position);
            status.parked = parked;
            status.failure = None;
            true
        });
        if is_parked {
            return Ok(());
        }
    }
    Ok(())
}

/// Makes sure that the rows come from this very log, and starts them over if not. Answers with where they stand.
async fn attach(
    views: &Views,
    log: &Arc<dyn Log>,
    jobs: &mpsc::Sender<Job>,
) -> Result<u64, FollowError> {
    let head = log.head().await?;
    let checkpoint = ask(jobs, Job::Checkpoint).await?;
    let position = if belongs(log, &head.log_id, head.position, &checkpoint).await? {
        checkpoint.position
    } else {
        if checkpoint.position > 0 {
            tracing::warn!(
                position = checkpoint.position,
                head_position = head.position,
                "views are of another log or of events that it lost, building them anew"
            );
        }
        ask(jobs, |reply| Job::StartOver {
            log_id: head.log_id.to_vec(),
            reply,
        })
        .await?;
        0
    };
    views.update(|status| {
        status.ready = true;
        status.position = position;
        status.head_position = head.position;
        status.failure = None;
        true
    });
    Ok(position)
}

async fn belongs(
    log: &Arc<dyn Log>,
    log_id: &[u8],
    head_position: u64,
    checkpoint: &Checkpoint,
) -> Result<bool, ReadError> {
    if checkpoint.log_id != log_id || checkpoint.position > head_position {
        return Ok(false);
    }
    let Some(before) = checkpoint.position.checked_sub(1) else {
        return Ok(true);
    };
    let range = Range::after(before).up_to(checkpoint.position);
    let page = log.read(&Query::default(), range, 1).await?;
    Ok(page
        .events
        .first()
        .is_some_and(|event| event.leaf_hash == checkpoint.leaf_hash))
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writing thread is asked to do.
enum Job {
    Checkpoint(Reply<Checkpoint>),
    StartOver {
        log_id: Vec<u8>,
        reply: Reply<()>,
    },
    Apply {
        events: Vec<RecordedEvent>,
        reply: Reply<Applied>,
    },
}

async fn ask<T>(
    jobs: &mpsc::Sender<Job>,
    job: impl FnOnce(Reply<T>) -> Job,
) -> Result<T, FollowError> {
    let (reply, answer) = oneshot::channel();
    jobs.send(job(reply))
        .await
        .map_err(|_| FollowError::ThreadEnded)?;
    Ok(answer.await.map_err(|_| FollowError::ThreadEnded)??)
}

/// The writing thread: ends when nobody asks any more. Nobody may be left to hear an answer; that is no failure.
fn write(dir: &std::path::Path, mut queue: mpsc::Receiver<Job>) {
    let mut writer: Option<Writer> = None;
    while let Some(job) = queue.blocking_recv() {
        match job {
            Job::Checkpoint(reply) => {
                let _ = reply.send(with(&mut writer, dir, |writer| writer.checkpoint()));
            }
            Job::StartOver { log_id, reply } => {
                let _ = reply.send(with(&mut writer, dir, |writer| writer.start_over(&log_id)));
            }
            Job::Apply { events, reply } => {
                let _ = reply.send(with(&mut writer, dir, |writer| writer.apply(&events)));
            }
        }
    }
}

/// With the writer, opened on first use: a folder that can't be written now may be writable later.
fn with<T>(
    writer: &mut Option<Writer>,
    dir: &std::path::Path,
    job: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let opened = match writer.take() {
        Some(opened) => opened,
        None => Writer::open(dir)?,
    };
    job(writer.insert(opened))
}
