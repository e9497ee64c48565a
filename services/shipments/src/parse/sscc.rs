//! Serial Shipping Container Codes: given, or made of their parts.

use keruen_domain::{Code, check_digit};
use keruen_edge::Fields;
use keruen_proto::shipments::v1::PackParcelRequest;

/// Digits of a code without its check digit: one for extension, those of the company prefix and of the serial reference.
const DATA_DIGITS: usize = 17;

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The code of a new parcel.
pub fn new(message: &PackParcelRequest, fields: &mut Fields) -> Option<Code> {
    if message.sscc.is_empty() {
        return made(message, fields);
    }
    if !message.company_prefix.is_empty() || !message.serial_reference.is_empty() {
        fields.reject(
            "sscc",
            "is given already: leave company_prefix and serial_reference out",
        );
        return None;
    }
    given(fields, "sscc", &message.sscc)
}

/// A code as printed.
pub fn given(fields: &mut Fields, field: &str, text: &str) -> Option<Code> {
    if let Some(rule) = check_digit::fault("SSCC", text) {
        fields.reject(field, format!("{rule}; found {text:?}"));
        return None;
    }
    fields.code(field, text)
}

/// A code as printed, or `None` where the field is empty.
#[expect(
    clippy::option_option,
    reason = "outer: whether it is well formed; inner: whether it is there"
)]
pub fn optional(fields: &mut Fields, field: &str, text: &str) -> Option<Option<Code>> {
    if text.is_empty() {
        return Some(None);
    }
    given(fields, field, text).map(Some)
}

fn made(message: &PackParcelRequest, fields: &mut Fields) -> Option<Code> {
    let prefix = &message.company_prefix;
    let mut good = true;
    if !is_number(prefix) || !(7..=10).contains(&prefix.len()) {
        let rule = "must have 7 to 10 digits, where no sscc is given";
        fields.reject("company_prefix", format!("{rule}; found {prefix:?}"));
        good = false;
    }
    if !(0..=9).contains(&message.extension_digit) {
        let found = message.extension_digit;
        fields.reject(
            "extension_digit",
            format!("must be from 0 to 9; found {found}"),
        );
        good = false;
    }
    if !good {
        return None;
    }
    let places = DATA_DIGITS - 1 - prefix.len();
    let serial = if message.serial_reference.is_empty() {
        fields.made_number(places)
    } else {
        message.serial_reference.clone()
    };
    if !is_number(&serial) || serial.len() > places {
        let rule = format!("must have at most {places} digits beside that prefix");
        fields.reject("serial_reference", format!("{rule}; found {serial:?}"));
        return None;
    }
    let digits = format!("{}{prefix}{serial:0>places$}", message.extension_digit);
    let check = check_digit::gs1(&digits);
    fields.code("sscc", &format!("{digits}{check}"))
}
