//! The books: the folded state of every boundary that a decision has read.

use std::collections::BTreeMap;

use keruen_proto::{
    Event,
    inventory::v1::{
        Asset, Batch, Donation, DonationPledged, EarmarkChanges, FactCorrections, ItemQuality,
        KitsOfBatch, LotInKits, StockChange, StockCount, StockLevel, UnidentifiedGoods,
    },
    registry::v1::{
        Commodity, Crew, DutyRoster, ExternalIdHolder, Facility, Item, MobileUnit, Organisation,
        Vehicle, Volunteer,
    },
    requests::v1::{Emergencies, Emergency, Plan, Request},
    shipments::v1::{Bookings, Keeper, LiabilityAgreements, Parcel, Shipment, Trip},
};

use prost::{DecodeError, Message as _};

use crate::{boundary::Boundary, quality::state::restate};

/// State folded from the events of one boundary. The state is the resource that clients see.
pub trait Fold: Default + Clone {
    /// The event types that change it: a read, and a condition, is narrowed to them.
    const EVENT_TYPES: &'static [&'static str];

    /// Takes in the next event of the boundary. Events of other types, and parts of an event that are about other
    /// things, change nothing. Old facts always fold: there is no error.
    fn evolve(&mut self, boundary: &Boundary, event: &Event);
}

/// The state of one boundary. A default state means that nothing has happened: the thing does not exist.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "few are kept at once, and each is looked at far more often than it is moved"
)]
pub enum Entry {
    /// See [`Boundary::Organisation`].
    Organisation(Organisation),
    /// See [`Boundary::Facility`].
    Facility(Facility),
    /// See [`Boundary::MobileUnit`].
    MobileUnit(MobileUnit),
    /// See [`Boundary::Commodity`].
    Commodity(Commodity),
    /// See [`Boundary::Item`] and [`Boundary::Model`].
    Item(Item),
    /// See [`Boundary::Vehicle`].
    Vehicle(Vehicle),
    /// See [`Boundary::Volunteer`].
    Volunteer(Volunteer),
    /// See [`Boundary::Crew`].
    Crew(Crew),
    /// See [`Boundary::Key`].
    Key(ExternalIdHolder),
    /// See [`Boundary::Donation`].
    Donation(Donation),
    /// See [`Boundary::Pledge`].
    Pledge(DonationPledged),
    /// See [`Boundary::EarmarkChanges`].
    EarmarkChanges(EarmarkChanges),
    /// See [`Boundary::Batch`].
    Batch(Batch),
    /// See [`Boundary::Asset`].
    Asset(Asset),
    /// See [`Boundary::Quality`].
    Quality(ItemQuality),
    /// See [`Boundary::Stock`]: what is there, and what of the item may not be used.
    Stock(StockLevel, ItemQuality),
    /// See [`Boundary::Since`].
    Since(StockChange),
    /// See [`Boundary::Count`].
    Count(StockCount),
    /// See [`Boundary::Goods`].
    Goods(UnidentifiedGoods),
    /// See [`Boundary::KitsOfBatch`].
    KitsOfBatch(KitsOfBatch),
    /// See [`Boundary::LotInKits`].
    LotInKits(LotInKits),
    /// See [`Boundary::Fact`].
    Fact(FactCorrections),
    /// See [`Boundary::DutyRoster`].
    DutyRoster(DutyRoster),
    /// See [`Boundary::Emergency`].
    Emergency(Emergency),
    /// See [`Boundary::Emergencies`].
    Emergencies(Emergencies),
    /// See [`Boundary::Plan`].
    Plan(Plan),
    /// See [`Boundary::Request`].
    Request(Request),
    /// See [`Boundary::Shipment`].
    Shipment(Shipment),
    /// See [`Boundary::Parcel`].
    Parcel(Parcel),
    /// See [`Boundary::Keeper`].
    Keeper(Keeper),
    /// See [`Boundary::Agreements`].
    Agreements(LiabilityAgreements),
    /// See [`Boundary::Trip`].
    Trip(Trip),
    /// See [`Boundary::VehicleTrips`] and [`Boundary::CrewTrips`].
    Bookings(Bookings),
}

