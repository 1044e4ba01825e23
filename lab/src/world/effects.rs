//! The one place that carries effects out, and the one place that crashes.

use std::sync::Arc;

use super::{Envelope, Event, Ghost, Observer, World};
use crate::node::{Effect, Mark, NodeId, Protocol, assert_message_fits, assert_record_fits};

impl<P: Protocol, G: Ghost> World<P, G> {
    /// Carries out the first effects of a host's queue.
    pub(super) fn carry_out(&mut self, id: NodeId, count: usize, watch: &mut dyn Observer<P, G>) {
        for _ in 0..count {
            let Some(effect) = self.host_mut(id).queue.pop_front() else { return };
            self.carry_out_one(id, effect, watch);
        }
    }

    /// Carries out what does not wait for the disk, and first one record if the disk is done with it.
    pub(super) fn carry_out_until_record(
        &mut self,
        id: NodeId,
        mut flushed: bool,
        watch: &mut dyn Observer<P, G>,
    ) {
        while let Some(next) = self.host(id).queue.front() {
            if matches!(next, Effect::Persist(_)) && !std::mem::take(&mut flushed) {
                return;
            }
            self.carry_out(id, 1, watch);
        }
    }

    fn carry_out_one(&mut self, id: NodeId, effect: Effect<P>, watch: &mut dyn Observer<P, G>) {
        match effect {
            Effect::Send { to, msg } | Effect::SendAhead { to, msg } => {
                self.send(id, to, msg, watch);
            }
            Effect::Persist(record) => {
                assert_record_fits(&record);
                self.see(id, &Event::Persist(&record), watch);
                self.host_mut(id).disk.append(record, id);
            }
            Effect::Mark(mark) => {
                let (topology, index) = (Arc::clone(&self.topology), self.index(id));
                self.host_mut(id).disk.mark(mark, &topology.roles[index].program);
            }
            Effect::DiscardBefore(mark) => self.discard_before(id, mark, watch),
            Effect::Note(note) => self.see(id, &Event::Note(&note), watch),
            Effect::Connect { .. } | Effect::Disconnect(_) => {}
            Effect::SetTimer { .. } | Effect::CancelTimer(_) => {
                unreachable!("timers take effect when the step returns")
            }
        }
    }

    fn discard_before(&mut self, id: NodeId, mark: Mark, watch: &mut dyn Observer<P, G>) {
        let (topology, index) = (Arc::clone(&self.topology), self.index(id));
        self.host_mut(id).disk.discard_before(mark, (&topology.roles[index].program, id));
        self.see(id, &Event::Discard, watch);
    }

    pub(super) fn send(
        &mut self,
        from: NodeId,
        to: NodeId,
        msg: P::Msg,
        watch: &mut dyn Observer<P, G>,
    ) {
        let envelope = Envelope { from, to, msg };
        self.see(from, &Event::Send(&envelope), watch);
        if to == from {
            self.host_mut(from).to_self.push_back(envelope.msg);
            return;
        }
        assert_message_fits(&envelope.msg);
        self.network.send(envelope);
    }

    pub(super) fn crash(&mut self, id: NodeId, forget: usize, watch: &mut dyn Observer<P, G>) {
        let host = self.host_mut(id);
        let lost = host.crash();
        let forgotten = host.disk.crash(forget);
        self.see(id, &Event::Crash { lost: &lost, forgotten: &forgotten }, watch);
    }
}
