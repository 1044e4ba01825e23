//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! What the balancer may be told, and what it does if it is not.

use std::net::IpAddr;
use std::time::Duration;

/// How a balancer behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// What it is called in `Via`.
    pub name: String,
    /// Peers whose `X-Forwarded-For` is believed: other proxies of ours. From all others it is removed.
    pub trusted: Vec<IpAddr>,
    /// TLS ends in front of this balancer: browsers keep cookies as `__Host-` and `Secure`.
    pub tls_in_front: bool,
    /// The sizes of requests.
    pub limits: Limits,
    /// The patience with both sides.
    pub times: Times,
    /// When a request may be sent once more.
    pub retries: Retries,
    /// How backends are looked after.
    pub health: Health,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "lb".into(),
            trusted: Vec::new(),
            tls_in_front: false,
            limits: Limits::default(),
            times: Times::default(),
            retries: Retries::default(),
            health: Health::default(),
        }
    }
}

/// The sizes of requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections of clients at a time. More wait until one ends.
    pub connections: usize,
    /// Connections of one client's address: less than all, so that nobody takes all places. More are closed.
    /// An IPv6 address counts by its first half. Proxies of ours that are trusted have no such limit.
    pub connections_per_client: usize,
    /// Bytes of a head, at least 8,192; 431 above.
    pub head: usize,
    /// Fields of a head; 431 above.
    pub fields: usize,
    /// Bytes of a request's target; 414 above.
    pub target: usize,
    /// Bytes of a request's body; 413 above.
    pub body: u64,
    /// Idle connections kept for each backend.
    pub idle_upstream: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_per_client: 2_048,
            head: 32 << 10,
            fields: 100,
            target: 8 << 10,
            body: 16 << 20,
            idle_upstream: 64,
        }
    }
}

/// The patience with both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// A client between two requests.
    pub idle: Duration,
    /// A head, from its first byte to its last; 408 above.
    pub head: Duration,
    /// A body may lag this far behind [`Self::min_rate`]; 408 above.
    pub body: Duration,
    /// A client that reads an answer may, too; its connection is closed.
    pub write: Duration,
    /// Bytes per second.
    pub min_rate: u64,
    /// After the last answer, for a client to read it.
    pub linger: Duration,
    /// A connection to a backend; 504 above, if no other one takes the request.
    pub connect: Duration,
    /// The head of an answer, from the last byte of the request; 504 above.
    pub answer: Duration,
    /// The silence within an answer's body; its connection is closed.
    pub silence: Duration,
    /// A backend's 100 Continue, before the body is sent without it.
    pub go_ahead: Duration,
    /// An idle connection to a backend: less than the backend's own patience.
    pub idle_upstream: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            write: Duration::from_secs(20),
            min_rate: 512,
            linger: Duration::from_secs(1),
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(30),
            go_ahead: Duration::from_secs(1),
            idle_upstream: Duration::from_secs(5),
        }
    }
}

/// When a request may be sent once more: retries are a part of the traffic, not a multiple of it.
///
/// The figures are Finagle's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retries {
    /// For each hundred requests.
    pub percent: u64,
    /// And for each second.
    pub per_second: u64,
    /// For one request.
    pub most: usize,
}

impl Default for Retries {
    fn default() -> Self {
        Self { percent: 20, per_second: 10, most: 3 }
    }
}

/// How backends are looked after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    /// What is asked for; 2xx and 3xx are healthy.
    pub path: String,
    /// Between two checks.
    pub interval: Duration,
    /// For an answer.
    pub timeout: Duration,
    /// Good checks in a row before a backend that was down is up.
    pub rise: u32,
    /// Bad checks in a row, or failed connections in a row, before one that was up is down.
    pub fall: u32,
    /// Requests in a row that were sent and got no answer, before a backend that was up is down: the
    /// connection broke, or nothing came in time.
    pub unanswered: u32,
    /// For so long after it came up, [`super::Pool::weight`] of a backend is below 100: that much of its
    /// share it gets of requests that may go anywhere.
    pub slow_start: Duration,
    /// A backend that drains keeps its sessions for this time.
    pub drain: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            path: "/health".into(),
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: 3,
            unanswered: 10,
            slow_start: Duration::from_secs(10),
            drain: Duration::from_secs(60),
        }
    }
}
