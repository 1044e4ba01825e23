//! Load on the store: increments in sessions, each counted once, whatever is killed meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use lab::http::Caller;
use lab::measure::{Failed, Waits};
use lab::resp::{Client, Reply};
use lab::rng::Rng;
use lab::system::{BoxFuture, Customer, Error, Words, Workload};
use serde_json::{Value, json};

use super::NAME;

/// How many counters there are.
const COUNTERS: u64 = 64;
/// For one reply; a replica gives one sooner.
const DEADLINE: Duration = Duration::from_secs(11);
/// While a leader is elected there is none to ask: a customer tries so often, so long apart.
const TRIES: usize = 200;
const AGAIN: Duration = Duration::from_millis(20);

/// Increments of counters.
pub(super) struct Increments {
    /// The pages of the first replica.
    front: SocketAddr,
    answered: Arc<AtomicU64>,
    /// Increments whose customer gave up: each may be counted, or not.
    open: Arc<AtomicU64>,
}

impl Increments {
    pub(super) fn new(front: SocketAddr) -> Self {
        Self { front, answered: Arc::default(), open: Arc::default() }
    }
}

/// Increments one counter after the other, in a session of its own.
struct Counting {
    replicas: Replicas,
    session: Option<i64>,
    rng: Rng,
    answered: Arc<AtomicU64>,
    open: Arc<AtomicU64>,
}

/// The replicas, and a connection to one of them.
struct Replicas {
    front: SocketAddr,
    all: Vec<SocketAddr>,
    connection: Option<Client>,
}

impl Replicas {
    fn new(front: SocketAddr) -> Self {
        Self { front, all: Vec::new(), connection: None }
    }

    /// Sends a request until a replica takes it. One that is in a session may be sent again, whatever
    /// became of it; any other one may be done more than once.
    async fn ask(&mut self, request: &[String]) -> Result<Reply, Failed> {
        for _ in 0..TRIES {
            match self.try_once(request).await {
                Some(Reply::Error(why))
                    if ["TRYAGAIN", "UNKNOWN", "MOVED"]
                        .iter()
                        .any(|word| why.starts_with(word)) => {}
                Some(reply) => return Ok(reply),
                None => {}
            }
            self.connection = None;
            if let [first, ..] = self.all[..] {
                self.all.retain(|replica| *replica != first);
                self.all.push(first);
            }
            tokio::time::sleep(AGAIN).await;
        }
        Err(Failed)
    }

    async fn try_once(&mut self, request: &[String]) -> Option<Reply> {
        if self.all.is_empty() {
            self.all = members(self.front).await?;
        }
        if self.connection.is_none() {
            self.connection = Client::connect(*self.all.first()?, DEADLINE).await.ok();
        }
        self.connection.as_mut()?.call(request).await.ok()
    }
}

/// Where the replicas serve clients.
async fn members(front: SocketAddr) -> Option<Vec<SocketAddr>> {
    let answer = Caller::new(front).get("/members").await.ok()?;
    let members = answer.body.as_object()?.values();
    members.map(|redis| redis.as_str()?.parse().ok()).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(ToOwned::to_owned).collect()
}

impl Customer for Counting {
    fn ask(&mut self, n: u64) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(async move {
            let session = match self.session {
                Some(session) => session,
                None => match self.replicas.ask(&words("SESSION")).await? {
                    Reply::Integer(session) => *self.session.insert(session),
                    _ => return Err(Failed),
                },
            };
            let counter = self.rng.pick(0..COUNTERS);
            // The customers count from 0, and requests of a session from 1.
            let request = words(&format!("X {session} {} INCR load/{counter}", n + 1));
            match self.replicas.ask(&request).await {
                Ok(Reply::Integer(_)) => {
                    self.answered.fetch_add(1, Relaxed);
                    Ok(())
                }
                _ => {
                    self.open.fetch_add(1, Relaxed);
                    Err(Failed)
                }
            }
        })
    }
}

impl Workload for Increments {
    fn words(&self) -> Words {
        Words {
            unit: "increment",
            done: "answered",
            waits: Waits { fsyncs: 1, round_trips: 2 },
            because: "an increment waits for one fsync and two round trips: the client's, and one \
                      between the replicas",
        }
    }

    fn customer(&self, _name: String, seed: u64) -> Box<dyn Customer> {
        Box::new(Counting {
            replicas: Replicas::new(self.front),
            session: None,
            rng: Rng::new(seed),
            answered: Arc::clone(&self.answered),
            open: Arc::clone(&self.open),
        })
    }

    /// The sum of all counters, and how many increments are answered and given up so far.
    fn audit(&self) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move {
            let mut replicas = Replicas::new(self.front);
            let mut sum = 0;
            for counter in 0..COUNTERS {
                let found = replicas.ask(&words(&format!("GET load/{counter}"))).await;
                sum += match found {
                    Ok(Reply::Nil) => 0,
                    Ok(Reply::Bulk(bytes)) => std::str::from_utf8(&bytes)
                        .ok()
                        .and_then(|text| text.parse::<u64>().ok())
                        .ok_or_else(|| Error::Refused(format!("load/{counter} is no counter")))?,
                    _ => {
                        let (whom, why) = ("the store".into(), "no leader".to_owned());
                        return Err(Error::silent(NAME, whom, why));
                    }
                };
            }
            let (answered, open) = (self.answered.load(Relaxed), self.open.load(Relaxed));
            Ok(json!({ "sum": sum, "answered": answered, "open": open }))
        })
    }

    fn verdict(&self, before: &Value, after: &Value) -> (bool, String) {
        let grown = |field: &str| {
            let of = |value: &Value| value[field].as_u64().unwrap_or_default();
            of(after).saturating_sub(of(before))
        };
        let (counted, answered, open) = (grown("sum"), grown("answered"), grown("open"));
        let once = (answered..=answered + open).contains(&counted);
        let rest = if open > 0 { format!(", {open} were given up") } else { String::new() };
        (once, format!("the counters grew by {counted}; {answered} increments were answered{rest}"))
    }
}
