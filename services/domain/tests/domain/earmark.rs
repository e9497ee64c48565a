//! For whom or what a donor gives binds where stock is claimed and where it is issued.

use keruen_domain::{
    donation::{ChangeEarmarks, PledgeDonation},
    shipment::RequestShipment,
    stock::ConsumeStock,
};
use keruen_proto::{
    Event,
    inventory::v1::{ConsumptionPurpose, Earmark},
    registry::v1::{Facility, FacilityKind, FacilityRegistered},
};

use crate::{story::Story, world::*};

fn only_region(region_id: &str) -> Earmark {
    Earmark {
        region_id: region_id.to_owned(),
        ..Earmark::default()
    }
}

fn only_for(purpose: ConsumptionPurpose) -> Earmark {
    Earmark {
        purpose: Some(purpose.into()),
        ..Earmark::default()
    }
}

/// A pledge whose goods are all meant for KZ-75.
pub fn earmarked_all(donation_id: &str, commodities: &[(&str, i64)]) -> PledgeDonation {
    PledgeDonation {
        earmarks: vec![only_region("KZ-75")],
        ..pledge(donation_id, commodities)
    }
}

fn earmarked(donation_id: &str, earmarks: Vec<Earmark>) -> PledgeDonation {
    PledgeDonation {
        earmarks,
        ..pledge(donation_id, &[("TEST", 100)])
    }
}

/// With hospitals CARD in KZ-75 and ONCO in KZ-11.
fn story() -> Story {
    let hospital = |id: &str, region_id: &str| -> Event {
        FacilityRegistered {
            facility: Some(Facility {
                kind: FacilityKind::Hospital.into(),
                ..facility(id, region_id)
            }),
        }
        .into()
    };
    Story::new().given([hospital("CARD", "KZ-75"), hospital("ONCO", "KZ-11")])
}

fn to(destination_id: &str, amount: i64) -> RequestShipment {
    RequestShipment {
        destination_id: code(destination_id),
        ..ship("S1", &[("RAPID", amount)])
    }
}

#[test]
fn stock_goes_where_its_donor_lets_it() {
    let story = story()
        .after(earmarked("D1", vec![only_region("KZ-75")]))
        .after(receive("D1", vec![line("RAPID", 50, "B1")]));
    story.clone().after(to("CARD", 50)).after(allocate("S1"));
    story
        .clone()
        .after(to("ONCO", 1))
        .when(allocate("S1"))
        .refused("STOCK_EARMARKED")
        .saying(&["0 available", "50 meant for others"]);
    // On its way it may pass through any warehouse.
    story.after(to("FAR", 50)).after(allocate("S1"));
}

#[test]
fn what_is_meant_for_others_is_left_although_it_expires_earlier() {
    let mut later = line("RAPID", 50, "B2");
    later.expires_on = Some(date("2021-12-31"));
    let story = story()
        .after(earmarked("D1", vec![only_region("KZ-75")]))
        .after(pledge("D2", &[("TEST", 100)]))
        .after(receive("D1", vec![line("RAPID", 50, "B1")]))
        .after(receive("D2", vec![later]))
        .after(to("ONCO", 30))
        .after(allocate("S1"));
    let Some(Event::ShipmentAllocated(event)) = story.events.last() else {
        panic!("nothing was allocated");
    };
    let batches: Vec<&str> = event
        .units
        .iter()
        .filter_map(|units| units.units.as_ref())
        .map(|units| units.batch_id.as_str())
        .collect();
    assert_eq!(batches, ["B2"]);
}

#[test]
fn earmarks_of_other_items_do_not_matter_and_one_that_fits_is_enough() {
    let of_pcr = Earmark {
        item_id: "PCR".to_owned(),
        ..only_region("KZ-75")
    };
    for earmarks in [
        vec![of_pcr],
        vec![only_region("KZ-75"), only_region("KZ-11")],
        vec![Earmark {
            facility_id: "ONCO".to_owned(),
            ..Earmark::default()
        }],
    ] {
        story()
            .after(earmarked("D1", earmarks))
            .after(receive("D1", vec![line("RAPID", 50, "B1")]))
            .after(to("ONCO", 50))
            .after(allocate("S1"));
    }
}

