//! Why a question is not answered, and the gRPC status that says so.

use keruen_domain::{Rejection, RejectionKind};
use keruen_edge::status;
use tonic::{Code, Status};
use tonic_types::FieldViolation;

use crate::{
    failure::StoreError,
    views::{Parked, ReadError},
};

/// Why a question is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Fields that break a rule.
    #[error("{}", shown(.0))]
    Fields(Vec<FieldViolation>),
    /// It names something that does not exist.
    #[error(transparent)]
    Unknown(#[from] Rejection),
    /// It names a unit of an asset that nobody has received.
    #[error(
        "there is no unit {serial_number:?} of item {item_id}; check item and serial number as printed"
    )]
    UnknownAsset {
        /// The item.
        item_id: String,
        /// The serial number.
        serial_number: String,
    },
    /// It names a lot that nobody has received, and that is not recalled.
    #[error("there is no lot {lot:?} of item {item_id}; check item and lot as printed")]
    UnknownLot {
        /// The item.
        item_id: String,
        /// The lot number.
        lot: String,
    },
    /// It names something that the view does not know, which is behind the log and may come to know it.
    #[error(
        "{unknown}; or the view {view} does not know it yet, which stands at position {position}, {} events behind the log: \
         min_position {head_position} waits for it (--min-position)",
        head_position.saturating_sub(*position)
    )]
    NotYet {
        /// What is not known.
        unknown: Box<Refusal>,
        /// The view.
        view: &'static str,
        /// Where it stood when it was asked.
        position: u64,
        /// Head of the log.
        head_position: u64,
    },
    /// The views did not reach `min_position` in time.
    #[error(
        "the views stand at position {position} of {head_position} after {waited_ms} ms, {min_position} was asked for; \
         ask again later, or for an older position"
    )]
    Behind {
        /// Asked for.
        min_position: u64,
        /// Reached.
        position: u64,
        /// Head of the log.
        head_position: u64,
        /// How long the question waited.
        waited_ms: u128,
        /// Whether it was the caller who would not wait longer.
        is_deadline: bool,
    },
    /// The views have not been matched with the log yet.
    #[error("the views are starting; ask again later")]
    Starting,
    /// The views will not reach `min_position`.
    #[error(
        "the views stand at position {position} and can't reach {min_position}: {parked}; a newer version of the \
         program may take it in"
    )]
    Parked {
        /// Asked for.
        min_position: u64,
        /// Reached.
        position: u64,
        /// The event in the way.
        parked: Parked,
    },
    /// The answer would not fit into a message.
    #[error("the trace would take more than {limit_bytes} bytes; ask for its batches one by one")]
    TooLarge {
        /// What fits.
        limit_bytes: usize,
    },
    /// A statement would be about more than can be added up at once.
    #[error(
        "the statement would be about too much to add up at once; ask for one donation at a time"
    )]
    StatementTooLarge,
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log did not say where it stands.
    #[error(transparent)]
    Log(#[from] keruen_log::ReadError),
}

impl Refusal {
    /// One field that breaks a rule.
    pub fn field(field: &str, rule: impl Into<String>) -> Self {
        Self::Fields(vec![FieldViolation::new(field, rule)])
    }

