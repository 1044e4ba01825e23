//! Edge: makes it survive the real world. The lesson is in `step5_shared_store.rs`.
//!
//! What a session is called behind the pages. Its browser has a secret of 128 bits. The web process turns it
//! into a hash before its node sees it, so memory, messages, stores, logs and records have the hash alone:
//! whoever reads them cannot sign in with it. And a store that looks for a hash tells nobody, by the time that
//! it takes, how much of a guessed secret was right.
//!
//! # Left out
//!
//! Salt, and a slow hash: they protect passwords, which can be guessed; 128 random bits cannot.

use sha2::{Digest as _, Sha256};

use crate::types::SessionId;

/// What is hashed before the secret: no other hash of the same bytes is this one.
const PURPOSE: &[u8] = b"ch01 sid 1";

/// The name of the session whose secret this is: half of its SHA-256.
#[must_use]
pub fn hashed(secret: SessionId) -> SessionId {
    SessionId(first_half(&[PURPOSE, &secret.0.to_be_bytes()]))
}

/// Half of the SHA-256 of these bytes.
pub(super) fn first_half(parts: &[&[u8]]) -> u128 {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
    let (half, _) = hash.split_first_chunk().expect("32 bytes");
    u128::from_be_bytes(*half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_always_the_same_and_says_nothing_about_its_secret() {
        assert_eq!(hashed(SessionId(7)), hashed(SessionId(7)));
        let changed = hashed(SessionId(7)).0 ^ hashed(SessionId(6)).0;
        assert!((40..88).contains(&changed.count_ones()), "one bit changes half of them");
        // As `sha256sum` says.
        assert_eq!(first_half(&[b"ab", b"c"]), 0xba78_16bf_8f01_cfea_4141_40de_5dae_2223);
    }
}
