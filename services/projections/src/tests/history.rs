//! Histories, made by the domain's own decisions.

use std::collections::BTreeMap;

use keruen_domain::{
    Books, Boundary, Code, Command, Entry, Moment, Quantity,
    calendar::timestamp,
    correction::{Fact, VoidMovement, correction},
    registry::{RegisterCommodity, RegisterFacility, RegisterItem, RegisterOrganisation},
    shipment::{AllocateShipment, DispatchShipment, GoodsToSend, RequestShipment},
    stock::{NewStock, OpenStock},
    tags::tags,
};
use keruen_proto::{
    Event,
    log::v1::{OccurredAt, RecordedEvent, TimePrecision},
    registry::v1::{
        Commodity, Facility, FacilityKind, Item, KitComponent, LocalizedText, Organisation,
        OrganisationKind, RegionAssignment, Tracking,
    },
};

use super::chance::Choice;

pub const FACILITIES: [(&str, &str); 4] = [
    ("WH-ALA", "KZ-75"),
    ("H-JEZ", "KZ-62"),
    ("H-AST", "KZ-71"),
    ("L-TAL", "KZ-33"),
];
/// `KIT-A` consists of two of `TEST-A`.
pub const ITEMS: [(&str, &str); 5] = [
    ("TEST-A", "TEST"),
    ("TEST-B", "TEST"),
    ("VENT-X", "VENTILATOR"),
    ("KIT-A", "TEST"),
    ("LAB-X", "LABORATORY"),
];
pub const ORGANISATIONS: [&str; 3] = ["KASPI", "MOH", "CARRIER"];
/// 2026-03-01T00:00:00Z; each event is a minute later.
const BEGIN_US: i64 = 1_772_323_200_000_000;

/// A history in the making.
#[derive(Default)]
pub struct History {
    pub events: Vec<RecordedEvent>,
    decoded: Vec<Event>,
    pub donations: Vec<String>,
    pub requests: Vec<String>,
    pub shipments: Vec<String>,
    commands: u64,
}

/// A long history in which everything happens.
pub fn eventful() -> History {
    eventful_from(19)
}

/// What happens by a chance of its own.
pub fn choices_from(seed: u64, number: usize) -> Vec<Choice> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u16::try_from(state >> 48).unwrap()
    };
    (0..number)
        .map(|_| (u8::try_from(next() % 256).unwrap(), next(), next(), next()))
        .collect()
}

/// The same, by another chance.
pub fn eventful_from(seed: u64) -> History {
    let mut history = History::new(&choices_from(seed, 1_200));
    history.live();
    // At its end, something is missing that nobody has settled.
    for id in history.shipments.clone() {
        history.receive(&code(&id), 1, 1);
    }
    history
}

fn two_tests() -> KitComponent {
    KitComponent {
        item_id: "TEST-A".to_owned(),
        quantity: 2,
    }
}

/// Whether units of the item are told apart.
pub fn is_asset(item_id: &str) -> bool {
    matches!(item_id, "VENT-X" | "LAB-X")
}

pub fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

pub fn quantity(value: i64) -> Quantity {
    Quantity::parse(value).unwrap()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "names are optional in every message"
)]
pub fn name(text: &str) -> Option<LocalizedText> {
    Some(LocalizedText {
        en: text.to_owned(),
        ..LocalizedText::default()
    })
}

impl History {
    /// The registry, and then what was chosen; what the domain refuses does not happen.
    pub fn new(choices: &[Choice]) -> Self {
        let mut history = Self::default();
        history.register();
        for choice in choices {
            history.happen(*choice);
        }
        history
    }

