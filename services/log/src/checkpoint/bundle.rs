//! One file that proves one event to somebody who has nothing but the verifier key: a C2SP tlog-proof, with the event's
//! canonical entry as its extra data.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Checkpoint, CheckpointError, note::VerifierKey};
use crate::tree::{
    self, Hash,
    proof::{ProofError, check_inclusion},
};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A tree has at most 64 levels.
const MAX_HASHES: usize = 64;

/// An event's entry, its place, the inclusion proof and a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofBundle {
    /// The bytes whose leaf is in the tree.
    pub entry: Vec<u8>,
    /// Index of the leaf, which is the position of the event less one.
    pub index: u64,
    /// The inclusion proof, from the sibling of the leaf upwards.
    pub hashes: Vec<Hash>,
    /// The signed note of the checkpoint.
    pub checkpoint: String,
}

/// Why a proof is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It is not a proof.
    #[error("the proof is malformed: {0}")]
    Format(&'static str),
    /// Its checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its hashes.
    #[error("the event is not proven to be in the signed tree: {0}")]
    Proof(#[from] ProofError),
}

impl ProofBundle {
    /// Checks that the checkpoint is signed by the key and that the entry is in its tree. The answer is the checkpoint.
    pub fn check(&self, key: &VerifierKey) -> Result<Checkpoint, BundleError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        check_inclusion(
            &tree::leaf_hash(&self.entry),
            self.index,
            checkpoint.size,
            &checkpoint.root_hash,
            &self.hashes,
        )?;
        Ok(checkpoint)
    }
}

/// The file.
impl fmt::Display for ProofBundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{FIRST_LINE}")?;
        writeln!(formatter, "extra {}", STANDARD.encode(&self.entry))?;
        writeln!(formatter, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(formatter, "{}", STANDARD.encode(hash))?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}

impl FromStr for ProofBundle {
    type Err = BundleError;

    fn from_str(text: &str) -> Result<Self, BundleError> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(BundleError::Format(
            "no empty line parts proof and checkpoint",
        ))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(BundleError::Format(
                "its first line must be c2sp.org/tlog-proof@v1",
            ));
        }
        let entry = lines
            .next()
            .and_then(|line| STANDARD.decode(line.strip_prefix("extra ")?).ok())
            .ok_or(BundleError::Format(
                "its second line must be `extra` and the entry of the event in base64",
            ))?;
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .filter(|index| *index == "0" || !index.starts_with(['0', '+']))
            .and_then(|index| index.parse().ok())
            .ok_or(BundleError::Format(
                "its third line must be `index` and a decimal number",
            ))?;
        let hashes = lines
            .map(|line| STANDARD.decode(line).ok()?.try_into().ok())
            .collect::<Option<Vec<Hash>>>()
            .filter(|hashes| hashes.len() <= MAX_HASHES)
            .ok_or(BundleError::Format(
                "up to the empty line there must be at most 64 hashes of 32 bytes in base64",
            ))?;
        Ok(Self {
            entry,
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }
}
