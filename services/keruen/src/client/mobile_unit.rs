//! Mobile units.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    DepartMobileUnitRequest, DeployMobileUnitRequest, GeoPoint, GetMobileUnitRequest,
    ListMobileUnitsRequest, PlannedStop, ReportThroughputRequest, ScheduleMobileUnitRequest, Stop,
    Throughput,
};

use crate::client::{
    amendment::RegistryListArgs, failure::Failure, line, mutation::MutationArgs,
    organisation::NameArgs, session::Session, value,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Record that a mobile unit stands at a place
    #[command(after_help = "\
Examples:
  keruen mobile-unit deploy LAB-1 --region KZ-31 --name-en Zhanatas \\
      --location 43.5667,69.75
  keruen mobile-unit deploy LAB-1 --region KZ-31 --name-en Karatau \\
      --occurred-at 2021-03-06T08:00:00+06:00

Its region follows from that day on, in every report by region. A stay before that ends. A stop \
of its schedule that is of this region and name is taken off the schedule. The unit is a \
facility of kind mobile-unit.")]
    Deploy(Deploy),
    /// Record that a mobile unit left its place
    #[command(after_help = "\
Examples:
  keruen mobile-unit depart LAB-1")]
    Depart(Depart),
    /// Say where a mobile unit is to go; that takes the place of what was said before
    #[command(after_help = "\
Examples:
  keruen mobile-unit schedule LAB-1 \\
      --stop region=KZ-31,place=Zhanatas,from=2099-03-01,until=2099-03-05 \\
      --stop region=KZ-31,place=Karatau,from=2099-03-06,until=2099-03-12
  keruen mobile-unit schedule LAB-1       it is to go nowhere")]
    Schedule(Schedule),
    /// Report what a mobile unit did in a period
    #[command(after_help = "\
Examples:
  keruen mobile-unit report LAB-1 TEST-SARS2 --quantity 1240 \\
      --from 2021-03-01 --until 2021-03-05
  keruen mobile-unit report LAB-1 TEST-SARS2 --quantity 1260 \\
      --from 2021-03-01 --until 2021-03-05 --corrected

Periods of one commodity don't overlap; what was reported wrongly is corrected for the very \
same period.")]
    Report(Report),
    /// Show where a mobile unit is, where it is to go, and what it has done
    #[command(after_help = "\
Examples:
  keruen mobile-unit get LAB-1")]
    Get {
        /// Its code
        facility_id: String,
    },
    /// List mobile units: where each one is, and where it goes next
    #[command(after_help = "\
Examples:
  keruen mobile-unit list
  keruen mobile-unit list --region KZ-31 --format csv")]
    List {
        /// Only those that are in this region now
        #[arg(long, value_name = "CODE")]
        region: Option<String>,
        #[command(flatten)]
        list: RegistryListArgs,
    },
}

/// A deployment.
#[derive(Args, Debug)]
pub struct Deploy {
    /// Code of the unit
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// Region in which it stands
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    region: Option<String>,
    /// Latitude and longitude in degrees
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true, value_parser = value::location)]
    location: Option<GeoPoint>,
    #[command(flatten)]
    place: NameArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A departure.
#[derive(Args, Debug)]
pub struct Depart {
    /// Code of the unit
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A schedule.
#[derive(Args, Debug)]
pub struct Schedule {
    /// Code of the unit
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// A stop: region=CODE,place=NAME,from=DAY,until=DAY[,place-kk=NAME][,place-ru=NAME]; repeat in order
    #[arg(long = "stop", value_name = "STOP", value_parser = line::stop)]
    stops: Vec<PlannedStop>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A report.
#[derive(Args, Debug)]
pub struct Report {
    /// Code of the unit
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// What it dealt with
    #[arg(required_unless_present = "json")]
    commodity_id: Option<String>,
    /// First day of the period
    #[arg(long, value_name = "DAY", required_unless_present = "json", value_parser = value::date)]
    from: Option<String>,
    /// Last day of the period
    #[arg(long, value_name = "DAY", required_unless_present = "json", value_parser = value::date)]
    until: Option<String>,
    /// How many, in base units of the commodity
    #[arg(long, value_name = "NUMBER", required_unless_present = "json", value_parser = value::whole)]
    quantity: Option<i64>,
    /// This takes the place of what was reported for this very period
    #[arg(long)]
    corrected: bool,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Deploy(args) => {
                let request = DeployMobileUnitRequest {
                    facility_id: args.facility_id.unwrap_or_default(),
                    stop: Some(Stop {
                        region_id: args.region.unwrap_or_default(),
                        place: Some(args.place.into()),
                        location: args.location,
                    }),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Depart(args) => {
                let request = DepartMobileUnitRequest {
                    facility_id: args.facility_id.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Schedule(args) => {
                let request = ScheduleMobileUnitRequest {
                    facility_id: args.facility_id.unwrap_or_default(),
                    stops: args.stops,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Report(args) => {
                let request = ReportThroughputRequest {
                    facility_id: args.facility_id.unwrap_or_default(),
                    throughput: Some(Throughput {
                        commodity_id: args.commodity_id.unwrap_or_default(),
                        first_day: args.from.unwrap_or_default(),
                        last_day: args.until.unwrap_or_default(),
                        quantity: args.quantity.unwrap_or_default(),
                    }),
                    corrected: args.corrected,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { facility_id } => session.show(GetMobileUnitRequest { facility_id }).await,
            Self::List {
                region,
                list: RegistryListArgs { retired, list },
            } => {
                let request = ListMobileUnitsRequest {
                    region_id: region.unwrap_or_default(),
                    min_position: list.min_position,
                    show_retired: retired,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
