//! What one order costs in each design: counted in a run without faults, beside what the papers say.
//!
//! | counted | how |
//! |---|---|
//! | messages | between servers; those from and to the client are left out |
//! | fsyncs | a record that a later message waits for; records that wait side by side are one |
//!
//! The client has its answer before the last ones: those are for forgetting.

use std::collections::BTreeSet;
use std::sync::Arc;

use lab::NodeId;
use lab::explore::Model;
use lab::script::Play;
use lab::world::Event;

use crate::deeper::Msg as Deeper;
use crate::designs;
use crate::shop::Shop;
use crate::types::{Msg, Record};
use crate::worlds::{CLIENT, READER, Read, Scope};

/// What one order costs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Cost {
    /// Messages between servers.
    pub messages: usize,
    /// Of these, acknowledgements and what only helps others to forget.
    pub for_forgetting: usize,
    /// Writes that something waits for, each with an fsync.
    pub fsyncs: usize,
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
    /// `commit`, `abort` or `read`.
    pub case: &'static str,
    /// What theory says.
    pub theory: Cost,
}

const fn cost(messages: usize, for_forgetting: usize, fsyncs: usize) -> Cost {
    Cost { messages, for_forgetting, fsyncs }
}

/// The table, for N = 2 participants (1 with `one-phase`) and F = 1.
///
/// Two-phase commit with presumed abort: 4N messages of which N acknowledge, 2N + 1 fsyncs (Mohan,
/// Lindsay and Obermarck 1986). Paxos Commit with the leader on one acceptor's machine: the paper's
/// (N + 1)(F + 3) − 4, plus one because here no participant begins the order, the coordinator does;
/// N + F + 1 fsyncs before the answer, N for committing, and one for the key, which the paper has
/// not.
pub const LINES: [Line; 9] = [
    Line { step: "step3", case: "commit", theory: cost(8, 2, 5) },
    Line { step: "step3", case: "abort", theory: cost(6, 0, 2) },
    Line { step: "step4", case: "commit", theory: cost(8, 2, 5) },
    Line { step: "step4", case: "read", theory: cost(6, 0, 2) },
    Line { step: "read-only", case: "read", theory: cost(4, 0, 0) },
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
    let scope = match line.case {
        "read" => Scope { orders: 0, ..Scope::ONE_ORDER }.with(Read::Snapshot),
        "abort" => Scope::TWO_ORDERS,
        _ => Scope::ONE_ORDER,
    };
    let all = count(line.step, scope);
    if line.case != "abort" {
        return all;
    }
    // The second of two orders is the one that is declined.
    let first = count(line.step, Scope::ONE_ORDER);
    Cost {
        messages: all.messages - first.messages,
        for_forgetting: all.for_forgetting - first.for_forgetting,
        fsyncs: all.fsyncs - first.fsyncs,
    }
}

/// Carries out one order without faults and counts what servers do meanwhile.
fn count(id: &str, scope: Scope) -> Cost {
    let model = Model { observe, ..Model::new(designs::row(id).model(scope).roles) };
    let play = Play::new(model, "").run("run").expect("an order goes through");
    play.world().ghost().cost
}

/// What was counted so far, and who has a record waiting that no message has waited for yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Counted {
    cost: Cost,
    waiting: BTreeSet<NodeId>,
}

fn observe(counted: &mut Arc<Counted>, at: NodeId, event: &Event<'_, Shop>) {
    let counted = Arc::make_mut(counted);
    match event {
        // No message waits for this one: it rides with the next fsync.
        Event::Persist(Record::Ended { .. }) => {}
        Event::Persist(_) => {
            counted.waiting.insert(at);
        }
        Event::Send(envelope) => {
            counted.cost.fsyncs += usize::from(counted.waiting.remove(&at));
            if [envelope.from, envelope.to].iter().all(|id| ![CLIENT, READER].contains(id)) {
                counted.cost.messages += 1;
                counted.cost.for_forgetting += usize::from(is_for_forgetting(&envelope.msg));
            }
        }
        _ => {}
    }
}

fn is_for_forgetting(msg: &Msg) -> bool {
    match msg {
        Msg::Ack { .. } | Msg::Deeper(Deeper::StateReply { .. }) => true,
        Msg::Deeper(Deeper::Fenced { msg, .. }) => is_for_forgetting(msg),
        _ => false,
    }
}
