//! Edge: makes it survive the real world. The lessons are in `step6_sealed_cookie.rs` and
//! `step7_affinity_hint.rs`.
//!
//! What goes to a browser and has to come back as it was: sealed with a key that only the balancers and the
//! web processes have (AES-256-GCM, an AEAD). A browser cannot read it, change it or make one.
//!
//! | file | is about |
//! |---|---|
//! | `ring` | a few keys: the first one seals, all of them open |
//! | `keys`, `file` | the file that they are in, as processes read it and as it is on disk |
//! | `rotation` | how one key takes the place of another |
//! | `cart` | a whole session, for the web processes (design 6) |
//! | `token` | where a session has been served, for the balancer (design 7) |
//!
//! # Left out
//!
//! A count of what was sealed with a key: nonces are random, so a key is good for 2³² of them; rotate it
//! before. Keys in the hands of a key management service.

pub(super) mod cart;
mod file;
pub(super) mod keys;
pub mod ring;
pub(super) mod rotation;
pub mod token;

/// Clocks of processes may differ by so much, in seconds.
const SKEW: u64 = 60;

/// Seconds since 1970, as this machine has them.
#[expect(clippy::disallowed_methods, reason = "what is sealed is for a while, on every machine")]
pub(super) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
