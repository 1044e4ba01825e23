//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Cookies as browsers send them, and as they are told to keep them. What is not exactly what we set is
//! taken for none: any client may send any cookie.
//!
//! # Left out
//!
//! `Secure`, and `__Host-` before the names: everything is on loopback, without TLS, and a browser sends no
//! such cookie over plain HTTP to another machine. A shop on a network needs both, and the balancer adds them
//! with `--tls-in-front` (`proxy/host_only.rs`). Without, a page of a neighbouring host name could set one of
//! ours: two of one name are none, and signing in changes the session.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderValue, header};

use super::hashed::hashed;
use super::seal::cart::{self, NotSealed};
use super::seal::ring::Ring;
use super::webs::{WEB_NAMES, WEBS, node};
use crate::types::{Cookies, Sealed, Seen, SessionId, SetCookie, Version};

const SESSION: &str = "sid";
const AFFINITY: &str = "node";
/// Followed by the last 8 digits of the session, and the version: each is a cookie of its own.
const SEEN: &str = "seen";

/// Followed by an item: the key of an order for it that has no end yet.
const ORDER: &str = "order";

/// What all of our cookies have in common: no script reads them, and no other site sends them along with a
/// form of its own.
const ATTRIBUTES: &str = "Path=/; HttpOnly; SameSite=Lax";

/// The cookies of a request, as a balancer reads them: the session is its secret.
#[must_use]
pub(super) fn read(headers: &HeaderMap) -> Cookies {
    with(headers, secret(headers))
}

/// What a browser says to be signed in by.
fn secret(headers: &HeaderMap) -> Option<SessionId> {
    SessionId::try_from(value(headers, SESSION)?.to_owned()).ok()
}

fn with(headers: &HeaderMap, session: Option<SessionId>) -> Cookies {
    Cookies {
        session,
        affinity: value(headers, AFFINITY).and_then(node),
        sealed: None,
        seen: session.map(|id| seen(headers, id)).unwrap_or_default(),
    }
}

/// What the balancer has sealed for this browser, or what the browser says it has.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    value(headers, AFFINITY)
}

/// The cookie that this token comes back in.
pub(super) fn token_field(token: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{AFFINITY}={token}; {ATTRIBUTES}")).ok()
}

/// The session that an answer gives to a browser, or takes from it; `None` if it does neither.
pub(super) fn set_session(answer: &HeaderMap) -> Option<Option<SessionId>> {
    let lines = answer.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.filter_map(|line| line.split(';').next()?.split_once('='));
    let (_, value) = pairs.rfind(|(name, _)| *name == SESSION)?;
    Some(SessionId::try_from(value.to_owned()).ok())
}

/// The cookies of a request to a web process that has these keys. It knows a session by the hash of its secret.
#[must_use]
pub(super) fn opened(headers: &HeaderMap, ring: Option<&Ring>, now: u64) -> Cookies {
    let sealed = ring.zip(value(headers, cart::NAME));
    let sealed = sealed.and_then(|(ring, text)| cart::open(text, ring, now));
    Cookies { sealed, ..with(headers, secret(headers).map(hashed)) }
}

/// The cookie that holds a whole session.
pub(super) fn sealed(session: &Sealed, ring: &Ring, now: u64) -> Result<HeaderValue, NotSealed> {
    let text = cart::seal(session, ring, now)?;
    let field = HeaderValue::try_from(format!("{}={text}; {ATTRIBUTES}", cart::NAME));
    Ok(field.expect("visible ASCII"))
}

/// What the browser has seen of this session.
fn seen(headers: &HeaderMap, id: SessionId) -> BTreeSet<Seen> {
    let version = |name: &str| {
        let digits = name.strip_prefix(&seen_of(id))?;
        // Rust reads a sign as well, and zeros in front.
        digits.parse().ok().filter(|version: &Version| version.to_string() == digits)
    };
    let versions = pairs(headers).filter_map(|(name, _)| version(name));
    versions.map(|version| Seen { id, version }).collect()
}

fn seen_of(id: SessionId) -> String {
    format!("{SEEN}-{:08x}-", id.0 as u32)
}

/// The value of a cookie; `None` if there are two of that name: one of them may have been set by another site.
fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = pairs(headers).filter(|(known, _)| *known == name).map(|(_, value)| value);
    found.next().filter(|_| found.next().is_none())
}

/// Whether there are two cookies of a name of ours, so that neither is taken.
pub(super) fn has_two_of_one_name(headers: &HeaderMap) -> bool {
    let has_two = |name| pairs(headers).filter(|(known, _)| *known == name).nth(1).is_some();
    [SESSION, AFFINITY, cart::NAME].into_iter().any(has_two)
}

