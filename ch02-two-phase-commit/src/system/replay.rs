//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! A recorded run of the cluster once more, without the cluster: same inputs, same nodes, and what
//! they do has to be what they did.

use lab::NodeId;
use lab::event::Log;

use super::catalog;
use super::design::Design;
use super::role::{Alone, Among, Asking, Naming, Proposing, Role, Waiting};
use crate::shop::{Coordinator, Participant, Shop};

/// Re-executes what `cluster --events DIR` recorded in `DIR/run.jsonl`.
///
/// # Errors
/// The first event that could not be read or that came out differently.
pub fn replay(log: &Log) -> Result<Log, String> {
    match Design::of_title(&log.header.title) {
        Design::TwoPhases => again::<Alone, Waiting>(log),
        Design::Termination => again::<Naming, Asking>(log),
        Design::Paxos => again::<Among, Proposing>(log),
    }
}

fn again<C: Coordinator, P: Participant>(log: &Log) -> Result<Log, String> {
    lab::replay::replay(log, program::<C, P>, line)
}

fn program<C: Coordinator, P: Participant>(name: &str) -> Option<(NodeId, Shop<C, P>)> {
    let role = Role::ALL.into_iter().find(|role| role.name() == name)?;
    let node = if role.decides() {
        Shop::Coordinator(C::new())
    } else {
        Shop::Participant(P::new(catalog::opening(role.id())))
    };
    Some((role.id(), node))
}

/// As [`Shop::line`], without the thousand numbered accounts.
fn line<C: Coordinator, P: Participant>(node: &Shop<C, P>) -> String {
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
