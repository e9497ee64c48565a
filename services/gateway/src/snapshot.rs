//! Everything that one page shows, read from the node.

use std::collections::BTreeSet;

use keruen_proto::{
    Standing,
    inventory::v1::Donation,
    registry::v1::{
        Commodity, GetCommodityRequest, ListCommoditiesRequest, ListCommoditiesResponse,
        ListRegionsRequest, Region,
    },
    requests::v1::Request,
    stock::v1::{
        GetTraceRequest, GetTraceResponse, ListDonationsRequest, ListDonationsResponse,
        ListRequestsRequest, ListRequestsResponse, ListStockRequest, ListStockResponse, RequestRow,
        StockGroup, StockRow, get_trace_request,
    },
};
use tonic::{Code, Response, Status, metadata::MetadataMap};

use crate::{
    names::{NameCache, Named, Names},
    node::{Node, problem_of},
    problem::Problem,
    query::Choice,
};

/// Batches that are listed without a donor carry this in place of a donation or an owner.
pub const UNATTRIBUTED: &str = "UNATTRIBUTED";

/// How many open requests are shown.
pub const REQUESTS_SHOWN: usize = 50;

/// How many lines of each are shown.
pub const LINES_SHOWN: usize = 8;

/// How many open requests are counted; beyond that the page says "at least".
const REQUESTS_COUNTED: i32 = 1_000;

/// How many donations can be chosen from; older ones are reached by their address.
const DONATIONS_LISTED: i32 = 200;

/// How many commodities can be chosen from.
const COMMODITIES_LISTED: i32 = 1_000;

/// What the node says, for one choice.
#[derive(Debug)]
pub struct Snapshot {
    /// Regions that exist today.
    pub regions: Vec<Region>,
    /// What can be chosen.
    pub commodities: Vec<Commodity>,
    /// The commodity that is shown; none where none is registered.
    pub commodity: Option<Commodity>,
    /// Its stock by region; regions without any may be missing.
    pub stock: Vec<StockRow>,
    /// Quantities of it, by their protobuf names, that the node can't tell yet.
    pub untold_counters: Vec<String>,
    /// What can be chosen, newest first.
    pub donations: Vec<Donation>,
    /// Whether there are older ones.
    pub more_donations: bool,
    /// The donation that is shown; none where there is none.
    pub trace: Option<GetTraceResponse>,
    /// Open requests, the most urgent and then the oldest first; the first [`REQUESTS_SHOWN`] of them.
    pub requests: Vec<RequestRow>,
    /// How many open requests there are.
    pub open_requests: usize,
    /// Whether there are even more.
    pub more_requests: bool,
    /// Names of what the above refer to.
    pub names: Names,
    /// Everything up to this position of the log is in the above.
    pub position: u64,
    /// How many events are missing, where the node does not follow its log.
    pub missing_events: u64,
}

impl Snapshot {
    /// Reads it.
    pub async fn read(node: &Node, names: &NameCache, choice: &Choice) -> Result<Self, Problem> {
        let (regions, commodities, donations, (requests, missing_events)) = tokio::try_join!(
            list_regions(node),
            list_commodities(node),
            list_donations(node),
            list_requests(node),
        )
        .map_err(refused)?;
        let commodity = choose_commodity(node, choice, &commodities).await?;
        let donation_id = choose_donation(choice, commodity.as_ref(), &donations.donations);
        let (stock, trace) = tokio::try_join!(
            stock_by_region(node, commodity.as_ref()),
            trace_donation(node, donation_id)
        )?;
        let positions = [
            Some(commodities.position),
            Some(donations.position),
            Some(requests.position),
            stock.as_ref().map(|stock| stock.position),
            trace.as_ref().map(|trace| trace.position),
        ];
        let stock = stock.unwrap_or_default();
        let mut snapshot = Self {
            regions,
            commodities: commodities.commodities,
            commodity,
            stock: stock.rows,
            untold_counters: stock.untold_counters,
            donations: donations.donations,
            more_donations: !donations.next_page_token.is_empty(),
            trace,
            open_requests: requests.rows.len(),
            requests: requests.rows,
            more_requests: !requests.next_page_token.is_empty(),
            names: Names::new(),
            position: positions.into_iter().flatten().min().unwrap_or_default(),
            missing_events,
        };
        snapshot.requests.truncate(REQUESTS_SHOWN);
        snapshot.names = names.find(node, snapshot.named()).await.map_err(refused)?;
        Ok(snapshot)
    }

