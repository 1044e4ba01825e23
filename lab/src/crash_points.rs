//! Every crash point of one run, and every message of it lost or duplicated.
//!
//! A run without faults is a list of effects. Crash a process after the first of them, let everything
//! go on, bring it back, and see how it ended; then after the second; and so on. That is dozens of
//! runs where [`crate::explore`] has tens of thousands of states, and each has a name a reader can
//! point at: *coord dies after it wrote the decision*.
//!
//! # Left out
//!
//! Other orders of events: between two faults everything is delivered first link first. The explorer
//! tries the others.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::explore::{Broken, Model};
use crate::node::{NodeId, Protocol};
use crate::world::{Action, Event, Ghost, Observer, Transition, Wire, World};

/// Rounds of all armed timers after which a world that has not reached its goal counts as stuck.
const PATIENCE: usize = 12;
/// Actions after which a run is broken off: no run of a small world is so long.
const MOST_ACTIONS: usize = 10_000;

/// What goes wrong in a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InjectedFault {
    /// A process dies after one of its effects. It comes back later.
    Crash {
        /// Its name.
        node: &'static str,
        /// The last effect, in words; empty: it dies before it did anything.
        after: String,
    },
    /// A message never arrives.
    Lost(String),
    /// A message arrives a second time, when everything is over.
    Again(String),
}

/// How a run with a fault ended.
#[derive(Clone, Debug)]
pub struct Outcome<P: Protocol, G> {
    /// The fault.
    pub fault: InjectedFault,
    /// Whether the others reached the goal while the process was down.
    pub others_go_on: bool,
    /// A property that did not hold on the way.
    pub broken: Option<Broken>,
    /// Whether the goal was reached in the end, with all processes back.
    pub settled: bool,
    /// The world in the end.
    pub world: World<P, G>,
}

/// What became of all pairs of crashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pairs {
    /// How many runs.
    pub runs: usize,
    /// In how many a property did not hold.
    pub broken: usize,
    /// How many did not reach the goal with all processes back.
    pub unsettled: usize,
}

/// A run that goes on by itself.
#[derive(Clone)]
struct Walk<'a, P: Protocol, G> {
    model: &'a Model<P, G>,
    world: World<P, G>,
    broken: Option<Broken>,
}

/// One effect of the run without faults.
struct Effected {
    node: NodeId,
    action: usize,
    cut: usize,
    text: String,
}

impl<'a, P: Protocol, G: Ghost> Walk<'a, P, G> {
    fn new(model: &'a Model<P, G>) -> Self {
        let world = World::new(model.topology(Wire::Bag, false), &mut ());
        Self { model, world, broken: None }
    }

    fn apply(&mut self, action: &Action<P>) -> usize {
        let before = self.world.clone();
        let cut_points = self.world.apply(action, Duration::ZERO, &mut ());
        if self.broken.is_none() {
            let step = self.model.broken_step(&before, action, &self.world);
            self.broken = step.or_else(|| self.model.broken(&self.world));
        }
        cut_points
    }

    fn follow(&mut self, actions: &[Action<P>]) {
        for action in actions {
            self.apply(action);
        }
    }

    fn crash(&mut self, node: NodeId) {
        self.apply(&Action::new(Transition::Crash { node, forget: 0 }));
    }

    fn restart(&mut self, node: NodeId) {
        self.apply(&Action::new(Transition::Restart(node)));
    }

    /// Lets everything happen that is under way, then timers, until the goal is reached. `each`
    /// sees the run before every action. Returns whether the goal was reached.
    fn finish(&mut self, mut each: impl FnMut(&Self, &Transition<P>)) -> bool {
        let mut rounds = 0;
        for _ in 0..MOST_ACTIONS {
            if let Some(transition) = self.world.next_delivery() {
                each(self, &transition);
                self.apply(&Action::new(transition));
                continue;
            }
            if (self.model.goal)(&self.world) {
                return true;
            }
            rounds += 1;
            if rounds > PATIENCE {
                return false;
            }
            for transition in self.armed() {
                if self.world.can(&transition) {
                    each(self, &transition);
                    self.apply(&Action::new(transition));
                }
            }
        }
        false
    }

    fn armed(&self) -> Vec<Transition<P>> {
        let up = self.world.nodes().map(|(id, _)| id);
        let timers =
            |id| self.world.host(id).timers.iter().map(move |t| Transition::Timeout(id, t.clone()));
        up.flat_map(timers).collect()
    }
}

/// Describes the effects of one action as they are carried out: one text for each cut point.
#[derive(Default)]
struct EffectsInWords(Vec<String>);

impl<P: Protocol, G: Ghost> Observer<P, G> for EffectsInWords {
    fn see(&mut self, _at: NodeId, event: &Event<'_, P>, world: &World<P, G>) {
        match event {
            Event::Send(envelope) => {
                self.0.push(format!("{} to {}", envelope.msg, world.topology().name(envelope.to)));
            }
            Event::Persist(record) => self.0.push(record.to_string()),
            Event::Note(note) => self.0.push(note.to_string()),
            Event::Discard => self.0.push("records discarded".into()),
            _ => {}
        }
    }
}

