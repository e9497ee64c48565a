//! The views: where they stand, and building them anew.

use std::{io::IsTerminal as _, time::Duration};

use clap::{Args as ClapArgs, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use keruen_proto::projections::v1::{
    ListProjectionsRequest, Projection, ProjectionState, RebuildProjectionsRequest,
};

use crate::client::{failure::Failure, session::Session};

/// How often a rebuild is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(300);

/// `keruen projections`, alone or with a verb.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen projections
  keruen projections --format json
  keruen projections rebuild current

A view is what questions are answered from: it is folded from the log, follows it, and can be deleted or built anew at \
any time. lag is how many events it is behind; it is empty while the log can't be read. A view that meets an event which it can't take in is parked before that \
event: it answers as of there, and the others go on. Whoever asks it something is warned on standard error, and in the \
metadata of each answer: keruen-view, keruen-view-state, keruen-position, keruen-head-position, keruen-parked-at.")]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Build a view, or all of them, anew from the log; what there is answers until then
    #[command(after_help = "\
Examples:
  keruen projections rebuild              all views
  keruen projections rebuild current      one view, see `keruen projections`
  keruen projections rebuild --no-wait    begin, and look later with `keruen projections`

It goes on where it was when the node is stopped or killed and started again. A view that is parked again in the end \
ends it with exit status 1.")]
    Rebuild {
        /// Name of the view. Default: all
        name: Option<String>,
        /// Begin only; don't wait until it is done
        #[arg(long)]
        no_wait: bool,
    },
}

impl Args {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self.verb {
            None => list(session).await.map(|_| ()),
            Some(Verb::Rebuild { name, no_wait }) => {
                let is_all = name.is_none();
                let request = RebuildProjectionsRequest {
                    name: name.unwrap_or_default(),
                };
                let names = session.ask(request).await?.names;
                if !no_wait {
                    let waited = wait(session, &names).await;
                    waited.inspect_err(|failure| {
                        if let Some(line) = goes_on(failure) {
                            anstream::eprintln!("{line}");
                        }
                    })?;
                }
                let views = list(session).await?;
                for view in views.iter().filter(|view| is_all && is_left(view, &names)) {
                    anstream::eprintln!(
                        "{} is kept by another node on the same database, and is built anew only there",
                        view.name
                    );
                }
                if no_wait {
                    Ok(())
                } else {
                    check(&views, &names)
                }
            }
        }
    }
}

async fn list(session: &Session) -> Result<Vec<Projection>, Failure> {
    let answer = session.ask(ListProjectionsRequest {}).await?;
    session.output().listed(&answer.projections)?;
    Ok(answer.projections)
}

/// Refuses where one of those that were built is parked: the new rows end where the old ones did.
fn check(views: &[Projection], names: &[String]) -> Result<(), Failure> {
    let parked = views.iter().filter(|view| names.contains(&view.name));
    let parked: Vec<String> = parked
        .filter_map(|view| {
            let event = view.parked.as_ref()?;
            Some(format!(
                "the view {} is parked before the event at position {} ({}): {}",
                view.name, event.position, event.r#type, event.reason
            ))
        })
        .collect();
    if parked.is_empty() {
        return Ok(());
    }
    let what_to_do = "it answers as of there; a newer version of the program may take it in";
    Err(Failure::Other(anyhow::anyhow!(
        "{}; {what_to_do}",
        parked.join("; ")
    )))
}

/// Whether a view was not built anew since another node keeps it.
fn is_left(view: &Projection, names: &[String]) -> bool {
    view.kept_elsewhere && !names.contains(&view.name)
}

/// Why a view is not built anew, and whether the one that answers follows meanwhile.
fn not_built(view: &Projection) -> String {
    let Projection { name, failure, .. } = view;
    let told = view.rebuild.as_ref().map_or("", |it| &it.failure);
    let failure = if told.is_empty() { failure } else { told };
    match view.state() {
        ProjectionState::Failing | ProjectionState::Starting => {
            format!("the view {name} doesn't move: {failure}")
        }
        _ => format!(
            "the view {name} can't be built anew: {failure}; the old rows answer, and it is tried again"
        ),
    }
}

