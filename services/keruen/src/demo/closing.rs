//! How the story ends: the stock of every region, where the tests are, and commands to go on with.

use std::env;

use anyhow::Context as _;
use clap::Parser as _;
use keruen_proto::stock::v1::{ListStockRequest, stock_service_client::StockServiceClient};

use crate::{
    cli::{Cli, DEFAULT_SERVER},
    serve::Node,
};

/// Prints the results, each with the command that shows it.
pub async fn print_result(server: &str, position: u64) -> anyhow::Result<()> {
    // The views follow the log; what is printed must be the whole story.
    StockServiceClient::connect(server.to_owned())
        .await?
        .list_stock(ListStockRequest {
            min_position: position,
            ..ListStockRequest::default()
        })
        .await
        .map_err(|status| anyhow::anyhow!("{}", status.message()))?;
    println!("\nStock per region, as rebuilt from the log");
    for arguments in [
        &[
            "stock",
            "--by",
            "region,commodity",
            "--commodity",
            "TEST-SARS2",
        ][..],
        &["stock", "--by", "commodity"],
        &["request", "list"],
    ] {
        println!("\n$ keruen {}", arguments.join(" "));
        let global = ["keruen", "--server", server];
        let cli = Cli::try_parse_from(global.iter().chain(arguments))?;
        // The same code that answers a user: what is printed here is what the command prints.
        Box::pin(crate::run(cli))
            .await
            .map_err(anyhow::Error::from)?;
    }
    Ok(())
}

/// Prints where the page is and five commands that use ids of the story.
pub fn print_commands(server: &str, node: &Node, exit: bool) -> anyhow::Result<()> {
    let program = env::args().next().context("the program has no name")?;
    let option = if server == DEFAULT_SERVER {
        String::new()
    } else {
        format!(" --server {server}")
    };
    println!();
    let option = if exit {
        let folder = node.store().folder();
        println!(
            "The story is kept in {0}. To look at it again: {program} serve --data {0}",
            folder.display()
        );
        println!("The page is then at http://127.0.0.1:7461/. Five commands to go on with:");
        String::new()
    } else {
        let page = node.http_addr().context("the node serves no page")?;
        println!("The page with the map: http://{page}/");
        println!("Five commands to go on with, in another terminal:");
        option
    };
    for arguments in [
        "trace donation KASPI-TESTS",
        "stock --region KZ-31 --by facility,item",
        "shipment get NIGHT-ZHANATAS",
        "request list --open",
        "events --tag shipment:NIGHT-ZHANATAS",
    ] {
        println!("  {program}{option} {arguments}");
    }
    if !exit {
        println!("Stop with Ctrl-C.");
    }
    Ok(())
}
