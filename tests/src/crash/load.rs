//! Writers in flight, and what they were answered.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use keruen_log::{
    AppendCondition, AppendError, AppendRequest, Log, NatsConnection, NatsLog, NatsLogOptions,
    NatsOptions, PostgresLog, PostgresOptions, ProposedEvent, Query, QueryItem,
};
use keruen_proto::{
    EventType as _,
    log::v1::{OccurredAt, TimePrecision},
    registry::v1::{Organisation, OrganisationKind, OrganisationRegistered},
};
use prost::Message as _;
use tokio::{sync::watch, task::JoinSet};
use tonic::transport::Channel;
use uuid::Uuid;

use super::PATIENCE;
use crate::{
    message::name,
    refusal::Refusal,
    scene::Clients,
    traffic::{Step, Trip},
};

const CLIENTS: usize = 8;
/// How long a client waits for an answer before it sends the command again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_DELAY: Duration = Duration::from_millis(20);
/// One in so many answered commands is sent again.
const REPEATED: usize = 16;

/// Every command that was acknowledged, with the position of its last event.
#[derive(Default)]
pub struct Book(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    positions: HashMap<String, u64>,
    wrong: Vec<String>,
}

impl Book {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an answer. One that differs from an earlier one is wrong.
    pub fn enter(&self, command_id: String, position: u64) {
        let mut notes = self.notes();
        match notes.positions.get(&command_id) {
            Some(&before) if before != position => notes.wrong.push(format!(
                "{command_id} was answered with position {before}, then with {position}"
            )),
            Some(_) => {}
            None => drop(notes.positions.insert(command_id, position)),
        }
    }

    /// Notes what should not have been answered.
    pub fn complain(&self, complaint: String) {
        self.notes().wrong.push(complaint);
    }

    /// How many commands were acknowledged.
    pub fn len(&self) -> usize {
        self.notes().positions.len()
    }

    /// All answers.
    pub fn positions(&self) -> HashMap<String, u64> {
        self.notes().positions.clone()
    }

    /// What was answered wrongly.
    pub fn wrong(&self) -> Vec<String> {
        self.notes().wrong.clone()
    }

    /// Waits until so many more are acknowledged.
    pub async fn until_more(&self, count: usize) {
        let (wanted, deadline) = (self.len() + count, Instant::now() + PATIENCE);
        while self.len() < wanted {
            assert!(
                Instant::now() < deadline,
                "nothing is acknowledged any more; {:?}",
                self.wrong()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Where nodes of one log can be reached at the moment.
pub type Nodes = watch::Receiver<Vec<Channel>>;

/// Clients at work.
pub struct Crowd {
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Crowd {
    /// Sends them to work.
    pub fn start(nodes: &Nodes, book: &Arc<Book>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let client = Client {
                nodes: nodes.clone(),
                book: Arc::clone(book),
                preferred: 0,
            };
            clients.spawn(client.work(Arc::clone(&next), Arc::clone(&stop)));
        }
        Self { stop, clients }
    }

    /// Clients that append over NATS themselves, as other software would.
    pub async fn over_nats(database_url: &str, nats_url: &str, book: &Arc<Book>) -> Self {
        let connection = NatsConnection::connect(nats_url, NatsOptions::default())
            .await
            .expect("the address is one");
        let reads = PostgresLog::open_reader(database_url, PostgresOptions::default())
            .await
            .expect("the log can be read");
        let log = NatsLog::new(connection, Arc::new(reads), NatsLogOptions::default());
        let log: Arc<dyn Log> = Arc::new(log);
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS / 2 {
            let (log, book, stop) = (Arc::clone(&log), Arc::clone(book), Arc::clone(&stop));
            clients.spawn(async move {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    register(&*log, &book, client, number).await;
                }
            });
        }
        Self { stop, clients }
    }

    /// Lets each finish what it has begun.
    pub async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
    }
}

struct Client {
    nodes: Nodes,
    book: Arc<Book>,
    /// Index of the node that answered last.
    preferred: usize,
}

impl Client {
    async fn work(mut self, next: Arc<AtomicUsize>, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let trip = Trip::numbered(number);
            for step in Step::WAY {
                if !self.take(&trip, step).await {
                    break;
                }
                if number.is_multiple_of(REPEATED) && !self.take(&trip, step).await {
                    break;
                }
            }
        }
    }

    /// Sends a command until it is answered. False if the business refused it, which it never should.
    async fn take(&mut self, trip: &Trip, step: Step) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        while Instant::now() < deadline {
            let nodes = self.nodes.borrow().clone();
            let node = &nodes[self.preferred % nodes.len()];
            let mut clients = Clients::on(node);
            let answering = tokio::time::timeout(ANSWER_TIMEOUT, trip.take(step, &mut clients));
            match answering.await {
                Ok(Ok(position)) => {
                    self.book.enter(trip.command_id(step), position);
                    return true;
                }
                Ok(Err(status)) if Refusal::of(&status).is_business() => {
                    self.book
                        .complain(format!("{step:?} of {trip:?} was refused: {status}"));
                    return false;
                }
                Ok(Err(status)) => last = Some(status),
                Err(_) => {}
            }
            self.preferred += 1;
            tokio::time::sleep(RETRY_DELAY).await;
        }
        self.book
            .complain(format!("{step:?} of {trip:?} was never answered: {last:?}"));
        false
    }
}

/// Enters organisations that nobody entered before, one to three in an append.
async fn register(log: &dyn Log, book: &Book, client: usize, number: usize) {
    let ids: Vec<String> = (0..=number % 3)
        .map(|index| format!("ORG-{client}-{number}-{index}"))
        .collect();
    let any_of_them = ids.iter().map(|id| QueryItem {
        types: Vec::new(),
        tags: vec![tag(id)],
    });
    let request = AppendRequest {
        command_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, ids[0].as_bytes()).to_string(),
        command_hash: vec![0; 32],
        actor: "test:crash".to_owned(),
        origin: "crash".to_owned(),
        events: ids.iter().map(|id| registered(id)).collect(),
        condition: Some(AppendCondition {
            query: Some(Query {
                items: any_of_them.collect(),
            }),
            after_position: 0,
        }),
        deadline_us: 0,
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        match log.append(request.clone()).await {
            Ok(appended) => return book.enter(request.command_id, appended.last_position),
            Err(
                AppendError::Unavailable(_)
                | AppendError::NotRecorded(_)
                | AppendError::ResourceExhausted(_),
            ) if Instant::now() < deadline => {
                tokio::time::sleep(RETRY_DELAY).await;
            }
            Err(error) => {
                return book.complain(format!("{} over NATS: {error}", request.command_id));
            }
        }
    }
}

fn tag(organisation_id: &str) -> String {
    format!("organisation:{organisation_id}")
}

fn registered(organisation_id: &str) -> ProposedEvent {
    let organisation = Organisation {
        organisation_id: organisation_id.to_owned(),
        name: Some(name(organisation_id)),
        kinds: vec![OrganisationKind::Charity.into()],
        ..Organisation::default()
    };
    let event = OrganisationRegistered {
        organisation: Some(organisation),
    };
    ProposedEvent {
        r#type: OrganisationRegistered::TYPE.to_owned(),
        tags: vec![tag(organisation_id)],
        data: event.encode_to_vec().into(),
        occurred_at: Some(OccurredAt {
            time_us: 1_588_309_200_000_000,
            utc_offset_minutes: 300,
            precision: TimePrecision::Second.into(),
            clamped: false,
        }),
        ..ProposedEvent::default()
    }
}
