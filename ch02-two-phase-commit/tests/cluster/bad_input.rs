//! Whatever comes in: a refusal that says what to change, and nothing is changed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use axum::http::Method;
use ch02_two_phase_commit::system::{MAX_BODY, Request};
use lab::http::{Answered, Caller};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::kit::{DEADLINE, TestCluster};

fn send(test: &TestCluster, method: Method, path: &str, body: Vec<u8>, kind: &str) -> Answered {
    let mut caller = Caller::new(test.cluster.front());
    test.runtime.block_on(caller.call(method, path, body.into(), kind)).unwrap()
}

/// Bytes on a bare connection, and the first line of what comes back.
///
/// `then_hang_up`: a request that may be cut short needs an end, or the server waits for the rest.
/// A whole request must not have it, because a server may drop a client that hung up before its
/// answer.
fn raw(test: &TestCluster, bytes: &[u8], then_hang_up: bool) -> String {
    let mut stream = TcpStream::connect(test.cluster.front()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // The server may have refused already and hung up.
    let sent = stream.write_all(bytes);
    if then_hang_up {
        let _ = sent.and_then(|()| stream.shutdown(Shutdown::Write));
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn every_mistake_has_its_own_answer_and_changes_nothing() {
    let test = TestCluster::new();
    let before = test.balances();
    let good = r#"{"key":"k","from":"pay/bob","to":"pay/alice","amount":1}"#;
    let twice = r#"{"key":"k","from":"pay/bob","to":"pay/alice","amount":1,"amount":2}"#;
    let json = "application/json";
    let long = format!("{}{}", good, " ".repeat(MAX_BODY));
    for (method, path, body, kind, status, says) in [
        (Method::POST, "/transfer", "{", json, 400, "not what is expected"),
        (Method::POST, "/transfer", "", json, 400, "not what is expected"),
        (Method::POST, "/transfer", r#"["k","pay/bob","pay/alice",1]"#, json, 400, "object"),
        (Method::POST, "/checkout", r#" ["k","boots",1,"bob"]"#, json, 400, "object"),
        (Method::POST, "/transfer", twice, json, 400, "duplicate field `amount`"),
        (Method::POST, "/transfer", good, "text/plain", 415, "application/json"),
        (Method::POST, "/transfer", &long, json, 413, "16384"),
        (Method::GET, "/transfer", "", json, 405, "POST"),
        (Method::POST, "/balances", "", json, 405, "GET"),
        (Method::POST, "/nothing", good, json, 404, "no such page"),
        (Method::GET, "/balances?of=pay/mallory", "", json, 400, "no account"),
        (Method::GET, "/balances?all=1", "", json, 400, "?of="),
    ] {
        let answer = send(&test, method, path, body.into(), kind);
        assert_eq!(answer.status, status, "{path} {body:.40}");
        assert!(answer.field("error").contains(says), "{path} {body:.40}: {}", answer.body);
    }
    for (headers, status) in [
        ("Host: shop.example", "403"),
        ("Host: 127.0.0.1\r\nHost: 127.0.0.1", "400"),
        ("Host: 127.0.0.1\r\nHost: shop.example", "400"),
        ("Host: 127.0.0.1\r\nContent-Encoding: gzip", "415"),
        ("Host: 127.0.0.1\r\nContent-Encoding: identity, br", "415"),
        ("Host: 127.0.0.1\r\nContent-Encoding: identity\r\nContent-Encoding: gzip", "415"),
    ] {
        let head = format!("POST /transfer HTTP/1.1\r\n{headers}\r\nContent-Type: {json}\r\n");
        let request =
            format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{good}", good.len());
        let line = raw(&test, request.as_bytes(), false);
        assert!(line.contains(status), "{headers:?}: {line:?}");
    }
    assert_eq!(test.balances(), before);
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let words = ["k", "pay/alice", "pay/bob", "stock/s0001", "boots", "alice", "till", ""];
    prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(|word| json!(word)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,100}".prop_map(|text| json!(text)),
        Just(json!(null)),
    ]
}

/// JSON of about the right form, JSON of any form, and bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        [value(), value(), value(), value()].prop_map(|[a, b, c, d]| {
            json!({"key": a, "from": b, "to": c, "amount": d}).to_string().into()
        }),
        [value(), value(), value(), value()].prop_map(|[a, b, c, d]| {
            json!({"key": a, "item": b, "customer": c, "quantity": d}).to_string().into()
        }),
        value().prop_map(|value| value.to_string().into()),
        proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

#[test]
fn no_malformed_request_is_a_server_error_or_changes_a_balance() {
    let test = TestCluster::new();
    let before = test.balances();
    let mut runner = TestRunner::new(Config { cases: 256, ..Config::default() });
    let request = (body(), proptest::sample::select(vec!["/checkout", "/transfer"]));
    let malformed = request.prop_filter("well-formed", |(body, path)| match *path {
        "/checkout" => Request::checkout(body).is_err(),
        _ => Request::transfer(body).is_err(),
    });
    let refused = runner.run(&malformed, |(body, path)| {
        let answer = send(&test, Method::POST, path, body, "application/json");
        prop_assert!((400..500).contains(&answer.status), "{}", answer.status);
        prop_assert!(!answer.field("error").is_empty(), "{}", answer.body);
        Ok(())
    });
    refused.unwrap();
    let bytes = proptest::collection::vec(any::<u8>(), 0..400);
    let survived = runner.run(&bytes, |bytes| {
        let line = raw(&test, &bytes, true);
        prop_assert!(line.is_empty() || line.starts_with("HTTP/1.1 4"), "{line}");
        Ok(())
    });
    survived.unwrap();
    assert_eq!(test.balances(), before);
    assert_eq!(test.checkout("after", "candle", 1, "alice").status, 200, "and the shop is open");
}
