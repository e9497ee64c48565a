//! Why a command was refused.
//!
//! The table below is the one list of refusals. It stands in order of precedence: where a command breaks several rules,
//! the first stage that finds fault answers. First things that are missing, or there although they must not be; then
//! the state of what the command is about; then its lines; then quantities.

use keruen_proto::requests::v1::RequestState;

use crate::{id::is_mistyped, request::is_open};

/// How a refusal is to be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RejectionKind {
    /// The business does not allow it.
    Refused,
    /// Something that the command names does not exist.
    Missing,
    /// What the command would create exists already.
    AlreadyExists,
    /// A field of the command breaks a rule that no change of the books can lift.
    Malformed {
        /// Path of the field in the request, for example `lines[2].serial_numbers`.
        field: String,
    },
}

/// The order in which rules are checked; an earlier stage answers before a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Things that are missing, or exist although they must not.
    Existence,
    /// The state of what the command is about, and its other fields.
    State,
    /// The lines of the command, each by itself and against each other.
    Lines,
    /// Quantities and amounts, and the size of what results.
    Quantities,
}

macro_rules! rejections {
    ($(
        $name:ident { $($field:ident: $type:ty),* } = $reason:literal,
        $stage:ident, $kind:expr, retry $retry:expr, ($($message:tt)*);
    )*) => {
        /// Why a command was refused, with the data that the message and programs need.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[expect(missing_docs, reason = "the message of each variant says what its fields mean")]
        pub enum Rejection {$(
            #[doc = concat!("`", $reason, "`")]
            #[error($($message)*)]
            $name { $($field: $type),* },
        )*}

        impl Rejection {
            /// All reasons, in order of precedence.
            pub const REASONS: &'static [(&'static str, Stage)] = &[$(($reason, Stage::$stage)),*];

            /// The reason for programs: stable for ever.
            pub fn reason(&self) -> &'static str {
                match self { $(Self::$name { .. } => $reason,)* }
            }

            /// When the rule is checked.
            pub fn stage(&self) -> Stage {
                match self { $(Self::$name { .. } => Stage::$stage,)* }
            }

            /// How it is to be understood.
            #[expect(unused_variables, reason = "most kinds need none of the fields")]
            pub fn kind(&self) -> RejectionKind {
                use RejectionKind::{AlreadyExists, Missing, Refused};
                match self { $(Self::$name { $($field),* } => $kind,)* }
            }

            /// Whether the same command, unchanged, may be accepted later, as the business goes on.
            #[expect(unused_variables, reason = "most need none of the fields")]
            pub fn can_retry_help(&self) -> bool {
                match self { $(Self::$name { $($field),* } => $retry,)* }
            }

            /// Its data, for programs.
            pub fn metadata(&self) -> Vec<(&'static str, String)> {
                match self { $(Self::$name { $($field),* } => vec![$((stringify!($field), $field.to_string())),*],)* }
            }
        }
    };
}

fn malformed(field: &str) -> RejectionKind {
    RejectionKind::Malformed {
        field: field.to_owned(),
    }
}

/// What to say of an id that nobody knows.
fn advice(id: &str) -> &'static str {
    if is_mistyped(id) {
        "its last letter does not check, so it was misread or misheard"
    } else {
        "check the id"
    }
}

/// Whether a request may leave a state, named as in refusals: one that has ended stays as it is.
fn goes_on(state: &str) -> bool {
    RequestState::from_str_name(&format!("REQUEST_STATE_{state}")).is_none_or(is_open)
}

/// ` of batch B`, or nothing.
fn of(kind: &str, id: &str) -> String {
    if id.is_empty() {
        String::new()
    } else {
        format!(" of {kind} {id}")
    }
}

/// What to use instead of something retired.
fn instead(successor_id: &str) -> String {
    if successor_id.is_empty() {
        String::new()
    } else {
        format!("; use {successor_id} instead")
    }
}

/// `, 5 expired`, or nothing.
fn expired_too(quantity: i64) -> String {
    if quantity == 0 {
        String::new()
    } else {
        format!(", {quantity} expired")
    }
}

