//! Snapshots: an old log gives way to the state that it made.
//!
//! Without them a log grows for ever, and so does the time that a start takes. When the executed entries
//! have more bytes than the state and than [`Config::log`](super::Config), the replica begins a snapshot:
//! it *marks* its log, and writes the state behind the mark in small chunks, one for each fsync, while it
//! goes on with its work. When the last one is on disk, everything before the mark is dropped.
//!
//! What stands behind the mark has to be all that a restart needs. That is the state, and what this
//! replica promised and accepted in slots that the state does not cover: an acceptor that forgot those
//! would break its word.
//!
//! A replica that was away may need entries that no log holds any more. The one that it asks, mostly the
//! leader, freezes its own state for it then, and the replica *pulls* it, chunk by chunk. It writes what
//! it pulls behind a mark, too, so that its disk holds either its old log or the whole snapshot.
//!
//! Source: Ongaro 2014, chapter 5. There the leader pushes; to pull needs no window and no timer at the
//! leader, and a slow replica slows only itself.
//!
//! # Left out
//!
//! Snapshots on request; sending what is on disk, not a frozen state in memory.

use std::sync::Arc;

use lab::NodeId;
use lab::node::Mark;

use super::Machine;
use super::frozen::Frozen;
use super::replica::{Replica, Role};
use crate::group::Cx;
use crate::types::kv::{Chunk, Head, Msg as Kv, Record as Kept};
use crate::types::log::Slot;
use crate::types::{Msg, Record, Timer, wait};

/// A snapshot of which nothing was pulled for so many beats is given up.
const PATIENCE: u8 = 12;

/// A replica's own snapshot, while it is written.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Saving {
    pub(super) mark: Mark,
    pub(super) frozen: Frozen,
}

/// What is kept for a replica that pulls.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Sending {
    pub(super) frozen: Frozen,
    /// The chunk that was sent last: its number, and whether it is the last one of all.
    number: u32,
    chunk: Arc<Chunk>,
    is_last: bool,
    /// How many beats ago it was pulled.
    idle: u8,
}

/// What a replica has pulled.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Pulling {
    mark: Mark,
    restored: Restored,
    /// The number of the next chunk.
    number: u32,
}

/// A state that is put together again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Restored {
    pub(super) head: Head,
    pub(super) machine: Machine,
}

/// A replica's own snapshot.
impl Replica {
    /// Begins a snapshot if the log has become large.
    pub(super) fn save_if_due(&mut self, cx: &mut Cx) {
        self.drop_overtaken_pull();
        let limit = self.config.log.max(self.machine.store.bytes());
        let is_free = self.saving.is_none() && self.pulling.is_none();
        if is_free && self.log.executed() > limit && self.snapshot < self.open {
            let frozen = Frozen::new(&self.machine, self.open);
            let mark = self.begin_snapshot(frozen.head().clone(), cx);
            self.saving = Some(Saving { mark, frozen });
            cx.send(cx.me(), Msg::Kv(Kv::Save));
        }
    }

    // ANCHOR: begin_snapshot
    /// Everything that a restart needs is written again behind the mark: the state follows in chunks.
    fn begin_snapshot(&self, head: Head, cx: &mut Cx) -> Mark {
        let (mark, open) = (cx.mark(), head.open);
        cx.persist(Record::Kv(Kept::Snapshot { head }));
        if let Some(promised) = self.promised {
            cx.persist(Record::Promised(promised));
        }
        for (slot, (ballot, entry)) in self.log.from(open) {
            let (ballot, entry) = (*ballot, entry.clone());
            cx.persist(Record::Kv(Kept::Accepted { slot, ballot, entry }));
        }
        mark
    }
    // ANCHOR_END: begin_snapshot

    // ANCHOR: on_save
    /// One more chunk, now that the one before is on disk.
    pub(super) fn on_save(&mut self, cx: &mut Cx) {
        let Some(saving) = &mut self.saving else { return };
        let (chunk, is_last) = saving.frozen.next(&self.machine, self.config.chunk);
        cx.persist(Record::Kv(Kept::Chunk { chunk: chunk.into() }));
        if !is_last {
            return cx.send(cx.me(), Msg::Kv(Kv::Save));
        }
        let (mark, open) = (saving.mark, saving.frozen.head().open);
        self.saving = None;
        cx.persist(Record::Kv(Kept::Whole));
        cx.discard_before(mark);
        self.snapshot = open;
        self.recorded = self.recorded.max(open);
        // Half of the log is kept in memory, for replicas that are a little late.
        self.log.drop_before(open, self.config.log / 2);
    }
    // ANCHOR_END: on_save
}

/// A snapshot for a replica that is behind: the side of the one that has it.
impl Replica {
    /// Whether everything that was accepted from a slot on is here still.
    pub(super) fn has_from(&self, first: Slot) -> bool {
        first >= self.open || self.log.get(first).is_some()
    }

    /// Gives up what was not pulled for long: every command that is executed costs memory as long as it
    /// is kept.
    pub(super) fn forget_the_silent(&mut self) {
        self.sending.retain(|_, sending| {
            sending.idle += 1;
            sending.idle < PATIENCE
        });
    }

