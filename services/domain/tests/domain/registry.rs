//! The registry.

use keruen_domain::{
    RejectionKind,
    registry::{RegisterCommodity, RegisterFacility, RegisterItem, RegisterOrganisation},
};
use keruen_proto::registry::v1::{
    Accessory, CommodityRegistered, ExternalId, FacilityRegistered, Item, ItemRegistered,
    MinimumReserve, OrganisationKind, OrganisationRegistered, Tracking,
};

use crate::{story::Story, world::*};

#[test]
fn organisations_are_entered_once() {
    let new = organisation("NEW", OrganisationKind::Donor);
    Story::new()
        .when(RegisterOrganisation(new.clone()))
        .then([OrganisationRegistered {
            organisation: Some(new.clone()),
        }
        .into()])
        .when(RegisterOrganisation(new))
        .refused("ORGANISATION_EXISTS");
}

#[test]
fn nobody_may_be_called_unattributed() {
    Story::new()
        .when(RegisterOrganisation(organisation(
            "UNATTRIBUTED",
            OrganisationKind::Donor,
        )))
        .refused("RESERVED_ID");
}

#[test]
fn facilities_are_entered_once() {
    let new = facility("NEW", "KZ-71");
    Story::new()
        .when(RegisterFacility(new.clone()))
        .then([FacilityRegistered {
            facility: Some(new.clone()),
        }
        .into()])
        .when(RegisterFacility(new))
        .refused("FACILITY_EXISTS");
}

#[test]
fn facilities_name_what_exists() {
    let mut nowhere = facility("NEW", "KZ-71");
    nowhere.regions[0].region_id = "KZ-99".to_owned();
    Story::new()
        .when(RegisterFacility(nowhere))
        .refused("UNKNOWN_REGION")
        .saying(&["KZ-99"]);
    let mut ownerless = facility("NEW", "KZ-71");
    ownerless.operator_id = "NOBODY".to_owned();
    Story::new()
        .when(RegisterFacility(ownerless))
        .refused("UNKNOWN_ORGANISATION");
    let mut reserve = facility("NEW", "KZ-71");
    reserve.minimum_reserves.push(MinimumReserve {
        commodity_id: "NOTHING".to_owned(),
        quantity: 1,
    });
    Story::new()
        .when(RegisterFacility(reserve))
        .refused("UNKNOWN_COMMODITY");
}

#[test]
fn commodities_are_entered_once() {
    let new = commodity("NEW");
    Story::new()
        .when(RegisterCommodity(new.clone()))
        .then([CommodityRegistered {
            commodity: Some(new.clone()),
        }
        .into()])
        .when(RegisterCommodity(new))
        .refused("COMMODITY_EXISTS");
}

#[test]
fn items_are_entered_once() {
    let new = item("NEW", "TEST", Tracking::Batch, true);
    Story::new()
        .when(RegisterItem(new.clone()))
        .then([ItemRegistered {
            item: Some(new.clone()),
        }
        .into()])
        .when(RegisterItem(new))
        .refused("ITEM_EXISTS");
}

#[test]
fn a_model_is_one_item() {
    let same = Item {
        model: "CONC/1".to_owned(),
        ..item("NEW", "OXYGEN", Tracking::Serial, false)
    };
    let refusal = Story::new()
        .when(RegisterItem(same.clone()))
        .refused("MODEL_EXISTS")
        .saying(&["CONC"]);
    assert_eq!(refusal.0.kind(), RejectionKind::AlreadyExists);
    let nameless = Item {
        manufacturer: String::new(),
        tracking: Tracking::Batch.into(),
        ..same
    };
    Story::new().when(RegisterItem(nameless)).accepted();
}

#[test]
fn items_name_what_exists() {
    let without = item("NEW", "NOTHING", Tracking::Batch, true);
    Story::new()
        .when(RegisterItem(without))
        .refused("UNKNOWN_COMMODITY");
    let mut with = item("NEW", "TEST", Tracking::Batch, true);
    with.accessories.push(Accessory {
        item_id: "NOTHING".to_owned(),
        quantity: 1,
    });
    Story::new()
        .when(RegisterItem(with))
        .refused("UNKNOWN_ITEM");
}

#[test]
fn an_event_holds_64_kib() {
    let mut wordy = organisation("NEW", OrganisationKind::Donor);
    let external_id = ExternalId {
        scheme: "KEY".to_owned(),
        value: "X".repeat(64),
    };
    wordy.external_ids = vec![external_id; 1_000];
    Story::new()
        .when(RegisterOrganisation(wordy))
        .refused("EVENT_TOO_LARGE")
        .saying(&["at most 65536"]);
}
