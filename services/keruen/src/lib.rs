//! The one binary of Keruen: `serve` and `demo` run a node, every other verb is a gRPC client of one.

mod backup;
mod cli;
mod client;
pub mod demo;
mod doctor;
mod embedded;
pub mod generate;
mod import;
mod outbox;
mod render;
pub mod serve;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::client::{failure::Failure, filter, session::Session};

/// Parses the command line, does what it says and tells how it went.
///
/// Exit status: 0 done; 1 refused; 2 usage; 69 no server; 74 unreadable; 75 no answer or not now, worth repeating.
pub fn main() -> ExitCode {
    let cli = Cli::from_process();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).report(),
    };
    let result = runtime.block_on(run(cli));
    // A read of standard input may still block a thread; the process must end all the same.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve(args) => Ok(serve::run(args, &cli.globals.server).await?),
        Command::Demo(args) => Ok(demo::run(args).await?),
        Command::Generate(args) => args.run(&Session::new(&cli.globals)).await,
        command => {
            let session = Session::new(&cli.globals);
            let done = act(command, &session).await;
            session.tell_reflected();
            done
        }
    }
}

/// Does what a client of a node does.
async fn act(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Serve(_) | Command::Demo(_) | Command::Generate(_) => {
            Err(Failure::Usage("this is no client of a node".to_owned()))
        }
        Command::Outbox(verb) => verb.run(session).await,
        Command::Given(verb) => verb.run(session).await,
        Command::Projections(args) => args.run(session).await,
        Command::Organisation(verb) => verb.run(session).await,
        Command::Facility(verb) => verb.run(session).await,
        Command::MobileUnit(verb) => verb.run(session).await,
        Command::Commodity(verb) => verb.run(session).await,
        Command::Item(verb) => verb.run(session).await,
        Command::Region(verb) => verb.run(session).await,
        Command::Vehicle(verb) => verb.run(session).await,
        Command::Volunteer(verb) => verb.run(session).await,
        Command::Crew(verb) => verb.run(session).await,
        Command::Inbox(args) => args.run(session).await,
        Command::Report(verb) => verb.run(session).await,
        Command::Timeline(args) => args.run(session).await,
        Command::Plan(verb) => verb.run(session).await,
        Command::Emergency(verb) => verb.run(session).await,
        Command::Duty(verb) => verb.run(session).await,
        Command::Find(args) => args.run(session).await,
        Command::Donation(verb) => verb.run(session).await,
        Command::Consignment(verb) => verb.run(session).await,
        Command::Stock(args) => args.run(session).await,
        Command::Batch(verb) => verb.run(session).await,
        Command::Correct(verb) => verb.run(session).await,
        Command::Kit(verb) => verb.run(session).await,
        Command::Recall(verb) => verb.run(session).await,
        Command::Asset(verb) => verb.run(session).await,
        Command::Goods(verb) => verb.run(session).await,
        Command::Request(verb) => verb.run(session).await,
        Command::Shipment(verb) => verb.run(session).await,
        Command::Custody(verb) => verb.run(session).await,
        Command::Liability(verb) => verb.run(session).await,
        Command::Trip(verb) => verb.run(session).await,
        Command::Trace(subject) => subject.run(session).await,
        Command::Filter(_) => filter::explain(session),
        Command::Events(args) => args.run(session).await,
        Command::Log(verb) => verb.run(session).await,
        Command::Check(args) => args.run(session).await,
        Command::Import(kind) => kind.run(session).await,
        Command::Backup(args) => args.run(session).await,
        Command::Restore(args) => args.run(session).await,
        Command::Doctor(args) => args.run(session).await,
    }
}
