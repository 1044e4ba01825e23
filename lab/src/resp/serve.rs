//! Serves requests, and bounds what a client that sends or reads nothing can keep: a place, some memory,
//! and some time.
//!
//! What one connection has sent is parsed into a batch of requests, and its handler answers all of them
//! before anything more is read from it: a client that sends faster than it is answered waits. A half
//! request has a time within which it has to be whole, and so have replies within which they are read. A
//! connection without a half request may be silent for as long as there is room: what happens when all
//! places are taken is in [`crate::places`]. What is not a request, or is too large, is answered with one
//! error, and the connection is closed.
//!
//! # Left out
//!
//! A limit for all connections together: each keeps at most one request and 16 KiB, in a block of up to
//! twice that size, and its replies. A look at a client while its handler works: that it is gone is noticed
//! afterwards.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Reply, Request, RequestError, RequestLimits, RequestParser};
use crate::places::{self, Asked, Client, TooFewFiles, connections_of_process};

/// A handler is given at most so many requests at a time.
pub const MAX_BATCH: usize = 1_024;
/// For the rest of a request, and for a client to read its replies.
const WITHIN: Duration = Duration::from_secs(10);
/// Replies of more bytes are written in several parts.
const MAX_WRITE: usize = 1 << 20;
/// A connection that is closed after a reply has so long to read it: closed at once, with bytes in it that
/// are not read, TCP would drop the reply.
const LINGER: Duration = Duration::from_secs(1);
/// For a client that comes while all places have a request.
const FULL: &str = "-ERR max number of clients reached; connect again in a moment\r\n";

/// Answers the requests of one connection. Dropped when that ends, also between two steps of an answer: a
/// server that is dropped closes all connections.
pub trait Handler: Send + 'static {
    /// Exactly one reply for each request, in the same order. There is at least one request, and at most
    /// [`MAX_BATCH`]; after another number of replies the connection is closed and none is sent.
    fn handle(&mut self, requests: Vec<Request>) -> impl Future<Output = Vec<Reply>> + Send;
}

/// How many clients may be connected, what each may send, and how long it may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many connections.
    pub connections: usize,
    /// The size of a request.
    pub request: RequestLimits,
    /// For a whole request, from its first bytes on.
    pub whole_request: Duration,
    /// For a client to read its replies; for each mebibyte, if they are long.
    pub replies: Duration,
}

impl Limits {
    /// As many connections as this process has file descriptors for, beside those that it needs itself;
    /// at most 1,024. A process that serves HTTP too gives each of the two servers a part of them. Ten
    /// seconds for a request, and for replies.
    ///
    /// # Errors
    /// It has too few.
    pub fn of_process() -> Result<Self, TooFewFiles> {
        let (connections, request) = (connections_of_process()?, RequestLimits::default());
        Ok(Self { connections, request, whole_request: WITHIN, replies: WITHIN })
    }
}

/// Serves until `stop`, and then as long as batches are under way. `handler` makes one for each
/// connection. Dropping it closes all connections.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    limits: Limits,
    mut handler: impl FnMut() -> H,
    stop: impl Future<Output = ()>,
) {
    let attend = |stream, client, closing| {
        let parser = RequestParser::new(limits.request);
        let connection = Connection { stream, parser, limits, client, whole_by: None, asked: None };
        connection.attend(handler(), closing)
    };
    places::serve(listener, limits.connections, FULL, stop, attend).await;
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the client has closed it")]
    Closed,
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("Protocol error: the rest of a request did not come within {0:?}; send it at once")]
    LateRequest(Duration),
    #[error("its replies were not read within {0:?}")]
    LateReader(Duration),
    #[error("a handler gave {replies} replies to {requests} requests; give one to each")]
    Handler { replies: usize, requests: usize },
    #[error("the server stops")]
    Stop,
}

struct Connection {
    stream: TcpStream,
    parser: RequestParser,
    limits: Limits,
    client: Arc<Client>,
    /// When the half request has to be whole that has come.
    whole_by: Option<Instant>,
    /// Its last requests, until they are answered.
    asked: Option<Asked>,
}

