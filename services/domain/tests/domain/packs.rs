//! Packs, substitutes and frost: what an item comes in, what may be used instead, and how it is kept.

use keruen_domain::{
    Boundary, Entry,
    registry::{RegisterFacility, RegisterItem},
};
use keruen_proto::{
    inventory::v1::FitOverride,
    registry::v1::{
        ExternalId, Facility, FacilityKind, Freezing, Item, Pack, RegistryKind, SiteData,
        StorageRange, Substitute, Tracking,
    },
};

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
