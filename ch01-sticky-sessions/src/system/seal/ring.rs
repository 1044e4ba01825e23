//! Edge: makes it survive the real world. The lesson is in `step6_sealed_cookie.rs`.
//!
//! A few keys. The first one seals; all of them open, so what was sealed with the key of yesterday is good
//! today. Which key it was stands before what is sealed: no key is tried in vain.

use std::sync::{Mutex, PoisonError};

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::system::hashed::first_half;
use crate::types::SessionId;

/// Stands before everything that is sealed, and is sealed with it.
const FORMAT: u8 = 1;
/// Format and key.
const NAMED: usize = 1 + 4;
/// Bytes that are never used twice with a key.
const NONCE: usize = 12;
/// Format, key and nonce.
const HEAD: usize = NAMED + NONCE;
/// What is appended to prove that nothing was changed.
const TAG: usize = 16;
/// No cookie is longer: browsers drop longer ones.
const LONGEST: usize = 4_096;
/// A ring holds no more keys.
pub(super) const MOST: usize = 8;

/// One key, and what it is called.
struct Key {
    id: u32,
    cipher: Aes256Gcm,
    /// Derived from it, for [`Ring::placed`].
    places: [u8; 16],
}

/// The first key seals, and all of them open.
pub struct Ring {
    keys: Vec<Key>,
    nonces: Nonces,
}

/// Random bytes of the system, fetched for many nonces at once: a system call takes as long as the sealing.
#[derive(Default)]
struct Nonces(Mutex<Vec<[u8; NONCE]>>);

impl Nonces {
    /// So many are fetched at once.
    const MANY: usize = 64;

    /// One that nobody has had. `None`: the system has no random numbers.
    fn next(&self) -> Option<[u8; NONCE]> {
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.is_empty() {
            let mut bytes = [0; NONCE * Self::MANY];
            getrandom::fill(&mut bytes).ok()?;
            ready.extend(bytes.as_chunks().0);
        }
        ready.pop()
    }
}

/// Why a text is no ring of keys.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadRing {
    /// There is none.
    #[error("there is no key in it; write one per line: 8 hexadecimal digits, a space, 64 more")]
    Empty,
    /// There are too many.
    #[error("there are more than {MOST} keys in it; leave out the last ones, which are the oldest")]
    TooMany,
    /// A line is no key.
    #[error("line {0} is no key; write 8 hexadecimal digits, a space, and 64 more")]
    Line(usize),
    /// Two keys have one name.
    #[error("two keys are called {0:08x}; give each a name of its own")]
    Twice(u32),
}

impl Ring {
    /// Reads keys, one per line. A line that begins with `#` is a comment.
    pub fn read(text: &str) -> Result<Self, BadRing> {
        let mut keys: Vec<Key> = Vec::new();
        let lines = (1..).zip(text.lines());
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let key = read_key(line).ok_or(BadRing::Line(number))?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(BadRing::Twice(key.id));
            }
            if keys.len() == MOST {
                return Err(BadRing::TooMany);
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(BadRing::Empty);
        }
        Ok(Self { keys, nonces: Nonces::default() })
    }

    /// What the keys are called, the one that seals first.
    pub fn names(&self) -> Vec<String> {
        self.keys.iter().map(|key| format!("{:08x}", key.id)).collect()
    }

    /// Where a session is placed, as a number that nobody can predict without the keys. What a browser sends as
    /// its session may be anything: hashed without a key, it would pick its web process. After a rotation it
    /// is another number.
    pub fn placed(&self, session: SessionId) -> SessionId {
        SessionId(first_half(&[&self.keys[0].places, &session.0.to_be_bytes()]))
    }

    /// Seals something. It opens only for the same `purpose`. `None`: the system has no random numbers.
    pub fn seal(&self, purpose: &[u8], plain: &[u8]) -> Option<String> {
        let key = &self.keys[0];
        let nonce = self.nonces.next()?;
        let mut sealed = Vec::with_capacity(HEAD + plain.len() + TAG);
        sealed.push(FORMAT);
        sealed.extend(key.id.to_be_bytes());
        let aad = [&sealed, purpose].concat();
        sealed.extend(nonce);
        sealed.extend(plain);
        let text = (&mut sealed[HEAD..]).into();
        let tag = key.cipher.encrypt_inout_detached(&nonce.into(), &aad, text).ok()?;
        sealed.extend(tag);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what was sealed for this `purpose` with a key of this ring, and nothing else.
    pub fn open(&self, purpose: &[u8], text: &str) -> Option<Vec<u8>> {
        if text.len() > LONGEST {
            return None;
        }
        let mut sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (head, rest) = sealed.split_at_mut_checked(HEAD)?;
        let (text, tag) = rest.split_at_mut_checked(rest.len().checked_sub(TAG)?)?;
        let (named, nonce) = head.split_at(NAMED);
        let id = u32::from_be_bytes(named[1..].try_into().ok()?);
        let key = self.keys.iter().find(|key| key.id == id)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let tag: [u8; TAG] = (&*tag).try_into().ok()?;
        let (aad, long) = ([named, purpose].concat(), text.len());
        key.cipher.decrypt_inout_detached(&nonce.into(), &aad, text.into(), &tag.into()).ok()?;
        sealed.copy_within(HEAD..HEAD + long, 0);
        sealed.truncate(long);
        Some(sealed)
    }
}

