//! What all things of the registry have in common, and the one table of what may change of them.

use keruen_proto::{
    Event,
    registry::v1::{
        Commodity, CommodityAmended, Crew, CrewAmended, ExternalId, Facility, FacilityAmended,
        Freezing, Item, ItemAmended, Organisation, OrganisationAmended, RegistryKind, Retirement,
        SiteData, SiteNeeds, Vehicle, VehicleAmended, Volunteer, VolunteerAmended,
    },
};

use crate::{
    books::{Books, Entry, Fold},
    boundary::Boundary,
    rejection::Rejection,
};

/// Whether a field of a thing may change after it was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It may change at any time.
    Free,
    /// It may be filled in where it is empty, and then never changes; why, and what to do instead.
    WhereEmpty(&'static str),
    /// It never changes, or in another way; why, and what to do instead.
    Fixed(&'static str),
}

/// What of a thing's fields may change by itself, while the rest of the field stays.
pub trait Parts {
    /// Field and part, for example `site.altitude_m`.
    const PARTS: &'static [&'static str];

    /// Takes over a part.
    fn take_part(&mut self, other: &Self, part: &str);
}

/// A thing of the registry.
pub trait Thing: Parts + Fold + PartialEq + TryFrom<Entry> + Send + Sync + 'static {
    /// What it is.
    const KIND: RegistryKind;

    /// Its fields, and whether they may change.
    const RULES: &'static [(&'static str, Rule)];

    /// Its code; empty where it does not exist.
    fn id(&self) -> &str;

    /// That it is out of use.
    fn retired(&self) -> Option<&Retirement>;

    /// Keys of other systems that it has.
    fn keys(&self) -> Vec<ExternalId>;

    /// The maker and model that it stands for alone, if it says both.
    fn model(&self) -> Option<(&str, &str)>;

    /// Other things that it names.
    fn names(&self) -> Vec<Boundary>;

    /// Refuses what only two fields together can get wrong.
    fn check_whole(&self) -> Result<(), Rejection>;

    /// Whether a field is the same in both.
    fn agrees(&self, other: &Self, field: &str) -> bool;

    /// Takes over a field, or a part of one.
    fn take(&mut self, other: &Self, field: &str);

    /// The thing in the books; `None` where it does not exist.
    fn of<'a>(books: &'a Books, id: &str) -> Option<&'a Self>;

    /// The fact that it changed.
    fn amended(self, changed: Vec<String>, released: Vec<ExternalId>) -> Event;
}

const ID: Rule = Rule::Fixed("every record names it; register it anew and retire this one");
const RETIRED: Rule = Rule::Fixed("it is retired by a command of its own");
const ASSIGNMENTS: Rule =
    Rule::Fixed("volunteers are assigned to crews, and that ends, by commands of their own");
const VERIFIED: Rule = Rule::Fixed("it is verified, and that is revoked, by commands of their own");
const IDENTITY: Rule =
    Rule::WhereEmpty("goods are told apart by it; register another item and retire this one");

macro_rules! parts {
    ($($type:ident { $($field:ident: $message:ident [$($part:ident),*])? })*) => {$(
        impl Parts for $type {
            const PARTS: &'static [&'static str] =
                &[$($(concat!(stringify!($field), ".", stringify!($part))),*)?];

            fn take_part(&mut self, other: &Self, part: &str) {
                // Most things have no parts.
                let _ = (other, part);
                $(
                    let (mut mine, mut theirs) = ($message::default(), $message::default());
                    if let Some(known) = &self.$field {
                        mine.clone_from(known);
                    }
                    if let Some(given) = &other.$field {
                        theirs.clone_from(given);
                    }
                    $(if part == concat!(stringify!($field), ".", stringify!($part)) {
                        mine.$part.clone_from(&theirs.$part);
                    })*
                    self.$field = (mine != $message::default()).then_some(mine);
                )?
            }
        }
    )*};
}

parts! {
    Organisation {}
    Facility {
        site: SiteData [
            mains_voltage_v, mains_frequency_hz, backup_power_hours, oxygen_supply, altitude_m, cold_storage, plug_types,
            freezer
        ]
    }
    Commodity {}
    Item {
        site_needs: SiteNeeds [
            mains_voltage_v, mains_frequency_hz, oxygen_supply, maximum_altitude_m, cold_storage, plug_type,
            backup_power_hours
        ]
    }
    Vehicle {}
    Volunteer {}
    Crew {}
}

