//! Clients that take their time.

use std::time::Duration;

use ch01_sticky_sessions::system::proxy::{Config, Limits, Times};
use tokio::io::AsyncWriteExt as _;

use crate::kit::{Running, Wire, accept, soon, web};

const SHORT: Duration = Duration::from_millis(50);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn with(times: Times) -> Config {
    Config { times, ..Config::default() }
}

#[tokio::test]
async fn a_head_that_does_not_end_is_answered_408() {
    let config = with(Times { head: SHORT, ..Times::default() });
    let proxy = Running::start(config, &[web().await.1]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ").await;
    let answer = client.read_all().await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"));
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed_without_a_word() {
    let config = with(Times { idle: SHORT, ..Times::default() });
    let proxy = Running::start(config, &[web().await.1]).await;
    assert_eq!(Wire::dial(proxy.address).await.read_all().await, "");
}

#[tokio::test]
async fn a_body_that_drips_is_answered_408() {
    let (listener, address) = web().await;
    let config = with(Times { body: SHORT, ..Times::default() });
    let proxy = Running::start(config, &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nabc").await;
    let mut backend = accept(&listener).await;
    assert!(client.read_all().await.starts_with("HTTP/1.1 408 "));
    assert!(backend.read_all().await.ends_with("\r\n\r\nabc"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_closed() {
    let (listener, address) = web().await;
    let config = with(Times { write: SHORT, ..Times::default() });
    let proxy = Running::start(config, &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await;
    let piece = [0; 64 << 10];
    soon(async { while backend.0.write_all(&piece).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_slow_backend_makes_no_client_late() {
    let (listener, address) = web().await;
    let short = SHORT * 4;
    let times = Times { idle: short, head: short, body: short, write: short, ..Times::default() };
    let proxy = Running::start(with(times), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
    let mut backend = accept(&listener).await;
    backend.read_to("abc").await;
    tokio::time::sleep(short * 2).await;
    backend.send(OK).await;
    client.read_to("ok").await;
}

#[tokio::test]
async fn a_client_too_many_waits_for_a_place() {
    let (listener, address) = web().await;
    let limits = Limits { connections: 1, ..Limits::default() };
    let proxy = Running::start(Config { limits, ..Config::default() }, &[address]).await;
    let mut first = Wire::dial(proxy.address).await;
    let mut second = Wire::dial(proxy.address).await;
    for client in [&mut first, &mut second] {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    }
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    backend.send(OK).await;
    first.read_to("ok").await;
    drop(first);
    backend.read_head().await;
    backend.send(OK).await;
    second.read_to("ok").await;
}

#[tokio::test]
async fn an_address_with_too_many_connections_is_turned_away_and_others_are_served() {
    let (listener, address) = web().await;
    let limits = Limits { connections_per_client: 1, ..Limits::default() };
    let proxy = Running::start(Config { limits, ..Config::default() }, &[address]).await;
    let silent = Wire::dial(proxy.address).await;
    assert_eq!(Wire::dial(proxy.address).await.read_all().await, "", "it has one already");
    let mut other = Wire::dial_from([127, 0, 0, 2], proxy.address).await;
    other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    backend.send(OK).await;
    other.read_to("ok").await;
    drop(silent);
}
