//! An acceptor: what one coordinator has promised and accepted for one transaction.

use crate::deeper::{Ballot, Peers, Votes};

/// The memory of one acceptor, about all votes of one transaction.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Acceptor {
    /// All participants of the transaction.
    pub(super) peers: Peers,
    /// It takes nothing older than this.
    promised: Ballot,
    /// What it accepted last.
    accepted: Option<(Ballot, Votes)>,
    /// Votes it received from the participants themselves. It accepts them together.
    votes: Votes,
}

impl Acceptor {
    pub(super) fn new(peers: Peers) -> Self {
        Self { peers, promised: 0, accepted: None, votes: Votes::new() }
    }

    /// A participant's own vote. Once all are there: the votes to accept in ballot 0.
    pub(super) fn receive(&mut self, votes: Votes) -> Option<Votes> {
        self.votes.extend(votes);
        let complete = self.peers.iter().all(|peer| self.votes.contains_key(peer));
        (complete && self.promised == 0).then(|| self.votes.clone())
    }

    /// Phase 1b: whether it now takes nothing older than `ballot`.
    pub(super) fn promise(&mut self, ballot: Ballot) -> bool {
        let newer = ballot > self.promised;
        if newer {
            self.promised = ballot;
        }
        newer
    }

    /// Phase 2b: whether it accepts.
    pub(super) fn accept(&mut self, ballot: Ballot, votes: Votes) -> bool {
        let fresh = ballot >= self.promised;
        if fresh {
            self.promised = ballot;
            self.accepted = Some((ballot, votes));
        }
        fresh
    }

    pub(super) fn promised(&self) -> Ballot {
        self.promised
    }

    pub(super) fn accepted(&self) -> Option<&(Ballot, Votes)> {
        self.accepted.as_ref()
    }
}
