//! Vehicles.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    AmendVehicleRequest, AssetLink, ExternalId, GetVehicleRequest, ListVehiclesRequest,
    RegisterVehicleRequest, RetireVehicleRequest, StorageRange, Vehicle, VehicleKind,
};

use crate::{
    client::{
        amendment::{Fields, RegistryListArgs, RetireArgs},
        failure::Failure,
        mutation::MutationArgs,
        session::Session,
        value,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Enter a vehicle
    #[command(after_help = "\
Examples:
  keruen vehicle register VAN-1 --kind refrigerated --owner HELP \\
      --capacity-kg 900 --capacity-l 6000 --cold-box 2..8 \\
      --external-id PLATE=123ABC02
  keruen vehicle register RRV-17 --kind rapid-response --owner MOH \\
      --asset RRV-SARYARKA,SA-000017")]
    Register(Box<Register>),
    /// Change what the registry says of a vehicle
    #[command(after_help = "\
Examples:
  keruen vehicle amend VAN-1 --owner MOH
  keruen vehicle amend VAN-1 --external-id PLATE=777KZT02
  keruen vehicle amend VAN-1 --clear cold_box")]
    Amend(Box<Amend>),
    /// Take a vehicle out of use; what happened with it stays
    #[command(after_help = "\
Examples:
  keruen vehicle retire VAN-1 --reason worn-out --successor VAN-2")]
    Retire(RetireArgs),
    /// Show a vehicle
    #[command(after_help = "\
Examples:
  keruen vehicle get VAN-1")]
    Get {
        /// Its code
        vehicle_id: String,
    },
    /// List vehicles in order of their codes
    #[command(after_help = "\
Examples:
  keruen vehicle list
  keruen vehicle list --format csv
  keruen vehicle list --retired")]
    List(RegistryListArgs),
}

/// What is known of a vehicle.
#[derive(Args, Debug)]
struct Data {
    /// Load in kilograms
    #[arg(long, value_name = "KG", value_parser = value::small)]
    capacity_kg: Option<i32>,
    /// Load in litres
    #[arg(long, value_name = "LITRES", value_parser = value::small)]
    capacity_l: Option<i32>,
    /// Temperatures that its cold box keeps, in °C, for example 2..8
    #[arg(long, value_name = "LOWEST..HIGHEST", allow_hyphen_values = true, value_parser = value::storage)]
    cold_box: Option<StorageRange>,
    /// Key of another system, for example PLATE=123ABC02; repeatable
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
    /// The asset that it is in the books
    #[arg(long, value_name = "ITEM,SERIAL", value_parser = value::asset)]
    asset: Option<AssetLink>,
}

/// A vehicle to be entered.
#[derive(Args, Debug)]
pub struct Register {
    /// Code of your choice: A to Z, 0 to 9, '.', '_' and '-'
    #[arg(required_unless_present = "json")]
    vehicle_id: Option<String>,
    /// What it is
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<VehicleKind>())]
    kind: Option<VehicleKind>,
    /// Organisation that it belongs to
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    owner: Option<String>,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A vehicle to be amended. What is given takes the place of what was there.
#[derive(Args, Debug)]
pub struct Amend {
    /// Its code
    #[arg(required_unless_present = "json")]
    vehicle_id: Option<String>,
    /// What it is
    #[arg(long, value_parser = word::parser::<VehicleKind>())]
    kind: Option<VehicleKind>,
    /// Organisation that it belongs to
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    #[command(flatten)]
    data: Data,
    /// A field to be emptied, named as in protobuf; repeatable
    #[arg(long = "clear", value_name = "FIELD")]
    cleared: Vec<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Register(args) => {
                let vehicle = Vehicle {
                    vehicle_id: args.vehicle_id.unwrap_or_default(),
                    kind: args.kind.map_or(0, Into::into),
                    owner_id: args.owner.unwrap_or_default(),
                    capacity_kg: args.data.capacity_kg.unwrap_or_default(),
                    capacity_l: args.data.capacity_l.unwrap_or_default(),
                    cold_box: args.data.cold_box,
                    external_ids: args.data.external_ids,
                    asset: args.data.asset,
                    retired: None,
                };
                let request = RegisterVehicleRequest {
                    vehicle: Some(vehicle),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Amend(args) => {
                let mut fields = Fields::cleared(args.cleared);
                let data = args.data;
                let kind: Option<i32> = fields.given("kind", args.kind.map(Into::into));
                let vehicle = Vehicle {
                    vehicle_id: args.vehicle_id.unwrap_or_default(),
                    kind: kind.unwrap_or_default(),
                    owner_id: fields.given("owner_id", args.owner).unwrap_or_default(),
                    capacity_kg: fields
                        .given("capacity_kg", data.capacity_kg)
                        .unwrap_or_default(),
                    capacity_l: fields
                        .given("capacity_l", data.capacity_l)
                        .unwrap_or_default(),
                    cold_box: fields.given("cold_box", data.cold_box),
                    external_ids: fields.listed("external_ids", data.external_ids),
                    asset: fields.given("asset", data.asset),
                    retired: None,
                };
                let request = AmendVehicleRequest {
                    vehicle: Some(vehicle),
                    fields: fields.into_names(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Retire(args) => {
                let (mutation, retired) = args.into_parts();
                let request = RetireVehicleRequest {
                    vehicle_id: retired.id,
                    reason: retired.reason,
                    retired_on: retired.first_day,
                    successor_id: retired.successor_id,
                    documents: retired.documents,
                    ..Default::default()
                };
                session.change(&mutation, request).await
            }
            Self::Get { vehicle_id } => session.show(GetVehicleRequest { vehicle_id }).await,
            Self::List(RegistryListArgs { retired, list }) => {
                let request = ListVehiclesRequest {
                    min_position: list.min_position,
                    show_retired: retired,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
