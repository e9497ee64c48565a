//! A trace as nodes and edges with labels, for programs that draw graphs.

use std::collections::BTreeSet;

use keruen_projections::lineage::{Cause, Edge, Graph, Thing, Tree, What};
use keruen_proto::stock::v1::{GetTraceResponse, TracePlace, TraceStatus};

use super::{
    text::grouped_count,
    words::{self, BatchWords},
};
use crate::{
    client::failure::one_line,
    render::record::{grouped, name},
};

/// Who is not to be named in public.
const ANONYMOUS: &str = "anonymous donor";

/// How a node looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Donors.
    Oval,
    /// Donations, batches and facilities.
    Box,
    /// Shipments.
    Round,
    /// Where units are now, and what became of them.
    Pill,
    /// What is left out.
    Dashed,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Letters and digits.
    pub id: String,
    /// How it looks.
    pub shape: Shape,
    /// Lines of text as people read them.
    pub label: Vec<String>,
}

/// An edge.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// Id of a node.
    pub from: String,
    /// Id of a node.
    pub to: String,
    /// Lines of text as people read them; none where there is nothing to say.
    pub label: Vec<String>,
    /// Whether it says that something did not happen, or what is left out.
    pub is_dashed: bool,
}

/// A trace as nodes and edges.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The nodes; one at least.
    pub nodes: Vec<Dot>,
    /// The edges.
    pub edges: Vec<Arrow>,
}

impl Picture {
    /// Of what a tree shows.
    pub fn of(trace: &GetTraceResponse, graph: &Graph<'_>, tree: &Tree<'_>) -> Self {
        let mut picture = Self::default();
        let mut known = BTreeSet::new();
        let mut left_out = 0;
        for (number, entry) in tree.entries.iter().enumerate() {
            if !entry.is_shown {
                continue;
            }
            let ends = match &entry.what {
                What::Root(node) => vec![*node],
                What::Edge { edge, .. } => vec![graph.edges[*edge].from, graph.edges[*edge].to],
                What::Earlier(edges) => edges.first().map_or_else(Vec::new, |edge| {
                    vec![graph.edges[*edge].from, graph.edges[*edge].to]
                }),
                What::Note(_) | What::EarlierNotes(_) => continue,
            };
            for node in &ends {
                if known.insert(*node) {
                    picture.nodes.push(dot(graph, *node));
                }
            }
            match &entry.what {
                What::Edge { edge, .. } => {
                    picture.edges.push(arrow(graph, &graph.edges[*edge]));
                }
                What::Earlier(edges) => picture.edges.extend(earlier(graph, edges)),
                _ => {}
            }
            if let Some(node) = ends.last().filter(|_| entry.left_out > 0) {
                left_out += entry.left_out;
                picture.leave_out(number, entry.left_out, Some(*node));
            }
        }
        if tree.left_out > left_out {
            picture.leave_out(tree.entries.len(), tree.left_out - left_out, None);
        }
        picture.unname(graph);
        if trace.batches.is_empty() {
            picture.say_that_nothing_came(trace);
        }
        picture
    }

    /// A graph goes from hand to hand: who is not to be named in public is not named in it, also not as an owner.
    fn unname(&mut self, graph: &Graph<'_>) {
        let unnamed: BTreeSet<&str> = graph
            .nodes
            .iter()
            .filter_map(|node| match &node.thing {
                Thing::Donor {
                    donor_id,
                    is_anonymous: true,
                    ..
                } => Some(*donor_id),
                _ => None,
            })
            .collect();
        let nodes = self.nodes.iter_mut().map(|node| &mut node.label);
        let edges = self.edges.iter_mut().map(|edge| &mut edge.label);
        for line in nodes.chain(edges).flatten() {
            let names_somebody = ["owner ", "liable ", "now of "];
            if names_somebody.iter().any(|it| line.starts_with(it)) {
                *line = without(line, &unnamed);
            }
        }
    }

    fn leave_out(&mut self, entry: usize, count: usize, from: Option<usize>) {
        let id = format!("more{entry}");
        self.nodes.push(Dot {
            id: id.clone(),
            shape: Shape::Dashed,
            label: vec![format!("… {} left out", grouped_count(count))],
        });
        self.edges.extend(from.map(|from| Arrow {
            from: node_id(from),
            to: id,
            label: Vec::new(),
            is_dashed: true,
        }));
    }

    fn say_that_nothing_came(&mut self, trace: &GetTraceResponse) {
        let mut label = vec!["nothing has arrived yet".to_owned()];
        if let Some(request) = &trace.request {
            label.insert(0, words::label("request", &request.request_id));
        }
        let from = self.nodes.last().map(|node| node.id.clone());
        let id = "nothing".to_owned();
        self.nodes.push(Dot {
            id: id.clone(),
            shape: Shape::Dashed,
            label,
        });
        self.edges.extend(from.map(|from| Arrow {
            from,
            to: id,
            label: Vec::new(),
            is_dashed: true,
        }));
    }
}

