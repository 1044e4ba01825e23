use std::sync::Arc;

use axum::http::request::Builder;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::super::gzip;
use super::*;
use crate::otlp::wire::{Resource, ResourceSpans, ScopeSpans, Span};
use crate::store::{Options, Store};

fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(test)
}

fn shared(dir: &TempDir) -> Shared {
    Shared::new(Arc::new(Store::open(dir.path(), Options::default()).unwrap()))
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[flag], length.to_be_bytes().as_slice(), message].concat()
}

fn message(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource = Some(Resource::default());
    let resource_spans = vec![ResourceSpans { resource, scope_spans }];
    wire::Request { resource_spans }.encode_to_vec()
}

fn span(id: u8) -> Span {
    Span { trace_id: vec![id; 16], span_id: vec![id; 8], ..Span::default() }
}

fn call() -> Builder {
    Request::post(METHOD).header(header::CONTENT_TYPE, CONTENT_TYPE)
}

fn code(shared: &Shared, call: Builder, body: Vec<u8>) -> i32 {
    let request = call.body(Body::from(body)).unwrap();
    block_on(take(shared, request)).map_or_else(|why| why.code(), |_| OK)
}

#[test]
fn spans_are_stored_packed_or_not_and_those_without_ids_are_counted() {
    let dir = TempDir::new().unwrap();
    let shared = shared(&dir);
    let plain = call().body(Body::from(framed(0, &message(vec![span(1), span(2)])))).unwrap();
    let answer = block_on(take(&shared, plain)).unwrap();
    assert_eq!((answer.partial_success, shared.store.spans()), (None, 2));

    let packed = gzip::pack(&message(vec![span(3), span(0)]));
    let packed = call().header(GRPC_ENCODING, "gzip").body(Body::from(framed(1, &packed))).unwrap();
    let answer = block_on(take(&shared, packed)).unwrap();
    assert_eq!(answer.partial_success.unwrap().rejected_spans, 1);
    assert_eq!(shared.store.spans(), 3);
}

#[test]
fn what_is_no_call_of_this_method_gets_the_code_that_says_so() {
    const INVALID_ARGUMENT: i32 = 3;
    let dir = TempDir::new().unwrap();
    let shared = shared(&dir);
    let whole = framed(0, &message(vec![span(1)]));
    let gzip = || call().header(GRPC_ENCODING, "gzip");
    for (call, body, expected) in [
        (call(), vec![], INTERNAL),
        (call(), whole[..4].to_vec(), INTERNAL),
        (call(), whole[..whole.len() - 1].to_vec(), INTERNAL),
        (call(), [whole.as_slice(), whole.as_slice()].concat(), INTERNAL),
        (call(), framed(2, b""), INTERNAL),
        (call(), framed(1, &gzip::pack(b"")), INTERNAL),
        (call().header(GRPC_ENCODING, "snappy"), whole.clone(), UNIMPLEMENTED),
        (call(), framed(0, b"no protobuf"), INVALID_ARGUMENT),
        (gzip(), framed(1, b"no gzip"), INVALID_ARGUMENT),
        (gzip(), framed(0, b""), OK),
        (gzip(), framed(1, &gzip::pack(b"")), OK),
    ] {
        assert_eq!(code(&shared, call, body.clone()), expected, "{body:?}");
    }
    assert_eq!(shared.store.spans(), 0);
}

#[test]
fn a_collector_without_room_is_unavailable_so_that_clients_send_it_again() {
    const UNAVAILABLE: i32 = 14;
    let dir = TempDir::new().unwrap();
    let shared = Shared { receiving: Arc::new(Semaphore::new(10)), ..shared(&dir) };
    assert_eq!(code(&shared, call(), framed(0, &message(vec![span(1)]))), UNAVAILABLE);
}

#[test]
fn a_failure_is_told_in_headers_and_in_ascii() {
    let why = failed(&Failed::Frame("100 % ü"));
    let headers = why.headers();
    assert_eq!(
        (why.status(), &headers[GRPC_STATUS]),
        (StatusCode::OK, &HeaderValue::from(INTERNAL))
    );
    assert!(headers[GRPC_MESSAGE].to_str().unwrap().ends_with("100 %25 %C3%BC"), "{headers:?}");
}

proptest! {
    #[test]
    fn a_frame_is_its_message_and_nothing_else_is_a_frame(bytes: Vec<u8>, flag in 0..2_u8) {
        let mut frame = framed(flag, &bytes);
        prop_assert_eq!(unframe(&mut frame).unwrap(), flag == 1);
        prop_assert_eq!(&frame, &bytes);
        let mut other = bytes.clone();
        if let Ok(is_packed) = unframe(&mut other) {
            prop_assert_eq!(framed(u8::from(is_packed), &other), bytes);
        }
    }
}