impl Connection {
    /// Serves it to its end.
    async fn attend(mut self, handler: impl Handler, closing: watch::Receiver<()>) {
        let end = match self.answer_all(handler, closing).await {
            Err(end) => end,
            Ok(never) => match never {},
        };
        match end {
            End::Handler { .. } => tracing::error!(%end, "closed a connection"),
            _ => tracing::debug!(%end, "closed a connection"),
        }
        let is_told = match end {
            End::Request(_) | End::LateRequest(_) => {
                self.write(&[Reply::error(&end)]).await.is_ok()
            }
            // What came and is not read would drop the last reply.
            End::Stop => self.stream.try_read(&mut [0]).is_ok(),
            _ => false,
        };
        self.rest();
        if is_told && self.stream.shutdown().await.is_ok() {
            let _ = timeout(LINGER, self.ignore_all()).await;
        }
    }

    async fn answer_all(
        &mut self,
        mut handler: impl Handler,
        mut closing: watch::Receiver<()>,
    ) -> Result<std::convert::Infallible, End> {
        loop {
            let batch = tokio::select! {
                biased;
                // The other end is gone: nothing new begins.
                _ = closing.changed() => return Err(End::Stop),
                batch = self.batch() => batch?,
            };
            let requests = batch.len();
            let replies = handler.handle(batch).await;
            if replies.len() != requests {
                return Err(End::Handler { replies: replies.len(), requests });
            }
            self.write(&replies).await?;
        }
    }

    /// The next requests, as soon as there is one.
    async fn batch(&mut self) -> Result<Vec<Request>, End> {
        loop {
            let batch = self.parsed()?;
            if !batch.is_empty() {
                self.asked = Some(self.client.begins());
                self.whole_by = None;
                return Ok(batch);
            }
            self.rest();
            self.read().await?;
        }
    }

    /// All requests that came and are whole, up to a limit. An error comes after those before it.
    fn parsed(&mut self) -> Result<Vec<Request>, RequestError> {
        let mut batch = Vec::new();
        while batch.len() < MAX_BATCH {
            match self.parser.next_request() {
                Ok(Some(request)) => batch.push(request),
                Ok(None) => break,
                Err(error) if batch.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(batch)
    }

    /// From here on it has no request: not before, so that it never makes room while some are left.
    fn rest(&mut self) {
        self.asked = None;
    }

    async fn read(&mut self) -> Result<(), End> {
        let within = self.limits.whole_request;
        let is_half = self.parser.buffered() > 0;
        self.whole_by = is_half.then(|| self.whole_by.unwrap_or_else(|| Instant::now() + within));
        let mut room = self.parser.room();
        let reading = self.stream.read_buf(&mut room);
        let read = match self.whole_by {
            Some(by) => timeout_at(by, reading).await.map_err(|_| End::LateRequest(within))?,
            None => reading.await,
        };
        if read? == 0 { Err(End::Closed) } else { Ok(()) }
    }

    async fn write(&mut self, replies: &[Reply]) -> Result<(), End> {
        let mut bytes = BytesMut::new();
        for reply in replies {
            if let Err(error) = reply.encode(&mut bytes) {
                tracing::error!(%error, "a reply is replaced by an error");
                Reply::error(&error).encode(&mut bytes).expect("an error is not nested");
            }
            if bytes.len() >= MAX_WRITE {
                self.write_bytes(&bytes).await?;
                bytes.clear();
            }
        }
        self.write_bytes(&bytes).await
    }

    async fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), End> {
        let within = self.limits.replies;
        let written = timeout(within, self.stream.write_all(bytes)).await;
        Ok(written.map_err(|_| End::LateReader(within))??)
    }

    async fn ignore_all(&mut self) {
        let mut bytes = [0; 4 << 10];
        while let Ok(1..) = self.stream.read(&mut bytes).await {}
    }
}
