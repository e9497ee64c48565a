//! Makes the graph of a trace, step by step.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::code::UNATTRIBUTED;
use keruen_proto::{
    EventType,
    registry::v1::LocalizedText,
    shipments::v1::ShipmentAllocated,
    stock::v1::{GetTraceResponse, TraceBatch, TracePlace, TraceStatus, TraceStep},
};

use super::{
    flow::{Flow, Spot, flow},
    graph::{Cause, Edge, Node, Thing},
};

/// What tells nodes apart. Numbers are nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Donor(&'a str),
    /// The donor of a donation who is not to be named for it.
    Unnamed(&'a str),
    Donation(&'a str),
    Batch(&'a str),
    Facility(usize, &'a str),
    Shipment(usize, &'a str),
    /// Units that are gone: of a batch, with what became of them, where, and from which shipment.
    End(usize, i32, &'a str, &'a str),
    /// Units that are there: of a batch, by the number of their place.
    Now(usize, usize),
    /// Beyond a node.
    Elsewhere(usize),
}

/// Who gave a donation.
#[derive(Clone, Copy)]
struct Donor<'a> {
    id: &'a str,
    name: Option<&'a LocalizedText>,
    is_anonymous: bool,
}

/// A graph in the making.
#[derive(Default)]
pub(super) struct Weaver<'a> {
    nodes: Vec<Node<'a>>,
    edges: Vec<Edge<'a>>,
    known: BTreeMap<Key<'a>, usize>,
    /// Per node, what came and went so far.
    balances: Vec<i64>,
    /// Per donation.
    donors: BTreeMap<&'a str, Donor<'a>>,
    /// Of one unit of an asset; of batches nobody says which units turn up again.
    is_of_unit: bool,
    /// What became of the unit, while it is gone.
    gone: Option<Spot<'a>>,
    /// Where it was gone before it turned up last.
    turned_up: Option<Spot<'a>>,
}

impl<'a> Weaver<'a> {
    /// Takes in an answer.
    pub(super) fn take(&mut self, trace: &'a GetTraceResponse) {
        let given = trace.donation.iter().map(|it| {
            let donor = Donor {
                id: &it.donor_id,
                name: trace.donor_name.as_ref(),
                is_anonymous: it.anonymous,
            };
            (&*it.donation_id, donor)
        });
        let origins = trace.origins.iter().map(|it| {
            let donor = Donor {
                id: &it.donor_id,
                name: it.donor_name.as_ref(),
                is_anonymous: it.anonymous,
            };
            (&*it.donation_id, donor)
        });
        self.donors = given.chain(origins).collect();
        self.is_of_unit = trace.asset.is_some();
        if let Some(donation) = &trace.donation {
            self.donation(&donation.donation_id);
        }
        let mut batches = Vec::new();
        for traced in &trace.batches {
            let Some(batch) = &traced.batch else { continue };
            let node = self.batch(&batch.batch_id, Some(traced));
            batches.push((node, traced));
        }
        for (node, traced) in &batches {
            self.take_batch(*node, traced);
        }
        for (node, traced) in batches {
            self.take_origin(node, traced);
        }
    }

    /// The nodes and edges.
    pub(super) fn finish(self) -> (Vec<Node<'a>>, Vec<Edge<'a>>) {
        (self.nodes, self.edges)
    }

    fn node(&mut self, key: Key<'a>, batch: Option<usize>, thing: Thing<'a>) -> usize {
        let next = self.nodes.len();
        let node = *self.known.entry(key).or_insert(next);
        if node == next {
            self.nodes.push(Node {
                thing,
                batch: batch.unwrap_or(next),
                notes: Vec::new(),
            });
            self.balances.push(0);
        }
        node
    }

    fn edge(&mut self, from: usize, to: usize, quantity: i64, cause: Cause<'a>) {
        let edge = Edge {
            from,
            to,
            quantity,
            cause,
        };
        if edge.is_counted() {
            self.balances[to] = self.balances[to].saturating_add(quantity);
            self.balances[from] = self.balances[from].saturating_sub(quantity);
        }
        self.edges.push(edge);
    }

    fn donor(&mut self, key: Key<'a>, donor: Donor<'a>) -> usize {
        let thing = Thing::Donor {
            donor_id: donor.id,
            name: donor.name,
            is_anonymous: donor.is_anonymous,
        };
        self.node(key, None, thing)
    }

    /// A donation, behind its donor.
    fn donation(&mut self, donation_id: &'a str) -> usize {
        let donor = self.donors.get(donation_id).copied();
        let donor = donor.map(|donor| {
            // Who is not to be named for one gift is another node than who is for the next one.
            let key = if donor.is_anonymous {
                Key::Unnamed(donation_id)
            } else {
                Key::Donor(donor.id)
            };
            self.donor(key, donor)
        });
        let is_new = !self.known.contains_key(&Key::Donation(donation_id));
        let node = self.node(
            Key::Donation(donation_id),
            None,
            Thing::Donation { donation_id },
        );
        if let Some(donor) = donor.filter(|_| is_new) {
            self.edge(donor, node, 0, Cause::Belonging);
        }
        node
    }

    fn batch(&mut self, batch_id: &'a str, traced: Option<&'a TraceBatch>) -> usize {
        let thing = Thing::Batch { batch_id, traced };
        self.node(Key::Batch(batch_id), None, thing)
    }

    fn facility(&mut self, batch: usize, facility_id: &'a str) -> usize {
        let thing = Thing::Facility { facility_id };
        self.node(Key::Facility(batch, facility_id), Some(batch), thing)
    }

    fn shipment(&mut self, batch: usize, shipment_id: &'a str) -> usize {
        let thing = Thing::Shipment {
            shipment_id,
            from_facility_id: "",
            facility_id: "",
        };
        self.node(Key::Shipment(batch, shipment_id), Some(batch), thing)
    }

    fn spot(&mut self, batch: usize, spot: Spot<'a>) -> usize {
        match spot {
            Spot::Source => batch,
            Spot::Facility(id) => self.facility(batch, id),
            Spot::Shipment(id) => self.shipment(batch, id),
            Spot::End(status, facility_id, shipment_id) => {
                let key = Key::End(batch, status.into(), facility_id, shipment_id);
                let places = Vec::new();
                self.node(key, Some(batch), Thing::Outcome { status, places })
            }
        }
    }

    fn take_batch(&mut self, batch: usize, traced: &'a TraceBatch) {
        let first = self.edges.len();
        let steps = traced.steps.iter();
        let by_id: BTreeMap<&str, &TraceStep> =
            steps.rev().map(|step| (&*step.event_id, step)).collect();
        for step in &traced.steps {
            let corrected = by_id.get(step.corrects_event_id.as_str()).copied();
            self.take_step(batch, step, corrected);
        }
        for (number, place) in traced.places.iter().enumerate() {
            self.take_place(batch, number, place);
        }
        self.settle_ends(batch);
        self.settle_rest(batch);
        self.drop_claims(batch);
        self.reach(batch, first);
    }

    fn take_step(&mut self, batch: usize, step: &'a TraceStep, corrected: Option<&'a TraceStep>) {
        let Some(flow) = flow(step, corrected) else {
            self.note(batch, step);
            return;
        };
        let from = self.from(flow);
        let (from, to) = (self.spot(batch, from), self.spot(batch, flow.to));
        let quantity = if flow.is_undone {
            -step.quantity
        } else {
            step.quantity
        };
        self.name_ends(to, step);
        if self.joins(from, to, quantity, step) {
            return;
        }
        self.edge(from, to, quantity, Cause::Steps(vec![step]));
        if matches!(flow.to, Spot::End(TraceStatus::Converted, ..)) && !step.kit_batch_id.is_empty()
        {
            let kits = self.batch(&step.kit_batch_id, None);
            if !self.belongs(to, kits) {
                self.edge(to, kits, 0, Cause::Belonging);
            }
        }
    }

    /// From where units go. A unit that was gone and turns up comes from there, and not anew into the books.
    fn from(&mut self, flow: Flow<'a>) -> Spot<'a> {
        if !self.is_of_unit {
            return flow.from;
        }
        match (flow.from, flow.to, flow.is_undone) {
            (from, Spot::End(..), is_undone) => {
                self.gone = (!is_undone).then_some(flow.to);
                from
            }
            (Spot::Source, _, false) => {
                self.turned_up = self.gone.take();
                self.turned_up.unwrap_or(Spot::Source)
            }
            (Spot::Source, _, true) => {
                self.gone = self.turned_up.take();
                self.gone.unwrap_or(Spot::Source)
            }
            (from, ..) => from,
        }
    }

    /// Adds a step to the edge of another step of the same event, if there is one.
    fn joins(&mut self, from: usize, to: usize, quantity: i64, step: &'a TraceStep) -> bool {
        let recent = self.edges.iter_mut().rev();
        let mut same_event = recent
            .take_while(|edge| edge.position() == step.position || edge.position() == 0)
            .filter(|edge| (edge.from, edge.to) == (from, to));
        let Some(edge) = same_event.next() else {
            return false;
        };
        let Cause::Steps(steps) = &mut edge.cause else {
            return false;
        };
        steps.push(step);
        edge.quantity = edge.quantity.saturating_add(quantity);
        self.balances[to] = self.balances[to].saturating_add(quantity);
        self.balances[from] = self.balances[from].saturating_sub(quantity);
        true
    }

    fn belongs(&self, from: usize, to: usize) -> bool {
        let mut edges = self.edges.iter();
        edges.any(|edge| !edge.is_counted() && (edge.from, edge.to) == (from, to))
    }

    /// Says from where to where a shipment goes.
    fn name_ends(&mut self, node: usize, step: &'a TraceStep) {
        if let Thing::Shipment {
            from_facility_id,
            facility_id,
            ..
        } = &mut self.nodes[node].thing
        {
            if from_facility_id.is_empty() {
                *from_facility_id = &step.from_facility_id;
            }
            *facility_id = &step.facility_id;
        }
    }

    /// Notes what moved nothing: with the shipment, once it is on its way, or with the facility, or the batch.
    fn note(&mut self, batch: usize, step: &'a TraceStep) {
        let shipment = Key::Shipment(batch, &step.shipment_id);
        let node = if let Some(known) = self.known.get(&shipment).copied() {
            if let Thing::Shipment { facility_id, .. } = &mut self.nodes[known].thing {
                *facility_id = &step.facility_id;
            }
            known
        } else if step.facility_id.is_empty() {
            batch
        } else {
            self.facility(batch, &step.facility_id)
        };
        self.nodes[node].notes.push(step);
    }

    /// What a shipment claimed and took along is told with the shipment.
    fn drop_claims(&mut self, batch: usize) {
        let known = &self.known;
        for node in &mut self.nodes {
            if node.batch == batch && matches!(node.thing, Thing::Facility { .. }) {
                node.notes.retain(|step| {
                    let shipment = Key::Shipment(batch, &step.shipment_id);
                    step.r#type != ShipmentAllocated::TYPE || !known.contains_key(&shipment)
                });
            }
        }
    }

    fn take_place(&mut self, batch: usize, number: usize, place: &'a TracePlace) {
        if place.quantity == 0 {
            return;
        }
        let status = place.status();
        let from = match status {
            TraceStatus::OnHand => self.facility(batch, &place.facility_id),
            TraceStatus::InTransit | TraceStatus::Missing => {
                let shipment = self.shipment(batch, &place.shipment_id);
                if let Thing::Shipment { facility_id, .. } = &mut self.nodes[shipment].thing {
                    *facility_id = &place.facility_id;
                }
                shipment
            }
            _ => {
                self.end_of(batch, place);
                return;
            }
        };
        let places = vec![place];
        let thing = Thing::Outcome { status, places };
        let now = self.node(Key::Now(batch, number), Some(batch), thing);
        let cause = Cause::Since(place.since_position);
        self.edge(from, now, place.quantity, cause);
    }

    /// Adds a place to what became of its units.
    fn end_of(&mut self, batch: usize, place: &'a TracePlace) {
        let facility_id = if place.shipment_id.is_empty() {
            place.facility_id.as_str()
        } else {
            ""
        };
        let spot = Spot::End(place.status(), facility_id, &place.shipment_id);
        let node = self.spot(batch, spot);
        if let Thing::Outcome { places, .. } = &mut self.nodes[node].thing {
            places.push(place);
        }
    }

    /// Says of units that are gone, and no step told of, since when they are.
    fn settle_ends(&mut self, batch: usize) {
        let of_batch = self.known.iter().filter_map(|(key, node)| match key {
            Key::End(of, _, facility_id, shipment_id) if *of == batch => {
                Some((*node, *facility_id, *shipment_id))
            }
            _ => None,
        });
        for (node, facility_id, shipment_id) in of_batch.collect::<Vec<_>>() {
            let Thing::Outcome { places, .. } = &self.nodes[node].thing else {
                continue;
            };
            let sum = places
                .iter()
                .fold(0_i64, |sum, place| sum.saturating_add(place.quantity));
            let since = places.iter().map(|place| place.since_position).max();
            let untold = sum.saturating_sub(self.balances[node]);
            if untold != 0 {
                let from = if shipment_id.is_empty() {
                    self.facility(batch, facility_id)
                } else {
                    self.shipment(batch, shipment_id)
                };
                self.edge(from, node, untold, Cause::Since(since.unwrap_or_default()));
            }
        }
    }

    /// Makes what came to each facility and shipment what is there and went out, by what the steps don't tell.
    fn settle_rest(&mut self, batch: usize) {
        for node in 0..self.nodes.len() {
            let is_passage = matches!(
                self.nodes[node].thing,
                Thing::Facility { .. } | Thing::Shipment { .. }
            );
            if !is_passage || self.nodes[node].batch != batch {
                continue;
            }
            let left = self.balances[node];
            if left < 0 {
                self.edge(batch, node, left.saturating_neg(), Cause::Untold);
            } else if left > 0 {
                let beyond = self.node(Key::Elsewhere(node), Some(batch), Thing::Elsewhere);
                self.edge(node, beyond, left, Cause::Untold);
            }
        }
    }

    /// Leads from the batch to every node that edges lead out of; what has none tells its notes with the batch.
    fn reach(&mut self, batch: usize, first: usize) {
        for node in 0..self.nodes.len() {
            if node == batch || self.nodes[node].batch != batch {
                continue;
            }
            let edges = self.edges[first..].iter();
            let is_alone = edges.clone().all(|it| it.from != node && it.to != node);
            if is_alone {
                let notes = std::mem::take(&mut self.nodes[node].notes);
                self.nodes[batch].notes.extend(notes);
            }
        }
        self.nodes[batch].notes.sort_by_key(|step| step.position);
        let mut next = 0;
        loop {
            let reached = self.reached(batch, first);
            let unreached = (next..self.nodes.len()).find(|node| {
                self.nodes[*node].batch == batch
                    && !reached.contains(node)
                    && self.edges[first..].iter().any(|edge| edge.from == *node)
            });
            let Some(node) = unreached else { return };
            self.edge(batch, node, 0, Cause::Untold);
            next = node + 1;
        }
    }

    fn reached(&self, batch: usize, first: usize) -> BTreeSet<usize> {
        let mut out: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for edge in &self.edges[first..] {
            out.entry(edge.from).or_default().push(edge.to);
        }
        let mut reached = BTreeSet::from([batch]);
        let mut open = vec![batch];
        while let Some(node) = open.pop() {
            for to in out.get(&node).into_iter().flatten() {
                if reached.insert(*to) {
                    open.push(*to);
                }
            }
        }
        reached
    }

    /// Leads from the donor to a batch. Kits come from the donors of what they hold, unless the trace leads into them.
    fn take_origin(&mut self, node: usize, traced: &'a TraceBatch) {
        let Some(batch) = &traced.batch else { return };
        if self.edges.iter().any(|edge| edge.to == node) {
            return;
        }
        if batch.components.is_empty() {
            self.attribute(node, &batch.donation_id);
        }
        for part in &batch.components {
            let is_new = !self.known.contains_key(&Key::Batch(&part.batch_id));
            let of = self.batch(&part.batch_id, None);
            if is_new {
                self.attribute(of, &part.donation_id);
            }
            self.edge(of, node, part.quantity, Cause::Belonging);
        }
    }

    fn attribute(&mut self, batch: usize, donation_id: &'a str) {
        let from = if donation_id.is_empty() || donation_id == UNATTRIBUTED {
            let nobody = Donor {
                id: "",
                name: None,
                is_anonymous: false,
            };
            self.donor(Key::Donor(""), nobody)
        } else {
            self.donation(donation_id)
        };
        self.edge(from, batch, 0, Cause::Belonging);
    }
}
