//! Values as people write them on the command line and in CSV files.

use std::{
    net::SocketAddr,
    num::{IntErrorKind, ParseIntError},
    time::Duration,
};

use chrono::DateTime;
use iso_currency::Currency;
use keruen_domain::calendar;
use keruen_proto::{
    check::MAX_EXACT,
    registry::v1::{AssetLink, ExternalId, GeoPoint, Money, RegionAssignment, StorageRange},
};
use pbjson_types::Timestamp;
use uuid::Uuid;

const MAX_ACTOR_LENGTH: usize = 128;
const EXAMPLE_COMMAND_ID: &str = "0190a7b2-0000-7000-8000-000000000001";
const MAX_TIMEOUT: Duration = Duration::from_hours(1);

/// The address of a server, with `http://` where no scheme is given.
pub fn server(text: &str) -> String {
    if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    }
}

fn is_actor_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | ':' | '@' | '-')
}

/// A reference to whoever gives a command.
pub fn actor(text: &str) -> Result<String, String> {
    let begins_well = text.starts_with(|char: char| char.is_ascii_alphanumeric());
    if begins_well && text.len() <= MAX_ACTOR_LENGTH && text.chars().all(is_actor_char) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be 1 to {MAX_ACTOR_LENGTH} letters, digits or any of . _ : @ -, beginning with a letter or digit"
        ))
    }
}

/// `cli:` and the user of the operating system.
pub fn default_actor() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    actor_of_user(&user.unwrap_or_default())
}

fn actor_of_user(user: &str) -> String {
    let user: String = user
        .chars()
        .map(|char| if is_actor_char(char) { char } else { '_' })
        .take(64)
        .collect();
    format!("cli:{}", if user.is_empty() { "unknown" } else { &user })
}

/// A time such as `500ms`, `30s`, `2m`; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let rule = || format!("must be a time such as 500ms, 30s or 2m; found {text:?}");
    let digits = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| rule())?;
    let duration = match &text[digits..] {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" | "min" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(rule()),
    };
    if duration.is_zero() || duration > MAX_TIMEOUT {
        return Err(format!(
            "must be more than nothing and at most an hour; found {text:?}"
        ));
    }
    Ok(duration)
}

/// The same, for messages.
pub fn duration_text(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

/// A number of bytes such as `64MiB`, `2GiB`, `500kB`; a bare number is bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    let rule = || format!("must be a size such as 64MiB or 2GiB; found {text:?}");
    let digits = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| rule())?;
    let unit: u64 = match text[digits..].trim_start() {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(rule()),
    };
    number.checked_mul(unit).ok_or_else(rule)
}

/// A number of rows.
pub fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(1..=10_000_000) => text.parse().map_err(|error| format!("{error}")),
        Ok(_) => Err("must be 1 to 10,000,000".to_owned()),
        Err(_) => Err(format!("must be a whole number; found {text:?}")),
    }
}

/// A time in RFC 3339.
pub fn timestamp(text: &str) -> Result<Timestamp, String> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|error| {
        format!("must be RFC 3339 with an offset, for example 2020-07-14T09:30:00+06:00 ({error})")
    })?;
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).map_err(|error| error.to_string())?;
    Ok(Timestamp {
        seconds: time.timestamp(),
        nanos,
    })
}

/// A whole number.
pub fn whole(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow => {
                format!("must be at most {MAX_EXACT} (2^53 − 1); found {text:?}")
            }
            IntErrorKind::NegOverflow => {
                format!("must be at least −{MAX_EXACT} (−(2^53 − 1)); found {text:?}")
            }
            _ => format!("must be a whole number; found {text:?}"),
        })
}

/// A whole number of something that is never large.
pub fn small(text: &str) -> Result<i32, String> {
    let number = whole(text)?;
    i32::try_from(number)
        .map_err(|_| format!("must be at most {} either way; found {text:?}", i32::MAX))
}

