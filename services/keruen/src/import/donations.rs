//! Pledges from a CSV file: rows with the same donation are lines of one pledge.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::inventory::v1::{GetDonationRequest, PledgeDonationRequest, PledgeLine};
use serde_json::Value;

use super::{
    errors::Errors,
    plan::{Entry, Imported, Plan},
    sheet::{self, Column, Row},
};
use crate::client::{failure::Failure, value};

const COLUMNS: &[Column] = &[
    Column {
        name: "donation_id",
        required: true,
        about: "Id of your choice; rows with the same id are one pledge",
    },
    Column {
        name: "donor_id",
        required: true,
        about: "Code of the organisation that gives",
    },
    Column {
        name: "recipient_id",
        required: false,
        about: "Code of the organisation to which it will belong",
    },
    Column {
        name: "commodity_id",
        required: false,
        about: "Code of the commodity; this or item_id for goods",
    },
    Column {
        name: "item_id",
        required: false,
        about: "Code of the item, where it is known",
    },
    Column {
        name: "quantity",
        required: false,
        about: "Base units, or packs where one is named; required for goods",
    },
    Column {
        name: "pack",
        required: false,
        about: "Pack of the item in which the quantity is told, for example BOX",
    },
    Column {
        name: "money",
        required: false,
        about: "Money promised, for example 4000000USD",
    },
    Column {
        name: "expected_on",
        required: false,
        about: "Day on which it is expected, for example 2020-07-20",
    },
    Column {
        name: "pledged_at",
        required: false,
        about: "When it was pledged, RFC 3339; default: now",
    },
    Column {
        name: "anonymous",
        required: false,
        about: "true where the donor is not to be named in public",
    },
];

/// Columns that say something of the whole pledge, so that its rows must agree.
const HEAD: &[&str] = &[
    "donor_id",
    "recipient_id",
    "money",
    "expected_on",
    "pledged_at",
    "anonymous",
];

const EXAMPLE: &str = include_str!("../../examples/donations.csv");

/// The help below the options.
pub fn help() -> String {
    sheet::help(
        "donations",
        COLUMNS,
        EXAMPLE,
        "Donors, recipients, commodities and items must be registered. Rows of one pledge agree in all but commodity, \
         item and quantity; what the first of them says, the others may leave empty (but the donor).",
    )
}

/// What the file asks for.
pub fn plan(place: &str, bytes: &[u8]) -> Result<Plan<PledgeDonationRequest>, Failure> {
    let sheet = sheet::parse(place, bytes, COLUMNS)?;
    let mut errors = Errors::new(place);
    let mut entries: Vec<Entry<PledgeDonationRequest>> = Vec::new();
    let mut heads: BTreeMap<&str, (usize, &Row)> = BTreeMap::new();
    for row in &sheet.rows {
        let key = row.text("donation_id");
        let index = if let Some((index, head)) = heads.get(key) {
            errors.disagreement(head, row, (HEAD, "donation"));
            *index
        } else {
            heads.insert(key, (entries.len(), row));
            entries.push(Entry {
                key: key.to_owned(),
                line: row.line,
                number: row.number,
                request: head(row, &mut errors),
                needs: BTreeSet::new(),
            });
            entries.len() - 1
        };
        let has_money = entries[index].request.money.is_some();
        entries[index]
            .request
            .lines
            .extend(line(row, has_money, &mut errors));
    }
    errors.check()?;
    Ok(Plan {
        place: place.to_owned(),
        kind: "donations",
        entries,
    })
}

fn head(row: &Row, errors: &mut Errors) -> PledgeDonationRequest {
    PledgeDonationRequest {
        donation_id: row.string("donation_id"),
        donor_id: row.string("donor_id"),
        recipient_id: row.string("recipient_id"),
        money: row.parse("money", errors, value::money),
        expected_on: row
            .parse("expected_on", errors, value::date)
            .unwrap_or_default(),
        occurred_at: row.parse("pledged_at", errors, value::timestamp),
        anonymous: row
            .parse("anonymous", errors, value::truth)
            .unwrap_or_default(),
        ..Default::default()
    }
}

/// The line of a row, if it is about goods.
fn line(row: &Row, has_money: bool, errors: &mut Errors) -> Option<PledgeLine> {
    let goods = !row.text("commodity_id").is_empty() || !row.text("item_id").is_empty();
    let counted = !row.text("quantity").is_empty();
    if !row.text("pack").is_empty() && row.text("item_id").is_empty() {
        let rule =
            "is given, but only of an item is it known what packs it comes in; name the item_id";
        errors.field(row, "pack", rule);
    }
    match (goods, counted) {
        (true, false) => errors.field(row, "quantity", "is empty, but there are goods"),
        (false, true) => errors.field(
            row,
            "commodity_id",
            "is empty, but there is a quantity; name it or an item_id",
        ),
        (false, false) if !has_money && row.text("money").is_empty() => {
            errors.row(
                row,
                "pledges neither goods nor money; name a commodity_id and quantity, or money",
            );
        }
        _ => {}
    }
    let quantity = row.parse("quantity", errors, positive)?;
    goods.then(|| PledgeLine {
        commodity_id: row.string("commodity_id"),
        item_id: row.string("item_id"),
        quantity,
        pack_id: row.string("pack"),
        ..PledgeLine::default()
    })
}

