//! Check digits of numbers that others give out.

/// Whether the last digit of a GS1 key (GTIN, GLN) fits the others: weights 3 and 1 from the right (GS1 General
/// Specifications, section 7.9.1). The text consists of digits.
pub fn gs1_fits(digits: &str) -> bool {
    let weights = [1, 3].into_iter().cycle();
    let sum: u32 = digits.bytes().rev().zip(weights).map(product).sum();
    sum.is_multiple_of(10)
}

/// The check digit that a GS1 key ends with, after these digits.
pub fn gs1(digits: &str) -> u32 {
    let weights = [3, 1].into_iter().cycle();
    let sum: u32 = digits.bytes().rev().zip(weights).map(product).sum();
    (10 - sum % 10) % 10
}

/// Whether the last digit of a business identification number of Kazakhstan fits the eleven before it: weights 1 to 11
/// modulo 11; where that is 10, once more with weights 3 to 11, 1, 2; numbers for which that is 10 too are not given
/// out. The text consists of 12 digits.
pub fn bin_fits(digits: &str) -> bool {
    const SECOND: [u32; 11] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2];
    let control = |sum: u32| sum % 11;
    let first = control(digits.bytes().zip(1..=11).map(product).sum());
    let expected = if first == 10 {
        control(digits.bytes().zip(SECOND).map(product).sum())
    } else {
        first
    };
    let last = digits.bytes().last().map(|digit| u32::from(digit - b'0'));
    digits.len() == 12 && last == Some(expected)
}

fn product((digit, weight): (u8, u32)) -> u32 {
    u32::from(digit.saturating_sub(b'0')) * weight
}

/// What is wrong with a key of another system whose scheme has rules of its own; `None` where nothing is.
pub fn fault(scheme: &str, value: &str) -> Option<&'static str> {
    let (lengths, fits, rule): (&[usize], fn(&str) -> bool, _) = match scheme {
        "GTIN" => (
            &[8, 12, 13, 14],
            gs1_fits,
            "must have 8, 12, 13 or 14 digits",
        ),
        "GLN" => (&[13], gs1_fits, "must have 13 digits"),
        "SSCC" => (&[18], gs1_fits, "must have 18 digits"),
        "BIN" => (&[12], bin_fits, "must have 12 digits"),
        _ => return None,
    };
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || !lengths.contains(&value.len()) {
        Some(rule)
    } else if fits(value) {
        None
    } else {
        Some("is mistyped: its check digit does not fit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_were_given_out_fit() {
        for (scheme, good) in [
            ("GTIN", "4006381333931"),
            ("GTIN", "96385074"),
            ("GTIN", "614141007349"),
            ("GTIN", "10614141000415"),
            ("GLN", "4006381333931"),
            ("SSCC", "106141412345678908"),
            ("SSCC", "340123450000000000"),
            ("BIN", "971240001315"),
            ("BIN", "940140000385"),
            ("BIN", "970740001013"),
            ("DHIS2", "anything"),
        ] {
            assert_eq!(fault(scheme, good), None, "{scheme} {good}");
        }
    }

    #[test]
    fn a_check_digit_that_is_made_fits() {
        assert_eq!(gs1("10614141234567890"), 8);
        for number in 0..2_000_u64 {
            let digits = format!("{:017}", number * 48_611_357_911);
            let whole = format!("{digits}{}", gs1(&digits));
            assert_eq!(fault("SSCC", &whole), None, "{whole}");
        }
    }

    #[test]
    fn one_wrong_digit_is_found() {
        let good = "4006381333931";
        for place in 0..good.len() {
            for digit in b'0'..=b'9' {
                let mut wrong = good.as_bytes().to_vec();
                wrong[place] = digit;
                let wrong = std::str::from_utf8(&wrong).expect("digits");
                assert_eq!(fault("GTIN", wrong).is_none(), wrong == good, "{wrong}");
            }
        }
    }

    #[test]
    fn a_number_is_checked_with_other_weights_where_the_first_give_ten() {
        // 1·10 leaves 10 with the first weights, and 1·1 with the second leaves 1.
        assert_eq!(
            fault("BIN", "000000000102"),
            Some("is mistyped: its check digit does not fit")
        );
        assert_eq!(fault("BIN", "000000000101"), None);
    }

    #[test]
    fn the_length_is_part_of_the_number() {
        for (scheme, bad) in [
            ("GTIN", "123"),
            ("GTIN", "400638133393A"),
            ("GTIN", "0400638133393"),
            ("GLN", "96385074"),
            ("BIN", "97124000131"),
            ("BIN", "971240001316"),
            ("BIN", "9712400013155"),
        ] {
            assert!(fault(scheme, bad).is_some(), "{scheme} {bad}");
        }
    }
}
