//! Scenes: short stories, each with its own cast, that lead through every state and every reason for a refusal.
//!
//! A scene is text. Each line is a command line without `keruen`; after ` ! ` stands the reason for which it must be
//! refused, or `*` where it may be, and after ` => ` a name for what its answer holds under a key, or under the path
//! `/so/0/and/so`; `@` is the event that it recorded. `~` stands for what makes the scene's ids its own, `{today+3}` for a day, `{ago-60}` for a time, `$NAME` for
//! what was kept. `* 9 LINE` gives a line so many times, with `#` for which.

use std::collections::HashMap;

use anyhow::Context as _;
use chrono::{Days, Duration, Utc};
use serde_json::Value;

use super::player::{Outcome, Player};

const FILES: &[(&str, &str)] = &[
    ("registry", include_str!("scenes/registry.txt")),
    ("donation", include_str!("scenes/donation.txt")),
    ("stock", include_str!("scenes/stock.txt")),
    ("asset", include_str!("scenes/asset.txt")),
    ("shipment", include_str!("scenes/shipment.txt")),
    ("request", include_str!("scenes/request.txt")),
    ("journey", include_str!("scenes/journey.txt")),
    ("custody", include_str!("scenes/custody.txt")),
];

/// Those that take hundreds of commands.
const BOUNDS: &str = include_str!("scenes/bound.txt");
/// From this scale on all scenes are played, and those too; below it, one of so many.
const WHOLE_SCALE: f64 = 0.05;
const PLAYED_IN_SMALL: usize = 3;

/// Who and what every scene has.
const CAST: &[&str] = &[
    "organisation register D~ --kind donor --kind charity --name-en 'Donor~'",
    "organisation register C~ --kind carrier --name-en 'Carrier~'",
    "organisation register M~ --kind ministry --name-en 'Ministry~'",
    "facility register W~ --kind warehouse --name-en 'Store~' --region KZ-75 --time-zone Asia/Almaty --operator D~",
    "facility register X~ --kind warehouse --name-en 'Annex~' --region KZ-71 --time-zone Asia/Almaty --operator D~",
    "facility register H~ --kind hospital --name-en 'Hospital~' --region KZ-62 --time-zone Asia/Almaty --operator M~",
    "commodity register K~ --name-en 'Need~' --base-unit EA",
    "item register I~ --commodity K~ --name-en 'Consumable~' --tracking batch",
    "item register S~ --commodity K~ --name-en 'Device~' --tracking serial --manufacturer 'Maker~' --model M-1",
];

/// One scene.
pub struct Scene {
    name: String,
    lines: Vec<&'static str>,
}

/// The scenes of a world of that size, in an order that chance has drawn.
pub fn all(chance: &mut fastrand::Rng, scale: f64) -> Vec<Scene> {
    let mut scenes: Vec<Scene> = FILES
        .iter()
        .flat_map(|(file, text)| scenes_of(file, text))
        .collect();
    if scale >= WHOLE_SCALE {
        scenes.extend(scenes_of("bound", BOUNDS));
    }
    chance.shuffle(&mut scenes);
    if scale < WHOLE_SCALE {
        scenes.truncate(scenes.len().div_ceil(PLAYED_IN_SMALL));
    }
    scenes
}

fn scenes_of(file: &str, text: &'static str) -> Vec<Scene> {
    let mut scenes: Vec<Scene> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix("== ") {
            scenes.push(Scene {
                name: format!("{file}: {title}"),
                lines: Vec::new(),
            });
        } else if let (Some(scene), false) = (scenes.last_mut(), line.is_empty()) {
            scene.lines.push(line);
        }
    }
    scenes
}

/// A line, taken apart.
struct Line<'a> {
    command: &'a str,
    times: usize,
    /// How it must come out.
    expected: Expected<'a>,
    /// A name, and the key of the answer that it stands for.
    kept: Option<(&'a str, &'a str)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected<'a> {
    Done,
    Refused(&'a str),
    Either,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> anyhow::Result<Self> {
        let (text, kept) = match text.split_once(" => ") {
            Some((text, kept)) => (text, Some(kept.split_once(' ').context("=> NAME KEY")?)),
            None => (text, None),
        };
        let (text, expected) = match text.split_once(" ! ") {
            Some((text, either)) if either.starts_with('*') => (text, Expected::Either),
            Some((text, reason)) => (text, Expected::Refused(reason.trim())),
            None => (text, Expected::Done),
        };
        let (command, times) = match text.strip_prefix("* ") {
            Some(rest) => {
                let (times, command) = rest.split_once(' ').context("* TIMES LINE")?;
                (command, times.parse()?)
            }
            None => (text, 1),
        };
        Ok(Self {
            command,
            times,
            expected,
            kept,
        })
    }
}

