//! Backends that come, go and drain, and who sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use ch01_sticky_sessions::system::proxy::{
    Backend, Backends, Config, Health, State, check_for_ever, router,
};
use lab::http::{Caller, Limits};
use serde_json::json;

use crate::kit::{Running, Wire, accept, nowhere, until, web};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LONG: Duration = Duration::from_secs(3600);

fn one(address: std::net::SocketAddr, health: &Health) -> (Arc<Backends>, Arc<Backend>) {
    let backends = Backends::new(vec![("web-1".into(), address)], health).expect("one name");
    let backend = Arc::clone(&backends.now().backends()[0]);
    (Arc::new(backends), backend)
}

#[tokio::test]
async fn a_drain_waits_for_sessions_and_then_for_requests() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let backend = Arc::clone(&proxy.proxy.backends().now().backends()[0]);
    let mut client = Wire::dial(proxy.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut web = accept(&listener).await;
    web.read_head().await;

    backend.report_sessions(2);
    backend.drain(LONG);
    assert_eq!(backend.state(), State::Draining);
    backend.report_sessions(1);
    assert_eq!((backend.state(), backend.sessions()), (State::Draining, Some(1)));
    backend.report_sessions(0);
    assert_eq!(backend.state(), State::HandingOff);
    web.send(OK).await;
    client.read_to("ok").await;
    until(|| backend.state() == State::Gone).await;

    backend.activate();
    assert_eq!((backend.state(), backend.sessions()), (State::Active, None));
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let (_, backend) = one(nowhere().1, &Health::default());
    backend.report_sessions(9);
    backend.drain(Duration::ZERO);
    assert_eq!(backend.state(), State::Gone);
}

#[tokio::test]
async fn checks_take_a_backend_out_and_bring_it_back_slowly() {
    let (listener, address) = web().await;
    let interval = Duration::from_millis(10);
    let health = Health { interval, slow_start: LONG, ..Health::default() };
    let (backends, backend) = one(address, &health);
    let config = Config { health, ..Config::default() };
    let checking = tokio::spawn(check_for_ever(Arc::clone(&backends), config));
    assert_eq!((backend.state(), backends.now().weight(0)), (State::Active, 100));
    assert!(!backend.was_well(), "it was not asked yet");
    let is_well = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&is_well);
    let answering = tokio::spawn(async move {
        loop {
            let mut web = accept(&listener).await;
            let head = web.read_head().await;
            assert!(head.starts_with("GET /health HTTP/1.1\r\n"), "{head}");
            let status = if now.load(Relaxed) { "204 No Content" } else { "503 Busy" };
            web.send(format!("HTTP/1.1 {status}\r\nX-Sessions-Left: 7\r\n\r\n")).await;
        }
    });
    until(|| backend.state() == State::Down).await;
    assert_eq!(backend.sessions(), None);
    assert!(!backend.was_well(), "no answer was a good one");
    is_well.store(true, Relaxed);
    until(|| backend.state() == State::Active && backend.sessions() == Some(7)).await;
    assert!(backend.was_well());
    assert_eq!(backends.now().weight(0), 10);
    checking.abort();
    answering.abort();
}

#[tokio::test]
async fn another_list_keeps_what_stays() {
    let (first, second) = (nowhere().1, nowhere().1);
    let (backends, stays) = one(first, &Health::default());
    let list = vec![("web-2".into(), second), ("web-1".into(), first)];
    backends.replace(list).expect("names differ");
    assert!(Arc::ptr_eq(&backends.now().backends()[1], &stays));
    let twice = vec![("web-1".into(), first), ("web-1".into(), second)];
    assert!(backends.replace(twice).is_err() && backends.now().backends().len() == 2);
    backends.replace(vec![("web-1".into(), second)]).expect("one name");
    assert!(!Arc::ptr_eq(&backends.now().backends()[0], &stays));
}

#[tokio::test]
async fn an_operator_sees_and_drains_and_replaces() {
    let (listener, address) = web().await;
    let proxy = Running::start(Config::default(), &[address]).await;
    let (admin, at) = web().await;
    let second = Duration::from_secs(1);
    let limits = Limits { connections: 4, head: second, body: second };
    let pages = router(Arc::clone(&proxy.proxy));
    let serving = tokio::spawn(lab::http::serve(admin, pages, limits, std::future::pending()));
    let mut operator = Caller::new(at);

    let mut client = Wire::dial(proxy.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut web = accept(&listener).await;
    web.read_head().await;
    let drained = operator.post("/backends/web-1/drain", &json!({})).await.expect("it answers");
    assert_eq!((drained.field("state"), drained.body["in_flight"].as_u64()), ("draining", Some(1)));
    web.send(OK).await;
    client.read_to("ok").await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.read_to("moment\n").await.starts_with("HTTP/1.1 503 "));

    let active = operator.post("/backends/web-1/activate", &json!({})).await.expect("it answers");
    assert_eq!(active.field("state"), "active");
    let none = operator.post("/backends/web-9/drain", &json!({})).await.expect("it answers");
    assert_eq!(none.status, 404);

    let list = json!([{ "name": "web-1", "address": address }, { "name": "web-2", "address": at }]);
    let put = axum::http::Method::PUT;
    let json = "application/json";
    let replaced = operator.call(put.clone(), "/backends", list.to_string().into(), json).await;
    assert_eq!(replaced.expect("it answers").body["backends"].as_array().map(Vec::len), Some(2));
    let bad = operator.call(put.clone(), "/backends", "[{\"name\":1}]".into(), json).await;
    assert_eq!(bad.expect("it answers").status, 400);

    for name in ["web-1\\nWARN forged", "web 1", "", &"w".repeat(65)] {
        let list = format!("[{{\"name\":\"{name}\",\"address\":\"{address}\"}}]");
        let bad = operator.call(put.clone(), "/backends", list.into(), json).await;
        let bad = bad.expect("it answers");
        assert!(bad.status == 400 && bad.field("error").contains("is no name"), "{bad:?}");
    }

    let mut reader = Wire::dial(at).await;
    reader.send("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await;
    let text = reader.read_all().await;
    for line in [
        "lb_answers_total{class=\"2xx\"} 1\n",
        "lb_answers_total{class=\"5xx\"} 1\n",
        "lb_backend_requests_total{backend=\"web-1\"} 1\n",
        "lb_backend_in_flight{backend=\"web-1\"} 0\n",
        "lb_backend_state{backend=\"web-2\",state=\"active\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    serving.abort();
}

#[tokio::test]
async fn a_lame_duck_still_accepts_and_sends_clients_away() {
    let (listener, address) = web().await;
    let mut proxy = Running::start(Config::default(), &[address]).await;
    proxy.proxy.lame_duck();
    let mut client = Wire::dial(proxy.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut web = accept(&listener).await;
    web.read_head().await;
    web.send(OK).await;
    let answer = client.read_all().await;
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("ok"), "{answer}");
    proxy.stop();
    proxy.ended().await;
}
