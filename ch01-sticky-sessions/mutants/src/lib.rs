//! Chapter 1 with one thing changed, many times over.
//!
//! Each `*.toml` of this folder names a file of step 7, what is changed in it, where that is seen, and the
//! promise that breaks: after how many events, or with which seed. Two survive: their files say what they cost instead. A change that is no longer found exactly once does not build.
//!
//! See the schedules: `cargo test -p ch01-mutants -- --nocapture`.
//!
//! # Left out
//!
//! Mutants of the proxy and of its cookies: those are not lines of a node.

use ch01_sticky_sessions::browser::{Browser, Op};
use ch01_sticky_sessions::designs::BOUND;
use ch01_sticky_sessions::invariants::Ledger;
use ch01_sticky_sessions::shop::{AnyNode, Shop};
use ch01_sticky_sessions::step7_affinity_hint::{AffinityHint, Web};
use ch01_sticky_sessions::store::Store;
use ch01_sticky_sessions::types::{Address, wait};
use ch01_sticky_sessions::worlds::{BROWSERS, LBS, Nodes, STORE, Scene as Shown, WEBS, balancer};
use lab::explore::{Limits, Model};
use lab::rng::Rng;
use lab::sim::{Fault, FaultSchedule};
use lab::study::{Scene, Target};
use lab::testing::Setting;
use lab::world::Role;

/// Step 7 with something changed.
pub type Mutant = lab::testing::Mutant<Nodes>;

/// What a changed module makes.
macro_rules! design {
    ($module:ident, step7_affinity_hint) => {
        Nodes {
            balancer: |webs| balancer($module::AffinityHint { bound: BOUND }, webs),
            web: || AnyNode::new($module::Web::new(STORE, wait::FRESH)),
            store: Some(|| AnyNode::new(Store::default())),
        }
    };
    ($module:ident, store) => {
        Nodes {
            balancer: |webs| balancer(AffinityHint { bound: BOUND }, webs),
            web: || AnyNode::new(Web::new(STORE, wait::FRESH)),
            store: Some(|| AnyNode::new($module::Store::default())),
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

/// Where a mutant is tried.
///
/// # Panics
/// If there is no such world.
#[must_use]
pub fn setting(nodes: &Nodes, name: &str, _: &[&'static str]) -> Setting<Shop, Ledger> {
    let limits = |crashes| Limits { timeouts: Some(4), ..Limits::progress(crashes, 0, 0) };
    let explored = |scene, limits| Setting::Explored(Scene::new(nodes.model(scene), limits));
    match name {
        "two tabs" => explored(Shown::TwoAtOnce, limits(0)),
        "sign-outs" => Setting::Simulated(nodes.model(Shown::SignOut), |_| FaultSchedule::none()),
        "a thief, a server stands still" => {
            Setting::Simulated(with_a_thief(nodes), stands_still_often)
        }
        "sign-outs, a server stands still" => {
            Setting::Simulated(nodes.model(Shown::SignOut), |rng| stands_still(rng, WEBS[0]))
        }
        "sign-outs, the store restarts" => Setting::Simulated(nodes.model(Shown::SignOut), |rng| {
            Target { servers: vec![STORE], ..two_webs() }.schedule("restart", rng)
        }),
        "storms" => Setting::Simulated(nodes.model(Shown::Storm), |rng| {
            let servers = WEBS.into_iter().chain([STORE]).collect();
            Target { servers, ..two_webs() }.storm(rng)
        }),
        _ => panic!("no world of this chapter is called {name:?}"),
    }
}

/// Alice signs out while a thief's look is under way, and the thief looks again as soon as no copy may be used.
fn with_a_thief(nodes: &Nodes) -> Model<Shop, Ledger> {
    let mut world = nodes.model(Shown::SignOut);
    let copy = Op::Aside(Box::new(Op::Copy));
    let round = [Op::SignIn, copy, Op::SignOut, Op::Wait, Op::Wait, Op::Wait, Op::Replay];
    let ops = vec![round; 8].concat();
    let address = Address(u32::from_be_bytes([192, 0, 2, 1]));
    let alice = Browser::new(&LBS[..1], "alice", address, &ops);
    world.roles[0] = Role::new(BROWSERS[0], "alice", "client", alice);
    world
}

/// Two servers, while people are there.
fn two_webs() -> Target {
    let (servers, links) = (WEBS[..2].to_vec(), vec![(LBS[0], WEBS[0])]);
    Target { servers, links, busy: 0..2_000_000, lasts: 1_000..2_000_000 }
}

fn stands_still(rng: &mut Rng, node: lab::NodeId) -> FaultSchedule {
    Target { servers: vec![node], ..two_webs() }.schedule("pause", rng)
}

/// Shorter than a server waits for the store.
fn stands_still_often(rng: &mut Rng) -> FaultSchedule {
    let pause = |_| {
        let (at, lasts) = (rng.pick(0..5_000_000), rng.pick(100_000..400_000));
        Fault::Pause { node: WEBS[1], at, lasts }
    };
    FaultSchedule { faults: (0..12).map(pause).collect(), ..FaultSchedule::none() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(name: &str) {
        let mutant = ALL.iter().find(|mutant| mutant.name == name).expect("a mutant");
        mutant.assert_as_recorded(&[], setting);
    }

    include!(concat!(env!("OUT_DIR"), "/tests.rs"));

    /// What kills a mutant does not kill the step.
    #[test]
    fn the_step_itself_survives() {
        let nodes = ch01_sticky_sessions::designs::row("step7").nodes;
        for mutant in ALL {
            match setting(&nodes, mutant.scope, &[]) {
                Setting::Explored(scene) => {
                    let report = scene.explore();
                    assert!(!report.gave_up, "{}: too many states", mutant.scope);
                    assert_eq!(report.violation.map(|v| v.broken), None, "{}", mutant.scope);
                }
                simulated @ Setting::Simulated(..) => {
                    let seeds = 0..mutant.seed.expect("a seed") + 1;
                    assert_eq!(simulated.killed(seeds), None, "{}", mutant.scope);
                }
            }
        }
    }
}
