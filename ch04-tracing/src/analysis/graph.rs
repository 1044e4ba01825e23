//! The service graph: who calls whom, and how often.
//!
//! A call has two sides, and each makes a span. If both arrive, they are one call. If one of them is
//! lost, the other one still says that there was a call, and often to whom: a database makes no spans,
//! and is in the graph all the same, as a *virtual* node.
//!
//! # Left out
//!
//! How long calls take. Callers outside, which send no context.

use std::collections::BTreeMap;

use super::Tree;
use crate::types::{Kind, Span, Status, TraceId, Value};

/// Attributes in which one side of a call names the other.
const PEER: [&str; 3] = ["peer", "peer.service", "server.address"];

/// One end of an edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Node<'a> {
    /// A process by its name, whether it made spans or was only named by others.
    Named(&'a str),
    /// A process that made no span, and that nobody named.
    Unknown,
}

/// Calls from one process to another, each with the weight of its trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Edge {
    /// All of them.
    pub calls: u64,
    /// Those of which only one side arrived.
    pub one_sided: u64,
    /// Those that failed, as far as one of both sides says so.
    pub failed: u64,
}

/// All edges; `weight` says how many traces one stands for.
#[must_use]
pub fn graph<'a>(
    tree: &Tree<'a>,
    weight: impl Fn(TraceId) -> u64,
) -> BTreeMap<(Node<'a>, Node<'a>), Edge> {
    let mut edges: BTreeMap<_, Edge> = BTreeMap::new();
    for (place, span) in tree.spans.iter().enumerate() {
        let Some(Call { from, to, failed, is_one_sided }) = call(tree, place, span) else {
            continue;
        };
        let (edge, weight) = (edges.entry((from, to)).or_default(), weight(span.trace));
        edge.calls += weight;
        edge.one_sided += weight * u64::from(is_one_sided);
        edge.failed += weight * u64::from(failed);
    }
    edges
}

struct Call<'a> {
    from: Node<'a>,
    to: Node<'a>,
    failed: bool,
    is_one_sided: bool,
}

// ANCHOR: call
/// The call that this span is counted for. A call with both sides is counted once: for the side that
/// was called.
fn call<'a>(tree: &Tree<'a>, place: usize, span: &'a Span) -> Option<Call<'a>> {
    let (own, failed) = (Node::Named(&span.service), is_failed(span));
    let one_sided = |from, to| Some(Call { from, to, failed, is_one_sided: true });
    match (tree.parents[place], span.kind) {
        (_, Kind::Client | Kind::Producer) if is_answered_by_none(tree, place) => {
            one_sided(own, peer(span))
        }
        (Some(caller), _) if is_call(&tree.spans[caller], span) => {
            let caller = &tree.spans[caller];
            let (from, failed) = (Node::Named(&caller.service), failed || is_failed(caller));
            Some(Call { from, to: own, failed, is_one_sided: false })
        }
        // Its caller has an id, and that is all that arrived of it.
        (None, Kind::Server | Kind::Consumer) if span.parent.is_some() => {
            one_sided(peer(span), own)
        }
        _ => None,
    }
}
// ANCHOR_END: call

fn is_answered_by_none(tree: &Tree<'_>, place: usize) -> bool {
    let answers = |child: &usize| {
        tree.parents[*child] == Some(place) && is_call(&tree.spans[place], &tree.spans[*child])
    };
    !tree.caused[place].iter().any(answers)
}

/// A process may call itself, and its two sides say so.
fn is_call(caller: &Span, called: &Span) -> bool {
    let sides = (caller.kind, called.kind);
    let are_two = matches!(sides, (Kind::Client, Kind::Server) | (Kind::Producer, Kind::Consumer));
    caller.service != called.service || are_two
}

fn is_failed(span: &Span) -> bool {
    matches!(span.status, Status::Error(_))
}

fn peer(span: &Span) -> Node<'_> {
    let named = span.attributes.iter().find_map(|(key, value)| match value {
        Value::Text(name) if PEER.contains(&key.as_str()) && !name.is_empty() => Some(name),
        _ => None,
    });
    named.map_or(Node::Unknown, |name| Node::Named(name))
}
