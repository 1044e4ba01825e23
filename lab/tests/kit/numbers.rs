//! The smallest nodes that can show anything: a number and a rule for it. What a test is about stands
//! in its rule.

use std::fmt;

use lab::explore::Model;
use lab::node::{Cx, Input, Node, NodeId, Protocol};
use lab::world::{Role, World};
use serde::{Deserialize, Serialize};

pub(crate) const SERVER: NodeId = NodeId(1);
pub(crate) const CLIENT: NodeId = NodeId(2);
pub(crate) const SPARE: NodeId = NodeId(3);

/// A vocabulary of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Numbers;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Number(pub(crate) u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Protocol for Numbers {
    type Msg = Number;
    type Timer = Number;
    type Record = Number;
    type Note = Number;
    type Summary = Number;
}

/// What a node does with an input, and the number it keeps.
pub(crate) type Rule = fn(&mut u64, Input<Numbers>, &mut Cx<'_, Numbers>);

/// A number and a rule for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeper {
    pub(crate) number: u64,
    rule: Rule,
}

impl PartialEq for Keeper {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Keeper {}

impl std::hash::Hash for Keeper {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl Node for Keeper {
    type Protocol = Numbers;

    fn step(&mut self, input: Input<Numbers>, cx: &mut Cx<'_, Numbers>) {
        (self.rule)(&mut self.number, input, cx);
    }

    fn summary(&self) -> Number {
        Number(self.number)
    }
}

pub(crate) fn keeper(rule: Rule) -> Keeper {
    Keeper { number: 0, rule }
}

/// Sends 1 to the server when it starts, and keeps the last number it hears.
pub(crate) fn client() -> Role<Numbers> {
    let rule: Rule = |number, input, cx| match input {
        Input::Boot { .. } => cx.send(SERVER, Number(1)),
        Input::Message { msg, .. } => *number = msg.0,
        _ => {}
    };
    Role::new(CLIENT, "client", "client", keeper(rule))
}

pub(crate) fn server(rule: Rule) -> Role<Numbers> {
    Role::new(SERVER, "server", "web", keeper(rule)).may_crash()
}

pub(crate) fn number(world: &World<Numbers, ()>, id: NodeId) -> u64 {
    world.summary(id).map_or(0, |number| number.0)
}

pub(crate) fn answered(world: &World<Numbers, ()>) -> bool {
    number(world, CLIENT) > 0
}

pub(crate) fn model(rule: Rule) -> Model<Numbers, ()> {
    let roles = vec![server(rule), client().client_of(&[SERVER])];
    Model { goal: answered, sometimes: vec![("answered", answered)], ..Model::new(roles) }
}
