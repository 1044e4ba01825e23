//! What has come is handled before a timer that would report it missing.

use std::fmt::{self, Display};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use lab::run::disk::MemDisk;
use lab::run::frame::{Head, encode};
use lab::run::{Config, Context, Data, Driver, Observer};
use lab::{Cx, Input, Node, NodeId, Protocol};
use serde::{Deserialize, Serialize};

use crate::cluster::run;

const ME: NodeId = NodeId(1);
const PEER: NodeId = NodeId(2);

/// Sets a timer that is due at once when it is told to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Alarm;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
enum Msg {
    /// The observer holds the node until it is told to go on.
    Hold,
    Arm,
    Other,
    FromPeer,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
struct Due;

impl Display for Msg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The vocabulary of such a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Alarms;

impl Protocol for Alarms {
    type Msg = Msg;
    type Timer = Due;
    type Record = u8;
    type Note = u8;
    type Summary = u8;
}

impl Node for Alarm {
    type Protocol = Alarms;

    fn step(&mut self, input: Input<Alarms>, cx: &mut Cx<'_, Alarms>) {
        if let Input::Message { msg: Msg::Arm, .. } = input {
            cx.set_timer(Due, Duration::ZERO..Duration::ZERO);
        }
    }

    fn summary(&self) -> u8 {
        0
    }
}

/// Tells what the node is about to receive, `None` for its timer, and holds it where it should.
struct Gate {
    received: mpsc::Sender<Option<Msg>>,
    go_on: mpsc::Receiver<()>,
}

impl Observer<Alarms> for Gate {
    fn input(&mut self, input: &Input<Alarms>, context: Context) -> Context {
        let received = match input {
            Input::Message { msg, .. } => Some(*msg),
            Input::Timeout(Due) => None,
            Input::Replay(_) | Input::Boot { .. } | Input::Disconnected(_) => return context,
        };
        self.received.send(received).unwrap();
        if received == Some(Msg::Hold) {
            self.go_on.recv().unwrap();
        }
        context
    }
}

fn frame<T: Serialize>(payload: &T) -> Vec<u8> {
    let (start, sequence, cause, context) = (1, 1, 0, Context::default());
    let head = Head { cluster: 7, from: PEER, to: ME, start, sequence, cause, context };
    let mut bytes = Vec::new();
    encode(&head, payload, &mut bytes).unwrap();
    bytes
}

/// One round trip: whatever was sent before on this machine has arrived.
fn settle() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut there = listener.accept().unwrap().0;
    for _ in 0..2 {
        here.write_all(b"?").unwrap();
        there.read_exact(&mut [0]).unwrap();
        there.write_all(b"!").unwrap();
        here.read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn a_peer_that_sent_in_time_is_handled_before_the_timer() {
    let (received, inputs) = mpsc::channel();
    let (tell, go_on) = mpsc::channel();
    let config = Config::new(7, ME, Data::Disk(Box::new(MemDisk::new())));
    let driver = Driver::start(config, Alarm, Gate { received, go_on }).unwrap();
    let mut peer = TcpStream::connect(driver.addr()).unwrap();
    peer.write_all(&frame(&())).unwrap();
    let next = || inputs.recv_timeout(Duration::from_secs(30)).unwrap();
    run(async {
        let client = driver.clients().connect().unwrap();
        for _ in 0..20 {
            peer.write_all(&frame(&Msg::FromPeer)).unwrap();
            assert_eq!(next(), Some(Msg::FromPeer), "its reader waits for more");
            client.send(Msg::Hold).await.unwrap();
            assert_eq!(next(), Some(Msg::Hold));
            // Both are waiting when the node goes on: one turn takes them, and holds again.
            client.send(Msg::Arm).await.unwrap();
            client.send(Msg::Hold).await.unwrap();
            tell.send(()).unwrap();
            assert_eq!((next(), next()), (Some(Msg::Arm), Some(Msg::Hold)));
            // The timer is due. The peer sends, and so does a client, whose message arrives at
            // once.
            peer.write_all(&frame(&Msg::FromPeer)).unwrap();
            settle();
            client.send(Msg::Other).await.unwrap();
            tell.send(()).unwrap();
            let order = [next(), next(), next()];
            assert_eq!(order[2], None, "the timer comes last: {order:?}");
        }
    });
}
