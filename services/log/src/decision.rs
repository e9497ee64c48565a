//! Decides appends one after the other, each against everything before it, pending events included.

use std::{mem, sync::Arc};

use keruen_proto::log::v1::{Appended, OccurredAt, ProposedEvent, Query, RecordedEvent};
use prost::bytes::Bytes;
use uuid::Uuid;

use crate::{
    append::{AppendError, Violation},
    entry,
    index::{
        questions::{Answer, Answers, Question},
        storage::IndexedEvent,
        term::TermHasher,
    },
    log::{Range, RecordedCommand},
    recent::Recent,
    request::{Candidate, Condition},
    store::{Group, History, NewEvent, StoreError, Tip},
};

/// What the writer knows: where the log stands, the newest events, and the group that is being gathered.
#[derive(Debug)]
pub(crate) struct Ledger {
    log_id: [u8; 16],
    hasher: TermHasher,
    committed: Tip,
    /// A group that is being committed, and the tip after it.
    under_way: Option<(Arc<Group>, Tip)>,
    /// The tip after the gathered group.
    pending: Tip,
    recent: Recent,
    group: Group,
}

impl Ledger {
    /// Starts from a committed tip, with the newest events, which the store does not answer for.
    pub fn new(log_id: [u8; 16], tip: Tip, newest: Vec<IndexedEvent>) -> Self {
        let hasher = TermHasher::new(log_id);
        Self {
            log_id,
            hasher,
            recent: Recent::new(hasher, tip.position(), newest),
            pending: tip.clone(),
            committed: tip,
            under_way: None,
            group: Group::default(),
        }
    }

    /// How many events are gathered.
    pub fn gathered(&self) -> usize {
        self.group.events.len()
    }

    /// Where the log stands.
    pub fn committed(&self) -> &Tip {
        &self.committed
    }

    /// The gathered group is about to be committed: what is to be written, and the tips before and after it. There must
    /// be no other under way.
    pub fn depart(&mut self) -> (Arc<Group>, Tip, Tip) {
        let group = Arc::new(mem::take(&mut self.group));
        self.under_way = Some((Arc::clone(&group), self.pending.clone()));
        (group, self.committed.clone(), self.pending.clone())
    }

    /// The tip after the group that is under way, if one is.
    pub fn expected(&self) -> Option<&Tip> {
        self.under_way.as_ref().map(|(_, to)| to)
    }

    /// The group that was under way is committed; it is to be absorbed before anything is decided.
    pub fn arrive(&mut self) -> Option<Arc<Group>> {
        let (group, to) = self.under_way.take()?;
        self.committed = to;
        Some(group)
    }

    /// Remembers a committed group, and forgets events up to `indexed`, for which the store answers.
    pub fn absorb(&mut self, group: Option<Arc<Group>>, indexed: u64) {
        if let Some(group) = group {
            let group = Arc::try_unwrap(group).unwrap_or_else(|shared| (*shared).clone());
            self.recent.absorb(group.events);
        }
        self.recent.evict(indexed);
    }

    /// The group that was under way was not committed, and so nothing that was gathered behind it can be.
    pub fn roll_back(&mut self) {
        self.pending = self.committed.clone();
        let under_way = self.under_way.take();
        let events = under_way
            .as_ref()
            .map_or(&[][..], |(group, _)| &group.events);
        self.recent.forget([events, &self.group.events]);
        self.group = Group::default();
    }

    /// Whether the command is known without a look at the store.
    pub fn knows(&self, command_id: Uuid) -> bool {
        self.recent.command(command_id).is_some()
    }

