//! What a caller is told when the store fails in the middle of a group.

use std::{
    collections::HashMap,
    sync::{Condvar, Mutex},
    time::Duration,
};

use keruen_proto::log::v1::{
    AppendCondition, AppendRequest, OccurredAt, ProposedEvent, Query, QueryItem, TimePrecision,
};
use uuid::Uuid;

use super::{writer::Size, *};
use crate::{
    log::{Range, RecordedCommand},
    matching,
    store::{Group, History, StoreError},
};

/// What happens at a commit.
#[derive(Clone, Copy)]
enum Fate {
    Written,
    Lost,
    /// Written, but reported as lost.
    WrittenUnseen,
    /// Not written, and the head can't be read either.
    Unreadable,
    /// Written, reported as lost, and the head can't be read either.
    WrittenUnreadable,
    /// Not written, since somebody else has taken over.
    Fenced,
    /// Written, and then somebody else has taken over.
    WrittenFenced,
    /// Something went wrong that should be impossible.
    Panicked,
}

/// A store in memory that waits at each commit until it is told what becomes of it.
#[derive(Clone, Default)]
struct Fake(Arc<(Mutex<State>, Condvar)>);

/// The same store, which commits on a thread of its own, or on the one that decides.
#[derive(Clone)]
struct Committing<const BESIDE: bool>(Fake);

#[derive(Default)]
struct State {
    tip: Option<Tip>,
    events: Vec<(String, Vec<String>)>,
    commands: HashMap<Uuid, RecordedCommand>,
    fates: Vec<Fate>,
    commits: usize,
    unreadable: bool,
    fenced: bool,
}

impl Fake {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    fn next_commit(&self, fate: Fate) {
        self.state().fates.insert(0, fate);
        self.0.1.notify_all();
    }

    /// Waits until a group stands at its commit.
    fn wait_for_commit(&self, number: usize) {
        let state = self.state();
        drop(
            self.0
                .1
                .wait_while(state, |state| state.commits < number)
                .unwrap(),
        );
    }

    fn start<const BESIDE: bool>(&self) -> Sequencer {
        let bounds = Bounds {
            queue_appends: 100,
            queue_bytes: 1_000_000,
            ..Bounds::default()
        };
        self.state().tip = Some(empty_tip());
        let store = Committing::<BESIDE>(self.clone());
        Sequencer::start([0; 16], &empty_tip(), store, Arc::new(|| 1), bounds).unwrap()
    }
}

fn empty_tip() -> Tip {
    Tip {
        recorded_at_us: 0,
        tree: crate::tree::Tree::default(),
    }
}

