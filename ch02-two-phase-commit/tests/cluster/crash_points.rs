//! Every point a role can die at, one after the other, until it gets through without dying.

use std::collections::BTreeMap;

use ch02_two_phase_commit::system::{Role, report};
use lab::http::Caller;
use serde_json::{Value, json};

use crate::kit::TestCluster;
use crate::ledger::{self, Told};

/// An order that can be done, one that cannot, and one between two ledgers.
fn requests(round: u64) -> [(&'static str, Value); 3] {
    let key = |name: &str| format!("{name}-{round}");
    [
        (
            "/checkout",
            json!({"key": key("a"), "item": "candle", "quantity": 1, "customer": "p0001"}),
        ),
        (
            "/transfer",
            json!({"key": key("b"), "from": "pay/bob", "to": "stock/s0001", "amount": 900}),
        ),
        (
            "/transfer",
            json!({"key": key("c"), "from": "stock/s0002", "to": "pay/p0002", "amount": 1}),
        ),
    ]
}

/// Asks until there is an answer; brings the role back when it is gone. Says whether it was.
fn insist(
    test: &mut TestCluster,
    role: Role,
    path: &str,
    request: &Value,
    told: &mut BTreeMap<String, Told>,
) -> bool {
    let key = request["key"].as_str().unwrap().to_owned();
    let mut died = false;
    loop {
        let mut caller = Caller::new(test.cluster.front());
        let answer = test.runtime.block_on(caller.post(path, request));
        let known = match answer.map(|answer| answer.status) {
            Ok(200) => Some(Told::Done),
            Ok(409) => Some(Told::Declined),
            Ok(202 | 503) | Err(_) => None,
            Ok(status) => panic!("{key}: {status}"),
        };
        if !test.cluster.is_up(role) {
            died = true;
            test.cluster.restart(role, None).unwrap();
        }
        if let Some(known) = known {
            told.insert(key, known);
            return died;
        }
    }
}

/// What it still does after the last answer may kill it as well. Whether it is up.
fn quiet_or_down(test: &mut TestCluster, role: Role) -> bool {
    loop {
        let report = test.runtime.block_on(report(&test.cluster.endpoints()));
        if !test.cluster.is_up(role) {
            return false;
        }
        if report[&role].as_ref().is_some_and(|status| status.in_doubt.is_empty()) {
            return true;
        }
    }
}

fn dies_everywhere(role: Role) {
    let mut test = TestCluster::new();
    let mut told = BTreeMap::new();
    for effect in 1.. {
        assert!(effect < 200, "the workload has no end");
        // What an earlier start left open makes it act, and die, before it is even ready.
        let mut died = test.cluster.restart(role, Some(effect)).unwrap().crashed;
        if died {
            test.cluster.restart(role, None).unwrap();
        }
        for (path, request) in requests(effect) {
            died |= insist(&mut test, role, path, &request, &mut told);
        }
        if !died && quiet_or_down(&mut test, role) {
            break;
        }
        test.cluster.restart(role, None).unwrap();
        // So that the next start has nothing to do but its own three orders.
        test.settled();
    }
    test.cluster.restart(role, None).unwrap();
    test.settled();
    let balances = test.balances();
    let done = |name: char| {
        told.iter().filter(|(key, told)| key.starts_with(name) && **told == Told::Done).count()
            as u64
    };
    assert_eq!(balances["stock"]["candle"], json!(500 - done('a')));
    assert_eq!(balances["pay"]["p0001"], json!(1_000 - 2 * done('a')));
    assert_eq!(balances["pay"]["till"], json!(100 + 2 * done('a')));
    assert_eq!((done('b'), &balances["pay"]["bob"]), (0, &json!(500)));
    assert_eq!(balances["stock"]["s0002"], json!(1_000 - done('c')));
    assert_eq!(balances["pay"]["p0002"], json!(1_000 + done('c')));
    assert!(done('a') > 0 && done('c') > 0);
    let data = test.cluster.dir().to_owned();
    test.cluster.stop().unwrap();
    ledger::check(&data, &told, &ledger::Elsewhere::new());
}

#[test]
fn coord_may_die_after_any_effect() {
    dies_everywhere(Role::Coord);
}

#[test]
fn stock_may_die_after_any_effect() {
    dies_everywhere(Role::Stock);
}
