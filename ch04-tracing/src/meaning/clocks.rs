//! How far clocks are apart: an interval, not a number.
//!
//! A call is answered after it was asked. So whatever the two clocks say, the server began after the
//! client did, and ended before the client did. Each call gives two bounds for the offset between the
//! two clocks, and of many calls the narrowest bounds hold. The true offset is always between them.
//! Where in between cannot be known: the way there and the way back need not take equally long.
//!
//! # Left out
//!
//! Drift. Clocks that were set while the spans were made show as a [`Contradiction`], and no offset is
//! given.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::Tree;
use crate::types::{Kind, Span, Status};

/// What has to be added to the times of one clock to get those of another, in ns: at least `low`, at
/// most `high`; none where nothing is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interval {
    /// At least this.
    pub low: Option<i128>,
    /// At most this.
    pub high: Option<i128>,
}

impl Interval {
    /// The offset to draw with: the middle, or the bound that is next to no correction at all.
    #[must_use]
    pub fn middle(self) -> i128 {
        match (self.low, self.high) {
            // One rule of rounding for all, so that no bound is passed by 1 ns.
            (Some(low), Some(high)) => (low + high).div_euclid(2),
            (low, high) => high.map_or(0, |high| high.min(0)).max(low.unwrap_or(i128::MIN)),
        }
    }

    /// How far apart the two bounds are.
    #[must_use]
    pub fn width(self) -> Option<i128> {
        Some(self.high? - self.low?)
    }

    /// Whether this offset may be the true one.
    #[must_use]
    pub fn contains(self, offset: i128) -> bool {
        self.low.is_none_or(|low| low <= offset) && self.high.is_none_or(|high| offset <= high)
    }
}

/// No offsets fit all calls: a clock was set meanwhile, or a span says what cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no offsets of the clocks fit all calls; look at fewer spans, or at a shorter time")]
pub struct Contradiction;

/// What calls say about the clocks of the processes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clocks<'a> {
    /// The correction of the first process is at most so much more than that of the second.
    most: BTreeMap<(&'a str, &'a str), i128>,
    processes: BTreeSet<&'a str>,
}

impl<'a> Clocks<'a> {
    /// From all calls among these spans.
    #[must_use]
    pub fn of(tree: &Tree<'a>) -> Self {
        let processes = tree.spans.iter().map(|span| span.service.as_str()).collect();
        let mut clocks = Self { most: BTreeMap::new(), processes };
        for (parent, child) in tree.calls() {
            clocks.learn(&tree.spans[parent], &tree.spans[child]);
        }
        clocks
    }

    // ANCHOR: bounds
    /// Whatever was caused began later. Only a call that was answered ended earlier, too: who puts a
    /// message into a queue does not wait, and who gave up did not wait long enough.
    fn learn(&mut self, cause: &'a Span, caused: &'a Span) {
        let (from, to) = (cause.service.as_str(), caused.service.as_str());
        self.at_most(from, to, i128::from(caused.start) - i128::from(cause.start));
        if is_answered(cause, caused) {
            self.at_most(to, from, i128::from(cause.end) - i128::from(caused.end));
        }
    }

    /// The narrowest bound holds.
    fn at_most(&mut self, of: &'a str, over: &'a str, bound: i128) {
        let most = self.most.entry((of, over)).or_insert(bound);
        *most = bound.min(*most);
    }
    // ANCHOR_END: bounds

    /// What has to be added to the times of each process to get those of `reference`. Bounds of several
    /// pairs add up, so processes that never call each other have an interval too.
    ///
    /// # Errors
    /// If no offsets fit all calls.
    pub fn relative_to(
        &self,
        reference: &str,
    ) -> Result<BTreeMap<&'a str, Interval>, Contradiction> {
        let over = self.most.iter().map(|((of, over), bound)| (*over, *of, *bound)).collect();
        let under = self.most.iter().map(|((of, over), bound)| (*of, *over, *bound)).collect();
        let (high, low) = (self.shortest(reference, over)?, self.shortest(reference, under)?);
        let interval = |process: &&'a str| Interval {
            low: low.get(process).map(|bound| -bound),
            high: high.get(process).copied(),
        };
        Ok(self.processes.iter().map(|process| (*process, interval(process))).collect())
    }

    /// The sum of bounds on the best way from one process to each other one (Bellman and Ford). A
    /// circle with a sum below zero is a contradiction.
    fn shortest(
        &self,
        from: &str,
        bounds: Vec<(&'a str, &'a str, i128)>,
    ) -> Result<BTreeMap<&'a str, i128>, Contradiction> {
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        sums.extend(self.processes.get(from).map(|from| (*from, 0)));
        for _ in 0..=self.processes.len() {
            let mut is_done = true;
            for &(a, b, bound) in &bounds {
                let Some(sum) = sums.get(a).map(|sum| sum + bound) else { continue };
                if sums.get(b).is_none_or(|known| sum < *known) {
                    sums.insert(b, sum);
                    is_done = false;
                }
            }
            if is_done {
                return Ok(sums);
            }
        }
        Err(Contradiction)
    }
}

/// Whether the caller waited until the other one had answered.
#[must_use]
pub fn is_answered(cause: &Span, caused: &Span) -> bool {
    let is_call = (cause.kind, caused.kind) == (Kind::Client, Kind::Server);
    is_call && !matches!(cause.status, Status::Error(_))
}

/// Which of two events came first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The first one.
    Before,
    /// The second one.
    After,
    /// Their clocks do not say.
    Unknown,
}

// ANCHOR: order
/// The order of an event at `a` on one clock and an event at `b` on another; `offset` is what has to be
/// added to the second clock to get the first.
#[must_use]
pub fn order(a: u64, b: u64, offset: Interval) -> Order {
    let (a, b) = (i128::from(a), i128::from(b));
    if offset.low.is_some_and(|low| a < b + low) {
        Order::Before
    } else if offset.high.is_some_and(|high| b + high < a) {
        Order::After
    } else {
        Order::Unknown
    }
}
// ANCHOR_END: order

/// The rule of thumb: a child that is not inside its parent, and ran in another process, is moved to
/// the middle of it. Gives what is added to the times of each span.
#[must_use]
pub fn centred(tree: &Tree<'_>) -> Vec<i128> {
    let mut moved: Vec<Option<i128>> = vec![None; tree.spans.len()];
    let mut open: Vec<usize> = (0..moved.len()).filter(|i| tree.parents[*i].is_none()).collect();
    while let Some(place) = open.pop() {
        let parent = tree.parents[place].map(|parent| (parent, moved[parent].unwrap_or(0)));
        moved[place] = Some(parent.map_or(0, |(parent, by)| {
            let (parent, child) = (&tree.spans[parent], &tree.spans[place]);
            if parent.service == child.service { by } else { centre(parent, by, child) }
        }));
        // What has two causes is moved with its parent.
        let children = tree.caused[place].iter().copied();
        open.extend(children.filter(|child| tree.parents[*child] == Some(place)));
    }
    moved.into_iter().map(Option::unwrap_or_default).collect()
}

// ANCHOR: centre
/// How far a child is moved, if its parent is moved by so much.
fn centre(parent: &Span, by: i128, child: &Span) -> i128 {
    let [start, end] = [parent.start, parent.end].map(|time| i128::from(time) + by);
    let [from, to] = [child.start, child.end].map(i128::from);
    let room = (end - start) - (to - from);
    match room {
        _ if start <= from && to <= end => 0,
        0.. => start + room / 2 - from,
        // It is longer than its parent, so nobody waited for it.
        _ => (start - from).max(0),
    }
}
// ANCHOR_END: centre
