//! Stock, grouped, as flat rows and as bars.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io,
};

use anstyle::{AnsiColor, Style};
use keruen_proto::stock::v1::{StockGroup, StockRow};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    cli::Format,
    render::{
        Output,
        record::{Cell, Record, grouped},
        word,
    },
};

/// The quantities of a row, in order of the columns.
pub const QUANTITIES: [&str; 14] = [
    "on_hand",
    "reserved",
    "held",
    "available",
    "in_transit",
    "received",
    "consumed",
    "disposed",
    "lost",
    "returned",
    "converted",
    "title_in",
    "title_out",
    "in_transit_out",
];

/// Those of them that are told by custodian.
const IN_HAND: [&str; 6] = [
    "on_hand",
    "reserved",
    "held",
    "available",
    "in_transit",
    "in_transit_out",
];

/// How many of the quantities stand in every table.
const ALWAYS: usize = 9;

const ON_HAND: Style = AnsiColor::Green.on_default();
const IN_TRANSIT: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const MIN_BAR_WIDTH: usize = 10;
const MAX_BAR_WIDTH: usize = 60;

fn quantities(row: &StockRow) -> [i64; 14] {
    [
        row.on_hand,
        row.reserved,
        row.held,
        row.available,
        row.in_transit,
        row.received,
        row.consumed,
        row.disposed,
        row.lost,
        row.returned,
        row.converted,
        row.title_in,
        row.title_out,
        row.in_transit_out,
    ]
}

fn key(row: &StockRow, group: StockGroup) -> &str {
    match group {
        StockGroup::Unspecified => "",
        StockGroup::Region => &row.region_id,
        StockGroup::Facility => &row.facility_id,
        StockGroup::Commodity => &row.commodity_id,
        StockGroup::Item => &row.item_id,
        StockGroup::Batch => &row.batch_id,
        StockGroup::Owner => &row.owner_id,
        StockGroup::Custodian => &row.custodian_id,
        StockGroup::Expiry => &row.expires_on,
        StockGroup::Asset => &row.serial_number,
    }
}

/// What the column of a group is called.
fn column(group: StockGroup) -> String {
    match group {
        StockGroup::Asset => "serial_number".to_owned(),
        StockGroup::Expiry => "expires_on".to_owned(),
        _ => word::of(group),
    }
}

/// The columns that tell rows of such groups apart: serial numbers tell units of one item apart.
#[must_use]
pub fn columns_of(by: &[StockGroup]) -> Vec<StockGroup> {
    let mut columns = by.to_vec();
    let asset = by.iter().position(|group| *group == StockGroup::Asset);
    if let Some(index) = asset.filter(|_| !by.contains(&StockGroup::Item)) {
        columns.insert(index, StockGroup::Item);
    }
    columns
}

impl Record for StockRow {
    const COLUMNS: &'static [&'static str] = &[
        "region",
        "facility",
        "commodity",
        "item",
        "batch",
        "owner",
        "custodian",
        "expires_on",
        "serial_number",
        "on_hand",
        "reserved",
        "held",
        "available",
        "in_transit",
        "received",
        "consumed",
        "disposed",
        "lost",
        "returned",
        "converted",
        "title_in",
        "title_out",
        "in_transit_out",
    ];

    fn cells(&self) -> Vec<Cell> {
        let keys = word::all::<StockGroup>().map(|group| Cell::from(key(self, group)));
        keys.chain(quantities(self).map(Cell::Number)).collect()
    }
}

/// A row as a flat JSON object: the columns of the grouping, then the quantities as numbers.
struct Flat<'a> {
    row: &'a StockRow,
    by: &'a [StockGroup],
    in_hand: bool,
}

/// The quantities of a row that are told, with their names.
fn told(row: &StockRow, in_hand: bool) -> impl Iterator<Item = (&'static str, i64)> {
    let all = QUANTITIES.into_iter().zip(quantities(row));
    all.filter(move |(name, _)| is_told(name, in_hand))
}

fn is_told(name: &str, in_hand: bool) -> bool {
    !in_hand || IN_HAND.contains(&name)
}

