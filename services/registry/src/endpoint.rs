//! The gRPC service.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use keruen_domain::{Boundary, Rejection, calendar::kazakhstan_day, region, registry::Thing};
use keruen_edge::{Desk, Fields, status};
use keruen_proto::registry::v1::{
    AmendCommodityRequest, AmendCommodityResponse, AmendCrewRequest, AmendCrewResponse,
    AmendFacilityRequest, AmendFacilityResponse, AmendItemRequest, AmendItemResponse,
    AmendOrganisationRequest, AmendOrganisationResponse, AmendVehicleRequest, AmendVehicleResponse,
    AmendVolunteerRequest, AmendVolunteerResponse, AssignFacilityRegionRequest,
    AssignFacilityRegionResponse, AssignVolunteerRequest, AssignVolunteerResponse,
    CloseFacilityRequest, CloseFacilityResponse, DepartMobileUnitRequest, DepartMobileUnitResponse,
    DeployMobileUnitRequest, DeployMobileUnitResponse, EndAssignmentRequest, EndAssignmentResponse,
    FacilityKind, FindByExternalIdRequest, FindByExternalIdResponse, GetCommodityRequest,
    GetCommodityResponse, GetCrewRequest, GetCrewResponse, GetDutyRosterRequest,
    GetDutyRosterResponse, GetFacilityRequest, GetFacilityResponse, GetItemRequest,
    GetItemResponse, GetMobileUnitRequest, GetMobileUnitResponse, GetOrganisationRequest,
    GetOrganisationResponse, GetVehicleRequest, GetVehicleResponse, GetVolunteerRequest,
    GetVolunteerResponse, ListCommoditiesRequest, ListCommoditiesResponse, ListCrewsRequest,
    ListCrewsResponse, ListFacilitiesRequest, ListFacilitiesResponse, ListItemsRequest,
    ListItemsResponse, ListMobileUnitsRequest, ListMobileUnitsResponse, ListOrganisationsRequest,
    ListOrganisationsResponse, ListRegionsRequest, ListRegionsResponse, ListVehiclesRequest,
    ListVehiclesResponse, ListVolunteersRequest, ListVolunteersResponse, MobileUnitRow,
    RegisterCommodityRequest, RegisterCommodityResponse, RegisterCrewRequest, RegisterCrewResponse,
    RegisterFacilityRequest, RegisterFacilityResponse, RegisterItemRequest, RegisterItemResponse,
    RegisterOrganisationRequest, RegisterOrganisationResponse, RegisterVehicleRequest,
    RegisterVehicleResponse, RegisterVolunteerRequest, RegisterVolunteerResponse,
    ReopenFacilityRequest, ReopenFacilityResponse, ReportThroughputRequest,
    ReportThroughputResponse, RetireCommodityRequest, RetireCommodityResponse, RetireCrewRequest,
    RetireCrewResponse, RetireFacilityRequest, RetireFacilityResponse, RetireItemRequest,
    RetireItemResponse, RetireOrganisationRequest, RetireOrganisationResponse,
    RetireVehicleRequest, RetireVehicleResponse, RetireVolunteerRequest, RetireVolunteerResponse,
    RevokeVerificationRequest, RevokeVerificationResponse, ScheduleMobileUnitRequest,
    ScheduleMobileUnitResponse, SetDutyRosterRequest, SetDutyRosterResponse,
    SetMinimumReserveRequest, SetMinimumReserveResponse, VerifyOrganisationRequest,
    VerifyOrganisationResponse,
    registry_service_server::{RegistryService, RegistryServiceServer},
};
use tonic::{Request, Response, Status};

use crate::{
    directory::{Directory, Entries},
    duty, find, mobile, parse,
};

const DEFAULT_PAGE_SIZE: i32 = 100;
const MAX_PAGE_SIZE: i32 = 1_000;

/// The registry behind gRPC.
pub struct RegistryEndpoint {
    desk: Arc<Desk>,
    directory: Directory,
}

impl RegistryEndpoint {
    /// A tonic service that carries out its commands at `desk`.
    pub fn service(desk: Arc<Desk>) -> RegistryServiceServer<Self> {
        let directory = Directory::new(Arc::clone(desk.log()));
        RegistryServiceServer::new(Self { desk, directory })
    }