macro_rules! unwrap_entry {
    ($($variant:ident($type:ident)),*) => {$(
        impl TryFrom<Entry> for $type {
            /// The entry, which is of another kind.
            type Error = Entry;

            fn try_from(entry: Entry) -> Result<Self, Entry> {
                match entry {
                    Entry::$variant(state) => Ok(state),
                    other => Err(other),
                }
            }
        }
    )*};
}

unwrap_entry!(
    Organisation(Organisation),
    Facility(Facility),
    MobileUnit(MobileUnit),
    Commodity(Commodity),
    Item(Item),
    Vehicle(Vehicle),
    Volunteer(Volunteer),
    Crew(Crew),
    Key(ExternalIdHolder),
    Donation(Donation),
    Pledge(DonationPledged),
    EarmarkChanges(EarmarkChanges),
    Batch(Batch),
    Asset(Asset),
    Quality(ItemQuality),
    Since(StockChange),
    Count(StockCount),
    Goods(UnidentifiedGoods),
    KitsOfBatch(KitsOfBatch),
    LotInKits(LotInKits),
    Fact(FactCorrections),
    DutyRoster(DutyRoster),
    Emergency(Emergency),
    Emergencies(Emergencies),
    Plan(Plan),
    Request(Request),
    Shipment(Shipment),
    Parcel(Parcel),
    Agreements(LiabilityAgreements),
    Keeper(Keeper),
    Trip(Trip),
    Bookings(Bookings)
);

impl TryFrom<Entry> for StockLevel {
    /// The entry, which is of another kind.
    type Error = Entry;

    fn try_from(entry: Entry) -> Result<Self, Entry> {
        match entry {
            Entry::Stock(level, _) => Ok(level),
            other => Err(other),
        }
    }
}

impl Entry {
    /// The state of a boundary about which nothing is recorded.
    pub fn empty(boundary: &Boundary) -> Self {
        match boundary {
            Boundary::Organisation(_) => Self::Organisation(Organisation::default()),
            Boundary::Facility(_) => Self::Facility(Facility::default()),
            Boundary::MobileUnit(_) => Self::MobileUnit(MobileUnit::default()),
            Boundary::Commodity(_) => Self::Commodity(Commodity::default()),
            Boundary::Item(_) | Boundary::Model(..) => Self::Item(Item::default()),
            Boundary::Vehicle(_) => Self::Vehicle(Vehicle::default()),
            Boundary::Volunteer(_) => Self::Volunteer(Volunteer::default()),
            Boundary::Crew(_) => Self::Crew(Crew::default()),
            Boundary::Key(..) => Self::Key(ExternalIdHolder::default()),
            Boundary::Donation(_) => Self::Donation(Donation::default()),
            Boundary::Pledge(_) => Self::Pledge(DonationPledged::default()),
            Boundary::EarmarkChanges => Self::EarmarkChanges(EarmarkChanges::default()),
            Boundary::Batch(_) => Self::Batch(Batch::default()),
            Boundary::Asset(..) => Self::Asset(Asset::default()),
            Boundary::Quality(_) => Self::Quality(ItemQuality::default()),
            Boundary::Stock(facility, item) => {
                let level = StockLevel {
                    facility_id: facility.to_string(),
                    item_id: item.to_string(),
                    lots: Vec::new(),
                };
                Self::Stock(level, ItemQuality::default())
            }
            Boundary::Since(..) => Self::Since(StockChange::default()),
            Boundary::Count(_) => Self::Count(StockCount::default()),
            Boundary::Goods(_) => Self::Goods(UnidentifiedGoods::default()),
            Boundary::KitsOfBatch(_) => Self::KitsOfBatch(KitsOfBatch::default()),
            Boundary::LotInKits(..) => Self::LotInKits(LotInKits::default()),
            Boundary::Fact(..) => Self::Fact(FactCorrections::default()),
            Boundary::DutyRoster(_) => Self::DutyRoster(DutyRoster::default()),
            Boundary::Emergency(_) => Self::Emergency(Emergency::default()),
            Boundary::Emergencies => Self::Emergencies(Emergencies::default()),
            Boundary::Plan(_) => Self::Plan(Plan::default()),
            Boundary::Request(_) => Self::Request(Request::default()),
            Boundary::Shipment(_) => Self::Shipment(Shipment::default()),
            Boundary::Parcel(_) => Self::Parcel(Parcel::default()),
            Boundary::Keeper(_) => Self::Keeper(Keeper::default()),
            Boundary::Agreements(_) => Self::Agreements(LiabilityAgreements::default()),
            Boundary::Trip(_) => Self::Trip(Trip::default()),
            Boundary::VehicleTrips(_) | Boundary::CrewTrips(_) => {
                Self::Bookings(Bookings::default())
            }
        }
    }

