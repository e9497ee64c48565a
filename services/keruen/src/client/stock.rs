//! Stock: where how much of everything is, and what becomes of it.

use std::collections::BTreeSet;

use clap::{Args as ClapArgs, Subcommand};
use keruen_proto::{
    inventory::v1::{
        AdjustStockRequest, AdjustmentReason, ConsumeStockRequest, ConsumptionPurpose,
        DisposalReason, DisposeStockRequest, GetItemQualityRequest, GetStockLevelRequest,
    },
    registry::v1::DocumentRef,
    stock::v1::{ListStockRequest, ListStockResponse, StockGroup},
};
use pbjson_types::Timestamp;

use crate::{
    cli::Format,
    client::{
        attention, count, excursion,
        failure::Failure,
        give_back, hold, line,
        mutation::{ListArgs, MutationArgs, TermsArgs},
        reflected::tell_known_at,
        region,
        session::{Session, tell_of_more},
        title,
        value::{self, Instant},
    },
    render::{stock as rows, word},
};

/// `keruen stock`, alone or with a verb.
#[derive(ClapArgs, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  keruen stock
  keruen stock --commodity TEST-SARS2 --by region
  keruen stock --region KZ-75 --by facility,item,batch --format csv
  keruen stock --by commodity --format json
  keruen stock --by expiry,item --expires-until 2021-06-30
  keruen stock --by asset --item VENT-A               a row for each serial number
  keruen stock --by facility,asset --as-of 2020-07-31 \\
      --filter 'serial_number = SN-1'
  keruen stock --as-of 2020-07-31                     what there was at the end of that day, as known today
  keruen stock --known-at 4711                        what was known when event 4711 was recorded
  keruen stock --as-of 2020-07-31 --known-at 2020-08-05T12:00:00+05:00
  keruen stock --by facility,item --order-by 'available desc' \\
      --filter '(item = TEST-A OR item = TEST-B) AND available > 0'

Quantities are in base units. available = on hand − reserved − held; what has expired is \
in it until it is disposed of (see --by expiry). What is on its way counts at its destination as \
in_transit, and where it comes from as in_transit_out: over all facilities the two are equal. received, consumed, \
disposed, lost, returned, converted (into kits) and what passed from owner to owner (title_in, title_out) are running \
totals. Fields of --filter: region, facility, commodity, item, batch, owner, custodian, expires_on, serial_number, and \
the sums on_hand, reserved, held, available, in_transit, received, consumed, disposed, lost, returned, converted, \
title_in, title_out, in_transit_out, which are joined to the others by AND; see `keruen help filter`. --order-by takes sums, and what \
stock is grouped by. By asset it has a row for each serial number of an item, and rows without one for what is not \
tracked by them. By custodian it tells what is in hand, and not what happened: others may have had it in hand then. \
JSON rows are flat and carry quantities as numbers. A day ends at midnight in Kazakhstan. \
What was recorded late counts in --as-of, and not in --known-at before it was recorded; \
regions are those of that day."
)]
pub struct Args {
    #[command(flatten)]
    filter: Filter,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What stock is asked about.
#[derive(ClapArgs, Debug)]
struct Filter {
    /// By what to group, in order of the columns; separate with commas
    #[arg(
        long,
        value_name = "GROUPS",
        value_delimiter = ',',
        default_value = "region,commodity",
        value_parser = word::parser::<StockGroup>()
    )]
    by: Vec<StockGroup>,
    /// Only of this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,
    /// Only at this facility
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Only of this commodity
    #[arg(long, value_name = "CODE")]
    commodity: Option<String>,
    /// Only of this item
    #[arg(long, value_name = "CODE")]
    item: Option<String>,
    /// Only of this batch
    #[arg(long, value_name = "ID")]
    batch: Option<String>,
    /// Only of this owner
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Only in the hands of this organisation: at its facilities, or on the way in its care
    #[arg(long, value_name = "CODE")]
    custodian: Option<String>,
    /// Only of batches that can still be used on this day
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    expires_from: Option<String>,
    /// Only of batches that expire by this day
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    expires_until: Option<String>,
    /// As it was known at a position, or by a time: nothing that was recorded later
    #[arg(long, value_name = "POSITION|TIME", value_parser = value::instant)]
    known_at: Option<Instant>,
    /// As it was at a time, by what is known now or at --known-at: nothing that happened later
    #[arg(long, value_name = "TIME", value_parser = value::end)]
    as_of: Option<Timestamp>,
    /// No bars below the table
    #[arg(long)]
    no_bars: bool,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    list: ListArgs,
}

