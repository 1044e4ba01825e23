//! Many clients at once on few accounts, judged as transactions on lists: see
//! `ch02_two_phase_commit::lists`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::append_lists::{ClientEvent, Lists};
use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::client::{Client, Reader};
use ch02_two_phase_commit::designs::study;
use ch02_two_phase_commit::shop::AnyNode;
use ch02_two_phase_commit::shop::Shop;
use ch02_two_phase_commit::step4_isolation as step4;
use ch02_two_phase_commit::types::{
    COORD, Key, Msg, Note, Order, Outcome, PAY, Record, STOCK, TxId,
};
use ch02_two_phase_commit::worlds::{Nodes, Read};
use lab::NodeId;
use lab::check::append::{Promise, check};
use lab::check::{History, Verdict};
use lab::explore::{Edge, Limits, Model, explore};
use lab::rng::Rng;
use lab::sim::{Fault, FaultSchedule, NetworkProfile, simulate};
use lab::world::{Event, Role, World};

const CLIENTS: [(NodeId, &str); 4] =
    [(NodeId(10), "web-1"), (NodeId(11), "web-2"), (NodeId(12), "web-3"), (NodeId(13), "web-4")];
const READERS: [(NodeId, &str); 4] =
    [(NodeId(20), "eye-1"), (NodeId(21), "eye-2"), (NodeId(22), "eye-3"), (NodeId(23), "eye-4")];
const SHELVES: [&str; 2] = ["boots", "umbrella"];
const PURSES: [&str; 2] = ["alice", "bob"];
const ORDERS: u32 = 16;
const OPENING: u64 = 1 << ORDERS;

/// What the clients were told and what the logs say.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Tape {
    events: Vec<(NodeId, ClientEvent)>,
    waits_for: BTreeMap<NodeId, Key>,
    key_of: BTreeMap<TxId, Key>,
    committed: Vec<(NodeId, Key)>,
}

fn observe(tape: &mut Arc<Tape>, at: NodeId, event: &Event<'_, Shop>) {
    let tape = Arc::make_mut(tape);
    let mut asks = |key: &Key, order: &Order| {
        if tape.waits_for.insert(at, key.clone()).as_ref() != Some(key) {
            tape.events.push((at, ClientEvent::Asked(order.clone())));
        }
    };
    match event {
        Event::Send(envelope) => match &envelope.msg {
            Msg::Submit { key, order } => asks(key, order),
            Msg::Read => asks(&Key::new("read"), &read()),
            _ => {}
        },
        Event::Receive(envelope) => {
            let Msg::Answer { key, outcome } = &envelope.msg else { return };
            let event = match outcome {
                _ if tape.waits_for.get(&at) != Some(key) => return,
                Outcome::Done(seen) => ClientEvent::Done(seen.clone()),
                Outcome::Declined(_) => ClientEvent::Declined,
                Outcome::KeyReused | Outcome::Busy => panic!("{key}: {outcome}"),
            };
            tape.waits_for.remove(&at);
            tape.events.push((at, event));
        }
        Event::Note(Note::Saw(seen)) => tape.events.push((at, ClientEvent::Done(seen.clone()))),
        Event::Persist(Record::Prepared { tx, key, .. }) => {
            tape.key_of.insert(*tx, key.clone());
        }
        Event::Persist(Record::Committed { tx }) => {
            let key = tape.key_of[tx].clone();
            tape.committed.push((at, key));
        }
        _ => {}
    }
}

/// At all accounts.
fn read() -> Order {
    let shelves = SHELVES.map(|shelf| (STOCK, shelf, 0));
    Order::new(&[shelves, PURSES.map(|purse| (PAY, purse, 0))].concat())
}

/// What happens in a run.
#[derive(Clone, Copy)]
struct Day {
    /// How many clients share the orders.
    clients: usize,
    /// Who reads: no process, readers at each participant, or the clients between their orders.
    read: Read,
}

/// Orders for all clients, each with a power of two of its own.
fn orders(rng: &mut Rng, day: Day) -> Vec<Vec<(Key, Order)>> {
    let mut all = vec![Vec::new(); day.clients];
    for i in 0..ORDERS {
        let by = 1_i64 << i;
        let (shelf, purse) = (rng.pick(0..2) as usize, rng.pick(0..2) as usize);
        let order = Order::new(&[(STOCK, SHELVES[shelf], -by), (PAY, PURSES[purse], by)]);
        let mine = &mut all[i as usize % day.clients];
        mine.push((Key::new(&format!("order-{i}")), order));
        if day.read == Read::Snapshot && rng.chance(600_000) {
            mine.push((Key::new(&format!("read-{i}")), read()));
        }
    }
    all
}

