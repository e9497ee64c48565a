//! The gRPC service that tells where the views stand and builds them anew.

use std::{sync::Arc, time::Duration};

use keruen_edge::status;
use keruen_log::Log;
use keruen_proto::projections::v1::{
    ListProjectionsRequest, ListProjectionsResponse, ParkedEvent, Projection, ProjectionRebuild,
    ProjectionState, RebuildProjectionsRequest, RebuildProjectionsResponse,
    projection_service_server::ProjectionService,
};
use tonic::{Code, Request, Response, Status};

use crate::views::{Rebuild, RebuildRefusal, Status as Standing, Views};

/// How long the log may take to tell its head. Where it is out of reach, whoever asks wants to read just that.
const HEAD_PATIENCE: Duration = Duration::from_secs(2);

/// `keruen.projections.v1.ProjectionService` over the views on a log.
#[derive(Clone)]
pub struct ProjectionEndpoint {
    views: Arc<Views>,
    log: Arc<dyn Log>,
}

impl ProjectionEndpoint {
    /// Administers `views`, which follow `log`.
    pub fn new(views: Arc<Views>, log: Arc<dyn Log>) -> Self {
        Self { views, log }
    }
}

/// How a view is, from where it stands.
fn state(standing: &Standing) -> ProjectionState {
    if standing.failure.is_some() {
        ProjectionState::Failing
    } else if standing.parked.is_some() {
        ProjectionState::Parked
    } else if standing.ready {
        ProjectionState::Following
    } else {
        ProjectionState::Starting
    }
}

fn rebuild(rebuild: &Rebuild, head_position: u64) -> ProjectionRebuild {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a rate is told, and none is near the bound"
    )]
    let events_per_second = rebuild.events_per_s as i64;
    let left = head_position.saturating_sub(rebuild.position);
    let left = i64::try_from(left).unwrap_or(i64::MAX);
    ProjectionRebuild {
        position: rebuild.position,
        events_per_second,
        // Before anything was folded, nobody can say how long it takes.
        seconds_left: left.checked_div(events_per_second).unwrap_or_default(),
        failure: rebuild.failure.clone().unwrap_or_default(),
    }
}

#[tonic::async_trait]
impl ProjectionService for ProjectionEndpoint {
    async fn list_projections(
        &self,
        _: Request<ListProjectionsRequest>,
    ) -> Result<Response<ListProjectionsResponse>, Status> {
        let asked = tokio::time::timeout(HEAD_PATIENCE, self.log.head()).await;
        let head_unknown = !matches!(asked, Ok(Ok(_)));
        let head = *self.log.watch_head().borrow();
        let projections = self.views.list().into_iter().map(|(view, standing)| {
            let head_position = standing.head_position.max(head);
            let building = standing.rebuild.as_ref();
            let not_built = building.and_then(|it| it.failure.clone());
            Projection {
                name: view.name.to_owned(),
                about: view.about.to_owned(),
                version: view.version,
                answering_version: standing.version,
                state: state(&standing).into(),
                position: standing.position,
                head_position,
                lag_events: if head_unknown {
                    0
                } else {
                    head_position.saturating_sub(standing.position)
                },
                head_unknown,
                parked: standing.parked.map(|parked| ParkedEvent {
                    position: parked.position,
                    r#type: parked.r#type,
                    reason: parked.defect.to_string(),
                }),
                rebuild: building.map(|it| rebuild(it, head_position)),
                failure: standing.failure.or(not_built).unwrap_or_default(),
                kept_elsewhere: standing.is_kept_elsewhere,
            }
        });
        Ok(Response::new(ListProjectionsResponse {
            projections: projections.collect(),
        }))
    }

    async fn rebuild_projections(
        &self,
        request: Request<RebuildProjectionsRequest>,
    ) -> Result<Response<RebuildProjectionsResponse>, Status> {
        let name = request.into_inner().name;
        let name = Some(name.as_str()).filter(|name| !name.is_empty());
        let names = self.views.rebuild(name).map_err(|refusal| {
            let (code, reason) = match &refusal {
                RebuildRefusal::UnknownView { .. } => (Code::NotFound, "UNKNOWN_VIEW"),
                RebuildRefusal::KeptElsewhere { .. } => {
                    (Code::FailedPrecondition, "VIEW_KEPT_ELSEWHERE")
                }
                RebuildRefusal::NoRoom { .. } => (Code::ResourceExhausted, "DISK_FULL"),
                RebuildRefusal::UnderWay { .. } => (Code::FailedPrecondition, "VIEW_UNDER_WAY"),
            };
            status::with_reason(code, refusal.to_string(), reason, Vec::new())
        })?;
        let names = names.into_iter().map(str::to_owned).collect();
        Ok(Response::new(RebuildProjectionsResponse { names }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_rebuild_takes_is_told_once_something_was_folded() {
        let mut at = Rebuild::default();
        assert_eq!(rebuild(&at, 3_292).seconds_left, 0);
        (at.position, at.events_per_s) = (292, 100.0);
        assert_eq!(rebuild(&at, 3_292).seconds_left, 30);
    }
}
