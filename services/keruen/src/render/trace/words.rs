//! What a trace says of its nodes and edges, in text and in graphs alike.

use std::{collections::BTreeMap, fmt::Write as _};

use keruen_projections::lineage::{Edge, Graph, Thing};
use keruen_proto::{
    inventory::v1::{Batch, HoldReason, RecallReason, ReceiptOutcome},
    stock::v1::{TraceBatch, TracePlace, TraceStatus, TraceStep},
};

use crate::{
    client::failure::one_line,
    render::{
        inventory::unit,
        record::{grouped, name, time},
        word,
    },
};

/// Serial numbers that are listed.
const NUMBERS_SHOWN: usize = 5;
/// Organisations and requests that are listed.
const IDS_SHOWN: usize = 3;

/// A facility as a trace names it: `HOSP-1 Hospital in Zhanatas, KZ-31`.
pub fn facility(graph: &Graph<'_>, facility_id: &str) -> String {
    let (known, region_id) = graph.facility(facility_id);
    let known = one_line(&name(known));
    let mut text = facility_id.to_owned();
    if !known.is_empty() && known != facility_id {
        let _ = write!(text, " {known}");
    }
    if !region_id.is_empty() {
        let _ = write!(text, ", {region_id}");
    }
    text
}

/// A donor: `Kaspi Bank (KASPI)`. One who is not to be named goes by the id.
pub fn donor(donor_id: &str, donor_name: &str, is_anonymous: bool) -> String {
    if is_anonymous {
        format!("{donor_id}, not to be named in public")
    } else if donor_name.is_empty() {
        donor_id.to_owned()
    } else {
        format!("{} ({donor_id})", one_line(donor_name))
    }
}

/// `keruen.shipments.v1.ShipmentDispatched` → `dispatched`: of what is told by where it stands.
pub fn what(event_type: &str) -> String {
    let short = event_type.rsplit('.').next().unwrap_or(event_type);
    let mut text = String::new();
    for char in short.chars() {
        if char.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(char.to_ascii_lowercase());
    }
    let short = ["shipment ", "stock "]
        .into_iter()
        .find_map(|of| text.strip_prefix(of));
    one_line(short.unwrap_or(&text))
}

