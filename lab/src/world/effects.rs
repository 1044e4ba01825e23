//! The one place that carries effects out, and the one place that crashes.

use super::{Envelope, Happening, Observer, World, recover};
use crate::node::{Effect, Node, NodeId};

impl<N: Node, G: Clone + Eq + std::hash::Hash + Default> World<N, G> {
    /// Carries out the first effects of a host's queue.
    pub(super) fn carry_out(&mut self, id: NodeId, count: usize, watch: &mut dyn Observer<N, G>) {
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
        watch: &mut dyn Observer<N, G>,
    ) {
        while let Some(next) = self.host(id).queue.front() {
            if matches!(next, Effect::Persist(_) | Effect::Checkpoint(_))
                && !std::mem::take(&mut flushed)
            {
                return;
            }
            self.carry_out(id, 1, watch);
        }
    }

    fn carry_out_one(&mut self, id: NodeId, effect: Effect<N>, watch: &mut dyn Observer<N, G>) {
        match effect {
            Effect::Send { to, msg } | Effect::SendAhead { to, msg } => {
                self.send(id, to, msg, watch);
            }
            Effect::Persist(record) => {
                self.see(id, &Happening::Persist(&record), watch);
                self.host_mut(id).disk.push(record);
            }
            Effect::Checkpoint(record) => {
                self.see(id, &Happening::Persist(&record), watch);
                let program = &self.stage.roles[self.index(id)].program;
                let long = recover(program.clone(), id, &self.host(id).disk);
                let short = recover(program.clone(), id, std::slice::from_ref(&record));
                assert!(long == short, "a checkpoint must recover to what its log recovers to");
                self.host_mut(id).disk = vec![record];
            }
            Effect::Note(note) => self.see(id, &Happening::Note(&note), watch),
            Effect::SetTimer { .. } | Effect::CancelTimer(_) => {
                unreachable!("timers take effect when the step returns")
            }
        }
    }

    pub(super) fn send(
        &mut self,
        from: NodeId,
        to: NodeId,
        msg: N::Msg,
        watch: &mut dyn Observer<N, G>,
    ) {
        if to == from {
            self.host_mut(from).own.push_back(msg);
            return;
        }
        let envelope = Envelope { from, to, msg };
        self.see(from, &Happening::Send(&envelope), watch);
        self.network.send(envelope);
    }

    pub(super) fn crash(&mut self, id: NodeId, forget: usize, watch: &mut dyn Observer<N, G>) {
        let host = self.host_mut(id);
        let lost = host.crash();
        let kept = host.disk.len().saturating_sub(forget);
        let forgotten = host.disk.split_off(kept);
        let index = self.index(id);
        self.hosts[index].1 = self.hosts[index].0.print();
        self.see(id, &Happening::Crash { lost: &lost, forgotten: &forgotten }, watch);
    }
}
