//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! A backend's answers, the odd ones above all. What cannot be passed on as it is becomes 502.

use super::super::case::{Case, Connection};

pub(super) fn cases() -> Vec<Case> {
    [fields(), ends(), bodiless(), interim(), bad()].concat()
}

fn fields() -> Vec<Case> {
    vec![
        Case::answer(
            "fields for one connection",
            "9110 7.6.1",
            "HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: s\r\nKeep-Alive: timeout=9\r\n\
             Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok",
        )
        .hides(&["x-hop", "X-Hop", "timeout=9", "h2c", "proxy-"]),
        Case::answer("Via", "9110 7.6.3", "HTTP/1.1 200 OK\r\nVia: 1.1 cache\r\nContent-Length: 2\r\n\r\nok")
            .shows(&["1.1 cache", "1.1 lb"]),
        Case::answer(
            "cookies stay apart",
            "9110 5.3",
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok",
        )
        .shows(&["\r\nset-cookie: a=1\r\n", "\r\nset-cookie: b=2\r\n"]),
        Case::answer("Date is added", "9110 6.6.1", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .shows(&["\r\ndate: "]),
        Case::answer(
            "Date is kept",
            "9110 6.6.1",
            "HTTP/1.1 200 OK\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Length: 2\r\n\r\nok",
        )
        .shows(&["\r\ndate: Mon, 02 Jan 2006 15:04:05 GMT\r\n"]),
        Case::answer(
            "X-Affinity is the balancer's",
            "9110 17",
            "HTTP/1.1 200 OK\r\nX-Affinity: hit\r\nContent-Length: 2\r\n\r\nok",
        )
        .hides(&["x-affinity"]),
        Case::answer(
            "a status that is not known",
            "9110 15",
            "HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nok",
        )
        .status(299),
    ]
}

fn ends() -> Vec<Case> {
    vec![
        Case::answer(
            "an answer in chunks",
            "9112 7.1",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        )
        .shows(&["\r\n\r\n2\r\nok\r\n0\r\n\r\n"]),
        Case::answer("an answer until the end", "9112 6.3", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok")
            .connection(None)
            .shows(&["ok"]),
        Case::answer("an answer of HTTP/1.0", "9112 2.3", "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nok")
            .connection(None)
            .shows(&["HTTP/1.1 200 OK\r\n", "ok"]),
        Case {
            sent: "GET / HTTP/1.0\r\nHost: a\r\n\r\n".into(),
            ..Case::answer(
                "chunks for HTTP/1.0",
                "9112 7.1",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            )
        }
        .connection(Some(Connection::Closed))
        .shows(&["\r\n\r\nok"])
        .hides(&["chunked"]),
        Case::answer(
            "a length that is not reached",
            "9112 8",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nok",
        )
        .breaks_off(),
        Case::answer(
            "chunks without their last",
            "9112 8",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        )
        .breaks_off()
        .hides(&["\r\n0\r\n"]),
        Case::answer(
            "a chunk's size that is none",
            "9112 7.1",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n",
        )
        .breaks_off(),
    ]
}

fn bodiless() -> Vec<Case> {
    vec![
        Case {
            sent: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            ..Case::answer("HEAD", "9110 9.3.2", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        }
        .shows(&["\r\ncontent-length: 9\r\n"]),
        Case::answer("204", "9110 15.3.5", "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n")
            .status(204)
            .shows(&["\r\nx-a: b\r\n"])
            .hides(&["content-length", "transfer-encoding"]),
        Case::answer("304", "9110 15.4.5", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")
            .status(304)
            .shows(&["\r\netag: \"x\"\r\n"]),
        Case::answer("an empty body", "9112 6.3", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .shows(&["\r\ncontent-length: 0\r\n"]),
    ]
}

fn interim() -> Vec<Case> {
    const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: X-Hop\r\nX-Hop: s\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    vec![
        Case::answer("early hints", "9110 15.2", HINTS)
            .shows(&["HTTP/1.1 103 Early Hints\r\n", "\r\nlink: </a.css>\r\n", "HTTP/1.1 200 OK\r\n"])
            .hides(&["x-hop"]),
        Case { sent: "GET / HTTP/1.0\r\nHost: a\r\n\r\n".into(), ..Case::answer("HTTP/1.0 knows none", "9110 15.2", HINTS) }
            .connection(None)
            .hides(&["103"]),
        Case {
            answered: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            ..Case::passed(
                "100 Continue",
                "9110 15.2.1",
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
            )
        }
        .shows(&["HTTP/1.1 100 Continue\r\n\r\n"])
        .forwards(&["abc"]),
        Case::answer("an upgrade that nobody asked for", "9110 7.8", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
            .status(502),
    ]
}

fn bad() -> Vec<Case> {
    let bad = |name, section, answered| Case::answer(name, section, answered).status(502);
    vec![
        bad(
            "two lengths",
            "9112 6.3",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        ),
        bad(
            "the same length twice",
            "9112 6.3",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        ),
        bad("a length that is none", "9112 6.3", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"),
        bad(
            "a length and chunks",
            "9112 6.3",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        bad(
            "an unknown coding",
            "9112 6.1",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: gzip\r\n\r\nok",
        ),
        bad(
            "chunks in HTTP/1.0",
            "9112 6.1",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        bad(
            "a space before the colon",
            "9112 5.1",
            "HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 2\r\n\r\nok",
        ),
        bad(
            "a folded line",
            "9112 5.2",
            "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
        ),
        bad(
            "a NUL in a value",
            "9110 5.5",
            "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 2\r\n\r\nok",
        ),
        bad("no HTTP", "9112 4", "SSH-2.0-x\r\n\r\n"),
        bad("nothing", "9110 15.6.3", ""),
    ]
}
