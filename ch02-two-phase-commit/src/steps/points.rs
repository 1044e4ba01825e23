//! Every crash point of one order, and what became of it.

use lab::chapter::{PointRow, Points, Verdict};
use lab::crash_points::{self, InjectedFault, Outcome};

use super::Step;
use crate::client::Client;
use crate::invariants::{Ledger, ShopWorld};
use crate::shop::Shop;
use crate::worlds::Scope;

impl Step {
    /// One order, and each point at which something can go wrong with it.
    #[must_use]
    pub fn points(&self) -> Points {
        let model = self.model(Scope::ONE_ORDER);
        let outcomes =
            crash_points::crashes(&model).into_iter().chain(crash_points::messages(&model));
        Points {
            rows: outcomes.map(|outcome| row(&outcome)).collect(),
            pairs: crash_points::pairs(&model),
        }
    }
}

fn row(outcome: &Outcome<Shop, Ledger>) -> PointRow {
    let what = match &outcome.fault {
        InjectedFault::Crash { node, after } if after.is_empty() => format!("{node} dies at once"),
        InjectedFault::Crash { node, after } => format!("{node} dies after: {after}"),
        InjectedFault::Lost(message) => format!("lost: {message}"),
        InjectedFault::Again(message) => format!("again, late: {message}"),
    };
    let (verdict, ended) = match &outcome.broken {
        Some(broken) => (Verdict::Unsafe, format!("{}: {}", broken.property, broken.why)),
        None if outcome.settled => (Verdict::Ok, told(&outcome.world)),
        None => (Verdict::Stuck, "never ends".into()),
    };
    PointRow {
        what,
        meanwhile: if outcome.others_go_on { "go on" } else { "wait" },
        outcome: ended,
        verdict,
    }
}

/// What the client was told.
fn told(world: &ShopWorld) -> String {
    let clients = world.nodes().filter_map(|(_, node)| node.downcast_ref::<Client>());
    let answers = clients.flat_map(|client| client.answers.values().map(ToString::to_string));
    answers.collect::<Vec<_>>().join("; ")
}
