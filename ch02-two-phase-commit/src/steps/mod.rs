//! The designs of this chapter as data: what each promises, how it is explored, simulated and shown.

mod designs;
mod explored;
mod judge;
mod points;

use std::ops::Range;
use std::sync::OnceLock;

use lab::NodeId;
use lab::chapter::{Found, StepInfo};
use lab::event::Log;
use lab::exhibit::Exhibit;
use lab::explore::{Limits, Model, explore, log_of};
use lab::rng::Rng;
use lab::script::Play;
use lab::sim::{FaultSchedule, find, simulate};
use serde_json::Value;

use crate::faults;
use crate::invariants::{Ledger, ShopWorld};
use crate::shop::Shop;
use crate::types::{COORD, PAY, STOCK};
use crate::worlds::{Design, Look, Scope};
pub use designs::{all, step};
pub use explored::Shares;

/// What a design without votes can promise.
const PLAIN: &[&str] = &["ACK", "NACK", "ONCE", "MONEY"];
/// What two-phase commit promises.
const ATOMIC: &[&str] = &["AC1", "AC2", "AC3", "ACK", "NACK", "ONCE", "FORGET", "MONEY"];
/// Isolation, which only some steps promise and every matrix asks for.
const ISOLATED: &[&str] = &["HALF"];
/// More states than any scope of this chapter has.
const STATES: usize = 300_000;

/// One design.
pub struct Step {
    info: StepInfo,
    promised: &'static [&'static str],
    /// How a reader looks at this step.
    look: Look,
    /// How many take part in an order of its small world.
    participants: u8,
    /// A bound on timeouts for the set network; `None` where the state space is finite without.
    timeouts: Option<u8>,
    /// Whether safety, too, is judged on a bag with timers that expire last: either because that is all the
    /// design promises, or because a set has too many states.
    on_bag: bool,
    /// Whether it has more processes than an exploration of restarts, or of two orders, has time for.
    wide: bool,
    design: Design,
    exhibit: OnceLock<Exhibit<Shop, Ledger>>,
}

impl Step {
    fn new(info: StepInfo, promised: &'static [&'static str], design: Design) -> Self {
        let (look, exhibit) = (Look::Each, OnceLock::new());
        Self {
            info,
            promised,
            look,
            participants: 2,
            timeouts: None,
            on_bag: false,
            wide: false,
            design,
            exhibit,
        }
    }

    /// Its name, files and verdict.
    #[must_use]
    pub fn info(&self) -> &StepInfo {
        &self.info
    }

    /// What its worlds are made from.
    #[must_use]
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// Its small world, with what it promises.
    #[must_use]
    pub fn model(&self, scope: Scope) -> Model<Shop, Ledger> {
        self.model_with(scope, self.promised)
    }

    fn model_with(&self, scope: Scope, promised: &[&'static str]) -> Model<Shop, Ledger> {
        let participants = self.participants.max(scope.participants);
        let participants = if self.participants == 1 { 1 } else { participants };
        self.design.model(Scope { participants, ..scope }, promised)
    }

    /// Whom faults may hit.
    fn servers(&self) -> Vec<NodeId> {
        let standbys = self.design.standbys.iter().map(|(id, _)| *id);
        let stock = (self.participants > 1).then_some(STOCK);
        [COORD].into_iter().chain(stock).chain([PAY]).chain(standbys).collect()
    }

    fn title(&self, rest: &str) -> String {
        format!("ch02/{}{rest}", self.info.id)
    }

    fn safety(&self, crashes: u8) -> Limits {
        if self.on_bag {
            return Limits::progress(crashes, 0, 0);
        }
        Limits { timeouts: self.timeouts.filter(|_| crashes > 0), ..Limits::safety(crashes) }
    }

    /// One simulated run in a storm.
    #[must_use]
    pub fn run(&self, seed: u64) -> Log {
        let schedule = faults::storm(&mut Rng::new(seed), &self.servers());
        let title = self.title(&format!(", seed {seed}"));
        simulate(&self.model(Scope::TWO_ORDERS), &schedule, seed, &title).1.into_log()
    }

    /// Seeds until something breaks, under one fault or in a storm. `None`: no such fault.
    #[must_use]
    pub fn find(&self, fault: Option<&str>, seeds: Range<u64>) -> Option<Found> {
        let (model, servers) = (self.model(Scope::TWO_ORDERS), self.servers());
        let title = self.title("");
        Some(match fault {
            None => find(&model, |rng| faults::storm(rng, &servers), seeds, &title),
            Some("reader") => {
                let model = self.model_with(Scope::ONE_ORDER.with(self.look), ISOLATED);
                find(&model, |_| FaultSchedule::none(), seeds, &title)
            }
            Some(fault) => {
                faults::schedule(fault, &mut Rng::new(0), &servers)?;
                let schedule = |rng: &mut Rng| {
                    faults::schedule(fault, rng, &servers).expect("a known fault word")
                };
                find(&model, schedule, seeds, &title)
            }
        })
    }

    /// A run as a script says.
    ///
    /// # Errors
    /// The first command that cannot happen.
    pub fn play(&self, scope: Scope, script: &str, title: &str) -> Result<Log, String> {
        let promised: Vec<&str> = self.promised.iter().chain(ISOLATED).copied().collect();
        Ok(Play::new(self.model_with(scope, &promised), title).run(script)?.into_log())
    }

    /// Runs a golden script and returns it with its output.
    ///
    /// # Errors
    /// What the script language does not know.
    pub fn golden(&self, script: &str) -> Result<String, String> {
        let play = Play::new(self.model(Scope::TWO_ORDERS.with(self.look)), "");
        lab::script::golden(play, script)
    }

    /// The shortest schedule that breaks a promise within these limits, as a log.
    #[must_use]
    pub fn shortest(
        &self,
        scope: Scope,
        promised: &[&'static str],
        limits: &Limits,
    ) -> Option<Log> {
        let model = self.model_with(scope, promised);
        let violation = explore(&model, limits).violation?;
        let title = self.title(", the shortest way to break it");
        Some(log_of(&model, limits, &violation.path, &title).0)
    }

    /// Explores a scope; returns states, steps and depth.
    ///
    /// # Panics
    /// If the scope has more states than the limits allow.
    #[must_use]
    pub fn count(&self, scope: Scope, limits: &Limits) -> (usize, usize, usize) {
        let report = explore(&self.model(scope), limits);
        assert!(!report.gave_up, "this scope has more states than {}", limits.states);
        (report.graph.states(), report.graph.steps(), report.graph.depth())
    }

    /// One call of the page.
    pub fn exhibit(&self, request: &Value) -> Value {
        let exhibit = self.exhibit.get_or_init(|| {
            let scope = if self.promised == PLAIN { Scope::TWO_ORDERS } else { Scope::ONE_ORDER };
            let limits = Limits { states: STATES, ..Limits::progress(1, 1, 0) };
            Exhibit::new(self.model(scope), limits)
        });
        exhibit.call(request)
    }
}

/// Who is down while the others wait.
fn waits_for(world: &ShopWorld) -> String {
    let roles = world.topology().roles.iter();
    let down = roles.filter(|role| !world.is_up(role.id)).map(|role| role.name);
    let down: Vec<&str> = down.collect();
    if down.is_empty() { "waits for ever".into() } else { format!("waits for {}", down.join(", ")) }
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