    /// The requests that are shown.
    pub fn shown_requests(&self) -> impl Iterator<Item = (&RequestRow, &Request)> {
        self.requests
            .iter()
            .filter_map(|row| Some((row, row.request.as_ref()?)))
    }

    /// Everything that is shown by name.
    fn named(&self) -> BTreeSet<Named> {
        let mut named = BTreeSet::new();
        for donation in &self.donations {
            if !donation.anonymous {
                named.insert(Named::Organisation(donation.donor_id.clone()));
            }
        }
        for (_, request) in self.shown_requests() {
            let lines = request.lines.iter().take(LINES_SHOWN);
            named.extend(lines.map(|line| Named::Item(line.item_id.clone())));
        }
        if let Some(trace) = &self.trace {
            named_in_trace(trace, &mut named);
        }
        named.retain(|named| {
            let (Named::Organisation(code) | Named::Facility(code) | Named::Item(code)) = named;
            !code.is_empty() && code != UNATTRIBUTED
        });
        named
    }
}

fn named_in_trace(trace: &GetTraceResponse, named: &mut BTreeSet<Named>) {
    if let Some(donation) = &trace.donation {
        named.insert(Named::Organisation(donation.recipient_id.clone()));
        named.extend(
            donation
                .lines
                .iter()
                .map(|line| Named::Item(line.item_id.clone())),
        );
    }
    for batch in &trace.batches {
        for place in &batch.places {
            named.insert(Named::Organisation(place.owner_id.clone()));
            named.insert(Named::Organisation(place.custodian_id.clone()));
        }
        for step in &batch.steps {
            named.insert(Named::Facility(step.from_facility_id.clone()));
            named.insert(Named::Facility(step.facility_id.clone()));
        }
    }
}

/// Logged here, once, and told to the reader without its details.
#[expect(clippy::needless_pass_by_value, reason = "so it fits `map_err`")]
fn refused(status: Status) -> Problem {
    tracing::warn!(code = ?status.code(), message = status.message(), "node did not answer a page");
    problem_of(&status)
}

async fn list_regions(node: &Node) -> Result<Vec<Region>, Status> {
    let mut registry = node.registry.clone();
    let request = node.ask(ListRegionsRequest {
        on_date: String::new(),
    });
    Ok(node.answer(registry.list_regions(request)).await?.regions)
}

async fn list_commodities(node: &Node) -> Result<ListCommoditiesResponse, Status> {
    let mut registry = node.registry.clone();
    let request = ListCommoditiesRequest {
        page_size: COMMODITIES_LISTED,
        // There may be stock of what is retired.
        show_retired: true,
        ..Default::default()
    };
    node.answer(registry.list_commodities(node.ask(request)))
        .await
}

async fn list_donations(node: &Node) -> Result<ListDonationsResponse, Status> {
    let mut stock = node.stock.clone();
    let request = ListDonationsRequest {
        page_size: DONATIONS_LISTED,
        ..Default::default()
    };
    node.answer(stock.list_donations(node.ask(request))).await
}

/// How many events are not in an answer, unless they are about to be.
fn missing_events(metadata: &MetadataMap) -> u64 {
    let standing = Standing::of(metadata).filter(Standing::is_behind);
    standing.map_or(0, |standing| standing.lag_events())
}

/// The open requests, and how many events are not in them.
async fn list_requests(node: &Node) -> Result<(ListRequestsResponse, u64), Status> {
    let mut stock = node.stock.clone();
    let request = ListRequestsRequest {
        open_only: true,
        page_size: REQUESTS_COUNTED,
        ..Default::default()
    };
    let with_missing = |answer: Response<ListRequestsResponse>| {
        let missing_events = missing_events(answer.metadata());
        (answer.into_inner(), missing_events)
    };
    node.answer_as(stock.list_requests(node.ask(request)), with_missing)
        .await
}

