//! The replica: what it takes, and how it executes what is chosen.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use super::leases::Granted;
use super::snapshots::{Pulling, Restored, Saving, Sending};
use super::{Clients, Leader, Log, Machine, Quorum, Reads, Sizes};
use crate::group::{self, Cx, Group, Input, Paxos, Summary};
use crate::types::kv::{Command, Entry, Msg as Kv, Record as Kept, Status, Vote};
use crate::types::log::Slot;
use crate::types::{Ballot, Msg, Note, Record, Timer, wait};

/// What an operator may choose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Config {
    /// Whether a replica that does not lead passes requests on; if not, it names the leader.
    pub forward: bool,
    /// How many sessions may be open: equal on all replicas, as part of what commands do.
    pub sessions: usize,
    /// How many bytes of executed entries the log may hold, if the state is not larger: then as many as
    /// that.
    pub log: u64,
    /// How many bytes of a snapshot are written at a time: equal on all replicas, so that one can go on
    /// with what another began to send. No more than 64 KiB: with the longest key and value they have to
    /// fit into a record.
    pub chunk: usize,
    /// If leaders hold leases: how far any clock is off at most, in parts per million. Equal on all
    /// replicas; without it, a read by lease is one that asks.
    pub drift: Option<u32>,
    /// How many replicas are enough: equal on all replicas. Without it, more than half.
    pub quorums: Option<Sizes>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            forward: true,
            sessions: 10_000,
            log: 16 << 20,
            chunk: 64 << 10,
            drift: None,
            quorums: None,
        }
    }
}

/// What a replica does beside accepting.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Role {
    /// Waits, as long as it hears of a leader.
    Follower,
    /// Hears of none, and asks whether others do: these do not either.
    Probing { willing: Quorum },
    /// Phase 1: these have promised, and this is the highest that they told for each slot.
    Candidate { promised: Quorum, highest: BTreeMap<Slot, Vote> },
    /// Phase 2, slot after slot.
    Leader(Leader),
}

/// A replica: acceptor, learner and, if need be, leader.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Replica {
    pub(super) group: Group,
    pub(super) config: Config,
    /// How many are enough; a replica that takes another one's place changes nothing about that.
    pub(super) sizes: Sizes,
    pub(super) start: u64,
    /// The highest ballot it has promised. As candidate or leader, its own.
    pub(super) promised: Option<Ballot>,
    pub(super) log: Log,
    /// The first open slot: every one before it is chosen, and executed.
    pub(super) open: Slot,
    /// The same, as far as it is on record.
    pub(super) recorded: Slot,
    /// What this state is made of: everything before this slot is in a snapshot on disk.
    pub(super) snapshot: Slot,
    pub(super) machine: Machine,
    /// A snapshot that is written, those that others pull, one that is pulled, and one that is read back.
    pub(super) saving: Option<Saving>,
    pub(super) sending: BTreeMap<NodeId, Sending>,
    pub(super) pulling: Option<Pulling>,
    pub(super) restoring: Option<Restored>,
    pub(super) role: Role,
    /// Whom it has heard of as a leader lately.
    pub(super) leader: Option<NodeId>,
    /// Whose lease it keeps.
    pub(super) granted: Option<Granted>,
    pub(super) clients: Clients,
    pub(super) reads: Reads,
}

impl Replica {
    /// A replica that has promised nothing. The first of the group leads when it starts for the first
    /// time.
    ///
    /// # Panics
    /// If the sizes of quorums are those of another group.
    #[must_use]
    pub fn new(group: Group, config: Config) -> Self {
        let replicas = u32::try_from(group.replicas.len()).expect("a group is small");
        let sizes = config.quorums.unwrap_or_else(|| Sizes::majorities(replicas));
        assert!(sizes.fit(&group), "a group of {replicas} has other sizes than {sizes:?}");
        let machine = Machine::new(config.sessions, group.replicas.clone());
        Self {
            group,
            config,
            sizes,
            start: 0,
            promised: None,
            log: Log::default(),
            open: Slot::FIRST,
            recorded: Slot::FIRST,
            snapshot: Slot::FIRST,
            machine,
            saving: None,
            sending: BTreeMap::new(),
            pulling: None,
            restoring: None,
            role: Role::Follower,
            leader: None,
            granted: None,
            clients: Clients::default(),
            reads: Reads::default(),
        }
    }

