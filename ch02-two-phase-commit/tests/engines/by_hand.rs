//! An operator types `COMMIT PREPARED` or `ROLLBACK PREPARED` into PostgreSQL, and the coordinator sends
//! the same later, or the opposite.

use ch02_two_phase_commit::system::postgres::Config;
use ch02_two_phase_commit::system::{Role, report};
use ch02_two_phase_commit::types::Msg;
use lab::http::Caller;
use lab::system::{Options, Service};
use serde_json::{Value, json};

use crate::coord::{Coord, config, tx};
use crate::kit::TestCluster;
use crate::sql::{Sql, postgres};

const COMMITTED: &str = "tx 1.1 committed here by hand, all others did the opposite";
const ABORTED: &str = "tx 1.1 aborted here by hand, all others did the opposite";
const GID: &str = "ch02/7/3/1.1.1";

fn own(coord: &Coord, field: &str) -> Value {
    let status = coord.runtime.block_on(coord.participant.status()).expect("it reports");
    status.own[field].clone()
}

/// One order is promised.
fn promised() -> (lab::engines::Postgres, Sql, Coord) {
    let postgres = postgres(8);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    coord.prepare(tx(1), &[("alice", -12), ("till", 12)]);
    coord.yes(tx(1));
    (postgres, sql, coord)
}

fn until(coord: &Coord, field: &str, wanted: &Value) {
    coord.until(&format!("{field} is {wanted}"), || (own(coord, field) == *wanted).then_some(()));
}

#[test]
fn committed_by_hand_and_aborted_by_the_coordinator_is_damage_for_good() {
    let (postgres, sql, mut coord) = promised();
    sql.run(&format!("COMMIT PREPARED '{GID}'")).unwrap();
    until(&coord, "guessed", &json!(["tx 1.1 committed here by hand, the truth is not known"]));
    assert_eq!(own(&coord, "in_doubt"), json!([]), "it holds nothing any more");
    coord.inquiry(tx(1));
    for _ in 0..3 {
        coord.send(&Msg::Abort { tx: tx(1) });
    }
    until(&coord, "damage", &json!([COMMITTED]));
    assert_eq!(own(&coord, "guessed"), json!([]));
    coord.done(tx(2), &[("bob", -1), ("till", 1)]);
    drop(coord);
    let mut coord = Coord::of(&postgres);
    coord.done(tx(3), &[("bob", -1), ("till", 1)]);
    assert_eq!(own(&coord, "damage"), json!([COMMITTED]), "also after a restart");
    let asked = coord.rest().contains(&Msg::Inquire { tx: tx(1) });
    assert!(!asked, "the truth is known");
    assert_eq!(sql.balance("alice"), "488");
}

#[test]
fn rolled_back_by_hand_and_committed_by_the_coordinator_is_damage_told_once_and_acknowledged() {
    let (postgres, sql, mut coord) = promised();
    sql.run(&format!("ROLLBACK PREPARED '{GID}'")).unwrap();
    // Known or not, the coordinator has to be able to forget.
    for _ in 0..3 {
        coord.commit(tx(1));
        assert_eq!(own(&coord, "damage"), json!([ABORTED]));
    }
    drop(coord);
    let mut coord = Coord::of(&postgres);
    coord.commit(tx(1));
    assert_eq!(own(&coord, "damage"), json!([ABORTED]));
    assert_eq!(sql.ask("SELECT count(*) FROM ch02_pay.dtx_damage"), ["1"]);
    assert_eq!(sql.balance("alice"), "500");
    coord.done(tx(2), &[("alice", -1)]);
}

#[test]
fn a_lucky_decision_by_hand_is_no_damage() {
    let (_postgres, sql, mut coord) = promised();
    sql.run(&format!("COMMIT PREPARED '{GID}'")).unwrap();
    until(&coord, "guessed", &json!(["tx 1.1 committed here by hand, the truth is not known"]));
    coord.commit(tx(1));
    coord.prepare(tx(2), &[("bob", -1)]);
    coord.yes(tx(2));
    sql.run("ROLLBACK PREPARED 'ch02/7/3/1.2.1'").unwrap();
    until(&coord, "guessed", &json!(["tx 1.2 aborted here by hand, the truth is not known"]));
    coord.send(&Msg::Abort { tx: tx(2) });
    until(&coord, "guessed", &json!([]));
    assert_eq!(own(&coord, "damage"), json!([]));
    assert_eq!((sql.balance("alice"), sql.balance("bob")), ("488".into(), "500".into()));
}

