//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! What the write-ahead log asks of a disk, in thirteen words. A log that only knows these can be run
//! over a real directory ([`FileDisk`]), over memory that forgets like a disk does ([`MemDisk`]),
//! and over a directory that makes `kill -9` as bad as a power cut ([`PowerCutDisk`]).
//!
//! The contract is the one that POSIX gives and no more: a write is durable after [`Disk::sync`] of
//! its file, a name is durable after [`Disk::sync_dir`], and without them any part of either may be
//! lost, in any order.
//!
//! # Left out
//!
//! Several directories, reading a part of a file, asking for several things at once.

mod direct;
mod directory;
mod file;
mod mem;
mod power_cut;

use std::io;

pub(crate) use direct::DirectFile;
pub use directory::{make_durable_directory, sync_directory};
pub use file::FileDisk;
pub use mem::MemDisk;
pub use power_cut::PowerCutDisk;

/// One flat directory of files.
pub trait Disk: Send {
    /// The names of all files, sorted.
    ///
    /// # Errors
    /// What the operating system says.
    fn list(&mut self) -> io::Result<Vec<String>>;
    /// The whole content of a file.
    ///
    /// # Errors
    /// What the operating system says.
    fn read(&mut self, file: &str) -> io::Result<Vec<u8>>;
    /// Makes an empty file, in place of any of that name.
    ///
    /// # Errors
    /// What the operating system says.
    fn create(&mut self, file: &str) -> io::Result<()>;
    /// Writes all bytes at an offset.
    ///
    /// # Errors
    /// What the operating system says; any part may have been written.
    fn write(&mut self, file: &str, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Writes all bytes into a prepared file, behind all that it was appended; zeros follow them.
    ///
    /// # Errors
    /// As for [`Disk::write`].
    fn append(&mut self, file: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write(file, at, bytes)
    }
    /// Makes the content of a file durable.
    ///
    /// # Errors
    /// What the operating system says. After an error it is unknown what is durable, and asking
    /// again may be answered with a false yes: the only safe reaction is to stop.
    fn sync(&mut self, file: &str) -> io::Result<()>;
    /// Cuts a file down to a length.
    ///
    /// # Errors
    /// What the operating system says.
    fn truncate(&mut self, file: &str, len: u64) -> io::Result<()>;
    /// Gives a file another name, in place of any file of that name.
    ///
    /// # Errors
    /// What the operating system says.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// What the operating system says.
    fn remove(&mut self, file: &str) -> io::Result<()>;
    /// Removes files that no other call will name, perhaps on another thread, some time before
    /// [`Disk::finish`] returns.
    ///
    /// # Errors
    /// What the operating system says, now or in [`Disk::finish`].
    fn remove_later(&mut self, files: Vec<String>) -> io::Result<()> {
        files.iter().try_for_each(|file| self.remove(file))
    }
    /// Makes names durable: files made, renamed and removed.
    ///
    /// # Errors
    /// As for [`Disk::sync`].
    fn sync_dir(&mut self) -> io::Result<()>;
    /// Makes a durable file that begins with `head` and has zeros behind it up to `len`, in place
    /// of any of that name. It may be made on another thread, and it is there once
    /// [`Disk::finish`] has returned; until then no other call may touch that name.
    ///
    /// # Errors
    /// What the operating system says, now or in [`Disk::finish`].
    fn prepare(&mut self, file: &str, head: &[u8], len: u64) -> io::Result<()> {
        let unfinished = format!("{file}{UNFINISHED}");
        let mut bytes = head.to_vec();
        bytes.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        self.create(&unfinished)?;
        self.write(&unfinished, 0, &bytes)?;
        self.sync(&unfinished)?;
        // Only now, so that a crash leaves either no file of that name or a whole one.
        self.rename(&unfinished, file)?;
        self.sync_dir()
    }
    /// Waits for what [`Disk::prepare`] and [`Disk::remove_later`] have begun.
    ///
    /// # Errors
    /// What the operating system said.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How the name of a file ends that is still being prepared.
pub(super) const UNFINISHED: &str = ".tmp";
