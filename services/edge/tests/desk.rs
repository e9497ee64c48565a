//! Commands carried out against a real log: repeated, reused, only validated, and raced by two replicas.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use keruen_domain::{
    Boundary, Code, Entry, Label, Quantity,
    donation::{Import, PledgeDonation, PledgedGoods, ReceiptLine, ReceiveDonation},
    quality::RecallLot,
    registry::{RegisterCommodity, RegisterFacility, RegisterItem, RegisterOrganisation},
    stock::ConsumeStock,
};
use keruen_edge::{Desk, DeskOptions};
use keruen_log::{Log, Query, Range, SqliteLog, SqliteOptions};
use keruen_proto::{
    Mutation,
    inventory::v1::{
        ConsumeStockRequest, ConsumptionPurpose, Donation, ItemQuality, RecallReason,
        ReceiptOutcome, StockLevel,
    },
    registry::v1::{
        Commodity, Facility, FacilityKind, Item, LocalizedText, Organisation, OrganisationKind,
        RegionAssignment, RegisterOrganisationRequest, Tracking,
    },
};
use tempfile::TempDir;
use tonic::{Code as StatusCode, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

struct Place {
    log: Arc<dyn Log>,
    _folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let log =
            SqliteLog::open(&folder.path().join("keruen.db"), SqliteOptions::default()).unwrap();
        Self {
            log: Arc::new(log),
            _folder: folder,
        }
    }

    fn desk(&self) -> Arc<Desk> {
        Arc::new(Desk::new(Arc::clone(&self.log), DeskOptions::new("test")))
    }

    async fn head(&self) -> u64 {
        self.log.head().await.unwrap().position
    }
}

fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

fn name(en: &str) -> LocalizedText {
    LocalizedText {
        en: en.to_owned(),
        ..LocalizedText::default()
    }
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

fn organisation(command_id: &str, id: &str, text: &str) -> RegisterOrganisationRequest {
    RegisterOrganisationRequest {
        command_id: command_id.to_owned(),
        organisation: Some(Organisation {
            organisation_id: id.to_owned(),
            name: Some(name(text)),
            kinds: vec![OrganisationKind::Donor.into()],
            ..Organisation::default()
        }),
        ..RegisterOrganisationRequest::default()
    }
}

async fn register(
    desk: &Desk,
    request: RegisterOrganisationRequest,
) -> Result<(Organisation, u64), Status> {
    desk.carry_out(Request::new(request), |message, _| {
        message.organisation.clone().map(RegisterOrganisation)
    })
    .await
}

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_repeated_command_gets_the_first_answer_and_has_one_effect() {
    let place = Place::new();
    let desk = place.desk();
    let command_id = new_id();
    let first = register(&desk, organisation(&command_id, "A", "first"))
        .await
        .unwrap();
    register(&desk, organisation(&new_id(), "B", "other"))
        .await
        .unwrap();
    // The same desk, and one that has never heard of it.
    for desk in [desk, place.desk()] {
        let again = register(&desk, organisation(&command_id, "A", "first"))
            .await
            .unwrap();
        assert_eq!(again, first);
        let status = register(&desk, organisation(&command_id, "A", "changed"))
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "COMMAND_ID_REUSED");
        let status = register(&desk, organisation(&command_id, "C", "changed"))
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "COMMAND_ID_REUSED");
        let status = register(&desk, organisation(&new_id(), "A", "first"))
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "ORGANISATION_EXISTS");
    }
    assert_eq!(place.head().await, 2);
}