async fn stock_by(
    node: &Node,
    group: StockGroup,
    commodity_id: &str,
) -> Result<ListStockResponse, Status> {
    let mut stock = node.stock.clone();
    let request = ListStockRequest {
        group_by: vec![group.into()],
        commodity_id: commodity_id.to_owned(),
        page_size: COMMODITIES_LISTED,
        ..Default::default()
    };
    node.answer(stock.list_stock(node.ask(request))).await
}

async fn stock_by_region(
    node: &Node,
    commodity: Option<&Commodity>,
) -> Result<Option<ListStockResponse>, Problem> {
    let Some(commodity) = commodity else {
        return Ok(None);
    };
    stock_by(node, StockGroup::Region, &commodity.commodity_id)
        .await
        .map(Some)
        .map_err(refused)
}

/// The commodity that was asked for, else the one of which most has come.
async fn choose_commodity(
    node: &Node,
    choice: &Choice,
    commodities: &ListCommoditiesResponse,
) -> Result<Option<Commodity>, Problem> {
    let listed = |id: &str| {
        commodities
            .commodities
            .iter()
            .find(|commodity| commodity.commodity_id == id)
            .cloned()
    };
    if let Some(id) = &choice.commodity {
        return match listed(id) {
            Some(commodity) => Ok(Some(commodity)),
            None => get_commodity(node, id).await.map(Some),
        };
    }
    if commodities.commodities.len() < 2 {
        return Ok(commodities.commodities.first().cloned());
    }
    let totals = stock_by(node, StockGroup::Commodity, "")
        .await
        .map_err(refused)?;
    let largest = totals.rows.iter().max_by_key(|row| row.received);
    Ok(largest
        .and_then(|row| listed(&row.commodity_id))
        .or_else(|| commodities.commodities.first().cloned()))
}

async fn get_commodity(node: &Node, id: &str) -> Result<Commodity, Problem> {
    let mut registry = node.registry.clone();
    let request = node.ask(GetCommodityRequest {
        commodity_id: id.to_owned(),
    });
    let unknown = || Problem::NoSuchCommodity {
        found: id.to_owned(),
    };
    match node.answer(registry.get_commodity(request)).await {
        Ok(answer) => answer.commodity.ok_or_else(unknown),
        Err(status) if is_unknown(&status) => Err(unknown()),
        Err(status) => Err(refused(status)),
    }
}

/// The donation that was asked for. Else, of those of which something has come, the one that promised most of the
/// commodity that is shown, or the newest.
fn choose_donation(
    choice: &Choice,
    commodity: Option<&Commodity>,
    donations: &[Donation],
) -> Option<String> {
    if choice.donation.is_some() {
        return choice.donation.clone();
    }
    let promised = |donation: &Donation| {
        let lines = donation.lines.iter();
        lines
            .filter(|line| {
                commodity.is_some_and(|commodity| commodity.commodity_id == line.commodity_id)
            })
            .fold(0_i64, |sum, line| sum.saturating_add(line.quantity))
    };
    // The list is newest first, and of equals the last one wins.
    let arrived = donations
        .iter()
        .rev()
        .filter(|donation| !donation.batch_ids.is_empty());
    let chosen = arrived
        .max_by_key(|donation| promised(donation))
        .or(donations.first());
    chosen.map(|donation| donation.donation_id.clone())
}

async fn trace_donation(
    node: &Node,
    donation_id: Option<String>,
) -> Result<Option<GetTraceResponse>, Problem> {
    let Some(id) = donation_id else {
        return Ok(None);
    };
    let subject = Some(get_trace_request::Subject::DonationId(id.clone()));
    let mut stock = node.stock.clone();
    let unknown = Problem::NoSuchDonation { found: id };
    match node
        .answer(stock.get_trace(node.ask(GetTraceRequest {
            subject,
            min_position: 0,
        })))
        .await
    {
        Ok(trace) if trace.donation.is_some() => Ok(Some(trace)),
        Ok(_) => Err(unknown),
        Err(status) if is_unknown(&status) => Err(unknown),
        Err(status) => Err(refused(status)),
    }
}

/// A value that can't be a code is no code that is known.
fn is_unknown(status: &Status) -> bool {
    matches!(status.code(), Code::NotFound | Code::InvalidArgument)
}
