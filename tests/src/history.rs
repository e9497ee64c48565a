//! The log as a reader sees it, and a ledger that is kept from its events alone, apart from the program's own folds.

use std::collections::BTreeMap;

use keruen_proto::{
    Event,
    events::v1::{GetLogHeadRequest, ListEventsRequest, event_service_client::EventServiceClient},
    inventory::v1::{ReceiptOutcome, StockUnits},
    log::v1::RecordedEvent,
};
use tonic::transport::Channel;

/// Position of the newest event.
pub async fn head(channel: &Channel) -> u64 {
    let answer = EventServiceClient::new(channel.clone())
        .get_log_head(GetLogHeadRequest {})
        .await;
    answer.expect("the log answers").into_inner().position
}

/// All events, in order. They stand at the positions 1, 2, 3 … without gaps, each event id once.
pub async fn read(channel: &Channel) -> Vec<RecordedEvent> {
    let mut client = EventServiceClient::new(channel.clone());
    let mut events: Vec<RecordedEvent> = Vec::new();
    let mut after_position = 0;
    loop {
        let question = ListEventsRequest {
            query: None,
            after_position,
            page_size: 1_000,
        };
        let page = client
            .list_events(question)
            .await
            .expect("the log answers")
            .into_inner();
        events.extend(page.events);
        after_position = page.next_after_position;
        if after_position == 0 {
            break;
        }
    }
    let positions = events.iter().map(|event| event.position);
    assert!(
        positions.eq(1..=events.len() as u64),
        "the positions of the log have gaps"
    );
    let mut ids: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(
        ids.len(),
        events.len(),
        "an event id stands in the log twice"
    );
    events
}

/// How many units of one batch are where. No field is ever negative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// At a facility, by facility.
    pub on_hand: BTreeMap<String, i64>,
    /// Of those, claimed by shipments.
    pub reserved: BTreeMap<String, i64>,
    /// On their way, or missing.
    pub in_transit: i64,
    /// Entered the books.
    pub received: i64,
    /// Left the books: used up, disposed of or lost.
    pub gone: i64,
}

impl Balance {
    /// At all facilities together.
    pub fn total_on_hand(&self) -> i64 {
        self.on_hand.values().sum()
    }

    fn check(&self) -> Result<(), String> {
        let reserved_fits = self.reserved.iter().all(|(facility, reserved)| {
            *reserved >= 0 && *reserved <= self.on_hand.get(facility).copied().unwrap_or(0)
        });
        if self.on_hand.values().any(|units| *units < 0) || !reserved_fits || self.in_transit < 0 {
            return Err(format!(
                "a quantity is negative, or more is reserved than there is: {self:?}"
            ));
        }
        if self.received != self.total_on_hand() + self.in_transit + self.gone {
            return Err(format!("units came from nowhere or vanished: {self:?}"));
        }
        Ok(())
    }
}

/// The balance of every batch, by its id.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// By id of the batch.
    pub batches: BTreeMap<String, Balance>,
}

