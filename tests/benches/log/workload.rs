//! Events as services make them: ids, tags and conditions of real cardinality.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use keruen_log::{AppendCondition, AppendRequest, Appended, ProposedEvent, Query, QueryItem};
use keruen_proto::log::v1::{OccurredAt, TimePrecision};
use uuid::Uuid;

/// Size of one event's data, in bytes.
pub const DATA_BYTES: usize = 250;
const FACILITIES: usize = 60;
const ITEMS: usize = 40;
/// Shipments under way at any time, over all authors.
const OPEN_SHIPMENTS: usize = 4_096;
/// After so many events a shipment is over.
const SHIPMENT_EVENTS: u8 = 5;
/// How many events a batch of goods takes part in, and how many batches are in use at a time.
const BATCH_EVENTS: u64 = 500;
const BATCHES_IN_USE: u64 = 200;
const REGIONS: [&str; 4] = ["KZ-75", "KZ-71", "KZ-62", "KZ-27"];
const TYPES: [&str; 5] = [
    "keruen.shipments.v1.ShipmentRequested",
    "keruen.shipments.v1.ShipmentAllocated",
    "keruen.shipments.v1.ShipmentDispatched",
    "keruen.shipments.v1.ShipmentHandedOver",
    "keruen.shipments.v1.ShipmentReceived",
];

/// What several authors draw from.
#[derive(Clone)]
pub struct World {
    noise: Arc<Vec<u8>>,
    events: Arc<AtomicU64>,
    authors: Arc<AtomicU64>,
    seed: u64,
}

impl World {
    /// A world whose ids are not those of another one, so that it can go on where others have appended.
    pub fn new() -> Self {
        let noise = std::iter::repeat_with(|| fastrand::u8(..))
            .take(1 << 20)
            .collect();
        Self {
            noise: Arc::new(noise),
            events: Arc::default(),
            authors: Arc::default(),
            seed: fastrand::u64(..),
        }
    }

    /// Authors who share these stocks among them, as services do that queue commands per boundary: none of them writes
    /// what another one's condition is about.
    pub fn authors(&self, count: usize, stocks: Stocks, head_position: u64) -> Vec<Author> {
        let mut shares = vec![Vec::new(); count];
        for (number, stock) in stocks.numbers().enumerate() {
            shares[number % count].push(stock);
        }
        let of_each = |stocks| Author::new(self.clone(), count, stocks, head_position);
        shares.into_iter().map(of_each).collect()
    }
}

/// Which stocks appenders work on. Those that append to one log at the same time have different ones.
#[derive(Clone, Copy, Debug)]
pub enum Stocks {
    /// All there are.
    All,
    /// Nearly all, for a crowd.
    Most,
    /// Some of the others.
    Some,
    /// The rest.
    Few,
}

impl Stocks {
    fn numbers(self) -> std::ops::Range<usize> {
        let all = FACILITIES * ITEMS;
        match self {
            Self::All => 0..all,
            Self::Most => 0..1_900,
            Self::Some => 1_900..2_300,
            Self::Few => 2_300..all,
        }
    }
}

/// Tag of the stock of an item at a facility.
fn stock_tag(number: usize) -> String {
    let (facility, item) = (number / ITEMS, number % ITEMS);
    format!("stock:FACILITY-{facility:02}/ITEM-{item:02}")
}

struct Boundary {
    tag: String,
    /// Position of its newest event.
    seen: u64,
}

struct Shipment {
    boundary: Boundary,
    request: String,
    events: u8,
}

/// What an event was about, until its position is known.
struct Touched {
    shipment: usize,
    stocks: [usize; 2],
}

/// One who appends, with at most one append under way.
pub struct Author {
    world: World,
    random: fastrand::Rng,
    name: String,
    shipments: Vec<Shipment>,
    shipments_begun: u64,
    stocks: Vec<Boundary>,
    touched: Vec<Touched>,
}

impl Author {
    fn new(world: World, of: usize, stocks: Vec<usize>, head_position: u64) -> Self {
        let number = world.authors.fetch_add(1, Ordering::Relaxed);
        let random = fastrand::Rng::with_seed(world.seed ^ number);
        // A short mark that tells this world's ids from those of others.
        let name = format!("{:06X}{number:03}", world.seed % 0x100_0000);
        let boundaries = stocks.into_iter().map(|stock| Boundary {
            tag: stock_tag(stock),
            seen: head_position,
        });
        let mut author = Self {
            stocks: boundaries.collect(),
            world,
            random,
            name,
            shipments: Vec::new(),
            shipments_begun: 0,
            touched: Vec::new(),
        };
        for _ in 0..(OPEN_SHIPMENTS / of).max(4) {
            let shipment = author.new_shipment();
            author.shipments.push(shipment);
        }
        author
    }

    fn new_shipment(&mut self) -> Shipment {
        self.shipments_begun += 1;
        let (name, number) = (&self.name, self.shipments_begun);
        Shipment {
            boundary: Boundary {
                tag: format!("shipment:S-{name}-{number}"),
                seen: 0,
            },
            request: format!("request:R-{name}-{}", number / 3),
            events: 0,
        }
    }

