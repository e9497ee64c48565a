//! Views, as rows.

use keruen_proto::projections::v1::{Projection, ProjectionState};

use crate::{
    cells,
    render::{
        record::{Cell, Record},
        word,
    },
};

impl Record for Projection {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "version",
        "answering_version",
        "state",
        "position",
        "head_position",
        "lag_events",
        "rebuilt_to",
        "rebuilt_per_s",
        "seconds_left",
        "parked_at",
        "parked_type",
        "reason",
        "about",
    ];

    fn cells(&self) -> Vec<Cell> {
        let number = |number: u64| Cell::from(i64::try_from(number).unwrap_or(i64::MAX));
        let none = || Cell::from("");
        let rebuild = self.rebuild.as_ref();
        // Before anything was folded, nobody can say how long it takes.
        let paced = rebuild.filter(|it| it.events_per_second > 0);
        let parked = self.parked.as_ref();
        let state = match self.state() {
            ProjectionState::Following if self.kept_elsewhere => "kept by another node".to_owned(),
            _ => word::field::<ProjectionState>(self.state),
        };
        let reason = parked.map_or(&self.failure, |parked| &parked.reason);
        cells![
            &self.name,
            i64::from(self.version),
            i64::from(self.answering_version),
            state,
            number(self.position),
            number(self.head_position),
            if self.head_unknown {
                none()
            } else {
                number(self.lag_events)
            },
            rebuild.map_or_else(none, |it| number(it.position)),
            paced.map_or_else(none, |it| Cell::from(it.events_per_second)),
            paced.map_or_else(none, |it| Cell::from(it.seconds_left)),
            parked.map_or_else(none, |it| number(it.position)),
            parked.map_or("", |it| it.r#type.as_str()),
            reason,
            &self.about
        ]
    }
}
