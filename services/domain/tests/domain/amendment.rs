//! What the registry says changes, with its day; nothing is deleted.

use std::collections::BTreeSet;

use keruen_domain::{
    Boundary, Entry,
    registry::{
        Amend, AssignFacilityRegion, CloseFacility, RegisterFacility, RegisterItem,
        RegisterOrganisation, ReopenFacility, Retire, Rule, SetMinimumReserve, Thing, closure_on,
    },
};
use keruen_proto::registry::v1::{
    Accessory, ClosureReason, Commodity, Crew, ExternalId, Facility, FacilityAmended,
    FacilityClosed, FacilityRegionAssigned, FacilityReopened, Item, ItemRetired, LocalizedText,
    MinimumReserve, MinimumReserveSet, Organisation, OrganisationAmended, OrganisationKind,
    RegionAssignment, Retirement, RetirementReason, Tracking, Vehicle, Volunteer,
};
use prost::Message as _;

use crate::{story::Story, world::*};

fn key(scheme: &str, value: &str) -> ExternalId {
    ExternalId {
        scheme: scheme.to_owned(),
        value: value.to_owned(),
    }
}

pub fn retire(subject: Boundary) -> Retire {
    Retire {
        subject,
        reason: RetirementReason::Discontinued,
        retired_on: None,
        successor: None,
        documents: Vec::new(),
    }
}

fn retire_for(subject: Boundary, successor: Boundary) -> Retire {
    Retire {
        successor: Some(successor),
        ..retire(subject)
    }
}

pub fn close(facility_id: &str) -> CloseFacility {
    CloseFacility {
        facility_id: code(facility_id),
        closed_on: None,
        reason: ClosureReason::Repair,
        documents: Vec::new(),
    }
}

pub fn reopen(facility_id: &str) -> ReopenFacility {
    ReopenFacility {
        facility_id: code(facility_id),
        reopened_on: None,
    }
}

pub fn move_to(facility_id: &str, region_id: &str, day: &str) -> AssignFacilityRegion {
    AssignFacilityRegion {
        facility_id: code(facility_id),
        region_id: code(region_id),
        valid_from: date(day),
    }
}

fn keep(facility_id: &str, commodity_id: &str, amount: i64) -> SetMinimumReserve {
    SetMinimumReserve {
        facility_id: code(facility_id),
        commodity_id: code(commodity_id),
        quantity: (amount > 0).then(|| quantity(amount)),
    }
}

pub fn amend<T>(thing: T, fields: &[&str]) -> Amend<T> {
    Amend {
        thing,
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    }
}

fn organisation_with(id: &str, keys: Vec<ExternalId>) -> Organisation {
    Organisation {
        external_ids: keys,
        ..organisation(id, OrganisationKind::Charity)
    }
}

fn read_facility(story: &Story, id: &str) -> Facility {
    match story.read(&Boundary::Facility(code(id))) {
        Entry::Facility(facility) => facility,
        other => panic!("{other:?}"),
    }
}

fn fields_of(message: &str) -> BTreeSet<String> {
    let set = prost_types::FileDescriptorSet::decode(keruen_proto::FILE_DESCRIPTOR_SET)
        .expect("descriptors");
    let registry = set
        .file
        .iter()
        .filter(|file| file.package() == "keruen.registry.v1");
    let found = registry
        .flat_map(|file| &file.message_type)
        .find(|known| known.name() == message);
    let fields = &found.expect("the message").field;
    fields.iter().map(|it| it.name().to_owned()).collect()
}

