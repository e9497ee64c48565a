//! Stock, added up as asked.

use keruen_proto::stock::v1::{ListStockRequest, StockGroup, StockRow};
use prost::Message;

use crate::{
    clauses::{Clauses, Value},
    counters::{COUNTERS, NAMES, counts},
    database::{Connection, Row},
    failure::StoreError,
    fields::Fields,
    filter::{Column, Filter, Kind, Known, Order, column},
    former, names,
    older::{self, Untold},
    paging::{self, MAX_PAGE_BYTES, Paging},
    past::Past,
    refusal::Refusal,
    table::{self, Table},
    window::{Window, Windows},
};

/// Columns, and behind them the sums, by which stock is both filtered and ordered.
macro_rules! with_sums {
    ($($column:expr),* $(,)?) => {
        [
            $($column,)*
            column("on_hand", Kind::Sum, "CAST(SUM(s.on_hand) AS BIGINT)"),
            column("reserved", Kind::Sum, "CAST(SUM(s.reserved) AS BIGINT)"),
            column("held", Kind::Sum, "CAST(SUM(s.held) AS BIGINT)"),
            column("available", Kind::Sum, AVAILABLE),
            column("in_transit", Kind::Sum, "CAST(SUM(s.in_transit) AS BIGINT)"),
            column("received", Kind::Sum, "CAST(SUM(s.received) AS BIGINT)"),
            column("consumed", Kind::Sum, "CAST(SUM(s.consumed) AS BIGINT)"),
            column("disposed", Kind::Sum, "CAST(SUM(s.disposed) AS BIGINT)"),
            column("lost", Kind::Sum, "CAST(SUM(s.lost) AS BIGINT)"),
            column("returned", Kind::Sum, "CAST(SUM(s.returned) AS BIGINT)"),
            column("converted", Kind::Sum, "CAST(SUM(s.converted) AS BIGINT)"),
            column("title_in", Kind::Sum, "CAST(SUM(s.title_in) AS BIGINT)"),
            column("title_out", Kind::Sum, "CAST(SUM(s.title_out) AS BIGINT)"),
            column("in_transit_out", Kind::Sum, "CAST(SUM(s.in_transit_out) AS BIGINT)"),
        ]
    };
}

/// What stock can be filtered by.
pub static COLUMNS_TO_FILTER: [Column; 23] = with_sums![
    column("region", Kind::Region, "s.facility_id"),
    column("facility", Kind::Code(Known::Facility), "s.facility_id"),
    column(
        "commodity",
        Kind::Through(
            "SELECT item_id FROM items WHERE commodity_id =",
            Known::Commodity,
        ),
        "s.item_id",
    ),
    column("item", Kind::Code(Known::Item), "s.item_id"),
    column("batch", Kind::Code(Known::Batch), "s.batch_id"),
    column("owner", Kind::Code(Known::Owner), "s.owner_id"),
    column(
        "custodian",
        Kind::Code(Known::Organisation),
        "s.custodian_id",
    ),
    column("expires_on", Kind::Day, "COALESCE(x.expires_on, '')"),
    column("serial_number", Kind::Text, "s.serial_number"),
];
/// The counters of what somebody has in hand. The others tell what happened, be it in whose hands it may: who has a facility
/// in hand by now need not have had it then, and what a carrier lost was not lost by whoever it was for.
const IN_HAND: [&str; 5] = [
    "on_hand",
    "reserved",
    "held",
    "in_transit",
    "in_transit_out",
];
const AVAILABLE: &str = "CAST(SUM(s.on_hand - s.reserved - s.held) AS BIGINT)";