    async fn page<T: Thing + Clone>(
        &self,
        asked: PageAsked<'_>,
        entries_of: impl FnOnce(&Entries) -> &BTreeMap<String, T>,
    ) -> Result<Page<T>, Status> {
        let size = page_size(asked.page_size)?;
        // A page is followed by what sorts after its last code, so the token is that code.
        let mut fields = Fields::of_query();
        let after = fields.optional_code("page_token", asked.page_token);
        let after = fields.finish(after)?;
        self.directory
            .look_up(asked.min_position, |entries| {
                let start = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                let mut rest = entries_of(entries)
                    .range::<str, _>((start, Bound::Unbounded))
                    .filter(|(_, entry)| asked.show_retired || entry.retired().is_none());
                let shown: Vec<_> = rest.by_ref().take(size).collect();
                let next = match (shown.last(), rest.next()) {
                    (Some((code, _)), Some(_)) => (*code).clone(),
                    _ => String::new(),
                };
                Page {
                    entries: shown.into_iter().map(|(_, entry)| entry.clone()).collect(),
                    next_page_token: next,
                    position: entries.position,
                }
            })
            .await
    }
}

/// How many rows a page has.
fn page_size(asked: i32) -> Result<usize, Status> {
    let size = match asked {
        0 => DEFAULT_PAGE_SIZE,
        1..=MAX_PAGE_SIZE => asked,
        found => {
            let rule = format!(
                "must be 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}; found {found}"
            );
            return Err(status::field_violation("page_size", &rule));
        }
    };
    Ok(usize::try_from(size).unwrap_or(0))
}

struct PageAsked<'a> {
    page_size: i32,
    page_token: &'a str,
    min_position: u64,
    show_retired: bool,
}

struct Page<T> {
    entries: Vec<T>,
    next_page_token: String,
    position: u64,
}

/// Commands that change an entry differ only in names.
macro_rules! change {
    ($self:ident, $request:ident, $parse:path, $response:ident { $field:ident }) => {{
        let ($field, position) = $self.desk.carry_out($request, $parse).await?;
        Ok(Response::new($response {
            $field: Some($field),
            position,
        }))
    }};
}

/// The lists of the kinds of entries differ only in names.
macro_rules! list {
    ($self:ident, $request:ident, $response:ident { $field:ident }) => {{
        let message = $request.get_ref();
        let asked = PageAsked {
            page_size: message.page_size,
            page_token: &message.page_token,
            min_position: message.min_position,
            show_retired: message.show_retired,
        };
        let page = $self.page(asked, |entries| &entries.$field).await?;
        Ok(Response::new($response {
            $field: page.entries,
            next_page_token: page.next_page_token,
            position: page.position,
        }))
    }};
}

#[tonic::async_trait]
impl RegistryService for RegistryEndpoint {
    async fn list_regions(
        &self,
        request: Request<ListRegionsRequest>,
    ) -> Result<Response<ListRegionsResponse>, Status> {
        let mut fields = Fields::of_query();
        let day = fields.date("on_date", &request.get_ref().on_date);
        let day = fields
            .finish(day)?
            .unwrap_or_else(|| kazakhstan_day(self.desk.now_us()));
        let regions = region::existing_on(day).cloned().collect();
        Ok(Response::new(ListRegionsResponse { regions }))
    }

    async fn register_organisation(
        &self,
        request: Request<RegisterOrganisationRequest>,
    ) -> Result<Response<RegisterOrganisationResponse>, Status> {
        let parse = |message: &RegisterOrganisationRequest, fields: &mut Fields| {
            parse::organisation(message.organisation.as_ref(), fields)
        };
        let (organisation, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(RegisterOrganisationResponse {
            organisation: Some(organisation),
            position,
        }))
    }

    async fn amend_organisation(
        &self,
        request: Request<AmendOrganisationRequest>,
    ) -> Result<Response<AmendOrganisationResponse>, Status> {
        change!(
            self,
            request,
            parse::amended_organisation,
            AmendOrganisationResponse { organisation }
        )
    }

    async fn retire_organisation(
        &self,
        request: Request<RetireOrganisationRequest>,
    ) -> Result<Response<RetireOrganisationResponse>, Status> {
        change!(
            self,
            request,
            parse::retired_organisation,
            RetireOrganisationResponse { organisation }
        )
    }

