//! Commands on disk from before they are sent until it is known what became of them.
//!
//! Each command is one file, named for its turn and its id, which is complete and on disk before it has its name. So a
//! process or a machine that stops at any moment leaves whole commands only, and a command that was sent is in the folder
//! until its answer came. Sending one again is safe: under its id it has no second effect.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::DateTime;
use keruen_proto::{Mutation as _, cloudevent, shipments::v1::AllocateShipmentRequest};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many commands wait at most.
pub const MAX_COMMANDS: usize = 1_000;
/// The largest file that is read: a request has at most 1 MiB, and JSON may take several times as much.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Version of the files.
const VERSION: u32 = 1;
const EXTENSION: &str = "json";
/// What is sent within this time has not waited.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Held while the outbox is sent.
const LOCK: &str = ".sending";
/// The owner's alone: what is asked for is nobody else's business.
#[cfg(unix)]
const FOLDER_MODE: u32 = 0o700;

/// Why the outbox failed.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The folder can't be used.
    #[error("the outbox {} can't be used: {cause}; name another folder with --outbox", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file is not what this program wrote.
    #[error("{} can't be read: {cause}; look at it, and remove it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Too many commands wait.
    #[error(
        "{MAX_COMMANDS} commands wait in the outbox {}, and no more fit; send them with `keruen outbox send`, or drop some",
        folder.display()
    )]
    Full {
        /// The folder.
        folder: PathBuf,
    },
    /// The id is another command's.
    #[error(
        "command {command_id} waits in the outbox with another content; leave --command-id out for a new command"
    )]
    OtherContent {
        /// The id.
        command_id: Uuid,
    },
    /// Another process sends it.
    #[error("another process sends the outbox {} now; wait for it", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
}

/// A command that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waiting {
    version: u32,
    /// UUID of the command.
    #[serde(with = "id_as_text")]
    pub command_id: Uuid,
    /// When it was kept first, RFC 3339 in UTC.
    pub kept_at: String,
    /// The node that it is for.
    pub server: String,
    /// Who gives it.
    pub actor: String,
    /// Full protobuf name of the request.
    pub request_type: String,
    /// The request as protobuf JSON.
    pub request: serde_json::Value,
    /// Why it was refused, where it was; such a command is not sent again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

mod id_as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::try_parse(&text).map_err(D::Error::custom)
    }
}

impl Waiting {
    /// A command that is about to be sent.
    pub fn new(
        command_id: Uuid,
        server: &str,
        actor: &str,
        request_type: &str,
        request: serde_json::Value,
    ) -> Self {
        Self {
            version: VERSION,
            command_id,
            kept_at: cloudevent::utc_time(i64::try_from(now_us()).unwrap_or(i64::MAX)),
            server: server.to_owned(),
            actor: actor.to_owned(),
            request_type: request_type.to_owned(),
            request,
            refusal: None,
        }
    }

    /// How long ago it was given, where it waited and that counts: what it tells of happened then. A claim of yesterday could
    /// contradict what others were told since, so what allocates counts from when it is recorded.
    pub fn waited(&self) -> Duration {
        let kept_at = DateTime::parse_from_rfc3339(&self.kept_at).ok();
        let kept_at_us = kept_at.and_then(|time| u64::try_from(time.timestamp_micros()).ok());
        // Where the clock was set back since, nobody knows how long.
        let age_us = kept_at_us.map_or(0, |time_us| now_us().saturating_sub(time_us));
        let age = Duration::from_micros(age_us);
        if age < AT_ONCE || self.request_type == AllocateShipmentRequest::TYPE {
            return Duration::ZERO;
        }
        age
    }

    /// Whether both are one command.
    fn is_same(&self, other: &Self) -> bool {
        self.actor == other.actor
            && self.request_type == other.request_type
            && self.request == other.request
    }
}

/// A command on disk.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    /// The command.
    pub waiting: Waiting,
}

impl Kept {
    /// Forgets it: it is known what became of it. That it is gone already is fine.
    pub fn remove(&self) -> Result<(), OutboxError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        match fs::remove_file(&self.path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(OutboxError::Folder {
                folder: folder.to_owned(),
                cause,
            }),
            // Where the removal is lost with the power, the command is sent once more, which does no harm.
            _ => Ok(()),
        }
    }

    /// Keeps why it was refused.
    pub fn refuse(&mut self, refusal: String) -> Result<(), OutboxError> {
        self.waiting.refusal = Some(refusal);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        write(folder, &self.path, &self.waiting).map_err(|cause| OutboxError::Folder {
            folder: folder.to_owned(),
            cause,
        })
    }
}

