//! What the book shows of this chapter: the runs of its figures, and the numbers in its text.

use lab::chapter::{Models, Verdict};
use lab::event::{Kind, Log};
use lab::explore::{Limits, explore};
use lab::script::Play;
use lab::study::{Story, Told};
use lab::view::thousands;

use crate::costs::{LINES, counted};
use crate::deeper::in_doubt::without_coordinator;
use crate::designs;
use crate::worlds::{HALF_AN_ORDER, Read, Scope};

/// A figure that a script tells.
struct Figure {
    name: &'static str,
    step: &'static str,
    scope: Scope,
    script: &'static str,
}

const TOLD: &[Figure] = &[
    Figure { name: "half-an-order", step: "step1", scope: Scope::ONE_ORDER, script: HALF_AN_ORDER },
    Figure { name: "declined-but-gone", step: "step1", scope: Scope::TWO_ORDERS, script: "run" },
    Figure {
        name: "done-twice",
        step: "step1",
        scope: Scope::ONE_ORDER,
        script: "deliver web-1 coord
deliver coord stock
lose stock coord
timeout web-1
deliver web-1 coord
deliver coord stock",
    },
    Figure { name: "two-phases", step: "step2", scope: Scope::ONE_ORDER, script: "run" },
    Figure {
        name: "forgot-its-vote",
        step: "step2",
        scope: Scope::ONE_ORDER,
        script: "deliver web-1 coord
deliver coord stock
deliver coord pay
deliver stock coord
deliver pay coord
deliver coord stock
crash pay
restart pay
deliver coord pay
deliver coord web-1",
    },
    Figure {
        name: "log-first",
        step: "step3",
        scope: Scope::ONE_ORDER,
        script: "deliver web-1 coord
deliver coord stock
deliver coord pay
deliver stock coord
deliver pay coord
deliver coord stock
crash pay
restart pay
deliver coord pay
run",
    },
    Figure {
        name: "in-doubt",
        step: "step3",
        scope: Scope::ONE_ORDER,
        script: "deliver web-1 coord
deliver coord stock
deliver coord pay
deliver stock coord
crash coord
timeout stock
timeout pay
deliver stock coord
deliver pay coord
timeout stock
timeout pay",
    },
    Figure {
        name: "deadlock",
        step: "step4",
        scope: Scope::ONE_ORDER.with(Read::Snapshot),
        script: "deliver web-1 coord
deliver web-2 coord
deliver coord stock
deliver coord pay 2
deliver coord stock
deliver coord pay
deliver pay coord
deliver pay coord
deliver coord pay",
    },
    Figure {
        name: "blocked",
        step: "step4",
        scope: Scope::TWO_ORDERS.with(Read::Snapshot),
        script: "deliver web-1 coord
deliver coord stock
deliver coord pay
deliver stock coord
crash coord after 1 deliver pay coord
timeout stock
timeout pay
timeout web-2",
    },
    Figure {
        name: "coord-returns",
        step: "step4",
        scope: Scope::ONE_ORDER,
        script: "deliver web-1 coord
deliver coord stock
deliver coord pay
deliver stock coord
crash coord after 1 deliver pay coord
restart coord
run",
    },
    Figure {
        name: "a-peer-knows",
        step: "termination",
        scope: Scope::ONE_ORDER,
        script: "deliver web-1 coord
deliver coord stock
deliver coord pay
deliver stock coord
crash coord after 3 deliver pay coord
deliver coord stock
timeout pay
deliver pay stock
deliver stock pay",
    },
    Figure {
        name: "two-of-three",
        step: "paxos-commit",
        scope: Scope::ONE_ORDER,
        script: "deliver web-1 coord
deliver coord stock
deliver coord pay
deliver stock coord-2
deliver pay coord-2
crash coord
timeout coord-2
deliver coord-2 coord-3
deliver coord-3 coord-2
deliver coord-2 coord-3
deliver coord-3 coord-2
deliver coord-2 stock
deliver coord-2 pay",
    },
    Figure {
        name: "fenced",
        step: "fencing",
        scope: Scope::ONE_ORDER,
        script: "deliver coord store
deliver store coord
deliver web-1 coord
deliver coord stock
deliver coord pay
deliver stock coord
timeout coord-2
deliver coord-2 store
deliver store coord-2
timeout stock
deliver stock coord-2
deliver coord-2 stock
deliver pay coord
deliver coord store
deliver store coord",
    },
    Figure { name: "saga-undoes", step: "step5", scope: Scope::TWO_ORDERS, script: "run" },
];

