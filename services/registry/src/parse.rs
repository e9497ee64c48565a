//! Requests of the registry, parsed into commands.

pub mod fleet;

use std::{collections::BTreeSet, str::FromStr};

use chrono::NaiveDate;
use chrono_tz::Tz;
use keruen_domain::{
    Boundary, Code, check_digit, limits,
    registry::{
        Amend, AssignFacilityRegion, CloseFacility, RegisterCommodity, RegisterFacility,
        RegisterItem, RegisterOrganisation, ReopenFacility, Retire, RevokeVerification, Rule,
        SetMinimumReserve, Thing, VerifyOrganisation,
    },
};
use keruen_edge::Fields;
use keruen_proto::registry::v1::{
    Accessory, AmendCommodityRequest, AmendFacilityRequest, AmendItemRequest,
    AmendOrganisationRequest, AssignFacilityRegionRequest, CloseFacilityRequest, Commodity,
    Facility, FacilityKind, FindByExternalIdRequest, Freezing, GeoPoint, Item, KitComponent,
    MinimumReserve, Organisation, OrganisationKind, Pack, PlugType, RegionAssignment, RegistryKind,
    ReopenFacilityRequest, RetireCommodityRequest, RetireCrewRequest, RetireFacilityRequest,
    RetireItemRequest, RetireOrganisationRequest, RetireVehicleRequest, RetireVolunteerRequest,
    RevokeVerificationRequest, SetMinimumReserveRequest, SiteData, SiteNeeds, StorageRange,
    Tracking, VerifyOrganisationRequest,
};

/// How many kinds an organisation may have: as many as there are, and some to spare.
const MAX_KINDS: usize = 16;
/// How many fields one amendment may name: as many as there are, and some to spare.
const MAX_FIELDS: usize = 32;
/// Absolute zero in thousandths of a degree Celsius.
const ABSOLUTE_ZERO_MILLICELSIUS: i32 = -273_150;

/// A thing to be entered: all of its fields.
fn entered<T: Thing + Clone>(
    noun: &str,
    thing: Option<&T>,
    fields: &mut Fields,
    check: impl Fn(&mut Fields, &T, &str) -> Option<()>,
) -> Option<T> {
    let thing = fields.there(noun, thing)?;
    let mut good = true;
    for (name, _) in T::RULES {
        good &= check(fields, thing, name).is_some();
    }
    good.then(|| thing.clone())
}

/// A thing to be amended: its code, and those of its fields that are named. Names are checked with the thing itself.
fn amended<T: Thing + Clone>(
    noun: &str,
    thing: Option<&T>,
    names: &[String],
    fields: &mut Fields,
    check: impl Fn(&mut Fields, &T, &str) -> Option<()>,
) -> Option<Amend<T>> {
    let thing = fields.there(noun, thing)?;
    let id = fields.code(&format!("{noun}.{noun}_id"), thing.id());
    let listed = fields.some("fields", names, MAX_FIELDS, |fields, path, name| {
        fields.label(path, name)
    });
    let mut good = true;
    for (name, rule) in T::RULES {
        let is_it = |named: &str| named == *name || is_part::<T>(named, name);
        let is_named = names.iter().any(|named| is_it(named));
        if is_named && !matches!(rule, Rule::Fixed(_)) {
            good &= check(fields, thing, name).is_some();
        }
    }
    let _ = (id?, listed?);
    good.then(|| Amend {
        thing: thing.clone(),
        fields: names.to_vec(),
    })
}

/// Whether a part of the field is named.
fn is_part<T: Thing>(named: &str, field: &str) -> bool {
    let whole = named.split_once('.').map(|(whole, _)| whole);
    whole == Some(field) && T::PARTS.contains(&named)
}

/// What only commands of its own set.
fn absent(fields: &mut Fields, field: &str, is_absent: bool) -> Option<()> {
    if is_absent {
        return Some(());
    }
    fields.reject(
        field,
        "must be left out: there are commands of its own for it",
    );
    None
}

