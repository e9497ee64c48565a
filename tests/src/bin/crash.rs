//! The long run of the crash harness.

use std::{env, process::ExitCode};

use clap::Parser;
use keruen_tests::{
    crash::{self, Options},
    program::NODE_VARIABLE,
};

/// Kill Keruen in a loop while writers are in flight, and count what is left.
///
/// Starts PostgreSQL, nats-server with JetStream, two nodes on them (one writes, one stands by and appends over NATS) and
/// an embedded node on SQLite, all with throw-away data, and lets clients work through them, over gRPC and over NATS.
/// Each cycle kills one with SIGKILL: the writer, the standby, all processes of PostgreSQL at once, nats-server, or the
/// embedded node; starts it again; and goes on. Clients repeat what was not answered under the same command id until it
/// is, and note each answer. At the end the logs are read: every acknowledged command must be there once, at the
/// position that was answered, without gaps, under the right tree, and nothing that nobody sent; and the stream must
/// hold the same events, each at the sequence that is its position.
#[derive(Parser)]
#[command(
    name = "crash",
    after_help = "\
Examples:
  cargo run --release -p keruen-tests --bin crash -- --cycles 200
  cargo run --release -p keruen-tests --bin crash -- --cycles 20 --seed 7    the same kills again

The last line of standard output is a JSON object; progress is on standard error. The exit status is 0 only if nothing \
is lost, doubled, missing or wrong.

What it shows, and what it does not: SIGKILL takes the processes away, but not what they handed to the operating system. \
That a loss of power loses nothing either rests on the settings that are checked at every start (fsync, \
full_page_writes and synchronous_commit on PostgreSQL, synchronous=FULL on SQLite), and on a disk that keeps what it \
says it has kept."
)]
struct Arguments {
    /// How many kills.
    #[arg(long, value_name = "N", default_value_t = 200)]
    cycles: usize,
    /// What is killed, and when, follows from this number [default: a random one, which is printed].
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    // The nodes are this very program.
    if env::var_os(NODE_VARIABLE).is_some() {
        return keruen::main();
    }
    let arguments = Arguments::parse();
    let options = Options {
        cycles: arguments.cycles,
        seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..)),
    };
    eprintln!("seed {}", options.seed);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let report = runtime.block_on(crash::run(&options, |progress| eprintln!("{progress}")));
    for complaint in report.wrong() {
        eprintln!("wrong: {complaint}");
    }
    println!("{}", report.to_json());
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
