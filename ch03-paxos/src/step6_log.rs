//! Step 6: a log of decisions (Multi-Paxos).
//!
//! One decision is not enough for a store: every write is one. So there is a *log* of numbered *slots*,
//! and each slot is decided by Paxos. Replicas that apply the same entries in the same order have the
//! same state.
//!
//! What makes it cheap: a ballot is not for one slot but for all slots that are open. A leader asks its
//! question (phase 1) once, when it begins to lead; from then on every entry takes phase 2 alone, one
//! round trip and one forced write.
//!
//! Three things are easily forgotten, and each loses entries:
//!
//! - A *promise* tells all that was accepted from the first open slot on, what is chosen included.
//! - A new leader proposes again what it was told, and fills each *hole* before that with a no-op:
//!   nothing behind a hole may be applied.
//! - A *commit* names its ballot. A replica takes an entry for chosen only if it accepted it under that
//!   ballot; otherwise it may hold an older entry that was never chosen, and fetches the right one.
//!
//! What breaks: a client that asks again can have its command chosen twice, in two slots.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Node, NodeId};

use crate::group::{self, Cx, Group, Input, Paxos, Summary};
use crate::types::log::{Command, Entry, Msg as Log, Slot};
use crate::types::{Ballot, Msg, Note, Record, Timer, wait};

/// What was accepted, by slot.
type Accepted = BTreeMap<Slot, (Ballot, Entry)>;

/// What a replica does beside accepting.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Role {
    /// Waits, as long as it hears of a leader.
    Follower,
    /// Phase 1: these have promised, and this is the highest that they told for each slot.
    Candidate { promised: BTreeSet<NodeId>, highest: Accepted },
    /// Phase 2, slot after slot: `next` is free, and these have accepted the open ones.
    Leader { next: Slot, votes: BTreeMap<Slot, BTreeSet<NodeId>> },
}

/// A replica: acceptor, learner and, if need be, leader.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Replica {
    group: Group,
    start: u64,
    /// The highest ballot it has promised. As candidate or leader, its own.
    promised: Option<Ballot>,
    accepted: Accepted,
    /// The first open slot: every one before it is chosen, and applied.
    open: Slot,
    role: Role,
}

impl Replica {
    /// A replica that has promised nothing. The first of the group leads when it starts for the first
    /// time.
    #[must_use]
    pub fn new(group: Group) -> Self {
        let (accepted, open) = (Accepted::new(), Slot::FIRST);
        Self { group, start: 0, promised: None, accepted, open, role: Role::Follower }
    }

    fn tell_others(&self, msg: &Log, cx: &mut Cx) {
        let me = cx.me();
        for &id in self.group.replicas.iter().filter(|id| **id != me) {
            cx.send(id, Msg::Log(msg.clone()));
        }
    }

    /// What it accepted from this slot on.
    fn accepted_from(&self, first: Slot) -> Accepted {
        self.accepted.range(first..).map(|(slot, vote)| (*slot, vote.clone())).collect()
    }

    fn follow(&mut self, cx: &mut Cx) {
        if matches!(self.role, Role::Leader { .. }) {
            cx.cancel_timer(Timer::Heartbeat);
        }
        self.role = Role::Follower;
        cx.set_timer(Timer::Suspect, wait::LEAD);
    }

    /// Tells the sender if its ballot comes too late.
    fn refuses(&self, from: NodeId, ballot: Ballot, cx: &mut Cx) -> bool {
        let higher = self.promised.filter(|promised| *promised > ballot);
        if let Some(promised) = higher {
            cx.send_ahead(from, Msg::Refused { ballot, promised });
        }
        higher.is_some()
    }

    /// Phase 1, for all slots that are open. Its own promise counts at once: the record of it is on
    /// disk before the question leaves, so before any other promise can come back.
    fn campaign(&mut self, cx: &mut Cx) {
        let round = self.promised.map_or(1, |promised| promised.round + 1);
        let ballot = Ballot { round, node: cx.me(), start: self.start };
        self.promised = Some(ballot);
        cx.persist(Record::Promised(ballot));
        let highest = self.accepted_from(self.open);
        self.role = Role::Candidate { promised: BTreeSet::from([cx.me()]), highest };
        self.tell_others(&Log::Prepare { ballot, first: self.open }, cx);
        cx.set_timer(Timer::Suspect, wait::LEAD);
    }

    fn on_prepare(&mut self, from: NodeId, ballot: Ballot, first: Slot, cx: &mut Cx) {
        if self.refuses(from, ballot, cx) || Some(ballot) == self.promised {
            return;
        }
        self.promised = Some(ballot);
        cx.persist(Record::Promised(ballot));
        let accepted = self.accepted_from(first);
        cx.send(from, Msg::Log(Log::Promise { ballot, accepted }));
        self.follow(cx);
    }

