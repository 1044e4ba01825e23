//! Every order of events of a design, and what that says.

use lab::chapter::{Bounds, Explored};
use lab::explore::{Edge, Limits, Model, Report, explore, log_of};

use super::{Step, thousands, waits_for};
use crate::invariants::Ledger;
use crate::shop::Shop;
use crate::types::COORD;
use crate::worlds::Scope;

/// So many stuck states are looked at to say who is missed.
const MOST_SHOWN: usize = 500;

impl Step {
    /// Every order of events within bounds.
    #[must_use]
    pub fn explore(&self, bounds: &Bounds) -> Explored {
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
            if !on_bag.restarts {
                summary += ", though nobody who crashes comes back";
            }
        }
        Explored { summary, states, as_pinned: !pinned, schedules }
    }

    /// Everybody whose absence alone makes the others wait.
    fn missed(
        &self,
        model: &Model<Shop, Ledger>,
        report: &Report<Shop>,
        limits: &Limits,
        stuck: &[u32],
    ) -> String {
        let mut missed = std::collections::BTreeSet::new();
        for state in stuck.iter().take(MOST_SHOWN) {
            let (_, world) = log_of(model, limits, &report.graph.path(*state), "");
            let roles = world.topology().roles.iter();
            missed.extend(roles.filter(|r| world.node(r.id).is_none()).map(|r| r.name));
        }
        missed.into_iter().collect::<Vec<_>>().join(" or ")
    }

    /// Both searches: safety on a set, progress on a bag.
    fn searches(&self, bounds: &Bounds) -> [(Report<Shop>, Limits); 2] {
        let model = self.model(Scope::ONE_ORDER);
        let safety = self.safety(bounds.crashes);
        let progress = Limits::progress(bounds.crashes, bounds.losses, bounds.duplicates);
        [safety, progress].map(|limits| {
            // On a bag, what comes back would have to be explored with all that is on its way.
            let restarts = !(self.wide && self.on_bag);
            let limits = Limits { states: bounds.states, restarts, ..limits };
            (explore(&model, &limits), limits)
        })
    }
}

/// States in which the coordinator is gone and somebody who is up is in doubt, by who can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shares {
    /// The others can end it among themselves.
    pub helped: usize,
    /// Somebody who was asked too is gone as well.
    pub peer_down: usize,
    /// Everybody else is up, and all have to wait.
    pub blocked: usize,
}

impl Step {
    /// What becomes of those in doubt while the coordinator is gone: over all states of one order
    /// with up to two crashes for good.
    #[must_use]
    pub fn without_coordinator(&self) -> Shares {
        let model = self.model(Scope::ONE_ORDER);
        let limits = Limits { restarts: false, ..Limits::progress(2, 0, 0) };
        let report = explore(&model, &limits);
        let stuck = report.graph.stuck(&[Edge::Work]);
        let mut shares = Shares::default();
        for state in 0..report.graph.states() as u32 {
            let (_, world) = log_of(&model, &limits, &report.graph.path(state), "");
            let in_doubt = world
                .summaries()
                .any(|(_, summary)| summary.balances.is_some() && !summary.in_doubt.is_empty());
            if world.is_up(COORD) || !in_doubt {
                continue;
            }
            let all_up = world.nodes().count() + 1 == world.topology().roles.len();
            match (stuck.binary_search(&state), all_up) {
                (Err(_), _) => shares.helped += 1,
                (Ok(_), false) => shares.peer_down += 1,
                (Ok(_), true) => shares.blocked += 1,
            }
        }
        shares
    }
}
