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
use crate::shop::{Coordinator, Keeper, Part, Participant, Shop};
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
    /// 1 to 3. With one, `pay` moves a coin from Alice to Bob, and there is no `stock`.
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
    /// One participant.
    pub const ONE_PARTICIPANT: Self = Self { participants: 1, ..Self::ONE_ORDER };
    /// Three participants.
    pub const THREE: Self = Self { participants: 3, ..Self::ONE_ORDER };

    /// The same with a reader.
    #[must_use]
    pub const fn with(self, reader: Look) -> Self {
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
pub struct Design<C, P> {
    /// A coordinator that never did anything.
    pub coordinator: fn() -> C,
    /// A participant that opened with these accounts.
    pub participant: fn(Accounts) -> P,
    /// Who else runs the coordinator's program.
    pub beside: &'static [(NodeId, &'static str)],
    /// Whom clients ask.
    pub doors: &'static [NodeId],
}

impl<C: Coordinator, P: Participant> Design<C, P> {
    /// This coordinator with this participant.
    #[must_use]
    pub fn new() -> Self {
        Self { coordinator: C::new, participant: P::new, beside: C::BESIDE, doors: C::DOORS }
    }
}

impl<C: Coordinator, P: Participant> Default for Design<C, P> {
    fn default() -> Self {
        Self::new()
    }
}

fn cast<C: Part, P: Keeper>(design: &Design<C, P>, scope: Scope) -> Vec<Role<Shop<C, P>>> {
    let role = |id, name, role, program, may_crash| Role { id, name, role, program, may_crash };
    let coordinator = |id, name| {
        let program = Shop::Coordinator((design.coordinator)());
        role(id, name, "coord", program, true)
    };
    let participant = |id, name, role_name, opening: &[(&str, u64)]| {
        let program = Shop::Participant((design.participant)(Accounts::new(opening)));
        role(id, name, role_name, program, true)
    };
    let orders =
        (1..=scope.orders).map(|i| (Key::new(&format!("order-{i}")), umbrella(scope.participants)));
    let client = Shop::Client(Client::new(orders, design.doors));
    let mut cast =
        vec![role(CLIENT, "web-1", "client", client, false), coordinator(COORD, "coord")];
    cast.extend(design.beside.iter().map(|(id, name)| coordinator(*id, name)));
    if scope.participants > 1 {
        cast.push(participant(STOCK, "stock", "stock", &[("umbrella", 2)]));
    }
    let purses: &[(&str, u64)] = &[("alice", 1), ("till", 0), ("bob", 0)];
    let purses = if scope.participants == 1 { purses } else { &purses[..2] };
    cast.push(participant(PAY, "pay", "pay", purses));
    if scope.participants > 2 {
        cast.push(participant(RIBBONS, "stock-2", "stock", &[("ribbon", 2)]));
    }
    let reader = match scope.reader {
        Look::No => return cast,
        Look::Each if scope.participants == 1 => Reader::of_each([PAY]),
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
pub fn promises<C: Part, P: Keeper>() -> BTreeMap<&'static str, Check<Shop<C, P>, Ledger>> {
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
    model_of(&Design::new(), scope, promised)
}

/// The same for a design that is a value.
#[must_use]
pub fn model_of<C, P>(
    design: &Design<C, P>,
    scope: Scope,
    promised: &[&'static str],
) -> Model<Shop<C, P>, Ledger>
where
    C: Part,
    P: Keeper,
{
    let all = promises::<C, P>();
    Model {
        roles: cast(design, scope),
        observe: must::observe::<C, P>,
        describe: Shop::line,
        always: promised.iter().map(|name| (*name, all[name])).collect(),
        steps: Vec::new(),
        sometimes: vec![("an order is done", must::some_order_is_done::<C, P>)],
        goal: must::settled::<C, P>,
        symmetry: None,
    }
}
