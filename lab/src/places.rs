//! The connections of a server: how many there may be, which one makes room for a new one, and how they
//! end in order.
//!
//! When all places are taken, the connection that has been without a request for longest makes room. A
//! new one is turned away only if all of them have a request. So a client that asks is let in, however
//! many others send nothing.
//!
//! # Left out
//!
//! A limit for each address: all clients are on this machine.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::run::most_open_files;

/// More would be served slowly.
const MOST: u64 = 1_024;
/// With fewer, a browser and a few terminals get into each other's way.
const FEWEST: u64 = 16;
/// Descriptors that no client takes: the log and its next segments, connections of other nodes and those
/// without a hello yet, a database, standard streams.
const KEPT: u64 = 96;
/// Before the next try, when no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// This process may have too few files open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "this process may have {may} files open, and needs {}: raise it with `ulimit -n {}`",
    KEPT + FEWEST,
    KEPT + MOST
)]
pub struct TooFewFiles {
    /// That many.
    pub may: u64,
}

/// As many connections as this process has file descriptors for, beside those that it needs itself; at
/// most 1,024.
pub(crate) fn connections_of_process() -> Result<usize, TooFewFiles> {
    let files = most_open_files();
    let left = files.saturating_sub(KEPT).min(MOST);
    if left < FEWEST {
        return Err(TooFewFiles { may: files });
    }
    Ok(usize::try_from(left).expect("it is small"))
}

/// Accepts until `stop`, then waits for the connections that are there. `attend` serves one of them to
/// its end, and ends soon once its receiver sees a change. One that finds no place is sent `full`, which
/// is short. Dropping it closes all connections.
pub(crate) async fn serve<A: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    limit: usize,
    full: &str,
    stop: impl Future<Output = ()>,
    mut attend: impl FnMut(TcpStream, Arc<Client>, watch::Receiver<()>) -> A,
) {
    let (close, closing) = watch::channel(());
    let mut places = Places::new(limit);
    let mut running = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = running.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if places.make_room().await => {
                    // If it does not take that, it is only slower.
                    let _ = stream.set_nodelay(true);
                    let client = places.client();
                    let attending = attend(stream, Arc::clone(&client), closing.clone());
                    places.taken.push((running.spawn(attending), client));
                }
                Ok((stream, _)) => turn_away(stream, full),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop((listener, close));
    while running.join_next().await.is_some() {}
}

/// All places have a request.
fn turn_away(stream: TcpStream, full: &str) {
    // It fits into the empty buffer of a new connection; a client that is gone misses nothing.
    let _ = stream.into_std().and_then(|mut stream| stream.write_all(full.as_bytes()));
}

/// What is known of one client.
pub(crate) struct Client {
    /// So many requests of it are not answered yet: more than one over HTTP/2.
    asks: AtomicUsize,
    /// Since when it has no request: a number that grows.
    idle_since: AtomicU64,
    clock: Arc<AtomicU64>,
}

impl Client {
    /// It has one more request: until that is dropped, its connection does not make room for another one.
    pub(crate) fn begins(self: &Arc<Self>) -> Asked {
        self.asks.fetch_add(1, Relaxed);
        Asked(Arc::clone(self))
    }

    /// Whether all its requests are answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.asks.load(Relaxed) == 0
    }
}

/// A request that is under way.
pub(crate) struct Asked(Arc<Client>);

impl Drop for Asked {
    fn drop(&mut self) {
        let Client { asks, idle_since, clock } = &*self.0;
        idle_since.store(clock.fetch_add(1, Relaxed), Relaxed);
        asks.fetch_sub(1, Relaxed);
    }
}

/// The places of all connections.
struct Places {
    limit: usize,
    taken: Vec<(AbortHandle, Arc<Client>)>,
    clock: Arc<AtomicU64>,
    /// It was full a moment ago, and the log has that.
    is_reported: bool,
}

impl Places {
    fn new(limit: usize) -> Self {
        Self { limit, taken: Vec::new(), clock: Arc::default(), is_reported: false }
    }

    fn client(&self) -> Arc<Client> {
        let idle_since = AtomicU64::new(self.clock.fetch_add(1, Relaxed));
        let (asks, clock) = (AtomicUsize::new(0), Arc::clone(&self.clock));
        Arc::new(Client { asks, idle_since, clock })
    }

    /// Whether there is a place for one more.
    async fn make_room(&mut self) -> bool {
        for _ in 0..3 {
            if self.taken.len() >= self.limit {
                self.taken.retain(|(task, _)| !task.is_finished());
            }
            if self.taken.len() < self.limit {
                self.is_reported &= self.taken.len() > self.limit / 2;
                return true;
            }
            // A request may be there that no task has read yet: the first time around the runtime sees
            // which sockets have something, the second time it is read.
            tokio::task::yield_now().await;
        }
        if !std::mem::replace(&mut self.is_reported, true) {
            tracing::warn!(limit = self.limit, "all connections are taken; idle ones make room");
        }
        while let Some(at) = self.longest_idle() {
            let (task, client) = &self.taken[at];
            // Since it was looked at, it may have begun a request. What begins from here on has no answer, as
            // with every idle connection that a server closes (RFC 9112, section 9.3.1 and 9.5).
            if client.is_idle() {
                task.abort();
                self.taken.swap_remove(at);
                return true;
            }
        }
        false
    }

    /// The connection that has been without a request for longest.
    fn longest_idle(&self) -> Option<usize> {
        let all = self.taken.iter().map(|(_, client)| client).enumerate();
        let idle = all.filter(|(_, client)| client.is_idle());
        idle.min_by_key(|(_, client)| client.idle_since.load(Relaxed)).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_makes_room_only_after_the_last_of_its_requests() {
        let mut places = Places::new(1);
        let client = places.client();
        let connection = tokio::spawn(std::future::pending::<()>());
        places.taken.push((connection.abort_handle(), Arc::clone(&client)));
        let (first, second) = (client.begins(), client.begins());
        drop(first);
        assert!(!places.make_room().await);
        drop(second);
        assert!(places.make_room().await);
        assert!(connection.await.unwrap_err().is_cancelled());
    }
}
