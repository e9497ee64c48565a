//! Everything that happened to one thing.

use clap::Args as ClapArgs;
use keruen_domain::boundary::{asset_tag, lot_tag};
use keruen_proto::{
    cloudevent,
    events::v1::ListEventsRequest,
    log::v1::{Query, QueryItem},
};

use crate::{
    client::{failure::Failure, session::Session, session::tell_of_more, value},
    render::timeline::Moment,
};

const PAGE_SIZE: i32 = 1_000;
/// Of what there is a timeline. The tags of all of them begin like this.
const KINDS: &[&str] = &[
    "donation",
    "batch",
    "lot",
    "asset",
    "stock",
    "request",
    "shipment",
    "count",
    "goods",
    "organisation",
    "facility",
    "commodity",
    "item",
    "vehicle",
    "volunteer",
    "crew",
    "mobileunit",
    "plan",
    "emergency",
    "trip",
    "agreements",
    "keeper",
];

/// What is asked for.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen timeline donation:KASPI-TESTS
  keruen timeline shipment:S-HJKMN-PQRSTU --format csv
  keruen timeline asset:VENT-A/SN-1
  keruen timeline lot:TEST-RAPID-A/L1
  keruen timeline stock:WH-ALA/TEST-RAPID-A --newest --limit 20
  keruen timeline request:R-JEZ-1 --format json

In the order in which it was recorded, with times by the clock of Kazakhstan. What was recorded more than a day after it happened says so. \
Every change is an event of the log: `keruen events --tag` prints the events themselves.")]
pub struct Args {
    /// A kind and an id: donation:ID, batch:ID, request:ID, shipment:ID, facility:CODE, item:CODE, asset:ITEM/SERIAL,
    /// lot:ITEM/LOT, stock:FACILITY/ITEM and so on
    #[arg(value_name = "KIND:ID", value_parser = subject)]
    subject: Subject,
    /// The newest first
    #[arg(long)]
    newest: bool,
    /// How many at most
    #[arg(long, value_name = "ROWS", default_value_t = 10_000, value_parser = value::limit)]
    limit: usize,
}

/// A thing, and the tag of everything that happened to it.
#[derive(Clone, Debug)]
struct Subject {
    tag: String,
    text: String,
}

fn subject(text: &str) -> Result<Subject, String> {
    let (kind, id) = text
        .split_once(':')
        .filter(|(_, id)| !id.is_empty())
        .ok_or("must be KIND:ID, for example donation:KASPI-TESTS")?;
    let kind = kind.to_ascii_lowercase().replace('-', "");
    if !KINDS.contains(&kind.as_str()) {
        return Err(format!(
            "there is no timeline of a {kind:?}; there is one of {}",
            KINDS.join(", ")
        ));
    }
    let pair = |of: &str| {
        id.split_once('/')
            .ok_or_else(|| format!("must be {kind}:{of}"))
    };
    let tag = match kind.as_str() {
        "asset" => pair("ITEM/SERIAL").map(|(item, serial)| asset_tag(item, serial))?,
        "lot" => pair("ITEM/LOT").map(|(item, lot)| lot_tag(item, lot))?,
        "stock" => pair("FACILITY/ITEM").map(|_| format!("stock:{id}"))?,
        _ => format!("{kind}:{id}"),
    };
    Ok(Subject {
        tag,
        text: text.to_owned(),
    })
}

impl Args {
    /// Prints it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut moments = Vec::new();
        let mut after_position = 0;
        let mut more = false;
        loop {
            let question = ListEventsRequest {
                query: Some(Query {
                    items: vec![QueryItem {
                        types: Vec::new(),
                        tags: vec![self.subject.tag.clone()],
                    }],
                }),
                after_position,
                page_size: PAGE_SIZE,
            };
            let page = session.ask(question).await?;
            for event in &page.events {
                let json =
                    cloudevent::render(event).map_err(|error| Failure::Other(error.into()))?;
                moments.push(Moment::of(event, &json, &self.subject.tag));
            }
            // The newest are the last that come; of the others no more are needed.
            if self.newest && moments.len() > self.limit {
                moments.drain(..moments.len() - self.limit);
                more = true;
            }
            if !self.newest && moments.len() > self.limit {
                moments.truncate(self.limit);
                more = true;
                break;
            }
            if page.next_after_position <= after_position {
                break;
            }
            after_position = page.next_after_position;
        }
        if moments.is_empty() {
            return Err(Failure::Other(anyhow::anyhow!(
                "nothing has happened to {:?}; check the kind and the id",
                self.subject.text
            )));
        }
        if self.newest {
            moments.reverse();
        }
        session.output().listed(&moments)?;
        tell_of_more(more, self.limit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_tag() {
        let tag = |text: &str| subject(text).map(|subject| subject.tag);
        assert_eq!(tag("donation:D-1").as_deref(), Ok("donation:D-1"));
        assert_eq!(tag("mobile-unit:M").as_deref(), Ok("mobileunit:M"));
        assert_eq!(tag("asset:VENT/SN 1"), Ok(asset_tag("VENT", "SN 1")));
        assert_eq!(tag("stock:WH/IT").as_deref(), Ok("stock:WH/IT"));
        for wrong in ["D-1", "donation:", "fact:X", "asset:VENT", "stock:WH"] {
            assert!(tag(wrong).is_err(), "{wrong}");
        }
    }
}
