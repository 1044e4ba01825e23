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
use crate::shop::{AnyNode, Shop};
use crate::step3_log_first as step3;
use crate::types::{COORD, Key, Order, PAY, STOCK};

/// The client.
pub const CLIENT: NodeId = NodeId(10);
/// The reader.
pub const READER: NodeId = NodeId(11);
/// A third participant, where one is wanted: ribbons.
pub const RIBBONS: NodeId = NodeId(4);

/// What a small world contains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope {
    /// 1 to 3. With one, `pay` moves a coin from Alice to Bob, and there is no `stock`.
    pub participants: u8,
    /// 1: an order that can be done. 2: then one that cannot.
    pub orders: u8,
    /// How the reader reads, if there is one.
    pub reader: Read,
    /// In Alice's purse. Without one her order must be declined.
    pub coins: u64,
}

/// How a reader reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// There is no reader.
    No,
    /// Each participant by itself.
    Each,
    /// All of them in one moment, as an order that changes nothing.
    Snapshot,
}

/// How step 1 fails in front of the reader: `pay` dies before it takes the money.
pub const HALF_AN_ORDER: &str = "deliver web-1 coord
deliver coord stock
crash pay
deliver stock coord
deliver coord pay";

impl Scope {
    /// Two participants, one order, no reader.
    pub const ONE_ORDER: Self = Self { participants: 2, orders: 1, reader: Read::No, coins: 1 };
    /// Two participants, one order that `stock` could fill and that Alice cannot pay.
    pub const REFUSED: Self = Self { coins: 0, ..Self::ONE_ORDER };
    /// Two participants, two orders of which the second must be declined.
    pub const TWO_ORDERS: Self = Self { orders: 2, ..Self::ONE_ORDER };
    /// One participant.
    pub const ONE_PARTICIPANT: Self = Self { participants: 1, ..Self::ONE_ORDER };
    /// Three participants.
    pub const THREE: Self = Self { participants: 3, ..Self::ONE_ORDER };

    /// The same with a reader.
    #[must_use]
    pub const fn with(self, reader: Read) -> Self {
        Self { reader, ..self }
    }
}

/// One umbrella for one coin of Alice's; with one participant a coin of Alice's for Bob.
#[must_use]
pub fn umbrella(participants: u8) -> Order {
    let lines =
        [(STOCK, "umbrella", -1), (PAY, "alice", -1), (PAY, "till", 1), (RIBBONS, "ribbon", -1)];
    Order::new(match participants {
        1 => &[(PAY, "alice", -1), (PAY, "bob", 1)],
        2 => &lines[..3],
        _ => &lines,
    })
}

/// What a world of one design is made from.
#[derive(Clone, Copy, Debug)]
pub struct Nodes {
    /// A coordinator that never did anything.
    pub coordinator: fn() -> AnyNode,
    /// A participant that opened with these accounts.
    pub participant: fn(Accounts) -> AnyNode,
    /// Who else runs the coordinator's program: id and name.
    pub standbys: &'static [(NodeId, &'static str)],
    /// Whom clients ask.
    pub endpoints: &'static [NodeId],
}

impl Nodes {
    /// Step 3, with one coordinator.
    pub const STEP3: Self = Self::new(
        || AnyNode::new(step3::Coordinator::default()),
        |accounts| AnyNode::new(step3::Participant::new(accounts)),
    );

    /// One coordinator, and what it works with.
    #[must_use]
    pub const fn new(coordinator: fn() -> AnyNode, participant: fn(Accounts) -> AnyNode) -> Self {
        Self { coordinator, participant, standbys: &[], endpoints: &[COORD] }
    }

    /// The same with another coordinator.
    #[must_use]
    pub const fn with_coordinator(self, coordinator: fn() -> AnyNode) -> Self {
        Self { coordinator, ..self }
    }

    /// The same with other participants.
    #[must_use]
    pub const fn with_participants(self, participant: fn(Accounts) -> AnyNode) -> Self {
        Self { participant, ..self }
    }

    fn roles(&self, scope: Scope) -> Vec<Role<Shop>> {
        let coordinator = |id, name| Role::new(id, name, "coord", (self.coordinator)()).may_crash();
        let participant = |id, name, role, opening: &[(&str, u64)]| {
            Role::new(id, name, role, (self.participant)(Accounts::new(opening))).may_crash()
        };
        let key = |i| Key::new(&format!("order-{i}"));
        let orders = (1..=scope.orders).map(|i| (key(i), umbrella(scope.participants)));
        let client = Client::new(orders, self.endpoints);
        let mut roles =
            vec![Role::new(CLIENT, "web-1", "client", client), coordinator(COORD, "coord")];
        roles.extend(self.standbys.iter().map(|(id, name)| coordinator(*id, name)));
        if scope.participants > 1 {
            roles.push(participant(STOCK, "stock", "stock", &[("umbrella", 2)]));
        }
        let purses: &[(&str, u64)] = &[("alice", scope.coins), ("till", 0), ("bob", 0)];
        let purses = if scope.participants == 1 { purses } else { &purses[..2] };
        roles.push(participant(PAY, "pay", "pay", purses));
        if scope.participants > 2 {
            roles.push(participant(RIBBONS, "stock-2", "stock", &[("ribbon", 2)]));
        }
        let reader = match scope.reader {
            Read::No => return roles,
            Read::Each if scope.participants == 1 => Reader::of_each([PAY]),
            Read::Each => Reader::of_each([STOCK, PAY]),
            Read::Snapshot => {
                Reader::snapshot(Order::new(&[(STOCK, "umbrella", 0), (PAY, "till", 0)]))
            }
        };
        roles.push(Role::new(READER, "web-2", "client", reader));
        roles
    }

    /// A small world with the promises that are to be checked in it.
    #[must_use]
    pub fn model(&self, scope: Scope, promised: &[&'static str]) -> Model<Shop, Ledger> {
        let all = promises();
        Model {
            observe: must::observe,
            always: promised.iter().map(|name| (*name, all[name])).collect(),
            sometimes: match scope.coins {
                0 => Vec::new(),
                _ => vec![("an order is done", must::some_order_is_done)],
            },
            goal: must::settled,
            ..Model::new(self.roles(scope))
        }
    }
}

/// The properties that a step promises; see [`crate::invariants`].
#[must_use]
pub fn promises() -> BTreeMap<&'static str, Check<Shop, Ledger>> {
    BTreeMap::from([
        ("AC1", must::ac1 as Check<Shop, Ledger>),
        ("AC2", must::ac2),
        ("AC3", must::ac3),
        ("ACK", must::ack),
        ("NACK", must::nack),
        ("ONCE", must::once),
        ("FORGET", must::forget),
        ("HALF", must::half),
        ("MONEY", must::money),
    ])
}