#[tokio::test]
async fn what_waited_happened_before_it_was_sent_and_is_still_the_same_command() {
    const HOUR_US: i64 = 3_600_000_000;
    let place = Place::new();
    let desk = place.desk();
    let send = async |message: &RegisterOrganisationRequest, waited_ms: Option<&str>| {
        let mut request = Request::new(message.clone());
        if let Some(waited_ms) = waited_ms {
            let metadata = request.metadata_mut();
            metadata.insert("keruen-waited-ms", waited_ms.parse().unwrap());
        }
        desk.carry_out::<_, _, Organisation>(request, |message, _| {
            message.organisation.clone().map(RegisterOrganisation)
        })
        .await
    };
    let plain = organisation(&new_id(), "A", "first");
    let stated = RegisterOrganisationRequest {
        occurred_at: Some(pbjson_types::Timestamp {
            seconds: 1_600_000_000,
            nanos: 0,
        }),
        ..organisation(&new_id(), "B", "second")
    };
    for waited_ms in [Some("3600000"), None, Some("7200000")] {
        assert_eq!(send(&plain, waited_ms).await.unwrap().1, 1);
        assert_eq!(send(&stated, waited_ms).await.unwrap().1, 2);
    }
    let recorded = place.log.read(&Query::default(), Range::after(0), 10).await;
    let recorded = recorded.unwrap().events;
    let occurred_us = |index: usize| recorded[index].occurred_at.unwrap().time_us;
    let age_us = recorded[0].recorded_at_us - occurred_us(0);
    assert!((HOUR_US..2 * HOUR_US).contains(&age_us), "{age_us}");
    assert_eq!(occurred_us(1), 1_600_000_000_000_000);
    for wrong in ["-1", "soon", "99999999999999"] {
        let command = organisation(&new_id(), "C", "third");
        let status = send(&command, Some(wrong)).await.unwrap_err();
        assert_eq!(status.code(), StatusCode::InvalidArgument, "{wrong}");
    }
}

#[tokio::test]
async fn the_actor_is_part_of_what_is_repeated() {
    let place = Place::new();
    let desk = place.desk();
    let request = organisation(&new_id(), "A", "first");
    register(&desk, request.clone()).await.unwrap();
    let mut by_other = Request::new(request);
    by_other
        .metadata_mut()
        .insert("keruen-actor", "somebody:else".parse().unwrap());
    let status = desk
        .carry_out::<_, _, Organisation>(by_other, |message, _| {
            message.organisation.clone().map(RegisterOrganisation)
        })
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "COMMAND_ID_REUSED");
}

#[tokio::test]
async fn validating_only_answers_as_if_and_records_nothing() {
    let place = Place::new();
    let desk = place.desk();
    let request = RegisterOrganisationRequest {
        validate_only: true,
        ..organisation(&new_id(), "A", "first")
    };
    let answer = register(&desk, request.clone()).await.unwrap();
    assert_eq!(answer, (request.organisation.unwrap(), 0));
    assert_eq!(place.head().await, 0);
    let (organisation, _): (Organisation, u64) =
        desk.view(&Boundary::Organisation(code("A"))).await.unwrap();
    assert_eq!(organisation, Organisation::default());
}

#[tokio::test]
async fn what_a_request_lacks_is_all_named_at_once() {
    let place = Place::new();
    let desk = place.desk();
    let request = RegisterOrganisationRequest {
        command_id: "7".to_owned(),
        occurred_at: Some(pbjson_types::Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        }),
        occurred_at_precision: 99,
        ..RegisterOrganisationRequest::default()
    };
    let status = desk
        .carry_out::<_, _, Organisation>(Request::new(request), |message, fields| {
            fields
                .there("organisation", message.organisation.as_ref())
                .cloned()
                .map(RegisterOrganisation)
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), StatusCode::InvalidArgument);
    let details = status.get_error_details();
    let fields: Vec<&str> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "command_id",
            "occurred_at",
            "occurred_at_precision",
            "organisation"
        ]
    );
}