fn rules_of<T: Thing>() -> BTreeSet<String> {
    T::RULES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

#[test]
fn the_table_says_of_every_field_whether_it_may_change() {
    assert_eq!(rules_of::<Organisation>(), fields_of("Organisation"));
    assert_eq!(rules_of::<Facility>(), fields_of("Facility"));
    assert_eq!(rules_of::<Commodity>(), fields_of("Commodity"));
    assert_eq!(rules_of::<Item>(), fields_of("Item"));
    assert_eq!(rules_of::<Vehicle>(), fields_of("Vehicle"));
    assert_eq!(rules_of::<Volunteer>(), fields_of("Volunteer"));
    assert_eq!(rules_of::<Crew>(), fields_of("Crew"));
}

/// What never changes, so that what is recorded keeps its meaning.
#[test]
fn what_records_rest_on_never_changes() {
    fn fixed<T: Thing>() -> Vec<&'static str> {
        let fixed = T::RULES
            .iter()
            .filter(|(_, rule)| matches!(rule, Rule::Fixed(_)));
        fixed.map(|(name, _)| *name).collect()
    }
    assert_eq!(
        fixed::<Organisation>(),
        ["organisation_id", "retired", "verifications"]
    );
    assert_eq!(
        fixed::<Facility>(),
        ["facility_id", "regions", "closures", "retired"]
    );
    assert_eq!(
        fixed::<Commodity>(),
        ["commodity_id", "base_unit", "retired"]
    );
    assert_eq!(
        fixed::<Item>(),
        ["item_id", "commodity_id", "tracking", "retired"]
    );
    assert_eq!(fixed::<Vehicle>(), ["vehicle_id", "retired"]);
    assert_eq!(
        fixed::<Volunteer>(),
        ["volunteer_id", "person_ref", "assignments", "retired"]
    );
    assert_eq!(fixed::<Crew>(), ["crew_id", "assignments", "retired"]);
    for field in fixed::<Item>() {
        Story::new()
            .when(amend(item("CONC", "TEST", Tracking::Batch, true), &[field]))
            .refused("FIELD_FIXED")
            .saying(&[field, "CONC"]);
    }
    // A maker and model that were never stated may be filled in, once.
    let nameless = Item {
        model: String::new(),
        ..item("NEW", "TEST", Tracking::Batch, false)
    };
    let filled = Item {
        model: "M-1".to_owned(),
        ..nameless.clone()
    };
    let renamed = Item {
        model: "M-2".to_owned(),
        ..nameless.clone()
    };
    let story = Story::new()
        .after(RegisterItem(nameless))
        .after(amend(filled, &["model"]));
    story
        .clone()
        .when(amend(renamed, &["model"]))
        .refused("FIELD_FIXED")
        .saying(&["register another item"]);
    let same = Item {
        manufacturer: "Maker".to_owned(),
        model: "M-1".to_owned(),
        ..item("OTHER", "TEST", Tracking::Batch, false)
    };
    story.when(RegisterItem(same)).refused("MODEL_EXISTS");
}

#[test]
fn an_amendment_says_what_changed_and_nothing_else() {
    let after = Organisation {
        name: Some(name("Kaspi Bank")),
        ..organisation("KASPI", OrganisationKind::Donor)
    };
    let with_other_kinds = Organisation {
        kinds: vec![OrganisationKind::Carrier.into()],
        ..after.clone()
    };
    let story = Story::new()
        .when(amend(with_other_kinds, &["name"]))
        .then([OrganisationAmended {
            organisation: Some(after.clone()),
            changed: vec!["name".to_owned()],
            released: Vec::new(),
        }
        .into()]);
    assert_eq!(
        story.read(&Boundary::Organisation(code("KASPI"))),
        Entry::Organisation(after.clone())
    );
    story
        .clone()
        .when(amend(after.clone(), &["name", "kinds"]))
        .refused("NOTHING_CHANGES");
    story
        .clone()
        .when(amend(after, &["colour"]))
        .refused("UNKNOWN_FIELD")
        .saying(&["fields[0]", "colour", "name, kinds, external_ids"]);
    story
        .when(amend(
            organisation("NOBODY", OrganisationKind::Donor),
            &["name"],
        ))
        .refused("UNKNOWN_ORGANISATION");
}

