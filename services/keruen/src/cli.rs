//! The command line: its verbs, and the options that all of them share.

use std::{any::TypeId, path::PathBuf, time::Duration};

use clap::{
    Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
    builder::NonEmptyStringValueParser,
};

use crate::{
    backup,
    client::{
        asset, batch, check, command, commodity, consignment, correct, crew, custody, donation,
        duty, emergency, events, facility, filter, find, goods, inbox, item, kit, liability, log,
        mobile_unit, organisation, outbox, plan, projections, recall, region, report, request,
        shipment, stock, timeline, trace, trip, value, vehicle, volunteer,
    },
    demo, doctor, generate, import, serve,
};

/// Where a node listens unless told otherwise.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:7460";

const HELP_TEMPLATE: &str = "\
{before-help}{about-with-newline}
{usage-heading} {usage}

Run a node:
  serve         Run a node: the log, the services and the web page
  demo          Run a node and play a story on it, from donor to bedside
  generate      Play a made-up month on a node, for trying and measuring

Look after a node:
  backup        Copy the store of a node, also while it runs
  restore       Put a backup where there is no store
  doctor        Tell what a node needs: room, clock, backup
  projections   Tell where the views stand, and build them anew

When the line drops:
  outbox        List and send the commands that have no answer yet
  command       Tell what became of a command

Ask:
  inbox         Show what waits for somebody: to triage, to approve, to sign, overdue
  stock         Show where how much of everything is
  report        Unmet needs, what expires, what to order, what an auditor looks at
  timeline      Tell everything that happened to one thing
  liability     List who is liable for what, and for how much
  trace         Follow a donation, batch, asset or request to the bedside
  filter        Explain how rows of lists are chosen and ordered, with all fields
  events        Print the events of the log, and follow it
  log           Show where the log stands, and prove that nobody rewrote it
  check         Check that the whole history keeps the invariants

Record what happens:
  donation      Pledge, receive, spend and close donations
  consignment   Follow donations from abroad through customs
  correct       Put right what was recorded wrongly
  kit           Kits, put together and taken apart
  request       File and decide what hospitals ask for
  plan          Share goods over facilities, and follow what was delivered
  emergency     Declare and end emergencies
  shipment      Move goods from one facility to another
  custody       Hand goods over; liability agreements and keepers
  trip          Let vehicles and crews carry shipments from stop to stop
  batch         Show a batch; hold and release it
  recall        Recall a lot wherever it is
  asset         Install, repair, lend and retire a unit with a serial number; show it
  goods         Receive goods that nobody can name yet, and identify them

Master data:
  organisation  Donors, ministries, carriers and so on
  facility      Warehouses, hospitals, laboratories
  mobile-unit   Where mobile units are, where they go next, what they have done
  commodity     What needs are about
  item          Products that serve a commodity
  region        Regions and the days on which they exist
  vehicle       What goods are carried in
  volunteer     People who help, as references; the crews in which they are
  crew          Volunteers who go out together
  duty          Who is on duty for a region, as references
  find          Find what a GTIN, BIN or another key of another system stands for
  import        Enter many facilities, items, donations, counts or movements from a CSV file

Options:
{options}{after-help}";

const AFTER_HELP: &str = "\
Examples:
  keruen demo
  keruen stock --by region,commodity
  keruen donation get KASPI-TESTS
  keruen request list --open --format json

Exit status:
  0   done
  1   refused, with the reason
  2   the command line is wrong
  69  no server answers a question
  74  what was to be verified can't be read
  75  no answer, or not now; a command waits in the outbox: send it with `keruen outbox send`
  130 an import was interrupted: run it again to go on

`keruen help VERB` explains a verb, with examples.";

/// Moves donated medical aid from donor to bedside and keeps one verifiable history of it.
#[derive(Parser, Debug)]
#[command(
    name = "keruen",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 110,
    help_template = HELP_TEMPLATE,
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// Options of all verbs.
    #[command(flatten)]
    pub globals: Globals,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// How to reach a node and how to print its answers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection and output")]