/// How many days or months; services take 0 for as many as usual, which nobody means who says 0.
pub fn span(text: &str) -> Result<i32, String> {
    match small(text)? {
        number @ 1.. => Ok(number),
        number => Err(format!("must be at least 1; found {number}")),
    }
}

/// The position of an event; services take 0 for now, which nobody means who says 0.
pub fn event_position(text: &str) -> Result<u64, String> {
    match position(text)? {
        0 => Err("must be at least 1, the first event of the log; found 0".to_owned()),
        position => Ok(position),
    }
}

/// A position of the log.
pub fn position(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("must be a position of the log, 0, 1, 2 and so on; found {text:?}"))
}

/// How many of something.
pub fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| format!("must be a number, 0, 1, 2 and so on; found {text:?}"))
}

/// A command id.
pub fn command_id(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text)
        .map_err(|_| format!("must be a UUID, for example {EXAMPLE_COMMAND_ID}; found {text:?}"))
}

/// An address to listen on.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("must be an IP address and a port, for example 127.0.0.1:7460; found {text:?}")
    })
}

/// A position, or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// Of an event.
    Position(u64),
    /// When something was recorded.
    Time(Timestamp),
}

/// A position, a time, or a day, which stands for its end.
pub fn instant(text: &str) -> Result<Instant, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(position) if position > 0 => Ok(Instant::Position(position)),
            _ => Err("a position is a whole number from 1 on".to_owned()),
        };
    }
    end(text).map(Instant::Time)
}

/// When a day begins in Kazakhstan; `None` where it is no day.
pub fn midnight(text: &str) -> Option<Timestamp> {
    day_number(text).map(|day| calendar::timestamp(calendar::kazakhstan_midnight_us(day)))
}

/// The days of a date since 1970-01-01.
fn day_number(text: &str) -> Option<i64> {
    date(text).ok()?;
    let day: chrono::NaiveDate = text.parse().ok()?;
    Some(
        day.signed_duration_since(chrono::NaiveDate::default())
            .num_days(),
    )
}

/// A time, or a day, which stands for its end in Kazakhstan.
pub fn end(text: &str) -> Result<Timestamp, String> {
    if let Some(day_number) = day_number(text) {
        return Ok(calendar::timestamp(
            calendar::kazakhstan_midnight_us(day_number + 1) - 1,
        ));
    }
    timestamp(text).map_err(|_| {
        "must be a day or a time, such as 2020-07-31 or 2020-07-31T12:00:00+05:00".to_owned()
    })
}

/// An ISO 8601 calendar date, as text.
pub fn date(text: &str) -> Result<String, String> {
    text.parse::<chrono::NaiveDate>()
        .ok()
        .filter(|_| text.len() == 10)
        .map(|_| text.to_owned())
        .ok_or_else(|| format!("must be a day such as 2020-07-14; found {text:?}"))
}

/// `true` or `false`, also `yes` or `no`.
pub fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(format!("must be true or false; found {text:?}")),
    }
}

/// A decimal number as an integer of its `places`-th decimal place: `decimal("2.5", 3)` is 2500.
pub fn decimal(text: &str, places: u32) -> Result<i64, String> {
    let rule = || format!("must be a number with at most {places} decimal places; found {text:?}");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let width = usize::try_from(places).map_err(|_| rule())?;
    let dangling = digits.ends_with('.');
    if whole.is_empty()
        || dangling
        || !all_digits(whole)
        || !all_digits(fraction)
        || fraction.len() > width
    {
        return Err(rule());
    }
    let number: i64 = format!("{whole}{fraction:0<width$}")
        .parse()
        .map_err(|_| rule())?;
    Ok(if negative { -number } else { number })
}

/// A decimal number in thousandths: 12.4 kilograms are 12400 grams.
pub fn thousandths(text: &str) -> Result<i64, String> {
    decimal(text, 3)
}