macro_rules! things {
    ($($type:ident, $member:ident, $id:ident, $event:ident, keys $keys:expr, model $model:expr, names $names:expr, check $check:expr, {
        $($field:ident: $rule:expr,)*
    })*) => {$(
        impl Thing for $type {
            const KIND: RegistryKind = RegistryKind::$type;
            const RULES: &'static [(&'static str, Rule)] = &[$((stringify!($field), $rule)),*];

            fn id(&self) -> &str {
                &self.$id
            }

            fn retired(&self) -> Option<&Retirement> {
                self.retired.as_ref()
            }

            fn keys(&self) -> Vec<ExternalId> {
                let keys: fn(&Self) -> Vec<ExternalId> = $keys;
                keys(self)
            }

            fn model(&self) -> Option<(&str, &str)> {
                let model: fn(&Self) -> Option<(&str, &str)> = $model;
                model(self)
            }

            fn names(&self) -> Vec<Boundary> {
                let names: fn(&Self) -> Vec<Boundary> = $names;
                names(self)
            }

            fn check_whole(&self) -> Result<(), Rejection> {
                let check: fn(&Self) -> Result<(), Rejection> = $check;
                check(self)
            }

            fn agrees(&self, other: &Self, field: &str) -> bool {
                match field {
                    $(stringify!($field) => self.$field == other.$field,)*
                    _ => true,
                }
            }

            fn take(&mut self, other: &Self, field: &str) {
                match field {
                    $(stringify!($field) => self.$field.clone_from(&other.$field),)*
                    part if Self::PARTS.contains(&part) => self.take_part(other, part),
                    _ => {}
                }
            }

            fn of<'a>(books: &'a Books, id: &str) -> Option<&'a Self> {
                books.$member(id)
            }

            fn amended(self, changed: Vec<String>, released: Vec<ExternalId>) -> Event {
                $event {
                    $member: Some(self),
                    changed,
                    released,
                }
                .into()
            }
        }
    )*};
}

things! {
    Organisation, organisation, organisation_id, OrganisationAmended, keys |it| it.external_ids.clone(), model |_| None, names |_| Vec::new(), check |_| Ok(()), {
        organisation_id: ID,
        name: Rule::Free,
        kinds: Rule::Free,
        external_ids: Rule::Free,
        retired: RETIRED,
        verifications: VERIFIED,
    }
    Facility, facility, facility_id, FacilityAmended, keys |it| it.external_ids.clone(), model |_| None, names facility_names, check |_| Ok(()), {
        facility_id: ID,
        name: Rule::Free,
        kind: Rule::Free,
        regions: Rule::Fixed("a move to another region has its day; assign the region from that day on"),
        time_zone: Rule::Free,
        operator_id: Rule::Free,
        location: Rule::Free,
        site: Rule::Free,
        minimum_reserves: Rule::Free,
        external_ids: Rule::Free,
        closures: Rule::Fixed("a facility is closed and reopened by commands of their own"),
        retired: RETIRED,
    }
    Commodity, commodity, commodity_id, CommodityAmended, keys |it| it.external_ids.clone(), model |_| None, names |_| Vec::new(), check |_| Ok(()), {
        commodity_id: ID,
        name: Rule::Free,
        base_unit: Rule::Fixed("quantities in the books are counted in it; register another commodity and retire this one"),
        retired: RETIRED,
        external_ids: Rule::Free,
    }
    Item, item, item_id, ItemAmended, keys item_keys, model item_model, names item_names, check item_whole, {
        item_id: ID,
        commodity_id: Rule::Fixed("stock and requests are counted under it; register another item and retire this one"),
        name: Rule::Free,
        tracking: Rule::Fixed("units in the books are told apart by it; register another item and retire this one"),
        manufacturer: IDENTITY,
        model: IDENTITY,
        gtin: Rule::Free,
        expires: Rule::Free,
        release_required: Rule::Free,
        refillable: Rule::Free,
        storage: Rule::Free,
        site_needs: Rule::Free,
        freezing: Rule::Free,
        accessories: Rule::Free,
        components: Rule::Free,
        packs: Rule::Free,
        substitutes: Rule::Free,
        external_ids: Rule::Free,
        retired: RETIRED,
    }
}

things! {
    Vehicle, vehicle, vehicle_id, VehicleAmended, keys vehicle_keys, model |_| None, names vehicle_names, check |_| Ok(()), {
        vehicle_id: ID,
        kind: Rule::Free,
        owner_id: Rule::Free,
        capacity_kg: Rule::Free,
        capacity_l: Rule::Free,
        cold_box: Rule::Free,
        external_ids: Rule::Free,
        asset: Rule::Free,
        retired: RETIRED,
    }
    Volunteer, volunteer, volunteer_id, VolunteerAmended, keys volunteer_keys, model |_| None, names volunteer_names, check |_| Ok(()), {
        volunteer_id: ID,
        person_ref: Rule::Fixed("every assignment says that this person was there; register another volunteer"),
        organisation_id: Rule::Free,
        skills: Rule::Free,
        assignments: ASSIGNMENTS,
        retired: RETIRED,
    }
    Crew, crew, crew_id, CrewAmended, keys |it| it.external_ids.clone(), model |_| None, names crew_names, check |_| Ok(()), {
        crew_id: ID,
        name: Rule::Free,
        organisation_id: Rule::Free,
        vehicle_id: Rule::Free,
        assignments: ASSIGNMENTS,
        external_ids: Rule::Free,
        retired: RETIRED,
    }
}

