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
use std::fmt;

use thiserror::Error;

use super::Tree;
use crate::types::{Kind, Span, Status, Value};

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

/// Whose clock it is. A service may run as several processes on several machines, so its name alone does not
/// say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Clock<'a> {
    /// The service.
    pub service: &'a str,
    /// Which of its processes, or on which machine, if its spans say so.
    pub instance: Option<&'a str>,
}

/// Attributes that tell processes of a service apart; the first one that a span has counts.
const INSTANCE: [&str; 2] = ["service.instance.id", "host.name"];

impl<'a> Clock<'a> {
    /// By which a span was timed.
    #[must_use]
    pub fn of(span: &'a Span) -> Self {
        let named = |key: &str| {
            span.attributes.iter().find_map(|(name, value)| match value {
                Value::Text(text) if name == key && !text.is_empty() => Some(text.as_str()),
                _ => None,
            })
        };
        Self { service: &span.service, instance: INSTANCE.into_iter().find_map(named) }
    }
}

/// The only process of a service.
impl<'a> From<&'a str> for Clock<'a> {
    fn from(service: &'a str) -> Self {
        Self { service, instance: None }
    }
}

impl fmt::Display for Clock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.service)?;
        self.instance.map_or(Ok(()), |instance| write!(f, " {instance}"))
    }
}

/// What calls say about the clocks of the processes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clocks<'a> {
    /// The correction of the first clock is at most so much more than that of the second.
    most: BTreeMap<(Clock<'a>, Clock<'a>), i128>,
    all: BTreeSet<Clock<'a>>,
}

/// For each clock the sum of bounds on the best way to it; none where there is no way.
type Sums = Vec<Option<i128>>;

impl<'a> Clocks<'a> {
    /// From all calls among these spans.
    #[must_use]
    pub fn of(tree: &Tree<'a>) -> Self {
        let all = tree.spans.iter().map(Clock::of).collect();
        let mut clocks = Self { most: BTreeMap::new(), all };
        for (parent, child) in tree.calls() {
            clocks.learn(&tree.spans[parent], &tree.spans[child]);
        }
        clocks
    }

    // ANCHOR: bounds
    /// Whatever was caused began later. Only a call that was answered ended earlier, too: who puts a
    /// message into a queue does not wait, and who gave up did not wait long enough.
    fn learn(&mut self, cause: &'a Span, caused: &'a Span) {
        let (from, to) = (Clock::of(cause), Clock::of(caused));
        self.at_most(from, to, i128::from(caused.start) - i128::from(cause.start));
        if is_answered(cause, caused) {
            self.at_most(to, from, i128::from(cause.end) - i128::from(caused.end));
        }
    }

    /// The narrowest bound holds.
    fn at_most(&mut self, of: Clock<'a>, over: Clock<'a>, bound: i128) {
        let most = self.most.entry((of, over)).or_insert(bound);
        *most = bound.min(*most);
    }
    // ANCHOR_END: bounds

    /// What has to be added to the times of each clock to get those of `reference`. Bounds of several
    /// pairs add up, so processes that never call each other have an interval too.
    ///
    /// # Errors
    /// If no offsets fit all calls.
    pub fn relative_to(
        &self,
        reference: Clock<'_>,
    ) -> Result<BTreeMap<Clock<'a>, Interval>, Contradiction> {
        let all: Vec<Clock<'_>> = self.all.iter().copied().collect();
        let place = |clock: &Clock<'_>| all.binary_search(clock).ok();
        let bounds = self.most.iter();
        let bounds =
            bounds.filter_map(|((of, over), bound)| Some((place(over)?, place(of)?, *bound)));
        let over: Vec<_> = bounds.collect();
        let under: Vec<_> = over.iter().map(|(over, of, bound)| (*of, *over, *bound)).collect();
        let mut from = vec![None; all.len()];
        if let Some(place) = place(&reference) {
            from[place] = Some(0);
        }
        let (high, low) = (shortest(from.clone(), &over)?, shortest(from, &under)?);
        let intervals = high.into_iter().zip(low);
        let intervals = intervals.map(|(high, low)| Interval { low: low.map(|low| -low), high });
        Ok(all.into_iter().zip(intervals).collect())
    }
}

/// The sum of bounds on the best way to each clock (Bellman and Ford). A circle with a sum below zero is a
/// contradiction.
fn shortest(mut sums: Sums, bounds: &[(usize, usize, i128)]) -> Result<Sums, Contradiction> {
    for _ in 0..=sums.len() {
        let mut is_done = true;
        for &(a, b, bound) in bounds {
            let Some(sum) = sums[a].map(|sum| sum + bound) else { continue };
            if sums[b].is_none_or(|known| sum < known) {
                sums[b] = Some(sum);
                is_done = false;
            }
        }
        if is_done {
            return Ok(sums);
        }
    }
    Err(Contradiction)
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
            if Clock::of(parent) == Clock::of(child) { by } else { centre(parent, by, child) }
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
