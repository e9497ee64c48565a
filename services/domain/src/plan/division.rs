//! Dividing whole units fairly, by the largest remainder: nobody is further than one unit from their exact share, and
//! everything is given out.

/// Divides `total` by weights. Remainders that are equal go to whoever stands first. Nothing is given out where all
/// weights are 0.
pub fn divide(total: i64, weights: &[i64]) -> Vec<i64> {
    let weight = |weight: &i64| u128::from(weight.max(&0).unsigned_abs());
    let sum: u128 = weights.iter().map(weight).sum();
    let total = u128::from(total.max(0).unsigned_abs());
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<u128> = weights.iter().map(|it| total * weight(it)).collect();
    let mut shares: Vec<u128> = exact.iter().map(|it| it / sum).collect();
    let given: u128 = shares.iter().sum();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|index| std::cmp::Reverse(exact[*index] % sum));
    // Fewer units are left than there are remainders.
    let left = usize::try_from(total - given).unwrap_or(usize::MAX);
    for index in by_remainder.into_iter().take(left) {
        shares[index] += 1;
    }
    // No share is larger than the total.
    shares
        .into_iter()
        .map(|share| i64::try_from(share).unwrap_or(i64::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_goes_to_the_largest_remainders() {
        assert_eq!(divide(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(divide(100, &[62, 23, 15]), [62, 23, 15]);
        assert_eq!(divide(7, &[50, 30, 20]), [4, 2, 1]);
        assert_eq!(divide(1, &[1, 2]), [0, 1]);
        assert_eq!(divide(5, &[0, 0]), [0, 0]);
        assert_eq!(divide(5, &[]), Vec::<i64>::new());
        let most = crate::code::MAX_QUANTITY;
        assert_eq!(divide(most, &[most, most]), [most / 2, most / 2]);
    }
}