/// A line of ids without some of them.
fn without(line: &str, unnamed: &BTreeSet<&str>) -> String {
    let words = line.split(' ').map(|word| {
        let id = word.trim_end_matches(',');
        if unnamed.contains(id) {
            word.replacen(id, ANONYMOUS, 1)
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn node_id(node: usize) -> String {
    format!("n{node}")
}

fn dot(graph: &Graph<'_>, node: usize) -> Dot {
    let (shape, label) = match &graph.nodes[node].thing {
        Thing::Donor {
            donor_id,
            name: known,
            is_anonymous,
        } => (Shape::Oval, donor(donor_id, &name(*known), *is_anonymous)),
        Thing::Donation { donation_id } => {
            (Shape::Box, vec![words::label("donation", donation_id)])
        }
        Thing::Batch { batch_id, traced } => {
            let mut label = vec![words::label("batch", batch_id)];
            if let Some(traced) = traced {
                let words = BatchWords::of(traced);
                label.extend(words.facts);
                label.extend(words.warnings);
            }
            (Shape::Box, label)
        }
        Thing::Facility { facility_id } => (Shape::Box, facility(graph, facility_id)),
        Thing::Shipment {
            shipment_id,
            from_facility_id: from,
            facility_id: to,
        } => {
            let mut label = vec![words::label("shipment", shipment_id)];
            if !to.is_empty() {
                label.push(format!("{from} → {to}").trim().to_owned());
            }
            (Shape::Round, label)
        }
        Thing::Outcome { status, places } => (Shape::Pill, outcome(graph, *status, places)),
        Thing::Elsewhere => (Shape::Dashed, vec!["other, not told here".to_owned()]),
    };
    Dot {
        id: node_id(node),
        shape,
        label,
    }
}

fn donor(donor_id: &str, donor_name: &str, is_anonymous: bool) -> Vec<String> {
    if is_anonymous {
        return vec![ANONYMOUS.to_owned()];
    }
    if donor_id.is_empty() {
        return vec!["donor unknown".to_owned()];
    }
    let mut label = vec![one_line(donor_name), donor_id.to_owned()];
    label.retain(|it| !it.is_empty());
    label.dedup();
    label
}

fn facility(graph: &Graph<'_>, facility_id: &str) -> Vec<String> {
    let (known, region_id) = graph.facility(facility_id);
    let known = one_line(&name(known));
    let mut label = vec![facility_id.to_owned(), known, region_id.to_owned()];
    label.retain(|it| !it.is_empty());
    label.dedup();
    label
}

fn outcome(graph: &Graph<'_>, status: TraceStatus, places: &[&TracePlace]) -> Vec<String> {
    let sum = places
        .iter()
        .fold(0_i64, |sum, place| sum.saturating_add(place.quantity));
    let at = places.first().map(|place| match status {
        TraceStatus::InTransit | TraceStatus::Missing => {
            format!("to {}", words::facility(graph, &place.facility_id))
        }
        _ => format!("at {}", words::facility(graph, &place.facility_id)),
    });
    let mut label = vec![format!("{} {}", grouped(sum), words::status(status))];
    label.extend(at);
    label.extend(words::whereabouts(places));
    label
}

fn arrow(graph: &Graph<'_>, edge: &Edge<'_>) -> Arrow {
    let quantity = grouped(edge.quantity);
    let label = match &edge.cause {
        Cause::Belonging if edge.quantity > 0 => vec![format!("{quantity} in each kit")],
        Cause::Belonging => Vec::new(),
        Cause::Since(position) => {
            let when = words::when(graph, *position);
            vec![quantity, words::label("since", &when)]
        }
        Cause::Untold if matches!(graph.nodes[edge.to].thing, Thing::Elsewhere) => vec![quantity],
        Cause::Untold => vec![quantity, "that were there".to_owned()],
        Cause::Steps(steps) => {
            let what = words::happened(steps);
            let end = words::end(graph, edge, &what);
            let mut label = vec![
                format!("{quantity} {what}{end}"),
                words::when(graph, edge.position()),
            ];
            label.push(words::requests(steps));
            label.extend(words::remarks(steps));
            label
        }
    };
    Arrow {
        from: node_id(edge.from),
        to: node_id(edge.to),
        label: label.into_iter().filter(|it| !it.is_empty()).collect(),
        is_dashed: edge.quantity < 0 || matches!(edge.cause, Cause::Untold),
    }
}

/// One arrow for all earlier steps.
fn earlier(graph: &Graph<'_>, edges: &[usize]) -> Option<Arrow> {
    let first = &graph.edges[*edges.first()?];
    let last = &graph.edges[*edges.last()?];
    if edges.len() == 1 {
        return Some(arrow(graph, first));
    }
    let sum = edges.iter().fold(0_i64, |sum, edge| {
        sum.saturating_add(graph.edges[*edge].quantity)
    });
    Some(Arrow {
        from: node_id(first.from),
        to: node_id(first.to),
        label: vec![
            format!("{} in {} steps", grouped(sum), grouped_count(edges.len())),
            words::label("until", &words::when(graph, last.position())),
        ],
        is_dashed: false,
    })
}
