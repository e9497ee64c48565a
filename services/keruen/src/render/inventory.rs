//! Batches, assets and stock levels.

use keruen_proto::{
    inventory::v1::{
        Asset, AssetCondition, AssetFault, AssetPlace, AssetRef, Batch, ContainerFill, CountKind,
        HoldReason, ItemQuality, LotRecall, RecallReason, StockCount, StockLevel,
        UnidentifiedGoods,
    },
    registry::v1::{DocumentRef, ValueBasis},
    stock::v1::AssetRow,
};

use crate::{
    cells,
    render::{
        record::{Cell, Part, Record, documents, unit_value},
        word,
    },
};

impl Record for Batch {
    const COLUMNS: &'static [&'static str] = &[
        "batch_id",
        "donation_id",
        "item_id",
        "lot",
        "expires_on",
        "received_at_facility_id",
        "owner_id",
        "quantity",
        "unit_value",
        "held_for",
        "recalled_for",
        "discrepancy",
        "unexplained",
        "corrected_event_ids",
    ];
    const SHEET: &'static [&'static str] = &[
        "batch_id",
        "donation_id",
        "item_id",
        "lot",
        "expires_on",
        "received_at_facility_id",
        "owner_id",
        "quantity",
        "unit_value",
        "unit_value_basis",
        "held_for",
        "recalled_for",
        "discrepancy",
        "unexplained",
        "corrected_event_ids",
    ];
    const MONEY: &'static [&'static str] = &["unit_value"];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.batch_id,
            &self.donation_id,
            &self.item_id,
            &self.lot,
            &self.expires_on,
            &self.received_at_facility_id,
            &self.owner_id,
            self.quantity,
            unit_value(self.unit_value.as_ref()),
            held_for(self.holds.iter().map(|hold| hold.reason)),
            recalled_for(self.recall.as_ref()),
            self.discrepancy,
            self.unexplained,
            &self.corrected_event_ids[..]
        ]
    }

    fn sheet(&self) -> Vec<Vec<Cell>> {
        let mut cells = self.cells();
        let told = Self::COLUMNS.iter().position(|name| *name == "unit_value");
        if let Some(index) = told {
            let value = self.unit_value.as_ref();
            let basis =
                value.map_or_else(String::new, |value| word::field::<ValueBasis>(value.basis));
            let amount = value.and_then(|value| value.amount.as_ref());
            cells.splice(index..=index, cells![amount, basis]);
        }
        vec![cells]
    }

    fn parts(&self) -> Vec<Part> {
        let of_each = self.components.iter().map(|units| {
            cells![
                &units.batch_id,
                &units.donation_id,
                &units.item_id,
                &units.lot,
                &units.expires_on,
                units.quantity
            ]
        });
        vec![Part {
            title: "each kit holds",
            columns: &[
                "batch_id",
                "donation_id",
                "item_id",
                "lot",
                "expires_on",
                "quantity",
            ],
            rows: of_each.collect(),
        }]
    }
}

fn held_for(reasons: impl Iterator<Item = i32>) -> Vec<String> {
    reasons.map(word::field::<HoldReason>).collect()
}

fn recalled_for(recall: Option<&LotRecall>) -> String {
    recall.map_or_else(String::new, |recall| {
        word::field::<RecallReason>(recall.reason)
    })
}

impl Record for ItemQuality {
    const COLUMNS: &'static [&'static str] = &["item_id", "batches_held", "lots_recalled"];

    fn cells(&self) -> Vec<Cell> {
        let held: std::collections::BTreeSet<&str> =
            self.holds.iter().map(|hold| &*hold.batch_id).collect();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        cells![&self.item_id, count(held.len()), count(self.recalls.len())]
    }

    fn parts(&self) -> Vec<Part> {
        let numbers = |documents: &[DocumentRef]| -> Vec<String> {
            documents
                .iter()
                .map(|document| document.number.clone())
                .collect()
        };
        let holds = self.holds.iter().map(|hold| {
            cells![
                &hold.batch_id,
                word::field::<HoldReason>(hold.reason),
                numbers(&hold.documents)
            ]
        });
        let recalls = self.recalls.iter().map(|recall| {
            cells![
                &recall.lot,
                word::field::<RecallReason>(recall.reason),
                &recall.authority_id,
                numbers(&recall.documents)
            ]
        });
        vec![
            Part {
                title: "held batches",
                columns: &["batch_id", "reason", "documents"],
                rows: holds.collect(),
            },
            Part {
                title: "recalled lots",
                columns: &["lot", "reason", "authority_id", "documents"],
                rows: recalls.collect(),
            },
        ]
    }
}

impl Record for Asset {
    const COLUMNS: &'static [&'static str] = &[
        "item_id",
        "serial_number",
        "batch_id",
        "donation_id",
        "owner_id",
        "place",
        "facility_id",
        "shipment_id",
        "condition",
        "fault",
        "service_due_on",
        "lent_to",
        "loan_due_on",
        "repairer",
        "fill",
        "inside",
        "contents",
    ];

    fn cells(&self) -> Vec<Cell> {
        let loan = self.loan.clone().unwrap_or_default();
        let repair = self.repair.clone().unwrap_or_default();
        cells![
            &self.item_id,
            &self.serial_number,
            &self.batch_id,
            &self.donation_id,
            &self.owner_id,
            word::field::<AssetPlace>(self.place),
            &self.facility_id,
            &self.shipment_id,
            word::field::<AssetCondition>(self.condition),
            word::field::<AssetFault>(self.fault.unwrap_or_default()),
            &self.service_due_on,
            loan.borrower_id,
            loan.due_on,
            repair.repairer_id,
            word::field::<ContainerFill>(self.fill),
            self.inside.as_ref().map(unit).unwrap_or_default(),
            self.contents.iter().map(unit).collect::<Vec<_>>()
        ]
    }
}

