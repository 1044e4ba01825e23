//! Concurrent customers and readers while roles are killed and come back, at moments that a seed
//! chooses by the number of operations done.

use ch02_two_phase_commit::system::{Design, Role};
use lab::rng::Rng;

use crate::crowd::Crowd;
use crate::kit::Town;
use crate::ledger::{self, Elsewhere};

const KILLS: u64 = if cfg!(feature = "slow") { 40 } else { 20 };

/// Kills and restarts by the seed: mostly one role, now and then a second before the first is back.
fn kill_and_restart(town: &mut Town, design: Design, crowd: &Crowd, rng: &mut Rng) {
    for _ in 0..KILLS {
        crowd.wait_for(town, rng.pick(1..60));
        let first = pick(design, rng);
        town.cluster.kill(first).unwrap();
        // Two coordinators are left, and finish all that was begun.
        if first == Role::Coord && design.roles().contains(&Role::Coord2) {
            for role in [Role::Stock, Role::Pay] {
                town.until("it is free", || town.is_free(role).then_some(()));
            }
        }
        if rng.chance(250_000) {
            let second = pick(design, rng);
            town.cluster.restart(second, None).unwrap();
        }
        if !town.cluster.is_up(first) {
            town.cluster.restart(first, None).unwrap();
        }
        crowd.look_again(town);
    }
}

fn pick(design: Design, rng: &mut Rng) -> Role {
    let roles = design.roles();
    roles[rng.pick(0..roles.len() as u64) as usize]
}

fn bank_test(seed: u64, design: Design, power_cut: bool) {
    let mut town = Town::with(|config| {
        config.options = design.options();
        config.power_cut = power_cut;
    });
    let mut rng = Rng::new(seed);
    let crowd = Crowd::gather(&town, &mut rng);
    kill_and_restart(&mut town, design, &crowd, &mut rng);
    let told = crowd.end(&town, &format!("{design:?}, seed {seed}, {KILLS} kills"));
    let data = town.cluster.dir().to_owned();
    town.cluster.stop().unwrap();
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
