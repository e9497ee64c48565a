//! The things that an event is about: the boundaries that its tags name.

use keruen_domain::{Boundary, Entry};
use keruen_proto::log::v1::RecordedEvent;
use percent_encoding::percent_decode_str;

/// The boundaries whose stored fold this event may change: those of its tags that take in its type. Reading by tag and
/// type is what deciders do too, so a view folds exactly the events that they fold.
pub fn subjects(event: &RecordedEvent) -> Vec<Boundary> {
    event
        .tags
        .iter()
        .flat_map(|tag| boundaries(tag))
        .filter(|boundary| {
            Entry::empty(boundary)
                .event_types()
                .contains(&event.r#type.as_str())
        })
        .collect()
}

/// The boundaries of a tag; none for tags whose fold no view stores.
fn boundaries(tag: &str) -> Vec<Boundary> {
    let quality = tag.strip_prefix("item:").and_then(Boundary::quality);
    boundary(tag).into_iter().chain(quality).collect()
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
            assert!(boundaries(&expected.tag()).contains(&expected));
        }
    }
}
