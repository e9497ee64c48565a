//! A log of donations that travel: the domain's own decisions, made once and repeated under other ids.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use keruen_domain::{
    Books, Code, Command, Entry, Moment, Quantity,
    donation::{Import, PledgeDonation, PledgedGoods, ReceiptLine, ReceiveDonation},
    registry::{RegisterCommodity, RegisterFacility, RegisterItem, RegisterOrganisation},
    request::{ApproveRequest, FileRequest, NeededGoods},
    shipment::{AllocateShipment, DispatchShipment, GoodsToSend, ReceiveShipment, RequestShipment},
    stock::ConsumeStock,
    tags::tags,
};
use keruen_log::{AppendRequest, Clock, ProposedEvent};
use keruen_proto::{
    Event,
    inventory::v1::{ConsumptionPurpose, ReceiptOutcome},
    log::v1::{OccurredAt, TimePrecision},
    registry::v1::{
        Commodity, DocumentKind, DocumentRef, Facility, FacilityKind, Item, LocalizedText,
        Organisation, OrganisationKind, RegionAssignment, Tracking,
    },
    requests::v1::RequestPriority,
};

pub const FACILITIES: usize = 60;
pub const ITEMS: usize = 40;
const COMMODITIES: usize = 10;
const REGIONS: [&str; 17] = [
    "KZ-10", "KZ-11", "KZ-15", "KZ-19", "KZ-23", "KZ-27", "KZ-31", "KZ-33", "KZ-35", "KZ-39",
    "KZ-43", "KZ-47", "KZ-55", "KZ-59", "KZ-61", "KZ-71", "KZ-75",
];
/// 2025-01-01T00:00:00Z.
const BEGIN_US: i64 = 1_735_689_600_000_000;
const YEAR_US: i64 = 365 * 86_400_000_000;
const DAY_US: i64 = 86_400_000_000;
const SECOND_US: i64 = 1_000_000;
/// What a story calls its own things; of the same length as the ids that take their place.
const OWN: &str = "XXXXXXXX";
/// Facilities and items have numbers of three digits.
const ORIGIN: &str = "F-000";
const DESTINATION: &str = "F-001";
const ITEM: &str = "IT-000";

fn code(text: &str) -> Code {
    Code::parse(text).expect("it is a code")
}

fn paper() -> DocumentRef {
    DocumentRef {
        kind: DocumentKind::Waybill.into(),
        number: "7/2026".to_owned(),
        ..DocumentRef::default()
    }
}

fn quantity(value: i64) -> Quantity {
    Quantity::parse(value).expect("it is a quantity")
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "names are optional in every message"
)]
fn name(text: &str) -> Option<LocalizedText> {
    Some(LocalizedText {
        en: text.to_owned(),
        ..LocalizedText::default()
    })
}

/// Decides, and keeps what has happened so far.
#[derive(Default)]
struct Teller {
    events: Vec<(Event, Vec<String>)>,
}

