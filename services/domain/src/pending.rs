use keruen_proto::Event;

use crate::*;

macro_rules! pending {
    ($($command:ty, $kind:ident, $id:ident;)*) => {$(
        impl Command for $command {
            fn reads(&self, _: &Books) -> Vec<Boundary> {
                vec![Boundary::$kind(self.$id.clone())]
            }
            fn decide(&self, _: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
                Err(Rejection::NoLines { field: "lines".to_owned() })
            }
            fn subject(&self, _: &Books) -> Option<Boundary> {
                None
            }
        }
    )*};
}
pending! {
    donation::PledgeDonation, Donation, donation_id;
    donation::ReceiveDonation, Donation, donation_id;
    donation::SpendDonatedMoney, Donation, donation_id;
    stock::AdjustStock, Batch, batch_id;
    stock::ConsumeStock, Item, item_id;
    stock::DisposeStock, Batch, batch_id;
    request::FileRequest, Request, request_id;
    request::ApproveRequest, Request, request_id;
    request::RejectRequest, Request, request_id;
    shipment::RequestShipment, Shipment, shipment_id;
    shipment::AllocateShipment, Shipment, shipment_id;
    shipment::DispatchShipment, Shipment, shipment_id;
    shipment::ReceiveShipment, Shipment, shipment_id;
    shipment::AcceptLossAct, Shipment, shipment_id;
    shipment::CancelShipment, Shipment, shipment_id;
}
