//! From donor to bedside: a trace as a tree, and as a graph for programs that draw it.

mod graphviz;
mod mermaid;
mod picture;
mod summary;
mod text;
mod words;

use std::io;

use clap::ValueEnum;
use keruen_projections::lineage::{Bounds, Graph, Tree};
use keruen_proto::stock::v1::{GetTraceResponse, TraceStatus};

use crate::{
    cells,
    cli::Format,
    render::{Output, record::Cell, word},
};
use picture::Picture;
use text::{BOLD, DIM, Drawing, grouped_count};

/// Columns of a trace in CSV: a row for each place.
pub const COLUMNS: &[&str] = &[
    "donation",
    "batch",
    "item",
    "lot",
    "expires_on",
    "status",
    "region",
    "facility",
    "quantity",
    "reserved",
    "held",
    "owner",
    "shipment",
    "custodian",
    "serial_numbers",
    "since_position",
    "of_kits",
];

/// A language of programs that draw graphs.
// Comments of the variants would make every help page twice as long.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    // Graphviz.
    Dot,
    // Mermaid, which Markdown knows.
    Mermaid,
}

/// Columns of the tree where nobody can say how wide the terminal is.
const WIDTH: usize = 100;

/// Prints a trace, or draws it in a language for graphs.
pub fn print(
    output: &mut Output,
    trace: &GetTraceResponse,
    bounds: Bounds,
    language: Option<Language>,
) -> io::Result<()> {
    let width = output.terminal_width().map_or(WIDTH, usize::from);
    match (language, output.format()) {
        (Some(language), _) => {
            output.line(&drawn(trace, bounds, language))?;
            output.flush()
        }
        (None, Format::Json) => output.json(trace),
        (None, Format::Csv) => output.csv(COLUMNS, rows(trace)),
        (None, Format::Table) => {
            output.line(tree(trace, bounds, width).trim_end())?;
            output.flush()
        }
    }
}

fn rows(trace: &GetTraceResponse) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for traced in &trace.batches {
        let batch = traced.batch.clone().unwrap_or_default();
        for place in &traced.places {
            rows.push(cells![
                &batch.donation_id,
                &batch.batch_id,
                &batch.item_id,
                &batch.lot,
                &batch.expires_on,
                word::field::<TraceStatus>(place.status),
                &place.region_id,
                &place.facility_id,
                place.quantity,
                place.reserved,
                place.held,
                &place.owner_id,
                &place.shipment_id,
                &place.custodian_id,
                &place.serial_numbers[..],
                place.since_position.to_string(),
                if traced.of_kits { "yes" } else { "" }
            ]);
        }
    }
    rows
}

/// The trace as a tree, in so many columns.
pub fn tree(trace: &GetTraceResponse, bounds: Bounds, width: usize) -> String {
    let graph = Graph::of(trace);
    let tree = Tree::of(&graph, bounds);
    let mut lines = Drawing::new(trace, &graph, &tree, width).lines();
    if trace.batches.is_empty() {
        lines.push("nothing has arrived yet".to_owned());
    }
    lines.push(String::new());
    let request = trace.request.iter().flat_map(summary::request);
    lines.extend(request.chain(trace.asset.iter().flat_map(summary::asset)));
    lines.extend(summary::sums(&trace.batches));
    if tree.left_out > 0 {
        let count = grouped_count(tree.left_out);
        let all = grouped_count(tree.entries.len());
        lines.push(format!("{BOLD}left out{BOLD:#}  {count} of {all} entries"));
    }
    lines.push(format!("{DIM}as of position {}{DIM:#}", trace.position));
    lines.join("\n") + "\n"
}

