//! The lock of a data directory: one cluster at a time.

use std::fs::File;
use std::path::Path;

use super::error::Error;

/// Released by name: a process that another thread is just starting holds a copy of the file until it
/// becomes its program; closing ours alone would leave the directory locked.
pub(super) struct DirectoryLock(File);

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing the file is all that is left to do if this fails.
        let _ = self.0.unlock();
    }
}

impl DirectoryLock {
    /// Takes it, or refuses: another cluster has it.
    pub(super) fn take(dir: &Path) -> Result<Self, Error> {
        let file = File::create(dir.join("lock")).map_err(Error::io("take the lock"))?;
        file.try_lock().map_err(|_| Error::Locked(dir.to_owned()))?;
        Ok(Self(file))
    }
}
