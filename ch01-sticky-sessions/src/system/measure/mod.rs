//! Edge: makes it survive the real world. The lesson is in `step7_affinity_hint.rs`.
//!
//! Our balancer beside HAProxy and nginx: one worker thread each, the same backends, connections that are
//! kept on both sides, backends that are checked as often (nginx cannot), no log of requests, and users who are
//! sent back to where they were. Requests come at a fixed rate, to all of them in turn, again and again, in the
//! one order and then in the other.
//!
//! And design 7 beside design 5: how often is the store asked? And our balancer beside connections that dribble.
//!
//! # Left out
//!
//! TLS, large bodies, a connection for each request. The most that each of them can do: on one machine the
//! clients take the cores.

mod beside;
mod conformance;
mod dribbling;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use lab::engines::{Engine, EngineError, HAPROXY, NGINX, Program, haproxy, nginx};
use lab::measure::{
    Error, Failed, Machine, Measured, Operation, Outcome, Setup, Table, family_cpu, micros,
    open_loop, quartiles, runtime,
};
use lab::run::children::Child;
use lab::system::{MeasuredCluster, Options};
use serde_json::json;
use tokio::runtime::Handle;

use beside::backends;
pub(crate) use conformance::conformance;
pub(crate) use dribbling::dribbling;

use super::SYSTEM;
use super::client::Browser;
use super::peers::{haproxy_conf, nginx_conf};
use crate::types::wait::FRESH_IN_SHOP;
use crate::worlds::WEB_NAMES;

/// Users, each with a connection.
const USERS: usize = 64;
/// Requests that come in a second.
const RATE: u32 = 2_000;
/// Less for whole clusters.
const CLUSTER_RATE: u32 = 400;
/// Enough for a median.
const ROUNDS: u32 = 7;
/// A turn is no shorter, however little time there is.
const SHORTEST: Duration = Duration::from_millis(500);
/// Balancers are in turn as often as they can be for so long.
const LEAST: Duration = Duration::from_secs(1);
/// In a turn that is shorter few copies end.
const LEAST_OF_STORE: Duration = FRESH_IN_SHOP.saturating_mul(2);
/// Beside each turn: signing in, starting.
const BESIDE: Duration = Duration::from_millis(300);
const STARTS: Duration = Duration::from_secs(30);

/// A balancer before the backends.
struct Peer {
    name: &'static str,
    version: String,
    at: SocketAddr,
    pid: u32,
    _running: Running,
}

/// A folder that goes with the value.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[expect(dead_code, reason = "dropping it ends it")]
enum Running {
    Child(Child, Scratch),
    Engine(Engine),
}

/// What came of a peer's turns.
struct Turns {
    cpu: Vec<f64>,
    half: Vec<f64>,
    most: Vec<f64>,
    failed: u64,
    /// Whether each turn had an answer.
    answered: bool,
}

/// One user who looks again and again.
struct Visitor(Browser);

impl Operation for Visitor {
    async fn run(&mut self, _: u64) -> Result<(), Failed> {
        let page = self.0.call(Method::GET, "/cart").await.ok_or(Failed)?;
        if page.status == StatusCode::OK { Ok(()) } else { Err(Failed) }
    }
}

/// Our balancer, HAProxy and nginx.
pub(crate) fn balancers(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    let runtime = runtime()?;
    let on = runtime.handle();
    let backends = on.block_on(backends()).map_err(Error::io("start backends"))?;
    let peers = [
        ours(setup, &backends)?,
        engine("HAProxy", HAPROXY, || haproxy(&haproxy_conf(&backends)))?,
        engine("nginx", NGINX, || nginx(&nginx_conf(&backends)))?,
    ];
    let mut all: Vec<Turns> = peers.iter().map(|_| Turns::new()).collect();
    let mut in_kernel: Vec<Vec<f64>> = vec![Vec::new(); peers.len()];
    let (rounds, time) = plan(setup, peers.len() as u32, LEAST);
    for round in 1..=rounds {
        for at in in_turn(round, peers.len()) {
            let peer = &peers[at];
            let users = on.block_on(users(peer.at, "/sign-in"));
            let before = family_cpu(peer.pid).unwrap_or_default();
            let measured = on.block_on(open_loop(users, RATE, time));
            let cpu = family_cpu(peer.pid).unwrap_or_default().since(before);
            let [each, kernel] =
                [cpu.total(), cpu.kernel].map(|time| micros(time) / measured.count().max(1) as f64);
            let name = peer.name;
            writeln!(out, "round {round} of {rounds}: {name}: {each:.1} µs of CPU, {measured}")
                .map_err(Error::io("print"))?;
            in_kernel[at].push(kernel);
            all[at].add(each, &measured);
        }
    }
    let versions: Vec<String> = peers.iter().map(|peer| peer.version.clone()).collect();
    let row = |(at, peer): (usize, &Peer)| {
        let [name, cpu, least, half, most, failed] = all[at].row(peer.name);
        let kernel = format!("{:.1} µs", median(&in_kernel[at]));
        vec![name, cpu, kernel, least, half, most, failed]
    };
    let rows = peers.iter().enumerate().map(row).collect();
    let columns = [
        "who",
        "CPU per request",
        "of it in the kernel",
        "least",
        "half within",
        "99 % within",
        "no page",
    ];
    let spread = format!(
        "Medians of {rounds} interleaved turns at {RATE} requests per second of {USERS} users who are signed \
         in; CPU is that of the balancer's processes alone, counted in hundredths of a second"
    );
    let is_ok = all.iter().all(|turns| turns.answered);
    outcome(setup, columns.map(Into::into).into(), rows, spread, versions.join(", "), is_ok)
}

