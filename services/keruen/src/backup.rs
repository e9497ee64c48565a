//! `keruen backup` and `keruen restore`: copies of the embedded store.

mod checkpoint;

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::anyhow;
use clap::Args as ClapArgs;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keruen_log::{BackupError, Copy, OpenError, Progress, Stage};
use keruen_proto::cloudevent::utc_time;
use serde::Serialize;

use crate::{
    cells,
    cli::Format,
    client::{failure::Failure, session::Session},
    embedded::{EmbeddedStore, LastBackup, StoreArgs, beside, hex, now_us},
    render::record::{Cell, Record},
};

const INSTEAD_OF_BACKUP: &str = "this copies the embedded store only. A log on PostgreSQL is backed up by PostgreSQL's \
own tools: pg_basebackup with WAL archiving copies the whole server and loses nothing up to any moment; \
`pg_dump --format=custom --file=keruen.dump DATABASE` copies the database as it is now. Restore a copy now and then, and \
check it with `keruen log verify`";

const INSTEAD_OF_RESTORE: &str = "this restores the embedded store only. A log on PostgreSQL is restored by PostgreSQL's \
own tools: start a server on what pg_basebackup made, or `pg_restore --create --dbname=postgres keruen.dump`. Then check \
it with `keruen log verify`";

/// What to copy where.
#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  keruen backup /media/usb/keruen.backup
  keruen backup --data /srv/keruen /backups/keruen.backup --force
  keruen backup keruen.backup --database-url sqlite://k.db

A node may run meanwhile: nothing waits for the backup, and the copy is of one moment. It gets its name once it is \
complete, everything in it was verified as `keruen log verify` does, and it is on disk; until then it is FILE.partial. \
`keruen doctor` tells how old the last backup is.

Where there is a key that signs checkpoints (checkpoint.key beside the store, or --checkpoint-key), the copy's size and root \
are signed, and the checkpoint is written to FILE.checkpoint: `restore` verifies it, and it is worth keeping apart from the \
backup, since whoever can change the backup can't sign another one.

In the file is the whole log: every event, its place in the tree, and the index. Not in it are the views and snapshots, \
which are made again from the log, and the key that signs checkpoints: keep a copy of that key apart from the backup, \
readable by you only (chmod 600). Whoever has the backup can read everything in it, so its mode is 0600 as well.")]
pub struct BackupArgs {
    /// Where to write the copy
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    store: StoreArgs,

    /// Replace FILE where it is there already, once the new copy is complete
    #[arg(long)]
    force: bool,

    /// The key that signs the checkpoint of the copy. Default: checkpoint.key beside the store, if it is there
    #[arg(
        long,
        env = "KERUEN_CHECKPOINT_KEY",
        hide_env_values = true,
        value_name = "FILE"
    )]
    checkpoint_key: Option<PathBuf>,

    /// Name of that key, where `serve` was told one
    #[arg(
        long,
        env = "KERUEN_CHECKPOINT_NAME",
        hide_env_values = true,
        value_name = "NAME"
    )]
    checkpoint_name: Option<String>,
}

/// What to put back where.
#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  keruen restore /media/usb/keruen.backup
  keruen restore /media/usb/keruen.backup --data /srv/keruen
  keruen restore keruen.backup --key keruen.vkey
  keruen restore keruen.backup --key keruen.vkey --checkpoint monday.checkpoint

There must be no store in that place. If there is one, stop its node and move the folder away first:
  mv keruen-data keruen-data.before

The backup is verified before anything is written, every event of it, and the copy once more. So is the signed checkpoint \
beside it (FILE.checkpoint): it must be signed by the key that --key names (`keruen log key` prints it), or by the \
checkpoint.key that stands in the folder already, and the history must be the one that it was signed for. Without a \
key only size and root are compared. A checkpoint that was kept elsewhere proves more than one beside the backup.

Views and snapshots that are found in the folder are removed: the node makes them anew. History is left as it is. Where only \
the index of the backup is damaged, it is made anew from the events.

What was recorded after the backup is not in it. The node goes on from the position of the backup and gives the later \
positions to other events. Whoever has read further must know: a subscriber is refused while its position is above the \
head, and a relay stops where its stream is ahead of the log. A checkpoint that was signed later than the backup no \
longer agrees with the log, which shows an auditor that history was lost.")]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    store: StoreArgs,

    /// A signed checkpoint that the backup must agree with. Default: FILE.checkpoint, if it is there
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// The verifier key, or the file that holds it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// A copy that was made.
#[derive(Debug, Serialize)]
struct Made {
    /// Where it is.
    file: String,
    log_id: String,
    position: u64,
    root_hash: String,
    /// When its newest event was recorded; empty where there is none.
    recorded_at: String,
    store_version: usize,
    size_bytes: u64,
    duration_ms: u64,
    /// The signed checkpoint of the copy, or the one that it agrees with; empty where there is none.
    checkpoint: String,
}

