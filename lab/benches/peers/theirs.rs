//! The classic model again, as a stateright model.

use std::collections::BTreeSet;

use stateright::{Model, Property};

pub(crate) struct Commit {
    pub(crate) managers: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Phase {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Msg {
    Prepared(usize),
    Commit,
    Abort,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World {
    decision: Phase,
    heard: Vec<bool>,
    resources: Vec<Phase>,
    sent: BTreeSet<Msg>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Action {
    Commit,
    Abort,
    Hear(usize),
    Prepare(usize),
    GiveUp(usize),
    Obey(usize, Phase),
}

impl Model for Commit {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            decision: Phase::Working,
            heard: vec![false; self.managers],
            resources: vec![Phase::Working; self.managers],
            sent: BTreeSet::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let open = world.decision == Phase::Working;
        if open && world.heard.iter().all(|heard| *heard) {
            actions.push(Action::Commit);
        }
        if open {
            actions.push(Action::Abort);
        }
        for (i, phase) in world.resources.iter().enumerate() {
            if open && world.sent.contains(&Msg::Prepared(i)) {
                actions.push(Action::Hear(i));
            }
            if *phase == Phase::Working {
                actions.extend([Action::Prepare(i), Action::GiveUp(i)]);
            }
            if world.sent.contains(&Msg::Commit) {
                actions.push(Action::Obey(i, Phase::Committed));
            }
            if world.sent.contains(&Msg::Abort) {
                actions.push(Action::Obey(i, Phase::Aborted));
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Commit => {
                next.decision = Phase::Committed;
                next.sent.insert(Msg::Commit);
            }
            Action::Abort => {
                next.decision = Phase::Aborted;
                next.sent.insert(Msg::Abort);
            }
            Action::Hear(i) => next.heard[i] = true,
            Action::Prepare(i) => {
                next.resources[i] = Phase::Prepared;
                next.sent.insert(Msg::Prepared(i));
            }
            Action::GiveUp(i) => next.resources[i] = Phase::Aborted,
            Action::Obey(i, phase) => next.resources[i] = phase,
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::sometimes("all commit", |_, world: &World| world.all(Phase::Committed)),
            Property::sometimes("all abort", |_, world: &World| world.all(Phase::Aborted)),
            Property::always("consistent", |_, world: &World| {
                !(world.resources.contains(&Phase::Committed)
                    && world.resources.contains(&Phase::Aborted))
            }),
        ]
    }
}

impl World {
    fn all(&self, phase: Phase) -> bool {
        self.resources.iter().all(|other| *other == phase)
    }
}
