//! Reads by lease: what they cost, how long they are right if clocks are worse than was assumed, and that
//! nothing else makes them wrong.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use ch03_paxos::client::{COUNTER, StoreClient};
use ch03_paxos::designs::KV;
use ch03_paxos::designs::changing::{SHORT_LOG, changing_once, trouble};
use ch03_paxos::designs::scenes::{lease_faults, read_by_lease};
use ch03_paxos::group::{AnyNode, Group, Input, Paxos};
use ch03_paxos::leases::{Measured, measured, stale_for};
use ch03_paxos::replicated_kv::{Config, Replica, leader_lease};
use ch03_paxos::types::kv::{Blob, Msg as Kv, Op, Outcome, Refusal};
use ch03_paxos::types::log::Slot;
use ch03_paxos::types::{Ballot, Msg, Timer, wait};
use ch03_paxos::worlds::{DRIFT, Nodes, PROPOSERS, REPLICAS, SPARE};
use lab::node::{Effect, react};
use lab::rng::Rng;
use lab::sim;
use lab::world::Role;

/// A beat of an earlier leader that comes late must not end what was promised to a later one.
#[test]
fn a_replica_waits_for_one_leader_at_a_time() {
    let [old, new, me] = REPLICAS;
    let config = Config { drift: Some(DRIFT), ..Config::default() };
    let mut replica = Replica::new(Group::new(&REPLICAS), config);
    let mut take = |millis, input| {
        let effects = react(&mut replica, me, Duration::from_millis(millis), input);
        let sent = effects.into_iter().filter_map(|effect| match effect {
            Effect::Send { msg: Msg::Kv(msg), .. }
            | Effect::SendAhead { msg: Msg::Kv(msg), .. } => Some(msg),
            _ => None,
        });
        sent.collect::<Vec<Kv>>()
    };
    let ballot = |round, node| Ballot { round, node, start: 1 };
    let beat = |ballot: Ballot| Input::Message {
        from: ballot.node,
        msg: Msg::Kv(Kv::Heartbeat { ballot, open: Slot(1), sent: Duration::ZERO }),
    };
    take(0, Input::Boot { start: 1 });
    let is_heard = |sent: &[Kv]| sent.iter().any(|msg| matches!(msg, Kv::Heard { .. }));
    assert!(is_heard(&take(306, beat(ballot(2, new)))));
    assert!(!is_heard(&take(308, beat(ballot(2, old)))), "it cannot wait for two");
    let (again, changes, first) = (ballot(3, old), 0, Slot(1));
    let prepare = Msg::Kv(Kv::Prepare { ballot: again, changes, first });
    let promised = take(310, Input::Message { from: old, msg: prepare });
    assert!(!promised.iter().any(|msg| matches!(msg, Kv::Promise { .. })), "{promised:?}");
}

const SEEDS: Range<u64> = if cfg!(feature = "slow") { 0..2_000 } else { 0..80 };

/// Within the bound, whatever else happens.
#[test]
fn no_read_by_lease_is_stale_while_clocks_keep_the_bound() {
    let world = read_by_lease(&Nodes::LEASED, KV, (300, 1_200));
    for seed in SEEDS {
        let run = sim::run(&world, &lease_faults(&mut Rng::new(seed)), seed);
        assert_eq!(run.broken, None, "seed {seed}");
        assert!(run.settled, "seed {seed}: some client is never answered");
    }
}

/// The replaced one may be the leader that holds the lease, and whichever replica the reader asks.
#[test]
fn no_read_by_lease_is_stale_while_the_group_changes() {
    let leased = |group| {
        let config = Config { drift: Some(DRIFT), ..SHORT_LOG };
        AnyNode::new(Replica::new(group, config))
    };
    let all = Group::new(&[REPLICAS[0], REPLICAS[1], REPLICAS[2], SPARE]);
    let get = Op::Get { key: Blob::new(COUNTER) };
    for old in [0, 1, 2] {
        let mut world = changing_once(leased, KV, old, 20);
        let reader = StoreClient::new(&all, 0, vec![get.clone(); 300]).reading_by_lease();
        world.roles[1] = Role::new(PROPOSERS[1], "web-2", "client", reader);
        for seed in SEEDS {
            let run = sim::run(&world, &trouble(&mut Rng::new(seed)), seed);
            assert_eq!(run.broken, None, "replica {old} is replaced, seed {seed}");
            assert!(run.settled, "replica {old} is replaced, seed {seed}: some wait for ever");
        }
    }
}

