//! Boundaries: the parts of the history that decisions are based on, each found by one tag.

use keruen_proto::registry::v1::{ExternalId, RegistryKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::code::{Code, Label};

/// The tag of every change of earmarks.
pub const EARMARKS_TAG: &str = "earmarks:CHANGED";

/// The tag of every emergency.
pub const EMERGENCIES_TAG: &str = "emergencies:ALL";

/// What stays as it is in a printed number within a tag.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// One thing whose history matters to a decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Boundary {
    /// An organisation in the registry.
    Organisation(Code),
    /// A facility in the registry.
    Facility(Code),
    /// What a mobile unit does: where it stands, is to go, and what came of it. The facility as such is another boundary.
    MobileUnit(Code),
    /// A commodity in the registry.
    Commodity(Code),
    /// An item in the registry.
    Item(Code),
    /// A vehicle in the registry.
    Vehicle(Code),
    /// A volunteer in the registry.
    Volunteer(Code),
    /// A crew in the registry.
    Crew(Code),
    /// A maker's model; at most one item stands for it, so that serial numbers are unique per maker and model.
    Model(Label, Label),
    /// A key of another system, of a kind of things: scheme and value. At most one thing of the kind has it.
    Key(RegistryKind, Code, Label),
    /// What of an item may not be used: its held batches and recalled lots.
    Quality(Code),
    /// A donation.
    Donation(Code),
    /// What was pledged with a donation: above all, for whom it is meant.
    Pledge(Code),
    /// What donors said later about for whom they had given.
    EarmarkChanges,
    /// A batch.
    Batch(Code),
    /// One unit of an item: item and serial number.
    Asset(Code, Label),
    /// Stock of an item at a facility, with what of the item may not be used: facility and item.
    Stock(Code, Code),
    /// What came and went of an item at a facility after a position: facility, item and position.
    Since(Code, Code, u64),
    /// A count of stock.
    Count(Code),
    /// Goods that nobody could name when they arrived.
    Goods(Code),
    /// Batches of kits that contain units of a batch.
    KitsOfBatch(Code),
    /// Batches of a lot that went into kits: item and lot.
    LotInKits(Code, Label),
    /// What corrected an event: its command, and its index among the events of that command.
    Fact(Code, Label),
    /// Who is on duty for a region: its ISO 3166-2 code.
    DutyRoster(Code),
    /// An emergency.
    Emergency(Code),
    /// All emergencies.
    Emergencies,
    /// A distribution plan.
    Plan(Code),
    /// A request.
    Request(Code),
    /// A shipment.
    Shipment(Code),
    /// A parcel, by its Serial Shipping Container Code: no two have the same.
    Parcel(Code),
    /// The liability agreements of an organisation.
    Agreements(Code),
    /// Who keeps the stock of a facility.
    Keeper(Code),
}

macro_rules! by_code {
    ($($(#[$doc:meta])* $name:ident, $variant:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(id: &str) -> Option<Self> {
            Code::parse(id).ok().map(Self::$variant)
        }
    )*};
}

/// Boundaries of ids as they stand in events and resources; `None` where there is no valid id, as in an empty field.
impl Boundary {
    by_code! {
        /// See [`Boundary::Organisation`].
        organisation, Organisation;
        /// See [`Boundary::Facility`].
        facility, Facility;
        /// See [`Boundary::MobileUnit`].
        mobile_unit, MobileUnit;
        /// See [`Boundary::Commodity`].
        commodity, Commodity;
        /// See [`Boundary::Item`].
        item, Item;
        /// See [`Boundary::Vehicle`].
        vehicle, Vehicle;
        /// See [`Boundary::Volunteer`].
        volunteer, Volunteer;
        /// See [`Boundary::Crew`].
        crew, Crew;
        /// See [`Boundary::Quality`].
        quality, Quality;
        /// See [`Boundary::Donation`].
        donation, Donation;
        /// See [`Boundary::Pledge`].
        pledge, Pledge;
        /// See [`Boundary::Batch`].
        batch, Batch;
        /// See [`Boundary::KitsOfBatch`].
        kits_of_batch, KitsOfBatch;
        /// See [`Boundary::Count`].
        count, Count;
        /// See [`Boundary::Goods`].
        goods, Goods;
        /// See [`Boundary::DutyRoster`].
        duty, DutyRoster;
        /// See [`Boundary::Emergency`].
        emergency, Emergency;
        /// See [`Boundary::Plan`].
        plan, Plan;
        /// See [`Boundary::Request`].
        request, Request;
        /// See [`Boundary::Shipment`].
        shipment, Shipment;
        /// See [`Boundary::Parcel`].
        parcel, Parcel;
        /// See [`Boundary::Agreements`].
        agreements, Agreements;
        /// See [`Boundary::Keeper`].
        keeper, Keeper;
    }

