//! Which states were seen: a table of keys in shards, so that several threads can add at once.

/// A key is in the shard of its highest bits.
const SHARDS: usize = 64;
/// The first size of a shard.
const LEAST: usize = 64;
/// So many look-ups are under way at once.
pub(super) const AT_ONCE: usize = 64;

/// The keys that were seen, each with a number if that was asked for.
pub(super) struct Visited {
    shards: Vec<Shard>,
}

/// Open addressing: a key stands at the first free place from where it belongs.
#[derive(Default)]
pub(super) struct Shard {
    /// 0 is a free place. No state has that key: one in 2¹²⁸ would.
    keys: Vec<u128>,
    /// As many, or none.
    numbers: Vec<u32>,
    count: usize,
}

/// The shard of a key.
pub(super) fn shard_of(key: u128) -> usize {
    (key >> 122) as usize
}

impl Visited {
    pub(super) fn new(with_numbers: bool) -> Self {
        let shard = || Shard {
            keys: vec![0; LEAST],
            numbers: if with_numbers { vec![0; LEAST] } else { Vec::new() },
            count: 0,
        };
        Self { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    pub(super) fn contains(&self, key: u128) -> bool {
        let shard = &self.shards[shard_of(key)];
        shard.keys[shard.find(key)] == key
    }

    /// Leaves those whose keys are not there.
    pub(super) fn retain_new<T>(&self, things: &mut Vec<T>, key: impl Fn(&T) -> u128) {
        let first = |visited: &&Self, key| visited.shards[shard_of(key)].first(key);
        retain_ahead(&mut &*self, things, key, first, |visited, key| !visited.contains(key));
    }

    /// The number of a key.
    pub(super) fn number(&self, key: u128) -> Option<u32> {
        let shard = &self.shards[shard_of(key)];
        let place = shard.find(key);
        (shard.keys[place] == key).then(|| shard.numbers[place])
    }

    /// Numbers a key that is there.
    pub(super) fn set_number(&mut self, key: u128, number: u32) {
        let shard = &mut self.shards[shard_of(key)];
        let place = shard.find(key);
        shard.numbers[place] = number;
    }

    pub(super) fn insert(&mut self, key: u128) -> bool {
        self.shards[shard_of(key)].insert(key)
    }

    /// The shards in groups, with the number of each group's first.
    pub(super) fn split(&mut self, groups: usize) -> impl Iterator<Item = (usize, &mut [Shard])> {
        let size = SHARDS.div_ceil(groups);
        self.shards.chunks_mut(size).enumerate().map(move |(i, group)| (i * size, group))
    }

    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(|s| 16 * s.keys.capacity() + 4 * s.numbers.capacity()).sum()
    }
}

/// Adds keys to the shards they belong to, and leaves those that are new. The first of these shards
/// has this number.
pub(super) fn insert_new<T>(
    shards: &mut [Shard],
    number: usize,
    things: &mut Vec<T>,
    key: impl Fn(&T) -> u128,
) {
    let first = |shards: &&mut [Shard], key| shards[shard_of(key) - number].first(key);
    let is_new = |shards: &mut &mut [Shard], key| shards[shard_of(key) - number].insert(key);
    retain_ahead(&mut &mut *shards, things, key, first, is_new);
}

/// Leaves what is new. Each look-up waits for memory, so many of them begin before the first is
/// finished: a loop of loads that do not depend on each other.
fn retain_ahead<S, T>(
    shards: &mut S,
    things: &mut Vec<T>,
    key: impl Fn(&T) -> u128,
    first: impl Fn(&S, u128) -> u128,
    is_new: impl Fn(&mut S, u128) -> bool,
) {
    let (mut begun, mut kept) = ([0; AT_ONCE], 0);
    for from in (0..things.len()).step_by(AT_ONCE) {
        let to = things.len().min(from + AT_ONCE);
        for (begun, thing) in begun.iter_mut().zip(&things[from..to]) {
            *begun = first(shards, key(thing));
        }
        for (place, begun) in (from..to).zip(begun) {
            let key = key(&things[place]);
            if begun != key && is_new(shards, key) {
                things.swap(kept, place);
                kept += 1;
            }
        }
    }
    things.truncate(kept);
}

impl Shard {
    /// Adds a key; whether it is new.
    fn insert(&mut self, key: u128) -> bool {
        let place = self.find(key);
        if self.keys[place] == key {
            return false;
        }
        self.keys[place] = key;
        self.count += 1;
        // Three quarters: beyond that the way to a free place gets long.
        if self.count * 4 > self.keys.len() * 3 {
            self.grow();
        }
        true
    }

    /// What stands at the first place where a key may be.
    #[inline]
    fn first(&self, key: u128) -> u128 {
        self.keys[key as usize & (self.keys.len() - 1)]
    }

    /// Where a key stands, or would stand.
    fn find(&self, key: u128) -> usize {
        let mask = self.keys.len() - 1;
        let mut place = key as usize & mask;
        while self.keys[place] != 0 && self.keys[place] != key {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let size = self.keys.len() * 2;
        let keys = std::mem::replace(&mut self.keys, vec![0; size]);
        let numbers = match self.numbers.is_empty() {
            true => Vec::new(),
            false => std::mem::replace(&mut self.numbers, vec![0; size]),
        };
        for (place, key) in keys.into_iter().enumerate().filter(|(_, key)| *key != 0) {
            let to = self.find(key);
            self.keys[to] = key;
            if let Some(number) = numbers.get(place) {
                self.numbers[to] = *number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint;

    #[test]
    fn what_was_inserted_is_found_with_its_number_however_it_grows() {
        let mut visited = Visited::new(true);
        for n in 0..10_000_u32 {
            let key = fingerprint(&n);
            assert!(!visited.contains(key) && visited.insert(key) && !visited.insert(key));
            visited.set_number(key, n);
        }
        for n in 0..10_000 {
            assert_eq!(visited.number(fingerprint(&n)), Some(n));
        }
        assert_eq!(visited.number(fingerprint(&10_000_u32)), None);
    }

    #[test]
    fn only_new_keys_are_left_and_in_their_order() {
        let mut visited = Visited::new(false);
        for n in (0..1_000_u32).step_by(3) {
            visited.insert(fingerprint(&n));
        }
        let mut numbers: Vec<u32> = (0..1_000).collect();
        visited.retain_new(&mut numbers, fingerprint);
        assert_eq!(numbers, (0..1_000).filter(|n| n % 3 != 0).collect::<Vec<_>>());
    }

    #[test]
    fn groups_of_shards_are_all_shards() {
        let mut visited = Visited::new(false);
        for groups in [1, 2, 3, 64] {
            let all: Vec<usize> =
                visited.split(groups).flat_map(|(at, group)| at..at + group.len()).collect();
            assert_eq!(all, (0..SHARDS).collect::<Vec<_>>());
        }
    }
}
