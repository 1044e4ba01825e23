//! Our explorer beside stateright's: the classic model of two-phase commit, every state once.
//!
//! Ours explores the nodes that a driver runs, behind a general network; stateright's state is what
//! the model needs and no more. Both search breadth-first on all cores, and both must count what was
//! published.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

#[path = "../../tests/kit/classic/party.rs"]
mod party;
mod theirs;

use std::time::{Duration, Instant};

use lab::explore::{Limits, explore};
use stateright::{Checker, Model};

/// Resource managers, states, and how often a round repeats the search.
const SIZES: [(u64, usize, u32); 3] = [(3, 288, 100), (5, 8_832, 4), (7, 296_448, 1)];

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let rounds = if quick { 1 } else { 7 };
    println!("Unique states a second, median of {rounds} rounds in turn; above 1, ours is faster.");
    println!(
        "{:>8} {:>8} {:>12} {:>12} {:>8} {:>14}",
        "managers", "states", "ours", "stateright", "ours ×", "bytes a state"
    );
    for (managers, states, repeat) in SIZES {
        let repeat = if quick { 1 } else { repeat };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push(timed(repeat, || assert_eq!(our_count(managers), states)));
            theirs.push(timed(repeat, || assert_eq!(their_count(managers), states)));
        }
        let rate = |times| (states as f64 * f64::from(repeat)) / median(times).as_secs_f64();
        let (ours, theirs) = (rate(ours), rate(theirs));
        let bytes = explore(&party::model(managers), &Limits::safety(0)).bytes / states;
        let times = ours / theirs;
        println!("{managers:>8} {states:>8} {ours:>12.0} {theirs:>12.0} {times:>8.2} {bytes:>14}");
    }
}

fn our_count(managers: u64) -> usize {
    explore(&party::model(managers), &Limits::safety(0)).graph.states()
}

fn their_count(managers: u64) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = theirs::Commit { managers: managers as usize };
    model.checker().threads(cores).spawn_bfs().join().unique_state_count()
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
