//! Chapter 3 with one thing changed, many times over.
//!
//! Each `*.toml` of this folder names a step, what is changed in it, the scope in which the explorer
//! sees it, the invariant that breaks first, and after how many events. Some name a smaller scope as
//! well, in which nothing breaks: a search with two ballots calls some famous bugs safe.
//!
//! See the shortest schedules: `cargo test -p ch03-mutants -- --nocapture`.
//!
//! # Left out
//!
//! Mutants of disks and networks: those are not lines of a step.

use ch03_paxos::group::AnyNode;
use ch03_paxos::worlds::{Crashing, Nodes, Scope, wanted};
use lab::explore::Limits;

/// A step with something changed.
pub type Mutant = lab::testing::Mutant<Nodes>;

/// What a changed module makes.
macro_rules! design {
    ($module:ident, step6_log) => {
        Nodes::Log(|group| AnyNode::new($module::Replica::new(group)))
    };
    ($module:ident, $step:ident) => {
        Nodes::Group {
            proposer: |group, i| AnyNode::new($module::Proposer::new(group, wanted(i))),
            acceptor: |group| AnyNode::new($module::Acceptor::new(group)),
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

/// More than any scope below has.
const STATES: usize = 20_000_000;

/// What happens in a scope: its world, and the limits of the environment. Each of the two proposers
/// has one ballot, and a timer that expires gives one of them another, or makes a follower lead.
///
/// # Panics
/// If there is no such scope.
#[must_use]
pub fn scope(name: &str) -> (Scope, Limits) {
    let limits = |timeouts, crashes| Limits {
        timeouts: Some(timeouts),
        states: STATES,
        ..Limits::safety(crashes)
    };
    let two = |crashing| Scope::TWO.crashing(crashing);
    match name {
        "2 ballots" => (Scope::TWO, limits(0, 0)),
        "2 ballots, a replica restarts" => (two(Crashing::Replicas), limits(0, 1)),
        "2 ballots, a proposer restarts" => (two(Crashing::Proposers), limits(0, 1)),
        "3 ballots" => (Scope::TWO, limits(1, 0)),
        "a log, 2 leaders" => (Scope::TWO, limits(1, 0)),
        _ => panic!("no scope of this chapter is called {name:?}"),
    }
}

#[cfg(test)]
mod tests {
    use ch03_paxos::designs::{CONSENSUS, LOG};

    use super::*;

    fn judge(name: &str) {
        let mutant = ALL.iter().find(|mutant| mutant.name == name).expect("a mutant");
        let is_log = mutant.scope.starts_with("a log");
        mutant.assert_as_recorded(if is_log { LOG } else { CONSENSUS }, |nodes, name, promised| {
            let (scope, limits) = scope(name);
            (nodes.model(scope, promised), limits)
        });
    }

    include!(concat!(env!("OUT_DIR"), "/tests.rs"));
}
