//! Which events a query means.

use keruen_proto::log::v1::{Query, QueryItem, RecordedEvent};

/// Whether an event with this type and these tags matches the query.
pub fn matches(query: &Query, event_type: &str, tags: &[impl AsRef<str>]) -> bool {
    query.items.is_empty()
        || query
            .items
            .iter()
            .any(|item| matches_item(item, event_type, tags))
}

/// Whether the event matches the query.
pub fn matches_event(query: &Query, event: &RecordedEvent) -> bool {
    matches(query, &event.r#type, &event.tags)
}

/// Whether the query means every event, whatever its type and tags.
pub(crate) fn is_everything(query: &Query) -> bool {
    query.items.is_empty()
        || query
            .items
            .iter()
            .any(|item| item.types.is_empty() && item.tags.is_empty())
}

pub(crate) fn matches_item(item: &QueryItem, event_type: &str, tags: &[impl AsRef<str>]) -> bool {
    let carries = |wanted: &String| tags.iter().any(|tag| tag.as_ref() == wanted);
    (item.types.is_empty() || item.types.iter().any(|name| name == event_type))
        && item.tags.iter().all(carries)
}
