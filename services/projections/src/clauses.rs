//! Conditions of a query that depend on what was asked, with every value as a parameter.

use serde::{Deserialize, Serialize};

use crate::database::{self, Parameter};

/// A parameter, or a key of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

impl Parameter for Value {
    fn value(&self) -> database::Value<'_> {
        match self {
            Self::Integer(value) => database::Value::Integer(*value),
            Self::Text(value) => database::Value::Text(value),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// Conditions that must all hold, and the parameters of the whole query.
#[derive(Default)]
pub struct Clauses {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Clauses {
    /// The place holder of a new parameter.
    pub fn parameter(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// `column = value`, where there is a value.
    pub fn equal(&mut self, column: &str, value: Option<&str>) {
        if let Some(value) = value {
            let parameter = self.parameter(value);
            self.conditions.push(format!("{column} = {parameter}"));
        }
    }

    /// `column` is one of these, where there are any.
    pub fn one_of(&mut self, column: &str, values: &[i64]) {
        if values.is_empty() {
            return;
        }
        let parameters: Vec<String> = values.iter().map(|value| self.parameter(*value)).collect();
        self.conditions
            .push(format!("{column} IN ({})", parameters.join(", ")));
    }

    /// The facility in `column` is one of a region on a day, ISO 8601, where there is a region.
    pub fn in_region(&mut self, column: &str, region_id: Option<&str>, day: &str) {
        if let Some(region_id) = region_id {
            let region_id = self.parameter(region_id);
            let region = format!("region_id = {region_id}");
            let in_region = self.of_regions(column, Some(&region), day);
            self.condition(in_region);
        }
    }

    /// That the facility in `column` is in a region on a day, ISO 8601, of which `region` holds, or in any.
    pub fn of_regions(&mut self, column: &str, region: Option<&str>, day: &str) -> String {
        let region = region.map(|region| format!("{region} AND "));
        let region = region.unwrap_or_default();
        let day = self.parameter(day);
        format!(
            "{column} IN (SELECT facility_id FROM facility_regions \
             WHERE {region}valid_from <= {day} AND valid_to > {day})"
        )
    }

    /// The row stands after these keys in the order of `columns`, all ascending.
    pub fn after(&mut self, columns: &[&str], keys: Option<Vec<Value>>) {
        self.beyond(columns, ">", keys);
    }

    /// The row stands after these keys in the order of `columns`, all descending.
    pub fn before(&mut self, columns: &[&str], keys: Option<Vec<Value>>) {
        self.beyond(columns, "<", keys);
    }

    fn beyond(&mut self, columns: &[&str], operator: &str, keys: Option<Vec<Value>>) {
        let Some(keys) = keys else { return };
        let parameters: Vec<String> = keys.into_iter().map(|key| self.parameter(key)).collect();
        self.conditions.push(format!(
            "({}) {operator} ({})",
            columns.join(", "),
            parameters.join(", ")
        ));
    }

    /// Another condition, as it is.
    pub fn condition(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    /// ` WHERE …`, or nothing.
    pub fn where_clause(&self) -> String {
        if self.conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", self.conditions.join(" AND "))
        }
    }

    /// The parameters, in order.
    pub fn values(&self) -> Vec<database::Value<'_>> {
        self.values.iter().map(Parameter::value).collect()
    }
}