impl Ledger {
    /// Books all events and checks every balance after each of them.
    pub fn of(events: &[RecordedEvent]) -> Self {
        let mut ledger = Self::default();
        for recorded in events {
            let event = Event::decode(&recorded.r#type, &recorded.data)
                .expect("every event of the log can be read");
            for batch_id in ledger.book(&event) {
                if let Err(fault) = ledger.batches.entry(batch_id.clone()).or_default().check() {
                    panic!(
                        "after position {}, batch {batch_id}: {fault}",
                        recorded.position
                    );
                }
            }
        }
        ledger
    }

    /// Books one event; names the batches that it changed.
    fn book(&mut self, event: &Event) -> Vec<String> {
        let mut booking = Booking {
            ledger: self,
            touched: Vec::new(),
        };
        match event {
            Event::DonationReceived(event) => {
                for line in event
                    .lines
                    .iter()
                    .filter(|line| line.outcome() != ReceiptOutcome::Missing)
                {
                    booking
                        .on(line.units.as_ref())
                        .enters(&event.facility_id, units(line.units.as_ref()));
                }
            }
            Event::StockAdjusted(event) => {
                let quantity = units(event.units.as_ref());
                let balance = booking.on(event.units.as_ref());
                if event.decrease {
                    balance.leaves(&event.facility_id, quantity);
                } else {
                    balance.enters(&event.facility_id, quantity);
                }
            }
            Event::StockConsumed(event) => {
                for used in &event.units {
                    booking
                        .on(Some(used))
                        .leaves(&event.facility_id, used.quantity);
                }
            }
            Event::StockDisposed(event) => {
                booking
                    .on(event.units.as_ref())
                    .leaves(&event.facility_id, units(event.units.as_ref()));
            }
            Event::ShipmentAllocated(event) => {
                booking.reserve(
                    &event.origin_id,
                    event.units.iter().map(|units| units.units.as_ref()),
                    1,
                );
            }
            Event::AllocationReleased(event) => {
                booking.reserve(
                    &event.origin_id,
                    event.units.iter().map(|units| units.units.as_ref()),
                    -1,
                );
            }
            Event::ShipmentCancelled(event) => {
                booking.reserve(
                    &event.origin_id,
                    event.units.iter().map(|units| units.units.as_ref()),
                    -1,
                );
            }
            Event::ShipmentDispatched(event) => {
                let left = event.units.iter().map(|units| units.units.as_ref());
                booking.reserve(&event.origin_id, left.clone(), -1);
                for left in left {
                    let balance = booking.on(left);
                    *balance.at(&event.origin_id) -= units(left);
                    balance.in_transit += units(left);
                }
            }
            Event::ShipmentReceived(event) => {
                for found in &event.units {
                    let goods = found
                        .shipment_units
                        .as_ref()
                        .and_then(|units| units.units.as_ref());
                    let quantity = units(goods);
                    let balance = booking.on(goods);
                    match found.outcome() {
                        ReceiptOutcome::Missing => {}
                        ReceiptOutcome::Surplus | ReceiptOutcome::Wrong => {
                            balance.enters(&event.destination_id, quantity);
                        }
                        _ => {
                            balance.in_transit -= quantity;
                            *balance.at(&event.destination_id) += quantity;
                        }
                    }
                }
            }
            Event::LossActAccepted(event) => {
                for lost in &event.units {
                    let balance = booking.on(lost.units.as_ref());
                    balance.in_transit -= units(lost.units.as_ref());
                    balance.gone += units(lost.units.as_ref());
                }
            }
            _ => {}
        }
        booking.touched
    }
}

impl Balance {
    fn at(&mut self, facility_id: &str) -> &mut i64 {
        self.on_hand.entry(facility_id.to_owned()).or_default()
    }

    fn enters(&mut self, facility_id: &str, quantity: i64) {
        *self.at(facility_id) += quantity;
        self.received += quantity;
    }

    fn leaves(&mut self, facility_id: &str, quantity: i64) {
        *self.at(facility_id) -= quantity;
        self.gone += quantity;
    }
}

struct Booking<'a> {
    ledger: &'a mut Ledger,
    touched: Vec<String>,
}

impl Booking<'_> {
    fn on(&mut self, units: Option<&StockUnits>) -> &mut Balance {
        let batch_id = units.expect("an event names its units").batch_id.clone();
        self.touched.push(batch_id.clone());
        self.ledger.batches.entry(batch_id).or_default()
    }

    fn reserve<'u>(
        &mut self,
        facility_id: &str,
        claims: impl Iterator<Item = Option<&'u StockUnits>>,
        sign: i64,
    ) {
        for claim in claims {
            let reserved = &mut self.on(claim).reserved;
            *reserved.entry(facility_id.to_owned()).or_default() += sign * units(claim);
        }
    }
}

fn units(units: Option<&StockUnits>) -> i64 {
    units.expect("an event names its units").quantity
}
