//! Liability agreements and keepers.

use keruen_proto::{
    shipments::v1::{AgreementEndReason, Keeper, LiabilityAgreements, LiabilityBasis},
    stock::v1::LiabilityRow,
};

use crate::{
    cells,
    client::value::money_text,
    render::{
        record::{Cell, Part, Record},
        word,
    },
};

impl Record for LiabilityAgreements {
    const COLUMNS: &'static [&'static str] = &["organisation_id"];

    fn cells(&self) -> Vec<Cell> {
        cells![&self.organisation_id]
    }

    fn parts(&self) -> Vec<Part> {
        let rows = self
            .agreements
            .iter()
            .map(|it| {
                let limit = it.limit.as_ref().map(money_text).unwrap_or_default();
                cells![
                    &it.agreement_id,
                    word::field::<LiabilityBasis>(it.basis),
                    limit,
                    &it.person_ref,
                    &it.valid_from,
                    &it.valid_until,
                    &it.ended_on,
                    it.end_reason
                        .map_or_else(String::new, word::field::<AgreementEndReason>)
                ]
            })
            .collect();
        vec![Part {
            title: "agreements",
            columns: &[
                "agreement_id",
                "basis",
                "limit",
                "person_ref",
                "valid_from",
                "valid_until",
                "ended_on",
                "end_reason",
            ],
            rows,
        }]
    }
}

impl Record for LiabilityRow {
    const COLUMNS: &'static [&'static str] = &[
        "custodian_id",
        "facility_id",
        "item_id",
        "batch_id",
        "owner_id",
        "on_hand",
        "in_transit",
        "value",
    ];
    const MONEY: &'static [&'static str] = &["value"];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.custodian_id,
            &self.facility_id,
            &self.item_id,
            &self.batch_id,
            &self.owner_id,
            self.on_hand,
            self.in_transit,
            self.value.as_ref()
        ]
    }
}

impl Record for Keeper {
    const COLUMNS: &'static [&'static str] =
        &["facility_id", "organisation_id", "person_ref", "count_ids"];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.facility_id,
            &self.organisation_id,
            &self.person_ref,
            &self.count_ids[..]
        ]
    }
}
