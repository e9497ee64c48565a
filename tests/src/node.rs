//! A node in a process of its own, as `keruen serve` runs it.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use keruen::serve::WRITER_HEALTH_SERVICE;
use rustix::process::Signal;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    process::Process,
    program::{self, Outcome},
};

/// A node is up, or down, long before this on any machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// What a node prints when everything serves.
const LAST_LINE: &str = "Stop with";
const POLL: Duration = Duration::from_millis(50);

/// A running node. Dropping it kills it.
pub struct Node {
    process: Process,
    grpc_url: String,
    http_url: String,
    data: PathBuf,
    stderr: Arc<Mutex<String>>,
    folder: Option<TempDir>,
}

impl Node {
    /// A node with a new, empty store that goes with it.
    pub async fn new() -> Self {
        let folder = TempDir::with_prefix("keruen-test-").expect("a temporary folder can be made");
        let mut node = Self::on(folder.path()).await;
        node.folder = Some(folder);
        node
    }

    /// A node on the store in `data`.
    pub async fn on(data: &Path) -> Self {
        let data_argument = data.as_os_str();
        let arguments = [OsStr::new("serve"), OsStr::new("--data"), data_argument];
        let anywhere = ["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"].map(OsStr::new);
        Self::start(
            &mut program::command(arguments.into_iter().chain(anywhere)),
            data,
        )
        .await
    }

    /// Starts a command that runs a node on the store in `data`, and waits until it serves.
    pub async fn start(command: &mut Command, data: &Path) -> Self {
        let mut process = Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
            .expect("the program under test starts");
        let stderr = Arc::new(Mutex::new(String::new()));
        let mut collected = Some(collect(
            process.child().stderr.take().expect("it is piped"),
            Arc::clone(&stderr),
        ));
        let (lines, printed) = mpsc::channel();
        let stdout = BufReader::new(process.child().stdout.take().expect("it is piped"));
        thread::spawn(move || {
            // Reads on when nobody listens any more: a full pipe would stop the node.
            for line in stdout.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        // A process that has only a part of the node has only some addresses; they come before the last line.
        let mut addresses = ["gRPC", "page"].map(|name| (name, String::new()));
        loop {
            match printed.recv_timeout(PATIENCE) {
                Ok(line) if line.starts_with(LAST_LINE) => break,
                Ok(line) => {
                    for (name, address) in &mut addresses {
                        if let Some(rest) = line.strip_prefix(*name) {
                            rest.trim().clone_into(address);
                        }
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let _ = collected.take().map(thread::JoinHandle::join);
                    panic!("the node ended at once:\n{}", text(&stderr));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("the node does not start:\n{}", text(&stderr))
                }
            }
        }
        let [(_, grpc_url), (_, http_url)] = addresses;
        let node = Self {
            process,
            grpc_url,
            http_url,
            data: data.to_owned(),
            stderr,
            folder: None,
        };
        if !node.grpc_url.is_empty() {
            node.wait_until_serving().await;
        }
        node
    }

    async fn wait_until_serving(&self) {
        self.wait_until("").await;
    }

    /// Waits until the node writes the log.
    pub async fn wait_until_writing(&self) {
        self.wait_until(WRITER_HEALTH_SERVICE).await;
    }

    async fn wait_until(&self, service: &str) {
        let asked = async {
            while !self.is_healthy(service).await {
                tokio::time::sleep(POLL).await;
            }
        };
        let served = tokio::time::timeout(PATIENCE, asked).await;
        assert!(
            served.is_ok(),
            "the node is not healthy:\n{}",
            self.stderr()
        );
    }

    /// Whether the node writes the log.
    pub async fn writes(&self) -> bool {
        self.is_healthy(WRITER_HEALTH_SERVICE).await
    }

    /// Whether a health check calls a service of the node healthy.
    pub async fn is_healthy(&self, service: &str) -> bool {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = HealthClient::new(self.channel()).check(request).await;
        answer.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving)
    }

    /// A connection to its gRPC services; made when it is first used.
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(self.grpc_url.clone())
            .expect("the node prints a URL")
            .connect_lazy()
    }

    /// Where its gRPC services are: `http://127.0.0.1:PORT`.
    pub fn grpc_url(&self) -> &str {
        &self.grpc_url
    }

    /// Where its page is: `http://127.0.0.1:PORT/`.
    pub fn http_url(&self) -> &str {
        &self.http_url
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The folder of its store.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Runs a verb of the command line against it.
    pub fn cli<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        program::output(program::command(arguments).env("KERUEN_SERVER", &self.grpc_url))
    }

    /// Pulls the plug.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ctrl-C: asks it to stop, and waits until it has.
    pub fn interrupt(&mut self) -> ExitStatus {
        self.process.signal(Signal::INT);
        match self.process.wait(PATIENCE) {
            Some(status) => status,
            None => panic!("the node does not stop:\n{}", self.stderr()),
        }
    }

    /// Pulls the plug and starts it again on the same store.
    pub async fn restart(&mut self) {
        self.kill();
        let folder = self.folder.take();
        let data = self.data.clone();
        *self = Self::on(&data).await;
        self.folder = folder;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "standard error of the node on {}:\n{}",
                self.data.display(),
                self.stderr()
            );
        }
    }
}

fn text(shared: &Mutex<String>) -> String {
    shared
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

fn collect(
    mut pipe: impl Read + Send + 'static,
    shared: Arc<Mutex<String>>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]);
            shared
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&text);
        }
    })
}
