//! The whole shop, `pay` in PostgreSQL: killed after every effect, and with customers in the way.

use std::collections::{BTreeMap, BTreeSet};

use ch02_two_phase_commit::system::postgres::Names;
use ch02_two_phase_commit::system::{Role, SYSTEM};
use ch02_two_phase_commit::types::{PAY, TxId};
use lab::engines::Postgres;
use lab::rng::Rng;
use lab::system::{Cluster, Config, Options};

use crate::crowd::Crowd;
use crate::kit::{PROGRAM, Town, total};
use crate::ledger;
use crate::sql::{Sql, postgres};

const KILLS: u64 = if cfg!(feature = "slow") { 60 } else { 15 };

fn town(postgres: &Postgres) -> Town {
    Town::with(|config| config.options = in_databases(&[Role::Pay], postgres))
}

/// These participants keep their accounts in PostgreSQL.
fn in_databases(roles: &[Role], postgres: &Postgres) -> Options {
    roles.iter().fold(Options::default(), |options, role| {
        options.with_value("participant", format!("{}={}", role.name(), postgres.url()))
    })
}

/// What `pay` says it committed.
fn committed(town: &Town, postgres: &Postgres) -> BTreeSet<TxId> {
    let memory = std::fs::read_to_string(town.cluster.dir().join("cluster.json")).unwrap();
    let memory: serde_json::Value = serde_json::from_str(&memory).unwrap();
    let names = Names { cluster: memory["cluster"].as_u64().unwrap(), me: PAY };
    let sql = Sql::to(postgres);
    // The last look at the balances is taken back after it was answered.
    town.until("nothing is prepared", || sql.prepared().is_empty().then_some(()));
    let rows = "SELECT gtrid FROM ch02_pay.dtx_outcome WHERE outcome = 'committed'";
    sql.ask(rows).iter().map(|name| names.attempt(name).unwrap()).collect()
}

#[test]
fn an_order_survives_a_kill_after_each_of_its_effects() {
    let postgres = postgres(20);
    let mut town = town(&postgres);
    let before = total(&town.balances());
    // Opened, prepared, voted, committed, acknowledged; then the look at the balances begins.
    for effect in 1..=7 {
        // The look at the balances is taken back after it was answered: not one of these effects.
        town.settled();
        town.cluster.restart(Role::Pay, Some(effect)).unwrap();
        let key = format!("order-{effect}");
        town.transfer(&key, "pay/alice", "stock/umbrella", 1);
        if effect <= 5 {
            town.until("pay has died", || (!is_alive(&town)).then_some(()));
        }
        town.cluster.restart(Role::Pay, None).unwrap();
        let told = town.until("an answer", || {
            let answer = town.transfer(&key, "pay/alice", "stock/umbrella", 1);
            (answer.status != 202).then_some(answer.status)
        });
        // Died before the yes was heard: the coordinator has given it up.
        assert!(told == 200 || (told == 409 && effect <= 3), "effect {effect}: {told}");
        town.settled();
        assert_eq!(total(&town.balances()), before, "effect {effect}");
    }
    let data = town.cluster.dir().to_owned();
    let pay = committed(&town, &postgres);
    town.cluster.stop().unwrap();
    ledger::check(&data, &BTreeMap::new(), &[(Role::Pay, pay)].into());
}

fn is_alive(town: &Town) -> bool {
    let pay = vec![(Role::Pay.name().to_owned(), town.cluster.endpoint(Role::Pay))];
    let report = town.runtime.block_on(ch02_two_phase_commit::system::report(&pay));
    report[&Role::Pay].is_some()
}

#[test]
fn money_is_conserved_while_roles_and_postgres_are_killed() {
    let mut postgres = postgres(40);
    let mut town = town(&postgres);
    let mut rng = Rng::new(3);
    let crowd = Crowd::gather(&town, &mut rng);
    for kill in 0..KILLS {
        crowd.wait_for(&town, rng.pick(1..60));
        match rng.pick(0..6) {
            0 => {
                town.cluster.restart(Role::Coord, None).unwrap();
            }
            1 => {
                town.cluster.restart(Role::Stock, None).unwrap();
            }
            2 | 3 => postgres.restart_after_crash().unwrap(),
            _ => {
                town.cluster.kill(Role::Pay).unwrap();
                // Sometimes both are away.
                if kill % 2 == 0 {
                    postgres.restart_after_crash().unwrap();
                }
                town.cluster.restart(Role::Pay, None).unwrap();
            }
        }
        crowd.look_again(&town);
    }
    let told = crowd.end(&town, &format!("{KILLS} kills"));
    let data = town.cluster.dir().to_owned();
    let pay = committed(&town, &postgres);
    town.cluster.stop().unwrap();
    ledger::check(&data, &told, &[(Role::Pay, pay)].into());
}

#[test]
fn a_cluster_remembers_where_its_accounts_are() {
    let postgres = postgres(4);
    let town = town(&postgres);
    assert_eq!(town.checkout("k", "umbrella", 1, "alice").status, 200);
    let Town { cluster, dir: keep, .. } = town;
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
