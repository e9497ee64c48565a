//! Days and clocks of places.

use chrono::{DateTime, NaiveDate, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use keruen_proto::{Timestamp, registry::v1::Facility};

/// The offset of the clock at a facility from UTC, in minutes, at a time in microseconds since 1970-01-01T00:00:00Z.
pub fn utc_offset_minutes(facility: &Facility, time_us: i64) -> i32 {
    let time = DateTime::from_timestamp_micros(time_us)
        .unwrap_or_default()
        .naive_utc();
    // A facility is registered with a known time zone; a table of zones that shrinks must not stop a fold.
    let zone = facility.time_zone.parse::<Tz>().unwrap_or(Tz::UTC);
    zone.offset_from_utc_datetime(&time).fix().local_minus_utc() / 60
}

/// The calendar day at a facility at a time in microseconds since 1970-01-01T00:00:00Z.
pub fn facility_day(facility: &Facility, time_us: i64) -> NaiveDate {
    let offset_us = i64::from(utc_offset_minutes(facility, time_us)) * 60_000_000;
    DateTime::from_timestamp_micros(time_us.saturating_add(offset_us))
        .unwrap_or_default()
        .date_naive()
}

/// The calendar day in Kazakhstan, for what stands at no facility.
pub fn kazakhstan_day(time_us: i64) -> NaiveDate {
    let time = DateTime::from_timestamp_micros(time_us).unwrap_or_default();
    time.with_timezone(&chrono_tz::Asia::Almaty).date_naive()
}

/// The offset of Kazakhstan's clock from UTC since 2024-03-01, and of times too far away to have any, in microseconds.
const OFFSET_US: i64 = 5 * 3_600_000_000;
/// Since when it is that, in microseconds.
const ONE_OFFSET_SINCE_US: i64 = 1_709_233_200_000_000;
const DAY_US: i64 = 86_400_000_000;

/// The number of the calendar day in Kazakhstan, counted from 1970-01-01, of a time in microseconds; of any time at all.
pub fn kazakhstan_day_number(time_us: i64) -> i64 {
    let offset_us = match DateTime::from_timestamp_micros(time_us) {
        Some(time) if time_us < ONE_OFFSET_SINCE_US => {
            let offset = chrono_tz::Asia::Almaty.offset_from_utc_datetime(&time.naive_utc());
            i64::from(offset.fix().local_minus_utc()) * 1_000_000
        }
        _ => OFFSET_US,
    };
    time_us.saturating_add(offset_us).div_euclid(DAY_US)
}

/// When the calendar day of this number begins in Kazakhstan, in microseconds since 1970-01-01T00:00:00Z.
pub fn kazakhstan_midnight_us(day_number: i64) -> i64 {
    let local_us = day_number.saturating_mul(DAY_US);
    let usual_us = local_us.saturating_sub(OFFSET_US);
    if usual_us >= ONE_OFFSET_SINCE_US {
        return usual_us;
    }
    begin_us(chrono_tz::Asia::Almaty, local_us).unwrap_or(usual_us)
}

/// When the calendar day of this number begins by the clocks of a time zone, in microseconds since 1970-01-01T00:00:00Z;
/// `None` where nobody knows the zone.
pub fn midnight_us(time_zone: &str, day_number: i64) -> Option<i64> {
    begin_us(time_zone.parse().ok()?, day_number.saturating_mul(DAY_US))
}

/// When the day begins whose midnight is this by a clock that shows UTC.
fn begin_us(zone: Tz, local_us: i64) -> Option<i64> {
    let midnight = DateTime::from_timestamp_micros(local_us)?.naive_utc();
    // Where a clock goes forward at midnight the day begins an hour later; where it goes back, with the first one.
    let later = midnight + chrono::Duration::hours(1);
    [midnight, later]
        .iter()
        .find_map(|local| zone.from_local_datetime(local).earliest())
        .map(|time| time.timestamp_micros())
}

/// The offset from UTC, in minutes, of the clock in Kazakhstan, by which lists tell times at many places, at a time in
/// microseconds since 1970-01-01T00:00:00Z.
pub fn kazakhstan_offset_minutes(time_us: i64) -> i32 {
    let time = DateTime::from_timestamp_micros(time_us).unwrap_or_default();
    let zone = chrono_tz::Asia::Almaty;
    let offset = zone.offset_from_utc_datetime(&time.naive_utc());
    offset.fix().local_minus_utc() / 60
}

/// Whether units with this last day of use, as stored, can no longer be used on a day. Units without one never expire.
pub fn is_expired(expires_on: &str, today: NaiveDate) -> bool {
    crate::region::parse(expires_on).is_some_and(|last_day| last_day < today)
}

/// A time in microseconds since 1970-01-01T00:00:00Z, as people and programs read it.
pub(crate) fn time(time_us: i64) -> String {
    DateTime::from_timestamp_micros(time_us)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A time in microseconds since 1970-01-01T00:00:00Z as it is stored.
pub fn timestamp(time_us: i64) -> Timestamp {
    Timestamp {
        seconds: time_us.div_euclid(1_000_000),
        // Less than a thousand million.
        nanos: i32::try_from(time_us.rem_euclid(1_000_000) * 1_000).unwrap_or_default(),
    }
}

/// A stored time in microseconds since 1970-01-01T00:00:00Z.
pub fn micros(time: &Timestamp) -> i64 {
    time.seconds
        .saturating_mul(1_000_000)
        .saturating_add(i64::from(time.nanos) / 1_000)
}

/// A date as stored; empty where there is none.
pub(crate) fn stored(date: Option<NaiveDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: &str) -> Facility {
        Facility {
            time_zone: zone.to_owned(),
            ..Facility::default()
        }
    }

    fn us(time: &str) -> i64 {
        time.parse::<DateTime<chrono::Utc>>()
            .expect("a time")
            .timestamp_micros()
    }

    #[test]
    fn the_clock_of_the_place_at_that_time_counts() {
        // Almaty's clock went back an hour on 2024-03-01.
        assert_eq!(
            utc_offset_minutes(&at("Asia/Almaty"), us("2020-04-01T00:00:00Z")),
            360
        );
        assert_eq!(
            utc_offset_minutes(&at("Asia/Almaty"), us("2024-04-01T00:00:00Z")),
            300
        );
        assert_eq!(
            facility_day(&at("Asia/Almaty"), us("2020-04-01T17:59:59Z")).to_string(),
            "2020-04-01"
        );
        assert_eq!(
            facility_day(&at("Asia/Almaty"), us("2020-04-01T18:00:00Z")).to_string(),
            "2020-04-02"
        );
        assert_eq!(
            facility_day(&at("America/New_York"), us("2020-04-01T03:59:59Z")).to_string(),
            "2020-03-31"
        );
    }

    #[test]
    fn every_moment_is_in_the_day_that_began_before_it() {
        for day_number in -800_000..800_000 {
            let begin_us = kazakhstan_midnight_us(day_number);
            assert_eq!(kazakhstan_day_number(begin_us), day_number);
            assert_eq!(kazakhstan_day_number(begin_us - 1), day_number - 1);
        }
        for time in [
            "2020-07-31T17:59:59Z",
            "2020-07-31T18:00:00Z",
            "2024-02-29T18:59:59Z",
            "2024-02-29T19:00:00Z",
            "2026-07-31T18:59:59Z",
            "2026-07-31T19:00:00Z",
        ] {
            let day_number = kazakhstan_day_number(us(time));
            let days = kazakhstan_day(us(time)).signed_duration_since(NaiveDate::default());
            assert_eq!(days.num_days(), day_number, "{time}");
        }
        for far in [i64::MIN, i64::MAX] {
            kazakhstan_midnight_us(kazakhstan_day_number(far));
            kazakhstan_midnight_us(far);
        }
    }

    #[test]
    fn a_day_begins_by_the_clocks_of_its_place() {
        for zone in ["Asia/Almaty", "Asia/Oral", "America/New_York", "UTC"] {
            for day_number in 0..30_000 {
                let begin_us = midnight_us(zone, day_number).expect("a zone");
                for (time_us, day_number) in
                    [(begin_us, day_number), (begin_us - 1, day_number - 1)]
                {
                    let days = facility_day(&at(zone), time_us) - NaiveDate::default();
                    assert_eq!(days.num_days(), day_number, "{zone}");
                }
            }
        }
        assert_eq!(midnight_us("Asia/Nowhere", 0), None);
    }

    #[test]
    fn units_are_usable_through_their_last_day() {
        let today = "2020-04-02".parse().expect("a date");
        assert!(is_expired("2020-04-01", today));
        assert!(!is_expired("2020-04-02", today));
        assert!(!is_expired("", today));
    }
}
