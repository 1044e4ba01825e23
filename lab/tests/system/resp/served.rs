//! A server, and clients that send halves, read nothing, or come in large numbers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use lab::resp::{Handler, Limits, MAX_BATCH, MAX_DEPTH, Reply, Request, RequestLimits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);
pub(super) const PATIENT: Limits = limits(LONG);
const HASTY: Limits = limits(SHORT);
const LARGE: usize = 64 << 20;

const fn limits(within: Duration) -> Limits {
    let request =
        RequestLimits { max_arguments: 8, max_argument: 64 << 10, max_request: 128 << 10 };
    Limits { connections: 8, request, whole_request: within, replies: within }
}

/// Answers `ECHO`, `LARGE`, `DEEP`, `NONE` (with no reply at all), and `WAIT` once a test allows it.
#[derive(Clone)]
pub(super) struct Echo {
    /// One permit for each batch with a `WAIT`.
    pub(super) gate: Arc<Semaphore>,
    /// The sizes of all batches.
    pub(super) batches: Arc<Mutex<Vec<usize>>>,
    /// A message at the beginning of each batch; closed once all handlers are dropped.
    began: mpsc::UnboundedSender<()>,
}

impl Handler for Echo {
    async fn handle(&mut self, requests: Vec<Request>) -> Vec<Reply> {
        self.batches.lock().unwrap().push(requests.len());
        let _ = self.began.send(());
        if requests.iter().any(|request| request[0] == "WAIT") {
            self.gate.acquire().await.unwrap().forget();
        }
        requests.iter().filter_map(|request| answer(request)).collect()
    }
}

fn answer(request: &[Bytes]) -> Option<Reply> {
    let deep = |depth| (0..depth).fold(Reply::Nil, |reply, _| Reply::Array(vec![reply]));
    match (&request[0][..], request.get(1)) {
        (b"ECHO", Some(value)) => Some(Reply::Bulk(value.clone())),
        (b"WAIT", None) => Some(Reply::Simple("OK".into())),
        (b"LARGE", None) => Some(Reply::Bulk(vec![b'x'; LARGE].into())),
        (b"DEEP", None) => Some(deep(MAX_DEPTH + 1)),
        (b"NONE", None) => None,
        _ => Some(Reply::error(&"unknown command")),
    }
}

pub(super) struct Server {
    pub(super) addr: SocketAddr,
    pub(super) echo: Echo,
    began: mpsc::UnboundedReceiver<()>,
    stop: tokio::sync::oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
}

pub(super) async fn start(limits: Limits) -> Server {
    let (began, receiver) = mpsc::unbounded_channel();
    let echo = Echo { gate: Arc::new(Semaphore::new(0)), batches: Arc::default(), began };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let handler = echo.clone();
    let stopped = async {
        if stopped.await.is_err() {
            // The test does not stop it.
            std::future::pending().await
        }
    };
    let serving = tokio::spawn(serve(listener, limits, move || handler.clone(), stopped));
    Server { addr, echo, began: receiver, stop, serving }
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

/// The same, and the end is in order: a reset could drop what was sent before.
async fn rest_in_order(mut stream: TcpStream) -> String {
    let mut all = String::new();
    let read = tokio::time::timeout(LONG / 2, stream.read_to_string(&mut all)).await;
    read.expect("it is closed").expect("and not reset");
    all
}

/// One reply to one request, on a connection that goes on.
async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"ECHO here\r\n").await.unwrap();
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"$4\r\nhere\r\n");
}

#[tokio::test]
async fn each_request_has_its_reply_in_order_however_many_come_at_once() {
    let server = start(PATIENT).await;
    let count = 3 * MAX_BATCH;
    let requests: String = (0..count).map(|n| format!("ECHO {n:04}\r\n")).collect();
    let replies: String = (0..count).map(|n| format!("$4\r\n{n:04}\r\n")).collect();
    let mut stream = connect_and_send(server.addr, &requests).await;
    let mut bytes = vec![0; replies.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), replies);
    let batches = server.echo.batches.lock().unwrap();
    assert_eq!(batches.iter().sum::<usize>(), count);
    assert!(batches.iter().all(|batch| (1..=MAX_BATCH).contains(batch)), "{batches:?}");
    assert!(batches.len() < count / 10, "what came together is answered together: {batches:?}");
}

