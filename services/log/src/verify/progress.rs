//! How far a long work on a log is.

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Events, leaves and tree.
    Events,
    /// The index of types, tags and command ids against the events.
    Index,
    /// Whether a command id led to two appends.
    CommandIds,
    /// The index is made anew; only where that was asked for.
    Indexing,
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// What is done now.
    pub stage: Stage,
    /// For how many events it is done.
    pub done: u64,
    /// How many events there are.
    pub total: u64,
}

/// Is told every now and then how far the work is.
pub type Progress<'p> = &'p mut (dyn FnMut(Reached) + Send);
