//! Numbers, dates, money and names as each language writes them (after Unicode CLDR).

use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, Timelike as _};
use keruen_proto::{
    log::v1::{OccurredAt, TimePrecision},
    registry::v1::{LocalizedText, Money},
};

use crate::text::Lang;

/// Stands between groups of three digits in Kazakh and Russian, and keeps the number on one line.
const NO_BREAK_SPACE: char = '\u{a0}';

/// A moment as people and as machines read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// In the reader's language, by the clock of the place.
    pub text: String,
    /// ISO 8601, for the `datetime` attribute.
    pub iso: String,
}

/// A whole number, in groups of three digits.
pub fn number(lang: Lang, value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    if value < 0 {
        text.push('\u{2212}');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(if lang == Lang::En {
                ','
            } else {
                NO_BREAK_SPACE
            });
        }
        text.push(digit);
    }
    text
}

/// A position of the log.
pub fn position(lang: Lang, value: u64) -> String {
    number(lang, i64::try_from(value).unwrap_or(i64::MAX))
}

/// An amount with its currency code.
pub fn money(lang: Lang, money: &Money) -> String {
    let digits = minor_digits(&money.currency_code);
    let unit = 10_i64.pow(digits);
    let mut text = number(lang, money.minor_units / unit);
    if money.minor_units < 0 && money.minor_units / unit == 0 {
        text.insert(0, '\u{2212}');
    }
    let rest = (money.minor_units % unit).abs();
    if rest != 0 {
        text.push(if lang == Lang::En { '.' } else { ',' });
        // Writing to a string can't fail.
        let _ = write!(text, "{rest:0width$}", width = digits as usize);
    }
    text.push(NO_BREAK_SPACE);
    text.push_str(&money.currency_code);
    text
}

