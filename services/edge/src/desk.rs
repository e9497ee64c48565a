//! Where commands are carried out: read, decide, append, answer.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use keruen_domain::{
    Books, Boundary, Command, Entry, Moment, Rejection, cause,
    correction::{Fact, context, correction},
    place::place,
    tags::tags,
};
use keruen_log::{
    AppendCondition, AppendError, AppendRequest, Appended, Log, ProposedEvent, Query, Range,
    RecordedCommand,
};
use keruen_proto::{
    Event, Mutation,
    log::v1::{OccurredAt, TimePrecision},
};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tonic::{Code, Request, Status, metadata::MetadataMap};

use crate::{
    actor::actor,
    boundaries::{Boundaries, LoadError, query},
    deadline,
    fields::Fields,
    queue::{Claims, Queues, Turns},
    snapshots::SnapshotOptions,
    status,
    waited::waited_us,
};

/// How often a decision is made anew when somebody else got in between.
const MAX_ATTEMPTS: u32 = 8;
/// How often a command may ask for more to read. A shipment leads to requests, items and facilities: four are enough.
const MAX_READ_ROUNDS: u32 = 8;

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a desk may hold, and who it is.
#[derive(Clone)]
pub struct DeskOptions {
    /// Name of the node, recorded as the origin of every event.
    pub origin: String,
    /// Boundaries whose state is kept.
    pub kept_boundaries: NonZeroUsize,
    /// Where the state of long boundaries outlives a restart; `None` reads their history again.
    pub snapshots: Option<SnapshotOptions>,
    /// Commands under way at once; further ones are refused.
    pub max_commands: usize,
    /// The longest that a command may take.
    pub max_duration: Duration,
    /// The clock.
    pub clock: Clock,
}

impl DeskOptions {
    /// Bounds that suit one machine.
    pub fn new(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            kept_boundaries: NonZeroUsize::MIN.saturating_add(16_383),
            snapshots: None,
            max_commands: 1_024,
            max_duration: Duration::from_secs(30),
            clock: Arc::new(system_clock),
        }
    }
}

fn system_clock() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

/// What came of a command.
#[derive(Clone, Debug)]
struct Answer {
    /// The resulting state of what the command was about.
    entry: Entry,
    /// Position of the last event that it recorded; 0 if nothing was to be recorded.
    position: u64,
}

/// Carries out commands against a log.
pub struct Desk {
    log: Arc<dyn Log>,
    boundaries: Boundaries,
    queues: Queues,
    permits: Semaphore,
    options: DeskOptions,
}

/// Events with their tags, or why there are none.
type Decision = Result<Vec<(Event, Vec<String>)>, Rejection>;

/// A command with everything that came with it.
struct Envelope {
    command_id: String,
    command_hash: [u8; 32],
    actor: String,
    moment: Moment,
    precision: TimePrecision,
    /// Whether the time was stated as later than our clock, and moved back to it.
    clamped: bool,
    validate_only: bool,
    deadline_us: i64,
}

impl Desk {
    /// A desk in front of `log`.
    pub fn new(log: Arc<dyn Log>, options: DeskOptions) -> Self {
        Self {
            boundaries: Boundaries::new(
                Arc::clone(&log),
                options.kept_boundaries,
                options.snapshots.clone(),
            ),
            queues: Queues::default(),
            permits: Semaphore::new(options.max_commands),
            log,
            options,
        }
    }

    /// The log behind it.
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// The clock that commands are decided by, in microseconds since 1970-01-01T00:00:00Z.
    pub fn now_us(&self) -> i64 {
        (self.options.clock)()
    }

    /// Parses a request and carries out its command. Answers with the resulting state of what the command was about, and
    /// with the position of the last event that it recorded: 0 if nothing was to be recorded. `parse` notes every field
    /// that breaks a rule.
    pub async fn carry_out<M: Mutation, C: Command, T: TryFrom<Entry>>(
        &self,
        request: Request<M>,
        parse: impl FnOnce(&M, &mut Fields) -> Option<C>,
    ) -> Result<(T, u64), Status> {
        let Ok(_permit) = self.permits.try_acquire() else {
            let message = format!(
                "{} commands are under way; nothing was recorded, repeat later",
                self.options.max_commands
            );
            return Err(status::with_reason(
                Code::ResourceExhausted,
                message,
                "TOO_MANY_COMMANDS",
                [],
            ));
        };
        let timeout = deadline::timeout(request.metadata(), self.options.max_duration);
        let (metadata, _, message) = request.into_parts();
        let (envelope, command) = self.read_request(&metadata, &message, timeout, parse)?;
        let answer = tokio::time::timeout(timeout, self.decide_and_append(&envelope, &command));
        let answer = answer.await.unwrap_or_else(|_| {
            Err(status::with_reason(
                Code::DeadlineExceeded,
                "the deadline passed before the command was answered; whether it was recorded is unknown: repeat it \
                 with the same command_id",
                "DEADLINE_EXCEEDED",
                [],
            ))
        })?;
        Ok((state_of(answer.entry)?, answer.position))
    }