pub struct Globals {
    /// Address of the node
    #[arg(long, global = true, env = "KERUEN_SERVER", hide_env_values = true, value_name = "URL", default_value = DEFAULT_SERVER)]
    pub server: String,
    /// Who gives the command: a reference, never a name. Default: cli:<user of the operating system>
    #[arg(long, global = true, env = "KERUEN_ACTOR", hide_env_values = true, value_name = "REF", value_parser = value::actor)]
    pub actor: Option<String>,
    /// How to print answers. Default: table, of `events` JSON
    #[arg(long, global = true, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Folder in which commands wait from before they are sent until they are answered. Default: outbox of keruen in the
    /// state directory of the user, ~/.local/state on Linux
    #[arg(
        long,
        global = true,
        env = "KERUEN_OUTBOX",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub outbox: Option<PathBuf>,
    /// How long to wait for an answer, for example 500ms, 30s, 2m
    #[arg(long, global = true, value_name = "TIME", default_value = "30s", value_parser = value::duration)]
    pub timeout: Duration,
    /// Say on standard error, as a line `as of position N`, up to which position of the log the answer reflects everything:
    /// for --min-position of what is asked next
    #[arg(long, global = true)]
    pub show_position: bool,
}

/// How to print answers.
// Comments of the variants would make every help page twice as long.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    // For people.
    Table,
    // One document: an object for one thing, an array for a list.
    Json,
    // With a header.
    Csv,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a node: the log, the services and the web page
    Serve(serve::Args),
    /// Run a node and play a story on it, from donor to bedside
    Demo(demo::Args),
    /// Play a made-up month on a node, for trying and measuring
    Generate(generate::Args),
    /// Copy the store of a node, also while it runs
    Backup(backup::BackupArgs),
    /// Put a backup where there is no store
    Restore(backup::RestoreArgs),
    /// Tell what a node needs: room, clock, backup
    Doctor(doctor::Args),
    /// List and send the commands that have no answer yet
    #[command(subcommand)]
    Outbox(outbox::Verb),
    /// Tell what became of a command
    #[command(subcommand, name = "command")]
    Given(command::Verb),
    /// Tell where the views stand, and build them anew
    Projections(projections::Args),
    /// Donors, ministries, carriers and so on
    #[command(subcommand, visible_alias = "organization")]
    Organisation(organisation::Verb),
    /// Warehouses, hospitals, laboratories
    #[command(subcommand)]
    Facility(facility::Verb),
    /// Where mobile units are, where they go next, what they have done
    #[command(subcommand)]
    MobileUnit(mobile_unit::Verb),
    /// What needs are about
    #[command(subcommand)]
    Commodity(commodity::Verb),
    /// Products that serve a commodity
    #[command(subcommand)]
    Item(item::Verb),
    /// Regions and the days on which they exist
    #[command(subcommand)]
    Region(region::Verb),
    /// What goods are carried in
    #[command(subcommand)]
    Vehicle(vehicle::Verb),
    /// People who help, as references; the crews in which they are
    #[command(subcommand)]
    Volunteer(volunteer::Verb),
    /// Volunteers who go out together
    #[command(subcommand)]
    Crew(crew::Verb),
    /// Who is on duty for a region, as references
    #[command(subcommand)]
    Duty(duty::Verb),
    /// Find what a GTIN, BIN or another key of another system stands for
    Find(find::Args),
    /// Pledge, receive, spend and close donations
    #[command(subcommand)]
    Donation(donation::Verb),
    /// Follow donations from abroad through customs
    #[command(subcommand)]
    Consignment(consignment::Verb),
    /// Show what waits for somebody: to triage, to approve, to sign, overdue
    Inbox(inbox::Args),
    /// Show where how much of everything is; adjust, consume and dispose of it
    Stock(Box<stock::Args>),
    /// Unmet needs, what expires, what to order, what an auditor looks at
    #[command(subcommand)]
    Report(report::Verb),
    /// Tell everything that happened to one thing
    Timeline(timeline::Args),
    /// Show a batch; hold and release it
    #[command(subcommand)]
    Batch(batch::Verb),
    /// Recall a lot wherever it is
    #[command(subcommand)]
    Recall(recall::Verb),
    /// Put right what was recorded wrongly
    #[command(subcommand)]
    Correct(correct::Verb),
    /// Kits: put together of components of known batches, and taken apart
    #[command(subcommand)]
    Kit(kit::Verb),
    /// Install, repair, lend and retire a unit with a serial number; show it
    #[command(subcommand)]
    Asset(asset::Verb),
    /// Receive goods that nobody can name yet, and identify them
    #[command(subcommand)]
    Goods(goods::Verb),
    /// File and decide what hospitals ask for
    #[command(subcommand)]
    Request(request::Verb),
    /// Share goods over facilities, and follow what was delivered
    #[command(subcommand)]
    Plan(plan::Verb),
    /// Declare and end emergencies
    #[command(subcommand)]
    Emergency(emergency::Verb),
    /// Move goods from one facility to another
    #[command(subcommand)]
    Shipment(shipment::Verb),
    /// Hand goods over; liability agreements and keepers
    #[command(subcommand)]
    Custody(custody::Verb),
    /// Who is liable for what, and for how much
    #[command(subcommand)]
    Liability(liability::Verb),
    /// Trips of vehicles and crews, which carry shipments
    #[command(subcommand)]
    Trip(trip::Verb),
    /// Follow a donation, batch, asset or request to the bedside
    #[command(subcommand)]
    Trace(trace::Subject),
    /// Explain how rows of lists are chosen and ordered, with all fields
    Filter(filter::Args),
    /// Print the events of the log as CloudEvents, and follow it
    Events(events::Args),
    /// Show where the log stands, and prove that nobody rewrote it
    #[command(subcommand)]
    Log(log::Verb),
    /// Check that the whole history keeps the invariants
    Check(check::Args),
    /// Enter many facilities, items, donations, counts or movements from a CSV file
    #[command(subcommand)]
    Import(import::Kind),
}

