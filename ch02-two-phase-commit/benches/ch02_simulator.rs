//! How many simulated events a second each robust design takes, in storms, on one core: what decides how
//! many seeds a test can afford.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::time::Instant;

use ch02_two_phase_commit::designs::{ROBUST, study};
use lab::rng::Rng;
use lab::sim;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let seeds = if quick { 10 } else { 20_000 };
    println!(
        "Storms of {seeds} seeds: crashes with restarts, lost and doubled messages. One core."
    );
    println!("{:<14} {:>12} {:>12} {:>12}", "design", "events/run", "runs/s", "events/s");
    for step in ROBUST {
        let design = study().design(step).expect("a design of this chapter");
        let began = Instant::now();
        let events = |seed| {
            let schedule = design.target.storm(&mut Rng::new(seed));
            sim::run(&design.busy, &schedule, seed).actions.len()
        };
        let events = (0..seeds).map(events).sum::<usize>() as f64;
        let (seconds, runs) = (began.elapsed().as_secs_f64(), seeds as f64);
        println!(
            "{step:<14} {:>12.0} {:>12.0} {:>12.0}",
            events / runs,
            runs / seconds,
            events / seconds
        );
    }
}
