//! Facilities.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    AmendFacilityRequest, AssignFacilityRegionRequest, CloseFacilityRequest, ClosureReason,
    DocumentRef, ExternalId, Facility, FacilityKind, GeoPoint, GetFacilityRequest,
    ListFacilitiesRequest, MinimumReserve, PlugType, RegionAssignment, RegisterFacilityRequest,
    ReopenFacilityRequest, RetireFacilityRequest, SetMinimumReserveRequest, SiteData,
};

use crate::{
    client::{
        amendment::{Fields, NewNameArgs, RegistryListArgs, RetireArgs},
        failure::Failure,
        line,
        mutation::MutationArgs,
        organisation::NameArgs,
        session::Session,
        value,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Enter a facility
    #[command(after_help = "\
Examples:
  keruen facility register WH-ALA --kind warehouse \\
      --name-en 'Central warehouse Almaty' --region KZ-75 \\
      --time-zone Asia/Almaty --operator MOH --location 43.2389,76.8897
  keruen facility register HOSP-JEZ --kind hospital \\
      --name-en 'Jezqazghan hospital' --region KZ-35 \\
      --region KZ-62@2022-06-08 --time-zone Asia/Almaty --operator MOH \\
      --mains-voltage 220 --oxygen-supply true \\
      --minimum-reserve commodity=TEST-SARS2,quantity=500")]
    Register(Box<Register>),
    /// Change what the registry says of a facility
    #[command(after_help = "\
Examples:
  keruen facility amend HOSP-JEZ --oxygen-supply true --mains-voltage 230
  keruen facility amend HOSP-JEZ --altitude 300     its other site data stay
  keruen facility amend WH-ALA --name-en 'Warehouse 1' --name-ru 'Склад 1'
  keruen facility amend WH-ALA --clear location --clear external_ids")]
    Amend(Box<Amend>),
    /// Move a facility to another region from a day on
    #[command(after_help = "\
Examples:
  keruen facility assign-region HOSP-JEZ KZ-62@2022-06-08")]
    AssignRegion(AssignRegion),
    /// Close a facility: nothing new is planned to go there
    #[command(after_help = "\
Examples:
  keruen facility close HOSP-JEZ --reason repair
  keruen facility close WH-ALA --reason unsafe --on 2020-07-14 \\
      --document kind=order,number=17")]
    Close(Close),
    /// Open a closed facility again
    #[command(after_help = "\
Examples:
  keruen facility reopen HOSP-JEZ
  keruen facility reopen HOSP-JEZ --on 2020-08-01")]
    Reopen(Reopen),
    /// Say how much of a commodity a facility wants to keep at least
    #[command(after_help = "\
Examples:
  keruen facility set-reserve HOSP-JEZ TEST-SARS2 500
  keruen facility set-reserve HOSP-JEZ TEST-SARS2 0    none any more")]
    SetReserve(SetReserve),
    /// Take a facility out of use; what happened with it stays
    #[command(after_help = "\
Examples:
  keruen facility retire WH-OLD --reason replaced --successor WH-ALA")]
    Retire(RetireArgs),
    /// Show a facility
    #[command(after_help = "\
Examples:
  keruen facility get WH-ALA")]
    Get {
        /// Its code
        facility_id: String,
    },
    /// List facilities in order of their codes
    #[command(after_help = "\
Examples:
  keruen facility list
  keruen facility list --format json
  keruen facility list --retired")]
    List(RegistryListArgs),
}

/// A facility to be entered.
#[derive(Args, Debug)]
pub struct Register {
    /// Code of your choice: A to Z, 0 to 9, '.', '_' and '-'
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// What it is
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<FacilityKind>())]
    kind: Option<FacilityKind>,
    /// Its region, or CODE@DAY from a day on; repeat with later days, oldest first
    #[arg(long = "region", value_name = "CODE[@DAY]", required_unless_present = "json", value_parser = value::region)]
    regions: Vec<RegionAssignment>,
    /// IANA time zone, for example Asia/Almaty
    #[arg(long, value_name = "ZONE", required_unless_present = "json")]
    time_zone: Option<String>,
    /// Organisation that runs it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    operator: Option<String>,
    /// Latitude and longitude in degrees
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true, value_parser = value::location)]
    location: Option<GeoPoint>,
    /// A stock to keep at least: commodity=CODE,quantity=N; repeatable
    #[arg(long = "minimum-reserve", value_name = "RESERVE", value_parser = line::reserve)]
    minimum_reserves: Vec<MinimumReserve>,
    /// Key of another system, for example GLN=4870000000005; repeatable
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    site: SiteArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// What the site offers.
#[derive(Args, Debug)]
#[command(next_help_heading = "Site")]
struct SiteArgs {
    /// Mains voltage
    #[arg(long, value_name = "VOLTS", value_parser = clap::value_parser!(i32).range(1..))]
    mains_voltage: Option<i32>,
    /// Mains frequency
    #[arg(long, value_name = "HERTZ", value_parser = clap::value_parser!(i32).range(1..))]
    mains_frequency: Option<i32>,
    /// How long backup power lasts; 0 where there is none
    #[arg(long, value_name = "HOURS", value_parser = value::small)]
    backup_power: Option<i32>,
    /// Whether there is an oxygen supply
    #[arg(long, value_name = "TRUE|FALSE", value_parser = value::truth)]
    oxygen_supply: Option<bool>,
    /// Altitude above sea level
    #[arg(long, value_name = "METRES", value_parser = value::small)]
    altitude: Option<i32>,
    /// Type of its mains sockets, by letter; separate with commas
    #[arg(long, value_name = "LETTERS", value_delimiter = ',', value_parser = word::parser::<PlugType>())]
    plugs: Vec<PlugType>,
    /// Whether there is cold storage (2 to 8 °C)
    #[arg(long, value_name = "TRUE|FALSE", value_parser = value::truth)]
    cold_storage: Option<bool>,
    /// Whether there is a freezer (-15 °C or colder)
    #[arg(long, value_name = "TRUE|FALSE", value_parser = value::truth)]
    freezer: Option<bool>,
}