/// What may stand beside `--json`, since it is about the command and not about its content.
const BESIDE_JSON: &[&str] = &[
    "json",
    "command_id",
    "occurred_at",
    "occurred_at_precision",
    "validate_only",
];

impl Cli {
    /// The command line, where `--json` takes the place of every option that says what the request says.
    pub fn definition() -> clap::Command {
        refuse_empty_codes(take_negative_numbers(exclude_json(Self::command())))
    }

    /// Parses the arguments of the process, or exits and says what is wrong with them.
    pub fn from_process() -> Self {
        let matches = Self::definition().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// What is wrong with a number is said by its own rule: a negative one is a value, and not an option that nobody knows.
fn take_negative_numbers(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let takes_values = arg.get_action().takes_values();
            arg.allow_negative_numbers(takes_values)
        })
        .mut_subcommands(take_negative_numbers)
}

/// A variable of a script that is not set must not ask for everything.
fn refuse_empty_codes(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let names = arg.get_value_names().unwrap_or_default();
            let is_code = names.iter().any(|name| name == "CODE" || name == "ID");
            if is_code && arg.get_value_parser().type_id() == TypeId::of::<String>() {
                arg.value_parser(NonEmptyStringValueParser::new())
            } else {
                arg
            }
        })
        .mut_subcommands(refuse_empty_codes)
}