impl Record for AssetRow {
    const COLUMNS: &'static [&'static str] = &[
        "item_id",
        "serial_number",
        "region_id",
        "facility_id",
        "place",
        "condition",
        "owner_id",
        "service_due_on",
        "lent_to",
        "loan_due_on",
        "repairer",
        "inside",
    ];

    fn cells(&self) -> Vec<Cell> {
        let asset = self.asset.clone().unwrap_or_default();
        let loan = asset.loan.unwrap_or_default();
        let repair = asset.repair.unwrap_or_default();
        cells![
            asset.item_id,
            asset.serial_number,
            &self.region_id,
            asset.facility_id,
            word::field::<AssetPlace>(asset.place),
            word::field::<AssetCondition>(asset.condition),
            asset.owner_id,
            asset.service_due_on,
            loan.borrower_id,
            loan.due_on,
            repair.repairer_id,
            asset.inside.as_ref().map(unit).unwrap_or_default()
        ]
    }
}

/// An asset as people name it.
pub fn unit(asset: &AssetRef) -> String {
    format!("{} {}", asset.item_id, asset.serial_number)
}

impl Record for UnidentifiedGoods {
    const COLUMNS: &'static [&'static str] = &[
        "goods_id",
        "facility_id",
        "packages",
        "identified_packages",
        "donation_id",
        "description_ref",
        "batches",
    ];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.goods_id,
            &self.facility_id,
            self.packages,
            self.identified_packages,
            &self.donation_id,
            &self.description_ref,
            &self.batch_ids[..]
        ]
    }

    fn parts(&self) -> Vec<Part> {
        vec![documents(&self.documents)]
    }
}

impl Record for StockCount {
    const COLUMNS: &'static [&'static str] = &[
        "count_id",
        "facility_id",
        "item_id",
        "kind",
        "counted_position",
        "expected",
        "counted",
        "difference",
    ];

    fn cells(&self) -> Vec<Cell> {
        let expected: i64 = self.lots.iter().map(|lot| lot.expected).sum();
        let counted: i64 = self.lots.iter().map(|lot| lot.counted).sum();
        cells![
            &self.count_id,
            &self.facility_id,
            &self.item_id,
            word::field::<CountKind>(self.kind),
            self.counted_position.to_string(),
            expected,
            counted,
            counted - expected
        ]
    }

    fn parts(&self) -> Vec<Part> {
        let lots = self.lots.iter().map(|lot| {
            cells![
                &lot.batch_id,
                &lot.owner_id,
                &lot.lot,
                &lot.expires_on,
                lot.expected,
                lot.counted,
                lot.counted - lot.expected,
                &lot.missing_serial_numbers[..],
                &lot.found_serial_numbers[..]
            ]
        });
        vec![Part {
            title: "by batch and owner",
            columns: &[
                "batch_id",
                "owner_id",
                "lot",
                "expires_on",
                "expected",
                "counted",
                "difference",
                "missing_serial_numbers",
                "found_serial_numbers",
            ],
            rows: lots.collect(),
        }]
    }
}

impl Record for StockLevel {
    const COLUMNS: &'static [&'static str] = &[
        "facility_id",
        "item_id",
        "on_hand",
        "reserved",
        "held",
        "available",
    ];

    fn cells(&self) -> Vec<Cell> {
        let sum = |part: fn(&keruen_proto::inventory::v1::StockLot) -> i64| {
            self.lots.iter().map(part).sum::<i64>()
        };
        cells![
            &self.facility_id,
            &self.item_id,
            sum(|lot| lot.on_hand),
            sum(|lot| lot.reserved),
            sum(|lot| lot.held),
            sum(|lot| lot.available)
        ]
    }

    fn parts(&self) -> Vec<Part> {
        let lots = self
            .lots
            .iter()
            .map(|lot| {
                let shipments: Vec<String> = lot
                    .reservations
                    .iter()
                    .map(|reservation| {
                        format!("{} {}", reservation.shipment_id, reservation.quantity)
                    })
                    .collect();
                cells![
                    &lot.batch_id,
                    &lot.donation_id,
                    &lot.owner_id,
                    &lot.lot,
                    &lot.expires_on,
                    lot.on_hand,
                    lot.reserved,
                    lot.held,
                    lot.available,
                    shipments,
                    &lot.serial_numbers[..],
                    &lot.held_serial_numbers[..],
                    held_for(lot.hold_reasons.iter().copied()),
                    recalled_for(lot.recall.as_ref())
                ]
            })
            .collect();
        vec![Part {
            title: "by batch and owner",
            columns: &[
                "batch_id",
                "donation_id",
                "owner_id",
                "lot",
                "expires_on",
                "on_hand",
                "reserved",
                "held",
                "available",
                "reserved_for",
                "serial_numbers",
                "held_serial_numbers",
                "held_for",
                "recalled_for",
            ],
            rows: lots,
        }]
    }
}
