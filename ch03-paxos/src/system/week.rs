//! A week of writes, one for each of its seconds, as fast as they go: what do the replicas keep?
//!
//! # Left out
//!
//! The time of a week. Snapshots are taken by the number of bytes that were written, not by a clock.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lab::measure::{
    Error, Failed, Machine, Measured, Operation, Outcome, Setup, Table, Until, closed_loop,
    resident, runtime, stored,
};
use lab::resp::{Client, Reply};
use lab::system::{MeasuredCluster, Options};
use tokio::runtime::Handle;

use super::SYSTEM;
use super::members::{redis, role};

const NAME: &str = "replicas";
const DAYS: u64 = 7;
/// One each second.
const A_DAY: u64 = 24 * 60 * 60;
/// Each writes its own keys, one request after the other.
const CLIENTS: u64 = 64;
/// Keys of each client.
const KEYS: u64 = 16;
/// Bytes.
const VALUE: usize = 256;
/// For one answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// A client that writes.
struct Writer {
    client: Client,
    number: u64,
    /// What it wrote before this day.
    base: u64,
}

impl Operation for Writer {
    async fn run(&mut self, n: u64) -> Result<(), Failed> {
        let n = self.base + n;
        let key = format!("week/{}/{}", self.number, n % KEYS);
        let value = format!("{n:0VALUE$}");
        match self.client.call(&["SET", &key, &value]).await {
            Ok(Reply::Simple(_)) => Ok(()),
            _ => Err(Failed),
        }
    }
}

/// What the replica that keeps most keeps.
struct Most {
    resident: Option<u64>,
    stored: u64,
    slots: u64,
}

/// Writes day after day, until the week or the time of the setup is over.
pub(crate) fn measure(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    let runtime = runtime()?;
    let on = runtime.handle();
    let system = (SYSTEM, Options::default());
    let mut cluster = MeasuredCluster::start(NAME, system, setup, on.clone())?;
    let began = Instant::now();
    let (mut rows, mut failed) = (Vec::new(), 0);
    for day in 1..=DAYS {
        let measured = write(&cluster, day, on)?;
        failed += measured.failed();
        let most = most(&mut cluster)?;
        let written = day * each_day() * CLIENTS * VALUE as u64;
        let row = vec![
            day.to_string(),
            (day * each_day() * CLIENTS).to_string(),
            mib(written),
            mib(most.stored),
            most.resident.map_or_else(|| "unknown".into(), mib),
            most.slots.to_string(),
        ];
        writeln!(out, "day {day} of {DAYS}: {measured}").map_err(Error::io("print"))?;
        rows.push(row);
        if began.elapsed().as_secs() >= setup.seconds {
            break;
        }
    }
    let columns =
        ["day", "writes so far", "values so far", "on disk", "in memory", "entries of the log"];
    let table = Table {
        columns: columns.map(Into::into).into(),
        rows,
        spread: format!(
            "{A_DAY} writes a day, of {VALUE} bytes to {} keys, by {CLIENTS} clients. Of three replicas, the one \
             that keeps most, at the end of the day: its files, its whole process, and the entries of its log \
             that it has in memory",
            CLIENTS * KEYS
        ),
        machine: Machine::read(&setup.dir),
        versions: concat!("ch03-paxos ", env!("CARGO_PKG_VERSION")).into(),
    };
    Ok(Outcome { text: table.to_string(), kept: table.kept(), is_ok: failed == 0 })
}

/// Writes of one client in a day.
fn each_day() -> u64 {
    A_DAY / CLIENTS
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / (1 << 20) as f64)
}

/// All clients write for a day, to the replica that leads.
fn write(cluster: &MeasuredCluster, day: u64, on: &Handle) -> Result<Measured, Error> {
    let status = cluster.report().into_iter().filter_map(|(_, status)| status);
    let leader = status.filter(|status| role(status) == "leads").find_map(|status| redis(&status));
    let leader = leader.ok_or_else(|| Error::contender(NAME, "none of them leads"))?;
    let base = (day - 1) * each_day();
    let writers = on.block_on(connect(leader, base))?;
    Ok(on.block_on(closed_loop(writers, Until::Count(each_day()))))
}

async fn connect(leader: SocketAddr, base: u64) -> Result<Vec<Writer>, Error> {
    let mut all = Vec::new();
    for number in 0..CLIENTS {
        let client = Client::connect(leader, DEADLINE).await;
        let client = client.map_err(|error| Error::contender(NAME, error))?;
        all.push(Writer { client, number, base });
    }
    Ok(all)
}

fn most(cluster: &mut MeasuredCluster) -> Result<Most, Error> {
    cluster.settle()?;
    let mut most = Most { resident: None, stored: 0, slots: 0 };
    for (role, status) in cluster.report() {
        let slots = status.and_then(|status| status.own.get("slots")?.as_u64());
        let slots = slots.ok_or_else(|| Error::contender(&*role, "it does not answer"))?;
        most.slots = most.slots.max(slots);
        most.stored = most.stored.max(stored(&cluster.data().join(&role)));
    }
    most.resident = cluster.processes().into_iter().filter_map(resident).max();
    Ok(most)
}
