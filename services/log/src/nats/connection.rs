//! A connection that comes back by itself.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, ServerAddr, connection::State};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;

/// Messages that one subscription holds before further ones are dropped; whoever sent them sends them again.
const SUBSCRIPTION_MESSAGES: usize = 8_192;
/// Messages that wait to be written.
const OUTGOING_MESSAGES: usize = 2_048;
const SHORTEST_DELAY_MS: u64 = 20;
const LONGEST_DELAY_MS: u64 = 1_000;
/// A server that says nothing for twice this long is taken for gone.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// One attempt to connect, with its handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How to connect.
#[derive(Clone, Debug, Default)]
pub struct NatsOptions {
    /// Name of this client in the lists of the server.
    pub name: String,
    /// File with credentials (JWT and seed), as `nsc` writes it.
    pub credentials_file: Option<PathBuf>,
}

/// Why no connection can ever be made.
#[derive(Debug, thiserror::Error)]
pub enum NatsConnectError {
    /// The URL is none.
    #[error("{url:?} is no address of NATS servers, such as nats://HOST:4222: {reason}")]
    Url {
        /// The URL, without a password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The credentials can't be used.
    #[error("the NATS credentials in {} can't be used: {reason}", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: std::io::Error,
    },
}

/// Whether the connection stands, and how often it has been made and has broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub up: bool,
    pub made: u64,
    pub broken: u64,
}

/// A connection to NATS, shared by all of its clones. It is made in the background and made again whenever it breaks.
#[derive(Clone, Debug)]
pub struct NatsConnection {
    client: Client,
    link: watch::Receiver<Link>,
    at: Arc<str>,
}

impl NatsConnection {
    /// Connects to `url`, `nats://USER:PASSWORD@HOST:PORT` or several with commas between them; the user of the first
    /// one that names any is the user for all. It returns before the connection
    /// stands, and also where no server answers: that is tried again for ever, and said in the log. To be called on a
    /// tokio runtime.
    pub async fn connect(url: &str, options: NatsOptions) -> Result<Self, NatsConnectError> {
        let servers = addresses(url)?;
        let at: Arc<str> = shown(&servers).into();
        let (announce, link) = watch::channel(Link::default());
        let log = Arc::new(EventLog::new(Arc::clone(&at), announce));
        let connect = ConnectOptions::new()
            .name(options.name)
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(delay)
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .subscription_capacity(SUBSCRIPTION_MESSAGES)
            .client_capacity(OUTGOING_MESSAGES)
            .event_callback(move |event| {
                log.note(&event);
                std::future::ready(())
            });
        let connect = authenticate(connect, &servers);
        let connect = match options.credentials_file {
            None => connect,
            Some(path) => connect
                .credentials_file(&path)
                .await
                .map_err(|reason| NatsConnectError::Credentials { path, reason })?,
        };
        let client = connect.connect(servers).await;
        let client = client.map_err(|error| NatsConnectError::Url {
            url: at.to_string(),
            reason: error.to_string(),
        })?;
        Ok(Self { client, link, at })
    }

