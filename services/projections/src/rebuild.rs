//! Building a view anew, beside the one that answers: folded in memory in large batches, written in bulk.
//!
//! Memory is bounded: what is folded is written, and forgotten, whenever it takes more than
//! [`crate::ViewOptions::build_memory_bytes`]; what was written and forgotten is read back where an event touches it again,
//! and a filter of a fixed size tells most of what is new from it. Whatever was written stays when the program ends, and is
//! gone on from.

use std::{
    fs::File,
    sync::Arc,
    time::{Duration, Instant},
};

use keruen_log::ReadError;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::JoinHandle,
};

use crate::{
    copies::CopyName,
    engine::{FollowError, Follower},
    failure::{ApplyError, StoreError},
    reading::Page,
    views::Rebuild,
    writer::Writer,
};

/// How many events are folded before they are written, at most: so many are folded again after the program ended.
const COMMIT_EVENTS: u64 = 50_000;
/// How often progress is told.
const TELL_INTERVAL: Duration = Duration::from_millis(200);

/// A copy that is complete but for its name.
pub struct Built {
    /// The copy.
    pub copy: CopyName,
    /// Every event up to this position is in it.
    pub position: u64,
}

/// Whose turn it is among the views that a server keeps.
#[derive(Clone, Default)]
pub struct Turn(Arc<Mutex<()>>);

impl Turn {
    /// Waits until no other view is built; `None` where it is over before that.
    fn wait(&self, follower: &Follower) -> Option<OwnedMutexGuard<()>> {
        let mut stop = follower.stop.clone();
        let turn = Arc::clone(&self.0);
        follower.runtime.block_on(async {
            tokio::select! {
                biased;
                // Also where whoever could say so is gone.
                _ = stop.wait_for(|stop| *stop) => None,
                guard = turn.lock_owned() => Some(guard),
            }
        })
    }
}

/// Whether one view is built after the other: where a server keeps them, and old rows answer meanwhile. A server does not
/// know that what it does for a rebuild can wait, and beside those who write the log two at once are done hardly sooner,
/// while these wait several times as long for their answers.
fn takes_turns(follower: &Follower) -> Result<bool, StoreError> {
    let keeper = &follower.keeper;
    Ok(keeper.place.is_server() && keeper.place.copies(keeper.view)?.answering.is_some())
}

/// Builds a copy up to the head of the log; `None` where it is over before that.
pub fn build(follower: &Follower) -> Result<Option<Built>, FollowError> {
    let _turn = if takes_turns(follower)? {
        let Some(turn) = follower.turn.wait(follower) else {
            return Ok(None);
        };
        Some(turn)
    } else {
        None
    };
    let Some(mut building) = Building::begin(follower)? else {
        return Ok(None);
    };
    // Up to the head, and then up to what was recorded meanwhile, until that is little.
    loop {
        let head = follower.runtime.block_on(follower.log.head())?;
        if !building.up_to(head.position)? {
            return Ok(None);
        }
        let head = follower.runtime.block_on(follower.log.head())?;
        let behind = head.position.saturating_sub(building.position);
        if building.parked_before.is_some() || behind <= COMMIT_EVENTS / 10 {
            break;
        }
    }
    building.finish().map(Some)
}

struct Building<'f> {
    follower: &'f Follower,
    writer: Writer,
    position: u64,
    committed: u64,
    /// The event before it can't be taken in: the copy ends there, as the one that answers will.
    parked_before: Option<u64>,
    begun: Instant,
    begun_at: u64,
    told: Option<Instant>,
    /// The file, where it is one. It is not closed before the copy is: that would take the locks of all connections to it.
    file: Option<Arc<File>>,
    /// What brings to the disk what was written.
    flushing: Option<JoinHandle<()>>,
}

impl Drop for Building<'_> {
    fn drop(&mut self) {
        // Fields are dropped in their order, so the file after the writer, unless somebody else still has it.
        if let Some(flushing) = self.flushing.take() {
            let _ = self.follower.runtime.block_on(flushing);
        }
    }
}

