//! Requests of a replica's own clients, from taking to answering.
//!
//! A request gets a number here and a place in a queue. Everything that waits when the replica has taken
//! its inputs leaves together: into the log if this replica leads, to the leader otherwise. When the
//! replica executes it, from whichever slot, its client is answered.
//!
//! A request may be lost on the way. One that never left was certainly not done. One that left may be
//! done, or may still be: without a session all that can be said is that. With one, asking again does
//! no harm, so the replica does that itself.
//!
//! # Left out
//!
//! Fairness between clients: the queue has one order and one limit.

use std::collections::{BTreeMap, VecDeque};

use lab::NodeId;

use super::replica::{Replica, Role};
use crate::group::Cx;
use crate::types::kv::{
    Command, Entry, MAX_KEY, MAX_REQUEST, Msg as Kv, Op, Origin, Outcome, Refusal, RequestId,
};
use crate::types::{Msg, Timer, wait};

/// How many commands one slot holds.
const MAX_BATCH: usize = 1024;
/// How many bytes of keys and values one slot holds, beside its last command.
const MAX_BATCH_BYTES: usize = 128 << 10;
/// How many requests may wait to leave.
const MAX_QUEUE: usize = 1 << 16;
/// How many bytes of keys and values may wait to leave.
const MAX_QUEUE_BYTES: usize = 64 << 20;
/// After so many sweeps a request without a session is answered: as long as two elections take.
const GIVE_UP: u64 = 13;
/// After so many sweeps one with a session is sent again.
const SEND_AGAIN: u64 = 3;
/// After so many sweeps it is answered as well.
const GIVE_UP_SESSION: u64 = 50;

/// What is asked for, and not answered.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Clients {
    /// The number of the front.
    first: u64,
    waiting: VecDeque<Option<Waiting>>,
    /// What has not left yet, of this replica's clients and of others'.
    queue: VecDeque<Command>,
    /// Keys and values in the queue.
    bytes: usize,
    /// Whether a [`Kv::Flush`] is under way.
    flushing: bool,
    /// Counts sweeps, while there is anything to sweep.
    sweeps: u64,
    /// The newest request of each client, and the newest that each replica passed on: a message that
    /// comes twice is taken once by one start of this replica.
    newest: BTreeMap<NodeId, u64>,
    newest_of: BTreeMap<NodeId, (u64, u64)>,
}

/// One request of an own client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Waiting {
    client: NodeId,
    /// The client's own number for it.
    number: u64,
    id: Option<RequestId>,
    op: Op,
    /// The sweep at which it came, and at which it was sent last.
    since: u64,
    sent: Option<u64>,
}

impl Clients {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many sweeps there were, while there was anything to sweep.
    pub(super) fn sweeps(&self) -> u64 {
        self.sweeps
    }

    /// How many requests are not answered.
    pub(super) fn len(&self) -> usize {
        self.waiting.iter().flatten().count()
    }

    /// A request is answered: its client, and the client's number for it.
    pub(super) fn take(&mut self, number: u64) -> Option<(NodeId, u64)> {
        let waiting = self.waiting(number)?.take()?;
        self.trim();
        Some((waiting.client, waiting.number))
    }

    fn waiting(&mut self, number: u64) -> Option<&mut Option<Waiting>> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.waiting.get_mut(place)
    }

    fn trim(&mut self) {
        while let Some(None) = self.waiting.front() {
            self.waiting.pop_front();
            self.first += 1;
        }
    }

    /// A client has left: nobody waits for its answers.
    pub(super) fn forget(&mut self, client: NodeId) {
        self.newest.remove(&client);
        for waiting in &mut self.waiting {
            if waiting.as_ref().is_some_and(|waiting| waiting.client == client) {
                *waiting = None;
            }
        }
        self.trim();
    }

    /// Whether a client has not sent this before.
    pub(super) fn is_new(&mut self, client: NodeId, number: u64) -> bool {
        let newest = self.newest.entry(client).or_default();
        let is_new = number > *newest;
        *newest = number.max(*newest);
        is_new
    }

    /// Whether a replica has not passed this on before.
    fn is_new_batch(&mut self, replica: NodeId, first: Origin) -> bool {
        let newest = self.newest_of.entry(replica).or_default();
        let number = (first.start, first.number);
        let is_new = number > *newest;
        *newest = number.max(*newest);
        is_new
    }

    /// Puts a request into the queue, under the next number.
    fn wait(&mut self, waiting: Waiting, me: NodeId, start: u64) {
        self.first = self.first.max(1);
        let number = self.first + self.waiting.len() as u64;
        let origin = Origin { replica: me, start, number };
        self.push(Command { origin, id: waiting.id, op: waiting.op.clone() });
        self.waiting.push_back(Some(waiting));
    }

    fn is_full(&self) -> bool {
        self.queue.len() >= MAX_QUEUE || self.bytes >= MAX_QUEUE_BYTES
    }

    fn push(&mut self, command: Command) {
        self.bytes += command.op.bytes();
        self.queue.push_back(command);
    }

    /// The next commands, as many as share a slot. One of the own clients that is answered already, or
    /// has left, never leaves.
    fn batch(&mut self, me: NodeId, start: u64) -> Vec<Command> {
        let (mut batch, mut bytes) = (Vec::with_capacity(self.queue.len().min(MAX_BATCH)), 0);
        while bytes < MAX_BATCH_BYTES
            && batch.len() < MAX_BATCH
            && let Some(command) = self.queue.pop_front()
        {
            self.bytes -= command.op.bytes();
            let (origin, now) = (command.origin, self.sweeps);
            if (origin.replica, origin.start) == (me, start) {
                let Some(Some(waiting)) = self.waiting(origin.number) else { continue };
                waiting.sent = Some(now);
            }
            bytes += command.op.bytes();
            let is_stop = command.op.changes_members();
            batch.push(command);
            if is_stop {
                break;
            }
        }
        batch
    }
}

