//! What one order costs in each design: counted in a run without faults, beside what the papers say.
//!
//! | counted | how |
//! |---|---|
//! | messages | between servers; those from and to the client are left out |
//! | forced writes | a record that a later message waits for; records that wait side by side are one |
//!
//! The client has its answer before the last ones: those are for forgetting.

use std::collections::BTreeSet;

use lab::event::{Kind, Log};

use crate::steps;
use crate::worlds::{Look, Scope};

/// What one order costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Messages between servers.
    pub messages: usize,
    /// Of these, acknowledgements and what only helps others to forget.
    pub for_forgetting: usize,
    /// Forced writes.
    pub forced: usize,
}

impl Cost {
    /// Messages without those that are for forgetting.
    #[must_use]
    pub fn to_decide(&self) -> usize {
        self.messages - self.for_forgetting
    }
}

/// One line of the table: a design in a case, and what theory says.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// `step3`.
    pub step: &'static str,
    /// `commit`, `abort` or `look`.
    pub case: &'static str,
    /// What theory says.
    pub theory: Cost,
}

const fn cost(messages: usize, for_forgetting: usize, forced: usize) -> Cost {
    Cost { messages, for_forgetting, forced }
}

/// The table, for N = 2 participants (1 with `one-phase`) and F = 1.
///
/// Two-phase commit with presumed abort: 4N messages of which N acknowledge, 2N + 1 forced writes
/// (Mohan, Lindsay and Obermarck 1986). Paxos Commit with the leader on one acceptor's machine: the
/// paper's (N + 1)(F + 3) − 4, plus one because here nobody who takes part begins the order; N + F + 1
/// forced writes before the answer, N for committing, and one for the key, which the paper has not.
pub const LINES: [Line; 9] = [
    Line { step: "step3", case: "commit", theory: cost(8, 2, 5) },
    Line { step: "step3", case: "abort", theory: cost(6, 0, 2) },
    Line { step: "step4", case: "commit", theory: cost(8, 2, 5) },
    Line { step: "step4", case: "look", theory: cost(6, 0, 2) },
    Line { step: "read-only", case: "look", theory: cost(4, 0, 0) },
    Line { step: "one-phase", case: "commit", theory: cost(2, 0, 1) },
    Line { step: "termination", case: "commit", theory: cost(8, 2, 5) },
    Line { step: "3pc", case: "commit", theory: cost(12, 2, 8) },
    Line { step: "paxos-commit", case: "commit", theory: cost(12, 3, 7) },
];

/// Counts one line.
///
/// # Panics
/// If the design cannot run the case.
#[must_use]
pub fn counted(line: &Line) -> Cost {
    let step = steps::step(line.step).expect("a design of this chapter");
    let scope = match line.case {
        "look" => Scope { orders: 0, ..Scope::ONE_ORDER }.with(Look::OneMoment),
        "abort" => Scope::TWO_ORDERS,
        _ => Scope::ONE_ORDER,
    };
    let log = step.play(scope, "run", "").expect("it goes through");
    let all = count(&log);
    if line.case != "abort" {
        return all;
    }
    // The second of two orders is the one that is declined.
    let first = count(&step.play(Scope::ONE_ORDER, "run", "").expect("it goes through"));
    Cost {
        messages: all.messages - first.messages,
        for_forgetting: all.for_forgetting - first.for_forgetting,
        forced: all.forced - first.forced,
    }
}

fn count(log: &Log) -> Cost {
    let client = |name: &str| name.starts_with("web");
    let mut cost = cost(0, 0, 0);
    // Who has a record waiting that no message has waited for yet.
    let mut waiting: BTreeSet<&str> = BTreeSet::new();
    for event in &log.events {
        let node = event.node.as_str();
        match event.kind {
            // Nobody waits for this one: it rides with whatever is forced next.
            Kind::Persist if event.text.starts_with("ended") => {}
            Kind::Persist => {
                waiting.insert(node);
            }
            Kind::Send => {
                cost.forced += usize::from(waiting.remove(node));
                let to = event.peer.as_deref().unwrap_or_default();
                if !client(node) && !client(to) {
                    cost.messages += 1;
                    let forgets = event.text.starts_with("ack") || event.text.contains(" is ");
                    cost.for_forgetting += usize::from(forgets);
                }
            }
            _ => {}
        }
    }
    cost
}