impl Teller {
    fn tell(&mut self, command: &dyn Command) {
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
                let mut entry = Entry::empty(&boundary);
                let own = boundary.tags();
                for (event, tags) in &self.events {
                    if own.iter().any(|tag| tags.contains(tag))
                        && entry.event_types().contains(&event.type_name())
                    {
                        entry.evolve(&boundary, event);
                    }
                }
                books.insert(boundary, entry);
            }
        }
        let moment = Moment {
            now_us: BEGIN_US,
            occurred_at_us: BEGIN_US,
        };
        let events = command
            .decide(&books, moment)
            .expect("the domain accepts it");
        for event in events {
            let tags = tags(&event);
            self.events.push((event, tags));
        }
    }

    fn register(&mut self) {
        for id in ["DONOR", "MOH", "CARRIER-A", "CARRIER-B"] {
            self.tell(&RegisterOrganisation(Organisation {
                organisation_id: id.to_owned(),
                name: name(id),
                kinds: vec![
                    OrganisationKind::Donor.into(),
                    OrganisationKind::Carrier.into(),
                ],
                ..Organisation::default()
            }));
        }
        for number in 0..FACILITIES {
            let id = format!("F-{number:03}");
            self.tell(&RegisterFacility(Facility {
                name: name(&id),
                facility_id: id,
                kind: FacilityKind::Hospital.into(),
                regions: vec![RegionAssignment {
                    region_id: REGIONS[number % REGIONS.len()].to_owned(),
                    ..RegionAssignment::default()
                }],
                time_zone: "Asia/Almaty".to_owned(),
                operator_id: "MOH".to_owned(),
                ..Facility::default()
            }));
        }
        for number in 0..COMMODITIES {
            let id = format!("C-{number:03}");
            self.tell(&RegisterCommodity(Commodity {
                name: name(&id),
                commodity_id: id,
                base_unit: "EA".to_owned(),
                ..Commodity::default()
            }));
        }
        for number in 0..ITEMS {
            let id = format!("IT-{number:03}");
            self.tell(&RegisterItem(Item {
                name: name(&id),
                commodity_id: format!("C-{:03}", number % COMMODITIES),
                manufacturer: "Maker".to_owned(),
                model: id.clone(),
                item_id: id,
                tracking: Tracking::Batch.into(),
                ..Item::default()
            }));
        }
    }

    /// One donation from its pledge to the bedside.
    fn story(&mut self) {
        let own = |kind: &str| code(&format!("{kind}{OWN}"));
        self.tell(&PledgeDonation {
            donation_id: own("D"),
            donor_id: code("DONOR"),
            recipient_id: code("MOH"),
            lines: vec![PledgedGoods {
                line: 1,
                commodity_id: None,
                item_id: Some(code(ITEM)),
                quantity: quantity(100),
            }],
            money: None,
            expected_on: None,
            documents: vec![paper()],
            anonymous: false,
            conditions: Vec::new(),
            earmarks: Vec::new(),
        });
        self.tell(&ReceiveDonation {
            donation_id: own("D"),
            facility_id: code(ORIGIN),
            lines: vec![ReceiptLine {
                item_id: code(ITEM),
                quantity: quantity(100),
                outcome: ReceiptOutcome::Good,
                lot: None,
                expires_on: None,
                serial_numbers: Vec::new(),
                unit_value: None,
                pledge_line: None,
                batch_id: own("B"),
            }],
            documents: vec![paper()],
            import: Import::default(),
        });
        self.serve_a_need(own);
    }

    /// A request, what is sent for it, and what becomes of that.
    fn serve_a_need(&mut self, own: impl Fn(&str) -> Code) {
        self.tell(&FileRequest {
            request_id: own("R"),
            facility_id: code(DESTINATION),
            lines: vec![NeededGoods {
                line: 1,
                commodity_id: None,
                item_id: Some(code(ITEM)),
                quantity: Some(quantity(80)),
                need: None,
            }],
            priority: RequestPriority::Urgent,
            needed_by: None,
            clinical_reason_code: String::new(),
            filing: None,
        });
        self.tell(&ApproveRequest {
            request_id: own("R"),
            lines: None,
            spoken: None,
        });
        self.tell(&RequestShipment {
            shipment_id: own("S"),
            origin_id: code(ORIGIN),
            destination_id: code(DESTINATION),
            lines: vec![GoodsToSend {
                line: 1,
                item_id: code(ITEM),
                quantity: quantity(80),
                request: Some((own("R"), 1)),
                owner_id: None,
                min_life_days: 0,
            }],
        });
        self.tell(&AllocateShipment {
            shipment_id: own("S"),
            allow_partial: false,
            fit_override: None,
            reserve_override: None,
            reserve_item_ids: Vec::new(),
            arrives_on: None,
        });
        self.tell(&DispatchShipment {
            shipment_id: own("S"),
            custodian_id: code("CARRIER-A"),
            signed_by_ref: None,
            expected_on: None,
            documents: vec![paper()],
            basis: None,
            fit_override: None,
            agreement_override: None,
        });
        self.tell(&ReceiveShipment {
            shipment_id: own("S"),
            lines: None,
            signed_by_ref: None,
            documents: vec![paper()],
            seals: Vec::new(),
            answer_within_days: 7,
        });
        for _ in 0..4 {
            self.tell(&ConsumeStock {
                facility_id: code(DESTINATION),
                item_id: code(ITEM),
                quantity: quantity(15),
                batch_id: None,
                owner_id: None,
                purpose: ConsumptionPurpose::Patient,
                already_used: false,
                new_batch_id: own("U"),
            });
        }
    }
}

/// An event with its ids to be replaced.
struct Template {
    type_name: String,
    data: Vec<u8>,
    tags: Vec<String>,
}

/// Writes the log, story after story.
pub struct Author {
    registry: Vec<Template>,
    story: Vec<Template>,
    /// The clock of the log: a year passes while it is written.
    now_us: Arc<AtomicI64>,
    event_us: i64,
    stories: u64,
    commands: u64,
    random: fastrand::Rng,
    total: u64,
    written: u64,
    /// How many of them had been recorded when time went on.
    recorded: u64,
}

fn templates(events: &[(Event, Vec<String>)]) -> Vec<Template> {
    let template = |(event, tags): &(Event, Vec<String>)| Template {
        type_name: event.type_name().to_owned(),
        data: event.encode(),
        tags: tags.clone(),
    };
    events.iter().map(template).collect()
}

/// Puts something of the same length in the place of each occurrence.
fn replace(bytes: &mut [u8], what: &[u8], with: &[u8]) {
    assert_eq!(what.len(), with.len());
    let mut at = 0;
    while at + what.len() <= bytes.len() {
        if &bytes[at..at + what.len()] == what {
            bytes[at..at + what.len()].copy_from_slice(with);
            at += what.len();
        } else {
            at += 1;
        }
    }
}