/// An organisation to be entered.
pub fn organisation(
    organisation: Option<&Organisation>,
    fields: &mut Fields,
) -> Option<RegisterOrganisation> {
    entered("organisation", organisation, fields, organisation_field).map(RegisterOrganisation)
}

/// An organisation to be amended.
pub fn amended_organisation(
    message: &AmendOrganisationRequest,
    fields: &mut Fields,
) -> Option<Amend<Organisation>> {
    let organisation = message.organisation.as_ref();
    amended(
        "organisation",
        organisation,
        &message.fields,
        fields,
        organisation_field,
    )
}

fn organisation_field(fields: &mut Fields, it: &Organisation, name: &str) -> Option<()> {
    let path = format!("organisation.{name}");
    match name {
        "organisation_id" => fields.code(&path, &it.organisation_id).map(drop),
        "name" => fields.name(&path, it.name.as_ref()).map(drop),
        "kinds" => fields
            .some(&path, &it.kinds, MAX_KINDS, |fields, path, kind| {
                fields.stated::<OrganisationKind>(path, *kind)
            })
            .map(drop),
        "external_ids" => fields.external_ids(&path, &it.external_ids).map(drop),
        "retired" => absent(fields, &path, it.retired.is_none()),
        "verifications" => absent(fields, &path, it.verifications.is_empty()),
        _ => Some(()),
    }
}

/// An organisation that was verified.
pub fn verified(
    message: &VerifyOrganisationRequest,
    fields: &mut Fields,
) -> Option<VerifyOrganisation> {
    let organisation_id = fields.code("organisation_id", &message.organisation_id);
    let verified_by_id = fields.code("verified_by_id", &message.verified_by_id);
    let verified_on = fields.date("verified_on", &message.verified_on);
    let valid_until = fields.date("valid_until", &message.valid_until);
    let documents = fields.some(
        "documents",
        &message.documents,
        limits::DOCUMENTS,
        Fields::document,
    );
    Some(VerifyOrganisation {
        organisation_id: organisation_id?,
        verified_by_id: verified_by_id?,
        verified_on: verified_on?,
        valid_until: valid_until?,
        documents: documents?,
    })
}

/// A verification that was revoked.
pub fn revoked(
    message: &RevokeVerificationRequest,
    fields: &mut Fields,
) -> Option<RevokeVerification> {
    let organisation_id = fields.code("organisation_id", &message.organisation_id);
    let revoked_on = fields.date("revoked_on", &message.revoked_on);
    let reason = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    Some(RevokeVerification {
        organisation_id: organisation_id?,
        revoked_on: revoked_on?,
        reason: reason?,
        documents: documents?,
    })
}

/// A facility to be entered.
pub fn facility(facility: Option<&Facility>, fields: &mut Fields) -> Option<RegisterFacility> {
    entered("facility", facility, fields, facility_field).map(RegisterFacility)
}

/// A facility to be amended.
pub fn amended_facility(
    message: &AmendFacilityRequest,
    fields: &mut Fields,
) -> Option<Amend<Facility>> {
    let facility = message.facility.as_ref();
    amended(
        "facility",
        facility,
        &message.fields,
        fields,
        facility_field,
    )
}

fn facility_field(fields: &mut Fields, it: &Facility, name: &str) -> Option<()> {
    let path = format!("facility.{name}");
    match name {
        "facility_id" => fields.code(&path, &it.facility_id).map(drop),
        "name" => fields.name(&path, it.name.as_ref()).map(drop),
        "kind" => fields.stated::<FacilityKind>(&path, it.kind).map(drop),
        "regions" => regions(fields, &it.regions),
        "time_zone" => time_zone(fields, &it.time_zone),
        "operator_id" => fields.code(&path, &it.operator_id).map(drop),
        "location" => {
            (it.location.as_ref()).map_or(Some(()), |place| location(fields, &path, *place))
        }
        "site" => (it.site.as_ref()).map_or(Some(()), |site| site_data(fields, site)),
        "minimum_reserves" => minimum_reserves(fields, &path, &it.minimum_reserves),
        "external_ids" => fields.external_ids(&path, &it.external_ids).map(drop),
        "closures" => absent(fields, &path, it.closures.is_empty()),
        "retired" => absent(fields, &path, it.retired.is_none()),
        _ => Some(()),
    }
}

