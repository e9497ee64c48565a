//! What an auditor should look at.

use chrono::{Days, NaiveDate};
use keruen_domain::calendar::kazakhstan_midnight_us;
use keruen_proto::reports::v1::{AuditException, AuditExceptionKind, ListAuditExceptionsRequest};

use crate::{
    clauses::Clauses,
    database::Connection,
    fields::Fields,
    filter::{Column, Filter, Kind, Known, Order, column, words},
    names,
    paging::{Page, Paging, sized},
    refusal::Refusal,
};

/// What exceptions can be filtered and ordered by.
pub static EXCEPTIONS: [Column; 8] = [
    column("kind", Kind::State(words!(AuditExceptionKind)), "kind"),
    column("facility", Kind::Code(Known::Facility), "facility_id"),
    column("region", Kind::Region, "exceptions.facility_id"),
    column("actor", Kind::Text, "actor"),
    column("recorded_at", Kind::Time, "recorded_at_us"),
    column(
        "value_minor_units",
        Kind::Amount("value_currency"),
        "value_minor_units",
    ),
    column("value_currency", Kind::Text, "value_currency"),
    column("position", Kind::Number, "position"),
];
/// What tells exceptions apart.
const KEYS: [(&str, bool); 3] = [
    ("position", false),
    ("kind", false),
    ("exception_no", false),
];

/// A question for exceptions, parsed.
pub struct ExceptionsQuery {
    kinds: Vec<i64>,
    facility_id: Option<String>,
    region_id: Option<String>,
    actor: String,
    from_us: Option<i64>,
    before_us: Option<i64>,
    min_value: i64,
    filter: Filter,
    order: Order,
    paging: Paging,
}

/// When a day begins, in microseconds.
pub fn begin(day: NaiveDate) -> i64 {
    kazakhstan_midnight_us(day.signed_duration_since(NaiveDate::default()).num_days())
}

impl ExceptionsQuery {
    /// Parses a request.
    pub fn parse(request: &ListAuditExceptionsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let kinds = fields.states::<AuditExceptionKind>("kinds", &request.kinds);
        let day = |day: Option<String>| day.and_then(|day| day.parse::<NaiveDate>().ok());
        let from = fields.date("recorded_from", &request.recorded_from);
        let until = fields.date("recorded_until", &request.recorded_until);
        fields.refuse_backwards("recorded_from", from.as_deref(), until.as_deref());
        let (from, until) = (day(from), day(until));
        if request.min_value_minor_units < 0 {
            let rule = format!(
                "must be at least 0; found {}",
                request.min_value_minor_units
            );
            fields.reject("min_value_minor_units", rule);
        }
        if request.actor.contains(char::is_control) {
            fields.reject("actor", "must not contain control characters");
        }
        let filter = Filter::parse(&mut fields, &request.filter, &EXCEPTIONS);
        let order = Order::parse(&mut fields, &request.order_by, &EXCEPTIONS, &KEYS);
        let order = order.unwrap_or_else(|| Order::usual(&KEYS, false));
        let shape = order.shape();
        Ok(Self {
            kinds,
            facility_id: fields.filter("facility_id", &request.facility_id),
            region_id: fields.filter("region_id", &request.region_id),
            actor: request.actor.clone(),
            from_us: from.map(begin),
            before_us: until
                .and_then(|day| day.checked_add_days(Days::new(1)))
                .map(begin),
            min_value: request.min_value_minor_units,
            filter,
            order,
            paging: Paging::parse(fields, "exceptions", request, &shape)?,
        })
    }

    /// Lists them, with the regions of `today`.
    pub fn answer(
        self,
        connection: &Connection,
        today: NaiveDate,
    ) -> Result<Page<AuditException>, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        let mut clauses = Clauses::default();
        clauses.one_of("kind", &self.kinds);
        clauses.in_region("facility_id", self.region_id.as_deref(), &today.to_string());
        clauses.equal("facility_id", self.facility_id.as_deref());
        clauses.equal(
            "actor",
            Some(self.actor.as_str()).filter(|actor| !actor.is_empty()),
        );
        if let Some(from_us) = self.from_us {
            let from = clauses.parameter(from_us);
            clauses.condition(format!("recorded_at_us >= {from}"));
        }
        if let Some(before_us) = self.before_us {
            let before = clauses.parameter(before_us);
            clauses.condition(format!("recorded_at_us < {before}"));
        }
        if self.min_value > 0 {
            let minimum = clauses.parameter(self.min_value);
            clauses.condition(format!(
                "(value_minor_units >= {minimum} OR value_minor_units <= -{minimum})"
            ));
        }
        let today = today.to_string();
        self.filter.refuse_unknown(connection)?;
        self.filter.add(&mut clauses, &today);
        let order = self
            .order
            .place(&mut clauses, &today, self.paging.resume.as_deref());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT exception, {} FROM exceptions{where_clause} ORDER BY {} LIMIT {limit}",
            order.columns, order.by
        );
        self.paging
            .page(connection, &sql, &clauses, (1, order.keys), |row| {
                sized(row, 0)
            })
    }
}
