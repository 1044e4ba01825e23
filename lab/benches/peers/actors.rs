//! The same nodes once more, as stateright actors behind stateright's network: what an explorer costs
//! that runs the node at every step.
//!
//! Messages are used up when they are delivered. Stateright's other network, on which they stay, also
//! remembers which message came last, and so tells states apart that ours counts as one (489, not 288).

use std::borrow::Cow;
use std::collections::BTreeSet;

use stateright::Expectation;
use stateright::actor::{Actor, ActorModel, Id, Network, Out, model_timeout};

/// The coordinator is actor 0, the resource managers follow.
#[derive(Clone, Debug)]
pub(crate) enum Party {
    Coordinator { managers: usize },
    Manager,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Phase {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum State {
    Coordinator { phase: Phase, prepared: BTreeSet<Id> },
    Manager(Phase),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Msg {
    Prepared,
    Commit,
    Abort,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Timer {
    Prepare,
    Abort,
    Commit,
}

impl Actor for Party {
    type Msg = Msg;
    type Timer = Timer;
    type State = State;
    type Storage = ();
    type Random = ();

    fn on_start(&self, _id: Id, _storage: &Option<()>, out: &mut Out<Self>) -> State {
        out.set_timer(Timer::Abort, model_timeout());
        match self {
            Self::Coordinator { .. } => {
                State::Coordinator { phase: Phase::Working, prepared: BTreeSet::new() }
            }
            Self::Manager => {
                out.set_timer(Timer::Prepare, model_timeout());
                State::Manager(Phase::Working)
            }
        }
    }

    fn on_msg(&self, _: Id, state: &mut Cow<'_, State>, src: Id, msg: Msg, out: &mut Out<Self>) {
        match self {
            Self::Coordinator { managers } => {
                // Written to even if it is ignored: an actor that does nothing has not taken the message.
                let State::Coordinator { phase, prepared } = state.to_mut() else { return };
                if *phase == Phase::Working {
                    prepared.insert(src);
                    if prepared.len() == *managers {
                        out.set_timer(Timer::Commit, model_timeout());
                    }
                }
            }
            Self::Manager => {
                let after = match msg {
                    Msg::Commit => Phase::Committed,
                    Msg::Abort | Msg::Prepared => Phase::Aborted,
                };
                *state.to_mut() = State::Manager(after);
                out.cancel_timer(Timer::Prepare);
                out.cancel_timer(Timer::Abort);
            }
        }
    }

    fn on_timeout(&self, _: Id, state: &mut Cow<'_, State>, timer: &Timer, out: &mut Out<Self>) {
        match (self, state.to_mut()) {
            (Self::Coordinator { managers }, State::Coordinator { phase, .. }) => {
                out.cancel_timer(Timer::Abort);
                out.cancel_timer(Timer::Commit);
                let (decided, word) = match timer {
                    Timer::Commit => (Phase::Committed, Msg::Commit),
                    Timer::Abort | Timer::Prepare => (Phase::Aborted, Msg::Abort),
                };
                *phase = decided;
                (1..=*managers).for_each(|manager| out.send(Id::from(manager), word));
            }
            (Self::Manager, State::Manager(phase)) => {
                out.cancel_timer(Timer::Prepare);
                out.cancel_timer(Timer::Abort);
                *phase = match timer {
                    Timer::Prepare => Phase::Prepared,
                    Timer::Abort | Timer::Commit => Phase::Aborted,
                };
                if *timer == Timer::Prepare {
                    out.send(Id::from(0), Msg::Prepared);
                }
            }
            _ => unreachable!("each party has a state of its own kind"),
        }
    }
}

fn phases(states: &[std::sync::Arc<State>]) -> impl Iterator<Item = Phase> + '_ {
    states.iter().filter_map(|state| match **state {
        State::Manager(phase) => Some(phase),
        State::Coordinator { .. } => None,
    })
}

/// The model with so many resource managers.
pub(crate) fn model(managers: usize) -> ActorModel<Party> {
    ActorModel::new((), ())
        .actor(Party::Coordinator { managers })
        .actors((0..managers).map(|_| Party::Manager))
        .init_network(Network::new_unordered_nonduplicating([]))
        .property(Expectation::Sometimes, "all commit", |_, state| {
            phases(&state.actor_states).all(|phase| phase == Phase::Committed)
        })
        .property(Expectation::Sometimes, "all abort", |_, state| {
            phases(&state.actor_states).all(|phase| phase == Phase::Aborted)
        })
        .property(Expectation::Always, "consistent", |_, state| {
            let any = |wanted| phases(&state.actor_states).any(|phase| phase == wanted);
            !(any(Phase::Committed) && any(Phase::Aborted))
        })
}
