//! The gRPC service.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use keruen_domain::{Boundary, Rejection, calendar::kazakhstan_day, region, registry::Thing};
use keruen_edge::{Desk, Fields, status};
use keruen_proto::registry::v1::{
    self as registry, FacilityKind, MobileUnitRow,
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

    /// Regions that exist on a day.
    #[expect(
        clippy::unused_async,
        reason = "the table of calls awaits every answer"
    )]
    async fn regions(
        &self,
        message: &registry::ListRegionsRequest,
    ) -> Result<registry::ListRegionsResponse, Status> {
        let mut fields = Fields::of_query();
        let day = fields.date("on_date", &message.on_date);
        let day = fields
            .finish(day)?
            .unwrap_or_else(|| kazakhstan_day(self.desk.now_us()));
        let regions = region::existing_on(day).cloned().collect();
        Ok(registry::ListRegionsResponse { regions })
    }

    /// What keys of other systems stand for.
    async fn holders(
        &self,
        message: &registry::FindByExternalIdRequest,
    ) -> Result<registry::FindByExternalIdResponse, Status> {
        let mut fields = Fields::of_query();
        let sought = parse::sought(message, &mut fields);
        let keys = fields.finish(sought)?;
        let (matches, position) = find::matches(&self.desk, keys).await?;
        Ok(registry::FindByExternalIdResponse { matches, position })
    }

    /// Where a mobile unit is, and what it has done.
    async fn mobile_unit(
        &self,
        message: &registry::GetMobileUnitRequest,
    ) -> Result<registry::GetMobileUnitResponse, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("facility_id", &message.facility_id);
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
        Ok(registry::GetMobileUnitResponse {
            row: Some(row),
            position,
        })
    }

    /// Mobile units, a page of them.
    async fn mobile_units(
        &self,
        message: &registry::ListMobileUnitsRequest,
    ) -> Result<registry::ListMobileUnitsResponse, Status> {
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
            registry::ListMobileUnitsResponse {
                rows,
                next_page_token,
                position: entries.position,
            }
        };
        let answer = self.directory.look_up(message.min_position, look).await?;
        Ok(answer)
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

/// The calls of the service, each of one kind; those of a kind differ only in names.
macro_rules! calls {
    (
        change { $($change:ident $change_request:ident => $changed:ident { $entry:ident } by $parse:path;)* }
        register { $($register:ident $register_request:ident => $registered:ident { $new:ident } by $parse_new:path;)* }
        get { $($get:ident $get_request:ident { $id:ident: $boundary:ident } => $got:ident { $one:ident };)* }
        list { $($list:ident $list_request:ident => $listed:ident { $entries:ident };)* }
        answer { $($answer:ident $question:ident => $answered:ident by $method:ident;)* }
    ) => {
        #[tonic::async_trait]
        impl RegistryService for RegistryEndpoint {
            $(async fn $change(
                &self,
                request: Request<registry::$change_request>,
            ) -> Result<Response<registry::$changed>, Status> {
                let ($entry, position) = self.desk.carry_out(request, $parse).await?;
                Ok(Response::new(registry::$changed { $entry: Some($entry), position }))
            })*

            $(async fn $register(
                &self,
                request: Request<registry::$register_request>,
            ) -> Result<Response<registry::$registered>, Status> {
                let parse = |message: &registry::$register_request, fields: &mut Fields| {
                    $parse_new(message.$new.as_ref(), fields)
                };
                let ($new, position) = self.desk.carry_out(request, parse).await?;
                Ok(Response::new(registry::$registered { $new: Some($new), position }))
            })*

            $(async fn $get(
                &self,
                request: Request<registry::$get_request>,
            ) -> Result<Response<registry::$got>, Status> {
                let mut fields = Fields::of_query();
                let code = fields.code(stringify!($id), &request.get_ref().$id);
                let boundary = Boundary::$boundary(fields.finish(code)?);
                let ($one, position) = self.desk.view_existing(&boundary).await?;
                Ok(Response::new(registry::$got { $one: Some($one), position }))
            })*

            $(async fn $list(
                &self,
                request: Request<registry::$list_request>,
            ) -> Result<Response<registry::$listed>, Status> {
                let message = request.get_ref();
                let asked = PageAsked {
                    page_size: message.page_size,
                    page_token: &message.page_token,
                    min_position: message.min_position,
                    show_retired: message.show_retired,
                };
                let page = self.page(asked, |entries| &entries.$entries).await?;
                Ok(Response::new(registry::$listed {
                    $entries: page.entries,
                    next_page_token: page.next_page_token,
                    position: page.position,
                }))
            })*

            $(async fn $answer(
                &self,
                request: Request<registry::$question>,
            ) -> Result<Response<registry::$answered>, Status> {
                Ok(Response::new(self.$method(request.get_ref()).await?))
            })*
        }
    };
}

