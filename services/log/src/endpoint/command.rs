//! What became of a command.

use std::collections::HashMap;

use keruen_proto::{events::v1::GetCommandResponse, log::v1::Query};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use uuid::Uuid;

use super::{refused, status_of};
use crate::{
    append::Violation,
    log::{Log, Range},
};

/// Events that are read at once; an append has no more unless its bounds were raised.
const PAGE_EVENTS: usize = 1_000;

/// The events that a command led to.
pub(super) async fn recorded(
    log: &dyn Log,
    command_id: &str,
) -> Result<GetCommandResponse, Status> {
    let id = Uuid::try_parse(command_id)
        .ok()
        .filter(|id| !id.is_nil())
        .ok_or_else(|| {
            let rule = format!("must be the UUID of the command, found {command_id:?}");
            refused(&Violation::new("command_id", rule))
        })?
        .hyphenated()
        .to_string();
    let found = log.find_command(&id).await.map_err(status_of)?;
    let appended = found.ok_or_else(|| unknown(&id))?.appended;
    let mut events = Vec::new();
    let mut reached = appended.first_position.saturating_sub(1);
    while reached < appended.last_position {
        let range = Range::after(reached).up_to(appended.last_position);
        let page = log.read(&Query::default(), range, PAGE_EVENTS).await;
        let page = page.map_err(status_of)?;
        let Some(last) = page.events.last() else {
            let message = "the log has no events where it says that the command's are";
            return Err(Status::data_loss(message));
        };
        reached = last.position;
        events.extend(page.events);
    }
    Ok(GetCommandResponse {
        command_id: id,
        first_position: appended.first_position,
        last_position: appended.last_position,
        events,
    })
}

/// Nothing is recorded of it. That is no promise: it may be on its way still.
fn unknown(command_id: &str) -> Status {
    let message = format!(
        "nothing is recorded of command {command_id}; if it was sent less than a minute ago it may be on its way: repeat \
         it with the same id"
    );
    let metadata = HashMap::from([("command_id".to_owned(), command_id.to_owned())]);
    let details = ErrorDetails::with_error_info("UNKNOWN_COMMAND", "keruen", metadata);
    Status::with_error_details(Code::NotFound, message, details)
}
