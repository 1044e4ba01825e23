//! What the book shows of this chapter: the runs of its figures, and the numbers in its text.

mod reads;
mod scripts;

use lab::event::{Kind, Log};
use lab::explore::{Limits, explore};
use lab::script::Play;
use lab::sim::{self, FaultSchedule};
use lab::study::{Story, Told};
use lab::view::thousands;

use crate::designs::{self, CONSENSUS, KV};
use crate::duel;
use crate::invariants::something_is_learned;
use crate::worlds::{Crashing, Nodes, Scope};
use scripts::{ADOPTS, DUEL, FORGETS, ONCE, PULLS, REMEMBERS, TWICE};

/// A figure that a script tells.
struct Figure {
    name: &'static str,
    step: &'static str,
    scope: Scope,
    script: &'static str,
}

const TOLD: &[Figure] = &[
    Figure {
        name: "lost-write",
        step: "step1",
        scope: Scope::ONE,
        script: "lose replica-1 replica-2
crash replica-1 after 2 deliver web-1 replica-1
deliver replica-1 web-1
timeout replica-2
timeout web-1
deliver web-1 replica-2
deliver replica-2 web-1",
    },
    Figure {
        name: "split-vote",
        step: "step2",
        scope: Scope::THREE,
        script: "deliver web-1 replica-1
deliver web-2 replica-2
deliver web-3 replica-3
deliver replica-1 web-1
deliver replica-2 web-2
deliver replica-3 web-3",
    },
    Figure {
        name: "log",
        step: "step6",
        scope: Scope::ONE,
        script: "deliver replica-1 replica-2
deliver replica-2 replica-1
deliver web-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 web-1
deliver replica-1 replica-2",
    },
    Figure {
        name: "new-leader",
        step: "step6",
        scope: Scope::ONE,
        script: "deliver replica-1 replica-2
deliver replica-2 replica-1
deliver web-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 web-1
crash replica-1
timeout replica-3
deliver replica-3 replica-2
deliver replica-2 replica-3
deliver replica-3 replica-2
deliver replica-2 replica-3",
    },
    Figure { name: "twice", step: "step6", scope: Scope::TWO, script: TWICE },
    Figure { name: "once", step: "step7", scope: Scope::ONE, script: ONCE },
    Figure { name: "adopts", step: "step3", scope: Scope::TWO, script: ADOPTS },
    Figure { name: "forgets", step: "step3", scope: Scope::TWO, script: FORGETS },
    Figure { name: "remembers", step: "step4", scope: Scope::TWO, script: REMEMBERS },
];

/// The runs that the book shows, by name.
#[must_use]
pub fn figures() -> Vec<(String, Log)> {
    let story =
        |name, step: &str, world, told| Story { name, step: format!("ch03/{step}"), world, told };
    let told = TOLD.iter().map(|told| {
        let world = designs::row(told.step).model(told.scope);
        story(told.name, told.step, world, Told::Script(told.script))
    });
    let rivals = duel::RIVALS.model(Scope::TWO, CONSENSUS);
    let duel = [story("duel", "step5", rivals, Told::Script(DUEL))];
    let saving = Nodes::SAVING.without_sessions().model(Scope::ONE, KV);
    let pulls = [story("pulls", "step7", saving, Told::Script(PULLS))];
    let two = designs::row("step1").model(Scope::TWO);
    let late = Limits { timeouts: Some(3), ..Limits::safety(0) };
    let found = [story("two-primaries", "step1", two, Told::Shortest(late))];
    told.chain(duel)
        .chain(pulls)
        .chain(found)
        .map(|story| (story.name.to_owned(), story.log()))
        .collect()
}

/// Runs of step 2 without any fault: of these many seeds, so many end with a split vote.
#[must_use]
pub fn split_votes(seeds: u64) -> u64 {
    let world = designs::row("step2").model(Scope::THREE);
    let run = |seed| sim::run(&world, &FaultSchedule::none(), seed).world;
    (0..seeds).filter(|seed| !something_is_learned(&run(*seed))).count() as u64
}

