//! What statements are made of, read from the views piece by piece.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use keruen_proto::{
    inventory::v1::Batch,
    registry::v1::{Item, Tracking},
};

use crate::{
    clauses::{Clauses, Value},
    counters::{COLUMNS, Counts, counts},
    database::{Connection, params},
    paging::sized,
    refusal::Refusal,
};

/// Counters of which a statement says nothing. They are not read, so that rows that lack one of them tell it all the same.
const UNSAID: [&str; 3] = ["reserved", "held", "in_transit_out"];
/// Changes of one question to the views.
#[cfg(not(test))]
const PAGE_CHANGES: usize = 20_000;
#[cfg(test)]
const PAGE_CHANGES: usize = 53;

/// What an event changed of a batch at a facility, or of a unit of one.
#[derive(Clone, Debug)]
pub struct Change {
    /// The batch.
    pub batch_id: Arc<str>,
    /// Where, or on its way to where.
    pub facility_id: Arc<str>,
    /// Which unit of an asset; empty where units are not told apart.
    pub serial_number: Arc<str>,
    /// When it happened, in microseconds.
    pub occurred_at_us: i64,
    /// Position of the event.
    pub position: u64,
    /// What it changed.
    pub counts: Counts,
}

/// Some changes, and the keys of the last one where there may be more.
#[derive(Default)]
pub struct ChangePage {
    /// In the order of their keys.
    pub changes: Vec<Change>,
    /// Where the next page begins.
    pub resume: Option<Vec<Value>>,
}

/// Which changes are asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'q> {
    /// Only those of this owner.
    pub owner_id: Option<&'q str>,
    /// What happened before this time, in microseconds.
    pub end_us: i64,
    /// What was known at this position.
    pub position: u64,
}

