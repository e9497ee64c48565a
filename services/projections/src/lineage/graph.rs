//! A trace as a graph.

use std::collections::BTreeMap;

use keruen_proto::{
    registry::v1::LocalizedText,
    stock::v1::{GetTraceResponse, TraceBatch, TracePlace, TraceStatus, TraceStep},
};

use super::weaver::Weaver;

/// What a node stands for.
#[derive(Clone, Debug)]
pub enum Thing<'a> {
    /// Who gave.
    Donor {
        /// Empty where nobody knows.
        donor_id: &'a str,
        /// The name, where it is known.
        name: Option<&'a LocalizedText>,
        /// Whether the donor is not to be named in public.
        is_anonymous: bool,
    },
    /// What was given.
    Donation {
        /// Its id.
        donation_id: &'a str,
    },
    /// Units that entered the books together.
    Batch {
        /// Its id.
        batch_id: &'a str,
        /// What the trace says of it; none where it only names the batch.
        traced: Option<&'a TraceBatch>,
    },
    /// Units of a batch at a facility.
    Facility {
        /// The facility.
        facility_id: &'a str,
    },
    /// Units of a batch in a shipment.
    Shipment {
        /// The shipment.
        shipment_id: &'a str,
        /// From where; empty where the answer doesn't say.
        from_facility_id: &'a str,
        /// To where, by now; empty where the answer doesn't say.
        facility_id: &'a str,
    },
    /// Where units are now, or what became of them.
    Outcome {
        /// Whether they are there, on their way, used …
        status: TraceStatus,
        /// The places that it sums up: one where they are, and where they ended one for each owner.
        places: Vec<&'a TracePlace>,
    },
    /// Units that went on where the answer doesn't follow them.
    Elsewhere,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// What it stands for.
    pub thing: Thing<'a>,
    /// The node of the batch whose units these are; itself where it is a batch or stands before all batches.
    pub batch: usize,
    /// What happened there and moved nothing, oldest first.
    pub notes: Vec<&'a TraceStep>,
}

/// Why units go from one node to another.
#[derive(Clone, Debug)]
pub enum Cause<'a> {
    /// One is of the other: a donation of its donor, a batch of its donation, kits of their parts.
    Belonging,
    /// Steps of one event.
    Steps(Vec<&'a TraceStep>),
    /// They have been there since the event with this position; 0 where the answer doesn't say.
    Since(u64),
    /// Steps that the answer doesn't have.
    Untold,
}

/// Units that go from one node to another.
#[derive(Clone, Debug)]
pub struct Edge<'a> {
    /// From which node.
    pub from: usize,
    /// To which node.
    pub to: usize,
    /// Base units; negative where they did not go there after all. Of what belongs, 0, or how many each kit holds.
    pub quantity: i64,
    /// Why.
    pub cause: Cause<'a>,
}

impl Edge<'_> {
    /// Position of the event; 0 where there is none.
    pub fn position(&self) -> u64 {
        match &self.cause {
            Cause::Steps(steps) => steps.first().map_or(0, |step| step.position),
            Cause::Since(position) => *position,
            Cause::Belonging | Cause::Untold => 0,
        }
    }

    /// Whether it counts units, and not only says what belongs to what.
    pub fn is_counted(&self) -> bool {
        !matches!(self.cause, Cause::Belonging)
    }
}

/// A trace as a graph. What comes into a facility or a shipment is what is there and what went out.
#[derive(Clone, Debug, Default)]
pub struct Graph<'a> {
    /// The nodes: those of donors first.
    pub nodes: Vec<Node<'a>>,
    /// The edges, in the order in which they came about within each batch.
    pub edges: Vec<Edge<'a>>,
    names: BTreeMap<&'a str, (Option<&'a LocalizedText>, &'a str)>,
    steps: BTreeMap<u64, &'a TraceStep>,
}

impl<'a> Graph<'a> {
    /// Of an answer.
    pub fn of(trace: &'a GetTraceResponse) -> Self {
        let mut weaver = Weaver::default();
        weaver.take(trace);
        let (nodes, edges) = weaver.finish();
        let steps = trace.batches.iter().flat_map(|traced| &traced.steps);
        Self {
            nodes,
            edges,
            names: names(trace),
            steps: steps.map(|step| (step.position, step)).collect(),
        }
    }

    /// Name and region of a facility; nothing where the answer doesn't say.
    pub fn facility(&self, facility_id: &str) -> (Option<&'a LocalizedText>, &'a str) {
        self.names.get(facility_id).copied().unwrap_or_default()
    }

    /// A step of the event with a position, if the answer has any.
    pub fn step_at(&self, position: u64) -> Option<&'a TraceStep> {
        self.steps.get(&position).copied()
    }

    /// What comes into a node and what goes out of it.
    pub fn balance(&self, node: usize) -> (i64, i64) {
        let counted = self.edges.iter().filter(|edge| edge.is_counted());
        counted.fold((0_i64, 0_i64), |(came, went), edge| {
            (
                came.saturating_add(if edge.to == node { edge.quantity } else { 0 }),
                went.saturating_add(if edge.from == node { edge.quantity } else { 0 }),
            )
        })
    }
}

fn names(trace: &GetTraceResponse) -> BTreeMap<&str, (Option<&LocalizedText>, &str)> {
    let places = trace.batches.iter().flat_map(|traced| &traced.places);
    let of_places = places.map(|place| {
        let name = (place.facility_name.as_ref(), &*place.region_id);
        (&*place.facility_id, name)
    });
    let of_steps = trace.facilities.iter().map(|facility| {
        let name = (facility.facility_name.as_ref(), &*facility.region_id);
        (&*facility.facility_id, name)
    });
    of_places.chain(of_steps).collect()
}
