//! Stock of one commodity by region: map, table and totals.

use keruen_proto::{registry::v1::Commodity, stock::v1::StockRow};

use crate::{
    format,
    map::{MAP, Outline, Shape, WIDTH},
    page::Words,
    scale,
    share::Bar,
};

/// What the stock part shows.
#[derive(Debug)]
pub struct StockView {
    /// The commodity's name.
    pub commodity: String,
    /// What it is counted in.
    pub unit: String,
    /// On hand, in transit, consumed, disposed of and lost, together.
    pub altogether: String,
    /// How that divides.
    pub bar: Bar,
    /// Regions in order of their names.
    pub rows: Vec<RegionView>,
    /// Numbers of all regions together, in order of the columns.
    pub total: Vec<Cell>,
    /// Names of columns that can't be told yet; empty where all are.
    pub untold: String,
    /// The legend of the map, from few to many.
    pub legend: Vec<LegendView>,
    /// Regions and cities to be drawn.
    pub shapes: Vec<ShapeView>,
    /// Width of the map in SVG units.
    pub width: i32,
    /// Height of the map in SVG units.
    pub height: i32,
}

/// One row of the table.
#[derive(Debug)]
pub struct RegionView {
    /// ISO 3166-2 code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Shade of the map, 0 to 5.
    pub shade: usize,
    /// Numbers in order of the columns.
    pub cells: Vec<Cell>,
}

/// A number of the table.
#[derive(Debug)]
pub struct Cell {
    /// As people read it.
    pub text: String,
    /// Whether it is zero, and so may stand back.
    pub zero: bool,
}

/// One entry of the legend.
#[derive(Debug)]
pub struct LegendView {
    /// Shade of the map, 1 to 5.
    pub shade: usize,
    /// The amounts that it stands for.
    pub label: String,
}

/// One shape of the map.
#[derive(Debug)]
pub struct ShapeView {
    /// ISO 3166-2 code.
    pub code: String,
    /// Name and numbers.
    pub title: String,
    /// Shade, 0 to 5.
    pub shade: usize,
    /// SVG path; none for a dot.
    pub path: Option<&'static str>,
    /// The number that stands on the map; empty where there is nothing.
    pub number: String,
    /// Where the label or the dot is.
    pub x: i32,
    /// Where the label or the dot is.
    pub y: i32,
}

/// What the map is shaded by.
fn present(row: &StockRow) -> i64 {
    row.on_hand.saturating_add(row.in_transit)
}

/// The numbers of a row in order of the columns.
fn columns(row: &StockRow) -> [i64; 9] {
    [
        row.on_hand,
        row.reserved,
        row.held,
        row.available,
        row.in_transit,
        row.in_transit_out,
        row.consumed,
        row.disposed,
        row.lost,
    ]
}

fn add(mut total: StockRow, row: &StockRow) -> StockRow {
    total.on_hand = total.on_hand.saturating_add(row.on_hand);
    total.reserved = total.reserved.saturating_add(row.reserved);
    total.held = total.held.saturating_add(row.held);
    total.available = total.available.saturating_add(row.available);
    total.in_transit = total.in_transit.saturating_add(row.in_transit);
    total.in_transit_out = total.in_transit_out.saturating_add(row.in_transit_out);
    total.consumed = total.consumed.saturating_add(row.consumed);
    total.disposed = total.disposed.saturating_add(row.disposed);
    total.lost = total.lost.saturating_add(row.lost);
    total
}

