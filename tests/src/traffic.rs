//! Many shipments at once over the same two warehouses, each with commands that can be repeated.

use keruen_proto::shipments::v1::{
    AllocateShipmentRequest, CancelShipmentRequest, CancellationReason, DispatchShipmentRequest,
    ReceiveShipmentRequest,
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    message,
    scene::{CARRIER, Clients, MASK_A, NORTH, SOUTH},
};

/// Namespace of the command ids: the same trip always gives the same commands.
const TRAFFIC: Uuid = Uuid::from_u128(0x5e1f_0b52_7d1c_4a86_b1c5_6e6f_7274_6873);

/// What is done with a shipment, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for it.
    Request,
    /// Claim stock for it.
    Allocate,
    /// Send it off.
    Dispatch,
    /// Receive all of it.
    Receive,
    /// Give it up; in place of the steps after [`Step::Request`].
    Cancel,
}

impl Step {
    /// The steps of a shipment that arrives.
    pub const WAY: [Self; 4] = [Self::Request, Self::Allocate, Self::Dispatch, Self::Receive];
}

/// One shipment.
#[derive(Clone, Debug)]
pub struct Trip {
    id: String,
    origin_id: &'static str,
    destination_id: &'static str,
    quantity: i64,
}

impl Trip {
    /// The trip of that number: every other one goes back, and quantities vary from 1 to 40.
    pub fn numbered(number: usize) -> Self {
        let (origin_id, destination_id) = if number.is_multiple_of(2) {
            (NORTH, SOUTH)
        } else {
            (SOUTH, NORTH)
        };
        let spread = number.wrapping_mul(2_654_435_761) >> 7;
        Self {
            id: format!("TRIP-{number}"),
            origin_id,
            destination_id,
            quantity: i64::try_from(spread % 40).unwrap_or_default() + 1,
        }
    }

    /// The id of the command that a step sends.
    pub fn command_id(&self, step: Step) -> String {
        Uuid::new_v5(&TRAFFIC, format!("{} {step:?}", self.id).as_bytes()).to_string()
    }

    /// Sends the command of a step; answers with its position.
    pub async fn take(&self, step: Step, clients: &mut Clients) -> Result<u64, Status> {
        let command_id = self.command_id(step);
        let shipment_id = self.id.clone();
        let shipments = &mut clients.shipments;
        Ok(match step {
            Step::Request => {
                let mut message = message::shipment(
                    &shipment_id,
                    self.origin_id,
                    self.destination_id,
                    MASK_A,
                    self.quantity,
                );
                message.command_id = command_id;
                shipments
                    .request_shipment(message::request(message))
                    .await?
                    .into_inner()
                    .position
            }
            Step::Allocate => {
                let message = AllocateShipmentRequest {
                    command_id,
                    shipment_id,
                    ..AllocateShipmentRequest::default()
                };
                shipments
                    .allocate_shipment(message::request(message))
                    .await?
                    .into_inner()
                    .position
            }
            Step::Dispatch => {
                let message = DispatchShipmentRequest {
                    command_id,
                    shipment_id,
                    custodian_id: CARRIER.to_owned(),
                    ..DispatchShipmentRequest::default()
                };
                shipments
                    .dispatch_shipment(message::request(message))
                    .await?
                    .into_inner()
                    .position
            }
            Step::Receive => {
                let message = ReceiveShipmentRequest {
                    command_id,
                    shipment_id,
                    ..ReceiveShipmentRequest::default()
                };
                shipments
                    .receive_shipment(message::request(message))
                    .await?
                    .into_inner()
                    .position
            }
            Step::Cancel => {
                let message = CancelShipmentRequest {
                    command_id,
                    shipment_id,
                    reason: CancellationReason::NoStock.into(),
                    ..CancelShipmentRequest::default()
                };
                shipments
                    .cancel_shipment(message::request(message))
                    .await?
                    .into_inner()
                    .position
            }
        })
    }
}