impl Scene {
    /// Plays it, now.
    pub async fn play(&self, player: &mut Player) -> anyhow::Result<()> {
        let own = format!("-G{}-{}", player.seed(), player.commands());
        let mut kept = HashMap::new();
        for text in CAST.iter().copied().chain(self.lines.iter().copied()) {
            let told = self.play_line(player, &own, text, &mut kept).await;
            told.with_context(|| format!("scene {:?}, line {text:?}", self.name))?;
        }
        Ok(())
    }

    async fn play_line(
        &self,
        player: &mut Player,
        own: &str,
        text: &'static str,
        kept: &mut HashMap<&'static str, String>,
    ) -> anyhow::Result<()> {
        let line = Line::parse(text)?;
        for number in 1..=line.times {
            let mut command = filled(line.command, own, player)?;
            for (name, value) in kept.iter() {
                command = command.replace(&format!("${name}"), value);
            }
            let command = command.replace('#', &number.to_string());
            let outcome = match player.tell("generate:scene", None, &command).await {
                Ok(outcome) => outcome,
                Err(error) => {
                    player.surprise(format!("{}: {text}: {error:#}", self.name));
                    return Ok(());
                }
            };
            let fits = match (&outcome, line.expected) {
                (_, Expected::Either) | (Outcome::Done(_), Expected::Done) => true,
                (Outcome::Refused { reason, .. }, Expected::Refused(expected)) => {
                    reason == expected
                }
                _ => false,
            };
            if !fits {
                let came = match &outcome {
                    Outcome::Done(_) => "it was done".to_owned(),
                    Outcome::Refused { reason, message } => format!("{reason}: {message}"),
                };
                player.surprise(format!("{}: {text}: {came}", self.name));
            }
            if let (Some((name, key)), Outcome::Done(answer)) = (line.kept, &outcome) {
                kept.insert(name, found(answer, key));
            }
        }
        Ok(())
    }
}

/// What an answer holds under a key.
fn found(answer: &Value, key: &str) -> String {
    let text = |key: &str| match answer.get(key) {
        Some(Value::String(text)) => text.clone(),
        other => other.map(ToString::to_string).unwrap_or_default(),
    };
    match key {
        "@" => format!("{}/0", text("commandId")),
        path if path.starts_with('/') => match answer.pointer(path) {
            Some(Value::String(text)) => text.clone(),
            other => other.map(ToString::to_string).unwrap_or_default(),
        },
        key => text(key),
    }
}

/// A command line with its ids, days and times.
fn filled(command: &str, own: &str, player: &Player) -> anyhow::Result<String> {
    let mut text = command.replace('~', own);
    for name in ["today", "ago"] {
        let brace = format!("{{{name}");
        while let Some((before, rest)) = text.split_once(&brace) {
            let (offset, after) = rest.split_once('}').context("a brace is not closed")?;
            let value = match name {
                "today" => day(player, offset.parse().unwrap_or(0)),
                _ => ago(offset.parse()?),
            };
            text = format!("{before}{value}{after}");
        }
    }
    Ok(text)
}

/// The day so many days from today.
fn day(player: &Player, offset: i64) -> String {
    let days = Days::new(offset.unsigned_abs());
    let today = player.today();
    let day = if offset < 0 {
        today - days
    } else {
        today + days
    };
    day.to_string()
}

/// The time so many seconds from now.
fn ago(offset_s: i64) -> String {
    let now = chrono::DateTime::<Utc>::from(std::time::SystemTime::now());
    (now + Duration::seconds(offset_s)).to_rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scene_can_be_read() {
        let scenes = all(&mut fastrand::Rng::with_seed(1), 1.0);
        assert!(scenes.len() > 15);
        for scene in scenes {
            assert!(!scene.lines.is_empty(), "{}", scene.name);
            for line in scene.lines {
                let line = Line::parse(line).unwrap();
                assert!(shlex::split(line.command).is_some(), "{}", line.command);
            }
        }
    }
}
