//! The replicated store: proofs about small worlds, and what its clients are told.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ch03_paxos::book::{STATES_STORE, STEPS_PLAIN};
use ch03_paxos::designs::{KV, row};
use ch03_paxos::group::{Group, Paxos};
use ch03_paxos::replicated_kv::{Config, Replica};
use ch03_paxos::types::kv::{
    Blob, Command, Entry, MAX_REQUEST, Msg as Kv, Op, Origin, Outcome, Refusal,
};
use ch03_paxos::types::log::Slot;
use ch03_paxos::types::{Ballot, Msg, Timer};
use ch03_paxos::worlds::{Crashing, Nodes, REPLICAS, Scope};
use lab::explore::{Limits, Search, explore};
use lab::node::react;
use lab::pump::{Outside, Pump};
use lab::script::Play;
use lab::{Effect, Input, NodeId};

/// `replica-1` leads, and `web-1` has a session.
const SESSION: &str = "deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver web-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 replica-2
lose replica-1 replica-2
deliver replica-1 web-1
lose replica-1 replica-3
lose replica-1 replica-3
lose replica-1 replica-3
lose replica-1 replica-3";

const CLIENT: NodeId = NodeId(1);
/// More messages than any of these runs has.
const MOST: usize = 10_000;

#[test]
fn a_request_that_comes_again_is_done_once_whoever_leads() {
    let world = row("step7").model(Scope::ONE.crashing(Crashing::OneReplica));
    let begun = Play::new(world.clone(), "").run(SESSION).expect("a script");
    let limits = Limits { timeouts: Some(1), states: 3_000_000, ..Limits::safety(0) };
    let report = Search::from_world(&world, &limits, begun.world()).finish();
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up && report.never.is_empty());
    assert_eq!(report.graph.states(), STATES_STORE);
}

#[test]
fn without_a_session_a_client_that_asks_again_counts_twice() {
    let world = Nodes::STEP7.without_sessions().model(Scope::ONE, KV);
    let limits = Limits { timeouts: Some(1), states: 3_000_000, ..Limits::safety(0) };
    let violation = explore(&world, &limits).violation.expect("it counts twice");
    assert_eq!((violation.broken.property, violation.path.len()), ("ONCE", STEPS_PLAIN));
}

/// Counts what leaves the replicas, and keeps what clients are told.
#[derive(Default)]
struct Told {
    answers: Vec<Result<Outcome, Refusal>>,
    records: usize,
}

impl Outside<Paxos> for Told {
    fn message(&mut self, _from: NodeId, _to: NodeId, msg: Msg) {
        if let Msg::Kv(Kv::Answer { outcome, .. }) = msg {
            self.answers.push(outcome);
        }
    }

    fn persist(&mut self, _at: NodeId, _record: ch03_paxos::types::Record) {
        self.records += 1;
    }
}

fn replicas() -> impl Iterator<Item = (NodeId, Replica)> {
    let group = Group::new(&REPLICAS);
    REPLICAS.into_iter().map(move |id| (id, Replica::new(group.clone(), Config::default())))
}

fn increment() -> Op {
    Op::Increment { key: Blob::new("sold") }
}

pub(crate) fn request(number: u64, op: Op) -> Msg {
    Msg::Kv(Kv::Request { number, id: None, op })
}

/// What a replica does that takes this.
pub(crate) fn takes(replica: &mut Replica, input: Input<Paxos>) -> Vec<Effect<Paxos>> {
    react(replica, REPLICAS[1], Duration::ZERO, input)
}

pub(crate) fn message(from: NodeId, msg: Msg) -> Input<Paxos> {
    Input::Message { from, msg }
}

pub(crate) fn answers(effects: &[Effect<Paxos>]) -> Vec<Result<Outcome, Refusal>> {
    let answer = |effect: &Effect<Paxos>| match effect {
        Effect::SendAhead { msg: Msg::Kv(Kv::Answer { outcome, .. }), .. } => Some(outcome.clone()),
        _ => None,
    };
    effects.iter().filter_map(answer).collect()
}

