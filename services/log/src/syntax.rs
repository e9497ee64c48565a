//! How the texts in an event are written. Each check answers with the rule that is broken and what was found.

use uuid::Uuid;

use crate::bounds::{
    MAX_APPEND_EVENTS, MAX_CODE_BYTES, MAX_REFERENCE_BYTES, MAX_TAG_KIND_BYTES,
    MAX_TAG_LABEL_BYTES, MAX_TYPE_BYTES,
};

/// How much of a wrong text is repeated in a message, in characters.
const SHOWN_CHARS: usize = 80;

/// A wrong text as it is repeated in a message: quoted, escaped, shortened.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

/// A UUID as lower-case text with hyphens.
pub(crate) fn uuid(text: &str) -> Result<Uuid, String> {
    // `Uuid` also parses upper case, braces and texts without hyphens; an id must have one spelling only.
    Uuid::try_parse(text)
        .ok()
        .filter(|id| id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text)
        .ok_or_else(|| {
            format!(
                "must be a UUID as lower-case text with hyphens, found {}",
                shown(text)
            )
        })
}

/// `<command_id>/<index within its append>`.
pub(crate) fn event_id(text: &str) -> Result<(), String> {
    let fits = |(command, index): (&str, &str)| {
        uuid(command).is_ok()
            && index.bytes().all(|byte| byte.is_ascii_digit())
            && (index == "0" || !index.starts_with('0'))
            && index
                .parse::<usize>()
                .is_ok_and(|index| index < MAX_APPEND_EVENTS)
    };
    if text.split_once('/').is_some_and(fits) {
        Ok(())
    } else {
        Err(format!(
            "must be an event id, <command_id>/<index>, found {}",
            shown(text)
        ))
    }
}

/// What a byte may stand for. The writer's callers check every tag of every event, so this is one look at a table for each
/// byte.
const LETTER: u8 = 1;
const LOWER: u8 = 2;
const UPPER_OR_DIGIT: u8 = 4;
const HEXADECIMAL: u8 = 8;
const WORD: u8 = 16;
const CODE: u8 = 32;
const UNRESERVED: u8 = 64;

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut code = 0_u8;
    while code.is_ascii() {
        let mut class = 0;
        if code.is_ascii_alphabetic() {
            class |= LETTER;
        }
        if code.is_ascii_lowercase() {
            class |= LOWER;
        }
        if code.is_ascii_uppercase() || code.is_ascii_digit() {
            class |= UPPER_OR_DIGIT | CODE;
        }
        if code.is_ascii_digit() || matches!(code, b'A'..=b'F') {
            class |= HEXADECIMAL;
        }
        if code.is_ascii_alphanumeric() {
            class |= WORD | UNRESERVED;
        }
        match code {
            b'_' => class |= WORD | CODE | UNRESERVED,
            b'.' | b'-' => class |= CODE | UNRESERVED,
            b'~' => class |= UNRESERVED,
            _ => {}
        }
        classes[code as usize] = class;
        code += 1;
    }
    classes
}

static CLASSES: [u8; 256] = classes();

fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// Both sides of the first such byte, if there is one.
fn split(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == separator)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// The full name of a protobuf message.
pub(crate) fn event_type(text: &str) -> Result<(), String> {
    let identifier = |part: &[u8]| {
        part.first().is_some_and(|first| is(*first, LETTER))
            && part.iter().all(|byte| is(*byte, WORD))
    };
    let bytes = text.as_bytes();
    let mut parts = bytes.split(|byte| *byte == b'.');
    if text.len() <= MAX_TYPE_BYTES && bytes.contains(&b'.') && parts.all(identifier) {
        Ok(())
    } else {
        Err(format!(
            "must be the full name of a protobuf message with its package, at most {MAX_TYPE_BYTES} bytes, found {}",
            shown(text)
        ))
    }
}

/// `kind:CODE`, or `kind:CODE/label` with a percent-encoded label.
pub(crate) fn tag(text: &str) -> Result<(), String> {
    let fits = |(kind, value)| {
        let (first, second) = match split(value, b'/') {
            Some((first, second)) => (first, Some(second)),
            None => (value, None),
        };
        is_kind(kind) && is_code(first) && second.is_none_or(is_label)
    };
    if split(text.as_bytes(), b':').is_some_and(fits) {
        Ok(())
    } else {
        Err(format!(
            "must be kind:CODE or kind:CODE/LABEL; kind: 1 to {MAX_TAG_KIND_BYTES} letters a-z, CODE: \
             [A-Z0-9][A-Z0-9._-]{{0,63}}, LABEL: 1 to {MAX_TAG_LABEL_BYTES} of [A-Za-z0-9._~-] and %XX; found {}",
            shown(text)
        ))
    }
}

fn is_kind(text: &[u8]) -> bool {
    (1..=MAX_TAG_KIND_BYTES).contains(&text.len()) && text.iter().all(|byte| is(*byte, LOWER))
}

