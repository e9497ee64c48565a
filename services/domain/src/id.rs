//! Ids that people say on the phone.

use sha2::{Digest, Sha256};

use crate::code::Code;

/// Letters that are not taken for others when written or printed: no I, L, O. 23 of them, a prime, so that the check
/// letter finds every single wrong letter and every two that changed places.
const LETTERS: &[u8; 23] = b"ABCDEFGHJKMNPQRSTUVWXYZ";
const DATA_LETTERS: usize = 10;

/// What an id is for; its first letter says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// `D-…`
    Donation,
    /// `B-…`
    Batch,
    /// `R-…`
    Request,
    /// `S-…`
    Shipment,
    /// `C-…`
    Count,
    /// `G-…`
    Goods,
    /// `E-…`
    Emergency,
    /// `P-…`
    Plan,
    /// `T-…`
    Trip,
}

impl IdKind {
    fn letter(self) -> char {
        match self {
            Self::Donation => 'D',
            Self::Batch => 'B',
            Self::Request => 'R',
            Self::Shipment => 'S',
            Self::Count => 'C',
            Self::Goods => 'G',
            Self::Emergency => 'E',
            Self::Plan => 'P',
            Self::Trip => 'T',
        }
    }
}

/// Makes a number of so many digits, at most 18, for the `index`-th thing that a command creates: the same for the same
/// arguments. Should two commands get the same one, the second is refused as a duplicate.
pub fn number(command_id: &str, index: usize, digits: usize) -> String {
    let digest = Sha256::new()
        .chain_update(command_id.as_bytes())
        .chain_update([0])
        .chain_update(index.to_string().as_bytes())
        .finalize();
    let number = digest[..8]
        .iter()
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let digits = digits.min(18);
    let limit = 10_u64.pow(u32::try_from(digits).unwrap_or_default());
    format!("{:0>digits$}", number % limit)
}

/// Makes the id of the `index`-th thing of its kind that a command creates. The same arguments always give the same id,
/// on every node, so that a command that is repeated anywhere means the same thing. Ten letters hold 45 bits; should two commands ever get the same id, the second is refused as a
/// duplicate, never merged.
pub fn generate(kind: IdKind, command_id: &str, index: usize) -> Code {
    let mut hasher = Sha256::new();
    for part in [
        &[kind.letter() as u8],
        command_id.as_bytes(),
        index.to_string().as_bytes(),
    ] {
        hasher.update(part);
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    let mut number = digest[..16]
        .iter()
        .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    let base = LETTERS.len() as u128;
    let mut letters = Vec::with_capacity(DATA_LETTERS + 1);
    for _ in 0..DATA_LETTERS {
        letters.push(LETTERS[usize::try_from(number % base).unwrap_or_default()]);
        number /= base;
    }
    letters.push(check_letter(&letters));
    let text: String = letters.iter().map(|letter| *letter as char).collect();
    let id = format!("{}-{}-{}", kind.letter(), &text[..5], &text[5..]);
    // A kind letter, dashes and letters of the alphabet are always a valid code.
    Code::parse(&id).unwrap_or_else(|_| unreachable!("generated ids are codes"))
}

/// Weighted sum modulo 23: weights 2, 3, 4 … are all different and not 0 modulo 23.
fn check_letter(letters: &[u8]) -> u8 {
    let sum: usize = letters
        .iter()
        .zip(2..)
        .map(|(letter, weight)| {
            LETTERS
                .iter()
                .position(|other| other == letter)
                .unwrap_or_default()
                * weight
        })
        .sum();
    LETTERS[sum % LETTERS.len()]
}

/// Whether text of the form that [`generate`] makes has a wrong check letter, as when it was misheard. Codes of any
/// other form, such as those that clients choose, are never mistyped in this sense.
pub fn is_mistyped(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some(kind), Some(first), Some(second), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let letters: Vec<u8> = first.bytes().chain(second.bytes()).collect();
    let generated = matches!(kind, "D" | "B" | "R" | "S")
        && first.len() == 5
        && second.len() == 6
        && letters.iter().all(|letter| LETTERS.contains(letter));
    generated && check_letter(&letters[..DATA_LETTERS]) != letters[DATA_LETTERS]
}
