//! Seeds until something breaks.

use std::ops::Range;

use super::{Plan, shrink, simulate};
use crate::chapter::{Counterexample, Found};
use crate::explore::Model;
use crate::node::Node;
use crate::rng::Rng;

/// A broken run is shrunk, and so are the next few: the shortest of them is shown.
const BEST_OF: usize = 10;

/// Tries seeds until some break a property under a plan drawn for each, and shrinks those runs.
pub fn find<N, G>(
    model: &Model<N, G>,
    plan: impl Fn(&mut Rng) -> Plan,
    seeds: Range<u64>,
    title: &str,
) -> Found
where
    N: Node,
    G: Clone + Eq + std::hash::Hash + Default,
{
    let mut tried = 0;
    let mut found = Vec::new();
    for seed in seeds {
        tried += 1;
        let plan = plan(&mut Rng::new(seed));
        let (run, recorder) = simulate(model, &plan, seed, title);
        let Some(broken) = run.broken else { continue };
        let title = format!("{title}, shrunk from seed {seed}");
        let (_, shrunk) = shrink(model, run.moments, broken.property, &title);
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
