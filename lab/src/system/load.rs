//! Many customers at once, each waiting for its answer before it asks again. Never a speed without a
//! verdict: what has to stay the same is read before and after.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::error::Error;
use super::handle::{Handle, RoleReport};
use super::service::{BoxFuture, Status};
use crate::measure::{Failed, Floors, Measured, Operation, Until, Waits, closed_loop, micros};

/// A role that is restarted answers again soon: it is asked so often, and so long after each silence.
const MOST_ASKED: usize = 50;
const ASK_AGAIN: Duration = Duration::from_millis(100);

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
    /// Roles that were started meanwhile: what they counted before is not known.
    pub restarted: Vec<String>,
    /// Roles that are down after it: what they counted is not known.
    pub down: Vec<String>,
    /// Messages between roles meanwhile.
    pub messages: u64,
    /// Whether all is as it has to be, and why.
    pub verdict: (bool, String),
    /// One fsync and one round trip on this machine.
    pub floors: Floors,
    words: Words,
}

/// Loads a system for a while.
///
/// # Errors
/// The cluster does not answer, or what is audited does not.
#[expect(clippy::disallowed_methods, reason = "a name that no client has used before")]
pub async fn load(
    workload: &dyn Workload,
    handle: &Handle,
    clients: usize,
    time: Duration,
) -> Result<Load, Error> {
    let floors = Floors::measure(handle.dir())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let (before, was_down) = counts(handle, &[], 1).await?;
    let audited = patiently(|| workload.audit()).await?;
    let customer = |i: usize| Asking(workload.customer(format!("load-{now}-{i}"), i as u64));
    let measured = closed_loop((0..clients).map(customer).collect(), Until::Time(time)).await;
    let verdict = workload.verdict(&audited, &patiently(|| workload.audit()).await?);
    let (after, down) = counts(handle, &was_down, MOST_ASKED).await?;
    let mut load = Load {
        clients,
        measured,
        syncs: Vec::new(),
        restarted: Vec::new(),
        down,
        messages: 0,
        verdict,
        floors,
        words: workload.words(),
    };
    for now in &after {
        let earlier = before.iter().find(|before| before.role == now.role);
        let is_same = earlier.is_some_and(|earlier| earlier.start == now.start);
        if !is_same {
            load.restarted.push(now.role.clone());
        }
        let (syncs, messages) = now.since(earlier);
        load.syncs.push((now.role.clone(), syncs));
        load.messages += messages;
    }
    Ok(load)
}

/// Asks again while a role is just being restarted.
async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 0..MOST_ASKED {
        match ask().await {
            Err(Error::NoAnswer { .. }) => tokio::time::sleep(ASK_AGAIN).await,
            answered => return answered,
        }
    }
    ask().await
}

/// What a role has counted since its start.
struct Counted {
    role: String,
    start: u64,
    syncs: u64,
    messages: u64,
}

impl Counted {
    /// Fsyncs and messages since then. A role that was started meanwhile began at zero again.
    fn since(&self, before: Option<&Self>) -> (u64, u64) {
        match before.filter(|before| before.start == self.start) {
            Some(before) => (self.syncs - before.syncs, self.messages - before.messages),
            None => (self.syncs, self.messages),
        }
    }
}

/// What each role that is up has counted, in order, and which roles are down when they were asked so often:
/// one that is just being started answers soon, and serves elsewhere now. One that `was_down` is not waited
/// for.
async fn counts(
    handle: &Handle,
    was_down: &[String],
    most: usize,
) -> Result<(Vec<Counted>, Vec<String>), Error> {
    let mut asked = 0;
    loop {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for RoleReport { role, status, .. } in patiently(|| handle.report()).await?.roles {
            match status {
                Some(Status { start, syncs, messages, .. }) => {
                    up.push(Counted { role, start, syncs, messages });
                }
                None => down.push(role),
            }
        }
        asked += 1;
        if asked == most || !is_awaited(&down, was_down) {
            return Ok((up, down));
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Whether one of those that are down was up before.
fn is_awaited(down: &[String], was_down: &[String]) -> bool {
    down.iter().any(|role| !was_down.contains(role))
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
        if !self.restarted.is_empty() {
            let roles = self.restarted.join(", ");
            writeln!(
                f,
                "restarted meanwhile: {roles}; what it counted before that is missing above"
            )?;
        }
        if !self.down.is_empty() {
            let roles = self.down.join(", ");
            writeln!(f, "down: {roles}; what it counted is missing above")?;
        }
        let (is_ok, why) = &self.verdict;
        write!(f, "verdict: {}, {why}", if *is_ok { "ok" } else { "unsafe" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_was_down_before_the_load_is_not_waited_for_after_it() {
        let roles =
            |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
        for (down, was_down, is) in [
            (&["web-2"][..], &[][..], true),
            (&["web-2"], &["web-2"], false),
            (&["web-2", "web-3"], &["web-2"], true),
            (&[], &["web-2"], false),
        ] {
            assert_eq!(
                is_awaited(&roles(down), &roles(was_down)),
                is,
                "{down:?} after {was_down:?}"
            );
        }
    }
}