    /// Takes in the next event of its boundary.
    pub fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        match self {
            Self::Organisation(state) => state.evolve(boundary, event),
            Self::Facility(state) => state.evolve(boundary, event),
            Self::MobileUnit(state) => state.evolve(boundary, event),
            Self::Commodity(state) => state.evolve(boundary, event),
            Self::Item(state) => state.evolve(boundary, event),
            Self::Vehicle(state) => state.evolve(boundary, event),
            Self::Volunteer(state) => state.evolve(boundary, event),
            Self::Crew(state) => state.evolve(boundary, event),
            Self::Key(state) => state.evolve(boundary, event),
            Self::Donation(state) => state.evolve(boundary, event),
            Self::Pledge(state) => state.evolve(boundary, event),
            Self::EarmarkChanges(state) => state.evolve(boundary, event),
            Self::Batch(state) => state.evolve(boundary, event),
            Self::Asset(state) => state.evolve(boundary, event),
            Self::Quality(state) => state.evolve(boundary, event),
            Self::Stock(level, quality) => {
                level.evolve(boundary, event);
                quality.evolve(boundary, event);
                restate(level, quality);
            }
            Self::Since(state) => state.evolve(boundary, event),
            Self::Count(state) => state.evolve(boundary, event),
            Self::Goods(state) => state.evolve(boundary, event),
            Self::KitsOfBatch(state) => state.evolve(boundary, event),
            Self::LotInKits(state) => state.evolve(boundary, event),
            Self::Fact(state) => state.evolve(boundary, event),
            Self::DutyRoster(state) => state.evolve(boundary, event),
            Self::Emergency(state) => state.evolve(boundary, event),
            Self::Emergencies(state) => state.evolve(boundary, event),
            Self::Plan(state) => state.evolve(boundary, event),
            Self::Request(state) => state.evolve(boundary, event),
            Self::Shipment(state) => state.evolve(boundary, event),
            Self::Parcel(state) => state.evolve(boundary, event),
            Self::Keeper(state) => state.evolve(boundary, event),
            Self::Agreements(state) => state.evolve(boundary, event),
            Self::Trip(state) => state.evolve(boundary, event),
            Self::Bookings(state) => state.evolve(boundary, event),
        }
    }

    /// The state as protobuf. Which boundary it is of must be known to read it again.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Organisation(state) => state.encode_to_vec(),
            Self::Facility(state) => state.encode_to_vec(),
            Self::MobileUnit(state) => state.encode_to_vec(),
            Self::Commodity(state) => state.encode_to_vec(),
            Self::Item(state) => state.encode_to_vec(),
            Self::Vehicle(state) => state.encode_to_vec(),
            Self::Volunteer(state) => state.encode_to_vec(),
            Self::Crew(state) => state.encode_to_vec(),
            Self::Key(state) => state.encode_to_vec(),
            Self::Donation(state) => state.encode_to_vec(),
            Self::Pledge(state) => state.encode_to_vec(),
            Self::EarmarkChanges(state) => state.encode_to_vec(),
            Self::Batch(state) => state.encode_to_vec(),
            Self::Asset(state) => state.encode_to_vec(),
            Self::Quality(state) => state.encode_to_vec(),
            Self::Stock(level, quality) => {
                let mut both = level.encode_length_delimited_to_vec();
                both.extend(quality.encode_length_delimited_to_vec());
                both
            }
            Self::Since(state) => state.encode_to_vec(),
            Self::Count(state) => state.encode_to_vec(),
            Self::Goods(state) => state.encode_to_vec(),
            Self::KitsOfBatch(state) => state.encode_to_vec(),
            Self::LotInKits(state) => state.encode_to_vec(),
            Self::Fact(state) => state.encode_to_vec(),
            Self::DutyRoster(state) => state.encode_to_vec(),
            Self::Emergency(state) => state.encode_to_vec(),
            Self::Emergencies(state) => state.encode_to_vec(),
            Self::Plan(state) => state.encode_to_vec(),
            Self::Request(state) => state.encode_to_vec(),
            Self::Shipment(state) => state.encode_to_vec(),
            Self::Parcel(state) => state.encode_to_vec(),
            Self::Keeper(state) => state.encode_to_vec(),
            Self::Agreements(state) => state.encode_to_vec(),
            Self::Trip(state) => state.encode_to_vec(),
            Self::Bookings(state) => state.encode_to_vec(),
        }
    }

    /// The state of a boundary from its encoding.
    pub fn decode(boundary: &Boundary, state: &[u8]) -> Result<Self, DecodeError> {
        let mut entry = Self::empty(boundary);
        match &mut entry {
            Self::Organisation(empty) => *empty = Organisation::decode(state)?,
            Self::Facility(empty) => *empty = Facility::decode(state)?,
            Self::MobileUnit(empty) => *empty = MobileUnit::decode(state)?,
            Self::Commodity(empty) => *empty = Commodity::decode(state)?,
            Self::Item(empty) => *empty = Item::decode(state)?,
            Self::Vehicle(empty) => *empty = Vehicle::decode(state)?,
            Self::Volunteer(empty) => *empty = Volunteer::decode(state)?,
            Self::Crew(empty) => *empty = Crew::decode(state)?,
            Self::Key(empty) => *empty = ExternalIdHolder::decode(state)?,
            Self::Donation(empty) => *empty = Donation::decode(state)?,
            Self::Pledge(empty) => *empty = DonationPledged::decode(state)?,
            Self::EarmarkChanges(empty) => *empty = EarmarkChanges::decode(state)?,
            Self::Batch(empty) => *empty = Batch::decode(state)?,
            Self::Asset(empty) => *empty = Asset::decode(state)?,
            Self::Quality(empty) => *empty = ItemQuality::decode(state)?,
            Self::Stock(level, quality) => {
                let mut both = state;
                *level = StockLevel::decode_length_delimited(&mut both)?;
                *quality = ItemQuality::decode_length_delimited(&mut both)?;
            }
            Self::Since(empty) => *empty = StockChange::decode(state)?,
            Self::Count(empty) => *empty = StockCount::decode(state)?,
            Self::Goods(empty) => *empty = UnidentifiedGoods::decode(state)?,
            Self::KitsOfBatch(empty) => *empty = KitsOfBatch::decode(state)?,
            Self::LotInKits(empty) => *empty = LotInKits::decode(state)?,
            Self::Fact(empty) => *empty = FactCorrections::decode(state)?,
            Self::DutyRoster(empty) => *empty = DutyRoster::decode(state)?,
            Self::Emergency(empty) => *empty = Emergency::decode(state)?,
            Self::Emergencies(empty) => *empty = Emergencies::decode(state)?,
            Self::Plan(empty) => *empty = Plan::decode(state)?,
            Self::Request(empty) => *empty = Request::decode(state)?,
            Self::Shipment(empty) => *empty = Shipment::decode(state)?,
            Self::Parcel(empty) => *empty = Parcel::decode(state)?,
            Self::Keeper(empty) => *empty = Keeper::decode(state)?,
            Self::Agreements(empty) => *empty = LiabilityAgreements::decode(state)?,
            Self::Trip(empty) => *empty = Trip::decode(state)?,
            Self::Bookings(empty) => *empty = Bookings::decode(state)?,
        }
        Ok(entry)
    }

    /// The event types that can change it.
    pub fn event_types(&self) -> &'static [&'static str] {
        match self {
            Self::Organisation(_) => Organisation::EVENT_TYPES,
            Self::Facility(_) => Facility::EVENT_TYPES,
            Self::MobileUnit(_) => MobileUnit::EVENT_TYPES,
            Self::Commodity(_) => Commodity::EVENT_TYPES,
            Self::Item(_) => Item::EVENT_TYPES,
            Self::Vehicle(_) => Vehicle::EVENT_TYPES,
            Self::Volunteer(_) => Volunteer::EVENT_TYPES,
            Self::Crew(_) => Crew::EVENT_TYPES,
            Self::Key(_) => ExternalIdHolder::EVENT_TYPES,
            Self::Donation(_) => Donation::EVENT_TYPES,
            Self::Pledge(_) => DonationPledged::EVENT_TYPES,
            Self::EarmarkChanges(_) => EarmarkChanges::EVENT_TYPES,
            Self::Batch(_) => Batch::EVENT_TYPES,
            Self::Asset(_) => Asset::EVENT_TYPES,
            Self::Quality(_) => ItemQuality::EVENT_TYPES,
            Self::Stock(..) => StockLevel::EVENT_TYPES,
            Self::Since(_) => StockChange::EVENT_TYPES,
            Self::Count(_) => StockCount::EVENT_TYPES,
            Self::Goods(_) => UnidentifiedGoods::EVENT_TYPES,
            Self::KitsOfBatch(_) => KitsOfBatch::EVENT_TYPES,
            Self::LotInKits(_) => LotInKits::EVENT_TYPES,
            Self::Fact(_) => FactCorrections::EVENT_TYPES,
            Self::DutyRoster(_) => DutyRoster::EVENT_TYPES,
            Self::Emergency(_) => Emergency::EVENT_TYPES,
            Self::Emergencies(_) => Emergencies::EVENT_TYPES,
            Self::Plan(_) => Plan::EVENT_TYPES,
            Self::Request(_) => Request::EVENT_TYPES,
            Self::Shipment(_) => Shipment::EVENT_TYPES,
            Self::Parcel(_) => Parcel::EVENT_TYPES,
            Self::Keeper(_) => Keeper::EVENT_TYPES,
            Self::Agreements(_) => LiabilityAgreements::EVENT_TYPES,
            Self::Trip(_) => Trip::EVENT_TYPES,
            Self::Bookings(_) => Bookings::EVENT_TYPES,
        }
    }
}

