//! A trace as a tree of lines.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use keruen_projections::lineage::{Cause, Edge, Graph, Thing, Tree, What};
use keruen_proto::{
    EventType,
    shipments::v1::ShipmentDiverted,
    stock::v1::{GetTraceResponse, TraceBatch, TracePlace, TraceStatus, TraceStep},
};

use super::{
    summary,
    words::{self, BatchWords},
};
use crate::{
    client::failure::one_line,
    render::record::{grouped, name},
};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default();
/// A narrower terminal gets lines of so many columns.
const MIN_WIDTH: usize = 40;

/// What an entry of the tree says: the first part, and what follows it behind dots.
type Parts = Vec<String>;

/// Draws a tree.
pub(super) struct Drawing<'d, 'a> {
    trace: &'a GetTraceResponse,
    graph: &'d Graph<'a>,
    tree: &'d Tree<'a>,
    width: usize,
    lines: Vec<String>,
    drawn: BTreeSet<usize>,
}

/// An entry that is to be drawn, behind what stands left of it.
enum Open {
    Entry {
        entry: usize,
        branch: String,
        stem: String,
    },
    /// How many entries are left out.
    LeftOut(usize, String),
}

impl<'d, 'a> Drawing<'d, 'a> {
    /// Of a trace, in so many columns.
    pub(super) fn new(
        trace: &'a GetTraceResponse,
        graph: &'d Graph<'a>,
        tree: &'d Tree<'a>,
        width: usize,
    ) -> Self {
        Self {
            trace,
            graph,
            tree,
            width: width.max(MIN_WIDTH),
            lines: Vec::new(),
            drawn: BTreeSet::new(),
        }
    }

    /// The lines.
    pub(super) fn lines(mut self) -> Vec<String> {
        for root in self.tree.roots.clone() {
            for entry in self.tops(root) {
                if !self.lines.is_empty() {
                    self.lines.push(String::new());
                }
                self.draw(entry);
            }
        }
        self.lines
    }

    /// The entries that stand left: donations, which name their donors, or whatever has none.
    fn tops(&self, root: usize) -> Vec<usize> {
        let node = self.tree.node_of(self.graph, root);
        let thing = node.map(|node| &self.graph.nodes[node].thing);
        let children = &self.tree.entries[root].children;
        match thing {
            Some(Thing::Donor { donor_id, .. }) if !donor_id.is_empty() && !children.is_empty() => {
                children.clone()
            }
            _ => vec![root],
        }
    }

    fn draw(&mut self, top: usize) {
        let mut open = vec![Open::Entry {
            entry: top,
            branch: String::new(),
            stem: String::new(),
        }];
        while let Some(next) = open.pop() {
            match next {
                Open::Entry {
                    entry,
                    branch,
                    stem,
                } => {
                    if self.is_batch(entry) && !stem.is_empty() {
                        let above = branch.replace("├─ ", "│").replace("└─ ", "│");
                        self.lines.push(above);
                    }
                    self.drawn.insert(entry);
                    let children = self.below(entry, &stem);
                    let below = if children.is_empty() {
                        stem.clone()
                    } else {
                        format!("{stem}│  ")
                    };
                    let parts = self.parts(entry);
                    self.push(&parts, &branch, &below);
                    for line in self.details(entry) {
                        self.push(&[line], &below, &below);
                    }
                    open.extend(children.into_iter().rev());
                }
                Open::LeftOut(count, branch) => {
                    let more = "left out; see more with --entries or --depth";
                    self.lines.push(format!(
                        "{branch}{DIM}… {} {more}{DIM:#}",
                        grouped_count(count)
                    ));
                }
            }
        }
    }

    fn is_batch(&self, entry: usize) -> bool {
        let node = self.tree.node_of(self.graph, entry);
        node.is_some_and(|node| matches!(self.graph.nodes[node].thing, Thing::Batch { .. }))
    }

