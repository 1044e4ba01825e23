//! The loop around one node, in turns: take everything that has arrived, step the node once for
//! each, sync the log once, release everything that waited for it. What arrives while the disk works
//! shares the next fsync: that is group commit without a timer.
//!
//! A turn that took one input syncs the log itself: as good as nothing else waits, and nothing is
//! handed over. A turn that took more is one of many to come: it lends the log to another thread, and
//! the next turns step the node meanwhile. What they send waits for records that the fsync under way
//! does not cover, and so for the next one.
//!
//! Measured with chapter 2's three nodes and their clients on two cores, all ways interleaved:
//!
//! | the log is lent | by no turn | by every turn | by turns with more than one input |
//! |---|---|---|---|
//! | median of one client | 600 µs | 671 µs | 595 µs |
//! | orders a second, 64 clients | 20,800 | 22,100 | 21,600 |
//! | the same while a compiler had the cores, too | 9,100 | 14,900 | 14,100 |
//!
//! A record that nothing waits for is written with the next fsync, or with one of its own if none
//! comes for a while. Until then a crash forgets it, as it forgets any record that no
//! message waited for.
//!
//! # Left out
//!
//! Several threads for one node: it is one value, and its steps have an order.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock is read")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::config::{Fatal, Observer};
use super::context::Context;
use super::counters::Counters;
use super::effects::Held;
use super::inbox::{Arrival, Origin, Queued, Reply};
use super::log::Log;
use super::network::Network;
use super::recorder::Recorder;
use super::timers::{Alarm, Clock, Timers};
use super::tracer::{Done, Traced};
use super::wal;
use crate::node::{Mark, take};
use crate::rng::Rng;
use crate::{AnyNode, Cx, Effect, Input, NodeId, Protocol};

/// How many inputs one turn takes at most, so that no input waits for a log of unbounded length.
const TURN: usize = 1024;
/// A yield asks the sockets, or runs about 60 tasks: so many run the readers of all possible peers.
const READERS_TURNS: usize = 8;
/// How many effects may wait for the disk while the node is stepped: a disk that stalls holds up the
/// inputs, and TCP tells the senders.
const MAX_HELD: usize = 1 << 14;
/// How many requests of one client a tracer may wait for.
const MAX_ASKED: usize = 1024;

/// The node and everything its effects touch. Owned by one thread.
pub(super) struct EventLoop<P: Protocol> {
    pub(super) cluster: u64,
    pub(super) me: NodeId,
    pub(super) start: u64,
    pub(super) node: AnyNode<P>,
    pub(super) log: Log,
    pub(super) arrivals: mpsc::UnboundedReceiver<Queued<P>>,
    pub(super) waiting: VecDeque<Queued<P>>,
    pub(super) clients: BTreeMap<NodeId, mpsc::Sender<Reply<P>>>,
    pub(super) network: Box<dyn Network<P>>,
    pub(super) timers: Timers<P::Timer>,
    /// Effects behind a record that is not durable yet, in order, and how many changes of the log
    /// have to be durable first.
    pub(super) held: VecDeque<(u64, Held<P>)>,
    /// Where a record becomes bytes.
    pub(super) entry: Vec<u8>,
    /// Where a step puts its effects: empty between steps.
    pub(super) effects: Vec<Effect<P>>,
    /// How many marks this start has made, and the snapshot under way.
    pub(super) marks: u32,
    pub(super) mark: Option<(Mark, wal::Mark)>,
    /// How long a record may wait for the fsync of another one, and until when the oldest does.
    pub(super) max_sync_delay: Duration,
    pub(super) sync_by: Option<Instant>,
    pub(super) observer: Box<dyn Observer<P>>,
    pub(super) traced: Option<Traced>,
    /// What the tracer is told as soon as the frames of this turn have left.
    pub(super) ends: Vec<(Context, Done)>,
    /// The contexts of the requests that a client waits for, oldest first; only with a tracer.
    pub(super) asked: BTreeMap<NodeId, VecDeque<Context>>,
    pub(super) recorder: Recorder,
    pub(super) rng: Rng,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Clock,
    pub(super) crash_after_effect: Option<u64>,
    pub(super) stopping: bool,
}

