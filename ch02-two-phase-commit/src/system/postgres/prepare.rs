//! The first phase: lock, check, change, promise. What PostgreSQL answers to `PREPARE TRANSACTION` is
//! not the promise; that it is listed among the prepared ones is.
//!
//! # Left out
//!
//! A shortcut for a branch that only reads. It takes a slot like any other: without the promise its
//! locks would not survive a crash, and then two reads are not of one moment.

use std::collections::BTreeMap;

use tokio::join;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

use super::bank::Bank;
use super::pool::{LIMIT, Lane, Line};
use super::unfit::reason;
use crate::accounts::MOST;
use crate::types::{Account, Balances, Branch, Refusal, TxId};

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Voted {
    /// Promised, with the balances that were read.
    Yes(Balances),
    /// Rolled back, for certain.
    No(Refusal),
    /// It ended long ago; this prepare comes late.
    Ended,
    /// The connection broke at the wrong moment. If it is promised, it will be found.
    Unsure,
}

/// Locks, checks, changes and promises one branch.
pub(super) async fn prepare(bank: &Bank, tx: TxId, branch: &Branch) -> Voted {
    let line = match bank.pool.line(Lane::Begin).await {
        Ok(line) => line,
        Err(why) => return no(why),
    };
    // Out of time means hung up: what was not promised is taken back.
    let work = timeout(LIMIT, work(bank, &line, tx, branch)).await;
    let Ok((voted, clean)) = work else { return Voted::Unsure };
    if clean {
        line.give_back();
    }
    voted
}

fn no(why: impl Into<std::sync::Arc<str>>) -> Voted {
    Voted::No(Refusal::NotNow(why.into()))
}

/// The vote, and whether the connection is clean.
async fn work(bank: &Bank, line: &Line<'_>, tx: TxId, branch: &Branch) -> (Voted, bool) {
    let gid = bank.names.name(tx);
    let rows = match begin(line, &gid, branch).await {
        Ok(rows) => rows,
        Err(error) => {
            let clean = line.batch_execute("ROLLBACK").await.is_ok();
            let fenced = [SqlState::UNIQUE_VIOLATION, SqlState::LOCK_NOT_AVAILABLE];
            if clean && error.code().is_some_and(|code| fenced.contains(code)) {
                return (met(line, &gid, branch, &error).await, true);
            }
            return (no(reason(&error)), clean);
        }
    };
    let changes = match check(branch, &rows) {
        Ok(changes) => changes,
        Err(why) => {
            let clean = line.batch_execute("ROLLBACK").await.is_ok();
            return (Voted::No(why), clean);
        }
    };
    bank.effects.done();
    let (changed, (answered, promised)) =
        join!(biased; change(line, &changes), promise(line, &gid));
    bank.effects.done();
    match promised {
        Ok(true) => (Voted::Yes(balances_read(branch, &rows)), true),
        Ok(false) => {
            let failed = changed.err().or_else(|| answered.err());
            let why = failed.map_or_else(|| "it was rolled back".into(), |error| reason(&error));
            // In a failed transaction PREPARE has rolled back already; then this does nothing.
            let clean = line.batch_execute("ROLLBACK").await.is_ok();
            (no(why), clean)
        }
        Err(_) => (Voted::Unsure, false),
    }
}

/// Opens a transaction, puts its row down, and locks its accounts in the order of their names. The
/// row is seen by others if and when this commits; until then another of the same name waits for it.
async fn begin(client: &Client, gid: &str, branch: &Branch) -> Result<Vec<Row>, Error> {
    let names: Vec<&str> = branch.iter().map(|change| &*change.account.0).collect();
    let reads_only = branch.iter().all(|change| change.by == 0);
    let mode = if reads_only { "SHARE" } else { "NO KEY UPDATE" };
    let own = "INSERT INTO dtx_outcome VALUES ($1, 'committed')";
    let lock =
        format!("SELECT name, balance FROM account WHERE name = ANY($1) ORDER BY name FOR {mode}");
    let (gid, names) = ([(&gid as _, Type::TEXT)], [(&names as _, Type::TEXT_ARRAY)]);
    // All three leave at once: one round trip.
    let (begun, owned, rows) = join!(
        biased;
        client.batch_execute("BEGIN"),
        client.execute_typed(own, &gid),
        client.query_typed(&lock, &names),
    );
    begun?;
    owned?;
    rows
}

