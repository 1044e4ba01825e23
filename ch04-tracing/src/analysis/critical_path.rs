//! The critical path: the work that a request waited for. If some of it were faster, the request would
//! be over earlier; all other work can be slower for a while, and nobody notices.
//!
//! Parents do not say who waited for whom: a process may start three calls and go on after two answers.
//! So each process records what it waited for, as *join edges*: what had to be over before this work
//! began, and what had to be over before it ended. Where nothing is recorded, the rule of thumb is
//! used.
//!
//! All that is added and subtracted here are durations, each by one clock. So the clocks need not
//! agree.
//!
//! # Left out
//!
//! Several waits of which each alone would have been enough. Work that the request waited for because
//! it had to wait for a processor or a lock.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Tree;
use super::clocks::is_answered;
use crate::types::{Link, Span, SpanId, TraceId, Value};

/// The attribute with the span that had to be over before this one began.
pub const BEGAN_AFTER: &str = "wait.begin";
/// The attribute with the span that had to be over before this one ended.
pub const ENDED_AFTER: &str = "wait.end";

/// How a span is named by others.
#[must_use]
pub fn name(span: &Span) -> Link {
    Link { trace: span.trace, span: span.id }
}

/// The value of a join edge: the two ids of the span that was waited for.
#[must_use]
pub fn edge(to: Link) -> Value {
    Value::Text(format!("{}-{}", to.trace, to.span))
}

/// The span that this one waited for. What cannot be read is no edge: it came from outside.
#[must_use]
pub fn waited(span: &Span, key: &str) -> Option<Link> {
    let text = span.attributes.iter().find_map(|(name, value)| match value {
        Value::Text(text) if name == key => Some(text.as_str()),
        _ => None,
    })?;
    let (trace, span) = text.split_once('-')?;
    let is_hex = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hex(trace, 32) || !is_hex(span, 16) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok()?;
    let span = u64::from_str_radix(span, 16).ok()?;
    Some(Link { trace: TraceId(trace), span: SpanId(span) })
}

/// A span on the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its place.
    pub span: usize,
    /// The place of the span that waited for it; none for the request itself.
    pub within: Option<usize>,
    /// How much of its time it waited for nothing else on the path, in ns. Of a call, that is the way
    /// there and back.
    pub own: u64,
}

/// What the request at `root` waited for, from recorded join edges; by the rule of thumb inside of
/// processes that record none.
#[must_use]
pub fn recorded(tree: &Tree<'_>, root: usize) -> Vec<Step> {
    let recording = recording(tree);
    walk(tree, root, |span| match recording.contains(tree.spans[span].service.as_str()) {
        true => joined(tree, span),
        false => answered(tree, span).unwrap_or_else(|| last_finishing(tree, span)),
    })
}

/// A call with both sides is a join edge by itself: the caller waited for the answer, whatever the
/// clocks say.
fn answered(tree: &Tree<'_>, call: usize) -> Option<Vec<(usize, u64)>> {
    let spans = tree.spans;
    let answers = tree.caused[call].iter().filter(|a| is_answered(&spans[call], &spans[**a]));
    let last = answers.max_by_key(|answer| (spans[**answer].end, **answer))?;
    Some(vec![(*last, took(&spans[*last]))])
}

/// The same by the rule of thumb alone.
#[must_use]
pub fn guessed(tree: &Tree<'_>, root: usize) -> Vec<Step> {
    walk(tree, root, |span| last_finishing(tree, span))
}

/// A span is looked at so often, in the mean; then the path is cut short.
const LOOKS: usize = 16;

/// `waits` says what a span waited for, and how long each of that took. Each step comes after the one
/// that waited for it.
fn walk(tree: &Tree<'_>, root: usize, waits: impl Fn(usize) -> Vec<(usize, u64)>) -> Vec<Step> {
    let mut seen = BTreeSet::from([root]);
    let mut open = vec![(root, None)];
    let mut path = Vec::new();
    // Nor do waits that really were share most of their spans, as those of a forged trace can.
    let mut left = LOOKS * tree.spans.len();
    while let Some((span, within)) = open.pop() {
        let mut own = took(&tree.spans[span]);
        let inner = if left > 0 { waits(span) } else { Vec::new() };
        left = left.saturating_sub(inner.len());
        for (inner, took) in inner {
            // Spans from outside may wait for each other in a circle.
            if seen.insert(inner) {
                own = own.saturating_sub(took);
                open.push((inner, Some(span)));
            }
        }
        path.push(Step { span, within, own });
    }
    path
}

// ANCHOR: joined
/// From its end back to its begin: what was over last, then what had to be over before that began.
fn joined(tree: &Tree<'_>, outer: usize) -> Vec<(usize, u64)> {
    let (mut waits, mut seen) = (Vec::new(), BTreeSet::from([outer]));
    let mut next = waited(&tree.spans[outer], ENDED_AFTER).and_then(|name| tree.find(name));
    while let Some(inner) = next.filter(|inner| seen.insert(*inner)) {
        waits.push((inner, took(&tree.spans[inner])));
        next = match waited(&tree.spans[inner], BEGAN_AFTER) {
            Some(name) => tree.find(name),
            None => sender(tree, inner, outer),
        };
    }
    waits
}
// ANCHOR_END: joined

/// Work that `outer` did not begin itself came by a message: who sent it, in the trace of `outer`.
fn sender(tree: &Tree<'_>, inner: usize, outer: usize) -> Option<usize> {
    let links = tree.spans[inner].links.iter().filter_map(|link| tree.find(*link));
    let causes: Vec<_> = tree.parents[inner].into_iter().chain(links).collect();
    let trace = tree.spans[outer].trace;
    let mut senders = causes.iter().copied().filter(|cause| tree.spans[*cause].trace == trace);
    if causes.contains(&outer) { None } else { senders.next() }
}

/// The processes that record what they wait for.
fn recording<'a>(tree: &Tree<'a>) -> BTreeSet<&'a str> {
    let records = |span: &&Span| {
        let mut keys = span.attributes.iter().map(|(key, _)| key.as_str());
        keys.any(|key| key == BEGAN_AFTER || key == ENDED_AFTER)
    };
    tree.spans.iter().filter(records).map(|span| span.service.as_str()).collect()
}

fn took(span: &Span) -> u64 {
    span.end.saturating_sub(span.start)
}

// ANCHOR: rule
/// The rule of thumb: a span waited for its child that ended last; before that, for the one that ended
/// last before that one began; and so on.
fn last_finishing(tree: &Tree<'_>, outer: usize) -> Vec<(usize, u64)> {
    let (spans, parent) = (tree.spans, &tree.spans[outer]);
    let inside = |child: &usize| (parent.start..parent.end).contains(&spans[*child].start);
    let mut children: Vec<usize> = tree.caused[outer].iter().copied().filter(inside).collect();
    children.sort_by_key(|child| Reverse((spans[*child].end, *child)));
    let mut until = u64::MAX;
    children.retain(|child| {
        let is_over = spans[*child].end <= until;
        until = if is_over { spans[*child].start } else { until };
        is_over
    });
    // What a child does after the end of its parent does not count.
    let within = |child: usize| spans[child].end.min(parent.end).saturating_sub(spans[child].start);
    children.into_iter().map(|child| (child, within(child))).collect()
}
// ANCHOR_END: rule
