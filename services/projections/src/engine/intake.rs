//! Reading on in the log, and taking in what was read.

use keruen_log::{Page, Query, Range};

use super::{FollowError, Follower};
use crate::{
    views::{Parked, Status},
    writer::{Checkpoint, Writer},
};

/// Whether a page that was read from there on begins with the event at which a view stands.
pub(super) fn begins_with(page: &Page, standing: &Checkpoint) -> bool {
    let first = page.events.first();
    standing.position == 0 || first.is_some_and(|event| event.leaf_hash == standing.leaf_hash)
}

impl Follower {
    /// What follows the event at which the rows stand. That one is read with it: a log that was put back to an older state
    /// may have gone on differently since.
    pub(super) fn read_on(&self, standing: &Checkpoint, limit: usize) -> Result<Page, FollowError> {
        let position = standing.position;
        let range = Range::after(position.saturating_sub(1));
        let query = Query::default();
        let read = self.log.read(&query, range, limit.saturating_add(1));
        let mut page = self.runtime.block_on(read)?;
        if !begins_with(&page, standing) {
            return Err(FollowError::LostEvent { position });
        }
        if position > 0 {
            page.events.remove(0);
        }
        Ok(page)
    }

    /// Takes in what comes next; answers with where the view stands, whether it is parked there, and whether that is the
    /// head of the log.
    pub(super) fn take_in(
        &self,
        writer: &mut Writer,
        standing: Checkpoint,
    ) -> Result<(Checkpoint, bool, bool), FollowError> {
        let keeper = &self.keeper;
        let page = self.read_on(&standing, keeper.options.batch_events)?;
        let (standing, applied) = if page.events.is_empty() {
            (standing, None)
        } else {
            let applied = writer.apply(&page.events)?;
            (writer.checkpoint()?, Some(applied))
        };
        writer.forget_beyond(keeper.options.memory_bytes);
        let position = standing.position;
        let parked = applied
            .and_then(|applied| applied.defect)
            .map(|(index, defect)| Parked {
                position: page.events[index].position,
                r#type: page.events[index].r#type.clone(),
                defect,
            });
        if let Some(parked) = &parked {
            tracing::error!(
                view = keeper.view.name, position = parked.position, r#type = parked.r#type, defect = %parked.defect,
                "a view is parked"
            );
        }
        let is_parked = parked.is_some();
        keeper.update(|status| {
            let after = Status {
                position,
                head_position: page.head_position.max(position),
                parked,
                failure: None,
                ..status.clone()
            };
            let is_new = *status != after;
            *status = after;
            is_new
        });
        Ok((standing, is_parked, page.complete))
    }

    /// Makes sure that the rows come from this very log, and starts them over if not. Answers with where they stand.
    pub(super) fn attach(&self, writer: &mut Writer) -> Result<Checkpoint, FollowError> {
        let head = self.runtime.block_on(self.log.head())?;
        let mut standing = writer.checkpoint()?;
        if !self.belongs(&head.log_id, &standing)? {
            if standing.position > 0 {
                tracing::warn!(
                    view = self.keeper.view.name,
                    position = standing.position,
                    head_position = head.position,
                    "a view is of another log or of events that it lost, building it anew"
                );
            }
            self.keeper.go_back_to(0);
            writer.start_over(&head.log_id)?;
            standing = writer.checkpoint()?;
        }
        let position = standing.position;
        self.keeper.go_back_to(position);
        self.keeper.answer_anew_from(writer.copy());
        self.keeper.update(|status| {
            status.ready = true;
            status.version = writer.copy().version;
            status.position = position;
            status.head_position = head.position.max(position);
            status.parked = None;
            status.failure = None;
            true
        });
        Ok(standing)
    }

    pub fn belongs(&self, log_id: &[u8], checkpoint: &Checkpoint) -> Result<bool, FollowError> {
        if checkpoint.log_id != log_id {
            return Ok(false);
        }
        // The event itself tells: what the log says of its head may be a little older than what can be read of it.
        let Some(before) = checkpoint.position.checked_sub(1) else {
            return Ok(true);
        };
        let range = Range::after(before).up_to(checkpoint.position);
        let query = Query::default();
        let read = self.log.read(&query, range, 1);
        let page = self.runtime.block_on(read)?;
        Ok(begins_with(&page, checkpoint))
    }
}
