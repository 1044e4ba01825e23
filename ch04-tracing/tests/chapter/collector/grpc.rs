//! The collector over gRPC, from outside: HTTP/2 frames, trailers and codes.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use ch04_tracing::otlp::{request, wire};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use proptest::prelude::*;
use prost::Message as _;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::kit::{self, Process, http};
use super::{batch, collector, span, stored};

const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const GRPC: (&str, &str) = ("content-type", "application/grpc");
const GZIP: (&str, &str) = ("grpc-encoding", "gzip");

const OK: i32 = 0;
const INVALID_ARGUMENT: i32 = 3;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;
const INTERNAL: i32 = 13;
const UNAVAILABLE: i32 = 14;

/// What follows the bytes of a body.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    End,
    Silence,
    BreaksOff,
}

/// The body of a call.
struct Sent {
    bytes: Option<Bytes>,
    then: Then,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match (self.bytes.take(), self.then) {
            (Some(bytes), _) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            (None, Then::End) => Poll::Ready(None),
            (None, Then::Silence) => Poll::Pending,
            (None, Then::BreaksOff) => Poll::Ready(Some(Err(io::Error::other("it breaks off")))),
        }
    }
}

/// The outcome of a call.
#[derive(Debug)]
struct Outcome {
    http: u16,
    /// Of the headers, if there is nothing but them, or of the trailers.
    code: Option<i32>,
    /// Why, percent-encoded.
    message: Option<String>,
    body: Bytes,
    has_trailers: bool,
}

/// One connection, on which calls may be beside each other.
#[derive(Clone)]
struct Client {
    requests: SendRequest<Sent>,
}

impl Client {
    async fn connect(to: SocketAddr) -> Self {
        let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
        let (requests, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        Self { requests }
    }

    async fn send(
        &mut self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: Sent,
    ) -> hyper::Result<Outcome> {
        let mut call = Request::builder().method(method).uri(format!("http://collector{path}"));
        for (name, value) in headers {
            call = call.header(*name, *value);
        }
        let answer = self.requests.send_request(call.body(body).unwrap()).await?;
        outcome(answer).await
    }

    async fn call(&mut self, headers: &[(&str, &str)], body: Vec<u8>) -> Outcome {
        let headers = [&[GRPC], headers].concat();
        self.send(("POST", METHOD), &headers, sent(body, Then::End)).await.unwrap()
    }
}

async fn outcome<B: Body<Data = Bytes, Error = hyper::Error>>(
    answer: Response<B>,
) -> hyper::Result<Outcome> {
    let (head, body) = answer.into_parts();
    let whole = body.collect().await?;
    let trailers = whole.trailers().cloned();
    let says = |name| trailers.as_ref().unwrap_or(&head.headers).get(name);
    let code = says("grpc-status").map(|code| code.to_str().unwrap().parse().unwrap());
    let message = says("grpc-message").map(|message| message.to_str().unwrap().to_owned());
    let (http, has_trailers) = (head.status.as_u16(), trailers.is_some());
    Ok(Outcome { http, code, message, body: whole.to_bytes(), has_trailers })
}

fn sent(bytes: Vec<u8>, then: Then) -> Sent {
    Sent { bytes: Some(bytes.into()), then }
}

/// A message as it travels.
fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[flag], length.to_be_bytes().as_slice(), message].concat()
}

/// With a collector and a client that is connected to it.
fn with_collector<T>(test: impl AsyncFnOnce(Process, Client) -> T) -> T {
    let dir = TempDir::new().unwrap();
    let collector = collector(&dir);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let client = Client::connect(collector.grpc.unwrap()).await;
        test(collector, client).await
    })
}

#[test]
fn spans_are_stored_packed_or_not_and_the_outcome_stands_in_the_trailers() {
    with_collector(async |collector, mut client| {
        let plain = client.call(&[], framed(0, &batch(1))).await;
        assert_eq!((plain.http, plain.code, plain.has_trailers), (200, Some(OK), true));
        assert_eq!((plain.body.as_ref(), stored(&collector)), (&[0; 5][..], 2));
        let packed = client.call(&[GZIP], framed(1, &kit::gzip(&batch(2)))).await;
        assert_eq!((packed.code, stored(&collector)), (Some(OK), 4));
        // The client may pack, and need not.
        assert_eq!(client.call(&[GZIP], framed(0, &batch(3))).await.code, Some(OK));
        let mut partly = request(&[span(4, 1), span(4, 2)]);
        partly.resource_spans[0].scope_spans[0].spans[0].trace_id.clear();
        let partly = client.call(&[], framed(0, &partly.encode_to_vec())).await;
        let answer = wire::Response::decode(&partly.body[5..]).unwrap();
        assert_eq!((partly.code, stored(&collector)), (Some(OK), 7));
        assert_eq!(answer.partial_success.unwrap().rejected_spans, 1);
    });
}

#[test]
fn what_is_no_call_of_grpc_gets_415_and_what_is_no_method_gets_12() {
    with_collector(async |collector, mut client| {
        let kind = |value| [("content-type", value)];
        let grpc = kind("application/grpc+proto");
        for (to, headers, http, code) in [
            (("POST", METHOD), &kind("application/json")[..], 415, None),
            (("POST", METHOD), &kind("application/grpc-web")[..], 415, None),
            (("POST", METHOD), &[][..], 415, None),
            (("POST", "/v1/traces"), &kind("application/x-protobuf")[..], 415, None),
            (("POST", "/another.Service/Method"), &grpc[..], 200, Some(UNIMPLEMENTED)),
            (("GET", METHOD), &grpc[..], 200, Some(UNIMPLEMENTED)),
            (("POST", METHOD), &grpc[..], 200, Some(OK)),
        ] {
            let body = sent(framed(0, b""), Then::End);
            let outcome = client.send(to, headers, body).await.unwrap();
            assert_eq!((outcome.http, outcome.code), (http, code), "{to:?} {headers:?}");
        }
        assert_eq!(stored(&collector), 0);
    });
}

