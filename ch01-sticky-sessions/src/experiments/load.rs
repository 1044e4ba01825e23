//! How much of the load one node gets when many people share an address.

use lab::chapter::Plot;
use lab::rng::Rng;

use super::{Experiment, SECOND, SEED, arrived, counted, each, line, user_at_home, webs};
use crate::crowd::{Person, What};
use crate::types::{Address, Msg};

const PEOPLE: usize = 2_000;
const LOOKS: usize = 5;
/// One company's address.
const COMPANY: Address = Address(u32::from_be_bytes([198, 51, 100, 1]));

/// The requests of the busiest web node, in parts of the mean, when so many percent of all people sit
/// behind one address.
#[must_use]
pub fn imbalance(step: &str, n: usize, percent: usize) -> f64 {
    let mut rng = Rng::new(SEED);
    let mut experiment = Experiment::new(step, n);
    let inside = PEOPLE * percent / 100;
    let person = |who| if who < inside { Person::new(COMPANY) } else { user_at_home(who) };
    experiment.people = (0..PEOPLE).map(person).collect();
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

/// IP hash beside its formula, and the cookie.
pub(super) fn plot() -> Plot {
    let shares = || (0..=50).step_by(10);
    let of = |step: &'static str| shares().map(move |f| (f as f64, imbalance(step, 4, f)));
    let formula = |f: usize| 1.0 + 3.0 * f as f64 / 100.0;
    Plot {
        title: "Everybody behind one address lands on one node".into(),
        x: "people behind one address, %".into(),
        y: "busiest node ÷ mean of 4".into(),
        series: vec![
            counted("IP hash", of("step2")),
            line("1 + 3f", shares().map(|f| (f as f64, formula(f)))),
            counted("sticky cookie", of("step3")),
        ],
    }
}
