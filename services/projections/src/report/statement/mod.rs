//! Statements: what became of what a donor gave, or an organisation owned, in a period. What was known at a position is
//! told the same for ever.

pub(super) mod changes;
mod figures;
mod money;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{Days, NaiveDate};
use keruen_domain::code::UNATTRIBUTED;
use keruen_log::Log;
use keruen_proto::{
    registry::v1::Money,
    reports::v1::{
        GetStatementRequest, GetStatementResponse, StatementRow,
        get_statement_request::Party as Asked,
    },
};

use super::{
    MAX_DAYS,
    causes::Causes,
    cut,
    exceptions::begin,
    recorded::{append_end, day_at, organisation_name_at},
    within,
};
use crate::{
    clauses::Value,
    database::Connection,
    fields::Fields,
    names,
    paging::Paging,
    refusal::Refusal,
    report::statement::{
        changes::Wanted,
        figures::{AsOf, Figures, Key, Sums},
    },
    views::Views,
};

const USUAL_UNREPORTED_DAYS: i32 = 30;
const DAY_US: i64 = 86_400_000_000;
/// What one statement may be about: more takes too much memory. One donation never is.
const MAX_BATCHES: usize = 200_000;
const MAX_SUMS: usize = 500_000;
/// Batches that are added up at once.
#[cfg(not(test))]
const CHUNK: usize = 400;
#[cfg(test)]
const CHUNK: usize = 60;

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
    begin_us: i64,
    now: AsOf,
    before: Option<AsOf>,
    changed_only: bool,
    max_batches: usize,
    paging: Paging,
}

impl StatementQuery {
    /// Parses a request. A statement ends with the day on which its position was recorded, unless another one is asked for;
    /// with `today`, where nothing was.
    pub async fn parse(
        request: &GetStatementRequest,
        log: &Arc<dyn Log>,
        today: NaiveDate,
    ) -> Result<Self, Refusal> {
        let head_position = log.head().await?.position;
        let request = &GetStatementRequest {
            at_position: append_end(log, request.at_position).await?,
            since_position: append_end(log, request.since_position).await?,
            ..request.clone()
        };
        let at = match request.at_position {
            0 => head_position,
            position => position,
        };
        let mut days = [today; 2];
        for (day, position) in days.iter_mut().zip([at, request.since_position]) {
            *day = day_at(log, position).await?.unwrap_or(today);
        }
        Self::parse_on(request, head_position, days)
    }

