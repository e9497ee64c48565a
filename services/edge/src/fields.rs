//! The fields of a request, parsed into rich types. Every field that breaks a rule is noted, not only the first one.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate};
use keruen_domain::{
    Code, Contents, InPacks, Label, Quantity,
    calendar::micros,
    check_digit,
    code::{MAX_QUANTITY, UNATTRIBUTED},
    id::{IdKind, generate, is_mistyped, number},
    limits,
};
use keruen_proto::{
    inventory::v1::{FitOverride, FitOverrideReason, MeasuredOutput},
    log::v1::TimePrecision,
    registry::v1::{
        DocumentKind, DocumentRef, ExternalId, LocalizedText, Money, UnitValue, ValueBasis,
    },
};
use tonic::Status;
use tonic_types::FieldViolation;
use uuid::Uuid;

use crate::status;

/// How many violations are kept; an answer lists as many of them as fit.
const MAX_VIOLATIONS: usize = 50;
/// The last second of the year 9999, as RFC 3339 can tell it.
const LAST_SECOND: i64 = 253_402_300_799;
/// The longest name, in characters.
const MAX_NAME_CHARS: usize = 200;
/// The kind of references to persons.
const PERSON: &str = "person";
/// How far a client's clock may run ahead: 5 seconds. A fact within that is recorded as happening now.
const MAX_CLOCK_LEAD_US: i64 = 5_000_000;

/// Parses fields and collects what is wrong with them. A method answers `None` exactly when it has noted a violation.
pub struct Fields {
    violations: Vec<FieldViolation>,
    command_id: String,
    now_us: i64,
    made_ids: usize,
}

impl Fields {
    /// For the request of one command: ids that it leaves to the server are made from `command_id`.
    pub fn new(command_id: &str, now_us: i64) -> Self {
        Self {
            violations: Vec::new(),
            command_id: command_id.to_owned(),
            now_us,
            made_ids: 0,
        }
    }

    /// For a query, which makes nothing.
    pub fn of_query() -> Self {
        Self::new("", 0)
    }

    /// The parsed value, or everything that is wrong with the request.
    pub fn finish<T>(mut self, parsed: Option<T>) -> Result<T, Status> {
        if let (Some(parsed), true) = (parsed, self.violations.is_empty()) {
            return Ok(parsed);
        }
        if self.violations.is_empty() {
            self.reject("request", "is malformed");
        }
        Err(status::field_violations(self.violations))
    }

