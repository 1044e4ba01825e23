//! The one source of chance: SplitMix64, as published by Steele, Lea and Flood (*Fast splittable
//! pseudorandom number generators*, OOPSLA 2014, figure 16).
//!
//! Written out here so that a seed printed today means the same run on every platform for as long as
//! this file stays as it is. No floats: a probability is a number of parts in a million.

use std::ops::Range;

/// A seeded stream of numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in the range, each as likely as the next (to within 2⁻⁶⁴ of the range's length).
    ///
    /// # Panics
    /// If the range is empty.
    pub fn pick(&mut self, range: Range<u64>) -> u64 {
        assert!(!range.is_empty(), "cannot pick from an empty range");
        let span = range.end - range.start;
        let scaled = (u128::from(self.next_u64()) * u128::from(span)) >> 64;
        range.start + scaled as u64
    }

    /// True this many times in a million.
    pub fn chance(&mut self, parts_per_million: u32) -> bool {
        self.pick(0..1_000_000) < u64::from(parts_per_million)
    }

    /// A stream of its own for one purpose, so that draws for one do not shift another's.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // The first outputs for seed 1234567 in the reference implementation by Vigna.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn picks_stay_in_their_range() {
        let mut rng = Rng::new(7);
        assert!((0..10_000).all(|_| (3..9).contains(&rng.pick(3..9))));
    }
}
