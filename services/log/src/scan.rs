//! All events of a range, in two halves at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{
    bounds::MAX_PAGE_BYTES,
    log::{Page, Range, ReadError},
    page::PageInProgress,
};

/// Fewer events than this are not worth another thread.
const MIN_HALF: u64 = 256;

/// Size of an event of the last page, in bytes; 0 where there was none.
#[derive(Debug, Default)]
pub(crate) struct EventSize(AtomicUsize);

impl EventSize {
    /// How many events the next full page is expected to have; 0 if that is not known.
    pub fn expected(&self, limit: usize) -> usize {
        MAX_PAGE_BYTES
            .checked_div(self.0.load(Ordering::Relaxed))
            .map_or(0, |fitting| fitting.min(limit))
    }

    fn learn(&self, page: &PageInProgress) {
        if let Some(event_bytes) = page.bytes.checked_div(page.events.len()) {
            self.0.store(event_bytes, Ordering::Relaxed);
        }
    }
}

/// Reads all events of a range, a page of them. Where many are expected, half of them elsewhere: to make an event of a
/// row takes longer than to find the row, and events never change, so that two snapshots do.
///
/// `read` fills a page with the events of `first..=last`; it answers with the position of the newest event, too.
pub(crate) async fn in_halves<F>(
    range: Range,
    limit: usize,
    size: &EventSize,
    read: impl Fn((u64, u64), PageInProgress) -> F,
) -> Result<Page, ReadError>
where
    F: Future<Output = Result<(PageInProgress, u64), ReadError>>,
{
    let expected = size.expected(limit);
    let from = range.after_position.saturating_add(1);
    let up_to = range.up_to_position.unwrap_or(u64::MAX);
    let half = expected as u64 / 2;
    let (middle, end) = (from.saturating_add(half), from.saturating_add(2 * half));
    let part = |first, last, expected| {
        let page = PageInProgress::expecting(limit, expected);
        read((first, last), page)
    };
    let (page, head_position) = if half < MIN_HALF || end > up_to {
        part(from, up_to, expected).await?
    } else {
        // The first takes in the second.
        let halves = tokio::try_join!(
            part(from, middle - 1, expected),
            part(middle, end - 1, expected / 2)
        )?;
        let ((mut page, head_position), (mut rest, _)) = halves;
        // The other snapshot may be the newer one.
        rest.cut_behind(head_position);
        if page.complete {
            page.append(rest);
        }
        let last = page.events.last();
        let reached = last.map_or(range.after_position, |event| event.position);
        page.complete = reached >= up_to.min(head_position);
        (page, head_position)
    };
    size.learn(&page);
    Ok(Page {
        events: page.events,
        head_position,
        complete: page.complete,
    })
}