/// Two who amend different fields both have their way.
#[test]
fn amendments_of_different_fields_add_up() {
    let site = keruen_proto::registry::v1::SiteData {
        mains_voltage_v: 230,
        ..Default::default()
    };
    let with_site = Facility {
        site: Some(site.clone()),
        ..facility("HOSP", "KZ-75")
    };
    let renamed = Facility {
        name: Some(LocalizedText {
            en: "Hospital 1".to_owned(),
            ..LocalizedText::default()
        }),
        ..facility("HOSP", "KZ-75")
    };
    let story = Story::new()
        .after(amend(with_site, &["site"]))
        .after(amend(renamed, &["name"]));
    let found = read_facility(&story, "HOSP");
    assert_eq!(found.site, Some(site));
    assert_eq!(found.name, Some(name("Hospital 1")));
    assert_eq!(found.regions[0].region_id, "KZ-62");
}

/// What is known of a site changes part by part: who tells the altitude says nothing of the mains.
#[test]
fn a_part_of_a_site_changes_by_itself() {
    use keruen_proto::{
        Event,
        registry::v1::{SiteData, SiteNeeds},
    };
    let hospital = |site: SiteData| Facility {
        site: Some(site),
        ..facility("HOSP", "KZ-75")
    };
    let mains = SiteData {
        mains_voltage_v: 230,
        oxygen_supply: Some(true),
        ..SiteData::default()
    };
    let high = SiteData {
        altitude_m: Some(1_900),
        // Not named, so it means nothing.
        mains_voltage_v: 110,
        ..SiteData::default()
    };
    let story = Story::new()
        .after(amend(hospital(mains), &["site"]))
        .after(amend(hospital(high.clone()), &["site.altitude_m"]));
    let expected = SiteData {
        mains_voltage_v: 230,
        oxygen_supply: Some(true),
        altitude_m: Some(1_900),
        ..SiteData::default()
    };
    assert_eq!(read_facility(&story, "HOSP").site, Some(expected));
    let Some(Event::FacilityAmended(event)) = story.events.last() else {
        panic!("amended")
    };
    assert_eq!(event.changed, ["site"]);
    // Emptied part by part, nothing is known of it any more.
    let parts = [
        "site.mains_voltage_v",
        "site.oxygen_supply",
        "site.altitude_m",
    ];
    let empty = amend(hospital(SiteData::default()), &parts);
    let emptied = story.clone().after(empty);
    assert_eq!(read_facility(&emptied, "HOSP").site, None);
    let unknown = amend(hospital(SiteData::default()), &["site.colour"]);
    story
        .clone()
        .when(unknown)
        .refused("UNKNOWN_FIELD")
        .saying(&["site.colour", "site.altitude_m"]);
    let same = amend(hospital(high.clone()), &["site.altitude_m"]);
    story.clone().when(same).refused("NOTHING_CHANGES");
    // So with what an item needs.
    let needing = |needs: SiteNeeds| Item {
        site_needs: Some(needs),
        ..item("CONC", "OXYGEN", Tracking::Serial, false)
    };
    let volts = SiteNeeds {
        mains_voltage_v: 230,
        ..SiteNeeds::default()
    };
    let hours = SiteNeeds {
        backup_power_hours: 4,
        ..SiteNeeds::default()
    };
    let story = story
        .after(amend(needing(volts), &["site_needs"]))
        .after(amend(needing(hours), &["site_needs.backup_power_hours"]));
    let Some(Event::ItemAmended(event)) = story.events.last() else {
        panic!("amended")
    };
    let needs = event.item.as_ref().and_then(|item| item.site_needs);
    assert_eq!(
        needs.map(|it| (it.mains_voltage_v, it.backup_power_hours)),
        Some((230, 4))
    );
}

