//! Where a node listens.

use std::net::{Ipv6Addr, SocketAddr};

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;

use super::{node::NodeOptions, roles::Role};

/// The sockets of the gRPC services and of the page, as far as the roles ask for them.
pub async fn listeners(
    options: &NodeOptions,
) -> anyhow::Result<(Option<TcpListener>, Option<TcpListener>)> {
    let NodeOptions {
        grpc_addr,
        http_addr,
        insecure_no_auth,
        ..
    } = *options;
    let has_grpc = options.roles.need_log();
    let has_page = options.roles.has(Role::Gateway);
    if has_grpc {
        refuse_open_address("--grpc-addr", grpc_addr, insecure_no_auth)?;
    }
    if has_page {
        refuse_open_address("--http-addr", http_addr, insecure_no_auth)?;
    }
    if has_grpc && has_page && grpc_addr == http_addr && grpc_addr.port() != 0 {
        bail!("--grpc-addr and --http-addr are both {grpc_addr}; each needs a port of its own");
    }
    let mut listeners = (None, None);
    if has_grpc {
        listeners.0 = Some(listen("--grpc-addr", grpc_addr).await?);
    }
    if has_page {
        listeners.1 = Some(listen("--http-addr", http_addr).await?);
    }
    Ok(listeners)
}

/// Where it listens.
pub fn address(listener: Option<&TcpListener>) -> anyhow::Result<Option<SocketAddr>> {
    listener
        .map(TcpListener::local_addr)
        .transpose()
        .context("a socket has no address")
}

/// Where a server that listens on an address can be reached from this machine.
pub fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}

fn refuse_open_address(option: &str, addr: SocketAddr, insecure: bool) -> anyhow::Result<()> {
    if addr.ip().is_loopback() || insecure {
        return Ok(());
    }
    bail!(
        "{option} {addr}: other machines reach this address, and there is no access control yet: whoever reaches it \
         could do everything in anybody's name. Take a loopback address such as 127.0.0.1:{port}, or say \
         --insecure-no-auth if the network itself keeps others out",
        port = addr.port()
    )
}

async fn listen(option: &str, addr: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{option} {addr}: the port is in use by another program, perhaps another node. Stop it, or take another \
             port: {option} {ip}:0 takes any free one",
            ip = addr.ip()
        ),
        _ => anyhow::anyhow!("{option} {addr}: can't listen there: {error}"),
    })
}
