//! Statements: what became of what a donor gave, or an organisation owned, in a period. What was known at a position is
//! told the same for ever.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use chrono::{Days, NaiveDate};
use keruen_log::Log;
use keruen_proto::{
    inventory::v1::{AssetCondition, Batch},
    registry::v1::{Item, Money, Tracking},
    reports::v1::{
        GetStatementRequest, GetStatementResponse, StatementFigure as Figure, StatementRow,
        get_statement_request::Party as Asked,
    },
};

use super::{
    MAX_DAYS, cut,
    exceptions::begin,
    paging_of,
    recorded::{assets_at, batches_at, causes, organisation_name_at, warehouses_at},
    within, worth,
};
use crate::{
    assets::GONE,
    boards::{Paging, sized},
    clauses::{Clauses, Value},
    counters::{COLUMNS, counts},
    counts::Counts,
    database::{Connection, params},
    fields::Fields,
    names,
    refusal::Refusal,
    views::Views,
};

const USUAL_UNREPORTED_DAYS: i32 = 30;
/// Counters of which a statement says nothing. They are not read, so that rows that lack one of them tell it all the same.
const UNSAID: [&str; 3] = ["reserved", "held", "in_transit_out"];
/// What one statement may be about: more takes too long, and too much memory.
const MAX_BATCHES: usize = 50_000;
const MAX_CHANGES: usize = 1_000_000;
/// Batches of one question to the views, and changes that one answers with.
const CHUNK: usize = 400;
#[cfg(not(test))]
const PAGE_CHANGES: usize = 20_000;
#[cfg(test)]
const PAGE_CHANGES: usize = 53;

/// Whose statement.
#[derive(Clone, Debug)]
enum Party {
    Donor(String),
    Owner(String),
}

impl Party {
    fn id(&self) -> &str {
        match self {
            Self::Donor(id) | Self::Owner(id) => id,
        }
    }

    fn owner(&self) -> Option<&str> {
        match self {
            Self::Owner(id) => Some(id),
            Self::Donor(_) => None,
        }
    }
}

/// A question for a statement, parsed.
pub struct StatementQuery {
    party: Party,
    donation_id: Option<String>,
    first_day: String,
    last_day: NaiveDate,
    begin_us: i64,
    end_us: i64,
    at: u64,
    since: Option<u64>,
    changed_only: bool,
    unreported_us: i64,
    paging: Paging,
}

/// What an event changed of a batch at a facility.
#[derive(Clone, Debug)]
pub struct Change {
    /// The batch.
    pub batch_id: Arc<str>,
    facility_id: Arc<str>,
    occurred_at_us: i64,
    /// Position of the event.
    pub position: u64,
    /// What it changed.
    pub counts: Counts,
}

/// All that a statement is made of, as far as views know it.
#[derive(Default)]
struct Material {
    batches: BTreeMap<String, Batch>,
    /// Items whose units have serial numbers.
    serial_items: BTreeSet<String>,
    changes: Vec<Change>,
}

/// Donation, item, figure, cause and currency.
type Key = (String, String, i32, String, String);
/// Units and minor units, and what those are in all where a value was declared.
type Sums = BTreeMap<Key, (i64, i64)>;

