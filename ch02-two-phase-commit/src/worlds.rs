//! Small worlds: big enough for every failure of this chapter, small enough to explore them all.
//!
//! Two umbrellas on the shelf, one coin in Alice's purse, and a client that wants one umbrella, then
//! another. The first order should go through and the second should not.

use std::collections::BTreeMap;

use lab::NodeId;
use lab::explore::{Check, Model};
use lab::world::Role;

use crate::accounts::Accounts;
use crate::client::{Client, Reader};
use crate::invariants::{self as must, Ledger};
use crate::shop::{Coordinator, Participant, Shop};
use crate::types::{COORD, Key, Order, PAY, STOCK};

/// The client.
pub const CLIENT: NodeId = NodeId(10);
/// The one who looks.
pub const READER: NodeId = NodeId(11);
/// A third participant, where one is wanted: ribbons.
pub const RIBBONS: NodeId = NodeId(4);

/// What a small world contains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope {
    /// 2 or 3.
    pub participants: u8,
    /// 1: an order that can be done. 2: then one that cannot.
    pub orders: u8,
    /// Whether somebody looks.
    pub reader: Look,
}

/// How somebody looks, if anybody does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Nobody looks.
    No,
    /// At each participant by itself.
    Each,
    /// At all of them in one moment, as an order that changes nothing.
    OneMoment,
}

/// How step 1 fails in front of the reader: `pay` dies before it takes the money.
pub const HALF_AN_ORDER: &str = "deliver web-1 coord
deliver coord stock
crash pay
deliver stock coord
deliver coord pay";

impl Scope {
    /// Two participants, one order, no reader.
    pub const ONE_ORDER: Self = Self { participants: 2, orders: 1, reader: Look::No };
    /// Two participants, two orders of which the second must be declined.
    pub const TWO_ORDERS: Self = Self { orders: 2, ..Self::ONE_ORDER };
    /// Three participants.
    pub const THREE: Self = Self { participants: 3, ..Self::ONE_ORDER };

    /// The same with a reader.
    #[must_use]
    pub const fn with(self, reader: Look) -> Self {
        Self { reader, ..self }
    }
}

/// One umbrella for one coin of Alice's.
#[must_use]
pub fn umbrella(participants: u8) -> Order {
    let lines =
        [(STOCK, "umbrella", -1), (PAY, "alice", -1), (PAY, "till", 1), (RIBBONS, "ribbon", -1)];
    Order::new(if participants > 2 { &lines } else { &lines[..3] })
}

fn cast<C: Coordinator, P: Participant>(scope: Scope) -> Vec<Role<Shop<C, P>>> {
    let role = |id, name, role, program, may_crash| Role { id, name, role, program, may_crash };
    let participant = |id, name, role_name, opening: &[(&str, u64)]| {
        role(id, name, role_name, Shop::Participant(P::new(Accounts::new(opening))), true)
    };
    let orders =
        (1..=scope.orders).map(|i| (Key::new(&format!("order-{i}")), umbrella(scope.participants)));
    let mut cast = vec![
        role(CLIENT, "web-1", "client", Shop::Client(Client::new(orders)), false),
        role(COORD, "coord", "coord", Shop::Coordinator(C::new()), true),
        participant(STOCK, "stock", "stock", &[("umbrella", 2)]),
        participant(PAY, "pay", "pay", &[("alice", 1), ("till", 0)]),
    ];
    if scope.participants > 2 {
        cast.push(participant(RIBBONS, "stock-2", "stock", &[("ribbon", 2)]));
    }
    let reader = match scope.reader {
        Look::No => return cast,
        Look::Each => Reader::of_each([STOCK, PAY]),
        Look::OneMoment => {
            Reader::of_one_moment(Order::new(&[(STOCK, "umbrella", 0), (PAY, "till", 0)]))
        }
    };
    cast.push(role(READER, "web-2", "client", Shop::Reader(reader), false));
    cast
}

/// The properties that a step promises; see [`crate::invariants`].
#[must_use]
pub fn promises<C: Coordinator, P: Participant>()
-> BTreeMap<&'static str, Check<Shop<C, P>, Ledger>> {
    BTreeMap::from([
        ("AC1", must::ac1::<C, P> as Check<Shop<C, P>, Ledger>),
        ("AC2", must::ac2::<C, P>),
        ("AC3", must::ac3::<C, P>),
        ("ACK", must::ack::<C, P>),
        ("NACK", must::nack::<C, P>),
        ("ONCE", must::once::<C, P>),
        ("FORGET", must::forget::<C, P>),
        ("HALF", must::half::<C, P>),
        ("MONEY", must::money::<C, P>),
    ])
}

/// A small world with the promises that are to be checked in it.
#[must_use]
pub fn model<C, P>(scope: Scope, promised: &[&'static str]) -> Model<Shop<C, P>, Ledger>
where
    C: Coordinator,
    P: Participant,
{
    let all = promises::<C, P>();
    Model {
        roles: cast(scope),
        observe: must::observe::<C, P>,
        describe: Shop::line,
        always: promised.iter().map(|name| (*name, all[name])).collect(),
        steps: Vec::new(),
        sometimes: vec![("an order is done", must::some_order_is_done::<C, P>)],
        goal: must::settled::<C, P>,
        symmetry: None,
    }
}
