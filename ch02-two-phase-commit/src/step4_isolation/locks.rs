//! Who may touch which account now.

use std::collections::BTreeMap;

use crate::types::{Account, Change, TxId};

/// Shared locks for reads, exclusive ones for changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Mode {
    Shared,
    Exclusive,
}

/// All locks of one participant.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Locks {
    held: BTreeMap<Account, BTreeMap<TxId, Mode>>,
}

impl Locks {
    /// All locks that a branch needs, or none and those that hold some of them.
    pub(super) fn acquire(&mut self, tx: TxId, branch: &[Change]) -> Result<(), Vec<TxId>> {
        let in_the_way = self.in_the_way(tx, branch);
        if !in_the_way.is_empty() {
            return Err(in_the_way);
        }
        for change in branch {
            let mode = if change.by == 0 { Mode::Shared } else { Mode::Exclusive };
            let holders = self.held.entry(change.account.clone()).or_default();
            let held = holders.entry(tx).or_insert(mode);
            *held = mode.max(*held);
        }
        Ok(())
    }

    fn in_the_way(&self, tx: TxId, branch: &[Change]) -> Vec<TxId> {
        let mut found = Vec::new();
        for change in branch {
            let others = self.held.get(&change.account).into_iter().flatten();
            let conflicts = others.filter(|(other, held)| {
                **other != tx && (**held == Mode::Exclusive || change.by != 0)
            });
            found.extend(conflicts.map(|(other, _)| *other));
        }
        found
    }

    pub(super) fn release(&mut self, tx: TxId, branch: &[Change]) {
        for change in branch {
            if let Some(holders) = self.held.get_mut(&change.account) {
                holders.remove(&tx);
                if holders.is_empty() {
                    self.held.remove(&change.account);
                }
            }
        }
    }

    pub(super) fn accounts(&self) -> Vec<Account> {
        self.held.keys().cloned().collect()
    }
}

/// Whether two branches need the same lock, and one of them for a change.
pub(super) fn conflict(one: &[Change], other: &[Change]) -> bool {
    let meets = |change: &Change| {
        other.iter().any(|o| o.account == change.account && (o.by != 0 || change.by != 0))
    };
    one.iter().any(meets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tx(count: u64) -> TxId {
        TxId { start: 1, count, attempt: 1 }
    }

    fn branch(by: i64) -> [Change; 1] {
        [Change { account: Account::new("till"), by }]
    }

    #[test]
    fn looks_share_and_changes_do_not() {
        let mut locks = Locks::default();
        assert_eq!(locks.acquire(tx(1), &branch(0)), Ok(()));
        assert_eq!(locks.acquire(tx(2), &branch(0)), Ok(()));
        assert_eq!(locks.acquire(tx(3), &branch(1)), Err(vec![tx(1), tx(2)]));
        locks.release(tx(1), &branch(0));
        locks.release(tx(2), &branch(0));
        assert_eq!(locks.acquire(tx(3), &branch(1)), Ok(()));
        assert_eq!(locks.acquire(tx(4), &branch(0)), Err(vec![tx(3)]));
    }

    #[test]
    fn two_branches_conflict_where_one_changes_what_the_other_needs() {
        assert!(conflict(&branch(1), &branch(0)) && conflict(&branch(0), &branch(-1)));
        assert!(!conflict(&branch(0), &branch(0)));
        let elsewhere = [Change { account: Account::new("alice"), by: 1 }];
        assert!(!conflict(&branch(1), &elsewhere));
    }

    #[test]
    fn a_look_and_a_change_of_one_account_in_one_part_lock_it_exclusively() {
        let mut locks = Locks::default();
        let both = [branch(1)[0].clone(), branch(0)[0].clone()];
        assert_eq!(locks.acquire(tx(1), &both), Ok(()));
        assert_eq!(locks.acquire(tx(2), &branch(0)), Err(vec![tx(1)]));
    }
}
