//! From donor to bedside: a trace as a tree.

use std::{collections::BTreeMap, fmt::Write as _, io};

use anstyle::{AnsiColor, Style};
use keruen_proto::{
    inventory::v1::{
        Asset, AssetCondition, AssetPlace, Donation, DonationState, HoldReason, RecallReason,
        ReceiptOutcome,
    },
    requests::v1::RequestState,
    stock::v1::{GetTraceResponse, TraceBatch, TracePlace, TraceStatus, TraceStep},
};

use crate::{
    cells,
    cli::Format,
    client::failure::one_line,
    render::{
        Output,
        donation::goods,
        inventory::unit,
        record::{Cell, grouped, money_grouped, name, time},
        word,
    },
};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default();

/// Columns of a trace in CSV: a row for each place.
pub const COLUMNS: &[&str] = &[
    "donation",
    "batch",
    "item",
    "lot",
    "expires_on",
    "status",
    "region",
    "facility",
    "quantity",
    "reserved",
    "held",
    "owner",
    "shipment",
    "custodian",
    "serial_numbers",
    "since_position",
];

/// Prints a trace; `steps` is how many steps of each batch the tree shows, the newest ones.
pub fn print(output: &mut Output, trace: &GetTraceResponse, steps: usize) -> io::Result<()> {
    match output.format() {
        Format::Json => output.json(trace),
        Format::Csv => output.csv(COLUMNS, rows(trace)),
        Format::Table => {
            output.line(tree(trace, steps).trim_end())?;
            output.flush()
        }
    }
}

fn rows(trace: &GetTraceResponse) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for traced in &trace.batches {
        let batch = traced.batch.clone().unwrap_or_default();
        for place in &traced.places {
            rows.push(cells![
                &batch.donation_id,
                &batch.batch_id,
                &batch.item_id,
                &batch.lot,
                &batch.expires_on,
                word::field::<TraceStatus>(place.status),
                &place.region_id,
                &place.facility_id,
                place.quantity,
                place.reserved,
                place.held,
                &place.owner_id,
                &place.shipment_id,
                &place.custodian_id,
                &place.serial_numbers[..],
                place.since_position.to_string()
            ]);
        }
    }
    rows
}

/// The trace as a tree.
pub fn tree(trace: &GetTraceResponse, steps: usize) -> String {
    let mut lines = Vec::new();
    if let Some(donation) = &trace.donation {
        lines.extend(donation_lines(donation, &name(trace.donor_name.as_ref())));
    }
    if let Some(request) = &trace.request {
        let state = word::field::<RequestState>(request.state);
        lines.push(format!(
            "{BOLD}request {}{BOLD:#} of {} · {state}",
            request.request_id, request.facility_id
        ));
        for line in &request.lines {
            let wanted = if line.item_id.is_empty() {
                &line.commodity_id
            } else {
                &line.item_id
            };
            lines.push(format!(
                "│  {wanted}: {} requested, {} approved, {} allocated, {} received",
                grouped(line.requested),
                grouped(line.approved),
                grouped(line.allocated),
                grouped(line.received)
            ));
        }
    }
    if let Some(asset) = &trace.asset {
        lines.extend(asset_lines(asset));
    }
    for (index, batch) in trace.batches.iter().enumerate() {
        let last = index + 1 == trace.batches.len();
        lines.push("│".to_owned());
        batch_lines(&mut lines, batch, last, steps);
    }
    if trace.batches.is_empty() {
        lines.push("nothing has arrived yet".to_owned());
    }
    lines.push(String::new());
    lines.push(sums(&trace.batches));
    lines.push(format!("{DIM}as of position {}{DIM:#}", trace.position));
    let mut text = String::new();
    for line in lines {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{line}");
    }
    text
}

/// Where an asset is and whether it works, and what is around it and inside it.
fn asset_lines(asset: &Asset) -> Vec<String> {
    let place = word::field::<AssetPlace>(asset.place).replace('-', " ");
    let condition = word::field::<AssetCondition>(asset.condition).replace('-', " ");
    let inside = asset.inside.as_ref().map(unit).unwrap_or_default();
    let mut lines = vec![one_line(&format!(
        "asset {} {} · {place} {inside} · {condition}",
        asset.item_id, asset.serial_number
    ))];
    for inner in &asset.contents {
        lines.push(one_line(&format!("│  inside it: {}", unit(inner))));
    }
    lines
}

