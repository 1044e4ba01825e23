//! Edge: makes it survive the real world.
//!
//! Sends finished spans to a collector, and can account for each of them.
//!
//! [`Exporter::record`] never waits: a span goes into a bounded queue or is dropped. A thread of its own takes
//! batches out and posts them by OTLP, again and again while the collector asks for that. At every moment
//!
//! ```text
//! created = stored + dropped (and why) + in flight
//! ```
//! holds exactly ([`Ledger`]), because the queue and all counts are behind one lock.
//!
//! | file | what it is |
//! |---|---|
//! | `ledger.rs` | what became of each span |
//! | `post.rs` | one batch on its way: which answers mean what, and when to try again |
//!
//! # Left out
//!
//! Keeping spans when this process is killed, and choosing which ones to drop: see the steps. TLS, and
//! packing what is sent: on one machine bytes are cheaper than the time to pack them.

mod ledger;
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
use crate::types::Span;
use post::Post;

pub use ledger::{Dropped, Ledger};
pub use post::BadEndpoint;

/// How an exporter works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// `http://host:port` of the collector; without a path, `/v1/traces` is added.
    pub endpoint: String,
    /// As many spans wait at most.
    pub queue: usize,
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
            queue: 8192,
            batch: 512,
            linger: Duration::from_millis(200),
            attempts: 8,
            first_wait: Duration::from_millis(100),
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
    state: Mutex<State>,
    /// There is a first span, or a whole batch, or the end.
    wake: Notify,
    options: Options,
}

/// Everything that the ledger speaks of, so that it is never caught in the middle of a change.
#[derive(Default)]
struct State {
    queue: VecDeque<Span>,
    /// The spans of the batch that is on its way.
    on_the_way: usize,
    ledger: Ledger,
    is_closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Notify::new(), options });
        let (end, ended) = oneshot::channel();
        let sender = Arc::clone(&shared);
        // A runtime of its own: that of the application may be busy, or over already.
        let thread = std::thread::Builder::new().name("exporter".into());
        let thread = thread.spawn(move || runtime.block_on(run(&sender, post, ended)))?;
        Ok(Self { shared, end: Mutex::new(Some(end)), thread: Mutex::new(Some(thread)) })
    }

    /// Takes a finished span, or drops it; never waits.
    pub fn record(&self, span: Span) {
        let Shared { wake, options, .. } = &*self.shared;
        let mut state = self.shared.state();
        state.ledger.created += 1;
        if state.is_closed {
            state.ledger.drop(Dropped::AfterShutdown, 1);
        } else if state.queue.len() >= options.queue {
            state.ledger.drop(Dropped::QueueFull, 1);
        } else {
            state.queue.push_back(span);
            if state.queue.len() == 1 || state.queue.len() == options.batch {
                wake.notify_one();
            }
        }
    }

    /// What became of all spans so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let state = self.shared.state();
        let in_flight = (state.queue.len() + state.on_the_way) as u64;
        Ledger { in_flight, ..state.ledger.clone() }
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
        self.shared.state().is_closed = true;
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
    let mut state = shared.state();
    let rest = state.queue.len() + state.on_the_way;
    state.ledger.drop(Dropped::AtShutdown, rest as u64);
    state.queue.clear();
    state.on_the_way = 0;
}

/// Until it is closed and nothing is left.
async fn send_all(shared: &Shared, post: &mut Post) {
    while let Some(batch) = next_batch(shared).await {
        let body = otlp::request(&batch).encode_to_vec();
        let count = batch.len();
        // The spans themselves are not needed any more, their bytes are.
        drop(batch);
        let outcome = post.send(body.into(), count).await;
        let mut state = shared.state();
        state.on_the_way = 0;
        state.ledger.stored += outcome.stored as u64;
        for (why, count) in outcome.dropped {
            state.ledger.drop(why, count as u64);
        }
    }
}

async fn next_batch(shared: &Shared) -> Option<Vec<Span>> {
    let Options { batch, linger, .. } = shared.options;
    loop {
        let (waiting, is_closed) = {
            let state = shared.state();
            (state.queue.len(), state.is_closed)
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
                while shared.state().queue.len() < batch && !shared.state().is_closed {
                    shared.wake.notified().await;
                }
            };
            let _ = tokio::time::timeout(linger, whole).await;
        }
        let mut state = shared.state();
        let count = state.queue.len().min(batch);
        let taken: Vec<_> = state.queue.drain(..count).collect();
        state.on_the_way = taken.len();
        return Some(taken);
    }
}
