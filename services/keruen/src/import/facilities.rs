//! Facilities from a CSV file.

use std::collections::BTreeSet;

use keruen_proto::registry::v1::{
    Facility, FacilityKind, GeoPoint, GetFacilityRequest, LocalizedText, MinimumReserve, PlugType,
    RegisterFacilityRequest, SiteData,
};
use serde_json::Value;

use super::{
    errors::Errors,
    plan::{Entry, Imported, Plan, note_duplicates},
    sheet::{self, Column, Row},
};
use crate::{
    client::{failure::Failure, value},
    render::word,
};

const COLUMNS: &[Column] = &[
    Column {
        name: "facility_id",
        required: true,
        about: "Code: A to Z, 0 to 9, '.', '_' and '-'",
    },
    Column {
        name: "kind",
        required: true,
        about: "warehouse, hospital, laboratory, front-office or mobile-unit",
    },
    Column {
        name: "name_en",
        required: true,
        about: "Name in English",
    },
    Column {
        name: "name_kk",
        required: false,
        about: "Name in Kazakh",
    },
    Column {
        name: "name_ru",
        required: false,
        about: "Name in Russian",
    },
    Column {
        name: "region_id",
        required: true,
        about: "ISO 3166-2; later ones from a day on: KZ-35;KZ-62@2022-06-08",
    },
    Column {
        name: "time_zone",
        required: true,
        about: "IANA time zone, for example Asia/Almaty",
    },
    Column {
        name: "operator_id",
        required: true,
        about: "Code of the organisation that runs it",
    },
    Column {
        name: "latitude",
        required: false,
        about: "Degrees, north positive",
    },
    Column {
        name: "longitude",
        required: false,
        about: "Degrees, east positive",
    },
    Column {
        name: "mains_voltage_v",
        required: false,
        about: "Mains voltage in volts",
    },
    Column {
        name: "mains_frequency_hz",
        required: false,
        about: "Mains frequency in hertz",
    },
    Column {
        name: "backup_power_hours",
        required: false,
        about: "Hours of backup power; 0 where there is none",
    },
    Column {
        name: "oxygen_supply",
        required: false,
        about: "true or false",
    },
    Column {
        name: "altitude_m",
        required: false,
        about: "Metres above sea level",
    },
    Column {
        name: "cold_storage",
        required: false,
        about: "true or false",
    },
    Column {
        name: "freezer",
        required: false,
        about: "true where there is a freezer (-15 °C or colder), or false",
    },
    Column {
        name: "plug_types",
        required: false,
        about: "Types of its mains sockets, by letter: c;f",
    },
    Column {
        name: "minimum_reserves",
        required: false,
        about: "COMMODITY=QUANTITY;COMMODITY=QUANTITY",
    },
    Column {
        name: "external_ids",
        required: false,
        about: "SCHEME=VALUE;SCHEME=VALUE, for example GLN=4870000000005",
    },
];

const EXAMPLE: &str = include_str!("../../examples/facilities.csv");

/// The help below the options.
pub fn help() -> String {
    sheet::help(
        "facilities",
        COLUMNS,
        EXAMPLE,
        "Regions come with the program; operators must be registered.",
    )
}

/// What the file asks for.
pub fn plan(place: &str, bytes: &[u8]) -> Result<Plan<RegisterFacilityRequest>, Failure> {
    let sheet = sheet::parse(place, bytes, COLUMNS)?;
    let mut errors = Errors::new(place);
    note_duplicates(
        &mut errors,
        "facility",
        sheet
            .rows
            .iter()
            .map(|row| (row.string("facility_id"), row)),
    );
    let mut entries = Vec::with_capacity(sheet.rows.len());
    for row in &sheet.rows {
        let facility = facility(row, &mut errors);
        entries.push(Entry {
            key: facility.facility_id.clone(),
            line: row.line,
            number: row.number,
            request: RegisterFacilityRequest {
                facility: Some(facility),
                ..Default::default()
            },
            needs: BTreeSet::new(),
        });
    }
    errors.check()?;
    Ok(Plan {
        place: place.to_owned(),
        kind: "facilities",
        entries,
    })
}

fn facility(row: &Row, errors: &mut Errors) -> Facility {
    Facility {
        facility_id: row.string("facility_id"),
        name: Some(names(row)),
        kind: row
            .parse("kind", errors, word::number::<FacilityKind>)
            .unwrap_or_default(),
        regions: row.many("region_id", errors, value::region),
        time_zone: row.string("time_zone"),
        operator_id: row.string("operator_id"),
        location: location(row, errors),
        site: site(row, errors),
        minimum_reserves: row.many("minimum_reserves", errors, reserve),
        external_ids: row.many("external_ids", errors, value::external_id),
        ..Facility::default()
    }
}

/// The name in three languages.
pub fn names(row: &Row) -> LocalizedText {
    LocalizedText {
        en: row.string("name_en"),
        kk: row.string("name_kk"),
        ru: row.string("name_ru"),
    }
}

fn location(row: &Row, errors: &mut Errors) -> Option<GeoPoint> {
    let latitude = row.parse("latitude", errors, |text| {
        value::degrees("latitude", text, 90)
    });
    let longitude = row.parse("longitude", errors, |text| {
        value::degrees("longitude", text, 180)
    });
    for (one, other) in [("latitude", "longitude"), ("longitude", "latitude")] {
        if row.text(one).is_empty() && !row.text(other).is_empty() {
            errors.field(row, one, &format!("is empty, but there is a {other}"));
        }
    }
    Some(GeoPoint {
        latitude_e7: latitude?,
        longitude_e7: longitude?,
    })
}

