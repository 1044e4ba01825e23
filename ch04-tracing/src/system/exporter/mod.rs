//! Edge: makes it survive the real world. The lesson is in [`crate::step4_exporter`].
//!
//! Sends finished spans to a collector, and can account for each of them.
//!
//! [`Exporter::record`] never waits: a span goes into the [`SpanQueue`], and one of those in it may be dropped. A
//! thread of its own takes batches out and posts them by OTLP, again and again while the collector asks for
//! that. The [`Ledger`] is exact at every moment, because the queue is behind one lock.
//!
//! | file | what it is |
//! |---|---|
//! | `post.rs` | one batch on its way: which answers mean what |
//!
//! # Left out
//!
//! TLS, and packing what is sent: on one machine bytes are cheaper than the time to pack them.

mod post;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::{Notify, oneshot};

use crate::otlp;
use crate::step4_exporter::{ATTEMPTS, BATCH, Class, FIRST_WAIT, LINGER, Ledger, QUEUE, SpanQueue};
use crate::types::Span;
use post::Post;

pub use post::BadEndpoint;

/// How an exporter works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// `http://host:port` of the collector; without a path, `/v1/traces` is added.
    pub endpoint: String,
    /// As many spans wait at most.
    pub queue: usize,
    /// A span that took longer is one of the last to be dropped.
    pub slow: Duration,
    /// As many go together at most; at least 1.
    pub batch: usize,
    /// As long a span waits for others at most.
    pub linger: Duration,
    /// As often a batch is sent at most.
    pub attempts: u32,
    /// Before the second attempt; doubled for each further one, up to 5 s.
    pub first_wait: Duration,
    /// For one attempt.
    pub deadline: Duration,
}

impl Options {
    /// What suits a collector on this machine.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            queue: QUEUE,
            slow: Duration::from_millis(250),
            batch: BATCH,
            linger: LINGER,
            attempts: ATTEMPTS,
            first_wait: FIRST_WAIT,
            deadline: Duration::from_secs(10),
        }
    }
}

/// Why no exporter is started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The endpoint is none.
    #[error(transparent)]
    Endpoint(#[from] BadEndpoint),
    /// No span would ever be sent.
    #[error("an exporter with a batch of 0 sends nothing; choose a batch of 1 or more")]
    EmptyBatch,
    /// The operating system gives no thread.
    #[error(
        "cannot start the exporter's thread: {0}; end other programs, or raise the limit of threads"
    )]
    Thread(#[from] io::Error),
}

/// Takes finished spans.
pub struct Exporter {
    shared: Arc<Shared>,
    /// None once it was asked to end.
    end: Mutex<Option<oneshot::Sender<Duration>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<SpanQueue<Span>>,
    /// Of an earlier process. Locked before the queue.
    found: Mutex<VecDeque<Span>>,
    /// There is a first span, or a whole batch, or the end.
    wake: Notify,
    options: Options,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, SpanQueue<Span>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self) -> MutexGuard<'_, VecDeque<Span>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Half of the queue is for spans that are made now.
    fn refill(&self) {
        let mut found = self.found();
        let mut queue = self.queue();
        while queue.waiting() < self.options.queue.div_ceil(2) && !queue.is_closed() {
            let Some(span) = found.pop_front() else { return };
            let _ = queue.record(Class::of(&span, self.options.slow), span);
        }
    }
}

