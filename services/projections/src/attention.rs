//! What somebody must see to: who has too little, what is held or recalled, what was counted, what nobody can name yet.

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::{ItemQuality, StockCount, UnidentifiedGoods},
    registry::v1::Facility,
    stock::v1::{
        HeldStockRow, ListHeldStockRequest, ListRecallsRequest, ListShortagesRequest,
        ListStockCountsRequest, ListUnidentifiedGoodsRequest, RecallRow, ShortageRow,
    },
};
use prost::Message;

use crate::{
    apart::Apart,
    clauses::{Clauses, Value},
    database::{Connection, Row, params},
    failure::StoreError,
    fields::Fields,
    names::{self, Facilities},
    paging,
    paging::{Page, Paging, sized},
    refusal::Refusal,
    report::is_in_use,
};

/// The two keys after which a page begins; nothing comes before the first page.
fn after(paging: &Paging) -> (String, String) {
    match paging.resume.as_deref() {
        Some([Value::Text(first), Value::Text(second)]) => (first.clone(), second.clone()),
        _ => (String::new(), String::new()),
    }
}

/// A page of rows that were found one after the other; `key` tells a row from others, in order.
fn cut<T>(paging: &Paging, mut rows: Vec<T>, key: impl Fn(&T) -> (String, String)) -> Page<T> {
    let mut next_page_token = String::new();
    if rows.len() > paging.page_size {
        rows.truncate(paging.page_size);
        if let Some((first, second)) = rows.last().map(key) {
            let keys = vec![Value::Text(first), Value::Text(second)];
            next_page_token = paging::token(paging.fingerprint, keys);
        }
    }
    Page {
        rows,
        next_page_token,
    }
}

/// A question for minimum reserves that are not there, parsed.
pub struct ShortagesQuery {
    region_id: Option<String>,
    facility_id: Option<String>,
    paging: Paging,
}

impl ShortagesQuery {
    /// Parses a request.
    pub fn parse(request: &ListShortagesRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let region_id = fields.filter("region_id", &request.region_id);
        let facility_id = fields.filter("facility_id", &request.facility_id);
        let keys = [Value::from(""), Value::from("")];
        let paging = Paging::parse(fields, "shortages", request, &keys)?;
        Ok(Self {
            region_id,
            facility_id,
            paging,
        })
    }

    /// Lists them in order of facility and commodity, with the regions of `today`.
    pub fn answer(
        self,
        connection: &Connection,
        today: NaiveDate,
    ) -> Result<Page<ShortageRow>, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        let day = today;
        let today = today.to_string();
        let (facility_id, commodity_id) = after(&self.paging);
        let mut clauses = Clauses::default();
        clauses.in_region("facility_id", self.region_id.as_deref(), &today);
        clauses.equal("facility_id", self.facility_id.as_deref());
        let from = clauses.parameter(facility_id.as_str());
        clauses.condition(format!("facility_id >= {from}"));
        let sql = format!(
            "SELECT resource FROM facilities{} ORDER BY facility_id",
            clauses.where_clause()
        );
        let mut facilities = Facilities::new(connection, &today);
        let mut statement = connection.prepare_cached(&sql)?;
        let mut found = statement.query(&clauses.values())?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let (facility, _) = sized::<Facility>(&row, 0)?;
            if !is_in_use(&facility, day) {
                continue;
            }
            let mut reserves = facility.minimum_reserves.clone();
            reserves.sort_by(|one, other| one.commodity_id.cmp(&other.commodity_id));
            if facility.facility_id == facility_id {
                reserves.retain(|reserve| reserve.commodity_id > commodity_id);
            }
            for reserve in reserves {
                let there = commodity_at(
                    connection,
                    &facility.facility_id,
                    &reserve.commodity_id,
                    &today,
                )?;
                let (available, in_transit) = there;
                if available >= reserve.quantity {
                    continue;
                }
                let known = facilities.get(&facility.facility_id)?;
                rows.push(ShortageRow {
                    facility_id: facility.facility_id.clone(),
                    facility_name: known.name,
                    region_id: known.region_id,
                    commodity_id: reserve.commodity_id,
                    minimum: reserve.quantity,
                    available,
                    in_transit,
                    short: reserve.quantity - available,
                });
            }
            if rows.len() > self.paging.page_size {
                break;
            }
        }
        Ok(cut(&self.paging, rows, |row| {
            (row.facility_id.clone(), row.commodity_id.clone())
        }))
    }
}