/// Digits of a currency's minor unit, where ISO 4217 has other than two.
fn minor_digits(currency_code: &str) -> u32 {
    match currency_code {
        "CLP" | "ISK" | "JPY" | "KRW" | "PYG" | "UGX" | "VND" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// An ISO 8601 calendar date; `None` where there is none. What is no date is shown as it stands.
pub fn date(lang: Lang, iso: &str) -> Option<Moment> {
    if iso.is_empty() {
        return None;
    }
    let text = iso
        .parse()
        .map_or_else(|_| iso.to_owned(), |date| day(lang, date));
    Some(Moment {
        text,
        iso: iso.to_owned(),
    })
}

/// When a fact happened, by the clock of its place, as exactly as it is known.
pub fn occurred_at(lang: Lang, occurred_at: Option<&OccurredAt>) -> Option<Moment> {
    let occurred_at = occurred_at?;
    let offset = FixedOffset::east_opt(occurred_at.utc_offset_minutes.checked_mul(60)?)?;
    let moment = DateTime::from_timestamp_micros(occurred_at.time_us)?.with_timezone(&offset);
    let date = moment.date_naive();
    if occurred_at.precision() == TimePrecision::Day {
        return Some(Moment {
            text: day(lang, date),
            iso: date.to_string(),
        });
    }
    let text = format!(
        "{}, {:02}:{:02}",
        day(lang, date),
        moment.hour(),
        moment.minute()
    );
    Some(Moment {
        text,
        iso: moment.format("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    })
}

const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTHS_KK: [&str; 12] = [
    "қаңтар",
    "ақпан",
    "наурыз",
    "сәуір",
    "мамыр",
    "маусым",
    "шілде",
    "тамыз",
    "қыркүйек",
    "қазан",
    "қараша",
    "желтоқсан",
];
const MONTHS_RU: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

fn day(lang: Lang, date: NaiveDate) -> String {
    let (year, month, day) = (date.year(), date.month0() as usize, date.day());
    let space = NO_BREAK_SPACE;
    match lang {
        Lang::En => format!("{day}{space}{} {year}", MONTHS_EN[month]),
        Lang::Kk => format!("{year}{space}ж. {day}{space}{}", MONTHS_KK[month]),
        Lang::Ru => format!("{day}{space}{} {year}{space}г.", MONTHS_RU[month]),
    }
}

/// A name in that language, else in English, else the code that it belongs to.
pub fn name(lang: Lang, name: Option<&LocalizedText>, code: &str) -> String {
    let Some(name) = name else {
        return code.to_owned();
    };
    let own = match lang {
        Lang::En => &name.en,
        Lang::Kk => &name.kk,
        Lang::Ru => &name.ru,
    };
    [own, &name.en]
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or_else(|| code.to_owned(), Clone::clone)
}

/// By what names sort: the place of each letter in the Kazakh alphabet, which contains the Russian one in its order.
/// Code points would put Kazakh letters last.
pub fn sort_key(name: &str) -> Vec<u32> {
    const ALPHABET: &str = "аәбвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя";
    let place = |letter: char| match ALPHABET.chars().position(|other| other == letter) {
        Some(index) => u32::from('а') + u32::try_from(index).unwrap_or_default(),
        None => u32::from(letter),
    };
    name.chars()
        .flat_map(char::to_lowercase)
        .map(place)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_as_each_language_does() {
        assert_eq!(number(Lang::En, 197_000), "197,000");
        assert_eq!(number(Lang::Ru, 1_234_567), "1\u{a0}234\u{a0}567");
        assert_eq!(number(Lang::Kk, 999), "999");
        assert_eq!(number(Lang::En, -1_000), "\u{2212}1,000");
        assert_eq!(
            number(Lang::En, i64::MIN),
            "\u{2212}9,223,372,036,854,775,808"
        );
    }

    #[test]
    fn money_keeps_its_minor_units() {
        let amount = |currency_code: &str, minor_units| Money {
            currency_code: currency_code.to_owned(),
            minor_units,
        };
        assert_eq!(
            money(Lang::En, &amount("USD", 400_000_000)),
            "4,000,000\u{a0}USD"
        );
        assert_eq!(
            money(Lang::Ru, &amount("KZT", 123_405)),
            "1\u{a0}234,05\u{a0}KZT"
        );
        assert_eq!(money(Lang::En, &amount("JPY", 500)), "500\u{a0}JPY");
        assert_eq!(money(Lang::En, &amount("USD", -5)), "\u{2212}0.05\u{a0}USD");
    }

    #[test]
    fn times_are_told_by_the_clock_of_the_place() {
        let mut at = OccurredAt {
            time_us: 1_586_026_800_000_000,
            utc_offset_minutes: 360,
            precision: TimePrecision::Minute.into(),
            clamped: false,
        };
        let text = |lang, at: &OccurredAt| {
            occurred_at(lang, Some(at))
                .unwrap()
                .text
                .replace('\u{a0}', " ")
        };
        assert_eq!(text(Lang::En, &at), "5 April 2020, 01:00");
        assert_eq!(text(Lang::Ru, &at), "5 апреля 2020 г., 01:00");
        assert_eq!(text(Lang::Kk, &at), "2020 ж. 5 сәуір, 01:00");
        assert_eq!(
            occurred_at(Lang::En, Some(&at)).unwrap().iso,
            "2020-04-05T01:00:00+06:00"
        );
        at.precision = TimePrecision::Day.into();
        assert_eq!(text(Lang::En, &at), "5 April 2020");
        at.time_us = i64::MAX;
        assert_eq!(occurred_at(Lang::En, Some(&at)), None);
    }

    #[test]
    fn what_is_no_date_is_shown_as_it_stands() {
        assert_eq!(date(Lang::En, ""), None);
        assert_eq!(date(Lang::En, "2021-02-30").unwrap().text, "2021-02-30");
        assert_eq!(
            date(Lang::Kk, "2021-02-03")
                .unwrap()
                .text
                .replace('\u{a0}', " "),
            "2021 ж. 3 ақпан"
        );
    }

    #[test]
    fn kazakh_names_sort_by_the_kazakh_alphabet() {
        let mut names = [
            "Шымкент",
            "Ұлытау",
            "Қарағанды",
            "Павлодар",
            "Ақмола",
            "Абай",
            "Жетісу",
            "Жамбыл",
            "Қостанай",
        ];
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(
            names,
            [
                "Абай",
                "Ақмола",
                "Жамбыл",
                "Жетісу",
                "Қарағанды",
                "Қостанай",
                "Павлодар",
                "Ұлытау",
                "Шымкент"
            ]
        );
    }
}
