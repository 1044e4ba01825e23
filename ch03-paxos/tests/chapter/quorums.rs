//! Quorums of other sizes than majorities: which are refused, what the others keep, and what they tolerate.

use ch03_paxos::book::STATES_QUORUMS;
use ch03_paxos::designs::KV;
use ch03_paxos::quorums::{SIZES, TWO_OF_FOUR, Tolerance, from_there, replica, store_of_four};
use ch03_paxos::replicated_kv::Sizes;
use lab::study::Scene;

/// Every set of so many of the first `replicas` replicas, as bits.
fn quorums(size: u32, replicas: u32) -> impl Iterator<Item = u32> {
    (0..1_u32 << replicas).filter(move |set| set.count_ones() == size)
}

#[test]
fn sizes_are_taken_exactly_if_any_two_quorums_share_a_replica() {
    for replicas in 1..=7 {
        for (phase1, phase2) in (0..=8).flat_map(|q1| (0..=8).map(move |q2| (q1, q2))) {
            let in_range = [phase1, phase2].iter().all(|size| (1..=replicas).contains(size));
            let share = quorums(phase1, replicas)
                .all(|one| quorums(phase2, replicas).all(|other| one & other != 0));
            let sizes = Sizes::new(phase1, phase2, replicas);
            assert_eq!(sizes.is_ok(), in_range && share, "{phase1}, {phase2} of {replicas}");
        }
        let half = replicas / 2 + 1;
        assert_eq!(Sizes::new(half, half, replicas), Ok(Sizes::majorities(replicas)));
    }
}

#[test]
fn a_refusal_says_what_to_choose() {
    let said = |q1, q2, n| Sizes::new(q1, q2, n).unwrap_err().to_string();
    assert!(said(2, 2, 4).contains("whose sum is more than 4"), "{}", said(2, 2, 4));
    assert!(said(0, 3, 3).contains("choose from 1 to 3"), "{}", said(0, 3, 3));
}

/// What happened first is in the script: another replica asks for promises. Whatever may follow is searched.
#[test]
fn three_promises_and_two_votes_of_four_keep_every_promise() {
    let world = store_of_four(|group| replica(&group, Sizes::new(3, 2, 4).unwrap()), KV);
    let scene = Scene::new(world, from_there()).after(TWO_OF_FOUR);
    let report = scene.explore();
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up);
    assert_eq!(report.graph.states(), STATES_QUORUMS);
}

/// With a leader, writes go on as long as enough are left to vote. Without one, enough have to be left for
/// both phases.
#[test]
fn as_many_may_be_down_as_leave_a_quorum() {
    for (replicas, phase1, phase2) in SIZES {
        let sizes = Sizes::new(phase1, phase2, replicas).unwrap();
        let Tolerance { followers, with_leader, .. } = Tolerance::of(sizes, replicas as usize);
        let left = |quorum: u32| (replicas - quorum) as usize;
        assert_eq!(followers, left(phase2), "{sizes} of {replicas}");
        assert_eq!(with_leader, left(phase1.max(phase2)), "{sizes} of {replicas}");
    }
}
