//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Connections to backends: kept between requests, and used again only after an answer that was read to
//! its end. The most recent one goes first, so that the others grow old and end.

use std::io;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use lab::run::is_self_connection;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::backend::{Backend, InFlight};
use super::body::{Progress, Upload};
use super::config::{Limits, Times};

/// No head of a backend's answer is longer.
const MAX_HEAD: usize = 64 << 10;

/// A connection that waits for a request.
#[derive(Debug)]
pub(super) struct Idle {
    sender: SendRequest<Upload>,
    since: Instant,
}

impl Backend {
    /// The connection that was used last, if it can be used again.
    fn take_idle(&self, times: &Times) -> Option<SendRequest<Upload>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut busy = Vec::new();
        let mut found = None;
        while let Some(last) = idle.pop() {
            if last.sender.is_closed() || last.since.elapsed() > times.idle_upstream {
                continue;
            }
            if last.sender.is_ready() {
                found = Some(last.sender);
                break;
            }
            // Its request is still being sent, though its answer is there.
            busy.push(last);
        }
        idle.extend(busy);
        found
    }

    fn put_idle(&self, sender: SendRequest<Upload>, most: usize) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= most {
            idle.remove(0);
        }
        idle.push(Idle { sender, since: Instant::now() });
    }

    /// Closes what has been idle for too long.
    pub(super) fn prune_idle(&self, patience: Duration) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() <= patience);
    }

    /// It has closed one of them: the others are as old.
    pub(super) fn forget_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A connection that a request has.
pub(super) struct Lease {
    pub(super) in_flight: InFlight,
    sender: SendRequest<Upload>,
    most: usize,
}

impl Lease {
    /// Whose it is.
    pub(super) fn backend(&self) -> &Backend {
        &self.in_flight.0
    }

    /// The answer was read to its end.
    pub(super) fn give_back(self) {
        self.in_flight.0.put_idle(self.sender, self.most);
    }

    /// The answer ended before its end.
    pub(super) fn give_up(self) {
        self.in_flight.0.failed();
    }
}

/// A request got no answer.
pub(super) struct Failure {
    /// The request, if nothing of it was sent.
    pub(super) unsent: Option<Box<Request<Upload>>>,
    pub(super) why: Why,
}

/// Why it got none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// There is no connection.
    Refused,
    /// There was none in time.
    ConnectTimeout,
    /// The connection ended, or what came was no HTTP.
    Broken,
    /// A connection that had been idle ended: the backend closed it, as it may.
    Stale,
    /// There was no answer in time.
    Late,
}

/// Sends a request to the backend that has it, and waits for the head of its answer.
pub(super) async fn send(
    in_flight: InFlight,
    mut request: Request<Upload>,
    progress: Option<&Progress>,
    times: &Times,
    limits: &Limits,
) -> Result<(Response<Incoming>, Lease), Failure> {
    let backend = &Arc::clone(&in_flight.0);
    let most = limits.idle_upstream;
    while let Some(mut sender) = backend.take_idle(times) {
        let sent = sender.try_send_request(request);
        match answer(sent, progress, times).await {
            Ok(response) => return Ok((response, Lease { in_flight, sender, most })),
            Err(Failure { unsent: Some(again), .. }) => request = *again,
            Err(Failure { unsent: None, why }) => {
                let why = if why == Why::Broken { Why::Stale } else { why };
                return Err(Failure { unsent: None, why });
            }
        }
    }
    let mut sender = match timeout(times.connect, connect(backend, limits)).await {
        Ok(Ok(sender)) => sender,
        failed => {
            let why = if failed.is_err() { Why::ConnectTimeout } else { Why::Refused };
            return Err(Failure { unsent: Some(Box::new(request)), why });
        }
    };
    let response = answer(sender.try_send_request(request), progress, times).await?;
    Ok((response, Lease { in_flight, sender, most }))
}

async fn connect(backend: &Backend, limits: &Limits) -> io::Result<SendRequest<Upload>> {
    let stream = TcpStream::connect(backend.address()).await?;
    stream.set_nodelay(true)?;
    // A free port that dials itself can become its own server.
    if is_self_connection(stream.local_addr(), stream.peer_addr()) {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    let mut builder = Builder::new();
    builder.max_buf_size(MAX_HEAD).max_headers(limits.fields);
    let handshake = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(io::Error::other)?;
    let name = backend.name().to_owned();
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(backend = %name, %error, "a connection ended");
        }
    });
    Ok(sender)
}

/// Waits for an answer as long as the request moves, and for some time after that.
async fn answer(
    sent: impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Upload>>>>,
    progress: Option<&Progress>,
    times: &Times,
) -> Result<Response<Incoming>, Failure> {
    let mut sent = pin!(sent);
    loop {
        let frames = progress.map(Progress::frames);
        let is_waiting = progress.is_some_and(Progress::is_waiting);
        let patience = if is_waiting { times.go_ahead } else { times.answer };
        match timeout(patience, &mut sent).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(mut error)) => {
                let unsent = error.take_message().map(Box::new);
                return Err(Failure { unsent, why: Why::Broken });
            }
            Err(_) if is_waiting => progress.into_iter().for_each(Progress::go_ahead),
            Err(_) if progress.map(Progress::frames) != frames => {}
            Err(_) => return Err(Failure { unsent: None, why: Why::Late }),
        }
    }
}