/// The integer of a decimal place as a decimal number.
pub fn decimal_text(number: i64, places: u32) -> String {
    if places == 0 {
        return number.to_string();
    }
    let unit = 10_u64.saturating_pow(places);
    let sign = if number < 0 { "-" } else { "" };
    let magnitude = number.unsigned_abs();
    let width = usize::try_from(places).unwrap_or_default();
    format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit)
}

/// How many decimal places a currency has.
fn currency_places(code: &str) -> Option<u32> {
    Currency::from_code(code).map(|currency| currency.exponent().unwrap_or(0).into())
}

/// An amount and a currency, in whole units: `4000000USD`, `12.50 KZT`.
pub fn money(text: &str) -> Result<Money, String> {
    let rule = || {
        format!(
            "must be an amount and an ISO 4217 code, for example 4000000USD or 12.50KZT; found {text:?}"
        )
    };
    let split = text
        .len()
        .checked_sub(3)
        .filter(|at| text.is_char_boundary(*at))
        .ok_or_else(rule)?;
    let (amount, code) = text.split_at(split);
    let places = currency_places(code).ok_or_else(rule)?;
    let minor_units = decimal(amount.trim_end(), places)?;
    Ok(Money {
        currency_code: code.to_owned(),
        minor_units,
    })
}

/// An amount and its currency, as text each: `4000000.00` and `USD`.
pub fn money_parts(money: &Money) -> (String, String) {
    let code = &money.currency_code;
    match currency_places(code) {
        Some(places) => (decimal_text(money.minor_units, places), code.clone()),
        None => (
            money.minor_units.to_string(),
            format!("minor units of {code}"),
        ),
    }
}

/// Amount and currency: `4000000.00 USD`.
pub fn money_text(money: &Money) -> String {
    let (amount, currency) = money_parts(money);
    format!("{amount} {currency}")
}

/// Latitude and longitude in degrees: `43.2389,76.8897`.
pub fn location(text: &str) -> Result<GeoPoint, String> {
    let (latitude, longitude) = text.split_once(',').ok_or_else(|| {
        format!(
            "must be latitude,longitude in degrees, for example 43.2389,76.8897; found {text:?}"
        )
    })?;
    Ok(GeoPoint {
        latitude_e7: degrees("latitude", latitude.trim(), 90)?,
        longitude_e7: degrees("longitude", longitude.trim(), 180)?,
    })
}

/// Degrees in units of 1e-7.
pub fn degrees(name: &str, text: &str, limit: i64) -> Result<i32, String> {
    let number = decimal(text, 7).map_err(|rule| format!("{name} {rule}"))?;
    i32::try_from(number)
        .ok()
        .filter(|_| number.abs() <= limit * 10_000_000)
        .ok_or_else(|| format!("{name} must be −{limit} to {limit} degrees; found {text:?}"))
}

/// Temperatures in degrees Celsius: `2..8`, `-25..-15`.
pub fn storage(text: &str) -> Result<StorageRange, String> {
    let (low, high) = text.split_once("..").ok_or_else(|| {
        format!("must be LOWEST..HIGHEST in °C, for example 2..8; found {text:?}")
    })?;
    let millicelsius = |text: &str| {
        decimal(text.trim(), 3).and_then(|number| {
            i32::try_from(number).map_err(|_| format!("{text} °C is beyond all bounds"))
        })
    };
    Ok(StorageRange {
        minimum_millicelsius: millicelsius(low)?,
        maximum_millicelsius: millicelsius(high)?,
    })
}