fn regions(fields: &mut Fields, regions: &[RegionAssignment]) -> Option<()> {
    let days = fields.some(
        "facility.regions",
        regions,
        limits::REGION_ASSIGNMENTS,
        region_assignment,
    );
    days.and_then(|days| region_days(fields, regions, &days))
}

fn minimum_reserves(fields: &mut Fields, path: &str, reserves: &[MinimumReserve]) -> Option<()> {
    let ids = fields.each(path, reserves, limits::MINIMUM_RESERVES, minimum_reserve);
    ids.and_then(|ids| each_once(fields, path, "commodity_id", &ids))
}

/// A facility to be moved to a region.
pub fn region_assigned(
    message: &AssignFacilityRegionRequest,
    fields: &mut Fields,
) -> Option<AssignFacilityRegion> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let region_id = fields.code("region_id", &message.region_id);
    let valid_from = match fields.date("valid_from", &message.valid_from) {
        Some(None) => {
            fields.reject("valid_from", "must not be empty: state the first day");
            None
        }
        day => day.flatten(),
    };
    Some(AssignFacilityRegion {
        facility_id: facility_id?,
        region_id: region_id?,
        valid_from: valid_from?,
    })
}

/// A facility to be closed.
pub fn closed(message: &CloseFacilityRequest, fields: &mut Fields) -> Option<CloseFacility> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let closed_on = fields.date("closed_on", &message.closed_on);
    let reason = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    Some(CloseFacility {
        facility_id: facility_id?,
        closed_on: closed_on?,
        reason: reason?,
        documents: documents?,
    })
}

/// A facility to be opened again.
pub fn reopened(message: &ReopenFacilityRequest, fields: &mut Fields) -> Option<ReopenFacility> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let reopened_on = fields.date("reopened_on", &message.reopened_on);
    Some(ReopenFacility {
        facility_id: facility_id?,
        reopened_on: reopened_on?,
    })
}

/// A minimum reserve to be kept.
pub fn reserve_set(
    message: &SetMinimumReserveRequest,
    fields: &mut Fields,
) -> Option<SetMinimumReserve> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let commodity_id = fields.code("commodity_id", &message.commodity_id);
    let quantity = if message.quantity == 0 {
        Some(None)
    } else {
        fields.quantity("quantity", message.quantity).map(Some)
    };
    Some(SetMinimumReserve {
        facility_id: facility_id?,
        commodity_id: commodity_id?,
        quantity: quantity?,
    })
}

/// Every day must belong to one region, also a day long ago on which a late fact happened.
fn region_days(
    fields: &mut Fields,
    regions: &[RegionAssignment],
    days: &[NaiveDate],
) -> Option<()> {
    if let (Some(first), Some(day)) = (regions.first(), days.first())
        && *day != NaiveDate::MIN
    {
        let found = &first.valid_from;
        fields.reject(
            "facility.regions[0].valid_from",
            format!("must be empty: the first region holds since always; found {found:?}"),
        );
        return None;
    }
    if !days.is_sorted_by(|earlier, later| earlier < later) {
        fields.reject(
            "facility.regions",
            "must be in order of valid_from, each day once",
        );
        return None;
    }
    Some(())
}

