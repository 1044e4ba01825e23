//! A replica takes another one's place in the group.

use ch03_paxos::book::STATES_MEMBERS;
use ch03_paxos::designs::KV;
use ch03_paxos::designs::changing::{
    SHORT_LOG, changing, changing_once, increments, replace, smallest_change, trouble,
};
use ch03_paxos::group::{AnyNode, Group, Paxos};
use ch03_paxos::invariants::Ledger;
use ch03_paxos::replicated_kv::{Config, Replica};
use ch03_paxos::types::kv::{Entry, Op};
use ch03_paxos::types::log::Slot;
use ch03_paxos::types::{Ballot, Msg, kv};
use ch03_paxos::worlds::{REPLICAS, SPARE};
use lab::explore::{Limits, Model, explore};
use lab::rng::Rng;
use lab::sim::{self, Fault, FaultSchedule};
use lab::{Effect, Input, NodeId};

use crate::store::{message, takes};

const SEEDS: u64 = if cfg!(feature = "slow") { 20_000 } else { 1_000 };

/// Three replicas, one that waits outside, and clients that do this.
fn world(clients: &[Vec<Op>]) -> Model<Paxos, Ledger> {
    changing(|group| AnyNode::new(Replica::new(group, SHORT_LOG)), KV, clients)
}

fn holds(world: &Model<Paxos, Ledger>, seeds: u64, faults: impl Fn(&mut Rng) -> Vec<Fault>) {
    for seed in 0..seeds {
        let faults = faults(&mut Rng::new(seed));
        let run = sim::run(world, &FaultSchedule { faults, ..FaultSchedule::none() }, seed);
        assert_eq!(run.broken, None, "seed {seed}");
        assert!(run.settled, "seed {seed}: some client is never answered");
    }
}

fn crash(node: NodeId, at: u64, back: Option<u64>) -> Fault {
    Fault::Crash { node, at, back, wiped: false, forget: 0 }
}

/// One is dead; its place is taken; then another one dies, and the group still has a majority.
#[test]
fn a_dead_replica_is_replaced_and_then_another_may_die() {
    for old in [0, 1, 2] {
        let begin = [increments(20), vec![replace(REPLICAS[old])], increments(200)].concat();
        holds(&world(&[begin, increments(200)]), SEEDS / 20, |rng| {
            let next = REPLICAS[(old + 1 + rng.pick(0..2) as usize) % 3];
            vec![crash(REPLICAS[old], 2_000, None), crash(next, 3_000_000, None)]
        });
    }
}

/// Two clients ask for the same change, then all replicas that are left restart: what the new group chose
/// behind the second stop-sign is there.
#[test]
fn a_change_that_is_asked_for_twice_loses_nothing() {
    let ops = |n| [increments(4), vec![replace(REPLICAS[0])], increments(n)].concat();
    holds(&world(&[ops(60), ops(60)]), SEEDS / 4, |rng| {
        let left = [REPLICAS[1], REPLICAS[2], SPARE];
        let gone = crash(REPLICAS[0], rng.pick(500..4_000), None);
        let at = rng.pick(600_000..640_000);
        let all =
            left.map(|node| crash(node, at + rng.pick(0..500), Some(rng.pick(1_000..50_000))));
        std::iter::once(gone).chain(all).collect()
    });
}

/// Whoever leads, whatever crashes and comes back, and whatever is cut off for a while.
#[test]
fn the_group_changes_under_any_trouble() {
    for old in [0, 1, 2] {
        let world =
            changing_once(|group| AnyNode::new(Replica::new(group, SHORT_LOG)), KV, old, 10);
        holds(&world, SEEDS, |rng| trouble(rng).faults);
    }
}

#[test]
fn no_slot_is_executed_with_entries_of_two_groups() {
    let model = smallest_change(|group| AnyNode::new(Replica::new(group, Config::default())), KV);
    let limits = Limits { timeouts: Some(1), states: 5_000_000, ..Limits::safety(0) };
    let report = explore(&model, &limits);
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up);
    assert_eq!(report.graph.states(), STATES_MEMBERS);
}

/// A group of which a majority knows nothing of the old one's choices would lose them.
#[test]
fn a_replica_votes_in_no_group_that_it_does_not_know() {
    let mut replica = Replica::new(Group::new(&REPLICAS), SHORT_LOG);
    takes(&mut replica, Input::Boot { start: 1 });
    let leader = REPLICAS[0];
    let ballot = Ballot { round: 1, node: leader, start: 1 };
    let slot = Slot(2);
    let mut ask = |msg| takes(&mut replica, message(leader, Msg::Kv(msg)));
    let prepare = |changes| kv::Msg::Prepare { ballot, changes, first: slot };
    let fetch = Msg::Kv(kv::Msg::Fetch { first: Slot::FIRST });
    assert_eq!(ask(prepare(1)), [Effect::SendAhead { to: leader, msg: fetch }]);
    let accept = |changes| kv::Msg::Accept { ballot, changes, slot, entry: Entry::NoOp };
    assert_eq!(ask(accept(1)), []);
    let accepted = Msg::Kv(kv::Msg::Accepted { ballot, slot });
    assert!(ask(accept(0)).contains(&Effect::Send { to: leader, msg: accepted }));
}
