//! Histories and their verdicts: small ones typed by hand, and thousands of random ones that a
//! checker and a brute-force oracle have to agree on.

mod append;
mod append_oracle;
mod hard;
mod linear;
mod linear_oracle;
mod written;

use lab::check::{Entry, History, Type, Verdict};
use serde_json::Value;

/// A line; its time is its place.
fn line(history: &mut History, process: u64, kind: Type, f: &str, key: &Value, value: Value) {
    let time = history.entries.len() as u64;
    history.entries.push(Entry { process, kind, f: f.into(), key: key.clone(), value, time });
}

fn violation(judged: Verdict) -> (String, Vec<Entry>) {
    match judged {
        Verdict::Violation { why, window } => (why, window),
        Verdict::Ok | Verdict::Undecided { .. } => panic!("no violation: {judged:?}"),
    }
}

/// All orders of the numbers below this that a rule allows to be extended, until one is accepted.
fn some_order(
    count: usize,
    may_follow: &mut dyn FnMut(&[usize], usize) -> bool,
    accepted: &mut dyn FnMut(&[usize]) -> bool,
) -> bool {
    fn extend(
        count: usize,
        order: &mut Vec<usize>,
        may_follow: &mut dyn FnMut(&[usize], usize) -> bool,
        accepted: &mut dyn FnMut(&[usize]) -> bool,
    ) -> bool {
        if accepted(order) {
            return true;
        }
        for next in 0..count {
            if order.contains(&next) || !may_follow(order, next) {
                continue;
            }
            order.push(next);
            if extend(count, order, may_follow, accepted) {
                return true;
            }
            order.pop();
        }
        false
    }
    extend(count, &mut Vec::new(), may_follow, accepted)
}
