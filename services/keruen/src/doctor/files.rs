//! Who may read and write the files.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use super::finding::{AS_THE_NODE, Finding};
use crate::embedded::EmbeddedStore;

/// Bits of a mode that let others write, and that let others do anything.
const OTHERS_WRITE: u32 = 0o022;
const OTHERS: u32 = 0o077;
/// Bits that let everybody look into a folder.
const EVERYBODY_LOOKS: u32 = 0o005;

pub fn examine(store: &EmbeddedStore) -> Option<Finding> {
    let place = store.folder.display();
    let looked = fs::metadata(&store.folder)
        .and_then(|folder| fs::read_dir(&store.folder).map(|entries| (folder, entries)));
    let (folder, entries) = match looked {
        Ok(looked) => looked,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Some(Finding::attention(
                "files",
                format!("this user may not look into {place}"),
                AS_THE_NODE,
            ));
        }
        Err(_) => return None,
    };
    let mut open = Vec::new();
    let mut foreign = Vec::new();
    // A sticky folder, as /tmp is, lets nobody remove or rename what is another's.
    if folder.permissions().mode() & OTHERS_WRITE != 0 && folder.mode() & 0o1000 == 0 {
        open.push(".".to_owned());
    }
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours = name.starts_with(&*store.path.file_name()?.to_string_lossy())
            || name.starts_with("views-")
            || is_key(&name);
        if !is_ours {
            continue;
        }
        let forbidden = if is_key(&name) { OTHERS } else { OTHERS_WRITE };
        if metadata.permissions().mode() & forbidden != 0 {
            open.push(name.clone());
        }
        if metadata.uid() != folder.uid() {
            foreign.push(name);
        }
    }
    open.sort();
    foreign.sort();
    Some(if !open.is_empty() {
        Finding::attention(
            "files",
            format!("others may change, or read a key: {}", open.join(", ")),
            format!("chmod go-w {place} {place}/*; chmod 600 the key"),
        )
    } else if !foreign.is_empty() {
        Finding::attention(
            "files",
            format!(
                "not owned by the owner of the folder: {}",
                foreign.join(", ")
            ),
            format!("chown -R --reference={place} {place}; run the node as one user only"),
        )
    } else if folder.mode() & EVERYBODY_LOOKS == EVERYBODY_LOOKS {
        Finding::attention(
            "files",
            format!("everybody on this machine may read {place}, and so everything"),
            format!("chmod 700 {place}"),
        )
    } else {
        Finding::ok("files", "nobody else may read or change them")
    })
}

fn is_key(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "key")
}
