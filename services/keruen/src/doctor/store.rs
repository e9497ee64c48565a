//! The store itself: whether it can be opened, by which program, and who has it.

use keruen_log::{OpenError, StoreReader, StoredHead, holder_of};

use super::finding::{AS_THE_NODE, Finding};
use crate::{
    embedded::{EmbeddedStore, hex},
    render::record::grouped,
};

/// A store that can be read.
pub struct Examined {
    pub reader: StoreReader,
    pub head: StoredHead,
    pub is_running: bool,
}

pub fn examine(store: &EmbeddedStore) -> (Option<Examined>, Vec<Finding>) {
    let holder = holder_of(&store.path);
    let is_running = matches!(holder, Ok(Some(_)));
    let opened = StoreReader::open(&store.path).and_then(|reader| {
        let head = reader.head()?;
        Ok((reader, head))
    });
    let mut findings = vec![
        match &opened {
            Ok((_, head)) => readable(head),
            Err(error) => unreadable(store, error),
        },
        versions(&opened),
    ];
    if let Ok((reader, _)) = &opened
        && reader.version() == StoreReader::known_version()
    {
        findings.push(index(store, reader));
    }
    findings.push(match holder {
        Ok(Some(holder)) => Finding::ok("node", format!("running: {holder} has the store open"))
            .figure("running", true),
        Ok(None) => Finding::ok("node", "not running").figure("running", false),
        Err(error) => Finding::attention(
            "node",
            format!("nobody can tell whether it runs: {error}"),
            AS_THE_NODE,
        ),
    });
    let examined = opened.ok().map(|(reader, head)| Examined {
        reader,
        head,
        is_running,
    });
    (examined, findings)
}

fn readable(head: &StoredHead) -> Finding {
    let position = i64::try_from(head.position).unwrap_or(i64::MAX);
    Finding::ok(
        "store",
        format!("{} events; head, tree and tiles agree", grouped(position)),
    )
    .figure("log_id", hex(&head.log_id))
    .figure("position", head.position)
    .figure("root_hash", hex(&head.root_hash))
    .figure("recorded_at_us", head.recorded_at_us)
}

/// As a node finds it that starts; its pages are looked at by `keruen log verify`.
fn index(store: &EmbeddedStore, reader: &StoreReader) -> Finding {
    match reader.index_runs() {
        Ok(runs) => {
            Finding::ok("index", format!("{runs} runs, which belong together")).figure("runs", runs)
        }
        Err(error) => {
            let found = match error {
                OpenError::DamagedIndex { found, .. } => found,
                other => other.to_string(),
            };
            Finding::attention(
                "index",
                found,
                format!(
                    "stop the node and `keruen log reindex --data {}`",
                    store.folder.display()
                ),
            )
        }
    }
}

fn unreadable(store: &EmbeddedStore, error: &OpenError) -> Finding {
    let folder = store.folder.display();
    match error {
        OpenError::Missing { path } => Finding::attention(
            "store",
            format!("there is none at {}", path.display()),
            format!(
                "name its folder with --data; or `keruen serve --data {folder}` makes one; or `keruen restore FILE \
                 --data {folder}` puts a backup there"
            ),
        ),
        OpenError::Damaged { found, .. } => Finding::attention(
            "store",
            format!("damaged: {found}"),
            format!(
                "stop the node, keep the folder as it is under another name, and `keruen restore FILE --data {folder}`"
            ),
        ),
        OpenError::NotALog { found, .. } => Finding::attention(
            "store",
            format!("not a store: {found}"),
            "move the file away, or name another folder with --data",
        ),
        OpenError::NewerVersion { .. } => Finding::attention(
            "store",
            "a newer program wrote it",
            "use that program, or a newer one",
        ),
        OpenError::Unreadable { found, .. } | OpenError::ReadOnly { found, .. } => {
            Finding::attention(
                "store",
                format!("it can't be read: {found}"),
                format!("{AS_THE_NODE}, or see to it that it may read {folder}"),
            )
        }
        other => Finding::attention(
            "store",
            other.to_string(),
            "mend that, then run this once more",
        ),
    }
}

fn versions(opened: &Result<(StoreReader, StoredHead), OpenError>) -> Finding {
    let known = StoreReader::known_version();
    let program = env!("CARGO_PKG_VERSION");
    let sqlite = keruen_log::sqlite_version();
    let found = |store: &str| {
        format!(
            "program {program}, which knows stores up to version {known}; {store}; SQLite {sqlite}"
        )
    };
    let finding = match opened {
        Ok((reader, _)) if reader.version() < known => Finding::ok(
            "versions",
            found(&format!(
                "this one has version {}, the next start brings it to {known}",
                reader.version()
            )),
        )
        .figure("store_version", reader.version()),
        Ok((reader, _)) => Finding::ok(
            "versions",
            found(&format!("this one has version {}", reader.version())),
        )
        .figure("store_version", reader.version()),
        Err(OpenError::NewerVersion { found: newer, .. }) => Finding::attention(
            "versions",
            found(&format!("this one has version {newer}")),
            "this program must not open it: use the newer one",
        )
        .figure("store_version", *newer),
        Err(_) => Finding::ok("versions", found("this one can't be read")),
    };
    finding
        .figure("program", program)
        .figure("known_store_version", known)
        .figure("sqlite", sqlite)
}
