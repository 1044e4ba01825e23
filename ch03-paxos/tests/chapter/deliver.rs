//! A world that goes on by itself, but for some messages.

use std::time::Duration;

use ch03_paxos::group::Paxos;
use ch03_paxos::invariants::Ledger;
use ch03_paxos::types::Msg;
use ch03_paxos::worlds::REPLICAS;
use lab::world::{Action, Envelope, Transition, World};

/// Delivers all messages but those that this refuses, first link first, until none is left.
pub(crate) fn deliver(world: &mut World<Paxos, Ledger>, refused: impl Fn(&Envelope<Msg>) -> bool) {
    loop {
        let selves = REPLICAS.map(Transition::SelfDelivery);
        let own = selves.into_iter().find(|own| world.can(own));
        let next = own.or_else(|| {
            let mut ways = world
                .network()
                .in_flight()
                .cloned()
                .map(|envelope| Transition::Deliver { envelope, keep: false });
            ways.find(|way| match way {
                Transition::Deliver { envelope, .. } => world.can(way) && !refused(envelope),
                _ => false,
            })
        });
        let Some(next) = next else { return };
        world.apply(&Action::new(next), Duration::ZERO, &mut ());
    }
}
