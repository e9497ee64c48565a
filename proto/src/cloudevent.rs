//! A recorded event as a CloudEvents 1.0 event in structured JSON mode: what `keruen events` prints and what
//! subscribers receive.
//!
//! Context attributes: `id` is the event id, `source` is `/keruen/<origin>` (the node that recorded the fact first),
//! `type` the full protobuf name, `time` when the fact happened, with the place's offset from UTC. `data` is the
//! protobuf JSON of the event. An event type that this version doesn't know keeps its bytes in `data_base64`.
//!
//! Extension attributes, left out where empty: `position`, `tags` (separated by spaces), `region`, `otherregion`,
//! `actor`, `origin`, `commandid`, `commandhash`, `correlationid`, `causationid`, `recordedtime`, `timeprecision`,
//! `timeclamped`, `corrects`, `correctionreason`, `leafhash`. Hashes are base64. `position` is text, because an
//! integer attribute holds 32 bits only.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use serde_json::{Map, Value};

use crate::{
    event::{DecodeError, Event},
    log::v1::{CorrectionReason, OccurredAt, RecordedEvent, TimePrecision},
};

/// Media type of one event in structured mode.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// Why an event can't be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// Its bytes are not what its type says.
    #[error("position {position}: {source}")]
    Data {
        /// Where it stands.
        position: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Its data has no JSON form.
    #[error("position {position}: {source}")]
    Json {
        /// Where it stands.
        position: u64,
        /// What the serializer says.
        source: serde_json::Error,
    },
}

/// Renders one event.
pub fn render(event: &RecordedEvent) -> Result<Value, RenderError> {
    let mut attributes = Map::new();
    let mut text = |name: &str, value: &str| {
        if !value.is_empty() {
            attributes.insert(name.to_owned(), Value::from(value));
        }
    };
    text("specversion", "1.0");
    text("id", &event.event_id);
    text("source", &format!("/keruen/{}", event.origin));
    text("type", &event.r#type);
    if let Some(occurred_at) = &event.occurred_at {
        text("time", &local_time(occurred_at));
        text("timeprecision", precision_word(occurred_at.precision()));
    }
    text("position", &event.position.to_string());
    text("tags", &event.tags.join(" "));
    text("region", &event.region);
    text("otherregion", &event.other_region);
    text("actor", &event.actor);
    text("origin", &event.origin);
    text("commandid", &event.command_id);
    text("commandhash", &STANDARD.encode(&event.command_hash));
    text("correlationid", &event.correlation_id);
    text("causationid", &event.causation_id);
    text("recordedtime", &utc_time(event.recorded_at_us));
    if let Some(correction) = &event.correction {
        text("corrects", &correction.corrects_event_id);
        text("correctionreason", correction_word(correction.reason()));
    }
    text("leafhash", &STANDARD.encode(&event.leaf_hash));
    if event
        .occurred_at
        .as_ref()
        .is_some_and(|occurred_at| occurred_at.clamped)
    {
        attributes.insert("timeclamped".to_owned(), Value::Bool(true));
    }
    data(event, &mut attributes)?;
    Ok(Value::Object(attributes))
}

fn data(event: &RecordedEvent, attributes: &mut Map<String, Value>) -> Result<(), RenderError> {
    let position = event.position;
    let (media_type, member, value) = match Event::decode(&event.r#type, &event.data) {
        Ok(decoded) => {
            let json = decoded
                .to_json()
                .map_err(|source| RenderError::Json { position, source })?;
            ("application/json", "data", json)
        }
        Err(DecodeError::UnknownType { .. }) => (
            "application/protobuf",
            "data_base64",
            Value::from(STANDARD.encode(&event.data)),
        ),
        Err(source) => return Err(RenderError::Data { position, source }),
    };
    attributes.insert("datacontenttype".to_owned(), Value::from(media_type));
    attributes.insert(member.to_owned(), value);
    Ok(())
}

/// RFC 3339 in UTC, to the microsecond where it isn't a whole second. Empty for times that no calendar holds.
pub fn utc_time(time_us: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(time_us)
        .map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        .unwrap_or_default()
}

/// RFC 3339 with the place's offset from UTC. Empty for times that no calendar holds.
pub fn local_time(occurred_at: &OccurredAt) -> String {
    let offset = occurred_at
        .utc_offset_minutes
        .checked_mul(60)
        .and_then(FixedOffset::east_opt);
    match (
        DateTime::<Utc>::from_timestamp_micros(occurred_at.time_us),
        offset,
    ) {
        (Some(time), Some(offset)) => time
            .with_timezone(&offset)
            .to_rfc3339_opts(SecondsFormat::AutoSi, true),
        _ => utc_time(occurred_at.time_us),
    }
}

fn precision_word(precision: TimePrecision) -> &'static str {
    match precision {
        TimePrecision::Unspecified => "",
        TimePrecision::Second => "second",
        TimePrecision::Minute => "minute",
        TimePrecision::Day => "day",
    }
}

