//! A node: log, services, views and page in one process, or some of them.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use keruen_edge::SnapshotOptions;
use keruen_log::{
    Bounds, DEFAULT_MIN_FREE_BYTES, FileLock, Log, Transcoder,
    checkpoint::{CheckpointKey, KeyFile},
};
use keruen_projections::ViewOptions;
use keruen_proto::{Event, requests::v1::request_service_client::RequestServiceClient};
use keruen_requests::clock::{self, ClockOptions, Deadlines};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tonic::transport::Endpoint;

use super::{
    folder,
    messaging::{Messaging, NatsArgs},
    roles::{Role, Roles},
    services::Services,
    signer,
    sockets::{address, listeners, reachable},
    store::{Store, StoredLog},
};
use crate::{cli::DEFAULT_SERVER, client::value};

/// Name of the file that holds the key for checkpoints.
pub const KEY_FILE_NAME: &str = "checkpoint.key";
/// Folder of the snapshots of long boundaries, within that of the store.
pub const SNAPSHOT_FOLDER: &str = "snapshots";
/// Folder of what the clocks stand at, within that of the snapshots.
const CLOCK_FOLDER: &str = "clocks";
/// How often is looked whether something is overdue.
pub const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long a stopping node waits for what is under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a node answers, and where it keeps its data.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Where the data is.
    pub store: Store,
    /// Address of the gRPC services.
    pub grpc_addr: SocketAddr,
    /// Address of the web page.
    pub http_addr: SocketAddr,
    /// Name of the node.
    pub node: String,
    /// File of the key that signs checkpoints, which must be there. `None` keeps one in the folder of the store, where this
    /// process has the role of the log; other processes then sign none.
    pub checkpoint_key: Option<PathBuf>,
    /// Name of that key; `None` takes the log's own.
    pub checkpoint_name: Option<String>,
    /// Also answer on addresses that other machines reach.
    pub insecure_no_auth: bool,
    /// Bytes that stay free on the disk of a log in a file: below that, nothing is recorded.
    pub min_free_bytes: u64,
    /// What it does.
    pub roles: Roles,
    /// Where NATS is, if it is used.
    pub nats: NatsArgs,
    /// Address of the gRPC services that the page asks where this process doesn't have them.
    pub server: String,
    /// How much the log takes at most.
    pub bounds: Bounds,
    /// After what time those on duty are called.
    pub deadlines: Deadlines,
    /// How often is looked whether something is overdue.
    pub look_every: Duration,
    /// Keep the state of long boundaries in files, so that the first command on each after a start is as fast as others.
    pub snapshots: bool,
}

impl NodeOptions {
    /// A node that keeps its data in `store` and answers on any free loopback ports.
    pub fn new(store: Store) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            store,
            grpc_addr: loopback,
            http_addr: loopback,
            node: "hub".to_owned(),
            checkpoint_key: None,
            checkpoint_name: None,
            insecure_no_auth: false,
            min_free_bytes: DEFAULT_MIN_FREE_BYTES,
            roles: Roles::all(),
            nats: NatsArgs::default(),
            server: DEFAULT_SERVER.to_owned(),
            bounds: Bounds::default(),
            deadlines: Deadlines::default(),
            look_every: LOOK_EVERY,
            snapshots: true,
        }
    }
}

/// A running node.
pub struct Node {
    grpc_addr: Option<SocketAddr>,
    http_addr: Option<SocketAddr>,
    store: Store,
    log: Option<StoredLog>,
    messaging: Messaging,
    stop: watch::Sender<bool>,
    tasks: JoinSet<anyhow::Result<()>>,
    // Dropped last.
    _folder_lock: Option<FileLock>,
}

