//! Counts from a CSV file: rows with the same count are lots of one count sheet.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::inventory::v1::{CountKind, CountLine, CountStockRequest, GetStockCountRequest};
use serde_json::{Value, json};

use super::{
    errors::Errors,
    plan::{Entry, Imported, Plan},
    sheet::{self, Column, Row},
};
use crate::{
    client::{failure::Failure, value},
    render::word,
};

const COLUMNS: &[Column] = &[
    Column {
        name: "count_id",
        required: true,
        about: "Id of your choice; rows with the same id are one count",
    },
    Column {
        name: "facility_id",
        required: false,
        about: "Code of the facility; the first row of a count says it",
    },
    Column {
        name: "item_id",
        required: false,
        about: "Code of the item: a count is of one; the first row says it",
    },
    Column {
        name: "kind",
        required: false,
        about: "full: what no row names is not there. cycle: only what is named was counted. The first row says it",
    },
    Column {
        name: "batch_id",
        required: true,
        about: "Id of the batch, as keruen stock level tells it",
    },
    Column {
        name: "quantity",
        required: true,
        about: "Base units that are there, or packs where one is named; 0 where there are none",
    },
    Column {
        name: "owner_id",
        required: false,
        about: "Whose they are, where several have stock of the batch there",
    },
    Column {
        name: "pack",
        required: false,
        about: "Pack of the item in which the quantity is told, for example BOX",
    },
    Column {
        name: "serial_numbers",
        required: false,
        about: "Serial numbers that are there, of an asset, separated by ;",
    },
    Column {
        name: "at_position",
        required: false,
        about: "Position of the log as of which the books are compared; default: as they stand when it is entered",
    },
];

/// Columns that say something of the whole count, so that its rows must agree.
const HEAD: &[&str] = &["facility_id", "item_id", "kind", "at_position"];

const EXAMPLE: &str = include_str!("../../examples/counts.csv");

/// The help below the options.
pub fn help() -> String {
    sheet::help(
        "counts",
        COLUMNS,
        EXAMPLE,
        "A store is counted in full by one count for each item, of up to 1,000 lots; each is entered as a whole or not at all. \
         keruen stock level FACILITY ITEM tells the lots, and its --format json the position. Rows of one count agree in facility, \
         item, kind and position; what the first of them says, the others may leave empty. Goods of which the books know no batch \
         are entered by keruen stock count --found.",
    )
}

