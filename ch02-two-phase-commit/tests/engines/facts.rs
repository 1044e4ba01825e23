//! What PostgreSQL and its client library do, whether or not one expects it. The participant is
//! built on these, so a version that behaves otherwise has to be noticed.

use ch02_two_phase_commit::system::postgres::promise;
use tokio_postgres::error::SqlState;

use crate::sql::{Sql, postgres};

const TABLE: &str = "CREATE TABLE account (name text PRIMARY KEY, balance bigint);
                     INSERT INTO account VALUES ('alice', 10)";

#[test]
fn prepare_in_a_failed_transaction_says_ok_and_prepares_nothing() {
    let postgres = postgres(4);
    let sql = Sql::to(&postgres);
    sql.run(TABLE).unwrap();
    sql.run("BEGIN; UPDATE account SET balance = 0").unwrap();
    assert!(sql.run("SELECT 1 / 0").is_err());
    let (answered, promised) = sql.runtime.block_on(promise(&sql.client, "lost"));
    assert!(answered.is_ok(), "this is why an Ok is not a yes");
    assert!(!promised.unwrap());
    assert_eq!(sql.ask("SELECT balance FROM account"), ["10"]);
}

#[test]
fn prepare_outside_a_transaction_is_only_a_warning() {
    let postgres = postgres(4);
    let sql = Sql::to(&postgres);
    let (answered, promised) = sql.runtime.block_on(promise(&sql.client, "nothing"));
    assert!(answered.is_ok());
    assert!(!promised.unwrap());
}

#[test]
fn an_unknown_name_is_the_same_error_whatever_became_of_it() {
    let postgres = postgres(4);
    let sql = Sql::to(&postgres);
    sql.run(TABLE).unwrap();
    for (name, end) in [("done", "COMMIT"), ("undone", "ROLLBACK")] {
        sql.run("BEGIN; UPDATE account SET balance = balance + 1").unwrap();
        let (_, promised) = sql.runtime.block_on(promise(&sql.client, name));
        assert!(promised.unwrap());
        sql.run(&format!("{end} PREPARED '{name}'")).unwrap();
    }
    for name in ["done", "undone", "never"] {
        for end in ["COMMIT", "ROLLBACK"] {
            let again = sql.run(&format!("{end} PREPARED '{name}'"));
            assert_eq!(again, Err(SqlState::UNDEFINED_OBJECT), "{end} {name}");
        }
    }
    assert_eq!(sql.ask("SELECT balance FROM account"), ["11"]);
}

#[test]
fn a_promise_and_its_locks_survive_a_crash_and_only_readers_pass() {
    let mut postgres = postgres(4);
    let sql = Sql::to(&postgres);
    sql.run(TABLE).unwrap();
    sql.run("BEGIN; UPDATE account SET balance = 3; PREPARE TRANSACTION 'kept'").unwrap();
    drop(sql);
    postgres.restart_after_crash().unwrap();
    let sql = Sql::to(&postgres);
    assert_eq!(sql.prepared(), ["kept"]);
    let held = "SELECT count(*) > 0 FROM pg_locks WHERE pid IS NULL AND granted";
    assert_eq!(sql.ask(held), ["t"], "its locks belong to no process");
    assert_eq!(sql.ask("SELECT balance FROM account"), ["10"], "a reader sees the old value");
    let write = sql.run("SET lock_timeout = '50ms'; UPDATE account SET balance = 4");
    assert_eq!(write, Err(SqlState::LOCK_NOT_AVAILABLE));
    sql.run("COMMIT PREPARED 'kept'").unwrap();
    assert_eq!(sql.ask("SELECT balance FROM account"), ["3"]);
}

#[test]
fn as_it_ships_nothing_can_be_prepared_and_one_that_only_reads_takes_a_slot() {
    let mut postgres = postgres(0);
    let sql = Sql::to(&postgres);
    assert_eq!(
        sql.ask("SELECT boot_val FROM pg_settings WHERE name = 'max_prepared_transactions'"),
        ["0"]
    );
    let refused = sql.run("BEGIN; SELECT 1; PREPARE TRANSACTION 'one'");
    assert_eq!(refused, Err(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE));
    drop(sql);
    postgres.restart_with(lab::engines::postgres::Options::with_slots(1)).unwrap();
    let sql = Sql::to(&postgres);
    sql.run("BEGIN; SELECT 1; PREPARE TRANSACTION 'one'").unwrap();
    let full = sql.run("BEGIN; SELECT 1; PREPARE TRANSACTION 'two'");
    assert_eq!(full, Err(SqlState::OUT_OF_MEMORY), "no code of its own");
}
