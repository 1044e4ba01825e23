//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! A recorded run of the cluster once more, without the cluster: same inputs, same nodes, and what
//! they do has to be what they did.

use lab::NodeId;
use lab::event::Log;

use super::catalog;
use super::role::Role;
use crate::shop::{Coordinator as _, Part as _, Participant as _, Shop};
use crate::step4_isolation::{Coordinator, Participant};

type Played = Shop<Coordinator, Participant>;

/// Re-executes what `cluster --events DIR` recorded in `DIR/run.jsonl`.
///
/// # Errors
/// The first event that could not be read or that came out differently.
pub fn replay(log: &Log) -> Result<Log, String> {
    lab::replay::replay(log, program, line)
}

fn program(name: &str) -> Option<(NodeId, Played)> {
    let role = Role::ALL.into_iter().find(|role| role.name() == name)?;
    let node = match role {
        Role::Coord => Shop::Coordinator(Coordinator::new()),
        Role::Stock | Role::Pay => Shop::Participant(Participant::new(catalog::opening(role.id()))),
    };
    Some((role.id(), node))
}

/// As [`Shop::line`], without the thousand numbered accounts.
fn line(node: &Played) -> String {
    let Shop::Participant(participant) = node else { return node.line() };
    let balances = participant.accounts().balances();
    let named = balances
        .iter()
        .filter(|(account, _)| catalog::OPENING.iter().any(|(_, name, _)| *name == &*account.0));
    let named: Vec<String> = named.map(|(name, amount)| format!("{name} {amount}")).collect();
    let named = named.join(", ");
    let line = participant.line();
    if line.is_empty() { named } else { format!("{named}; {line}") }
}