/// What the file asks for.
pub fn plan(place: &str, bytes: &[u8]) -> Result<Plan<CountStockRequest>, Failure> {
    let sheet = sheet::parse(place, bytes, COLUMNS)?;
    let mut errors = Errors::new(place);
    let mut entries: Vec<Entry<CountStockRequest>> = Vec::new();
    let mut heads: BTreeMap<&str, (usize, &Row)> = BTreeMap::new();
    for row in &sheet.rows {
        let key = row.text("count_id");
        let index = if let Some((index, head)) = heads.get(key) {
            errors.disagreement(head, row, (HEAD, "count"));
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
        entries[index].request.lines.extend(line(row, &mut errors));
    }
    errors.check()?;
    Ok(Plan {
        place: place.to_owned(),
        kind: "counts",
        entries,
    })
}

fn head(row: &Row, errors: &mut Errors) -> CountStockRequest {
    for column in &HEAD[..3] {
        if row.text(column).is_empty() {
            errors.field(row, column, "is empty in the first row of the count");
        }
    }
    let kind: Option<CountKind> = row.parse("kind", errors, word::parse);
    CountStockRequest {
        count_id: row.string("count_id"),
        facility_id: row.string("facility_id"),
        item_id: row.string("item_id"),
        kind: kind.map_or(0, Into::into),
        counted_position: row
            .parse("at_position", errors, value::position)
            .unwrap_or_default(),
        ..Default::default()
    }
}

fn line(row: &Row, errors: &mut Errors) -> Option<CountLine> {
    let serial_numbers = row.many("serial_numbers", errors, |text| Ok(text.to_owned()));
    Some(CountLine {
        batch_id: row.string("batch_id"),
        owner_id: row.string("owner_id"),
        quantity: row.parse("quantity", errors, not_negative)?,
        serial_numbers,
        pack_id: row.string("pack"),
    })
}

fn not_negative(text: &str) -> Result<i64, String> {
    match value::whole(text)? {
        number @ 0.. => Ok(number),
        number => Err(format!("must be 0 or more; found {number}")),
    }
}

impl Imported for CountStockRequest {
    type Question = GetStockCountRequest;
    const MEMBER: &'static str = "stockCount";

    fn question(key: &str) -> GetStockCountRequest {
        GetStockCountRequest {
            count_id: key.to_owned(),
        }
    }

    fn stated(&self) -> Result<Value, serde_json::Error> {
        let stated = serde_json::to_value(self)?;
        let lots = self.lines.iter().map(|line| {
            // What was told in packs is there in base units.
            let counted = if line.pack_id.is_empty() {
                line.quantity.to_string()
            } else {
                String::new()
            };
            json!({"batchId": line.batch_id, "ownerId": line.owner_id, "counted": counted})
        });
        Ok(json!({
            "countId": stated["countId"],
            "facilityId": stated["facilityId"],
            "itemId": stated["itemId"],
            "kind": stated["kind"],
            "countedPosition": stated["countedPosition"],
            "lots": lots.collect::<Vec<_>>(),
        }))
    }

    /// After the lots that were named come those that a full count found nothing of: a file that leaves them out says the same.
    fn shown(&self, mut there: Value) -> Value {
        if self.kind() == CountKind::Full
            && let Some(lots) = there.get_mut("lots").and_then(Value::as_array_mut)
        {
            let unnamed = lots.split_off(self.lines.len().min(lots.len()));
            lots.extend(unnamed.into_iter().filter(|lot| lot["counted"] != "0"));
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::{super::difference::difference, *};

    /// Where a file of these rows differs from a count of B1 and B2 that is there.
    fn differs(kind: CountKind, rows: &[(&str, i64)], there: [&str; 2]) -> Option<String> {
        let request = CountStockRequest {
            kind: kind.into(),
            lines: rows
                .iter()
                .map(|(batch_id, quantity)| CountLine {
                    batch_id: (*batch_id).to_owned(),
                    quantity: *quantity,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        };
        let stated = request.stated().unwrap();
        let there = json!({"kind": stated["kind"], "lots": [
            {"batchId": "B1", "ownerId": "O", "counted": there[0]},
            {"batchId": "B2", "ownerId": "O", "counted": there[1]},
        ]});
        difference(stated, &request.shown(there))
    }

    #[test]
    fn what_was_not_there_is_compared() {
        let (full, cycle) = (CountKind::Full, CountKind::Cycle);
        let both = [("B1", 5), ("B2", 0)];
        assert_eq!(differs(full, &both, ["5", "0"]), None);
        assert_eq!(
            differs(full, &both, ["5", "7"]).as_deref(),
            Some(r#"lots[1].counted is "7" there and "0" in the file"#)
        );
        // Nothing was found of what a full count doesn't name; a cycle count says nothing of it.
        assert_eq!(differs(full, &both[..1], ["5", "0"]), None);
        let fewer = Some("lots: 2 there, 1 in the file".to_owned());
        assert_eq!(differs(full, &both[..1], ["5", "7"]), fewer);
        assert_eq!(differs(cycle, &both[..1], ["5", "0"]), fewer);
    }

    #[test]
    fn the_example_is_a_plan() {
        let plan = plan("counts.csv", EXAMPLE.as_bytes()).unwrap();
        assert!(
            plan.entries
                .iter()
                .any(|entry| entry.request.lines.len() > 1),
            "it shows several lots"
        );
        assert!(
            plan.entries
                .iter()
                .any(|entry| !entry.request.lines[0].serial_numbers.is_empty()),
            "it shows serial numbers"
        );
    }

    #[test]
    fn rows_of_a_count_agree() {
        let text = "count_id,facility_id,item_id,kind,batch_id,quantity\n\
                    C1,WH,GLOVE,full,B1,5\n\
                    C1,WH,GLOVE,cycle,B2,-1\n";
        let error = plan("counts.csv", text.as_bytes()).unwrap_err();
        let Failure::File { errors, .. } = error else {
            panic!("{error:?}")
        };
        assert!(
            errors[0].contains("counts.csv:3: row 2, column kind"),
            "{errors:?}"
        );
        assert!(errors[1].contains("0 or more; found -1"), "{errors:?}");
    }
}