fn donation_lines(donation: &Donation, donor: &str) -> Vec<String> {
    let state = word::field::<DonationState>(donation.state);
    let donor = if donation.anonymous || donor.is_empty() {
        donation.donor_id.clone()
    } else {
        format!("{} ({})", one_line(donor), donation.donor_id)
    };
    let recipient =
        if donation.recipient_id.is_empty() || donation.recipient_id == donation.donor_id {
            String::new()
        } else {
            format!(" to {}", donation.recipient_id)
        };
    let mut lines = vec![format!(
        "{BOLD}donation {}{BOLD:#} of {donor}{recipient} · {state}",
        donation.donation_id
    )];
    for line in &donation.lines {
        lines.push(format!(
            "│  pledged {} {}, received {}",
            grouped(line.quantity),
            goods(line),
            grouped(line.received)
        ));
    }
    if let Some(money) = &donation.money {
        let spent = donation
            .money_spent
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), money_grouped);
        lines.push(format!(
            "│  pledged {}, spent {spent}",
            money_grouped(money)
        ));
    }
    lines
}

fn batch_lines(lines: &mut Vec<String>, traced: &TraceBatch, last: bool, steps: usize) {
    let batch = traced.batch.clone().unwrap_or_default();
    let (branch, stem) = if last {
        ("└─", "   ")
    } else {
        ("├─", "│  ")
    };
    let mut facts = vec![
        format!("{BOLD}batch {}{BOLD:#}", batch.batch_id),
        format!("{} {}", grouped(batch.quantity), batch.item_id),
        one_line(&name(traced.item_name.as_ref())),
    ];
    if !batch.lot.is_empty() {
        facts.push(format!("lot {}", one_line(&batch.lot)));
    }
    if !batch.expires_on.is_empty() {
        facts.push(format!("use by {}", batch.expires_on));
    }
    facts.retain(|fact| !fact.is_empty());
    let held: Vec<String> = batch
        .holds
        .iter()
        .map(|hold| word::field::<HoldReason>(hold.reason))
        .collect();
    if !held.is_empty() {
        facts.push(format!("{RED}held: {}{RED:#}", held.join(", ")));
    }
    if let Some(recall) = &batch.recall {
        let reason = word::field::<RecallReason>(recall.reason);
        facts.push(format!("{RED}recalled: {reason}{RED:#}"));
    }
    if !batch.components.is_empty() {
        let of_each = batch.components.iter().map(|units| {
            let donor = if units.donation_id == "UNATTRIBUTED" {
                String::new()
            } else {
                format!(" of {}", units.donation_id)
            };
            format!("{} {}{donor}", grouped(units.quantity), units.batch_id)
        });
        facts.push(format!(
            "each holds {}",
            of_each.collect::<Vec<_>>().join(", ")
        ));
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
        facts.push(format!("{RED}{found} more than came{settled}{RED:#}"));
    }
    lines.push(format!("{branch} {}", facts.join(" · ")));
    place_lines(
        lines,
        &traced.places,
        stem,
        traced.steps.is_empty() || steps == 0,
    );
    step_lines(lines, &traced.steps, stem, steps);
}

fn status_style(status: TraceStatus) -> Style {
    match status {
        TraceStatus::OnHand => AnsiColor::Green.on_default(),
        TraceStatus::InTransit => AnsiColor::Yellow.on_default(),
        TraceStatus::Missing | TraceStatus::Lost => AnsiColor::Red.on_default(),
        _ => Style::new(),
    }
}

