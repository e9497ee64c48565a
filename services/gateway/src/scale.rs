//! The shades of the map: which amounts share a shade.

/// Shades there are, from few to many; amounts of zero have none.
pub const SHADES: usize = 5;

/// A run of amounts that share a shade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Smallest amount.
    pub from: i64,
    /// Largest amount.
    pub to: i64,
    /// 1, the lightest, to [`SHADES`].
    pub shade: usize,
}

/// Classes of about as many regions each, with round limits. Amounts are skewed (one warehouse has most of
/// everything), so that classes of equal width would leave all other regions in one shade.
pub fn classes(amounts: impl IntoIterator<Item = i64>) -> Vec<Class> {
    let mut amounts: Vec<i64> = amounts.into_iter().filter(|amount| *amount > 0).collect();
    amounts.sort_unstable();
    let Some(&largest) = amounts.last() else {
        return Vec::new();
    };
    let quantile = |k: usize| amounts[(k * amounts.len()).div_ceil(SHADES).max(1) - 1];
    let mut limits: Vec<i64> = (1..SHADES)
        .map(|k| round_up(quantile(k)))
        .filter(|limit| *limit < largest)
        .collect();
    limits.push(largest);
    limits.dedup();
    let mut from = 1;
    let mut classes = Vec::new();
    for to in limits {
        if amounts.iter().any(|amount| (from..=to).contains(amount)) {
            classes.push(Class { from, to, shade: 0 });
            from = to + 1;
        }
    }
    let count = classes.len();
    for (index, class) in classes.iter_mut().enumerate() {
        // Spread over all shades; a single class takes the middle one.
        class.shade = if count == 1 {
            SHADES.div_ceil(2)
        } else {
            1 + index * (SHADES - 1) / (count - 1)
        };
    }
    classes
}

/// The shade of an amount; 0 where there is nothing.
pub fn shade(classes: &[Class], amount: i64) -> usize {
    classes
        .iter()
        .find(|class| (class.from..=class.to).contains(&amount))
        .map_or(0, |class| class.shade)
}

/// Up to the next number with two digits of which the second is 0 or 5 (below 20: any), and zeros; small numbers stay.
fn round_up(amount: i64) -> i64 {
    if amount < 10 {
        return amount;
    }
    let mut power = 1_i64;
    while power <= amount / 10 {
        power *= 10;
    }
    let unit = power / 10;
    // `leading` lies between 10 and 100, and no amount in the books comes near overflow.
    let leading = (amount - 1) / unit + 1;
    if leading <= 20 {
        leading * unit
    } else {
        ((leading - 1) / 5 + 1) * 5 * unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_every_amount_without_gaps() {
        for seed in 1..400_i64 {
            let bound = [10, 100, 1_000, 10_000, 1_000_000, 1_000_000_000]
                [usize::try_from(seed % 6).unwrap()];
            let amounts: Vec<i64> = (0..seed % 21)
                .map(|i| (seed * 7919 * (i + 1) * (i + 3)) % bound)
                .collect();
            let classes = classes(amounts.iter().copied());
            for pair in classes.windows(2) {
                assert_eq!(pair[0].to + 1, pair[1].from);
                assert!(pair[0].shade < pair[1].shade);
            }
            for amount in amounts {
                assert_eq!(
                    shade(&classes, amount) > 0,
                    amount > 0,
                    "{amount} in {classes:?}"
                );
                assert!(shade(&classes, amount) <= SHADES);
            }
        }
    }

    #[test]
    fn limits_are_round_and_the_last_is_the_largest() {
        let classes = classes([0, 1_210, 2_400, 2_480, 3_900, 7_001, 81_234]);
        let limits: Vec<i64> = classes.iter().map(|class| class.to).collect();
        assert_eq!(limits, [2_500, 4_000, 7_500, 81_234]);
    }

    #[test]
    fn few_amounts_make_few_classes() {
        assert!(classes([0, 0]).is_empty());
        assert_eq!(
            classes([0, 1, 1]),
            [Class {
                from: 1,
                to: 1,
                shade: 3
            }]
        );
    }
}
