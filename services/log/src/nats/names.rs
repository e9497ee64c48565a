//! What is called how on NATS.

use crate::append::Violation;

/// The prefix where nothing else is said.
const DEFAULT_PREFIX: &str = "keruen";
/// Length of a prefix, in bytes.
const MAX_PREFIX_BYTES: usize = 32;

/// Subjects and stream of one log. Logs that share a NATS account need prefixes of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsNames {
    prefix: String,
}

impl Default for NatsNames {
    /// `keruen.log.append`, `keruen.log.health`, `keruen.events.v1.>` and the stream `KERUEN_EVENTS`.
    fn default() -> Self {
        Self {
            prefix: DEFAULT_PREFIX.to_owned(),
        }
    }
}

impl NatsNames {
    /// Names that begin with a prefix other than `keruen`: a lower-case letter, then lower-case letters and digits.
    pub fn with_prefix(prefix: &str) -> Result<Self, Violation> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if prefix.len() > MAX_PREFIX_BYTES
            || !prefix.starts_with(|first: char| first.is_ascii_lowercase())
            || !prefix.bytes().all(letters)
        {
            return Err(Violation::new(
                "prefix",
                format!(
                    "must be a lower-case letter, then lower-case letters and digits, {MAX_PREFIX_BYTES} in all at \
                     most; found {prefix:?}"
                ),
            ));
        }
        Ok(Self {
            prefix: prefix.to_owned(),
        })
    }

    /// Subject of appends.
    pub fn append(&self) -> String {
        format!("{}.log.append", self.prefix)
    }

    /// Subject on which every process of the log tells how it is.
    pub fn health(&self) -> String {
        format!("{}.log.health", self.prefix)
    }

    /// Name of the stream of events.
    pub fn stream(&self) -> String {
        format!("{}_EVENTS", self.prefix.to_ascii_uppercase())
    }

    /// The subjects of the stream, as a wildcard.
    pub fn all_events(&self) -> String {
        format!("{}.events.v1.>", self.prefix)
    }

    /// Subject of one event: `keruen.events.v1.<region>.<other region>.<service>.<EventType>`, `_` where there is none.
    /// The service is the last part of the type's package that is no version: `keruen.shipments.v1.ShipmentReceived` is
    /// of `shipments`.
    pub fn event(&self, region: &str, other_region: &str, event_type: &str) -> String {
        let or_none = |token: &'_ str| if token.is_empty() { "_" } else { token }.to_owned();
        let mut parts = event_type.rsplit('.');
        let name = parts.next().unwrap_or_default();
        let service = parts.find(|part| !is_version(part)).unwrap_or_default();
        format!(
            "{}.events.v1.{}.{}.{}.{}",
            self.prefix,
            or_none(region),
            or_none(other_region),
            or_none(service),
            or_none(name),
        )
    }

    /// Whether an answer may be sent to a subject. A requester names it, and the answer must not become an event, an
    /// append or a call of JetStream.
    pub(super) fn may_answer_on(&self, subject: &str) -> bool {
        let own = subject
            .strip_prefix(&self.prefix)
            .is_some_and(|rest| rest.starts_with('.'));
        !own && !subject.starts_with('$')
    }
}

/// `v1`, `v2beta1` and so on.
fn is_version(part: &str) -> bool {
    part.strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_subject_of_its_regions_and_service() {
        let names = NatsNames::default();
        for (region, other_region, event_type, subject) in [
            (
                "KZ-62",
                "KZ-75",
                "keruen.shipments.v1.ShipmentDispatched",
                "keruen.events.v1.KZ-62.KZ-75.shipments.ShipmentDispatched",
            ),
            (
                "",
                "",
                "keruen.inventory.v1.BatchRecalled",
                "keruen.events.v1._._.inventory.BatchRecalled",
            ),
            ("KZ-62", "", "a.Alone", "keruen.events.v1.KZ-62._.a.Alone"),
            ("", "", "v1.Alone", "keruen.events.v1._._._.Alone"),
        ] {
            assert_eq!(names.event(region, other_region, event_type), subject);
        }
    }

    #[test]
    fn a_prefix_is_one_token() {
        let names = NatsNames::with_prefix("hub2").unwrap();
        assert_eq!(names.append(), "hub2.log.append");
        assert_eq!(names.stream(), "HUB2_EVENTS");
        for prefix in ["", "a.b", "a*", ">", "A", "1a", "a b", &"a".repeat(33)] {
            NatsNames::with_prefix(prefix).unwrap_err();
        }
    }

    #[test]
    fn answers_never_become_events() {
        let names = NatsNames::default();
        assert!(names.may_answer_on("_INBOX.a.b"));
        assert!(names.may_answer_on("keruenish.x"));
        for subject in [
            "keruen.events.v1._._.x.Y",
            "keruen.log.append",
            "$JS.API.STREAM.DELETE.KERUEN_EVENTS",
        ] {
            assert!(!names.may_answer_on(subject), "{subject}");
        }
    }
}
