//! Programs that write a view and die on the way, again and again.

use keruen_proto::log::v1::RecordedEvent;

use super::{
    filters::Chance,
    stores::{answering, open},
};
use crate::{copies::Place, view::View, writer::Writer};

/// Takes in a history in batches of these sizes, and sometimes forgets what is in memory. The program dies here and there:
/// before a batch is written, while it is, or after that; and begins anew.
pub fn piecemeal(
    place: &Place,
    view: &'static View,
    events: &[RecordedEvent],
    sizes: &[usize],
    crashes: u64,
) -> Writer {
    let mut writer = open(place, view);
    let mut rest = events;
    for (turn, size) in sizes.iter().cycle().enumerate() {
        let (batch, after) = rest.split_at(rest.len().min(*size));
        if batch.is_empty() {
            break;
        }
        let position = writer.checkpoint().unwrap().position;
        match (crashes >> (turn % 32 * 2)) & 3 {
            0 => {
                writer.take(batch).unwrap();
                drop(writer);
                writer = open(place, view);
                assert_eq!(writer.checkpoint().unwrap().position, position);
            }
            1 => {
                writer.take(batch).unwrap();
                writer.die_while_writing();
                writer = open(place, view);
                assert_eq!(writer.checkpoint().unwrap().position, position);
            }
            2 => writer.forget_beyond(0),
            _ => {}
        }
        let applied = writer.apply(batch).unwrap();
        assert_eq!(applied.position, batch.last().unwrap().position);
        rest = after;
    }
    writer
}

/// The log that copies are of which are built.
const LOG_ID: &[u8] = b"log";
/// After so many deaths a program lives, so that there is an end.
const MOST_DEATHS: usize = 8;

/// A view that is built beside one that follows the log, and then follows it itself. What a program does is what the engine
/// and rebuilds do, and it dies between any two steps of it.
pub struct Rebuilt<'e> {
    place: &'e Place,
    view: &'static View,
    events: &'e [RecordedEvent],
    chance: Chance,
    deaths: Vec<Step>,
    /// Generation of the copy that answered before.
    before: u64,
}

/// After what a program died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Began,
    Opened,
    Folded,
    Wrote,
    Committed,
    Indexed,
    CaughtUp,
    Marked,
    Renamed,
    Tidied,
}

/// How many steps there are.
pub const STEPS: usize = 10;

/// It has died.
struct Dead;

impl<'e> Rebuilt<'e> {
    /// Builds and follows; answers with the writer, and after what programs died.
    pub fn of(
        place: &'e Place,
        view: &'static View,
        events: &'e [RecordedEvent],
        seed: u64,
    ) -> (Writer, Vec<Step>) {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
        let crashes = 0x93e4_71b6_2d8f_05ca_u64.rotate_left(u32::try_from(seed % 9).unwrap() * 7);
        let sizes = [usize::try_from(seed % 20).unwrap() + 3, 40];
        let known = chance.below(events.len());
        drop(piecemeal(place, view, &events[..known], &sizes, crashes));
        let mut rebuilt = Self {
            before: answering(place, view).generation,
            place,
            view,
            events,
            chance,
            deaths: Vec::new(),
        };
        while rebuilt.live().is_err() {}
        let copies = place.copies(view).unwrap();
        let copy = copies.answering.unwrap();
        assert!(copy.generation > rebuilt.before && copies.unfinished.is_none());
        assert!(copies.outdated.is_empty(), "{:?}", copies.outdated);
        let writer = place.open_writer(view, &copy).unwrap();
        let reached = usize::try_from(writer.checkpoint().unwrap().position).unwrap();
        drop(writer);
        let writer = piecemeal(place, view, &events[reached..], &sizes, !crashes);
        (writer, rebuilt.deaths)
    }

    fn may_die(&mut self, after: Step) -> Result<(), Dead> {
        // There are many batches, and one end.
        let rarely = if matches!(after, Step::Folded | Step::Wrote | Step::Committed) {
            12
        } else {
            4
        };
        if self.deaths.len() < MOST_DEATHS && self.chance.below(rarely) == 0 {
            self.deaths.push(after);
            return Err(Dead);
        }
        Ok(())
    }

    /// One program, from its start on: it goes on with whatever there is.
    fn live(&mut self) -> Result<(), Dead> {
        let (place, view) = (self.place, self.view);
        let copies = place.copies(view).unwrap();
        let answering = copies.answering.unwrap();
        if copies.unfinished.is_none() && answering.generation > self.before {
            place.tidy(view);
            return self.may_die(Step::Tidied);
        }
        place.tidy(view);
        let copy = match copies.unfinished {
            Some(copy) => copy,
            None => place.next_copy(view, true).unwrap(),
        };
        self.may_die(Step::Began)?;
        let mut writer = place.open_writer(view, &copy).unwrap();
        let checkpoint = writer.checkpoint().unwrap();
        if checkpoint.log_id != LOG_ID {
            assert_eq!(checkpoint.position, 0);
            writer.start_over(LOG_ID).unwrap();
        }
        self.may_die(Step::Opened)?;
        let head = self.events.len() - self.chance.below(self.events.len() / 4);
        let mut writer = self.build(writer, head)?;
        writer.make_indexes().unwrap();
        self.may_die(Step::Indexed)?;
        drop(writer);
        let mut writer = place.open_writer(view, &copy).unwrap();
        let position = usize::try_from(writer.checkpoint().unwrap().position).unwrap();
        assert!(position >= head, "it was complete");
        let further = position + self.chance.below(self.events.len() - position + 1);
        writer.apply(&self.events[position..further]).unwrap();
        self.may_die(Step::CaughtUp)?;
        writer.mark_complete().unwrap();
        self.may_die(Step::Marked)?;
        drop(writer);
        let finished = place.finish(&copy).unwrap();
        self.may_die(Step::Renamed)?;
        let writer = place.open_writer(view, &finished).unwrap();
        let checkpoint = writer.checkpoint().unwrap();
        assert_eq!(checkpoint.position, further as u64);
        place.tidy(view);
        self.may_die(Step::Tidied)
    }

    /// Takes in everything up to an event, unless it is in already.
    fn build(&mut self, mut writer: Writer, head: usize) -> Result<Writer, Dead> {
        loop {
            let position = usize::try_from(writer.checkpoint().unwrap().position).unwrap();
            if position >= head {
                return Ok(writer);
            }
            let most = (head - position).min(70);
            let next = position + 1 + self.chance.below(most);
            let events = self.events;
            writer.take(&events[position..next]).unwrap();
            self.may_die(Step::Folded)?;
            if self.may_die(Step::Wrote).is_err() {
                writer.die_while_writing();
                return Err(Dead);
            }
            assert_eq!(writer.commit().unwrap(), next as u64);
            self.may_die(Step::Committed)?;
            if self.chance.below(2) == 0 {
                writer.forget_beyond(0);
            }
        }
    }
}
