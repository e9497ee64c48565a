//! Compares a log with what was acknowledged.

use std::collections::{HashMap, HashSet};

use keruen_domain::check::Ledger;
use keruen_log::{Log, Query, Range, entry, tree::Tree};
use keruen_proto::{Event, log::v1::RecordedEvent};

use super::{load::Book, stream::Stream};

const PAGE_EVENTS: usize = 10_000;

/// What stands in a log, and what should.
#[derive(Debug)]
pub struct Audit {
    /// Commands that were acknowledged.
    pub acked: usize,
    /// Those of them that the log doesn't hold, or not whole.
    pub lost: usize,
    /// Commands whose events stand in the log more than once, or torn apart.
    pub doubled: usize,
    /// Positions that are not there.
    pub gaps: usize,
    /// Acknowledged commands that stand elsewhere than was answered.
    pub moved: usize,
    /// Commands that nobody sent.
    pub foreign: usize,
    /// Appends after which an invariant of the books doesn't hold.
    pub violations: usize,
    /// Whether the tree made from the events anew has the root that the head names.
    pub tree_valid: bool,
    /// Events in the log.
    pub events: usize,
    /// Position and id of each of them.
    ids: Stream,
}

impl Audit {
    /// Whether a stream holds the same events at the same places, and no others.
    pub fn agrees_with(&self, stream: &Stream) -> bool {
        self.ids == *stream
    }

    /// Whether all is as it should be.
    pub fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.gaps + self.moved + self.foreign + self.violations == 0
            && self.tree_valid
    }
}

/// The events of one command.
#[derive(Default)]
struct Recorded {
    positions: Vec<u64>,
    event_ids: HashSet<String>,
}

impl Recorded {
    fn is_doubled(&self) -> bool {
        self.event_ids.len() != self.positions.len()
            || self.positions.windows(2).any(|pair| pair[0] + 1 != pair[1])
    }
}

/// Reads the whole log. What stands up to `before` was there before anybody took notes.
pub async fn audit(log: &dyn Log, book: &Book, before: u64) -> Audit {
    let head = log.head().await.expect("the log can be read");
    let mut reading = Reading::new(head.log_id);
    let mut range = Range::after(0);
    loop {
        let page = log
            .read(&Query::default(), range, PAGE_EVENTS)
            .await
            .expect("the log can be read");
        for event in &page.events {
            reading.take_in(event);
        }
        if page.complete {
            break;
        }
        range = Range::after(page.reached_position(range));
    }
    reading.books.end_append();
    let answers = book.positions();
    let is_lost = |id: &String, position: &u64| {
        reading
            .commands
            .get(id)
            .is_none_or(|recorded| recorded.positions.last() < Some(position))
    };
    let lost = answers
        .iter()
        .filter(|(id, position)| is_lost(id, position))
        .count();
    let moved = answers
        .iter()
        .filter(|(id, position)| {
            let recorded = reading.commands.get(*id);
            recorded.is_some_and(|recorded| recorded.positions.last() > Some(position))
        })
        .count();
    let foreign = reading
        .commands
        .iter()
        .filter(|(id, recorded)| {
            recorded.positions[0] > before && !answers.contains_key(id.as_str())
        })
        .count();
    let expected = usize::try_from(reading.position.max(head.position)).unwrap_or(usize::MAX);
    Audit {
        acked: answers.len(),
        lost,
        doubled: reading
            .commands
            .values()
            .filter(|recorded| recorded.is_doubled())
            .count(),
        gaps: expected - reading.distinct,
        moved,
        foreign,
        violations: reading.violations,
        tree_valid: reading.leaves_valid
            && reading.tree.root() == head.root_hash
            && reading.tree.size() == head.position,
        events: reading.ids.len(),
        ids: reading.ids,
    }
}

struct Reading {
    log_id: [u8; 16],
    tree: Tree,
    leaves_valid: bool,
    commands: HashMap<String, Recorded>,
    books: Ledger,
    command_id: String,
    violations: usize,
    /// The last one.
    position: u64,
    /// How many positions were seen, each once.
    distinct: usize,
    ids: Stream,
}

impl Reading {
    fn new(log_id: [u8; 16]) -> Self {
        Self {
            log_id,
            tree: Tree::default(),
            leaves_valid: true,
            commands: HashMap::new(),
            books: Ledger::default(),
            command_id: String::new(),
            violations: 0,
            position: 0,
            distinct: 0,
            ids: Vec::new(),
        }
    }

    fn take_in(&mut self, event: &RecordedEvent) {
        self.ids.push((event.position, event.event_id.clone()));
        if event.position > self.position {
            self.distinct += 1;
            self.position = event.position;
        }
        match entry::leaf_hash(&self.log_id, event) {
            Ok(leaf) => {
                self.leaves_valid &= event.leaf_hash[..] == leaf;
                self.tree.push(leaf, &mut Vec::new());
            }
            Err(_) => self.leaves_valid = false,
        }
        let recorded = self.commands.entry(event.command_id.clone()).or_default();
        recorded.positions.push(event.position);
        recorded.event_ids.insert(event.event_id.clone());
        if event.command_id != self.command_id {
            self.command_id.clone_from(&event.command_id);
            self.violations += usize::from(!self.books.end_append().is_empty());
        }
        match (
            Event::decode(&event.r#type, &event.data),
            &event.occurred_at,
        ) {
            (Ok(decoded), Some(occurred_at)) => {
                self.books
                    .take_in(event.position, &decoded, occurred_at.time_us);
            }
            _ => self.violations += 1,
        }
    }
}
