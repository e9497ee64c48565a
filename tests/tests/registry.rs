//! Master data changes with its day, by the command line and on every view; nothing is deleted.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_proto::registry::v1::{
    AmendFacilityRequest, AmendItemRequest, AmendOrganisationRequest, Facility, Item, Organisation,
    Pack, RegisterFacilityRequest, Retirement, Substitute,
};
use keruen_tests::{
    message::{self, command_id},
    refused,
    scene::{CARRIER, HOSPITAL, MASK, MASK_A, NORTH, SOUTH},
    stage::Stage,
};
use serde_json::Value;
use tonic::Code;

/// Runs a line, as split at its spaces, and reads its JSON.
fn told(stage: &Stage, line: &str) -> Value {
    let arguments = line.split(' ').chain(["--format", "json"]);
    serde_json::from_str(&stage.node.cli(arguments).success()).expect(line)
}

fn refused_by(stage: &Stage, line: &str, says: &[&str]) {
    let told = stage.node.cli(line.split(' ')).refused(1);
    for part in says {
        assert!(told.contains(part), "{line}: {part:?} is not in: {told}");
    }
}

fn ids(rows: &Value, key: &str) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[key].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facility_is_amended_moved_closed_and_retired() {
    let mut stage = Stage::set().await;
    let amended = told(
        &stage,
        &format!(
            "facility amend {NORTH} --name-en North-1 --mains-voltage 230 --external-id GLN=4870000000005"
        ),
    );
    assert_eq!(amended["facility"]["name"]["en"], "North-1");
    let shown = told(&stage, &format!("facility get {NORTH}"));
    assert_eq!(shown["facility"], amended["facility"]);
    assert_eq!(shown["facility"]["site"]["mainsVoltageV"], 230);
    assert_eq!(shown["facility"]["operatorId"], "DONOR", "as it was");
    refused_by(
        &stage,
        &format!("facility amend {SOUTH} --external-id GLN=4870000000005"),
        &["EXTERNAL_ID_TAKEN", NORTH],
    );
    refused_by(
        &stage,
        &format!("facility amend {NORTH} --clear regions"),
        &["FIELD_FIXED", "assign the region"],
    );

    // Stock stands in the region that the place belongs to now.
    let by_region = |stage: &Stage| {
        let rows = told(stage, "stock --by region");
        ids(&rows, "region")
    };
    assert_eq!(by_region(&stage), ["KZ-71"]);
    told(
        &stage,
        &format!("facility assign-region {NORTH} KZ-62@2022-06-08"),
    );
    assert_eq!(by_region(&stage), ["KZ-62"]);
    refused_by(
        &stage,
        &format!("facility assign-region {NORTH} KZ-10@2022-06-07"),
        &["REGION_NOT_VALID", "KZ-63"],
    );

    let closed = told(
        &stage,
        &format!("facility close {HOSPITAL} --reason repair"),
    );
    let closures = closed["facility"]["closures"].as_array().unwrap();
    assert_eq!(closures.len(), 1);
    assert_eq!(closures[0]["reopenedOn"], "");
    let to_hospital = message::shipment("", NORTH, HOSPITAL, MASK_A, 1);
    refused!(stage.shipments.request_shipment(to_hospital.clone())).is(
        Code::FailedPrecondition,
        "FACILITY_CLOSED",
        &[("facility_id", HOSPITAL), ("retry_can_help", "true")],
        "REPAIR",
    );
    told(&stage, &format!("facility reopen {HOSPITAL}"));
    let reserve = format!("facility set-reserve {HOSPITAL} {MASK} 500");
    let reserve = told(&stage, &reserve);
    assert_eq!(reserve["facility"]["minimumReserves"][0]["quantity"], "500");

    let retire = format!("facility retire {HOSPITAL} --reason replaced --successor {SOUTH}");
    told(&stage, &retire);
    refused!(stage.shipments.request_shipment(to_hospital)).is(
        Code::FailedPrecondition,
        "RETIRED",
        &[("id", HOSPITAL), ("successor_id", SOUTH)],
        "use SOUTH instead",
    );
    let listed = ids(&told(&stage, "facility list"), "facilityId");
    assert_eq!(listed, [NORTH, SOUTH]);
    let listed = ids(&told(&stage, "facility list --retired"), "facilityId");
    assert_eq!(listed, [HOSPITAL, NORTH, SOUTH]);
    let page = stage.node.cli(["facility", "get", HOSPITAL]).success();
    for part in ["KZ-62", "closed on", "repair", "retired on", "replaced"] {
        assert!(page.contains(part), "{part} is not in:\n{page}");
    }

    // All of it stands in the log, and is told again by a node that has forgotten everything else.
    let before = told(&stage, "facility list --retired");
    stage.node.restart().await;
    assert_eq!(told(&stage, "facility list --retired"), before);
    stage.node.cli(["check"]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn items_organisations_and_commodities_are_amended_and_retired() {
    let stage = Stage::set().await;
    let amended = told(
        &stage,
        &format!("item amend {MASK_A} --gtin 4006381333931 --expires true --storage 2..8"),
    );
    assert_eq!(amended["item"]["gtin"], "4006381333931");
    assert_eq!(amended["item"]["storage"]["maximumMillicelsius"], 8_000);
    let again = told(&stage, &format!("item amend {MASK_A} --clear storage"));
    assert!(again["item"]["storage"].is_null());
    assert_eq!(again["item"]["expires"], true);
    refused_by(
        &stage,
        &format!("item amend {MASK_A} --clear storage"),
        &["NOTHING_CHANGES", MASK_A],
    );
    told(
        &stage,
        &format!("organisation amend {CARRIER} --kind carrier --kind charity --name-en Carrier"),
    );
    told(&stage, &format!("commodity amend {MASK} --name-en Masks"));
    told(
        &stage,
        &format!("item retire {MASK_A} --reason discontinued"),
    );
    refused_by(
        &stage,
        &format!("donation pledge --donor DONOR --line item={MASK_A},quantity=1"),
        &["RETIRED", MASK_A],
    );
    told(
        &stage,
        &format!("organisation retire {CARRIER} --reason dissolved"),
    );
    told(
        &stage,
        &format!("commodity retire {MASK} --reason replaced --successor PUMP --on 2999-01-01"),
    );
    for (line, key, found) in [
        ("item list", "itemId", 2),
        ("item list --retired", "itemId", 3),
        ("organisation list", "organisationId", 1),
        ("organisation list --retired", "organisationId", 2),
        ("commodity list", "commodityId", 1),
        ("commodity list --retired", "commodityId", 2),
    ] {
        assert_eq!(ids(&told(&stage, line), key).len(), found, "{line}");
    }
    // What is left of it is still used up.
    let consume = format!(
        "stock consume --facility {NORTH} --item {MASK_A} --quantity 100 --purpose patient"
    );
    told(&stage, &consume);
}

#[tokio::test(flavor = "multi_thread")]
async fn amendments_are_parsed_like_registrations() {
    let mut stage = Stage::set().await;
    let amend = |item: Item, fields: &[&str]| AmendItemRequest {
        command_id: command_id(),
        item: Some(Item {
            item_id: MASK_A.to_owned(),
            ..item
        }),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        ..AmendItemRequest::default()
    };
    refused!(stage.registry.amend_item(amend(Item::default(), &[])))
        .is_field("fields", "at least one");
    refused!(stage.registry.amend_item(amend(Item::default(), &["name"])))
        .is_field("item.name", "is missing");
    let mistyped = Item {
        gtin: "4006381333932".to_owned(),
        ..Item::default()
    };
    refused!(stage.registry.amend_item(amend(mistyped, &["gtin"])))
        .is_field("item.gtin", "check digit");
    refused!(
        stage
            .registry
            .amend_item(amend(Item::default(), &["tracking"]))
    )
    .is_field("fields[0]", "units in the books");
    refused!(
        stage
            .registry
            .amend_item(amend(Item::default(), &["colour"]))
    )
    .is_field("fields[0]", "fields are name");
    let zone = AmendFacilityRequest {
        command_id: command_id(),
        facility: Some(Facility {
            facility_id: NORTH.to_owned(),
            time_zone: "Asia/Nowhere".to_owned(),
            ..Facility::default()
        }),
        fields: vec!["time_zone".to_owned()],
        ..AmendFacilityRequest::default()
    };
    refused!(stage.registry.amend_facility(zone)).is_field("facility.time_zone", "IANA");
    let unknown = AmendOrganisationRequest {
        command_id: command_id(),
        organisation: Some(Organisation {
            organisation_id: "NOBODY".to_owned(),
            ..Organisation::default()
        }),
        fields: vec!["external_ids".to_owned()],
        ..AmendOrganisationRequest::default()
    };
    refused!(stage.registry.amend_organisation(unknown)).is(
        Code::NotFound,
        "UNKNOWN_ORGANISATION",
        &[("organisation_id", "NOBODY")],
        "NOBODY",
    );
    let retired = RegisterFacilityRequest {
        command_id: command_id(),
        facility: Some(Facility {
            retired: Some(Retirement::default()),
            ..message::facility(
                "NEW",
                keruen_proto::registry::v1::FacilityKind::Warehouse,
                "KZ-71",
            )
        }),
        ..RegisterFacilityRequest::default()
    };
    refused!(stage.registry.register_facility(retired))
        .is_field("facility.retired", "must be left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_is_verified_and_its_certificates_say_so() {
    let stage = Stage::set().await;
    told(
        &stage,
        "organisation verify DONOR --by CARRIER --on 2020-01-01 --document kind=certificate,number=REG-17",
    );
    told(
        &stage,
        "donation pledge --id D1 --donor DONOR --recipient CARRIER --line commodity=MASK,quantity=5",
    );
    let certificate = told(&stage, "donation certificate D1");
    let verification = &certificate["certificate"]["donorVerification"];
    assert_eq!(verification["verifiedById"], "CARRIER");
    assert_eq!(verification["documents"][0]["number"], "REG-17");
    assert!(certificate["certificate"]["recipientVerification"].is_null());
    let balance = told(&stage, "donation balance DONOR");
    assert_eq!(&balance["balance"]["donorVerification"], verification);
    let page = stage.node.cli(["donation", "certificate", "D1"]).success();
    assert!(
        page.contains("donor's verification") && page.contains("REG-17"),
        "{page}"
    );
    refused_by(
        &stage,
        "organisation verify DONOR --by DONOR --document kind=certificate,number=1",
        &["VERIFIED_BY_ITSELF", "papers"],
    );
    told(
        &stage,
        "organisation revoke-verification DONOR --reason licence-ended",
    );
    refused_by(
        &stage,
        "organisation revoke-verification DONOR --reason licence-ended",
        &["NOT_VERIFIED"],
    );
    let certificate = told(&stage, "donation certificate D1");
    assert!(certificate["certificate"]["donorVerification"].is_null());
    let page = stage.node.cli(["organisation", "get", "DONOR"]).success();
    for part in [
        "verified on",
        "2020-01-01",
        "licence-ended",
        "certificate REG-17",
    ] {
        assert!(page.contains(part), "{part} is not in:\n{page}");
    }
    let listed = stage
        .node
        .cli(["organisation", "list", "--format", "csv"])
        .success();
    let donor = listed.lines().find(|line| line.starts_with("DONOR"));
    assert!(donor.unwrap().contains(",CARRIER,2020-01-01,"), "{listed}");
    stage.node.cli(["check"]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_of_another_system_stands_for_is_found() {
    let stage = Stage::set().await;
    told(
        &stage,
        &format!(
            "item amend {MASK_A} --gtin 96385074 --pack BOX=25,gtin=4006381333931 --external-id BIN=971240001315"
        ),
    );
    told(
        &stage,
        "organisation amend DONOR --external-id BIN=971240001315",
    );
    told(
        &stage,
        &format!("facility amend {NORTH} --external-id GLN=4870000000005"),
    );
    told(
        &stage,
        &format!("commodity amend {MASK} --external-id UNSPSC=46182001"),
    );
    let found = |line: &str| {
        let rows = told(&stage, line);
        let rows = rows.as_array().unwrap().iter();
        let row = |row: &Value| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (
                text("kind"),
                text("holderId"),
                text("packId"),
                text("packQuantity"),
            )
        };
        rows.map(row).collect::<Vec<_>>()
    };
    let row = |kind: &str, id: &str, pack: &str, quantity: &str| {
        let kind = format!("REGISTRY_KIND_{kind}");
        (kind, id.to_owned(), pack.to_owned(), quantity.to_owned())
    };
    assert_eq!(
        found("find GTIN 00000096385074"),
        [row("ITEM", MASK_A, "", "0")]
    );
    for gtin in ["4006381333931", "04006381333931"] {
        assert_eq!(
            found(&format!("find GTIN {gtin}")),
            [row("ITEM", MASK_A, "BOX", "25")]
        );
    }
    assert_eq!(
        found("find GLN 4870000000005"),
        [row("FACILITY", NORTH, "", "0")]
    );
    assert_eq!(
        found("find UNSPSC 46182001"),
        [row("COMMODITY", MASK, "", "0")]
    );
    let both = [
        row("ORGANISATION", "DONOR", "", "0"),
        row("ITEM", MASK_A, "", "0"),
    ];
    assert_eq!(found("find BIN 971240001315"), both);
    assert_eq!(found("find BIN 971240001315 --kind item"), both[1..]);
    // What is retired keeps its key until somebody else takes it.
    told(
        &stage,
        &format!("item retire {MASK_A} --reason discontinued"),
    );
    let shown = stage.node.cli(["find", "GTIN", "96385074"]).success();
    assert!(
        shown.contains(MASK_A) && shown.contains("retired on"),
        "{shown}"
    );
    refused_by(
        &stage,
        "find GTIN 4006381333932",
        &["external_id.value", "check digit"],
    );
    refused_by(&stage, "find GLN 4006381333931", &["nothing has the GLN"]);
    refused_by(
        &stage,
        "find BIN 971240001315 --kind facility",
        &["nothing has the BIN"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_says_what_it_comes_in_and_what_to_use_instead() {
    let mut stage = Stage::set().await;
    let amended = told(
        &stage,
        &format!(
            "item amend {MASK_A} --pack BOX=25 --pack CASE=500 --substitute PUMP-A=DONOR --storage 2..8 --freezing never"
        ),
    );
    assert_eq!(amended["item"]["packs"][1]["quantity"], "500");
    let page = stage.node.cli(["item", "get", MASK_A]).success();
    for part in ["BOX", "may be used instead", "PUMP-A", "never"] {
        assert!(page.contains(part), "{part} is not in:\n{page}");
    }
    refused_by(
        &stage,
        &format!("item amend {MASK_A} --storage=-20..-15"),
        &["FREEZING_CONTRADICTED", "-20000 to -15000"],
    );
    let amend = |item: Item, field: &str| AmendItemRequest {
        command_id: command_id(),
        item: Some(Item {
            item_id: MASK_A.to_owned(),
            ..item
        }),
        fields: vec![field.to_owned()],
        ..AmendItemRequest::default()
    };
    let packs = |packs: &[(&str, i64)]| {
        let pack = |(pack_id, quantity): &(&str, i64)| Pack {
            pack_id: (*pack_id).to_owned(),
            quantity: *quantity,
            gtin: String::new(),
        };
        let item = Item {
            packs: packs.iter().map(pack).collect(),
            ..Item::default()
        };
        amend(item, "packs")
    };
    refused!(stage.registry.amend_item(packs(&[("BOX", 1)])))
        .is_field("item.packs[0].quantity", "2 or more");
    refused!(stage.registry.amend_item(packs(&[("BOX", 5), ("BOX", 6)])))
        .is_field("item.packs[1].pack_id", "found BOX again");
    refused!(stage.registry.amend_item(packs(&[("big box", 5)]))).is_field(
        "item.packs[0].pack_id",
        "must be written in capital letters",
    );
    let itself = Item {
        substitutes: vec![Substitute {
            item_id: MASK_A.to_owned(),
            stated_by_id: "DONOR".to_owned(),
        }],
        ..Item::default()
    };
    refused!(stage.registry.amend_item(amend(itself, "substitutes")))
        .is_field("item.substitutes[0].item_id", "another item");
}

/// How many of the item there are at a place.
fn level(stage: &Stage, facility: &str) -> i64 {
    let level = told(stage, &format!("stock level {facility} {MASK_A}"));
    let lots = level["stockLevel"]["lots"].as_array().unwrap();
    let on_hand = |lot: &Value| lot["onHand"].as_str().unwrap().parse::<i64>().unwrap();
    lots.iter().map(on_hand).sum()
}

/// What is done with packs at SOUTH, and how many base units are left there.
const IN_PACKS: &[(&str, i64)] = &[
    (
        "consume --facility SOUTH --item MASK-A --batch B1 --quantity 1 --pack BOX --purpose patient",
        178,
    ),
    (
        "dispose --facility SOUTH --batch B1 --quantity 1 --pack BOX --reason damaged",
        153,
    ),
    (
        "adjust --facility SOUTH --batch B1 --delta=-1 --pack BOX --reason lost",
        128,
    ),
    (
        "hold --facility SOUTH --batch B1 --quantity 1 --pack BOX --reason damaged",
        128,
    ),
    (
        "release --facility SOUTH --batch B1 --quantity 1 --pack BOX --override-by person:7 --override-reason held-by-mistake",
        128,
    ),
    (
        "transfer-title --facility SOUTH --batch B1 --to DONOR --quantity 1 --pack BOX --document kind=transfer-act,number=1",
        128,
    ),
    (
        "return --facility SOUTH --batch B1 --owner DONOR --quantity 1 --pack BOX --reason unsuitable",
        103,
    ),
    (
        "count --facility SOUTH --item MASK-A --kind cycle --line batch=B1,quantity=5,pack=BOX --line batch=B2,quantity=3 --found quantity=1,pack=BOX,owner=CARRIER",
        153,
    ),
    (
        "open --facility HOSPITAL --line item=MASK-A,quantity=2,pack=BOX,owner=DONOR",
        153,
    ),
];

/// A stage where masks come in packs, and eight boxes of them were received.
async fn boxed() -> Stage {
    let stage = Stage::set().await;
    told(&stage, "item amend MASK-A --pack BOX=25 --pack CASE=500");
    told(
        &stage,
        "donation pledge --id D1 --donor DONOR --recipient CARRIER --line item=MASK-A,quantity=4,pack=CASE",
    );
    told(
        &stage,
        "donation receive D1 --facility SOUTH --line item=MASK-A,quantity=8,pack=BOX,lot=L1,batch=B1 --line item=MASK-A,quantity=3,batch=B2",
    );
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn quantities_are_told_in_packs_and_recorded_in_base_units() {
    let stage = boxed().await;
    let donation = told(&stage, "donation get D1");
    let line = &donation["donation"]["lines"][0];
    assert_eq!(line["quantity"], "2000");
    assert_eq!(line["packId"], "");
    assert_eq!(level(&stage, SOUTH), 203);
    for (line, left) in IN_PACKS {
        told(&stage, &format!("stock {line}"));
        assert_eq!(level(&stage, SOUTH), *left, "{line}");
    }
    assert_eq!(level(&stage, HOSPITAL), 50);
    stage.node.cli(["check"]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_are_asked_for_shipped_and_refused() {
    let stage = boxed().await;
    told(
        &stage,
        "shipment request --id S1 --from SOUTH --to HOSPITAL --line item=MASK-A,quantity=2,pack=BOX",
    );
    told(&stage, "shipment allocate S1");
    told(&stage, "shipment dispatch S1 --custodian CARRIER");
    told(
        &stage,
        "shipment receive S1 --line line=1,quantity=2,pack=BOX",
    );
    assert_eq!((level(&stage, SOUTH), level(&stage, HOSPITAL)), (153, 50));
    told(
        &stage,
        "request file --id R1 --facility HOSPITAL --line item=MASK-A,quantity=2,pack=CASE",
    );
    let request = told(&stage, "request get R1");
    assert_eq!(request["request"]["lines"][0]["requested"], "1000");
    let receive = "donation receive D1 --facility SOUTH --line item=MASK-A";
    refused_by(
        &stage,
        &format!("{receive},quantity=8,pack=CRATE"),
        &["lines[0].pack_id", "CRATE", "BOX (25), CASE (500)"],
    );
    refused_by(
        &stage,
        &format!("{receive},quantity=999999999999,pack=BOX"),
        &["PACKS_OVERFLOW", "999999999999 BOX of 25"],
    );
    refused_by(
        &stage,
        "donation pledge --donor DONOR --line commodity=MASK,quantity=4,pack=BOX",
        &["lines[0].pack_id", "packs are of an item"],
    );
    stage.node.cli(["check"]).success();
}

/// A stage with two vans, two volunteers and two crews; what is wrong with further ones is told.
async fn fleet() -> Stage {
    let stage = Stage::set().await;
    told(
        &stage,
        "vehicle register VAN-1 --kind refrigerated --owner CARRIER --capacity-kg 900 --capacity-l 6000 --cold-box 2..8 --external-id PLATE=123ABC02",
    );
    refused_by(
        &stage,
        "vehicle register VAN-2 --kind van --owner CARRIER --external-id PLATE=123ABC02",
        &["EXTERNAL_ID_TAKEN", "vehicle VAN-1"],
    );
    refused_by(
        &stage,
        "vehicle register VAN-2 --kind van --owner CARRIER --asset PUMP-A,NONE",
        &["UNKNOWN_ASSET", "NONE"],
    );
    told(&stage, "vehicle register VAN-2 --kind van --owner CARRIER");
    let amended = told(&stage, "vehicle amend VAN-2 --capacity-kg 700");
    assert_eq!(amended["vehicle"]["capacityKg"], 700);
    let found = told(&stage, "find PLATE 123ABC02");
    assert_eq!(ids(&found, "holderId"), ["VAN-1"]);
    for id in [7, 8] {
        let line = format!(
            "volunteer register V-{id} --person person:{id} --organisation CARRIER --skill drives-cars"
        );
        told(&stage, &line);
    }
    refused_by(
        &stage,
        "volunteer register V-9 --person Ann --organisation CARRIER",
        &["volunteer.person_ref", "names nobody"],
    );
    refused_by(
        &stage,
        "volunteer register V-9 --person person:7 --organisation CARRIER",
        &["EXTERNAL_ID_TAKEN", "volunteer V-7"],
    );
    let found = told(&stage, "find PERSON person:7");
    assert_eq!(ids(&found, "holderId"), ["V-7"]);
    for id in ["CREW-1", "CREW-2"] {
        told(
            &stage,
            &format!("crew register {id} --name-en Crew --organisation CARRIER --vehicle VAN-1"),
        );
    }
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn vehicles_volunteers_and_crews_are_entered_assigned_and_retired() {
    let mut stage = fleet().await;
    told(&stage, "crew amend CREW-2 --vehicle VAN-2");
    told(
        &stage,
        "volunteer assign V-7 CREW-1 --role driver --on 2020-07-01",
    );
    told(
        &stage,
        "volunteer assign V-8 CREW-1 --role leader --on 2020-07-02",
    );
    refused_by(
        &stage,
        "volunteer assign V-7 CREW-2 --role driver",
        &["ALREADY_ASSIGNED", "CREW-1", "2020-07-01"],
    );
    refused_by(
        &stage,
        "crew retire CREW-1 --reason dissolved",
        &["STILL_ASSIGNED"],
    );
    told(
        &stage,
        "volunteer end-assignment V-7 --reason moved --on 2020-08-01",
    );
    told(
        &stage,
        "volunteer assign V-7 CREW-2 --role loader --on 2020-08-01",
    );
    let page = stage.node.cli(["volunteer", "get", "V-7"]).success();
    for part in [
        "CREW-1",
        "2020-08-01",
        "moved",
        "CREW-2",
        "loader",
        "drives-cars",
    ] {
        assert!(page.contains(part), "{part} is not in:\n{page}");
    }
    let page = stage.node.cli(["crew", "get", "CREW-1"]).success();
    for part in ["V-8 (leader)", "2020-07-01", "VAN-1"] {
        assert!(page.contains(part), "{part} is not in:\n{page}");
    }
    told(&stage, "volunteer end-assignment V-8 --reason left");
    told(&stage, "volunteer retire V-8 --reason left");
    told(
        &stage,
        "crew retire CREW-1 --reason dissolved --successor CREW-2",
    );
    told(
        &stage,
        "vehicle retire VAN-1 --reason worn-out --successor VAN-2",
    );
    for (line, key, found) in [
        ("vehicle list", "vehicleId", 1),
        ("vehicle list --retired", "vehicleId", 2),
        ("volunteer list", "volunteerId", 1),
        ("volunteer list --retired", "volunteerId", 2),
        ("crew list", "crewId", 1),
        ("crew list --retired", "crewId", 2),
        ("crew list --retired --limit 1", "crewId", 1),
    ] {
        assert_eq!(ids(&told(&stage, line), key).len(), found, "{line}");
    }
    let before = ["vehicle", "volunteer", "crew"]
        .map(|noun| told(&stage, &format!("{noun} list --retired")));
    stage.node.restart().await;
    let after = ["vehicle", "volunteer", "crew"]
        .map(|noun| told(&stage, &format!("{noun} list --retired")));
    assert_eq!(after, before);
    stage.node.cli(["check"]).success();
}