/// A folder of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// The outbox in a folder, which is made when the first command is kept.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the user's programs keep their state; `None` where the system knows no such place.
    pub fn of_the_user() -> Option<Self> {
        let state = dirs::state_dir().or_else(dirs::data_local_dir)?;
        Some(Self::new(state.join("keruen").join("outbox")))
    }

    /// Keeps a command before it is sent; it is on disk when this returns. One that is kept already stays as it is.
    pub fn keep(&self, waiting: Waiting) -> Result<Kept, OutboxError> {
        self.make().map_err(|cause| self.unusable(cause))?;
        let names = self.names().map_err(|cause| self.unusable(cause))?;
        let suffix = format!("-{}.{EXTENSION}", waiting.command_id);
        if let Some(name) = names.iter().find(|name| name.ends_with(&suffix)) {
            let kept = read(self.folder.join(name))?;
            return if kept.waiting.is_same(&waiting) {
                Ok(kept)
            } else {
                Err(OutboxError::OtherContent {
                    command_id: waiting.command_id,
                })
            };
        }
        if names.len() >= MAX_COMMANDS {
            return Err(OutboxError::Full {
                folder: self.folder.clone(),
            });
        }
        let path = self.folder.join(format!("{:020}{suffix}", turn(&names)));
        write(&self.folder, &path, &waiting).map_err(|cause| self.unusable(cause))?;
        Ok(Kept { path, waiting })
    }

    /// All commands that wait, in the order in which they were given.
    pub fn waiting(&self) -> Result<Vec<Result<Kept, OutboxError>>, OutboxError> {
        let names = match self.names() {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names.map_err(|cause| self.unusable(cause))?,
        };
        Ok(names
            .into_iter()
            .map(|name| read(self.folder.join(name)))
            .collect())
    }

    /// How many commands wait for a node, and were not refused.
    pub fn count_for(&self, server: &str) -> usize {
        let waiting = self.waiting().unwrap_or_default();
        let is_meant =
            |kept: &Kept| kept.waiting.server == server && kept.waiting.refusal.is_none();
        waiting
            .iter()
            .filter(|kept| kept.as_ref().is_ok_and(is_meant))
            .count()
    }

    /// Keeps other processes from sending the outbox until the lock is dropped.
    pub fn lock(&self) -> Result<File, OutboxError> {
        let locked = self.make().and_then(|()| {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(self.folder.join(LOCK))?;
            match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(cause)) => Err(cause),
            }
        });
        locked
            .map_err(|cause| self.unusable(cause))?
            .ok_or_else(|| OutboxError::Busy {
                folder: self.folder.clone(),
            })
    }

    fn make(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, FOLDER_MODE);
        builder.create(&self.folder)
    }

    /// Names of the files of commands, in order of their turns.
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            // What this program did not name so is not its own.
            let Ok(name) = entry?.file_name().into_string() else {
                continue;
            };
            if turn_of(&name).is_some() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn unusable(&self, cause: io::Error) -> OutboxError {
        OutboxError::Folder {
            folder: self.folder.clone(),
            cause,
        }
    }
}

/// The turn that a file name states: `<turn>-<command id>.json`.
fn turn_of(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    let (turn, command_id) = stem.split_once('-')?;
    Uuid::try_parse(command_id).ok()?;
    turn.parse().ok()
}

/// The turn of the next command: later than all, also where the clock was set back.
fn turn(names: &[String]) -> u64 {
    let last = names.last().and_then(|name| turn_of(name)).unwrap_or(0);
    now_us().max(last.saturating_add(1))
}

/// Microseconds since 1970-01-01T00:00:00Z.
fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_micros()).unwrap_or(0)
}

/// Writes a file that is either there whole or not at all, whenever the machine stops.
fn write(folder: &Path, path: &Path, waiting: &Waiting) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::with_prefix_in(".keeping-", folder)?;
    serde_json::to_writer_pretty(&mut file, waiting)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The name is on disk only once its folder is.
    File::open(folder)?.sync_all()
}