fn model(design: &Nodes, orders: &[Vec<(Key, Order)>], day: Day) -> Model<Shop, Tape> {
    let participant = |id, name, opening: [(&str, u64); 2]| {
        Role::new(id, name, name, (design.participant)(Accounts::new(&opening))).may_crash()
    };
    let mut roles = vec![
        Role::new(COORD, "coord", "coord", (design.coordinator)()).may_crash(),
        participant(STOCK, "stock", SHELVES.map(|shelf| (shelf, OPENING))),
        participant(PAY, "pay", PURSES.map(|purse| (purse, OPENING))),
    ];
    for ((id, name), orders) in CLIENTS.into_iter().zip(orders) {
        roles.push(Role::new(id, name, "client", Client::new(orders.clone(), &[COORD])));
    }
    for (id, name) in READERS.into_iter().filter(|_| day.read == Read::Each) {
        roles.push(Role::new(id, name, "client", Reader::of_each([STOCK, PAY])));
    }
    Model { observe, goal: at_rest, ..Model::new(roles) }
}

fn at_rest(world: &World<Shop, Tape>) -> bool {
    let all_up = world.nodes().count() == world.topology().roles.len();
    let in_doubt = world.summaries().any(|(_, summary)| !summary.in_doubt.is_empty());
    let done = |(_, node): (NodeId, &AnyNode)| {
        node.downcast_ref::<Client>().is_none_or(|client| client.orders.is_empty())
            && node.downcast_ref::<Reader>().is_none_or(Reader::is_done)
    };
    all_up && !in_doubt && world.nodes().all(done)
}

/// One run; what it comes to as a history, the balances of the end last.
fn play(design: &Nodes, seed: u64, schedule: &FaultSchedule, day: Day) -> History {
    let orders = orders(&mut Rng::new(seed), day);
    let (run, _) = simulate(&model(design, &orders, day), schedule, seed, "");
    assert!(run.settled, "seed {seed}: not at rest");
    let mut tape = run.world.ghost().clone();
    let mut lists = Lists::default();
    let mut end = BTreeMap::new();
    for (keeper, names) in [(STOCK, SHELVES), (PAY, PURSES)] {
        let opening = names.map(|name| (name, OPENING));
        lists.open(keeper, Accounts::new(&opening).balances());
        let summary = run.world.summary(keeper).expect("it is up");
        end.insert(keeper, summary.balances.clone().expect("a participant"));
    }
    for (key, order) in orders.iter().flatten() {
        lists.order(key, order);
    }
    for (keeper, key) in &tape.committed {
        lists.committed(*keeper, key);
    }
    let auditor = NodeId(99);
    tape.events.extend([(auditor, ClientEvent::Asked(read())), (auditor, ClientEvent::Done(end))]);
    let events = tape.events.iter().enumerate();
    let events = events.map(|(time, (client, what))| (time as u64, client.0, what));
    lists.history(events).unwrap_or_else(|why| panic!("seed {seed}: {why}"))
}

/// Messages take their time, so that much is on its way at once.
fn slow_network() -> FaultSchedule {
    let profile = NetworkProfile { latency: 200..20_000, ..NetworkProfile::local() };
    FaultSchedule { profile, ..FaultSchedule::none() }
}

/// The first words of the verdicts on step 3, and how often each is given.
fn verdicts(schedule: &FaultSchedule, day: Day) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for seed in 0..100 {
        let history = play(&Nodes::STEP3, seed, schedule, day);
        let name = match check(&history, Promise::Serializable).unwrap() {
            Verdict::Ok => "ok".into(),
            Verdict::Undecided { why } => why,
            Verdict::Violation { why, .. } => why.split(':').next().unwrap_or_default().into(),
        };
        *found.entry(name).or_default() += 1;
    }
    found
}