/// The first day of an assignment; the earliest day of all where it holds since always.
fn region_assignment(
    fields: &mut Fields,
    path: &str,
    assignment: &RegionAssignment,
) -> Option<NaiveDate> {
    let region = fields.code(&format!("{path}.region_id"), &assignment.region_id);
    let from = fields.date(&format!("{path}.valid_from"), &assignment.valid_from);
    region?;
    from.map(|day| day.unwrap_or(NaiveDate::MIN))
}

fn time_zone(fields: &mut Fields, text: &str) -> Option<()> {
    if Tz::from_str(text).is_ok() {
        return Some(());
    }
    fields.reject(
        "facility.time_zone",
        format!("must be an IANA time zone, for example Asia/Almaty; found {text:?}"),
    );
    None
}

/// A place on the map.
pub fn location(fields: &mut Fields, path: &str, place: GeoPoint) -> Option<()> {
    let latitude = range(
        fields,
        &format!("{path}.latitude_e7"),
        place.latitude_e7,
        -900_000_000,
        900_000_000,
    );
    let longitude = range(
        fields,
        &format!("{path}.longitude_e7"),
        place.longitude_e7,
        -1_800_000_000,
        1_800_000_000,
    );
    latitude?;
    longitude
}

fn site_data(fields: &mut Fields, site: &SiteData) -> Option<()> {
    let voltage = range(
        fields,
        "facility.site.mains_voltage_v",
        site.mains_voltage_v,
        0,
        1_000,
    );
    let frequency = range(
        fields,
        "facility.site.mains_frequency_hz",
        site.mains_frequency_hz,
        0,
        400,
    );
    let backup = range(
        fields,
        "facility.site.backup_power_hours",
        site.backup_power_hours.unwrap_or(0),
        0,
        100_000,
    );
    let altitude = range(
        fields,
        "facility.site.altitude_m",
        site.altitude_m.unwrap_or(0),
        -500,
        9_000,
    );
    let sockets = fields.each(
        "facility.site.plug_types",
        &site.plug_types,
        limits::PLUG_TYPES,
        |fields, path, plug| fields.stated::<PlugType>(path, *plug),
    );
    let _ = (voltage?, frequency?, backup?, sockets?);
    altitude
}

fn minimum_reserve(fields: &mut Fields, path: &str, reserve: &MinimumReserve) -> Option<Code> {
    let commodity = fields.code(&format!("{path}.commodity_id"), &reserve.commodity_id);
    let quantity = fields.quantity(&format!("{path}.quantity"), reserve.quantity);
    quantity.and(commodity)
}

/// Refuses entries about the same thing: nobody could tell which of the two holds.
fn each_once(fields: &mut Fields, field: &str, key: &str, ids: &[Code]) -> Option<()> {
    let mut seen = BTreeSet::new();
    for (index, id) in ids.iter().enumerate() {
        if !seen.insert(id) {
            fields.reject(
                format!("{field}[{index}].{key}"),
                format!("must be another one for each entry; found {id} again"),
            );
            return None;
        }
    }
    Some(())
}

/// A commodity to be entered.
pub fn commodity(commodity: Option<&Commodity>, fields: &mut Fields) -> Option<RegisterCommodity> {
    entered("commodity", commodity, fields, commodity_field).map(RegisterCommodity)
}

/// A commodity to be amended.
pub fn amended_commodity(
    message: &AmendCommodityRequest,
    fields: &mut Fields,
) -> Option<Amend<Commodity>> {
    let commodity = message.commodity.as_ref();
    amended(
        "commodity",
        commodity,
        &message.fields,
        fields,
        commodity_field,
    )
}

fn commodity_field(fields: &mut Fields, it: &Commodity, name: &str) -> Option<()> {
    let path = format!("commodity.{name}");
    match name {
        "commodity_id" => fields.code(&path, &it.commodity_id).map(drop),
        "name" => fields.name(&path, it.name.as_ref()).map(drop),
        "base_unit" => base_unit(fields, &it.base_unit),
        "external_ids" => fields.external_ids(&path, &it.external_ids).map(drop),
        "retired" => absent(fields, &path, it.retired.is_none()),
        _ => Some(()),
    }
}

