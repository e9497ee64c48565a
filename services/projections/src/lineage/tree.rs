//! The graph of a trace as a tree, within bounds.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use keruen_proto::stock::v1::{TraceStatus, TraceStep};

use super::graph::{Cause, Graph, Thing};

/// How much of a trace to tell.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many steps of each batch at which the way ends, or that moved nothing: the newest. Earlier ones are summed up.
    pub steps: usize,
    /// How many levels below the donors.
    pub depth: usize,
    /// How many entries: those nearest to the donors.
    pub entries: usize,
}

/// What an entry of the tree tells.
#[derive(Clone, Debug)]
pub enum What<'a> {
    /// A node into which no edge leads.
    Root(usize),
    /// An edge, by number, and where it leads.
    Edge {
        /// The edge.
        edge: usize,
        /// Whether what lies beyond is told with another edge, by which units came there before.
        is_told: bool,
    },
    /// Edges of earlier steps, that lead to one end.
    Earlier(Vec<usize>),
    /// Something that moved nothing.
    Note(&'a TraceStep),
    /// Earlier things that moved nothing: how many.
    EarlierNotes(usize),
}

/// An entry of the tree.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// What it tells.
    pub what: What<'a>,
    /// Its children that are shown, in order of position; where units are now comes last.
    pub children: Vec<usize>,
    /// How many entries below it are left out.
    pub left_out: usize,
    /// Whether it is shown itself.
    pub is_shown: bool,
    parent: Option<usize>,
    /// What comes first among children.
    order: (bool, u64),
}

/// The graph as a tree. Each edge stands in it once, and each node below the edge by which units first came there.
#[derive(Clone, Debug, Default)]
pub struct Tree<'a> {
    /// All entries; parents before children.
    pub entries: Vec<Entry<'a>>,
    /// Those below none.
    pub roots: Vec<usize>,
    /// How many entries are left out.
    pub left_out: usize,
    homes: BTreeMap<usize, usize>,
}

impl<'a> Tree<'a> {
    /// Of a graph.
    pub fn of(graph: &Graph<'a>, bounds: Bounds) -> Self {
        let mut tree = Self::default();
        let mut out: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
        for (number, edge) in graph.edges.iter().enumerate() {
            out[edge.from].push(number);
        }
        let oldest = oldest_told(graph, bounds.steps);
        for root in roots(graph) {
            tree.grow(graph, root, &out, &oldest);
        }
        // What only leads to itself begins somewhere.
        for node in 0..graph.nodes.len() {
            let is_reached = tree.homes.contains_key(&node);
            if !is_reached && !out[node].is_empty() {
                tree.grow(graph, node, &out, &oldest);
            }
        }
        tree.add_notes(graph, &oldest);
        tree.bound(bounds);
        tree
    }

    /// The entry below which a node is told, if it is shown.
    pub fn home(&self, node: usize) -> Option<usize> {
        let home = self.homes.get(&node).copied();
        home.filter(|entry| self.entries[*entry].is_shown)
    }

    /// The node that an entry leads to; none of a note.
    pub fn node_of(&self, graph: &Graph<'_>, entry: usize) -> Option<usize> {
        match &self.entries[entry].what {
            What::Root(node) => Some(*node),
            What::Edge { edge, .. } => Some(graph.edges[*edge].to),
            What::Earlier(edges) => edges.first().map(|edge| graph.edges[*edge].to),
            What::Note(_) | What::EarlierNotes(_) => None,
        }
    }

    /// The node below which an entry stands.
    pub fn node_above(&self, graph: &Graph<'_>, entry: usize) -> Option<usize> {
        let parent = self.entries[entry].parent?;
        self.node_of(graph, parent)
    }

    fn add(&mut self, what: What<'a>, parent: Option<usize>, order: (bool, u64)) -> usize {
        let number = self.entries.len();
        self.entries.push(Entry {
            what,
            children: Vec::new(),
            left_out: 0,
            is_shown: false,
            parent,
            order,
        });
        number
    }

    /// Adds what can be reached from a root, in the order in which it happened.
    fn grow(
        &mut self,
        graph: &Graph<'a>,
        root: usize,
        out: &[Vec<usize>],
        oldest: &BTreeMap<usize, u64>,
    ) {
        let home = self.add(What::Root(root), None, (false, 0));
        self.homes.insert(root, home);
        let mut open = BinaryHeap::new();
        let position = |edge: &usize| (graph.edges[*edge].position(), *edge);
        open.extend(out[root].iter().map(|edge| Reverse(position(edge))));
        while let Some(Reverse((at, number))) = open.pop() {
            let edge = &graph.edges[number];
            let known = self.homes.get(&edge.to).copied();
            let is_earlier = is_end(graph, number)
                && at
                    < oldest
                        .get(&graph.nodes[edge.to].batch)
                        .copied()
                        .unwrap_or(0);
            if let (true, Some(known)) = (is_earlier, known)
                && let What::Earlier(edges) = &mut self.entries[known].what
            {
                edges.push(number);
                continue;
            }
            let what = if is_earlier {
                What::Earlier(vec![number])
            } else {
                let is_told = known.is_some();
                What::Edge {
                    edge: number,
                    is_told,
                }
            };
            let is_now = matches!(edge.cause, Cause::Since(_));
            let parent = self.homes.get(&edge.from).copied();
            let entry = self.add(what, parent, (is_now, at));
            if known.is_none() {
                self.homes.insert(edge.to, entry);
                open.extend(out[edge.to].iter().map(|edge| Reverse(position(edge))));
            }
        }
    }

