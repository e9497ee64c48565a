//! Keepers: who has the stock of a facility in hand, and answers for it while it rests.

use keruen_proto::{
    Event, EventType, Timestamp,
    inventory::v1::CountKind,
    registry::v1::DocumentRef,
    shipments::v1::{Keeper, KeeperAppointed},
};

use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    calendar::{micros, timestamp},
    code::{Code, Label},
    command::{Command, Moment},
    limits,
    registry::{existing_facility, existing_organisation, facility::open, in_use},
    rejection::Rejection,
};

/// Puts a facility's stock into somebody's hands.
#[derive(Clone, Debug)]
pub struct AppointKeeper {
    /// The facility.
    pub facility_id: Code,
    /// Organisation that answers for it.
    pub organisation_id: Code,
    /// Reference to the person who signs for it.
    pub person_ref: Label,
    /// Full counts of what is taken over; at least one where there is a keeper already.
    pub count_ids: Vec<Code>,
    /// Hand-over act and so on.
    pub documents: Vec<DocumentRef>,
}

impl Fold for Keeper {
    const EVENT_TYPES: &'static [&'static str] = &[KeeperAppointed::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if let (Boundary::Keeper(id), Event::KeeperAppointed(event)) = (boundary, event)
            && let Some(keeper) = &event.keeper
            && keeper.facility_id == id.as_str()
        {
            let mut used = std::mem::take(&mut self.used_count_ids);
            used.extend_from_slice(&keeper.count_ids);
            // Older ones were taken before the last change, which their times tell.
            used.drain(..used.len().saturating_sub(limits::USED_COUNTS));
            let since = later(self.since, keeper.since);
            *self = Keeper {
                since,
                used_count_ids: used,
                ..keeper.clone()
            };
        }
    }
}

/// The later of two times; none is before all others.
fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).max_by_key(micros)
}

/// The organisation that answers for stock at rest: its keeper, or else the operator of the facility.
pub(crate) fn answerable(books: &Books, facility_id: &str) -> Option<String> {
    let keeper = books.keeper(facility_id);
    let keeper = keeper.map(|keeper| keeper.organisation_id.clone());
    keeper.or_else(|| Some(books.facility(facility_id)?.operator_id.clone()))
}

impl Command for AppointKeeper {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Facility(self.facility_id.clone()),
            Boundary::Keeper(self.facility_id.clone()),
            Boundary::Organisation(self.organisation_id.clone()),
        ];
        boundaries.extend(self.count_ids.iter().cloned().map(Boundary::Count));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        existing_facility(books, &self.facility_id)?;
        existing_organisation(books, &self.organisation_id)?;
        open(books, &self.facility_id, moment)?;
        let organisation = Boundary::Organisation(self.organisation_id.clone());
        in_use(books, &[organisation], moment)?;
        let known = books.keeper(&self.facility_id);
        if let Some(known) = known
            && known.organisation_id == self.organisation_id.as_str()
            && known.person_ref == self.person_ref.as_str()
        {
            return Err(Rejection::SameKeeper {
                facility_id: self.facility_id.to_string(),
                organisation_id: known.organisation_id.clone(),
                person_ref: known.person_ref.clone(),
            });
        }
        if known.is_some() && self.count_ids.is_empty() {
            return Err(Rejection::CountRequired {
                facility_id: self.facility_id.to_string(),
            });
        }
        for (index, count_id) in self.count_ids.iter().enumerate() {
            self.check_count(books, index, count_id)?;
        }
        limits::keep(vec![
            KeeperAppointed {
                keeper: Some(Keeper {
                    facility_id: self.facility_id.to_string(),
                    organisation_id: self.organisation_id.to_string(),
                    person_ref: self.person_ref.to_string(),
                    count_ids: self.count_ids.iter().map(Code::to_string).collect(),
                    since: Some(timestamp(moment.occurred_at_us)),
                    used_count_ids: Vec::new(),
                }),
                from_organisation_id: known
                    .map(|known| known.organisation_id.clone())
                    .unwrap_or_default(),
                from_person_ref: known
                    .map(|known| known.person_ref.clone())
                    .unwrap_or_default(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Keeper(self.facility_id.clone()))
    }
}

impl AppointKeeper {
    /// Refuses a count of another facility, of a part only, or one that was used before.
    fn check_count(&self, books: &Books, index: usize, count_id: &Code) -> Result<(), Rejection> {
        let refuse = |why: &'static str| {
            Err(Rejection::CountUnfit {
                field: format!("count_ids[{index}]"),
                count_id: count_id.to_string(),
                why,
            })
        };
        let Some(count) = books.count(count_id) else {
            return refuse("there is no such count");
        };
        let known = books.keeper(&self.facility_id);
        let was_used =
            known.is_some_and(|it| it.used_count_ids.iter().any(|id| **id == **count_id));
        // Of counts and changes of older versions nobody knows the time.
        let taken_over_us = known.and_then(|it| it.since.as_ref()).map(micros);
        let counted_us = count.counted_at.as_ref().map(micros);
        let is_older = taken_over_us.is_some_and(|since| counted_us.is_some_and(|at| at < since));
        if count.facility_id != self.facility_id.as_str() {
            refuse("it is of another facility")
        } else if count.kind() != CountKind::Full {
            refuse("it is of a part only; a keeper takes over what a FULL count found")
        } else if was_used {
            refuse("a keeper took over by it already; count anew")
        } else if is_older {
            refuse("it was taken before the keeper until now took over; count anew")
        } else if self.count_ids[..index].contains(count_id) {
            refuse("it stands there twice")
        } else {
            Ok(())
        }
    }
}