/// UN/ECE Recommendation 20: one to three capital letters and digits.
fn base_unit(fields: &mut Fields, text: &str) -> Option<()> {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if (1..=3).contains(&text.len()) && text.bytes().all(fits) {
        return Some(());
    }
    fields.reject(
        "commodity.base_unit",
        format!(
            "must be a code of UN/ECE Recommendation 20, for example EA (each) or MTQ (cubic metre); found {text:?}"
        ),
    );
    None
}

/// An item to be entered.
pub fn item(item: Option<&Item>, fields: &mut Fields) -> Option<RegisterItem> {
    entered("item", item, fields, item_field).map(RegisterItem)
}

/// An item to be amended.
pub fn amended_item(message: &AmendItemRequest, fields: &mut Fields) -> Option<Amend<Item>> {
    amended(
        "item",
        message.item.as_ref(),
        &message.fields,
        fields,
        item_field,
    )
}

fn item_field(fields: &mut Fields, it: &Item, name: &str) -> Option<()> {
    let path = format!("item.{name}");
    match name {
        "item_id" => fields.code(&path, &it.item_id).map(drop),
        "commodity_id" => fields.code(&path, &it.commodity_id).map(drop),
        "name" => fields.name(&path, it.name.as_ref()).map(drop),
        "tracking" => fields.stated::<Tracking>(&path, it.tracking).map(drop),
        "manufacturer" => printed(fields, it, &path, &it.manufacturer),
        "model" => printed(fields, it, &path, &it.model),
        "gtin" => gtin(fields, &path, &it.gtin),
        "storage" => {
            (it.storage.as_ref()).map_or(Some(()), |range| storage_range(fields, &path, *range))
        }
        "site_needs" => (it.site_needs.as_ref()).map_or(Some(()), |it| site_needs(fields, *it)),
        "accessories" => accessories(fields, it),
        "components" => components(fields, it),
        "packs" => packs(fields, &path, &it.packs),
        "substitutes" => substitutes(fields, it),
        "freezing" => it.freezing.map_or(Some(()), |freezing| {
            fields.stated::<Freezing>(&path, freezing).map(drop)
        }),
        "external_ids" => fields.external_ids(&path, &it.external_ids).map(drop),
        "retired" => absent(fields, &path, it.retired.is_none()),
        _ => Some(()),
    }
}

/// Serial numbers are unique per maker and model, so an asset must say both.
fn printed(fields: &mut Fields, item: &Item, path: &str, text: &str) -> Option<()> {
    if item.tracking() == Tracking::Serial {
        fields.label(path, text).map(drop)
    } else {
        fields.optional_label(path, text).map(drop)
    }
}

fn components(fields: &mut Fields, item: &Item) -> Option<()> {
    let path = "item.components";
    let component = |fields: &mut Fields, path: &str, it: &KitComponent| {
        let item = fields.code(&format!("{path}.item_id"), &it.item_id);
        let quantity = fields.quantity(&format!("{path}.quantity"), it.quantity);
        quantity.and(item)
    };
    let ids = fields.each(path, &item.components, limits::KIT_COMPONENTS, component)?;
    not_itself(fields, path, item, &ids)?;
    each_once(fields, path, "item_id", &ids)
}

fn accessories(fields: &mut Fields, item: &Item) -> Option<()> {
    let path = "item.accessories";
    let ids = fields.each(path, &item.accessories, limits::ACCESSORIES, accessory)?;
    not_itself(fields, path, item, &ids)?;
    each_once(fields, path, "item_id", &ids)
}

/// Nothing needs or replaces itself.
fn not_itself(fields: &mut Fields, path: &str, item: &Item, ids: &[Code]) -> Option<()> {
    let Some(index) = ids.iter().position(|id| id.as_str() == item.item_id) else {
        return Some(());
    };
    let rule = format!("must be another item; found {} itself", item.item_id);
    fields.reject(format!("{path}[{index}].item_id"), rule);
    None
}