impl Node {
    /// Starts everything that the roles ask for. When it returns, the node answers.
    pub async fn start(options: NodeOptions) -> anyhow::Result<Self> {
        let roles = &options.roles;
        roles.check(&options.store, options.nats.nats_url.is_some())?;
        // Addresses first: a second node on the same machine should hear of the port, not of the store.
        let (grpc, http) = listeners(&options).await?;
        let (grpc_addr, http_addr) = (address(grpc.as_ref())?, address(http.as_ref())?);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (mut log, mut messaging, mut folder_lock) = (None, Messaging::default(), None);
        if let Some(listener) = grpc {
            folder_lock = folder::take(&options.store)?;
            let opened = open_log(&options).await?;
            folder::check(&options.store, &opened.shared().head().await?.log_id)?;
            let checkpoint_key = checkpoint_key(&options, &opened).await?;
            messaging = Messaging::start(&options.nats, roles, &options.node, &opened).await?;
            let views = if roles.has(Role::Projections) {
                let view_options = ViewOptions {
                    min_free_bytes: options.min_free_bytes,
                    node: options.node.clone(),
                    ..ViewOptions::default()
                };
                Some(options.store.views(view_options).await?)
            } else {
                None
            };
            let mut services =
                Services::new(&options, messaging.log_of_services(&opened), views.as_ref());
            if let (Some(key), Some(log)) = (&checkpoint_key, opened.on_server()) {
                let verifier_key = key.verifier_key().to_string();
                let (tell_fits, fits) = watch::channel(true);
                services.signer = Some(fits);
                let watching =
                    signer::watch(Arc::clone(log), verifier_key, tell_fits, stopped.clone());
                tasks.spawn(async move {
                    watching.await;
                    Ok(())
                });
            }
            services.checkpoint_key = checkpoint_key;
            let relay = messaging.relay_health();
            tasks.spawn(services.serve(listener, opened.leads(), relay, stopped.clone()));
            if let Some(views) = views {
                let following = views.run(opened.shared());
                let stopped = stopped.clone();
                tasks.spawn(async move {
                    wait_for(stopped).await;
                    following.stop().await;
                    Ok(())
                });
            }
            if roles.has(Role::Clocks) {
                let running = run_clocks(&options, grpc_addr, opened.shared(), stopped.clone())?;
                tasks.spawn(running);
            }
            log = Some(opened);
        }
        if let Some(listener) = http {
            let server = match grpc_addr {
                Some(addr) if roles.answer_the_page() => format!("http://{}", reachable(addr)),
                _ => value::server(&options.server),
            };
            tasks.spawn(serve_pages(server, listener, stopped));
        }
        tracing::info!(
            %roles,
            grpc_addr = grpc_addr.map(tracing::field::display),
            http_addr = http_addr.map(tracing::field::display),
            store = log.as_ref().map(|_| tracing::field::display(&options.store)),
            "node is ready"
        );
        Ok(Self {
            grpc_addr,
            http_addr,
            store: options.store,
            log,
            messaging,
            stop,
            tasks,
            _folder_lock: folder_lock,
        })
    }

    /// Address of the gRPC services; a process that only has the page serves none.
    pub fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc_addr
    }

    /// Address of the web page, if this process has it.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http_addr
    }

    /// Where the data is.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The node that writes the log, where this one stands by and knows it.
    pub fn other_writer(&self) -> Option<String> {
        self.log.as_ref()?.other_writer()
    }

    /// Ends only if a part of the node ends by itself, which none should: the node must not go on without it.
    pub async fn failed(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => anyhow::Error::new(error).context("a part of the node broke down"),
            Some(Ok(Ok(()))) | None => anyhow::anyhow!("a part of the node ended by itself"),
        }
    }

    /// Answers what is under way, then stops.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        let all = async {
            while let Some(task) = self.tasks.join_next().await {
                task.context("a part of the node broke down")??;
            }
            anyhow::Ok(())
        };
        if let Ok(result) = tokio::time::timeout(STOP_TIMEOUT, all).await {
            result?;
        } else {
            tracing::warn!("calls that took too long were broken off");
        }
        self.messaging.stop().await;
        if let Some(log) = self.log {
            log.close();
        }
        Ok(())
    }
}

