//! Rows of what the registry said before: who ran a facility, in which regions it was, until when a batch could be used and
//! what a unit of it was worth.

use keruen_domain::Entry;
use keruen_proto::{log::v1::RecordedEvent, registry::v1::Money};

use super::Rows;
use crate::{
    database::{Put, params},
    failure::StoreError,
    table,
    tenure::{Tenure, tenures},
};

/// What answers about the past tell of a facility or a batch as it was known then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Of a facility.
    Facility {
        /// Which one.
        facility_id: String,
        /// Who runs it.
        operator_id: String,
        /// Its regions.
        regions: Vec<Tenure>,
    },
    /// Of a batch.
    Batch {
        /// Which one.
        batch_id: String,
        /// Last day of use, ISO 8601; empty where it doesn't expire.
        expires_on: String,
        /// Declared value of one unit.
        value: Option<Money>,
    },
}

impl Told {
    /// Of a thing; `None` of others.
    pub fn of(entry: &Entry) -> Option<Self> {
        match entry {
            Entry::Facility(it) => Some(Self::Facility {
                facility_id: it.facility_id.clone(),
                operator_id: it.operator_id.clone(),
                regions: tenures(it),
            }),
            Entry::Batch(it) => Some(Self::Batch {
                batch_id: it.batch_id.clone(),
                expires_on: it.expires_on.clone(),
                value: it.unit_value.as_ref().and_then(|it| it.amount.clone()),
            }),
            _ => None,
        }
    }
}

/// Rows that are to be written.
#[derive(Debug, Default)]
pub(super) struct Former {
    operators: Vec<(String, i64, i64, String)>,
    regions: Vec<(String, i64, Vec<Tenure>)>,
    expiries: Vec<(String, i64, String)>,
    values: Vec<(String, i64, Money)>,
}

impl Former {
    pub(super) fn len(&self) -> usize {
        self.operators.len() + self.regions.len() + self.expiries.len() + self.values.len()
    }
}

impl Rows {
    /// Notes what an event changed of what is told of a thing; before its first event nothing was.
    pub fn add_former(
        &mut self,
        recorded: &RecordedEvent,
        before: Option<Told>,
        after: Option<Told>,
    ) {
        if before == after {
            return;
        }
        let position = recorded.position.cast_signed();
        let occurred_at = recorded.occurred_at.as_ref();
        let occurred_at_us = occurred_at.map_or(recorded.recorded_at_us, |at| at.time_us);
        match (before, after) {
            (
                None,
                Some(Told::Facility {
                    facility_id,
                    operator_id,
                    ..
                }),
            ) => {
                let operator = (facility_id, position, i64::MIN, operator_id);
                self.former.operators.push(operator);
            }
            (
                Some(Told::Facility {
                    facility_id,
                    operator_id: operator_before,
                    regions: regions_before,
                }),
                Some(Told::Facility {
                    operator_id,
                    regions,
                    ..
                }),
            ) => {
                if operator_id != operator_before {
                    let operator = (facility_id.clone(), position, occurred_at_us, operator_id);
                    self.former.operators.push(operator);
                }
                if regions != regions_before {
                    let regions = (facility_id, position, regions_before);
                    self.former.regions.push(regions);
                }
            }
            (
                Some(Told::Batch {
                    batch_id,
                    expires_on: expires_before,
                    value: value_before,
                }),
                Some(Told::Batch {
                    expires_on, value, ..
                }),
            ) => {
                if value != value_before {
                    let value = value_before.unwrap_or_default();
                    self.former.values.push((batch_id.clone(), position, value));
                }
                if expires_on != expires_before {
                    let expiry = (batch_id, position, expires_before);
                    self.former.expiries.push(expiry);
                }
            }
            _ => {}
        }
    }

    pub(super) fn write_former(&mut self) -> Result<(), StoreError> {
        let former = std::mem::take(&mut self.former);
        let mut put = Put::new(&self.connection, &table::OPERATORS)?;
        for (facility_id, position, occurred_at_us, operator_id) in &former.operators {
            put.row(params![
                *facility_id,
                *position,
                *occurred_at_us,
                *operator_id
            ])?;
        }
        put.finish()?;
        let mut put = Put::new(&self.connection, &table::FORMER_REGIONS)?;
        for (facility_id, until_position, regions) in &former.regions {
            for it in regions {
                put.row(params![
                    *facility_id,
                    *until_position,
                    it.valid_from,
                    it.valid_to,
                    it.region_id
                ])?;
            }
            if regions.is_empty() {
                put.row(params![*facility_id, *until_position, "", "", ""])?;
            }
        }
        put.finish()?;
        let mut put = Put::new(&self.connection, &table::FORMER_EXPIRIES)?;
        for (batch_id, until_position, expires_on) in &former.expiries {
            put.row(params![*batch_id, *until_position, *expires_on])?;
        }
        put.finish()?;
        let mut put = Put::new(&self.connection, &table::FORMER_VALUES)?;
        for (batch_id, until_position, value) in &former.values {
            put.row(params![
                *batch_id,
                *until_position,
                value.currency_code,
                value.minor_units
            ])?;
        }
        put.finish()
    }
}
