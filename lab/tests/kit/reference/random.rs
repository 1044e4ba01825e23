//! Protocols that nobody would write: what a node does follows from a hash of its state and its input,
//! so a seed gives a protocol, and thousands of seeds meet what no author thinks of.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lab::explore::{Limits, Model};
use lab::fingerprint;
use lab::node::{Cx, Input, Node, NodeId, Protocol};
use lab::rng::Rng;
use lab::world::{Action, Event, Role, Wire, World};
use serde::{Deserialize, Serialize};

/// Messages, timers, records and notes are small numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Small(pub(crate) u8);

impl fmt::Display for Small {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Numbers;

impl Protocol for Numbers {
    type Msg = Small;
    type Timer = Small;
    type Record = Small;
    type Note = Small;
    type Summary = Small;
}

/// A node whose program is a seed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Machine {
    seed: u64,
    nodes: u64,
    state: u8,
    /// The largest record that it wrote: records grow, so its log is short.
    written: u8,
}

const STATES: u64 = 4;
const WORDS: u64 = 2;

impl Machine {
    /// Draws the answer to an input: the next state, and up to three effects.
    fn answer(&mut self, input: u64, cx: &mut Cx<'_, Numbers>) {
        let drawn = fingerprint(&(self.seed, cx.me(), self.state, input));
        let mut drawn = Rng::new(drawn as u64);
        if drawn.chance(700_000) {
            self.state = drawn.pick(0..STATES) as u8;
        }
        for _ in 0..drawn.pick(0..4) {
            let word = Small(drawn.pick(0..WORDS) as u8);
            let peer = NodeId(drawn.pick(0..self.nodes));
            match drawn.pick(0..9) {
                0..3 if peer != cx.me() || word.0 == 0 && self.state == 0 => cx.send(peer, word),
                3 if peer != cx.me() => cx.send_ahead(peer, word),
                4 | 5 if self.written < 2 => {
                    self.written += 1;
                    cx.persist(Small(self.written));
                }
                6 => cx.set_timer(word, Duration::ZERO..Duration::from_secs(1)),
                7 => cx.cancel_timer(word),
                8 => cx.note(word),
                _ => {}
            }
        }
    }
}

impl Node for Machine {
    type Protocol = Numbers;

    fn step(&mut self, input: Input<Numbers>, cx: &mut Cx<'_, Numbers>) {
        match input {
            Input::Replay(record) => {
                self.written = record.0;
                self.state = record.0;
            }
            Input::Boot { start } => self.answer(100 + start, cx),
            Input::Message { from, msg } => self.answer(200 + 10 * from.0 + u64::from(msg.0), cx),
            Input::Timeout(timer) => self.answer(300 + u64::from(timer.0), cx),
            Input::Disconnected(client) => self.answer(400 + client.0, cx),
        }
    }

    fn summary(&self) -> Small {
        Small(self.state)
    }
}

/// Notes and deliveries at each node, up to two of each.
pub(crate) type Counts = BTreeMap<(NodeId, bool), u8>;

fn count(counts: &mut Arc<Counts>, at: NodeId, event: &Event<'_, Numbers>) {
    let is_note = match event {
        Event::Note(_) => true,
        Event::Receive(envelope) if envelope.msg.0 == 1 => false,
        _ => return,
    };
    let counted = counts.get(&(at, is_note)).copied().unwrap_or_default();
    if counted < 2 {
        Arc::make_mut(counts).insert((at, is_note), counted + 1);
    }
}

fn state(world: &World<Numbers, Counts>, id: u64) -> Option<u8> {
    world.summary(NodeId(id)).map(|state| state.0)
}

fn not_both_three(world: &World<Numbers, Counts>) -> Result<(), String> {
    let both = state(world, 0) == Some(3) && state(world, 1) == Some(3);
    let noted = world.ghost().get(&(NodeId(0), true)).is_some_and(|notes| *notes > 1);
    if both && noted { Err("both are at 3, and it was noted twice".into()) } else { Ok(()) }
}

fn no_jump(
    before: &World<Numbers, Counts>,
    action: &Action<Numbers>,
    after: &World<Numbers, Counts>,
) -> Result<(), String> {
    let jumps = state(before, 0) == Some(3) && state(after, 0) == Some(0);
    if jumps && action.cut.is_none() { Err("from 3 to 0".into()) } else { Ok(()) }
}

/// The model of a seed.
pub(crate) fn model(seed: u64) -> Model<Numbers, Counts> {
    let mut rng = Rng::new(seed);
    let nodes = rng.pick(2..4);
    let names = ["a", "b", "c"];
    let roles = (0..nodes).map(|id| {
        let machine = Machine { seed, nodes, state: 0, written: 0 };
        let mut role = Role::new(NodeId(id), names[id as usize], "node", machine);
        role.may_crash = rng.chance(700_000);
        role.starts_down = id > 0 && rng.chance(200_000);
        if id + 1 == nodes && rng.chance(500_000) {
            role = role.client_of(&[NodeId(0)]);
        }
        role
    });
    let roles = roles.collect();
    Model {
        observe: count,
        always: if rng.chance(500_000) { vec![("APART", not_both_three)] } else { Vec::new() },
        steps: if rng.chance(300_000) { vec![("JUMP", no_jump)] } else { Vec::new() },
        sometimes: vec![("b at 3", |world| state(world, 1) == Some(3))],
        goal: |world| state(world, 0) == Some(2) || state(world, 1) == Some(2),
        ..Model::new(roles)
    }
}

/// The limits of a seed: any mixture of faults.
pub(crate) fn limits(seed: u64, states: usize) -> Limits {
    let mut rng = Rng::new(!seed);
    let mut up_to = |most: u64| rng.pick(0..most + 1) as u8;
    let bag = up_to(1) == 1;
    Limits {
        wire: if bag { Wire::Bag } else { Wire::Set },
        async_disk: up_to(2) == 0,
        crashes: up_to(2),
        restarts: up_to(3) > 0,
        cuts: up_to(3) > 0,
        forgets: up_to(1),
        wipes: up_to(2) == 0,
        disconnects: up_to(1),
        losses: up_to(1),
        duplicates: up_to(1),
        timeouts: (up_to(2) > 0).then(|| up_to(3)),
        timers_last: up_to(1) == 1,
        edges: true,
        states,
        stop_when_unsafe: up_to(1) == 1,
    }
}
