//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! Many customers at once, each waiting for its answer before it asks again. Never a speed without a
//! verdict: the total of all accounts is read before and after.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab::measure::{
    Failed, Forced, Measured, Operation, Until, closed_loop, fsync_floor, round_trip_floor,
};
use lab::rng::Rng;
use serde_json::{Value, json};

use super::call::Caller;
use super::catalog::number;
use super::cluster::report;
use super::role::Role;
use super::trouble::Trouble;

/// What a load did.
#[derive(Clone, Debug)]
pub struct Load {
    /// How many asked at once.
    pub clients: usize,
    /// What they waited for.
    pub measured: Measured,
    /// Forced writes of each role meanwhile.
    pub syncs: Vec<(Role, u64)>,
    /// Messages between roles meanwhile.
    pub messages: u64,
    /// The total of all accounts, before and after.
    pub totals: (u64, u64),
    /// One forced write and one round trip on this machine.
    pub floors: (Duration, Duration),
}

/// Moves one from a numbered account of one ledger to one of the other.
struct Customer {
    shop: Caller,
    name: String,
    rng: Rng,
}

impl Operation for Customer {
    async fn run(&mut self, n: u64) -> Result<(), Failed> {
        let mut ends = ["stock", "pay"].map(|ledger| {
            let account = number(ledger, self.rng.pick(0..1_000));
            format!("{ledger}/{account}")
        });
        if n % 2 == 1 {
            ends.reverse();
        }
        let [from, to] = ends;
        let key = format!("{}-{n}", self.name);
        let wish = json!({ "key": key, "from": from, "to": to, "amount": 1 });
        match self.shop.post("/transfer", &wish).await {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(_) | Err(_) => Err(Failed),
        }
    }
}

/// Loads a cluster for a while. `dir` is where its disk is measured.
///
/// # Errors
/// The cluster does not answer.
#[expect(clippy::disallowed_methods, reason = "a key that nobody has used before")]
pub async fn load(
    edges: &std::collections::BTreeMap<Role, SocketAddr>,
    dir: &Path,
    clients: usize,
    time: Duration,
) -> Result<Load, Trouble> {
    let floor = Trouble::io("measure the disk");
    let forced = fsync_floor(dir, Forced::Overwrite, 200).map_err(floor)?.median();
    let trip = round_trip_floor(1_000).map_err(Trouble::io("measure loopback"))?.median();
    let shop = edges[&Role::Coord];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let before = counts(edges).await?;
    let total_before = total(shop).await?;
    let customers = (0..clients).map(|i| Customer {
        shop: Caller::new(shop),
        name: format!("load-{now}-{i}"),
        rng: Rng::new(i as u64),
    });
    let measured = closed_loop(customers.collect(), Until::Time(time)).await;
    let totals = (total_before, total(shop).await?);
    let after = counts(edges).await?;
    let grown = before.iter().zip(&after).map(|(before, after)| after.0 - before.0);
    let syncs = edges.keys().copied().zip(grown).collect();
    let messages = after.iter().map(|c| c.1).sum::<u64>() - before.iter().map(|c| c.1).sum::<u64>();
    Ok(Load { clients, measured, syncs, messages, totals, floors: (forced, trip) })
}

/// Forced writes and messages of each role, in order.
async fn counts(
    edges: &std::collections::BTreeMap<Role, SocketAddr>,
) -> Result<Vec<(u64, u64)>, Trouble> {
    let report = report(edges).await;
    let counts = report.into_iter().map(|(role, status)| {
        let down = || Trouble::NoAnswer { whom: role.name().into(), why: "it is down".into() };
        status.map(|s| (s.syncs, s.messages)).ok_or_else(down)
    });
    counts.collect()
}

/// The total of all accounts there are, all of one moment.
async fn total(shop: SocketAddr) -> Result<u64, Trouble> {
    let answer = Caller::new(shop).get("/balances?of=all").await?;
    if answer.status != 200 {
        return Err(Trouble::Refused(format!("no balances: {}", answer.field("error"))));
    }
    let ledgers = answer.body.as_object().into_iter().flat_map(|ledgers| ledgers.values());
    let amounts = ledgers.filter_map(Value::as_object).flat_map(|ledger| ledger.values());
    Ok(amounts.filter_map(Value::as_u64).sum())
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |time: Duration| time.as_nanos() as f64 / 1000.0;
        let committed = self.measured.count();
        let each = |count: u64| count as f64 / committed.max(1) as f64;
        writeln!(
            f,
            "{} clients: {:.0} committed/s; half within {:.0} µs, 99 % within {:.0} µs; {} not done",
            self.clients,
            self.measured.rate(),
            micros(self.measured.median()),
            micros(self.measured.quantile(0.99)),
            self.measured.failed(),
        )?;
        let all = self.syncs.iter().map(|(_, count)| count).sum();
        write!(f, "forced writes per commit: {:.2} (", each(all))?;
        for (i, (role, count)) in self.syncs.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{} {:.2}", role.name(), each(*count))?;
        }
        writeln!(f, "); messages per commit: {:.2}", each(self.messages))?;
        let (forced, trip) = self.floors;
        writeln!(
            f,
            "floors here: one forced write {:.0} µs, one round trip {:.0} µs; an order waits for two \
             forced writes, one after the other, and two round trips: {:.0} µs",
            micros(forced),
            micros(trip),
            2.0 * micros(forced) + 2.0 * micros(trip),
        )?;
        let (before, after) = self.totals;
        let verdict = if before == after { "ok" } else { "unsafe" };
        write!(f, "verdict: {verdict}, the total of all accounts was {before} and is {after}")
    }
}
