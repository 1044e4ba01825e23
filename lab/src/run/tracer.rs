//! Where it is told what is done for a request, to the part that makes spans of it.
//!
//! A driver knows which input came under which context, what it caused, and when all of that had left. It
//! does not know what a trace is: chapter 4 does. Only what comes with a context is told, and timeouts: so a
//! process without a tracer, or a request without a context, costs a comparison. A request whose context is not
//! to be told ([`Tracer::is_told`]) costs one question more for each of its messages and its answer.
//!
//! # Left out
//!
//! Timers carry no context. Most of them are about the node and not about one request; what they cause has
//! no parent, and that is better than a wrong one. A tracer may let a timeout be the first cause of all that
//! follows.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use super::context::Context;
use crate::NodeId;

/// Is told what a process does for requests.
pub trait Tracer: Send + Sync + Debug {
    /// A request has come from outside, with these header fields. Gives the context of all that it causes.
    fn request(
        &self,
        role: &str,
        what: &str,
        headers: &mut dyn Iterator<Item = (&str, &str)>,
    ) -> Context;

    /// The header fields that carry a context to a server of HTTP; none if it is to learn nothing.
    fn headers(&self, context: &Context) -> Vec<(&'static str, String)> {
        let _ = context;
        Vec::new()
    }

    /// Whether what is done under this context is told, and its answer. Where it is not, the context is handed
    /// on as it came, and that is all: such a message costs about as much as one without a context.
    fn is_told(&self, context: &Context) -> bool {
        let _ = context;
        true
    }

    /// A node is about to take an input that came under `context`, which is not empty. Gives the context of
    /// all that it causes.
    fn step(&self, role: &str, what: &str, context: &Context) -> Context;

    /// A timer of a node has run out. Gives the context of all that this causes; an empty one if nothing of it
    /// is to be told.
    fn timeout(&self, role: &str, timer: &str) -> Context {
        let _ = (role, timer);
        Context::default()
    }

    /// All that was begun under this context is done: its records are durable, and what it sent has left.
    fn end(&self, context: &Context, done: &Done);

    /// A request that this role took under `asked` is answered by a step under `by`. They are different where a
    /// node answers several requests at once.
    fn answered(&self, role: &str, asked: &Context, by: &Context);

    /// The process ends in order, and nothing that is told from now on counts. What was told before is handed on
    /// now, within a bounded time.
    fn close(&self) {}
}

/// What became of a piece of work.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Records that it made durable.
    pub records: u64,
    /// Messages that it sent.
    pub messages: u64,
    /// Why it did not do what was asked for.
    pub error: Option<String>,
}

/// The tracer of one node, and the names to use.
#[derive(Clone, Debug)]
pub struct Traced {
    /// Told.
    pub tracer: Arc<dyn Tracer>,
    /// The name of each node.
    pub names: BTreeMap<NodeId, String>,
}

impl Traced {
    /// The name of a node.
    #[must_use]
    pub fn name(&self, id: NodeId) -> &str {
        self.names.get(&id).map_or("client", String::as_str)
    }
}

/// What is done for one request from outside. It ends with its future, which is dropped when the client is
/// gone.
#[derive(Debug)]
pub struct Work {
    tracer: Arc<dyn Tracer>,
    context: Context,
    error: Option<String>,
}

impl Work {
    /// The work that [`Tracer::request`] was told about.
    #[must_use]
    pub fn begun(tracer: Arc<dyn Tracer>, context: Context) -> Self {
        Self { tracer, context, error: Some("the client did not wait".into()) }
    }

    /// There is an answer, and perhaps one that tells of an error.
    pub fn answered(mut self, error: Option<String>) {
        self.error = error;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.tracer.end(&self.context, &Done { error: self.error.take(), ..Done::default() });
    }
}