    /// See [`Boundary::Asset`].
    pub fn asset(item_id: &str, serial_number: &str) -> Option<Self> {
        Some(Self::Asset(
            Code::parse(item_id).ok()?,
            Label::parse(serial_number).ok()?,
        ))
    }

    /// See [`Boundary::Fact`].
    pub fn fact(event_id: &str) -> Option<Self> {
        let (command_id, index) = event_id.split_once('/')?;
        Some(Self::Fact(
            Code::parse(&command_id.to_ascii_uppercase()).ok()?,
            Label::parse(index).ok()?,
        ))
    }

    /// See [`Boundary::Stock`].
    pub fn stock(facility_id: &str, item_id: &str) -> Option<Self> {
        Some(Self::Stock(
            Code::parse(facility_id).ok()?,
            Code::parse(item_id).ok()?,
        ))
    }

    /// A thing of the registry.
    pub fn thing(kind: RegistryKind, id: &str) -> Option<Self> {
        match kind {
            RegistryKind::Organisation => Self::organisation(id),
            RegistryKind::Facility => Self::facility(id),
            RegistryKind::Commodity => Self::commodity(id),
            RegistryKind::Item => Self::item(id),
            RegistryKind::Vehicle => Self::vehicle(id),
            RegistryKind::Volunteer => Self::volunteer(id),
            RegistryKind::Crew => Self::crew(id),
            RegistryKind::Unspecified => None,
        }
    }

    /// See [`Boundary::Key`]. A GTIN is the same key with and without leading zeros.
    pub fn key(kind: RegistryKind, key: &ExternalId) -> Option<Self> {
        let value = match key.scheme.as_str() {
            "GTIN" => format!("{:0>14}", key.value),
            _ => key.value.clone(),
        };
        key_kind(kind)?;
        Some(Self::Key(
            kind,
            Code::parse(&key.scheme).ok()?,
            Label::parse(&value).ok()?,
        ))
    }

    /// See [`Boundary::Model`].
    pub fn model(manufacturer: &str, model: &str) -> Option<Self> {
        Some(Self::Model(
            Label::parse(manufacturer).ok()?,
            Label::parse(model).ok()?,
        ))
    }
}

impl Boundary {
    /// The tags of its events: each carries one of them.
    pub fn tags(&self) -> Vec<String> {
        let mut tags = vec![self.tag()];
        if let Self::Stock(_, item) = self {
            tags.push(item_tag(item));
        }
        tags
    }

    /// What tells it apart from every other boundary.
    pub fn name(&self) -> String {
        match self {
            // Its events carry the tag of the item, which is a boundary of its own.
            Self::Quality(id) => format!("quality:{id}"),
            // Its events are a part of those of the stock.
            Self::Since(_, _, position) => format!("{}@{position}", self.tag()),
            // Its events carry the tag of the batch, which is a boundary of its own.
            Self::KitsOfBatch(id) => format!("kits:{id}"),
            // Its event carries the tag of the donation, which is a boundary of its own.
            Self::Pledge(id) => format!("pledge:{id}"),
            _ => self.tag(),
        }
    }

    /// The tag of the events that are about it alone.
    pub fn tag(&self) -> String {
        match self {
            Self::Organisation(id) => format!("organisation:{id}"),
            Self::Facility(id) => format!("facility:{id}"),
            Self::MobileUnit(id) => format!("mobileunit:{id}"),
            Self::Commodity(id) => format!("commodity:{id}"),
            Self::Item(id) | Self::Quality(id) => item_tag(id),
            Self::Vehicle(id) => format!("vehicle:{id}"),
            Self::Volunteer(id) => format!("volunteer:{id}"),
            Self::Crew(id) => format!("crew:{id}"),
            Self::Model(manufacturer, model) => model_tag(manufacturer, model),
            Self::Key(kind, scheme, value) => format!(
                "{}:{scheme}/{}",
                key_kind(*kind).unwrap_or_default(),
                encoded(value)
            ),
            Self::Donation(id) | Self::Pledge(id) => format!("donation:{id}"),
            Self::EarmarkChanges => EARMARKS_TAG.to_owned(),
            Self::Batch(id) | Self::KitsOfBatch(id) => format!("batch:{id}"),
            Self::LotInKits(item, lot) => lot_tag(item, lot),
            Self::Asset(item, serial) => asset_tag(item, serial),
            Self::Stock(facility, item) | Self::Since(facility, item, _) => {
                stock_tag(facility, item)
            }
            Self::Count(id) => format!("count:{id}"),
            Self::Goods(id) => format!("goods:{id}"),
            Self::Fact(command_id, index) => format!("fact:{command_id}/{}", encoded(index)),
            Self::DutyRoster(id) => format!("duty:{id}"),
            Self::Emergency(id) => format!("emergency:{id}"),
            Self::Emergencies => EMERGENCIES_TAG.to_owned(),
            Self::Plan(id) => format!("plan:{id}"),
            Self::Request(id) => format!("request:{id}"),
            Self::Shipment(id) => format!("shipment:{id}"),
            Self::Parcel(sscc) => format!("parcel:{sscc}"),
            Self::Agreements(id) => format!("agreements:{id}"),
            Self::Keeper(id) => format!("keeper:{id}"),
        }
    }