fn read_key(line: &str) -> Option<Key> {
    let (id, key) = line.split_once(' ')?;
    let id: [u8; 4] = bytes(id)?;
    let key: [u8; 32] = bytes(key)?;
    let places = first_half(&[b"ch01 place 1", &key]).to_be_bytes();
    Some(Key { id: u32::from_be_bytes(id), cipher: Aes256Gcm::new(&key.into()), places })
}

/// Exactly so many bytes in hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ring of keys that are called so.
    pub(in crate::system::seal) fn ring(names: &[u32]) -> Ring {
        let line = |name: &u32| format!("{name:08x} {:064x}\n", u128::from(*name) * 0x1_0001);
        Ring::read(&names.iter().map(line).collect::<String>()).expect("keys")
    }

    #[test]
    fn the_first_key_seals_and_all_of_them_open_until_they_are_gone() {
        let old = ring(&[1]).seal(b"a", b"cart").expect("random numbers");
        assert_eq!(ring(&[2, 1]).open(b"a", &old), Some(b"cart".to_vec()));
        let new = ring(&[2, 1]).seal(b"a", b"cart").expect("random numbers");
        assert_eq!(ring(&[2]).open(b"a", &new), Some(b"cart".to_vec()));
        assert_eq!(ring(&[1]).open(b"a", &new), None, "it has only the old key");
        assert_eq!(ring(&[2]).open(b"a", &old), None, "the old key is gone");
    }

    #[test]
    fn a_key_of_the_same_name_is_not_the_same_key() {
        let forged = Ring::read(&format!("00000001 {:064x}", 9)).expect("a key");
        let sealed = forged.seal(b"a", b"cart").expect("random numbers");
        assert_eq!(ring(&[1]).open(b"a", &sealed), None);
    }

    #[test]
    fn what_is_no_ring_of_keys_is_refused_with_what_to_write() {
        let line = |name: u32| format!("{name:08x} {name:064x}\n");
        let many: String = (0..9).map(line).collect();
        for (text, why) in [
            ("", BadRing::Empty),
            ("# nothing\n", BadRing::Empty),
            ("00000001 ab", BadRing::Line(1)),
            (&format!("# a\n\n{}x", line(1).trim_end()), BadRing::Line(3)),
            (&format!("+{}", &line(1)[1..]), BadRing::Line(1)),
            (&format!("{}{}", line(1), line(1)), BadRing::Twice(1)),
            (&many, BadRing::TooMany),
        ] {
            assert_eq!(Ring::read(text).err(), Some(why), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_opens_but_what_was_sealed(
            plain in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u32,
            purpose in "[a-z]{0,8}",
        ) {
            let ring = ring(&[1, 2]);
            let sealed = ring.seal(purpose.as_bytes(), &plain).expect("random numbers");
            prop_assert_eq!(ring.open(purpose.as_bytes(), &sealed), Some(plain));
            prop_assert_eq!(ring.open(format!("{purpose}x").as_bytes(), &sealed), None);
            let at = at.index(sealed.len());
            prop_assert_eq!(ring.open(purpose.as_bytes(), &sealed[..at]), None, "cut at {}", at);
            for longer in ["A", "AA", "=", " "] {
                prop_assert_eq!(ring.open(purpose.as_bytes(), &format!("{sealed}{longer}")), None);
            }
            let mut changed = sealed.into_bytes();
            changed[at] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(changed) {
                prop_assert_eq!(ring.open(purpose.as_bytes(), &changed), None);
            }
        }

        #[test]
        fn no_text_is_opened_that_nobody_sealed_and_none_is_read_badly(text in "\\PC{0,120}") {
            prop_assert_eq!(ring(&[1]).open(b"", &text), None);
            let _ = Ring::read(&text);
        }
    }

    #[test]
    fn no_nonce_is_used_twice() {
        let ring = ring(&[1]);
        let sealed = |_| ring.seal(b"", b"").expect("random numbers");
        let all: std::collections::BTreeSet<String> = (0..1_000).map(sealed).collect();
        assert_eq!(all.len(), 1_000);
    }
}
