//! Orders that people write as text, after AIP-132: `needed_by desc, facility`.

use super::{Column, Kind};
use crate::{
    clauses::{Clauses, Value},
    fields::Fields,
};

const FIELD: &str = "order_by";
/// The most columns of an order.
const MAX_COLUMNS: usize = 4;

/// In what order rows stand: by these columns, and then by those that tell rows apart.
#[derive(Debug)]
pub struct Order {
    pub(super) keys: Vec<Key>,
}

/// How a query asks for an order.
pub struct Placed {
    /// The keys, as columns of its result.
    pub columns: String,
    /// What to order by.
    pub by: String,
    /// How many keys there are.
    pub keys: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    /// By which people call it.
    pub(super) name: String,
    sql: String,
    is_text: bool,
    pub(super) descending: bool,
}

impl Order {
    /// Reads an order; `None` where it says nothing. Where rows are the same, they stand in the order of `ties`, of which
    /// no two rows have the same; `true` says that one is text.
    pub fn parse(
        fields: &mut Fields,
        text: &str,
        columns: &'static [Column],
        ties: &[(&str, bool)],
    ) -> Option<Self> {
        if text.trim().is_empty() {
            return None;
        }
        let mut keys: Vec<Key> = Vec::new();
        let mut seen = Vec::new();
        for part in text.split(',') {
            let mut words = part.split_whitespace();
            let (name, direction) = (words.next().unwrap_or_default(), words.next());
            let descending = match (direction, words.next()) {
                (None | Some("asc"), None) => false,
                (Some("desc"), None) => true,
                _ => {
                    let shown: String = part.trim().chars().take(80).collect();
                    let rule =
                        "each part must be a field, and asc or desc, as in \"needed_by desc\"";
                    fields.reject(FIELD, format!("{rule}; found {shown:?}"));
                    continue;
                }
            };
            let column = columns.iter().find(|column| column.is_called(name));
            let Some(column) = column.filter(|column| column.is_orderable()) else {
                let names: Vec<&str> = columns
                    .iter()
                    .filter(|column| column.is_orderable())
                    .map(|column| column.name)
                    .collect();
                let shown: String = name.chars().take(80).collect();
                let names = names.join(", ");
                fields.reject(FIELD, format!("must be of {names}; found {shown:?}"));
                continue;
            };
            if seen.contains(&name) {
                fields.reject(FIELD, format!("{name} stands here twice"));
            }
            seen.push(name);
            keys.push(Key {
                name: column.name.to_owned(),
                sql: match column.kind {
                    Kind::Region => format!(
                        "COALESCE((SELECT region_id FROM facility_regions WHERE facility_id = {} \
                         AND valid_from <= {{today}} AND valid_to > {{today}}), '')",
                        column.sql
                    ),
                    // What has no day comes after all that have one, whichever way the order goes.
                    Kind::Day if !descending => format!(
                        "(CASE WHEN {0} = '' THEN '9999-99-99' ELSE {0} END)",
                        column.sql
                    ),
                    _ => column.sql.to_owned(),
                },
                is_text: column.is_text(),
                // The highest has rank 1, and stands last where the order goes up.
                descending: descending != matches!(column.kind, Kind::Rank(_)),
            });
        }
        if seen.len() > MAX_COLUMNS {
            let rule = format!(
                "must name at most {MAX_COLUMNS} fields; found {}",
                seen.len()
            );
            fields.reject(FIELD, rule);
        }
        keys.extend(ties.iter().map(|(sql, is_text)| Key {
            name: (*sql).to_owned(),
            sql: (*sql).to_owned(),
            is_text: *is_text,
            descending: false,
        }));
        Some(Self { keys })
    }

    /// An order that a list has by itself.
    pub fn usual(keys: &[(&str, bool)], descending: bool) -> Self {
        let keys = keys.iter().map(|(sql, is_text)| Key {
            name: (*sql).to_owned(),
            sql: (*sql).to_owned(),
            is_text: *is_text,
            descending,
        });
        Self {
            keys: keys.collect(),
        }
    }

    /// Of what kind each key is.
    pub fn shape(&self) -> Vec<Value> {
        let kind = |key: &Key| {
            if key.is_text {
                Value::from("")
            } else {
                Value::from(0)
            }
        };
        self.keys.iter().map(kind).collect()
    }

    /// Lets only rows through that stand after those of the page before, and tells how to ask for the order.
    pub fn place(&self, clauses: &mut Clauses, today: &str, resume: Option<&[Value]>) -> Placed {
        if let Some(resume) = resume {
            let after = self.after(clauses, today, resume);
            clauses.condition(after);
        }
        Placed {
            columns: self.columns(clauses, today),
            by: self.by(clauses, today),
            keys: self.keys.len(),
        }
    }

    /// The keys as columns of a result. `{today}` in them stands for a parameter.
    pub fn columns(&self, clauses: &mut Clauses, today: &str) -> String {
        self.each(clauses, today, |sql, _| sql)
    }

    /// What to order by.
    pub fn by(&self, clauses: &mut Clauses, today: &str) -> String {
        self.each(clauses, today, |sql, key| {
            let direction = if key.descending { " DESC" } else { "" };
            format!("{sql}{direction}")
        })
    }

    fn each(
        &self,
        clauses: &mut Clauses,
        today: &str,
        write: impl Fn(String, &Key) -> String,
    ) -> String {
        let keys = self.keys.iter();
        let keys: Vec<String> = keys
            .map(|key| write(key.sql(clauses, today), key))
            .collect();
        keys.join(", ")
    }

    /// That a row stands after these keys.
    pub fn after(&self, clauses: &mut Clauses, today: &str, values: &[Value]) -> String {
        let directions = self.keys.iter().map(|key| key.descending);
        let (up, down) = directions.partition::<Vec<_>, _>(|descending| !descending);
        if up.is_empty() || down.is_empty() {
            // Databases find this by an index.
            let columns = self.columns(clauses, today);
            let values = values.iter().map(|value| clauses.parameter(value.clone()));
            let values: Vec<String> = values.collect();
            let sign = if down.is_empty() { ">" } else { "<" };
            return format!("({columns}) {sign} ({})", values.join(", "));
        }
        let keys: Vec<(String, String, &str)> = self
            .keys
            .iter()
            .zip(values)
            .map(|(key, value)| {
                let sign = if key.descending { "<" } else { ">" };
                let sql = key.sql(clauses, today);
                (sql, clauses.parameter(value.clone()), sign)
            })
            .collect();
        let any = (0..keys.len()).map(|last| {
            let same = keys[..last]
                .iter()
                .map(|(sql, value, _)| format!("{sql} = {value}"));
            let (sql, value, sign) = &keys[last];
            let beyond = std::iter::once(format!("{sql} {sign} {value}"));
            format!("({})", same.chain(beyond).collect::<Vec<_>>().join(" AND "))
        });
        format!("({})", any.collect::<Vec<_>>().join(" OR "))
    }
}

impl Key {
    fn sql(&self, clauses: &mut Clauses, today: &str) -> String {
        if !self.sql.contains("{today}") {
            return self.sql.clone();
        }
        let today = clauses.parameter(today);
        self.sql.replace("{today}", &today)
    }
}