    /// The state of one boundary, and the position of the log that it reflects. A default state means that nothing has
    /// happened to it.
    pub async fn view<T: TryFrom<Entry>>(&self, boundary: &Boundary) -> Result<(T, u64), Status> {
        let (entry, position) = self.read_one(boundary).await?;
        Ok((state_of(entry)?, position))
    }

    /// The same, but `NOT_FOUND` where nothing has happened to it yet.
    pub async fn view_existing<T: TryFrom<Entry>>(
        &self,
        boundary: &Boundary,
    ) -> Result<(T, u64), Status> {
        let (entry, position) = self.read_one(boundary).await?;
        if entry == Entry::empty(boundary) {
            return Err(status::missing(boundary));
        }
        Ok((state_of(entry)?, position))
    }

    /// The event of an id; `None` where that is no event id. Recorded events never change, so what is decided on it needs
    /// no condition.
    pub async fn fact(&self, event_id: &str) -> Result<Option<Fact>, Status> {
        let Some((command_id, index)) = event_id.split_once('/') else {
            return Ok(None);
        };
        let (Ok(_), Ok(index)) = (uuid::Uuid::try_parse(command_id), index.parse::<u64>()) else {
            return Ok(None);
        };
        let unknown = || {
            let message = format!("there is no event {event_id}; check the id");
            let metadata = [("event_id", event_id.to_owned())];
            status::with_reason(Code::NotFound, message, "UNKNOWN_EVENT", metadata)
        };
        let recorded = self.log.find_command(command_id).await;
        let recorded = recorded.map_err(|error| status::load_error(&error.into()))?;
        let appended = recorded.ok_or_else(unknown)?.appended;
        let position = appended.first_position.saturating_add(index);
        if position > appended.last_position {
            return Err(unknown());
        }
        let range = Range::after(position - 1).up_to(position);
        let page = self.log.read(&Query::default(), range, 1).await;
        let page = page.map_err(|error| status::load_error(&error.into()))?;
        let found = page.events.first().ok_or_else(unknown)?;
        let event = Event::decode(&found.r#type, &found.data).map_err(|error| {
            tracing::error!(%error, position, "a stored event is malformed");
            Status::internal(error.to_string())
        })?;
        Ok(Some(Fact {
            event_id: found.event_id.clone(),
            before: self.before(&event, position).await?,
            occurred_at_us: found
                .occurred_at
                .as_ref()
                .map_or(found.recorded_at_us, |at| at.time_us),
            event,
        }))
    }

    /// What must be known as it was right before an event at a position.
    async fn before(&self, event: &Event, position: u64) -> Result<Option<Box<Entry>>, Status> {
        let Some(boundary) = context(event) else {
            return Ok(None);
        };
        let entry = self.boundaries.load_at(&boundary, position - 1).await;
        let entry = entry.map_err(|error| status::load_error(&error))?;
        Ok(Some(Box::new(entry)))
    }

    /// The state of several boundaries, and the one position of the log that it reflects.
    pub async fn read(
        &self,
        boundaries: impl IntoIterator<Item = Boundary>,
    ) -> Result<(Books, u64), Status> {
        let wanted: BTreeSet<Boundary> = boundaries.into_iter().collect();
        self.boundaries
            .load(&wanted)
            .await
            .map_err(|error| status::load_error(&error))
    }

    /// The position at which the log stands.
    pub async fn head_position(&self) -> Result<u64, Status> {
        let head = self.log.head().await;
        head.map(|head| head.position)
            .map_err(|error| status::load_error(&error.into()))
    }

    async fn read_one(&self, boundary: &Boundary) -> Result<(Entry, u64), Status> {
        let (books, position) = self.read([boundary.clone()]).await?;
        let entry = books.get(boundary).cloned();
        Ok((entry.unwrap_or_else(|| Entry::empty(boundary)), position))
    }

    fn read_request<M: Mutation, C>(
        &self,
        metadata: &MetadataMap,
        message: &M,
        timeout: Duration,
        parse: impl FnOnce(&M, &mut Fields) -> Option<C>,
    ) -> Result<(Envelope, C), Status> {
        let actor = actor(metadata).map_err(|status| *status)?;
        let waited_us = waited_us(metadata).map_err(|status| *status)?;
        let now_us = self.now_us();
        let mut fields = Fields::new(message.command_id(), now_us);
        let command_id = fields.command_id(message.command_id());
        let occurred_at = match message.occurred_at() {
            None => Some(((now_us - waited_us).max(0), false)),
            stated => fields.occurred_at(stated, now_us),
        };
        let precision = fields.precision(message.occurred_at_precision());
        let command = parse(message, &mut fields);
        let command = fields.finish(command)?;
        // `finish` refuses whenever a field could not be parsed, so the values below are there.
        let (Some(command_id), Some((occurred_at_us, clamped)), Some(precision)) =
            (command_id, occurred_at, precision)
        else {
            return Err(Status::internal("a field was refused without a reason"));
        };
        let deadline_us =
            now_us.saturating_add(i64::try_from(timeout.as_micros()).unwrap_or(i64::MAX));
        let envelope = Envelope {
            command_hash: command_hash(&actor, message),
            command_id,
            actor,
            moment: Moment {
                now_us,
                occurred_at_us,
            },
            precision,
            clamped,
            validate_only: message.validate_only(),
            deadline_us,
        };
        Ok((envelope, command))
    }

    async fn decide_and_append<C: Command>(
        &self,
        envelope: &Envelope,
        command: &C,
    ) -> Result<Answer, Status> {
        let (books, _) = self
            .read_all(command, status::load_error_before_append)
            .await?;
        let mut queued = claims(&books, &decided(command, &books, envelope.moment));
        let mut turns = self.queues.wait(&queued).await;
        let mut conflict = None;
        for _ in 0..MAX_ATTEMPTS {
            let unread = match conflict {
                None => status::load_error_before_append,
                Some(_) => status::load_error,
            };
            let (mut books, position) = self.read_all(command, unread).await?;
            let decision = decided(command, &books, envelope.moment);
            let needed = claims(&books, &decision);
            if !queued.cover(&needed) {
                queued = needed;
                turns = self.wait_anew(turns, &queued).await;
                continue;
            }
            let events = match decision {
                Ok(events) if !events.is_empty() => events,
                Ok(_) => return self.answer_repeated(envelope, command, &books, None).await,
                Err(rejection) => {
                    return self
                        .answer_repeated(envelope, command, &books, Some(rejection))
                        .await;
                }
            };
            if envelope.validate_only {
                self.boundaries.advance(&mut books, &events, 0);
                return answer(command, &books, 0);
            }
            let request = self.append_request(envelope, &books, &events, position)?;
            match self.log.append(request).await {
                Ok(appended) if appended.last_position <= position => {
                    return self.answer_at(command, &books, appended).await;
                }
                Ok(appended) => {
                    self.boundaries
                        .advance(&mut books, &events, appended.last_position);
                    return answer(command, &books, appended.last_position);
                }
                Err(error @ AppendError::ConditionFailed { .. }) => conflict = Some(error),
                Err(error) => return Err(status::append_error(&error)),
            }
        }
        drop(turns);
        Err(conflict.map_or_else(
            || {
                status::with_reason(
                    Code::Aborted,
                    "what the command is about kept changing; repeat it",
                    "CONFLICT",
                    [],
                )
            },
            |error| status::append_error(&error),
        ))
    }

    /// Gives up the turns before it waits for others, so that nobody waits for it meanwhile.
    async fn wait_anew(&self, turns: Turns, queued: &Claims) -> Turns {
        drop(turns);
        self.queues.wait(queued).await
    }

    /// Reads until the command asks for nothing new. All of it is as of one position. `unread` tells of a failure.
    async fn read_all<C: Command>(
        &self,
        command: &C,
        unread: fn(&LoadError) -> Status,
    ) -> Result<(Books, u64), Status> {
        let mut books = Books::default();
        let mut position = 0;
        for _ in 0..MAX_READ_ROUNDS {
            let mut wanted: BTreeSet<Boundary> = command.reads(&books).into_iter().collect();
            if wanted.iter().all(|boundary| books.contains(boundary)) {
                return Ok((books, position));
            }
            wanted.extend(books.boundaries().cloned());
            (books, position) = self
                .boundaries
                .load(&wanted)
                .await
                .map_err(|error| unread(&error))?;
        }
        Err(status::with_reason(
            Code::Aborted,
            "what the command is about changed faster than it could be read; repeat it",
            "CONFLICT",
            [],
        ))
    }

    /// A command that now would be refused, or would do nothing, may have been recorded before: then its first answer
    /// is repeated.
    async fn answer_repeated<C: Command>(
        &self,
        envelope: &Envelope,
        command: &C,
        books: &Books,
        rejection: Option<Rejection>,
    ) -> Result<Answer, Status> {
        let recorded = self
            .log
            .find_command(&envelope.command_id)
            .await
            .map_err(|error| status::load_error(&error.into()))?;
        match recorded {
            Some(RecordedCommand {
                command_hash,
                appended,
            }) if command_hash == envelope.command_hash => {
                self.answer_at(command, books, appended).await
            }
            Some(RecordedCommand { appended, .. }) => {
                Err(status::append_error(&AppendError::CommandIdReused {
                    command_id: envelope.command_id.clone(),
                    first_position: appended.first_position,
                }))
            }
            None => match rejection {
                Some(rejection) => Err(status::rejection(&rejection)),
                None => Err(Status::internal("the command has no effect")),
            },
        }
    }

    /// The answer as it was first given: the state as of the append.
    async fn answer_at<C: Command>(
        &self,
        command: &C,
        books: &Books,
        appended: Appended,
    ) -> Result<Answer, Status> {
        let subject = subject(command, books)?;
        let entry = self
            .boundaries
            .load_at(&subject, appended.last_position)
            .await
            .map_err(|error| status::load_error(&error))?;
        Ok(Answer {
            entry,
            position: appended.last_position,
        })
    }

    fn append_request(
        &self,
        envelope: &Envelope,
        books: &Books,
        events: &[(Event, Vec<String>)],
        position: u64,
    ) -> Result<AppendRequest, Status> {
        let condition = query(
            books
                .boundaries()
                .filter_map(|boundary| Some((boundary, books.get(boundary)?))),
        );
        let cause = cause(events.iter().map(|(event, _)| event));
        let mut proposed = Vec::with_capacity(events.len());
        for (index, (event, tags)) in events.iter().enumerate() {
            event.verify().map_err(|error| {
                tracing::error!(%error, "a decision led to a malformed event");
                Status::internal(error.to_string())
            })?;
            let place = place(event, books, envelope.moment);
            let caused_by = if index == cause {
                String::new()
            } else {
                format!("{}/{cause}", envelope.command_id)
            };
            proposed.push(ProposedEvent {
                r#type: event.type_name().to_owned(),
                tags: tags.clone(),
                region: place.region,
                other_region: place.other_region,
                data: event.encode().into(),
                occurred_at: Some(OccurredAt {
                    time_us: envelope.moment.occurred_at_us,
                    utc_offset_minutes: place.utc_offset_minutes,
                    precision: envelope.precision.into(),
                    clamped: envelope.clamped,
                }),
                correlation_id: caused_by.clone(),
                causation_id: caused_by,
                correction: correction(event),
            });
        }
        Ok(AppendRequest {
            command_id: envelope.command_id.clone(),
            command_hash: envelope.command_hash.to_vec(),
            actor: envelope.actor.clone(),
            origin: self.options.origin.clone(),
            events: proposed,
            condition: Some(AppendCondition {
                query: Some(condition),
                after_position: position,
            }),
            deadline_us: envelope.deadline_us,
        })
    }
}

