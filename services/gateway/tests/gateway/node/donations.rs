//! Donations of the sample, and where their units are.

use keruen_proto::{
    inventory::v1::{Batch, Donation, DonationState, PledgeLine, ReceiptOutcome},
    registry::v1::{Facility, Money},
    stock::v1::{GetTraceResponse, TraceBatch, TracePlace, TraceStatus, TraceStep},
};

use super::sample::{Sample, at};

impl Sample {
    /// One of tests, one of money, and one whose donor is not to be named; the newest first.
    pub fn three_donations(&self) -> Vec<GetTraceResponse> {
        vec![
            self.anonymous_donation(),
            self.money_for_laboratories(),
            self.tests_donation(),
        ]
    }

    fn tests_donation(&self) -> GetTraceResponse {
        let batch = Batch {
            batch_id: "B-9M4WQ".to_owned(),
            donation_id: "D-KASPI-1".to_owned(),
            item_id: "TEST-PCR-1".to_owned(),
            lot: "L20-0417".to_owned(),
            expires_on: "2021-03-31".to_owned(),
            quantity: 100_000,
            ..Default::default()
        };
        GetTraceResponse {
            donation: Some(Donation {
                donation_id: "D-KASPI-1".to_owned(),
                donor_id: "KASPI".to_owned(),
                recipient_id: "MOH".to_owned(),
                lines: vec![pledged("TEST-SARS2", 100_000, 100_000)],
                state: DonationState::Received.into(),
                batch_ids: vec![batch.batch_id.clone()],
                ..Default::default()
            }),
            donor_name: self.organisations[0].name.clone(),
            batches: vec![TraceBatch {
                batch: Some(batch),
                item_name: self.items[0].name.clone(),
                places: self.places_of_tests(),
                steps: steps_of_tests(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn places_of_tests(&self) -> Vec<TracePlace> {
        let [warehouse, jezqazghan, aqtau] = &self.facilities[..] else {
            panic!("three facilities")
        };
        let on_the_way = TracePlace {
            shipment_id: "S-7QK2M".to_owned(),
            custodian_id: "BIRGEMIZ".to_owned(),
            ..place(TraceStatus::InTransit, aqtau, "KZ-47", 8_000)
        };
        vec![
            TracePlace {
                reserved: 6_000,
                held: 40,
                ..place(TraceStatus::OnHand, warehouse, "KZ-71", 71_910)
            },
            on_the_way.clone(),
            TracePlace {
                quantity: 200,
                status: TraceStatus::Missing.into(),
                ..on_the_way
            },
            place(TraceStatus::OnHand, jezqazghan, "KZ-62", 11_890),
            place(TraceStatus::Consumed, jezqazghan, "KZ-62", 7_900),
            place(TraceStatus::Disposed, jezqazghan, "KZ-62", 60),
            place(TraceStatus::Lost, aqtau, "KZ-47", 40),
        ]
    }

    fn money_for_laboratories(&self) -> GetTraceResponse {
        let dollars = |minor_units| {
            Some(Money {
                currency_code: "USD".to_owned(),
                minor_units,
            })
        };
        GetTraceResponse {
            donation: Some(Donation {
                donation_id: "D-UTEM-2".to_owned(),
                donor_id: "UTEMURATOV".to_owned(),
                recipient_id: "MOH".to_owned(),
                lines: vec![pledged("LAB-PCR-MOBILE", 2, 0)],
                money: dollars(400_000_000),
                money_spent: dollars(123_456_789),
                state: DonationState::Pledged.into(),
                expected_on: "2020-06-30".to_owned(),
                ..Default::default()
            }),
            donor_name: self.organisations[1].name.clone(),
            ..Default::default()
        }
    }

    /// The donor is named everywhere that the page must not look: as donor, owner and custodian.
    fn anonymous_donation(&self) -> GetTraceResponse {
        let donor = self.organisations[4].clone();
        let owned = TracePlace {
            owner_id: donor.organisation_id.clone(),
            custodian_id: donor.organisation_id.clone(),
            serial_numbers: vec!["SN-0001".to_owned(), "SN-0002".to_owned()],
            ..place(TraceStatus::OnHand, &self.facilities[0], "KZ-71", 2)
        };
        let batch = Batch {
            batch_id: "B-2TT7K".to_owned(),
            item_id: "O2-10L".to_owned(),
            quantity: 2,
            ..Default::default()
        };
        GetTraceResponse {
            donation: Some(Donation {
                donation_id: "D-QUIET-3".to_owned(),
                donor_id: donor.organisation_id.clone(),
                recipient_id: donor.organisation_id,
                anonymous: true,
                batch_ids: vec![batch.batch_id.clone()],
                state: DonationState::PartlyReceived.into(),
                ..Default::default()
            }),
            donor_name: donor.name,
            batches: vec![TraceBatch {
                batch: Some(batch),
                item_name: self.items[1].name.clone(),
                places: vec![owned],
                steps: vec![step(
                    80,
                    8,
                    "inventory.v1.DonationReceived",
                    "",
                    "WH-ASTANA",
                    2,
                )],
                ..Default::default()
            }],
            ..Default::default()
        }
    }
}

fn steps_of_tests() -> Vec<TraceStep> {
    let shipped = |step: TraceStep, shipment: &str, request: &str| TraceStep {
        shipment_id: shipment.to_owned(),
        request_id: request.to_owned(),
        ..step
    };
    let good = ReceiptOutcome::Good.into();
    let damaged = ReceiptOutcome::Damaged.into();
    let dispatched = "shipments.v1.ShipmentDispatched";
    vec![
        TraceStep {
            outcome: good,
            ..step(
                12,
                1,
                "inventory.v1.DonationReceived",
                "",
                "WH-ASTANA",
                99_960,
            )
        },
        TraceStep {
            outcome: damaged,
            ..step(12, 1, "inventory.v1.DonationReceived", "", "WH-ASTANA", 40)
        },
        shipped(
            step(
                31,
                2,
                "shipments.v1.ShipmentAllocated",
                "WH-ASTANA",
                "H-JEZQAZGHAN",
                19_850,
            ),
            "S-4RT8C",
            "R-2HX9P",
        ),
        shipped(
            step(33, 2, dispatched, "WH-ASTANA", "H-JEZQAZGHAN", 19_850),
            "S-4RT8C",
            "R-2HX9P",
        ),
        shipped(
            TraceStep {
                outcome: good,
                ..step(
                    48,
                    4,
                    "shipments.v1.ShipmentReceived",
                    "WH-ASTANA",
                    "H-JEZQAZGHAN",
                    19_850,
                )
            },
            "S-4RT8C",
            "R-2HX9P",
        ),
        step(
            61,
            6,
            "inventory.v1.StockConsumed",
            "",
            "H-JEZQAZGHAN",
            7_900,
        ),
        step(64, 6, "inventory.v1.StockDisposed", "", "H-JEZQAZGHAN", 60),
        shipped(
            step(70, 7, dispatched, "WH-ASTANA", "H-AQTAU", 8_240),
            "S-7QK2M",
            "",
        ),
        shipped(
            step(
                92,
                9,
                "shipments.v1.LossActAccepted",
                "WH-ASTANA",
                "H-AQTAU",
                40,
            ),
            "S-7QK2M",
            "",
        ),
    ]
}

fn place(status: TraceStatus, facility: &Facility, region_id: &str, quantity: i64) -> TracePlace {
    TracePlace {
        status: status.into(),
        facility_id: facility.facility_id.clone(),
        facility_name: facility.name.clone(),
        region_id: region_id.to_owned(),
        quantity,
        owner_id: "MOH".to_owned(),
        ..Default::default()
    }
}

fn step(position: u64, day: i64, kind: &str, from: &str, to: &str, quantity: i64) -> TraceStep {
    TraceStep {
        position,
        event_id: format!("00000000-0000-0000-0000-000000000000/{position}"),
        r#type: format!("keruen.{kind}"),
        occurred_at: Some(at(
            day,
            9 * 60 + i64::try_from(position).unwrap_or_default() * 7 % 480,
        )),
        from_facility_id: from.to_owned(),
        facility_id: to.to_owned(),
        quantity,
        ..Default::default()
    }
}

fn pledged(commodity_id: &str, quantity: i64, received: i64) -> PledgeLine {
    PledgeLine {
        line: 1,
        commodity_id: commodity_id.to_owned(),
        quantity,
        received,
        ..PledgeLine::default()
    }
}
