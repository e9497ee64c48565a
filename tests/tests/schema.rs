//! The schema keeps to the rules that clients of other languages rely on.

use std::{path::Path, process::Command};

use keruen_tests::{program, wheel};

#[test]
fn the_schema_is_clean_under_buf_lint() {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let cache = tempfile::TempDir::new().unwrap();
    let mut lint = Command::new(wheel::buf());
    let outcome = program::output(
        lint.arg("lint")
            .current_dir(proto)
            .env("BUF_CACHE_DIR", cache.path()),
    );
    assert_eq!(
        outcome.code,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
}
