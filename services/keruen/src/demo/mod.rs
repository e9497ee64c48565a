//! `keruen demo`: an embedded node, and the story of the donations of 2020 played on it through gRPC.
//!
//! Every command of the story has an id derived from its name, so that a second run, or one after a power cut, takes
//! up the story where it stopped and doubles nothing.

mod cast;
mod closing;
mod player;
mod story;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args as ClapArgs;

use crate::{
    client::value,
    serve::{Node, NodeOptions, Store, stop_signal, telemetry},
};
use player::Player;

/// Where the story is kept.
#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  keruen demo                       play the story, then keep the node and its page running
  keruen demo --exit                play the story, print the result and end
  keruen demo --data /tmp/story     keep the story in another folder

Run it twice on one folder: nothing doubles. Kill it in the middle and run it again: the totals are the same.")]
pub struct Args {
    /// Folder in which the story is kept.
    #[arg(long, value_name = "DIR", default_value = "keruen-demo")]
    data: PathBuf,

    /// End after the story instead of keeping the node running.
    #[arg(long)]
    exit: bool,

    /// Address of the gRPC services [default: 127.0.0.1:7460, or any free port where that is taken].
    #[arg(long, env = "KERUEN_GRPC_ADDR", hide_env_values = true, value_name = "ADDR", value_parser = value::address)]
    grpc_addr: Option<SocketAddr>,

    /// Address of the web page [default: 127.0.0.1:7461, or any free port where that is taken].
    #[arg(long, env = "KERUEN_HTTP_ADDR", hide_env_values = true, value_name = "ADDR", value_parser = value::address)]
    http_addr: Option<SocketAddr>,
}

/// Plays the story; without `--exit` the node then runs until Ctrl-C or SIGTERM.
pub async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::start(telemetry::LogFormat::Text, "warn");
    let stop = stop_signal()?;
    let mut options = NodeOptions::new(Store::Sqlite(args.data.join("keruen.db")));
    options.grpc_addr = args.grpc_addr.unwrap_or_else(|| usual_or_any(7460));
    options.http_addr = args.http_addr.unwrap_or_else(|| usual_or_any(7461));
    "demo".clone_into(&mut options.node);
    let node = Node::start(options).await?;
    let addr = node.grpc_addr().context("the node serves no gRPC")?;
    let server = format!("http://{addr}");
    tokio::pin!(stop);
    let played = tokio::select! {
        played = play(&server) => Some(played),
        () = &mut stop => None,
    };
    match played {
        Some(Ok(())) => {
            closing::print_commands(&server, &node, args.exit)?;
            if !args.exit {
                stop.await;
            }
        }
        Some(Err(error)) => {
            node.stop().await?;
            return Err(error);
        }
        None => {
            eprintln!("Stopped in the middle of the story. Run the same command again to go on.");
        }
    }
    node.stop().await
}

async fn play(server: &str) -> anyhow::Result<()> {
    let mut player = Player::connect(server).await?;
    story::play(&mut player).await?;
    closing::print_result(server, player.position()).await
}

/// The usual port, so that the commands in the documentation work as they are; any other where it is taken.
fn usual_or_any(port: u16) -> SocketAddr {
    let usual = SocketAddr::from(([127, 0, 0, 1], port));
    if TcpListener::bind(usual).is_ok() {
        usual
    } else {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }
}
