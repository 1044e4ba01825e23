//! Small worlds: big enough for every failure of this chapter, small enough to explore them all.
//!
//! Alice signs in, puts an umbrella into her cart, and looks at it. Between her browser and the web nodes
//! stands `lb`, the balancer; some designs have a `store` behind the web nodes.

use std::collections::BTreeMap;

use lab::NodeId;
use lab::explore::{Check, Model};
use lab::world::Role;

use crate::balancer::{Balancer, Route};
use crate::browser::{Browser, Op};
use crate::invariants::{self as must, Ledger};
use crate::operator::Operator;
use crate::shop::{AnyNode, Shop};
use crate::types::{Address, Item};

/// Browsers.
pub const BROWSERS: [NodeId; 2] = [NodeId(1), NodeId(2)];
const USERS: [&str; 2] = ["alice", "bob"];
/// Who changes the list of web nodes.
const OPERATOR: NodeId = NodeId(9);
/// The balancers. There is one, but where it says two.
pub const LBS: [NodeId; 2] = [NodeId(10), NodeId(30)];
/// Their names.
pub const LB_NAMES: [&str; 2] = ["lb", "lb-2"];
/// The web nodes.
pub const WEBS: [NodeId; 4] = [NodeId(11), NodeId(12), NodeId(13), NodeId(14)];
/// Their names.
pub const WEB_NAMES: [&str; 4] = ["web-1", "web-2", "web-3", "web-4"];
/// Where sessions are, from step 5 on.
pub const STORE: NodeId = NodeId(40);

/// How often a person in a simulated world comes back.
const ROUNDS: usize = 10;

/// What a design is made from.
#[derive(Clone, Copy, Debug)]
pub struct Nodes {
    /// A balancer before these web nodes.
    pub balancer: fn(&[NodeId]) -> AnyNode,
    /// A web node that has just been installed.
    pub web: fn() -> AnyNode,
    /// The store, if there is one.
    pub store: Option<fn() -> AnyNode>,
}

/// A balancer that picks by a design's [`Route`].
#[must_use]
pub fn balancer<R: Route>(route: R, webs: &[NodeId]) -> AnyNode {
    AnyNode::new(Balancer::new(route, webs))
}

/// What happens in a world. Two web nodes, if nothing else is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scene {
    /// Alice signs in, buys, looks.
    Visit,
    /// The same, and she looks once more.
    TwoLooks,
    /// She signs in, buys and signs out. A thief has a copy of her cookies, and uses it before and after.
    Stolen,
    /// She signs in, buys, and her cookies are copied. She buys something else; then the copy is used.
    OldCookie,
    /// Alice signs in, buys, looks, and puts two things into the cart at once, in two tabs.
    TwoAtOnce,
    /// A thief has a copy of her cookies, and uses it. She signs out while a request of hers is under way.
    /// Later, the copy is used again. Then the same, but she signs in once more instead of out.
    SignOut,
    /// A third web node joins.
    NewNode,
    /// Two balancers, which she asks in turn.
    TwoBalancers,
    /// Alice and Bob work for one company: they have one address, and look in two tabs each. For the
    /// simulator.
    OneAddress,
    /// The store may crash instead of web nodes.
    StoreFails,
    /// Two browsers, four web nodes, many looks: for the simulator.
    Busy,
    /// The same with two balancers; and in a second tab something is under way all the time, also when a
    /// user signs in once more. So an answer may be later than all that was done after it.
    Storm,
}

