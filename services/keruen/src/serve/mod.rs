//! `keruen serve`: runs the embedded node until it is told to stop.

mod folder;
mod messaging;
mod node;
mod roles;
mod services;
mod signer;
mod sockets;
mod store;
pub mod telemetry;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Args as ClapArgs, error::ErrorKind};
use keruen_log::Bounds;
use keruen_requests::clock::Deadlines;

use crate::{cli::Cli, client::value};

pub use messaging::{NatsArgs, RELAY_HEALTH_SERVICE};
pub use node::{KEY_FILE_NAME, Node, NodeOptions, SNAPSHOT_FOLDER};
pub use roles::{Role, Roles};
pub use services::WRITER_HEALTH_SERVICE;
pub use signer::SIGNER_HEALTH_SERVICE;
pub use store::{Store, is_postgres};

/// Where the node answers and where it keeps its data.
#[expect(
    clippy::doc_markdown,
    reason = "the comments are help texts, which show no markup"
)]
#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  keruen serve                                        keep the store at keruen-data/keruen.db
  keruen serve --data /srv/keruen                     keep it at /srv/keruen/keruen.db
  keruen serve --database-url postgres://keruen@db/keruen    keep the log on PostgreSQL
  keruen serve --grpc-addr 127.0.0.1:0 --http-addr 127.0.0.1:0    any free ports
  keruen serve --nats-url nats://127.0.0.1:4222       everything, and pass the log on to JetStream

Several processes on one PostgreSQL and one NATS:
  keruen serve --roles log,relay --grpc-addr 127.0.0.1:7470 \\
               --database-url postgres://log@db/keruen --nats-url nats://nats
  keruen serve --database-url postgres://reader@db/keruen \\
               --nats-url nats://nats --data keruen-views --roles \\
               inventory,shipments,requests,registry,projections,clocks
  keruen serve --roles gateway --server http://127.0.0.1:7460
Commands and questions go to the second; `log key`, `log checkpoint` and
`log verify` to the first, with --server http://127.0.0.1:7470.

The node prints its addresses. It stops on Ctrl-C or SIGTERM after it has answered what is under way. It can be killed \
at any time: every command that was answered is in the store.")]
pub struct Args {
    /// The store: sqlite://PATH of a file, which is created where there is none, or
    /// postgres://USER:PASSWORD@HOST:PORT/DATABASE (15 or newer). Where another node writes the log, this one stands
    /// by: it answers what is asked, and takes over within seconds when the other is gone.
    #[arg(
        long,
        env = "KERUEN_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,

    /// Folder of the embedded store; the same as --database-url sqlite://DIR/keruen.db. With postgres://, folder of the
    /// views [default: keruen-data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// What this process does. Without --nats-url, whoever records events must also have the role log. The role gateway
    /// asks the services at --server where they are not in the same process.
    #[arg(
        long,
        env = "KERUEN_ROLES",
        hide_env_values = true,
        value_enum,
        value_delimiter = ',',
        value_name = "ROLE,…",
        default_value = "all"
    )]
    roles: Vec<Role>,

    /// Address of the gRPC services; port 0 takes any free port.
    #[arg(
        long,
        env = "KERUEN_GRPC_ADDR",
        hide_env_values = true,
        value_name = "ADDR",
        value_parser = value::address,
        default_value = "127.0.0.1:7460"
    )]
    grpc_addr: SocketAddr,

    /// Address of the web page; port 0 takes any free port.
    #[arg(
        long,
        env = "KERUEN_HTTP_ADDR",
        hide_env_values = true,
        value_name = "ADDR",
        value_parser = value::address,
        default_value = "127.0.0.1:7461"
    )]
    http_addr: SocketAddr,

    /// Name of this node, recorded with every event that it is the first to record.
    #[arg(
        long,
        env = "KERUEN_NODE",
        hide_env_values = true,
        value_name = "NAME",
        default_value = "hub"
    )]
    node: String,

    /// File of the key that signs checkpoints of the log, PRIVATE+KEY+… [default: checkpoint.key in the folder of --data,
    /// which is made on the first start]. Nodes that take turns on one log share one key.
    #[arg(
        long,
        env = "KERUEN_CHECKPOINT_KEY",
        hide_env_values = true,
        value_name = "FILE"
    )]
    checkpoint_key: Option<PathBuf>,

    /// Name of that key, and so the origin of the checkpoints; a URL without scheme such as aid.example.org/hub
    /// [default: keruen.local/ and the id of the log].
    #[arg(
        long,
        env = "KERUEN_CHECKPOINT_NAME",
        hide_env_values = true,
        value_name = "NAME"
    )]
    checkpoint_name: Option<String>,

    /// Also answer on addresses that other machines reach. There is no access control yet: whoever reaches the
    /// address can do everything in anybody's name.
    #[arg(long)]
    insecure_no_auth: bool,

    /// Room that stays free on the disk of the embedded store, for example 64MiB or 2GiB: below it nothing is recorded
    /// and everything can still be read. 0 fills the disk.
    #[arg(
        long,
        env = "KERUEN_MIN_FREE_DISK",
        hide_env_values = true,
        value_name = "SIZE",
        value_parser = value::bytes,
        default_value = "64MiB"
    )]
    min_free_disk: u64,

    /// What the log takes at most, for example queue_appends=4096,data_bytes=16KiB; can be given several times.
    /// What may wait: queue_appends (1024), queue_bytes (64MiB). What one commit takes: group_appends (1024),
    /// group_events (4096), group_bytes (8MiB). What one append may have: append_events (1000), append_bytes (768KiB).
    /// What one event may have: data_bytes (64KiB), json_bytes (768KiB).
    #[arg(
        long,
        env = "KERUEN_BOUND",
        hide_env_values = true,
        value_name = "NAME=NUMBER",
        value_delimiter = ',',
        value_parser = bound,
        hide_short_help = true
    )]
    bound: Vec<(String, usize)>,

    /// After what time those on duty are called for a request, for example answer-stat=30m,repeat=4h; can be given several
    /// times. Nobody has answered: answer-routine (3d), answer-urgent (1d), answer-asap (4h), answer-stat (1h). Nothing
    /// happens to what was approved: stuck-routine (7d), stuck-urgent (3d), stuck-asap (12h), stuck-stat (2h). They are
    /// called three times at most: repeat (12h). For what was overdue long before it was recorded nobody is called:
    /// history (7d).
    #[arg(
        long,
        env = "KERUEN_DEADLINE",
        hide_env_values = true,
        value_name = "NAME=TIME",
        value_delimiter = ',',
        value_parser = deadline,
        hide_short_help = true
    )]
    deadline: Vec<(String, String)>,

    /// How often is looked whether a request is overdue.
    #[arg(
        long,
        env = "KERUEN_LOOK_EVERY",
        hide_env_values = true,
        value_name = "TIME",
        value_parser = value::duration,
        default_value = "30s",
        hide_short_help = true
    )]
    look_every: Duration,

    /// Keep no snapshots. They are files beside the store that spare the node from reading a long history again at the
    /// first command after a start; any of them can be deleted at any time.
    #[arg(long)]
    no_snapshots: bool,

    /// How log lines on standard error look; RUST_LOG says what is logged (default: info).
    #[arg(
        long,
        env = "KERUEN_LOG_FORMAT",
        hide_env_values = true,
        value_enum,
        default_value_t
    )]
    log_format: telemetry::LogFormat,

    #[command(flatten)]
    nats: NatsArgs,
}

