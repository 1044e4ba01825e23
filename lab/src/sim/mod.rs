//! Virtual time: a seeded run of a world under a plan of faults.
//!
//! The simulator decides *when*: it draws how long each message travels, each disk write takes and
//! each timer waits, and keeps what will happen in one queue by time. What then happens is an
//! [`Action`] like any other, so a run is a list of actions: it can be recorded, replayed and shrunk
//! without the dice that made it.
//!
//! Disks lag: a record becomes durable some time after it was asked for, the node goes on meanwhile,
//! and a crash in between loses it with every message that waits behind it.
//!
//! # Left out
//!
//! Bandwidth and queues in the network; two crashes of one host at the same instant as a cut link.

mod find;
mod plan;
mod shrink;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub use find::find;
pub use plan::{Fault, Plan, Weather};
pub use shrink::{Moment, replay, shrink};

use crate::explore::{Broken, Model};
use crate::node::{Node, NodeId};
use crate::record::Recorder;
use crate::rng::Rng;
use crate::world::{Action, Envelope, Happening, Observer, What, Wire, World};

/// What became of a simulated run.
#[derive(Debug)]
pub struct Run<N: Node, G> {
    /// Everything that happened, with its time, in order.
    pub moments: Vec<Moment<N>>,
    /// The first broken property; the run ends there.
    pub broken: Option<Broken>,
    /// Whether the goal held at the end.
    pub settled: bool,
    /// The world at the end.
    pub world: World<N, G>,
    /// The virtual time at the end, in µs.
    pub time: u64,
}

/// What waits in the queue.
enum Due<N: Node> {
    Act(Action<N>),
    /// A timer, unless it was replaced or cancelled since: then its number is another.
    Timer(NodeId, N::Timer, u64),
    Fault(Fault),
    /// A restart after a crash of the plan.
    Back(NodeId, bool),
}

/// Collects what a step asked of the simulator.
struct Asked<N: Node> {
    sent: Vec<Envelope<N::Msg>>,
    timers: Vec<(NodeId, N::Timer, Option<Range<Duration>>)>,
}

impl<N: Node, G> Observer<N, G> for Asked<N> {
    fn see(&mut self, at: NodeId, what: &Happening<'_, N>, _world: &World<N, G>) {
        match what {
            Happening::Send(envelope) => self.sent.push((*envelope).clone()),
            Happening::SetTimer { timer, after } => {
                self.timers.push((at, (*timer).clone(), Some(after.clone())));
            }
            Happening::CancelTimer(timer) => self.timers.push((at, (*timer).clone(), None)),
            _ => {}
        }
    }
}

/// Two observers in one.
struct Both<'a, A, B>(&'a mut A, &'a mut B);

impl<N, G, A, B> Observer<N, G> for Both<'_, A, B>
where
    N: Node,
    A: Observer<N, G>,
    B: Observer<N, G>,
{
    fn see(&mut self, at: NodeId, what: &Happening<'_, N>, world: &World<N, G>) {
        self.0.see(at, what, world);
        self.1.see(at, what, world);
    }

    fn after(&mut self, at: NodeId, world: &World<N, G>) {
        self.0.after(at, world);
        self.1.after(at, world);
    }
}

struct Simulator<'a, N: Node, G> {
    model: &'a Model<N, G>,
    plan: &'a Plan,
    world: World<N, G>,
    queue: BTreeMap<(u64, u64), Due<N>>,
    queued: u64,
    now: u64,
    network: Rng,
    disks: Rng,
    timers: Rng,
    armed: BTreeMap<(NodeId, N::Timer), u64>,
    flushing: BTreeMap<NodeId, bool>,
    paused: BTreeMap<NodeId, u64>,
    recorder: Recorder,
    moments: Vec<Moment<N>>,
}

/// Runs a model under a plan. Equal seeds give equal runs.
pub fn simulate<N, G>(
    model: &Model<N, G>,
    plan: &Plan,
    seed: u64,
    title: &str,
) -> (Run<N, G>, Recorder)
where
    N: Node,
    G: Clone + Eq + std::hash::Hash + Default,
{
    let stage = model.stage(Wire::Bag, true);
    let mut rng = Rng::new(seed);
    let mut asked = Asked { sent: Vec::new(), timers: Vec::new() };
    let mut recorder = Recorder::new(title, &stage);
    let world = World::new(Arc::clone(&stage), &mut Both(&mut asked, &mut recorder));
    let mut simulator = Simulator {
        model,
        plan,
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
        moments: Vec::new(),
    };
    simulator.serve(asked);
    for fault in &plan.faults {
        simulator.enqueue(fault.at(), Due::Fault(fault.clone()));
    }
    let broken = simulator.run();
    let Simulator { world, moments, recorder, now, .. } = simulator;
    let settled = (model.goal)(&world);
    (Run { moments, broken, settled, world, time: now }, recorder)
}

