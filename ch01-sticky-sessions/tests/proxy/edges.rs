//! What does not fit into a case of one request and one answer.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::http::HeaderValue;
use axum::http::request::Parts;
use ch01_sticky_sessions::system::proxy::{Choice, Config, Limits, Pool, Route};

use crate::kit::{Running, Wire, accept, web};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_body_that_was_not_read_is_not_the_next_request() {
    let proxy = Running::start(Config::default(), &[web().await.1]).await;
    let mut client = Wire::dial(proxy.address).await;
    let body = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = body.len();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length:";
    client.send(format!("{head} {length}\r\n\r\n{body}")).await;
    let all = client.read_all().await;
    assert!(all.starts_with("HTTP/1.1 417 ") && all.matches("HTTP/1.1").count() == 1, "{all}");
}

#[tokio::test]
async fn a_bad_request_behind_good_ones_is_answered_in_its_turn() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(format!("{good}{good}GET / HTTP/1.1\r\nHost : a\r\n\r\n{good}")).await;
    let mut backend = accept(&listener).await;
    for _ in 0..2 {
        backend.read_head().await;
        backend.send(OK).await;
    }
    let all = client.read_all().await;
    let statuses: Vec<&str> = all.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "200", "400"]);
}

#[tokio::test]
async fn a_body_in_chunks_that_grows_too_long_is_413() {
    let (listener, address) = web().await;
    let limits = Limits { body: 8, ..Limits::default() };
    let proxy = Running::start(Config { limits, ..Config::default() }, &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(format!("{head}5\r\nabcde\r\n4\r\nfghi\r\n")).await;
    let mut backend = accept(&listener).await;
    assert!(client.read_all().await.starts_with("HTTP/1.1 413 "));
    let seen = backend.read_all().await;
    assert!(!seen.contains("fghi") && !seen.ends_with("0\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn a_body_that_breaks_off_does_not_look_whole() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(format!("{head}5\r\nabcde\r\n")).await;
    let mut backend = accept(&listener).await;
    backend.read_to("abcde\r\n").await;
    drop(client);
    assert_eq!(backend.read_all().await, "");
}

#[tokio::test]
async fn a_client_is_asked_for_its_body_when_the_backend_asks() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    client.send(head).await;
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    backend.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.read_head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc").await;
    backend.read_to("abc").await;
    backend.send(OK).await;
    client.read_to("ok").await;

    // And if the backend declines, the client is not asked.
    client.send(head).await;
    backend.read_head().await;
    backend.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n").await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 417 "));
}

#[tokio::test]
async fn a_websocket_is_passed_on_in_both_directions() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client
        .send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    let mut backend = accept(&listener).await;
    let head = backend.read_head().await;
    assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";
    backend.send(format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}early")).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("sec-websocket-accept: x"));
    assert_eq!(client.read_to("early").await, "early");
    client.send("\0\n\nping").await;
    assert_eq!(backend.read_to("ping").await, "\0\n\nping");
    backend.send("pong").await;
    client.read_to("pong").await;
    drop(client);
    assert_eq!(backend.read_all().await, "");
}

#[tokio::test]
async fn an_upgrade_that_is_declined_is_a_plain_request_and_so_is_one_to_something_else() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    let ask = |protocol: &str| {
        let fields = format!("Connection: Upgrade\r\nUpgrade: {protocol}\r\n");
        format!("GET /{protocol} HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
    };
    client.send(ask("websocket")).await;
    let mut backend = accept(&listener).await;
    assert!(backend.read_head().await.contains("\r\nupgrade: websocket\r\n"));
    backend.send(OK).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("upgrade"), "{head}");
    client.read_to("ok").await;
    // Both connections are as they were, and h2c is not for a proxy to pass on.
    client.send(ask("h2c")).await;
    let head = backend.read_head().await;
    assert!(head.starts_with("GET /h2c HTTP/1.1\r\n"), "{head}");
    assert!(!head.contains("upgrade"), "{head}");
    backend.send(OK).await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 200 "));
    client.read_to("ok").await;
}

#[tokio::test]
async fn trailers_reach_a_client_that_reads_them() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\n\r\n").await;
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    let head = "Transfer-Encoding: chunked\r\nTrailer: X-Sum, Set-Cookie\r\n\r\n2\r\nok\r\n0\r\n";
    backend.send(format!("HTTP/1.1 200 OK\r\n{head}X-Sum: 9\r\nSet-Cookie: a=b\r\n\r\n")).await;
    client.read_head().await;
    assert_eq!(client.read_to("9\r\n\r\n").await, "2\r\nok\r\n0\r\nx-sum: 9\r\n\r\n");
}

/// Always the first backend, and what it was asked.
struct First(Mutex<Option<IpAddr>>);

impl Route for First {
    fn choose(&self, _: &Parts, client: IpAddr, _: &Pool, _: &[usize]) -> Option<Choice> {
        *self.0.lock().expect("nobody panics") = Some(client);
        let set_cookie = Some(HeaderValue::from_static("lb=token; Path=/"));
        Some(Choice { backend: 0, set_cookie, affinity: Some("moved") })
    }
}

#[tokio::test]
async fn a_route_knows_who_asks_and_tells_the_browser() {
    let (listener, address) = web().await;
    let trusted = vec!["127.0.0.1".parse().expect("an address")];
    let config = Config { trusted, ..Config::default() };
    let route = Arc::new(First(Mutex::default()));
    let proxy = Running::start_with(config, &[address], Arc::clone(&route) as _).await;
    let mut client = Wire::dial(proxy.address).await;
    let chain = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 10.1.1.9, 127.0.0.1";
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{chain}\r\n\r\n")).await;
    let mut backend = accept(&listener).await;
    assert!(backend.read_head().await.contains(&chain.to_ascii_lowercase()));
    backend.send("HTTP/1.1 200 OK\r\nSet-Cookie: sid=x\r\nContent-Length: 0\r\n\r\n").await;
    let answer = client.read_head().await;
    for line in ["set-cookie: sid=x", "set-cookie: lb=token; Path=/", "x-affinity: moved"] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{answer}");
    }
    let asked = route.0.lock().expect("nobody panics").map(|client| client.to_string());
    assert_eq!(asked.as_deref(), Some("10.1.1.9"));
}
