//! How errors reach clients: the one place where they become a gRPC status.

use std::collections::HashMap;

use keruen_domain::{Boundary, Rejection, RejectionKind, registry::noun};
use keruen_log::{AppendError, ReadError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::boundaries::LoadError;

/// The domain of every `google.rpc.ErrorInfo` of this system.
pub const ERROR_DOMAIN: &str = "keruen";

/// The key of an `ErrorInfo` that tells, where the code leaves it open, whether the attempt was recorded: `no` or
/// `unknown`.
pub const RECORDED: &str = "recorded";

/// A status with a stable reason, and its numbers.
pub fn with_reason(
    code: Code,
    message: impl Into<String>,
    reason: &str,
    metadata: impl IntoIterator<Item = (&'static str, String)>,
) -> Status {
    let metadata: HashMap<String, String> = metadata
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata);
    Status::with_error_details(code, message, details)
}

/// The longest description of one field, in characters.
const MAX_DESCRIPTION_CHARS: usize = 300;
/// What violations may take of the headers of an answer. Several clients, gRPC's C core among them, take 8 KiB of
/// headers and drop the whole answer where there are more.
const MAX_VIOLATION_BYTES: usize = 6_000;

/// Fields that break a rule: `INVALID_ARGUMENT` with as many of them as fit into an answer, and at least one.
pub fn field_violations(violations: Vec<FieldViolation>) -> Status {
    let found = violations.len();
    let mut room = MAX_VIOLATION_BYTES;
    let mut listed = Vec::new();
    for mut violation in violations {
        violation.description = violation
            .description
            .chars()
            .take(MAX_DESCRIPTION_CHARS)
            .collect();
        let bytes = header_bytes(&violation.field) + header_bytes(&violation.description);
        if bytes > room && !listed.is_empty() {
            break;
        }
        room = room.saturating_sub(bytes);
        listed.push(violation);
    }
    let mut message = listed
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.description))
        .collect::<Vec<_>>()
        .join("; ");
    if listed.len() < found {
        message.push_str("; and more");
    }
    let mut details = ErrorDetails::with_bad_request(listed);
    details.set_error_info(
        "INVALID_FIELDS",
        ERROR_DOMAIN,
        HashMap::<String, String>::new(),
    );
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// What a text takes in the headers: percent-encoded in the message, and base64 in the details, which hold the message
/// once more.
fn header_bytes(text: &str) -> usize {
    let percent_encoded: usize = text
        .bytes()
        .map(|byte| if byte.is_ascii_graphic() { 1 } else { 3 })
        .sum();
    percent_encoded + 3 * text.len() + 16
}

/// One field that breaks a rule.
pub fn field_violation(field: &str, rule: &str) -> Status {
    field_violations(vec![FieldViolation::new(field, rule)])
}

/// Nobody knows what is above the head of the log: that is refused, where an answer reflects everything up to it.
pub fn reached(head_position: u64, min_position: u64) -> Result<(), Status> {
    if min_position <= head_position {
        return Ok(());
    }
    let rule =
        format!("must not be above the head of the log, {head_position}; found {min_position}");
    Err(field_violation("min_position", &rule))
}

/// A refusal of the domain.
pub fn rejection(rejection: &Rejection) -> Status {
    let code = match rejection.kind() {
        RejectionKind::Refused => Code::FailedPrecondition,
        RejectionKind::Missing => Code::NotFound,
        RejectionKind::AlreadyExists => Code::AlreadyExists,
        RejectionKind::Malformed { .. } => Code::InvalidArgument,
    };
    let retry = ("retry_can_help", rejection.can_retry_help().to_string());
    let metadata = rejection.metadata().into_iter().chain([retry]);
    let metadata: HashMap<String, String> = metadata
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let mut details = ErrorDetails::with_error_info(rejection.reason(), ERROR_DOMAIN, metadata);
    let message = rejection.to_string();
    if let RejectionKind::Malformed { field } = rejection.kind() {
        let rule = message
            .strip_prefix(&format!("{field}: "))
            .unwrap_or(&message);
        details.add_bad_request_violation(field.as_str(), rule);
    }
    Status::with_error_details(code, message, details)
}