#[test]
fn stock_is_issued_for_what_it_was_given() {
    let story = story()
        .after(earmarked("D1", vec![only_for(ConsumptionPurpose::Patient)]))
        .after(receive("D1", vec![line("RAPID", 50, "B1")]));
    let training = || ConsumeStock {
        purpose: ConsumptionPurpose::Training,
        ..consume("RAPID", 10)
    };
    story.clone().after(consume("RAPID", 10));
    story
        .clone()
        .when(training())
        .refused("STOCK_EARMARKED")
        .saying(&["50 meant for others"]);
    let named = || ConsumeStock {
        batch_id: Some(code("B1")),
        ..training()
    };
    story
        .clone()
        .when(named())
        .refused("BATCH_EARMARKED")
        .saying(&["B1", "D1"]);
    // What was spoilt was meant to be used rightly; and what has happened has happened.
    story.clone().after(ConsumeStock {
        purpose: ConsumptionPurpose::Wasted,
        ..training()
    });
    story.after(ConsumeStock {
        already_used: true,
        ..named()
    });
}

#[test]
fn earmarks_are_about_something_real() {
    let refused = |earmark: Earmark, reason: &str| {
        story().when(earmarked("D1", vec![earmark])).refused(reason);
    };
    refused(only_region("KZ-99"), "UNKNOWN_REGION");
    // Ulytau Region came to be in 2022.
    refused(only_region("KZ-62"), "REGION_NOT_VALID");
    refused(
        Earmark {
            facility_id: "NOWHERE".to_owned(),
            ..Earmark::default()
        },
        "UNKNOWN_FACILITY",
    );
    refused(
        Earmark {
            item_id: "NOTHING".to_owned(),
            ..only_region("KZ-75")
        },
        "UNKNOWN_ITEM",
    );
}

#[test]
fn a_donor_says_anew_for_whom_it_gave() {
    let changed = |earmarks: Vec<Earmark>| ChangeEarmarks {
        donation_id: code("D1"),
        earmarks,
        authorised_by_ref: label("person:7"),
        documents: Vec::new(),
    };
    let training = || ConsumeStock {
        purpose: ConsumptionPurpose::Training,
        ..consume("RAPID", 10)
    };
    let only_patients = Earmark {
        purpose: Some(ConsumptionPurpose::Patient.into()),
        ..Earmark::default()
    };
    let story = story()
        .after(earmarked("D1", vec![only_patients.clone()]))
        .after(receive("D1", vec![line("RAPID", 50, "B1")]));
    story.clone().when(training()).refused("STOCK_EARMARKED");
    story
        .clone()
        .when(changed(vec![only_patients.clone()]))
        .refused("EARMARKS_UNCHANGED");
    story
        .clone()
        .when(changed(vec![only_region("KZ-99")]))
        .refused("UNKNOWN_REGION");
    // Lifted, it may be used for anything; what came later as well.
    let lifted = story.clone().after(changed(Vec::new()));
    lifted.clone().after(training());
    let later = lifted
        .after(receive("D1", vec![line("RAPID", 5, "B2")]))
        .after(changed(vec![only_patients]));
    later.clone().when(training()).refused("STOCK_EARMARKED");
    assert_eq!(later.violations(), Vec::<String>::new());
    // Changed, it is sent only where it may go now; what was claimed before stays claimed.
    let sent = story
        .after(ship("S1", &[("RAPID", 10)]))
        .after(allocate("S1"))
        .after(changed(vec![only_region("KZ-11")]));
    sent.clone().after(dispatch("S1"));
    let to_almaty = RequestShipment {
        destination_id: code("CARD"),
        ..ship("S2", &[("RAPID", 10)])
    };
    sent.after(to_almaty)
        .when(allocate("S2"))
        .refused("STOCK_EARMARKED");
}
