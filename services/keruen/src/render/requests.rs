//! Requests.

use keruen_proto::{
    requests::v1::{RejectionReason, Request, RequestLine, RequestPriority, RequestState},
    stock::v1::RequestRow,
};

use crate::{
    cells,
    render::{
        record::{Cell, Part, Record, name, time},
        word,
    },
};

fn goods(line: &RequestLine) -> String {
    if line.item_id.is_empty() {
        line.commodity_id.clone()
    } else {
        line.item_id.clone()
    }
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
        "rejection_reason",
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
            word::field::<RejectionReason>(self.rejection_reason)
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
                    line.received
                ]
            })
            .collect();
        vec![Part {
            title: "lines",
            columns: &[
                "line",
                "commodity_id",
                "item_id",
                "requested",
                "approved",
                "allocated",
                "received",
            ],
            rows: lines,
        }]
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
