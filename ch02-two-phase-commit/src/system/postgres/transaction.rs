//! What the participant is busy with, one entry an attempt. Nothing in it has to survive: whatever
//! was promised stands in the database.
//!
//! # Left out
//!
//! What has ended. That is in the database too.

use lab::run::Context;
use tokio::time::Instant;

use super::finish::Verdict;
use crate::types::{Account, Balances, Branch};

/// One attempt.
pub(super) struct Transaction {
    pub(super) stage: Stage,
    /// What it touches; unknown for an orphan.
    pub(super) branch: Option<Branch>,
    /// What travels along with every message about it.
    pub(super) context: Context,
    /// Why it could not be ended as decided, the last time.
    pub(super) why: Option<String>,
}

/// How far it is.
pub(super) enum Stage {
    /// The database works on it. What was received meanwhile is done afterwards.
    Preparing { then: Option<Verdict> },
    /// Promised: voted yes, or found. Asked about when that is too long ago.
    Prepared { seen: Balances, asked: Instant },
    /// The database does as decided. Whether to try again if that fails.
    Ending { promised: bool },
}

impl Transaction {
    pub(super) fn new(stage: Stage, branch: Option<Branch>, context: Context) -> Self {
        Self { stage, branch, context, why: None }
    }

    /// Whether it waits for the coordinator, whatever happens.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self.stage, Stage::Prepared { .. } | Stage::Ending { promised: true })
    }

    /// The accounts that no other transaction may touch meanwhile.
    pub(super) fn locked(&self) -> Vec<Account> {
        let branch = self.branch.iter().filter(|_| self.is_in_doubt());
        branch.flat_map(|branch| branch.iter().map(|change| change.account.clone())).collect()
    }
}
