//! What a voided event was about: stock, a donation or an asset.

use keruen_proto::inventory::v1::{Asset, Donation, StockLevel, VoidMovementResponse};
use serde::Serialize;

use crate::{
    cells,
    client::rpc::Shows,
    render::{
        record::{Cell, Part, Record},
        word,
    },
};

/// What it was about, as it is now.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Voided {
    /// What there is where it had been said to happen.
    Stock(StockLevel),
    /// The donation of a payment, or of a step of a consignment.
    Donation(Box<Donation>),
    /// The asset of a step in its life.
    Asset(Box<Asset>),
}

impl Shows for VoidMovementResponse {
    type Record = Voided;

    fn into_parts(self) -> (Option<Voided>, u64) {
        let stock = self.stock_level.map(Voided::Stock);
        let donation = self.donation.map(|it| Voided::Donation(Box::new(it)));
        let asset = self.asset.map(|it| Voided::Asset(Box::new(it)));
        (stock.or(donation).or(asset), self.position)
    }
}

impl Record for Voided {
    const COLUMNS: &'static [&'static str] = &["about", "id", "state"];

    fn cells(&self) -> Vec<Cell> {
        match self {
            Self::Stock(level) => {
                let on_hand: i64 = level.lots.iter().map(|lot| lot.on_hand).sum();
                cells![
                    "stock",
                    format!("{}/{}", level.facility_id, level.item_id),
                    format!("{on_hand} on hand"),
                ]
            }
            Self::Donation(donation) => cells![
                "donation",
                &donation.donation_id,
                word::of(donation.state()),
            ],
            Self::Asset(asset) => cells![
                "asset",
                format!("{}/{}", asset.item_id, asset.serial_number),
                word::of(asset.condition()),
            ],
        }
    }

    fn parts(&self) -> Vec<Part> {
        match self {
            Self::Stock(level) => level.parts(),
            Self::Donation(donation) => donation.parts(),
            Self::Asset(asset) => asset.parts(),
        }
    }
}