calls! {
    change {
        amend_organisation AmendOrganisationRequest => AmendOrganisationResponse { organisation } by parse::amended_organisation;
        retire_organisation RetireOrganisationRequest => RetireOrganisationResponse { organisation } by parse::retired_organisation;
        verify_organisation VerifyOrganisationRequest => VerifyOrganisationResponse { organisation } by parse::verified;
        revoke_verification RevokeVerificationRequest => RevokeVerificationResponse { organisation } by parse::revoked;
        register_vehicle RegisterVehicleRequest => RegisterVehicleResponse { vehicle } by parse::fleet::vehicle;
        amend_vehicle AmendVehicleRequest => AmendVehicleResponse { vehicle } by parse::fleet::amended_vehicle;
        retire_vehicle RetireVehicleRequest => RetireVehicleResponse { vehicle } by parse::retired_vehicle;
        register_volunteer RegisterVolunteerRequest => RegisterVolunteerResponse { volunteer } by parse::fleet::volunteer;
        amend_volunteer AmendVolunteerRequest => AmendVolunteerResponse { volunteer } by parse::fleet::amended_volunteer;
        retire_volunteer RetireVolunteerRequest => RetireVolunteerResponse { volunteer } by parse::retired_volunteer;
        register_crew RegisterCrewRequest => RegisterCrewResponse { crew } by parse::fleet::crew;
        amend_crew AmendCrewRequest => AmendCrewResponse { crew } by parse::fleet::amended_crew;
        retire_crew RetireCrewRequest => RetireCrewResponse { crew } by parse::retired_crew;
        assign_volunteer AssignVolunteerRequest => AssignVolunteerResponse { volunteer } by parse::fleet::assigned;
        end_assignment EndAssignmentRequest => EndAssignmentResponse { volunteer } by parse::fleet::ended;
        amend_facility AmendFacilityRequest => AmendFacilityResponse { facility } by parse::amended_facility;
        assign_facility_region AssignFacilityRegionRequest => AssignFacilityRegionResponse { facility } by parse::region_assigned;
        close_facility CloseFacilityRequest => CloseFacilityResponse { facility } by parse::closed;
        reopen_facility ReopenFacilityRequest => ReopenFacilityResponse { facility } by parse::reopened;
        set_minimum_reserve SetMinimumReserveRequest => SetMinimumReserveResponse { facility } by parse::reserve_set;
        retire_facility RetireFacilityRequest => RetireFacilityResponse { facility } by parse::retired_facility;
        set_duty_roster SetDutyRosterRequest => SetDutyRosterResponse { duty_roster } by duty::roster;
        deploy_mobile_unit DeployMobileUnitRequest => DeployMobileUnitResponse { mobile_unit } by mobile::deployed;
        depart_mobile_unit DepartMobileUnitRequest => DepartMobileUnitResponse { mobile_unit } by mobile::departed;
        schedule_mobile_unit ScheduleMobileUnitRequest => ScheduleMobileUnitResponse { mobile_unit } by mobile::scheduled;
        report_throughput ReportThroughputRequest => ReportThroughputResponse { mobile_unit } by mobile::reported;
        amend_commodity AmendCommodityRequest => AmendCommodityResponse { commodity } by parse::amended_commodity;
        retire_commodity RetireCommodityRequest => RetireCommodityResponse { commodity } by parse::retired_commodity;
        amend_item AmendItemRequest => AmendItemResponse { item } by parse::amended_item;
        retire_item RetireItemRequest => RetireItemResponse { item } by parse::retired_item;
    }
    register {
        register_organisation RegisterOrganisationRequest => RegisterOrganisationResponse { organisation } by parse::organisation;
        register_facility RegisterFacilityRequest => RegisterFacilityResponse { facility } by parse::facility;
        register_commodity RegisterCommodityRequest => RegisterCommodityResponse { commodity } by parse::commodity;
        register_item RegisterItemRequest => RegisterItemResponse { item } by parse::item;
    }
    get {
        get_vehicle GetVehicleRequest { vehicle_id: Vehicle } => GetVehicleResponse { vehicle };
        get_volunteer GetVolunteerRequest { volunteer_id: Volunteer } => GetVolunteerResponse { volunteer };
        get_crew GetCrewRequest { crew_id: Crew } => GetCrewResponse { crew };
        get_organisation GetOrganisationRequest { organisation_id: Organisation } => GetOrganisationResponse { organisation };
        get_facility GetFacilityRequest { facility_id: Facility } => GetFacilityResponse { facility };
        get_duty_roster GetDutyRosterRequest { region_id: DutyRoster } => GetDutyRosterResponse { duty_roster };
        get_commodity GetCommodityRequest { commodity_id: Commodity } => GetCommodityResponse { commodity };
        get_item GetItemRequest { item_id: Item } => GetItemResponse { item };
    }
    list {
        list_vehicles ListVehiclesRequest => ListVehiclesResponse { vehicles };
        list_volunteers ListVolunteersRequest => ListVolunteersResponse { volunteers };
        list_crews ListCrewsRequest => ListCrewsResponse { crews };
        list_organisations ListOrganisationsRequest => ListOrganisationsResponse { organisations };
        list_facilities ListFacilitiesRequest => ListFacilitiesResponse { facilities };
        list_commodities ListCommoditiesRequest => ListCommoditiesResponse { commodities };
        list_items ListItemsRequest => ListItemsResponse { items };
    }
    answer {
        list_regions ListRegionsRequest => ListRegionsResponse by regions;
        find_by_external_id FindByExternalIdRequest => FindByExternalIdResponse by holders;
        get_mobile_unit GetMobileUnitRequest => GetMobileUnitResponse by mobile_unit;
        list_mobile_units ListMobileUnitsRequest => ListMobileUnitsResponse by mobile_units;
    }
}