impl Scene {
    fn webs(self) -> &'static [NodeId] {
        match self {
            Self::Busy | Self::Storm => &WEBS,
            Self::NewNode => &WEBS[..3],
            _ => &WEBS[..2],
        }
    }

    fn balancers(self) -> &'static [NodeId] {
        if matches!(self, Self::TwoBalancers | Self::Storm) { &LBS } else { &LBS[..1] }
    }

    fn ops(self) -> Vec<Op> {
        let item = |name| Op::Add(Item::new(name));
        let begin = vec![Op::SignIn, item("umbrella")];
        let end = match self {
            Self::Visit | Self::StoreFails => vec![Op::Look],
            Self::Stolen => vec![Op::Copy, Op::SignOut, Op::Replay],
            Self::OldCookie => vec![Op::Copy, item("boots"), Op::Replay],
            Self::TwoLooks | Self::TwoBalancers => vec![Op::Look, Op::Look],
            Self::OneAddress => {
                let both = |i| Op::Both(Box::new((numbered(i), Op::Look)));
                (0..ROUNDS).flat_map(|i| [both(i), Op::Look]).collect()
            }
            Self::TwoAtOnce => vec![Op::Both(Box::new((item("boots"), item("candle")))), Op::Look],
            Self::SignOut => {
                let both = Op::Both(Box::new((item("boots"), Op::SignOut)));
                let wait = vec![Op::Wait; 5];
                let again = vec![Op::SignIn, Op::Copy, Op::SignIn];
                let replay = vec![Op::Replay];
                [vec![Op::Copy, both], wait.clone(), replay.clone(), again, wait, replay].concat()
            }
            Self::NewNode => vec![Op::Wait, Op::Look],
            Self::Busy => {
                (0..ROUNDS).flat_map(|i| [Op::Wait, numbered(i), Op::Look, Op::Look]).collect()
            }
            Self::Storm => {
                let aside = |i| Op::Aside(Box::new(numbered(ROUNDS + i)));
                let round = |i| match i % 3 {
                    2 => vec![aside(i), Op::SignIn, numbered(i), Op::Look],
                    _ => vec![aside(i), Op::Wait, numbered(i), Op::Look, Op::Look],
                };
                (0..ROUNDS).flat_map(round).collect()
            }
        };
        [begin, end].concat()
    }
}

fn numbered(i: usize) -> Op {
    Op::Add(Item::new(&format!("item-{i}")))
}

impl Nodes {
    fn roles(&self, scene: Scene) -> Vec<Role<Shop>> {
        let (webs, balancers) = (scene.webs(), scene.balancers());
        let browsers =
            if matches!(scene, Scene::Busy | Scene::Storm | Scene::OneAddress | Scene::SignOut) {
                2
            } else {
                1
            };
        let mut roles: Vec<Role<Shop>> = (0..browsers)
            .map(|i| {
                let own = if scene == Scene::OneAddress { 0 } else { i as u32 };
                let address = Address(u32::from_be_bytes([192, 0, 2, 1]) + own);
                let browser = Browser::new(balancers, USERS[i], address, &scene.ops());
                Role::new(BROWSERS[i], USERS[i], "client", browser)
            })
            .collect();
        if scene == Scene::NewNode {
            let operator = Operator::new(balancers, &[webs.to_vec()]);
            roles.push(Role::new(OPERATOR, "operator", "client", operator));
        }
        let known = if scene == Scene::NewNode { &webs[..2] } else { webs };
        for (id, name) in balancers.iter().zip(LB_NAMES) {
            roles.push(Role::new(*id, name, "lb", (self.balancer)(known)));
        }
        for (id, name) in webs.iter().zip(WEB_NAMES) {
            let web = Role::new(*id, name, "web", (self.web)());
            roles.push(if scene == Scene::StoreFails { web } else { web.may_crash() });
        }
        if let Some(store) = self.store {
            let store = Role::new(STORE, "store", "replica", store());
            let fails = matches!(scene, Scene::StoreFails | Scene::Busy | Scene::Storm);
            roles.push(if fails { store.may_crash() } else { store });
        }
        roles
    }

    /// A world with the promises that are to be checked in it.
    #[must_use]
    pub fn model(&self, scene: Scene) -> Model<Shop, Ledger> {
        Model {
            observe: must::observe,
            always: promises().into_iter().collect(),
            sometimes: vec![("a cart is shown", must::something_is_shown)],
            goal: must::settled,
            ..Model::new(self.roles(scene))
        }
    }
}

/// The properties; see [`crate::invariants`].
#[must_use]
pub fn promises() -> BTreeMap<&'static str, Check<Shop, Ledger>> {
    BTreeMap::from([
        ("SIGNED", must::signed as Check<Shop, Ledger>),
        ("CART", must::cart),
        ("OUT", must::out),
        ("OWN", must::own),
    ])
}
