//! The one table of all RPCs: the verb, the request and the answer of each, and how it is called.

use std::future::Future;

use futures::future::BoxFuture;
use keruen_proto::{
    Mutation, events::v1 as events, inventory::v1 as inventory, projections::v1 as projections,
    registry::v1 as registry, reports::v1 as reports, requests::v1 as requests,
    shipments::v1 as shipments, stock::v1 as stock,
};
use pbjson_types::Timestamp;
use serde::Serialize;
use tonic::{Request, Response, Status, transport::Channel};

use crate::{
    client::{failure::Failure, session::Session},
    render::record::Record,
};

/// A page of events may hold this much; anything larger is refused by the client.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// An RPC and the verb that calls it.
#[cfg(test)]
#[derive(Debug)]
pub struct Method {
    /// Full name, for example `keruen.stock.v1.StockService/GetTrace`.
    pub name: &'static str,
    /// The verb without `keruen`, for example `donation pledge`.
    pub verb: &'static str,
}

/// A request that has one answer.
pub trait Call: prost::Message + Default + Clone + 'static {
    /// The answer.
    type Answer: prost::Message + Serialize;

    /// Calls the RPC.
    fn call(
        channel: Channel,
        request: Request<Self>,
    ) -> impl Future<Output = Result<Response<Self::Answer>, Status>> + Send;
}

/// A request that changes something.
pub trait Change: Call + Mutation + Serialize + serde::de::DeserializeOwned {
    /// Sets the fields that all mutations share; what is `None` stays as it is.
    fn stamp(&mut self, stamp: Stamp);
}

/// The fields that all mutations share.
#[derive(Clone, Debug, Default)]
pub struct Stamp {
    /// UUID of the command.
    pub command_id: String,
    /// When the fact happened.
    pub occurred_at: Option<Timestamp>,
    /// A `keruen.log.v1.TimePrecision`.
    pub precision: Option<i32>,
    /// Decide and answer, but record nothing.
    pub validate_only: bool,
}

/// A kind of command, as it waits in the outbox.
pub struct Repeatable {
    /// Full protobuf name of the request.
    pub request_type: &'static str,
    /// The verb without `keruen`.
    pub verb: &'static str,
    /// Sends a request, given as protobuf JSON, and answers with the position at which it is recorded.
    pub send: for<'a> fn(&'a Session, serde_json::Value) -> BoxFuture<'a, Result<u64, Failure>>,
}

/// The kind of command with such a request; `None` where this version has none.
pub fn repeatable(request_type: &str) -> Option<&'static Repeatable> {
    REPEATABLES
        .iter()
        .flatten()
        .find(|it| it.request_type == request_type)
}

fn send<R: Change<Answer: Shows>>(
    session: &Session,
    request: serde_json::Value,
) -> BoxFuture<'_, Result<u64, Failure>> {
    Box::pin(async move {
        let request: R = serde_json::from_value(request)
            .map_err(|error| Failure::Usage(format!("this is not its request: {error}")))?;
        let (_, position) = session.tell(request).await?.into_parts();
        Ok(position)
    })
}

/// An answer that shows one resource.
pub trait Shows {
    /// The resource.
    type Record: Record;
    /// The resource, and the position that the answer names.
    fn into_parts(self) -> (Option<Self::Record>, u64);
}

/// A request for a page of a list.
pub trait Paged: Call<Answer: Page<Record = Self::Record>> {
    /// What is listed.
    type Record: Record;
    /// The largest page.
    const MAX_PAGE_SIZE: i32;
    /// Asks for a page.
    fn page(&mut self, size: i32, token: String);
}

/// A page of a list.
pub trait Page {
    /// What is listed.
    type Record;
    /// The rows, the token of the next page, and the position that the answer reflects.
    fn into_parts(self) -> (Vec<Self::Record>, String, u64);
}

macro_rules! kind {
    (change $request:path, $answer:path, $field:ident: $record:path) => {
        kind!(show $request, $answer, $field: $record);
        kind!(change_only $request, $answer, $field: $record);
    };
    (change_only $request:path, $answer:path, $field:ident: $record:path) => {
        impl Change for $request {
            fn stamp(&mut self, stamp: Stamp) {
                self.command_id = stamp.command_id;
                self.validate_only |= stamp.validate_only;
                if stamp.occurred_at.is_some() {
                    self.occurred_at = stamp.occurred_at;
                }
                if let Some(precision) = stamp.precision {
                    self.occurred_at_precision = precision;
                }
            }
        }
    };
    (show $request:path, $answer:path, $field:ident: $record:path) => {
        impl Shows for $answer {
            type Record = $record;
            fn into_parts(self) -> (Option<$record>, u64) {
                (self.$field, self.position)
            }
        }
    };
    (list $request:path, $answer:path, $field:ident: $record:path) => {
        kind!(list 1_000, $request, $answer, $field: $record);
    };
    (list_large $request:path, $answer:path, $field:ident: $record:path) => {
        kind!(list 10_000, $request, $answer, $field: $record);
    };
    (list $max:literal, $request:path, $answer:path, $field:ident: $record:path) => {
        impl Paged for $request {
            type Record = $record;
            const MAX_PAGE_SIZE: i32 = $max;
            fn page(&mut self, size: i32, token: String) {
                self.page_size = size;
                self.page_token = token;
            }
        }
        impl Page for $answer {
            type Record = $record;
            fn into_parts(self) -> (Vec<$record>, String, u64) {
                (self.$field, self.next_page_token, self.position)
            }
        }
    };
    (plain $request:path, $answer:path, $field:ident: $record:path) => {};
}

