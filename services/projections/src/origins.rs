//! What a trace names beyond its batches: the donations that units come from, and the facilities on their way.

use std::collections::BTreeSet;

use keruen_domain::code::UNATTRIBUTED;
use keruen_proto::stock::v1::{GetTraceResponse, TraceBatch, TraceFacility, TraceOrigin};
use prost::Message as _;

use crate::{
    database::Connection,
    failure::StoreError,
    names::{self, Facilities},
    trace::donation,
};

/// What the facilities of an answer may take beyond everything else in it.
const MAX_FACILITIES_BYTES: usize = 400_000;

/// The donations that units of batches come from, also as parts of kits, by id.
pub fn origins(
    connection: &Connection,
    batches: &[TraceBatch],
) -> Result<Vec<TraceOrigin>, StoreError> {
    let batches = batches.iter().filter_map(|traced| traced.batch.as_ref());
    let ids: BTreeSet<&str> = batches
        .flat_map(|batch| {
            let parts = batch.components.iter().map(|part| &*part.donation_id);
            parts.chain([&*batch.donation_id])
        })
        .filter(|id| !id.is_empty() && *id != UNATTRIBUTED)
        .collect();
    let mut origins = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(donation) = donation(connection, id)? else {
            continue;
        };
        origins.push(TraceOrigin {
            donor_name: names::organisation(connection, &donation.donor_id)?,
            donation_id: donation.donation_id,
            donor_id: donation.donor_id,
            anonymous: donation.anonymous,
        });
    }
    Ok(origins)
}

/// The facilities that the steps of an answer name, by id, as many as fit, with their regions of `today`, ISO 8601.
pub fn facilities(
    connection: &Connection,
    answer: &GetTraceResponse,
    today: &str,
) -> Result<Vec<TraceFacility>, StoreError> {
    let steps = answer.batches.iter().flat_map(|traced| &traced.steps);
    let ids: BTreeSet<&str> = steps
        .flat_map(|step| [&*step.from_facility_id, &*step.facility_id])
        .filter(|id| !id.is_empty())
        .collect();
    let mut named = Facilities::new(connection, today);
    let mut facilities = Vec::with_capacity(ids.len());
    let mut bytes = 0;
    for id in ids {
        let known = named.get(id)?;
        let facility = TraceFacility {
            facility_id: id.to_owned(),
            facility_name: known.name,
            region_id: known.region_id,
        };
        // With the tag and length that it gets in the answer.
        bytes += facility.encoded_len() + 8;
        if bytes > MAX_FACILITIES_BYTES {
            break;
        }
        facilities.push(facility);
    }
    Ok(facilities)
}
