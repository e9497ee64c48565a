//! Vehicles, volunteers and crews.

use keruen_proto::registry::v1::{
    Assignment, AssignmentEndReason, Crew, CrewRole, Skill, Vehicle, VehicleKind, Volunteer,
};

use crate::{
    cells,
    render::{
        record::{Cell, Part, Record, external_ids},
        registry::{retired_on, retirement, temperatures},
        word,
    },
};

impl Record for Vehicle {
    const COLUMNS: &'static [&'static str] = &[
        "vehicle_id",
        "kind",
        "owner_id",
        "capacity_kg",
        "capacity_l",
        "cold_box_c",
        "asset",
        "external_ids",
        "retired_on",
    ];

    fn cells(&self) -> Vec<Cell> {
        let known = |number: i32| match number {
            0 => Cell::from(""),
            number => Cell::from(number),
        };
        let asset = self.asset.as_ref();
        let asset = asset.map(|it| format!("{},{}", it.item_id, it.serial_number));
        cells![
            &self.vehicle_id,
            word::field::<VehicleKind>(self.kind),
            &self.owner_id,
            known(self.capacity_kg),
            known(self.capacity_l),
            temperatures(self.cold_box.as_ref()),
            asset.unwrap_or_default(),
            external_ids(&self.external_ids),
            retired_on(self.retired.as_ref())
        ]
    }

    fn parts(&self) -> Vec<Part> {
        vec![retirement(self.retired.as_ref())]
    }
}

impl Record for Volunteer {
    const COLUMNS: &'static [&'static str] = &[
        "volunteer_id",
        "person_ref",
        "organisation_id",
        "skills",
        "crew_id",
        "role",
        "retired_on",
    ];

    fn cells(&self) -> Vec<Cell> {
        let skills: Vec<String> = self
            .skills
            .iter()
            .map(|skill| word::field::<Skill>(*skill))
            .collect();
        let now = open(&self.assignments).next();
        cells![
            &self.volunteer_id,
            &self.person_ref,
            &self.organisation_id,
            skills,
            now.map_or("", |it| it.crew_id.as_str()),
            now.map(role).unwrap_or_default(),
            retired_on(self.retired.as_ref())
        ]
    }

    fn parts(&self) -> Vec<Part> {
        vec![
            assignments("crews", &self.assignments),
            retirement(self.retired.as_ref()),
        ]
    }
}

impl Record for Crew {
    const COLUMNS: &'static [&'static str] = &[
        "crew_id",
        "name_en",
        "name_kk",
        "name_ru",
        "organisation_id",
        "vehicle_id",
        "volunteers",
        "external_ids",
        "retired_on",
    ];

    fn cells(&self) -> Vec<Cell> {
        let names = self.name.clone().unwrap_or_default();
        let volunteers: Vec<String> = open(&self.assignments)
            .map(|it| format!("{} ({})", it.volunteer_id, role(it)))
            .collect();
        cells![
            &self.crew_id,
            names.en,
            names.kk,
            names.ru,
            &self.organisation_id,
            &self.vehicle_id,
            volunteers,
            external_ids(&self.external_ids),
            retired_on(self.retired.as_ref())
        ]
    }

    fn parts(&self) -> Vec<Part> {
        vec![
            assignments("volunteers", &self.assignments),
            retirement(self.retired.as_ref()),
        ]
    }
}

fn open(assignments: &[Assignment]) -> impl Iterator<Item = &Assignment> {
    assignments.iter().filter(|it| it.ended_on.is_empty())
}

fn role(assignment: &Assignment) -> String {
    word::field::<CrewRole>(assignment.role)
}

fn assignments(title: &'static str, assignments: &[Assignment]) -> Part {
    let row = |it: &Assignment| {
        cells![
            &it.volunteer_id,
            &it.crew_id,
            role(it),
            &it.assigned_on,
            &it.ended_on,
            word::field::<AssignmentEndReason>(it.end_reason.unwrap_or_default())
        ]
    };
    Part {
        title,
        columns: &[
            "volunteer_id",
            "crew_id",
            "role",
            "assigned_on",
            "ended_on",
            "reason",
        ],
        rows: assignments.iter().map(row).collect(),
    }
}
