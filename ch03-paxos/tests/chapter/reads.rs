//! Reads beside the log, where they are in danger: at a leader that does not lead any more, and at one
//! that has just begun to.

use std::ops::Range;

use ch03_paxos::designs::KV;
use ch03_paxos::designs::scenes::{ACKNOWLEDGED, Doing, with_clients};
use ch03_paxos::group::Paxos;
use ch03_paxos::invariants::Ledger;
use ch03_paxos::types::Msg;
use ch03_paxos::types::kv::Msg as Kv;
use ch03_paxos::worlds::{Nodes, PROPOSERS, REPLICAS};
use lab::explore::Model;
use lab::rng::Rng;
use lab::script::Play;
use lab::sim::{self, Fault, FaultSchedule};

use crate::deliver::deliver;
use crate::store::{leading, message, takes};

const SEEDS: Range<u64> = if cfg!(feature = "slow") { 0..400 } else { 0..40 };
/// Longer than an election, in µs.
const LONG: u64 = 1_500_000;

/// One client increments so often, and begins at the replica of this number; another one reads beside the
/// log.
fn world(
    (writes, writes_at): (u16, usize),
    (reads, reads_at): (u16, usize),
) -> Model<Paxos, Ledger> {
    let clients = [(Doing::Increments(writes), writes_at), (Doing::Reads(reads), reads_at)];
    with_clients(&Nodes::STEP7, KV, &clients)
}

fn holds(world: &Model<Paxos, Ledger>, faults: impl Fn(&mut Rng) -> Vec<Fault>) {
    for seed in SEEDS {
        let faults = faults(&mut Rng::new(seed));
        let run = sim::run(world, &FaultSchedule { faults, ..FaultSchedule::none() }, seed);
        assert_eq!(run.broken, None, "seed {seed}");
        assert!(run.settled, "seed {seed}: some client is never answered");
    }
}

/// Its clients still reach it, and the others do not.
#[test]
fn a_leader_that_is_cut_off_answers_no_read() {
    let cut = |to, at| Fault::Cut { from: REPLICAS[0], to, both: true, at, lasts: LONG };
    holds(&world((300, 1), (1_500, 0)), |rng| {
        let at = rng.pick(5_000..200_000);
        vec![cut(REPLICAS[1], at), cut(REPLICAS[2], at)]
    });
}

#[test]
fn a_new_leader_answers_no_read_before_it_has_executed_what_it_was_told() {
    let model = world((1, 0), (1, 1));
    let begun = Play::new(model.clone(), "").run(ACKNOWLEDGED).expect("a script");
    let mut world = begun.world().clone();
    // It leads, and the others say that they follow; its entries are slow.
    deliver(&mut world, |sent| matches!(sent.msg, Msg::Kv(Kv::Accept { .. })));
    assert_eq!(world.line(REPLICAS[1]).split(';').next(), Some("leads"));
    assert_eq!(model.broken(&world).map(|broken| broken.why), None);
    assert!(world.line(PROPOSERS[1]).contains("waits for: get"), "it answered");
    deliver(&mut world, |_| false);
    assert_eq!(model.broken(&world).map(|broken| broken.why), None);
    assert_eq!(world.line(PROPOSERS[1]), "told 1; has its answers");
}

/// Followers ask again while a leader hears no majority. It keeps one question of each.
#[test]
fn a_leader_that_hears_nobody_keeps_one_question_of_each_replica() {
    let mut leader = leading();
    let other = REPLICAS[0];
    let asked = |question| message(other, Msg::Kv(Kv::HowFar { question, by_lease: false }));
    let mut size = |questions: Range<u64>| {
        questions.for_each(|question| drop(takes(&mut leader, asked(question))));
        format!("{leader:?}").len()
    };
    let first = size(1..3);
    assert!(size(3..1_000) < first + 100, "a few digits more, and no more questions");
}
