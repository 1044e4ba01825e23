//! Every crash point of one run, and every message of it lost or doubled.
//!
//! A run without faults is a list of effects. Crash a process after the first of them, let everything
//! go on, bring it back, and see how it ended; then after the second; and so on. That is dozens of
//! runs where [`crate::explore`] has tens of thousands of states, and each has a name a reader can
//! point at: *coord dies after it wrote the decision*.
//!
//! # Left out
//!
//! Other orders of events: between two faults everything is delivered oldest link first. The explorer
//! tries the others.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::time::Duration;

use crate::event::Kind;
use crate::explore::{Broken, Model};
use crate::node::{Node, NodeId};
use crate::record::Recorder;
use crate::world::{Action, What, Wire, World};

/// Rounds of all armed timers after which a world that has not reached its goal is taken to wait.
const PATIENCE: usize = 12;
/// Actions after which a run is broken off: no run of a small world is so long.
const MOST_ACTIONS: usize = 10_000;

/// What goes wrong in a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mishap {
    /// A process dies after one of its effects; the text is that effect. It comes back later.
    Crash {
        /// Who.
        who: &'static str,
        /// What it did last; empty: it dies before it did anything.
        after: String,
    },
    /// A message never arrives.
    Lost(String),
    /// A message arrives a second time, when everything is over.
    Again(String),
}

/// How a run with a mishap ended.
#[derive(Clone, Debug)]
pub struct Fate<N: Node, G> {
    /// What went wrong.
    pub mishap: Mishap,
    /// Whether the others reached the goal while the process was down.
    pub others_go_on: bool,
    /// A property that did not hold on the way.
    pub broken: Option<Broken>,
    /// Whether the goal was reached in the end, with everybody back.
    pub settled: bool,
    /// The world in the end.
    pub world: World<N, G>,
}

/// What became of all pairs of crashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pairs {
    /// How many runs.
    pub runs: usize,
    /// In how many a property did not hold.
    pub broken: usize,
    /// How many did not reach the goal with everybody back.
    pub unsettled: usize,
}

/// A run that goes on by itself.
#[derive(Clone)]
struct Walk<'a, N: Node, G> {
    model: &'a Model<N, G>,
    world: World<N, G>,
    broken: Option<Broken>,
}

/// One effect of the run without faults.
struct Effected {
    node: NodeId,
    action: usize,
    cut: usize,
    text: String,
}

impl<'a, N, G> Walk<'a, N, G>
where
    N: Node,
    G: Clone + Eq + Hash + Default,
{
    fn new(model: &'a Model<N, G>) -> Self {
        let world = World::new(model.stage(Wire::Bag, false), &mut ());
        Self { model, world, broken: None }
    }

    fn apply(&mut self, action: &Action<N>) -> usize {
        let effects = self.world.apply(action, Duration::ZERO, &mut ());
        if self.broken.is_none() {
            self.broken = self.model.broken(&self.world);
        }
        effects
    }

    fn follow(&mut self, actions: &[Action<N>]) {
        for action in actions {
            self.apply(action);
        }
    }

    fn crash(&mut self, node: NodeId) {
        self.apply(&Action::new(What::Crash { node, forget: 0 }));
    }

    fn restart(&mut self, node: NodeId) {
        self.apply(&Action::new(What::Restart(node)));
    }

    /// What is under way: a message to itself first, then the oldest link.
    fn next(&self) -> Option<What<N>> {
        let mut ids = self.world.nodes().map(|(id, _)| id);
        if let Some(id) = ids.find(|id| !self.world.host(*id).own.is_empty()) {
            return Some(What::Own(id));
        }
        let envelope = self.world.network().in_flight().next()?.clone();
        Some(What::Deliver { envelope, keep: false })
    }

    /// Lets everything happen that is under way, then timers, until the goal is reached. `each` sees
    /// the run before every action. Says whether the goal was reached.
    fn finish(&mut self, mut each: impl FnMut(&Self, &What<N>)) -> bool {
        let mut rounds = 0;
        for _ in 0..MOST_ACTIONS {
            if let Some(what) = self.next() {
                each(self, &what);
                self.apply(&Action::new(what));
                continue;
            }
            if (self.model.goal)(&self.world) {
                return true;
            }
            rounds += 1;
            if rounds > PATIENCE {
                return false;
            }
            for what in self.armed() {
                if self.world.can(&what) {
                    each(self, &what);
                    self.apply(&Action::new(what));
                }
            }
        }
        false
    }

    fn armed(&self) -> Vec<What<N>> {
        let up = self.world.nodes().map(|(id, _)| id);
        let timers =
            |id| self.world.host(id).timers.iter().map(move |t| What::Timeout(id, t.clone()));
        up.flat_map(timers).collect()
    }
}

