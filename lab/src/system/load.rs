//! Many customers at once, each waiting for its answer before it asks again. Never a speed without a
//! verdict: what has to stay the same is read before and after.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::error::Error;
use super::handle::report;
use super::layout::Endpoints;
use super::service::BoxFuture;
use crate::measure::{Failed, Floors, Measured, Operation, Until, Waits, closed_loop, micros};

/// What `load` does to a system.
pub trait Workload: Send + Sync {
    /// How the result is put into words.
    fn words(&self) -> Words;

    /// One customer, whose requests carry its name: no other customer ever had it.
    fn customer(&self, name: String, seed: u64) -> Box<dyn Customer>;

    /// Reads what the verdict is about.
    fn audit(&self) -> BoxFuture<'_, Result<Value, Error>>;

    /// Whether that is right, before and after, and why.
    fn verdict(&self, before: &Value, after: &Value) -> (bool, String);
}

/// How the result of a load is put into words.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What is counted: "commit".
    pub unit: &'static str,
    /// What became of it: "committed".
    pub done: &'static str,
    /// What one request waits for.
    pub waits: Waits,
    /// The same as a sentence.
    pub because: &'static str,
}

/// One who asks.
pub trait Customer: Send {
    /// One request, the `n`th, from the question to the answer.
    fn ask(&mut self, n: u64) -> BoxFuture<'_, Result<(), Failed>>;
}

/// A customer in a loop of requests.
pub(super) struct Asking(pub(super) Box<dyn Customer>);

impl Operation for Asking {
    async fn run(&mut self, n: u64) -> Result<(), Failed> {
        self.0.ask(n).await
    }
}

/// What a load did.
#[derive(Clone, Debug)]
pub struct Load {
    /// How many asked at once.
    pub clients: usize,
    /// How they waited.
    pub measured: Measured,
    /// Fsyncs of each role meanwhile.
    pub syncs: Vec<(String, u64)>,
    /// Messages between roles meanwhile.
    pub messages: u64,
    /// Whether all is as it has to be, and why.
    pub verdict: (bool, String),
    /// One fsync and one round trip on this machine.
    pub floors: Floors,
    words: Words,
}

/// Loads a system for a while. `dir` is where its disk is measured.
///
/// # Errors
/// A role does not answer.
#[expect(clippy::disallowed_methods, reason = "a name that no client has used before")]
pub async fn load(
    system: &'static str,
    workload: &dyn Workload,
    endpoints: &Endpoints,
    dir: &Path,
    clients: usize,
    time: Duration,
) -> Result<Load, Error> {
    let floors = Floors::measure(dir)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let before = counts(system, endpoints).await?;
    let audited = workload.audit().await?;
    let customer = |i: usize| Asking(workload.customer(format!("load-{now}-{i}"), i as u64));
    let measured = closed_loop((0..clients).map(customer).collect(), Until::Time(time)).await;
    let verdict = workload.verdict(&audited, &workload.audit().await?);
    let after = counts(system, endpoints).await?;
    let grown = before.iter().zip(&after).map(|(before, after)| after.0 - before.0);
    let syncs = endpoints.iter().map(|(role, _)| role.clone()).zip(grown).collect();
    let messages = after.iter().map(|c| c.1).sum::<u64>() - before.iter().map(|c| c.1).sum::<u64>();
    let words = workload.words();
    Ok(Load { clients, measured, syncs, messages, verdict, floors, words })
}

/// Fsyncs and messages of each role, in order.
async fn counts(system: &'static str, endpoints: &Endpoints) -> Result<Vec<(u64, u64)>, Error> {
    let counts = report(endpoints).await.into_iter().map(|(role, status)| {
        let down = || Error::NoAnswer { system, whom: role, why: "it is down".into() };
        status.map(|s| (s.syncs, s.messages)).ok_or_else(down)
    });
    counts.collect()
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, Words { unit, done, waits, because }) = (self.measured.count(), self.words);
        let each = |of: u64| of as f64 / count.max(1) as f64;
        writeln!(
            f,
            "{} clients: {:.0} {done}/s; half within {:.0} µs, 99 % within {:.0} µs; {} not done",
            self.clients,
            self.measured.rate(),
            micros(self.measured.median()),
            micros(self.measured.quantile(0.99)),
            self.measured.failed(),
        )?;
        let all = self.syncs.iter().map(|(_, count)| count).sum();
        write!(f, "fsyncs per {unit}: {:.2} (", each(all))?;
        for (i, (role, count)) in self.syncs.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{role} {:.2}", each(*count))?;
        }
        writeln!(f, "); messages per {unit}: {:.2}", each(self.messages))?;
        writeln!(
            f,
            "floors here: one fsync {:.0} µs, one round trip {:.0} µs; {because}: {:.0} µs",
            micros(self.floors.fsync),
            micros(self.floors.round_trip),
            micros(self.floors.least(waits)),
        )?;
        let (is_ok, why) = &self.verdict;
        write!(f, "verdict: {}, {why}", if *is_ok { "ok" } else { "unsafe" })
    }
}
