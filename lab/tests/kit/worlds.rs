//! The failure model on the smallest nodes that can show it: a notary that writes words down and says
//! that it has, and a friend who believes it.

use std::fmt;
use std::time::Duration;

use lab::event::{Kind, Log};
use lab::explore::{Edge, Limits, Model, explore, log_of};
use lab::node::{Cx, Input, Node, NodeId, Protocol};
use lab::rng::Rng;
use lab::script::Play;
use lab::sim::{Fault, FaultSchedule, NetworkProfile, find, simulate};
use lab::world::{Role, World};
use serde::{Deserialize, Serialize};

const NOTARY: NodeId = NodeId(1);
const FRIEND: NodeId = NodeId(2);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Words;

impl Protocol for Words {
    type Msg = Word;
    type Timer = Word;
    type Record = Word;
    type Note = Word;
    type Summary = String;
}

/// One word for messages, timers, records and notes alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
enum Word {
    Please,
    Written,
    Again,
    All(u8),
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// How a notary goes about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Habit {
    WriteThenSay,
    SayThenWrite,
    /// `send_ahead` on something that is not yet true.
    SayAhead,
    /// Writes, then takes a snapshot that says how much is written, or leaves that out.
    SumUp {
        whole: bool,
    },
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Notary {
    habit: Habit,
    written: u8,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Friend {
    told: bool,
}

impl Node for Friend {
    type Protocol = Words;

    fn step(&mut self, input: Input<Words>, cx: &mut Cx<'_, Words>) {
        match input {
            Input::Boot { .. } | Input::Timeout(_) if !self.told => {
                cx.send(NOTARY, Word::Please);
                cx.set_timer(Word::Again, Duration::from_millis(1)..Duration::from_millis(2));
            }
            Input::Message { .. } => self.told = true,
            _ => {}
        }
    }

    fn summary(&self) -> String {
        if self.told { "told" } else { "waits" }.into()
    }
}

impl Node for Notary {
    type Protocol = Words;

    fn step(&mut self, input: Input<Words>, cx: &mut Cx<'_, Words>) {
        match input {
            Input::Replay(Word::All(sum)) => self.written = sum,
            Input::Replay(_) => self.written += 1,
            Input::Message { from, .. } if self.written == 0 => {
                self.written += 1;
                match self.habit {
                    Habit::WriteThenSay => {
                        cx.persist(Word::Written);
                        cx.send(from, Word::Written);
                    }
                    Habit::SayThenWrite => {
                        cx.send(from, Word::Written);
                        cx.persist(Word::Written);
                    }
                    Habit::SayAhead => {
                        cx.persist(Word::Written);
                        cx.send_ahead(from, Word::Written);
                    }
                    Habit::SumUp { whole } => {
                        cx.persist(Word::Written);
                        let mark = cx.mark();
                        if whole {
                            cx.persist(Word::All(1));
                        }
                        cx.discard_before(mark);
                        cx.send(from, Word::Written);
                    }
                }
            }
            Input::Message { from, .. } => cx.send(from, Word::Written),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> String {
        format!("{} written", self.written)
    }
}

/// What the friend was told is on the notary's disk.
fn told_is_written(world: &World<Words, ()>) -> Result<(), String> {
    let written = world.recovered(NOTARY).summary() != "0 written";
    if told(world) && !written { Err("told, and not written".into()) } else { Ok(()) }
}

fn model(habit: Habit) -> Model<Words, ()> {
    Model {
        always: vec![("WRITTEN", told_is_written)],
        sometimes: vec![("told", told)],
        goal: told,
        ..Model::new(vec![
            Role::new(NOTARY, "notary", "notary", Notary { habit, written: 0 }).may_crash(),
            Role::new(FRIEND, "friend", "friend", Friend { told: false }),
        ])
    }
}

fn told(world: &World<Words, ()>) -> bool {
    world.summary(FRIEND).is_some_and(|summary| summary == "told")
}

fn broken(habit: Habit, limits: &Limits) -> bool {
    explore(&model(habit), limits).violation.is_some()
}

#[test]
fn the_order_of_two_lines_is_the_difference() {
    assert!(!broken(Habit::WriteThenSay, &Limits::safety(1)));
    assert!(broken(Habit::SayThenWrite, &Limits::safety(1)));
}

#[test]
fn a_promise_that_is_sent_ahead_is_caught_where_disks_are_asynchronous() {
    // On a set the same request arrives without end, and the queue behind the disk has no bound.
    let async_disk = Limits { async_disk: true, ..Limits::progress(1, 0, 0) };
    assert!(broken(Habit::SayAhead, &async_disk));
    assert!(!broken(Habit::WriteThenSay, &async_disk));
    assert!(broken(Habit::SayThenWrite, &async_disk));
}

#[test]
fn a_whole_snapshot_passes() {
    assert!(!broken(Habit::SumUp { whole: true }, &Limits::safety(1)));
}

#[test]
#[should_panic(expected = "must recover to what the whole log recovers to")]
fn a_snapshot_that_leaves_something_out_is_caught() {
    broken(Habit::SumUp { whole: false }, &Limits::safety(0));
}

#[test]
fn a_counterexample_is_the_shortest_and_its_log_ends_in_the_violation() {
    let (model, limits) = (model(Habit::SayThenWrite), Limits::safety(1));
    let violation = explore(&model, &limits).violation.expect("it is broken");
    // The request arrives and the process dies between the two lines; the answer arrives.
    assert_eq!(violation.path.len(), 2);
    let (log, _) = log_of(&model, &limits, &violation.path, "");
    assert_eq!(log.events.last().map(|event| event.kind), Some(Kind::Violation));
    assert_eq!(Log::from_json_lines(&log.to_json_lines()).expect("its own text"), log);
}

#[test]
fn who_waits_for_a_process_that_never_returns_is_stuck_and_else_is_not() {
    let report = explore(&model(Habit::WriteThenSay), &Limits::progress(1, 1, 0));
    assert!(report.violation.is_none());
    assert!(!report.graph.stuck(&[Edge::Work]).is_empty());
    assert!(report.graph.stuck(&[Edge::Work, Edge::Restart]).is_empty());
}

#[test]
fn a_truncated_state_proves_nothing_about_progress() {
    let limits = Limits { timeouts: Some(0), ..Limits::progress(0, 1, 0) };
    let report = explore(&model(Habit::WriteThenSay), &limits);
    assert!(report.graph.stuck(&[Edge::Work]).is_empty());
}

#[test]
fn a_search_that_gives_up_says_so() {
    let limits = Limits { states: 2, ..Limits::safety(1) };
    assert!(explore(&model(Habit::WriteThenSay), &limits).gave_up);
}

fn storm(rng: &mut Rng) -> FaultSchedule {
    let crash = Fault::Crash {
        node: NOTARY,
        at: rng.pick(0..3_000),
        back: Some(500),
        wiped: false,
        forget: 0,
    };
    let profile = NetworkProfile { loss: 100_000, ..NetworkProfile::local() };
    FaultSchedule { profile, faults: vec![crash], ..FaultSchedule::none() }
}

#[test]
fn equal_seeds_give_equal_runs_and_different_seeds_do_not() {
    let log = |seed| {
        let schedule = storm(&mut Rng::new(seed));
        simulate(&model(Habit::WriteThenSay), &schedule, seed, "").1.into_log().to_json_lines()
    };
    assert_eq!(log(3), log(3));
    assert_ne!(log(3), log(4));
}

#[test]
fn the_simulator_finds_the_swapped_lines_and_shrinks_the_run() {
    let found = find(&model(Habit::SayThenWrite), storm, 0..500, "");
    let example = found.counterexample.expect("a broken run");
    assert!(example.shrunk.1 <= example.shrunk.0);
    assert!(example.shrunk.1 <= 8, "{} events", example.shrunk.1);
    assert!(find(&model(Habit::WriteThenSay), storm, 0..500, "").counterexample.is_none());
}

#[test]
fn a_disk_that_lies_breaks_what_a_true_one_keeps() {
    let lying = |rng: &mut Rng| {
        let mut schedule = storm(rng);
        if let Fault::Crash { forget, .. } = &mut schedule.faults[0] {
            *forget = 1;
        }
        schedule
    };
    assert!(find(&model(Habit::WriteThenSay), lying, 0..500, "").counterexample.is_some());
}

#[test]
fn a_script_says_what_is_wrong_with_it() {
    let play = || Play::new(model(Habit::WriteThenSay), "");
    let why = |script: &str| play().run(script).map(|_| ()).expect_err("a broken script");
    assert!(why("deliver friend notary\nfly").contains("line 2"), "{}", why("fly"));
    assert!(why("deliver notary friend").contains("no such message"));
    assert!(why("crash nobody").contains("there are notary, friend"));
    assert!(why("restart notary").contains("cannot happen now"));
    assert!(play().run("# a comment\n\ndeliver friend notary\nrun").is_ok());
}

#[test]
fn an_exhibit_hints_at_the_nearest_broken_state_and_proves_that_there_is_none() {
    use lab::exhibit::Exhibit;
    use serde_json::json;
    let limits = Limits::progress(1, 1, 0);
    let broken = Exhibit::new(model(Habit::SayAhead), Limits { async_disk: true, ..limits });
    let shown = broken.call(&json!({ "call": "show", "path": [] }));
    let end = broken.call(&json!({ "call": "view", "path": shown["path"] }));
    assert_eq!(end["lamp"]["ok"], json!(false), "{end}");
    let sound = Exhibit::new(model(Habit::WriteThenSay), limits);
    let proof = sound.call(&json!({ "call": "proof" }));
    assert_eq!(proof["unsafe"], json!(0));
    assert!(proof["states"].as_u64().is_some_and(|states| states > 5));
    let error = sound.call(&json!({ "call": "view", "path": [99] }));
    assert!(error["error"].is_string());
    assert!(sound.call(&json!({ "call": "dance" }))["error"].is_string());
    assert!(sound.call(&json!({ "call": "view", "path": "0" }))["error"].is_string());
}
