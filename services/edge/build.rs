//! Tells the crate which code folds: the hash of the sources of domain and schema. A snapshot that other code has folded
//! is passed over, and nobody has to remember to raise a number.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

const SOURCES: [&str; 4] = [
    "../domain/src",
    "../../proto/keruen",
    "../../proto/src",
    "../../proto/build.rs",
];

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        collect(Path::new(source), &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in files {
        let bytes = fs::read(&file)?;
        hasher.update(file.to_string_lossy().as_bytes());
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    }
    // Half of the hash tells versions apart, and is one number.
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize()[..16]);
    let hash = u128::from_be_bytes(half);
    println!("cargo::rustc-env=KERUEN_FOLD={hash:032x}");
    Ok(())
}

/// A folder of the schema that is not there is a mistake in the list above, so it is an error.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