impl SiteArgs {
    /// What was given, part by part: the rest stays as it is.
    fn into_parts(self, fields: &mut Fields) -> Option<SiteData> {
        for (part, is_given) in [
            ("site.mains_voltage_v", self.mains_voltage.is_some()),
            ("site.mains_frequency_hz", self.mains_frequency.is_some()),
            ("site.backup_power_hours", self.backup_power.is_some()),
            ("site.oxygen_supply", self.oxygen_supply.is_some()),
            ("site.altitude_m", self.altitude.is_some()),
            ("site.cold_storage", self.cold_storage.is_some()),
            ("site.plug_types", !self.plugs.is_empty()),
            ("site.freezer", self.freezer.is_some()),
        ] {
            fields.given(part, is_given.then_some(()));
        }
        self.into_site()
    }

    /// The site data, if any was given.
    fn into_site(self) -> Option<SiteData> {
        let site = SiteData {
            mains_voltage_v: self.mains_voltage.unwrap_or_default(),
            mains_frequency_hz: self.mains_frequency.unwrap_or_default(),
            backup_power_hours: self.backup_power,
            oxygen_supply: self.oxygen_supply,
            altitude_m: self.altitude,
            cold_storage: self.cold_storage,
            plug_types: self.plugs.into_iter().map(Into::into).collect(),
            freezer: self.freezer,
        };
        (site != SiteData::default()).then_some(site)
    }
}

/// A facility to be amended. What is given takes the place of what was there; of its site, part by part.
#[derive(Args, Debug)]
pub struct Amend {
    /// Its code
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// What it is
    #[arg(long, value_parser = word::parser::<FacilityKind>())]
    kind: Option<FacilityKind>,
    /// IANA time zone, for example Asia/Almaty
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Organisation that runs it
    #[arg(long, value_name = "CODE")]
    operator: Option<String>,
    /// Latitude and longitude in degrees
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true, value_parser = value::location)]
    location: Option<GeoPoint>,
    #[command(flatten)]
    site: SiteArgs,
    /// Key of another system; repeatable; they take the place of the old ones
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
    /// A field, or a part of the site, to be emptied, named as in protobuf; repeatable
    #[arg(long = "clear", value_name = "FIELD")]
    cleared: Vec<String>,
    #[command(flatten)]
    name: NewNameArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A facility to be moved to another region.