impl Serialize for Flat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        for group in self.by {
            members.serialize_entry(&column(*group), key(self.row, *group))?;
        }
        for (name, quantity) in told(self.row, self.in_hand) {
            members.serialize_entry(name, &quantity)?;
        }
        members.end()
    }
}

/// Prints rows, grouped by `by`. Where it is about who has them `in_hand`, only such quantities.
pub fn print(
    output: &mut Output,
    rows: &[StockRow],
    by: &[StockGroup],
    in_hand: bool,
) -> io::Result<()> {
    let names: Vec<String> = by.iter().map(|group| column(*group)).collect();
    let quantities = QUANTITIES.into_iter().filter(|name| is_told(name, in_hand));
    let columns: Vec<&str> = names.iter().map(String::as_str).chain(quantities).collect();
    let cells = |row: &StockRow| -> Vec<Cell> {
        let keys = by.iter().map(|group| Cell::from(key(row, *group)));
        let told = told(row, in_hand).map(|(_, quantity)| Cell::Number(quantity));
        keys.chain(told).collect()
    };
    match output.format() {
        Format::Json => {
            let rows = rows.iter().map(|row| Flat { row, by, in_hand });
            output.json(&rows.collect::<Vec<_>>())
        }
        Format::Csv => output.csv(&columns, rows.iter().map(cells)),
        Format::Table if rows.is_empty() => output.line("no stock"),
        Format::Table => {
            let mut table: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
            table.extend(sum(rows, by, in_hand));
            let kept = by.len() + if in_hand { IN_HAND.len() } else { ALWAYS };
            let (columns, table) = without_idle(&columns, kept, table);
            output.table(&columns, &table)
        }
    }
}

/// What to say of quantities that are 0 because the node can't tell them yet.
#[must_use]
pub fn untold(counters: &BTreeSet<String>) -> Option<String> {
    let names = counters.iter().map(String::as_str).collect::<Vec<_>>();
    (!names.is_empty()).then(|| {
        format!(
            "not told until the views have been built anew, and 0 here: {}",
            names.join(", ")
        )
    })
}

/// What to say of quantities below 0, which only the past can have.
#[must_use]
pub fn below_zero(rows: &[StockRow]) -> Option<&'static str> {
    let is_below = |row: &StockRow| quantities(row).iter().any(|quantity| *quantity < 0);
    rows.iter().any(is_below).then_some(
        "below 0: more had left by then than had come; something is dated before what it needs, see `keruen timeline`",
    )
}

/// Leaves out those columns from the `kept`-th on in which nothing ever happened: few owners change, and few goods go
/// back, but a table must fit a terminal.
fn without_idle<'a>(
    columns: &[&'a str],
    kept: usize,
    table: Vec<Vec<Cell>>,
) -> (Vec<&'a str>, Vec<Vec<Cell>>) {
    let is_told = |index: usize| {
        index < kept
            || table
                .iter()
                .any(|row| row.get(index) != Some(&Cell::Number(0)))
    };
    let told: Vec<usize> = (0..columns.len()).filter(|index| is_told(*index)).collect();
    let columns = told.iter().map(|index| columns[*index]).collect();
    let rows = table.into_iter().map(|row| {
        let cells = row.into_iter().enumerate();
        let cells = cells.filter(|(index, _)| told.contains(index));
        cells.map(|(_, cell)| cell).collect()
    });
    (columns, rows.collect())
}

/// The row below a table of several rows that are all of one commodity, so that they can be added up.
fn sum(rows: &[StockRow], by: &[StockGroup], in_hand: bool) -> Option<Vec<Cell>> {
    let [first, rest @ ..] = rows else {
        return None;
    };
    let commodity = &first.commodity_id;
    let other_commodity = rest.iter().any(|row| row.commodity_id != *commodity);
    if rest.is_empty() || commodity.is_empty() || other_commodity {
        return None;
    }
    let keys = by.iter().enumerate().map(|(index, group)| match group {
        StockGroup::Commodity => Cell::from(commodity),
        _ => Cell::from(if index == 0 { "sum" } else { "" }),
    });
    let mut sums: Vec<i64> = told(first, in_hand).map(|(_, quantity)| quantity).collect();
    for row in rest {
        for (sum, (_, quantity)) in sums.iter_mut().zip(told(row, in_hand)) {
            *sum = sum.saturating_add(quantity);
        }
    }
    Some(keys.chain(sums.into_iter().map(Cell::Number)).collect())
}

