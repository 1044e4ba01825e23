//! Every crash point of one order, and what became of it.

use lab::chapter::{PointRow, Points, Verdict};
use lab::points::{self, Fate, Mishap};

use super::{Any, AnyWorld, Step};
use crate::invariants::Ledger;
use crate::shop::Shop;
use crate::worlds::Scope;

impl Step {
    /// One order, and each point at which something can go wrong with it.
    #[must_use]
    pub fn points(&self) -> Points {
        let model = self.model(Scope::ONE_ORDER);
        let fates = points::crashes(&model).into_iter().chain(points::messages(&model));
        Points { rows: fates.map(|fate| row(&fate)).collect(), pairs: points::pairs(&model) }
    }
}

fn row(fate: &Fate<Any, Ledger>) -> PointRow {
    let what = match &fate.mishap {
        Mishap::Crash { who, after } if after.is_empty() => format!("{who} dies at once"),
        Mishap::Crash { who, after } => format!("{who} dies after: {after}"),
        Mishap::Lost(message) => format!("lost: {message}"),
        Mishap::Again(message) => format!("again, late: {message}"),
    };
    let (verdict, outcome) = match &fate.broken {
        Some(broken) => (Verdict::Unsafe, format!("{}: {}", broken.property, broken.why)),
        None if fate.settled => (Verdict::Ok, told(&fate.world)),
        None => (Verdict::Stuck, "never ends".into()),
    };
    PointRow { what, meanwhile: if fate.others_go_on { "go on" } else { "wait" }, outcome, verdict }
}

/// What the client was told.
fn told(world: &AnyWorld) -> String {
    let clients = world.nodes().filter_map(|(_, node)| match node {
        Shop::Client(client) => Some(client.answers.values().map(ToString::to_string)),
        Shop::Coordinator(_) | Shop::Participant(_) | Shop::Reader(_) => None,
    });
    clients.flatten().collect::<Vec<_>>().join("; ")
}
