//! A disk in memory that forgets the way real ones do. What was not synced may be lost at a crash,
//! sector by sector and name by name, later ones kept while earlier ones go. Every operation is a
//! place where the power can fail, or where one error can be injected.
//!
//! # Left out
//!
//! Bit rot: tests flip bits themselves, through [`MemDisk::damage`].

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Disk;
use crate::rng::Rng;

/// A cloneable handle: the test keeps one while the log owns another.
#[derive(Clone, Debug, Default)]
pub struct MemDisk(Arc<Mutex<Inner>>);

#[derive(Clone, Debug, Default)]
struct Inner {
    inodes: Vec<Inode>,
    /// The directory as running programs see it, and as it would be after a power cut.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending: Vec<NameOp>,
    ops: u64,
    power_cut_at: Option<u64>,
    error_at: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

#[derive(Clone, Debug)]
pub(super) enum NameOp {
    Create(String, usize),
    /// Which file gets the name is settled when it is asked for.
    Rename(String, String, usize),
    Remove(String),
}

// Small on purpose: short test records still span several sectors.
const SECTOR: usize = 16;

impl MemDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations that change something have been asked for so far.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.inner().ops
    }

    /// Lets the power fail during the `op`th operation from the very first, counted from 1: it and
    /// all later ones are answered with an error until [`MemDisk::restart`].
    pub fn cut_power_at(&self, op: u64) {
        self.inner().power_cut_at = Some(op);
    }

    /// Lets the `op`th operation fail, and only that one. A sync that fails forgets what it should
    /// have written and calls it clean, as kernels do.
    pub fn fail_at(&self, op: u64) {
        self.inner().error_at = Some(op);
    }

    /// The machine comes back: of what was not synced, the seed decides what is left.
    pub fn restart(&self, seed: u64) {
        let mut rng = Rng::new(seed);
        let mut inner = self.inner();
        let inner = &mut *inner;
        for inode in &mut inner.inodes {
            for change in std::mem::take(&mut inode.pending) {
                match change {
                    Change::Write(at, bytes) => {
                        for (i, sector) in bytes.chunks(SECTOR).enumerate() {
                            // Even one sector may be torn.
                            let torn = rng.pick(0..sector.len() as u64) as usize;
                            let kept = [0, sector.len(), torn][rng.pick(0..3) as usize];
                            put(&mut inode.durable, at + (i * SECTOR) as u64, &sector[..kept]);
                        }
                    }
                    Change::Truncate(len) if rng.pick(0..2) == 0 => {
                        inode.durable.truncate(len as usize);
                    }
                    Change::Truncate(_) => {}
                }
            }
            inode.now = inode.durable.clone();
        }
        for op in std::mem::take(&mut inner.pending) {
            if rng.pick(0..2) == 0 {
                apply(&mut inner.durable_names, op);
            }
        }
        inner.names = inner.durable_names.clone();
        inner.power_cut_at = None;
        inner.error_at = None;
    }

    /// A disk of its own with the same content, everything on it durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        let inner = self.inner();
        let copy = Self::new();
        for (name, &id) in &inner.names {
            copy.plant(name, inner.inodes[id].now.clone());
        }
        copy
    }

    /// Puts a durable file there.
    pub fn plant(&self, file: &str, bytes: Vec<u8>) {
        let mut inner = self.inner();
        let id = inner.inodes.len();
        inner.inodes.push(Inode { now: bytes.clone(), durable: bytes, pending: Vec::new() });
        inner.names.insert(file.to_owned(), id);
        inner.durable_names.insert(file.to_owned(), id);
    }

    /// Changes a durable file without the log's knowledge.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn damage(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.inner();
        let id = *inner.names.get(file).expect("damage a file that exists");
        let inode = &mut inner.inodes[id];
        change(&mut inode.durable);
        inode.now = inode.durable.clone();
    }

    pub(super) fn changes(&self, file: &str) -> Vec<Change> {
        let inner = self.inner();
        inner.names.get(file).map(|&id| inner.inodes[id].pending.clone()).unwrap_or_default()
    }

    /// The content as of the last sync, of a file that may have no durable name yet.
    pub(super) fn synced(&self, file: &str) -> Vec<u8> {
        let inner = self.inner();
        inner.names.get(file).map(|&id| inner.inodes[id].durable.clone()).unwrap_or_default()
    }

    pub(super) fn has_durable_name(&self, file: &str) -> bool {
        let inner = self.inner();
        inner.names.get(file).is_some_and(|id| inner.durable_names.get(file) == Some(id))
    }

    pub(super) fn pending_names(&self) -> Vec<NameOp> {
        self.inner().pending.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("a test that panicked is over")
    }

    fn change(&self, file: &str, change: Change) -> io::Result<()> {
        let mut inner = self.inner();
        let fate = inner.begin();
        let id = inner.find(file)?;
        let inode = &mut inner.inodes[id];
        // Whatever the answer is, the operation may have happened.
        change_bytes(&mut inode.now, &change);
        inode.pending.push(change);
        fate
    }

    fn name_op(&self, op: NameOp) -> io::Result<()> {
        let mut inner = self.inner();
        let fate = inner.begin();
        apply(&mut inner.names, op.clone());
        inner.pending.push(op);
        fate
    }
}

