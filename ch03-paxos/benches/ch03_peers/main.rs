//! Our store beside libraries that replicate a log: three nodes in one process, on one thread, with
//! nothing between them and nothing on disk. So many commands are proposed at once (the *window*), and
//! the next ones when the leader knows that all of these are decided.
//!
//! No library is asked to do less than it has to, and ours does more: its three replicas execute every
//! command in a store, and the client is answered.
//!
//! `BENCH_SAVE=1 cargo bench -p ch03-paxos --features peers --bench ch03_peers` keeps the table.
//!
//! # Left out
//!
//! Encoding. Messages are moved from node to node, not written and read.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

mod omni;
mod open;
mod ours;
mod raft_rs;

use std::path::Path;
use std::time::Instant;

use lab::measure::{Machine, Table, file, many, quartiles, ratio};

const COMMAND: &str = "BENCH_SAVE=1 cargo bench -p ch03-paxos --features peers --bench ch03_peers";
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../book/data/measured/ch03_peers.json");
/// In bytes.
const PAYLOADS: [usize; 2] = [16, 1024];
const WINDOWS: [usize; 3] = [1, 64, 1024];

/// Three nodes of which one leads.
trait Group {
    /// Proposes so many commands of so many bytes, and returns once the leader knows all to be decided.
    fn decide(&mut self, commands: usize, payload: usize);

    /// Messages between nodes so far.
    fn messages(&self) -> u64;
}

/// A library, and a group of it that has elected its leader.
type Peer = (&'static str, fn() -> Box<dyn Group>);

const PEERS: [Peer; 5] = [
    ("ours", ours::start),
    ("omnipaxos", omni::start),
    ("raft", || raft_rs::start(false)),
    ("raft, batch_append", || raft_rs::start(true)),
    ("openraft", open::start),
];

/// One library in one cell: commands per second in each round, and messages a command.
#[derive(Default)]
struct Cell {
    rates: Vec<f64>,
    messages: f64,
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let rounds = if quick { 1 } else { 5 };
    let mut rows = Vec::new();
    for payload in PAYLOADS {
        for window in WINDOWS {
            rows.extend(cell_rows(payload, window, rounds, quick));
        }
    }
    let columns =
        ["bytes", "window", "who", "thousand commands/s", "messages per command", "ours ÷ this"];
    let table = Table {
        columns: columns.map(Into::into).into(),
        rows,
        spread: format!(
            "Medians of {} of fresh groups, all in turn; messages are those between nodes. Three nodes, one thread, memory only. Ours also executes each \
             command on three stores; openraft runs as tasks of a runtime, here of one thread",
            many(rounds, "round"),
        ),
        machine: Machine::read(Path::new(env!("CARGO_TARGET_TMPDIR"))),
        versions: format!(
            "ch03-paxos {}, omnipaxos 0.2.4, raft 0.7.0, openraft 0.9.25",
            env!("CARGO_PKG_VERSION")
        ),
    };
    println!("{table}");
    if std::env::var_os("BENCH_SAVE").is_some() && !quick {
        std::fs::write(KEPT, file(table.kept(), COMMAND))
            .expect("the book's folder can be written");
    }
}

/// One row for each library.
fn cell_rows(payload: usize, window: usize, rounds: usize, quick: bool) -> Vec<Vec<String>> {
    let commands = match (quick, window, payload) {
        (true, ..) => 2_048,
        (false, 1, _) => 50_000,
        (false, _, 16) => 400_000,
        (false, ..) => 100_000,
    };
    let mut cells = PEERS.map(|_| Cell::default());
    for _ in 0..rounds {
        for ((_, start), cell) in PEERS.iter().zip(&mut cells) {
            let mut group = start();
            let (before, began) = (group.messages(), Instant::now());
            for _ in 0..commands / window {
                group.decide(window, payload);
            }
            let count = (commands / window * window) as f64;
            cell.rates.push(count / began.elapsed().as_secs_f64() / 1e3);
            cell.messages = (group.messages() - before) as f64 / count;
        }
    }
    let row = |((name, _), cell): (&Peer, &Cell)| {
        let beside =
            if *name == PEERS[0].0 { "1".into() } else { ratio(&cells[0].rates, &cell.rates) };
        let (rate, messages) = (quartiles(cell.rates.clone()).1, cell.messages);
        let numbers = [format!("{rate:.0}"), format!("{messages:.2}"), beside];
        [payload.to_string(), window.to_string(), (*name).to_owned()]
            .into_iter()
            .chain(numbers)
            .collect()
    };
    PEERS.iter().zip(&cells).map(row).collect()
}
