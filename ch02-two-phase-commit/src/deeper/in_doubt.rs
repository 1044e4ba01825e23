//! What becomes of participants in doubt while the coordinator is gone.

use lab::explore::{Edge, Limits, explore, log_of};

use crate::designs;
use crate::types::COORD;
use crate::worlds::Scope;

/// States in which the coordinator is gone and a participant that is up is in doubt, by who can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shares {
    /// The others can end it among themselves.
    pub helped: usize,
    /// A participant that was asked too is gone as well.
    pub peer_down: usize,
    /// All others are up, and all have to wait.
    pub blocked: usize,
}

/// Over all states of one order with up to two crashes for good.
#[must_use]
pub fn without_coordinator(id: &str) -> Shares {
    let model = designs::row(id).model(Scope::ONE_ORDER);
    let limits = Limits { restarts: false, ..Limits::progress(2, 0, 0) };
    let report = explore(&model, &limits);
    let stuck = report.graph.stuck(&[Edge::Work]);
    let mut shares = Shares::default();
    for state in 0..report.graph.states() as u32 {
        let (_, world) = log_of(&model, &limits, &report.graph.path(state), "");
        let mut participants = world.summaries().filter(|(_, node)| node.balances.is_some());
        if world.is_up(COORD) || participants.all(|(_, node)| node.in_doubt.is_empty()) {
            continue;
        }
        let all_up = world.nodes().count() + 1 == world.topology().roles.len();
        match (stuck.binary_search(&state), all_up) {
            (Err(_), _) => shares.helped += 1,
            (Ok(_), false) => shares.peer_down += 1,
            (Ok(_), true) => shares.blocked += 1,
        }
    }
    shares
}
