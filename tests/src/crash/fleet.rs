//! The processes that are killed, and come back.

use std::{
    any::Any,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use keruen_log::{Log, PostgresLog, PostgresOptions, SqliteLog, SqliteOptions};
use keruen_test_servers::{
    nats,
    postgres::{Database, Server},
};
use tempfile::TempDir;
use tokio::{sync::watch, task::block_in_place};
use tonic::transport::Channel;

use super::{
    PATIENCE, Victim,
    load::Nodes,
    stream::{self, Stream},
};
use crate::{
    history,
    node::Node,
    program,
    scene::{Clients, MASK_A, NORTH, SOUTH},
};

/// So much stock that no command is ever refused.
const UNITS: i64 = 1_000_000_000;

/// All processes.
pub struct Fleet {
    nodes: [Node; 2],
    channels: watch::Sender<Vec<Channel>>,
    embedded: Node,
    embedded_channel: watch::Sender<Vec<Channel>>,
    // Removed before its server.
    database: Database,
    server: Server,
    nats: nats::Server,
    folder: TempDir,
}

impl Fleet {
    /// Starts everything with empty stores.
    pub async fn start() -> Self {
        let folder = TempDir::with_prefix("keruen-crash-").expect("a temporary folder can be made");
        let server = block_in_place(Server::start);
        let database = block_in_place(|| server.database());
        let nats = block_in_place(nats::Server::start);
        let nodes = [
            shared_node(0, database.url(), &nats.url(), folder.path()).await,
            shared_node(1, database.url(), &nats.url(), folder.path()).await,
        ];
        let embedded = Node::on(&folder.path().join("embedded")).await;
        let (channels, _) = watch::channel(nodes.iter().map(Node::channel).collect());
        let (embedded_channel, _) = watch::channel(vec![embedded.channel()]);
        Self {
            nodes,
            channels,
            embedded,
            embedded_channel,
            database,
            server,
            nats,
            folder,
        }
    }

    /// Address of the database.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Address of NATS.
    pub fn nats_url(&self) -> String {
        self.nats.url()
    }

    /// Enters what the clients need in both logs; answers with where they stand then.
    pub async fn set_scene(&mut self) -> [u64; 2] {
        let leader = self.leader().await;
        let mut heads = [0; 2];
        for (head, node) in heads.iter_mut().zip([&self.nodes[leader], &self.embedded]) {
            let mut clients = Clients::on(&node.channel());
            clients.set_scene().await;
            for (facility_id, donation_id) in [(NORTH, "N"), (SOUTH, "S")] {
                clients
                    .donate(donation_id, MASK_A, UNITS, facility_id)
                    .await;
            }
            *head = history::head(&node.channel()).await;
        }
        heads
    }

    /// The nodes on PostgreSQL.
    pub fn on_postgres(&self) -> Nodes {
        self.channels.subscribe()
    }

    /// The embedded node.
    pub fn embedded(&self) -> Nodes {
        self.embedded_channel.subscribe()
    }

    /// Kills it and starts it again; answers with how long the take-over took, where there was one.
    pub async fn kill(&mut self, victim: Victim) -> Option<Duration> {
        match victim {
            Victim::Writer => return Some(self.kill_writer().await),
            Victim::Standby => {
                let standby = 1 - self.leader().await;
                self.nodes[standby].kill();
                self.restart(standby).await;
            }
            Victim::Postgres => {
                let server = &mut self.server;
                block_in_place(|| server.restart());
                self.leader().await;
            }
            Victim::Nats => {
                let nats = &mut self.nats;
                block_in_place(|| {
                    nats.kill();
                    nats.launch();
                });
            }
            Victim::Embedded => {
                self.embedded.restart().await;
                let channel = self.embedded.channel();
                self.embedded_channel.send_replace(vec![channel]);
            }
        }
        None
    }

    async fn kill_writer(&mut self) -> Duration {
        let leader = self.leader().await;
        self.nodes[leader].kill();
        let began = Instant::now();
        while !self.nodes[1 - leader].writes().await {
            assert!(began.elapsed() < PATIENCE, "the standby does not take over");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = began.elapsed();
        self.restart(leader).await;
        took
    }

    async fn restart(&mut self, index: usize) {
        let (database_url, nats_url) = (self.database.url(), self.nats.url());
        self.nodes[index] = shared_node(index, database_url, &nats_url, self.folder.path()).await;
        let channel = self.nodes[index].channel();
        self.channels
            .send_modify(|channels| channels[index] = channel);
    }

    /// Index of the node that writes, as soon as one does.
    async fn leader(&self) -> usize {
        let began = Instant::now();
        loop {
            for (index, node) in self.nodes.iter().enumerate() {
                if node.writes().await {
                    return index;
                }
            }
            assert!(began.elapsed() < PATIENCE, "no node writes the log");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The stream as a subscriber reads it, as soon as all that stands in the log has been relayed.
    pub async fn stream(&self) -> Stream {
        let leader = self.leader().await;
        let head = history::head(&self.nodes[leader].channel()).await;
        stream::read(&self.nats.url(), head).await
    }

    /// Kills the nodes; what they have left can be read.
    pub async fn into_logs(self) -> [OpenLog; 2] {
        let Self {
            nodes,
            mut embedded,
            database,
            server,
            folder,
            ..
        } = self;
        drop(nodes);
        embedded.kill();
        let options = PostgresOptions::default();
        let postgres = PostgresLog::open_reader(database.url(), options).await;
        let file: PathBuf = folder.path().join("embedded").join("keruen.db");
        let sqlite = block_in_place(|| SqliteLog::open(&file, SqliteOptions::default()));
        [
            OpenLog {
                log: Arc::new(postgres.expect("the log can be read")),
                _place: Box::new((database, server)),
            },
            OpenLog {
                log: Arc::new(sqlite.expect("the log can be opened")),
                _place: Box::new(folder),
            },
        ]
    }
}

/// A log, and what it lives on.
pub struct OpenLog {
    // Closed before its place goes.
    log: Arc<dyn Log>,
    _place: Box<dyn Any>,
}

impl std::ops::Deref for OpenLog {
    type Target = dyn Log;

    fn deref(&self) -> &Self::Target {
        &*self.log
    }
}

async fn shared_node(index: usize, database_url: &str, nats_url: &str, folder: &Path) -> Node {
    let data = folder.join(format!("node-{index}"));
    let mut arguments: Vec<OsString> = [
        "serve",
        "--database-url",
        database_url,
        "--nats-url",
        nats_url,
        "--node",
    ]
    .map(OsString::from)
    .into();
    arguments.push(format!("node-{index}").into());
    arguments.push("--data".into());
    arguments.push(data.clone().into());
    arguments
        .extend(["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"].map(OsString::from));
    Node::start(&mut program::command(arguments), &data).await
}
