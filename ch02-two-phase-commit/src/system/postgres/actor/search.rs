//! What the loop finds when it looks around: promises that no task knows, and promises that are gone.

use std::collections::BTreeSet;

use lab::run::Context;
use tokio::time::Instant;

use super::{Actor, Report};
use crate::system::postgres::by_hand;
use crate::system::postgres::finish::Verdict;
use crate::system::postgres::orphans::{self, Orphans};
use crate::system::postgres::transaction::{Stage, Transaction};
use crate::types::{Msg, TxId};

impl Actor {
    /// Looks for orphans, from time to time: a transaction of a dead process may be prepared after
    /// it has died, because PostgreSQL was still busy with it.
    pub(super) fn search(&mut self) {
        if std::mem::replace(&mut self.searching, true) {
            return;
        }
        self.searched = Instant::now();
        self.spawn(async |bank| match orphans::prepared(&bank).await {
            Ok(prepared) => Report::Listed(prepared),
            Err(unfit) => Report::Blind(unfit),
        });
    }

    /// What is prepared was listed before this. Now: what we are busy with.
    pub(super) fn on_listed(&mut self, prepared: BTreeSet<TxId>) {
        self.blind = false;
        self.look_for_those_ended(&prepared);
        let idle: BTreeSet<TxId> =
            prepared.into_iter().filter(|tx| !self.transactions.contains_key(tx)).collect();
        if idle.is_empty() {
            self.searching = false;
            return;
        }
        self.spawn(async move |bank| match orphans::still(&bank, idle).await {
            Ok(orphans) => Report::Found(orphans),
            Err(unfit) => Report::Blind(unfit),
        });
    }

    pub(super) fn on_found(&mut self, orphans: Orphans) {
        self.searching = false;
        for tx in orphans.unknown {
            if !self.transactions.contains_key(&tx) {
                let stage = Stage::Ending { promised: true };
                self.found(tx, Transaction::new(stage, None, Context::default()));
                self.send(&Msg::Inquire { tx }, &Context::default());
            }
        }
        for tx in orphans.aborted {
            if !self.transactions.contains_key(&tx) {
                self.on_verdict(tx, Verdict::Abort, Context::default());
            }
        }
    }

    /// What was promised when this search began, and is not listed, was ended by hand.
    fn look_for_those_ended(&self, prepared: &BTreeSet<TxId>) {
        let since = self.searched;
        let gone = self.transactions.iter().filter(|(tx, transaction)| {
            let Stage::Prepared { asked, .. } = &transaction.stage else { return false };
            *asked < since && !prepared.contains(tx)
        });
        let gone: Vec<TxId> = gone.map(|(tx, _)| *tx).collect();
        if gone.is_empty() {
            return;
        }
        self.spawn(async move |bank| {
            let keeper = bank.keeper().await;
            Report::Ended(match keeper {
                Ok(keeper) => by_hand::ended(&keeper, bank.names, &gone).await,
                // The next search finds them as well.
                Err(_) => Vec::new(),
            })
        });
    }

    /// If the coordinator has sent nothing meanwhile, it was not this process that ended them.
    pub(super) fn on_ended(&mut self, ended: Vec<(TxId, bool)>) {
        for (tx, did) in ended {
            let stage = self.transactions.get(&tx).map(|transaction| &transaction.stage);
            if matches!(stage, Some(Stage::Prepared { .. })) {
                self.transactions.remove(&tx);
                self.by_hand.guess(tx, did);
            }
        }
    }
}
