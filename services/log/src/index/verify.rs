//! Checks the index against the events: an index that leaves something out would silently break conditions.

use siphasher::sip::SipHasher13;
use uuid::Uuid;

use super::{
    compaction::check_side_by_side,
    filter::{Filter, FilterBuilder},
    page::PageCursor,
    run::{Run, RunState},
    storage::{Damage, Damaged, Storage},
    stream::Streams,
    tail::postings_of,
    term::{Posting, TermHasher},
};
use crate::verify::{Progress, Reached, Stage};

/// How many events or pages are read in one go.
const EVENTS: u64 = 1_024;
const PAGES: usize = 64;
/// Spans of positions whose postings are summed up apart.
const SPANS: u64 = 4_096;

/// Checks all runs against the events up to `head`. The error names the first position of the run at which index and
/// events differ; the answer is how many postings the runs have.
///
/// Memory does not grow with the log: at one time there are [`PAGES`] pages of 4 KB or [`EVENTS`] events without their
/// data, two sums of 8 bytes for each of [`SPANS`] spans of the run at hand, and, where they differ, the postings of one
/// span. For the command ids there are four pages of each run, of which there are as many as the levels have, a dozen or
/// two on each, and the ids behind the runs.
pub(crate) fn verify<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    head: u64,
    progress: Progress<'_>,
) -> Result<u64, S::Error> {
    let mut runs = storage.runs()?;
    let known: Vec<_> = runs.iter().map(|run| run.id).collect();
    runs.retain(|run| run.state == RunState::Complete);
    check_side_by_side(&runs)?;
    let indexed = runs.last().map_or(0, |run| run.last);
    let mut postings = 0;
    for run in &runs {
        let mut told = |done| {
            progress(Reached {
                stage: Stage::Index,
                done: run.first - 1 + done,
                total: indexed,
            });
        };
        postings += verify_run(storage, hasher, run, head, &mut told)?;
    }
    let with_rows = storage.ids_with_rows()?;
    if let Some(unknown) = with_rows.iter().find(|id| !known.contains(id)) {
        let found = format!("there are pages or filters of run {unknown}, and no such run");
        return Err(Damage::new(0, found).into());
    }
    verify_commands(storage, hasher, &runs, head, progress)?;
    Ok(postings)
}

/// The runs from the first on that agree with the events up to `head`.
pub(super) fn sound_runs<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    head: u64,
    damage: fn(&S::Error) -> Option<&Damage>,
    progress: Progress<'_>,
) -> Result<Vec<Run>, S::Error> {
    let mut runs = storage.runs()?;
    runs.retain(|run| run.state == RunState::Complete);
    let total = runs.last().map_or(0, |run| run.last.min(head));
    let mut sound: Vec<Run> = Vec::new();
    for run in runs {
        if run.first != sound.last().map_or(1, |last| last.last + 1) {
            break;
        }
        let mut told = |done| {
            progress(Reached {
                stage: Stage::Index,
                done: run.first - 1 + done,
                total,
            });
        };
        match verify_run(storage, hasher, &run, head, &mut told) {
            Ok(_) => sound.push(run),
            Err(error) if damage(&error).is_some_and(|damage| damage.of == Damaged::Index) => {
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(sound)
}

/// A part of a number.
fn share(of: u64, done: u64, total: u64) -> u64 {
    let share = u128::from(of) * u128::from(done.min(total)) / u128::from(total.max(1));
    u64::try_from(share).unwrap_or(of)
}

/// Adds up numbers made of postings: sums are equal where the postings are, and nobody who did not know the key could
/// make them equal otherwise.
struct Sums {
    sip: SipHasher13,
    first: u64,
    /// How many positions a sum is for.
    span: u64,
    of_spans: Vec<u64>,
}

impl Sums {
    fn new(run: &Run, key: [u8; 16]) -> Self {
        let span = (run.last - run.first + 1).div_ceil(SPANS);
        Self {
            sip: SipHasher13::new_with_key(&key),
            first: run.first,
            span,
            // At most as many as there are spans.
            of_spans: vec![0; usize::try_from(SPANS).unwrap_or(0)],
        }
    }

    fn add(&mut self, posting: Posting) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&posting.hash.to_le_bytes());
        bytes[8..].copy_from_slice(&posting.position.to_le_bytes());
        let index = usize::try_from((posting.position - self.first) / self.span);
        if let Ok(index) = index
            && let Some(sum) = self.of_spans.get_mut(index)
        {
            *sum = sum.wrapping_add(self.sip.hash(&bytes));
        }
    }
}

/// Compares a run with its events; answers how many postings it has. `told` is told of how many of its events it is
/// done with: half of the work is the pages.
fn verify_run<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    run: &Run,
    head: u64,
    told: &mut dyn FnMut(u64),
) -> Result<u64, S::Error> {
    if run.last > head {
        return Err(Damage::of_run(run, format!("it goes beyond the head, {head}")).into());
    }
    let half = (run.last - run.first).div_ceil(2);
    let key = *Uuid::new_v4().as_bytes();
    let mut indexed = Sums::new(run, key);
    let counted = walk_run(storage, run, |posting| indexed.add(posting), &mut |pages| {
        told(share(half, pages, run.pages));
    })?;
    counted.check(run)?;
    let postings = counted.postings;
    let mut recorded = Sums::new(run, key);
    walk_events(
        storage,
        hasher,
        (run.first, run.last),
        |posting| recorded.add(posting),
        &mut |position| told(half + (position + 1 - run.first) / 2),
    )?;
    told(run.last - run.first + 1);
    let differing = indexed
        .of_spans
        .iter()
        .zip(&recorded.of_spans)
        .position(|(one, other)| one != other);
    match differing {
        None => match counted.wrong_filter {
            None => Ok(postings),
            Some(damage) => Err(damage.into()),
        },
        Some(index) => {
            let first = run.first + index as u64 * indexed.span;
            let last = run.last.min(first + indexed.span - 1);
            Err(find_difference(storage, hasher, run, (first, last))?.into())
        }
    }
}

