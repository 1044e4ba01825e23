//! Who gets in, and who is kept out.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::incoming::{Door, MAX_NAMELESS};
use super::*;
use crate::run::context::Context;
use crate::run::frame::{Head, MAX_HELLO, encode, hello};
use crate::run::inbox::Ended;

const CLUSTER: u64 = 7;
const ME: NodeId = NodeId(1);
const PEER: NodeId = NodeId(2);
const LONG: Duration = Duration::from_secs(60);

/// Keeps what it receives: from which node, and what.
#[derive(Clone)]
struct Listener(mpsc::UnboundedSender<(NodeId, u64)>);

impl FrameHandler for Listener {
    type Msg = u64;

    async fn handle(&self, received: Incoming<u64>) -> Result<(), Ended> {
        self.0.send((received.origin.from, received.msg)).map_err(|_| Ended)
    }
}

struct Opened {
    addr: SocketAddr,
    received: mpsc::UnboundedReceiver<(NodeId, u64)>,
}

async fn open(hello_within: Duration) -> Opened {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (handler, received) = mpsc::unbounded_channel();
    let counters = Arc::default();
    let door =
        Door { cluster: CLUSTER, me: ME, hello_within, handler: Listener(handler), counters };
    tokio::spawn(door.listen(listener));
    Opened { addr, received }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LONG / 2, test).await.expect("in time") });
}

fn frame(from: NodeId, number: u64) -> Vec<u8> {
    let context = Context::default();
    let head = Head { cluster: CLUSTER, from, to: ME, start: 1, sequence: 1, cause: 0, context };
    let mut bytes = Vec::new();
    encode(&head, &number, &mut bytes).unwrap();
    bytes
}

async fn connect_and_send(addr: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]).await, Ok(0) | Err(_))
}

#[test]
fn silent_connections_never_keep_a_peer_out() {
    run(async {
        let mut opened = open(LONG).await;
        let mut silent = Vec::new();
        for _ in 0..2 * MAX_NAMELESS {
            silent.push(TcpStream::connect(opened.addr).await.unwrap());
        }
        let bytes = [hello(CLUSTER, PEER, ME), frame(PEER, 5)].concat();
        let _peer = connect_and_send(opened.addr, &bytes).await;
        assert_eq!(opened.received.recv().await, Some((PEER, 5)));
        assert!(is_closed(&mut silent[0]).await, "the oldest makes room");
    });
}

#[test]
fn a_peer_in_a_burst_of_silent_connections_gets_in() {
    run(async {
        let mut opened = open(LONG).await;
        // No connection is accepted before this task waits: the peer is the first of many in the
        // queue.
        let std_stream = |bytes: &[u8]| {
            use std::io::Write;
            let mut stream = std::net::TcpStream::connect(opened.addr).unwrap();
            stream.write_all(bytes).unwrap();
            stream
        };
        let _peer = std_stream(&[hello(CLUSTER, PEER, ME), frame(PEER, 5)].concat());
        let _silent: Vec<_> = (0..2 * MAX_NAMELESS).map(|_| std_stream(&[])).collect();
        assert_eq!(opened.received.recv().await, Some((PEER, 5)));
    });
}

#[test]
fn a_connection_that_sends_no_hello_in_time_is_closed() {
    run(async {
        let opened = open(Duration::from_millis(1)).await;
        assert!(is_closed(&mut TcpStream::connect(opened.addr).await.unwrap()).await);
        let mut half = connect_and_send(opened.addr, &hello(CLUSTER, PEER, ME)[..9]).await;
        assert!(is_closed(&mut half).await);
    });
}

#[test]
fn a_newer_connection_of_a_sender_takes_the_place_of_the_older() {
    run(async {
        let mut opened = open(LONG).await;
        let mut older = connect_and_send(opened.addr, &hello(CLUSTER, PEER, ME)).await;
        older.write_all(&frame(PEER, 1)).await.unwrap();
        assert_eq!(opened.received.recv().await, Some((PEER, 1)));
        let mut newer = connect_and_send(opened.addr, &hello(CLUSTER, PEER, ME)).await;
        assert!(is_closed(&mut older).await);
        newer.write_all(&frame(PEER, 2)).await.unwrap();
        assert_eq!(opened.received.recv().await, Some((PEER, 2)));
    });
}

#[test]
fn who_is_wrong_here_is_closed_and_not_read() {
    let named = |from| [hello(CLUSTER, PEER, ME), frame(from, 5)].concat();
    let wrong = [
        hello(CLUSTER + 1, PEER, ME),
        hello(CLUSTER, PEER, NodeId(3)),
        hello(CLUSTER, ME, ME),
        hello(CLUSTER, NodeId(u64::MAX), ME),
        frame(PEER, 5),
        vec![0x20; MAX_HELLO],
        // A length that is allowed, and then nothing that ends.
        [&[0, 1, 0, 0], [0; MAX_HELLO].as_slice()].concat(),
        named(NodeId(3)),
    ];
    run(async {
        let mut opened = open(LONG).await;
        for bytes in wrong {
            assert!(is_closed(&mut connect_and_send(opened.addr, &bytes).await).await, "{bytes:?}");
        }
        assert!(opened.received.try_recv().is_err());
    });
}

#[test]
fn the_end_of_the_listening_side_closes_its_connections() {
    run(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (handler, mut received) = mpsc::unbounded_channel();
        let task = tokio::spawn(listen(listener, CLUSTER, ME, Listener(handler), Arc::default()));
        let bytes = [hello(CLUSTER, PEER, ME), frame(PEER, 5)].concat();
        let mut peer = connect_and_send(addr, &bytes).await;
        assert_eq!(received.recv().await, Some((PEER, 5)));
        task.abort();
        assert!(is_closed(&mut peer).await);
    });
}
