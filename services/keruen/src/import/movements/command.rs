//! What a movement is sent as, and what tells it from others.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use keruen_proto::inventory::v1::{
    ConsumeStockRequest, DisposeStockRequest, OpenStockRequest, ReceiveDonationRequest,
    ReturnStockRequest,
};
use prost::Message as _;
use tonic::Status;
use uuid::Uuid;

use crate::{
    client::{
        failure::Failure,
        rpc::{Change as _, Stamp},
        session::Session,
    },
    import::plan::{NAMESPACE, patiently},
};

/// Something that is to be recorded.
#[derive(Clone, Debug)]
pub(super) struct Movement {
    /// Of its first row.
    pub(super) line: u64,
    /// The same, without the header and empty lines.
    pub(super) number: usize,
    /// How many rows it stands in.
    pub(super) rows: usize,
    pub(super) facility_id: String,
    pub(super) item_id: String,
    pub(super) command: Command,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Open(OpenStockRequest),
    Receive(ReceiveDonationRequest),
    Use(ConsumeStockRequest),
    Dispose(DisposeStockRequest),
    Return(ReturnStockRequest),
}

macro_rules! each {
    ($command:expr, $request:ident => $done:expr) => {
        match $command {
            Command::Open($request) => $done,
            Command::Receive($request) => $done,
            Command::Use($request) => $done,
            Command::Dispose($request) => $done,
            Command::Return($request) => $done,
        }
    };
}
pub(super) use each;

impl Movement {
    /// What tells it from others that the server would refuse for other reasons: when and how much is none of those.
    pub(super) fn shape(&self) -> u64 {
        let mut bare = self.command.clone();
        each!(&mut bare, request => request.occurred_at = None);
        match &mut bare {
            Command::Open(request) => request.lines.iter_mut().for_each(|line| line.quantity = 1),
            Command::Receive(request) => {
                request.lines.iter_mut().for_each(|line| line.quantity = 1);
            }
            Command::Use(request) => request.quantity = 1,
            Command::Dispose(request) => request.quantity = 1,
            Command::Return(request) => request.quantity = 1,
        }
        let mut hasher = DefaultHasher::new();
        bare.content().hash(&mut hasher);
        // Not every command says it itself.
        self.item_id.hash(&mut hasher);
        hasher.finish()
    }
}

impl Command {
    /// What it says, without its command id.
    pub(super) fn content(&self) -> Uuid {
        let kind = match self {
            Self::Open(_) => "open",
            Self::Receive(_) => "receive",
            Self::Use(_) => "use",
            Self::Dispose(_) => "dispose",
            Self::Return(_) => "return",
        };
        let bytes = each!(self, request => request.encode_to_vec());
        let content = [b"movements\0", kind.as_bytes(), b"\0", &bytes].concat();
        Uuid::new_v5(&NAMESPACE, &content)
    }

    /// The batches that it brings about.
    pub(super) fn new_batches(&self) -> Vec<&str> {
        let ids: Vec<&str> = match self {
            Self::Open(request) => request.lines.iter().map(|it| &*it.batch_id).collect(),
            Self::Receive(request) => request.lines.iter().map(|it| &*it.batch_id).collect(),
            _ => Vec::new(),
        };
        ids.into_iter().filter(|id| !id.is_empty()).collect()
    }

    /// The batch that it takes from, and the owner, where they are named.
    pub(super) fn taken_from(&self) -> (&str, &str) {
        match self {
            Self::Use(request) => (&request.batch_id, &request.owner_id),
            Self::Dispose(request) => (&request.batch_id, &request.owner_id),
            Self::Return(request) => (&request.batch_id, &request.owner_id),
            Self::Open(_) | Self::Receive(_) => ("", ""),
        }
    }

    /// Sends it, or asks whether it would be refused. Answers with the position of what it recorded, also where that was
    /// long ago.
    pub(super) async fn send(
        &self,
        session: &Session,
        command_id: Uuid,
        validate_only: bool,
    ) -> Result<Result<u64, Status>, Failure> {
        each!(self, request => {
            let mut request = request.clone();
            request.stamp(Stamp {
                command_id: command_id.to_string(),
                validate_only,
                ..Stamp::default()
            });
            let answer = patiently(|| session.call(request.clone())).await?;
            Ok(answer.map(|it| it.position))
        })
    }
}

/// Tells command ids: they follow from what rows say, and from how many before them say the same.
#[derive(Default)]
pub(super) struct Ids(HashMap<Uuid, u32>);

impl Ids {
    pub(super) fn next(&mut self, command: &Command) -> Uuid {
        let content = command.content();
        let same = self.0.entry(content).or_default();
        *same += 1;
        Uuid::new_v5(&content, &same.to_be_bytes())
    }
}
