//! The file that holds the key of a log's checkpoints: one line, readable by nobody else.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::note::{CheckpointKey, KeyError};

/// Rights that others than owner and group must not have.
const RIGHTS_OF_OTHERS: u32 = 0o007;
/// No key is longer, in bytes.
const MAX_KEY_BYTES: u64 = 1_024;

/// Why a checkpoint key can't be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none where one was named.
    #[error(
        "the checkpoint key {path} does not exist; name the file that holds it, or leave --checkpoint-key out to let the \
         node make one in its data folder",
        path = path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It can't be read.
    #[error("the checkpoint key {path} can't be read ({source}); give this user read access to it", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Everybody on the machine could sign.
    #[error(
        "the checkpoint key {path} is open to every user of this machine (mode {mode:04o}), who could sign another \
         history with it; run: chmod 600 {path}. If somebody may have copied it, make a new one",
        path = path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not a key.
    #[error(
        "the checkpoint key {path} is malformed: {reason}; restore it from its copy, or move it away to let the node make \
         a new one, which every auditor must then be told of",
        path = path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: KeyError,
    },
    /// It signs for another log.
    #[error(
        "the checkpoint key {path} has the name {found}, and this log's is {expected}: it belongs to another log; name \
         this log's key, or, where the name is meant, say --checkpoint-name {found}",
        path = path.display()
    )]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// Name of the key.
        found: String,
        /// Name that is expected.
        expected: String,
    },
    /// The name that was asked for can't be one.
    #[error("--checkpoint-name: {0}")]
    Name(KeyError),
    /// The name that was asked for holds the id of another log.
    #[error("--checkpoint-name {name}: it ends with the id of another log; this one is {log_id}")]
    NameOfOtherLog {
        /// The name.
        name: String,
        /// Id of this log.
        log_id: String,
    },
    /// A new one can't be made.
    #[error("the checkpoint key {path} can't be made ({source}); give this user write access to its folder", path = path.display())]
    NotMade {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Where the checkpoint key of a log is.
#[derive(Clone, Debug)]
pub enum KeyFile {
    /// In this file, which must be there.
    Named(PathBuf),
    /// In this file, which is made if it is not there.
    Kept(PathBuf),
}

impl KeyFile {
    fn path(&self) -> &Path {
        match self {
            Self::Named(path) | Self::Kept(path) => path,
        }
    }

    /// Reads the key of the log with this id, or makes it. Without a `name` it must have the log's [`default_name`].
    pub fn load(
        &self,
        log_id: &[u8; 16],
        name: Option<&str>,
    ) -> Result<CheckpointKey, KeyFileError> {
        let expected = name.map_or_else(|| default_name(log_id), str::to_owned);
        check_stated(&expected, log_id)?;
        let path = self.path();
        let key = match (read(path), self) {
            (Err(error), Self::Kept(_)) if error.kind() == io::ErrorKind::NotFound => {
                make(path, &expected)?;
                // Another process may have been faster; what is in the file counts.
                read(path)
            }
            (found, _) => found,
        };
        let text = key.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing {
                path: path.to_owned(),
            },
            _ => KeyFileError::Unreadable {
                path: path.to_owned(),
                source,
            },
        })?;
        let mode = text.mode & 0o7777;
        if mode & RIGHTS_OF_OTHERS != 0 {
            return Err(KeyFileError::OpenToOthers {
                path: path.to_owned(),
                mode,
            });
        }
        let key: CheckpointKey =
            text.line
                .trim_end_matches('\n')
                .parse()
                .map_err(|reason| KeyFileError::Malformed {
                    path: path.to_owned(),
                    reason,
                })?;
        if key.name() != expected {
            return Err(KeyFileError::OtherLog {
                path: path.to_owned(),
                found: key.name().to_owned(),
                expected,
            });
        }
        Ok(key)
    }
}

/// Name of a log's key where nothing else is said: it holds the log's id, so that no other log can have it.
pub fn default_name(log_id: &[u8; 16]) -> String {
    format!("keruen.local/{}", id_text(log_id))
}

fn id_text(log_id: &[u8; 16]) -> String {
    uuid::Uuid::from_bytes(*log_id).simple().to_string()
}

/// A name that was stated must be one, and must not end with the id of another log.
fn check_stated(name: &str, log_id: &[u8; 16]) -> Result<(), KeyFileError> {
    CheckpointKey::from_seed(name, &[0; 32]).map_err(KeyFileError::Name)?;
    let last = name.rsplit('/').next().unwrap_or(name);
    let is_id = last.len() == 32 && last.bytes().all(|byte| byte.is_ascii_hexdigit());
    let own = id_text(log_id);
    if is_id && last != own {
        return Err(KeyFileError::NameOfOtherLog {
            name: name.to_owned(),
            log_id: own,
        });
    }
    Ok(())
}

