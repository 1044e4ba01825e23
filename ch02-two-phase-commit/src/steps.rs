//! The steps of this chapter as data: what each promises, how it is explored, simulated and shown.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::OnceLock;

use lab::chapter::{Bounds, Cell, Explored, Found, StepInfo, Verdict};
use lab::event::Log;
use lab::exhibit::Exhibit;
use lab::explore::{Edge, Limits, Model, Report, explore, log_of};
use lab::rng::Rng;
use lab::script::Play;
use lab::sim::{Plan, find, simulate};
use serde_json::Value;

use crate::faults;
use crate::invariants::Ledger;
use crate::shop::{Coordinator, Participant, Shop};
use crate::worlds::{Look, Scope, model};
use crate::{
    step1_no_coordination as step1, step2_two_phases as step2, step3_log_first as step3,
    step4_isolation as step4, step5_saga as step5,
};

/// What a design without votes can promise.
const PLAIN: &[&str] = &["ACK", "NACK", "ONCE", "MONEY"];
/// What two-phase commit promises.
const ATOMIC: &[&str] = &["AC1", "AC2", "AC3", "ACK", "NACK", "ONCE", "FORGET", "MONEY"];
/// Isolation, which only some steps promise and every matrix asks for.
const ISOLATED: &[&str] = &["HALF"];
/// Runs per cell of the matrix that is judged by simulation.
const SEEDS: Range<u64> = 0..200;
/// So many stuck states are looked at to say who is missed.
const MOST_SHOWN: usize = 500;
/// More states than any scope of this chapter has.
const STATES: usize = 300_000;

/// One step, whatever its types are.
pub trait Step: Send + Sync {
    /// Its name, files and verdict.
    fn info(&self) -> &StepInfo;
    /// What becomes of it under one fault.
    fn judge(&self, fault: &str) -> Cell;
    /// Every order of events within bounds.
    fn explore(&self, bounds: &Bounds) -> Explored;
    /// One simulated run in a storm.
    fn run(&self, seed: u64) -> Log;
    /// Seeds until something breaks, under one fault or in a storm. `None`: no such fault.
    fn find(&self, fault: Option<&str>, seeds: Range<u64>) -> Option<Found>;
    /// A run as a script says.
    ///
    /// # Errors
    /// The first command that cannot happen.
    fn play(&self, scope: Scope, script: &str, title: &str) -> Result<Log, String>;
    /// Runs a golden script and returns it with its output.
    ///
    /// # Errors
    /// What the script language does not know.
    fn golden(&self, script: &str) -> Result<String, String>;
    /// The shortest schedule that breaks a promise within these limits, as a log.
    fn shortest(&self, scope: Scope, promised: &[&'static str], limits: &Limits) -> Option<Log>;
    /// Explores a scope; returns states, steps and depth.
    fn count(&self, scope: Scope, limits: &Limits) -> (usize, usize, usize);
    /// One call of the page.
    fn exhibit(&self, request: &Value) -> Value;
}

/// The steps in reading order.
pub fn all() -> &'static [Box<dyn Step>] {
    static ALL: OnceLock<Vec<Box<dyn Step>>> = OnceLock::new();
    ALL.get_or_init(|| {
        vec![
            Box::new(Of::<step1::Coordinator, step1::Participant>::new(
                info("step1", "step1_no_coordination", "Call both, one after the other", "unsafe"),
                PLAIN,
                Look::Each,
            )),
            Box::new(Of::<step2::Coordinator, step2::Participant>::new(
                info("step2", "step2_two_phases", "Ask first, then do", "unsafe after a restart"),
                ATOMIC,
                Look::Each,
            )),
            Box::new(Of::<step3::Coordinator, step3::Participant>::new(
                info(
                    "step3",
                    "step3_log_first",
                    "Write it down before you say it",
                    "atomic; stuck while the coordinator is gone; a reader sees half an order",
                ),
                ATOMIC,
                Look::Each,
            )),
            Box::new(Of::<step4::Coordinator, step4::Participant> {
                // Each attempt that a lock conflict starts over is a new id, so unbounded retries
                // of every timer would be too many states for a test.
                timeouts: Some(1),
                ..Of::new(
                    info(
                        "step4",
                        "step4_isolation",
                        "Lock it until it has ended",
                        "atomic and isolated; stuck, with locks, while the coordinator is gone",
                    ),
                    ATOMIC,
                    Look::OneMoment,
                )
            }),
            Box::new(Of::<step5::Coordinator, step5::Participant>::new(
                info(
                    "step5",
                    "step5_saga",
                    "Do it, and be ready to take it back",
                    "done or made up for in the end; everybody sees the hole",
                ),
                PLAIN,
                Look::Each,
            )),
        ]
    })
}

/// A step by its id or its module.
#[must_use]
pub fn step(name: &str) -> Option<&'static dyn Step> {
    let found = all().iter().find(|step| step.info().id == name || step.info().module == name);
    found.map(AsRef::as_ref)
}