/// How often design 7 asks its store, beside design 5, and what a page takes.
pub(crate) fn store(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    const DESIGNS: [(&str, &str); 2] = [("design 5", "5"), ("design 7", "7")];
    let runtime = runtime()?;
    let on = runtime.handle();
    let mut all = [(Vec::new(), Turns::new()), (Vec::new(), Turns::new())];
    // Starting clusters takes the time of a third turn.
    let (rounds, time) = plan(setup, 3, LEAST_OF_STORE);
    for round in 1..=rounds {
        for at in in_turn(round, DESIGNS.len()) {
            let ((name, design), (asked, turns)) = (DESIGNS[at], &mut all[at]);
            let (each, measured) = one_cluster(setup, (name, design), time, on)?;
            writeln!(
                out,
                "round {round} of {rounds}: {name}: {each:.3} questions a page, {measured}"
            )
            .map_err(Error::io("print"))?;
            asked.push(each);
            turns.add(0.0, &measured);
        }
    }
    let row = |((name, _), (asked, turns)): ((&str, _), &(Vec<f64>, Turns))| {
        let [_, _, _, half, most, failed] = turns.row(name);
        vec![name.to_owned(), format!("{:.3}", median(asked)), half, most, failed]
    };
    let rows = DESIGNS.into_iter().zip(&all).map(row).collect();
    let columns =
        ["who", "questions to the store, per page", "half within", "99 % within", "no page"];
    let spread = format!(
        "Medians of {rounds} turns, each with a cluster of its own, at {CLUSTER_RATE} looks per second of \
         {USERS} users who are signed in; a copy is used for {FRESH_IN_SHOP:?}"
    );
    let is_ok = all.iter().all(|(_, turns)| turns.answered);
    let versions = concat!("ch01-sticky-sessions ", env!("CARGO_PKG_VERSION")).to_owned();
    outcome(setup, columns.map(Into::into).into(), rows, spread, versions, is_ok)
}

