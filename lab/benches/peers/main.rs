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
use std::time::{Duration, Instant};

use lab::explore::{Limits, explore};
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
    let rounds = if quick { 1 } else { 7 };
    println!(
        "Unique states a second, median of {rounds} rounds in turn. Aims: 5 ×, 100 bytes a state."
    );
    println!(
        "{:<8} {:>8} {:>8} {:>12} {:>12} {:>8} {:>14}",
        "peer", "managers", "states", "ours", "stateright", "ours ×", "bytes a state"
    );
    for Pair { name, limits, theirs, sizes } in PAIRS {
        for (managers, states, repeat) in sizes {
            let repeat = if quick { 1 } else { repeat };
            let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
            let report = || explore(&party::model(managers), &limits());
            for _ in 0..rounds {
                our_times.push(timed(repeat, || assert_eq!(report().graph.states(), states)));
                their_times.push(timed(repeat, || assert_eq!(theirs(managers as usize), states)));
            }
            let rate = |times| (states as f64 * f64::from(repeat)) / median(times).as_secs_f64();
            let (ours, theirs) = (rate(our_times), rate(their_times));
            let (times, bytes) = (ours / theirs, report().bytes / states);
            println!(
                "{name:<8} {managers:>8} {states:>8} {ours:>12.0} {theirs:>12.0} {times:>8.2} {bytes:>14}"
            );
        }
    }
    if !quick {
        large();
    }
}

/// Ten million states, ours alone.
fn large() {
    let began = Instant::now();
    let report = explore(&party::model(9), &LIMITS());
    let (seconds, states) = (began.elapsed().as_secs_f64(), report.graph.states());
    let (rate, bytes) = (states as f64 / seconds, report.bytes / states);
    println!(
        "\n{states} states (9 managers) in {seconds:.0} s (aim: 60 for ten million): {rate:.0} a \
         second, {bytes} bytes a state."
    );
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

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