/// Names the first position of a span at which index and events differ.
fn find_difference<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    run: &Run,
    (first, last): (u64, u64),
) -> Result<Damage, S::Error> {
    let mut indexed = Vec::new();
    walk_run(
        storage,
        run,
        |posting| {
            if (first..=last).contains(&posting.position) {
                indexed.push((posting.position, posting.hash));
            }
        },
        &mut |_| (),
    )?;
    let mut recorded = Vec::new();
    walk_events(
        storage,
        hasher,
        (first, last),
        |posting| recorded.push((posting.position, posting.hash)),
        &mut |_| (),
    )?;
    indexed.sort_unstable();
    recorded.sort_unstable();
    let missing = recorded
        .iter()
        .filter(|posting| indexed.binary_search(posting).is_err())
        .min();
    let extra = indexed
        .iter()
        .filter(|posting| recorded.binary_search(posting).is_err())
        .min();
    let damage = match (missing, extra) {
        (Some((position, _)), extra) if extra.is_none_or(|(other, _)| position <= other) => {
            Damage::new(
                *position,
                "the index leaves out a type, a tag or a command id of the event",
            )
        }
        (_, Some((position, _))) => Damage::new(
            *position,
            "the index names the event for what it does not carry",
        ),
        _ => Damage::of_run(run, "the index names an event twice"),
    };
    Ok(damage)
}

/// What a run has.
#[derive(Clone, Debug, Default)]
struct Counted {
    postings: u64,
    terms: u64,
    pages: u64,
    /// The first filter that does not agree with the postings. If these are wrong, that is the news.
    wrong_filter: Option<Damage>,
}

impl Counted {
    /// Filters must be what is made of the hashes of their run. One of no hash may be missing.
    fn check_filters<S: Storage>(
        &mut self,
        storage: &mut S,
        run: &Run,
        expected: &[Filter],
    ) -> Result<(), S::Error> {
        let keys: Vec<_> = expected
            .iter()
            .map(|filter| (run.id, filter.first_hash))
            .collect();
        for (expected, stored) in expected.iter().zip(storage.filters(&keys)?) {
            let found = match stored {
                Some(stored) if stored == expected.bytes => continue,
                Some(_) => "a filter of the index does not agree with the postings",
                None if expected.is_empty() => continue,
                None => "a filter of the index is missing",
            };
            self.wrong_filter
                .get_or_insert_with(|| Damage::of_run(run, found));
        }
        Ok(())
    }

    /// What the run says of itself may be more than there is, but not more than could be.
    fn check(&self, run: &Run) -> Result<(), Damage> {
        let fits = |stated: u64, counted: u64| (counted..=self.postings).contains(&stated);
        if fits(run.terms, self.terms) && fits(run.pages, self.pages) {
            return Ok(());
        }
        let found = format!(
            "it says that it has {} hashes on {} pages, and it has {} on {}",
            run.terms, run.pages, self.terms, self.pages
        );
        Err(Damage::of_run(run, found))
    }
}

