//! The leader of the replicas: one fsync and one majority for all decisions that wait.

use std::cmp::Reverse;

use super::{ELECTION, Event, Open, Simulation, TERM};
use crate::types::Kind;
use crate::workload::{Arrival, Process, What};

impl Simulation {
    pub(super) fn on_decide(&mut self, request: usize, at: u64) {
        let leader = Process::REPLICAS[self.leader];
        let Open { mut spine, asked, vote, .. } = std::mem::take(&mut self.open[request]);
        let call = self.called(&spine, leader, What::Decide, asked);
        self.works[call].waits.begin = Some(vote);
        spine.push(call);
        let (from, cause) = (Some(Process::Coord), Arrival::Call(call));
        let decide = self.start(leader, Kind::Server, What::Decide, from, cause, at);
        self.open[request] = Open { spine, asked, vote, decide };
        self.waiting.push(request);
        self.flush(at);
    }

    /// One fsync and one round for all that wait, if the last one is over.
    pub(super) fn flush(&mut self, at: u64) {
        if !self.writing.is_empty() || self.waiting.is_empty() {
            return;
        }
        let most = if self.config.group_commit { self.waiting.len() } else { 1 };
        self.writing = self.waiting.drain(..most).collect();
        self.batches += 1;
        let decides: Vec<usize> = self.writing.iter().map(|r| self.open[*r].decide).collect();
        let leader = Process::REPLICAS[self.leader];
        let arrival = match self.config.group_commit {
            true => Arrival::Batch(decides.clone()),
            false => Arrival::Call(decides[0]),
        };
        let at = at + self.compute_of(decides[0]);
        let flush = self.start(leader, Kind::Internal, What::Flush, None, arrival, at);
        for decide in &decides {
            self.works[*decide].waits.end = Some(flush);
        }
        let at = at + self.compute_of(flush);
        let (written, sync) = self.fsync(flush, at);
        // Nobody waits at a leader that steps down.
        let steps_down = self.config.leader_changes
            && self.batches.is_multiple_of(TERM)
            && self.waiting.is_empty();
        let chosen = if steps_down {
            self.done(flush, &decides, (written, sync));
            self.replay(decides, written)
        } else {
            let chosen = self.accepts(flush, at).max((written, sync));
            self.done(flush, &decides, chosen);
            self.answer(&decides, None);
            chosen.0
        };
        self.events.push(Reverse((chosen, Event::Flushed)));
    }

    /// The leader has done what it does for a batch.
    fn done(&mut self, flush: usize, decides: &[usize], (at, last): (u64, usize)) {
        self.works[flush].waits.end = Some(last);
        self.end(flush, at);
        decides.iter().for_each(|decide| self.end(*decide, at));
    }

    /// Another leader goes on with what is in the log.
    fn replay(&mut self, decides: Vec<usize>, written: u64) -> u64 {
        self.leader = (self.leader + 1) % Process::REPLICAS.len();
        let (next, at) = (Process::REPLICAS[self.leader], written + ELECTION);
        let log = Arrival::Log(decides.clone());
        let replay = self.start(next, Kind::Internal, What::Replay, None, log, at);
        let at = at + self.compute_of(replay);
        let (chosen, last) = self.accepts(replay, at);
        self.works[replay].waits.end = Some(last);
        self.end(replay, chosen);
        self.answer(&decides, Some(replay));
        chosen
    }

    /// What the coordinator waits for is its decision, or what another leader made of it.
    fn answer(&mut self, decides: &[usize], by: Option<usize>) {
        for decide in decides {
            let call = self.works[*decide].arrival.causes()[0];
            self.works[call].waits.end = by.or(Some(*decide));
        }
    }

    /// The followers accept; the first of the two is enough for a majority: when it answers, and its call.
    fn accepts(&mut self, cause: usize, at: u64) -> (u64, usize) {
        let leader = self.works[cause].seen.process;
        let followers = Process::REPLICAS.into_iter().filter(|replica| *replica != leader);
        let answers = followers.map(|follower| {
            let call = self.called(&[cause], follower, What::Accept, at);
            (self.ask(call, at), call)
        });
        answers.min().expect("there are followers")
    }
}
