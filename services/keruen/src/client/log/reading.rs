//! Which log is looked at, and how far it has been read.

use std::{path::PathBuf, time::Duration};

use clap::Args as ClapArgs;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keruen_log::verify::{Reached, Stage};

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

/// Shows how far a store was worked through. Each stage begins anew, with a rate of its own.
pub fn show(bar: &ProgressBar, stage: &mut Option<Stage>, reached: Reached) {
    let is_new = stage.replace(reached.stage) != Some(reached.stage);
    if is_new {
        bar.reset();
        bar.set_message(match reached.stage {
            Stage::Events => "events ",
            Stage::Index => "index ",
            Stage::CommandIds => "command ids ",
            Stage::Indexing => "indexing ",
        });
    }
    bar.set_length(reached.total);
    bar.set_position(reached.done);
    if is_new {
        // What need not be done is not part of the rate.
        bar.reset_eta();
    }
}

/// A progress bar on standard error, if that is a terminal, with how many events a second are done and how long the rest
/// takes.
pub fn progress() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let template = "{msg}{wide_bar} {human_pos} of {human_len} events, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