    fn add_notes(&mut self, graph: &Graph<'a>, oldest: &BTreeMap<usize, u64>) {
        let mut earlier: BTreeMap<usize, usize> = BTreeMap::new();
        for (number, node) in graph.nodes.iter().enumerate() {
            let oldest = oldest.get(&node.batch).copied().unwrap_or(0);
            for step in &node.notes {
                if step.position < oldest {
                    *earlier.entry(node.batch).or_default() += 1;
                } else if let Some(home) = self.homes.get(&number).copied() {
                    self.add(What::Note(step), Some(home), (false, step.position));
                }
            }
        }
        for (batch, count) in earlier {
            if let Some(home) = self.homes.get(&batch).copied() {
                self.add(What::EarlierNotes(count), Some(home), (false, 0));
            }
        }
    }

    /// Shows what is nearest to the roots, and counts the rest.
    fn bound(&mut self, bounds: Bounds) {
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.entries.len()];
        for (number, entry) in self.entries.iter().enumerate() {
            match entry.parent {
                Some(parent) => children[parent].push(number),
                None => self.roots.push(number),
            }
        }
        for children in &mut children {
            children.sort_by_key(|child| self.entries[*child].order);
        }
        let mut level = self.roots.clone();
        let mut room = bounds.entries;
        let mut depth = 0;
        while !level.is_empty() && depth <= bounds.depth {
            level.truncate(room);
            room -= level.len();
            for entry in &level {
                self.entries[*entry].is_shown = true;
            }
            let next = level.iter().flat_map(|entry| &children[*entry]);
            level = next.copied().collect();
            depth += 1;
        }
        self.roots.retain(|root| self.entries[*root].is_shown);
        let mut owners: Vec<Option<usize>> = Vec::with_capacity(self.entries.len());
        for number in 0..self.entries.len() {
            let entry = &self.entries[number];
            let owner = if entry.is_shown {
                Some(number)
            } else {
                entry.parent.and_then(|parent| owners[parent])
            };
            if !entry.is_shown {
                self.left_out += 1;
                if let Some(owner) = owner {
                    self.entries[owner].left_out += 1;
                }
            }
            owners.push(owner);
        }
        for (number, mut children) in children.into_iter().enumerate() {
            children.retain(|child| self.entries[*child].is_shown);
            self.entries[number].children = children;
        }
    }
}

/// Whether an edge is a step by which units are gone.
fn is_end(graph: &Graph<'_>, edge: usize) -> bool {
    let edge = &graph.edges[edge];
    let is_gone = match &graph.nodes[edge.to].thing {
        Thing::Outcome { status, .. } => !matches!(
            status,
            TraceStatus::OnHand | TraceStatus::InTransit | TraceStatus::Missing
        ),
        _ => false,
    };
    is_gone && matches!(edge.cause, Cause::Steps(_))
}

/// Of each batch, the position of the oldest step that is told by itself.
fn oldest_told(graph: &Graph<'_>, steps: usize) -> BTreeMap<usize, u64> {
    let mut positions: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for node in &graph.nodes {
        let notes = node.notes.iter().map(|step| step.position);
        positions.entry(node.batch).or_default().extend(notes);
    }
    for (number, edge) in graph.edges.iter().enumerate() {
        if is_end(graph, number) {
            let of_batch = positions.entry(graph.nodes[edge.to].batch).or_default();
            of_batch.push(edge.position());
        }
    }
    let oldest = |mut all: Vec<u64>| {
        all.sort_unstable_by_key(|position| Reverse(*position));
        match steps.checked_sub(1) {
            _ if all.len() <= steps => 0,
            Some(last) => all[last],
            None => u64::MAX,
        }
    };
    let positions = positions.into_iter();
    positions.map(|(batch, all)| (batch, oldest(all))).collect()
}

/// The nodes into which no edge leads, of those that edges lead out of and those that stand for themselves.
fn roots(graph: &Graph<'_>) -> Vec<usize> {
    let mut has_in = vec![false; graph.nodes.len()];
    let mut has_out = vec![false; graph.nodes.len()];
    for edge in &graph.edges {
        has_in[edge.to] = true;
        has_out[edge.from] = true;
    }
    let is_root = |number: &usize| {
        let stands_alone = matches!(
            graph.nodes[*number].thing,
            Thing::Donor { .. } | Thing::Donation { .. } | Thing::Batch { .. }
        );
        !has_in[*number] && (has_out[*number] || stands_alone)
    };
    (0..graph.nodes.len()).filter(is_root).collect()
}
