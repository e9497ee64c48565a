//! Master data.

use chrono::NaiveDate;
use keruen_proto::registry::v1::{
    Closure, ClosureReason, Commodity, DocumentKind, DocumentRef, ExternalIdMatch, Facility,
    FacilityKind, Freezing, Item, Organisation, OrganisationKind, PlugType, Region, RegistryKind,
    Retirement, RetirementReason, RevocationReason, StorageRange, Tracking, Verification,
};

use crate::{
    cells,
    client::value,
    render::{
        record::{Cell, Part, Record, external_ids, name},
        word,
    },
};

impl Record for Region {
    const COLUMNS: &'static [&'static str] = &[
        "region_id",
        "name_en",
        "name_kk",
        "name_ru",
        "valid_from",
        "valid_to",
        "predecessor_region_id",
        "seat",
    ];

    fn cells(&self) -> Vec<Cell> {
        let names = self.name.clone().unwrap_or_default();
        cells![
            &self.region_id,
            names.en,
            names.kk,
            names.ru,
            &self.valid_from,
            &self.valid_to,
            &self.predecessor_region_id,
            &self.seat
        ]
    }
}

impl Record for ExternalIdMatch {
    const COLUMNS: &'static [&'static str] = &[
        "kind",
        "id",
        "name_en",
        "name_kk",
        "name_ru",
        "external_id",
        "pack_id",
        "pack_quantity",
        "retired_on",
    ];

    fn cells(&self) -> Vec<Cell> {
        let names = self.name.clone().unwrap_or_default();
        let quantity = match self.pack_quantity {
            0 => Cell::from(""),
            quantity => Cell::from(quantity),
        };
        cells![
            word::field::<RegistryKind>(self.kind),
            &self.holder_id,
            names.en,
            names.kk,
            names.ru,
            external_ids(self.external_id.as_slice()),
            &self.pack_id,
            quantity,
            retired_on(self.retired.as_ref())
        ]
    }
}

impl Record for Organisation {
    const COLUMNS: &'static [&'static str] = &[
        "organisation_id",
        "kinds",
        "name_en",
        "name_kk",
        "name_ru",
        "external_ids",
        "retired_on",
        "verified_by_id",
        "verified_on",
        "verified_until",
    ];

    fn cells(&self) -> Vec<Cell> {
        let names = self.name.clone().unwrap_or_default();
        let last = self.verifications.last();
        let kinds: Vec<String> = self
            .kinds
            .iter()
            .map(|kind| word::field::<OrganisationKind>(*kind))
            .collect();
        cells![
            &self.organisation_id,
            kinds,
            names.en,
            names.kk,
            names.ru,
            external_ids(&self.external_ids),
            retired_on(self.retired.as_ref()),
            last.map_or("", |it| it.verified_by_id.as_str()),
            last.map_or("", |it| it.verified_on.as_str()),
            last.map(counts_until).unwrap_or_default()
        ]
    }

    fn parts(&self) -> Vec<Part> {
        vec![
            verifications(&self.verifications),
            retirement(self.retired.as_ref()),
        ]
    }
}

