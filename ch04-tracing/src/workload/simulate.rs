//! How a run comes about: a small simulation with one queue of events, in virtual time.
//!
//! Only the leader of the replicas makes requests wait for each other. So each request runs on its own up
//! to its decision and from there to its end; three sorts of event are enough.

mod leader;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use lab::rng::Rng;

use super::{Arrival, Config, Process, Run, Seen, TIMEOUT, Waits, What, Work};
use crate::types::Kind;

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
/// Clocks begin here, so that no clock is before zero.
const BEGIN: u64 = 1_000 * MILLI;
/// One card in sixteen is slow, and takes `pay` this much longer.
const SLOW_CARD: u64 = 20 * MILLI;
/// Before a new leader goes on.
const ELECTION: u64 = 50 * MILLI;
/// Every so many batches the leader steps down.
const TERM: u64 = 20;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Event {
    Begin { request: usize },
    Decide { request: usize },
    Flushed,
}

/// A request on its way.
#[derive(Clone, Debug, Default)]
struct Open {
    /// Its works that are not at their end, the outermost first.
    spine: Vec<usize>,
    /// When the coordinator asked for its decision.
    asked: u64,
    /// The prepare that it waited for last.
    vote: usize,
    /// What the leader does for it.
    decide: usize,
}

struct Simulation {
    config: Config,
    rng: Rng,
    offsets: Vec<u64>,
    works: Vec<Work>,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    open: Vec<Open>,
    leader: usize,
    /// Requests whose decisions the leader has and has not yet written.
    waiting: Vec<usize>,
    /// Those that it writes now.
    writing: Vec<usize>,
    batches: u64,
    begun: usize,
}

pub(super) fn run(config: Config) -> Run {
    let mut rng = Rng::new(config.seed);
    let mut clocks = rng.fork();
    let offset = |_| BEGIN + clocks.pick(0..2 * config.skew + 1) - config.skew;
    let mut simulation = Simulation {
        config,
        offsets: Process::ALL.iter().map(offset).collect(),
        rng,
        works: Vec::new(),
        events: BinaryHeap::new(),
        open: vec![Open::default(); config.requests],
        leader: 0,
        waiting: Vec::new(),
        writing: Vec::new(),
        batches: 0,
        begun: 0,
    };
    for _ in 0..config.clients {
        let at = simulation.rng.pick(0..10 * MILLI);
        simulation.next_request(at);
    }
    while let Some(Reverse((at, event))) = simulation.events.pop() {
        match event {
            Event::Begin { request } => simulation.on_begin(request, at),
            Event::Decide { request } => simulation.on_decide(request, at),
            Event::Flushed => simulation.on_flushed(at),
        }
    }
    Run { works: simulation.works }
}

impl Simulation {
    fn next_request(&mut self, at: u64) {
        if self.begun < self.config.requests {
            self.events.push(Reverse((at, Event::Begin { request: self.begun })));
            self.begun += 1;
        }
    }

    fn on_begin(&mut self, request: usize, at: u64) {
        let checkout =
            self.start(Process::Lb, Kind::Server, What::Checkout, None, Arrival::Edge, at);
        self.works[checkout].request = Some(request);
        let mut spine = vec![checkout];
        let at = self.call(&mut spine, Process::Web1, What::Page, at);
        let (at, price) = self.prices(&spine, at);
        let at = self.call(&mut spine, Process::Coord, What::Order, at);
        let [.., call, order] = spine[..] else { unreachable!("a call has two ends") };
        self.works[call].waits.begin = Some(price);
        let at = at + self.compute_of(order);
        let slow = if request % 16 == 7 { SLOW_CARD } else { 0 };
        let stock = self.prepare(&spine, Process::Stock, 0, at);
        let pay = self.prepare(&spine, Process::Pay, slow, at);
        let (at, vote) = stock.max(pay);
        let at = at + self.compute_of(order);
        self.open[request] = Open { spine, asked: at, vote, decide: 0 };
        let at = at + self.network();
        self.events.push(Reverse((at, Event::Decide { request })));
    }

    /// The last on the spine calls another process, which begins: when that happens.
    fn call(&mut self, spine: &mut Vec<usize>, to: Process, what: What, at: u64) -> u64 {
        let at = at + self.compute_of(*spine.last().expect("a call has a caller"));
        let call = self.called(spine, to, what, at);
        let at = at + self.network_of(call);
        let (from, cause) = (self.works[call].seen.process, Arrival::Call(call));
        let serve = self.start(to, Kind::Server, what, Some(from), cause, at);
        spine.extend([call, serve]);
        at
    }

    /// The last on the spine begins a call.
    fn called(&mut self, spine: &[usize], to: Process, what: What, at: u64) -> usize {
        let cause = *spine.last().expect("a call has a caller");
        let from = self.works[cause].seen.process;
        self.start(from, Kind::Client, what, Some(to), Arrival::Call(cause), at)
    }

    /// One price for each thing in the cart: when all are there, and which came last.
    fn prices(&mut self, spine: &[usize], at: u64) -> (u64, usize) {
        let page = *spine.last().expect("a page");
        let mut at = at + self.compute_of(page);
        let (mut last, mut before) = ((0, page), None);
        for _ in 0..self.rng.pick(1..5) {
            let call = self.called(spine, Process::Stock, What::Price, at);
            self.works[call].waits.begin = before;
            let answer = self.ask(call, at);
            last = last.max((answer, call));
            if self.config.parallel {
                at += 20 * MICRO;
            } else {
                (at, before) = (answer, Some(call));
            }
        }
        last
    }

