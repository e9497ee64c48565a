//! Commands of verbs: made of their arguments, kept until they are answered, and shown with what came of them.

use std::path::Path;

use uuid::Uuid;

use super::Session;
use crate::{
    client::{
        aftermath::{self, Aftermath},
        failure::Failure,
        mutation::MutationArgs,
        rpc::{Change, Shows, Stamp},
    },
    outbox::{Kept, OutboxError, Waiting},
};

impl Session {
    /// Gives the command of a verb, as its arguments or `--json` say, and shows what came of it.
    pub async fn change<R>(&self, args: &MutationArgs, stated: R) -> Result<(), Failure>
    where
        R: Change<Answer: Shows>,
    {
        let nothing_more = async |_: &Session, _: &str, _: &R::Answer| Ok(Aftermath::default());
        self.change_and_tell(args, stated, nothing_more).await
    }

    /// The same, and tells which facts were recorded with it because they follow from it.
    pub async fn change_with_consequences<R>(
        &self,
        args: &MutationArgs,
        stated: R,
    ) -> Result<(), Failure>
    where
        R: Change<Answer: Shows>,
    {
        let consequences = async |session: &Session, command_id: &str, _: &R::Answer| {
            aftermath::consequences(session, command_id).await
        };
        self.change_and_tell(args, stated, consequences).await
    }

    /// The same, and tells what `tell` finds out about a command that was recorded. That it can't is no failure of the
    /// command.
    pub async fn change_and_tell<R>(
        &self,
        args: &MutationArgs,
        stated: R,
        tell: impl AsyncFnOnce(&Self, &str, &R::Answer) -> Result<Aftermath, Failure>,
    ) -> Result<(), Failure>
    where
        R: Change<Answer: Shows>,
    {
        let mut request = match &args.json {
            Some(path) => read_json(path)?,
            None => stated,
        };
        let command_id = match (args.command_id, request.command_id()) {
            (Some(id), _) => id.to_string(),
            (None, "") => Uuid::now_v7().to_string(),
            (None, stated) => stated.to_owned(),
        };
        request.stamp(Stamp {
            command_id: command_id.clone(),
            occurred_at: args.occurred_at,
            precision: args.occurred_at_precision.map(Into::into),
            validate_only: args.validate_only,
        });
        let validate_only = request.validate_only();
        let kept = self.keep(&request)?;
        // The same command may have been given before, while the line was away.
        let waited = kept.as_ref().map(|kept| kept.waiting.waited());
        let sending = self.after_waiting(waited.unwrap_or_default());
        let answer = settle(kept, sending.tell(request).await, || self.waiting())?;
        let told = if validate_only {
            Ok(Aftermath::default())
        } else {
            tell(self, &command_id, &answer).await
        };
        let aftermath = told.unwrap_or_else(|failure| {
            anstream::eprintln!(
                "warning: the command is recorded, but not all that came of it is known: {failure}"
            );
            Aftermath::default()
        });
        Ok(self
            .output()
            .changed(answer, &command_id, validate_only, aftermath)?)
    }

    /// Keeps a command in the outbox before it is sent. Where there is no place for it, it is sent all the same, unless
    /// somebody named the place.
    fn keep<R: Change>(&self, request: &R) -> Result<Option<Kept>, Failure> {
        let Some(outbox) = self.outbox.as_ref().filter(|_| !request.validate_only()) else {
            return Ok(None);
        };
        let Ok(command_id) = Uuid::parse_str(request.command_id()) else {
            // The node says what is wrong with it.
            return Ok(None);
        };
        let json = serde_json::to_value(request).map_err(|error| Failure::Other(error.into()))?;
        let waiting = Waiting::new(command_id, &self.server, &self.actor, R::TYPE, json);
        match outbox.keep(waiting) {
            Ok(kept) => Ok(Some(kept)),
            Err(error @ OutboxError::OtherContent { .. }) => Err(Failure::Usage(error.to_string())),
            Err(error @ OutboxError::Folder { .. }) if !self.outbox_is_stated => {
                anstream::eprintln!("warning: the command is sent without a copy: {error}");
                Ok(None)
            }
            Err(error) => Err(Failure::Other(error.into())),
        }
    }

    /// How many commands wait for this node.
    fn waiting(&self) -> usize {
        let outbox = self.outbox.as_ref();
        outbox.map_or(0, |outbox| outbox.count_for(&self.server))
    }
}

/// A command that has its answer waits no longer; one without stays, and the failure says so.
fn settle<A>(
    kept: Option<Kept>,
    answer: Result<A, Failure>,
    waiting: impl FnOnce() -> usize,
) -> Result<A, Failure> {
    let Some(kept) = kept else { return answer };
    match answer {
        Err(failure) if !failure.is_answer() => Err(Failure::Kept {
            failure: Box::new(failure),
            command_id: kept.waiting.command_id.to_string(),
            waiting: waiting(),
        }),
        answer => {
            if let Err(error) = kept.remove() {
                anstream::eprintln!(
                    "warning: the command stays in the outbox although it is answered: {error}"
                );
            }
            answer
        }
    }
}

fn read_json<R: serde::de::DeserializeOwned>(path: &Path) -> Result<R, Failure> {
    let place = path.display();
    let text = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| Failure::Usage(format!("--json {place}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::Usage(format!(
            "--json {place}: not the protobuf JSON of this request: {error}"
        ))
    })
}