/// A refusal of the log, other than a failed condition, which is retried before it comes here.
pub fn append_error(error: &AppendError) -> Status {
    let (code, reason) = match error {
        AppendError::ConditionFailed { .. } => (Code::Aborted, "CONFLICT"),
        AppendError::CommandIdReused { .. } => (Code::AlreadyExists, "COMMAND_ID_REUSED"),
        AppendError::InvalidArgument(_) => (Code::InvalidArgument, "APPEND_REFUSED"),
        AppendError::ResourceExhausted(_) => (Code::ResourceExhausted, "LOG_BUSY"),
        AppendError::NoSpace(_) => (Code::ResourceExhausted, "DISK_FULL"),
        AppendError::DeadlineExceeded => (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        AppendError::Unavailable(_) | AppendError::NotRecorded(_) => {
            (Code::Unavailable, "LOG_UNAVAILABLE")
        }
    };
    if code == Code::Unavailable {
        tracing::error!(%error, "append failed");
    }
    with_reason(code, error.to_string(), reason, recorded(error))
}

/// Whether the attempt was recorded, where the code alone leaves that open.
fn recorded(error: &AppendError) -> Option<(&'static str, String)> {
    let told = match error {
        AppendError::Unavailable(_) => "unknown",
        AppendError::NotRecorded(_)
        | AppendError::ResourceExhausted(_)
        | AppendError::NoSpace(_)
        | AppendError::DeadlineExceeded => "no",
        AppendError::ConditionFailed { .. }
        | AppendError::CommandIdReused { .. }
        | AppendError::InvalidArgument(_) => return None,
    };
    Some((RECORDED, told.to_owned()))
}

/// A boundary that can't be folded.
pub fn load_error(error: &LoadError) -> Status {
    load_failure(error, None)
}

/// The same for a command, before anything was appended for it in this call.
pub fn load_error_before_append(error: &LoadError) -> Status {
    load_failure(error, Some((RECORDED, "no".to_owned())))
}

fn load_failure(error: &LoadError, recorded: Option<(&'static str, String)>) -> Status {
    tracing::error!(%error, "reading the log failed");
    match error {
        LoadError::Read(ReadError::Unavailable(_)) => with_reason(
            Code::Unavailable,
            error.to_string(),
            "LOG_UNAVAILABLE",
            recorded,
        ),
        LoadError::Read(ReadError::InvalidArgument(_)) => Status::internal(error.to_string()),
        LoadError::Read(ReadError::Damaged { .. }) | LoadError::Decode { .. } => {
            with_reason(Code::DataLoss, error.to_string(), "LOG_DAMAGED", [])
        }
    }
}

/// Something that nobody has heard of.
pub fn missing(boundary: &Boundary) -> Status {
    let id = |code: &keruen_domain::Code| code.to_string();
    let unknown = match boundary {
        Boundary::Organisation(code) => Rejection::UnknownOrganisation {
            organisation_id: id(code),
        },
        Boundary::Facility(code) | Boundary::MobileUnit(code) => Rejection::UnknownFacility {
            facility_id: id(code),
        },
        Boundary::Commodity(code) => Rejection::UnknownCommodity {
            commodity_id: id(code),
        },
        Boundary::Item(code) | Boundary::Quality(code) => {
            Rejection::UnknownItem { item_id: id(code) }
        }
        Boundary::Vehicle(code) => Rejection::UnknownVehicle {
            vehicle_id: id(code),
        },
        Boundary::Volunteer(code) => Rejection::UnknownVolunteer {
            volunteer_id: id(code),
        },
        Boundary::Crew(code) => Rejection::UnknownCrew { crew_id: id(code) },
        Boundary::Donation(code) | Boundary::Pledge(code) => Rejection::UnknownDonation {
            donation_id: id(code),
        },
        Boundary::Batch(code) | Boundary::KitsOfBatch(code) => {
            Rejection::UnknownBatch { batch_id: id(code) }
        }
        Boundary::Count(code) => {
            let message = format!("there is no count {code}; check the id");
            let metadata = [("count_id", id(code))];
            return with_reason(Code::NotFound, message, "UNKNOWN_COUNT", metadata);
        }
        Boundary::DutyRoster(code) => {
            let message =
                format!("nobody has said who is on duty for region {code}; set its roster");
            let metadata = [("region_id", id(code))];
            return with_reason(Code::NotFound, message, "UNKNOWN_DUTY_ROSTER", metadata);
        }
        Boundary::Emergency(code) => Rejection::UnknownEmergency {
            emergency_id: id(code),
        },
        Boundary::Plan(code) => Rejection::UnknownPlan { plan_id: id(code) },
        Boundary::Request(code) => Rejection::UnknownRequest {
            request_id: id(code),
        },
        Boundary::Trip(code) => Rejection::UnknownTrip { trip_id: id(code) },
        Boundary::Shipment(code) => Rejection::UnknownShipment {
            shipment_id: id(code),
        },
        Boundary::Asset(item, serial) => Rejection::UnknownAsset {
            item_id: id(item),
            serial_number: serial.to_string(),
        },
        Boundary::Goods(code) => Rejection::UnknownGoods { goods_id: id(code) },
        Boundary::Key(kind, scheme, value) => {
            let kind = noun(*kind);
            let message = format!("no {kind} has the {scheme} {:?}; check it", value.as_str());
            let metadata = [
                ("kind", kind.to_owned()),
                ("scheme", scheme.to_string()),
                ("value", value.to_string()),
            ];
            return with_reason(Code::NotFound, message, "UNKNOWN_EXTERNAL_ID", metadata);
        }
        Boundary::Model(..)
        | Boundary::Stock(..)
        | Boundary::Since(..)
        | Boundary::EarmarkChanges
        | Boundary::Emergencies
        | Boundary::Parcel(_)
        | Boundary::Agreements(_)
        | Boundary::Keeper(_)
        | Boundary::VehicleTrips(_)
        | Boundary::CrewTrips(_)
        | Boundary::LotInKits(..)
        | Boundary::Fact(..) => {
            return with_reason(Code::NotFound, "nothing is known of it", "UNKNOWN", []);
        }
    };
    rejection(&unknown)
}
