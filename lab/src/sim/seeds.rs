//! Seeds until something breaks.

use std::ops::Range;

use super::{FaultSchedule, run, shrink, simulate};
use crate::event::Log;
use crate::explore::Model;
use crate::node::Protocol;
use crate::rng::Rng;
use crate::world::Ghost;

/// A broken run is shrunk, and so are the next few: the shortest of them is shown.
const BEST_OF: usize = 10;

/// What a seed search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// How many seeds were tried, the last of them included.
    pub tried: u64,
    /// The broken run, if one was found.
    pub counterexample: Option<Counterexample>,
}

/// A shrunk run that breaks a property.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The seed of the run it was shrunk from.
    pub seed: u64,
    /// Events before and after shrinking.
    pub shrunk: (usize, usize),
    /// The property and why it fails.
    pub why: String,
    /// The shrunk run.
    pub log: Log,
}

/// Tries seeds until some break a property under a schedule drawn for each, and shrinks those runs.
pub fn find<P, G>(
    model: &Model<P, G>,
    schedule: impl Fn(&mut Rng) -> FaultSchedule,
    seeds: Range<u64>,
    title: &str,
) -> Found
where
    P: Protocol,
    G: Ghost,
{
    let mut tried = 0;
    let mut found = Vec::new();
    for seed in seeds {
        tried += 1;
        let schedule = schedule(&mut Rng::new(seed));
        if run(model, &schedule, seed).broken.is_none() {
            continue;
        }
        // Once more, now with a log.
        let (run, recorder) = simulate(model, &schedule, seed, title);
        let broken = run.broken.expect("equal seeds give equal runs");
        let title = format!("{title}, shrunk from seed {seed}");
        let (_, shrunk) = shrink(model, &schedule, run.actions, broken.property, &title);
        let log = shrunk.into_log();
        let why = log.header.verdict.clone().unwrap_or_default();
        let shrunk = (recorder.len(), log.events.len());
        found.push(Counterexample { seed, shrunk, why, log });
        if found.len() == BEST_OF {
            break;
        }
    }
    let counterexample = found.into_iter().min_by_key(|example| example.shrunk.1);
    Found { tried, counterexample }
}
