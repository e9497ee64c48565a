//! A node: log, services, views and page in one process, or some of them.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use keruen_edge::{Desk, DeskOptions, SnapshotOptions};
use keruen_inventory::{AssetEndpoint, InventoryEndpoint};
use keruen_log::{
    Bounds, DEFAULT_MIN_FREE_BYTES, EventEndpoint, FileLock, Log, Transcoder,
    checkpoint::{CheckpointKey, KeyFile},
};
use keruen_projections::{
    ProjectionEndpoint, ReportEndpoint, Status as ViewStatus, StockEndpoint, TellStanding,
    ViewOptions, Views,
};
use keruen_proto::{
    Event, FILE_DESCRIPTOR_SET, events::v1::event_service_server::EventServiceServer,
    log::v1::RelayHealth, projections::v1::projection_service_server::ProjectionServiceServer,
    reports::v1::report_service_server::ReportServiceServer,
    requests::v1::request_service_client::RequestServiceClient,
    stock::v1::stock_service_server::StockServiceServer,
};
use keruen_registry::RegistryEndpoint;
use keruen_requests::{
    EmergencyEndpoint, PlanEndpoint, RequestEndpoint,
    clock::{self, ClockOptions, Deadlines},
};
use keruen_shipments::{CustodyEndpoint, ShipmentEndpoint, TripEndpoint};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tonic::{
    server::NamedService,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{
    folder,
    messaging::{Messaging, NatsArgs, report_relay},
    roles::{Role, Roles},
    signer::{self, SIGNER_HEALTH_SERVICE},
    store::{Store, StoredLog},
};
use crate::{cli::DEFAULT_SERVER, client::value};

/// Name of the file that holds the key for checkpoints.
pub const KEY_FILE_NAME: &str = "checkpoint.key";
/// The largest request that a service takes, in bytes.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Calls under way on one connection.
const MAX_CALLS_PER_CONNECTION: usize = 256;
/// Folder of the snapshots of long boundaries, within that of the store.
pub const SNAPSHOT_FOLDER: &str = "snapshots";
/// Folder of what the clocks stand at, within that of the snapshots.
const CLOCK_FOLDER: &str = "clocks";
/// What a health check asks for to learn whether the node writes the log: serving on the one that does, not serving on
/// a standby.
pub const WRITER_HEALTH_SERVICE: &str = "keruen.log.writer";
/// How often is looked whether something is overdue.
pub const LOOK_EVERY: Duration = Duration::from_secs(30);
/// What a health check asks for, with a dot and the name of a view, to learn whether that answers and follows the log: not
/// serving while it is built, parked or failing.
pub const VIEW_HEALTH_SERVICE: &str = "keruen.view";
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
                Some(options.store.views(ViewOptions::default()).await?)
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

/// The sockets of the gRPC services and of the page, as far as the roles ask for them.
async fn listeners(
    options: &NodeOptions,
) -> anyhow::Result<(Option<TcpListener>, Option<TcpListener>)> {
    let NodeOptions {
        grpc_addr,
        http_addr,
        insecure_no_auth,
        ..
    } = *options;
    let has_grpc = options.roles.need_log();
    let has_page = options.roles.has(Role::Gateway);
    if has_grpc {
        refuse_open_address("--grpc-addr", grpc_addr, insecure_no_auth)?;
    }
    if has_page {
        refuse_open_address("--http-addr", http_addr, insecure_no_auth)?;
    }
    if has_grpc && has_page && grpc_addr == http_addr && grpc_addr.port() != 0 {
        bail!("--grpc-addr and --http-addr are both {grpc_addr}; each needs a port of its own");
    }
    let mut listeners = (None, None);
    if has_grpc {
        listeners.0 = Some(listen("--grpc-addr", grpc_addr).await?);
    }
    if has_page {
        listeners.1 = Some(listen("--http-addr", http_addr).await?);
    }
    Ok(listeners)
}

fn address(listener: Option<&TcpListener>) -> anyhow::Result<Option<SocketAddr>> {
    listener
        .map(TcpListener::local_addr)
        .transpose()
        .context("a socket has no address")
}

/// The gRPC services of a node.
struct Services {
    roles: Roles,
    desk: Arc<Desk>,
    log: Arc<dyn Log>,
    views: Option<Arc<Views>>,
    checkpoint_key: Option<CheckpointKey>,
    /// Whether the key is that of the node that writes the log; `None` where there is only one node.
    signer: Option<watch::Receiver<bool>>,
}

impl Services {
    fn new(options: &NodeOptions, log: Arc<dyn Log>, views: Option<&Arc<Views>>) -> Self {
        let mut desk = DeskOptions::new(&options.node);
        if options.snapshots {
            let folder = options.store.folder().join(SNAPSHOT_FOLDER);
            desk.snapshots = Some(SnapshotOptions::new(folder));
        }
        Self {
            roles: options.roles.clone(),
            desk: Arc::new(Desk::new(Arc::clone(&log), desk)),
            log,
            views: views.cloned(),
            checkpoint_key: None,
            signer: None,
        }
    }

    async fn serve(
        self,
        listener: TcpListener,
        leads: watch::Receiver<bool>,
        relay: Option<watch::Receiver<RelayHealth>>,
        stopped: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        macro_rules! bounded {
            ($service:expr) => {
                $service.max_decoding_message_size(MAX_REQUEST_BYTES)
            };
        }
        macro_rules! of_role {
            ($role:ident, $endpoint:ident) => {
                self.roles
                    .has(Role::$role)
                    .then(|| bounded!($endpoint::service(Arc::clone(&self.desk))))
            };
        }
        let registry = of_role!(Registry, RegistryEndpoint);
        let inventory = of_role!(Inventory, InventoryEndpoint);
        let assets = of_role!(Inventory, AssetEndpoint);
        let stock = self
            .views
            .clone()
            .map(|views| StockEndpoint::new(views, Arc::clone(&self.log)));
        let asked = stock.clone().map(|it| Arc::new(it) as _);
        let shipments = self
            .roles
            .has(Role::Shipments)
            .then(|| bounded!(ShipmentEndpoint::service(Arc::clone(&self.desk), asked)));
        let custody = of_role!(Shipments, CustodyEndpoint);
        let trips = of_role!(Shipments, TripEndpoint);
        let requests = of_role!(Requests, RequestEndpoint);
        let plans = of_role!(Requests, PlanEndpoint);
        let emergencies = of_role!(Requests, EmergencyEndpoint);
        let projections = self.views.as_ref().map(|views| {
            let endpoint = ProjectionEndpoint::new(Arc::clone(views), Arc::clone(&self.log));
            bounded!(ProjectionServiceServer::new(endpoint))
        });
        let views = self.views.clone();
        let reports = stock.clone().map(ReportEndpoint::new);
        let reports = reports.map(|it| bounded!(ReportServiceServer::new(it)));
        let reports = reports.map(|it| TellStanding::new(it, &*self.log));
        let stock = stock.map(|endpoint| bounded!(StockServiceServer::new(endpoint)));
        let stock = stock.map(|it| TellStanding::new(it, &*self.log));
        let mut following = EventEndpoint::new(Arc::clone(&self.log));
        if let Some(key) = self.checkpoint_key {
            following = following.signed_by(key);
        }
        let events = bounded!(EventServiceServer::new(following.clone()));

        let (reporter, health) = tonic_health::server::health_reporter();
        macro_rules! serving {
            ($($service:ident)*) => {$(report_serving(&reporter, $service.as_ref()).await;)*};
        }
        serving!(registry inventory assets shipments custody trips requests plans emergencies stock reports projections);
        report_serving(&reporter, Some(&events)).await;
        if let Some(relay) = relay {
            tokio::spawn(report_relay(reporter.clone(), relay));
        }
        for (name, standing) in views.iter().flat_map(|views| views.watch()) {
            tokio::spawn(report_view(reporter.clone(), name, standing));
        }
        if let Some(fits) = self.signer {
            tokio::spawn(report_as(reporter.clone(), SIGNER_HEALTH_SERVICE, fits));
        }
        tokio::spawn(report_as(reporter, WRITER_HEALTH_SERVICE, leads));
        Server::builder()
            .concurrency_limit_per_connection(MAX_CALLS_PER_CONNECTION)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .add_service(health)
            .add_service(
                reflection()
                    .build_v1()
                    .context("the schema can't be reflected")?,
            )
            .add_service(
                reflection()
                    .build_v1alpha()
                    .context("the schema can't be reflected")?,
            )
            .add_optional_service(registry)
            .add_optional_service(inventory)
            .add_optional_service(assets)
            .add_optional_service(shipments)
            .add_optional_service(custody)
            .add_optional_service(trips)
            .add_optional_service(requests)
            .add_optional_service(plans)
            .add_optional_service(emergencies)
            .add_optional_service(stock)
            .add_optional_service(reports)
            .add_optional_service(projections)
            .add_service(events)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                async move {
                    wait_for(stopped).await;
                    // Subscriptions never end by themselves; the server waits only for calls that do.
                    following.stop();
                },
            )
            .await
            .context("the gRPC server failed")
    }
}

