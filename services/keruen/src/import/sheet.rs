//! A CSV file as rows of named fields, and the errors in it by line and column.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::Read as _,
    path::Path,
};

use super::{
    encoding::{Lines, decode, delimiter},
    errors::Errors,
};
use crate::client::failure::{Failure, one_line};

/// The largest file.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The most rows.
const MAX_ROWS: usize = 100_000;

/// A column that a file may have.
#[derive(Debug)]
pub struct Column {
    /// Its name in the header.
    pub name: &'static str,
    /// Whether every file must have it, and every row say something in it.
    pub required: bool,
    /// What it holds.
    pub about: &'static str,
}

/// A file in memory.
#[derive(Debug)]
pub struct Sheet {
    /// The rows that are not empty.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Debug)]
pub struct Row {
    /// Line of the file where it begins, from 1.
    pub line: u64,
    /// Number of the row below the header, from 1.
    pub number: usize,
    /// What it says, by column; nothing for empty fields.
    fields: BTreeMap<&'static str, String>,
}

impl Row {
    /// What a field says; empty where it says nothing.
    pub fn text(&self, column: &str) -> &str {
        self.fields.get(column).map_or("", String::as_str)
    }

    /// The same, owned.
    pub fn string(&self, column: &str) -> String {
        self.text(column).to_owned()
    }

    /// A field as `parse` reads it; `None` where it says nothing or is wrong, which is noted.
    pub fn parse<T>(
        &self,
        column: &str,
        errors: &mut Errors,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.fields.get(column)?;
        parse(text)
            .map_err(|rule| errors.field(self, column, &rule))
            .ok()
    }