#[test]
fn a_message_that_cannot_be_taken_gets_the_code_that_says_why() {
    with_collector(async |collector, mut client| {
        let whole = framed(0, &batch(1));
        let too_long = vec![0; (64 << 20) + 1];
        for (what, headers, body, code) in [
            ("no message", &[][..], vec![], INTERNAL),
            ("a cut head", &[], whole[..4].to_vec(), INTERNAL),
            ("a cut message", &[], whole[..whole.len() - 1].to_vec(), INTERNAL),
            ("two messages", &[], whole.repeat(2), INTERNAL),
            ("another flag", &[], framed(2, b""), INTERNAL),
            ("packed, and not said how", &[], framed(1, &kit::gzip(b"")), INTERNAL),
            ("another packing", &[("grpc-encoding", "snappy")], whole, UNIMPLEMENTED),
            ("no protobuf", &[], framed(0, b"no protobuf"), INVALID_ARGUMENT),
            ("no gzip", &[GZIP], framed(1, b"no gzip"), INVALID_ARGUMENT),
            ("too long", &[], framed(0, &too_long), RESOURCE_EXHAUSTED),
            ("a bomb", &[GZIP], framed(1, &kit::gzip(&too_long)), RESOURCE_EXHAUSTED),
        ] {
            let outcome = client.call(headers, body).await;
            assert_eq!((outcome.http, outcome.code), (200, Some(code)), "{what}");
            assert!(!outcome.has_trailers && outcome.body.is_empty(), "{what}: only headers");
            assert!(outcome.message.is_some_and(|why| !why.is_empty()), "{what}");
        }
        assert_eq!(stored(&collector), 0);
        assert_eq!(client.call(&[], framed(0, &batch(1))).await.code, Some(OK));
    });
}

#[test]
fn a_client_that_breaks_off_stores_nothing_and_other_calls_go_on() {
    with_collector(async |collector, mut client| {
        let half = framed(0, &batch(1))[..20].to_vec();
        let broken = client.send(("POST", METHOD), &[GRPC], sent(half, Then::BreaksOff)).await;
        assert!(broken.is_err(), "{broken:?}");
        let next = client.call(&[], framed(0, &batch(2))).await;
        assert_eq!((next.code, stored(&collector)), (Some(OK), 2));
    });
}

/// Also a collector that is asked to end answers what it has begun.
#[cfg(unix)]
#[test]
fn a_body_that_is_late_may_be_sent_again_and_holds_up_no_other_call() {
    with_collector(async |collector, mut client| {
        let mut other = client.clone();
        let (asked, half) = (("POST", METHOD), framed(0, &batch(1))[..20].to_vec());
        let late = other.send(asked, &[GRPC], sent(half, Then::Silence));
        let beside = async {
            let beside = client.call(&[], framed(0, &batch(2))).await;
            assert_eq!((beside.code, stored(&collector)), (Some(OK), 2));
            tokio::task::spawn_blocking(move || collector.terminate()).await.unwrap()
        };
        let (late, ended) = tokio::join!(late, beside);
        assert_eq!((late.unwrap().code, ended), (Some(UNAVAILABLE), Some(0)));
    });
}

#[cfg(unix)]
#[test]
fn a_client_that_sends_nothing_does_not_hold_up_the_end() {
    let dir = TempDir::new().unwrap();
    let collector = collector(&dir);
    let silent = kit::connect(collector.grpc.unwrap(), "");
    // Connections are accepted in their order, so the silent one is as well.
    let client = Runtime::new().unwrap().block_on(async {
        let mut client = Client::connect(collector.grpc.unwrap()).await;
        client.call(&[], framed(0, b"")).await
    });
    assert_eq!(client.code, Some(OK));
    assert_eq!(collector.terminate(), Some(0));
    drop(silent);
}

#[test]
fn any_bytes_are_one_message_or_refused_and_the_collector_goes_on() {
    with_collector(async |collector, client| {
        let handle = tokio::runtime::Handle::current();
        let ask = move |body: Vec<u8>| {
            let mut client = client.clone();
            handle.block_on(async move { client.call(&[], body).await.code })
        };
        let tried = tokio::task::spawn_blocking(move || {
            proptest!(|(bytes: Vec<u8>)| {
                let is_frame = bytes.len() >= 5
                    && bytes[0] <= 1
                    && bytes[1..5] == u32::try_from(bytes.len() - 5).unwrap().to_be_bytes();
                prop_assert_eq!(ask(bytes.clone()) == Some(INTERNAL), !is_frame || bytes[0] == 1);
                let message = ask(framed(0, &bytes));
                // A group could hide more spans than may be in one message, and is refused as if it did.
                let may_be = [OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED].map(Some);
                prop_assert!(may_be.contains(&message), "{message:?}");
            });
        });
        tried.await.unwrap();
        assert_eq!(http(collector.address, "GET", "/healthz", &[], b"").status, 200);
    });
}