/// The schema of all services, for whoever asks the node for it.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // Without it a client without files could not read the details of a refusal.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}

/// Tells health checks whether a service answers here.
async fn report_serving<S: NamedService>(reporter: &HealthReporter, service: Option<&S>) {
    match service {
        Some(_) => reporter.set_serving::<S>().await,
        None => reporter.set_not_serving::<S>().await,
    }
}

/// Tells health checks whether something is so, as if that were a service.
async fn report_as(
    reporter: HealthReporter,
    service: &'static str,
    mut is_so: watch::Receiver<bool>,
) {
    loop {
        let status = if *is_so.borrow_and_update() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        reporter.set_service_status(service, status).await;
        if is_so.changed().await.is_err() {
            return;
        }
    }
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

/// Tells health checks whether a view answers and follows the log, as if that were a service.
async fn report_view(
    reporter: HealthReporter,
    name: &'static str,
    mut standing: watch::Receiver<ViewStatus>,
) {
    let service = format!("{VIEW_HEALTH_SERVICE}.{name}");
    let mut told = None;
    loop {
        let is_fit = {
            let standing = standing.borrow_and_update();
            standing.ready && standing.parked.is_none() && standing.failure.is_none()
        };
        if told != Some(is_fit) {
            told = Some(is_fit);
            let status = if is_fit {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            reporter.set_service_status(&service, status).await;
        }
        if standing.changed().await.is_err() {
            return;
        }
    }
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

/// Where a server that listens on an address can be reached from this machine.
fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            (std::net::Ipv6Addr::LOCALHOST, v6.port()).into()
        }
        other => other,
    }
}

/// The log refuses what a client could not read later: events of unknown types, or whose JSON would be too large.
fn transcoder() -> Transcoder {
    Arc::new(|type_name, data| {
        let event = Event::decode(type_name, data).map_err(|error| error.to_string())?;
        let json = event.to_json().map_err(|error| error.to_string())?;
        Ok(json.to_string().len())
    })
}

fn refuse_open_address(option: &str, addr: SocketAddr, insecure: bool) -> anyhow::Result<()> {
    if addr.ip().is_loopback() || insecure {
        return Ok(());
    }
    bail!(
        "{option} {addr}: other machines reach this address, and there is no access control yet: whoever reaches it \
         could do everything in anybody's name. Take a loopback address such as 127.0.0.1:{port}, or say \
         --insecure-no-auth if the network itself keeps others out",
        port = addr.port()
    )
}

async fn listen(option: &str, addr: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{option} {addr}: the port is in use by another program, perhaps another node. Stop it, or take another \
             port: {option} {ip}:0 takes any free one",
            ip = addr.ip()
        ),
        _ => anyhow::anyhow!("{option} {addr}: can't listen there: {error}"),
    })
}

/// Ends when the node is asked to stop.
async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // An error means that the node is gone, which is a reason to stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
