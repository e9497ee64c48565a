//! Tables for people.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::{Attribute, CellAlignment, ContentArrangement, Table, presets};

use crate::render::record::{Cell, Record};

const BOLD: Style = Style::new().bold();

/// A table. Columns in which no row says anything are left out.
pub fn render(columns: &[&str], rows: &[Vec<Cell>], width: u16) -> String {
    let told: Vec<bool> = (0..columns.len())
        .map(|column| {
            rows.iter()
                .any(|row| row.get(column).is_some_and(|cell| !cell.is_empty()))
        })
        .collect();
    let keep = |column: &usize| told.get(*column).copied().unwrap_or(false);
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        // The sink drops styles where they don't belong.
        .force_no_tty()
        .enforce_styling();
    let numeric = |column: usize| {
        rows.iter()
            .any(|row| matches!(row.get(column), Some(Cell::Number(_))))
    };
    let align = |cell: comfy_table::Cell, column: usize| {
        cell.set_alignment(if numeric(column) {
            CellAlignment::Right
        } else {
            CellAlignment::Left
        })
    };
    let header: Vec<comfy_table::Cell> = columns
        .iter()
        .enumerate()
        .filter(|(column, _)| keep(column))
        .map(|(column, title)| {
            align(
                comfy_table::Cell::new(title.replace('_', " ")).add_attribute(Attribute::Bold),
                column,
            )
        })
        .collect();
    table.set_header(header);
    for row in rows {
        let row: Vec<comfy_table::Cell> = row
            .iter()
            .enumerate()
            .filter(|(column, _)| keep(column))
            .map(|(column, cell)| align(comfy_table::Cell::new(cell.pretty()), column))
            .collect();
        table.add_row(row);
    }
    format!("{}\n", table.trim_fmt())
}

/// A page about one thing: what is known of it line by line, and its parts as tables.
pub fn details<R: Record>(record: &R, width: u16) -> String {
    let cells = record.cells();
    let told: Vec<(&str, &Cell)> = R::COLUMNS
        .iter()
        .copied()
        .zip(&cells)
        .filter(|(_, cell)| !cell.is_empty())
        .collect();
    let longest = told
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for (name, cell) in told {
        let name = name.replace('_', " ");
        let value = cell.pretty().replace('\n', ", ");
        // Writing to a string can't fail.
        let _ = writeln!(text, "{BOLD}{name:<longest$}{BOLD:#}  {value}");
    }
    for part in record
        .parts()
        .into_iter()
        .filter(|part| !part.rows.is_empty())
    {
        let _ = writeln!(text, "\n{BOLD}{}{BOLD:#}", part.title);
        text.push_str(&render(part.columns, &part.rows, width));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn silent_columns_are_left_out_and_numbers_stand_right() {
        let rows = vec![
            crate::cells!["A", "", 1_i64],
            crate::cells!["BB", "", 1_000_i64],
        ];
        let text = plain(&render(&["code", "nothing", "on_hand"], &rows, 200));
        assert!(!text.contains("nothing") && text.contains("on hand"));
        assert!(
            text.lines()
                .any(|line| line.trim_end().ends_with("      1")),
            "{text}"
        );
        assert!(
            text.lines()
                .any(|line| line.trim_end().ends_with("  1,000")),
            "{text}"
        );
    }

    #[test]
    fn names_can_not_control_the_terminal() {
        let text = plain(&render(&["name"], &[crate::cells!["a\u{1b}[31mb\nc"]], 200));
        assert!(!text.contains('\u{1b}') && text.contains("a\u{fffd}[31mb\u{fffd}c"));
    }
}