#[tokio::test]
async fn a_clock_that_runs_a_little_ahead_is_moved_back_and_marked() {
    let place = Place::new();
    let desk = place.desk();
    let now_s = desk.now_us() / 1_000_000;
    for (id, seconds) in [("EARLIER", now_s - 1), ("AHEAD", now_s + 4)] {
        let request = RegisterOrganisationRequest {
            occurred_at: Some(pbjson_types::Timestamp { seconds, nanos: 0 }),
            ..organisation(&new_id(), id, "stated")
        };
        register(&desk, request).await.unwrap();
    }
    let page = place
        .log
        .read(&Query::default(), Range::after(0), 10)
        .await
        .unwrap();
    let moved_back: Vec<bool> = page
        .events
        .iter()
        .map(|event| event.occurred_at.unwrap().clamped)
        .collect();
    assert_eq!(moved_back, [false, true]);
    let ahead = &page.events[1];
    assert!(ahead.occurred_at.unwrap().time_us <= ahead.recorded_at_us);
}

/// Carries out a command whose request is only its header.
async fn carry_out<C: keruen_domain::Command, T: TryFrom<Entry>>(desk: &Desk, command: C) -> T {
    let header = RegisterOrganisationRequest {
        command_id: new_id(),
        ..Default::default()
    };
    desk.carry_out(Request::new(header), |_, _| Some(command))
        .await
        .unwrap()
        .0
}

/// A store with `quantity` masks.
async fn stock_up(desk: &Desk, quantity: i64) {
    let organisation = Organisation {
        organisation_id: "ORG".to_owned(),
        name: Some(name("organisation")),
        kinds: vec![OrganisationKind::Donor.into()],
        ..Organisation::default()
    };
    let _: Organisation = carry_out(desk, RegisterOrganisation(organisation)).await;
    let facility = Facility {
        facility_id: "STORE".to_owned(),
        name: Some(name("store")),
        kind: FacilityKind::Warehouse.into(),
        regions: vec![RegionAssignment {
            region_id: "KZ-75".to_owned(),
            valid_from: String::new(),
        }],
        time_zone: "Asia/Almaty".to_owned(),
        operator_id: "ORG".to_owned(),
        ..Facility::default()
    };
    let _: Facility = carry_out(desk, RegisterFacility(facility)).await;
    let commodity = Commodity {
        commodity_id: "MASK".to_owned(),
        name: Some(name("mask")),
        base_unit: "EA".to_owned(),
        ..Commodity::default()
    };
    let _: Commodity = carry_out(desk, RegisterCommodity(commodity)).await;
    let item = Item {
        item_id: "FFP2".to_owned(),
        commodity_id: "MASK".to_owned(),
        name: Some(name("mask")),
        tracking: Tracking::Batch.into(),
        ..Item::default()
    };
    let _: Item = carry_out(desk, RegisterItem(item)).await;
    let _: Donation = carry_out(desk, pledge(quantity)).await;
    let _: Donation = carry_out(desk, receipt(quantity)).await;
}

fn pledge(quantity: i64) -> PledgeDonation {
    PledgeDonation {
        donation_id: code("D"),
        donor_id: code("ORG"),
        recipient_id: code("ORG"),
        lines: vec![PledgedGoods {
            line: 1,
            commodity_id: None,
            item_id: Some(code("FFP2")),
            quantity: Quantity::parse(quantity).unwrap(),
        }],
        money: None,
        expected_on: None,
        documents: Vec::new(),
        anonymous: false,
        conditions: Vec::new(),
        earmarks: Vec::new(),
    }
}

fn receipt(quantity: i64) -> ReceiveDonation {
    ReceiveDonation {
        donation_id: code("D"),
        facility_id: code("STORE"),
        lines: vec![ReceiptLine {
            item_id: code("FFP2"),
            quantity: Quantity::parse(quantity).unwrap(),
            outcome: ReceiptOutcome::Good,
            lot: Some(Label::parse("L").unwrap()),
            expires_on: None,
            serial_numbers: Vec::new(),
            pledge_line: None,
            unit_value: None,
            batch_id: code("BATCH"),
        }],
        documents: Vec::new(),
        import: Import::default(),
    }
}

