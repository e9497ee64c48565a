//! Reports: what the views add up to.

use clap::{Args, Subcommand, ValueEnum};
use keruen_proto::reports::v1::{
    AuditExceptionKind, ListAuditExceptionsRequest, ListExpiringStockRequest, ListReordersRequest,
    ListUnmetNeedsRequest, ListUnmetNeedsResponse, ReorderOrder, UnmetNeedOrder, UnmetNeedTotal,
};

use crate::{
    cli::Format,
    client::{
        failure::Failure,
        mutation::{ListArgs, TermsArgs},
        session::{Session, tell_of_more},
        statement::Statement,
        value,
    },
    render::word,
};

/// Which report.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show what was asked for and has not come, and hospitals that never said anything
    #[command(after_help = "\
Examples:
  keruen report unmet
  keruen report unmet --region KZ-62 --longest-waiting
  keruen report unmet --commodity O2-CONCENTRATOR --most-missing --format csv
  keruen report unmet --confirmed-within-days 14 --format json
  keruen report unmet --totals --format csv
  keruen report unmet --filter 'not_approved > 0 OR missing > 0' \\
      --order-by 'not_approved desc'

A row adds up all requests of a region for an item: asked = approved + not approved + undecided. \
`not_approved` is what an approval left out, and all of what was rejected. `missing` is what was \
approved, or asked for where nobody has decided yet or where it was rejected because nobody has it, \
and is neither received nor on its way. Left out are duplicates, what was taken back, what was \
rejected because there is enough, and what was closed short because the rest is not needed any more. What a request that has ended \
left unmet is told until `keruen request mark-duplicate` names another one that asks for it, or \
`keruen request cancel` says that it is over. Needs \
that nobody has confirmed lately are told apart, as `unconfirmed`: see `keruen request reconfirm`. \
One that was asked for by a later day counts as confirmed until then. \
A hospital, laboratory or mobile unit that has neither asked for nor used nor counted anything \
stands in a row of its own, whatever is asked for: nobody knows what it needs.

Below the table stand totals by commodity, and at last how many facilities wait for anything, and how \
many are unknown. --totals lists those alone, also as JSON and CSV.

Fields of --filter and --order-by: region, commodity, item, need, unknown_facility, patients, \
facilities, requests, asked, approved, not_approved, undecided, claimed, on_the_way, received, missing, \
days_waiting, unconfirmed; see `keruen help filter`.")]
    Unmet(Unmet),
    /// Show stock that expires soon or has expired, the first to expire first
    #[command(after_help = "\
Examples:
  keruen report expiring
  keruen report expiring --within-days 90 --region KZ-75
  keruen report expiring --facility WH-ALA --hide-expired --format csv
  keruen report expiring --filter 'available > 0 AND owner = MOH' \\
      --order-by 'available desc'

Fields of --filter and --order-by: expires_on, region, facility, commodity (--filter only), item, batch, \
owner, on_hand, reserved, held, available, in_transit; see `keruen help filter`. \
Sums (on_hand and what follows) stand beside other fields with AND.")]
    Expiring(Expiring),
    /// Show how long stock lasts at the pace of the last months, and what to ask for
    #[command(after_help = "\
Examples:
  keruen report reorder
  keruen report reorder --facility HOSP-JEZ --months 4
  keruen report reorder --region KZ-62 --average-months 6 --first-to-run-out
  keruen report reorder --all --format csv
  keruen report reorder --filter 'days_left < 14' --order-by 'suggested desc'
  keruen report reorder --by item --commodity MASK

`monthly` is what 30 days use up on average. Days on which nothing was on hand are left out of that: `days_out_of_stock` tells how many they were. `suggested` is what is missing to the stock for the \
months asked for, or to the minimum reserve, whichever is more, beyond what is on its way. What \
was used counts for the day on which it was used, however late that was recorded.

Fields of --filter and --order-by: region, facility, commodity, item, available, in_transit, monthly, \
days_left, minimum, suggested, days_out_of_stock; see `keruen help filter`. What \
nobody uses lasts for ever.")]
    Reorder(Reorder),
    /// Show what an auditor looks at: overrides, late and missing papers, corrections, adjustments
    #[command(after_help = "\
Examples:
  keruen report exceptions
  keruen report exceptions --kind override --kind same-person
  keruen report exceptions --kind adjustment --min-value 10000000
  keruen report exceptions --region KZ-62 --from 2026-10-01 --until 2026-10-31 \\
      --format csv
  keruen report exceptions --order-by 'value_minor_units desc' \\
      --filter 'value_currency = USD AND value_minor_units < -100000'

