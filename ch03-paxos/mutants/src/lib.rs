//! Chapter 3 with one thing changed, many times over.
//!
//! Each `*.toml` of this folder names a step, what is changed in it, the scope in which that is seen, the
//! invariant that breaks first, and after how many events. Some name a smaller scope as well, in which
//! nothing breaks: a search with two ballots calls some famous bugs safe. The store has too many states
//! to search from the first one. Its mutants are searched from the end of a script, or simulated: then
//! the file names the first seed that breaks something.
//!
//! See the schedules: `cargo test -p ch03-mutants -- --nocapture`.
//!
//! # Left out
//!
//! Mutants of disks and networks: those are not lines of a step.

use ch03_paxos::designs::changing::{all_restart, changing_once, replaced_comes_back, trouble};
use ch03_paxos::designs::scenes::{
    ACKNOWLEDGED, Doing, KNOWS_LESS, LEADS_ANYWAY, REPLACED, TOLD, leader_crashes, leader_restarts,
    lease_faults, read_by_lease, storm, with_clients, with_four_replicas,
};
use ch03_paxos::group::{AnyNode, Group, Paxos};
use ch03_paxos::invariants::Ledger;
use ch03_paxos::quorums::{TWO_OF_FOUR, from_there, store_of_four};
use ch03_paxos::worlds::{Crashing, DRIFT, Nodes, Scope, wanted};
use lab::explore::Limits;
use lab::sim::FaultSchedule;
use lab::study::Scene;
use lab::testing::Setting;
use lab::world::Wire;

/// A step with something changed.
pub type Mutant = lab::testing::Mutant<Changed>;

/// What a changed module makes.
#[derive(Clone, Copy, Debug)]
pub struct Changed {
    /// As it is by itself.
    pub nodes: Nodes,
    /// With leases, if it has them.
    pub leased: Option<Nodes>,
    /// One of four, of which two are enough in each phase, if it takes such sizes.
    pub one_of_four: Option<fn(Group) -> AnyNode>,
    /// One that takes a snapshot after each slot, if it takes any.
    pub saving: Option<fn(Group) -> AnyNode>,
}

