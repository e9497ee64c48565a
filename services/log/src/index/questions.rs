//! All questions of a group together, in a few journeys to the server however many they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keruen_proto::log::v1::Query;
use uuid::Uuid;

use super::{
    cache::FilterCache,
    lookup::{self, Lookup},
    page::Page,
    run::Run,
    storage::{Damage, FilterKey, IndexedEvent, Place, Storage},
    tail::Tail,
    term::{Posting, TermHasher},
};
use crate::log::{Range, RecordedCommand};

/// Filters, pages, events; and once more where a list goes on on another page. What is open then is asked one by one.
const ROUNDS: usize = 4;

/// A condition: no event that matches may stand in the range.
pub(crate) type Question<'q> = (&'q Query, Range);

/// What is known of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer<T> {
    /// Nothing yet.
    Open,
    /// What it asks for, if there is such a thing.
    Known(Option<T>),
}

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    commands: HashMap<Uuid, Option<RecordedCommand>>,
    /// In the order of the questions.
    matches: Vec<Answer<u64>>,
}

impl Answers {
    /// What the command id was used for.
    pub fn command(&self, command_id: Uuid) -> Answer<RecordedCommand> {
        self.commands
            .get(&command_id)
            .cloned()
            .map_or(Answer::Open, Answer::Known)
    }

    /// The match of the question with this number.
    pub fn matched(&self, question: usize) -> Answer<u64> {
        self.matches.get(question).cloned().unwrap_or(Answer::Open)
    }
}