Kinds: overrides of rules; facts recorded more than a day after they happened (backdated); \
corrections; goods received by whoever had a hand in approving them (same-person); receipts, \
dispatches, disposals and so on without a document; adjustments of the books; units that the \
books could not explain (discrepancy). --min-value is in minor units of any currency, whatever the sign; \
value_minor_units is too, with its sign, and says nothing where no value is told: 150.00 USD is \
15000. Fields of --filter: kind, facility, region, actor, recorded_at, value_minor_units, value_currency, position; see `keruen help filter`. --order-by takes the same. \
Times are by the clock of Kazakhstan.")]
    Exceptions(Exceptions),
    /// State what became of what a donor gave, or an organisation owned, in a period
    #[command(after_help = "\
Examples:
  keruen report statement --donor KASPI --from 2020-07-01 --until 2020-12-31
  keruen report statement --owner MOH --format csv
  keruen report statement --donor KASPI --page kaspi.html
  keruen report statement --donor KASPI --until 2020-12-31 --at 5120
  keruen report statement --donor KASPI --until 2020-12-31 --at 7300 \\
      --since 5120 --changed-only

What was there or on its way when the period began (opening), what was received and passed to the \
organisation, are together what is at warehouses, delivered to hospitals and in transit at its end, and what \
was used, disposed of, lost, returned, converted and passed on. Unreported is delivered, and neither its \
arrival nor use of it was reported there for so many days; equipment is reported unit by unit, by whatever was \
told of it: that it was installed, put into service, serviced, or broke down. Expired is what was past its last \
day of use when the period ended. A statement tells what was known at a position, and ends with the day in Kazakhstan \
on which that was recorded unless --until names another one: asked with --at, it is the same for ever, on \
whatever day. --since also tells what the same question was answered with at an earlier position. Where it is \
about too much to add up at once, ask for one --donation at a time; UNATTRIBUTED names what is of none.")]
    Statement(Statement),
}

/// Which unmet needs.
#[derive(Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own on the command line"
)]
pub struct Unmet {
    /// Only in this region
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
    /// For how many days a need counts as confirmed after it was filed or last said to be there; in any case until
    /// the day by which it is needed
    #[arg(long, value_name = "DAYS", default_value_t = 60, value_parser = value::span)]
    confirmed_within_days: i32,
    /// Leave out facilities that never said anything
    #[arg(long)]
    hide_silent: bool,
    /// What is missing most first. Default: by region, commodity and item
    #[arg(long, conflicts_with = "longest_waiting")]
    most_missing: bool,
    /// Whoever has waited longest first
    #[arg(long)]
    longest_waiting: bool,
    /// Only what the rows add up to, by commodity, and how many facilities wait or are unknown
    #[arg(long)]
    totals: bool,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    list: ListArgs,
}

/// Which stock.
#[derive(Args, Debug)]
pub struct Expiring {
    /// How many days ahead
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = value::span)]
    within_days: i32,
    /// Only in this region
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
    /// Only of this owner
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Leave out what has expired already
    #[arg(long)]
    hide_expired: bool,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    list: ListArgs,
}

/// Which stock, and how use is averaged.
#[derive(Args, Debug)]
pub struct Reorder {
    /// Only in this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,
    /// Only at this facility
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Only of this commodity
    #[arg(long, value_name = "CODE")]
    commodity: Option<String>,
    /// A row for each commodity, or for each item: minimum reserves are those of
    /// commodities, and none of items
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// Over how many months of 30 days use is averaged, or since there first was
    /// any where that is less, without days out of stock, but over at least 7 days
    #[arg(long, value_name = "MONTHS", default_value_t = 3, value_parser = value::span)]
    average_months: i32,
    /// For how many months of 30 days there should be stock
    #[arg(long, value_name = "MONTHS", default_value_t = 2, value_parser = value::span)]
    months: i32,
    /// Also what is enough, and what was used up longer ago
    #[arg(long)]
    all: bool,
    /// What runs out first first. Default: by facility and commodity
    #[arg(long)]
    first_to_run_out: bool,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    list: ListArgs,
}

/// Of what a row tells how long it lasts.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum By {
    /// Of a commodity: all items that serve it
    #[default]
    Commodity,
    /// Of an item
    Item,
}

