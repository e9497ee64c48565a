//! Items.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    Accessory, AmendItemRequest, AmendItemResponse, ExternalId, Freezing, GetItemRequest, Item,
    KitComponent, ListItemsRequest, Pack, PlugType, RegisterItemRequest, RetireItemRequest,
    SiteNeeds, StorageRange, Substitute, Tracking,
};

use crate::{
    client::{
        aftermath::Aftermath,
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
    /// Enter an item: one product of one maker
    #[command(after_help = "\
Examples:
  keruen item register TEST-RAPID-A --commodity TEST-SARS2 \\
      --name-en 'Rapid antibody test' --tracking batch --expires \\
      --storage 2..30
  keruen item register O2-CONC-5L --commodity O2-CONCENTRATOR \\
      --name-en 'Oxygen concentrator, 5 l/min' --tracking serial \\
      --manufacturer 'Longfei' --model 'LFY-I-5A' --needs-mains-voltage 220 \\
      --accessory item=CANNULA,quantity=2
  keruen item register VACCINE-A --commodity VACCINE --name-en 'Vaccine A' \\
      --tracking batch --expires --storage 2..8 --freezing never \\
      --pack BOX=10,gtin=4006381333931 --pack CASE=200")]
    Register(Box<Register>),
    /// Change what the registry says of an item
    #[command(after_help = "\
Examples:
  keruen item amend TEST-RAPID-A --storage 2..8
  keruen item amend TEST-RAPID-A --gtin 4006381333931 --expires true
  keruen item amend O2-CONC-5L --clear accessories
  keruen item amend TEST-RAPID-A --substitute TEST-RAPID-B=MOH
  keruen item amend TEST-RAPID-A --pack BOX=25 --pack CASE=500

Where entries of a list are given (packs, accessories, components, substitutes, external \
ids), they take the place of all that were there: name also those that stay. What was \
dropped is told.")]
    Amend(Box<Amend>),
    /// Take an item out of use; what happened with it stays
    #[command(after_help = "\
Examples:
  keruen item retire TEST-RAPID-A --reason discontinued \\
      --successor TEST-RAPID-B --document kind=order,number=17")]
    Retire(RetireArgs),
    /// Show an item
    #[command(after_help = "\
Examples:
  keruen item get TEST-RAPID-A")]
    Get {
        /// Its code
        item_id: String,
    },
    /// List items in order of their codes
    #[command(after_help = "\
Examples:
  keruen item list --limit 50
  keruen item list --retired")]
    List(RegistryListArgs),
}

/// An item to be entered.
#[derive(Args, Debug)]
pub struct Register {
    /// Code of your choice: A to Z, 0 to 9, '.', '_' and '-'
    #[arg(required_unless_present = "json")]
    item_id: Option<String>,
    /// The commodity that it serves
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    commodity: Option<String>,
    /// How its units are told apart: counted by batch, or each by its serial number
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<Tracking>())]
    tracking: Option<Tracking>,
    /// Who makes it, as printed; required for items with serial numbers
    #[arg(long, value_name = "NAME")]
    manufacturer: Option<String>,
    /// Model or catalogue number, as printed; required for items with serial numbers
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// GTIN with its check digit
    #[arg(long, value_name = "DIGITS")]
    gtin: Option<String>,
    /// Every batch must state an expiry date
    #[arg(long)]
    expires: bool,
    /// Every batch is held on receipt until a verdict releases it
    #[arg(long)]
    release_required: bool,
    /// Its units are containers that are filled again, such as oxygen cylinders
    #[arg(long)]
    refillable: bool,
    /// Temperatures to keep it at, in °C, for example 2..8
    #[arg(long, value_name = "LOWEST..HIGHEST", allow_hyphen_values = true, value_parser = value::storage)]
    storage: Option<StorageRange>,
    /// Something that it needs to be of use: item=CODE,quantity=N for each unit; repeatable
    #[arg(long = "accessory", value_name = "ACCESSORY", value_parser = line::accessory)]
    accessories: Vec<Accessory>,
    /// Something that it consists of, if it is a kit: item=CODE,quantity=N for each kit; repeatable
    #[arg(long = "component", value_name = "COMPONENT", value_parser = line::component)]
    components: Vec<KitComponent>,
    /// A package in which its units come: CODE=BASE-UNITS[,gtin=DIGITS]; repeatable
    #[arg(long = "pack", value_name = "PACK", value_parser = line::pack)]
    packs: Vec<Pack>,
    /// An item that may be used instead, and the organisation that says so; repeatable, the best first
    #[arg(long = "substitute", value_name = "ITEM=ORGANISATION", value_parser = line::substitute)]
    substitutes: Vec<Substitute>,
    /// What frost does to it: it must never freeze, or must always stay frozen
    #[arg(long, value_parser = word::parser::<Freezing>())]
    freezing: Option<Freezing>,
    /// Key of another system; repeatable
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    needs: NeedsArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// What it needs of a site.
#[derive(Args, Debug)]
#[command(next_help_heading = "Needs of a site")]
struct NeedsArgs {
    /// Mains voltage
    #[arg(long, value_name = "VOLTS", value_parser = value::small)]
    needs_mains_voltage: Option<i32>,
    /// Mains frequency
    #[arg(long, value_name = "HERTZ", value_parser = value::small)]
    needs_mains_frequency: Option<i32>,
    /// An oxygen supply
    #[arg(long)]
    needs_oxygen_supply: bool,
    /// Highest altitude at which it works
    #[arg(long, value_name = "METRES", value_parser = value::small)]
    maximum_altitude: Option<i32>,
    /// Cold storage
    #[arg(long)]
    needs_cold_storage: bool,
    /// Mains socket, by the letter of its type
    #[arg(long, value_name = "LETTER", value_parser = word::parser::<PlugType>())]
    needs_plug: Option<PlugType>,
    /// How long backup power must last
    #[arg(long, value_name = "HOURS", value_parser = value::small)]
    needs_backup_power: Option<i32>,
}

