//! How long a caller waits, as it says in the metadata of the call.

use std::time::Duration;

use tonic::metadata::MetadataMap;

/// The time that a call may take: what its `grpc-timeout` says, but at most `maximum`.
pub fn timeout(metadata: &MetadataMap, maximum: Duration) -> Duration {
    stated(metadata).map_or(maximum, |timeout| timeout.min(maximum))
}

/// What `grpc-timeout` says; `None` where it says nothing that the protocol allows.
pub fn stated(metadata: &MetadataMap) -> Option<Duration> {
    parse(metadata.get("grpc-timeout")?.to_str().ok()?)
}

/// At most eight digits and a unit, as the gRPC protocol over HTTP/2 says.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_protocol_allows() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_hours(99_999_999)));
        for malformed in ["", "m", "1", "123456789S", "-1S", "1s", "1 S", "1é"] {
            assert_eq!(parse(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn never_exceeds_the_maximum() {
        let mut metadata = MetadataMap::new();
        assert_eq!(
            timeout(&metadata, Duration::from_secs(5)),
            Duration::from_secs(5)
        );
        metadata.insert("grpc-timeout", "1H".parse().unwrap());
        assert_eq!(
            timeout(&metadata, Duration::from_secs(5)),
            Duration::from_secs(5)
        );
        metadata.insert("grpc-timeout", "1S".parse().unwrap());
        assert_eq!(
            timeout(&metadata, Duration::from_secs(5)),
            Duration::from_secs(1)
        );
    }
}