/// What stock can be ordered by: the columns by which it is grouped, and sums.
pub static COLUMNS_TO_ORDER: [Column; 23] = with_sums![
    column("region", Kind::Text, "COALESCE(r.region_id, '')"),
    column("facility", Kind::Text, "s.facility_id"),
    column("commodity", Kind::Text, "COALESCE(i.commodity_id, '')"),
    column("item", Kind::Text, "s.item_id"),
    column("batch", Kind::Text, "s.batch_id"),
    column("owner", Kind::Text, "s.owner_id"),
    column("custodian", Kind::Text, "s.custodian_id"),
    column("expires_on", Kind::Day, "COALESCE(x.expires_on, '')"),
    column("serial_number", Kind::Text, "s.serial_number"),
];

/// A question for stock, parsed.
pub struct StockQuery {
    groups: Vec<StockGroup>,
    region_id: Option<String>,
    facility_id: Option<String>,
    commodity_id: Option<String>,
    item_id: Option<String>,
    batch_id: Option<String>,
    owner_id: Option<String>,
    custodian_id: Option<String>,
    expires_from: Option<String>,
    expires_until: Option<String>,
    filter: Filter,
    /// What the filter says of sums.
    filter_of_sums: Filter,
    order: Option<Order>,
    /// The sums of which it says something, be it what to leave out or what comes first.
    decisive: Vec<&'static str>,
    paging: Paging,
    /// Whether it is about who has stock in hand.
    by_custodian: bool,
    /// Whether the rows are of an older version.
    is_older: bool,
}

/// Rows and the token of the next page.
#[derive(Default)]
pub struct StockPage {
    /// In order of the groups.
    pub rows: Vec<StockRow>,
    /// Empty where this is the last page.
    pub next_page_token: String,
    /// Counters that are 0 because the rows, of an older version, do not tell them.
    pub untold_counters: Vec<String>,
    /// Keys of the last row.
    last: Vec<Value>,
    /// Of the rows, encoded.
    bytes: usize,
}

impl StockQuery {
    /// Parses a request.
    pub fn parse(request: &ListStockRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let groups = groups(&mut fields, &request.group_by);
        let mut filter = Filter::parse(&mut fields, &request.filter, &COLUMNS_TO_FILTER);
        let filter_of_sums = filter.split_sums(&mut fields);
        let ties: Vec<(&str, bool)> = groups.iter().map(|it| (expression(*it), true)).collect();
        let order_by = request.order_by.as_str();
        let order = Order::parse(&mut fields, order_by, &COLUMNS_TO_ORDER, &ties);
        refuse_ungrouped(&mut fields, &groups, order_by);
        let decisive = decisive(&filter_of_sums, order_by);
        let custodian_id = fields.filter("custodian_id", &request.custodian_id);
        let by_custodian = groups.contains(&StockGroup::Custodian)
            || filter.names("custodian")
            || custodian_id.is_some();
        if by_custodian {
            refuse_happened(&mut fields, &filter_of_sums, order_by);
        }
        let expires_from = fields.date("expires_from", &request.expires_from);
        let expires_until = fields.date("expires_until", &request.expires_until);
        fields.refuse_backwards(
            "expires_from",
            expires_from.as_deref(),
            expires_until.as_deref(),
        );
        let usual = || vec![Value::from(""); groups.len()];
        let shape = order.as_ref().map_or_else(usual, Order::shape);
        Ok(Self {
            region_id: fields.filter("region_id", &request.region_id),
            facility_id: fields.filter("facility_id", &request.facility_id),
            commodity_id: fields.filter("commodity_id", &request.commodity_id),
            item_id: fields.filter("item_id", &request.item_id),
            batch_id: fields.filter("batch_id", &request.batch_id),
            owner_id: fields.filter("owner_id", &request.owner_id),
            custodian_id,
            by_custodian,
            expires_from,
            expires_until,
            is_older: false,
            decisive,
            filter,
            filter_of_sums,
            order,
            groups,
            paging: Paging::parse(fields, "stock", request, &shape)?,
        })
    }

    /// The same of rows that may be of an older version, and lack counters.
    #[must_use]
    pub fn of_rows(self, is_older: bool) -> Self {
        Self { is_older, ..self }
    }

