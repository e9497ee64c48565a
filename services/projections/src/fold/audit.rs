//! What an auditor should look at, with its value.

use keruen_domain::{Boundary, Entry};
use keruen_proto::{
    Event,
    log::v1::RecordedEvent,
    registry::v1::Money,
    reports::v1::{AuditException, AuditExceptionKind},
};

use super::Fold;
use crate::{
    exceptional, failure::StoreError, movement::Movement, report::worth, resource::Folded,
};

impl Fold {
    /// Notes what an auditor should look at.
    pub(super) fn look_at(
        &mut self,
        recorded: &RecordedEvent,
        event: &Event,
        movements: &[Movement<'_>],
    ) -> Result<(), StoreError> {
        if let Some((request_id, persons)) = exceptional::approval(recorded, event) {
            for person_ref in persons {
                self.rows.add_approval(request_id, person_ref);
            }
        }
        let mut found = exceptional::exceptions(recorded, event, movements);
        if let Some((requests, persons)) = exceptional::receipt(recorded, event) {
            for request_id in requests {
                for person_ref in &persons {
                    if self.rows.has_approved(request_id, person_ref)? {
                        found.push(AuditException {
                            subject: format!("request:{request_id}"),
                            person_ref: (*person_ref).to_owned(),
                            ..exceptional::at(
                                recorded,
                                event,
                                movements,
                                AuditExceptionKind::SamePerson,
                            )
                        });
                    }
                }
            }
        }
        for mut exception in found {
            exception.value = self.value_of(&exception)?;
            self.rows.add_exception(exception);
        }
        Ok(())
    }

    /// Declared value of what an exception is about.
    fn value_of(&mut self, exception: &AuditException) -> Result<Option<Money>, StoreError> {
        let Some(boundary) = Boundary::batch(&exception.batch_id) else {
            return Ok(None);
        };
        self.load(&boundary)?;
        Ok(match self.known(&boundary) {
            Some(Folded {
                entry: Entry::Batch(batch),
                ..
            }) => worth(exception.quantity, batch.unit_value.as_ref()),
            _ => None,
        })
    }
}
