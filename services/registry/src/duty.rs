//! Duty rosters: requests parsed into commands.

use keruen_domain::{limits, registry::SetDutyRoster};
use keruen_edge::Fields;
use keruen_proto::registry::v1::{DutyShift, SetDutyRosterRequest};

/// Who is on duty.
pub fn roster(message: &SetDutyRosterRequest, fields: &mut Fields) -> Option<SetDutyRoster> {
    let region_id = fields.code("region_id", &message.region_id);
    let shifts = fields.each("shifts", &message.shifts, limits::DUTY_SHIFTS, shift);
    Some(SetDutyRoster {
        region_id: region_id?,
        shifts: shifts?,
    })
}

fn shift(fields: &mut Fields, path: &str, shift: &DutyShift) -> Option<DutyShift> {
    let person = fields.person(&format!("{path}.person_ref"), &shift.person_ref);
    let organisation = fields.code(&format!("{path}.organisation_id"), &shift.organisation_id);
    let mut day = |name: &str, text: &str| {
        let field = format!("{path}.{name}");
        let day = fields.date(&field, text)?;
        if day.is_none() {
            fields.reject(field, "must be a calendar date, YYYY-MM-DD; found \"\"");
        }
        day
    };
    let first_day = day("first_day", &shift.first_day);
    let last_day = day("last_day", &shift.last_day);
    let _ = (person?, organisation?, first_day?, last_day?);
    Some(shift.clone())
}
