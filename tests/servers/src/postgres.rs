//! PostgreSQL with throw-away data.
//!
//! `KERUEN_TEST_DATABASE_URL` names a server to make databases on; without it, a private one is started, from the
//! PostgreSQL of this machine or, where it has none of version 15 or newer, from the wheel.

use std::{
    env, fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr as _,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{process::Process, wheel};

const OLDEST_VERSION: u32 = 15;
/// Whoever PostgreSQL runs as where the tests run as root, which it refuses; the user `nobody`.
const UNPRIVILEGED_ID: u32 = 65_534;
/// No start takes this long, recovery included, however slow the machine.
const START_TIMEOUT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);

/// A server with throw-away data. Dropping it stops it; so does the end of the test process.
pub struct Server {
    process: Option<Process>,
    programs: PathBuf,
    port: u16,
    // Dropped after the process.
    folder: TempDir,
}

impl Server {
    /// Starts a server of one's own, for tests that break it.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings, each `name=value`.
    pub fn start_with(settings: &[&str]) -> Self {
        // Not below a home folder, which others may not enter.
        Self::start_in(Path::new("/tmp"), settings)
    }

    /// The same with its data in this folder, which everybody may enter.
    pub fn start_in(folder: &Path, settings: &[&str]) -> Self {
        Self::start_from(
            installed().unwrap_or_else(wheel::postgres),
            folder,
            settings,
        )
    }

    fn start_from(programs: PathBuf, folder: &Path, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("keruen-postgres-")
            .tempdir_in(folder)
            .expect("the folder can be written");
        give(folder.path());
        let programs = reachable(programs, folder.path());
        run(unprivileged(&programs.join("initdb"))
            .args([
                "--no-sync",
                "--auth=trust",
                "--username=keruen",
                "--encoding=UTF8",
                "--no-locale",
            ])
            .arg("--pgdata")
            .arg(folder.path().join("data")));
        let mut server = Self {
            process: None,
            programs,
            port: 0,
            folder,
        };
        server.launch(settings);
        server
    }

    /// Starts the server on a free port, or on the one that it had, and waits until it answers.
    fn launch(&mut self, settings: &[&str]) {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if self.port == 0 {
                self.port = free_port();
            }
            let mut command = self.command(settings);
            let process = Process::spawn_over(&mut command, self.folder.path());
            let mut process = process.expect("PostgreSQL was found a moment ago");
            if answers(&self.url("postgres"), &mut process, deadline) {
                self.process = Some(process);
                return;
            }
            let said = fs::read_to_string(self.said()).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "PostgreSQL did not start; it says:\n{said}"
            );
            // Somebody else may have taken the port in the meantime.
            if said.contains("could not create any TCP/IP sockets") {
                self.port = 0;
            }
        }
    }

    fn said(&self) -> PathBuf {
        self.folder.path().join("said.txt")
    }

    fn command(&self, settings: &[&str]) -> Command {
        let said = fs::File::create(self.said()).expect("the folder can be written");
        let mut command = unprivileged(&self.programs.join("postgres"));
        command.arg("-D").arg(self.folder.path().join("data"));
        let port = format!("port={}", self.port);
        let private = [
            port.as_str(),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=64MB",
        ];
        for setting in private.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said);
        command
    }

    /// Address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://keruen@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database.
    pub fn database(&self) -> Database {
        Database::create(&self.url("postgres"))
    }

    /// Ends the server with SIGKILL, as a crash would: all of its processes.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // So that it starts no more of them.
            process.signal(Signal::STOP);
            let backends = process.children();
            process.kill();
            for backend in backends {
                // It may have ended with its parent.
                let _ = rustix::process::kill_process(backend, Signal::KILL);
            }
        }
    }

    /// Starts a server that was killed, with the data that it left and on the same port.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same with other settings, each `name=value`.
    pub fn restart_with(&mut self, settings: &[&str]) {
        self.kill();
        self.launch(settings);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Ends at once, but tidies up what the system keeps for it.
            process.signal(Signal::QUIT);
            if process.wait(Duration::from_secs(10)).is_none() {
                process.kill();
            }
        }
    }
}

/// A database of one test. Dropping it removes it.
pub struct Database {
    admin: PgConnectOptions,
    name: String,
    url: String,
}

