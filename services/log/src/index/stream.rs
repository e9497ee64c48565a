//! Postings of several runs, in order, with little memory whatever their size.

use std::collections::VecDeque;

use super::{
    page::{Page, PageCursor},
    run::Run,
    storage::{Damage, Storage},
    term::Posting,
};

/// Pages of one run that are read ahead.
const READ_AHEAD_PAGES: usize = 4;

/// A walk along each of several runs. Pages are read of all that need some at once.
#[derive(Debug)]
pub(super) struct Streams {
    streams: Vec<Stream>,
    /// Postings before this one are skipped.
    start: Posting,
}

/// A walk along one run.
#[derive(Debug)]
struct Stream {
    run: Run,
    /// Pages that begin before this posting were read.
    next: Posting,
    ahead: VecDeque<Page>,
    cursor: PageCursor,
    /// The posting at hand; [`Posting::END`] behind the last one.
    at_hand: Posting,
    /// The last one that was at hand.
    last: Posting,
    read_all: bool,
}

impl Streams {
    /// Walks that stand at the first postings from `start` on.
    pub fn new<S: Storage>(
        runs: &[Run],
        start: Posting,
        storage: &mut S,
    ) -> Result<Self, S::Error> {
        let mut streams = Self {
            streams: runs.iter().copied().map(Stream::new).collect(),
            start,
        };
        if start > Posting::default() {
            let places: Vec<_> = runs.iter().map(|run| (run.id, start)).collect();
            let pages = storage.pages_at(&places)?;
            for (stream, page) in streams.streams.iter_mut().zip(pages) {
                stream.next = page.map_or(start, |page| page.first);
            }
        }
        streams.read_ahead(storage)?;
        Ok(streams)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// The posting at which one of them stands; [`Posting::END`] behind its last one.
    #[inline]
    pub fn at_hand(&self, stream: usize) -> Posting {
        self.streams[stream].at_hand
    }

    /// The run that one of them walks along.
    pub fn run(&self, stream: usize) -> &Run {
        &self.streams[stream].run
    }

    /// The least hash at hand; that of [`Posting::END`] where all have ended.
    #[inline]
    pub fn least_hash(&self) -> u64 {
        let hashes = self.streams.iter().map(|stream| stream.at_hand.hash);
        hashes.min().unwrap_or(Posting::END.hash)
    }

    /// One of them goes on to its next posting.
    #[inline]
    pub fn advance<S: Storage>(&mut self, stream: usize, storage: &mut S) -> Result<(), S::Error> {
        if self.streams[stream].advance()? {
            Ok(())
        } else {
            self.read_ahead(storage)
        }
    }

    /// Reads pages of all that have few, and brings those to a posting that had none.
    fn read_ahead<S: Storage>(&mut self, storage: &mut S) -> Result<(), S::Error> {
        let wanting: Vec<_> = self
            .streams
            .iter_mut()
            .filter(|stream| stream.wants_pages())
            .collect();
        let places: Vec<_> = wanting
            .iter()
            .map(|stream| (stream.run.id, stream.next))
            .collect();
        let pages = storage.pages_from(&places, READ_AHEAD_PAGES)?;
        for (stream, pages) in wanting.into_iter().zip(pages) {
            let empty = stream.ahead.is_empty();
            stream.take_pages(pages);
            if empty {
                stream.advance()?;
                // The start is on the first page, or just behind it.
                while stream.at_hand < self.start {
                    stream.advance()?;
                }
            }
        }
        Ok(())
    }
}

impl Stream {
    fn new(run: Run) -> Self {
        Self {
            run,
            next: Posting::default(),
            ahead: VecDeque::new(),
            cursor: PageCursor::new(Posting::default(), run.first),
            at_hand: Posting::END,
            last: Posting::default(),
            read_all: false,
        }
    }

    fn wants_pages(&self) -> bool {
        !self.read_all && self.ahead.len() < READ_AHEAD_PAGES
    }

    fn take_pages(&mut self, pages: Vec<Page>) {
        self.read_all = pages.len() < READ_AHEAD_PAGES;
        if let Some(last) = pages.last() {
            self.next = last.first.next();
        }
        if self.ahead.is_empty()
            && let Some(first) = pages.first()
        {
            self.cursor = PageCursor::new(first.first, self.run.first);
        }
        self.ahead.extend(pages);
    }

    /// Goes on to the next posting. False if pages must be read first.
    #[inline]
    fn advance(&mut self) -> Result<bool, Damage> {
        while let Some(page) = self.ahead.front() {
            let next = self
                .cursor
                .next(&page.bytes)
                .map_err(Damage::malformed(&self.run))?;
            if let Some(posting) = next {
                let Run { first, last, .. } = self.run;
                if posting <= self.last || !(first..=last).contains(&posting.position) {
                    // What is made of them would be wrong without anybody's notice.
                    return Err(Damage::of_run(
                        &self.run,
                        "postings are not in order, or outside of their run",
                    ));
                }
                self.last = posting;
                self.at_hand = posting;
                return Ok(true);
            }
            self.ahead.pop_front();
            if let Some(page) = self.ahead.front() {
                self.cursor = PageCursor::new(page.first, self.run.first);
            }
        }
        self.at_hand = Posting::END;
        Ok(self.read_all)
    }
}
