//! Traces: from donor to bedside.

use keruen_domain::{Boundary, Entry, Rejection, code::UNATTRIBUTED};
use keruen_proto::{
    inventory::v1::{Batch, Donation},
    stock::v1::{
        GetTraceRequest, GetTraceResponse, TraceBatch, TracePlace, TraceStep,
        get_trace_request::Subject,
    },
};
use prost::Message;

use crate::{
    database::{Connection, params},
    failure::StoreError,
    fields::Fields,
    names,
    origins::{facilities, origins},
    places::Places,
    provenance::steps_before,
    refusal::Refusal,
    resource, served,
};

/// Steps of one batch in an answer.
const MAX_STEPS: usize = 1_000;
/// What an answer may take. A gRPC message may take 4 MiB.
const MAX_BYTES: usize = 3_500_000;

/// What to follow, parsed.
pub enum TraceQuery {
    /// A donation.
    Donation(String),
    /// A batch.
    Batch(String),
    /// A unit of an asset: item and serial number.
    Asset(String, String),
    /// A request.
    Request(String),
}

impl TraceQuery {
    /// Parses a request.
    pub fn parse(request: &GetTraceRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let query = match &request.subject {
            None => {
                fields.reject(
                    "subject",
                    "is missing; name a donation, batch, asset or request",
                );
                None
            }
            Some(Subject::DonationId(id)) => fields.code("donation_id", id).map(Self::Donation),
            Some(Subject::BatchId(id)) => fields.code("batch_id", id).map(Self::Batch),
            Some(Subject::RequestId(id)) => fields.code("request_id", id).map(Self::Request),
            Some(Subject::Asset(asset)) => {
                let item_id = fields.code("asset.item_id", &asset.item_id);
                let serial_number = fields.label("asset.serial_number", &asset.serial_number);
                item_id
                    .zip(serial_number)
                    .map(|(item_id, serial_number)| Self::Asset(item_id, serial_number))
            }
        };
        fields.finish()?;
        query.ok_or_else(|| Refusal::field("subject", "is malformed"))
    }

    /// Follows it, with the regions of `today`, ISO 8601. The answer's position is left to the caller.
    pub fn answer(self, connection: &Connection, today: &str) -> Result<GetTraceResponse, Refusal> {
        let mut places = Places::new(connection, today);
        let (mut answer, steps) = match self {
            Self::Donation(id) => of_donation(connection, &mut places, id)?,
            Self::Batch(id) => {
                let batch =
                    batch(connection, &id)?.ok_or(Rejection::UnknownBatch { batch_id: id })?;
                of_batch(connection, &mut places, batch, None)?
            }
            Self::Asset(item_id, serial_number) => {
                of_asset(connection, &mut places, item_id, serial_number)?
            }
            Self::Request(id) => of_request(connection, &mut places, id)?,
        };
        answer.origins = origins(connection, &answer.batches)?;
        add_steps(connection, &mut answer, &steps)?;
        answer.facilities = facilities(connection, &answer, today)?;
        Ok(answer)
    }
}

/// Which steps of a batch belong to a trace.
enum Steps {
    All,
    OfSerial(String),
    OfRequest(String),
}

type Answer = (GetTraceResponse, Steps);

fn of_donation(
    connection: &Connection,
    places: &mut Places<'_>,
    id: String,
) -> Result<Answer, Refusal> {
    let Some(donation) = donation(connection, &id)? else {
        return Err(Rejection::UnknownDonation { donation_id: id }.into());
    };
    let mut statement = connection.prepare_cached(
        "SELECT resource FROM batches WHERE donation_id = ?1 ORDER BY created_position, batch_id",
    )?;
    let mut rows = statement.query(params![id])?;
    let mut batches = Vec::new();
    let mut bytes = donation.encoded_len();
    while let Some(row) = rows.next()? {
        let batch = Batch::decode(row.get::<Vec<u8>>(0)?.as_slice())?;
        let traced = traced(connection, batch, |batch| places.of_batch(batch, None))?;
        bytes += traced.encoded_len();
        check_size(bytes)?;
        batches.push(traced);
    }
    add_kits(connection, places, &mut batches)?;
    Ok((
        GetTraceResponse {
            batches,
            ..given(connection, Some(donation))?
        },
        Steps::All,
    ))
}