    /// Adds up what there is, from the view `current`, with the regions of `today`, ISO 8601.
    pub fn answer(self, connection: &Connection, today: &str) -> Result<StockPage, Refusal> {
        self.add_up(connection, None, today)
    }

    /// Adds up what there was, from the view `history`, with the regions of a day, ISO 8601.
    pub fn answer_past(
        self,
        connection: &Connection,
        past: &Past,
        day: &str,
    ) -> Result<StockPage, Refusal> {
        self.add_up(connection, Some(past), day)
    }

    fn add_up(
        self,
        connection: &Connection,
        past: Option<&Past>,
        day: &str,
    ) -> Result<StockPage, Refusal> {
        self.refuse_unknown(connection)?;
        let untold = self.untold(connection, past.is_some())?;
        let mut page = StockPage {
            untold_counters: untold.counters.iter().map(ToString::to_string).collect(),
            ..StockPage::default()
        };
        let mut windows = past.and_then(|_| self.windows());
        loop {
            let window = match &mut windows {
                None => None,
                Some(windows) => match windows.next(connection)? {
                    None => break,
                    window => window,
                },
            };
            let (sql, mut clauses) = self.sql(connection, past, day, window.as_ref())?;
            let mut stand_ins = untold.stand_ins.clone();
            if let Some(known_at) = past.and_then(|past| past.known_at) {
                let former = former::stand_ins(connection, &mut clauses, known_at, self.is_older)?;
                stand_ins.extend(former);
            }
            let sql = older::with(&stand_ins, &sql);
            if self.fill(connection, &sql, &clauses, &mut page)? || window.is_none() {
                break;
            }
        }
        Ok(page)
    }

    /// What of the past is added up at a time, where rows come in an order in which a page needs the first ones alone.
    fn windows(&self) -> Option<Windows> {
        if self.order.is_some() || !(self.by_batch() || self.by_custodian) {
            return None;
        }
        let resume = self.paging.resume.as_ref().and_then(|keys| keys.first());
        Windows::new(*self.groups.first()?, resume, self.paging.page_size)
    }

    /// Adds rows to a page; answers with whether there are more than it holds.
    fn fill(
        &self,
        connection: &Connection,
        sql: &str,
        clauses: &Clauses,
        page: &mut StockPage,
    ) -> Result<bool, Refusal> {
        let groups = &self.groups;
        let mut statement = connection.prepare_cached(sql)?;
        let mut found = statement.query(&clauses.values())?;
        while let Some(row) = found.next()? {
            let stock = stock_row(groups, &row)?;
            page.bytes += stock.encoded_len();
            if page.rows.len() == self.paging.page_size || page.bytes > MAX_PAGE_BYTES {
                page.next_page_token =
                    paging::token(self.paging.fingerprint, std::mem::take(&mut page.last));
                return Ok(true);
            }
            page.last = match &self.order {
                None => self.keys(stock.clone()),
                Some(order) => (0..order.shape().len())
                    .map(|key| row.get(groups.len() + COUNTERS + key))
                    .collect::<Result<_, StoreError>>()?,
            };
            page.rows.push(stock);
        }
        Ok(false)
    }

    /// What the rows do not tell of the counters. Where these decide which rows there are, or in what order, there is no
    /// answer without them.
    fn untold(&self, connection: &Connection, is_past: bool) -> Result<Untold, StoreError> {
        if !self.is_older {
            return Ok(Untold::default());
        }
        let is_in_hand = self.by_custodian && !is_past;
        let told_elsewhere: &[&str] = if is_in_hand {
            &["in_transit", "in_transit_out"]
        } else {
            &[]
        };
        let untold = Untold::of(connection, &self.tables(is_past), told_elsewhere)?;
        let is_decisive = |counter: &&str| self.decisive.contains(counter);
        if untold.counters.iter().any(is_decisive) {
            return Err(StoreError::OtherVersion);
        }
        Ok(untold)
    }

