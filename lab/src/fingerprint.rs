//! 128-bit fingerprints: how the explorer tells states apart without keeping them.
//!
//! Two lanes of the multiply-and-fold step of wyhash, with different constants. With ten million
//! states the odds that any two share a fingerprint are below 1 in 10²⁴.

use std::hash::{Hash, Hasher};

const LANE_A: u64 = 0x9e37_79b9_7f4a_7c15;
const LANE_B: u64 = 0xd1b5_4a32_d192_ed03;

struct Lanes {
    a: u64,
    b: u64,
}

fn fold(x: u64, y: u64) -> u64 {
    let wide = u128::from(x) * u128::from(y);
    (wide as u64) ^ ((wide >> 64) as u64)
}

impl Lanes {
    fn mix(&mut self, word: u64) {
        self.a = fold(self.a ^ word, LANE_A | 1).wrapping_add(LANE_B);
        self.b = fold(self.b.rotate_left(23) ^ word, LANE_B | 1).wrapping_add(LANE_A);
    }
}

impl Hasher for Lanes {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(word));
        }
        self.mix(bytes.len() as u64);
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn finish(&self) -> u64 {
        self.a
    }
}

/// The fingerprint of a value.
#[must_use]
pub fn fingerprint<T: Hash + ?Sized>(value: &T) -> u128 {
    let mut lanes = Lanes { a: LANE_A, b: LANE_B };
    value.hash(&mut lanes);
    lanes.mix(0);
    (u128::from(lanes.a) << 64) | u128::from(lanes.b)
}