/// What becomes of stock.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Open the books of a facility for some items with what is there
    #[command(after_help = "\
Examples:
  keruen stock open --facility HOSP-JEZ \\
      --line item=TEST-RAPID-A,quantity=240,lot=L7,expires=2021-03-31 \\
      --line item=VENT-A,serial=SN-1,serial=SN-2,owner=MOH

Each line becomes a batch of its own, of no known donation; the owner is the organisation \
that runs the facility, unless it is named. Where the books of an item are open already, \
use a count.")]
    Open(count::Open),
    /// Record a count, and correct the books by what it found
    #[command(after_help = "\
Examples:
  keruen stock level WH-ALA TEST-RAPID-A --format json
  keruen stock count --facility WH-ALA --item TEST-RAPID-A --kind full \\
      --at-position 4711 --line batch=B-HJKMN-PQRSTU,quantity=480 \\
      --document kind=count-sheet,number=CS-4
  keruen stock count --facility HOSP-JEZ --item VENT-A --kind cycle \\
      --line batch=B-VENT,serial=SN-1,serial=SN-2
  keruen stock count --facility WH-ALA --item TEST-RAPID-A --kind cycle \\
      --found quantity=20,lot=L9,expires=2021-01-31

Note the position before you count: what moves while you count is then told apart from \
what is missing. Only the difference is posted. What the books don't know is held.")]
    Count(count::Count),
    /// Show a count: what was there beside what the books had said
    #[command(
        name = "get-count",
        after_help = "\
Examples:
  keruen stock get-count C-HJKMN-PQRSTU"
    )]
    GetCount {
        /// Its id
        count_id: String,
    },
    /// List counts, newest first
    #[command(after_help = "\
Examples:
  keruen stock counts --facility WH-ALA
  keruen stock counts --item TEST-RAPID-A --format csv")]
    Counts(attention::Counts),
    /// List who has less than its minimum reserve
    #[command(after_help = "\
Examples:
  keruen stock shortages
  keruen stock shortages --region KZ-62 --format csv

`keruen facility set-reserve` says how much a facility is to have. What is reserved or held does not count.")]
    Shortages(attention::Where),
    /// List stock that is held: in quarantine, in doubt, recalled
    #[command(after_help = "\
Examples:
  keruen stock held
  keruen stock held --region KZ-62 --item TEST-RAPID-A

`held here` are units that are held by themselves, whatever is known of their batch.")]
    Held(attention::Held),
    /// Record that stock was given back to its donor, or to somebody else who takes it
    #[command(after_help = "\
Examples:
  keruen stock return --facility WH-ALA --batch B-HJKMN-PQRSTU \\
      --quantity 40 --reason unsuitable
  keruen stock return --facility WH-ALA --batch B-VENT --serial SN-9 \\
      --quantity 1 --reason defective --recipient MAKER

It leaves the system. Held units go first, claimed ones never, unless it has happened \
already: that is recorded whatever the books say.")]
    Return(give_back::Return),
    /// Record that stock was kept too warm or too cold, and hold what was there
    #[command(after_help = "\
Examples:
  keruen stock excursion --facility WH-ALA --item TEST-RAPID-A \\
      --seen 2..31.5 --minutes 190
  keruen stock excursion --facility HOSP-JEZ --item VACCINE-X \\
      --batch B-HJKMN-PQRSTU --seen=-4..8