impl<N, G> Simulator<'_, N, G>
where
    N: Node,
    G: Clone + Eq + std::hash::Hash + Default,
{
    fn run(&mut self) -> Option<Broken> {
        while let Some(((time, _), due)) = self.queue.pop_first() {
            let quiet = self.plan.faults_end() < time && (self.model.goal)(&self.world);
            if time > self.plan.end || quiet {
                return None;
            }
            self.now = time;
            Observer::<N, G>::time(&mut self.recorder, time);
            self.happen(due);
            if let Some(broken) = self.model.broken(&self.world) {
                self.recorder.violation(broken.property, &broken.why);
                return Some(broken);
            }
        }
        None
    }

    fn happen(&mut self, due: Due<N>) {
        match due {
            Due::Fault(fault) => self.fault(&fault),
            Due::Back(node, wiped) => {
                if wiped {
                    self.act(Action::new(What::Wipe(node)));
                }
                self.act(Action::new(What::Restart(node)));
            }
            Due::Timer(node, timer, number) => {
                let current = self.armed.get(&(node, timer.clone())) == Some(&number);
                if let Some(until) = self.paused_until(node) {
                    self.enqueue(until, Due::Timer(node, timer, number));
                } else if current {
                    self.act(Action::new(What::Timeout(node, timer)));
                }
            }
            Due::Act(action) => self.due_action(action),
        }
    }

    fn due_action(&mut self, action: Action<N>) {
        if let Some(until) = action.what.node().and_then(|node| self.paused_until(node)) {
            self.enqueue(until, Due::Act(action));
            return;
        }
        match &action.what {
            What::Flush(node) => {
                self.flushing.insert(*node, false);
                self.act(action);
            }
            What::Deliver { envelope, .. }
                if self.plan.is_cut(self.now, envelope.from, envelope.to) =>
            {
                let lost = What::Lose(Arc::clone(envelope));
                self.act(Action::new(lost));
            }
            _ => self.act(action),
        }
    }

    fn fault(&mut self, fault: &Fault) {
        match fault {
            Fault::Crash { node, back, wiped, forget, .. } => {
                self.flushing.insert(*node, false);
                self.act(Action::new(What::Crash { node: *node, forget: *forget }));
                if let Some(after) = back {
                    self.enqueue(self.now + after, Due::Back(*node, *wiped));
                }
            }
            Fault::Pause { node, lasts, .. } => {
                self.paused.insert(*node, self.now + lasts);
                self.tell(*node, "pauses");
            }
            Fault::Cut { from, to, both, .. } => {
                let word = if *both { "is cut off from" } else { "no longer reaches" };
                let other = self.name(*to);
                self.tell(*from, &format!("{word} {other}"));
            }
            Fault::Drift { node, parts_per_million } => {
                self.tell(*node, &format!("has a clock that is off by {parts_per_million} ppm"));
            }
        }
    }

    /// Applies an action, if it is still possible, and serves what it asked for.
    fn act(&mut self, action: Action<N>) {
        if !self.world.can(&action.what) {
            return;
        }
        let node = action.what.node();
        if let (What::Crash { .. }, Some(node)) = (&action.what, node) {
            self.armed.retain(|(owner, _), _| *owner != node);
        }
        let clock = self.plan.clock(node.unwrap_or(NodeId(0)), self.now);
        let mut asked = Asked { sent: Vec::new(), timers: Vec::new() };
        let mut both = Both(&mut asked, &mut self.recorder);
        self.world.apply(&action, Duration::from_micros(clock), &mut both);
        self.moments.push(Moment { time: self.now, action });
        self.serve(asked);
    }

    /// Decides when what was asked for will happen.
    fn serve(&mut self, asked: Asked<N>) {
        for envelope in asked.sent {
            self.travel(envelope);
        }
        for (node, timer, after) in asked.timers {
            self.queued += 1;
            let number = self.queued;
            let Some(after) = after else {
                self.armed.remove(&(node, timer));
                continue;
            };
            self.armed.insert((node, timer.clone()), number);
            let micros = after.start.as_micros() as u64..after.end.as_micros() as u64;
            let wait = self.plan.real_time(node, self.timers.pick(micros));
            self.enqueue(self.now + wait, Due::Timer(node, timer, number));
        }
        let roles: Vec<NodeId> = self.model.roles.iter().map(|role| role.id).collect();
        for node in roles {
            let host = self.world.host(node);
            let (own, queue) = (!host.own.is_empty(), !host.queue.is_empty());
            if own {
                self.enqueue(self.now, Due::Act(Action::new(What::Own(node))));
            }
            if queue && !self.flushing.get(&node).copied().unwrap_or(false) {
                self.flushing.insert(node, true);
                let done = self.now + self.disks.pick(self.plan.weather.disk.clone());
                self.enqueue(done, Due::Act(Action::new(What::Flush(node))));
            }
        }
    }

    /// Sends a message on its way, through the weather.
    fn travel(&mut self, envelope: Envelope<N::Msg>) {
        let envelope = Arc::new(envelope);
        let weather = &self.plan.weather;
        let arrives = self.now + self.network.pick(weather.latency.clone());
        let lost = self.network.chance(weather.loss);
        let doubled = self.network.chance(weather.duplicates);
        let later = arrives + self.network.pick(weather.latency.clone());
        let what = if lost {
            What::Lose(Arc::clone(&envelope))
        } else {
            What::Deliver { envelope: Arc::clone(&envelope), keep: doubled }
        };
        self.enqueue(arrives, Due::Act(Action::new(what)));
        if doubled && !lost {
            let again = What::Deliver { envelope, keep: false };
            self.enqueue(later, Due::Act(Action::new(again)));
        }
    }

    fn enqueue(&mut self, time: u64, due: Due<N>) {
        self.queued += 1;
        self.queue.insert((time, self.queued), due);
    }

    fn paused_until(&self, node: NodeId) -> Option<u64> {
        self.paused.get(&node).copied().filter(|until| *until > self.now)
    }

    fn name(&self, id: NodeId) -> &'static str {
        self.model.roles.iter().find(|role| role.id == id).map_or("?", |role| role.name)
    }

    fn tell(&mut self, node: NodeId, what: &str) {
        let name = self.name(node);
        self.recorder.fault(name, what);
    }
}
