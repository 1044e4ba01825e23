//! Duelling proposers: which ways to wait end a duel?

use ch03_paxos::duel::{Ballots, Way, decides_in_step, dial};
use lab::chapter::Series;

/// Equal delays, and three proposers that begin one after the other: each new ballot comes just before
/// the accept of the one before, for ever.
#[test]
fn waiting_equally_long_never_ends_a_duel_in_step() {
    let decides = Way::ALL.map(|(way, _)| (way, decides_in_step(way)));
    let expected =
        [(Way::None, false), (Way::Fixed, false), (Way::Random, true), (Way::Leader, true)];
    assert_eq!(decides, expected);
}

/// The guess of the page: its answer is a point of its curve, and far from what half of the decisions take.
#[test]
fn the_dial_asks_for_a_point_of_its_curve() {
    let dial = dial();
    let [fixed, random] = &dial.plot.series[..] else { panic!("two curves") };
    assert_eq!(fixed.points.last(), Some(&(99.0, dial.answer)));
    assert!(dial.range.0 < dial.answer && dial.answer < dial.range.1, "{}", dial.answer);
    let last = |of: &Series| of.points.last().expect("a point").1;
    assert!(last(fixed) > 2.0 * last(random), "{} and {}", last(fixed), last(random));
}

#[test]
fn a_leader_needs_one_ballot() {
    assert_eq!(Ballots::of(Way::Leader, 1_000).within(100), Some(1));
}

#[test]
fn a_random_wait_decides_every_time_and_sooner() {
    let [none, fixed, random] =
        [Way::None, Way::Fixed, Way::Random].map(|way| Ballots::of(way, 100));
    assert_eq!(random.decided.len(), 100);
    assert!(random.within(99) < fixed.within(99), "{random:?}, {fixed:?}");
    assert!(none.within(50).is_none(), "most duels last longer than 100 ms");
}