#[test]
fn an_amendment_names_what_exists_and_is_in_use() {
    let run_by = |operator: &str| Facility {
        operator_id: operator.to_owned(),
        ..facility("HOSP", "KZ-62")
    };
    Story::new()
        .when(amend(run_by("NOBODY"), &["operator_id"]))
        .refused("UNKNOWN_ORGANISATION");
    let story = Story::new().after(retire(Boundary::Organisation(code("HELP"))));
    story
        .clone()
        .when(amend(run_by("HELP"), &["operator_id"]))
        .refused("RETIRED")
        .saying(&["organisation HELP"]);
    // What it named before may be retired since.
    let story = story.after(retire(Boundary::Organisation(code("MOH"))));
    let renamed = Facility {
        name: Some(name("Other")),
        ..facility("HOSP", "KZ-62")
    };
    story.when(amend(renamed, &["name"])).accepted();
    let with = |accessory: &str| Item {
        accessories: vec![Accessory {
            item_id: accessory.to_owned(),
            quantity: 1,
        }],
        ..item("CONC", "OXYGEN", Tracking::Serial, false)
    };
    Story::new()
        .when(amend(with("NOTHING"), &["accessories"]))
        .refused("UNKNOWN_ITEM");
    Story::new()
        .when(amend(with("GLOVE"), &["accessories"]))
        .accepted();
}