    async fn verify_organisation(
        &self,
        request: Request<VerifyOrganisationRequest>,
    ) -> Result<Response<VerifyOrganisationResponse>, Status> {
        change!(
            self,
            request,
            parse::verified,
            VerifyOrganisationResponse { organisation }
        )
    }

    async fn revoke_verification(
        &self,
        request: Request<RevokeVerificationRequest>,
    ) -> Result<Response<RevokeVerificationResponse>, Status> {
        change!(
            self,
            request,
            parse::revoked,
            RevokeVerificationResponse { organisation }
        )
    }

    async fn find_by_external_id(
        &self,
        request: Request<FindByExternalIdRequest>,
    ) -> Result<Response<FindByExternalIdResponse>, Status> {
        let mut fields = Fields::of_query();
        let sought = parse::sought(request.get_ref(), &mut fields);
        let keys = fields.finish(sought)?;
        let (matches, position) = find::matches(&self.desk, keys).await?;
        Ok(Response::new(FindByExternalIdResponse {
            matches,
            position,
        }))
    }

    async fn register_vehicle(
        &self,
        request: Request<RegisterVehicleRequest>,
    ) -> Result<Response<RegisterVehicleResponse>, Status> {
        change!(
            self,
            request,
            parse::fleet::vehicle,
            RegisterVehicleResponse { vehicle }
        )
    }

    async fn amend_vehicle(
        &self,
        request: Request<AmendVehicleRequest>,
    ) -> Result<Response<AmendVehicleResponse>, Status> {
        change!(
            self,
            request,
            parse::fleet::amended_vehicle,
            AmendVehicleResponse { vehicle }
        )
    }

    async fn retire_vehicle(
        &self,
        request: Request<RetireVehicleRequest>,
    ) -> Result<Response<RetireVehicleResponse>, Status> {
        change!(
            self,
            request,
            parse::retired_vehicle,
            RetireVehicleResponse { vehicle }
        )
    }

