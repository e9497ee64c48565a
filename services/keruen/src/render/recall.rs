//! Who has and who had a lot.

use std::io;

use keruen_proto::{
    inventory::v1::RecallReason,
    registry::v1::FacilityKind,
    stock::v1::{GetLotTraceResponse, LotHolder, LotTrace, TraceBatch, TracePlace, TraceStatus},
};

use crate::{
    cells,
    cli::Format,
    render::{
        Output,
        record::{Cell, Part, Record, grouped, name},
        word,
    },
};

/// Columns of whoever has or had some of the lot.
const HOLDER: &[&str] = &[
    "facility_id",
    "kind",
    "region_id",
    "on_hand",
    "in_transit",
    "missing",
    "received",
    "sent",
    "consumed",
    "disposed",
    "lost",
    "returned",
    "converted",
    "kits",
    "owners",
    "shipments",
];

/// Prints it; CSV has a row for each facility.
pub fn print(output: &mut Output, answer: GetLotTraceResponse) -> io::Result<()> {
    match (output.format(), &answer.lot_trace) {
        (Format::Csv, Some(trace)) => output.csv(HOLDER, trace.holders.iter().map(holder)),
        _ => output.shown(answer).map(|_| ()),
    }
}

fn holder(it: &LotHolder) -> Vec<Cell> {
    cells![
        &it.facility_id,
        word::field::<FacilityKind>(it.facility_kind),
        &it.region_id,
        it.on_hand,
        it.in_transit,
        it.missing,
        it.received,
        it.sent,
        it.consumed,
        it.disposed,
        it.lost,
        it.returned,
        it.converted,
        it.kits,
        &it.owner_ids[..],
        &it.shipment_ids[..]
    ]
}

/// Whether a facility has some of the lot, or some is on its way there.
fn has_some(it: &LotHolder) -> bool {
    it.on_hand + it.in_transit + it.missing + it.kits > 0
}

/// What a recall affects, in one line.
pub fn affected(trace: &LotTrace) -> String {
    let sum = |part: fn(&LotHolder) -> i64| grouped(trace.holders.iter().map(part).sum());
    let places = trace.holders.iter().filter(|it| has_some(it)).count();
    if trace.batches.is_empty() {
        return "no batch of it has come yet; those that come will be held".to_owned();
    }
    format!(
        "affects {} of {} batches at {places} facilities: {} on hand, {} on the way, {} missing, {} kits with some of it; \
         {} were used; `keruen recall show {} {}` names them",
        sum(|it| it.on_hand + it.in_transit + it.missing),
        trace.batches.len(),
        sum(|it| it.on_hand),
        sum(|it| it.in_transit),
        sum(|it| it.missing),
        sum(|it| it.kits),
        sum(|it| it.consumed),
        trace.item_id,
        shlex::try_quote(&trace.lot).unwrap_or_default()
    )
}

fn places(traced: &TraceBatch) -> impl Iterator<Item = Vec<Cell>> {
    let batch = traced.batch.clone().unwrap_or_default();
    traced.places.iter().map(move |place: &TracePlace| {
        cells![
            &batch.batch_id,
            &batch.donation_id,
            word::field::<TraceStatus>(place.status),
            place.quantity,
            &place.facility_id,
            &place.owner_id,
            &place.shipment_id,
            &place.custodian_id
        ]
    })
}

impl Record for LotTrace {
    const COLUMNS: &'static [&'static str] = &[
        "item_id",
        "item",
        "lot",
        "recalled_for",
        "recalled_by",
        "batches",
        "on_hand",
        "in_transit",
        "missing",
        "consumed",
        "disposed",
        "lost",
        "returned",
        "converted",
    ];

    fn cells(&self) -> Vec<Cell> {
        let sum = |part: fn(&LotHolder) -> i64| self.holders.iter().map(part).sum::<i64>();
        let (reason, authority_id) = match &self.recall {
            Some(recall) => (
                word::field::<RecallReason>(recall.reason),
                recall.authority_id.clone(),
            ),
            None => (String::new(), String::new()),
        };
        cells![
            &self.item_id,
            name(self.item_name.as_ref()),
            &self.lot,
            reason,
            authority_id,
            i64::try_from(self.batches.len()).unwrap_or(i64::MAX),
            sum(|it| it.on_hand),
            sum(|it| it.in_transit),
            sum(|it| it.missing),
            sum(|it| it.consumed),
            sum(|it| it.disposed),
            sum(|it| it.lost),
            sum(|it| it.returned),
            sum(|it| it.converted)
        ]
    }

    fn parts(&self) -> Vec<Part> {
        let (have, had): (Vec<&LotHolder>, Vec<&LotHolder>) =
            self.holders.iter().partition(|it| has_some(it));
        vec![
            Part {
                title: "who has some",
                columns: HOLDER,
                rows: have.into_iter().map(holder).collect(),
            },
            Part {
                title: "who had some",
                columns: HOLDER,
                rows: had.into_iter().map(holder).collect(),
            },
            Part {
                title: "where the units of each batch are",
                columns: &[
                    "batch_id",
                    "donation_id",
                    "status",
                    "quantity",
                    "facility_id",
                    "owner_id",
                    "shipment_id",
                    "custodian_id",
                ],
                rows: self.batches.iter().flat_map(places).collect(),
            },
            Part {
                title: "where the kits are that hold some",
                columns: &[
                    "batch_id",
                    "donation_id",
                    "status",
                    "quantity",
                    "facility_id",
                    "owner_id",
                    "shipment_id",
                    "custodian_id",
                ],
                rows: self.kits.iter().flat_map(places).collect(),
            },
        ]
    }
}
