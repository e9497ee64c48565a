//! Who is liable for what, and for how much.

use std::collections::{BTreeMap, HashMap};

use keruen_proto::{
    inventory::v1::Batch,
    registry::v1::{LocalizedText, Money},
    stock::v1::{LiabilityRow, ListLiabilityRequest},
};
use prost::Message;

use crate::{
    clauses::{Clauses, Value},
    database::{Connection, Row, params},
    failure::StoreError,
    fields::Fields,
    names,
    older::has_table,
    paging::{self, MAX_PAGE_BYTES},
    paging::{Page, Paging},
    past::Past,
    refusal::Refusal,
};

/// A question for liability, parsed.
pub struct LiabilityQuery {
    custodian_id: Option<String>,
    facility_id: Option<String>,
    item_id: Option<String>,
    batch_id: Option<String>,
    owner_id: Option<String>,
    on_the_way: bool,
    totals: bool,
    paging: Paging,
}

impl LiabilityQuery {
    /// Parses a request.
    pub fn parse(request: &ListLiabilityRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let custodian_id = fields.filter("custodian_id", &request.custodian_id);
        let facility_id = fields.filter("facility_id", &request.facility_id);
        let item_id = fields.filter("item_id", &request.item_id);
        let batch_id = fields.filter("batch_id", &request.batch_id);
        let owner_id = fields.filter("owner_id", &request.owner_id);
        let keys = if request.totals { 1 } else { COLUMNS.len() };
        let shape = vec![Value::from(""); keys];
        let paging = Paging::parse(fields, "liability", request, &shape)?;
        Ok(Self {
            custodian_id,
            facility_id,
            item_id,
            batch_id,
            owner_id,
            on_the_way: request.on_the_way,
            totals: request.totals,
            paging,
        })
    }