    /// The position after which its history begins.
    pub fn after_position(&self) -> u64 {
        match self {
            Self::Since(_, _, position) => *position,
            _ => 0,
        }
    }

    /// The code of a thing of the registry; `None` for other boundaries.
    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::Organisation(id)
            | Self::Facility(id)
            | Self::Commodity(id)
            | Self::Item(id)
            | Self::Vehicle(id)
            | Self::Volunteer(id)
            | Self::Crew(id) => Some(id),
            _ => None,
        }
    }

    /// Whether nothing ever happens to it again, once something has.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::Pledge(_))
    }

    /// Whether commands about it should queue rather than race: the facts of the registry hardly ever change, and
    /// everybody reads them. So it is with holds and recalls, which all facilities share, and with pledges, which never
    /// change. What moved since a position changes only with the stock, and what went into kits hardly ever.
    pub fn is_contended(&self) -> bool {
        !matches!(
            self,
            Self::Organisation(_)
                | Self::Facility(_)
                | Self::Commodity(_)
                | Self::Item(_)
                | Self::Vehicle(_)
                | Self::Volunteer(_)
                | Self::Crew(_)
                | Self::Model(..)
                | Self::Key(..)
                | Self::Agreements(_)
                | Self::Keeper(_)
                | Self::Quality(_)
                | Self::Since(..)
                | Self::KitsOfBatch(_)
                | Self::LotInKits(..)
                | Self::Pledge(_)
                | Self::EarmarkChanges
                | Self::DutyRoster(_)
                | Self::Emergencies
        )
    }
}

/// What the tags of keys begin with.
fn key_kind(kind: RegistryKind) -> Option<&'static str> {
    match kind {
        RegistryKind::Unspecified => None,
        RegistryKind::Organisation => Some("organisationkey"),
        RegistryKind::Facility => Some("facilitykey"),
        RegistryKind::Commodity => Some("commoditykey"),
        RegistryKind::Item => Some("itemkey"),
        RegistryKind::Vehicle => Some("vehiclekey"),
        RegistryKind::Volunteer => Some("volunteerkey"),
        RegistryKind::Crew => Some("crewkey"),
    }
}

/// The tag of an item.
pub fn item_tag(item_id: &str) -> String {
    format!("item:{item_id}")
}

/// The tag of one unit of an item.
pub fn asset_tag(item_id: &str, serial_number: &str) -> String {
    format!("asset:{item_id}/{}", encoded(serial_number))
}

/// The tag of a maker's model: both are printed names of any letters, so the tag holds their hash, 128 bits of SHA-256.
pub fn model_tag(manufacturer: &str, model: &str) -> String {
    let mut hasher = Sha256::new();
    // Printed names hold no control characters, so a zero byte keeps the two apart.
    hasher.update(manufacturer.as_bytes());
    hasher.update([0]);
    hasher.update(model.as_bytes());
    let hash = hasher.finalize()[..16]
        .iter()
        .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    format!("model:{hash:032X}")
}

/// The tag of an item's stock at a facility.
pub fn stock_tag(facility_id: &str, item_id: &str) -> String {
    format!("stock:{facility_id}/{item_id}")
}

/// The tag of a lot of an item.
pub fn lot_tag(item_id: &str, lot: &str) -> String {
    format!("lot:{item_id}/{}", encoded(lot))
}

fn encoded(printed: &str) -> String {
    utf8_percent_encode(printed, KEPT).to_string()
}
