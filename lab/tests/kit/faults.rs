//! Each thing that can happen in a world: messages to itself, connections that end, disks that are
//! wiped or lie, spares, step properties, goals that nothing reaches, and runs with a snapshot.

use std::time::Duration;

use lab::AnyNode;
use lab::crash_points::{self, InjectedFault};
use lab::event::{Kind, Log};
use lab::explore::{Edge, Limits, Model, explore, log_of};
use lab::node::Input;
use lab::replay::replay;
use lab::script::Play;
use lab::sim::{FaultSchedule, simulate};
use lab::world::{Role, Transition, World};

use crate::numbers::{
    CLIENT, Number, Numbers, Rule, SERVER, SPARE, answered, client, keeper, model, number, server,
};

/// Answers a request only after a message to itself: the batching idiom. Persists in between.
pub(crate) const BATCHES: Rule = |number, input, cx| match input {
    Input::Message { from, .. } if from == SERVER => {
        cx.persist(Number(*number));
        cx.send(CLIENT, Number(*number));
    }
    Input::Message { msg, .. } => {
        *number += msg.0;
        let me = cx.me();
        cx.send_ahead(me, Number(0));
    }
    Input::Replay(record) => *number = record.0,
    _ => {}
};

#[test]
fn a_message_to_itself_arrives_in_every_driver() {
    let model = model(BATCHES);
    let report = explore(&model, &Limits::progress(0, 0, 0));
    assert!(report.never.is_empty() && report.graph.stuck(&[Edge::Work]).is_empty());
    let (run, recorder) = simulate(&model, &FaultSchedule::none(), 1, "");
    assert!(run.settled);
    let log = recorder.into_log();
    let arrival = log.events.iter().find(|e| e.kind == Kind::Receive && e.node == "server");
    assert!(arrival.is_some());
    let own = |e: &&lab::event::Event| e.peer.as_deref() == Some("server") && e.node == "server";
    let own: Vec<Kind> = log.events.iter().filter(own).map(|e| e.kind).collect();
    assert_eq!(own, [Kind::Send, Kind::Receive], "sent and taken, and the log shows both");
    let play = Play::new(model.clone(), "").run("deliver client server\ndeliver server server");
    let play = play.expect("a script can name it");
    assert_eq!(number(play.world(), SERVER), 1);
    let play = Play::new(model, "").run("run").expect("it falls quiet");
    assert!(answered(play.world()), "`run` delivers it as well");
}

#[test]
fn a_crash_takes_the_messages_that_a_node_sent_itself() {
    let script = "deliver client server\ncrash server\nrestart server\n";
    let play = || Play::new(model(BATCHES), "").run(script).expect("it can happen");
    assert!(play().command("deliver server server").is_err());
    assert_eq!(number(play().world(), SERVER), 0);
}

/// Sends itself something before, between and after what others can see.
const SENDS_ITSELF_BETWEEN: Rule = |number, input, cx| match input {
    Input::Message { from, msg } if from == CLIENT => {
        let me = cx.me();
        cx.send(me, Number(7));
        cx.persist(msg);
        cx.send(me, Number(8));
        cx.send(CLIENT, msg);
        *number += msg.0;
    }
    Input::Replay(record) => *number += record.0,
    // Nobody hears of a request that died with its first half: the client would wait for ever.
    Input::Boot { start } if start > 1 => cx.send(CLIENT, Number(1)),
    _ => {}
};

#[test]
fn every_crash_point_is_tried_whatever_a_node_sends_itself() {
    let outcomes = crash_points::crashes(&model(SENDS_ITSELF_BETWEEN));
    let after = |outcome: &crash_points::Outcome<Numbers, ()>| match &outcome.fault {
        InjectedFault::Crash { after, .. } => after.clone(),
        InjectedFault::Lost(_) | InjectedFault::Again(_) => panic!("a crash was asked for"),
    };
    let after: Vec<String> = outcomes.iter().map(after).collect();
    assert_eq!(after, ["", "7 to server", "1", "8 to server", "1 to client"]);
    assert!(outcomes.iter().all(|outcome| outcome.settled));
}

/// Counts the connections that ended.
const COUNTS_ENDS: Rule = |number, input, _cx| {
    if let Input::Disconnected(client) = input {
        assert_eq!(client, CLIENT);
        *number += 1;
    }
};

