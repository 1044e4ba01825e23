//! The workload that all designs run: who is there, and what they click, in half a minute of virtual time.
//!
//! 200 people sign in. Everybody looks once in each window of four seconds; beside that the n-th busiest
//! makes 1/n as many clicks as the busiest (*Zipf*): of 20, 15 are looks, 3 put something into the cart,
//! and 2 do that twice at once, in two tabs. Three people of ten share an address. In the end 40 sign out,
//! half of them with a request under way, and a thief uses copies of their cookies.

use lab::rng::Rng;

use super::{Experiment, SECOND, SEED, each, user_at_home};
use crate::crowd::{Click, Person, What};
use crate::types::Address;

/// People.
pub const PEOPLE: usize = 200;
/// Clicks beside those in each window.
const CLICKS: usize = 1_000;
/// When something happens to the shop, in µs.
pub(super) const EVENT: u64 = 9 * SECOND;
/// Everybody looks once in each, and in a rolling restart one node is down in each.
pub(super) const WINDOW: u64 = 4 * SECOND;
/// How long a node is down in a rolling restart.
pub(super) const DOWN: u64 = 3 * SECOND;
/// When the last window is over.
const END: u64 = EVENT + 5 * WINDOW;
/// These sign out, with nothing else under way.
pub(super) const ALONE: std::ops::Range<usize> = 100..120;
/// These sign out, and put something into the cart at the same moment.
pub(super) const RACING: std::ops::Range<usize> = 120..140;
/// When the thief looks again, in µs after a sign-out.
const REPLAYS: [u64; 8] =
    [100_000, 500_000, SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND, 4_900_000, 6 * SECOND];
/// One company's address.
const COMPANY: Address = Address(u32::from_be_bytes([198, 51, 100, 1]));

/// Picks people, the n-th with a chance of 1/n of the first's.
pub(super) struct Zipf {
    /// The weights, summed up, in 10⁻⁹ of the first.
    sums: Vec<u64>,
}

impl Zipf {
    pub(super) fn new(people: usize) -> Self {
        let weights = (1..=people as u64).map(|n| 1_000_000_000 / n);
        let sums = weights.scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    pub(super) fn pick(&self, rng: &mut Rng) -> usize {
        let at = rng.pick(0..*self.sums.last().expect("some people"));
        self.sums.partition_point(|sum| *sum <= at)
    }
}

/// A design before four web nodes, and the workload.
pub(super) fn shop(step: &str) -> Experiment {
    let mut rng = Rng::new(SEED);
    let mut experiment = Experiment::new(step, 4);
    let person = |who| if who % 10 < 7 { user_at_home(who) } else { Person::new(COMPANY) };
    experiment.people = (0..PEOPLE).map(person).collect();
    let clicks = &mut experiment.clicks;
    clicks.extend(each(PEOPLE, What::SignIn, 0..SECOND, &mut rng));
    for begin in (SECOND..END).step_by(WINDOW as usize) {
        // While each node is down, and not just when it goes or comes.
        let within = begin + SECOND / 2..begin + DOWN - SECOND / 2;
        clicks.extend(each(PEOPLE, What::Look, within, &mut rng));
    }
    let zipf = Zipf::new(PEOPLE);
    for _ in 0..CLICKS {
        let (who, at) = (zipf.pick(&mut rng), rng.pick(2 * SECOND..END));
        let click = |what| Click { at, who, what };
        match rng.pick(0..20) {
            0..15 => clicks.push(click(What::Look)),
            15..18 => clicks.push(click(What::Add)),
            _ => clicks.extend([click(What::Add), click(What::Add)]),
        }
    }
    for (who, at) in (ALONE.start..RACING.end).zip((END + SECOND..).step_by(10_000)) {
        let click = |at, what| Click { at, who, what };
        clicks.push(click(at - SECOND / 2, What::Copy));
        clicks.push(click(at, What::SignOut));
        if RACING.contains(&who) {
            clicks.push(click(at, What::Add));
        }
        clicks.extend(REPLAYS.map(|after| click(at + after, What::Replay)));
    }
    experiment
}
