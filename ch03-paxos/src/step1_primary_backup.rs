//! Step 1: a primary answers at once and copies later.
//!
//! One replica is the *primary*: it takes every write, puts it on disk, answers the client, and then
//! sends a copy to its *backup*. A backup that gets no copy for a while takes over. Most databases
//! replicate like this unless they are told otherwise.
//!
//! What breaks: between the answer and the copy the write exists on one machine. If that machine
//! crashes, the backup takes over without it. And a primary that is only slow, or cut off, does not
//! know that it has been replaced: then there are two.

use lab::{Node, NodeId};

use crate::group::{self, Cx, Group, Input, Paxos, Summary};
use crate::types::{Msg, Note, Record, Timer, Value, wait};

/// Keeps one value; primary or backup.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Replica {
    group: Group,
    is_primary: bool,
    value: Option<Value>,
}

impl Replica {
    /// A replica that has stored nothing. The first of the group is the primary when it starts for
    /// the first time.
    #[must_use]
    pub fn new(group: Group) -> Self {
        Self { group, is_primary: false, value: None }
    }

    // ANCHOR: on_write
    fn on_write(&mut self, client: NodeId, value: Value, cx: &mut Cx) {
        if !self.is_primary {
            return;
        }
        self.value = Some(value.clone());
        cx.persist(Record::Written(value.clone()));
        cx.send(client, Msg::Written { value });
        self.copy(cx);
    }
    // ANCHOR_END: on_write

    fn copy(&self, cx: &mut Cx) {
        let me = cx.me();
        for &backup in self.group.replicas.iter().filter(|id| **id != me) {
            cx.send(backup, Msg::Copy { value: self.value.clone() });
        }
        cx.set_timer(Timer::Heartbeat, wait::HEARTBEAT);
    }

    fn on_copy(&mut self, from: NodeId, value: Option<Value>, cx: &mut Cx) {
        if self.is_primary {
            // Two primaries: the one with the smaller id stays.
            if from > cx.me() {
                return;
            }
            self.is_primary = false;
            cx.cancel_timer(Timer::Heartbeat);
        }
        cx.set_timer(Timer::Suspect, wait::SUSPECT);
        if let Some(value) = value
            && self.value.as_ref() != Some(&value)
        {
            self.value = Some(value.clone());
            cx.persist(Record::Written(value));
        }
    }

    // ANCHOR: take_over
    fn take_over(&mut self, cx: &mut Cx) {
        self.is_primary = true;
        cx.note(Note::TookOver);
        self.copy(cx);
    }
    // ANCHOR_END: take_over

    fn on_boot(&mut self, start: u64, cx: &mut Cx) {
        if start == 1 && cx.me() == self.group.replicas[0] {
            self.is_primary = true;
            self.copy(cx);
        } else {
            cx.set_timer(Timer::Suspect, wait::SUSPECT);
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Write { value } => self.on_write(from, value, cx),
            Msg::Read if self.is_primary => cx.send(from, Msg::Have { value: self.value.clone() }),
            Msg::Copy { value } => self.on_copy(from, value, cx),
            other => group::ignore(&other),
        }
    }

    fn on_timeout(&mut self, timer: &Timer, cx: &mut Cx) {
        match timer {
            Timer::Heartbeat => self.copy(cx),
            Timer::Suspect => self.take_over(cx),
            Timer::Retry | Timer::Next | Timer::Sweep => {
                unreachable!("a replica sets no other timer")
            }
        }
    }
}

impl Node for Replica {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(Record::Written(value)) => self.value = Some(value),
            Input::Replay(other) => group::foreign_record(&other),
            Input::Boot { start } => self.on_boot(start, cx),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(timer) => self.on_timeout(&timer, cx),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let role = if self.is_primary { "primary" } else { "backup" };
        let value = self.value.as_ref().map_or("nothing".into(), ToString::to_string);
        Summary::of(format!("{role}: {value}"))
    }
}