fn of_batch(
    connection: &Connection,
    places: &mut Places<'_>,
    batch: Batch,
    serial_number: Option<&str>,
) -> Result<Answer, Refusal> {
    let donation = if batch.donation_id == UNATTRIBUTED {
        None
    } else {
        donation(connection, &batch.donation_id)?
    };
    let traced = traced(connection, batch, |batch| {
        places.of_batch(batch, serial_number)
    })?;
    let steps = serial_number.map_or(Steps::All, |serial_number| {
        Steps::OfSerial(serial_number.to_owned())
    });
    let mut batches = vec![traced];
    add_kits(connection, places, &mut batches)?;
    Ok((
        GetTraceResponse {
            batches,
            ..given(connection, donation)?
        },
        steps,
    ))
}

fn of_asset(
    connection: &Connection,
    places: &mut Places<'_>,
    item_id: String,
    serial_number: String,
) -> Result<Answer, Refusal> {
    let found = Boundary::asset(&item_id, &serial_number)
        .map(|boundary| resource::load(connection, &boundary))
        .transpose()?
        .flatten();
    let Some(Entry::Asset(asset)) = found.map(|folded| folded.entry) else {
        names::known_item(connection, Some(&item_id))?;
        return Err(Refusal::UnknownAsset {
            item_id,
            serial_number,
        });
    };
    let batch = batch(connection, &asset.batch_id)?.ok_or_else(|| {
        StoreError::Damaged(format!("batch {} of an asset is not there", asset.batch_id))
    })?;
    let (mut answer, steps) = of_batch(connection, places, batch, Some(&serial_number))?;
    answer.asset = Some(asset);
    Ok((answer, steps))
}

fn of_request(
    connection: &Connection,
    places: &mut Places<'_>,
    id: String,
) -> Result<Answer, Refusal> {
    let found = Boundary::request(&id)
        .map(|boundary| resource::load(connection, &boundary))
        .transpose()?
        .flatten();
    let Some(Entry::Request(request)) = found.map(|folded| folded.entry) else {
        return Err(Rejection::UnknownRequest { request_id: id }.into());
    };
    let mut bytes = request.encoded_len();
    let mut batches = Vec::new();
    for (batch_id, carried) in served::carried_for(connection, &id)? {
        let Some(batch) = batch(connection, &batch_id)? else {
            continue;
        };
        let traced = traced(connection, batch, |batch| {
            places.of_carried(batch, &carried)
        })?;
        bytes += traced.encoded_len();
        check_size(bytes)?;
        batches.push(traced);
    }
    let answer = GetTraceResponse {
        request: Some(request),
        batches,
        ..GetTraceResponse::default()
    };
    Ok((answer, Steps::OfRequest(id)))
}

/// Adds the batches of kits that hold, or held, units of those that are traced.
fn add_kits(
    connection: &Connection,
    places: &mut Places<'_>,
    batches: &mut Vec<TraceBatch>,
) -> Result<(), Refusal> {
    let mut bytes: usize = batches.iter().map(Message::encoded_len).sum();
    let ids = batches.iter().filter_map(|traced| traced.batch.as_ref());
    let ids: Vec<String> = ids.map(|batch| batch.batch_id.clone()).collect();
    for id in kits_of(connection, &ids)? {
        let Some(kit) = batch(connection, &id)?.filter(|_| !ids.contains(&id)) else {
            continue;
        };
        let mut traced = traced(connection, kit, |batch| places.of_batch(batch, None))?;
        traced.of_kits = true;
        bytes += traced.encoded_len();
        check_size(bytes)?;
        batches.push(traced);
    }
    Ok(())
}

/// The batches of kits that hold, or held, units of some batches.
pub fn kits_of(connection: &Connection, batch_ids: &[String]) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT kit_batch_id FROM kit_parts WHERE batch_id = ?1 ORDER BY kit_batch_id",
    )?;
    let mut kits: Vec<String> = Vec::new();
    for batch_id in batch_ids {
        let mut rows = statement.query(params![batch_id])?;
        while let Some(row) = rows.next()? {
            let kit: String = row.get(0)?;
            if !kits.contains(&kit) {
                kits.push(kit);
            }
        }
    }
    Ok(kits)
}

/// The answer's part on where it all comes from.
fn given(connection: &Connection, donation: Option<Donation>) -> Result<GetTraceResponse, Refusal> {
    let donor_name = match &donation {
        Some(donation) => names::organisation(connection, &donation.donor_id)?,
        None => None,
    };
    Ok(GetTraceResponse {
        donation,
        donor_name,
        ..GetTraceResponse::default()
    })
}

