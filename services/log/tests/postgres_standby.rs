//! Several processes that could write one log: one does, another takes over, and nothing is lost or doubled on the way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unused_imports,
    unused_macros,
    clippy::unused_async,
    reason = "the suite itself runs elsewhere"
)]
mod contract;
#[path = "rivals/proxy.rs"]
mod proxy;
mod rivals;

use std::{
    collections::HashMap,
    env,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use contract::{event, provided, request, tagged};
use keruen_log::{
    AppendError, AppendRequest, Appended, Log, PostgresLog, PostgresOptions, PostgresRefusal,
    TakeOver,
};
use keruen_test_servers::{postgres::Database, process::Process};
use proxy::Proxy;
use rivals::{check, check_answers};
use rustix::process::Signal;
use uuid::Uuid;

/// Whatever is waited for happens long before this on any machine.
const PATIENCE: Duration = Duration::from_mins(2);
const CLIENTS: u64 = 8;

async fn standby(url: &str, node: &str) -> PostgresLog {
    try_standby(url, node).await.unwrap()
}

async fn try_standby(url: &str, node: &str) -> Result<PostgresLog, keruen_log::PostgresOpenError> {
    let options = PostgresOptions {
        node: node.to_owned(),
        take_over: TakeOver::WhenSilent,
        ..PostgresOptions::default()
    };
    PostgresLog::open(url, options).await
}

async fn until_leading(log: &PostgresLog) {
    let mut leads = log.leads();
    let led = tokio::time::timeout(PATIENCE, leads.wait_for(|leads| *leads)).await;
    led.unwrap().unwrap();
}

async fn until_answered(log: &dyn Log, request: &AppendRequest) -> Appended {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match log.append(request.clone()).await {
            Ok(appended) => return appended,
            Err(AppendError::Unavailable(message) | AppendError::NotRecorded(message)) => {
                assert!(Instant::now() < deadline, "{message}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_waits_until_the_writer_is_gone() {
    let database = Database::new();
    let first = standby(database.url(), "almaty").await;
    assert!(*first.leads().borrow());
    let [second, third] = [
        standby(database.url(), "astana").await,
        standby(database.url(), "oral").await,
    ];
    let mut answered = Vec::new();
    for _ in 0..3 {
        let request = request(vec![event("Stored", &["x:1"])]);
        let refused = second.append(request.clone()).await.unwrap_err();
        let message = refused.to_string();
        assert!(
            matches!(
                refused,
                AppendError::Unavailable(_) | AppendError::NotRecorded(_)
            ),
            "{message}"
        );
        assert!(message.contains("almaty"), "{message}");
        assert!(message.contains("nothing was recorded"), "{message}");
        answered.push((request.clone(), first.append(request).await.unwrap()));
    }
    assert!(!*second.leads().borrow() && !*third.leads().borrow());
    assert!(second.other_writer().unwrap().starts_with("almaty"));
    check(&second, &answered).await;

    // Its connection may break: it stays the writer.
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'keruen leader%'",
    );
    let mut follows = third.watch_head();
    let began = Instant::now();
    first.close();
    let (next, other) = tokio::select! {
        () = until_leading(&second) => (&second, &third),
        () = until_leading(&third) => (&third, &second),
    };
    eprintln!("a standby took over in {:?} after a stop", began.elapsed());
    let request = request(vec![event("Stored", &["x:1"])]);
    answered.push((request.clone(), until_answered(next, &request).await));
    // One wins, and the other one hears of what it appends.
    assert!(!*other.leads().borrow());
    follows.wait_for(|head| *head == 4).await.unwrap();
    assert!(matches!(
        first.append(request).await,
        Err(AppendError::Unavailable(message) | AppendError::NotRecorded(message)) if message.contains("closed")
    ));
    check(other, &answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_over_at_once_makes_the_writer_stand_by() {
    let database = Database::new();
    let node = standby(database.url(), "node").await;
    let request = || request(vec![event("Stored", &["x:1"])]);
    let first = request();
    let mut answered = vec![(first.clone(), node.append(first).await.unwrap())];
    let tool = PostgresLog::open(database.url(), PostgresOptions::default())
        .await
        .unwrap();
    let second = request();
    answered.push((second.clone(), tool.append(second).await.unwrap()));
    let mut leads = node.leads();
    leads.wait_for(|leads| !leads).await.unwrap();
    drop(tool);
    until_leading(&node).await;
    let third = request();
    answered.push((third.clone(), until_answered(&node, &third).await));
    check(&node, &answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_one_nodes_until_that_one_is_gone() {
    let database = Database::new();
    let writer = standby(database.url(), "almaty").await;
    // Its connection may break: it takes its name again.
    let mut leads = writer.leads();
    leads.mark_unchanged();
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'keruen leader%'",
    );
    leads.changed().await.unwrap();
    until_leading(&writer).await;
    let mut logs = vec![writer, standby(database.url(), "astana").await];
    for name in ["almaty", "astana"] {
        let refused = try_standby(database.url(), name).await.err().unwrap();
        let message = refused.to_string();
        assert!(
            matches!(&refused.reason, PostgresRefusal::NameTaken { name: taken, .. } if taken == name),
            "{message}"
        );
        assert!(message.contains("--node"), "{message}");
    }
    assert!(logs[1].other_writer().unwrap().starts_with("almaty"));
    drop(logs.remove(0));
    let again = standby(database.url(), "almaty").await;
    drop(logs);
    until_leading(&again).await;
    standby(database.url(), "astana").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_start_together_make_one_log() {
    let database = Database::new();
    let (first, second) = tokio::join!(
        standby(database.url(), "first"),
        standby(database.url(), "second")
    );
    assert_ne!(*first.leads().borrow(), *second.leads().borrow());
    assert_eq!(
        first.head().await.unwrap().log_id,
        second.head().await.unwrap().log_id
    );
}

/// The command that client `client` sends as its `number`th: the same from every node. It continues a history of its
/// own, so a fork would refuse it.
fn command(client: u64, number: u64, after_position: u64) -> AppendRequest {
    let tag = format!("x:{client}");
    let mut stored = event("Stored", &[&tag]);
    let events = if client == 0 {
        // Large enough for a stop in the middle of a statement.
        stored.data = vec![7; 2_048].into();
        vec![stored; 150]
    } else {
        vec![stored; usize::try_from(client % 3).unwrap() + 1]
    };
    let id = Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        format!("{client} {number}").as_bytes(),
    );
    AppendRequest {
        command_id: id.to_string(),
        ..provided(request(events), tagged(&tag), after_position)
    }
}

/// Not a test of its own: the node that other tests start as a process, and stop.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by other tests"]
async fn a_node() {
    let (Ok(url), Ok(node)) = (
        env::var("KERUEN_TEST_NODE_URL"),
        env::var("KERUEN_TEST_NODE"),
    ) else {
        return;
    };
    let log = Arc::new(standby(&url, &node).await);
    let mut leads = log.leads();
    println!("ready");
    for client in 0..CLIENTS {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut after_position = 0;
            for number in 0.. {
                let request = command(client, number, after_position);
                let appended = loop {
                    match log.append(request.clone()).await {
                        Ok(appended) => break appended,
                        Err(
                            AppendError::Unavailable(message) | AppendError::NotRecorded(message),
                        ) => {
                            if message.contains("unknown") {
                                println!("unknown {message}");
                            }
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        Err(error) => {
                            println!("wrong {} {error}", request.command_id);
                            return;
                        }
                    }
                };
                println!(
                    "answered {} {} {}",
                    request.command_id, appended.first_position, appended.last_position
                );
                after_position = appended.last_position;
                if client == 0 {
                    // Room for the others, and on the disk.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
    }
    loop {
        println!(
            "{}",
            if *leads.borrow_and_update() {
                "leads"
            } else {
                "follows"
            }
        );
        leads.changed().await.unwrap();
    }
}

/// What the nodes have said.
#[derive(Default)]
struct Said {
    answers: HashMap<String, Appended>,
    /// How many answers of each node were the first of their command.
    firsts: [usize; 2],
    wrong: Vec<String>,
    unknown: usize,
}

/// A node in a process of its own.
struct Node {
    process: Process,
    leads: mpsc::Receiver<bool>,
    leading: bool,
}

impl Node {
    fn start(index: usize, url: &str, said: &Arc<Mutex<Said>>) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "a_node", "--nocapture"])
            .env("KERUEN_TEST_NODE_URL", url)
            .env("KERUEN_TEST_NODE", format!("node-{index}"))
            .stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command).unwrap();
        let lines = BufReader::new(process.child().stdout.take().unwrap()).lines();
        let (tell, leads) = mpsc::channel();
        let said = Arc::clone(said);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                take_in(index, &line, &said, &tell);
            }
        });
        Self {
            process,
            leads,
            leading: false,
        }
    }

    fn leads(&mut self) -> bool {
        if let Some(leads) = self.leads.try_iter().last() {
            self.leading = leads;
        }
        self.leading
    }
}

fn take_in(index: usize, line: &str, said: &Mutex<Said>, leads: &mpsc::Sender<bool>) {
    let mut said = said.lock().unwrap();
    // The first line follows what the test harness prints.
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["answered", id, first, last] => {
            let appended = Appended {
                first_position: first.parse().unwrap(),
                last_position: last.parse().unwrap(),
            };
            match said.answers.insert((*id).to_owned(), appended) {
                None => said.firsts[index] += 1,
                Some(before) if before != appended => {
                    said.wrong
                        .push(format!("{id} was answered {before:?}, then {appended:?}"));
                }
                Some(_) => {}
            }
        }
        ["leads"] => drop(leads.send(true)),
        ["follows"] => drop(leads.send(false)),
        ["wrong", ..] => said.wrong.push(line.to_owned()),
        ["unknown", ..] => said.unknown += 1,
        _ => {}
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

/// Numbers that look random, the same ones for a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[derive(Clone, Copy, Debug)]
enum Harm {
    /// Stopped by SIGSTOP, and continued later.
    Stopped,
    /// Cut off from the server, and back later.
    CutOff,
    Killed,
}

/// Two nodes send the same commands. Time and again the one that leads is harmed in the middle of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_that_is_stopped_cut_off_or_killed_at_any_moment_does_no_harm() {
    let rounds = env::var("KERUEN_TEST_ROUNDS").map_or(9, |rounds| rounds.parse().unwrap());
    let seed = env::var("KERUEN_TEST_SEED").map_or(0x6b65_7275_656e, |seed| seed.parse().unwrap());
    eprintln!("seed {seed}");
    let mut chance = Chance(seed);
    let database = Database::new();
    let server: SocketAddr = server_of(database.url());
    let proxies = [Proxy::start(server).await, Proxy::start(server).await];
    let urls = [
        proxies[0].url(database.url()),
        proxies[1].url(database.url()),
    ];
    let said = Arc::new(Mutex::new(Said::default()));
    let mut times = Vec::new();
    tokio::task::block_in_place(|| {
        let mut nodes = [0, 1].map(|index| Node::start(index, &urls[index], &said));
        for round in 0..rounds {
            wait_until("nobody leads", || nodes.iter_mut().any(Node::leads));
            let leader = usize::from(nodes[1].leads());
            let other = 1 - leader;
            let answers = said.lock().unwrap().firsts[leader];
            wait_until("the leader answers nothing new", || {
                said.lock().unwrap().firsts[leader] > answers + 20
            });
            // Into the middle of whatever it does, to the microsecond.
            std::thread::sleep(Duration::from_micros(chance.below(400_000)));
            let harm = [Harm::Stopped, Harm::CutOff, Harm::Killed][round % 3];
            let before = said.lock().unwrap().firsts[other];
            match harm {
                Harm::Stopped => nodes[leader].process.signal(Signal::STOP),
                Harm::CutOff => proxies[leader].stall(),
                Harm::Killed => drop(nodes[leader].process.kill()),
            }
            let took_over = wait_until("nobody takes over", || nodes[other].leads());
            times.push((harm, took_over));
            eprintln!("{harm:?}: the other one leads after {took_over:?}");
            wait_until("the new leader answers nothing", || {
                said.lock().unwrap().firsts[other] > before + 20
            });
            std::thread::sleep(Duration::from_millis(chance.below(1_500)));
            match harm {
                Harm::Stopped => nodes[leader].process.signal(Signal::CONT),
                Harm::CutOff => proxies[leader].go_on(),
                Harm::Killed => nodes[leader] = Node::start(leader, &urls[leader], &said),
            }
            wait_until("the former leader does not stand by", || {
                !nodes[leader].leads()
            });
        }
    });
    let answers = summed_up(&said);
    eprintln!("{times:?}");
    let log = PostgresLog::open(database.url(), PostgresOptions::default())
        .await
        .unwrap();
    check_answers(&log, &answers).await;
}

/// All answers, which contradict nothing.
fn summed_up(said: &Mutex<Said>) -> Vec<(String, Appended)> {
    let said = said.lock().unwrap();
    assert!(said.wrong.is_empty(), "{:#?}", said.wrong);
    eprintln!(
        "{} commands answered; {} answers left the outcome open",
        said.answers.len(),
        said.unknown
    );
    let answers = said.answers.iter();
    answers
        .map(|(id, appended)| (id.clone(), *appended))
        .collect()
}

fn server_of(url: &str) -> SocketAddr {
    let after_user = url.split_once('@').unwrap().1;
    let host = after_user.split_once('/').unwrap().0;
    std::net::ToSocketAddrs::to_socket_addrs(host)
        .unwrap()
        .next()
        .unwrap()
}
