//! How much of the load one node gets when many people share an address, or a block of addresses.

use lab::chapter::Plot;
use lab::rng::Rng;

use super::{Experiment, SECOND, SEED, arrived, counted, each, line, user_at_home, webs};
use crate::crowd::{Person, What};
use crate::policy::FirstOctets;
use crate::types::{Address, Msg};
use crate::worlds::balancer;

const PEOPLE: usize = 2_000;
const LOOKS: usize = 5;
/// One company's address.
const COMPANY: Address = Address(u32::from_be_bytes([198, 51, 100, 1]));
/// One provider's block: 256 addresses with the same first three octets.
const BLOCK: u32 = u32::from_be_bytes([203, 0, 113, 0]);

/// The requests of the busiest web node, in parts of the mean, when so many percent of all people sit
/// behind one address.
#[must_use]
pub fn imbalance(step: &str, n: usize, percent: usize) -> f64 {
    let inside = PEOPLE * percent / 100;
    let person = |who| if who < inside { Person::new(COMPANY) } else { user_at_home(who) };
    busiest(Experiment::new(step, n), (0..PEOPLE).map(person).collect())
}

/// The same with IP hash, when they have addresses of their own in one block, and everybody else has one in
/// another block; with `first_octets`, only the first three octets of an address count, as in nginx.
#[must_use]
pub fn imbalance_of_a_block(n: usize, percent: usize, first_octets: bool) -> f64 {
    let inside = PEOPLE * percent / 100;
    let elsewhere = |who| Address(u32::from_be_bytes([10, 0, 0, 1]) + 256 * who);
    let address =
        |who| if who < inside as u32 { Address(BLOCK + who % 256) } else { elsewhere(who) };
    let mut experiment = Experiment::new("step2", n);
    if first_octets {
        experiment.nodes.balancer = |webs| balancer(FirstOctets, webs);
    }
    busiest(experiment, (0..PEOPLE as u32).map(|who| Person::new(address(who))).collect())
}

/// The requests of the busiest web node, in parts of the mean.
fn busiest(mut experiment: Experiment, people: Vec<Person>) -> f64 {
    let (mut rng, n) = (Rng::new(SEED), experiment.webs);
    experiment.people = people;
    experiment.clicks = each(PEOPLE, What::SignIn, 0..5 * SECOND, &mut rng);
    for _ in 0..LOOKS {
        experiment.clicks.extend(each(PEOPLE, What::Look, 6 * SECOND..30 * SECOND, &mut rng));
    }
    let run = experiment.run();
    let requests =
        |web| arrived(&run, web).filter(|msg| matches!(msg, Msg::Request { .. })).count();
    let requests: Vec<usize> = webs(n).into_iter().map(requests).collect();
    let (most, all): (usize, usize) =
        (requests.iter().copied().max().unwrap_or(0), requests.iter().sum());
    most as f64 * n as f64 / all as f64
}

/// IP hash beside its formula, the cookie, and a block of addresses with nginx's key.
pub(super) fn plot() -> Plot {
    let shares = || (0..=50).step_by(10);
    let of = |step: &'static str| shares().map(move |f| (f as f64, imbalance(step, 4, f)));
    let of_block =
        |first_octets| shares().map(move |f| (f as f64, imbalance_of_a_block(4, f, first_octets)));
    let formula = |f: usize| 1.0 + 3.0 * f as f64 / 100.0;
    Plot {
        title: "Everybody behind one address lands on one node".into(),
        x: "people behind one address, or in one block, %".into(),
        y: "busiest node ÷ mean of 4".into(),
        series: vec![
            counted("IP hash", of("step2")),
            line("1 + 3f", shares().map(|f| (f as f64, formula(f)))),
            counted("sticky cookie", of("step3")),
            counted("a block, nginx's key", of_block(true)),
        ],
    }
}
