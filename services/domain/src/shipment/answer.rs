//! The sender says what it holds of what was not as announced.

use keruen_proto::{
    Event,
    registry::v1::DocumentRef,
    shipments::v1::{
        Discrepancy, DiscrepancyAnswer, DiscrepancyAnswered, DiscrepancyState, DisputeReason,
        Shipment,
    },
};

use super::{existing, reads};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::facility_day,
    code::{Code, Label},
    command::{Command, Moment},
    limits,
    registry::existing_facility,
    rejection::Rejection,
};

/// Records what the sender says to discrepancies.
#[derive(Clone, Debug)]
pub struct AnswerDiscrepancy {
    /// The shipment.
    pub shipment_id: Code,
    /// Numbers of the discrepancies; `None` means all that are open.
    pub numbers: Option<Vec<i32>>,
    /// Why it disputes them; `None` where it accepts.
    pub dispute_reason: Option<DisputeReason>,
    /// Reference to the person who answered.
    pub answered_by_ref: Option<Label>,
    /// Packing list and so on.
    pub documents: Vec<DocumentRef>,
}

impl Command for AnswerDiscrepancy {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(books, &self.shipment_id)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        let answered = self.answered(shipment)?;
        for discrepancy in &answered {
            if discrepancy.state() != DiscrepancyState::Open {
                return Err(Rejection::DiscrepancyState {
                    shipment_id: shipment.shipment_id.clone(),
                    number: discrepancy.number,
                    state: discrepancy
                        .state()
                        .as_str_name()
                        .trim_start_matches("DISCREPANCY_STATE_")
                        .to_owned(),
                });
            }
        }
        self.check_due(books, shipment, &answered, moment)?;
        let answer = match self.dispute_reason {
            Some(_) => DiscrepancyAnswer::Disputed,
            None => DiscrepancyAnswer::Accepted,
        };
        limits::keep(vec![
            DiscrepancyAnswered {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                numbers: answered.iter().map(|it| it.number).collect(),
                answer: answer.into(),
                dispute_reason: self.dispute_reason.map(Into::into),
                answered_by_ref: self
                    .answered_by_ref
                    .as_ref()
                    .map(Label::to_string)
                    .unwrap_or_default(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

impl AnswerDiscrepancy {
    fn answered<'a>(&self, shipment: &'a Shipment) -> Result<Vec<&'a Discrepancy>, Rejection> {
        let mut all = shipment.discrepancies.iter();
        let Some(numbers) = &self.numbers else {
            let open: Vec<_> = all
                .filter(|it| it.state() == DiscrepancyState::Open)
                .collect();
            if open.is_empty() {
                return Err(Rejection::NothingOpen {
                    shipment_id: shipment.shipment_id.clone(),
                });
            }
            return Ok(open);
        };
        if let Some(unknown) = numbers.iter().find(|number| {
            !shipment
                .discrepancies
                .iter()
                .any(|it| it.number == **number)
        }) {
            return Err(Rejection::UnknownDiscrepancy {
                shipment_id: shipment.shipment_id.clone(),
                number: *unknown,
            });
        }
        Ok(all
            .by_ref()
            .filter(|it| numbers.contains(&it.number))
            .collect())
    }

    /// Refuses to dispute what counts as accepted by now.
    fn check_due(
        &self,
        books: &Books,
        shipment: &Shipment,
        answered: &[&Discrepancy],
        moment: Moment,
    ) -> Result<(), Rejection> {
        let origin = existing_facility(books, &shipment.origin_id)?;
        let today = facility_day(origin, moment.occurred_at_us).to_string();
        let is_late = |it: &&&Discrepancy| !it.answer_due_on.is_empty() && it.answer_due_on < today;
        match answered.iter().find(is_late) {
            Some(late) if self.dispute_reason.is_some() => Err(Rejection::AnswerOverdue {
                shipment_id: shipment.shipment_id.clone(),
                number: late.number,
                answer_due_on: late.answer_due_on.clone(),
                today,
            }),
            _ => Ok(()),
        }
    }
}