/// What each account changes by, or the first change that cannot be made.
fn check(branch: &Branch, rows: &[Row]) -> Result<BTreeMap<Account, i64>, Refusal> {
    let balances = balances(rows);
    let mut changes: BTreeMap<Account, i64> = BTreeMap::new();
    for change in branch.iter() {
        if !balances.contains_key(&change.account) {
            return Err(Refusal::Unknown(change.account.clone()));
        }
        let sum = changes.entry(change.account.clone()).or_default();
        *sum = sum.saturating_add(change.by);
    }
    for (account, by) in &changes {
        let after = balances[account].checked_add_signed(*by);
        if after.is_none_or(|after| after > MOST) {
            return Err(Refusal::OutOfRange(account.clone()));
        }
    }
    changes.retain(|_, by| *by != 0);
    Ok(changes)
}

async fn change(client: &Client, changes: &BTreeMap<Account, i64>) -> Result<(), Error> {
    let (names, sums): (Vec<&str>, Vec<i64>) =
        changes.iter().map(|(account, by)| (&*account.0, *by)).unzip();
    let change = "UPDATE account SET balance = balance + c.by
                  FROM unnest($1::text[], $2::bigint[]) AS c (name, by)
                  WHERE account.name = c.name";
    let types = [(&names as _, Type::TEXT_ARRAY), (&sums as _, Type::INT8_ARRAY)];
    client.execute_typed(change, &types).await.map(drop)
}

/// Asks PostgreSQL to prepare the open transaction, and whether it has.
///
/// Two answers, and only the second one counts: in a failed transaction, or in none, PostgreSQL
/// answers the first question with a success that prepared nothing.
pub async fn promise(client: &Client, gid: &str) -> (Result<(), Error>, Result<bool, Error>) {
    let prepare = format!("PREPARE TRANSACTION '{gid}'");
    join!(biased; client.batch_execute(&prepare), is_prepared(client, gid))
}

/// Whether it is promised.
pub(super) async fn is_prepared(client: &Client, gid: &str) -> Result<bool, Error> {
    let question =
        "SELECT 1 FROM pg_prepared_xacts WHERE gid = $1 AND database = current_database()";
    Ok(client.query_typed_opt(question, &[(&gid, Type::TEXT)]).await?.is_some())
}

/// A transaction of the same name was here before: from an earlier start of this process, or an
/// abort.
async fn met(client: &Client, gid: &str, branch: &Branch, error: &Error) -> Voted {
    let (prepared, outcome) =
        join!(biased; is_prepared(client, gid), super::by_hand::row(client, gid));
    match (prepared, outcome) {
        (Ok(true), _) => {
            let names: Vec<&str> = branch.iter().map(|change| &*change.account.0).collect();
            let query = "SELECT name, balance FROM account WHERE name = ANY($1)";
            // Its locks are held: what is there now is what was there when it promised.
            match client.query_typed(query, &[(&names, Type::TEXT_ARRAY)]).await {
                Ok(rows) => Voted::Yes(balances_read(branch, &rows)),
                Err(_) => Voted::Unsure,
            }
        }
        (Ok(false), Ok(Some(_))) => Voted::Ended,
        (Ok(false), Ok(None)) => no(reason(error)),
        (Err(_), _) | (_, Err(_)) => Voted::Unsure,
    }
}

fn balances(rows: &[Row]) -> Balances {
    let read = |row: &Row| -> Option<(Account, u64)> {
        let (name, balance): (&str, i64) = (row.try_get(0).ok()?, row.try_get(1).ok()?);
        Some((Account::new(name), u64::try_from(balance).ok()?))
    };
    rows.iter().filter_map(read).collect()
}

/// The balances that a branch only reads.
fn balances_read(branch: &Branch, rows: &[Row]) -> Balances {
    let mut seen = balances(rows);
    seen.retain(|account, _| branch.iter().any(|c| c.by == 0 && c.account == *account));
    seen
}