/// What has been read so far.
#[derive(Clone, Debug, Default)]
pub struct Books {
    entries: BTreeMap<Boundary, Entry>,
}

macro_rules! lookup {
    ($($(#[$doc:meta])* $name:ident, $boundary:ident, $type:ident, $id:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self, id: &str) -> Option<&$type> {
            let boundary = Boundary::$boundary(crate::code::Code::parse(id).ok()?);
            match self.entries.get(&boundary) {
                Some(Entry::$boundary(state)) if !state.$id.is_empty() => Some(state),
                _ => None,
            }
        }
    )*};
}

impl Books {
    /// Puts the state of a boundary in.
    pub fn insert(&mut self, boundary: Boundary, entry: Entry) {
        self.entries.insert(boundary, entry);
    }

    /// Whether the boundary has been read.
    pub fn contains(&self, boundary: &Boundary) -> bool {
        self.entries.contains_key(boundary)
    }

    /// The state of a boundary, if it has been read.
    pub fn get(&self, boundary: &Boundary) -> Option<&Entry> {
        self.entries.get(boundary)
    }

    /// Everything that has been read.
    pub fn boundaries(&self) -> impl Iterator<Item = &Boundary> {
        self.entries.keys()
    }

    lookup! {
        /// The organisation, if it was read and exists.
        organisation, Organisation, Organisation, organisation_id;
        /// The facility, if it was read and exists.
        facility, Facility, Facility, facility_id;
        /// What the mobile unit does, if it was read and ever did anything.
        mobile_unit, MobileUnit, MobileUnit, facility_id;
        /// The commodity, if it was read and exists.
        commodity, Commodity, Commodity, commodity_id;
        /// The item, if it was read and exists.
        item, Item, Item, item_id;
        /// The vehicle, if it was read and exists.
        vehicle, Vehicle, Vehicle, vehicle_id;
        /// The volunteer, if it was read and exists.
        volunteer, Volunteer, Volunteer, volunteer_id;
        /// The crew, if it was read and exists.
        crew, Crew, Crew, crew_id;
        /// The donation, if it was read and exists.
        donation, Donation, Donation, donation_id;
        /// What was pledged, if it was read and the donation exists.
        pledge, Pledge, DonationPledged, donation_id;
        /// The batch, if it was read and exists.
        batch, Batch, Batch, batch_id;
        /// What of the item may not be used, if it was read and there ever was anything.
        quality, Quality, ItemQuality, item_id;
        /// The count, if it was read and exists.
        count, Count, StockCount, count_id;
        /// The goods that nobody could name, if they were read and exist.
        goods, Goods, UnidentifiedGoods, goods_id;
        /// Who is on duty for the region, if it was read and anybody ever said.
        duty_roster, DutyRoster, DutyRoster, region_id;
        /// The emergency, if it was read and was declared.
        emergency, Emergency, Emergency, emergency_id;
        /// The distribution plan, if it was read and exists.
        plan, Plan, Plan, plan_id;
        /// The request, if it was read and exists.
        request, Request, Request, request_id;
        /// The shipment, if it was read and exists.
        shipment, Shipment, Shipment, shipment_id;
        /// The parcel, if it was read and was ever packed.
        parcel, Parcel, Parcel, sscc;
        /// The liability agreements of the organisation, if they were read and there ever were any.
        agreements, Agreements, LiabilityAgreements, organisation_id;
        /// Who keeps the stock of the facility, if it was read and anybody does.
        keeper, Keeper, Keeper, facility_id;
        /// The trip, if it was read and exists.
        trip, Trip, Trip, trip_id;
    }