impl StatementQuery {
    /// Parses a request, on a day and with the head of the log.
    pub fn parse(
        request: &GetStatementRequest,
        today: NaiveDate,
        head_position: u64,
    ) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let party = match &request.party {
            Some(Asked::DonorId(id)) => fields.code("donor_id", id).map(Party::Donor),
            Some(Asked::OwnerId(id)) => fields.code("owner_id", id).map(Party::Owner),
            None => {
                fields.reject("party", "must be a donor or an owner; found neither");
                None
            }
        };
        let donation_id = fields.filter("donation_id", &request.donation_id);
        let day = |text: Option<String>| text.and_then(|text| text.parse::<NaiveDate>().ok());
        let first_day = day(fields.date("first_day", &request.first_day));
        let last_day = day(fields.date("last_day", &request.last_day)).unwrap_or(today);
        if first_day.is_some_and(|first_day| first_day > last_day) {
            let rule = format!("must be no later than the last day, {last_day}");
            fields.reject("first_day", format!("{rule}; found {}", request.first_day));
        }
        for (field, position) in [
            ("at_position", request.at_position),
            ("since_position", request.since_position),
        ] {
            if position > head_position {
                let rule = format!("must be at most {head_position}, the head of the log");
                fields.reject(field, format!("{rule}; found {position}"));
            }
        }
        if request.changed_only && request.since_position == 0 {
            fields.reject(
                "changed_only",
                "needs since_position: the position of an earlier statement",
            );
        }
        let days = request.unreported_after_days;
        let unreported_days = within(
            &mut fields,
            "unreported_after_days",
            days,
            USUAL_UNREPORTED_DAYS,
            MAX_DAYS,
        );
        let at = match request.at_position {
            0 => head_position,
            position => position,
        };
        // The first page answers with the position that the next ones are asked for.
        let bare = GetStatementRequest {
            page_size: 0,
            page_token: String::new(),
            at_position: 0,
            ..request.clone()
        };
        let shape = ["", "", "", "", ""].map(Value::from);
        let asked = (request.page_size, &*request.page_token);
        let paging = paging_of(fields, "statement", asked, &bare, &shape)?;
        let Some(party) = party else {
            return Err(Refusal::field("party", "is malformed"));
        };
        Ok(Self {
            party,
            donation_id,
            first_day: request.first_day.clone(),
            last_day,
            begin_us: first_day.map_or(i64::MIN, begin),
            end_us: begin(last_day.checked_add_days(Days::new(1)).unwrap_or(last_day)),
            at,
            since: Some(request.since_position).filter(|position| *position > 0),
            changed_only: request.changed_only,
            unreported_us: unreported_days * 86_400_000_000,
            paging,
        })
    }

    /// Up to where views must have come.
    pub fn min_position(&self) -> u64 {
        self.at.max(self.since.unwrap_or(0))
    }

    /// Makes the statement.
    pub async fn answer(
        self,
        views: &Views,
        log: &Arc<dyn Log>,
    ) -> Result<GetStatementResponse, Refusal> {
        let query = Arc::new(self);
        let asked = Arc::clone(&query);
        let batch_ids = views.current().read(move |rows| asked.given(rows)).await?.0;
        let asked = Arc::clone(&query);
        let read = views
            .history()
            .read(move |rows| asked.happened(rows, batch_ids));
        let material = read.await?.0;
        let causes = causes(log, &material.changes).await?;
        let now = query.state(log, &material, &causes, query.at).await?;
        let before = match query.since {
            Some(since) => Some(query.state(log, &material, &causes, since).await?),
            None => None,
        };
        let page = cut(&query.paging, query.rows(&now, before.as_ref()));
        Ok(GetStatementResponse {
            rows: page.rows,
            next_page_token: page.next_page_token,
            position: query.at,
            party_name: organisation_name_at(log, query.party.id(), query.at).await?,
            first_day: query.first_day.clone(),
            last_day: query.last_day.to_string(),
        })
    }

    /// The batches of a donor, from the view `current`; those of an owner are told by what happened.
    fn given(&self, connection: &Connection) -> Result<Vec<String>, Refusal> {
        let party = self.party.id();
        match &self.party {
            Party::Donor(_) => names::known_organisation(connection, Some(party))?,
            Party::Owner(_) => names::known_owner(connection, Some(party))?,
        }
        names::known_donation(connection, self.donation_id.as_deref())?;
        let Party::Donor(donor_id) = &self.party else {
            return Ok(Vec::new());
        };
        let mut clauses = Clauses::default();
        clauses.equal("d.donor_id", Some(donor_id));
        clauses.equal("d.donation_id", self.donation_id.as_deref());
        let sql = format!(
            "SELECT b.batch_id FROM donations d JOIN batches b ON b.donation_id = d.donation_id{}",
            clauses.where_clause()
        );
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_map(&clauses.values(), |row| row.get(0))?)
    }

    /// What happened, from the view `history`.
    fn happened(
        &self,
        connection: &Connection,
        batch_ids: Vec<String>,
    ) -> Result<Material, Refusal> {
        let mut material = Material::default();
        let batch_ids = match self.party.owner() {
            None => batch_ids,
            Some(owner_id) => connection
                .prepare_cached("SELECT DISTINCT batch_id FROM holdings WHERE owner_id = ?1")?
                .query_map(params![owner_id], |row| row.get::<String>(0))?,
        };
        if batch_ids.len() > MAX_BATCHES {
            return Err(Refusal::StatementTooLarge);
        }
        for chunk in batch_ids.chunks(CHUNK) {
            self.read_chunk(connection, chunk, &mut material)?;
        }
        let item_ids: BTreeSet<String> = material
            .batches
            .values()
            .map(|batch| batch.item_id.clone())
            .collect();
        let mut statement =
            connection.prepare_cached("SELECT resource FROM items WHERE item_id = ?1")?;
        for item_id in item_ids {
            let mut found = statement.query(params![item_id])?;
            if let Some(row) = found.next()?
                && sized::<Item>(&row, 0)?.0.tracking() == Tracking::Serial
            {
                material.serial_items.insert(item_id);
            }
        }
        Ok(material)
    }

    fn read_chunk(
        &self,
        connection: &Connection,
        batch_ids: &[String],
        material: &mut Material,
    ) -> Result<(), Refusal> {
        let mut clauses = Clauses::default();
        one_of(&mut clauses, "batch_id", batch_ids);
        clauses.equal("donation_id", self.donation_id.as_deref());
        let sql = format!("SELECT resource FROM batches{}", clauses.where_clause());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut found = statement.query(&clauses.values())?;
        while let Some(row) = found.next()? {
            let (batch, _) = sized::<Batch>(&row, 0)?;
            material.batches.insert(batch.batch_id.clone(), batch);
        }
        let mut known = Shared::default();
        let mut resume = None;
        loop {
            resume = self.read_changes(connection, batch_ids, resume, &mut known, material)?;
            if material.changes.len() > MAX_CHANGES {
                return Err(Refusal::StatementTooLarge);
            }
            if resume.is_none() {
                return Ok(());
            }
        }
    }

    /// The next changes of some batches, in the order of their keys; answers with those of the last one where there may be
    /// more.
    fn read_changes(
        &self,
        connection: &Connection,
        batch_ids: &[String],
        resume: Option<Vec<Value>>,
        known: &mut Shared,
        material: &mut Material,
    ) -> Result<Option<Vec<Value>>, Refusal> {
        const KEYS: [&str; 3] = ["c.holding_id", "c.occurred_at_us", "c.position"];
        let mut clauses = Clauses::default();
        one_of(&mut clauses, "h.batch_id", batch_ids);
        clauses.equal("h.owner_id", self.party.owner());
        let end = clauses.parameter(self.end_us);
        clauses.condition(format!("c.occurred_at_us < {end}"));
        let position = i64::try_from(self.min_position()).unwrap_or(i64::MAX);
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
            "SELECT h.batch_id, h.facility_id, {keys}, {} \
             FROM holdings h JOIN changes c ON c.holding_id = h.holding_id{where_clause} ORDER BY {keys} LIMIT {limit}",
            columns.join(", "),
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut found = statement.query(&clauses.values())?;
        let (mut last, mut rows) = (None, 0);
        while let Some(row) = found.next()? {
            let (holding_id, occurred_at_us): (i64, i64) = (row.get(2)?, row.get(3)?);
            let position: i64 = row.get(4)?;
            material.changes.push(Change {
                batch_id: known.text(row.get(0)?),
                facility_id: known.text(row.get(1)?),
                occurred_at_us,
                position: position.cast_unsigned(),
                counts: counts(&row, 5)?,
            });
            rows += 1;
            last = Some(
                [holding_id, occurred_at_us, position]
                    .map(Value::from)
                    .to_vec(),
            );
        }
        Ok(last.filter(|_| rows == PAGE_CHANGES))
    }

    /// All figures as known at a position.
    async fn state(
        &self,
        log: &Arc<dyn Log>,
        material: &Material,
        causes: &HashMap<(u64, Arc<str>), String>,
        at: u64,
    ) -> Result<Sums, Refusal> {
        let then = batches_at(log, &material.batches, at).await?;
        let batch = |id: &str| then.get(id).or_else(|| material.batches.get(id));
        let mut sums = Sums::new();
        let mut places: BTreeMap<(Arc<str>, Arc<str>), Place> = BTreeMap::new();
        for change in material
            .changes
            .iter()
            .filter(|change| change.position <= at)
        {
            let Some(batch) = batch(&change.batch_id) else {
                continue;
            };
            let place = places
                .entry((
                    Arc::clone(&change.batch_id),
                    Arc::clone(&change.facility_id),
                ))
                .or_default();
            place.take(change);
            let counts = change.counts;
            if change.occurred_at_us < self.begin_us {
                add(
                    &mut sums,
                    batch,
                    Figure::Opening,
                    "",
                    counts.on_hand + counts.in_transit,
                );
                continue;
            }
            let cause = causes.get(&(change.position, Arc::clone(&change.batch_id)));
            let cause = cause.map_or("", String::as_str);
            for (figure, cause, quantity) in [
                (Figure::Received, "", counts.received),
                (Figure::Used, "", counts.consumed),
                (Figure::Disposed, cause, counts.disposed),
                (Figure::Lost, cause, counts.lost),
                (Figure::Returned, "", counts.returned),
                (Figure::Converted, "", counts.converted),
            ] {
                add(&mut sums, batch, figure, cause, quantity);
            }
            if self.party.owner().is_some() {
                add(&mut sums, batch, Figure::TitleIn, "", counts.title_in);
                add(&mut sums, batch, Figure::TitleOut, "", counts.title_out);
            }
        }
        let facility_ids = places.keys().map(|(_, id)| Arc::clone(id)).collect();
        let warehouses = warehouses_at(log, &facility_ids, at).await?;
        for ((batch_id, facility_id), place) in &places {
            if let Some(batch) = batch(batch_id) {
                let is_warehouse = warehouses.contains(&**facility_id);
                self.add_place(&mut sums, batch, is_warehouse, place);
            }
        }
        for asset in assets_at(log, &material.serial_batches(), at).await? {
            let owner = self.party.owner();
            let is_its_own = owner.is_none_or(|owner| owner == asset.owner_id);
            if asset.condition() == AssetCondition::InService
                && !GONE.contains(&asset.place())
                && is_its_own
                && let Some(batch) = batch(&asset.batch_id)
            {
                add(&mut sums, batch, Figure::InService, "", 1);
            }
        }
        sums.retain(|_, (quantity, value)| *quantity != 0 || *value != 0);
        Ok(sums)
    }

    fn add_place(&self, sums: &mut Sums, batch: &Batch, is_warehouse: bool, place: &Place) {
        add(sums, batch, Figure::InTransit, "", place.in_transit);
        if is_warehouse {
            add(sums, batch, Figure::AtWarehouse, "", place.on_hand);
        } else {
            add(sums, batch, Figure::Delivered, "", place.on_hand);
            if place.told_us < self.end_us.saturating_sub(self.unreported_us) {
                add(sums, batch, Figure::Unreported, "", place.on_hand);
            }
        }
        let last_day = self.last_day.to_string();
        if !batch.expires_on.is_empty() && batch.expires_on <= last_day {
            add(sums, batch, Figure::Expired, "", place.on_hand);
        }
    }

    fn rows(&self, now: &Sums, before: Option<&Sums>) -> Vec<(Vec<Value>, StatementRow)> {
        let mut keys: BTreeSet<&Key> = now.keys().collect();
        keys.extend(before.into_iter().flat_map(BTreeMap::keys));
        let mut rows = Vec::new();
        for key in keys {
            let of = |sums: &Sums| sums.get(key).copied().unwrap_or_default();
            let (told, told_before) = (of(now), before.map(of));
            if self.changed_only && told_before == Some(told) {
                continue;
            }
            let (donation_id, item_id, figure, cause, currency) = key.clone();
            let money = |minor_units| {
                (!currency.is_empty()).then(|| Money {
                    currency_code: currency.clone(),
                    minor_units,
                })
            };
            let row = StatementRow {
                figure,
                quantity: told.0,
                value: money(told.1),
                quantity_before: told_before.map(|before| before.0),
                value_before: told_before.and_then(|before| money(before.1)),
                donation_id,
                item_id,
                cause,
            };
            let order = format!("{figure:02}");
            let texts = [&key.0, &key.1, &order, &key.3, &key.4];
            rows.push((texts.map(|text| Value::from(text.as_str())).to_vec(), row));
        }
        rows
    }
}

