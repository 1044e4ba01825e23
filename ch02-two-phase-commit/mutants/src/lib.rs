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

/// A step with something changed.
pub type Mutant = lab::testing::Mutant<Nodes>;

/// What a changed module makes.
macro_rules! design {
    ($module:ident, $step:ident) => {
        Nodes::new(
            || AnyNode::new($module::Coordinator::default()),
            |accounts| AnyNode::new($module::Participant::new(accounts)),
        )
    };
}

include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

/// What two-phase commit promises, in the order in which a mutant is asked.
pub const ATOMIC: &[&str] = &["AC1", "AC2", "AC3", "ACK", "NACK", "ONCE", "FORGET", "MONEY"];

#[cfg(test)]
mod tests {
    use ch02_two_phase_commit::worlds::Scope;
    use lab::explore::{Limits, explore};
    use lab::study::Scene;
    use lab::testing::Setting;

    use super::*;

    /// One order, one crash, and a network that loses, doubles and delays as it likes.
    fn judge(name: &str) {
        let mutant = ALL.iter().find(|mutant| mutant.name == name).expect("a mutant");
        mutant.assert_as_recorded(ATOMIC, |nodes, _, promised| {
            let world = nodes.model(Scope::ONE_ORDER, promised);
            Setting::Explored(Scene::new(world, Limits::safety(1)))
        });
    }

    include!(concat!(env!("OUT_DIR"), "/tests.rs"));

    #[test]
    fn nothing_kills_the_step_itself() {
        let world = Nodes::STEP3.model(Scope::ONE_ORDER, ATOMIC);
        let report = explore(&world, &Limits::safety(1));
        assert_eq!((report.violation.map(|v| v.broken), report.graph.states()), (None, 10_246));
    }
}