/// Stock per region as bars, a block for each commodity where rows are grouped by it. `region_names` gives the name
/// of a region by its code.
pub fn bars(
    rows: &[StockRow],
    by: &[StockGroup],
    region_names: &BTreeMap<String, String>,
    width: u16,
) -> Option<String> {
    if !by.contains(&StockGroup::Region) {
        return None;
    }
    let mut blocks: BTreeMap<&str, BTreeMap<&str, (i64, i64)>> = BTreeMap::new();
    for row in rows {
        let regions = blocks.entry(&row.commodity_id).or_default();
        let (on_hand, in_transit) = regions.entry(&row.region_id).or_default();
        *on_hand = on_hand.saturating_add(row.on_hand);
        *in_transit = in_transit.saturating_add(row.in_transit);
    }
    let text: String = blocks
        .iter()
        .filter_map(|(commodity, regions)| block(commodity, regions, region_names, width.into()))
        .collect();
    (!text.is_empty()).then_some(text)
}

fn block(
    commodity: &str,
    regions: &BTreeMap<&str, (i64, i64)>,
    region_names: &BTreeMap<String, String>,
    width: usize,
) -> Option<String> {
    let largest = regions
        .values()
        .map(|(on_hand, in_transit)| on_hand.saturating_add(*in_transit))
        .max()?;
    if largest <= 0 {
        return None;
    }
    let label = |region: &str| {
        region_names
            .get(region)
            .map_or_else(|| region.to_owned(), Clone::clone)
    };
    let label_width = regions
        .keys()
        .map(|region| label(region).chars().count())
        .max()?;
    let number_width = grouped(largest).chars().count();
    let room = width.saturating_sub(label_width + 2 * number_width + 20);
    let bar_width = room.clamp(MIN_BAR_WIDTH, MAX_BAR_WIDTH);
    let title = if commodity.is_empty() {
        "stock per region"
    } else {
        commodity
    };
    let mut text = format!(
        "\n{BOLD}{title}{BOLD:#}  {ON_HAND}█{ON_HAND:#} on hand  {IN_TRANSIT}▒{IN_TRANSIT:#} on the way there\n"
    );
    for (region, (on_hand, in_transit)) in regions
        .iter()
        .filter(|(_, (on_hand, in_transit))| on_hand + in_transit > 0)
    {
        let full = scaled(*on_hand, largest, bar_width);
        let both = scaled(on_hand.saturating_add(*in_transit), largest, bar_width);
        // What is there at all is seen.
        let light = both.saturating_sub(full).max(usize::from(*in_transit > 0));
        let travelling = if *in_transit > 0 {
            format!(" + {}", grouped(*in_transit))
        } else {
            String::new()
        };
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{:<label_width$}  {:>number_width$}  {ON_HAND}{}{ON_HAND:#}{IN_TRANSIT}{}{IN_TRANSIT:#}{travelling}",
            label(region),
            grouped(*on_hand),
            "█".repeat(full),
            "▒".repeat(light),
        );
    }
    Some(text)
}

