//! The search for an order: try one, take it back, never be in the same place twice.
//!
//! Go along the history. At a question, try to do the operation now. At an answer to something that
//! is not done yet, the last try was wrong: take it back (Wing and Gong, 1993). Where the search is
//! depends only on what is done and on the value that is there, not on the order that led to it, so
//! it remembers those pairs and turns round when it meets one again (Lowe, 2017). That turns most
//! histories from exponential into linear; the rest end at a bound, undecided.
//!
//! A read that is possible now changes nothing, so whatever is possible without it is possible after
//! it too. It is done at once, before any write is tried, and it has no alternative: it is taken back
//! together with the write before it.
//!
//! What is done is remembered as a 128-bit fingerprint, as the explorer remembers states.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::budget::Budget;
use crate::fingerprint::fingerprint;

/// The value of a key that was never written.
pub(super) const NOTHING: u32 = 0;

/// What one operation did to one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    Read(u32),
    Write(u32),
    Cas(u32, u32),
    /// A cas from this value that found another one.
    FailedCas(u32),
}

/// An operation with its places in the history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Call {
    pub(super) op: Op,
    pub(super) invoked: usize,
    /// `None`: it may be done at any later moment, or never.
    pub(super) answered: Option<usize>,
}

impl Call {
    /// The same call at other places.
    pub(super) fn moved(&self, to: impl Fn(usize) -> usize) -> Self {
        Self { invoked: to(self.invoked), answered: self.answered.map(&to), ..*self }
    }
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
            Self::FailedCas(old) => (value != Some(old)).then_some(value),
        }
    }

    /// Whether it is possible now and changes nothing.
    fn is_idle(self, value: Option<u32>) -> bool {
        !matches!(self, Self::Write(_)) && self.apply(value) == Some(value)
    }

    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Write(_) | Self::Cas(..))
    }
}

/// A fingerprint is its own hash.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = (self.0 << 8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, print: u128) {
        self.0 = print as u64;
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

/// A try, and what there was before it.
struct Try {
    call: usize,
    was: Option<u32>,
    /// So many were done.
    done: usize,
}

struct Search<'a> {
    calls: &'a [Call],
    line: Line,
    value: Option<u32>,
    /// In the order in which they were done.
    done: Vec<usize>,
    /// Of all that are done.
    print: u128,
    prints: Vec<u128>,
    unexplained: usize,
    tried: Vec<Try>,
}

impl Search<'_> {
    fn perform(&mut self, call: usize) {
        self.line.lift(call);
        self.done.push(call);
        self.print ^= self.prints[call];
        self.unexplained -= usize::from(self.calls[call].answered.is_some());
    }

    /// Everything that changes nothing and is possible now.
    fn perform_idle(&mut self) {
        let mut place = self.line.behind(0);
        while let Some(here) = place {
            let (call, is_answer) = self.line.what[here];
            if is_answer {
                break;
            }
            if self.calls[call].op.is_idle(self.value) {
                let before = self.line.before[here];
                self.perform(call);
                place = self.line.behind(before);
            } else {
                place = self.line.behind(here);
            }
        }
    }

    /// Takes the last try back, with all that was done after it. Gives its place.
    fn take_back(&mut self) -> Option<usize> {
        let Try { call, was, done } = self.tried.pop()?;
        for call in self.done.drain(done..).rev() {
            self.line.put_back(call);
            self.print ^= self.prints[call];
            self.unexplained += usize::from(self.calls[call].answered.is_some());
        }
        self.value = was;
        Some(self.line.places[call].0)
    }

    fn state(&self) -> u128 {
        // No call has a number beyond 2³².
        let value = self.value.map_or(1 << 33, |value| (1 << 32) | u64::from(value));
        self.print ^ fingerprint(&value)
    }
}

/// Whether some order explains every answer, from this first value on. `most` states are searched,
/// and no more than are left in the budget.
pub(super) fn search(
    calls: &[Call],
    first: Option<u32>,
    most: usize,
    budget: &mut Budget,
) -> Found {
    let mut search = Search {
        calls,
        line: Line::new(calls),
        value: first,
        done: Vec::new(),
        print: 0,
        prints: (0..calls.len() as u64).map(|i| fingerprint(&i)).collect(),
        unexplained: calls.iter().filter(|call| call.answered.is_some()).count(),
        tried: Vec::new(),
    };
    let mut met: HashSet<u128, BuildHasherDefault<Identity>> = HashSet::default();
    // Every place that any order leads to is met, so the furthest is as far as any order goes.
    let mut furthest = 0;
    search.perform_idle();
    let mut place = search.line.behind(0);
    while search.unexplained > 0 {
        let here = place.expect("an answer is still ahead");
        let (call, is_answer) = search.line.what[here];
        if is_answer {
            furthest = calls[call].answered.map_or(furthest, |at| furthest.max(at));
            let Some(back) = search.take_back() else { return Found::Impossible(furthest) };
            place = search.line.behind(back);
            continue;
        }
        let Some(after) = calls[call].op.apply(search.value) else {
            place = search.line.behind(here);
            continue;
        };
        search.tried.push(Try { call, was: search.value, done: search.done.len() });
        search.perform(call);
        search.value = after;
        search.perform_idle();
        if !met.insert(search.state()) {
            search.take_back();
            place = search.line.behind(here);
            continue;
        }
        if met.len() > most || !budget.spend() {
            return Found::GaveUp;
        }
        place = search.line.behind(0);
    }
    Found::Explained
}
