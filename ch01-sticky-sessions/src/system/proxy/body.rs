//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Bodies, which are passed on frame by frame. What ends before its end is passed on as broken, never as
//! if it were whole.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::http::StatusCode;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::headers;
use super::upstream::Lease;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// How far a request's body is.
#[derive(Default)]
pub(super) struct Progress {
    frames: AtomicU64,
    /// The status for what went wrong on the client's side; 0 if nothing did.
    problem: AtomicU16,
    gate: Mutex<Gate>,
}

/// Where a body waits for the backend's 100 Continue.
#[derive(Default)]
struct Gate {
    is_closed: bool,
    waiting: Option<Waker>,
}

impl Progress {
    pub(super) fn new(is_closed: bool) -> Arc<Self> {
        let gate = Mutex::new(Gate { is_closed, waiting: None });
        Arc::new(Self { gate, ..Self::default() })
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.gate().is_closed
    }

    /// Lets the body go. The library sends the client its 100 Continue then.
    pub(super) fn go_ahead(&self) {
        let mut gate = self.gate();
        gate.is_closed = false;
        if let Some(waiting) = gate.waiting.take() {
            waiting.wake();
        }
    }

    /// Grows while the body moves.
    pub(super) fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// What went wrong on the client's side.
    pub(super) fn problem(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.problem.load(Relaxed)).ok()
    }

    fn has_problem(&self, status: StatusCode) {
        self.problem.store(status.as_u16(), Relaxed);
    }
}

/// The body of a request, on its way to a backend.
pub(super) struct Upload(Option<Uploaded>);

struct Uploaded {
    body: Incoming,
    /// Bytes that may still come.
    left: u64,
    progress: Arc<Progress>,
}

impl Upload {
    pub(super) fn empty() -> Self {
        Self(None)
    }

    pub(super) fn new(body: Incoming, limit: u64, progress: Arc<Progress>) -> Self {
        Self(Some(Uploaded { body, left: limit, progress }))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(Uploaded { body, left, progress }) = &mut self.0 else { return Poll::Ready(None) };
        let mut gate = progress.gate();
        if gate.is_closed {
            gate.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        drop(gate);
        let frame = match ready!(Pin::new(body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                let status = if is_late(&error) { 408 } else { 400 };
                progress.problem.store(status, Relaxed);
                return Poll::Ready(Some(Err(error.into())));
            }
            None => return Poll::Ready(None),
        };
        progress.frames.fetch_add(1, Relaxed);
        // A request's trailers may be discarded (RFC 9110, section 6.5.1), and no shop needs them.
        let Ok(data) = frame.into_data() else { return Poll::Ready(None) };
        let Some(after) = left.checked_sub(data.len() as u64) else {
            progress.has_problem(StatusCode::PAYLOAD_TOO_LARGE);
            return Poll::Ready(Some(Err("the body is too long".into())));
        };
        *left = after;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|uploaded| uploaded.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), |uploaded| uploaded.body.size_hint())
    }
}

fn is_late(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// The body of an answer, on its way to a client.
pub(super) struct Download(Source);

enum Source {
    /// Our own words.
    Text(Option<Bytes>),
    Stream(Box<Downloaded>),
}

struct Downloaded {
    body: Incoming,
    /// What goes back to its backend at the end.
    lease: Option<Lease>,
    silence: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Download {
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self(Source::Text(Some(text.into()).filter(|text| !text.is_empty())))
    }

    pub(super) fn new(body: Incoming, lease: Lease, silence: Duration) -> Self {
        let lease = Some(lease);
        Self(Source::Stream(Box::new(Downloaded { body, lease, silence, timer: None })))
    }
}

impl Downloaded {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let Poll::Ready(frame) = frame else {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.silence)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Some(Err("the backend was silent for too long".into())));
        };
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(Instant::now() + self.silence);
        }
        match frame {
            Some(Ok(frame)) => {
                let frame = match frame.into_trailers() {
                    Ok(mut trailers) => {
                        headers::clean_trailers(&mut trailers);
                        Frame::trailers(trailers)
                    }
                    Err(data) => data,
                };
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                if let Some(lease) = self.lease.take() {
                    lease.give_up();
                }
                Poll::Ready(Some(Err(error.into())))
            }
            None => Poll::Ready(None),
        }
    }
}

/// The library reads no further than a length that it knows.
impl Drop for Downloaded {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take()
            && self.body.is_end_stream()
        {
            lease.give_back();
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Source::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Source::Stream(downloaded) => downloaded.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Text(text) => text.is_none(),
            Source::Stream(downloaded) => downloaded.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Text(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Source::Stream(downloaded) => downloaded.body.size_hint(),
        }
    }
}
