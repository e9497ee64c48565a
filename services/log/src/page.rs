//! Filling a page within its bounds.

use keruen_proto::log::v1::RecordedEvent;
use prost::Message as _;

use crate::bounds::MAX_PAGE_BYTES;

/// A page that is being filled.
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

    pub fn is_full(&self) -> bool {
        self.events.len() == self.limit
    }

    /// False if the event has no room.
    pub fn add(&mut self, event: RecordedEvent) -> bool {
        let event_bytes = event.encoded_len();
        self.add_sized(event, event_bytes)
    }

    /// The same of an event whose size as a message is known.
    pub fn add_sized(&mut self, event: RecordedEvent, event_bytes: usize) -> bool {
        let bytes = self.bytes + event_bytes;
        if self.is_full() || (bytes > MAX_PAGE_BYTES && !self.events.is_empty()) {
            self.complete = false;
            return false;
        }
        self.bytes = bytes;
        self.events.push(event);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_in_bytes_and_has_one_event_at_least() {
        let event = RecordedEvent {
            data: vec![0; MAX_PAGE_BYTES / 2],
            ..RecordedEvent::default()
        };
        let mut page = PageInProgress::new(10);
        assert!(page.add(event.clone()));
        assert!(!page.add(event.clone()));
        assert!(!page.complete);
        let mut page = PageInProgress::new(10);
        assert!(page.add(RecordedEvent {
            data: vec![0; MAX_PAGE_BYTES],
            ..RecordedEvent::default()
        }));
        assert!(page.complete);
    }
}