fn site(row: &Row, errors: &mut Errors) -> Option<SiteData> {
    let site = SiteData {
        mains_voltage_v: row
            .parse("mains_voltage_v", errors, small)
            .unwrap_or_default(),
        mains_frequency_hz: row
            .parse("mains_frequency_hz", errors, small)
            .unwrap_or_default(),
        backup_power_hours: row.parse("backup_power_hours", errors, small),
        oxygen_supply: row.parse("oxygen_supply", errors, value::truth),
        altitude_m: row.parse("altitude_m", errors, small),
        cold_storage: row.parse("cold_storage", errors, value::truth),
        plug_types: row.many("plug_types", errors, plug),
        freezer: row.parse("freezer", errors, value::truth),
    };
    (site != SiteData::default()).then_some(site)
}

/// Type of a mains plug or socket, by its letter.
pub fn plug(text: &str) -> Result<i32, String> {
    word::number::<PlugType>(&text.to_ascii_lowercase())
}

/// A whole number of 32 bits.
pub fn small(text: &str) -> Result<i32, String> {
    let number = value::whole(text)?;
    i32::try_from(number).map_err(|_| format!("{number} is beyond all bounds"))
}

/// `CODE=QUANTITY`
pub fn coded_quantity(text: &str) -> Result<(String, i64), String> {
    match text.split_once('=') {
        Some((code, quantity)) if !code.trim().is_empty() => {
            Ok((code.trim().to_owned(), value::whole(quantity.trim())?))
        }
        _ => Err(format!("must be CODE=QUANTITY; found {text:?}")),
    }
}

fn reserve(text: &str) -> Result<MinimumReserve, String> {
    coded_quantity(text).map(|(commodity_id, quantity)| MinimumReserve {
        commodity_id,
        quantity,
    })
}

impl Imported for RegisterFacilityRequest {
    type Question = GetFacilityRequest;
    const MEMBER: &'static str = "facility";

    fn question(key: &str) -> GetFacilityRequest {
        GetFacilityRequest {
            facility_id: key.to_owned(),
        }
    }

    fn stated(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(&self.facility)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_plan() {
        let plan = plan("facilities.csv", EXAMPLE.as_bytes()).unwrap();
        assert!(plan.entries.len() >= 3);
        let moved = plan.entries.iter().find_map(|entry| {
            entry
                .request
                .facility
                .as_ref()
                .filter(|facility| facility.regions.len() == 2)
        });
        assert_eq!(moved.unwrap().regions[1].valid_from, "2022-06-08");
    }

    #[test]
    fn a_bad_number_in_row_7_is_found_there() {
        let header = "facility_id,kind,name_en,region_id,time_zone,operator_id,latitude,longitude";
        let mut lines = vec![header.to_owned()];
        for number in 1..=8 {
            let latitude = if number == 7 { "43.2x" } else { "43.2" };
            lines.push(format!(
                "F{number},hospital,Name,KZ-75,Asia/Almaty,MOH,{latitude},76.9"
            ));
        }
        let text = lines.join("\n");
        let Err(Failure::File { errors, .. }) = plan("f.csv", text.as_bytes()) else {
            panic!("it is wrong")
        };
        assert_eq!(
            errors,
            [
                "f.csv:8: row 7, column latitude: latitude must be a number with at most 7 decimal places; found \"43.2x\""
            ]
        );
    }

    #[test]
    fn what_a_site_offers_is_read() {
        let text = "facility_id,kind,name_en,region_id,time_zone,operator_id,plug_types,backup_power_hours,freezer\n\
                    A,hospital,N,KZ-75,Asia/Almaty,MOH,C;f,4,yes\n";
        let plan = plan("f.csv", text.as_bytes()).unwrap();
        let facility = plan.entries[0].request.facility.clone().unwrap();
        let site = facility.site.unwrap();
        let plugs: Vec<PlugType> = site.plug_types().collect();
        assert_eq!(plugs, [PlugType::C, PlugType::F]);
        assert_eq!(
            (site.backup_power_hours, site.freezer),
            (Some(4), Some(true))
        );
        let wrong = text.replace("C;f,4,yes", "C;x,4h,maybe");
        let Err(Failure::File { errors, .. }) = super::plan("f.csv", wrong.as_bytes()) else {
            panic!("it is wrong")
        };
        let wanted = [
            "row 1, column backup_power_hours: must be a whole number; found \"4h\"",
            "row 1, column plug_types: \"x\" is not one of a, b, c",
            "row 1, column freezer: must be true or false; found \"maybe\"",
        ];
        assert_eq!(errors.len(), wanted.len(), "{errors:?}");
        for (error, wanted) in errors.iter().zip(wanted) {
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn all_errors_are_told() {
        let text = "facility_id,kind,name_en,region_id,time_zone,operator_id,latitude,minimum_reserves\n\
                    A,clinic,N,KZ-75,Asia/Almaty,MOH,,\n\
                    A,hospital,N,KZ-75@soon,Asia/Almaty,MOH,1,X\n";
        let Err(Failure::File { errors, .. }) = plan("f.csv", text.as_bytes()) else {
            panic!("it is wrong")
        };
        let wanted = [
            "row 1, column kind: \"clinic\" is not one of warehouse, hospital",
            "row 2: facility A stands in line 2 already",
            "row 2, column region_id: must be a day",
            "row 2, column longitude: is empty, but there is a latitude",
            "row 2, column minimum_reserves: must be CODE=QUANTITY; found \"X\"",
        ];
        assert_eq!(errors.len(), wanted.len(), "{errors:?}");
        for (error, wanted) in errors.iter().zip(wanted) {
            assert!(error.contains(wanted), "{error}");
        }
    }
}
