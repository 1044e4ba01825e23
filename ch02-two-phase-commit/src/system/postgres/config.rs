//! Which participant, and which database.

use lab::NodeId;

/// How to run it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which cluster it belongs to.
    pub cluster: u64,
    /// Which participant it is: `STOCK` or `PAY`.
    pub me: NodeId,
    /// The database: `postgres://user@host:port/database`.
    pub url: String,
    /// The password, for an address that has none.
    pub password: Option<String>,
    /// Abort the process right after this effect: a change in the database, or a message.
    pub crash_after_effect: Option<u64>,
}

impl Config {
    /// A participant of a cluster.
    #[must_use]
    pub fn new(cluster: u64, me: NodeId, url: &str) -> Self {
        Self { cluster, me, url: url.to_owned(), password: None, crash_after_effect: None }
    }
}