Shipments lose their claims to it. It stays held until its quality is decided on: see \
`keruen stock release`, `batch shorten-expiry` and `stock dispose`.")]
    Excursion(excursion::Excursion),
    /// Record that a batch is more or less than the books say
    #[command(after_help = "\
Examples:
  keruen stock adjust --facility WH-ALA --batch B-HJKMN-PQRSTU --delta=-20 \\
      --reason count-difference
  keruen stock adjust --facility HOSP-JEZ --batch B-VENT --serial SN-9 \\
      --delta 1 --reason found --document kind=count-sheet,number=CS-4")]
    Adjust(Adjust),
    /// Record that stock was used up
    #[command(after_help = "\
Examples:
  keruen stock consume --facility HOSP-JEZ --item TEST-RAPID-A \\
      --quantity 120 --purpose patient
  keruen stock consume --facility HOSP-JEZ --item TEST-RAPID-A --quantity 2 \\
      --pack BOX --purpose patient
  keruen stock consume --facility HOSP-JEZ --item TEST-RAPID-A --quantity 5 \\
      --purpose control --batch B-HJKMN-PQRSTU \\
      --occurred-at 2020-07-20T18:00:00+06:00

  keruen stock consume --facility HOSP-JEZ --item TEST-RAPID-A --quantity 40 \\
      --purpose patient --already-used

Without --batch the books take those that expire first. What is held, recalled, expired \
or claimed is not issued. What has been used all the same, or some time ago, is recorded \
whatever the books say: claims to it are given up, and what they don't know of is booked \
as found, as a discrepancy; count the stock to settle it.")]
    Consume(Consume),
    /// Record that stock was disposed of
    #[command(after_help = "\
Examples:
  keruen stock dispose --facility WH-ALA --batch B-HJKMN-PQRSTU \\
      --quantity 40 --reason damaged \\
      --document kind=disposal-act,number=DA-2

  keruen stock dispose --facility HOSP-JEZ --batch B-HJKMN-PQRSTU \\
      --quantity 9 --reason spoiled --already-disposed

Held units go first, claimed ones never, unless it has happened already: that is recorded \
whatever the books say.")]
    Dispose(Dispose),
    /// Record that units at a facility passed to another owner
    #[command(after_help = "\
Examples:
  keruen stock transfer-title --facility HOSP-JEZ --batch B-HJKMN-PQRSTU \\
      --to HOSPITAL-JEZ --quantity 400 \\
      --document kind=transfer-act,number=TA-11,date=2020-08-02
  keruen stock transfer-title --facility WH-AST --batch B-LABS --to MOH \\
      --document kind=donation-agreement,number=17/2020

They stay where they are, in the same hands; what a shipment has claimed passes once it has arrived. \
`keruen stock --by owner` and `--by custodian` tell the two apart.")]
    TransferTitle(title::Transfer),
    /// Hold some units at a facility by themselves
    #[command(after_help = "\
Examples:
  keruen stock hold --facility WH-ALA --batch B-HJKMN-PQRSTU \\
      --quantity 40 --reason damaged

Only units that no shipment has claimed. To hold a whole batch wherever it is, see \
`keruen batch hold`.")]
    Hold(hold::Hold),
    /// Release units at a facility that are held by themselves
    #[command(after_help = "\
Examples:
  keruen stock release --facility WH-ALA --batch B-HJKMN-PQRSTU \\
      --quantity 25 --verdict assessed \\
      --document kind=quality-decision,number=QD-3
  keruen stock release --facility HOSP-JEZ --batch B-VENT --serial SN-2 \\
      --quantity 1 --override-by person:7 --override-reason held-by-mistake

Also what came damaged, as a surplus or wrong. What is held with its batch is released \
with it: see `keruen batch release`.")]
    Release(hold::Release),
    /// Show which batches of an item are held and which of its lots are recalled
    #[command(after_help = "\
Examples:
  keruen stock quality TEST-RAPID-A")]
    Quality {
        /// The item
        item_id: String,
    },
    /// Show the stock of one item at one facility, by batch and owner
    #[command(after_help = "\