fn substitutes(fields: &mut Fields, item: &Item) -> Option<()> {
    let path = "item.substitutes";
    let ids = fields.each(
        path,
        &item.substitutes,
        limits::SUBSTITUTES,
        |fields, path, substitute| {
            let id = fields.code(&format!("{path}.item_id"), &substitute.item_id);
            let by = fields.code(&format!("{path}.stated_by_id"), &substitute.stated_by_id);
            by.and(id)
        },
    )?;
    not_itself(fields, path, item, &ids)?;
    each_once(fields, path, "item_id", &ids)
}

/// Quantities are told in packs, so each code must mean one number of base units.
fn packs(fields: &mut Fields, path: &str, packs: &[Pack]) -> Option<()> {
    let ids = fields.each(path, packs, limits::PACKS, |fields, path, pack| {
        let id = fields.code(&format!("{path}.pack_id"), &pack.pack_id);
        let quantity = fields.quantity(&format!("{path}.quantity"), pack.quantity);
        let gtin = gtin(fields, &format!("{path}.gtin"), &pack.gtin);
        if pack.quantity == 1 {
            let rule = "must be 2 or more: one base unit needs no pack";
            fields.reject(format!("{path}.quantity"), rule);
            return None;
        }
        let _ = (quantity?, gtin?);
        id
    })?;
    each_once(fields, path, "pack_id", &ids)
}

fn gtin(fields: &mut Fields, path: &str, text: &str) -> Option<()> {
    if text.is_empty() {
        return Some(());
    }
    let Some(rule) = check_digit::fault("GTIN", text) else {
        return Some(());
    };
    fields.reject(path, format!("{rule}; found {text:?}"));
    None
}

fn storage_range(fields: &mut Fields, path: &str, storage: StorageRange) -> Option<()> {
    let (low, high) = (storage.minimum_millicelsius, storage.maximum_millicelsius);
    if low < ABSOLUTE_ZERO_MILLICELSIUS || low > high {
        fields.reject(
            path,
            format!("must run from a lower to a higher temperature above absolute zero; found {low} to {high} m°C"),
        );
        return None;
    }
    Some(())
}

fn site_needs(fields: &mut Fields, needs: SiteNeeds) -> Option<()> {
    let voltage = range(
        fields,
        "item.site_needs.mains_voltage_v",
        needs.mains_voltage_v,
        0,
        1_000,
    );
    let frequency = range(
        fields,
        "item.site_needs.mains_frequency_hz",
        needs.mains_frequency_hz,
        0,
        400,
    );
    let backup = range(
        fields,
        "item.site_needs.backup_power_hours",
        needs.backup_power_hours,
        0,
        100_000,
    );
    let plug = needs.plug_type.map_or(Some(()), |plug| {
        let plug = fields.stated::<PlugType>("item.site_needs.plug_type", plug);
        plug.map(drop)
    });
    let altitude = range(
        fields,
        "item.site_needs.maximum_altitude_m",
        needs.maximum_altitude_m,
        0,
        9_000,
    );
    let _ = (voltage?, frequency?, backup?, plug?);
    altitude
}

fn accessory(fields: &mut Fields, path: &str, accessory: &Accessory) -> Option<Code> {
    let item = fields.code(&format!("{path}.item_id"), &accessory.item_id);
    let quantity = fields.quantity(&format!("{path}.quantity"), accessory.quantity);
    quantity.and(item)
}

fn range(fields: &mut Fields, field: &str, value: i32, low: i32, high: i32) -> Option<()> {
    if (low..=high).contains(&value) {
        return Some(());
    }
    fields.reject(field, format!("must be {low} to {high}; found {value}"));
    None
}

