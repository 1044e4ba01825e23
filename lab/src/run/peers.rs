//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! Frames between drivers over TCP. Each node listens, and dials everyone it wants to speak to: a
//! connection carries frames one way. What is released for a peer in one go leaves in one write,
//! straight from the thread that runs the node. A frame for a peer that is down, or that does not
//! read, is dropped: networks lose messages, and only the node knows which ones to send again.
//!
//! # Left out
//!
//! TLS, names instead of addresses, connections through proxies.

mod dial;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::AbortHandle;

use super::counters::Counters;
use super::frame::{Context, Decoder, FrameError};
use super::inbox::{Arrival, Ended, Inbox, Origin};
use crate::{Node, NodeId};
pub use dial::is_self_connection;

/// How much may wait for one peer that does not read.
const MAX_BACKLOG: usize = 4 << 20;
/// How many peers may be connected to one node.
const MAX_INCOMING: usize = 256;

/// The outgoing side.
pub(super) struct Peers {
    links: BTreeMap<NodeId, Link>,
    up: Arc<watch::Sender<BTreeSet<NodeId>>>,
    counters: Arc<Counters>,
}

struct Link {
    addr: SocketAddr,
    /// Frames of this go, not handed over yet.
    out: Vec<u8>,
    frames: u64,
    shared: Arc<Shared>,
    dialer: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.dialer.abort();
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    backlogged: Notify,
}

#[derive(Default)]
struct State {
    stream: Option<Arc<TcpStream>>,
    /// What the kernel did not take at once.
    backlog: Vec<u8>,
}

impl Peers {
    pub(super) fn new(up: watch::Sender<BTreeSet<NodeId>>, counters: Arc<Counters>) -> Self {
        Self { links: BTreeMap::new(), up: Arc::new(up), counters }
    }

    /// Takes a new address book: dials whoever is new or has moved, lets go of whoever left.
    pub(super) fn set(&mut self, me: NodeId, book: BTreeMap<NodeId, SocketAddr>) {
        self.links.retain(|id, link| book.get(id) == Some(&link.addr));
        self.up.send_modify(|up| up.retain(|id| self.links.contains_key(id)));
        for (id, addr) in book {
            if id != me && !self.links.contains_key(&id) {
                let shared = Arc::new(Shared::default());
                let dialing =
                    dial::keep_connected(id, addr, Arc::clone(&shared), Arc::clone(&self.up));
                let dialer = tokio::spawn(dialing).abort_handle();
                let link = Link { addr, out: Vec::new(), frames: 0, shared, dialer };
                self.links.insert(id, link);
            }
        }
    }

