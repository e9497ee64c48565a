//! Given, when, then: a history in memory that is read just as the log is, by tag and type.

use keruen_domain::{
    Books, Boundary, Command, Entry, Moment, Rejection, check::Ledger, place, tags,
};
use keruen_proto::Event;

use crate::world;

/// What has happened, and what day it is.
#[derive(Clone)]
pub struct Story {
    pub events: Vec<Event>,
    tags: Vec<Vec<String>>,
    /// The clock.
    pub now_us: i64,
    /// How long before the clock commands happen.
    pub age_us: i64,
}

impl Story {
    /// Nothing has happened.
    pub fn empty() -> Self {
        Self {
            events: Vec::new(),
            tags: Vec::new(),
            now_us: world::NOON_US,
            age_us: 0,
        }
    }

    /// The registry is filled.
    pub fn new() -> Self {
        Self::empty().given(world::registry())
    }

    pub fn given(mut self, events: impl IntoIterator<Item = Event>) -> Self {
        self.append(events);
        self
    }

    /// What a command leads to; it must be accepted.
    pub fn after(self, command: impl Command) -> Self {
        self.when(command).accepted()
    }

    /// At noon in Almaty of another day.
    pub fn on(mut self, day: &str) -> Self {
        self.now_us = world::noon_us(day);
        self
    }

    /// Commands are given some seconds late.
    pub fn late(mut self, age_s: i64) -> Self {
        self.age_us = age_s * 1_000_000;
        self
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a story reads better without ampersands"
    )]
    pub fn when(self, command: impl Command) -> Outcome {
        let result = self.decide(&command);
        Outcome {
            story: self,
            result,
        }
    }

    pub fn append(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.tags.push(tags(&event));
            self.events.push(event);
        }
    }

    pub fn moment(&self) -> Moment {
        Moment {
            now_us: self.now_us,
            occurred_at_us: self.now_us - self.age_us,
        }
    }

    /// The state of a boundary, folded from the events that carry a tag of it and are of its types.
    pub fn read(&self, boundary: &Boundary) -> Entry {
        self.read_before(boundary, self.events.len())
    }

    /// The same, as it was before the event of an index.
    pub fn read_before(&self, boundary: &Boundary, index: usize) -> Entry {
        let own = boundary.tags();
        let mut entry = Entry::empty(boundary);
        let types = entry.event_types();
        let after = usize::try_from(boundary.after_position()).expect("small");
        let recorded = self.events[..index].iter().zip(&self.tags).skip(after);
        for (event, _) in recorded.filter(|(event, tags)| {
            own.iter().any(|tag| tags.contains(tag)) && types.contains(&event.type_name())
        }) {
            entry.evolve(boundary, event);
        }
        entry
    }

    /// The position at which the history stands.
    pub fn position(&self) -> u64 {
        u64::try_from(self.events.len()).expect("few")
    }

    /// The state of a boundary, folded from everything that has happened.
    pub fn read_everything(&self, boundary: &Boundary) -> Entry {
        let mut entry = Entry::empty(boundary);
        let after = usize::try_from(boundary.after_position()).expect("small");
        for event in self.events.iter().skip(after) {
            entry.evolve(boundary, event);
        }
        entry
    }

    /// Decides as a service does, and checks what every decision must keep.
    pub fn decide(&self, command: &dyn Command) -> Result<Vec<Event>, Rejection> {
        let mut books = Books::default();
        for _ in 0..10 {
            let wanted = command.reads(&books);
            assert!(!wanted.is_empty(), "a decision without a condition");
            let new: Vec<_> = wanted
                .into_iter()
                .filter(|boundary| !books.contains(boundary))
                .collect();
            if new.is_empty() {
                check_query(&books);
                let events = command.decide(&books, self.moment())?;
                let subject = command.subject(&books).expect("a subject");
                assert!(books.contains(&subject), "the subject is not read");
                self.check_events(&events, &books);
                return Ok(events);
            }
            for boundary in new {
                let entry = self.read(&boundary);
                books.insert(boundary, entry);
            }
        }
        panic!("reads without end");
    }

    fn check_events(&self, events: &[Event], books: &Books) {
        assert!(!events.is_empty());
        for event in events {
            event.verify().expect("a valid event");
            let decoded = Event::decode(event.type_name(), &event.encode()).expect("decodes");
            assert_eq!(&decoded, event);
            let place = place(event, books, self.moment());
            let stands_somewhere = world::stands_somewhere(event);
            assert_eq!(
                !place.region.is_empty(),
                stands_somewhere,
                "{} in {place:?}",
                event.short_name()
            );
            assert_eq!(place.utc_offset_minutes != 0, stands_somewhere);
            assert_eq!(
                !place.other_region.is_empty(),
                world::goes_somewhere(event),
                "{}",
                event.short_name()
            );
        }
    }

    /// What breaks the rules of every history.
    pub fn violations(&self) -> Vec<String> {
        let mut ledger = Ledger::default();
        for (position, event) in (1..).zip(&self.events) {
            ledger.take_in(position, event, self.now_us);
        }
        ledger
            .end_append()
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

/// What a decision has read is its condition, as one query: the log takes so many alternatives, and so many types and
/// tags in all of them. What nothing can change any more is left out.
fn check_query(books: &Books) {
    const MAX_QUERY_ITEMS: usize = 1_000;
    const MAX_QUERY_TERMS: usize = 4_096;
    let (mut items, mut terms) = (0, 0);
    for boundary in books.boundaries() {
        let entry = books.get(boundary).expect("was read");
        if boundary.is_fixed() && *entry != Entry::empty(boundary) {
            continue;
        }
        let tags = boundary.tags().len();
        items += tags;
        terms += tags * (1 + entry.event_types().len());
    }
    assert!(items <= MAX_QUERY_ITEMS, "{items} alternatives in a query");
    assert!(terms <= MAX_QUERY_TERMS, "{terms} terms in a query");
}

/// What a command led to.
pub struct Outcome {
    story: Story,
    result: Result<Vec<Event>, Rejection>,
}

impl Outcome {
    /// It led to just these events.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = Event>) -> Story {
        let expected: Vec<Event> = events.into_iter().collect();
        assert_eq!(self.result.as_ref().expect("accepted"), &expected);
        self.accepted()
    }

    /// It was refused for this reason.
    #[track_caller]
    pub fn refused(self, reason: &str) -> Refusal {
        let rejection = self.result.expect_err("refused");
        assert_eq!(rejection.reason(), reason, "{rejection}");
        Refusal(rejection)
    }

    #[track_caller]
    pub fn accepted(self) -> Story {
        let Self { mut story, result } = self;
        story.append(result.expect("accepted"));
        story
    }
}

/// Why a command was refused.
pub struct Refusal(pub Rejection);

impl Refusal {
    /// Its message says all of this.
    #[track_caller]
    pub fn saying(self, parts: &[&str]) -> Self {
        let message = self.0.to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} in {message:?}");
        }
        self
    }
}
