//! What was decided by hand: `COMMIT PREPARED` or `ROLLBACK PREPARED`, typed into PostgreSQL while the
//! participant waited for the coordinator. It is the heuristic decision of `deeper/heuristic.rs`, made
//! where no message shows it. Told afterwards, from three tables:
//!
//! - `dtx_outcome` has the transaction's own row if it committed;
//! - `dtx_told` has a row if the coordinator sent *commit*: it is written before `COMMIT PREPARED`, and
//!   what is committed without it was committed by hand;
//! - `dtx_damage` has a row if the coordinator sent the opposite. It stays: people have to make up for it.
//!
//! # Left out
//!
//! A transaction that was rolled back by hand while this process was down: it leaves no trace until the
//! coordinator sends *commit*.

use std::collections::{BTreeMap, BTreeSet};

use tokio::join;
use tokio::time::Instant;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::gid::Names;
use crate::types::{TxId, wait};

/// What is known of it. `true` is commit.
#[derive(Debug, Default)]
pub(super) struct ByHand {
    /// How it ended here, while it is not known how it really ended; and when that was asked.
    guessed: BTreeMap<TxId, (bool, Option<Instant>)>,
    damage: BTreeMap<TxId, bool>,
    /// Told *commit* after *abort*.
    contradicted: BTreeSet<TxId>,
}

impl ByHand {
    /// What an earlier start of this participant left.
    pub(super) async fn read(client: &Client, names: Names) -> Result<Self, Error> {
        let damage = "SELECT gtrid, did = 'committed' FROM dtx_damage";
        let untold = "SELECT gtrid, true FROM dtx_outcome AS o WHERE outcome = 'committed'
                      AND NOT EXISTS (SELECT FROM dtx_told AS t WHERE t.gtrid = o.gtrid)
                      AND NOT EXISTS (SELECT FROM dtx_damage AS d WHERE d.gtrid = o.gtrid)";
        let mut found = Self::default();
        for row in client.query(untold, &[]).await? {
            let (name, did): (&str, bool) = (row.try_get(0)?, row.try_get(1)?);
            found.guessed.extend(names.attempt(name).map(|tx| (tx, (did, None))));
        }
        for row in client.query(damage, &[]).await? {
            let (name, did): (&str, bool) = (row.try_get(0)?, row.try_get(1)?);
            found.damage.extend(names.attempt(name).map(|tx| (tx, did)));
        }
        Ok(found)
    }

    /// It was promised, and has ended although the coordinator sent nothing.
    pub(super) fn guess(&mut self, tx: TxId, did: bool) {
        self.guessed.insert(tx, (did, None));
    }

    /// What to ask about now.
    pub(super) fn due(&mut self) -> Vec<TxId> {
        let mut due = Vec::new();
        for (tx, (_, asked)) in &mut self.guessed {
            if asked.is_none_or(|asked| asked.elapsed() >= wait::ASK.start) {
                *asked = Some(Instant::now());
                due.push(*tx);
            }
        }
        due
    }

    /// The truth has come, and agrees.
    pub(super) fn settle(&mut self, tx: TxId) {
        self.guessed.remove(&tx);
    }

    /// The truth has come, and is the opposite.
    pub(super) fn blame(&mut self, tx: TxId, did: bool) {
        self.guessed.remove(&tx);
        self.damage.insert(tx, did);
    }

    /// The coordinator has contradicted itself; whether that is new.
    pub(super) fn contradict(&mut self, tx: TxId) -> bool {
        self.contradicted.insert(tx)
    }

    pub(super) fn guessed(&self) -> Vec<(TxId, bool)> {
        self.guessed.iter().map(|(tx, (did, _))| (*tx, *did)).collect()
    }

    pub(super) fn damage(&self) -> Vec<(TxId, bool)> {
        self.damage.iter().map(|(tx, did)| (*tx, *did)).collect()
    }
}

/// What stands about one transaction.
pub(super) struct Row {
    /// It committed here; otherwise an abort came.
    pub(super) is_committed: bool,
    /// The coordinator sent *commit*.
    pub(super) is_told: bool,
    /// It ended here one way, and everywhere else the other way.
    pub(super) is_damage: bool,
}

/// The row of that name, if it is there to be seen.
pub(super) async fn row(client: &Client, gid: &str) -> Result<Option<Row>, Error> {
    let question = "SELECT outcome = 'committed',
                        EXISTS (SELECT FROM dtx_told WHERE gtrid = $1),
                        EXISTS (SELECT FROM dtx_damage WHERE gtrid = $1)
                    FROM dtx_outcome WHERE gtrid = $1";
    let row = client.query_typed_opt(question, &[(&gid, Type::TEXT)]).await?;
    let read = |row: tokio_postgres::Row| {
        let (is_committed, is_told, is_damage) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row { is_committed, is_told, is_damage })
    };
    row.map(read).transpose()
}

/// How these ended here: committed if their row is there, otherwise not.
pub(super) async fn ended(client: &Client, names: Names, txs: &[TxId]) -> Vec<(TxId, bool)> {
    let mut found = Vec::new();
    for tx in txs {
        let gid = names.name(*tx);
        let (prepared, row) =
            join!(biased; super::prepare::is_prepared(client, &gid), row(client, &gid));
        if let (Ok(false), Ok(row)) = (prepared, row) {
            found.push((*tx, row.is_some_and(|row| row.is_committed)));
        }
    }
    found
}

/// Notes that the coordinator sent *commit*. Nothing waits for it to be durable: a `COMMIT PREPARED`
/// that comes after it in the log forces both.
pub(super) fn tell(gid: &str) -> String {
    format!(
        "BEGIN; SET LOCAL synchronous_commit = off;
         INSERT INTO dtx_told VALUES ('{gid}') ON CONFLICT DO NOTHING; COMMIT"
    )
}

/// The same, forced: where there is nothing left to commit.
pub(super) async fn tell_now(client: &Client, gid: &str) -> Result<(), Error> {
    let told = "INSERT INTO dtx_told VALUES ($1) ON CONFLICT (gtrid) DO UPDATE SET gtrid = $1";
    client.execute_typed(told, &[(&gid, Type::TEXT)]).await.map(drop)
}

/// Notes that it ended here one way, and everywhere else the other way; for good.
pub(super) async fn blame(client: &Client, gid: &str, did: bool) -> Result<(), Error> {
    let did = if did { "committed" } else { "aborted" };
    let note = format!(
        "BEGIN; INSERT INTO dtx_outcome VALUES ('{gid}', '{did}') ON CONFLICT DO NOTHING;
         INSERT INTO dtx_damage VALUES ('{gid}', '{did}') ON CONFLICT DO NOTHING; COMMIT"
    );
    client.batch_execute(&note).await
}
