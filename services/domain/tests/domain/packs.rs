//! Packs, substitutes and frost: what an item comes in, what may be used instead, and how it is kept.

use keruen_domain::{
    Boundary, Contents, Entry, InPacks, Packed,
    code::MAX_QUANTITY,
    donation::{ReceiptLine, ReceiveDonation},
    registry::{RegisterFacility, RegisterItem},
    stock::Change,
};
use keruen_proto::{
    inventory::v1::{FitOverride, ReceiptOutcome},
    registry::v1::{
        ExternalId, Facility, FacilityKind, Freezing, Item, Pack, RegistryKind, SiteData,
        StorageRange, Substitute, Tracking,
    },
};
use proptest::prelude::*;

use crate::{amendment::amend, story::Story, world::*};

pub fn pack(pack_id: &str, quantity: i64, gtin: &str) -> Pack {
    Pack {
        pack_id: pack_id.to_owned(),
        quantity,
        gtin: gtin.to_owned(),
    }
}

fn rapid(item: Item) -> Item {
    Item {
        item_id: "RAPID".to_owned(),
        ..item
    }
}

fn with_packs(packs: Vec<Pack>) -> Item {
    rapid(Item {
        packs,
        ..Item::default()
    })
}

const GTIN: &str = "4006381333931";

#[test]
fn a_pack_has_a_gtin_of_its_own() {
    let story = Story::new().after(amend(
        with_packs(vec![pack("BOX", 25, GTIN), pack("CASE", 500, "")]),
        &["packs"],
    ));
    let key = |gtin: &str| {
        let key = ExternalId {
            scheme: "GTIN".to_owned(),
            value: gtin.to_owned(),
        };
        Boundary::key(RegistryKind::Item, &key).expect("a key")
    };
    let holder = |story: &Story| match story.read(&key(GTIN)) {
        Entry::Key(holder) => holder.holder_id,
        other => panic!("{other:?}"),
    };
    assert_eq!(holder(&story), "RAPID");
    let same = Item {
        gtin: GTIN.to_owned(),
        ..item("NEW", "TEST", Tracking::Batch, false)
    };
    story
        .clone()
        .when(RegisterItem(same.clone()))
        .refused("EXTERNAL_ID_TAKEN")
        .saying(&["item RAPID"]);
    let own = rapid(Item {
        gtin: format!("0{GTIN}"),
        ..Item::default()
    });
    story
        .clone()
        .when(amend(own, &["gtin"]))
        .refused("EXTERNAL_ID_TWICE")
        .saying(&["RAPID", GTIN]);
    // Without the pack its number is free.
    let story = story.after(amend(with_packs(Vec::new()), &["packs"]));
    assert_eq!(holder(&story), "");
    story.when(RegisterItem(same)).accepted();
}

#[test]
fn a_substitute_is_stated_by_somebody() {
    let instead = |item_id: &str, by: &str| {
        let substitute = Substitute {
            item_id: item_id.to_owned(),
            stated_by_id: by.to_owned(),
        };
        let item = rapid(Item {
            substitutes: vec![substitute],
            ..Item::default()
        });
        amend(item, &["substitutes"])
    };
    Story::new()
        .when(instead("NOTHING", "MOH"))
        .refused("UNKNOWN_ITEM");
    Story::new()
        .when(instead("PCR", "NOBODY"))
        .refused("UNKNOWN_ORGANISATION");
    Story::new().when(instead("PCR", "MOH")).accepted();
}

#[test]
fn frost_and_temperatures_agree() {
    let range = |low, high| {
        Some(StorageRange {
            minimum_millicelsius: low,
            maximum_millicelsius: high,
        })
    };
    let kept = |storage, freezing: Option<Freezing>| {
        RegisterItem(Item {
            storage,
            freezing: freezing.map(Into::into),
            ..item("NEW", "TEST", Tracking::Batch, true)
        })
    };
    let (never, always) = (Some(Freezing::Never), Some(Freezing::Always));
    for good in [
        kept(range(0, 8_000), never),
        kept(range(-25_000, 0), always),
        kept(range(-25_000, 8_000), None),
        kept(None, never),
        kept(None, always),
    ] {
        Story::new().when(good).accepted();
    }
    for bad in [
        kept(range(-1, 8_000), never),
        kept(range(-25_000, 1), always),
    ] {
        Story::new().when(bad).refused("FREEZING_CONTRADICTED");
    }
    // Each field by itself is right.
    let story = Story::new().after(kept(range(-25_000, 8_000), None));
    let frozen = Item {
        item_id: "NEW".to_owned(),
        freezing: Some(Freezing::Always.into()),
        ..Item::default()
    };
    story
        .clone()
        .when(amend(frozen.clone(), &["freezing"]))
        .refused("FREEZING_CONTRADICTED")
        .saying(&["ALWAYS", "NEW", "-25000 to 8000"]);
    let both = Item {
        storage: range(-25_000, -15_000),
        ..frozen
    };
    story.when(amend(both, &["freezing", "storage"])).accepted();
}

