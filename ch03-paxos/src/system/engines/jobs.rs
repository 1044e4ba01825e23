//! What clients do to a store, and whether it is done right: puts, linearizable reads, pings.
//!
//! # Left out
//!
//! Reads beside writes. Apart, each has a number of its own.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use lab::measure::{Contender, Error, Failed, Measured, Operation, Until, Waits, closed_loop};
use lab::rng::Rng;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::connection::{Connection, Wire};
use super::stores::Store;

/// In bytes.
const VALUE: usize = 256;
/// Each client that puts has so many keys of its own.
const OWN_KEYS: u64 = 40;
/// So many keys are read.
const KEYS: u64 = 1_000;
/// For one answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// So many clients put what is read later.
const FILLERS: u64 = 50;

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Job {
    Put,
    Read,
    Ping,
}

/// A value that shows which one it is.
fn value(stamp: u64) -> Vec<u8> {
    let mut value = format!("{stamp:020}").into_bytes();
    value.resize(VALUE, b'.');
    value
}

fn stamp(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value.get(..20)?).ok()?.parse().ok()
}

fn read_key(n: u64) -> String {
    format!("read/{n:04}")
}

/// Puts what [`Job::Read`] will find.
pub(super) fn fill(store: &Store, runtime: &Handle) -> Result<(), Error> {
    let (wire, leader) = (store.wire(), store.servers()?[0]);
    let filled = runtime.block_on(async {
        let clients = wire.connect_all(leader, DEADLINE, FILLERS as usize).await?;
        let fillers = (0..).zip(clients).map(|(first, connection)| Filling { connection, first });
        Ok(closed_loop(fillers.collect(), Until::Count(KEYS / FILLERS)).await)
    })?;
    match filled.failed() {
        0 => Ok(()),
        failed => Err(Error::contender("a store", format!("{failed} of {KEYS} puts failed"))),
    }
}

struct Filling {
    connection: Connection,
    first: u64,
}

impl Operation for Filling {
    async fn run(&mut self, n: u64) -> Result<(), Failed> {
        let n = self.first + n * FILLERS;
        Ok(self.connection.put(&read_key(n), &value(n)).await?)
    }
}

/// One client that puts, and the last stamp that was acknowledged.
#[derive(Clone)]
pub(super) struct Putter {
    name: String,
    last: Arc<AtomicU64>,
}

impl Putter {
    pub(super) fn new(name: String) -> Self {
        Self { name, last: Arc::default() }
    }

    /// Puts the value with this stamp; stamps of a client grow.
    pub(super) async fn put(&self, connection: &mut Connection, stamp: u64) -> Result<(), Failed> {
        connection.put(&self.key(stamp), &value(stamp)).await?;
        self.last.store(stamp, Relaxed);
        Ok(())
    }

    fn key(&self, stamp: u64) -> String {
        format!("put/{}/{}", self.name, stamp % OWN_KEYS)
    }

    /// Whether its last acknowledged put is there, or a later one.
    async fn is_kept(&self, connection: &mut Connection) -> Result<bool, Failed> {
        let last = self.last.load(Relaxed);
        if last == 0 {
            return Ok(true);
        }
        let found = connection.get(&self.key(last)).await?;
        Ok(found.as_deref().and_then(stamp).is_some_and(|found| found >= last))
    }
}

/// How many of these have lost a put that was acknowledged.
pub(super) async fn lost(putters: &[Putter], connection: &mut Connection) -> Result<u64, Failed> {
    let mut lost = 0;
    for putter in putters {
        lost += u64::from(!putter.is_kept(connection).await?);
    }
    Ok(lost)
}

/// One client at work.
enum Working {
    Putting { putter: Putter, connection: Connection, base: u64 },
    Reading { connection: Connection, rng: Rng, wrong: Arc<AtomicU64> },
    Pinging { connection: Connection },
}

