//! What a stored message must fulfil beyond its wire format.

use std::fmt;

/// The largest integer that a double holds exactly, and so every client language: 2^53 − 1.
pub const MAX_EXACT: i64 = (1 << 53) - 1;

/// Where in a message a check stands: names of fields, with indices.
#[derive(Debug, Default)]
pub struct Path(Vec<String>);

impl Path {
    pub fn field<T>(
        &mut self,
        name: &str,
        check: impl FnOnce(&mut Self) -> Result<T, Defect>,
    ) -> Result<T, Defect> {
        self.0.push(name.to_owned());
        let result = check(self);
        self.0.pop();
        result
    }

    pub fn each<T>(
        &mut self,
        name: &str,
        values: &[T],
        mut check: impl FnMut(&T, &mut Self) -> Result<(), Defect>,
    ) -> Result<(), Defect> {
        for (index, value) in values.iter().enumerate() {
            self.0.push(format!("{name}[{index}]"));
            let result = check(value, self);
            self.0.pop();
            result?;
        }
        Ok(())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("."))
    }
}

/// A field that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct Defect {
    /// Path of the field, for example `lines[2].units.quantity`.
    pub field: String,
    /// The rule and what was found.
    pub rule: String,
}

impl Defect {
    fn at(path: &Path, rule: impl Into<String>) -> Self {
        Self {
            field: path.to_string(),
            rule: rule.into(),
        }
    }
}

/// Checks a message and everything in it.
pub trait Check {
    fn check(&self, path: &mut Path) -> Result<(), Defect>;
}

/// The enum value is known and not `UNSPECIFIED`.
pub fn stated<E: TryFrom<i32>>(value: i32, path: &Path) -> Result<(), Defect> {
    if value == 0 {
        return Err(Defect::at(path, "is not stated"));
    }
    match E::try_from(value) {
        Ok(_) => Ok(()),
        Err(_) => Err(Defect::at(path, format!("{value} is not a known value"))),
    }
}

/// The message is there.
pub fn there<'a, M>(value: Option<&'a M>, path: &Path) -> Result<&'a M, Defect> {
    value.ok_or_else(|| Defect::at(path, "is missing"))
}

/// The integer lies within ±(2^53 − 1).
pub fn exact(value: i64, path: &Path) -> Result<(), Defect> {
    if (-MAX_EXACT..=MAX_EXACT).contains(&value) {
        Ok(())
    } else {
        Err(Defect::at(path, format!("{value} is beyond 2^53 − 1")))
    }
}

include!(concat!(env!("OUT_DIR"), "/checks.rs"));
