//! The whole shop, `pay` in PostgreSQL: killed after every effect, and with customers in the way.

use std::collections::{BTreeMap, BTreeSet};

use ch02_two_phase_commit::system::postgres::Names;
use ch02_two_phase_commit::system::{Role, SYSTEM};
use ch02_two_phase_commit::types::{PAY, TxId};
use lab::engines::Postgres;
use lab::rng::Rng;
use lab::system::{Cluster, Config, Options};

use crate::kit::{PROGRAM, TestCluster, total};
use crate::ledger;
use crate::sql::{Sql, postgres};
use crate::workload::Workload;

const KILLS: u64 = if cfg!(feature = "slow") { 60 } else { 15 };

fn test(postgres: &Postgres) -> TestCluster {
    TestCluster::with(|config| config.options = in_databases(&[Role::Pay], postgres))
}

/// These participants keep their accounts in PostgreSQL.
fn in_databases(roles: &[Role], postgres: &Postgres) -> Options {
    roles.iter().fold(Options::default(), |options, role| {
        options.with_value("participant", format!("{}={}", role.name(), postgres.url()))
    })
}

/// What `pay` reports as committed.
fn committed(test: &TestCluster, postgres: &Postgres) -> BTreeSet<TxId> {
    let memory = std::fs::read_to_string(test.cluster.dir().join("cluster.json")).unwrap();
    let memory: serde_json::Value = serde_json::from_str(&memory).unwrap();
    let names = Names { cluster: memory["cluster"].as_u64().unwrap(), me: PAY };
    let sql = Sql::to(postgres);
    // The last read at the balances is taken back after it was answered.
    test.until("nothing is prepared", || sql.prepared().is_empty().then_some(()));
    let rows = "SELECT gtrid FROM ch02_pay.dtx_outcome WHERE outcome = 'committed'";
    sql.ask(rows).iter().map(|name| names.attempt(name).unwrap()).collect()
}

#[test]
fn an_order_survives_a_kill_after_each_of_its_effects() {
    let postgres = postgres(20);
    let mut test = test(&postgres);
    let before = total(&test.balances());
    // Opened, prepared, voted, committed, acknowledged; then the read at the balances begins.
    for effect in 1..=7 {
        // The read of the balances is taken back after it was answered: not one of these effects.
        test.settled();
        test.cluster.restart(Role::Pay, Some(effect)).unwrap();
        let key = format!("order-{effect}");
        test.transfer(&key, "pay/alice", "stock/umbrella", 1);
        if effect <= 5 {
            test.until("pay has died", || (!is_up(&test)).then_some(()));
        }
        test.cluster.restart(Role::Pay, None).unwrap();
        let told = test.until("an answer", || {
            let answer = test.transfer(&key, "pay/alice", "stock/umbrella", 1);
            (answer.status != 202).then_some(answer.status)
        });
        // Died before the coordinator received the yes, and gave it up.
        assert!(told == 200 || (told == 409 && effect <= 3), "effect {effect}: {told}");
        test.settled();
        assert_eq!(total(&test.balances()), before, "effect {effect}");
    }
    let data = test.cluster.dir().to_owned();
    let pay = committed(&test, &postgres);
    test.cluster.stop().unwrap();
    ledger::check(&data, &BTreeMap::new(), &[(Role::Pay, pay)].into());
}

fn is_up(test: &TestCluster) -> bool {
    let pay = vec![(Role::Pay.name().to_owned(), test.cluster.endpoint(Role::Pay))];
    let report = test.runtime.block_on(ch02_two_phase_commit::system::report(&pay));
    report[&Role::Pay].is_some()
}

#[test]
fn money_is_conserved_while_roles_and_postgres_are_killed() {
    let mut postgres = postgres(40);
    let mut test = test(&postgres);
    let mut rng = Rng::new(3);
    let workload = Workload::start(&test, &mut rng);
    for kill in 0..KILLS {
        workload.wait_for(&test, rng.pick(1..60));
        match rng.pick(0..6) {
            0 => {
                test.cluster.restart(Role::Coord, None).unwrap();
            }
            1 => {
                test.cluster.restart(Role::Stock, None).unwrap();
            }
            2 | 3 => postgres.restart_after_crash().unwrap(),
            _ => {
                test.cluster.kill(Role::Pay).unwrap();
                // Sometimes both are away.
                if kill % 2 == 0 {
                    postgres.restart_after_crash().unwrap();
                }
                test.cluster.restart(Role::Pay, None).unwrap();
            }
        }
        workload.reconnect(&test);
    }
    let told = workload.end(&test, &format!("{KILLS} kills"));
    let data = test.cluster.dir().to_owned();
    let pay = committed(&test, &postgres);
    test.cluster.stop().unwrap();
    ledger::check(&data, &told, &[(Role::Pay, pay)].into());
}

#[test]
fn a_cluster_remembers_where_its_accounts_are() {
    let postgres = postgres(4);
    let test = test(&postgres);
    assert_eq!(test.checkout("k", "umbrella", 1, "alice").status, 200);
    let TestCluster { cluster, dir: keep, .. } = test;
    let data = cluster.dir().to_owned();
    cluster.stop().unwrap();
    let config = |roles: &[Role]| Config {
        program: PROGRAM.into(),
        options: in_databases(roles, &postgres),
        ..Config::new(SYSTEM, data.clone()).unwrap()
    };
    let Err(refused) = Cluster::start(config(&[])) else { panic!("it starts") };
    assert!(refused.to_string().contains("--participant pay="), "{refused}");
    let Err(refused) = Cluster::start(config(&[Role::Pay, Role::Stock])) else {
        panic!("it starts")
    };
    assert!(refused.to_string().contains("stock are in"), "{refused}");
    Cluster::start(config(&[Role::Pay])).unwrap().stop().unwrap();
    drop(keep);
}