Examples:
  keruen stock level WH-ALA TEST-RAPID-A")]
    Level {
        /// The facility
        facility_id: String,
        /// The item
        item_id: String,
    },
}

/// A correction of the books.
#[derive(ClapArgs, Debug)]
pub struct Adjust {
    /// Where
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// The batch
    #[arg(long, value_name = "ID", required_unless_present = "json")]
    batch: Option<String>,
    /// The owner. Default: the only one that has stock of this batch there
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// How many more, or with a minus fewer, base units there are
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "json",
        value_parser = value::whole
    )]
    delta: Option<i64>,
    /// Pack of the item in which that is told, for example BOX. Default: base units
    #[arg(long, value_name = "CODE")]
    pack: Option<String>,
    /// Serial number, of an asset; repeatable
    #[arg(long = "serial", value_name = "NUMBER")]
    serials: Vec<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<AdjustmentReason>())]
    reason: Option<AdjustmentReason>,
    /// Count sheet and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A use.
#[derive(ClapArgs, Debug)]
pub struct Consume {
    /// Where
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// The item
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    item: Option<String>,
    /// Base units
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "json",
        value_parser = value::whole
    )]
    quantity: Option<i64>,
    /// Pack of the item in which that is told, for example BOX. Default: base units
    #[arg(long, value_name = "CODE")]
    pack: Option<String>,
    /// The batch. Default: those that expire first, marked as assumed
    #[arg(long, value_name = "ID")]
    batch: Option<String>,
    /// The owner. Default: any
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// What for
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<ConsumptionPurpose>())]
    purpose: Option<ConsumptionPurpose>,
    /// It has happened: record it whatever the books say, as with an earlier --occurred-at
    #[arg(long)]
    already_used: bool,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A disposal.
#[derive(ClapArgs, Debug)]
pub struct Dispose {
    /// Where
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// The batch
    #[arg(long, value_name = "ID", required_unless_present = "json")]
    batch: Option<String>,
    /// The owner. Default: the only one that has stock of this batch there
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Base units
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "json",
        value_parser = value::whole
    )]
    quantity: Option<i64>,
    /// Pack of the item in which that is told, for example BOX. Default: base units
    #[arg(long, value_name = "CODE")]
    pack: Option<String>,
    /// Serial number, of an asset; repeatable
    #[arg(long = "serial", value_name = "NUMBER")]
    serials: Vec<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<DisposalReason>())]
    reason: Option<DisposalReason>,
    /// It has happened: record it whatever the books say, as with an earlier --occurred-at
    #[arg(long)]
    already_disposed: bool,
    /// Act of disposal: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Args {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self.verb {
            None => list(session, self.filter).await,
            Some(Verb::Open(args)) => args.run(session).await,
            Some(Verb::Count(args)) => args.run(session).await,
            Some(Verb::GetCount { count_id }) => count::show(session, count_id).await,
            Some(Verb::Counts(args)) => args.run(session).await,
            Some(Verb::Shortages(args)) => args.shortages(session).await,
            Some(Verb::Held(args)) => args.run(session).await,
            Some(Verb::Return(args)) => args.run(session).await,
            Some(Verb::Excursion(args)) => args.run(session).await,
            Some(Verb::Adjust(args)) => {
                let request = AdjustStockRequest {
                    facility_id: args.facility.unwrap_or_default(),
                    batch_id: args.batch.unwrap_or_default(),
                    owner_id: args.owner.unwrap_or_default(),
                    delta: args.delta.unwrap_or_default(),
                    pack_id: args.pack.unwrap_or_default(),
                    serial_numbers: args.serials,
                    reason: args.reason.map_or(0, Into::into),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Some(Verb::Consume(args)) => {
                let request = ConsumeStockRequest {
                    facility_id: args.facility.unwrap_or_default(),
                    item_id: args.item.unwrap_or_default(),
                    quantity: args.quantity.unwrap_or_default(),
                    pack_id: args.pack.unwrap_or_default(),
                    batch_id: args.batch.unwrap_or_default(),
                    owner_id: args.owner.unwrap_or_default(),
                    purpose: args.purpose.map_or(0, Into::into),
                    already_used: args.already_used,
                    ..Default::default()
                };
                session
                    .change_with_consequences(&args.mutation, request)
                    .await
            }
            Some(Verb::Dispose(args)) => {
                let request = DisposeStockRequest {
                    facility_id: args.facility.unwrap_or_default(),
                    batch_id: args.batch.unwrap_or_default(),
                    owner_id: args.owner.unwrap_or_default(),
                    quantity: args.quantity.unwrap_or_default(),
                    pack_id: args.pack.unwrap_or_default(),
                    serial_numbers: args.serials,
                    reason: args.reason.map_or(0, Into::into),
                    documents: args.documents,
                    already_disposed: args.already_disposed,
                    ..Default::default()
                };
                session
                    .change_with_consequences(&args.mutation, request)
                    .await
            }
            Some(Verb::TransferTitle(args)) => args.run(session).await,
            Some(Verb::Hold(args)) => args.run(session).await,
            Some(Verb::Release(args)) => args.run(session).await,
            Some(Verb::Quality { item_id }) => {
                session.show(GetItemQualityRequest { item_id }).await
            }
            Some(Verb::Level {
                facility_id,
                item_id,
            }) => {
                session
                    .show(GetStockLevelRequest {
                        facility_id,
                        item_id,
                    })
                    .await
            }
        }
    }
}