rejections! {
    // What must not exist yet.
    ReservedId { field: String, id: String } = "RESERVED_ID", Existence, malformed(field), retry false,
        ("{field}: {id} is reserved for goods that nobody can attribute; choose another code");
    OrganisationExists { organisation_id: String } = "ORGANISATION_EXISTS", Existence, AlreadyExists, retry false,
        ("organisation {organisation_id} is registered already; choose another code");
    FacilityExists { facility_id: String } = "FACILITY_EXISTS", Existence, AlreadyExists, retry false,
        ("facility {facility_id} is registered already; choose another code");
    CommodityExists { commodity_id: String } = "COMMODITY_EXISTS", Existence, AlreadyExists, retry false,
        ("commodity {commodity_id} is registered already; choose another code");
    ItemExists { item_id: String } = "ITEM_EXISTS", Existence, AlreadyExists, retry false,
        ("item {item_id} is registered already; choose another code");
    VehicleExists { vehicle_id: String } = "VEHICLE_EXISTS", Existence, AlreadyExists, retry false,
        ("vehicle {vehicle_id} is registered already; choose another code");
    VolunteerExists { volunteer_id: String } = "VOLUNTEER_EXISTS", Existence, AlreadyExists, retry false,
        ("volunteer {volunteer_id} is registered already; choose another code");
    CrewExists { crew_id: String } = "CREW_EXISTS", Existence, AlreadyExists, retry false,
        ("crew {crew_id} is registered already; choose another code");
    ModelExists { manufacturer: String, model: String, item_id: String } = "MODEL_EXISTS", Existence, AlreadyExists,
        retry false,
        ("model {model:?} of {manufacturer:?} is registered already as item {item_id}; use that item");
    ExternalIdTaken { scheme: String, value: String, kind: &'static str, holder_id: String } = "EXTERNAL_ID_TAKEN",
        Existence, AlreadyExists, retry false,
        ("{scheme} {value:?} belongs to {kind} {holder_id} already; check it, or amend or retire that {kind} first");
    DonationExists { donation_id: String } = "DONATION_EXISTS", Existence, AlreadyExists, retry false,
        ("donation {donation_id} exists already; choose another id, or leave it empty to get one");
    BatchExists { batch_id: String } = "BATCH_EXISTS", Existence, AlreadyExists, retry false,
        ("batch {batch_id} exists already; choose another id, or leave it empty to get one");
    GoodsExist { goods_id: String } = "GOODS_EXIST", Existence, AlreadyExists, retry false,
        ("goods {goods_id} exist already; choose another id, or leave it empty to get one");
    CountExists { count_id: String } = "COUNT_EXISTS", Existence, AlreadyExists, retry false,
        ("count {count_id} exists already; choose another id, or leave it empty to get one");
    EmergencyExists { emergency_id: String } = "EMERGENCY_EXISTS", Existence, AlreadyExists, retry false,
        ("emergency {emergency_id} was declared already; choose another id, or leave it empty to get one");
    PlanExists { plan_id: String } = "PLAN_EXISTS", Existence, AlreadyExists, retry false,
        ("plan {plan_id} exists already; choose another id, or leave it empty to get one");
    RequestExists { request_id: String } = "REQUEST_EXISTS", Existence, AlreadyExists, retry false,
        ("request {request_id} exists already; choose another id, or leave it empty to get one");
    ShipmentExists { shipment_id: String } = "SHIPMENT_EXISTS", Existence, AlreadyExists, retry false,
        ("shipment {shipment_id} exists already; choose another id, or leave it empty to get one");

    TripExists { trip_id: String } = "TRIP_EXISTS", Existence, AlreadyExists, retry false,
        ("trip {trip_id} exists already; choose another id, or leave it empty to get one");
    AgreementExists { organisation_id: String, agreement_id: String } = "AGREEMENT_EXISTS", Existence, AlreadyExists,
        retry false,
        ("organisation {organisation_id} has a liability agreement {agreement_id} already; choose another number");
    ParcelExists { sscc: String } = "PARCEL_EXISTS", Existence, AlreadyExists, retry false,
        ("a parcel was packed under {sscc} already, and no number is used twice; take the next serial reference");

    // What must exist.
    UnknownRegion { region_id: String } = "UNKNOWN_REGION", Existence, Missing, retry false,
        ("there is no region {region_id}; use an ISO 3166-2 code of Kazakhstan such as KZ-75");
    UnknownOrganisation { organisation_id: String } = "UNKNOWN_ORGANISATION", Existence, Missing, retry false,
        ("there is no organisation {organisation_id}; check the code or register it first");
    UnknownFacility { facility_id: String } = "UNKNOWN_FACILITY", Existence, Missing, retry false,
        ("there is no facility {facility_id}; check the code or register it first");
    UnknownCommodity { commodity_id: String } = "UNKNOWN_COMMODITY", Existence, Missing, retry false,
        ("there is no commodity {commodity_id}; check the code or register it first");
    UnknownItem { item_id: String } = "UNKNOWN_ITEM", Existence, Missing, retry false,
        ("there is no item {item_id}; check the code or register it first");
    UnknownVehicle { vehicle_id: String } = "UNKNOWN_VEHICLE", Existence, Missing, retry false,
        ("there is no vehicle {vehicle_id}; check the code or register it first");
    UnknownVolunteer { volunteer_id: String } = "UNKNOWN_VOLUNTEER", Existence, Missing, retry false,
        ("there is no volunteer {volunteer_id}; check the code or register it first");
    UnknownCrew { crew_id: String } = "UNKNOWN_CREW", Existence, Missing, retry false,
        ("there is no crew {crew_id}; check the code or register it first");
    UnknownDonation { donation_id: String } = "UNKNOWN_DONATION", Existence, Missing, retry false,
        ("there is no donation {donation_id}; {}", advice(donation_id));
    UnknownBatch { batch_id: String } = "UNKNOWN_BATCH", Existence, Missing, retry false,
        ("there is no batch {batch_id}; {}", advice(batch_id));
    UnknownGoods { goods_id: String } = "UNKNOWN_GOODS", Existence, Missing, retry false,
        ("there are no unidentified goods {goods_id}; {}", advice(goods_id));
    UnknownAsset { item_id: String, serial_number: String } = "UNKNOWN_ASSET", Existence, Missing, retry false,
        ("there is no unit of item {item_id} with serial number {serial_number:?}; check both");
    UnknownEmergency { emergency_id: String } = "UNKNOWN_EMERGENCY", Existence, Missing, retry false,
        ("there is no emergency {emergency_id}; {}", advice(emergency_id));
    UnknownPlan { plan_id: String } = "UNKNOWN_PLAN", Existence, Missing, retry false,
        ("there is no plan {plan_id}; {}", advice(plan_id));
    UnknownRequest { request_id: String } = "UNKNOWN_REQUEST", Existence, Missing, retry false,
        ("there is no request {request_id}; {}", advice(request_id));
    UnknownOffer { request_id: String, offer: i32 } = "UNKNOWN_OFFER", Existence, Missing, retry false,
        ("request {request_id} has no offer {offer} of a substitute; look at the request");
    UnknownShipment { shipment_id: String } = "UNKNOWN_SHIPMENT", Existence, Missing, retry false,
        ("there is no shipment {shipment_id}; {}", advice(shipment_id));
    UnknownParcel { shipment_id: String, sscc: String } = "UNKNOWN_PARCEL", Existence, Missing, retry false,
        ("shipment {shipment_id} has no parcel {sscc}; look at the shipment");
    UnknownTrip { trip_id: String } = "UNKNOWN_TRIP", Existence, Missing, retry false,
        ("there is no trip {trip_id}; {}", advice(trip_id));
    UnknownStop { trip_id: String, stop: i32, stops: usize } = "UNKNOWN_STOP", Existence, Missing, retry false,
        ("trip {trip_id} has no stop {stop} that is still to come; it has {stops} stops, numbered from 1");
    UnknownAgreement { organisation_id: String, agreement_id: String } = "UNKNOWN_AGREEMENT", Existence, Missing,
        retry false,
        ("organisation {organisation_id} has no liability agreement {agreement_id}; look at its agreements");
    UnknownDiscrepancy { shipment_id: String, number: i32 } = "UNKNOWN_DISCREPANCY", Existence, Missing, retry false,
        ("shipment {shipment_id} has no discrepancy {number}; look at the shipment");
    ConsignmentExists { donation_id: String, consignment_id: String } = "CONSIGNMENT_EXISTS", Existence, AlreadyExists,
        retry false,
        ("donation {donation_id} has a consignment {consignment_id} already; choose another id, or leave it empty to \
          get one");
    UnknownConsignment { donation_id: String, consignment_id: String } = "UNKNOWN_CONSIGNMENT", Existence, Missing,
        retry false,
        ("donation {donation_id} has no consignment {consignment_id}; look at the donation, or announce it first");
    UnknownCommitment { donation_id: String, commitment: i32 } = "UNKNOWN_COMMITMENT", Existence, Missing, retry false,
        ("donation {donation_id} has no commitment {commitment}; look at the donation");
    BatchNotOfReceipt { event_id: String, batch_id: String } = "BATCH_NOT_OF_RECEIPT", Existence, Missing, retry false,
        ("event {event_id} is not the receipt of batch {batch_id}; trace the batch to see which event is");
    SerialNumberExists { item_id: String, serial_number: String, place: String } = "SERIAL_NUMBER_EXISTS", Existence,
        AlreadyExists, retry false,
        ("serial number {serial_number:?} of item {item_id} is in the books already: {place}; check the number, and \
          where the unit was found again, adjust the stock of its batch");

    // The state of what the command is about, and its head.
    DonationState { donation_id: String, state: String, allowed: String } = "DONATION_STATE", State, Refused,
        retry false,
        ("donation {donation_id} is {state}; this needs {allowed}");
    ConsignmentState { donation_id: String, consignment_id: String, state: String, allowed: String } =
        "CONSIGNMENT_STATE", State, Refused, retry true,
        ("consignment {consignment_id} of donation {donation_id} is {state}; this needs {allowed}");
    ConsignmentRequired { donation_id: String, known: String } = "CONSIGNMENT_REQUIRED", State,
        malformed("consignment_id"), retry false,
        ("consignment_id: donation {donation_id} comes from abroad with {known}; name the one that brought the goods, or \
          override and say who and why");
    ConsignmentNotCleared { donation_id: String, consignment_id: String, state: String } = "CONSIGNMENT_NOT_CLEARED",
        State, Refused, retry true,
        ("consignment {consignment_id} of donation {donation_id} is {state}; record its clearance first, or override \
          and say who and why");
    ClearanceNotNeeded { donation_id: String } = "CLEARANCE_NOT_NEEDED", State, malformed("clearance_override"),
        retry false,
        ("clearance_override: nothing of what came of donation {donation_id} waits for clearance; leave it out");
    ConsignmentUnderWay { donation_id: String, consignment_id: String, state: String } = "CONSIGNMENT_UNDER_WAY", State,
        Refused, retry true,
        ("consignment {consignment_id} of donation {donation_id} is {state}; record that it was cleared or refused \
          first");
    MoneyCommitted { donation_id: String, commitment: i32, open: i64 } = "MONEY_COMMITTED", State, Refused, retry true,
        ("{open} minor units of commitment {commitment} of donation {donation_id} are still set aside; spend or release \
          them first");
    ShortfallReasonRequired { donation_id: String, short: i64 } = "SHORTFALL_REASON_REQUIRED", State,
        malformed("shortfall_reason"), retry false,
        ("shortfall_reason: donation {donation_id} is short of what was promised (units of goods: {short}); say why");
    NothingShort { donation_id: String } = "NOTHING_SHORT", State, malformed("shortfall_reason"), retry false,
        ("shortfall_reason: all that donation {donation_id} promised has come; leave it out");
    CommitmentUsedUp { donation_id: String, commitment: i32 } = "COMMITMENT_USED_UP", State, Refused, retry false,
        ("nothing is left of commitment {commitment} of donation {donation_id}");
    SupplierDiffers { commitment: i32, supplier_id: String, given: String } = "SUPPLIER_DIFFERS", State,
        malformed("supplier_id"), retry false,
        ("supplier_id: commitment {commitment} is for {supplier_id}, not for {given}");
    PurposeDiffers { commitment: i32, purpose: String, given: String } = "PURPOSE_DIFFERS", State,
        malformed("purpose"), retry false,
        ("purpose: commitment {commitment} is for {purpose}, not for {given}");
    AgreementRequired { donation_id: String } = "AGREEMENT_REQUIRED", State, malformed("documents"), retry false,
        ("documents: donation {donation_id} is given as agreed; name the DONATION_AGREEMENT");
    HeldForComponent { batch_id: String } = "HELD_FOR_COMPONENT", State, Refused, retry true,
        ("batch {batch_id} is held since something in its kits is held or recalled; release that, or take the kits apart");
    NotAKit { item_id: String } = "NOT_A_KIT", State, Refused, retry false,
        ("item {item_id} is no kit; say with the item what it consists of, or name one that is");
    KitUnfit { item_id: String, component_id: String } = "KIT_UNFIT", State, Refused, retry false,
        ("kits of {item_id} can't be put together: {component_id} has serial numbers, or is a kit within a kit; amend the \
          components of {item_id}");
    ComponentsUnknown { batch_id: String } = "COMPONENTS_UNKNOWN", State, Refused, retry false,
        ("batch {batch_id} was not put together here, so nobody knows what is in it; count what is there instead");
    ComponentBatchesRequired { item_id: String, facility_id: String } = "COMPONENT_BATCHES_REQUIRED", State,
        malformed("batch_ids"), retry false,
        ("batch_ids: the components of {item_id} at {facility_id} are of more batches than can be looked through at once; \
          name batch_ids to take them from");
    KitOwnerRequired { item_id: String, facility_id: String, owners: String } = "KIT_OWNER_REQUIRED", State,
        malformed("owner_id"), retry false,
        ("owner_id: components of {item_id} at {facility_id} belong to {owners}; name one, since a kit has one owner");
    EarmarksUnchanged { donation_id: String } = "EARMARKS_UNCHANGED", State, Refused, retry false,
        ("donation {donation_id} is meant for just that already; nothing was recorded");
    RequestState { request_id: String, state: String, allowed: String } = "REQUEST_STATE", State, Refused,
        retry goes_on(state),
        ("request {request_id} is {state}; this needs {allowed}");
    EmergencyOver { emergency_id: String, last_day: String } = "EMERGENCY_OVER", State, Refused, retry false,
        ("emergency {emergency_id} ends on {last_day} already; name an earlier day, or declare another one");
    PlanState { plan_id: String, state: String, allowed: String } = "PLAN_STATE", State, Refused, retry false,
        ("plan {plan_id} is {state}; this needs {allowed}");
    DuplicateOfItself { request_id: String } = "DUPLICATE_OF_ITSELF", State, malformed("duplicate_of_id"), retry false,
        ("duplicate_of_id: {request_id} is what is to be marked; name the request that stands");
    DuplicateOfAnotherFacility { request_id: String, facility_id: String, expected: String } =
        "DUPLICATE_OF_ANOTHER_FACILITY", State, Refused, retry false,
        ("request {request_id} is of facility {facility_id}, not of {expected}: two places that ask are two needs");
    NotAFrontOffice { facility_id: String, kind: String } = "NOT_A_FRONT_OFFICE", State, malformed("office_id"),
        retry false,
        ("office_id: {facility_id} is a {kind}, and requests are triaged by a FRONT_OFFICE; check the code");
    OfficeOfAnotherRegion { office_id: String, office_region_id: String, request_id: String, region_id: String } =
        "OFFICE_OF_ANOTHER_REGION", State, Refused, retry false,
        ("front office {office_id} is of region {office_region_id}, and request {request_id} of {region_id}; name the \
          office of that region");
    WordOfMouthNotAllowed { request_id: String, priority: String } = "WORD_OF_MOUTH_NOT_ALLOWED", State,
        malformed("word_of_mouth"), retry false,
        ("word_of_mouth: request {request_id} is {priority}, and only STAT is approved by word of mouth; approve it in \
          writing");
    TimePassed { field: &'static str, time: String, now: String } = "TIME_PASSED", State, malformed(field), retry false,
        ("{field}: {time} is not after {now}; name a later time");
    TimeTooFar { field: &'static str, time: String, latest: String } = "TIME_TOO_FAR", State, malformed(field),
        retry false,
        ("{field}: {time} lies after {latest}, the latest that it may be");
    NothingToConfirm { request_id: String } = "NOTHING_TO_CONFIRM", State, Refused, retry false,
        ("request {request_id} has no approval by word of mouth that waits to be confirmed");
    AlreadyEscalated { request_id: String, escalation_reason: &'static str, level: i32 } = "ALREADY_ESCALATED", State,
        Refused, retry false,
        ("request {request_id} was escalated for {escalation_reason} at level {level} already; name a higher level, or \
          none");
    NotDue { request_id: String, escalation_reason: &'static str, due: String } = "NOT_DUE", State, Refused, retry true,
        ("request {request_id} can't be escalated for {escalation_reason}: that is due {due}");
    OfferAnswered { request_id: String, offer: i32, state: String } = "OFFER_ANSWERED", State, Refused, retry false,
        ("offer {offer} of request {request_id} is {state} already; make another offer");
    NothingShortOfRequest { request_id: String } = "NOTHING_SHORT_OF_REQUEST", State, Refused, retry true,
        ("all that was approved of request {request_id} is allocated; it ends by itself when that arrives, or cancel the \
          shipment first");
    ShipmentState { shipment_id: String, state: String, allowed: String } = "SHIPMENT_STATE", State, Refused,
        retry true,
        ("shipment {shipment_id} is {state}; this needs {allowed}");
    TripInState { trip_id: String, state: String, allowed: String } = "TRIP_STATE", State, Refused, retry true,
        ("trip {trip_id} is {state}; this needs {allowed}");
    VehicleUnfit { vehicle_id: String, item_id: String, serial_number: String, fault: String } = "VEHICLE_UNFIT", State,
        Refused, retry true,
        ("vehicle {vehicle_id} can't go on a trip: unit {serial_number:?} of item {item_id}, which it is, has \
          {fault}; take another one, or record that it is put right");
    OnAnotherTrip { kind: &'static str, id: String, trip_id: String, departs_on: String, returns_on: String } =
        "ON_ANOTHER_TRIP", State, Refused, retry true,
        ("{kind} {id} is on trip {trip_id} from {departs_on} until {returns_on}, or until that is over; take another one, \
          or other days");
    ShipmentOnTrip { shipment_id: String, trip_id: String } = "SHIPMENT_ON_TRIP", State, Refused, retry true,
        ("shipment {shipment_id} is on trip {trip_id}; take it off that one first");
    NotOnTrip { shipment_id: String, trip_id: String } = "NOT_ON_TRIP", State, Refused, retry false,
        ("shipment {shipment_id} is not on trip {trip_id}; look at the trip");
    TripGoesElsewhere { trip_id: String, shipment_id: String, origin_id: String, destination_id: String } =
        "TRIP_GOES_ELSEWHERE", State, Refused, retry false,
        ("trip {trip_id} does not take shipment {shipment_id} from {origin_id} to {destination_id}: it has to stop at the \
          one and later at the other, and still to be on its way there; plan a trip that does");
    LoadInState { trip_id: String, shipment_id: String, state: String } = "LOAD_STATE", State, Refused, retry true,
        ("shipment {shipment_id} on trip {trip_id} is {state}: dispatch it before the trip leaves, receive it before the trip \
          is over, or take it off the trip");
    StopReached { trip_id: String, stop: i32, facility_id: String } = "STOP_REACHED", State, Refused, retry false,
        ("trip {trip_id} was at stop {stop}, {facility_id}, already");
    NoColdBox { vehicle_id: String, shipment_id: String, needs: String, has: String } = "NO_COLD_BOX", State, Refused,
        retry false,
        ("shipment {shipment_id} must be kept at {needs} degrees, and the cold box of vehicle {vehicle_id} keeps {has}; take \
          another vehicle, or override and say who answers for it and why");
    VolunteerOfAnother { volunteer_id: String, organisation_id: String } = "VOLUNTEER_OF_ANOTHER", State,
        malformed("volunteer_id"), retry false,
        ("volunteer_id: {volunteer_id} helps {organisation_id}; name that organisation, or another volunteer");
    AgreementEnded { organisation_id: String, agreement_id: String, ended_on: String } = "AGREEMENT_ENDED", State,
        Refused, retry false,
        ("liability agreement {agreement_id} of {organisation_id} ended on {ended_on} already");
    NoAgreement { custodian_id: String, day: String } = "NO_AGREEMENT", State, Refused, retry true,
        ("{custodian_id} has no liability agreement that is valid on {day} for who signs; record one, hand the goods to \
          somebody else, or override and say who answers for it and why");
    SameCustodian { shipment_id: String, custodian_id: String, signed_by_ref: String } = "SAME_CUSTODIAN", State,
        malformed("custodian_id"), retry false,
        ("custodian_id: shipment {shipment_id} is in the hands of {custodian_id} already, signed for by {signed_by_ref}");
    SameKeeper { facility_id: String, organisation_id: String, person_ref: String } = "SAME_KEEPER", State,
        malformed("person_ref"), retry false,
        ("person_ref: {person_ref} keeps the stock of {facility_id} for {organisation_id} already");
    CountRequired { facility_id: String } = "COUNT_REQUIRED", State, malformed("count_ids"), retry false,
        ("count_ids: the stock of {facility_id} has a keeper; name the full counts by which the next one takes over");
    NothingOpen { shipment_id: String } = "NOTHING_OPEN", State, Refused, retry true,
        ("nothing of shipment {shipment_id} waits for its sender's answer");
    DiscrepancyState { shipment_id: String, number: i32, state: String } = "DISCREPANCY_STATE", State, Refused,
        retry false,
        ("discrepancy {number} of shipment {shipment_id} is {state}; only an OPEN one is answered");
    AnswerOverdue { shipment_id: String, number: i32, answer_due_on: String, today: String } = "ANSWER_OVERDUE", State,
        Refused, retry false,
        ("discrepancy {number} of shipment {shipment_id} could be disputed until {answer_due_on}, and it is {today} at the \
          origin: it counts as accepted");
    AlreadyGoingThere { shipment_id: String, facility_id: String } = "ALREADY_GOING_THERE", State,
        malformed("new_destination_id"), retry false,
        ("new_destination_id: shipment {shipment_id} is going to {facility_id} already; name another facility");
    UnitsMissing { shipment_id: String, missing: i64 } = "UNITS_MISSING", State, Refused, retry true,
        ("{missing} units of shipment {shipment_id} are missing; settle them by a loss act first, or split off what goes \
          elsewhere");
    NothingToPack { shipment_id: String } = "NOTHING_TO_PACK", State, Refused, retry true,
        ("shipment {shipment_id} has claimed nothing that is not packed; allocate it first");
    Retired { kind: &'static str, id: String, retired_on: String, successor_id: String } = "RETIRED", State, Refused,
        retry false,
        ("{kind} {id} is retired from {retired_on} on{}", instead(successor_id));
    FacilityClosed { facility_id: String, closed_on: String, reason: String } = "FACILITY_CLOSED", State, Refused,
        retry true,
        ("facility {facility_id} is closed from {closed_on} on ({reason}); name another one, or reopen it first");
    FacilityNotClosed { facility_id: String } = "FACILITY_NOT_CLOSED", State, Refused, retry false,
        ("facility {facility_id} is not closed");
    ClosureOutOfOrder { field: String, day: String, earliest: String } = "CLOSURE_OUT_OF_ORDER", State,
        malformed(field), retry false,
        ("{field}: {day} lies before {earliest}, when the facility was last opened or closed; name a later day");
    RegionNotValid { field: String, region_id: String, date: String, exists: String } = "REGION_NOT_VALID", State,
        malformed(field), retry false,
        ("{field}: {region_id} does not exist on {date}; it exists {exists}");
    SuccessorIsItself { successor_id: String } = "SUCCESSOR_IS_ITSELF", State, malformed("successor_id"), retry false,
        ("successor_id: {successor_id} is what is to be retired; name another one, or none");
    UnknownField { field: String, name: String, known: String } = "UNKNOWN_FIELD", State, malformed(field),
        retry false,
        ("{field}: there is no field {name:?} to change; fields are {known}");
    FieldFixed { field: String, name: String, id: String, why: &'static str } = "FIELD_FIXED", State, malformed(field),
        retry false,
        ("{field}: {name} of {id} can't be amended: {why}");
    NothingChanges { id: String } = "NOTHING_CHANGES", State, Refused, retry false,
        ("the registry says so of {id} already; there is nothing to change");
    FreezingContradicted {
        item_id: String, freezing: &'static str, lowest_millicelsius: i32, highest_millicelsius: i32
    } = "FREEZING_CONTRADICTED", State, malformed("item.freezing"), retry false,
        ("item.freezing: {freezing} contradicts the temperatures to keep item {item_id} at, {lowest_millicelsius} to \
          {highest_millicelsius} thousandths of a degree Celsius; what must never freeze is kept at 0 or above, what must \
          stay frozen at 0 or below");
    ExternalIdTwice { id: String, scheme: String, value: String } = "EXTERNAL_ID_TWICE", State,
        malformed("item.external_ids"), retry false,
        ("item.external_ids: {scheme} {value:?} stands for item {id} twice, or for it and for a pack of it; a number stands \
          for one of them");
    VerifiedByItself { organisation_id: String } = "VERIFIED_BY_ITSELF", State, malformed("verified_by_id"),
        retry false,
        ("verified_by_id: {organisation_id} can't stand by itself; name the organisation that looked at its papers");
    VerificationOutOfOrder { field: String, day: String, earliest: String } = "VERIFICATION_OUT_OF_ORDER", State,
        malformed(field), retry false,
        ("{field}: {day} lies before {earliest}; name that day or a later one");
    DayAhead { field: &'static str, day: String, today: String } = "DAY_AHEAD", State, malformed(field), retry true,
        ("{field}: {day} lies after {today}; record it once that day has come, or name a day that has");
    NotVerified { organisation_id: String } = "NOT_VERIFIED", State, Refused, retry false,
        ("organisation {organisation_id} has no verification that could be revoked");
    StillAssigned { volunteer_id: String, crew_id: String } = "STILL_ASSIGNED", State, Refused, retry true,
        ("volunteer {volunteer_id} is still in crew {crew_id}; end the assignment first");
    AlreadyAssigned { volunteer_id: String, crew_id: String, assigned_on: String } = "ALREADY_ASSIGNED", State, Refused,
        retry true,
        ("volunteer {volunteer_id} is in crew {crew_id} since {assigned_on}; end that assignment first");
    NotAssigned { volunteer_id: String } = "NOT_ASSIGNED", State, Refused, retry true,
        ("volunteer {volunteer_id} is in no crew");
    AssignmentOutOfOrder { field: &'static str, day: String, earliest: String } = "ASSIGNMENT_OUT_OF_ORDER", State,
        malformed(field), retry false,
        ("{field}: {day} lies before {earliest}; name that day or a later one");
    NotADonor { organisation_id: String } = "NOT_A_DONOR", State, Refused, retry false,
        ("organisation {organisation_id} is not registered as a DONOR; name the organisation that gives");
    NoMoneyPledged { donation_id: String } = "NO_MONEY_PLEDGED", State, Refused, retry false,
        ("donation {donation_id} has no money; record goods that it brought as received");
    AssetNotConsumable { item_id: String } = "ASSET_NOT_CONSUMABLE", State, Refused, retry false,
        ("item {item_id} is tracked by serial number and can't be used up; dispose of the unit, or adjust the stock");
    AlreadyIdentified { goods_id: String, packages: i64 } = "ALREADY_IDENTIFIED", State, Refused, retry false,
        ("all {packages} packages of goods {goods_id} have been identified; adjust the stock of what came of them");
    AssetState {
        item_id: String, serial_number: String, state: String, allowed: String, advice: &'static str
    } = "ASSET_STATE", State, Refused, retry true,
        ("serial number {serial_number:?} of item {item_id} is {state}; this needs {allowed}: {advice}");
    DueDayPassed { field: String, day: String, today: String } = "DUE_DAY_PASSED", State, malformed(field), retry false,
        ("{field}: {day} lies before {today}, the day at the facility; name a later day");
    NotRefillable { item_id: String } = "NOT_REFILLABLE", State, Refused, retry false,
        ("item {item_id} is not registered as a container that is filled again; amend the item, or check the code");
    SiteUnfit { item_id: String, facility_id: String, problems: String } = "SITE_UNFIT", State, Refused, retry true,
        ("item {item_id} does not fit facility {facility_id}: {problems}; take another item, amend what is known of the \
          site, or override and say who answers for it and why");
    AssetHeld { item_id: String, serial_number: String, batch_id: String } = "ASSET_HELD", State, Refused, retry true,
        ("serial number {serial_number:?} of item {item_id} is held, or its batch {batch_id} is held or recalled; release \
          it first");
    NotAMobileUnit { facility_id: String, kind: String } = "NOT_A_MOBILE_UNIT", State, malformed("facility_id"),
        retry false,
        ("facility_id: {facility_id} is a {kind}, and only a MOBILE_UNIT goes from place to place; check the code");
    NotDeployed { facility_id: String, day: String } = "NOT_DEPLOYED", State, Refused, retry true,
        ("mobile unit {facility_id} does not stand anywhere on {day}; record first where it was deployed");
    DaysOutOfOrder { field: String, day: String, earliest: String } = "DAYS_OUT_OF_ORDER", State, malformed(field),
        retry false,
        ("{field}: {day} lies before {earliest}, the earliest that it may be");
    PeriodNotOver { last_day: String, today: String } = "PERIOD_NOT_OVER", State, malformed("throughput.last_day"),
        retry true,
        ("throughput.last_day: {last_day} lies after {today}; report what has been done, not what is planned");
    PeriodOverlaps { facility_id: String, commodity_id: String, first_day: String, last_day: String } =
        "PERIOD_OVERLAPS", State, Refused, retry false,
        ("mobile unit {facility_id} has reported on {commodity_id} from {first_day} to {last_day} already; report other \
          days, or correct that very period");
    PeriodNotReported { facility_id: String, commodity_id: String, first_day: String, last_day: String } =
        "PERIOD_NOT_REPORTED", State, Refused, retry false,
        ("mobile unit {facility_id} has not reported on {commodity_id} from {first_day} to {last_day}, so there is nothing \
          to correct; check both days");
    AssetNotEmpty { item_id: String, serial_number: String, contents: String } = "ASSET_NOT_EMPTY", State, Refused,
        retry true,
        ("serial number {serial_number:?} of item {item_id} has something inside it: {contents}; take that out first");
    AssetNesting {
        item_id: String, serial_number: String, inside_item_id: String, inside_serial_number: String, why: String
    } = "ASSET_NESTING", State, Refused, retry false,
        ("serial number {serial_number:?} of item {item_id} can't go into serial number {inside_serial_number:?} of item \
          {inside_item_id}: {why}");
    BooksOpenAlready { facility_id: String, item_id: String, on_hand: i64 } = "BOOKS_OPEN_ALREADY", State, Refused,
        retry false,
        ("the books of item {item_id} at {facility_id} are open already, with {on_hand} on hand; record by a count what \
          else is there");
    WithinStorageRange { item_id: String, lowest_millicelsius: i32, highest_millicelsius: i32 } = "WITHIN_STORAGE_RANGE",
        State, malformed("highest_millicelsius"), retry false,
        ("highest_millicelsius: item {item_id} may be kept from {lowest_millicelsius} to {highest_millicelsius} \
          thousandths of a degree Celsius, so nothing was out of range; check the figures, or hold the stock for doubt \
          about its quality");
    NothingThere { facility_id: String, item_id: String } = "NOTHING_THERE", State, Refused, retry true,
        ("of item {item_id} nothing of this is at {facility_id}; check facility, item and batches");
    NoDonor { batch_id: String } = "NO_DONOR", State, malformed("recipient_id"), retry false,
        ("recipient_id: nobody knows who gave batch {batch_id}; name who takes it back");
    DecisionRequired { needed: String } = "DECISION_REQUIRED", State, malformed("documents"), retry false,
        ("documents: this rests on a document of kind {needed}; name it");
    ExpiryNotShortened { batch_id: String, expires_on: String, now: String } = "EXPIRY_NOT_SHORTENED", State,
        malformed("expires_on"), retry false,
        ("expires_on: batch {batch_id} may be used until {now} as it is, and {expires_on} is not earlier; name an \
          earlier day");
    SameFacility { facility_id: String } = "SAME_FACILITY", State, malformed("destination_id"), retry false,
        ("destination_id: {facility_id} is also the origin; name another facility");
    NotCorrectable { event_id: String, event: &'static str, instead: &'static str } = "NOT_CORRECTABLE", State, Refused,
        retry false,
        ("event {event_id} is a {event}, which this can't put right: {instead}");
    MovedOn { event_id: String, event: &'static str, what: String, advice: &'static str } = "MOVED_ON_SINCE", State,
        Refused, retry true,
        ("that {event} {event_id} did not happen can't be said any more: {what}; {advice}");
    CorrectedTooEarly { event_id: String, happened_at: String, found: String } = "CORRECTED_TOO_EARLY", State,
        malformed("occurred_at"), retry false,
        ("occurred_at: event {event_id} happened at {happened_at}, so that nobody knew before that it was wrong; found \
          {found}; leave it out, or say when the error was found");
    AlreadyVoided { event_id: String } = "ALREADY_VOIDED", State, Refused, retry false,
        ("event {event_id} was voided already");
    NothingToCorrect { batch_id: String } = "NOTHING_TO_CORRECT", State, Refused, retry false,
        ("the books say so of batch {batch_id} already; there is nothing to correct");
    ExpiryDecided { batch_id: String, expires_on: String } = "EXPIRY_DECIDED", State, malformed("expires_on"),
        retry false,
        ("expires_on: that batch {batch_id} may be used until {expires_on} was decided; decide anew instead");
    SameOwner { owner_id: String } = "SAME_OWNER", State, malformed("new_owner_id"), retry false,
        ("new_owner_id: the units belong to {owner_id} already; name another organisation");
    AllocationBackdated { age_s: i64, limit_s: i64 } = "ALLOCATION_BACKDATED", State, malformed("occurred_at"),
        retry false,
        ("occurred_at: an allocation can't be backdated: {age_s} s ago, at most {limit_s} s; leave the time out");
    ReasonDoesNotFit { given: String, direction: &'static str, allowed: &'static str } = "REASON_DOES_NOT_FIT", State,
        malformed("reason"), retry false,
        ("reason: {given} does not fit {direction}; use {allowed}");
    NeededByPassed { needed_by: String, today: String } = "NEEDED_BY_PASSED", State, malformed("needed_by"),
        retry false,
        ("needed_by: {needed_by} lies before {today}, the day at the facility; name a later day or none");
    NotALossAct { given: String } = "NOT_A_LOSS_ACT", State, malformed("act.kind"), retry false,
        ("act.kind: is {given}; a loss is settled by a LOSS_ACT");
    AlreadyHeld { batch_id: String, hold_reason: &'static str } = "ALREADY_HELD", State, Refused, retry false,
        ("batch {batch_id} is held for {hold_reason} already");
    NotHeld { batch_id: String, held_for: String } = "NOT_HELD", State, Refused, retry false,
        ("batch {batch_id} is {held_for}; look at the batch to see what it is held for");
    AmbiguousHold { batch_id: String, reasons: String } = "AMBIGUOUS_HOLD", State, malformed("reason"), retry false,
        ("reason: batch {batch_id} is held for {reasons}; name the one that ends");
    VerdictWithoutDocument { verdict: String, needed: String } = "VERDICT_WITHOUT_DOCUMENT", State,
        malformed("documents"), retry false,
        ("documents: the verdict {verdict} rests on a document of kind {needed}; name it, or override and say who \
          and why");
    AlreadyRecalled { item_id: String, lot: String } = "ALREADY_RECALLED", State, Refused, retry false,
        ("lot {lot:?} of item {item_id} is recalled already");
    NotRecalled { item_id: String, lot: String } = "NOT_RECALLED", State, Refused, retry false,
        ("lot {lot:?} of item {item_id} is not recalled; check item and lot as printed");
    NothingAllocated { shipment_id: String } = "NOTHING_ALLOCATED", State, Refused, retry true,
        ("shipment {shipment_id} has no stock allocated; allocate it first");
    NothingInTransit { shipment_id: String, missing: i64 } = "NOTHING_IN_TRANSIT", State, Refused, retry false,
        ("nothing of shipment {shipment_id} is on its way, and {missing} units are missing; name line by line what \
          turned up");
    NothingOfOwner { shipment_id: String, owner_id: String } = "NOTHING_OF_OWNER", State, malformed("owner_id"),
        retry true,
        ("owner_id: shipment {shipment_id} has nothing of {owner_id} that is claimed or on its way; look at the shipment");
    NothingMissing { shipment_id: String } = "NOTHING_MISSING", State, Refused, retry true,
        ("no units of shipment {shipment_id} are reported missing; record them as MISSING on receipt first");

    // Lines.
    NothingPledged { donation_id: String } = "NOTHING_PLEDGED", Lines, malformed("lines"), retry false,
        ("lines: donation {donation_id} pledges neither goods nor money; add a line or an amount");
    NoLines { field: String } = "NO_LINES", Lines, malformed(field), retry false,
        ("{field}: must have at least one line");
    TooManyLines { field: String, found: usize, limit: usize } = "TOO_MANY_LINES", Lines, malformed(field),
        retry false,
        ("{field}: has {found} lines, at most {limit}; split it into several commands");
    DuplicateLine { field: String, line: i32 } = "DUPLICATE_LINE", Lines, malformed(field), retry false,
        ("{field}: line {line} stands there twice; number every line once");
    DuplicateBatchId { field: String, batch_id: String } = "DUPLICATE_BATCH_ID", Lines, malformed(field), retry false,
        ("{field}: batch {batch_id} stands there twice; every line is a batch of its own");
    CommodityRequired { field: String } = "COMMODITY_REQUIRED", Lines, malformed(field), retry false,
        ("{field}: name a commodity or an item");
    CommodityMismatch { field: String, item_id: String, item_commodity_id: String, commodity_id: String } =
        "COMMODITY_MISMATCH", Lines, malformed(field), retry false,
        ("{field}: item {item_id} serves commodity {item_commodity_id}, not {commodity_id}; leave the commodity empty \
          or correct it");
    UnknownPledgeLine { field: String, donation_id: String, line: i32 } = "UNKNOWN_PLEDGE_LINE", Lines,
        malformed(field), retry false,
        ("{field}: donation {donation_id} has no line {line}");
    PledgeLineMismatch { field: String, donation_id: String, line: i32, pledged: String, item_id: String } =
        "PLEDGE_LINE_MISMATCH", Lines, malformed(field), retry false,
        ("{field}: line {line} of donation {donation_id} pledges {pledged}, which item {item_id} is not; report the \
          units as WRONG or name another line");
    AmbiguousPledgeLine { field: String, donation_id: String, item_id: String, lines: String } =
        "AMBIGUOUS_PLEDGE_LINE", Lines, malformed(field), retry false,
        ("{field}: item {item_id} fits lines {lines} of donation {donation_id}; name one");
    NotPledged { field: String, donation_id: String, item_id: String } = "NOT_PLEDGED", Lines, Refused, retry false,
        ("{field}: donation {donation_id} pledges no item {item_id}; report the units as SURPLUS or WRONG, or, bought \
          with donated money, record that the money was spent");
    UnknownRequestLine { field: String, request_id: String, line: i32 } = "UNKNOWN_REQUEST_LINE", Lines,
        malformed(field), retry false,
        ("{field}: request {request_id} has no line {line}");
    UnknownPlanLine { field: String, line: i32 } = "UNKNOWN_PLAN_LINE", Lines, malformed(field), retry false,
        ("{field}: the plan has no line {line}");
    NeedUnanswered { field: String, request_id: String, line: i32 } = "NEED_UNANSWERED", Lines, malformed(field),
        retry false,
        ("{field}: line {line} of request {request_id} tells a need; say by what commodity or item it is met, and by how \
          many");
    GoodsDecided { field: String, request_id: String, line: i32, requested: String } = "GOODS_DECIDED", Lines,
        malformed(field), retry false,
        ("{field}: line {line} of request {request_id} asks for {requested}; approve that, or offer a substitute");
    SubstituteNotNeeded { request_id: String, line: i32, item_id: String } = "SUBSTITUTE_NOT_NEEDED", Lines, Refused,
        retry false,
        ("item {item_id} is what line {line} of request {request_id} asks for; send it, there is nothing to offer");
    OfferedAlready { request_id: String, line: i32, item_id: String, offer: i32 } = "OFFERED_ALREADY", Lines, Refused,
        retry false,
        ("item {item_id} was offered for line {line} of request {request_id} already, as offer {offer}");
    RequestOfAnotherFacility { field: String, request_id: String, facility_id: String, destination_id: String } =
        "REQUEST_OF_ANOTHER_FACILITY", Lines, Refused, retry false,
        ("{field}: request {request_id} is of facility {facility_id}, but the shipment goes to {destination_id}");
    RequestLineMismatch { field: String, request_id: String, line: i32, requested: String, item_id: String } =
        "REQUEST_LINE_MISMATCH", Lines, Refused, retry false,
        ("{field}: line {line} of request {request_id} asks for {requested}, which item {item_id} is not");
    UnknownShipmentLine { field: String, shipment_id: String, line: i32 } = "UNKNOWN_SHIPMENT_LINE", Lines,
        malformed(field), retry false,
        ("{field}: shipment {shipment_id} has no line {line}");
    NothingToTake { field: String, shipment_id: String, line: i32 } = "NOTHING_TO_TAKE", Lines, Refused, retry false,
        ("{field}: line {line} of shipment {shipment_id} has nothing of this to take; check line, batch and owner, and what \
          is packed");
    TripGoesNowhere { trip_id: String } = "TRIP_GOES_NOWHERE", Lines, malformed("stops"), retry false,
        ("stops: trip {trip_id} goes nowhere; name where it begins and where it goes");
    StopTwice { field: String, facility_id: String } = "STOP_TWICE", Lines, malformed(field), retry false,
        ("{field}: {facility_id} is the stop before already; leave one of them out");
    CountUnfit { field: String, count_id: String, why: &'static str } = "COUNT_UNFIT", Lines, malformed(field),
        retry false,
        ("{field}: count {count_id} can't be taken over by: {why}");
    NotInParcel { field: String, sscc: String, batch_id: String, packed: i64 } = "NOT_IN_PARCEL", Lines, Refused,
        retry false,
        ("{field}: {packed} units of batch {batch_id} were packed in parcel {sscc}; check the number of the parcel");
    DuplicateParcel { field: String, sscc: String } = "DUPLICATE_PARCEL", Lines, malformed(field), retry false,
        ("{field}: parcel {sscc} stands there twice");
    ParcelIncomplete { shipment_id: String, sscc: String } = "PARCEL_INCOMPLETE", Lines, Refused, retry false,
        ("not all of what was packed in parcel {sscc} of shipment {shipment_id} is on its way any more; name the units that \
          go instead of the parcel");
    LineRequired { field: String } = "LINE_REQUIRED", Lines, malformed(field), retry false,
        ("{field}: name the line of the shipment; only SURPLUS and WRONG goods belong to none");
    ItemRequired { field: String } = "ITEM_REQUIRED", Lines, malformed(field), retry false,
        ("{field}: name the item that is there");
    FieldNotExpected { field: String, outcome: String } = "FIELD_NOT_EXPECTED", Lines, malformed(field), retry false,
        ("{field}: leave it empty where the outcome is {outcome}");
    NotInShipment { field: String, shipment_id: String, line: i32, wanted: String } = "NOT_IN_SHIPMENT", Lines,
        Refused, retry false,
        ("{field}: line {line} of shipment {shipment_id} has no units of {wanted} outstanding; report what is there \
          beyond it as SURPLUS or WRONG");
    AmbiguousBatch { field: String, shipment_id: String, line: i32, batches: String } = "AMBIGUOUS_BATCH", Lines,
        malformed(field), retry false,
        ("{field}: line {line} of shipment {shipment_id} has several batches or owners outstanding: {batches}; name \
          one");
    AmbiguousOwner { batch_id: String, facility_id: String, owners: String } = "AMBIGUOUS_OWNER", Lines,
        malformed("owner_id"), retry false,
        ("owner_id: batch {batch_id} at {facility_id} belongs to {owners}; name one");
    SerialNumbersNotExpected { field: String, item_id: String } = "SERIAL_NUMBERS_NOT_EXPECTED", Lines,
        malformed(field), retry false,
        ("{field}: item {item_id} is tracked by batch and has no serial numbers; leave them out");
    SerialNumberCount { field: String, item_id: String, quantity: i64, serial_numbers: usize } =
        "SERIAL_NUMBER_COUNT", Lines, malformed(field), retry false,
        ("{field}: {quantity} units of item {item_id} need {quantity} serial numbers, found {serial_numbers}");
    DuplicateSerialNumber { field: String, item_id: String, serial_number: String } = "DUPLICATE_SERIAL_NUMBER",
        Lines, malformed(field), retry false,
        ("{field}: serial number {serial_number:?} of item {item_id} stands there twice");
    SerialNumberNotThere { field: String, item_id: String, serial_number: String, place: String } =
        "SERIAL_NUMBER_NOT_THERE", Lines, Refused, retry false,
        ("{field}: serial number {serial_number:?} of item {item_id} is not {place}; check the number");
    SerialNumberReserved { field: String, item_id: String, serial_number: String, shipment_id: String } =
        "SERIAL_NUMBER_RESERVED", Lines, Refused, retry true,
        ("{field}: serial number {serial_number:?} of item {item_id} is claimed by shipment {shipment_id}; cancel the \
          shipment first");
    ExpiryRequired { field: String, item_id: String } = "EXPIRY_REQUIRED", Lines, malformed(field), retry false,
        ("{field}: state the last day of use; item {item_id} expires, or the units are reported as expired");
    AlreadyExpired { field: String, expires_on: String, today: String } = "ALREADY_EXPIRED", Lines, malformed(field),
        retry false,
        ("{field}: {expires_on} lies before {today}, the day at the facility; report the units as EXPIRED");
    NotExpired { field: String, expires_on: String, today: String } = "NOT_EXPIRED", Lines, malformed(field),
        retry false,
        ("{field}: {expires_on} does not lie before {today}, the day at the facility; report the units as GOOD or \
          DAMAGED");
    BatchExpired { batch_id: String, expires_on: String, today: String } = "BATCH_EXPIRED", Lines, Refused,
        retry false,
        ("batch {batch_id} was to be used until {expires_on}, and it is {today} at the facility; take another batch \
          and dispose of this one");
    DuplicateLot { field: String, batch_id: String, owner_id: String } = "DUPLICATE_LOT", Lines, malformed(field),
        retry false,
        ("{field}: batch {batch_id} of {owner_id} stands in an earlier line; add both up");
    BatchOfOtherItem { field: String, batch_id: String, item_id: String, batch_item_id: String } =
        "BATCH_OF_OTHER_ITEM", Lines, malformed(field), retry false,
        ("{field}: batch {batch_id} is of item {batch_item_id}, not of {item_id}; record each item by itself");
    LotRecalled { item_id: String, batch_id: String, lot: String } = "LOT_RECALLED", Lines, Refused, retry true,
        ("batch {batch_id} is of lot {lot:?} of item {item_id}, which is recalled; take another batch, and keep this \
          one apart until the recall is lifted");
    BatchEarmarked { batch_id: String, donation_id: String } = "BATCH_EARMARKED", Lines, Refused, retry false,
        ("batch {batch_id} is meant for another use, as its donor said with donation {donation_id}; take another batch");
    BatchHeld { batch_id: String, reasons: String } = "BATCH_HELD", Lines, Refused, retry true,
        ("batch {batch_id} is held for {reasons}; release it first, or take another batch");
    KitsExpireEarlier { batch_id: String, expires_on: String } = "KITS_EXPIRE_EARLIER", Lines, Refused, retry true,
        ("that kits of batch {batch_id} may be used until {expires_on} was decided, but all that is in them may be used for \
          longer; shorten the expiry of what is in them first");

    ComponentUnfit { field: String, item_id: String, component_id: String } = "COMPONENT_UNFIT", Lines, malformed(field),
        retry false,
        ("{field}: {component_id} can't be a component of {item_id}: a kit and its components are counted by batch, and no \
          kit holds another one");
    NotAComponent { field: String, batch_id: String, batch_item_id: String, item_id: String } = "NOT_A_COMPONENT", Lines,
        malformed(field), retry false,
        ("{field}: batch {batch_id} is of item {batch_item_id}, which is no component of {item_id}; leave it out");
    UnknownPack { field: String, item_id: String, pack_id: String, known: String } = "UNKNOWN_PACK", Lines,
        malformed(field), retry false,
        ("{field}: item {item_id} comes in no pack {pack_id}; its packs, with their base units, are: {known}");

    // Quantities and amounts.
    PacksOverflow { field: String, packs: i64, pack_id: String, pack_quantity: i64 } = "PACKS_OVERFLOW", Quantities,
        malformed(field), retry false,
        ("{field}: {packs} {pack_id} of {pack_quantity} come to more than 1000000000000 (a million million) base units");
    QuantityOverflow { field: String, sum: i64 } = "QUANTITY_OVERFLOW", Quantities, malformed(field), retry false,
        ("{field}: comes to {sum} together, at most 1000000000000 (a million million)");
    InsufficientStock {
        facility_id: Box<str>, item_id: Box<str>, batch_id: Box<str>, owner_id: Box<str>, requested: i64, available: i64,
        on_hand: i64, reserved: i64, held: i64, expired: i64
    } = "INSUFFICIENT_STOCK", Quantities, Refused, retry true,
        ("{facility_id} has too little of item {item_id}{}{}: {requested} requested, {available} available ({on_hand} \
          on hand, {reserved} reserved, {held} held{})", of("batch", batch_id), of("owner", owner_id), expired_too(*expired));
    Overloaded { vehicle_id: String, what: &'static str, load: i64, capacity: i64, stop: i32 } = "OVERLOADED", Quantities,
        Refused, retry true,
        ("vehicle {vehicle_id} would carry {load} {what} after stop {stop}, and may carry {capacity}; take another vehicle, or \
          something off");
    StockEarmarked { facility_id: String, item_id: String, requested: i64, available: i64, earmarked: i64 } =
        "STOCK_EARMARKED", Quantities, Refused, retry true,
        ("{facility_id} has too little of item {item_id} that may be used so: {requested} requested, {available} \
          available, {earmarked} meant for others as their donors said");
    RemainingLifeTooShort {
        facility_id: String, item_id: String, requested: i64, available: i64, too_short: i64, needed_until: String
    } = "REMAINING_LIFE_TOO_SHORT", Quantities, Refused, retry true,
        ("{facility_id} has too little of item {item_id} that can be used until {needed_until}: {requested} requested, \
          {available} available, {too_short} expire before; take another item, ask for less life, or send it sooner");
    ExceedsShipment {
        field: String, shipment_id: String, line: i32, batch_id: String, requested: i64, there: i64
    } = "EXCEEDS_SHIPMENT", Quantities, Refused, retry false,
        ("{field}: {requested} units of batch {batch_id} in line {line} of shipment {shipment_id} requested, but {there} are \
          there to take");
    SplitTakesAll { shipment_id: String } = "SPLIT_TAKES_ALL", Quantities, Refused, retry false,
        ("nothing would be left of shipment {shipment_id}; hand it over, or send it elsewhere, as a whole");
    TooManyPackages { goods_id: String, identified: i64, left: i64 } = "TOO_MANY_PACKAGES", Quantities,
        malformed("packages"), retry false,
        ("packages: {identified} packages of goods {goods_id} are identified, but {left} are left");
    CountContradicted {
        facility_id: String, batch_id: String, owner_id: String, counted_position: u64, expected: i64, counted: i64,
        gone_since: i64
    } = "COUNT_CONTRADICTED", Quantities, Refused, retry false,
        ("of batch {batch_id} of {owner_id} at {facility_id} {counted} were counted and {expected} expected at position \
          {counted_position}, but {gone_since} have left since, more than can have been there; count it again");
    CountedSince { facility_id: String, batch_id: String, owner_id: String, counted_position: u64 } = "COUNTED_SINCE",
        Quantities, Refused, retry false,
        ("batch {batch_id} of {owner_id} at {facility_id} was corrected by another count after position {counted_position}, as of \
          which it was counted now; count it again and name a later position");
    TooManyDifferences { what: &'static str, differences: usize, limit: usize } = "TOO_MANY_DIFFERENCES", Quantities,
        malformed("lines"), retry false,
        ("lines: the count differs from the books in {differences} {what}, at most {limit} can be corrected at once; \
          correct some of them by a cycle count first, and count in full as of the position after it");
    NotHeldHere { facility_id: String, batch_id: String, owner_id: String, requested: i64, held: i64 } =
        "NOT_HELD_HERE", Quantities, Refused, retry false,
        ("{requested} units of batch {batch_id} of {owner_id} are to be released at {facility_id}, but {held} are held \
          there by themselves; what is held with its batch is released with it");
    CurrencyDiffers { donation_id: String, pledged: String, given: String } = "CURRENCY_DIFFERS", Quantities,
        malformed("amount.currency_code"), retry false,
        ("amount.currency_code: donation {donation_id} is in {pledged}, not in {given}");
    CommitmentExceeded { donation_id: String, commitment: i32, requested: i64, open: i64 } = "COMMITMENT_EXCEEDED",
        Quantities, Refused, retry false,
        ("commitment {commitment} of donation {donation_id} has {open} minor units left, {requested} are to be spent; \
          spend the rest without it");
    TooManyParts { donation_id: String, what: &'static str, limit: usize } = "TOO_MANY_PARTS", Quantities, Refused,
        retry false,
        ("donation {donation_id} has {limit} {what} already, and can't have more");
    InsufficientFunds { donation_id: String, currency_code: String, requested: i64, available: i64 } =
        "INSUFFICIENT_FUNDS", Quantities, Refused, retry false,
        ("donation {donation_id} has {available} minor units of {currency_code} left, {requested} are to be spent");
    ReceiptExceedsPledge {
        field: String, donation_id: String, line: i32, pledged: i64, received: i64, reported: i64
    } = "RECEIPT_EXCEEDS_PLEDGE", Quantities, Refused, retry false,
        ("{field}: line {line} of donation {donation_id} pledges {pledged}, {received} were received before, and \
          {reported} are reported now; report the excess as SURPLUS");
    RequestUnchanged { request_id: String } = "REQUEST_UNCHANGED", Quantities, Refused, retry false,
        ("request {request_id} says just that already; there is nothing to change");
    SharesExceedLine { line: i32, quantity: i64, shares: i64 } = "SHARES_EXCEED_LINE", Quantities, Refused, retry false,
        ("the shares of line {line} come to {shares}, but {quantity} are to be shared; give less, or share more");
    NothingToShare { plan_id: String } = "NOTHING_TO_SHARE", Quantities, Refused, retry true,
        ("nobody gets anything of plan {plan_id}: no request still needs what it shares");
    NothingApproved { request_id: String } = "NOTHING_APPROVED", Quantities, Refused, retry false,
        ("every line of request {request_id} is approved with 0; reject the request instead");
    ApprovalExceedsRequest { field: String, request_id: String, line: i32, requested: i64, approved: i64 } =
        "APPROVAL_EXCEEDS_REQUEST", Quantities, Refused, retry false,
        ("{field}: line {line} of request {request_id} asks for {requested}, {approved} are more; approve at most what \
          was asked for");
    ExceedsApproved { request_id: String, line: i32, requested: i64, approved: i64, allocated: i64 } =
        "EXCEEDS_APPROVED", Quantities, Refused, retry true,
        ("line {line} of request {request_id}: {requested} requested, but {approved} are approved and {allocated} of \
          them allocated already");
    BelowReserve { facility_id: String, commodity_id: String, reserve: i64, remaining: i64 } = "BELOW_RESERVE",
        Quantities, Refused, retry true,
        ("{facility_id} keeps {reserve} of {commodity_id} at least, and {remaining} would remain of the items named; allocate \
          less, name the other items that remain, or override and say who and why; for an emergency it is released");
    ReceiptExceedsShipment {
        field: String, shipment_id: String, line: i32, batch_id: String, reported: i64, in_transit: i64, missing: i64
    } = "RECEIPT_EXCEEDS_SHIPMENT", Quantities, Refused, retry false,
        ("{field}: {reported} units of batch {batch_id} in line {line} of shipment {shipment_id} reported, but \
          {in_transit} are on their way and {missing} missing; report the excess as SURPLUS");
    TooManyEntries { facility_id: String, what: &'static str, limit: usize } = "TOO_MANY_ENTRIES", Quantities, Refused,
        retry false,
        ("facility {facility_id} has {limit} {what} already, and can't have more");
    TooManyRecords { kind: &'static str, id: String, what: &'static str, limit: usize } = "TOO_MANY_RECORDS", Quantities,
        Refused, retry false,
        ("{kind} {id} has {limit} {what} already, and can't have more");
    TooManyKitBatches { item_id: String, assembled: i64, limit: usize } = "TOO_MANY_KIT_BATCHES", Quantities, Refused,
        retry true,
        ("after {assembled} kits of {item_id} their components come of other batches for the {limit}th time; assemble \
          {assembled} first");
    InTooManyKits { batch_id: String, limit: usize } = "IN_TOO_MANY_KITS", Quantities, Refused, retry false,
        ("units of the lot of batch {batch_id} are in {limit} batches of kits already; assemble more kits at once, of \
          another lot");
    TooManyClaims { facility_id: String, batch_id: String, shipments: usize, limit: usize } = "TOO_MANY_CLAIMS",
        Quantities, Refused, retry true,
        ("a decrease of batch {batch_id} at {facility_id} by so many breaks the claims of {shipments} shipments, at \
          most {limit} at once; decrease it in several steps");
    TooManyAssets { facility_id: String, item_id: String, limit: usize } = "TOO_MANY_ASSETS", Quantities, Refused,
        retry false,
        ("more than {limit} units of item {item_id} at {facility_id} are held already, with those that they are inside, \
          and whether they were there is to be looked at one by one; name fewer batches");
    TooManyTags { event: &'static str, tags: usize, limit: usize } = "TOO_MANY_TAGS", Quantities, Refused, retry false,
        ("{event} would concern {tags} batches, lots, serial numbers and the like together, at most {limit}; split it \
          into several, each with fewer lines or serial numbers");
    EventTooLarge { event: &'static str, bytes: usize, limit: usize } = "EVENT_TOO_LARGE", Quantities, Refused,
        retry false,
        ("{event} would take {bytes} bytes, at most {limit}; split it into several, or name fewer documents");
}
