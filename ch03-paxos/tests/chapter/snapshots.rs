//! Snapshots: of a state that goes on changing, written by a replica, and pulled by one that is behind.

use std::sync::Arc;
use std::time::Duration;

use ch03_paxos::book::{STATES_PULLING, STATES_SAVING};
use ch03_paxos::designs::KV;
use ch03_paxos::group::{Group, Paxos};
use ch03_paxos::replicated_kv::{Config, Frozen, Machine, Replica};
use ch03_paxos::types::kv::{
    Blob, Command, Entry, Op, Origin, Record as Kept, RequestId, SessionId,
};
use ch03_paxos::types::log::Slot;
use ch03_paxos::types::{Ballot, Msg, Record, Timer, kv};
use ch03_paxos::worlds::{Crashing, Nodes, PROPOSERS, REPLICAS, Scope};
use lab::explore::{Limits, Search};
use lab::rng::Rng;
use lab::script::Play;
use lab::sim::{self, Fault, FaultSchedule, TimedAction};
use lab::world::{Action, Transition};
use lab::{Effect, Input, NodeId};
use proptest::prelude::*;

use crate::deliver::deliver;
use crate::store::{message, takes};

/// So few sessions that one is closed now and then.
const SESSIONS: usize = 3;

fn command() -> impl Strategy<Value = Command> {
    let key = || (0..6_u8).prop_map(|n| Blob::new(&format!("key-{n}")));
    let long = (1..9_usize).prop_map(|n| Blob(vec![b'x'; n * 8_000].into()));
    let op = prop_oneof![
        2 => Just(Op::OpenSession),
        2 => key().prop_map(|key| Op::Increment { key }),
        1 => key().prop_map(|key| Op::Get { key }),
        4 => (key(), long).prop_map(|(key, value)| Op::Set { key, value, only_new: false }),
        2 => (key(), key()).prop_map(|(one, other)| Op::Delete { keys: vec![one, other] }),
    ];
    let id = proptest::option::of((1..8_u64, 1..5_u64));
    (op, id).prop_map(|(op, id)| {
        let id = id.map(|(session, seq)| RequestId { session: SessionId(session), seq });
        let id = id.filter(|_| op != Op::OpenSession);
        Command { origin: Origin { replica: REPLICAS[0], start: 1, number: 1 }, id, op }
    })
}

proptest! {
    #[test]
    fn a_frozen_state_stays_as_it_was(
        before in proptest::collection::vec(command(), 0..30),
        after in proptest::collection::vec(command(), 0..60),
        pace in 1..10_usize,
    ) {
        let mut machine = Machine::new(SESSIONS, REPLICAS.into());
        before.iter().for_each(|command| drop(machine.execute(command)));
        let was = machine.clone();
        let mut frozen = Frozen::new(&machine, Slot(7));
        let mut restored = Machine::of(frozen.head(), SESSIONS);
        let mut commands = after.iter();
        loop {
            let (chunk, is_last) = frozen.next(&machine, 64 << 10);
            restored.restore(&chunk);
            if is_last {
                break;
            }
            for command in commands.by_ref().take(pace) {
                frozen.before(&machine, command);
                machine.execute(command);
            }
        }
        prop_assert_eq!(restored, was);
    }
}

/// `replica-1` leads.
const LEADS: &str = "deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
lose replica-1 replica-2
lose replica-1 replica-3
lose replica-1 replica-3";

#[test]
fn whatever_a_crash_cuts_a_snapshot_or_its_log_is_there() {
    let world = Nodes::SAVING.model(Scope::ONE.crashing(Crashing::OneReplica), KV);
    let begun = Play::new(world.clone(), "").run(LEADS).expect("a script");
    let limits = Limits { timeouts: Some(0), states: 3_000_000, ..Limits::safety(1) };
    let report = Search::from_world(&world, &limits, begun.world()).finish();
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up && report.never.is_empty());
    assert_eq!(report.graph.states(), STATES_SAVING);
}

/// `replica-2` hears nothing while the others write, take snapshots and drop what is old. Then the leader's
/// beat reaches it.
#[test]
fn whatever_a_crash_cuts_who_pulls_a_snapshot_has_that_or_its_own_log() {
    let model = Nodes::SAVING.model(Scope::ONE.commands(2).crashing(Crashing::OneReplica), KV);
    let mut world = Play::new(model.clone(), "").run("").expect("a script").world().clone();
    deliver(&mut world, |sent| sent.to == REPLICAS[1]);
    assert_eq!(world.line(PROPOSERS[0]), "told 2; has its answers");
    let missed = world.network().in_flight().filter(|sent| sent.to == REPLICAS[1]);
    let missed: Vec<_> = missed.cloned().map(Transition::Lose).collect();
    let missed = missed.into_iter();
    for transition in missed.chain([Transition::Timeout(REPLICAS[0], Timer::Heartbeat)]) {
        world.apply(&Action::new(transition), Duration::ZERO, &mut ());
    }
    let limits = Limits { timeouts: Some(0), states: 3_000_000, ..Limits::safety(1) };
    let report = Search::from_world(&model, &limits, &world).finish();
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up);
    assert_eq!(report.graph.states(), STATES_PULLING);
}

