//! The fewest operations that no order explains, wherever the others took place.

use std::collections::HashMap;

use super::NAMELESS;
use super::budget::Budget;
use super::calls::Key;
use super::search::{Call, Found, Op, search};
use crate::check::history::shown as value_shown;
use crate::check::{Entry, History, Type};

/// So many states are searched at a time.
const PATIENCE: usize = 200_000;

/// One key's part of a history. Places are places in an order of the entries.
pub(super) struct Part<'a> {
    pub(super) history: &'a History,
    /// The entry at each place.
    pub(super) order: &'a [usize],
    pub(super) name: &'a str,
    pub(super) key: &'a Key,
    /// Its calls, at those places.
    pub(super) calls: &'a [Call],
    /// What is there before the first of them.
    pub(super) initial: u32,
}

impl Part<'_> {
    /// What is wrong with the answer at this place, and the entries that show it.
    pub(super) fn violation(&self, end: usize, budget: &mut Budget) -> (String, Vec<Entry>) {
        let last = self.calls.iter().find(|call| call.answered == Some(end));
        let last = last.expect("the search ends at an answer");
        if unwritten(self.calls, self.initial) == Some(end)
            && let Op::Read(found) | Op::Cas(found, _) = last.op
        {
            return self.with_attempts(last, end, found);
        }
        // Before a part of the history any value may be there; before the whole, the initial one.
        let mut first = None;
        let mut impossible = |calls: &[Call], first| {
            budget.charge(calls.len() / 16);
            let found = search(calls, first, PATIENCE, budget);
            (!budget.is_spent()).then_some(matches!(found, Found::Impossible(_)))
        };
        let calls = until(self.calls, end);
        // The last moment from which on nothing explains it; from the first on nothing did.
        let mut starts: Vec<usize> = calls.iter().map(|call| call.invoked).collect();
        starts.sort_unstable_by_key(|start| std::cmp::Reverse(*start));
        let start = first_such(&starts, |start| {
            impossible(&from(&calls, start).all(), first) == Some(true)
        });
        let mut part = from(&calls, start);
        if impossible(&part.all(), first) != Some(true) {
            first = Some(self.initial);
            part = Chosen { shown: calls, free: Vec::new() };
        }
        part = fewest(part, |calls| impossible(calls, first));
        let places = part.shown.iter().flat_map(|call| [Some(call.invoked), call.answered]);
        let shown = places.flatten().map(|place| self.order[place]).collect();
        (self.told(last, end, "no order of the operations explains"), self.at(shown))
    }

    /// Nothing wrote what this answer contains; but something may have tried to.
    fn with_attempts(&self, last: &Call, end: usize, found: u32) -> (String, Vec<Entry>) {
        let mut why = self.told(last, end, "no operation wrote what is in");
        let mut shown: Vec<usize> = [last.invoked, end].map(|place| self.order[place]).to_vec();
        for (_, places) in self.key.failed.iter().filter(|(value, _)| *value == found) {
            let Entry { f, value, process, .. } = &self.history.entries[places[0]];
            let value = value_shown(value);
            why += &format!(
                "\n`{f} {value}` of process {process} was answered `fail`: it was not done"
            );
            shown.extend(places);
        }
        (why, self.at(shown))
    }

    fn at(&self, mut entries: Vec<usize>) -> Vec<Entry> {
        entries.sort_unstable();
        entries.into_iter().map(|at| self.history.entries[at].clone()).collect()
    }

    fn told(&self, last: &Call, end: usize, what: &str) -> String {
        let [asked, answer] =
            [last.invoked, end].map(|place| &self.history.entries[self.order[place]]);
        let about =
            if self.name == NAMELESS { String::new() } else { format!("key {}: ", self.name) };
        let value = match last.op {
            Op::Read(_) => format!(" {}", value_shown(&answer.value)),
            _ if asked.value.is_null() => String::new(),
            _ => format!(" {}", value_shown(&asked.value)),
        };
        let kind = if answer.kind == Type::Fail { "fail` to `" } else { "" };
        let Entry { process, f, .. } = answer;
        format!("{about}{what} the answer `{kind}{f}{value}` to process {process}")
    }
}

/// The first answer with a value that nothing had begun to write. It needs no search.
pub(super) fn unwritten(calls: &[Call], initial: u32) -> Option<usize> {
    let mut begun: HashMap<u32, usize> = HashMap::from([(initial, 0)]);
    for call in calls {
        if let Op::Write(value) | Op::Cas(_, value) = call.op {
            let first = begun.entry(value).or_insert(call.invoked);
            *first = call.invoked.min(*first);
        }
    }
    let ends = calls.iter().filter_map(|call| {
        let (Op::Read(found) | Op::Cas(found, _)) = call.op else { return None };
        call.answered.filter(|end| begun.get(&found).is_none_or(|begun| begun > end))
    });
    ends.min()
}

/// The first place of which this is true, if it is true of the last and of all behind the first.
/// Looks near the first ones first: they are the cheap ones.
fn first_such(places: &[usize], mut holds: impl FnMut(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, places.len() - 1);
    let mut stride = 1;
    while low < high {
        let middle = usize::midpoint(low, high).min(low + stride);
        if holds(places[middle]) {
            high = middle;
        } else {
            low = middle + 1;
            stride *= 2;
        }
    }
    places[high]
}

/// What was known after this answer: later ones are still open, and an open read says nothing.
fn until(calls: &[Call], end: usize) -> Vec<Call> {
    let asked = calls.iter().filter(|call| call.invoked < end);
    let known = asked.map(|call| Call { answered: call.answered.filter(|at| *at <= end), ..*call });
    known.filter(|call| call.answered.is_some() || call.op.writes()).collect()
}

/// Some of the calls, and others that may be done at any time, once or never.
#[derive(Clone, Default)]
struct Chosen {
    shown: Vec<Call>,
    free: Vec<Call>,
}

impl Chosen {
    fn all(&self) -> Vec<Call> {
        self.shown.iter().chain(&self.free).copied().collect()
    }

    fn set_free(&mut self, call: &Call) {
        if call.op.writes() {
            self.free.push(Call { invoked: 0, answered: None, ..*call });
        }
    }
}

/// What can matter from this question on. What was asked before may have been done before: it may
/// still happen, and need not.
fn from(calls: &[Call], start: usize) -> Chosen {
    let mut part = Chosen::default();
    for call in calls.iter().filter(|call| call.answered.is_none_or(|at| at > start)) {
        if call.invoked >= start { part.shown.push(*call) } else { part.set_free(call) }
    }
    part
}

/// The same without calls that it does not need: first many at once, then each by itself, until the
/// search has no more to spend.
fn fewest(mut part: Chosen, mut impossible: impl FnMut(&[Call]) -> Option<bool>) -> Chosen {
    let mut size = part.shown.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < part.shown.len() {
            let mut fewer = part.clone();
            let end = part.shown.len().min(at + size);
            let left_out: Vec<Call> = fewer.shown.drain(at..end).collect();
            left_out.iter().for_each(|call| fewer.set_free(call));
            match impossible(&fewer.all()) {
                Some(true) => part = fewer,
                Some(false) => at = end,
                None => return part,
            }
        }
        size /= 2;
    }
    part
}
