//! Three coordinators: what one of them began ends without it.

use std::collections::BTreeMap;

use ch02_two_phase_commit::system::{Design, Role, SYSTEM, replay, report};
use lab::event::Log;
use lab::http::Caller;
use lab::system::{Cluster, Config};
use serde_json::json;

use crate::kit::{PROGRAM, TestCluster};
use crate::ledger::{self, Told};

fn test() -> TestCluster {
    TestCluster::with(|config| config.options = Design::Paxos.options())
}

#[test]
fn orders_are_done_once_declined_whole_and_never_replaced() {
    let test = test();
    for _ in 0..2 {
        assert_eq!(test.checkout("k1", "umbrella", 2, "alice").status, 200);
    }
    assert_eq!(test.checkout("k1", "umbrella", 1, "alice").status, 422);
    assert_eq!(test.checkout("k2", "boots", 100, "bob").field("why"), "not enough: bob");
    let now = test.balances();
    assert_eq!((&now["stock"]["umbrella"], &now["pay"]["till"]), (&json!(298), &json!(124)));
    test.settled();
    let doubts = test.get("/in-doubt").body;
    assert_eq!(doubts.as_object().unwrap().len(), 5, "{doubts}");
}

/// Kills `coord` right after this effect of an order. Says what it came to once `coord` was back,
/// and `None` if it got through without a crash.
fn dies_after(test: &mut TestCluster, effect: u64) -> Option<Told> {
    if test.cluster.restart(Role::Coord, Some(effect)).unwrap().crashed {
        test.cluster.restart(Role::Coord, None).unwrap();
        test.settled();
        return dies_after(test, effect + 1);
    }
    let key = format!("k{effect}");
    let request = json!({"key": key, "item": "candle", "quantity": 1, "customer": "alice"});
    let shop = test.cluster.front();
    let asked = test.runtime.block_on(Caller::new(shop).post("/checkout", &request));
    let coord = vec![(Role::Coord.name().to_owned(), shop)];
    let is_up = asked.is_ok()
        && test.until("it is done, or down", || {
            match test.runtime.block_on(report(&coord)).remove(&Role::Coord).flatten() {
                Some(status) => status.in_doubt.is_empty().then_some(true),
                None => Some(false),
            }
        });
    if is_up {
        return None;
    }
    // Dying takes a moment.
    test.cluster.kill(Role::Coord).unwrap();
    for role in [Role::Stock, Role::Pay] {
        test.until("the others end it", || test.is_free(role).then_some(()));
    }
    assert!(!test.cluster.is_up(Role::Coord), "and coord was away all the time");
    test.cluster.restart(Role::Coord, None).unwrap();
    test.settled();
    Some(match test.checkout(&key, "candle", 1, "alice").status {
        200 => Told::Done,
        409 => Told::Declined,
        status => panic!("{key}: {status}"),
    })
}

#[test]
fn whatever_coord_had_begun_when_it_died_ends_while_it_is_away() {
    let mut test = test();
    let mut told = BTreeMap::new();
    for effect in 1.. {
        assert!(effect < 60, "an order has no end");
        let Some(end) = dies_after(&mut test, effect) else { break };
        told.insert(format!("k{effect}"), end);
    }
    let done = told.values().filter(|told| **told == Told::Done).count();
    assert!(told.len() > 6 && done > 3, "{told:?}");
    test.cluster.restart(Role::Coord, None).unwrap();
    test.settled();
    let data = test.cluster.dir().to_owned();
    test.cluster.stop().unwrap();
    ledger::check(&data, &told, &ledger::Elsewhere::new());
}

#[test]
fn a_look_does_not_keep_its_locks_while_coord_is_away() {
    let mut test = test();
    for effect in 1..=3 {
        test.cluster.restart(Role::Coord, Some(effect)).unwrap();
        let shop = test.cluster.front();
        assert!(test.runtime.block_on(Caller::new(shop).get("/balances")).is_err(), "{effect}");
        for role in [Role::Stock, Role::Pay] {
            test.until("it releases its accounts", || test.is_free(role).then_some(()));
        }
        test.cluster.restart(Role::Coord, None).unwrap();
        test.settled();
    }
}

#[test]
fn a_log_is_read_by_the_design_that_wrote_it() {
    let test = test();
    let TestCluster { cluster, dir: keep, .. } = test;
    let data = cluster.dir().to_owned();
    cluster.stop().unwrap();
    let config = |design: Design| Config {
        program: PROGRAM.into(),
        options: design.options(),
        ..Config::new(SYSTEM, data.clone()).unwrap()
    };
    let Err(refused) = Cluster::start(config(Design::TwoPhases)) else { panic!("it starts") };
    assert!(refused.to_string().contains("started with --paxos: add it"), "{refused}");
    Cluster::start(config(Design::Paxos)).unwrap().stop().unwrap();
    drop(keep);
    let mut other = TestCluster::new();
    let Err(refused) = other.cluster.kill(Role::Coord2) else { panic!("there is none") };
    assert!(refused.to_string().contains("no coord-2 here"), "{refused}");
}

#[test]
fn a_recorded_run_does_the_same_again() {
    let keep = tempfile::tempdir().unwrap();
    let events = keep.path().join("events");
    let mut test = TestCluster::with(|config| {
        config.options = Design::Paxos.options();
        config.events = Some(events.clone());
    });
    assert_eq!(test.checkout("k1", "umbrella", 1, "alice").status, 200);
    test.settled();
    test.cluster.restart(Role::Coord2, None).unwrap();
    assert_eq!(test.checkout("k2", "boots", 1, "alice").status, 200);
    test.settled();
    test.cluster.stop().unwrap();
    let text = std::fs::read_to_string(events.join("run.jsonl")).unwrap();
    let again = replay(&Log::from_json_lines(&text).unwrap()).unwrap();
    assert!(again.events.iter().any(|event| event.state.is_some()));
}