async fn consume(desk: &Desk, quantity: i64) -> Result<(StockLevel, u64), Status> {
    let request = ConsumeStockRequest {
        command_id: new_id(),
        quantity,
        ..Default::default()
    };
    desk.carry_out(Request::new(request), |message, _| {
        Some(ConsumeStock {
            facility_id: code("STORE"),
            item_id: code("FFP2"),
            quantity: Quantity::parse(message.quantity).ok()?,
            batch_id: None,
            owner_id: None,
            purpose: ConsumptionPurpose::Patient,
            already_used: false,
            new_batch_id: code("NEW"),
        })
    })
    .await
}

/// Two replicas know nothing of each other's queues; only the log's condition stands between them.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_race_for_the_same_stock_give_it_out_once() {
    const MASKS: i64 = 150;
    let place = Place::new();
    let replicas = [place.desk(), place.desk()];
    stock_up(&replicas[0], MASKS).await;
    let races: Vec<_> = (0..200)
        .map(|number| {
            let desk = Arc::clone(&replicas[number % 2]);
            tokio::spawn(async move { consume(&desk, 1).await })
        })
        .collect();
    let mut served = 0;
    for race in races {
        match race.await.unwrap() {
            Ok(_) => served += 1,
            // Whoever kept losing against the other replica may say so; nobody else may fail.
            Err(status) if status.code() == StatusCode::Aborted => {}
            Err(status) => assert_eq!(reason(&status), "INSUFFICIENT_STOCK", "{status:?}"),
        }
    }
    assert!(served <= MASKS);
    let (level, position): (StockLevel, u64) = replicas[1]
        .view(&Boundary::Stock(code("STORE"), code("FFP2")))
        .await
        .unwrap();
    let on_hand: i64 = level.lots.iter().map(|lot| lot.on_hand).sum();
    assert_eq!(on_hand, MASKS - served);
    assert_eq!(position, 6 + u64::try_from(served).unwrap());
}

/// A recall stands with the item and an issue with the stock: they must not pass each other all the same.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_issued_after_a_recall_whoever_recalls_and_whoever_issues() {
    let place = Place::new();
    let replicas = [place.desk(), place.desk()];
    stock_up(&replicas[0], 1_000).await;
    let issues: Vec<_> = (0..60)
        .map(|number| {
            let desk = Arc::clone(&replicas[number % 2]);
            tokio::spawn(async move { consume(&desk, 1).await })
        })
        .collect();
    let recall = RecallLot {
        item_id: code("FFP2"),
        lot: Label::parse("L").unwrap(),
        reason: RecallReason::Defect,
        authority_id: code("ORG"),
        documents: Vec::new(),
    };
    let quality: ItemQuality = carry_out(&replicas[0], recall).await;
    assert_eq!(quality.recalls[0].lot, "L");
    for issue in issues {
        if let Err(status) = issue.await.unwrap() {
            assert!(
                status.code() == StatusCode::Aborted || reason(&status) == "INSUFFICIENT_STOCK",
                "{status:?}"
            );
        }
    }
    // Neither by whoever knows of it, nor by whoever has yet to learn of it.
    for desk in [&replicas[0], &replicas[1], &place.desk()] {
        let status = consume(desk, 1).await.unwrap_err();
        assert_eq!(reason(&status), "INSUFFICIENT_STOCK");
        let (level, _): (StockLevel, u64) = desk
            .view(&Boundary::Stock(code("STORE"), code("FFP2")))
            .await
            .unwrap();
        assert_eq!(
            (level.lots[0].available, level.lots[0].held),
            (0, level.lots[0].on_hand)
        );
    }
    let page = place
        .log
        .read(&Query::default(), Range::default(), 1_000)
        .await
        .unwrap();
    let last = page.events.last().unwrap();
    let after_recall = page
        .events
        .iter()
        .skip_while(|event| !event.r#type.ends_with(".LotRecalled"))
        .count();
    assert_eq!(after_recall, 1, "{}", last.r#type);
}

/// Receipts change a stock without reading it, so they don't stand in its queue; who reads it must not starve.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_a_stock_is_served_while_goods_keep_arriving() {
    let place = Place::new();
    let desk = place.desk();
    stock_up(&desk, 1_000).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut arrivals = Vec::new();
    for number in 0..24 {
        let donation_id = code(&format!("D{number}"));
        let pledge = PledgeDonation {
            donation_id: donation_id.clone(),
            ..pledge(1)
        };
        let _: Donation = carry_out(&desk, pledge).await;
        let (desk, is_over) = (Arc::clone(&desk), Arc::clone(&is_over));
        arrivals.push(tokio::spawn(async move {
            for arrival in 0..400 {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let mut receipt = receipt(1);
                receipt.donation_id = donation_id.clone();
                receipt.lines[0].outcome = ReceiptOutcome::Surplus;
                receipt.lines[0].batch_id = code(&format!("B{number}-{arrival}"));
                let _: Donation = carry_out(&desk, receipt).await;
            }
        }));
    }
    for _ in 0..50 {
        consume(&desk, 1).await.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    for arrival in arrivals {
        arrival.await.unwrap();
    }
}

/// One replica queues: nobody loses to anybody, and the books end exactly at zero.
#[tokio::test(flavor = "multi_thread")]
async fn one_replica_serves_first_come_first_served_and_never_aborts() {
    let place = Place::new();
    let desk = place.desk();
    stock_up(&desk, 150).await;
    let races: Vec<_> = (0..200)
        .map(|_| {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move { consume(&desk, 1).await })
        })
        .collect();
    let mut refused = 0;
    for race in races {
        if let Err(status) = race.await.unwrap() {
            assert_eq!(reason(&status), "INSUFFICIENT_STOCK", "{status:?}");
            refused += 1;
        }
    }
    assert_eq!(refused, 50);
    assert_eq!(place.head().await, 6 + 150);
}

