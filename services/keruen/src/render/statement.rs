//! Statements: row by row, and as a page that can be printed.

use askama::Template;
use keruen_proto::{
    registry::v1::Money,
    reports::v1::{GetStatementResponse, StatementFigure, StatementRow},
};

use crate::{
    cells,
    render::{
        record::{Cell, Record, grouped, money_grouped, name},
        reports::reason,
        word,
    },
};

impl Record for StatementRow {
    const COLUMNS: &'static [&'static str] = &[
        "donation_id",
        "item_id",
        "figure",
        "cause",
        "quantity",
        "value",
        "quantity_before",
        "value_before",
    ];
    const MONEY: &'static [&'static str] = &["value", "value_before"];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.donation_id,
            &self.item_id,
            word::field::<StatementFigure>(self.figure),
            cause(&self.cause),
            units(self, Some(self.quantity)),
            self.value.as_ref(),
            units(self, self.quantity_before),
            self.value_before.as_ref(),
        ]
    }
}

/// A number of units; money has none.
fn units(row: &StatementRow, quantity: Option<i64>) -> Cell {
    quantity
        .filter(|_| !row.item_id.is_empty())
        .map_or_else(|| Cell::from(""), Cell::from)
}

/// `LOSS_CAUSE_THEFT`, `ENTRY_BASIS_OPENING_BALANCE` and `DISPOSAL_REASON_EXPIRED` as `theft`, `opening-balance` and
/// `expired`. What was missing when a shipment was received or handed over is `missing`.
fn cause(name: &str) -> String {
    let prefixes = [
        "ENTRY_CAUSE_",
        "ENTRY_BASIS_",
        "LOSS_CAUSE_",
        "MONEY_PURPOSE_",
        "RECEIPT_OUTCOME_",
    ];
    match prefixes.iter().find_map(|it| name.strip_prefix(it)) {
        Some(rest) => rest.to_ascii_lowercase().replace('_', "-"),
        None => reason(name),
    }
}

#[derive(Template)]
#[template(path = "statement.html")]
struct Page {
    party: String,
    first_day: String,
    last_day: String,
    position: u64,
    since: Option<u64>,
    again: String,
    rows: Vec<PageRow>,
}

struct PageRow {
    donation: String,
    item: String,
    figure: String,
    cause: String,
    quantity: String,
    value: String,
    quantity_before: String,
    value_before: String,
}

/// The page of a statement, beside what was known at another position, if that was asked for, and with the command that
/// gets it again.
pub fn page(
    statement: &GetStatementResponse,
    since: Option<u64>,
    again: &str,
) -> Result<String, askama::Error> {
    let money = |money: Option<&Money>| money.map(money_grouped).unwrap_or_default();
    let units = |row: &StatementRow, quantity: Option<i64>| {
        let quantity = quantity.filter(|_| !row.item_id.is_empty());
        quantity.map(grouped).unwrap_or_default()
    };
    let row = |row: &StatementRow| PageRow {
        donation: row.donation_id.clone(),
        item: row.item_id.clone(),
        figure: word::field::<StatementFigure>(row.figure).replace('-', " "),
        cause: cause(&row.cause),
        quantity: units(row, Some(row.quantity)),
        value: money(row.value.as_ref()),
        quantity_before: units(row, row.quantity_before),
        value_before: money(row.value_before.as_ref()),
    };
    Page {
        party: name(statement.party_name.as_ref()),
        first_day: statement.first_day.clone(),
        last_day: statement.last_day.clone(),
        position: statement.position,
        since,
        again: again.to_owned(),
        rows: statement.rows.iter().map(row).collect(),
    }
    .render()
}

#[cfg(test)]
mod tests {
    use keruen_proto::registry::v1::LocalizedText;

    use super::*;

    #[test]
    fn a_page_tells_every_row_and_nothing_in_it_is_markup() {
        let statement = GetStatementResponse {
            rows: vec![
                StatementRow {
                    donation_id: "D-1".to_owned(),
                    item_id: "IT-1".to_owned(),
                    figure: StatementFigure::Lost.into(),
                    cause: "LOSS_CAUSE_THEFT".to_owned(),
                    quantity: 1_200,
                    value: Some(Money {
                        currency_code: "USD".to_owned(),
                        minor_units: 123_456,
                    }),
                    quantity_before: Some(7),
                    ..StatementRow::default()
                },
                StatementRow {
                    donation_id: "D-1".to_owned(),
                    figure: StatementFigure::MoneySpent.into(),
                    cause: "MONEY_PURPOSE_FREIGHT".to_owned(),
                    value: Some(Money {
                        currency_code: "USD".to_owned(),
                        minor_units: 350_000,
                    }),
                    quantity_before: Some(0),
                    ..StatementRow::default()
                },
            ],
            position: 42,
            party_name: Some(LocalizedText {
                en: "<b>Kaspi & Co</b>".to_owned(),
                ..LocalizedText::default()
            }),
            last_day: "2020-12-31".to_owned(),
            ..GetStatementResponse::default()
        };
        let html = page(&statement, Some(40), "keruen again --at 42").unwrap();
        for told in [
            "D-1",
            "lost",
            "theft",
            "1,200",
            "1,234.56 USD",
            "position 42",
            "position 40",
            "keruen again --at 42",
            ">7<",
            "money spent",
            "freight",
            "3,500.00 USD",
        ] {
            assert!(html.contains(told), "{told}: {html}");
        }
        assert!(!html.contains("<b>") && !html.contains(">0<"), "{html}");
    }
}
