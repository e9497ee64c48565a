//! Requests about vehicles, volunteers and crews.

use keruen_domain::{
    Code, limits,
    registry::{
        Amend, AssignVolunteer, EndAssignment, RegisterCrew, RegisterVehicle, RegisterVolunteer,
    },
};
use keruen_edge::Fields;
use keruen_proto::registry::v1::{
    AmendCrewRequest, AmendVehicleRequest, AmendVolunteerRequest, AssetLink,
    AssignVolunteerRequest, Crew, EndAssignmentRequest, RegisterCrewRequest,
    RegisterVehicleRequest, RegisterVolunteerRequest, Skill, Vehicle, VehicleKind, Volunteer,
};

use super::{absent, amended, entered, range, storage_range};

/// No vehicle carries more than this, in kilograms or litres.
const MAX_CAPACITY: i32 = 10_000_000;

/// A vehicle to be entered.
pub fn vehicle(message: &RegisterVehicleRequest, fields: &mut Fields) -> Option<RegisterVehicle> {
    let vehicle = message.vehicle.as_ref();
    entered("vehicle", vehicle, fields, vehicle_field).map(RegisterVehicle)
}

/// A vehicle to be amended.
pub fn amended_vehicle(
    message: &AmendVehicleRequest,
    fields: &mut Fields,
) -> Option<Amend<Vehicle>> {
    let vehicle = message.vehicle.as_ref();
    amended("vehicle", vehicle, &message.fields, fields, vehicle_field)
}

fn vehicle_field(fields: &mut Fields, it: &Vehicle, name: &str) -> Option<()> {
    let path = format!("vehicle.{name}");
    match name {
        "vehicle_id" => fields.code(&path, &it.vehicle_id).map(drop),
        "kind" => fields.stated::<VehicleKind>(&path, it.kind).map(drop),
        "owner_id" => fields.code(&path, &it.owner_id).map(drop),
        "capacity_kg" => range(fields, &path, it.capacity_kg, 0, MAX_CAPACITY),
        "capacity_l" => range(fields, &path, it.capacity_l, 0, MAX_CAPACITY),
        "cold_box" => {
            (it.cold_box.as_ref()).map_or(Some(()), |range| storage_range(fields, &path, *range))
        }
        "external_ids" => fields.external_ids(&path, &it.external_ids).map(drop),
        "asset" => (it.asset.as_ref()).map_or(Some(()), |it| asset(fields, &path, it)),
        "retired" => absent(fields, &path, it.retired.is_none()),
        _ => Some(()),
    }
}

fn asset(fields: &mut Fields, path: &str, asset: &AssetLink) -> Option<()> {
    let item_id = fields.code(&format!("{path}.item_id"), &asset.item_id);
    let serial_number = fields.label(&format!("{path}.serial_number"), &asset.serial_number);
    let _ = (item_id?, serial_number?);
    Some(())
}

/// A volunteer to be entered.
pub fn volunteer(
    message: &RegisterVolunteerRequest,
    fields: &mut Fields,
) -> Option<RegisterVolunteer> {
    let volunteer = message.volunteer.as_ref();
    entered("volunteer", volunteer, fields, volunteer_field).map(RegisterVolunteer)
}

/// A volunteer to be amended.
pub fn amended_volunteer(
    message: &AmendVolunteerRequest,
    fields: &mut Fields,
) -> Option<Amend<Volunteer>> {
    let volunteer = message.volunteer.as_ref();
    amended(
        "volunteer",
        volunteer,
        &message.fields,
        fields,
        volunteer_field,
    )
}

fn volunteer_field(fields: &mut Fields, it: &Volunteer, name: &str) -> Option<()> {
    let path = format!("volunteer.{name}");
    match name {
        "volunteer_id" => fields.code(&path, &it.volunteer_id).map(drop),
        "person_ref" => fields.person(&path, &it.person_ref).map(drop),
        "organisation_id" => fields.code(&path, &it.organisation_id).map(drop),
        "skills" => skills(fields, &path, &it.skills),
        "assignments" => absent(fields, &path, it.assignments.is_empty()),
        "retired" => absent(fields, &path, it.retired.is_none()),
        _ => Some(()),
    }
}

fn skills(fields: &mut Fields, path: &str, skills: &[i32]) -> Option<()> {
    fields.each(path, skills, limits::SKILLS, |fields, path, skill| {
        fields.stated::<Skill>(path, *skill)
    })?;
    let twice = (1..skills.len()).find(|index| skills[..*index].contains(&skills[*index]));
    if let Some(index) = twice {
        fields.reject(format!("{path}[{index}]"), "stands there twice");
        return None;
    }
    Some(())
}

/// A crew to be entered.
pub fn crew(message: &RegisterCrewRequest, fields: &mut Fields) -> Option<RegisterCrew> {
    entered("crew", message.crew.as_ref(), fields, crew_field).map(RegisterCrew)
}

/// A crew to be amended.
pub fn amended_crew(message: &AmendCrewRequest, fields: &mut Fields) -> Option<Amend<Crew>> {
    let crew = message.crew.as_ref();
    amended("crew", crew, &message.fields, fields, crew_field)
}

fn crew_field(fields: &mut Fields, it: &Crew, name: &str) -> Option<()> {
    let path = format!("crew.{name}");
    match name {
        "crew_id" => fields.code(&path, &it.crew_id).map(drop),
        "name" => fields.name(&path, it.name.as_ref()).map(drop),
        "organisation_id" => fields.code(&path, &it.organisation_id).map(drop),
        "vehicle_id" => fields.optional_code(&path, &it.vehicle_id).map(drop),
        "assignments" => absent(fields, &path, it.assignments.is_empty()),
        "external_ids" => fields.external_ids(&path, &it.external_ids).map(drop),
        "retired" => absent(fields, &path, it.retired.is_none()),
        _ => Some(()),
    }
}

/// A volunteer to be put into a crew.
pub fn assigned(message: &AssignVolunteerRequest, fields: &mut Fields) -> Option<AssignVolunteer> {
    let volunteer_id: Option<Code> = fields.code("volunteer_id", &message.volunteer_id);
    let crew_id = fields.code("crew_id", &message.crew_id);
    let role = fields.stated("role", message.role);
    let assigned_on = fields.date("assigned_on", &message.assigned_on);
    Some(AssignVolunteer {
        volunteer_id: volunteer_id?,
        crew_id: crew_id?,
        role: role?,
        assigned_on: assigned_on?,
    })
}

/// A volunteer to be taken out of the crew in which they are.
pub fn ended(message: &EndAssignmentRequest, fields: &mut Fields) -> Option<EndAssignment> {
    let volunteer_id = fields.code("volunteer_id", &message.volunteer_id);
    let ended_on = fields.date("ended_on", &message.ended_on);
    let reason = fields.stated("reason", message.reason);
    Some(EndAssignment {
        volunteer_id: volunteer_id?,
        ended_on: ended_on?,
        reason: reason?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skill_is_stated_once() {
        let parsed = |numbers: &[i32]| skills(&mut Fields::of_query(), "skills", numbers).is_some();
        assert!(parsed(&[]) && parsed(&[1, 2]));
        assert!(!parsed(&[1, 2, 1]) && !parsed(&[0]) && !parsed(&[99]));
    }
}
