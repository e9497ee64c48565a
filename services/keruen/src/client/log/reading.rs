//! Which log is looked at, and how far it has been read.

use std::{path::PathBuf, time::Duration};

use clap::Args as ClapArgs;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{client::failure::Failure, serve::Store};

/// A store that is read directly, without a node.
#[derive(ClapArgs, Debug)]
pub struct StoreArgs {
    /// Read the embedded store in this folder directly instead of asking a node
    #[arg(long, value_name = "DIR", conflicts_with = "database_url")]
    data: Option<PathBuf>,
    #[arg(
        long,
        value_name = "URL",
        // Not a comment of the field, which would be read as markup.
        help = "Read this store directly: sqlite://PATH or postgres://USER@HOST:PORT/DATABASE"
    )]
    database_url: Option<String>,
}

impl StoreArgs {
    /// The store, if one was named.
    pub fn store(&self) -> Result<Option<Store>, Failure> {
        if self.data.is_none() && self.database_url.is_none() {
            return Ok(None);
        }
        Store::new(self.database_url.as_deref(), self.data.as_deref())
            .map(Some)
            .map_err(|error| Failure::Usage(error.to_string()))
    }
}

/// A progress bar on standard error, if that is a terminal.
pub fn progress() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let template = "{wide_bar} {human_pos} of {human_len} events, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