fn exclude_json(command: clap::Command) -> clap::Command {
    let ids: Vec<clap::Id> = command
        .get_arguments()
        .map(|arg| arg.get_id().clone())
        .collect();
    let command = if ids.iter().any(|id| id == "json") {
        let others = ids
            .into_iter()
            .filter(|id| !BESIDE_JSON.contains(&id.as_str()));
        command.mut_arg("json", |json| json.conflicts_with_all(others))
    } else {
        command
    };
    command.mut_subcommands(exclude_json)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;

    use super::*;
    use crate::client::rpc::METHODS;

    /// All verbs that do something, with their names: `donation pledge`.
    fn verbs(command: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
        let mut found = Vec::new();
        for verb in command
            .get_subcommands()
            .filter(|verb| verb.get_name() != "help")
        {
            let name = format!("{name} {}", verb.get_name()).trim().to_owned();
            found.extend(verbs(verb, &name));
            if !verb.is_subcommand_required_set() {
                found.push((name, verb.clone()));
            }
        }
        found
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::definition().debug_assert();
    }

    #[test]
    fn every_rpc_has_a_verb() {
        let descriptors =
            prost_types::FileDescriptorSet::decode(keruen_proto::FILE_DESCRIPTOR_SET).unwrap();
        let mut rpcs = BTreeSet::new();
        for file in &descriptors.file {
            for service in &file.service {
                for method in &service.method {
                    rpcs.insert(format!(
                        "{}.{}/{}",
                        file.package(),
                        service.name(),
                        method.name()
                    ));
                }
            }
        }
        let called: BTreeSet<String> = METHODS
            .iter()
            .map(|method| method.name.to_owned())
            .collect();
        assert_eq!(called, rpcs);
        let mut cli = Cli::definition();
        cli.build();
        for method in METHODS {
            let found = method
                .verb
                .split(' ')
                .try_fold(&cli, |command, verb| command.find_subcommand(verb));
            assert!(
                found.is_some(),
                "keruen {} for {}",
                method.verb,
                method.name
            );
        }
    }

    #[test]
    fn every_verb_has_examples_that_parse() {
        for (name, verb) in verbs(&Cli::definition(), "") {
            let help = verb
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let examples = help.replace("\\\n      ", "");
            // What follows several spaces explains it.
            let command = |line: &str| {
                line.trim()
                    .split("    ")
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            let wide = help
                .lines()
                .filter(|line| {
                    ["keruen", "--"]
                        .iter()
                        .any(|start| line.trim().starts_with(start))
                })
                .find(|line| {
                    command(line).chars().count() + line.len() - line.trim_start().len() > 80
                });
            assert_eq!(wide, None, "keruen {name} --help does not fit 80 columns");
            let prefix = format!("keruen {name}");
            let examples: Vec<&str> = examples
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with(&prefix))
                .collect();
            assert!(!examples.is_empty(), "keruen {name} --help has no example");
            for example in examples {
                let words = shlex::split(&command(example)).unwrap();
                if let Err(error) = Cli::definition().try_get_matches_from(words) {
                    panic!("{example}\n{error}");
                }
            }
        }
    }

    #[test]
    fn the_help_lists_every_verb_with_what_it_says_itself() {
        for verb in Cli::definition().get_subcommands() {
            let line = format!("\n  {} ", verb.get_name());
            assert!(
                HELP_TEMPLATE.contains(&line),
                "{} is not in the help",
                verb.get_name()
            );
        }
    }

    #[test]
    fn json_takes_the_place_of_what_it_says() {
        let parse =
            |line: &str| Cli::definition().try_get_matches_from(shlex::split(line).unwrap());
        assert!(parse("keruen donation pledge --json p.json --command-id 0190a7b2-0000-7000-8000-000000000001").is_ok());
        assert!(parse("keruen request approve --json -").is_ok());
        for wrong in [
            "keruen donation pledge --json p.json --donor KASPI",
            "keruen facility register F --json p.json",
            "keruen facility register --json p.json --name-en X",
            "keruen request approve",
            "keruen stock --region KZ-75 level A B",
            "keruen donation pledge --donor K --line item=A,qty=1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
