//! What the clocks stand at, kept in a file so that a start need not read again what has ended long ago. It is never
//! truth: where it is missing, damaged, of another history, of another program or of other deadlines, the log is read.

use std::fmt::Write as _;

use keruen_edge::snapshots::{Kept, Snapshots};
use keruen_log::{Log, ReadError};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{Clocks, Deadlines};

/// The code that sets the clocks. Other code may set them otherwise.
const SOURCE: &str = concat!(
    include_str!("../clock.rs"),
    include_str!("run.rs"),
    include_str!("deadlines.rs"),
);

/// Where the clocks are kept. Without files they are kept nowhere.
pub(super) struct Cache {
    files: Option<Snapshots>,
    name: String,
    /// The position of what is kept.
    kept_position: u64,
}

impl Cache {
    pub fn new(files: Option<Snapshots>, deadlines: &Deadlines) -> Self {
        Self {
            files,
            name: name(deadlines),
            kept_position: 0,
        }
    }

    /// The clocks as they were kept; as at the beginning of the log where they were not.
    pub async fn load(&mut self, log: &dyn Log) -> Result<Clocks, ReadError> {
        let Some(files) = &self.files else {
            return Ok(Clocks::default());
        };
        let Some(kept) = files.load_state(&self.name).await else {
            return Ok(Clocks::default());
        };
        let clocks = Clocks::decode(kept.state.as_slice());
        match clocks {
            Ok(clocks) if clocks.position() == kept.position && kept.is_of(log).await? => {
                self.kept_position = kept.position;
                tracing::info!(
                    position = kept.position,
                    requests = clocks.len(),
                    "clocks go on"
                );
                Ok(clocks)
            }
            _ => {
                tracing::info!(
                    position = kept.position,
                    "clocks of another history passed over"
                );
                files.discard_state(&self.name);
                Ok(Clocks::default())
            }
        }
    }

    /// Keeps the clocks, if enough has happened since the last time.
    pub async fn save(&mut self, log: &dyn Log, clocks: &Clocks) {
        let Some(files) = &self.files else {
            return;
        };
        let position = clocks.position();
        if position < self.kept_position.saturating_add(files.min_events().max(1)) {
            return;
        }
        // Also where it fails: the next attempt comes after as many events again.
        self.kept_position = position;
        match Kept::at(log, position, clocks.encode_to_vec()).await {
            Ok(Some(kept)) => files.save_state(&self.name, kept).await,
            Ok(None) => tracing::debug!(position, "clocks not kept"),
            Err(error) => tracing::debug!(position, %error, "clocks not kept"),
        }
    }
}

/// Tells apart what was set by other code or by other deadlines.
fn name(deadlines: &Deadlines) -> String {
    let mut hasher = Sha256::new();
    hasher.update(SOURCE);
    for time_us in deadlines.all_us() {
        hasher.update(time_us.to_be_bytes());
    }
    let mut name = "clocks:".to_owned();
    for byte in hasher.finalize() {
        // Writing to a string can't fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use keruen_edge::SnapshotOptions;
    use keruen_log::{AppendRequest, ProposedEvent, SqliteLog, SqliteOptions};
    use keruen_proto::{
        Event,
        log::v1::{OccurredAt, TimePrecision},
        requests::v1::{RequestFiled, RequestPriority},
    };
    use tempfile::TempDir;
    use uuid::Uuid;

    use super::*;

    /// A log in which so many requests were filed.
    async fn log_with(path: &Path, requests: usize) -> SqliteLog {
        let log = SqliteLog::open(path, SqliteOptions::default()).unwrap();
        for number in 0..requests {
            let event = Event::from(RequestFiled {
                request_id: format!("R{number}"),
                facility_id: "HOSP".to_owned(),
                priority: RequestPriority::Routine.into(),
                ..RequestFiled::default()
            });
            let proposed = ProposedEvent {
                r#type: event.type_name().to_owned(),
                tags: keruen_domain::tags(&event),
                data: event.encode().into(),
                occurred_at: Some(OccurredAt {
                    time_us: 1_586_498_400_000_000,
                    precision: TimePrecision::Second.into(),
                    ..OccurredAt::default()
                }),
                ..ProposedEvent::default()
            };
            let command_id = Uuid::from_u128(number as u128 + 1).to_string();
            log.append(AppendRequest {
                command_id,
                command_hash: vec![0; 32],
                actor: "test".to_owned(),
                origin: "test".to_owned(),
                events: vec![proposed],
                ..AppendRequest::default()
            })
            .await
            .unwrap();
        }
        log
    }

    fn cache(folder: &Path, deadlines: &Deadlines) -> Cache {
        let options = SnapshotOptions {
            min_events: 2,
            ..SnapshotOptions::new(folder)
        };
        Cache::new(Some(Snapshots::open(options)), deadlines)
    }

    async fn followed(log: &SqliteLog, deadlines: &Deadlines) -> Clocks {
        let mut clocks = Clocks::default();
        let page = log
            .read(
                &keruen_log::Query::default(),
                keruen_log::Range::default(),
                100,
            )
            .await
            .unwrap();
        for recorded in &page.events {
            let event = Event::decode(&recorded.r#type, &recorded.data).unwrap();
            clocks.take_in(recorded, &event, deadlines);
        }
        clocks
    }

    #[tokio::test]
    async fn clocks_go_on_from_what_is_whole_and_of_this_history() {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("clocks");
        let deadlines = Deadlines::default();
        let log = log_with(&dir.path().join("log.db"), 3).await;
        let clocks = followed(&log, &deadlines).await;
        assert_eq!(clocks.len(), 3);
        cache(&folder, &deadlines).save(&log, &clocks).await;
        let load = async |log: &SqliteLog, deadlines: &Deadlines| {
            cache(&folder, deadlines).load(log).await.unwrap()
        };
        assert_eq!(load(&log, &deadlines).await, clocks);
        // Under other deadlines other clocks run.
        let mut others = deadlines.clone();
        others.set("repeat", "1h").unwrap();
        assert_eq!(load(&log, &others).await, Clocks::default());
        assert_eq!(load(&log, &deadlines).await, clocks);
        let path = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
        let whole = fs::read(path.path()).unwrap();
        let mut spoiled = whole.clone();
        spoiled[whole.len() / 2] ^= 1;
        for damaged in [&whole[..whole.len() - 1], &whole[..3], &[], &spoiled] {
            fs::write(path.path(), damaged).unwrap();
            assert_eq!(load(&log, &deadlines).await, Clocks::default());
        }
        // Another log, even with the same events, is another history.
        fs::write(path.path(), &whole).unwrap();
        let other = log_with(&dir.path().join("other.db"), 3).await;
        assert_eq!(load(&other, &deadlines).await, Clocks::default());
        assert!(!path.path().exists());
    }

    #[tokio::test]
    async fn clocks_are_kept_now_and_then() {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("clocks");
        let deadlines = Deadlines::default();
        let log = log_with(&dir.path().join("log.db"), 3).await;
        let mut clocks = Clocks::default();
        let mut kept = cache(&folder, &deadlines);
        clocks.reach(1);
        kept.save(&log, &clocks).await;
        assert!(!folder.exists());
        clocks.reach(2);
        kept.save(&log, &clocks).await;
        clocks.reach(3);
        kept.save(&log, &clocks).await;
        let loaded = cache(&folder, &deadlines).load(&log).await.unwrap();
        assert_eq!(loaded.position(), 2);
    }
}
