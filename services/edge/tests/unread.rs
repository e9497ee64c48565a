//! A log that can't be read while a command is carried out: what is told of it is exactly what is certain.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use keruen_domain::registry::RegisterOrganisation;
use keruen_edge::{Desk, DeskOptions, status::RECORDED};
use keruen_log::{
    AppendError, AppendRequest, Appended, Head, Log, Page, Query, Range, ReadError,
    RecordedCommand, SqliteLog, SqliteOptions,
    tree::{Hash, TreeHashes},
};
use keruen_proto::registry::v1::{
    LocalizedText, Organisation, OrganisationKind, RegisterOrganisationRequest,
};
use tempfile::TempDir;
use tokio::sync::watch;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

/// A log that may be out of reach, and may have been moved by somebody else just then.
struct Distant {
    log: SqliteLog,
    is_away: AtomicBool,
    goes_away_at_append: AtomicBool,
}

impl Distant {
    fn reach(&self) -> Result<(), ReadError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(ReadError::Unavailable("it is out of reach".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Log for Distant {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        if self.goes_away_at_append.swap(false, Ordering::Relaxed) {
            self.is_away.store(true, Ordering::Relaxed);
            return Err(AppendError::ConditionFailed {
                conflicting_position: 1,
                after_position: 0,
            });
        }
        self.log.append(request).await
    }

    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        self.reach()?;
        self.log.read(query, range, limit).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.reach()?;
        self.log.head().await
    }

    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError> {
        self.reach()?;
        self.log.find_command(command_id).await
    }

    async fn tree_hashes(&self, wanted: TreeHashes) -> Result<Vec<Hash>, ReadError> {
        self.log.tree_hashes(wanted).await
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.log.watch_head()
    }
}

async fn register(desk: &Desk, id: &str) -> Result<(Organisation, u64), Status> {
    let request = RegisterOrganisationRequest {
        command_id: Uuid::new_v4().to_string(),
        organisation: Some(Organisation {
            organisation_id: id.to_owned(),
            name: Some(LocalizedText {
                en: id.to_owned(),
                ..LocalizedText::default()
            }),
            kinds: vec![OrganisationKind::Donor.into()],
            ..Organisation::default()
        }),
        ..RegisterOrganisationRequest::default()
    };
    desk.carry_out(Request::new(request), |message, _| {
        message.organisation.clone().map(RegisterOrganisation)
    })
    .await
}

/// What a refusal tells of whether the attempt was recorded.
fn recorded(status: &Status) -> Option<String> {
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.reason, "LOG_UNAVAILABLE");
    info.metadata.get(RECORDED).cloned()
}

#[tokio::test]
async fn a_command_whose_reads_fail_is_told_to_be_unrecorded_only_before_it_is_appended() {
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions::default();
    let log = Arc::new(Distant {
        log: SqliteLog::open(&folder.path().join("keruen.db"), options).unwrap(),
        is_away: AtomicBool::new(true),
        goes_away_at_append: AtomicBool::new(false),
    });
    let desk = Desk::new(log.clone(), DeskOptions::new("test"));
    let refused = register(&desk, "A").await.unwrap_err();
    assert_eq!(recorded(&refused).as_deref(), Some("no"));

    log.is_away.store(false, Ordering::Relaxed);
    log.goes_away_at_append.store(true, Ordering::Relaxed);
    let refused = register(&desk, "A").await.unwrap_err();
    assert_eq!(recorded(&refused), None);

    log.is_away.store(false, Ordering::Relaxed);
    assert_eq!(register(&desk, "A").await.unwrap().1, 1);
}
