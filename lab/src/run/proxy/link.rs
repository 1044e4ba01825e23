//! One connection through the proxy: two sockets, and a lane for each direction.
//!
//! # Left out
//!
//! Trying again to reach a target: who connects is told, and may.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use super::lane::{End, Lane, Pieces};
use super::{Settings, Totals, Way};
use crate::run::checked;

/// A connection from its beginning to its end.
pub(super) struct Link {
    settings: watch::Receiver<Settings>,
    resets: u64,
    to: (Lane, Pieces),
    from: (Lane, Pieces),
    _counted: Counted,
}

/// One of the connections that are counted.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A socket whose end is a reset, unless it was ended in order.
struct Socket {
    reading: OwnedReadHalf,
    writing: OwnedWriteHalf,
}

impl Socket {
    fn new(stream: TcpStream) -> Self {
        // If it does not take that, it is only slower.
        let _ = stream.set_nodelay(true);
        let (reading, writing) = stream.into_split();
        Self { reading, writing }
    }

    fn reset(self) {
        // Without it the other side sees an orderly end, which is all that can be done then.
        let _ = self.reading.as_ref().set_zero_linger();
        self.writing.forget();
    }
}

impl Link {
    pub(super) fn new(settings: watch::Receiver<Settings>, totals: &Totals) -> Self {
        let resets = settings.borrow().resets;
        let lane = |way| Lane::new(way, settings.clone(), resets, Arc::clone(totals.of(way)));
        let (to, from) = (lane(Way::To), lane(Way::From));
        totals.connections.fetch_add(1, SeqCst);
        let _counted = Counted(Arc::clone(&totals.connections));
        Self { settings, resets, to, from, _counted }
    }

    /// Forwards in both directions, until both have ended or one is reset.
    pub(super) async fn run(mut self, client: TcpStream) {
        let (mut client, mut target) = (Socket::new(client), None);
        let (mut settings, resets) = (self.settings.clone(), self.resets);
        let end = tokio::select! {
            end = self.forward(&mut client, &mut target) => end,
            _ = settings.wait_for(|settings| settings.resets != resets) => End::Reset,
        };
        if end == End::Reset {
            client.reset();
            target.into_iter().for_each(Socket::reset);
        }
    }

    async fn forward(&mut self, client: &mut Socket, target: &mut Option<Socket>) -> End {
        let Self { settings, to: (to, to_pieces), from: (from, from_pieces), .. } = self;
        // What a client sends while the link is cut is kept like anything else.
        let mut taking = pin!(to.take(&mut client.reading));
        let dialed = tokio::select! {
            dialed = dial(settings) => dialed,
            never = &mut taking => match never {},
        };
        let Ok(dialed) = dialed else { return End::Reset };
        let target = target.insert(Socket::new(dialed));
        let giving = async {
            tokio::try_join!(
                give(to, to_pieces, &mut target.writing, from),
                give(from, from_pieces, &mut client.writing, to),
            )
        };
        tokio::select! {
            ended = giving => if ended.is_ok() { End::Closed } else { End::Reset },
            never = taking => match never {},
            never = from.take(&mut target.reading) => match never {},
        }
    }
}

/// Gives what a lane has taken, until its end in order.
async fn give(
    lane: &Lane,
    pieces: &mut Pieces,
    to: &mut OwnedWriteHalf,
    back: &Lane,
) -> Result<(), Broken> {
    match lane.give(pieces, to).await {
        Ok(End::Closed) => Ok(()),
        Ok(End::Reset) => Err(Broken),
        // The side that takes is gone. The other one is told after all that was sent to it before.
        Err(_) if back.fail() => std::future::pending().await,
        Err(_) => Err(Broken),
    }
}

/// A connection is reset.
struct Broken;

/// Connects to the target once the link is whole: a handshake needs both directions.
async fn dial(settings: &mut watch::Receiver<Settings>) -> io::Result<TcpStream> {
    let is_whole = |settings: &Settings| !settings.is_cut_to && !settings.is_cut_from;
    let target: SocketAddr =
        settings.wait_for(is_whole).await.map_err(|_| io::ErrorKind::NotConnected)?.target;
    TcpStream::connect(target).await.and_then(checked)
}
