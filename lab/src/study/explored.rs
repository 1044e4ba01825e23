//! Every order of events of a design, and what that says.

use std::collections::BTreeSet;

use super::judged::waits_for;
use super::{Design, Study};
use crate::Protocol;
use crate::chapter::{Bounds, Explored, Searched, Verdict};
use crate::event::Log;
use crate::explore::{Edge, Limits, Model, Report, Search, Violation, log_of};
use crate::view::thousands;
use crate::world::Ghost;

/// So many stuck states are read to name the processes they wait for.
const MOST_READ: usize = 500;
/// After about so many more states the caller is shown how far it is.
const TELL_EVERY: usize = 20_000;

/// What the two searches of one exploration come to.
struct Found {
    /// Unsafe; or stuck even if every process comes back; or ok.
    verdict: Verdict,
    /// Whether a process is stuck as long as another one stays down.
    stuck_for_good: bool,
}

fn watched<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    limits: &Limits,
    watch: &mut dyn FnMut(usize),
) -> Report<P> {
    let mut search = Search::new(model, limits);
    while !search.advance(TELL_EVERY) {
        watch(search.states());
    }
    search.into_report()
}

impl<P: Protocol, G: Ghost> Study<P, G> {
    pub(super) fn explored(
        &self,
        design: &Design<P, G>,
        bounds: &Bounds,
        watch: &mut dyn FnMut(usize),
    ) -> Explored {
        let model = &design.small;
        let limits = |limits: Limits| Limits { states: bounds.states, ..limits };
        let on_set = limits((design.safety)(bounds.crashes));
        let on_bag = limits((design.progress)(bounds));
        let safety = watched(model, &on_set, watch);
        let (states, timeouts) = (safety.graph.states(), on_set.timeouts);
        let progress = watched(model, &on_bag, &mut |more| watch(states + more));
        let searched = Searched {
            states: states + progress.graph.states(),
            bytes: safety.bytes + progress.bytes,
        };
        let broken = [(&safety, &on_set), (&progress, &on_bag)].into_iter();
        let broken =
            broken.filter_map(|(report, limits)| Some((report.violation.as_ref()?, limits)));
        if let Some((violation, limits)) = broken.min_by_key(|(v, _)| v.path.len()) {
            let found = Found { verdict: Verdict::Unsafe, stuck_for_good: false };
            return Explored {
                summary: explained(violation),
                states,
                timeouts,
                searched,
                as_expected: design.expects(bounds, &found),
                schedules: vec![self.shortest_log(design, violation, limits)],
            };
        }
        if safety.gave_up || progress.gave_up {
            let summary = format!("undecided: more than {} states", thousands(bounds.states));
            let (as_expected, schedules) = (false, Vec::new());
            return Explored { summary, states, timeouts, searched, as_expected, schedules };
        }
        let (summary, as_expected, schedules) =
            self.progress_made(design, bounds, states, (&progress, &on_bag));
        Explored { summary, states, timeouts, searched, as_expected, schedules }
    }

    /// What a search without a broken promise says about progress: the summary, whether it is as
    /// expected, and the schedules to show.
    fn progress_made(
        &self,
        design: &Design<P, G>,
        bounds: &Bounds,
        states: usize,
        (progress, on_bag): (&Report<P>, &Limits),
    ) -> (String, bool, Vec<Log>) {
        let mut summary = format!("safe in {} states", thousands(states));
        let mut schedules = Vec::new();
        let for_good = progress.graph.stuck(&[Edge::Work]);
        let even_so = progress.graph.stuck(&[Edge::Work, Edge::Restart]);
        if let Some(state) = even_so.first().or(for_good.first()) {
            let title = self.title(design, ", a shortest schedule after which it is stuck");
            let path = progress.graph.path(*state);
            let (mut log, world) = log_of(&design.small, on_bag, &path, &title);
            log.header.verdict =
                Some(format!("stuck: the others cannot go on; {}", waits_for(&world)));
            schedules.push(log);
            summary += &if even_so.is_empty() {
                let missed = self.missed(design, progress, on_bag, &for_good);
                format!("; stuck if {missed} never returns (with the schedule); ok if it does")
            } else {
                let (stuck, all) = (thousands(even_so.len()), thousands(progress.graph.states()));
                format!(
                    "; stuck even if every process returns: {stuck} of {all} states never lead to the end"
                )
            };
        } else {
            summary += "; never stuck";
            if !on_bag.restarts {
                summary += ", though no process that crashes comes back";
            }
        }
        if !progress.never.is_empty() {
            summary += &format!("; never reached: {}", progress.never.join(", "));
        }
        let verdict = match (even_so.is_empty(), progress.never.is_empty()) {
            (false, _) => Verdict::Stuck,
            (true, false) => Verdict::Undecided,
            (true, true) => Verdict::Ok,
        };
        let found = Found { verdict, stuck_for_good: !for_good.is_empty() };
        (summary, design.expects(bounds, &found), schedules)
    }

    fn shortest_log(
        &self,
        design: &Design<P, G>,
        violation: &Violation<P>,
        limits: &Limits,
    ) -> Log {
        let title = self.title(design, ", a shortest schedule that breaks it");
        log_of(&design.small, limits, &violation.path, &title).0
    }

    /// The processes whose absence makes the others wait.
    fn missed(
        &self,
        design: &Design<P, G>,
        report: &Report<P>,
        limits: &Limits,
        stuck: &[u32],
    ) -> String {
        let mut missed = BTreeSet::new();
        for state in stuck.iter().take(MOST_READ) {
            let (_, world) = log_of(&design.small, limits, &report.graph.path(*state), "");
            let roles = world.topology().roles.iter();
            missed.extend(roles.filter(|r| !world.is_up(r.id)).map(|r| r.name));
        }
        missed.into_iter().collect::<Vec<_>>().join(" or ")
    }
}

impl<P: Protocol, G> Design<P, G> {
    /// Whether this is what the expected verdicts say about such bounds.
    fn expects(&self, bounds: &Bounds, found: &Found) -> bool {
        let expected = |fault: &str| {
            let check = self.checks.iter().find(|check| check.fault == fault);
            check.map_or(Verdict::Ok, |check| check.expected.0)
        };
        // On the set network of the search for broken promises, loss and duplication are free.
        let mut single = vec!["no fault", "duplicate"];
        single.extend((bounds.crashes > 0).then_some("restart"));
        single.extend((bounds.losses > 0).then_some("loss"));
        let combined = self.combined.iter();
        let combined = combined.filter(|(at, _)| {
            at.crashes <= bounds.crashes
                && at.losses <= bounds.losses
                && at.duplicates <= bounds.duplicates
        });
        let all = single.into_iter().map(expected).chain(combined.map(|(_, verdict)| *verdict));
        let worst = all.filter(|verdict| *verdict != Verdict::Ok).min();
        let verdict = worst.unwrap_or(Verdict::Ok);
        let for_good = bounds.crashes > 0 && expected("crash") == Verdict::Stuck;
        let stuck_as_expected = verdict != Verdict::Ok || for_good == found.stuck_for_good;
        found.verdict == verdict && stuck_as_expected
    }
}

/// A broken promise, in words.
#[must_use]
pub fn explained<P: Protocol>(violation: &Violation<P>) -> String {
    format!("unsafe: {}: {}", violation.broken.property, violation.broken.why)
}
