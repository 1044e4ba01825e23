//! What is protected: balances that never fall below zero.

use std::collections::BTreeMap;

use crate::types::{Account, Balances, Change, Refusal, TxId};

/// No balance rises above this, so no sum of balances overflows.
pub const MOST: u64 = 1_000_000_000_000;

/// The balances of one participant, and what prepared transactions have set aside of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Accounts {
    balances: Balances,
    /// What each prepared transaction will add if it commits. Its debits are reserved: no other
    /// transaction can spend them. Its credits cannot be spent before they are there.
    set_aside: BTreeMap<TxId, Vec<Change>>,
}

impl Accounts {
    /// Accounts with these opening balances.
    #[must_use]
    pub fn new(opening: &[(&str, u64)]) -> Self {
        let balances = opening.iter().map(|(name, amount)| (Account::new(name), *amount)).collect();
        Self { balances, set_aside: BTreeMap::new() }
    }

    /// All balances, as they are: nothing that is only prepared counts.
    #[must_use]
    pub fn balances(&self) -> &Balances {
        &self.balances
    }

    /// The balances of the accounts in a branch.
    #[must_use]
    pub fn read(&self, branch: &[Change]) -> Balances {
        let known = branch.iter().filter_map(|change| {
            let amount = self.balances.get(&change.account)?;
            Some((change.account.clone(), *amount))
        });
        known.collect()
    }

    /// Whether the changes can be made whatever becomes of the prepared ones.
    ///
    /// # Errors
    /// The first change that cannot.
    pub fn check(&self, branch: &[Change]) -> Result<(), Refusal> {
        for change in branch {
            let account = &change.account;
            let now = self.balances.get(account).ok_or(Refusal::Unknown(account.clone()))?;
            let by: i64 = branch.iter().filter(|c| c.account == *account).map(|c| c.by).sum();
            let pending = self.set_aside.values().flatten().filter(|c| c.account == *account);
            let (debits, credits) = pending
                .fold((0, 0), |(debits, credits), c| (debits + c.by.min(0), credits + c.by.max(0)));
            let now = i64::try_from(*now).expect("balances stay below MOST");
            let most = i64::try_from(MOST).expect("MOST fits");
            if now + debits + by < 0 || now + credits + by > most {
                return Err(Refusal::OutOfRange(account.clone()));
            }
        }
        Ok(())
    }

    /// Makes the changes. They were checked before, by this or an earlier run of the process.
    ///
    /// # Panics
    /// If a balance would leave its range: then a transaction was promised what is not there.
    pub fn apply(&mut self, branch: &[Change]) {
        for change in branch {
            let balance = self.balances.get_mut(&change.account).expect("a checked account exists");
            *balance = balance.checked_add_signed(change.by).expect("a checked change fits");
        }
    }

    /// Keeps what the changes need until [`Accounts::release`].
    pub fn set_aside(&mut self, tx: TxId, branch: &[Change]) {
        self.set_aside.insert(tx, branch.to_vec());
    }

    /// Ends what [`Accounts::set_aside`] began.
    pub fn release(&mut self, tx: TxId) {
        self.set_aside.remove(&tx);
    }
}
