//! Emergencies.

use keruen_proto::requests::v1::{Emergency, EmergencyKind};

use crate::{
    cells,
    render::{
        record::{Cell, Record, name},
        word,
    },
};

impl Record for Emergency {
    const COLUMNS: &'static [&'static str] = &[
        "emergency_id",
        "kind",
        "name",
        "region_ids",
        "first_day",
        "last_day",
        "declared_by_id",
    ];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.emergency_id,
            word::field::<EmergencyKind>(self.kind),
            name(self.name.as_ref()),
            self.region_ids.clone(),
            &self.first_day,
            &self.last_day,
            &self.declared_by_id
        ]
    }
}
