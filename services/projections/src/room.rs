//! Room on the disk of the views: one that is built anew leaves what the log needs to go on.

use std::{fs, sync::atomic::Ordering};

use crate::{
    copies::{CopyName, Place},
    views::Keeper,
};

/// How much a rebuild leaves free, in reserves of the log: with less than one nothing is recorded, and what is recorded
/// meanwhile takes room too.
const RESERVES: u64 = 2;

/// There is too little room to build a view anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{needed_bytes} bytes of the disk must be free to build it anew, {free_bytes} are; free space"
)]
pub struct NoRoom {
    /// With what the log needs.
    pub needed_bytes: u64,
    /// There are so many.
    pub free_bytes: u64,
}

impl Keeper {
    /// Fails where a copy of so many bytes would not leave enough of the disk.
    pub fn check_room(&self, bytes: u64) -> Result<(), NoRoom> {
        let reserve = self.options.min_free_bytes;
        let Place::Folder(folder) = &self.place else {
            return Ok(());
        };
        if reserve == 0 {
            return Ok(());
        }
        let free = match &self.options.free_space {
            Some(free_space) => free_space(),
            None => keruen_log::free_bytes(folder),
        };
        let needed_bytes = reserve.saturating_mul(RESERVES).saturating_add(bytes);
        match free {
            Ok(free_bytes) if free_bytes < needed_bytes => Err(NoRoom {
                needed_bytes,
                free_bytes,
            }),
            Ok(_) => Ok(()),
            Err(error) => {
                // The disk itself refuses when it is full.
                tracing::debug!(%error, "free disk space unknown");
                Ok(())
            }
        }
    }

    /// The same for a whole copy, of which an unfinished one has some already. It will be about as large as the one that
    /// answers, and larger than one for which there was no room.
    pub fn check_room_to_build(&self) -> Result<(), NoRoom> {
        if self.options.min_free_bytes == 0 || matches!(self.place, Place::Server(_)) {
            return Ok(());
        }
        let Ok(copies) = self.place.copies(self.view) else {
            return Ok(());
        };
        let bytes_of = |copy: &Option<CopyName>| copy.as_ref().map_or(0, |copy| self.bytes(copy));
        let outgrown = self.outgrown_bytes.load(Ordering::Relaxed);
        let bytes = bytes_of(&copies.answering).max(outgrown);
        self.check_room(bytes.saturating_sub(bytes_of(&copies.unfinished)))
    }

    /// Notes that there was no room for a copy: another one is begun only where it would get a good deal further.
    pub fn outgrow(&self, copy: &CopyName) {
        let bytes = self.bytes(copy).saturating_mul(2);
        self.outgrown_bytes.store(bytes, Ordering::Relaxed);
    }

    fn bytes(&self, copy: &CopyName) -> u64 {
        let file = self.place.file(copy);
        let found = file.and_then(|file| fs::metadata(file).ok());
        found.map_or(0, |found| found.len())
    }
}
