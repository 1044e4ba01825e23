//! Our explorer beside stateright's: the classic model of two-phase commit, every state once.
//!
//! Stateright has it twice: as a model whose state is what the model needs and no more (*model*), and as
//! actors behind a network (*actors*), which is what ours explores: the nodes that a driver runs. All
//! search breadth-first on all cores, and all must count what was published.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

mod actors;
#[path = "../../tests/kit/classic/party.rs"]
mod party;
mod theirs;

use std::fmt::Debug;
use std::hash::Hash;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::explore::{Limits, explore};
use lab::measure::{Machine, Table, file, ratio, spread};
use lab::view::thousands;
use lab::world::Wire;
use stateright::{Checker, CheckerBuilder, Model};

/// Two explorers of the same states.
struct Pair {
    name: &'static str,
    limits: fn() -> Limits,
    theirs: fn(usize) -> usize,
    /// Resource managers, the states that both have to count, and how often a round repeats the search.
    sizes: [(u64, usize, u32); 3],
}

const LIMITS: fn() -> Limits = || Limits { states: 20_000_000, ..Limits::safety(0) };

const PAIRS: [Pair; 2] = [
    Pair {
        name: "model",
        limits: LIMITS,
        theirs: |managers| count(theirs::Commit { managers }.checker()),
        sizes: [(3, 288, 100), (5, 8_832, 4), (7, 296_448, 1)],
    },
    Pair {
        name: "actors",
        limits: || Limits { wire: Wire::Bag, ..LIMITS() },
        theirs: |managers| count(actors::model(managers).checker()),
        sizes: [(3, 584, 100), (5, 33_824, 1), (6, 266_304, 1)],
    },
];

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let rounds = if quick { 1 } else { 9 };
    let mut rows: Vec<Vec<String>> =
        PAIRS.iter().flat_map(|pair| pair.sizes.map(|size| row(pair, size, rounds))).collect();
    if !quick {
        rows.push(large());
    }
    let table = Table {
        columns: COLUMNS.map(Into::into).into(),
        rows,
        spread: format!(
            "Thousands of unique states a second: median ± spread of {rounds} searches of each, in turn, on all \
             cores. Aims: 5 times each peer, 100 bytes a state, ten million states in a minute"
        ),
        machine: Machine::read(Path::new(env!("CARGO_TARGET_TMPDIR"))),
        versions: "stateright 0.31.0".into(),
    };
    println!("{table}");
    if std::env::var_os("BENCH_SAVE").is_some() && !quick {
        let text =
            file(table.kept(), "BENCH_SAVE=1 cargo bench -p lab --features peers --bench peers");
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/data/measured/explorer.json");
        std::fs::write(path, text).expect("book/data/measured can be written");
    }
}

const COLUMNS: [&str; 7] =
    ["beside", "managers", "states", "ours", "stateright", "ratio", "bytes a state"];

/// One size of the model: both in turn, again and again.
fn row(pair: &Pair, (managers, states, repeat): (u64, usize, u32), rounds: usize) -> Vec<String> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let report = || explore(&party::model(managers), &(pair.limits)());
    let rate = |time: Duration| states as f64 * f64::from(repeat) / time.as_secs_f64() / 1e3;
    for _ in 0..rounds {
        ours.push(rate(timed(repeat, || assert_eq!(report().graph.states(), states))));
        let count = || assert_eq!((pair.theirs)(managers as usize), states);
        theirs.push(rate(timed(repeat, count)));
    }
    vec![
        pair.name.into(),
        managers.to_string(),
        thousands(states),
        spread(ours.clone()),
        spread(theirs.clone()),
        ratio(&ours, &theirs),
        (report().bytes / states).to_string(),
    ]
}

/// Ten million states, ours alone.
fn large() -> Vec<String> {
    let began = Instant::now();
    let report = explore(&party::model(9), &LIMITS());
    let (seconds, states) = (began.elapsed().as_secs_f64(), report.graph.states());
    vec![
        "alone".into(),
        "9".into(),
        thousands(states),
        format!("{:.0} ({seconds:.0} s)", states as f64 / seconds / 1e3),
        String::new(),
        String::new(),
        (report.bytes / states).to_string(),
    ]
}

/// Searches breadth-first on all cores.
fn count<M>(checker: CheckerBuilder<M>) -> usize
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Hash + PartialEq + Debug + Send + Sync + 'static,
    M::Action: Clone + PartialEq + Debug + Send + Sync,
{
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    checker.threads(cores).spawn_bfs().join().unique_state_count()
}

fn timed(repeat: u32, work: impl Fn()) -> Duration {
    let began = Instant::now();
    (0..repeat).for_each(|_| work());
    began.elapsed()
}
