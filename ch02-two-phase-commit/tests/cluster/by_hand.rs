//! An operator decides for a participant, and is right or wrong.

use ch02_two_phase_commit::system::{Role, RoleStatus, report};
use lab::http::Caller;
use serde_json::json;

use crate::kit::Town;

/// `coord` dies after its decision, or right before; both are in doubt.
fn in_doubt(decided: bool) -> (Town, String) {
    let mut town = Town::new();
    town.cluster.restart(Role::Coord, Some(if decided { 5 } else { 4 })).unwrap();
    let wish = json!({"key": "k", "item": "umbrella", "quantity": 1, "customer": "alice"});
    let asked = town.runtime.block_on(Caller::new(town.cluster.front()).post("/checkout", &wish));
    assert!(asked.is_err(), "coord dies before it answers");
    let tx = town.until("pay is in doubt", || says(&town, Role::Pay).in_doubt.first().cloned());
    (town, tx)
}

fn says(town: &Town, role: Role) -> RoleStatus {
    town.runtime.block_on(report(&town.cluster.endpoints())).remove(&role).flatten().unwrap()
}

fn resolve(town: &Town, role: Role, tx: &str, end: &str) -> u16 {
    let edge = town.cluster.endpoint(role);
    let wish = json!({ "tx": tx, "end": end });
    town.runtime.block_on(Caller::new(edge).post("/resolve", &wish)).unwrap().status
}

#[test]
fn a_wrong_decision_by_hand_is_damage_and_stays_in_the_report() {
    let (mut town, tx) = in_doubt(true);
    assert_eq!(resolve(&town, Role::Pay, &tx, "abort"), 200);
    let pay = says(&town, Role::Pay);
    assert_eq!((&pay.in_doubt, &pay.locked), (&vec![], &vec![]), "it is free at once");
    assert_eq!((pay.guessed.len(), pay.damage.len()), (1, 0));
    town.cluster.restart(Role::Pay, None).unwrap();
    town.cluster.restart(Role::Coord, None).unwrap();
    let damage = town.until("the truth comes", || says(&town, Role::Pay).damage.first().cloned());
    assert!(damage.contains("aborted here by hand, all others did the opposite"), "{damage}");
    town.settled();
    assert!(says(&town, Role::Coord).in_doubt.is_empty(), "coord can forget");
    town.cluster.restart(Role::Pay, None).unwrap();
    town.settled();
    assert_eq!(says(&town, Role::Pay).damage.len(), 1, "people have to make up for it");
    let now = town.balances();
    assert_eq!((&now["stock"]["umbrella"], &now["pay"]["alice"]), (&json!(299), &json!(500)));
}

#[test]
fn a_lucky_decision_by_hand_does_no_harm() {
    for (decided, end, left) in [(true, "commit", 488), (false, "abort", 500)] {
        let (mut town, tx) = in_doubt(decided);
        assert_eq!(resolve(&town, Role::Pay, &tx, end), 200);
        town.cluster.restart(Role::Coord, None).unwrap();
        town.until("the truth comes", || says(&town, Role::Pay).guessed.is_empty().then_some(()));
        town.settled();
        assert_eq!(says(&town, Role::Pay).damage, Vec::<String>::new());
        assert_eq!(town.balances()["pay"]["alice"], json!(left));
    }
}

#[test]
fn only_what_is_in_doubt_is_decided_by_hand_and_only_at_a_participant() {
    let town = Town::new();
    assert_eq!(resolve(&town, Role::Pay, "7.1", "commit"), 409);
    assert_eq!(resolve(&town, Role::Pay, "seven", "commit"), 400);
    assert_eq!(resolve(&town, Role::Pay, "7.1", "maybe"), 422);
    assert_eq!(resolve(&town, Role::Coord, "7.1", "commit"), 404);
    assert_eq!(town.checkout("k", "umbrella", 1, "alice").status, 200);
    assert_eq!(resolve(&town, Role::Stock, "1.1", "abort"), 409, "it has ended");
}
