//! The signed checkpoint that goes with a backup: `FILE.checkpoint`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use keruen_log::{
    Copy, Head, StoreReader,
    checkpoint::{Checkpoint, CheckpointKey, KeyFile, VerifierKey, default_name},
};

use crate::{
    client::{failure::Failure, log::key},
    embedded::{EmbeddedStore, beside},
    serve::KEY_FILE_NAME,
};

const SUFFIX: &str = ".checkpoint";

/// The key that signs the backup's checkpoint. One that was named must do; of the one that is kept beside the store the
/// backup does not depend: without it, it says so.
pub fn signing_key(
    store: &EmbeddedStore,
    named: Option<&Path>,
    name: Option<&str>,
) -> Result<Option<CheckpointKey>, Failure> {
    let kept = store.folder.join(KEY_FILE_NAME);
    let path = match named {
        Some(path) => path.to_owned(),
        None if kept.exists() => kept,
        None => {
            anstream::eprintln!(
                "There is no key at {}, so the backup gets no signed checkpoint.",
                kept.display()
            );
            return Ok(None);
        }
    };
    // What is wrong with the store, the backup itself says.
    let Ok(head) = StoreReader::open(&store.path).and_then(|reader| reader.head()) else {
        return Ok(None);
    };
    match KeyFile::Named(path).load(&head.log_id, name) {
        Ok(key) => Ok(Some(key)),
        Err(error) if named.is_some() => Err(anyhow!(error).into()),
        Err(error) => {
            anstream::eprintln!("The backup gets no signed checkpoint: {error}.");
            Ok(None)
        }
    }
}

/// Signs what was copied, and writes the checkpoint beside the copy. An older one that stands there is of another copy.
pub fn sign(
    key: Option<&CheckpointKey>,
    file: &Path,
    copy: &Copy,
) -> Result<Option<PathBuf>, Failure> {
    let path = beside(file, SUFFIX);
    let Some(key) = key else {
        if path.exists() {
            fs::remove_file(&path).with_context(|| {
                format!(
                    "the backup is complete, but the checkpoint of an earlier one, {}, can't be removed",
                    path.display()
                )
            })?;
        }
        return Ok(None);
    };
    let head = Head {
        log_id: copy.head.log_id,
        position: copy.head.position,
        root_hash: copy.head.root_hash,
    };
    let unfinished = beside(&path, ".partial");
    fs::write(&unfinished, Checkpoint::sign(key, &head))
        .and_then(|()| fs::File::open(&unfinished)?.sync_all())
        .and_then(|()| fs::rename(&unfinished, &path))
        .with_context(|| {
            format!(
                "the backup is complete, but its checkpoint {} can't be written",
                path.display()
            )
        })?;
    Ok(Some(path))
}

/// The checkpoint that a backup must agree with, and where it is; `None` where there is none.
pub fn find(
    store: &EmbeddedStore,
    file: &Path,
    named: Option<&Path>,
    stated_key: Option<&str>,
) -> Result<Option<(PathBuf, Checkpoint)>, Failure> {
    let stated_key = key::stated(stated_key)?;
    let path = named.map_or_else(|| beside(file, SUFFIX), Path::to_owned);
    if named.is_none() && !path.exists() {
        if stated_key.is_some() {
            return Err(Failure::Usage(format!(
                "--key: there is no checkpoint at {} that it could verify; name one with --checkpoint",
                path.display()
            )));
        }
        anstream::eprintln!(
            "There is no signed checkpoint at {}: whether this is the history that was signed, nobody can tell.",
            path.display()
        );
        return Ok(None);
    }
    // What is wrong with the backup, the restore itself says.
    let Ok(head) = StoreReader::open(file).and_then(|reader| reader.head()) else {
        return Ok(None);
    };
    let key = match stated_key {
        Some(key) => Some(key),
        None => kept_key(store, &path, &head.log_id)?,
    };
    if key.is_none() {
        anstream::eprintln!(
            "No --key was given: the signature of {} was not checked.",
            path.display()
        );
    }
    let checkpoint = key::saved(&path, key.as_ref()).map_err(|failure| match failure {
        Failure::Other(error) => anyhow!("{error}; nothing was restored").into(),
        other => other,
    })?;
    let name = default_name(&head.log_id);
    if is_default_name(&checkpoint.origin, &name) && checkpoint.origin != name {
        return Err(anyhow!(
            "{} is of the log {}, and the backup is of {name}; nothing was restored",
            path.display(),
            checkpoint.origin
        )
        .into());
    }
    Ok(Some((path, checkpoint)))
}

/// Whether a key got its name from the id of its log, as `name` did.
fn is_default_name(origin: &str, name: &str) -> bool {
    let split = |name: &str| name.rsplit_once('/').map(|(before, _)| before.to_owned());
    origin.len() == name.len() && split(origin) == split(name)
}

/// The key that stands where the store is to be, if there is one.
fn kept_key(
    store: &EmbeddedStore,
    checkpoint: &Path,
    log_id: &[u8; 16],
) -> Result<Option<VerifierKey>, Failure> {
    let path = store.folder.join(KEY_FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let origin = key::saved(checkpoint, None)?.origin;
    let key = KeyFile::Named(path).load(log_id, Some(&origin));
    Ok(Some(key.map_err(|error| anyhow!(error))?.verifier_key()))
}
