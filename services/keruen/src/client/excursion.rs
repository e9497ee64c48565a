//! Stock that was kept too warm or too cold.

use clap::Args;
use keruen_proto::{
    inventory::v1::RecordTemperatureExcursionRequest,
    registry::v1::{DocumentRef, StorageRange},
};

use crate::client::{failure::Failure, line, mutation::MutationArgs, session::Session, value};

/// A temperature excursion.
#[derive(Args, Debug)]
pub struct Excursion {
    /// Where
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// The item
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    item: Option<String>,
    /// Only this batch; repeatable. Default: all that are there
    #[arg(long = "batch", value_name = "ID")]
    batches: Vec<String>,
    /// What the logger saw in °C: LOWEST..HIGHEST
    #[arg(
        long,
        value_name = "RANGE",
        allow_hyphen_values = true,
        required_unless_present = "json",
        value_parser = value::storage
    )]
    seen: Option<StorageRange>,
    /// How long it lasted
    #[arg(long, value_name = "MINUTES", value_parser = value::small)]
    minutes: Option<i32>,
    /// Print-out of the logger and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Excursion {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let seen = self.seen.unwrap_or_default();
        let request = RecordTemperatureExcursionRequest {
            facility_id: self.facility.unwrap_or_default(),
            item_id: self.item.unwrap_or_default(),
            batch_ids: self.batches,
            lowest_millicelsius: seen.minimum_millicelsius,
            highest_millicelsius: seen.maximum_millicelsius,
            duration_minutes: self.minutes.unwrap_or_default(),
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}
