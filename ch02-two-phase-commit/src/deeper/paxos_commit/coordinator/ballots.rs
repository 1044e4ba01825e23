//! Paxos, for the votes: every coordinator keeps them, and one that leads a ballot counts who has.

use std::collections::{BTreeMap, BTreeSet};

use lab::NodeId;

use super::super::acceptor::Acceptor;
use super::super::{ALL, MAJORITY};
use super::Coordinator;
use crate::deeper::{Ballot, Msg as Deeper, Peers, Record as Kept, Votes};
use crate::shop::Cx;
use crate::types::{COORD, Msg, Record, Refusal, Timer, TxId, wait};

/// One ballot that this coordinator leads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Leading {
    ballot: Ballot,
    promises: BTreeMap<NodeId, Option<(Ballot, Votes)>>,
    accepted: BTreeSet<NodeId>,
}

impl Coordinator {
    pub(super) fn lead(&mut self, tx: TxId, ballot: Ballot) {
        let (promises, accepted) = (BTreeMap::new(), BTreeSet::new());
        self.leading.insert(tx, Leading { ballot, promises, accepted });
    }

    fn acceptor(&mut self, tx: TxId, peers: &Peers, cx: &mut Cx) -> &mut Acceptor {
        if self.watched.insert(tx) {
            cx.set_timer(Timer::Votes(tx), wait::VOTES);
        }
        self.acceptors.entry(tx).or_insert_with(|| Acceptor::new(peers.clone()))
    }

    pub(super) fn on_propose(
        &mut self,
        from: NodeId,
        (tx, peers): (TxId, Peers),
        ballot: Ballot,
        votes: Votes,
        cx: &mut Cx,
    ) {
        if ballot > 0 {
            return self.accept(from, tx, &peers, ballot, votes, cx);
        }
        if let Some(&commit) = self.ended.get(&tx) {
            cx.send(from, if commit { Msg::Commit { tx } } else { Msg::Abort { tx } });
            return;
        }
        if let Some(all) = self.acceptor(tx, &peers, cx).receive(votes) {
            self.accept(COORD, tx, &peers, 0, all, cx);
        }
    }

    /// Phase 2b: write the votes down, then tell the coordinator that leads.
    fn accept(
        &mut self,
        leader: NodeId,
        tx: TxId,
        peers: &Peers,
        ballot: Ballot,
        votes: Votes,
        cx: &mut Cx,
    ) {
        let acceptor = self.acceptor(tx, peers, cx);
        let known = acceptor.accepted().is_some_and(|(old, _)| *old == ballot);
        if !acceptor.accept(ballot, votes.clone()) {
            return;
        }
        if !known {
            let (peers, votes) = (peers.clone(), votes.clone());
            cx.persist(Record::Deeper(Kept::Accepted { tx, peers, ballot, votes }));
        }
        if leader == cx.me() {
            self.on_accepted(leader, tx, ballot, &votes, cx);
        } else {
            cx.send(leader, Msg::Deeper(Deeper::Accepted { tx, ballot, votes }));
        }
    }

    pub(super) fn on_accepted(
        &mut self,
        from: NodeId,
        tx: TxId,
        ballot: Ballot,
        votes: &Votes,
        cx: &mut Cx,
    ) {
        let Some(leading) = self.leading.get_mut(&tx) else { return };
        if leading.ballot == ballot && leading.accepted.insert(from) {
            let chosen = leading.accepted.len() >= MAJORITY;
            if chosen {
                let all_yes = votes.values().all(|yes| *yes);
                self.end(tx, all_yes, Refusal::NoVote, cx);
            }
        }
    }

    /// Phase 1a: a newer ballot of its own. No acceptor that promises it will take anything older.
    pub(super) fn take_over(&mut self, tx: TxId, cx: &mut Cx) {
        let Some(peers) = self.peers(tx) else { return };
        let me = ALL.iter().position(|id| *id == cx.me()).expect("a coordinator") as Ballot;
        let newest = self.acceptors.get(&tx).map_or(0, Acceptor::promised);
        let ballot = (newest / 3 + 1) * 3 + me;
        self.lead(tx, ballot);
        for other in others(cx.me()) {
            cx.send(other, Msg::Deeper(Deeper::Lead { tx, peers: peers.clone(), ballot }));
        }
        self.on_lead(cx.me(), tx, &peers, ballot, cx);
        cx.set_timer(Timer::Votes(tx), wait::VOTES);
    }

    /// Phase 1b.
    pub(super) fn on_lead(
        &mut self,
        from: NodeId,
        tx: TxId,
        peers: &Peers,
        ballot: Ballot,
        cx: &mut Cx,
    ) {
        let acceptor = self.acceptor(tx, peers, cx);
        if !acceptor.promise(ballot) {
            return;
        }
        let accepted = acceptor.accepted().cloned();
        cx.persist(Record::Deeper(Kept::Promised { tx, peers: peers.clone(), ballot }));
        if from == cx.me() {
            self.on_promise(from, tx, ballot, accepted, cx);
        } else {
            cx.send(from, Msg::Deeper(Deeper::Promise { tx, ballot, accepted }));
        }
    }

    // ANCHOR: on_promise
    /// Phase 2a: whatever a majority may have chosen already has to be chosen again. Each vote that
    /// none of them has can be anything now, so it is *no*.
    pub(super) fn on_promise(
        &mut self,
        from: NodeId,
        tx: TxId,
        ballot: Ballot,
        accepted: Option<(Ballot, Votes)>,
        cx: &mut Cx,
    ) {
        let Some(leading) = self.leading.get_mut(&tx).filter(|l| l.ballot == ballot) else {
            return;
        };
        leading.promises.insert(from, accepted);
        if leading.promises.len() != MAJORITY {
            return;
        }
        let newest = leading.promises.values().flatten().max_by_key(|(ballot, _)| *ballot);
        let newest = newest.map(|(_, votes)| votes.clone()).unwrap_or_default();
        let peers = self.peers(tx).expect("it leads");
        let vote = |peer: &NodeId| (*peer, newest.get(peer).copied().unwrap_or(false));
        let votes: Votes = peers.iter().map(vote).collect();
        for other in others(cx.me()) {
            let (peers, votes) = (peers.clone(), votes.clone());
            cx.send(other, Msg::Deeper(Deeper::Propose { tx, peers, ballot, votes }));
        }
        self.accept(cx.me(), tx, &peers, ballot, votes, cx);
    }
    // ANCHOR_END: on_promise

    pub(super) fn peers(&self, tx: TxId) -> Option<Peers> {
        let begun = self.begun.get(&tx).map(|begun| begun.order.participants().collect());
        begun.or_else(|| self.acceptors.get(&tx).map(|acceptor| acceptor.peers.clone()))
    }
}

/// The coordinators but this one.
pub(super) fn others(me: NodeId) -> impl Iterator<Item = NodeId> {
    ALL.into_iter().filter(move |id| *id != me)
}
