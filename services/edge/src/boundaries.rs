//! The folded state of boundaries, read from the log and kept for those used recently.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keruen_domain::{Books, Boundary, Entry};
use keruen_log::{Log, Query, QueryItem, Range, ReadError, RecordedEvent};
use keruen_proto::{DecodeError, Event};
use lru::LruCache;

use crate::snapshots::{self, Snapshot, SnapshotOptions, Snapshots};

/// Events read at once.
const PAGE_EVENTS: usize = 1_000;
/// Boundaries that stand much further apart than this are brought up one after the other, so that nobody reads the history
/// of one again for the sake of another.
const NEAR_POSITIONS: u64 = 1_000;
/// Boundaries that never change, read with one question.
const FIXED_AT_ONCE: usize = 256;

/// Why a boundary can't be folded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The log can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event of the boundary can't be decoded: a newer version may have written it.
    #[error("the event at position {position} can't be decoded: {source}")]
    Decode {
        /// Where it stands.
        position: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
}

/// A folded boundary and the position up to which it is.
#[derive(Clone, Debug)]
struct Folded {
    entry: Entry,
    position: u64,
    /// How many events were folded since the last snapshot.
    unsaved_events: u64,
}

impl Folded {
    fn empty(boundary: &Boundary) -> Self {
        Self {
            entry: Entry::empty(boundary),
            position: boundary.after_position(),
            unsaved_events: 0,
        }
    }
}

/// Reads boundaries, starting from what is known of them.
pub struct Boundaries {
    log: Arc<dyn Log>,
    recent: Mutex<LruCache<Boundary, Folded>>,
    snapshots: Option<Snapshots>,
}

impl Boundaries {
    /// Keeps the state of at most `capacity` boundaries in memory, and that of long ones in files.
    pub fn new(
        log: Arc<dyn Log>,
        capacity: NonZeroUsize,
        snapshots: Option<SnapshotOptions>,
    ) -> Self {
        Self {
            log,
            recent: Mutex::new(LruCache::new(capacity)),
            snapshots: snapshots.map(Snapshots::open),
        }
    }

    /// All of these boundaries as of one position, which comes with them.
    pub async fn load(&self, wanted: &BTreeSet<Boundary>) -> Result<(Books, u64), LoadError> {
        let (mut settled, mut open) = (BTreeMap::new(), BTreeMap::new());
        let mut fixed = BTreeMap::new();
        for (boundary, folded) in self.known(wanted).await? {
            let part = match (is_settled(&boundary, &folded.entry), boundary.is_fixed()) {
                (true, _) => &mut settled,
                (false, true) => &mut fixed,
                (false, false) => &mut open,
            };
            part.insert(boundary, folded);
        }
        // There may be more of them than one question may name.
        while !fixed.is_empty() {
            let rest = fixed.keys().nth(FIXED_AT_ONCE).cloned();
            let later = rest.map_or_else(BTreeMap::new, |rest| fixed.split_off(&rest));
            self.catch_up(&mut fixed, None).await?;
            settled.append(&mut fixed);
            fixed = later;
        }
        let mut groups = by_nearness(open);
        // The last one stands nearest to the head. All of them end at one position.
        let mut folded = groups.pop().unwrap_or_default();
        for mut behind in groups {
            self.catch_up(&mut behind, None).await?;
            folded.append(&mut behind);
        }
        let position = if folded.is_empty() {
            self.log.head().await?.position
        } else {
            self.catch_up(&mut folded, None).await?
        };
        self.save(&mut folded).await;
        folded.append(&mut settled);
        let mut books = Books::default();
        for (boundary, folded) in &folded {
            books.insert(boundary.clone(), folded.entry.clone());
        }
        self.keep(folded);
        Ok((books, position))
    }

    /// One boundary as it stood at a position.
    pub async fn load_at(&self, boundary: &Boundary, position: u64) -> Result<Entry, LoadError> {
        let start = match self.snapshot(boundary).await? {
            Some(folded) if folded.position <= position => folded,
            _ => Folded::empty(boundary),
        };
        let mut folded = BTreeMap::from([(boundary.clone(), start)]);
        self.catch_up(&mut folded, Some(position)).await?;
        Ok(folded
            .remove(boundary)
            .map_or_else(|| Entry::empty(boundary), |folded| folded.entry))
    }