#[test]
fn a_connection_ends_where_a_scope_asks_for_it_and_in_scripts() {
    let ended = |world: &World<Numbers, ()>| number(world, SERVER) == 1;
    let model = Model { goal: ended, sometimes: vec![("ended", ended)], ..model(COUNTS_ENDS) };
    let quiet = Limits::progress(0, 0, 0);
    assert_eq!(explore(&model, &quiet).never, ["ended"]);
    let report = explore(&model, &Limits { disconnects: 1, ..quiet });
    assert!(report.never.is_empty());
    let stuck = report.graph.stuck(&[Edge::Work]);
    assert!(!stuck.is_empty(), "that it ends is a fault: nobody may wait for it");
    let play = Play::new(model, "").run("disconnect client server").expect("it can happen");
    assert!(ended(play.world()));
    let log = play.into_log();
    let kinds: Vec<Kind> = log.events.iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [Kind::Send, Kind::Disconnected]);
}

/// Names what it gives out by its start: answers the start's number.
const GIVES_OUT_STARTS: Rule = |number, input, cx| match input {
    Input::Boot { start } => *number = start,
    Input::Message { .. } => cx.send(CLIENT, Number(*number)),
    _ => {}
};

#[test]
fn a_wiped_disk_starts_at_one_again_and_a_kept_one_does_not() {
    let play = |script: &str| {
        let play = Play::new(model(GIVES_OUT_STARTS), "").run(script).expect("it can happen");
        number(play.world(), SERVER)
    };
    assert_eq!(play("crash server\nrestart server"), 2);
    assert_eq!(play("crash server\nwipe server\nrestart server"), 1);
}

#[test]
fn wiped_and_lying_disks_are_explored_where_a_scope_asks_for_them() {
    const KEEPS: Rule = |number, input, cx| match input {
        Input::Replay(record) => *number = record.0,
        Input::Message { msg, .. } => {
            if *number == 0 {
                *number = msg.0;
                cx.persist(msg);
            }
            cx.send(CLIENT, msg);
        }
        _ => {}
    };
    let kept = |world: &World<Numbers, ()>| match number(world, SERVER) {
        0 if answered(world) && world.is_up(SERVER) => Err("answered, and forgotten".into()),
        _ => Ok(()),
    };
    let model = Model { always: vec![("KEPT", kept)], ..model(KEEPS) };
    let honest = Limits::safety(1);
    assert!(explore(&model, &honest).violation.is_none());
    for limits in [Limits { wipes: true, ..honest }, Limits { forgets: 1, ..honest }] {
        let violation = explore(&model, &limits).violation.expect("it forgets");
        let (log, _) = log_of(&model, &limits, &violation.path, "");
        assert_eq!(log.events.last().map(|e| e.kind), Some(Kind::Violation));
    }
    let script = "deliver client server\ncrash server forgetting 1\nrestart server";
    let play = Play::new(model, "").run(script).expect("it can happen");
    assert_eq!(number(play.world(), SERVER), 0);
}

#[test]
fn a_spare_is_down_until_somebody_starts_it() {
    const FIRST: Rule = |number, input, _cx| {
        if let Input::Boot { start } = input {
            *number = start;
        }
    };
    let started = |world: &World<Numbers, ()>| number(world, SPARE) == 1;
    let mut model = Model::<Numbers, ()>::new(vec![
        client(),
        server(FIRST),
        Role::new(SPARE, "spare", "replica", keeper(FIRST)).starts_down(),
    ]);
    model.goal = started;
    model.sometimes.push(("started", started));
    let report = explore(&model, &Limits::progress(0, 0, 0));
    assert!(report.never.is_empty());
    assert!(!report.graph.stuck(&[Edge::Work]).is_empty(), "it does not start by itself");
    assert!(report.graph.stuck(&[Edge::Work, Edge::Restart]).is_empty());
    let play = Play::new(model, "");
    assert!(!play.world().is_up(SPARE));
    assert!(started(play.run("restart spare").expect("it can happen").world()));
}

#[test]
fn a_step_property_is_checked_by_explorer_simulator_and_crash_points() {
    const COUNTS: Rule = |number, input, cx| {
        if let Input::Message { msg, .. } = input {
            *number += 1;
            cx.send(CLIENT, msg);
        }
    };
    let by_one = |before: &World<Numbers, ()>,
                  _action: &lab::world::Action<Numbers>,
                  after: &World<Numbers, ()>| {
        let (before, after) = (number(before, SERVER), number(after, SERVER));
        if after > before { Err(format!("{before} became {after}")) } else { Ok(()) }
    };
    let model = Model { steps: vec![("NEVER UP", by_one)], ..model(COUNTS) };
    let limits = Limits::progress(0, 0, 0);
    let violation = explore(&model, &limits).violation.expect("it goes up");
    assert_eq!((violation.broken.property, violation.path.len()), ("NEVER UP", 1));
    let (log, _) = log_of(&model, &limits, &violation.path, "");
    assert_eq!(log.header.verdict.as_deref(), Some("NEVER UP: 0 became 1"));
    let (run, _) = simulate(&model, &FaultSchedule::none(), 1, "");
    assert_eq!(run.broken.map(|broken| broken.property), Some("NEVER UP"));
    let outcomes = crash_points::messages(&model);
    assert!(outcomes.iter().any(|o| o.broken.as_ref().is_some_and(|b| b.property == "NEVER UP")));
}