    /// Notes that a field breaks a rule.
    pub fn reject(&mut self, field: impl Into<String>, rule: impl Into<String>) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(FieldViolation::new(field, rule));
        }
    }

    /// Now, as the command sees it.
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    fn found<T>(&mut self, field: &str, parsed: Result<T, &'static str>, found: &str) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(rule) => {
                let shown: String = found.chars().take(80).collect();
                self.reject(field, format!("{rule}; found {shown:?}"));
                None
            }
        }
    }

    /// The command's id: a UUID; case and hyphens don't matter.
    pub fn command_id(&mut self, text: &str) -> Option<String> {
        let parsed = Uuid::try_parse(text)
            .ok()
            .filter(|id| !id.is_nil())
            .map(|id| id.hyphenated().to_string())
            .ok_or("must be a UUID chosen by the client, for example of version 4 or 7");
        let parsed = self.found("command_id", parsed, text)?;
        self.command_id.clone_from(&parsed);
        Some(parsed)
    }

    /// When the fact happened, in microseconds: not in the future, not before 1970; and whether a client's clock that
    /// runs a little ahead was moved back to ours.
    pub fn occurred_at(
        &mut self,
        at: Option<&pbjson_types::Timestamp>,
        now_us: i64,
    ) -> Option<(i64, bool)> {
        let Some(at) = at else {
            return Some((now_us, false));
        };
        let in_range = (0..=999_999_999).contains(&at.nanos);
        let time_us = at
            .seconds
            .checked_mul(1_000_000)
            .filter(|_| in_range)
            .and_then(|us| us.checked_add(i64::from(at.nanos) / 1_000))
            .filter(|us| *us >= 0);
        let Some(time_us) = time_us else {
            self.reject("occurred_at", "must be a time since 1970-01-01T00:00:00Z");
            return None;
        };
        if time_us > now_us.saturating_add(MAX_CLOCK_LEAD_US) {
            self.reject(
                "occurred_at",
                format!(
                    "must not be in the future; found {}, while it is {} here",
                    shown_time(time_us),
                    shown_time(now_us)
                ),
            );
            return None;
        }
        Some((time_us.min(now_us), time_us > now_us))
    }

    /// How exactly the time is known; to the second where nothing is said.
    pub fn precision(&mut self, value: i32) -> Option<TimePrecision> {
        match TimePrecision::try_from(value) {
            Ok(TimePrecision::Unspecified) => Some(TimePrecision::Second),
            Ok(precision) => Some(precision),
            Err(_) => {
                self.reject(
                    "occurred_at_precision",
                    format!("is not a known value; found {value}"),
                );
                None
            }
        }
    }

    /// A code that must be there.
    pub fn code(&mut self, field: &str, text: &str) -> Option<Code> {
        if is_mistyped(text) {
            self.reject(
                field,
                format!("is mistyped or misheard: its last letter does not fit the others; found {text:?}"),
            );
            return None;
        }
        self.found(field, Code::parse(text), text)
    }

    /// A code, or `None` where the field is empty.
    pub fn optional_code(&mut self, field: &str, text: &str) -> Option<Option<Code>> {
        if text.is_empty() {
            Some(None)
        } else {
            self.code(field, text).map(Some)
        }
    }

    /// The code of something new: chosen by the client, or made here where the field is empty.
    pub fn new_code(&mut self, field: &str, text: &str, kind: IdKind) -> Option<Code> {
        if text.is_empty() {
            self.made_ids += 1;
            return Some(generate(kind, &self.command_id, self.made_ids));
        }
        if text == UNATTRIBUTED {
            self.reject(
                field,
                format!("{UNATTRIBUTED} is reserved for goods that nobody can attribute"),
            );
            return None;
        }
        self.code(field, text)
    }

    /// Digits that no other command gets, as far as so many digits can tell.
    pub fn made_number(&mut self, digits: usize) -> String {
        self.made_ids += 1;
        number(&self.command_id, self.made_ids, digits)
    }

    /// A printed number that must be there.
    pub fn label(&mut self, field: &str, text: &str) -> Option<Label> {
        self.found(field, Label::parse(text), text)
    }

    /// A printed number, or `None` where the field is empty.
    pub fn optional_label(&mut self, field: &str, text: &str) -> Option<Option<Label>> {
        if text.is_empty() {
            Some(None)
        } else {
            self.label(field, text).map(Some)
        }
    }

    /// A reference to a person. The log can't forget, so it must not know: the reference is to what can be erased
    /// elsewhere, and names nobody.
    pub fn person(&mut self, field: &str, text: &str) -> Option<Label> {
        let reference = self.label(field, text)?;
        if split_reference(&reference).is_some_and(|kind| kind == PERSON) {
            return Some(reference);
        }
        let rule =
            "must be a reference that names nobody: person: and letters, digits, '.', '_' or '-'";
        self.reject(field, format!("{rule}; found {text:?}"));
        None
    }

    /// A reference to a person, or `None` where the field is empty.
    pub fn optional_person(&mut self, field: &str, text: &str) -> Option<Option<Label>> {
        if text.is_empty() {
            Some(None)
        } else {
            self.person(field, text).map(Some)
        }
    }

    /// A reference to what is kept, and can be erased, elsewhere, or `None` where the field is empty. A sentence is
    /// none: remarks stay out of the log.
    pub fn optional_reference(&mut self, field: &str, text: &str) -> Option<Option<Label>> {
        if text.is_empty() {
            return Some(None);
        }
        let reference = self.label(field, text)?;
        if split_reference(&reference).is_some() {
            return Some(Some(reference));
        }
        let rule = "must be a reference, such as photo:118: what it is in small letters, a colon, and letters, \
                    digits, '.', '_' or '-'";
        self.reject(field, format!("{rule}; found {text:?}"));
        None
    }

    /// A list, each element parsed with its own path. All elements are looked at.
    pub fn each<T, U>(
        &mut self,
        field: &str,
        values: &[T],
        max: usize,
        mut parse: impl FnMut(&mut Self, &str, &T) -> Option<U>,
    ) -> Option<Vec<U>> {
        if values.len() > max {
            self.reject(
                field,
                format!("must have at most {max} entries; found {}", values.len()),
            );
            return None;
        }
        let parsed: Vec<Option<U>> = values
            .iter()
            .enumerate()
            .map(|(index, value)| parse(self, &format!("{field}[{index}]"), value))
            .collect();
        parsed.into_iter().collect()
    }

    /// A list that must not be empty.
    pub fn some<T, U>(
        &mut self,
        field: &str,
        values: &[T],
        max: usize,
        parse: impl FnMut(&mut Self, &str, &T) -> Option<U>,
    ) -> Option<Vec<U>> {
        if values.is_empty() {
            self.reject(field, "must have at least one entry");
            return None;
        }
        self.each(field, values, max, parse)
    }

    /// The serial numbers of all lines of a command together: so many that the log can be asked for each of them.
    pub fn serial_numbers_of(
        &mut self,
        field: &str,
        counts: impl Iterator<Item = usize>,
    ) -> Option<()> {
        let found: usize = counts.sum();
        if found <= limits::SERIAL_NUMBERS {
            return Some(());
        }
        self.reject(
            field,
            format!(
                "must have at most {} serial numbers together: spread them over several commands; found {found}",
                limits::SERIAL_NUMBERS
            ),
        );
        None
    }

    /// Numbers of lines: as given, or by order where they are 0; each once.
    pub fn line_numbers(&mut self, field: &str, given: &[i32]) -> Option<Vec<i32>> {
        let mut numbers = Vec::with_capacity(given.len());
        let mut seen = HashSet::with_capacity(given.len());
        let mut good = true;
        for (index, number) in given.iter().enumerate() {
            let by_order = i32::try_from(index + 1).unwrap_or(i32::MAX);
            let number = if *number == 0 { by_order } else { *number };
            if number < 1 || !seen.insert(number) {
                let rule = if number < 1 {
                    "must be 1 or more"
                } else {
                    "must be another one for each line"
                };
                self.reject(
                    format!("{field}[{index}].line"),
                    format!("{rule}; found {number}"),
                );
                good = false;
            }
            numbers.push(number);
        }
        good.then_some(numbers)
    }

    /// A quantity: 1 to a million million.
    pub fn quantity(&mut self, field: &str, value: i64) -> Option<Quantity> {
        self.found(field, Quantity::parse(value), &value.to_string())
    }

    /// The pack in which the quantity of the request is told, if it is told in one.
    pub fn in_packs(&mut self, pack_id: &str, contents: Contents<&str>) -> Option<Vec<InPacks>> {
        let told = self.told_in_packs(String::new(), 0, pack_id, contents)?;
        Some(told.into_iter().collect())
    }

    /// The packs in which quantities of lines are told; the lines' quantities are the command's, from `first` on.
    pub fn lines_in_packs<'a, L>(
        &mut self,
        field: &str,
        first: usize,
        lines: &'a [L],
        told: impl Fn(&'a L) -> (&'a str, Contents<&'a str>),
    ) -> Option<Vec<InPacks>> {
        let mut all = Some(Vec::new());
        for (index, line) in lines.iter().enumerate() {
            let (pack_id, contents) = told(line);
            let path = format!("{field}[{index}]");
            let line = self.told_in_packs(path, first + index, pack_id, contents);
            all = all.zip(line).map(|(mut all, line)| {
                all.extend(line);
                all
            });
        }
        all
    }

    #[expect(
        clippy::option_option,
        reason = "malformed, absent and given are three things"
    )]
    fn told_in_packs(
        &mut self,
        path: String,
        index: usize,
        pack_id: &str,
        contents: Contents<&str>,
    ) -> Option<Option<InPacks>> {
        if pack_id.is_empty() {
            return Some(None);
        }
        let field = match path.as_str() {
            "" => "pack_id".to_owned(),
            path => format!("{path}.pack_id"),
        };
        let pack_id = self.code(&field, pack_id);
        if contents.is_empty() {
            self.reject(
                field,
                "must be empty: packs are of an item, and none is named",
            );
            return None;
        }
        Some(Some(InPacks {
            path,
            index,
            pack_id: pack_id?,
            // A malformed id has been noted where it stands.
            contents: contents.parse()?,
        }))
    }

    /// A calendar date, or `None` where the field is empty.
    pub fn date(&mut self, field: &str, text: &str) -> Option<Option<NaiveDate>> {
        if text.is_empty() {
            return Some(None);
        }
        // Chrono also takes `2027-1-5` and `+12027-01-05`; stored dates have one form only, and sort as text.
        let parsed = NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|date| text.len() == 10 && date.to_string() == text)
            .ok_or("must be a calendar date, YYYY-MM-DD");
        self.found(field, parsed, text).map(Some)
    }

    /// A time in microseconds since 1970-01-01T00:00:00Z, or `None` where the field is absent.
    pub fn time(
        &mut self,
        field: &str,
        time: Option<&pbjson_types::Timestamp>,
    ) -> Option<Option<i64>> {
        let Some(time) = time else {
            return Some(None);
        };
        let in_range =
            (0..=LAST_SECOND).contains(&time.seconds) && (0..=999_999_999).contains(&time.nanos);
        if !in_range {
            self.reject(field, "must be a time since 1970-01-01T00:00:00Z");
            return None;
        }
        Some(Some(micros(time)))
    }

    /// An enum value that must be stated.
    pub fn stated<E: TryFrom<i32>>(&mut self, field: &str, value: i32) -> Option<E> {
        if value == 0 {
            self.reject(field, "must be stated");
            return None;
        }
        self.enum_value(field, value)
    }

    /// An enum value, or `default` where it is not stated.
    pub fn stated_or<E: TryFrom<i32>>(&mut self, field: &str, value: i32, default: E) -> Option<E> {
        if value == 0 {
            Some(default)
        } else {
            self.enum_value(field, value)
        }
    }

    fn enum_value<E: TryFrom<i32>>(&mut self, field: &str, value: i32) -> Option<E> {
        let parsed = E::try_from(value).map_err(|_| "is not a known value");
        self.found(field, parsed, &value.to_string())
    }

    /// A message that must be there.
    pub fn there<'a, M>(&mut self, field: &str, message: Option<&'a M>) -> Option<&'a M> {
        if message.is_none() {
            self.reject(field, "is missing");
        }
        message
    }

    /// A name that people read: English at least.
    pub fn name(&mut self, field: &str, name: Option<&LocalizedText>) -> Option<LocalizedText> {
        let name = self.there(field, name)?;
        let mut good = true;
        for (language, text) in [("en", &name.en), ("kk", &name.kk), ("ru", &name.ru)] {
            let rule = if language == "en" && text.trim().is_empty() {
                "must not be empty"
            } else if text.chars().count() > MAX_NAME_CHARS {
                "must have at most 200 characters"
            } else if text.chars().any(char::is_control) {
                "must not contain control characters"
            } else {
                continue;
            };
            self.reject(format!("{field}.{language}"), rule);
            good = false;
        }
        good.then(|| name.clone())
    }

    /// What something was measured to give; absent where it was not measured.
    pub fn measured_output(
        &mut self,
        field: &str,
        given: Option<&MeasuredOutput>,
    ) -> Option<Option<MeasuredOutput>> {
        let Some(given) = given else {
            return Some(None);
        };
        let unit = self.code(&format!("{field}.unit_code"), &given.unit_code);
        if given.value_milli < 0 || given.value_milli > MAX_QUANTITY {
            let rule = format!(
                "must be 0 to {MAX_QUANTITY} thousandths; found {}",
                given.value_milli
            );
            self.reject(format!("{field}.value_milli"), rule);
            return None;
        }
        unit?;
        Some(Some(given.clone()))
    }

    /// Whoever answers for it that an item goes where it does not fit; absent where nobody does.
    pub fn fit_override(
        &mut self,
        field: &str,
        given: Option<&FitOverride>,
    ) -> Option<Option<FitOverride>> {
        let Some(given) = given else {
            return Some(None);
        };
        let who = self.person(
            &format!("{field}.authorised_by_ref"),
            &given.authorised_by_ref,
        );
        let why = self.stated::<FitOverrideReason>(&format!("{field}.reason"), given.reason);
        let _ = (who?, why?);
        Some(Some(given.clone()))
    }

    /// References to documents.
    pub fn documents(
        &mut self,
        field: &str,
        documents: &[DocumentRef],
    ) -> Option<Vec<DocumentRef>> {
        self.each(field, documents, limits::DOCUMENTS, Self::document)
    }

    /// A reference to a document.
    pub fn document(&mut self, field: &str, document: &DocumentRef) -> Option<DocumentRef> {
        let kind: Option<DocumentKind> = self.stated(&format!("{field}.kind"), document.kind);
        let number = self.label(&format!("{field}.number"), &document.number);
        let issued_on = self.date(&format!("{field}.issued_on"), &document.issued_on);
        let issuer = self.optional_code(&format!("{field}.issuer_id"), &document.issuer_id);
        let hash_fits = matches!(document.sha256.len(), 0 | 32);
        if !hash_fits {
            let found = document.sha256.len();
            self.reject(
                format!("{field}.sha256"),
                format!("must have 32 bytes, or none; found {found}"),
            );
        }
        let _ = (kind?, number?, issued_on?, issuer?);
        hash_fits.then(|| document.clone())
    }

    /// Keys of other systems.
    pub fn external_ids(&mut self, field: &str, ids: &[ExternalId]) -> Option<Vec<ExternalId>> {
        self.each(field, ids, limits::EXTERNAL_IDS, Self::external_id)
    }

    /// A key of another system.
    pub fn external_id(&mut self, field: &str, id: &ExternalId) -> Option<ExternalId> {
        let scheme = self.code(&format!("{field}.scheme"), &id.scheme);
        let value = self.label(&format!("{field}.value"), &id.value);
        let _ = (scheme?, value?);
        if let Some(rule) = check_digit::fault(&id.scheme, &id.value) {
            let rule = format!("{rule}; found {:?}", id.value);
            self.reject(format!("{field}.value"), rule);
            return None;
        }
        Some(id.clone())
    }

    /// A positive amount of money.
    pub fn money(&mut self, field: &str, money: &Money) -> Option<Money> {
        let code = &money.currency_code;
        let currency_fits = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if !currency_fits {
            self.reject(
                format!("{field}.currency_code"),
                format!("must be an ISO 4217 code, for example KZT; found {code:?}"),
            );
        }
        let amount = self.quantity(&format!("{field}.minor_units"), money.minor_units);
        (currency_fits && amount.is_some()).then(|| money.clone())
    }

    /// Declared value of one unit, if declared.
    pub fn unit_value(
        &mut self,
        field: &str,
        value: Option<&UnitValue>,
    ) -> Option<Option<UnitValue>> {
        let Some(value) = value else {
            return Some(None);
        };
        let amount = self
            .there(&format!("{field}.amount"), value.amount.as_ref())
            .cloned();
        let amount = amount.and_then(|amount| self.money(&format!("{field}.amount"), &amount));
        let basis: Option<ValueBasis> = self.stated(&format!("{field}.basis"), value.basis);
        let _ = (amount?, basis?);
        Some(Some(value.clone()))
    }
}

