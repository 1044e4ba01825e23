//! What the tests of every chapter ask: do golden scripts still print what is on record, is the matrix
//! what is expected, is the same seed the same run, do the designs survive their storms?
//!
//! Everything here panics with what differs, as an assertion does.

mod mutants;
#[cfg(feature = "system")]
mod rows;

use std::ops::Range;
use std::path::Path;

use crate::Protocol;
use crate::chapter::{Matrix, Models, Verdict};
use crate::rng::Rng;
use crate::sim::{self, simulate};
use crate::study::{Design, Study};
use crate::view::text;
use crate::world::Ghost;
pub use mutants::{Mutant, Setting};
#[cfg(feature = "system")]
pub use rows::Rows;

/// Plays every script of `folder/<module>/` against the design of that module and compares what it
/// prints; `UPDATE_GOLDENFILES=1` records anew. Returns how many there are.
///
/// # Panics
/// If a script prints something else, cannot be played, or belongs to no design.
pub fn golden_scripts(models: &dyn Models, folder: &Path) -> usize {
    let steps = models.steps();
    let mut played = 0;
    for of_step in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder:?}: {e}")) {
        let of_step = of_step.expect("a readable folder").path();
        let named = |module: &str| of_step.ends_with(module);
        let step = steps.iter().find(|step| named(step.module));
        let step = step.unwrap_or_else(|| panic!("{of_step:?}: no design has this module"));
        for script in std::fs::read_dir(&of_step).expect("a readable folder") {
            let path = script.expect("a readable folder").path();
            let recorded = std::fs::read_to_string(&path).expect("a readable script");
            let printed = models.script(step.id, &recorded).expect("a known step");
            let printed = printed.unwrap_or_else(|why| panic!("{path:?}: {why}"));
            if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
                std::fs::write(&path, &printed).expect("a writable script");
            } else {
                assert_eq!(printed, recorded, "{}", path.display());
            }
            played += 1;
        }
    }
    played
}

/// Judges every cell of the matrix and compares verdict, reason and command with what is expected.
///
/// # Panics
/// If a cell differs.
pub fn matrix_is_expected(models: &dyn Models) {
    let (found, expected) = (models.matrix(), models.expected());
    let different = different(&found, &expected);
    assert!(different.is_empty(), "not as expected:\n{}", different.join("\n"));
    assert_eq!(found, expected);
}

fn different(found: &Matrix, expected: &Matrix) -> Vec<String> {
    let mut different = Vec::new();
    for (row, expected) in found.rows.iter().zip(&expected.rows) {
        let cells = found.faults.iter().zip(row.cells.iter().zip(&expected.cells));
        for (fault, (cell, expected)) in cells.filter(|(_, (cell, expected))| cell != expected) {
            different.push(format!(
                "{} under {fault}: {} {}, not {} {}",
                row.step, cell.verdict, cell.why, expected.verdict, expected.why
            ));
        }
    }
    different
}

/// Simulates every design twice with the same seed and once with another.
///
/// # Panics
/// If equal seeds give different logs, or different seeds equal ones.
pub fn seeds_decide(models: &dyn Models) {
    for step in models.steps() {
        let run = |seed| models.run(step.id, seed).expect("a known step").to_json_lines();
        assert_eq!(run(7), run(7), "{}", step.id);
        assert_ne!(run(7), run(8), "{}", step.id);
    }
}

/// Simulates a design in a storm ([`crate::study::Target::storm`]) for each of these seeds: no promise
/// may break, every run has to end where its goal holds, and whatever the world should *sometimes*
/// reach has to be reached at the end of some run.
///
/// # Panics
/// If not, with the seed and the run.
pub fn survives_storms<P: Protocol, G: Ghost>(study: &Study<P, G>, step: &str, seeds: Range<u64>) {
    let design = study.design(step).unwrap_or_else(|| panic!("no design is called {step}"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let size = (seeds.end - seeds.start).div_ceil(cores);
    let slice = |core: u64| {
        let from = seeds.start + core * size;
        from..(from + size).min(seeds.end)
    };
    let never: Vec<Vec<&str>> = std::thread::scope(|scope| {
        let storms = |core: u64| scope.spawn(move || storms(design, step, slice(core)));
        let threads: Vec<_> = (0..cores).map(storms).collect();
        threads.into_iter().map(|thread| thread.join().expect("a storm is told above")).collect()
    });
    let (first, others) = never.split_first().expect("at least one core");
    let never: Vec<&str> =
        first.iter().copied().filter(|name| others.iter().all(|n| n.contains(name))).collect();
    assert!(never.is_empty(), "{step} never reached: {}", never.join(", "));
}

/// Runs these seeds; gives the names of the goals that none of them reached.
fn storms<P: Protocol, G: Ghost>(
    design: &Design<P, G>,
    step: &str,
    seeds: Range<u64>,
) -> Vec<&'static str> {
    let mut never = design.busy.sometimes.clone();
    for seed in seeds {
        let schedule = design.target.storm(&mut Rng::new(seed));
        let run = sim::run(&design.busy, &schedule, seed);
        if run.broken.is_some() || !run.settled {
            let (run, recorder) = simulate(&design.busy, &schedule, seed, step);
            let what = if run.settled { "breaks a promise" } else { "never settles" };
            panic!("{step}, seed {seed} {what}:\n{}", text::render(&recorder.into_log()));
        }
        never.retain(|(_, reached)| !reached(&run.world));
    }
    never.into_iter().map(|(name, _)| name).collect()
}

/// What became of a run of this design at each point where something can go wrong, counted.
///
/// # Panics
/// If no design has this name.
#[must_use]
pub fn crash_points(models: &dyn Models, step: &str) -> CrashPoints {
    let points = models.points(step).unwrap_or_else(|| panic!("no design is called {step}"));
    let verdicts = |verdict| points.rows.iter().filter(|row| row.verdict == verdict).count();
    CrashPoints {
        points: points.rows.len(),
        waiting: points.rows.iter().filter(|row| row.meanwhile == "wait").count(),
        unsafe_points: verdicts(Verdict::Unsafe),
        stuck_points: verdicts(Verdict::Stuck),
        pairs: points.pairs.runs,
        unsafe_pairs: points.pairs.broken,
        stuck_pairs: points.pairs.unsettled,
    }
}

/// What [`crash_points`] counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CrashPoints {
    /// Runs with one fault.
    pub points: usize,
    /// Of these, runs in which the others wait until the process is back.
    pub waiting: usize,
    /// Of these, runs that break a promise.
    pub unsafe_points: usize,
    /// Of these, runs that never end.
    pub stuck_points: usize,
    /// Runs with two crashes.
    pub pairs: usize,
    /// Of these, runs that break a promise.
    pub unsafe_pairs: usize,
    /// Of these, runs that never end.
    pub stuck_pairs: usize,
}
