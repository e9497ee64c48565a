//! Reading ahead: who goes through a log page by page finds the next ones ready.
//!
//! Events never change, so that a page that was read before anybody asked is as good as one that is read then, as long as
//! it is full; one that reached the head is read again.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::log::{Page, Range, ReadError};

/// So many readers may go through the log at once before they lose each other's pages. Each page is bounded.
const MAX_READERS: usize = 4;
/// How long a page waits for whoever asked for those before it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Shorter pages are read when they are asked for.
const MIN_EVENTS: usize = 512;

/// What is likely to be asked for next, and is read already where somebody has asked for two pages in a row.
#[derive(Debug, Default)]
pub(crate) struct Ahead(Mutex<VecDeque<Expected>>);

#[derive(Debug)]
struct Expected {
    range: Range,
    limit: usize,
    /// Full pages from there on: one waits here, and another one with whoever reads them, who stops when this is dropped.
    pages: Option<mpsc::Receiver<Page>>,
}

impl Ahead {
    /// Answers with the page that `read` reads, and goes on to read those behind it.
    pub async fn page<F>(
        &self,
        range: Range,
        limit: usize,
        read: impl Fn(Range) -> F + Send + 'static,
    ) -> Result<Page, ReadError>
    where
        F: Future<Output = Result<Page, ReadError>> + Send + 'static,
    {
        let expected = self.take(range, limit);
        let is_second = expected.is_some();
        let mut pages = expected.and_then(|expected| expected.pages);
        let ready = match &mut pages {
            Some(pages) => pages.recv().await,
            None => None,
        };
        let page = if let Some(page) = ready {
            page
        } else {
            pages = None;
            read(range).await?
        };
        if !page.complete && page.events.len() >= MIN_EVENTS {
            let next = behind(&page, range);
            if is_second && pages.is_none() {
                pages = Some(go_on(next, read));
            }
            self.expect(Expected {
                range: next,
                limit,
                pages,
            });
        }
        Ok(page)
    }

    fn take(&self, range: Range, limit: usize) -> Option<Expected> {
        let mut all = self.all();
        let index = all
            .iter()
            .position(|expected| expected.range == range && expected.limit == limit)?;
        all.remove(index)
    }

    fn expect(&self, expected: Expected) {
        let mut all = self.all();
        if all.len() == MAX_READERS {
            all.pop_front();
        }
        all.push_back(expected);
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Expected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The range behind a page.
fn behind(page: &Page, range: Range) -> Range {
    Range {
        after_position: page.reached_position(range),
        ..range
    }
}

/// Reads full pages until there is none, or nobody wants them.
fn go_on<F>(mut range: Range, read: impl Fn(Range) -> F + Send + 'static) -> mpsc::Receiver<Page>
where
    F: Future<Output = Result<Page, ReadError>> + Send + 'static,
{
    let (sender, pages) = mpsc::channel(1);
    tokio::spawn(async move {
        // Whoever asks for the page that can't be read is told why.
        while let Ok(page) = read(range).await
            && !page.complete
        {
            range = behind(&page, range);
            // Whoever has gone for so long finds nothing here, and reads for himself.
            let sending = tokio::time::timeout(PATIENCE, sender.send(page)).await;
            if !matches!(sending, Ok(Ok(()))) {
                break;
            }
        }
    });
    pages
}

#[cfg(test)]
mod tests {
    use std::{
        future::{Ready, ready},
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
    };

    use keruen_proto::log::v1::RecordedEvent;

    use super::*;

    const PAGE: u64 = MIN_EVENTS as u64;

    /// A log that only has positions, and how often a page of it was read.
    #[derive(Clone, Default)]
    struct Positions {
        head: Arc<AtomicU64>,
        reads: Arc<AtomicU64>,
    }

    impl Positions {
        fn reading(&self) -> impl Fn(Range) -> Ready<Result<Page, ReadError>> + Send + use<> {
            let this = self.clone();
            move |range| ready(Ok(this.read(range)))
        }

        fn read(&self, range: Range) -> Page {
            self.reads.fetch_add(1, Ordering::SeqCst);
            let head_position = self.head.load(Ordering::SeqCst);
            let last = head_position.min(range.after_position + PAGE);
            let event = |position| RecordedEvent {
                position,
                ..RecordedEvent::default()
            };
            Page {
                events: (range.after_position + 1..=last).map(event).collect(),
                head_position,
                complete: last == head_position,
            }
        }
    }

    async fn through(ahead: &Ahead, log: &Positions) -> Vec<u64> {
        let (mut range, mut positions) = (Range::default(), Vec::new());
        loop {
            let page = ahead.page(range, 1_000, log.reading()).await;
            let page = page.unwrap();
            positions.extend(page.events.iter().map(|event| event.position));
            if page.complete {
                return positions;
            }
            range = Range::after(page.reached_position(range));
        }
    }

    #[tokio::test]
    async fn every_event_comes_once_and_in_order_to_each_of_many_readers() {
        let (ahead, log) = (Arc::new(Ahead::default()), Positions::default());
        log.head.store(PAGE * 9 + 5, Ordering::SeqCst);
        let readers = (0..2 * MAX_READERS).map(|_| {
            let (ahead, log) = (Arc::clone(&ahead), log.clone());
            tokio::spawn(async move { through(&ahead, &log).await })
        });
        for reader in readers.collect::<Vec<_>>() {
            assert!(reader.await.unwrap().into_iter().eq(1..=PAGE * 9 + 5));
        }
        assert!(ahead.all().len() <= MAX_READERS);
    }

    #[tokio::test]
    async fn a_page_that_reached_the_head_is_read_again() {
        let (ahead, log) = (Ahead::default(), Positions::default());
        log.head.store(PAGE * 2 + 5, Ordering::SeqCst);
        let mut range = Range::default();
        for _ in 0..2 {
            let page = ahead.page(range, 1_000, log.reading()).await;
            range = Range::after(page.unwrap().reached_position(range));
        }
        // The third page has been read by now, or will be; what comes afterwards has to be on it all the same.
        tokio::task::yield_now().await;
        log.head.fetch_add(1, Ordering::SeqCst);
        let page = ahead.page(range, 1_000, log.reading()).await;
        let page = page.unwrap();
        assert_eq!(page.events.len(), 6);
        assert_eq!(page.head_position, PAGE * 2 + 6);
    }

    #[tokio::test]
    async fn one_page_alone_is_the_only_one_that_is_read() {
        let (ahead, log) = (Ahead::default(), Positions::default());
        log.head.store(PAGE * 9, Ordering::SeqCst);
        let first = ahead.page(Range::default(), 1_000, log.reading());
        first.await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(log.reads.load(Ordering::SeqCst), 1);
    }
}
