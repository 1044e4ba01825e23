//! Accepting, committing, and noticing what was missed.

use lab::NodeId;

use super::replica::Replica;
use crate::group::Cx;
use crate::types::kv::{Entry, Msg as Kv, Record as Kept};
use crate::types::log::Slot;
use crate::types::{Ballot, Msg, Record};

impl Replica {
    pub(super) fn on_accept(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        slot: Slot,
        entry: Entry,
        cx: &mut Cx,
    ) {
        if self.refuses(from, ballot, cx) {
            return;
        }
        self.promised = Some(ballot);
        // What is chosen can only be proposed again: it need not be written again. It has to be
        // answered, or a leader that knows less than this replica waits for ever.
        if slot >= self.open {
            self.log.put(slot, ballot, entry.clone());
            cx.persist(Record::Kv(Kept::Accepted { slot, ballot, entry }));
        }
        cx.send(from, Msg::Kv(Kv::Accepted { ballot, slot }));
        self.follow(Some(ballot.node), cx);
    }

    /// An entry counts as chosen only if it was accepted under this ballot; any other may be one that
    /// was never chosen.
    pub(super) fn on_commit(&mut self, from: NodeId, ballot: Ballot, open: Slot, cx: &mut Cx) {
        if self.refuses(from, ballot, cx) {
            return;
        }
        let is_of_ballot = |slot: &Slot| self.log.get(*slot).is_some_and(|vote| vote.0 == ballot);
        let known = (self.open.0..open.0).map(Slot).take_while(is_of_ballot).last();
        if let Some(last) = known {
            self.execute_before(last.next(), cx);
        }
        self.follow(Some(ballot.node), cx);
    }

    /// A sign that the leader is up, and the time to ask for what was missed.
    pub(super) fn on_beat(&mut self, from: NodeId, ballot: Ballot, open: Slot, cx: &mut Cx) {
        if self.refuses(from, ballot, cx) {
            return;
        }
        self.on_commit(from, ballot, open, cx);
        if self.open < open {
            self.catch_up(from, ballot, cx);
        }
        cx.send_ahead(from, Msg::Kv(Kv::Heard { ballot }));
        self.record_chosen(cx);
    }
}
