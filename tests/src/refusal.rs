//! What a refused call tells its caller.

use std::collections::BTreeMap;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A refusal, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The gRPC code.
    pub code: Code,
    /// Reason of its `google.rpc.ErrorInfo`; empty where it has none.
    pub reason: String,
    /// Metadata of its `google.rpc.ErrorInfo`.
    pub metadata: BTreeMap<String, String>,
    /// Field violations of its `google.rpc.BadRequest`: field and rule.
    pub violations: Vec<(String, String)>,
    /// Its message.
    pub message: String,
}

impl Refusal {
    /// Takes a status apart. An `ErrorInfo` must be of this system's domain.
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        if let Some(info) = info {
            assert_eq!(info.domain, "keruen", "{status:?}");
        }
        Self {
            code: status.code(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            metadata: info
                .map(|info| info.metadata.clone().into_iter().collect())
                .unwrap_or_default(),
            violations: details
                .bad_request()
                .map(|bad| {
                    let pair = |violation: &tonic_types::FieldViolation| {
                        (violation.field.clone(), violation.description.clone())
                    };
                    bad.field_violations.iter().map(pair).collect()
                })
                .unwrap_or_default(),
            message: status.message().to_owned(),
        }
    }

    /// Whether the business refused, as against a failure of the system: a caller that gets anything else would have to
    /// repeat, or to call for help.
    pub fn is_business(&self) -> bool {
        let refused = matches!(
            self.code,
            Code::FailedPrecondition | Code::NotFound | Code::AlreadyExists | Code::InvalidArgument
        );
        refused && !self.reason.is_empty()
    }
}

impl Refusal {
    /// It must be of this code and reason, carry these metadata, and its message must contain `says`.
    #[track_caller]
    pub fn is(&self, code: Code, reason: &str, metadata: &[(&str, &str)], says: &str) {
        assert_eq!(
            (self.code, self.reason.as_str()),
            (code, reason),
            "{self:?}"
        );
        for (key, value) in metadata {
            assert_eq!(
                self.metadata.get(*key).map(String::as_str),
                Some(*value),
                "{key} of {self:?}"
            );
        }
        assert!(self.message.contains(says), "{says:?} is not in {self:?}");
    }

    /// It must be `INVALID_ARGUMENT` and name this field, and only it, with a rule that contains `says`.
    #[track_caller]
    pub fn is_field(&self, field: &str, says: &str) {
        assert_eq!(self.code, Code::InvalidArgument, "{self:?}");
        assert!(!self.reason.is_empty(), "{self:?}");
        let fields: Vec<&str> = self
            .violations
            .iter()
            .map(|(field, _)| field.as_str())
            .collect();
        assert_eq!(fields, [field], "{self:?}");
        let rule = &self.violations[0].1;
        assert!(rule.contains(says), "{says:?} is not in {self:?}");
        assert!(
            self.message.contains(field),
            "the message does not name the field: {self:?}"
        );
    }
}