    /// The tables whose counters are added up.
    fn tables(&self, is_past: bool) -> Vec<&'static Table> {
        match (is_past, self.by_batch() || self.by_custodian) {
            (false, false) => vec![&table::STOCK_TOTALS],
            (false, true) => vec![&table::STOCK],
            (true, false) => vec![
                &table::PAIRS,
                &table::PAIR_CHANGES,
                &table::BALANCES,
                &table::CLOSINGS,
            ],
            (true, true) => vec![&table::CHANGES],
        }
    }

    fn refuse_unknown(&self, connection: &Connection) -> Result<(), Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_commodity(connection, self.commodity_id.as_deref())?;
        names::known_item(connection, self.item_id.as_deref())?;
        names::known_batch(connection, self.batch_id.as_deref())?;
        names::known_owner(connection, self.owner_id.as_deref())?;
        names::known_organisation(connection, self.custodian_id.as_deref())?;
        self.filter.refuse_unknown(connection)
    }

    /// What identifies a row in the order of the list.
    fn keys(&self, mut row: StockRow) -> Vec<Value> {
        let key = |group: &StockGroup| Value::Text(std::mem::take(column_of(&mut row, *group)));
        self.groups.iter().map(key).collect()
    }

    fn has_group(&self, group: StockGroup) -> bool {
        self.groups.contains(&group)
    }

    fn by_expiry(&self) -> bool {
        self.has_group(StockGroup::Expiry)
            || self.filter.names("expires_on")
            || self.expires_from.is_some()
            || self.expires_until.is_some()
    }

    fn by_batch(&self) -> bool {
        self.has_group(StockGroup::Batch)
            || self.has_group(StockGroup::Owner)
            || self.has_group(StockGroup::Asset)
            || self.by_expiry()
            || self.filter.names("serial_number")
            || self.filter.names("batch")
            || self.filter.names("owner")
            || self.batch_id.is_some()
            || self.owner_id.is_some()
    }

    fn sql(
        &self,
        connection: &Connection,
        past: Option<&Past>,
        today: &str,
        window: Option<&Window>,
    ) -> Result<(String, Clauses), StoreError> {
        let (by_batch, by_custodian) = (self.by_batch(), self.by_custodian);
        let mut clauses = Clauses::default();
        let mut from = if let Some(past) = past {
            let rows = if by_batch || by_custodian {
                past.holdings(&mut clauses, by_custodian)
            } else {
                // It reads a sheet and the changes next to it, whichever they are.
                connection.keep_plans()?;
                past.pairs(connection, &mut clauses)?
            };
            format!("({rows}) s")
        } else if by_custodian {
            format!("({}) s", include_str!("sql/stock_in_hand.sql"))
        } else if by_batch {
            "stock s".to_owned()
        } else {
            "stock_totals s".to_owned()
        };
        if self.by_expiry() {
            from.push_str(" LEFT JOIN batches x ON x.batch_id = s.batch_id");
        }
        if self.has_group(StockGroup::Commodity) || self.commodity_id.is_some() {
            from.push_str(" LEFT JOIN items i ON i.item_id = s.item_id");
        }
        if self.has_group(StockGroup::Region) || self.region_id.is_some() {
            let today = clauses.parameter(today);
            from = format!(
                "{from} LEFT JOIN facility_regions r \
                 ON r.facility_id = s.facility_id AND r.valid_from <= {today} AND r.valid_to > {today}"
            );
        }
        clauses.equal("r.region_id", self.region_id.as_deref());
        clauses.equal("s.facility_id", self.facility_id.as_deref());
        clauses.equal("i.commodity_id", self.commodity_id.as_deref());
        clauses.equal("s.item_id", self.item_id.as_deref());
        clauses.equal("s.batch_id", self.batch_id.as_deref());
        clauses.equal("s.owner_id", self.owner_id.as_deref());
        clauses.equal("s.custodian_id", self.custodian_id.as_deref());
        if let Some(day) = &self.expires_from {
            let day = clauses.parameter(day.as_str());
            clauses.condition(format!("(x.expires_on = '' OR x.expires_on >= {day})"));
        }
        if let Some(day) = &self.expires_until {
            let day = clauses.parameter(day.as_str());
            clauses.condition(format!("x.expires_on <> '' AND x.expires_on <= {day}"));
        }
        self.filter.add(&mut clauses, today);
        if let (Some(window), Some(group)) = (window, self.groups.first()) {
            window.add(expression(*group), &mut clauses);
        }
        let columns: Vec<&str> = self.groups.iter().map(|group| expression(*group)).collect();
        let (mut keys, mut by, mut having) = (String::new(), columns.join(", "), Vec::new());
        match &self.order {
            None => clauses.after(&columns, self.paging.resume.clone()),
            Some(order) => {
                if let Some(resume) = &self.paging.resume {
                    having.push(order.after(&mut clauses, today, resume));
                }
                keys = format!(", {}", order.columns(&mut clauses, today));
                by = order.by(&mut clauses, today);
            }
        }
        having.extend(self.filter_of_sums.sql(&mut clauses, today));
        let columns = columns.join(", ");
        let where_clause = clauses.where_clause();
        // One row more than asked for tells whether there is a next page.
        let limit = self.paging.limit(&mut clauses);
        let sums = sums(by_custodian);
        // What there is no longer has no row of its own today; in the past, and where what is on its way stands apart, it
        // has one that is all 0.
        if past.is_some() || by_custodian {
            having.push(something(by_custodian));
        }
        let having = if having.is_empty() {
            String::new()
        } else {
            format!(" HAVING {}", having.join(" AND "))
        };
        let sql = format!(
            "SELECT {columns}, {sums}{keys} FROM {from}{where_clause} GROUP BY {columns}{having} ORDER BY {by} LIMIT {limit}"
        );
        Ok((sql, clauses))
    }
}

