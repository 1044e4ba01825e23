//! The decisions in a real etcd: two coordinators, killed wherever it hurts, and an etcd that goes away.

use ch02_two_phase_commit::system::{Role, RoleStatus, report};
use lab::engines::Etcd;
use lab::http::{Answered, Caller};
use lab::system::{Options, Status};
use serde_json::{Value, json};

use crate::kit::TestCluster;

fn etcd() -> Etcd {
    Etcd::start().unwrap_or_else(|error| panic!("{error}"))
}

fn shop(etcd: &Etcd) -> TestCluster {
    let options = Options::default().with_value("decisions", etcd.url());
    TestCluster::with(|config| config.options = options)
}

fn buy(test: &TestCluster, key: &str) -> Option<Answered> {
    let order = json!({"key": key, "item": "candle", "quantity": 1, "customer": "alice"});
    let shop = test.cluster.front();
    test.runtime.block_on(Caller::new(shop).post("/checkout", &order)).ok()
}

fn status(test: &TestCluster, role: Role) -> Option<RoleStatus> {
    test.runtime.block_on(report(&test.cluster.endpoints())).remove(&role).flatten()
}

/// Why `store` waits, if it does.
fn waits(test: &TestCluster) -> Option<String> {
    let all = test.runtime.block_on(lab::system::report(&test.cluster.endpoints(), None));
    let own = |status: Status| status.own["waits"].as_str().map(ToOwned::to_owned);
    all.into_iter().find(|(role, _)| role == "store")?.1.and_then(own)
}

/// How many requests have a row, read from etcd itself.
fn rows(etcd: &Etcd) -> usize {
    let output = std::process::Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &etcd.url().replace("etcd://", "http://")])
        .args(["get", "--prefix", "ch02/", "--keys-only"])
        .output()
        .expect("etcd-client is installed");
    String::from_utf8(output.stdout).unwrap().lines().filter(|key| key.contains("/order/")).count()
}

/// Until the answer is one that stays.
fn outcome(test: &TestCluster, key: &str) -> u16 {
    test.until("an answer that stays", || {
        buy(test, key).map(|answer| answer.status).filter(|status| matches!(status, 200 | 409))
    })
}

fn candles(test: &TestCluster) -> Value {
    test.balances()["stock"]["candle"].clone()
}

/// Kills a role right after each of its effects, until one order needs fewer. The order is asked for until
/// it has an end, is done at most once, and both participants agree.
fn dies_everywhere(role: Role, least: u64) {
    let etcd = etcd();
    let mut test = shop(&etcd);
    let mut done = 0;
    for effect in 1.. {
        let crashed = test.cluster.restart(role, Some(effect)).unwrap().crashed;
        let key = format!("k{effect}");
        buy(&test, &key);
        let died = crashed || !test.cluster.is_up(role);
        test.cluster.restart(role, None).unwrap();
        done += u64::from(outcome(&test, &key) == 200);
        assert_eq!(outcome(&test, &key), outcome(&test, &key), "effect {effect}");
        test.settled();
        let now = test.balances();
        assert_eq!(now["stock"]["candle"], json!(500 - done), "effect {effect}");
        assert_eq!(now["pay"]["alice"], json!(500 - 2 * done), "effect {effect}");
        assert_eq!(now["pay"]["till"], json!(100 + 2 * done), "effect {effect}");
        if !died && effect > least {
            break;
        }
        assert!(effect < 60, "an order has no end");
    }
    assert!(done > 0);
}

#[test]
fn coord_may_die_after_any_effect() {
    dies_everywhere(Role::Coord, 6);
}

#[test]
fn store_may_die_after_any_effect() {
    dies_everywhere(Role::Store, 2);
}

#[test]
fn coord_2_ends_what_coord_decided_while_coord_is_down() {
    let etcd = etcd();
    let mut test = shop(&etcd);
    // Both prepares, a timer and its end, the question to the store: now the decision is on its way.
    for (round, effect) in [(0, 4), (1, 5), (2, 6), (3, 7)] {
        test.cluster.restart(Role::Coord, Some(effect)).unwrap();
        let key = format!("k{round}");
        assert!(buy(&test, &key).is_none(), "coord dies before it answers");
        for role in [Role::Stock, Role::Pay] {
            test.until("it is free, without coord", || {
                status(&test, role).filter(|s| s.in_doubt.is_empty() && s.locked.is_empty())
            });
        }
        assert!(!test.cluster.is_up(Role::Coord));
        test.cluster.restart(Role::Coord, None).unwrap();
        let (told, left) = (outcome(&test, &key), candles(&test));
        assert_eq!(outcome(&test, &key), told);
        assert_eq!(candles(&test), left, "asked again, done at most once");
    }
}

#[test]
fn while_etcd_is_away_orders_wait_and_when_it_is_back_they_are_done() {
    let mut etcd = etcd();
    let test = shop(&etcd);
    assert_eq!(outcome(&test, "before"), 200);
    etcd.crash();
    assert_eq!(buy(&test, "meanwhile").map(|answer| answer.status), Some(202), "pending, not lost");
    let why = test.until("store says what it waits for", || waits(&test));
    assert!(why.contains("127.0.0.1"), "{why}");
    let doubts = test.get("/in-doubt").body;
    assert!(doubts["store"]["waits"].is_string(), "{doubts}");
    etcd.restart_after_crash().unwrap();
    assert_eq!(outcome(&test, "meanwhile"), 200);
    test.until("store waits no more", || waits(&test).is_none().then_some(()));
    assert_eq!((outcome(&test, "before"), candles(&test)), (200, json!(498)));
    assert_eq!(rows(&etcd), 2, "one row for each request");
}

#[test]
fn an_empty_etcd_in_the_place_of_the_one_that_was_used_decides_nothing() {
    let (etcd, empty) = (etcd(), etcd());
    let test = shop(&etcd);
    assert_eq!(outcome(&test, "k"), 200);
    let TestCluster { cluster, dir, .. } = test;
    let data = cluster.dir().to_owned();
    cluster.stop().unwrap();
    let on = |etcd: &Etcd| {
        TestCluster::with(|config| {
            config.dir.clone_from(&data);
            config.options = Options::default().with_value("decisions", etcd.url());
        })
    };
    let test = on(&empty);
    assert_eq!(buy(&test, "k").map(|answer| answer.status), Some(202), "not done again");
    let why = test.until("store refuses", || waits(&test));
    assert!(why.contains("none of the rows"), "{why}");
    let TestCluster { cluster, .. } = test;
    cluster.stop().unwrap();
    let test = on(&etcd);
    let why = test.until("an operator has to look", || {
        buy(&test, "k");
        waits(&test)
    });
    assert!(why.contains("store-was-empty"), "{why}");
    std::fs::remove_file(data.join("store/store-was-empty")).unwrap();
    assert_eq!((outcome(&test, "k"), candles(&test)), (200, json!(499)));
    drop((test, dir));
}

#[test]
fn an_address_that_is_none_and_options_that_do_not_go_together_are_refused() {
    for address in ["http://127.0.0.1:1", "etcd://", "etcd://nowhere"] {
        let keep = tempfile::tempdir().unwrap();
        let mut config = lab::system::Config::new(
            ch02_two_phase_commit::system::SYSTEM,
            keep.path().join("data"),
        )
        .unwrap();
        config.program = crate::kit::PROGRAM.into();
        config.options = Options::default().with_value("decisions", address);
        let Err(refused) = lab::system::Cluster::start(config) else { panic!("{address}") };
        assert!(refused.to_string().contains("etcd://HOST:PORT"), "{address}: {refused}");
    }
}