    /// The stock level, if it was read; it may be empty.
    pub fn stock(&self, facility_id: &str, item_id: &str) -> Option<&StockLevel> {
        let boundary = Boundary::Stock(
            crate::code::Code::parse(facility_id).ok()?,
            crate::code::Code::parse(item_id).ok()?,
        );
        match self.entries.get(&boundary) {
            Some(Entry::Stock(level, _)) => Some(level),
            _ => None,
        }
    }

    /// What came and went of an item at a facility after a position, if it was read.
    pub fn stock_since(
        &self,
        facility_id: &str,
        item_id: &str,
        position: u64,
    ) -> Option<&StockChange> {
        let boundary = Boundary::Since(
            crate::code::Code::parse(facility_id).ok()?,
            crate::code::Code::parse(item_id).ok()?,
            position,
        );
        match self.entries.get(&boundary) {
            Some(Entry::Since(change)) => Some(change),
            _ => None,
        }
    }

    /// What corrected an event, if it was read and anything did.
    pub fn fact(&self, boundary: &Boundary) -> Option<&FactCorrections> {
        match self.entries.get(boundary) {
            Some(Entry::Fact(corrections)) if corrections.corrections > 0 => Some(corrections),
            _ => None,
        }
    }

    /// What donors said later about for whom they had given, if it was read.
    pub fn earmark_changes(&self) -> Option<&EarmarkChanges> {
        match self.entries.get(&Boundary::EarmarkChanges) {
            Some(Entry::EarmarkChanges(changes)) => Some(changes),
            _ => None,
        }
    }