impl Record for Made {
    const COLUMNS: &'static [&'static str] = &[
        "file",
        "log_id",
        "position",
        "root_hash",
        "recorded_at",
        "store_version",
        "size_bytes",
        "duration_ms",
        "checkpoint",
    ];

    fn cells(&self) -> Vec<Cell> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        cells![
            self.file.clone(),
            self.log_id.clone(),
            number(self.position),
            self.root_hash.clone(),
            self.recorded_at.clone(),
            number(self.store_version as u64),
            number(self.size_bytes),
            number(self.duration_ms),
            self.checkpoint.clone(),
        ]
    }
}

impl Made {
    fn new(file: &Path, copy: &Copy, duration: Duration, checkpoint: Option<&Path>) -> Self {
        Self {
            file: file.display().to_string(),
            log_id: hex(&copy.head.log_id),
            position: copy.head.position,
            root_hash: hex(&copy.head.root_hash),
            recorded_at: if copy.head.position == 0 {
                String::new()
            } else {
                utc_time(copy.head.recorded_at_us)
            },
            store_version: copy.version,
            size_bytes: copy.size_bytes,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            checkpoint: checkpoint
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
        }
    }

    fn print(&self, session: &Session) -> Result<(), Failure> {
        let mut output = session.output();
        match output.format() {
            Format::Json => output.json(self)?,
            Format::Csv => output.csv(Self::COLUMNS, [self.cells()])?,
            Format::Table => output.details(self)?,
        }
        Ok(())
    }
}

impl BackupArgs {
    /// Makes the copy.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let store = self.store.embedded(INSTEAD_OF_BACKUP)?;
        let (from, file, force) = (store.path.clone(), self.file.clone(), self.force);
        let started = Instant::now();
        // Before anything is copied, so that a wrong key is told at once.
        let key = checkpoint::signing_key(
            &store,
            self.checkpoint_key.as_deref(),
            self.checkpoint_name.as_deref(),
        )?;
        let copy = observed(move |observer| keruen_log::backup(&from, &file, force, observer))
            .await?
            .map_err(|error| backup_failure(error, &store))?;
        note(&store, &self.file, &copy);
        let signed = checkpoint::sign(key.as_ref(), &self.file, &copy)?;
        Made::new(&self.file, &copy, started.elapsed(), signed.as_deref()).print(session)
    }
}

impl RestoreArgs {
    /// Puts the backup back.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let store = self.store.embedded(INSTEAD_OF_RESTORE)?;
        let (file, to) = (self.file.clone(), store.path.clone());
        let started = Instant::now();
        let signed = checkpoint::find(
            &store,
            &self.file,
            self.checkpoint.as_deref(),
            self.key.as_deref(),
        )?;
        let known: Vec<_> = signed.iter().map(|(_, known)| known.clone()).collect();
        let copy = observed(move |observer| keruen_log::restore(&file, &to, &known, observer))
            .await?
            .map_err(|error| restore_failure(error, &store, &self.file))?;
        forget_derived(&store);
        let checkpoint = signed.as_ref().map(|(path, _)| path.as_path());
        Made::new(&store.path, &copy, started.elapsed(), checkpoint).print(session)?;
        if copy.reindexed {
            anstream::eprintln!(
                "The index of the backup was damaged and was made anew from its events, which are as they were recorded."
            );
        }
        anstream::eprintln!(
            "Restored up to position {}. What was recorded after it is not in this store, and its positions will be \
             given to other events: tell whoever has read further (see `keruen restore --help`).",
            Cell::Number(i64::try_from(copy.head.position).unwrap_or(i64::MAX)).pretty()
        );
        Ok(())
    }
}

/// Notes the backup for `doctor`. The backup is good without it.
fn note(store: &EmbeddedStore, file: &Path, copy: &Copy) {
    let last = LastBackup {
        file: fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()),
        log_id: hex(&copy.head.log_id),
        position: copy.head.position,
        root_hash: hex(&copy.head.root_hash),
        made_at_us: now_us(),
        size_bytes: copy.size_bytes,
    };
    if let Err(error) = last.write(store) {
        anstream::eprintln!(
            "The backup is complete, but {} can't be written ({error}): `keruen doctor` won't know of it.",
            LastBackup::path(store).display()
        );
    }
}