/// What a facility has of a commodity and may use on a day, and what is on its way to it.
fn commodity_at(
    connection: &Connection,
    facility_id: &str,
    commodity_id: &str,
    today: &str,
) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT CAST(COALESCE(SUM(t.available), 0) AS BIGINT), CAST(COALESCE(SUM(t.in_transit), 0) AS BIGINT) \
               FROM items i JOIN \
               (SELECT item_id, on_hand - reserved - held AS available, in_transit FROM stock_totals \
               WHERE facility_id = ?1 \
               UNION ALL SELECT k.item_id, k.reserved + k.held - k.on_hand, 0 FROM stock k \
               JOIN batches x ON x.batch_id = k.batch_id \
               WHERE k.facility_id = ?1 AND x.expires_on <> '' AND x.expires_on < ?3) AS t \
               ON t.item_id = i.item_id WHERE i.commodity_id = ?2";
    let sums = connection
        .prepare_cached(sql)?
        .query_row(params![facility_id, commodity_id, today], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(sums.unwrap_or_default())
}

/// A question for held stock, parsed.
pub struct HeldStockQuery {
    region_id: Option<String>,
    facility_id: Option<String>,
    item_id: Option<String>,
    paging: Paging,
}

impl HeldStockQuery {
    /// Parses a request.
    pub fn parse(request: &ListHeldStockRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let region_id = fields.filter("region_id", &request.region_id);
        let facility_id = fields.filter("facility_id", &request.facility_id);
        let item_id = fields.filter("item_id", &request.item_id);
        let keys = ["", "", "", ""].map(Value::from);
        let paging = Paging::parse(fields, "held", request, &keys)?;
        Ok(Self {
            region_id,
            facility_id,
            item_id,
            paging,
        })
    }

    /// Lists it in order of facility, item, batch and owner, with the regions of `today`.
    pub fn answer(
        self,
        connection: &Connection,
        today: NaiveDate,
    ) -> Result<Page<HeldStockRow>, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_item(connection, self.item_id.as_deref())?;
        let today = today.to_string();
        let mut clauses = Clauses::default();
        clauses.condition("held <> 0");
        clauses.in_region("facility_id", self.region_id.as_deref(), &today);
        clauses.equal("facility_id", self.facility_id.as_deref());
        clauses.equal("item_id", self.item_id.as_deref());
        let order = ["facility_id", "item_id", "batch_id", "owner_id"];
        clauses.after(&order, self.paging.resume.clone());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let order = order.join(", ");
        let sql = format!(
            "SELECT MIN(lot), CAST(SUM(held) AS BIGINT), CAST(SUM(held_here) AS BIGINT), {order} \
             FROM stock{where_clause} GROUP BY {order} HAVING SUM(held) > 0 ORDER BY {order} LIMIT {limit}"
        );
        let mut facilities = Facilities::new(connection, &today);
        let mut apart = Apart::new(connection);
        self.paging.page(connection, &sql, &clauses, (3, 4), |row| {
            held_row(connection, &mut facilities, &mut apart, row)
        })
    }
}

fn held_row(
    connection: &Connection,
    facilities: &mut Facilities<'_>,
    apart: &mut Apart<'_>,
    row: &Row<'_>,
) -> Result<(HeldStockRow, usize), Refusal> {
    let facility_id: String = row.get(3)?;
    let item_id: String = row.get(4)?;
    let batch_id: String = row.get(5)?;
    let lot: String = row.get(0)?;
    let facility = facilities.get(&facility_id)?;
    let quality = quality(connection, &item_id)?.unwrap_or_default();
    let holds = quality.holds.iter();
    let of_it = holds.filter(|hold| hold.batch_id == batch_id);
    let held_here = row.get(2)?;
    let why = apart.why(&batch_id, &facility_id, held_here)?;
    let row = HeldStockRow {
        reasons_here: why.reasons,
        outcomes_here: why.outcomes,
        facility_id,
        facility_name: facility.name,
        region_id: facility.region_id,
        item_name: names::item(connection, &item_id)?,
        reasons: of_it.map(|hold| hold.reason).collect(),
        recalled: !lot.is_empty() && quality.recalls.iter().any(|recall| recall.lot == lot),
        item_id,
        batch_id,
        owner_id: row.get(6)?,
        lot,
        held: row.get(1)?,
        held_here,
    };
    let size = row.encoded_len();
    Ok((row, size))
}

/// What of an item may not be used.
fn quality(connection: &Connection, item_id: &str) -> Result<Option<ItemQuality>, StoreError> {
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached("SELECT resource FROM item_quality WHERE item_id = ?1")?
        .query_row(params![item_id], |row| row.get(0))?;
    Ok(bytes
        .map(|bytes| ItemQuality::decode(bytes.as_slice()))
        .transpose()?)
}

/// A question for recalls in force, parsed.
pub struct RecallsQuery {
    item_id: Option<String>,
    paging: Paging,
}

