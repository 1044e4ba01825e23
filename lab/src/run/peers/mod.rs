//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! Frames between drivers over TCP. Each node listens, and dials every node it sends to: a
//! connection carries frames one way, and its first one is a hello: who sends, and to whom. What is
//! released for a peer in one go leaves in one write, straight from the thread that runs the node.
//! A frame for a peer that is down, or that does not read, is dropped: networks lose messages, and
//! only the node knows which ones to send again.
//!
//! # Left out
//!
//! TLS, names instead of addresses, connections through proxies.

mod dial;
mod incoming;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::counters::Counters;
use super::frame::{self, FrameError};
use crate::NodeId;

pub(crate) use dial::checked;
pub use dial::is_self_connection;
pub(super) use incoming::{FrameHandler, Incoming, listen};

/// How much may wait for one peer that does not read.
const MAX_BACKLOG: usize = 4 << 20;

/// The outgoing side.
pub(super) struct Peers {
    cluster: u64,
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
    pub(super) fn new(
        cluster: u64,
        up: watch::Sender<BTreeSet<NodeId>>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { cluster, links: BTreeMap::new(), up: Arc::new(up), counters }
    }

    /// Takes a new address book: dials the nodes that are new or have moved, and drops the links to
    /// those that left.
    pub(super) fn set(&mut self, me: NodeId, book: BTreeMap<NodeId, SocketAddr>) {
        self.links.retain(|id, link| book.get(id) == Some(&link.addr));
        self.up.send_modify(|up| up.retain(|id| self.links.contains_key(id)));
        for (id, addr) in book {
            self.add(me, id, addr);
        }
    }

    /// Dials a peer, unless it is known at this address.
    pub(super) fn add(&mut self, me: NodeId, id: NodeId, addr: SocketAddr) {
        if id != me && self.links.get(&id).is_none_or(|link| link.addr != addr) {
            let shared = Arc::new(Shared::default());
            let hello = frame::hello(self.cluster, me, id);
            let (link, up) = (Arc::clone(&shared), Arc::clone(&self.up));
            let dialing = dial::keep_connected(id, addr, hello, link, up);
            let dialer = tokio::spawn(dialing).abort_handle();
            let link = Link { addr, out: Vec::new(), frames: 0, shared, dialer };
            self.links.insert(id, link);
        }
    }

    /// Ends the connection to a peer.
    pub(super) fn remove(&mut self, id: NodeId) {
        self.links.remove(&id);
        self.up.send_if_modified(|up| up.remove(&id));
    }

    /// Puts one frame where the next [`Peers::flush`] finds it. Without a link it is lost.
    ///
    /// # Errors
    /// The message is none that could ever leave: the sender must not go on and send it again.
    pub(super) fn push(
        &mut self,
        to: NodeId,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let Some(link) = self.links.get_mut(&to) else {
            self.counters.dropped.fetch_add(1, Relaxed);
            return Ok(());
        };
        encode(&mut link.out)?;
        link.frames += 1;
        Ok(())
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
        self.state.lock().expect("no thread panics with this lock held")
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
                    // The other side has nothing to send here: an end is all there is to read.
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