fn is_code(text: &[u8]) -> bool {
    text.len() <= MAX_CODE_BYTES
        && text.first().is_some_and(|first| is(*first, UPPER_OR_DIGIT))
        && text.iter().all(|byte| is(*byte, CODE))
}

/// Unreserved characters of RFC 3986, and `%` with two upper-case hexadecimal digits.
fn is_label(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let mut hexadecimal = || bytes.next().is_some_and(|digit| is(*digit, HEXADECIMAL));
        let fits = is(*byte, UNRESERVED) || (*byte == b'%' && hexadecimal() && hexadecimal());
        if !fits {
            return false;
        }
    }
    (1..=MAX_TAG_LABEL_BYTES).contains(&text.len())
}

/// The shape of an ISO 3166-2 code.
pub(crate) fn region(text: &str) -> Result<(), String> {
    let fits = |(country, part): (&str, &str)| {
        country.len() == 2
            && country.bytes().all(|byte| byte.is_ascii_uppercase())
            && (1..=3).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    if text.split_once('-').is_some_and(fits) {
        Ok(())
    } else {
        Err(format!(
            "must be empty or an ISO 3166-2 code such as KZ-62, found {}",
            shown(text)
        ))
    }
}

/// Who gave a command, or which node recorded it first.
pub(crate) fn reference(text: &str) -> Result<(), String> {
    let first = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    let all = text.bytes().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'@' | b'-')
    });
    if first && all && text.len() <= MAX_REFERENCE_BYTES {
        Ok(())
    } else {
        Err(format!(
            "must be [A-Za-z0-9][A-Za-z0-9._:@-]{{0,127}}, found {}",
            shown(text)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_bounded_at_the_edge() {
        let code = "A".repeat(64);
        let label = "%F0".repeat(64);
        for good in [
            "region:KZ-62",
            "a:0",
            "stock:ALA.1/TEST_2",
            "lot:ITEM/a~b%20C",
            &format!("abcdefghijklmnop:{code}/{label}"),
        ] {
            assert_eq!(tag(good), Ok(()));
        }
        for bad in [
            "",
            ":",
            "region",
            "region:",
            ":KZ",
            "Region:KZ",
            "region:kz",
            "region:-KZ",
            "region:KZ 62",
            "stock:A/",
            "stock:/A",
            "stock:A/B/C",
            "stock:A/%2",
            "stock:A/%2f",
            "stock:A/%",
            "stock:A/ü",
            "stock:Ä",
            "abcdefghijklmnopq:A",
            &format!("a:{code}A"),
            &format!("a:A/{label}A"),
        ] {
            assert!(tag(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_uuid_has_one_spelling() {
        assert!(uuid("018f3c2e-7b1a-7c3d-9e4f-5a6b7c8d9e0f").is_ok());
        for bad in [
            "",
            "018F3C2E-7b1a-7c3d-9e4f-5a6b7c8d9e0f",
            "018f3c2e7b1a7c3d9e4f5a6b7c8d9e0f",
            "{018f3c2e-7b1a-7c3d-9e4f-5a6b7c8d9e0f}",
            "urn:uuid:018f3c2e-7b1a-7c3d-9e4f-5a6b7c8d9e0f",
        ] {
            assert!(uuid(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_event_id_has_one_spelling() {
        let id = "018f3c2e-7b1a-7c3d-9e4f-5a6b7c8d9e0f";
        for index in ["0", "1", "10", "999"] {
            assert_eq!(event_id(&format!("{id}/{index}")), Ok(()));
        }
        for index in ["", "00", "01", "+1", "-1", "1000", "1/1", "x"] {
            assert!(event_id(&format!("{id}/{index}")).is_err(), "{index:?}");
        }
        assert!(event_id(id).is_err());
    }

    #[test]
    fn types_regions_and_references() {
        assert_eq!(event_type("keruen.shipments.v1.ShipmentDispatched"), Ok(()));
        for bad in ["", "A", "a.", ".A", "a..B", "a.1B", "a.B-C", "a B.C"] {
            assert!(event_type(bad).is_err(), "{bad:?}");
        }
        assert!(event_type(&format!("a.{}", "B".repeat(255))).is_err());
        assert_eq!(region("KZ-62"), Ok(()));
        assert_eq!(region("GB-ABC"), Ok(()));
        for bad in ["KZ", "KZ-", "kz-62", "KZ-1234", "KZZ-62", "KZ-6 "] {
            assert!(region(bad).is_err(), "{bad:?}");
        }
        assert_eq!(reference(&"a".repeat(128)), Ok(()));
        for bad in ["", "-a", "a b", "a/b", &"a".repeat(129)] {
            assert!(reference(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_long_wrong_text_is_shortened() {
        assert_eq!(
            shown(&"ж".repeat(100)),
            format!("\"{}\"… (200 bytes)", "ж".repeat(80))
        );
    }
}