impl Exporter {
    /// Starts the thread that sends.
    ///
    /// # Errors
    /// The endpoint is none, or there is no thread to be had.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let find = post::fixed(&options)?;
        Self::start_towards(options, find)
    }

    /// The same for a collector that is somewhere else after each of its restarts: it is asked for before
    /// each attempt. `options.endpoint` does not count.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start_at(
        options: Options,
        address: impl Fn() -> Option<SocketAddr> + Send + 'static,
    ) -> Result<Self, StartError> {
        Self::start_towards(options, post::at(address))
    }

    fn start_towards(options: Options, find: post::Find) -> Result<Self, StartError> {
        if options.batch == 0 {
            return Err(StartError::EmptyBatch);
        }
        let post = Post::new(&options, find);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let queue = Mutex::new(SpanQueue::new(options.queue));
        let found = Mutex::default();
        let shared = Arc::new(Shared { queue, found, wake: Notify::new(), options });
        let (end, ended) = oneshot::channel();
        let sender = Arc::clone(&shared);
        // A runtime of its own: that of the application may be busy, or over already.
        let thread = std::thread::Builder::new().name("exporter".into());
        let thread = thread.spawn(move || runtime.block_on(run(&sender, post, ended)))?;
        Ok(Self { shared, end: Mutex::new(Some(end)), thread: Mutex::new(Some(thread)) })
    }

    /// Takes a finished span, and never waits.
    pub fn record(&self, span: Span) {
        let Shared { wake, options, .. } = &*self.shared;
        let class = Class::of(&span, options.slow);
        let mut queue = self.shared.queue();
        let dropped = queue.record(class, span);
        let waiting = queue.waiting();
        drop(queue);
        if dropped.is_none() && (waiting == 1 || waiting == options.batch) {
            wake.notify_one();
        }
    }

    /// Takes spans of an earlier process. They go into the queue as it has room, and push nothing out; until
    /// then they are in flight.
    pub fn send_found(&self, spans: impl IntoIterator<Item = Span>) {
        self.shared.found().extend(spans);
        self.shared.wake.notify_one();
    }

    /// What became of all spans so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let found = self.shared.found();
        let ledger = self.shared.queue().ledger();
        let (created, in_flight) =
            (ledger.created + found.len() as u64, ledger.in_flight + found.len() as u64);
        Ledger { created, in_flight, ..ledger }
    }

    /// Sends what is left, for so long at most, and takes nothing more. Blocks until then.
    #[must_use]
    pub fn shutdown(&self, within: Duration) -> Ledger {
        self.close(within);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the exporter's thread ended in a panic");
        }
        self.ledger()
    }

    fn close(&self, within: Duration) {
        self.shared.queue().close();
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(end) = end {
            // It is gone only if it panicked.
            let _ = end.send(within);
        }
        self.shared.wake.notify_one();
    }
}

/// Does not wait: what is left is sent for a second while the process goes on.
impl Drop for Exporter {
    fn drop(&mut self) {
        self.close(Duration::from_secs(1));
    }
}

async fn run(shared: &Shared, mut post: Post, end: oneshot::Receiver<Duration>) {
    let out_of_time = async {
        let within = end.await.unwrap_or_default();
        tokio::time::sleep(within).await;
    };
    tokio::select! {
        () = send_all(shared, &mut post) => {}
        () = out_of_time => {}
    }
    shared.queue().give_up();
}

/// Until it is closed and nothing is left.
async fn send_all(shared: &Shared, post: &mut Post) {
    while let Some(batch) = next_batch(shared).await {
        let body = otlp::request(&batch).encode_to_vec();
        let count = batch.len();
        // The spans themselves are not needed any more, their bytes are.
        drop(batch);
        let outcome = post.send(body.into(), count).await;
        shared.queue().settle(outcome);
    }
}

async fn next_batch(shared: &Shared) -> Option<Vec<Span>> {
    let Options { batch, linger, .. } = shared.options;
    loop {
        shared.refill();
        let (waiting, is_closed) = {
            let queue = shared.queue();
            (queue.waiting(), queue.is_closed())
        };
        if waiting == 0 && is_closed {
            return None;
        }
        if waiting == 0 {
            shared.wake.notified().await;
            continue;
        }
        if waiting < batch && !is_closed {
            // A permit of the first span may be left, so look again until there is a whole batch.
            let whole = async {
                while shared.queue().waiting() < batch && !shared.queue().is_closed() {
                    shared.wake.notified().await;
                }
            };
            let _ = tokio::time::timeout(linger, whole).await;
        }
        return Some(shared.queue().take(batch));
    }
}
