//! The log as such.

use clap::Subcommand;
use keruen_proto::events::v1::GetLogHeadRequest;
use serde_json::json;

use crate::{
    cells,
    cli::Format,
    client::{failure::Failure, session::Session},
    render::record::Cell,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show the head of the log and the root hash of its Merkle tree
    #[command(after_help = "\
Examples:
  keruen log stats
  keruen log stats --format json

The root hash (RFC 6962) stands for every event up to the head: two logs with the same position and root hash hold \
the same history.")]
    Stats,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let Self::Stats = self;
        let head = session.ask(GetLogHeadRequest {}).await?;
        let (log_id, root_hash) = (hex(&head.log_id), hex(&head.root_hash));
        let mut output = session.output();
        let columns = ["log_id", "position", "root_hash"];
        match output.format() {
            Format::Json => {
                output.json(
                    &json!({"log_id": log_id, "position": head.position, "root_hash": root_hash}),
                )?;
            }
            Format::Csv => {
                output.csv(
                    &columns,
                    [cells![log_id, head.position.to_string(), root_hash]],
                )?;
            }
            Format::Table => {
                let position =
                    Cell::Number(i64::try_from(head.position).unwrap_or(i64::MAX)).pretty();
                output.line(&format!("log id     {log_id}"))?;
                output.line(&format!("position   {position}"))?;
                output.line(&format!("root hash  {root_hash}"))?;
                output.flush()?;
            }
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
