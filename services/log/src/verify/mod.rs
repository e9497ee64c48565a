//! Verifying a log: everything is computed anew from the events and compared with what is stored, and the first
//! position where something is wrong is named.
//!
//! A log is verified as it stood when the verification began, also beside a node that goes on writing: what is in it
//! never changes. Nothing is written, and memory does not grow with the log: there is one page of [`PAGE_EVENTS`] events
//! at a time (some hundred KB; at most 16 MiB, if each has 64 KiB of data), the path of the tree (less than 256 hashes of
//! each level, a level for each factor of 256), and what the check of the index needs, which its own comment counts up.
//! Measured, of the whole program and a log in a file: 55 MB at 60,000 events as at 300,000.

mod finding;
mod progress;
mod replay;
mod source;

use std::collections::BTreeMap;

pub use finding::{Finding, Part};
pub use progress::{Progress, Reached, Stage};
pub use replay::{Replay, Step};
pub(crate) use source::{Source, SourceError, StoredEvent, StoredHead, StoredTiles};

use crate::{
    checkpoint::Checkpoint,
    tree::{self, Hash, TILE_HASHES, Tile},
};
use replay::hex;

/// Events that are read at once.
const PAGE_EVENTS: usize = 256;

/// Why a log could not be said to be right.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is wrong: the first finding, then those in other parts, which were verified all the same.
    #[error("{}", texts(.0))]
    Wrong(Vec<Finding>),
    /// It could not be read to its end; nothing is said about it.
    #[error("the log can't be verified: {0}")]
    Unreadable(String),
}

impl From<Finding> for VerifyError {
    fn from(finding: Finding) -> Self {
        Self::Wrong(vec![finding])
    }
}

fn texts(findings: &[Finding]) -> String {
    let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Identity of the log.
    pub log_id: [u8; 16],
    /// How many events, which is the position of the newest.
    pub events: u64,
    /// How many appends, each with a command id of its own.
    pub appends: u64,
    /// The root over all leaves.
    pub root_hash: Hash,
    /// Stored tiles of the tree that were compared.
    pub tiles: u64,
    /// Entries of the index that were compared: types, tags and command ids. The newest events are not in it yet.
    pub index_entries: u64,
    /// Checkpoints that the log agrees with.
    pub checkpoints: usize,
    /// When the first and the newest event were recorded, in microseconds.
    pub recorded_at_us: Option<(i64, i64)>,
    /// How many events there are of each type.
    pub types: BTreeMap<String, u64>,
}

/// Verifies what a store holds, also against checkpoints that were signed earlier.
pub(crate) async fn verify(
    source: &mut dyn Source,
    checkpoints: &[Checkpoint],
    progress: Progress<'_>,
) -> Result<Verified, VerifyError> {
    let head = source.head().await.map_err(|error| match error {
        SourceError::Damaged(found) => Finding::new(Part::Head, 0, found).into(),
        SourceError::Unavailable(found) => VerifyError::Unreadable(found),
    })?;
    let mut run = Run {
        replay: Replay::new(head.log_id),
        source,
        checkpoints,
        tiles: 0,
        agreed: 0,
    };
    let mut findings = Vec::new();
    match run.check_events(&head, progress).await {
        Ok(()) => {}
        Err(VerifyError::Wrong(found)) => findings.extend(found),
        Err(error) => return Err(error),
    }
    // Also where events are wrong: whoever mends one thing wants to know of the others.
    if !findings.is_empty() {
        findings.extend(check_ends(&head).err());
        findings.extend(run.check_beyond(&head).err());
    }
    let index_entries = match run.check_index(&head, progress).await {
        Ok(entries) => entries,
        Err(VerifyError::Wrong(found)) => {
            findings.extend(found);
            0
        }
        // Where events can't be read, this is the same once more.
        Err(_) if !findings.is_empty() => 0,
        Err(error) => return Err(error),
    };
    // Of each part the first.
    let mut parts = Vec::new();
    findings.retain(|finding| {
        let is_first = !parts.contains(&finding.part);
        parts.push(finding.part);
        is_first
    });
    if !findings.is_empty() {
        return Err(VerifyError::Wrong(findings));
    }
    Ok(Verified {
        log_id: head.log_id,
        events: run.replay.position(),
        appends: run.replay.appends(),
        root_hash: run.replay.root(),
        tiles: run.tiles,
        index_entries,
        checkpoints: run.agreed,
        recorded_at_us: run.replay.recorded_at_us(),
        types: run.replay.types().clone(),
    })
}

