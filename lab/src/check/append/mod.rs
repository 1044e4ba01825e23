//! Serializability: the transactions look as if they were done one after the other.
//!
//! Every transaction appends values of its own to lists, or reads whole lists:
//! `[["append", "x", 3], ["r", "y", [1, 2]]]`. A list that is read tells in which order its writers
//! went, which is more than a balance could. So each answer shows which transaction went before which, and if that
//! goes round in a circle, no order of the transactions explains what was seen. The idea and the
//! names are Elle's (Kingsbury and Alvaro, 2020) and Adya's (1999).
//!
//! | name | says |
//! |---|---|
//! | G0 | two transactions each wrote behind the other |
//! | G1a | a read saw what an aborted transaction wrote |
//! | G1b | a read saw the middle of another transaction |
//! | G1c | two transactions each saw, or wrote behind, what the other wrote |
//! | G-single | a read saw one write of a transaction and missed another: *read skew* |
//! | G2-item | each missed what the other wrote: *write skew* |
//! | …-realtime | the same, if a transaction that ended before another began went first: only a violation of *strict* serializability |
//! | internal | a transaction did not see its own writes |
//! | duplicate, unwritten, incompatible order | a list holds a value twice, holds what no transaction wrote, or contradicts another read of it |
//!
//! A transaction whose end is unknown counts as done if any of its values was read. A value that
//! was written and never read stands behind all that were read, in no order of its own. With that,
//! no circle means that an order exists: every order of the graph is one.
//!
//! # Left out
//!
//! Weaker promises (snapshot isolation, sessions): a checker that says which circles they allow.
//! Predicates, deletes, and registers, which do not tell the order of their writers.

mod anomaly;
mod cycle;
mod graph;
mod lists;
mod read;
mod words;

use self::anomaly::Anomaly;
pub use self::anomaly::Promise;
use self::read::{Fate, Transaction, Understood, understand};
use super::{BadHistory, Entry, History, Judged, TIES, Verdict};

/// Judges a history of transactions: `f` is `txn`, the value a list of operations.
///
/// # Errors
/// See [`judge`].
pub fn check(history: &History, promise: Promise) -> Result<Verdict, BadHistory> {
    judge(history, promise).map(|judged| judged.verdict)
}

/// The same, with what was judged.
///
/// # Errors
/// The history does not pair up, is not of this form, or appends a value twice to one list.
pub fn judge(history: &History, promise: Promise) -> Result<Judged, BadHistory> {
    let understood = understand(history)?;
    let counts = understood.counts();
    if understood.transactions.iter().all(|one| one.fate != Fate::Done) {
        let why = "no transaction was answered".into();
        return Ok(Judged { verdict: Verdict::Undecided { why }, counts });
    }
    let violation = |anomaly: Anomaly| {
        let window = window(history, &understood.transactions, &anomaly.shown);
        Verdict::Violation { why: anomaly.why, window }
    };
    let ties = history.ties().filter(|_| promise == Promise::StrictSerializable);
    let verdict = match (anomaly(&understood, promise, None), ties) {
        (Ok(()), _) => Verdict::Ok,
        (Err(found), None) => violation(found),
        (Err(_), Some(ties)) => match anomaly(&understood, promise, Some(&ties.places)) {
            Ok(()) => Verdict::Undecided { why: TIES.into() },
            Err(found) => violation(found),
        },
    };
    Ok(Judged { verdict, counts })
}

/// Looks for an anomaly, with the entries at other places if need be.
fn anomaly(
    understood: &Understood,
    promise: Promise,
    places: Option<&[usize]>,
) -> Result<(), Anomaly> {
    let lists = lists::lists(understood)?;
    let graph = graph::graph(understood, &lists, promise, places);
    match cycle::shortest(&graph) {
        None => Ok(()),
        Some(cycle) => {
            let cycle = cycle::without_go_betweens(understood, cycle);
            Err(words::of_cycle(understood, cycle))
        }
    }
}

/// The questions and answers of these transactions, in the order of the history.
fn window(history: &History, all: &[Transaction], shown: &[usize]) -> Vec<Entry> {
    let places = shown.iter().flat_map(|i| [Some(all[*i].invoked), all[*i].ended]).flatten();
    let mut places: Vec<usize> = places.collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|at| history.entries[at].clone()).collect()
}
