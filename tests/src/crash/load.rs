//! Writers in flight, and what they were answered.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinSet};
use tonic::transport::Channel;

use super::PATIENCE;
use crate::{
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
