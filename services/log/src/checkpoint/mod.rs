//! Signed checkpoints: who signed which root at which size, as a C2SP tlog-checkpoint in a C2SP signed note.
//!
//! A checkpoint is signed of the committed head only. That what is committed stays there through a loss of power rests
//! on the settings of the database that are checked when the log is opened.

mod bundle;
mod key_file;
mod note;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

pub use bundle::{BundleError, ProofBundle};
pub use key_file::{KeyFile, KeyFileError, default_name};
pub use note::{CheckpointKey, KeyError, NoteError, VerifierKey};

use crate::{log::Head, tree::Hash};

/// What a checkpoint says: the tree of a log at a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the name of its key.
    pub origin: String,
    /// Size of the tree, which is the position of the newest event.
    pub size: u64,
    /// RFC 6962 root over all leaves.
    pub root_hash: Hash,
}

/// Why a checkpoint is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it.
    #[error("the checkpoint is refused: {0}")]
    Note(#[from] NoteError),
    /// The text is not a checkpoint.
    #[error("the checkpoint is malformed: {0}")]
    Format(&'static str),
    /// It is signed by a key for checkpoints of another log.
    #[error("the checkpoint is of {found}, and the key is that of {expected}")]
    Origin {
        /// Name of the key.
        expected: String,
        /// Origin of the checkpoint.
        found: String,
    },
}

impl Checkpoint {
    /// Signs where a log stands. `head` must be committed.
    pub fn sign(key: &CheckpointKey, head: &Head) -> String {
        let checkpoint = Self {
            origin: key.name().to_owned(),
            size: head.position,
            root_hash: head.root_hash,
        };
        key.sign(&checkpoint.to_string())
    }

    /// What a checkpoint says, if this key signed it.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(key.open(note)?)?;
        if checkpoint.origin == key.name() {
            return Ok(checkpoint);
        }
        Err(CheckpointError::Origin {
            expected: key.name().to_owned(),
            found: checkpoint.origin,
        })
    }

    /// What a checkpoint says, whoever signed it.
    pub fn read_unverified(note: &str) -> Result<Self, CheckpointError> {
        Self::parse(note::unverified_text(note)?)
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let (origin, size, root) = (lines.next(), lines.next(), lines.next());
        let origin = origin.filter(|origin| !origin.is_empty());
        let origin = origin.ok_or(CheckpointError::Format("its first line must be the origin"))?;
        let size = size
            .filter(|size| *size == "0" || !size.starts_with(['0', '+']))
            .and_then(|size| size.parse().ok())
            .ok_or(CheckpointError::Format(
                "its second line must be the size of the tree, a decimal number",
            ))?;
        let root_hash = root
            .and_then(|root| STANDARD.decode(root).ok()?.try_into().ok())
            .ok_or(CheckpointError::Format(
                "its third line must be the root of the tree, 32 bytes in base64",
            ))?;
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root_hash,
        })
    }
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root_hash);
        write!(formatter, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> CheckpointKey {
        CheckpointKey::from_seed("keruen.test/log", &[3; 32]).unwrap()
    }

    fn head() -> Head {
        Head {
            log_id: [1; 16],
            position: 1_234,
            root_hash: [9; 32],
        }
    }

    #[test]
    fn what_was_signed_is_read_again() {
        let note = Checkpoint::sign(&key(), &head());
        let checkpoint = Checkpoint::open(&note, &key().verifier_key()).unwrap();
        assert_eq!(checkpoint, Checkpoint::read_unverified(&note).unwrap());
        assert_eq!((checkpoint.size, checkpoint.root_hash), (1_234, [9; 32]));
        assert_eq!(checkpoint.origin, "keruen.test/log");
    }

    #[test]
    fn extension_lines_are_let_through_and_malformed_lines_are_not() {
        let root = STANDARD.encode([9; 32]);
        let signed = |text: &str| Checkpoint::open(&key().sign(text), &key().verifier_key());
        assert!(signed(&format!("keruen.test/log\n5\n{root}\nextension\n")).is_ok());
        for malformed in [
            "\n".to_owned(),
            "keruen.test/log\n".to_owned(),
            format!("keruen.test/log\n05\n{root}\n"),
            format!("keruen.test/log\n+5\n{root}\n"),
            format!("keruen.test/log\n-5\n{root}\n"),
            format!("keruen.test/log\n99999999999999999999\n{root}\n"),
            "keruen.test/log\n5\nAAAA\n".to_owned(),
        ] {
            let refused = signed(&malformed);
            assert!(
                matches!(refused, Err(CheckpointError::Format(_))),
                "{malformed:?}"
            );
        }
        let other = signed(&format!("another/log\n5\n{root}\n"));
        assert!(matches!(other, Err(CheckpointError::Origin { .. })));
    }
}