/// Names and values.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    // One that is no text was set by somebody else, and hides none of ours.
    let pairs = pairs.filter(|pair| pair.is_ascii());
    let pairs = pairs.filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
}

/// What a browser is told to keep, as a field of an answer; a session that is sealed goes through
/// [`sealed`].
///
/// # Panics
/// Never: names and values are ours.
#[must_use]
pub(super) fn field(cookie: &SetCookie) -> HeaderValue {
    let text = match cookie {
        SetCookie::Session(Some(id)) => format!("{SESSION}={}; {ATTRIBUTES}", String::from(*id)),
        SetCookie::Session(None) => forget(SESSION),
        SetCookie::Sealed(_) => forget(cart::NAME),
        SetCookie::Affinity(Some(web)) => {
            let place = WEBS.iter().position(|id| id == web).unwrap_or_default();
            format!("{AFFINITY}={}; {ATTRIBUTES}", WEB_NAMES[place])
        }
        SetCookie::Affinity(None) => forget(AFFINITY),
        SetCookie::Seen(Seen { id, version }, lasts) => {
            // A browser counts seconds: too long is right, too short is not.
            let seconds = lasts.as_secs() + u64::from(lasts.subsec_nanos() > 0);
            format!("{}{version}=1; Max-Age={seconds}; {ATTRIBUTES}", seen_of(*id))
        }
        SetCookie::Forget(Seen { id, version }) => forget(&format!("{}{version}", seen_of(*id))),
    };
    HeaderValue::try_from(text).expect("visible ASCII")
}

fn forget(name: &str) -> String {
    format!("{name}=; Max-Age=0; {ATTRIBUTES}")
}

/// The key of an order for this item that has no end yet.
pub(super) fn open_order(headers: &HeaderMap, item: &str) -> Option<String> {
    value(headers, &format!("{ORDER}-{item}")).map(ToOwned::to_owned)
}

