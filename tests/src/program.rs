//! The program under test, run to its end.

use std::{
    env,
    ffi::OsStr,
    io::Read,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    thread,
    time::Duration,
};

use crate::process::Process;

/// No run of a verb takes this long, however slow the machine.
const RUN_TIMEOUT: Duration = Duration::from_mins(5);

/// Set for a program that runs the program under test in place of itself.
pub const NODE_VARIABLE: &str = "RUN_KERUEN";
/// A program that does so: then nothing else has to be built.
const CRASH: &str = "crash";

/// Where cargo has put the program: beside the folder of the test itself.
pub fn path() -> PathBuf {
    let test = env::current_exe().expect("the test knows its own path");
    if test.file_stem() == Some(OsStr::new(CRASH)) {
        return test;
    }
    let folder = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests stand in <profile>/deps");
    let path = folder.join(format!("keruen-under-test{}", env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing; run the tests with `cargo test -p keruen-tests`",
        path.display()
    );
    path
}

/// The program with these arguments, free of settings from outside.
pub fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(path());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("KERUEN_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .env("KERUEN_OUTBOX", outbox())
        .env("NO_COLOR", "1")
        .env(NODE_VARIABLE, "1")
        .stdin(Stdio::null());
    command
}

/// Where the commands of this test wait, unless it names a folder of its own: not among those of whoever runs it.
fn outbox() -> PathBuf {
    let program = path();
    let folder = program.parent().unwrap_or(Path::new("."));
    folder
        .join("keruen-test-outbox")
        .join(process::id().to_string())
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit status; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    /// Standard output of a run that must have succeeded.
    pub fn success(self) -> String {
        assert_eq!(
            self.code,
            Some(0),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self.stdout
    }

    /// Standard error of a run that must have been refused with this exit status.
    pub fn refused(self, code: i32) -> String {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self.stderr
    }
}

/// Runs the program to its end.
pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Outcome {
    output(&mut command(arguments))
}

/// Runs a command to its end.
pub fn output(command: &mut Command) -> Outcome {
    let mut process = Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
        .unwrap_or_else(|error| panic!("can't start {}: {error}", command.get_program().display()));
    let stdout = read(process.child().stdout.take());
    let stderr = read(process.child().stderr.take());
    let status = process.wait(RUN_TIMEOUT);
    if status.is_none() {
        process.kill();
    }
    let [stdout, stderr] =
        [stdout, stderr].map(|thread| thread.join().expect("the reader ends with the pipe"));
    match status {
        Some(status) => Outcome {
            code: status.code(),
            stdout,
            stderr,
        },
        None => panic!("{command:?} did not end; stdout:\n{stdout}\nstderr:\n{stderr}"),
    }
}

fn read(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
