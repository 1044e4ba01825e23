//! Virtual time: a seeded run of a world under a schedule of faults.
//!
//! The simulator decides *when*: it draws how long each message is on its way, each disk write takes
//! and each timer waits, and keeps what is scheduled in one queue by time. What then happens is an
//! [`Action`] like any other, so a run is a list of actions: it can be recorded, replayed and shrunk
//! without the random numbers that made it.
//!
//! Disks are asynchronous: a record becomes durable some time after it was asked for, the node goes on
//! meanwhile, and a crash in between loses it with every message that waits behind it.
//!
//! # Left out
//!
//! Bandwidth and queues in the network; two crashes of one host at the same instant.

mod observers;
mod schedule;
mod seeds;
mod shrink;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use observers::{Asked, Both};
pub use schedule::{Fault, FaultSchedule, NetworkProfile};
pub use seeds::{Counterexample, Found, find};
pub use shrink::{TimedAction, replay, shrink};

use crate::explore::{Broken, Model};
use crate::node::{NodeId, Protocol};
use crate::record::Recorder;
use crate::rng::Rng;
use crate::world::{Action, Envelope, Ghost, Observer, Transition, Wire, World};

/// What became of a simulated run.
#[derive(Debug)]
pub struct Run<P: Protocol, G> {
    /// Everything that happened, with its time, in order.
    pub actions: Vec<TimedAction<P>>,
    /// The first broken property; the run ends there.
    pub broken: Option<Broken>,
    /// Whether the goal held at the end.
    pub settled: bool,
    /// The world at the end.
    pub world: World<P, G>,
    /// The virtual time at the end, in µs.
    pub time: u64,
}

/// What stands in the queue.
enum Scheduled<P: Protocol> {
    Act(Action<P>),
    /// A timer, unless it was replaced or cancelled since: then its number is another.
    Timer(NodeId, P::Timer, u64),
    /// The disk is done with a record of this start; a crash since then took the record.
    Flush(NodeId, u64),
    Fault(Fault),
    /// A restart after a crash of the schedule.
    Restart(NodeId, bool),
}

struct Simulator<'a, P: Protocol, G> {
    model: &'a Model<P, G>,
    schedule: &'a FaultSchedule,
    world: World<P, G>,
    queue: BTreeMap<(u64, u64), Scheduled<P>>,
    queued: u64,
    now: u64,
    network: Rng,
    disks: Rng,
    timers: Rng,
    armed: BTreeMap<(NodeId, P::Timer), u64>,
    /// The start whose disk works now.
    flushing: BTreeMap<NodeId, u64>,
    paused: BTreeMap<NodeId, u64>,
    recorder: Option<Recorder>,
    /// What the last step asked for.
    asked: Asked<P>,
    actions: Vec<TimedAction<P>>,
    broken: Option<Broken>,
}

/// Runs a model under a schedule. Equal seeds give equal runs.
pub fn run<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    schedule: &FaultSchedule,
    seed: u64,
) -> Run<P, G> {
    run_with(model, schedule, seed, None).0
}

/// The same run, and its log.
pub fn simulate<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    schedule: &FaultSchedule,
    seed: u64,
    title: &str,
) -> (Run<P, G>, Recorder) {
    let recorder = Recorder::new(title, &model.topology(Wire::Copies, true));
    let (run, recorder) = run_with(model, schedule, seed, Some(recorder));
    let mut recorder = recorder.expect("a run gives back its recorder");
    if let Some(broken) = &run.broken {
        recorder.violation(broken.property, &broken.why);
    }
    (run, recorder)
}

