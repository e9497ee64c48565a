//! The registry: organisations, facilities, commodities, items, vehicles, volunteers and crews. Nothing is deleted: things are amended and retired.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    registry::v1::{
        Commodity, CommodityRegistered, Crew, Facility, FacilityRegistered, Item, ItemRegistered,
        Organisation, OrganisationRegistered, RegistryKind, Retirement, Tracking, Vehicle,
        Volunteer,
    },
};

use crate::{
    books::{Books, Entry},
    boundary::Boundary,
    calendar::{facility_day, kazakhstan_day},
    code::UNATTRIBUTED,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

pub mod amend;
pub mod duty;
pub mod facility;
pub mod fleet;
mod fold;
pub mod mobile;
pub mod retire;
mod thing;
pub mod verify;

pub use amend::Amend;
pub use duty::SetDutyRoster;
pub use facility::{
    AssignFacilityRegion, CloseFacility, ReopenFacility, SetMinimumReserve, closure_on,
};
pub use fleet::{AssignVolunteer, EndAssignment, RegisterCrew, RegisterVehicle, RegisterVolunteer};
pub use fold::{crew_of, subject};
pub use mobile::{DepartMobileUnit, DeployMobileUnit, ReportThroughput, ScheduleMobileUnit};
pub use retire::Retire;
pub use thing::{Parts, Rule, Thing};
pub use verify::{RevokeVerification, VerifyOrganisation, verification_on};

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

/// What must be read before a new thing is entered: itself, what it names, and what it alone may have.
fn reads_of_new<T: Thing>(books: &Books, thing: &T) -> Vec<Boundary> {
    Boundary::thing(T::KIND, thing.id())
        .into_iter()
        .chain(thing.names())
        .chain(claims(books, thing))
        .collect()
}

/// Refuses a new thing where something that it names is missing, or something else has what it alone may have.
fn check_existence<T: Thing>(books: &Books, thing: &T, exists: Rejection) -> Result<(), Rejection> {
    if T::of(books, thing.id()).is_some() {
        return Err(exists);
    }
    claims_free(books, thing)?;
    exist(books, &thing.names())
}

impl Command for RegisterOrganisation {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads_of_new(books, &self.0)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let organisation_id = self.0.organisation_id.clone();
        if organisation_id == UNATTRIBUTED {
            return Err(Rejection::ReservedId {
                field: "organisation.organisation_id".to_owned(),
                id: organisation_id,
            });
        }
        check_existence(
            books,
            &self.0,
            Rejection::OrganisationExists { organisation_id },
        )?;
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
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads_of_new(books, &self.0)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let facility = &self.0;
        let facility_id = facility.facility_id.clone();
        check_existence(books, facility, Rejection::FacilityExists { facility_id })?;
        for assignment in &facility.regions {
            facility::known_region(assignment)?;
        }
        in_use(books, &facility.names(), moment)?;
        for (index, assignment) in facility.regions.iter().enumerate() {
            let field = format!("facility.regions[{index}].region_id");
            facility::existing_then(&field, assignment)?;
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
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads_of_new(books, &self.0)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let commodity_id = self.0.commodity_id.clone();
        check_existence(books, &self.0, Rejection::CommodityExists { commodity_id })?;
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
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads_of_new(books, &self.0)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let item_id = self.0.item_id.clone();
        check_existence(books, &self.0, Rejection::ItemExists { item_id })?;
        in_use(books, &self.0.names(), moment)?;
        self.0.check_whole()?;
        check_components(books, &self.0)?;
        limits::keep(vec![
            ItemRegistered {
                item: Some(self.0.clone()),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Boundary::item(&self.0.item_id)
    }
}

/// Refuses components that kits can't be put together of: units with serial numbers, and kits.
pub(crate) fn check_components(books: &Books, item: &Item) -> Result<(), Rejection> {
    for (index, component) in item.components.iter().enumerate() {
        let known = existing_item(books, &component.item_id)?;
        let is_serial = known.tracking() == Tracking::Serial;
        if is_serial || crate::kit::is_kit(known) || item.tracking() == Tracking::Serial {
            return Err(Rejection::ComponentUnfit {
                field: format!("item.components[{index}].item_id"),
                item_id: item.item_id.clone(),
                component_id: component.item_id.clone(),
            });
        }
    }
    Ok(())
}

fn item_of_model<'a>(books: &'a Books, manufacturer: &str, model: &str) -> Option<&'a Item> {
    match books.get(&Boundary::model(manufacturer, model)?)? {
        Entry::Item(item) if !item.item_id.is_empty() => Some(item),
        _ => None,
    }
}

/// What a thing alone may have, its keys of other systems and its model, and who has it now.
fn claims<T: Thing>(books: &Books, thing: &T) -> Vec<Boundary> {
    let mut claims: Vec<Boundary> = thing
        .keys()
        .iter()
        .filter_map(|key| Boundary::key(T::KIND, key))
        .collect();
    let holders: Vec<Boundary> = claims
        .iter()
        .filter_map(|key| Boundary::thing(T::KIND, holder(books, key)?))
        .collect();
    claims.extend(holders);
    let model = thing.model();
    claims.extend(model.and_then(|(manufacturer, model)| Boundary::model(manufacturer, model)));
    claims
}

/// Who has a key of another system.
fn holder<'a>(books: &'a Books, key: &Boundary) -> Option<&'a str> {
    match books.get(key)? {
        Entry::Key(known) if !known.holder_id.is_empty() => Some(&known.holder_id),
        _ => None,
    }
}

