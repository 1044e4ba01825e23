//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Header fields on their way through (RFC 9110, section 7.6). Fields for one connection end here, and so
//! do those that a client may not set. Then ours are added: in this order, or a client could take them away
//! again with `Connection: X-Forwarded-For`.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Version};
use hyper::body::Body as _;

use super::body::Upload;
use super::config::Config;

/// For one connection only, whether `Connection` names them or not.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// What an answer says about its session's affinity: hit, miss, moved.
pub(super) const AFFINITY: HeaderName = HeaderName::from_static("x-affinity");

/// What only a proxy of ours may say.
const FROM_PROXIES: [HeaderName; 6] = [
    header::FORWARDED,
    FORWARDED_FOR,
    FORWARDED_PROTO,
    FORWARDED_HOST,
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-real-ip"),
];

/// What a request wanted of the connection itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wishes {
    /// The client reads trailers.
    pub(super) trailers: bool,
    /// The connection becomes a WebSocket.
    pub(super) websocket: bool,
}

/// Whether one of the tokens of a list is this one.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    let mut tokens =
        headers.get_all(name).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
    tokens.any(|other| other.trim_ascii().eq_ignore_ascii_case(token))
}

/// Removes the fields for this connection: those that `Connection` names, and those that it should have.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::CONNECTION).iter();
    let tokens = lines.flat_map(|line| line.as_bytes().split(|b| *b == b','));
    let is_field = |token: &&[u8]| !matches!(*token, b"close" | b"keep-alive");
    let named: Vec<HeaderName> = tokens
        .map(<[u8]>::trim_ascii)
        .filter(is_field)
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Makes a client's head one of ours. Its address is the peer's, or what trusted proxies say.
pub(super) fn request(
    parts: &mut Parts,
    host: Option<HeaderValue>,
    peer: IpAddr,
    config: &Config,
    via: &Via,
) -> Wishes {
    let headers = &mut parts.headers;
    let is_11 = parts.version == Version::HTTP_11;
    let wishes = Wishes {
        trailers: is_11 && has_token(headers, &header::TE, b"trailers"),
        // Others than WebSocket, and h2c above all, would lead past the balancer's checks.
        websocket: is_11
            && parts.method == Method::GET
            && has_token(headers, &header::CONNECTION, b"upgrade")
            && has_token(headers, &header::UPGRADE, b"websocket"),
    };
    remove_hop_by_hop(headers);
    remove_forbidden(headers);
    let is_trusted = config.trusted.contains(&peer);
    if !is_trusted {
        FROM_PROXIES.iter().for_each(|name| drop(headers.remove(name)));
    }
    let host = host.unwrap_or_else(|| HeaderValue::from_static("localhost"));
    forwarded(headers, &host, peer);
    headers.insert(header::HOST, host);
    headers.append(header::VIA, via.of(parts.version));
    if wishes.trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    if wishes.websocket {
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if !is_11 {
        headers.remove(header::EXPECT);
    }
    parts.version = Version::HTTP_11;
    wishes
}

/// Fields that a client may not set, or that web servers would take for others: `Content_Length` becomes
/// the same variable as `Content-Length` in many of them.
fn remove_forbidden(headers: &mut HeaderMap) {
    let is_forbidden = |name: &&HeaderName| {
        let name = name.as_str();
        name.contains('_') || name.starts_with("x-internal-") || *name == AFFINITY
    };
    let forbidden: Vec<HeaderName> = headers.keys().filter(is_forbidden).cloned().collect();
    for name in forbidden {
        headers.remove(name);
    }
}

/// Adds who asked, for which host, over what.
fn forwarded(headers: &mut HeaderMap, host: &HeaderValue, peer: IpAddr) {
    let quoted = match peer {
        IpAddr::V4(peer) => peer.to_string(),
        IpAddr::V6(peer) => format!("\"[{peer}]\""),
    };
    let mut all = format!("for={quoted};proto=http");
    if let Ok(host) = host.to_str() {
        // A host has no quote and no backslash.
        let _ = write!(all, ";host=\"{host}\"");
    }
    let value = |text: String| HeaderValue::try_from(text).expect("these are visible characters");
    headers.append(header::FORWARDED, value(all));
    headers.append(FORWARDED_FOR, value(peer.to_string()));
    let http = HeaderValue::from_static("http");
    headers.entry(FORWARDED_PROTO).or_insert(http);
    headers.entry(FORWARDED_HOST).or_insert_with(|| host.clone());
}

/// Who asks: the peer, or behind trusted proxies the last address that is none of theirs. All lines count.
pub(super) fn client(headers: &HeaderMap, peer: IpAddr, trusted: &[IpAddr]) -> IpAddr {
    let mut client = peer;
    let lines = headers.get_all(&FORWARDED_FOR).iter();
    let named: Vec<&str> = lines.flat_map(|line| line.to_str().unwrap_or("").split(',')).collect();
    for name in named.into_iter().rev() {
        if !trusted.contains(&client) {
            break;
        }
        let name = name.trim();
        let address = name.parse().or_else(|_| name.parse().map(|at: SocketAddr| at.ip()));
        // Whatever stands before something unreadable was written by anybody.
        let Ok(address) = address else { break };
        client = address;
    }
    client
}

/// How a request's body ends, in its head. The library needs it said for GET with a body.
pub(super) fn framing(headers: &mut HeaderMap, body: &Upload) {
    if body.is_end_stream() {
        return;
    }
    match body.size_hint().exact() {
        Some(length) => {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        None => {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// Whether a backend's answer ends where both sides think that it does.
pub(super) fn is_unambiguous(headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match codings.next() {
        None => lengths <= 1,
        Some(coding) => {
            let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
            is_chunked && codings.next().is_none() && lengths == 0
        }
    }
}

/// Makes a backend's head one of ours.
pub(super) fn answer(headers: &mut HeaderMap, version: Version, wishes: Wishes, via: &Via) {
    let trailer: Vec<HeaderValue> = match wishes.trailers {
        true => headers.get_all(header::TRAILER).iter().cloned().collect(),
        false => Vec::new(),
    };
    remove_hop_by_hop(headers);
    for names in trailer {
        headers.append(header::TRAILER, names);
    }
    headers.remove(AFFINITY);
    headers.append(header::VIA, via.of(version));
}

/// Trailers come too late for what says how a message is read (RFC 9110, section 6.5.1).
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    remove_hop_by_hop(trailers);
    for name in [
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::HOST,
        header::LOCATION,
        header::SET_COOKIE,
        header::WWW_AUTHENTICATE,
        AFFINITY,
    ] {
        trailers.remove(name);
    }
}

/// `1.1 lb`, once for each version in which a message arrived.
pub(super) struct Via([HeaderValue; 2]);

impl Via {
    /// # Panics
    /// If the name is no token.
    pub(super) fn new(name: &str) -> Self {
        let value = |version: &str| HeaderValue::try_from(format!("{version} {name}"));
        Self(["1.0", "1.1"].map(|version| value(version).expect("a token is a value")))
    }

    fn of(&self, version: Version) -> HeaderValue {
        self.0[usize::from(version == Version::HTTP_11)].clone()
    }
}

/// An interim answer as it goes to the client.
pub(super) fn interim(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut headers = headers.clone();
    remove_hop_by_hop(&mut headers);
    let mut head = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in &headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue, Request};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::{Config, HOP_BY_HOP, Via, request};

    const NAMES: [&str; 12] = [
        "connection",
        "te",
        "x-secret",
        "cookie",
        "via",
        "x-forwarded-for",
        "forwarded",
        "host",
        "keep-alive",
        "x-affinity",
        "a_b",
        "upgrade",
    ];
    const OURS: [&str; 5] = ["via", "x-forwarded-for", "forwarded", "host", "x-forwarded-proto"];

    fn passed(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut carrier = Request::new(());
        for (name, value) in fields {
            let name = HeaderName::from_static(name);
            carrier.headers_mut().append(name, HeaderValue::from_static(value));
        }
        let mut parts = carrier.into_parts().0;
        let peer = [127, 0, 0, 1].into();
        request(&mut parts, None, peer, &Config::default(), &Via::new("lb"));
        parts.headers
    }

    proptest! {
        /// Whatever a client names in `Connection`: that is gone, and what is ours is there.
        #[test]
        fn a_client_can_take_away_its_own_fields_only(
            fields in vec((select(&NAMES), select(&NAMES)), 0..12),
        ) {
            let headers = passed(&fields);
            for name in OURS {
                prop_assert!(headers.contains_key(name), "{name} in {headers:?}");
            }
            let named = fields.iter().filter(|field| field.0 == "connection").map(|field| field.1);
            let hops = HOP_BY_HOP;
            let hops = hops.iter().map(HeaderName::as_str);
            let gone = named.chain(hops).chain(["x-affinity", "a_b"]);
            for gone in gone.filter(|name| !OURS.contains(name)) {
                prop_assert!(!headers.contains_key(gone), "{gone} in {headers:?}");
            }
            prop_assert_eq!(headers.get_all("x-forwarded-for").iter().count(), 1);
            prop_assert_eq!(headers.get_all("forwarded").iter().count(), 1);
            let is_taken = fields.contains(&("connection", "cookie"));
            let cookies = fields.iter().filter(|field| field.0 == "cookie").count();
            let left = headers.get_all("cookie").iter().count();
            prop_assert_eq!(left, if is_taken { 0 } else { cookies });
        }
    }
}
