//! Checks the index against the events: an index that leaves something out would silently break conditions.

use siphasher::sip::SipHasher13;
use uuid::Uuid;

use super::{
    compaction::check_side_by_side,
    filter,
    page::PageCursor,
    run::{Run, RunState},
    storage::{Damage, Storage},
    stream::Streams,
    tail::postings_of,
    term::{Posting, TermHasher},
};

/// How many events or pages are read in one go.
const EVENTS: u64 = 1_024;
const PAGES: usize = 64;
/// Spans of positions whose postings are summed up apart.
const SPANS: u64 = 4_096;

/// Checks all runs against the events up to `head`, with memory that does not grow with them. The error names the
/// first position of the run at which index and events differ; the answer is how many postings the runs have.
/// `progress` is told up to which position runs were checked.
pub(crate) fn verify<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    head: u64,
    mut progress: impl FnMut(u64),
) -> Result<u64, S::Error> {
    let mut runs = storage.runs()?;
    runs.retain(|run| run.state == RunState::Complete);
    check_side_by_side(&runs)?;
    let mut postings = 0;
    for run in &runs {
        if run.last > head {
            return Err(Damage::of_run(run, format!("it goes beyond the head, {head}")).into());
        }
        postings += verify_run(storage, hasher, run)?;
        progress(run.last);
    }
    verify_commands(storage, hasher, &runs, head)?;
    Ok(postings)
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

fn verify_run<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    run: &Run,
) -> Result<u64, S::Error> {
    let key = *Uuid::new_v4().as_bytes();
    let mut indexed = Sums::new(run, key);
    let mut postings = 0;
    walk_run(storage, run, |posting| {
        postings += 1;
        indexed.add(posting);
    })?;
    let mut recorded = Sums::new(run, key);
    walk_events(storage, hasher, run.first, run.last, |posting| {
        recorded.add(posting);
    })?;
    let differing = indexed
        .of_spans
        .iter()
        .zip(&recorded.of_spans)
        .position(|(one, other)| one != other);
    match differing {
        None => Ok(postings),
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
    walk_run(storage, run, |posting| {
        if (first..=last).contains(&posting.position) {
            indexed.push((posting.position, posting.hash));
        }
    })?;
    let mut recorded = Vec::new();
    walk_events(storage, hasher, first, last, |posting| {
        recorded.push((posting.position, posting.hash));
    })?;
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

/// Hands the postings of a run to `take`, and checks that pages and filters agree with them.
fn walk_run<S: Storage>(
    storage: &mut S,
    run: &Run,
    mut take: impl FnMut(Posting),
) -> Result<(), S::Error> {
    let mut next = Posting::default();
    let mut last: Option<Posting> = None;
    let mut filter = None;
    loop {
        let pages: Vec<_> = storage
            .pages_from(&[(run.id, next)], PAGES)?
            .into_iter()
            .flatten()
            .collect();
        let Some(final_page) = pages.last() else {
            return match last {
                Some(_) => Ok(()),
                None => Err(Damage::of_run(run, "the run has no pages").into()),
            };
        };
        next = final_page.first.next();
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
                    check_filter(storage, run, posting, &mut filter)?;
                }
                last = Some(posting);
                take(posting);
            }
            if first {
                return Err(Damage::of_run(run, "a page of the index is empty").into());
            }
        }
    }
}

/// Filters must let every hash through that their run has.
fn check_filter<S: Storage>(
    storage: &mut S,
    run: &Run,
    posting: Posting,
    at_hand: &mut Option<(u64, Vec<u8>)>,
) -> Result<(), S::Error> {
    let first_hash = filter::first_hash(run.filter_bits, posting.hash);
    if at_hand.as_ref().is_none_or(|(hash, _)| *hash != first_hash) {
        let filter = storage.filters(&[(run.id, first_hash)])?.pop().flatten();
        let filter = filter
            .ok_or_else(|| Damage::new(posting.position, "a filter of the index is missing"))?;
        *at_hand = Some((first_hash, filter));
    }
    let filter = at_hand.as_ref().map_or(&[][..], |(_, filter)| filter);
    let held =
        filter::may_hold(run.filter_bits, filter, posting.hash).map_err(Damage::malformed(run))?;
    if held {
        return Ok(());
    }
    Err(Damage::new(
        posting.position,
        "a filter of the index leaves out the event",
    )
    .into())
}

/// Hands the postings of events to `take`.
fn walk_events<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    first: u64,
    last: u64,
    mut take: impl FnMut(Posting),
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
            return Err(Damage::new(expected, "the event is missing").into());
        }
    }
    Ok(())
}

/// No command id may have led to two appends. Walks along all runs at once, since equal ids have equal hashes.
fn verify_commands<S: Storage>(
    storage: &mut S,
    hasher: &TermHasher,
    runs: &[Run],
    head: u64,
) -> Result<(), S::Error> {
    let indexed = runs.last().map_or(0, |run| run.last);
    let mut tail = Vec::new();
    walk_events(storage, hasher, indexed + 1, head, |posting| {
        if posting >= Posting::FIRST_COMMAND {
            tail.push(posting);
        }
    })?;
    tail.sort_unstable();
    let mut tail = tail.into_iter().peekable();
    let mut streams = Streams::new(runs, Posting::FIRST_COMMAND, storage)?;
    loop {
        let of_tail = tail
            .peek()
            .map_or(Posting::END.hash, |posting| posting.hash);
        let least = streams.least_hash().min(of_tail);
        if least == Posting::END.hash {
            return Ok(());
        }
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
        Some(pair) => Err(Damage::new(pair[1].1, "the command id was used before").into()),
    }
}