/// The run without faults: its actions, and its effects in order.
fn plain<P: Protocol, G: Ghost>(model: &Model<P, G>) -> (Vec<Action<P>>, Vec<Effected>) {
    let mut actions = Vec::new();
    let reached =
        Walk::new(model).finish(|_, transition| actions.push(Action::new(transition.clone())));
    assert!(reached, "without faults the goal is reached");
    let mut world = World::new(model.topology(Wire::Bag, false), &mut ());
    let mut effects = Vec::new();
    for (i, action) in actions.iter().enumerate() {
        let before = world.clone();
        let cut_points = world.apply(action, Duration::ZERO, &mut ());
        let Some(node) = action.transition.node() else { continue };
        // Marks and connections show nothing when they are carried out: not every cut has words.
        let mut known = 0;
        for cut in 1..=cut_points {
            let mut words = EffectsInWords::default();
            let action = Action { transition: action.transition.clone(), cut: Some(cut) };
            before.clone().apply(&action, Duration::ZERO, &mut words);
            if words.0.len() > known {
                known = words.0.len();
                let text = words.0.pop().expect("one more than before");
                effects.push(Effected { node, action: i, cut, text });
            }
        }
    }
    (actions, effects)
}

/// A walk along the plain run up to one action, which is cut.
fn cut_at<'a, P: Protocol, G: Ghost>(
    model: &'a Model<P, G>,
    actions: &[Action<P>],
    at: usize,
    cut: usize,
) -> Walk<'a, P, G> {
    let mut walk = Walk::new(model);
    walk.follow(&actions[..at]);
    walk.apply(&Action { transition: actions[at].transition.clone(), cut: Some(cut) });
    walk
}

/// One crash, at each point of the run without faults, of each process that may crash.
#[must_use]
pub fn crashes<P: Protocol, G: Ghost>(model: &Model<P, G>) -> Vec<Outcome<P, G>> {
    let (actions, effects) = plain(model);
    let mut outcomes = Vec::new();
    for role in model.roles.iter().filter(|role| role.may_crash) {
        let mut walk = Walk::new(model);
        walk.crash(role.id);
        outcomes.push(outcome(
            walk,
            role.id,
            InjectedFault::Crash { node: role.name, after: String::new() },
        ));
        for effect in effects.iter().filter(|effect| effect.node == role.id) {
            let walk = cut_at(model, &actions, effect.action, effect.cut);
            let fault = InjectedFault::Crash { node: role.name, after: effect.text.clone() };
            outcomes.push(outcome(walk, role.id, fault));
        }
    }
    outcomes
}

fn outcome<P: Protocol, G: Ghost>(
    mut walk: Walk<'_, P, G>,
    down: NodeId,
    fault: InjectedFault,
) -> Outcome<P, G> {
    let others_go_on = walk.finish(|_, _| {});
    walk.restart(down);
    let settled = walk.finish(|_, _| {});
    Outcome { fault, others_go_on, broken: walk.broken, settled, world: walk.world }
}

/// Each message of the run without faults: lost once, and delivered once more at the very end.
#[must_use]
pub fn messages<P: Protocol, G: Ghost>(model: &Model<P, G>) -> Vec<Outcome<P, G>> {
    let names: BTreeMap<NodeId, &str> = model.roles.iter().map(|r| (r.id, r.name)).collect();
    let (actions, _) = plain(model);
    let mut outcomes = Vec::new();
    for (i, action) in actions.iter().enumerate() {
        let Transition::Deliver { envelope, .. } = &action.transition else { continue };
        let text = format!("{} to {}", envelope.msg, names[&envelope.to]);
        let mut before = Walk::new(model);
        before.follow(&actions[..i]);
        let mut lost = before.clone();
        lost.apply(&Action::new(Transition::Lose(envelope.clone())));
        let settled = lost.finish(|_, _| {});
        outcomes.push(ended(lost, InjectedFault::Lost(text.clone()), settled));
        let mut again = before;
        again.apply(&Action::new(Transition::Deliver { envelope: envelope.clone(), keep: true }));
        // The copy waits: it is not among what is under way until all else is over.
        again.apply(&Action::new(Transition::Lose(envelope.clone())));
        again.finish(|_, _| {});
        again.world.resend((**envelope).clone());
        let settled = again.finish(|_, _| {});
        outcomes.push(ended(again, InjectedFault::Again(text), settled));
    }
    outcomes
}

fn ended<P: Protocol, G: Ghost>(
    walk: Walk<'_, P, G>,
    fault: InjectedFault,
    settled: bool,
) -> Outcome<P, G> {
    Outcome { fault, others_go_on: settled, broken: walk.broken, settled, world: walk.world }
}

/// Two crashes: the first at each point of the run without faults, the second at each point of what
/// follows once the first is back.
#[must_use]
pub fn pairs<P: Protocol, G: Ghost>(model: &Model<P, G>) -> Pairs {
    let (actions, effects) = plain(model);
    let may_crash = |id| model.roles.iter().any(|role| role.id == id && role.may_crash);
    let mut pairs = Pairs::default();
    for effect in effects.iter().filter(|effect| may_crash(effect.node)) {
        let mut first = cut_at(model, &actions, effect.action, effect.cut);
        first.restart(effect.node);
        first.finish(|walk, transition| {
            let Some(node) = transition.node().filter(|id| may_crash(*id)) else { return };
            let cut_points = walk.clone().apply(&Action::new(transition.clone()));
            for cut in 1..=cut_points {
                let mut second = walk.clone();
                second.apply(&Action { transition: transition.clone(), cut: Some(cut) });
                second.restart(node);
                pairs.unsettled += usize::from(!second.finish(|_, _| {}));
                pairs.broken += usize::from(second.broken.is_some());
                pairs.runs += 1;
            }
        });
    }
    pairs
}