fn info(
    id: &'static str,
    module: &'static str,
    title: &'static str,
    verdict: &'static str,
) -> StepInfo {
    let files = match id {
        "step1" => vec!["ch02-two-phase-commit/src/step1_no_coordination.rs"],
        "step2" => vec!["ch02-two-phase-commit/src/step2_two_phases.rs"],
        "step3" => vec!["ch02-two-phase-commit/src/step3_log_first.rs"],
        "step4" => vec![
            "ch02-two-phase-commit/src/step4_isolation/coordinator.rs",
            "ch02-two-phase-commit/src/step4_isolation/participant.rs",
            "ch02-two-phase-commit/src/step4_isolation/locks.rs",
        ],
        _ => vec!["ch02-two-phase-commit/src/step5_saga.rs"],
    };
    StepInfo { id, module, files, title, verdict }
}

/// A step made of this coordinator and this participant.
struct Of<C: Coordinator, P: Participant> {
    info: StepInfo,
    promised: &'static [&'static str],
    /// How a reader looks at this step.
    look: Look,
    /// A bound on timeouts for the set network; `None` where the state space is finite without.
    timeouts: Option<u8>,
    exhibit: OnceLock<Exhibit<Shop<C, P>, Ledger>>,
    kinds: PhantomData<(C, P)>,
}

/// What an exploration comes to.
struct Judged {
    verdict: Verdict,
    why: String,
}

impl<C: Coordinator, P: Participant> Of<C, P> {
    fn new(info: StepInfo, promised: &'static [&'static str], look: Look) -> Self {
        Self { info, promised, look, timeouts: None, exhibit: OnceLock::new(), kinds: PhantomData }
    }

    fn model(&self, scope: Scope) -> Model<Shop<C, P>, Ledger> {
        model::<C, P>(scope, self.promised)
    }

    fn title(&self, rest: &str) -> String {
        format!("ch02/{}{rest}", self.info.id)
    }

    fn safety(&self, crashes: u8) -> Limits {
        Limits { timeouts: self.timeouts.filter(|_| crashes > 0), ..Limits::safety(crashes) }
    }

    fn judge_explored(
        model: &Model<Shop<C, P>, Ledger>,
        limits: &Limits,
        allowed: &[Edge],
    ) -> Judged {
        let report = explore(model, limits);
        if let Some(violation) = report.violation {
            return Judged { verdict: Verdict::Unsafe, why: violation.broken.property.into() };
        }
        if report.gave_up {
            return Judged { verdict: Verdict::Undecided, why: "too many states".into() };
        }
        let stuck = report.graph.stuck(allowed);
        let Some(first) = stuck.first() else {
            return Judged { verdict: Verdict::Ok, why: report.never.join(", ") };
        };
        let (_, world) = log_of(model, limits, &report.graph.path(*first), "");
        Judged { verdict: Verdict::Stuck, why: waits_for(&world) }
    }

    fn judge_simulated(&self, fault: &str) -> Judged {
        let model = self.model(Scope::TWO_ORDERS);
        let mut stuck = false;
        for seed in SEEDS {
            let plan = faults::plan(fault, &mut Rng::new(seed)).expect("a fault word");
            let (run, _) = simulate(&model, &plan, seed, "");
            if let Some(broken) = run.broken {
                return Judged { verdict: Verdict::Unsafe, why: broken.property.into() };
            }
            stuck |= !run.settled;
        }
        let verdict = if stuck { Verdict::Stuck } else { Verdict::Ok };
        Judged { verdict, why: String::new() }
    }

    /// Everybody whose absence alone makes the others wait.
    fn missed(
        &self,
        model: &Model<Shop<C, P>, Ledger>,
        report: &Report<Shop<C, P>>,
        limits: &Limits,
        stuck: &[u32],
    ) -> String {
        let mut missed = std::collections::BTreeSet::new();
        for state in stuck.iter().take(MOST_SHOWN) {
            let (_, world) = log_of(model, limits, &report.graph.path(*state), "");
            let roles = world.stage().roles.iter();
            missed.extend(roles.filter(|r| world.node(r.id).is_none()).map(|r| r.name));
        }
        missed.into_iter().collect::<Vec<_>>().join(" or ")
    }

    /// Both searches: safety on a set, progress on a bag.
    fn searches(&self, bounds: &Bounds) -> [(Report<Shop<C, P>>, Limits); 2] {
        let model = self.model(Scope::ONE_ORDER);
        let safety = self.safety(bounds.crashes);
        let progress = Limits::progress(bounds.crashes, bounds.losses, bounds.duplicates);
        [safety, progress].map(|limits| {
            let limits = Limits { states: bounds.states, ..limits };
            (explore(&model, &limits), limits)
        })
    }
}

