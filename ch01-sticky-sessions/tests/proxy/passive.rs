//! Backends that are well by their checks, and do not answer: what clients are told tells the balancer, too.

use std::time::Duration;

use ch01_sticky_sessions::system::proxy::{Config, Health, State, Times};

use crate::kit::{Running, Wire, accept, web};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn with(unanswered: u32, times: Times) -> Config {
    let health = Health { unanswered, ..Health::default() };
    Config { health, times, ..Config::default() }
}

fn state(proxy: &Running) -> State {
    proxy.proxy.backends().now().backends()[0].state()
}

#[tokio::test]
async fn a_backend_that_takes_requests_and_closes_is_down_after_some_in_a_row() {
    let (listener, address) = web().await;
    let proxy = Running::start(with(3, Times::default()), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    for asked in 1..=3 {
        assert_eq!(state(&proxy), State::Active, "before request {asked}");
        client.send(POST).await;
        accept(&listener).await.read_head().await;
        assert!(client.read_to("answer\n").await.starts_with("HTTP/1.1 502 "));
    }
    assert_eq!(state(&proxy), State::Down);
    client.send(POST).await;
    assert!(client.read_to("moment\n").await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn what_may_be_repeated_is_answered_by_another_one_meanwhile() {
    let ((broken, one), (well, two)) = (web().await, web().await);
    let proxy = Running::start(with(2, Times::default()), &[one, two]).await;
    let mut client = Wire::dial(proxy.address).await;
    // Two that break off at the first one, and come to the second, which keeps its connection.
    client.send(GET).await;
    accept(&broken).await.read_head().await;
    let mut backend = accept(&well).await;
    for _ in 0..3 {
        backend.read_head().await;
        backend.send(OK).await;
        client.read_to("ok").await;
        client.send(GET).await;
        if state(&proxy) == State::Active {
            accept(&broken).await.read_head().await;
        }
    }
    backend.read_head().await;
    assert_eq!(state(&proxy), State::Down);
}

#[tokio::test]
async fn a_backend_that_never_answers_is_down_after_some_in_a_row() {
    let (listener, address) = web().await;
    let times = Times { answer: Duration::from_millis(50), ..Times::default() };
    let proxy = Running::start(with(2, times), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        assert_eq!(state(&proxy), State::Active);
        client.send(GET).await;
        silent.push(accept(&listener).await);
        assert!(client.read_to("time\n").await.starts_with("HTTP/1.1 504 "));
    }
    assert_eq!(state(&proxy), State::Down);
}

#[tokio::test]
async fn an_answer_in_between_begins_the_count_anew() {
    let (listener, address) = web().await;
    let proxy = Running::start(with(2, Times::default()), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    for _ in 0..3 {
        client.send(POST).await;
        accept(&listener).await.read_head().await;
        client.read_to("answer\n").await;
        client.send(POST).await;
        let mut backend = accept(&listener).await;
        backend.read_head().await;
        backend.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
        client.read_to("ok").await;
    }
    assert_eq!(state(&proxy), State::Active);
}