    fn below(&self, entry: usize, stem: &str) -> Vec<Open> {
        let entry = &self.tree.entries[entry];
        let all = entry.children.len() + usize::from(entry.left_out > 0);
        let ends = |number| {
            if number + 1 == all {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            }
        };
        let mut below = Vec::with_capacity(all);
        for (number, child) in entry.children.iter().enumerate() {
            let (branch, further) = ends(number);
            below.push(Open::Entry {
                entry: *child,
                branch: format!("{stem}{branch}"),
                stem: format!("{stem}{further}"),
            });
        }
        if entry.left_out > 0 {
            below.push(Open::LeftOut(entry.left_out, format!("{stem}└─ ")));
        }
        below
    }

    /// Adds a line, or several where it is too long.
    fn push(&mut self, parts: &[String], first: &str, below: &str) {
        let mut line = first.to_owned();
        let mut is_begun = false;
        for part in parts {
            let dot = if is_begun { " · " } else { "" };
            if is_begun && columns(&line) + columns(dot) + columns(part) > self.width {
                self.lines.push(std::mem::take(&mut line));
                line = format!("{below}  {part}");
            } else {
                line.push_str(dot);
                line.push_str(part);
            }
            is_begun = true;
        }
        self.lines.push(line);
    }

    fn parts(&self, entry: usize) -> Parts {
        let mut parts = match &self.tree.entries[entry].what {
            What::Root(node) => self.node(*node),
            What::Edge { edge, is_told } => {
                let edge = &self.graph.edges[*edge];
                let mut parts = self.edge(edge);
                parts.extend(is_told.then(|| self.told_elsewhere(edge.to)).flatten());
                parts
            }
            What::Earlier(edges) => self.earlier(edges),
            What::Note(step) => self.note(entry, step),
            What::EarlierNotes(count) => {
                let noun = if *count == 1 { "step" } else { "steps" };
                let count = grouped_count(*count);
                vec![format!(
                    "{DIM}… {count} earlier {noun} that moved nothing; see more with --steps{DIM:#}"
                )]
            }
        };
        parts.retain(|part| !part.is_empty());
        parts
    }

    /// Where what lies beyond an edge is told, unless nothing does.
    fn told_elsewhere(&self, node: usize) -> Option<String> {
        let home = self.tree.home(node)?;
        if self.tree.entries[home].children.is_empty() {
            return None;
        }
        let side = if self.drawn.contains(&home) {
            "above"
        } else {
            "below"
        };
        Some(format!("{DIM}goes on {side}{DIM:#}"))
    }

    fn node(&self, node: usize) -> Parts {
        match &self.graph.nodes[node].thing {
            Thing::Donor { donor_id: "", .. } => {
                vec![format!("{BOLD}donor unknown{BOLD:#}")]
            }
            Thing::Donor {
                donor_id,
                name: known,
                is_anonymous,
            } => vec![format!(
                "{BOLD}donor{BOLD:#} {}",
                words::donor(donor_id, &name(*known), *is_anonymous)
            )],
            Thing::Donation { donation_id } => self.donation(node, donation_id),
            Thing::Batch { batch_id, traced } => batch(batch_id, *traced),
            Thing::Facility { facility_id } => vec![words::facility(self.graph, facility_id)],
            Thing::Shipment { shipment_id, .. } => vec![words::label("shipment", shipment_id)],
            Thing::Outcome { status, .. } => vec![words::status(*status)],
            Thing::Elsewhere => vec!["elsewhere".to_owned()],
        }
    }

    fn donation(&self, node: usize, donation_id: &str) -> Parts {
        let mut edges = self.graph.edges.iter();
        let of = edges.find(|edge| edge.to == node);
        let donor = of.map(|edge| &self.graph.nodes[edge.from].thing);
        let donor = match donor {
            Some(Thing::Donor {
                donor_id,
                name: known,
                is_anonymous,
            }) => words::donor(donor_id, &name(*known), *is_anonymous),
            _ => String::new(),
        };
        let asked = self.trace.donation.as_ref();
        let asked = asked.filter(|donation| donation.donation_id == donation_id);
        let head = format!(
            "{BOLD}donation {donation_id}{BOLD:#}{}{}",
            if donor.is_empty() { "" } else { " of " },
            donor
        );
        match asked {
            Some(donation) => summary::donation(&head, donation),
            None => vec![head],
        }
    }

