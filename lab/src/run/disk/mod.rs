//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! What the write-ahead log asks of a disk, in eleven words. A log that only knows these can be run
//! over a real directory ([`FileDisk`]), over memory that forgets like a disk does ([`MemDisk`]),
//! and over a directory that makes `kill -9` as bad as a power cut ([`PowerCutDisk`]).
//!
//! The contract is the one that POSIX gives and no more: a write is durable after [`Disk::sync`] of
//! its file, a name is durable after [`Disk::sync_dir`], and without them any part of either may be
//! lost, in any order.
//!
//! # Left out
//!
//! Direct I/O, several directories, reading a part of a file.

mod directory;
mod mem;
mod power_cut;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

pub(crate) use directory::{make_durable_directory, sync_directory};
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
    /// Makes names durable: files made, renamed and removed.
    ///
    /// # Errors
    /// As for [`Disk::sync`].
    fn sync_dir(&mut self) -> io::Result<()>;
    /// Makes a durable file that begins with `head` and has zeros behind it up to `len`, in place
    /// of any of that name. It may be made on another thread, and it is there once
    /// [`Disk::prepared`] has returned; until then no other call may touch that name.
    ///
    /// # Errors
    /// What the operating system says, now or in [`Disk::prepared`].
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
    /// Waits for what [`Disk::prepare`] has begun.
    ///
    /// # Errors
    /// As for [`Disk::prepare`].
    fn prepared(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How the name of a file ends that is still being prepared.
pub(super) const UNFINISHED: &str = ".tmp";

const LOCK: &str = "lock";
/// So much is forced at once of a file that is prepared: a disk that is busy with one large write
/// makes all small ones wait.
const PIECE: usize = 256 << 10;

/// A directory of the operating system, locked for one process at a time.
#[derive(Debug)]
pub struct FileDisk {
    dir: PathBuf,
    // The log writes one file at a time: one open handle is enough.
    open: Option<(String, File)>,
    preparing: Option<JoinHandle<io::Result<()>>>,
    // Held, never read: the operating system releases it when the process ends, however it ends.
    lock: File,
}

impl FileDisk {
    /// Takes a directory, making it if need be.
    ///
    /// # Errors
    /// Another process holds it, or the operating system refuses.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let explain = |what: &str, e: io::Error| {
            io::Error::new(e.kind(), format!("{what} {}: {e}", dir.display()))
        };
        make_durable_directory(dir).map_err(|e| explain("cannot make the data directory", e))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join(LOCK))
            .map_err(|e| explain("cannot make the lock file in", e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_path_buf(), open: None, preparing: None, lock }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!(
                    "the data directory {} belongs to a process that is still running; \
                     stop that one, or choose another directory",
                    dir.display()
                ),
            )),
            Err(TryLockError::Error(e)) => Err(explain("cannot lock the data directory", e)),
        }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            let file = OpenOptions::new().read(true).write(true).open(self.dir.join(name))?;
            self.open = Some((name.to_owned(), file));
        }
        Ok(&mut self.open.as_mut().expect("just opened").1)
    }
}

impl Drop for FileDisk {
    fn drop(&mut self) {
        // No other process may have the directory while something is still made in it.
        let _ = self.prepared();
        // Closing is not enough while a child that is just being started still has a copy of the
        // handle. If it fails, closing is what is left.
        let _ = self.lock.unlock();
    }
}

impl Disk for FileDisk {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != LOCK {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&mut self, file: &str) -> io::Result<Vec<u8>> {
        fs::read(self.dir.join(file))
    }

    fn create(&mut self, file: &str) -> io::Result<()> {
        let path = self.dir.join(file);
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        self.open = Some((file.to_owned(), opened));
        Ok(())
    }

    fn write(&mut self, file: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(file)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.file(file)?.sync_data()
    }

    fn truncate(&mut self, file: &str, len: u64) -> io::Result<()> {
        self.file(file)?.set_len(len)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))?;
        // The handle follows the file, not the name.
        match &mut self.open {
            Some((open, _)) if open == from => to.clone_into(open),
            Some((open, _)) if open == to => self.open = None,
            Some(_) | None => {}
        }
        Ok(())
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|(open, _)| open == file) {
            self.open = None;
        }
        fs::remove_file(self.dir.join(file))
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        sync_directory(&self.dir)
    }

    /// On a thread of its own: forcing so many bytes takes as long as forcing many records.
    fn prepare(&mut self, file: &str, head: &[u8], len: u64) -> io::Result<()> {
        self.prepared()?;
        if self.open.as_ref().is_some_and(|(open, _)| open == file) {
            self.open = None;
        }
        let (dir, file, head) = (self.dir.clone(), file.to_owned(), head.to_vec());
        let work = move || prepare_file(&dir, &file, &head, len);
        self.preparing = Some(Builder::new().name("next segment".into()).spawn(work)?);
        Ok(())
    }

    fn prepared(&mut self) -> io::Result<()> {
        let Some(thread) = self.preparing.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that did it panicked")))
    }
}

fn prepare_file(dir: &Path, file: &str, head: &[u8], len: u64) -> io::Result<()> {
    let unfinished = dir.join(format!("{file}{UNFINISHED}"));
    let mut made = File::create(&unfinished)?;
    made.write_all(head)?;
    let zeros = vec![0; PIECE];
    let mut left = usize::try_from(len).map_err(io::Error::other)?.saturating_sub(head.len());
    while left > 0 {
        let piece = &zeros[..left.min(PIECE)];
        made.write_all(piece)?;
        made.sync_data()?;
        left -= piece.len();
    }
    fs::rename(&unfinished, dir.join(file))?;
    sync_directory(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prepared_file_is_whole_when_it_is_waited_for_or_the_disk_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let len = 2 * PIECE + 5;
        let whole = [b"head".as_slice(), &vec![0; len - 4]].concat();
        let mut disk = FileDisk::open(dir.path()).unwrap();
        disk.create("a").unwrap();
        disk.write("a", 0, b"of an older file of that name").unwrap();
        disk.prepare("a", b"head", len as u64).unwrap();
        disk.prepared().unwrap();
        assert_eq!(disk.read("a").unwrap(), whole);
        disk.write("a", 0, b"HEAD").unwrap();
        assert_eq!(disk.read("a").unwrap()[..5], *b"HEAD\0");
        disk.prepare("b", b"head", len as u64).unwrap();
        drop(disk);
        let mut disk = FileDisk::open(dir.path()).unwrap();
        assert_eq!(disk.list().unwrap(), ["a", "b"]);
        assert_eq!(disk.read("b").unwrap(), whole);
    }

    #[test]
    fn what_goes_wrong_while_a_file_is_prepared_is_told_to_who_waits_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::open(dir.path()).unwrap();
        // A directory cannot be replaced by a file.
        fs::create_dir(dir.path().join("a")).unwrap();
        disk.prepare("a", b"head", 10).unwrap();
        assert!(disk.prepared().is_err());
        assert!(disk.prepared().is_ok(), "and once");
    }
}
