//! The things that an event is about: the boundaries that its tags name.

use std::{
    collections::HashMap,
    mem::{Discriminant, discriminant},
};

use keruen_domain::{Boundary, Entry};
use keruen_proto::{Event, log::v1::RecordedEvent};
use percent_encoding::percent_decode_str;

use crate::{resource::table_of, view::View};

/// Tells which stored folds an event may change.
pub struct Subjects {
    view: &'static View,
    /// Of kinds of things and of events, whether the view stores such things and their fold takes in such events. There are
    /// as many as there are kinds.
    takes: HashMap<(Discriminant<Boundary>, Discriminant<Event>), bool>,
}

impl Subjects {
    /// Of a view.
    pub fn new(view: &'static View) -> Self {
        Self {
            view,
            takes: HashMap::new(),
        }
    }

    /// The boundaries whose stored fold this event may change: those of its tags that take in its type. Reading by tag and
    /// type is what deciders do too, so a view folds exactly the events that they fold.
    pub fn of(&mut self, recorded: &RecordedEvent, event: &Event) -> Vec<Boundary> {
        let all = recorded.tags.iter().flat_map(|tag| boundaries(tag));
        let (view, takes) = (self.view, &mut self.takes);
        all.filter(|boundary| {
            *takes
                .entry((discriminant(boundary), discriminant(event)))
                .or_insert_with(|| {
                    table_of(boundary).is_some_and(|table| view.keeps(table))
                        && Entry::empty(boundary)
                            .event_types()
                            .contains(&event.type_name())
                })
        })
        .collect()
    }
}

/// The boundaries of a tag; none for tags whose fold no view stores.
fn boundaries(tag: &str) -> impl Iterator<Item = Boundary> {
    let quality = tag.strip_prefix("item:").and_then(Boundary::quality);
    boundary(tag).into_iter().chain(quality)
}

/// The boundary of a tag; `None` where no view stores its fold.
pub fn boundary(tag: &str) -> Option<Boundary> {
    let (kind, id) = tag.split_once(':')?;
    match kind {
        "organisation" => Boundary::organisation(id),
        "facility" => Boundary::facility(id),
        "commodity" => Boundary::commodity(id),
        "item" => Boundary::item(id),
        "donation" => Boundary::donation(id),
        "batch" => Boundary::batch(id),
        "request" => Boundary::request(id),
        "shipment" => Boundary::shipment(id),
        "emergency" => Boundary::emergency(id),
        "trip" => Boundary::trip(id),
        "plan" => Boundary::plan(id),
        "count" => Boundary::count(id),
        "goods" => Boundary::goods(id),
        "asset" => {
            let (item_id, serial_number) = id.split_once('/')?;
            Boundary::asset(
                item_id,
                &percent_decode_str(serial_number).decode_utf8().ok()?,
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_boundary_is_found_by_its_tag() {
        let stored = [
            Boundary::organisation("KASPI"),
            Boundary::facility("WH-1"),
            Boundary::commodity("TEST-SARS2"),
            Boundary::item("TEST-A"),
            Boundary::quality("TEST-A"),
            Boundary::donation("D-1"),
            Boundary::batch("B-1"),
            Boundary::request("R-1"),
            Boundary::shipment("S-1"),
            Boundary::emergency("E-1"),
            Boundary::plan("P-1"),
            Boundary::asset("VENT-1", "№ 7/№ 8: 50 %"),
        ];
        for expected in stored.into_iter().map(Option::unwrap) {
            assert!(boundaries(&expected.tag()).any(|found| found == expected));
        }
    }
}