/// Removes what was made from another history. The node would not use it either; so far it only takes space.
fn forget_derived(store: &EmbeddedStore) {
    let snapshots = store.folder.join(crate::serve::SNAPSHOT_FOLDER);
    let results = [
        keruen_projections::remove(&store.folder).map_err(|error| error.to_string()),
        LastBackup::forget(store).map_err(|error| error.to_string()),
        match fs::remove_dir_all(&snapshots) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        },
    ];
    for error in results.into_iter().filter_map(Result::err) {
        anstream::eprintln!(
            "Something made from an earlier store is still in {}: {error}. The node takes no notice of it.",
            store.folder.display()
        );
    }
}

fn backup_failure(error: BackupError, store: &EmbeddedStore) -> Failure {
    match error {
        BackupError::Interrupted => Failure::Interrupted("Stopped; nothing was written.".to_owned()),
        BackupError::Exists { path } => anyhow!(
            "{path} exists already; name another file, or say --force to replace it once the new backup is complete",
            path = path.display()
        )
        .into(),
        BackupError::Open(OpenError::Missing { path }) => anyhow!(
            "there is no store at {path}; name its folder with --data DIR. A node on PostgreSQL is copied with pg_dump or \
             pg_basebackup",
            path = path.display()
        )
        .into(),
        BackupError::DamagedIndex { found, .. } => anyhow!(
            "the index in the copy of {store} is damaged: {found}. Then take the backup again; nothing was kept of this one",
            store = store.path.display()
        )
        .into(),
        BackupError::Damaged { path, found } if path == beside(&store.path, ".partial") => {
            anyhow!("{path} is damaged: {found}", path = path.display()).into()
        }
        BackupError::Damaged { found, .. } => anyhow!(
            "the copy of {store} is not what was recorded: {found}. Nothing was kept of it. Either the store is damaged, \
             which `keruen log verify` tells, or the place of the backup is: try another",
            store = store.path.display()
        )
        .into(),
        other => anyhow::Error::new(other).into(),
    }
}

fn restore_failure(error: BackupError, store: &EmbeddedStore, file: &Path) -> Failure {
    let folder = store.folder.display();
    match error {
        BackupError::Interrupted => Failure::Interrupted("Stopped; nothing was restored.".to_owned()),
        BackupError::StoreExists { path } => anyhow!(
            "there is a store already: {path}; nothing was changed. To put the backup in its place, stop its node, move \
             the folder away and run this again: mv {folder} {folder}.before",
            path = path.display()
        )
        .into(),
        BackupError::Open(OpenError::Locked { holder, .. }) => anyhow!(
            "{holder} has the store in {folder} open; nothing was changed. Stop that one first"
        )
        .into(),
        BackupError::Open(OpenError::Missing { path }) => {
            anyhow!("there is no backup at {path}", path = path.display()).into()
        }
        BackupError::Disagrees { found, .. } => anyhow!(
            "the backup {file} is not what was signed: {found}. Nothing was restored",
            file = file.display()
        )
        .into(),
        BackupError::Open(OpenError::Damaged { found, .. }) | BackupError::Damaged { found, .. } => {
            anyhow!(
                "the backup {file} is damaged: {found}. Nothing was restored; take another backup",
                file = file.display()
            )
            .into()
        }
        other => anyhow::Error::new(other).into(),
    }
}

/// Does something long beside a progress bar, on a thread for blocking work. Ctrl-C asks it to stop.
async fn observed<T: Send + 'static>(
    work: impl FnOnce(keruen_log::Observer<'_>) -> T + Send + 'static,
) -> Result<T, Failure> {
    let stopping = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stopping);
    let mut task = tokio::task::spawn_blocking(move || {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let mut shown = None;
        let answer = work(&mut |progress| {
            show(&bar, &mut shown, progress);
            if asked.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        bar.finish_and_clear();
        answer
    });
    let done = tokio::select! {
        done = &mut task => done,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            stopping.store(true, Ordering::Relaxed);
            task.await
        }
    };
    done.map_err(|error| anyhow::Error::new(error).into())
}

const EVENTS: &str = "{msg} {wide_bar} {pos}/{len}, {per_sec}, {eta} left";

fn show(bar: &ProgressBar, shown: &mut Option<Stage>, progress: Progress) {
    if *shown != Some(progress.stage) {
        *shown = Some(progress.stage);
        let (text, template) = match progress.stage {
            Stage::Copying => ("copying pages", "{msg} {wide_bar} {pos}/{len}, {eta} left"),
            Stage::CheckingPages => ("checking pages", "{msg} {spinner}"),
            Stage::CheckingEvents => ("checking events", EVENTS),
            Stage::CheckingIndex => ("checking the index", EVENTS),
            Stage::Indexing => ("indexing", EVENTS),
        };
        bar.reset();
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(text);
    }
    if progress.total == 0 {
        bar.tick();
    } else {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }
}