    async fn get_vehicle(
        &self,
        request: Request<GetVehicleRequest>,
    ) -> Result<Response<GetVehicleResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("vehicle_id", &request.get_ref().vehicle_id);
        let boundary = Boundary::Vehicle(fields.finish(code)?);
        let (vehicle, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetVehicleResponse {
            vehicle: Some(vehicle),
            position,
        }))
    }

    async fn list_vehicles(
        &self,
        request: Request<ListVehiclesRequest>,
    ) -> Result<Response<ListVehiclesResponse>, Status> {
        list!(self, request, ListVehiclesResponse { vehicles })
    }

    async fn register_volunteer(
        &self,
        request: Request<RegisterVolunteerRequest>,
    ) -> Result<Response<RegisterVolunteerResponse>, Status> {
        change!(
            self,
            request,
            parse::fleet::volunteer,
            RegisterVolunteerResponse { volunteer }
        )
    }

    async fn amend_volunteer(
        &self,
        request: Request<AmendVolunteerRequest>,
    ) -> Result<Response<AmendVolunteerResponse>, Status> {
        change!(
            self,
            request,
            parse::fleet::amended_volunteer,
            AmendVolunteerResponse { volunteer }
        )
    }

    async fn retire_volunteer(
        &self,
        request: Request<RetireVolunteerRequest>,
    ) -> Result<Response<RetireVolunteerResponse>, Status> {
        change!(
            self,
            request,
            parse::retired_volunteer,
            RetireVolunteerResponse { volunteer }
        )
    }

    async fn get_volunteer(
        &self,
        request: Request<GetVolunteerRequest>,
    ) -> Result<Response<GetVolunteerResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("volunteer_id", &request.get_ref().volunteer_id);
        let boundary = Boundary::Volunteer(fields.finish(code)?);
        let (volunteer, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetVolunteerResponse {
            volunteer: Some(volunteer),
            position,
        }))
    }

    async fn list_volunteers(
        &self,
        request: Request<ListVolunteersRequest>,
    ) -> Result<Response<ListVolunteersResponse>, Status> {
        list!(self, request, ListVolunteersResponse { volunteers })
    }

    async fn register_crew(
        &self,
        request: Request<RegisterCrewRequest>,
    ) -> Result<Response<RegisterCrewResponse>, Status> {
        change!(
            self,
            request,
            parse::fleet::crew,
            RegisterCrewResponse { crew }
        )
    }

    async fn amend_crew(
        &self,
        request: Request<AmendCrewRequest>,
    ) -> Result<Response<AmendCrewResponse>, Status> {
        change!(
            self,
            request,
            parse::fleet::amended_crew,
            AmendCrewResponse { crew }
        )
    }

    async fn retire_crew(
        &self,
        request: Request<RetireCrewRequest>,
    ) -> Result<Response<RetireCrewResponse>, Status> {
        change!(
            self,
            request,
            parse::retired_crew,
            RetireCrewResponse { crew }
        )
    }

    async fn get_crew(
        &self,
        request: Request<GetCrewRequest>,
    ) -> Result<Response<GetCrewResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("crew_id", &request.get_ref().crew_id);
        let boundary = Boundary::Crew(fields.finish(code)?);
        let (crew, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetCrewResponse {
            crew: Some(crew),
            position,
        }))
    }

    async fn list_crews(
        &self,
        request: Request<ListCrewsRequest>,
    ) -> Result<Response<ListCrewsResponse>, Status> {
        list!(self, request, ListCrewsResponse { crews })
    }

    async fn assign_volunteer(
        &self,
        request: Request<AssignVolunteerRequest>,
    ) -> Result<Response<AssignVolunteerResponse>, Status> {
        change!(
            self,
            request,
            parse::fleet::assigned,
            AssignVolunteerResponse { volunteer }
        )
    }

    async fn end_assignment(
        &self,
        request: Request<EndAssignmentRequest>,
    ) -> Result<Response<EndAssignmentResponse>, Status> {
        change!(
            self,
            request,
            parse::fleet::ended,
            EndAssignmentResponse { volunteer }
        )
    }

    async fn get_organisation(
        &self,
        request: Request<GetOrganisationRequest>,
    ) -> Result<Response<GetOrganisationResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("organisation_id", &request.get_ref().organisation_id);
        let boundary = Boundary::Organisation(fields.finish(code)?);
        let (organisation, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetOrganisationResponse {
            organisation: Some(organisation),
            position,
        }))
    }

    async fn list_organisations(
        &self,
        request: Request<ListOrganisationsRequest>,
    ) -> Result<Response<ListOrganisationsResponse>, Status> {
        list!(self, request, ListOrganisationsResponse { organisations })
    }

    async fn register_facility(
        &self,
        request: Request<RegisterFacilityRequest>,
    ) -> Result<Response<RegisterFacilityResponse>, Status> {
        let parse = |message: &RegisterFacilityRequest, fields: &mut Fields| {
            parse::facility(message.facility.as_ref(), fields)
        };
        let (facility, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(RegisterFacilityResponse {
            facility: Some(facility),
            position,
        }))
    }

    async fn amend_facility(
        &self,
        request: Request<AmendFacilityRequest>,
    ) -> Result<Response<AmendFacilityResponse>, Status> {
        change!(
            self,
            request,
            parse::amended_facility,
            AmendFacilityResponse { facility }
        )
    }

    async fn assign_facility_region(
        &self,
        request: Request<AssignFacilityRegionRequest>,
    ) -> Result<Response<AssignFacilityRegionResponse>, Status> {
        change!(
            self,
            request,
            parse::region_assigned,
            AssignFacilityRegionResponse { facility }
        )
    }

    async fn close_facility(
        &self,
        request: Request<CloseFacilityRequest>,
    ) -> Result<Response<CloseFacilityResponse>, Status> {
        change!(
            self,
            request,
            parse::closed,
            CloseFacilityResponse { facility }
        )
    }

    async fn reopen_facility(
        &self,
        request: Request<ReopenFacilityRequest>,
    ) -> Result<Response<ReopenFacilityResponse>, Status> {
        change!(
            self,
            request,
            parse::reopened,
            ReopenFacilityResponse { facility }
        )
    }

    async fn set_minimum_reserve(
        &self,
        request: Request<SetMinimumReserveRequest>,
    ) -> Result<Response<SetMinimumReserveResponse>, Status> {
        change!(
            self,
            request,
            parse::reserve_set,
            SetMinimumReserveResponse { facility }
        )
    }

    async fn retire_facility(
        &self,
        request: Request<RetireFacilityRequest>,
    ) -> Result<Response<RetireFacilityResponse>, Status> {
        change!(
            self,
            request,
            parse::retired_facility,
            RetireFacilityResponse { facility }
        )
    }

    async fn get_facility(
        &self,
        request: Request<GetFacilityRequest>,
    ) -> Result<Response<GetFacilityResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("facility_id", &request.get_ref().facility_id);
        let boundary = Boundary::Facility(fields.finish(code)?);
        let (facility, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetFacilityResponse {
            facility: Some(facility),
            position,
        }))
    }

    async fn list_facilities(
        &self,
        request: Request<ListFacilitiesRequest>,
    ) -> Result<Response<ListFacilitiesResponse>, Status> {
        list!(self, request, ListFacilitiesResponse { facilities })
    }

    async fn set_duty_roster(
        &self,
        request: Request<SetDutyRosterRequest>,
    ) -> Result<Response<SetDutyRosterResponse>, Status> {
        change!(
            self,
            request,
            duty::roster,
            SetDutyRosterResponse { duty_roster }
        )
    }

    async fn get_duty_roster(
        &self,
        request: Request<GetDutyRosterRequest>,
    ) -> Result<Response<GetDutyRosterResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("region_id", &request.get_ref().region_id);
        let boundary = Boundary::DutyRoster(fields.finish(code)?);
        let (duty_roster, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetDutyRosterResponse {
            duty_roster: Some(duty_roster),
            position,
        }))
    }

    async fn deploy_mobile_unit(
        &self,
        request: Request<DeployMobileUnitRequest>,
    ) -> Result<Response<DeployMobileUnitResponse>, Status> {
        change!(
            self,
            request,
            mobile::deployed,
            DeployMobileUnitResponse { mobile_unit }
        )
    }

    async fn depart_mobile_unit(
        &self,
        request: Request<DepartMobileUnitRequest>,
    ) -> Result<Response<DepartMobileUnitResponse>, Status> {
        change!(
            self,
            request,
            mobile::departed,
            DepartMobileUnitResponse { mobile_unit }
        )
    }

    async fn schedule_mobile_unit(
        &self,
        request: Request<ScheduleMobileUnitRequest>,
    ) -> Result<Response<ScheduleMobileUnitResponse>, Status> {
        change!(
            self,
            request,
            mobile::scheduled,
            ScheduleMobileUnitResponse { mobile_unit }
        )
    }

    async fn report_throughput(
        &self,
        request: Request<ReportThroughputRequest>,
    ) -> Result<Response<ReportThroughputResponse>, Status> {
        change!(
            self,
            request,
            mobile::reported,
            ReportThroughputResponse { mobile_unit }
        )
    }

    async fn get_mobile_unit(
        &self,
        request: Request<GetMobileUnitRequest>,
    ) -> Result<Response<GetMobileUnitResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("facility_id", &request.get_ref().facility_id);
        let code = fields.finish(code)?;
        let now_us = self.desk.now_us();
        let found = |entries: &Entries| match entries.facilities.get(code.as_str()) {
            Some(facility) if facility.kind() == FacilityKind::MobileUnit => {
                Ok((mobile::row(entries, facility, now_us), entries.position))
            }
            Some(facility) => Err(mobile::not_one(facility)),
            None => Err(Rejection::UnknownFacility {
                facility_id: code.to_string(),
            }),
        };
        let found = self.directory.look_up(0, found).await?;
        let (row, position) = found.map_err(|rejection| status::rejection(&rejection))?;
        Ok(Response::new(GetMobileUnitResponse {
            row: Some(row),
            position,
        }))
    }

    async fn list_mobile_units(
        &self,
        request: Request<ListMobileUnitsRequest>,
    ) -> Result<Response<ListMobileUnitsResponse>, Status> {
        let message = request.get_ref();
        let size = page_size(message.page_size)?;
        let mut fields = Fields::of_query();
        let after = fields.optional_code("page_token", &message.page_token);
        let region_id = fields.optional_code("region_id", &message.region_id);
        let (after, region_id) = fields.finish(after.zip(region_id))?;
        if let Some(unknown) = region_id.as_ref().filter(|id| region::find(id).is_none()) {
            return Err(status::rejection(&Rejection::UnknownRegion {
                region_id: unknown.to_string(),
            }));
        }
        let now_us = self.desk.now_us();
        let look = |entries: &Entries| {
            let is_shown = |row: &MobileUnitRow| {
                let id = row.mobile_unit.as_ref().map(|it| &*it.facility_id);
                let facility = id.and_then(|id| entries.facilities.get(id));
                message.show_retired || facility.is_some_and(|it| it.retired.is_none())
            };
            let mut rest = mobile::units(entries, after.as_deref(), region_id.as_deref(), now_us)
                .filter(is_shown);
            let rows: Vec<MobileUnitRow> = rest.by_ref().take(size).collect();
            let last = rows.last().and_then(|row| row.mobile_unit.as_ref());
            let next_page_token = match (last, rest.next()) {
                (Some(last), Some(_)) => last.facility_id.clone(),
                _ => String::new(),
            };
            ListMobileUnitsResponse {
                rows,
                next_page_token,
                position: entries.position,
            }
        };
        let answer = self.directory.look_up(message.min_position, look).await?;
        Ok(Response::new(answer))
    }

    async fn register_commodity(
        &self,
        request: Request<RegisterCommodityRequest>,
    ) -> Result<Response<RegisterCommodityResponse>, Status> {
        let parse = |message: &RegisterCommodityRequest, fields: &mut Fields| {
            parse::commodity(message.commodity.as_ref(), fields)
        };
        let (commodity, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(RegisterCommodityResponse {
            commodity: Some(commodity),
            position,
        }))
    }

    async fn amend_commodity(
        &self,
        request: Request<AmendCommodityRequest>,
    ) -> Result<Response<AmendCommodityResponse>, Status> {
        change!(
            self,
            request,
            parse::amended_commodity,
            AmendCommodityResponse { commodity }
        )
    }

    async fn retire_commodity(
        &self,
        request: Request<RetireCommodityRequest>,
    ) -> Result<Response<RetireCommodityResponse>, Status> {
        change!(
            self,
            request,
            parse::retired_commodity,
            RetireCommodityResponse { commodity }
        )
    }

    async fn get_commodity(
        &self,
        request: Request<GetCommodityRequest>,
    ) -> Result<Response<GetCommodityResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("commodity_id", &request.get_ref().commodity_id);
        let boundary = Boundary::Commodity(fields.finish(code)?);
        let (commodity, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetCommodityResponse {
            commodity: Some(commodity),
            position,
        }))
    }

    async fn list_commodities(
        &self,
        request: Request<ListCommoditiesRequest>,
    ) -> Result<Response<ListCommoditiesResponse>, Status> {
        list!(self, request, ListCommoditiesResponse { commodities })
    }

    async fn register_item(
        &self,
        request: Request<RegisterItemRequest>,
    ) -> Result<Response<RegisterItemResponse>, Status> {
        let parse = |message: &RegisterItemRequest, fields: &mut Fields| {
            parse::item(message.item.as_ref(), fields)
        };
        let (item, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(RegisterItemResponse {
            item: Some(item),
            position,
        }))
    }

    async fn amend_item(
        &self,
        request: Request<AmendItemRequest>,
    ) -> Result<Response<AmendItemResponse>, Status> {
        change!(
            self,
            request,
            parse::amended_item,
            AmendItemResponse { item }
        )
    }

    async fn retire_item(
        &self,
        request: Request<RetireItemRequest>,
    ) -> Result<Response<RetireItemResponse>, Status> {
        change!(
            self,
            request,
            parse::retired_item,
            RetireItemResponse { item }
        )
    }

    async fn get_item(
        &self,
        request: Request<GetItemRequest>,
    ) -> Result<Response<GetItemResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("item_id", &request.get_ref().item_id);
        let boundary = Boundary::Item(fields.finish(code)?);
        let (item, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetItemResponse {
            item: Some(item),
            position,
        }))
    }

    async fn list_items(
        &self,
        request: Request<ListItemsRequest>,
    ) -> Result<Response<ListItemsResponse>, Status> {
        list!(self, request, ListItemsResponse { items })
    }
}
