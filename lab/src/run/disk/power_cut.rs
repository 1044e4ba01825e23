//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! `kill -9` takes a process's memory and nothing that the operating system already holds, so it
//! never shows a missing fsync. This disk closes the gap: it keeps every write and every name in
//! the memory of the process until it is synced, and only then gives it to the real directory.
//! Killing the process then loses exactly what pulling the plug may lose.
//!
//! # Left out
//!
//! Torn writes: what is unsynced is lost whole. [`super::MemDisk`] tears. The whole log stays in
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
                NameOp::Create(name, _) => self.real.create(&name)?,
                NameOp::Rename(from, to, _) => {
                    // Content first: the name must never stand for less than was synced under it.
                    self.real.write(&from, 0, &self.memory.synced(&to))?;
                    self.real.sync(&from)?;
                    self.real.rename(&from, &to)?;
                }
                NameOp::Remove(name) => self.real.remove(&name)?,
            }
        }
        self.memory.sync_dir()?;
        self.real.sync_dir()
    }
}
