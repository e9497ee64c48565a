//! Requests that tests send, each with a command id of its own.

use keruen_proto::{
    inventory::v1::{ConsumeStockRequest, ConsumptionPurpose, PledgeDonationRequest, PledgeLine},
    registry::v1::{Facility, FacilityKind, Item, LocalizedText, RegionAssignment, Tracking},
    requests::v1::{FileRequestRequest, RequestLine},
    shipments::v1::{
        AllocateShipmentRequest, DispatchShipmentRequest, RequestShipmentRequest, ShipmentLine,
    },
};
use tonic::{Request, metadata::MetadataValue};
use uuid::Uuid;

use crate::scene::{CARRIER, DONOR};

/// A new command id.
pub fn command_id() -> String {
    Uuid::now_v7().to_string()
}

/// A request of the actor that tests act as.
pub fn request<T>(message: T) -> Request<T> {
    request_of("test:scene", message)
}

/// A request of an actor.
pub fn request_of<T>(actor: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let actor = MetadataValue::try_from(actor).expect("the actor is ASCII");
    request.metadata_mut().insert("keruen-actor", actor);
    request
}

/// Units of an item used up for patients.
pub fn consume(facility_id: &str, item_id: &str, quantity: i64) -> ConsumeStockRequest {
    ConsumeStockRequest {
        command_id: command_id(),
        facility_id: facility_id.to_owned(),
        item_id: item_id.to_owned(),
        quantity,
        purpose: ConsumptionPurpose::Patient.into(),
        ..ConsumeStockRequest::default()
    }
}

/// A donation of [`DONOR`], with an id that the server makes.
pub fn pledge(lines: Vec<PledgeLine>) -> PledgeDonationRequest {
    PledgeDonationRequest {
        command_id: command_id(),
        donor_id: DONOR.to_owned(),
        lines,
        ..PledgeDonationRequest::default()
    }
}

/// A line of a pledge.
pub fn pledge_line(commodity_id: &str, item_id: &str, quantity: i64) -> PledgeLine {
    PledgeLine {
        commodity_id: commodity_id.to_owned(),
        item_id: item_id.to_owned(),
        quantity,
        ..PledgeLine::default()
    }
}

/// A request for units of a commodity.
pub fn file(facility_id: &str, commodity_id: &str, requested: i64) -> FileRequestRequest {
    FileRequestRequest {
        command_id: command_id(),
        facility_id: facility_id.to_owned(),
        lines: vec![RequestLine {
            commodity_id: commodity_id.to_owned(),
            requested,
            ..RequestLine::default()
        }],
        ..FileRequestRequest::default()
    }
}

/// A shipment that leaves with [`CARRIER`].
pub fn dispatch(shipment_id: &str) -> DispatchShipmentRequest {
    DispatchShipmentRequest {
        command_id: command_id(),
        shipment_id: shipment_id.to_owned(),
        custodian_id: CARRIER.to_owned(),
        ..DispatchShipmentRequest::default()
    }
}

/// Stock claimed for a shipment.
pub fn allocate(shipment_id: &str) -> AllocateShipmentRequest {
    AllocateShipmentRequest {
        command_id: command_id(),
        shipment_id: shipment_id.to_owned(),
        ..AllocateShipmentRequest::default()
    }
}

/// A request to move units of an item.
pub fn shipment(
    shipment_id: &str,
    origin_id: &str,
    destination_id: &str,
    item_id: &str,
    quantity: i64,
) -> RequestShipmentRequest {
    RequestShipmentRequest {
        command_id: command_id(),
        shipment_id: shipment_id.to_owned(),
        origin_id: origin_id.to_owned(),
        destination_id: destination_id.to_owned(),
        lines: vec![ShipmentLine {
            item_id: item_id.to_owned(),
            quantity,
            ..ShipmentLine::default()
        }],
        ..RequestShipmentRequest::default()
    }
}

/// A facility as it is registered.
pub fn facility(facility_id: &str, kind: FacilityKind, region_id: &str) -> Facility {
    Facility {
        facility_id: facility_id.to_owned(),
        name: Some(name(facility_id)),
        kind: kind.into(),
        regions: vec![RegionAssignment {
            region_id: region_id.to_owned(),
            valid_from: String::new(),
        }],
        time_zone: "Asia/Almaty".to_owned(),
        operator_id: DONOR.to_owned(),
        ..Facility::default()
    }
}

/// An item as it is registered; an asset is of the maker `Maker` and of the model of its own name.
pub fn item(item_id: &str, commodity_id: &str, tracking: Tracking) -> Item {
    let is_asset = tracking == Tracking::Serial;
    let if_asset = |text: &str| {
        if is_asset {
            text.to_owned()
        } else {
            String::new()
        }
    };
    Item {
        item_id: item_id.to_owned(),
        commodity_id: commodity_id.to_owned(),
        name: Some(name(item_id)),
        tracking: tracking.into(),
        manufacturer: if_asset("Maker"),
        model: if_asset(item_id),
        ..Item::default()
    }
}

/// A name in English only.
pub fn name(text: &str) -> LocalizedText {
    LocalizedText {
        en: text.to_owned(),
        ..LocalizedText::default()
    }
}
