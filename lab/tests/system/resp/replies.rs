//! Replies as bytes, and bytes as replies.

use bytes::{Bytes, BytesMut};
use lab::resp::{MAX_DEPTH, Reply, ReplyError, ReplyLimits, ReplyParser, TooDeep};
use proptest::prelude::*;

use super::likely_bytes;

const SMALL: ReplyLimits = ReplyLimits { max_elements: 4, max_reply: 30 };

fn any_reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        "[^\r\n]{0,20}".prop_map(|text| Reply::Simple(text.into())),
        "[^\r\n]{0,20}".prop_map(|text| Reply::Error(text.into())),
        any::<i64>().prop_map(Reply::Integer),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| Reply::Bulk(bytes.into())),
        Just(Reply::Nil),
    ];
    let depth = u32::try_from(MAX_DEPTH).unwrap();
    leaf.prop_recursive(depth, 40, 4, |item| {
        prop::collection::vec(item, 0..4).prop_map(Reply::Array)
    })
}

fn encoded(reply: &Reply) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    reply.encode(&mut bytes).unwrap();
    bytes.to_vec()
}

/// All replies, and how the stream goes on.
fn parse_pieces<'a>(
    limits: ReplyLimits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Reply>, Result<(), ReplyError>) {
    let mut parser = ReplyParser::new(limits);
    let mut replies = Vec::new();
    for piece in pieces {
        parser.feed(piece);
        loop {
            match parser.next_reply() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(parser.next_reply(), Err(error), "it stays");
                    parser.feed(b"+OK\r\n");
                    assert_eq!(parser.buffered(), 0);
                    return (replies, Err(error));
                }
            }
        }
        assert!(parser.buffered() <= limits.max_reply);
    }
    (replies, Ok(()))
}

fn parse(bytes: &[u8]) -> (Vec<Reply>, Result<(), ReplyError>) {
    parse_pieces(ReplyLimits::default(), [bytes])
}

/// An integer in so many arrays.
fn nested(depth: usize) -> Reply {
    (0..depth).fold(Reply::Integer(1), |reply, _| Reply::Array(vec![reply]))
}

proptest! {
    #[test]
    fn replies_come_out_as_they_went_in_wherever_the_stream_is_cut(
        replies in prop::collection::vec(any_reply(), 1..5),
        len in 1..50usize,
    ) {
        let bytes = replies.iter().map(encoded).collect::<Vec<_>>().concat();
        let parsed = parse_pieces(ReplyLimits::default(), bytes.chunks(len));
        prop_assert_eq!(parsed, (replies, Ok(())));
    }

    #[test]
    fn any_bytes_give_the_same_at_once_and_one_by_one(bytes in likely_bytes()) {
        prop_assert_eq!(parse(&bytes), parse_pieces(ReplyLimits::default(), bytes.chunks(1)));
    }

    #[test]
    fn any_bytes_one_by_one_stay_within_small_limits(bytes in likely_bytes()) {
        let (replies, _) = parse_pieces(SMALL, bytes.chunks(1));
        prop_assert!(replies.iter().all(|reply| encoded(reply).len() <= SMALL.max_reply + 20));
    }

    #[test]
    fn a_text_never_has_a_line_end(text in "[a\r\n]{0,10}") {
        for reply in [Reply::Simple(text.clone().into()), Reply::Error(text.clone().into())] {
            let bytes = encoded(&reply);
            let (line, end) = bytes.split_at(bytes.len() - 2);
            prop_assert!(end == b"\r\n" && !line.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
            prop_assert_eq!(line.len(), text.len() + 1);
        }
    }
}

#[test]
fn each_kind_is_written_as_the_protocol_has_it() {
    let array = vec![Reply::Integer(-7), Reply::Nil, Reply::Array(Vec::new())];
    for (reply, bytes) in [
        (Reply::Simple("OK".into()), "+OK\r\n"),
        (Reply::error(&"not now"), "-ERR not now\r\n"),
        (Reply::Bulk(Bytes::from_static(b"a\r\n")), "$3\r\na\r\n\r\n"),
        (Reply::Array(array), "*3\r\n:-7\r\n$-1\r\n*0\r\n"),
    ] {
        assert_eq!(encoded(&reply), bytes.as_bytes());
    }
    assert_eq!(parse(b"*-1\r\n"), (vec![Reply::Nil], Ok(())), "the null array");
}

#[test]
fn arrays_are_nested_up_to_the_limit_and_one_more_is_refused() {
    let deepest = nested(MAX_DEPTH);
    assert_eq!(parse(&encoded(&deepest)), (vec![deepest], Ok(())));
    let mut bytes = BytesMut::from(&b"before"[..]);
    assert_eq!(nested(MAX_DEPTH + 1).encode(&mut bytes), Err(TooDeep));
    assert_eq!(&bytes[..], b"before");
    for innermost in ["*1\r\n", "*0\r\n"] {
        let bytes = "*1\r\n".repeat(MAX_DEPTH) + innermost;
        assert_eq!(parse(bytes.as_bytes()), (Vec::new(), Err(ReplyError::TooDeep)));
    }
}

#[test]
fn each_limit_is_allowed_and_one_more_is_refused_before_its_bytes_come() {
    let elements = ReplyError::TooManyElements { limit: 4 };
    let bytes = ReplyError::TooLong { limit: 30 };
    for (allowed, refused, error) in [
        ("*2\r\n*2\r\n:1\r\n:1\r\n:1\r\n", "*2\r\n*3\r\n", elements),
        ("*0\r\n", "*9223372036854775807\r\n", elements),
        ("$23\r\n01234567890123456789012\r\n", "$24\r\n", bytes),
        ("*1\r\n$19\r\n0123456789012345678\r\n", "*1\r\n$20\r\n", bytes),
        ("+012345678901234567890123456\r\n", "+012345678901234567890123456789", bytes),
        ("$0\r\n\r\n", "$9223372036854775807\r\n", bytes),
    ] {
        let (replies, parsed) = parse_pieces(SMALL, [allowed.as_bytes()]);
        assert_eq!((replies.len(), parsed), (1, Ok(())), "{allowed:?}");
        // A limit is for one reply, and not for all.
        let refused = [allowed, allowed, refused].concat();
        let (replies, parsed) = parse_pieces(SMALL, [refused.as_bytes()]);
        assert_eq!((replies.len(), parsed), (2, Err(error)), "{refused:?}");
    }
    let (_, text) = parse(&[b"+".as_slice(), &vec![b'x'; 1 << 16]].concat());
    assert_eq!(text, Err(ReplyError::TooLong { limit: 1 << 16 }));
}

#[test]
fn what_is_no_reply_is_refused() {
    for (bytes, error) in [
        ("HTTP/1.1 400", ReplyError::Kind(b'H')),
        ("\r\n", ReplyError::Kind(b'\r')),
        (":1.5\r\n", ReplyError::Malformed),
        (":1\n", ReplyError::Malformed),
        ("+OK\n", ReplyError::Malformed),
        ("$-2\r\n", ReplyError::Malformed),
        ("*-2\r\n", ReplyError::Malformed),
        ("$1\r\nab\r\n", ReplyError::Malformed),
    ] {
        assert_eq!(parse(bytes.as_bytes()), (Vec::new(), Err(error)), "{bytes:?}");
    }
}