impl Record for Facility {
    const COLUMNS: &'static [&'static str] = &[
        "facility_id",
        "kind",
        "name_en",
        "name_kk",
        "name_ru",
        "regions",
        "time_zone",
        "operator_id",
        "latitude",
        "longitude",
        "external_ids",
        "retired_on",
    ];

    fn cells(&self) -> Vec<Cell> {
        let names = self.name.clone().unwrap_or_default();
        let regions: Vec<String> = self
            .regions
            .iter()
            .map(|assignment| match assignment.valid_from.as_str() {
                "" => assignment.region_id.clone(),
                day => format!("{}@{day}", assignment.region_id),
            })
            .collect();
        let degrees = |part: fn(&keruen_proto::registry::v1::GeoPoint) -> i32| {
            self.location
                .as_ref()
                .map(|place| value::decimal_text(part(place).into(), 7))
                .unwrap_or_default()
        };
        cells![
            &self.facility_id,
            word::field::<FacilityKind>(self.kind),
            names.en,
            names.kk,
            names.ru,
            regions,
            &self.time_zone,
            &self.operator_id,
            degrees(|place| place.latitude_e7),
            degrees(|place| place.longitude_e7),
            external_ids(&self.external_ids),
            retired_on(self.retired.as_ref())
        ]
    }

    fn parts(&self) -> Vec<Part> {
        let mut rows = Vec::new();
        if let Some(site) = &self.site {
            let mut tell = |what: &str, value: Option<String>| {
                if let Some(value) = value {
                    rows.push(cells![what, value]);
                }
            };
            let yes_no = |truth: bool| Cell::from(truth).plain();
            tell(
                "mains voltage",
                (site.mains_voltage_v != 0).then(|| format!("{} V", site.mains_voltage_v)),
            );
            tell(
                "mains frequency",
                (site.mains_frequency_hz != 0).then(|| format!("{} Hz", site.mains_frequency_hz)),
            );
            tell(
                "backup power",
                site.backup_power_hours.map(|hours| format!("{hours} h")),
            );
            let sockets: Vec<String> = site.plug_types().map(word::of).collect();
            tell(
                "mains sockets",
                (!sockets.is_empty()).then(|| sockets.join(", ")),
            );
            tell("oxygen supply", site.oxygen_supply.map(yes_no));
            tell(
                "altitude",
                site.altitude_m.map(|metres| format!("{metres} m")),
            );
            tell("cold storage", site.cold_storage.map(yes_no));
            tell("freezer", site.freezer.map(yes_no));
        }
        let reserves = self
            .minimum_reserves
            .iter()
            .map(|reserve| cells![&reserve.commodity_id, reserve.quantity])
            .collect();
        vec![
            Part {
                title: "site",
                columns: &["what", "value"],
                rows,
            },
            Part {
                title: "minimum reserves",
                columns: &["commodity_id", "quantity"],
                rows: reserves,
            },
            closures(&self.closures),
            retirement(self.retired.as_ref()),
        ]
    }
}

impl Record for Commodity {
    const COLUMNS: &'static [&'static str] = &[
        "commodity_id",
        "name_en",
        "name_kk",
        "name_ru",
        "base_unit",
        "external_ids",
        "retired_on",
    ];

    fn cells(&self) -> Vec<Cell> {
        let names = self.name.clone().unwrap_or_default();
        cells![
            &self.commodity_id,
            names.en,
            names.kk,
            names.ru,
            &self.base_unit,
            external_ids(&self.external_ids),
            retired_on(self.retired.as_ref())
        ]
    }

    fn parts(&self) -> Vec<Part> {
        vec![retirement(self.retired.as_ref())]
    }
}

impl Record for Item {
    const COLUMNS: &'static [&'static str] = &[
        "item_id",
        "commodity_id",
        "name_en",
        "name_kk",
        "name_ru",
        "tracking",
        "manufacturer",
        "model",
        "gtin",
        "expires",
        "storage_c",
        "external_ids",
        "retired_on",
        "packs",
        "freezing",
    ];

    fn cells(&self) -> Vec<Cell> {
        let names = self.name.clone().unwrap_or_default();
        let packs: Vec<String> = self
            .packs
            .iter()
            .map(|pack| format!("{}={}", pack.pack_id, pack.quantity))
            .collect();
        let storage = temperatures(self.storage.as_ref());
        cells![
            &self.item_id,
            &self.commodity_id,
            names.en,
            names.kk,
            names.ru,
            word::field::<Tracking>(self.tracking),
            &self.manufacturer,
            &self.model,
            &self.gtin,
            self.expires,
            storage,
            external_ids(&self.external_ids),
            retired_on(self.retired.as_ref()),
            packs,
            word::field::<Freezing>(self.freezing.unwrap_or_default())
        ]
    }

    fn parts(&self) -> Vec<Part> {
        let mut needs = Vec::new();
        if let Some(site) = self.site_needs {
            let mut tell = |told: bool, what: &str, value: String| {
                if told {
                    needs.push(cells![what, value]);
                }
            };
            tell(
                site.mains_voltage_v != 0,
                "mains voltage",
                format!("{} V", site.mains_voltage_v),
            );
            tell(
                site.mains_frequency_hz != 0,
                "mains frequency",
                format!("{} Hz", site.mains_frequency_hz),
            );
            tell(
                site.plug_type.is_some(),
                "mains socket",
                word::field::<PlugType>(site.plug_type.unwrap_or_default()),
            );
            tell(
                site.backup_power_hours != 0,
                "backup power",
                format!("{} h", site.backup_power_hours),
            );
            tell(site.oxygen_supply, "oxygen supply", "needed".to_owned());
            tell(
                site.maximum_altitude_m != 0,
                "altitude",
                format!("up to {} m", site.maximum_altitude_m),
            );
            tell(site.cold_storage, "cold storage", "needed".to_owned());
        }
        let packs = self.packs.iter();
        let packs = packs.map(|pack| cells![&pack.pack_id, pack.quantity, &pack.gtin]);
        let instead = self.substitutes.iter();
        let instead = instead.map(|it| cells![&it.item_id, &it.stated_by_id]);
        let components = self
            .components
            .iter()
            .map(|component| cells![&component.item_id, component.quantity])
            .collect();
        let accessories = self
            .accessories
            .iter()
            .map(|accessory| cells![&accessory.item_id, accessory.quantity])
            .collect();
        vec![
            Part {
                title: "needs of a site",
                columns: &["what", "value"],
                rows: needs,
            },
            Part {
                title: "packs",
                columns: &["pack_id", "quantity", "gtin"],
                rows: packs.collect(),
            },
            Part {
                title: "may be used instead",
                columns: &["item_id", "stated_by_id"],
                rows: instead.collect(),
            },
            Part {
                title: "needed with each unit",
                columns: &["item_id", "quantity"],
                rows: accessories,
            },
            Part {
                title: "each kit consists of",
                columns: &["item_id", "quantity"],
                rows: components,
            },
            retirement(self.retired.as_ref()),
        ]
    }
}