fn run_with<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    schedule: &FaultSchedule,
    seed: u64,
    mut recorder: Option<Recorder>,
) -> (Run<P, G>, Option<Recorder>) {
    let topology = model.topology(Wire::Copies, true);
    let mut rng = Rng::new(seed);
    let mut asked = Asked::default();
    let mut watch = Both(&mut asked, recorder.as_mut());
    let world = World::with_clocks(topology, |id| schedule.clock(id, 0), &mut watch);
    let broken = model.broken(&world);
    let mut simulator = Simulator {
        model,
        schedule,
        world,
        queue: BTreeMap::new(),
        queued: 0,
        now: 0,
        network: rng.fork(),
        disks: rng.fork(),
        timers: rng.fork(),
        armed: BTreeMap::new(),
        flushing: BTreeMap::new(),
        paused: BTreeMap::new(),
        recorder,
        asked,
        actions: Vec::new(),
        broken,
    };
    simulator.serve();
    for fault in &schedule.faults {
        simulator.enqueue(fault.at(), Scheduled::Fault(fault.clone()));
    }
    simulator.run();
    let Simulator { world, actions, recorder, now, broken, .. } = simulator;
    let settled = (model.goal)(&world);
    (Run { actions, broken, settled, world, time: now }, recorder)
}

/// Carries one action of a run out; gives the first property that it breaks.
fn apply<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    schedule: &FaultSchedule,
    world: &mut World<P, G>,
    timed: &TimedAction<P>,
    watch: &mut dyn Observer<P, G>,
) -> Option<Broken> {
    let TimedAction { time, action } = timed;
    let clock = action.transition.node().map_or(Duration::ZERO, |id| schedule.clock(id, *time));
    // A world is a handful of pointers, but most models ask nothing of steps.
    let before = (!model.steps.is_empty()).then(|| world.clone());
    world.apply(action, clock, watch);
    let step = before.and_then(|before| model.broken_step(&before, action, world));
    step.or_else(|| model.broken(world))
}