#[test]
fn what_is_retired_is_refused_from_its_day_on_with_what_to_use_instead() {
    let rapid = Boundary::Item(code("RAPID"));
    let story = Story::new()
        .after(ask("R1", &[("TEST", 5)]))
        .after(pledge("D1", &[("TEST", 9)]))
        .when(retire_for(rapid.clone(), Boundary::Item(code("PCR"))))
        .then([ItemRetired {
            item_id: "RAPID".to_owned(),
            retirement: Some(Retirement {
                retired_on: "2020-04-10".to_owned(),
                reason: RetirementReason::Discontinued.into(),
                successor_id: "PCR".to_owned(),
            }),
            documents: Vec::new(),
        }
        .into()]);
    let mut wanted = ask("R2", &[("TEST", 5)]);
    wanted.lines[0].item_id = Some(code("RAPID"));
    story
        .clone()
        .when(wanted.clone())
        .refused("RETIRED")
        .saying(&["item RAPID", "2020-04-10", "use PCR instead"]);
    let mut promised = pledge("D2", &[("TEST", 5)]);
    promised.lines[0].item_id = Some(code("RAPID"));
    story.clone().when(promised).refused("RETIRED");
    // What happened before that day may be told late.
    story.clone().late(86_400).when(wanted).accepted();
    // Facts are taken, and what is left is used up.
    story
        .clone()
        .after(receive("D1", vec![line("RAPID", 9, "B1")]))
        .after(ship("S1", &[("RAPID", 4)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(consume("RAPID", 5));
    story.clone().when(retire(rapid.clone())).refused("RETIRED");
    let renamed = Item {
        name: Some(name("Other")),
        ..item("RAPID", "TEST", Tracking::Batch, true)
    };
    story
        .clone()
        .when(amend(renamed, &["name"]))
        .refused("RETIRED");
    story
        .when(retire_for(Boundary::Item(code("PCR")), rapid))
        .refused("RETIRED")
        .saying(&["RAPID"]);
}

#[test]
fn a_retirement_names_another_thing() {
    let rapid = || Boundary::Item(code("RAPID"));
    Story::new()
        .when(retire_for(rapid(), rapid()))
        .refused("SUCCESSOR_IS_ITSELF");
    Story::new()
        .when(retire_for(rapid(), Boundary::Item(code("NOTHING"))))
        .refused("UNKNOWN_ITEM");
    Story::new()
        .when(retire(Boundary::Commodity(code("NOTHING"))))
        .refused("UNKNOWN_COMMODITY");
}

#[test]
fn a_retirement_may_be_announced() {
    let later = Retire {
        retired_on: Some(date("2020-05-01")),
        ..retire(Boundary::Organisation(code("KASPI")))
    };
    let story = Story::new().after(later);
    story
        .clone()
        .on("2020-04-30")
        .when(pledge("D1", &[("TEST", 1)]))
        .accepted();
    story
        .on("2020-05-01")
        .when(pledge("D1", &[("TEST", 1)]))
        .refused("RETIRED");
}

#[test]
fn retired_organisations_and_commodities_take_no_part() {
    let story = Story::new()
        .after(pledge("D1", &[("TEST", 9)]))
        .after(receive("D1", vec![line("RAPID", 9, "B1")]))
        .after(ship("S1", &[("RAPID", 4)]))
        .after(allocate("S1"))
        .after(retire(Boundary::Organisation(code("CREW"))))
        .after(retire(Boundary::Commodity(code("GLOVES"))));
    story.clone().when(dispatch("S1")).refused("RETIRED");
    story
        .clone()
        .when(ask("R1", &[("GLOVES", 1)]))
        .refused("RETIRED")
        .saying(&["commodity GLOVES"]);
    story
        .clone()
        .when(RegisterItem(item("NEW", "GLOVES", Tracking::Batch, false)))
        .refused("RETIRED");
    let mut new = facility("NEW", "KZ-75");
    new.operator_id = "CREW".to_owned();
    story.clone().when(RegisterFacility(new)).refused("RETIRED");
    story
        .clone()
        .when(keep("HOSP", "GLOVES", 5))
        .refused("RETIRED");
}

#[test]
fn a_facility_moves_to_a_region_that_exists_on_that_day() {
    let story = Story::new()
        .when(move_to("FAR", "KZ-71", "2021-03-01"))
        .then([FacilityRegionAssigned {
            facility_id: "FAR".to_owned(),
            assignment: Some(RegionAssignment {
                region_id: "KZ-71".to_owned(),
                valid_from: "2021-03-01".to_owned(),
            }),
        }
        .into()]);
    story
        .clone()
        .when(move_to("FAR", "KZ-62", "2022-06-07"))
        .refused("REGION_NOT_VALID")
        .saying(&["KZ-62", "2022-06-07", "2022-06-08", "KZ-35"]);
    story
        .clone()
        .when(move_to("FAR", "KZ-99", "2022-06-08"))
        .refused("UNKNOWN_REGION");
    story
        .clone()
        .when(move_to("FAR", "KZ-71", "2021-04-01"))
        .refused("NOTHING_CHANGES");
    // A day in between, and another region on the same day.
    let story = story
        .after(move_to("FAR", "KZ-62", "2022-06-08"))
        .after(move_to("FAR", "KZ-35", "2020-12-01"))
        .after(move_to("FAR", "KZ-75", "2021-03-01"));
    let regions: Vec<(String, String)> = read_facility(&story, "FAR")
        .regions
        .into_iter()
        .map(|it| (it.valid_from, it.region_id))
        .collect();
    let regions: Vec<(&str, &str)> = regions
        .iter()
        .map(|(day, region)| (day.as_str(), region.as_str()))
        .collect();
    assert_eq!(
        regions,
        [
            ("", "KZ-10"),
            ("2020-12-01", "KZ-35"),
            ("2021-03-01", "KZ-75"),
            ("2022-06-08", "KZ-62")
        ]
    );
    let mut early = facility("NEW", "KZ-35");
    early.regions.push(RegionAssignment {
        region_id: "KZ-62".to_owned(),
        valid_from: "2020-01-01".to_owned(),
    });
    Story::new()
        .when(RegisterFacility(early))
        .refused("REGION_NOT_VALID")
        .saying(&["facility.regions[1].region_id"]);
}

#[test]
fn a_facility_moves_a_bounded_number_of_times() {
    let mut story = Story::new();
    for number in 0..999_u64 {
        let day = date("2023-01-01") + chrono::Days::new(number);
        let region = ["KZ-71", "KZ-75"][usize::from(number % 2 == 0)];
        story = story.after(move_to("FAR", region, &day.to_string()));
    }
    story
        .when(move_to("FAR", "KZ-35", "2026-01-01"))
        .refused("TOO_MANY_ENTRIES")
        .saying(&["1000 moves"]);
}

#[test]
fn nothing_new_is_planned_for_a_closed_facility() {
    let stocked = Story::new()
        .after(pledge("D1", &[("TEST", 9)]))
        .after(receive("D1", vec![line("RAPID", 9, "B1")]))
        .after(ship("S1", &[("RAPID", 4)]))
        .after(ship("S2", &[("RAPID", 4)]))
        .after(allocate("S2"));
    let story = stocked.when(close("HOSP")).then([FacilityClosed {
        facility_id: "HOSP".to_owned(),
        closed_on: "2020-04-10".to_owned(),
        reason: ClosureReason::Repair.into(),
        documents: Vec::new(),
    }
    .into()]);
    story
        .clone()
        .when(ask("R1", &[("TEST", 5)]))
        .refused("FACILITY_CLOSED")
        .saying(&["HOSP", "2020-04-10", "REPAIR"]);
    story
        .clone()
        .when(ship("S3", &[("RAPID", 1)]))
        .refused("FACILITY_CLOSED");
    story
        .clone()
        .when(allocate("S1"))
        .refused("FACILITY_CLOSED");
    story.clone().when(close("HOSP")).refused("FACILITY_CLOSED");
    // What is on its way arrives.
    story.clone().after(dispatch("S2")).after(arrive("S2"));
    // What is left at a closed place is brought away.
    story
        .clone()
        .after(reopen("HOSP"))
        .after(close("WH"))
        .after(allocate("S1"));
    let story = story
        .on("2020-04-20")
        .when(reopen("HOSP"))
        .then([FacilityReopened {
            facility_id: "HOSP".to_owned(),
            reopened_on: "2020-04-20".to_owned(),
        }
        .into()]);
    story.clone().when(allocate("S1")).accepted();
    story
        .clone()
        .when(reopen("HOSP"))
        .refused("FACILITY_NOT_CLOSED");
    let closed = read_facility(&story, "HOSP");
    for (day, is_closed) in [
        ("2020-04-09", false),
        ("2020-04-10", true),
        ("2020-04-19", true),
        ("2020-04-20", false),
    ] {
        assert_eq!(closure_on(&closed, date(day)).is_some(), is_closed, "{day}");
    }
    let before = CloseFacility {
        closed_on: Some(date("2020-04-19")),
        ..close("HOSP")
    };
    story
        .clone()
        .when(before)
        .refused("CLOSURE_OUT_OF_ORDER")
        .saying(&["closed_on", "2020-04-20"]);
    let later = CloseFacility {
        closed_on: Some(date("2020-06-01")),
        ..close("HOSP")
    };
    let announced = story.after(later);
    announced.clone().when(ask("R1", &[("TEST", 5)])).accepted();
    announced
        .on("2020-06-01")
        .when(ask("R1", &[("TEST", 5)]))
        .refused("FACILITY_CLOSED");
}

#[test]
fn a_retired_facility_gets_nothing_new() {
    let story = Story::new().after(retire_for(
        Boundary::Facility(code("HOSP")),
        Boundary::Facility(code("FAR")),
    ));
    for outcome in [
        story.clone().when(ask("R1", &[("TEST", 5)])),
        story.clone().when(ship("S1", &[("RAPID", 1)])),
    ] {
        outcome
            .refused("RETIRED")
            .saying(&["facility HOSP", "use FAR instead"]);
    }
    for outcome in [
        story.clone().when(close("HOSP")),
        story.clone().when(reopen("HOSP")),
        story.clone().when(move_to("HOSP", "KZ-75", "2023-01-01")),
        story.clone().when(keep("HOSP", "TEST", 5)),
    ] {
        outcome.refused("RETIRED");
    }
}

#[test]
fn a_minimum_reserve_is_set_and_lifted() {
    let story = Story::new()
        .when(keep("HOSP", "TEST", 500))
        .then([MinimumReserveSet {
            facility_id: "HOSP".to_owned(),
            reserve: Some(MinimumReserve {
                commodity_id: "TEST".to_owned(),
                quantity: 500,
            }),
        }
        .into()]);
    story
        .clone()
        .when(keep("HOSP", "TEST", 500))
        .refused("NOTHING_CHANGES");
    story
        .clone()
        .when(keep("HOSP", "NOTHING", 5))
        .refused("UNKNOWN_COMMODITY");
    let story = story
        .after(keep("HOSP", "GLOVES", 5))
        .after(keep("HOSP", "TEST", 0));
    let reserves = read_facility(&story, "HOSP").minimum_reserves;
    assert_eq!(reserves.len(), 1);
    assert_eq!(reserves[0].commodity_id, "GLOVES");
    story
        .when(keep("HOSP", "TEST", 0))
        .refused("NOTHING_CHANGES");
}

#[test]
fn a_key_of_another_system_belongs_to_one_thing_of_a_kind() {
    let bin = || key("BIN", "971240001315");
    let story = Story::new().after(RegisterOrganisation(organisation_with("A", vec![bin()])));
    let second = || RegisterOrganisation(organisation_with("B", vec![key("X", "1"), bin()]));
    story
        .clone()
        .when(second())
        .refused("EXTERNAL_ID_TAKEN")
        .saying(&["BIN", "971240001315", "organisation A"]);
    story
        .clone()
        .when(amend(
            organisation_with("HELP", vec![bin()]),
            &["external_ids"],
        ))
        .refused("EXTERNAL_ID_TAKEN");
    // Things of another kind have keys of their own.
    let mut place = facility("NEW", "KZ-75");
    place.external_ids.push(bin());
    story.clone().when(RegisterFacility(place)).accepted();
    // What is given up, or belongs to something retired, is free.
    let without = amend(organisation_with("A", Vec::new()), &["external_ids"]);
    let given_up = story.clone().after(without).after(second());
    let retired = story
        .after(retire(Boundary::Organisation(code("A"))))
        .after(second());
    for story in [given_up, retired] {
        let boundary = Boundary::key(
            keruen_proto::registry::v1::RegistryKind::Organisation,
            &bin(),
        );
        let Entry::Key(holder) = story.read(&boundary.expect("a key")) else {
            panic!("a key")
        };
        assert_eq!(holder.holder_id, "B");
    }
}

#[test]
fn a_gtin_is_one_key_however_it_is_written() {
    let with = |id: &str, gtin: &str| Item {
        gtin: gtin.to_owned(),
        ..item(id, "TEST", Tracking::Batch, false)
    };
    let story = Story::new().after(RegisterItem(with("A", "4006381333931")));
    for gtin in ["4006381333931", "04006381333931"] {
        story
            .clone()
            .when(RegisterItem(with("B", gtin)))
            .refused("EXTERNAL_ID_TAKEN");
    }
    let listed = Item {
        external_ids: vec![key("GTIN", "4006381333931")],
        ..item("B", "TEST", Tracking::Batch, false)
    };
    story
        .clone()
        .when(RegisterItem(listed))
        .refused("EXTERNAL_ID_TAKEN");
    story
        .after(amend(with("A", ""), &["gtin"]))
        .when(RegisterItem(with("B", "4006381333931")))
        .accepted();
}

#[test]
fn a_facility_amended_keeps_its_history() {
    let story = Story::new()
        .after(move_to("HOSP", "KZ-75", "2023-01-01"))
        .after(close("HOSP"))
        .after(reopen("HOSP"));
    let zone = Facility {
        time_zone: "Asia/Qyzylorda".to_owned(),
        ..facility("HOSP", "KZ-71")
    };
    let outcome = story.after(amend(zone, &["time_zone"]));
    let found = read_facility(&outcome, "HOSP");
    assert_eq!(found.time_zone, "Asia/Qyzylorda");
    assert_eq!(found.regions.len(), 2);
    assert_eq!(found.closures.len(), 1);
    let Some(keruen_proto::Event::FacilityAmended(FacilityAmended { changed, .. })) =
        outcome.events.last()
    else {
        panic!("amended")
    };
    assert_eq!(changed, &["time_zone"]);
}