impl Inner {
    fn begin(&mut self) -> io::Result<()> {
        self.ops += 1;
        if self.power_cut_at.is_some_and(|at| self.ops >= at) {
            return Err(io::Error::other("the power is out"));
        }
        if self.error_at == Some(self.ops) {
            return Err(io::Error::other("injected error"));
        }
        Ok(())
    }

    fn find(&self, file: &str) -> io::Result<usize> {
        self.names.get(file).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for MemDisk {
    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.inner().names.keys().cloned().collect())
    }

    fn read(&mut self, file: &str) -> io::Result<Vec<u8>> {
        let inner = self.inner();
        Ok(inner.inodes[inner.find(file)?].now.clone())
    }

    fn create(&mut self, file: &str) -> io::Result<()> {
        let id = {
            let mut inner = self.inner();
            inner.inodes.push(Inode::default());
            inner.inodes.len() - 1
        };
        self.name_op(NameOp::Create(file.to_owned(), id))
    }

    fn write(&mut self, file: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(file, Change::Write(at, bytes.to_vec()))
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        let mut inner = self.inner();
        let id = inner.find(file)?;
        let fate = inner.begin();
        let power_is_out = inner.power_cut_at.is_some_and(|at| inner.ops >= at);
        let inode = &mut inner.inodes[id];
        match fate {
            Ok(()) => {
                for change in std::mem::take(&mut inode.pending) {
                    change_bytes(&mut inode.durable, &change);
                }
            }
            Err(_) if !power_is_out => inode.pending.clear(),
            Err(_) => {}
        }
        fate
    }

    fn truncate(&mut self, file: &str, len: u64) -> io::Result<()> {
        self.change(file, Change::Truncate(len))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let id = self.inner().find(from)?;
        self.name_op(NameOp::Rename(from.to_owned(), to.to_owned(), id))
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.inner().find(file)?;
        self.name_op(NameOp::Remove(file.to_owned()))
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin()?;
        inner.pending.clear();
        inner.durable_names = inner.names.clone();
        Ok(())
    }
}

fn apply(names: &mut BTreeMap<String, usize>, op: NameOp) {
    match op {
        NameOp::Create(name, id) => {
            names.insert(name, id);
        }
        NameOp::Rename(from, to, id) => {
            names.remove(&from);
            names.insert(to, id);
        }
        NameOp::Remove(name) => {
            names.remove(&name);
        }
    }
}

fn change_bytes(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, bytes) => put(content, *at, bytes),
        Change::Truncate(len) => content.truncate(*len as usize),
    }
}

fn put(content: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let at = at as usize;
    if bytes.is_empty() {
        return;
    }
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}