/// What the counters of the rows of a group add up to; 0 for those that are not told.
fn sums(by_custodian: bool) -> String {
    let sums = NAMES.iter().map(|column| {
        if is_told(column, by_custodian) {
            format!("CAST(SUM(s.{column}) AS BIGINT)")
        } else {
            "CAST(0 AS BIGINT)".to_owned()
        }
    });
    sums.collect::<Vec<_>>().join(", ")
}

/// Whether a sum is told: where it is about who has stock in hand, only what is in hand.
fn is_told(sum: &str, by_custodian: bool) -> bool {
    !by_custodian || sum == "available" || IN_HAND.contains(&sum)
}

/// That any of the sums that are told is not 0.
fn something(by_custodian: bool) -> String {
    let conditions: Vec<_> = NAMES
        .iter()
        .filter(|column| is_told(column, by_custodian))
        .map(|column| format!("SUM(s.{column}) <> 0"))
        .collect();
    format!("({})", conditions.join(" OR "))
}

fn groups(fields: &mut Fields, asked: &[i32]) -> Vec<StockGroup> {
    if asked.is_empty() {
        return vec![StockGroup::Region, StockGroup::Commodity];
    }
    let mut groups = Vec::new();
    for (index, value) in asked.iter().enumerate() {
        let field = format!("group_by[{index}]");
        match StockGroup::try_from(*value) {
            Ok(StockGroup::Unspecified) | Err(_) => {
                fields.reject(
                    &field,
                    format!("must be a known, stated value; found {value}"),
                );
            }
            Ok(group) if groups.contains(&group) => {
                fields.reject(&field, format!("{} stands here twice", group.as_str_name()));
            }
            Ok(group) => groups.push(group),
        }
    }
    // Serial numbers tell units of one item apart.
    let asset = groups.iter().position(|it| *it == StockGroup::Asset);
    if let Some(index) = asset.filter(|_| !groups.contains(&StockGroup::Item)) {
        groups.insert(index, StockGroup::Item);
    }
    groups
}

/// The fields that an order names.
fn named(order_by: &str) -> impl Iterator<Item = &str> {
    order_by
        .split(',')
        .filter_map(|part| part.split_whitespace().next())
}