macro_rules! repeatable {
    (change $verb:literal $request:path) => {
        Some(Repeatable {
            request_type: <$request as Mutation>::TYPE,
            verb: $verb,
            send: send::<$request>,
        })
    };
    ($kind:ident $verb:literal $request:path) => {
        None
    };
}

macro_rules! rpcs {
    ($(
        $service:literal $client:path {
            $($verb:literal $rpc:literal $method:ident $kind:ident
              $request:path => $answer:path { $field:ident: $record:path })*
        }
    )*) => {
        /// All RPCs, with their verbs.
        #[cfg(test)]
        pub const METHODS: &[Method] = &[
            $($(Method { name: concat!($service, "/", $rpc), verb: $verb },)*)*
            Method { name: "keruen.events.v1.EventService/SubscribeEvents", verb: "events" },
        ];

        static REPEATABLES: &[Option<Repeatable>] = &[$($(repeatable!($kind $verb $request),)*)*];

        $($(
            impl Call for $request {
                type Answer = $answer;
                async fn call(channel: Channel, request: Request<Self>) -> Result<Response<$answer>, Status> {
                    type Client = $client;
                    Client::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES).$method(request).await
                }
            }
            kind!($kind $request, $answer, $field: $record);
        )*)*
    };
}

type RegistryClient = registry::registry_service_client::RegistryServiceClient<Channel>;
type InventoryClient = inventory::inventory_service_client::InventoryServiceClient<Channel>;
type AssetClient = inventory::asset_service_client::AssetServiceClient<Channel>;
type EmergencyClient = requests::emergency_service_client::EmergencyServiceClient<Channel>;
type PlanClient = requests::plan_service_client::PlanServiceClient<Channel>;
type RequestClient = requests::request_service_client::RequestServiceClient<Channel>;
type ShipmentClient = shipments::shipment_service_client::ShipmentServiceClient<Channel>;
type CustodyClient = shipments::custody_service_client::CustodyServiceClient<Channel>;
type TripClient = shipments::trip_service_client::TripServiceClient<Channel>;
type StockClient = stock::stock_service_client::StockServiceClient<Channel>;
type ReportClient = reports::report_service_client::ReportServiceClient<Channel>;
type ProjectionClient = projections::projection_service_client::ProjectionServiceClient<Channel>;
type EventClient = events::event_service_client::EventServiceClient<Channel>;

