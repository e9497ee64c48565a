//! What a movement is sent as, and what tells it from others.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use keruen_proto::{
    inventory::v1::{
        ConsumeStockRequest, DisposeStockRequest, OpenStockRequest, ReceiveDonationRequest,
        ReturnStockRequest,
    },
    log::v1::TimePrecision,
    shipments::v1::{DispatchShipmentRequest, ReceiveShipmentRequest, RequestShipmentRequest},
};
use pbjson_types::Timestamp;
use prost::Message as _;
use tonic::{Code, Status};
use uuid::Uuid;

use super::transfer::Transfer;
use crate::{
    client::{
        failure::Failure,
        rpc::{Change as _, Stamp},
        session::Session,
    },
    import::{
        plan::{NAMESPACE, patiently},
        sheet::Row,
    },
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
    /// What the user's own books call its row; empty where that is not said.
    pub(super) row_id: String,
    /// Of what: several of a transfer.
    pub(super) goods: Vec<Goods>,
    /// All that the rows of a transfer say.
    pub(super) transfer: Option<Arc<Transfer>>,
    /// What its row says; of a day, as it begins in Almaty. Its id follows from that, as it always has, but where the row
    /// has an id of its own.
    pub(super) command: Command,
}

/// When something happened, and how exactly that is known.
pub(super) type When = (Timestamp, TimePrecision);

/// What a row is about.
#[derive(Clone, Debug)]
pub(super) struct Goods {
    pub(super) line: u64,
    pub(super) number: usize,
    pub(super) item_id: String,
    /// The batch that is taken from or brought about, where it is named.
    pub(super) batch_id: String,
    pub(super) owner_id: String,
}

impl Goods {
    /// Those of a row.
    pub(super) fn of(row: &Row) -> Self {
        Self {
            line: row.line,
            number: row.number,
            item_id: row.string("item_id"),
            batch_id: row.string("batch_id"),
            owner_id: row.string("owner_id"),
        }
    }

