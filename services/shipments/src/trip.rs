//! The gRPC service of trips.

use std::sync::Arc;

use keruen_domain::Boundary;
use keruen_edge::{Desk, Fields};
use keruen_proto::shipments::v1::{
    CancelTripRequest, CancelTripResponse, CompleteTripRequest, CompleteTripResponse,
    DepartTripRequest, DepartTripResponse, GetTripRequest, GetTripResponse, LoadShipmentRequest,
    LoadShipmentResponse, PlanTripRequest, PlanTripResponse, ReachStopRequest, ReachStopResponse,
    ReportBreakdownRequest, ReportBreakdownResponse, ResumeTripRequest, ResumeTripResponse,
    UnloadShipmentRequest, UnloadShipmentResponse,
    trip_service_server::{TripService, TripServiceServer},
};
use tonic::{Request, Response, Status};

use crate::parse::trip;

/// Trips, behind gRPC.
pub struct TripEndpoint {
    desk: Arc<Desk>,
}

impl TripEndpoint {
    /// A tonic service that carries out its commands at `desk`.
    pub fn service(desk: Arc<Desk>) -> TripServiceServer<Self> {
        TripServiceServer::new(Self { desk })
    }
}

macro_rules! commands {
    ($($method:ident($request:ident) -> $response:ident = $parse:path;)*) => {
        #[tonic::async_trait]
        impl TripService for TripEndpoint {
            $(async fn $method(
                &self,
                request: Request<$request>,
            ) -> Result<Response<$response>, Status> {
                let (trip, position) = self.desk.carry_out(request, $parse).await?;
                Ok(Response::new($response {
                    trip: Some(trip),
                    position,
                }))
            })*

            async fn get_trip(
                &self,
                request: Request<GetTripRequest>,
            ) -> Result<Response<GetTripResponse>, Status> {
                let mut fields = Fields::of_query();
                let id = fields.code("trip_id", &request.get_ref().trip_id);
                let boundary = Boundary::Trip(fields.finish(id)?);
                let (trip, position) = self.desk.view_existing(&boundary).await?;
                Ok(Response::new(GetTripResponse {
                    trip: Some(trip),
                    position,
                }))
            }
        }
    };
}

commands! {
    plan_trip(PlanTripRequest) -> PlanTripResponse = trip::plan;
    load_shipment(LoadShipmentRequest) -> LoadShipmentResponse = trip::load;
    unload_shipment(UnloadShipmentRequest) -> UnloadShipmentResponse = trip::unload;
    depart_trip(DepartTripRequest) -> DepartTripResponse = trip::depart;
    reach_stop(ReachStopRequest) -> ReachStopResponse = trip::reach;
    report_breakdown(ReportBreakdownRequest) -> ReportBreakdownResponse = trip::break_down;
    resume_trip(ResumeTripRequest) -> ResumeTripResponse = trip::resume;
    complete_trip(CompleteTripRequest) -> CompleteTripResponse = trip::complete;
    cancel_trip(CancelTripRequest) -> CancelTripResponse = trip::cancel;
}