/// A key of another system: `GTIN=4006381333931`.
pub fn external_id(text: &str) -> Result<ExternalId, String> {
    match text.split_once('=') {
        Some((scheme, value)) if !scheme.is_empty() && !value.is_empty() => Ok(ExternalId {
            scheme: scheme.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err(format!(
            "must be SCHEME=VALUE, for example BIN=970740001013; found {text:?}"
        )),
    }
}

/// A unit with a serial number: `VENT-A,SN-17`.
pub fn asset(text: &str) -> Result<AssetLink, String> {
    match text.split_once(',') {
        Some((item_id, serial_number)) if !item_id.is_empty() && !serial_number.is_empty() => {
            Ok(AssetLink {
                item_id: item_id.to_owned(),
                serial_number: serial_number.to_owned(),
            })
        }
        _ => Err(format!(
            "must be ITEM,SERIAL, for example VENT-A,SN-17; found {text:?}"
        )),
    }
}

/// A region, with the first day if it was not always this one: `KZ-62@2022-06-08`.
pub fn region(text: &str) -> Result<RegionAssignment, String> {
    let (region_id, valid_from) = match text.split_once('@') {
        Some((region_id, day)) => (region_id, date(day)?),
        None => (text, String::new()),
    };
    if region_id.is_empty() {
        return Err("must be an ISO 3166-2 code, for example KZ-75".to_owned());
    }
    Ok(RegionAssignment {
        region_id: region_id.to_owned(),
        valid_from,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_to_its_currency() {
        let units = |text: &str| money(text).map(|money| (money.minor_units, money_text(&money)));
        assert_eq!(
            units("4000000USD"),
            Ok((400_000_000, "4000000.00 USD".to_owned()))
        );
        assert_eq!(units("12.5 KZT"), Ok((1_250, "12.50 KZT".to_owned())));
        assert_eq!(units("7JPY"), Ok((7, "7 JPY".to_owned())));
        assert_eq!(units("-0.05USD"), Ok((-5, "-0.05 USD".to_owned())));
        for wrong in [
            "",
            "USD",
            "12.345USD",
            "12,50USD",
            "7.5JPY",
            "1XQX",
            "12.USD",
            ".5USD",
            "1e3USD",
            "₸₸",
        ] {
            assert!(units(wrong).is_err(), "{wrong}");
        }
        assert!(units("99999999999999999999USD").is_err());
    }

    #[test]
    fn a_place_is_exact() {
        assert_eq!(
            location("43.2389, -76.8897"),
            Ok(GeoPoint {
                latitude_e7: 432_389_000,
                longitude_e7: -768_897_000
            })
        );
        for wrong in [
            "43",
            "91,0",
            "0,180.0000001",
            "a,b",
            "1,2,3",
            "0.00000001,1",
        ] {
            assert!(location(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn temperatures_may_be_below_zero() {
        let range = storage("-25.5..-15").unwrap();
        assert_eq!(
            (range.minimum_millicelsius, range.maximum_millicelsius),
            (-25_500, -15_000)
        );
        assert!(storage("2-8").is_err());
    }

    #[test]
    fn times_have_units_and_bounds() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        for wrong in ["", "0s", "2h", "-1s", "61m", "18446744073709551615m", "s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_instant_needs_an_offset() {
        let time = timestamp("2020-07-14T09:30:00.25+06:00").unwrap();
        assert_eq!((time.seconds, time.nanos), (1_594_697_400, 250_000_000));
        assert!(timestamp("2020-07-14T09:30:00").is_err());
        assert!(
            date("2020-7-14").is_err() && date("2020-02-30").is_err() && date("2020-07-14").is_ok()
        );
    }

    #[test]
    fn every_user_makes_a_valid_actor() {
        for user in [
            "ann",
            "",
            "ann smith",
            "әлия",
            "domain\\ann",
            &"x".repeat(300),
        ] {
            let reference = actor_of_user(user);
            assert_eq!(actor(&reference), Ok(reference.clone()));
        }
        assert!(actor("-x").is_err());
    }

    #[test]
    fn a_region_may_begin_on_a_day() {
        assert_eq!(region("KZ-62@2022-06-08").unwrap().valid_from, "2022-06-08");
        assert_eq!(region("KZ-75").unwrap().valid_from, "");
        assert!(region("@2022-06-08").is_err() && region("KZ-62@soon").is_err());
    }
}