impl StockView {
    /// Puts the snapshot's stock into words.
    pub fn of(words: Words<'_>, commodity: &Commodity) -> Self {
        let t = words.t;
        let stock = by_region(words);
        let classes = scale::classes(stock.iter().map(present));
        let total = stock.iter().fold(StockRow::default(), add);
        let cells = |row: &StockRow| {
            let cell = |value| Cell {
                text: words.number(value),
                zero: value == 0,
            };
            columns(row).map(cell).into()
        };
        let mut rows: Vec<RegionView> = stock
            .iter()
            .map(|row| RegionView {
                code: row.region_id.clone(),
                name: words.region(&row.region_id),
                shade: scale::shade(&classes, present(row)),
                cells: cells(row),
            })
            .collect();
        rows.sort_by_cached_key(|row| format::sort_key(&row.name));
        let parts = [
            (t.on_hand, "on-hand", total.on_hand),
            (t.in_transit, "in-transit", total.in_transit),
            (t.consumed, "consumed", total.consumed),
            (t.disposed, "disposed", total.disposed),
            (t.lost, "lost", total.lost),
        ];
        let altogether = parts
            .iter()
            .fold(0_i64, |sum, (_, _, amount)| sum.saturating_add(*amount));
        Self {
            commodity: words.text(commodity.name.as_ref(), &commodity.commodity_id),
            unit: t.unit(&commodity.base_unit).to_owned(),
            altogether: words.number(altogether),
            bar: Bar::of(parts, |amount| words.number(amount)),
            total: cells(&total),
            untold: untold(words),
            legend: classes
                .iter()
                .map(|class| legend_entry(words, class))
                .collect(),
            shapes: MAP
                .shapes
                .iter()
                .filter_map(|shape| shape_view(words, shape, &stock, &classes))
                .collect(),
            rows,
            width: WIDTH,
            height: MAP.height,
        }
    }
}

/// The names of columns that the node can't tell yet.
fn untold(words: Words<'_>) -> String {
    let t = words.t;
    let columns = [
        ("on_hand", t.on_hand),
        ("reserved", t.reserved),
        ("held", t.held),
        ("available", t.available),
        ("in_transit", t.in_transit),
        ("in_transit_out", t.in_transit_out),
        ("consumed", t.consumed),
        ("disposed", t.disposed),
        ("lost", t.lost),
    ];
    let is_untold = |counter: &str| {
        words
            .snapshot
            .untold_counters
            .iter()
            .any(|it| it == counter)
    };
    let names = columns.iter().filter(|(counter, _)| is_untold(counter));
    names.map(|(_, name)| *name).collect::<Vec<_>>().join("; ")
}

/// A row for every region of today. Rows of regions that are not among them stay, so that the total holds.
fn by_region(words: Words<'_>) -> Vec<StockRow> {
    let mut stock = words.snapshot.stock.clone();
    for region in &words.snapshot.regions {
        if !stock.iter().any(|row| row.region_id == region.region_id) {
            stock.push(StockRow {
                region_id: region.region_id.clone(),
                ..Default::default()
            });
        }
    }
    stock
}

fn legend_entry(words: Words<'_>, class: &scale::Class) -> LegendView {
    let label = if class.from == class.to {
        words.number(class.to)
    } else {
        format!(
            "{}\u{2013}{}",
            words.number(class.from),
            words.number(class.to)
        )
    };
    LegendView {
        shade: class.shade,
        label,
    }
}

/// Only regions of today are drawn.
fn shape_view(
    words: Words<'_>,
    shape: &'static Shape,
    stock: &[StockRow],
    classes: &[scale::Class],
) -> Option<ShapeView> {
    let t = words.t;
    words
        .snapshot
        .regions
        .iter()
        .find(|region| region.region_id == shape.code)?;
    let row = stock.iter().find(|row| row.region_id == shape.code)?;
    let amount = present(row);
    let number = |value| words.number(value);
    let title = format!(
        "{}: {} {}, {} {}",
        words.region(&shape.code),
        t.on_hand.to_lowercase(),
        number(row.on_hand),
        t.in_transit.to_lowercase(),
        number(row.in_transit)
    );
    Some(ShapeView {
        code: shape.code.clone(),
        title,
        shade: scale::shade(classes, amount),
        path: match &shape.outline {
            Outline::Path(path) => Some(path),
            Outline::Dot => None,
        },
        number: if amount == 0 {
            String::new()
        } else {
            number(amount)
        },
        x: shape.label.0,
        y: shape.label.1,
    })
}
