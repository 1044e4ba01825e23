//! What the book shows of this chapter: the runs of its figures, and the numbers in its text.

use lab::chapter::Verdict;
use lab::event::{Kind, Log};
use lab::explore::Limits;

use crate::costs::{LINES, counted};
use crate::steps::{self, thousands};
use crate::worlds::{HALF_AN_ORDER, Look, Scope};

/// A figure that a script tells.
struct Told {
    name: &'static str,
    step: &'static str,
    scope: Scope,
    script: &'static str,
}

const TOLD: &[Told] = &[
    Told { name: "half-an-order", step: "step1", scope: Scope::ONE_ORDER, script: HALF_AN_ORDER },
    Told { name: "declined-but-gone", step: "step1", scope: Scope::TWO_ORDERS, script: "run" },
    Told {
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
    Told { name: "two-phases", step: "step2", scope: Scope::ONE_ORDER, script: "run" },
    Told {
        name: "forgot-its-yes",
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
    Told {
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
    Told {
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
    Told {
        name: "nobody-may-move",
        step: "step4",
        scope: Scope::TWO_ORDERS.with(Look::OneMoment),
        script: "deliver web-1 coord
deliver coord stock
deliver coord pay
deliver stock coord
crash coord after 1 deliver pay coord
timeout stock
timeout pay
timeout web-2",
    },
    Told {
        name: "it-comes-back",
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
    Told {
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
    Told {
        name: "two-are-enough",
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
    Told { name: "saga-takes-back", step: "step5", scope: Scope::TWO_ORDERS, script: "run" },
];

impl Told {
    fn log(&self) -> Log {
        let step = steps::step(self.step).expect("a step of this chapter");
        let title = format!("ch02/{}: {}", self.step, self.name.replace('-', " "));
        let log = step.play(self.scope, self.script, &title);
        log.unwrap_or_else(|why| panic!("{}: {why}", self.name))
    }
}

/// The runs that the book shows, by name.
///
/// # Panics
/// If a script no longer fits the step it was written for.
#[must_use]
pub fn figures() -> Vec<(&'static str, Log)> {
    let mut figures: Vec<_> = TOLD.iter().map(|told| (told.name, told.log())).collect();
    let shortest = |step: &str, scope, promised: &[&'static str], limits| {
        let step = steps::step(step).expect("a step of this chapter");
        step.shortest(scope, promised, &limits).expect("this promise is broken here")
    };
    let crash = Limits::progress(1, 0, 0);
    figures.push(("forgotten-decision", shortest("step2", Scope::ONE_ORDER, &["AC1"], crash)));
    let look = Scope::ONE_ORDER.with(Look::Each);
    let quiet = Limits::progress(0, 0, 0);
    figures.push(("half-visible", shortest("step3", look, &["HALF"], quiet)));
    let late = Limits::safety(0);
    figures.push(("two-groups", shortest("3pc", Scope::ONE_ORDER, &["AC1"], late)));
    let one_moment = Scope::ONE_ORDER.with(Look::OneMoment);
    figures.push(("left-early", shortest("read-only", one_moment, &["HALF"], quiet)));
    figures.push(("saga-hole", shortest("step5", look, &["HALF"], quiet)));
    figures
}

/// The counted numbers in the text, by name.
#[must_use]
pub fn numbers() -> Vec<(String, String)> {
    let mut numbers = Vec::new();
    for step in steps::all().iter().filter(|step| step.info().id.starts_with("step")) {
        let id = step.info().id;
        let log = step.play(Scope::ONE_ORDER, "run", "").expect("an order goes through");
        let count = |kind| log.events.iter().filter(|event| event.kind == kind).count();
        numbers.push((format!("messages_{id}"), count(Kind::Send).to_string()));
        numbers.push((format!("records_{id}"), count(Kind::Persist).to_string()));
    }
    for (id, timeouts) in [("step3", None), ("step4", Some(1)), ("step5", None)] {
        let step = steps::step(id).expect("a step of this chapter");
        let limits = Limits { timeouts, ..Limits::safety(1) };
        let (states, _, depth) = step.count(Scope::ONE_ORDER, &limits);
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
        numbers.push((format!("forced_{name}"), cost.forced.to_string()));
    }
    let shares = steps::step("termination").expect("a design").without_coordinator();
    let all = shares.helped + shares.peer_down + shares.blocked;
    numbers.push(("in_doubt_states".into(), all.to_string()));
    let parts =
        [("helped", shares.helped), ("peer_down", shares.peer_down), ("blocked", shares.blocked)];
    for (name, count) in parts {
        numbers.push((format!("in_doubt_{name}"), count.to_string()));
        numbers.push((
            format!("in_doubt_{name}_percent"),
            ((100 * count + all / 2) / all).to_string(),
        ));
    }
    let for_good = Limits { restarts: false, ..Limits::progress(1, 0, 0) };
    for id in ["3pc", "paxos-commit"] {
        let step = steps::step(id).expect("a design");
        let (states, _, _) = step.count(Scope::ONE_ORDER, &for_good);
        numbers.push((format!("states_{id}"), thousands(states)));
    }
    let points = steps::step("step3").expect("a design").points();
    numbers.push(("points_step3".into(), points.rows.len().to_string()));
    numbers.push(("pairs_step3".into(), points.pairs.runs.to_string()));
    let points = steps::step("step2").expect("a design").points();
    let broken = points.rows.iter().filter(|row| row.verdict == Verdict::Unsafe).count();
    numbers.push(("points_unsafe_step2".into(), broken.to_string()));
    numbers.push(("pairs_step2".into(), points.pairs.runs.to_string()));
    numbers.push(("pairs_unsafe_step2".into(), points.pairs.broken.to_string()));
    numbers
}
