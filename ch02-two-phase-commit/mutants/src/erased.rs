//! Nodes behind a pointer, so that the explorer is compiled once and not once for each mutant.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::shop;
use ch02_two_phase_commit::step3_log_first as step3;
use ch02_two_phase_commit::types::{Account, Msg, Note, Record, Timer, TxId};
use lab::node::delegate;
use lab::{Cx, Input, Node};

/// What any node of the chapter can do, whatever its type.
trait Dynamic: Send + Sync {
    fn take(&mut self, input: Input<Coordinator>, cx: &mut Cx<Coordinator>);
    fn copy(&self) -> Box<dyn Dynamic>;
    fn equals(&self, other: &dyn Any) -> bool;
    fn digest(&self, state: &mut dyn Hasher);
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn any(&self) -> &dyn Any;
    fn in_doubt(&self) -> Vec<TxId>;
    fn line(&self) -> String;
}

impl<T: shop::Part> Dynamic for T {
    fn take(&mut self, input: Input<Coordinator>, cx: &mut Cx<Coordinator>) {
        delegate(self, input, cx);
    }

    fn copy(&self) -> Box<dyn Dynamic> {
        Box::new(self.clone())
    }

    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>() == Some(self)
    }

    fn digest(&self, mut state: &mut dyn Hasher) {
        self.hash(&mut state);
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }

    fn any(&self) -> &dyn Any {
        self
    }

    fn in_doubt(&self) -> Vec<TxId> {
        shop::Part::in_doubt(self)
    }

    fn line(&self) -> String {
        shop::Part::line(self)
    }
}

/// Some coordinator.
pub struct Coordinator(Box<dyn Dynamic>);

impl Coordinator {
    /// One of this type.
    #[must_use]
    pub fn of<C: shop::Coordinator>() -> Self {
        Self(Box::new(C::new()))
    }
}

impl Clone for Coordinator {
    fn clone(&self) -> Self {
        Self(self.0.copy())
    }
}

impl PartialEq for Coordinator {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(other.0.any())
    }
}

impl Eq for Coordinator {}

impl Hash for Coordinator {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.digest(state);
    }
}

impl fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

impl Node for Coordinator {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        self.0.take(input, cx);
    }
}

impl shop::Part for Coordinator {
    fn in_doubt(&self) -> Vec<TxId> {
        self.0.in_doubt()
    }

    fn line(&self) -> String {
        self.0.line()
    }
}

impl shop::Coordinator for Coordinator {
    fn new() -> Self {
        Self::of::<step3::Coordinator>()
    }
}

/// Some participant.
#[derive(Clone)]
pub struct Participant {
    node: Coordinator,
    accounts: fn(&dyn Any) -> &Accounts,
    locked: fn(&dyn Any) -> Vec<Account>,
}

impl Participant {
    /// One of this type.
    #[must_use]
    pub fn of<P: shop::Participant>(accounts: Accounts) -> Self {
        fn typed<P: shop::Participant>(node: &dyn Any) -> &P {
            node.downcast_ref().expect("it was made of this type")
        }
        Self {
            node: Coordinator(Box::new(P::new(accounts))),
            accounts: |node| typed::<P>(node).accounts(),
            locked: |node| typed::<P>(node).locked(),
        }
    }
}

impl PartialEq for Participant {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Eq for Participant {}

impl Hash for Participant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.node.hash(state);
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl Node for Participant {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        delegate(&mut self.node, input, cx);
    }
}

impl shop::Part for Participant {
    fn in_doubt(&self) -> Vec<TxId> {
        self.node.0.in_doubt()
    }

    fn line(&self) -> String {
        self.node.0.line()
    }
}

impl shop::Participant for Participant {
    fn new(accounts: Accounts) -> Self {
        Self::of::<step3::Participant>(accounts)
    }

    fn accounts(&self) -> &Accounts {
        (self.accounts)(self.node.0.any())
    }

    fn locked(&self) -> Vec<Account> {
        (self.locked)(self.node.0.any())
    }
}
