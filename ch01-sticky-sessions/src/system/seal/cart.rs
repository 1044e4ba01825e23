//! Edge: makes it survive the real world. The lesson is in `step6_sealed_cookie.rs`.
//!
//! The session of design 6, which travels in a cookie. It is good for a day after its last change; until
//! then, a copy of it is good as well, whatever its user does.
//!
//! # Left out
//!
//! A session in several cookies. A list of sessions that have ended: that would be the store which this
//! design does without.

use super::SKEW;
use super::ring::Ring;
use crate::types::{Sealed, wait};

/// What the cookie is called.
pub(in crate::system) const NAME: &str = "cart";
/// Browsers keep no cookie whose name and value are longer together (RFC 6265bis, section 5.6).
const LONGEST: usize = 4_096;
/// What the balancer may put before the name.
const PREFIX: usize = "__Host-".len();
/// What it is for, and what its bytes mean.
const PURPOSE: &[u8] = b"ch01 cart 1";

/// Why a session is not in a cookie.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(in crate::system) enum NotSealed {
    /// It is too long.
    #[error(
        "this cart needs a cookie of {0} bytes, and browsers keep no more than {LONGEST}: nothing was added"
    )]
    TooLong(usize),
    /// The system has no random numbers.
    #[error("no random numbers; try again")]
    NoRandom,
}

/// The value of the cookie.
pub(in crate::system) fn seal(
    session: &Sealed,
    ring: &Ring,
    now: u64,
) -> Result<String, NotSealed> {
    let mut plain = now.to_be_bytes().to_vec();
    plain.extend(serde_json::to_vec(session).expect("plain data always serialises"));
    let text = ring.seal(PURPOSE, &plain).ok_or(NotSealed::NoRandom)?;
    let length = PREFIX + NAME.len() + text.len();
    if length > LONGEST { Err(NotSealed::TooLong(length)) } else { Ok(text) }
}

/// The session in a cookie, if one of us has sealed it and it has not ended.
pub(in crate::system) fn open(text: &str, ring: &Ring, now: u64) -> Option<Sealed> {
    let plain = ring.open(PURPOSE, text)?;
    let (since, session) = plain.split_first_chunk()?;
    let since = u64::from_be_bytes(*since);
    let has_begun = since <= now.saturating_add(SKEW);
    let is_good = has_begun && now.saturating_sub(since) < wait::LIFETIME.as_secs();
    is_good.then(|| serde_json::from_slice(session).ok())?
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::super::ring::tests::ring;
    use super::*;
    use crate::types::{CART, Item, Session, SessionId, User};

    fn session(items: usize, letters: usize) -> Sealed {
        let mut session = Session::new(User::new("alice"));
        assert!((0..items).all(|i| session.add(Item::new(&format!("{i:0letters$}")))));
        Sealed { id: SessionId(7), session }
    }

    #[test]
    fn a_session_opens_for_a_day_with_the_keys_that_sealed_it() {
        let (ring, sealed, day) = (ring(&[1]), session(3, 8), 24 * 60 * 60);
        let text = seal(&sealed, &ring, 1_000).expect("it fits");
        for (now, is_open) in [
            (1_000, true),
            (1_000 - SKEW, true),
            (999 - SKEW, false),
            (999 + day, true),
            (1_000 + day, false),
        ] {
            assert_eq!(open(&text, &ring, now), is_open.then(|| sealed.clone()), "at {now}");
        }
        let token = ring.seal(b"ch01 node 1", &1_000_u64.to_be_bytes()).expect("random numbers");
        assert_eq!(open(&token, &ring, 1_000), None);
    }

    /// A JSON Web Token names its algorithm, so a forger may choose one: `none`, or one that takes a public key
    /// for a shared one. Here the format is one byte, there is one, and it is sealed with the rest.
    #[test]
    fn no_token_chooses_how_it_is_checked() {
        let ring = ring(&[1]);
        let text = seal(&session(1, 8), &ring, 1_000).expect("it fits");
        let mut bytes = URL_SAFE_NO_PAD.decode(&text).expect("it is ours");
        for format in [0, 2, u8::MAX] {
            bytes[0] = format;
            assert_eq!(open(&URL_SAFE_NO_PAD.encode(&bytes), &ring, 1_000), None, "{format}");
        }
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","kid":"../../dev/null"}"#] {
            let claims = r#"{"id":"7","session":{"user":"alice","cart":[]}}"#;
            let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
            for signature in ["", "AAAA"] {
                let token = format!("{header}.{claims}.{signature}");
                assert_eq!(open(&token, &ring, 1_000), None, "{token}");
            }
        }
    }

    #[test]
    fn a_session_that_no_browser_would_keep_is_refused_with_its_size() {
        let ring = ring(&[1]);
        let longest = (1..CART).take_while(|items| seal(&session(*items, 40), &ring, 0).is_ok());
        let most = longest.last().expect("one fits");
        assert!((60..CART).contains(&most), "{most} things of 40 letters");
        let kept =
            "__Host-cart=".len() - 1 + seal(&session(most, 40), &ring, 0).expect("it fits").len();
        assert!(kept <= LONGEST, "{kept}");
        let why = seal(&session(most + 1, 40), &ring, 0).expect_err("it does not fit");
        assert!(matches!(why, NotSealed::TooLong(length) if length > LONGEST), "{why}");
    }
}