/// The batches of which an owner ever had any; no more than a limit.
pub fn owned(
    connection: &Connection,
    owner_id: &str,
    donation_id: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, Refusal> {
    let mut clauses = Clauses::default();
    clauses.equal("h.owner_id", Some(owner_id));
    clauses.equal("b.donation_id", donation_id);
    let sql =
        "SELECT DISTINCT h.batch_id FROM holdings h JOIN batches b ON b.batch_id = h.batch_id";
    ids(connection, sql, clauses, limit)
}

/// The batches that came of what a donor gave; no more than a limit.
pub fn given(
    connection: &Connection,
    donor_id: &str,
    donation_id: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, Refusal> {
    let mut clauses = Clauses::default();
    clauses.equal("d.donor_id", Some(donor_id));
    clauses.equal("d.donation_id", donation_id);
    let sql = "SELECT b.batch_id FROM donations d JOIN batches b ON b.donation_id = d.donation_id";
    ids(connection, sql, clauses, limit)
}

fn ids(
    connection: &Connection,
    sql: &str,
    mut clauses: Clauses,
    limit: usize,
) -> Result<Vec<String>, Refusal> {
    let where_clause = clauses.where_clause();
    let limit = clauses.parameter(i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statement = connection.prepare_cached(&format!("{sql}{where_clause} LIMIT {limit}"))?;
    Ok(statement.query_map(&clauses.values(), |row| row.get(0))?)
}

/// Batches, and those of them whose units have serial numbers.
pub fn batches(
    connection: &Connection,
    batch_ids: &[String],
) -> Result<(BTreeMap<String, Batch>, BTreeSet<String>), Refusal> {
    let mut clauses = Clauses::default();
    one_of(&mut clauses, "batch_id", batch_ids);
    let sql = format!("SELECT resource FROM batches{}", clauses.where_clause());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(&clauses.values())?;
    let mut batches = BTreeMap::new();
    while let Some(row) = found.next()? {
        let (batch, _) = sized::<Batch>(&row, 0)?;
        batches.insert(batch.batch_id.clone(), batch);
    }
    let item_ids: BTreeSet<&str> = batches.values().map(|batch| &*batch.item_id).collect();
    let mut of_assets = BTreeSet::new();
    for item_id in item_ids {
        if has_serial_numbers(connection, item_id)? {
            of_assets.insert(item_id.to_owned());
        }
    }
    let of_assets = batches
        .iter()
        .filter(|(_, batch)| of_assets.contains(&batch.item_id))
        .map(|(id, _)| id.clone())
        .collect();
    Ok((batches, of_assets))
}

fn has_serial_numbers(connection: &Connection, item_id: &str) -> Result<bool, Refusal> {
    let mut statement =
        connection.prepare_cached("SELECT resource FROM items WHERE item_id = ?1")?;
    let mut found = statement.query(params![item_id])?;
    Ok(match found.next()? {
        Some(row) => sized::<Item>(&row, 0)?.0.tracking() == Tracking::Serial,
        None => false,
    })
}

/// The next changes of some batches, in the order of their keys.
pub fn changes(
    connection: &Connection,
    batch_ids: &[String],
    wanted: Wanted<'_>,
    resume: Option<Vec<Value>>,
) -> Result<ChangePage, Refusal> {
    const KEYS: [&str; 3] = ["c.holding_id", "c.occurred_at_us", "c.position"];
    let mut clauses = Clauses::default();
    one_of(&mut clauses, "h.batch_id", batch_ids);
    clauses.equal("h.owner_id", wanted.owner_id);
    let end = clauses.parameter(wanted.end_us);
    clauses.condition(format!("c.occurred_at_us < {end}"));
    let position = i64::try_from(wanted.position).unwrap_or(i64::MAX);
    let position = clauses.parameter(position);
    clauses.condition(format!("c.position <= {position}"));
    clauses.after(&KEYS, resume);
    let where_clause = clauses.where_clause();
    let limit = clauses.parameter(i64::try_from(PAGE_CHANGES).unwrap_or(i64::MAX));
    let columns = COLUMNS.split(", ").map(|counter| {
        if UNSAID.contains(&counter) {
            "0".to_owned()
        } else {
            format!("c.{counter}")
        }
    });
    let columns: Vec<String> = columns.collect();
    let keys = KEYS.join(", ");
    let sql = format!(
        "SELECT h.batch_id, h.facility_id, h.serial_number, {keys}, {} \
         FROM holdings h JOIN changes c ON c.holding_id = h.holding_id{where_clause} ORDER BY {keys} LIMIT {limit}",
        columns.join(", "),
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(&clauses.values())?;
    let mut known = Shared::default();
    let (mut page, mut last) = (ChangePage::default(), None);
    while let Some(row) = found.next()? {
        let (holding_id, occurred_at_us): (i64, i64) = (row.get(3)?, row.get(4)?);
        let position: i64 = row.get(5)?;
        page.changes.push(Change {
            batch_id: known.text(row.get(0)?),
            facility_id: known.text(row.get(1)?),
            serial_number: known.text(row.get(2)?),
            occurred_at_us,
            position: position.cast_unsigned(),
            counts: counts(&row, 6)?,
        });
        last = Some([holding_id, occurred_at_us, position]);
    }
    page.resume = last
        .filter(|_| page.changes.len() == PAGE_CHANGES)
        .map(|keys| keys.map(Value::from).to_vec());
    Ok(page)
}

/// Texts that many changes share.
#[derive(Default)]
struct Shared(HashSet<Arc<str>>);

impl Shared {
    fn text(&mut self, text: String) -> Arc<str> {
        if let Some(known) = self.0.get(text.as_str()) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.0.insert(Arc::clone(&text));
        text
    }
}

/// One of these texts.
fn one_of(clauses: &mut Clauses, column: &str, values: &[String]) {
    let parameters: Vec<String> = values
        .iter()
        .map(|value| clauses.parameter(value.as_str()))
        .collect();
    clauses.condition(format!("{column} IN ({})", parameters.join(", ")));
}
