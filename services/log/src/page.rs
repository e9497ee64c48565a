//! Filling a page within its bounds.

use keruen_proto::log::v1::RecordedEvent;
use prost::Message as _;

use crate::bounds::MAX_PAGE_BYTES;

/// A page that is being filled.
#[derive(Debug)]
pub(crate) struct PageInProgress {
    pub events: Vec<RecordedEvent>,
    pub bytes: usize,
    limit: usize,
    pub complete: bool,
}

impl PageInProgress {
    pub fn new(limit: usize) -> Self {
        Self {
            events: Vec::new(),
            bytes: 0,
            limit,
            complete: true,
        }
    }

    /// The same, with room for so many events from the beginning.
    pub fn expecting(limit: usize, events: usize) -> Self {
        Self {
            events: Vec::with_capacity(events.min(limit)),
            ..Self::new(limit)
        }
    }

    pub fn is_full(&self) -> bool {
        self.events.len() == self.limit
    }

    /// False if the event has no room.
    pub fn add(&mut self, event: RecordedEvent) -> bool {
        let bytes = self.bytes + event.encoded_len();
        if self.is_full() || (bytes > MAX_PAGE_BYTES && !self.events.is_empty()) {
            self.complete = false;
            return false;
        }
        self.bytes = bytes;
        self.events.push(event);
        true
    }

    /// Takes out the events above a position.
    pub fn cut_behind(&mut self, position: u64) {
        self.cut(|last, _| last.position > position);
    }

    /// Adds the events of another page, which go on where these end; those at its end only if they have room.
    pub fn append(&mut self, mut next: Self) {
        let (events, bytes, limit) = (self.events.len(), self.bytes, self.limit);
        next.cut(|_, next| {
            events + next.events.len() > limit || bytes + next.bytes > MAX_PAGE_BYTES
        });
        self.bytes += next.bytes;
        self.events.append(&mut next.events);
    }

    fn cut(&mut self, goes_too_far: impl Fn(&RecordedEvent, &Self) -> bool) {
        while let Some(last) = self.events.last()
            && goes_too_far(last, self)
        {
            self.bytes -= last.encoded_len();
            self.events.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_in_bytes_and_has_one_event_at_least() {
        let event = RecordedEvent {
            data: vec![0; MAX_PAGE_BYTES / 2].into(),
            ..RecordedEvent::default()
        };
        let mut page = PageInProgress::new(10);
        assert!(page.add(event.clone()));
        assert!(!page.add(event.clone()));
        assert!(!page.complete);
        let mut page = PageInProgress::new(10);
        assert!(page.add(RecordedEvent {
            data: vec![0; MAX_PAGE_BYTES].into(),
            ..RecordedEvent::default()
        }));
        assert!(page.complete);
    }
}