    /// Lines of their own below an entry.
    fn details(&self, entry: usize) -> Vec<String> {
        let node = self.tree.node_of(self.graph, entry);
        let thing = node.map(|node| &self.graph.nodes[node].thing);
        match (thing, &self.trace.donation) {
            (Some(Thing::Donation { donation_id }), Some(donation))
                if *donation_id == donation.donation_id =>
            {
                summary::pledge(donation)
            }
            _ => Vec::new(),
        }
    }

    fn edge(&self, edge: &Edge<'a>) -> Parts {
        let quantity = grouped(edge.quantity);
        match (&edge.cause, &self.graph.nodes[edge.to].thing) {
            (Cause::Steps(steps), to) => self.steps(edge, steps, to),
            (Cause::Since(position), Thing::Outcome { status, places }) => {
                self.now(edge, *position, *status, places)
            }
            (Cause::Untold, Thing::Facility { facility_id }) => vec![format!(
                "{quantity} that were at {}",
                words::facility(self.graph, facility_id)
            )],
            (Cause::Untold, Thing::Shipment { .. }) => {
                vec![format!("had left: {}", self.shipment(edge))]
            }
            (Cause::Untold, _) => vec![format!("{quantity} other, not told here")],
            (Cause::Belonging, Thing::Batch { .. }) if edge.quantity > 0 => {
                let mut parts = self.node(edge.to);
                parts.insert(1, format!("{quantity} in each kit"));
                parts
            }
            _ => self.node(edge.to),
        }
    }

    fn steps(&self, edge: &Edge<'a>, steps: &[&TraceStep], to: &Thing<'a>) -> Parts {
        let Some(first) = steps.first() else {
            return Vec::new();
        };
        let quantity = grouped(edge.quantity);
        let what = words::happened(steps);
        let came_off = match (&self.graph.nodes[edge.from].thing, to) {
            (Thing::Batch { .. }, _) => words::label("shipment", &first.shipment_id),
            _ => String::new(),
        };
        let head = match to {
            Thing::Facility { facility_id } => format!(
                "{what} {quantity} at {}",
                words::facility(self.graph, facility_id)
            ),
            Thing::Shipment { .. } => format!("{what} {}", self.shipment(edge)),
            Thing::Outcome { .. } => {
                let end = words::end(self.graph, edge, &what);
                let style = style(self.status(edge.to));
                format!("{what} {quantity}{style}{end}{style:#}")
            }
            _ => format!("{what} {quantity}"),
        };
        let mut parts = vec![head, came_off];
        if matches!(to, Thing::Shipment { .. }) {
            parts.push(words::requests(steps));
        }
        parts.extend(words::remarks(steps));
        parts.push(self.when(first.position));
        parts
    }

    /// `40,000 WH-1 → HOSP-1 in S-1`.
    fn shipment(&self, edge: &Edge<'a>) -> String {
        let quantity = grouped(edge.quantity);
        let Thing::Shipment {
            shipment_id,
            from_facility_id: from,
            facility_id: to,
        } = &self.graph.nodes[edge.to].thing
        else {
            return quantity;
        };
        let way = match (from.is_empty(), to.is_empty()) {
            (_, true) => String::new(),
            (true, false) => format!(" → {to}"),
            (false, false) => format!(" {from} → {to}"),
        };
        format!("{quantity}{way} in {BOLD}{shipment_id}{BOLD:#}")
    }

    fn now(
        &self,
        edge: &Edge<'a>,
        position: u64,
        status: TraceStatus,
        places: &[&TracePlace],
    ) -> Parts {
        let style = style(status);
        let to = match (status, places.first()) {
            (TraceStatus::InTransit | TraceStatus::Missing, Some(place)) => {
                format!(" to {}", words::facility(self.graph, &place.facility_id))
            }
            _ => String::new(),
        };
        let status = words::status(status);
        let quantity = grouped(edge.quantity);
        let mut parts = vec![format!("{quantity} {style}{status}{style:#}{to}")];
        parts.extend(words::whereabouts(places));
        parts.extend(self.for_shipment(edge, places));
        let when = words::when(self.graph, position);
        if !when.is_empty() {
            parts.push(format!("{DIM}since {when}{DIM:#}"));
        }
        parts
    }