/// A bound and its value. Whether the log can keep it is seen when it is opened.
fn bound(text: &str) -> Result<(String, usize), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| {
        format!("must be NAME=NUMBER, for example queue_appends=4096; found {text:?}")
    })?;
    let number = usize::try_from(value::bytes(value)?).map_err(|error| error.to_string())?;
    let known = Bounds::default().set(name, number);
    known.map_err(|violation| violation.to_string())?;
    Ok((name.to_owned(), number))
}

/// A deadline and its time.
fn deadline(text: &str) -> Result<(String, String), String> {
    let (name, time) = text
        .split_once('=')
        .ok_or_else(|| format!("must be NAME=TIME, for example answer-stat=30m; found {text:?}"))?;
    let known = Deadlines::default().set(name, time);
    known.map_err(|invalid| invalid.to_string())?;
    Ok((name.to_owned(), time.to_owned()))
}

/// Runs until Ctrl-C or SIGTERM; `server` is where the page finds services that are not in this process.
pub async fn run(args: Args, server: &str) -> anyhow::Result<()> {
    if args.data.is_some()
        && args
            .database_url
            .as_deref()
            .is_some_and(|url| !is_postgres(url))
    {
        Cli::definition()
            .error(
                ErrorKind::ArgumentConflict,
                "--data and --database-url both say where the embedded store is; leave one out",
            )
            .exit();
    }
    // The client of NATS says every attempt to connect; what matters of it is said once, elsewhere.
    telemetry::start(args.log_format, "info,async_nats=off");
    let store = Store::new(args.database_url.as_deref(), args.data.as_deref())?;
    let mut options = NodeOptions::new(store);
    options.grpc_addr = args.grpc_addr;
    options.http_addr = args.http_addr;
    options.node = args.node;
    options.checkpoint_key = args.checkpoint_key;
    options.checkpoint_name = args.checkpoint_name;
    options.insecure_no_auth = args.insecure_no_auth;
    options.min_free_bytes = args.min_free_disk;
    options.roles = Roles::of(&args.roles);
    options.nats = args.nats;
    server.clone_into(&mut options.server);
    for (name, value) in &args.bound {
        options.bounds.set(name, *value)?;
    }
    for (name, time) in &args.deadline {
        options.deadlines.set(name, time)?;
    }
    options.look_every = args.look_every;
    options.snapshots = !args.no_snapshots;
    let stop = stop_signal()?;
    let mut node = Node::start(options).await?;
    if let Some(addr) = node.grpc_addr() {
        println!("gRPC  http://{addr}");
    }
    if let Some(addr) = node.http_addr() {
        println!("page  http://{addr}/");
    }
    if node.grpc_addr().is_some() {
        println!("store {}", node.store());
    }
    if let Some(writer) = node.other_writer() {
        println!("standing by: {writer} writes the log");
    }
    println!("Stop with Ctrl-C.");
    tokio::select! {
        () = stop => {}
        error = node.failed() => return Err(error),
    }
    eprintln!("Stopping: what is under way is being answered.");
    node.stop().await
}

/// Ends when the process is asked to stop.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_checked_before_the_node_starts() {
        assert!(deadline("answer-stat=30m").is_ok());
        for wrong in ["answer-stat", "answer-stat=soon", "answer=1h"] {
            assert!(deadline(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bound_is_a_name_and_a_number() {
        assert_eq!(
            bound("queue_appends=4096"),
            Ok(("queue_appends".to_owned(), 4_096))
        );
        assert_eq!(
            bound("data_bytes=16KiB"),
            Ok(("data_bytes".to_owned(), 16_384))
        );
        for (text, expected) in [
            ("queue_appends", "must be NAME=NUMBER"),
            ("queue_appends=-1", "-1"),
            ("queue=1", "queue: is no bound; there are append_events"),
        ] {
            let refused = bound(text).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
