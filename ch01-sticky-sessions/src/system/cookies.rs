//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Cookies as browsers send them, and as they are told to keep them. What is not exactly what we set is
//! taken for none: any client may send any cookie.
//!
//! # Left out
//!
//! `Secure`, and `__Host-` before the names: everything is on loopback, without TLS, and a browser sends no
//! such cookie over plain HTTP to another machine. A shop on a network needs both. Until then a page of a
//! neighbouring host name could set one of ours: two of one name are none, and signing in changes the session.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderValue, header};
use lab::NodeId;

use super::hashed::hashed;
use super::seal::cart::{self, NotSealed};
use super::seal::ring::Ring;
use crate::types::{Cookies, Sealed, Seen, SessionId, SetCookie};
use crate::worlds::{WEB_NAMES, WEBS};

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
    let version = |name: &str| name.strip_prefix(&seen_of(id))?.parse().ok();
    let versions = pairs(headers).filter_map(|(name, _)| version(name));
    versions.map(|version| Seen { id, version }).collect()
}

fn seen_of(id: SessionId) -> String {
    format!("{SEEN}-{:08x}-", id.0 as u32)
}

/// The web node of this name.
fn node(name: &str) -> Option<NodeId> {
    let place = WEB_NAMES.iter().position(|known| *known == name)?;
    Some(WEBS[place])
}

/// The value of a cookie; `None` if there are two of that name: one of them may have been set by another site.
fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = pairs(headers).filter(|(known, _)| *known == name).map(|(_, value)| value);
    found.next().filter(|_| found.next().is_none())
}

/// Names and values.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
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
}
