//! `load --target`: customers of any etcd or Redis, which write unique values and read, and a verdict on
//! what they saw. Kill its servers meanwhile: the same judge that judges our replicas judges them.
//!
//! All ask the first server. Who gets no answer, or a refusal, goes to the next one.
//!
//! # Left out
//!
//! Asking again: a write without an answer stays open in the history, and the next one is another.

#![expect(clippy::disallowed_methods, reason = "a name that no key has had before")]

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab::check::{Type, Verdict};
use lab::measure::{Failed, Measured, Operation, Until, closed_loop};
use lab::rng::Rng;
use lab::system::{Error, say};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::connection::{Connection, Failure, Wire};
use super::seen::{Question, Seen};

/// Few enough that each is asked for often, and enough that few ask at once.
const KEYS: u64 = 100;
/// For one answer; then the next server is asked.
const DEADLINE: Duration = Duration::from_secs(2);
/// Between two servers.
const NEXT: Duration = Duration::from_millis(10);
/// Each key is read once more at the end, for so long.
const LAST_READS: Duration = Duration::from_secs(30);

/// A store somewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    wire: Wire,
    servers: Arc<[SocketAddr]>,
}

impl Target {
    /// `etcd://host:port[,host:port…]`, or `redis://…`.
    ///
    /// # Errors
    /// That is no such address, or it is not known here.
    pub fn at(url: &str) -> Result<Self, Error> {
        let bad = |why: &str| {
            Error::Refused(format!(
                "{url:?} is no address of a store ({why}); write etcd://HOST:PORT or redis://HOST:PORT, \
                 with commas between its servers"
            ))
        };
        let (wire, servers) = match url.split_once("://") {
            Some(("etcd", servers)) => (Wire::Etcd, servers),
            Some(("redis", servers)) => (Wire::Redis, servers),
            _ => return Err(bad("it begins with neither")),
        };
        let resolve = |server: &str| {
            let found = server.to_socket_addrs().map_err(|why| bad(&format!("{server}: {why}")))?;
            found.into_iter().next().ok_or_else(|| bad(&format!("{server} has no address")))
        };
        let servers = servers.trim_end_matches('/').split(',').map(resolve);
        Ok(Self { wire, servers: servers.collect::<Result<_, _>>()? })
    }
}

/// One who writes and reads.
struct Customer {
    target: Target,
    seen: Arc<Seen>,
    /// What all keys of this run begin with.
    prefix: Arc<str>,
    values: Arc<AtomicU64>,
    process: u64,
    at: usize,
    connection: Option<Connection>,
    rng: Rng,
}

impl Customer {
    fn question(&mut self) -> Question {
        let key = format!("{}{}", self.prefix, self.rng.pick(0..KEYS));
        let writes = self.rng.pick(0..2) == 0;
        let value = if writes { json!(self.values.fetch_add(1, Relaxed) + 1) } else { Value::Null };
        Question { process: self.process, f: if writes { "write" } else { "read" }, key, value }
    }

    /// Asks one thing, once a server takes it, and notes question and answer.
    async fn ask(&mut self, question: &Question) -> Result<(), Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let server = self.target.servers[self.at % self.target.servers.len()];
                let connected = self.target.wire.connect(server, DEADLINE).await;
                connected.map_err(|_| Failure::NotDone)?
            }
        };
        self.seen.note(Type::Invoke, question, question.value.clone());
        let answered = match &question.value {
            Value::Null => connection.get(&question.key).await.map(|found| read(found.as_deref())),
            value => {
                let put = connection.put(&question.key, value.to_string().as_bytes()).await;
                put.map(|()| value.clone())
            }
        };
        match answered {
            Ok(value) => {
                self.seen.note(Type::Ok, question, value);
                self.connection = Some(connection);
                Ok(())
            }
            // A read that is not answered changes nothing either.
            Err(Failure::Unknown) if !question.value.is_null() => {
                self.seen.note(Type::Info, question, question.value.clone());
                self.process = self.seen.process();
                Err(Failure::Unknown)
            }
            Err(failure) => {
                self.seen.note(Type::Fail, question, question.value.clone());
                Err(failure)
            }
        }
    }
}