    /// A call, from its begin to its answer.
    fn ask(&mut self, call: usize, at: u64) -> u64 {
        let (asked, busy) = (at + self.network_of(call), self.compute());
        let answer = self.serve(call, asked, busy) + self.answer_of(call);
        self.end(call, answer);
        answer
    }

    /// A participant is asked, and asked again if it does not answer: when it answers, and to which call.
    fn prepare(&mut self, spine: &[usize], to: Process, slow: u64, at: u64) -> (u64, usize) {
        let chance = if self.config.retries { self.rng.pick(0..100) } else { 99 };
        let first = self.called(spine, to, What::Prepare, at);
        // Four of a hundred are lost on the way, and four more are late.
        let arrives = match chance {
            0..4 => None,
            4..8 => Some(at + TIMEOUT + self.rng.pick(0..2 * MILLI)),
            _ => Some(at + self.network_of(first)),
        };
        let busy = self.compute() + slow;
        let done = arrives.map(|arrives| self.serve(first, arrives, busy) + self.answer_of(first));
        if let Some(done) = done.filter(|done| *done < at + TIMEOUT) {
            self.end(first, done);
            return (done, first);
        }
        let at = at + self.own(first, TIMEOUT);
        self.end(first, at);
        self.works[first].waits = Waits { gave_up: true, ..Waits::default() };
        let again = self.called(spine, to, What::Prepare, at);
        self.works[again].waits.begin = Some(first);
        let arrives = at + self.network_of(again);
        let done = self.serve(again, arrives, busy) + self.answer_of(again);
        self.end(again, done);
        (done, again)
    }

    /// The process that is called does its work, and waits for its disk where it promises something.
    fn serve(&mut self, call: usize, at: u64, busy: u64) -> u64 {
        let Seen { process, what, peer, .. } = self.works[call].seen;
        let to = peer.expect("a call has two ends");
        let serve = self.start(to, Kind::Server, what, Some(process), Arrival::Call(call), at);
        self.works[call].waits.end = Some(serve);
        let mut done = at + self.own(serve, busy);
        if what != What::Price {
            let (written, sync) = self.fsync(serve, done);
            self.works[serve].waits.end = Some(sync);
            done = written;
        }
        self.end(serve, done);
        done
    }

    fn fsync(&mut self, cause: usize, at: u64) -> (u64, usize) {
        let process = self.works[cause].seen.process;
        let sync = self.start(process, Kind::Internal, What::Fsync, None, Arrival::Call(cause), at);
        let took = self.rng.pick(MILLI..3 * MILLI);
        let done = at + self.own(sync, took);
        self.end(sync, done);
        (done, sync)
    }

    fn on_flushed(&mut self, at: u64) {
        for request in std::mem::take(&mut self.writing) {
            self.finish(request, at);
        }
        self.flush(at);
    }

    /// Both participants commit, and the answer goes back to the user.
    fn finish(&mut self, request: usize, at: u64) {
        let mut spine = std::mem::take(&mut self.open[request].spine);
        let decide = spine.pop().expect("the call that asked for the decision");
        let at = at + self.answer_of(decide);
        self.end(decide, at);
        let at = at + self.compute_of(*spine.last().expect("the order"));
        let commits = [Process::Stock, Process::Pay].map(|to| {
            let call = self.called(&spine, to, What::Commit, at);
            self.works[call].waits.begin = Some(decide);
            (self.ask(call, at), call)
        });
        let (mut at, mut last) = commits[0].max(commits[1]);
        while let Some(work) = spine.pop() {
            self.works[work].waits.end = Some(last);
            last = work;
            at += match self.works[work].seen.kind {
                Kind::Client => self.answer_of(work),
                _ => self.compute_of(work),
            };
            self.end(work, at);
        }
        let at = at + self.rng.pick(0..MILLI);
        self.next_request(at);
    }

    fn start(
        &mut self,
        process: Process,
        kind: Kind,
        what: What,
        peer: Option<Process>,
        arrival: Arrival,
        at: u64,
    ) -> usize {
        let request = match &arrival {
            Arrival::Call(cause) => self.works[*cause].request,
            Arrival::Edge | Arrival::Batch(_) | Arrival::Log(_) => None,
        };
        let start = at + self.offsets[process as usize];
        let seen = Seen { start, end: start, process, kind, what, peer };
        let waits = Waits::default();
        self.works.push(Work { seen, arrival, request, began: at, waits });
        self.works.len() - 1
    }

    fn end(&mut self, work: usize, at: u64) {
        let work = &mut self.works[work];
        work.seen.end = at + self.offsets[work.seen.process as usize];
    }

    fn compute(&mut self) -> u64 {
        self.rng.pick(20 * MICRO..400 * MICRO)
    }

    /// As much of its own time a piece of work takes.
    fn own(&self, work: usize, took: u64) -> u64 {
        if self.config.faster == Some(work) { took - MICRO } else { took }
    }

    fn compute_of(&mut self, work: usize) -> u64 {
        let took = self.compute();
        self.own(work, took)
    }

    fn network_of(&mut self, call: usize) -> u64 {
        let took = self.network();
        self.own(call, took)
    }

    fn answer_of(&mut self, call: usize) -> u64 {
        self.network_of(call) * self.config.slow_answers
    }

    fn network(&mut self) -> u64 {
        self.rng.pick(100 * MICRO..300 * MICRO)
    }
}
