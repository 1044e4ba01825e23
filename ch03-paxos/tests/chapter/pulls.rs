//! A snapshot that is pulled from a replica that changes meanwhile, or from another one than at first;
//! and what one start of a replica leaves on its way to the next.

use std::sync::Arc;
use std::time::Duration;

use ch03_paxos::group::{Group, Input, Paxos};
use ch03_paxos::replicated_kv::{Config, Machine, Replica};
use ch03_paxos::types::kv::{
    Blob, Chunk, Command, Entry, Head, MAX_KEY, Msg as Kv, Op, Origin, Outcome, Record as Kept,
};
use ch03_paxos::types::log::Slot;
use ch03_paxos::types::{Ballot, Msg, Record, Timer};
use ch03_paxos::worlds::{PROPOSERS, REPLICAS};
use lab::{Effect, MAX_MESSAGE, NodeId};

use crate::store::{answers, message, request, takes};

/// Snapshots all the time, an item at a time.
const CONFIG: Config =
    Config { forward: true, sessions: 8, log: 0, chunk: 1, drift: None, quorums: None };
const BALLOT: Ballot = Ballot { round: 1, node: REPLICAS[0], start: 1 };

fn told(replica: &mut Replica, from: NodeId, msg: Kv) -> Vec<Effect<Paxos>> {
    takes(replica, message(from, Msg::Kv(msg)))
}

fn started() -> Replica {
    let mut replica = Replica::new(Group::new(&REPLICAS), CONFIG);
    takes(&mut replica, Input::Boot { start: 1 });
    replica
}

fn set(key: &str, value: &str) -> Op {
    Op::Set { key: Blob::new(key), value: Blob::new(value), only_new: false }
}

fn entry(op: Op) -> Entry {
    let origin = Origin { replica: REPLICAS[0], start: 1, number: 1 };
    Entry::Batch(Arc::new([Command { origin, id: None, op }]))
}

/// These are chosen, from the first slot that is open here, and executed.
fn executes(replica: &mut Replica, ops: Vec<Op>) {
    let first = replica.open();
    let slots = (first.0..).map(Slot);
    for (slot, op) in slots.zip(ops) {
        let accept = Kv::Accept { ballot: BALLOT, changes: 0, slot, entry: entry(op) };
        told(replica, REPLICAS[0], accept);
        told(replica, REPLICAS[0], Kv::Commit { ballot: BALLOT, open: slot.next() });
    }
}

/// Its own snapshot is written, so it drops its log.
fn saves(replica: &mut Replica) {
    for _ in 0..20 {
        told(replica, REPLICAS[1], Kv::Save);
    }
}

/// A replica that has executed these, and has nothing but a snapshot of them.
fn saved(ops: Vec<Op>) -> Replica {
    let mut replica = started();
    executes(&mut replica, ops);
    saves(&mut replica);
    replica
}

/// The chunk that leaves, if one does.
fn chunk(effects: &[Effect<Paxos>]) -> Option<(Head, u32, Arc<Chunk>, bool)> {
    effects.iter().find_map(|effect| match effect {
        Effect::SendAhead { msg: Msg::Kv(Kv::Chunk { head, number, chunk, is_last }), .. } => {
            Some((head.clone(), *number, chunk.clone(), *is_last))
        }
        _ => None,
    })
}

fn sent((head, number, chunk, is_last): (Head, u32, Arc<Chunk>, bool)) -> Kv {
    Kv::Chunk { head, number, chunk, is_last }
}

/// One replica pulls all that another one has, by way of these effects of the first question.
fn pulls(to: &mut Replica, from: &mut Replica, mut effects: Vec<Effect<Paxos>>) {
    for _ in 0..20 {
        let Some(next) = chunk(&effects) else { return };
        let open = next.0.open;
        let pulled = told(to, REPLICAS[2], sent(next));
        let pull = pulled.iter().find_map(|effect| match effect {
            Effect::Send { msg: Msg::Kv(Kv::Pull { number, .. }), .. } => Some(*number),
            _ => None,
        });
        let Some(number) = pull else { return };
        effects = told(from, REPLICAS[1], Kv::Pull { open, number });
    }
}