fn place_lines(lines: &mut Vec<String>, places: &[TracePlace], stem: &str, last_block: bool) {
    let width = |texts: &mut dyn Iterator<Item = String>| {
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let numbers = width(&mut places.iter().map(|place| grouped(place.quantity)));
    let words = width(
        &mut places
            .iter()
            .map(|place| word::field::<TraceStatus>(place.status)),
    );
    for (index, place) in places.iter().enumerate() {
        let branch = if last_block && index + 1 == places.len() {
            "└─"
        } else {
            "├─"
        };
        let style = status_style(place.status());
        let status = word::field::<TraceStatus>(place.status).replace('-', " ");
        let mut line = format!(
            "{stem}{branch} {:>numbers$} {style}{status:<words$}{style:#}  {} {} {}",
            grouped(place.quantity),
            place.region_id,
            place.facility_id,
            one_line(&name(place.facility_name.as_ref())),
        );
        let mut remark = |told: bool, text: String| {
            if told {
                line.push_str(" · ");
                line.push_str(&text);
            }
        };
        remark(
            place.reserved > 0,
            format!("{} reserved", grouped(place.reserved)),
        );
        remark(place.held > 0, format!("{} held", grouped(place.held)));
        remark(
            !place.owner_id.is_empty(),
            format!("owner {}", place.owner_id),
        );
        remark(
            !place.shipment_id.is_empty(),
            format!("shipment {}", place.shipment_id),
        );
        remark(
            !place.custodian_id.is_empty(),
            format!("liable {}", place.custodian_id),
        );
        remark(
            !place.serial_numbers.is_empty(),
            serials(&place.serial_numbers),
        );
        lines.push(line);
    }
}

/// The first few serial numbers.
fn serials(serial_numbers: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = one_line(&serial_numbers[..serial_numbers.len().min(SHOWN)].join(", "));
    if serial_numbers.len() > SHOWN {
        let _ = write!(text, " and {} more", serial_numbers.len() - SHOWN);
    }
    format!("no. {text}")
}

fn step_lines(lines: &mut Vec<String>, steps: &[TraceStep], stem: &str, shown: usize) {
    if steps.is_empty() || shown == 0 {
        return;
    }
    let hidden = steps.len().saturating_sub(shown);
    lines.push(format!("{stem}└─ how it came there"));
    if hidden > 0 {
        let noun = if hidden == 1 { "step" } else { "steps" };
        lines.push(format!(
            "{stem}   {DIM}… {hidden} earlier {noun}; see more with --steps{DIM:#}"
        ));
    }
    for step in &steps[hidden..] {
        let place = match (step.from_facility_id.as_str(), step.facility_id.as_str()) {
            ("", "") => String::new(),
            ("", at) => format!(" {} at {at}", grouped(step.quantity)),
            (from, to) if from == to => format!(" {} at {to}", grouped(step.quantity)),
            (from, to) => format!(" {} {from} → {to}", grouped(step.quantity)),
        };
        let mut line = format!(
            "{stem}   {DIM}{:>6}{DIM:#} {} {}{place}",
            step.position,
            time(step.occurred_at.as_ref()),
            what(&step.r#type),
        );
        let outcome = word::field::<ReceiptOutcome>(step.outcome);
        for remark in [
            outcome.clone(),
            word::field::<HoldReason>(step.hold_reason),
            label("shipment", &step.shipment_id),
            label("request", &step.request_id),
            label("now of", &step.new_owner_id),
            label("corrects", &step.corrects_event_id),
            label("kits", &step.kit_batch_id),
            label(
                "inside",
                &step.inside.as_ref().map(unit).unwrap_or_default(),
            ),
            step.content.as_ref().map(unit).unwrap_or_default(),
        ] {
            if !remark.is_empty() {
                line.push_str(" · ");
                line.push_str(&remark);
            }
        }
        if !step.serial_numbers.is_empty() {
            let _ = write!(line, " · {}", serials(&step.serial_numbers));
        }
        lines.push(line);
    }
}

fn label(what: &str, id: &str) -> String {
    if id.is_empty() {
        String::new()
    } else {
        format!("{what} {id}")
    }
}

/// `keruen.shipments.v1.ShipmentDispatched` → `shipment dispatched`.
fn what(event_type: &str) -> String {
    let short = event_type.rsplit('.').next().unwrap_or(event_type);
    let mut text = String::new();
    for char in short.chars() {
        if char.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(char.to_ascii_lowercase());
    }
    one_line(&text)
}

/// What became of all units, by status; adds up to what entered the books.
fn sums(batches: &[TraceBatch]) -> String {
    let mut by_status: BTreeMap<i32, i64> = BTreeMap::new();
    for place in batches.iter().flat_map(|batch| &batch.places) {
        let sum = by_status.entry(place.status).or_default();
        *sum = sum.saturating_add(place.quantity);
    }
    let total: i64 = by_status
        .values()
        .fold(0, |sum, quantity| sum.saturating_add(*quantity));
    let parts: Vec<String> = by_status
        .iter()
        .map(|(status, sum)| {
            format!(
                "{} {}",
                grouped(*sum),
                word::field::<TraceStatus>(*status).replace('-', " ")
            )
        })
        .collect();
    if parts.is_empty() {
        return format!("{BOLD}sum{BOLD:#}  0");
    }
    format!(
        "{BOLD}sum{BOLD:#}  {} = {}",
        parts.join(" + "),
        grouped(total)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use keruen_proto::{
        inventory::v1::{Batch, PledgeLine},
        log::v1::{OccurredAt, TimePrecision},
        registry::v1::LocalizedText,
    };

    fn sample() -> GetTraceResponse {
        let place = |status: TraceStatus, quantity| TracePlace {
            status: status.into(),
            facility_id: "HOSP-1".to_owned(),
            region_id: "KZ-62".to_owned(),
            quantity,
            ..TracePlace::default()
        };
        GetTraceResponse {
            donation: Some(Donation {
                donation_id: "D-1".to_owned(),
                donor_id: "KASPI".to_owned(),
                recipient_id: "MOH".to_owned(),
                state: DonationState::Received.into(),
                lines: vec![PledgeLine {
                    line: 1,
                    commodity_id: "TEST-SARS2".to_owned(),
                    quantity: 100_000,
                    received: 100_000,
                    ..PledgeLine::default()
                }],
                ..Donation::default()
            }),
            donor_name: Some(LocalizedText {
                en: "Kaspi Bank".to_owned(),
                ..LocalizedText::default()
            }),
            batches: vec![TraceBatch {
                batch: Some(Batch {
                    batch_id: "B-1".to_owned(),
                    item_id: "TEST-A".to_owned(),
                    lot: "L\u{7}1".to_owned(),
                    quantity: 100_000,
                    ..Batch::default()
                }),
                places: vec![
                    place(TraceStatus::OnHand, 60_000),
                    place(TraceStatus::InTransit, 39_998),
                    place(TraceStatus::Lost, 2),
                ],
                steps: vec![TraceStep {
                    position: 12,
                    r#type: "keruen.shipments.v1.LossActAccepted".to_owned(),
                    occurred_at: Some(OccurredAt {
                        time_us: 1_593_590_400_000_000,
                        utc_offset_minutes: 360,
                        precision: TimePrecision::Day.into(),
                        clamped: false,
                    }),
                    from_facility_id: "WH-1".to_owned(),
                    facility_id: "HOSP-1".to_owned(),
                    quantity: 2,
                    ..TraceStep::default()
                }],
                ..TraceBatch::default()
            }],
            position: 15,
            ..GetTraceResponse::default()
        }
    }

    #[test]
    fn a_tree_tells_where_everything_is() {
        let text = anstream::adapter::strip_str(&tree(&sample(), 10)).to_string();
        assert_eq!(
            text,
            "donation D-1 of Kaspi Bank (KASPI) to MOH · received\n\
             │  pledged 100,000 TEST-SARS2, received 100,000\n\
             │\n\
             └─ batch B-1 · 100,000 TEST-A · lot L\u{fffd}1\n   \
             ├─ 60,000 on hand     KZ-62 HOSP-1 \n   \
             ├─ 39,998 in transit  KZ-62 HOSP-1 \n   \
             ├─      2 lost        KZ-62 HOSP-1 \n   \
             └─ how it came there\n          \
             12 2020-07-01 loss act accepted 2 WH-1 → HOSP-1\n\
             \n\
             sum  60,000 on hand + 39,998 in transit + 2 lost = 100,000\n\
             as of position 15\n"
        );
    }

    #[test]
    fn steps_can_be_left_out() {
        let text = tree(&sample(), 0);
        assert!(!text.contains("how it came there"));
        assert!(
            anstream::adapter::strip_str(&text)
                .to_string()
                .contains("   └─      2 lost")
        );
    }

    #[test]
    fn every_place_has_its_row() {
        let rows = rows(&sample());
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.len() == COLUMNS.len()));
    }
}