    fn register(&mut self) {
        for id in ORGANISATIONS {
            self.expect(&RegisterOrganisation(Organisation {
                organisation_id: id.to_owned(),
                name: name(id),
                kinds: vec![
                    OrganisationKind::Donor.into(),
                    OrganisationKind::Carrier.into(),
                ],
                ..Organisation::default()
            }));
        }
        for (id, region_id) in FACILITIES {
            let assignment = RegionAssignment {
                region_id: region_id.to_owned(),
                ..RegionAssignment::default()
            };
            self.expect(&RegisterFacility(Facility {
                facility_id: id.to_owned(),
                name: name(id),
                kind: FacilityKind::Hospital.into(),
                regions: vec![assignment],
                time_zone: "Asia/Almaty".to_owned(),
                operator_id: "MOH".to_owned(),
                ..Facility::default()
            }));
        }
        for id in ["TEST", "VENTILATOR", "LABORATORY"] {
            self.expect(&RegisterCommodity(Commodity {
                commodity_id: id.to_owned(),
                name: name(id),
                base_unit: "EA".to_owned(),
                ..Commodity::default()
            }));
        }
        for (id, commodity_id) in ITEMS {
            let tracking = if is_asset(id) {
                Tracking::Serial
            } else {
                Tracking::Batch
            };
            self.expect(&RegisterItem(Item {
                item_id: id.to_owned(),
                commodity_id: commodity_id.to_owned(),
                name: name(id),
                tracking: tracking.into(),
                manufacturer: "Maker".to_owned(),
                model: id.to_owned(),
                release_required: (id == "TEST-B").then_some(true),
                components: (id == "KIT-A").then(two_tests).into_iter().collect(),
                ..Item::default()
            }));
        }
    }

    pub fn expect(&mut self, command: &dyn Command) {
        assert!(self.run(command));
    }

    /// So many tests of a batch are in a warehouse.
    pub fn open_tests(&mut self, units: i64, expires_on: Option<&str>) {
        self.expect(&OpenStock {
            facility_id: code(FACILITIES[0].0),
            lines: vec![NewStock {
                item_id: code("TEST-A"),
                quantity: quantity(units),
                lot: None,
                expires_on: expires_on.map(|day| day.parse().unwrap()),
                owner_id: Some(code("MOH")),
                serial_numbers: Vec::new(),
                unit_value: None,
                held: false,
                batch_id: code("B"),
            }],
            documents: Vec::new(),
        });
    }

    /// So many of them are on their way to a hospital, where they are expected on a day.
    pub fn send_tests(&mut self, shipment_id: &str, units: i64, expected_on: Option<&str>) {
        let shipment_id = code(shipment_id);
        self.expect(&RequestShipment {
            shipment_id: shipment_id.clone(),
            origin_id: code(FACILITIES[0].0),
            destination_id: code(FACILITIES[1].0),
            lines: vec![GoodsToSend {
                line: 1,
                item_id: code("TEST-A"),
                quantity: quantity(units),
                request: None,
                owner_id: None,
                min_life_days: 0,
            }],
        });
        self.expect(&AllocateShipment {
            shipment_id: shipment_id.clone(),
            allow_partial: false,
            fit_override: None,
            reserve_override: None,
            reserve_item_ids: Vec::new(),
            arrives_on: None,
        });
        self.expect(&DispatchShipment {
            shipment_id,
            custodian_id: code("CARRIER"),
            signed_by_ref: None,
            expected_on: expected_on.map(|day| day.parse().unwrap()),
            documents: Vec::new(),
            basis: None,
            fit_override: None,
            agreement_override: None,
        });
    }

    /// Whether the domain accepts the command; if so, it has happened.
    pub fn run(&mut self, command: &dyn Command) -> bool {
        let mut books = Books::default();
        loop {
            let wanted = command.reads(&books);
            let missing: Vec<_> = wanted
                .into_iter()
                .filter(|it| !books.contains(it))
                .collect();
            if missing.is_empty() {
                break;
            }
            for boundary in missing {
                let entry = self.fold(&boundary);
                books.insert(boundary, entry);
            }
        }
        let now_us = BEGIN_US + i64::try_from(self.events.len()).unwrap() * 60_000_000;
        let moment = Moment {
            now_us,
            occurred_at_us: now_us,
        };
        let Ok(events) = command.decide(&books, moment) else {
            return false;
        };
        self.commands += 1;
        for (index, event) in events.into_iter().enumerate() {
            self.record(index, now_us, event);
        }
        true
    }