#[test]
fn whoever_installs_a_snapshot_mixes_it_with_none_that_it_is_sending() {
    let old = vec![set("a", "1"), set("b", "1"), set("c", "1")];
    let mut between = saved(old.clone());
    let mut late = started();
    let first = chunk(&told(&mut between, REPLICAS[1], Kv::Fetch { first: Slot::FIRST })).unwrap();
    let open = first.0.open;
    told(&mut late, REPLICAS[2], sent(first));
    // The one in the middle is late itself.
    let mut newest = saved([old, vec![set("b", "2"), set("c", "2")]].concat());
    let question = told(&mut newest, REPLICAS[1], Kv::Fetch { first: Slot::FIRST });
    pulls(&mut between, &mut newest, question);
    assert_eq!((between.open(), between.machine()), (newest.open(), newest.machine()));
    let effects = told(&mut between, REPLICAS[1], Kv::Pull { open, number: 1 });
    pulls(&mut late, &mut between, effects);
    assert_eq!((late.open(), late.machine()), (newest.open(), newest.machine()));
}

#[test]
fn a_pull_that_nobody_goes_on_with_is_given_up_for_an_older_state() {
    let (mut gone, mut left) = (saved(vec![set("a", "1"); 3]), saved(vec![set("a", "1"); 2]));
    let executed = vec![set("a", "1"), set("b", "1"), set("c", "1")];
    executes(&mut gone, executed.clone());
    executes(&mut left, executed);
    saves(&mut gone);
    saves(&mut left);
    let mut late = started();
    let first = chunk(&told(&mut gone, REPLICAS[1], Kv::Fetch { first: Slot::FIRST })).unwrap();
    let effects = told(&mut late, REPLICAS[2], sent(first));
    let waits =
        |effect: &Effect<Paxos>| matches!(effect, Effect::SetTimer { timer: Timer::Suspect, .. });
    assert!(effects.iter().any(waits), "it notices when no chunk comes");
    takes(&mut late, Input::Timeout(Timer::Suspect));
    // A candidate that knows a later group: it has to be caught up with, and has an older state.
    let ballot = Ballot { round: 9, node: REPLICAS[2], start: 1 };
    let prepare = Kv::Prepare { ballot, changes: 1, first: left.open() };
    let asked = told(&mut late, REPLICAS[2], prepare);
    let fetch = Kv::Fetch { first: Slot::FIRST };
    assert_eq!(asked, [Effect::SendAhead { to: REPLICAS[2], msg: Msg::Kv(fetch.clone()) }]);
    let question = told(&mut left, REPLICAS[1], fetch);
    pulls(&mut late, &mut left, question);
    assert_eq!((late.open(), late.machine()), (left.open(), left.machine()));
}

#[test]
fn two_replicas_cut_the_same_state_into_the_same_chunks() {
    let ops = vec![set("a", "1"), set("b", "1")];
    let (mut one, mut other) = (saved(ops.clone()), saved(ops));
    let all = |replica: &mut Replica, goes_on: bool| {
        let mut chunks = Vec::new();
        let mut effects = told(replica, REPLICAS[1], Kv::Fetch { first: Slot::FIRST });
        while let Some((head, number, chunk, is_last)) = chunk(&effects) {
            chunks.push((head.open, number, chunk, is_last));
            if is_last {
                break;
            }
            if goes_on {
                executes(replica, vec![set("z", "new")]);
            }
            effects = told(replica, REPLICAS[1], Kv::Pull { open: head.open, number: number + 1 });
        }
        chunks
    };
    assert_eq!(all(&mut one, true), all(&mut other, false));
}

/// It pulled a little, and then learned the entries from another replica.
#[test]
fn a_pull_that_is_overtaken_does_not_keep_a_replica_from_its_own_snapshots() {
    let ops = vec![set("a", "1"), set("b", "1"), set("c", "1")];
    let mut from = saved(ops.clone());
    let mut late = started();
    let first = chunk(&told(&mut from, REPLICAS[1], Kv::Fetch { first: Slot::FIRST })).unwrap();
    told(&mut late, REPLICAS[2], sent(first));
    executes(&mut late, ops);
    executes(&mut late, vec![set("d", "1")]);
    let records: Vec<_> = (0..20).flat_map(|_| told(&mut late, REPLICAS[1], Kv::Save)).collect();
    assert!(records.contains(&Effect::Persist(Record::Kv(Kept::Whole))));
}