#[test]
fn requests_that_wait_share_a_slot() {
    let mut told = Told::default();
    let mut pump = Pump::new(replicas(), &mut told);
    run(&mut pump, &mut told);
    let before = told.records;
    for number in 1..=100 {
        pump.send(CLIENT, REPLICAS[0], request(number, increment()));
    }
    run(&mut pump, &mut told);
    let counts: Vec<_> = (1..=100).map(|n| Ok(Outcome::Number(n))).collect();
    assert_eq!(told.answers, counts);
    assert_eq!(told.records - before, 3, "one entry, on three replicas");
}

#[test]
fn a_follower_hands_requests_over_and_answers_them_itself() {
    let mut told = Told::default();
    let mut pump = Pump::new(replicas(), &mut told);
    run(&mut pump, &mut told);
    pump.send(CLIENT, REPLICAS[2], request(1, increment()));
    run(&mut pump, &mut told);
    assert_eq!(told.answers, [Ok(Outcome::Number(1))]);
}

#[test]
fn a_request_that_is_too_long_is_refused_and_does_nothing() {
    let mut told = Told::default();
    let mut pump = Pump::new(replicas(), &mut told);
    run(&mut pump, &mut told);
    let value = Blob(Bytes::from(vec![0; MAX_REQUEST]));
    let op = Op::Set { key: Blob::new("big"), value, only_new: false };
    pump.send(CLIENT, REPLICAS[0], request(1, op));
    pump.send(CLIENT, REPLICAS[0], request(2, Op::Get { key: Blob::new("big") }));
    run(&mut pump, &mut told);
    assert_eq!(told.answers, [Ok(Outcome::TooLong), Ok(Outcome::Nothing)]);
}

/// Delivers what there is.
fn run(pump: &mut Pump<Replica>, told: &mut Told) {
    assert!(pump.run(MOST, told) < MOST, "it falls quiet");
}

/// A replica of a group whose other members are silent.
fn alone(config: Config) -> Replica {
    let mut replica = Replica::new(Group::new(&REPLICAS), config);
    takes(&mut replica, Input::Boot { start: 1 });
    replica
}

#[test]
fn a_request_that_was_refused_as_not_done_never_leaves() {
    let mut replica = alone(Config::default());
    takes(&mut replica, message(CLIENT, request(1, increment())));
    takes(&mut replica, message(REPLICAS[1], Msg::Kv(Kv::Flush)));
    let mut sweeps = (1..100).map(|_| takes(&mut replica, Input::Timeout(Timer::Sweep)));
    let refused = sweeps.find_map(|effects| answers(&effects).pop());
    assert_eq!(refused, Some(Err(Refusal::NotDone)));
    // A leader appears: there is nothing to hand over to it.
    let ballot = Ballot { round: 1, node: REPLICAS[0], start: 1 };
    let beat = Msg::Kv(Kv::Heartbeat { ballot, open: Slot::FIRST, sent: Duration::ZERO });
    takes(&mut replica, message(REPLICAS[0], beat));
    let effects = takes(&mut replica, message(REPLICAS[1], Msg::Kv(Kv::Flush)));
    assert_eq!(effects, []);
}

#[test]
fn a_request_that_has_left_may_be_done() {
    let mut replica = alone(Config::default());
    let ballot = Ballot { round: 1, node: REPLICAS[0], start: 1 };
    let beat = Msg::Kv(Kv::Heartbeat { ballot, open: Slot::FIRST, sent: Duration::ZERO });
    takes(&mut replica, message(REPLICAS[0], beat));
    takes(&mut replica, message(CLIENT, request(1, increment())));
    takes(&mut replica, message(REPLICAS[1], Msg::Kv(Kv::Flush)));
    let mut sweeps = (1..100).map(|_| takes(&mut replica, Input::Timeout(Timer::Sweep)));
    let refused = sweeps.find_map(|effects| answers(&effects).pop());
    assert_eq!(refused, Some(Err(Refusal::MayBeDone)));
}

#[test]
fn a_follower_that_does_not_forward_names_the_leader() {
    let mut replica = alone(Config { forward: false, ..Config::default() });
    let ballot = Ballot { round: 1, node: REPLICAS[0], start: 1 };
    let beat = Msg::Kv(Kv::Heartbeat { ballot, open: Slot::FIRST, sent: Duration::ZERO });
    takes(&mut replica, message(REPLICAS[0], beat));
    takes(&mut replica, message(CLIENT, request(1, increment())));
    let effects = takes(&mut replica, message(REPLICAS[1], Msg::Kv(Kv::Flush)));
    assert_eq!(answers(&effects), [Err(Refusal::Moved(REPLICAS[0]))]);
}

