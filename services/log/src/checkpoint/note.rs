//! C2SP signed notes: a text, and lines that sign it with Ed25519 keys that have a name.
//!
//! Keys are written as Go's `golang.org/x/mod/sumdb/note` writes them: `name+hash+key` for verifying and
//! `PRIVATE+KEY+name+hash+key` for signing, the hash as eight hexadecimal digits and the key as base64.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Largest note, in bytes.
const MAX_NOTE_BYTES: usize = 64 * 1024;
/// Longest name of a key, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// Most signatures of a note.
const MAX_SIGNATURES: usize = 100;
/// Type of a signature: Ed25519 over the text.
const ED25519: u8 = 1;
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// Why a text is not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not look like one.
    #[error("it must look like {0}")]
    Format(&'static str),
    /// Its name is not one.
    #[error(
        "the name of a key is 1 to {MAX_NAME_BYTES} bytes without spaces, plus signs and control characters, found {0:?}"
    )]
    Name(String),
    /// It is of a kind that is not known.
    #[error("the key is not of type 1, which is Ed25519")]
    Algorithm,
    /// The hash belongs to another name or key.
    #[error("the hash in it does not belong to its name and key: a part was mistyped")]
    Hash,
}

/// Why a note is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not a signed note.
    #[error("it is not a signed note: {0}")]
    Format(&'static str),
    /// Nobody signed it who is known.
    #[error("it is not signed by {name} with the key {key_id:08x}; it is signed by {found}")]
    NotSigned {
        /// Name of the key.
        name: String,
        /// Its id.
        key_id: u32,
        /// Who signed instead.
        found: String,
    },
    /// A signature of the key does not fit the text.
    #[error("its signature by {0} is wrong: the note was changed, or somebody else signed it")]
    Signature(String),
}

/// Whether a text can be the name of a key.
fn check_name(name: &str) -> Result<(), KeyError> {
    let fits = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name
            .chars()
            .any(|char| char.is_whitespace() || char.is_control() || char == '+');
    fits.then_some(())
        .ok_or_else(|| KeyError::Name(name.to_owned()))
}

/// The first four bytes of SHA-256(name ‖ newline ‖ type ‖ key).
fn key_id(name: &str, key: &VerifyingKey) -> u32 {
    let mut hasher = Sha256::new();
    hasher.update(name);
    hasher.update([b'\n', ED25519]);
    hasher.update(key.as_bytes());
    let [first, second, third, fourth, ..]: [u8; 32] = hasher.finalize().into();
    u32::from_be_bytes([first, second, third, fourth])
}

/// `hash+key`, where the key has 32 bytes behind its type.
fn split_key(text: &str, format: &'static str) -> Result<(u32, [u8; 32]), KeyError> {
    let (hash, key) = text.split_once('+').ok_or(KeyError::Format(format))?;
    let is_hash = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hash = u32::from_str_radix(hash, 16)
        .ok()
        .filter(|_| is_hash)
        .ok_or(KeyError::Format(format))?;
    let key = STANDARD.decode(key).map_err(|_| KeyError::Format(format))?;
    match key.split_first() {
        Some((&ED25519, key)) => Ok((hash, key.try_into().map_err(|_| KeyError::Format(format))?)),
        Some(_) => Err(KeyError::Algorithm),
        None => Err(KeyError::Format(format)),
    }
}

/// A key that signs. It is never printed by `Debug`.
#[derive(Clone)]
pub struct CheckpointKey {
    name: String,
    key: SigningKey,
}

impl CheckpointKey {
    const FORMAT: &str = "PRIVATE+KEY+<name>+<hash, eight hexadecimal digits>+<key, base64>";