    /// What deciding on these candidates will ask the store, as far as can be told before. The command ids need not be
    /// in order; the questions are, with none where none will be asked.
    pub fn questions<'c>(
        &self,
        candidates: impl Iterator<Item = &'c Candidate>,
    ) -> (Vec<Uuid>, Vec<Question<'c>>) {
        let mut command_ids = Vec::new();
        let mut questions = Vec::new();
        for candidate in candidates {
            if self.recent.command(candidate.command_id).is_none() {
                command_ids.push(candidate.command_id);
            }
            let older =
                |condition: &'c Condition| (&condition.query, self.older(condition.after_position));
            questions.push(
                candidate
                    .condition
                    .as_ref()
                    .map_or((&NO_QUERY, NO_RANGE), older),
            );
        }
        (command_ids, questions)
    }

    /// Of the events above a position those that only the store knows.
    fn older(&self, after_position: u64) -> Range {
        Range::after(after_position).up_to(self.recent.floor())
    }

    /// Decides one append at the time `now_us`. If it is accepted, its events are added to the gathered group; the
    /// answer must wait for the group's commit either way, since it may depend on a pending event.
    pub fn decide(
        &mut self,
        candidate: Candidate,
        now_us: i64,
        (number, answers): (usize, &Answers),
        history: &mut impl History,
    ) -> Result<Appended, AppendError> {
        if candidate.deadline_us != 0 && now_us > candidate.deadline_us {
            return Err(AppendError::DeadlineExceeded);
        }
        if let Some(earlier) = self.find_command(candidate.command_id, answers, history)? {
            return earlier.repeated(candidate.command_id, candidate.command_hash);
        }
        if let Some(condition) = &candidate.condition {
            self.check(condition, &answers.matched(number), history)?;
        }
        self.record(candidate, now_us)
    }

    fn find_command(
        &self,
        command_id: Uuid,
        answers: &Answers,
        history: &mut impl History,
    ) -> Result<Option<RecordedCommand>, AppendError> {
        if let Some(recent) = self.recent.command(command_id) {
            return Ok(Some(recent.clone()));
        }
        match answers.command(command_id) {
            Answer::Known(known) => Ok(known),
            Answer::Open => Ok(history.find_command(command_id)?),
        }
    }

    /// `older` is what the store has answered about the condition already.
    fn check(
        &self,
        condition: &Condition,
        older: &Answer<u64>,
        history: &mut impl History,
    ) -> Result<(), AppendError> {
        let Condition {
            query,
            after_position,
        } = condition;
        let after_position = *after_position;
        let head_position = self.committed.position();
        if after_position > head_position {
            history.confirm()?;
            return Err(AppendError::InvalidArgument(Violation::new(
                "condition.after_position",
                format!("must not be above the head, {head_position}, found {after_position}"),
            )));
        }
        let pending = [
            self.under_way
                .as_ref()
                .map_or(&[][..], |(group, _)| &group.events),
            &self.group.events,
        ];
        let mut conflict = self.recent.find(query, after_position, pending);
        if conflict.is_none() && after_position < self.recent.floor() {
            conflict = match older {
                Answer::Known(known) => *known,
                Answer::Open => history.find_match(query, self.older(after_position))?,
            };
        }
        match conflict {
            None => Ok(()),
            Some(conflicting_position) => Err(AppendError::ConditionFailed {
                conflicting_position,
                after_position,
            }),
        }
    }

    fn record(&mut self, candidate: Candidate, now_us: i64) -> Result<Appended, AppendError> {
        let recorded_at_us = now_us.max(self.pending.recorded_at_us);
        let first_position = self.pending.position() + 1;
        // At most 1,000 events.
        let append_events = u32::try_from(candidate.events.len()).unwrap_or(u32::MAX);
        let Candidate {
            command_id,
            command_hash,
            actor,
            origin,
            events,
            ..
        } = candidate;
        let (log_id, hasher) = (self.log_id, self.hasher);
        let stored_hash = Bytes::copy_from_slice(&command_hash);
        // All of them before any state changes, so that a failure leaves nothing behind.
        let mut new_events = Vec::with_capacity(events.len());
        let mut leaves = entry::Leaves::default();
        for (index, (proposed, occurred_at, data_hash)) in (0..append_events).zip(events) {
            let mut event = RecordedEvent {
                position: first_position + u64::from(index),
                recorded_at_us,
                command_hash: stored_hash.clone(),
                actor: actor.clone(),
                origin: origin.clone(),
                ..recorded(proposed, clamped(occurred_at, recorded_at_us))
            };
            let leaf = leaves
                .hash(&log_id, (command_id, index), &event, &data_hash)
                .map_err(AppendError::InvalidArgument)?;
            event.leaf_hash = Bytes::copy_from_slice(&leaf);
            new_events.push(NewEvent {
                terms: terms(&hasher, &event, (index == 0).then_some(command_id)),
                event,
                command_id,
                index,
                append_events,
            });
        }
        self.gather(new_events, recorded_at_us);
        let appended = Appended {
            first_position,
            last_position: self.pending.position(),
        };
        let command = RecordedCommand {
            command_hash,
            appended,
        };
        self.recent.remember(command_id, command);
        Ok(appended)
    }

    fn gather(&mut self, mut new_events: Vec<NewEvent>, recorded_at_us: i64) {
        self.pending.recorded_at_us = recorded_at_us;
        for new in &new_events {
            // The leaf hash was made above and has 32 bytes.
            let leaf = new.event.leaf_hash[..].try_into().unwrap_or_default();
            self.pending.tree.push(leaf, &mut self.group.tiles);
            self.recent.note(new);
        }
        if self.group.events.is_empty() {
            self.group.events = new_events;
        } else {
            self.group.events.append(&mut new_events);
        }
    }
}

