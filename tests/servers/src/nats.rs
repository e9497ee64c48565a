//! nats-server with JetStream over throw-away data.
//!
//! `KERUEN_TEST_NATS_URL` names a server that tests may share; without it, a private one is started, from this machine
//! or, where it has none of version 2.10 or newer, from the wheel.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{postgres::free_port, process::Process, wheel};

const OLDEST_VERSION: (u32, u32) = (2, 10);
/// No start takes this long, however slow the machine.
const START_TIMEOUT: Duration = Duration::from_mins(2);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// A server with throw-away data. Dropping it stops it; so does the end of the test process.
pub struct Server {
    process: Option<Process>,
    program: PathBuf,
    port: u16,
    jetstream: bool,
    settings: String,
    // Dropped after the process.
    folder: TempDir,
}

impl Server {
    /// Starts a server of one's own, for tests that break it or look at its stream.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same with further lines of its configuration file.
    pub fn start_with(settings: &str) -> Self {
        Self::start_over(true, settings)
    }

    /// One that passes messages on and keeps none.
    pub fn start_without_jetstream() -> Self {
        Self::start_over(false, "")
    }

    fn start_over(jetstream: bool, settings: &str) -> Self {
        let mut server = Self {
            jetstream,
            process: None,
            program: installed().unwrap_or_else(|| wheel::nats().join("nats-server")),
            port: free_port(),
            settings: settings.to_owned(),
            folder: tempfile::Builder::new()
                .prefix("keruen-nats-")
                .tempdir()
                .expect("the temporary folder can be written"),
        };
        server.launch();
        server
    }

    /// A server whose address is known before it runs: `launch` starts it.
    pub fn not_yet_started() -> Self {
        let mut server = Self::start();
        server.kill();
        server
    }

    /// Starts the server on its port and over its data, and waits until it answers.
    pub fn launch(&mut self) {
        self.kill();
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let mut process = Process::spawn_over(&mut self.command(), self.folder.path())
                .expect("nats-server was found a moment ago");
            if self.answers(&mut process, deadline) {
                self.process = Some(process);
                return;
            }
            // Somebody else may have the port for a moment.
            assert!(
                Instant::now() < deadline,
                "nats-server did not start; it says:\n{}",
                fs::read_to_string(self.said()).unwrap_or_default()
            );
            thread::sleep(POLL);
        }
    }

    fn command(&self) -> Command {
        let configuration = self.folder.path().join("nats-server.conf");
        let store = self.store().display().to_string();
        let mut text = format!("listen: \"127.0.0.1:{}\"\n{}\n", self.port, self.settings);
        if self.jetstream {
            let _ = writeln!(text, "jetstream {{ store_dir: {store:?} }}");
        }
        fs::write(&configuration, text).expect("the folder can be written");
        let said = fs::File::create(self.said()).expect("the folder can be written");
        let mut command = Command::new(&self.program);
        command
            .arg("--config")
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said);
        command
    }

    fn said(&self) -> PathBuf {
        self.folder.path().join("said.txt")
    }

    /// Waits until the server greets; false if it ended instead.
    fn answers(&self, process: &mut Process, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            if greets(self.port) {
                return true;
            }
            if process.wait(POLL).is_some() {
                return false;
            }
        }
        false
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The folder of what it stores.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Ends it with SIGKILL, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Asks it to stop, and waits until it has written what it keeps.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::TERM);
            if process.wait(STOP_TIMEOUT).is_none() {
                process.kill();
            }
        }
    }

    /// Holds it still, or lets it go on.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Stops it, puts what it stores away, and starts it again.
    pub fn save(&mut self) -> Copy {
        self.stop();
        let copy = TempDir::new().expect("the temporary folder can be written");
        copy_folder(&self.store(), &copy.path().join("store"));
        self.launch();
        Copy(copy)
    }

    /// Ends it with SIGKILL and starts it again over an older copy of what it stored.
    pub fn put_back(&mut self, copy: &Copy) {
        self.kill();
        fs::remove_dir_all(self.store()).expect("the store is this process's own");
        copy_folder(&copy.0.path().join("store"), &self.store());
        self.launch();
    }

    /// Ends it with SIGKILL and starts it again with nothing.
    pub fn lose(&mut self) {
        self.kill();
        fs::remove_dir_all(self.store()).expect("the store is this process's own");
        self.launch();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a server stored at some time.
pub struct Copy(TempDir);

/// Address of a server that tests of this process share, the one that the environment names where it names one. Each
/// test must take subjects and streams of its own.
pub fn shared_url() -> String {
    static SHARED: OnceLock<Server> = OnceLock::new();
    env::var("KERUEN_TEST_NATS_URL").unwrap_or_else(|_| SHARED.get_or_init(Server::start).url())
}

fn greets(port: u16) -> bool {
    let Ok(connection) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut greeting = String::new();
    connection.set_read_timeout(Some(START_TIMEOUT)).is_ok()
        && BufReader::new(connection).read_line(&mut greeting).is_ok()
        && greeting.starts_with("INFO ")
}

fn copy_folder(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{} can be copied",
        from.display()
    );
}

/// The newest nats-server on this machine that is new enough.
fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join("nats-server"))
        .filter_map(|program| Some((version(&program)?, program)))
        .filter(|(version, _)| *version >= OLDEST_VERSION)
        .max()
        .map(|(_, program)| program)
}

/// Major and minor version, from a line such as `nats-server: v2.15.1`.
fn version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    let (_, number) = line.trim().rsplit_once('v')?;
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_comes_back_on_its_port_with_its_store() {
        let mut server = Server::start();
        let url = server.url();
        let marker = server.store().join("marker");
        fs::write(&marker, "kept").unwrap();
        server.kill();
        server.launch();
        assert!(marker.exists());
        let copy = server.save();
        server.lose();
        assert!(!marker.exists());
        server.put_back(&copy);
        assert!(marker.exists());
        assert_eq!(server.url(), url);
        let folder = server.folder.path().to_owned();
        drop(server);
        assert!(!folder.exists());
    }
}
