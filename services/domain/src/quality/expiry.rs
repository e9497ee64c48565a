//! A batch may be used for less long than was printed on it: somebody responsible for quality decided so, for example
//! after it was kept too warm. So may kits that contain some of it.

use keruen_proto::{
    Event,
    inventory::v1::{Batch, BatchExpiryShortened},
    registry::v1::DocumentKind,
};

use super::ShortenExpiry;
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    kit::follow,
    limits,
    rejection::Rejection,
    stock::lot::existing_batch,
};

impl Command for ShortenExpiry {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Batch(self.batch_id.clone())];
        boundaries.extend(follow::batch_reads(books, &self.batch_id));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let batch = existing_batch(books, &self.batch_id)?;
        self.check_document()?;
        self.check_earlier(batch)?;
        let kits = follow::of_batch(books, &self.batch_id);
        let of_kits = follow::shortened(books, &kits, &self.expires_on.to_string());
        let shortened = BatchExpiryShortened {
            batch_id: batch.batch_id.clone(),
            item_id: batch.item_id.clone(),
            lot: batch.lot.clone(),
            expires_on: self.expires_on.to_string(),
            expired_on_before: batch.expires_on.clone(),
            documents: self.documents.clone(),
        };
        let mut events = vec![shortened.into()];
        events.extend(of_kits);
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Batch(self.batch_id.clone()))
    }
}

impl ShortenExpiry {
    fn check_document(&self) -> Result<(), Rejection> {
        let needed = DocumentKind::QualityDecision;
        if self.documents.iter().any(|it| it.kind() == needed) {
            return Ok(());
        }
        Err(Rejection::DecisionRequired {
            needed: needed
                .as_str_name()
                .trim_start_matches("DOCUMENT_KIND_")
                .to_owned(),
        })
    }

    /// Days as stored compare as text.
    fn check_earlier(&self, batch: &Batch) -> Result<(), Rejection> {
        let expires_on = self.expires_on.to_string();
        if batch.expires_on.is_empty() || expires_on < batch.expires_on {
            return Ok(());
        }
        Err(Rejection::ExpiryNotShortened {
            batch_id: batch.batch_id.clone(),
            expires_on,
            now: batch.expires_on.clone(),
        })
    }
}