impl NeedsArgs {
    /// What was given, part by part: the rest stays as it is.
    fn into_parts(self, fields: &mut Fields) -> Option<SiteNeeds> {
        for (part, is_given) in [
            (
                "site_needs.mains_voltage_v",
                self.needs_mains_voltage.is_some(),
            ),
            (
                "site_needs.mains_frequency_hz",
                self.needs_mains_frequency.is_some(),
            ),
            ("site_needs.oxygen_supply", self.needs_oxygen_supply),
            (
                "site_needs.maximum_altitude_m",
                self.maximum_altitude.is_some(),
            ),
            ("site_needs.cold_storage", self.needs_cold_storage),
            ("site_needs.plug_type", self.needs_plug.is_some()),
            (
                "site_needs.backup_power_hours",
                self.needs_backup_power.is_some(),
            ),
        ] {
            fields.given(part, is_given.then_some(()));
        }
        self.into_needs()
    }

    fn into_needs(self) -> Option<SiteNeeds> {
        let needs = SiteNeeds {
            mains_voltage_v: self.needs_mains_voltage.unwrap_or_default(),
            mains_frequency_hz: self.needs_mains_frequency.unwrap_or_default(),
            oxygen_supply: self.needs_oxygen_supply,
            maximum_altitude_m: self.maximum_altitude.unwrap_or_default(),
            cold_storage: self.needs_cold_storage,
            plug_type: self.needs_plug.map(Into::into),
            backup_power_hours: self.needs_backup_power.unwrap_or_default(),
        };
        (needs != SiteNeeds::default()).then_some(needs)
    }
}

