//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Where a request ends. What two readers could read in two ways is refused, and the connection ends.

use super::super::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [whole(), lengths(), codings(), lines(), chunks()].concat()
}

fn whole() -> Vec<Case> {
    vec![
        Case::passed(
            "a body of known length",
            "9112 6.2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        )
        .forwards(&["\r\ncontent-length: 3\r\n", "\r\n\r\nabc"]),
        Case::passed(
            "a body in chunks",
            "9112 7.1",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        )
        .forwards(&["\r\ntransfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"]),
        Case::passed(
            "a body of GET",
            "9110 9.3.1",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        )
        .forwards(&["abc"]),
        Case::passed(
            "a request within a body is none",
            "9112 6",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n\r\nGET /canary HTTP/1.1\r\nHost: evil\r\n\r\n",
        )
        .forwards(&["\r\n\r\nGET /canary HTTP/1.1\r\nHost: evil\r\n"]),
        Case::passed(
            "chunk extensions end here",
            "9112 7.1.1",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0;z\r\n\r\n",
        )
        .forwards(&["abc"])
        .withholds(&["x=", "z"]),
        Case::passed(
            "trailers say nothing about the message",
            "9110 6.5.1",
            "POST / HTTP/1.1\r\nHost: a\r\nTrailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n",
        )
        .withholds(&["Content-Length: 9", "content-length"]),
        Case::passed(
            "Expect: 100-continue",
            "9110 10.1.1",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        )
        .forwards(&["\r\nexpect: 100-continue\r\n", "\r\n\r\nabc"])
        .reaches(Some(true)),
        Case::refused(
            "another expectation",
            "9110 10.1.1",
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n",
            &[417],
        )
        .connection(None),
    ]
}

/// A request with these fields, and a body that is three bytes or one chunk.
fn with(name: &'static str, section: &'static str, fields: &str, statuses: &[u16]) -> Case {
    let sent = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\n");
    Case::refused(name, section, &sent, statuses)
}

fn lengths() -> Vec<Case> {
    let bad = |name, fields| with(name, "9112 6.3", fields, &[400]);
    vec![
        bad("a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        bad("chunks and a length", "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        bad("two lengths", "Content-Length: 5\r\nContent-Length: 6"),
        bad("two lengths in one", "Content-Length: 5, 6"),
        bad("a length with a sign", "Content-Length: +5"),
        bad("a negative length", "Content-Length: -5"),
        bad("a hexadecimal length", "Content-Length: 0x5"),
        bad("a length with a point", "Content-Length: 5.0"),
        bad("an empty length", "Content-Length:"),
        bad("two numbers", "Content-Length: 5 5"),
        bad("a length of thirty digits", "Content-Length: 100000000000000000000000000005"),
    ]
}

fn codings() -> Vec<Case> {
    let bad = |name, fields| with(name, "9112 6.1", fields, &[400, 501]);
    vec![
        Case::refused(
            "chunks in HTTP/1.0",
            "9112 6.1",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            &[400],
        ),
        bad("an unknown coding", "Transfer-Encoding: gzip"),
        bad("an unknown coding before chunked", "Transfer-Encoding: gzip, chunked"),
        bad("chunked is not the last", "Transfer-Encoding: chunked, gzip"),
        bad("chunked twice", "Transfer-Encoding: chunked, chunked"),
        bad("two lines of codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        bad("two different lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        bad("a word that ends with chunked", "Transfer-Encoding: xchunked"),
        bad("chunked in quotes", "Transfer-Encoding: \"chunked\""),
        bad("chunked with a parameter", "Transfer-Encoding: chunked;x=y"),
        bad("identity", "Transfer-Encoding: identity"),
        bad("no coding", "Transfer-Encoding:"),
        bad("a vertical tab before it", "Transfer-Encoding: \u{b}chunked"),
    ]
}

fn lines() -> Vec<Case> {
    let bad = |name, section, fields| with(name, section, fields, &[400]);
    vec![
        bad("a space before the colon", "9112 5.1", "Content-Length : 5"),
        bad("a tab before the colon", "9112 5.1", "X\t: y"),
        bad("a folded line", "9112 5.2", "X: a\r\n b"),
        bad("a folded line of a coding", "9112 5.2", "Transfer-Encoding:\r\n chunked"),
        bad("no name", "9112 5", ": y"),
        bad("no colon", "9112 5", "Xy"),
        bad("a space in a name", "9110 5.1", "X y: z"),
        bad("a NUL in a name", "9110 5.1", "X\0: z"),
        bad("a NUL in a value", "9110 5.5", "X: a\0b"),
        bad("a control character in a value", "9110 5.5", "X: a\u{1}b"),
        bad("DEL in a value", "9110 5.5", "X: a\u{7f}b"),
        bad("a bare CR in a value", "9112 2.2", "X: a\rTransfer-Encoding: chunked"),
        bad("a bare LF after a field", "9112 2.2", "X: a\nTransfer-Encoding: chunked"),
        Case::refused("bare LFs", "9112 2.2", "GET / HTTP/1.1\nHost: a\n\n", &[400]),
        Case::refused(
            "a bare LF at the end",
            "9112 2.2",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            &[400],
        ),
    ]
}

fn chunks() -> Vec<Case> {
    let bad = |name, section, chunks: &str| {
        let sent =
            format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        // Its head is on its way before its chunks come.
        Case::refused(name, section, &sent, &[400]).reaches(None).withholds(&["\r\n\r\n0\r\n"])
    };
    let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(20_000));
    vec![
        bad("0x before a chunk's size", "9112 7.1", "0x3\r\nabc\r\n0\r\n\r\n"),
        bad("a sign before a chunk's size", "9112 7.1", "+3\r\nabc\r\n0\r\n\r\n"),
        bad("a chunk's size that overflows", "9112 7.1", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        bad("an underscore in a chunk's size", "9112 7.1", "0_3\r\nabc\r\n0\r\n\r\n"),
        bad("no chunk's size", "9112 7.1", "\r\nabc\r\n0\r\n\r\n"),
        bad("a bare LF after a chunk's size", "9112 7.1", "3\nabc\r\n0\r\n\r\n"),
        bad("a bare LF after a chunk", "9112 7.1", "3\r\nabc\n0\r\n\r\n"),
        bad("a chunk that is longer than its size", "9112 7.1", "3\r\nabcd\r\n0\r\n\r\n"),
        bad("a bare CR in a chunk extension", "9112 7.1.1", "3;x\ry\r\nabc\r\n0\r\n\r\n"),
        bad("a bare LF in a chunk extension", "9112 7.1.1", "3;x\ny\r\nabc\r\n0\r\n\r\n"),
        bad("a bare LF after a trailer", "9112 7.1.2", "3\r\nabc\r\n0\r\nX: y\n\r\n"),
        bad("a space before a trailer's colon", "9112 5.1", "3\r\nabc\r\n0\r\nX : y\r\n\r\n"),
        bad("a chunk extension of 20 KB", "9112 7.1.1", &long),
    ]
}
