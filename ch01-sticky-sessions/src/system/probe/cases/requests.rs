//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Request lines, hosts and sizes.

use super::super::case::{Case, Connection};

pub(super) fn cases() -> Vec<Case> {
    [lines(), hosts(), forms(), sizes()].concat()
}

fn lines() -> Vec<Case> {
    vec![
        Case::passed(
            "the bytes of a target are not touched",
            "9110 7.7",
            "GET /A%2f../b//c;d?x=%20&y=%C3%A9 HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .forwards(&["GET /A%2f../b//c;d?x=%20&y=%C3%A9 HTTP/1.1\r\n"]),
        Case::passed("an unknown method", "9110 16.1", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n")
            .forwards(&["BREW / HTTP/1.1\r\n"]),
        Case::passed("an empty line first", "9112 2.2", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case::passed("HTTP/1.0 without Host", "9112 3.2", "GET / HTTP/1.0\r\n\r\n")
            .connection(Some(Connection::Closed))
            .forwards(&[" HTTP/1.1\r\n", "\r\nhost: "]),
        Case::refused("two spaces", "9112 3", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        Case::refused("a tab", "9112 3", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        Case::refused(
            "a space in the target",
            "9112 3.2",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
            &[400],
        ),
        Case::refused(
            "a method in quotes",
            "9110 9.1",
            "\"GET\" / HTTP/1.1\r\nHost: a\r\n\r\n",
            &[400],
        ),
        Case::refused("no version", "9112 3", "GET /\r\nHost: a\r\n\r\n", &[400]),
        Case::refused(
            "a version in small letters",
            "9112 2.3",
            "GET / http/1.1\r\nHost: a\r\n\r\n",
            &[400],
        ),
        Case::refused(
            "HTTP/2.0 in text",
            "9110 2.5",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            &[400, 505],
        ),
        Case::refused(
            "HTTP/2's preface",
            "9113 3.4",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            &[400, 505],
        ),
        Case::refused(
            "a fragment in the target",
            "9112 3.2",
            "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
            &[400],
        ),
        Case::refused(
            "letters beyond ASCII",
            "9112 3.2",
            "GET /é HTTP/1.1\r\nHost: a\r\n\r\n",
            &[400],
        ),
        Case::refused(
            "a space before the first field",
            "9112 2.2",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            &[400],
        ),
    ]
}

fn hosts() -> Vec<Case> {
    let refused = |name, hosts: &str| {
        let sent = format!("GET / HTTP/1.1\r\n{hosts}\r\n");
        Case::refused(name, "9112 3.2", &sent, &[400])
    };
    vec![
        refused("no Host", ""),
        refused("two Hosts", "Host: a\r\nHost: b\r\n"),
        refused("the same Host twice", "Host: a\r\nHost: a\r\n"),
        refused("an empty Host", "Host:\r\n"),
        refused("a user in Host", "Host: u@a\r\n"),
        refused("a path in Host", "Host: a/b\r\n"),
        refused("a space in Host", "Host: a b\r\n"),
        refused("two Hosts in one", "Host: a, b\r\n").connection(None).reaches(None),
        refused("a port that is none", "Host: a:8x\r\n"),
        refused("a bracket without its other", "Host: [::1\r\n"),
        Case::passed("an IPv6 host", "9110 7.2", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
            .forwards(&["\r\nhost: [::1]:80\r\n"]),
    ]
}

fn forms() -> Vec<Case> {
    vec![
        Case::passed(
            "absolute-form says the host",
            "9112 3.2.2",
            "GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .forwards(&["GET /x?y HTTP/1.1\r\n", "\r\nhost: b:81\r\n"])
        .withholds(&["\r\nhost: a\r\n"]),
        Case::refused(
            "absolute-form without Host",
            "9112 3.2",
            "GET http://b/ HTTP/1.1\r\n\r\n",
            &[400],
        ),
        Case::refused(
            "a user in absolute-form",
            "9110 4.2.4",
            "GET http://u@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
            &[400],
        ),
        Case::refused(
            "authority-form",
            "9112 3.2.3",
            "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
            &[400],
        ),
        Case::refused(
            "* without OPTIONS",
            "9112 3.2.4",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            &[400],
        ),
        Case::passed("OPTIONS *", "9112 3.2.4", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            .reaches(None),
        Case::refused(
            "CONNECT",
            "9110 9.3.6",
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
            &[400, 405, 501],
        ),
        Case::refused("TRACE", "9110 9.3.8", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", &[405, 501])
            .connection(None),
    ]
}

fn sizes() -> Vec<Case> {
    let long = |length| "x".repeat(length);
    let fields: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let head =
        |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let cookie = |length| format!("Cookie: a={}\r\n", long(length));
    vec![
        Case::passed("a cookie of 4 KB", "6265 6.1", &head("/", &cookie(4_000))),
        Case::refused("a cookie of 64 KB", "6585 5", &head("/", &cookie(64 << 10)), &[400, 431]),
        Case::refused("200 fields", "6585 5", &head("/", &fields), &[400, 431]),
        Case::refused(
            "a target of 16 KB",
            "9112 3",
            &head(&format!("/{}", long(16 << 10)), ""),
            &[414],
        ),
        Case::refused(
            "a body that is announced too long",
            "9110 15.5.14",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
            &[413],
        ),
    ]
}
