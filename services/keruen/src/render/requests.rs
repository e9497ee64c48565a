//! Requests.

use keruen_proto::{
    Timestamp,
    requests::v1::{
        EscalationReason, Need, NeedKind, RejectionReason, Request, RequestCancellationReason,
        RequestChannel, RequestLine, RequestPriority, RequestState, ShortClosingReason,
        SubstituteDeclineReason, SubstituteState,
    },
    stock::v1::RequestRow,
};

use crate::{
    cells,
    client::value,
    render::{
        record::{Cell, Part, Record, name, recorded, time},
        word,
    },
};

/// What is asked for: an item, any item of a commodity, or what patients need.
pub(crate) fn goods(line: &RequestLine) -> String {
    match (&line.item_id, &line.commodity_id, &line.need) {
        (item_id, _, _) if !item_id.is_empty() => item_id.clone(),
        (_, commodity_id, _) if !commodity_id.is_empty() => commodity_id.clone(),
        (_, _, need) => need.as_ref().map(told).unwrap_or_default(),
    }
}

/// A need in words: `oxygen-therapy for 12 patients, 10 L2 each, 5 days`.
fn told(need: &Need) -> String {
    let mut words = vec![format!(
        "{} for {} patients",
        word::field::<NeedKind>(need.kind),
        need.patients
    )];
    words.extend(need.per_patient.as_ref().map(|each| {
        let amount = value::decimal_text(each.value_milli, 3);
        // Where a comma stands for a point, 10.000 would be ten thousand.
        let amount = amount.trim_end_matches('0').trim_end_matches('.');
        format!("{amount} {} each", each.unit_code)
    }));
    if need.days > 0 {
        words.push(format!("{} days", need.days));
    }
    words.join(", ")
}

/// A time as it was in Kazakhstan.
fn instant(time: Option<&Timestamp>) -> String {
    time.map_or_else(String::new, |time| {
        recorded(time.seconds.saturating_mul(1_000_000))
    })
}

/// Why it ended before it was fulfilled, and why the rest of its need has.
fn end(request: &Request) -> String {
    let mut why = vec![
        word::field::<RejectionReason>(request.rejection_reason),
        word::field::<ShortClosingReason>(request.closing_reason),
        word::field::<RequestCancellationReason>(request.cancellation_reason),
    ];
    why.retain(|word| !word.is_empty());
    why.join(", ")
}

/// What people said of it, and when to expect something.
fn said(request: &Request) -> Vec<Part> {
    let filing = request.filing.clone().unwrap_or_default();
    let triage = request.triage.clone().unwrap_or_default();
    let spoken = request.word_of_mouth.clone().unwrap_or_default();
    let facts = [
        ("clinical_reason_code", request.clinical_reason_code.clone()),
        ("channel", word::field::<RequestChannel>(filing.channel)),
        ("filed_by_id", filing.filed_by_id),
        ("asked_by_ref", filing.asked_by_ref),
        ("expected_at", instant(request.expected_at.as_ref())),
        ("triaged_by", triage.office_id),
        ("forwarded_to_id", triage.forwarded_to_id),
        ("duplicate_of_id", request.duplicate_of_id.clone()),
        ("reconfirmed_on", request.reconfirmed_on.clone()),
        ("approved_by_word_of", spoken.approved_by_ref),
        ("to_be_confirmed_by", instant(spoken.confirm_by.as_ref())),
        ("confirmed_by_ref", request.confirmed_by_ref.clone()),
    ];
    let substitutes = request.substitutes.iter().map(|offer| {
        cells![
            offer.offer,
            offer.line,
            &offer.item_id,
            word::field::<SubstituteState>(offer.state),
            word::field::<SubstituteDeclineReason>(offer.decline_reason)
        ]
    });
    let escalations = request.escalations.iter().map(|escalation| {
        cells![
            word::field::<EscalationReason>(escalation.reason),
            escalation.level,
            &escalation.region_id,
            escalation.on_duty_refs.clone()
        ]
    });
    vec![
        Part {
            title: "what is known of it",
            columns: &["what", "value"],
            rows: facts
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(what, value)| cells![what, value])
                .collect(),
        },
        Part {
            title: "substitutes",
            columns: &["offer", "line", "item_id", "state", "decline_reason"],
            rows: substitutes.collect(),
        },
        Part {
            title: "those on duty were called",
            columns: &["reason", "level", "region_id", "on_duty_refs"],
            rows: escalations.collect(),
        },
    ]
}

