//! Requests as bytes, and bytes as requests.

use bytes::BytesMut;
use lab::resp::{RequestError, RequestLimits, RequestParser, encode_request};
use proptest::prelude::*;

use super::likely_bytes;

type Requests = Vec<Vec<Vec<u8>>>;

const SMALL: RequestLimits = RequestLimits { max_arguments: 3, max_argument: 10, max_request: 40 };
/// Every kind of request, and what is skipped between them.
const SAMPLE: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\n*0\r\nSET k \"a b\"\r\n*-1\r\n  \nPING\n\
    *3\r\n$3\r\nSET\r\n$0\r\n\r\n$6\r\n\r\n*1\r\n\r\n";

/// All requests, and how the stream goes on.
fn parse_pieces<'a>(
    limits: RequestLimits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Requests, Result<(), RequestError>) {
    let mut parser = RequestParser::new(limits);
    let mut requests = Vec::new();
    for piece in pieces {
        parser.feed(piece);
        loop {
            match parser.next_request() {
                Ok(Some(request)) => requests.push(request.iter().map(|a| a.to_vec()).collect()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(parser.next_request(), Err(error), "it stays");
                    parser.feed(b"PING\r\n");
                    assert_eq!(parser.buffered(), 0);
                    return (requests, Err(error));
                }
            }
        }
        assert!(parser.buffered() <= limits.max_request);
    }
    (requests, Ok(()))
}

fn parse(bytes: &[u8]) -> (Requests, Result<(), RequestError>) {
    parse_pieces(RequestLimits::default(), [bytes])
}

fn error_of(limits: RequestLimits, bytes: &[u8]) -> RequestError {
    parse_pieces(limits, [bytes]).1.expect_err("it is refused")
}

fn words(requests: &[&[&str]]) -> Requests {
    let word = |word: &&str| word.as_bytes().to_vec();
    requests.iter().map(|request| request.iter().map(word).collect()).collect()
}

proptest! {
    #[test]
    fn requests_come_out_as_they_went_in_wherever_the_stream_is_cut(
        requests in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6), 1..6),
        cuts in prop::collection::vec(1..40usize, 1..8),
    ) {
        let mut bytes = BytesMut::new();
        requests.iter().for_each(|request| encode_request(request, &mut bytes));
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for len in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (piece, later) = rest.split_at((*len).min(rest.len()));
            pieces.push(piece);
            rest = later;
        }
        prop_assert_eq!(parse_pieces(RequestLimits::default(), pieces), (requests, Ok(())));
    }

    #[test]
    fn any_bytes_give_the_same_at_once_and_one_by_one(bytes in likely_bytes()) {
        prop_assert_eq!(parse(&bytes), parse_pieces(RequestLimits::default(), bytes.chunks(1)));
    }

    #[test]
    fn any_bytes_one_by_one_stay_within_small_limits(bytes in likely_bytes()) {
        let (requests, _) = parse_pieces(SMALL, bytes.chunks(1));
        for request in requests {
            prop_assert!((1..=SMALL.max_arguments).contains(&request.len()));
            prop_assert!(request.iter().all(|argument| argument.len() <= SMALL.max_argument));
        }
    }
}

#[test]
fn a_stream_gives_the_same_requests_wherever_it_is_cut() {
    let requests =
        words(&[&["GET", "k"], &["SET", "k", "a b"], &["PING"], &["SET", "", "\r\n*1\r\n"]]);
    assert_eq!(parse(SAMPLE), (requests.clone(), Ok(())));
    for cut in 0..=SAMPLE.len() {
        let (one, other) = SAMPLE.split_at(cut);
        let pieces = parse_pieces(RequestLimits::default(), [one, other]);
        assert_eq!(pieces, (requests.clone(), Ok(())), "cut at {cut}");
    }
}

#[test]
fn a_half_request_is_waited_for() {
    for half in
        ["*", "*1\r", "*1\r\n", "*1\r\n$", "*1\r\n$4\r\n", "*1\r\n$4\r\nPING\r", "PIN", "\"a\r"]
    {
        assert_eq!(parse(half.as_bytes()), (Vec::new(), Ok(())), "{half:?}");
    }
}