    /// Lists it from the view `current`, or as it was from the view `history`.
    pub fn answer(
        self,
        connection: &Connection,
        past: Option<&Past>,
    ) -> Result<Page<LiabilityRow>, Refusal> {
        names::known_organisation(connection, self.custodian_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_item(connection, self.item_id.as_deref())?;
        names::known_batch(connection, self.batch_id.as_deref())?;
        names::known_owner(connection, self.owner_id.as_deref())?;
        let mut register = Register::new(connection, past)?;
        if self.totals {
            self.totals(connection, past, &mut register)
        } else {
            let (sql, clauses) = self.sql(past, &COLUMNS, true);
            self.paging
                .page(connection, &sql, &clauses, (0, COLUMNS.len()), |row| {
                    let row = register.row(row)?;
                    let size = row.encoded_len();
                    Ok((row, size))
                })
        }
    }

    /// Rows told apart by `columns`, in their order, which follow the page before; all of them, or as many as a page has.
    fn sql(&self, past: Option<&Past>, columns: &[&str], is_limited: bool) -> (String, Clauses) {
        let mut clauses = Clauses::default();
        let from = match past {
            Some(past) => past.holdings(&mut clauses, true),
            None => include_str!("sql/stock_in_hand.sql").to_owned(),
        };
        let filters = [
            &self.custodian_id,
            &self.facility_id,
            &self.item_id,
            &self.batch_id,
            &self.owner_id,
        ];
        for (column, filter) in COLUMNS.iter().zip(filters) {
            clauses.equal(column, filter.as_deref());
        }
        let keys = self.paging.resume.as_ref().map_or(0, Vec::len);
        clauses.after(&columns[..keys], self.paging.resume.clone());
        let on_hand = if self.on_the_way { "0" } else { "s.on_hand" };
        let columns = columns.join(", ");
        let where_clause = clauses.where_clause();
        let limit = if is_limited {
            format!(" LIMIT {}", self.paging.limit(&mut clauses))
        } else {
            String::new()
        };
        let sql = format!(
            "SELECT {columns}, CAST(SUM({on_hand}) AS BIGINT), CAST(SUM(s.in_transit) AS BIGINT) \
             FROM ({from}) s{where_clause} GROUP BY {columns} \
             HAVING SUM({on_hand}) <> 0 OR SUM(s.in_transit) <> 0 ORDER BY {columns}{limit}"
        );
        (sql, clauses)
    }

    /// A page of totals: whole organisations, each with all its currencies.
    fn totals(
        &self,
        connection: &Connection,
        past: Option<&Past>,
        register: &mut Register<'_>,
    ) -> Result<Page<LiabilityRow>, Refusal> {
        let mut page = Page {
            rows: Vec::new(),
            next_page_token: String::new(),
        };
        let mut bytes = 0;
        let mut total = Total::default();
        let is_full = |page: &Page<LiabilityRow>, bytes| {
            page.rows.len() >= self.paging.page_size || bytes > MAX_PAGE_BYTES
        };
        // What a unit is worth is known by batch, and everything is added up once.
        let (sql, clauses) = self.sql(past, &["s.custodian_id", "s.batch_id"], false);
        let mut statement = connection.prepare_cached(&sql)?;
        let mut found = statement.query(&clauses.values())?;
        while let Some(row) = found.next()? {
            let custodian_id: String = row.get(0)?;
            if custodian_id != total.custodian_id {
                let whole = std::mem::take(&mut total);
                let last = whole.custodian_id.clone();
                for row in whole.rows(register)? {
                    bytes += row.encoded_len();
                    page.rows.push(row);
                }
                if is_full(&page, bytes) {
                    page.next_page_token =
                        paging::token(self.paging.fingerprint, vec![Value::Text(last)]);
                    return Ok(page);
                }
                total.custodian_id = custodian_id;
            }
            let unit = register.unit_value(&row.get::<String>(1)?)?;
            total.add(unit, row.get(2)?, row.get(3)?);
        }
        page.rows.extend(total.rows(register)?);
        Ok(page)
    }
}

/// What tells a row apart, in order.
const COLUMNS: [&str; 5] = [
    "s.custodian_id",
    "s.facility_id",
    "s.item_id",
    "s.batch_id",
    "s.owner_id",
];

/// What one organisation is liable for, by currency; empty where no value was declared.
#[derive(Default)]
struct Total {
    custodian_id: String,
    sums: BTreeMap<String, (i64, i64, i128)>,
}

impl Total {
    fn add(&mut self, unit: Option<Money>, on_hand: i64, in_transit: i64) {
        let unit = unit.unwrap_or_default();
        let sum = self.sums.entry(unit.currency_code).or_default();
        sum.0 = sum.0.saturating_add(on_hand);
        sum.1 = sum.1.saturating_add(in_transit);
        let units = i128::from(on_hand) + i128::from(in_transit);
        sum.2 = sum.2.saturating_add(units * i128::from(unit.minor_units));
    }

    fn rows(self, register: &mut Register<'_>) -> Result<Vec<LiabilityRow>, Refusal> {
        let mut rows = Vec::with_capacity(self.sums.len());
        for (currency_code, (on_hand, in_transit, minor_units)) in self.sums {
            rows.push(LiabilityRow {
                custodian_id: self.custodian_id.clone(),
                custodian_name: register.organisation(&self.custodian_id)?,
                on_hand,
                in_transit,
                value: amount(currency_code, minor_units, &self.custodian_id)?,
                ..LiabilityRow::default()
            });
        }
        Ok(rows)
    }
}

/// An amount; `None` where there is no currency.
fn amount(
    currency_code: String,
    minor_units: i128,
    custodian_id: &str,
) -> Result<Option<Money>, Refusal> {
    if currency_code.is_empty() {
        return Ok(None);
    }
    let minor_units = i64::try_from(minor_units).map_err(|_| {
        Refusal::field(
            "custodian_id",
            format!(
                "what {custodian_id} is liable for exceeds the largest amount that can be told, {}; ask for less of it",
                i64::MAX
            ),
        )
    })?;
    Ok(Some(Money {
        currency_code,
        minor_units,
    }))
}

/// What rows name, each read once.
struct Register<'c> {
    connection: &'c Connection,
    organisations: HashMap<String, Option<LocalizedText>>,
    items: HashMap<String, Option<LocalizedText>>,
    unit_values: HashMap<String, Option<Money>>,
    /// Values are those that were known at this position, where rows keep what they were before.
    known_at: Option<i64>,
}

