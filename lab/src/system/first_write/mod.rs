//! A store that keeps the first value of each key ("create if absent", a compare-and-set whose old value
//! is *none*), as a neighbour of the nodes: it has a [`crate::NodeId`], takes their messages, and answers
//! with what is kept. So a node that wants something decided once asks it, and stays a plain value.
//!
//! Which store it is stands behind [`FirstWrite`]: whatever serves SET with NX and GET in RESP
//! ([`RespStore`]: the replicated store of chapter 3, a Redis), or an etcd ([`Etcd`], feature `engines`).
//!
//! # Left out
//!
//! Asking again: the node that asked does that, because its question may be lost as well.

#[cfg(feature = "engines")]
mod etcd;
mod resp;
mod service;

#[cfg(feature = "engines")]
pub use etcd::Etcd;
pub use resp::RespStore;
pub use service::{Asked, StoreService, StoreWords};

use super::service::BoxFuture;

/// What is kept under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// It, for ever.
    pub value: Vec<u8>,
    /// Whether this very call put it there.
    pub is_new: bool,
}

/// The store did not answer. It may have kept the value: asking again finds out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub String);

/// A store that keeps the first value of each key.
pub trait FirstWrite: Send + Sync + 'static {
    /// Keeps this value under this key if nothing is there, and gives what is there. That is durable, and
    /// every later answer is the same.
    ///
    /// # Errors
    /// There is no answer.
    fn create<'a>(&'a self, key: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<Kept, Away>>;
}
