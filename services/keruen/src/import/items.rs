//! Items from a CSV file.

use std::collections::BTreeSet;

use keruen_proto::registry::v1::{
    Accessory, Freezing, GetItemRequest, Item, KitComponent, RegisterItemRequest, SiteNeeds,
    Tracking,
};
use serde_json::Value;

use super::{
    errors::Errors,
    facilities::{coded_quantity, names, plug, small},
    plan::{Entry, Imported, Plan, note_duplicates},
    sheet::{self, Column, Row},
};
use crate::{
    client::{failure::Failure, line, value},
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
        name: "refillable",
        required: false,
        about: "true where units are containers that are filled again, such as cylinders",
    },
    Column {
        name: "storage_c",
        required: false,
        about: "Temperatures in °C, for example 2..8",
    },
    Column {
        name: "freezing",
        required: false,
        about: "never (frost spoils it) or always (it must stay frozen)",
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
        name: "needs_plug",
        required: false,
        about: "Mains plug that it has, by its letter",
    },
    Column {
        name: "needs_backup_power_hours",
        required: false,
        about: "Hours for which backup power must last",
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
        name: "components",
        required: false,
        about: "What each kit consists of: ITEM=QUANTITY;ITEM=QUANTITY",
    },
    Column {
        name: "packs",
        required: false,
        about: "Packages: BOX=25;CASE=500, with a GTIN: BOX=25,gtin=4006381333931",
    },
    Column {
        name: "substitutes",
        required: false,
        about: "What may be used instead, and who says so: ITEM=ORGANISATION;ITEM=ORGANISATION",
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
        "Commodities must be registered. Accessories, components and substitutes may stand in the same file, in any order.",
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
            needs: others(&item).cloned().collect(),
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
        refillable: row
            .parse("refillable", errors, value::truth)
            .filter(|refillable| *refillable),
        freezing: row.parse("freezing", errors, word::number::<Freezing>),
        packs: row.many("packs", errors, line::pack),
        substitutes: row.many("substitutes", errors, line::substitute),
        storage: row.parse("storage_c", errors, value::storage),
        site_needs: needs(row, errors),
        accessories: row.many("accessories", errors, accessory),
        components: row.many("components", errors, component),
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
        plug_type: row.parse("needs_plug", errors, plug),
        backup_power_hours: row
            .parse("needs_backup_power_hours", errors, small)
            .unwrap_or_default(),
    };
    (needs != SiteNeeds::default()).then_some(needs)
}

/// The items that it names.
fn others(item: &Item) -> impl Iterator<Item = &String> {
    let accessories = item.accessories.iter().map(|it| &it.item_id);
    let components = item.components.iter().map(|it| &it.item_id);
    let substitutes = item.substitutes.iter().map(|it| &it.item_id);
    accessories.chain(components).chain(substitutes)
}

fn component(text: &str) -> Result<KitComponent, String> {
    coded_quantity(text).map(|(item_id, quantity)| KitComponent { item_id, quantity })
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
            item.components
                .retain(|component| !others.contains(&component.item_id));
            item.substitutes
                .retain(|substitute| !others.contains(&substitute.item_id));
        }
    }
}

#[cfg(test)]
mod tests {
    use keruen_proto::registry::v1::PlugType;

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
    fn what_an_item_needs_and_comes_in_is_read() {
        let text = "item_id,commodity_id,name_en,tracking,refillable,freezing,needs_plug,needs_backup_power_hours,packs,substitutes,components\n\
                    A,V,N,batch,yes,never,f,4,\"BOX=25,gtin=4006381333931;CASE=500\",B=MOH;C=MOH,D=2;E=10\n";
        let plan = plan("f.csv", text.as_bytes()).unwrap();
        let item = plan.entries[0].request.item.clone().unwrap();
        assert_eq!(
            (item.refillable, item.freezing()),
            (Some(true), Freezing::Never)
        );
        let needs = item.site_needs.unwrap();
        assert_eq!(
            (needs.plug_type(), needs.backup_power_hours),
            (PlugType::F, 4)
        );
        let packs: Vec<(&str, i64, &str)> = item
            .packs
            .iter()
            .map(|it| (it.pack_id.as_str(), it.quantity, it.gtin.as_str()))
            .collect();
        assert_eq!(packs, [("BOX", 25, "4006381333931"), ("CASE", 500, "")]);
        let components: Vec<(&str, i64)> = item
            .components
            .iter()
            .map(|it| (it.item_id.as_str(), it.quantity))
            .collect();
        assert_eq!(components, [("D", 2), ("E", 10)]);
        assert!(
            ["B", "C", "D", "E"]
                .iter()
                .all(|id| plan.entries[0].needs.contains(*id))
        );
        let wrong = text
            .replace("BOX=25,gtin", "BOX=25,ean")
            .replace("B=MOH", "B")
            .replace("never", "no");
        let Err(Failure::File { errors, .. }) = super::plan("f.csv", wrong.as_bytes()) else {
            panic!("it is wrong")
        };
        let wanted = [
            "row 1, column freezing: \"no\" is not one of never, always",
            "row 1, column packs: only gtin=DIGITS may follow; found \"ean=4006381333931\"",
            "row 1, column substitutes: must be ITEM=ORGANISATION",
        ];
        assert_eq!(errors.len(), wanted.len(), "{errors:?}");
        for (error, wanted) in errors.iter().zip(wanted) {
            assert!(error.contains(wanted), "{error}");
        }
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
