//! Chapter 2 with one thing changed, many times over.
//!
//! Every line of a protocol is there for a schedule that it forbids. Take the line away, and the
//! explorer finds the schedule: so each `*.toml` of this folder names a step, what is changed in it,
//! the invariant that dies first, and how many events that takes. A few mutants survive; their files
//! say why that is right. The tests pin all of it, and a change that is no longer found exactly once
//! in its step does not build.
//!
//! See the shortest schedules: `cargo test -p ch02-mutants -- --nocapture`.
//!
//! # Left out
//!
//! Mutants of disks and networks (a log that skips its sync, a link that reorders): those are not lines
//! of a step. Mutants of the other steps; this one makes the promises.

use ch02_two_phase_commit::shop::AnyNode;
use ch02_two_phase_commit::worlds::Nodes;

include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

/// What two-phase commit promises, in the order in which a mutant is asked.
pub const ATOMIC: &[&str] = &["AC1", "AC2", "AC3", "ACK", "NACK", "ONCE", "FORGET", "MONEY"];

/// A step with something changed.
#[derive(Debug)]
pub struct Mutant {
    /// The file's name.
    pub name: &'static str,
    /// What the change shows.
    pub shows: &'static str,
    /// The invariant that dies first, or `nothing`.
    pub killed_by: &'static str,
    /// How many events that takes.
    pub steps: Option<usize>,
    /// How many states there are, if nothing kills it.
    pub states: Option<usize>,
    /// Where the first invariant is an early alarm: what somebody would notice, and after how long.
    pub harm: Option<(&'static str, usize)>,
    /// The design that it makes of its step.
    pub design: Nodes,
}

#[cfg(test)]
mod tests {
    use ch02_two_phase_commit::worlds::Scope;
    use lab::explore::{Edge, Limits, explore, log_of};
    use lab::view::text;

    use super::*;

    /// The property that dies first, if any, after how many events; else how many states there are.
    /// One order, one crash, and a network that loses, doubles and delays as it likes.
    fn shortest(
        mutant: &Mutant,
        promised: &[&'static str],
    ) -> Result<(&'static str, usize), usize> {
        let world = mutant.design.model(Scope::ONE_ORDER, promised);
        let limits = Limits::safety(1);
        let report = explore(&world, &limits);
        assert!(!report.gave_up, "more than {} states", limits.states);
        let Some(violation) = report.violation else { return Err(report.graph.states()) };
        let title = format!("{}: {}", mutant.name, mutant.shows);
        let (log, _) = log_of(&world, &limits, &violation.path, &title);
        println!("{}\n", text::render(&log));
        Ok((violation.broken.property, violation.path.len()))
    }

    fn judge(name: &str) {
        let mutant = ALL.iter().find(|mutant| mutant.name == name).expect("a mutant");
        match shortest(mutant, ATOMIC) {
            Ok(found) => assert_eq!(Some(found), mutant.steps.map(|n| (mutant.killed_by, n))),
            Err(states) => {
                println!("{name} survives in {states} states: {}\n", mutant.shows);
                assert_eq!(("nothing", Some(states)), (mutant.killed_by, mutant.states));
                let world = mutant.design.model(Scope::ONE_ORDER, ATOMIC);
                let report = explore(&world, &Limits::progress(1, 1, 0));
                let stuck = report.graph.stuck(&[Edge::Work, Edge::Restart]);
                assert!(report.violation.is_none() && stuck.is_empty(), "stuck for ever");
            }
        }
        if let Some((property, steps)) = mutant.harm {
            assert_eq!(shortest(mutant, &[property]), Ok((property, steps)));
        }
    }

    include!(concat!(env!("OUT_DIR"), "/tests.rs"));

    #[test]
    fn nothing_kills_the_step_itself() {
        let world = Nodes::STEP3.model(Scope::ONE_ORDER, ATOMIC);
        let report = explore(&world, &Limits::safety(1));
        assert_eq!((report.violation.map(|v| v.broken), report.graph.states()), (None, 24_424));
    }
}