    fn record(&mut self, index: usize, now_us: i64, event: Event) {
        let position = self.events.len() as u64 + 1;
        let command_id = format!("00000000-0000-4000-8000-{:012x}", self.commands);
        self.events.push(RecordedEvent {
            position,
            event_id: format!("{command_id}/{index}"),
            r#type: event.type_name().to_owned(),
            tags: tags(&event),
            data: event.encode().into(),
            occurred_at: Some(OccurredAt {
                time_us: now_us,
                utc_offset_minutes: 300,
                precision: TimePrecision::Second.into(),
                clamped: false,
            }),
            recorded_at_us: now_us,
            command_id,
            correction: correction(&event),
            leaf_hash: position.to_be_bytes().repeat(4).into(),
            ..RecordedEvent::default()
        });
        self.decoded.push(event);
    }

    /// That the event of an index did not happen.
    pub fn void_of(&self, index: usize) -> VoidMovement {
        let fact = Fact {
            event_id: self.events[index].event_id.clone(),
            occurred_at_us: self.happened_us(index),
            event: self.decoded()[index].clone(),
            before: None,
        };
        VoidMovement {
            fact,
            documents: Vec::new(),
        }
    }

    /// When an event happened.
    pub fn happened_us(&self, index: usize) -> i64 {
        self.events[index].occurred_at.as_ref().unwrap().time_us
    }

    /// The state of a boundary, folded from its first event on.
    pub fn fold(&self, boundary: &Boundary) -> Entry {
        self.fold_before(boundary, self.events.len())
    }

    /// The same, as it was before the event of an index.
    pub fn fold_before(&self, boundary: &Boundary, index: usize) -> Entry {
        let mut entry = Entry::empty(boundary);
        let own = boundary.tags();
        for (recorded, event) in self.events.iter().zip(&self.decoded).take(index) {
            if own.iter().any(|tag| recorded.tags.contains(tag))
                && entry.event_types().contains(&event.type_name())
            {
                entry.evolve(boundary, event);
            }
        }
        entry
    }

    /// The events, decoded.
    pub fn decoded(&self) -> &[Event] {
        &self.decoded
    }
}

/// From when on each event counts, in the past as it is told today: what corrects another one from when that does.
pub fn counted_from_us(events: &[RecordedEvent]) -> Vec<i64> {
    let mut known: BTreeMap<&str, i64> = BTreeMap::new();
    let mut counted = Vec::with_capacity(events.len());
    for event in events {
        let corrected = match Event::decode(&event.r#type, &event.data).unwrap() {
            Event::StockDiscrepancyFound(it) => it.corrects_event_id,
            _ => event
                .correction
                .as_ref()
                .map(|it| it.corrects_event_id.clone())
                .unwrap_or_default(),
        };
        let own_us = event.occurred_at.as_ref().unwrap().time_us;
        let from_us = known.get(&*corrected).copied().unwrap_or(own_us);
        known.insert(&event.event_id, from_us);
        counted.push(from_us);
    }
    counted
}

/// Events whose times have been moved, as if they had happened at those: whoever corrects one names its time.
pub fn corrected_at_those_times(mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    let counted = counted_from_us(&events);
    for (recorded, from_us) in events.iter_mut().zip(counted) {
        let mut event = Event::decode(&recorded.r#type, &recorded.data).unwrap();
        let effective_at = match &mut event {
            Event::ReceiptCorrected(event) => &mut event.effective_at,
            Event::MovementVoided(event) => &mut event.effective_at,
            Event::StockDiscrepancyFound(event) => &mut event.effective_at,
            Event::ShipmentDispatchVoided(event) => &mut event.effective_at,
            Event::ShipmentReceiptVoided(event) => &mut event.effective_at,
            Event::LossActVoided(event) => &mut event.effective_at,
            _ => continue,
        };
        if effective_at.is_some() {
            *effective_at = Some(timestamp(from_us));
            recorded.data = event.encode().into();
        }
    }
    events
}