fn positive(text: &str) -> Result<i64, String> {
    match value::whole(text)? {
        number @ 1.. => Ok(number),
        number => Err(format!("must be more than 0; found {number}")),
    }
}

impl Imported for PledgeDonationRequest {
    type Question = GetDonationRequest;
    const MEMBER: &'static str = "donation";

    fn question(key: &str) -> GetDonationRequest {
        GetDonationRequest {
            donation_id: key.to_owned(),
        }
    }

    fn stated(&self) -> Result<Value, serde_json::Error> {
        let mut stated = serde_json::to_value(self)?;
        if let Value::Object(members) = &mut stated {
            // These are about the command, not about the donation.
            for name in [
                "commandId",
                "occurredAt",
                "occurredAtPrecision",
                "validateOnly",
            ] {
                members.remove(name);
            }
            // What was told in packs is there in base units.
            let lines = members.get_mut("lines").and_then(Value::as_array_mut);
            let lines = lines.into_iter().flatten().filter_map(Value::as_object_mut);
            for line in lines {
                let pack = line.remove("packId");
                if pack.is_some_and(|pack| pack != "") {
                    line.remove("quantity");
                }
            }
        }
        Ok(stated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_plan() {
        let plan = plan("donations.csv", EXAMPLE.as_bytes()).unwrap();
        assert!(
            plan.entries
                .iter()
                .any(|entry| entry.request.lines.len() > 1),
            "it shows several lines"
        );
        assert!(
            plan.entries
                .iter()
                .any(|entry| entry.request.money.is_some()),
            "it shows money"
        );
    }

    #[test]
    fn rows_of_a_donation_are_its_lines() {
        let text = "donation_id,donor_id,commodity_id,item_id,quantity,money\n\
                    D1,K,C1,,5,10USD\nD2,K,,,,7KZT\nD1,K,,I1,6,\n";
        let plan = plan("f.csv", text.as_bytes()).unwrap();
        let told: Vec<(&str, Vec<i64>)> = plan
            .entries
            .iter()
            .map(|entry| {
                (
                    entry.key.as_str(),
                    entry
                        .request
                        .lines
                        .iter()
                        .map(|line| line.quantity)
                        .collect(),
                )
            })
            .collect();
        assert_eq!(told, [("D1", vec![5, 6]), ("D2", vec![])]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let text = "donation_id,donor_id,commodity_id,quantity,expected_on\n\
                    D1,K,C1,5,\nD1,L,C1,0,2020-01-01\nD2,K,,,\nD3,K,C1,,\nD4,K,,3,\nD5,K,C1,\"1,000\",\n";
        let Err(Failure::File { errors, .. }) = plan("f.csv", text.as_bytes()) else {
            panic!("it is wrong")
        };
        let wanted = [
            "row 2, column donor_id: \"L\" differs from \"K\" in line 2, the same donation",
            "row 2, column expected_on: \"2020-01-01\" differs from \"\" in line 2, the same donation",
            "row 2, column quantity: must be more than 0; found 0",
            "row 3: pledges neither goods nor money",
            "row 4, column quantity: is empty, but there are goods",
            "row 5, column commodity_id: is empty, but there is a quantity",
            "row 6, column quantity: must be a whole number; found \"1,000\"",
        ];
        assert_eq!(errors.len(), wanted.len(), "{errors:?}");
        for (error, wanted) in errors.iter().zip(wanted) {
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn quantities_may_be_told_in_packs_of_an_item() {
        let text = "donation_id,donor_id,commodity_id,item_id,quantity,pack\nD1,K,,I1,5,BOX\n";
        let told = plan("f.csv", text.as_bytes()).unwrap();
        let request = &told.entries[0].request;
        assert_eq!(
            (&*request.lines[0].pack_id, request.lines[0].quantity),
            ("BOX", 5)
        );
        // How many base units those are, only the server knows.
        let stated = request.stated().unwrap();
        assert_eq!(stated["lines"][0]["itemId"], "I1");
        assert_eq!(stated["lines"][0]["quantity"], Value::Null);
        let of_any = text.replace("D1,K,,I1,5", "D1,K,C1,,5");
        let Err(Failure::File { errors, .. }) = plan("f.csv", of_any.as_bytes()) else {
            panic!("it is wrong")
        };
        assert!(errors[0].contains("column pack"), "{errors:?}");
    }

    #[test]
    fn the_command_is_not_part_of_the_donation() {
        let text = "donation_id,donor_id,commodity_id,quantity,pledged_at\nD1,K,C1,5,2020-07-01T00:00:00Z\n";
        let plan = plan("f.csv", text.as_bytes()).unwrap();
        let stated = plan.entries[0].request.stated().unwrap();
        let donation =
            serde_json::to_value(keruen_proto::inventory::v1::Donation::default()).unwrap();
        let known = |name: &String| donation.get(name).is_some() || name == "money";
        assert!(stated.as_object().unwrap().keys().all(known), "{stated}");
        assert_eq!(stated["lines"][0]["quantity"], "5");
    }
}
