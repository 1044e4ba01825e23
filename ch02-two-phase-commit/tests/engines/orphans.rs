//! What one start of the participant, or of PostgreSQL, leaves to the next one.

use std::collections::BTreeSet;

use ch02_two_phase_commit::types::{Msg, Refusal, TxId};
use lab::system::Service;
use serde_json::json;

use crate::coord::{Coord, tx};
use crate::sql::{Sql, postgres};

#[test]
fn what_an_earlier_start_promised_is_found_and_asked_about_and_nothing_else() {
    let postgres = postgres(8);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    for (count, account) in [(1, "alice"), (2, "bob")] {
        coord.prepare(tx(count), &[(account, -1)]);
        coord.yes(tx(count));
    }
    drop(coord);
    // Another cluster's, another participant's, another program's.
    for name in ["ch02/8/3/1.1.1", "ch02/7/2/1.1.1", "ch02/7/3/1.1", "mine"] {
        sql.run(&format!("BEGIN; SELECT 1; PREPARE TRANSACTION '{name}'")).unwrap();
    }
    let mut coord = Coord::of(&postgres);
    coord.inquiry(tx(1));
    coord.inquiry(tx(2));
    let status = coord.runtime.block_on(coord.participant.status()).unwrap();
    assert_eq!(status.own["in_doubt"], json!(["tx 1.1", "tx 1.2"]));
    assert_eq!(status.start, 2);
    coord.commit(tx(1));
    coord.send(&Msg::Abort { tx: tx(2) });
    coord.until("both are resolved", || (sql.prepared().len() == 4).then_some(()));
    assert_eq!((sql.balance("alice"), sql.balance("bob")), ("499".into(), "500".into()));
    let asked = coord.rest().into_iter().all(|msg| match msg {
        Msg::Inquire { tx: asked } => asked == tx(1) || asked == tx(2),
        other => panic!("{other}"),
    });
    assert!(asked, "only its own");
}

#[test]
fn a_prepare_that_the_earlier_start_answered_is_answered_again() {
    let postgres = postgres(8);
    let mut coord = Coord::of(&postgres);
    coord.prepare(tx(1), &[("alice", -1), ("bob", 0)]);
    let seen = coord.yes(tx(1));
    drop(coord);
    let mut coord = Coord::of(&postgres);
    coord.prepare(tx(1), &[("alice", -1), ("bob", 0)]);
    // Found first, or prepared first: a yes either way, never a no.
    let again = coord.yes(tx(1));
    assert!(again == seen || again.is_empty(), "{again:?}");
    coord.commit(tx(1));
}

#[test]
fn one_that_is_prepared_after_its_abort_is_taken_back_unasked() {
    let postgres = postgres(8);
    let (sql, coord) = (Sql::to(&postgres), Coord::of(&postgres));
    coord.send(&Msg::Abort { tx: tx(1) });
    let rows = "SELECT 1 FROM ch02_pay.dtx_outcome WHERE outcome = 'aborted'";
    coord.until("the row", || (sql.ask(rows).len() == 1).then_some(()));
    // As if a backend had still been busy with it.
    sql.run("BEGIN; SELECT 1; PREPARE TRANSACTION 'ch02/7/3/1.1.1'").unwrap();
    coord.until("it is gone", || sql.prepared().is_empty().then_some(()));
}

/// The coordinator has forgotten what every participant acknowledged, and would answer *abort*
/// about it.
#[test]
fn nothing_in_progress_is_ever_taken_for_an_orphan() {
    const EACH: u64 = 40;
    let postgres = postgres(40);
    let (sql, mut coord) = (Sql::to(&postgres), Coord::of(&postgres));
    let mut acknowledged = BTreeSet::new();
    // Long enough for several searches.
    for round in 0..30 {
        let wave: Vec<TxId> = (1..=EACH).map(|n| tx(round * EACH + n)).collect();
        for (n, tx) in wave.iter().enumerate() {
            coord.prepare(*tx, &[(&format!("p{n:04}"), 1)]);
        }
        for tx in &wave {
            coord.yes(*tx);
            coord.send(&Msg::Commit { tx: *tx });
        }
        for tx in wave {
            coord.commit(tx);
            acknowledged.insert(tx);
            // Asked before it was acknowledged, on a slow day: that is no mistake.
            coord.rest();
        }
    }
    let rows = "SELECT count(*) FROM ch02_pay.dtx_outcome WHERE outcome = 'committed'";
    assert_eq!(sql.ask(rows), [(30 * EACH).to_string()]);
    coord.done(tx(9_999), &[("alice", 1)]);
    for msg in coord.rest() {
        let Msg::Inquire { tx } = msg else { panic!("{msg}") };
        assert!(!acknowledged.contains(&tx), "{tx} was over, and is asked about");
    }
}

#[test]
fn while_postgres_is_away_nothing_is_promised_and_nothing_is_forgotten() {
    let mut postgres = postgres(8);
    let mut coord = Coord::of(&postgres);
    coord.prepare(tx(1), &[("alice", -1)]);
    coord.yes(tx(1));
    postgres.crash();
    coord.prepare(tx(2), &[("bob", -1)]);
    assert!(matches!(coord.no(tx(2)), Refusal::NotNow(_)));
    coord.send(&Msg::Commit { tx: tx(1) });
    coord.inquiry(tx(1));
    assert_eq!(coord.rest().iter().filter(|m| matches!(m, Msg::Ack { .. })).count(), 0);
    postgres.restart_after_crash().unwrap();
    let sql = Sql::to(&postgres);
    assert_eq!(sql.prepared(), ["ch02/7/3/1.1.1"]);
    coord.inquiry(tx(1));
    coord.commit(tx(1));
    coord.done(tx(3), &[("bob", -1)]);
    assert_eq!((sql.balance("alice"), sql.balance("bob")), ("499".into(), "499".into()));
}