impl RecallsQuery {
    /// Parses a request.
    pub fn parse(request: &ListRecallsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let item_id = fields.filter("item_id", &request.item_id);
        let keys = [Value::from(""), Value::from("")];
        let paging = Paging::parse(fields, "recalls", request, &keys)?;
        Ok(Self { item_id, paging })
    }

    /// Lists them in order of item and lot.
    pub fn answer(self, connection: &Connection) -> Result<Page<RecallRow>, Refusal> {
        names::known_item(connection, self.item_id.as_deref())?;
        let (item_id, lot) = after(&self.paging);
        let mut clauses = Clauses::default();
        clauses.equal("item_id", self.item_id.as_deref());
        let from = clauses.parameter(item_id.as_str());
        clauses.condition(format!("item_id >= {from}"));
        let sql = format!(
            "SELECT resource FROM item_quality{} ORDER BY item_id",
            clauses.where_clause()
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut found = statement.query(&clauses.values())?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let (quality, _) = sized::<ItemQuality>(&row, 0)?;
            let mut recalls = quality.recalls.clone();
            recalls.sort_by(|one, other| one.lot.cmp(&other.lot));
            if quality.item_id == item_id {
                recalls.retain(|recall| recall.lot > lot);
            }
            for recall in recalls {
                let sums = lot_sums(connection, &quality.item_id, &recall.lot)?;
                rows.push(RecallRow {
                    item_id: quality.item_id.clone(),
                    item_name: names::item(connection, &quality.item_id)?,
                    recall: Some(recall),
                    ..sums
                });
            }
            if rows.len() > self.paging.page_size {
                break;
            }
        }
        Ok(cut(&self.paging, rows, |row| {
            let lot = row.recall.as_ref().map(|recall| recall.lot.clone());
            (row.item_id.clone(), lot.unwrap_or_default())
        }))
    }
}

/// How much there is of a lot, and how many kits with some of it.
fn lot_sums(connection: &Connection, item_id: &str, lot: &str) -> Result<RecallRow, StoreError> {
    let sums = connection
        .prepare_cached(include_str!("sql/lot_sums.sql"))?
        .query_row(params![item_id, lot], |row| {
            let missing = row.get(2)?;
            Ok(RecallRow {
                on_hand: row.get(0)?,
                in_transit: row.get::<i64>(1)? - missing,
                missing,
                kits: row.get(3)?,
                ..RecallRow::default()
            })
        })?;
    Ok(sums.unwrap_or_default())
}

/// A question for counts, parsed.
pub struct CountsQuery {
    facility_id: Option<String>,
    item_id: Option<String>,
    paging: Paging,
}

impl CountsQuery {
    /// Parses a request.
    pub fn parse(request: &ListStockCountsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let facility_id = fields.filter("facility_id", &request.facility_id);
        let item_id = fields.filter("item_id", &request.item_id);
        let paging = Paging::parse(fields, "counts", request, &[Value::Integer(0)])?;
        Ok(Self {
            facility_id,
            item_id,
            paging,
        })
    }

    /// Lists them, newest first.
    pub fn answer(self, connection: &Connection) -> Result<Page<StockCount>, Refusal> {
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_item(connection, self.item_id.as_deref())?;
        let mut clauses = Clauses::default();
        clauses.equal("facility_id", self.facility_id.as_deref());
        clauses.equal("item_id", self.item_id.as_deref());
        clauses.before(&["created_position"], self.paging.resume.clone());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT resource, created_position FROM stock_counts{where_clause} \
             ORDER BY created_position DESC LIMIT {limit}"
        );
        self.paging
            .page(connection, &sql, &clauses, (1, 1), |row| sized(row, 0))
    }
}

/// A question for unidentified goods, parsed.
pub struct GoodsQuery {
    facility_id: Option<String>,
    show_identified: bool,
    paging: Paging,
}

impl GoodsQuery {
    /// Parses a request.
    pub fn parse(request: &ListUnidentifiedGoodsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let facility_id = fields.filter("facility_id", &request.facility_id);
        let paging = Paging::parse(fields, "goods", request, &[Value::Integer(0)])?;
        Ok(Self {
            facility_id,
            show_identified: request.show_identified,
            paging,
        })
    }

    /// Lists them, oldest first.
    pub fn answer(self, connection: &Connection) -> Result<Page<UnidentifiedGoods>, Refusal> {
        names::known_facility(connection, self.facility_id.as_deref())?;
        let mut clauses = Clauses::default();
        clauses.equal("facility_id", self.facility_id.as_deref());
        if !self.show_identified {
            clauses.condition("is_open = 1");
        }
        clauses.after(&["created_position"], self.paging.resume.clone());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT resource, created_position FROM goods{where_clause} ORDER BY created_position LIMIT {limit}"
        );
        self.paging
            .page(connection, &sql, &clauses, (1, 1), |row| sized(row, 0))
    }
}