/// What becomes of a rebuild where the node went away while it was waited for.
fn goes_on(failure: &Failure) -> Option<&'static str> {
    let is_away = matches!(
        failure,
        Failure::Unavailable { .. } | Failure::NoAnswer(_) | Failure::NotNow(_)
    );
    is_away.then_some(
        "the rebuild goes on by itself, from where it was, once the node is back: `keruen projections` tells how far it is",
    )
}

/// Whether there is nothing to wait for. That the old rows fail says nothing of those that are built in their place.
fn is_given_up(view: &Projection) -> bool {
    let failure = match &view.rebuild {
        Some(rebuild) => &rebuild.failure,
        None => &view.failure,
    };
    !failure.is_empty()
}

/// Waits until none of them is being built any more.
async fn wait(session: &Session, names: &[String]) -> Result<(), Failure> {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::no_length()
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {human_pos} of {human_len}") {
        bar.set_style(style);
    }
    let mut told = String::new();
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let answer = session.ask(ListProjectionsRequest {}).await?;
        let asked = |view: &&Projection| names.contains(&view.name);
        let views: Vec<&Projection> = answer.projections.iter().filter(asked).collect();
        if let Some(failing) = views.iter().find(|view| is_given_up(view)) {
            bar.finish_and_clear();
            return Err(Failure::Other(anyhow::anyhow!(not_built(failing))));
        }
        // One that has begun tells more than one that waits for its turn.
        let under_way = views
            .iter()
            .filter_map(|view| Some((view, view.rebuild.as_ref()?)))
            .min_by_key(|(_, rebuild)| rebuild.events_per_second == 0);
        match under_way {
            Some((view, rebuild)) => {
                if !view.failure.is_empty() && view.failure != told {
                    told.clone_from(&view.failure);
                    let Projection { name, failure, .. } = view;
                    let line = format!("the view {name} doesn't move meanwhile: {failure}");
                    bar.suspend(|| anstream::eprintln!("{line}"));
                }
                bar.set_length(view.head_position);
                bar.set_position(rebuild.position);
                // Before anything was folded, nobody can say how long it takes.
                bar.set_message(match rebuild.events_per_second {
                    0 => view.name.clone(),
                    rate => format!(
                        "{}: {rate} events/s, {} s left",
                        view.name, rebuild.seconds_left
                    ),
                });
            }
            None => break,
        }
    }
    bar.finish_and_clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use keruen_proto::projections::v1::ProjectionRebuild;

    use super::*;

    #[test]
    fn whoever_waits_for_a_rebuild_is_told_what_becomes_of_it_without_the_node() {
        let away = Failure::Unavailable {
            server: "http://127.0.0.1:7460".to_owned(),
            cause: "connection refused".to_owned(),
        };
        let told = goes_on(&away).unwrap();
        assert!(told.contains("`keruen projections`"), "{told}");
        let parked = Failure::Other(anyhow::anyhow!("parked"));
        assert_eq!(goes_on(&parked), None);
    }

    #[test]
    fn a_rebuild_is_given_up_for_what_fails_of_it_alone() {
        let old = Projection {
            failure: "the old rows are damaged".to_owned(),
            ..Projection::default()
        };
        assert!(is_given_up(&old));
        let building = Projection {
            rebuild: Some(ProjectionRebuild::default()),
            ..old
        };
        assert!(!is_given_up(&building));
        let failing = Projection {
            rebuild: Some(ProjectionRebuild {
                failure: "permission denied".to_owned(),
                ..ProjectionRebuild::default()
            }),
            ..building
        };
        assert!(is_given_up(&failing));
        assert!(not_built(&failing).contains("permission denied"));
    }

    #[test]
    fn a_view_that_follows_is_not_said_to_stand_still() {
        let told = |state: ProjectionState| {
            not_built(&Projection {
                name: "history".to_owned(),
                state: state.into(),
                failure: "permission denied".to_owned(),
                ..Projection::default()
            })
        };
        assert!(told(ProjectionState::Failing).contains("doesn't move: permission denied"));
        for state in [ProjectionState::Following, ProjectionState::Parked] {
            assert!(told(state).contains("can't be built anew: permission denied"));
        }
    }
}