/// A replica is away while the others drop what it misses.
#[test]
fn a_replica_that_comes_back_late_pulls_a_snapshot() {
    let world = Nodes::STEP7.model(Scope::TWO.commands(100), KV);
    let (mut pulled, mut written) = (0, 0);
    for seed in 0..100 {
        let mut rng = Rng::new(seed);
        let node = REPLICAS[rng.pick(0..3) as usize];
        let (at, back) = (rng.pick(500..20_000), Some(rng.pick(10_000..100_000)));
        let fault = Fault::Crash { node, at, back, wiped: false, forget: 0 };
        let schedule = FaultSchedule { faults: vec![fault], ..FaultSchedule::none() };
        let run = sim::run(&world, &schedule, seed);
        assert_eq!(run.broken, None, "seed {seed}");
        assert!(run.settled, "seed {seed}: some client is never answered");
        let is_last = |timed: &&TimedAction<Paxos>| match &timed.action.transition {
            Transition::Deliver { envelope, .. } => {
                matches!(envelope.msg, Msg::Kv(kv::Msg::Chunk { is_last: true, .. }))
            }
            _ => false,
        };
        pulled += run.actions.iter().filter(is_last).count();
        let of = |id: &NodeId| run.world.host(*id).disk.records();
        let records = REPLICAS.iter().flat_map(of);
        written += records.filter(|record| **record == Record::Kv(Kept::Whole)).count();
    }
    assert!(pulled > 20 && written > 200, "{pulled} pulled, {written} written");
}

/// A replica that has dropped what a candidate asks for. It has no true answer, so it gives none.
#[test]
fn what_is_dropped_is_neither_promised_nor_supported() {
    let config = Config { log: 0, ..Config::default() };
    let mut replica = Replica::new(Group::new(&REPLICAS), config);
    takes(&mut replica, Input::Boot { start: 1 });
    let [leader, me, candidate] = REPLICAS;
    let ballot = |round, node| Ballot { round, node, start: 1 };
    let entry = Entry::Batch(Arc::new([]));
    let first = ballot(1, leader);
    let tell = |msg| message(leader, Msg::Kv(msg));
    let slot = Slot::FIRST;
    takes(
        &mut replica,
        tell(kv::Msg::Accept { ballot: first, changes: 0, slot, entry: Entry::NoOp }),
    );
    takes(&mut replica, tell(kv::Msg::Accept { ballot: first, changes: 0, slot: Slot(2), entry }));
    takes(&mut replica, tell(kv::Msg::Commit { ballot: first, open: Slot(2) }));
    takes(&mut replica, message(me, Msg::Kv(kv::Msg::Save)));
    takes(&mut replica, Input::Timeout(Timer::Suspect));
    let mut ask = |msg| takes(&mut replica, message(candidate, Msg::Kv(msg)));
    let higher = ballot(2, candidate);
    let support = Effect::SendAhead { to: candidate, msg: Msg::Kv(kv::Msg::Willing) };
    assert!(!ask(kv::Msg::Probe { first: slot }).contains(&support));
    assert!(ask(kv::Msg::Probe { first: Slot(2) }).contains(&support));
    assert_eq!(ask(kv::Msg::Prepare { ballot: higher, changes: 0, first: slot }), []);
    assert_ne!(ask(kv::Msg::Prepare { ballot: higher, changes: 0, first: Slot(2) }), []);
}

/// A snapshot writes the promise first, and older votes behind it.
#[test]
fn a_vote_that_is_read_back_lowers_no_promise() {
    let mut replica = Replica::new(Group::new(&REPLICAS), Config::default());
    let [leader, _, candidate] = REPLICAS;
    let old = Ballot { round: 1, node: leader, start: 1 };
    let new = Ballot { round: 2, node: candidate, start: 1 };
    let slot = Slot::FIRST;
    takes(&mut replica, Input::Replay(Record::Promised(new)));
    let vote = Kept::Accepted { slot, ballot: old, entry: Entry::NoOp };
    takes(&mut replica, Input::Replay(Record::Kv(vote)));
    takes(&mut replica, Input::Boot { start: 2 });
    let accept = kv::Msg::Accept { ballot: old, changes: 0, slot, entry: Entry::NoOp };
    let refused =
        Effect::SendAhead { to: leader, msg: Msg::Refused { ballot: old, promised: new } };
    assert_eq!(takes(&mut replica, message(leader, Msg::Kv(accept))), [refused]);
}
