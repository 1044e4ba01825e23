//! The files: one segment being written, older ones that only wait to be deleted.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::format;

/// One file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    /// Its length.
    pub(super) bytes: u64,
    /// When the newest spans in it were received, in ns since 1970.
    pub(super) received: u64,
}

/// All files of a store.
pub(super) struct Segments {
    dir: PathBuf,
    /// Those that are not written any more, by number.
    older: BTreeMap<u64, Segment>,
    number: u64,
    current: Option<(File, Segment)>,
}

impl Segments {
    pub(super) fn new(dir: PathBuf, older: BTreeMap<u64, Segment>) -> Self {
        let number = older.last_key_value().map_or(0, |(number, _)| *number);
        Self { dir, older, number, current: None }
    }

    /// Makes a block durable, and says in which segment it begins, and where.
    pub(super) fn append(
        &mut self,
        body: &[u8],
        count: u32,
        received: u64,
        max: u64,
    ) -> Result<(u64, u64), StoreError> {
        let is_full = |segment: &Segment| segment.bytes + (format::BLOCK + body.len()) as u64 > max;
        if let Some((_, segment)) = self.current.take_if(|(_, segment)| is_full(segment)) {
            self.older.insert(self.number, segment);
        }
        if self.current.is_none() {
            self.begin(received)?;
        }
        let (file, segment) = self.current.as_mut().expect("one was begun");
        let at = segment.bytes;
        let block = format::block(self.number, at, received, count, body);
        let written = file.write_all(&block).and_then(|()| file.sync_data());
        written.map_err(StoreError::io("write", &path(&self.dir, self.number)))?;
        segment.bytes += block.len() as u64;
        segment.received = segment.received.max(received);
        Ok((self.number, at))
    }

    fn begin(&mut self, received: u64) -> Result<(), StoreError> {
        self.number += 1;
        let path = path(&self.dir, self.number);
        let header = format::header(self.number);
        let begin = || {
            let mut file = OpenOptions::new().append(true).create_new(true).open(&path)?;
            file.write_all(&header)?;
            file.sync_all()?;
            sync_directory(&self.dir)?;
            Ok(file)
        };
        let file = begin().map_err(StoreError::io("make", &path))?;
        self.current = Some((file, Segment { bytes: header.len() as u64, received }));
        Ok(())
    }

    /// Deletes the oldest segments until the rest fits, and says which. The one being written stays.
    pub(super) fn retain(&mut self, bytes: u64, since: u64) -> Result<Vec<u64>, StoreError> {
        let mut deleted = Vec::new();
        while let Some((number, oldest)) = self.older.first_key_value() {
            if self.bytes() <= bytes && oldest.received >= since {
                break;
            }
            let (number, path) = (*number, path(&self.dir, *number));
            fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
            self.older.remove(&number);
            deleted.push(number);
        }
        Ok(deleted)
    }

    pub(super) fn bytes(&self) -> u64 {
        let current = self.current.as_ref().map(|(_, segment)| segment);
        self.older.values().chain(current).map(|segment| segment.bytes).sum()
    }
}

pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}.spans"))
}

/// The numbers of all segments in a directory.
pub(super) fn list(dir: &Path) -> std::io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".spans")?.parse().ok());
        numbers.extend(number.filter(|number| path(dir, *number) == dir.join(&name)));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes names durable. Only Unix lets a program open a directory for that.
pub(super) fn sync_directory(dir: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