/// Temperatures in degrees Celsius, as the command line reads them; empty where there are none.
pub fn temperatures(range: Option<&StorageRange>) -> String {
    let degrees = |millicelsius: i32| {
        let text = value::decimal_text(millicelsius.into(), 3);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    range.map_or_else(String::new, |range| {
        format!(
            "{}..{}",
            degrees(range.minimum_millicelsius),
            degrees(range.maximum_millicelsius)
        )
    })
}

/// The day from which something is out of use; empty where it is not.
pub fn retired_on(retired: Option<&Retirement>) -> String {
    retired.map_or_else(String::new, |retired| retired.retired_on.clone())
}

/// From when something is out of use, and why.
pub fn retirement(retired: Option<&Retirement>) -> Part {
    let row = |retired: &Retirement| {
        cells![
            &retired.retired_on,
            word::field::<RetirementReason>(retired.reason),
            &retired.successor_id
        ]
    };
    Part {
        title: "retired",
        columns: &["retired_on", "reason", "successor_id"],
        rows: retired.map(row).into_iter().collect(),
    }
}

/// The last day on which a verification counts: on the day of its revocation it counts no more.
fn counts_until(verification: &Verification) -> String {
    let valid_until = verification.valid_until.as_str();
    let day_before = verification
        .revoked_on
        .parse::<NaiveDate>()
        .ok()
        .and_then(|day| day.pred_opt())
        .map(|day| day.to_string());
    match day_before {
        None => valid_until.to_owned(),
        Some(day) if valid_until.is_empty() => day,
        Some(day) => day.min(valid_until.to_owned()),
    }
}

/// When an organisation was verified, oldest first.
pub fn verifications(verifications: &[Verification]) -> Part {
    let row = |it: &Verification| {
        let documents: Vec<String> = it.documents.iter().map(document).collect();
        cells![
            &it.verified_by_id,
            &it.verified_on,
            &it.valid_until,
            &it.revoked_on,
            word::field::<RevocationReason>(it.revocation_reason.unwrap_or_default()),
            documents
        ]
    };
    Part {
        title: "verified",
        columns: &[
            "verified_by_id",
            "verified_on",
            "valid_until",
            "revoked_on",
            "reason",
            "documents",
        ],
        rows: verifications.iter().map(row).collect(),
    }
}

fn document(document: &DocumentRef) -> String {
    let kind = word::field::<DocumentKind>(document.kind);
    format!("{kind} {}", document.number)
}

fn closures(closures: &[Closure]) -> Part {
    let row = |closure: &Closure| {
        cells![
            &closure.closed_on,
            &closure.reopened_on,
            word::field::<ClosureReason>(closure.reason)
        ]
    };
    Part {
        title: "closed",
        columns: &["closed_on", "reopened_on", "reason"],
        rows: closures.iter().map(row).collect(),
    }
}

/// A region as bars and traces name it: `KZ-75 Almaty`.
pub fn region_label(region: &Region) -> String {
    format!("{} {}", region.region_id, name(region.name.as_ref()))
}
