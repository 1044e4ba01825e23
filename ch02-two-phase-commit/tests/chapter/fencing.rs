//! Each of the two fences by itself is not enough: without the store's, a sleeper's decision is
//! written after all; without the participants', what it does not know is answered *abort*.

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::deeper::{Msg as Deeper, fencing};
use ch02_two_phase_commit::shop;
use ch02_two_phase_commit::step3_log_first as step3;
use ch02_two_phase_commit::types::{Account, COORD, Msg, Note, Record, Timer, TxId};
use ch02_two_phase_commit::worlds::{Scope, model};
use lab::explore::{Limits, explore};
use lab::node::{Effect, inner};
use lab::{Cx, Input, Node, NodeId};

/// A coordinator or store. As a store it takes whatever is written for the newest epoch's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Careless {
    inner: fencing::Coordinator,
    newest: u64,
}

impl Node for Careless {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        let input = match input {
            Input::Message { from, msg: Msg::Deeper(Deeper::TakeOver { epoch }) } => {
                self.newest = self.newest.max(epoch);
                Input::Message { from, msg: Msg::Deeper(Deeper::TakeOver { epoch }) }
            }
            Input::Message { from, msg: Msg::Deeper(Deeper::Write { record, .. }) } => {
                let msg = Msg::Deeper(Deeper::Write { epoch: self.newest, record });
                Input::Message { from, msg }
            }
            other => other,
        };
        inner(&mut self.inner, input, cx).into_iter().for_each(|effect| cx.push(effect));
    }
}

impl shop::Coordinator for Careless {
    const BESIDE: &'static [(NodeId, &'static str)] = fencing::Coordinator::BESIDE;
    const DOORS: &'static [NodeId] = fencing::Coordinator::DOORS;

    fn new() -> Self {
        Self { inner: shop::Coordinator::new(), newest: 0 }
    }
}

impl shop::Part for Careless {
    fn in_doubt(&self) -> Vec<TxId> {
        self.inner.in_doubt()
    }

    fn line(&self) -> String {
        self.inner.line()
    }
}

/// A participant that listens to everybody.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Trusting(step3::Participant);

impl Node for Trusting {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        let input = match input {
            Input::Message { from, msg: Msg::Deeper(Deeper::Fenced { msg, .. }) } => {
                Input::Message { from, msg: *msg }
            }
            other => other,
        };
        for effect in inner(&mut self.0, input, cx) {
            if let Effect::Send { msg: Msg::Inquire { tx }, .. } = effect {
                cx.send(COORD, Msg::Inquire { tx });
                cx.send(fencing::COORD_2, Msg::Inquire { tx });
            } else {
                cx.push(effect);
            }
        }
    }
}

impl shop::Participant for Trusting {
    fn new(accounts: Accounts) -> Self {
        Self(shop::Participant::new(accounts))
    }

    fn accounts(&self) -> &Accounts {
        shop::Participant::accounts(&self.0)
    }

    fn locked(&self) -> Vec<Account> {
        shop::Participant::locked(&self.0)
    }
}

impl shop::Part for Trusting {
    fn in_doubt(&self) -> Vec<TxId> {
        shop::Part::in_doubt(&self.0)
    }

    fn line(&self) -> String {
        shop::Part::line(&self.0)
    }
}

/// The shortest way to break AC1 when nobody crashes: with three timers a client asks the other
/// one, that one takes over, and a participant asks both.
fn shortest<C: shop::Coordinator, P: shop::Participant>() -> Option<usize> {
    let limits = Limits { timeouts: Some(3), states: 400_000, ..Limits::safety(0) };
    let report = explore(&model::<C, P>(Scope::ONE_ORDER, &["AC1"]), &limits);
    assert!(!report.gave_up, "more than {} states", limits.states);
    report.violation.map(|violation| violation.path.len())
}

#[test]
fn with_both_fences_the_sleeper_changes_nothing() {
    assert_eq!(shortest::<fencing::Coordinator, fencing::Participant<step3::Participant>>(), None);
}

#[test]
fn a_store_without_a_fence_writes_what_the_sleeper_decides() {
    assert_eq!(shortest::<Careless, fencing::Participant<step3::Participant>>(), Some(16));
}

#[test]
fn a_participant_without_a_fence_believes_the_sleeper() {
    assert_eq!(shortest::<fencing::Coordinator, Trusting>(), Some(17));
}
