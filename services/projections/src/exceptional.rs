//! What of an event an auditor should look at: overrides, late and missing papers, corrections, adjustments.

use keruen_proto::{
    Event,
    inventory::v1::{FitOverride, ReleaseOverride, StockUnits, VoidedMovement},
    log::v1::{CorrectionReason, RecordedEvent},
    registry::v1::{DocumentRef, Money},
    reports::v1::{AuditException, AuditExceptionKind as Kind},
    shipments::v1::{AgreementOverride, ReserveOverride},
};

use crate::movement::{Kind as Moved, Movement};

/// What was recorded so long after it happened is backdated.
const BACKDATED_US: i64 = 86_400_000_000;
/// The actor of commands that name none: nobody in particular.
const NOBODY: &str = "anonymous";
/// By which tag something is named, the most telling first.
const SUBJECTS: [&str; 23] = [
    "shipment:",
    "request:",
    "count:",
    "goods:",
    "asset:",
    "donation:",
    "stock:",
    "batch:",
    "lot:",
    "item:",
    "facility:",
    "organisation:",
    "volunteer:",
    "trip:",
    "agreements:",
    "keeper:",
    "crew:",
    "plan:",
    "mobileunit:",
    "commodity:",
    "vehicle:",
    "duty:",
    "emergency:",
];

/// All that is exceptional about an event, but for the units that it is about and for who else had a hand in it.
pub fn exceptions(
    recorded: &RecordedEvent,
    event: &Event,
    movements: &[Movement<'_>],
) -> Vec<AuditException> {
    let mut found = Vec::new();
    let mut add = |kind: Kind, reason: &str, person_ref: &str| {
        found.push(AuditException {
            reason: reason.to_owned(),
            person_ref: person_ref.to_owned(),
            ..at(recorded, event, movements, kind)
        });
    };
    for (reason, person_ref) in overrides(event) {
        add(Kind::Override, reason, person_ref);
    }
    let occurred_at_us = recorded.occurred_at.as_ref().map(|at| at.time_us);
    if occurred_at_us.is_some_and(|at_us| recorded.recorded_at_us - at_us > BACKDATED_US) {
        add(Kind::Backdated, "", "");
    }
    if let Some(correction) = &recorded.correction {
        let reason = CorrectionReason::try_from(correction.reason);
        let reason = reason.map_or("", |reason| reason.as_str_name());
        add(Kind::Correction, reason, "");
    }
    if documents(event).is_some_and(<[DocumentRef]>::is_empty) {
        add(Kind::NoDocument, "", signed_by(event));
    }
    match event {
        Event::StockAdjusted(it) => add(Kind::Adjustment, it.reason().as_str_name(), ""),
        Event::StockDiscrepancyFound(_) => add(Kind::Discrepancy, "", ""),
        _ => {}
    }
    found
}

/// An exception of an event, without a reason and without units.
pub fn at(
    recorded: &RecordedEvent,
    event: &Event,
    movements: &[Movement<'_>],
    kind: Kind,
) -> AuditException {
    AuditException {
        kind: kind.into(),
        position: recorded.position,
        event_id: recorded.event_id.clone(),
        r#type: recorded.r#type.clone(),
        occurred_at: recorded.occurred_at,
        recorded_at_us: recorded.recorded_at_us,
        actor: recorded.actor.clone(),
        facility_id: facility(recorded, event, movements).to_owned(),
        subject: subject(event, &recorded.tags).to_owned(),
        corrects_event_id: recorded
            .correction
            .as_ref()
            .map(|correction| correction.corrects_event_id.clone())
            .unwrap_or_default(),
        ..AuditException::default()
    }
}

/// The units that an event is about, each once: what one owner gives up another one gets, and kits are what they are made
/// of.
pub fn units<'e>(event: &Event, movements: &[Movement<'e>]) -> Vec<&'e StockUnits> {
    let movements = match event {
        Event::KitsAssembled(_) => movements.last().map(std::slice::from_ref),
        Event::KitsBroken(_) => movements.first().map(std::slice::from_ref),
        _ => Some(movements),
    };
    let movements = movements.unwrap_or_default().iter();
    let movements = movements.filter(|it| !matches!(it.kind, Moved::Acquired(_)));
    movements.map(|movement| movement.units).collect()
}

