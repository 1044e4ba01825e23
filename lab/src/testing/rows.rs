//! A store in memory that serves RESP, for tests of what asks one: as chapter 3's does, or as a Redis does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;

use crate::resp::{Handler, Limits, Reply, Request, RequestLimits, serve};

const LIMITS: Limits = Limits {
    connections: 64,
    request: RequestLimits { max_arguments: 16, max_argument: 64 << 10, max_request: 128 << 10 },
    whole_request: Duration::from_secs(60),
    replies: Duration::from_secs(60),
};

/// One of several servers of the same rows.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Arc<Mutex<BTreeMap<Bytes, Bytes>>>,
    /// What it answers to every request, and does nothing.
    refuses: Option<&'static str>,
    /// Does what changes rows, and closes the connection without a reply.
    drops_replies: bool,
    /// Knows EVAL in the place of CAS, and takes the end of a row; no row ends here.
    is_redis: bool,
}

impl Rows {
    /// A server of these rows that refuses, with this error.
    #[must_use]
    pub fn refusing(&self, error: &'static str) -> Self {
        Self { refuses: Some(error), ..self.clone() }
    }

    /// A server of these rows that does what changes them, and then closes the connection without a reply.
    #[must_use]
    pub fn dropping_replies(&self) -> Self {
        Self { drops_replies: true, ..self.clone() }
    }

    /// A server of these rows that has no CAS, as a Redis.
    #[must_use]
    pub fn as_redis(&self) -> Self {
        Self { is_redis: true, ..self.clone() }
    }

    /// What is kept now.
    ///
    /// # Panics
    /// If a server did.
    #[must_use]
    pub fn all(&self) -> BTreeMap<Bytes, Bytes> {
        self.rows.lock().expect("no server panics").clone()
    }

    /// Serves on a free port, as long as this runtime lives.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn serve(self) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("a listener has an address");
        tokio::spawn(serve(listener, LIMITS, move || self.clone(), std::future::pending()));
        addr
    }

    fn answer(&self, request: &[Bytes]) -> Reply {
        if let Some(error) = self.refuses {
            return Reply::Error(error.into());
        }
        let mut rows = self.rows.lock().expect("no server panics");
        let mut exchange = |key: &Bytes, old: &Bytes, new: &Bytes| {
            let is_there = rows.get(key) == Some(old);
            if is_there {
                rows.insert(key.clone(), new.clone());
            }
            Reply::Integer(is_there.into())
        };
        match (&request[0][..], request) {
            (b"CAS", [_, key, old, new]) if !self.is_redis => exchange(key, old, new),
            (b"EVAL", [_, _, zero]) if self.is_redis && zero == "0" => Reply::Integer(1),
            (b"EVAL", [_, _, _, key, old, new, _]) if self.is_redis => exchange(key, old, new),
            (b"SET", [_, key, value, nx, end @ ..])
                if nx == "NX" && (self.is_redis || end.is_empty()) =>
            {
                if rows.contains_key(key) {
                    return Reply::Nil;
                }
                rows.insert(key.clone(), value.clone());
                Reply::Simple("OK".into())
            }
            (b"GET", [_, key]) => rows.get(key).cloned().map_or(Reply::Nil, Reply::Bulk),
            (name, _) => Reply::error(&format!("unknown command '{}'", name.escape_ascii())),
        }
    }
}

impl Handler for Rows {
    async fn handle(&mut self, requests: Vec<Request>) -> Vec<Reply> {
        let replies = requests.iter().map(|request| self.answer(request)).collect();
        // A script without keys only asks whether there are scripts.
        let is_read =
            |request: &Request| request[0] == "GET" || request[0] == "EVAL" && request.len() == 3;
        match self.drops_replies && !requests.iter().all(is_read) {
            true => Vec::new(),
            false => replies,
        }
    }
}