/// `quantity` on a bar of `width` columns that stands for `largest`; at least one column for anything.
fn scaled(quantity: i64, largest: i64, width: usize) -> usize {
    if quantity <= 0 {
        return 0;
    }
    let width = i128::try_from(width).unwrap_or(0);
    let columns = i128::from(quantity) * width / i128::from(largest.max(1));
    usize::try_from(columns).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(region: &str, on_hand: i64, in_transit: i64) -> StockRow {
        StockRow {
            region_id: region.to_owned(),
            commodity_id: "TEST-SARS2".to_owned(),
            on_hand,
            in_transit,
            available: on_hand,
            ..StockRow::default()
        }
    }

    #[test]
    fn json_rows_are_flat_with_numbers() {
        let by = [StockGroup::Commodity, StockGroup::Region];
        let row = row("KZ-75", 97_000, 3);
        let text = serde_json::to_string(&Flat {
            row: &row,
            by: &by,
            in_hand: false,
        })
        .unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["region"], "KZ-75");
        assert_eq!(json["on_hand"], 97_000);
        assert_eq!(json.as_object().unwrap().len(), by.len() + QUANTITIES.len());
        let in_hand = Flat {
            row: &row,
            by: &by,
            in_hand: true,
        };
        let json = serde_json::to_value(in_hand).unwrap();
        assert_eq!(json["in_transit"], 3);
        assert_eq!(json.as_object().unwrap().len(), by.len() + IN_HAND.len());
        assert!(!text.contains("facility"), "{text}");
    }

    #[test]
    fn columns_name_their_quantities() {
        let row = StockRow {
            on_hand: 1,
            reserved: 2,
            held: 3,
            available: 4,
            in_transit: 5,
            received: 6,
            consumed: 7,
            disposed: 8,
            lost: 9,
            returned: 10,
            converted: 11,
            in_transit_out: 12,
            ..StockRow::default()
        };
        let json = serde_json::to_value(Flat {
            row: &row,
            by: &[],
            in_hand: false,
        })
        .unwrap();
        let protobuf = serde_json::to_value(&row).unwrap();
        for name in QUANTITIES {
            let camel = name
                .split('_')
                .enumerate()
                .fold(String::new(), |text, (index, part)| match index {
                    0 => part.to_owned(),
                    _ => format!("{text}{}{}", part[..1].to_uppercase(), &part[1..]),
                });
            assert_eq!(
                json[name].to_string(),
                protobuf[camel].as_str().unwrap(),
                "{name}"
            );
        }
        assert_eq!(StockRow::COLUMNS.len(), row.cells().len());
    }

    #[test]
    fn what_is_not_told_is_named() {
        assert_eq!(untold(&BTreeSet::new()), None);
        let counters = ["lost", "in_transit_out"].map(str::to_owned).into();
        let line = untold(&counters).unwrap();
        assert!(line.ends_with("0 here: in_transit_out, lost"), "{line}");
    }

    #[test]
    fn what_is_below_zero_is_explained() {
        assert_eq!(below_zero(&[row("KZ-75", 0, 3)]), None);
        let rows = [row("KZ-75", 1, 0), row("KZ-62", 0, -1)];
        assert!(below_zero(&rows).is_some());
    }

    #[test]
    fn rows_of_one_commodity_are_added_up() {
        let by = [StockGroup::Region, StockGroup::Commodity];
        let rows = [row("KZ-75", 97_000, 3), row("KZ-62", 5, 0)];
        let sum = sum(&rows, &by, false).unwrap();
        assert_eq!(sum[..3], crate::cells!["sum", "TEST-SARS2", 97_005_i64]);
        let other = StockRow {
            commodity_id: "VENTILATOR".to_owned(),
            ..row("KZ-62", 1, 0)
        };
        assert_eq!(super::sum(&[row("KZ-75", 1, 0), other], &by, false), None);
    }

    #[test]
    fn bars_are_in_proportion_and_show_the_least() {
        let rows = [
            row("KZ-75", 100_000, 0),
            row("KZ-62", 1, 1),
            row("KZ-71", 50_000, 0),
            row("KZ-11", 0, 0),
        ];
        let names = BTreeMap::from([("KZ-75".to_owned(), "KZ-75 Almaty".to_owned())]);
        let text = bars(
            &rows,
            &[StockGroup::Region, StockGroup::Commodity],
            &names,
            80,
        )
        .unwrap();
        let text = anstream::adapter::strip_str(&text).to_string();
        let columns = |region: &str, mark: char| {
            let line = text.lines().find(|line| line.starts_with(region)).unwrap();
            line.chars().filter(|char| *char == mark).count()
        };
        assert_eq!(columns("KZ-75 Almaty", '█'), 2 * columns("KZ-71", '█'));
        assert_eq!((columns("KZ-62", '█'), columns("KZ-62", '▒')), (1, 1));
        assert!(!text.contains("KZ-11"));
        assert!(bars(&rows, &[StockGroup::Commodity], &names, 80).is_none());
    }
}
