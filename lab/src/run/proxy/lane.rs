//! One direction of one connection: takes what is sent, keeps it while it may not arrive, and gives it to
//! the other side.
//!
//! # Left out
//!
//! Telling a side that bytes could not be given to the other one: it is told of the end of the connection.

use std::convert::Infallible;
use std::io::ErrorKind::WouldBlock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{Settings, Way};

/// So many bytes are kept for each direction of a connection.
pub const MAX_KEPT: usize = 256 << 10;
/// The longest piece.
const MAX_PIECE: usize = 16 << 10;

/// Bytes of all connections, in one direction.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) kept: AtomicU64,
    pub(super) forwarded: AtomicU64,
}

/// What came from one side.
enum Piece {
    Bytes(Vec<u8>),
    /// It sends no more.
    End,
    /// It has closed the connection in disorder.
    Reset,
}

/// How a direction ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// In order: the other direction goes on.
    Closed,
    /// So does the whole connection.
    Reset,
}

/// A direction.
pub(super) struct Lane {
    way: Way,
    settings: watch::Receiver<Settings>,
    /// The connection is from before the next reset.
    resets: u64,
    counts: Arc<Counts>,
    /// Kept here; a part of what is counted for all.
    kept: AtomicU64,
    /// A permit for each byte that may still be kept.
    room: Semaphore,
    pieces: mpsc::UnboundedSender<(Instant, Piece)>,
    /// It has ended in order.
    is_over: AtomicBool,
}

/// What a lane has taken and not given.
pub(super) struct Pieces(mpsc::UnboundedReceiver<(Instant, Piece)>);

impl Lane {
    pub(super) fn new(
        way: Way,
        settings: watch::Receiver<Settings>,
        resets: u64,
        counts: Arc<Counts>,
    ) -> (Self, Pieces) {
        let (pieces, receiver) = mpsc::unbounded_channel();
        let (kept, room) = (AtomicU64::new(0), Semaphore::new(MAX_KEPT));
        let is_over = AtomicBool::new(false);
        (Self { way, settings, resets, counts, kept, room, pieces, is_over }, Pieces(receiver))
    }

    /// Takes what comes, and waits while too much is kept. Has no end: the connection has.
    pub(super) async fn take(&self, from: &mut OwnedReadHalf) -> Infallible {
        let end = loop {
            let one = self.room.acquire().await.expect("it is never closed");
            let most = MAX_PIECE.min(self.room.available_permits() + 1);
            drop(one);
            let mut bytes = vec![0; most];
            match from.read(&mut bytes).await {
                Ok(0) => break Piece::End,
                Ok(len) => {
                    bytes.truncate(len);
                    self.room.forget_permits(len);
                    self.kept.fetch_add(len as u64, SeqCst);
                    self.counts.kept.fetch_add(len as u64, SeqCst);
                    self.push(Piece::Bytes(bytes));
                }
                Err(_) => break Piece::Reset,
            }
        };
        self.push(end);
        std::future::pending().await
    }

    /// The side that this lane takes from is gone. Whether the other one is still to be told.
    pub(super) fn fail(&self) -> bool {
        self.push(Piece::Reset);
        !self.is_over.load(SeqCst)
    }

    fn push(&self, piece: Piece) {
        let due = Instant::now() + self.settings.borrow().delay;
        // If no one receives it, the connection has ended.
        let _ = self.pieces.send((due, piece));
    }

    /// Gives what was taken, as the link allows, to the end. An error is one of the other side.
    pub(super) async fn give(
        &self,
        pieces: &mut Pieces,
        to: &mut OwnedWriteHalf,
    ) -> std::io::Result<End> {
        let mut settings = self.settings.clone();
        while let Some((due, piece)) = pieces.0.recv().await {
            // A timer ends at a whole millisecond: without a delay there must be none.
            if Instant::now() < due {
                sleep_until(due).await;
            }
            let mut rest = match &piece {
                Piece::Bytes(bytes) => &bytes[..],
                Piece::End | Piece::Reset => &[],
            };
            while !rest.is_empty() {
                to.writable().await?;
                let len = self.write_some(&mut settings, rest, to).await?;
                rest = &rest[len..];
            }
            if !matches!(piece, Piece::Bytes(_)) {
                // An end is as silent as bytes are.
                let _ = settings.wait_for(|settings| !settings.is_cut(self.way)).await;
            }
            match piece {
                Piece::Bytes(_) => {}
                Piece::End => {
                    to.shutdown().await?;
                    self.is_over.store(true, SeqCst);
                    // Behind an end there is only the news that the other side is gone.
                    let is_broken = pieces.0.try_recv().is_ok();
                    return Ok(if is_broken { End::Reset } else { End::Closed });
                }
                Piece::Reset => return Ok(End::Reset),
            }
        }
        Ok(End::Reset)
    }

    /// Writes what the other side takes at once. Settings cannot change meanwhile: after a cut nothing is
    /// forwarded.
    async fn write_some(
        &self,
        settings: &mut watch::Receiver<Settings>,
        bytes: &[u8],
        to: &OwnedWriteHalf,
    ) -> std::io::Result<usize> {
        let whole = settings.wait_for(|settings| !settings.is_cut(self.way)).await;
        let Ok(unchanged) = whole else { return Err(std::io::ErrorKind::NotConnected.into()) };
        if unchanged.resets != self.resets {
            return Err(std::io::ErrorKind::NotConnected.into());
        }
        match to.try_write(bytes) {
            Ok(len) => {
                self.kept.fetch_sub(len as u64, SeqCst);
                self.counts.kept.fetch_sub(len as u64, SeqCst);
                self.counts.forwarded.fetch_add(len as u64, SeqCst);
                self.room.add_permits(len);
                Ok(len)
            }
            Err(error) if error.kind() == WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.counts.kept.fetch_sub(self.kept.load(SeqCst), SeqCst);
    }
}