impl<'c> Register<'c> {
    fn new(connection: &'c Connection, past: Option<&Past>) -> Result<Self, StoreError> {
        let known_at = past.and_then(|past| past.known_at);
        let keeps_values = known_at.is_some() && has_table(connection, "former_values")?;
        let known_at = known_at.filter(|_| keeps_values);
        Ok(Self {
            known_at: known_at.map(|position| i64::try_from(position).unwrap_or(i64::MAX)),
            connection,
            organisations: HashMap::new(),
            items: HashMap::new(),
            unit_values: HashMap::new(),
        })
    }

    fn organisation(&mut self, id: &str) -> Result<Option<LocalizedText>, StoreError> {
        if let Some(known) = self.organisations.get(id) {
            return Ok(known.clone());
        }
        let name = names::organisation(self.connection, id)?;
        self.organisations.insert(id.to_owned(), name.clone());
        Ok(name)
    }

    fn item(&mut self, id: &str) -> Result<Option<LocalizedText>, StoreError> {
        if let Some(known) = self.items.get(id) {
            return Ok(known.clone());
        }
        let name = names::item(self.connection, id)?;
        self.items.insert(id.to_owned(), name.clone());
        Ok(name)
    }

    /// The declared value of one unit of a batch.
    fn unit_value(&mut self, batch_id: &str) -> Result<Option<Money>, StoreError> {
        if let Some(known) = self.unit_values.get(batch_id) {
            return Ok(known.clone());
        }
        let value = match self.former_value(batch_id)? {
            Some(former) => Some(former).filter(|value| !value.currency_code.is_empty()),
            None => self.value_today(batch_id)?,
        };
        self.unit_values.insert(batch_id.to_owned(), value.clone());
        Ok(value)
    }

    /// What it was until something said otherwise, if anything did since then; without a currency where there was none.
    fn former_value(&self, batch_id: &str) -> Result<Option<Money>, StoreError> {
        let Some(known_at) = self.known_at else {
            return Ok(None);
        };
        self.connection
            .prepare_cached(
                "SELECT currency_code, minor_units FROM former_values \
                 WHERE batch_id = ?1 AND until_position > ?2 ORDER BY until_position LIMIT 1",
            )?
            .query_row(params![batch_id, known_at], |row| {
                Ok(Money {
                    currency_code: row.get(0)?,
                    minor_units: row.get(1)?,
                })
            })
    }

    fn value_today(&self, batch_id: &str) -> Result<Option<Money>, StoreError> {
        let bytes: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT resource FROM batches WHERE batch_id = ?1")?
            .query_row(params![batch_id], |row| row.get(0))?;
        let batch = bytes
            .map(|bytes| Batch::decode(bytes.as_slice()))
            .transpose()?;
        Ok(batch.and_then(|batch| batch.unit_value?.amount))
    }

    fn row(&mut self, row: &Row<'_>) -> Result<LiabilityRow, Refusal> {
        let custodian_id: String = row.get(0)?;
        let item_id: String = row.get(2)?;
        let batch_id: String = row.get(3)?;
        let (on_hand, in_transit): (i64, i64) = (row.get(5)?, row.get(6)?);
        let unit = self.unit_value(&batch_id)?.unwrap_or_default();
        let units = i128::from(on_hand) + i128::from(in_transit);
        let minor_units = units * i128::from(unit.minor_units);
        Ok(LiabilityRow {
            custodian_name: self.organisation(&custodian_id)?,
            facility_id: row.get(1)?,
            item_name: self.item(&item_id)?,
            owner_id: row.get(4)?,
            on_hand,
            in_transit,
            value: amount(unit.currency_code, minor_units, &custodian_id)?,
            custodian_id,
            item_id,
            batch_id,
        })
    }
}
