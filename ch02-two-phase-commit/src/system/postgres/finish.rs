//! The second phase: what was promised is done or taken back, once, however often the coordinator
//! asks for it.
//!
//! # Left out
//!
//! Doing either because one has waited long enough. That is what a promise rules out.

use tokio::join;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::bank::Bank;
use super::pool::{LIMIT, Lane};
use super::unfit::words;
use crate::types::TxId;

/// What the coordinator sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Commit,
    Abort,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Finished {
    /// It is so, and durable.
    Done,
    /// To be committed, and neither promised nor committed here: a promise was lost.
    Missing,
    /// Not known. The coordinator will send it again.
    Unsure(String),
}

/// Does as decided.
pub(super) async fn finish(bank: &Bank, tx: TxId, verdict: Verdict) -> Finished {
    let line = match bank.pool.line(Lane::End).await {
        Ok(line) => line,
        Err(why) => return Finished::Unsure(why),
    };
    let gid = bank.names.name(tx);
    let work = async {
        match verdict {
            Verdict::Commit => commit(&line, &gid).await,
            Verdict::Abort => abort(&line, &gid).await,
        }
    };
    let Ok(finished) = timeout(LIMIT, work).await else {
        return Finished::Unsure("the database does not answer in time".into());
    };
    bank.effects.done();
    if !matches!(finished, Finished::Unsure(_)) {
        line.give_back();
    }
    finished
}

/// "No such transaction" may mean that it is committed. Only its own row says so.
async fn commit(client: &Client, gid: &str) -> Finished {
    match client.batch_execute(&format!("COMMIT PREPARED '{gid}'")).await {
        Ok(()) => Finished::Done,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => {
            match outcome(client, gid).await {
                Ok(Some(outcome)) if outcome == "committed" => Finished::Done,
                Ok(_) => Finished::Missing,
                Err(error) => Finished::Unsure(words(&error)),
            }
        }
        Err(error) => Finished::Unsure(words(&error)),
    }
}

/// Takes it back if it is there, and leaves a row for a prepare that comes late. Nothing waits for
/// that row to be durable: if it is lost, the late one is prepared, asked about, and taken back.
async fn abort(client: &Client, gid: &str) -> Finished {
    let rollback = format!("ROLLBACK PREPARED '{gid}'");
    let fence = format!(
        "BEGIN; SET LOCAL synchronous_commit = off;
         INSERT INTO dtx_outcome VALUES ('{gid}', 'aborted') ON CONFLICT DO NOTHING; COMMIT"
    );
    let (rolled_back, fenced) =
        join!(biased; client.batch_execute(&rollback), client.batch_execute(&fence));
    match (rolled_back, fenced) {
        (Ok(()), Ok(())) => Finished::Done,
        (Err(error), Ok(())) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => Finished::Done,
        (Err(error), _) | (_, Err(error)) => Finished::Unsure(words(&error)),
    }
}

/// What the row of that name says, if it is there to be seen.
pub(super) async fn outcome(client: &Client, gid: &str) -> Result<Option<String>, Error> {
    let question = "SELECT outcome FROM dtx_outcome WHERE gtrid = $1";
    let row = client.query_typed_opt(question, &[(&gid, Type::TEXT)]).await?;
    row.map(|row| row.try_get(0)).transpose()
}
