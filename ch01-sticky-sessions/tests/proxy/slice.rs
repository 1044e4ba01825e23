//! Requests through the proxy, and what happens when a backend does not do its part.

use std::time::Duration;

use ch01_sticky_sessions::system::proxy::{Config, Times};

use crate::kit::{Running, Wire, accept, nowhere, until, web};

const GET: &str = "GET /cart HTTP/1.1\r\nHost: shop\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn both_connections_are_used_again() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send(GET).await;
    let mut backend = accept(&listener).await;
    for _ in 0..3 {
        assert!(backend.read_head().await.starts_with("GET /cart HTTP/1.1\r\n"));
        backend.send(OK).await;
        assert!(client.read_head().await.starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(client.read_to("ok").await, "ok");
        client.send(GET).await;
    }
    backend.read_head().await;
}

#[tokio::test]
async fn bodies_flow_while_they_are_written() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        .await;
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    assert_eq!(backend.read_to("one\r\n").await, "3\r\none\r\n");
    // An answer may begin before its request has ended.
    backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nuno\r\n").await;
    client.read_head().await;
    assert_eq!(client.read_to("uno\r\n").await, "3\r\nuno\r\n");
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    assert_eq!(backend.read_to("0\r\n\r\n").await, "3\r\ntwo\r\n0\r\n\r\n");
    backend.send("3\r\ndos\r\n0\r\n\r\n").await;
    assert_eq!(client.read_to("0\r\n\r\n").await, "3\r\ndos\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_request_goes_elsewhere_when_nothing_of_it_was_sent() {
    let (listener, address) = web().await;
    let (_kept, nowhere) = nowhere();
    let proxy = Running::start(Config::default(), &[nowhere, address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
    let mut backend = accept(&listener).await;
    backend.read_to("abc").await;
    backend.send(OK).await;
    client.read_to("ok").await;
}

#[tokio::test]
async fn only_what_may_be_repeated_is_sent_twice() {
    let (first, one) = web().await;
    let (second, two) = web().await;
    let proxy = Running::start(Config::default(), &[one, two]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send(GET).await;
    accept(&first).await.read_head().await;
    let mut backend = accept(&second).await;
    backend.read_head().await;
    backend.send(OK).await;
    client.read_to("ok").await;
    drop((backend, second));

    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
    accept(&first).await.read_head().await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test]
async fn no_backend_that_may_take_it_is_503_and_none_that_answers_502() {
    let (_kept, nowhere) = nowhere();
    let proxy = Running::start(Config::default(), &[nowhere]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send(GET).await;
    assert!(client.read_to("answer\n").await.starts_with("HTTP/1.1 502 "));
    // Three failed connections in a row, and it is down.
    for _ in 0..2 {
        client.send(GET).await;
        client.read_to("answer\n").await;
    }
    client.send(GET).await;
    let answer = client.read_to("moment\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: 1\r\n"));
}

#[tokio::test]
async fn a_backend_that_does_not_answer_in_time_is_504() {
    let (listener, address) = web().await;
    let times = Times { answer: Duration::from_millis(50), ..Times::default() };
    let config = Config { times, ..Config::default() };
    let proxy = Running::start(config, &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    assert!(client.read_to("time\n").await.starts_with("HTTP/1.1 504 "));
    // It is told that nobody waits.
    assert_eq!(backend.read_all().await, "");
}

#[tokio::test]
async fn a_connection_that_the_backend_closed_is_replaced_unnoticed() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send(GET).await;
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    backend.send(OK).await;
    client.read_to("ok").await;
    drop(backend);
    client.send(GET).await;
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    backend.send(OK).await;
    client.read_to("ok").await;
}

#[tokio::test]
async fn open_requests_end_before_the_proxy_does() {
    let (listener, address) = web().await;
    let mut proxy = Running::start(Config::default(), &[address]).await;
    let mut idle = Wire::dial(proxy.address).await;
    let mut client = Wire::dial(proxy.address).await;
    client.send(GET).await;
    let mut backend = accept(&listener).await;
    backend.read_head().await;
    assert_eq!(proxy.proxy.backends().now().backends()[0].in_flight(), 1);
    proxy.stop();
    assert_eq!(idle.read_all().await, "");
    backend.send(OK).await;
    let answer = client.read_all().await;
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("ok"), "{answer}");
    proxy.ended().await;
    until(|| proxy.proxy.backends().now().backends()[0].in_flight() == 0).await;
}