    /// Puts one frame where the next [`Peers::flush`] finds it.
    pub(super) fn push(
        &mut self,
        to: NodeId,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), FrameError>,
    ) {
        let Some(link) = self.links.get_mut(&to) else {
            self.counters.dropped.fetch_add(1, Relaxed);
            return;
        };
        match encode(&mut link.out) {
            Ok(()) => link.frames += 1,
            Err(error) => {
                tracing::warn!(%to, %error, "a message was not sent");
                self.counters.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    /// Everything pushed since the last time leaves, one write per peer.
    pub(super) fn flush(&mut self) {
        for link in self.links.values_mut().filter(|link| link.frames > 0) {
            let taken = link.shared.write(&link.out, &self.counters);
            let counter = if taken { &self.counters.frames_out } else { &self.counters.dropped };
            counter.fetch_add(link.frames, Relaxed);
            link.out.clear();
            link.frames = 0;
        }
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with this lock held")
    }

    /// Whether the bytes are on their way. All or none: half a frame would end the connection.
    fn write(&self, bytes: &[u8], counters: &Counters) -> bool {
        let mut state = self.state();
        let Some(stream) = state.stream.clone() else { return false };
        if !state.backlog.is_empty() {
            let fits = state.backlog.len() + bytes.len() <= MAX_BACKLOG;
            if fits {
                state.backlog.extend_from_slice(bytes);
            }
            return fits;
        }
        counters.writes.fetch_add(1, Relaxed);
        let written = match stream.try_write(bytes) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            // The dialer sees the same end of the connection and dials again.
            Err(_) => return false,
        };
        if written < bytes.len() {
            state.backlog.extend_from_slice(&bytes[written..]);
            self.backlogged.notify_one();
        }
        true
    }

    async fn drain(&self, stream: &TcpStream) -> io::Result<()> {
        loop {
            stream.writable().await?;
            let mut state = self.state();
            match stream.try_write(&state.backlog) {
                Ok(n) => {
                    state.backlog.drain(..n);
                    if state.backlog.is_empty() {
                        return Ok(());
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Serves one connection to its end.
    async fn serve(&self, stream: &TcpStream) {
        let mut nothing = [0; 16];
        loop {
            tokio::select! {
                readable = stream.readable() => match readable.and_then(|()| stream.try_read(&mut nothing)) {
                    // The other side has nothing to say here: an end is all there is to read.
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                },
                () = self.backlogged.notified() => if self.drain(stream).await.is_err() {
                    return;
                },
            }
        }
    }
}

/// A message as it came out of a frame.
pub(super) struct Heard<M> {
    pub(super) origin: Origin,
    pub(super) to: NodeId,
    pub(super) context: Context,
    pub(super) msg: M,
}

/// Whoever takes what comes in. While it waits, nobody reads the connection.
pub(super) trait Ear: Clone + Send + Sync + 'static {
    type Msg: DeserializeOwned + Send;

    fn hear(&self, heard: Heard<Self::Msg>) -> impl Future<Output = Result<(), Ended>> + Send;
}

impl<N: Node<Msg: DeserializeOwned>> Ear for Inbox<N> {
    type Msg = N::Msg;

    async fn hear(&self, heard: Heard<N::Msg>) -> Result<(), Ended> {
        let Heard { origin, to, context, msg } = heard;
        self.push(Arrival::Message { origin, to, context, msg }).await
    }
}

/// The incoming side: accepts for ever.
pub(super) async fn listen<E: Ear>(
    listener: TcpListener,
    cluster: u64,
    ear: E,
    counters: Arc<Counters>,
) {
    let places = Arc::new(Semaphore::new(MAX_INCOMING));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, addr)) => {
                let (ear, counters) = (ear.clone(), Arc::clone(&counters));
                tokio::spawn(async move {
                    if let Err(error) = receive(stream, cluster, &ear, &counters).await {
                        tracing::warn!(%addr, %error, "closed a connection");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: the next one may close soon.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(dial::LONGEST_PAUSE).await;
            }
        }
    }
}

async fn receive<E: Ear>(
    mut stream: TcpStream,
    cluster: u64,
    ear: &E,
    counters: &Counters,
) -> Result<(), FrameError> {
    let mut decoder = Decoder::default();
    let mut bytes = vec![0; 64 << 10];
    loop {
        // An end and an error are the same news here: no more frames from there.
        let Ok(n @ 1..) = stream.read(&mut bytes).await else { return Ok(()) };
        decoder.feed(&bytes[..n]);
        while let Some(frame) = decoder.next_frame()? {
            let head = frame.head;
            if head.cluster != cluster {
                tracing::warn!(theirs = head.cluster, ours = cluster, "a frame of another cluster");
                return Err(FrameError::Malformed);
            }
            let msg = postcard::from_bytes(&frame.payload).map_err(|_| FrameError::Malformed)?;
            counters.frames_in.fetch_add(1, Relaxed);
            let origin = Origin { from: head.from, start: head.start, sequence: head.sequence };
            let heard = Heard { origin, to: head.to, context: head.context, msg };
            if ear.hear(heard).await == Err(Ended) {
                return Ok(());
            }
        }
    }
}
