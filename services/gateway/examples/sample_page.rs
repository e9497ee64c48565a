//! Serves the page over a node with sample data, for looking at it: `cargo run -p keruen-gateway --example sample_page`.
//! The log moves every five seconds, so that live pages have something to show.

#[path = "../tests/gateway/node/mod.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "written for the tests, which use all of it"
)]
mod node;

use std::{error::Error, time::Duration};

use node::{Node, sample::Sample};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::start(Sample::story()).await;
    let router = keruen_gateway::router(node.channel.clone(), keruen_gateway::Options::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7461").await?;
    println!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            node.position.send_modify(|position| *position += 1);
        }
    });
    axum::serve(listener, router).await?;
    Ok(())
}