    /// The shipment that units at rest are claimed by, where the answer says so.
    fn for_shipment(&self, edge: &Edge<'a>, places: &[&TracePlace]) -> Option<String> {
        let is_at_rest = matches!(self.graph.nodes[edge.from].thing, Thing::Facility { .. });
        let place = places.first().filter(|_| is_at_rest)?;
        Some(words::label("for shipment", &place.shipment_id)).filter(|it| !it.is_empty())
    }

    fn earlier(&self, edges: &[usize]) -> Parts {
        let edges: Vec<&Edge<'a>> = edges.iter().map(|it| &self.graph.edges[*it]).collect();
        let Some(last) = edges.last() else {
            return Vec::new();
        };
        if let [only] = edges.as_slice() {
            return self.edge(only);
        }
        let sum = edges
            .iter()
            .fold(0_i64, |sum, edge| sum.saturating_add(edge.quantity));
        let status = self.status(last.to);
        let style = style(status);
        vec![
            format!(
                "{} {style}{}{style:#} in {} earlier steps",
                grouped(sum),
                words::status(status),
                grouped_count(edges.len())
            ),
            format!(
                "{DIM}until {}{DIM:#}",
                words::when(self.graph, last.position())
            ),
        ]
    }

    fn status(&self, node: usize) -> TraceStatus {
        match &self.graph.nodes[node].thing {
            Thing::Outcome { status, .. } => *status,
            _ => TraceStatus::Unspecified,
        }
    }

    /// Something that moved nothing; where it stands tells at which facility or in which shipment.
    fn note(&self, entry: usize, step: &TraceStep) -> Parts {
        let above = self.tree.node_above(self.graph, entry);
        let above = above.map(|node| &self.graph.nodes[node].thing);
        let is_in_shipment = matches!(above, Some(Thing::Shipment { .. }));
        let way = match (step.from_facility_id.as_str(), step.facility_id.as_str()) {
            ("", "") => String::new(),
            _ if matches!(above, Some(Thing::Facility { .. })) => String::new(),
            (from, to) if from == to || from.is_empty() => format!(" at {to}"),
            _ if is_in_shipment && step.r#type != ShipmentDiverted::TYPE => String::new(),
            (from, to) => format!(" {from} → {to}"),
        };
        let quantity = if step.quantity == 0 {
            String::new()
        } else {
            format!(" {}", grouped(step.quantity))
        };
        let shipment = if is_in_shipment {
            ""
        } else {
            &step.shipment_id
        };
        let mut parts = vec![
            format!("{}{quantity}{way}", words::happened(&[step])),
            words::label("shipment", shipment),
        ];
        if !is_in_shipment {
            parts.push(words::requests(&[step]));
        }
        parts.extend(words::remarks(&[step]));
        parts.push(self.when(step.position));
        parts
    }

    fn when(&self, position: u64) -> String {
        format!("{DIM}{}{DIM:#}", words::when(self.graph, position))
    }
}

fn batch(batch_id: &str, traced: Option<&TraceBatch>) -> Parts {
    let mut parts = vec![format!("{BOLD}batch {}{BOLD:#}", one_line(batch_id))];
    if let Some(traced) = traced {
        let words = BatchWords::of(traced);
        parts.extend(words.facts);
        let warnings = words.warnings.into_iter();
        parts.extend(warnings.map(|it| format!("{RED}{it}{RED:#}")));
    }
    parts
}

fn style(status: TraceStatus) -> Style {
    match status {
        TraceStatus::OnHand => AnsiColor::Green.on_default(),
        TraceStatus::InTransit => AnsiColor::Yellow.on_default(),
        TraceStatus::Missing | TraceStatus::Lost => AnsiColor::Red.on_default(),
        _ => Style::new(),
    }
}

/// Columns of a text on the terminal.
fn columns(text: &str) -> usize {
    anstream::adapter::strip_str(text)
        .to_string()
        .chars()
        .count()
}

pub(super) fn grouped_count(count: usize) -> String {
    grouped(i64::try_from(count).unwrap_or(i64::MAX))
}