impl Database {
    /// An empty database, on the server that the environment names or on one that all tests of this process share.
    pub fn new() -> Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        Self::on(&SHARED, Server::start)
    }

    /// The same for what can be made again, so that nobody waits for the disk: that is most of what making and dropping
    /// schemas takes. A log refuses such a server.
    pub fn unsynced() -> Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        Self::on(&SHARED, || {
            Server::start_with(&["fsync=off", "full_page_writes=off"])
        })
    }

    fn on(shared: &OnceLock<Server>, start: impl FnOnce() -> Server) -> Self {
        match env::var("KERUEN_TEST_DATABASE_URL") {
            Ok(url) => Self::create(&url),
            Err(_) => shared.get_or_init(start).database(),
        }
    }

    fn create(admin_url: &str) -> Self {
        let admin = PgConnectOptions::from_str(admin_url)
            .expect("KERUEN_TEST_DATABASE_URL must look like postgres://user@host:port/database");
        let name = format!("keruen_test_{}", Uuid::new_v4().simple());
        execute(
            &admin,
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        );
        let (address, options) = match admin_url.split_once('?') {
            Some((address, options)) => (address, format!("?{options}")),
            None => (admin_url, String::new()),
        };
        let address = address
            .rsplit_once('/')
            .expect("the address names a database")
            .0;
        Self {
            admin,
            url: format!("{address}/{name}{options}"),
            name,
        }
    }

    /// Its address, as whoever made it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its address for another user, without a password.
    pub fn url_of(&self, user: &str) -> String {
        let after_user = self
            .url
            .split_once('@')
            .expect("the address names a user")
            .1;
        format!("postgres://{user}@{after_user}")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements in it as whoever made it; blocks.
    pub fn execute(&self, sql: &str) {
        execute(&self.admin.clone().database(&self.name), sql);
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test may have stopped the server.
        let _ = try_execute(
            &self.admin,
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
    }
}

fn execute(options: &PgConnectOptions, sql: &str) {
    if let Err(error) = try_execute(options, sql) {
        panic!("{sql}: {error}");
    }
}

/// On a thread of its own, since the caller may be a task.
fn try_execute(options: &PgConnectOptions, sql: &str) -> sqlx::Result<()> {
    let work = || {
        runtime().block_on(async {
            let mut connection = PgConnection::connect_with(options).await?;
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
                .execute(&mut connection)
                .await?;
            connection.close().await
        })
    };
    thread::scope(|scope| scope.spawn(work).join().expect("the thread does not panic"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made")
}

/// Waits until the server answers; false if it ended instead.
fn answers(url: &str, process: &mut Process, deadline: Instant) -> bool {
    let options = PgConnectOptions::from_str(url).expect("the address is well-formed");
    while Instant::now() < deadline {
        if try_execute(&options, "SELECT 1").is_ok() {
            return true;
        }
        if process.wait(POLL).is_some() {
            return false;
        }
    }
    false
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .port()
}

/// The programs of the newest PostgreSQL on this machine that is new enough.
fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")));
    debian
        .chain(env::split_paths(&path))
        .filter(|folder| folder.join("initdb").exists())
        .filter_map(|folder| Some((version(&folder)?, folder)))
        .filter(|(version, _)| *version >= OLDEST_VERSION)
        .max()
        .map(|(_, folder)| folder)
}

/// The major version, from a line such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version(programs: &Path) -> Option<u32> {
    let output = Command::new(programs.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    let number = line.split_whitespace().nth(2)?;
    number
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command that runs without root's privileges.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.current_dir("/").env("LC_ALL", "C");
    if is_root() {
        command.uid(UNPRIVILEGED_ID).gid(UNPRIVILEGED_ID);
    }
    command
}

/// Gives a folder to whoever the server runs as.
fn give(folder: &Path) {
    if is_root() {
        std::os::unix::fs::chown(folder, Some(UNPRIVILEGED_ID), Some(UNPRIVILEGED_ID))
            .expect("root can give folders away");
    }
}

/// The programs themselves where the server's user can run them, else a copy in `folder`.
fn reachable(programs: PathBuf, folder: &Path) -> PathBuf {
    let runs = unprivileged(&programs.join("initdb"))
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if runs.is_ok_and(|status| status.success()) {
        return programs;
    }
    let installation = programs
        .parent()
        .expect("the programs stand in a folder of the installation");
    let copy = folder.join("programs");
    run(Command::new("cp").arg("-R").arg(installation).arg(&copy));
    run(Command::new("chmod").args(["-R", "a+rX"]).arg(&copy));
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .expect("the folder is this process's own");
    copy.join("bin")
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_serves_where_the_machine_has_none() {
        let mut server = Server::start_from(wheel::postgres(), Path::new("/tmp"), &[]);
        let database = server.database();
        database.execute("CREATE TABLE kept (a int); INSERT INTO kept VALUES (1)");
        server.restart();
        database.execute("SELECT 1 / count(*) FROM kept");
        let folder = server.folder.path().to_owned();
        drop(server);
        assert!(!folder.exists());
    }
}