/// Answers what it can: asks everything of what was fetched, fetches all that was missing at once, and asks again.
pub(crate) fn answer<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    filters: &FilterCache,
    runs: &[Run],
    (commands, questions): (&[Uuid], &[Question<'_>]),
) -> Result<Answers, S::Error> {
    let mut answers = Answers {
        matches: vec![Answer::Open; questions.len()],
        ..Answers::default()
    };
    let mut fetched = Fetched::default();
    for _ in 0..ROUNDS {
        let mut lookup = Lookup {
            storage: &mut fetched,
            hasher,
            filters,
            runs,
            tail: Tail::default(),
            at_once: true,
        };
        for command_id in commands {
            if !answers.commands.contains_key(command_id)
                && let Answer::Known(found) = known(lookup.find_command(*command_id))?
            {
                answers.commands.insert(*command_id, found);
            }
        }
        for (answer, (query, range)) in answers.matches.iter_mut().zip(questions) {
            if *answer == Answer::Open {
                *answer = match_of(&mut lookup, query, *range)?;
            }
        }
        if fetched.missing.is_empty() {
            break;
        }
        fetched.fetch(storage)?;
    }
    Ok(answers)
}

/// A match. Asks for what is missing of all alternatives.
fn match_of(
    lookup: &mut Lookup<'_, Fetched>,
    query: &Query,
    range: Range,
) -> Result<Answer<u64>, Damage> {
    let mut all_known = true;
    for item in lookup::alternatives(query) {
        match known(lookup.find_item(item, range))? {
            Answer::Known(None) => {}
            found @ Answer::Known(_) => return Ok(found),
            Answer::Open => all_known = false,
        }
    }
    Ok(if all_known {
        Answer::Known(None)
    } else {
        Answer::Open
    })
}

/// Why something can't be answered from what was fetched.
#[derive(Debug)]
enum Gap {
    Missing,
    Damage(Damage),
}

impl From<Damage> for Gap {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

fn known<T>(result: Result<Option<T>, Gap>) -> Result<Answer<T>, Damage> {
    match result {
        Ok(found) => Ok(Answer::Known(found)),
        Err(Gap::Missing) => Ok(Answer::Open),
        Err(Gap::Damage(damage)) => Err(damage),
    }
}

#[derive(Debug, Default)]
struct Missing {
    filters: BTreeSet<FilterKey>,
    pages_at: BTreeSet<Place>,
    pages_from: BTreeSet<Place>,
    events: BTreeSet<u64>,
}

impl Missing {
    fn is_empty(&self) -> bool {
        self.filters.is_empty()
            && self.pages_at.is_empty()
            && self.pages_from.is_empty()
            && self.events.is_empty()
    }
}

/// Pages by their run and first posting, each with the last place that is known to be on it.
#[derive(Debug, Default)]
struct Pages {
    pages: BTreeMap<Place, (Page, Posting)>,
    /// Places before the first page of their run.
    before_all: BTreeSet<Place>,
}

impl Pages {
    fn insert(&mut self, place: Place, page: Option<Page>) {
        let (run, posting) = place;
        let Some(page) = page else {
            self.before_all.insert(place);
            return;
        };
        let last = page
            .last_hash()
            .map_or(posting, |hash| Posting { hash, position: 0 });
        let first = (run, page.first);
        let (_, until) = self.pages.entry(first).or_insert((page, posting));
        *until = last.max(posting).max(*until);
    }

    /// The page at the place.
    fn get(&self, place: Place) -> Answer<Page> {
        if self.before_all.contains(&place) {
            return Answer::Known(None);
        }
        match self.pages.range(..=place).next_back() {
            Some(((run, _), (page, until))) if *run == place.0 && place.1 <= *until => {
                Answer::Known(Some(page.clone()))
            }
            _ => Answer::Open,
        }
    }
}

/// A storage of what was fetched, which notes what else was asked for.
#[derive(Debug, Default)]
struct Fetched {
    filters: HashMap<FilterKey, Option<Vec<u8>>>,
    pages_at: Pages,
    pages_from: HashMap<Place, Vec<Page>>,
    events: HashMap<u64, Option<IndexedEvent>>,
    missing: Missing,
}

impl Fetched {
    fn fetch<S: Storage>(&mut self, storage: &mut S) -> Result<(), S::Error> {
        let missing = std::mem::take(&mut self.missing);
        if !missing.filters.is_empty() {
            let keys: Vec<_> = missing.filters.into_iter().collect();
            let filters = storage.filters(&keys)?;
            self.filters.extend(keys.into_iter().zip(filters));
        }
        if !missing.pages_at.is_empty() {
            let places: Vec<_> = missing.pages_at.into_iter().collect();
            let pages = storage.pages_at(&places)?;
            for (place, page) in places.into_iter().zip(pages) {
                self.pages_at.insert(place, page);
            }
        }
        if !missing.pages_from.is_empty() {
            let places: Vec<_> = missing.pages_from.into_iter().collect();
            let pages = storage.pages_from(&places, 1)?;
            self.pages_from.extend(places.into_iter().zip(pages));
        }
        if !missing.events.is_empty() {
            let positions: Vec<_> = missing.events.into_iter().collect();
            let events = storage.events_at(&positions)?;
            let none = positions.into_iter().map(|position| (position, None));
            self.events.extend(none);
            let found = events
                .into_iter()
                .map(|event| (event.position, Some(event)));
            self.events.extend(found);
        }
        Ok(())
    }
}

/// All of what is asked for, or a note of each that is missing.
fn all<K: Copy + Ord + std::hash::Hash, V: Clone>(
    known: &HashMap<K, V>,
    missing: &mut BTreeSet<K>,
    keys: &[K],
) -> Result<Vec<V>, Gap> {
    missing.extend(keys.iter().filter(|key| !known.contains_key(key)));
    keys.iter()
        .map(|key| known.get(key).cloned().ok_or(Gap::Missing))
        .collect()
}

impl Storage for Fetched {
    type Error = Gap;

    fn runs(&mut self) -> Result<Vec<Run>, Gap> {
        Err(Gap::Missing)
    }

    fn ids_with_rows(&mut self) -> Result<Vec<u64>, Gap> {
        Err(Gap::Missing)
    }

    fn filters(&mut self, keys: &[FilterKey]) -> Result<Vec<Option<Vec<u8>>>, Gap> {
        all(&self.filters, &mut self.missing.filters, keys)
    }

    fn pages_at(&mut self, places: &[Place]) -> Result<Vec<Option<Page>>, Gap> {
        let mut pages = Vec::with_capacity(places.len());
        for place in places {
            match self.pages_at.get(*place) {
                Answer::Known(page) => pages.push(page),
                Answer::Open => {
                    self.missing.pages_at.insert(*place);
                }
            }
        }
        if pages.len() < places.len() {
            return Err(Gap::Missing);
        }
        Ok(pages)
    }

    fn pages_from(&mut self, places: &[Place], _limit: usize) -> Result<Vec<Vec<Page>>, Gap> {
        all(&self.pages_from, &mut self.missing.pages_from, places)
    }

    fn events(&mut self, _first: u64, _last: u64) -> Result<Vec<IndexedEvent>, Gap> {
        Err(Gap::Missing)
    }

    fn events_at(&mut self, positions: &[u64]) -> Result<Vec<IndexedEvent>, Gap> {
        let events = all(&self.events, &mut self.missing.events, positions)?;
        Ok(events.into_iter().flatten().collect())
    }
}
