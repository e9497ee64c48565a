//! Proofs over the tree, as in RFC 6962, sections 2.1.1 and 2.1.2: which subtrees a proof is made of, and how it is
//! checked.

use std::ops::Range;

use super::{Hash, node_hash};

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// What is to be proven makes no sense.
    #[error("the sizes make no sense: {0}")]
    Sizes(&'static str),
    /// It has too few or too many hashes.
    #[error("it has {found} hashes where {expected} are needed")]
    Length {
        /// How many it has.
        found: usize,
        /// How many it needs.
        expected: usize,
    },
    /// The hashes lead to another root.
    #[error("its hashes do not lead to the root of the tree")]
    Root,
    /// The hashes lead to another root of the older tree.
    #[error("its hashes do not lead to the root of the older tree")]
    OlderRoot,
}

/// The leaves under each hash of the proof that leaf `index` is in the tree of `size` leaves, from the sibling of the
/// leaf upwards.
pub(crate) fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut from, mut to) = (0, size);
    let mut ranges = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            ranges.push(middle..to);
            to = middle;
        } else {
            ranges.push(from..middle);
            from = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The leaves under each hash of the proof that the tree of `first` leaves, at least one, is the beginning of the one of
/// `second`.
pub(crate) fn consistency_ranges(first: u64, second: u64) -> Vec<Range<u64>> {
    let (mut from, mut to) = (0, second);
    let mut ranges = Vec::new();
    while to != first {
        let middle = from + split(to - from);
        if first <= middle {
            ranges.push(middle..to);
            to = middle;
        } else {
            ranges.push(from..middle);
            from = middle;
        }
    }
    if from != 0 {
        ranges.push(from..to);
    }
    ranges.reverse();
    ranges
}

/// The largest power of two below a number of leaves, which is at least 2.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The complete subtrees that `range` consists of, from left to right, as height and number among those of that height.
/// Its start must be the first leaf of a subtree that is larger than it.
pub(crate) fn complete_subtrees(range: Range<u64>) -> Vec<(u32, u64)> {
    let mut from = range.start;
    let mut subtrees = Vec::new();
    while from < range.end {
        let height = (range.end - from).ilog2();
        subtrees.push((height, from >> height));
        from += 1 << height;
    }
    subtrees
}

/// Checks that `leaf` is the leaf `index` of the tree of `size` leaves with this root.
pub fn check_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Sizes("the leaf is beyond the end of the tree"));
    }
    let ranges = inclusion_ranges(index, size);
    check_length(proof, ranges.len())?;
    let mut hash = *leaf;
    for (range, sibling) in ranges.iter().zip(proof) {
        hash = if range.start > index {
            node_hash(&hash, sibling)
        } else {
            node_hash(sibling, &hash)
        };
    }
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree of `first` leaves with one root is the beginning of the one of `second` leaves with the other.
/// The tree without leaves is the beginning of every tree.
pub fn check_consistency(
    (first, first_root): (u64, &Hash),
    (second, second_root): (u64, &Hash),
    proof: &[Hash],
) -> Result<(), ProofError> {
    if first > second {
        return Err(ProofError::Sizes("the older tree is larger than the newer"));
    }
    if first == 0 {
        check_length(proof, 0)?;
        let is_empty = *first_root == super::root_of(&[]);
        return is_empty.then_some(()).ok_or(ProofError::OlderRoot);
    }
    let ranges = consistency_ranges(first, second);
    check_length(proof, ranges.len())?;
    // Where the older tree is one complete subtree of the newer, its root is not repeated in the proof.
    let (mut older, mut newer, rest) = match proof.split_first() {
        Some((hash, rest)) if !first.is_power_of_two() => (*hash, *hash, rest),
        _ => (*first_root, *first_root, proof),
    };
    for (range, sibling) in ranges[ranges.len() - rest.len()..].iter().zip(rest) {
        if range.start >= first {
            newer = node_hash(&newer, sibling);
        } else {
            older = node_hash(sibling, &older);
            newer = node_hash(sibling, &newer);
        }
    }
    if older != *first_root {
        Err(ProofError::OlderRoot)
    } else if newer != *second_root {
        Err(ProofError::Root)
    } else {
        Ok(())
    }
}

fn check_length(proof: &[Hash], expected: usize) -> Result<(), ProofError> {
    if proof.len() == expected {
        return Ok(());
    }
    Err(ProofError::Length {
        found: proof.len(),
        expected,
    })
}