/// What identifies the content of a command: its actor, the type of its request, and the request.
fn command_hash<M: Mutation>(actor: &str, message: &M) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [actor, M::TYPE] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.update(message.encode_to_vec());
    hasher.finalize().into()
}

/// What a command leads to, each event with its tags.
fn decided<C: Command>(command: &C, books: &Books, moment: Moment) -> Decision {
    let events = command.decide(books, moment)?;
    Ok(events
        .into_iter()
        .map(|event| {
            let tags = tags(&event);
            (event, tags)
        })
        .collect())
}

/// What a command must wait for: alone for what it reads, with others of its kind for what it changes unread.
fn claims(books: &Books, decision: &Decision) -> Claims {
    let read = books
        .boundaries()
        .filter(|boundary| boundary.is_contended())
        .map(Boundary::tag);
    let changed = decision.iter().flatten().flat_map(|(_, tags)| tags);
    Claims::new(read, changed.cloned())
}

fn subject<C: Command>(command: &C, books: &Books) -> Result<Boundary, Status> {
    command
        .subject(books)
        .ok_or_else(|| Status::internal("the command was about nothing"))
}

fn answer<C: Command>(command: &C, books: &Books, position: u64) -> Result<Answer, Status> {
    let subject = subject(command, books)?;
    let entry = books
        .get(&subject)
        .cloned()
        .unwrap_or_else(|| Entry::empty(&subject));
    Ok(Answer { entry, position })
}

/// The state that an endpoint answers with. Another kind than it expects is a mistake in the program.
fn state_of<T: TryFrom<Entry>>(entry: Entry) -> Result<T, Status> {
    T::try_from(entry).map_err(|_| Status::internal("the command's subject is of another kind"))
}
