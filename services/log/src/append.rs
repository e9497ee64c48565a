//! Why an append was not recorded.

use keruen_proto::log::v1::{AppendFailure, AppendRefusal, AppendRequest};

/// A field that breaks a rule of the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct Violation {
    /// Path of the field, for example `events[3].tags[0]`.
    pub field: String,
    /// The rule, and what was found.
    pub rule: String,
}

impl Violation {
    pub(crate) fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            rule: rule.into(),
        }
    }
}

/// Why an append was not answered. Only [`AppendError::Unavailable`] leaves open whether it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Read what is new and decide again.
    #[error(
        "the event at position {conflicting_position} matches the condition, which allows none above {after_position}"
    )]
    ConditionFailed {
        /// Position of an event that the condition rules out.
        conflicting_position: u64,
        /// Position that the decision was based on.
        after_position: u64,
    },
    /// The command id was used before with another payload.
    #[error(
        "command id {command_id} was used before, with another payload, at position {first_position}; \
         take a new command id for a new command"
    )]
    CommandIdReused {
        /// The id.
        command_id: String,
        /// Position of the first event that it led to.
        first_position: u64,
    },
    /// The request itself is malformed or beyond a bound; repeating it can't help.
    #[error("{0}")]
    InvalidArgument(Violation),
    /// Too much is waiting; nothing was recorded, repeat later.
    #[error("the log is busy: {0}; nothing was recorded, repeat later")]
    ResourceExhausted(String),
    /// The disk of the log is full, or nearly so; nothing was recorded. Reads go on, and so do appends once there is room.
    #[error("{0}")]
    NoSpace(String),
    /// The deadline had passed before the append was looked at; nothing was recorded.
    #[error("the deadline passed before the append was looked at; nothing was recorded")]
    DeadlineExceeded,
    /// The log can't be written now, and the outcome is unknown: repeat with the same command id.
    #[error("{0}")]
    Unavailable(String),
    /// The log can't be written here or now; nothing was recorded, as the message says.
    #[error("{0}")]
    NotRecorded(String),
}

impl AppendError {
    /// The same for programs on the other side of a wire.
    pub fn refusal(&self) -> AppendRefusal {
        match self {
            Self::ConditionFailed { .. } => AppendRefusal::ConditionFailed,
            Self::CommandIdReused { .. } => AppendRefusal::CommandIdReused,
            Self::InvalidArgument(_) => AppendRefusal::InvalidArgument,
            Self::ResourceExhausted(_) => AppendRefusal::ResourceExhausted,
            Self::NoSpace(_) => AppendRefusal::NoSpace,
            Self::DeadlineExceeded => AppendRefusal::DeadlineExceeded,
            Self::Unavailable(_) => AppendRefusal::Unavailable,
            Self::NotRecorded(_) => AppendRefusal::NotRecorded,
        }
    }
}

impl From<&AppendError> for AppendFailure {
    fn from(error: &AppendError) -> Self {
        let mut failure = Self {
            refusal: error.refusal().into(),
            message: error.to_string(),
            ..Self::default()
        };
        match error {
            AppendError::ConditionFailed {
                conflicting_position: position,
                ..
            }
            | AppendError::CommandIdReused {
                first_position: position,
                ..
            } => failure.position = *position,
            AppendError::InvalidArgument(Violation { field, rule }) => {
                failure.field.clone_from(field);
                failure.detail.clone_from(rule);
            }
            AppendError::ResourceExhausted(detail)
            | AppendError::NoSpace(detail)
            | AppendError::Unavailable(detail)
            | AppendError::NotRecorded(detail) => failure.detail.clone_from(detail),
            AppendError::DeadlineExceeded => {}
        }
        failure
    }
}

impl AppendError {
    /// What a failure that came over a wire says about the request that it answers.
    pub(crate) fn from_wire(failure: AppendFailure, request: &AppendRequest) -> Self {
        let condition = request.condition.as_ref();
        match failure.refusal() {
            AppendRefusal::ConditionFailed => Self::ConditionFailed {
                conflicting_position: failure.position,
                after_position: condition.map_or(0, |condition| condition.after_position),
            },
            AppendRefusal::CommandIdReused => Self::CommandIdReused {
                command_id: request.command_id.clone(),
                first_position: failure.position,
            },
            AppendRefusal::InvalidArgument => {
                Self::InvalidArgument(Violation::new(failure.field, failure.detail))
            }
            AppendRefusal::ResourceExhausted => Self::ResourceExhausted(failure.detail),
            AppendRefusal::NoSpace => Self::NoSpace(failure.detail),
            AppendRefusal::DeadlineExceeded => Self::DeadlineExceeded,
            AppendRefusal::Unavailable => Self::Unavailable(failure.detail),
            AppendRefusal::NotRecorded => Self::NotRecorded(failure.detail),
            AppendRefusal::Unspecified => Self::Unavailable(format!(
                "the writer refused for a reason that this version doesn't know, number {}: {}",
                failure.refusal, failure.message
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use keruen_proto::log::v1::AppendCondition;

    use super::*;

    #[test]
    fn an_error_comes_over_a_wire_as_it_was() {
        let request = AppendRequest {
            command_id: "0190a7b2-0000-7000-8000-000000000001".to_owned(),
            condition: Some(AppendCondition {
                after_position: 7,
                ..AppendCondition::default()
            }),
            ..AppendRequest::default()
        };
        for error in [
            AppendError::ConditionFailed {
                conflicting_position: 9,
                after_position: 7,
            },
            AppendError::CommandIdReused {
                command_id: request.command_id.clone(),
                first_position: 3,
            },
            AppendError::InvalidArgument(Violation::new("events[3].tags[0]", "must be: a tag")),
            AppendError::ResourceExhausted("2 appends are queued".to_owned()),
            AppendError::NoSpace("1 MiB is free".to_owned()),
            AppendError::DeadlineExceeded,
            AppendError::Unavailable("the log stopped".to_owned()),
            AppendError::NotRecorded("the log is closed".to_owned()),
        ] {
            let failure = AppendFailure::from(&error);
            assert_eq!(failure.message, error.to_string());
            assert_eq!(AppendError::from_wire(failure, &request), error);
        }
    }
}
