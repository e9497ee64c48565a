//! Codes, labels and quantities: the parsed values that commands consist of.

use std::{fmt, ops::Deref};

/// Owner and donation of goods that nobody can attribute yet.
pub const UNATTRIBUTED: &str = "UNATTRIBUTED";

/// The largest quantity that a command may state: a million million. Nobody has so much of anything, and whoever sums up
/// quantities in 64 bits needs nine million of them to run over. Facts of older versions may state up to 2^53 − 1.
pub const MAX_QUANTITY: i64 = 1_000_000_000_000;

/// A code: 1 to 64 characters of `A–Z 0–9 . _ -`, the first one a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

impl Code {
    /// Parses a code; the error says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut bytes = text.bytes();
        let Some(first) = bytes.next() else {
            return Err("must not be empty");
        };
        if text.len() > 64 {
            return Err("must have at most 64 characters");
        }
        if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err("must be written in capital letters: A to Z, 0 to 9, '.', '_' and '-'");
        }
        let alphanumeric = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if !alphanumeric(first) {
            return Err("must begin with a letter A to Z or a digit");
        }
        if !bytes.all(|byte| alphanumeric(byte) || matches!(byte, b'.' | b'_' | b'-')) {
            return Err("must consist of A to Z, 0 to 9, '.', '_' and '-'");
        }
        Ok(Self(text.to_owned()))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is printed on goods: a lot or serial number, 1 to 64 bytes of UTF-8 without control characters or spaces at
/// the ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

impl Label {
    /// Parses a label; the error says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("must not be empty");
        }
        if text.len() > 64 {
            return Err("must have at most 64 bytes");
        }
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters");
        }
        if text.trim() != text {
            return Err("must not begin or end with a space");
        }
        Ok(Self(text.to_owned()))
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A number of base units: 1 to [`MAX_QUANTITY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i64);

impl Quantity {
    /// Parses a quantity; the error says which rule it breaks.
    pub fn parse(value: i64) -> Result<Self, &'static str> {
        match value {
            0 => Err("must not be 0"),
            i64::MIN..0 => Err("must not be negative"),
            1..=MAX_QUANTITY => Ok(Self(value)),
            _ => Err("must be at most 1000000000000 (a million million)"),
        }
    }

    /// The number of base units.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl Deref for Code {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for Label {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}