#[tokio::test]
async fn the_hash_covers_the_type_of_the_request() {
    // Two request types can have the same bytes; a command id must not pass from one to the other.
    let bytes = ConsumeStockRequest {
        command_id: new_id(),
        ..Default::default()
    };
    let other = RegisterOrganisationRequest {
        command_id: bytes.command_id.clone(),
        ..Default::default()
    };
    assert_eq!(
        prost::Message::encode_to_vec(&bytes),
        prost::Message::encode_to_vec(&other),
        "{} and {}",
        ConsumeStockRequest::TYPE,
        RegisterOrganisationRequest::TYPE
    );
    let place = Place::new();
    let desk = place.desk();
    let organisation = Organisation {
        organisation_id: "A".to_owned(),
        name: Some(name("a")),
        kinds: vec![OrganisationKind::Donor.into()],
        ..Organisation::default()
    };
    desk.carry_out::<_, _, Organisation>(Request::new(other), |_, _| {
        Some(RegisterOrganisation(organisation.clone()))
    })
    .await
    .unwrap();
    let status = desk
        .carry_out::<_, _, Organisation>(Request::new(bytes), |_, _| {
            Some(RegisterOrganisation(organisation))
        })
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "COMMAND_ID_REUSED");
}

/// Stock that came with more donations than one question to the log may name is issued all the same.
#[tokio::test]
async fn stock_of_very_many_donations_is_issued() {
    let place = Place::new();
    let desk = place.desk();
    stock_up(&desk, 1).await;
    for number in 0..1_050 {
        let donation_id = code(&format!("D{number}"));
        let pledge = PledgeDonation {
            donation_id: donation_id.clone(),
            ..pledge(1)
        };
        let _: Donation = carry_out(&desk, pledge).await;
        let mut receipt = receipt(1);
        receipt.donation_id = donation_id;
        receipt.lines[0].batch_id = code(&format!("B{number}"));
        let _: Donation = carry_out(&desk, receipt).await;
    }
    // One that knows nothing yet reads all of it.
    let fresh = place.desk();
    for _ in 0..2 {
        consume(&fresh, 1).await.unwrap();
    }
}