    /// What a replica asks for is dropped: freezes the state for it. Chunk 0 is sent again if it may be
    /// lost; a replica that has more than that, and asks, has restarted or given up.
    pub(super) fn offer_snapshot(&mut self, to: NodeId, cx: &mut Cx) {
        self.sending.retain(|id, sending| *id != to || sending.number == 0);
        self.on_pull(to, self.open, 0, cx);
    }

    /// The replica has everything before this chunk of the state before `open` on disk. Sends the chunk,
    /// or the first one of another state if that one is given up.
    pub(super) fn on_pull(&mut self, from: NodeId, open: Slot, number: u32, cx: &mut Cx) {
        let bytes = self.config.chunk;
        let sending = self.sending.entry(from).or_insert_with(|| {
            let mut frozen = Frozen::new(&self.machine, self.open);
            let (chunk, is_last) = frozen.next(&self.machine, bytes);
            Sending { frozen, number: 0, chunk: chunk.into(), is_last, idle: 0 }
        });
        // The same state gives the same chunks on all replicas, so one that was given up, or that another
        // one began to send, can be taken up again.
        let is_same = open == sending.frozen.head().open;
        while is_same && sending.number < number && !sending.is_last {
            let (chunk, is_last) = sending.frozen.next(&self.machine, bytes);
            sending.number += 1;
            (sending.chunk, sending.is_last) = (chunk.into(), is_last);
        }
        if sending.number == if is_same { number } else { 0 } {
            sending.idle = 0;
            cx.send_ahead(from, Msg::Kv(sending.message()));
        }
    }
}

impl Sending {
    fn message(&self) -> Kv {
        let (head, chunk) = (self.frozen.head().clone(), self.chunk.clone());
        Kv::Chunk { head, number: self.number, chunk, is_last: self.is_last }
    }
}

/// A snapshot for a replica that is behind: its own side.
impl Replica {
    /// A chunk came: puts it on disk, then pulls the next. It is a piece of what is chosen, by
    /// whichever replica it is sent.
    pub(super) fn on_chunk(
        &mut self,
        from: NodeId,
        (head, number): (Head, u32),
        (chunk, is_last): (Arc<Chunk>, bool),
        cx: &mut Cx,
    ) {
        let open = head.open;
        let expected = match &self.pulling {
            Some(pulling) if open < pulling.open() => return,
            Some(pulling) if open == pulling.open() => pulling.number,
            _ => 0,
        };
        let leads = matches!(self.role, Role::Leader(_));
        if leads || open <= self.open || number != expected {
            return;
        }
        if number == 0 {
            self.saving = None;
            let mark = self.begin_snapshot(head.clone(), cx);
            let machine = Machine::of(&head, self.config.sessions);
            let restored = Restored { head, machine };
            self.pulling = Some(Pulling { mark, restored, number });
        }
        let Some(pulling) = &mut self.pulling else { return };
        pulling.restored.machine.restore(&chunk);
        cx.persist(Record::Kv(Kept::Chunk { chunk }));
        pulling.number += 1;
        if is_last {
            return self.install(cx);
        }
        cx.send(from, Msg::Kv(Kv::Pull { open, number: number + 1 }));
        // If no other chunk comes, there may be no leader to ask.
        cx.set_timer(Timer::Suspect, wait::ELECTION);
    }

    /// The snapshot is whole: it takes the place of the state and of the log before it.
    fn install(&mut self, cx: &mut Cx) {
        let Some(Pulling { mark, restored, .. }) = self.pulling.take() else { return };
        cx.persist(Record::Kv(Kept::Whole));
        cx.discard_before(mark);
        self.restore(restored);
        self.follow(self.leader, cx);
        self.answer_reads(cx);
    }

    /// The same, in a log that is read back. What is being sent was to be read from the state that goes.
    pub(super) fn restore(&mut self, Restored { head, machine }: Restored) {
        self.sending.clear();
        self.machine = machine;
        self.log.restart_at(head.open);
        (self.open, self.snapshot) = (head.open, head.open);
        self.recorded = self.recorded.max(head.open);
        self.adopt_members();
    }

    /// It is behind one that tells: asks it for what may be lost, for the next chunk or for entries.
    pub(super) fn catch_up(&mut self, from: NodeId, cx: &mut Cx) {
        self.drop_overtaken_pull();
        match &self.pulling {
            Some(pulling) => {
                let (open, number) = (pulling.open(), pulling.number);
                cx.send(from, Msg::Kv(Kv::Pull { open, number }));
            }
            None => cx.send_ahead(from, Msg::Kv(Kv::Fetch { first: self.open })),
        }
    }

    /// What it pulled is older than what it has executed meanwhile.
    fn drop_overtaken_pull(&mut self) {
        self.pulling = self.pulling.take().filter(|pulling| pulling.open() > self.open);
    }
}

impl Pulling {
    /// Which state it is: a later one takes its place.
    fn open(&self) -> Slot {
        self.restored.head.open
    }
}
