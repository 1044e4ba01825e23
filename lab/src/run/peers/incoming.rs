//! The listening side. Every connection begins with a hello. Until it has come, a connection has no
//! known sender: such connections share a few places, have a few seconds, and one too many of them
//! closes the oldest. Afterwards it belongs to its sender, and each sender has one place of its
//! own, which a newer connection takes over. So however many unknown connections there are, and
//! whatever a peer left behind when it died, a peer always gets in.
//!
//! # Left out
//!
//! Proof that a sender is who it says it is: see [`crate::run::frame`].

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::dial::LONGEST_PAUSE;
use crate::run::clients::MAX_SERVER;
use crate::run::context::Context;
use crate::run::counters::Counters;
use crate::run::frame::{Decoder, FrameError, MAX_HELLO};
use crate::run::inbox::{Arrival, Ended, Inbox, Origin};
use crate::{NodeId, Protocol};

/// How many connections may have no known sender.
pub(super) const MAX_NAMELESS: usize = 32;
/// How long a connection may have no known sender. A peer sends its hello with its first bytes.
const HELLO_WITHIN: Duration = Duration::from_secs(3);

/// A message as it came out of a frame.
pub(in crate::run) struct Incoming<M> {
    pub(in crate::run) origin: Origin,
    pub(in crate::run) to: NodeId,
    pub(in crate::run) context: Context,
    pub(in crate::run) msg: M,
}

/// Takes what comes in. While it waits, the connection is not read.
pub(in crate::run) trait FrameHandler: Clone + Send + Sync + 'static {
    type Msg: DeserializeOwned + Send;

    fn handle(
        &self,
        incoming: Incoming<Self::Msg>,
    ) -> impl Future<Output = Result<(), Ended>> + Send;
}

impl<P: Protocol> FrameHandler for Inbox<P> {
    type Msg = P::Msg;

    async fn handle(&self, incoming: Incoming<P::Msg>) -> Result<(), Ended> {
        let Incoming { origin, to, context, msg } = incoming;
        self.push(Arrival::Message { origin, to, context, msg }).await
    }
}

/// Why a connection is closed from this side.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
enum Refused {
    #[error("no hello within {HELLO_WITHIN:?}; what else connects to this port?")]
    Late,
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Its hello is from another node than expected, or to another one.
    #[error(
        "a hello from {from} to {to} in cluster {cluster} reached the wrong node; give every node the \
         right addresses"
    )]
    Hello { cluster: u64, from: NodeId, to: NodeId },
}

/// The incoming side: accepts for ever. Dropping it closes all connections.
pub(in crate::run) async fn listen<E: FrameHandler>(
    listener: TcpListener,
    cluster: u64,
    me: NodeId,
    handler: E,
    counters: Arc<Counters>,
) {
    Door { cluster, me, hello_within: HELLO_WITHIN, handler, counters }.listen(listener).await;
}

/// What every connection meets first.
#[derive(Clone)]
pub(super) struct Door<E> {
    pub(super) cluster: u64,
    pub(super) me: NodeId,
    pub(super) hello_within: Duration,
    pub(super) handler: E,
    pub(super) counters: Arc<Counters>,
}

/// A connection whose hello has come, and what came behind that.
struct Named {
    from: NodeId,
    addr: SocketAddr,
    stream: TcpStream,
    decoder: Decoder,
}

/// The connections whose hello has not come.
#[derive(Default)]
struct Nameless {
    tasks: JoinSet<Option<Named>>,
    oldest: VecDeque<AbortHandle>,
}

impl Nameless {
    async fn make_room(&mut self) {
        for _ in 0..3 {
            self.oldest.retain(|task| !task.is_finished());
            if self.oldest.len() < MAX_NAMELESS {
                return;
            }
            // In a burst, a hello may be there that no task has read yet: the first time around the
            // runtime sees which sockets have something, the second time it is read.
            tokio::task::yield_now().await;
        }
        if let Some(task) = self.oldest.pop_front() {
            task.abort();
        }
    }
}