/// Who is down while the others wait.
fn waits_for<C: Coordinator, P: Participant>(world: &crate::invariants::ShopWorld<C, P>) -> String {
    let roles = world.stage().roles.iter();
    let down = roles.filter(|role| world.node(role.id).is_none()).map(|role| role.name);
    let down: Vec<&str> = down.collect();
    if down.is_empty() { "waits for ever".into() } else { format!("waits for {}", down.join(", ")) }
}

impl<C: Coordinator, P: Participant> Step for Of<C, P> {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    fn judge(&self, fault: &str) -> Cell {
        let (one, two) = (self.model(Scope::ONE_ORDER), self.model(Scope::TWO_ORDERS));
        let working = &[Edge::Work][..];
        let repaired = &[Edge::Work, Edge::Restart][..];
        let id = self.info.id;
        let (judged, options) = match fault {
            "no fault" => {
                let limits = Limits::progress(0, 0, 0);
                (Self::judge_explored(&two, &limits, working), "--crashes 0 --losses 0")
            }
            "crash" => {
                let limits = Limits { restarts: false, ..Limits::progress(1, 0, 0) };
                (Self::judge_explored(&one, &limits, working), "--crashes 1 --losses 0")
            }
            "restart" => {
                let safety = Self::judge_explored(&one, &self.safety(1), repaired);
                let unsafe_ = safety.verdict == Verdict::Unsafe;
                let limits = Limits::progress(1, 0, 0);
                let judged =
                    if unsafe_ { safety } else { Self::judge_explored(&one, &limits, repaired) };
                (judged, "--crashes 1 --losses 0")
            }
            "loss" => {
                let limits = Limits::progress(0, 1, 0);
                (Self::judge_explored(&two, &limits, working), "--crashes 0 --losses 1")
            }
            "duplicate" => {
                let limits = Limits::progress(0, 0, 1);
                let options = "--crashes 0 --losses 0 --duplicates 1";
                (Self::judge_explored(&two, &limits, working), options)
            }
            "a reader" => {
                let model = model::<C, P>(Scope::ONE_ORDER.with(self.look), ISOLATED);
                let judged = Self::judge_explored(&model, &Limits::progress(0, 0, 0), working);
                let command = format!("cargo guide find ch02/{id} --fault reader");
                return Cell { verdict: judged.verdict, why: judged.why, command };
            }
            timed => {
                let judged = self.judge_simulated(timed);
                let command = format!("cargo guide find ch02/{id} --fault \"{timed}\"");
                return Cell { verdict: judged.verdict, why: judged.why, command };
            }
        };
        let command = format!("cargo guide explore ch02/{id} {options}");
        Cell { verdict: judged.verdict, why: judged.why, command }
    }

