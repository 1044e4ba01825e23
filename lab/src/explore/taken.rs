//! Which steps were taken: for each host and each thing that may happen to it, the number of what
//! came of it.

use super::code::Code;

/// The first size of a table.
const LEAST: usize = 64;

/// Open addressing. Threads read it during a level; what they take anew is added between levels.
pub(super) struct Taken {
    /// The host in the high half, the code in the low one; [`FREE`] is a free place.
    keys: Vec<u64>,
    outcomes: Vec<u32>,
    count: usize,
}

/// No step has the code of this key.
const FREE: u64 = u64::MAX;

impl Taken {
    pub(super) fn new() -> Self {
        Self { keys: vec![FREE; LEAST], outcomes: vec![0; LEAST], count: 0 }
    }

    /// What came of a step, if it was taken.
    #[inline]
    pub(super) fn get(&self, host: u32, code: Code) -> Option<u32> {
        let key = key(host, code);
        let place = self.find(key);
        (self.keys[place] == key).then(|| self.outcomes[place])
    }

    /// Remembers what came of a step.
    pub(super) fn insert(&mut self, host: u32, code: Code, outcome: u32) {
        self.put(key(host, code), outcome);
    }

    /// Moves all steps of another table here. Of a step that two threads took, one outcome stays:
    /// they are equal.
    pub(super) fn append(&mut self, other: &mut Self) {
        if other.count > 0 {
            let other = std::mem::replace(other, Self::new());
            let steps = other.keys.into_iter().zip(other.outcomes);
            steps.filter(|(key, _)| *key != FREE).for_each(|(key, outcome)| self.put(key, outcome));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        8 * self.keys.capacity() + 4 * self.outcomes.capacity()
    }

    fn put(&mut self, key: u64, outcome: u32) {
        let place = self.find(key);
        self.count += usize::from(self.keys[place] == FREE);
        self.keys[place] = key;
        self.outcomes[place] = outcome;
        if self.count * 2 > self.keys.len() {
            self.grow();
        }
    }

    fn grow(&mut self) {
        let size = self.keys.len() * 2;
        let keys = std::mem::replace(&mut self.keys, vec![FREE; size]);
        let outcomes = std::mem::replace(&mut self.outcomes, vec![0; size]);
        for (key, outcome) in keys.into_iter().zip(outcomes).filter(|(key, _)| *key != FREE) {
            let place = self.find(key);
            (self.keys[place], self.outcomes[place]) = (key, outcome);
        }
    }

    /// Where a key stands, or would stand.
    #[inline]
    fn find(&self, key: u64) -> usize {
        let mask = self.keys.len() - 1;
        let mixed = (key ^ (key >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut place = (mixed >> 32) as usize & mask;
        while self.keys[place] != FREE && self.keys[place] != key {
            place = (place + 1) & mask;
        }
        place
    }
}

fn key(host: u32, code: Code) -> u64 {
    u64::from(host) << 32 | u64::from(code.bits())
}

#[cfg(test)]
mod tests {
    use super::super::moves::Move;
    use super::*;

    #[test]
    fn every_step_is_found_again_however_the_table_grows() {
        let code = |which| Code::new(Move::Deliver { message: 0, keep: false }, which);
        let (mut all, mut some) = (Taken::new(), Taken::new());
        for n in 0..5_000 {
            let table = if n % 2 == 0 { &mut all } else { &mut some };
            assert_eq!(table.get(n % 70, code(n)), None);
            table.insert(n % 70, code(n), n);
        }
        all.append(&mut some);
        for n in 0..5_000 {
            assert_eq!(all.get(n % 70, code(n)), Some(n));
            assert_eq!(some.get(n % 70, code(n)), None);
        }
        assert_eq!(all.get(70, code(0)), None);
    }
}
