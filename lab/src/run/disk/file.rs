//! A directory of the operating system. Frames go past the page cache (`direct.rs`); what takes long
//! and no record waits for is done on threads of its own.
//!
//! # Left out
//!
//! A limit for those threads: the log asks for one file ahead, and frees what it has used up.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use super::direct::DirectFile;
use super::{Disk, UNFINISHED, make_durable_directory, sync_directory};

const LOCK: &str = "lock";
/// So much is forced at once of a file that is prepared: a disk that is busy with one large write
/// makes all small ones wait.
const PIECE: usize = 256 << 10;

/// A directory of the operating system, locked for one process at a time.
#[derive(Debug)]
pub struct FileDisk {
    dir: PathBuf,
    // The log writes one file at a time: one open handle of each kind is enough.
    open: Option<(String, File)>,
    appended: Option<(String, DirectFile)>,
    working: Vec<JoinHandle<io::Result<()>>>,
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
            Ok(()) => {
                let (dir, working) = (dir.to_path_buf(), Vec::new());
                Ok(Self { dir, open: None, appended: None, working, lock })
            }
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

    /// Lets go of a file whose name is given away.
    fn close(&mut self, name: &str) {
        self.open.take_if(|(open, _)| open == name);
        self.appended.take_if(|(open, _)| open == name);
    }

    fn in_background(
        &mut self,
        name: &str,
        work: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        self.working.push(Builder::new().name(name.into()).spawn(work)?);
        Ok(())
    }
}

impl Drop for FileDisk {
    fn drop(&mut self) {
        // No other process may have the directory while something is still done in it.
        let _ = self.finish();
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
        self.close(file);
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

    fn append(&mut self, file: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        if self.appended.as_ref().is_none_or(|(open, _)| open != file) {
            let opened = DirectFile::open(&self.dir.join(file), at)?;
            self.appended = Some((file.to_owned(), opened));
        }
        self.appended.as_mut().expect("just opened").1.append(at, bytes)
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        // Whichever handle it was written with: what is forced is the file.
        match &self.appended {
            Some((open, appended)) if open == file => appended.sync(),
            Some(_) | None => self.file(file)?.sync_data(),
        }
    }

    fn truncate(&mut self, file: &str, len: u64) -> io::Result<()> {
        self.file(file)?.set_len(len)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.close(from);
        self.close(to);
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.close(file);
        fs::remove_file(self.dir.join(file))
    }

    /// On a thread of its own: giving so many blocks back takes longer than forcing a record.
    fn remove_later(&mut self, files: Vec<String>) -> io::Result<()> {
        files.iter().for_each(|file| self.close(file));
        let dir = self.dir.clone();
        let remove = move |file: &String| fs::remove_file(dir.join(file));
        self.in_background("old segments", move || files.iter().try_for_each(remove))
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        sync_directory(&self.dir)
    }

    /// On a thread of its own: forcing so many bytes takes as long as forcing many records.
    fn prepare(&mut self, file: &str, head: &[u8], len: u64) -> io::Result<()> {
        self.close(file);
        let (dir, file, head) = (self.dir.clone(), file.to_owned(), head.to_vec());
        self.in_background("next segment", move || prepare_file(&dir, &file, &head, len))
    }

    fn finish(&mut self) -> io::Result<()> {
        let panicked = |_| Err(io::Error::other("the thread that did it panicked"));
        let done = self.working.drain(..).map(|thread| thread.join().unwrap_or_else(panicked));
        // Waits for all of them, whatever becomes of one.
        done.fold(Ok(()), Result::and)
    }
}

fn prepare_file(dir: &Path, file: &str, head: &[u8], len: u64) -> io::Result<()> {
    let unfinished = dir.join(format!("{file}{UNFINISHED}"));
    let mut made = File::create(&unfinished)?;
    made.write_all(head)?;
    let zeros = vec![0; PIECE];
    // Whole blocks, so that the last ones can be written past the page cache as well.
    let len = usize::try_from(len).map_err(io::Error::other)?.next_multiple_of(DirectFile::BLOCK);
    let mut left = len.saturating_sub(head.len());
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
        let whole = [b"head".as_slice(), &vec![0; 2 * PIECE + DirectFile::BLOCK - 4]].concat();
        let mut disk = FileDisk::open(dir.path()).unwrap();
        disk.create("a").unwrap();
        disk.write("a", 0, b"of an older file of that name").unwrap();
        disk.prepare("a", b"head", len as u64).unwrap();
        disk.finish().unwrap();
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
        assert!(disk.finish().is_err());
        assert!(disk.finish().is_ok(), "and once");
    }
}
