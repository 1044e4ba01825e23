//! Why a database cannot be what a participant needs, and what to change.
//!
//! # Left out
//!
//! What PostgreSQL says by itself: it is passed on.

use lab::NodeId;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why a participant does not start, or no longer runs, on a database.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The address is not one.
    #[error(
        "not an address of PostgreSQL ({}); write postgres://USER@HOST:PORT/DATABASE", words(.0)
    )]
    Address(#[source] Error),
    /// No server answers there, or not to us.
    #[error("PostgreSQL does not let us in: {}; does it run there?", words(.0))]
    Unreachable(#[source] Error),
    /// It cannot prepare anything: `max_prepared_transactions` is 0, as PostgreSQL ships.
    #[error(
        "this PostgreSQL cannot prepare transactions: max_prepared_transactions is 0, as it ships; \
         set it to 100, say, in postgresql.conf, and restart PostgreSQL"
    )]
    NoSlots,
    /// Its promises would not survive a power cut: `fsync` is off.
    #[error(
        "this PostgreSQL does not force its log (fsync is off): a promise would not survive a power \
         cut; set fsync to on"
    )]
    NotDurable,
    /// Its tables belong to another cluster.
    #[error(
        "the accounts in this database belong to cluster {theirs}, and this is {ours}; choose \
         another database, or start that cluster again with its own --dir"
    )]
    NotOurs {
        /// That one.
        theirs: String,
        /// This one.
        ours: String,
    },
    /// Another process serves the same accounts.
    #[error("another process serves the accounts of {0} in this database; end it first")]
    Taken(NodeId),
    /// It refuses what a participant has to do.
    #[error("PostgreSQL refuses: {}", words(.0))]
    Refuses(#[source] Error),
}

/// An error of the database in its own words, with the code that can be looked up.
pub(super) fn words(error: &Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None if error.is_closed() => "the connection is closed".into(),
        None => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        }
    }
}

/// Why something cannot be promised now.
pub(super) fn reason(error: &Error) -> String {
    match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            "another transaction holds an account of it (lock_timeout)".into()
        }
        Some(&SqlState::T_R_DEADLOCK_DETECTED) => {
            "two transactions waited for each other (deadlock)".into()
        }
        // The code of any lack of room; which one stands only in the text.
        Some(&SqlState::OUT_OF_MEMORY) => {
            format!("the database has no room: {}; see max_prepared_transactions", words(error))
        }
        Some(&SqlState::QUERY_CANCELED) => "the database is too slow (statement_timeout)".into(),
        _ => format!("the database says: {}", words(error)),
    }
}