/// What readers ask `pay` first is lost, so `stock` answers them earlier.
fn readers_cut_off_from_pay() -> FaultSchedule {
    let cut =
        |(reader, _)| Fault::Cut { from: reader, to: PAY, both: false, at: 0, lasts: 100_000 };
    FaultSchedule { faults: READERS.map(cut).to_vec(), ..slow_network() }
}

#[test]
fn without_locks_a_reader_sees_half_an_order() {
    let found = verdicts(&readers_cut_off_from_pay(), Day { clients: 1, read: Read::Each });
    assert_eq!(found, BTreeMap::from([("G-single (read skew)".into(), 100)]));
}

#[test]
fn without_locks_two_orders_are_done_in_one_order_here_and_in_another_there() {
    let found = verdicts(&slow_network(), Day { clients: 4, read: Read::No });
    assert_eq!(found, BTreeMap::from([("G0 (write cycle)".into(), 86), ("ok".into(), 14)]));
}

#[test]
fn with_locks_all_looks_as_if_done_one_after_the_other_in_the_order_of_time() {
    let day = Day { clients: 4, read: Read::Snapshot };
    let step4 = step4();
    let storms = &study().design("step4").expect("step 4").target;
    for seed in 0..150 {
        for schedule in [slow_network(), storms.storm(&mut Rng::new(seed))] {
            let history = play(&step4, seed, &schedule, day);
            let judged = check(&history, Promise::StrictSerializable).unwrap();
            assert_eq!(judged, Verdict::Ok, "seed {seed}:\n{}", history.to_json_lines());
        }
    }
}

/// Every client wants the same shelf, every second one the same purse, and a reader wants all.
fn contended(clients: usize) -> Model<Shop, Tape> {
    let by = |i: usize| 1_i64 << i;
    let order = |client: usize, i: usize| {
        let purse = PURSES[client % 2];
        Order::new(&[(STOCK, SHELVES[0], -by(i)), (PAY, purse, by(i))])
    };
    let key = |client: usize, i: usize| Key::new(&format!("order-{client}-{i}"));
    let mut orders: Vec<Vec<(Key, Order)>> = (0..clients - 1)
        .map(|client| (0..4).map(|i| (key(client, i), order(client, 4 * client + i))).collect())
        .collect();
    orders.push((0..4).map(|i| (key(clients - 1, i), read())).collect());
    model(&step4(), &orders, Day { clients, read: Read::No })
}

fn step4() -> Nodes {
    Nodes::new(
        || AnyNode::new(step4::Coordinator::default()),
        |accounts| AnyNode::new(step4::Participant::new(accounts)),
    )
}

/// An order that is older than all others gets the lock next. So it is given up at most once for each
/// order that was older: with four clients, each with one open order, it needs four attempts at most.
#[test]
fn under_conflict_attempts_are_bounded_and_all_is_done() {
    let clients = 4;
    let model = contended(clients);
    let mut most = 0;
    for seed in 0..2_000 {
        let run = lab::sim::run(&model, &slow_network(), seed);
        assert!(run.settled, "seed {seed}: not at rest");
        for (_, node) in run.world.nodes() {
            let Some(client) = node.downcast_ref::<Client>() else { continue };
            let done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
            assert!(client.answers.values().all(done), "seed {seed}: {:?}", client.answers);
        }
        let attempts = run.world.ghost().key_of.keys().map(|tx| tx.attempt).max();
        most = most.max(attempts.expect("some order was prepared"));
    }
    assert!((2..=clients as u32).contains(&most), "{most} attempts");
}

/// The same question to the explorer, for two orders that need the same locks at both participants.
#[test]
fn under_conflict_no_schedule_is_stuck() {
    let wants = |account, other| Order::new(&[(STOCK, account, -1), (PAY, other, 1)]);
    let one = |name: &str, order| vec![(Key::new(name), order)];
    let orders = [one("order-1", wants("boots", "alice")), one("order-2", wants("boots", "alice"))];
    let day = Day { clients: 2, read: Read::No };
    let model = Model { observe: |_, _, _| {}, ..model(&step4(), &orders, day) };
    let limits = Limits { states: 2_000_000, timeouts: Some(0), ..Limits::progress(0, 0, 0) };
    let report = explore(&model, &limits);
    assert!(!report.gave_up, "more than {} states", limits.states);
    assert_eq!((report.graph.stuck(&[Edge::Work]), report.graph.states()), (vec![], 20_963));
}