fn shown_time(time_us: i64) -> String {
    DateTime::from_timestamp_micros(time_us).map_or_else(
        || format!("{time_us} µs"),
        |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// The kind of a reference `kind:id`, whose id is letters, digits, '.', '_' and '-'; `None` where it is none.
fn split_reference(text: &str) -> Option<&str> {
    let (kind, id) = text.split_once(':')?;
    let is_kind = |char: char| char.is_ascii_lowercase() || char == '-';
    let is_id = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-');
    let fits = !kind.is_empty() && kind.chars().all(is_kind) && !id.is_empty();
    (fits && id.chars().all(is_id)).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_one_form() {
        for good in ["2027-01-05", "1999-12-31"] {
            let date = Fields::of_query().date("day", good);
            assert_eq!(
                date.flatten().map(|date| date.to_string()),
                Some(good.to_owned())
            );
        }
        for bad in [
            "2027-1-5",
            "+12027-01-05",
            "-0001-01-05",
            "2027-02-29",
            " 2027-01-05",
        ] {
            assert_eq!(Fields::of_query().date("day", bad), None, "{bad}");
        }
    }

    #[test]
    fn a_remark_is_no_reference() {
        let parsed = |text| Fields::of_query().optional_reference("description_ref", text);
        assert_eq!(parsed(""), Some(None));
        for good in ["photo:118", "remark-card:a.b_c-1"] {
            assert!(parsed(good).flatten().is_some(), "{good}");
        }
        for bad in [
            "118",
            ":118",
            "photo:",
            "photo:a b",
            "Photo:1",
            "for Ann Lee",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_person_is_a_reference() {
        let parsed = |text| Fields::of_query().person("person_ref", text);
        for good in ["person:7", "person:a1b2-c3.d_4"] {
            assert_eq!(parsed(good).map(|it| it.to_string()), Some(good.to_owned()));
        }
        for bad in [
            "",
            "7",
            "person:",
            "person:Ann Lee",
            "person:әлия",
            "Person:7",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_fits_into_the_headers_of_an_answer() {
        let mut fields = Fields::of_query();
        for index in 0..10_000 {
            fields.reject(
                format!("lines[{index}].item_id"),
                format!("must be a code; found {:?}", "керуен ".repeat(1_000)),
            );
        }
        let status = fields.finish::<()>(None).unwrap_err();
        let headers = status.into_http::<()>().into_parts().0.headers;
        let bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 32)
            .sum();
        // gRPC's C core, and with it Python, C++ and Ruby, drops answers with more than 8 KiB of headers.
        assert!((2_000..8_192).contains(&bytes), "{bytes}");
    }
}