impl State {
    fn write(&mut self, group: &Group, to: &Tip) {
        self.tip = Some(to.clone());
        for new in &group.events {
            self.events
                .push((new.event.r#type.clone(), new.event.tags.clone()));
            if new.index == 0 {
                let first_position = new.event.position;
                let command = RecordedCommand {
                    command_hash: new.event.command_hash[..].try_into().unwrap(),
                    appended: Appended {
                        first_position,
                        last_position: first_position + u64::from(new.append_events) - 1,
                    },
                };
                self.commands.insert(new.command_id, command);
            }
        }
    }
}

impl<const BESIDE: bool> History for Committing<BESIDE> {
    fn find_command(&mut self, command_id: Uuid) -> Result<Option<RecordedCommand>, StoreError> {
        Ok(self.0.state().commands.get(&command_id).cloned())
    }

    fn find_match(&mut self, query: &Query, range: Range) -> Result<Option<u64>, StoreError> {
        let state = self.0.state();
        Ok((1..)
            .zip(&state.events)
            .filter(|(position, _)| *position > range.after_position)
            .find(|(_, (name, tags))| matching::matches(query, name, tags))
            .map(|(position, _)| position))
    }
}

impl<const BESIDE: bool> Store for Committing<BESIDE> {
    type History = Self;

    const EVENTS_BESIDE: usize = if BESIDE { 1 } else { usize::MAX };

    fn history(&mut self) -> std::io::Result<Self> {
        Ok(self.clone())
    }

    fn load(&mut self) -> Result<Tip, StoreError> {
        let mut state = self.0.state();
        if std::mem::take(&mut state.unreadable) {
            return Err(StoreError::Failed("no answer".to_owned()));
        }
        Ok(state.tip.clone().unwrap())
    }

    fn recorded(
        &mut self,
        command_ids: &[Uuid],
    ) -> Result<HashMap<Uuid, RecordedCommand>, StoreError> {
        let commands = &self.0.state().commands;
        let known = command_ids
            .iter()
            .filter_map(|id| commands.get_key_value(id));
        Ok(known.map(|(id, command)| (*id, command.clone())).collect())
    }

    fn is_fenced(&self) -> bool {
        self.0.state().fenced
    }

    fn commit(&mut self, group: &Group, _from: &Tip, to: &Tip) -> Result<(), StoreError> {
        let Fake(shared) = &self.0;
        let (state, changed) = &**shared;
        let mut state = state.lock().unwrap();
        state.commits += 1;
        changed.notify_all();
        // A test that failed gives no fate; its writer must end all the same.
        let (mut state, _) = changed
            .wait_timeout_while(state, Duration::from_secs(10), |state| {
                state.fates.is_empty()
            })
            .unwrap();
        let fate = state.fates.pop().unwrap_or(Fate::Lost);
        if matches!(
            fate,
            Fate::Written | Fate::WrittenUnseen | Fate::WrittenUnreadable | Fate::WrittenFenced
        ) {
            state.write(group, to);
        }
        state.fenced = matches!(fate, Fate::Fenced | Fate::WrittenFenced);
        state.unreadable = matches!(fate, Fate::Unreadable | Fate::WrittenUnreadable);
        match fate {
            Fate::Written => Ok(()),
            Fate::Panicked => panic!("this test wants it so"),
            Fate::Fenced | Fate::WrittenFenced => Err(StoreError::Fenced),
            _ => Err(StoreError::Failed("the cable is cut".to_owned())),
        }
    }
}

fn candidate(tag: &str, after_position: Option<u64>) -> Candidate {
    let event = ProposedEvent {
        r#type: "a.A".to_owned(),
        tags: vec![tag.to_owned()],
        occurred_at: Some(OccurredAt {
            precision: TimePrecision::Second.into(),
            ..OccurredAt::default()
        }),
        ..ProposedEvent::default()
    };
    let item = QueryItem {
        types: Vec::new(),
        tags: vec![tag.to_owned()],
    };
    let condition = after_position.map(|after_position| AppendCondition {
        query: Some(Query { items: vec![item] }),
        after_position,
    });
    let request = AppendRequest {
        command_id: Uuid::now_v7().to_string(),
        command_hash: vec![0; 32],
        actor: "a".to_owned(),
        origin: "n".to_owned(),
        events: vec![event],
        condition,
        deadline_us: 0,
    };
    Candidate::parse(request, &Bounds::default(), None).unwrap()
}

fn again(candidate: &Candidate) -> Candidate {
    Candidate {
        command_id: candidate.command_id,
        command_hash: candidate.command_hash,
        actor: candidate.actor.clone(),
        origin: candidate.origin.clone(),
        events: candidate.events.clone(),
        condition: None,
        deadline_us: 0,
        bytes: candidate.bytes,
    }
}

/// A group of four behind a first append that keeps the writer busy: a creation, a second one of the same that depends
/// on the first being recorded, a duplicate of the first, and one that is not related.
async fn play<const BESIDE: bool>(
    fate: Fate,
) -> (Sequencer, Fake, Vec<Result<Appended, AppendError>>) {
    let store = Fake::default();
    let sequencer = store.start::<BESIDE>();
    let first = sequencer.enqueue(candidate("t:0", None), false).unwrap();
    store.wait_for_commit(1);
    let created = candidate("t:1", Some(0));
    let duplicate = again(&created);
    let group = [
        created,
        candidate("t:1", Some(0)),
        duplicate,
        candidate("t:2", None),
    ]
    .map(|candidate| sequencer.enqueue(candidate, false).unwrap());
    if BESIDE {
        all_are_decided(&sequencer).await;
    }
    store.next_commit(Fate::Written);
    assert_eq!(first.await.unwrap().unwrap().first_position, 1);
    store.wait_for_commit(2);
    assert_eq!(
        *sequencer.watch_head().borrow(),
        1,
        "nothing is announced before the commit"
    );
    let mut group = futures::future::join_all(group);
    assert!(
        futures::poll!(&mut group).is_pending(),
        "no answer leaves before the commit, refusals included"
    );
    store.next_commit(fate);
    let answers = group.await.into_iter().map(Result::unwrap).collect();
    (sequencer, store, answers)
}

/// Waits until all that is queued is: appends give up their places then.
async fn all_are_decided(sequencer: &Sequencer) {
    while sequencer.places.available_permits() < 100 {
        tokio::task::yield_now().await;
    }
}

fn one(position: u64) -> Appended {
    Appended {
        first_position: position,
        last_position: position,
    }
}

fn as_written() -> [Result<Appended, AppendError>; 4] {
    let refused = AppendError::ConditionFailed {
        conflicting_position: 2,
        after_position: 0,
    };
    [Ok(one(2)), Err(refused), Ok(one(2)), Ok(one(3))]
}

/// Each of these on a store that commits on the thread that decides, and on one that does so on another.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod on_one_thread {
            $(#[tokio::test] async fn $name() { super::$name::<false>().await; })*
        }
        mod on_two_threads {
            $(#[tokio::test] async fn $name() { super::$name::<true>().await; })*
        }
    };
}

on_both! {
    a_group_is_answered_after_its_commit
    a_lost_group_fails_whole_and_leaves_nothing
    a_group_that_was_written_all_the_same_is_answered_so
    an_unknown_outcome_is_told_and_settled_later
    a_fenced_writer_says_what_became_of_its_group
    the_queue_is_bounded_in_bytes
    a_position_that_is_being_committed_is_waited_for
    nobody_waits_for_a_writer_that_broke_down
}

async fn a_group_is_answered_after_its_commit<const BESIDE: bool>() {
    let (sequencer, _, answers) = play::<BESIDE>(Fate::Written).await;
    assert_eq!(answers, as_written());
    assert_eq!(sequencer.head().position, 3);
}

async fn a_lost_group_fails_whole_and_leaves_nothing<const BESIDE: bool>() {
    let (sequencer, store, answers) = play::<BESIDE>(Fate::Lost).await;
    let lost = AppendError::NotRecorded(
        "the log can't be written now: the cable is cut; nothing was recorded".to_owned(),
    );
    assert_eq!(answers, vec![Err(lost); 4]);
    assert_eq!(sequencer.head().position, 1);
    // The creation that was lost neither conflicts nor takes a position.
    store.next_commit(Fate::Written);
    assert_eq!(
        sequencer.append(candidate("t:1", Some(0))).await,
        Ok(one(2))
    );
}

async fn a_group_that_was_written_all_the_same_is_answered_so<const BESIDE: bool>() {
    let (sequencer, store, answers) = play::<BESIDE>(Fate::WrittenUnseen).await;
    assert_eq!(answers, as_written());
    assert_eq!(sequencer.head().position, 3);
    store.next_commit(Fate::Written);
    assert_eq!(
        sequencer.append(candidate("t:3", Some(0))).await,
        Ok(one(4))
    );
}

async fn an_unknown_outcome_is_told_and_settled_later<const BESIDE: bool>() {
    for (fate, position) in [(Fate::Unreadable, 2), (Fate::WrittenUnreadable, 4)] {
        let (sequencer, store, answers) = play::<BESIDE>(fate).await;
        for answer in answers {
            let message = answer.unwrap_err().to_string();
            assert!(message.contains("the outcome is unknown"), "{message}");
        }
        store.next_commit(Fate::Written);
        assert_eq!(
            sequencer.append(candidate("t:3", Some(0))).await,
            Ok(one(position))
        );
        assert_eq!(sequencer.head().position, position);
    }
}

async fn a_fenced_writer_says_what_became_of_its_group<const BESIDE: bool>() {
    let (sequencer, store, answers) = play::<BESIDE>(Fate::Fenced).await;
    sequencer.fenced().wait_for(|fenced| *fenced).await.unwrap();
    for answer in answers {
        let message = answer.unwrap_err().to_string();
        assert!(message.contains("nothing was recorded"), "{message}");
    }
    drop((sequencer, store));

    let (sequencer, store, answers) = play::<BESIDE>(Fate::WrittenFenced).await;
    sequencer.fenced().wait_for(|fenced| *fenced).await.unwrap();
    let mut answers = answers.into_iter();
    for written in as_written() {
        match (answers.next().unwrap(), written) {
            // What was refused on account of the group is left to the one who writes now.
            (Err(AppendError::NotRecorded(_)), Err(AppendError::ConditionFailed { .. })) => {}
            (answer, written) => assert_eq!(answer, written),
        }
    }
    drop((sequencer, store));
}

/// Unless it was decided before: so on one thread only, which decides nothing while it commits.
#[tokio::test]
async fn an_append_whose_caller_has_gone_is_not_recorded() {
    let store = Fake::default();
    let sequencer = store.start::<false>();
    let first = sequencer.enqueue(candidate("t:0", None), false).unwrap();
    store.wait_for_commit(1);
    drop(sequencer.enqueue(candidate("t:1", None), false).unwrap());
    let third = sequencer.enqueue(candidate("t:2", None), false).unwrap();
    store.next_commit(Fate::Written);
    store.next_commit(Fate::Written);
    assert_eq!(first.await.unwrap(), Ok(one(1)));
    assert_eq!(third.await.unwrap(), Ok(one(2)));
}

async fn the_queue_is_bounded_in_bytes<const BESIDE: bool>() {
    let store = Fake::default();
    let sequencer = store.start::<BESIDE>();
    let sized = |bytes| {
        let mut candidate = candidate("t:0", None);
        candidate.bytes = bytes;
        candidate
    };
    let first = sequencer.enqueue(sized(600_000), false).unwrap();
    let refused = sequencer.append(sized(400_001)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the log is busy: of the 1000000 bytes that may wait for the writer, 400000 are left, and this append has \
         400001; nothing was recorded, repeat later"
    );
    let second = sequencer.enqueue(sized(400_000), false).unwrap();
    store.next_commit(Fate::Written);
    store.next_commit(Fate::Written);
    for queued in [first, second] {
        queued.await.unwrap().unwrap();
    }
    assert_eq!(sequencer.head().position, 2);
}

async fn a_position_that_is_being_committed_is_waited_for<const BESIDE: bool>() {
    let store = Fake::default();
    let sequencer = store.start::<BESIDE>();
    let first = sequencer.enqueue(candidate("t:0", None), false).unwrap();
    store.wait_for_commit(1);
    // Whoever reads the store may know of the event before the writer does.
    let after_first = sequencer.enqueue(candidate("t:0", Some(1)), false).unwrap();
    let above = sequencer.enqueue(candidate("t:0", Some(3)), false).unwrap();
    store.next_commit(Fate::Written);
    store.next_commit(Fate::Written);
    assert_eq!(first.await.unwrap(), Ok(one(1)));
    assert_eq!(after_first.await.unwrap(), Ok(one(2)));
    let refused = above.await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("must not be above the head"), "{refused}");
}

