//! The registry: organisations, facilities, commodities and items.

use keruen_proto::{
    Event, EventType,
    registry::v1::{
        Commodity, CommodityRegistered, Facility, FacilityRegistered, Item, ItemRegistered,
        Organisation, OrganisationRegistered,
    },
};

use crate::{
    books::{Books, Entry, Fold},
    boundary::Boundary,
    code::UNATTRIBUTED,
    command::{Command, Moment},
    limits, region,
    rejection::Rejection,
};

/// Enters an organisation. Its fields have been parsed: codes, names and kinds are valid.
#[derive(Clone, Debug)]
pub struct RegisterOrganisation(pub Organisation);

/// Enters a facility. Its fields have been parsed: codes, names, dates and time zone are valid.
#[derive(Clone, Debug)]
pub struct RegisterFacility(pub Facility);

/// Enters a commodity. Its fields have been parsed.
#[derive(Clone, Debug)]
pub struct RegisterCommodity(pub Commodity);

/// Enters an item. Its fields have been parsed: codes, names, GTIN and storage range are valid, and an asset names its
/// manufacturer and model.
#[derive(Clone, Debug)]
pub struct RegisterItem(pub Item);

impl Fold for Organisation {
    const EVENT_TYPES: &'static [&'static str] = &[OrganisationRegistered::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if let (Boundary::Organisation(id), Event::OrganisationRegistered(event)) =
            (boundary, event)
        {
            enter(
                self,
                event
                    .organisation
                    .as_ref()
                    .filter(|it| it.organisation_id == id.as_str()),
            );
        }
    }
}

impl Fold for Facility {
    const EVENT_TYPES: &'static [&'static str] = &[FacilityRegistered::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if let (Boundary::Facility(id), Event::FacilityRegistered(event)) = (boundary, event) {
            enter(
                self,
                event
                    .facility
                    .as_ref()
                    .filter(|it| it.facility_id == id.as_str()),
            );
        }
    }
}

impl Fold for Commodity {
    const EVENT_TYPES: &'static [&'static str] = &[CommodityRegistered::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if let (Boundary::Commodity(id), Event::CommodityRegistered(event)) = (boundary, event) {
            enter(
                self,
                event
                    .commodity
                    .as_ref()
                    .filter(|it| it.commodity_id == id.as_str()),
            );
        }
    }
}

impl Fold for Item {
    const EVENT_TYPES: &'static [&'static str] = &[ItemRegistered::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Event::ItemRegistered(event) = event else {
            return;
        };
        match boundary {
            Boundary::Item(id) => enter(
                self,
                event.item.as_ref().filter(|it| it.item_id == id.as_str()),
            ),
            Boundary::Model(manufacturer, model) => enter(
                self,
                event.item.as_ref().filter(|it| {
                    it.manufacturer == manufacturer.as_str() && it.model == model.as_str()
                }),
            ),
            _ => {}
        }
    }
}

fn enter<T: Clone>(state: &mut T, entered: Option<&T>) {
    if let Some(entered) = entered {
        *state = entered.clone();
    }
}