/// Stands where nothing is asked.
static NO_QUERY: Query = Query { items: Vec::new() };
const NO_RANGE: Range = Range {
    after_position: u64::MAX,
    up_to_position: None,
};

impl RecordedCommand {
    /// The answer to a repetition: the first reply, if it is one.
    pub(crate) fn repeated(
        &self,
        command_id: Uuid,
        command_hash: [u8; 32],
    ) -> Result<Appended, AppendError> {
        if self.command_hash == command_hash {
            return Ok(self.appended);
        }
        Err(AppendError::CommandIdReused {
            command_id: command_id.to_string(),
            first_position: self.appended.first_position,
        })
    }
}

/// Hashes of its type and its tags, and of its command if it is the first event of one.
fn terms(hasher: &TermHasher, event: &RecordedEvent, first_of: Option<Uuid>) -> Vec<u64> {
    let mut terms = Vec::with_capacity(event.tags.len() + 2);
    terms.push(hasher.name(&event.r#type));
    terms.extend(event.tags.iter().map(|tag| hasher.name(tag)));
    terms.extend(first_of.map(|command_id| hasher.command(command_id)));
    terms
}

fn recorded(proposed: ProposedEvent, occurred_at: OccurredAt) -> RecordedEvent {
    RecordedEvent {
        r#type: proposed.r#type,
        tags: proposed.tags,
        region: proposed.region,
        other_region: proposed.other_region,
        data: proposed.data,
        occurred_at: Some(occurred_at),
        correlation_id: proposed.correlation_id,
        causation_id: proposed.causation_id,
        correction: proposed.correction,
        ..RecordedEvent::default()
    }
}

/// A clock that runs ahead must not put facts into the log's future.
fn clamped(occurred_at: OccurredAt, recorded_at_us: i64) -> OccurredAt {
    if occurred_at.time_us <= recorded_at_us {
        return occurred_at;
    }
    OccurredAt {
        time_us: recorded_at_us,
        clamped: true,
        ..occurred_at
    }
}

impl From<StoreError> for AppendError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } | StoreError::NearlyFull { .. } => {
                Self::NoSpace(error.to_string())
            }
            StoreError::Unknown(_) => Self::Unavailable(error.to_string()),
            StoreError::Failed(_) | StoreError::Damaged(_) | StoreError::Fenced => {
                Self::NotRecorded(error.to_string())
            }
        }
    }
}
