//! One workload, seven designs, and what can happen to a shop: counted.

use lab::chapter::Table;
use lab::sim::Fault;

use super::workload::{DOWN, EVENT, PEOPLE, RACING, WINDOW, shop};
use super::{Experiment, Outcome, SECOND, crowd, webs};
use crate::designs;
use crate::guarantees::Visit;
use crate::shop::AnyNode;
use crate::step7_affinity_hint::Web;
use crate::types::wait;
use crate::worlds::STORE;

/// For how long a web node of step 7 may use a copy, in seconds.
pub const FRESH: u64 = wait::FRESH_IN_SHOP.as_secs();

/// What happens to the shop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Nothing.
    Nothing,
    /// The second of four web nodes is gone for good.
    Crash,
    /// All four are restarted, one after the other.
    RollingRestart,
    /// A fifth joins.
    Joins,
    /// The last of five leaves.
    Leaves,
    /// There are two balancers, and each request goes to the other one.
    TwoBalancers,
    /// The store is down for three seconds.
    StoreDown,
    /// The store stands still for 0.3 s, each second, for ten seconds.
    StoreSlow,
}

/// What becomes of the workload with this design and this event.
#[must_use]
pub fn after(step: &str, event: Event) -> Outcome {
    let experiment = with(step, event);
    let nodes = experiment.webs;
    Outcome::of(&experiment.run(), nodes)
}

/// What everybody asked and was told in the same run; times are in µs.
#[must_use]
pub fn history(step: &str, event: Event) -> Vec<Visit> {
    crowd(&with(step, event).run()).visits().to_vec()
}

/// Step 7 uses a copy for as long as in the running shop.
pub(super) fn as_in_the_shop(step: &str, experiment: &mut Experiment) {
    if step == "step7" {
        experiment.nodes.web = || AnyNode::new(Web::new(STORE, wait::FRESH_IN_SHOP));
    }
}

fn with(step: &str, event: Event) -> Experiment {
    let mut experiment = shop(step);
    as_in_the_shop(step, &mut experiment);
    let crash = |node, at, back| Fault::Crash { node, at, back, wiped: false, forget: 0 };
    let has_store = experiment.nodes.store.is_some();
    match event {
        Event::Nothing => {}
        Event::Crash => experiment.faults.push(crash(webs(4)[1], EVENT, None)),
        Event::RollingRestart => {
            let times = (EVENT..).step_by(WINDOW as usize);
            let restart = |(node, at)| crash(node, at, Some(DOWN));
            experiment.faults.extend(webs(4).into_iter().zip(times).map(restart));
        }
        Event::Joins => experiment.pool = Some((EVENT, 5)),
        Event::Leaves => (experiment.webs, experiment.pool) = (5, Some((EVENT, 4))),
        Event::TwoBalancers => experiment.balancers = 2,
        Event::StoreDown if has_store => {
            experiment.faults.push(crash(STORE, EVENT, Some(3 * SECOND)));
        }
        Event::StoreSlow if has_store => {
            let times = (EVENT..).step_by(SECOND as usize).take(10);
            let pause = |at| Fault::Pause { node: STORE, at, lasts: 300_000 };
            experiment.faults.extend(times.map(pause));
        }
        Event::StoreDown | Event::StoreSlow => {}
    }
    experiment
}

/// A number of hundredths.
fn hundredths(number: usize) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

/// So many for each of these, rounded to hundredths.
fn per(count: usize, all: usize) -> String {
    hundredths((count * 100 + all / 2) / all)
}

fn percent(people: usize) -> String {
    format!("{} %", (people * 100 + PEOPLE / 2) / PEOPLE)
}

/// In tenths of a percent.
fn share(count: usize, all: usize) -> String {
    let thousandths = (count * 1_000 + all / 2) / all;
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// What becomes of a design, event by event.
struct Outcomes {
    design: String,
    quiet: Outcome,
    crash: Outcome,
    rolling_restart: Outcome,
    joins: Outcome,
    leaves: Outcome,
    two_balancers: Outcome,
    store_down: Outcome,
    store_slow: Outcome,
}

impl Outcomes {
    fn of(row: &designs::Row) -> Self {
        let step = row.info.id;
        let quiet = after(step, Event::Nothing);
        // Without a store, nothing happens to it.
        let of_store =
            |event| if row.nodes.store.is_some() { after(step, event) } else { quiet.clone() };
        Self {
            design: row.short_title(),
            crash: after(step, Event::Crash),
            rolling_restart: after(step, Event::RollingRestart),
            joins: after(step, Event::Joins),
            leaves: after(step, Event::Leaves),
            two_balancers: after(step, Event::TwoBalancers),
            store_down: of_store(Event::StoreDown),
            store_slow: of_store(Event::StoreSlow),
            quiet,
        }
    }

    /// What it costs on a quiet day, and what an event costs.
    fn scores(&self) -> Vec<String> {
        let quiet = &self.quiet;
        let lag = quiet.lag.map(|lag| match lag {
            0 => "no".to_owned(),
            _ => format!("{} s", hundredths((lag / 10_000) as usize)),
        });
        vec![
            self.design.clone(),
            per(quiet.forced, PEOPLE),
            per(self.rolling_restart.forced, PEOPLE),
            self.rolling_restart.lost.to_string(),
            percent(self.crash.signed_out),
            percent(self.joins.moved),
            percent(self.leaves.moved),
            hundredths(quiet.busiest),
            lag.unwrap_or_else(|| "for ever".into()),
            format!("{} of {}", quiet.back, RACING.len()),
            quiet.lost_updates.to_string(),
            per(quiet.store, quiet.pages),
        ]
    }

    /// Sign-ins per user after each event, and what becomes of pages without a store.
    fn events(&self) -> Vec<String> {
        let forced = [&self.quiet, &self.crash, &self.joins, &self.leaves, &self.two_balancers];
        let forced = forced.map(|outcome| per(outcome.forced, PEOPLE));
        let (down, slow) = (&self.store_down, &self.store_slow);
        let of_store = [share(down.refused, down.pages), share(slow.slow, slow.pages)];
        [vec![self.design.clone()], forced.to_vec(), of_store.to_vec()].concat()
    }
}

/// Both tables: the scoreboard, and more events.
pub(super) fn tables() -> [Table; 2] {
    let scores = [
        "design",
        "sign-ins forced, per user",
        "in a rolling restart",
        "sessions lost in it",
        "signed out by a crash",
        "moved, 4 → 5",
        "moved, 5 → 4",
        "busiest ÷ mean",
        "old cookie works",
        "sessions back",
        "lost updates",
        "store operations per page",
    ];
    let events = [
        "design",
        "no event",
        "crash",
        "4 → 5",
        "5 → 4",
        "two balancers",
        "store down: refused",
        "store slow: over 100 ms",
    ];
    let all: Vec<Outcomes> = designs::rows().iter().map(Outcomes::of).collect();
    let table = |columns: &[&str], rows: fn(&Outcomes) -> Vec<String>| Table {
        columns: columns.iter().map(ToString::to_string).collect(),
        rows: all.iter().map(rows).collect(),
    };
    [table(&scores, Outcomes::scores), table(&events, Outcomes::events)]
}
