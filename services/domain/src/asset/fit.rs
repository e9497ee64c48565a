//! Whether an item fits the site where it is to be used: mains, plug, backup power, oxygen, altitude, cold storage; and,
//! once it is put to use, whether its accessories are there.
//!
//! What is not known of a site is not held against it.

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::{FitOverride, FitProblem},
    registry::v1::{Facility, FacilityKind, Freezing, Item, PlugType, SiteData, SiteNeeds},
};

use crate::{books::Books, boundary::Boundary, calendar::is_expired, rejection::Rejection};

/// What a site lacks that an item needs, and in which way.
struct Lack {
    problem: FitProblem,
    what: String,
}

/// What a facility lacks that an item needs. Where things are only stored, just their storage matters.
fn lacks(item: &Item, facility: &Facility) -> Vec<Lack> {
    let Some(site) = &facility.site else {
        return Vec::new();
    };
    let none = SiteNeeds::default();
    let needs = item.site_needs.as_ref().unwrap_or(&none);
    let is_store = matches!(
        facility.kind(),
        FacilityKind::Warehouse | FacilityKind::FrontOffice
    );
    let mut lacks = Vec::new();
    if !is_store {
        lacks.extend(power(needs, site));
        lacks.extend(place(needs, site));
    }
    if needs.cold_storage && site.cold_storage == Some(false) {
        lacks.push(Lack {
            problem: FitProblem::ColdStorage,
            what: "needs cold storage, and there is none".to_owned(),
        });
    }
    if item.freezing == Some(Freezing::Always.into()) && site.freezer == Some(false) {
        lacks.push(Lack {
            problem: FitProblem::Freezer,
            what: "must stay frozen, and there is no freezer".to_owned(),
        });
    }
    lacks
}

fn power(needs: &SiteNeeds, site: &SiteData) -> Vec<Lack> {
    let mut lacks = Vec::new();
    let differs = |needed: i32, there: i32| needed > 0 && there > 0 && needed != there;
    if differs(needs.mains_voltage_v, site.mains_voltage_v) {
        lacks.push(Lack {
            problem: FitProblem::Voltage,
            what: format!(
                "needs {} V, and there are {} V",
                needs.mains_voltage_v, site.mains_voltage_v
            ),
        });
    }
    if differs(needs.mains_frequency_hz, site.mains_frequency_hz) {
        lacks.push(Lack {
            problem: FitProblem::Frequency,
            what: format!(
                "needs {} Hz, and there are {} Hz",
                needs.mains_frequency_hz, site.mains_frequency_hz
            ),
        });
    }
    let sockets: Vec<PlugType> = site.plug_types().collect();
    if let Some(plug) = needs.plug_type.and_then(|it| PlugType::try_from(it).ok())
        && !sockets.is_empty()
        && !sockets.iter().any(|socket| fits(plug, *socket))
    {
        let sockets: Vec<&str> = sockets.into_iter().map(letter).collect();
        lacks.push(Lack {
            problem: FitProblem::Plug,
            what: format!(
                "has a plug of type {}, and sockets are of type {}",
                letter(plug),
                sockets.join(", ")
            ),
        });
    }
    if let Some(hours) = site.backup_power_hours
        && hours < needs.backup_power_hours
    {
        lacks.push(Lack {
            problem: FitProblem::BackupPower,
            what: format!(
                "needs backup power for {} h, and it lasts {hours} h",
                needs.backup_power_hours
            ),
        });
    }
    lacks
}

fn letter(plug: PlugType) -> &'static str {
    plug.as_str_name().trim_start_matches("PLUG_TYPE_")
}

/// Whether a plug goes into a socket: the flat Europlug fits most of them, and E and F share their plugs.
fn fits(plug: PlugType, socket: PlugType) -> bool {
    use PlugType::{A, B, C, E, F, J, K, L, N};
    plug == socket
        || match plug {
            A => socket == B,
            C => matches!(socket, E | F | J | K | L | N),
            E | F => matches!(socket, E | F),
            _ => false,
        }
}

