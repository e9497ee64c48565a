//! A bar that shows how a whole divides.

/// Length of the bar in SVG units.
const LENGTH: i64 = 1_000;

/// Shortest part that can still be seen, in SVG units.
const SHORTEST: i64 = 8;

/// A whole and its parts.
#[derive(Debug)]
pub struct Bar {
    /// Length of all parts together, in SVG units.
    pub length: i64,
    /// The parts that are not zero.
    pub parts: Vec<Part>,
}

/// One part of a bar.
#[derive(Debug)]
pub struct Part {
    /// What it is.
    pub label: &'static str,
    /// How much, in words.
    pub amount: String,
    /// Its colour, as a class of the style sheet.
    pub class: &'static str,
    /// Where it begins, in SVG units.
    pub start: i64,
    /// Its length in SVG units.
    pub length: i64,
}

impl Bar {
    /// Divides a bar by amounts; each comes with its label and class. Amounts below zero count as nothing.
    pub fn of(
        amounts: impl IntoIterator<Item = (&'static str, &'static str, i64)>,
        number: impl Fn(i64) -> String,
    ) -> Self {
        let amounts: Vec<_> = amounts
            .into_iter()
            .filter(|(_, _, amount)| *amount > 0)
            .collect();
        let whole: i128 = amounts
            .iter()
            .map(|(_, _, amount)| i128::from(*amount))
            .sum();
        let mut start = 0;
        let mut parts = Vec::new();
        for (label, class, amount) in amounts {
            // At most LENGTH, so it always fits.
            let length = i64::try_from(i128::from(amount) * i128::from(LENGTH) / whole.max(1))
                .unwrap_or(LENGTH);
            let length = length.max(SHORTEST);
            parts.push(Part {
                label,
                amount: number(amount),
                class,
                start,
                length,
            });
            start += length;
        }
        Self {
            length: start,
            parts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_many_are_still_seen() {
        let amounts = [
            ("a", "a", 196_998),
            ("b", "b", 0),
            ("c", "c", 2),
            ("d", "d", -7),
        ];
        let bar = Bar::of(amounts, |amount| amount.to_string());
        let parts: Vec<_> = bar
            .parts
            .iter()
            .map(|part| (part.label, part.start, part.length))
            .collect();
        assert_eq!(parts, [("a", 0, 999), ("c", 999, SHORTEST)]);
        assert_eq!(bar.length, 999 + SHORTEST);
    }

    #[test]
    fn the_largest_amounts_do_not_overflow() {
        let bar = Bar::of([("a", "a", i64::MAX), ("b", "b", i64::MAX)], |amount| {
            amount.to_string()
        });
        assert_eq!(bar.length, LENGTH);
    }
}
