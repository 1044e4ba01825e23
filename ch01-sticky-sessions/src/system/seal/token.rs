//! Edge: makes it survive the real world. The lesson is in `step7_affinity_hint.rs`.
//!
//! The affinity token of design 7: which web process has a copy of a session. Design 3 writes the name of the
//! web process into its cookie, so anybody can send a thousand browsers to one of them; this one is sealed.
//!
//! A token is good for the session that it was made for, for as long as the web process is where it was, and
//! for [`LIFE`]. Any balancer with the keys can check it, in the same time whatever it is, and asks
//! nobody.
//!
//! # Left out
//!
//! Tokens for browsers that are not signed in: no web process has a copy for them. Starts of a web process
//! that has a port of its own (`node`, or an operator's list): it listens at the same address again, so old
//! tokens still lead there, are counted as hits, and find no copy. It reads the session from the store.

use std::net::IpAddr;

use super::SKEW;
use super::ring::Ring;
use crate::hash::mix;
use crate::system::proxy::Backend;
use crate::types::SessionId;
use lab::NodeId;

/// A token is not accepted for longer, in seconds, whatever a browser does with its cookies.
pub const LIFE: u64 = 3_600;
/// What a token is for, and what its bytes mean.
const PURPOSE: &[u8] = b"ch01 node 1";

// ANCHOR: token
/// What a token says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// The web process.
    pub web: NodeId,
    /// Where it listened: [`generation`].
    pub generation: u32,
    /// When it was made, in seconds since 1970.
    pub issued: u64,
}
// ANCHOR_END: token

/// Which start of a web process a backend is, as far as its address says: in a cluster, one that was started
/// again listens somewhere else. Every balancer derives the same one from its list.
pub fn generation(backend: &Backend) -> u32 {
    let host = match backend.address().ip() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => mix(v6.to_bits() as u64) ^ (v6.to_bits() >> 64) as u64,
    };
    mix(mix(host) ^ u64::from(backend.address().port())) as u32
}

impl Token {
    /// Seals it for a session. `None`: the system has no random numbers.
    pub fn seal(self, session: SessionId, ring: &Ring) -> Option<String> {
        let mut plain = Vec::with_capacity(20);
        plain.extend(self.web.0.to_be_bytes());
        plain.extend(self.generation.to_be_bytes());
        plain.extend(self.issued.to_be_bytes());
        ring.seal(&purpose(session), &plain)
    }

    // ANCHOR: open
    /// What a browser with this session sends, if one of us sealed it for this session and it has not ended.
    pub fn open(text: &str, session: SessionId, ring: &Ring, now: u64) -> Option<Self> {
        let plain = ring.open(&purpose(session), text)?;
        let plain: [u8; 20] = plain.try_into().ok()?;
        let (web, rest) = plain.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (issued, _) = rest.split_first_chunk()?;
        let web = NodeId(u64::from_be_bytes(*web));
        let (generation, issued) = (u32::from_be_bytes(*generation), u64::from_be_bytes(*issued));
        let is_good = issued <= now.saturating_add(SKEW) && now.saturating_sub(issued) < LIFE;
        is_good.then_some(Self { web, generation, issued })
    }
    // ANCHOR_END: open

    /// Whether none of us sealed this for this session: then it is no matter of time.
    pub fn is_forged(text: &str, session: SessionId, ring: &Ring) -> bool {
        ring.open(&purpose(session), text).is_none()
    }

    /// Whether a new one is due, so that a browser which comes back always has a good one.
    pub fn is_old(&self, now: u64) -> bool {
        now.saturating_sub(self.issued) > LIFE / 2
    }
}

fn purpose(session: SessionId) -> Vec<u8> {
    [PURPOSE, &session.0.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ring::tests::ring;
    use super::*;

    const TOKEN: Token = Token { web: NodeId(2), generation: 7, issued: 1_000_000 };
    const ALICE: SessionId = SessionId(7);

    #[test]
    fn a_token_is_good_for_its_session_and_for_a_while() {
        let ring = ring(&[1]);
        let text = TOKEN.seal(ALICE, &ring).expect("random numbers");
        assert!(text.len() < 80, "it is sent with every request: {text}");
        let open = |session, now| Token::open(&text, session, &ring, now);
        for (now, is_good) in [
            (TOKEN.issued, true),
            (TOKEN.issued + LIFE - 1, true),
            (TOKEN.issued + LIFE, false),
            (TOKEN.issued - SKEW, true),
            (TOKEN.issued - SKEW - 1, false),
            (0, false),
            (u64::MAX, false),
        ] {
            assert_eq!(open(ALICE, now), is_good.then_some(TOKEN), "at {now}");
        }
        assert_eq!(open(SessionId(8), TOKEN.issued), None, "another session");
        assert!(!TOKEN.is_old(TOKEN.issued) && TOKEN.is_old(TOKEN.issued + LIFE - 1));
    }

    #[test]
    fn what_was_sealed_for_something_else_is_no_token() {
        let ring = ring(&[1]);
        for length in [0, 19, 20, 21] {
            let text = ring.seal(b"ch01 cart 1", &vec![0; length]).expect("random numbers");
            assert_eq!(Token::open(&text, ALICE, &ring, 0), None);
            let text = ring.seal(&purpose(ALICE), &vec![0; length]).expect("random numbers");
            assert_eq!(Token::open(&text, ALICE, &ring, 0).is_some(), length == 20);
        }
    }

    proptest! {
        #[test]
        fn no_token_is_accepted_that_was_not_made_here(
            session in any::<u128>(),
            other in any::<u128>(),
            (web, generation, issued) in (any::<u64>(), any::<u32>(), 0..u64::MAX / 2),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let (ours, theirs) = (ring(&[1]), ring(&[2]));
            let (token, id) = (Token { web: NodeId(web), generation, issued }, SessionId(session));
            let text = token.seal(id, &ours).expect("random numbers");
            prop_assert_eq!(Token::open(&text, id, &ours, issued), Some(token));
            let forged = token.seal(id, &theirs).expect("random numbers");
            prop_assert_eq!(Token::open(&forged, id, &ours, issued), None);
            if other != session {
                prop_assert_eq!(Token::open(&text, SessionId(other), &ours, issued), None);
            }
            let at = at.index(text.len());
            prop_assert_eq!(Token::open(&text[..at], id, &ours, issued), None);
            let mut changed = text.into_bytes();
            changed[at] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(changed) {
                prop_assert_eq!(Token::open(&changed, id, &ours, issued), None);
            }
        }
    }
}