impl<'f> Building<'f> {
    fn begin(follower: &'f Follower) -> Result<Option<Self>, FollowError> {
        // Whoever waits for answers goes first, and whoever writes the log. It is this thread alone that steps back.
        if let Err(error) = rustix::process::nice(19) {
            tracing::debug!(%error, "a rebuild runs with the usual priority");
        }
        let keeper = &follower.keeper;
        let head = follower.runtime.block_on(follower.log.head())?;
        let copy = match keeper.place.copies(keeper.view)?.unfinished {
            Some(copy) => copy,
            None => keeper.next_copy(true)?,
        };
        keeper.check_room_to_build()?;
        let mut writer = keeper.place.open_writer(keeper.view, &copy)?;
        let checkpoint = writer.checkpoint()?;
        let mut position = checkpoint.position;
        if !follower.belongs(&head.log_id, &checkpoint)? {
            writer.start_over(&head.log_id)?;
            position = 0;
        }
        let path = keeper.place.file(&copy);
        let file = path.map(File::open).transpose();
        let file = file.map_err(StoreError::from)?.map(Arc::new);
        tracing::info!(
            view = keeper.view.name,
            version = keeper.view.version,
            position,
            head_position = head.position,
            "building a view anew"
        );
        Ok(Some(Self {
            follower,
            writer,
            position,
            committed: position,
            parked_before: None,
            begun: Instant::now(),
            begun_at: position,
            told: None,
            file,
            flushing: None,
        }))
    }

    /// Folds and writes everything up to a position; `false` where it is over before that.
    fn up_to(&mut self, last: u64) -> Result<bool, FollowError> {
        loop {
            let until = self.parked_before.map_or(last, |parked| parked.min(last));
            if self.position >= until {
                break;
            }
            let follower = self.follower;
            if follower.is_stopped() {
                return Ok(false);
            }
            let begun_at = (self.position, self.parked_before);
            let (readings, runtime) = (&follower.readings, &follower.runtime);
            let mut pages = readings.pages(runtime, &follower.log, self.position, until);
            while self.position < until
                && let Some(page) = pages.blocking_recv()
            {
                if follower.is_stopped() {
                    return Ok(false);
                }
                let page = page?;
                if !self.take(&page, until)? {
                    break;
                }
            }
            // Others who take the same pages need not wait for this.
            drop(pages);
            if (self.position, self.parked_before) == begun_at {
                let message = format!("it has nothing after position {}", self.position);
                return Err(ReadError::Unavailable(message).into());
            }
            self.commit()?;
        }
        Ok(!self.follower.is_stopped())
    }

    /// Folds the events of a page up to a position; `false` where one of them can't be taken in, and everything since the
    /// last commit is read again.
    fn take(&mut self, page: &Page, until: u64) -> Result<bool, FollowError> {
        let events = page.recorded();
        // Others who take the same pages may go further.
        let events = &events[..events.partition_point(|event| event.position <= until)];
        match self.writer.take_page(page, events.len()) {
            Ok(()) => {}
            Err(ApplyError::Store(error)) => return Err(error.into()),
            Err(ApplyError::Event { index, .. }) => {
                self.parked_before = Some(events[index].position.saturating_sub(1));
                self.position = self.committed;
                return Ok(false);
            }
        }
        self.position = events.last().map_or(self.position, |last| last.position);
        let limit_bytes = self.follower.keeper.options.build_memory_bytes;
        let is_large = self.writer.memory_bytes() > limit_bytes;
        if is_large || self.position - self.committed >= COMMIT_EVENTS {
            self.commit()?;
            self.writer.forget_beyond(limit_bytes);
        }
        self.tell();
        Ok(true)
    }

    fn commit(&mut self) -> Result<(), FollowError> {
        if self.position > self.committed {
            self.follower.keeper.check_room(0)?;
            self.committed = self.writer.commit()?;
            self.flush();
        }
        Ok(())
    }

    /// Begins to bring a file to the disk. All of it at once, in the end, would keep the disk from whoever writes the log.
    fn flush(&mut self) {
        let Some(file) = self.file.clone() else {
            return;
        };
        if self.flushing.as_ref().is_some_and(|it| !it.is_finished()) {
            return;
        }
        let view = self.follower.keeper.view.name;
        let flush = move || {
            if let Err(error) = file.sync_data() {
                // It is synced once more when it is complete, and then this counts.
                tracing::debug!(view, %error, "a view that is being built can't be synced");
            }
        };
        self.flushing = Some(self.follower.runtime.spawn_blocking(flush));
    }

    fn tell(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < TELL_INTERVAL) {
            return;
        }
        self.told = Some(Instant::now());
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate is told, and no log has 2^52 events"
        )]
        let events_per_s = (self.position - self.begun_at) as f64 / seconds;
        let rebuild = Rebuild {
            position: self.position,
            events_per_s,
            failure: None,
        };
        self.follower.keeper.update(|status| {
            status.rebuild = Some(rebuild);
            true
        });
    }

    fn finish(mut self) -> Result<Built, FollowError> {
        self.follower.keeper.check_room(0)?;
        self.writer.make_indexes()?;
        let copy = self.writer.copy().clone();
        let position = self.committed;
        Ok(Built { copy, position })
    }
}