/// The run without faults: its actions, and its effects in order.
fn plain<N, G>(model: &Model<N, G>) -> (Vec<Action<N>>, Vec<Effected>)
where
    N: Node,
    G: Clone + Eq + Hash + Default,
{
    let mut actions = Vec::new();
    let reached = Walk::new(model).finish(|_, what| actions.push(Action::new(what.clone())));
    assert!(reached, "without faults the goal is reached");
    let stage = model.stage(Wire::Bag, false);
    let mut recorder = Recorder::new("", &stage);
    let mut world = World::new(stage, &mut recorder);
    let mut effects = Vec::new();
    for (i, action) in actions.iter().enumerate() {
        let before = recorder.len();
        world.apply(action, Duration::ZERO, &mut recorder);
        let Some(node) = action.what.node() else { continue };
        let events = recorder.clone().into_log().events;
        let of_effects = events[before..]
            .iter()
            .filter(|e| matches!(e.kind, Kind::Send | Kind::Persist | Kind::Note));
        for (k, event) in of_effects.enumerate() {
            let peer = event.peer.as_ref().map_or_else(String::new, |peer| format!(" to {peer}"));
            let text = format!("{}{peer}", event.text);
            effects.push(Effected { node, action: i, cut: k + 1, text });
        }
    }
    (actions, effects)
}

/// A walk along the plain run up to one action, which is cut.
fn cut_at<'a, N, G>(
    model: &'a Model<N, G>,
    actions: &[Action<N>],
    at: usize,
    cut: usize,
) -> Walk<'a, N, G>
where
    N: Node,
    G: Clone + Eq + Hash + Default,
{
    let mut walk = Walk::new(model);
    walk.follow(&actions[..at]);
    walk.apply(&Action { what: actions[at].what.clone(), cut: Some(cut) });
    walk
}

/// One crash, at each point of the run without faults, of each process that may crash.
#[must_use]
pub fn crashes<N, G>(model: &Model<N, G>) -> Vec<Fate<N, G>>
where
    N: Node,
    G: Clone + Eq + Hash + Default,
{
    let (actions, effects) = plain(model);
    let mut fates = Vec::new();
    for role in model.roles.iter().filter(|role| role.may_crash) {
        let mut walk = Walk::new(model);
        walk.crash(role.id);
        fates.push(fate(walk, role.id, Mishap::Crash { who: role.name, after: String::new() }));
        for effect in effects.iter().filter(|effect| effect.node == role.id) {
            let walk = cut_at(model, &actions, effect.action, effect.cut);
            let mishap = Mishap::Crash { who: role.name, after: effect.text.clone() };
            fates.push(fate(walk, role.id, mishap));
        }
    }
    fates
}

fn fate<N, G>(mut walk: Walk<'_, N, G>, down: NodeId, mishap: Mishap) -> Fate<N, G>
where
    N: Node,
    G: Clone + Eq + Hash + Default,
{
    let others_go_on = walk.finish(|_, _| {});
    walk.restart(down);
    let settled = walk.finish(|_, _| {});
    Fate { mishap, others_go_on, broken: walk.broken, settled, world: walk.world }
}

/// Each message of the run without faults: lost once, and delivered once more at the very end.
#[must_use]
pub fn messages<N, G>(model: &Model<N, G>) -> Vec<Fate<N, G>>
where
    N: Node,
    G: Clone + Eq + Hash + Default,
{
    let names: BTreeMap<NodeId, &str> = model.roles.iter().map(|r| (r.id, r.name)).collect();
    let (actions, _) = plain(model);
    let mut fates = Vec::new();
    for (i, action) in actions.iter().enumerate() {
        let What::Deliver { envelope, .. } = &action.what else { continue };
        let text = format!("{} to {}", envelope.msg, names[&envelope.to]);
        let mut before = Walk::new(model);
        before.follow(&actions[..i]);
        let mut lost = before.clone();
        lost.apply(&Action::new(What::Lose(envelope.clone())));
        let settled = lost.finish(|_, _| {});
        fates.push(ended(lost, Mishap::Lost(text.clone()), settled));
        let mut again = before;
        again.apply(&Action::new(What::Deliver { envelope: envelope.clone(), keep: true }));
        // The copy waits: it is not among what is under way until all else is over.
        again.apply(&Action::new(What::Lose(envelope.clone())));
        again.finish(|_, _| {});
        again.world.resend((**envelope).clone());
        let settled = again.finish(|_, _| {});
        fates.push(ended(again, Mishap::Again(text), settled));
    }
    fates
}

fn ended<N, G>(walk: Walk<'_, N, G>, mishap: Mishap, settled: bool) -> Fate<N, G>
where
    N: Node,
    G: Clone,
{
    Fate { mishap, others_go_on: settled, broken: walk.broken, settled, world: walk.world }
}

/// Two crashes: the first at each point of the run without faults, the second at each point of what
/// follows once the first is back.
#[must_use]
pub fn pairs<N, G>(model: &Model<N, G>) -> Pairs
where
    N: Node,
    G: Clone + Eq + Hash + Default,
{
    let (actions, effects) = plain(model);
    let may_crash = |id| model.roles.iter().any(|role| role.id == id && role.may_crash);
    let mut pairs = Pairs::default();
    for effect in effects.iter().filter(|effect| may_crash(effect.node)) {
        let mut first = cut_at(model, &actions, effect.action, effect.cut);
        first.restart(effect.node);
        first.finish(|walk, what| {
            let Some(node) = what.node().filter(|id| may_crash(*id)) else { return };
            let apart = walk.clone().apply(&Action::new(what.clone()));
            for cut in 1..=apart {
                let mut second = walk.clone();
                second.apply(&Action { what: what.clone(), cut: Some(cut) });
                second.restart(node);
                pairs.unsettled += usize::from(!second.finish(|_, _| {}));
                pairs.broken += usize::from(second.broken.is_some());
                pairs.runs += 1;
            }
        });
    }
    pairs
}