/// Hands the postings of a run to `take`, and checks that pages and filters agree with them. `told` is told of how many
/// pages there were so far.
fn walk_run<S: Storage>(
    storage: &mut S,
    run: &Run,
    mut take: impl FnMut(Posting),
    told: &mut dyn FnMut(u64),
) -> Result<Counted, S::Error> {
    let mut counted = Counted::default();
    let mut next = Posting::default();
    let mut last: Option<Posting> = None;
    let mut filters = FilterBuilder::starting_with(run.filter_bits, 0);
    let mut complete = Vec::new();
    loop {
        let pages: Vec<_> = storage
            .pages_from(&[(run.id, next)], PAGES)?
            .into_iter()
            .flatten()
            .collect();
        let Some(final_page) = pages.last() else {
            if last.is_none() {
                return Err(Damage::of_run(run, "the run has no pages").into());
            }
            filters.finish(|filter| complete.push(filter));
            counted.check_filters(storage, run, &complete)?;
            return Ok(counted);
        };
        next = final_page.first.next();
        counted.pages += pages.len() as u64;
        told(counted.pages);
        for page in &pages {
            let mut cursor = PageCursor::new(page.first, run.first);
            let mut first = true;
            while let Some(posting) = cursor.next(&page.bytes).map_err(Damage::malformed(run))? {
                if std::mem::take(&mut first) && posting != page.first {
                    return Err(Damage::of_run(
                        run,
                        "a page begins with another posting than it says",
                    )
                    .into());
                }
                if last.is_some_and(|last| last >= posting) {
                    return Err(Damage::of_run(run, "postings are not in order").into());
                }
                if !(run.first..=run.last).contains(&posting.position) {
                    return Err(Damage::of_run(run, "a posting is outside of its run").into());
                }
                if last.is_none_or(|last| last.hash != posting.hash) {
                    filters.push(posting.hash, |filter| complete.push(filter));
                    counted.terms += 1;
                }
                counted.postings += 1;
                last = Some(posting);
                take(posting);
            }
            if first {
                return Err(Damage::of_run(run, "a page of the index is empty").into());
            }
        }
        counted.check_filters(storage, run, &complete)?;
        complete.clear();
    }
}

/// Hands the postings of events to `take`. `told` is told of the position so far.
fn walk_events<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    (first, last): (u64, u64),
    mut take: impl FnMut(Posting),
    told: &mut dyn FnMut(u64),
) -> Result<(), S::Error> {
    let mut expected = first;
    while expected <= last {
        let events = storage.events(expected, last.min(expected + EVENTS - 1))?;
        for event in &events {
            if event.position != expected {
                break;
            }
            expected += 1;
            postings_of(hasher, event).for_each(&mut take);
        }
        if events
            .last()
            .is_none_or(|event| event.position + 1 != expected)
        {
            return Err(Damage::of_events(expected, "the event is missing").into());
        }
        told(expected - 1);
    }
    Ok(())
}

/// No command id may have led to two appends. Walks along all runs at once, since equal ids have equal hashes.
fn verify_commands<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    runs: &[Run],
    head: u64,
    progress: Progress<'_>,
) -> Result<(), S::Error> {
    let indexed = runs.last().map_or(0, |run| run.last);
    let mut tail = Vec::new();
    walk_events(
        storage,
        hasher,
        (indexed + 1, head),
        |posting| {
            if posting >= Posting::FIRST_COMMAND {
                tail.push(posting);
            }
        },
        &mut |_| (),
    )?;
    let different = Posting::END.hash - Posting::FIRST_COMMAND.hash;
    let mut looked_at = 0_u64;
    tail.sort_unstable();
    let mut tail = tail.into_iter().peekable();
    let mut streams = Streams::new(runs, Posting::FIRST_COMMAND, storage)?;
    loop {
        let of_tail = tail
            .peek()
            .map_or(Posting::END.hash, |posting| posting.hash);
        let least = streams.least_hash().min(of_tail);
        let is_end = least == Posting::END.hash;
        if is_end || looked_at.is_multiple_of(EVENTS) {
            // Hashes are spread evenly.
            progress(Reached {
                stage: Stage::CommandIds,
                done: share(head, least - Posting::FIRST_COMMAND.hash, different),
                total: head,
            });
        }
        if is_end {
            return Ok(());
        }
        looked_at += 1;
        let mut positions = Vec::new();
        for stream in 0..streams.len() {
            while streams.at_hand(stream).hash == least {
                positions.push(streams.at_hand(stream).position);
                streams.advance(stream, storage)?;
            }
        }
        while let Some(posting) = tail.next_if(|posting| posting.hash == least) {
            positions.push(posting.position);
        }
        if positions.len() > 1 {
            check_different(storage, &positions)?;
        }
    }
}

/// Commands of one hash must be different ones.
fn check_different<S: Storage>(storage: &mut S, positions: &[u64]) -> Result<(), S::Error> {
    let mut ids: Vec<_> = storage
        .events_at(positions)?
        .into_iter()
        .map(|event| (event.command_id, event.position))
        .collect();
    ids.sort_unstable();
    let twice = ids.windows(2).find(|pair| pair[0].0 == pair[1].0);
    match twice {
        None => Ok(()),
        Some(pair) => Err(Damage::of_events(pair[1].1, "the command id was used before").into()),
    }
}
