//! Items from a CSV file.

use std::collections::BTreeSet;

use keruen_proto::registry::v1::{
    Accessory, GetItemRequest, Item, RegisterItemRequest, SiteNeeds, Tracking,
};
use serde_json::Value;

use super::{
    errors::Errors,
    facilities::{coded_quantity, names, small},
    plan::{Entry, Imported, Plan, note_duplicates},
    sheet::{self, Column, Row},
};
use crate::{
    client::{failure::Failure, value},
    render::word,
};

const COLUMNS: &[Column] = &[
    Column {
        name: "item_id",
        required: true,
        about: "Code: A to Z, 0 to 9, '.', '_' and '-'",
    },
    Column {
        name: "commodity_id",
        required: true,
        about: "Code of the commodity that it serves",
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
        name: "tracking",
        required: true,
        about: "batch (counted) or serial (each unit has a number)",
    },
    Column {
        name: "manufacturer",
        required: false,
        about: "As printed; required for serial",
    },
    Column {
        name: "model",
        required: false,
        about: "As printed; required for serial",
    },
    Column {
        name: "gtin",
        required: false,
        about: "GTIN with its check digit",
    },
    Column {
        name: "expires",
        required: false,
        about: "true where every batch must state an expiry date",
    },
    Column {
        name: "release_required",
        required: false,
        about: "true where every batch is held on receipt until a verdict releases it",
    },
    Column {
        name: "storage_c",
        required: false,
        about: "Temperatures in °C, for example 2..8",
    },
    Column {
        name: "needs_mains_voltage_v",
        required: false,
        about: "Mains voltage that it needs, in volts",
    },
    Column {
        name: "needs_mains_frequency_hz",
        required: false,
        about: "Mains frequency that it needs, in hertz",
    },
    Column {
        name: "needs_oxygen_supply",
        required: false,
        about: "true or false",
    },
    Column {
        name: "maximum_altitude_m",
        required: false,
        about: "Highest altitude at which it works, in metres",
    },
    Column {
        name: "needs_cold_storage",
        required: false,
        about: "true or false",
    },
    Column {
        name: "accessories",
        required: false,
        about: "What each unit needs: ITEM=QUANTITY;ITEM=QUANTITY",
    },
    Column {
        name: "external_ids",
        required: false,
        about: "SCHEME=VALUE;SCHEME=VALUE",
    },
];

const EXAMPLE: &str = include_str!("../../examples/items.csv");

/// The help below the options.
pub fn help() -> String {
    sheet::help(
        "items",
        COLUMNS,
        EXAMPLE,
        "Commodities must be registered. Accessories may stand in the same file, in any order.",
    )
}

/// What the file asks for.
pub fn plan(place: &str, bytes: &[u8]) -> Result<Plan<RegisterItemRequest>, Failure> {
    let sheet = sheet::parse(place, bytes, COLUMNS)?;
    let mut errors = Errors::new(place);
    note_duplicates(
        &mut errors,
        "item",
        sheet.rows.iter().map(|row| (row.string("item_id"), row)),
    );
    let model = |row: &Row| match (row.text("manufacturer"), row.text("model")) {
        ("", _) | (_, "") => String::new(),
        (manufacturer, model) => format!("{model:?} of {manufacturer:?}"),
    };
    note_duplicates(
        &mut errors,
        "model",
        sheet.rows.iter().map(|row| (model(row), row)),
    );
    let mut entries = Vec::with_capacity(sheet.rows.len());
    for row in &sheet.rows {
        let item = item(row, &mut errors);
        entries.push(Entry {
            key: item.item_id.clone(),
            line: row.line,
            number: row.number,
            needs: item
                .accessories
                .iter()
                .map(|accessory| accessory.item_id.clone())
                .collect(),
            request: RegisterItemRequest {
                item: Some(item),
                ..Default::default()
            },
        });
    }
    errors.check()?;
    Ok(Plan {
        place: place.to_owned(),
        kind: "items",
        entries,
    })
}

fn item(row: &Row, errors: &mut Errors) -> Item {
    Item {
        item_id: row.string("item_id"),
        commodity_id: row.string("commodity_id"),
        name: Some(names(row)),
        tracking: row
            .parse("tracking", errors, word::number::<Tracking>)
            .unwrap_or_default(),
        manufacturer: row.string("manufacturer"),
        model: row.string("model"),
        gtin: row.string("gtin"),
        expires: row
            .parse("expires", errors, value::truth)
            .unwrap_or_default(),
        release_required: row
            .parse("release_required", errors, value::truth)
            .filter(|required| *required),
        storage: row.parse("storage_c", errors, value::storage),
        site_needs: needs(row, errors),
        accessories: row.many("accessories", errors, accessory),
        external_ids: row.many("external_ids", errors, value::external_id),
        ..Item::default()
    }
}

fn needs(row: &Row, errors: &mut Errors) -> Option<SiteNeeds> {
    let needs = SiteNeeds {
        mains_voltage_v: row
            .parse("needs_mains_voltage_v", errors, small)
            .unwrap_or_default(),
        mains_frequency_hz: row
            .parse("needs_mains_frequency_hz", errors, small)
            .unwrap_or_default(),
        oxygen_supply: row
            .parse("needs_oxygen_supply", errors, value::truth)
            .unwrap_or_default(),
        maximum_altitude_m: row
            .parse("maximum_altitude_m", errors, small)
            .unwrap_or_default(),
        cold_storage: row
            .parse("needs_cold_storage", errors, value::truth)
            .unwrap_or_default(),
        ..SiteNeeds::default()
    };
    (needs != SiteNeeds::default()).then_some(needs)
}

fn accessory(text: &str) -> Result<Accessory, String> {
    coded_quantity(text).map(|(item_id, quantity)| Accessory { item_id, quantity })
}

impl Imported for RegisterItemRequest {
    type Question = GetItemRequest;
    const MEMBER: &'static str = "item";

    fn question(key: &str) -> GetItemRequest {
        GetItemRequest {
            item_id: key.to_owned(),
        }
    }

    fn stated(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(&self.item)
    }

    fn leave_out(&mut self, others: &BTreeSet<String>) {
        if let Some(item) = &mut self.item {
            item.accessories
                .retain(|accessory| !others.contains(&accessory.item_id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_plan() {
        let plan = plan("items.csv", EXAMPLE.as_bytes()).unwrap();
        assert!(plan.entries.iter().any(|entry| !entry.needs.is_empty()));
        let tracking: BTreeSet<i32> = plan
            .entries
            .iter()
            .filter_map(|entry| Some(entry.request.item.as_ref()?.tracking))
            .collect();
        assert_eq!(tracking.len(), 2, "it shows both kinds");
    }

    #[test]
    fn a_model_is_one_item() {
        let text = "item_id,commodity_id,name_en,tracking,manufacturer,model\n\
                    A,V,N,serial,Maker,M-1\nB,V,N,serial,Maker,M-1\nC,V,N,batch,Maker,\nD,V,N,batch,Maker,\n";
        let Err(Failure::File { errors, .. }) = plan("f.csv", text.as_bytes()) else {
            panic!("it is wrong")
        };
        assert_eq!(
            errors,
            ["f.csv:3: row 2: model \"M-1\" of \"Maker\" stands in line 2 already"]
        );
    }
}
