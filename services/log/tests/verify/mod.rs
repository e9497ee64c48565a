//! A log with everything in it that a column can hold, and ways to spoil it.

#![allow(dead_code, reason = "each test crate uses a part")]

use keruen_log::{
    AppendRequest, Log, ProposedEvent,
    checkpoint::Checkpoint,
    verify::{Finding, Verified, VerifyError},
};
use keruen_proto::log::v1::{Correction, OccurredAt};
use uuid::Uuid;

/// Two completed tiles and a part of the third; as few as that, since each spoiled bit is looked for from the start.
pub const EVENTS: u64 = 300;

/// Every column of the table of events.
pub const COLUMNS: [&str; 22] = [
    "position",
    "command_id",
    "command_hash",
    "event_index",
    "append_events",
    "type",
    "tags",
    "region",
    "other_region",
    "data",
    "occurred_at_us",
    "occurred_offset_minutes",
    "occurred_precision",
    "occurred_clamped",
    "recorded_at_us",
    "actor",
    "origin",
    "correlation_id",
    "causation_id",
    "corrects_event_id",
    "correction_reason",
    "leaf_hash",
];

/// Fills a log with appends of one to four events, every column of which holds something.
pub async fn fill(log: &dyn Log, events: u64) {
    let mut position = 0;
    let mut append = 0_u128;
    while position < events {
        let count = (1 + append % 4).min(u128::from(events - position));
        let command_id = Uuid::from_u128(0x018f_3c2e_7b1a_7c3d_9e4f_0000_0000_0000 + append);
        let request = AppendRequest {
            command_id: command_id.to_string(),
            command_hash: vec![u8::try_from(append % 251).unwrap(); 32],
            actor: format!("person:{append}"),
            origin: "hub".to_owned(),
            events: (0..count).map(|index| event(append, index)).collect(),
            ..AppendRequest::default()
        };
        position = log.append(request).await.unwrap().last_position;
        append += 1;
    }
}

fn event(append: u128, index: u128) -> ProposedEvent {
    let id = format!("{}/0", Uuid::from_u128(7));
    ProposedEvent {
        r#type: format!("keruen.test.v1.Kind{}", append % 3),
        tags: vec![
            format!("shipment:S-{append}"),
            format!("stock:F-1/I-{index}"),
        ],
        region: "KZ-62".to_owned(),
        other_region: "KZ-75".to_owned(),
        data: vec![u8::try_from(append % 256).unwrap(); 40].into(),
        occurred_at: Some(OccurredAt {
            time_us: 1_588_309_200_000_000,
            utc_offset_minutes: 300,
            precision: 1,
            clamped: false,
        }),
        correlation_id: id.clone(),
        causation_id: id.clone(),
        correction: Some(Correction {
            corrects_event_id: id,
            reason: 1,
        }),
    }
}

/// The checkpoint of a log, as an auditor has kept it.
pub async fn checkpoint(log: &dyn Log) -> Checkpoint {
    let head = log.head().await.unwrap();
    Checkpoint {
        origin: "kept".to_owned(),
        size: head.position,
        root_hash: head.root_hash,
    }
}

/// What is wrong with a log that must be wrong.
pub fn wrong(verified: Result<Verified, VerifyError>) -> Finding {
    match verified {
        Err(VerifyError::Wrong(findings)) => findings.into_iter().next().unwrap(),
        Err(other) => panic!("it was not verified: {other}"),
        Ok(verified) => panic!("nothing was found: {verified:?}"),
    }
}

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
