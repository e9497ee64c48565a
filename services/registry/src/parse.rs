//! Requests of the registry, parsed into commands.

use std::{collections::BTreeSet, str::FromStr};

use chrono::NaiveDate;
use chrono_tz::Tz;
use keruen_domain::{
    Code, limits,
    registry::{RegisterCommodity, RegisterFacility, RegisterItem, RegisterOrganisation},
};
use keruen_edge::Fields;
use keruen_proto::registry::v1::{
    Accessory, Commodity, Facility, FacilityKind, GeoPoint, Item, MinimumReserve, Organisation,
    OrganisationKind, RegionAssignment, SiteData, SiteNeeds, StorageRange, Tracking,
};

/// How many kinds an organisation may have: as many as there are, and some to spare.
const MAX_KINDS: usize = 16;
/// Absolute zero in thousandths of a degree Celsius.
const ABSOLUTE_ZERO_MILLICELSIUS: i32 = -273_150;

/// An organisation to be entered.
pub fn organisation(
    organisation: Option<&Organisation>,
    fields: &mut Fields,
) -> Option<RegisterOrganisation> {
    let organisation = fields.there("organisation", organisation)?;
    let id = fields.code(
        "organisation.organisation_id",
        &organisation.organisation_id,
    );
    let name = fields.name("organisation.name", organisation.name.as_ref());
    let kinds = fields.some(
        "organisation.kinds",
        &organisation.kinds,
        MAX_KINDS,
        |fields, path, kind| fields.stated::<OrganisationKind>(path, *kind),
    );
    let external = fields.external_ids("organisation.external_ids", &organisation.external_ids);
    let _ = (id?, name?, kinds?, external?);
    Some(RegisterOrganisation(organisation.clone()))
}

/// A facility to be entered.
pub fn facility(facility: Option<&Facility>, fields: &mut Fields) -> Option<RegisterFacility> {
    let facility = fields.there("facility", facility)?;
    let id = fields.code("facility.facility_id", &facility.facility_id);
    let name = fields.name("facility.name", facility.name.as_ref());
    let kind: Option<FacilityKind> = fields.stated("facility.kind", facility.kind);
    let regions = fields.some(
        "facility.regions",
        &facility.regions,
        limits::REGION_ASSIGNMENTS,
        region_assignment,
    );
    let regions = regions.and_then(|days| region_days(fields, &facility.regions, &days));
    let zone = time_zone(fields, &facility.time_zone);
    let operator = fields.code("facility.operator_id", &facility.operator_id);
    let location = facility
        .location
        .as_ref()
        .map_or(Some(()), |place| location(fields, *place));
    let site = facility
        .site
        .as_ref()
        .map_or(Some(()), |site| site_data(fields, site));
    let reserves = fields.each(
        "facility.minimum_reserves",
        &facility.minimum_reserves,
        limits::MINIMUM_RESERVES,
        minimum_reserve,
    );
    let reserves = reserves
        .and_then(|ids| each_once(fields, "facility.minimum_reserves", "commodity_id", &ids));
    let external = fields.external_ids("facility.external_ids", &facility.external_ids);
    let _ = (
        id?, name?, kind?, regions?, zone?, operator?, location?, site?, reserves?, external?,
    );
    Some(RegisterFacility(facility.clone()))
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

fn location(fields: &mut Fields, place: GeoPoint) -> Option<()> {
    let latitude = range(
        fields,
        "facility.location.latitude_e7",
        place.latitude_e7,
        -900_000_000,
        900_000_000,
    );
    let longitude = range(
        fields,
        "facility.location.longitude_e7",
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
    let _ = (voltage?, frequency?, backup?);
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
    let commodity = fields.there("commodity", commodity)?;
    let id = fields.code("commodity.commodity_id", &commodity.commodity_id);
    let name = fields.name("commodity.name", commodity.name.as_ref());
    let unit = base_unit(fields, &commodity.base_unit);
    let _ = (id?, name?, unit?);
    Some(RegisterCommodity(commodity.clone()))
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
    let item = fields.there("item", item)?;
    let id = fields.code("item.item_id", &item.item_id);
    let commodity = fields.code("item.commodity_id", &item.commodity_id);
    let name = fields.name("item.name", item.name.as_ref());
    let tracking: Option<Tracking> = fields.stated("item.tracking", item.tracking);
    let product = if tracking == Some(Tracking::Serial) {
        // Serial numbers are unique per maker and model, so an asset must say both.
        let manufacturer = fields.label("item.manufacturer", &item.manufacturer);
        let model = fields.label("item.model", &item.model);
        manufacturer.and(model).map(|_| ())
    } else {
        let manufacturer = fields.optional_label("item.manufacturer", &item.manufacturer);
        let model = fields.optional_label("item.model", &item.model);
        manufacturer.and(model).map(|_| ())
    };
    let gtin = gtin(fields, &item.gtin);
    let storage = item
        .storage
        .as_ref()
        .map_or(Some(()), |storage| storage_range(fields, *storage));
    let needs = item
        .site_needs
        .as_ref()
        .map_or(Some(()), |needs| site_needs(fields, *needs));
    let accessories = fields.each(
        "item.accessories",
        &item.accessories,
        limits::ACCESSORIES,
        accessory,
    );
    let accessories =
        accessories.and_then(|ids| each_once(fields, "item.accessories", "item_id", &ids));
    let external = fields.external_ids("item.external_ids", &item.external_ids);
    let _ = (
        id?,
        commodity?,
        name?,
        tracking?,
        product?,
        gtin?,
        storage?,
        needs?,
        accessories?,
        external?,
    );
    Some(RegisterItem(item.clone()))
}

/// GS1 General Specifications, section 7.9.1: 8, 12, 13 or 14 digits, the last one a check digit with weights 3 and 1
/// from the right.
fn gtin(fields: &mut Fields, text: &str) -> Option<()> {
    if text.is_empty() {
        return Some(());
    }
    if !matches!(text.len(), 8 | 12 | 13 | 14) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        fields.reject(
            "item.gtin",
            format!("must have 8, 12, 13 or 14 digits; found {text:?}"),
        );
        return None;
    }
    let sum: u32 = text
        .bytes()
        .rev()
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    if sum.is_multiple_of(10) {
        return Some(());
    }
    fields.reject(
        "item.gtin",
        format!("is mistyped: its check digit does not fit; found {text:?}"),
    );
    None
}

fn storage_range(fields: &mut Fields, storage: StorageRange) -> Option<()> {
    let (low, high) = (storage.minimum_millicelsius, storage.maximum_millicelsius);
    if low < ABSOLUTE_ZERO_MILLICELSIUS || low > high {
        fields.reject(
            "item.storage",
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
    let altitude = range(
        fields,
        "item.site_needs.maximum_altitude_m",
        needs.maximum_altitude_m,
        0,
        9_000,
    );
    let _ = (voltage?, frequency?);
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

    #[test]
    fn a_gtin_has_its_check_digit() {
        for good in [
            "",
            "4006381333931",
            "96385074",
            "614141007349",
            "10614141000415",
        ] {
            assert_eq!(gtin(&mut Fields::of_query(), good), Some(()), "{good}");
        }
        for bad in ["4006381333932", "123", "400638133393A", "0400638133393"] {
            assert_eq!(gtin(&mut Fields::of_query(), bad), None, "{bad}");
        }
    }
}
