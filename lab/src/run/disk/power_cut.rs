//! `kill -9` takes a process's memory and nothing that the operating system already holds, so it
//! never shows a missing fsync. This disk closes the gap: it keeps every write and every name in
//! the memory of the process until it is synced, and only then gives it to the real directory.
//! Killing the process then loses exactly what pulling the plug may lose.
//!
//! # Left out
//!
//! TornTail writes: what is unsynced is lost whole. [`super::MemDisk`] tears. The whole log stays in
//! memory, which suits experiments, not production.

use std::io;

use super::mem::{Change, NameOp};
use super::{Disk, FileDisk, MemDisk};

/// A real directory that learns of nothing before it is synced.
#[derive(Debug)]
pub struct PowerCutDisk {
    memory: MemDisk,
    real: FileDisk,
}

impl PowerCutDisk {
    /// Puts the process's memory in front of a directory.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn new(mut real: FileDisk) -> io::Result<Self> {
        let memory = MemDisk::new();
        for file in real.list()? {
            memory.plant(&file, real.read(&file)?);
        }
        Ok(Self { memory, real })
    }

    /// Gives the real file what was synced while only this process knew its name.
    fn bring(&mut self, name: &str, real_name: &str) -> io::Result<()> {
        self.real.write(real_name, 0, &self.memory.synced(name))?;
        self.real.sync(real_name)
    }
}

impl Disk for PowerCutDisk {
    fn list(&mut self) -> io::Result<Vec<String>> {
        self.memory.list()
    }

    fn read(&mut self, file: &str) -> io::Result<Vec<u8>> {
        self.memory.read(file)
    }

    fn create(&mut self, file: &str) -> io::Result<()> {
        self.memory.create(file)
    }

    fn write(&mut self, file: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.memory.write(file, at, bytes)
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        let changes = self.memory.changes(file);
        self.memory.sync(file)?;
        // Without a durable name there is nothing a restart could find: sync_dir brings it over.
        if !self.memory.has_durable_name(file) {
            return Ok(());
        }
        for change in changes {
            match change {
                Change::Write(at, bytes) => self.real.write(file, at, &bytes)?,
                Change::Truncate(len) => self.real.truncate(file, len)?,
            }
        }
        self.real.sync(file)
    }

    fn truncate(&mut self, file: &str, len: u64) -> io::Result<()> {
        self.memory.truncate(file, len)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.memory.rename(from, to)
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.memory.remove(file)
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        for op in self.memory.pending_names() {
            match op {
                NameOp::Create(name, _) => {
                    self.real.create(&name)?;
                    self.bring(&name, &name)?;
                }
                NameOp::Rename(from, to, _) => {
                    // Content first: the name must never stand for less than was synced under it.
                    self.bring(&to, &from)?;
                    self.real.rename(&from, &to)?;
                }
                NameOp::Remove(name) => self.real.remove(&name)?,
            }
        }
        self.memory.sync_dir()?;
        self.real.sync_dir()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_directory_learns_of_content_and_names_when_they_are_synced() {
        let dir = tempfile::tempdir().unwrap();
        let open = || PowerCutDisk::new(FileDisk::open(dir.path()).unwrap()).unwrap();
        let mut disk = open();
        disk.create("a").unwrap();
        disk.write("a", 0, b"kept").unwrap();
        disk.sync("a").unwrap();
        drop(disk);
        assert!(open().list().unwrap().is_empty(), "content without a name is lost");

        let mut disk = open();
        disk.create("a").unwrap();
        disk.write("a", 0, b"kept").unwrap();
        disk.sync("a").unwrap();
        disk.sync_dir().unwrap();
        disk.write("a", 0, b"lost").unwrap();
        disk.rename("a", "b").unwrap();
        drop(disk);
        let mut disk = open();
        assert_eq!(disk.list().unwrap(), ["a"]);
        assert_eq!(disk.read("a").unwrap(), b"kept");
        disk.truncate("a", 2).unwrap();
        disk.sync("a").unwrap();
        disk.rename("a", "b").unwrap();
        disk.sync_dir().unwrap();
        drop(disk);
        assert_eq!(open().read("b").unwrap(), b"ke");
    }
}