impl Replica {
    pub(super) fn on_request(
        &mut self,
        client: NodeId,
        number: u64,
        id: Option<RequestId>,
        op: Op,
        cx: &mut Cx,
    ) {
        if !self.clients.is_new(client, number) {
            return;
        }
        let has_long_key = op.writes().iter().any(|key| key.len() > MAX_KEY);
        let refused = if has_long_key || op.bytes() > MAX_REQUEST {
            Some(Ok(Outcome::TooLong))
        } else if self.clients.is_full() {
            Some(Err(Refusal::NotDone))
        } else {
            None
        };
        if let Some(outcome) = refused {
            return cx.send_ahead(client, Msg::Kv(Kv::Answer { number, outcome }));
        }
        if self.is_idle() {
            cx.set_timer(Timer::Sweep, wait::SWEEP);
        }
        let since = self.clients.sweeps;
        let waiting = Waiting { client, number, id, op, since, sent: None };
        self.clients.wait(waiting, cx.me(), self.start);
        self.pass_on(cx);
    }

    /// A replica that does not lead drops them, and one that is full: their clients are told that they
    /// may be done.
    pub(super) fn on_forward(&mut self, from: NodeId, commands: &[Command], cx: &mut Cx) {
        let Some(first) = commands.first() else { return };
        let is_leader = matches!(self.role, Role::Leader(_)) && !self.clients.is_full();
        if is_leader && self.clients.is_new_batch(from, first.origin) {
            commands.iter().cloned().for_each(|command| self.clients.push(command));
            self.pass_on(cx);
        }
    }

    /// Lets the queue leave when the inputs that are here already have been taken: they share a slot.
    pub(super) fn pass_on(&mut self, cx: &mut Cx) {
        if !self.clients.flushing && !self.clients.queue.is_empty() {
            self.clients.flushing = true;
            cx.send_ahead(cx.me(), Msg::Kv(Kv::Flush));
        }
    }

    // ANCHOR: on_flush
    pub(super) fn on_flush(&mut self, cx: &mut Cx) {
        self.clients.flushing = false;
        while !self.clients.queue.is_empty() {
            match (&self.role, self.leader, self.promised) {
                (Role::Leader(leader), _, Some(ballot)) if leader.has_room() => {
                    let batch = self.clients.batch(cx.me(), self.start);
                    if !batch.is_empty() {
                        self.propose(ballot, Entry::Batch(batch.into()), cx);
                    }
                }
                (Role::Follower, Some(leader), _) => self.hand_over(leader, cx),
                // Until there is a leader, or until a slot is chosen.
                _ => return,
            }
        }
    }
    // ANCHOR_END: on_flush

    /// The next commands go to the leader, or their clients do. Those of other replicas, which came while
    /// this one led, do not: each replica passes on its own.
    fn hand_over(&mut self, leader: NodeId, cx: &mut Cx) {
        let mut commands = self.clients.batch(cx.me(), self.start);
        commands.retain(|command| command.origin.replica == cx.me());
        if self.config.forward && !commands.is_empty() {
            return cx.send_ahead(leader, Msg::Kv(Kv::Forward { commands: commands.into() }));
        }
        for command in commands {
            self.refuse(command.origin.number, Refusal::Moved(leader), cx);
        }
    }

    fn refuse(&mut self, number: u64, refusal: Refusal, cx: &mut Cx) {
        if let Some((client, number)) = self.clients.take(number) {
            let outcome = Err(refusal);
            cx.send_ahead(client, Msg::Kv(Kv::Answer { number, outcome }));
        }
    }

    /// Looks for requests that wait for too long. One that has a session goes into the queue again,
    /// under a new number.
    pub(super) fn sweep(&mut self, cx: &mut Cx) {
        let clients = &mut self.clients;
        clients.sweeps += 1;
        let now = clients.sweeps;
        let (mut given_up, mut again) = (Vec::new(), Vec::new());
        for (number, request) in (clients.first..).zip(&mut clients.waiting) {
            let Some(waiting) = request else { continue };
            let patience = if waiting.id.is_some() { GIVE_UP_SESSION } else { GIVE_UP };
            if now - waiting.since >= patience {
                let refusal = waiting.sent.map_or(Refusal::NotDone, |_| Refusal::MayBeDone);
                given_up.push((number, refusal));
            } else if waiting.id.is_some() && waiting.sent.is_some_and(|at| now - at >= SEND_AGAIN)
            {
                again.extend(request.take());
            }
        }
        for waiting in again {
            clients.wait(waiting, cx.me(), self.start);
        }
        for (number, refusal) in given_up {
            self.refuse(number, refusal, cx);
        }
        self.clients.trim();
        self.pass_on(cx);
        self.sweep_reads(cx);
        if !self.is_idle() {
            cx.set_timer(Timer::Sweep, wait::SWEEP);
        }
    }
}