/// How many states the safety of single-decree Paxos was searched in: three ballots, one crash of a
/// replica, cut anywhere. The slow tests assert it.
pub const STATES_THREE_BALLOTS: usize = 13_892_334;

/// How many states the store was searched in: one increment in a session, a second leader. A test asserts
/// it.
pub const STATES_STORE: usize = 1_730_850;

/// How many states a store was searched in that takes a snapshot after each slot, with a restart of one
/// replica. A test asserts it.
pub const STATES_SAVING: usize = 29_077;

/// How many states one was searched in that pulls a snapshot, and may restart. A test asserts it.
pub const STATES_PULLING: usize = 224;

/// How many states a change of the group was searched in, with a second leader. A test asserts it.
pub const STATES_MEMBERS: usize = 39_874;

/// How many states four replicas of which two are enough to choose were searched in. A test asserts it.
pub const STATES_QUORUMS: usize = 87_298;

/// How many events are enough to count an increment twice that has no session. A test asserts it.
pub const STEPS_PLAIN: usize = 15;

/// How many states a small world of step 4 has with two ballots, and how deep they lie.
fn two_ballots(crashing: Crashing) -> (usize, usize) {
    let limits = Limits { timeouts: Some(0), ..Limits::safety(1) };
    let world = Nodes::STEP4.model(Scope::TWO.crashing(crashing), CONSENSUS);
    let report = explore(&world, &limits);
    assert!(!report.gave_up && report.violation.is_none(), "step 4 is safe in this scope");
    (report.graph.states(), report.graph.depth())
}

/// The counted numbers in the text, by name.
#[must_use]
pub fn numbers() -> Vec<(String, String)> {
    let mut numbers = Vec::new();
    for id in ["step2", "step3", "step4", "step5"] {
        let world = designs::row(id).model(Scope::ONE);
        let log = Play::new(world, "").run("run").expect("a value is chosen").into_log();
        let count = |kind| log.events.iter().filter(|event| event.kind == kind).count();
        numbers.push((format!("messages_{id}"), count(Kind::Send).to_string()));
        numbers.push((format!("records_{id}"), count(Kind::Persist).to_string()));
    }
    let of_log = |commands| {
        let world = designs::row("step6").model(Scope::ONE.commands(commands));
        let play = Play::new(world, "").run(designs::LEADS).and_then(|play| play.run("run"));
        let log = play.expect("commands are chosen").into_log();
        [Kind::Send, Kind::Persist].map(|kind| log.events.iter().filter(|e| e.kind == kind).count())
    };
    let ([messages, records], [before, kept]) = (of_log(2), of_log(1));
    numbers.push(("messages_step6".into(), (messages - before).to_string()));
    numbers.push(("records_step6".into(), (records - kept).to_string()));
    let (states, depth) = two_ballots(Crashing::Replicas);
    numbers.push(("states_two_ballots".into(), thousands(states)));
    numbers.push(("depth_two_ballots".into(), depth.to_string()));
    numbers.push(("states_three_ballots".into(), thousands(STATES_THREE_BALLOTS)));
    numbers.push(("states_store".into(), thousands(STATES_STORE)));
    numbers.push(("states_saving".into(), thousands(STATES_SAVING)));
    numbers.push(("states_members".into(), thousands(STATES_MEMBERS)));
    numbers.push(("states_quorums".into(), thousands(STATES_QUORUMS)));
    numbers.push(("states_pulling".into(), thousands(STATES_PULLING)));
    numbers.push(("steps_plain".into(), STEPS_PLAIN.to_string()));
    for (way, [messages, records]) in ["log", "index", "lease"].into_iter().zip(reads::costs()) {
        numbers.push((format!("messages_read_{way}"), messages.to_string()));
        numbers.push((format!("records_read_{way}"), records.to_string()));
    }
    let split = split_votes(1_000);
    numbers.push(("split_votes_in_1000".into(), split.to_string()));
    numbers
}
