//! The leader is killed under load: for how long is no client answered? The longest time between two
//! acknowledgements, whoever got them, ours beside etcd; and whether all that was acknowledged is there.
//!
//! A follower waits before it asks for votes: ours for 300 to 600 ms, etcd as shipped for 1000 to 2000 ms.
//! So etcd runs twice, the second time with our times.
//!
//! # Left out
//!
//! Leaders that are only slow, and leaders that say goodbye.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lab::measure::{
    Error, Failed, Gap, Machine, Operation, Outcome, Setup, Table, Until, closed_loop, many,
    quartiles, runtime,
};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::SHIPPED;
use super::connection::{Connection, Wire};
use super::jobs::{Putter, lost};
use super::stores::Store;
use crate::types::wait;

/// Few enough that the cores are not what all wait for.
const CLIENTS: usize = 16;
/// For one answer; then the next server is asked.
const DEADLINE: Duration = Duration::from_millis(500);
/// Between two servers.
const NEXT: Duration = Duration::from_millis(2);
/// The leader is killed then, and the clients end at the end.
const KILL: Duration = Duration::from_secs(1);
const END: Duration = Duration::from_secs(6);
/// Beside each turn: starting again what was killed, and reading what was put.
const BESIDE: u64 = 2;
/// Enough for a median and its spread.
const ROUNDS: u64 = 9;
/// To read what was put.
const PATIENCE: Duration = Duration::from_secs(10);
const COLUMNS: [&str; 6] = [
    "who",
    "election timeout",
    "verdict",
    "longest gap",
    "least to most",
    "puts/s outside the gap",
];

/// One store in all its turns.
struct Arm {
    name: &'static str,
    timeout: String,
    store: Store,
    gaps: Vec<f64>,
    rates: Vec<f64>,
    lost: u64,
}

/// One client that goes to the next server when it gets no answer.
struct Roaming {
    putter: Putter,
    wire: Wire,
    servers: Arc<[SocketAddr]>,
    at: usize,
    connection: Option<Connection>,
    gap: Arc<Gap>,
    base: u64,
}

impl Operation for Roaming {
    async fn run(&mut self, n: u64) -> Result<(), Failed> {
        let put = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => {
                    let server = self.servers[self.at % self.servers.len()];
                    self.wire.connect(server, DEADLINE).await.map_err(|_| Failed)?
                }
            };
            self.putter.put(&mut connection, self.base + n).await?;
            self.connection = Some(connection);
            Ok(())
        };
        let done = put.await;
        match done {
            Ok(()) => self.gap.answered(),
            Err(Failed) => {
                self.at += 1;
                sleep(NEXT).await;
            }
        }
        done
    }
}

impl Arm {
    fn new(name: &'static str, (from, to): (Duration, Duration), store: Store) -> Self {
        let timeout = format!("{} to {} ms", from.as_millis(), to.as_millis());
        Self { name, timeout, store, gaps: Vec::new(), rates: Vec::new(), lost: 0 }
    }

    /// One outage.
    fn turn(&mut self, runtime: &Handle, round: u64) -> Result<(), Error> {
        let (wire, servers) = (self.store.wire(), self.store.servers()?);
        let (servers, gap): (Arc<[_]>, _) = (servers.into(), Arc::new(Gap::begin()));
        let putters: Vec<Putter> = (0..CLIENTS).map(|i| Putter::new(format!("gap-{i}"))).collect();
        let roaming = putters.iter().enumerate().map(|(at, putter)| {
            let (putter, servers, gap) = (putter.clone(), Arc::clone(&servers), Arc::clone(&gap));
            Roaming { putter, wire, servers, at, connection: None, gap, base: round << 32 }
        });
        let clients = runtime.spawn(closed_loop(roaming.collect(), Until::Time(END)));
        runtime.block_on(async { sleep(KILL).await });
        let killed = self.store.kill_leader()?;
        let measured = runtime.block_on(clients).expect("clients do not panic");
        // If no client was answered any more, the gap has not ended.
        let longest = gap.longest().max(gap.open());
        self.gaps.push(longest.as_secs_f64() * 1000.0);
        self.rates.push(measured.count() as f64 / (END.saturating_sub(longest)).as_secs_f64());
        self.store.restart(&killed)?;
        self.store.settle()?;
        let leader = self.store.servers()?[0];
        let lost = runtime.block_on(async {
            let mut connection = wire.connect(leader, PATIENCE).await?;
            let lost = lost(&putters, &mut connection).await;
            lost.map_err(|Failed| Error::contender(self.name, "a read was not answered"))
        })?;
        self.lost += lost;
        Ok(())
    }

    fn is_ok(&self) -> bool {
        self.lost == 0
    }

    fn row(&self) -> Vec<String> {
        let (_, middle, _) = quartiles(self.gaps.clone());
        let least = self.gaps.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.gaps.iter().copied().fold(0.0, f64::max);
        vec![
            self.name.to_owned(),
            self.timeout.clone(),
            if self.is_ok() { "ok".into() } else { format!("unsafe: {} lost", self.lost) },
            format!("{middle:.0} ms"),
            format!("{least:.0} to {most:.0} ms"),
            format!("{:.0}", quartiles(self.rates.clone()).1),
        ]
    }
}

/// Gives each store its turns, at least one, in about the time of the setup.
///
/// # Errors
/// etcd is missing, or something does not run.
pub fn measure(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    let round = (END.as_secs() + BESIDE) * 3;
    let rounds = (setup.seconds / round).clamp(1, ROUNDS);
    let runtime = runtime()?;
    let on = runtime.handle();
    let (own, beat) = ((wait::ELECTION.start, wait::ELECTION.end), wait::HEARTBEAT.start);
    let (shipped, equal) = (SHIPPED.1, own.0);
    let mut arms = [
        Arm::new("ours", own, Store::ours(setup, on.clone())?),
        Arm::new("etcd", (shipped, 2 * shipped), Store::etcd(setup, on.clone(), SHIPPED)?),
        Arm::new("etcd", (equal, 2 * equal), Store::etcd(setup, on.clone(), (beat, equal))?),
    ];
    for round in 1..=rounds {
        for arm in &mut arms {
            arm.turn(on, round)?;
            let (name, timeout) = (arm.name, &arm.timeout);
            let (gap, lost) = (arm.gaps.last().copied().unwrap_or_default(), arm.lost);
            let line = format!(
                "round {round} of {rounds}: {name}, {timeout}: no answer for {gap:.0} ms; {lost} lost"
            );
            writeln!(out, "{line}").map_err(Error::io("print"))?;
        }
    }
    let versions: Vec<String> = arms[..2].iter().map(|arm| arm.store.version()).collect();
    let table = Table {
        columns: COLUMNS.map(Into::into).into(),
        rows: arms.iter().map(Arm::row).collect(),
        spread: format!(
            "Medians of {}, all in turn: {CLIENTS} clients put 256 bytes, spread over three servers; \
             the leader is killed (kill -9) after {} s of {}. The gap is the longest time in which no \
             client had an answer. Each client waits {} ms for one, then it asks the next server. A \
             follower asks for votes when it has heard of no leader for the election timeout, drawn \
             from this range each time. Lost is who does not find the last put that was acknowledged",
            many(usize::try_from(rounds).unwrap_or(usize::MAX), "turn"),
            KILL.as_secs(),
            END.as_secs(),
            DEADLINE.as_millis(),
        ),
        machine: Machine::read(&setup.dir),
        versions: versions.join(", "),
    };
    let is_ok = arms.iter().all(Arm::is_ok);
    Ok(Outcome { text: table.to_string(), kept: table.kept(), is_ok })
}