#[tokio::test]
async fn whoever_sends_what_is_no_request_is_answered_once_and_closed() {
    let server = start(PATIENT).await;
    for (bytes, reply) in [
        ("*1\r\n:1\r\n", "Protocol error: expected '$', got ':'"),
        ("ECHO \"a\r\n", "Protocol error: unbalanced quotes"),
        ("*9\r\n", "Protocol error: too many arguments, 8 are the limit"),
        ("*1\r\n$65537\r\n", "Protocol error: an argument is too long, 65536 bytes are the limit"),
    ] {
        // What follows is ignored, and must not drop the reply.
        let follows = "ECHO a\r\n".repeat(100_000);
        let stream = connect_and_send(server.addr, &format!("ECHO a\r\n{bytes}{follows}")).await;
        let said = rest_in_order(stream).await;
        assert!(said.starts_with(&format!("$1\r\na\r\n-ERR {reply}")), "{said}");
        assert!(said.ends_with("\r\n") && said.lines().count() == 3, "{said}");
    }
}

#[tokio::test]
async fn a_half_request_is_closed_and_an_idle_connection_stays() {
    let server = start(HASTY).await;
    let mut idle = TcpStream::connect(server.addr).await.unwrap();
    ask(&mut idle).await;
    for half in ["E", "*1\r\n$100\r\nabc", "ECHO a\r\nECHO"] {
        let said = rest(&mut connect_and_send(server.addr, half).await).await;
        assert!(said.contains("-ERR Protocol error: the rest of a request did not come"), "{said}");
    }
    // A byte now and then is not a whole request either.
    let (mut reading, mut writing) = connect_and_send(server.addr, "ECHO ").await.into_split();
    let sending = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut first = [0; 4];
    reading.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"-ERR");
    drop(reading);
    sending.await.unwrap();
    // It was idle for longer than all of these.
    ask(&mut idle).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_replies_is_closed() {
    let Server { addr, echo, mut began, .. } = start(HASTY).await;
    let mut stream = connect_and_send(addr, "LARGE\r\n").await;
    began.recv().await.unwrap();
    // Another client is served meanwhile.
    let mut other = TcpStream::connect(addr).await.unwrap();
    ask(&mut other).await;
    let is_closed = async {
        // The server, the handler of the other client, and this test.
        while Arc::strong_count(&echo.gate) > 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG / 2, is_closed).await.expect("its handler is dropped");
    ask(&mut other).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    assert!(bytes.len() < LARGE, "the rest is never sent");
}

#[tokio::test]
async fn replies_that_are_longer_than_one_write_arrive_once_and_in_order() {
    let server = start(PATIENT).await;
    let mut stream = connect_and_send(server.addr, "ECHO a\r\nLARGE\r\nECHO b\r\n").await;
    stream.shutdown().await.unwrap();
    let said = rest_in_order(stream).await;
    let (before, after) = (format!("$1\r\na\r\n${LARGE}\r\n"), "\r\n$1\r\nb\r\n");
    assert!(said.starts_with(&before) && said.ends_with(after));
    assert_eq!(said.len(), before.len() + LARGE + after.len());
}

#[tokio::test]
async fn while_a_handler_works_nothing_more_is_read() {
    let mut server = start(PATIENT).await;
    let stream = connect_and_send(server.addr, "WAIT\r\n").await;
    server.began.recv().await.unwrap();
    let mut other = TcpStream::connect(server.addr).await.unwrap();
    let request =
        b"ECHO aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(1_000);
    let (mut sent, mut stalled) = (0, 0);
    while stalled < 3 && sent < LARGE {
        match stream.try_write(&request[sent % request.len()..]) {
            Ok(n) => (sent, stalled) = (sent + n, 0),
            Err(_) => stalled += 1,
        }
        // If the server read on, it would have done so by the time it has answered this.
        for _ in 0..10 {
            ask(&mut other).await;
        }
    }
    assert!(sent < LARGE, "only the buffers of the operating system are full");
}