impl Command for RegisterOrganisation {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        Boundary::organisation(&self.0.organisation_id)
            .into_iter()
            .collect()
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let id = &self.0.organisation_id;
        if id == UNATTRIBUTED {
            return Err(Rejection::ReservedId {
                field: "organisation.organisation_id".to_owned(),
                id: id.clone(),
            });
        }
        if books.organisation(id).is_some() {
            return Err(Rejection::OrganisationExists {
                organisation_id: id.clone(),
            });
        }
        limits::keep(vec![
            OrganisationRegistered {
                organisation: Some(self.0.clone()),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Boundary::organisation(&self.0.organisation_id)
    }
}

impl Command for RegisterFacility {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let reserves = self.0.minimum_reserves.iter();
        Boundary::facility(&self.0.facility_id)
            .into_iter()
            .chain(Boundary::organisation(&self.0.operator_id))
            .chain(reserves.filter_map(|reserve| Boundary::commodity(&reserve.commodity_id)))
            .collect()
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let facility = &self.0;
        if books.facility(&facility.facility_id).is_some() {
            return Err(Rejection::FacilityExists {
                facility_id: facility.facility_id.clone(),
            });
        }
        existing_organisation(books, &facility.operator_id)?;
        for assignment in &facility.regions {
            region::find(&assignment.region_id).ok_or_else(|| Rejection::UnknownRegion {
                region_id: assignment.region_id.clone(),
            })?;
        }
        for reserve in &facility.minimum_reserves {
            existing_commodity(books, &reserve.commodity_id)?;
        }
        limits::keep(vec![
            FacilityRegistered {
                facility: Some(facility.clone()),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Boundary::facility(&self.0.facility_id)
    }
}

impl Command for RegisterCommodity {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        Boundary::commodity(&self.0.commodity_id)
            .into_iter()
            .collect()
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        if books.commodity(&self.0.commodity_id).is_some() {
            return Err(Rejection::CommodityExists {
                commodity_id: self.0.commodity_id.clone(),
            });
        }
        limits::keep(vec![
            CommodityRegistered {
                commodity: Some(self.0.clone()),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Boundary::commodity(&self.0.commodity_id)
    }
}

impl Command for RegisterItem {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let accessories = self.0.accessories.iter();
        Boundary::item(&self.0.item_id)
            .into_iter()
            .chain(Boundary::model(&self.0.manufacturer, &self.0.model))
            .chain(Boundary::commodity(&self.0.commodity_id))
            .chain(accessories.filter_map(|accessory| Boundary::item(&accessory.item_id)))
            .collect()
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let item = &self.0;
        if books.item(&item.item_id).is_some() {
            return Err(Rejection::ItemExists {
                item_id: item.item_id.clone(),
            });
        }
        if let Some(other) = item_of_model(books, &item.manufacturer, &item.model) {
            return Err(Rejection::ModelExists {
                manufacturer: item.manufacturer.clone(),
                model: item.model.clone(),
                item_id: other.item_id.clone(),
            });
        }
        existing_commodity(books, &item.commodity_id)?;
        for accessory in &item.accessories {
            existing_item(books, &accessory.item_id)?;
        }
        limits::keep(vec![
            ItemRegistered {
                item: Some(item.clone()),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Boundary::item(&self.0.item_id)
    }
}

fn item_of_model<'a>(books: &'a Books, manufacturer: &str, model: &str) -> Option<&'a Item> {
    match books.get(&Boundary::model(manufacturer, model)?)? {
        Entry::Item(item) if !item.item_id.is_empty() => Some(item),
        _ => None,
    }
}

/// The commodity, or that it is unknown.
pub(crate) fn existing_commodity<'a>(
    books: &'a Books,
    id: &str,
) -> Result<&'a Commodity, Rejection> {
    books
        .commodity(id)
        .ok_or_else(|| Rejection::UnknownCommodity {
            commodity_id: id.to_owned(),
        })
}

/// The item, or that it is unknown.
pub(crate) fn existing_item<'a>(books: &'a Books, id: &str) -> Result<&'a Item, Rejection> {
    books.item(id).ok_or_else(|| Rejection::UnknownItem {
        item_id: id.to_owned(),
    })
}

/// The facility, or that it is unknown.
pub(crate) fn existing_facility<'a>(books: &'a Books, id: &str) -> Result<&'a Facility, Rejection> {
    books
        .facility(id)
        .ok_or_else(|| Rejection::UnknownFacility {
            facility_id: id.to_owned(),
        })
}

/// The organisation, or that it is unknown.
pub(crate) fn existing_organisation<'a>(
    books: &'a Books,
    id: &str,
) -> Result<&'a Organisation, Rejection> {
    books
        .organisation(id)
        .ok_or_else(|| Rejection::UnknownOrganisation {
            organisation_id: id.to_owned(),
        })
}
