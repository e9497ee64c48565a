//! Tables for people.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::{
    Attribute, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
    Width,
};

use crate::render::record::{Cell, Record};

const BOLD: Style = Style::new().bold();
/// Nothing but columns, for whatever reads on.
const PLAIN: TableStyle = TableStyle::new();
/// A rule below the header and none between the rows: as many rows on a screen as fit.
const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// Blank columns right of each column.
const GAP: usize = 2;

/// A column that has something to say.
struct Column {
    /// Where it stands in the rows.
    index: usize,
    title: String,
    numeric: bool,
    /// Whether it holds nothing but zeros.
    zero: bool,
    /// As narrow as it may be: neither numbers nor codes are broken.
    min_width: usize,
}

fn longest_word(text: &str) -> usize {
    text.split_whitespace()
        .map(|word| word.chars().count())
        .max()
        .unwrap_or_default()
}

fn told_columns(columns: &[&str], rows: &[Vec<Cell>]) -> Vec<Column> {
    let mut told = Vec::new();
    for (index, name) in columns.iter().enumerate() {
        let cells = || {
            rows.iter()
                .filter_map(|row| row.get(index))
                .filter(|cell| !cell.is_empty())
        };
        if cells().next().is_none() {
            continue;
        }
        let title = name.replace('_', " ");
        let widest = cells()
            .map(|cell| longest_word(&cell.pretty()))
            .max()
            .unwrap_or_default();
        told.push(Column {
            index,
            min_width: widest.max(longest_word(&title)),
            title,
            zero: cells().all(|cell| *cell == Cell::Number(0)),
            numeric: cells().any(Cell::is_numeric),
        });
    }
    told
}

fn fits(columns: &[Column], width: u16) -> bool {
    let narrowest: usize = columns.iter().map(|column| column.min_width + GAP).sum();
    narrowest <= usize::from(width)
}

/// A table. Columns in which no row says anything are left out, and where the others don't fit, those with nothing but
/// zeros. Where it doesn't fit even then, each row becomes a block of lines. `terminal_width` is `None` where there is no
/// terminal: then everything fits, and there are no rules.
pub fn render(columns: &[&str], rows: &[Vec<Cell>], terminal_width: Option<u16>) -> String {
    let width = terminal_width.unwrap_or(u16::MAX);
    let mut told = told_columns(columns, rows);
    if !fits(&told, width) {
        told.retain(|column| !column.zero);
    }
    if !fits(&told, width) {
        return blocks(&told, rows);
    }
    let cell = |column: &Column, cell: comfy_table::Cell| {
        cell.set_alignment(if column.numeric {
            CellAlignment::Right
        } else {
            CellAlignment::Left
        })
    };
    let mut table = Table::new();
    table
        .load_style(terminal_width.map_or(PLAIN, |_| RULED))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        // The sink drops styles where they don't belong.
        .force_no_tty()
        .enforce_styling()
        .style_text_only();
    table.set_header(told.iter().map(|column| {
        cell(
            column,
            comfy_table::Cell::new(&column.title).add_attribute(Attribute::Bold),
        )
    }));
    for row in rows {
        table.add_row(told.iter().map(|column| {
            cell(
                column,
                comfy_table::Cell::new(row.get(column.index).map(Cell::pretty).unwrap_or_default()),
            )
        }));
    }
    for (index, column) in told.iter().enumerate() {
        let width = u16::try_from(column.min_width + GAP).unwrap_or(u16::MAX);
        if let Some(drawn) = table.column_mut(index) {
            drawn.set_padding((0, u16::try_from(GAP).unwrap_or_default()));
            drawn.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// Each row as lines of name and value.
fn blocks(told: &[Column], rows: &[Vec<Cell>]) -> String {
    let blocks: Vec<String> = rows
        .iter()
        .map(|row| {
            let fields = told
                .iter()
                .filter_map(|column| Some((column.title.as_str(), row.get(column.index)?)));
            lines(&fields.collect::<Vec<_>>())
        })
        .collect();
    blocks.join("\n")
}

/// Names and values, a line each; without those that say nothing.
fn lines(fields: &[(&str, &Cell)]) -> String {
    let told = || fields.iter().filter(|(_, cell)| !cell.is_empty());
    let longest = told()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for (name, cell) in told() {
        let value = cell.pretty().replace('\n', ", ");
        // Writing to a string can't fail.
        let _ = writeln!(text, "{BOLD}{name:<longest$}{BOLD:#}  {value}");
    }
    text
}

/// A page about one thing: what is known of it line by line, and its parts as tables.
pub fn details<R: Record>(record: &R, terminal_width: Option<u16>) -> String {
    let cells = record.cells();
    let names: Vec<String> = R::COLUMNS
        .iter()
        .map(|name| name.replace('_', " "))
        .collect();
    let fields: Vec<(&str, &Cell)> = names.iter().map(String::as_str).zip(&cells).collect();
    let mut text = lines(&fields);
    for part in record
        .parts()
        .into_iter()
        .filter(|part| !part.rows.is_empty())
    {
        let _ = writeln!(text, "\n{BOLD}{}{BOLD:#}", part.title);
        text.push_str(&render(part.columns, &part.rows, terminal_width));
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
        let text = plain(&render(&["code", "nothing", "on_hand"], &rows, Some(200)));
        assert!(!text.contains("nothing") && text.contains("on hand"));
        // What is no terminal gets the same without the rule.
        let piped = plain(&render(&["code", "nothing", "on_hand"], &rows, None));
        let ruled = text.lines().filter(|line| !line.contains('─'));
        assert_eq!(text.lines().count(), 4);
        assert!(ruled.eq(piped.lines()), "{piped}");
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
    fn numbers_and_codes_are_never_broken() {
        let rows = [crate::cells![
            "REQ-JEZQAZGHAN-TESTS",
            "a name of several words",
            1_000_000_i64
        ]];
        for width in [10, 36, 44, 60, 200] {
            let text = plain(&render(&["code", "name", "in_transit"], &rows, Some(width)));
            assert!(
                text.contains("REQ-JEZQAZGHAN-TESTS") && text.contains("1,000,000"),
                "{width}\n{text}"
            );
            let blocks = text.starts_with("code        REQ-");
            let fits = text
                .lines()
                .all(|line| line.chars().count() <= width.into());
            assert!(fits || blocks, "{width}\n{text}");
            assert_eq!(blocks, width < 42, "{width}\n{text}");
        }
    }

    #[test]
    fn several_numbers_stand_right_too() {
        let rows = [crate::cells!["A", Cell::Numbers(vec![1_000, 20])]];
        let text = plain(&render(&["code", "requested"], &rows, Some(200)));
        assert!(text.contains("A         1,000\n             20"), "{text}");
        assert_eq!(rows[0][1].plain(), "1000;20");
    }

    #[test]
    fn names_can_not_control_the_terminal() {
        let text = plain(&render(
            &["name"],
            &[crate::cells!["a\u{1b}[31mb\nc"]],
            None,
        ));
        assert!(!text.contains('\u{1b}') && text.contains("a\u{fffd}[31mb\u{fffd}c"));
    }
}
