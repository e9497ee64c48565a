//! A headless Chromium, driven through its debugging protocol.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::process::Process;

/// A page is there, or will never be, long before this on any machine.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(100);
/// Where programs of that name may be, best first.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// A browser with one page. Dropping it ends it.
pub struct Browser {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    last_id: u64,
    complaints: Vec<String>,
    _process: Process,
    // After the process, which writes into it until it ends.
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser with a new profile.
    pub async fn start() -> Self {
        let profile =
            TempDir::with_prefix("keruen-browser-").expect("a temporary folder can be made");
        let mut process = Process::spawn(
            Command::new(program())
                .args([
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--disable-dev-shm-usage",
                ])
                .args([
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                ])
                .args([
                    "--disable-sync",
                    "--disable-extensions",
                    "--remote-debugging-port=0",
                ])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .arg("about:blank")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped()),
        )
        .expect("the browser starts");
        let address = devtools_address(&mut process);
        let (socket, _) = connect_async(&address)
            .await
            .expect("the browser takes connections");
        let mut browser = Self {
            socket,
            session: String::new(),
            last_id: 0,
            complaints: Vec::new(),
            _process: process,
            _profile: profile,
        };
        let target = browser
            .command("Target.createTarget", json!({ "url": "about:blank" }))
            .await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.command("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"]
            .as_str()
            .expect("a session has an id")
            .to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser
                .command(&format!("{domain}.enable"), json!({}))
                .await;
        }
        browser
    }

    /// Turns JavaScript of pages off or on. [`Browser::evaluate`] works in either case.
    pub async fn allow_scripts(&mut self, allowed: bool) {
        self.command(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": !allowed }),
        )
        .await;
    }

    /// Sets the size of the window, in CSS pixels.
    pub async fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.command("Emulation.setDeviceMetricsOverride", size)
            .await;
    }

    /// Opens a page, other than the one that is open, and waits until its document is there.
    pub async fn open(&mut self, url: &str) {
        let opened = self.command("Page.navigate", json!({ "url": url })).await;
        assert!(opened.get("errorText").is_none(), "{url}: {opened}");
        let loaded = format!(
            "document.readyState === 'complete' && location.href === {}",
            Value::from(url)
        );
        self.wait_until(&loaded).await;
    }

    /// The value of a JavaScript expression in the page, as JSON.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let question =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.command("Runtime.evaluate", question).await;
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// Waits until a JavaScript expression is true.
    pub async fn wait_until(&mut self, expression: &str) {
        let polled = async {
            while self.evaluate(expression).await != Value::Bool(true) {
                tokio::time::sleep(POLL).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, polled).await.is_ok();
        assert!(came, "the page never came to this: {expression}");
    }

    /// What the page shows, as PNG in base64.
    pub async fn screenshot(&mut self) -> String {
        let taken = self
            .command("Page.captureScreenshot", json!({ "format": "png" }))
            .await;
        taken["data"]
            .as_str()
            .expect("a picture is text")
            .to_owned()
    }

    /// What the browser complained about so far: exceptions, errors on the console, failed loads.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    async fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = Value::from(self.session.clone());
        }
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .expect("the browser listens");
        loop {
            let received = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let received =
                received.unwrap_or_else(|_| panic!("the browser does not answer {method}"));
            let Message::Text(text) = received
                .expect("the browser runs")
                .expect("the browser answers")
            else {
                continue;
            };
            let mut answer: Value = serde_json::from_str(&text).expect("the browser speaks JSON");
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.note(&answer);
        }
    }

    fn note(&mut self, event: &Value) {
        let parameters = &event["params"];
        let is_complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => {
                matches!(parameters["type"].as_str(), Some("error" | "assert"))
            }
            Some("Log.entryAdded") => parameters["entry"]["level"] == "error",
            Some("Network.responseReceived") => parameters["response"]["status"]
                .as_u64()
                .is_some_and(|status| status >= 400),
            // Leaving a page ends its streams; that is no failure.
            Some("Network.loadingFailed") => parameters["canceled"] != true,
            _ => false,
        };
        if is_complaint {
            self.complaints.push(parameters.to_string());
        }
    }
}

/// The browser: named by `KERUEN_TEST_CHROMIUM`, or found on the path.
fn program() -> PathBuf {
    if let Some(named) = env::var_os("KERUEN_TEST_CHROMIUM") {
        return PathBuf::from(named);
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let candidates = NAMES
        .iter()
        .flat_map(|name| env::split_paths(&folders).map(move |folder| folder.join(name)));
    candidates.into_iter().find(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "this test needs Chromium and found none of {NAMES:?}; install it (Debian: apt-get install chromium) or \
             name its program in KERUEN_TEST_CHROMIUM"
        )
    })
}

/// Chromium prints where it listens: `DevTools listening on ws://127.0.0.1:PORT/devtools/browser/ID`.
fn devtools_address(process: &mut Process) -> String {
    let stderr = BufReader::new(process.child().stderr.take().expect("it is piped"));
    let (lines, printed) = mpsc::channel();
    thread::spawn(move || {
        // Reads on when nobody listens any more: a full pipe would stop the browser.
        for line in stderr.lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    let mut heard = String::new();
    loop {
        match printed.recv_timeout(PATIENCE) {
            Ok(line) => {
                if let Some(address) = line.strip_prefix("DevTools listening on ") {
                    return address.trim().to_owned();
                }
                heard.push_str(&line);
                heard.push('\n');
            }
            Err(error) => panic!("the browser does not start ({error}):\n{heard}"),
        }
    }
}