fn correction_word(reason: CorrectionReason) -> &'static str {
    match reason {
        CorrectionReason::Unspecified => "",
        CorrectionReason::IncorrectData => "incorrect_data",
        CorrectionReason::DidNotOccur => "did_not_occur",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{log::v1::Correction, requests::v1::RequestRejected};

    fn recorded(event: &Event) -> RecordedEvent {
        RecordedEvent {
            position: 4_294_967_296,
            event_id: "0190a7b2-0000-7000-8000-000000000001/0".to_owned(),
            r#type: event.type_name().to_owned(),
            tags: vec!["lot:TEST-A/L%201".to_owned(), "request:R-1".to_owned()],
            region: "KZ-62".to_owned(),
            data: event.encode().into(),
            occurred_at: Some(OccurredAt {
                time_us: 1_593_590_400_000_000,
                utc_offset_minutes: 360,
                precision: TimePrecision::Day.into(),
                clamped: true,
            }),
            recorded_at_us: 1_593_590_400_000_001,
            command_id: "0190a7b2-0000-7000-8000-000000000001".to_owned(),
            command_hash: vec![1; 32].into(),
            actor: "cli:ann".to_owned(),
            origin: "hub".to_owned(),
            correction: Some(Correction {
                corrects_event_id: "x/0".to_owned(),
                reason: CorrectionReason::DidNotOccur.into(),
            }),
            leaf_hash: vec![2; 32].into(),
            ..RecordedEvent::default()
        }
    }

    fn rejected() -> Event {
        RequestRejected {
            request_id: "R-1".to_owned(),
            facility_id: "F-1".to_owned(),
            reason: crate::requests::v1::RejectionReason::Duplicate.into(),
        }
        .into()
    }

    #[test]
    fn an_event_is_rendered_whole() {
        let json = render(&recorded(&rejected())).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "specversion": "1.0",
                "id": "0190a7b2-0000-7000-8000-000000000001/0",
                "source": "/keruen/hub",
                "type": "keruen.requests.v1.RequestRejected",
                "time": "2020-07-01T14:00:00+06:00",
                "timeprecision": "day",
                "timeclamped": true,
                "position": "4294967296",
                "tags": "lot:TEST-A/L%201 request:R-1",
                "region": "KZ-62",
                "actor": "cli:ann",
                "origin": "hub",
                "commandid": "0190a7b2-0000-7000-8000-000000000001",
                "commandhash": STANDARD.encode([1; 32]),
                "recordedtime": "2020-07-01T08:00:00.000001Z",
                "corrects": "x/0",
                "correctionreason": "did_not_occur",
                "leafhash": STANDARD.encode([2; 32]),
                "datacontenttype": "application/json",
                "data": {
                    "requestId": "R-1",
                    "facilityId": "F-1",
                    "reason": "REJECTION_REASON_DUPLICATE",
                },
            })
        );
    }

    #[test]
    fn attribute_names_keep_to_the_specification() {
        let json = render(&recorded(&rejected())).unwrap();
        for name in json
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| *name != "data")
        {
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
                "{name}"
            );
        }
    }

    #[test]
    fn an_unknown_type_keeps_its_bytes() {
        let event = RecordedEvent {
            r#type: "keruen.later.v9.Thing".to_owned(),
            ..recorded(&rejected())
        };
        let json = render(&event).unwrap();
        assert_eq!(json["data_base64"], STANDARD.encode(&event.data));
        assert_eq!(json["datacontenttype"], "application/protobuf");
        assert!(json.get("data").is_none());
    }

    #[test]
    fn bytes_that_are_not_the_event_are_an_error() {
        let event = RecordedEvent {
            data: vec![0xff].into(),
            ..recorded(&rejected())
        };
        assert!(
            render(&event)
                .unwrap_err()
                .to_string()
                .starts_with("position 4294967296: ")
        );
    }
}
