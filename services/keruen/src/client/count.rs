//! What is there: opening balances and counts.

use clap::Args;
use keruen_proto::{
    inventory::v1::{
        CountKind, CountLine, CountStockRequest, GetStockCountRequest, NewStockLine,
        OpenStockRequest,
    },
    registry::v1::DocumentRef,
};

use crate::{
    client::{failure::Failure, line, mutation::MutationArgs, session::Session, value},
    render::word,
};

/// An opening balance.
#[derive(Args, Debug)]
pub struct Open {
    /// Where
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// What is there: item=CODE,quantity=N[,pack=CODE][,owner=CODE][,lot=TEXT][,expires=DAY][,serial=NUMBER]…[,value=MONEY[,basis=BASIS]][,held=yes][,batch=ID]; repeatable
    #[arg(long = "line", value_name = "LINE", required_unless_present = "json", value_parser = line::new_stock)]
    lines: Vec<NewStockLine>,
    /// Inventory of the store and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Open {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = OpenStockRequest {
            facility_id: self.facility.unwrap_or_default(),
            lines: self.lines,
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

/// A count.
#[derive(Args, Debug)]
pub struct Count {
    /// Id for the count. Default: a new one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Where
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// The item
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    item: Option<String>,
    /// full: what is not named is not there. cycle: only what is named was counted
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<CountKind>())]
    kind: Option<CountKind>,
    /// Position of the log as of which the books are compared, from `stock level` before the count. Default: as they
    /// stand now
    #[arg(long, value_name = "POSITION", value_parser = value::position)]
    at_position: Option<u64>,
    /// What is there: batch=ID,quantity=N[,pack=CODE][,owner=CODE][,serial=NUMBER]…; repeatable
    #[arg(long = "line", value_name = "LINE", value_parser = line::counted)]
    lines: Vec<CountLine>,
    /// What is there of which the books know no batch, as in `stock open`; repeatable
    #[arg(long = "found", value_name = "LINE", value_parser = line::new_stock)]
    found: Vec<NewStockLine>,
    /// Count sheet and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Count {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let item_id = self.item.unwrap_or_default();
        let mut found = self.found;
        for line in &mut found {
            if line.item_id.is_empty() {
                line.item_id.clone_from(&item_id);
            }
        }
        let request = CountStockRequest {
            count_id: self.id.unwrap_or_default(),
            facility_id: self.facility.unwrap_or_default(),
            item_id,
            kind: self.kind.map_or(0, Into::into),
            counted_position: self.at_position.unwrap_or_default(),
            lines: self.lines,
            found,
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

/// Shows a count.
pub async fn show(session: &Session, count_id: String) -> Result<(), Failure> {
    session.show(GetStockCountRequest { count_id }).await
}
