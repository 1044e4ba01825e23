//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! What the write-ahead log asks of a disk, in nine words. A log that only knows these can be run
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

mod mem;
mod power_cut;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

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
    /// What the operating system says. After an error nobody knows what is durable, and asking
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
}

const LOCK: &str = "lock";

/// A directory of the operating system, locked for one process at a time.
#[derive(Debug)]
pub struct FileDisk {
    dir: PathBuf,
    // The log writes one file at a time: one open handle is enough.
    open: Option<(String, File)>,
    // Held, never read: the operating system lets go of it when the process ends, however it ends.
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
            Ok(()) => Ok(Self { dir: dir.to_path_buf(), open: None, lock }),
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
}

/// One level of a path to a directory.
#[derive(PartialEq, Eq, Debug)]
struct Level<'a> {
    dir: &'a Path,
    /// The directory that holds its name.
    parent: &'a Path,
    exists: bool,
}

/// The levels whose names may not be durable yet, from the top down: each one that has to be made,
/// and the lowest that is there, because a process may have been killed right after it made it.
fn unsure_levels(dir: &Path, exists: impl Fn(&Path) -> bool) -> Vec<Level<'_>> {
    let mut levels = Vec::new();
    for dir in dir.ancestors() {
        // Without a parent it is the root; a relative path begins in the current directory.
        let Some(parent) = dir.parent() else { break };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let exists = exists(dir);
        levels.push(Level { dir, parent, exists });
        if exists {
            break;
        }
    }
    levels.reverse();
    levels
}

/// Makes each level and forces its name before the next one is made.
fn make_durable_directory(dir: &Path) -> io::Result<()> {
    for Level { dir, parent, exists } in unsure_levels(dir, Path::is_dir) {
        if !exists {
            match fs::create_dir(dir) {
                // Somebody else just did.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
                made => made?,
            }
        }
        match sync_directory(parent) {
            // A directory that is given to us, in one that is not ours to read, is not our making.
            Err(e) if exists && e.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

// Elsewhere a directory cannot be opened as a file; names are durable with the file's own sync.
#[cfg(not(unix))]
fn sync_directory(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is forced for a path, given which directories are there: `made in parent`.
    fn forced(path: &str, there: &[&str]) -> Vec<String> {
        let levels = unsure_levels(Path::new(path), |dir| there.contains(&dir.to_str().unwrap()));
        let word = |l: &Level| {
            let what = if l.exists { "" } else { "new " };
            format!("{what}{} in {}", l.dir.display(), l.parent.display())
        };
        levels.iter().map(word).collect()
    }

    #[test]
    fn every_level_that_may_be_new_is_forced_from_the_top_down() {
        assert_eq!(forced("data", &[]), ["new data in ."]);
        assert_eq!(forced("data", &["data"]), ["data in ."]);
        assert_eq!(
            forced("./data/n1", &["."]),
            [". in .", "new ./data in .", "new ./data/n1 in ./data"]
        );
        assert_eq!(
            forced("/var/lib/shop/n1", &["/", "/var", "/var/lib"]),
            [
                "/var/lib in /var",
                "new /var/lib/shop in /var/lib",
                "new /var/lib/shop/n1 in /var/lib/shop"
            ]
        );
        assert_eq!(forced("/data", &["/"]), ["new /data in /"]);
        assert_eq!(forced("/data", &["/", "/data"]), ["/data in /"]);
        assert_eq!(forced("/", &["/"]), [""; 0]);
    }

    #[test]
    fn a_directory_several_levels_down_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        let mut disk = FileDisk::open(&deep).unwrap();
        disk.create("file").unwrap();
        assert!(deep.join("file").is_file());
        drop(disk);
        FileDisk::open(&deep).unwrap();
        let error = FileDisk::open(&deep.join("file")).unwrap_err();
        assert!(error.to_string().contains("cannot make the data directory"), "{error}");
    }
}