impl Author {
    /// Of a log of about so many events.
    pub fn new(total: u64) -> Self {
        let mut teller = Teller::default();
        teller.register();
        let registered = teller.events.len();
        teller.story();
        let now_us = Arc::new(AtomicI64::new(BEGIN_US));
        Self {
            registry: templates(&teller.events[..registered]),
            story: templates(&teller.events[registered..]),
            now_us,
            event_us: YEAR_US / i64::try_from(total.max(1)).unwrap_or(i64::MAX),
            stories: 0,
            commands: 0,
            random: fastrand::Rng::with_seed(7),
            total,
            written: 0,
            recorded: 0,
        }
    }

    /// The clock of the log.
    pub fn clock(&self) -> Clock {
        let now_us = Arc::clone(&self.now_us);
        Arc::new(move || now_us.load(Ordering::Relaxed))
    }

    /// The time in the log.
    pub fn now_us(&self) -> i64 {
        self.now_us.load(Ordering::Relaxed)
    }

    /// The registry, in one append.
    pub fn registry(&mut self) -> AppendRequest {
        let now_us = self.now_us();
        let events: Vec<_> = self
            .registry
            .iter()
            .map(|template| {
                proposed(
                    template.type_name.clone(),
                    template.tags.clone(),
                    template.data.clone(),
                    now_us,
                )
            })
            .collect();
        self.request(events)
    }

    /// Some whole stories, in one append: about so many events.
    pub fn stories(&mut self, events: usize) -> AppendRequest {
        let mut proposals = Vec::with_capacity(events + self.story.len());
        while proposals.len() < events {
            self.stories += 1;
            let id = format!("{:08}", self.stories);
            let origin = self.random.usize(..FACILITIES / 3);
            let destination = FACILITIES / 3 + self.random.usize(..FACILITIES - FACILITIES / 3);
            let item = self.random.usize(..ITEMS);
            let (origin, destination) = (format!("F-{origin:03}"), format!("F-{destination:03}"));
            let item = format!("IT-{item:03}");
            let swaps = [(OWN, id.as_str()), (ITEM, item.as_str())];
            // Two steps, so that what was put in for one is not taken for the other.
            let first = [(ORIGIN, "F-\u{1}AA"), (DESTINATION, "F-\u{1}BB")];
            let second = [
                ("F-\u{1}AA", origin.as_str()),
                ("F-\u{1}BB", destination.as_str()),
            ];
            // One of ten is known late, by up to a month; and there is one import of what happened a year before.
            let is_import = self.written > self.total / 2 && self.written < self.total / 20 * 11;
            let late_us = if is_import {
                YEAR_US
            } else if self.random.u8(..10) == 0 {
                self.random.i64(0..30 * DAY_US)
            } else {
                0
            };
            // All else is recorded as it happens, a second after the step before.
            let begun_us =
                self.now_us() - late_us - i64::try_from(self.story.len()).unwrap_or(0) * SECOND_US;
            for (template, seconds) in self.story.iter().zip(1..) {
                let mut data = template.data.clone();
                let mut tags = template.tags.clone();
                for (what, with) in swaps.into_iter().chain(first).chain(second) {
                    replace(&mut data, what.as_bytes(), with.as_bytes());
                    for tag in &mut tags {
                        *tag = tag.replace(what, with);
                    }
                }
                let at_us = begun_us + seconds * SECOND_US;
                proposals.push(proposed(template.type_name.clone(), tags, data, at_us));
            }
        }
        self.written += proposals.len() as u64;
        self.request(proposals)
    }

    /// What was written so far has been recorded, and time goes on.
    pub fn pass_time(&mut self) {
        let events = self.written - std::mem::replace(&mut self.recorded, self.written);
        let passed_us = self.event_us * i64::try_from(events).unwrap_or(0);
        self.now_us.fetch_add(passed_us, Ordering::Relaxed);
    }

    fn request(&mut self, events: Vec<ProposedEvent>) -> AppendRequest {
        self.commands += 1;
        AppendRequest {
            // In the last eight bytes, where neither version nor variant takes the place of any of its digits: what came
            // twice would not be recorded.
            command_id: uuid::Builder::from_random_bytes(u128::from(self.commands).to_be_bytes())
                .into_uuid()
                .to_string(),
            command_hash: vec![7; 32],
            actor: "bench".to_owned(),
            origin: "bench".to_owned(),
            events,
            ..AppendRequest::default()
        }
    }
}

fn proposed(type_name: String, tags: Vec<String>, data: Vec<u8>, at_us: i64) -> ProposedEvent {
    ProposedEvent {
        r#type: type_name,
        tags,
        data: data.into(),
        occurred_at: Some(OccurredAt {
            time_us: at_us,
            utc_offset_minutes: 300,
            precision: TimePrecision::Second.into(),
            clamped: false,
        }),
        ..ProposedEvent::default()
    }
}
