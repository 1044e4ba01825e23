//! Append-only storage that threads share without locks on the way to what is known already.
//!
//! It grows by chunks that double in size, so nothing ever moves, and a reader needs no lock: a chunk
//! and a place in it are set once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The first chunk holds so many; each later one twice as many as the one before.
const FIRST: usize = 16;
/// Enough for 2³⁰ things.
const CHUNKS: usize = 27;

/// Which chunk holds a place, and where in it.
#[inline]
fn locate(index: usize) -> (usize, usize) {
    let chunk = ((index / FIRST) + 1).ilog2() as usize;
    (chunk, index - FIRST * ((1 << chunk) - 1))
}

fn chunk_of<T>(chunk: usize, new: impl Fn() -> T) -> Box<[T]> {
    (0..FIRST << chunk).map(|_| new()).collect()
}

/// Things by number, in the order in which they came.
pub(super) struct Arena<T> {
    chunks: [OnceLock<Box<[OnceLock<T>]>>; CHUNKS],
    count: AtomicU32,
}

impl<T> Arena<T> {
    pub(super) fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS], count: AtomicU32::new(0) }
    }

    /// Keeps a thing and gives its number.
    pub(super) fn push(&self, thing: T) -> u32 {
        let index = self.count.fetch_add(1, Ordering::Relaxed);
        let (chunk, place) = locate(index as usize);
        let chunk = self.chunks[chunk].get_or_init(|| chunk_of(chunk, OnceLock::new));
        assert!(chunk[place].set(thing).is_ok(), "each number is given once");
        index
    }

    /// The thing with this number.
    pub(super) fn get(&self, index: u32) -> &T {
        let (chunk, place) = locate(index as usize);
        let thing = self.chunks[chunk].get().and_then(|chunk| chunk[place].get());
        thing.expect("a number is known to others only once its thing is there")
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire) as usize
    }

    /// All things, in the order of their numbers. Only while nobody adds any.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len() as u32).map(|index| self.get(index))
    }

    /// Bytes of the chunks themselves.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().filter_map(OnceLock::get).map(|chunk| size_of_val(&**chunk)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_in_one_chunk() {
        let mut expected = 0;
        for chunk in 0..5 {
            for place in 0..FIRST << chunk {
                assert_eq!(locate(expected), (chunk, place));
                expected += 1;
            }
        }
    }

    #[test]
    fn threads_that_add_at_once_get_numbers_of_their_own() {
        let arena = Arena::new();
        let add = |from: u32| (from..from + 1000).map(|n| (arena.push(n), n)).collect::<Vec<_>>();
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| add(1000));
            (add(0), other.join().unwrap())
        });
        for (index, thing) in one.into_iter().chain(other) {
            assert_eq!(*arena.get(index), thing);
        }
        assert_eq!(arena.len(), 2000);
    }
}