rpcs! {
    "keruen.registry.v1.RegistryService" RegistryClient {
        "region list" "ListRegions" list_regions plain
            registry::ListRegionsRequest => registry::ListRegionsResponse { regions: registry::Region }
        "organisation register" "RegisterOrganisation" register_organisation change
            registry::RegisterOrganisationRequest => registry::RegisterOrganisationResponse { organisation: registry::Organisation }
        "organisation amend" "AmendOrganisation" amend_organisation change
            registry::AmendOrganisationRequest => registry::AmendOrganisationResponse { organisation: registry::Organisation }
        "organisation retire" "RetireOrganisation" retire_organisation change
            registry::RetireOrganisationRequest => registry::RetireOrganisationResponse { organisation: registry::Organisation }
        "organisation verify" "VerifyOrganisation" verify_organisation change
            registry::VerifyOrganisationRequest => registry::VerifyOrganisationResponse { organisation: registry::Organisation }
        "organisation revoke-verification" "RevokeVerification" revoke_verification change
            registry::RevokeVerificationRequest => registry::RevokeVerificationResponse { organisation: registry::Organisation }
        "organisation get" "GetOrganisation" get_organisation show
            registry::GetOrganisationRequest => registry::GetOrganisationResponse { organisation: registry::Organisation }
        "organisation list" "ListOrganisations" list_organisations list
            registry::ListOrganisationsRequest => registry::ListOrganisationsResponse { organisations: registry::Organisation }
        "facility register" "RegisterFacility" register_facility change
            registry::RegisterFacilityRequest => registry::RegisterFacilityResponse { facility: registry::Facility }
        "facility amend" "AmendFacility" amend_facility change
            registry::AmendFacilityRequest => registry::AmendFacilityResponse { facility: registry::Facility }
        "facility assign-region" "AssignFacilityRegion" assign_facility_region change
            registry::AssignFacilityRegionRequest => registry::AssignFacilityRegionResponse { facility: registry::Facility }
        "facility close" "CloseFacility" close_facility change
            registry::CloseFacilityRequest => registry::CloseFacilityResponse { facility: registry::Facility }
        "facility reopen" "ReopenFacility" reopen_facility change
            registry::ReopenFacilityRequest => registry::ReopenFacilityResponse { facility: registry::Facility }
        "facility set-reserve" "SetMinimumReserve" set_minimum_reserve change
            registry::SetMinimumReserveRequest => registry::SetMinimumReserveResponse { facility: registry::Facility }
        "facility retire" "RetireFacility" retire_facility change
            registry::RetireFacilityRequest => registry::RetireFacilityResponse { facility: registry::Facility }
        "facility get" "GetFacility" get_facility show
            registry::GetFacilityRequest => registry::GetFacilityResponse { facility: registry::Facility }
        "facility list" "ListFacilities" list_facilities list
            registry::ListFacilitiesRequest => registry::ListFacilitiesResponse { facilities: registry::Facility }
        "duty set" "SetDutyRoster" set_duty_roster change
            registry::SetDutyRosterRequest => registry::SetDutyRosterResponse { duty_roster: registry::DutyRoster }
        "duty get" "GetDutyRoster" get_duty_roster show
            registry::GetDutyRosterRequest => registry::GetDutyRosterResponse { duty_roster: registry::DutyRoster }
        "mobile-unit deploy" "DeployMobileUnit" deploy_mobile_unit change
            registry::DeployMobileUnitRequest => registry::DeployMobileUnitResponse { mobile_unit: registry::MobileUnit }
        "mobile-unit depart" "DepartMobileUnit" depart_mobile_unit change
            registry::DepartMobileUnitRequest => registry::DepartMobileUnitResponse { mobile_unit: registry::MobileUnit }
        "mobile-unit schedule" "ScheduleMobileUnit" schedule_mobile_unit change
            registry::ScheduleMobileUnitRequest => registry::ScheduleMobileUnitResponse { mobile_unit: registry::MobileUnit }
        "mobile-unit report" "ReportThroughput" report_throughput change
            registry::ReportThroughputRequest => registry::ReportThroughputResponse { mobile_unit: registry::MobileUnit }
        "mobile-unit get" "GetMobileUnit" get_mobile_unit show
            registry::GetMobileUnitRequest => registry::GetMobileUnitResponse { row: registry::MobileUnitRow }
        "mobile-unit list" "ListMobileUnits" list_mobile_units list
            registry::ListMobileUnitsRequest => registry::ListMobileUnitsResponse { rows: registry::MobileUnitRow }
        "commodity register" "RegisterCommodity" register_commodity change
            registry::RegisterCommodityRequest => registry::RegisterCommodityResponse { commodity: registry::Commodity }
        "commodity amend" "AmendCommodity" amend_commodity change
            registry::AmendCommodityRequest => registry::AmendCommodityResponse { commodity: registry::Commodity }
        "commodity retire" "RetireCommodity" retire_commodity change
            registry::RetireCommodityRequest => registry::RetireCommodityResponse { commodity: registry::Commodity }
        "commodity get" "GetCommodity" get_commodity show
            registry::GetCommodityRequest => registry::GetCommodityResponse { commodity: registry::Commodity }
        "commodity list" "ListCommodities" list_commodities list
            registry::ListCommoditiesRequest => registry::ListCommoditiesResponse { commodities: registry::Commodity }
        "item register" "RegisterItem" register_item change
            registry::RegisterItemRequest => registry::RegisterItemResponse { item: registry::Item }
        "item amend" "AmendItem" amend_item change
            registry::AmendItemRequest => registry::AmendItemResponse { item: registry::Item }
        "item retire" "RetireItem" retire_item change
            registry::RetireItemRequest => registry::RetireItemResponse { item: registry::Item }
        "item get" "GetItem" get_item show
            registry::GetItemRequest => registry::GetItemResponse { item: registry::Item }
        "item list" "ListItems" list_items list
            registry::ListItemsRequest => registry::ListItemsResponse { items: registry::Item }
        "vehicle register" "RegisterVehicle" register_vehicle change
            registry::RegisterVehicleRequest => registry::RegisterVehicleResponse { vehicle: registry::Vehicle }
        "vehicle amend" "AmendVehicle" amend_vehicle change
            registry::AmendVehicleRequest => registry::AmendVehicleResponse { vehicle: registry::Vehicle }
        "vehicle retire" "RetireVehicle" retire_vehicle change
            registry::RetireVehicleRequest => registry::RetireVehicleResponse { vehicle: registry::Vehicle }
        "vehicle get" "GetVehicle" get_vehicle show
            registry::GetVehicleRequest => registry::GetVehicleResponse { vehicle: registry::Vehicle }
        "vehicle list" "ListVehicles" list_vehicles list
            registry::ListVehiclesRequest => registry::ListVehiclesResponse { vehicles: registry::Vehicle }
        "volunteer register" "RegisterVolunteer" register_volunteer change
            registry::RegisterVolunteerRequest => registry::RegisterVolunteerResponse { volunteer: registry::Volunteer }
        "volunteer amend" "AmendVolunteer" amend_volunteer change
            registry::AmendVolunteerRequest => registry::AmendVolunteerResponse { volunteer: registry::Volunteer }
        "volunteer retire" "RetireVolunteer" retire_volunteer change
            registry::RetireVolunteerRequest => registry::RetireVolunteerResponse { volunteer: registry::Volunteer }
        "volunteer get" "GetVolunteer" get_volunteer show
            registry::GetVolunteerRequest => registry::GetVolunteerResponse { volunteer: registry::Volunteer }
        "volunteer list" "ListVolunteers" list_volunteers list
            registry::ListVolunteersRequest => registry::ListVolunteersResponse { volunteers: registry::Volunteer }
        "crew register" "RegisterCrew" register_crew change
            registry::RegisterCrewRequest => registry::RegisterCrewResponse { crew: registry::Crew }
        "crew amend" "AmendCrew" amend_crew change
            registry::AmendCrewRequest => registry::AmendCrewResponse { crew: registry::Crew }
        "crew retire" "RetireCrew" retire_crew change
            registry::RetireCrewRequest => registry::RetireCrewResponse { crew: registry::Crew }
        "crew get" "GetCrew" get_crew show
            registry::GetCrewRequest => registry::GetCrewResponse { crew: registry::Crew }
        "crew list" "ListCrews" list_crews list
            registry::ListCrewsRequest => registry::ListCrewsResponse { crews: registry::Crew }
        "volunteer assign" "AssignVolunteer" assign_volunteer change
            registry::AssignVolunteerRequest => registry::AssignVolunteerResponse { volunteer: registry::Volunteer }
        "volunteer end-assignment" "EndAssignment" end_assignment change
            registry::EndAssignmentRequest => registry::EndAssignmentResponse { volunteer: registry::Volunteer }
        "find" "FindByExternalId" find_by_external_id plain
            registry::FindByExternalIdRequest => registry::FindByExternalIdResponse { matches: registry::ExternalIdMatch }
    }
    "keruen.inventory.v1.InventoryService" InventoryClient {
        "donation pledge" "PledgeDonation" pledge_donation change
            inventory::PledgeDonationRequest => inventory::PledgeDonationResponse { donation: inventory::Donation }
        "donation receive" "ReceiveDonation" receive_donation change
            inventory::ReceiveDonationRequest => inventory::ReceiveDonationResponse { donation: inventory::Donation }
        "donation spend" "SpendDonatedMoney" spend_donated_money change
            inventory::SpendDonatedMoneyRequest => inventory::SpendDonatedMoneyResponse { donation: inventory::Donation }
        "donation close" "CloseDonation" close_donation change
            inventory::CloseDonationRequest => inventory::CloseDonationResponse { donation: inventory::Donation }
        "consignment announce" "AnnounceConsignment" announce_consignment change
            inventory::AnnounceConsignmentRequest => inventory::AnnounceConsignmentResponse { donation: inventory::Donation }
        "consignment at-border" "RecordConsignmentAtBorder" record_consignment_at_border change
            inventory::RecordConsignmentAtBorderRequest => inventory::RecordConsignmentAtBorderResponse { donation: inventory::Donation }
        "consignment in-customs" "RecordConsignmentInCustoms" record_consignment_in_customs change
            inventory::RecordConsignmentInCustomsRequest => inventory::RecordConsignmentInCustomsResponse { donation: inventory::Donation }
        "consignment clear" "ClearConsignment" clear_consignment change
            inventory::ClearConsignmentRequest => inventory::ClearConsignmentResponse { donation: inventory::Donation }
        "consignment refuse" "RefuseConsignment" refuse_consignment change
            inventory::RefuseConsignmentRequest => inventory::RefuseConsignmentResponse { donation: inventory::Donation }
        "donation commit" "CommitDonatedMoney" commit_donated_money change
            inventory::CommitDonatedMoneyRequest => inventory::CommitDonatedMoneyResponse { donation: inventory::Donation }
        "donation release" "ReleaseDonatedMoney" release_donated_money change
            inventory::ReleaseDonatedMoneyRequest => inventory::ReleaseDonatedMoneyResponse { donation: inventory::Donation }
        "donation get" "GetDonation" get_donation show
            inventory::GetDonationRequest => inventory::GetDonationResponse { donation: inventory::Donation }
        "stock adjust" "AdjustStock" adjust_stock change
            inventory::AdjustStockRequest => inventory::AdjustStockResponse { stock_level: inventory::StockLevel }
        "stock consume" "ConsumeStock" consume_stock change
            inventory::ConsumeStockRequest => inventory::ConsumeStockResponse { stock_level: inventory::StockLevel }
        "stock dispose" "DisposeStock" dispose_stock change
            inventory::DisposeStockRequest => inventory::DisposeStockResponse { stock_level: inventory::StockLevel }
        "goods receive" "ReceiveUnidentifiedGoods" receive_unidentified_goods change
            inventory::ReceiveUnidentifiedGoodsRequest => inventory::ReceiveUnidentifiedGoodsResponse { unidentified_goods: inventory::UnidentifiedGoods }
        "goods identify" "IdentifyGoods" identify_goods change
            inventory::IdentifyGoodsRequest => inventory::IdentifyGoodsResponse { unidentified_goods: inventory::UnidentifiedGoods }
        "goods get" "GetUnidentifiedGoods" get_unidentified_goods show
            inventory::GetUnidentifiedGoodsRequest => inventory::GetUnidentifiedGoodsResponse { unidentified_goods: inventory::UnidentifiedGoods }
        "stock transfer-title" "TransferTitle" transfer_title change
            inventory::TransferTitleRequest => inventory::TransferTitleResponse { stock_level: inventory::StockLevel }
        "stock open" "OpenStock" open_stock change
            inventory::OpenStockRequest => inventory::OpenStockResponse { stock_level: inventory::StockLevel }
        "stock count" "CountStock" count_stock change
            inventory::CountStockRequest => inventory::CountStockResponse { stock_count: inventory::StockCount }
        "stock get-count" "GetStockCount" get_stock_count show
            inventory::GetStockCountRequest => inventory::GetStockCountResponse { stock_count: inventory::StockCount }
        "stock return" "ReturnStock" return_stock change
            inventory::ReturnStockRequest => inventory::ReturnStockResponse { stock_level: inventory::StockLevel }
        "stock excursion" "RecordTemperatureExcursion" record_temperature_excursion change
            inventory::RecordTemperatureExcursionRequest => inventory::RecordTemperatureExcursionResponse { stock_level: inventory::StockLevel }
        "batch shorten-expiry" "ShortenExpiry" shorten_expiry change
            inventory::ShortenExpiryRequest => inventory::ShortenExpiryResponse { batch: inventory::Batch }
        "correct receipt" "CorrectReceipt" correct_receipt change
            inventory::CorrectReceiptRequest => inventory::CorrectReceiptResponse { batch: inventory::Batch }
        "correct batch" "CorrectBatchData" correct_batch_data change
            inventory::CorrectBatchDataRequest => inventory::CorrectBatchDataResponse { batch: inventory::Batch }
        "correct void" "VoidMovement" void_movement change_only
            inventory::VoidMovementRequest => inventory::VoidMovementResponse { stock_level: crate::render::voided::Voided }
        "batch hold" "HoldBatch" hold_batch change
            inventory::HoldBatchRequest => inventory::HoldBatchResponse { batch: inventory::Batch }
        "batch release" "ReleaseBatch" release_batch change
            inventory::ReleaseBatchRequest => inventory::ReleaseBatchResponse { batch: inventory::Batch }
        "stock hold" "HoldStock" hold_stock change
            inventory::HoldStockRequest => inventory::HoldStockResponse { stock_level: inventory::StockLevel }
        "stock release" "ReleaseStock" release_stock change
            inventory::ReleaseStockRequest => inventory::ReleaseStockResponse { stock_level: inventory::StockLevel }
        "recall start" "RecallLot" recall_lot change
            inventory::RecallLotRequest => inventory::RecallLotResponse { item_quality: inventory::ItemQuality }
        "recall lift" "LiftRecall" lift_recall change
            inventory::LiftRecallRequest => inventory::LiftRecallResponse { item_quality: inventory::ItemQuality }
        "donation change-earmarks" "ChangeEarmarks" change_earmarks change
            inventory::ChangeEarmarksRequest => inventory::ChangeEarmarksResponse { donation: inventory::Donation }
        "kit assemble" "AssembleKits" assemble_kits change
            inventory::AssembleKitsRequest => inventory::AssembleKitsResponse { stock_level: inventory::StockLevel }
        "kit break" "BreakKits" break_kits change
            inventory::BreakKitsRequest => inventory::BreakKitsResponse { stock_level: inventory::StockLevel }
        "stock quality" "GetItemQuality" get_item_quality show
            inventory::GetItemQualityRequest => inventory::GetItemQualityResponse { item_quality: inventory::ItemQuality }
        "stock level" "GetStockLevel" get_stock_level show
            inventory::GetStockLevelRequest => inventory::GetStockLevelResponse { stock_level: inventory::StockLevel }
        "batch get" "GetBatch" get_batch show
            inventory::GetBatchRequest => inventory::GetBatchResponse { batch: inventory::Batch }
        "asset get" "GetAsset" get_asset show
            inventory::GetAssetRequest => inventory::GetAssetResponse { asset: inventory::Asset }
    }
    "keruen.inventory.v1.AssetService" AssetClient {
        "asset install" "InstallAsset" install_asset change
            inventory::InstallAssetRequest => inventory::InstallAssetResponse { asset: inventory::Asset }
        "asset remove" "RemoveAsset" remove_asset change
            inventory::RemoveAssetRequest => inventory::RemoveAssetResponse { asset: inventory::Asset }
        "asset put-in" "PutAssetInside" put_asset_inside change
            inventory::PutAssetInsideRequest => inventory::PutAssetInsideResponse { asset: inventory::Asset }
        "asset take-out" "TakeAssetOut" take_asset_out change
            inventory::TakeAssetOutRequest => inventory::TakeAssetOutResponse { asset: inventory::Asset }
        "asset put-into-service" "PutAssetIntoService" put_asset_into_service change
            inventory::PutAssetIntoServiceRequest => inventory::PutAssetIntoServiceResponse { asset: inventory::Asset }
        "asset report" "ReportAssetCondition" report_asset_condition change
            inventory::ReportAssetConditionRequest => inventory::ReportAssetConditionResponse { asset: inventory::Asset }
        "asset send-for-repair" "SendAssetForRepair" send_asset_for_repair change
            inventory::SendAssetForRepairRequest => inventory::SendAssetForRepairResponse { asset: inventory::Asset }
        "asset end-repair" "EndAssetRepair" end_asset_repair change
            inventory::EndAssetRepairRequest => inventory::EndAssetRepairResponse { asset: inventory::Asset }
        "asset service" "ServiceAsset" service_asset change
            inventory::ServiceAssetRequest => inventory::ServiceAssetResponse { asset: inventory::Asset }
        "asset lend" "LendAsset" lend_asset change
            inventory::LendAssetRequest => inventory::LendAssetResponse { asset: inventory::Asset }
        "asset end-loan" "EndAssetLoan" end_asset_loan change
            inventory::EndAssetLoanRequest => inventory::EndAssetLoanResponse { asset: inventory::Asset }
        "asset fill" "FillContainer" fill_container change
            inventory::FillContainerRequest => inventory::FillContainerResponse { asset: inventory::Asset }
        "asset empty" "EmptyContainer" empty_container change
            inventory::EmptyContainerRequest => inventory::EmptyContainerResponse { asset: inventory::Asset }
        "asset retire" "RetireAsset" retire_asset change
            inventory::RetireAssetRequest => inventory::RetireAssetResponse { asset: inventory::Asset }
        "asset accept-loss-act" "AcceptAssetLoss" accept_asset_loss change
            inventory::AcceptAssetLossRequest => inventory::AcceptAssetLossResponse { asset: inventory::Asset }
    }
    "keruen.requests.v1.EmergencyService" EmergencyClient {
        "emergency declare" "DeclareEmergency" declare_emergency change
            requests::DeclareEmergencyRequest => requests::DeclareEmergencyResponse { emergency: requests::Emergency }
        "emergency end" "EndEmergency" end_emergency change
            requests::EndEmergencyRequest => requests::EndEmergencyResponse { emergency: requests::Emergency }
        "emergency get" "GetEmergency" get_emergency show
            requests::GetEmergencyRequest => requests::GetEmergencyResponse { emergency: requests::Emergency }
        "emergency list" "ListEmergencies" list_emergencies list
            requests::ListEmergenciesRequest => requests::ListEmergenciesResponse { emergencies: requests::Emergency }
    }
    "keruen.requests.v1.PlanService" PlanClient {
        "plan draft" "DraftPlan" draft_plan change
            requests::DraftPlanRequest => requests::DraftPlanResponse { plan: requests::Plan }
        "plan approve" "ApprovePlan" approve_plan change
            requests::ApprovePlanRequest => requests::ApprovePlanResponse { plan: requests::Plan }
        "plan cancel" "CancelPlan" cancel_plan change
            requests::CancelPlanRequest => requests::CancelPlanResponse { plan: requests::Plan }
        "plan get" "GetPlan" get_plan show
            requests::GetPlanRequest => requests::GetPlanResponse { report: requests::PlanReport }
    }
    "keruen.requests.v1.RequestService" RequestClient {
        "request file" "FileRequest" file_request change
            requests::FileRequestRequest => requests::FileRequestResponse { request: requests::Request }
        "request approve" "ApproveRequest" approve_request change
            requests::ApproveRequestRequest => requests::ApproveRequestResponse { request: requests::Request }
        "request reject" "RejectRequest" reject_request change
            requests::RejectRequestRequest => requests::RejectRequestResponse { request: requests::Request }
        "request acknowledge" "AcknowledgeRequest" acknowledge_request change
            requests::AcknowledgeRequestRequest => requests::AcknowledgeRequestResponse { request: requests::Request }
        "request amend" "AmendRequest" amend_request change
            requests::AmendRequestRequest => requests::AmendRequestResponse { request: requests::Request }
        "request triage" "TriageRequest" triage_request change
            requests::TriageRequestRequest => requests::TriageRequestResponse { request: requests::Request }
        "request mark-duplicate" "MarkDuplicate" mark_duplicate change
            requests::MarkDuplicateRequest => requests::MarkDuplicateResponse { request: requests::Request }
        "request reconfirm" "ReconfirmNeed" reconfirm_need change
            requests::ReconfirmNeedRequest => requests::ReconfirmNeedResponse { request: requests::Request }
        "request confirm" "ConfirmApproval" confirm_approval change
            requests::ConfirmApprovalRequest => requests::ConfirmApprovalResponse { request: requests::Request }
        "request escalate" "EscalateRequest" escalate_request change
            requests::EscalateRequestRequest => requests::EscalateRequestResponse { request: requests::Request }
        "request offer-substitute" "OfferSubstitute" offer_substitute change
            requests::OfferSubstituteRequest => requests::OfferSubstituteResponse { request: requests::Request }
        "request answer-substitute" "AnswerSubstitute" answer_substitute change
            requests::AnswerSubstituteRequest => requests::AnswerSubstituteResponse { request: requests::Request }
        "request close-short" "CloseRequestShort" close_request_short change
            requests::CloseRequestShortRequest => requests::CloseRequestShortResponse { request: requests::Request }
        "request cancel" "CancelRequest" cancel_request change
            requests::CancelRequestRequest => requests::CancelRequestResponse { request: requests::Request }
        "request get" "GetRequest" get_request show
            requests::GetRequestRequest => requests::GetRequestResponse { request: requests::Request }
    }
    "keruen.shipments.v1.ShipmentService" ShipmentClient {
        "shipment request" "RequestShipment" request_shipment change
            shipments::RequestShipmentRequest => shipments::RequestShipmentResponse { shipment: shipments::Shipment }
        "shipment allocate" "AllocateShipment" allocate_shipment change
            shipments::AllocateShipmentRequest => shipments::AllocateShipmentResponse { shipment: shipments::Shipment }
        "shipment dispatch" "DispatchShipment" dispatch_shipment change
            shipments::DispatchShipmentRequest => shipments::DispatchShipmentResponse { shipment: shipments::Shipment }
        "shipment receive" "ReceiveShipment" receive_shipment change
            shipments::ReceiveShipmentRequest => shipments::ReceiveShipmentResponse { shipment: shipments::Shipment }
        "shipment accept-loss-act" "AcceptLossAct" accept_loss_act change
            shipments::AcceptLossActRequest => shipments::AcceptLossActResponse { shipment: shipments::Shipment }
        "shipment cancel" "CancelShipment" cancel_shipment change
            shipments::CancelShipmentRequest => shipments::CancelShipmentResponse { shipment: shipments::Shipment }
        "shipment pack" "PackParcel" pack_parcel change
            shipments::PackParcelRequest => shipments::PackParcelResponse { shipment: shipments::Shipment }
        "shipment unpack" "UnpackParcel" unpack_parcel change
            shipments::UnpackParcelRequest => shipments::UnpackParcelResponse { shipment: shipments::Shipment }
        "shipment delay" "DelayShipment" delay_shipment change
            shipments::DelayShipmentRequest => shipments::DelayShipmentResponse { shipment: shipments::Shipment }
        "shipment attempt" "RecordDeliveryAttempt" record_delivery_attempt change
            shipments::RecordDeliveryAttemptRequest => shipments::RecordDeliveryAttemptResponse { shipment: shipments::Shipment }
        "shipment divert" "DivertShipment" divert_shipment change
            shipments::DivertShipmentRequest => shipments::DivertShipmentResponse { shipment: shipments::Shipment }
        "shipment return" "ReturnShipment" return_shipment change
            shipments::ReturnShipmentRequest => shipments::ReturnShipmentResponse { shipment: shipments::Shipment }
        "shipment split" "SplitShipment" split_shipment change
            shipments::SplitShipmentRequest => shipments::SplitShipmentResponse { shipment: shipments::Shipment }
        "shipment transfer-title" "TransferShipmentTitle" transfer_shipment_title change
            shipments::TransferShipmentTitleRequest => shipments::TransferShipmentTitleResponse { shipment: shipments::Shipment }
        "shipment arrive" "RecordArrival" record_arrival change
            shipments::RecordArrivalRequest => shipments::RecordArrivalResponse { shipment: shipments::Shipment }
        "shipment report-loss" "ReportLoss" report_loss change
            shipments::ReportLossRequest => shipments::ReportLossResponse { shipment: shipments::Shipment }
        "shipment answer" "AnswerDiscrepancy" answer_discrepancy change
            shipments::AnswerDiscrepancyRequest => shipments::AnswerDiscrepancyResponse { shipment: shipments::Shipment }
        "shipment get" "GetShipment" get_shipment show
            shipments::GetShipmentRequest => shipments::GetShipmentResponse { shipment: shipments::Shipment }
    }
    "keruen.shipments.v1.CustodyService" CustodyClient {
        "custody hand-over" "HandOverShipment" hand_over_shipment change
            shipments::HandOverShipmentRequest => shipments::HandOverShipmentResponse { shipment: shipments::Shipment }
        "custody refuse" "RefuseHandOver" refuse_hand_over change
            shipments::RefuseHandOverRequest => shipments::RefuseHandOverResponse { shipment: shipments::Shipment }
        "custody sign-agreement" "SignLiabilityAgreement" sign_liability_agreement change
            shipments::SignLiabilityAgreementRequest => shipments::SignLiabilityAgreementResponse { liability_agreements: shipments::LiabilityAgreements }
        "custody end-agreement" "EndLiabilityAgreement" end_liability_agreement change
            shipments::EndLiabilityAgreementRequest => shipments::EndLiabilityAgreementResponse { liability_agreements: shipments::LiabilityAgreements }
        "custody agreements" "GetLiabilityAgreements" get_liability_agreements show
            shipments::GetLiabilityAgreementsRequest => shipments::GetLiabilityAgreementsResponse { liability_agreements: shipments::LiabilityAgreements }
        "custody appoint-keeper" "AppointKeeper" appoint_keeper change
            shipments::AppointKeeperRequest => shipments::AppointKeeperResponse { keeper: shipments::Keeper }
        "custody keeper" "GetKeeper" get_keeper show
            shipments::GetKeeperRequest => shipments::GetKeeperResponse { keeper: shipments::Keeper }
    }
    "keruen.shipments.v1.TripService" TripClient {
        "trip plan" "PlanTrip" plan_trip change
            shipments::PlanTripRequest => shipments::PlanTripResponse { trip: shipments::Trip }
        "trip load" "LoadShipment" load_shipment change
            shipments::LoadShipmentRequest => shipments::LoadShipmentResponse { trip: shipments::Trip }
        "trip unload" "UnloadShipment" unload_shipment change
            shipments::UnloadShipmentRequest => shipments::UnloadShipmentResponse { trip: shipments::Trip }
        "trip depart" "DepartTrip" depart_trip change
            shipments::DepartTripRequest => shipments::DepartTripResponse { trip: shipments::Trip }
        "trip reach" "ReachStop" reach_stop change
            shipments::ReachStopRequest => shipments::ReachStopResponse { trip: shipments::Trip }
        "trip break-down" "ReportBreakdown" report_breakdown change
            shipments::ReportBreakdownRequest => shipments::ReportBreakdownResponse { trip: shipments::Trip }
        "trip resume" "ResumeTrip" resume_trip change
            shipments::ResumeTripRequest => shipments::ResumeTripResponse { trip: shipments::Trip }
        "trip complete" "CompleteTrip" complete_trip change
            shipments::CompleteTripRequest => shipments::CompleteTripResponse { trip: shipments::Trip }
        "trip cancel" "CancelTrip" cancel_trip change
            shipments::CancelTripRequest => shipments::CancelTripResponse { trip: shipments::Trip }
        "trip get" "GetTrip" get_trip show
            shipments::GetTripRequest => shipments::GetTripResponse { trip: shipments::Trip }
    }
    "keruen.stock.v1.StockService" StockClient {
        "stock" "ListStock" list_stock list_large
            stock::ListStockRequest => stock::ListStockResponse { rows: stock::StockRow }
        "trace" "GetTrace" get_trace plain
            stock::GetTraceRequest => stock::GetTraceResponse { batches: stock::TraceBatch }
        "recall show" "GetLotTrace" get_lot_trace show
            stock::GetLotTraceRequest => stock::GetLotTraceResponse { lot_trace: stock::LotTrace }
        "donation list" "ListDonations" list_donations list
            stock::ListDonationsRequest => stock::ListDonationsResponse { donations: inventory::Donation }
        "donation balance" "GetDonorBalance" get_donor_balance show
            stock::GetDonorBalanceRequest => stock::GetDonorBalanceResponse { balance: stock::DonorBalance }
        "donation certificate" "GetDonationCertificate" get_donation_certificate show
            stock::GetDonationCertificateRequest => stock::GetDonationCertificateResponse { certificate: stock::DonationCertificate }
        "inbox" "ListInbox" list_inbox list
            stock::ListInboxRequest => stock::ListInboxResponse { rows: stock::InboxRow }
        "request list" "ListRequests" list_requests list
            stock::ListRequestsRequest => stock::ListRequestsResponse { rows: stock::RequestRow }
        "asset list" "ListAssets" list_assets list
            stock::ListAssetsRequest => stock::ListAssetsResponse { rows: stock::AssetRow }
        "stock shortages" "ListShortages" list_shortages list
            stock::ListShortagesRequest => stock::ListShortagesResponse { rows: stock::ShortageRow }
        "stock held" "ListHeldStock" list_held_stock list
            stock::ListHeldStockRequest => stock::ListHeldStockResponse { rows: stock::HeldStockRow }
        "recall list" "ListRecalls" list_recalls list
            stock::ListRecallsRequest => stock::ListRecallsResponse { rows: stock::RecallRow }
        "stock counts" "ListStockCounts" list_stock_counts list
            stock::ListStockCountsRequest => stock::ListStockCountsResponse { stock_counts: inventory::StockCount }
        "trip list" "ListTrips" list_trips list
            stock::ListTripsRequest => stock::ListTripsResponse { trips: shipments::Trip }
        "liability list" "ListLiability" list_liability list
            stock::ListLiabilityRequest => stock::ListLiabilityResponse { rows: stock::LiabilityRow }
        "goods list" "ListUnidentifiedGoods" list_unidentified_goods list
            stock::ListUnidentifiedGoodsRequest => stock::ListUnidentifiedGoodsResponse { goods: inventory::UnidentifiedGoods }
        "plan list" "ListPlans" list_plans list
            stock::ListPlansRequest => stock::ListPlansResponse { plans: requests::Plan }
        "shipment list" "ListShipments" list_shipments list
            stock::ListShipmentsRequest => stock::ListShipmentsResponse { shipments: shipments::Shipment }
    }
    "keruen.reports.v1.ReportService" ReportClient {
        "report unmet" "ListUnmetNeeds" list_unmet_needs list
            reports::ListUnmetNeedsRequest => reports::ListUnmetNeedsResponse { rows: reports::UnmetNeedRow }
        "report expiring" "ListExpiringStock" list_expiring_stock list
            reports::ListExpiringStockRequest => reports::ListExpiringStockResponse { rows: reports::ExpiringStockRow }
        "report reorder" "ListReorders" list_reorders list
            reports::ListReordersRequest => reports::ListReordersResponse { rows: reports::ReorderRow }
        "report exceptions" "ListAuditExceptions" list_audit_exceptions list
            reports::ListAuditExceptionsRequest => reports::ListAuditExceptionsResponse { rows: reports::AuditException }
        "report statement" "GetStatement" get_statement plain
            reports::GetStatementRequest => reports::GetStatementResponse { rows: reports::StatementRow }
    }
    "keruen.projections.v1.ProjectionService" ProjectionClient {
        "projections" "ListProjections" list_projections plain
            projections::ListProjectionsRequest => projections::ListProjectionsResponse { projections: projections::Projection }
        "projections rebuild" "RebuildProjections" rebuild_projections plain
            projections::RebuildProjectionsRequest => projections::RebuildProjectionsResponse { names: projections::RebuildProjectionsResponse }
    }
    "keruen.events.v1.EventService" EventClient {
        "events" "ListEvents" list_events plain
            events::ListEventsRequest => events::ListEventsResponse { events: events::ListEventsResponse }
        "log stats" "GetLogHead" get_log_head plain
            events::GetLogHeadRequest => events::GetLogHeadResponse { position: events::GetLogHeadResponse }
        "log checkpoint" "GetCheckpoint" get_checkpoint plain
            events::GetCheckpointRequest => events::GetCheckpointResponse { size: events::GetCheckpointResponse }
        "log prove" "GetInclusionProof" get_inclusion_proof plain
            events::GetInclusionProofRequest => events::GetInclusionProofResponse { position: events::GetInclusionProofResponse }
        "log verify" "GetConsistencyProof" get_consistency_proof plain
            events::GetConsistencyProofRequest => events::GetConsistencyProofResponse { hashes: events::GetConsistencyProofResponse }
        "command get" "GetCommand" get_command plain
            events::GetCommandRequest => events::GetCommandResponse { events: events::GetCommandResponse }
    }
}