    /// Every slot before this one is executed.
    #[must_use]
    pub fn open(&self) -> Slot {
        self.open
    }

    /// What that has made.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(super) fn others(&self, me: NodeId) -> impl Iterator<Item = NodeId> {
        self.group.replicas.iter().copied().filter(move |id| *id != me)
    }

    /// Tells the sender if its ballot comes too late.
    pub(super) fn refuses(&self, from: NodeId, ballot: Ballot, cx: &mut Cx) -> bool {
        let higher = self.promised.filter(|promised| *promised > ballot);
        if let Some(promised) = higher {
            cx.send_ahead(from, Msg::Refused { ballot, promised });
        }
        higher.is_some()
    }

    // ANCHOR: execute
    /// Every slot before `open` is chosen, with the entry that is accepted here: executes what is new.
    /// The replica that took a request answers it. What is chosen stays true whatever this replica
    /// forgets, so an answer need not wait for its disk.
    pub(super) fn execute_before(&mut self, open: Slot, cx: &mut Cx) {
        while self.open < open {
            let entry = self.log.execute(self.open);
            cx.note(Note::Executed(self.open, entry.clone()));
            self.open = self.open.next();
            let Entry::Batch(commands) = entry else { continue };
            for command in commands.iter() {
                self.before(command);
                let outcome = self.machine.execute(command);
                let is_own =
                    (command.origin.replica, command.origin.start) == (cx.me(), self.start);
                if is_own && let Some((client, number)) = self.clients.take(command.origin.number) {
                    let answer = Kv::Answer { number, outcome: Ok(outcome) };
                    cx.send_ahead(client, Msg::Kv(answer));
                }
            }
        }
        if self.adopt_members() {
            self.begin_as_a_member(cx);
        }
        self.answer_reads(cx);
        self.save_if_due(cx);
    }
    // ANCHOR_END: execute

    /// What snapshots still have to read is kept as it is.
    fn before(&mut self, command: &Command) {
        if let Some(saving) = &mut self.saving {
            saving.frozen.before(&self.machine, command);
        }
        for sending in self.sending.values_mut() {
            sending.frozen.before(&self.machine, command);
        }
    }

    /// Puts on record what is chosen. No process waits for it: it saves asking again after a restart.
    pub(super) fn record_chosen(&mut self, cx: &mut Cx) {
        if self.recorded < self.open {
            self.recorded = self.open;
            cx.persist(Record::Kv(Kept::Chosen { open: self.open }));
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Kv(msg) => self.on_kv(from, msg, cx),
            Msg::Refused { ballot, promised } => self.on_refused(ballot, promised, cx),
            other => group::ignore(&other),
        }
    }

    fn on_kv(&mut self, from: NodeId, msg: Kv, cx: &mut Cx) {
        match msg {
            Kv::Request { number, id, op } => self.on_request(from, number, id, op, cx),
            Kv::Forward { commands } => self.on_forward(from, &commands, cx),
            Kv::Flush => self.on_flush(cx),
            Kv::Status => {
                cx.send_ahead(from, Msg::Kv(Kv::StatusIs { status: self.status(cx) }));
            }
            Kv::Probe { first } => self.on_probe(from, first, cx),
            Kv::Willing => self.on_willing(from, cx),
            Kv::Prepare { ballot, changes, first } => {
                self.on_prepare(from, ballot, (changes, first), cx);
            }
            Kv::Promise { ballot, accepted, rest } => {
                self.on_promise(from, ballot, accepted, rest, cx);
            }
            Kv::Accept { ballot, changes, slot, entry } => {
                self.on_accept(from, ballot, changes, (slot, entry), cx);
            }
            Kv::Accepted { ballot, slot } => self.on_accepted(from, ballot, slot, cx),
            Kv::Commit { ballot, open } => self.on_commit(from, ballot, open, cx),
            Kv::Heartbeat { ballot, open, sent } => {
                self.on_heartbeat(from, ballot, (open, sent), cx)
            }
            Kv::Heard { ballot, sent } => self.on_heard(from, ballot, sent),
            Kv::Fetch { first } => self.on_fetch(from, first, cx),
            Kv::Learn { first, chosen, open } => self.on_learn(from, first, chosen, open, cx),
            Kv::Chunk { head, number, chunk, is_last } => {
                self.on_chunk(from, (head, number), (chunk, is_last), cx);
            }
            Kv::Pull { open, number } => self.on_pull(from, open, number, cx),
            Kv::Save => self.on_save(cx),
            Kv::Read { number, key, by_lease } => self.on_read(from, number, (key, by_lease), cx),
            Kv::HowFar { question, by_lease } => self.on_how_far(from, question, by_lease, cx),
            Kv::Confirm { ballot, round } => self.on_confirm(from, ballot, round, cx),
            Kv::Confirmed { ballot, round } => self.on_confirmed(from, ballot, round, cx),
            Kv::SoFar { question, open } => self.on_so_far(question, open, cx),
            Kv::Answer { .. } | Kv::StatusIs { .. } => {}
        }
    }

    fn on_timeout(&mut self, timer: &Timer, cx: &mut Cx) {
        match timer {
            Timer::Suspect => self.probe(cx),
            Timer::Heartbeat => self.heartbeat(cx),
            Timer::Sweep => self.sweep(cx),
            Timer::Retry | Timer::Next => unreachable!("a replica does not wait for: {timer}"),
        }
    }

    fn on_boot(&mut self, start: u64, cx: &mut Cx) {
        self.start = start;
        self.reads.number_questions_from(start);
        self.execute_recorded();
        self.keep_what_it_may_have_granted(cx);
        if start == 1 && cx.me() == self.group.replicas[0] {
            self.campaign(cx);
        } else {
            cx.set_timer(Timer::Suspect, wait::ELECTION);
        }
    }

    /// Whether no request of a client is open.
    pub(super) fn is_idle(&self) -> bool {
        self.clients.is_empty() && self.reads.is_empty()
    }

    /// What it reports to an operator.
    fn status(&self, cx: &Cx) -> Status {
        let me = cx.me();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let leads = matches!(self.role, Role::Leader(_));
        Status {
            role: if self.is_member(me) { self.role.to_string() } else { "is no member".into() },
            leader: if leads { Some(me) } else { self.leader },
            lease: self.holds_a_lease(cx),
            members: self.group.replicas.to_vec(),
            promised: self.promised,
            open: self.open.0,
            slots: count(self.log.len()),
            snapshot: self.snapshot.0,
            keys: count(self.machine.store.len()),
            sessions: count(self.machine.sessions.len()),
            waiting: count(self.clients.len() + self.reads.len()),
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
            Input::Disconnected(client) => {
                self.clients.forget(client);
                self.reads.forget(client);
            }
        }
    }

    fn summary(&self) -> Summary {
        let entry = |(slot, (ballot, entry)): (Slot, &Vote)| {
            let mark = if slot < self.open { "✓" } else { "?" };
            format!("{slot}{mark} {entry} ({ballot})")
        };
        let log: Vec<String> = self.log.from(Slot::FIRST).map(entry).collect();
        let snapshot = match self.snapshot {
            Slot::FIRST => String::new(),
            open => format!("snapshot before {open}; "),
        };
        let line = format!("{}; {snapshot}{}", self.role, log.join(", "));
        Summary { promised: self.promised, ..Summary::of(line) }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Follower => "follows",
            Self::Probing { .. } => "probes",
            Self::Candidate { .. } => "asks",
            Self::Leader(_) => "leads",
        })
    }
}
