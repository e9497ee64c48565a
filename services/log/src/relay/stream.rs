//! The stream: how it is made, how it must be, and what names an event in it.

use std::{collections::HashMap, fmt::Write as _, time::Duration};

use async_nats::{
    HeaderMap,
    jetstream::{
        ErrorCode,
        context::{CreateStreamErrorKind, GetStreamErrorKind},
        message::StreamMessage,
        stream::{
            Config, DiscardPolicy, Info, PersistenceMode, RawMessageErrorKind, RetentionPolicy,
            StorageType,
        },
    },
};
use keruen_proto::log::v1::RecordedEvent;

use super::{RelayOptions, Runner, Trouble};

/// Header that holds the event id.
pub(super) const EVENT_ID: &str = "Keruen-Event-Id";
/// Header that holds the leaf hash, in hexadecimal digits.
pub(super) const LEAF_HASH: &str = "Keruen-Leaf-Hash";
/// Metadata of the stream that holds the id of the log, in hexadecimal digits.
const LOG_ID: &str = "keruen.log_id";

/// What names an event for good: on another node it has the same id, in another history another leaf hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    pub event_id: String,
    pub leaf_hash: String,
}

impl Marks {
    /// Those of a message; `None` where it is no event.
    pub fn of(message: &StreamMessage) -> Option<Self> {
        let header = |name: &str| Some(message.headers.get(name)?.as_str().to_owned());
        Some(Self {
            event_id: header(EVENT_ID)?,
            leaf_hash: header(LEAF_HASH)?,
        })
    }

    /// Writes them.
    pub fn write(self, headers: &mut HeaderMap) {
        headers.insert(EVENT_ID, self.event_id);
        headers.insert(LEAF_HASH, self.leaf_hash);
    }
}

impl From<&RecordedEvent> for Marks {
    fn from(event: &RecordedEvent) -> Self {
        Self {
            event_id: event.event_id.clone(),
            leaf_hash: hexadecimal(&event.leaf_hash),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Runner {
    /// Looks at the stream, and makes it where there is none.
    pub(super) async fn open_stream(&self) -> Result<Info, Trouble> {
        let name = self.options.names.stream();
        let head = self.log.head().await?;
        let wanted = configuration(&self.options, &head.log_id);
        let info = match self.jetstream.get_stream(&name).await {
            Ok(stream) => stream.cached_info().clone(),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(reason)
                    if reason.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    self.make_stream(&wanted, head.position).await?
                }
                _ => return Err(self.no_jetstream(&error)),
            },
        };
        let differences = differences(&info.config, &wanted);
        if differences.is_empty() {
            return Ok(info);
        }
        Err(Trouble::Stopped(format!(
            "the stream {name} has other settings, which stay as they are: {}; change the settings of the stream or of \
             the relay",
            differences.join("; ")
        )))
    }

    async fn make_stream(&self, wanted: &Config, head: u64) -> Result<Info, Trouble> {
        let first_position = self.options.first_position;
        if first_position > head.saturating_add(1) {
            return Err(Trouble::Stopped(format!(
                "the stream can't begin at position {first_position}: the log ends at {head}"
            )));
        }
        let made = self.jetstream.create_stream(wanted.clone()).await;
        match made {
            Ok(stream) => {
                let stream_name = &wanted.name;
                tracing::info!(stream = stream_name, first_position, head, "stream made");
                Ok(stream.cached_info().clone())
            }
            Err(error) => match error.kind() {
                // Another relay was faster; the next look compares the settings.
                CreateStreamErrorKind::JetStream(reason)
                    if reason.error_code() == ErrorCode::STREAM_NAME_EXIST =>
                {
                    Err(Trouble::Waiting("the stream was just made".to_owned()))
                }
                _ => Err(Trouble::waiting("the stream can't be made", error)),
            },
        }
    }

    fn no_jetstream(&self, error: &impl std::fmt::Display) -> Trouble {
        let at = self.connection.at();
        Trouble::waiting(
            format!("JetStream does not answer at {at}; is it switched on there?"),
            error,
        )
    }

    /// One message; `None` where the stream has forgotten it.
    pub(super) async fn message(
        &self,
        stream: &str,
        sequence: u64,
    ) -> Result<Option<StreamMessage>, Trouble> {
        let stream = self.jetstream.get_stream_no_info(stream).await;
        let stream = stream.map_err(|error| self.no_jetstream(&error))?;
        match stream.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(error) => Err(Trouble::waiting("the last message can't be read", error)),
        }
    }
}

fn configuration(options: &RelayOptions, log_id: &[u8]) -> Config {
    Config {
        name: options.names.stream(),
        description: Some("The event log; the sequence is the position in the log".to_owned()),
        subjects: vec![options.names.all_events()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        num_replicas: options.replicas,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_bytes: options
            .max_bytes
            .map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        max_age: options.max_age.unwrap_or_default(),
        deny_delete: true,
        deny_purge: true,
        first_sequence: (options.first_position > 1).then_some(options.first_position),
        metadata: HashMap::from([(LOG_ID.to_owned(), hexadecimal(log_id))]),
        ..Config::default()
    }
}

/// Settings on which the promises of the stream rest, as text.
fn settings(config: &Config) -> Vec<(&'static str, String)> {
    let limit = |number: i64| match number {
        ..=0 => "none".to_owned(),
        number => number.to_string(),
    };
    let age = |age: Duration| match age {
        Duration::ZERO => "none".to_owned(),
        age => format!("{} s", age.as_secs_f64()),
    };
    let log_id = config.metadata.get(LOG_ID).map_or("none", String::as_str);
    let persistence = match config.persist_mode {
        Some(PersistenceMode::Async) => "async",
        Some(PersistenceMode::Default) | None => "default",
    };
    vec![
        ("metadata keruen.log_id", log_id.to_owned()),
        ("subjects", config.subjects.join(",")),
        (
            "retention",
            format!("{:?}", config.retention).to_lowercase(),
        ),
        ("discard", format!("{:?}", config.discard).to_lowercase()),
        ("storage", format!("{:?}", config.storage).to_lowercase()),
        ("persist_mode", persistence.to_owned()),
        ("num_replicas", config.num_replicas.to_string()),
        ("max_age", age(config.max_age)),
        ("max_bytes", limit(config.max_bytes)),
        ("max_msgs", limit(config.max_messages)),
        (
            "max_msgs_per_subject",
            limit(config.max_messages_per_subject),
        ),
        ("max_msg_size", limit(config.max_message_size.into())),
        ("deny_delete", config.deny_delete.to_string()),
        ("deny_purge", config.deny_purge.to_string()),
        ("allow_rollup_hdrs", config.allow_rollup.to_string()),
        ("allow_msg_ttl", config.allow_message_ttl.to_string()),
        (
            "allow_msg_schedules",
            config.allow_message_schedules.to_string(),
        ),
        (
            "allow_msg_counter",
            config.allow_message_counter.to_string(),
        ),
        ("no_ack", config.no_ack.to_string()),
        ("sealed", config.sealed.to_string()),
        ("mirror", config.mirror.is_some().to_string()),
        (
            "sources",
            config.sources.iter().flatten().count().to_string(),
        ),
        (
            "subject_transform",
            config.subject_transform.is_some().to_string(),
        ),
    ]
}

fn differences(found: &Config, wanted: &Config) -> Vec<String> {
    settings(found)
        .into_iter()
        .zip(settings(wanted))
        .filter(|(found, wanted)| found != wanted)
        .map(|((name, found), (_, wanted))| format!("{name} is {found}, asked for {wanted}"))
        .collect()
}
