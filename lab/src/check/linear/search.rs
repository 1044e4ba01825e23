//! The search for an order: try one, take it back, never be in the same place twice.
//!
//! Go along the history. At a question, try to do the operation now. At an answer to something that
//! is not done yet, the last try was wrong: take it back (Wing and Gong, 1993). Where the search is
//! depends only on what is done and on the value that is there, not on the order that led to it, so
//! it remembers those pairs and turns round when it meets one again (Lowe, 2017). That turns most
//! histories from exponential into linear; the rest end at a bound, undecided.
//!
//! What is done is remembered as a 128-bit fingerprint, as the explorer remembers states.

use std::collections::HashSet;

use crate::fingerprint::fingerprint;

/// So many states are searched for each key unless the caller sets another limit.
pub const MOST_STATES: usize = 2_000_000;

/// The value of a key that was never written.
pub(super) const NOTHING: u32 = 0;

/// What one operation did to one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    Read(u32),
    Write(u32),
    Cas(u32, u32),
}

/// An operation with its places in the history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Call {
    pub(super) op: Op,
    pub(super) invoked: usize,
    /// `None`: it may be done at any later moment, or never.
    pub(super) answered: Option<usize>,
}

/// What came of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Explained,
    /// No order explains everything up to the answer at this place; some order explains all before.
    Impossible(usize),
    GaveUp,
}

impl Op {
    /// The value afterwards, if the operation is possible now. `None` is a value that no operation
    /// has read yet: it may be any.
    fn apply(self, value: Option<u32>) -> Option<Option<u32>> {
        let might_be = |wanted| value.is_none_or(|value| value == wanted);
        match self {
            Self::Read(seen) => might_be(seen).then_some(Some(seen)),
            Self::Write(new) => Some(Some(new)),
            Self::Cas(old, new) => might_be(old).then_some(Some(new)),
        }
    }
}

/// Questions and answers in order, as a list from which an operation can be lifted and put back.
/// Place 0 is in front of the first.
struct Line {
    /// Whose, and whether it is the answer.
    what: Vec<(usize, bool)>,
    next: Vec<usize>,
    before: Vec<usize>,
    /// For each operation its question and its answer.
    places: Vec<(usize, Option<usize>)>,
}

impl Line {
    fn new(calls: &[Call]) -> Self {
        let asked = calls.iter().enumerate().map(|(i, call)| (call.invoked, i, false));
        let ends = calls.iter().enumerate();
        let ends = ends.filter_map(|(i, call)| Some((call.answered?, i, true)));
        let mut events: Vec<(usize, usize, bool)> = asked.chain(ends).collect();
        events.sort_unstable();
        let mut what = vec![(usize::MAX, false)];
        let mut places = vec![(0, None); calls.len()];
        for (_, call, is_answer) in events {
            if is_answer {
                places[call].1 = Some(what.len());
            } else {
                places[call].0 = what.len();
            }
            what.push((call, is_answer));
        }
        let length = what.len();
        let before = (0..=length).map(|place| place.saturating_sub(1)).collect();
        Self { what, next: (1..=length + 1).collect(), before, places }
    }

    /// What stands behind a place, if anything does.
    fn behind(&self, place: usize) -> Option<usize> {
        Some(self.next[place]).filter(|next| *next < self.what.len())
    }

    fn lift(&mut self, call: usize) {
        let (question, answer) = self.places[call];
        for place in [Some(question), answer].into_iter().flatten() {
            let (before, next) = (self.before[place], self.next[place]);
            self.next[before] = next;
            self.before[next] = before;
        }
    }

    fn put_back(&mut self, call: usize) {
        let (question, answer) = self.places[call];
        for place in [answer, Some(question)].into_iter().flatten() {
            let (before, next) = (self.before[place], self.next[place]);
            self.next[before] = place;
            self.before[next] = place;
        }
    }
}

/// Whether some order explains every answer, from this first value on.
pub(super) fn search(calls: &[Call], first: Option<u32>, states: usize) -> Found {
    let mut line = Line::new(calls);
    let mut unexplained = calls.iter().filter(|call| call.answered.is_some()).count();
    let prints: Vec<u128> = (0..calls.len() as u64).map(|i| fingerprint(&i)).collect();
    let mut met = HashSet::new();
    let mut tried: Vec<(usize, Option<u32>)> = Vec::new();
    let (mut value, mut done) = (first, 0_u128);
    // Every place that any order leads to is met, so the furthest is as far as any order goes.
    let mut furthest = 0;
    let mut place = line.behind(0);
    while unexplained > 0 {
        let here = place.expect("an answer is still ahead");
        let (call, is_answer) = line.what[here];
        if is_answer {
            furthest = calls[call].answered.map_or(furthest, |at| furthest.max(at));
            let Some((last, was)) = tried.pop() else { return Found::Impossible(furthest) };
            line.put_back(last);
            done ^= prints[last];
            value = was;
            unexplained += usize::from(calls[last].answered.is_some());
            place = line.behind(line.places[last].0);
            continue;
        }
        let fresh =
            calls[call].op.apply(value).filter(|after| met.insert((done ^ prints[call], *after)));
        let Some(after) = fresh else {
            place = line.behind(here);
            continue;
        };
        if met.len() > states {
            return Found::GaveUp;
        }
        tried.push((call, value));
        line.lift(call);
        done ^= prints[call];
        value = after;
        unexplained -= usize::from(calls[call].answered.is_some());
        place = line.behind(0);
    }
    Found::Explained
}
