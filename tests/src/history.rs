//! The log as a reader sees it.

use keruen_domain::check::Ledger;
use keruen_log::{AppendRequest, Log, ProposedEvent};
use keruen_proto::{
    Event,
    events::v1::{GetLogHeadRequest, ListEventsRequest, event_service_client::EventServiceClient},
    log::v1::{OccurredAt, RecordedEvent, TimePrecision},
};
use tonic::transport::Channel;

/// Position of the newest event.
pub async fn head(channel: &Channel) -> u64 {
    let answer = EventServiceClient::new(channel.clone())
        .get_log_head(GetLogHeadRequest {})
        .await;
    answer.expect("the log answers").into_inner().position
}

/// Appends an event that a newer version has written, of the type `keruen.future.v9.Teleported`.
pub async fn append_unknown(log: &dyn Log) {
    let occurred_at = OccurredAt {
        time_us: 1_600_000_000_000_000,
        precision: TimePrecision::Second.into(),
        ..OccurredAt::default()
    };
    let event = ProposedEvent {
        r#type: "keruen.future.v9.Teleported".to_owned(),
        tags: vec!["batch:B-1".to_owned()],
        data: vec![1, 2, 3].into(),
        occurred_at: Some(occurred_at),
        ..ProposedEvent::default()
    };
    let request = AppendRequest {
        command_id: "99999999-0000-4000-8000-000000000000".to_owned(),
        command_hash: vec![7; 32],
        actor: "tester".to_owned(),
        origin: "node".to_owned(),
        events: vec![event],
        ..AppendRequest::default()
    };
    log.append(request).await.expect("the log takes it");
}

/// All events, in order. They stand at the positions 1, 2, 3 … without gaps, each event id once.
pub async fn read(channel: &Channel) -> Vec<RecordedEvent> {
    let mut client = EventServiceClient::new(channel.clone());
    let mut events: Vec<RecordedEvent> = Vec::new();
    let mut after_position = 0;
    loop {
        let question = ListEventsRequest {
            query: None,
            after_position,
            page_size: 1_000,
        };
        let page = client
            .list_events(question)
            .await
            .expect("the log answers")
            .into_inner();
        events.extend(page.events);
        after_position = page.next_after_position;
        if after_position == 0 {
            break;
        }
    }
    let positions = events.iter().map(|event| event.position);
    assert!(
        positions.eq(1..=events.len() as u64),
        "the positions of the log have gaps"
    );
    let mut ids: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(
        ids.len(),
        events.len(),
        "an event id stands in the log twice"
    );
    events
}

/// Checks what must hold after each append, with books kept apart from the folds that decisions use.
pub fn check(events: &[RecordedEvent]) {
    let mut ledger = Ledger::default();
    for append in events.chunk_by(|one, next| one.command_id == next.command_id) {
        for recorded in append {
            let event = Event::decode(&recorded.r#type, &recorded.data)
                .expect("every event of the log can be read");
            let occurred_at = recorded
                .occurred_at
                .expect("every event says when it happened");
            ledger.take_in(recorded.position, &event, occurred_at.time_us);
        }
        let violations = ledger.end_append();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}
