//! A node with sample data: the four services that the page reads, over a loopback socket.

mod donations;
pub mod sample;
mod shipments;

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt as _};
use keruen_proto::{
    Standing,
    events::v1::{
        GetCheckpointRequest, GetCheckpointResponse, GetCommandRequest, GetCommandResponse,
        GetConsistencyProofRequest, GetConsistencyProofResponse, GetInclusionProofRequest,
        GetInclusionProofResponse, GetLogHeadRequest, GetLogHeadResponse, ListEventsRequest,
        ListEventsResponse, SubscribeEventsRequest, SubscribeEventsResponse,
        event_service_server::{EventService, EventServiceServer},
    },
    registry::v1::{
        AmendCommodityRequest, AmendCommodityResponse, AmendCrewRequest, AmendCrewResponse,
        AmendFacilityRequest, AmendFacilityResponse, AmendItemRequest, AmendItemResponse,
        AmendOrganisationRequest, AmendOrganisationResponse, AmendVehicleRequest,
        AmendVehicleResponse, AmendVolunteerRequest, AmendVolunteerResponse,
        AssignFacilityRegionRequest, AssignFacilityRegionResponse, AssignVolunteerRequest,
        AssignVolunteerResponse, CloseFacilityRequest, CloseFacilityResponse,
        DepartMobileUnitRequest, DepartMobileUnitResponse, DeployMobileUnitRequest,
        DeployMobileUnitResponse, EndAssignmentRequest, EndAssignmentResponse,
        FindByExternalIdRequest, FindByExternalIdResponse, GetCommodityRequest,
        GetCommodityResponse, GetCrewRequest, GetCrewResponse, GetDutyRosterRequest,
        GetDutyRosterResponse, GetFacilityRequest, GetFacilityResponse, GetItemRequest,
        GetItemResponse, GetMobileUnitRequest, GetMobileUnitResponse, GetOrganisationRequest,
        GetOrganisationResponse, GetVehicleRequest, GetVehicleResponse, GetVolunteerRequest,
        GetVolunteerResponse, ListCommoditiesRequest, ListCommoditiesResponse, ListCrewsRequest,
        ListCrewsResponse, ListFacilitiesRequest, ListFacilitiesResponse, ListItemsRequest,
        ListItemsResponse, ListMobileUnitsRequest, ListMobileUnitsResponse,
        ListOrganisationsRequest, ListOrganisationsResponse, ListRegionsRequest,
        ListRegionsResponse, ListVehiclesRequest, ListVehiclesResponse, ListVolunteersRequest,
        ListVolunteersResponse, RegisterCommodityRequest, RegisterCommodityResponse,
        RegisterCrewRequest, RegisterCrewResponse, RegisterFacilityRequest,
        RegisterFacilityResponse, RegisterItemRequest, RegisterItemResponse,
        RegisterOrganisationRequest, RegisterOrganisationResponse, RegisterVehicleRequest,
        RegisterVehicleResponse, RegisterVolunteerRequest, RegisterVolunteerResponse,
        ReopenFacilityRequest, ReopenFacilityResponse, ReportThroughputRequest,
        ReportThroughputResponse, RetireCommodityRequest, RetireCommodityResponse,
        RetireCrewRequest, RetireCrewResponse, RetireFacilityRequest, RetireFacilityResponse,
        RetireItemRequest, RetireItemResponse, RetireOrganisationRequest,
        RetireOrganisationResponse, RetireVehicleRequest, RetireVehicleResponse,
        RetireVolunteerRequest, RetireVolunteerResponse, RevokeVerificationRequest,
        RevokeVerificationResponse, ScheduleMobileUnitRequest, ScheduleMobileUnitResponse,
        SetDutyRosterRequest, SetDutyRosterResponse, SetMinimumReserveRequest,
        SetMinimumReserveResponse, VerifyOrganisationRequest, VerifyOrganisationResponse,
        registry_service_server::{RegistryService, RegistryServiceServer},
    },
    shipments::v1::shipment_service_server::ShipmentServiceServer,
    stock::v1::{
        GetDonationCertificateRequest, GetDonationCertificateResponse, GetDonorBalanceRequest,
        GetDonorBalanceResponse, GetLotTraceRequest, GetLotTraceResponse, GetTraceRequest,
        GetTraceResponse, ListAssetsRequest, ListAssetsResponse, ListDonationsRequest,
        ListDonationsResponse, ListHeldStockRequest, ListHeldStockResponse, ListInboxRequest,
        ListInboxResponse, ListLiabilityRequest, ListLiabilityResponse, ListPlansRequest,
        ListPlansResponse, ListRecallsRequest, ListRecallsResponse, ListRequestsRequest,
        ListRequestsResponse, ListShipmentsRequest, ListShipmentsResponse, ListShortagesRequest,
        ListShortagesResponse, ListStockCountsRequest, ListStockCountsResponse, ListStockRequest,
        ListStockResponse, ListTripsRequest, ListTripsResponse, ListUnidentifiedGoodsRequest,
        ListUnidentifiedGoodsResponse, StockGroup, StockRow, get_trace_request,
        stock_service_server::{StockService, StockServiceServer},
    },
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_stream::wrappers::{TcpListenerStream, WatchStream};
use tonic::{
    Code, Request, Response, Status,
    transport::{Channel, Endpoint, Server},
};

use self::sample::Sample;

/// A running node; it ends when this is dropped.
pub struct Node {
    /// Leads to it.
    pub channel: Channel,
    /// Moves its log.
    pub position: watch::Sender<u64>,
    /// Makes it refuse every question with this code.
    pub refusal: watch::Sender<Option<Code>>,
    task: JoinHandle<()>,
}

impl Node {
    /// Starts a node that knows the sample.
    pub async fn start(sample: Sample) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let position = watch::Sender::new(sample.position);
        let refusal = watch::Sender::new(None);
        let served = Served {
            sample: Arc::new(sample),
            position: position.clone(),
            refusal: refusal.clone(),
        };
        let services = Server::builder()
            .add_service(RegistryServiceServer::new(served.clone()))
            .add_service(StockServiceServer::new(served.clone()))
            .add_service(ShipmentServiceServer::new(served.clone()))
            .add_service(EventServiceServer::new(served));
        let task = tokio::spawn(async move {
            services
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        let channel = Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect_lazy();
        Self {
            channel,
            position,
            refusal,
            task,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Served {
    sample: Arc<Sample>,
    position: watch::Sender<u64>,
    refusal: watch::Sender<Option<Code>>,
}

impl Served {
    fn position(&self) -> u64 {
        *self.position.borrow()
    }

    fn answer<T>(&self, answer: T) -> Result<Response<T>, Status> {
        match *self.refusal.borrow() {
            Some(code) => Err(Status::new(code, "refused by the test")),
            None => Ok(Response::new(answer)),
        }
    }
}

fn find<T: Clone>(all: &[T], is: impl Fn(&T) -> bool) -> Result<Option<T>, Status> {
    all.iter()
        .find(|one| is(one))
        .cloned()
        .map(Some)
        .ok_or_else(|| Status::not_found("no such code"))
}

fn not_read<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("the page does not ask this"))
}

#[tonic::async_trait]
impl RegistryService for Served {
    async fn list_regions(
        &self,
        _: Request<ListRegionsRequest>,
    ) -> Result<Response<ListRegionsResponse>, Status> {
        self.answer(ListRegionsResponse {
            regions: self.sample.regions.clone(),
        })
    }

    async fn get_organisation(
        &self,
        request: Request<GetOrganisationRequest>,
    ) -> Result<Response<GetOrganisationResponse>, Status> {
        let id = request.into_inner().organisation_id;
        let organisation = find(&self.sample.organisations, |one| one.organisation_id == id)?;
        self.answer(GetOrganisationResponse {
            organisation,
            position: self.position(),
        })
    }

    async fn get_facility(
        &self,
        request: Request<GetFacilityRequest>,
    ) -> Result<Response<GetFacilityResponse>, Status> {
        let id = request.into_inner().facility_id;
        let facility = find(&self.sample.facilities, |one| one.facility_id == id)?;
        self.answer(GetFacilityResponse {
            facility,
            position: self.position(),
        })
    }

    async fn get_item(
        &self,
        request: Request<GetItemRequest>,
    ) -> Result<Response<GetItemResponse>, Status> {
        let id = request.into_inner().item_id;
        let item = find(&self.sample.items, |one| one.item_id == id)?;
        self.answer(GetItemResponse {
            item,
            position: self.position(),
        })
    }

    async fn get_commodity(
        &self,
        request: Request<GetCommodityRequest>,
    ) -> Result<Response<GetCommodityResponse>, Status> {
        let id = request.into_inner().commodity_id;
        let commodity = find(&self.sample.commodities, |one| one.commodity_id == id)?;
        self.answer(GetCommodityResponse {
            commodity,
            position: self.position(),
        })
    }

    async fn list_commodities(
        &self,
        _: Request<ListCommoditiesRequest>,
    ) -> Result<Response<ListCommoditiesResponse>, Status> {
        self.answer(ListCommoditiesResponse {
            commodities: self.sample.commodities.clone(),
            next_page_token: String::new(),
            position: self.position(),
        })
    }

    async fn verify_organisation(
        &self,
        _: Request<VerifyOrganisationRequest>,
    ) -> Result<Response<VerifyOrganisationResponse>, Status> {
        not_read()
    }

    async fn revoke_verification(
        &self,
        _: Request<RevokeVerificationRequest>,
    ) -> Result<Response<RevokeVerificationResponse>, Status> {
        not_read()
    }

    async fn find_by_external_id(
        &self,
        _: Request<FindByExternalIdRequest>,
    ) -> Result<Response<FindByExternalIdResponse>, Status> {
        not_read()
    }

    async fn set_duty_roster(
        &self,
        _: Request<SetDutyRosterRequest>,
    ) -> Result<Response<SetDutyRosterResponse>, Status> {
        not_read()
    }

    async fn get_duty_roster(
        &self,
        _: Request<GetDutyRosterRequest>,
    ) -> Result<Response<GetDutyRosterResponse>, Status> {
        not_read()
    }

    async fn deploy_mobile_unit(
        &self,
        _: Request<DeployMobileUnitRequest>,
    ) -> Result<Response<DeployMobileUnitResponse>, Status> {
        not_read()
    }

    async fn depart_mobile_unit(
        &self,
        _: Request<DepartMobileUnitRequest>,
    ) -> Result<Response<DepartMobileUnitResponse>, Status> {
        not_read()
    }

    async fn schedule_mobile_unit(
        &self,
        _: Request<ScheduleMobileUnitRequest>,
    ) -> Result<Response<ScheduleMobileUnitResponse>, Status> {
        not_read()
    }

    async fn report_throughput(
        &self,
        _: Request<ReportThroughputRequest>,
    ) -> Result<Response<ReportThroughputResponse>, Status> {
        not_read()
    }

    async fn get_mobile_unit(
        &self,
        _: Request<GetMobileUnitRequest>,
    ) -> Result<Response<GetMobileUnitResponse>, Status> {
        not_read()
    }

    async fn list_mobile_units(
        &self,
        _: Request<ListMobileUnitsRequest>,
    ) -> Result<Response<ListMobileUnitsResponse>, Status> {
        not_read()
    }

    async fn register_organisation(
        &self,
        _: Request<RegisterOrganisationRequest>,
    ) -> Result<Response<RegisterOrganisationResponse>, Status> {
        not_read()
    }

    async fn list_organisations(
        &self,
        _: Request<ListOrganisationsRequest>,
    ) -> Result<Response<ListOrganisationsResponse>, Status> {
        not_read()
    }

    async fn register_facility(
        &self,
        _: Request<RegisterFacilityRequest>,
    ) -> Result<Response<RegisterFacilityResponse>, Status> {
        not_read()
    }

    async fn list_facilities(
        &self,
        _: Request<ListFacilitiesRequest>,
    ) -> Result<Response<ListFacilitiesResponse>, Status> {
        not_read()
    }

    async fn register_commodity(
        &self,
        _: Request<RegisterCommodityRequest>,
    ) -> Result<Response<RegisterCommodityResponse>, Status> {
        not_read()
    }

    async fn register_item(
        &self,
        _: Request<RegisterItemRequest>,
    ) -> Result<Response<RegisterItemResponse>, Status> {
        not_read()
    }

    async fn list_items(
        &self,
        _: Request<ListItemsRequest>,
    ) -> Result<Response<ListItemsResponse>, Status> {
        not_read()
    }

    async fn amend_organisation(
        &self,
        _: Request<AmendOrganisationRequest>,
    ) -> Result<Response<AmendOrganisationResponse>, Status> {
        not_read()
    }

    async fn retire_organisation(
        &self,
        _: Request<RetireOrganisationRequest>,
    ) -> Result<Response<RetireOrganisationResponse>, Status> {
        not_read()
    }

    async fn amend_facility(
        &self,
        _: Request<AmendFacilityRequest>,
    ) -> Result<Response<AmendFacilityResponse>, Status> {
        not_read()
    }

    async fn assign_facility_region(
        &self,
        _: Request<AssignFacilityRegionRequest>,
    ) -> Result<Response<AssignFacilityRegionResponse>, Status> {
        not_read()
    }

    async fn close_facility(
        &self,
        _: Request<CloseFacilityRequest>,
    ) -> Result<Response<CloseFacilityResponse>, Status> {
        not_read()
    }

    async fn reopen_facility(
        &self,
        _: Request<ReopenFacilityRequest>,
    ) -> Result<Response<ReopenFacilityResponse>, Status> {
        not_read()
    }

    async fn set_minimum_reserve(
        &self,
        _: Request<SetMinimumReserveRequest>,
    ) -> Result<Response<SetMinimumReserveResponse>, Status> {
        not_read()
    }

    async fn retire_facility(
        &self,
        _: Request<RetireFacilityRequest>,
    ) -> Result<Response<RetireFacilityResponse>, Status> {
        not_read()
    }

    async fn amend_commodity(
        &self,
        _: Request<AmendCommodityRequest>,
    ) -> Result<Response<AmendCommodityResponse>, Status> {
        not_read()
    }

    async fn retire_commodity(
        &self,
        _: Request<RetireCommodityRequest>,
    ) -> Result<Response<RetireCommodityResponse>, Status> {
        not_read()
    }

    async fn amend_item(
        &self,
        _: Request<AmendItemRequest>,
    ) -> Result<Response<AmendItemResponse>, Status> {
        not_read()
    }

    async fn retire_item(
        &self,
        _: Request<RetireItemRequest>,
    ) -> Result<Response<RetireItemResponse>, Status> {
        not_read()
    }

    async fn register_vehicle(
        &self,
        _: Request<RegisterVehicleRequest>,
    ) -> Result<Response<RegisterVehicleResponse>, Status> {
        not_read()
    }

    async fn amend_vehicle(
        &self,
        _: Request<AmendVehicleRequest>,
    ) -> Result<Response<AmendVehicleResponse>, Status> {
        not_read()
    }

    async fn retire_vehicle(
        &self,
        _: Request<RetireVehicleRequest>,
    ) -> Result<Response<RetireVehicleResponse>, Status> {
        not_read()
    }

    async fn get_vehicle(
        &self,
        _: Request<GetVehicleRequest>,
    ) -> Result<Response<GetVehicleResponse>, Status> {
        not_read()
    }

    async fn list_vehicles(
        &self,
        _: Request<ListVehiclesRequest>,
    ) -> Result<Response<ListVehiclesResponse>, Status> {
        not_read()
    }

    async fn register_volunteer(
        &self,
        _: Request<RegisterVolunteerRequest>,
    ) -> Result<Response<RegisterVolunteerResponse>, Status> {
        not_read()
    }

    async fn amend_volunteer(
        &self,
        _: Request<AmendVolunteerRequest>,
    ) -> Result<Response<AmendVolunteerResponse>, Status> {
        not_read()
    }

    async fn retire_volunteer(
        &self,
        _: Request<RetireVolunteerRequest>,
    ) -> Result<Response<RetireVolunteerResponse>, Status> {
        not_read()
    }

    async fn get_volunteer(
        &self,
        _: Request<GetVolunteerRequest>,
    ) -> Result<Response<GetVolunteerResponse>, Status> {
        not_read()
    }

    async fn list_volunteers(
        &self,
        _: Request<ListVolunteersRequest>,
    ) -> Result<Response<ListVolunteersResponse>, Status> {
        not_read()
    }

    async fn register_crew(
        &self,
        _: Request<RegisterCrewRequest>,
    ) -> Result<Response<RegisterCrewResponse>, Status> {
        not_read()
    }

    async fn amend_crew(
        &self,
        _: Request<AmendCrewRequest>,
    ) -> Result<Response<AmendCrewResponse>, Status> {
        not_read()
    }

    async fn retire_crew(
        &self,
        _: Request<RetireCrewRequest>,
    ) -> Result<Response<RetireCrewResponse>, Status> {
        not_read()
    }

    async fn get_crew(
        &self,
        _: Request<GetCrewRequest>,
    ) -> Result<Response<GetCrewResponse>, Status> {
        not_read()
    }

    async fn list_crews(
        &self,
        _: Request<ListCrewsRequest>,
    ) -> Result<Response<ListCrewsResponse>, Status> {
        not_read()
    }

    async fn assign_volunteer(
        &self,
        _: Request<AssignVolunteerRequest>,
    ) -> Result<Response<AssignVolunteerResponse>, Status> {
        not_read()
    }

    async fn end_assignment(
        &self,
        _: Request<EndAssignmentRequest>,
    ) -> Result<Response<EndAssignmentResponse>, Status> {
        not_read()
    }
}

#[tonic::async_trait]
impl StockService for Served {
    async fn list_stock(
        &self,
        request: Request<ListStockRequest>,
    ) -> Result<Response<ListStockResponse>, Status> {
        let request = request.into_inner();
        let stock = self.sample.stock.iter();
        let stock = stock.filter(|row| {
            request.commodity_id.is_empty() || row.commodity_id == request.commodity_id
        });
        let rows = if request.group_by == [i32::from(StockGroup::Region)] {
            stock
                .map(|row| StockRow {
                    commodity_id: String::new(),
                    ..row.clone()
                })
                .collect()
        } else {
            assert_eq!(request.group_by, [i32::from(StockGroup::Commodity)]);
            stock.fold(Vec::new(), add_to_commodity)
        };
        self.answer(ListStockResponse {
            rows,
            position: self.position(),
            next_page_token: String::new(),
            untold_counters: self.sample.untold_counters.clone(),
            ..ListStockResponse::default()
        })
    }

    async fn get_trace(
        &self,
        request: Request<GetTraceRequest>,
    ) -> Result<Response<GetTraceResponse>, Status> {
        let Some(get_trace_request::Subject::DonationId(id)) = request.into_inner().subject else {
            return not_read();
        };
        let trace = find(&self.sample.traces, |trace| {
            trace
                .donation
                .as_ref()
                .is_some_and(|donation| donation.donation_id == id)
        })?;
        self.answer(GetTraceResponse {
            position: self.position(),
            ..trace.unwrap_or_default()
        })
    }

    async fn list_donations(
        &self,
        _: Request<ListDonationsRequest>,
    ) -> Result<Response<ListDonationsResponse>, Status> {
        self.answer(ListDonationsResponse {
            donations: self
                .sample
                .traces
                .iter()
                .filter_map(|trace| trace.donation.clone())
                .collect(),
            next_page_token: String::new(),
            position: self.position(),
        })
    }

    async fn get_donor_balance(
        &self,
        _: Request<GetDonorBalanceRequest>,
    ) -> Result<Response<GetDonorBalanceResponse>, Status> {
        not_read()
    }

    async fn get_donation_certificate(
        &self,
        _: Request<GetDonationCertificateRequest>,
    ) -> Result<Response<GetDonationCertificateResponse>, Status> {
        not_read()
    }

    async fn list_requests(
        &self,
        request: Request<ListRequestsRequest>,
    ) -> Result<Response<ListRequestsResponse>, Status> {
        assert!(
            request.into_inner().open_only,
            "the page shows open requests"
        );
        let mut answer = self.answer(ListRequestsResponse {
            rows: self.sample.requests.clone(),
            next_page_token: self.sample.requests_token.clone(),
            position: self.position(),
        })?;
        for (key, value) in self.sample.standing.iter().flat_map(Standing::entries) {
            answer.metadata_mut().insert(key, value);
        }
        Ok(answer)
    }

    async fn list_inbox(
        &self,
        _: Request<ListInboxRequest>,
    ) -> Result<Response<ListInboxResponse>, Status> {
        not_read()
    }

    async fn list_shortages(
        &self,
        _: Request<ListShortagesRequest>,
    ) -> Result<Response<ListShortagesResponse>, Status> {
        not_read()
    }

    async fn list_held_stock(
        &self,
        _: Request<ListHeldStockRequest>,
    ) -> Result<Response<ListHeldStockResponse>, Status> {
        not_read()
    }

    async fn list_recalls(
        &self,
        _: Request<ListRecallsRequest>,
    ) -> Result<Response<ListRecallsResponse>, Status> {
        not_read()
    }

    async fn list_stock_counts(
        &self,
        _: Request<ListStockCountsRequest>,
    ) -> Result<Response<ListStockCountsResponse>, Status> {
        not_read()
    }

    async fn list_unidentified_goods(
        &self,
        _: Request<ListUnidentifiedGoodsRequest>,
    ) -> Result<Response<ListUnidentifiedGoodsResponse>, Status> {
        not_read()
    }

    async fn list_assets(
        &self,
        _: Request<ListAssetsRequest>,
    ) -> Result<Response<ListAssetsResponse>, Status> {
        not_read()
    }

    async fn list_liability(
        &self,
        _: Request<ListLiabilityRequest>,
    ) -> Result<Response<ListLiabilityResponse>, Status> {
        not_read()
    }

    async fn list_trips(
        &self,
        _: Request<ListTripsRequest>,
    ) -> Result<Response<ListTripsResponse>, Status> {
        not_read()
    }

    async fn list_plans(
        &self,
        _: Request<ListPlansRequest>,
    ) -> Result<Response<ListPlansResponse>, Status> {
        not_read()
    }

    async fn list_shipments(
        &self,
        _: Request<ListShipmentsRequest>,
    ) -> Result<Response<ListShipmentsResponse>, Status> {
        not_read()
    }

    async fn get_lot_trace(
        &self,
        _: Request<GetLotTraceRequest>,
    ) -> Result<Response<GetLotTraceResponse>, Status> {
        not_read()
    }
}

fn add_to_commodity(mut totals: Vec<StockRow>, row: &StockRow) -> Vec<StockRow> {
    match totals
        .iter_mut()
        .find(|total| total.commodity_id == row.commodity_id)
    {
        Some(total) => total.received += row.received,
        None => totals.push(StockRow {
            commodity_id: row.commodity_id.clone(),
            received: row.received,
            ..Default::default()
        }),
    }
    totals
}

#[tonic::async_trait]
impl EventService for Served {
    async fn get_command(
        &self,
        _: Request<GetCommandRequest>,
    ) -> Result<Response<GetCommandResponse>, Status> {
        not_read()
    }

    async fn list_events(
        &self,
        _: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        not_read()
    }

    type SubscribeEventsStream =
        Pin<Box<dyn Stream<Item = Result<SubscribeEventsResponse, Status>> + Send>>;

    async fn subscribe_events(
        &self,
        _: Request<SubscribeEventsRequest>,
    ) -> Result<Response<Self::SubscribeEventsStream>, Status> {
        let positions = WatchStream::new(self.position.subscribe());
        let refusals = self.refusal.subscribe();
        let messages = positions.map(move |position| match *refusals.borrow() {
            Some(code) => Err(Status::new(code, "refused by the test")),
            None => Ok(SubscribeEventsResponse {
                event: None,
                position,
            }),
        });
        self.answer(Box::pin(messages))
    }

    async fn get_log_head(
        &self,
        _: Request<GetLogHeadRequest>,
    ) -> Result<Response<GetLogHeadResponse>, Status> {
        let (log_id, root_hash) = (vec![1; 16], vec![2; 32]);
        self.answer(GetLogHeadResponse {
            log_id,
            position: self.position(),
            root_hash,
        })
    }

    async fn get_checkpoint(
        &self,
        _: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        not_read()
    }

    async fn get_inclusion_proof(
        &self,
        _: Request<GetInclusionProofRequest>,
    ) -> Result<Response<GetInclusionProofResponse>, Status> {
        not_read()
    }

    async fn get_consistency_proof(
        &self,
        _: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<GetConsistencyProofResponse>, Status> {
        not_read()
    }
}
