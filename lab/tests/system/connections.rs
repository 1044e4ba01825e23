//! Clients that send nothing, or not enough, or slowly: they are closed, and keep no other client out.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use lab::http::{Caller, Limits, finish, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);
const PATIENT: Limits = Limits { connections: 8, head: LONG, body: LONG };
const HASTY: Limits = Limits { connections: 8, head: SHORT, body: SHORT };

/// Holds requests for `/slow` until a test lets them go.
static GATE: Semaphore = Semaphore::const_new(0);

async fn start(limits: Limits) -> SocketAddr {
    let slow = || async { GATE.acquire().await.map(drop).map_or("closed", |()| "done") };
    let pages = Router::new()
        .route("/page", get(|| async { "here" }))
        .route("/slow", get(slow))
        .route("/order", post(|body: Bytes| async move { format!("{} bytes", body.len()) }));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, finish(pages), limits, std::future::pending()));
    addr
}

async fn connect_and_send(addr: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// What the server sends until it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = async {
        let mut bytes = [0; 1024];
        while let Ok(n @ 1..) = stream.read(&mut bytes).await {
            all.extend_from_slice(&bytes[..n]);
        }
    };
    tokio::time::timeout(LONG / 2, read).await.expect("it is closed");
    String::from_utf8(all).unwrap()
}

/// One answer to one request, on a connection that goes on.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("here") {
        let mut bytes = [0; 1024];
        let n = stream.read(&mut bytes).await.unwrap();
        assert!(n > 0, "closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&bytes[..n]).unwrap());
    }
    answer
}

const ORDER: &str = "POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n";

#[tokio::test]
async fn whoever_sends_no_whole_head_in_time_is_closed() {
    let addr = start(HASTY).await;
    for half in ["", "G", "GET /page HTTP/1.1\r\nHost: loc"] {
        let mut stream = connect_and_send(addr, half).await;
        let said = rest(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{half:?}: {said}");
    }
    // A byte now and then is not a head either.
    let mut trickle = TcpStream::connect(addr).await.unwrap();
    let head = "GET /page HTTP/1.1\r\nHost: localhost\r\nX: ".to_owned() + &"x".repeat(100_000);
    let mut sent = 0;
    for byte in head.bytes() {
        if trickle.write_all(&[byte]).await.is_err() {
            break;
        }
        sent += 1;
        tokio::time::sleep(SHORT / 10).await;
    }
    assert!(sent < head.len(), "it is closed meanwhile");
}

#[tokio::test]
async fn whoever_asks_nothing_more_is_closed_after_the_answer() {
    let mut stream = TcpStream::connect(start(HASTY).await).await.unwrap();
    assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_body_that_stops_or_trickles_is_answered_408_and_closed() {
    let addr = start(HASTY).await;
    for half in ["", "half of it"] {
        let mut stream = connect_and_send(addr, &format!("{ORDER}{half}")).await;
        let said = rest(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("did not arrive"), "{said}");
    }
    let trickle = connect_and_send(addr, ORDER).await;
    let (mut reading, mut writing) = trickle.into_split();
    let sending = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut first = [0; 12];
    reading.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 408");
    drop(reading);
    sending.await.unwrap();
    let whole = connect_and_send(addr, &format!("{ORDER}{}", "x".repeat(1000))).await;
    let mut whole = whole;
    assert!(rest(&mut whole).await.ends_with("1000 bytes"), "and a whole one is taken");
}

#[tokio::test]
async fn silent_connections_make_room_for_those_that_ask() {
    let addr = start(PATIENT).await;
    let mut kept = TcpStream::connect(addr).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..10 {
        for _ in 0..PATIENT.connections / 2 {
            silent.push(connect_and_send(addr, "GET /pa").await);
        }
        // It has asked later than the silent ones came.
        assert!(ask(&mut kept).await.starts_with("HTTP/1.1 200"));
        let mut new = TcpStream::connect(addr).await.unwrap();
        assert!(ask(&mut new).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(rest(&mut silent[0]).await, "", "the first makes room first");
}

#[tokio::test]
async fn when_all_places_have_a_request_a_new_client_is_told_to_come_back() {
    let addr = start(PATIENT).await;
    let mut asking = Vec::new();
    for _ in 0..PATIENT.connections {
        let request = "GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        asking.push(connect_and_send(addr, request).await);
    }
    let mut new = TcpStream::connect(addr).await.unwrap();
    let said = rest(&mut new).await;
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("ask again in a moment"), "{said}");
    GATE.add_permits(PATIENT.connections);
    for mut asked in asking {
        assert!(rest(&mut asked).await.ends_with("done"));
    }
    let mut caller = Caller::new(addr);
    assert_eq!(caller.get("/page").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_caller_whose_connection_was_closed_meanwhile_asks_on_a_new_one() {
    let addr = start(Limits { connections: 1, ..PATIENT }).await;
    let (mut one, mut other) = (Caller::new(addr), Caller::new(addr));
    for _ in 0..3 {
        // Each time the idle connection of the other one makes room.
        assert_eq!(one.get("/page").await.unwrap().status, 200);
        assert_eq!(other.get("/page").await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn at_the_end_what_is_asked_is_answered_and_nothing_new_is_taken() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let (asked, mut heard) = tokio::sync::mpsc::channel(1);
    let gone = std::sync::Arc::new(tokio::sync::Mutex::new(Some(gone)));
    let page = move || {
        let (asked, gone) = (asked.clone(), gone.clone());
        async move {
            asked.send(()).await.unwrap();
            let gone = gone.lock().await.take();
            gone.expect("asked once").await.unwrap();
            "done"
        }
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap() };
    let pages = Router::new().route("/", get(page));
    let serving = tokio::spawn(serve(listener, pages, PATIENT, stopped));
    let mut idle = TcpStream::connect(addr).await.unwrap();
    let mut asking = connect_and_send(addr, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    heard.recv().await.unwrap();
    stop.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    // The listener is gone. Another test may have got the same port meanwhile, for a moment.
    while TcpStream::connect(addr).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    go.send(()).unwrap();
    assert!(rest(&mut asking).await.ends_with("done"));
    serving.await.unwrap();
}