#[test]
fn a_follower_forgets_a_snapshot_that_nobody_pulls() {
    let mut replica = saved(vec![set("a", "1"), set("b", "1"), set("c", "1")]);
    let first = chunk(&told(&mut replica, REPLICAS[2], Kv::Fetch { first: Slot::FIRST })).unwrap();
    let before = replica.clone();
    for _ in 0..20 {
        let beat = Kv::Heartbeat { ballot: BALLOT, open: before.open(), sent: Duration::ZERO };
        told(&mut replica, REPLICAS[0], beat);
    }
    executes(&mut replica, vec![set("b", "2")]);
    // Else it would go on with the old state, and keep what is overwritten for ever.
    let pull = Kv::Pull { open: first.0.open, number: 1 };
    let (head, number, ..) = chunk(&told(&mut replica, REPLICAS[2], pull)).unwrap();
    assert!(before.open() < head.open && number == 0, "{head:?}");
}

/// The answer to a question of the start before is still on its way.
#[test]
fn an_answer_to_a_question_of_an_earlier_start_places_no_read() {
    let question = |start| {
        let mut replica = Replica::new(Group::new(&REPLICAS), CONFIG);
        takes(&mut replica, Input::Boot { start });
        told(
            &mut replica,
            REPLICAS[0],
            Kv::Heartbeat { ballot: BALLOT, open: Slot::FIRST, sent: Duration::ZERO },
        );
        let read = Kv::Read { number: 1, key: Blob::new("a"), by_lease: false };
        let effects = told(&mut replica, PROPOSERS[0], read);
        let question = effects.iter().find_map(|effect| match effect {
            Effect::SendAhead { msg: Msg::Kv(Kv::HowFar { question, .. }), .. } => Some(*question),
            _ => None,
        });
        (replica, question.expect("a question"))
    };
    let ((_, earlier), (mut replica, _)) = (question(1), question(2));
    let effects =
        told(&mut replica, REPLICAS[0], Kv::SoFar { question: earlier, open: Slot::FIRST });
    assert_eq!(answers(&effects), []);
}

/// Each key of a request costs bytes of a message, also an empty one.
#[test]
fn what_is_passed_on_fits_into_messages_also_if_all_keys_are_empty() {
    let mut replica = started();
    let keys = vec![Blob::new(""); 1_023];
    for number in 1..=1_500 {
        let delete = Op::Delete { keys: keys.clone() };
        takes(&mut replica, message(PROPOSERS[0], request(number, delete)));
    }
    let beat = Kv::Heartbeat { ballot: BALLOT, open: Slot::FIRST, sent: Duration::ZERO };
    told(&mut replica, REPLICAS[0], beat);
    let effects = told(&mut replica, REPLICAS[1], Kv::Flush);
    let forwards = effects.iter().filter_map(|effect| match effect {
        Effect::SendAhead { msg: msg @ Msg::Kv(Kv::Forward { .. }), .. } => Some(msg),
        _ => None,
    });
    let sizes: Vec<usize> =
        forwards.map(|msg| postcard::to_allocvec(msg).expect("plain data").len()).collect();
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= MAX_MESSAGE), "{sizes:?}");
}

#[test]
fn a_key_that_is_too_long_for_a_snapshot_is_refused() {
    let mut replica = started();
    let key = Blob(vec![b'k'; MAX_KEY + 1].into());
    let op = Op::Append { key, value: Blob::new("x") };
    let effects = takes(&mut replica, message(PROPOSERS[0], request(1, op)));
    assert_eq!(answers(&effects), [Ok(Outcome::TooLong)]);
}

/// A state that is put together from chunks is what its head says.
#[test]
fn a_machine_of_a_head_has_the_members_and_the_changes() {
    let mut machine = Machine::new(8, REPLICAS.into());
    let Entry::Batch(commands) = entry(Op::Replace { old: REPLICAS[1], new: NodeId(14) }) else {
        unreachable!("a batch")
    };
    commands.iter().for_each(|command| drop(machine.execute(command)));
    assert_eq!(Machine::of(&machine.head(Slot(2)), 8), machine);
}
