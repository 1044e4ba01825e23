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
use super::by_hand;
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
    /// It had ended here already, and not so: an operator decided by hand, or a promise was lost. Noted, and
    /// durable.
    Damage,
    /// To be committed, after the coordinator had it aborted.
    Contradiction,
    /// It is promised still, and this database user may not end it.
    Forbidden(String),
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
    let (told, commit) = (by_hand::tell(gid), format!("COMMIT PREPARED '{gid}'"));
    let (told, committed) =
        join!(biased; client.batch_execute(&told), client.batch_execute(&commit));
    match (told, committed) {
        (Ok(()), Ok(())) => return Finished::Done,
        (Ok(()), Err(error)) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => {}
        (Err(error), _) | (_, Err(error)) => return unsure(client, gid, &error).await,
    }
    let noted = match by_hand::row(client, gid).await {
        Ok(Some(row)) if row.is_committed => by_hand::tell_now(client, gid).await,
        // Sent again, because the acknowledgement was lost.
        Ok(Some(row)) if row.is_damage => Ok(()),
        Ok(Some(_)) => return Finished::Contradiction,
        Ok(None) => match by_hand::blame(client, gid, false).await {
            Ok(()) => return Finished::Damage,
            failed => failed,
        },
        Err(error) => Err(error),
    };
    noted.map_or_else(|error| Finished::Unsure(words(&error)), |()| Finished::Done)
}

/// Takes it back if it is there, and leaves a row for a prepare that comes late. Nothing waits for
/// that row to be durable: if it is lost, the late one is prepared, asked about, and taken back.
async fn abort(client: &Client, gid: &str) -> Finished {
    let rollback = format!("ROLLBACK PREPARED '{gid}'");
    let fence = format!(
        "BEGIN; SET LOCAL synchronous_commit = off;
         INSERT INTO dtx_outcome VALUES ('{gid}', 'aborted') ON CONFLICT DO NOTHING; COMMIT"
    );
    let (rolled_back, fenced, row) = join!(
        biased;
        client.batch_execute(&rollback),
        client.batch_execute(&fence),
        by_hand::row(client, gid),
    );
    let row = match (rolled_back, fenced, row) {
        (Ok(()), Ok(()), _) => return Finished::Done,
        (Err(error), Ok(()), row) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => row,
        (Err(error), ..) | (_, Err(error), _) => return unsure(client, gid, &error).await,
    };
    match row {
        // An abort that comes late does not change what the coordinator had committed.
        Ok(Some(row)) if row.is_committed && !row.is_told && !row.is_damage => {
            let noted = by_hand::blame(client, gid, true).await;
            noted.map_or_else(|error| Finished::Unsure(words(&error)), |()| Finished::Damage)
        }
        Ok(_) => Finished::Done,
        Err(error) => Finished::Unsure(words(&error)),
    }
}

/// Why it is not known how it ended.
async fn unsure(client: &Client, gid: &str, error: &Error) -> Finished {
    if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return Finished::Unsure(words(error));
    }
    // What failed beside it may have left a transaction open, in which nothing is answered.
    let _ = client.batch_execute("ROLLBACK").await;
    let question = "SELECT owner::text, current_user::text FROM pg_prepared_xacts WHERE gid = $1";
    let row = client.query_typed_opt(question, &[(&gid, Type::TEXT)]).await;
    let users =
        row.ok().flatten().and_then(|row| Some((row.try_get(0).ok()?, row.try_get(1).ok()?)));
    let Some((owner, me)): Option<(String, String)> = users else {
        return Finished::Unsure(words(error));
    };
    Finished::Forbidden(format!(
        "the database user {owner} prepared it, and {me} may not end it; start this participant with an \
         address that names {owner}"
    ))
}
