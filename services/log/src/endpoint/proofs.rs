//! The calls that prove: checkpoints, inclusion and consistency.

use std::sync::Arc;

use keruen_proto::events::v1::{
    GetCheckpointRequest, GetCheckpointResponse, GetConsistencyProofRequest,
    GetConsistencyProofResponse, GetInclusionProofRequest, GetInclusionProofResponse,
    get_inclusion_proof_request::Event as Asked,
};
use tonic::Status;

use super::{refused, status_of};
use crate::{
    append::Violation,
    checkpoint::{Checkpoint, CheckpointKey},
    log::{Head, Log},
    syntax,
    tree::{Hash, Prover, TreeHashes},
};

/// Proves what is in a log.
pub(super) struct Proofs {
    log: Arc<dyn Log>,
    prover: Prover,
    key: Option<CheckpointKey>,
}

impl Proofs {
    pub fn new(log: Arc<dyn Log>, key: Option<CheckpointKey>) -> Self {
        Self {
            prover: Prover::new(Arc::clone(&log)),
            log,
            key,
        }
    }

    pub async fn checkpoint(
        &self,
        request: GetCheckpointRequest,
    ) -> Result<GetCheckpointResponse, Status> {
        let key = self.key.as_ref().ok_or_else(|| {
            Status::failed_precondition(
                "this node has no checkpoint key; ask another node of this log",
            )
        })?;
        let head = self.head().await?;
        let first = within("since_size", request.since_size, &head)?;
        let consistency_hashes = match first {
            0 => Vec::new(),
            first => self
                .prover
                .consistency(first, head.position, head.position)
                .await
                .map_err(status_of)?,
        };
        Ok(GetCheckpointResponse {
            checkpoint: Checkpoint::sign(key, &head),
            verifier_key: key.verifier_key().to_string(),
            size: head.position,
            root_hash: head.root_hash.to_vec(),
            consistency_hashes: bytes(consistency_hashes),
        })
    }

    pub async fn inclusion(
        &self,
        request: GetInclusionProofRequest,
    ) -> Result<GetInclusionProofResponse, Status> {
        let head = self.head().await?;
        let tree_size = match request.tree_size {
            0 => head.position,
            stated => within("tree_size", stated, &head)?,
        };
        let position = match request.event {
            Some(Asked::Position(position)) => position,
            Some(Asked::EventId(id)) => self.find(&id).await?,
            None => {
                return Err(invalid("event", "name it by position or event_id"));
            }
        };
        if position == 0 {
            return Err(invalid(
                "position",
                "the first event has position 1, found 0",
            ));
        }
        if position > tree_size {
            return Err(Status::out_of_range(format!(
                "position: {position} is not in the tree of size {tree_size}; the head is {}",
                head.position
            )));
        }
        let index = position - 1;
        let wanted = TreeHashes::Leaves {
            after_position: index,
            count: 1,
        };
        let leaf = self.log.tree_hashes(wanted).await.map_err(status_of)?;
        let hashes = self
            .prover
            .inclusion(index, tree_size, head.position)
            .await
            .map_err(status_of)?;
        Ok(GetInclusionProofResponse {
            position,
            tree_size,
            leaf_hash: leaf.concat(),
            root_hash: self.root(tree_size, &head).await?,
            hashes: bytes(hashes),
        })
    }

    pub async fn consistency(
        &self,
        request: GetConsistencyProofRequest,
    ) -> Result<GetConsistencyProofResponse, Status> {
        let head = self.head().await?;
        let first_size = within("first_size", request.first_size, &head)?;
        let second_size = match request.second_size {
            0 => head.position,
            stated => within("second_size", stated, &head)?,
        };
        if first_size == 0 {
            return Err(invalid(
                "first_size",
                "must be at least 1, found 0: the empty tree is the beginning of every tree",
            ));
        }
        if first_size > second_size {
            return Err(invalid(
                "first_size",
                &format!("must not be above second_size, {second_size}, found {first_size}"),
            ));
        }
        let hashes = self
            .prover
            .consistency(first_size, second_size, head.position)
            .await
            .map_err(status_of)?;
        Ok(GetConsistencyProofResponse {
            first_size,
            second_size,
            first_root_hash: self.root(first_size, &head).await?,
            second_root_hash: self.root(second_size, &head).await?,
            hashes: bytes(hashes),
        })
    }

    async fn head(&self) -> Result<Head, Status> {
        self.log.head().await.map_err(status_of)
    }

    async fn root(&self, size: u64, head: &Head) -> Result<Vec<u8>, Status> {
        if size == head.position {
            return Ok(head.root_hash.to_vec());
        }
        let root = self.prover.root(size, head.position).await;
        Ok(root.map_err(status_of)?.to_vec())
    }

    /// Position of the event with this id.
    async fn find(&self, event_id: &str) -> Result<u64, Status> {
        syntax::event_id(event_id).map_err(|rule| invalid("event_id", &rule))?;
        let unknown = || {
            Status::not_found(format!(
                "event_id: there is no event {event_id} in this log"
            ))
        };
        // The check above has found a slash and a number.
        let (command_id, index) = event_id.split_once('/').ok_or_else(unknown)?;
        let index: u64 = index.parse().map_err(|_| unknown())?;
        let command = self
            .log
            .find_command(command_id)
            .await
            .map_err(status_of)?
            .ok_or_else(unknown)?;
        let position = command.appended.first_position + index;
        if position > command.appended.last_position {
            return Err(unknown());
        }
        Ok(position)
    }
}

/// A size that must not be above the head.
fn within(field: &str, size: u64, head: &Head) -> Result<u64, Status> {
    if size <= head.position {
        return Ok(size);
    }
    Err(Status::out_of_range(format!(
        "{field}: must not be above the head, {}, found {size}; is it a size of another log, or was this log cut short?",
        head.position
    )))
}

fn invalid(field: &str, rule: &str) -> Status {
    refused(&Violation::new(field, rule))
}

fn bytes(hashes: Vec<Hash>) -> Vec<Vec<u8>> {
    hashes.into_iter().map(|hash| hash.to_vec()).collect()
}
