//! The folded state of boundaries, read from the log and kept for those used recently.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keruen_domain::{Books, Boundary, Entry};
use keruen_log::{Log, Query, QueryItem, Range, ReadError, RecordedEvent};
use keruen_proto::{DecodeError, Event};
use lru::LruCache;

/// Events read at once.
const PAGE_EVENTS: usize = 1_000;

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
}

/// Reads boundaries, starting from what is known of them.
pub struct Boundaries {
    log: Arc<dyn Log>,
    recent: Mutex<LruCache<Boundary, Folded>>,
}

impl Boundaries {
    /// Keeps the state of at most `capacity` boundaries.
    pub fn new(log: Arc<dyn Log>, capacity: NonZeroUsize) -> Self {
        Self {
            log,
            recent: Mutex::new(LruCache::new(capacity)),
        }
    }

    /// All of these boundaries as of one position, which comes with them.
    pub async fn load(&self, wanted: &BTreeSet<Boundary>) -> Result<(Books, u64), LoadError> {
        let mut folded = self.known(wanted);
        let newest = folded
            .values()
            .map(|folded| folded.position)
            .max()
            .unwrap_or(0);
        // What stands far behind is brought up by itself, so that nobody reads the others' history again.
        let (mut behind, mut recent): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut folded)
                .into_iter()
                .partition(|(_, folded)| folded.position < newest);
        if !behind.is_empty() {
            self.catch_up(&mut behind, None).await?;
            recent.append(&mut behind);
        }
        let position = self.catch_up(&mut recent, None).await?;
        let mut books = Books::default();
        for (boundary, folded) in &recent {
            books.insert(boundary.clone(), folded.entry.clone());
        }
        self.keep(recent);
        Ok((books, position))
    }

    /// One boundary as it stood at a position.
    pub async fn load_at(&self, boundary: &Boundary, position: u64) -> Result<Entry, LoadError> {
        let mut folded = BTreeMap::from([(
            boundary.clone(),
            Folded {
                entry: Entry::empty(boundary),
                position: 0,
            },
        )]);
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
            for (event, tags) in events {
                if own.iter().any(|tag| tags.contains(tag))
                    && entry.event_types().contains(&event.type_name())
                {
                    entry.evolve(&boundary, event);
                }
            }
            books.insert(boundary.clone(), entry.clone());
            advanced.insert(boundary, Folded { entry, position });
        }
        if position > 0 {
            self.keep(advanced);
        }
    }

    fn known(&self, wanted: &BTreeSet<Boundary>) -> BTreeMap<Boundary, Folded> {
        let mut recent = self.recent();
        wanted
            .iter()
            .map(|boundary| {
                let folded = recent.get(boundary).cloned().unwrap_or_else(|| Folded {
                    entry: Entry::empty(boundary),
                    position: 0,
                });
                (boundary.clone(), folded)
            })
            .collect()
    }

    fn keep(&self, folded: BTreeMap<Boundary, Folded>) {
        let mut recent = self.recent();
        for (boundary, folded) in folded {
            // Another command may have read further meanwhile.
            if recent
                .peek(&boundary)
                .is_none_or(|known| known.position < folded.position)
            {
                recent.put(boundary, folded);
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
        }
    }
    Ok(())
}

/// Asks for the events of these boundaries, each narrowed to the types that change it.
pub fn query<'a>(boundaries: impl Iterator<Item = (&'a Boundary, &'a Entry)>) -> Query {
    Query {
        items: boundaries
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
