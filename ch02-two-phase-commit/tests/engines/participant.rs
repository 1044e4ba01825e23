//! One participant, one PostgreSQL, and a coordinator that tests how they take it.

use ch02_two_phase_commit::accounts::MOST;
use ch02_two_phase_commit::types::{Account, Balances, Msg, Refusal, TxId};

use crate::coord::{Coord, tx};
use crate::sql::{Sql, postgres};

fn not_now(refusal: &Refusal, why: &str) {
    assert!(matches!(refusal, Refusal::NotNow(_)), "{refusal}");
    assert!(refusal.to_string().contains(why), "{refusal}");
}

#[test]
fn what_is_sent_twice_is_done_once() {
    let postgres = postgres(8);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    coord.prepare(tx(1), &[("alice", -12), ("till", 12)]);
    assert_eq!(coord.yes(tx(1)), Balances::new());
    coord.prepare(tx(1), &[("alice", -12), ("till", 12)]);
    coord.yes(tx(1));
    assert_eq!(sql.prepared(), ["ch02/7/3/1.1.1"]);
    assert_eq!(sql.balance("alice"), "500", "not yet");
    for _ in 0..3 {
        coord.commit(tx(1));
    }
    // Late ones: the prepare of what is committed, the abort of what is committed.
    coord.prepare(tx(1), &[("alice", -12), ("till", 12)]);
    coord.send(&Msg::Abort { tx: tx(1) });
    coord.done(tx(2), &[("bob", -1), ("till", 1)]);
    coord.commit(tx(1));
    assert_eq!((sql.balance("alice"), sql.balance("till")), ("488".into(), "113".into()));
    assert_eq!(sql.prepared(), Vec::<String>::new());
}

#[test]
fn an_abort_takes_back_and_a_prepare_that_comes_after_it_is_not_begun() {
    let postgres = postgres(8);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    coord.prepare(tx(1), &[("alice", -1)]);
    coord.yes(tx(1));
    coord.send(&Msg::Abort { tx: tx(1) });
    coord.send(&Msg::Abort { tx: tx(2) });
    let rows = "SELECT gtrid FROM ch02_pay.dtx_outcome WHERE outcome = 'aborted' ORDER BY gtrid";
    coord.until("two rows", || (sql.ask(rows).len() == 2).then_some(()));
    for late in [tx(1), tx(2)] {
        coord.prepare(late, &[("alice", -1)]);
        // Never promised here, so never to be acknowledged: "not found" is not "committed".
        coord.send(&Msg::Commit { tx: late });
    }
    coord.done(tx(3), &[("bob", -1), ("till", 1)]);
    coord.done(tx(4), &[("bob", -1), ("till", 1)]);
    let rest = coord.rest();
    assert_eq!(rest, [], "nothing is said about what ended");
    assert_eq!(sql.balance("alice"), "500");
}

#[test]
fn a_new_attempt_ends_the_earlier_ones_and_a_late_earlier_one_is_ignored() {
    let postgres = postgres(8);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    let again = TxId { attempt: 2, ..tx(1) };
    coord.prepare(tx(1), &[("alice", -1)]);
    coord.yes(tx(1));
    coord.prepare(again, &[("bob", -1)]);
    coord.yes(again);
    coord.prepare(tx(1), &[("alice", -1)]);
    coord.until("one is left", || (sql.prepared() == ["ch02/7/3/1.1.2"]).then_some(()));
    coord.commit(again);
    assert_eq!((sql.balance("alice"), sql.balance("bob")), ("500".into(), "499".into()));
}

#[test]
fn what_cannot_be_done_is_refused_for_the_same_reasons_as_ours() {
    let postgres = postgres(8);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    let account = Account::new;
    coord.prepare(tx(1), &[("mallory", 1)]);
    assert_eq!(coord.no(tx(1)), Refusal::Unknown(account("mallory")));
    coord.prepare(tx(2), &[("alice", -501)]);
    assert_eq!(coord.no(tx(2)), Refusal::OutOfRange(account("alice")));
    coord.prepare(tx(3), &[("till", MOST.cast_signed())]);
    assert_eq!(coord.no(tx(3)), Refusal::OutOfRange(account("till")));
    coord.prepare(tx(4), &[("till", i64::MAX), ("till", i64::MAX)]);
    assert_eq!(coord.no(tx(4)), Refusal::OutOfRange(account("till")));
    // Together they fit.
    coord.done(tx(5), &[("alice", -501), ("alice", 501)]);
    coord.prepare(tx(6), &[("alice", 0), ("bob", -1)]);
    assert_eq!(coord.yes(tx(6)), Balances::from([(account("alice"), 500)]));
    coord.send(&Msg::Abort { tx: tx(6) });
    let check = sql.run("UPDATE ch02_pay.account SET balance = -1 WHERE name = 'carol'");
    assert_eq!(check, Err(tokio_postgres::error::SqlState::CHECK_VIOLATION));
}

#[test]
fn looks_share_an_account_and_a_change_has_to_wait_and_is_refused() {
    let postgres = postgres(8);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    for read in [tx(1), tx(2)] {
        coord.prepare(read, &[("alice", 0)]);
        assert_eq!(coord.yes(read), Balances::from([(Account::new("alice"), 500)]));
    }
    coord.prepare(tx(3), &[("alice", -1)]);
    not_now(&coord.no(tx(3)), "lock_timeout");
    for read in [tx(1), tx(2)] {
        coord.send(&Msg::Abort { tx: read });
    }
    coord.until("the reads are over", || sql.prepared().is_empty().then_some(()));
    coord.done(tx(4), &[("alice", -1)]);
    assert_eq!(sql.balance("alice"), "499");
}

#[test]
fn a_lock_of_another_transaction_is_waited_for_and_then_refused_with_its_reason() {
    let postgres = postgres(8);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    sql.run("BEGIN; UPDATE ch02_pay.account SET balance = 7 WHERE name = 'alice'").unwrap();
    coord.prepare(tx(1), &[("alice", -1)]);
    not_now(&coord.no(tx(1)), "lock_timeout");
    sql.run("ROLLBACK").unwrap();
    coord.done(tx(2), &[("alice", -1)]);
}

/// The change fails inside PostgreSQL, and the client library then says Ok to the promise.
#[test]
fn a_promise_that_failed_behind_an_ok_is_a_no() {
    let postgres = postgres(8);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    let rule = "ALTER TABLE ch02_pay.account ADD CONSTRAINT house_rule
                CHECK (name <> 'alice' OR balance >= 500)";
    sql.run(rule).unwrap();
    coord.prepare(tx(1), &[("alice", -1), ("till", 1)]);
    not_now(&coord.no(tx(1)), "house_rule");
    assert_eq!(sql.prepared(), Vec::<String>::new());
    coord.done(tx(2), &[("alice", 1)]);
    assert_eq!((sql.balance("alice"), sql.balance("till")), ("501".into(), "100".into()));
}

#[test]
fn no_free_slot_is_a_no_that_names_the_setting() {
    let postgres = postgres(1);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    coord.prepare(tx(1), &[("alice", -1)]);
    coord.yes(tx(1));
    coord.prepare(tx(2), &[("bob", -1)]);
    not_now(&coord.no(tx(2)), "max_prepared_transactions");
    coord.commit(tx(1));
    coord.done(tx(3), &[("bob", -1)]);
    assert_eq!(sql.balance("bob"), "499");
}
