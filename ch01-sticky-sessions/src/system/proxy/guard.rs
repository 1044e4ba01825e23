//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! The client's side of a connection, with what an HTTP library leaves to others:
//!
//! - *Refusal.* What [`super::scan`] refuses is replaced by a byte that no parser accepts. So the library
//!   answers 400 in its turn, after the answers to earlier requests, and closes.
//! - *Time.* Between requests a client may be silent for a while; a head has to be whole by a deadline;
//!   a body and the reading of an answer need a minimum rate. Only time spent waiting for the client
//!   counts, so a slow web process makes no client late.
//! - *Interim answers.* 1xx answers are written between two final ones, where the library has no place
//!   for them.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::config::Times;
use super::scan::Scanner;

/// No parser takes a NUL, in a head, a chunk size or a trailer; the empty line makes it look at once.
const POISON: &[u8] = b"\0\r\n\r\n";
/// What a client may still send when it is closed, so that it reads the answer first.
const MAX_LINGER: usize = 256 << 10;
const LATE: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Interim answers on their way from a request to its connection.
#[derive(Default)]
pub(super) struct Interim(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// A part of `bytes` is written.
    is_begun: bool,
    /// To be woken when there are bytes.
    connection: Option<Waker>,
    /// To be woken when there are none.
    request: Option<Waker>,
}

impl Interim {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an interim answer. [`Self::is_sent`] has to be awaited before the final one.
    pub(super) fn send(&self, answer: &[u8]) {
        let mut queue = self.queue();
        queue.bytes.extend_from_slice(answer);
        if let Some(connection) = queue.connection.take() {
            connection.wake();
        }
    }

    pub(super) async fn is_sent(&self) {
        std::future::poll_fn(|cx| {
            let mut queue = self.queue();
            if queue.bytes.is_empty() {
                return Poll::Ready(());
            }
            queue.request = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<()>> {
        let mut queue = self.queue();
        while !queue.bytes.is_empty() {
            queue.is_begun = true;
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, &queue.bytes))?;
            queue.bytes.drain(..written);
        }
        queue.is_begun = false;
        queue.connection = Some(cx.waker().clone());
        if let Some(request) = queue.request.take() {
            request.wake();
        }
        Poll::Ready(Ok(()))
    }
}

/// How long one side may still make us wait. Bytes earn time, but no more than there was at first: who has
/// moved a lot cannot rest for hours.
struct Pace {
    grace: Duration,
    /// Bytes per second.
    rate: u64,
    left: Duration,
    since: Option<Instant>,
}

impl Pace {
    fn new(grace: Duration, rate: u64) -> Self {
        Self { grace, rate: rate.max(1), left: grace, since: None }
    }

    fn begins_to_wait(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    fn moved(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let earned = (bytes as u64).saturating_mul(1_000_000) / self.rate;
        self.left = self.grace.min(self.left + Duration::from_micros(earned));
    }

    /// When a side that moves nothing more is late.
    fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + self.left)
    }
}

/// A connection of a client.
pub(super) struct Guarded<S> {
    stream: S,
    interim: Arc<Interim>,
    times: Times,
    scanner: Scanner,
    /// When the last head began, or something was written.
    since: Instant,
    body: Pace,
    writing: Pace,
    timer: Pin<Box<Sleep>>,
    /// What is left to pass on of [`POISON`].
    poison: Option<&'static [u8]>,
    /// The head did not arrive in time.
    is_late: bool,
    is_eof: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    pub(super) fn new(stream: S, interim: Arc<Interim>, times: Times) -> Self {
        let now = Instant::now();
        Self {
            stream,
            interim,
            times,
            scanner: Scanner::new(),
            since: now,
            body: Pace::new(times.body, times.min_rate),
            writing: Pace::new(times.write, times.min_rate),
            timer: Box::pin(sleep_until(now + times.idle)),
            poison: None,
            is_late: false,
            is_eof: false,
        }
    }

    /// The client's own stream, for a tunnel.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// Closes so that the client can read all that was written: closing a socket with unread bytes would
    /// reset it, and the answer would be lost (RFC 9112, section 9.6).
    pub(super) async fn close(mut self) {
        let linger = async {
            if self.is_late && self.scanner.is_in_head() {
                self.stream.write_all(LATE).await?;
            }
            self.stream.shutdown().await?;
            let (mut waste, mut left) = ([0; 4096], MAX_LINGER);
            while !self.is_eof && left > 0 {
                let read = self.stream.read(&mut waste).await?;
                self.is_eof = read == 0;
                left = left.saturating_sub(read);
            }
            io::Result::Ok(())
        };
        // Whatever happens, there is nobody left to be told.
        let _ = timeout(self.times.linger, linger).await;
    }

    /// Passes on what is left of the poison.
    fn spoil(&mut self, buf: &mut ReadBuf<'_>) {
        if let Some(poison) = self.poison {
            let part = poison.len().min(buf.remaining());
            buf.put_slice(&poison[..part]);
            self.poison = Some(&poison[part..]);
        }
    }

    /// Looks at what has arrived behind the first `before` bytes.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        let arrived = &buf.filled()[before..];
        self.is_eof = arrived.is_empty();
        if self.is_eof {
            return;
        }
        if self.scanner.is_between_requests() {
            self.since = Instant::now();
            self.body = Pace::new(self.times.body, self.times.min_rate);
        } else if !self.scanner.is_in_head() {
            self.body.moved(arrived.len());
        }
        if let Err(clean) = self.scanner.scan(arrived) {
            buf.set_filled(before + clean);
            self.poison = Some(POISON);
            self.spoil(buf);
        }
    }

    /// When the client is late with what it sends. It is not read while it waits for an answer.
    fn read_deadline(&self) -> Option<Instant> {
        let times = &self.times;
        if self.scanner.is_between_requests() {
            Some(self.since + times.idle)
        } else if self.scanner.is_in_head() {
            Some(self.since + times.head)
        } else {
            self.body.deadline()
        }
    }

    /// When it is late with what it takes.
    fn write_deadline(&self) -> Option<Instant> {
        self.writing.deadline()
    }

    /// An interim answer that has begun is written to its end.
    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.interim.queue().is_begun {
            return self.interim.poll_write(cx, &mut self.stream);
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the client is late.
    fn poll_late(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        loop {
            // Both directions share the timer: one that ends too early is only looked at once more.
            if self.timer.is_elapsed() || self.timer.deadline() > deadline {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(cx));
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
        }
    }

    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => {
                self.writing.moved(*bytes);
                self.since = Instant::now();
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.writing.begins_to_wait();
                ready!(self.poll_late(cx, self.write_deadline()));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        written
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.poison.is_some() || this.is_late {
            this.spoil(buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buf) {
            read?;
            this.inspect(buf, before);
            return Poll::Ready(Ok(()));
        }
        let is_head = this.scanner.is_between_requests() || this.scanner.is_in_head();
        if !is_head {
            this.body.begins_to_wait();
        }
        ready!(this.poll_late(cx, this.read_deadline()));
        if !is_head {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        this.is_late = true;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_begun(cx))?;
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_begun(cx))?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The library flushes when it has written all that it has.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.interim.poll_write(cx, &mut this.stream))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    /// [`Self::close`] does it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