/// Which exceptions.
#[derive(Args, Debug)]
pub struct Exceptions {
    /// Only of this kind; repeatable
    #[arg(long = "kind", value_name = "KIND", value_parser = word::parser::<AuditExceptionKind>())]
    kinds: Vec<AuditExceptionKind>,
    /// Only in this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,
    /// Only at this facility
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Only what was recorded by this actor
    #[arg(long, value_name = "REF")]
    by: Option<String>,
    /// Only what was recorded on this day or later
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    from: Option<String>,
    /// Only what was recorded on this day or before
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    until: Option<String>,
    /// Only what is worth at least so much, in minor units of any currency
    #[arg(long, value_name = "MINOR-UNITS", default_value_t = 0, hide_default_value = true, value_parser = value::whole)]
    min_value: i64,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    list: ListArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Unmet(args) => {
                let order = match (args.most_missing, args.longest_waiting) {
                    (true, _) => UnmetNeedOrder::Missing,
                    (_, true) => UnmetNeedOrder::Waiting,
                    _ => UnmetNeedOrder::Unspecified,
                };
                let request = ListUnmetNeedsRequest {
                    region_id: args.region.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    commodity_id: args.commodity.unwrap_or_default(),
                    item_id: args.item.unwrap_or_default(),
                    confirmed_within_days: args.confirmed_within_days,
                    order: order.into(),
                    hide_silent: args.hide_silent,
                    filter: args.terms.filter,
                    order_by: args.terms.order_by,
                    min_position: args.list.min_position,
                    ..Default::default()
                };
                list_with_totals(session, request, args.list.limit, args.totals).await
            }
            Self::Expiring(args) => {
                let request = ListExpiringStockRequest {
                    within_days: args.within_days,
                    region_id: args.region.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    commodity_id: args.commodity.unwrap_or_default(),
                    item_id: args.item.unwrap_or_default(),
                    owner_id: args.owner.unwrap_or_default(),
                    hide_expired: args.hide_expired,
                    filter: args.terms.filter,
                    order_by: args.terms.order_by,
                    min_position: args.list.min_position,
                    ..Default::default()
                };
                session.list(request, args.list.limit).await
            }
            Self::Reorder(args) => {
                let order = if args.first_to_run_out {
                    ReorderOrder::DaysLeft
                } else {
                    ReorderOrder::Unspecified
                };
                let request = ListReordersRequest {
                    region_id: args.region.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    commodity_id: args.commodity.unwrap_or_default(),
                    average_months: args.average_months,
                    target_months: args.months,
                    show_enough: args.all,
                    by_item: matches!(args.by, By::Item),
                    order: order.into(),
                    filter: args.terms.filter,
                    order_by: args.terms.order_by,
                    min_position: args.list.min_position,
                    ..Default::default()
                };
                session.list(request, args.list.limit).await
            }
            Self::Statement(args) => args.run(session).await,
            Self::Exceptions(args) => {
                let request = ListAuditExceptionsRequest {
                    kinds: args.kinds.into_iter().map(Into::into).collect(),
                    region_id: args.region.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    actor: args.by.unwrap_or_default(),
                    recorded_from: args.from.unwrap_or_default(),
                    recorded_until: args.until.unwrap_or_default(),
                    min_value_minor_units: args.min_value,
                    filter: args.terms.filter,
                    order_by: args.terms.order_by,
                    min_position: args.list.min_position,
                    ..Default::default()
                };
                session.list(request, args.list.limit).await
            }
        }
    }
}

/// Lists unmet needs; in a table with what they add up to below them, or that alone.
async fn list_with_totals(
    session: &Session,
    request: ListUnmetNeedsRequest,
    limit: usize,
    only_totals: bool,
) -> Result<(), Failure> {
    if only_totals {
        // They are on every page.
        let request = ListUnmetNeedsRequest {
            page_size: 1,
            ..request
        };
        let answer = session.ask(request).await?;
        return Ok(session.output().listed(&answer.totals)?);
    }
    let mut totals: Vec<UnmetNeedTotal> = Vec::new();
    let see = |answer: &ListUnmetNeedsResponse| {
        // Those of the last page are the newest.
        totals.clone_from(&answer.totals);
    };
    let (rows, more) = session.pages_seen(request, limit, see).await?;
    let mut output = session.output();
    output.listed(&rows)?;
    if session.format() == Format::Table {
        output.line("")?;
        output.listed(&totals)?;
    }
    tell_of_more(more, limit);
    Ok(())
}
