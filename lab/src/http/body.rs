//! A request's body, with a time within which it has to be there.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body that fails once it is late. Most bodies come together with their head: the clock starts, and
/// costs something, at the first wait.
pub(super) struct InTime {
    body: Incoming,
    within: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    is_late: Arc<AtomicBool>,
}

impl InTime {
    /// `is_late` is set if it does not arrive in time.
    pub(super) fn new(body: Incoming, within: Duration, is_late: Arc<AtomicBool>) -> Self {
        Self { body, within, timer: None, is_late }
    }
}

impl Body for InTime {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(this.within)));
        ready!(timer.as_mut().poll(cx));
        this.is_late.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err("the body did not arrive in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