struct Stored {
    line: String,
    mode: u32,
}

fn read(path: &Path) -> io::Result<Stored> {
    let file = File::open(path)?;
    let mode = file.metadata()?.mode();
    let mut bytes = Vec::new();
    file.take(MAX_KEY_BYTES).read_to_end(&mut bytes)?;
    // Whatever is not text is not a key either.
    let line = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Stored { line, mode })
}

fn make(path: &Path, name: &str) -> Result<(), KeyFileError> {
    let not_made = |source| KeyFileError::NotMade {
        path: path.to_owned(),
        source,
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| not_made(io::Error::other(error)))?;
    let key = CheckpointKey::from_seed(name, &seed).map_err(KeyFileError::Name)?;
    write(path, &key).map_err(not_made)?;
    tracing::info!(path = %path.display(), verifier_key = %key.verifier_key(), "made a new checkpoint key; auditors need its verifier key");
    Ok(())
}

/// Whole or not at all, also through a loss of power, and never over a file that is there.
fn write(path: &Path, key: &CheckpointKey) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", uuid::Uuid::new_v4().simple()));
    let partial = PathBuf::from(partial);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)?;
    let written = file
        .write_all(format!("{}\n", key.private_text()).as_bytes())
        .and_then(|()| file.sync_all())
        // Unlike a renaming, it fails where the name is taken.
        .and_then(|()| fs::hard_link(&partial, path));
    fs::remove_file(&partial)?;
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(folder)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const LOG: [u8; 16] = [0xab; 16];

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.key");
        let kept = KeyFile::Kept(path.clone());
        let key = kept.load(&LOG, None).unwrap();
        assert_eq!(key.name(), format!("keruen.local/{}", "ab".repeat(16)));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let again = KeyFile::Named(path).load(&LOG, None).unwrap();
        assert_eq!(again.private_text(), key.private_text());
    }

    #[test]
    fn many_that_make_it_at_once_have_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeyFile::Kept(folder.path().join("checkpoint.key"));
        let keys: Vec<String> = std::thread::scope(|scope| {
            let loading: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| kept.load(&LOG, None).unwrap().private_text()))
                .collect();
            loading
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.key");
        let named = KeyFile::Named(path.clone());
        assert!(matches!(
            named.load(&LOG, None),
            Err(KeyFileError::Missing { .. })
        ));
        KeyFile::Kept(path.clone()).load(&LOG, None).unwrap();
        let other = named.load(&[1; 16], None);
        assert!(matches!(other, Err(KeyFileError::OtherLog { .. })));
        for mode in [0o604, 0o644, 0o602] {
            set_mode(&path, mode);
            let open = named.load(&LOG, None);
            assert!(
                matches!(open, Err(KeyFileError::OpenToOthers { mode: found, .. }) if found == mode)
            );
        }
        set_mode(&path, 0o640);
        assert!(named.load(&LOG, None).is_ok());
        let text = fs::read_to_string(&path).unwrap();
        for wrong in [
            "",
            "x",
            &text.replace("ab", "ac"),
            &text[..text.len() - 5],
            &format!("{text}x"),
        ] {
            fs::write(&path, wrong).unwrap();
            assert!(
                matches!(named.load(&LOG, None), Err(KeyFileError::Malformed { .. })),
                "{wrong}"
            );
        }
        fs::write(&path, [0xff; 100]).unwrap();
        assert!(matches!(
            named.load(&LOG, None),
            Err(KeyFileError::Malformed { .. })
        ));
        let folder_as_key = KeyFile::Named(folder.path().to_owned());
        assert!(matches!(
            folder_as_key.load(&LOG, None),
            Err(KeyFileError::Unreadable { .. })
        ));
        let nowhere = KeyFile::Kept(folder.path().join("no/such/checkpoint.key"));
        assert!(matches!(
            nowhere.load(&LOG, None),
            Err(KeyFileError::NotMade { .. })
        ));
    }

    #[test]
    fn a_name_can_be_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeyFile::Kept(folder.path().join("checkpoint.key"));
        let name = Some("aid.example.org/hub");
        assert_eq!(kept.load(&LOG, name).unwrap().name(), "aid.example.org/hub");
        assert!(kept.load(&LOG, name).is_ok());
        assert!(matches!(
            kept.load(&LOG, None),
            Err(KeyFileError::OtherLog { .. })
        ));
        assert!(matches!(
            kept.load(&LOG, Some("a b")),
            Err(KeyFileError::Name(_))
        ));
        let of_other = format!("aid.example.org/{}", "cd".repeat(16));
        let refused = kept.load(&LOG, Some(&of_other));
        assert!(matches!(refused, Err(KeyFileError::NameOfOtherLog { .. })));
    }
}