fn quantities(request: &Request, quantity: fn(&RequestLine) -> i64) -> Cell {
    match &request.lines[..] {
        [line] => Cell::Number(quantity(line)),
        lines => Cell::Numbers(lines.iter().map(quantity).collect()),
    }
}

impl Record for Request {
    const COLUMNS: &'static [&'static str] = &[
        "request_id",
        "state",
        "priority",
        "facility_id",
        "goods",
        "requested",
        "approved",
        "allocated",
        "received",
        "needed_by",
        "end_reason",
    ];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.request_id,
            word::field::<RequestState>(self.state),
            word::field::<RequestPriority>(self.priority),
            &self.facility_id,
            self.lines.iter().map(goods).collect::<Vec<_>>(),
            quantities(self, |line| line.requested),
            quantities(self, |line| line.approved),
            quantities(self, |line| line.allocated),
            quantities(self, |line| line.received),
            &self.needed_by,
            end(self)
        ]
    }

    fn parts(&self) -> Vec<Part> {
        let lines = self
            .lines
            .iter()
            .map(|line| {
                cells![
                    line.line,
                    &line.commodity_id,
                    &line.item_id,
                    line.requested,
                    line.approved,
                    line.allocated,
                    line.received,
                    line.need.as_ref().map(told).unwrap_or_default()
                ]
            })
            .collect();
        let mut parts = vec![Part {
            title: "lines",
            columns: &[
                "line",
                "commodity_id",
                "item_id",
                "requested",
                "approved",
                "allocated",
                "received",
                "need",
            ],
            rows: lines,
        }];
        parts.extend(said(self));
        parts
    }
}

impl Record for RequestRow {
    const COLUMNS: &'static [&'static str] = &[
        "request_id",
        "state",
        "priority",
        "region_id",
        "facility_id",
        "facility_name",
        "goods",
        "requested",
        "approved",
        "allocated",
        "received",
        "needed_by",
        "filed_at",
    ];

    fn cells(&self) -> Vec<Cell> {
        let request = self.request.clone().unwrap_or_default();
        cells![
            &request.request_id,
            word::field::<RequestState>(request.state),
            word::field::<RequestPriority>(request.priority),
            &self.region_id,
            &request.facility_id,
            name(self.facility_name.as_ref()),
            request.lines.iter().map(goods).collect::<Vec<_>>(),
            quantities(&request, |line| line.requested),
            quantities(&request, |line| line.approved),
            quantities(&request, |line| line.allocated),
            quantities(&request, |line| line.received),
            &request.needed_by,
            time(self.filed_at.as_ref())
        ]
    }
}

#[cfg(test)]
mod tests {
    use keruen_proto::inventory::v1::MeasuredOutput;

    use super::*;

    #[test]
    fn a_time_is_that_of_kazakhstan() {
        let time = Timestamp {
            seconds: 1_798_970_400,
            nanos: 0,
        };
        assert_eq!(instant(Some(&time)), "2027-01-03 15:00:00+05:00");
        assert_eq!(instant(None), "");
    }

    #[test]
    fn an_amount_has_no_zeros_that_could_be_thousands() {
        for (value_milli, wanted) in [(10_000, "10"), (500, "0.5"), (100_250, "100.25")] {
            let line = RequestLine {
                need: Some(Need {
                    kind: NeedKind::OxygenTherapy.into(),
                    patients: 12,
                    per_patient: Some(MeasuredOutput {
                        value_milli,
                        unit_code: "L2".to_owned(),
                    }),
                    days: 0,
                }),
                ..RequestLine::default()
            };
            let told = goods(&line);
            assert!(told.ends_with(&format!(", {wanted} L2 each")), "{told}");
        }
    }
}