async fn nobody_waits_for_a_writer_that_broke_down<const BESIDE: bool>() {
    let store = Fake::default();
    let sequencer = store.start::<BESIDE>();
    let first = sequencer.enqueue(candidate("t:0", None), false).unwrap();
    store.wait_for_commit(1);
    let second = sequencer.enqueue(candidate("t:1", None), false).unwrap();
    store.next_commit(Fate::Panicked);
    for queued in [first, second] {
        let told = tokio::time::timeout(Duration::from_mins(1), queued).await;
        assert!(told.expect("callers are told").is_err());
    }
    let refused = sequencer.append(candidate("t:2", None)).await.unwrap_err();
    assert!(
        matches!(
            refused,
            AppendError::Unavailable(_) | AppendError::NotRecorded(_)
        ),
        "{refused}"
    );
    let mut fenced = sequencer.fenced();
    let told = tokio::time::timeout(Duration::from_mins(1), fenced.changed()).await;
    assert!(told.expect("whoever elects writers is told").is_err());
}

#[tokio::test]
async fn what_was_decided_meanwhile_falls_with_what_is_lost() {
    let store = Fake::default();
    let sequencer = store.start::<true>();
    let created = candidate("t:1", Some(0));
    let duplicate = again(&created);
    let first = sequencer.enqueue(created, false).unwrap();
    store.wait_for_commit(1);
    let behind = [
        candidate("t:1", Some(0)),
        duplicate,
        candidate("t:2", Some(0)),
    ]
    .map(|candidate| sequencer.enqueue(candidate, false).unwrap());
    all_are_decided(&sequencer).await;
    let mut answers = futures::future::join_all(behind);
    assert!(
        futures::poll!(&mut answers).is_pending(),
        "no answer leaves before what it depends on is committed"
    );
    store.next_commit(Fate::Lost);
    let lost = Err(AppendError::NotRecorded(
        "the log can't be written now: the cable is cut; nothing was recorded".to_owned(),
    ));
    assert_eq!(first.await.unwrap(), lost);
    for answer in answers.await {
        assert_eq!(answer.unwrap(), lost);
    }
    assert_eq!(sequencer.head().position, 0);
    store.next_commit(Fate::Written);
    assert_eq!(
        sequencer.append(candidate("t:1", Some(0))).await,
        Ok(one(1))
    );
}

