//! What may happen in a world.

use std::sync::Arc;

use super::Limits;
use super::moves::{Facts, Move, RoleFacts, Situation, moves};
use super::tables::column;
use crate::node::Protocol;
use crate::world::{Envelope, Ghost, Spent, Transition, World};

/// A world as the rules see it.
struct Seen<'a, P: Protocol> {
    roles: Vec<RoleFacts>,
    facts: Vec<Facts>,
    messages: Vec<&'a Arc<Envelope<P::Msg>>>,
    receivers: Vec<usize>,
    spent: Spent,
}

impl<P: Protocol> Situation for Seen<'_, P> {
    fn roles(&self) -> &[RoleFacts] {
        &self.roles
    }

    fn facts(&self, host: usize) -> Facts {
        self.facts[host]
    }

    fn messages(&self) -> usize {
        self.messages.len()
    }

    fn receiver(&self, message: usize) -> usize {
        self.receivers[message]
    }

    fn spent(&self) -> Spent {
        self.spent
    }
}

/// The things that may happen in a world within the limits, in a fixed order. `true` beside them if a
/// limit held something back: such a state proves nothing about progress.
#[must_use]
pub fn enabled<P: Protocol, G: Ghost>(
    world: &World<P, G>,
    limits: &Limits,
) -> (Vec<Transition<P>>, bool) {
    let topology = world.topology();
    let messages: Vec<_> = world.network().in_flight().collect();
    let seen: Seen<'_, P> = Seen {
        roles: RoleFacts::of(topology),
        facts: world.hosts().iter().map(|host| Facts::of(host)).collect(),
        receivers: messages.iter().map(|envelope| column(topology, envelope.to)).collect(),
        messages,
        spent: world.spent(),
    };
    let mut found = Vec::new();
    let held_back = moves(&seen, limits, &mut found);
    let id = |column: usize| topology.roles[column].id;
    let message = |message: usize| Arc::clone(seen.messages[message]);
    let transition = |found| match found {
        Move::Deliver { message: at, keep } => Transition::Deliver { envelope: message(at), keep },
        Move::Lose { message: at } => Transition::Lose(message(at)),
        Move::SelfDelivery { host } => Transition::SelfDelivery(id(host)),
        Move::Flush { host } => Transition::Flush(id(host)),
        Move::Timeout { host, timer } => {
            let timer = world.hosts()[host].timers.iter().nth(timer).expect("an armed timer");
            Transition::Timeout(id(host), timer.clone())
        }
        Move::Disconnected { host, client } => {
            Transition::Disconnected { node: id(host), client: id(client) }
        }
        Move::Crash { host, forget } => Transition::Crash { node: id(host), forget },
        Move::Restart { host } => Transition::Restart(id(host)),
        Move::Wipe { host } => Transition::Wipe(id(host)),
    };
    (found.into_iter().map(transition).collect(), held_back)
}