    /// The servers, without a password.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Whether it stands now.
    pub fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Changes whenever the connection breaks or stands again.
    pub(crate) fn watch(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Ends when the connection stands.
    pub(crate) async fn wait_until_up(&self) {
        // The state is a little ahead of what is announced.
        if self.is_up() {
            return;
        }
        let mut link = self.watch();
        if link.wait_for(|link| link.up).await.is_err() {
            // The client has ended, which it does with its last clone only.
            std::future::pending::<()>().await;
        }
    }
}

fn addresses(url: &str) -> Result<Vec<ServerAddr>, NatsConnectError> {
    let parsed = url.split(',').map(|one| {
        let one = one.trim();
        let refused = |reason: String| NatsConnectError::Url {
            // What can't be parsed may hold a password anywhere before its last `@`.
            url: one.rsplit('@').next().unwrap_or_default().to_owned(),
            reason,
        };
        let address = one.parse::<ServerAddr>();
        let address = address.map_err(|error| refused(error.to_string()))?;
        if address.host().is_empty() {
            return Err(refused("it names no host".to_owned()));
        }
        let scheme = address.clone().into_inner().scheme().to_owned();
        if !["nats", "tls"].contains(&scheme.as_str()) {
            return Err(refused(format!("the scheme {scheme} is not served")));
        }
        Ok(address)
    });
    parsed.collect()
}

/// The client takes no user from a URL by itself. A user without a password is a token.
fn authenticate(connect: ConnectOptions, servers: &[ServerAddr]) -> ConnectOptions {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let stated = servers.iter().find_map(|server| {
        let user = server.username()?;
        Some((decoded(user), server.password().map(decoded)))
    });
    match stated {
        None => connect,
        Some((user, Some(password))) => connect.user_and_password(user, password),
        Some((token, None)) => connect.token(token),
    }
}

fn shown(servers: &[ServerAddr]) -> String {
    let one = |server: &ServerAddr| {
        let url = server.clone().into_inner();
        format!("{}://{}:{}", url.scheme(), server.host(), server.port())
    };
    servers.iter().map(one).collect::<Vec<_>>().join(",")
}

fn delay(attempts: usize) -> Duration {
    if attempts <= 1 {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(attempts - 2).unwrap_or(u32::MAX).min(16);
    let delay_ms = SHORTEST_DELAY_MS
        .saturating_mul(1 << doublings)
        .min(LONGEST_DELAY_MS);
    Duration::from_millis(delay_ms)
}

/// Tells the log what happens to the connection, each thing once.
struct EventLog {
    at: Arc<str>,
    announce: watch::Sender<Link>,
    last_failure: Mutex<String>,
}

impl EventLog {
    fn new(at: Arc<str>, announce: watch::Sender<Link>) -> Self {
        Self {
            at,
            announce,
            last_failure: Mutex::default(),
        }
    }

    fn note(&self, event: &Event) {
        let nats = &*self.at;
        match event {
            Event::Connected => {
                self.announce.send_modify(|link| {
                    link.up = true;
                    link.made += 1;
                });
                self.failure().clear();
                tracing::info!(nats, "connected to nats");
            }
            Event::Disconnected => {
                self.announce.send_modify(|link| {
                    link.up = false;
                    link.broken += 1;
                });
                tracing::warn!(nats, "connection to nats broke; connecting again");
            }
            Event::SlowConsumer(_) => {
                tracing::warn!(
                    nats,
                    "more came over nats than was taken; some of it was dropped"
                );
            }
            Event::LameDuckMode => tracing::info!(nats, "nats-server is about to stop"),
            Event::ServerError(error) => {
                tracing::warn!(nats, %error, "nats-server refused something");
            }
            Event::ClientError(error) => {
                let error = error.to_string();
                let mut last = self.failure();
                if *last != error {
                    tracing::warn!(nats, error, "nats can't be reached; trying again and again");
                    *last = error;
                }
            }
            Event::Draining | Event::Closed => {}
        }
    }

    fn failure(&self) -> std::sync::MutexGuard<'_, String> {
        self.last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_never_shown() {
        let url = "nats://user:secret@127.0.0.1:1,tls://127.0.0.1:2";
        let connection = NatsConnection::connect(url, NatsOptions::default());
        let connection = connection.await.unwrap();
        assert_eq!(connection.at(), "nats://127.0.0.1:1,tls://127.0.0.1:2");
        for url in [
            "",
            "http://user:secret@host",
            "nats://user:secret@:x",
            "nats://",
        ] {
            let refused = NatsConnection::connect(url, NatsOptions::default()).await;
            let Err(refused) = refused else {
                panic!("{url:?} was taken");
            };
            let message = refused.to_string();
            assert!(!message.contains("secret"), "{message}");
            assert!(message.contains("nats://HOST:4222"), "{message}");
        }
    }

    #[tokio::test]
    async fn credentials_that_are_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let garbage = folder.path().join("garbage.creds");
        std::fs::write(&garbage, "garbage").unwrap();
        for path in [garbage, folder.path().join("missing.creds")] {
            let options = NatsOptions {
                credentials_file: Some(path.clone()),
                ..NatsOptions::default()
            };
            let refused = NatsConnection::connect("nats://127.0.0.1:1", options).await;
            let message = refused.unwrap_err().to_string();
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
    }

    #[test]
    fn delays_grow_to_a_bound() {
        assert_eq!(delay(1), Duration::ZERO);
        assert_eq!(delay(2), Duration::from_millis(20));
        assert_eq!(delay(3), Duration::from_millis(40));
        assert_eq!(delay(usize::MAX), Duration::from_secs(1));
    }
}