/// Whether an effect is carried out when the records before it are durable.
fn waits_for_the_disk<P: Protocol>(effect: &Effect<P>) -> bool {
    matches!(
        effect,
        Effect::Send { .. } | Effect::Persist(_) | Effect::DiscardBefore(_) | Effect::Note(_)
    )
}

/// What a step asked for, as a tracer is told.
fn done<P: Protocol>(effects: &[Effect<P>]) -> Done {
    let count = |is: fn(&&Effect<P>) -> bool| effects.iter().filter(is).count() as u64;
    Done {
        records: count(|effect| matches!(effect, Effect::Persist(_))),
        messages: count(|effect| matches!(effect, Effect::Send { .. } | Effect::SendAhead { .. })),
        error: None,
    }
}

impl<P: Protocol> EventLoop<P> {
    /// Runs until asked to stop, or until the disk fails.
    pub(super) async fn run(mut self) -> Result<(), Fatal> {
        self.input(Input::Boot { start: self.start }, None, Context::default())?;
        self.end_turn(1)?;
        let mut alarm = Alarm::new(Instant::now());
        while !self.stopping {
            let waited = self.wait(&mut alarm).await?;
            // One look at the clock: a timer that sets itself to zero waits for the next turn.
            let now = Instant::now();
            self.let_readers_run(waited, now).await;
            if self.log.is_due() || self.held.len() > MAX_HELD {
                self.log.take_back().await?;
                self.synced();
            }
            let taken = self.turn(now)?;
            self.end_turn(taken)?;
        }
        self.log.take_back().await?;
        self.sync()?;
        self.log.close()
    }

    /// Steps the node for all that has arrived and all that is due. How many inputs that were.
    fn turn(&mut self, now: Instant) -> Result<usize, Fatal> {
        self.listen();
        let mut inputs = 0;
        while inputs < TURN
            && let Some((place, arrival)) = self.waiting.pop_front()
        {
            inputs += 1;
            self.take(arrival)?;
            drop(place);
        }
        while let Some(timer) = self.timers.pop_due(now) {
            self.input(Input::Timeout(timer), None, Context::default())?;
        }
        Ok(inputs)
    }

    /// Whether it had to wait: then the sockets were asked just now, and all readers have run.
    async fn wait(&mut self, alarm: &mut Alarm) -> Result<bool, Fatal> {
        self.listen();
        if !self.waiting.is_empty() {
            return Ok(false);
        }
        let timer = self.timers.next().into_iter().chain(self.sync_by).min();
        tokio::select! {
            biased;
            arrival = self.arrivals.recv() => self.waiting.extend(arrival),
            back = self.log.take_back(), if self.log.is_lent() => {
                back?;
                self.synced();
            }
            () = alarm.wait(timer) => {}
        }
        Ok(true)
    }

    /// Lets the socket readers take what came in while the node or the disk was busy: it shares the
    /// next fsync. If a timer is due, a peer that sent in time has to be read before the
    /// timer says that it did not, unless more than a turn's inputs wait in front of it: so the
    /// runtime gets the time to ask which sockets have something, and to run all their readers.
    async fn let_readers_run(&mut self, waited: bool, now: Instant) {
        let due = self.timers.next().is_some_and(|at| at <= now);
        for _ in 0..if due { READERS_TURNS } else { usize::from(!waited) } {
            tokio::task::yield_now().await;
        }
    }

    /// Moves everything that has arrived behind what is waiting.
    pub(super) fn listen(&mut self) {
        while let Ok(arrival) = self.arrivals.try_recv() {
            self.waiting.push_back(arrival);
        }
    }

    fn take(&mut self, arrival: Arrival<P>) -> Result<(), Fatal> {
        match arrival {
            Arrival::Message { origin, to, context, msg } if to == self.me => {
                let from = origin.from;
                self.input(Input::Message { from, msg }, Some(origin), context)?;
            }
            // Another node answers a client that is connected here.
            Arrival::Message { to, context, msg, .. } => self.reply(to, Reply { msg, context }),
            Arrival::Connected { id, replies } => drop(self.clients.insert(id, replies)),
            Arrival::Client { id, context, msg } => {
                self.asks(id, context);
                self.input(Input::Message { from: id, msg }, None, context)?;
            }
            Arrival::Disconnected(id) => {
                self.clients.remove(&id);
                self.asked.remove(&id);
                self.input(Input::Disconnected(id), None, Context::default())?;
            }
            Arrival::Peers(book) => self.network.set(self.me, book),
            Arrival::Stop => self.stopping = true,
        }
        Ok(())
    }