    /// A new key from 32 random bytes.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            key: SigningKey::from_bytes(seed),
        })
    }

    /// Its name, which is the origin of the checkpoints that it signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key that verifies what it signs.
    pub fn verifier_key(&self) -> VerifierKey {
        VerifierKey {
            name: self.name.clone(),
            key: self.key.verifying_key(),
        }
    }

    /// The key as text, by which anybody can sign.
    pub fn private_text(&self) -> String {
        let key = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        let id = self.verifier_key().key_id();
        format!(
            "{PRIVATE_PREFIX}{}+{id:08x}+{}",
            self.name,
            STANDARD.encode(key)
        )
    }

    /// A note that signs a text, which ends with a newline.
    pub(super) fn sign(&self, text: &str) -> String {
        let id = self.verifier_key().key_id().to_be_bytes();
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let signature = STANDARD.encode([id.as_slice(), &signature].concat());
        format!("{text}\n\u{2014} {} {signature}\n", self.name)
    }
}

impl FromStr for CheckpointKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let format = KeyError::Format(Self::FORMAT);
        let rest = text.strip_prefix(PRIVATE_PREFIX).ok_or(format.clone())?;
        let (name, rest) = rest.split_once('+').ok_or(format)?;
        let (id, seed) = split_key(rest, Self::FORMAT)?;
        let key = Self::from_seed(name, &seed)?;
        if key.verifier_key().key_id() == id {
            Ok(key)
        } else {
            Err(KeyError::Hash)
        }
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("CheckpointKey")
            .field(&self.name)
            .finish()
    }
}

/// A key that verifies signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl VerifierKey {
    const FORMAT: &str = "<name>+<hash, eight hexadecimal digits>+<key, base64>";

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells it apart from other keys of its name.
    pub fn key_id(&self) -> u32 {
        key_id(&self.name, &self.key)
    }

    /// The text of a note, if this key signed it. Signatures of other keys are not looked at.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let (text, signatures) = split_note(note)?;
        let mut signed = false;
        for signature in &signatures {
            if signature.name != self.name || signature.key_id != self.key_id() {
                continue;
            }
            let wrong = || NoteError::Signature(self.name.clone());
            let bytes = <&[u8; 64]>::try_from(signature.bytes.as_slice()).map_err(|_| wrong())?;
            self.key
                .verify_strict(text.as_bytes(), &Signature::from_bytes(bytes))
                .map_err(|_| wrong())?;
            signed = true;
        }
        if signed {
            return Ok(text);
        }
        let found: Vec<_> = signatures
            .iter()
            .map(|signature| format!("{}+{:08x}", signature.name, signature.key_id))
            .collect();
        Err(NoteError::NotSigned {
            name: self.name.clone(),
            key_id: self.key_id(),
            found: found.join(", "),
        })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        let id = self.key_id();
        write!(formatter, "{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Format(Self::FORMAT))?;
        check_name(name)?;
        let (id, key) = split_key(rest, Self::FORMAT)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Format(Self::FORMAT))?;
        if key_id(name, &key) != id {
            return Err(KeyError::Hash);
        }
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }
}

struct NoteSignature<'n> {
    name: &'n str,
    key_id: u32,
    bytes: Vec<u8>,
}

/// The text of a note, which nobody has verified yet.
pub(super) fn unverified_text(note: &str) -> Result<&str, NoteError> {
    Ok(split_note(note)?.0)
}

/// The text with its last newline, and the signatures behind the last empty line.
fn split_note(note: &str) -> Result<(&str, Vec<NoteSignature<'_>>), NoteError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::Format("it is longer than 64 KiB"));
    }
    if note.chars().any(|char| char < ' ' && char != '\n') {
        return Err(NoteError::Format("it holds control characters"));
    }
    let (before, lines) = note
        .rsplit_once("\n\n")
        .ok_or(NoteError::Format("no empty line parts text and signatures"))?;
    let lines = lines
        .strip_suffix('\n')
        .ok_or(NoteError::Format("its last line does not end"))?;
    let signatures = lines
        .split('\n')
        .map(signature)
        .collect::<Result<Vec<_>, _>>()?;
    if signatures.len() > MAX_SIGNATURES {
        return Err(NoteError::Format("it has more than 100 signatures"));
    }
    Ok((&note[..=before.len()], signatures))
}