/// A verification under way.
struct Run<'r> {
    source: &'r mut dyn Source,
    replay: Replay,
    checkpoints: &'r [Checkpoint],
    tiles: u64,
    agreed: usize,
}

impl Run<'_> {
    /// Everything but the index.
    async fn check_events(
        &mut self,
        head: &StoredHead,
        progress: Progress<'_>,
    ) -> Result<(), VerifyError> {
        self.agree()?;
        let mut told = |done| {
            progress(Reached {
                stage: Stage::Events,
                done,
                total: head.position,
            });
        };
        told(0);
        while self.replay.position() < head.position {
            self.page(head.position).await?;
            told(self.replay.position());
            // A backend may block; others want to go on too.
            tokio::task::yield_now().await;
        }
        check_ends(head)?;
        self.replay.finish()?;
        self.check_head(head)?;
        Ok(self.check_beyond(head)?)
    }

    async fn page(&mut self, head: u64) -> Result<(), VerifyError> {
        let after = self.replay.position();
        let rows = match self.source.events(after, head, PAGE_EVENTS).await {
            Ok(rows) => rows,
            Err(SourceError::Damaged(_)) => self.page_up_to_damage(after, head).await?,
            Err(error) => return Err(unread(error, after + 1)),
        };
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            match self.row(row).await {
                Ok(event) => events.push(event),
                Err(VerifyError::Wrong(findings)) => return Err(self.first_of(findings).await),
                Err(error) => return Err(error),
            }
        }
        if events.is_empty() {
            let found = format!("the event is missing, and the head is {head}");
            let missing = vec![Finding::event(after + 1, found)];
            return Err(self.first_of(missing).await);
        }
        Ok(())
    }

    /// The events before the one that the database can't read.
    async fn page_up_to_damage(
        &mut self,
        after: u64,
        head: u64,
    ) -> Result<Vec<Result<StoredEvent, Finding>>, VerifyError> {
        let mut rows = Vec::new();
        for position in after..head.min(after + PAGE_EVENTS as u64) {
            match self.source.events(position, head, 1).await {
                Ok(row) => rows.extend(row),
                Err(SourceError::Damaged(found)) => {
                    rows.push(Err(Finding::event(position + 1, found)));
                    break;
                }
                Err(error) => return Err(unread(error, position + 1)),
            }
        }
        Ok(rows)
    }

    async fn row(&mut self, row: Result<StoredEvent, Finding>) -> Result<StoredEvent, VerifyError> {
        let stored = row?;
        let step = self
            .replay
            .take_in(&stored.event, Some(stored.append_events))?;
        for tile in step.completed {
            self.check_tile(&tile).await?;
        }
        self.agree()?;
        Ok(stored)
    }

    /// Compares a completed tile with the stored one.
    async fn check_tile(&mut self, tile: &Tile) -> Result<(), VerifyError> {
        let stored = self.stored_tile(tile.level, tile.number).await?;
        self.tiles += 1;
        if stored.as_deref() == Some(&tile.hashes) {
            return Ok(());
        }
        Err(Self::wrong_tile(tile, stored.as_deref()).into())
    }

    fn wrong_tile(tile: &Tile, stored: Option<&[u8]>) -> Finding {
        let name = format!("tile {} of level {}", tile.number, tile.level);
        let leaves_of_hash = 1_u64 << (tree::TILE_HEIGHT * tile.level);
        let first_leaf = tile.number * leaves_of_hash * TILE_HASHES as u64;
        let Some(stored) = stored else {
            return Finding::new(Part::Tree, first_leaf + 1, format!("{name} is missing"));
        };
        let Some((at, own, found)) = first_difference(&tile.hashes, stored) else {
            let found = format!(
                "{name} has {} bytes instead of {}",
                stored.len(),
                tile.hashes.len()
            );
            return Finding::new(Part::Tree, first_leaf + 1, found);
        };
        let position = first_leaf + at * leaves_of_hash + 1;
        let found = if tile.level == 0 {
            format!(
                "the event has the leaf hash {}, and the tree was built with {} (hash {at} of {name}): the event was \
                 exchanged together with its leaf hash, or the tile was changed",
                hex(own),
                hex(found)
            )
        } else {
            format!(
                "hash {at} of {name} is {}, and the events give {}: the tile was changed",
                hex(found),
                hex(own)
            )
        };
        Finding::new(Part::Tree, position, found)
    }

    async fn stored_tile(
        &mut self,
        level: u32,
        number: u64,
    ) -> Result<Option<Vec<u8>>, VerifyError> {
        let position = (number << (tree::TILE_HEIGHT * (level + 1))) + 1;
        match self.source.tile(level, number).await {
            Ok(tile) => Ok(tile),
            Err(SourceError::Damaged(found)) => {
                Err(Finding::new(Part::Tree, position, found).into())
            }
            Err(error) => Err(unread(error, position)),
        }
    }

    /// A finding, or what is wrong before it: an event of the same tile that agrees with itself and not with the tree.
    async fn first_of(&mut self, findings: Vec<Finding>) -> VerifyError {
        let open = self.replay.tree().open_tile().to_vec();
        let size = self.replay.position();
        let number = size / TILE_HASHES as u64;
        let of_event = findings.iter().find(|finding| finding.part == Part::Event);
        let Some(position) = of_event.map(|finding| finding.position) else {
            return VerifyError::Wrong(findings);
        };
        // Where it can't be read there is nothing to compare with.
        let Ok(Some(stored)) = self.stored_tile(0, number).await else {
            return VerifyError::Wrong(findings);
        };
        let begun = stored.get(..open.len()).unwrap_or(&stored);
        let tile = Tile {
            level: 0,
            number,
            hashes: open.clone(),
        };
        if begun != open && position > size {
            return Self::wrong_tile(&tile, Some(begun)).into();
        }
        VerifyError::Wrong(findings)
    }

    /// Compares the root with that of every checkpoint of this size.
    fn agree(&mut self) -> Result<(), Finding> {
        let size = self.replay.position();
        for checkpoint in self.checkpoints.iter().filter(|known| known.size == size) {
            let root = self.replay.root();
            if checkpoint.root_hash != root {
                return Err(disagreement(checkpoint, &root));
            }
            self.agreed += 1;
        }
        Ok(())
    }

    fn check_head(&self, head: &StoredHead) -> Result<(), Finding> {
        let position = head.position;
        let wrong = |found| Err(Finding::new(Part::Head, position, found));
        let newest = self.replay.recorded_at_us().map_or(0, |(_, newest)| newest);
        if head.recorded_at_us != newest {
            return wrong(format!(
                "recorded_at_us: {} is not the time of the newest event, {newest}",
                head.recorded_at_us
            ));
        }
        self.check_frontier(head)?;
        Self::check_tiles(head)
    }

    /// Whether there are as many tiles as the tree has completed, on every level; their hashes have been compared.
    fn check_tiles(head: &StoredHead) -> Result<(), Finding> {
        let levels = tree::open_tile_levels(head.position);
        let complete = (0..levels).map(|level| tree::completed_tiles(head.position, level));
        let mut expected: BTreeMap<i64, u64> = (0..).zip(complete).collect();
        for stored in &head.tiles {
            let count = expected.remove(&stored.level).unwrap_or(0);
            if stored.count != count || stored.last != count.wrapping_sub(1) {
                let found = format!(
                    "the tree has {count} completed tiles of level {}, and {} are stored, the last with number {}",
                    stored.level, stored.count, stored.last
                );
                return Err(Finding::new(Part::Tree, head.position, found));
            }
        }
        match expected.iter().find(|(_, count)| **count > 0) {
            None => Ok(()),
            Some((level, count)) => {
                let found = format!(
                    "the tree has {count} completed tiles of level {level}, and none is stored"
                );
                Err(Finding::new(Part::Tree, head.position, found))
            }
        }
    }

    /// The roots of the complete subtrees in the head tell which events behind the last tile are not those recorded.
    fn check_frontier(&self, head: &StoredHead) -> Result<(), Finding> {
        let frontier = self.replay.tree().frontier();
        if head.frontier == frontier {
            return Ok(());
        }
        let size = head.position;
        let same_length = head.frontier.len() == frontier.len();
        let different = same_length
            .then(|| first_difference(&frontier, &head.frontier))
            .flatten();
        let Some((at, own, found)) = different else {
            let found = format!(
                "frontier: it has {} bytes instead of {}",
                head.frontier.len(),
                frontier.len()
            );
            return Err(Finding::new(Part::Head, size, found));
        };
        let (first, last) = tree::peak_positions(size, at);
        Err(Finding::new(
            Part::Head,
            first,
            format!(
                "frontier: over the events {first} to {last} it is {}, and they give {}: one of them was exchanged together \
                 with its leaf hash, or the head was changed",
                hex(found),
                hex(own)
            ),
        ))
    }

    /// A checkpoint beyond the head means that the log was cut short.
    fn check_beyond(&self, head: &StoredHead) -> Result<(), Finding> {
        let size = head.position;
        match self.checkpoints.iter().find(|known| known.size > size) {
            None => Ok(()),
            Some(checkpoint) => Err(Finding::new(
                Part::Checkpoint,
                size + 1,
                format!(
                    "a checkpoint of {} events was signed, and the log has {size}: it was cut short, or put back from an older \
                     copy",
                    checkpoint.size
                ),
            )),
        }
    }

    async fn check_index(
        &mut self,
        head: &StoredHead,
        progress: Progress<'_>,
    ) -> Result<u64, VerifyError> {
        let checked = self.source.index(head.log_id, progress).await;
        Ok(checked.map_err(|error| unread(error, head.position))??)
    }
}