/// The trace in a language for graphs. What moved nothing is not drawn.
pub fn drawn(trace: &GetTraceResponse, bounds: Bounds, language: Language) -> String {
    let mut graph = Graph::of(trace);
    for node in &mut graph.nodes {
        node.notes.clear();
    }
    let tree = Tree::of(&graph, bounds);
    let picture = Picture::of(trace, &graph, &tree);
    match language {
        Language::Dot => graphviz::graph(&picture),
        Language::Mermaid => mermaid::graph(&picture),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keruen_proto::{
        inventory::v1::{Batch, Donation, DonationState, PledgeLine, ReceiptOutcome},
        log::v1::{OccurredAt, TimePrecision},
        registry::v1::LocalizedText,
        stock::v1::{TraceBatch, TraceFacility, TraceOrigin, TracePlace, TraceStep},
    };

    const ALL: Bounds = Bounds {
        steps: 20,
        depth: 30,
        entries: 400,
    };

    fn named(en: &str) -> LocalizedText {
        LocalizedText {
            en: en.to_owned(),
            ..LocalizedText::default()
        }
    }

    fn step(position: u64, event: &str, from: &str, to: &str, quantity: i64) -> TraceStep {
        TraceStep {
            position,
            event_id: format!("E-{position}"),
            r#type: format!("keruen.{event}"),
            occurred_at: Some(OccurredAt {
                time_us: 1_593_590_400_000_000,
                utc_offset_minutes: 360,
                precision: TimePrecision::Minute.into(),
                clamped: false,
            }),
            from_facility_id: from.to_owned(),
            facility_id: to.to_owned(),
            quantity,
            ..TraceStep::default()
        }
    }

    fn shipped(step: TraceStep) -> TraceStep {
        TraceStep {
            shipment_id: "S-1".to_owned(),
            request_id: "R-1".to_owned(),
            ..step
        }
    }

    fn place(status: TraceStatus, facility_id: &str, quantity: i64, since: u64) -> TracePlace {
        TracePlace {
            status: status.into(),
            facility_id: facility_id.to_owned(),
            quantity,
            owner_id: "MOH".to_owned(),
            since_position: since,
            ..TracePlace::default()
        }
    }

    fn facility(facility_id: &str, name: &str) -> TraceFacility {
        TraceFacility {
            facility_id: facility_id.to_owned(),
            facility_name: Some(named(name)),
            region_id: "KZ-62".to_owned(),
        }
    }

    fn batch() -> TraceBatch {
        let received = |quantity, outcome: ReceiptOutcome| TraceStep {
            outcome: outcome.into(),
            ..shipped(step(
                10,
                "shipments.v1.ShipmentReceived",
                "WH-1",
                "HOSP-1",
                quantity,
            ))
        };
        let lost = TracePlace {
            shipment_id: "S-1".to_owned(),
            ..place(TraceStatus::Lost, "HOSP-1", 2, 12)
        };
        let (sent, from, to) = ("shipments.v1.ShipmentDispatched", "WH-1", "HOSP-1");
        TraceBatch {
            batch: Some(Batch {
                batch_id: "B-1".to_owned(),
                donation_id: "D-1".to_owned(),
                item_id: "TEST-A".to_owned(),
                lot: "L\u{7}1".to_owned(),
                quantity: 100_000,
                ..Batch::default()
            }),
            places: vec![
                place(TraceStatus::OnHand, "WH-1", 60_000, 8),
                place(TraceStatus::OnHand, "HOSP-1", 39_893, 14),
                place(TraceStatus::Consumed, "HOSP-1", 105, 14),
                lost,
            ],
            steps: vec![
                step(5, "inventory.v1.DonationReceived", "", "WH-1", 100_000),
                shipped(step(
                    7,
                    "shipments.v1.ShipmentAllocated",
                    from,
                    from,
                    40_000,
                )),
                shipped(step(8, sent, from, to, 40_000)),
                received(39_990, ReceiptOutcome::Good),
                received(8, ReceiptOutcome::Damaged),
                received(2, ReceiptOutcome::Missing),
                shipped(step(12, "shipments.v1.LossActAccepted", from, to, 2)),
                step(13, "inventory.v1.StockConsumed", to, to, 100),
                step(14, "inventory.v1.StockConsumed", to, to, 5),
            ],
            ..TraceBatch::default()
        }
    }

    fn sample() -> GetTraceResponse {
        GetTraceResponse {
            donation: Some(Donation {
                donation_id: "D-1".to_owned(),
                donor_id: "KASPI".to_owned(),
                recipient_id: "MOH".to_owned(),
                state: DonationState::Received.into(),
                lines: vec![PledgeLine {
                    line: 1,
                    commodity_id: "TEST-SARS2".to_owned(),
                    quantity: 100_000,
                    received: 100_000,
                    ..PledgeLine::default()
                }],
                ..Donation::default()
            }),
            donor_name: Some(named("Kaspi Bank")),
            origins: vec![TraceOrigin {
                donation_id: "D-1".to_owned(),
                donor_id: "KASPI".to_owned(),
                donor_name: Some(named("Kaspi Bank")),
                anonymous: false,
            }],
            facilities: vec![
                facility("HOSP-1", "Hospital \"No. 1\" [#5]"),
                facility("WH-1", "Store"),
            ],
            batches: vec![batch()],
            position: 15,
            ..GetTraceResponse::default()
        }
    }

    fn plain(bounds: Bounds, width: usize) -> String {
        anstream::adapter::strip_str(&tree(&sample(), bounds, width)).to_string()
    }

    #[test]
    fn a_tree_leads_from_the_donor_to_where_everything_is() {
        assert_eq!(
            plain(ALL, 100),
            "\
donation D-1 of Kaspi Bank (KASPI) to MOH · received
│  pledged 100,000 TEST-SARS2, received 100,000
│
└─ batch B-1 · 100,000 TEST-A · lot L\u{fffd}1
   └─ donation received 100,000 at WH-1 Store, KZ-62 · #5 2020-07-01
      ├─ dispatched 40,000 WH-1 → HOSP-1 in S-1 · for R-1 · #8 2020-07-01
      │  ├─ received 39,998 at HOSP-1 Hospital \"No. 1\" [#5], KZ-62 · 8 damaged · #10 2020-07-01
      │  │  ├─ consumed 100 · #13 2020-07-01
      │  │  ├─ consumed 5 · #14 2020-07-01
      │  │  └─ 39,893 on hand · owner MOH · since #14 2020-07-01
      │  ├─ found missing 2 · #10 2020-07-01
      │  └─ loss act accepted 2 lost · #12 2020-07-01
      └─ 60,000 on hand · owner MOH · since #8 2020-07-01

sum  99,893 on hand + 105 consumed + 2 lost = 100,000
as of position 15
"
        );
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let some = Bounds {
            steps: 0,
            depth: 4,
            entries: 6,
        };
        assert_eq!(
            plain(some, 60),
            "\
donation D-1 of Kaspi Bank (KASPI) to MOH · received
│  pledged 100,000 TEST-SARS2, received 100,000
│
└─ batch B-1 · 100,000 TEST-A · lot L\u{fffd}1
   ├─ … 1 earlier step that moved nothing; see more with --steps
   └─ donation received 100,000 at WH-1 Store, KZ-62
      │    #5 2020-07-01
      ├─ dispatched 40,000 WH-1 → HOSP-1 in S-1 · for R-1
      │  │    #8 2020-07-01
      │  └─ … 4 left out; see more with --entries or --depth
      └─ … 1 left out; see more with --entries or --depth

sum  99,893 on hand + 105 consumed + 2 lost = 100,000
left out  5 of 11 entries
as of position 15
"
        );
    }

    #[test]
    fn a_graph_says_the_same_in_the_languages_of_programs() {
        let dot = drawn(&sample(), ALL, Language::Dot);
        for line in [
            "digraph trace {",
            "  n0 [label=\"Kaspi Bank\\nKASPI\", shape=ellipse];",
            "  n0 -> n1 [label=\"\"];",
            "[label=\"HOSP-1\\nHospital \\\"No. 1\\\" [#5]\\nKZ-62\"];",
            "[label=\"40,000 dispatched\\n#8 2020-07-01\\nfor R-1\"];",
            "[label=\"60,000\\nsince #8 2020-07-01\"];",
        ] {
            assert!(dot.contains(line), "{line} in {dot}");
        }
        let mermaid = drawn(&sample(), ALL, Language::Mermaid);
        for line in [
            "flowchart LR\n  n0([\"Kaspi Bank<br/>KASPI\"])\n",
            "\n  n0 --> n1\n",
            "[\"HOSP-1<br/>Hospital #34;No#46; 1#34; #91;#35;5#93;<br/>KZ-62\"]",
            "-->|\"40,000 dispatched<br/>#35;8 2020-07-01<br/>for R-1\"|",
        ] {
            assert!(mermaid.contains(line), "{line} in {mermaid}");
        }
    }

    #[test]
    fn a_graph_of_nothing_is_a_graph() {
        let nothing = GetTraceResponse::default();
        assert_eq!(
            drawn(&nothing, ALL, Language::Mermaid),
            "flowchart LR\n  nothing[/\"nothing has arrived yet\"/]"
        );
        let dot = drawn(&nothing, ALL, Language::Dot);
        assert!(dot.contains("nothing [label=\"nothing has arrived yet\", style=dashed];\n}"));
    }

    #[test]
    fn who_is_not_to_be_named_is_not_in_a_graph() {
        let mut trace = sample();
        trace.donation.as_mut().unwrap().anonymous = true;
        trace.origins[0].anonymous = true;
        trace.batches[0].places[0].owner_id = "KASPI".to_owned();
        let text = tree(&trace, ALL, 100);
        assert!(text.contains(" of KASPI, not to be named in public"));
        for language in [Language::Dot, Language::Mermaid] {
            let graph = drawn(&trace, ALL, language);
            assert!(graph.contains("anonymous donor"), "{graph}");
            assert!(!graph.to_lowercase().contains("kaspi"), "{graph}");
        }
    }

    #[test]
    fn every_place_has_its_row() {
        let rows = rows(&sample());
        assert_eq!(rows.len(), 4);
        assert!(rows.iter().all(|row| row.len() == COLUMNS.len()));
    }
}