/// The second replica, elected by itself and the first one.
pub(crate) fn leading() -> Replica {
    let mut replica = alone(Config::default());
    let [other, me, _] = REPLICAS;
    takes(&mut replica, Input::Timeout(Timer::Suspect));
    takes(&mut replica, message(other, Msg::Kv(Kv::Willing)));
    let ballot = Ballot { round: 1, node: me, start: 1 };
    for from in [me, other] {
        let promise = Kv::Promise { ballot, accepted: Vec::new(), rest: None };
        takes(&mut replica, message(from, Msg::Kv(promise)));
    }
    replica
}

/// Its own clients are told that their requests may be done; those of others are told by their replica.
#[test]
fn a_replica_that_leads_no_more_passes_on_the_requests_of_its_own_clients_alone() {
    let mut replica = leading();
    let [other, me, third] = REPLICAS;
    let origin = Origin { replica: third, start: 9, number: 900 };
    let commands = Arc::new([Command { origin, id: None, op: increment() }]);
    takes(&mut replica, message(third, Msg::Kv(Kv::Forward { commands })));
    takes(&mut replica, message(CLIENT, request(1, increment())));
    let higher = Ballot { round: 2, node: other, start: 1 };
    let beat = Msg::Kv(Kv::Heartbeat { ballot: higher, open: Slot::FIRST, sent: Duration::ZERO });
    takes(&mut replica, message(other, beat));
    let effects = takes(&mut replica, message(me, Msg::Kv(Kv::Flush)));
    let [Effect::SendAhead { to, msg: Msg::Kv(Kv::Forward { commands }) }] = &effects[..] else {
        panic!("{effects:?}")
    };
    let origins: Vec<NodeId> = commands.iter().map(|command| command.origin.replica).collect();
    assert_eq!((*to, origins), (other, vec![me]));
}

/// An entry that takes this many bytes.
fn entry(bytes: usize) -> Entry {
    let value = Blob(Bytes::from(vec![7; bytes]));
    let op = Op::Set { key: Blob::new("big"), value, only_new: false };
    let origin = Origin { replica: REPLICAS[0], start: 1, number: 1 };
    Entry::Batch(Arc::new([Command { origin, id: None, op }]))
}

#[test]
fn a_promise_that_is_too_long_for_a_message_comes_in_parts() {
    let mut replica = alone(Config::default());
    let ballot = Ballot { round: 1, node: REPLICAS[0], start: 1 };
    for slot in Slot::FIRST.through(Slot(5)) {
        let accept = Kv::Accept { ballot, changes: 0, slot, entry: entry(200 << 10) };
        takes(&mut replica, message(REPLICAS[0], Msg::Kv(accept)));
    }
    let ballot = Ballot { round: 2, node: REPLICAS[2], start: 1 };
    let (mut first, mut told) = (Slot::FIRST, Vec::new());
    let ended = (0..10).try_for_each(|_| {
        let effects = takes(
            &mut replica,
            message(REPLICAS[2], Msg::Kv(Kv::Prepare { ballot, changes: 0, first })),
        );
        let promise = effects.into_iter().find_map(|effect| match effect {
            Effect::Send { msg: Msg::Kv(Kv::Promise { accepted, rest, .. }), .. } => {
                Some((accepted, rest))
            }
            _ => None,
        });
        let (accepted, rest) = promise.expect("an answer to each question");
        assert!(accepted.len() <= 2, "three of them are more than a message takes");
        told.extend(accepted.into_iter().map(|(slot, _)| slot));
        match rest {
            Some(next) => {
                first = next;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        }
    });
    assert!(ended.is_break(), "it comes to an end");
    assert_eq!(told, Slot::FIRST.through(Slot(5)).collect::<Vec<_>>());
}

#[test]
fn a_group_of_one_leads_itself() {
    let mut told = Told::default();
    let group = Group::new(&REPLICAS[..1]);
    let only = Replica::new(group, Config::default());
    let mut pump = Pump::new([(REPLICAS[0], only)], &mut told);
    pump.send(CLIENT, REPLICAS[0], request(1, increment()));
    run(&mut pump, &mut told);
    assert_eq!(told.answers, [Ok(Outcome::Number(1))]);
}
