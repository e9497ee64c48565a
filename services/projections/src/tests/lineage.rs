//! Traces as graphs and trees, of histories in which everything happens.

use std::{cell::Cell, collections::BTreeSet};

use keruen_proto::{
    inventory::v1::AssetRef,
    stock::v1::{GetTraceResponse, TraceStatus, get_trace_request::Subject},
};
use proptest::prelude::*;

use super::{
    answers::{World, after, trace, world},
    history::{History, choices_from},
};
use crate::lineage::{Bounds, Cause, Graph, Thing, Tree, What};

/// What a trace of everything in a history answers: of donations, batches and assets, and of requests.
fn answers(world: &mut World) -> (Vec<GetTraceResponse>, Vec<GetTraceResponse>) {
    let mut batches = BTreeSet::new();
    let mut assets = BTreeSet::new();
    for tag in world.history.events.iter().flat_map(|event| &event.tags) {
        if let Some(id) = tag.strip_prefix("batch:") {
            batches.insert(id.to_owned());
        }
        if let Some((item_id, number)) =
            tag.strip_prefix("asset:").and_then(|it| it.split_once('/'))
        {
            let number = percent_encoding::percent_decode_str(number);
            assets.insert((
                item_id.to_owned(),
                number.decode_utf8().unwrap().into_owned(),
            ));
        }
    }
    let donations = world.history.donations.iter().cloned();
    let assets = assets.into_iter().map(|(item_id, serial_number)| {
        Subject::Asset(AssetRef {
            item_id,
            serial_number,
        })
    });
    let whole = donations.map(Subject::DonationId);
    let whole: Vec<Subject> = whole
        .chain(batches.into_iter().map(Subject::BatchId))
        .chain(assets)
        .collect();
    let requests = world.history.requests.iter().cloned();
    let requests: Vec<Subject> = requests.map(Subject::RequestId).collect();
    let connection = world.writer.connection();
    let answered = |subjects: Vec<Subject>| -> Vec<GetTraceResponse> {
        let answers = subjects.into_iter();
        answers
            .map(|subject| trace(connection, subject).unwrap())
            .collect()
    };
    (answered(whole), answered(requests))
}

/// What comes into a facility or shipment is what is there and what went out, and what a batch brought is where it is.
fn check_balance(graph: &Graph<'_>) {
    for (number, node) in graph.nodes.iter().enumerate() {
        let (came, went) = graph.balance(number);
        match &node.thing {
            Thing::Facility { .. } | Thing::Shipment { .. } => {
                assert_eq!(came, went, "{node:#?}");
            }
            Thing::Outcome { places, .. } => {
                let there: i64 = places.iter().map(|place| place.quantity).sum();
                assert_eq!(came - went, there, "{node:#?}");
            }
            _ => {}
        }
    }
}

/// Each edge stands in the tree once, and what is not shown is counted.
fn check_tree(graph: &Graph<'_>, bounds: Bounds) {
    let tree = Tree::of(graph, bounds);
    let mut edges = Vec::new();
    for entry in &tree.entries {
        match &entry.what {
            What::Edge { edge, .. } => edges.push(*edge),
            What::Earlier(earlier) => edges.extend(earlier),
            What::Root(_) | What::Note(_) | What::EarlierNotes(_) => {}
        }
    }
    edges.sort_unstable();
    assert_eq!(edges, (0..graph.edges.len()).collect::<Vec<_>>());
    let mut shown = 0;
    let mut level = tree.roots.clone();
    let mut depth = 0;
    while !level.is_empty() {
        assert!(depth <= bounds.depth);
        assert!(level.iter().all(|entry| tree.entries[*entry].is_shown));
        shown += level.len();
        let below = level.iter().flat_map(|it| &tree.entries[*it].children);
        level = below.copied().collect();
        depth += 1;
    }
    assert!(shown <= bounds.entries);
    assert_eq!(shown + tree.left_out, tree.entries.len());
}

const ALL: Bounds = Bounds {
    steps: usize::MAX,
    depth: usize::MAX,
    entries: usize::MAX,
};

