//! Each evil of sticky sessions as a measured curve beside its formula.
//!
//! A crowd clicks for a while in virtual time: the same clicks, from the same seed, for every design, and
//! the very nodes that are explored elsewhere. What comes out is counted, never timed.
//!
//! | file | asks |
//! |---|---|
//! | `sign_ins.rs` | how many pages are sign-in pages; how many a crash or a rolling restart costs |
//! | `twice.rs` | what one user is shown when two nodes have the same session |
//! | `load.rs` | how much of the load one node gets when many people share an address, or a block |
//! | `busy.rs` | the same where one user clicks more than others |
//! | `moves.rs` | how many sessions move when a node joins or leaves, by policy |
//! | `joining.rs` | how long a node that joins stays idle |
//! | `hinge.rs` | how many requests bounded loads send away from home |
//! | `copies.rs` | how many pages need no question to the store |
//! | `everywhere.rs` | how long other browsers stay signed in after a sign-out from everywhere |
//! | `reads.rs` | how often the store is asked where users look seldom, and how long a page takes |
//! | `races.rs` | how often two requests of one user end badly, over many seeds |
//! | `workload.rs`, `outcome.rs`, `scoreboard.rs` | what one day of all of it does to each design |

mod busy;
mod copies;
mod everywhere;
mod hinge;
mod joining;
mod load;
mod moves;
mod outcome;
mod races;
mod reads;
mod scoreboard;
mod sign_ins;
mod twice;
mod workload;

use std::time::Duration;

use lab::NodeId;
use lab::chapter::{Dial, Mark, Plot, Series, Table};
use lab::explore::Model;
use lab::rng::Rng;
use lab::sim::{self, Fault, FaultSchedule, Run};
use lab::world::{Role, Transition};

use crate::crowd::{Click, Crowd, Person, What};
use crate::designs;
use crate::operator::Operator;
use crate::shop::{AnyNode, Shop};
use crate::types::{Address, Msg};
use crate::worlds::{LB_NAMES, LBS, Nodes, STORE};

pub use busy::{pinned, with_top_user};
pub use copies::{hit_ratio, short_hit_ratio};
pub use everywhere::{Everywhere, by_copies, everywhere};
pub use hinge::{Bounded, bounded};
pub use joining::{Newcomers, expected, shares};
pub use load::{imbalance, imbalance_of_a_block};
pub use moves::{HASHING, homes, judged, moved};
pub use outcome::Outcome;
pub use races::{Races, races};
pub use reads::{Reads, reads};
pub use scoreboard::{Event, FRESH, after, history};
pub use sign_ins::{crashed, forced, formula, restarted};
pub use twice::{TWICE, shown, shown_with_an_old_cookie};
pub use workload::PEOPLE;

