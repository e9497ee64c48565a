//! Up to where the answers of one run reflect the log.

use keruen_proto::{Standing, ViewState};

/// Up to where answers reflect the log, over all that were asked for.
#[derive(Debug, Default)]
pub struct Reflected {
    /// Every event up to this position is in all of them.
    pub position: Option<u64>,
    /// Of the views that they were read from, the one that is furthest behind.
    view: Option<Standing>,
}

impl Reflected {
    /// One of them reflects everything up to a position.
    pub fn note(&mut self, position: u64) {
        self.position = Some(self.position.map_or(position, |known| known.min(position)));
    }

    /// One of them was read from a view.
    pub fn note_view(&mut self, standing: Standing) {
        self.note(standing.position);
        let known = self.view.as_ref();
        if known.is_none_or(|known| standing.lag_events() > known.lag_events()) {
            self.view = Some(standing);
        }
    }

    /// What everybody must know of them: that what was recorded later is missing, and why.
    pub fn warning(&self) -> Option<String> {
        let standing = self.view.as_ref().filter(|it| it.is_behind())?;
        let view = &standing.view;
        let why = match (standing.state, standing.parked_at) {
            (ViewState::Parked, Some(position)) => {
                format!("the view {view} can't pass the event at position {position}")
            }
            (ViewState::Parked | ViewState::Failing, _) => {
                format!("the view {view} does not move at present")
            }
            (ViewState::Building, _) => format!("the view {view} is being built anew"),
            (ViewState::Following, _) => format!("the view {view} is still behind"),
        };
        Some(format!(
            "warning: as of position {} of {}: {why}; see `keruen projections`",
            standing.position, standing.head_position
        ))
    }
}

/// What to say where what was known at a position was asked for, and that stands within what was recorded at once.
pub fn tell_known_at(asked: u64, known_at: u64) {
    if let Some(line) = known_at_later(asked, known_at) {
        anstream::eprintln!("{line}");
    }
}

fn known_at_later(asked: u64, known_at: u64) -> Option<String> {
    (asked > 0 && known_at > asked).then(|| {
        format!(
            "as known at position {known_at}: what is recorded from {asked} to there became known at once"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_for_a_part_of_what_became_known_at_once_is_told_of_all() {
        let line = known_at_later(40, 42).unwrap();
        assert!(
            line.contains("at position 42") && line.contains("from 40"),
            "{line}"
        );
        for (asked, known_at) in [(42, 42), (0, 42), (0, 0)] {
            assert_eq!(known_at_later(asked, known_at), None);
        }
    }

    fn standing(state: ViewState, position: u64) -> Standing {
        Standing {
            view: "current".to_owned(),
            state,
            position,
            head_position: 5_000,
            parked_at: (state == ViewState::Parked).then_some(position + 1),
        }
    }

    #[test]
    fn the_view_that_is_furthest_behind_is_warned_of() {
        let mut reflected = Reflected::default();
        assert_eq!(reflected.warning(), None);
        reflected.note_view(standing(ViewState::Following, 4_990));
        assert_eq!(reflected.warning(), None);
        reflected.note_view(standing(ViewState::Parked, 4_900));
        reflected.note_view(standing(ViewState::Following, 5_000));
        reflected.note(5_000);
        let warning = reflected.warning().unwrap();
        assert!(
            warning.contains("4900 of 5000") && warning.contains("at position 4901"),
            "{warning}"
        );
        assert_eq!(reflected.position, Some(4_900));
        reflected.note_view(standing(ViewState::Following, 100));
        assert!(reflected.warning().unwrap().contains("100 of 5000"));
        assert_eq!(reflected.position, Some(100));
    }
}