/// Opens the log as the roles need it.
async fn open_log(options: &NodeOptions) -> anyhow::Result<StoredLog> {
    if !options.roles.has(Role::Log) {
        return options.store.open_to_read().await;
    }
    // A folder or a key that does not fit stops this process before it takes the log over from another one.
    if let Some(log) = options.store.look().await {
        folder::check(&options.store, &log.shared().head().await?.log_id)?;
        checkpoint_key(options, &log).await?;
        log.close();
    }
    options
        .store
        .open(
            &options.node,
            transcoder(),
            options.min_free_bytes,
            options.bounds,
        )
        .await
}

/// The key that signs checkpoints of the log, if this process signs any.
async fn checkpoint_key(
    options: &NodeOptions,
    log: &StoredLog,
) -> anyhow::Result<Option<CheckpointKey>> {
    let file = match &options.checkpoint_key {
        Some(path) => KeyFile::Named(path.clone()),
        // One that is made here would be another one than that of the process which has the log.
        None if !options.roles.has(Role::Log) => return Ok(None),
        None => KeyFile::Kept(options.store.folder().join(KEY_FILE_NAME)),
    };
    let head = log.shared().head().await?;
    let is_made = matches!(&file, KeyFile::Kept(path) if !path.exists());
    let key = file.load(&head.log_id, options.checkpoint_name.as_deref())?;
    if is_made && head.position > 0 {
        tracing::warn!(
            folder = %options.store.folder().display(),
            verifier_key = %key.verifier_key(),
            "made a new checkpoint key for a log that has events: auditors know another one. Copy checkpoint.key here from \
             the node that has written the log so far, before this one writes it"
        );
    }
    Ok(Some(key))
}

/// Calls those on duty through the service of requests: this process's own, or that at `--server`.
fn run_clocks(
    options: &NodeOptions,
    grpc_addr: Option<SocketAddr>,
    log: Arc<dyn Log>,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<impl Future<Output = anyhow::Result<()>> + use<>> {
    let server = match grpc_addr {
        Some(addr) if options.roles.has(Role::Requests) => format!("http://{}", reachable(addr)),
        _ => value::server(&options.server),
    };
    let channel = Endpoint::from_shared(server.clone())
        .with_context(|| format!("--server {server}: this is no address to connect to"))?
        .connect_timeout(Duration::from_secs(5))
        .connect_lazy();
    let clocks = ClockOptions {
        deadlines: options.deadlines.clone(),
        look_every: options.look_every,
        snapshots: options.snapshots.then(|| {
            let folder = options
                .store
                .folder()
                .join(SNAPSHOT_FOLDER)
                .join(CLOCK_FOLDER);
            SnapshotOptions::new(folder)
        }),
    };
    Ok(async move {
        let service = RequestServiceClient::new(channel);
        clock::run(log, service, clocks, stopped).await;
        Ok(())
    })
}

async fn serve_pages(
    server: String,
    listener: TcpListener,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let channel = Endpoint::from_shared(server.clone())
        .with_context(|| format!("--server {server}: this is no address to connect to"))?
        .connect_timeout(Duration::from_secs(5))
        .connect_lazy();
    let router = keruen_gateway::router(
        channel,
        keruen_gateway::Options {
            stop: Some(stopped.clone()),
            ..keruen_gateway::Options::default()
        },
    );
    axum::serve(listener, router)
        .with_graceful_shutdown(wait_for(stopped))
        .await
        .context("the web server failed")
}

/// The log refuses what a client could not read later: events of unknown types, or whose JSON would be too large.
fn transcoder() -> Transcoder {
    Arc::new(|type_name, data| {
        let event = Event::decode(type_name, data).map_err(|error| error.to_string())?;
        let json = event.to_json().map_err(|error| error.to_string())?;
        Ok(json.to_string().len())
    })
}

/// Ends when the node is asked to stop.
pub async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // An error means that the node is gone, which is a reason to stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