    /// Several values separated by semicolons.
    pub fn many<T>(
        &self,
        column: &str,
        errors: &mut Errors,
        mut parse: impl FnMut(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let parts = self
            .text(column)
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts
            .filter_map(|part| {
                parse(part)
                    .map_err(|rule| errors.field(self, column, &rule))
                    .ok()
            })
            .collect()
    }
}

/// Reads a file, or standard input for `-`. Answers with the name for messages, and the bytes.
pub fn load(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let stdin = path.as_os_str() == "-";
    let place = if stdin {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let wrong = |rule: &dyn std::fmt::Display| Failure::File {
        errors: vec![format!("{place}: {rule}")],
        summary: "nothing was entered".to_owned(),
    };
    let mut bytes = Vec::new();
    let read = if stdin {
        std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| wrong(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(wrong(&format_args!(
            "is larger than {MAX_BYTES} bytes; split it"
        )));
    }
    Ok((place, bytes))
}

/// Parses a file. All that is wrong with its form is told together.
pub fn parse(place: &str, bytes: &[u8], columns: &'static [Column]) -> Result<Sheet, Failure> {
    let mut errors = Errors::new(place);
    let text = match decode(bytes) {
        Ok(text) => text,
        Err((line, rule)) => {
            errors.line(line, &rule);
            errors.check()?;
            return Ok(Sheet { rows: Vec::new() });
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text).unwrap_or(b','))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let lines = Lines::of(text.as_bytes());
    let records = reader.records().filter_map(Result::ok);
    let mut records = records.filter(|record| !is_blank(record));
    let header = if let Some(record) = records.next() {
        errors.header_stands_at(lines.begin(&record, text));
        header(&record, columns, &mut errors)
    } else {
        errors.header("the file is empty");
        Vec::new()
    };
    let mut rows = Vec::new();
    for record in records {
        if rows.len() == MAX_ROWS {
            errors.header(&format!(
                "there are more than {MAX_ROWS} rows; split the file"
            ));
            break;
        }
        let line = lines.begin(&record, text);
        rows.push(row(&record, line, rows.len() + 1, &header, &mut errors));
    }
    if rows.is_empty() && errors.is_empty() {
        errors.header("there are no rows below it");
    }
    for row in &rows {
        note_empty(row, columns, &header, &mut errors);
    }
    errors.check()?;
    Ok(Sheet { rows })
}

/// Whether a record says nothing: programs write separators also where a line is empty.
pub fn is_blank(record: &csv::StringRecord) -> bool {
    record.iter().all(|field| field.trim().is_empty())
}

/// Notes fields that must say something and don't.
pub fn note_empty(
    row: &Row,
    columns: &[Column],
    header: &[Option<&'static str>],
    errors: &mut Errors,
) {
    // A column that isn't there at all was told once already.
    let missing = columns.iter().filter(|column| {
        column.required && header.contains(&Some(column.name)) && row.text(column.name).is_empty()
    });
    for column in missing {
        errors.field(row, column.name, "is empty");
    }
}

/// The known column at each place of the header.
pub fn header(
    record: &csv::StringRecord,
    columns: &'static [Column],
    errors: &mut Errors,
) -> Vec<Option<&'static str>> {
    let mut seen = BTreeSet::new();
    let mut told_names = false;
    let mut header = Vec::new();
    for (index, field) in record.iter().enumerate() {
        let name = field.trim().to_ascii_lowercase();
        let known = columns
            .iter()
            .find(|column| column.name == name)
            .map(|column| column.name);
        match known {
            Some(name) if !seen.insert(name) => {
                errors.header(&format!("column {name} stands there twice"));
            }
            Some(_) => {}
            None if name.is_empty() => errors.header(&format!("column {} has no name", index + 1)),
            None if std::mem::replace(&mut told_names, true) => {
                errors.header(&format!("unknown column {:?}", one_line(field)));
            }
            None => {
                let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
                let found = one_line(field);
                errors.header(&format!(
                    "unknown column {found:?}; there are {}",
                    names.join(", ")
                ));
            }
        }
        header.push(known);
    }
    for column in columns
        .iter()
        .filter(|column| column.required && !seen.contains(column.name))
    {
        errors.header(&format!("column {} is missing", column.name));
    }
    header
}

/// The row of a record; notes what is wrong with its form.
pub fn row(
    record: &csv::StringRecord,
    line: u64,
    number: usize,
    header: &[Option<&'static str>],
    errors: &mut Errors,
) -> Row {
    let mut row = Row {
        line,
        number,
        fields: BTreeMap::new(),
    };
    let surplus = record
        .iter()
        .skip(header.len())
        .any(|field| !field.trim().is_empty());
    if surplus || record.len() < header.len() {
        let rule = format!(
            "has {} fields, but the header has {}; text with commas needs double quotes around it",
            record.len(),
            header.len()
        );
        errors.row(&row, &rule);
    }
    for (name, field) in header.iter().zip(record) {
        // Programs leave no-break spaces around what was copied from elsewhere.
        let field = field.trim();
        let Some(name) = name else { continue };
        if field.contains(['\n', '\r']) {
            errors.field(
                &row,
                name,
                "holds a line break; is a double quote not closed?",
            );
        } else if !field.is_empty() {
            row.fields.insert(name, field.to_owned());
        }
    }
    row
}

/// The help below the options: all columns, and an example file.
pub fn help(verb: &str, columns: &[Column], example: &str, more: &str) -> String {
    let width = columns
        .iter()
        .map(|column| column.name.len())
        .max()
        .unwrap_or_default();
    let mut text = format!(
        "Examples:\n  keruen import {verb} {verb}.csv --dry-run\n  keruen import {verb} {verb}.csv\n\n\
         Columns, in any order (* must be there and say something):\n"
    );
    for column in columns {
        let mark = if column.required { '*' } else { ' ' };
        // Writing to a string can't fail.
        let _ = writeln!(text, "  {mark} {:<width$}  {}", column.name, column.about);
    }
    let _ = write!(text, "\n{more}\n\nAn example file:\n");
    for line in example.trim_end().lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{super::errors::MAX_ERRORS, *};

    const COLUMNS: &[Column] = &[
        Column {
            name: "id",
            required: true,
            about: "Id",
        },
        Column {
            name: "name",
            required: false,
            about: "Name",
        },
        Column {
            name: "quantity",
            required: true,
            about: "Base units",
        },
    ];

    fn errors(result: Result<Sheet, Failure>) -> Vec<String> {
        match result {
            Err(Failure::File { errors, .. }) => errors,
            other => panic!("{other:?}"),
        }
    }

    fn rows(text: &[u8]) -> Vec<(u64, String, String, String)> {
        let sheet = parse("f.csv", text, COLUMNS).unwrap();
        let row = |row: &Row| {
            (
                row.line,
                row.string("id"),
                row.string("name"),
                row.string("quantity"),
            )
        };
        sheet.rows.iter().map(row).collect()
    }

    #[test]
    fn byte_order_mark_crlf_quotes_and_semicolons_change_nothing() {
        let wanted = vec![
            (2, "A".to_owned(), "One, \"two\"".to_owned(), "1".to_owned()),
            (4, "B".to_owned(), String::new(), "2".to_owned()),
        ];
        let unix = "id,name,quantity\nA,\"One, \"\"two\"\"\",1\n\nB,,2\n";
        assert_eq!(rows(unix.as_bytes()), wanted);
        let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
        assert_eq!(rows(windows.as_bytes()), wanted);
        let european = "quantity;name;ID\r\n1;One, \"two\";A \r\n;;\r\n2;;\u{a0}B,,";
        let told = rows(european.as_bytes());
        assert_eq!(
            (told[0].clone(), told[1].1.as_str()),
            (wanted[0].clone(), "B,,")
        );
    }

    #[test]
    fn lines_are_those_of_an_editor() {
        let text = "id,name,quantity\n\n\nA,\"x\",1\n\nB,y\nC,z,\n";
        assert_eq!(
            errors(parse("f.csv", text.as_bytes(), COLUMNS)),
            [
                "f.csv:6: row 2: has 2 fields, but the header has 3; text with commas needs double quotes around it",
                "f.csv:6: row 2, column quantity: is empty",
                "f.csv:7: row 3, column quantity: is empty",
            ]
        );
    }

    #[test]
    fn a_wrong_header_is_told_whole() {
        let found = errors(parse("f.csv", b"id,id,colour,,size\nA,B,red,,\n", COLUMNS));
        assert_eq!(
            found,
            [
                "f.csv:1: header: column id stands there twice",
                "f.csv:1: header: unknown column \"colour\"; there are id, name, quantity",
                "f.csv:1: header: column 4 has no name",
                "f.csv:1: header: unknown column \"size\"",
                "f.csv:1: header: column quantity is missing",
            ]
        );
        assert_eq!(
            errors(parse("f.csv", b"", COLUMNS))[0],
            "f.csv:1: header: the file is empty"
        );
        assert_eq!(
            errors(parse("f.csv", b"id,quantity\n", COLUMNS)),
            ["f.csv:1: header: there are no rows below it"]
        );
    }

    #[test]
    fn other_encodings_are_told_where_they_begin() {
        let found = errors(parse("f.csv", b"id,quantity\nA,1\n\xcf\xf0,2\n", COLUMNS));
        assert_eq!(
            found,
            ["f.csv:3: byte 0xCF is not UTF-8; save the file as \"CSV UTF-8\""]
        );
        let found = errors(parse("f.csv", b"\xff\xfei\0d\0", COLUMNS));
        assert_eq!(
            found,
            ["f.csv:1: this is UTF-16, which Excel calls Unicode text; save it as \"CSV UTF-8\""]
        );
    }

    #[test]
    fn blank_lines_above_tabs_and_any_line_ends_change_nothing() {
        let text = "\n , ,\n\nid,name,quantity\nA,\"One, two\",1\n,,\nB,,2\n";
        let wanted = rows(text.as_bytes());
        assert_eq!((wanted[0].0, wanted[1].0, wanted.len()), (5, 7, 2));
        assert_eq!(wanted[0].2, "One, two");
        let tabs = text.replace("One, two", "One; two").replace(',', "\t");
        let tabs = tabs.replace("One; two", "One, two");
        for text in [text, &tabs] {
            for end in ["\n", "\r\n", "\r"] {
                let text = text.replace('\n', end);
                assert_eq!(rows(text.as_bytes()), wanted, "{text:?}");
            }
        }
        let found = errors(parse("f.csv", b"\r\rid\tsize\rA\t1\r", COLUMNS));
        assert!(found[0].starts_with("f.csv:3: header:"), "{found:?}");
    }

    #[test]
    fn example_files_can_be_copied_from_the_help() {
        for help in [
            super::super::facilities::help(),
            super::super::items::help(),
            super::super::donations::help(),
            super::super::movements::help(),
        ] {
            let (_, example) = help.split_once("An example file:\n").unwrap();
            for line in example.lines() {
                // What has no blanks is never broken.
                let kept = line.chars().count() <= 80 || !line.trim().contains(' ');
                assert!(kept, "{line}");
            }
        }
    }

    #[test]
    fn an_open_quote_is_told() {
        let found = errors(parse(
            "f.csv",
            b"id,name,quantity\nA,\"x,1\nB,y,2\n",
            COLUMNS,
        ));
        assert!(
            found
                .iter()
                .any(|error| error.contains("is a double quote not closed?")),
            "{found:?}"
        );
    }

    #[test]
    fn errors_are_bounded() {
        let text = format!("id,quantity\n{}", "A,\n".repeat(80));
        let found = errors(parse("f.csv", text.as_bytes(), COLUMNS));
        assert_eq!(found.len(), MAX_ERRORS + 1);
        assert_eq!(found[MAX_ERRORS], "… and 30 more errors");
    }
}