#[test]
fn a_goal_that_no_state_reaches_is_named() {
    const SILENT: Rule = |_number, _input, _cx| {};
    let report = explore(&model(SILENT), &Limits::progress(0, 0, 0));
    assert!(report.violation.is_none());
    assert_eq!(report.never, ["answered"]);
}

/// Says something else the second time it is asked, though it is the same.
const FORGETS_ITS_MANNERS: Rule = |_number, input, cx| {
    static ASKED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    if let Input::Message { .. } = input {
        let asked = ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        cx.send(CLIENT, Number(asked));
    }
};

#[test]
#[should_panic(expected = "a step is not a function of its input")]
fn a_node_that_sends_something_else_the_second_time_is_caught() {
    let _caught = explore(&model(FORGETS_ITS_MANNERS), &Limits::progress(0, 0, 0));
}

#[test]
fn a_recorded_run_with_a_snapshot_replays_and_a_changed_one_does_not() {
    const SUMS: Rule = |number, input, cx| match input {
        Input::Replay(record) => *number = record.0,
        Input::Message { msg, .. } => {
            *number += msg.0;
            cx.persist(Number(*number));
            let mark = cx.mark();
            cx.persist(Number(*number));
            cx.discard_before(mark);
            cx.note(Number(*number));
            cx.send(CLIENT, Number(*number));
        }
        _ => {}
    };
    let text = r#"{"title":"sums","nodes":[{"name":"server","role":"web"}]}
{"seq":1,"time":0,"node":"server","kind":"boot","input":{"boot":1,"now":0}}
{"seq":2,"time":1,"node":"server","kind":"receive","text":"4","peer":"client","input":{"from":2,"message":4,"now":1}}
{"seq":3,"time":2,"node":"server","kind":"persist","text":"4","causes":[2]}
{"seq":4,"time":2,"node":"server","kind":"persist","text":"4","causes":[2]}
{"seq":5,"time":2,"node":"server","kind":"note","text":"4","causes":[2]}
{"seq":6,"time":2,"node":"server","kind":"send","text":"4","peer":"client","causes":[2]}
{"seq":7,"time":3,"node":"server","kind":"replay","text":"4","input":{"replay":4,"now":3}}
{"seq":8,"time":3,"node":"server","kind":"boot","input":{"boot":2,"now":3}}
"#;
    let program = |name: &str| (name == "server").then(|| (SERVER, AnyNode::new(keeper(SUMS))));
    let log = Log::from_json_lines(text).expect("a log");
    let replayed = replay(&log, |sum| sum.to_string(), program).expect("the same again");
    assert_eq!(replayed.events.last().and_then(|e| e.state.clone()), Some("4".into()));
    let other = text.replace(r#""kind":"persist","text":"4""#, r#""kind":"persist","text":"5""#);
    let other = Log::from_json_lines(&other).expect("a log");
    let error = replay(&other, |sum| sum.to_string(), program).expect_err("another record");
    assert!(error.contains("did not do this again"), "{error}");
}

#[test]
fn notes_wait_for_the_records_before_them() {
    const NOTES: Rule = |number, input, cx| {
        if let Input::Message { msg, .. } = input {
            *number = msg.0;
            cx.persist(msg);
            cx.note(msg);
        }
    };
    let model = Model::<Numbers, u64> {
        observe: |noted, _, event| {
            if let lab::world::Event::Note(_) = event {
                *std::sync::Arc::make_mut(noted) += 1;
            }
        },
        ..Model::new(vec![server(NOTES), client()])
    };
    let topology = model.topology(lab::world::Wire::Bag, true);
    let mut world = World::new(topology, &mut ());
    let act = |world: &mut World<Numbers, u64>, transition| {
        world.apply(&lab::world::Action::new(transition), Duration::ZERO, &mut ());
    };
    let arrival = world.next_delivery().expect("the request");
    act(&mut world, arrival);
    assert_eq!(*world.ghost(), 0, "its record is not durable yet");
    act(&mut world, Transition::Flush(SERVER));
    assert_eq!(*world.ghost(), 1);
}