impl Material {
    /// The batches whose units have serial numbers.
    fn serial_batches(&self) -> Vec<&str> {
        let batches = self.batches.iter();
        batches
            .filter(|(_, batch)| self.serial_items.contains(&batch.item_id))
            .map(|(id, _)| id.as_str())
            .collect()
    }
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

/// What there is of a batch at a facility, or on its way to it.
#[derive(Clone, Copy, Debug)]
struct Place {
    on_hand: i64,
    in_transit: i64,
    /// When it was last told of: as units came or were used.
    told_us: i64,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            on_hand: 0,
            in_transit: 0,
            told_us: i64::MIN,
        }
    }
}

impl Place {
    fn take(&mut self, change: &Change) {
        let counts = change.counts;
        self.on_hand += counts.on_hand;
        self.in_transit += counts.in_transit;
        // What is back because it never went has told nothing.
        let gone = [
            counts.consumed,
            counts.disposed,
            counts.lost,
            counts.returned,
        ];
        let is_back = gone.iter().any(|sum| *sum < 0);
        let came = counts.on_hand > 0 && counts.title_in == 0 && !is_back;
        if came || counts.consumed > 0 {
            self.told_us = self.told_us.max(change.occurred_at_us);
        }
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

fn add(sums: &mut Sums, batch: &Batch, figure: Figure, cause: &str, quantity: i64) {
    if quantity == 0 {
        return;
    }
    let value = worth(quantity, batch.unit_value.as_ref());
    let (currency, minor_units) = value.map_or((String::new(), 0), |value| {
        (value.currency_code, value.minor_units)
    });
    let key = (
        batch.donation_id.clone(),
        batch.item_id.clone(),
        figure.into(),
        cause.to_owned(),
        currency,
    );
    let sum = sums.entry(key).or_default();
    sum.0 = sum.0.saturating_add(quantity);
    sum.1 = sum.1.saturating_add(minor_units);
}
