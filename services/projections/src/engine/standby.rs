//! A node that looks on while another one writes a view.

use std::time::Instant;

use keruen_log::{Query, Range};
use keruen_proto::Event;

use super::{FollowError, Follower, LOOK_INTERVAL, NOT_MOVED, TAKE_OVER_INTERVAL, fail};
use crate::{failure::Defect, views::Parked};

/// A view that another process writes, and that is not at the head.
pub(super) struct Still {
    /// Where it stands.
    pub(super) position: u64,
    pub(super) since: Instant,
    /// Whether the next event has been looked at, and what it is if it can't be taken in.
    pub(super) is_looked_at: bool,
    pub(super) parked: Option<Parked>,
}

impl Follower {
    /// Answers from what another process writes, for a while.
    pub(super) fn look_on(&mut self, still: &mut Option<Still>) -> Result<(), FollowError> {
        let (keeper, begun) = (self.keeper.clone(), Instant::now());
        let answering = keeper.place.copies(keeper.view)?.answering;
        let reader = answering
            .as_ref()
            .map(|copy| keeper.place.open_reader(copy, keeper.options.max_query));
        let (Some(copy), Some(reader)) = (answering, reader.transpose()?) else {
            self.pause(TAKE_OVER_INTERVAL);
            return Ok(());
        };
        let head = self.runtime.block_on(self.log.head())?;
        while begun.elapsed() < TAKE_OVER_INTERVAL && !self.is_stopped() {
            let checkpoint = crate::writer::checkpoint(&reader)?;
            if checkpoint.log_id == head.log_id {
                keeper.answer_from(&copy);
                let head_position = (*self.log.watch_head().borrow())
                    .max(head.position)
                    .max(checkpoint.position);
                let parked = self.parked_elsewhere(still, checkpoint.position, head_position)?;
                let is_stuck = still.as_ref().is_some_and(|still| {
                    parked.is_none() && still.since.elapsed() >= keeper.options.max_wait
                });
                if is_stuck {
                    fail(&keeper, NOT_MOVED);
                }
                keeper.update(|status| {
                    let before = status.clone();
                    status.ready = true;
                    status.is_kept_elsewhere = true;
                    status.version = copy.version;
                    status.position = checkpoint.position;
                    status.head_position = head_position;
                    status.parked = parked;
                    if !is_stuck {
                        status.failure = None;
                    }
                    *status != before
                });
            }
            self.pause(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// The event that the process which writes the view can't pass either, as far as its bytes tell: looked at where the view
    /// has not moved for a while.
    pub(super) fn parked_elsewhere(
        &self,
        still: &mut Option<Still>,
        position: u64,
        head_position: u64,
    ) -> Result<Option<Parked>, FollowError> {
        if position >= head_position {
            *still = None;
            return Ok(None);
        }
        let known = match still.take() {
            Some(known) if known.position == position => known,
            _ => Still {
                position,
                since: Instant::now(),
                is_looked_at: false,
                parked: None,
            },
        };
        let known = still.insert(known);
        if known.since.elapsed() < TAKE_OVER_INTERVAL {
            return Ok(None);
        }
        if !known.is_looked_at {
            known.parked = self.undecodable_after(position)?;
            known.is_looked_at = true;
            if let Some(parked) = &known.parked {
                let view = self.keeper.view.name;
                tracing::error!(view, %parked, "a view that another node keeps is parked");
            }
        }
        Ok(known.parked.clone())
    }

    /// The event after a position, if it can't be decoded.
    pub(super) fn undecodable_after(&self, position: u64) -> Result<Option<Parked>, FollowError> {
        let range = Range::after(position).up_to(position + 1);
        let query = Query::default();
        let read = self.log.read(&query, range, 1);
        let page = self.runtime.block_on(read)?;
        let parked = page.events.first().and_then(|event| {
            let error = Event::decode(&event.r#type, &event.data).err()?;
            Some(Parked {
                position: event.position,
                r#type: event.r#type.clone(),
                defect: Defect::Undecodable(error.to_string()),
            })
        });
        Ok(parked)
    }
}