fn read(path: PathBuf) -> Result<Kept, OutboxError> {
    let parsed = fs::metadata(&path)
        .map_err(|error| error.to_string())
        .and_then(|metadata| match metadata.len() {
            0..=MAX_FILE_BYTES => fs::read(&path).map_err(|error| error.to_string()),
            bytes => Err(format!("it has {bytes} bytes, at most {MAX_FILE_BYTES}")),
        })
        .and_then(|bytes| {
            serde_json::from_slice::<Waiting>(&bytes).map_err(|error| error.to_string())
        });
    match parsed {
        Ok(waiting) if waiting.version == VERSION => Ok(Kept { path, waiting }),
        Ok(waiting) => Err(OutboxError::File {
            cause: format!(
                "it is of version {}, this program knows {VERSION}",
                waiting.version
            ),
            path,
        }),
        Err(cause) => Err(OutboxError::File { path, cause }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiting(number: u128, quantity: i64) -> Waiting {
        let request = json!({ "quantity": quantity.to_string() });
        let command_id = Uuid::from_u128(number);
        Waiting::new(
            command_id,
            "http://n",
            "cli:a",
            "keruen.test.v1.Use",
            request,
        )
    }

    fn ids(outbox: &Outbox) -> Vec<u128> {
        let all = outbox.waiting().unwrap().into_iter();
        all.map(|kept| kept.unwrap().waiting.command_id.as_u128())
            .collect()
    }

    fn outbox() -> (tempfile::TempDir, Outbox) {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(folder.path().join("state/outbox"));
        (folder, outbox)
    }

    #[test]
    fn commands_wait_in_the_order_in_which_they_were_given() {
        let (_folder, outbox) = outbox();
        assert!(ids(&outbox).is_empty(), "no folder, nothing that waits");
        // Ids have nothing to do with the order.
        let given = [9, 3, 7, 1, 8];
        for number in given {
            outbox.keep(waiting(number, 1)).unwrap();
        }
        assert_eq!(ids(&outbox), given);
        // Also where the clock was set back since.
        let names = outbox.names().unwrap();
        let late =
            names
                .last()
                .unwrap()
                .replacen(&names.last().unwrap()[..20], "00009999999999999999", 1);
        fs::rename(
            outbox.folder.join(names.last().unwrap()),
            outbox.folder.join(late),
        )
        .unwrap();
        outbox.keep(waiting(2, 1)).unwrap();
        assert_eq!(ids(&outbox), [9, 3, 7, 1, 8, 2]);
    }

    #[test]
    fn a_command_is_kept_once_and_forgotten_once_answered() {
        let (_folder, outbox) = outbox();
        let kept = outbox.keep(waiting(1, 5)).unwrap();
        let again = outbox.keep(waiting(1, 5)).unwrap();
        assert_eq!(again.waiting.kept_at, kept.waiting.kept_at);
        assert_eq!(ids(&outbox), [1]);
        assert!(matches!(
            outbox.keep(waiting(1, 6)),
            Err(OutboxError::OtherContent { .. })
        ));
        kept.remove().unwrap();
        again.remove().expect("somebody else may have removed it");
        assert!(ids(&outbox).is_empty());
    }

    #[test]
    fn why_a_command_was_refused_is_kept() {
        let (_folder, outbox) = outbox();
        let mut kept = outbox.keep(waiting(1, 5)).unwrap();
        assert_eq!(outbox.count_for("http://n"), 1);
        assert_eq!(outbox.count_for("http://other"), 0);
        kept.refuse("too little".to_owned()).unwrap();
        let found = outbox.waiting().unwrap().remove(0).unwrap();
        assert_eq!(found.waiting.refusal.as_deref(), Some("too little"));
        assert_eq!(outbox.count_for("http://n"), 0, "it is not sent by itself");
    }

    #[test]
    fn no_more_commands_wait_than_fit() {
        let (_folder, outbox) = outbox();
        outbox.make().unwrap();
        for number in 1..=MAX_COMMANDS {
            let id = Uuid::from_u128(number as u128);
            fs::write(outbox.folder.join(format!("{number:020}-{id}.json")), "").unwrap();
        }
        assert!(matches!(
            outbox.keep(waiting(0xffff, 1)),
            Err(OutboxError::Full { .. })
        ));
    }

    #[test]
    fn what_is_no_command_is_named_and_hurts_no_other() {
        let (_folder, outbox) = outbox();
        outbox.keep(waiting(1, 1)).unwrap();
        let damaged = format!("{:020}-{}.json", 5, Uuid::from_u128(5));
        fs::write(outbox.folder.join(&damaged), "{\"version\": 1").unwrap();
        fs::write(outbox.folder.join(".keeping-x"), "half").unwrap();
        fs::write(outbox.folder.join("notes.txt"), "mine").unwrap();
        let all = outbox.waiting().unwrap();
        assert_eq!(all.len(), 2);
        let said = all[0].as_ref().unwrap_err().to_string();
        assert!(said.contains(&damaged), "{said}");
        assert!(all[1].is_ok());
    }

    #[test]
    fn one_process_sends_at_a_time() {
        let (_folder, outbox) = outbox();
        let lock = outbox.lock().unwrap();
        assert!(matches!(outbox.lock(), Err(OutboxError::Busy { .. })));
        drop(lock);
        outbox.lock().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_and_its_files_are_the_users_own() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, outbox) = outbox();
        let kept = outbox.keep(waiting(1, 1)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&outbox.folder), 0o700);
        assert_eq!(mode(&kept.path), 0o600);
    }
}
