//! Requests that are as large as they may be, and larger by one. Each limit is the one that `Limits` states.

use ch01_sticky_sessions::system::proxy::{Config, Limits};
use tokio::net::TcpListener;

use crate::kit::{Running, Wire, accept, web};

/// What a backend is sent when a client sends this.
async fn forwarded(request: &str) -> String {
    let (listener, proxy) = started().await;
    let mut client = Wire::dial(proxy.address).await;
    client.send(request).await;
    accept(&listener).await.read_head().await
}

/// All that a client is told that sends this, and a good request behind it, until its connection is closed.
/// No backend hears of either.
async fn refused(request: &str) -> String {
    let (listener, proxy) = started().await;
    let mut client = Wire::dial(proxy.address).await;
    client.send(format!("{request}GET / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    let answer = client.read_all().await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(proxy.proxy.backends().now().backends()[0].requests(), 0);
    drop(listener);
    answer
}

async fn started() -> (TcpListener, Running) {
    let (listener, address) = web().await;
    (listener, Running::start(Config::default(), &[address]).await)
}

fn assert_status(answer: &str, status: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "not {status}: {answer}");
}

/// A head of exactly so many bytes.
fn head(bytes: usize) -> String {
    let head = |filling: usize| {
        format!("GET / HTTP/1.1\r\nHost: a\r\nX-Filling: {}\r\n\r\n", "x".repeat(filling))
    };
    head(bytes - head(0).len())
}

#[tokio::test]
async fn a_head_that_is_longer_than_32768_bytes_is_431() {
    assert_eq!(Limits::default().head, 32_768);
    assert!(forwarded(&head(32_768)).await.contains("x-filling: xxx"));
    assert_status(&refused(&head(32_769)).await, "431");
}

#[tokio::test]
async fn a_head_of_more_than_100_fields_is_431() {
    let with = |fields: usize| {
        let others: String = (1..fields).map(|i| format!("X-{i}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: a\r\n{others}\r\n")
    };
    assert_eq!(Limits::default().fields, 100);
    assert!(forwarded(&with(100)).await.contains("\r\nx-99: y\r\n"));
    assert_status(&refused(&with(101)).await, "431");
}

#[tokio::test]
async fn a_target_that_is_longer_than_8192_bytes_is_414() {
    let to = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(bytes - 1));
    assert_eq!(Limits::default().target, 8_192);
    assert!(forwarded(&to(8_192)).await.starts_with("GET /xxx"));
    assert_status(&refused(&to(8_193)).await, "414");
}

#[tokio::test]
async fn a_body_that_is_announced_as_longer_than_16_mib_is_413() {
    let of = |bytes: u64| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n");
    assert_eq!(Limits::default().body, 16_777_216);
    assert!(forwarded(&of(16_777_216)).await.contains("\r\ncontent-length: 16777216\r\n"));
    assert_status(&refused(&of(16_777_217)).await, "413");
}

/// Only chunked ends where every reader thinks it does, so a body in another coding is not read at all.
#[tokio::test]
async fn a_transfer_coding_that_is_not_known_is_501() {
    let in_coding = |coding: &str| {
        let body = "0\r\n\r\n";
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n{body}")
    };
    assert!(forwarded(&in_coding("chunked")).await.starts_with("POST / HTTP/1.1\r\n"));
    for coding in ["gzip, chunked", "tea, chunked"] {
        assert_status(&refused(&in_coding(coding)).await, "501");
    }
    // Where the last one is not chunked, nobody knows where the body ends (RFC 9112, section 6.3).
    assert_status(&refused(&in_coding("gzip")).await, "400");
}
