//! The counts that others published for the classic model, and ours.

mod party;

use std::collections::BTreeSet;
use std::time::Duration;

use lab::explore::{Limits, Model, enabled, explore};
use lab::world::{Action, Transition, World};

use party::{Classic, MANAGER, Party, State, Whim, model};

#[test]
fn three_resource_managers_have_288_states() {
    let report = explore(&model(3), &Limits::safety(0));
    assert_eq!(report.graph.states(), 288);
    assert!(report.violation.is_none() && report.never.is_empty() && !report.gave_up);
}

#[test]
fn five_resource_managers_have_8832_states() {
    assert_eq!(explore(&model(5), &Limits::safety(0)).graph.states(), 8_832);
}

/// Resource managers are interchangeable. For each: its state, whether the manager heard of it, and
/// whether it said it is prepared.
fn situations(world: &World<Classic, ()>) -> (State, Vec<(State, bool, bool)>) {
    let manager = world.node(MANAGER).and_then(|node| node.downcast_ref());
    let Some(Party::Manager { state, prepared, .. }) = manager else {
        panic!("the manager never crashes")
    };
    let said = |id| world.network().in_flight().any(|envelope| envelope.from == id);
    let resources = world.nodes().filter_map(|(id, node)| match node.downcast_ref()? {
        Party::Resource(state) => Some((*state, prepared.contains(&id), said(id))),
        Party::Manager { .. } => None,
    });
    (*state, resources.collect())
}

/// Sorted by state alone, as stateright's example does it: resource managers in the same state keep
/// their order, so some states that differ only by a renaming are still counted twice.
fn sorted_by_state(world: &World<Classic, ()>) -> u128 {
    let (manager, mut resources) = situations(world);
    resources.sort_by_key(|(state, ..)| *state);
    lab::fingerprint(&(manager, resources))
}

/// Sorted by all there is to know about each: one representative for each set of equal states.
fn sorted_by_all(world: &World<Classic, ()>) -> u128 {
    let (manager, mut resources) = situations(world);
    resources.sort_unstable();
    lab::fingerprint(&(manager, resources))
}

/// The place of an action in the order in which stateright's example lists them: the manager decides;
/// then for each resource manager: the manager hears of it, it prepares, it aborts, it is told.
fn published_order(transition: &Transition<Classic>) -> (u64, u8) {
    match transition {
        Transition::Timeout(MANAGER, Whim::Commit) => (0, 0),
        Transition::Timeout(MANAGER, _) => (0, 1),
        Transition::Deliver { envelope, .. } if envelope.to == MANAGER => (envelope.from.0, 0),
        Transition::Timeout(id, Whim::Prepare) => (id.0, 1),
        Transition::Timeout(id, _) => (id.0, 2),
        Transition::Deliver { envelope, .. } => (envelope.to.0, 3),
        other => panic!("the classic model knows no {other:?}"),
    }
}

/// A representative that is not the same for all equal states makes the count depend on the order of
/// the search, so the published count needs the published search: depth first, last action first.
#[test]
fn with_the_published_symmetry_and_search_five_have_665_states() {
    let limits = Limits::safety(0);
    let first = World::new(model(5).topology(limits.wire, false), &mut ());
    let mut visited = BTreeSet::from([sorted_by_state(&first)]);
    let mut stack = vec![first];
    while let Some(world) = stack.pop() {
        let mut actions = enabled(&world, &limits).0;
        actions.sort_by_key(published_order);
        for transition in actions {
            let mut next = world.clone();
            next.apply(&Action::new(transition), Duration::ZERO, &mut ());
            if visited.insert(sorted_by_state(&next)) {
                stack.push(next);
            }
        }
    }
    assert_eq!(visited.len(), 665);
}

#[test]
fn with_full_symmetry_five_have_314_states() {
    let model = Model { symmetry: Some(sorted_by_all), ..model(5) };
    assert_eq!(explore(&model, &Limits::safety(0)).graph.states(), 314);
}

/// The same nodes under stateright, which delivers each message once: its counts, from a model that was
/// written for it by hand (`benches/peers/actors.rs`).
#[cfg(feature = "peers")]
#[test]
fn stateright_counts_the_same_states_of_the_same_nodes() {
    use lab::stateright::{Bounds, check};
    use lab::world::Wire;

    let bag = Limits { wire: Wire::Bag, ..Limits::safety(0) };
    for (parties, states) in [(3, 584), (5, 33_824)] {
        let bounds = Bounds { timeouts: None, crashes: 0, holds: |_| true };
        let first = World::new(model(parties).topology(bag.wire, false), &mut ());
        assert_eq!(check(&first, bounds).states, states);
        assert_eq!(explore(&model(parties), &bag).graph.states(), states);
    }
}