#[test]
fn what_must_stay_frozen_goes_where_there_is_a_freezer() {
    let place = |freezer: Option<bool>| {
        let mut place = Facility {
            site: Some(SiteData {
                freezer,
                ..SiteData::default()
            }),
            ..facility("COLD", "KZ-62")
        };
        place.kind = FacilityKind::Warehouse.into();
        place
    };
    let frozen = rapid(Item {
        freezing: Some(Freezing::Always.into()),
        ..Item::default()
    });
    let story = |freezer| {
        let mut shipment = ship("S1", &[("RAPID", 4)]);
        shipment.destination_id = code("COLD");
        Story::new()
            .after(amend(frozen.clone(), &["freezing"]))
            .after(RegisterFacility(place(freezer)))
            .after(pledge("D1", &[("TEST", 9)]))
            .after(receive("D1", vec![line("RAPID", 9, "B1")]))
            .after(shipment)
    };
    story(Some(true)).when(allocate("S1")).accepted();
    story(None).when(allocate("S1")).accepted();
    story(Some(false))
        .when(allocate("S1"))
        .refused("SITE_UNFIT")
        .saying(&["FREEZER", "must stay frozen"]);
    let mut answered = allocate("S1");
    answered.fit_override = Some(FitOverride {
        authorised_by_ref: "person:7".to_owned(),
        reason: 1,
    });
    story(Some(false)).when(answered).accepted();
}

fn told(index: usize, pack_id: &str, contents: Contents) -> InPacks {
    InPacks {
        path: format!("lines[{index}]"),
        index,
        pack_id: code(pack_id),
        contents,
    }
}

fn of_rapid(index: usize, pack_id: &str) -> InPacks {
    told(index, pack_id, Contents::Item(code("RAPID")))
}

fn receipt(lines: Vec<ReceiptLine>, in_packs: Vec<InPacks>) -> Packed<ReceiveDonation> {
    Packed::new(receive("D1", lines), in_packs, |it, index| {
        Some(&mut it.lines.get_mut(index)?.quantity)
    })
}

fn boxed() -> Story {
    let packs = vec![pack("BOX", 25, ""), pack("CASE", 500, "")];
    Story::new()
        .after(amend(with_packs(packs), &["packs"]))
        .after(pledge("D1", &[("TEST", 90_000)]))
}

fn on_hand(story: &Story, facility_id: &str) -> i64 {
    let boundary = Boundary::Stock(code(facility_id), code("RAPID"));
    match story.read(&boundary) {
        Entry::Stock(level, _) => level.lots.iter().map(|lot| lot.on_hand).sum(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_told_in_packs_is_recorded_in_base_units() {
    let lines = vec![
        line("RAPID", 3, "B1"),
        line("RAPID", 7, "B2"),
        line("RAPID", 2, "B3"),
    ];
    let in_packs = vec![of_rapid(0, "BOX"), of_rapid(2, "CASE")];
    let story = boxed().after(receipt(lines, in_packs));
    assert_eq!(on_hand(&story, "WH"), 3 * 25 + 7 + 2 * 500);
    // By its batch, with the box of that day.
    let bigger = with_packs(vec![pack("BOX", 30, "")]);
    let story = story.after(amend(bigger, &["packs"]));
    let in_box = vec![told(0, "BOX", Contents::Batch(code("B3")))];
    let lost = Packed::new(lose("B3", 2), in_box, |it, _| match &mut it.change {
        Change::Increase(quantity) | Change::Decrease(quantity) => Some(quantity),
    });
    let story = story.after(lost);
    assert_eq!(on_hand(&story, "WH"), 3 * 25 + 7 + 2 * 500 - 60);
    // By the line of a shipment.
    let story = story
        .after(ship("S1", &[("RAPID", 70)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    let arrived = arrive_with("S1", vec![found(1, 2, ReceiptOutcome::Good)]);
    let of_line = told(0, "BOX", Contents::ShipmentLine(code("S1"), 1));
    let arrived = Packed::new(arrived, vec![of_line], |it, index| {
        Some(&mut it.lines.as_mut()?.get_mut(index)?.quantity)
    });
    let story = story.after(arrived);
    assert_eq!(on_hand(&story, "HOSP"), 60);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_pack_that_the_item_does_not_come_in_is_refused_with_those_it_does() {
    let once = |pack_id: &str| receipt(vec![line("RAPID", 3, "B1")], vec![of_rapid(0, pack_id)]);
    boxed()
        .when(once("CRATE"))
        .refused("UNKNOWN_PACK")
        .saying(&["lines[0].pack_id", "CRATE", "BOX (25), CASE (500)"]);
    Story::new()
        .after(pledge("D1", &[("TEST", 9)]))
        .when(once("BOX"))
        .refused("UNKNOWN_PACK")
        .saying(&["are: none"]);
    // What is missing, and what does not allow it, is told first.
    Story::new().when(once("BOX")).refused("UNKNOWN_DONATION");
    let nameless = told(0, "BOX", Contents::Item(code("NOTHING")));
    boxed()
        .when(receipt(vec![line("NOTHING", 3, "B1")], vec![nameless]))
        .refused("UNKNOWN_ITEM");
    // More than anything can hold.
    let huge = vec![line("RAPID", MAX_QUANTITY / 500 + 1, "B1")];
    boxed()
        .when(receipt(huge, vec![of_rapid(0, "CASE")]))
        .refused("PACKS_OVERFLOW")
        .saying(&["lines[0].pack_id", "CASE of 500"]);
}

proptest! {
    /// However a quantity is told, the same comes of it.
    #[test]
    fn packs_and_base_units_say_the_same(packs in 1..3_000_i64, factor in 2..30_i64) {
        let story = Story::new()
            .after(amend(with_packs(vec![pack("BOX", factor, "")]), &["packs"]))
            .after(pledge("D1", &[("TEST", 90_000)]));
        let in_boxes = receipt(vec![line("RAPID", packs, "B1")], vec![of_rapid(0, "BOX")]);
        let in_units = receive("D1", vec![line("RAPID", packs * factor, "B1")]);
        prop_assert_eq!(story.decide(&in_boxes), story.decide(&in_units));
    }
}