/// Keeps the key of an order for this item, or forgets it. Both have passed the checks of names.
pub(super) fn order(item: &str, key: Option<&str>) -> HeaderValue {
    let field = match key {
        Some(key) => format!("{ORDER}-{item}={key}; {ATTRIBUTES}"),
        None => format!("{ORDER}-{item}=; Max-Age=0; {ATTRIBUTES}"),
    };
    HeaderValue::from_str(&field).expect("letters, digits and hyphens")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn sent(lines: &[&str]) -> Cookies {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().expect("a field"));
        }
        read(&headers)
    }

    #[test]
    fn what_we_set_is_what_we_read() {
        let set = [
            SetCookie::Session(Some(SessionId(7))),
            SetCookie::Affinity(Some(WEBS[1])),
            SetCookie::Seen(Seen { id: SessionId(7), version: 12 }, Duration::from_millis(1_500)),
        ];
        let mut expected = Cookies::default();
        let mut line = Vec::new();
        for cookie in &set {
            expected.set(cookie);
            let field = field(cookie).to_str().expect("text").to_owned();
            line.push(field.split(';').next().expect("a pair").to_owned());
        }
        assert_eq!(sent(&[&line.join("; ")]), expected);
        assert!(field(&set[2]).to_str().expect("text").contains("Max-Age=2"));
    }

    #[test]
    fn what_is_not_exactly_ours_is_none() {
        let good = format!("sid={:032x}", 7);
        assert_eq!(sent(&[&good]).session, Some(SessionId(7)));
        let upper = format!("sid={:032X}", 0xabc);
        for bad in [
            "sid=7",
            "sid=",
            upper.as_str(),
            &format!("{good}0"),
            &format!("{good}; {good}"),
            "sid=+0000000000000000000000000000007",
            &format!("\u{a0}{good}"),
        ] {
            assert_eq!(sent(&[bad]).session, None, "{bad}");
        }
        assert_eq!(sent(&[&good, &good]).session, None);
        assert_eq!(sent(&["node=web-9", "seen=1", "seen-00000007-3=1"]), Cookies::default());
        for bad in ["seen-00000008-3=1", "seen-00000007--1=1", "seen-00000007-=1", "seen-7-3=1"] {
            assert!(sent(&[&good, bad]).seen.is_empty(), "{bad}");
        }
    }

    /// Reads cookies byte by byte, and takes nothing but what we set.
    fn strictly(lines: &[Vec<u8>]) -> Cookies {
        let is_text = |pair: &&[u8]| pair.iter().all(|b| matches!(b, b'\t' | b' '..=b'~'));
        let mut pairs: Vec<(&[u8], &[u8])> = Vec::new();
        for line in lines {
            for mut pair in line.split(|byte| *byte == b';').filter(is_text) {
                while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = pair {
                    pair = rest;
                }
                if let Some(at) = pair.iter().position(|byte| *byte == b'=') {
                    pairs.push((&pair[..at], &pair[at + 1..]));
                }
            }
        }
        let only = |name: &str| -> Option<&[u8]> {
            let mut all = pairs.iter().filter(|(other, _)| *other == name.as_bytes());
            all.next().filter(|_| all.next().is_none()).map(|(_, value)| *value)
        };
        let digits = only("sid").filter(|id| id.len() == 32);
        let digits = digits.filter(|id| id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        let digit =
            |byte: &u8| u128::from(if *byte > b'9' { byte - b'a' + 10 } else { byte - b'0' });
        let id = digits.map(|id| id.iter().fold(0, |id, byte| id << 4 | digit(byte)));
        let affinity =
            (1..=8_u8).find(|web| only("node") == Some(&[b"web-", &[b'0' + web][..]].concat()));
        let mut seen = BTreeSet::new();
        for (name, _) in &pairs {
            let Some((id, session)) = id.zip(digits) else { continue };
            let before = [b"seen-", &session[24..], b"-"].concat();
            let version =
                name.strip_prefix(&before[..]).and_then(|text| std::str::from_utf8(text).ok());
            let version = version.and_then(|text| Some((text, text.parse::<u64>().ok()?)));
            if let Some((text, version)) = version
                && version.to_string() == text
            {
                seen.insert(Seen { id: SessionId(id), version });
            }
        }
        let session = id.map(SessionId);
        Cookies {
            session,
            affinity: affinity.map(|web| WEBS[usize::from(web) - 1]),
            sealed: None,
            seen,
        }
    }

    /// Lines of cookies, right and not quite.
    fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let sid = format!("sid={:032x}", 7);
        let known = [
            &sid,
            "node=web-2",
            "node=web-9",
            "seen-00000007-3=1",
            "seen-00000007-+3=1",
            "seen-00000007-03=1",
            "seen-00000008-3=1",
            "seen-00000007-18446744073709551616=1",
            "sid=7",
            "sid =7",
            "=sid",
            "a=b",
            "sid=0000000000000000000000000000000A",
            "; ",
            ";",
            " ",
            "\t",
            "=",
            "\"",
            "$Version=1",
            "node",
            "\u{a0}",
        ];
        let known = known.map(|part| part.as_bytes().to_vec()).to_vec();
        let part = prop_oneof![
            8 => prop::sample::select(known),
            1 => prop::collection::vec(any::<u8>(), 0..5),
        ];
        let join = |parts: Vec<Vec<u8>>| parts.join(&b"; "[..]);
        let line = prop_oneof![
            3 => prop::collection::vec(part.clone(), 0..6).prop_map(join),
            1 => prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat()),
        ];
        prop::collection::vec(line, 0..3)
    }

    proptest! {
        #[test]
        fn cookies_are_read_as_a_second_reader_reads_them_and_again_when_we_set_them(lines in lines()) {
            let mut headers = HeaderMap::new();
            let mut sent = Vec::new();
            for line in lines {
                // What no field may hold reaches nobody.
                if let Ok(value) = HeaderValue::from_bytes(&line) {
                    headers.append(header::COOKIE, value);
                    sent.push(line);
                }
            }
            let found = read(&headers);
            prop_assert_eq!(&found, &strictly(&sent));
            let lasts = Duration::from_secs(1);
            let set = found.session.map(|id| SetCookie::Session(Some(id))).into_iter()
                .chain(found.affinity.map(|web| SetCookie::Affinity(Some(web))))
                .chain(found.seen.iter().map(|seen| SetCookie::Seen(*seen, lasts)));
            let mut again = HeaderMap::new();
            for cookie in set {
                let field = field(&cookie).to_str().expect("text").to_owned();
                let pair = field.split(';').next().expect("a pair");
                again.append(header::COOKIE, pair.parse().expect("a field"));
            }
            prop_assert_eq!(read(&again), found);
        }

        #[test]
        fn any_fields_of_cookies_are_read_without_a_panic(line in prop::collection::vec(any::<u8>(), 0..400)) {
            let ring = Ring::read(&format!("00000001 {:064x}", 1)).expect("a key");
            let value = HeaderValue::from_bytes(&line);
            let headers = HeaderMap::from_iter(value.ok().map(|value| (header::COOKIE, value)));
            prop_assert_eq!(opened(&headers, Some(&ring), 0).sealed, None);
            let _ = (token(&headers), open_order(&headers, "boots"), read(&headers));
        }
    }
}