impl<E: FrameHandler> Door<E> {
    pub(super) async fn listen(self, listener: TcpListener) {
        let mut nameless = Nameless::default();
        let mut named: JoinSet<()> = JoinSet::new();
        // One place per sender, and no more senders than ids.
        let mut places: BTreeMap<NodeId, AbortHandle> = BTreeMap::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, addr)) => {
                        nameless.make_room().await;
                        let admitting = nameless.tasks.spawn(self.clone().admit(stream, addr));
                        nameless.oldest.push_back(admitting);
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely: the next one may close soon.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(LONGEST_PAUSE).await;
                    }
                },
                Some(admitted) = nameless.tasks.join_next() => if let Ok(Some(named_one)) = admitted {
                    let from = named_one.from;
                    let task = named.spawn(self.clone().serve(named_one));
                    if let Some(older) = places.insert(from, task) {
                        older.abort();
                    }
                },
                Some(_) = named.join_next() => {}
            }
        }
    }

    async fn admit(self, stream: TcpStream, addr: SocketAddr) -> Option<Named> {
        let hello = timeout(self.hello_within, self.hello(stream, addr)).await;
        match hello.unwrap_or(Err(Refused::Late)) {
            Ok(named) => named,
            Err(error) => {
                tracing::warn!(%addr, %error, "closed a connection");
                None
            }
        }
    }

    /// The sender's name; `None` if the connection ended before it sent one.
    async fn hello(
        &self,
        mut stream: TcpStream,
        addr: SocketAddr,
    ) -> Result<Option<Named>, Refused> {
        let mut decoder = Decoder::default();
        let mut bytes = [0; MAX_HELLO];
        let mut came = 0;
        // No more than a hello has: an unknown sender must not fill our memory.
        while let Some(room @ [_, ..]) = bytes.get_mut(came..) {
            let Ok(n @ 1..) = stream.read(room).await else { return Ok(None) };
            decoder.feed(&room[..n]);
            came += n;
            if let Some(frame) = decoder.next_frame()? {
                let (cluster, from, to) = (frame.head.cluster, frame.head.from, frame.head.to);
                let ours = cluster == self.cluster && to == self.me && from != self.me;
                if !ours || from > MAX_SERVER {
                    return Err(Refused::Hello { cluster, from, to });
                }
                if !frame.payload.is_empty() {
                    return Err(FrameError::Malformed.into());
                }
                return Ok(Some(Named { from, addr, stream, decoder }));
            }
        }
        Err(FrameError::TooLong { len: came }.into())
    }

    async fn serve(self, connection: Named) {
        let addr = connection.addr;
        if let Err(error) = self.receive(connection).await {
            tracing::warn!(%addr, %error, "closed a connection");
        }
    }

    async fn receive(&self, connection: Named) -> Result<(), FrameError> {
        let Named { from, mut stream, mut decoder, .. } = connection;
        let mut bytes = vec![0; 64 << 10];
        loop {
            while let Some(frame) = decoder.next_frame()? {
                let head = frame.head;
                if (head.cluster, head.from) != (self.cluster, from) {
                    return Err(FrameError::Malformed);
                }
                let msg = postcard::from_bytes(frame.payload).map_err(|_| FrameError::Malformed)?;
                self.counters.frames_in.fetch_add(1, Relaxed);
                let origin = Origin { from, start: head.start, sequence: head.sequence };
                let incoming = Incoming { origin, to: head.to, context: head.context, msg };
                if self.handler.handle(incoming).await == Err(Ended) {
                    return Ok(());
                }
            }
            // An end and an error are the same news here: no more frames from there.
            let Ok(n @ 1..) = stream.read(&mut bytes).await else { return Ok(()) };
            decoder.feed(&bytes[..n]);
        }
    }
}
