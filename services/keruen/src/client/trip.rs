//! Trips.

use clap::{Args, Subcommand};
use keruen_proto::{
    shipments::v1::{
        BreakdownReason, CancelTripRequest, ColdChainOverride, ColdChainOverrideReason,
        CompleteTripRequest, DepartTripRequest, GetTripRequest, LoadShipmentRequest,
        PlanTripRequest, ReachStopRequest, ReportBreakdownRequest, ResumeTripRequest,
        TripCancellationReason, TripState, TripStop, UnloadShipmentRequest,
    },
    stock::v1::ListTripsRequest,
};

use crate::{
    client::{
        failure::Failure,
        line,
        mutation::{ListArgs, MutationArgs, Papers},
        session::Session,
        value,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Plan a trip of a vehicle and a crew
    #[command(after_help = "\
Examples:
  keruen trip plan --id NORTH-7 --vehicle VAN-1 --crew CREW-1 \\
      --departs-on 2099-03-01 --returns-on 2099-03-03 \\
      --stop WH-ALA --stop HOSP-BAL=2099-03-01 --stop HOSP-JEZ=2099-03-02

A vehicle or crew is on one trip at a time. A stop is CODE, or CODE=DAY on which it is expected there.")]
    Plan(Plan),
    /// Put a shipment on a trip
    #[command(after_help = "\
Examples:
  keruen trip load NORTH-7 S-JEZ-1
  keruen trip load NORTH-7 S-JEZ-2 --override-by person:1 \\
      --override-reason packed-cold

The trip must stop where the shipment comes from and then where it goes, the vehicle must carry the weight and room of \
its parcels, and its cold box must keep what must stay cold.")]
    Load(Load),
    /// Take a shipment off a trip, so that it can go with another one
    #[command(after_help = "\
Examples:
  keruen trip unload NORTH-7 S-JEZ-1")]
    Unload(Unload),
    /// Record that a trip left
    #[command(after_help = "\
Examples:
  keruen trip depart NORTH-7

What gets on at the first stop must have been dispatched: `keruen shipment dispatch`.")]
    Depart(Step),
    /// Record that a trip was at a stop
    #[command(after_help = "\
Examples:
  keruen trip reach NORTH-7
  keruen trip reach NORTH-7 --stop 3 --occurred-at 2026-03-02T14:30:00+05:00")]
    Reach(Reach),
    /// Record that a trip can't go on
    #[command(after_help = "\
Examples:
  keruen trip break-down NORTH-7 --reason road")]
    BreakDown(BreakDown),
    /// Record that a trip goes on, with the same or another vehicle and crew
    #[command(after_help = "\
Examples:
  keruen trip resume NORTH-7
  keruen trip resume NORTH-7 --vehicle VAN-2 --returns-on 2099-03-05")]
    Resume(Resume),
    /// Record that a trip is over: vehicle and crew are free again
    #[command(after_help = "\
Examples:
  keruen trip complete NORTH-7

Every shipment on it has arrived, or was taken off it.")]
    Complete(Step),
    /// Cancel a trip before it leaves
    #[command(after_help = "\
Examples:
  keruen trip cancel NORTH-7 --reason weather")]
    Cancel(Cancel),
    /// Show a trip: its stops, and what it carries
    #[command(after_help = "\
Examples:
  keruen trip get NORTH-7")]
    Get {
        /// Its id
        trip_id: String,
    },
    /// List trips, newest first
    #[command(after_help = "\
Examples:
  keruen trip list --state planned --state under-way
  keruen trip list --vehicle VAN-1 --format csv")]
    List(Listing),
}

/// A plan.
#[derive(Args, Debug)]
pub struct Plan {
    /// Id of your choice. Default: the server makes one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The vehicle
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    vehicle: Option<String>,
    /// The crew
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    crew: Option<String>,
    /// First day on which both are needed
    #[arg(long, value_name = "DAY", required_unless_present = "json", value_parser = value::date)]
    departs_on: Option<String>,
    /// Last day. Default: the first
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    returns_on: Option<String>,
    /// Where it stops, CODE[=DAY]; repeatable, in order
    #[arg(long = "stop", value_name = "STOP", required_unless_present = "json", value_parser = line::trip_stop)]
    stops: Vec<TripStop>,
    #[command(flatten)]
    papers: Papers,
}

/// A load.
#[derive(Args, Debug)]
pub struct Load {
    /// The trip
    #[arg(required_unless_present = "json")]
    trip_id: Option<String>,
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Who answers for it that there is no cold box that fits: a reference, never a name
    #[arg(long, value_name = "REF", requires = "override_reason")]
    override_by: Option<String>,
    /// Why it goes all the same
    #[arg(long, value_name = "REASON", requires = "override_by", value_parser = word::parser::<ColdChainOverrideReason>())]
    override_reason: Option<ColdChainOverrideReason>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// What is taken off.
#[derive(Args, Debug)]
pub struct Unload {
    /// The trip
    #[arg(required_unless_present = "json")]
    trip_id: Option<String>,
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A step of a trip.
#[derive(Args, Debug)]
pub struct Step {
    /// The trip
    #[arg(required_unless_present = "json")]
    trip_id: Option<String>,
    #[command(flatten)]
    papers: Papers,
}

/// A stop.
#[derive(Args, Debug)]
pub struct Reach {
    /// The trip
    #[arg(required_unless_present = "json")]
    trip_id: Option<String>,
    /// Number of the stop, from 1. Default: the next one
    #[arg(long, value_name = "N")]
    stop: Option<u16>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A breakdown.
#[derive(Args, Debug)]
pub struct BreakDown {
    /// The trip
    #[arg(required_unless_present = "json")]
    trip_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<BreakdownReason>())]
    reason: Option<BreakdownReason>,
    #[command(flatten)]
    papers: Papers,
}

/// A resumption.
#[derive(Args, Debug)]
pub struct Resume {
    /// The trip
    #[arg(required_unless_present = "json")]
    trip_id: Option<String>,
    /// Vehicle with which it goes on. Default: the same
    #[arg(long, value_name = "CODE")]
    vehicle: Option<String>,
    /// Crew with which it goes on. Default: the same
    #[arg(long, value_name = "CODE")]
    crew: Option<String>,
    /// Last day on which both are needed. Default: as planned, or today
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    returns_on: Option<String>,
    #[command(flatten)]
    papers: Papers,
}

/// A cancellation.
#[derive(Args, Debug)]
pub struct Cancel {
    /// The trip
    #[arg(required_unless_present = "json")]
    trip_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<TripCancellationReason>())]
    reason: Option<TripCancellationReason>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// Which trips.
#[derive(Args, Debug)]
pub struct Listing {
    /// Only with this vehicle
    #[arg(long, value_name = "CODE")]
    vehicle: Option<String>,
    /// Only with this crew
    #[arg(long, value_name = "CODE")]
    crew: Option<String>,
    /// Only in this state; repeatable
    #[arg(long = "state", value_name = "STATE", value_parser = word::parser::<TripState>())]
    states: Vec<TripState>,
    #[command(flatten)]
    list: ListArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Plan(args) => args.run(session).await,
            Self::Load(args) => args.run(session).await,
            Self::Unload(args) => {
                let request = UnloadShipmentRequest {
                    trip_id: args.trip_id.unwrap_or_default(),
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Depart(args) => {
                let request = DepartTripRequest {
                    trip_id: args.trip_id.unwrap_or_default(),
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::Reach(args) => {
                let request = ReachStopRequest {
                    trip_id: args.trip_id.unwrap_or_default(),
                    stop: args.stop.map_or(0, i32::from),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::BreakDown(args) => {
                let request = ReportBreakdownRequest {
                    trip_id: args.trip_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::Resume(args) => {
                let request = ResumeTripRequest {
                    trip_id: args.trip_id.unwrap_or_default(),
                    vehicle_id: args.vehicle.unwrap_or_default(),
                    crew_id: args.crew.unwrap_or_default(),
                    returns_on: args.returns_on.unwrap_or_default(),
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::Complete(args) => {
                let request = CompleteTripRequest {
                    trip_id: args.trip_id.unwrap_or_default(),
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::Cancel(args) => {
                let request = CancelTripRequest {
                    trip_id: args.trip_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { trip_id } => session.show(GetTripRequest { trip_id }).await,
            Self::List(args) => {
                let request = ListTripsRequest {
                    vehicle_id: args.vehicle.unwrap_or_default(),
                    crew_id: args.crew.unwrap_or_default(),
                    states: args.states.iter().map(|state| (*state).into()).collect(),
                    min_position: args.list.min_position,
                    ..Default::default()
                };
                session.list(request, args.list.limit).await
            }
        }
    }
}

impl Plan {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = PlanTripRequest {
            trip_id: self.id.unwrap_or_default(),
            vehicle_id: self.vehicle.unwrap_or_default(),
            crew_id: self.crew.unwrap_or_default(),
            departs_on: self.departs_on.unwrap_or_default(),
            returns_on: self.returns_on.unwrap_or_default(),
            stops: self.stops,
            documents: self.papers.documents,
            ..Default::default()
        };
        session.change(&self.papers.mutation, request).await
    }
}

impl Load {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let reason = self.override_reason.map_or(0, Into::into);
        let request = LoadShipmentRequest {
            trip_id: self.trip_id.unwrap_or_default(),
            shipment_id: self.shipment_id.unwrap_or_default(),
            cold_chain_override: self.override_by.map(|authorised_by_ref| ColdChainOverride {
                authorised_by_ref,
                reason,
            }),
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}