#[tokio::test]
async fn a_handler_that_forgets_a_reply_ends_its_connection_and_no_other() {
    let server = start(PATIENT).await;
    let mut other = TcpStream::connect(server.addr).await.unwrap();
    let said = rest(&mut connect_and_send(server.addr, "ECHO a\r\nNONE\r\n").await).await;
    assert_eq!(said, "");
    ask(&mut other).await;
}

#[tokio::test]
async fn a_reply_that_is_nested_too_deep_is_an_error_in_its_place() {
    let server = start(PATIENT).await;
    let mut stream = connect_and_send(server.addr, "ECHO a\r\nDEEP\r\nECHO b\r\n").await;
    stream.shutdown().await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("$1\r\na\r\n-ERR a reply is nested") && said.ends_with("$1\r\nb\r\n"));
}

#[tokio::test]
async fn idle_connections_make_room_for_those_that_ask() {
    let server = start(PATIENT).await;
    let mut kept = TcpStream::connect(server.addr).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..10 {
        for _ in 0..PATIENT.connections / 2 {
            silent.push(connect_and_send(server.addr, "ECH").await);
        }
        // It has asked later than the silent ones came.
        ask(&mut kept).await;
        ask(&mut TcpStream::connect(server.addr).await.unwrap()).await;
    }
    assert_eq!(rest(&mut silent[0]).await, "", "the first makes room first");
}

#[tokio::test]
async fn of_those_that_were_answered_the_one_idle_for_longest_makes_room() {
    let server = start(PATIENT).await;
    let mut streams = Vec::new();
    for _ in 0..PATIENT.connections {
        streams.push(TcpStream::connect(server.addr).await.unwrap());
        ask(streams.last_mut().unwrap()).await;
    }
    ask(&mut streams[0]).await;
    ask(&mut TcpStream::connect(server.addr).await.unwrap()).await;
    assert_eq!(rest_in_order(streams.remove(1)).await, "");
    for stream in &mut streams {
        ask(stream).await;
    }
}

#[tokio::test]
async fn when_all_places_have_a_request_a_new_client_is_told_to_come_back() {
    let server = start(PATIENT).await;
    let mut asking = Vec::new();
    for _ in 0..PATIENT.connections {
        asking.push(connect_and_send(server.addr, "WAIT\r\n").await);
    }
    let said = rest(&mut TcpStream::connect(server.addr).await.unwrap()).await;
    assert_eq!(said, "-ERR max number of clients reached; connect again in a moment\r\n");
    server.echo.gate.add_permits(PATIENT.connections);
    for mut asked in asking {
        asked.shutdown().await.unwrap();
        assert_eq!(rest(&mut asked).await, "+OK\r\n");
    }
    ask(&mut TcpStream::connect(server.addr).await.unwrap()).await;
}

#[tokio::test]
async fn at_the_end_what_is_asked_is_answered_and_nothing_new_is_taken() {
    let Server { addr, echo, mut began, stop, serving } = start(PATIENT).await;
    let mut idle = TcpStream::connect(addr).await.unwrap();
    let mut asking = connect_and_send(addr, "WAIT\r\n").await;
    began.recv().await.unwrap();
    // It came too late, is ignored, and must not drop the reply.
    asking.write_all(b"ECHO a\r\n").await.unwrap();
    stop.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(addr).await.is_err());
    echo.gate.add_permits(1);
    assert_eq!(rest_in_order(asking).await, "+OK\r\n");
    serving.await.unwrap();
    assert_eq!(*echo.batches.lock().unwrap(), [1]);
}