#[test]
fn what_was_committed_by_hand_while_the_participant_was_down_is_asked_about_when_it_is_back() {
    let (postgres, sql, coord) = promised();
    drop(coord);
    sql.run(&format!("COMMIT PREPARED '{GID}'")).unwrap();
    let mut coord = Coord::of(&postgres);
    coord.inquiry(tx(1));
    assert_eq!(own(&coord, "guessed").as_array().map(Vec::len), Some(1));
    coord.send(&Msg::Abort { tx: tx(1) });
    until(&coord, "damage", &json!([COMMITTED]));
}

#[test]
fn an_abort_that_comes_late_is_no_damage_to_what_the_coordinator_had_committed() {
    let postgres = postgres(8);
    let mut coord = Coord::of(&postgres);
    coord.done(tx(1), &[("alice", -1)]);
    coord.send(&Msg::Abort { tx: tx(1) });
    coord.done(tx(2), &[("alice", -1)]);
    drop(coord);
    let mut coord = Coord::of(&postgres);
    coord.send(&Msg::Abort { tx: tx(1) });
    coord.done(tx(3), &[("alice", -1)]);
    assert_eq!((own(&coord, "damage"), own(&coord, "guessed")), (json!([]), json!([])));
}

#[test]
fn what_another_database_user_prepared_stays_in_doubt_and_the_report_says_why() {
    let (postgres, sql, coord) = promised();
    drop(coord);
    let clerk = "CREATE ROLE clerk LOGIN; GRANT ALL ON DATABASE postgres TO clerk;
                 GRANT ALL ON SCHEMA ch02_pay TO clerk;
                 GRANT ALL ON ALL TABLES IN SCHEMA ch02_pay TO clerk";
    sql.run(clerk).unwrap();
    let url = postgres.url().replacen("//postgres@", "//clerk@", 1);
    for verdict in [Msg::Commit { tx: tx(1) }, Msg::Abort { tx: tx(1) }] {
        let coord = Coord::with(&Config { url: url.clone(), ..config(&postgres) });
        coord.send(&verdict);
        let why =
            coord.until("the reason", || own(&coord, "because")[0].as_str().map(ToOwned::to_owned));
        assert!(why.starts_with("tx 1.1 stays in doubt: the database user postgres"), "{why}");
        assert!(why.contains("clerk may not end it"), "{why}");
        assert_eq!(own(&coord, "in_doubt"), json!(["tx 1.1"]));
    }
    let mut coord = Coord::of(&postgres);
    coord.commit(tx(1));
    assert_eq!(own(&coord, "because"), json!([]));
    assert_eq!(sql.balance("alice"), "488");
}

fn shop(postgres: &lab::engines::Postgres) -> TestCluster {
    let options = Options::default().with_value("participant", format!("pay={}", postgres.url()));
    TestCluster::with(|config| config.options = options)
}

#[test]
fn the_shop_reports_the_damage_and_its_coordinator_goes_on() {
    for (decided, by_hand) in [(true, "ROLLBACK"), (false, "COMMIT")] {
        let postgres = postgres(8);
        let (sql, mut test) = (Sql::to(&postgres), shop(&postgres));
        test.cluster.restart(Role::Coord, Some(if decided { 5 } else { 4 })).unwrap();
        let order = json!({"key": "k", "item": "umbrella", "quantity": 1, "customer": "alice"});
        let asked =
            test.runtime.block_on(Caller::new(test.cluster.front()).post("/checkout", &order));
        assert!(asked.is_err(), "coord dies before it answers");
        let gid = test.until("pay has promised", || sql.prepared().pop());
        sql.run(&format!("{by_hand} PREPARED '{gid}'")).unwrap();
        test.cluster.restart(Role::Coord, None).unwrap();
        let pay = || test.runtime.block_on(report(&test.cluster.endpoints()))[&Role::Pay].clone();
        let damage = test.until("damage", || pay().and_then(|pay| pay.damage.first().cloned()));
        assert!(damage.contains("by hand, all others did the opposite"), "{damage}");
        test.settled();
        assert_eq!(test.checkout("k2", "candle", 1, "bob").status, 200, "and the shop is open");
    }
}