fn signature(line: &str) -> Result<NoteSignature<'_>, NoteError> {
    let malformed =
        NoteError::Format("a signature line must be an em dash, a name and a base64 signature");
    let (name, signature) = line
        .strip_prefix("\u{2014} ")
        .and_then(|rest| rest.split_once(' '))
        .filter(|(name, _)| check_name(name).is_ok())
        .ok_or(malformed.clone())?;
    let bytes = STANDARD.decode(signature).map_err(|_| malformed.clone())?;
    match bytes.split_first_chunk::<4>() {
        Some((id, signature)) if !signature.is_empty() => Ok(NoteSignature {
            name,
            key_id: u32::from_be_bytes(*id),
            bytes: signature.to_vec(),
        }),
        _ => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of Go's package `note`.
    const PUBLISHED_KEY: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLISHED_VERIFIER: &str =
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PUBLISHED_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn published() -> (CheckpointKey, VerifierKey) {
        (
            PUBLISHED_KEY.parse().unwrap(),
            PUBLISHED_VERIFIER.parse().unwrap(),
        )
    }

    #[test]
    fn keys_and_notes_are_those_of_the_published_example() {
        let (key, verifier) = published();
        assert_eq!(key.verifier_key(), verifier);
        assert_eq!(verifier.to_string(), PUBLISHED_VERIFIER);
        assert_eq!(key.private_text(), PUBLISHED_KEY);
        let text = verifier.open(PUBLISHED_NOTE).unwrap();
        assert!(text.ends_with("what your problem is.\n"));
        assert_eq!(key.sign(text), PUBLISHED_NOTE);
        assert!(!format!("{key:?}").contains("AYEK"));
    }

    #[test]
    fn a_note_with_any_byte_changed_is_refused() {
        let (_, verifier) = published();
        for at in 0..PUBLISHED_NOTE.len() {
            let mut bytes = PUBLISHED_NOTE.as_bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(note) = String::from_utf8(bytes) {
                assert!(verifier.open(&note).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn signatures_of_others_do_not_matter_but_wrong_ones_of_the_key_do() {
        let (key, verifier) = published();
        let other = CheckpointKey::from_seed("other", &[7; 32]).unwrap();
        let text = verifier.open(PUBLISHED_NOTE).unwrap();
        let by_other = other.sign(text);
        let line = by_other.lines().last().unwrap();
        assert_eq!(
            verifier.open(&format!("{PUBLISHED_NOTE}{line}\n")),
            Ok(text)
        );
        let by_other_alone = verifier.open(&by_other).unwrap_err();
        assert!(matches!(by_other_alone, NoteError::NotSigned { .. }));
        let elsewhere = key.sign("another text\n");
        let line = elsewhere.lines().last().unwrap();
        let twice = format!("{PUBLISHED_NOTE}{line}\n");
        assert!(matches!(
            verifier.open(&twice),
            Err(NoteError::Signature(_))
        ));
    }

    #[test]
    fn a_mistyped_key_is_refused() {
        for (wrong, error) in [
            ("", KeyError::Format(VerifierKey::FORMAT)),
            ("name", KeyError::Format(VerifierKey::FORMAT)),
            ("name+0+AAAA", KeyError::Format(VerifierKey::FORMAT)),
            ("a b+c74f20a3+AAAA", KeyError::Name("a b".to_owned())),
            ("name+c74f20a3+AgAA", KeyError::Algorithm),
            (
                &PUBLISHED_VERIFIER.replace("Peter", "Petra"),
                KeyError::Hash,
            ),
        ] {
            assert_eq!(wrong.parse::<VerifierKey>(), Err(error), "{wrong}");
        }
        let wrong = PUBLISHED_KEY.replace("c74f20a3", "c74f20a4");
        assert_eq!(wrong.parse::<CheckpointKey>().unwrap_err(), KeyError::Hash);
        assert!(PUBLISHED_VERIFIER.parse::<CheckpointKey>().is_err());
    }
}