/// An item to be amended. What is given takes the place of what was there; of what it needs of a site, part by part.
#[derive(Args, Debug)]
pub struct Amend {
    /// Its code
    #[arg(required_unless_present = "json")]
    item_id: Option<String>,
    /// Who makes it, as printed; only where it is empty yet
    #[arg(long, value_name = "NAME")]
    manufacturer: Option<String>,
    /// Model or catalogue number, as printed; only where it is empty yet
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// GTIN with its check digit
    #[arg(long, value_name = "DIGITS")]
    gtin: Option<String>,
    /// Whether every batch must state an expiry date
    #[arg(long, value_name = "TRUE|FALSE", value_parser = value::truth)]
    expires: Option<bool>,
    /// Whether every batch must be released by a verdict before anything of it is used
    #[arg(long, value_name = "TRUE|FALSE", value_parser = value::truth)]
    release_required: Option<bool>,
    /// Whether its units are containers that are filled again
    #[arg(long, value_name = "TRUE|FALSE", value_parser = value::truth)]
    refillable: Option<bool>,
    /// Temperatures to keep it at, in °C, for example 2..8
    #[arg(long, value_name = "LOWEST..HIGHEST", allow_hyphen_values = true, value_parser = value::storage)]
    storage: Option<StorageRange>,
    /// Something that it needs to be of use: item=CODE,quantity=N for each unit; repeatable
    #[arg(long = "accessory", value_name = "ACCESSORY", value_parser = line::accessory)]
    accessories: Vec<Accessory>,
    /// Something that it consists of, if it is a kit: item=CODE,quantity=N for each kit; repeatable
    #[arg(long = "component", value_name = "COMPONENT", value_parser = line::component)]
    components: Vec<KitComponent>,
    /// A package in which its units come: CODE=BASE-UNITS[,gtin=DIGITS]; repeatable; they take the place of all old ones
    #[arg(long = "pack", value_name = "PACK", value_parser = line::pack)]
    packs: Vec<Pack>,
    /// An item that may be used instead, and the organisation that says so; repeatable, the best first
    #[arg(long = "substitute", value_name = "ITEM=ORGANISATION", value_parser = line::substitute)]
    substitutes: Vec<Substitute>,
    /// What frost does to it: it must never freeze, or must always stay frozen
    #[arg(long, value_parser = word::parser::<Freezing>())]
    freezing: Option<Freezing>,
    #[command(flatten)]
    needs: NeedsArgs,
    /// Key of another system; repeatable; they take the place of the old ones
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
    /// A field to be emptied, named as in protobuf; repeatable
    #[arg(long = "clear", value_name = "FIELD")]
    cleared: Vec<String>,
    #[command(flatten)]
    name: NewNameArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// The item as it is, where a list of it is about to be given anew.
async fn before(session: &Session, item: &Item) -> Result<Option<Item>, Failure> {
    let gives_a_list = !item.packs.is_empty()
        || !item.accessories.is_empty()
        || !item.components.is_empty()
        || !item.substitutes.is_empty()
        || !item.external_ids.is_empty();
    if !gives_a_list {
        return Ok(None);
    }
    let question = GetItemRequest {
        item_id: item.item_id.clone(),
    };
    match session.ask(question).await {
        Ok(answer) => Ok(answer.item),
        // Whatever is wrong, the amendment says it.
        Err(Failure::Refused(_)) => Ok(None),
        Err(failure) if !failure.is_answer() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What a given list no longer has, of each list that is given.
fn dropped(before: &Item, given: &Item) -> Vec<String> {
    fn gone<'a, T>(what: &str, old: &'a [T], new: &[T], key: fn(&T) -> &str) -> Vec<String> {
        let stays = |it: &&'a T| new.is_empty() || new.iter().any(|new| key(new) == key(it));
        let gone = old.iter().filter(|it| !stays(it));
        gone.map(|it| format!("{what} {}", key(it))).collect()
    }
    [
        gone("pack", &before.packs, &given.packs, |it| &it.pack_id),
        gone("accessory", &before.accessories, &given.accessories, |it| {
            &it.item_id
        }),
        gone("component", &before.components, &given.components, |it| {
            &it.item_id
        }),
        gone(
            "substitute",
            &before.substitutes,
            &given.substitutes,
            |it| &it.item_id,
        ),
        gone(
            "external id",
            &before.external_ids,
            &given.external_ids,
            |it| &it.scheme,
        ),
    ]
    .concat()
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Register(args) => {
                let item = Item {
                    item_id: args.item_id.unwrap_or_default(),
                    commodity_id: args.commodity.unwrap_or_default(),
                    name: Some(args.name.into()),
                    tracking: args.tracking.map_or(0, Into::into),
                    manufacturer: args.manufacturer.unwrap_or_default(),
                    model: args.model.unwrap_or_default(),
                    gtin: args.gtin.unwrap_or_default(),
                    expires: args.expires,
                    storage: args.storage,
                    site_needs: args.needs.into_needs(),
                    accessories: args.accessories,
                    components: args.components,
                    packs: args.packs,
                    substitutes: args.substitutes,
                    freezing: args.freezing.map(Into::into),
                    external_ids: args.external_ids,
                    release_required: args.release_required.then_some(true),
                    refillable: args.refillable.then_some(true),
                    ..Default::default()
                };
                let request = RegisterItemRequest {
                    item: Some(item),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Amend(args) => {
                let mut fields = Fields::cleared(args.cleared);
                let item = Item {
                    item_id: args.item_id.unwrap_or_default(),
                    name: fields.given("name", args.name.into_name()),
                    manufacturer: fields
                        .given("manufacturer", args.manufacturer)
                        .unwrap_or_default(),
                    model: fields.given("model", args.model).unwrap_or_default(),
                    gtin: fields.given("gtin", args.gtin).unwrap_or_default(),
                    expires: fields.given("expires", args.expires).unwrap_or_default(),
                    release_required: fields.given("release_required", args.release_required),
                    refillable: fields.given("refillable", args.refillable),
                    storage: fields.given("storage", args.storage),
                    site_needs: args.needs.into_parts(&mut fields),
                    accessories: fields.listed("accessories", args.accessories),
                    components: fields.listed("components", args.components),
                    packs: fields.listed("packs", args.packs),
                    substitutes: fields.listed("substitutes", args.substitutes),
                    freezing: fields.given("freezing", args.freezing.map(Into::into)),
                    external_ids: fields.listed("external_ids", args.external_ids),
                    ..Default::default()
                };
                let before = before(session, &item).await?;
                let dropped = before.map_or_else(Vec::new, |before| dropped(&before, &item));
                let request = AmendItemRequest {
                    item: Some(item),
                    fields: fields.into_names(),
                    ..Default::default()
                };
                let tell = async |_: &Session, _: &str, _: &AmendItemResponse| {
                    Ok(Aftermath::new("dropped", dropped.clone().into(), dropped.iter().map(|it| {
                        format!("dropped: {it}; the entries that were given took the place of all; name it too if it stays")
                    }).collect()))
                };
                if dropped.is_empty() {
                    session.change(&args.mutation, request).await
                } else {
                    session.change_and_tell(&args.mutation, request, tell).await
                }
            }
            Self::Retire(args) => {
                let (mutation, retired) = args.into_parts();
                let request = RetireItemRequest {
                    item_id: retired.id,
                    reason: retired.reason,
                    retired_on: retired.first_day,
                    successor_id: retired.successor_id,
                    documents: retired.documents,
                    ..Default::default()
                };
                session.change(&mutation, request).await
            }
            Self::Get { item_id } => session.show(GetItemRequest { item_id }).await,
            Self::List(RegistryListArgs { retired, list }) => {
                let request = ListItemsRequest {
                    min_position: list.min_position,
                    show_retired: retired,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