    fn explore(&self, bounds: &Bounds) -> Explored {
        let model = self.model(Scope::ONE_ORDER);
        let [(safety, on_set), (progress, on_bag)] = self.searches(bounds);
        let states = safety.graph.states();
        let pinned = crate::verdicts::unsafe_within(self.info.id, bounds);
        let broken = [(&safety, &on_set), (&progress, &on_bag)];
        let broken = broken.into_iter().find_map(|(report, limits)| {
            report.violation.as_ref().map(|violation| (violation, limits))
        });
        if let Some((violation, limits)) = broken {
            let title = self.title(", the shortest way to break it");
            let (log, _) = log_of(&model, limits, &violation.path, &title);
            let (property, why) = (violation.broken.property, &violation.broken.why);
            let summary = format!("unsafe: {property}: {why}");
            return Explored { summary, states, as_pinned: pinned, schedules: vec![log] };
        }
        let gave_up = safety.gave_up || progress.gave_up;
        if gave_up {
            let summary = format!("undecided: more than {} states", thousands(bounds.states));
            return Explored { summary, states, as_pinned: false, schedules: Vec::new() };
        }
        let mut summary = format!("safe in {} states", thousands(states));
        let mut schedules = Vec::new();
        let forever = progress.graph.stuck(&[Edge::Work]);
        let even_so = progress.graph.stuck(&[Edge::Work, Edge::Restart]);
        let shown = even_so.first().or(forever.first());
        if let Some(state) = shown {
            let title = self.title(", the shortest way to be stuck");
            let path = progress.graph.path(*state);
            let (mut log, world) = log_of(&model, &on_bag, &path, &title);
            log.header.verdict =
                Some(format!("stuck: the others cannot go on; {}", waits_for(&world)));
            let who = self.missed(&model, &progress, &on_bag, &forever);
            summary += &if even_so.is_empty() {
                format!("; stuck if {who} never returns (with the schedule); ok if it does")
            } else {
                "; stuck even if everybody returns".to_owned()
            };
            schedules.push(log);
        } else {
            summary += "; never stuck";
        }
        Explored { summary, states, as_pinned: !pinned, schedules }
    }

    fn run(&self, seed: u64) -> Log {
        let plan = faults::storm(&mut Rng::new(seed));
        let title = self.title(&format!(", seed {seed}"));
        simulate(&self.model(Scope::TWO_ORDERS), &plan, seed, &title).1.into_log()
    }

    fn find(&self, fault: Option<&str>, seeds: Range<u64>) -> Option<Found> {
        let model = self.model(Scope::TWO_ORDERS);
        let title = self.title("");
        Some(match fault {
            None => find(&model, faults::storm, seeds, &title),
            Some("reader") => {
                let model =
                    crate::worlds::model::<C, P>(Scope::ONE_ORDER.with(self.look), ISOLATED);
                find(&model, |_| Plan::quiet(), seeds, &title)
            }
            Some(fault) => {
                faults::plan(fault, &mut Rng::new(0))?;
                let plan = |rng: &mut Rng| faults::plan(fault, rng).expect("a known fault word");
                find(&model, plan, seeds, &title)
            }
        })
    }

    fn play(&self, scope: Scope, script: &str, title: &str) -> Result<Log, String> {
        let promised: Vec<&str> = self.promised.iter().chain(ISOLATED).copied().collect();
        Ok(Play::new(model::<C, P>(scope, &promised), title).run(script)?.into_log())
    }

    fn golden(&self, script: &str) -> Result<String, String> {
        let play = Play::new(self.model(Scope::TWO_ORDERS.with(self.look)), "");
        lab::script::golden(play, script)
    }

    fn shortest(&self, scope: Scope, promised: &[&'static str], limits: &Limits) -> Option<Log> {
        let model = model::<C, P>(scope, promised);
        let violation = explore(&model, limits).violation?;
        let title = self.title(", the shortest way to break it");
        Some(log_of(&model, limits, &violation.path, &title).0)
    }

    fn count(&self, scope: Scope, limits: &Limits) -> (usize, usize, usize) {
        let report = explore(&self.model(scope), limits);
        assert!(!report.gave_up, "this scope has more states than {}", limits.states);
        (report.graph.states(), report.graph.steps(), report.graph.depth())
    }

    fn exhibit(&self, request: &Value) -> Value {
        let exhibit = self.exhibit.get_or_init(|| {
            let scope = if self.promised == PLAIN { Scope::TWO_ORDERS } else { Scope::ONE_ORDER };
            let limits = Limits { states: STATES, ..Limits::progress(1, 1, 0) };
            Exhibit::new(self.model(scope), limits)
        });
        exhibit.call(request)
    }
}

/// `24,424`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