fn vehicle_names(vehicle: &Vehicle) -> Vec<Boundary> {
    let asset = vehicle.asset.as_ref();
    let asset = asset.and_then(|it| Boundary::asset(&it.item_id, &it.serial_number));
    Boundary::organisation(&vehicle.owner_id)
        .into_iter()
        .chain(asset)
        .collect()
}

/// An asset is one vehicle at most: its item and serial number are a key like those of other systems.
fn vehicle_keys(vehicle: &Vehicle) -> Vec<ExternalId> {
    let asset = vehicle.asset.iter().map(|it| ExternalId {
        scheme: it.item_id.clone(),
        value: it.serial_number.clone(),
    });
    vehicle.external_ids.iter().cloned().chain(asset).collect()
}

/// A person is one volunteer at most.
fn volunteer_keys(volunteer: &Volunteer) -> Vec<ExternalId> {
    vec![ExternalId {
        scheme: "PERSON".to_owned(),
        value: volunteer.person_ref.clone(),
    }]
}

fn volunteer_names(volunteer: &Volunteer) -> Vec<Boundary> {
    Boundary::organisation(&volunteer.organisation_id)
        .into_iter()
        .collect()
}

fn crew_names(crew: &Crew) -> Vec<Boundary> {
    Boundary::organisation(&crew.organisation_id)
        .into_iter()
        .chain(Boundary::vehicle(&crew.vehicle_id))
        .collect()
}

fn facility_names(facility: &Facility) -> Vec<Boundary> {
    let reserves = facility.minimum_reserves.iter();
    Boundary::organisation(&facility.operator_id)
        .into_iter()
        .chain(reserves.filter_map(|reserve| Boundary::commodity(&reserve.commodity_id)))
        .collect()
}

fn item_names(item: &Item) -> Vec<Boundary> {
    let accessories = item.accessories.iter().map(|it| &it.item_id);
    let instead = item.substitutes.iter().map(|it| &it.item_id);
    let components = item.components.iter().map(|it| &it.item_id);
    let stated_by = item.substitutes.iter().map(|it| &it.stated_by_id);
    Boundary::commodity(&item.commodity_id)
        .into_iter()
        .chain(stated_by.filter_map(|id| Boundary::organisation(id)))
        .chain(
            accessories
                .chain(instead)
                .chain(components)
                .filter_map(|id| Boundary::item(id)),
        )
        .collect()
}

/// Refuses a storage range that contradicts what frost does, and a GTIN that stands for two things at once.
fn item_whole(item: &Item) -> Result<(), Rejection> {
    if let (Some(range), Some(freezing)) = (item.storage, item.freezing) {
        let agrees = match Freezing::try_from(freezing) {
            Ok(Freezing::Never) => range.minimum_millicelsius >= 0,
            Ok(Freezing::Always) => range.maximum_millicelsius <= 0,
            Ok(Freezing::Unspecified) | Err(_) => true,
        };
        if !agrees {
            return Err(Rejection::FreezingContradicted {
                item_id: item.item_id.clone(),
                freezing: freezing_word(freezing),
                lowest_millicelsius: range.minimum_millicelsius,
                highest_millicelsius: range.maximum_millicelsius,
            });
        }
    }
    let keys: Vec<Option<Boundary>> = item_keys(item)
        .iter()
        .map(|key| Boundary::key(RegistryKind::Item, key))
        .collect();
    let twice = (1..keys.len()).find(|index| keys[..*index].contains(&keys[*index]));
    match twice.and_then(|index| item_keys(item).into_iter().nth(index)) {
        Some(key) => Err(Rejection::ExternalIdTwice {
            id: item.item_id.clone(),
            scheme: key.scheme,
            value: key.value,
        }),
        None => Ok(()),
    }
}

fn freezing_word(freezing: i32) -> &'static str {
    let name = Freezing::try_from(freezing).map_or("", |it| it.as_str_name());
    name.trim_start_matches("FREEZING_")
}

fn item_model(item: &Item) -> Option<(&str, &str)> {
    let says_both = !item.manufacturer.is_empty() && !item.model.is_empty();
    says_both.then_some((&item.manufacturer, &item.model))
}

fn item_keys(item: &Item) -> Vec<ExternalId> {
    let packs = item.packs.iter().map(|pack| &pack.gtin);
    std::iter::once(&item.gtin)
        .chain(packs)
        .filter(|digits| !digits.is_empty())
        .map(|digits| gtin(digits))
        .chain(item.external_ids.iter().cloned())
        .collect()
}

fn gtin(digits: &str) -> ExternalId {
    ExternalId {
        scheme: "GTIN".to_owned(),
        value: digits.to_owned(),
    }
}
