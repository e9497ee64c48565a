//! Rows of what an auditor should look at.

use keruen_proto::reports::v1::AuditException;
use prost::Message as _;

use super::{Rows, remember};
use crate::{
    database::{Put, params},
    failure::StoreError,
    keys::TwoRef,
    memory::KeyRef as _,
    table,
};

impl Rows {
    /// Adds what an auditor should look at.
    pub fn add_exception(&mut self, exception: AuditException) {
        self.exceptions.push(exception);
    }

    /// Notes that a person had a hand in approving a request, or a shipment of a plan, named by its tag.
    pub fn add_approval(&mut self, subject: &str, person_ref: &str) {
        self.approvals.set(&TwoRef(subject, person_ref), true);
    }

    /// Whether a person had a hand in approving a request or a shipment.
    pub fn has_approved(&mut self, subject: &str, person_ref: &str) -> Result<bool, StoreError> {
        let key = TwoRef(subject, person_ref);
        if let Some(has_approved) = self.approvals.get(&key) {
            return Ok(*has_approved);
        }
        if !self.stored.may_have(table::APPROVALS.name, &key) {
            return Ok(false);
        }
        let stored = self
            .connection
            .prepare_cached("SELECT 1 FROM approvals WHERE subject = ?1 AND person_ref = ?2")?
            .query_row(params![subject, person_ref], |_| Ok(true))?;
        Ok(remember(&mut self.approvals, key.to_key(), stored))
    }

    pub(super) fn write_exceptions(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::EXCEPTIONS)?;
        let mut before = (0, 0, 0);
        for exception in self.exceptions.drain(..) {
            let (position, kind) = (exception.position.cast_signed(), exception.kind);
            let number = match before {
                (at, of, number) if (at, of) == (position, kind) => number + 1,
                _ => 0,
            };
            before = (position, kind, number);
            let value = exception.value.clone().unwrap_or_default();
            put.new_row(params![
                position,
                kind,
                number,
                exception.facility_id,
                exception.actor,
                exception.recorded_at_us,
                value.minor_units,
                value.currency_code,
                exception.encode_to_vec()
            ])?;
        }
        put.finish()?;
        let mut put = Put::new(&self.connection, &table::APPROVALS)?;
        self.approvals.write(|(subject, person_ref), _, _| {
            put.row(params![subject, person_ref]).map(|()| true)
        })?;
        put.finish()
    }
}