    fn on_promise(&mut self, from: NodeId, ballot: Ballot, accepted: Accepted, cx: &mut Cx) {
        let Role::Candidate { promised, highest } = &mut self.role else { return };
        if Some(ballot) != self.promised {
            return;
        }
        promised.insert(from);
        for (slot, vote) in accepted {
            let known = highest.entry(slot).or_insert_with(|| vote.clone());
            if vote.0 > known.0 {
                *known = vote;
            }
        }
        if self.group.is_majority(promised) {
            let highest = std::mem::take(highest);
            self.lead(ballot, &highest, cx);
        }
    }

    // ANCHOR: lead
    /// Proposes again what may be chosen, and a no-op in each hole before it.
    fn lead(&mut self, ballot: Ballot, highest: &Accepted, cx: &mut Cx) {
        self.role = Role::Leader { next: self.open, votes: BTreeMap::new() };
        cx.cancel_timer(Timer::Suspect);
        cx.set_timer(Timer::Heartbeat, wait::HEARTBEAT);
        if let Some((&last, _)) = highest.last_key_value() {
            for slot in self.open.through(last) {
                let entry = highest.get(&slot).map_or(Entry::NoOp, |(_, entry)| entry.clone());
                self.propose(ballot, entry, cx);
            }
        }
    }
    // ANCHOR_END: lead

    // ANCHOR: propose
    /// Phase 2 for the next slot. Its own vote counts at once: everything that leaves from here on waits
    /// for the record.
    fn propose(&mut self, ballot: Ballot, entry: Entry, cx: &mut Cx) {
        let Role::Leader { next, votes } = &mut self.role else { return };
        let slot = *next;
        *next = slot.next();
        votes.insert(slot, BTreeSet::from([cx.me()]));
        self.accepted.insert(slot, (ballot, entry.clone()));
        cx.persist(Record::AcceptedAt(slot, ballot, entry.clone()));
        self.tell_others(&Log::Accept { ballot, slot, entry }, cx);
    }
    // ANCHOR_END: propose

    /// A command that is in the log already is not proposed again by this leader.
    fn on_request(&mut self, command: Command, cx: &mut Cx) {
        let (Role::Leader { .. }, Some(ballot)) = (&self.role, self.promised) else { return };
        let entry = Entry::Command(command);
        match self.accepted.iter().find(|(_, (_, known))| *known == entry) {
            None => self.propose(ballot, entry, cx),
            Some((&slot, _)) if slot < self.open => Self::answer(slot, &entry, cx),
            Some(_) => {}
        }
    }

    fn on_accept(&mut self, from: NodeId, ballot: Ballot, slot: Slot, entry: Entry, cx: &mut Cx) {
        if self.refuses(from, ballot, cx) {
            return;
        }
        self.promised = Some(ballot);
        self.accepted.insert(slot, (ballot, entry.clone()));
        cx.persist(Record::AcceptedAt(slot, ballot, entry));
        cx.send(from, Msg::Log(Log::Accepted { ballot, slot }));
        self.follow(cx);
    }

    fn on_accepted(&mut self, from: NodeId, ballot: Ballot, slot: Slot, cx: &mut Cx) {
        let Role::Leader { votes, .. } = &mut self.role else { return };
        let Some(of_slot) = votes.get_mut(&slot).filter(|_| Some(ballot) == self.promised) else {
            return;
        };
        of_slot.insert(from);
        let before = self.open;
        while let Role::Leader { votes, .. } = &mut self.role
            && votes.get(&self.open).is_some_and(|of_slot| self.group.is_majority(of_slot))
        {
            votes.remove(&self.open);
            self.apply(cx);
        }
        if self.open > before {
            self.commit(ballot, cx);
        }
    }

    fn commit(&self, ballot: Ballot, cx: &mut Cx) {
        self.tell_others(&Log::Commit { ballot, open: self.open }, cx);
        cx.set_timer(Timer::Heartbeat, wait::HEARTBEAT);
    }

    /// Tells that it leads, and sends again what may have been lost.
    fn heartbeat(&self, ballot: Ballot, cx: &mut Cx) {
        for (slot, (_, entry)) in self.accepted_from(self.open) {
            self.tell_others(&Log::Accept { ballot, slot, entry }, cx);
        }
        self.commit(ballot, cx);
    }

