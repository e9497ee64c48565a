//! Bad input gets an error of its own, which says what is wrong, and changes nothing.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use keruen_proto::{
    inventory::v1::{
        AdjustStockRequest, AdjustmentReason, ConsumeStockRequest, DisposeStockRequest,
        ReceiptLine, ReceiveDonationRequest,
    },
    registry::v1::{
        FacilityKind, GetFacilityRequest, GetItemRequest, RegisterFacilityRequest,
        RegisterItemRequest, Tracking,
    },
    requests::v1::{ApproveRequestRequest, ApprovedLine, FileRequestRequest},
    shipments::v1::{AllocateShipmentRequest, ShipmentLine},
    stock::v1::ListStockRequest,
};
use keruen_tests::{
    message::{
        self, allocate, command_id, consume, dispatch, file, pledge, pledge_line, request,
        request_of,
    },
    refusal::Refusal,
    refused,
    scene::{HOSPITAL, MASK, MASK_A, NORTH, PUMP, PUMP_A, PUMP_B, SOUTH},
    stage::{MASKS, Stage},
};
use tonic::Code;

/// One more than every client language can hold exactly.
const TOO_MANY: i64 = 1_000_000_000_001;

fn pumps(donation_id: &str, item_id: &str, serial_numbers: &[&str]) -> ReceiveDonationRequest {
    let line = ReceiptLine {
        item_id: item_id.to_owned(),
        quantity: i64::try_from(serial_numbers.len()).unwrap(),
        serial_numbers: serial_numbers
            .iter()
            .map(|serial| (*serial).to_owned())
            .collect(),
        ..ReceiptLine::default()
    };
    ReceiveDonationRequest {
        command_id: command_id(),
        donation_id: donation_id.to_owned(),
        facility_id: SOUTH.to_owned(),
        lines: vec![line],
        ..ReceiveDonationRequest::default()
    }
}

