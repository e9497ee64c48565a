//! A batch is held, and released by a verdict or by somebody who answers for it.

use keruen_proto::{
    Event,
    inventory::v1::{
        Batch, BatchHeld, BatchHold, BatchReleased, HoldReason, ReleaseOverride, ReleaseVerdict,
    },
    registry::v1::{DocumentKind, DocumentRef},
};

use super::{
    Grounds, HoldBatch, ReleaseBatch,
    state::{self, named, recall_of},
};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    kit::follow,
    limits,
    rejection::Rejection,
    stock::lot::existing_batch,
};

/// The change, and what becomes of kits that contain units of the batch.
fn followed(books: &Books, batch: &Batch, change: Event) -> Vec<Event> {
    let kits = follow::of_batch(books, &batch.batch_id);
    let held = follow::held(books, &kits, &change);
    let mut events = vec![change];
    events.extend(held);
    events
}

impl Command for HoldBatch {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Batch(self.batch_id.clone())];
        boundaries.extend(follow::batch_reads(books, &self.batch_id));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let batch = existing_batch(books, &self.batch_id)?;
        if batch.holds.iter().any(|hold| hold.reason() == self.reason) {
            return Err(Rejection::AlreadyHeld {
                batch_id: self.batch_id.to_string(),
                hold_reason: named(self.reason),
            });
        }
        let change = BatchHeld {
            batch_id: batch.batch_id.clone(),
            item_id: batch.item_id.clone(),
            lot: batch.lot.clone(),
            reason: self.reason.into(),
            documents: self.documents.clone(),
        };
        limits::keep(followed(books, batch, change.into()))
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Batch(self.batch_id.clone()))
    }
}

impl Command for ReleaseBatch {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Batch(self.batch_id.clone())];
        let item_id = books.batch(&self.batch_id).map(|batch| &*batch.item_id);
        boundaries.extend(state::reads(item_id.into_iter()));
        boundaries.extend(follow::batch_reads(books, &self.batch_id));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let batch = existing_batch(books, &self.batch_id)?;
        let reason = self.hold(batch)?;
        if reason == HoldReason::Component {
            return Err(Rejection::HeldForComponent {
                batch_id: self.batch_id.to_string(),
            });
        }
        check_documents(&self.grounds, &self.documents)?;
        let quality = books.quality(&batch.item_id);
        if quality.is_some_and(|quality| recall_of(quality, &batch.lot).is_some()) {
            return Err(state::recalled(&batch.item_id, &batch.batch_id, &batch.lot));
        }
        let (verdict, release_override) = self.grounds.stored();
        let change = BatchReleased {
            batch_id: batch.batch_id.clone(),
            item_id: batch.item_id.clone(),
            lot: batch.lot.clone(),
            reason: reason.into(),
            verdict,
            release_override,
            documents: self.documents.clone(),
        };
        limits::keep(followed(books, batch, change.into()))
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Batch(self.batch_id.clone()))
    }
}

impl ReleaseBatch {
    /// The hold that ends: the one that is named, or the only one.
    fn hold(&self, batch: &Batch) -> Result<HoldReason, Rejection> {
        let reasons: Vec<HoldReason> = batch.holds.iter().map(BatchHold::reason).collect();
        let all = || {
            let names: Vec<&str> = reasons.iter().copied().map(named).collect();
            names.join(", ")
        };
        match (self.reason, &reasons[..]) {
            (Some(reason), _) if reasons.contains(&reason) => Ok(reason),
            (None, [only]) => Ok(*only),
            (None, [_, _, ..]) => Err(Rejection::AmbiguousHold {
                batch_id: self.batch_id.to_string(),
                reasons: all(),
            }),
            (_, []) => Err(Rejection::NotHeld {
                batch_id: self.batch_id.to_string(),
                held_for: "not held".to_owned(),
            }),
            (Some(reason), _) => Err(Rejection::NotHeld {
                batch_id: self.batch_id.to_string(),
                held_for: format!("held for {}, not for {}", all(), named(reason)),
            }),
        }
    }
}

impl Grounds {
    /// As stored: a verdict, or an override.
    pub(crate) fn stored(&self) -> (Option<i32>, Option<ReleaseOverride>) {
        match self {
            Self::Verdict(verdict) => (Some((*verdict).into()), None),
            Self::Override {
                authorised_by_ref,
                reason,
            } => {
                let release_override = ReleaseOverride {
                    authorised_by_ref: authorised_by_ref.to_string(),
                    reason: (*reason).into(),
                };
                (None, Some(release_override))
            }
        }
    }
}

/// Refuses a verdict without the document that it rests on.
pub(crate) fn check_documents(
    grounds: &Grounds,
    documents: &[DocumentRef],
) -> Result<(), Rejection> {
    let Grounds::Verdict(verdict) = grounds else {
        return Ok(());
    };
    let needed = basis(*verdict);
    if documents.iter().any(|document| document.kind() == needed) {
        return Ok(());
    }
    Err(Rejection::VerdictWithoutDocument {
        verdict: verdict
            .as_str_name()
            .trim_start_matches("RELEASE_VERDICT_")
            .to_owned(),
        needed: needed
            .as_str_name()
            .trim_start_matches("DOCUMENT_KIND_")
            .to_owned(),
    })
}

/// The document that a verdict rests on.
fn basis(verdict: ReleaseVerdict) -> DocumentKind {
    match verdict {
        ReleaseVerdict::Unspecified => DocumentKind::Unspecified,
        ReleaseVerdict::Permitted => DocumentKind::Certificate,
        ReleaseVerdict::Tested => DocumentKind::LaboratoryReport,
        ReleaseVerdict::Accepted => DocumentKind::AcceptanceAct,
        ReleaseVerdict::Assessed => DocumentKind::QualityDecision,
        ReleaseVerdict::Ordered => DocumentKind::Order,
    }
}
