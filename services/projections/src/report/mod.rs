//! Reports: what the views add up to.

mod causes;
mod endpoint;
mod exceptions;
mod expiry;
mod needs;
pub(crate) mod recorded;
mod reorder;
mod statement;
mod stockout;
mod unmet;

pub use endpoint::ReportEndpoint;
pub use exceptions::EXCEPTIONS;
pub use expiry::EXPIRING;
pub use needs::NEEDS;
pub use reorder::REORDERS;
#[cfg(test)]
pub use {
    endpoint::STATEMENTS,
    exceptions::ExceptionsQuery,
    expiry::ExpiryQuery,
    needs::NeedsQuery,
    reorder::{Missing, ReorderQuery, missing},
    statement::StatementQuery,
};

use std::cmp::Ordering;

use chrono::NaiveDate;
use keruen_domain::registry::closure_on;
use keruen_proto::registry::v1::{Facility, Money, UnitValue};
use prost::Message;

use crate::{
    clauses::Value,
    fields::Fields,
    filter::{Column, Order},
    paging::{self, MAX_PAGE_BYTES, Page, Paging},
};

const MAX_DAYS: i32 = 3_660;
const MAX_MONTHS: i32 = 36;
/// Of a month, wherever use is averaged.
const MONTH_DAYS: i64 = 30;

/// A number within bounds; 0 means the usual one.
fn within(fields: &mut Fields, field: &str, asked: i32, usual: i32, maximum: i32) -> i64 {
    if !(0..=maximum).contains(&asked) {
        fields.reject(
            field,
            format!("must be 1 to {maximum}, or 0 for {usual}; found {asked}"),
        );
    }
    i64::from(if asked == 0 { usual } else { asked })
}

/// Whether a facility is neither retired nor closed on a day.
pub fn is_in_use(facility: &Facility, day: NaiveDate) -> bool {
    let retired_on = facility.retired.as_ref().map(|it| it.retired_on.as_str());
    let is_retired = retired_on.is_some_and(|retired_on| retired_on <= day.to_string().as_str());
    !is_retired && closure_on(facility, day).is_none()
}

/// In what order rows in memory stand: as `usual` says, an order too, unless something else is asked for.
fn order_of(
    fields: &mut Fields,
    usual: &str,
    order_by: &str,
    columns: &'static [Column],
    ties: &[(&str, bool)],
) -> Order {
    let is_asked = !order_by.trim().is_empty();
    if is_asked && !usual.is_empty() {
        fields.reject("order_by", "says another order than order; say one of them");
    }
    let text = if is_asked { order_by } else { usual };
    Order::parse(fields, text, columns, ties).unwrap_or_else(|| Order::usual(ties, false))
}

/// The rows after the one at which the page before ended, of all that there are, in the order of their keys.
fn cut<T: Message>(paging: &Paging, rows: Vec<(Vec<Value>, T)>) -> Page<T> {
    cut_by(paging, rows, <[Value]>::cmp)
}

/// The same in another order of keys, of which no two rows have the same. What is new before the row at which the page before
/// ended is on an earlier page.
fn cut_by<T: Message>(
    paging: &Paging,
    mut rows: Vec<(Vec<Value>, T)>,
    compare: impl Fn(&[Value], &[Value]) -> Ordering,
) -> Page<T> {
    rows.sort_by(|(one, _), (other, _)| compare(one, other));
    if let Some(resume) = &paging.resume {
        rows.retain(|(key, _)| compare(key, resume) == Ordering::Greater);
    }
    let mut page = Page {
        rows: Vec::new(),
        next_page_token: String::new(),
    };
    let (mut last, mut bytes) = (Vec::new(), 0);
    for (key, row) in rows {
        bytes += row.encoded_len();
        let is_full = page.rows.len() == paging.page_size
            || (bytes > MAX_PAGE_BYTES && !page.rows.is_empty());
        if is_full {
            page.next_page_token = paging::token(paging.fingerprint, last);
            break;
        }
        last = key;
        page.rows.push(row);
    }
    page
}

/// What units of a declared value are worth; `None` where none was declared, and where it can't be counted.
pub fn worth(quantity: i64, unit_value: Option<&UnitValue>) -> Option<Money> {
    let amount = unit_value?.amount.as_ref()?;
    Some(Money {
        currency_code: amount.currency_code.clone(),
        minor_units: amount.minor_units.checked_mul(quantity)?,
    })
}
