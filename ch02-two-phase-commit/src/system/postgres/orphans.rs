//! What a process that died left behind: promised, and not known to the process that runs now.
//! Found in Citus' order:
//!
//! 1. list what is prepared;
//! 2. list what this process is busy with;
//! 3. read the outcome rows, and list what is prepared once more.
//!
//! Only what stands in both lists, and not among the busy ones, is an orphan. With the first two
//! the other way round, one that was begun in between would look like one; without the third, one
//! that was just finished would. To ask about either would be a mistake: the coordinator answers
//! *abort* about everything it has forgotten, and it forgets what every participant has
//! acknowledged.
//!
//! # Left out
//!
//! Other people's. A name that is not ours is left alone, whatever it holds.

use std::collections::BTreeSet;

use tokio::join;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::bank::Bank;
use super::unfit::Unfit;
use crate::types::TxId;

/// Lists what is prepared, ours only.
pub(super) async fn prepared(bank: &Bank) -> Result<BTreeSet<TxId>, Unfit> {
    let keeper = bank.keeper().await?;
    list(bank, &keeper).await.map_err(Unfit::Refuses)
}

async fn list(bank: &Bank, client: &Client) -> Result<BTreeSet<TxId>, Error> {
    let question = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()";
    let rows = client.query_typed(question, &[]).await?;
    let names = rows.iter().filter_map(|row| row.try_get::<_, String>(0).ok());
    Ok(names.filter_map(|name| bank.names.attempt(&name)).collect())
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Orphans {
    /// What became of these is not known.
    pub(super) unknown: BTreeSet<TxId>,
    /// An abort was here before them.
    pub(super) aborted: BTreeSet<TxId>,
}

/// Of those that were prepared and that no task is busy with: which still are.
pub(super) async fn still(bank: &Bank, idle: BTreeSet<TxId>) -> Result<Orphans, Unfit> {
    let keeper = bank.keeper().await?;
    let names: Vec<String> = idle.iter().map(|tx| bank.names.name(*tx)).collect();
    let question = "SELECT gtrid FROM dtx_outcome WHERE gtrid = ANY($1) AND outcome = 'aborted'";
    let names = [(&names as _, Type::TEXT_ARRAY)];
    let (rows, again) = join!(
        biased;
        keeper.query_typed(question, &names),
        list(bank, &keeper),
    );
    let rows = rows.map_err(Unfit::Refuses)?;
    let ended = rows.iter().filter_map(|row| row.try_get::<_, String>(0).ok());
    let ended: BTreeSet<TxId> = ended.filter_map(|name| bank.names.attempt(&name)).collect();
    let again = again.map_err(Unfit::Refuses)?;
    let (aborted, unknown) = idle.intersection(&again).copied().partition(|tx| ended.contains(tx));
    Ok(Orphans { unknown, aborted })
}