/// Refuses a thing of which another one has a key or the model. What is retired gives its keys up to whoever wants them.
fn claims_free<T: Thing>(books: &Books, thing: &T) -> Result<(), Rejection> {
    for key in thing.keys() {
        let known = Boundary::key(T::KIND, &key);
        let holder = known.and_then(|known| holder(books, &known));
        let Some(holder) = holder.filter(|holder| *holder != thing.id()) else {
            continue;
        };
        if T::of(books, holder).is_none_or(|holder| holder.retired().is_none()) {
            return Err(Rejection::ExternalIdTaken {
                kind: noun(T::KIND),
                holder_id: holder.to_owned(),
                scheme: key.scheme,
                value: key.value,
            });
        }
    }
    let Some((manufacturer, model)) = thing.model() else {
        return Ok(());
    };
    let other = item_of_model(books, manufacturer, model);
    match other.filter(|other| other.item_id != thing.id()) {
        Some(other) => Err(Rejection::ModelExists {
            manufacturer: manufacturer.to_owned(),
            model: model.to_owned(),
            item_id: other.item_id.clone(),
        }),
        None => Ok(()),
    }
}

/// What a kind of things is called.
pub fn noun(kind: RegistryKind) -> &'static str {
    match kind {
        RegistryKind::Unspecified => "thing",
        RegistryKind::Organisation => "organisation",
        RegistryKind::Facility => "facility",
        RegistryKind::Commodity => "commodity",
        RegistryKind::Item => "item",
        RegistryKind::Vehicle => "vehicle",
        RegistryKind::Volunteer => "volunteer",
        RegistryKind::Crew => "crew",
    }
}

/// Refuses things of the registry that are missing.
fn exist(books: &Books, things: &[Boundary]) -> Result<(), Rejection> {
    for thing in things {
        match thing {
            Boundary::Organisation(id) => existing_organisation(books, id).map(drop),
            Boundary::Facility(id) => existing_facility(books, id).map(drop),
            Boundary::Commodity(id) => existing_commodity(books, id).map(drop),
            Boundary::Item(id) => existing_item(books, id).map(drop),
            Boundary::Vehicle(id) => fleet::existing_vehicle(books, id).map(drop),
            Boundary::Volunteer(id) => fleet::existing_volunteer(books, id).map(drop),
            Boundary::Crew(id) => fleet::existing_crew(books, id).map(drop),
            Boundary::Asset(item_id, serial_number) => {
                fleet::existing_asset(books, item_id, serial_number)
            }
            _ => Ok(()),
        }?;
    }
    Ok(())
}

fn retirement<'a>(books: &'a Books, thing: &Boundary) -> Option<(&'static str, &'a Retirement)> {
    fn of<'a, T: Thing>(books: &'a Books, id: &str) -> Option<(&'static str, &'a Retirement)> {
        Some((noun(T::KIND), T::of(books, id)?.retired()?))
    }
    match thing {
        Boundary::Organisation(id) => of::<Organisation>(books, id),
        Boundary::Facility(id) => of::<Facility>(books, id),
        Boundary::Commodity(id) => of::<Commodity>(books, id),
        Boundary::Item(id) => of::<Item>(books, id),
        Boundary::Vehicle(id) => of::<Vehicle>(books, id),
        Boundary::Volunteer(id) => of::<Volunteer>(books, id),
        Boundary::Crew(id) => of::<Crew>(books, id),
        _ => None,
    }
}

fn refused(thing: &Boundary, kind: &'static str, retirement: &Retirement) -> Rejection {
    Rejection::Retired {
        kind,
        id: thing.code().map(ToString::to_string).unwrap_or_default(),
        retired_on: retirement.retired_on.clone(),
        successor_id: retirement.successor_id.clone(),
    }
}

/// Refuses to change a thing that is retired, from whatever day on.
fn unretired(books: &Books, thing: &Boundary) -> Result<(), Rejection> {
    match retirement(books, thing) {
        Some((kind, retirement)) => Err(refused(thing, kind, retirement)),
        None => Ok(()),
    }
}

/// Refuses things that were retired on the day on which the command happens, or before.
pub(crate) fn in_use(books: &Books, things: &[Boundary], moment: Moment) -> Result<(), Rejection> {
    for thing in things {
        if let Some((kind, retirement)) = retirement(books, thing)
            && retirement.retired_on <= day_at(books, thing, moment).to_string()
        {
            return Err(refused(thing, kind, retirement));
        }
    }
    Ok(())
}

/// The day on which a command about a thing happens: where it is a place, the day there.
fn day_at(books: &Books, thing: &Boundary, moment: Moment) -> NaiveDate {
    let time_us = moment.occurred_at_us;
    let facility = match thing {
        Boundary::Facility(id) => books.facility(id),
        _ => None,
    };
    facility.map_or_else(|| kazakhstan_day(time_us), |it| facility_day(it, time_us))
}

/// Refuses a day that has not come: what stands there by mistake could not be ended before it.
pub(crate) fn has_come(
    field: &'static str,
    day: NaiveDate,
    moment: Moment,
) -> Result<(), Rejection> {
    let today = kazakhstan_day(moment.now_us);
    if day <= today {
        return Ok(());
    }
    Err(Rejection::DayAhead {
        field,
        day: day.to_string(),
        today: today.to_string(),
    })
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
