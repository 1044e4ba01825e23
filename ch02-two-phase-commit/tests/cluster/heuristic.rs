//! An operator decides for a participant, and is right or wrong.

use ch02_two_phase_commit::system::{Role, RoleStatus, report};
use lab::http::Caller;
use serde_json::json;

use crate::kit::TestCluster;

/// `coord` dies after its decision, or right before; both are in doubt.
fn in_doubt(decided: bool) -> (TestCluster, String) {
    let mut test = TestCluster::new();
    test.cluster.restart(Role::Coord, Some(if decided { 5 } else { 4 })).unwrap();
    let request = json!({"key": "k", "item": "umbrella", "quantity": 1, "customer": "alice"});
    let asked =
        test.runtime.block_on(Caller::new(test.cluster.front()).post("/checkout", &request));
    assert!(asked.is_err(), "coord dies before it answers");
    let tx = test.until("pay is in doubt", || status(&test, Role::Pay).in_doubt.first().cloned());
    (test, tx)
}

fn status(test: &TestCluster, role: Role) -> RoleStatus {
    test.runtime.block_on(report(&test.cluster.endpoints())).remove(&role).flatten().unwrap()
}

fn resolve(test: &TestCluster, role: Role, tx: &str, end: &str) -> u16 {
    let edge = test.cluster.endpoint(role);
    let request = json!({ "tx": tx, "end": end });
    test.runtime.block_on(Caller::new(edge).post("/resolve", &request)).unwrap().status
}

#[test]
fn a_wrong_decision_by_hand_is_damage_and_stays_in_the_report() {
    let (mut test, tx) = in_doubt(true);
    assert_eq!(resolve(&test, Role::Pay, &tx, "abort"), 200);
    let pay = status(&test, Role::Pay);
    assert_eq!((&pay.in_doubt, &pay.locked), (&vec![], &vec![]), "it is free at once");
    assert_eq!((pay.guessed.len(), pay.damage.len()), (1, 0));
    test.cluster.restart(Role::Pay, None).unwrap();
    test.cluster.restart(Role::Coord, None).unwrap();
    let damage = test.until("the truth comes", || status(&test, Role::Pay).damage.first().cloned());
    assert!(damage.contains("aborted here by hand, all others did the opposite"), "{damage}");
    test.settled();
    assert!(status(&test, Role::Coord).in_doubt.is_empty(), "coord can forget");
    test.cluster.restart(Role::Pay, None).unwrap();
    test.settled();
    assert_eq!(status(&test, Role::Pay).damage.len(), 1, "people have to make up for it");
    let now = test.balances();
    assert_eq!((&now["stock"]["umbrella"], &now["pay"]["alice"]), (&json!(299), &json!(500)));
}

#[test]
fn a_lucky_decision_by_hand_does_no_harm() {
    for (decided, end, left) in [(true, "commit", 488), (false, "abort", 500)] {
        let (mut test, tx) = in_doubt(decided);
        assert_eq!(resolve(&test, Role::Pay, &tx, end), 200);
        test.cluster.restart(Role::Coord, None).unwrap();
        test.until("the truth comes", || status(&test, Role::Pay).guessed.is_empty().then_some(()));
        test.settled();
        assert_eq!(status(&test, Role::Pay).damage, Vec::<String>::new());
        assert_eq!(test.balances()["pay"]["alice"], json!(left));
    }
}

#[test]
fn only_what_is_in_doubt_is_decided_by_hand_and_only_at_a_participant() {
    let test = TestCluster::new();
    assert_eq!(resolve(&test, Role::Pay, "7.1", "commit"), 409);
    assert_eq!(resolve(&test, Role::Pay, "seven", "commit"), 400);
    assert_eq!(resolve(&test, Role::Pay, "7.1", "maybe"), 400);
    assert_eq!(resolve(&test, Role::Coord, "7.1", "commit"), 404);
    assert_eq!(test.checkout("k", "umbrella", 1, "alice").status, 200);
    assert_eq!(resolve(&test, Role::Stock, "1.1", "abort"), 409, "it has ended");
}
