//! Reads: orders that change nothing, and need no decision.
//!
//! What was seen is one moment only if all had it locked at once. A participant releases the locks
//! of a read when no coordinator answers for it: it has promised nothing, and its locks must not
//! wait for `coord`. So once all are in, the coordinator asks each whether it still holds them. If
//! all do, they all did when the last one voted yes.

use std::collections::{BTreeMap, BTreeSet};

use lab::NodeId;

use super::{Coordinator, answer};
use crate::deeper::Msg as Deeper;
use crate::shop::Cx;
use crate::types::{Balances, Msg, Outcome, Timer, TxId, Vote};

/// What a read has found up to now.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct ReadState {
    seen: BTreeMap<NodeId, Balances>,
    /// Asked after everything was seen, these still hold it.
    held: BTreeSet<NodeId>,
}

impl Coordinator {
    /// A participant's own *no* needs no count: it will never vote yes on this attempt. And a read
    /// needs no decision.
    pub(super) fn on_vote(&mut self, from: NodeId, tx: TxId, vote: Vote, cx: &mut Cx) {
        let Some(begun) = self.begun.get_mut(&tx) else { return };
        match vote {
            Vote::No(why) => self.end(tx, false, why, cx),
            Vote::Yes(seen) if begun.order.is_read() => {
                begun.read.seen.insert(from, seen);
                if begun.order.participants().all(|id| begun.read.seen.contains_key(&id)) {
                    let still = Msg::Deeper(Deeper::StateQuery { tx });
                    begun.order.participants().for_each(|id| cx.send(id, still.clone()));
                }
            }
            Vote::Yes(_) => {}
        }
    }

    pub(super) fn on_held(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        let Some(begun) = self.begun.get_mut(&tx).filter(|begun| begun.order.is_read()) else {
            return;
        };
        begun.read.held.insert(from);
        if begun.order.participants().all(|id| begun.read.held.contains(&id)) {
            let seen = std::mem::take(&mut begun.read.seen);
            self.forget_read(tx, Outcome::Done(seen), cx);
        }
    }

    pub(super) fn forget_read(&mut self, tx: TxId, outcome: Outcome, cx: &mut Cx) {
        let begun = self.begun.remove(&tx).expect("it was begun");
        self.leading.remove(&tx);
        cx.cancel_timer(Timer::Votes(tx));
        answer(begun.client, begun.key, outcome, cx);
        begun.order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
        self.resume(tx, cx);
    }
}