#[test]
fn quantities_along_a_trace_add_up() {
    let corrected = |seed| History::with_changing_registry(&choices_from(seed, 900));
    let worlds = [world(), after(corrected(7)), after(corrected(8))];
    let (mut whole, mut of_requests) = (Vec::new(), Vec::new());
    for mut world in worlds {
        let (more, of_more_requests) = answers(&mut world);
        whole.extend(more);
        of_requests.extend(of_more_requests);
    }
    let (mut statuses, mut splits, mut kits, mut undone) = (BTreeSet::new(), 0, 0, 0);
    for answer in &whole {
        let graph = Graph::of(answer);
        check_balance(&graph);
        check_tree(&graph, ALL);
        for edge in &graph.edges {
            let (from, to) = (&graph.nodes[edge.from].thing, &graph.nodes[edge.to].thing);
            assert!(!matches!(edge.cause, Cause::Untold), "{from:?} {to:?}");
            if let Thing::Outcome { status, .. } = to {
                let is_there = matches!(
                    status,
                    TraceStatus::OnHand | TraceStatus::InTransit | TraceStatus::Missing
                );
                let is_now = matches!(edge.cause, Cause::Since(_));
                assert_eq!(is_now, is_there, "{from:?} {edge:?}");
                statuses.insert(*status);
            }
            let both = (from, to);
            splits += u32::from(matches!(
                both,
                (Thing::Shipment { .. }, Thing::Shipment { .. })
            ));
            kits += u32::from(matches!(
                both,
                (
                    Thing::Outcome { .. },
                    Thing::Facility { .. } | Thing::Batch { .. }
                )
            ));
            undone += u32::from(edge.quantity < 0);
        }
    }
    assert_eq!(statuses.len(), 8, "{statuses:?}");
    assert!(
        splits > 0 && kits > 0 && undone > 0,
        "{splits} {kits} {undone}"
    );
    for answer in &of_requests {
        let graph = Graph::of(answer);
        check_balance(&graph);
        // What a request got has come from its donor, step by step.
        for edge in &graph.edges {
            if let (Thing::Facility { .. }, Cause::Untold) =
                (&graph.nodes[edge.to].thing, &edge.cause)
            {
                panic!("{edge:?} of {graph:#?}");
            }
        }
    }
}

#[test]
fn every_way_begins_with_a_donor() {
    let mut world = world();
    let (whole, of_requests) = answers(&mut world);
    let mut served = 0;
    for answer in whole.iter().chain(&of_requests) {
        let graph = Graph::of(answer);
        let tree = Tree::of(&graph, ALL);
        for root in &tree.roots {
            let root = &graph.nodes[tree.node_of(&graph, *root).unwrap()];
            assert!(matches!(root.thing, Thing::Donor { .. }), "{root:#?}");
        }
        let homeless = graph.nodes.iter().enumerate().find(|(number, _)| {
            let is_used = graph
                .edges
                .iter()
                .any(|it| it.from == *number || it.to == *number);
            is_used && tree.home(*number).is_none()
        });
        assert!(homeless.is_none(), "{homeless:#?}");
        served += u32::from(answer.request.is_some() && !answer.origins.is_empty());
    }
    assert!(served > 3);
}

#[test]
fn quantities_add_up_without_the_oldest_steps() {
    let mut world = world();
    let (whole, _) = answers(&mut world);
    let untold = Cell::new(0);
    let cases = (
        0..whole.len(),
        any::<prop::sample::Index>(),
        0..30_usize,
        0..12_usize,
        0..40_usize,
    );
    proptest!(ProptestConfig::with_cases(200), |((number, cut, steps, depth, entries) in cases)| {
        let mut answer = whole[number].clone();
        for traced in &mut answer.batches {
            let cut = cut.index(traced.steps.len() + 1);
            traced.steps.drain(..cut);
        }
        let graph = Graph::of(&answer);
        check_balance(&graph);
        check_tree(&graph, Bounds { steps, depth, entries });
        check_tree(&graph, ALL);
        for edge in &graph.edges {
            if matches!(edge.cause, Cause::Untold) {
                prop_assert!(edge.quantity >= 0, "{edge:?}");
                untold.set(untold.get() + 1);
            }
            prop_assert!(!matches!(graph.nodes[edge.to].thing, Thing::Elsewhere), "{edge:?}");
        }
    });
    assert!(untold.get() > 0);
}
