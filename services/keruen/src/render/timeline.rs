//! Events as people read them.

use keruen_proto::log::v1::RecordedEvent;
use serde::Serialize;
use serde_json::Value;

use crate::{
    cells,
    render::record::{Cell, Record, recorded, time},
};

/// What was recorded so long after it happened is late.
const LATE_US: i64 = 86_400_000_000;
/// What says nothing about what happened.
const LEFT_OUT: &[&str] = &["sha256", "commandId"];

/// One event of a timeline.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    position: u64,
    occurred_at: String,
    recorded_at: String,
    /// How many days later it was recorded, where that was late.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_days_late: Option<i64>,
    /// What happened.
    what: String,
    actor: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    corrects: String,
    /// `field=value` of all that the event says.
    details: Vec<String>,
    event_id: String,
}

impl Moment {
    /// An event, given also as a `CloudEvent`, of the timeline of a tag.
    pub fn of(event: &RecordedEvent, json: &Value, tag: &str) -> Self {
        let occurred_at_us = event.occurred_at.as_ref().map(|at| at.time_us);
        let late_us = occurred_at_us.map_or(0, |at_us| event.recorded_at_us - at_us);
        let own = tag.split_once(':').map_or("", |(_, id)| id);
        let mut details = Vec::new();
        if let Some(data) = json.get("data") {
            tell(data, "", own, &mut details);
        }
        let correction = event.correction.as_ref();
        Self {
            position: event.position,
            occurred_at: time(event.occurred_at.as_ref()),
            recorded_at: recorded(event.recorded_at_us),
            recorded_days_late: (late_us > LATE_US).then_some(late_us / LATE_US),
            what: words(event.r#type.rsplit('.').next().unwrap_or_default()),
            actor: event.actor.clone(),
            corrects: correction
                .map(|it| it.corrects_event_id.clone())
                .unwrap_or_default(),
            details,
            event_id: event.event_id.clone(),
        }
    }
}

/// `ShipmentDispatched` as `shipment dispatched`.
fn words(name: &str) -> String {
    separated(name, ' ')
}

/// `facilityId` as `facility_id`.
fn separated(name: &str, separator: char) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(separator);
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// All that stands in a message, each with the name of its field; what the timeline is of goes without saying.
fn tell(value: &Value, name: &str, own: &str, details: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                if !LEFT_OUT.contains(&field.as_str()) {
                    tell(value, &separated(field, '_'), own, details);
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                tell(value, name, own, details);
            }
        }
        Value::String(text) if text.is_empty() || text == own => {}
        Value::String(text) => details.push(format!("{name}={}", word(name, text))),
        Value::Bool(false) | Value::Null => {}
        Value::Bool(true) => details.push(name.to_owned()),
        Value::Number(number) => details.push(format!("{name}={number}")),
    }
}

/// `DISPOSAL_REASON_EXPIRED` of a `reason` as `expired`; anything else as it is.
fn word(field: &str, text: &str) -> String {
    let is_enum = text.contains('_')
        && text
            .chars()
            .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_');
    if !is_enum {
        return text.to_owned();
    }
    let marker = format!("{}_", field.trim_end_matches('s').to_ascii_uppercase());
    let rest = text
        .find(&marker)
        .map_or(text, |at| &text[at + marker.len()..]);
    rest.to_ascii_lowercase().replace('_', "-")
}

impl Record for Moment {
    const COLUMNS: &'static [&'static str] = &[
        "position",
        "occurred_at",
        "recorded_days_late",
        "what",
        "details",
        "actor",
        "corrects",
    ];

    fn cells(&self) -> Vec<Cell> {
        let late = self.recorded_days_late.map(|days| days.to_string());
        cells![
            self.position.to_string(),
            &self.occurred_at,
            late.unwrap_or_default(),
            &self.what,
            self.details.join(" "),
            &self.actor,
            &self.corrects,
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_event_says_is_told_field_by_field() {
        let mut details = Vec::new();
        let data = json!({
            "shipmentId": "S-1",
            "units": [{"quantity": "40", "batchId": "B-1", "lot": ""}],
            "reason": "LOSS_CAUSE_THEFT",
            "cause": "LOSS_CAUSE_THEFT",
            "decrease": false,
            "alreadyUsed": true,
        });
        tell(&data, "", "S-1", &mut details);
        details.sort();
        assert_eq!(
            details,
            [
                "already_used",
                "batch_id=B-1",
                "cause=theft",
                "quantity=40",
                "reason=loss-cause-theft"
            ]
        );
        assert_eq!(words("ShipmentDispatched"), "shipment dispatched");
    }
}