    /// Parses a request, with the head of the log and the days on which its two positions were recorded.
    fn parse_on(
        request: &GetStatementRequest,
        head_position: u64,
        [recorded_on, recorded_before_on]: [NaiveDate; 2],
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
        let asked_day = day(fields.date("last_day", &request.last_day));
        let last_day = asked_day.unwrap_or(recorded_on);
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
        let (at, since) = (request.at_position, request.since_position);
        if at > 0 && since > at {
            let rule = format!("must be that of an earlier statement than at_position, {at}");
            fields.reject("since_position", format!("{rule}; found {since}"));
        }
        if request.changed_only && since == 0 {
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
        let shape = ["", "", "", "", ""].map(Value::from);
        let paging = Paging::parse(fields, "statement", request, &shape)?;
        let Some(party) = party else {
            return Err(Refusal::field("party", "is malformed"));
        };
        let as_of = |position, last_day: NaiveDate| {
            let end_us = begin(last_day.checked_add_days(Days::new(1)).unwrap_or(last_day));
            AsOf {
                position,
                last_day,
                end_us,
                told_from_us: end_us.saturating_sub(unreported_days * DAY_US),
            }
        };
        let before = Some(request.since_position).filter(|position| *position > 0);
        Ok(Self {
            party,
            donation_id,
            first_day: request.first_day.clone(),
            begin_us: first_day.map_or(i64::MIN, begin),
            now: as_of(at, last_day),
            // As the earlier statement was, which ended with its own day.
            before: before.map(|at| as_of(at, asked_day.unwrap_or(recorded_before_on))),
            changed_only: request.changed_only,
            max_batches: MAX_BATCHES,
            paging,
        })
    }

    /// The same, about no more batches than these.
    #[cfg(test)]
    #[must_use]
    pub fn limited(self, max_batches: usize) -> Self {
        Self {
            max_batches,
            ..self
        }
    }

    /// As of which positions it is told.
    fn as_of(&self) -> impl Iterator<Item = AsOf> {
        [self.now].into_iter().chain(self.before)
    }

    /// Up to where views must have come.
    pub fn min_position(&self) -> u64 {
        self.as_of().map(|it| it.position).max().unwrap_or_default()
    }

    /// Makes the statement.
    pub async fn answer(
        self,
        views: &Views,
        log: &Arc<dyn Log>,
    ) -> Result<GetStatementResponse, Refusal> {
        let query = Arc::new(self);
        let sums = query.add_up(views, log).await?;
        let page = cut(&query.paging, query.rows(&sums[0], sums.get(1)));
        Ok(GetStatementResponse {
            rows: page.rows,
            next_page_token: page.next_page_token,
            position: query.now.position,
            party_name: organisation_name_at(log, query.party.id(), query.now.position).await?,
            first_day: query.first_day.clone(),
            last_day: query.now.last_day.to_string(),
        })
    }

    /// What all adds up to, and to what it did before if that is asked for.
    async fn add_up(
        self: &Arc<Self>,
        views: &Views,
        log: &Arc<dyn Log>,
    ) -> Result<Vec<Sums>, Refusal> {
        let mut batch_ids = self.batch_ids(views).await?;
        batch_ids.sort_unstable();
        let owner_id = self.party.owner();
        let figures = |as_of| Figures::new(as_of, self.begin_us, owner_id, &batch_ids);
        let mut all: Vec<Figures<'_>> = self.as_of().map(figures).collect();
        for chunk in batch_ids.chunks(CHUNK) {
            self.add_chunk(views, log, chunk, &mut all).await?;
            if all.iter().any(|figures| figures.len() > MAX_SUMS) {
                return Err(Refusal::StatementTooLarge);
            }
        }
        let mut sums: Vec<Sums> = all.into_iter().map(Figures::into_sums).collect();
        let money = self.money(views, log).await?;
        for (sums, as_of) in sums.iter_mut().zip(self.as_of()) {
            money::add(sums, &money, as_of, self.begin_us);
        }
        Ok(sums)
    }

    /// What a donor promised in money, and what it was spent on.
    async fn money(
        self: &Arc<Self>,
        views: &Views,
        log: &Arc<dyn Log>,
    ) -> Result<Vec<money::Movement>, Refusal> {
        if self.party.owner().is_some() {
            return Ok(Vec::new());
        }
        let query = Arc::clone(self);
        let read = views.current().read(move |rows| {
            let donation_id = query.donation_id.as_deref();
            money::donations(rows, query.party.id(), donation_id, query.max_batches)
        });
        money::movements(log, &read.await?.0, self.min_position()).await
    }

    /// The batches that it is about: those of a donor are told by the view `current`, those of an owner by what happened.
    async fn batch_ids(self: &Arc<Self>, views: &Views) -> Result<Vec<String>, Refusal> {
        let query = Arc::clone(self);
        let given = views.current().read(move |rows| query.given(rows)).await?;
        let batch_ids = if let Some(batch_ids) = given.0 {
            batch_ids
        } else {
            let query = Arc::clone(self);
            let owned = views.history().read(move |rows| query.owned(rows));
            owned.await?.0
        };
        if batch_ids.len() > self.max_batches {
            return Err(Refusal::StatementTooLarge);
        }
        Ok(batch_ids)
    }

    fn given(&self, connection: &Connection) -> Result<Option<Vec<String>>, Refusal> {
        let party = self.party.id();
        let donation_id = self.donation_id.as_deref();
        match &self.party {
            Party::Donor(_) => names::known_organisation(connection, Some(party))?,
            Party::Owner(_) => names::known_owner(connection, Some(party))?,
        }
        // What nobody can attribute is a part of what somebody owns, and no donation that is known.
        let known = donation_id.filter(|id| self.party.owner().is_none() || *id != UNATTRIBUTED);
        names::known_donation(connection, known)?;
        Ok(match &self.party {
            Party::Donor(donor_id) => {
                let limit = self.max_batches + 1;
                Some(changes::given(connection, donor_id, donation_id, limit)?)
            }
            Party::Owner(_) => None,
        })
    }

    fn owned(&self, connection: &Connection) -> Result<Vec<String>, Refusal> {
        let donation_id = self.donation_id.as_deref();
        changes::owned(
            connection,
            self.party.id(),
            donation_id,
            self.max_batches + 1,
        )
    }

    /// Adds some batches to all figures.
    async fn add_chunk(
        self: &Arc<Self>,
        views: &Views,
        log: &Arc<dyn Log>,
        chunk: &[String],
        all: &mut [Figures<'_>],
    ) -> Result<(), Refusal> {
        let chunk: Arc<[String]> = chunk.into();
        let asked = Arc::clone(&chunk);
        let read = views
            .history()
            .read(move |rows| changes::batches(rows, &asked));
        let (batches, of_assets) = read.await?.0;
        for figures in all.iter_mut() {
            figures.begin(log, &batches).await?;
        }
        let mut causes = Causes::of(log, &chunk, self.party.owner()).await?;
        let mut resume = None;
        loop {
            let (query, asked) = (Arc::clone(self), Arc::clone(&chunk));
            let read = views
                .history()
                .read(move |rows| changes::changes(rows, &asked, query.wanted(), resume));
            let page = read.await?.0;
            for change in &page.changes {
                let shares = causes.split(log, change).await?;
                for figures in all.iter_mut() {
                    figures.take(change, &shares);
                }
            }
            resume = page.resume;
            if resume.is_none() {
                break;
            }
        }
        for figures in all {
            figures.finish(log, &of_assets).await?;
        }
        Ok(())
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            owner_id: self.party.owner(),
            end_us: self.as_of().map(|it| it.end_us).max().unwrap_or(i64::MAX),
            position: self.min_position(),
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
