//! `keruen generate`: a made-up month in the life of warehouses and hospitals, played on a node through gRPC.
//!
//! Everything it does is a command line as its users would type it, sensible ones and wrong ones. All of it is drawn from
//! one seed: ids, quantities and times of facts are the same for the same seed on the same day.

mod coverage;
mod month;
mod player;
mod scene;
mod world;

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use chrono::{Days, NaiveDate};
use clap::Args as ClapArgs;
use serde::Serialize;

pub use coverage::{BEYOND_REACH, Coverage, uncovered};

use crate::{
    cells,
    cli::Format,
    client::{failure::Failure, session::Session, value},
};
use player::Player;

/// What is played.
#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  keruen generate --seed 7
  keruen generate --seed 7 --days 30 --scale 0.1 --coverage
  keruen generate --seed 8 --scale 2 --format json

The month ends today: facts lie in the past, and what can't be backdated happens now. At \
--scale 1 there are 60 facilities, 40 items and 200 organisations; from 0.05 on \
every refusal and state occurs, below it some of them. The same seed on the \
same day gives the same commands under the same ids on a new store; another seed adds \
another world to the same store. `keruen check` afterwards tells whether the history \
keeps the invariants.")]
pub struct Args {
    /// What everything is drawn from
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value::position)]
    seed: u64,
    /// How many days are played
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = value::count)]
    days: usize,
    /// How large the world is, 0.01 to 100
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = scale)]
    scale: f64,
    /// Print how often each reason for a refusal and each state occurred
    #[arg(long)]
    coverage: bool,
}

fn scale(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|scale| (0.01..=100.0).contains(scale))
        .ok_or_else(|| format!("must be a number from 0.01 to 100; found {text:?}"))
}

/// What is played, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of the node.
    pub server: String,
    /// What everything is drawn from.
    pub seed: u64,
    /// Days of the month.
    pub days: usize,
    /// How large the world is; 1.0 has 60 facilities.
    pub scale: f64,
    /// The last day of the month, which should be today.
    pub last_day: NaiveDate,
}

impl Options {
    /// A month of 30 days that ends today, at scale 1.
    pub fn new(server: &str, seed: u64) -> Self {
        Self {
            server: server.to_owned(),
            seed,
            days: 30,
            scale: 1.0,
            last_day: today(),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Commands that were given.
    pub commands: u64,
    /// Commands that were recorded.
    pub recorded: u64,
    /// Commands that were refused.
    pub refused: u64,
    /// Position of the newest event that the commands led to.
    pub position: u64,
    /// How often each reason for a refusal occurred.
    pub reasons: BTreeMap<String, u64>,
    /// How often each state of something was answered, by the name of its value in the schema.
    pub states: BTreeMap<String, u64>,
    /// What came out otherwise than its scene says: a mistake of the scene, or of the services.
    pub surprises: Vec<String>,
}

/// Plays it. `progress` is told how many of how many days are over.
pub async fn play(
    options: &Options,
    mut progress: impl FnMut(usize, usize),
) -> anyhow::Result<Report> {
    let mut player = Player::new(&options.server, options.seed, options.last_day);
    let mut chance = fastrand::Rng::with_seed(options.seed);
    let mut world = world::World::draw(&mut chance, options.seed, options.scale);
    let days = options.days.max(1);
    let first_day = options
        .last_day
        .checked_sub_days(Days::new(days as u64))
        .context("the month would begin before all calendars")?;
    world.enter(&mut player, first_day).await?;
    let mut scenes = scene::all(&mut chance, options.scale);
    for day in 0..days {
        let date = first_day + Days::new(day as u64);
        month::live(&mut player, &mut chance, &mut world, date).await?;
        // Whatever is left is played on the last day.
        let left = days - day;
        for _ in 0..scenes.len().div_ceil(left) {
            if let Some(scene) = scenes.pop() {
                scene.play(&mut player).await?;
            }
        }
        progress(day + 1, days);
    }
    Ok(player.into_report())
}

impl Args {
    /// Plays it, and prints what came of it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let options = Options {
            server: session.server().to_owned(),
            seed: self.seed,
            days: self.days,
            scale: self.scale,
            last_day: today(),
        };
        // Fails before anything is played where nobody answers.
        session.channel().await?;
        let bar = indicatif::ProgressBar::new(self.days as u64)
            .with_style(indicatif::ProgressStyle::default_bar());
        bar.enable_steady_tick(Duration::from_millis(500));
        let report = play(&options, |day, _| bar.set_position(day as u64)).await?;
        bar.finish_and_clear();
        self.print(session, &report)?;
        match &report.surprises[..] {
            [] => Ok(()),
            surprises => Err(Failure::File {
                errors: surprises.to_vec(),
                summary: "everything else came out as it should".to_owned(),
            }),
        }
    }

    fn print(&self, session: &Session, report: &Report) -> Result<(), Failure> {
        let mut output = session.output();
        if output.format() == Format::Json {
            return Ok(output.json(report)?);
        }
        let row = cells![
            self.seed.to_string(),
            count(report.commands),
            count(report.recorded),
            count(report.refused),
            report.position.to_string()
        ];
        let columns = ["seed", "commands", "recorded", "refused", "position"];
        if output.format() == Format::Csv && !self.coverage {
            return Ok(output.csv(&columns, [row])?);
        }
        if output.format() == Format::Table {
            output.table(&columns, &[row])?;
        }
        if self.coverage {
            let coverage = Coverage::of(report);
            let rows: Vec<_> = coverage
                .rows()
                .map(|(kind, name, times)| cells![kind, name, count(times)])
                .collect();
            let columns = ["kind", "name", "times"];
            match output.format() {
                Format::Csv => output.csv(&columns, rows)?,
                _ => output.table(&columns, &rows)?,
            }
        }
        Ok(())
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The day it is, in UTC.
fn today() -> NaiveDate {
    chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).date_naive()
}
