//! Two warehouses, a hospital and their stock: the master data that most tests begin with, and short ways to move goods.

use keruen_proto::{
    events::v1::event_service_client::EventServiceClient,
    inventory::v1::{
        PledgeDonationRequest, PledgeLine, ReceiptLine, ReceiveDonationRequest,
        inventory_service_client::InventoryServiceClient,
    },
    registry::v1::{
        Commodity, FacilityKind, Organisation, OrganisationKind, RegisterCommodityRequest,
        RegisterFacilityRequest, RegisterItemRequest, RegisterOrganisationRequest, Tracking,
        registry_service_client::RegistryServiceClient,
    },
    requests::v1::request_service_client::RequestServiceClient,
    shipments::v1::shipment_service_client::ShipmentServiceClient,
    stock::v1::{ListStockRequest, StockGroup, StockRow, stock_service_client::StockServiceClient},
};
use tonic::transport::Channel;

use crate::message::{command_id, facility, item, name, request};

/// Organisation that gives.
pub const DONOR: &str = "DONOR";
/// Organisation that carries.
pub const CARRIER: &str = "CARRIER";
/// Warehouse in Astana.
pub const NORTH: &str = "NORTH";
/// Warehouse in Almaty.
pub const SOUTH: &str = "SOUTH";
/// Hospital in Ulytau Region.
pub const HOSPITAL: &str = "HOSPITAL";
/// Commodity of [`MASK_A`].
pub const MASK: &str = "MASK";
/// A consumable that doesn't expire.
pub const MASK_A: &str = "MASK-A";
/// Commodity of [`PUMP_A`] and [`PUMP_B`].
pub const PUMP: &str = "PUMP";
/// An asset.
pub const PUMP_A: &str = "PUMP-A";
/// An asset of another model.
pub const PUMP_B: &str = "PUMP-B";

/// Clients of every service on one connection.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Master data.
    pub registry: RegistryServiceClient<Channel>,
    /// Donations and stock.
    pub inventory: InventoryServiceClient<Channel>,
    /// Shipments.
    pub shipments: ShipmentServiceClient<Channel>,
    /// Requests.
    pub requests: RequestServiceClient<Channel>,
    /// Views.
    pub stock: StockServiceClient<Channel>,
    /// The log.
    pub events: EventServiceClient<Channel>,
}

impl Clients {
    /// Clients on a connection.
    pub fn on(channel: &Channel) -> Self {
        Self {
            registry: RegistryServiceClient::new(channel.clone()),
            inventory: InventoryServiceClient::new(channel.clone()),
            shipments: ShipmentServiceClient::new(channel.clone()),
            requests: RequestServiceClient::new(channel.clone()),
            stock: StockServiceClient::new(channel.clone()),
            events: EventServiceClient::new(channel.clone()),
        }
    }

    /// Enters all master data of this module.
    pub async fn set_scene(&mut self) {
        self.register_organisation(DONOR, OrganisationKind::Donor)
            .await;
        self.register_organisation(CARRIER, OrganisationKind::Carrier)
            .await;
        self.register_facility(NORTH, FacilityKind::Warehouse, "KZ-71")
            .await;
        self.register_facility(SOUTH, FacilityKind::Warehouse, "KZ-75")
            .await;
        self.register_facility(HOSPITAL, FacilityKind::Hospital, "KZ-62")
            .await;
        for commodity in [MASK, PUMP] {
            self.register_commodity(commodity).await;
        }
        self.register_item(MASK_A, MASK, Tracking::Batch).await;
        self.register_item(PUMP_A, PUMP, Tracking::Serial).await;
        self.register_item(PUMP_B, PUMP, Tracking::Serial).await;
    }