macro_rules! retired {
    ($($(#[$doc:meta])* $name:ident, $request:ident, $kind:ident, $id:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(message: &$request, fields: &mut Fields) -> Option<Retire> {
            let kind = RegistryKind::$kind;
            let id = fields.code(stringify!($id), &message.$id);
            let reason = fields.stated("reason", message.reason);
            let retired_on = fields.date("retired_on", &message.retired_on);
            let successor = fields.optional_code("successor_id", &message.successor_id);
            let documents = fields.documents("documents", &message.documents);
            Some(Retire {
                subject: Boundary::thing(kind, &id?)?,
                reason: reason?,
                retired_on: retired_on?,
                successor: successor?.and_then(|id| Boundary::thing(kind, &id)),
                documents: documents?,
            })
        }
    )*};
}

retired! {
    /// An organisation to be taken out of use.
    retired_organisation, RetireOrganisationRequest, Organisation, organisation_id;
    /// A facility to be taken out of use.
    retired_facility, RetireFacilityRequest, Facility, facility_id;
    /// A commodity to be taken out of use.
    retired_commodity, RetireCommodityRequest, Commodity, commodity_id;
    /// An item to be taken out of use.
    retired_item, RetireItemRequest, Item, item_id;
    /// A vehicle to be taken out of use.
    retired_vehicle, RetireVehicleRequest, Vehicle, vehicle_id;
    /// A volunteer who helps no more.
    retired_volunteer, RetireVolunteerRequest, Volunteer, volunteer_id;
    /// A crew to be taken out of use.
    retired_crew, RetireCrewRequest, Crew, crew_id;
}

/// Keys that may be meant: of one kind of things, or of any.
pub fn sought(message: &FindByExternalIdRequest, fields: &mut Fields) -> Option<Vec<Boundary>> {
    let kind = fields.stated_or("kind", message.kind, RegistryKind::Unspecified);
    let key = fields.there("external_id", message.external_id.as_ref())?;
    let key = fields.external_id("external_id", key);
    let (kind, key) = (kind?, key?);
    let kinds = (1..).map_while(|number| RegistryKind::try_from(number).ok());
    let meant = kinds.filter(|known| kind == RegistryKind::Unspecified || kind == *known);
    let boundaries = meant.filter_map(|kind| Boundary::key(kind, &key));
    Some(boundaries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_twice_is_refused() {
        let ids = |codes: &[&str]| -> Vec<Code> {
            codes
                .iter()
                .filter_map(|code| Code::parse(code).ok())
                .collect()
        };
        let once = |codes| each_once(&mut Fields::of_query(), "list", "id", &ids(codes));
        assert_eq!(once(&["A", "B"]), Some(()));
        assert_eq!(once(&["A", "B", "A"]), None);
    }

    #[test]
    fn a_facility_has_a_region_on_every_day() {
        let on = |days: &[&str]| {
            let regions: Vec<RegionAssignment> = days
                .iter()
                .map(|day| RegionAssignment {
                    region_id: "KZ-35".to_owned(),
                    valid_from: (*day).to_owned(),
                })
                .collect();
            let fields = &mut Fields::of_query();
            let days = fields.each("regions", &regions, 9, region_assignment)?;
            region_days(fields, &regions, &days)
        };
        assert_eq!(on(&["", "2022-06-08"]), Some(()));
        for wrong in [
            &["2022-06-08"][..],
            &["", ""],
            &["", "2022-06-08", "2022-06-08"],
            &["", "2022-06-08", "2020-01-01"],
        ] {
            assert_eq!(on(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_base_unit_is_a_code_of_recommendation_20() {
        for good in ["EA", "MTQ", "C62", "4A"] {
            assert_eq!(base_unit(&mut Fields::of_query(), good), Some(()), "{good}");
        }
        for bad in ["", "each", "FURLONG", "É"] {
            assert_eq!(base_unit(&mut Fields::of_query(), bad), None, "{bad}");
        }
    }
}