/// The sums that a filter or an order names.
fn decisive(filter_of_sums: &Filter, order_by: &str) -> Vec<&'static str> {
    let sums = COLUMNS_TO_ORDER.iter().map(|column| column.name);
    sums.filter(|sum| filter_of_sums.names(sum) || named(order_by).any(|name| name == *sum))
        .collect()
}

/// Refuses to choose or order by what happened, where it is about who has stock in hand.
fn refuse_happened(fields: &mut Fields, filter_of_sums: &Filter, order_by: &str) {
    let columns = COLUMNS_TO_ORDER.iter();
    let sums = columns.filter(|column| column.kind == Kind::Sum);
    for sum in sums.filter(|column| !is_told(column.name, true)) {
        let why = || {
            format!(
                "{} is not told by custodian: only what is in hand is",
                sum.name
            )
        };
        if filter_of_sums.names(sum.name) {
            fields.reject("filter", why());
        }
        if named(order_by).any(|name| sum.is_called(name)) {
            fields.reject("order_by", why());
        }
    }
}

/// Refuses an order by something that does not stand in the rows.
fn refuse_ungrouped(fields: &mut Fields, groups: &[StockGroup], order_by: &str) {
    for name in named(order_by) {
        let column = COLUMNS_TO_ORDER
            .iter()
            .find(|column| column.is_called(name));
        let stands = |column: &Column| {
            column.kind == Kind::Sum || groups.iter().any(|it| expression(*it) == column.sql)
        };
        if column.is_some_and(|column| !stands(column)) {
            fields.reject(
                "order_by",
                format!("must be of sums, or of what stock is grouped by; found {name:?}"),
            );
        }
    }
}

/// A facility or item that is not registered can't have stock; if the log says so nevertheless, it is not left out.
fn expression(group: StockGroup) -> &'static str {
    match group {
        StockGroup::Region => "COALESCE(r.region_id, '')",
        StockGroup::Facility => "s.facility_id",
        StockGroup::Commodity => "COALESCE(i.commodity_id, '')",
        StockGroup::Item => "s.item_id",
        StockGroup::Batch => "s.batch_id",
        StockGroup::Owner => "s.owner_id",
        StockGroup::Custodian => "s.custodian_id",
        StockGroup::Expiry => "COALESCE(x.expires_on, '')",
        StockGroup::Asset => "s.serial_number",
        StockGroup::Unspecified => "''",
    }
}

fn column_of(row: &mut StockRow, group: StockGroup) -> &mut String {
    match group {
        StockGroup::Region | StockGroup::Unspecified => &mut row.region_id,
        StockGroup::Facility => &mut row.facility_id,
        StockGroup::Commodity => &mut row.commodity_id,
        StockGroup::Item => &mut row.item_id,
        StockGroup::Batch => &mut row.batch_id,
        StockGroup::Owner => &mut row.owner_id,
        StockGroup::Custodian => &mut row.custodian_id,
        StockGroup::Expiry => &mut row.expires_on,
        StockGroup::Asset => &mut row.serial_number,
    }
}

fn stock_row(groups: &[StockGroup], row: &Row<'_>) -> Result<StockRow, StoreError> {
    let counts = counts(row, groups.len())?;
    let mut stock = StockRow {
        on_hand: counts.on_hand,
        reserved: counts.reserved,
        held: counts.held,
        available: counts.on_hand - counts.reserved - counts.held,
        in_transit: counts.in_transit,
        received: counts.received,
        consumed: counts.consumed,
        disposed: counts.disposed,
        lost: counts.lost,
        title_in: counts.title_in,
        title_out: counts.title_out,
        returned: counts.returned,
        converted: counts.converted,
        in_transit_out: counts.in_transit_out,
        ..StockRow::default()
    };
    for (index, group) in groups.iter().enumerate() {
        *column_of(&mut stock, *group) = row.get(index)?;
    }
    Ok(stock)
}