/// The money that an event is about.
pub fn money(event: &Event) -> Option<&Money> {
    match event {
        Event::DonationPledged(it) => it.money.as_ref(),
        Event::DonatedMoneyCommitted(it) => it.amount.as_ref(),
        Event::DonatedMoneyReleased(it) => it.amount.as_ref(),
        Event::DonatedMoneySpent(it) => it.amount.as_ref(),
        Event::DonatedMoneySpendingVoided(it) => it.amount.as_ref(),
        _ => None,
    }
}

/// Whether the books have fewer of an event's units than before because they had been wrong, so that they are told as less
/// than 0.
pub fn is_fewer(event: &Event) -> bool {
    match event {
        Event::StockAdjusted(it) => it.decrease,
        Event::ReceiptCorrected(it) => it.decrease,
        Event::MovementVoided(it) => matches!(
            it.movement(),
            VoidedMovement::Increase | VoidedMovement::Discrepancy
        ),
        _ => false,
    }
}

/// Where it happened; empty where on the way, or where it is about no place.
fn facility<'e>(
    recorded: &'e RecordedEvent,
    event: &'e Event,
    movements: &[Movement<'e>],
) -> &'e str {
    match event {
        Event::ShipmentDispatched(it) => return &it.origin_id,
        Event::ShipmentDispatchVoided(it) => return &it.origin_id,
        Event::CustodyHandedOver(it) => {
            return it.leg.as_ref().map_or("", |leg| &leg.facility_id);
        }
        // What gets on at a stop is where it comes from; all else is on its way.
        Event::ShipmentLoaded(it) if it.load.as_ref().is_some_and(|load| load.from_stop > 0) => {
            return &it.origin_id;
        }
        Event::ShipmentTitleTransferred(it) if it.is_under_way => return "",
        // Wherever it was, it had not come to the facility in whose books it is on its way.
        Event::ShipmentLossReported(_)
        | Event::LossActAccepted(_)
        | Event::LossActVoided(_)
        | Event::ShipmentDiverted(_)
        | Event::ShipmentSplit(_) => return "",
        _ => {}
    }
    if let Some(movement) = movements.first() {
        return movement.facility_id;
    }
    let of_stock = recorded
        .tags
        .iter()
        .find_map(|tag| tag.strip_prefix("stock:"));
    let of_stock = of_stock.and_then(|pair| pair.split_once('/'));
    let named = recorded
        .tags
        .iter()
        .find_map(|tag| tag.strip_prefix("facility:"));
    named
        .or(of_stock.map(|(facility_id, _)| facility_id))
        .unwrap_or_default()
}

fn subject<'e>(event: &Event, tags: &'e [String]) -> &'e str {
    let kinds = match event {
        // It may bring many assets.
        Event::DonationReceived(_) => &["donation:"][..],
        _ => &SUBJECTS[..],
    };
    kinds
        .iter()
        .find_map(|kind| tags.iter().find(|tag| tag.starts_with(kind)))
        .map_or("", String::as_str)
}