const CROWD: NodeId = NodeId(1);
const OPERATOR: NodeId = NodeId(9);
/// A node needs this long, in µs, until its clients have noticed that it is down.
const SECOND: u64 = 1_000_000;
/// Nearly every experiment is one run with this seed.
const SEED: u64 = 1;
/// The most web nodes of an experiment.
const MOST: usize = 10;
const WEB_NAMES: [&str; MOST] =
    ["web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "web-7", "web-8", "web-9", "web-10"];

/// The web nodes of an experiment.
fn webs(n: usize) -> Vec<NodeId> {
    (11..).map(NodeId).take(n).collect()
}

/// What one experiment needs to know.
struct Experiment {
    nodes: Nodes,
    webs: usize,
    people: Vec<Person>,
    clicks: Vec<Click>,
    faults: Vec<Fault>,
    balancers: usize,
    /// When, in µs, the list of web nodes becomes another one, and how many are in it then.
    pool: Option<(u64, usize)>,
}

impl Experiment {
    /// A design before so many web nodes.
    fn new(step: &str, webs: usize) -> Self {
        let nodes = designs::row(step).nodes;
        let (people, clicks, faults) = (Vec::new(), Vec::new(), Vec::new());
        Self { nodes, webs, people, clicks, faults, balancers: 1, pool: None }
    }

    fn run(self) -> Run<Shop, ()> {
        self.run_with(SEED)
    }

    fn run_with(mut self, seed: u64) -> Run<Shop, ()> {
        self.clicks.sort_unstable();
        let end = self.clicks.last().map_or(0, |click| click.at) + SECOND;
        let known = webs(self.webs);
        let then = self.pool.map_or(self.webs, |(_, then)| then);
        let balancers = &LBS[..self.balancers];
        let crowd = Crowd::new(balancers, self.people, self.clicks);
        let mut roles = vec![Role::new(CROWD, "users", "client", crowd)];
        for (id, name) in balancers.iter().zip(LB_NAMES) {
            roles.push(Role::new(*id, name, "lb", (self.nodes.balancer)(&known)));
        }
        if let Some((at, _)) = self.pool {
            let operator = Operator::new(balancers, &[webs(then)]);
            let operator = operator.waiting(Duration::from_micros(at));
            roles.push(Role::new(OPERATOR, "operator", "client", operator));
        }
        let webs = webs(self.webs.max(then));
        for (id, name) in webs.iter().zip(WEB_NAMES) {
            roles.push(Role::new(*id, name, "web", (self.nodes.web)()));
        }
        if let Some(store) = self.nodes.store {
            roles.push(Role::new(STORE, "store", "replica", store()));
        }
        let world: Model<Shop, ()> = Model { goal: |_| false, ..Model::new(roles) };
        sim::run(&world, &FaultSchedule { faults: self.faults, end, ..FaultSchedule::none() }, seed)
    }
}

/// The crowd at the end of a run.
fn crowd(run: &Run<Shop, ()>) -> &Crowd {
    let crowd = run.world.node(CROWD).and_then(AnyNode::downcast_ref::<Crowd>);
    crowd.expect("the crowd never crashes")
}

/// The people at the end of a run.
fn people(run: &Run<Shop, ()>) -> &[Person] {
    crowd(run).people()
}

/// The messages that arrived at this node.
fn arrived(run: &Run<Shop, ()>, at: NodeId) -> impl Iterator<Item = &Msg> {
    run.actions.iter().filter_map(move |timed| match &timed.action.transition {
        Transition::Deliver { envelope, .. } if envelope.to == at => Some(&envelope.msg),
        _ => None,
    })
}

/// A user with an address of their own.
fn user_at_home(who: usize) -> Person {
    Person::new(Address(u32::from_be_bytes([10, 0, 0, 0]) + who as u32))
}

/// One click of each, at a moment of this range of µs.
fn each(people: usize, what: What, within: std::ops::Range<u64>, rng: &mut Rng) -> Vec<Click> {
    (0..people).map(|who| Click { at: rng.pick(within.clone()), who, what }).collect()
}

/// What was counted in runs.
fn counted(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
    Series { mark: Mark::Dots, ..line(name, points) }
}

/// What a formula says.
fn line(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
    Series { name: name.into(), points: points.into_iter().collect(), mark: Mark::Line }
}

/// The curves, by name; those of dials are with them.
#[must_use]
pub fn plots() -> Vec<(String, Plot)> {
    vec![
        ("sign-in-pages".into(), sign_ins::pages()),
        ("signed-out-by-a-crash".into(), sign_ins::crashes()),
        ("one-address".into(), load::plot()),
        ("joining".into(), joining::plot()),
        ("away-from-home".into(), hinge::plot()),
        ("copies".into(), copies::plot()),
    ]
}

/// All tables, by name.
#[must_use]
pub fn tables() -> Vec<(String, Table)> {
    let [scoreboard, events] = scoreboard::tables();
    vec![
        ("back-in-time".into(), twice::table()),
        ("old-cookie".into(), twice::old_cookie()),
        ("scoreboard".into(), scoreboard),
        ("events".into(), events),
        ("races".into(), races::table()),
        ("reads".into(), reads::table()),
        ("policies".into(), moves::table()),
        ("everywhere".into(), everywhere::table()),
    ]
}

/// What the workload costs each design.
#[must_use]
pub fn scoreboard() -> Table {
    let [scoreboard, _] = scoreboard::tables();
    scoreboard
}

/// All dials, by name.
#[must_use]
pub fn dials() -> Vec<(String, Dial)> {
    vec![
        ("imbalance".into(), busy::dial()),
        ("moved".into(), moves::dial()),
        ("rolling-restart".into(), sign_ins::dial()),
    ]
}