#[test]
fn the_longest_argument_is_taken_byte_by_byte_in_a_time_that_grows_with_its_length() {
    // Searched again from the beginning at each byte, this would take hours.
    let longest = vec![b'\n'; RequestLimits::default().max_argument];
    let mut bytes = BytesMut::new();
    encode_request(&[&longest], &mut bytes);
    let parsed = parse_pieces(RequestLimits::default(), bytes.chunks(1));
    assert!(parsed == (vec![vec![longest]], Ok(())));
    let line = vec![b'x'; (64 << 10) - 1];
    let pieces = line.chunks(1).chain([b"\n".as_slice()]);
    assert!(parse_pieces(RequestLimits::default(), pieces) == (vec![vec![line.clone()]], Ok(())));
}

#[test]
fn what_is_no_request_is_refused_with_a_reason() {
    for (bytes, error) in [
        ("*x\r\n", RequestError::Count),
        ("*1\n", RequestError::Count),
        ("*9223372036854775808\r\n", RequestError::Count),
        ("*00000000000000000000000000000001", RequestError::Count),
        ("*1\r\n$x\r\n", RequestError::Length),
        ("*1\r\n$-1\r\n", RequestError::Length),
        ("*1\r\n$00000000000000000000000000000001", RequestError::Length),
        ("*1\r\n:1\r\n", RequestError::NoBulk(b':')),
        ("*1\r\n\r\n", RequestError::NoBulk(b'\r')),
        ("*1\r\n$1\r\nab\r\n", RequestError::NoEnd),
        ("SET k \"a\r\n", RequestError::Quotes),
    ] {
        let (requests, parsed) = parse(format!("PING\r\n{bytes}").as_bytes());
        assert_eq!((requests, parsed), (words(&[&["PING"]]), Err(error)), "{bytes:?}");
        let text = error.to_string();
        assert!(text.starts_with("Protocol error: ") && !text.contains(['\r', '\n']), "{text}");
    }
}

#[test]
fn each_limit_is_allowed_and_one_more_is_refused_before_its_bytes_come() {
    let arguments = RequestError::TooManyArguments { limit: 3 };
    let argument = RequestError::ArgumentTooLong { limit: 10 };
    let request = RequestError::RequestTooLong { limit: 40 };
    let line = RequestError::LineTooLong { limit: 40 };
    for (allowed, refused, error) in [
        ("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", "*4\r\n", arguments),
        ("a b c\r\n", "a b c d\r\n", arguments),
        ("*1\r\n$10\r\n0123456789\r\n", "*1\r\n$11\r\n", argument),
        ("\"0123456789\"\n", "\"0123456789a\"\n", argument),
        // 4 + 17 + 17 and 4 + 17 + 20 bytes.
        (
            "*2\r\n$10\r\n0123456789\r\n$10\r\n0123456789\r\n",
            "*3\r\n$10\r\n0123456789\r\n$9\r\n012345678\r\n$1\r\n",
            request,
        ),
        // 38 bytes, and 3 of the next line.
        ("*1\r\n$1\r\na\r\n", "*3\r\n$10\r\n0123456789\r\n$10\r\n0123456789\r\n$12", request),
        ("0123456789                             \n", &" ".repeat(40), line),
    ] {
        let (requests, parsed) = parse_pieces(SMALL, [allowed.as_bytes()]);
        assert_eq!((requests.len(), parsed), (1, Ok(())), "{allowed:?}");
        assert_eq!(error_of(SMALL, refused.as_bytes()), error, "{refused:?}");
        assert!(error.to_string().contains("the limit"), "{error}");
    }
}

#[test]
fn the_limits_are_as_documented_unless_others_are_given() {
    let limits = RequestLimits::default();
    assert_eq!((limits.max_arguments, limits.max_argument), (1_024, 524_288));
    assert_eq!(limits.max_request, 786_432);
    let error = RequestError::LineTooLong { limit: 65_536 };
    assert_eq!(error_of(limits, &vec![b'x'; 65_536]), error);
    assert_eq!(
        error_of(limits, b"*9223372036854775807\r\n"),
        RequestError::TooManyArguments { limit: 1_024 }
    );
}
