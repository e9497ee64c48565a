//! A process that only reads sees what another process appended the moment before.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unused_imports,
    unused_macros,
    clippy::unused_async,
    reason = "the suite itself runs elsewhere"
)]
mod contract;

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use contract::{event, request, tagged};
use keruen_log::{AppendRequest, Appended, IndexOptions, Log, PostgresLog, PostgresOptions, Range};
use keruen_test_servers::{postgres::Database, process::Process};
use rustix::process::Signal;
use serde_json::{Value, json};

const URL_VARIABLE: &str = "KERUEN_TEST_READER_URL";
/// What an answer begins with, since the harness prints lines as well.
const ANSWER: &str = "answer ";

/// Small runs, merged over several levels.
fn options() -> PostgresOptions {
    PostgresOptions {
        index: IndexOptions {
            run_events: 16,
            merge_runs: 3,
            ..IndexOptions::default()
        },
        ..PostgresOptions::default()
    }
}

/// Not a test of its own: the process that reads for the others.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test"]
async fn a_process_that_reads() {
    let Ok(url) = env::var(URL_VARIABLE) else {
        return;
    };
    let log = PostgresLog::open_reader(&url, options()).await.unwrap();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let question: Value = serde_json::from_str(&line).unwrap();
        let query = tagged(question["tag"].as_str().unwrap());
        let mut range = Range::after(question["after"].as_u64().unwrap());
        let mut positions = Vec::new();
        loop {
            let page = log.read(&query, range, 100).await.unwrap();
            positions.extend(page.events.iter().map(|event| event.position));
            range.after_position = page.reached_position(range);
            if page.complete {
                break;
            }
        }
        let command_id = question["command_id"].as_str().unwrap();
        let command = log.find_command(command_id).await.unwrap();
        let appended = command.map(|command| command.appended);
        let answer = json!({
            "positions": positions,
            "first": appended.map(|appended| appended.first_position),
            "last": appended.map(|appended| appended.last_position),
            "head": log.head().await.unwrap().position,
        });
        println!("\n{ANSWER}{answer}");
    }
}

/// The other process.
struct Reader {
    process: Process,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Reader {
    fn start(url: &str) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([
                "--ignored",
                "--exact",
                "a_process_that_reads",
                "--nocapture",
            ])
            .env(URL_VARIABLE, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command).unwrap();
        let questions = process.child().stdin.take().unwrap();
        let answers = BufReader::new(process.child().stdout.take().unwrap());
        Self {
            process,
            questions,
            answers,
        }
    }

    fn ask(&mut self, tag: &str, after: u64, request: &AppendRequest) -> Value {
        let question = json!({ "tag": tag, "after": after, "command_id": request.command_id });
        writeln!(self.questions, "{question}").unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            assert!(
                self.answers.read_line(&mut line).unwrap() > 0,
                "the reader ended"
            );
            if let Some(answer) = line.strip_prefix(ANSWER) {
                return serde_json::from_str(answer).unwrap();
            }
        }
    }

    /// What was appended must be there.
    fn check(&mut self, tag: &str, after: u64, expected: &[u64], last: &(AppendRequest, Appended)) {
        let (request, appended) = last;
        let answer = tokio::task::block_in_place(|| self.ask(tag, after, request));
        assert_eq!(answer["positions"], json!(expected), "{tag} after {after}");
        assert_eq!(answer["first"], json!(appended.first_position));
        assert_eq!(answer["last"], json!(appended.last_position));
        assert!(answer["head"].as_u64() >= Some(appended.last_position));
    }
}

/// Appends one group of three events with a tag of its own and one that all share.
async fn append(log: &PostgresLog, own: &str) -> (AppendRequest, Appended) {
    let request = request(vec![event("Stored", &[own, "all:1"]); 3]);
    let appended = log.append(request.clone()).await.unwrap();
    (request, appended)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_reads_what_was_appended_just_now() {
    let database = Database::new();
    let log = PostgresLog::open(database.url(), options()).await.unwrap();
    let mut reader = Reader::start(database.url());
    let mut all = Vec::new();
    for number in 0..200_u64 {
        let own = format!("own:{number}");
        let appended = append(&log, &own).await;
        let new: Vec<_> = (appended.1.first_position..=appended.1.last_position).collect();
        all.extend(&new);
        reader.check(&own, 0, &new, &appended);
        if number % 10 == 0 {
            reader.check("all:1", 0, &all, &appended);
            let after = new[0] / 2;
            let later: Vec<_> = all.iter().copied().filter(|at| *at > after).collect();
            reader.check("all:1", after, &later, &appended);
        }
    }
    // One that was away while runs were made and merged goes on with what is there now.
    reader.process.signal(Signal::STOP);
    let mut last = None;
    for number in 200..300_u64 {
        let appended = append(&log, &format!("own:{number}")).await;
        all.extend(appended.1.first_position..=appended.1.last_position);
        last = Some(appended);
    }
    reader.process.signal(Signal::CONT);
    let last = last.unwrap();
    let new: Vec<_> = (last.1.first_position..=last.1.last_position).collect();
    reader.check("own:299", 0, &new, &last);
    reader.check("all:1", 0, &all, &last);
    let Reader {
        mut process,
        questions,
        ..
    } = reader;
    drop(questions);
    let ended = tokio::task::block_in_place(|| process.wait(Duration::from_mins(1)));
    assert!(ended.is_some_and(|status| status.success()));
}
