//! For whom or what a donor gives. Earmarks bind where stock is claimed for a shipment and where it is issued; nothing
//! is lost by them: units that are meant for others are left where they are.

use chrono::NaiveDate;
use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        ChangedEarmarks, ConsumptionPurpose, DonationPledged, Earmark, EarmarkChanges,
        EarmarksChanged, StockLevel,
    },
    registry::v1::{Facility, FacilityKind},
};

use super::{ChangeEarmarks, existing};
use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    calendar::kazakhstan_day,
    code::UNATTRIBUTED,
    command::{Command, Moment},
    limits,
    region::{self, facility_region},
    registry::{existing_facility, existing_item},
    rejection::Rejection,
};

/// What was pledged, and for whom; it never changes. What the donor says later stands by itself.
impl Fold for DonationPledged {
    const EVENT_TYPES: &'static [&'static str] = &[Self::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        match (boundary, event) {
            (Boundary::Pledge(id), Event::DonationPledged(event))
                if event.donation_id == id.as_str() =>
            {
                self.clone_from(event);
            }
            _ => {}
        }
    }
}

/// All changes of earmarks stand together, since decisions about stock that came with many donations read them: one
/// donation in a hundred may have any.
impl Fold for EarmarkChanges {
    const EVENT_TYPES: &'static [&'static str] = &[EarmarksChanged::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let (Boundary::EarmarkChanges, Event::EarmarksChanged(event)) = (boundary, event) else {
            return;
        };
        self.donations
            .retain(|known| known.donation_id != event.donation_id);
        self.donations.push(ChangedEarmarks {
            donation_id: event.donation_id.clone(),
            earmarks: event.earmarks.clone(),
        });
    }
}

impl Command for ChangeEarmarks {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Donation(self.donation_id.clone())];
        boundaries.extend(self.earmarks.iter().flat_map(reads));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let donation = existing(books, &self.donation_id)?;
        exist(books, &self.earmarks)?;
        check_regions(&self.earmarks, kazakhstan_day(moment.occurred_at_us))?;
        if donation.earmarks == self.earmarks {
            return Err(Rejection::EarmarksUnchanged {
                donation_id: self.donation_id.to_string(),
            });
        }
        limits::keep(vec![
            EarmarksChanged {
                donation_id: self.donation_id.to_string(),
                earmarks: self.earmarks.clone(),
                authorised_by_ref: self.authorised_by_ref.to_string(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}

/// What must be read to know that an earmark is about something real.
pub(super) fn reads(earmark: &Earmark) -> impl Iterator<Item = Boundary> + use<> {
    let item = Boundary::item(&earmark.item_id);
    item.into_iter()
        .chain(Boundary::facility(&earmark.facility_id))
}

/// Refuses earmarks that name what nobody knows.
pub(super) fn exist(books: &Books, earmarks: &[Earmark]) -> Result<(), Rejection> {
    for earmark in earmarks {
        if !earmark.item_id.is_empty() {
            existing_item(books, &earmark.item_id)?;
        }
        if !earmark.facility_id.is_empty() {
            existing_facility(books, &earmark.facility_id)?;
        }
        if !earmark.region_id.is_empty() && region::find(&earmark.region_id).is_none() {
            return Err(Rejection::UnknownRegion {
                region_id: earmark.region_id.clone(),
            });
        }
    }
    Ok(())
}

/// Where, or for what, units are to go.
#[derive(Clone, Copy)]
pub(crate) enum Use<'a> {
    /// To a facility, on a day.
    Sent(&'a Facility, NaiveDate),
    /// To be used up at a facility, on a day.
    Consumed(&'a Facility, NaiveDate, ConsumptionPurpose),
    /// To become a part of kits, of which nobody could say any more for whom they are meant.
    Kit,
}

impl Use<'_> {
    fn fits(self, earmark: &Earmark) -> bool {
        match self {
            Self::Kit => false,
            // On their way to those they are meant for, goods pass through warehouses anywhere.
            Self::Sent(facility, today) => {
                facility.kind() == FacilityKind::Warehouse || is_at(earmark, facility, today)
            }
            // What was spoilt in the attempt is not another use.
            Self::Consumed(facility, today, purpose) => {
                let is_meant = earmark.purpose.is_none() || earmark.purpose() == purpose;
                is_at(earmark, facility, today)
                    && (is_meant || purpose == ConsumptionPurpose::Wasted)
            }
        }
    }
}

fn is_at(earmark: &Earmark, facility: &Facility, today: NaiveDate) -> bool {
    let region_id = facility_region(facility, today).unwrap_or_default();
    (earmark.facility_id.is_empty() || earmark.facility_id == facility.facility_id)
        && (earmark.region_id.is_empty() || earmark.region_id == region_id)
}

/// Refuses earmarks for regions that don't exist on that day: nothing could ever go there.
pub(super) fn check_regions(earmarks: &[Earmark], today: NaiveDate) -> Result<(), Rejection> {
    for (index, earmark) in earmarks.iter().enumerate() {
        let known = region::find(&earmark.region_id);
        if let Some(region) = known.filter(|region| !region::existed(region, today)) {
            return Err(Rejection::RegionNotValid {
                field: format!("earmarks[{index}].region_id"),
                region_id: earmark.region_id.clone(),
                date: today.to_string(),
                exists: region::span(region),
            });
        }
    }
    Ok(())
}

/// Whether the earmarks of a donation let units of an item be used so.
pub(crate) fn allow(earmarks: &[Earmark], item_id: &str, wanted: Use<'_>) -> bool {
    let mut about_it = earmarks
        .iter()
        .filter(|earmark| earmark.item_id.is_empty() || earmark.item_id == item_id)
        .peekable();
    about_it.peek().is_none() || about_it.any(|earmark| wanted.fits(earmark))
}

/// The pledges that must be read to know what of a level is earmarked.
pub(crate) fn pledges(level: Option<&StockLevel>) -> impl Iterator<Item = Boundary> {
    level
        .into_iter()
        .flat_map(|level| &level.lots)
        .filter(|lot| lot.on_hand > lot.reserved && lot.donation_id != UNATTRIBUTED)
        .filter_map(|lot| Boundary::pledge(&lot.donation_id))
        .chain(Some(Boundary::EarmarkChanges))
}

/// Whether units of an item that came with a donation may be used so.
pub(crate) fn allows(books: &Books, item_id: &str, donation_id: &str, wanted: Use<'_>) -> bool {
    let mut changed = books
        .earmark_changes()
        .into_iter()
        .flat_map(|it| &it.donations);
    let earmarks = match changed.find(|changed| changed.donation_id == donation_id) {
        Some(changed) => Some(&changed.earmarks),
        None => books.pledge(donation_id).map(|pledge| &pledge.earmarks),
    };
    earmarks.is_none_or(|earmarks| allow(earmarks, item_id, wanted))
}

/// Counts as not available what is meant for others.
pub(crate) fn set_apart(books: &Books, level: &mut StockLevel, wanted: Use<'_>) {
    let item_id = level.item_id.clone();
    for lot in &mut level.lots {
        if !allows(books, &item_id, &lot.donation_id, wanted) {
            lot.available = 0;
        }
    }
}
