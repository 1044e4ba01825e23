//! Concurrent customers and readers while roles are killed and come back, at moments that a seed
//! chooses by the number of operations done.

use ch02_two_phase_commit::system::{Design, Role};
use lab::rng::Rng;

use crate::kit::TestCluster;
use crate::ledger::{self, Elsewhere};
use crate::workload::Workload;

const KILLS: u64 = if cfg!(feature = "slow") { 40 } else { 20 };

/// Kills and restarts by the seed: mostly one role, now and then a second before the first is back.
fn kill_and_restart(test: &mut TestCluster, design: Design, workload: &Workload, rng: &mut Rng) {
    for _ in 0..KILLS {
        workload.wait_for(test, rng.pick(1..60));
        let first = pick(design, rng);
        test.cluster.kill(first).unwrap();
        // Two coordinators are left, and finish all that was begun.
        if first == Role::Coord && design.roles().contains(&Role::Coord2) {
            for role in [Role::Stock, Role::Pay] {
                test.until("it is free", || test.is_free(role).then_some(()));
            }
        }
        if rng.chance(250_000) {
            let second = pick(design, rng);
            test.cluster.restart(second, None).unwrap();
        }
        if !test.cluster.is_up(first) {
            test.cluster.restart(first, None).unwrap();
        }
        workload.reconnect(test);
    }
}

fn pick(design: Design, rng: &mut Rng) -> Role {
    let roles = design.roles();
    roles[rng.pick(0..roles.len() as u64) as usize]
}

fn bank_test(seed: u64, design: Design, power_cut: bool) {
    let mut test = TestCluster::with(|config| {
        config.options = design.options();
        config.power_cut = power_cut;
    });
    let mut rng = Rng::new(seed);
    let workload = Workload::start(&test, &mut rng);
    kill_and_restart(&mut test, design, &workload, &mut rng);
    let told = workload.end(&test, &format!("{design:?}, seed {seed}, {KILLS} kills"));
    let data = test.cluster.dir().to_owned();
    test.cluster.stop().unwrap();
    ledger::check(&data, &told, &Elsewhere::new());
}

#[test]
fn money_is_conserved_while_roles_are_killed() {
    bank_test(1, Design::TwoPhases, false);
}

#[test]
fn money_is_conserved_while_the_power_is_cut() {
    bank_test(2, Design::TwoPhases, true);
}

#[test]
fn money_is_conserved_while_those_in_doubt_ask_each_other() {
    bank_test(3, Design::Termination, false);
}

#[test]
fn money_is_conserved_while_any_of_three_coordinators_is_killed() {
    bank_test(4, Design::Paxos, false);
}

#[test]
fn money_is_conserved_while_the_power_of_any_of_five_is_cut() {
    bank_test(5, Design::Paxos, true);
}