/// What a changed module makes.
macro_rules! design {
    ($module:ident, step6_log) => {
        Changed {
            nodes: Nodes::Log(|group| AnyNode::new($module::Replica::new(group))),
            leased: None,
            one_of_four: None,
            saving: None,
        }
    };
    // So few sessions that one is closed where many are opened.
    ($module:ident, replicated_kv) => {
        Changed {
            nodes: Nodes::Store {
                replica: |group| {
                    let config = $module::Config { sessions: 2, ..$module::Config::default() };
                    AnyNode::new($module::Replica::new(group, config))
                },
                sessions: true,
            },
            leased: Some(Nodes::Store {
                replica: |group| {
                    let config =
                        $module::Config { drift: Some(DRIFT), ..$module::Config::default() };
                    AnyNode::new($module::Replica::new(group, config))
                },
                sessions: true,
            }),
            one_of_four: Some(|group| {
                let sizes = $module::Sizes::new(2, 2, 4).or($module::Sizes::new(3, 2, 4));
                let config = $module::Config { quorums: sizes.ok(), ..$module::Config::default() };
                AnyNode::new($module::Replica::new(group, config))
            }),
            saving: Some(|group| {
                let config = $module::Config {
                    log: 0,
                    chunk: 64,
                    sessions: 8,
                    ..$module::Config::default()
                };
                AnyNode::new($module::Replica::new(group, config))
            }),
        }
    };
    ($module:ident, $step:ident) => {
        Changed {
            nodes: Nodes::Group {
                proposer: |group, i| AnyNode::new($module::Proposer::new(group, wanted(i))),
                acceptor: |group| AnyNode::new($module::Acceptor::new(group)),
            },
            leased: None,
            one_of_four: None,
            saving: None,
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

/// More than any scope below has.
const STATES: usize = 20_000_000;

/// The end of a scope's name: the same world, in which nothing goes wrong.
const WITHOUT_FAULTS: &str = ", without faults";

/// Where a mutant is tried. In a scope with ballots, each of the two proposers has one, and a timer that
/// expires gives one of them another, or makes a follower lead.
///
/// # Panics
/// If there is no such scope.
#[must_use]
pub fn setting(changed: &Changed, name: &str, promised: &[&'static str]) -> Setting<Paxos, Ledger> {
    if let Some(name) = name.strip_suffix(WITHOUT_FAULTS)
        && let Setting::Simulated(world, _) = setting(changed, name, promised)
    {
        return Setting::Simulated(world, |_| FaultSchedule::none());
    }
    let Changed { nodes, leased, one_of_four, saving } = changed;
    let saving = || saving.expect("this step takes snapshots");
    let limits = |timeouts, crashes| Limits {
        timeouts: Some(timeouts),
        states: STATES,
        ..Limits::safety(crashes)
    };
    // Where so much has happened, messages that come again are left to the simulator.
    let once = Limits { wire: Wire::Bag, restarts: false, ..limits(0, 0) };
    let two = |crashing| nodes.model(Scope::TWO.crashing(crashing), promised);
    let store = |clients: &[(Doing, usize)]| with_clients(nodes, promised, clients);
    // `web-2` is started by the script: its read begins after the increment was acknowledged.
    let reads_late = |at| {
        let mut world = store(&[(Doing::Increments(1), 0), (Doing::Reads(1), at)]);
        world.roles[1].starts_down = true;
        world
    };
    Setting::Explored(match name {
        "2 ballots" => Scene::new(two(Crashing::Replicas), limits(0, 0)),
        "2 ballots, a replica restarts" => Scene::new(two(Crashing::Replicas), limits(0, 1)),
        "2 ballots, a proposer restarts" => Scene::new(two(Crashing::Proposers), limits(0, 1)),
        "3 ballots" | "a log, 2 leaders" => Scene::new(two(Crashing::Replicas), limits(1, 0)),
        "4 replicas, 2 ballots" => Scene::new(with_four_replicas(nodes, promised), limits(0, 0)),
        "a store, a new leader was told" => {
            Scene::new(reads_late(1), once).after(ACKNOWLEDGED).after(TOLD)
        }
        "a store, a new leader knows less" => {
            Scene::new(reads_late(2), once).after(KNOWS_LESS).after(LEADS_ANYWAY)
        }
        "a store, a leader was replaced" => {
            let readers = [(Doing::Reads(1), 0), (Doing::Reads(2), 0)];
            let world = store(&[(Doing::Increments(1), 2), readers[0], readers[1]]);
            Scene::new(world, once).after(REPLACED)
        }
        "a store of four, a new leader" => {
            let replica = one_of_four.expect("this step has quorums of any size");
            Scene::new(store_of_four(replica, promised), from_there()).after(TWO_OF_FOUR)
        }
        "a store without faults" => {
            return Setting::Simulated(nodes.busy(promised), |_| FaultSchedule::none());
        }
        "a store, its leader restarts" => {
            return Setting::Simulated(nodes.busy(promised), leader_restarts);
        }
        "a store, its leader crashes" => {
            return Setting::Simulated(nodes.busy(promised), leader_crashes);
        }
        "a store with leases" => {
            let nodes = leased.as_ref().expect("this step has leases");
            let world = read_by_lease(nodes, promised, (300, 1_200));
            return Setting::Simulated(world, lease_faults);
        }
        "a store whose group changes" => {
            return Setting::Simulated(changing_once(saving(), promised, 2, 10), trouble);
        }
        "a store to which a replaced replica comes back" => {
            let world = changing_once(saving(), promised, 2, 300);
            return Setting::Simulated(world, replaced_comes_back);
        }
        "a store whose replicas restart" => {
            let nodes = Nodes::Store { replica: saving(), sessions: true };
            let world = nodes.model(Scope::TWO.commands(40), promised);
            return Setting::Simulated(world, all_restart);
        }
        "a store in storms" => return Setting::Simulated(nodes.busy(promised), storm),
        _ => panic!("no scope of this chapter is called {name:?}"),
    })
}

#[cfg(test)]
mod tests {
    use ch03_paxos::designs::{CONSENSUS, KV, LOG};

    use super::*;

    fn promised(mutant: &Mutant) -> &'static [&'static str] {
        match mutant.scope.split([' ', ',']).nth(1) {
            Some("store") => KV,
            Some("log") => LOG,
            _ => CONSENSUS,
        }
    }

    fn judge(name: &str) {
        let mutant = ALL.iter().find(|mutant| mutant.name == name).expect("a mutant");
        mutant.assert_as_recorded(promised(mutant), setting);
    }

    include!(concat!(env!("OUT_DIR"), "/tests.rs"));

    /// What kills a mutant of the store does not kill the store.
    #[test]
    fn the_store_itself_survives() {
        use ch03_paxos::replicated_kv;

        let store: Changed = design!(replicated_kv, replicated_kv);
        for mutant in ALL.iter().filter(|mutant| promised(mutant) == KV) {
            let setting = super::setting(&store, mutant.scope, KV);
            if let Setting::Explored(scene) = &setting {
                let report = scene.explore();
                assert!(!report.gave_up, "{}: too many states", mutant.scope);
                assert_eq!(report.violation.map(|v| v.broken), None, "{}", mutant.scope);
            } else {
                let seeds = 0..mutant.seed.expect("a seed") + 1;
                assert_eq!(setting.killed(seeds), None, "{}", mutant.scope);
            }
        }
    }
}