impl<P: Protocol, G: Ghost> Simulator<'_, P, G> {
    fn run(&mut self) {
        while self.broken.is_none() {
            let Some(((time, _), scheduled)) = self.queue.pop_first() else { return };
            let quiet = self.schedule.faults_end() < time && (self.model.goal)(&self.world);
            if time > self.schedule.end || quiet {
                return;
            }
            self.now = time;
            if let Some(recorder) = &mut self.recorder {
                Observer::<P, G>::time(recorder, time);
            }
            self.happen(scheduled);
        }
    }

    fn happen(&mut self, scheduled: Scheduled<P>) {
        match scheduled {
            Scheduled::Fault(fault) => self.fault(&fault),
            Scheduled::Restart(node, wiped) => {
                if wiped {
                    self.act(Action::new(Transition::Wipe(node)));
                }
                self.act(Action::new(Transition::Restart(node)));
            }
            Scheduled::Timer(node, timer, number) => {
                let current = self.armed.get(&(node, timer.clone())) == Some(&number);
                if let Some(until) = self.paused_until(node) {
                    self.enqueue(until, Scheduled::Timer(node, timer, number));
                } else if current {
                    self.act(Action::new(Transition::Timeout(node, timer)));
                }
            }
            Scheduled::Flush(node, start) => {
                if let Some(until) = self.paused_until(node) {
                    self.enqueue(until, Scheduled::Flush(node, start));
                } else if self.flushing.get(&node) == Some(&start) {
                    self.flushing.remove(&node);
                    self.act(Action::new(Transition::Flush(node)));
                }
            }
            Scheduled::Act(action) => self.due_action(action),
        }
    }

    fn due_action(&mut self, action: Action<P>) {
        if let Some(until) = action.transition.node().and_then(|node| self.paused_until(node)) {
            self.enqueue(until, Scheduled::Act(action));
            return;
        }
        match &action.transition {
            Transition::Deliver { envelope, .. }
                if self.schedule.is_cut(self.now, envelope.from, envelope.to) =>
            {
                let lost = Transition::Lose(Arc::clone(envelope));
                self.act(Action::new(lost));
            }
            _ => self.act(action),
        }
    }

    fn fault(&mut self, fault: &Fault) {
        match fault {
            Fault::Crash { node, back, wiped, forget, .. } => {
                self.flushing.remove(node);
                self.act(Action::new(Transition::Crash { node: *node, forget: *forget }));
                if let Some(after) = back {
                    self.enqueue(self.now + after, Scheduled::Restart(*node, *wiped));
                }
            }
            Fault::Pause { node, lasts, .. } => {
                self.paused.insert(*node, self.now + lasts);
                self.record_fault(*node, "pauses");
            }
            Fault::Cut { from, to, both, .. } => {
                let word = if *both { "is cut off from" } else { "no longer reaches" };
                let other = self.name(*to);
                self.record_fault(*from, &format!("{word} {other}"));
            }
            Fault::Drift { node, parts_per_million } => {
                self.record_fault(
                    *node,
                    &format!("has a clock that is off by {parts_per_million} ppm"),
                );
            }
        }
    }

    /// Applies an action, if it is still possible, and serves what it asked for.
    fn act(&mut self, action: Action<P>) {
        if !self.world.can(&action.transition) {
            return;
        }
        let node = action.transition.node();
        if let (Transition::Crash { .. }, Some(node)) = (&action.transition, node) {
            self.armed.retain(|(owner, _), _| *owner != node);
        }
        let mut watch = Both(&mut self.asked, self.recorder.as_mut());
        let timed = TimedAction { time: self.now, action };
        let broken = apply(self.model, self.schedule, &mut self.world, &timed, &mut watch);
        self.actions.push(timed);
        self.broken = self.broken.take().or(broken);
        self.serve();
    }

    /// Decides when what was asked for will happen.
    fn serve(&mut self) {
        let mut asked = std::mem::take(&mut self.asked);
        for envelope in asked.sent.drain(..) {
            self.send(envelope);
        }
        for (node, timer, after) in asked.timers.drain(..) {
            self.queued += 1;
            let number = self.queued;
            let Some(after) = after else {
                self.armed.remove(&(node, timer));
                continue;
            };
            self.armed.insert((node, timer.clone()), number);
            let micros = after.start.as_micros() as u64..after.end.as_micros() as u64;
            let wait = self.schedule.real_time(node, self.timers.pick(micros));
            self.enqueue(self.now + wait, Scheduled::Timer(node, timer, number));
        }
        self.asked = asked;
        for role in &self.model.roles {
            let node = role.id;
            let host = self.world.host(node);
            let (to_self, queue) = (!host.to_self.is_empty(), !host.queue.is_empty());
            let start = host.starts;
            if to_self {
                self.enqueue(self.now, Scheduled::Act(Action::new(Transition::SelfDelivery(node))));
            }
            if queue && !self.flushing.contains_key(&node) {
                self.flushing.insert(node, start);
                let done = self.now + self.disks.pick(self.schedule.profile.disk.clone());
                self.enqueue(done, Scheduled::Flush(node, start));
            }
        }
    }

    /// Draws when a message arrives, whether it is lost, and whether it arrives twice.
    fn send(&mut self, envelope: Envelope<P::Msg>) {
        let envelope = Arc::new(envelope);
        let profile = &self.schedule.profile;
        let arrives = self.now + self.network.pick(profile.latency.clone());
        let lost = self.network.chance(profile.loss);
        let doubled = self.network.chance(profile.duplicates);
        let later = arrives + self.network.pick(profile.latency.clone());
        let arrival = if lost {
            Transition::Lose(Arc::clone(&envelope))
        } else {
            Transition::Deliver { envelope: Arc::clone(&envelope), keep: doubled }
        };
        self.enqueue(arrives, Scheduled::Act(Action::new(arrival)));
        if doubled && !lost {
            let again = Transition::Deliver { envelope, keep: false };
            self.enqueue(later, Scheduled::Act(Action::new(again)));
        }
    }

    fn enqueue(&mut self, time: u64, scheduled: Scheduled<P>) {
        self.queued += 1;
        self.queue.insert((time, self.queued), scheduled);
    }

    fn paused_until(&self, node: NodeId) -> Option<u64> {
        self.paused.get(&node).copied().filter(|until| *until > self.now)
    }

    fn name(&self, id: NodeId) -> &'static str {
        self.model.roles.iter().find(|role| role.id == id).map_or("?", |role| role.name)
    }

    fn record_fault(&mut self, node: NodeId, text: &str) {
        let name = self.name(node);
        if let Some(recorder) = &mut self.recorder {
            recorder.fault(name, text);
        }
    }
}
