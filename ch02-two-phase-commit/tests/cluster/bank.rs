//! Concurrent customers and readers while roles are killed and come back, at moments that a seed
//! chooses by the number of operations done.

use ch02_two_phase_commit::system::Role;
use lab::rng::Rng;

use crate::crowd::Crowd;
use crate::kit::Town;
use crate::ledger::{self, Elsewhere};

const KILLS: u64 = if cfg!(feature = "slow") { 80 } else { 20 };

/// Kills and restarts by the seed: mostly one role, now and then a second before the first is back.
fn kill_and_restart(town: &mut Town, crowd: &Crowd, rng: &mut Rng) {
    for _ in 0..KILLS {
        crowd.wait_for(town, rng.pick(1..60));
        let first = Role::ALL[rng.pick(0..3) as usize];
        town.cluster.kill(first).unwrap();
        if rng.chance(250_000) {
            let second = Role::ALL[rng.pick(0..3) as usize];
            town.cluster.restart(second, None).unwrap();
        }
        if !town.cluster.is_up(first) {
            town.cluster.restart(first, None).unwrap();
        }
        crowd.look_again(town);
    }
}

fn bank_test(seed: u64, power_cut: bool) {
    let mut town = Town::with(|config| config.power_cut = power_cut);
    let mut rng = Rng::new(seed);
    let crowd = Crowd::gather(&town, &mut rng);
    kill_and_restart(&mut town, &crowd, &mut rng);
    let told = crowd.end(&town, &format!("seed {seed}, {KILLS} kills"));
    let data = town.cluster.dir().to_owned();
    town.cluster.stop().unwrap();
    ledger::check(&data, &told, &Elsewhere::new());
}

#[test]
fn money_is_conserved_while_roles_are_killed() {
    bank_test(1, false);
}

#[test]
fn money_is_conserved_while_the_power_is_cut() {
    bank_test(2, true);
}