    /// Line and number of the row.
    pub(super) fn place(&self) -> (u64, usize) {
        (self.line, self.number)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Open(OpenStockRequest),
    Receive(ReceiveDonationRequest),
    Use(ConsumeStockRequest),
    Dispose(DisposeStockRequest),
    Return(ReturnStockRequest),
    Request(RequestShipmentRequest),
    Send(DispatchShipmentRequest),
    Arrive(ReceiveShipmentRequest),
}

macro_rules! each {
    ($command:expr, $request:ident => $done:expr) => {
        match $command {
            Command::Open($request) => $done,
            Command::Receive($request) => $done,
            Command::Use($request) => $done,
            Command::Dispose($request) => $done,
            Command::Return($request) => $done,
            Command::Request($request) => $done,
            Command::Send($request) => $done,
            Command::Arrive($request) => $done,
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
            // Each is asked about: its id may be there already.
            Command::Request(_) => {}
            Command::Send(request) => {
                request.shipment_id.clear();
                request
                    .units
                    .iter_mut()
                    .for_each(|units| units.quantity = 1);
            }
            Command::Arrive(request) => request.shipment_id.clear(),
        }
        let mut hasher = DefaultHasher::new();
        bare.content().hash(&mut hasher);
        // Not every command says it itself.
        self.goods
            .iter()
            .for_each(|it| it.item_id.hash(&mut hasher));
        hasher.finish()
    }

    /// The id that follows from what the user's own books call the row, whatever else it says and in whatever file it stands.
    pub(super) fn own_id(&self) -> Option<Uuid> {
        let kind = self.command.kind();
        let names = ["row", kind, &self.facility_id, &self.row_id].join("\0");
        let identity = [b"movements\0", names.as_bytes()].concat();
        (!self.row_id.is_empty()).then(|| Uuid::new_v5(&NAMESPACE, &identity))
    }

    /// What it says, without its command id. That the rest has come says something else where something else came badly.
    pub(super) fn content(&self) -> Uuid {
        let content = self.command.content();
        match (&self.command, &self.transfer) {
            (Command::Arrive(request), Some(transfer)) if request.lines.is_empty() => {
                let found = transfer.found.iter();
                let found: Vec<u8> = found
                    .flat_map(prost::Message::encode_length_delimited_to_vec)
                    .collect();
                if found.is_empty() {
                    content
                } else {
                    Uuid::new_v5(&content, &found)
                }
            }
            _ => content,
        }
    }

    /// The item, of all but a transfer.
    pub(super) fn item_id(&self) -> &str {
        self.goods.first().map_or("", |goods| &goods.item_id)
    }

    /// When it happened, of a day as it begins in Almaty: movements follow each other by that.
    pub(super) fn occurred_at(&self) -> Option<Timestamp> {
        each!(&self.command, request => request.occurred_at)
    }

    /// The same, and how exactly that is known.
    pub(super) fn when(&self) -> Option<When> {
        each!(&self.command, request => Some((request.occurred_at?, request.occurred_at_precision())))
    }

    /// Asks whether it would be refused, if it happened then.
    pub(super) async fn validate(
        &self,
        session: &Session,
        time: Option<Timestamp>,
    ) -> Result<Result<u64, Status>, Failure> {
        // An id of its own: this is another command than the one that enters it.
        let stamp = Stamp {
            command_id: Uuid::now_v7().to_string(),
            occurred_at: time,
            validate_only: true,
            ..Stamp::default()
        };
        self.command.send(session, stamp).await
    }

    /// Enters it as it happened then. Answers with the position of what it recorded, also where that was long ago.
    pub(super) async fn enter(
        &self,
        session: &Session,
        command_id: Uuid,
        time: Option<Timestamp>,
    ) -> Result<Result<u64, Status>, Failure> {
        let stamp = |time| Stamp {
            command_id: command_id.to_string(),
            occurred_at: time,
            ..Stamp::default()
        };
        let answer = self.command.send(session, stamp(time)).await?;
        let is_known = |status: &Status| status.code() == Code::AlreadyExists;
        if answer.as_ref().is_err_and(is_known) && time != self.occurred_at() {
            // It may have been entered when all days still were those of Almaty.
            let before = self.command.send(session, stamp(None)).await?;
            return Ok(before.or(answer));
        }
        Ok(answer)
    }

    /// What it has to do with: movements that share some of it follow each other.
    pub(super) fn subjects(&self) -> Vec<u64> {
        let key = |kind: &str, id: &str, item_id: &str| {
            let mut hasher = DefaultHasher::new();
            (kind, id, item_id).hash(&mut hasher);
            hasher.finish()
        };
        let mut subjects = Vec::with_capacity(2 * self.goods.len() + 1);
        if let Some(id) = self.command.shipment_id() {
            subjects.push(key("shipment", id, ""));
        }
        if matches!(self.command, Command::Request(_)) {
            return subjects;
        }
        for goods in &self.goods {
            subjects.push(key("stock", &self.facility_id, &goods.item_id));
            if !goods.batch_id.is_empty() {
                subjects.push(key("batch", &goods.batch_id, ""));
            }
        }
        subjects.extend(self.command.new_batches().map(|id| key("batch", id, "")));
        subjects
    }

    /// What it takes from, row by row.
    pub(super) fn taken(&self) -> &[Goods] {
        match self.command {
            Command::Use(_) | Command::Dispose(_) | Command::Return(_) | Command::Send(_) => {
                &self.goods
            }
            _ => &[],
        }
    }
}

impl Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Receive(_) => "receive",
            Self::Use(_) => "use",
            Self::Dispose(_) => "dispose",
            Self::Return(_) => "return",
            Self::Request(_) => "request",
            Self::Send(_) => "send",
            Self::Arrive(_) => "arrive",
        }
    }

    /// What it says, without its command id.
    pub(super) fn content(&self) -> Uuid {
        let kind = self.kind();
        let bytes = each!(self, request => request.encode_to_vec());
        let content = [b"movements\0", kind.as_bytes(), b"\0", &bytes].concat();
        Uuid::new_v5(&NAMESPACE, &content)
    }

    /// The shipment, of a transfer.
    pub(super) fn shipment_id(&self) -> Option<&str> {
        match self {
            Self::Request(request) => Some(&request.shipment_id),
            Self::Send(request) => Some(&request.shipment_id),
            Self::Arrive(request) => Some(&request.shipment_id),
            _ => None,
        }
    }

    /// The batches that it brings about.
    pub(super) fn new_batches(&self) -> impl Iterator<Item = &str> {
        let opened = match self {
            Self::Open(request) => &request.lines[..],
            _ => &[],
        };
        let received = match self {
            Self::Receive(request) => &request.lines[..],
            _ => &[],
        };
        let opened = opened.iter().map(|it| &*it.batch_id);
        let ids = opened.chain(received.iter().map(|it| &*it.batch_id));
        ids.filter(|id| !id.is_empty())
    }

    /// Sends it, and answers with the position.
    async fn send(&self, session: &Session, stamp: Stamp) -> Result<Result<u64, Status>, Failure> {
        each!(self, request => {
            let mut request = request.clone();
            request.stamp(stamp);
            let answer = patiently(|| session.call(request.clone())).await?;
            Ok(answer.map(|it| it.position))
        })
    }
}

/// Tells command ids: they follow from what rows call themselves, else from what they say, and from how many before them say
/// the same.
#[derive(Default)]
pub(super) struct Ids {
    said: HashMap<Uuid, u32>,
    /// The same, of rows that have ids of their own.
    said_by_named: HashMap<Uuid, u32>,
}

impl Ids {
    /// The id of the next movement.
    pub(super) fn next(&mut self, movement: &Movement) -> Uuid {
        movement.own_id().unwrap_or_else(|| {
            let content = movement.content();
            let same = self.said.entry(content).or_default();
            *same += 1;
            nth(content, *same)
        })
    }

    /// The id that the next movement would have if its row had none of its own; `None` where it has none.
    pub(super) fn unnamed(&mut self, movement: &Movement) -> Option<Uuid> {
        movement.own_id()?;
        let content = movement.content();
        let same = self.said_by_named.entry(content).or_default();
        *same += 1;
        let before = self.said.get(&content).copied().unwrap_or_default();
        Some(nth(content, before + *same))
    }
}

/// The id of the command that is the nth to say this.
pub(super) fn nth(content: Uuid, number: u32) -> Uuid {
    Uuid::new_v5(&content, &number.to_be_bytes())
}
