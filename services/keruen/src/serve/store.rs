//! Where the embedded store is.

use std::path::{Path, PathBuf};

use anyhow::bail;

/// Folder of the store where nothing else is said.
pub const DEFAULT_FOLDER: &str = "keruen-data";
/// Name of the store's file in its folder.
pub const FILE_NAME: &str = "keruen.db";

/// The file that the options name.
pub fn path(database_url: Option<&str>, folder: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(url) = database_url else {
        return Ok(folder.unwrap_or(Path::new(DEFAULT_FOLDER)).join(FILE_NAME));
    };
    if let Some(path) = url.strip_prefix("sqlite://") {
        if path.is_empty() || path.ends_with('/') {
            bail!(
                "--database-url {url:?} names no file; for example sqlite://keruen-data/keruen.db"
            );
        }
        return Ok(PathBuf::from(path));
    }
    let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
    bail!(
        "--database-url: this version keeps its store in SQLite only, sqlite://PATH; found scheme {scheme:?}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_file() {
        assert_eq!(
            path(None, None).unwrap(),
            Path::new("keruen-data/keruen.db")
        );
        assert_eq!(
            path(None, Some(Path::new("/srv/k"))).unwrap(),
            Path::new("/srv/k/keruen.db")
        );
        assert_eq!(
            path(Some("sqlite:///srv/k.db"), None).unwrap(),
            Path::new("/srv/k.db")
        );
    }

    #[test]
    fn refuses_what_it_cannot_open() {
        for url in [
            "",
            "sqlite://",
            "sqlite://folder/",
            "mysql://user:secret@host/db",
        ] {
            let message = path(Some(url), None).unwrap_err().to_string();
            assert!(message.contains("--database-url"), "{url}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
