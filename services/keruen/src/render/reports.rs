//! Reports, row by row.

use keruen_proto::{
    reports::v1::{
        AuditException, AuditExceptionKind, ExpiringStockRow, ReorderRow, UnmetNeedRow,
        UnmetNeedTotal,
    },
    requests::v1::NeedKind,
};

use crate::{
    cells,
    render::{
        record::{Cell, Record, recorded, time},
        word,
    },
};

impl Record for UnmetNeedRow {
    const COLUMNS: &'static [&'static str] = &[
        "region_id",
        "commodity_id",
        "item_id",
        "need",
        "patients",
        "facilities",
        "requests",
        "asked",
        "approved",
        "not_approved",
        "undecided",
        "claimed",
        "on_the_way",
        "received",
        "missing",
        "days_waiting",
        "unconfirmed",
        "unknown_facility_id",
    ];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.region_id,
            &self.commodity_id,
            &self.item_id,
            word::field::<NeedKind>(self.need_kind),
            self.patients,
            self.facilities,
            self.requests,
            self.asked,
            self.approved,
            self.not_approved,
            self.undecided,
            self.claimed,
            self.on_the_way,
            self.received,
            self.missing,
            self.days_waiting,
            self.unconfirmed,
            &self.silent_facility_id,
        ]
    }
}

impl Record for UnmetNeedTotal {
    const COLUMNS: &'static [&'static str] = &[
        "commodity_id",
        "need",
        "patients",
        "facilities",
        "requests",
        "asked",
        "approved",
        "not_approved",
        "undecided",
        "claimed",
        "on_the_way",
        "received",
        "missing",
        "days_waiting",
        "unconfirmed",
        "unknown_facilities",
    ];

    fn cells(&self) -> Vec<Cell> {
        // Units of different things do not add up, and nobody knows what they need of whom nothing is known.
        let is_everything = self.commodity_id.is_empty() && self.need_kind == 0;
        let told = |number: i64, is_told: bool| {
            if is_told {
                Cell::from(number)
            } else {
                Cell::from("")
            }
        };
        let sum = |number: i64| told(number, !is_everything);
        cells![
            if is_everything {
                "all"
            } else {
                &self.commodity_id
            },
            word::field::<NeedKind>(self.need_kind),
            sum(self.patients),
            self.facilities,
            self.requests,
            sum(self.asked),
            sum(self.approved),
            sum(self.not_approved),
            sum(self.undecided),
            sum(self.claimed),
            sum(self.on_the_way),
            sum(self.received),
            sum(self.missing),
            self.days_waiting,
            sum(self.unconfirmed),
            told(self.silent_facilities, is_everything),
        ]
    }
}

impl Record for ExpiringStockRow {
    const COLUMNS: &'static [&'static str] = &[
        "expires_on",
        "days_left",
        "region_id",
        "facility_id",
        "item_id",
        "batch_id",
        "lot",
        "owner_id",
        "on_hand",
        "reserved",
        "held",
        "available",
        "value",
        "in_transit",
    ];
    const MONEY: &'static [&'static str] = &["value"];

    fn cells(&self) -> Vec<Cell> {
        cells![
            &self.expires_on,
            self.days_left,
            &self.region_id,
            &self.facility_id,
            &self.item_id,
            &self.batch_id,
            &self.lot,
            &self.owner_id,
            self.on_hand,
            self.reserved,
            self.held,
            self.available,
            self.value.as_ref(),
            self.in_transit,
        ]
    }
}

impl Record for ReorderRow {
    const COLUMNS: &'static [&'static str] = &[
        "facility_id",
        "region_id",
        "commodity_id",
        "item_id",
        "available",
        "in_transit",
        "monthly",
        "days_left",
        "months_left",
        "minimum",
        "suggested",
        "out_of_stock_since",
        "days_out_of_stock",
    ];

    fn cells(&self) -> Vec<Cell> {
        let days = self.days_left.map(|days| days.to_string());
        let months = self.months_left.map(|months| format!("{months:.1}"));
        cells![
            &self.facility_id,
            &self.region_id,
            &self.commodity_id,
            &self.item_id,
            self.available,
            self.in_transit,
            self.monthly_consumption,
            days.unwrap_or_default(),
            months.unwrap_or_default(),
            self.minimum,
            self.suggested,
            &self.out_of_stock_since,
            self.days_out_of_stock,
        ]
    }
}

/// `FIT_OVERRIDE_REASON_ADAPTER` as `adapter`.
pub fn reason(name: &str) -> String {
    let rest = name.split_once("_REASON_").map_or(name, |(_, rest)| rest);
    rest.to_ascii_lowercase().replace('_', "-")
}

impl Record for AuditException {
    const COLUMNS: &'static [&'static str] = &[
        "position",
        "kind",
        "occurred_at",
        "recorded_at",
        "what",
        "subject",
        "facility_id",
        "item_id",
        "batch_id",
        "quantity",
        "value",
        "reason",
        "person_ref",
        "actor",
        "corrects_event_id",
    ];
    const MONEY: &'static [&'static str] = &["value"];

    fn cells(&self) -> Vec<Cell> {
        cells![
            self.position.to_string(),
            word::field::<AuditExceptionKind>(self.kind),
            time(self.occurred_at.as_ref()),
            recorded(self.recorded_at_us),
            self.r#type.rsplit('.').next().unwrap_or_default(),
            &self.subject,
            &self.facility_id,
            &self.item_id,
            &self.batch_id,
            // Of several items there is no number of units.
            if self.quantity == 0 {
                Cell::from("")
            } else {
                Cell::from(self.quantity)
            },
            self.value.as_ref(),
            reason(&self.reason),
            &self.person_ref,
            &self.actor,
            &self.corrects_event_id,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_number_of_units_tells_none() {
        let told = |quantity| {
            let exception = AuditException {
                quantity,
                ..AuditException::default()
            };
            let columns = AuditException::COLUMNS.iter();
            let mut told = columns.zip(exception.cells());
            told.find(|(column, _)| **column == "quantity").unwrap().1
        };
        assert_eq!(told(0), Cell::from(""));
        assert_eq!(told(-3), Cell::Number(-3));
    }
}
