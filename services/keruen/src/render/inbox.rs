//! What waits for somebody.

use keruen_proto::{
    requests::v1::RequestPriority,
    stock::v1::{InboxKind, InboxRow},
};

use crate::{
    cells,
    render::{
        record::{Cell, Record},
        word,
    },
};

impl Record for InboxRow {
    const COLUMNS: &'static [&'static str] = &[
        "kind",
        "emergency",
        "priority",
        "due_on",
        "region_id",
        "facility_id",
        "organisation_id",
        "request_id",
        "shipment_id",
        "item_id",
        "batch_id",
        "quantity",
    ];

    fn cells(&self) -> Vec<Cell> {
        cells![
            word::field::<InboxKind>(self.kind),
            self.emergency,
            word::field::<RequestPriority>(self.priority),
            &self.due_on,
            &self.region_id,
            &self.facility_id,
            &self.organisation_id,
            &self.request_id,
            &self.shipment_id,
            &self.item_id,
            &self.batch_id,
            // Of several items there is no number of units.
            if self.quantity == 0 {
                Cell::from("")
            } else {
                Cell::from(self.quantity)
            }
        ]
    }
}
