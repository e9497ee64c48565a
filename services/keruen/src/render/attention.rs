//! What somebody must see to, row by row.

use keruen_proto::{
    inventory::v1::{HoldReason, RecallReason},
    stock::v1::{HeldStockRow, RecallRow, ShortageRow},
};

use crate::{
    cells,
    render::{
        record::{Cell, Record},
        word,
    },
};

impl Record for ShortageRow {
    const COLUMNS: &'static [&'static str] = &[
        "facility_id",
        "region_id",
        "commodity_id",
        "minimum",
        "available",
        "in_transit",
        "short",
    ];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.facility_id,
            &self.region_id,
            &self.commodity_id,
            self.minimum,
            self.available,
            self.in_transit,
            self.short,
        ]
    }
}

impl Record for HeldStockRow {
    const COLUMNS: &'static [&'static str] = &[
        "facility_id",
        "region_id",
        "item_id",
        "batch_id",
        "owner_id",
        "lot",
        "held",
        "held_here",
        "reasons",
        "recalled",
    ];

    fn cells(&self) -> Vec<Cell> {
        let reasons = self.reasons.iter();
        let reasons: Vec<String> = reasons
            .map(|reason| word::field::<HoldReason>(*reason))
            .collect();
        cells![
            &self.facility_id,
            &self.region_id,
            &self.item_id,
            &self.batch_id,
            &self.owner_id,
            &self.lot,
            self.held,
            self.held_here,
            reasons,
            self.recalled,
        ]
    }
}

impl Record for RecallRow {
    const COLUMNS: &'static [&'static str] = &[
        "item_id",
        "lot",
        "reason",
        "authority_id",
        "on_hand",
        "in_transit",
    ];

    fn cells(&self) -> Vec<Cell> {
        let recall = self.recall.clone().unwrap_or_default();
        cells![
            &self.item_id,
            recall.lot,
            word::field::<RecallReason>(recall.reason),
            recall.authority_id,
            self.on_hand,
            self.in_transit,
        ]
    }
}
