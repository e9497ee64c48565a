//! The right to write a view, and the copies that are built under it.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{oneshot, watch};

use super::{FIRST_RETRY, FollowError, Follower, LAST_RETRY, LEAVE_PATIENCE, is_damaged};
use crate::{
    copies::Lock,
    database,
    rebuild::{self, Built},
    writer::Writer,
};

/// The right to write a view, and whoever builds a copy of it under that right. Both outlast a failure to follow.
pub(super) struct Held {
    pub(super) lock: Lock,
    pub(super) rebuilding: Option<Rebuilding>,
    /// When a build that failed is begun again.
    pub(super) retry_at: Option<Instant>,
    /// How long the next one that fails is put off.
    pub(super) retry_delay: Duration,
    /// Where rows last contradicted themselves, and were built anew for it.
    pub(super) damaged_at: Option<u64>,
}

/// A thread that builds a copy. It ends soon after this is dropped.
pub(super) struct Rebuilding {
    pub(super) built: oneshot::Receiver<Result<Option<Built>, FollowError>>,
    pub(super) stop: watch::Sender<bool>,
}

impl Held {
    pub(super) fn new(lock: Lock) -> Self {
        Self {
            lock,
            rebuilding: None,
            retry_at: None,
            retry_delay: FIRST_RETRY,
            damaged_at: None,
        }
    }

    /// Whether a copy is built, or will be once more.
    pub(super) fn is_building(&self) -> bool {
        self.rebuilding.is_some() || self.retry_at.is_some()
    }
}

impl Follower {
    /// Makes a copy that has been built the one that answers, once it is as far as the one before. `None` where it is
    /// over.
    pub(super) fn switch_to(
        &self,
        held: &Held,
        built: &Built,
        at_least: u64,
    ) -> Result<Option<Writer>, FollowError> {
        let (keeper, copy) = (self.keeper.clone(), &built.copy);
        if !held.lock.is_held() {
            return Err(FollowError::LostLock);
        }
        let mut writer = keeper.place.open_writer(keeper.view, copy)?;
        let mut standing = writer.checkpoint()?;
        // One that was deleted meanwhile has just been made again, empty.
        if standing.position < built.position {
            return Err(FollowError::LostCopy);
        }
        while standing.position < at_least {
            if self.is_stopped() {
                return Ok(None);
            }
            let page = self.read_on(&standing, keeper.options.batch_events)?;
            let applied = writer.apply(&page.events)?;
            if applied.position == standing.position {
                break;
            }
            standing = writer.checkpoint()?;
        }
        writer.mark_complete()?;
        drop(writer);
        let finished = keeper.place.finish(copy)?;
        tracing::info!(
            view = keeper.view.name,
            position = standing.position,
            "a view has been built anew"
        );
        Ok(Some(keeper.place.open_writer(keeper.view, &finished)?))
    }

    /// Lets another thread build a copy.
    pub(super) fn begin_to_build(&mut self, held: &mut Held) -> Result<(), FollowError> {
        if !held.lock.is_held() {
            // Should this one get the right again, it builds what it was asked for.
            if held.is_building() || self.keeper.status().rebuild.is_some() {
                self.asked.mark_changed();
            }
            return Err(FollowError::LostLock);
        }
        let (done, built) = oneshot::channel();
        let (stop, stopped) = watch::channel(false);
        let follower = Self {
            stop: stopped,
            ..self.clone()
        };
        thread::Builder::new()
            .name(format!("build {}", self.keeper.view.name))
            .spawn(move || {
                // Nobody may be left to hear it.
                let _ = done.send(rebuild::build(&follower));
            })?;
        // From now on nobody begins another one.
        self.keeper.update(|status| {
            let is_new = status.rebuild.is_none();
            status.rebuild.get_or_insert_default();
            is_new
        });
        held.rebuilding = Some(Rebuilding { built, stop });
        held.retry_at = None;
        Ok(())
    }

    /// What follows a position could not be taken in. Rows that contradict themselves are built anew, once, by themselves;
    /// the old ones answer meanwhile what they can.
    pub(super) fn not_taken(
        &mut self,
        held: &mut Held,
        position: u64,
        error: FollowError,
    ) -> FollowError {
        if !is_damaged(&error) || held.is_building() {
            return error;
        }
        // Where those that were built say the same, it is not for want of building.
        if held.damaged_at.replace(position) == Some(position) {
            return error;
        }
        match self.begin_to_build(held) {
            Ok(()) => error,
            Err(not_begun) => not_begun,
        }
    }

    /// Whoever asked for a rebuild meanwhile has got one.
    pub(super) fn end_build(&mut self, held: &mut Held) {
        held.rebuilding = None;
        held.retry_delay = FIRST_RETRY;
        self.asked.mark_unchanged();
    }

    /// The copy that was built answers, and it is known whether it is parked: only now is the rebuild over for whoever
    /// waits for it.
    pub(super) fn tell_built(&self, held: &Held) {
        if !held.is_building() && !self.asked.has_changed().unwrap_or(false) {
            self.keeper.update(|status| status.rebuild.take().is_some());
        }
    }

    /// A rebuild that failed leaves everything as it is, and goes on a little later.
    pub(super) fn put_off(&self, held: &mut Held, error: &FollowError) {
        held.rebuilding = None;
        self.discard_unfinished(error);
        held.retry_at = Some(Instant::now() + held.retry_delay);
        held.retry_delay = (held.retry_delay * 2).min(LAST_RETRY);
        let mut message = error.to_string();
        if matches!(error, FollowError::Store(error) if database::is_forbidden(error)) {
            message.push_str("; `GRANT CREATE ON DATABASE` lets its user make what it needs");
        }
        self.keeper.update(|status| {
            let rebuild = status.rebuild.get_or_insert_default();
            let is_new = rebuild.failure.as_ref() != Some(&message);
            if is_new {
                let view = self.keeper.view.name;
                tracing::error!(view, error = message, "a view can't be built anew");
                rebuild.failure = Some(message);
            }
            is_new
        });
    }

    /// The same where a copy was built, or was to be before anything answers, and can't be taken over.
    pub(super) fn not_built(&self, held: &mut Held, error: &FollowError) -> FollowError {
        self.put_off(held, error);
        FollowError::NotBuilt(error.to_string())
    }

    /// Waits for whoever builds to stop, and gives up the right to write.
    pub(super) fn leave(&self, held: Option<Held>) {
        let Some(mut held) = held else {
            return;
        };
        if let Some(rebuilding) = &mut held.rebuilding {
            rebuilding.stop.send_replace(true);
            loop {
                let ended = self.runtime.block_on(async {
                    tokio::time::timeout(LEAVE_PATIENCE, &mut rebuilding.built).await
                });
                if ended.is_ok() || self.is_stopped() {
                    break;
                }
            }
        }
        self.keeper.update(|status| status.rebuild.take().is_some());
    }
}
