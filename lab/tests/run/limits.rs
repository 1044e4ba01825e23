//! The longest message and the longest record, and what happens to longer ones.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use lab::run::{Client, Config, Context, Data, Driver, Fatal};
use lab::{Cx, Input, MAX_MESSAGE, MAX_RECORD, Node, NodeId, Protocol};
use serde::{Deserialize, Serialize};

use crate::cluster::run;

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

/// Sends and keeps as much as it is told to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Big {
    kept: usize,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
enum Msg {
    /// A client asks for so many bytes to be sent, and the other node to answer.
    Send(usize),
    /// So many bytes for this client.
    Blob(NodeId, Bytes),
    /// A client asks for so many bytes to be kept.
    Keep(usize),
    /// So many bytes came, or are kept.
    Len(usize),
}

/// Shown by its length: a mebibyte is too long to read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Display for Msg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The vocabulary of such nodes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Blobs;

impl Protocol for Blobs {
    type Msg = Msg;
    type Timer = u8;
    type Record = Bytes;
    type Note = u8;
    type Summary = usize;
}

impl Node for Big {
    type Protocol = Blobs;

    fn step(&mut self, input: Input<Blobs>, cx: &mut Cx<'_, Blobs>) {
        match input {
            Input::Replay(bytes) => self.kept = bytes.0.len(),
            Input::Message { from, msg: Msg::Send(len) } => {
                cx.send(TWO, Msg::Blob(from, Bytes(vec![7; len])));
            }
            Input::Message { msg: Msg::Blob(client, bytes), .. } => {
                cx.send(client, Msg::Len(bytes.0.len()));
            }
            Input::Message { from, msg: Msg::Keep(len) } => {
                if len > 0 {
                    self.kept = len;
                    cx.persist(Bytes(vec![7; len]));
                }
                cx.send(from, Msg::Len(self.kept));
            }
            Input::Message { msg: Msg::Len(_), .. } => unreachable!("only clients receive this"),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> usize {
        self.kept
    }
}

async fn ask(client: &mut Client<Blobs>, msg: Msg) -> Option<Msg> {
    let context = Context::new(&[9; 64]).unwrap();
    client.send_with(msg, context).await.unwrap();
    client.recv().await
}

fn start(me: NodeId, dir: &std::path::Path) -> Driver<Blobs> {
    let mut config = Config::new(7, me, Data::Dir(dir.join(me.to_string())));
    config.exit_on_fatal = false;
    Driver::start(config, Big { kept: 0 }, ()).unwrap()
}

fn encoded(msg: &Msg) -> usize {
    postcard::to_allocvec(msg).unwrap().len()
}

#[test]
fn the_longest_message_arrives_and_a_longer_one_ends_the_node_that_sends_it() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (one, two) = (start(ONE, dir.path()), start(TWO, dir.path()));
        let book = BTreeMap::from([(ONE, one.addr()), (TWO, two.addr())]);
        one.set_peers(book.clone());
        two.set_peers(book);
        one.linked_to(&[TWO]).await;
        two.linked_to(&[ONE]).await;
        let mut client = one.clients().connect().unwrap();
        let around = encoded(&Msg::Blob(client.id(), Bytes(vec![7; 1 << 19]))) - (1 << 19);
        let longest = MAX_MESSAGE - around;
        assert_eq!(ask(&mut client, Msg::Send(longest)).await, Some(Msg::Len(longest)));
        assert_eq!(ask(&mut client, Msg::Send(longest + 1)).await, None);
        assert!(matches!(one.join(), Err(Fatal::Panicked)));
    });
}

#[test]
fn the_longest_record_is_kept_and_a_longer_one_ends_the_node() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        // So long a sequence has three bytes for its length.
        let longest = MAX_RECORD - 3;
        let one = start(ONE, dir.path());
        let mut client = one.clients().connect().unwrap();
        assert_eq!(ask(&mut client, Msg::Keep(longest)).await, Some(Msg::Len(longest)));
        assert_eq!(ask(&mut client, Msg::Keep(longest + 1)).await, None);
        assert!(matches!(one.join(), Err(Fatal::Panicked)));
        let one = start(ONE, dir.path());
        let mut client = one.clients().connect().unwrap();
        assert_eq!(ask(&mut client, Msg::Keep(0)).await, Some(Msg::Len(longest)));
    });
}
