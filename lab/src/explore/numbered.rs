//! Things of one kind, each once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Mutex;

use super::arena::Arena;

/// Keys are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only keys are hashed here")
    }
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

type ByKey = HashMap<u128, u32, BuildHasherDefault<Identity>>;

/// Things of one kind, each once, by number.
pub(super) struct Numbered<T> {
    pub(super) things: Arena<T>,
    numbers: [Mutex<ByKey>; 16],
}

impl<T> Numbered<T> {
    pub(super) fn new() -> Self {
        Self { things: Arena::new(), numbers: Default::default() }
    }

    /// The number of the thing with this key, which is made if it is new.
    pub(super) fn number(&self, key: u128, new: impl FnOnce() -> T) -> u32 {
        let shard = &self.numbers[(key >> 124) as usize];
        let mut numbers = shard.lock().expect("nobody panics with it");
        *numbers.entry(key).or_insert_with(|| self.things.push(new()))
    }
}
