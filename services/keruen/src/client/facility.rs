//! Facilities.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    ExternalId, Facility, FacilityKind, GeoPoint, GetFacilityRequest, ListFacilitiesRequest,
    MinimumReserve, RegionAssignment, RegisterFacilityRequest, SiteData,
};

use crate::{
    client::{
        failure::Failure,
        line,
        mutation::{ListArgs, MutationArgs},
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
  keruen facility list --format json")]
    List(ListArgs),
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
    /// Key of another system, for example GLN=4870000000009; repeatable
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
    #[arg(long, value_name = "VOLTS")]
    mains_voltage: Option<i32>,
    /// Mains frequency
    #[arg(long, value_name = "HERTZ")]
    mains_frequency: Option<i32>,
    /// How long backup power lasts; 0 where there is none
    #[arg(long, value_name = "HOURS")]
    backup_power: Option<i32>,
    /// Whether there is an oxygen supply
    #[arg(long, value_name = "TRUE|FALSE", value_parser = value::truth)]
    oxygen_supply: Option<bool>,
    /// Altitude above sea level
    #[arg(long, value_name = "METRES", allow_negative_numbers = true)]
    altitude: Option<i32>,
    /// Whether there is cold storage (2 to 8 °C)
    #[arg(long, value_name = "TRUE|FALSE", value_parser = value::truth)]
    cold_storage: Option<bool>,
}

impl SiteArgs {
    /// The site data, if any was given.
    fn into_site(self) -> Option<SiteData> {
        let site = SiteData {
            mains_voltage_v: self.mains_voltage.unwrap_or_default(),
            mains_frequency_hz: self.mains_frequency.unwrap_or_default(),
            backup_power_hours: self.backup_power,
            oxygen_supply: self.oxygen_supply,
            altitude_m: self.altitude,
            cold_storage: self.cold_storage,
        };
        (site != SiteData::default()).then_some(site)
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
                };
                let request = RegisterFacilityRequest {
                    facility: Some(facility),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { facility_id } => session.show(GetFacilityRequest { facility_id }).await,
            Self::List(list) => {
                let request = ListFacilitiesRequest {
                    min_position: list.min_position,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