impl Operation for Working {
    async fn run(&mut self, n: u64) -> Result<(), Failed> {
        match self {
            Self::Putting { putter, connection, base } => putter.put(connection, *base + n).await,
            Self::Reading { connection, rng, wrong } => {
                let key = rng.pick(0..KEYS);
                let found: Option<Bytes> = connection.get(&read_key(key)).await?;
                let is_right = found.is_some_and(|found| found == value(key));
                wrong.fetch_add(u64::from(!is_right), Relaxed);
                Ok(())
            }
            Self::Pinging { connection } => Ok(connection.ping(&read_key(0)).await?),
        }
    }
}

/// A store at one job.
pub(super) struct AtWork {
    pub(super) name: &'static str,
    pub(super) job: Job,
    /// It has three jobs, one at a time.
    pub(super) store: Rc<RefCell<Store>>,
    pub(super) runtime: Handle,
    pub(super) putters: Vec<Putter>,
    pub(super) wrong: Arc<AtomicU64>,
    /// How often clients were let loose.
    pub(super) loads: u64,
}

impl AtWork {
    fn working(&mut self, number: usize, connection: Connection) -> Working {
        match self.job {
            Job::Put => {
                if self.putters.len() <= number {
                    self.putters.push(Putter::new(number.to_string()));
                }
                // No client ever makes so many in one go.
                let base = self.loads << 32;
                Working::Putting { putter: self.putters[number].clone(), connection, base }
            }
            Job::Read => {
                let (rng, wrong) = (Rng::new(number as u64), Arc::clone(&self.wrong));
                Working::Reading { connection, rng, wrong }
            }
            Job::Ping => Working::Pinging { connection },
        }
    }
}

impl Contender for AtWork {
    fn name(&self) -> &'static str {
        self.name
    }

    fn job(&self) -> &'static str {
        match self.job {
            Job::Put => "put",
            Job::Read => "read",
            Job::Ping => "ping",
        }
    }

    fn version(&self) -> String {
        if self.job == Job::Put { self.store.borrow().version() } else { String::new() }
    }

    /// The client's round trip; one fsync of the leader while the others have theirs, and a round trip to
    /// them. One process waits for itself alone.
    fn waits(&self) -> Waits {
        let is_one = self.store.borrow().wire() == Wire::Redis;
        let round_trips = if is_one || self.job == Job::Ping { 1 } else { 2 };
        Waits { fsyncs: u32::from(self.job == Job::Put), round_trips }
    }

    fn processes(&mut self) -> Vec<u32> {
        self.store.borrow_mut().processes()
    }

    fn load(&mut self, clients: usize, time: Duration) -> Result<Measured, Error> {
        let (wire, leader) = (self.store.borrow().wire(), self.store.borrow().servers()?[0]);
        let runtime = self.runtime.clone();
        let connected = runtime.block_on(wire.connect_all(leader, DEADLINE, clients))?;
        self.loads += 1;
        let at_work = connected.into_iter().enumerate();
        let at_work = at_work.map(|(i, connection)| self.working(i, connection)).collect();
        Ok(runtime.block_on(closed_loop(at_work, Until::Time(time))))
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.store.borrow_mut().settle()
    }

    fn fsyncs(&mut self) -> Result<Option<u64>, Error> {
        self.store.borrow().fsyncs()
    }

    /// How many clients have lost a put, and how many reads found another value than was put.
    fn audit(&mut self) -> Result<Value, Error> {
        let store = self.store.borrow();
        let (wire, leader) = (store.wire(), store.servers()?[0]);
        let lost = self.runtime.block_on(async {
            let mut connection = wire.connect(leader, DEADLINE).await?;
            let lost = lost(&self.putters, &mut connection).await;
            lost.map_err(|Failed| Error::contender(self.name, "a read was not answered"))
        })?;
        Ok(json!(lost + self.wrong.load(Relaxed)))
    }

    fn verdict(&self, _before: &Value, after: &Value) -> (bool, String) {
        let wrong = after.as_u64().unwrap_or_default();
        let is_right = wrong == 0;
        match self.job {
            Job::Put => (is_right, format!("{wrong} acknowledged puts lost")),
            Job::Read => (is_right, format!("{wrong} wrong answers")),
            Job::Ping => (is_right, "nothing to lose".into()),
        }
    }
}