    /// An append of so many events under a condition: a new shipment must not be there yet, and otherwise nothing may
    /// have happened to the shipment, or to both stocks, since this author saw them last.
    pub fn propose(&mut self, events: usize) -> AppendRequest {
        self.touched.clear();
        let first = self.event();
        let condition = self.condition();
        let mut all = Vec::with_capacity(events);
        all.push(first);
        while all.len() < events {
            let event = self.event();
            all.push(event);
        }
        let command_id = uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes());
        let hash = self.noise(32);
        AppendRequest {
            command_id: command_id.into_uuid().to_string(),
            command_hash: hash,
            actor: "person:LOGISTICIAN-17".to_owned(),
            origin: "node-1".to_owned(),
            events: all,
            condition: Some(condition),
            deadline_us: 0,
        }
    }

    /// The events that were proposed last stand at these positions.
    pub fn learn(&mut self, appended: Appended) {
        for (position, touched) in (appended.first_position..).zip(&self.touched) {
            self.shipments[touched.shipment].boundary.seen = position;
            for &stock in &touched.stocks {
                self.stocks[stock].seen = position;
            }
        }
    }

    /// The tag of the shipment that the last proposal was about.
    pub fn shipment_tag(&self) -> &str {
        let touched = self.touched.last().expect("something was proposed");
        &self.shipments[touched.shipment].boundary.tag
    }

    fn event(&mut self) -> ProposedEvent {
        let (one, other) = (self.stock(), self.stock());
        let touched = Touched {
            shipment: self.random.usize(..self.shipments.len()),
            // Two that differ.
            stocks: [
                one,
                if one == other {
                    (one + 1) % self.stocks.len()
                } else {
                    other
                },
            ],
        };
        if self.shipments[touched.shipment].events == SHIPMENT_EVENTS {
            self.shipments[touched.shipment] = self.new_shipment();
        }
        let number = self.world.events.fetch_add(1, Ordering::Relaxed);
        let batch = number / BATCH_EVENTS + self.random.u64(..BATCHES_IN_USE);
        let shipment = &mut self.shipments[touched.shipment];
        let event = ProposedEvent {
            r#type: TYPES[usize::from(shipment.events)].to_owned(),
            tags: vec![
                shipment.boundary.tag.clone(),
                shipment.request.clone(),
                self.stocks[touched.stocks[0]].tag.clone(),
                self.stocks[touched.stocks[1]].tag.clone(),
                format!("batch:B-{:06X}-{batch}", self.world.seed % 0x100_0000),
            ],
            region: REGIONS[touched.stocks[0] % REGIONS.len()].to_owned(),
            occurred_at: Some(OccurredAt {
                time_us: now_us(),
                utc_offset_minutes: 300,
                precision: TimePrecision::Second.into(),
                clamped: false,
            }),
            ..ProposedEvent::default()
        };
        shipment.events += 1;
        self.touched.push(touched);
        ProposedEvent {
            data: self.noise(DATA_BYTES).into(),
            ..event
        }
    }

    /// Few stocks are in most events: a tenth of them in about 40 %.
    fn stock(&mut self) -> usize {
        let skewed = self.random.f64().powf(2.5);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a number of stocks is small and positive"
        )]
        let stock = (skewed * self.stocks.len() as f64) as usize;
        stock.min(self.stocks.len() - 1)
    }

    fn condition(&mut self) -> AppendCondition {
        let touched = &self.touched[0];
        let shipment = &self.shipments[touched.shipment];
        if shipment.events == 1 {
            return nothing_after(0, &[&shipment.boundary]);
        }
        if self.random.bool() {
            return nothing_after(shipment.boundary.seen, &[&shipment.boundary]);
        }
        let [one, other] = touched.stocks.map(|stock| &self.stocks[stock]);
        nothing_after(one.seen.max(other.seen), &[one, other])
    }

    fn noise(&mut self, bytes: usize) -> Vec<u8> {
        let noise = &self.world.noise;
        let from = self.random.usize(..noise.len() - bytes);
        noise[from..from + bytes].to_vec()
    }
}

fn nothing_after(after_position: u64, boundaries: &[&Boundary]) -> AppendCondition {
    let items = boundaries
        .iter()
        .map(|boundary| QueryItem {
            types: Vec::new(),
            tags: vec![boundary.tag.clone()],
        })
        .collect();
    AppendCondition {
        query: Some(Query { items }),
        after_position,
    }
}

/// The events that carry a tag.
pub fn tagged(tag: &str) -> Query {
    Query {
        items: vec![QueryItem {
            types: Vec::new(),
            tags: vec![tag.to_owned()],
        }],
    }
}

fn now_us() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// A command id as bytes.
pub fn command_id(request: &AppendRequest) -> Uuid {
    request
        .command_id
        .parse()
        .expect("authors make well-formed ids")
}