#[derive(Args, Debug)]
pub struct AssignRegion {
    /// Its code
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// The region and its first day
    #[arg(value_name = "CODE@DAY", required_unless_present = "json", value_parser = value::region)]
    assignment: Option<RegionAssignment>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A facility to be closed.
#[derive(Args, Debug)]
pub struct Close {
    /// Its code
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<ClosureReason>())]
    reason: Option<ClosureReason>,
    /// First day. Default: the day on which it happened
    #[arg(long = "on", value_name = "DAY", value_parser = value::date)]
    closed_on: Option<String>,
    /// What it rests on: kind=…,number=…[,date=DAY]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A facility to be opened again.
#[derive(Args, Debug)]
pub struct Reopen {
    /// Its code
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// First day. Default: the day on which it happened
    #[arg(long = "on", value_name = "DAY", value_parser = value::date)]
    reopened_on: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A reserve to be kept.
#[derive(Args, Debug)]
pub struct SetReserve {
    /// Code of the facility
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// Code of the commodity
    #[arg(required_unless_present = "json")]
    commodity_id: Option<String>,
    /// Base units; 0 means none any more
    #[arg(required_unless_present = "json", value_parser = value::whole)]
    quantity: Option<i64>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Amend {
    /// The options of all commands, and the request.
    fn into_parts(self) -> (MutationArgs, AmendFacilityRequest) {
        let mut fields = Fields::cleared(self.cleared);
        let facility = Facility {
            facility_id: self.facility_id.unwrap_or_default(),
            name: fields.given("name", self.name.into_name()),
            kind: fields.given("kind", self.kind).map_or(0, Into::into),
            time_zone: fields
                .given("time_zone", self.time_zone)
                .unwrap_or_default(),
            operator_id: fields
                .given("operator_id", self.operator)
                .unwrap_or_default(),
            location: fields.given("location", self.location),
            site: self.site.into_parts(&mut fields),
            external_ids: fields.listed("external_ids", self.external_ids),
            ..Default::default()
        };
        let request = AmendFacilityRequest {
            facility: Some(facility),
            fields: fields.into_names(),
            ..Default::default()
        };
        (self.mutation, request)
    }
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Register(args) => {
                let facility = Facility {
                    facility_id: args.facility_id.unwrap_or_default(),
                    name: Some(args.name.into()),
                    kind: args.kind.map_or(0, Into::into),
                    regions: args.regions,
                    time_zone: args.time_zone.unwrap_or_default(),
                    operator_id: args.operator.unwrap_or_default(),
                    location: args.location,
                    site: args.site.into_site(),
                    minimum_reserves: args.minimum_reserves,
                    external_ids: args.external_ids,
                    ..Default::default()
                };
                let request = RegisterFacilityRequest {
                    facility: Some(facility),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Amend(args) => {
                let (mutation, request) = args.into_parts();
                session.change(&mutation, request).await
            }
            Self::AssignRegion(args) => {
                let assignment = args.assignment.unwrap_or_default();
                let request = AssignFacilityRegionRequest {
                    facility_id: args.facility_id.unwrap_or_default(),
                    region_id: assignment.region_id,
                    valid_from: assignment.valid_from,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Close(args) => {
                let request = CloseFacilityRequest {
                    facility_id: args.facility_id.unwrap_or_default(),
                    closed_on: args.closed_on.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Reopen(args) => {
                let request = ReopenFacilityRequest {
                    facility_id: args.facility_id.unwrap_or_default(),
                    reopened_on: args.reopened_on.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::SetReserve(args) => {
                let request = SetMinimumReserveRequest {
                    facility_id: args.facility_id.unwrap_or_default(),
                    commodity_id: args.commodity_id.unwrap_or_default(),
                    quantity: args.quantity.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Retire(args) => {
                let (mutation, retired) = args.into_parts();
                let request = RetireFacilityRequest {
                    facility_id: retired.id,
                    reason: retired.reason,
                    retired_on: retired.first_day,
                    successor_id: retired.successor_id,
                    documents: retired.documents,
                    ..Default::default()
                };
                session.change(&mutation, request).await
            }
            Self::Get { facility_id } => session.show(GetFacilityRequest { facility_id }).await,
            Self::List(RegistryListArgs { retired, list }) => {
                let request = ListFacilitiesRequest {
                    min_position: list.min_position,
                    show_retired: retired,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
