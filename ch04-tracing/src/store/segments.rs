//! The files: one segment being written, older ones that only wait to be deleted.
//!
//! A segment is made when the store is opened, and whenever one is full. It is begun only after the one before
//! it was durable to its last byte, so it proves that: whatever is not whole in an older segment is damage. At
//! an orderly end a block without spans proves the same for the last one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use lab::run::disk::Disk;

use super::format::{self, HEADER};
use super::{Options, StoreError};

/// A place in a segment is kept as 32 bits.
const LONGEST: u64 = 1 << 31;

/// No store makes so many segments, so one more can always be made.
const LAST: u32 = 1 << 31;

/// One file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Segment {
    /// Its length.
    pub(super) bytes: u64,
    /// How many spans it has.
    pub(super) spans: usize,
    /// The age of the store when the newest spans in it were written.
    pub(super) age: u64,
}

impl Segment {
    fn is_unused(&self) -> bool {
        self.bytes == HEADER as u64
    }
}

/// All files of a store.
pub(super) struct Segments {
    dir: PathBuf,
    disk: Box<dyn Disk>,
    options: Options,
    /// By number. The last one is being written, unless it was deleted.
    all: BTreeMap<u32, Segment>,
    /// The number of the last one.
    number: u32,
}

impl Segments {
    /// Goes on with what was recovered, in a segment without blocks: the last one if `last_is_unused`.
    pub(super) fn new(
        dir: PathBuf,
        disk: Box<dyn Disk>,
        options: Options,
        all: BTreeMap<u32, Segment>,
        last_is_unused: bool,
    ) -> Result<Self, StoreError> {
        let number = all.last_key_value().map_or(0, |(number, _)| *number);
        let mut segments = Self { dir, disk, options, all, number };
        if !last_is_unused {
            segments.begin()?;
        }
        Ok(segments)
    }

    /// The age of the newest block.
    pub(super) fn age(&self) -> u64 {
        self.all.values().map(|segment| segment.age).max().unwrap_or(0)
    }

    /// Makes a block durable, and says in which segment it begins, and where.
    pub(super) fn append(
        &mut self,
        body: &[u8],
        spans: u32,
        age: u64,
    ) -> Result<(u32, u32), StoreError> {
        let len = (format::BLOCK + body.len()) as u64;
        let bytes = self.options.segment.min(LONGEST);
        // So that the oldest segment is a small part of all spans that are held.
        let most = self.options.spans / 8;
        let is_full = |segment: &Segment| segment.bytes + len > bytes || segment.spans > most;
        let segment = self.all.get(&self.number);
        if segment.is_none_or(|segment| !segment.is_unused() && is_full(segment)) {
            self.begin()?;
        }
        let at = self.all[&self.number].bytes;
        let block = format::block(self.number, at, age, spans, body);
        let name = name(self.number);
        let written = self.disk.write(&name, at, &block).and_then(|()| self.disk.sync(&name));
        written.map_err(StoreError::io("write", &self.dir.join(&name)))?;
        let segment = self.all.entry(self.number).or_default();
        segment.bytes += len;
        segment.spans += spans as usize;
        segment.age = age;
        Ok((self.number, u32::try_from(at).expect("at most LONGEST, or the end of a header")))
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.number += 1;
        let name = name(self.number);
        let disk = &mut self.disk;
        let made = disk
            .create(&name)
            .and_then(|()| disk.write(&name, 0, &format::header(self.number)))
            .and_then(|()| disk.sync(&name))
            .and_then(|()| disk.sync_dir());
        made.map_err(StoreError::io("make", &self.dir.join(&name)))?;
        let segment = Segment { bytes: HEADER as u64, spans: 0, age: self.age() };
        self.all.insert(self.number, segment);
        Ok(())
    }

    /// Proves that the last block was durable.
    pub(super) fn close(&mut self, age: u64) -> Result<(), StoreError> {
        let has_blocks = self.all.get(&self.number).is_some_and(|last| !last.is_unused());
        if has_blocks { self.append(&[], 0, age).map(drop) } else { Ok(()) }
    }

    /// Deletes the oldest segments until the rest is as few bytes, as few spans and as young as it may be, and
    /// says which. The last one goes only because of its age.
    pub(super) fn retain(&mut self, age: u64) -> Result<Vec<u32>, StoreError> {
        let kept = u64::try_from(self.options.age.as_nanos()).unwrap_or(u64::MAX);
        let since = age.saturating_sub(kept);
        let mut deleted = Vec::new();
        while let Some((number, oldest)) = self.all.first_key_value() {
            let bytes: u64 = self.all.values().map(|segment| segment.bytes).sum();
            let spans: usize = self.all.values().map(|segment| segment.spans).sum();
            let is_too_much = bytes > self.options.bytes || spans > self.options.spans;
            let is_last = *number == self.number;
            let is_old = oldest.age < since && !(is_last && oldest.is_unused());
            if !is_old && (!is_too_much || is_last) {
                break;
            }
            let number = *number;
            remove(&self.dir, self.disk.as_mut(), number)?;
            self.all.remove(&number);
            deleted.push(number);
        }
        Ok(deleted)
    }
}

/// Deletes a segment, and what was cut off its end. Whoever deleted it by hand did the same.
pub(super) fn remove(dir: &Path, disk: &mut dyn Disk, number: u32) -> Result<(), StoreError> {
    let name = name(number);
    let mut work = || {
        let is_of_it = |file: &String| file.starts_with(&name);
        for file in disk.list()?.into_iter().filter(is_of_it) {
            match disk.remove(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
        // One after the other, so that no crash brings an older one back without those between.
        disk.sync_dir()
    };
    work().map_err(StoreError::io("delete", &dir.join(&name)))
}

pub(super) fn name(number: u32) -> String {
    format!("{number:012}.spans")
}

/// The numbers of all segments on a disk.
pub(super) fn list(disk: &mut dyn Disk) -> io::Result<Vec<u32>> {
    let names = disk.list()?.into_iter();
    let number = |file: String| {
        let number = file.strip_suffix(".spans")?.parse().ok()?;
        (number <= LAST && name(number) == file).then_some(number)
    };
    // They are sorted: all names are equally long.
    Ok(names.filter_map(number).collect())
}
