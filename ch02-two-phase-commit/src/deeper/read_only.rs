//! Deeper: may somebody who only looked leave early?
//!
//! A participant that changes nothing has nothing to commit. It can say what it saw, let go of its
//! locks at once, write nothing and hear no more of it: the *read-only vote* of Mohan, Lindsay and
//! Obermarck (1986). It saves a forced write and a message, and it is in the textbooks.
//!
//! It is also where isolation gets lost. Letting go is harmless once *every* participant has all the
//! locks it needs. Here a participant takes its locks when it is asked, so one may let go while
//! another has not begun: between the two somebody sells an umbrella, and the look sees half of it.
//!
//! Left out: the cure, a round of *work* before the round of *votes*. Most databases have it.

use lab::node::{Effect, delegate, inner};
use lab::{Cx, Input, Node};

use crate::accounts::Accounts;
use crate::shop;
use crate::types::{Account, COORD, Msg, Note, Outcome, Record, Timer, TxId};

/// The coordinator of a step, which tells nobody to let go who has already.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Coordinator<C>(C);

impl<C: shop::Coordinator> Node for Coordinator<C> {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        let effects = inner(&mut self.0, input, cx);
        let seen = effects.iter().any(|effect| match effect {
            Effect::Send { msg: Msg::Answer { outcome: Outcome::Done(seen), .. }, .. } => {
                !seen.is_empty()
            }
            _ => false,
        });
        let useless = |effect: &Effect<Self>| {
            seen && matches!(effect, Effect::Send { msg: Msg::Abort { .. }, .. })
        };
        effects.into_iter().filter(|e| !useless(e)).for_each(|effect| cx.push(effect));
    }
}

/// The participant of a step, which leaves early if it only looked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant<P>(P);

impl<P: shop::Participant> Participant<P> {
    // ANCHOR: leave
    fn pass(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        let mut looked = Vec::new();
        for effect in inner(&mut self.0, input, cx) {
            match effect {
                Effect::Persist(Record::Prepared { tx, part, .. })
                    if part.iter().all(|change| change.by == 0) =>
                {
                    looked.push(tx);
                }
                other => cx.push(other),
            }
        }
        looked.into_iter().for_each(|tx| self.leave(tx, cx));
    }

    /// Lets go of its locks. It promised nothing, so nothing is written down.
    fn leave(&mut self, tx: TxId, cx: &mut Cx<Self>) {
        let off = Input::Message { from: COORD, msg: Msg::Abort { tx } };
        for effect in inner(&mut self.0, off, cx) {
            match effect {
                Effect::Persist(Record::Aborted { .. }) | Effect::Note(Note::LetGo(_)) => {}
                other => cx.push(other),
            }
        }
    }
    // ANCHOR_END: leave
}

impl<P: shop::Participant> Node for Participant<P> {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        match input {
            Input::Replay(record) => delegate(&mut self.0, Input::Replay(record), cx),
            other => self.pass(other, cx),
        }
    }
}

impl<C: shop::Coordinator> shop::Coordinator for Coordinator<C> {
    fn new() -> Self {
        Self(C::new())
    }
}

impl<C: shop::Coordinator> shop::Part for Coordinator<C> {
    fn in_doubt(&self) -> Vec<TxId> {
        self.0.in_doubt()
    }

    fn line(&self) -> String {
        self.0.line()
    }
}

impl<P: shop::Participant> shop::Participant for Participant<P> {
    fn new(accounts: Accounts) -> Self {
        Self(P::new(accounts))
    }

    fn accounts(&self) -> &Accounts {
        self.0.accounts()
    }

    fn locked(&self) -> Vec<Account> {
        self.0.locked()
    }
}

impl<P: shop::Participant> shop::Part for Participant<P> {
    fn in_doubt(&self) -> Vec<TxId> {
        self.0.in_doubt()
    }

    fn line(&self) -> String {
        self.0.line()
    }
}
