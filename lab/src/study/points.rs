//! Every crash point of one run, and how it ended.

use super::{Design, Study};
use crate::Protocol;
use crate::chapter::{PointRow, Points, Verdict};
use crate::crash_points::{self, InjectedFault, Outcome};
use crate::world::Ghost;

impl<P: Protocol, G: Ghost> Study<P, G> {
    pub(super) fn crash_points(&self, design: &Design<P, G>) -> Points {
        let model = &design.small;
        let outcomes =
            crash_points::crashes(model).into_iter().chain(crash_points::messages(model));
        let rows = outcomes.map(|outcome| self.row(&outcome)).collect();
        Points { rows, pairs: crash_points::pairs(model) }
    }

    fn row(&self, outcome: &Outcome<P, G>) -> PointRow {
        let what = match &outcome.fault {
            InjectedFault::Crash { node, after } if after.is_empty() => {
                format!("{node} dies at once")
            }
            InjectedFault::Crash { node, after } => format!("{node} dies after: {after}"),
            InjectedFault::Lost(message) => format!("lost: {message}"),
            InjectedFault::Again(message) => format!("again, late: {message}"),
        };
        let (verdict, ended) = match &outcome.broken {
            Some(broken) => (Verdict::Unsafe, format!("{}: {}", broken.property, broken.why)),
            None if outcome.settled => (Verdict::Ok, (self.outcome)(&outcome.world)),
            None => (Verdict::Stuck, "never ends".into()),
        };
        let meanwhile = if outcome.others_go_on { "go on" } else { "wait" };
        PointRow { what, meanwhile, outcome: ended, verdict }
    }
}