    /// Takes in events that were just appended under the condition that nothing else happened to `books` since
    /// `position`, and remembers the result.
    pub fn advance(&self, books: &mut Books, events: &[(Event, Vec<String>)], position: u64) {
        let mut advanced = BTreeMap::new();
        let boundaries: Vec<Boundary> = books.boundaries().cloned().collect();
        for boundary in boundaries {
            let Some(mut entry) = books.get(&boundary).cloned() else {
                continue;
            };
            let own = boundary.tags();
            let mut unsaved_events = self
                .recent()
                .peek(&boundary)
                .map_or(0, |known| known.unsaved_events);
            for (event, tags) in events {
                if own.iter().any(|tag| tags.contains(tag))
                    && entry.event_types().contains(&event.type_name())
                {
                    entry.evolve(&boundary, event);
                    unsaved_events += 1;
                }
            }
            books.insert(boundary.clone(), entry.clone());
            advanced.insert(
                boundary,
                Folded {
                    entry,
                    position,
                    unsaved_events,
                },
            );
        }
        if position > 0 {
            self.keep(advanced);
        }
    }

    /// What is known of each: from memory, else from a snapshot, else nothing.
    async fn known(
        &self,
        wanted: &BTreeSet<Boundary>,
    ) -> Result<BTreeMap<Boundary, Folded>, LoadError> {
        let mut known = BTreeMap::new();
        for boundary in wanted {
            let recent = self.recent().get(boundary).cloned();
            let folded = match recent {
                Some(folded) => folded,
                None => self
                    .snapshot(boundary)
                    .await?
                    .unwrap_or_else(|| Folded::empty(boundary)),
            };
            known.insert(boundary.clone(), folded);
        }
        Ok(known)
    }

    /// The snapshot of a boundary, if it is of this log and of this history: an older copy of the log that was put back
    /// may not reach it, or have gone on with other events.
    async fn snapshot(&self, boundary: &Boundary) -> Result<Option<Folded>, LoadError> {
        let Some(files) = &self.snapshots else {
            return Ok(None);
        };
        let Some(snapshot) = files.load(boundary).await else {
            return Ok(None);
        };
        let Snapshot {
            log_id,
            position,
            leaf_hash,
            entry,
        } = snapshot;
        if !snapshots::is_of(self.log.as_ref(), &log_id, position, &leaf_hash).await? {
            tracing::info!(position, "snapshot of another history passed over");
            files.discard(boundary);
            return Ok(None);
        }
        Ok(Some(Folded {
            entry,
            position,
            unsaved_events: 0,
        }))
    }

    /// Keeps a snapshot of each of these of which much was folded since the last one.
    async fn save(&self, folded: &mut BTreeMap<Boundary, Folded>) {
        let Some(files) = &self.snapshots else {
            return;
        };
        let long = folded
            .iter_mut()
            .filter(|(_, folded)| folded.unsaved_events >= files.min_events().max(1));
        for (boundary, folded) in long {
            // Also where it fails: the next attempt comes after as many events again.
            folded.unsaved_events = 0;
            let (Ok(head), Ok(Some(leaf_hash))) = (
                self.log.head().await,
                snapshots::leaf_hash(self.log.as_ref(), folded.position).await,
            ) else {
                tracing::debug!(position = folded.position, "snapshot not made");
                continue;
            };
            let snapshot = Snapshot {
                log_id: head.log_id.to_vec(),
                position: folded.position,
                leaf_hash,
                entry: folded.entry.clone(),
            };
            files.save(boundary, snapshot).await;
        }
    }

    fn keep(&self, folded: BTreeMap<Boundary, Folded>) {
        let mut recent = self.recent();
        for (boundary, folded) in folded {
            match recent.peek_mut(&boundary) {
                // Another command may have read further meanwhile.
                Some(known) if known.position > folded.position => {}
                Some(known) if known.position == folded.position => {
                    // The state is the same; a snapshot may have been made of it.
                    known.unsaved_events = known.unsaved_events.min(folded.unsaved_events);
                }
                _ => {
                    recent.put(boundary, folded);
                }
            }
        }
    }