    // ANCHOR: on_commit
    fn on_commit(&mut self, from: NodeId, ballot: Ballot, open: Slot, cx: &mut Cx) {
        if self.refuses(from, ballot, cx) {
            return;
        }
        let of_ballot = |vote: Option<&(Ballot, Entry)>| vote.is_some_and(|(of, _)| *of == ballot);
        while self.open < open && of_ballot(self.accepted.get(&self.open)) {
            self.apply(cx);
        }
        if self.open < open {
            cx.send_ahead(from, Msg::Log(Log::Fetch { ballot, first: self.open }));
        }
        self.follow(cx);
    }
    // ANCHOR_END: on_commit

    /// Sends entries again, under its own ballot: to propose what is chosen does no harm.
    fn on_fetch(&self, from: NodeId, ballot: Ballot, first: Slot, cx: &mut Cx) {
        if matches!(self.role, Role::Leader { .. }) && Some(ballot) == self.promised {
            for (slot, (_, entry)) in self.accepted_from(first) {
                cx.send(from, Msg::Log(Log::Accept { ballot, slot, entry }));
            }
            cx.send(from, Msg::Log(Log::Commit { ballot, open: self.open }));
        }
    }

    /// The first open slot is chosen: applies its entry.
    fn apply(&mut self, cx: &mut Cx) {
        let slot = self.open;
        let entry = self.accepted[&slot].1.clone();
        self.open = slot.next();
        cx.note(Note::Applied(slot, entry.clone()));
        if matches!(self.role, Role::Leader { .. }) {
            Self::answer(slot, &entry, cx);
        }
    }

    fn answer(slot: Slot, entry: &Entry, cx: &mut Cx) {
        if let Entry::Command(command) = entry {
            cx.send(command.client, Msg::Log(Log::Answer { command: command.clone(), slot }));
        }
    }

    fn on_refused(&mut self, ballot: Ballot, promised: Ballot, cx: &mut Cx) {
        if Some(ballot) == self.promised && !matches!(self.role, Role::Follower) {
            // Not told to any process, so it need not be written.
            self.promised = Some(promised);
            self.follow(cx);
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Log(Log::Request { command }) => self.on_request(command, cx),
            Msg::Log(Log::Prepare { ballot, first }) => self.on_prepare(from, ballot, first, cx),
            Msg::Log(Log::Promise { ballot, accepted }) => {
                self.on_promise(from, ballot, accepted, cx);
            }
            Msg::Log(Log::Accept { ballot, slot, entry }) => {
                self.on_accept(from, ballot, slot, entry, cx);
            }
            Msg::Log(Log::Accepted { ballot, slot }) => self.on_accepted(from, ballot, slot, cx),
            Msg::Log(Log::Commit { ballot, open }) => self.on_commit(from, ballot, open, cx),
            Msg::Log(Log::Fetch { ballot, first }) => self.on_fetch(from, ballot, first, cx),
            Msg::Refused { ballot, promised } => self.on_refused(ballot, promised, cx),
            other => group::ignore(&other),
        }
    }

    fn on_timeout(&mut self, timer: &Timer, cx: &mut Cx) {
        match (timer, self.promised) {
            (Timer::Suspect, _) => self.campaign(cx),
            (Timer::Heartbeat, Some(ballot)) => self.heartbeat(ballot, cx),
            _ => unreachable!("a replica waits for nothing else"),
        }
    }

    fn on_boot(&mut self, start: u64, cx: &mut Cx) {
        self.start = start;
        if start == 1 && cx.me() == self.group.replicas[0] {
            self.campaign(cx);
        } else {
            cx.set_timer(Timer::Suspect, wait::LEAD);
        }
    }

    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Promised(ballot) => self.promised = Some(ballot),
            Record::AcceptedAt(slot, ballot, entry) => {
                self.promised = Some(ballot);
                self.accepted.insert(slot, (ballot, entry));
            }
            other => group::foreign_record(&other),
        }
    }
}

impl Node for Replica {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Boot { start } => self.on_boot(start, cx),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(timer) => self.on_timeout(&timer, cx),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let role = match &self.role {
            Role::Follower => "follows",
            Role::Candidate { .. } => "asks",
            Role::Leader { .. } => "leads",
        };
        let entry = |(slot, (ballot, entry)): (&Slot, &(Ballot, Entry))| {
            let mark = if *slot < self.open { "✓" } else { "?" };
            format!("{slot}{mark} {entry} ({ballot})")
        };
        let log: Vec<String> = self.accepted.iter().map(entry).collect();
        let line = format!("{role}; {}", log.join(", "));
        Summary { promised: self.promised, ..Summary::of(line) }
    }
}