    fn input(
        &mut self,
        input: Input<P>,
        origin: Option<Origin>,
        context: Context,
    ) -> Result<(), Fatal> {
        let now = self.clock.now();
        let cause = self.recorder.input(&input, origin, now);
        let context = self.observer.input(&input, context);
        let (context, is_traced) = self.begins(&input, context);
        self.counters.steps.fetch_add(1, Relaxed);
        let mut effects = std::mem::take(&mut self.effects);
        take(&mut self.node, input, &mut Cx::new(self.me, now, &mut self.marks, &mut effects));
        let waits = is_traced && effects.iter().any(waits_for_the_disk);
        let done = if is_traced { done(&effects) } else { Done::default() };
        for effect in effects.drain(..) {
            self.carry_out(effect, cause, &context)?;
        }
        self.effects = effects;
        let end = is_traced.then_some(Held::End { context, done });
        match end {
            Some(end) if waits => self.hold(end),
            // Records of earlier inputs are no part of it.
            Some(end) => self.release(end),
            None => {}
        }
        Ok(())
    }

    /// A client has sent a request under this context.
    fn asks(&mut self, client: NodeId, context: Context) {
        if self.traced.is_none() {
            return;
        }
        let asked = self.asked.entry(client).or_default();
        asked.push_back(context);
        if asked.len() > MAX_ASKED {
            // Which answer belongs to which request is not known any more, and a wrong one is not told.
            asked.iter_mut().for_each(|context| *context = Context::default());
            asked.pop_front();
        }
    }

    /// The context of everything that an input causes, and whether a tracer was told.
    fn begins(&mut self, input: &Input<P>, context: Context) -> (Context, bool) {
        let Some(traced) = &self.traced else { return (context, false) };
        if let Input::Timeout(timer) = input {
            let context = traced.tracer.timeout(traced.name(self.me), &timer.to_string());
            return (context, !context.is_empty() && traced.tracer.is_told(&context));
        }
        let Input::Message { from, msg } = input else { return (context, false) };
        if context.is_empty() || !traced.tracer.is_told(&context) {
            return (context, false);
        }
        let under = traced.tracer.step(traced.name(self.me), &msg.to_string(), &context);
        // From here on the request is known by the step that took it.
        if let Some(asked) = self.asked.get_mut(from).and_then(VecDeque::back_mut)
            && *asked == context
        {
            *asked = under;
        }
        (under, true)
    }

    /// Hands on what need not wait, and syncs the log if anything waits for it.
    fn end_turn(&mut self, taken: usize) -> Result<(), Fatal> {
        self.flush();
        if self.log.is_lent() || self.log.changes() == self.log.durable() {
            return Ok(());
        }
        if !self.held.iter().any(|(_, held)| matches!(held, Held::Send(_))) {
            let now = Instant::now();
            if now < *self.sync_by.get_or_insert(now + self.max_sync_delay) {
                return Ok(());
            }
        }
        if taken > 1 {
            self.sync_by = None;
            self.log.lend();
            return Ok(());
        }
        self.sync()
    }

    /// Syncs the log on this thread, and releases everything that waited for it.
    pub(super) fn sync(&mut self) -> Result<(), Fatal> {
        self.flush();
        self.sync_by = None;
        self.log.sync()?;
        self.synced();
        Ok(())
    }

    /// What waited for records that are durable now is carried out.
    fn synced(&mut self) {
        self.counters.syncs.store(self.log.syncs(), Relaxed);
        self.counters.log_bytes.store(self.log.bytes(), Relaxed);
        let durable = self.log.durable();
        while self.held.front().is_some_and(|(behind, _)| *behind <= durable) {
            if let Some((_, effect)) = self.held.pop_front() {
                self.release(effect);
            }
        }
        self.flush();
    }

    /// Hands on what no record holds up.
    fn flush(&mut self) {
        self.recorder.flush();
        self.network.flush();
        if let Some(traced) = &self.traced {
            for (context, done) in self.ends.drain(..) {
                traced.tracer.end(&context, &done);
            }
        }
    }
}