    /// The same of a view that stood at a position when it was asked, and is behind the log.
    #[must_use]
    pub fn of_view(self, view: &'static str, position: u64, head_position: u64) -> Self {
        if position >= head_position || self.code() != Code::NotFound {
            return self;
        }
        Self::NotYet {
            unknown: Box::new(self),
            view,
            position,
            head_position,
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Fields(_) => Code::InvalidArgument,
            Self::NotYet { unknown, .. } => unknown.code(),
            Self::Unknown(rejection) => match rejection.kind() {
                RejectionKind::Missing => Code::NotFound,
                _ => Code::FailedPrecondition,
            },
            Self::UnknownAsset { .. } | Self::UnknownLot { .. } => Code::NotFound,
            Self::Behind {
                is_deadline: true, ..
            } => Code::DeadlineExceeded,
            Self::Behind { .. }
            | Self::Starting
            | Self::Parked { .. }
            | Self::Read(
                ReadError::TooSlow { .. }
                | ReadError::Missing
                | ReadError::Store(
                    StoreError::Sqlite(_)
                    | StoreError::Postgres(_)
                    | StoreError::Unavailable(_)
                    | StoreError::Foreign { .. }
                    | StoreError::OtherVersion
                    | StoreError::Lost(_)
                    | StoreError::Io(_)
                    | StoreError::Overtaken,
                ),
            )
            | Self::Log(_) => Code::Unavailable,
            Self::TooLarge { .. } | Self::StatementTooLarge => Code::ResourceExhausted,
            Self::Read(ReadError::Stopped(_)) => Code::Internal,
            Self::Read(ReadError::Store(StoreError::Damaged(_))) => Code::DataLoss,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Fields(_) => "INVALID_FIELDS",
            Self::Unknown(rejection) => rejection.reason(),
            Self::NotYet { unknown, .. } => unknown.reason(),
            Self::UnknownAsset { .. } => "UNKNOWN_ASSET",
            Self::UnknownLot { .. } => "UNKNOWN_LOT",
            Self::Behind { .. } => "VIEW_BEHIND",
            Self::Starting
            | Self::Read(ReadError::Missing | ReadError::Store(StoreError::OtherVersion)) => {
                "VIEW_STARTING"
            }
            Self::Parked { .. } => "VIEW_PARKED",
            Self::TooLarge { .. } => "TRACE_TOO_LARGE",
            Self::StatementTooLarge => "STATEMENT_TOO_LARGE",
            Self::Read(ReadError::TooSlow { .. }) => "VIEW_TOO_SLOW",
            Self::Read(ReadError::Store(StoreError::Unavailable(_))) => "STORE_UNAVAILABLE",
            Self::Read(_) => "VIEW_UNREADABLE",
            Self::Log(_) => "LOG_UNAVAILABLE",
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Unknown(rejection) => rejection.metadata(),
            Self::NotYet {
                unknown,
                position,
                head_position,
                ..
            } => {
                let mut metadata = unknown.metadata();
                metadata.extend([
                    ("position", position.to_string()),
                    ("head_position", head_position.to_string()),
                ]);
                metadata
            }
            Self::UnknownAsset {
                item_id,
                serial_number,
            } => {
                vec![
                    ("item_id", item_id.clone()),
                    ("serial_number", serial_number.clone()),
                ]
            }
            Self::UnknownLot { item_id, lot } => {
                vec![("item_id", item_id.clone()), ("lot", lot.clone())]
            }
            Self::Behind {
                min_position,
                position,
                head_position,
                ..
            } => vec![
                ("min_position", min_position.to_string()),
                ("position", position.to_string()),
                ("head_position", head_position.to_string()),
            ],
            Self::Parked {
                min_position,
                position,
                parked,
            } => vec![
                ("min_position", min_position.to_string()),
                ("position", position.to_string()),
                ("parked_position", parked.position.to_string()),
            ],
            _ => Vec::new(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl From<prost::DecodeError> for Refusal {
    fn from(error: prost::DecodeError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Fields(violations) => status::field_violations(violations),
            Refusal::Unknown(rejection) => status::rejection(&rejection),
            _ => {
                if let Refusal::Read(error) = &refusal {
                    tracing::error!(%error, "reading views failed");
                }
                let message = refusal.to_string();
                status::with_reason(
                    refusal.code(),
                    message,
                    refusal.reason(),
                    refusal.metadata(),
                )
            }
        }
    }
}

fn shown(violations: &[FieldViolation]) -> String {
    let lines: Vec<String> = violations
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.description))
        .collect();
    lines.join("; ")
}
