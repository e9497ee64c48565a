//! A command takes effect once or not at all, however it is sent.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::time::Duration;

use keruen_proto::inventory::v1::ConsumeStockRequest;
use keruen_tests::{
    message::{consume, pledge, pledge_line, request, request_of},
    refusal::Refusal,
    refused,
    scene::{self, Clients, MASK, MASK_A, NORTH},
    stage::Stage,
    wire,
};
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_id_belongs_to_one_command() {
    let mut stage = Stage::set().await;
    let message = consume(NORTH, MASK_A, 40);
    let first = stage
        .clients
        .inventory
        .consume_stock(request(message.clone()))
        .await
        .unwrap()
        .into_inner();
    // Nothing of the kind would be allowed any more.
    let rest = consume(NORTH, MASK_A, 60);
    stage
        .clients
        .inventory
        .consume_stock(request(rest))
        .await
        .unwrap();
    let head = stage.head().await;
    let again = stage
        .clients
        .inventory
        .consume_stock(request(message.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again, first, "a repeated command gets its first answer");
    let mut spelled_otherwise = message.clone();
    spelled_otherwise.command_id = message.command_id.to_uppercase();
    // It is the same id, but not the same bytes.
    refused!(stage.inventory.consume_stock(spelled_otherwise)).is(
        Code::AlreadyExists,
        "COMMAND_ID_REUSED",
        &[],
        "",
    );

    let other = ConsumeStockRequest {
        quantity: 41,
        ..message.clone()
    };
    refused!(stage.inventory.consume_stock(other)).is(
        Code::AlreadyExists,
        "COMMAND_ID_REUSED",
        &[],
        &message.command_id,
    );
    let by_another = stage
        .clients
        .inventory
        .consume_stock(request_of("test:other", message.clone()))
        .await;
    Refusal::of(&by_another.unwrap_err()).is(Code::AlreadyExists, "COMMAND_ID_REUSED", &[], "");
    let mut of_another_kind = pledge(vec![pledge_line(MASK, "", 1)]);
    of_another_kind.command_id.clone_from(&message.command_id);
    refused!(stage.inventory.pledge_donation(of_another_kind)).is(
        Code::AlreadyExists,
        "COMMAND_ID_REUSED",
        &[],
        "",
    );
    assert_eq!(stage.head().await, head);

    // Also by a node that has forgotten everything but its log.
    stage.node.restart().await;
    stage.clients = Clients::on(&stage.node.channel());
    let again = stage
        .clients
        .inventory
        .consume_stock(request(message))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again, first);
    assert_eq!(stage.head().await, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_validated_is_not_recorded() {
    let mut stage = Stage::set().await;
    let head = stage.head().await;
    let trial = ConsumeStockRequest {
        validate_only: true,
        ..consume(NORTH, MASK_A, 40)
    };
    let answer = stage
        .clients
        .inventory
        .consume_stock(request(trial.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.position, 0);
    assert_eq!(
        answer.stock_level.unwrap().lots[0].on_hand,
        60,
        "the answer shows what would be"
    );
    let too_much = ConsumeStockRequest {
        validate_only: true,
        ..consume(NORTH, MASK_A, 101)
    };
    refused!(stage.inventory.consume_stock(too_much)).is(
        Code::FailedPrecondition,
        "INSUFFICIENT_STOCK",
        &[],
        "101",
    );
    assert_eq!(stage.head().await, head);
    // The trial has not used up its command id.
    let real = ConsumeStockRequest {
        validate_only: false,
        ..trial
    };
    assert!(
        stage
            .clients
            .inventory
            .consume_stock(request(real))
            .await
            .unwrap()
            .into_inner()
            .position
            > head
    );
}

/// Whether a refusal blames its caller, and not the system.
fn blames_the_caller(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::ResourceExhausted
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_too_odd_to_be_answered() {
    let stage = Stage::set().await;
    let channel = stage.node.channel();
    let head = stage.head().await;
    let methods = wire::methods();
    assert!(
        methods.iter().filter(|method| method.is_mutation).count() >= 15,
        "{methods:?}"
    );
    // Field 1 as text that is no UTF-8; a field that is cut off; a group that never ends; random bytes.
    let odd: [&[u8]; 4] = [
        b"\x0a\x02\xff\xfe",
        b"\x0a\x7f",
        b"\x0b\x0b\x0b",
        b"\xde\xad\xbe\xef\x00\x01",
    ];
    for method in &methods {
        let empty = wire::call(&channel, &method.path, Request::new(vec![])).await;
        if method.is_mutation {
            let refusal = Refusal::of(&empty.unwrap_err());
            assert_eq!(
                refusal.code,
                Code::InvalidArgument,
                "{}: {refusal:?}",
                method.path
            );
            assert!(
                refusal
                    .violations
                    .iter()
                    .any(|(field, _)| field == "command_id"),
                "{refusal:?}"
            );
        } else if let Err(status) = empty {
            assert!(
                blames_the_caller(status.code()),
                "{}: {status:?}",
                method.path
            );
        }
        for bytes in odd {
            let Err(status) =
                wire::call(&channel, &method.path, Request::new(bytes.to_vec())).await
            else {
                continue;
            };
            // gRPC prescribes INTERNAL for bytes that are not the message at all.
            let is_malformed = status
                .message()
                .starts_with("failed to decode Protobuf message");
            let code = status.code();
            assert!(
                blames_the_caller(code) || (code == Code::Internal && is_malformed),
                "{} {bytes:x?}: {status:?}",
                method.path
            );
        }
        // Over the limit of 1 MiB: an unknown field of 2 MiB.
        let mut large = vec![0xfa, 0x3f, 0x80, 0x80, 0x80, 0x01];
        large.resize(large.len() + (2 << 20), b'x');
        let status = wire::call(&channel, &method.path, Request::new(large))
            .await
            .unwrap_err();
        assert!(
            blames_the_caller(status.code()),
            "{}: {status:?}",
            method.path
        );
    }
    let status = wire::call(
        &channel,
        "/keruen.stock.v1.StockService/Guess",
        Request::new(vec![]),
    )
    .await
    .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    assert_eq!(stage.head().await, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passed_leaves_the_command_repeatable() {
    let mut stage = Stage::set().await;
    let mut recorded = 0;
    for timeout in ["1n", "1u", "100u", "1m", "2m", "5m"] {
        let message = consume(NORTH, MASK_A, 1);
        let mut hasty = request(message.clone());
        hasty
            .metadata_mut()
            .insert("grpc-timeout", timeout.parse().unwrap());
        match stage.clients.inventory.consume_stock(hasty).await {
            Ok(_) => {}
            Err(status) => {
                let code = status.code();
                assert!(
                    matches!(code, Code::DeadlineExceeded | Code::Cancelled),
                    "{timeout}: {status:?}"
                );
            }
        }
        // Whatever became of it: repeated in peace, it is recorded exactly once.
        let answer = stage
            .clients
            .inventory
            .consume_stock(request(message.clone()))
            .await
            .unwrap()
            .into_inner();
        let again = stage
            .clients
            .inventory
            .consume_stock(request(message))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(again, answer);
        recorded += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let head = stage.head().await;
        let rows = scene::stock(&mut stage.clients, head).await;
        assert_eq!(rows.iter().map(|row| row.consumed).sum::<i64>(), recorded);
    }
}
