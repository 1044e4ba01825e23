//! Every policy: is it even, what moves, do two instances agree?

use ch01_sticky_sessions::balancer::{Asked, Backend, Route};
use ch01_sticky_sessions::experiments::{HASHING, homes, judged};
use ch01_sticky_sessions::policy::{Fewest, Jump, Maglev, Random, Ring, Sticky};
use ch01_sticky_sessions::step1_round_robin::RoundRobin;
use ch01_sticky_sessions::step2_ip_hash::IpHash;
use ch01_sticky_sessions::step4_consistent_hash::ConsistentHash;
use ch01_sticky_sessions::types::Address;
use ch01_sticky_sessions::worlds::WEBS;
use lab::NodeId;

fn pool() -> Vec<Backend> {
    WEBS.map(|id| Backend { id, is_up: true, open: 0, sessions: 0 }).to_vec()
}

fn asked(turn: u64) -> Asked {
    Asked { address: Address(turn as u32), affinity: None, session: None, turn }
}

/// How many of 4,000 requests each node gets.
fn counted<R: Route>(mut route: R, pool: &[Backend]) -> Vec<usize> {
    route.prepare(&WEBS);
    let mut counts = vec![0; pool.len()];
    (0..4_000).for_each(|turn| counts[route.pick(&asked(turn), pool).expect("a node is up")] += 1);
    counts
}

#[test]
fn every_policy_that_hashes_is_as_even_and_moves_as_little_as_it_should() {
    // The busiest of four in parts of the mean, and moves: a node joins, the last leaves, the second leaves.
    let expected = [
        ("modulo", [1.0, 0.8, 0.8, 0.8], [0.03, 0.02, 0.02, 0.02]),
        ("ring, 100 points a node", [1.0, 0.2, 0.2, 0.2], [0.15, 0.05, 0.05, 0.05]),
        ("ring, 1,000 points a node", [1.0, 0.2, 0.2, 0.2], [0.1, 0.02, 0.02, 0.02]),
        ("rendezvous", [1.0, 0.2, 0.2, 0.2], [0.03, 0.02, 0.02, 0.02]),
        ("Maglev, 251 slots", [1.0, 0.24, 0.24, 0.24], [0.05, 0.05, 0.05, 0.05]),
        ("Maglev, 65,537 slots", [1.0, 0.2, 0.2, 0.2], [0.03, 0.02, 0.02, 0.02]),
        // A node in the middle leaves: those after it have other numbers.
        ("jump", [1.0, 0.2, 0.2, 0.75], [0.03, 0.02, 0.02, 0.02]),
    ];
    for ((name, policy), (known, values, margins)) in HASHING.iter().zip(expected) {
        assert_eq!(*name, known);
        for ((found, value), margin) in judged(*policy).into_iter().zip(values).zip(margins) {
            assert!((found - value).abs() <= margin, "{name}: {found:.3}, and not {value}");
        }
    }
}

#[test]
fn two_balancers_pick_the_same_node_without_exchanging_messages() {
    // The other one knows the same nodes; where places are numbers, in the same order.
    for (name, policy) in HASHING {
        assert_eq!(policy(&WEBS), policy(&WEBS), "{name}");
    }
    let reversed: Vec<NodeId> = WEBS.iter().rev().copied().collect();
    for (name, policy) in [HASHING[1], HASHING[3]] {
        assert_eq!(policy(&WEBS), policy(&reversed), "{name}, in any order");
    }
    assert_ne!(homes(Jump, &WEBS), homes(Jump, &reversed));
}

#[test]
fn only_the_users_of_a_node_that_is_down_move() {
    fn check<R: Route>(mut route: R, name: &str) {
        route.prepare(&WEBS);
        let (all, mut less) = (pool(), pool());
        less[1].is_up = false;
        for turn in 0..1_000 {
            let home = route.pick(&asked(turn), &all).expect("all are up");
            let now = route.pick(&asked(turn), &less).expect("three are up");
            assert!(now != 1 && (home == 1 || home == now), "{name}: from {home} to {now}");
        }
    }
    check(Ring::new(100), "ring");
    check(Maglev::new(251), "Maglev");
    check(ConsistentHash { bound: None }, "rendezvous");
}

#[test]
fn a_pool_without_a_node_that_is_up_gets_nothing() {
    fn check<R: Route>(mut route: R) {
        route.prepare(&[]);
        assert_eq!(route.pick(&asked(1), &[]), None);
        route.prepare(&WEBS);
        let down = pool().into_iter().map(|backend| Backend { is_up: false, ..backend });
        assert_eq!(route.pick(&asked(1), &down.collect::<Vec<_>>()), None);
    }
    check(RoundRobin);
    check(Random);
    check(Fewest);
    check(IpHash);
    check(Ring::new(10));
    check(Maglev::new(251));
    check(Jump);
    check(ConsistentHash { bound: Some(125) });
    check(Sticky { newcomers: Fewest });
}

#[test]
fn round_robin_random_and_fewest_are_even() {
    assert_eq!(counted(RoundRobin, &pool()), [1_000; 4]);
    assert_eq!(counted(Fewest, &pool()), [1_000; 4]);
    let random = counted(Random, &pool());
    assert!(random.iter().all(|count| (900..1_100).contains(count)), "{random:?}");
}

#[test]
fn the_node_with_the_fewest_sessions_gets_all_newcomers_and_nobody_with_a_cookie() {
    let mut pool = pool();
    for (backend, sessions) in pool.iter_mut().zip([9, 7, 8, 7]) {
        backend.sessions = sessions;
    }
    pool[3].open = 1;
    assert_eq!(counted(Fewest, &pool), [0, 4_000, 0, 0]);
    let sticky = Sticky { newcomers: Fewest };
    let back = Asked { affinity: Some(WEBS[0]), ..asked(1) };
    assert_eq!(sticky.pick(&back, &pool), Some(0));
    pool[0].is_up = false;
    assert_eq!(sticky.pick(&back, &pool), Some(1));
}

#[test]
fn a_bound_moves_requests_and_not_homes() {
    let mut pool = pool();
    let (free, bound) = (ConsistentHash { bound: None }, ConsistentHash { bound: Some(125) });
    let home = free.pick(&asked(1), &pool).expect("all are up");
    assert_eq!(bound.pick(&asked(1), &pool), Some(home));
    pool[home].open = 2;
    assert_ne!(bound.pick(&asked(1), &pool), Some(home));
    pool.iter_mut().for_each(|backend| backend.open = 2);
    assert_eq!(bound.pick(&asked(1), &pool), Some(home));
}
