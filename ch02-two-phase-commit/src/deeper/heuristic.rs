//! Deeper: an operator decides by hand.
//!
//! A participant is in doubt, its accounts are locked, and the coordinator, which could decide,
//! will not be back today. An operator looks at the clock and enters: commit. That is a *heuristic
//! decision* (X/Open XA, 1991): a *heuristic commit* or a *heuristic abort*, heuristic as in
//! guessed. It gives the locks back. It also breaks the promise that the *yes* was, so it is
//! unsafe, by design.
//!
//! What is left is to find out. The guess is written down before it is followed, the participant
//! goes on asking, and when the truth comes the two are compared. If they agree, nothing was lost.
//! If not, one side committed and the other aborted: *heuristic mixed*, or *heuristic damage*. No
//! process here can repair that. The coordinator gets its acknowledgement, so that it can forget,
//! and the damage stays in the report until people have made up for it.
//!
//! Left out: a participant that guesses by itself after a while, as some databases can be told to; and
//! a word to the coordinator, which could tell the customer.

use lab::{Node, NodeId};

use super::{Msg as Deeper, Record as Kept};
use crate::shop::{self, AnyNode, ByTx, Cx, Effect, Input, Shop, Summary};
use crate::types::{COORD, Msg, Record, Timer, TxId, wait};

/// What an operator decided, and what was true. `true` is commit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Guess {
    did: bool,
    truth: Option<bool>,
}

/// The participant of a step, which an operator may tell how to end.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    inner: AnyNode,
    guesses: ByTx<Guess>,
}

impl Participant {
    /// Around the node of a step.
    #[must_use]
    pub fn new(inner: impl Node<Protocol = Shop>) -> Self {
        Self { inner: AnyNode::new(inner), guesses: ByTx::new() }
    }

    // ANCHOR: on_resolve
    /// Only what is in doubt can be guessed: nothing else waits for a decision.
    fn on_resolve(&mut self, operator: NodeId, tx: TxId, commit: bool, cx: &mut Cx) {
        let done = self.inner.summary().in_doubt.contains(&tx);
        if done {
            cx.persist(Record::Deeper(Kept::Heuristic { tx, commit }));
            self.guesses.insert(tx, Guess { did: commit, truth: None });
            self.follow(tx, commit, cx);
        }
        cx.send(operator, Msg::Deeper(Deeper::Resolved { tx, done }));
    }

    /// The participant inside treats it as the coordinator's decision. Its acknowledgement is not
    /// sent.
    fn follow(&mut self, tx: TxId, commit: bool, cx: &mut Cx) {
        let msg = if commit { Msg::Commit { tx } } else { Msg::Abort { tx } };
        for effect in cx.capture(|cx| self.inner.step(Input::Message { from: COORD, msg }, cx)) {
            if !matches!(&effect, Effect::Send { msg: Msg::Ack { tx: acked }, .. } if *acked == tx)
            {
                cx.push(effect);
            }
        }
        Self::ask(tx, cx);
    }

    /// The truth is written down before it is acknowledged: the coordinator forgets, and a
    /// participant that asks it again is answered *abort*.
    fn on_truth(&mut self, from: NodeId, tx: TxId, commit: bool, cx: &mut Cx) {
        let guess = self.guesses.get_mut(&tx).expect("it was guessed");
        if guess.truth.is_none() {
            guess.truth = Some(commit);
            cx.persist(Record::Deeper(Kept::Truth { tx, commit }));
            cx.cancel_timer(Timer::Ask(tx));
        }
        if commit {
            cx.send(from, Msg::Ack { tx });
        }
    }
    // ANCHOR_END: on_resolve

    fn ask(tx: TxId, cx: &mut Cx) {
        cx.send(COORD, Msg::Inquire { tx });
        cx.set_timer(Timer::Ask(tx), wait::ASK);
    }

    /// A crash may have come between the guess and what follows from it.
    fn on_boot(&mut self, start: u64, cx: &mut Cx) {
        self.pass(Input::Boot { start }, cx);
        let open = self.guesses.iter().filter(|(_, guess)| guess.truth.is_none());
        let open: Vec<(TxId, bool)> = open.map(|(tx, guess)| (*tx, guess.did)).collect();
        for (tx, did) in open {
            self.follow(tx, did, cx);
        }
    }

    fn on_replay(&mut self, record: Record, cx: &mut Cx) {
        match record {
            Record::Deeper(Kept::Heuristic { tx, commit }) => {
                self.guesses.insert(tx, Guess { did: commit, truth: None });
            }
            Record::Deeper(Kept::Truth { tx, commit }) => {
                let guess = self.guesses.get_mut(&tx).expect("the guess came first");
                guess.truth = Some(commit);
            }
            other => self.pass(Input::Replay(other), cx),
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Deeper(Deeper::Resolve { tx, commit }) => self.on_resolve(from, tx, commit, cx),
            Msg::Commit { tx } if self.guesses.contains_key(&tx) => {
                self.on_truth(from, tx, true, cx);
            }
            Msg::Abort { tx } if self.guesses.contains_key(&tx) => {
                self.on_truth(from, tx, false, cx);
            }
            // A guess is not the outcome, and peers that ask must not take it for that.
            Msg::Deeper(Deeper::StateQuery { tx }) if self.guesses.contains_key(&tx) => {}
            other => self.pass(Input::Message { from, msg: other }, cx),
        }
    }

    /// Gives the participant inside an input, and adds the guesses to the status that it reports.
    fn pass(&mut self, input: Input, cx: &mut Cx) {
        for effect in cx.capture(|cx| self.inner.step(input, cx)) {
            match effect {
                Effect::Send { to, msg: Msg::StatusIs { in_doubt, locked } }
                    if !self.guesses.is_empty() =>
                {
                    let (guessed, damage) = (self.guessed(), self.damage());
                    let status = Deeper::StatusIs { in_doubt, locked, guessed, damage };
                    cx.send(to, Msg::Deeper(status));
                }
                other => cx.push(other),
            }
        }
    }

    /// What was guessed, while the truth is not known here. `true` is commit.
    fn guessed(&self) -> Vec<(TxId, bool)> {
        self.those(|guess| guess.truth.is_none())
    }

    /// What was guessed wrong, as it was done here.
    #[must_use]
    pub fn damage(&self) -> Vec<(TxId, bool)> {
        self.those(|guess| guess.truth.is_some_and(|truth| truth != guess.did))
    }

    fn those(&self, wanted: fn(&Guess) -> bool) -> Vec<(TxId, bool)> {
        let those = self.guesses.iter().filter(|(_, guess)| wanted(guess));
        those.map(|(tx, guess)| (*tx, guess.did)).collect()
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record, cx),
            Input::Boot { start } => self.on_boot(start, cx),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(Timer::Ask(tx)) if self.guesses.contains_key(&tx) => Self::ask(tx, cx),
            other => self.pass(other, cx),
        }
    }

    fn summary(&self) -> Summary {
        let names = |those: Vec<(TxId, bool)>| those.into_iter().map(|(tx, _)| tx);
        let guessed = shop::list("guessed:", names(self.guessed()));
        let damage = shop::list("damage:", names(self.damage()));
        self.inner.summary().and(shop::join([guessed, damage]))
    }
}
