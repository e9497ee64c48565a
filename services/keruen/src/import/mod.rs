//! `keruen import`: many facilities, items, donations, counts or movements from a CSV file.
//!
//! Every row is checked, by itself, against the others and against the server, before the first one is entered; if any
//! is wrong, none is. The command id of a row follows from its content, or from what the user's own books call it, so that
//! an import that broke off, or is repeated, goes on without entering anything twice.

mod counts;
mod difference;
mod donations;
mod encoding;
mod errors;
mod facilities;
mod items;
mod movements;
mod plan;
mod sheet;
mod stream;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::client::{failure::Failure, session::Session};

/// What a file has rows of.
#[derive(Subcommand, Debug)]
pub enum Kind {
    /// Enter facilities, one a row
    #[command(after_help = facilities::help())]
    Facilities(FileArgs),
    /// Enter items, one a row
    #[command(after_help = items::help())]
    Items(FileArgs),
    /// Pledge donations, one line of a pledge a row
    #[command(after_help = donations::help())]
    Donations(FileArgs),
    /// Record what was there, received, used, sent, disposed of and given back, also long ago, one movement a row
    #[command(after_help = movements::help())]
    Movements(FileArgs),
    /// Enter counts of stock, one lot of a count a row
    #[command(after_help = counts::help())]
    Counts(FileArgs),
}

/// The file, and whether to enter it.
#[derive(Args, Debug)]
pub struct FileArgs {
    /// CSV file with a header, in UTF-8; separated by commas, semicolons or tabs. - reads standard input
    file: PathBuf,
    /// Check everything, enter nothing
    #[arg(long)]
    dry_run: bool,
}

impl Kind {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Facilities(args) => {
                let (place, bytes) = sheet::load(&args.file)?;
                let plan = facilities::plan(&place, &bytes)?;
                plan::carry_out(session, &plan, args.dry_run).await
            }
            Self::Items(args) => {
                let (place, bytes) = sheet::load(&args.file)?;
                let plan = items::plan(&place, &bytes)?;
                plan::carry_out(session, &plan, args.dry_run).await
            }
            Self::Donations(args) => {
                let (place, bytes) = sheet::load(&args.file)?;
                let plan = donations::plan(&place, &bytes)?;
                plan::carry_out(session, &plan, args.dry_run).await
            }
            Self::Movements(args) => movements::run(session, &args.file, args.dry_run).await,
            Self::Counts(args) => {
                let (place, bytes) = sheet::load(&args.file)?;
                let plan = counts::plan(&place, &bytes)?;
                plan::carry_out(session, &plan, args.dry_run).await
            }
        }
    }
}
