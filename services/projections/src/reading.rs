//! Reading the log once for all views that are built at the same time.
//!
//! Whoever builds a view takes pages from a reading that is under way, if that has just come by its position, or begins
//! one. Pages go to all takers in turn, and no more than a few wait for any of them: the slowest sets the pace. A page has
//! 3 MiB of events at most, and commonly a tenth of that.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use keruen_log::{Log, Query, Range, ReadError, RecordedEvent};
use keruen_proto::Event;
use tokio::{runtime::Handle, sync::mpsc};

/// Events of a page.
const PAGE_EVENTS: usize = 500;
/// How many pages wait for a taker, and how many are kept for one who comes a little later: before the first page is
/// taken, all that have been read.
const PAGES_AHEAD: usize = 12;
const PAGES_KEPT: usize = 16;

/// Events that follow each other.
pub struct Page {
    recorded: Vec<RecordedEvent>,
    /// Each of them decoded, or why it can't be.
    events: OnceLock<Vec<Result<Event, String>>>,
}

impl Page {
    fn new(recorded: Vec<RecordedEvent>) -> Self {
        Self {
            recorded,
            events: OnceLock::new(),
        }
    }

    /// The events as the log has them.
    pub fn recorded(&self) -> &[RecordedEvent] {
        &self.recorded
    }

    /// The same ones decoded, in the same order. Whoever asks first decodes them, so that it is done with the priority of
    /// those who build.
    pub fn events(&self) -> &[Result<Event, String>] {
        self.events.get_or_init(|| {
            let decoded = self.recorded.iter().map(|recorded| {
                Event::decode(&recorded.r#type, &recorded.data).map_err(|error| error.to_string())
            });
            decoded.collect()
        })
    }

    /// The position before its first event.
    fn after(&self) -> Option<u64> {
        self.recorded.first()?.position.checked_sub(1)
    }

    fn last(&self) -> Option<u64> {
        Some(self.recorded.last()?.position)
    }
}

/// What a taker gets.
pub type Pages = mpsc::Receiver<Result<Arc<Page>, ReadError>>;

/// The reading that views join.
#[derive(Default)]
pub struct Readings {
    newest: Mutex<Option<Arc<Reading>>>,
}

impl Readings {
    /// Pages with the events after a position, up to `last` or further. They end where the log has been read that far, or
    /// can't be read.
    pub fn pages(&self, runtime: &Handle, log: &Arc<dyn Log>, after: u64, last: u64) -> Pages {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pages) = newest.as_ref().and_then(|it| it.join(after, last)) {
            return pages;
        }
        let (reading, pages) = Reading::begin(after, last);
        let reading = newest.insert(Arc::new(reading));
        runtime.spawn(Arc::clone(reading).read(Arc::clone(log)));
        pages
    }
}

type Taker = mpsc::Sender<Result<Arc<Page>, ReadError>>;

/// One way through the log.
struct Reading {
    state: Mutex<State>,
}

struct State {
    /// Everything up to this position has been given to the takers.
    position: u64,
    /// How far to read.
    last: u64,
    /// The newest pages.
    kept: VecDeque<Arc<Page>>,
    takers: Vec<Taker>,
    is_over: bool,
}

impl Reading {
    fn begin(after: u64, last: u64) -> (Self, Pages) {
        let (taker, pages) = mpsc::channel(PAGES_AHEAD);
        let state = State {
            position: after,
            last,
            kept: VecDeque::new(),
            takers: vec![taker],
            is_over: false,
        };
        let reading = Self {
            state: Mutex::new(state),
        };
        (reading, pages)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pages from a position on; `None` where it is past that, or has not come there.
    fn join(&self, after: u64, last: u64) -> Option<Pages> {
        let mut state = self.state();
        if state.is_over {
            return None;
        }
        let missed = if state.position == after {
            state.kept.len()
        } else {
            let mut kept = state.kept.iter();
            kept.position(|page| page.after() == Some(after))?
        };
        let (taker, pages) = mpsc::channel(PAGES_AHEAD + PAGES_KEPT);
        for page in state.kept.iter().skip(missed) {
            // There is room for all that are kept.
            taker.try_send(Ok(Arc::clone(page))).ok()?;
        }
        state.takers.push(taker);
        state.last = state.last.max(last);
        Some(pages)
    }

    async fn read(self: Arc<Self>, log: Arc<dyn Log>) {
        // Also where this is broken off: nobody may wait for it then, nor join it.
        let _ending = Ending(Arc::clone(&self));
        while let Some((position, last)) = self.next_range() {
            let range = Range::after(position).up_to(last);
            let page = log.read(&Query::default(), range, PAGE_EVENTS).await;
            let page = page.map(|page| Arc::new(Page::new(page.events)));
            for taker in self.keep(page.as_ref().ok()) {
                // Whoever stopped is left out from the next page on.
                let _ = taker.send(page.clone()).await;
            }
        }
    }

    /// What to read next; `None`, once and for all, where there is nothing more to read, or nobody to read it for.
    fn next_range(&self) -> Option<(u64, u64)> {
        let mut state = self.state();
        state.takers.retain(|taker| !taker.is_closed());
        if state.takers.is_empty() || state.position >= state.last {
            state.end();
            return None;
        }
        Some((state.position, state.last))
    }

    /// Keeps a page for those who come later; answers with those who are there. Without one, or with an empty one, it is
    /// over.
    fn keep(&self, page: Option<&Arc<Page>>) -> Vec<Taker> {
        let mut state = self.state();
        let Some((page, last)) = page.and_then(|page| Some((page, page.last()?))) else {
            return state.end();
        };
        state.position = last;
        if state.kept.len() == PAGES_KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(Arc::clone(page));
        state.takers.clone()
    }
}

/// Ends a reading when it is dropped.
struct Ending(Arc<Reading>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.state().end();
    }
}

impl State {
    fn end(&mut self) -> Vec<Taker> {
        self.is_over = true;
        self.kept.clear();
        std::mem::take(&mut self.takers)
    }
}