/// A time so many seconds from now.
fn from_now(seconds: i64) -> pbjson_types::Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    pbjson_types::Timestamp {
        seconds: i64::try_from(now.as_secs()).unwrap() + seconds,
        nanos: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_named() {
    let mut stage = Stage::set().await;
    let facility = message::facility("FAR", FacilityKind::Warehouse, "KZ-99");
    let message = RegisterFacilityRequest {
        command_id: command_id(),
        facility: Some(facility),
        ..Default::default()
    };
    refused!(stage.registry.register_facility(message)).is(
        Code::NotFound,
        "UNKNOWN_REGION",
        &[("region_id", "KZ-99")],
        "there is no region KZ-99",
    );
    refused!(stage.inventory.consume_stock(consume("NOWHERE", MASK_A, 1))).is(
        Code::NotFound,
        "UNKNOWN_FACILITY",
        &[("facility_id", "NOWHERE")],
        "there is no facility NOWHERE",
    );
    refused!(stage.inventory.consume_stock(consume(NORTH, "MASK-Z", 1))).is(
        Code::NotFound,
        "UNKNOWN_ITEM",
        &[("item_id", "MASK-Z")],
        "there is no item MASK-Z",
    );
    refused!(
        stage
            .inventory
            .pledge_donation(pledge(vec![pledge_line("GLOVE", "", 1)]))
    )
    .is(
        Code::NotFound,
        "UNKNOWN_COMMODITY",
        &[("commodity_id", "GLOVE")],
        "there is no commodity GLOVE",
    );
    refused!(stage.requests.file_request(file("NOWHERE", MASK, 1))).is(
        Code::NotFound,
        "UNKNOWN_FACILITY",
        &[("facility_id", "NOWHERE")],
        "NOWHERE",
    );
    refused!(stage.requests.file_request(file(HOSPITAL, "GLOVE", 1))).is(
        Code::NotFound,
        "UNKNOWN_COMMODITY",
        &[("commodity_id", "GLOVE")],
        "GLOVE",
    );
    refused!(
        stage
            .shipments
            .request_shipment(message::shipment("", NORTH, "NOWHERE", MASK_A, 1))
    )
    .is(
        Code::NotFound,
        "UNKNOWN_FACILITY",
        &[("facility_id", "NOWHERE")],
        "NOWHERE",
    );
    refused!(stage.shipments.dispatch_shipment(dispatch("GHOST"))).is(
        Code::NotFound,
        "UNKNOWN_SHIPMENT",
        &[("shipment_id", "GHOST")],
        "there is no shipment GHOST",
    );
    refused!(stage.registry.get_facility(GetFacilityRequest {
        facility_id: "NOWHERE".to_owned()
    }))
    .is(Code::NotFound, "UNKNOWN_FACILITY", &[], "NOWHERE");
    refused!(stage.registry.get_item(GetItemRequest {
        item_id: "MASK-Z".to_owned()
    }))
    .is(Code::NotFound, "UNKNOWN_ITEM", &[], "MASK-Z");
    // Ten letters and a check letter: a slip of the tongue is told from a number that nobody gave out.
    refused!(
        stage
            .shipments
            .dispatch_shipment(dispatch("S-AAAAA-AAAAAB"))
    )
    .is_field("shipment_id", "mistyped");
}

#[tokio::test(flavor = "multi_thread")]
async fn quantities_are_at_least_one_and_at_most_what_is_there() {
    let mut stage = Stage::set().await;
    for (quantity, rule) in [
        (0, "must not be 0"),
        (-5, "must not be negative"),
        (i64::MIN, "must not be negative"),
        (TOO_MANY, "1000000000000"),
        (i64::MAX, "1000000000000"),
    ] {
        refused!(
            stage
                .inventory
                .consume_stock(consume(NORTH, MASK_A, quantity))
        )
        .is_field("quantity", rule);
        let pledged = pledge(vec![
            pledge_line(MASK, "", 1),
            pledge_line(MASK, "", quantity),
        ]);
        refused!(stage.inventory.pledge_donation(pledged)).is_field("lines[1].quantity", rule);
        refused!(stage.requests.file_request(file(HOSPITAL, MASK, quantity)))
            .is_field("lines[0].requested", rule);
        let shipped = message::shipment("", NORTH, SOUTH, MASK_A, quantity);
        refused!(stage.shipments.request_shipment(shipped)).is_field("lines[0].quantity", rule);
        let disposed = DisposeStockRequest {
            command_id: command_id(),
            facility_id: NORTH.to_owned(),
            batch_id: "MASKS-B".to_owned(),
            quantity,
            reason: 2,
            ..DisposeStockRequest::default()
        };
        refused!(stage.inventory.dispose_stock(disposed)).is_field("quantity", rule);
    }
    let short = [
        ("requested", "101"),
        ("available", "100"),
        ("retry_can_help", "true"),
    ];
    let says = "101 requested, 100 available";
    refused!(
        stage
            .inventory
            .consume_stock(consume(NORTH, MASK_A, MASKS + 1))
    )
    .is(Code::FailedPrecondition, "INSUFFICIENT_STOCK", &short, says);
    let wanted = message::shipment("TOO-BIG", NORTH, SOUTH, MASK_A, MASKS + 1);
    stage
        .clients
        .shipments
        .request_shipment(request(wanted))
        .await
        .unwrap();
    let allocate = allocate("TOO-BIG");
    refused!(stage.shipments.allocate_shipment(allocate)).is(
        Code::FailedPrecondition,
        "INSUFFICIENT_STOCK",
        &short,
        says,
    );
    let lost = AdjustStockRequest {
        command_id: command_id(),
        facility_id: NORTH.to_owned(),
        batch_id: "MASKS-B".to_owned(),
        delta: -(MASKS + 1),
        reason: AdjustmentReason::Lost.into(),
        ..AdjustStockRequest::default()
    };
    refused!(stage.inventory.adjust_stock(lost)).is(
        Code::FailedPrecondition,
        "INSUFFICIENT_STOCK",
        &[("requested", "101")],
        "MASKS-B",
    );
    // Each is allowed, together they are more than can be counted.
    let found = AdjustStockRequest {
        command_id: command_id(),
        facility_id: NORTH.to_owned(),
        batch_id: "MASKS-B".to_owned(),
        delta: TOO_MANY - 1,
        reason: AdjustmentReason::Found.into(),
        ..AdjustStockRequest::default()
    };
    refused!(stage.inventory.adjust_stock(found)).is(
        Code::InvalidArgument,
        "QUANTITY_OVERFLOW",
        &[],
        "1000000000000",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_not_dated_in_the_future() {
    let mut stage = Stage::set().await;
    let mut message = consume(NORTH, MASK_A, 1);
    message.occurred_at = Some(from_now(3_600));
    refused!(stage.inventory.consume_stock(message))
        .is_field("occurred_at", "must not be in the future");
    let mut message = consume(NORTH, MASK_A, 1);
    message.occurred_at = Some(pbjson_types::Timestamp {
        seconds: i64::MAX,
        nanos: -1,
    });
    refused!(stage.inventory.consume_stock(message))
        .is_field("occurred_at", "must be a time since 1970");
    let mut message = consume(NORTH, MASK_A, 1);
    message.occurred_at_precision = 77;
    refused!(stage.inventory.consume_stock(message)).is_field("occurred_at_precision", "found 77");
    let wanted = message::shipment("LATE", NORTH, SOUTH, MASK_A, 1);
    stage
        .clients
        .shipments
        .request_shipment(request(wanted))
        .await
        .unwrap();
    let allocate = AllocateShipmentRequest {
        command_id: command_id(),
        shipment_id: "LATE".to_owned(),
        occurred_at: Some(from_now(-86_400)),
        ..AllocateShipmentRequest::default()
    };
    refused!(stage.shipments.allocate_shipment(allocate))
        .is_field("occurred_at", "can't be backdated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_number_is_that_of_one_unit() {
    let mut stage = Stage::set().await;
    for donation_id in ["MORE-PUMPS", "OTHER-PUMPS"] {
        let mut pledged = pledge(vec![pledge_line(PUMP, "", 10)]);
        pledged.donation_id = donation_id.to_owned();
        stage
            .clients
            .inventory
            .pledge_donation(request(pledged))
            .await
            .unwrap();
    }
    refused!(
        stage
            .inventory
            .receive_donation(pumps("MORE-PUMPS", PUMP_A, &["NEW-1", "PUMPS-2"]))
    )
    .is(
        Code::AlreadyExists,
        "SERIAL_NUMBER_EXISTS",
        &[("item_id", PUMP_A), ("serial_number", "PUMPS-2")],
        "PUMPS-2",
    );
    refused!(
        stage
            .inventory
            .receive_donation(pumps("MORE-PUMPS", PUMP_A, &["NEW-1", "NEW-1"]))
    )
    .is(
        Code::InvalidArgument,
        "DUPLICATE_SERIAL_NUMBER",
        &[("serial_number", "NEW-1")],
        "stands there twice",
    );
    // The same number on a unit of another model is another unit.
    let other = pumps("OTHER-PUMPS", PUMP_B, &["PUMPS-2"]);
    stage
        .clients
        .inventory
        .receive_donation(request(other))
        .await
        .unwrap();
    // Two items can't be of one maker and model: else one unit could have two names.
    let mut twin = message::item("PUMP-C", PUMP, Tracking::Serial);
    twin.model = PUMP_A.to_owned();
    let message = RegisterItemRequest {
        command_id: command_id(),
        item: Some(twin),
        ..Default::default()
    };
    refused!(stage.registry.register_item(message)).is(
        Code::AlreadyExists,
        "MODEL_EXISTS",
        &[("item_id", PUMP_A)],
        PUMP_A,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shipments_go_somewhere_else_and_with_something() {
    let mut stage = Stage::set().await;
    refused!(
        stage
            .shipments
            .request_shipment(message::shipment("", NORTH, NORTH, MASK_A, 1))
    )
    .is_field("destination_id", "NORTH is also the origin");
    let empty = message::shipment("EMPTY", NORTH, SOUTH, MASK_A, 1);
    stage
        .clients
        .shipments
        .request_shipment(request(empty))
        .await
        .unwrap();
    let refusal = refused!(stage.shipments.dispatch_shipment(dispatch("EMPTY")));
    assert_eq!(refusal.code, Code::FailedPrecondition, "{refusal:?}");
    assert!(
        ["NOTHING_ALLOCATED", "SHIPMENT_STATE"].contains(&refusal.reason.as_str()),
        "{refusal:?}"
    );
    let mut nothing = message::shipment("", NORTH, SOUTH, MASK_A, 1);
    nothing.lines.clear();
    refused!(stage.shipments.request_shipment(nothing)).is_field("lines", "at least one");
    let mut twice = message::shipment("", NORTH, SOUTH, MASK_A, 1);
    twice.lines = vec![
        ShipmentLine {
            line: 3,
            item_id: MASK_A.to_owned(),
            quantity: 1,
            ..Default::default()
        };
        2
    ];
    refused!(stage.shipments.request_shipment(twice)).is_field("lines[1].line", "found 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_than_was_asked_for() {
    let mut stage = Stage::set().await;
    let mut message = file(HOSPITAL, MASK, 10);
    message.request_id = "NEED".to_owned();
    stage
        .clients
        .requests
        .file_request(request(message))
        .await
        .unwrap();
    let approve = |line, quantity| ApproveRequestRequest {
        command_id: command_id(),
        request_id: "NEED".to_owned(),
        lines: vec![ApprovedLine {
            line,
            quantity,
            ..ApprovedLine::default()
        }],
        ..ApproveRequestRequest::default()
    };
    refused!(stage.requests.approve_request(approve(1, 11))).is(
        Code::FailedPrecondition,
        "APPROVAL_EXCEEDS_REQUEST",
        &[("requested", "10"), ("approved", "11"), ("line", "1")],
        "asks for 10",
    );
    refused!(stage.requests.approve_request(approve(2, 1))).is(
        Code::InvalidArgument,
        "UNKNOWN_REQUEST_LINE",
        &[("line", "2")],
        "has no line 2",
    );
    stage
        .clients
        .requests
        .approve_request(request(approve(1, 5)))
        .await
        .unwrap();
    // And no more is shipped than was approved.
    let mut wanted = message::shipment("MORE", NORTH, HOSPITAL, MASK_A, 6);
    wanted.lines[0].request_id = "NEED".to_owned();
    wanted.lines[0].request_line = 1;
    let refusal = refused!(stage.shipments.request_shipment(wanted));
    refusal.is(
        Code::FailedPrecondition,
        "EXCEEDS_APPROVED",
        &[("approved", "5"), ("requested", "6")],
        "NEED",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn enums_and_actors_are_known_ones() {
    let mut stage = Stage::set().await;
    let message = ConsumeStockRequest {
        purpose: 99,
        ..consume(NORTH, MASK_A, 1)
    };
    refused!(stage.inventory.consume_stock(message)).is_field("purpose", "found \"99\"");
    let message = ConsumeStockRequest {
        purpose: 0,
        ..consume(NORTH, MASK_A, 1)
    };
    refused!(stage.inventory.consume_stock(message)).is_field("purpose", "must be stated");
    let message = FileRequestRequest {
        priority: -1,
        ..file(HOSPITAL, MASK, 1)
    };
    refused!(stage.requests.file_request(message)).is_field("priority", "found \"-1\"");
    let mut facility = message::facility("F", FacilityKind::Warehouse, "KZ-71");
    facility.time_zone = "Mars/Olympus".to_owned();
    let message = RegisterFacilityRequest {
        command_id: command_id(),
        facility: Some(facility),
        ..Default::default()
    };
    refused!(stage.registry.register_facility(message))
        .is_field("facility.time_zone", "Mars/Olympus");
    refused!(stage.stock.list_stock(ListStockRequest {
        group_by: vec![42],
        ..Default::default()
    }))
    .is_field("group_by[0]", "42");
    refused!(stage.stock.list_stock(ListStockRequest {
        page_size: -1,
        ..Default::default()
    }))
    .is_field("page_size", "-1");

    let head = stage.head().await;
    let message = consume(NORTH, MASK_A, 1);
    let status = stage
        .clients
        .inventory
        .consume_stock(request_of("-nobody", message))
        .await
        .unwrap_err();
    Refusal::of(&status).is_field("metadata keruen-actor", "-nobody");
    for id in [
        "",
        "1",
        "00000000-0000-0000-0000-000000000000",
        "not-a-uuid",
    ] {
        let message = ConsumeStockRequest {
            command_id: id.to_owned(),
            ..consume(NORTH, MASK_A, 1)
        };
        refused!(stage.inventory.consume_stock(message)).is_field("command_id", "UUID");
    }
    assert_eq!(stage.head().await, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_that_breaks_a_rule_is_named_at_once() {
    let mut stage = Stage::set().await;
    let message = ConsumeStockRequest {
        command_id: "x".to_owned(),
        ..consume("no code", "", 0)
    };
    let refusal = refused!(stage.inventory.consume_stock(message));
    let fields: Vec<&str> = refusal
        .violations
        .iter()
        .map(|(field, _)| field.as_str())
        .collect();
    assert_eq!(
        fields,
        ["command_id", "facility_id", "item_id", "quantity"],
        "{refusal:?}"
    );
}
