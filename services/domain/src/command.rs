//! What every command is to whoever carries it out.

use keruen_proto::Event;

use crate::{books::Books, boundary::Boundary, rejection::Rejection};

/// When a command is decided and when its facts happened, both in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The clock of whoever decides.
    pub now_us: i64,
    /// When the facts happened; at most `now_us`.
    pub occurred_at_us: i64,
}

/// A parsed command: it says what it must know, and decides.
pub trait Command: Send + Sync + 'static {
    /// What must be read before deciding, given what has been read already. It is asked again with what it asked for
    /// until it asks for nothing new. The append is conditional on all of it.
    fn reads(&self, books: &Books) -> Vec<Boundary>;

    /// What happens, or why it can't. Only what [`Command::reads`] asked for is in `books`.
    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection>;

    /// What the answer shows: the boundary whose state results.
    fn subject(&self, books: &Books) -> Option<Boundary>;
}