    /// Folds what is new for these boundaries and answers with the position at which all of them stand then.
    async fn catch_up(
        &self,
        folded: &mut BTreeMap<Boundary, Folded>,
        up_to_position: Option<u64>,
    ) -> Result<u64, LoadError> {
        let mut by_tag: BTreeMap<String, Vec<Boundary>> = BTreeMap::new();
        for boundary in folded.keys() {
            for tag in boundary.tags() {
                by_tag.entry(tag).or_default().push(boundary.clone());
            }
        }
        let query = query(
            folded
                .iter()
                .map(|(boundary, folded)| (boundary, &folded.entry)),
        );
        let mut range = Range {
            after_position: folded
                .values()
                .map(|folded| folded.position)
                .min()
                .unwrap_or(0),
            up_to_position,
        };
        loop {
            let page = self.log.read(&query, range, PAGE_EVENTS).await?;
            for recorded in &page.events {
                take_in(folded, &by_tag, recorded)?;
            }
            if page.complete {
                let position = up_to_position
                    .unwrap_or(page.head_position)
                    .max(range.after_position);
                for folded in folded.values_mut() {
                    folded.position = folded.position.max(position);
                }
                return Ok(position);
            }
            range.after_position = page.reached_position(range);
        }
    }

    fn recent(&self) -> MutexGuard<'_, LruCache<Boundary, Folded>> {
        // Every entry is whole at all times, so a panic elsewhere can't have broken the cache.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those together that stand about as far from the newest of them, which is in the last group. There are a few groups at
/// most, however many boundaries.
fn by_nearness(folded: BTreeMap<Boundary, Folded>) -> Vec<BTreeMap<Boundary, Folded>> {
    let positions = folded.values().map(|folded| folded.position);
    let newest = positions.max().unwrap_or(0);
    let mut groups: BTreeMap<Reverse<u32>, BTreeMap<_, _>> = BTreeMap::new();
    for (boundary, folded) in folded {
        let distance = newest - folded.position;
        let class = match (distance / NEAR_POSITIONS).checked_ilog2() {
            // Of these nothing is known: all of their history is read.
            _ if folded.position == 0 => u32::MAX,
            None => 0,
            Some(power_of_two) => 1 + power_of_two / 2,
        };
        let group = groups.entry(Reverse(class)).or_default();
        group.insert(boundary, folded);
    }
    groups.into_values().collect()
}

fn take_in(
    folded: &mut BTreeMap<Boundary, Folded>,
    by_tag: &BTreeMap<String, Vec<Boundary>>,
    recorded: &RecordedEvent,
) -> Result<(), LoadError> {
    let mut decoded = None;
    // An event that carries two tags of one boundary is taken in once.
    let touched: BTreeSet<&Boundary> = recorded
        .tags
        .iter()
        .filter_map(|tag| by_tag.get(tag))
        .flatten()
        .collect();
    for boundary in touched {
        let Some(state) = folded.get_mut(boundary) else {
            continue;
        };
        if state.position >= recorded.position
            || !state
                .entry
                .event_types()
                .contains(&recorded.r#type.as_str())
        {
            continue;
        }
        if decoded.is_none() {
            decoded = Some(
                Event::decode(&recorded.r#type, &recorded.data).map_err(|source| {
                    LoadError::Decode {
                        position: recorded.position,
                        source,
                    }
                })?,
            );
        }
        if let Some(event) = &decoded {
            state.entry.evolve(boundary, event);
            state.unsaved_events += 1;
        }
    }
    Ok(())
}

/// Whether nothing can change what is known of a boundary.
fn is_settled(boundary: &Boundary, entry: &Entry) -> bool {
    boundary.is_fixed() && *entry != Entry::empty(boundary)
}

/// Asks for the events of these boundaries, each narrowed to the types that change it. What is settled is not asked for.
pub fn query<'a>(boundaries: impl Iterator<Item = (&'a Boundary, &'a Entry)>) -> Query {
    Query {
        items: boundaries
            .filter(|(boundary, entry)| !is_settled(boundary, entry))
            .flat_map(|(boundary, entry)| {
                boundary.tags().into_iter().map(|tag| QueryItem {
                    types: entry
                        .event_types()
                        .iter()
                        .map(|name| (*name).to_owned())
                        .collect(),
                    tags: vec![tag],
                })
            })
            .collect(),
    }
}
