//! A link that can be cut off without being closed.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Forwards to a server, unless it is stalled: then bytes stay where they are, and nobody is told.
pub struct Proxy {
    addr: SocketAddr,
    stalled: watch::Sender<bool>,
}

impl Proxy {
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stalled, stall) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(link(client, server, stall.clone()));
            }
        });
        Self { addr, stalled }
    }

    /// The URL of a server as seen through the proxy.
    pub fn url(&self, url: &str) -> String {
        let (before, after) = url.split_once('@').unwrap();
        let (_, path) = after.split_once('/').unwrap();
        format!("{before}@{}/{path}", self.addr)
    }

    pub fn stall(&self) {
        self.stalled.send_replace(true);
    }

    pub fn go_on(&self) {
        self.stalled.send_replace(false);
    }
}

async fn link(client: TcpStream, server: SocketAddr, stall: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = tokio::spawn({
        let stall = stall.clone();
        async move { forward(&mut from_client, &mut to_server, stall).await }
    });
    forward(&mut from_server, &mut to_client, stall).await;
    // One side is gone, and so is the other, as soon as the link lets it be known.
    there.abort();
}

async fn forward(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut stall: watch::Receiver<bool>,
) {
    // Small, so that a stall also falls into the middle of a message.
    let mut buffer = [0; 1_460];
    while let Ok(count) = from.read(&mut buffer).await {
        if stall.wait_for(|stalled| !stalled).await.is_err() {
            break;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    drop(tokio::time::timeout(Duration::from_secs(1), to.shutdown()).await);
}