fn traced(
    connection: &Connection,
    mut batch: Batch,
    places: impl FnOnce(&Batch) -> Result<Vec<TracePlace>, StoreError>,
) -> Result<TraceBatch, Refusal> {
    batch.recall = names::recall(connection, &batch.item_id, &batch.lot)?;
    let item_name = names::item(connection, &batch.item_id)?;
    let places = places(&batch)?;
    Ok(TraceBatch {
        item_name,
        places,
        batch: Some(batch),
        ..TraceBatch::default()
    })
}

/// Refuses an answer that is too large to send.
pub fn check_size(bytes: usize) -> Result<(), Refusal> {
    if bytes > MAX_BYTES {
        Err(Refusal::TooLarge {
            limit_bytes: MAX_BYTES,
        })
    } else {
        Ok(())
    }
}

/// The donation, if there is one.
pub fn donation(connection: &Connection, id: &str) -> Result<Option<Donation>, StoreError> {
    let Some(boundary) = Boundary::donation(id) else {
        return Ok(None);
    };
    Ok(
        match resource::load(connection, &boundary)?.map(|folded| folded.entry) {
            Some(Entry::Donation(donation)) => Some(donation),
            _ => None,
        },
    )
}

/// The batch, if there is one.
pub fn batch(connection: &Connection, id: &str) -> Result<Option<Batch>, StoreError> {
    let Some(boundary) = Boundary::batch(id) else {
        return Ok(None);
    };
    Ok(
        match resource::load(connection, &boundary)?.map(|folded| folded.entry) {
            Some(Entry::Batch(batch)) => Some(batch),
            _ => None,
        },
    )
}

/// Adds the newest steps of each batch, as many as fit: every batch gets the same share of what is left.
fn add_steps(
    connection: &Connection,
    answer: &mut GetTraceResponse,
    which: &Steps,
) -> Result<(), Refusal> {
    let bytes = answer.encoded_len();
    check_size(bytes)?;
    let share = (MAX_BYTES - bytes) / answer.batches.len().max(1);
    for traced in &mut answer.batches {
        let Some(batch) = &traced.batch else { continue };
        traced.steps = steps(connection, batch, which, share)?;
    }
    Ok(())
}

/// The newest steps of a batch that fit into `share` bytes, oldest first.
fn steps(
    connection: &Connection,
    batch: &Batch,
    which: &Steps,
    share: usize,
) -> Result<Vec<TraceStep>, Refusal> {
    let (sql, id) = match which {
        Steps::All => (include_str!("sql/steps_of_batch.sql"), ""),
        Steps::OfRequest(id) => (include_str!("sql/steps_of_request.sql"), id.as_str()),
        Steps::OfSerial(serial_number) => (
            include_str!("sql/steps_of_serial.sql"),
            serial_number.as_str(),
        ),
    };
    let mut statement = connection.prepare_cached(sql)?;
    let limit = i64::try_from(MAX_STEPS).unwrap_or(i64::MAX);
    let mut rows = match which {
        Steps::All => statement.query(params![batch.batch_id, limit])?,
        Steps::OfRequest(_) => statement.query(params![id, batch.batch_id, limit])?,
        Steps::OfSerial(_) => statement.query(params![batch.item_id, id, batch.batch_id, limit])?,
    };
    let mut newest_first = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let encoded: Vec<u8> = row.get(0)?;
        // With the tag and length that it gets in the answer.
        bytes += encoded.len() + 8;
        if bytes > share {
            break;
        }
        let mut step = TraceStep::decode(encoded.as_slice())?;
        if let Steps::OfSerial(serial_number) = which {
            step.quantity = 1;
            step.serial_numbers = vec![serial_number.clone()];
        }
        newest_first.push(step);
    }
    newest_first.reverse();
    let mut steps = newest_first;
    if let Steps::OfRequest(_) = which {
        add_way(connection, batch, &mut steps, share.saturating_sub(bytes))?;
    }
    Ok(steps)
}

/// Adds how the units of a request came to where they were sent from: the newest such steps that fit into `share` bytes.
fn add_way(
    connection: &Connection,
    batch: &Batch,
    steps: &mut Vec<TraceStep>,
    share: usize,
) -> Result<(), Refusal> {
    let mut bytes = 0;
    let way = steps_before(connection, &batch.batch_id, steps)?.into_iter();
    let newest = way.rev().take(MAX_STEPS).take_while(|step| {
        bytes += step.encoded_len() + 8;
        bytes <= share
    });
    steps.extend(newest.collect::<Vec<_>>());
    steps.sort_by_key(|step| step.position);
    Ok(())
}