fn place(needs: &SiteNeeds, site: &SiteData) -> Vec<Lack> {
    let mut lacks = Vec::new();
    if needs.oxygen_supply && site.oxygen_supply == Some(false) {
        lacks.push(Lack {
            problem: FitProblem::Oxygen,
            what: "needs an oxygen supply, and there is none".to_owned(),
        });
    }
    if let Some(altitude) = site.altitude_m
        && needs.maximum_altitude_m > 0
        && altitude > needs.maximum_altitude_m
    {
        lacks.push(Lack {
            problem: FitProblem::Altitude,
            what: format!(
                "works up to {} m, and the site lies at {altitude} m",
                needs.maximum_altitude_m
            ),
        });
    }
    lacks
}

/// Refuses an item where it does not fit, unless somebody answers for it; then, what the site lacks.
pub(crate) fn check(
    item: &Item,
    facility: &Facility,
    fit_override: Option<&FitOverride>,
) -> Result<Vec<FitProblem>, Rejection> {
    answered(item, facility, lacks(item, facility), fit_override)
}

/// What must be read to know whether its accessories are there.
pub(super) fn reads(item: &Item, facility_id: &str) -> impl Iterator<Item = Boundary> {
    let accessories = item.accessories.iter();
    accessories.filter_map(move |it| Boundary::stock(facility_id, &it.item_id))
}

/// The same where it is to be used from a day on: then what it needs to be of use must be there as well, free to be used
/// and not expired.
pub(super) fn check_use(
    books: &Books,
    item: &Item,
    facility: &Facility,
    day: NaiveDate,
    fit_override: Option<&FitOverride>,
) -> Result<Vec<FitProblem>, Rejection> {
    let lacks = lacks_in_use(books, item, facility, day);
    answered(item, facility, lacks, fit_override)
}

/// What is lacking where it is used since a day all the same.
pub(super) fn problems(
    books: &Books,
    item: &Item,
    facility: &Facility,
    day: NaiveDate,
) -> Vec<FitProblem> {
    let lacks = lacks_in_use(books, item, facility, day);
    lacks.into_iter().map(|lack| lack.problem).collect()
}

fn lacks_in_use(books: &Books, item: &Item, facility: &Facility, day: NaiveDate) -> Vec<Lack> {
    let mut lacks = lacks(item, facility);
    for accessory in &item.accessories {
        let level = books.stock(&facility.facility_id, &accessory.item_id);
        let lots = level.map_or(&[][..], |level| &level.lots);
        let there = lots
            .iter()
            .filter(|lot| !is_expired(&lot.expires_on, day))
            .fold(0_i64, |sum, lot| sum.saturating_add(lot.available));
        if there < accessory.quantity {
            lacks.push(Lack {
                problem: FitProblem::Accessory,
                what: format!(
                    "needs {} of item {} to be of use, and {there} are available",
                    accessory.quantity, accessory.item_id
                ),
            });
        }
    }
    lacks
}

fn answered(
    item: &Item,
    facility: &Facility,
    lacks: Vec<Lack>,
    fit_override: Option<&FitOverride>,
) -> Result<Vec<FitProblem>, Rejection> {
    if lacks.is_empty() || fit_override.is_some() {
        return Ok(lacks.into_iter().map(|lack| lack.problem).collect());
    }
    let told: Vec<String> = lacks
        .iter()
        .map(|lack| {
            let name = lack.problem.as_str_name();
            format!(
                "{} ({})",
                name.trim_start_matches("FIT_PROBLEM_"),
                lack.what
            )
        })
        .collect();
    Err(Rejection::SiteUnfit {
        item_id: item.item_id.clone(),
        facility_id: facility.facility_id.clone(),
        problems: told.join(", "),
    })
}

/// Who answers for it, where there is anything to answer for.
pub(crate) fn needed(
    fit_override: Option<&FitOverride>,
    problems: &[FitProblem],
) -> Option<FitOverride> {
    fit_override.filter(|_| !problems.is_empty()).cloned()
}
