//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! A request's fields on their way through.

use super::super::case::{Case, Connection};

pub(super) fn cases() -> Vec<Case> {
    [hops(), names(), spoofs()].concat()
}

fn get(name: &'static str, section: &'static str, fields: &str) -> Case {
    Case::passed(name, section, &format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"))
}

fn hops() -> Vec<Case> {
    vec![
        get("Connection: close", "9112 9.6", "Connection: close")
            .connection(Some(Connection::Closed))
            .withholds(&["connection: close"]),
        get(
            "fields for one connection",
            "9110 7.6.1",
            "Connection: keep-alive\r\nKeep-Alive: timeout=9\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n\
             Trailer: X\r\nProxy-Authorization: Basic x",
        )
        .withholds(&["timeout=9", "proxy-", "gzip", "trailer"]),
        get("fields that Connection names", "9110 7.6.1", "Connection: X-Secret, x-b\r\nX-Secret: s\r\nX-B: t")
            .withholds(&["x-secret", "X-Secret", "x-b"]),
        get("two lines of Connection", "9110 7.6.1", "Connection: X-A\r\nConnection: X-B\r\nX-A: s\r\nX-B: t")
            .withholds(&["x-a", "X-A", "x-b", "X-B"]),
        get(
            "Connection cannot name what the proxy adds",
            "9110 7.6.1",
            "Connection: X-Forwarded-For, Via, Forwarded\r\nX-Forwarded-For: 6.6.6.6",
        )
        .forwards(&["\r\nx-forwarded-for: 127.0.0.1\r\n", "\r\nvia: 1.1 "])
        .withholds(&["6.6.6.6"]),
        get("Connection cannot take Host away", "9110 7.6.1", "Connection: Host").forwards(&["\r\nhost: a\r\n"]),
        Case::passed(
            "Connection cannot take the framing away",
            "9110 7.6.1",
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 3\r\n\r\nabc",
        )
        .forwards(&["\r\ncontent-length: 3\r\n", "\r\n\r\nabc"]),
        get("h2c is not upgraded", "9110 7.8", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x")
            .withholds(&["h2c", "pgrade", "http2-settings"]),
        get(
            "an upgrade that the backend declines",
            "9110 7.8",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x",
        )
        .forwards(&["\r\nupgrade: websocket\r\n"]),
        get("TE: trailers", "9110 10.1.4", "Connection: TE\r\nTE: trailers, deflate")
            .forwards(&["\r\nte: trailers\r\n"])
            .withholds(&["deflate"]),
        get("Via", "9110 7.6.3", "Accept: */*").forwards(&["\r\nvia: 1.1 "]),
        get("Via behind another", "9110 7.6.3", "Via: 1.0 other").forwards(&["1.0 other", "1.1 "]),
        Case::passed("Via of HTTP/1.0", "9110 7.6.3", "GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            .connection(None)
            .forwards(&["\r\nvia: 1.0 "]),
        Case::passed(
            "Max-Forwards: 0",
            "9110 7.6.2",
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n",
        )
        .reaches(Some(false)),
        Case::passed(
            "Max-Forwards is counted down",
            "9110 7.6.2",
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 5\r\n\r\n",
        )
        .forwards(&["\r\nmax-forwards: 4\r\n"]),
    ]
}

fn names() -> Vec<Case> {
    vec![
        get("two lines of Cookie", "6265 5.4", "Cookie: a=1\r\nCookie: b=2")
            .forwards(&["a=1", "b=2"]),
        get("a value with bytes beyond ASCII", "9110 5.5", "X-Name: Zoë")
            .forwards(&["x-name: Zoë\r\n"]),
        get("an underscore in a name", "9110 5.1", "Content_Length: 9").withholds(&["_length"]),
        get("spaces around a value", "9110 5.5", "X-A: \t b \t").forwards(&["\r\nx-a: b\r\n"]),
        get("an empty value", "9110 5.5", "X-A:").forwards(&["\r\nx-a:"]),
    ]
}

fn spoofs() -> Vec<Case> {
    vec![
        get("X-Forwarded-For of anybody", "7239 8.1", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7")
            .forwards(&["\r\nx-forwarded-for: 127.0.0.1\r\n"])
            .withholds(&["6.6.6.6", "7.7.7.7"]),
        get(
            "other words of proxies",
            "7239 8.1",
            "X-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 6",
        )
        .forwards(&["\r\nx-forwarded-proto: http\r\n", "\r\nx-forwarded-host: a\r\n"])
        .withholds(&["6.6.6.6", "https", "evil", "x-forwarded-port"]),
        get("Forwarded of anybody", "7239 8.1", "Forwarded: for=6.6.6.6")
            .forwards(&["\r\nforwarded: for=127.0.0.1;proto=http;host=\"a\"\r\n"])
            .withholds(&["6.6.6.6"]),
        get("words of the shop's own", "9110 17", "X-Affinity: hit\r\nX-Internal-User: ada")
            .withholds(&["x-affinity", "x-internal-user"]),
    ]
}
