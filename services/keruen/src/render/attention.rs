//! What somebody must see to, row by row.

use std::collections::BTreeSet;

use keruen_proto::{
    inventory::v1::{HoldReason, RecallReason, ReceiptOutcome},
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
        let holds = self.reasons.iter().chain(&self.reasons_here);
        let mut reasons: Vec<String> = holds
            .map(|reason| word::field::<HoldReason>(*reason))
            .collect();
        let outcomes = self.outcomes_here.iter();
        reasons.extend(outcomes.map(|outcome| word::field::<ReceiptOutcome>(*outcome)));
        let mut told = BTreeSet::new();
        reasons.retain(|reason| told.insert(reason.clone()));
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
        "missing",
        "kits",
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
            self.missing,
            self.kits,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_of_a_hold_is_told_once() {
        let row = HeldStockRow {
            reasons: vec![HoldReason::Quarantine.into()],
            reasons_here: vec![HoldReason::Damaged.into()],
            outcomes_here: vec![
                ReceiptOutcome::Damaged.into(),
                ReceiptOutcome::Expired.into(),
            ],
            ..HeldStockRow::default()
        };
        let columns = HeldStockRow::COLUMNS.iter();
        let mut told = columns.zip(row.cells());
        let reasons = told.find(|(column, _)| **column == "reasons").unwrap().1;
        assert_eq!(reasons.plain(), "quarantine;damaged;expired");
    }
}
