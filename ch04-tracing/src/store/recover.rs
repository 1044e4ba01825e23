//! Reading the segments back at a start.
//!
//! A block is written only after the one before it was durable. So what is not whole at the very end of
//! the last segment may be a *torn tail*: a write that a crash cut short, and nobody was told that it is
//! stored. Anything else that is not whole is *damage*: it was durable once. It is skipped up to the next
//! whole block and reported; the other spans are still worth having.
//!
//! A later segment proves that all of an older one was durable, and so does the block without spans that an
//! orderly end writes. What may be a torn tail is never thrown away: it is moved to a file of its own before
//! it is cut off.
//!
//! # Left out
//!
//! One case cannot be told apart: damage in exactly the last block, between a crash and the next start, looks
//! like a torn tail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lab::run::disk::Disk;

use super::format::{self, BLOCK, BadHeader, HEADER, MAX_BODY};
use super::index::{Index, Place};
use super::segments::{self, Segment};
use super::{Options, StoreError};

/// What was not whole at a start. The rest is served all the same.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// Segments between others are not there.
    #[error(
        "{count} segments from {} on are not there, and their spans are missing; put the files back from a \
         copy if you have one, or go on without", file.display()
    )]
    Missing {
        /// The first of them.
        file: PathBuf,
        /// How many.
        count: u32,
    },
    /// The end of the last segment is not whole.
    #[error(
        "the last {bytes} bytes of {} are not whole, and were moved to {}: a write that a crash cut short, \
         which nobody was told is stored; or, if no crash came before, damage by the disk. In the first case \
         delete that file; in the second restore the segment from a copy", file.display(), moved.display()
    )]
    Tail {
        /// The segment.
        file: PathBuf,
        /// How many bytes.
        bytes: u64,
        /// Where they are now.
        moved: PathBuf,
    },
    /// Something that was durable once is not whole.
    #[error(
        "{bytes} bytes of {} from byte {at} on are damaged, and their spans are missing; restore the file \
         from a copy if you have one, or go on without", file.display()
    )]
    Rot {
        /// The segment.
        file: PathBuf,
        /// The first byte that is not what it should be.
        at: u64,
        /// How many bytes were passed over.
        bytes: u64,
    },
}

#[derive(Default)]
pub(super) struct Recovered {
    pub(super) index: Index,
    pub(super) segments: BTreeMap<u32, Segment>,
    /// Whether the last segment is whole and has no block.
    pub(super) last_is_unused: bool,
    pub(super) damage: Vec<Damage>,
}

/// Reads the segments, and deletes the oldest while there are too many spans: so memory is bounded here as well,
/// by the spans that are held and those of one segment.
pub(super) fn recover(
    dir: &Path,
    disk: &mut dyn Disk,
    options: &Options,
) -> Result<Recovered, StoreError> {
    let numbers = segments::list(disk).map_err(StoreError::io("list", dir))?;
    let mut recovered = Recovered::default();
    for (at, number) in numbers.iter().copied().enumerate() {
        let expected = if at == 0 { number } else { numbers[at - 1] + 1 };
        if number != expected {
            let (file, count) = (dir.join(segments::name(expected)), number - expected);
            recovered.damage.push(Damage::Missing { file, count });
        }
        read_segment(dir, disk, number, at + 1 == numbers.len(), &mut recovered)?;
        while recovered.index.spans() > options.spans && recovered.segments.len() > 1 {
            let (oldest, _) = recovered.segments.pop_first().expect("there are two");
            segments::remove(dir, disk, oldest)?;
            recovered.index.remove_segment(oldest);
        }
    }
    Ok(recovered)
}

fn read_segment(
    dir: &Path,
    disk: &mut dyn Disk,
    number: u32,
    is_last: bool,
    recovered: &mut Recovered,
) -> Result<(), StoreError> {
    let name = segments::name(number);
    let file = dir.join(&name);
    let bytes = disk.read(&name).map_err(StoreError::io("read", &file))?;
    // What nothing is known about is as old as what is before it.
    let age = recovered.segments.last_key_value().map_or(0, |(_, before)| before.age);
    let mut segment = Segment { bytes: bytes.len() as u64, spans: 0, age };
    let rot = |at: usize, end: usize| Damage::Rot {
        file: file.clone(),
        at: at as u64,
        bytes: (end - at) as u64,
    };
    match format::check_header(&bytes, number) {
        Ok(()) => {}
        Err(BadHeader::Version(found)) => return Err(StoreError::Version { file, found }),
        // A crash cut its making short: it never had a block.
        Err(BadHeader::Damaged) if is_last && bytes.len() <= HEADER => {
            return segments::remove(dir, disk, number);
        }
        Err(BadHeader::Damaged) => recovered.damage.push(rot(0, HEADER.min(bytes.len()))),
    }
    let mut at = HEADER;
    while at < bytes.len() {
        if let Some(block) = format::read_block(&bytes, number, at) {
            segment.age = segment.age.max(block.age);
            segment.spans += block.spans.len();
            for (span, at, len) in block.spans {
                recovered.index.insert(&span, Place { segment: number, at, len });
            }
            at = block.end;
            continue;
        }
        let later = |at: &usize| format::block_end(&bytes, number, *at).is_some();
        let next = (at + 1..bytes.len()).find(later);
        if is_last && next.is_none() && may_be_torn(&bytes, number, at) {
            let tail = &bytes[at..];
            let moved = move_tail(disk, &name, at, tail);
            let moved = moved.map_err(StoreError::io("cut the end off", &file))?;
            let (file, moved) = (file.clone(), dir.join(moved));
            recovered.damage.push(Damage::Tail { file, bytes: tail.len() as u64, moved });
            segment.bytes = at as u64;
            break;
        }
        let end = next.unwrap_or(bytes.len());
        recovered.damage.push(rot(at, end));
        at = end;
    }
    if is_last {
        // A process that was killed may have left a name or a block that is only in the kernel's memory. Spans
        // in it would be called duplicates, so they have to be durable before that.
        let durable = disk.sync(&name).and_then(|()| disk.sync_dir());
        durable.map_err(StoreError::io("sync", &file))?;
        recovered.last_is_unused =
            format::check_header(&bytes, number).is_ok() && bytes.len() == HEADER;
    }
    recovered.segments.insert(number, segment);
    Ok(())
}

/// Whether the end of a file from here on can be a single write that was cut short. If its head is whole, the
/// file ends with it at the latest.
fn may_be_torn(bytes: &[u8], number: u32, at: usize) -> bool {
    let longest = at + BLOCK + MAX_BODY;
    bytes.len() <= format::block_end(bytes, number, at).unwrap_or(longest)
}

/// Says where the tail is now. Only when it is durable there, it is cut off here.
fn move_tail(disk: &mut dyn Disk, name: &str, at: usize, tail: &[u8]) -> std::io::Result<String> {
    let moved = format!("{name}.{at}.tail");
    disk.create(&moved)?;
    disk.write(&moved, 0, tail)?;
    disk.sync(&moved)?;
    disk.sync_dir()?;
    disk.truncate(name, at as u64)?;
    Ok(moved)
}