    /// The trips of a vehicle or of a crew that are not over, if they were read.
    pub fn bookings(&self, boundary: &Boundary) -> Option<&Bookings> {
        match self.entries.get(boundary) {
            Some(Entry::Bookings(bookings)) => Some(bookings),
            _ => None,
        }
    }

    /// All emergencies, if they were read.
    pub fn emergencies(&self) -> Option<&Emergencies> {
        match self.entries.get(&Boundary::Emergencies) {
            Some(Entry::Emergencies(known)) => Some(known),
            _ => None,
        }
    }

    /// The batches of kits that contain units of a batch, if they were read.
    pub fn kits_of_batch(&self, boundary: &Boundary) -> Option<&KitsOfBatch> {
        match self.entries.get(boundary) {
            Some(Entry::KitsOfBatch(kits)) => Some(kits),
            _ => None,
        }
    }

    /// The batches of a lot that went into kits, if they were read.
    pub fn lot_in_kits(&self, boundary: &Boundary) -> Option<&LotInKits> {
        match self.entries.get(boundary) {
            Some(Entry::LotInKits(known)) => Some(known),
            _ => None,
        }
    }

    /// The asset, if it was read and exists.
    pub fn asset(&self, item_id: &str, serial_number: &str) -> Option<&Asset> {
        let boundary = Boundary::Asset(
            crate::code::Code::parse(item_id).ok()?,
            crate::code::Label::parse(serial_number).ok()?,
        );
        match self.entries.get(&boundary) {
            Some(Entry::Asset(asset)) if !asset.item_id.is_empty() => Some(asset),
            _ => None,
        }
    }
}