/// Reasons of the overrides of an event, and who answers for each.
fn overrides(event: &Event) -> Vec<(&'static str, &str)> {
    fn fit(it: Option<&FitOverride>) -> Vec<(&'static str, &str)> {
        it.map(|it| (it.reason().as_str_name(), it.authorised_by_ref.as_str()))
            .into_iter()
            .collect()
    }
    fn release(it: Option<&ReleaseOverride>) -> Vec<(&'static str, &str)> {
        it.map(|it| (it.reason().as_str_name(), it.authorised_by_ref.as_str()))
            .into_iter()
            .collect()
    }
    fn reserve(it: &ReserveOverride) -> (&'static str, &str) {
        (it.reason().as_str_name(), it.authorised_by_ref.as_str())
    }
    fn agreement(it: Option<&AgreementOverride>) -> Vec<(&'static str, &str)> {
        it.map(|it| (it.reason().as_str_name(), it.authorised_by_ref.as_str()))
            .into_iter()
            .collect()
    }
    match event {
        Event::DonationReceived(it) => {
            let clearance = it.clearance_override.iter();
            clearance
                .map(|it| (it.reason().as_str_name(), it.authorised_by_ref.as_str()))
                .collect()
        }
        Event::BatchReleased(it) => release(it.release_override.as_ref()),
        Event::StockReleased(it) => release(it.release_override.as_ref()),
        Event::AssetInstalled(it) => fit(it.fit_override.as_ref()),
        Event::ShipmentDiverted(it) => fit(it.fit_override.as_ref()),
        Event::ShipmentAllocated(it) => {
            let mut found = fit(it.fit_override.as_ref());
            found.extend(it.reserve_override.iter().map(reserve));
            found
        }
        Event::ShipmentDispatched(it) => agreement(it.agreement_override.as_ref()),
        Event::CustodyHandedOver(it) => agreement(
            it.leg
                .as_ref()
                .and_then(|leg| leg.agreement_override.as_ref()),
        ),
        Event::ShipmentLoaded(it) => {
            let load = it.load.iter();
            load.filter_map(|load| load.cold_chain_override.as_ref())
                .map(|it| (it.reason().as_str_name(), it.authorised_by_ref.as_str()))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The documents of an event that should have some.
fn documents(event: &Event) -> Option<&[DocumentRef]> {
    Some(match event {
        Event::DonationReceived(it) => &it.documents,
        Event::DonatedMoneySpent(it) => &it.documents,
        Event::StockAdjusted(it) => &it.documents,
        Event::StockDisposed(it) => &it.documents,
        Event::StockReturned(it) => &it.documents,
        Event::TitleTransferred(it) => &it.documents,
        Event::ShipmentTitleTransferred(it) => &it.documents,
        Event::ShipmentDispatched(it) => &it.documents,
        Event::ShipmentReceived(it) => &it.documents,
        Event::ShipmentLossReported(it) => &it.documents,
        Event::CustodyHandedOver(it) => &it.documents,
        Event::KeeperAppointed(it) => &it.documents,
        _ => return None,
    })
}

fn signed_by(event: &Event) -> &str {
    match event {
        Event::ShipmentDispatched(it) => &it.signed_by_ref,
        Event::ShipmentReceived(it) => &it.signed_by_ref,
        Event::CustodyHandedOver(it) => it.leg.as_ref().map_or("", |leg| &leg.signed_by_ref),
        _ => "",
    }
}

/// What an event approves, as tags: a request, or the shipments of a plan; and everybody who had a hand in that.
pub fn approval<'e>(
    recorded: &'e RecordedEvent,
    event: &'e Event,
) -> Option<(Vec<String>, Vec<&'e str>)> {
    let (approved, person_ref) = match event {
        Event::RequestApproved(it) => {
            let spoken = it.word_of_mouth.as_ref();
            (
                vec![request(&it.request_id)],
                spoken.map_or("", |it| it.approved_by_ref.as_str()),
            )
        }
        Event::ApprovalConfirmed(it) => {
            (vec![request(&it.request_id)], it.confirmed_by_ref.as_str())
        }
        Event::PlanApproved(it) => {
            let shares = it.shares.iter();
            let mut shipments: Vec<String> =
                shares.map(|share| shipment(&share.shipment_id)).collect();
            shipments.sort_unstable();
            shipments.dedup();
            (shipments, "")
        }
        _ => return None,
    };
    Some((approved, persons(recorded, person_ref)))
}

/// What an event receives: a shipment, and the requests whose goods it brings, as tags, each once; and everybody who had a
/// hand in that.
pub fn receipt<'e>(
    recorded: &'e RecordedEvent,
    event: &'e Event,
) -> Option<(&'e str, Vec<String>, Vec<&'e str>)> {
    let Event::ShipmentReceived(it) = event else {
        return None;
    };
    let units = it
        .units
        .iter()
        .filter_map(|found| found.shipment_units.as_ref());
    let requests = units.filter(|units| !units.request_id.is_empty());
    let mut requests: Vec<String> = requests.map(|units| request(&units.request_id)).collect();
    requests.sort_unstable();
    requests.dedup();
    let persons = persons(recorded, &it.signed_by_ref);
    Some((&it.shipment_id, requests, persons))
}

fn request(id: &str) -> String {
    format!("request:{id}")
}

/// The tag of a shipment.
pub fn shipment(id: &str) -> String {
    format!("shipment:{id}")
}

fn persons<'e>(recorded: &'e RecordedEvent, person_ref: &'e str) -> Vec<&'e str> {
    let mut persons = vec![recorded.actor.as_str(), person_ref];
    persons.retain(|person| !person.is_empty() && *person != NOBODY);
    persons.sort_unstable();
    persons.dedup();
    persons
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn whatever_is_recorded_has_a_subject() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/tests/golden");
        let mut seen = 0;
        for entry in fs::read_dir(golden).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|it| it != "tags") {
                continue;
            }
            let tags: Vec<String> = fs::read_to_string(&path)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect();
            let named = |kind: &&str| tags.iter().any(|tag| tag.starts_with(kind));
            assert!(SUBJECTS.iter().any(named), "{}: {tags:?}", path.display());
            seen += 1;
        }
        assert!(seen > 100, "{seen} events");
    }
}
