//! What the metadata of an answer says of the view that it was read from.
//!
//! Every answer of `StockService` and `ReportService`, and every refusal that came of reading, carries it, so that nobody
//! takes what stands still for what is so now.

use std::str::FromStr;

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

/// Name of the view; of several that were read, the one that is furthest behind.
pub const VIEW: &str = "keruen-view";
/// How it is, see [`ViewState`].
pub const STATE: &str = "keruen-view-state";
/// Every event up to this position is in the answer.
pub const POSITION: &str = "keruen-position";
/// Position of the newest event of the log.
pub const HEAD_POSITION: &str = "keruen-head-position";
/// Position of the event that the view can't pass; absent where it can.
pub const PARKED_AT: &str = "keruen-parked-at";

/// How a view is that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewState {
    /// It follows the log.
    Following,
    /// It stands before an event that it can't take in.
    Parked,
    /// The log can't be read or the rows can't be written. It tries again.
    Failing,
    /// Rows of an older version answer, and stand still until it has been built anew.
    Building,
}

impl ViewState {
    const ALL: [Self; 4] = [Self::Following, Self::Parked, Self::Failing, Self::Building];

    /// As the metadata has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Following => "following",
            Self::Parked => "parked",
            Self::Failing => "failing",
            Self::Building => "building",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// Where the view stood that an answer was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name; of several, that of the one that was furthest behind.
    pub view: String,
    /// How it was.
    pub state: ViewState,
    /// Every event up to this position is in the answer.
    pub position: u64,
    /// Position of the newest event of the log.
    pub head_position: u64,
    /// Position of the event that it can't pass, if there is one.
    pub parked_at: Option<u64>,
}

impl Standing {
    /// A view that follows may be as many events behind without anybody being told: it is about to take them in.
    pub const USUAL_LAG_EVENTS: u64 = 1_000;

    /// What the metadata of an answer says; `None` where it was not read from a view, or by a node that doesn't say.
    pub fn of(metadata: &MetadataMap) -> Option<Self> {
        let word = |key| metadata.get(key)?.to_str().ok();
        let number = |key| u64::from_str(word(key)?).ok();
        Some(Self {
            view: word(VIEW)?.to_owned(),
            state: ViewState::of(word(STATE)?)?,
            position: number(POSITION)?,
            head_position: number(HEAD_POSITION)?,
            parked_at: number(PARKED_AT),
        })
    }

    /// The same as metadata.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, MetadataValue<Ascii>)> {
        let named = [
            (VIEW, self.view.parse().ok()),
            (STATE, Some(MetadataValue::from_static(self.state.word()))),
            (POSITION, Some(self.position.into())),
            (HEAD_POSITION, Some(self.head_position.into())),
            (PARKED_AT, self.parked_at.map(Into::into)),
        ];
        let entries = named.into_iter();
        entries.filter_map(|(key, value)| Some((key, value?)))
    }

    /// How many events are not in the answer.
    pub fn lag_events(&self) -> u64 {
        self.head_position.saturating_sub(self.position)
    }

    /// Whether readers must be told: events are missing from the answer, and asking again in a moment does not help.
    pub fn is_behind(&self) -> bool {
        match self.state {
            ViewState::Following => self.lag_events() > Self::USUAL_LAG_EVENTS,
            ViewState::Parked | ViewState::Failing | ViewState::Building => self.lag_events() > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_tells_it_and_what_is_none_is_none() {
        for state in ViewState::ALL {
            let standing = Standing {
                view: "current".to_owned(),
                state,
                position: 199,
                head_position: 290,
                parked_at: (state == ViewState::Parked).then_some(200),
            };
            let mut metadata = MetadataMap::new();
            for (key, value) in standing.entries() {
                metadata.insert(key, value);
            }
            assert_eq!(Standing::of(&metadata), Some(standing.clone()));
            assert_eq!(standing.is_behind(), state != ViewState::Following);
            metadata.insert(STATE, MetadataValue::from_static("of another version"));
            assert_eq!(Standing::of(&metadata), None);
        }
        assert_eq!(Standing::of(&MetadataMap::new()), None);
    }
}
