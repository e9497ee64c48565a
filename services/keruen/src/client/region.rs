//! Regions.

use std::collections::BTreeMap;

use clap::Subcommand;
use keruen_proto::registry::v1::ListRegionsRequest;

use crate::{
    client::{failure::Failure, session::Session, value},
    render::registry::region_label,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// List the regions that exist on a day
    #[command(after_help = "\
Examples:
  keruen region list
  keruen region list --on 2020-07-14")]
    List {
        /// The day. Default: today
        #[arg(long, value_name = "DAY", value_parser = value::date)]
        on: Option<String>,
    },
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let Self::List { on } = self;
        let answer = session
            .ask(ListRegionsRequest {
                on_date: on.unwrap_or_default(),
            })
            .await?;
        Ok(session.output().listed(&answer.regions)?)
    }
}

/// The names of today's regions by their codes.
pub async fn names(session: &Session) -> Result<BTreeMap<String, String>, Failure> {
    let answer = session.ask(ListRegionsRequest::default()).await?;
    Ok(answer
        .regions
        .iter()
        .map(|region| (region.region_id.clone(), region_label(region)))
        .collect())
}