#[test]
fn a_group_is_bounded() {
    let bounds = Bounds {
        group_appends: 6,
        group_events: 4_000,
        group_bytes: 100,
        ..Bounds::default()
    };
    let (queue, mut jobs) = mpsc::channel(100);
    let bytes = Arc::new(Semaphore::new(10));
    let job = |events: usize, bytes_each: usize| {
        let mut candidate = candidate("t:0", None);
        candidate.events = vec![candidate.events.remove(0); events];
        candidate.bytes = bytes_each;
        Job {
            candidate,
            answer: oneshot::channel().0,
            share: Arc::clone(&bytes).try_acquire_many_owned(0).unwrap(),
            place: None,
        }
    };
    let mut fill = |count: usize, events: usize, bytes_each: usize| {
        while jobs.try_recv().is_ok() {}
        for _ in 1..count {
            queue.try_send(job(events, bytes_each)).ok().unwrap();
        }
        let (group, next) = Size::default().drain(job(events, bytes_each), &mut jobs, &bounds);
        (group.len(), next.is_some())
    };
    assert_eq!(fill(6, 1, 1), (6, false));
    assert_eq!(fill(7, 1, 1), (6, false));
    assert_eq!(fill(5, 1_000, 1), (4, true));
    assert_eq!(fill(5, 1_001, 1), (3, true));
    assert_eq!(fill(5, 1, 50), (2, true));
    assert_eq!(fill(5, 1, 51), (1, true));
    // By itself an append may exceed them.
    assert_eq!(fill(2, 4_001, 101), (1, true));
}
