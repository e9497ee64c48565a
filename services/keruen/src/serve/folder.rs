//! The folder of a node on this machine: that node's alone, and of no other log than its own.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use keruen_log::{FileLock, OpenError, PostgresLog, StoreReader};

use super::store::{FILE_NAME, Store};
use crate::embedded::hex;

/// Makes the folder where there is none, and keeps other nodes out of it for as long as the lock lives. A log in a file
/// does so by itself, when it is opened.
pub fn take(store: &Store) -> anyhow::Result<Option<FileLock>> {
    let folder = store.folder();
    let shown = folder.display();
    if folder.exists() && !folder.is_dir() {
        bail!("{shown} is a file, and the store needs a folder; name another");
    }
    keruen_log::make_folder(folder).with_context(|| format!("can't create the folder {shown}"))?;
    let Store::Postgres { .. } = store else {
        return Ok(None);
    };
    match FileLock::take(&folder.join(FILE_NAME)) {
        Ok(lock) => Ok(Some(lock)),
        Err(OpenError::Locked { holder, .. }) => Err(anyhow!(
            "{holder} uses the folder {shown}, and each node keeps its key and what it makes from the log in a folder of its \
             own: name another one with --data DIR, or stop that one first"
        )),
        Err(OpenError::ReadOnly { found, .. }) => Err(anyhow!(
            "the folder {shown} can't be written ({found}); give this user write access to it, or name another one with \
             --data DIR"
        )),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a folder in which the store of another log is than that on the server, as after `keruen restore`: it is not
/// what this node would serve.
pub fn check(store: &Store, log_id: &[u8]) -> anyhow::Result<()> {
    let Store::Postgres { url, folder } = store else {
        return Ok(());
    };
    match id_of_file(&folder.join(FILE_NAME)) {
        Some(found) if found != log_id => bail!(
            "{file} in {folder} is the log {found}, and that at {at} is {expected}: the node would serve another history than \
             the one in its folder. To serve the one on PostgreSQL, name another folder with --data DIR; to serve the one \
             in the file, leave --database-url (or KERUEN_DATABASE_URL) out",
            file = FILE_NAME,
            folder = folder.display(),
            found = hex(&found),
            at = PostgresLog::shown(url),
            expected = hex(log_id),
        ),
        _ => Ok(()),
    }
}

/// Identity of the log in a file; `None` where there is none, or something else.
fn id_of_file(path: &Path) -> Option<Vec<u8>> {
    let head = StoreReader::open(path).and_then(|reader| reader.head());
    Some(head.ok()?.log_id.to_vec())
}