async fn list(session: &Session, filter: Filter) -> Result<(), Failure> {
    let by = rows::columns_of(&filter.by);
    let in_hand = by.contains(&StockGroup::Custodian)
        || filter.custodian.is_some()
        || filter.terms.filter.contains("custodian");
    let request = ListStockRequest {
        group_by: by.iter().map(|group| (*group).into()).collect(),
        region_id: filter.region.unwrap_or_default(),
        facility_id: filter.facility.unwrap_or_default(),
        commodity_id: filter.commodity.unwrap_or_default(),
        item_id: filter.item.unwrap_or_default(),
        batch_id: filter.batch.unwrap_or_default(),
        owner_id: filter.owner.unwrap_or_default(),
        custodian_id: filter.custodian.unwrap_or_default(),
        expires_from: filter.expires_from.unwrap_or_default(),
        expires_until: filter.expires_until.unwrap_or_default(),
        known_at_position: match filter.known_at {
            Some(Instant::Position(position)) => position,
            _ => 0,
        },
        known_at: match filter.known_at {
            Some(Instant::Time(time)) => Some(time),
            _ => None,
        },
        as_of: filter.as_of,
        filter: filter.terms.filter,
        order_by: filter.terms.order_by,
        min_position: filter.list.min_position,
        ..Default::default()
    };
    let (mut untold, mut known_at) = (BTreeSet::new(), 0);
    let asked_at = request.known_at_position;
    let see = |answer: &ListStockResponse| {
        untold.extend(answer.untold_counters.iter().cloned());
        known_at = answer.known_at_position;
    };
    let (stock, more) = session.pages_seen(request, filter.list.limit, see).await?;
    let mut output = session.output();
    rows::print(&mut output, &stock, &by, in_hand)?;
    if let Some(line) = rows::untold(&untold) {
        match output.format() {
            Format::Table => output.line(&line)?,
            Format::Csv | Format::Json => anstream::eprintln!("{line}"),
        }
    }
    if output.format() == Format::Table
        && let Some(line) = rows::below_zero(&stock)
    {
        output.line(line)?;
    }
    if let (Format::Table, false, Some(width)) =
        (output.format(), filter.no_bars, output.terminal_width())
    {
        let names = region::names(session).await?;
        if let Some(bars) = rows::bars(&stock, &by, &names, width) {
            output.line(&bars)?;
        }
    }
    output.flush()?;
    tell_known_at(asked_at, known_at);
    tell_of_more(more, filter.list.limit);
    Ok(())
}