/// Answers to clients, by their numbers.
fn answers(effects: Vec<Effect<Paxos>>) -> Vec<(u64, Result<Outcome, Refusal>)> {
    let answer = |effect| match effect {
        Effect::SendAhead { msg: Msg::Kv(Kv::Answer { number, outcome }), .. } => {
            Some((number, outcome))
        }
        _ => None,
    };
    effects.into_iter().filter_map(answer).collect()
}

/// No leader is known: so many may wait, one more is refused, and all of them are given up in the end.
#[test]
fn reads_by_lease_are_bounded_and_given_up_like_all_others() {
    const MOST: u64 = 1 << 16;
    let (me, web) = (REPLICAS[1], PROPOSERS[0]);
    let mut replica =
        Replica::new(Group::new(&REPLICAS), Config { drift: Some(DRIFT), ..Config::default() });
    let mut take = |input| answers(react(&mut replica, me, Duration::ZERO, input));
    take(Input::Boot { start: 1 });
    let read = |number| {
        let msg = Kv::Read { number, key: Blob::new(COUNTER), by_lease: true };
        Input::Message { from: web, msg: Msg::Kv(msg) }
    };
    for number in 1..=MOST {
        assert_eq!(take(read(number)), []);
    }
    assert_eq!(take(read(MOST + 1)), [(MOST + 1, Err(Refusal::NotDone))]);
    let mut sweeps = (0..20).map(|_| take(Input::Timeout(Timer::Sweep)));
    let given_up = sweeps.find(|answers| !answers.is_empty()).expect("they are given up");
    assert_eq!(given_up.len() as u64, MOST);
    assert!(given_up.iter().all(|(_, outcome)| *outcome == Err(Refusal::NotDone)));
}

/// A group of one needs no other replica for a lease. Without a bound for clocks there are none.
#[test]
fn a_leader_reports_whether_it_holds_a_lease() {
    let me = REPLICAS[0];
    for (drift, holds) in [(None, false), (Some(DRIFT), true)] {
        let mut replica = Replica::new(Group::new(&[me]), Config { drift, ..Config::default() });
        let mut inputs = VecDeque::from([Input::Boot { start: 1 }]);
        while let Some(input) = inputs.pop_front() {
            for effect in react(&mut replica, me, Duration::ZERO, input) {
                if let Effect::Send { msg, .. } | Effect::SendAhead { msg, .. } = effect {
                    inputs.push_back(Input::Message { from: me, msg });
                }
            }
        }
        let ask = Input::Message { from: PROPOSERS[0], msg: Msg::Kv(Kv::Status) };
        let told = react(&mut replica, me, Duration::ZERO, ask);
        let [Effect::SendAhead { msg: Msg::Kv(Kv::StatusIs { status }), .. }] = &told[..] else {
            panic!("no status: {told:?}")
        };
        assert_eq!((status.role.as_str(), status.lease), ("leads", holds));
    }
}

/// The others are not free before the lease is over, on the clocks for which that is hardest.
#[test]
fn a_lease_ends_before_the_others_are_free_and_not_much_sooner() {
    for (percent, first_stale) in [(0, 0), (5, 0), (10, 0), (11, 1), (30, 1)] {
        assert_eq!(u64::from(stale_for(percent * 10_000) > 0), first_stale, "{percent} %");
    }
    assert_eq!(leader_lease(0), wait::LEASE);
    assert!(leader_lease(10_000) > wait::LEASE * 98 / 100, "one percent costs two");
    assert!(leader_lease(1_000_000).is_zero(), "a clock that may stand still gives no lease");
}

#[test]
fn reads_are_stale_beyond_the_assumed_drift_and_never_for_longer_than_derived() {
    let bound = DRIFT / 10_000;
    for Measured { percent, derived, runs, oldest } in measured() {
        assert!(oldest <= derived, "{percent} %: {oldest} µs, and {derived} at most");
        assert!(*percent > bound || *runs == 0, "{percent} %: within the bound");
        assert!(*percent < 2 * bound || *runs > 0, "{percent} %: far beyond the bound");
    }
    let counts: Vec<usize> = measured().iter().map(|at| at.runs).collect();
    assert_eq!(counts, [0, 0, 0, 2, 8, 23, 36]);
}
