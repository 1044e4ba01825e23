//! Asks a server, one request or many at a time, on one connection.
//!
//! # Left out
//!
//! Connecting again. After an error it is unknown which requests were carried out, and only the caller can
//! tell what to do then.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::timeout;

use super::{Reply, ReplyError, ReplyLimits, ReplyParser, encode_request};
use crate::run::checked;

/// Requests of more bytes are written in several parts.
const MAX_WRITE: usize = 64 << 10;

/// Why there is no reply. Only after [`ClientError::Connect`], [`ClientError::EmptyRequest`] and
/// [`ClientError::Unusable`] nothing was done; otherwise what was asked may have been done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("cannot connect to {server} ({source}); start the server, or give its right address")]
    Connect {
        /// Where.
        server: SocketAddr,
        /// What the operating system reports.
        source: io::Error,
    },
    /// Not in time.
    #[error("{server} did not answer within {deadline:?}; connect again, with a longer deadline")]
    Late {
        /// Where.
        server: SocketAddr,
        /// How long it had.
        deadline: Duration,
    },
    /// The connection failed.
    #[error("the connection to {server} failed ({source}); connect again")]
    Io {
        /// Where.
        server: SocketAddr,
        /// What the operating system reports.
        source: io::Error,
    },
    /// The server has closed the connection.
    #[error("{server} closed the connection before it answered; connect again")]
    Closed {
        /// Where.
        server: SocketAddr,
    },
    /// What it answered is no reply.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// It answered more than was asked.
    #[error(
        "{server} sent more replies than there were requests; look for what else answers there"
    )]
    Surplus {
        /// Where.
        server: SocketAddr,
    },
    /// A request without arguments has no reply.
    #[error("a request is empty; give it at least the name of a command")]
    EmptyRequest,
    /// An earlier call on this connection failed, or was dropped before it ended.
    #[error("this connection to {server} is unusable since an earlier call failed; connect again")]
    Unusable {
        /// Where.
        server: SocketAddr,
    },
}

/// A connection to a server. After any error it is unusable.
#[derive(Debug)]
pub struct Client {
    server: SocketAddr,
    deadline: Duration,
    stream: TcpStream,
    parser: ReplyParser,
    is_usable: bool,
}

impl Client {
    /// Connects. `deadline` is for this, and for each call.
    ///
    /// # Errors
    /// No server listens there, or it is late.
    pub async fn connect(server: SocketAddr, deadline: Duration) -> Result<Self, ClientError> {
        let connected = timeout(deadline, TcpStream::connect(server)).await;
        let connected = connected.map_err(|_| ClientError::Late { server, deadline })?;
        let stream = connected
            .and_then(checked)
            .map_err(|source| ClientError::Connect { server, source })?;
        let parser = ReplyParser::new(ReplyLimits::default());
        Ok(Self { server, deadline, stream, parser, is_usable: true })
    }

    /// Sends one request, and waits for its reply. An error that the server answers is a reply.
    ///
    /// # Errors
    /// There is none. What was asked may have been done.
    pub async fn call(&mut self, request: &[impl AsRef<[u8]>]) -> Result<Reply, ClientError> {
        let mut replies = self.call_all(&[request]).await?;
        Ok(replies.pop().expect("one for each request"))
    }

    /// Sends all requests, and reads replies meanwhile; gives one for each, in order. The deadline is for
    /// all together.
    ///
    /// # Errors
    /// There is one without a reply. Any of them may have been carried out.
    pub async fn call_all<R: AsRef<[A]>, A: AsRef<[u8]>>(
        &mut self,
        requests: &[R],
    ) -> Result<Vec<Reply>, ClientError> {
        let (server, deadline) = (self.server, self.deadline);
        // If this call is dropped before it ends, its replies would be taken for those of the next one.
        if !std::mem::replace(&mut self.is_usable, false) {
            return Err(ClientError::Unusable { server });
        }
        if requests.iter().any(|request| request.as_ref().is_empty()) {
            return Err(ClientError::EmptyRequest);
        }
        let (reading, writing) = self.stream.split();
        let exchange = async {
            tokio::try_join!(
                read_replies(reading, &mut self.parser, requests.len(), server),
                async { write_requests(writing, requests).await.map_err(failed(server)) },
            )
        };
        let exchanged = timeout(deadline, exchange).await;
        let (replies, ()) = exchanged.map_err(|_| ClientError::Late { server, deadline })??;
        if self.parser.buffered() > 0 {
            return Err(ClientError::Surplus { server });
        }
        self.is_usable = true;
        Ok(replies)
    }
}

fn failed(server: SocketAddr) -> impl FnOnce(io::Error) -> ClientError {
    move |source| ClientError::Io { server, source }
}

async fn write_requests<R: AsRef<[A]>, A: AsRef<[u8]>>(
    mut writing: WriteHalf<'_>,
    requests: &[R],
) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    for request in requests {
        encode_request(request.as_ref(), &mut bytes);
        if bytes.len() >= MAX_WRITE {
            writing.write_all(&bytes).await?;
            bytes.clear();
        }
    }
    writing.write_all(&bytes).await
}

async fn read_replies(
    mut reading: ReadHalf<'_>,
    parser: &mut ReplyParser,
    count: usize,
    server: SocketAddr,
) -> Result<Vec<Reply>, ClientError> {
    let mut replies = Vec::new();
    while replies.len() < count {
        if let Some(reply) = parser.next_reply()? {
            replies.push(reply);
        } else if reading.read_buf(&mut parser.room()).await.map_err(failed(server))? == 0 {
            return Err(ClientError::Closed { server });
        }
    }
    Ok(replies)
}