/// What steps of one event say happened to units: those that did not come were not received.
pub fn happened(steps: &[&TraceStep]) -> String {
    match steps.first() {
        Some(_) if are_missing(steps) => "found missing".to_owned(),
        Some(first) => what(&first.r#type),
        None => String::new(),
    }
}

fn are_missing(steps: &[&TraceStep]) -> bool {
    let mut steps = steps.iter();
    steps.all(|step| step.outcome() == ReceiptOutcome::Missing)
}

/// What became of units: `on hand`.
pub fn status(status: TraceStatus) -> String {
    word::field::<TraceStatus>(status.into()).replace('-', " ")
}

/// Position and day of an event: `#15 2020-07-02`; as much of it as is known.
pub fn when(graph: &Graph<'_>, position: u64) -> String {
    if position == 0 {
        return String::new();
    }
    let at = graph
        .step_at(position)
        .and_then(|step| step.occurred_at.as_ref());
    let time = time(at);
    let day = time.split(' ').next().unwrap_or_default();
    format!("#{position} {day}").trim_end().to_owned()
}

/// A label with what it is about; nothing about nothing.
pub fn label(what: &str, id: &str) -> String {
    if id.is_empty() {
        String::new()
    } else {
        format!("{what} {}", one_line(id))
    }
}

/// The first few serial numbers.
pub fn serials(serial_numbers: &[String]) -> String {
    if serial_numbers.is_empty() {
        return String::new();
    }
    let shown = serial_numbers.len().min(NUMBERS_SHOWN);
    let mut text = format!("no. {}", one_line(&serial_numbers[..shown].join(", ")));
    if serial_numbers.len() > NUMBERS_SHOWN {
        let _ = write!(text, " and {} more", serial_numbers.len() - NUMBERS_SHOWN);
    }
    text
}

/// What the steps of one event say beyond how many units went where. That they are good goes without saying.
pub fn remarks(steps: &[&TraceStep]) -> Vec<String> {
    let Some(first) = steps.first() else {
        return Vec::new();
    };
    let numbers = steps.iter().flat_map(|step| &step.serial_numbers);
    let numbers: Vec<String> = numbers.cloned().collect();
    let inside = first.inside.as_ref().map(unit).unwrap_or_default();
    let remarks = [
        shares("", steps, |step| match step.outcome() {
            ReceiptOutcome::Good => String::new(),
            ReceiptOutcome::Missing if are_missing(steps) => String::new(),
            _ => word::field::<ReceiptOutcome>(step.outcome),
        }),
        word::field::<HoldReason>(first.hold_reason),
        shares("now of ", steps, |step| step.new_owner_id.clone()),
        label("kits", &first.kit_batch_id),
        label("inside", &inside),
        first.content.as_ref().map(unit).unwrap_or_default(),
        serials(&numbers),
        label("corrects", &first.corrects_event_id),
    ];
    remarks.into_iter().filter(|it| !it.is_empty()).collect()
}

/// The requests that steps serve.
pub fn requests(steps: &[&TraceStep]) -> String {
    shares("for ", steps, |step| step.request_id.clone())
}

/// What steps say of their units, and of how many where not of all: `490 good, 8 damaged`.
fn shares(what: &str, steps: &[&TraceStep], said: impl Fn(&TraceStep) -> String) -> String {
    let mut shares: BTreeMap<String, i64> = BTreeMap::new();
    for step in steps {
        let sum = shares.entry(one_line(&said(step))).or_default();
        *sum = sum.saturating_add(step.quantity);
    }
    let is_one = shares.len() == 1;
    shares.remove("");
    let mut texts: Vec<String> = Vec::new();
    for (said, quantity) in shares.iter().take(IDS_SHOWN) {
        texts.push(if is_one {
            said.clone()
        } else {
            format!("{} {said}", grouped(*quantity))
        });
    }
    if shares.len() > IDS_SHOWN {
        texts.push(format!("{} more", shares.len() - IDS_SHOWN));
    }
    if texts.is_empty() {
        String::new()
    } else {
        format!("{what}{}", texts.join(", "))
    }
}

/// What is known of units where they are, or of those that are gone.
pub fn whereabouts(places: &[&TracePlace]) -> Vec<String> {
    let sum = |part: fn(&TracePlace) -> i64, what: &str| {
        let sum = places
            .iter()
            .fold(0_i64, |sum, place| sum.saturating_add(part(place)));
        if sum > 0 {
            format!("{} {what}", grouped(sum))
        } else {
            String::new()
        }
    };
    let ids = |part: fn(&TracePlace) -> &String, what: &str| {
        let mut ids: Vec<&str> = places.iter().map(|place| part(place).as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| !id.is_empty());
        let more = ids.len().saturating_sub(IDS_SHOWN);
        ids.truncate(IDS_SHOWN);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        label(what, &format!("{}{more}", ids.join(", ")))
    };
    let numbers = places.iter().flat_map(|place| &place.serial_numbers);
    let numbers: Vec<String> = numbers.cloned().collect();
    let texts = [
        sum(|place| place.reserved, "reserved"),
        sum(|place| place.held, "held"),
        ids(|place| &place.owner_id, "owner"),
        ids(|place| &place.custodian_id, "liable"),
        serials(&numbers),
    ];
    texts.into_iter().filter(|it| !it.is_empty()).collect()
}

/// What a batch is, and what is wrong with it.
pub struct BatchWords {
    /// How many of what, which lot, until when.
    pub facts: Vec<String>,
    /// Holds, recalls and what the books can't explain.
    pub warnings: Vec<String>,
}

impl BatchWords {
    /// Of a batch that is traced.
    pub fn of(traced: &TraceBatch) -> Self {
        let batch = traced.batch.clone().unwrap_or_default();
        let item = format!(
            "{} {} {}",
            grouped(batch.quantity),
            batch.item_id,
            one_line(&name(traced.item_name.as_ref()))
        );
        let facts = [
            item.trim_end().to_owned(),
            label("lot", &batch.lot),
            label("use by", &batch.expires_on),
            components(&batch),
        ];
        Self {
            facts: facts.into_iter().filter(|it| !it.is_empty()).collect(),
            warnings: warnings(&batch),
        }
    }
}

fn components(batch: &Batch) -> String {
    let of_each = batch.components.iter().map(|units| {
        let donor = if units.donation_id == "UNATTRIBUTED" {
            String::new()
        } else {
            format!(" of {}", units.donation_id)
        };
        format!("{} {}{donor}", grouped(units.quantity), units.batch_id)
    });
    label("each holds", &of_each.collect::<Vec<_>>().join(", "))
}

fn warnings(batch: &Batch) -> Vec<String> {
    let mut warnings = Vec::new();
    let held = batch.holds.iter();
    let held: Vec<String> = held
        .map(|hold| word::field::<HoldReason>(hold.reason))
        .collect();
    if !held.is_empty() {
        warnings.push(format!("held: {}", held.join(", ")));
    }
    if let Some(recall) = &batch.recall {
        let reason = word::field::<RecallReason>(recall.reason);
        warnings.push(format!("recalled: {reason}"));
    }
    if batch.discrepancy > 0 {
        let found = grouped(batch.discrepancy);
        let settled = if batch.unexplained == 0 {
            ", settled".to_owned()
        } else if batch.unexplained < batch.discrepancy {
            format!(", {} unexplained", grouped(batch.unexplained))
        } else {
            String::new()
        };
        warnings.push(format!("{found} more than came{settled}"));
    }
    warnings
}

/// What became of units at the end of an edge, where the event doesn't say so by its name.
pub fn end(graph: &Graph<'_>, edge: &Edge<'_>, told: &str) -> String {
    match &graph.nodes[edge.to].thing {
        Thing::Outcome { status: it, .. } if !told.contains(&status(*it)) => {
            format!(" {}", status(*it))
        }
        _ => String::new(),
    }
}