/// What is kept is a number of ours, or something that no customer wrote.
fn read(found: Option<&[u8]>) -> Value {
    found.map_or(Value::Null, |found| {
        let text = String::from_utf8_lossy(found);
        text.parse::<u64>().map_or_else(|_| json!(text), Value::from)
    })
}

impl Operation for Customer {
    async fn run(&mut self, _n: u64) -> Result<(), Failed> {
        if self.seen.is_full() {
            sleep(NEXT).await;
            return Err(Failed);
        }
        let question = self.question();
        let asked = self.ask(&question).await;
        if asked.is_err() {
            self.at += 1;
            sleep(NEXT).await;
        }
        Ok(asked?)
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// How the customers waited.
    pub measured: Measured,
    /// What the judge says.
    pub verdict: Verdict,
    /// How many operations that rests on, and on how many writes the outcome is unknown.
    pub judged: (usize, usize),
    /// Whether no more could be noted.
    pub full: bool,
}

/// Loads a store for a while, and judges what the customers saw.
///
/// # Errors
/// What they saw is no history.
pub async fn load(target: &Target, customers: usize, time: Duration) -> Result<Loaded, Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let (seen, values) = (Arc::new(Seen::begin()), Arc::new(AtomicU64::new(0)));
    let prefix: Arc<str> = format!("load-{now}/").into();
    let customer = |seed: usize| Customer {
        target: target.clone(),
        seen: Arc::clone(&seen),
        prefix: Arc::clone(&prefix),
        values: Arc::clone(&values),
        process: seen.process(),
        at: 0,
        connection: None,
        rng: Rng::new(seed as u64),
    };
    let measured = closed_loop((0..customers).map(customer).collect(), Until::Time(time)).await;
    let full = seen.is_full();
    // What was written last is read by no customer any more.
    let mut last = customer(customers);
    let reads = async {
        for key in 0..KEYS {
            let (f, key, value) = ("read", format!("{prefix}{key}"), Value::Null);
            let question = Question { process: last.process, f, key, value };
            while last.ask(&question).await.is_err() {
                last.at += 1;
                sleep(NEXT).await;
            }
        }
    };
    // If no server answers any more, the verdict rests on what was seen before.
    let _ = tokio::time::timeout(LAST_READS, reads).await;
    let judged = seen.judge().map_err(|bad| Error::Refused(bad.to_string()))?;
    let of = (judged.counts.operations, judged.counts.unknown);
    Ok(Loaded { measured, verdict: judged.verdict, judged: of, full })
}

/// The same for the command line; gives the exit code.
pub(crate) async fn run(url: &str, customers: usize, time: Duration) -> Result<u8, Error> {
    let target = Target::at(url)?;
    let seconds = time.as_secs();
    say(&format!("{customers} customers of {url} for {seconds} s, each waits for its answer …"));
    let Loaded { measured, verdict, judged: (operations, unknown), full } =
        load(&target, customers, time).await?;
    let failed = measured.failed();
    say(&format!("{customers} clients: {measured}").replace(&format!(", {failed} failed"), ""));
    if failed > 0 {
        say(&format!("{failed} times there was no answer, or a refusal"));
    }
    if full {
        say(
            "the history is full: what came after that was not asked; use fewer seconds or clients",
        );
    }
    let of = format!("{operations} operations on {KEYS} keys, {unknown} with an unknown outcome");
    let (code, said) = match verdict {
        Verdict::Ok => (0, format!("ok, linearizable: {of}")),
        Verdict::Violation { why, window } => {
            let lines: Vec<String> = window.iter().map(|entry| json!(entry).to_string()).collect();
            (1, format!("violation, {of}\n{why}\n{}", lines.join("\n")))
        }
        Verdict::Undecided { why } => (3, format!("undecided, {of}: {why}")),
    };
    say(&format!("verdict: {said}"));
    Ok(code)
}
