//! A TCP proxy on loopback for tests: a link between two programs that can be cut, delayed, reset and led
//! to another address, while neither program changes.
//!
//! A cut link is silent, as a cable is that is cut: connections stay open, and no side is told. What is
//! sent is kept, up to [`MAX_KEPT`] bytes for each direction of a connection, and then the sender waits;
//! all of it arrives after [`Proxy::heal`]. The proxy accepts new connections meanwhile, and opens them to
//! the target once both directions are whole.
//!
//! # Left out
//!
//! Bytes that are lost, changed or sent in another order: TCP hides all three. A delay of the first
//! packets of a connection: only what is sent on it is late.

mod lane;
mod link;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use lane::Counts;
use link::Link;

pub use lane::MAX_KEPT;

/// Before the next try, when no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(100);
/// Longer than any test waits.
const MAX_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A direction of a link, as seen from who connects to the proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Both.
    Both,
    /// From who connects to the target.
    ToTarget,
    /// From the target to who connects.
    FromTarget,
}

impl Direction {
    fn has(self, way: Way) -> bool {
        match self {
            Self::Both => true,
            Self::ToTarget => way == Way::To,
            Self::FromTarget => way == Way::From,
        }
    }
}

/// One of the two directions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    To,
    From,
}

/// The proxy has no port.
#[derive(Debug, thiserror::Error)]
#[error("the proxy cannot listen on 127.0.0.1 ({0}); close some programs or files, and try again")]
pub struct CannotListen(#[from] io::Error);

/// What a test has set.
#[derive(Clone, Copy, Debug)]
struct Settings {
    target: SocketAddr,
    is_cut_to: bool,
    is_cut_from: bool,
    delay: Duration,
    /// How many times all connections were closed.
    resets: u64,
}

impl Settings {
    fn is_cut(&self, way: Way) -> bool {
        match way {
            Way::To => self.is_cut_to,
            Way::From => self.is_cut_from,
        }
    }
}

/// What all connections share.
#[derive(Default)]
struct Totals {
    to: Arc<Counts>,
    from: Arc<Counts>,
    connections: Arc<AtomicUsize>,
}

impl Totals {
    fn of(&self, way: Way) -> &Arc<Counts> {
        match way {
            Way::To => &self.to,
            Way::From => &self.from,
        }
    }
}

/// A proxy that runs. Dropping it closes its port and all connections.
pub struct Proxy {
    addr: SocketAddr,
    settings: watch::Sender<Settings>,
    totals: Arc<Totals>,
    task: AbortHandle,
}

impl Proxy {
    /// Forwards what comes to a free port to `target`, on the current runtime.
    ///
    /// # Errors
    /// There is no free port.
    ///
    /// # Panics
    /// There is no current runtime, or it has no network or no clock.
    pub fn start(target: SocketAddr) -> Result<Self, CannotListen> {
        Self::start_on(&Handle::current(), target)
    }

    /// The same on this runtime, for a caller that is on none.
    ///
    /// # Errors
    /// There is no free port.
    ///
    /// # Panics
    /// The runtime has no network or no clock.
    pub fn start_on(runtime: &Handle, target: SocketAddr) -> Result<Self, CannotListen> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let _on_runtime = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        let (is_cut_to, is_cut_from, delay, resets) = (false, false, Duration::ZERO, 0);
        let settings = Settings { target, is_cut_to, is_cut_from, delay, resets };
        let (settings, receiver) = watch::channel(settings);
        let totals = Arc::new(Totals::default());
        let accepting = accept(listener, receiver, Arc::clone(&totals));
        let task = runtime.spawn(accepting).abort_handle();
        Ok(Self { addr, settings, totals, task })
    }

    /// Where to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Cuts the link. When this returns, nothing is forwarded that way any more.
    pub fn cut(&self, direction: Direction) {
        self.settings.send_modify(|settings| {
            settings.is_cut_to |= direction.has(Way::To);
            settings.is_cut_from |= direction.has(Way::From);
        });
    }

    /// Makes both directions whole: what was kept arrives.
    pub fn heal(&self) {
        self.settings.send_modify(|settings| {
            (settings.is_cut_to, settings.is_cut_from) = (false, false);
        });
    }

    /// Closes all connections with a reset in both directions, as a firewall does, even where the link is
    /// cut. What was kept is lost. When this returns, nothing is forwarded on them any more; new ones are
    /// accepted.
    pub fn reset(&self) {
        self.settings.send_modify(|settings| settings.resets += 1);
    }

    /// Delays, in both directions, whatever comes from now on, and keeps its order; by a day at most.
    pub fn set_delay(&self, delay: Duration) {
        self.settings.send_modify(|settings| settings.delay = delay.min(MAX_DELAY));
    }

    /// Leads new connections to another address. Those that are open stay where they are.
    pub fn retarget(&self, target: SocketAddr) {
        self.settings.send_modify(|settings| settings.target = target);
    }

    /// How many bytes were forwarded since the start.
    #[must_use]
    pub fn forwarded(&self, direction: Direction) -> u64 {
        self.sum(direction, |counts| counts.forwarded.load(SeqCst))
    }

    /// How many bytes are kept: they were received, and are not forwarded yet.
    #[must_use]
    pub fn kept(&self, direction: Direction) -> u64 {
        self.sum(direction, |counts| counts.kept.load(SeqCst))
    }

    /// How many connections are open, with those that wait for the link to be whole.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.totals.connections.load(SeqCst)
    }

    fn sum(&self, direction: Direction, count: impl Fn(&Counts) -> u64) -> u64 {
        let ways = [Way::To, Way::From].into_iter().filter(|way| direction.has(*way));
        ways.map(|way| count(self.totals.of(way))).sum()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts for ever. Dropping it closes all connections.
async fn accept(listener: TcpListener, settings: watch::Receiver<Settings>, totals: Arc<Totals>) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    links.spawn(Link::new(settings.clone(), &totals).run(client));
                }
                Err(error) => {
                    tracing::warn!(%error, "the proxy cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = links.join_next() => {}
        }
    }
}
