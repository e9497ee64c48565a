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

/// A shipment that was split off another one, which was split off another one, is looked at so far up.
const MAX_SPLITS: usize = 100;

impl Fold {
    /// Notes what an auditor should look at.
    pub(super) fn look_at(
        &mut self,
        recorded: &RecordedEvent,
        event: &Event,
        movements: &[Movement<'_>],
    ) -> Result<(), StoreError> {
        if let Some((approved, persons)) = exceptional::approval(recorded, event) {
            for subject in approved {
                for person_ref in &persons {
                    self.rows.add_approval(&subject, person_ref);
                }
            }
        }
        let mut found = exceptional::exceptions(recorded, event, movements);
        for (subject, person_ref) in self.own_approvals(recorded, event)? {
            let kind = AuditExceptionKind::SamePerson;
            found.push(AuditException {
                subject,
                person_ref,
                ..exceptional::at(recorded, event, movements, kind)
            });
        }
        for mut exception in found {
            exception.value = self.value_of(&exception)?;
            self.rows.add_exception(exception);
        }
        Ok(())
    }

    /// What an event receives that somebody with a hand in that had approved, and who: requests, and the shipment where it
    /// was a part of a plan.
    fn own_approvals(
        &mut self,
        recorded: &RecordedEvent,
        event: &Event,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let Some((shipment_id, requests, persons)) = exceptional::receipt(recorded, event) else {
            return Ok(Vec::new());
        };
        let whole = self.whole(shipment_id)?;
        let mut own = Vec::new();
        for person_ref in persons {
            for subject in &requests {
                if self.rows.has_approved(subject, person_ref)? {
                    own.push((subject.clone(), person_ref.to_owned()));
                }
            }
            for subject in &whole {
                if self.rows.has_approved(subject, person_ref)? {
                    own.push((exceptional::shipment(shipment_id), person_ref.to_owned()));
                    break;
                }
            }
        }
        Ok(own)
    }

    /// The tags of a shipment and of those of which it was a part, one of another: what was approved as a whole is approved.
    fn whole(&mut self, shipment_id: &str) -> Result<Vec<String>, StoreError> {
        let mut tags = Vec::new();
        let mut next = shipment_id.to_owned();
        while !next.is_empty() && tags.len() < MAX_SPLITS {
            let Some(boundary) = Boundary::shipment(&next) else {
                break;
            };
            self.load(&boundary)?;
            tags.push(exceptional::shipment(&next));
            next = match self.known(&boundary) {
                Some(Folded {
                    entry: Entry::Shipment(shipment),
                    ..
                }) => shipment.split_from_id.clone(),
                _ => String::new(),
            };
        }
        Ok(tags)
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
