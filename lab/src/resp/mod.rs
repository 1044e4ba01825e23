//! Edge: makes it survive the real world.
//!
//! The Redis serialization protocol, version 2 (RESP2), on one machine: what answers it, and what asks.
//! So `redis-cli` and `redis-benchmark` work with a server of ours, and our client with Redis.
//!
//! ```text
//! request  *2\r\n$3\r\nGET\r\n$1\r\nk\r\n      or a line: GET k\r\n
//! reply    +OK\r\n    -ERR why\r\n    :7\r\n    $1\r\nv\r\n    $-1\r\n    *1\r\n:7\r\n
//! ```
//!
//! # Left out
//!
//! RESP3, replies that no request caused (publish and subscribe), TLS and sign-in. What a command means:
//! that is the handler's part, and so is `QUIT`.

mod buffer;
mod client;
mod encode;
mod inline;
pub(crate) mod members;
mod reply;
mod request;
mod serve;
mod servers;

pub use crate::places::TooFewFiles;
pub use client::{Client, ClientError};
pub use encode::{Reply, TooDeep, encode_request};
pub use members::BadAddress;
pub use reply::{ReplyError, ReplyLimits, ReplyParser};
pub use request::{Request, RequestError, RequestLimits, RequestParser};
pub use serve::{Handler, Limits, MAX_BATCH, serve};
pub use servers::{Find, NoServer, Servers};

/// How deep arrays may be nested in a reply, in both directions: an array of integers is one deep.
pub const MAX_DEPTH: usize = 8;
