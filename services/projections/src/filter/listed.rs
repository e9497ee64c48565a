//! What can be said of the lists that take filters, for whoever explains it to people.

use super::{Column, Kind};
use crate::{assets, boards, report, stock};

/// A field of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedField {
    /// By which people call it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub holds: &'static str,
    /// How it is compared.
    pub signs: Vec<&'static str>,
    /// Whether `name:*` asks for rows that have any.
    pub may_be_missing: bool,
    /// Whether rows can stand in its order.
    pub is_orderable: bool,
    /// The values of a closed list; empty where there is none.
    pub words: Vec<&'static str>,
}

/// The lists that take a filter, by the names of their RPCs, each with its fields.
pub fn filtered_lists() -> Vec<(&'static str, Vec<ListedField>)> {
    let all = |columns: &'static [Column]| columns.iter().map(told).collect();
    let mut of_stock: Vec<ListedField> = all(&stock::COLUMNS_TO_FILTER);
    for field in &mut of_stock {
        field.is_orderable = stock::COLUMNS_TO_ORDER
            .iter()
            .any(|column| column.name == field.name);
    }
    vec![
        ("ListStock", of_stock),
        ("ListRequests", all(&boards::REQUESTS)),
        ("ListShipments", all(&boards::SHIPMENTS)),
        ("ListDonations", all(&boards::DONATIONS)),
        ("ListAssets", all(&assets::ASSETS)),
        ("ListUnmetNeeds", all(&report::NEEDS)),
        ("ListExpiringStock", all(&report::EXPIRING)),
        ("ListReorders", all(&report::REORDERS)),
        ("ListAuditExceptions", all(&report::EXCEPTIONS)),
    ]
}

fn told(column: &Column) -> ListedField {
    ListedField {
        name: column.name,
        holds: match column.kind {
            Kind::Code(_) | Kind::Through(..) => "code",
            Kind::Listed(_) => "codes",
            Kind::Region => "region",
            Kind::Text => "text",
            Kind::Day => "day",
            Kind::Time => "time",
            Kind::Number => "number",
            Kind::Amount(_) => "minor units",
            Kind::Sum => "sum",
            Kind::Flag => "true or false",
            Kind::State(_) => "one of",
            Kind::Rank(_) => "one of, the lowest first:",
        },
        signs: column.comparators().iter().map(|it| it.sign()).collect(),
        may_be_missing: column.may_be_missing(),
        is_orderable: column.is_orderable(),
        words: match column.kind {
            Kind::State(words) | Kind::Rank(words) => words.names(),
            _ => Vec::new(),
        },
    }
}