    /// Enters an organisation.
    pub async fn register_organisation(&mut self, organisation_id: &str, kind: OrganisationKind) {
        let organisation = Organisation {
            organisation_id: organisation_id.to_owned(),
            name: Some(name(organisation_id)),
            kinds: vec![kind.into()],
            ..Organisation::default()
        };
        let message = RegisterOrganisationRequest {
            command_id: command_id(),
            organisation: Some(organisation),
            ..RegisterOrganisationRequest::default()
        };
        self.registry
            .register_organisation(request(message))
            .await
            .expect("the organisation is new");
    }

    /// Enters a facility.
    pub async fn register_facility(
        &mut self,
        facility_id: &str,
        kind: FacilityKind,
        region_id: &str,
    ) {
        let message = RegisterFacilityRequest {
            command_id: command_id(),
            facility: Some(facility(facility_id, kind, region_id)),
            ..RegisterFacilityRequest::default()
        };
        self.registry
            .register_facility(request(message))
            .await
            .expect("the facility is new");
    }

    /// Enters a commodity.
    pub async fn register_commodity(&mut self, commodity_id: &str) {
        let message = RegisterCommodityRequest {
            command_id: command_id(),
            commodity: Some(Commodity {
                commodity_id: commodity_id.to_owned(),
                name: Some(name(commodity_id)),
                base_unit: "EA".to_owned(),
                ..Commodity::default()
            }),
            ..RegisterCommodityRequest::default()
        };
        self.registry
            .register_commodity(request(message))
            .await
            .expect("the commodity is new");
    }

    /// Enters an item.
    pub async fn register_item(&mut self, item_id: &str, commodity_id: &str, tracking: Tracking) {
        let message = RegisterItemRequest {
            command_id: command_id(),
            item: Some(item(item_id, commodity_id, tracking)),
            ..RegisterItemRequest::default()
        };
        self.registry
            .register_item(request(message))
            .await
            .expect("the item is new");
    }

    /// Pledges a donation of units of an item and receives all of them at a facility, as one batch named
    /// `<donation>-B`. Units of an asset get the serial numbers `<donation>-1`, `<donation>-2` …
    pub async fn donate(
        &mut self,
        donation_id: &str,
        item_id: &str,
        quantity: i64,
        facility_id: &str,
    ) -> u64 {
        let pledge = PledgeDonationRequest {
            command_id: command_id(),
            donation_id: donation_id.to_owned(),
            donor_id: DONOR.to_owned(),
            lines: vec![PledgeLine {
                item_id: item_id.to_owned(),
                quantity,
                ..PledgeLine::default()
            }],
            ..PledgeDonationRequest::default()
        };
        self.inventory
            .pledge_donation(request(pledge))
            .await
            .expect("the donation is new");
        let serial_numbers = match item_id {
            PUMP_A | PUMP_B => (1..=quantity)
                .map(|number| format!("{donation_id}-{number}"))
                .collect(),
            _ => vec![],
        };
        let line = ReceiptLine {
            item_id: item_id.to_owned(),
            quantity,
            serial_numbers,
            batch_id: format!("{donation_id}-B"),
            ..ReceiptLine::default()
        };
        let receipt = ReceiveDonationRequest {
            command_id: command_id(),
            donation_id: donation_id.to_owned(),
            facility_id: facility_id.to_owned(),
            lines: vec![line],
            ..ReceiveDonationRequest::default()
        };
        let answer = self
            .inventory
            .receive_donation(request(receipt))
            .await
            .expect("the pledge has room");
        answer.into_inner().position
    }
}

/// Stock of everything, by facility, as of a position or later.
pub async fn stock(clients: &mut Clients, min_position: u64) -> Vec<StockRow> {
    let group_by = vec![StockGroup::Facility.into()];
    let question = ListStockRequest {
        group_by,
        min_position,
        ..ListStockRequest::default()
    };
    let answer = clients
        .stock
        .list_stock(question)
        .await
        .expect("the views answer")
        .into_inner();
    assert!(
        answer.position >= min_position,
        "the views answered before they had caught up"
    );
    answer.rows
}