/// The runs that the book shows, by name.
#[must_use]
pub fn figures() -> Vec<(String, Log)> {
    let story =
        |name, step: &str, world, told| Story { name, step: format!("ch02/{step}"), world, told };
    let told = TOLD.iter().map(|told| {
        let world = designs::row(told.step).shown(told.scope);
        story(told.name, told.step, world, Told::Script(told.script))
    });
    let shortest = |name, step, scope, promised: &[&'static str], limits| {
        let world = designs::row(step).model_with(scope, promised);
        story(name, step, world, Told::Shortest(limits))
    };
    let (crash, quiet, late) =
        (Limits::progress(1, 0, 0), Limits::progress(0, 0, 0), Limits::safety(0));
    let one = Scope::ONE_ORDER;
    let (each, one_moment) = (one.with(Read::Each), one.with(Read::Snapshot));
    let found = [
        shortest("forgotten-decision", "step2", one, &["AC1"], crash),
        shortest("half-visible", "step3", each, &["HALF"], quiet),
        shortest("two-groups", "3pc", one, &["AC1"], late),
        shortest("left-early", "read-only", one_moment, &["HALF"], quiet),
        shortest("saga-half-visible", "step5", each, &["HALF"], quiet),
    ];
    told.chain(found).map(|story| (story.name.to_owned(), story.log())).collect()
}

/// The run of one order without faults, as a figure would show it.
fn one_run(id: &str, scope: Scope) -> Log {
    let play = Play::new(designs::row(id).shown(scope), "").run("run");
    play.expect("an order goes through").into_log()
}

/// How many states a scope of a design has, and how deep they lie.
fn count(id: &str, limits: &Limits) -> (usize, usize) {
    let report = explore(&designs::row(id).model(Scope::ONE_ORDER), limits);
    assert!(!report.gave_up, "this scope has more states than {}", limits.states);
    (report.graph.states(), report.graph.depth())
}

/// The counted numbers in the text, by name.
#[must_use]
pub fn numbers() -> Vec<(String, String)> {
    let mut numbers = Vec::new();
    let ids = designs::rows().iter().map(|row| row.info.id);
    for id in ids.filter(|id| id.starts_with("step")) {
        let log = one_run(id, Scope::ONE_ORDER);
        let count = |kind| log.events.iter().filter(|event| event.kind == kind).count();
        numbers.push((format!("messages_{id}"), count(Kind::Send).to_string()));
        numbers.push((format!("records_{id}"), count(Kind::Persist).to_string()));
    }
    for (id, timeouts) in [("step3", None), ("step4", Some(1)), ("step5", None)] {
        let (states, depth) = count(id, &Limits { timeouts, ..Limits::safety(1) });
        numbers.push((format!("states_{id}"), thousands(states)));
        numbers.push((format!("depth_{id}"), depth.to_string()));
    }
    numbers.extend(deeper());
    numbers
}

/// The counted numbers of the designs off the main path.
fn deeper() -> Vec<(String, String)> {
    let mut numbers = Vec::new();
    for line in &LINES {
        let (cost, name) = (counted(line), format!("{}_{}", line.step, line.case));
        numbers.push((format!("messages_{name}"), cost.messages.to_string()));
        numbers.push((format!("without_forgetting_{name}"), cost.to_decide().to_string()));
        numbers.push((format!("fsyncs_{name}"), cost.fsyncs.to_string()));
    }
    let shares = without_coordinator("termination");
    let all = shares.helped + shares.peer_down + shares.blocked;
    numbers.push(("in_doubt_states".into(), all.to_string()));
    let branches =
        [("helped", shares.helped), ("peer_down", shares.peer_down), ("blocked", shares.blocked)];
    for (name, count) in branches {
        numbers.push((format!("in_doubt_{name}"), count.to_string()));
        numbers.push((
            format!("in_doubt_{name}_percent"),
            ((100 * count + all / 2) / all).to_string(),
        ));
    }
    let for_good = Limits { restarts: false, ..Limits::progress(1, 0, 0) };
    for id in ["3pc", "paxos-commit"] {
        let (states, _) = count(id, &for_good);
        numbers.push((format!("states_{id}"), thousands(states)));
    }
    let points = designs::study().points("step3").expect("a design");
    numbers.push(("points_step3".into(), points.rows.len().to_string()));
    numbers.push(("pairs_step3".into(), points.pairs.runs.to_string()));
    let points = designs::study().points("step2").expect("a design");
    let broken = points.rows.iter().filter(|row| row.verdict == Verdict::Unsafe).count();
    numbers.push(("points_unsafe_step2".into(), broken.to_string()));
    numbers.push(("pairs_step2".into(), points.pairs.runs.to_string()));
    numbers.push(("pairs_unsafe_step2".into(), points.pairs.broken.to_string()));
    numbers
}
