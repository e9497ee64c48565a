//! Room on the disk. Appends are refused before it is full: a full disk stops more than the log, and its operator needs
//! room to make room.

use std::{fmt, io, path::Path, sync::Arc};

use crate::store::StoreError;

/// Tells how many bytes can still be written to the disk of the log.
pub type FreeSpace = Arc<dyn Fn() -> io::Result<u64> + Send + Sync>;

/// How many bytes are free, to a user without privileges, on the disk that holds `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What must stay free.
pub(super) struct Reserve {
    free_space: FreeSpace,
    /// The folder of the log, for whoever frees space there.
    at: String,
    min_free_bytes: u64,
    /// Whether the last look found too little: a change is logged, not every refusal.
    is_short: bool,
}

impl Reserve {
    /// Keeps `min_free_bytes` free on the disk of the log at `path`; 0 keeps nothing.
    pub fn new(path: &Path, min_free_bytes: u64, free_space: Option<FreeSpace>) -> Self {
        let path = path.to_owned();
        let folder = path.parent().unwrap_or(&path);
        Self {
            at: folder.display().to_string(),
            free_space: free_space.unwrap_or_else(|| Arc::new(move || free_bytes(&path))),
            min_free_bytes,
            is_short: false,
        }
    }

    /// What is said where the disk itself refused.
    pub fn used_up(&self) -> StoreError {
        StoreError::Full {
            at: self.at.clone(),
        }
    }

    /// Fails while less than the reserve is free. Costs one system call.
    pub fn check(&mut self) -> Result<(), StoreError> {
        if self.min_free_bytes == 0 {
            return Ok(());
        }
        let free_bytes = match (self.free_space)() {
            Ok(free_bytes) => free_bytes,
            Err(error) => {
                // The disk itself refuses when it is full.
                tracing::debug!(%error, "free disk space unknown");
                return Ok(());
            }
        };
        let is_short = free_bytes < self.min_free_bytes;
        if is_short != self.is_short {
            self.is_short = is_short;
            let reserve_bytes = self.min_free_bytes;
            if is_short {
                tracing::error!(
                    free_bytes,
                    reserve_bytes,
                    "disk nearly full, appends are refused"
                );
            } else {
                tracing::info!(
                    free_bytes,
                    reserve_bytes,
                    "disk has room again, appends go on"
                );
            }
        }
        if is_short {
            return Err(StoreError::NearlyFull {
                at: self.at.clone(),
                free_bytes,
                reserve_bytes: self.min_free_bytes,
            });
        }
        Ok(())
    }
}

impl fmt::Debug for Reserve {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reserve")
            .field("min_free_bytes", &self.min_free_bytes)
            .field("is_short", &self.is_short)
            .finish_non_exhaustive()
    }
}
