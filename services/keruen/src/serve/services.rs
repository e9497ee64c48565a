//! The gRPC services of a node, and what health checks are told of it.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use keruen_edge::{Desk, DeskOptions, SnapshotOptions};
use keruen_inventory::{AssetEndpoint, InventoryEndpoint};
use keruen_log::{EventEndpoint, Log, checkpoint::CheckpointKey};
use keruen_projections::{
    ProjectionEndpoint, ReportEndpoint, Status as ViewStatus, StockEndpoint, TellStanding, Views,
};
use keruen_proto::{
    FILE_DESCRIPTOR_SET, events::v1::event_service_server::EventServiceServer,
    log::v1::RelayHealth, projections::v1::projection_service_server::ProjectionServiceServer,
    reports::v1::report_service_server::ReportServiceServer,
    stock::v1::stock_service_server::StockServiceServer,
};
use keruen_registry::RegistryEndpoint;
use keruen_requests::{EmergencyEndpoint, PlanEndpoint, RequestEndpoint};
use keruen_shipments::{CustodyEndpoint, ShipmentEndpoint, TripEndpoint};
use tokio::{net::TcpListener, sync::watch};
use tonic::{
    server::NamedService,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{
    messaging::report_relay,
    node::{NodeOptions, SNAPSHOT_FOLDER, wait_for},
    roles::{Role, Roles},
    signer::SIGNER_HEALTH_SERVICE,
};

/// The largest request that a service takes, in bytes.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Calls under way on one connection.
const MAX_CALLS_PER_CONNECTION: usize = 256;
/// What a health check asks for to learn whether the node writes the log: serving on the one that does, not serving on
/// a standby.
pub const WRITER_HEALTH_SERVICE: &str = "keruen.log.writer";
/// What a health check asks for, with a dot and the name of a view, to learn whether that answers and follows the log: not
/// serving while it is built, parked or failing.
pub const VIEW_HEALTH_SERVICE: &str = "keruen.view";

/// The gRPC services of a node.
pub struct Services {
    roles: Roles,
    desk: Arc<Desk>,
    log: Arc<dyn Log>,
    views: Option<Arc<Views>>,
    /// The key that signs checkpoints, if this process signs any.
    pub checkpoint_key: Option<CheckpointKey>,
    /// Whether the key is that of the node that writes the log; `None` where there is only one node.
    pub signer: Option<watch::Receiver<bool>>,
}

impl Services {
    /// Those that the roles ask for, on a log and its views.
    pub fn new(options: &NodeOptions, log: Arc<dyn Log>, views: Option<&Arc<Views>>) -> Self {
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

    /// Serves until the node stops.
    pub async fn serve(
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