/// A turn of a cluster: what its store was asked for each page.
fn one_cluster(
    setup: &Setup,
    (name, design): (&'static str, &str),
    time: Duration,
    on: &Handle,
) -> Result<(f64, Measured), Error> {
    let options = Options::default().with_value("design", design).with_value("shop-port", "0");
    let cluster = MeasuredCluster::start(name, (SYSTEM, options), setup, on.clone())?;
    let role = |role: &str| {
        let all = cluster.report();
        let found = all.into_iter().find_map(|(name, status)| status.filter(|_| name == role));
        found.ok_or_else(|| Error::contender(name, format!("{role} does not answer")))
    };
    let shop = role("lb")?.own["shop"].as_str().and_then(|at| at.parse().ok());
    let shop = shop.ok_or_else(|| Error::contender(name, "lb does not say where the shop is"))?;
    let users = on.block_on(users(shop, "/sign-in?user=visitor"));
    let before = role("store")?.messages;
    let measured = on.block_on(open_loop(users, CLUSTER_RATE, time));
    let asked = role("store")?.messages.saturating_sub(before);
    Ok((asked as f64 / measured.count().max(1) as f64, measured))
}

impl Turns {
    fn new() -> Self {
        let (cpu, half, most) = (Vec::new(), Vec::new(), Vec::new());
        Self { cpu, half, most, failed: 0, answered: true }
    }

    fn add(&mut self, cpu: f64, measured: &Measured) {
        self.cpu.push(cpu);
        self.half.push(micros(measured.median()));
        self.most.push(micros(measured.quantile(0.99)));
        self.failed += measured.failed();
        self.answered &= measured.count() > 0;
    }

    fn row(&self, name: &str) -> [String; 6] {
        let least = self.cpu.iter().copied().fold(f64::INFINITY, f64::min);
        let whole = |value: f64| format!("{value:.0} µs");
        let (cpu, half, most) = (median(&self.cpu), median(&self.half), median(&self.most));
        let failed = self.failed.to_string();
        let least = format!("{least:.1} µs");
        [name.to_owned(), format!("{cpu:.1} µs"), least, whole(half), whole(most), failed]
    }
}

fn outcome<R: Into<Vec<String>>>(
    setup: &Setup,
    columns: Vec<String>,
    rows: Vec<R>,
    spread: String,
    versions: String,
    is_ok: bool,
) -> Result<Outcome, Error> {
    let rows = rows.into_iter().map(Into::into).collect();
    let table = Table { columns, rows, spread, machine: Machine::read(&setup.dir), versions };
    Ok(Outcome { text: table.to_string(), kept: table.kept(), is_ok })
}

/// Who has which turn of a round: in the one order, and in the next round in the other.
fn in_turn(round: u32, all: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..all).collect();
    if round.is_multiple_of(2) {
        order.reverse();
    }
    order
}

/// How many rounds of so many turns there are, each of `least` if there is time, and how long each turn is.
fn plan(setup: &Setup, turns: u32, least: Duration) -> (u32, Duration) {
    let round = Duration::from_secs(setup.seconds) / turns;
    let fit = round.as_millis() / (least + BESIDE).as_millis();
    let rounds = u32::try_from(fit).unwrap_or(ROUNDS).clamp(1, ROUNDS);
    (rounds, (round / rounds).saturating_sub(BESIDE).max(SHORTEST))
}

fn median(values: &[f64]) -> f64 {
    quartiles(values.to_vec()).1
}

/// Users who have signed in and looked once.
async fn users(at: SocketAddr, sign_in: &str) -> Vec<Visitor> {
    let mut all = Vec::new();
    for _ in 0..USERS {
        let mut visitor = Visitor(Browser::new(at));
        // One that fails here fails again, and is counted then.
        visitor.0.call(Method::POST, sign_in).await;
        let _ = visitor.run(0).await;
        all.push(visitor);
    }
    all
}

fn ours(setup: &Setup, backends: &[SocketAddr]) -> Result<Peer, Error> {
    const NAME: &str = "ours, design 7";
    let failed = |error: lab::run::children::ChildError| Error::contender(NAME, error);
    let scratch = Scratch(setup.dir.join(format!("lb-{}", std::process::id())));
    let dir = scratch.0.join("lb");
    std::fs::create_dir_all(&dir).map_err(Error::io("make a folder"))?;
    let mut command = Command::new(&setup.program);
    command.args(&setup.prefix).args(["lb", "--cluster", "1", "--design", "7", "--threads", "1"]);
    command.args(["--shop-port", "0", "--dir"]).arg(&dir);
    let mut child = Child::start("lb", command, STARTS).map_err(failed)?;
    let endpoints: Vec<_> = WEB_NAMES.iter().zip(backends).collect();
    let told = json!({ "nodes": {}, "endpoints": endpoints });
    child.tell(&told.to_string()).map_err(failed)?;
    while child.line(STARTS).is_some_and(|line| line != "linked") {}
    let version = concat!("ch01-sticky-sessions ", env!("CARGO_PKG_VERSION")).to_owned();
    let (at, pid) = (child.addr(), child.pid());
    Ok(Peer { name: NAME, version, at, pid, _running: Running::Child(child, scratch) })
}

fn engine(
    name: &'static str,
    program: Program,
    start: impl FnOnce() -> Result<Engine, EngineError>,
) -> Result<Peer, Error> {
    let failed = |error: EngineError| Error::contender(name, error);
    let version = program.find().map(|found| program.version(&found)).unwrap_or_default();
    let engine = start().map_err(failed)?;
    let (at, pid) = (engine.addr(), engine.pid());
    Ok(Peer { name, version, at, pid, _running: Running::Engine(engine) })
}
