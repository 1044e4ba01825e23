//! Reading the segments back at a start.
//!
//! A block is written only after the one before it was durable. So what is not whole at the very end of
//! the last segment, with no block behind it, is a *torn tail*: nobody was told that it is stored, and it
//! is cut off. Anything else that is not whole is *damage*: it was durable once. It is skipped up to the
//! next whole block and reported; the other spans are still worth having.
//!
//! # Left out
//!
//! One case cannot be told apart: damage in exactly the last block looks like a torn tail.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::format::{self, BadHeader, HEADER};
use super::index::{Index, Place};
use super::segments::{self, Segment};

/// What was not whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The segment.
    pub file: PathBuf,
    /// The first byte that is not what it should be.
    pub at: u64,
    /// How many bytes were passed over.
    pub bytes: u64,
    /// Whether it is only the end of a write that a crash cut short. It was cut off.
    pub is_torn_tail: bool,
}

pub(super) struct Recovered {
    pub(super) index: Index,
    pub(super) older: BTreeMap<u64, Segment>,
    pub(super) damage: Vec<Damage>,
}

pub(super) fn recover(dir: &Path) -> Result<Recovered, StoreError> {
    let numbers = segments::list(dir).map_err(StoreError::io("list", dir))?;
    let last = numbers.last().copied();
    let mut recovered =
        Recovered { index: Index::default(), older: BTreeMap::new(), damage: Vec::new() };
    for number in numbers {
        read_segment(dir, number, last == Some(number), &mut recovered)?;
    }
    Ok(recovered)
}

fn read_segment(
    dir: &Path,
    number: u64,
    is_last: bool,
    recovered: &mut Recovered,
) -> Result<(), StoreError> {
    let path = segments::path(dir, number);
    let bytes = fs::read(&path).map_err(StoreError::io("read", &path))?;
    let mut segment = Segment { bytes: bytes.len() as u64, received: 0 };
    let mut damage = |at: usize, end: usize, is_torn_tail| {
        let bytes = (end - at) as u64;
        let file = path.clone();
        recovered.damage.push(Damage { file, at: at as u64, bytes, is_torn_tail });
    };
    match format::check_header(&bytes, number) {
        Ok(()) => {}
        Err(BadHeader::Version(found)) => return Err(StoreError::Version { file: path, found }),
        Err(BadHeader::Damaged) if is_last && bytes.len() <= HEADER => {
            damage(0, bytes.len(), true);
            return fs::remove_file(&path).map_err(StoreError::io("delete", &path));
        }
        Err(BadHeader::Damaged) => damage(0, HEADER.min(bytes.len()), false),
    }
    let mut at = HEADER;
    while at < bytes.len() {
        if let Some(block) = format::read_block(&bytes, number, at) {
            segment.received = segment.received.max(block.received);
            for (span, at, len) in block.spans {
                recovered.index.insert(&span, Place { segment: number, at, len });
            }
            at = block.end;
            continue;
        }
        let next =
            (at + 1..bytes.len()).find(|at| format::block_end(&bytes, number, *at).is_some());
        let is_torn_tail = is_last && next.is_none();
        damage(at, next.unwrap_or(bytes.len()), is_torn_tail);
        if is_torn_tail {
            segment.bytes = at as u64;
        }
        at = next.unwrap_or(bytes.len());
    }
    if is_last {
        // A process that was killed may have left a block that is only in the kernel's memory. A span in
        // it would be called a duplicate, so it has to be durable before that.
        let file = OpenOptions::new().write(true).open(&path);
        let made_durable = file.and_then(|file| {
            file.set_len(segment.bytes)?;
            file.sync_all()
        });
        made_durable.map_err(StoreError::io("sync", &path))?;
    }
    recovered.older.insert(number, segment);
    Ok(())
}
