//! What every server here answers whatever it is asked, and what a caller makes of no answer.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::post;
use lab::http::{Caller, finish, refuse};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn serve() -> SocketAddr {
    let page = || async { refuse(StatusCode::CONFLICT, "not now") };
    let router = finish(Router::new().route("/page", post(page)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    addr
}

#[tokio::test]
async fn every_refusal_is_json_with_a_reason() {
    let caller_addr = serve().await;
    let mut caller = Caller::new(caller_addr);
    let answer = caller.post("/page", &json!({})).await.unwrap();
    assert_eq!((answer.status, answer.field("error")), (409, "not now"));
    let answer = caller.get("/page").await.unwrap();
    assert_eq!(answer.status, 405);
    let raw = raw(caller_addr, "GET /page HTTP/1.1\r\nHost: localhost").await;
    assert!(raw.to_ascii_lowercase().contains("\r\nallow: post\r\n"), "{raw}");
    assert!(answer.field("error").contains("change with POST"));
    let put = caller.call(Method::PUT, "/other", "x".into(), "text/plain").await.unwrap();
    assert_eq!(put.status, 404);
    assert!(put.field("error").contains("no such page"));
}

/// The whole answer to a request with this head.
async fn raw(addr: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("{head}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn only_who_calls_it_by_a_name_of_this_machine_is_answered() {
    let addr = serve().await;
    for (host, status) in [
        ("127.0.0.1", "404"),
        ("localhost:80", "404"),
        ("shop.example", "403"),
        ("localhost\r\nHost: localhost", "400"),
        ("localhost\r\nContent-Encoding: gzip", "415"),
        ("localhost\r\nContent-Encoding: Identity", "404"),
    ] {
        let answer = raw(addr, &format!("GET / HTTP/1.1\r\nHost: {host}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{host}: {answer}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let addr = serve().await;
    for (method, origin, status) in [
        ("POST", "http://localhost:80", "404"),
        ("POST", "https://localhost:80", "404"),
        ("POST", "https://shop.example", "403"),
        ("POST", "localhost:80", "403"),
        ("POST", "http://shop.example", "403"),
        ("POST", "http://localhost:81", "403"),
        ("POST", "null", "403"),
        ("PUT", "http://shop.example", "403"),
        ("GET", "http://shop.example", "404"),
    ] {
        let head = format!("{method} / HTTP/1.1\r\nHost: localhost:80\r\nOrigin: {origin}");
        let answer = raw(addr, &head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{origin}: {answer}");
    }
    for (method, site, status) in [
        ("POST", "same-origin", "404"),
        ("POST", "none", "404"),
        ("POST", "same-site", "403"),
        ("POST", "cross-site", "403"),
        ("GET", "cross-site", "404"),
    ] {
        let head = format!("{method} / HTTP/1.1\r\nHost: localhost:80\r\nSec-Fetch-Site: {site}");
        let answer = raw(addr, &head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{site}: {answer}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_no_answer_and_the_next_one_is_found() {
    let gone = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = gone.local_addr().unwrap();
    drop(gone);
    let mut caller = Caller::new(addr);
    let none = caller.get("/page").await.unwrap_err();
    assert_eq!(none.server, addr);
    let Ok(listener) = TcpListener::bind(addr).await else { return };
    tokio::spawn(async { axum::serve(listener, finish(Router::new())).await });
    assert_eq!(caller.get("/").await.unwrap().status, 404);
}