/// Whether the events begin and end where the head says.
fn check_ends(head: &StoredHead) -> Result<(), Finding> {
    let position = head.position;
    let wrong = |found| Err(Finding::new(Part::Head, position, found));
    if head.newest != position {
        return wrong(format!(
            "the head is {position}, and the newest event there is has position {}",
            head.newest
        ));
    }
    if head.oldest != position.min(1) {
        return wrong(format!(
            "the oldest event there is has position {}",
            head.oldest
        ));
    }
    Ok(())
}

fn disagreement(checkpoint: &Checkpoint, root: &Hash) -> Finding {
    let size = checkpoint.size;
    Finding::new(
        Part::Checkpoint,
        size,
        format!(
            "the checkpoint of {size} events has the root {}, and the events give {}: history up to there was rewritten after \
             it was signed, or the checkpoint is of another log",
            hex(&checkpoint.root_hash),
            hex(root)
        ),
    )
}

/// The tags of a row, which stand with one space between two.
pub(crate) fn split_tags(tags: &str) -> Vec<String> {
    match tags {
        "" => Vec::new(),
        // Not at any white space: what was a space must still be one.
        tags => tags.split(' ').map(str::to_owned).collect(),
    }
}

/// The first hash that differs: its index, and both.
fn first_difference<'h>(own: &'h [u8], found: &'h [u8]) -> Option<(u64, &'h Hash, &'h Hash)> {
    let (own, found) = (own.as_chunks().0, found.as_chunks().0);
    (0..)
        .zip(own.iter().zip(found))
        .find(|(_, (own, found))| own != found)
        .map(|(index, (own, found))| (index, own, found))
}

fn unread(error: SourceError, position: u64) -> VerifyError {
    match error {
        SourceError::Damaged(found) => Finding::event(position, found).into(),
        SourceError::Unavailable(found) => VerifyError::Unreadable(found),
    }
}
